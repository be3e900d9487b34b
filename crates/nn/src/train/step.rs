//! One step: scores, loss, gradients.

use super::TrainError;
use crate::engine::{Input, Statistics, on_processor};
use crate::loss::{LossSums, Objective, Target};
use crate::model::values;
use crate::network::{Leaves, Mode, Plan, Weights, forward_batch};
use basewise_core::{Matrix, SequenceBatch};
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
    /// Labels of the sequences.
    pub(crate) targets: &'a [Target<'a>],
    /// Weights of the known labels of each task in all parts together; `None` if this is the only one.
    pub(crate) totals: Option<&'a [f64]>,
}

/// [`gradients_of`] a whole batch with the default losses.
#[cfg(test)]
pub(crate) fn gradients(
    plan: &Plan,
    weights: &Weights,
    tasks: &[basewise_core::Task],
    batch: &SequenceBatch,
    labels: &[&[f64]],
    mode: Mode,
    device: &Device,
) -> Result<Gradients, TrainError> {
    let targets = crate::loss::plain_targets(labels);
    let part = Part { batch, targets: &targets, totals: None };
    gradients_of(plan, weights, &Objective::usual(tasks), &part, mode, device)
}

/// Runs a batch forwards and its loss backwards.
pub(crate) fn gradients_of(
    plan: &Plan,
    weights: &Weights,
    objective: &Objective,
    part: &Part<'_>,
    mode: Mode,
    device: &Device,
) -> Result<Gradients, TrainError> {
    if !on_processor(device) {
        return on_device(plan, weights, objective, part, mode, &device.clone().autodiff());
    }
    let mut parameters = plan.engines.gradients();
    let (sums, statistics) = plan.engines.with(plan, |engine| {
        engine.gradients(weights, Input::Codes(part.batch), mode, &mut parameters, |scores| {
            let scores = Matrix::new(part.batch.len(), plan.outputs, scores.to_vec());
            objective.loss_and_gradient(&scores, part.targets, part.totals)
        })
    });
    let buffers = running(plan, weights, part.batch.len(), statistics);
    Ok(Gradients { sums, parameters, buffers })
}

/// [`gradients_of`] a batch on an autodiff device of Burn's.
pub(crate) fn on_device(
    plan: &Plan,
    weights: &Weights,
    objective: &Objective,
    part: &Part<'_>,
    mode: Mode,
    device: &Device,
) -> Result<Gradients, TrainError> {
    let batch = part.batch;
    let leaves = Leaves::new(weights, device);
    let out = forward_batch(plan, &leaves, batch, device, mode);
    let shape = [batch.len(), plan.outputs];
    let scores = values(out.scores.clone()).map_err(TrainError::Device)?;
    let scores = Matrix::new(shape[0], shape[1], scores);
    let (sums, slopes) = objective.loss_and_gradient(&scores, part.targets, part.totals);
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
        let count = step.map_or(1, |step| n * plan.passes(step) * step.input.length) as f32;
        if count < 2.0 {
            // Of one value there is no variance.
            continue;
        }
        let unbiased = count / (count - 1.0);
        buffers.push((buffer, blend(&weights.buffers[buffer].values, &mean, 1.0)));
        buffers.push((buffer + 1, blend(&weights.buffers[buffer + 1].values, &variance, unbiased)));
    }
    buffers
}

fn blend(old: &[f32], new: &[f32], factor: f32) -> Vec<f32> {
    old.iter().zip(new).map(|(old, new)| (1.0 - MOMENTUM) * old + MOMENTUM * factor * new).collect()
}
