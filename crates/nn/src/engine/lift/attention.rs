//! Attention: products of queries and keys, of weights and values, and the softmax between them.

use super::Pairs;
use super::softmax::{Room, log_sum};
use crate::engine::layers::attention::Layer;
use crate::engine::node::Attention;
use crate::engine::{Extra, Node, Pass};
use basewise_kernels::Level;
use basewise_kernels::attention::Head;
use basewise_kernels::matrix::{Packed, multiply, multiply_transposed};
use rayon::prelude::*;

/// Queries at a time.
const BLOCK: usize = 64;

/// Scores become weights, row by row.
fn softmax(columns: usize, scores: &[f32], weights: &mut [f32]) {
    for (scores, weights) in scores.chunks_exact(columns).zip(weights.chunks_exact_mut(columns)) {
        let log = log_sum(scores.iter().map(|&score| f64::from(score)));
        scores.iter().zip(weights).for_each(|(&score, weight)| *weight = (f64::from(score) - log).exp() as f32);
    }
}

fn mean(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| 0.5 * (a + b)).collect()
}

/// Self-attention: `m` are multipliers of the outputs, `dx` becomes those of the input.
pub(super) fn lift(
    pass: &Pass,
    node: &Node,
    layer: &Attention,
    pairs: &Pairs,
    extra: &Extra,
    m: &[f32],
    dx: &mut [f32],
) {
    let Extra::Attention(all, _) = extra else { return };
    let layer = Layer::new(pass, node, layer);
    let (level, length, channels, inner) = (pass.level, layer.shape.length, layer.channels, layer.inner());
    let turned = layer.weight();
    let weight = Packed::from_fn(level, 3 * inner, channels, |column, c| turned(c, column));
    let out = Packed::transposed(level, channels, inner, layer.affine[3][0]);
    pairs.each_into(m, dx, |pair, m, dx| {
        let [own, reference] = pairs.of(all, pair);
        // The products are of means, so means of queries, keys and values are all that they need.
        let middle = mean(own, reference);
        let mut gathered = vec![0.0; length * inner];
        multiply(length, m, channels, &out, &mut gathered, inner, false);
        let mut found = vec![0.0; length * 3 * inner];
        for h in 0..layer.heads {
            let heads = [own, reference, &middle].map(|all| layer.head(all, h));
            head(level, &layer, heads, &gathered[h * layer.shape.size..], &mut found[h * layer.shape.size..]);
        }
        layer.turn(&mut found, true);
        multiply(length, &found, 3 * inner, &weight, dx, channels, false);
    });
}

/// One head of a pair: from multipliers of what it gathers, with rows `inner` apart, to those of its queries, keys and
/// values.
fn head(level: Level, layer: &Layer, [own, reference, middle]: [Head; 3], m: &[f32], found: &mut [f32]) {
    let (length, size, inner) = (layer.shape.length, layer.shape.size, layer.inner());
    let [keys, keys0] = [&own, &reference].map(|head| head.packed_keys(level, &layer.shape));
    let scale = (1.0 / (size as f64).sqrt()) as f32;
    let (k, v) = (middle.keys, middle.values);
    let key_rows = Packed::from_fn(level, length, size, |at, c| scale * k.values[at * k.stride + c]);
    let value_columns = Packed::from_fn(level, size, length, |c, at| v.values[at * v.stride + c]);
    let stride = 3 * inner;
    let mut room = Room::default();
    let mut arrays = [(); 5].map(|()| vec![0.0; BLOCK.min(length) * length]);
    for first in (0..length).step_by(BLOCK) {
        let rows = BLOCK.min(length - first);
        let [scores, scores0, weights, weights0, slopes] = arrays.each_mut().map(|array| &mut array[..rows * length]);
        own.scores(&layer.shape, &keys, first, rows, scores);
        reference.scores(&layer.shape, &keys0, first, rows, scores0);
        softmax(length, scores, weights);
        softmax(length, scores0, weights0);
        weights.iter_mut().zip(&*weights0).for_each(|(weight, other)| *weight = 0.5 * (*weight + other));
        let (m, add, sizes) = (&m[first * inner..], first > 0, (rows, length, size));
        multiply_transposed(level, sizes, weights, length, m, inner, &mut found[2 * inner..], stride, add);
        multiply(rows, m, inner, &value_columns, slopes, length, false);
        for (row, slopes) in slopes.chunks_exact_mut(length).enumerate() {
            let own = row * length..(row + 1) * length;
            room.lift(&scores[own.clone()], &scores0[own], slopes);
        }
        multiply(rows, slopes, length, &key_rows, &mut found[first * stride..], stride, false);
        slopes.iter_mut().for_each(|slope| *slope *= scale);
        let queries = &middle.queries.values[first * middle.queries.stride..];
        multiply_transposed(
            level,
            sizes,
            slopes,
            length,
            queries,
            middle.queries.stride,
            &mut found[inner..],
            stride,
            add,
        );
    }
}

/// Attention pool: the mean of each window with weights that are a softmax of its scores, a channel at a time.
pub(super) fn pool(
    pass: &Pass,
    node: &Node,
    (parameter, window): (usize, usize),
    pairs: &Pairs,
    x: &[f32],
    m: &[f32],
    dx: &mut [f32],
) {
    let (level, channels) = (pass.level, node.input.channels);
    let values = &pass.weights.parameters[parameter].values;
    let forward = Packed::new(level, channels, channels, values);
    let back = Packed::transposed(level, channels, channels, values);
    let mut scores = vec![0.0; x.len()];
    let size = node.input.size().max(1);
    scores.par_chunks_mut(size).zip(x.par_chunks(size)).for_each(|(scores, x)| {
        multiply(node.input.length, x, channels, &forward, scores, channels, false);
    });
    pairs.each_into(m, dx, |pair, m, dx| {
        let ([x, x0], [s, s0]) = (pairs.of(x, pair), pairs.of(&scores, pair));
        let mut slopes = vec![0.0; x.len()];
        dx.fill(0.0);
        let mut room = Room::default();
        for (at, &m) in m.iter().enumerate() {
            let first = at / channels * window * channels + at % channels;
            let own = first..(first + (window - 1) * channels + 1);
            let [x, x0, s, s0] = [x, x0, s, s0].map(|values| &values[own.clone()]);
            let every =
                |values: &[f32]| values.iter().step_by(channels).map(|&value| f64::from(value)).collect::<Vec<_>>();
            let (logits, logits0) = (every(s), every(s0));
            let (log, log0) = (log_sum(logits.iter().copied()), log_sum(logits0.iter().copied()));
            let (dx, slopes) = (&mut dx[own.clone()], &mut slopes[own.clone()]);
            for (i, (logit, logit0)) in logits.iter().zip(&logits0).enumerate() {
                let weight = 0.5 * ((logit - log).exp() + (logit0 - log0).exp());
                dx[i * channels] = (f64::from(m) * weight) as f32;
                slopes[i * channels] = m * 0.5 * (x[i * channels] + x0[i * channels]);
            }
            room.lift_every(channels, s, s0, slopes);
        }
        multiply(node.input.length, &slopes, channels, &back, dx, channels, true);
    });
}
