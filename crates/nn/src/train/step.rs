//! One step: scores, loss, gradients.

use super::TrainError;
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

/// Runs a batch forwards and its loss backwards on an autodiff device.
pub(crate) fn gradients(
    plan: &Plan,
    weights: &Weights,
    tasks: &[Task],
    batch: &SequenceBatch,
    labels: &[&[f64]],
    mode: Mode,
    device: &Device,
) -> Result<Gradients, TrainError> {
    let leaves = Leaves::new(weights, device);
    let out = forward_batch(plan, &leaves, batch, device, mode);
    let shape = [batch.len(), plan.outputs];
    let scores = values(out.scores.clone()).map_err(TrainError::Device)?;
    let (sums, slopes) = loss_and_gradient(tasks, &Matrix::new(shape[0], shape[1], scores), labels);
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
    let mut buffers = Vec::new();
    for (buffer, mean, variance) in out.statistics {
        // Values that each channel's statistics are over; the running variance is the unbiased one.
        let step = plan.steps.iter().find(|step| step.buffer == buffer && !step.is_stateless());
        let count = step.map_or(1, |step| batch.len() * step.input.length) as f32;
        let unbiased = if count > 1.0 { count / (count - 1.0) } else { 1.0 };
        let mean = values(mean).map_err(TrainError::Device)?;
        let variance = values(variance).map_err(TrainError::Device)?;
        buffers.push((buffer, blend(&weights.buffers[buffer].values, &mean, 1.0)));
        buffers.push((buffer + 1, blend(&weights.buffers[buffer + 1].values, &variance, unbiased)));
    }
    Ok(Gradients { sums, parameters, buffers })
}

fn blend(old: &[f32], new: &[f32], factor: f32) -> Vec<f32> {
    old.iter().zip(new).map(|(old, new)| (1.0 - MOMENTUM) * old + MOMENTUM * factor * new).collect()
}
