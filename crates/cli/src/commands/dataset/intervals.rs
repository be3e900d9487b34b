//! `basewise dataset intervals`: places on a genome become a data set.

use super::{save, split_policy};
use crate::commands::command_line;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::shared_args::EncodingArgs;
use anyhow::Result;
use basewise_io::build::{IntervalsSpec, Negatives, OutOfBounds, PeakFile, SplitPolicy, WindowPolicy};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// What to do with a window beyond the end of its chromosome.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum OutOfBoundsArg {
    /// Stop and name it
    Error,
    /// Leave it out and count it
    Skip,
    /// Fill with N
    Pad,
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ printf '>chr1\\nACGTTGCAAGCTTACGGATCCAATGCCGTA\\n' > tiny.fa && printf 'chr1\\t5\\t15\\nchr1\\t12\\t22\\n' > tiny.bed
  $ basewise dataset intervals tiny.bed --genome tiny.fa --window 8 --negatives shuffle --valid 0 --test 0 -o tiny

BED and narrowPeak are 0-based and half-open. A narrowPeak window is centred on the summit, any other on the middle;
`--window as-is` takes each interval as it is. A record on the minus strand is read as its reverse complement.
Several files make several tasks. The index GENOME.fa.fai is made if it is missing.")]
pub(crate) struct IntervalsArgs {
    /// BED3 to BED12, narrowPeak or broadPeak; NAME=FILE names the task
    #[arg(required = true)]
    peaks: Vec<String>,
    /// Genome FASTA, plain or bgzip
    #[arg(short, long, value_name = "FASTA")]
    genome: PathBuf,
    /// Positions of each window, or as-is
    #[arg(short, long, value_name = "N|as-is")]
    window: String,
    /// Bases kept beyond the window on each side, from which training shifts it
    #[arg(long, default_value_t = 0, value_name = "N")]
    jitter: usize,
    /// shuffle, background (GC-matched windows of the genome), none, or a FASTA or BED file
    #[arg(long, default_value = "background", value_name = "KIND|FILE")]
    negatives: String,
    /// Negatives for each peak
    #[arg(long, default_value_t = 1, value_name = "N")]
    per_positive: usize,
    /// BED of places that background windows avoid, besides the peaks
    #[arg(long, value_name = "BED")]
    blacklist: Option<PathBuf>,
    /// Background windows may come from any chromosome, not only from the peak's own
    #[arg(long)]
    any_chromosome: bool,
    /// How far the GC share of a background window may be from its peak's
    #[arg(long, default_value_t = 0.02, value_name = "0..1")]
    gc_tolerance: f64,
    /// Chromosomes for validation
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    valid_chroms: Vec<String>,
    /// Chromosomes for the test
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    test_chroms: Vec<String>,
    /// random, if not by chromosome
    #[arg(long, value_name = "POLICY")]
    split: Option<String>,
    /// Share of the examples for validation, with a random split
    #[arg(long, value_name = "0..1")]
    valid: Option<f64>,
    /// Share of the examples for the test, with a random split
    #[arg(long, value_name = "0..1")]
    test: Option<f64>,
    #[command(flatten)]
    encoding: EncodingArgs,
    /// Read everything forward, whatever the strand column says
    #[arg(long)]
    unstranded: bool,
    /// What to do with a window beyond the end of its chromosome
    #[arg(long, value_enum, default_value = "error")]
    out_of_bounds: OutOfBoundsArg,
    /// Leave out windows with a larger share of N
    #[arg(long, default_value_t = 1.0, value_name = "0..1")]
    max_unknown: f64,
    /// With several files: windows that share this part of the shorter one are one window with several labels
    #[arg(long, default_value_t = 0.5, value_name = "0..1")]
    min_overlap: f64,
    /// Seed of shuffles, background and random splits
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Data set directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Replace a data set that is there already
    #[arg(long)]
    overwrite: bool,
}

pub(crate) fn run(args: &IntervalsArgs, printer: &Printer) -> Result<Outcome> {
    let built = basewise_io::build::intervals(&IntervalsSpec {
        genome: args.genome.clone(),
        peaks: args.peaks.iter().map(|text| peak_file(text)).collect(),
        window: window(&args.window)?,
        jitter: args.jitter,
        encoding: args.encoding.encoding(),
        stranded: !args.unstranded,
        out_of_bounds: match args.out_of_bounds {
            OutOfBoundsArg::Error => OutOfBounds::Error,
            OutOfBoundsArg::Skip => OutOfBounds::Skip,
            OutOfBoundsArg::Pad => OutOfBounds::Pad,
        },
        min_overlap: args.min_overlap,
        max_unknown: args.max_unknown,
        negatives: negatives(args)?,
        split: split(args)?,
        seed: args.seed,
        command: command_line(),
    })?;
    save(&built, &args.output, args.overwrite, printer)?;
    Ok(Outcome::Done)
}

/// `NAME=FILE`, or a file that gives its own name to the task.
fn peak_file(text: &str) -> PeakFile {
    if let Some((name, file)) = text.split_once('=')
        && !name.contains(['/', '\\', '.'])
    {
        return PeakFile { task: name.to_owned(), path: file.into() };
    }
    let file = Path::new(text).file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let task = file.split('.').next().unwrap_or_default();
    PeakFile { task: if task.is_empty() { "peaks".to_owned() } else { task.to_owned() }, path: text.into() }
}

fn window(text: &str) -> Result<WindowPolicy> {
    match (text, text.parse()) {
        ("as-is", _) => Ok(WindowPolicy::AsIs),
        (_, Ok(n)) if n > 0 => Ok(WindowPolicy::Centred(n)),
        _ => Err(user(format!("expected a number of bases or as-is as --window, found {text:?}"), None)),
    }
}

fn negatives(args: &IntervalsArgs) -> Result<Negatives> {
    if args.per_positive == 0 {
        return Err(user(
            "expected --per-positive of at least 1, found 0",
            Some("--negatives none makes no negatives"),
        ));
    }
    Ok(match args.negatives.as_str() {
        "none" => Negatives::None,
        "shuffle" => Negatives::Shuffle { per_positive: args.per_positive },
        "background" => Negatives::Background {
            per_positive: args.per_positive,
            blacklist: args.blacklist.clone(),
            same_chromosome: !args.any_chromosome,
            gc_tolerance: args.gc_tolerance,
        },
        file => Negatives::File(file.into()),
    })
}

fn split(args: &IntervalsArgs) -> Result<Option<SplitPolicy>> {
    let chromosomes = !args.valid_chroms.is_empty() || !args.test_chroms.is_empty();
    if chromosomes && (args.split.is_some() || args.valid.is_some() || args.test.is_some()) {
        return Err(user("expected a split by chromosome or at random, found flags of both", None));
    }
    if let Some(other) = args.split.as_deref().filter(|&s| s != "random") {
        return Err(user(
            format!("expected random as --split, found {other:?}"),
            Some("name chromosomes with --valid-chroms and --test-chroms"),
        ));
    }
    if chromosomes {
        return Ok(Some(SplitPolicy::Chromosome { valid: args.valid_chroms.clone(), test: args.test_chroms.clone() }));
    }
    split_policy(args.split.as_deref(), None, args.valid, args.test)
}
