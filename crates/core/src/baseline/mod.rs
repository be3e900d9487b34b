//! What a network has to beat and no model is needed for, from the same rows: the majority, and the control alone where
//! there is one.
//!
//! They give what [`crate::probabilities`] gives: a probability for a binary task and for each class, a value for a
//! regression or a count, shapes and logarithms of totals for a profile, in the order of the data set's outputs. Rows
//! whose label is unknown take no part in fitting their task.

mod control;
mod profile;

pub use control::control;
pub use profile::Signal;

use crate::metrics::is_known;
use crate::{Dataset, Matrix, TaskKind};

/// The share of each class, or the mean, of `fit_rows`, for every one of `predict_rows`: `[predict_rows, outputs]`. Of a
/// profile, the share of each bin in the signal of all rows, and the mean logarithm of the total.
///
/// Without a known label 0.5, equal shares, or 0.
pub fn majority(dataset: &Dataset, fit_rows: &[usize], predict_rows: &[usize]) -> Matrix {
    let mut row: Vec<f32> = Vec::with_capacity(dataset.outputs());
    for index in 0..dataset.tasks.len() {
        if let TaskKind::Profile(profile) = &dataset.tasks[index].kind {
            row.extend(Signal::of(dataset, profile, index, fit_rows).average());
            continue;
        }
        let labels: Vec<f64> = known_rows(dataset, index, fit_rows).into_iter().map(|(_, y)| y).collect();
        row.extend(prior(&dataset.tasks[index].kind, &labels));
    }
    Matrix::new(predict_rows.len(), row.len(), row.repeat(predict_rows.len()))
}

/// The mean and standard deviation of labels; a deviation of 1 where there is none.
pub fn location(labels: &[f64]) -> (f64, f64) {
    let n = labels.len() as f64;
    let mean = labels.iter().sum::<f64>() / n;
    let variance = labels.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n;
    (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
}

/// Shares or mean of known labels.
fn prior(kind: &TaskKind, labels: &[f64]) -> Vec<f32> {
    let n = labels.len() as f64;
    let share = |class: usize| labels.iter().filter(|&&y| y == class as f64).count() as f64 / n;
    match kind {
        TaskKind::Binary if labels.is_empty() => vec![0.5],
        TaskKind::Binary => vec![share(1) as f32],
        TaskKind::Classes { classes } if labels.is_empty() => vec![1.0 / classes.len() as f32; classes.len()],
        TaskKind::Classes { classes } => (0..classes.len()).map(|class| share(class) as f32).collect(),
        _ if labels.is_empty() => vec![0.0],
        _ => vec![(labels.iter().sum::<f64>() / n) as f32],
    }
}

/// Offsets into `rows` with a known label of the task, and the label.
fn known_rows(dataset: &Dataset, task: usize, rows: &[usize]) -> Vec<(usize, f64)> {
    let all = rows.iter().enumerate().map(|(at, &row)| (at, dataset.label(row, task)));
    all.filter(|&(_, y)| is_known(&dataset.tasks[task].kind, y)).collect()
}

#[cfg(test)]
mod tests;
