//! `basewise dataset intervals`: places on a genome become a data set.

use super::places::{PlacesArgs, peak_file};
use super::save;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use anyhow::Result;
use basewise_io::build::WindowPolicy;
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
    let built = basewise_io::build::intervals(&args.places.spec(peaks, window(&args.window)?, args.min_overlap)?)?;
    save(&built, &args.output, args.overwrite, printer)?;
    Ok(Outcome::Done)
}

fn window(text: &str) -> Result<WindowPolicy> {
    match (text, text.parse()) {
        ("as-is", _) => Ok(WindowPolicy::AsIs),
        (_, Ok(n)) if n > 0 => Ok(WindowPolicy::Centred(n)),
        _ => Err(user(format!("expected a number of bases or as-is as --window, found {text:?}"), None)),
    }
}
