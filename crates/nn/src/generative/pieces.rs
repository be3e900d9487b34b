//! How a batch is cut into pieces of work, by its size only, so that sums do not depend on the number of threads.

use super::net::add;
use rayon::prelude::*;
use std::ops::Range;

/// Examples of a piece.
pub(super) const PIECE: usize = 8;

/// What `work` makes of each piece of `n` examples, in their order.
pub(super) fn in_pieces<T: Send>(n: usize, work: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    let pieces: Vec<Range<usize>> = (0..n).step_by(PIECE).map(|from| from..n.min(from + PIECE)).collect();
    pieces.into_par_iter().map(&work).collect()
}

/// The sum of arrays of one length, in their order.
pub(super) fn summed(arrays: impl IntoIterator<Item = Vec<f32>>) -> Vec<f32> {
    let mut arrays = arrays.into_iter();
    let mut total = arrays.next().unwrap_or_default();
    arrays.for_each(|array| add(&array, &mut total));
    total
}
