//! Products of a sparse matrix in compressed rows with a dense one: messages along the edges of a graph.

use crate::Level;
use crate::activation::elementwise::{load_up_to, store_up_to};
use crate::simd::{Kernel, Simd, dispatch};
use rayon::prelude::*;

/// Rows that a task computes.
const ROWS: usize = 256;

/// A sparse matrix: `starts[i]..starts[i + 1]` are the places of row `i` in `indices` (columns) and `values`.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// One more than there are rows.
    pub starts: &'a [usize],
    /// Column of each value.
    pub indices: &'a [u32],
    /// The values.
    pub values: &'a [f32],
    /// Number of columns.
    pub columns: usize,
}

/// `y = a x`, or `y += a x` with `accumulate`: `x` is `[columns of a, width]`, `y` `[rows of a, width]`.
///
/// Values of a row are added in their order, so that results do not depend on the number of threads.
///
/// # Panics
/// If sizes do not fit, or a column is beyond the last one.
pub fn multiply(level: Level, a: Rows<'_>, width: usize, x: &[f32], y: &mut [f32], accumulate: bool) {
    let rows = a.starts.len().saturating_sub(1);
    assert_eq!(Some(x.len()), a.columns.checked_mul(width), "dense matrix of {} x {width}", a.columns);
    assert_eq!(Some(y.len()), rows.checked_mul(width), "product of {rows} x {width}");
    assert_eq!(a.indices.len(), a.values.len(), "a column for each value");
    assert!(a.starts.is_sorted() && a.starts.last().is_none_or(|&end| end <= a.values.len()), "row starts ascend");
    assert!(a.indices.iter().all(|&column| (column as usize) < a.columns), "columns are below {}", a.columns);
    if width == 0 {
        return;
    }
    y.par_chunks_mut(ROWS * width).zip(a.starts[..rows].par_chunks(ROWS).enumerate()).for_each(|(y, (task, own))| {
        let starts = &a.starts[task * ROWS..=task * ROWS + own.len()];
        dispatch(level, Multiply { a: Rows { starts, ..a }, width, x, y, accumulate });
    });
}

struct Multiply<'a> {
    a: Rows<'a>,
    width: usize,
    x: &'a [f32],
    y: &'a mut [f32],
    accumulate: bool,
}

impl Kernel for Multiply<'_> {
    type Output = ();

    /// Two vectors of a row's product at a time, whose sums stay in registers.
    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { a, width, x, y, accumulate } = self;
        for (row, y) in y.chunks_exact_mut(width).enumerate() {
            let (from, to) = (a.starts[row], a.starts[row + 1]);
            let (indices, values) = (&a.indices[from..to], &a.values[from..to]);
            for start in (0..width).step_by(2 * S::LANES) {
                let near = S::LANES.min(width - start);
                let far = S::LANES.min(width - start - near);
                // SAFETY: `near + far` numbers are left in a row of `x` and of `y` from `start` on; columns were checked.
                unsafe {
                    let out = y.as_mut_ptr().add(start);
                    let begin =
                        |p: *const f32, n: usize| if accumulate { load_up_to::<S>(p, n) } else { S::splat(0.0) };
                    let mut one = begin(out, near);
                    if far == 0 {
                        for (&column, &value) in indices.iter().zip(values) {
                            let p = x.as_ptr().add(column as usize * width + start);
                            one = S::fma(S::splat(value), load_up_to::<S>(p, near), one);
                        }
                        store_up_to::<S>(out, near, one);
                        continue;
                    }
                    let mut two = begin(out.add(near), far);
                    for (&column, &value) in indices.iter().zip(values) {
                        let p = x.as_ptr().add(column as usize * width + start);
                        let value = S::splat(value);
                        one = S::fma(value, load_up_to::<S>(p, near), one);
                        two = S::fma(value, load_up_to::<S>(p.add(near), far), two);
                    }
                    store_up_to::<S>(out, near, one);
                    store_up_to::<S>(out.add(near), far, two);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
