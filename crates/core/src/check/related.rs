//! Relatives across splits: test and validation sequences that are similar to training sequences.

use super::{CheckOptions, Finding, FindingKind, Severity, copies};
use crate::similarity::{self, Relative, Threshold};
use crate::{Dataset, Split};

/// Share of the test from which relatives in training count as inflating: fewer can hardly move a figure beyond its
/// interval.
const INFLATES: f64 = 0.05;

fn sequences<'a>(dataset: &'a Dataset, rows: &[usize]) -> Vec<&'a [u8]> {
    rows.iter().map(|&row| dataset.examples[row].sequence.as_slice()).collect()
}

/// Rows of `queries` with a similar row of `targets`, copies included.
fn related(
    dataset: &Dataset,
    queries: &[usize],
    targets: &[usize],
    threshold: Threshold,
) -> (Vec<(usize, usize)>, usize) {
    let [of, among] = [queries, targets].map(|rows| sequences(dataset, rows));
    let (found, limits) = similarity::relatives(&of, &among, dataset.encoding.alphabet, threshold);
    let pair = |(&row, found): (&usize, Option<Relative>)| found.map(|relative| (row, targets[relative.row]));
    (queries.iter().zip(found).filter_map(pair).collect(), limits.cut_short)
}

pub(super) fn findings(dataset: &Dataset, threshold: Threshold, options: &CheckOptions) -> Vec<Finding> {
    let train = dataset.rows_of(Split::Train);
    let mut findings = Vec::new();
    for to in [Split::Test, Split::Valid] {
        let rows = dataset.rows_of(to);
        if rows.is_empty() || train.is_empty() {
            continue;
        }
        let (pairs, cut_short) = related(dataset, &rows, &train, threshold);
        let mut message = match pairs.len() {
            0 => format!("no {to} sequence has a relative in train ({threshold})"),
            n => {
                format!("{n} of {} {to} sequences have a relative in train ({threshold}; copies included)", rows.len())
            }
        };
        if cut_short > 0 {
            message.push_str(&format!("; {cut_short} more have too many candidates to be aligned with all"));
        }
        let inflates = to == Split::Test && pairs.len() as f64 >= INFLATES * rows.len() as f64;
        let severity = if inflates { Severity::Inflates } else { Severity::Note };
        let kind = FindingKind::RelativesAcrossSplits;
        let splits = [Split::Train, to];
        findings.push(copies::finding(dataset, kind, severity, (&pairs, rows.len()), message, &splits, options));
    }
    findings
}

/// Training rows with a relative in validation or test, each with that relative.
pub(super) fn removals(dataset: &Dataset, threshold: Threshold) -> Vec<(usize, usize)> {
    let held_out = [dataset.rows_of(Split::Test), dataset.rows_of(Split::Valid)].concat();
    related(dataset, &dataset.rows_of(Split::Train), &held_out, threshold).0
}
