//! Scaled dot-product attention (Vaswani et al. 2017), one head of one sequence at a time, and pooling by learned weights.
//!
//! Scores of a few queries at a time are made, used and dropped; the way back makes them again. So memory grows with the
//! length of the sequence and not with its square.

mod pool;
mod rotary;

pub use pool::{PoolShape, pool, pool_gradient};
pub use rotary::Rotary;

use crate::Level;
use crate::matrix::{Packed, multiply, multiply_transposed};
use crate::softmax;

/// Queries at a time: whole tiles of a product, and scores that the second cache holds.
const BLOCK: usize = 96;

/// The sizes of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Positions.
    pub length: usize,
    /// Channels of a query, key or value.
    pub size: usize,
}

/// Rows of a head, `stride` numbers apart, the first at the start of `values`.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The numbers from the head's first row on.
    pub values: &'a [f32],
    /// Numbers from the beginning of a row to that of the next.
    pub stride: usize,
}

impl Rows<'_> {
    fn from(&self, row: usize) -> &[f32] {
        &self.values[(row * self.stride).min(self.values.len())..]
    }
}

/// What a head attends with. All rows are `[length, size]`.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Queries.
    pub queries: Rows<'a>,
    /// Keys.
    pub keys: Rows<'a>,
    /// Values.
    pub values: Rows<'a>,
    /// What is added to a score by the distance of key and query, `[2 clip + 1]` from `-clip` to `clip`, where distances
    /// beyond count as the last; or empty.
    pub bias: &'a [f32],
}

/// Where gradients of a head go: rows that hold those of queries, keys and values, which are overwritten.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// Rows, `stride` numbers apart.
    pub rows: &'a mut [f32],
    /// Numbers from the beginning of a row to that of the next.
    pub stride: usize,
    /// Where queries, keys and values begin in a row.
    pub first: [usize; 3],
    /// Is added to; empty if there is none.
    pub bias: &'a mut [f32],
}

/// Memory that is used again from head to head.
#[derive(Debug, Default)]
pub struct Scratch {
    scores: Vec<f32>,
    slopes: Vec<f32>,
}

impl Head<'_> {
    /// Keys as columns, divided by the root of the size.
    pub fn packed_keys(&self, level: Level, s: &Shape) -> Packed {
        let (scale, Rows { values, stride }) = (scale(s), self.keys);
        Packed::from_fn(level, s.size, s.length, |c, position| scale * values[position * stride + c])
    }

    /// Scores of the queries `first..first + rows`, `[rows, length]`, with `keys` from [`Head::packed_keys`].
    pub fn scores(&self, s: &Shape, keys: &Packed, first: usize, rows: usize, scores: &mut [f32]) {
        multiply(rows, self.queries.from(first), self.queries.stride, keys, scores, s.length, false);
        if !self.bias.is_empty() {
            for (i, row) in scores.chunks_exact_mut(s.length).enumerate() {
                row.iter_mut().enumerate().for_each(|(j, score)| *score += self.bias[self.place(first + i, j)]);
            }
        }
    }

    /// Weights of the same.
    fn weights(&self, level: Level, s: &Shape, keys: &Packed, first: usize, rows: usize, weights: &mut [f32]) {
        self.scores(s, keys, first, rows, weights);
        softmax::forward_in_place(level, s.length, weights);
    }

    /// Which bias a score takes.
    fn place(&self, query: usize, key: usize) -> usize {
        (key + self.bias.len() / 2).saturating_sub(query).min(self.bias.len() - 1)
    }
}

fn scale(s: &Shape) -> f32 {
    (1.0 / (s.size as f64).sqrt()) as f32
}

/// `softmax(q kᵀ / sqrt(size) + bias) v`, to rows `[length, size]` of `out`, `stride` numbers apart.
pub fn forward(level: Level, s: &Shape, head: &Head, (out, stride): (&mut [f32], usize), scratch: &mut Scratch) {
    let keys = head.packed_keys(level, s);
    let Rows { values, stride: from } = head.values;
    let values = Packed::from_fn(level, s.length, s.size, |position, c| values[position * from + c]);
    for first in (0..s.length).step_by(BLOCK) {
        let rows = BLOCK.min(s.length - first);
        scratch.scores.resize(rows * s.length, 0.0);
        head.weights(level, s, &keys, first, rows, &mut scratch.scores);
        multiply(rows, &scratch.scores, s.length, &values, &mut out[first * stride..], stride, false);
    }
}

/// Gradients of a head from those of its output, rows `[length, size]`.
pub fn backward(level: Level, s: &Shape, head: &Head, dy: Rows, gradients: Gradients, scratch: &mut Scratch) {
    let Gradients { rows: found, stride, first: [to_queries, to_keys, to_values], bias: d_bias } = gradients;
    let (scale, length, size) = (scale(s), s.length, s.size);
    let key_columns = head.packed_keys(level, s);
    let Rows { values, stride: from } = head.keys;
    let key_rows = Packed::from_fn(level, length, size, |position, c| scale * values[position * from + c]);
    let Rows { values, stride: from } = head.values;
    let value_columns = Packed::from_fn(level, size, length, |c, position| values[position * from + c]);
    for first in (0..length).step_by(BLOCK) {
        let rows = BLOCK.min(length - first);
        let Scratch { scores, slopes } = scratch;
        scores.resize(rows * length, 0.0);
        slopes.resize(rows * length, 0.0);
        head.weights(level, s, &key_columns, first, rows, scores);
        let (dy_rows, add, sizes) = (dy.from(first), first > 0, (rows, length, size));
        let d_values = &mut found[to_values..];
        multiply_transposed(level, sizes, scores, length, dy_rows, dy.stride, d_values, stride, add);
        multiply(rows, dy_rows, dy.stride, &value_columns, slopes, length, false);
        softmax::backward_in_place(level, length, scores, slopes);
        if !head.bias.is_empty() {
            for (i, row) in slopes.chunks_exact(length).enumerate() {
                row.iter().enumerate().for_each(|(j, slope)| d_bias[head.place(first + i, j)] += slope);
            }
        }
        multiply(rows, slopes, length, &key_rows, &mut found[first * stride + to_queries..], stride, false);
        let (queries, d_keys) = (head.queries.from(first), &mut found[to_keys..]);
        multiply_transposed(level, sizes, slopes, length, queries, head.queries.stride, d_keys, stride, add);
    }
    for row in found.chunks_mut(stride) {
        row[to_keys..to_keys + size].iter_mut().for_each(|d| *d *= scale);
    }
}

#[cfg(test)]
mod tests;
