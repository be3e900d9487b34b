//! Norms. Those over the channels of a position are products: of what is centred, and one over the root of a mean of squares.

use super::Pairs;
use crate::engine::Pass;
use crate::engine::layers::norm_factors;
use crate::engine::node::NormKind;
use crate::network::{LAYER_NORM_EPSILON, RMS_NORM_EPSILON};
use rayon::prelude::*;

/// Batch norm in evaluation is a factor for each channel.
pub(super) fn batch(pass: &Pass, (parameter, buffer): (usize, usize), m: &mut [f32]) {
    let factors: Vec<f32> = norm_factors(pass.weights, parameter, buffer).map(|factor| factor as f32).collect();
    m.par_chunks_mut(factors.len().max(1)).with_min_len(256).for_each(|m| {
        m.iter_mut().zip(&factors).for_each(|(m, factor)| *m *= factor);
    });
}

/// Layer norm and root mean square norm.
pub(super) fn positions(pass: &Pass, parameter: usize, kind: NormKind, pairs: &Pairs, x: &[f32], m: &mut [f32]) {
    let scale = &pass.weights.parameters[parameter].values;
    let channels = scale.len();
    pairs.each(m, |pair, m| {
        let [x, x0] = pairs.of(x, pair);
        let rows = x.chunks_exact(channels).zip(x0.chunks_exact(channels));
        m.chunks_exact_mut(channels).zip(rows).for_each(|(m, (x, x0))| position(kind, scale, x, x0, m));
    });
}

/// What is to be scaled, and the root that it is divided by.
fn parts(kind: NormKind, x: &[f32]) -> (Vec<f64>, f64) {
    let count = x.len() as f64;
    let (mean, epsilon) = match kind {
        NormKind::Layer => (x.iter().map(|&x| f64::from(x)).sum::<f64>() / count, LAYER_NORM_EPSILON),
        NormKind::RootMeanSquare => (0.0, RMS_NORM_EPSILON),
    };
    let centred: Vec<f64> = x.iter().map(|&x| f64::from(x) - mean).collect();
    let square = centred.iter().map(|d| d * d).sum::<f64>() / count;
    (centred, (square + epsilon).sqrt())
}

/// With `d` centred, `s = sqrt(v + epsilon)` and `v` the mean of `d d`: `1 / s` has the secant `-1 / (s s0)` in `s`, which
/// has `1 / (s + s0)` in `v`, which has `(d + d0) / channels` in `d`.
fn position(kind: NormKind, scale: &[f32], x: &[f32], x0: &[f32], m: &mut [f32]) {
    let ((d, s), (d0, s0)) = (parts(kind, x), parts(kind, x0));
    let slopes: Vec<f64> = m.iter().zip(scale).map(|(m, scale)| f64::from(*m) * f64::from(*scale)).collect();
    let of_inverse: f64 = slopes.iter().zip(&d).zip(&d0).map(|((slope, d), d0)| slope * 0.5 * (d + d0)).sum();
    let of_square = -of_inverse / (s * s0 * (s + s0));
    let (inverse, count) = (0.5 * (1.0 / s + 1.0 / s0), m.len() as f64);
    let mut lifted: Vec<f64> = slopes.iter().map(|slope| slope * inverse).collect();
    lifted.iter_mut().zip(d.iter().zip(&d0)).for_each(|(m, (d, d0))| *m += of_square * (d + d0) / count);
    let mean = match kind {
        NormKind::Layer => lifted.iter().sum::<f64>() / count,
        NormKind::RootMeanSquare => 0.0,
    };
    m.iter_mut().zip(lifted).for_each(|(m, lifted)| *m = (lifted - mean) as f32);
}
