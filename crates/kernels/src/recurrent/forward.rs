//! What LSTM and GRU share forward: the products.

use super::{BLOCK_ROWS, Scratch, Shape, sized, zeroed};
use crate::matrix::{Packed, multiply};

/// What a step works on; rows are the examples.
pub(super) struct Step<'a> {
    /// The position of the step.
    pub(super) position: usize,
    /// The input's share of the gates, `[n, gates]`.
    pub(super) projection: &'a [f32],
    /// The hidden states' share of the gates, `[n, gates]`.
    pub(super) recurrent: &'a [f32],
    /// The hidden states before the step, which it replaces by those after, `[n, hidden]`.
    pub(super) state: &'a mut [f32],
    /// The cell states before the step, which it replaces by those after, `[n, hidden]`.
    pub(super) cell: &'a mut [f32],
}

/// Runs `step` over the sequence, with `gates` numbers for each example.
pub(super) fn run(
    shape: &Shape,
    n: usize,
    gates: usize,
    x: &[f32],
    input: &Packed,
    hidden: &Packed,
    scratch: &mut Scratch,
    mut step: impl FnMut(Step<'_>),
) {
    let block = BLOCK_ROWS.div_ceil(n).min(shape.length);
    let rows = sized(&mut scratch.input, block * n * shape.channels);
    let projection = sized(&mut scratch.projection, block * n * gates);
    let recurrent = zeroed(&mut scratch.gates, n * gates);
    let state = zeroed(&mut scratch.state, n * shape.hidden);
    let cell = zeroed(&mut scratch.cell, n * shape.hidden);
    for first in (0..shape.length).step_by(block) {
        let steps = block.min(shape.length - first);
        gather(shape, n, x, first, steps, rows);
        multiply(steps * n, rows, shape.channels, input, projection, gates, false);
        for (i, projection) in projection.chunks_exact(n * gates).take(steps).enumerate() {
            if first + i > 0 {
                multiply(n, state, shape.hidden, hidden, recurrent, gates, false);
            }
            step(Step { position: shape.position(first + i), projection, recurrent, state, cell });
        }
    }
}

/// Copies the input of some steps to `rows`, `[steps, n, channels]`.
fn gather(shape: &Shape, n: usize, x: &[f32], first: usize, steps: usize, rows: &mut [f32]) {
    let channels = shape.channels;
    if channels == 0 {
        return;
    }
    for (i, row) in rows.chunks_exact_mut(channels).take(steps * n).enumerate() {
        let from = ((i % n) * shape.length + shape.position(first + i / n)) * channels;
        row.copy_from_slice(&x[from..from + channels]);
    }
}
