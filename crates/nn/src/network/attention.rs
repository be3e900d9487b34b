//! Attention on Burn.

use super::Step;
use super::forward::{Leaves, tensor1};
use crate::architecture::{DEFAULT_CLIP, Layer, Positions, head_size};
use burn_tensor::{Int, Tensor, TensorData, activation};

/// Cosines and sines `[length, size / 2]` of the angles by which pair `i` of the channels at position `l` is turned:
/// `l / 10000^(2 i / size)` (Su et al. 2021, equation 15).
pub(crate) fn rotary_angles(length: usize, size: usize) -> [Vec<f32>; 2] {
    let angle = |at: usize| {
        let (position, pair) = (at / (size / 2), at % (size / 2));
        position as f64 / 10_000f64.powf(2.0 * pair as f64 / size as f64)
    };
    let angles: Vec<f64> = (0..length * (size / 2)).map(angle).collect();
    [angles.iter().map(|a| a.cos() as f32).collect(), angles.iter().map(|a| a.sin() as f32).collect()]
}

/// `[n, channels, length]` through a weighted mean of each window; anything else passes.
pub(super) fn pool(step: &Step, leaves: &Leaves, x: Tensor<3>) -> Tensor<3> {
    let Layer::AttentionPool { width } = step.layer else { return x };
    let [n, channels, length] = x.dims();
    let width = width.unwrap_or(length);
    let windows = length / width;
    let weight = leaves.parameters[step.parameter].clone().reshape([channels, channels]);
    let x = x.narrow(2, 0, windows * width).swap_dims(1, 2).reshape([n * windows * width, channels]);
    let logits = x.clone().matmul(weight).reshape([n * windows, width, channels]);
    let weights = activation::softmax(logits, 1);
    let means = (weights * x.reshape([n * windows, width, channels])).sum_dim(1);
    means.reshape([n, windows, channels]).swap_dims(1, 2)
}

/// `[n, channels, length]` through self-attention; anything else passes.
pub(super) fn run(step: &Step, leaves: &Leaves, x: Tensor<3>) -> Tensor<3> {
    let Layer::SelfAttention { heads, key_size, positions, clip } = step.layer else { return x };
    let [n, channels, length] = x.dims();
    let size = head_size(heads, key_size, channels);
    let device = x.device();
    let parameter = |i: usize| leaves.parameters[step.parameter + i].clone();
    let affine = |rows: Tensor<2>, from: usize, to: usize, i: usize| {
        rows.matmul(parameter(2 * i).reshape([from, to])) + parameter(2 * i + 1).reshape([1, to])
    };
    let rows = x.swap_dims(1, 2).reshape([n * length, channels]);
    let [queries, keys, values] = [0, 1, 2].map(|i| {
        let rows = affine(rows.clone(), channels, heads * size, i);
        rows.reshape([n, length, heads, size]).swap_dims(1, 2)
    });
    let (queries, keys) = match positions {
        Positions::Rotary => {
            let [cosines, sines] =
                rotary_angles(length, size).map(|values| tensor1(values, &device).reshape([1, 1, length, size / 2]));
            let turn = |x: Tensor<4>| turned(x, cosines.clone(), sines.clone());
            (turn(queries), turn(keys))
        }
        Positions::None | Positions::Relative => (queries, keys),
    };
    let mut scores = queries.matmul(keys.swap_dims(2, 3)) * (1.0 / (size as f64).sqrt());
    if positions == Positions::Relative {
        let clip = clip.unwrap_or(DEFAULT_CLIP);
        let place = |at: usize| {
            let distance = (at % length) as i64 - (at / length) as i64;
            distance.clamp(-(clip as i64), clip as i64) + clip as i64
        };
        let places: Vec<i64> = (0..length * length).map(place).collect();
        let places: Tensor<1, Int> = Tensor::from_data(TensorData::new(places, [length * length]), &device);
        let bias = parameter(8).reshape([heads, 2 * clip + 1]).select(1, places);
        scores = scores + bias.reshape([1, heads, length, length]);
    }
    let gathered = activation::softmax(scores, 3).matmul(values);
    let gathered = gathered.swap_dims(1, 2).reshape([n * length, heads * size]);
    affine(gathered, heads * size, channels, 3).reshape([n, length, channels]).swap_dims(1, 2)
}

/// Pairs of neighbouring channels of `[n, heads, length, size]`, turned by the angles of their position.
fn turned(x: Tensor<4>, cosines: Tensor<4>, sines: Tensor<4>) -> Tensor<4> {
    let [n, heads, length, size] = x.dims();
    let pairs = x.reshape([n * heads, length, size / 2, 2]);
    let part = |i: usize| pairs.clone().narrow(3, i, 1).reshape([n, heads, length, size / 2]);
    let (a, b) = (part(0), part(1));
    let first = a.clone() * cosines.clone() - b.clone() * sines.clone();
    let second = a * sines + b * cosines;
    let column = |x: Tensor<4>| x.reshape([n * heads, length, size / 2, 1]);
    Tensor::cat(vec![column(first), column(second)], 3).reshape([n, heads, length, size])
}
