//! Pools over windows and over whole sequences.

use crate::engine::chunks;
use crate::engine::{Extra, Pass};
use basewise_kernels::pool::{self, Place, Shape};
use rayon::prelude::*;

/// The widest window whose places fit a byte.
const NARROW: usize = 255;

pub(in crate::engine) fn max(pass: &mut Pass, windows: &Shape, x: &[f32], y: &mut [f32]) -> Extra {
    if windows.window <= NARROW {
        let mut places = pass.buffers.take_places(y.len());
        max_of(pass, windows, x, false, y, &mut places);
        if pass.keep {
            return Extra::Places(places);
        }
        pass.buffers.give_places(places);
        return Extra::None;
    }
    let mut places = vec![0u32; y.len()];
    max_of(pass, windows, x, false, y, &mut places);
    if pass.keep { Extra::WidePlaces(places) } else { Extra::None }
}

/// The maxima alone, of the sums of a convolution whose pool is joined to it, with `relu` cut off at zero.
pub(in crate::engine) fn max_sums(pass: &mut Pass, windows: &Shape, sums: &[f32], relu: bool, y: &mut [f32]) {
    let mut places = pass.buffers.take_places(y.len());
    max_of(pass, windows, sums, relu, y, &mut places);
    pass.buffers.give_places(places);
}

fn max_of<P: Place + Send + Sync>(
    pass: &Pass,
    windows: &Shape,
    x: &[f32],
    relu: bool,
    y: &mut [f32],
    places: &mut [P],
) {
    let chunk = chunks::examples(pass.n, windows.length);
    let (inputs, outputs) = (chunk * x.len() / pass.n.max(1), (chunk * y.len() / pass.n.max(1)).max(1));
    let pieces = y.par_chunks_mut(outputs).zip(places.par_chunks_mut(outputs)).zip(x.par_chunks(inputs.max(1)));
    pieces.for_each(|((y, places), x)| pool::max_pool(pass.level, windows, x, relu, y, places));
}

pub(in crate::engine) fn max_back(pass: &Pass, windows: &Shape, y: &[f32], extra: &Extra, dy: &[f32], dx: &mut [f32]) {
    match extra {
        Extra::Places(places) => max_back_of(pass, windows, y, places, dy, dx),
        Extra::WidePlaces(places) => max_back_of(pass, windows, y, places, dy, dx),
        _ => {}
    }
}

fn max_back_of<P: Place + Send + Sync>(
    pass: &Pass,
    windows: &Shape,
    y: &[f32],
    places: &[P],
    dy: &[f32],
    dx: &mut [f32],
) {
    let chunk = chunks::examples(pass.n, windows.length);
    let (inputs, outputs) = ((chunk * dx.len() / pass.n.max(1)).max(1), (chunk * y.len() / pass.n.max(1)).max(1));
    let slopes = y.par_chunks(outputs).zip(dy.par_chunks(outputs)).zip(places.par_chunks(outputs));
    dx.par_chunks_mut(inputs).zip(slopes).for_each(|(dx, ((y, dy), places))| {
        pool::max_pool_gradient(pass.level, windows, y, dy, places, false, dx);
    });
}

pub(in crate::engine) fn average(pass: &Pass, windows: &Shape, x: &[f32], y: &mut [f32]) -> Extra {
    let chunk = chunks::examples(pass.n, windows.length);
    let (inputs, outputs) = ((chunk * x.len() / pass.n.max(1)).max(1), (chunk * y.len() / pass.n.max(1)).max(1));
    y.par_chunks_mut(outputs).zip(x.par_chunks(inputs)).for_each(|(y, x)| {
        pool::average_pool(pass.level, windows, x, y);
    });
    Extra::None
}

pub(in crate::engine) fn average_back(pass: &Pass, windows: &Shape, dy: &[f32], dx: &mut [f32]) {
    let chunk = chunks::examples(pass.n, windows.length);
    let (inputs, outputs) = ((chunk * dx.len() / pass.n.max(1)).max(1), (chunk * dy.len() / pass.n.max(1)).max(1));
    dx.par_chunks_mut(inputs).zip(dy.par_chunks(outputs)).for_each(|(dx, dy)| {
        pool::average_pool_gradient(pass.level, windows, dy, dx);
    });
}
