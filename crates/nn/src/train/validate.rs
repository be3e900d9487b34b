//! Loss and metric on the validation split.

use super::batches::Examples;
use crate::loss::{LossSums, loss};
use crate::model::predict_rows;
use crate::network::{Leaves, Plan};
use basewise_core::metrics::{auroc, pearson};
use basewise_core::{Matrix, Task, TaskKind};
use burn_tensor::Device;

/// How well weights do on examples that they were not fitted to.
pub(super) struct Validation {
    pub(super) loss: f64,
    pub(super) metric: Option<f64>,
}

/// The metric that fits the tasks: binary tasks before classes before regression.
pub(super) fn metric_name(tasks: &[Task]) -> &'static str {
    if tasks.iter().any(|task| task.kind == TaskKind::Binary) {
        "auroc"
    } else if tasks.iter().any(|task| matches!(task.kind, TaskKind::Classes { .. })) {
        "accuracy"
    } else {
        "pearson"
    }
}

/// Predicts all examples and judges the scores.
pub(super) fn validate(
    plan: &Plan,
    leaves: &Leaves,
    examples: &Examples,
    tasks: &[Task],
    rows: usize,
    device: &Device,
) -> Result<Validation, String> {
    let mut scores = Vec::with_capacity(examples.len() * plan.outputs);
    let mut sums = LossSums::new(tasks.len());
    for start in (0..examples.len()).step_by(rows) {
        let range = start..examples.len().min(start + rows);
        let part = predict_rows(plan, leaves, &examples.plain(range.clone()), device)?;
        let labels: Vec<&[f64]> = range.clone().map(|row| examples.labels(row)).collect();
        sums.add(&loss(tasks, &Matrix::new(range.len(), plan.outputs, part.clone()), &labels));
        scores.extend(part);
    }
    let scores = Matrix::new(examples.len(), plan.outputs, scores);
    Ok(Validation { loss: sums.mean(), metric: metric(tasks, &scores, examples) })
}

/// The mean over the tasks that [`metric_name`] is about, where it is defined.
fn metric(tasks: &[Task], scores: &Matrix, examples: &Examples) -> Option<f64> {
    let name = metric_name(tasks);
    let mut column = 0;
    let mut values = Vec::new();
    for (t, task) in tasks.iter().enumerate() {
        let first = column;
        column += task.outputs();
        let known: Vec<usize> = (0..examples.len()).filter(|&i| !examples.labels(i)[t].is_nan()).collect();
        let labels: Vec<f64> = known.iter().map(|&i| examples.labels(i)[t]).collect();
        let own: Vec<f64> = known.iter().map(|&i| f64::from(scores.row(i)[first])).collect();
        values.extend(match (&task.kind, name) {
            (TaskKind::Binary, "auroc") => auroc(&labels, &own),
            (TaskKind::Classes { .. }, "accuracy") => {
                let right = known
                    .iter()
                    .zip(&labels)
                    .filter(|&(&i, &label)| top(&scores.row(i)[first..column]) == label as usize);
                Some(right.count() as f64 / known.len() as f64).filter(|_| !known.is_empty())
            }
            (TaskKind::Regression, "pearson") => pearson(&labels, &own),
            _ => None,
        });
    }
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn top(scores: &[f32]) -> usize {
    (0..scores.len()).reduce(|a, b| if scores[b] > scores[a] { b } else { a }).unwrap_or(0)
}
