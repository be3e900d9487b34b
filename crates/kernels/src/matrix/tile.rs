//! A product by tiles of rows times panels of columns, whose sums stay in registers.

use super::right::{Panel, Right, block_rows, panels};
use crate::Level;
use crate::simd::{Kernel, Simd};

/// Where the rows of the left matrix are. A row may be in pieces, such as the taps of a dilated convolution.
///
/// # Safety
/// Pointers of a piece are readable for the piece's length.
pub(crate) unsafe trait Left: Copy {
    /// What describes a tile's rows.
    type Tile: Copy;

    /// The rows `first..first + rows`, at most 8.
    fn tile(&self, first: usize, rows: usize) -> Self::Tile;

    /// The longest piece of those rows that begins at column `from` and ends at `to` or before: its length, and where
    /// each row is, in `at`; entries beyond the tile's rows point at readable numbers, too. Returns 0 in the second
    /// place if all are zero.
    fn piece<const R: usize>(
        &self,
        tile: &Self::Tile,
        from: usize,
        to: usize,
        at: &mut [*const f32; R],
    ) -> (usize, bool);
}

/// What a sum begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    Zero,
    /// One number a column.
    Bias(&'a [f32]),
    /// What is there already.
    Add,
    /// Zero, and anew for each block of rows of the right matrix, whose sums are then added: longer sums are rounded less.
    Parts,
}

/// Rows of the right matrix in a part of a sum, at most.
const PART: usize = 64;

/// What happens to a sum before it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Finish {
    Keep,
    Relu,
}

/// `c = finish(start + a b)`.
pub(crate) struct Product<'a, L> {
    pub(crate) level: Level,
    pub(crate) left: L,
    pub(super) right: Right<'a>,
    /// Rows of `a` and `c`.
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
    pub(crate) c: *mut f32,
    pub(crate) c_stride: usize,
    pub(crate) start: Start<'a>,
    pub(crate) finish: Finish,
}

impl<L: Left> Kernel for Product<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let mut scratch = Vec::new();
        let most = self.right.most_vectors(self.level, self.m);
        for panel in panels(self.level, most, self.k, self.n) {
            match (panel.vectors, S::REGISTERS) {
                (4, _) => self.panel::<S, 6, 4>(panel, &mut scratch),
                (3, _) => self.panel::<S, 8, 3>(panel, &mut scratch),
                (2, 32) => self.panel::<S, 8, 2>(panel, &mut scratch),
                (2, _) => self.panel::<S, 6, 2>(panel, &mut scratch),
                (1, _) => self.panel::<S, 8, 1>(panel, &mut scratch),
                _ => {}
            }
        }
    }
}

