//! One step of the optimizer: the gradients of all its batches, penalties, clipping, new weights.

use super::TrainError;
use super::batches::Batch;
use super::prepared::Prepared;
use super::step::{Part, gradients_of};
use crate::loss::{LossSums, Target};
use crate::network::{Mode, Weights};
use crate::optimizer::{Optimizer, clip};
use basewise_kernels::optimizer::all_finite;
use burn_tensor::Device;

/// Moves the weights by the batches of one step. Returns their losses, or nothing if loss or gradient is not a finite
/// number; then the weights are as they were.
pub(super) fn update(
    prepared: &Prepared<'_>,
    weights: &mut Weights,
    optimizer: &mut Optimizer,
    batches: &[Batch],
    rate: f64,
    device: &Device,
) -> Result<Option<LossSums>, TrainError> {
    let Prepared { plan, config, objective, penalties, .. } = prepared;
    let targets: Vec<Vec<Target<'_>>> = batches.iter().map(Batch::targets).collect();
    let totals = objective.weights(&targets.concat());
    let mut sums = objective.no_sums();
    let mut total: Vec<Vec<f32>> = Vec::new();
    for (number, (batch, targets)) in batches.iter().zip(&targets).enumerate() {
        // Each batch draws its own dropout.
        let step = optimizer.steps * config.accumulate as u64 + number as u64;
        let part = Part { batch: &batch.sequences, targets, totals: (batches.len() > 1).then_some(&totals) };
        let found = gradients_of(plan, weights, objective, &part, Mode::Train { seed: config.seed, step }, device)?;
        sums.add(&found.sums);
        match total.is_empty() {
            true => total = found.parameters,
            false => {
                add(&mut total, &found.parameters);
                plan.engines.give_gradients(found.parameters);
            }
        }
        for (buffer, values) in found.buffers {
            weights.buffers[buffer].values = values;
        }
    }
    if !(sums.is_empty() || sums.mean().is_finite()) || !total.iter().all(|gradient| all_finite(gradient)) {
        return Ok(None);
    }
    total.iter_mut().enumerate().for_each(|(i, own)| penalties.add(i, &weights.parameters[i].values, own));
    if let Some(limit) = config.clip_gradient {
        clip(&mut total, limit);
    }
    optimizer.begin_step();
    for (i, gradient) in total.iter().enumerate() {
        let array = &mut weights.parameters[i];
        optimizer.update(i, &mut array.values, gradient, rate, array.shape.len() > 1);
    }
    plan.engines.give_gradients(total);
    Ok(Some(sums))
}

fn add(total: &mut [Vec<f32>], more: &[Vec<f32>]) {
    for (total, more) in total.iter_mut().zip(more) {
        total.iter_mut().zip(more).for_each(|(total, more)| *total += more);
    }
}
