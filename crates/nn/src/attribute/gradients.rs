//! Gradients of a raw output with respect to the one-hot input.

use super::references::References;
use crate::engine::on_processor;
use crate::model::{Model, parts, values};
use crate::network::{Leaves, Mode, forward, side};
use basewise_core::{PredictError, SequenceBatch};
use burn_tensor::{Tensor, TensorData};

/// Why attributions could not be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributionError {
    /// The model has fewer outputs.
    #[error("expected an output 0 to {}, found {found}", .outputs.saturating_sub(1))]
    Output {
        /// What was asked for, counted from 0.
        found: usize,
        /// Outputs of the model.
        outputs: usize,
    },
    /// The references do not fit the sequences.
    #[error("{0}")]
    References(String),
    /// The sequences do not fit the model, or the device failed.
    #[error(transparent)]
    Predict(#[from] PredictError),
}

/// The gradient of raw output `output` (a logit, or a value for regression) with respect to the four base channels,
/// row-major `[n, 4, length]` (Simonyan et al. 2013, with its sign). A channel beyond the bases is left out.
///
/// # Errors
/// If there is no such output, or the sequences do not fit the model.
pub fn saliency(model: &Model, batch: &SequenceBatch, output: usize) -> Result<Vec<f32>, AttributionError> {
    let outputs = model.plan.outputs;
    if output >= outputs {
        return Err(AttributionError::Output { found: output, outputs });
    }
    model.check(batch)?;
    let mut all = Vec::with_capacity(batch.len() * 4 * batch.length());
    for part in parts(batch, model.batch_rows()) {
        let size = part.encoding().channels() * part.length();
        let gradient = at_numbers(model, &part.one_hot(), part.side(), part.len(), output)?;
        for one in gradient.chunks_exact(size) {
            all.extend_from_slice(&one[..4 * part.length()]);
        }
    }
    Ok(all)
}

/// Whether there is such an output, and whether sequences and references fit.
pub(super) fn check(
    model: &Model,
    batch: &SequenceBatch,
    references: &References,
    output: usize,
) -> Result<(), AttributionError> {
    let outputs = model.plan.outputs;
    if output >= outputs {
        return Err(AttributionError::Output { found: output, outputs });
    }
    model.check(batch)?;
    references.fault(batch).map_or(Ok(()), |fault| Err(AttributionError::References(fault)))
}

/// The gradient `[n, channels, length]` at any input of that shape, with `[n, width]` numbers beside it.
pub(super) fn at_numbers(
    model: &Model,
    x: &[f32],
    side: &[f32],
    n: usize,
    output: usize,
) -> Result<Vec<f32>, AttributionError> {
    if on_processor(&model.device) { Ok(by_engine(model, x, side, output)) } else { by_burn(model, x, side, n, output) }
}

/// The gradient on the processor.
fn by_engine(model: &Model, x: &[f32], side: &[f32], output: usize) -> Vec<f32> {
    let plan = &model.plan;
    let slopes =
        |scores: &[f32]| (0..scores.len()).map(|at| f32::from(u8::from(at % plan.outputs == output))).collect();
    plan.engines.with(plan, |engine| engine.input_gradient(&model.weights, x, side, Mode::Evaluate, slopes))
}

/// The same on another device.
fn by_burn(model: &Model, x: &[f32], beside: &[f32], n: usize, output: usize) -> Result<Vec<f32>, AttributionError> {
    let device = model.device.clone().autodiff();
    // Only the input gathers gradients, so the weights stay off the tape.
    let leaves = Leaves::frozen(&model.weights, &device);
    let shape = [n, model.plan.input.channels, model.plan.input.length];
    let (size, x): (usize, Tensor<3>) = (x.len(), Tensor::from_data(TensorData::new(x.to_vec(), shape), &device));
    let x = x.require_grad();
    let side = side(beside, n, &device);
    let score = forward(&model.plan, &leaves, x.clone(), &side, Mode::Evaluate).scores.narrow(1, output, 1).sum();
    // A score that the sequence does not reach has no tape.
    let gradient = score.is_tracked().then(|| score.backward()).and_then(|mut tape| x.grad_remove(&mut tape));
    match gradient {
        Some(gradient) => Ok(device_values(gradient)?),
        None => Ok(vec![0.0; size]),
    }
}

/// Takes from each position of `[n, 4, length]` the mean over its bases: the part of a gradient that leaves the space of
/// sequences, where the four numbers of a position always sum to one, and says nothing about them (Majdandzic et al.
/// 2023).
pub fn centre_bases(values: &mut [f32], length: usize) {
    for one in values.chunks_exact_mut((4 * length).max(1)) {
        for position in 0..length {
            let mean = (0..4).map(|base| one[base * length + position]).sum::<f32>() / 4.0;
            (0..4).for_each(|base| one[base * length + position] -= mean);
        }
    }
}

pub(super) fn device_values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, PredictError> {
    values(tensor).map_err(PredictError::Device)
}
