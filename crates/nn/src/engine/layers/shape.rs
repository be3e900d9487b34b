//! Layers that move numbers and do not change them.

use crate::engine::{Extra, Node};
use rayon::prelude::*;

/// Side of a square that is turned at once.
const TILE: usize = 16;

/// Examples `[rows, columns]` to `[columns, rows]`.
pub(in crate::engine) fn turn(x: &[f32], rows: usize, columns: usize, y: &mut [f32]) {
    let size = (rows * columns).max(1);
    if rows == 1 || columns == 1 {
        return y.copy_from_slice(x);
    }
    y.par_chunks_mut(size).zip(x.par_chunks(size)).for_each(|(y, x)| {
        for row in (0..rows).step_by(TILE) {
            for column in (0..columns).step_by(TILE) {
                for c in column..columns.min(column + TILE) {
                    for r in row..rows.min(row + TILE) {
                        y[c * rows + r] = x[r * columns + c];
                    }
                }
            }
        }
    });
}

pub(in crate::engine) fn crop(node: &Node, left: usize, x: &[f32], y: &mut [f32]) -> Extra {
    let (from, size) = (left * node.input.channels, node.output.size());
    let examples = y.chunks_exact_mut(size.max(1)).zip(x.chunks_exact(node.input.size().max(1)));
    examples.for_each(|(y, x)| y.copy_from_slice(&x[from..from + size]));
    Extra::None
}

pub(in crate::engine) fn crop_back(node: &Node, left: usize, dy: &[f32], dx: &mut [f32]) {
    let (from, size) = (left * node.input.channels, node.output.size());
    let examples = dx.chunks_exact_mut(node.input.size().max(1)).zip(dy.chunks_exact(size.max(1)));
    examples.for_each(|(dx, dy)| {
        dx[..from].fill(0.0);
        dx[from..from + size].copy_from_slice(dy);
        dx[from + size..].fill(0.0);
    });
}

/// Each position `factor` times.
pub(in crate::engine) fn upsample(node: &Node, factor: usize, x: &[f32], y: &mut [f32]) -> Extra {
    let channels = node.input.channels;
    y.par_chunks_mut(factor * channels).zip(x.par_chunks(channels)).with_min_len(256).for_each(|(y, x)| {
        y.chunks_exact_mut(channels).for_each(|y| y.copy_from_slice(x));
    });
    Extra::None
}

/// The copies' gradients are added up in order.
pub(in crate::engine) fn upsample_back(node: &Node, factor: usize, dy: &[f32], dx: &mut [f32]) {
    let channels = node.input.channels;
    dx.par_chunks_mut(channels).zip(dy.par_chunks(factor * channels)).with_min_len(256).for_each(|(dx, dy)| {
        dx.copy_from_slice(&dy[..channels]);
        for dy in dy[channels..].chunks_exact(channels) {
            dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy);
        }
    });
}

/// Arrays of `rows` rows side by side.
pub(in crate::engine) fn join(parts: &[&[f32]], rows: usize, y: &mut [f32]) {
    let channels = y.len() / rows.max(1);
    for (row, y) in y.chunks_exact_mut(channels.max(1)).enumerate() {
        let mut y = y;
        for part in parts {
            let own = part.len() / rows;
            let (to, rest) = y.split_at_mut(own);
            to.copy_from_slice(&part[row * own..(row + 1) * own]);
            y = rest;
        }
    }
}

/// Columns `first..first + count` of `rows` rows.
pub(in crate::engine) fn part(x: &[f32], rows: usize, first: usize, count: usize, y: &mut [f32]) {
    let channels = x.len() / rows.max(1);
    let both = y.chunks_exact_mut(count.max(1)).zip(x.chunks_exact(channels.max(1)));
    both.for_each(|(y, x)| y.copy_from_slice(&x[first..first + count]));
}
