//! `basewise dataset intervals`: places on a genome become a data set.

use super::places::{PlacesArgs, peak_file};
use super::save;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use anyhow::Result;
use basewise_core::Transform;
use basewise_io::build::{BedColumn, BedColumns, WindowPolicy};
use clap::Args;
use std::path::PathBuf;

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
    /// Positions of each window, or as-is
    #[arg(short, long, value_name = "N|as-is")]
    window: String,
    #[command(flatten)]
    places: PlacesArgs,
    /// Columns of numbers that a model is shown beside the sequence: score, signalValue, pValue, qValue or a column's
    /// number; NAME:log takes the logarithm
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    covariates: Vec<String>,
    /// Column of weights of 0 or more: how much each window counts in training; one made for a peak counts as the peak
    #[arg(long, value_name = "COLUMN")]
    weight_column: Option<String>,
    /// With several files: windows that share this part of the shorter one are one window with several labels
    #[arg(long, default_value_t = 0.5, value_name = "0..1")]
    min_overlap: f64,
    /// Data set directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Replace a data set that is there already
    #[arg(long)]
    overwrite: bool,
}

pub(crate) fn run(args: &IntervalsArgs, printer: &Printer) -> Result<Outcome> {
    let peaks = args.peaks.iter().map(|text| peak_file(text)).collect();
    let mut spec = args.places.spec(peaks, window(&args.window)?, args.min_overlap)?;
    spec.columns = columns(args)?;
    let built = basewise_io::build::intervals(&spec)?;
    save(&built, &args.output, args.overwrite, printer)?;
    Ok(Outcome::Done)
}

fn columns(args: &IntervalsArgs) -> Result<BedColumns> {
    let column =
        |flag: &str, text: &str| BedColumn::parse(text).map_err(|error| user(format!("{flag}: {error}"), None));
    let covariate = |text: &String| {
        let (name, transform) = match text.strip_suffix(":log") {
            Some(name) => (name, Transform::Log),
            None => (text.as_str(), Transform::None),
        };
        Ok((column("--covariates", name)?, transform))
    };
    Ok(BedColumns {
        covariates: args.covariates.iter().map(covariate).collect::<Result<_>>()?,
        weight: args.weight_column.as_deref().map(|text| column("--weight-column", text)).transpose()?,
    })
}

fn window(text: &str) -> Result<WindowPolicy> {
    match (text, text.parse()) {
        ("as-is", _) => Ok(WindowPolicy::AsIs),
        (_, Ok(n)) if n > 0 => Ok(WindowPolicy::Centred(n)),
        _ => Err(user(format!("expected a number of bases or as-is as --window, found {text:?}"), None)),
    }
}
