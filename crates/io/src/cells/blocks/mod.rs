//! Rows in blocks: a matrix that is held in memory, or read again from its file in every pass, a block of rows at a time.

mod stored;
#[cfg(test)]
mod tests;

pub(super) use stored::{Dense, Sparse};

use super::{Values, rows};
use crate::error::{Error, Result};
use basewise_core::sparse::Csr;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Stored values of a block, at most: 64 MiB. A row that has more is a block of its own.
const BLOCK: usize = 1 << 23;
/// Stored values of a matrix of which further copies may be made.
const SMALL: usize = 4 * BLOCK;
/// Stored values for which there is always room.
const FEWEST: usize = 1 << 10;
/// Bytes of a stored value and its column.
const STORED: u64 = 8;
/// What a matrix may take where the system does not say how much memory there is.
const UNKNOWN: u64 = 4 << 30;

/// How much of a matrix is in memory at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes of a matrix that is held.
    memory: u64,
    /// Values of a block.
    block: usize,
}

impl Limits {
    /// Matrices of up to `memory` bytes are held; by default those of up to a quarter of what is free. Blocks of larger ones
    /// take an eighth of that, and 64 MiB at most.
    pub(super) fn new(memory: Option<u64>) -> Self {
        let memory = memory.unwrap_or_else(|| free().unwrap_or(UNKNOWN) / 4);
        Self { memory, block: usize::try_from(memory / STORED / 8).unwrap_or(BLOCK).clamp(1, BLOCK) }
    }

    fn holds(self, values: usize) -> bool {
        values as u64 * STORED <= self.memory
    }
}

/// Bytes that can be taken without swapping, as Linux tells of the machine and of the group of processes.
#[allow(clippy::disallowed_methods, reason = "files that some systems do not have")]
fn free() -> Option<u64> {
    let text = |path: &str| std::fs::read_to_string(path).ok();
    let machine = text("/proc/meminfo")?;
    let rest = machine.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machine = rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)?;
    let group = text("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse().ok());
    Some(machine.min(group.unwrap_or(u64::MAX)))
}

/// A sparse matrix whose rows come in blocks, in order, as often as they are asked for. Copies share what is held.
///
/// It is all in memory, or stays in its file. No value that comes is 0.
#[derive(Clone)]
pub struct RowBlocks {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    source: Arc<Source>,
    limits: Limits,
    /// Rows of the source, ascending; `None` for all.
    kept_rows: Option<Arc<[usize]>>,
    /// Columns of the source; `None` for all.
    kept_columns: Option<Arc<[bool]>>,
}

enum Source {
    Held(Csr),
    Sparse(Sparse),
    Dense(Dense),
}

impl From<Csr> for RowBlocks {
    /// A matrix that is held as it is.
    fn from(matrix: Csr) -> Self {
        let limits = Limits { memory: 0, block: BLOCK };
        Self::of(matrix.rows, matrix.columns, limits, Source::Held(matrix))
    }
}

impl fmt::Debug for RowBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = if self.is_held() { "held" } else { "in a file" };
        write!(f, "RowBlocks({} x {}, {held})", self.rows, self.columns)
    }
}

impl RowBlocks {
    fn of(rows: usize, columns: usize, limits: Limits, source: Source) -> Self {
        Self { rows, columns, source: Arc::new(source), limits, kept_rows: None, kept_columns: None }
    }

    /// Compressed rows of a file: held if they are small enough.
    pub(super) fn of_sparse(sparse: Sparse, limits: Limits) -> Result<Self> {
        let (rows, columns) = sparse.shape();
        let source =
            if limits.holds(sparse.stored()) { Source::Held(sparse.read(0..rows)?) } else { Source::Sparse(sparse) };
        Ok(Self::of(rows, columns, limits, source))
    }

    /// An array of a file: held if what is not 0 in it is small enough.
    pub(super) fn of_dense(dense: Dense, limits: Limits) -> Result<Self> {
        let (rows, columns) = dense.shape();
        let mut held = Csr::without_rows(columns);
        for range in dense.ranges(limits.block) {
            held.append(&dense.read(range)?);
            if !limits.holds(held.values.len()) {
                return Ok(Self::of(rows, columns, limits, Source::Dense(dense)));
            }
        }
        Ok(Self::of(rows, columns, limits, Source::Held(held)))
    }

