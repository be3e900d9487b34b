//! Loss and metric on the validation split.

use super::TrainError;
use super::batches::plain;
use super::windows::{Window, Windows};
use crate::engine::Placed;
use crate::loss::{LossSums, Objective};
use crate::model::predict_rows;
use crate::network::{Plan, Weights};
use basewise_core::metrics::{auroc, pearson};
use basewise_core::{Matrix, Profile, SequenceBatch, Task, TaskKind, label_ranges};
use burn_tensor::Device;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

/// How well weights do on examples that they were not fitted to.
pub(super) struct Validation {
    pub(super) loss: f64,
    pub(super) metric: Option<f64>,
}

/// The metric that fits the tasks: binary tasks before classes before profiles before other numbers.
pub fn metric_name(tasks: &[Task]) -> &'static str {
    if tasks.iter().any(|task| task.kind == TaskKind::Binary) {
        "auroc"
    } else if tasks.iter().any(|task| matches!(task.kind, TaskKind::Classes { .. })) {
        "accuracy"
    } else if tasks.iter().any(|task| matches!(task.kind, TaskKind::Profile(_))) {
        "profile_pearson"
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
    objective: &Objective,
    examples: &Windows<'_>,
    rows: usize,
    device: &Device,
    ahead: bool,
) -> Result<Validation, TrainError> {
    let tasks = &examples.header().tasks;
    let placed = Placed::new(weights, device);
    let scores_of =
        |batch: &SequenceBatch| predict_rows(plan, weights, &placed, batch, device).map_err(TrainError::Device);
    let (scores, labels) = (Vec::with_capacity(examples.len() * plan.outputs), Vec::new());
    let mut judged = Judged { sums: objective.no_sums(), scores, labels };
    let mut judge = |window: Arc<Window>| -> Result<(), TrainError> {
        let count = window.rows.len();
        for start in (0..count).step_by(rows) {
            let range = start..count.min(start + rows);
            let batch = plain(&window.rows, range.clone(), examples.header());
            let part = scores_of(&batch.sequences)?;
            let scores = Matrix::new(range.len(), plan.outputs, part.clone());
            let targets = batch.targets();
            judged.sums.add(&objective.loss(&scores, &targets));
            targets.iter().for_each(|target| judged.labels.extend_from_slice(target.labels));
            judged.scores.extend(part);
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

/// The mean over the tasks that [`metric_name`] is about, where it is defined; `labels` has the labels of all tasks for
/// each row of the scores.
fn metric(tasks: &[Task], scores: &Matrix, labels: &[f64]) -> Option<f64> {
    let name = metric_name(tasks);
    let mut column = 0;
    let mut values = Vec::new();
    let ranges = label_ranges(tasks, 0);
    let width = ranges.last().map_or(0, |range| range.end);
    for (task, range) in tasks.iter().zip(ranges) {
        let first = column;
        column += task.outputs();
        if let (TaskKind::Profile(profile), "profile_pearson") = (&task.kind, name) {
            let row = |i: usize| (&labels[i * width..][range.clone()], &scores.row(i)[first..column]);
            values.extend(shape_correlation(profile, (0..scores.rows()).map(row)));
            continue;
        }
        let label = |row: usize| labels[row * width + range.start];
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
            (TaskKind::Counts, "pearson") => pearson(&labels, &own().into_iter().map(f64::exp).collect::<Vec<_>>()),
            _ => None,
        });
    }
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The mean correlation of signal and predicted shape over rows and tracks, where it is defined.
fn shape_correlation<'r>(profile: &Profile, rows: impl Iterator<Item = (&'r [f64], &'r [f32])>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for (labels, scores) in rows {
        for (labels, scores) in labels.chunks(profile.bins).zip(scores.chunks(profile.bins)) {
            let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let shape: Vec<f64> = scores.iter().map(|&score| f64::from(score - top).exp()).collect();
            if let Some(value) = pearson(labels, &shape) {
                (sum, count) = (sum + value, count + 1.0);
            }
        }
    }
    (count > 0.0).then(|| sum / count)
}

fn top(scores: &[f32]) -> usize {
    (0..scores.len()).reduce(|a, b| if scores[b] > scores[a] { b } else { a }).unwrap_or(0)
}
