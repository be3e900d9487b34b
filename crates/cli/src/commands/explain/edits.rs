//! `basewise explain edits`: what windows, deletions, insertions and motifs put in or taken out do to a prediction.

use super::spacing::{find, known};
use super::watch::WatchArgs;
use super::{Select, choose};
use crate::commands::evaluate::batch_of_rows;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, check_output, write_text};
use crate::shared_args::SplitArg;
use crate::table::count;
use anyhow::Result;
use basewise_core::perturb::{Fill, Plain, deletions, insertions, knock_in, knock_out, windows};
use basewise_core::{Alphabet, Code, Predict, SequenceBatch};
use clap::{Args, ValueEnum};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise explain edits quickstart/donor/run --edits windows:5 --limit 5
  $ basewise explain edits quickstart/donor/run --edits deletions:1 --region 40-60 --limit 5
  $ basewise explain edits quickstart/donor/run --edits knock-in:GTAAG --limit 5 -o knock-in.tsv

KIND is one of
  windows:WIDTH     the bases of each window are replaced (--fill)
  deletions:WIDTH   so many bases are deleted; what lies right moves left, N comes in at the end
  insertions:BASES  these are inserted before a position; what lies right moves right
  knock-in:MOTIF    a motif, by its id or as bases, is written over what is there
  knock-out:MOTIF   each place of the motif, on either strand of DNA, is replaced (--fill, --mismatches)
A row is one edit of one example: its stretch of the window (0-based, the end not among it) and the score of the copy minus
that of the example as it is.")]
pub(crate) struct EditsArgs {
    /// Run directory
    run: PathBuf,
    /// Another data set than the one it was trained on
    data: Option<PathBuf>,
    /// What is tried
    #[arg(long, value_name = "KIND")]
    edits: Kind,
    /// Positions between two windows
    #[arg(long, default_value_t = 1, value_name = "N")]
    step: usize,
    /// What stands in a window or in the place of a motif: unknown bases, or its own in another order
    #[arg(long, value_enum, default_value = "shuffled")]
    fill: FillArg,
    /// Orders whose mean counts, with --fill shuffled
    #[arg(long, default_value_t = 10, value_name = "N")]
    times: usize,
    /// Bases of a motif's place that may differ from it
    #[arg(long, default_value_t = 0, value_name = "N")]
    mismatches: usize,
    /// Motif file: MEME, JASPAR or TRANSFAC [default: the built-in JASPAR CORE]
    #[arg(long, value_name = "FILE")]
    motifs: Option<PathBuf>,
    /// Which examples are edited
    #[arg(long, value_enum, default_value = "test")]
    split: SplitArg,
    /// At most this many examples
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    /// Which of them come first
    #[arg(long, value_enum, default_value = "top")]
    select: Select,
    /// The output to watch, as a raw score: a task, task:class, or a number [default: the first]
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    #[command(flatten)]
    watch: WatchArgs,
    /// Seed of the orders
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Table to write, or - for stdout
    #[arg(short, long, default_value = "-", value_name = "FILE.tsv")]
    output: PathBuf,
}

/// What takes the place of bases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FillArg {
    /// N
    Unknown,
    /// The same bases in another order
    Shuffled,
}

/// Kinds of edits, as they are spelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Windows(usize),
    Deletions(usize),
    Insertions(String),
    KnockIn(String),
    KnockOut(String),
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected windows:WIDTH, deletions:WIDTH, insertions:BASES, knock-in:MOTIF or knock-out:MOTIF";
        let (kind, what) = text.split_once(':').ok_or(expected)?;
        let width = || match what.parse() {
            Ok(width) if width > 0 => Ok(width),
            _ => Err(format!("expected a width of at least 1 after {kind}:, found {what:?}")),
        };
        match kind {
            "windows" => width().map(Self::Windows),
            "deletions" => width().map(Self::Deletions),
            "insertions" => Ok(Self::Insertions(what.to_owned())),
            "knock-in" => Ok(Self::KnockIn(what.to_owned())),
            "knock-out" => Ok(Self::KnockOut(what.to_owned())),
            _ => Err(expected.to_owned()),
        }
    }
}

/// A stretch that was edited, and the effect.
type Effect = (Range<usize>, f32);

