//! Convolution along the sequence: forward, input gradient and weight gradient, for any stride, dilation, padding and
//! groups.
//!
//! No array of windows is ever made. With channels side by side, a window is a row of the sequence and its neighbours,
//! so a convolution is a product whose left rows overlap; where the sequence ends, a row of zeros stands in. The
//! weight gradient sums the outer products of shifted inputs and output gradients.

mod gradient;
mod minimal;
mod narrow;
mod rows;
#[cfg(test)]
mod tests;

use crate::Level;
use crate::matrix::{Finish, Packed, Start, multiply_rows};
use crate::size::product;
use rows::{WindowRows, Windows};

/// A convolution of sequences `[length, channels]` to `[outputs, filters]`: output `o` sees positions
/// `o * stride + tap * dilation - left` for `tap` in `0..width`; those outside the sequence are zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels of the input.
    pub channels: usize,
    /// Channels of the output.
    pub filters: usize,
    /// Taps.
    pub width: usize,
    /// Positions between two outputs.
    pub stride: usize,
    /// Positions between two taps.
    pub dilation: usize,
    /// Input and output channels are cut into this many parts that do not see each other.
    pub groups: usize,
    /// Zeros before the sequence.
    pub left: usize,
    /// Positions of the input.
    pub length: usize,
    /// Positions of the output.
    pub outputs: usize,
}

impl Shape {
    fn check(&self) {
        let Self { channels, filters, width, stride, dilation, groups, left, .. } = *self;
        let least = width.min(stride).min(dilation).min(groups).min(channels).min(filters);
        assert!(least > 0, "expected channels, filters, width, stride, dilation and groups above 0, found {self:?}");
        assert!(channels % groups == 0 && filters % groups == 0, "{groups} groups do not divide {self:?}");
        // Far from where places, as signed numbers, would wrap around.
        let reach = (self.outputs.max(self.length) as u128 + width as u128 * dilation as u128) * stride as u128;
        assert!(reach + (left as u128) < isize::MAX as u128 / 4, "{self:?} is larger than memory");
    }

    /// Channels that a filter sees.
    fn inner(&self) -> usize {
        self.channels / self.groups
    }

    /// Filters of a group.
    fn own(&self) -> usize {
        self.filters / self.groups
    }

    /// Numbers of its weights, `[filters, channels / groups, width]`.
    pub fn weights(&self) -> usize {
        product(&[self.filters, self.inner(), self.width])
    }

    /// Checks the input and output of `n` sequences.
    #[track_caller]
    fn check_arrays(&self, n: usize, x: usize, y: usize) {
        self.check();
        assert_eq!(x, product(&[n, self.length, self.channels]), "input of {n} x {self:?}");
        assert_eq!(y, product(&[n, self.outputs, self.filters]), "output of {n} x {self:?}");
    }

    /// Multiplications and additions of one pass over one sequence, taps outside the sequence included.
    pub fn flops(&self) -> f64 {
        2.0 * self.weights() as f64 * self.outputs as f64
    }

    /// What [`forward`] takes with weights for inference, as a part of what it takes with others: 1 where the way is the
    /// same.
    pub fn inference_share(&self) -> f64 {
        minimal::choose(self).map_or(1.0, |way| 2.0 * way.cost(self) / self.flops())
    }

    /// Which outputs [`forward`] sums together with weights for inference.
    pub fn inference_tiles(&self) -> Tiles {
        match minimal::choose(self) {
            None if self.is_narrow() => Tiles::Fixed,
            None => Tiles::None,
            Some(way) => minimal::tiles_of(self, way),
        }
    }

    /// How outputs see inputs.
    fn windows(&self, group: usize) -> Windows {
        Windows {
            multiply: self.stride,
            divide: 1,
            dilation: self.dilation,
            left: self.left as isize,
            outputs: self.outputs,
            length: self.length,
            stride: self.channels,
            offset: group * self.inner(),
            channels: self.inner(),
        }
    }

