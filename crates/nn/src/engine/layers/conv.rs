//! Convolution with rectifier, max pool and residual sum.

use super::{add_up, folded};
use crate::engine::chunks::{self, with_scratch};
use crate::engine::node::Conv;
use crate::engine::{Extra, Found, Pass};
use basewise_kernels::conv::{self, Activation, Scratch, Weights};
use basewise_kernels::pool;
use rayon::prelude::*;

pub(in crate::engine) fn forward(pass: &mut Pass, layer: &Conv, x: &[f32], y: &mut [f32]) -> Extra {
    let (s, level) = (&layer.shape, pass.level);
    let laid = pass.prepared.map(|prepared| prepared.of(pass.weights, layer.parameter, layer.fold, s));
    let (own, bias, packed);
    let (packed, bias) = match &laid {
        Some(laid) => (laid.for_passes(|weights| Weights::inference(level, s, weights)), &laid.bias[..]),
        None => {
            (own, bias) = folded(pass.weights, layer.parameter, layer.fold);
            packed = Weights::forward(level, s, &own);
            (&packed, &bias[..])
        }
    };
    let then = if layer.relu { Activation::Relu } else { Activation::None };
    let chunk = chunks::examples(pass.n, s.outputs);
    let (inputs, outputs) = (chunk * s.length * s.channels, s.outputs * s.filters);
    if layer.pool.is_none() && !layer.residual {
        y.par_chunks_mut(chunk * outputs).zip(x.par_chunks(inputs)).for_each(|(y, x)| {
            conv::forward(s, y.len() / outputs, x, packed, bias, then, y);
        });
        return Extra::None;
    }
    let mut places = pass.buffers.take_places(y.len());
    let size = chunk * y.len() / pass.n.max(1);
    let pieces = y.par_chunks_mut(size.max(1)).zip(places.par_chunks_mut(size.max(1))).zip(x.par_chunks(inputs));
    pieces.for_each(|((y, places), x)| {
        let n = x.len() / (s.length * s.channels);
        with_scratch(n * outputs, |sums| {
            if let Some(windows) = &layer.pool {
                conv::forward(s, n, x, packed, bias, Activation::None, sums);
                pool::max_pool(level, windows, sums, layer.relu, y, places);
            } else {
                conv::forward(s, n, x, packed, bias, then, sums);
                y.iter_mut().zip(x).zip(&*sums).for_each(|((y, x), sum)| *y = x + sum);
                places.iter_mut().zip(&*sums).for_each(|(place, &sum)| *place = u8::from(sum > 0.0));
            }
        });
    });
    if pass.keep {
        return Extra::Places(places);
    }
    pass.buffers.give_places(places);
    Extra::None
}

/// The gradient of the input alone, where nothing but a batch norm is joined to the convolution.
pub(in crate::engine) fn input_gradient(pass: &Pass, layer: &Conv, dy: &[f32], dx: &mut [f32]) {
    let s = &layer.shape;
    let (weights, _) = folded(pass.weights, layer.parameter, layer.fold);
    let packed = Weights::backward(pass.level, s, &weights);
    let chunk = chunks::examples(pass.n, s.outputs);
    let (inputs, outputs) = (chunk * s.length * s.channels, s.outputs * s.filters);
    dx.par_chunks_mut(inputs).zip(dy.par_chunks(chunk * outputs)).for_each(|(dx, dy)| {
        conv::input_gradient(s, dy.len() / outputs, dy, &packed, false, dx);
    });
}

/// One thread's part of the way back.
struct Part<'a> {
    first: usize,
    dx: &'a mut [f32],
    /// The gradients of weights and bias, one after the other; empty if they are not wanted.
    gradient: &'a mut [f32],
}

pub(in crate::engine) fn backward(
    pass: &mut Pass,
    layer: &Conv,
    x: &[f32],
    y: &[f32],
    extra: &Extra,
    dy: &[f32],
    dx: &mut [f32],
    found: &mut Found,
) {
    let (s, level) = (&layer.shape, pass.level);
    let size = y.len() / pass.n.max(1);
    let packed = pack_back(pass, layer, !dx.is_empty());
    let outputs = s.outputs * s.filters;
    in_parts(pass, layer, dx, found, |n, first, dx, gradient, scratch| {
        let range = first * size..(first + n) * size;
        let (y, dy) = (&y[range.clone()], &dy[range.clone()]);
        let x = &x[first * s.length * s.channels..(first + n) * s.length * s.channels];
        with_scratch(n * outputs, |sums| {
            let slopes: &[f32] = match (&layer.pool, extra) {
                (Some(windows), Extra::Places(places)) => {
                    pool::max_pool_gradient(level, windows, y, dy, &places[range], layer.relu, sums);
                    sums
                }
                _ if layer.relu => {
                    let masked = sums.iter_mut().zip(y).zip(dy);
                    masked.for_each(|((sum, &y), &dy)| *sum = if y > 0.0 { dy } else { 0.0 });
                    sums
                }
                _ => dy,
            };
            if let Some(packed) = &packed {
                conv::input_gradient(s, n, slopes, packed, false, dx);
            }
            weights_back(level, layer, n, x, slopes, gradient, scratch);
        });
    });
}

