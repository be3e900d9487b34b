//! `basewise dataset`: make, look at and check data sets.

pub(crate) mod check;
pub(crate) mod intervals;
pub(crate) mod places;
pub(crate) mod sequences;
pub(crate) mod show;
pub(crate) mod signal;
pub(crate) mod simulate;
pub(crate) mod split;

use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::shared_args::SimilarityArgs;
use crate::table::count;
use anyhow::Result;
use basewise_core::similarity::Limits;
use basewise_core::{Dataset, Split};
use basewise_io::build::{Built, RelatedGroups, SplitPolicy};
use basewise_io::dataset::Provenance;
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
    /// Draw new splits, with relatives kept together
    Split(split::SplitArgs),
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
        DatasetCommand::Split(args) => split::run(&args, printer),
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
        crate::shared_args::shortened(&dataset.tasks.iter().map(|task| task.name.clone()).collect::<Vec<_>>())
    ));
}

/// The policy that the flags of splitting mean; `None` leaves it to the data.
fn split_policy(
    policy: Option<&str>,
    column: Option<&str>,
    valid: Option<f64>,
    test: Option<f64>,
    similarity: &SimilarityArgs,
) -> Result<Option<SplitPolicy>> {
    for (flag, share) in [("--valid", valid), ("--test", test)] {
        if share.is_some_and(|s| !(0.0..1.0).contains(&s)) {
            return Err(user(format!("expected {flag} from 0 and below 1, found {}", share.unwrap_or_default()), None));
        }
    }
    let (v, t) = (valid.unwrap_or(0.1), test.unwrap_or(0.1));
    if policy != Some("similarity") {
        similarity.refuse("--split similarity")?;
    }
    Ok(match policy {
        Some("similarity") => Some(SplitPolicy::Similarity { valid: v, test: t, threshold: similarity.threshold()? }),
        Some("column") => Some(SplitPolicy::Column(column.unwrap_or("split").to_owned())),
        Some("random") => Some(SplitPolicy::Random { valid: v, test: t }),
        Some(other) => match other.strip_prefix("group:") {
            Some(column) if !column.is_empty() => {
                Some(SplitPolicy::Group { column: column.to_owned(), valid: v, test: t })
            }
            _ => {
                return Err(user(
                    format!("expected column, random, similarity or group:COLUMN as --split, found {other:?}"),
                    Some("chromosomes are split with `dataset intervals --valid-chroms --test-chroms`"),
                ));
            }
        },
        None if valid.is_some() || test.is_some() => Some(SplitPolicy::Random { valid: v, test: t }),
        None => None,
    })
}

/// One line on the groups that a split by similarity kept together, and one on what the search for them left out.
fn tell_relatives(provenance: &Provenance, printer: &Printer) {
    let note = provenance.notes.get("similarity").cloned();
    let Some(found) = note.and_then(|note| serde_json::from_value::<RelatedGroups>(note).ok()) else { return };
    printer.talk(&format!(
        "{} sequences in {} groups of relatives ({}), the largest of {}",
        count(found.sequences),
        count(found.groups),
        found.threshold,
        count(found.largest)
    ));
    if let Some(limits) = limits_text(&found.limits) {
        printer.talk(&format!("  {limits}"));
    }
}

/// What a search for relatives left out, in words, if anything.
fn limits_text(limits: &Limits) -> Option<String> {
    let mut parts = Vec::new();
    if limits.common_words > 0 {
        parts.push(format!(
            "{} words are so common that not all of their places were compared",
            count(limits.common_words)
        ));
    }
    if limits.one_word_in > 1 {
        parts.push(format!("one in {} words was looked at", limits.one_word_in));
    }
    if limits.cut_short > 0 {
        parts.push(format!("{} sequences have too many candidates to be aligned with all", count(limits.cut_short)));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Writes what was built, and the account of what became of each record.
pub(crate) fn save(built: &Built, output: &Path, overwrite: bool, printer: &Printer) -> Result<()> {
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
    tell_relatives(&built.provenance, printer);
    built.warnings.iter().for_each(|warning| printer.warn(warning));
    tell(&built.dataset, output, printer);
    Ok(())
}
