//! Attention, sum by sum.

use super::{Network, product};
use crate::architecture::{DEFAULT_CLIP, Layer, Positions, Shape, head_size};
use crate::network::Step;

/// `exp(x)` of each over the sum of all.
fn softmax(scores: &[f64]) -> Vec<f64> {
    let total: f64 = scores.iter().map(|score| score.exp()).sum();
    scores.iter().map(|score| score.exp() / total).collect()
}

/// The channels of each position of `x` `[channels, length]`.
fn rows(x: &[f64], length: usize) -> Vec<Vec<f64>> {
    (0..length).map(|l| x.iter().skip(l).step_by(length).copied().collect()).collect()
}

impl Network<'_> {
    pub(super) fn attention_pool(&self, step: &Step, width: usize, x: &[f64]) -> Vec<f64> {
        let Shape { channels, length } = step.input;
        let (rows, weight) = (rows(x, length), &self.parameters[step.parameter]);
        let mean = |c: usize, window: usize| {
            let window = &rows[window * width..(window + 1) * width];
            let scores: Vec<f64> = window.iter().map(|row| product(row, weight, c, channels)).collect();
            softmax(&scores).iter().zip(window).map(|(weight, row)| weight * row[c]).sum()
        };
        (0..channels)
            .flat_map(|c| (0..length / width).map(move |window| (c, window)))
            .map(|(c, w)| mean(c, w))
            .collect()
    }

    pub(super) fn self_attention(&self, step: &Step, x: &[f64]) -> Vec<f64> {
        let Layer::SelfAttention { heads, key_size, positions, clip } = step.layer else { unreachable!() };
        let Shape { channels, length } = step.input;
        let size = head_size(heads, key_size, channels);
        let inner = heads * size;
        let parameter = |i: usize| &self.parameters[step.parameter + i];
        let affine = |row: &[f64], i: usize, columns: usize| -> Vec<f64> {
            (0..columns).map(|c| parameter(2 * i + 1)[c] + product(row, parameter(2 * i), c, columns)).collect()
        };
        let rows = rows(x, length);
        let [mut queries, mut keys, values] =
            [0, 1, 2].map(|i| rows.iter().map(|row| affine(row, i, inner)).collect::<Vec<_>>());
        if positions == Positions::Rotary {
            for all in [&mut queries, &mut keys] {
                all.iter_mut().enumerate().for_each(|(l, row)| turn(row, l, size));
            }
        }
        let clip = clip.unwrap_or(DEFAULT_CLIP) as i64;
        let score = |head: usize, i: usize, j: usize| {
            let own = head * size..(head + 1) * size;
            let dot: f64 = queries[i][own.clone()].iter().zip(&keys[j][own]).map(|(q, k)| q * k).sum();
            let bias = if positions == Positions::Relative {
                let distance = (j as i64 - i as i64).clamp(-clip, clip);
                parameter(8)[head * (2 * clip as usize + 1) + (distance + clip) as usize]
            } else {
                0.0
            };
            dot / (size as f64).sqrt() + bias
        };
        let mut out = vec![0.0; x.len()];
        for i in 0..length {
            let mut gathered = vec![0.0; inner];
            for head in 0..heads {
                let scores: Vec<f64> = (0..length).map(|j| score(head, i, j)).collect();
                for (weight, row) in softmax(&scores).iter().zip(&values) {
                    (head * size..(head + 1) * size).for_each(|c| gathered[c] += weight * row[c]);
                }
            }
            affine(&gathered, 3, channels).iter().enumerate().for_each(|(c, value)| out[c * length + i] = *value);
        }
        out
    }
}

/// Turns the pairs of channels of every head at position `l`.
fn turn(row: &mut [f64], l: usize, size: usize) {
    for head in row.chunks_exact_mut(size) {
        for (pair, values) in head.chunks_exact_mut(2).enumerate() {
            let angle = l as f64 / 10_000f64.powf(2.0 * pair as f64 / size as f64);
            let (a, b) = (values[0], values[1]);
            (values[0], values[1]) = (a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos());
        }
    }
}
