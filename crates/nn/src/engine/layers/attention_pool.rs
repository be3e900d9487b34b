//! Means of windows with learned weights.

use super::add_up;
use crate::engine::chunks;
use crate::engine::{Extra, Found, Node, Pass};
use basewise_kernels::attention::{PoolShape, pool, pool_gradient};
use basewise_kernels::matrix::{Packed, multiply, multiply_transposed};
use rayon::prelude::*;

fn shape(node: &Node, window: usize) -> PoolShape {
    PoolShape { window, length: node.input.length, channels: node.input.channels }
}

pub(in crate::engine) fn forward(
    pass: &mut Pass,
    node: &Node,
    parameter: usize,
    window: usize,
    x: &[f32],
    y: &mut [f32],
) -> Extra {
    let (s, level, channels) = (shape(node, window), pass.level, node.input.channels);
    let weight = Packed::new(level, channels, channels, &pass.weights.parameters[parameter].values);
    let mut weights = pass.buffers.take(x.len());
    let chunk = chunks::examples(pass.n, s.length);
    let (inputs, outputs) = (chunk * node.input.size(), chunk * node.output.size());
    let pieces = weights.par_chunks_mut(inputs).zip(x.par_chunks(inputs)).zip(y.par_chunks_mut(outputs));
    pieces.for_each(|((weights, x), y)| {
        multiply(x.len() / channels, x, channels, &weight, weights, channels, false);
        pool(level, &s, x, weights, y);
    });
    if pass.keep {
        return Extra::Weights(weights);
    }
    pass.buffers.give(weights);
    Extra::None
}

pub(in crate::engine) fn backward(
    pass: &mut Pass,
    node: &Node,
    parameter: usize,
    window: usize,
    x: &[f32],
    y: &[f32],
    extra: Extra,
    dy: &[f32],
    dx: &mut [f32],
    found: &mut Found,
) {
    let Extra::Weights(mut scores) = extra else { return };
    let (s, level, channels) = (shape(node, window), pass.level, node.input.channels);
    let weight = Packed::transposed(level, channels, channels, &pass.weights.parameters[parameter].values);
    let group = chunks::group(pass.n, channels * channels);
    let (inputs, outputs) = (group * node.input.size(), group * node.output.size());
    // What passes by the means is needed even where nobody asks for the input's gradient.
    let mut through = pass.buffers.take(if dx.is_empty() { x.len() } else { 0 });
    let dx = if dx.is_empty() { &mut through[..] } else { dx };
    let mut partial = pass.buffers.zeros(pass.n.div_ceil(group).max(1) * channels * channels);
    let slopes = scores.par_chunks_mut(inputs).zip(y.par_chunks(outputs)).zip(dy.par_chunks(outputs));
    let pieces = slopes.zip(x.par_chunks(inputs)).zip(dx.par_chunks_mut(inputs));
    pieces.zip(partial.par_chunks_mut(channels * channels)).for_each(|(((((scores, y), dy), x), dx), gradient)| {
        pool_gradient(level, &s, x, y, dy, scores, dx);
        let rows = x.len() / channels;
        multiply(rows, scores, channels, &weight, dx, channels, true);
        let sizes = (rows, channels, channels);
        multiply_transposed(level, sizes, x, channels, scores, channels, gradient, channels, false);
    });
    if let Some(found) = &mut found.parameters {
        found[parameter].copy_from_slice(add_up(&mut partial, channels * channels));
    }
    for array in [partial, through, scores] {
        pass.buffers.give(array);
    }
}