/// The way back through `y = x + f(x)`: `dy` becomes the gradient of `x`.
pub(in crate::engine) fn backward_residual(
    pass: &mut Pass,
    layer: &Conv,
    x: &[f32],
    extra: &Extra,
    dy: &mut [f32],
    found: &mut Found,
) {
    let s = &layer.shape;
    let Some(packed) = pack_back(pass, layer, true) else { return };
    let size = s.outputs * s.filters;
    let level = pass.level;
    in_parts(pass, layer, dy, found, |n, first, dy, gradient, scratch| {
        let range = first * size..(first + n) * size;
        with_scratch(n * size, |slopes| {
            match extra {
                Extra::Places(passed) if layer.relu => {
                    let masked = slopes.iter_mut().zip(&passed[range.clone()]).zip(&*dy);
                    masked.for_each(|((slope, &passed), &dy)| *slope = if passed != 0 { dy } else { 0.0 });
                }
                _ => slopes.copy_from_slice(dy),
            }
            weights_back(level, layer, n, &x[range], slopes, gradient, scratch);
            conv::input_gradient(s, n, slopes, &packed, true, dy);
        });
    });
}

fn pack_back(pass: &Pass, layer: &Conv, wanted: bool) -> Option<Weights> {
    let weights = &pass.weights.parameters[layer.parameter].values;
    wanted.then(|| Weights::backward(pass.level, &layer.shape, weights))
}

fn weights_back(
    level: basewise_kernels::Level,
    layer: &Conv,
    n: usize,
    x: &[f32],
    slopes: &[f32],
    gradient: &mut [f32],
    scratch: &mut Scratch,
) {
    if !gradient.is_empty() {
        let (dw, db) = gradient.split_at_mut(layer.shape.weights());
        conv::weight_gradient(level, &layer.shape, n, x, slopes, dw, scratch);
        conv::bias_gradient(level, slopes, db);
    }
}

/// Calls `work` with the number of a piece's examples, the first of them, their part of `dx`, and the group's gradient,
/// and adds the groups' gradients up.
fn in_parts(
    pass: &mut Pass,
    layer: &Conv,
    dx: &mut [f32],
    found: &mut Found,
    work: impl Fn(usize, usize, &mut [f32], &mut [f32], &mut Scratch) + Sync,
) {
    let s = &layer.shape;
    let (n, numbers) = (pass.n, s.weights() + s.filters);
    if n == 0 {
        return;
    }
    let (group, piece) = (chunks::group(n, numbers), chunks::examples(n, s.outputs));
    let groups = n.div_ceil(group);
    let mut partial = pass.buffers.zeros(if found.parameters.is_some() { groups * numbers } else { 0 });
    let inputs = dx.len() / n;
    let mut parts = Vec::with_capacity(groups);
    let (mut dx, mut gradients) = (dx, &mut partial[..]);
    for first in (0..n).step_by(group) {
        let (own, rest) = std::mem::take(&mut dx).split_at_mut(inputs * group.min(n - first));
        dx = rest;
        let wanted = if gradients.is_empty() { 0 } else { numbers };
        let (gradient, rest) = std::mem::take(&mut gradients).split_at_mut(wanted);
        gradients = rest;
        parts.push(Part { first, dx: own, gradient });
    }
    parts.into_par_iter().for_each_init(Scratch::default, |scratch, part| {
        let end = n.min(part.first + group);
        for first in (part.first..end).step_by(piece) {
            let count = piece.min(end - first);
            let from = (first - part.first) * inputs;
            work(count, first, &mut part.dx[from..from + count * inputs], part.gradient, scratch);
        }
    });
    if let Some(found) = &mut found.parameters {
        let sum = add_up(&mut partial, numbers);
        let (dw, db) = sum.split_at(s.weights());
        conv::unpack_gradient(s, dw, &mut found[layer.parameter]);
        found[layer.parameter + 1].copy_from_slice(db);
    }
    pass.buffers.give(partial);
}