pub(super) fn run(args: &EditsArgs, printer: &Printer) -> Result<Outcome> {
    if args.limit == 0 || args.times == 0 || args.step == 0 {
        return Err(user("expected --limit, --times and --step of at least 1, found 0", None));
    }
    check_output(&args.output, &["tsv"])?;
    let run = RunDir::open(&args.run)?;
    let models = run.model()?;
    let (dataset, _, path) = run.dataset(args.data.as_deref())?;
    let (watched, name) = args.watch.watched(models.tasks(), args.target.as_deref())?;
    let region = args.watch.region(models.length())?;
    let rows = args.split.rows(&dataset, &path)?;
    let (rows, _) = choose((args.select, args.limit), &models, &dataset, rows, watched)?;
    let batch = batch_of_rows(&models, &dataset, rows.iter().copied())?;
    let plain = Plain(&models);
    let model: &dyn Predict = if args.watch.plain { &plain } else { &models };
    let bar = printer.bar(batch.len() as u64, "edits {bar:24} {pos}/{len} sequences, {eta} left");
    let mut tell = |done| bar.set_position(done as u64);
    let found = effects(args, model, &batch, (watched, region), &mut tell)?;
    bar.finish_and_clear();
    let mut table = String::from("id\tstart\tend\teffect\n");
    for (&row, effects) in rows.iter().zip(&found) {
        for (stretch, effect) in effects {
            let id = &dataset.examples[row].id;
            table += &format!("{id}\t{}\t{}\t{effect:.6}\n", stretch.start, stretch.end);
        }
    }
    let edits: usize = found.iter().map(Vec::len).sum();
    let wrote = write(&args.output, &table, printer)?;
    printer.talk(&format!("watched {name} under {} edits of {} examples{wrote}", count(edits), count(rows.len())));
    Ok(Outcome::Done)
}

/// Writes the table, and says where.
pub(super) fn write(output: &Path, table: &str, printer: &Printer) -> Result<String> {
    if output.as_os_str() == "-" {
        return printer.data(table).map(|()| String::new());
    }
    write_text(output, table)?;
    Ok(format!("; wrote {}", output.display()))
}

fn effects(
    args: &EditsArgs,
    model: &dyn Predict,
    batch: &SequenceBatch,
    (watched, region): (basewise_core::perturb::Watched, Range<usize>),
    tell: &mut dyn FnMut(usize),
) -> Result<Vec<Vec<Effect>>> {
    let fill = match args.fill {
        FillArg::Unknown => Fill::Unknown,
        FillArg::Shuffled => Fill::Shuffled { times: args.times, seed: args.seed },
    };
    let (start, step) = (region.start, if matches!(args.edits, Kind::Windows(_)) { args.step } else { 1 });
    let at = |width: usize| move |i: usize| start + i * step..start + i * step + width;
    let alphabet = model.encoding().alphabet;
    let codes = |motif: &str| -> Result<Vec<Code>> {
        let motif = find(&known(args.motifs.as_deref())?, motif, alphabet)?;
        let codes = model.encoding().encode(motif.sequence.as_bytes())?;
        if codes.len() > region.len() {
            let (found, room) = (codes.len(), region.len());
            return Err(user(
                format!("expected a motif of at most the {room} positions of the region, found {found}"),
                None,
            ));
        }
        Ok(codes)
    };
    match &args.edits {
        Kind::Windows(width) => {
            check_width(*width, &region)?;
            let found = windows(model, batch, watched, region, (*width, step), fill, tell)?;
            Ok(placed(found, at(*width)))
        }
        Kind::Deletions(width) => {
            check_width(*width, &region)?;
            Ok(placed(deletions(model, batch, watched, region, *width, tell)?, at(*width)))
        }
        Kind::Insertions(bases) => {
            let bases = find(&known(args.motifs.as_deref())?, bases, alphabet)?;
            let codes = model.encoding().encode(bases.sequence.as_bytes())?;
            Ok(placed(insertions(model, batch, watched, region, &codes, tell)?, at(0)))
        }
        Kind::KnockIn(motif) => {
            let codes = codes(motif)?;
            Ok(placed(knock_in(model, batch, watched, region, &codes, tell)?, at(codes.len())))
        }
        Kind::KnockOut(motif) => {
            let codes = codes(motif)?;
            let of_row = |i: usize| sites(batch.sequence(i), &codes, alphabet, args.mismatches, &region);
            let sites: Vec<Vec<Range<usize>>> = (0..batch.len()).map(of_row).collect();
            let found = knock_out(model, batch, watched, &sites, fill, tell)?;
            Ok(sites.into_iter().zip(found).map(|(sites, found)| sites.into_iter().zip(found).collect()).collect())
        }
    }
}

