//! `basewise motifs scan`: where motifs occur in sequences.

use super::scan_args::{ScanSettings, codes};
use super::sequences::{SequenceArgs, Stretch};
use crate::failure::user;
use crate::printer::Printer;
use crate::run_dir::{check_output, not_the_input};
use crate::table::count;
use anyhow::Result;
use basewise_core::{Alphabet, Code, Strand, reverse_complement};
use basewise_motif::Motif;
use basewise_motif::scan::{Occurrence, Scanner, q_values};
use clap::Args;
use rayon::prelude::*;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise motifs scan quickstart/inputs/jaspar.meme quickstart/inputs/ctcf.fa --only MA0139.2 -o ctcf-sites.tsv
  $ basewise motifs scan quickstart/donor/run/filters/filters.meme quickstart/donor/data --split test --q-value 0.05 -o sites.bed

p-values are exact for scores in steps of --granularity, for any background of independent bases. q-values are those of
Benjamini and Hochberg (1995) for each motif, over all places that were tried on both strands.

Columns are those of FIMO's table: motif_id, motif_alt_id, sequence_name, start and stop (1-based, both included), strand,
score (bits), p-value, q-value, matched_sequence (as the motif reads it), by motif and then p-value. A file that ends in .bed
gets BED6: 0-based half-open places, and -10 log10 p, at most 1000, as score.")]
pub(crate) struct ScanArgs {
    /// Motif file: MEME, JASPAR or TRANSFAC
    motifs: PathBuf,
    #[command(flatten)]
    sequences: SequenceArgs,
    /// Table to write, .tsv or .bed; - is stdout [default: - ]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only motifs of these ids
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,
    #[command(flatten)]
    settings: ScanSettings,
    /// Of these, report places up to this q-value
    #[arg(long, value_name = "Q", conflicts_with = "no_q_value")]
    q_value: Option<f64>,
    /// Write places as they are found, by sequence, without q-values: only those of a batch of
    /// sequences are in memory
    #[arg(long)]
    no_q_value: bool,
}

/// Places that are held until their q-values are known, at most: by calculation 32 bytes each and their letters, and as much
/// again while a list grows; several GB.
const MOST_HELD: usize = 50_000_000;

pub(crate) fn run(args: &ScanArgs, printer: &Printer) -> Result<()> {
    if args.q_value.is_some_and(|q| !(q > 0.0 && q <= 1.0)) {
        return Err(user("expected --q-value above 0 and up to 1", None));
    }
    let motifs = super::chosen(super::read(&args.motifs)?, &args.only, &args.motifs)?;
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from("-"));
    check_output(&output, &["tsv", "bed"])?;
    for input in args.sequences.files().chain([args.motifs.as_path()]) {
        not_the_input(&output, input)?;
    }
    let options = args.settings.options(&motifs, &args.sequences)?;
    let mut scan = Scan {
        scanner: Scanner::new(&motifs, &options)?,
        motifs: &motifs,
        sequences: &args.sequences,
        is_bed: output.extension().is_some_and(|e| e.eq_ignore_ascii_case("bed")),
        read: 0,
        longest: 0,
        tried: vec![0; motifs.len()],
    };
    let written = if args.no_q_value {
        scan.stream(&output)?
    } else {
        let held = scan.hold()?;
        scan.write_held(&output, &held, args.q_value.unwrap_or(1.0))?
    };
    if let Some(motif) = motifs.iter().map(Motif::len).min().filter(|&shortest| shortest > scan.longest) {
        printer.warn(&format!(
            "the shortest motif has {motif} positions and the longest sequence {}: there is no place for any",
            scan.longest
        ));
    }
    printer.talk(&format!(
        "{} places of {} motifs in {} sequences with p <= {}{}",
        count(written),
        count(motifs.len()),
        count(scan.read),
        args.settings.p_value,
        args.q_value.map_or_else(String::new, |q| format!(" and q <= {q}"))
    ));
    Ok(())
}

struct Scan<'a> {
    scanner: Scanner,
    motifs: &'a [Motif],
    sequences: &'a SequenceArgs,
    is_bed: bool,
    read: usize,
    longest: usize,
    /// Places at which each motif was tried.
    tried: Vec<usize>,
}

/// A line of the output.
struct Line<'a> {
    motif: &'a Motif,
    sequence: &'a str,
    /// 0-based.
    start: u64,
    strand: Strand,
    score: f64,
    p_value: f64,
    q_value: Option<f64>,
    matched: &'a [u8],
}

/// What was found of one motif.
#[derive(Default)]
struct Held {
    places: Vec<Place>,
    /// The letters of each place in turn.
    matched: Vec<u8>,
}

struct Place {
    sequence: u32,
    strand: Strand,
    start: u64,
    score: f64,
    p_value: f64,
}

