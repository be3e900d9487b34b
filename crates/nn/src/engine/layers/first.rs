//! The first convolution, on sequence codes.

use super::{add_up, folded};
use crate::engine::chunks;
use crate::engine::node::{First, MARK, SYMBOLS};
use crate::engine::{Extra, Found, Pass};
use basewise_core::{Code, SequenceBatch};
use basewise_kernels::onehot;
use rayon::prelude::*;

/// Bases of the alphabet.
const BASES: usize = 4;

/// One symbol a position: base 0 to 3 or 4 for the unknown one, and [`MARK`] more with a mark.
pub(in crate::engine) fn codes(batch: &SequenceBatch) -> Vec<u8> {
    let marks = batch.encoding().channels() > BASES;
    (0..batch.len()).flat_map(|i| batch.sequence(i)).map(|code| symbol(code, marks)).collect()
}

/// The symbol of a code, where marks count or not.
pub(in crate::engine) fn symbol(code: &Code, marks: bool) -> u8 {
    code.base().min(4) + if marks && code.is_marked() { MARK } else { 0 }
}

/// Weights `[filters, channels, width]` as a table `[width, symbols, filters]`: what each symbol adds under each tap.
pub(in crate::engine) fn table(layer: &First, weights: &[f32]) -> Vec<f32> {
    let onehot::Shape { symbols, filters, width, .. } = layer.shape;
    let mut table = vec![0.0; width * symbols * filters];
    let weight = |f: usize, c: usize, tap: usize| weights[(f * layer.channels + c) * width + tap];
    for (row, out) in table.chunks_exact_mut(filters).enumerate() {
        let (tap, symbol) = (row / symbols, row % symbols);
        let base = symbol % (SYMBOLS / 2);
        for (f, out) in out.iter_mut().enumerate() {
            let of_base = if base < BASES { weight(f, base, tap) } else { 0.0 };
            let of_mark = if symbol >= SYMBOLS / 2 { weight(f, BASES, tap) } else { 0.0 };
            *out = of_base + of_mark;
        }
    }
    table
}

/// The gradient of the weights from that of the table.
fn weight_gradient(layer: &First, table: &[f32], out: &mut [f32]) {
    let onehot::Shape { symbols, filters, width, .. } = layer.shape;
    let entry = |f: usize, symbol: usize, tap: usize| table[(tap * symbols + symbol) * filters + f];
    for (at, out) in out.iter_mut().enumerate() {
        let (f, c, tap) = (at / (layer.channels * width), at / width % layer.channels, at % width);
        *out = if c == BASES {
            (SYMBOLS / 2..SYMBOLS).map(|symbol| entry(f, symbol, tap)).sum()
        } else {
            (c..symbols).step_by(SYMBOLS / 2).map(|symbol| entry(f, symbol, tap)).sum()
        };
    }
}

pub(in crate::engine) fn forward(pass: &mut Pass, layer: &First, codes: &[u8], y: &mut [f32]) -> Extra {
    let (s, level) = (&layer.shape, pass.level);
    let (weights, bias) = folded(pass.weights, layer.parameter, layer.fold);
    let (table, bias) = (table(layer, &weights), &bias[..]);
    let chunk = chunks::examples(pass.n, s.outputs);
    let size = (chunk * y.len() / pass.n.max(1)).max(1);
    let Some(pool) = layer.pool else {
        y.par_chunks_mut(size).zip(codes.par_chunks(chunk * s.length)).for_each(|(y, codes)| {
            onehot::forward(level, s, codes, &table, bias, layer.relu, y);
        });
        return Extra::None;
    };
    let mut places = pass.buffers.take_places(y.len());
    let pieces = y.par_chunks_mut(size).zip(places.par_chunks_mut(size)).zip(codes.par_chunks(chunk * s.length));
    pieces.for_each(|((y, places), codes)| {
        onehot::forward_max_pool(level, s, codes, &table, bias, layer.relu, pool, y, places);
    });
    if pass.keep {
        return Extra::Places(places);
    }
    pass.buffers.give_places(places);
    Extra::None
}

pub(in crate::engine) fn backward(
    pass: &mut Pass,
    layer: &First,
    codes: &[u8],
    y: &[f32],
    extra: &Extra,
    dy: &[f32],
    found: &mut Found,
) {
    let (s, level, n) = (&layer.shape, pass.level, pass.n);
    let Some(found) = &mut found.parameters else { return };
    let entries = s.width * s.symbols * s.filters;
    let numbers = entries + s.filters;
    let group = chunks::group(n, numbers);
    let size = (group * y.len() / n.max(1)).max(1);
    let mut partial = pass.buffers.zeros(n.div_ceil(group).max(1) * numbers);
    let pieces = partial.par_chunks_mut(numbers).zip(codes.par_chunks(group * s.length)).enumerate();
    pieces.for_each(|(g, (gradient, codes))| {
        let range = g * size..y.len().min((g + 1) * size);
        let (y, dy) = (&y[range.clone()], &dy[range.clone()]);
        let (dtable, dbias) = gradient.split_at_mut(entries);
        match (layer.pool, extra) {
            (Some(pool), Extra::Places(places)) => {
                let places = &places[range];
                onehot::table_gradient_max_pool(level, s, codes, y, dy, places, layer.relu, pool, dtable, dbias);
            }
            _ if layer.relu => masked(s, codes, y, dy, |codes, dy| {
                onehot::table_gradient(level, s, codes, dy, dtable, dbias);
            }),
            _ => onehot::table_gradient(level, s, codes, dy, dtable, dbias),
        }
    });
    let sum = add_up(&mut partial, numbers);
    weight_gradient(layer, &sum[..entries], &mut found[layer.parameter]);
    found[layer.parameter + 1].copy_from_slice(&sum[entries..]);
    pass.buffers.give(partial);
}

/// Calls `work` for each sequence with the slopes that the rectifier lets pass.
fn masked(s: &onehot::Shape, codes: &[u8], y: &[f32], dy: &[f32], mut work: impl FnMut(&[u8], &[f32])) {
    let size = s.outputs * s.filters;
    chunks::with_scratch(size, |slopes| {
        for ((codes, y), dy) in codes.chunks_exact(s.length).zip(y.chunks_exact(size)).zip(dy.chunks_exact(size)) {
            let both = slopes.iter_mut().zip(y).zip(dy);
            both.for_each(|((slope, &y), &dy)| *slope = if y > 0.0 { dy } else { 0.0 });
            work(codes, slopes);
        }
    });
}
