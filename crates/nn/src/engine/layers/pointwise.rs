//! Layers that treat each number alone.

use crate::engine::node::Pointwise;
use crate::engine::{Extra, Node, Pass};
use crate::network::{Mode, dropout_key};
use basewise_kernels::activation;
use basewise_kernels::random;
use rayon::prelude::*;

/// Numbers of a piece of work; even, because dropout draws them in pairs.
const PIECE: usize = 1 << 14;

pub(in crate::engine) fn activate(pass: &Pass, kind: Pointwise, x: &[f32], y: &mut [f32]) -> Extra {
    y.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).for_each(|(y, x)| activation::forward(pass.level, kind, x, y));
    Extra::None
}

pub(in crate::engine) fn activate_back(pass: &Pass, kind: Pointwise, x: &[f32], y: &[f32], dy: &mut [f32]) {
    let saved = if kind.needs_input() { x } else { y };
    dy.par_chunks_mut(PIECE).zip(saved.par_chunks(PIECE)).for_each(|(dy, saved)| {
        activation::backward_in_place(pass.level, kind, saved, dy);
    });
}

/// Drops the same values on the way forwards and back.
pub(in crate::engine) fn dropout(pass: &Pass, node: &Node, how: (f64, bool, u64), values: &mut [f32]) -> Extra {
    let (Mode::Train { seed, step }, (rate, channels, number)) = (pass.mode, how) else { return Extra::None };
    let (key, rate) = (dropout_key(seed, step, number), rate as f32);
    if channels {
        let size = node.input.size();
        values.par_chunks_mut(size.max(1)).enumerate().for_each(|(i, values)| {
            let shape = (node.input.length, node.input.channels);
            random::dropout_channels(pass.level, key, i as u64, rate, shape, values);
        });
    } else {
        values.par_chunks_mut(PIECE).enumerate().for_each(|(i, values)| {
            random::dropout(pass.level, key, (i * PIECE) as u64, rate, values);
        });
    }
    Extra::None
}
