//! Each layer's two directions, cut into pieces of work.

pub(super) mod attention;
pub(super) mod attention_pool;
pub(super) mod beside;
pub(super) mod conv;
pub(super) mod dense;
pub(super) mod first;
pub(super) mod norm;
pub(super) mod pointwise;
pub(super) mod pools;
pub(super) mod positions;
pub(super) mod recurrent;
pub(super) mod shape;
pub(super) mod strands;

use super::node::Fold;
use crate::network::{BATCH_NORM_EPSILON, Weights};
use std::borrow::Cow;

/// What a batch norm in evaluation multiplies each channel by; `parameter` and `buffer` are its first ones.
pub(super) fn norm_factors(weights: &Weights, parameter: usize, buffer: usize) -> impl Iterator<Item = f64> + '_ {
    let (scale, variance) = (&weights.parameters[parameter].values, &weights.buffers[buffer + 1].values);
    let factor = |(s, v): (&f32, &f32)| f64::from(*s) / (f64::from(*v) + BATCH_NORM_EPSILON).sqrt();
    scale.iter().zip(variance).map(factor)
}

/// Weights and bias of a convolution with the batch norm that follows it in evaluation: a factor and a shift for each
/// filter.
pub(super) fn folded(all: &Weights, parameter: usize, fold: Option<Fold>) -> (Cow<'_, [f32]>, Cow<'_, [f32]>) {
    let [weights, bias] = [0, 1].map(|i| &all.parameters[parameter + i].values[..]);
    let Some(fold) = fold else { return (weights.into(), bias.into()) };
    let shift = &all.parameters[fold.parameter + 1].values;
    let mean = &all.buffers[fold.buffer].values;
    let factors: Vec<f64> = norm_factors(all, fold.parameter, fold.buffer).collect();
    let own = weights.len() / bias.len().max(1);
    let mut scaled = Vec::with_capacity(weights.len());
    for (own, factor) in weights.chunks_exact(own.max(1)).zip(&factors) {
        scaled.extend(own.iter().map(|&w| (f64::from(w) * factor) as f32));
    }
    let moved = |(f, b): (usize, &f32)| (f64::from(b - mean[f]) * factors[f] + f64::from(shift[f])) as f32;
    (scaled.into(), bias.iter().enumerate().map(moved).collect())
}

/// Adds partial sums of `size` numbers to the first of them, in order.
fn add_up(partial: &mut [f32], size: usize) -> &[f32] {
    use rayon::prelude::*;
    const PIECE: usize = 1 << 14;
    let (sum, rest) = partial.split_at_mut(size);
    sum.par_chunks_mut(PIECE).enumerate().for_each(|(i, sum)| {
        for other in rest.chunks_exact(size) {
            let other = &other[i * PIECE..];
            sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
        }
    });
    sum
}
