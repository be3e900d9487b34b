//! How good predictions are, with intervals: the figures of scikit-learn and scipy, to the last digits.
//!
//! | kind | figures |
//! |---|---|
//! | binary | `auroc`, `average_precision`, `accuracy`, `mcc`, `f1`, `log_loss`, `calibration_error` |
//! | classes | the same: `auroc`, `average_precision` and `f1` are means over classes against the rest, `mcc` is R_K (Gorodkin 2004) |
//! | regression | `pearson`, `spearman`, `r2`, `mse`, `mae` |
//! | counts | the same, of the expected count |
//! | profile | `profile_pearson`, `profile_spearman`, `profile_jensen_shannon` (a distance, in nats): means over rows and tracks of the figure over the bins; `count_pearson`, `count_spearman` of the logarithms of totals: means over tracks |
//!
//! Ties count half in `auroc` and share a threshold in `average_precision`. A row is called positive above 0.5, and of the
//! class with the largest probability (the first of equal ones). `log_loss` is in nats, with probabilities kept at least
//! 2.2e-16 from 0 and 1. `calibration_error` is the expected calibration error over [`CALIBRATION_BINS`] bins of equal
//! width: of the probability of the positive class, or of the largest one against being right.
//!
//! Where scikit-learn defines a stand-in (`mcc` and `f1` of 0 without both classes or without positives,
//! `average_precision` of 0 without and 1 with only positives, `r2` of constant labels), it is used here too. A figure
//! that stays undefined (`auroc` of one class, a correlation without variance) is `None`, never NaN. Rows
//! whose label is unknown (NaN, or no label of the task's kind) are left out and counted. A prediction that is not a
//! finite number leaves every figure of its task undefined: dropping such rows would flatter the model.

mod binary;
mod bootstrap;
mod classes;
pub mod curves;
mod judged;
mod paired;
mod panel;
mod profile;
mod rank;
mod regression;

pub use binary::CALIBRATION_BINS;
pub use bootstrap::{BootstrapOptions, Estimate};
pub use paired::{DeLong, SMALLEST_P, benjamini_hochberg, delong, holm};
pub use panel::{Difference, Panel, panels};
pub use profile::jensen_shannon;
use rank::Ranking;

use crate::{Matrix, Task, TaskKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The figures of one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskMetrics {
    /// Name of the task.
    pub task: String,
    /// `binary`, `classes`, `regression`, `counts` or `profile`.
    pub kind: String,
    /// Rows with a known label: what the figures are over.
    pub n: usize,
    /// Rows without a known label, left out.
    pub unknown: usize,
    /// Rows with label 1, for a binary task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positives: Option<usize>,
    /// By the names of the [module's table](self).
    pub metrics: BTreeMap<String, Estimate>,
    /// One entry a class for a task of several classes, else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassMetrics>,
}

/// The figures of one class against the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassMetrics {
    /// Name of the class.
    pub class: String,
    /// Rows of it.
    pub n: usize,
    /// `auroc`, `average_precision` and `f1`.
    pub metrics: BTreeMap<String, Estimate>,
}

/// All figures of all tasks, with bootstrap intervals over rows, or over groups of them ([`BootstrapOptions::groups`]).
///
/// `labels` holds one slice a row, with the labels of each task in turn, without margins (see
/// [`crate::Dataset::seen_labels`]); `predictions` is `[rows, outputs]` with probabilities (values for a regression,
/// expected counts for counts), as [`crate::probabilities`] makes them. The same seed gives the same intervals for any number of
/// threads.
///
/// # Panics
/// If the number of rows, of labels in a row, of outputs or of groups does not match.
pub fn evaluate(
    tasks: &[Task],
    labels: &[&[f64]],
    predictions: &Matrix,
    options: &BootstrapOptions<'_>,
) -> Vec<TaskMetrics> {
    judged::judged(tasks, labels, predictions).into_iter().map(|task| task.evaluate(options)).collect()
}

/// The figures of `predictions` minus those of `others`, for the same rows, with intervals of the difference: each resample
/// draws the same rows for both, so what makes rows easy or hard for both cancels.
///
/// Arguments and results as for [`evaluate`]; figures of single classes are left out.
///
/// # Panics
/// If the number of rows, of labels in a row, of outputs or of groups does not match.
pub fn compare(
    tasks: &[Task],
    labels: &[&[f64]],
    predictions: &Matrix,
    others: &Matrix,
    options: &BootstrapOptions<'_>,
) -> Vec<TaskMetrics> {
    let pairs = judged::judged(tasks, labels, predictions).into_iter().zip(judged::judged(tasks, labels, others));
    pairs.map(|(one, other)| one.compare(other, options)).collect()
}

