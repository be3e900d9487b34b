//! Removing what [`super::check`] finds among copies.

use super::copies::{Keys, disagree};
use super::{CheckOptions, FindingKind, PAIRS, near, related};
use crate::{Dataset, Split};
use serde::{Deserialize, Serialize};

/// A row that was taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Its id.
    pub id: String,
    /// The part it was in.
    pub split: Split,
    /// The finding that it belongs to.
    pub reason: FindingKind,
    /// The id of the row that stays in its place; none where no row of the sequence can be trusted.
    pub kept: Option<String>,
}

/// The data set without copies, and an account of every row that went, in the order of the rows.
///
/// In turn: all rows of a sequence that carries different classes; rows of train and valid that are copied in a later
/// part (train gives way to valid, both to test, so that a published test set stays as it is); repeats within a part but
/// the first, on either strand for DNA; rows of train and valid that are near-duplicates of a later part's; if the options
/// say so, training rows with a relative in valid or test. Afterwards [`super::check`] finds none of these. Everything else it may find (composition, length, case) no removal can mend.
pub fn fix(dataset: &Dataset, options: &CheckOptions) -> (Dataset, Vec<Removal>) {
    let mut removals: Vec<(usize, FindingKind, Option<usize>)> = Vec::new();
    let keys = Keys::new(dataset);
    for rows in keys.groups.iter().filter(|rows| rows.len() > 1) {
        if disagree(dataset, rows) {
            removals.extend(rows.iter().map(|&row| (row, FindingKind::ConflictingLabels, None)));
        } else {
            removals.extend(repeats(dataset, &keys, rows));
        }
    }
    let mut gone = vec![false; dataset.examples.len()];
    removals.iter().for_each(|removal| gone[removal.0] = true);
    // Removal changes the sketch (its k-mer length follows the median) and makes room for candidates, so look again.
    loop {
        let left: Vec<usize> = (0..gone.len()).filter(|&row| !gone[row]).collect();
        let found = near_duplicates(&subset(dataset, &left), options);
        if found.is_empty() {
            break;
        }
        for (row, kept) in found {
            gone[left[row]] = true;
            removals.push((left[row], FindingKind::NearDuplicatesAcrossSplits, Some(left[kept])));
        }
    }
    if let Some(threshold) = options.relatives.filter(|_| options.remove_relatives) {
        let left: Vec<usize> = (0..gone.len()).filter(|&row| !gone[row]).collect();
        for (row, kept) in related::removals(&subset(dataset, &left), threshold) {
            removals.push((left[row], FindingKind::RelativesAcrossSplits, Some(left[kept])));
            gone[left[row]] = true;
        }
    }
    removals.sort_unstable();
    let left: Vec<usize> = (0..gone.len()).filter(|&row| !gone[row]).collect();
    (subset(dataset, &left), removals.into_iter().map(|removal| account(dataset, removal)).collect())
}

/// Of the rows of one sequence all but the first of its last part.
fn repeats(dataset: &Dataset, keys: &Keys, rows: &[usize]) -> Vec<(usize, FindingKind, Option<usize>)> {
    let split = |row: usize| dataset.examples[row].split;
    let Some(last) = rows.iter().map(|&row| split(row)).max() else { return Vec::new() };
    let Some(&kept) = rows.iter().find(|&&row| split(row) == last) else { return Vec::new() };
    let reason = |row: usize| {
        if split(row) != last {
            FindingKind::CopiesAcrossSplits
        } else if keys.exact[row] == keys.exact[kept] {
            FindingKind::Duplicates
        } else {
            FindingKind::ReverseComplementDuplicates
        }
    };
    rows.iter().filter(|&&row| row != kept).map(|&row| (row, reason(row), Some(kept))).collect()
}

/// Rows to remove, each once, with the row that stays; none where the options leave near-duplicates out.
fn near_duplicates(dataset: &Dataset, options: &CheckOptions) -> Vec<(usize, usize)> {
    if !options.near_duplicates {
        return Vec::new();
    }
    let keys = Keys::new(dataset);
    let mut found = Vec::new();
    let mut gone = vec![false; dataset.examples.len()];
    // Train and valid against test come first: a row that goes must not be the reason for another to go.
    for (from, to) in [PAIRS[2], PAIRS[0], PAIRS[1]] {
        for pair in near::pairs(dataset, &keys, from, to, options) {
            if !gone[pair.gives_way] && !gone[pair.stays] {
                gone[pair.gives_way] = true;
                found.push((pair.gives_way, pair.stays));
            }
        }
    }
    found
}

fn subset(dataset: &Dataset, rows: &[usize]) -> Dataset {
    let mut kept = Dataset {
        encoding: dataset.encoding,
        length: dataset.length,
        jitter: dataset.jitter,
        tasks: dataset.tasks.clone(),
        covariates: dataset.covariates.clone(),
        control: dataset.control.clone(),
        examples: rows.iter().map(|&row| dataset.examples[row].clone()).collect(),
    };
    kept.fit_covariates();
    kept
}

fn account(dataset: &Dataset, (row, reason, kept): (usize, FindingKind, Option<usize>)) -> Removal {
    let example = &dataset.examples[row];
    let kept = kept.map(|row| dataset.examples[row].id.clone());
    Removal { id: example.id.clone(), split: example.split, reason, kept }
}
