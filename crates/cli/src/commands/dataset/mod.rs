//! `basewise dataset`: make, look at and check data sets.

pub(crate) mod check;
pub(crate) mod intervals;
pub(crate) mod places;
pub(crate) mod sequences;
pub(crate) mod show;
pub(crate) mod signal;
pub(crate) mod simulate;

use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::table::count;
use anyhow::Result;
use basewise_core::{Dataset, Split};
use basewise_io::build::{Built, SplitPolicy};
use clap::Subcommand;
use std::path::Path;

#[derive(Subcommand)]
pub(crate) enum DatasetCommand {
    /// From sequences: FASTA files or a table
    Sequences(Box<sequences::SequencesArgs>),
    /// From intervals of a genome: BED or narrowPeak
    Intervals(Box<intervals::IntervalsArgs>),
    /// From signal along a genome: bigWig, bedGraph or wiggle, around places
    Signal(Box<signal::SignalArgs>),
    /// From a motif file: sequences with planted motifs and known truth
    Simulate(simulate::SimulateArgs),
    /// Print counts, lengths, GC by class and the first rows
    Show(show::ShowArgs),
    /// Look for what would inflate a result; exit code 1 if something would
    Check(check::CheckArgs),
}

pub(crate) fn run(command: DatasetCommand, printer: &Printer) -> Result<Outcome> {
    match command {
        DatasetCommand::Sequences(args) => sequences::run(&args, printer),
        DatasetCommand::Intervals(args) => intervals::run(&args, printer),
        DatasetCommand::Signal(args) => signal::run(&args, printer),
        DatasetCommand::Simulate(args) => simulate::run(&args, printer),
        DatasetCommand::Show(args) => show::run(&args, printer),
        DatasetCommand::Check(args) => check::run(&args, printer),
    }
}

/// One line on what was written.
fn tell(dataset: &Dataset, path: &Path, printer: &Printer) {
    let rows = |split| count(dataset.rows_of(split).len());
    printer.talk(&format!(
        "wrote {}: {} examples of {} positions ({} train, {} valid, {} test); tasks: {}",
        path.display(),
        count(dataset.examples.len()),
        dataset.length,
        rows(Split::Train),
        rows(Split::Valid),
        rows(Split::Test),
        dataset.tasks.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ")
    ));
}

/// The policy that the flags of splitting mean; `None` leaves it to the data.
fn split_policy(
    policy: Option<&str>,
    column: Option<&str>,
    valid: Option<f64>,
    test: Option<f64>,
) -> Result<Option<SplitPolicy>> {
    for (flag, share) in [("--valid", valid), ("--test", test)] {
        if share.is_some_and(|s| !(0.0..1.0).contains(&s)) {
            return Err(user(format!("expected {flag} from 0 and below 1, found {}", share.unwrap_or_default()), None));
        }
    }
    let (v, t) = (valid.unwrap_or(0.1), test.unwrap_or(0.1));
    Ok(match policy {
        Some("column") => Some(SplitPolicy::Column(column.unwrap_or("split").to_owned())),
        Some("random") => Some(SplitPolicy::Random { valid: v, test: t }),
        Some(other) => match other.strip_prefix("group:") {
            Some(column) if !column.is_empty() => {
                Some(SplitPolicy::Group { column: column.to_owned(), valid: v, test: t })
            }
            _ => {
                return Err(user(
                    format!("expected column, random or group:COLUMN as --split, found {other:?}"),
                    Some("chromosomes are split with `dataset intervals --valid-chroms --test-chroms`"),
                ));
            }
        },
        None if valid.is_some() || test.is_some() => Some(SplitPolicy::Random { valid: v, test: t }),
        None => None,
    })
}

/// Writes what was built, and the account of what became of each record.
fn save(built: &Built, output: &Path, overwrite: bool, printer: &Printer) -> Result<()> {
    basewise_io::dataset::save(output, &built.dataset, &built.provenance, &[], overwrite)?;
    let account = &built.account;
    let skipped: usize = account.skipped.values().sum();
    let mut line = format!("{} read = {} used + {} skipped", count(account.read), count(account.used), count(skipped));
    if account.made > 0 {
        line += &format!("; {} negatives made", count(account.made));
    }
    printer.talk(&line);
    for (reason, n) in &account.skipped {
        printer.talk(&format!("  skipped {}: {reason}", count(*n)));
    }
    for (reason, n) in &account.not_made {
        printer.warn(&format!("{} negatives could not be made: {reason}", count(*n)));
    }
    if built.dataset.is_weighted() {
        let weights = || built.dataset.examples.iter().map(|example| example.weight);
        let (least, most) = (weights().fold(f64::INFINITY, f64::min), weights().fold(0.0, f64::max));
        printer.talk(&format!("weights from {least} to {most}, for training and its validation loss"));
    }
    built.warnings.iter().for_each(|warning| printer.warn(warning));
    tell(&built.dataset, output, printer);
    Ok(())
}
