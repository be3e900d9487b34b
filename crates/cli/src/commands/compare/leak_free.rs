//! The same models on the same examples, with relatives on one side of each split: how much of a score came from them.

use super::Stage;
use super::candidates::{Candidate, How};
use super::judge::Judged;
use crate::comparison::{Change, LeakFree, Ranked, TaskComparison};
use crate::failure::user;
use crate::table::count;
use anyhow::Result;
use basewise_core::metrics::Estimate;
use basewise_core::similarity::Threshold;
use basewise_core::{Dataset, Split};
use basewise_io::build::{SplitPolicy, resplit};
use basewise_io::dataset::Provenance;
use std::path::Path;

/// Folder below that of the comparison.
pub(super) const FOLDER: &str = "leak-free";

/// Trains and compares the models once more, and sets the scores against those of `before`. `None` if it was interrupted.
pub(super) fn compare(
    stage: &Stage<'_>,
    candidates: &[Candidate],
    before: &[TaskComparison],
) -> Result<Option<LeakFree>> {
    let directory = stage.directory.join(FOLDER);
    let data = directory.join("data");
    let (dataset, provenance) = split(stage, &data)?;
    let dataset_sha256 = basewise_io::dataset::digest(&data)?;
    let apart = Stage { data: &data, directory: &directory, dataset: &dataset, provenance: &provenance, ..*stage };
    let Some(Judged { models, tasks, resampled }) = apart.compare(candidates, &dataset_sha256)? else {
        return Ok(None);
    };
    let examples = dataset.rows_of(Split::Test).len();
    let changes = before.iter().zip(&tasks).flat_map(|(before, after)| changes(before, after)).collect();
    Ok(Some(LeakFree { data, dataset_sha256, examples, resampled, models, tasks, changes }))
}

/// The data set with new splits of the same sizes, which one command makes and a later one finds.
fn split(stage: &Stage<'_>, path: &Path) -> Result<(Dataset, Provenance)> {
    if path.is_dir() {
        return Ok(basewise_io::dataset::load(path)?);
    }
    let (dataset, printer) = (stage.dataset, stage.printer);
    let (mut apart, mut provenance) = (dataset.clone(), stage.provenance.clone());
    let share = |split| dataset.rows_of(split).len() as f64 / dataset.examples.len() as f64;
    let (valid, test) = (share(Split::Valid), share(Split::Test));
    let policy = SplitPolicy::Similarity { valid, test, threshold: Threshold::default() };
    let warnings = resplit(&mut apart, &mut provenance, &policy, stage.args.seed)?;
    warnings.iter().for_each(|warning| printer.warn(warning));
    if apart.rows_of(Split::Test).is_empty() {
        let data = stage.data.display();
        return Err(user(
            format!("{data}: nearly all examples are relatives of each other: none is left for the test"),
            Some("`basewise dataset split --by similarity` with a higher --identity tells more of them apart"),
        ));
    }
    fs_err::create_dir_all(stage.directory.join(FOLDER))?;
    provenance.command = crate::commands::command_line();
    basewise_io::dataset::save(path, &apart, &provenance, &[], false)?;
    let moved = dataset.examples.iter().zip(&apart.examples).filter(|(a, b)| a.split != b.split).count();
    printer.talk(&format!(
        "wrote {}: relatives on one side of each split; {} of {} examples changed theirs",
        path.display(),
        count(moved),
        count(apart.examples.len())
    ));
    Ok((apart, provenance))
}

/// What can be trained again: runs that were there before cannot.
pub(super) fn candidates(all: &[Candidate]) -> Result<Vec<Candidate>> {
    let again: Vec<Candidate> = all.iter().filter(|candidate| !matches!(candidate.how, How::Run(_))).cloned().collect();
    if again.iter().all(|candidate| candidate.settings().is_none()) {
        return Err(user(
            "--leak-free trains models again, and found none that can be",
            Some("name models with --models or --models-from"),
        ));
    }
    Ok(again)
}

/// What each model of a task gained or lost.
fn changes(before: &TaskComparison, after: &TaskComparison) -> Vec<Change> {
    let change = |ranked: &Ranked| {
        let (was, is) = (before.figure(before.find(&ranked.model)?), after.figure(ranked));
        let (task, model) = (after.task.clone(), ranked.model.clone());
        Some(Change { task, model, before: was, after: is, change: difference(&is, &was) })
    };
    after.ranking.iter().filter_map(change).collect()
}

/// One figure minus another on other rows; the interval adds the squares of the sides of both (Newcombe 1998).
fn difference(one: &Estimate, other: &Estimate) -> Estimate {
    let side = |a: Option<f64>, b: Option<f64>| Some(a? - b?);
    let value = side(one.value, other.value);
    let reach = |a: Option<f64>, b: Option<f64>| Some(a?.hypot(b?));
    let below = reach(side(one.value, one.low), side(other.high, other.value));
    let above = reach(side(one.high, one.value), side(other.value, other.low));
    Estimate { value, low: side(value, below), high: value.zip(above).map(|(value, above)| value + above) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_of_intervals_are_added_as_squares() {
        let estimate = |value, low, high| Estimate { value: Some(value), low: Some(low), high: Some(high) };
        let found = difference(&estimate(0.5, 0.47, 0.54), &estimate(0.8, 0.77, 0.84));
        assert!((found.value.unwrap() + 0.3).abs() < 1e-12);
        assert!((found.low.unwrap() + 0.35).abs() < 1e-12 && (found.high.unwrap() + 0.25).abs() < 1e-12, "{found:?}");
        let same = difference(&estimate(0.5, 0.5, 0.5), &estimate(0.5, 0.5, 0.5));
        assert_eq!(same, estimate(0.0, 0.0, 0.0));
        assert_eq!(difference(&Estimate::default(), &found), Estimate::default());
    }
}
