//! Gradients of a raw output with respect to the one-hot input.

use crate::engine::on_processor;
use crate::model::{Model, parts, values};
use crate::network::{Leaves, Mode, forward, input, side};
use basewise_core::{PredictError, SequenceBatch};
use burn_tensor::Tensor;

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
        let gradient =
            if on_processor(&model.device) { by_engine(model, &part, output) } else { by_burn(model, &part, output)? };
        for one in gradient.chunks_exact(size) {
            all.extend_from_slice(&one[..4 * part.length()]);
        }
    }
    Ok(all)
}

/// The gradient `[n, channels, length]` on the processor.
fn by_engine(model: &Model, part: &SequenceBatch, output: usize) -> Vec<f32> {
    let (plan, x) = (&model.plan, part.one_hot());
    let slopes =
        |scores: &[f32]| (0..scores.len()).map(|at| f32::from(u8::from(at % plan.outputs == output))).collect();
    plan.engines.with(plan, |engine| engine.input_gradient(&model.weights, &x, part.side(), Mode::Evaluate, slopes))
}

/// The same on another device.
fn by_burn(model: &Model, part: &SequenceBatch, output: usize) -> Result<Vec<f32>, AttributionError> {
    let device = model.device.clone().autodiff();
    // Only the input gathers gradients, so the weights stay off the tape.
    let leaves = Leaves::frozen(&model.weights, &device);
    let x = input(part, &device).require_grad();
    let side = side(part.side(), part.len(), &device);
    let score = forward(&model.plan, &leaves, x.clone(), &side, Mode::Evaluate).scores.narrow(1, output, 1).sum();
    // A score that the sequence does not reach has no tape.
    let gradient = score.is_tracked().then(|| score.backward()).and_then(|mut tape| x.grad_remove(&mut tape));
    match gradient {
        Some(gradient) => Ok(device_values(gradient)?),
        None => Ok(vec![0.0; part.len() * part.encoding().channels() * part.length()]),
    }
}

/// [`saliency`] where the sequence has that base, 0 elsewhere: row-major `[n, 4, length]`.
///
/// # Errors
/// See [`saliency`].
pub fn input_x_gradient(model: &Model, batch: &SequenceBatch, output: usize) -> Result<Vec<f32>, AttributionError> {
    let mut gradient = saliency(model, batch, output)?;
    let length = batch.length();
    for (i, one) in gradient.chunks_exact_mut(4 * length).enumerate() {
        let codes = batch.sequence(i);
        for (at, value) in one.iter_mut().enumerate() {
            if usize::from(codes[at % length].base()) != at / length {
                *value = 0.0;
            }
        }
    }
    Ok(gradient)
}

pub(super) fn device_values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, PredictError> {
    values(tensor).map_err(PredictError::Device)
}