    /// Whether all of it is in memory.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(*self.source, Source::Held(_))
    }

    /// Stored values that may be held beside it: as many as a matrix may have to be held, or some blocks where this one is.
    #[must_use]
    pub fn room(&self) -> usize {
        if self.is_held() { SMALL } else { usize::try_from(self.limits.memory / STORED).unwrap_or(SMALL).max(FEWEST) }
    }

    /// Whether it is held, with so few values that further copies cost little.
    pub(super) fn is_small(&self) -> bool {
        matches!(&*self.source, Source::Held(matrix) if matrix.values.len() <= SMALL)
    }

    /// Forgets zeros that are held; those of files are never given.
    pub(super) fn drop_zeros(&mut self) {
        if let Some(Source::Held(matrix)) = Arc::get_mut(&mut self.source) {
            rows::drop_zeros(matrix);
        }
    }

    /// Some rows, ascending. Nothing is copied.
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        if rows.len() == self.rows {
            return self.clone();
        }
        let kept: Arc<[usize]> = match &self.kept_rows {
            Some(own) => rows.iter().map(|&row| own[row]).collect(),
            None => rows.into(),
        };
        Self { rows: rows.len(), kept_rows: Some(kept), ..self.clone() }
    }

    /// The columns for which `keep` is true. Nothing is copied.
    ///
    /// # Panics
    /// If `keep` has another number of columns.
    #[must_use]
    pub fn select_columns(&self, keep: &[bool]) -> Self {
        assert_eq!(keep.len(), self.columns, "columns to keep");
        let columns = keep.iter().filter(|keep| **keep).count();
        if columns == self.columns {
            return self.clone();
        }
        let kept: Arc<[bool]> = match &self.kept_columns {
            Some(own) => {
                let mut chosen = keep.iter();
                own.iter().map(|&own| own && chosen.next() == Some(&true)).collect()
            }
            None => keep.into(),
        };
        Self { columns, kept_columns: Some(kept), ..self.clone() }
    }

    /// What is held becomes a matrix of the chosen rows and columns alone, so that they are not chosen anew in every pass.
    pub(super) fn settled(self) -> Result<Self> {
        let chosen = self.kept_rows.is_some() || self.kept_columns.is_some();
        Ok(if chosen && self.is_held() { Self { limits: self.limits, ..Self::from(self.read()?) } } else { self })
    }

    /// All rows at once.
    ///
    /// # Errors
    /// Those of [`RowBlocks::each`].
    pub fn read(&self) -> Result<Csr> {
        let mut all = Csr::without_rows(self.columns);
        self.each(|_, block| -> Result<()> {
            all.append(block);
            Ok(())
        })?;
        Ok(all)
    }

    /// Calls `with` with the number of the first row of each block, and the block.
    ///
    /// # Errors
    /// What `with` gives; a file that is truncated or damaged, or was replaced since it was opened.
    pub fn each<E: From<Error>>(
        &self,
        mut with: impl FnMut(usize, &Csr) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut first = 0;
        for range in self.source.ranges(self.limits.block) {
            let kept = self.kept_rows.as_deref().map(|rows| among(rows, &range));
            if kept.is_some_and(<[usize]>::is_empty) {
                continue;
            }
            let mut block = self.source.read(range.clone())?;
            if let Some(kept) = kept.filter(|kept| kept.len() < range.len()) {
                let own: Vec<usize> = kept.iter().map(|row| row - range.start).collect();
                block = Cow::Owned(block.select_rows(&own));
            }
            if let Some(keep) = &self.kept_columns {
                block = Cow::Owned(block.select_columns(keep));
            }
            with(first, &block)?;
            first += block.rows;
        }
        Ok(())
    }

    /// What kind of numbers there are.
    ///
    /// # Errors
    /// Those of [`RowBlocks::each`].
    pub fn kind(&self) -> Result<Values> {
        let mut kind = Values::Counts;
        self.each(|_, block| -> Result<()> {
            kind = kind.and(Values::of(&block.values));
            Ok(())
        })?;
        Ok(kind)
    }
}

/// Those of ascending `rows` that lie in a range.
fn among<'a>(rows: &'a [usize], range: &Range<usize>) -> &'a [usize] {
    let at = |row: usize| rows.partition_point(|&own| own < row);
    &rows[at(range.start)..at(range.end)]
}

impl Source {
    /// Ranges of rows with about `block` values.
    fn ranges(&self, block: usize) -> Vec<Range<usize>> {
        match self {
            Self::Held(matrix) => by_stored(&matrix.starts, block),
            Self::Sparse(sparse) => sparse.ranges(block),
            Self::Dense(dense) => dense.ranges(block),
        }
    }

    fn read(&self, range: Range<usize>) -> Result<Cow<'_, Csr>> {
        Ok(match self {
            Self::Held(matrix) if range.len() == matrix.rows => Cow::Borrowed(matrix),
            Self::Held(matrix) => Cow::Owned(matrix.slice_rows(range)),
            Self::Sparse(sparse) => Cow::Owned(without_zeros(sparse.read(range)?)),
            Self::Dense(dense) => Cow::Owned(dense.read(range)?),
        })
    }
}

fn without_zeros(mut matrix: Csr) -> Csr {
    rows::drop_zeros(&mut matrix);
    matrix
}

/// Ranges of rows with at most `block` values each, or of one row.
fn by_stored(starts: &[usize], block: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut from = 0;
    while from + 1 < starts.len() {
        let most = starts[from] + block;
        let to = (starts.partition_point(|&start| start <= most) - 1).max(from + 1);
        ranges.push(from..to);
        from = to;
    }
    ranges
}
