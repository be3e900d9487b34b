//! Gradients of weights and biases.

use super::{Shape, narrow};
use crate::Level;
use crate::matrix::{GROUP, Outer, Pack, Runs, panel_ranges};
use crate::simd::{Kernel, Simd, dispatch};

/// Positions that are summed over at once: as many as leave their output gradients in the first cache.
const BLOCK: usize = 128;
/// Numbers of inputs and output gradients that are gone over together, so that they stay in the second cache and a part
/// of the sums in the first.
const TOGETHER: usize = 1 << 18;

/// Buffers of [`weight_gradient`], for reuse.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    packed: Vec<f32>,
}

/// Adds the gradient of [`super::forward`]'s weights over `n` sequences to `dw`, which is in an order of its own;
/// [`unpack_gradient`] gives it the order of the weights.
///
/// `x` is `[n, length, channels]`, `dy` `[n, outputs, filters]`.
pub fn weight_gradient(
    level: Level,
    shape: &Shape,
    n: usize,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    scratch: &mut Scratch,
) {
    shape.check_arrays(n, x.len(), dy.len());
    assert_eq!(dw.len(), shape.weights(), "gradient of {shape:?}");
    if shape.is_narrow() {
        return narrow::weight_gradient(level, shape, x, dy, dw);
    }
    let together = (TOGETHER / (shape.length * shape.channels + shape.outputs * shape.filters).max(1)).max(1);
    for first in (0..n).step_by(together) {
        let count = together.min(n - first);
        for group in 0..shape.groups {
            sequences(level, shape, (first, count), group, x, dy, dw, scratch);
        }
    }
}

fn sequences(
    level: Level,
    shape: &Shape,
    (first, count): (usize, usize),
    group: usize,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    scratch: &mut Scratch,
) {
    let (inner, own) = (shape.inner(), shape.own());
    let (length, outputs) = (shape.length, shape.outputs);
    let groups = inner.div_ceil(GROUP);
    let values = &x[first * length * shape.channels..(first + count) * length * shape.channels];
    let (stride, rows, out) = (shape.channels, count * length, &mut scratch.packed);
    dispatch(level, Pack { values, stride, rows, first: group * inner, columns: inner, out });
    let dw = &mut dw[group * shape.width * inner * own..][..shape.width * inner * own];
    let dy = &dy[first * outputs * shape.filters..];
    // Several short sequences make a block, or several blocks a long one.
    let at_once = (BLOCK / outputs.max(1)).max(1);
    for columns in panel_ranges(level, own) {
        for g in 0..groups {
            for sequence in (0..count).step_by(at_once) {
                let sequences = (sequence, at_once.min(count - sequence), count);
                for from in (0..outputs).step_by(BLOCK) {
                    let part = Part { g, group, sequences, outputs: (from, outputs.min(from + BLOCK)), columns };
                    taps(level, shape, part, &scratch.packed, dy, dw);
                }
            }
        }
    }
}

/// A piece of the sums: some channels and filters over some outputs of some sequences.
#[derive(Clone, Copy)]
struct Part {
    /// Channels, in groups of [`GROUP`] within the convolution's `group`.
    g: usize,
    group: usize,
    /// The first, how many, and how many were packed.
    sequences: (usize, usize, usize),
    outputs: (usize, usize),
    /// Filters: the first and how many.
    columns: (usize, usize),
}

fn taps(level: Level, shape: &Shape, part: Part, packed: &[f32], dy: &[f32], dw: &mut [f32]) {
    let (inner, own) = (shape.inner(), shape.own());
    for tap in 0..shape.width {
        let Some(runs) = runs(shape, tap, part, packed, dy) else { continue };
        let row = tap * inner + part.g * GROUP;
        let outer = Outer {
            level,
            a_stride: GROUP * shape.stride,
            b_stride: shape.filters,
            runs,
            m: GROUP.min(inner - part.g * GROUP),
            n: part.columns.1,
            c: dw[row * own + part.columns.0..].as_mut_ptr(),
            c_stride: own,
            add: true,
        };
        dispatch(level, outer);
    }
}

/// For each sequence the outputs within `from..to` whose tap is inside, as packed inputs and output gradients.
fn runs(shape: &Shape, tap: usize, part: Part, packed: &[f32], dy: &[f32]) -> Option<Runs> {
    let shift = tap * shape.dilation;
    // Inside: left <= output * stride + shift < left + length.
    let first = shape.left.saturating_sub(shift).div_ceil(shape.stride).max(part.outputs.0);
    let end = (shape.left + shape.length).saturating_sub(shift).div_ceil(shape.stride).min(part.outputs.1);
    if first >= end {
        return None;
    }
    let position = first * shape.stride + shift - shape.left;
    let (sequence, count, all) = part.sequences;
    let column = part.group * shape.own() + part.columns.0;
    Some(Runs {
        a: packed[((part.g * all + sequence) * shape.length + position) * GROUP..].as_ptr(),
        b: dy[(sequence * shape.outputs + first) * shape.filters + column..].as_ptr(),
        rows: end - first,
        count,
        a_jump: shape.length * GROUP,
        b_jump: shape.outputs * shape.filters,
    })
}

/// The gradient that [`weight_gradient`] gathered in the order of the weights, `[filters, channels / groups, width]`.
pub fn unpack_gradient(shape: &Shape, dw: &[f32], out: &mut [f32]) {
    let (inner, own, width) = (shape.inner(), shape.own(), shape.width);
    assert!(dw.len() == shape.weights() && out.len() == shape.weights(), "gradient of {shape:?}");
    if shape.is_narrow() {
        return narrow::unpack(shape, dw, out);
    }
    for (filter, out) in out.chunks_exact_mut(inner * width).enumerate() {
        let (group, filter) = (filter / own, filter % own);
        let dw = &dw[group * width * inner * own..];
        for (channel, out) in out.chunks_exact_mut(width).enumerate() {
            out.iter_mut().enumerate().for_each(|(tap, v)| *v = dw[(tap * inner + channel) * own + filter]);
        }
    }
}

/// Adds the sum over rows of `dy`, `[rows, filters]`, to `db`: the gradient of a bias.
pub fn bias_gradient(level: Level, dy: &[f32], db: &mut [f32]) {
    if !db.is_empty() {
        assert_eq!(dy.len() % db.len(), 0, "rows of {} numbers", db.len());
        dispatch(level, SumRows { dy, db });
    }
}

struct SumRows<'a> {
    dy: &'a [f32],
    db: &'a mut [f32],
}

impl Kernel for SumRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let columns = self.db.len();
        // Whole rows at a time keep the reads in order; a few vectors at a time keep the sums in registers.
        for rows in self.dy.chunks(columns * 64) {
            let mut first = 0;
            while first < columns {
                let left = columns - first;
                // SAFETY: at most `left` numbers of each row and of `db` are touched.
                unsafe {
                    let part = left.min(S::LANES);
                    let mut sum = S::load_part(self.db.as_ptr().add(first), part);
                    for row in rows.chunks_exact(columns) {
                        let at = row.as_ptr().add(first);
                        let v = if part == S::LANES { S::load(at) } else { S::load_part(at, part) };
                        sum = S::add(sum, v);
                    }
                    S::store_part_or_whole(self.db.as_mut_ptr().add(first), part, sum);
                }
                first += S::LANES;
            }
        }
    }
}