impl<L: Left> Product<'_, L> {
    #[inline(always)]
    fn panel<S: Simd, const R: usize, const V: usize>(&self, panel: Panel, scratch: &mut Vec<f32>) {
        let width = V * S::LANES;
        let most = if matches!(self.start, Start::Parts) { PART } else { usize::MAX };
        let step = block_rows(self.level, V).min(most);
        let mut bias = [0.0; 64];
        if let Start::Bias(values) = self.start {
            bias[..panel.columns].copy_from_slice(&values[panel.first..panel.first + panel.columns]);
        }
        let mut from = 0;
        loop {
            let to = self.k.min(from + step);
            let block = self.right.block(panel, width, from, to, scratch);
            for first in (0..self.m).step_by(R) {
                let rows = R.min(self.m - first);
                // SAFETY: `Left` gives readable rows; the block has to - from rows of V vectors; `c` has room for the
                // tile, which `store` keeps within the panel's columns.
                unsafe {
                    let mut sums = self.begin::<S, R, V>(panel, first, rows, from == 0, &bias);
                    self.add_block::<S, R, V>(&mut sums, (first, rows), (from, to), block);
                    self.store::<S, R, V>(&sums, panel, first, rows, (from == 0, to == self.k));
                }
            }
            from = to;
            if from >= self.k {
                break;
            }
        }
    }

    /// # Safety
    /// `c` has the tile's rows.
    #[inline(always)]
    unsafe fn begin<S: Simd, const R: usize, const V: usize>(
        &self,
        panel: Panel,
        first: usize,
        rows: usize,
        opening: bool,
        bias: &[f32; 64],
    ) -> [[S::F; V]; R] {
        // SAFETY: 64 numbers of bias are V vectors at least; parts of `c` stay within its columns.
        unsafe {
            let mut sums = [[S::splat(0.0); V]; R];
            if opening && !matches!(self.start, Start::Add) || matches!(self.start, Start::Parts) {
                for row in &mut sums {
                    for (v, sum) in row.iter_mut().enumerate() {
                        *sum = S::load(bias.as_ptr().add(v * S::LANES));
                    }
                }
                return sums;
            }
            for (r, row) in sums.iter_mut().enumerate().take(rows) {
                let c = self.c.add((first + r) * self.c_stride + panel.first);
                for (v, sum) in row.iter_mut().enumerate() {
                    let left = panel.columns - (v * S::LANES).min(panel.columns);
                    *sum = load_left::<S>(c.add(v * S::LANES), left);
                }
            }
            sums
        }
    }

    /// # Safety
    /// `block` holds rows `from..to` of a panel of `V` vectors.
    #[inline(always)]
    unsafe fn add_block<S: Simd, const R: usize, const V: usize>(
        &self,
        sums: &mut [[S::F; V]; R],
        (first, rows): (usize, usize),
        (from, to): (usize, usize),
        block: *const f32,
    ) {
        let tile = self.left.tile(first, rows);
        let mut at = [std::ptr::null::<f32>(); R];
        let mut done = from;
        while done < to {
            let (length, zero) = self.left.piece(&tile, done, to, &mut at);
            if !zero {
                // SAFETY: the piece is readable, and the block has its rows.
                unsafe { add_piece::<S, R, V>(sums, &at, length, block.add((done - from) * V * S::LANES)) };
            }
            done += length;
        }
    }

    /// # Safety
    /// `c` has the tile's rows.
    #[inline(always)]
    unsafe fn store<S: Simd, const R: usize, const V: usize>(
        &self,
        sums: &[[S::F; V]; R],
        panel: Panel,
        first: usize,
        rows: usize,
        (opening, closing): (bool, bool),
    ) {
        let add = !opening && matches!(self.start, Start::Parts);
        let relu = closing && matches!(self.finish, Finish::Relu);
        // SAFETY: whole vectors and parts stay within the panel's columns of `c`.
        unsafe {
            let zero = S::splat(0.0);
            for (r, row) in sums.iter().enumerate().take(rows) {
                let c = self.c.add((first + r) * self.c_stride + panel.first);
                for (v, &sum) in row.iter().enumerate() {
                    let left = panel.columns - (v * S::LANES).min(panel.columns);
                    let sum = if add { S::add(load_left::<S>(c.add(v * S::LANES), left), sum) } else { sum };
                    let sum = if relu { S::max(zero, sum) } else { sum };
                    if left >= S::LANES {
                        S::store(c.add(v * S::LANES), sum);
                    } else {
                        S::store_part(c.add(v * S::LANES), left, sum);
                    }
                }
            }
        }
    }
}

/// The first `left` lanes, all of them if there are fewer.
///
/// # Safety
/// As many numbers are readable.
#[inline(always)]
pub(crate) unsafe fn load_left<S: Simd>(p: *const f32, left: usize) -> S::F {
    // SAFETY: as the caller says.
    unsafe { if left >= S::LANES { S::load(p) } else { S::load_part(p, left) } }
}

/// Adds `length` columns of the rows times as many rows of the block.
///
/// # Safety
/// Each row has `length` readable numbers, the block `length` rows of `V` vectors.
#[inline(always)]
unsafe fn add_piece<S: Simd, const R: usize, const V: usize>(
    sums: &mut [[S::F; V]; R],
    at: &[*const f32; R],
    length: usize,
    block: *const f32,
) {
    // SAFETY: as the caller says.
    unsafe {
        let mut own = *sums;
        for k in 0..length {
            let mut b = [S::splat(0.0); V];
            for (v, b) in b.iter_mut().enumerate() {
                *b = S::load(block.add((k * V + v) * S::LANES));
            }
            for r in 0..R {
                let a = S::splat(*at[r].add(k));
                for v in 0..V {
                    own[r][v] = S::fma(a, b[v], own[r][v]);
                }
            }
        }
        *sums = own;
    }
}

/// The rows of a plain matrix, `stride` apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainRows {
    pub(crate) values: *const f32,
    pub(crate) stride: usize,
}

// SAFETY: rows lie within the matrix that `multiply` was given; those beyond the tile repeat its last one.
unsafe impl Left for PlainRows {
    type Tile = (usize, usize);

    #[inline(always)]
    fn tile(&self, first: usize, rows: usize) -> (usize, usize) {
        (first, rows)
    }

    #[inline(always)]
    fn piece<const R: usize>(
        &self,
        &(first, rows): &(usize, usize),
        from: usize,
        to: usize,
        at: &mut [*const f32; R],
    ) -> (usize, bool) {
        for (r, at) in at.iter_mut().enumerate() {
            *at = self.values.wrapping_add((first + r.min(rows - 1)) * self.stride + from);
        }
        (to - from, false)
    }
}
