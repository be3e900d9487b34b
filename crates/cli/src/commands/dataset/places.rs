//! Flags that all data sets from places on a genome share.

use super::split_policy;
use crate::commands::command_line;
use crate::failure::user;
use crate::shared_args::{ChromosomeArgs, EncodingArgs, SimilarityArgs};
use anyhow::Result;
use basewise_io::build::{BedColumns, IntervalsSpec, Negatives, OutOfBounds, PeakFile, SplitPolicy, WindowPolicy};
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

/// Which windows, which negatives, which splits.
#[derive(Args)]
pub(crate) struct PlacesArgs {
    /// Genome FASTA, plain or bgzip
    #[arg(short, long, value_name = "FASTA")]
    genome: PathBuf,
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
    #[command(flatten)]
    chromosomes: ChromosomeArgs,
    /// random (overlapping windows stay together) or similarity (relatives do too), if not by chromosome
    #[arg(long, value_name = "POLICY")]
    split: Option<String>,
    #[command(flatten)]
    similarity: SimilarityArgs,
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
    /// Seed of shuffles, background and random splits
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl PlacesArgs {
    /// The windows around these peaks.
    pub(crate) fn spec(&self, peaks: Vec<PeakFile>, window: WindowPolicy, min_overlap: f64) -> Result<IntervalsSpec> {
        Ok(IntervalsSpec {
            genome: self.genome.clone(),
            peaks,
            window,
            jitter: self.jitter,
            encoding: self.encoding.encoding(),
            stranded: !self.unstranded,
            out_of_bounds: match self.out_of_bounds {
                OutOfBoundsArg::Error => OutOfBounds::Error,
                OutOfBoundsArg::Skip => OutOfBounds::Skip,
                OutOfBoundsArg::Pad => OutOfBounds::Pad,
            },
            min_overlap,
            max_unknown: self.max_unknown,
            negatives: self.negatives()?,
            split: self.split()?,
            columns: BedColumns::default(),
            seed: self.seed,
            command: command_line(),
        })
    }

    fn negatives(&self) -> Result<Negatives> {
        if self.per_positive == 0 {
            return Err(user(
                "expected --per-positive of at least 1, found 0",
                Some("--negatives none makes no negatives"),
            ));
        }
        Ok(match self.negatives.as_str() {
            "none" => Negatives::None,
            "shuffle" => Negatives::Shuffle { per_positive: self.per_positive },
            "background" => Negatives::Background {
                per_positive: self.per_positive,
                blacklist: self.blacklist.clone(),
                same_chromosome: !self.any_chromosome,
                gc_tolerance: self.gc_tolerance,
            },
            file => Negatives::File(file.into()),
        })
    }

    fn split(&self) -> Result<Option<SplitPolicy>> {
        let chromosomes = self.chromosomes.policy();
        if chromosomes.is_some() && (self.split.is_some() || self.valid.is_some() || self.test.is_some()) {
            return Err(user("expected a split by chromosome or at random, found flags of both", None));
        }
        if let Some(other) = self.split.as_deref().filter(|s| !["random", "similarity"].contains(s)) {
            return Err(user(
                format!("expected random or similarity as --split, found {other:?}"),
                Some("name chromosomes with --valid-chroms and --test-chroms"),
            ));
        }
        if chromosomes.is_some() {
            self.similarity.refuse("--split similarity")?;
            return Ok(chromosomes);
        }
        split_policy(self.split.as_deref(), None, self.valid, self.test, &self.similarity)
    }
}

/// `NAME=FILE`, or a file that gives its own name.
pub(crate) fn named_file(text: &str, otherwise: &str) -> (String, PathBuf) {
    if let Some((name, file)) = text.split_once('=')
        && !name.contains(['/', '\\', '.'])
    {
        return (name.to_owned(), file.into());
    }
    let file = Path::new(text).file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name = file.split('.').next().unwrap_or_default();
    (if name.is_empty() { otherwise.to_owned() } else { name.to_owned() }, text.into())
}

/// A file of peaks with its name.
pub(crate) fn peak_file(text: &str) -> PeakFile {
    let (task, path) = named_file(text, "peaks");
    PeakFile { task, path }
}
