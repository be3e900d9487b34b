//! Layers that treat the channels of each position together.

use crate::engine::node::NormKind;
use crate::engine::{Extra, Found, Node, Pass};
use basewise_kernels::norm::positions::{self, Kind};
use basewise_kernels::softmax as kernel;
use rayon::prelude::*;

/// Positions of a piece of work, and of a partial sum.
const ROWS: usize = 1 << 10;

/// Scale and shift; a root mean square norm has no shift.
fn arrays<'a>(pass: &Pass<'a>, parameter: usize, kind: NormKind) -> (&'a [f32], &'a [f32]) {
    let array = |i: usize| -> &'a [f32] { &pass.weights.parameters[parameter + i].values };
    (array(0), if kind == Kind::Layer { array(1) } else { &[] })
}

pub(in crate::engine) fn norm(pass: &Pass, parameter: usize, kind: NormKind, x: &[f32], y: &mut [f32]) -> Extra {
    let (scale, shift) = arrays(pass, parameter, kind);
    let piece = ROWS * scale.len();
    y.par_chunks_mut(piece).zip(x.par_chunks(piece)).for_each(|(y, x)| {
        positions::forward(pass.level, kind, x, scale, shift, y);
    });
    Extra::None
}

pub(in crate::engine) fn norm_back(
    pass: &Pass,
    parameter: usize,
    kind: NormKind,
    x: &[f32],
    dy: &mut [f32],
    found: &mut Found,
) {
    let (scale, shift) = arrays(pass, parameter, kind);
    let piece = ROWS * scale.len();
    // Sums for the scale, then for the shift.
    let sums: Vec<Vec<f64>> = dy
        .par_chunks_mut(piece)
        .zip(x.par_chunks(piece))
        .map(|(dy, x)| {
            let mut sums = vec![0.0; scale.len() + shift.len()];
            let (of_scale, of_shift) = sums.split_at_mut(scale.len());
            positions::backward(pass.level, kind, x, scale, dy, of_scale, of_shift);
            sums
        })
        .collect();
    if let Some(found) = &mut found.parameters {
        let total = |i: usize| sums.iter().map(|sums| sums[i]).sum::<f64>() as f32;
        found[parameter].iter_mut().enumerate().for_each(|(c, d)| *d = total(c));
        if !shift.is_empty() {
            found[parameter + 1].iter_mut().enumerate().for_each(|(c, d)| *d = total(scale.len() + c));
        }
    }
}

pub(in crate::engine) fn softmax(pass: &Pass, node: &Node, x: &[f32], y: &mut [f32]) -> Extra {
    let channels = node.input.channels;
    y.par_chunks_mut(ROWS * channels).zip(x.par_chunks(ROWS * channels)).for_each(|(y, x)| {
        y.copy_from_slice(x);
        kernel::forward_in_place(pass.level, channels, y);
    });
    Extra::None
}

pub(in crate::engine) fn softmax_back(pass: &Pass, node: &Node, y: &[f32], dy: &mut [f32]) {
    let channels = node.input.channels;
    dy.par_chunks_mut(ROWS * channels).zip(y.par_chunks(ROWS * channels)).for_each(|(dy, y)| {
        kernel::backward_in_place(pass.level, channels, y, dy);
    });
}
