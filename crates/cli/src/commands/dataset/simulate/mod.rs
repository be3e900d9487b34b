//! `basewise dataset simulate`: sequences with planted motifs, and the truth beside them.

mod signal;

use super::tell;
use crate::commands::command_line;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use anyhow::Result;
use basewise_io::dataset::{Provenance, Source};
use basewise_motif::simulate::{Background, Logic, Plant, Planted, Position, SimulateSpec, StrandRule, simulate};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What makes a sequence positive.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogicArg {
    /// All motifs; negatives hold some of them, or nothing if there is one motif
    And,
    /// At least one; negatives hold none
    Or,
    /// An odd number of them; negatives hold an even number
    Xor,
    /// All of them from left to right as given; negatives hold all in another order
    Order,
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise dataset simulate --plant MA0139.2 --count 200 --length 100 -o simulated
  $ basewise dataset simulate --plant MA0139.2@centre --plant MA0079.5 --logic order --spacing 5..30 --count 200 -o ordered
  $ basewise dataset simulate --plant MA0139.2 --plant MA0079.5 --spacing 0..30 --signal 200 --length 300 --cooperation 12:4 --count 200 -o reads

--plant takes a motif's id, then perhaps where: @START, @START..END or @centre (0-based). DIR/truth.tsv says which
motif was planted where: example, motif, start, end (0-based, half-open), strand and the motif's letters. With --signal,
DIR/signal.npz holds the expected reads and those of a second experiment, and DIR/ceiling.json what either reaches as a
prediction of the labels.")]
pub(crate) struct SimulateArgs {
    /// Motif file: MEME, JASPAR or TRANSFAC [default: the built-in JASPAR CORE]
    #[arg(long, value_name = "FILE")]
    motifs: Option<PathBuf>,
    /// A motif to plant; once for each
    #[arg(long, required = true, value_name = "ID[@WHERE]")]
    plant: Vec<String>,
    #[arg(long, value_enum, default_value = "and")]
    logic: LogicArg,
    /// Fewest and most bases between neighbouring motifs
    #[arg(long, value_name = "MIN..MAX")]
    spacing: Option<String>,
    /// Motifs read on both strands, not only forward
    #[arg(long)]
    both_strands: bool,
    /// Sequences to make
    #[arg(long, default_value_t = 2000, value_name = "N")]
    count: usize,
    /// Bases in each
    #[arg(long, default_value_t = 200, value_name = "N")]
    length: usize,
    /// Share of positives
    #[arg(long, default_value_t = 0.5, value_name = "0..1")]
    positives: f64,
    /// Share of G and C in the background
    #[arg(long, default_value_t = 0.5, value_name = "0..1")]
    gc: f64,
    /// Share of the examples for validation
    #[arg(long, default_value_t = 0.1, value_name = "0..1")]
    valid: f64,
    /// Share of the examples for the test
    #[arg(long, default_value_t = 0.1, value_name = "0..1")]
    test: f64,
    #[command(flatten)]
    signal: signal::SignalArgs,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Data set directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Replace a data set that is there already
    #[arg(long)]
    overwrite: bool,
}

pub(crate) fn run(args: &SimulateArgs, printer: &Printer) -> Result<Outcome> {
    if args.valid < 0.0 || args.test < 0.0 || args.valid + args.test >= 1.0 {
        return Err(user("expected --valid and --test of at least 0 and together below 1", None));
    }
    let motifs = match &args.motifs {
        Some(path) => crate::commands::motifs::read(path)?,
        None => crate::embedded::jaspar()?,
    };
    let spec = SimulateSpec {
        examples: args.count,
        length: args.length,
        background: Background::Iid { gc: args.gc },
        plants: plants(args)?,
        logic: match args.logic {
            LogicArg::And => Logic::And,
            LogicArg::Or => Logic::Or,
            LogicArg::Xor => Logic::Xor,
            LogicArg::Order => Logic::Order,
        },
        spacing: args.spacing.as_deref().map(|text| range(text, "--spacing")).transpose()?,
        positive_fraction: args.positives,
        splits: [1.0 - args.valid - args.test, args.valid, args.test],
        signal: args.signal.spec(args.plant.len())?,
        seed: args.seed,
    };
    let simulated = simulate(&spec, &motifs)?;
    let mut provenance = Provenance::new("simulated", args.seed, &command_line());
    provenance.sources = args.motifs.iter().map(|path| Source::of(path)).collect::<basewise_io::Result<_>>()?;
    provenance.notes.insert("simulation".to_owned(), serde_json::to_value(&spec)?);
    let truth = truth(&simulated.truth);
    let mut extra = vec![("truth.tsv", truth.into_bytes())];
    let mut reached = None;
    if let Some(signal) = &simulated.signal {
        extra.push(("signal.npz", signal::arrays(&simulated.dataset, signal)?));
        if let Some(ceiling) = signal::Ceiling::of(&simulated.dataset, signal, args.seed) {
            extra.push(("ceiling.json", serde_json::to_vec_pretty(&ceiling)?));
            reached = ceiling.text();
        }
    }
    let files: Vec<(&str, &[u8])> = extra.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    basewise_io::dataset::save(&args.output, &simulated.dataset, &provenance, &files, args.overwrite)?;
    tell(&simulated.dataset, &args.output, printer);
    printer.talk(&format!("what was planted where is in {}", args.output.join("truth.tsv").display()));
    reached.iter().for_each(|text| printer.talk(text));
    Ok(Outcome::Done)
}

/// The motifs with their places; where reads are labels, inside of their window unless told otherwise.
fn plants(args: &SimulateArgs) -> Result<Vec<Plant>> {
    let inside = args.signal.output_window().filter(|&bases| bases <= args.length).map(|bases| {
        let start = (args.length - bases) / 2;
        Position::Uniform { start, end: start + bases }
    });
    let place = |text: &String| {
        let plant = plant(text, args.both_strands)?;
        Ok(match (plant.position, inside) {
            (Position::Anywhere, Some(position)) => Plant { position, ..plant },
            _ => plant,
        })
    };
    args.plant.iter().map(place).collect()
}

/// `ID`, `ID@12`, `ID@10..60` or `ID@centre`.
fn plant(text: &str, both: bool) -> Result<Plant> {
    let (motif, place) = text.rsplit_once('@').unwrap_or((text, ""));
    let position = match place {
        "" => Position::Anywhere,
        "centre" | "center" => Position::Centred,
        range_text if range_text.contains("..") => {
            let (start, end) = range(range_text, "the place of --plant")?;
            Position::Uniform { start, end }
        }
        start => Position::Fixed {
            start: start.parse().map_err(|_| {
                user(format!("expected @START, @START..END or @centre after a motif, found {text:?}"), None)
            })?,
        },
    };
    Ok(Plant { motif: motif.to_owned(), position, strand: if both { StrandRule::Both } else { StrandRule::Forward } })
}

fn range(text: &str, what: &str) -> Result<(usize, usize)> {
    let ends = text.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    ends.filter(|(a, b)| a <= b).ok_or_else(|| user(format!("expected MIN..MAX as {what}, found {text:?}"), None))
}

/// The letters are those of the motif's own strand.
fn truth(planted: &[Planted]) -> String {
    let mut out = String::from("example\tmotif\tstart\tend\tstrand\tsequence\n");
    for p in planted {
        let letters = match p.strand {
            basewise_core::Strand::Forward => p.sequence.clone(),
            basewise_core::Strand::Reverse => {
                let letters = basewise_core::reverse_complement(p.sequence.as_bytes(), basewise_core::Alphabet::Dna);
                String::from_utf8_lossy(&letters).into_owned()
            }
        };
        out += &format!("{}\t{}\t{}\t{}\t{}\t{letters}\n", p.example, p.motif, p.start, p.end, p.strand.symbol());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plants_and_ranges_are_read() {
        assert_eq!(plant("MA1", false).unwrap().position, Position::Anywhere);
        assert_eq!(plant("MA1@7", false).unwrap().position, Position::Fixed { start: 7 });
        assert_eq!(plant("MA1@7..9", true).unwrap().position, Position::Uniform { start: 7, end: 9 });
        assert_eq!(plant("MA1@centre", true).unwrap().strand, StrandRule::Both);
        assert!(plant("MA1@x", false).is_err() && range("9..7", "x").is_err());
    }
}