    /// How the gradient of an input sees gradients of outputs, with taps in reverse.
    fn windows_back(&self, group: usize) -> Windows {
        Windows {
            multiply: 1,
            divide: self.stride,
            dilation: self.dilation,
            left: ((self.width - 1) * self.dilation) as isize - self.left as isize,
            outputs: self.length,
            length: self.outputs,
            stride: self.filters,
            offset: group * self.own(),
            channels: self.own(),
        }
    }
}

/// Neighbouring outputs that are summed together, so that rounding depends on where a tile of them begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tiles {
    /// Each output by itself: the same bits wherever the same inputs lie.
    None,
    /// Tiles from the beginning of a sequence on.
    Fixed,
    /// Tiles that may lie anywhere ([`forward_tiles`]).
    Free {
        /// Outputs of a tile.
        outputs: usize,
        /// Inputs that it sees, from the first output's first tap on.
        seen: usize,
    },
}

/// Weights `[filters, channels / groups, width]`, laid out for products in either direction.
#[derive(Clone, Debug)]
pub struct Weights {
    /// One a group; with minimal filtering, one a point.
    groups: Vec<Packed>,
    minimal: Option<minimal::Way>,
}

impl Weights {
    fn direct(groups: Vec<Packed>) -> Self {
        Self { groups, minimal: None }
    }

    /// For [`forward`], in fewer products where that is worth it: results differ from those of [`Weights::forward`] by
    /// rounding, less than 2e-6 of the largest, and laying out takes longer, for weights that are used many times.
    pub fn inference(level: Level, shape: &Shape, weights: &[f32]) -> Self {
        shape.check();
        assert_eq!(weights.len(), shape.weights(), "weights of {shape:?}");
        let Some(way) = minimal::choose(shape) else { return Self::forward(level, shape, weights) };
        Self { groups: minimal::pack(level, shape, way, weights), minimal: Some(way) }
    }

    /// For [`forward`].
    pub fn forward(level: Level, shape: &Shape, weights: &[f32]) -> Self {
        shape.check();
        assert_eq!(weights.len(), shape.weights(), "weights of {shape:?}");
        if shape.is_narrow() {
            return Self::direct(vec![narrow::pack_forward(level, shape, weights)]);
        }
        let (inner, own, width) = (shape.inner(), shape.own(), shape.width);
        let group = |g| {
            let value = |row: usize, filter: usize| {
                let (tap, channel) = (row / inner, row % inner);
                weights[((g * own + filter) * inner + channel) * width + tap]
            };
            Packed::from_fn(level, width * inner, own, value)
        };
        Self::direct((0..shape.groups).map(group).collect())
    }

    /// For [`input_gradient`].
    pub fn backward(level: Level, shape: &Shape, weights: &[f32]) -> Self {
        shape.check();
        assert_eq!(weights.len(), shape.weights(), "weights of {shape:?}");
        if shape.is_narrow() {
            return Self::direct(vec![narrow::pack_backward(level, shape, weights)]);
        }
        let (inner, own, width) = (shape.inner(), shape.own(), shape.width);
        let group = |g| {
            let value = |row: usize, channel: usize| {
                let (tap, filter) = (width - 1 - row / own, row % own);
                weights[((g * own + filter) * inner + channel) * width + tap]
            };
            Packed::from_fn(level, width * own, inner, value)
        };
        Self::direct((0..shape.groups).map(group).collect())
    }
}

/// What comes out of a convolution beside the sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// The sums as they are.
    #[default]
    None,
    /// What is above zero.
    Relu,
}

