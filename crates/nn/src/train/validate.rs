//! Loss and metric on the validation split.

use super::TrainError;
use super::batches::plain;
use super::windows::{Window, Windows};
use crate::engine::Placed;
use crate::loss::{LossSums, loss};
use crate::model::predict_rows;
use crate::network::{Plan, Weights};
use basewise_core::metrics::{auroc, pearson};
use basewise_core::{Matrix, SequenceBatch, Task, TaskKind};
use burn_tensor::Device;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

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

/// Scores and labels of the rows so far: all that the metrics need of them.
struct Judged {
    sums: LossSums,
    scores: Vec<f32>,
    labels: Vec<f64>,
}

/// Predicts all examples, `rows` at once, and judges the scores. With `ahead`, the next window of a split that does not
/// fit memory is read meanwhile.
pub(super) fn validate(
    plan: &Plan,
    weights: &Weights,
    examples: &Windows<'_>,
    rows: usize,
    device: &Device,
    ahead: bool,
) -> Result<Validation, TrainError> {
    let tasks = &examples.header().tasks;
    let placed = Placed::new(weights, device);
    let scores_of =
        |batch: &SequenceBatch| predict_rows(plan, weights, &placed, batch, device).map_err(TrainError::Device);
    let (scores, labels) =
        (Vec::with_capacity(examples.len() * plan.outputs), Vec::with_capacity(examples.len() * tasks.len()));
    let mut judged = Judged { sums: LossSums::new(tasks.len()), scores, labels };
    let mut judge = |window: Arc<Window>| -> Result<(), TrainError> {
        let count = window.rows.len();
        for start in (0..count).step_by(rows) {
            let range = start..count.min(start + rows);
            let part = scores_of(&plain(&window.rows, range.clone(), examples.header()))?;
            let labels: Vec<&[f64]> = range.clone().map(|row| window.rows.labels(row)).collect();
            judged.sums.add(&loss(tasks, &Matrix::new(range.len(), plan.outputs, part.clone()), &labels));
            judged.scores.extend(part);
            labels.into_iter().for_each(|row| judged.labels.extend_from_slice(row));
        }
        Ok(())
    };
    each_window(examples, ahead && !examples.fits(), &mut judge)?;
    let scores = Matrix::new(examples.len(), plan.outputs, judged.scores);
    Ok(Validation { loss: judged.sums.mean(), metric: metric(tasks, &scores, &judged.labels) })
}

/// Visits the windows in order, the next one being read meanwhile if `ahead`.
fn each_window(
    examples: &Windows<'_>,
    ahead: bool,
    visit: &mut dyn FnMut(Arc<Window>) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let stop = AtomicBool::new(false);
    let mut windows = examples.in_order(&stop);
    if !ahead {
        return windows.try_for_each(|window| visit(window?));
    }
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(0);
        let read = move || windows.try_for_each(|window| sender.send(window)).unwrap_or_default();
        std::thread::Builder::new().name("validation reader".into()).spawn_scoped(scope, read)?;
        let judged = receiver.into_iter().try_for_each(|window| visit(window?));
        stop.store(true, Ordering::Relaxed);
        judged
    })
}

/// The mean over the tasks that [`metric_name`] is about, where it is defined; `labels` has one number a task for each
/// row of the scores.
fn metric(tasks: &[Task], scores: &Matrix, labels: &[f64]) -> Option<f64> {
    let name = metric_name(tasks);
    let mut column = 0;
    let mut values = Vec::new();
    for (t, task) in tasks.iter().enumerate() {
        let first = column;
        column += task.outputs();
        let label = |row: usize| labels[row * tasks.len() + t];
        let known: Vec<usize> = (0..scores.rows()).filter(|&i| !label(i).is_nan()).collect();
        let labels: Vec<f64> = known.iter().map(|&i| label(i)).collect();
        let own = || -> Vec<f64> { known.iter().map(|&i| f64::from(scores.row(i)[first])).collect() };
        values.extend(match (&task.kind, name) {
            (TaskKind::Binary, "auroc") => auroc(&labels, &own()),
            (TaskKind::Classes { .. }, "accuracy") => {
                let right = known
                    .iter()
                    .zip(&labels)
                    .filter(|&(&i, &label)| top(&scores.row(i)[first..column]) == label as usize);
                Some(right.count() as f64 / known.len() as f64).filter(|_| !known.is_empty())
            }
            (TaskKind::Regression, "pearson") => pearson(&labels, &own()),
            _ => None,
        });
    }
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn top(scores: &[f32]) -> usize {
    (0..scores.len()).reduce(|a, b| if scores[b] > scores[a] { b } else { a }).unwrap_or(0)
}
