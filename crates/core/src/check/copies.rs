//! The same sequence more than once: within a split, across splits, with different labels.

use super::{CheckOptions, Finding, FindingKind, Severity};
use crate::identity::{canonical, group_numbers, members, upper};
use crate::metrics::is_known;
use crate::{Alphabet, Dataset, Split};

/// For every row, which sequence it is.
pub(super) struct Keys {
    /// Rows share a number if they agree on the same strand.
    pub(super) exact: Vec<usize>,
    /// Rows share a number if they agree on either strand (DNA; as `exact` for RNA).
    pub(super) canonical: Vec<usize>,
    /// The rows of each canonical number.
    pub(super) groups: Vec<Vec<usize>>,
}

impl Keys {
    pub(super) fn new(dataset: &Dataset) -> Self {
        let exact = group_numbers(dataset.examples.iter().map(|e| upper(&e.sequence)));
        let canonical = match dataset.encoding.alphabet {
            Alphabet::Rna => exact.clone(),
            Alphabet::Dna => group_numbers(dataset.examples.iter().map(|e| canonical(&e.sequence, Alphabet::Dna))),
        };
        let groups = members(&canonical);
        Self { exact, canonical, groups }
    }
}

pub(super) fn findings(dataset: &Dataset, keys: &Keys, options: &CheckOptions) -> Vec<Finding> {
    let mut findings = Vec::new();
    for split in Split::ALL.into_iter().filter(|&s| !dataset.rows_of(s).is_empty()) {
        findings.push(duplicates(dataset, keys, split, options));
        if dataset.encoding.alphabet == Alphabet::Dna {
            findings.push(reverse_complements(dataset, keys, split, options));
        }
    }
    for (from, to) in [(&[Split::Train, Split::Valid][..], Split::Test), (&[Split::Train], Split::Valid)] {
        let from: Vec<Split> = from.iter().copied().filter(|&s| !dataset.rows_of(s).is_empty()).collect();
        if !from.is_empty() && !dataset.rows_of(to).is_empty() {
            findings.push(copies(dataset, keys, &from, to, options));
        }
    }
    findings.push(conflicts(dataset, keys, options));
    findings
}

fn duplicates(dataset: &Dataset, keys: &Keys, split: Split, options: &CheckOptions) -> Finding {
    let rows = dataset.rows_of(split);
    let mut first = vec![None; dataset.examples.len()];
    let mut pairs = Vec::new();
    for &row in &rows {
        match first[keys.exact[row]] {
            None => first[keys.exact[row]] = Some(row),
            Some(earlier) => pairs.push((row, earlier)),
        }
    }
    let message = match pairs.len() {
        0 => format!("no {split} sequence comes twice"),
        n => format!("{n} of {} {split} sequences repeat an earlier one", rows.len()),
    };
    finding(dataset, FindingKind::Duplicates, Severity::Note, (&pairs, rows.len()), message, &[split], options)
}

fn reverse_complements(dataset: &Dataset, keys: &Keys, split: Split, options: &CheckOptions) -> Finding {
    let rows = dataset.rows_of(split);
    let mut first = vec![None; dataset.examples.len()];
    let mut seen = vec![false; dataset.examples.len()];
    let mut pairs = Vec::new();
    for &row in &rows {
        // A repeat on the same strand is counted as a plain duplicate already.
        if !std::mem::replace(&mut seen[keys.exact[row]], true) {
            match first[keys.canonical[row]] {
                None => first[keys.canonical[row]] = Some(row),
                Some(earlier) => pairs.push((row, earlier)),
            }
        }
    }
    let message = match pairs.len() {
        0 => format!("no {split} sequence is the reverse complement of another"),
        n => format!("{n} of {} {split} sequences are the reverse complement of an earlier one", rows.len()),
    };
    let kind = FindingKind::ReverseComplementDuplicates;
    finding(dataset, kind, Severity::Note, (&pairs, rows.len()), message, &[split], options)
}

