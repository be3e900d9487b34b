//! The right-hand matrix of a product, cut into panels of a few vectors and blocks of rows that the first cache holds.

use crate::Level;
use crate::size::product;

/// Bytes of a block of a panel; with the rows of the left matrix it stays in a first cache of 32 KiB or more.
const BLOCK_BYTES: usize = 32 << 10;

/// A right-hand matrix `[k, n]`, laid out for the products of one level.
#[derive(Clone, Debug)]
pub struct Packed {
    pub(super) level: Level,
    /// Vectors of a panel, at most.
    most: usize,
    pub(super) k: usize,
    pub(super) n: usize,
    pub(super) values: Vec<f32>,
}

/// Columns `first..first + columns` of a panel of `vectors` vectors; `start` is where it begins among packed values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    pub(super) first: usize,
    pub(super) columns: usize,
    pub(super) vectors: usize,
    pub(super) start: usize,
}

/// Most vectors of a panel: as many as leave registers for a tile of accumulators.
fn most_vectors(level: Level) -> usize {
    if level.registers() >= 32 { 4 } else { 2 }
}

/// The same for a product of `m` rows: tiles of four vectors have 6 rows, those of three have 8, and few rows may fill
/// the one or the other better.
pub(super) fn vectors_for(level: Level, m: usize) -> usize {
    let most = most_vectors(level);
    if most == 4 && m <= 64 && m.div_ceil(8) * 8 < m.div_ceil(6) * 6 { 3 } else { most }
}

/// `n` columns as panels of nearly equal widths, of `most` vectors at most.
pub(super) fn panels(level: Level, most: usize, k: usize, n: usize) -> impl Iterator<Item = Panel> {
    let lanes = level.lanes();
    let vectors = n.div_ceil(lanes);
    let count = vectors.div_ceil(most).max(1);
    (0..count).map(move |i| {
        let (from, to) = (vectors * i / count, vectors * (i + 1) / count);
        let first = from * lanes;
        Panel { first, columns: n.min(to * lanes).saturating_sub(first), vectors: to - from, start: first * k }
    })
}

/// The widest panels of `n` columns that are not packed.
pub(super) fn all_panels(level: Level, n: usize) -> impl Iterator<Item = Panel> {
    panels(level, most_vectors(level), 1, n)
}

/// The first column of each panel and how many it has.
pub(crate) fn panel_ranges(level: Level, n: usize) -> impl Iterator<Item = (usize, usize)> {
    all_panels(level, n).map(|panel| (panel.first, panel.columns))
}

/// Rows of a panel that go through at once.
pub(super) fn block_rows(level: Level, vectors: usize) -> usize {
    (BLOCK_BYTES / (4 * level.lanes() * vectors.max(1))).max(8)
}

impl Packed {
    /// Packs `b`, row-major `[k, n]`.
    pub fn new(level: Level, k: usize, n: usize, b: &[f32]) -> Self {
        assert_eq!(b.len(), product(&[k, n]), "a matrix [{k}, {n}] of another size");
        Self::from_fn(level, k, n, |i, j| b[i * n + j])
    }

    /// Packs the transpose of `b`, which is row-major `[n, k]`.
    pub fn transposed(level: Level, k: usize, n: usize, b: &[f32]) -> Self {
        assert_eq!(b.len(), product(&[k, n]), "a matrix [{n}, {k}] of another size");
        Self::from_fn(level, k, n, |i, j| b[j * k + i])
    }

    /// Packs the matrix whose value in row `i` and column `j` is `value(i, j)`.
    pub fn from_fn(level: Level, k: usize, n: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let mut packed = Self { level, most: most_vectors(level), k, n, values: Vec::new() };
        packed.refill(value);
        packed
    }

    /// [`Packed::new`] for products that always have `m` rows.
    pub fn for_rows(level: Level, m: usize, k: usize, n: usize, b: &[f32]) -> Self {
        assert_eq!(b.len(), product(&[k, n]), "a matrix [{k}, {n}] of another size");
        let mut packed = Self { level, most: vectors_for(level, m), k, n, values: Vec::new() };
        packed.refill(|i, j| b[i * n + j]);
        packed
    }

    /// [`Packed::transposed`] for products that always have `m` rows.
    pub fn transposed_for_rows(level: Level, m: usize, k: usize, n: usize, b: &[f32]) -> Self {
        assert_eq!(b.len(), product(&[k, n]), "a matrix [{n}, {k}] of another size");
        let mut packed = Self { level, most: vectors_for(level, m), k, n, values: Vec::new() };
        packed.refill(|i, j| b[j * k + i]);
        packed
    }

    /// Packs another matrix of the same shape in place of this one.
    pub fn refill(&mut self, value: impl Fn(usize, usize) -> f32) {
        let width = self.n.div_ceil(self.level.lanes()) * self.level.lanes();
        self.values.resize(self.k * width, 0.0);
        for panel in panels(self.level, self.most, self.k, self.n) {
            let width = panel.vectors * self.level.lanes();
            let rows = self.values[panel.start..panel.start + self.k * width].chunks_exact_mut(width.max(1));
            for (i, row) in rows.enumerate() {
                row.iter_mut().take(panel.columns).enumerate().for_each(|(j, v)| *v = value(i, panel.first + j));
            }
        }
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.k, self.n)
    }

    /// The level that it is packed for.
    pub fn level(&self) -> Level {
        self.level
    }
}

/// A right-hand matrix as it came or packed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Right<'a> {
    Packed(&'a Packed),
    /// Row-major `[k, n]` with rows `stride` apart; blocks are packed as they are needed.
    Plain {
        values: &'a [f32],
        stride: usize,
    },
}

impl Right<'_> {
    /// Vectors of a panel for a product of `m` rows, at most.
    pub(super) fn most_vectors(&self, level: Level, m: usize) -> usize {
        match self {
            Self::Packed(packed) => packed.most,
            Self::Plain { .. } => vectors_for(level, m),
        }
    }

    /// Rows `from..to` of a panel, each of `vectors` vectors, in `scratch` if they have to be copied.
    pub(super) fn block(
        &self,
        panel: Panel,
        width: usize,
        from: usize,
        to: usize,
        scratch: &mut Vec<f32>,
    ) -> *const f32 {
        match self {
            Self::Packed(packed) => packed.values[panel.start + from * width..panel.start + to * width].as_ptr(),
            Self::Plain { values, stride } => {
                scratch.resize((to - from) * width, 0.0);
                for (i, row) in scratch.chunks_exact_mut(width).enumerate() {
                    let at = (from + i) * stride + panel.first;
                    row[..panel.columns].copy_from_slice(&values[at..at + panel.columns]);
                    row[panel.columns..].fill(0.0);
                }
                scratch.as_ptr()
            }
        }
    }
}