/// Whether a label is one of the task's kind.
pub fn is_known(kind: &TaskKind, label: f64) -> bool {
    match kind {
        TaskKind::Binary => label == 0.0 || label == 1.0,
        TaskKind::Classes { classes } => label >= 0.0 && label < classes.len() as f64 && label.fract() == 0.0,
        TaskKind::Regression => label.is_finite(),
        TaskKind::Counts | TaskKind::Profile(_) => label.is_finite() && label >= 0.0,
    }
}

/// Area under the ROC curve of `scores` for labels 0 and 1; ties count half. Undefined with one class only or a score
/// that is NaN; other labels are left out.
pub fn auroc(labels: &[f64], scores: &[f64]) -> Option<f64> {
    let (positive, scores) = known_binary(labels, scores)?;
    rank::Ranking::new(&scores).auroc(&positive, &vec![1; scores.len()])
}

/// Average precision (the step-wise area under the precision-recall curve); see [`auroc`] for what is left out.
pub fn average_precision(labels: &[f64], scores: &[f64]) -> Option<f64> {
    let (positive, scores) = known_binary(labels, scores)?;
    rank::Ranking::new(&scores).average_precision(&positive, &vec![1; scores.len()])
}

/// Rank correlation with average ranks; rows where either value is NaN are left out. Undefined without variance.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    let known = |(x, y): &(&f64, &f64)| !x.is_nan() && !y.is_nan();
    let (x, y): (Vec<f64>, Vec<f64>) = x.iter().zip(y).filter(known).map(|(x, y)| (*x, *y)).unzip();
    let weights = vec![1; x.len()];
    regression::Regression::new(x, y).spearman(&weights)
}

/// Linear correlation; rows where either value is NaN are left out. Undefined without variance.
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let known = |(x, y): &(&f64, &f64)| !x.is_nan() && !y.is_nan();
    let (x, y): (Vec<f64>, Vec<f64>) = x.iter().zip(y).filter(known).map(|(x, y)| (*x, *y)).unzip();
    regression::correlation(&x, &y, &vec![1; x.len()])
}