/// `y = activation(x * weights + bias)` for `n` sequences: `x` is `[n, length, channels]`, `y` `[n, outputs, filters]`,
/// `weights` from [`Weights::forward`] or [`Weights::inference`], `bias` one number a filter.
pub fn forward(shape: &Shape, n: usize, x: &[f32], weights: &Weights, bias: &[f32], then: Activation, y: &mut [f32]) {
    shape.check_arrays(n, x.len(), y.len());
    assert_eq!(bias.len(), shape.filters, "bias of {shape:?}");
    if let Some(way) = weights.minimal {
        return minimal::forward(shape, (n, None), x, (way, &weights.groups), bias, then, y);
    }
    if shape.is_narrow() {
        return narrow::forward(shape, x, &weights.groups[0], bias, then, y);
    }
    let finish = if then == Activation::Relu { Finish::Relu } else { Finish::Keep };
    for (g, packed) in weights.groups.iter().enumerate() {
        assert_eq!(packed.shape(), (shape.width * shape.inner(), shape.own()), "weights of {shape:?}");
        let zeros = vec![0.0; shape.inner()];
        let rows = WindowRows::new(shape.windows(g), n, x, &zeros);
        let own = g * shape.own()..(g + 1) * shape.own();
        let c = (&mut y[own.start.min(n * shape.filters)..], shape.filters);
        // SAFETY: the rows are windows over `x`, whose size was checked; a window has width * inner columns.
        unsafe { multiply_rows(rows, n * shape.outputs, packed, c, Start::Bias(&bias[own]), finish) };
    }
}

/// What [`forward`] sums for some tiles of outputs alone ([`Tiles::Free`]), with weights from [`Weights::inference`]. A tile is
/// given by its sequence and the position of its first output, which may lie before the sequence. Its sums are the same bits
/// wherever the same inputs lie; the rest of `y` stays as it is.
///
/// # Panics
/// As [`forward`]; if there are no tiles of such weights, or if one lies beyond the sequences.
pub fn forward_tiles(
    shape: &Shape,
    n: usize,
    x: &[f32],
    weights: &Weights,
    bias: &[f32],
    tiles: &[(usize, isize)],
    y: &mut [f32],
) {
    shape.check_arrays(n, x.len(), y.len());
    assert_eq!(bias.len(), shape.filters, "bias of {shape:?}");
    let outputs = match shape.inference_tiles() {
        Tiles::Free { outputs, .. } => outputs,
        _ => 0,
    };
    assert!(outputs > 0 && weights.minimal.is_some(), "{shape:?} is not summed by tiles that may lie anywhere");
    let inside = |&(sequence, first): &(usize, isize)| {
        sequence < n && first > -(outputs as isize) && first < shape.outputs as isize
    };
    assert!(tiles.iter().all(inside), "a tile of {shape:?} lies beyond {n} sequences");
    if let Some(way) = weights.minimal {
        minimal::forward(shape, (n, Some(tiles)), x, (way, &weights.groups), bias, Activation::None, y);
    }
}

/// The gradient of [`forward`]'s input: `dy` is `[n, outputs, filters]`, `dx` `[n, length, channels]`, `weights` from
/// [`Weights::backward`]. With `add` it is added to what `dx` holds.
pub fn input_gradient(shape: &Shape, n: usize, dy: &[f32], weights: &Weights, add: bool, dx: &mut [f32]) {
    shape.check_arrays(n, dx.len(), dy.len());
    assert!(weights.minimal.is_none(), "weights for the way forwards of {shape:?}");
    if shape.is_narrow() {
        return narrow::input_gradient(shape, dy, &weights.groups[0], add, dx);
    }
    let start = if add { Start::Add } else { Start::Zero };
    for (g, packed) in weights.groups.iter().enumerate() {
        assert_eq!(packed.shape(), (shape.width * shape.own(), shape.inner()), "weights of {shape:?}");
        let zeros = vec![0.0; shape.own()];
        let rows = WindowRows::new(shape.windows_back(g), n, dy, &zeros);
        let c = (&mut dx[(g * shape.inner()).min(n * shape.channels)..], shape.channels);
        // SAFETY: the rows are windows over `dy`, whose size was checked; a window has width * own columns.
        unsafe { multiply_rows(rows, n * shape.length, packed, c, start, Finish::Keep) };
    }
}

pub use gradient::{Scratch, bias_gradient, unpack_gradient, weight_gradient};
