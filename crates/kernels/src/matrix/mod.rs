//! Matrix products, the work in which all convolutional, dense and recurrent layers end.
//!
//! Functions here run on the calling thread; who calls them cuts the work into pieces whose borders depend on shapes
//! only, so that results do not depend on the number of threads.

mod outer;
mod right;
#[cfg(test)]
mod tests;
mod tile;

pub(crate) use outer::{GROUP, Outer, Pack, Runs};
pub use right::Packed;
pub(crate) use right::panel_ranges;
pub(crate) use tile::{Finish, Left, Product, Start, load_left};

use crate::Level;
use crate::simd::dispatch;
use crate::size::span;
use right::Right;
use tile::PlainRows;

/// Panics unless a matrix of `rows` rows of `columns`, `stride` apart, lies within `length` numbers.
fn check(what: &str, length: usize, rows: usize, columns: usize, stride: usize) {
    assert!(columns <= stride || rows <= 1, "{what}: rows of {columns} numbers cannot lie {stride} apart");
    let end = span(rows, stride, columns);
    assert!(end <= length, "{what}: {rows} rows of {columns} numbers, {stride} apart, need {end}, found {length}");
}

/// `c = a b`, or `c += a b` with `accumulate`: `a` is `[m, k]` with rows `a_stride` apart, `c` `[m, n]` with rows
/// `c_stride` apart.
pub fn multiply(m: usize, a: &[f32], a_stride: usize, b: &Packed, c: &mut [f32], c_stride: usize, accumulate: bool) {
    let start = if accumulate { Start::Add } else { Start::Zero };
    multiply_any(b.level, (m, b.k, b.n), (a, a_stride), Right::Packed(b), (c, c_stride), start);
}

/// [`multiply`] by a matrix that is used too seldom to be packed: `b` is `[k, n]` with rows `b_stride` apart.
pub fn multiply_plain(
    level: Level,
    (m, k, n): (usize, usize, usize),
    (a, a_stride): (&[f32], usize),
    (b, b_stride): (&[f32], usize),
    (c, c_stride): (&mut [f32], usize),
    accumulate: bool,
) {
    check("right matrix", b.len(), k, n, b_stride);
    let start = if accumulate { Start::Add } else { Start::Zero };
    let right = Right::Plain { values: b, stride: b_stride };
    multiply_any(level, (m, k, n), (a, a_stride), right, (c, c_stride), start);
}

/// Some columns of a matrix that is not packed, and of a product with rows as far apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns {
    pub(crate) first: usize,
    pub(crate) count: usize,
    pub(crate) stride: usize,
}

/// `columns` of `x w + bias`, below zero cut off with `relu`: `x` is `[m, k]`, `w` `[k, stride]`.
///
/// # Safety
/// `c` has `m` rows of `count` numbers, `stride` apart, which nobody else uses.
pub(crate) unsafe fn affine_columns(
    level: Level,
    (m, k): (usize, usize),
    x: &[f32],
    w: &[f32],
    bias: &[f32],
    relu: bool,
    columns: Columns,
    c: *mut f32,
) {
    let Columns { first, count: n, stride } = columns;
    check("left matrix", x.len(), m, k, k);
    check("right matrix", w.len() - first, k, n, stride);
    let left = PlainRows { values: x.as_ptr(), stride: k };
    let right = Right::Plain { values: &w[first..], stride };
    let start = Start::Bias(&bias[first..first + n]);
    let finish = if relu { Finish::Relu } else { Finish::Keep };
    dispatch(level, Product { level, left, right, m, k, n, c, c_stride: stride, start, finish });
}

fn multiply_any(
    level: Level,
    (m, k, n): (usize, usize, usize),
    (a, a_stride): (&[f32], usize),
    right: Right,
    (c, c_stride): (&mut [f32], usize),
    start: Start,
) {
    check("left matrix", a.len(), m, k, a_stride);
    check("product", c.len(), m, n, c_stride);
    let left = PlainRows { values: a.as_ptr(), stride: a_stride };
    let finish = Finish::Keep;
    dispatch(level, Product { level, left, right, m, k, n, c: c.as_mut_ptr(), c_stride, start, finish });
}

/// A product whose left rows are found by `left`, for convolutions.
///
/// # Safety
/// `left` has `m` rows of as many columns as `b` has rows.
pub(crate) unsafe fn multiply_rows<L: Left>(
    left: L,
    m: usize,
    b: &Packed,
    (c, c_stride): (&mut [f32], usize),
    start: Start,
    finish: Finish,
) {
    check("product", c.len(), m, b.n, c_stride);
    let (level, k, n, right) = (b.level, b.k, b.n, Right::Packed(b));
    dispatch(level, Product { level, left, right, m, k, n, c: c.as_mut_ptr(), c_stride, start, finish });
}

/// `c = aᵀ b`, or `c += aᵀ b` with `accumulate`: `a` is `[k, m]`, `b` `[k, n]`, `c` `[m, n]`, with rows `*_stride` apart.
/// The product of weight gradients.
pub fn multiply_transposed(
    level: Level,
    (k, m, n): (usize, usize, usize),
    a: &[f32],
    a_stride: usize,
    b: &[f32],
    b_stride: usize,
    c: &mut [f32],
    c_stride: usize,
    accumulate: bool,
) {
    check("left matrix", a.len(), k, m, a_stride);
    check("right matrix", b.len(), k, n, b_stride);
    check("product", c.len(), m, n, c_stride);
    // As many rows at once as leave their part of `b` in the first cache.
    const BLOCK: usize = 128;
    let mut group = Vec::with_capacity(BLOCK.min(k) * GROUP);
    let mut from = 0;
    loop {
        let rows = BLOCK.min(k - from);
        let values = &a[(from * a_stride).min(a.len())..];
        for first in (0..m).step_by(GROUP) {
            let columns = GROUP.min(m - first);
            dispatch(level, Pack { values, stride: a_stride, rows, first, columns, out: &mut group });
            let b = b[(from * b_stride).min(b.len())..].as_ptr();
            let runs = Runs { a: group.as_ptr(), b, rows, count: 1, a_jump: 0, b_jump: 0 };
            let c = c[first * c_stride..].as_mut_ptr();
            let add = accumulate || from > 0;
            dispatch(level, Outer { level, a_stride: GROUP, b_stride, runs, m: columns, n, c, c_stride, add });
        }
        from += rows;
        if from >= k {
            break;
        }
    }
}
