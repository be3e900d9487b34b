//! Convolutions to a few filters, such as the profile of a BPNet.
//!
//! With one filter, a product has one column, and vectors are nearly empty. So here every position is multiplied by all
//! taps at once, `[length, channels]` by `[channels, width * filters]`, and an output is the sum along a diagonal of
//! that. On the way back the gradients of the outputs are laid out along those diagonals first.

use super::{Activation, Shape};
use crate::Level;
use crate::matrix::{Packed, multiply, multiply_transposed};
use std::cell::RefCell;

/// Most filters of a narrow convolution.
const MOST_FILTERS: usize = 4;
/// Taps times filters, at least, so that vectors are full.
const LEAST_COLUMNS: usize = 16;

impl Shape {
    pub(super) fn is_narrow(&self) -> bool {
        self.groups == 1 && self.filters <= MOST_FILTERS && self.filters * self.width >= LEAST_COLUMNS
    }

    /// Taps times filters.
    fn columns(&self) -> usize {
        self.width * self.filters
    }

    /// Outputs whose tap is inside, and the position that the first of them sees.
    fn inside(&self, tap: usize) -> (std::ops::Range<usize>, usize) {
        let shift = tap * self.dilation;
        let first = self.left.saturating_sub(shift).div_ceil(self.stride);
        let end = (self.left + self.length).saturating_sub(shift).div_ceil(self.stride).min(self.outputs);
        if first < end { (first..end, first * self.stride + shift - self.left) } else { (0..0, 0) }
    }
}

pub(super) fn pack_forward(level: Level, s: &Shape, weights: &[f32]) -> Packed {
    let value = |c: usize, column: usize| weights[(column % s.filters * s.channels + c) * s.width + column / s.filters];
    Packed::from_fn(level, s.channels, s.columns(), value)
}

pub(super) fn pack_backward(level: Level, s: &Shape, weights: &[f32]) -> Packed {
    let value = |column: usize, c: usize| weights[(column % s.filters * s.channels + c) * s.width + column / s.filters];
    Packed::from_fn(level, s.columns(), s.channels, value)
}

thread_local! {
    static PRODUCTS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// `[length, columns]` numbers of any value.
fn with_products<T>(s: &Shape, work: impl FnOnce(&mut [f32]) -> T) -> T {
    PRODUCTS.with_borrow_mut(|products| {
        let size = s.length * s.columns();
        if products.len() < size {
            products.resize(size, 0.0);
        }
        work(&mut products[..size])
    })
}

pub(super) fn forward(s: &Shape, x: &[f32], weights: &Packed, bias: &[f32], then: Activation, y: &mut [f32]) {
    let (inputs, outputs) = (s.length * s.channels, s.outputs * s.filters);
    if inputs == 0 || outputs == 0 {
        return y.chunks_exact_mut(s.filters).for_each(|y| y.copy_from_slice(bias));
    }
    for (x, y) in x.chunks_exact(inputs).zip(y.chunks_exact_mut(outputs)) {
        y.chunks_exact_mut(s.filters).for_each(|y| y.copy_from_slice(bias));
        with_products(s, |products| {
            multiply(s.length, x, s.channels, weights, products, s.columns(), false);
            for tap in 0..s.width {
                let (range, position) = s.inside(tap);
                for (i, output) in range.enumerate() {
                    let from = (position + i * s.stride) * s.columns() + tap * s.filters;
                    let y = &mut y[output * s.filters..(output + 1) * s.filters];
                    y.iter_mut().zip(&products[from..]).for_each(|(y, product)| *y += product);
                }
            }
        });
        if then == Activation::Relu {
            y.iter_mut().for_each(|y| *y = if *y < 0.0 { 0.0 } else { *y });
        }
    }
}

/// The gradients of one sequence's outputs along the diagonals.
fn spread(s: &Shape, dy: &[f32], products: &mut [f32]) {
    products.fill(0.0);
    for tap in 0..s.width {
        let (range, position) = s.inside(tap);
        for (i, output) in range.enumerate() {
            let to = (position + i * s.stride) * s.columns() + tap * s.filters;
            products[to..to + s.filters].copy_from_slice(&dy[output * s.filters..(output + 1) * s.filters]);
        }
    }
}

pub(super) fn input_gradient(s: &Shape, dy: &[f32], weights: &Packed, add: bool, dx: &mut [f32]) {
    let outputs = s.outputs * s.filters;
    for (i, dx) in dx.chunks_exact_mut((s.length * s.channels).max(1)).enumerate() {
        with_products(s, |products| {
            spread(s, &dy[i * outputs..(i + 1) * outputs], products);
            multiply(s.length, products, s.columns(), weights, dx, s.channels, add);
        });
    }
}

/// Adds to `dw`, `[width * filters, channels]`.
pub(super) fn weight_gradient(level: Level, s: &Shape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let (outputs, shape) = (s.outputs * s.filters, (s.length, s.columns(), s.channels));
    for (i, x) in x.chunks_exact((s.length * s.channels).max(1)).enumerate() {
        with_products(s, |products| {
            spread(s, &dy[i * outputs..(i + 1) * outputs], products);
            multiply_transposed(level, shape, products, s.columns(), x, s.channels, dw, s.channels, true);
        });
    }
}

/// The gradient in the order of the weights, `[filters, channels, width]`.
pub(super) fn unpack(s: &Shape, dw: &[f32], out: &mut [f32]) {
    for (at, out) in out.iter_mut().enumerate() {
        let (filter, c, tap) = (at / (s.channels * s.width), at / s.width % s.channels, at % s.width);
        *out = dw[(tap * s.filters + filter) * s.channels + c];
    }
}