/// Rows of `to` that a model was fitted to or chosen by: those whose sequence is in one of the parts `from`.
fn copies(dataset: &Dataset, keys: &Keys, from: &[Split], to: Split, options: &CheckOptions) -> Finding {
    let rows = dataset.rows_of(to);
    let mut pairs = Vec::new();
    let mut reversed = 0;
    let mut by_part = vec![0; from.len()];
    for &row in &rows {
        let there = keys.groups[keys.canonical[row]].iter().filter(|&&r| from.contains(&dataset.examples[r].split));
        if let Some(&any) = there.clone().next() {
            let same_strand = there.clone().find(|&&r| keys.exact[r] == keys.exact[row]);
            reversed += usize::from(same_strand.is_none());
            pairs.push((row, same_strand.copied().unwrap_or(any)));
            for (count, part) in by_part.iter_mut().zip(from) {
                *count += usize::from(there.clone().any(|&r| dataset.examples[r].split == *part));
            }
        }
    }
    let parts = from.iter().map(Split::to_string).collect::<Vec<_>>().join(" or ");
    let mut message = match pairs.len() {
        0 => format!("no {to} sequence is in {parts}"),
        n => format!("{n} of {} {to} sequences are in {parts}", rows.len()),
    };
    if from.len() > 1 && !pairs.is_empty() {
        let each: Vec<String> = by_part.iter().zip(from).map(|(count, part)| format!("{count} in {part}")).collect();
        message.push_str(&format!(" ({})", each.join(", ")));
    }
    if reversed > 0 {
        message.push_str(&format!(", {reversed} of them as reverse complements only"));
    }
    let kind = FindingKind::CopiesAcrossSplits;
    let splits: Vec<Split> = from.iter().copied().chain([to]).collect();
    finding(dataset, kind, Severity::Inflates, (&pairs, rows.len()), message, &splits, options)
}

/// Whether rows of the same sequence disagree about the class in some task. Numbers may differ: those are replicates.
pub(super) fn disagree(dataset: &Dataset, rows: &[usize]) -> bool {
    dataset.tasks.iter().enumerate().filter(|(_, task)| !task.kind.is_number()).any(|(index, task)| {
        let labels = rows.iter().map(|&row| dataset.label(row, index));
        let mut known = labels.filter(|&y| is_known(&task.kind, y));
        known.next().is_some_and(|first| known.any(|y| y != first))
    })
}

fn conflicts(dataset: &Dataset, keys: &Keys, options: &CheckOptions) -> Finding {
    let groups: Vec<&Vec<usize>> = keys.groups.iter().filter(|rows| disagree(dataset, rows)).collect();
    let rows: usize = groups.iter().map(|rows| rows.len()).sum();
    let pairs: Vec<(usize, usize)> =
        groups.iter().flat_map(|rows| rows[1..].iter().map(|&row| (row, rows[0]))).collect();
    let total = dataset.examples.len();
    let message = match groups.len() {
        0 => "no sequence carries two different classes".to_owned(),
        1 => format!("one sequence carries different classes in different rows ({rows} of {total} rows)"),
        n => format!("{n} sequences carry different classes in different rows ({rows} of {total} rows)"),
    };
    let kind = FindingKind::ConflictingLabels;
    let mut conflict = finding(dataset, kind, Severity::Note, (&pairs, total), message, &[], options);
    conflict.count = rows;
    conflict
}

pub(super) fn finding(
    dataset: &Dataset,
    kind: FindingKind,
    severity: Severity,
    (pairs, total): (&[(usize, usize)], usize),
    message: String,
    splits: &[Split],
    options: &CheckOptions,
) -> Finding {
    let mut finding = Finding::counted(kind, severity, pairs.len(), total, message);
    let id = |row: usize| &dataset.examples[row].id;
    finding.examples = pairs.iter().take(options.examples).map(|&(a, b)| format!("{} = {}", id(a), id(b))).collect();
    finding.splits = splits.to_vec();
    finding
}
