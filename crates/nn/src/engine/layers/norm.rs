//! Batch norm.

use crate::engine::{Extra, Found, Node, Pass};
use crate::network::{BATCH_NORM_EPSILON, Mode};
use basewise_kernels::norm::{self, Statistics};
use rayon::prelude::*;

/// Positions of a partial sum.
const ROWS: usize = 1 << 12;

/// Sums that pieces of rows give, each `width` numbers, added up in order.
fn summed(x: &[f32], channels: usize, width: usize, piece: impl Fn(usize, &[f32], &mut [f64]) + Sync) -> Vec<f64> {
    let pieces: Vec<Vec<f64>> = x
        .par_chunks((ROWS * channels).max(1))
        .enumerate()
        .map(|(i, x)| {
            let mut sum = vec![0.0; width];
            piece(i * ROWS * channels, x, &mut sum);
            sum
        })
        .collect();
    let mut total = vec![0.0; width];
    for sum in pieces {
        total.iter_mut().zip(sum).for_each(|(total, sum)| *total += sum);
    }
    total
}

fn narrow(values: &[f64], over: f64) -> Vec<f32> {
    values.iter().map(|v| (v / over) as f32).collect()
}

pub(in crate::engine) fn forward(
    pass: &mut Pass,
    node: &Node,
    (parameter, buffer): (usize, usize),
    relu: bool,
    x: &[f32],
    y: &mut [f32],
) -> Extra {
    let (channels, level) = (node.input.channels, pass.level);
    let rows = (x.len() / channels).max(1) as f64;
    let (mean, variance) = match pass.mode {
        Mode::Evaluate => [0, 1].map(|i| pass.weights.buffers[buffer + i].values.clone()).into(),
        Mode::Train { .. } => {
            let sum = summed(x, channels, channels, |_, x, sum| norm::mean_partial(level, channels, x, sum));
            let mean = narrow(&sum, rows);
            let about = |_, x: &[f32], sum: &mut [f64]| norm::square_partial(level, channels, x, &mean, sum);
            let variance = narrow(&summed(x, channels, channels, about), rows);
            pass.statistics.push((buffer, mean.clone(), variance.clone()));
            (mean, variance)
        }
    };
    let inv_std: Vec<f32> =
        variance.iter().map(|v| (1.0 / (f64::from(*v) + BATCH_NORM_EPSILON).sqrt()) as f32).collect();
    let statistics = statistics(pass, parameter, &mean, &inv_std);
    let piece = (ROWS * channels).max(1);
    y.par_chunks_mut(piece).zip(x.par_chunks(piece)).for_each(|(y, x)| norm::normalize(level, x, statistics, relu, y));
    Extra::Norm(mean, inv_std)
}

fn statistics<'a>(pass: &Pass<'a>, parameter: usize, mean: &'a [f32], inv_std: &'a [f32]) -> Statistics<'a> {
    let [scale, shift] = [0, 1].map(|i| &pass.weights.parameters[parameter + i].values[..]);
    Statistics { mean, inv_std, scale, shift }
}

pub(in crate::engine) fn backward(
    pass: &mut Pass,
    node: &Node,
    parameter: usize,
    relu: bool,
    x: &[f32],
    y: &[f32],
    extra: &Extra,
    dy: &mut [f32],
    found: &mut Found,
) {
    let Extra::Norm(mean, inv_std) = extra else { return };
    let (channels, level) = (node.input.channels, pass.level);
    let statistics = statistics(pass, parameter, mean, inv_std);
    let sums = summed(x, channels, 2 * channels, |from, x, sums| {
        let range = from..from + x.len();
        let (scale, shift) = sums.split_at_mut(channels);
        let passed = relu.then(|| &y[range.clone()]);
        norm::backward_sums(level, x, statistics, passed, &dy[range], scale, shift);
    });
    let (scale, shift) = sums.split_at(channels);
    if let Some(found) = &mut found.parameters {
        found[parameter].copy_from_slice(&narrow(scale, 1.0));
        found[parameter + 1].copy_from_slice(&narrow(shift, 1.0));
    }
    // Running statistics do not follow the batch, so nothing flows through them.
    let frozen = pass.mode == Mode::Evaluate;
    let rows = if frozen { f64::INFINITY } else { (x.len() / channels).max(1) as f64 };
    let (scale, shift) = (narrow(scale, rows), narrow(shift, rows));
    let piece = (ROWS * channels).max(1);
    dy.par_chunks_mut(piece).enumerate().for_each(|(i, dy)| {
        let range = i * piece..i * piece + dy.len();
        let passed = relu.then(|| &y[range.clone()]);
        norm::backward_apply(level, &x[range], statistics, passed, &scale, &shift, dy);
    });
}
