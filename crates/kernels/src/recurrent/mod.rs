//! LSTM and GRU over a whole sequence, forward and backward.
//!
//! A call runs one direction of a layer over a block of examples on the calling thread; directions and blocks are
//! independent, and who calls cuts the work at borders that depend on shapes only. Arrays are `[batch, length,
//! channels]`, row-major; the states before the first step are zero. A reversed direction takes the positions from the
//! last to the first, and its output for a position lies at that position.
//!
//! The input's share of the gates is one product for a block of steps; a step then costs one product of the hidden
//! states with the hidden weights and one pass over the gates. Backward leaves the gradients of the gates of all
//! positions in [`lstm::Saved`] or [`gru::Saved`], so that the gradients of both weights and of the input are one
//! product each.

mod backward;
mod forward;
pub mod gru;
pub mod lstm;
mod pass;
mod rows;
#[cfg(test)]
mod tests;

pub use backward::InputGradient;
pub use rows::Output;

use crate::matrix::Packed;

/// Positions of all examples that one product takes: enough that it runs at full speed, few enough that its result, or
/// what it reads, stays in the cache.
const BLOCK_ROWS: usize = 256;

/// The shape and the direction of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels of the input.
    pub channels: usize,
    /// Hidden units, the channels of the output.
    pub hidden: usize,
    /// Positions of an example.
    pub length: usize,
    /// From the last position to the first.
    pub reverse: bool,
}

impl Shape {
    /// The position that a step takes, both counted from 0.
    fn position(&self, step: usize) -> usize {
        if self.reverse { self.length - 1 - step } else { step }
    }

    /// Whether there is nothing to compute for `n` examples.
    fn is_empty(&self, n: usize) -> bool {
        n == 0 || self.length == 0 || self.hidden == 0
    }
}

/// Working memory of a call. It grows to the largest call and is then used again without allocation; its content
/// means nothing between calls.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// Input of a block of steps, `[steps, n, channels]`.
    input: Vec<f32>,
    /// The input's share of the gates of a block of steps, `[steps, n, gates]`.
    projection: Vec<f32>,
    /// The hidden states' share of the gates of a step, or their gradient, `[n, gates]`.
    gates: Vec<f32>,
    /// Hidden states of a step, or their gradient, `[n, hidden]`.
    state: Vec<f32>,
    /// Cell states of a step, or their gradient, `[n, hidden]`.
    cell: Vec<f32>,
    /// The states before the first step, `[hidden]`.
    zeros: Vec<f32>,
    /// Transposed input or hidden states of some positions, `[channels or hidden, positions]`.
    turned: Vec<f32>,
}

/// What forward saved belongs to these calls of backward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Filled {
    n: usize,
    shape: Shape,
}

/// Asserts the shapes of the input and the hidden weights.
fn check_weights(shape: &Shape, gates: usize, input: &Packed, hidden: &Packed) {
    let width = gates * shape.hidden;
    assert_eq!(input.shape(), (shape.channels, width), "input weights of another shape");
    assert_eq!(hidden.shape(), (shape.hidden, width), "hidden weights of another shape");
}

/// Asserts the shapes of the transposed input and hidden weights.
fn check_transposed(shape: &Shape, gates: usize, input: &Packed, hidden: &Packed) {
    let width = gates * shape.hidden;
    assert_eq!(input.shape(), (width, shape.channels), "transposed input weights of another shape");
    assert_eq!(hidden.shape(), (width, shape.hidden), "transposed hidden weights of another shape");
}

/// The first `len` numbers of a buffer that grows if it has to.
fn sized(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}

/// The first `len` numbers of a buffer, all zero.
fn zeroed(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    let values = sized(buffer, len);
    values.fill(0.0);
    values
}
