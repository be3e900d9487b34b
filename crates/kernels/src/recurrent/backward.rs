//! What LSTM and GRU share backward: the products over all positions.

use super::{BLOCK_ROWS, Shape, sized};
use crate::matrix::{Packed, multiply, multiply_plain};
use crate::simd::Level;

/// Rows that a gradient of weights takes at once: many, because each time it goes through all weights, but no more than
/// the second cache holds of their transposes. Such a product is about a fifth faster than one of rows as they are,
/// because it reads the gates' gradients, which lie thousands of bytes apart, only once.
const TURNED_ROWS: usize = 512;

/// Where the gradient of the input goes, `[n, length, channels]`.
#[derive(Debug)]
pub enum InputGradient<'a> {
    /// Nowhere, as for the first layer of a network.
    Skip,
    /// To this array, whatever it held.
    Overwrite(&'a mut [f32]),
    /// Added to this array, as for the second direction of a layer.
    Accumulate(&'a mut [f32]),
}

impl InputGradient<'_> {
    /// Asserts room for `n` examples of a shape.
    pub(super) fn check(&self, shape: &Shape, n: usize) {
        if let Self::Overwrite(dx) | Self::Accumulate(dx) = self {
            assert_eq!(dx.len(), n * shape.length * shape.channels, "the gradient of the input is of another size");
        }
    }
}

/// The gradients of the gates of all positions, in rows `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct GateGradients<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
    /// Gates times hidden units.
    pub(super) width: usize,
}

/// Where the gradients of some columns of a weight matrix are added, in rows `stride` apart.
pub(super) struct WeightGradient<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) stride: usize,
}

/// The gradients of the input and of the input weights, from those of the gates.
pub(super) fn input_products(
    level: Level,
    shape: &Shape,
    n: usize,
    x: &[f32],
    transposed: &Packed,
    gates: GateGradients<'_>,
    dx: InputGradient<'_>,
    weight: WeightGradient<'_>,
    turned: &mut Vec<f32>,
) {
    let (rows, channels) = (n * shape.length, shape.channels);
    let (dx, accumulate) = match dx {
        InputGradient::Skip => (None, false),
        InputGradient::Overwrite(dx) => (Some(dx), false),
        InputGradient::Accumulate(dx) => (Some(dx), true),
    };
    let pieces = dx.into_iter().flat_map(|dx| dx.chunks_mut(BLOCK_ROWS * channels.max(1)));
    for (dx, values) in pieces.zip(gates.values.chunks(BLOCK_ROWS * gates.stride)) {
        multiply(dx.len() / channels, values, gates.stride, transposed, dx, channels, accumulate);
    }
    add_product(level, (rows, channels), (x, channels), gates, weight, turned);
}

/// Adds `aᵀ` times the gradients of the gates; `a` is `[rows, m]` with rows a stride apart.
fn add_product(
    level: Level,
    (rows, m): (usize, usize),
    (a, a_stride): (&[f32], usize),
    gates: GateGradients<'_>,
    weight: WeightGradient<'_>,
    turned: &mut Vec<f32>,
) {
    let GateGradients { values, stride, width } = gates;
    for first in (0..rows).step_by(TURNED_ROWS) {
        let k = TURNED_ROWS.min(rows - first);
        let turned = sized(turned, m * k);
        transpose((k, m), (&a[first * a_stride..], a_stride), turned);
        let values = &values[first * stride..];
        let c = (&mut *weight.values, weight.stride);
        multiply_plain(level, (m, k, width), (turned, k), (values, stride), c, true);
    }
}

/// `to`, `[m, rows]`, is the transpose of `a`, `[rows, m]` with rows a stride apart.
fn transpose((rows, m): (usize, usize), (a, a_stride): (&[f32], usize), to: &mut [f32]) {
    // Square tiles, so that the lines of both sides are still in the cache for the next number.
    const TILE: usize = 16;
    for row in (0..rows).step_by(TILE) {
        let some = TILE.min(rows - row);
        for column in (0..m).step_by(TILE) {
            for j in column..m.min(column + TILE) {
                let to = &mut to[j * rows + row..][..some];
                to.iter_mut().enumerate().for_each(|(i, v)| *v = a[(row + i) * a_stride + j]);
            }
        }
    }
}

/// Zeroes the rows of the first step, which has no hidden states before it; [`hidden_product`] can then take the
/// positions of all examples as one sequence. Each row has `width` numbers.
pub(super) fn clear_first_step(shape: &Shape, gates: &mut [f32], width: usize) {
    for example in gates.chunks_exact_mut(shape.length * width) {
        example[shape.position(0) * width..][..width].fill(0.0);
    }
}

/// Adds the gradient of some columns of the hidden weights: the hidden states `y` before each step times the gradients
/// of the gates in it. The rows of the first step are zero.
pub(super) fn hidden_product(
    level: Level,
    shape: &Shape,
    n: usize,
    (y, y_stride): (&[f32], usize),
    gates: GateGradients<'_>,
    weight: WeightGradient<'_>,
    turned: &mut Vec<f32>,
) {
    let rows = n * shape.length - 1;
    if rows == 0 {
        return;
    }
    // The hidden states before position t are those of t - 1, or of t + 1 in reverse. Across the border of two examples
    // the product meets a row of zeros.
    let (y, values) = if shape.reverse { (&y[y_stride..], gates.values) } else { (y, &gates.values[gates.stride..]) };
    let gates = GateGradients { values, ..gates };
    add_product(level, (rows, shape.hidden), (y, y_stride), gates, weight, turned);
}