fn known_binary(labels: &[f64], scores: &[f64]) -> Option<(Vec<bool>, Vec<f64>)> {
    let known = |(label, _): &(&f64, &f64)| **label == 0.0 || **label == 1.0;
    let pairs = labels.iter().zip(scores).filter(known).map(|(label, score)| (*label == 1.0, *score));
    let (positive, scores): (Vec<bool>, Vec<f64>) = pairs.unzip();
    (!scores.iter().any(|s| s.is_nan())).then_some((positive, scores))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(kind: TaskKind) -> Task {
        Task { name: "t".into(), kind }
    }

    #[test]
    fn unknown_labels_are_left_out_and_counted() {
        let tasks = [task(TaskKind::Binary), task(TaskKind::Regression)];
        let labels: [&[f64]; 4] = [&[1.0, f64::NAN], &[0.0, 1.0], &[f64::NAN, 2.0], &[2.0, 4.0]];
        let predictions = Matrix::new(4, 2, vec![0.9, 0.0, 0.2, 1.0, 0.5, 2.0, 0.5, 4.0]);
        let metrics = evaluate(&tasks, &labels, &predictions, &BootstrapOptions::default());
        assert_eq!((metrics[0].n, metrics[0].unknown, metrics[0].positives), (2, 2, Some(1)));
        assert_eq!(metrics[0].metrics["auroc"].value, Some(1.0));
        assert_eq!((metrics[1].n, metrics[1].unknown, metrics[1].positives), (3, 1, None));
        assert_eq!(metrics[1].metrics["mse"].value, Some(0.0));
        assert_eq!(metrics[1].metrics["r2"].value, Some(1.0));
    }

    #[test]
    fn differences_are_paired() {
        let labels: Vec<[f64; 1]> = (0..300).map(|i| [f64::from(i % 2)]).collect();
        let views: Vec<&[f64]> = labels.iter().map(|l| &l[..]).collect();
        let scores = |shift: f32| {
            let score = |i: usize| (0.3 + 0.2 * (i % 2) as f32 + 0.05 * (i % 9) as f32 + shift * (i % 2) as f32) / 2.0;
            Matrix::new(300, 1, (0..300).map(score).collect())
        };
        let (tasks, options) = ([task(TaskKind::Binary)], BootstrapOptions::default());
        let same = compare(&tasks, &views, &scores(0.1), &scores(0.1), &options);
        assert!(same[0].metrics.values().all(|e| [e.value, e.low, e.high] == [Some(0.0); 3]), "{same:?}");
        let better = compare(&tasks, &views, &scores(0.1), &scores(0.0), &options);
        let worse = compare(&tasks, &views, &scores(0.0), &scores(0.1), &options);
        let each = |shift| evaluate(&tasks, &views, &scores(shift), &options)[0].metrics["auroc"];
        let auroc = better[0].metrics["auroc"];
        assert!(auroc.low.unwrap() > 0.0);
        assert!((auroc.value.unwrap() - (each(0.1).value.unwrap() - each(0.0).value.unwrap())).abs() < 1e-12);
        assert_eq!(worse[0].metrics["auroc"].low, auroc.high.map(|high| -high));
        // Narrower than the difference of independent samples would be.
        let width = |e: Estimate| e.high.unwrap() - e.low.unwrap();
        assert!(width(auroc) < width(each(0.0)).hypot(width(each(0.1))));
        let broken = Matrix::new(300, 1, vec![f32::NAN; 300]);
        let broken = compare(&tasks, &views, &scores(0.1), &broken, &options);
        assert!(broken[0].metrics.values().all(|e| *e == Estimate::default()));
    }

    #[test]
    fn counts_are_judged_as_numbers_and_cannot_be_negative() {
        let labels: [&[f64]; 4] = [&[0.0], &[3.0], &[-1.0], &[1.5]];
        let predictions = Matrix::new(4, 1, vec![0.0, 3.0, 7.0, 2.5]);
        let metrics = evaluate(&[task(TaskKind::Counts)], &labels, &predictions, &BootstrapOptions::default());
        assert_eq!((metrics[0].kind.as_str(), metrics[0].n, metrics[0].unknown), ("counts", 3, 1));
        assert_eq!(metrics[0].metrics["mae"].value, Some(1.0 / 3.0));
    }

    #[test]
    fn no_rows_and_broken_predictions_give_none() {
        let classes = TaskKind::Classes { classes: vec!["a".into(), "b".into()] };
        for kind in [TaskKind::Binary, classes, TaskKind::Regression, TaskKind::Counts] {
            let t = task(kind);
            let outputs = t.outputs();
            let empty = Matrix::new(0, outputs, vec![]);
            let metrics = evaluate(std::slice::from_ref(&t), &[], &empty, &BootstrapOptions::default());
            assert!(metrics[0].metrics.values().all(|e| *e == Estimate::default()), "{metrics:?}");
            let labels: [&[f64]; 2] = [&[1.0], &[0.0]];
            let broken = Matrix::new(2, outputs, vec![f32::NAN; 2 * outputs]);
            let metrics = evaluate(std::slice::from_ref(&t), &labels, &broken, &BootstrapOptions::default());
            assert!(metrics[0].metrics.values().all(|e| *e == Estimate::default()), "{metrics:?}");
            assert_eq!(metrics[0].n, 2);
        }
    }

    #[test]
    fn intervals_hold_the_value_and_repeat() {
        let labels: Vec<[f64; 1]> = (0..200).map(|i| [f64::from(i % 2)]).collect();
        let views: Vec<&[f64]> = labels.iter().map(|l| &l[..]).collect();
        let scores = (0..200).map(|i| 0.3 + 0.3 * (i % 2) as f32 + 0.04 * (i % 9) as f32).collect();
        let predictions = Matrix::new(200, 1, scores);
        let run = |seed| {
            let options = BootstrapOptions { seed, ..Default::default() };
            evaluate(&[task(TaskKind::Binary)], &views, &predictions, &options)
        };
        for (name, e) in &run(1)[0].metrics {
            let (low, value, high) = (e.low.unwrap(), e.value.unwrap(), e.high.unwrap());
            // The calibration error of a resample is biased upwards, so its interval need not hold the value.
            assert!(low <= high && (name == "calibration_error" || (low <= value && value <= high)), "{name} {e:?}");
        }
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        let json = serde_json::to_string(&run(1)).unwrap();
        assert_eq!(serde_json::from_str::<Vec<TaskMetrics>>(&json).unwrap()[0].n, 200);
    }
}
