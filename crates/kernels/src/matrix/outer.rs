//! Sums of outer products: `c += aᵀ b` over many rows, the shape of every weight gradient.

use super::right::{Panel, all_panels};
use crate::Level;
use crate::simd::{Kernel, Simd};

/// Rows of `c` in a tile; columns of `a` are packed in groups of as many.
pub(crate) const GROUP: usize = 6;

/// The rows to sum over: `count` stretches of `rows` rows, whose packed columns of `a` and rows of `b` begin `a_jump` and
/// `b_jump` numbers apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs {
    pub(crate) a: *const f32,
    pub(crate) b: *const f32,
    pub(crate) rows: usize,
    pub(crate) count: usize,
    pub(crate) a_jump: usize,
    pub(crate) b_jump: usize,
}

/// Packs columns `first..first + columns` of `rows` rows into groups of [`GROUP`] columns, `[group, row, GROUP]`, with
/// zeros beyond the last column.
pub(crate) struct Pack<'a> {
    /// The rows, `stride` apart.
    pub(crate) values: &'a [f32],
    pub(crate) stride: usize,
    pub(crate) rows: usize,
    pub(crate) first: usize,
    pub(crate) columns: usize,
    pub(crate) out: &'a mut Vec<f32>,
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let groups = self.columns.div_ceil(GROUP);
        self.out.resize(groups * self.rows * GROUP, 0.0);
        if self.rows == 0 || groups == 0 {
            return;
        }
        assert!(self.values.len() >= (self.rows - 1) * self.stride + self.first + self.columns);
        // A few rows at a time, so that they are still in the first cache when their next group is wanted.
        for begin in (0..self.rows).step_by(32) {
            let rows = 32.min(self.rows - begin);
            for group in 0..groups {
                let count = GROUP.min(self.columns - group * GROUP);
                let from = self.values.as_ptr().wrapping_add(begin * self.stride + self.first + group * GROUP);
                let to = self.out.as_mut_ptr().wrapping_add((group * self.rows + begin) * GROUP);
                // SAFETY: `count` numbers of each row lie within `values`, as asserted, and `GROUP` of each within `out`.
                unsafe {
                    for row in 0..rows {
                        pack_row::<S>(from.add(row * self.stride), count, to.add(row * GROUP));
                    }
                }
            }
        }
    }
}

/// Copies `count <= GROUP` numbers and fills up with zeros.
///
/// # Safety
/// `from` has `count` readable, `to` `GROUP` writable numbers.
#[inline(always)]
unsafe fn pack_row<S: Simd>(from: *const f32, count: usize, to: *mut f32) {
    // SAFETY: as the caller says; a vector of 4 leaves 2 for a second one.
    unsafe {
        if S::LANES >= GROUP {
            S::store_part(to, GROUP, S::load_part(from, count));
        } else {
            S::store(to, S::load_part(from, count.min(S::LANES)));
            let rest = S::load_part(from.wrapping_add(S::LANES), count.saturating_sub(S::LANES));
            S::store_part(to.add(S::LANES), GROUP - S::LANES, rest);
        }
    }
}

/// One group of rows of `c` plus the outer products of all runs.
pub(crate) struct Outer {
    pub(crate) level: Level,
    /// Floats between the packed rows of `a`: `GROUP`, or a multiple for a strided convolution.
    pub(crate) a_stride: usize,
    pub(crate) b_stride: usize,
    pub(crate) runs: Runs,
    /// Rows of `c`, at most `GROUP`.
    pub(crate) m: usize,
    /// Columns of `b` and `c`.
    pub(crate) n: usize,
    pub(crate) c: *mut f32,
    pub(crate) c_stride: usize,
    pub(crate) add: bool,
}

impl Kernel for Outer {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        for panel in all_panels(self.level, self.n) {
            // SAFETY: whoever makes an `Outer` gives runs and `c` of these sizes.
            unsafe {
                match panel.vectors {
                    4 => self.panel::<S, 4>(panel),
                    3 => self.panel::<S, 3>(panel),
                    2 => self.panel::<S, 2>(panel),
                    1 => self.panel::<S, 1>(panel),
                    _ => {}
                }
            }
        }
    }
}

impl Outer {
    /// # Safety
    /// Runs have as many rows as they say, `n` columns of `b` and `GROUP` of `a`; `c` has `m` rows.
    #[inline(always)]
    unsafe fn panel<S: Simd, const V: usize>(&self, panel: Panel) {
        // SAFETY: whole vectors and parts stay within the panel's columns.
        unsafe {
            let mut sums = [[S::splat(0.0); V]; GROUP];
            if self.add {
                for (r, row) in sums.iter_mut().enumerate().take(self.m) {
                    for (v, sum) in row.iter_mut().enumerate() {
                        *sum = part::<S>(self.c.add(r * self.c_stride + panel.first), v, panel.columns);
                    }
                }
            }
            let whole = panel.columns == V * S::LANES;
            let Runs { a, b, rows, count, a_jump, b_jump } = self.runs;
            for i in 0..count {
                let (a, b) = (a.add(i * a_jump), b.add(i * b_jump + panel.first));
                if whole {
                    self.add_run::<S, V, true>(&mut sums, a, b, rows, panel.columns);
                } else {
                    self.add_run::<S, V, false>(&mut sums, a, b, rows, panel.columns);
                }
            }
            for (r, row) in sums.iter().enumerate().take(self.m) {
                let c = self.c.add(r * self.c_stride + panel.first);
                for (v, &sum) in row.iter().enumerate() {
                    let left = panel.columns - (v * S::LANES).min(panel.columns);
                    S::store_part_or_whole(c.add(v * S::LANES), left, sum);
                }
            }
        }
    }

    /// # Safety
    /// As for [`Outer::panel`].
    #[inline(always)]
    unsafe fn add_run<S: Simd, const V: usize, const WHOLE: bool>(
        &self,
        sums: &mut [[S::F; V]; GROUP],
        mut a: *const f32,
        mut b: *const f32,
        rows: usize,
        columns: usize,
    ) {
        // SAFETY: as the caller says; pointers move past the last row without being read there.
        unsafe {
            let mut own = *sums;
            for _ in 0..rows {
                let mut vectors = [S::splat(0.0); V];
                for (v, vector) in vectors.iter_mut().enumerate() {
                    *vector = if WHOLE { S::load(b.add(v * S::LANES)) } else { part::<S>(b, v, columns) };
                }
                for (r, own) in own.iter_mut().enumerate() {
                    let x = S::splat(*a.add(r));
                    for v in 0..V {
                        own[v] = S::fma(x, vectors[v], own[v]);
                    }
                }
                a = a.wrapping_add(self.a_stride);
                b = b.wrapping_add(self.b_stride);
            }
            *sums = own;
        }
    }
}

/// Vector `v` of a row of `columns` numbers.
///
/// # Safety
/// The row is readable.
#[inline(always)]
unsafe fn part<S: Simd>(row: *const f32, v: usize, columns: usize) -> S::F {
    let left = columns - (v * S::LANES).min(columns);
    // SAFETY: at most `left` numbers are read.
    unsafe { if left >= S::LANES { S::load(row.add(v * S::LANES)) } else { S::load_part(row.add(v * S::LANES), left) } }
}
