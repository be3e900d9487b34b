//! One step: scores, loss, gradients.

use super::TrainError;
use crate::engine::{Input, Statistics, on_processor};
use crate::loss::{LossSums, loss_and_gradient};
use crate::model::values;
use crate::network::{Leaves, Mode, Plan, Weights, forward_batch};
use basewise_core::{Matrix, SequenceBatch, Task};
use burn_tensor::{Device, Tensor, TensorData};

/// Momentum of the running statistics of batch norm.
const MOMENTUM: f32 = 0.1;

/// What one batch gave.
pub(crate) struct Gradients {
    pub(crate) sums: LossSums,
    /// One array a parameter.
    pub(crate) parameters: Vec<Vec<f32>>,
    /// New running statistics, as `(buffer, values)`.
    pub(crate) buffers: Vec<(usize, Vec<f32>)>,
}

/// A batch, or one of the parts that a step sums over.
pub(crate) struct Part<'a> {
    pub(crate) batch: &'a SequenceBatch,
    /// One row of labels a sequence.
    pub(crate) labels: &'a [&'a [f64]],
    /// Known labels of each task in all parts together; `None` if this is the only one.
    pub(crate) totals: Option<&'a [u64]>,
}

/// The loss of a part with the slope of the whole step's mean loss with respect to each score.
fn weighted_loss(tasks: &[Task], scores: &Matrix, part: &Part<'_>) -> (LossSums, Vec<f32>) {
    let (sums, mut slopes) = loss_and_gradient(tasks, scores, part.labels);
    let Some(totals) = part.totals else { return (sums, slopes) };
    let active = |known: &[u64]| known.iter().filter(|&&count| count > 0).count() as f64;
    let mut factors = Vec::with_capacity(scores.columns());
    for ((task, &own), &total) in tasks.iter().zip(&sums.known).zip(totals) {
        let share = own as f64 * active(&sums.known) / (total.max(1) as f64 * active(totals).max(1.0));
        factors.extend(std::iter::repeat_n(share as f32, task.outputs()));
    }
    slopes.chunks_mut(factors.len().max(1)).for_each(|row| row.iter_mut().zip(&factors).for_each(|(s, f)| *s *= f));
    (sums, slopes)
}

/// [`gradients_of`] a whole batch.
#[cfg(test)]
pub(crate) fn gradients(
    plan: &Plan,
    weights: &Weights,
    tasks: &[Task],
    batch: &SequenceBatch,
    labels: &[&[f64]],
    mode: Mode,
    device: &Device,
) -> Result<Gradients, TrainError> {
    gradients_of(plan, weights, tasks, &Part { batch, labels, totals: None }, mode, device)
}

/// Runs a batch forwards and its loss backwards.
pub(crate) fn gradients_of(
    plan: &Plan,
    weights: &Weights,
    tasks: &[Task],
    part: &Part<'_>,
    mode: Mode,
    device: &Device,
) -> Result<Gradients, TrainError> {
    if !on_processor(device) {
        return on_device(plan, weights, tasks, part, mode, &device.clone().autodiff());
    }
    let mut parameters = plan.engines.gradients();
    let (sums, statistics) = plan.engines.with(plan, |engine| {
        engine.gradients(weights, Input::Codes(part.batch), mode, &mut parameters, |scores| {
            weighted_loss(tasks, &Matrix::new(part.batch.len(), plan.outputs, scores.to_vec()), part)
        })
    });
    let buffers = running(plan, weights, part.batch.len(), statistics);
    Ok(Gradients { sums, parameters, buffers })
}

/// [`gradients_of`] a batch on an autodiff device of Burn's.
pub(crate) fn on_device(
    plan: &Plan,
    weights: &Weights,
    tasks: &[Task],
    part: &Part<'_>,
    mode: Mode,
    device: &Device,
) -> Result<Gradients, TrainError> {
    let batch = part.batch;
    let leaves = Leaves::new(weights, device);
    let out = forward_batch(plan, &leaves, batch, device, mode);
    let shape = [batch.len(), plan.outputs];
    let scores = values(out.scores.clone()).map_err(TrainError::Device)?;
    let (sums, slopes) = weighted_loss(tasks, &Matrix::new(shape[0], shape[1], scores), part);
    // The loss was computed outside the tape; its gradient enters as constant weights of the scores.
    let slopes: Tensor<2> = Tensor::from_data(TensorData::new(slopes, shape), device);
    let mut tape = (out.scores * slopes).sum().backward();
    let mut parameters = Vec::with_capacity(leaves.parameters.len());
    for (leaf, spec) in leaves.parameters.iter().zip(&plan.parameters) {
        parameters.push(match leaf.grad_remove(&mut tape) {
            Some(gradient) => values(gradient).map_err(TrainError::Device)?,
            None => vec![0.0; spec.size()],
        });
    }
    let mut statistics = Vec::with_capacity(out.statistics.len());
    for (buffer, mean, variance) in out.statistics {
        let mean = values(mean).map_err(TrainError::Device)?;
        statistics.push((buffer, mean, values(variance).map_err(TrainError::Device)?));
    }
    let buffers = running(plan, weights, batch.len(), statistics);
    Ok(Gradients { sums, parameters, buffers })
}

/// The running statistics after a batch of `n`, as `(buffer, values)`.
fn running(plan: &Plan, weights: &Weights, n: usize, statistics: Vec<Statistics>) -> Vec<(usize, Vec<f32>)> {
    let mut buffers = Vec::with_capacity(2 * statistics.len());
    for (buffer, mean, variance) in statistics {
        // Values that each channel's statistics are over; the running variance is the unbiased one.
        let step = plan.steps_deep().find(|step| step.buffer == buffer && !step.is_stateless());
        let count = step.map_or(1, |step| n * step.input.length) as f32;
        let unbiased = if count > 1.0 { count / (count - 1.0) } else { 1.0 };
        buffers.push((buffer, blend(&weights.buffers[buffer].values, &mean, 1.0)));
        buffers.push((buffer + 1, blend(&weights.buffers[buffer + 1].values, &variance, unbiased)));
    }
    buffers
}

fn blend(old: &[f32], new: &[f32], factor: f32) -> Vec<f32> {
    old.iter().zip(new).map(|(old, new)| (1.0 - MOMENTUM) * old + MOMENTUM * factor * new).collect()
}
