//! The first convolution, on sequence codes instead of floats.
//!
//! A general convolution re-arranges its input on every call. Here the input is known to be one-hot, so the matrix whose
//! columns are windows is written straight from the codes, and forward pass and weight gradient are one matrix product
//! each. Gradients with respect to the input take the general path.

use super::Step;
use super::forward::Leaves;
use crate::architecture::{Layer, padding_of};
use basewise_core::SequenceBatch;
use burn_tensor::{Device, Tensor, TensorData};

/// The output `[n, filters, length]` of `step` on a batch, if the step is a convolution without groups.
pub(super) fn convolve(step: &Step, leaves: &Leaves, batch: &SequenceBatch, device: &Device) -> Option<Tensor<3>> {
    let Layer::Conv1d { filters, width, groups: 1, .. } = step.layer else { return None };
    let taps = step.input.channels * width;
    let shape = [batch.len(), taps, step.output.length];
    let windows: Tensor<3> = Tensor::from_data(TensorData::new(windows(step, batch)?, shape), device);
    let weight = leaves.parameters[step.parameter].clone().reshape([1, filters, taps]);
    let bias = leaves.parameters[step.parameter + 1].clone().reshape([1, filters, 1]);
    Some(weight.matmul(windows) + bias)
}

/// `[n, channels * width, length]`: 1 where the base (or mark) of that channel lies under that tap of the window.
fn windows(step: &Step, batch: &SequenceBatch) -> Option<Vec<f32>> {
    let Layer::Conv1d { width, stride, dilation, padding, .. } = step.layer else { return None };
    let (length, outputs) = (step.input.length, step.output.length);
    let (left, _) = padding_of(padding, length, (width - 1) * dilation + 1, stride);
    let size = step.input.channels * width * outputs;
    let mut all = vec![0.0; batch.len() * size];
    for (i, one) in all.chunks_exact_mut(size).enumerate() {
        let codes = batch.sequence(i);
        for tap in 0..width {
            let shift = tap * dilation;
            // Outputs whose tap lies within the sequence: left <= at * stride + shift < left + length.
            let first = left.saturating_sub(shift).div_ceil(stride);
            let end = (left + length).saturating_sub(shift).div_ceil(stride).min(outputs);
            for at in first..end {
                let code = codes[at * stride + shift - left];
                if code.base() < 4 {
                    one[(usize::from(code.base()) * width + tap) * outputs + at] = 1.0;
                }
                if step.input.channels == 5 && code.is_marked() {
                    one[(4 * width + tap) * outputs + at] = 1.0;
                }
            }
        }
    }
    Some(all)
}