fn check_width(width: usize, region: &Range<usize>) -> Result<()> {
    if width <= region.len() {
        return Ok(());
    }
    let message = format!("expected a width of at most the {} positions of the region, found {width}", region.len());
    Err(user(message, None))
}

/// Effects with their stretches, which follow each other.
fn placed(found: Vec<Vec<f32>>, at: impl Fn(usize) -> Range<usize> + Copy) -> Vec<Vec<Effect>> {
    let of_row = |effects: Vec<f32>| effects.into_iter().enumerate().map(|(i, effect)| (at(i), effect)).collect();
    found.into_iter().map(of_row).collect()
}

/// Places of a motif within a region, on either strand of DNA, that differ from it in `mismatches` bases at most. An
/// unknown base of the motif agrees with all.
fn sites(
    sequence: &[Code],
    motif: &[Code],
    alphabet: Alphabet,
    mismatches: usize,
    region: &Range<usize>,
) -> Vec<Range<usize>> {
    let turned: Vec<Code> = motif.iter().rev().map(|code| code.complement()).collect();
    let is_at = |motif: &[Code], at: usize| {
        let own = sequence[at..].iter().zip(motif);
        own.filter(|(a, b)| b.base() < 4 && a.base() != b.base()).count() <= mismatches
    };
    let starts = region.start..(region.end + 1).saturating_sub(motif.len()).max(region.start);
    let found = starts.filter(|&at| is_at(motif, at) || alphabet == Alphabet::Dna && is_at(&turned, at));
    found.map(|at| at..at + motif.len()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::{CasePolicy, Encoding};

    #[test]
    fn kinds_are_read_and_others_are_refused() {
        assert_eq!("windows:5".parse(), Ok(Kind::Windows(5)));
        assert_eq!("knock-out:MA0139.2".parse(), Ok(Kind::KnockOut("MA0139.2".into())));
        assert_eq!("insertions:ACG".parse(), Ok(Kind::Insertions("ACG".into())));
        for (text, said) in
            [("windows", "expected windows:WIDTH"), ("deletions:0", "at least 1"), ("swap:3", "knock-in")]
        {
            assert!(text.parse::<Kind>().unwrap_err().contains(said), "{text}");
        }
    }

    #[test]
    fn places_of_a_motif_are_found_on_both_strands_of_dna() {
        let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
        let [sequence, motif] = [&b"AAGTCCGACTTAAGT"[..], b"AAGT"].map(|letters| encoding.encode(letters).unwrap());
        let found = |alphabet, mismatches, region| sites(&sequence, &motif, alphabet, mismatches, &region);
        // The reverse complement, ACTT, lies at 7.
        assert_eq!(found(Alphabet::Dna, 0, 0..15), [0..4, 7..11, 11..15]);
        assert_eq!(found(Alphabet::Rna, 0, 0..15), [0..4, 11..15]);
        assert_eq!(found(Alphabet::Dna, 0, 1..14), vec![7..11; 1]);
        assert_eq!(found(Alphabet::Dna, 4, 0..5), [0..4, 1..5]);
        assert!(found(Alphabet::Dna, 0, 0..3).is_empty());
    }

    #[test]
    fn an_unknown_base_of_a_motif_agrees_with_all() {
        let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
        let [sequence, motif] = [&b"AAGTCCGACTTACGT"[..], b"ARGT"].map(|letters| encoding.encode(letters).unwrap());
        assert_eq!(sites(&sequence, &motif, Alphabet::Dna, 0, &(0..15)), [0..4, 7..11, 11..15]);
        assert_eq!(sites(&sequence, &motif, Alphabet::Rna, 0, &(0..15)), [0..4, 11..15]);
    }
}