impl Scan<'_> {
    /// Scans all sequences; `each` gets what was found of each batch.
    fn visit(&mut self, each: &mut dyn FnMut(&Stretch, &Occurrence) -> Result<()>) -> Result<()> {
        let stranded = self.motifs.iter().any(|motif| motif.alphabet == Alphabet::Rna);
        let Self { scanner, sequences, read, longest, tried, .. } = self;
        sequences.visit(stranded, &mut |batch| {
            let encoded: Vec<Vec<Code>> =
                batch.par_iter().map(|stretch| codes(&stretch.letters, &stretch.name)).collect::<Result<_>>()?;
            *read += batch.len();
            for codes in &encoded {
                *longest = (*longest).max(codes.len());
                tried.iter_mut().enumerate().for_each(|(motif, n)| *n += scanner.places(motif, codes.len()));
            }
            let views: Vec<&[Code]> = encoded.iter().map(Vec::as_slice).collect();
            scanner.scan(&views).iter().try_for_each(|found| each(&batch[found.sequence], found))
        })
    }

    /// The letters at an occurrence, as the motif reads them.
    fn matched(stretch: &Stretch, found: &Occurrence, motif: &Motif) -> Vec<u8> {
        let letters = &stretch.letters[found.start..found.start + motif.len()];
        match found.strand {
            Strand::Forward => letters.to_vec(),
            Strand::Reverse => reverse_complement(letters, motif.alphabet),
        }
    }

    fn stream(&mut self, output: &Path) -> Result<usize> {
        let (motifs, is_bed) = (self.motifs, self.is_bed);
        let mut written = 0;
        write_lines(output, is_bed, |sink| {
            self.visit(&mut |stretch, found| {
                let motif = &motifs[found.motif];
                let (start, strand) = stretch.place(found.start, motif.len(), found.strand);
                let matched = Self::matched(stretch, found, motif);
                let line = Line {
                    motif,
                    sequence: &stretch.name,
                    start,
                    strand,
                    score: found.score,
                    p_value: found.p_value,
                    q_value: None,
                    matched: &matched,
                };
                written += 1;
                Ok(line.write(is_bed, sink)?)
            })
        })?;
        Ok(written)
    }

    fn hold(&mut self) -> Result<(Vec<String>, Vec<Held>)> {
        let motifs = self.motifs;
        let mut held: Vec<Held> = motifs.iter().map(|_| Held::default()).collect();
        let mut names: Vec<String> = Vec::new();
        let mut total = 0;
        self.visit(&mut |stretch, found| {
            total += 1;
            if total > MOST_HELD {
                return Err(user(
                    format!("expected at most {} places, whose q-values need all of them in memory", count(MOST_HELD)),
                    Some("choose a smaller --p-value, or --no-q-value"),
                ));
            }
            if names.last() != Some(&stretch.name) {
                names.push(stretch.name.clone());
            }
            let motif = &motifs[found.motif];
            let (start, strand) = stretch.place(found.start, motif.len(), found.strand);
            let own = &mut held[found.motif];
            let sequence = (names.len() - 1) as u32;
            own.places.push(Place { sequence, strand, start, score: found.score, p_value: found.p_value });
            own.matched.extend(Self::matched(stretch, found, motif));
            Ok(())
        })?;
        Ok((names, held))
    }

    fn write_held(&self, output: &Path, (names, held): &(Vec<String>, Vec<Held>), max_q: f64) -> Result<usize> {
        let mut written = 0;
        write_lines(output, self.is_bed, |sink| {
            for ((motif, held), &tried) in self.motifs.iter().zip(held).zip(&self.tried) {
                let p: Vec<f64> = held.places.iter().map(|place| place.p_value).collect();
                let q = q_values(&p, tried);
                let mut order: Vec<usize> = (0..p.len()).filter(|&i| q[i] <= max_q).collect();
                let places = &held.places;
                // Places of a motif come in the order of the sequences, which a stable sort keeps.
                order.sort_by(|&i, &j| places[j].score.total_cmp(&places[i].score));
                written += order.len();
                for i in order {
                    let Place { sequence, strand, start, score, p_value } = places[i];
                    let matched = &held.matched[i * motif.len()..(i + 1) * motif.len()];
                    let (sequence, q_value) = (names[sequence as usize].as_str(), Some(q[i]));
                    Line { motif, sequence, start, strand, score, p_value, q_value, matched }
                        .write(self.is_bed, sink)?;
                }
            }
            Ok(())
        })?;
        Ok(written)
    }
}

const HEADER: &str =
    "motif_id\tmotif_alt_id\tsequence_name\tstart\tstop\tstrand\tscore\tp-value\tq-value\tmatched_sequence\n";

/// Writes the header of a table and what `fill` writes; errors are those of `fill` where it has some.
fn write_lines(output: &Path, is_bed: bool, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let mut failure = None;
    let written = basewise_io::output::write_file(output, |sink| {
        if !is_bed {
            sink.write_all(HEADER.as_bytes())?;
        }
        fill(sink).map_err(|error| match error.downcast::<io::Error>() {
            Ok(error) => error,
            Err(error) => {
                failure = Some(error);
                io::Error::other("stopped")
            }
        })
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(written?),
    }
}

impl Line<'_> {
    fn write(&self, is_bed: bool, sink: &mut dyn Write) -> io::Result<()> {
        let Self { motif, sequence, start, strand, score, p_value, q_value, matched } = self;
        let end = start + motif.len() as u64;
        if is_bed {
            let level = (-10.0 * p_value.log10()).clamp(0.0, 1000.0).round();
            return writeln!(sink, "{sequence}\t{start}\t{end}\t{}\t{level}\t{}", motif.id, strand.symbol());
        }
        write!(sink, "{}\t{}\t{sequence}\t{}\t{end}\t{}\t", motif.id, motif.name, start + 1, strand.symbol())?;
        write!(sink, "{score:.2}\t{p_value:.3e}\t")?;
        if let Some(q) = q_value {
            write!(sink, "{q:.3e}")?;
        }
        sink.write_all(b"\t")?;
        sink.write_all(matched)?;
        sink.write_all(b"\n")
    }
}
