//! Matrices that stay in their HDF5 file.

use super::super::hdf5::{self, Store};
use super::super::rows;
use super::by_stored;
use crate::error::{Error, Result};
use basewise_core::sparse::Csr;
use hdf5_pure::Dataset;
use std::ops::Range;
use std::path::PathBuf;

/// Compressed rows: where each begins is in memory, the rest in the file.
pub(in super::super) struct Sparse {
    at: Place,
    columns: usize,
    starts: Vec<usize>,
    indices: Dataset,
    values: Dataset,
}

/// An array with two dimensions.
pub(in super::super) struct Dense {
    at: Place,
    rows: usize,
    columns: usize,
    dataset: Dataset,
}

/// A file and a matrix in it, for messages.
struct Place {
    path: PathBuf,
    name: String,
}

impl Place {
    fn of(store: &Store, name: &str) -> Self {
        Self { path: store.path().to_path_buf(), name: name.to_owned() }
    }

    /// The numbers of some rows of a dataset, of which there must be `count`.
    fn whole<T>(&self, read: std::result::Result<Vec<T>, hdf5_pure::Error>, count: usize) -> Result<Vec<T>> {
        let numbers = read.map_err(|error| hdf5::failed(&self.path, &error).at(self.name.clone()))?;
        if numbers.len() == count {
            return Ok(numbers);
        }
        let message = format!("expected {count} numbers of some rows, found {}", numbers.len());
        Err(Error::of(&self.path, message).at(self.name.clone()).with_hint("was the file changed while it was read?"))
    }
}

impl Sparse {
    /// The matrix whose `indptr`, `indices` and `data` are in the group `name`.
    pub(in super::super) fn open(store: &Store, name: &str, (rows, columns): (usize, usize)) -> Result<Self> {
        let within = |own: &str| format!("{name}/{own}");
        let starts = store.places(&within("indptr"))?;
        let (indices, values) = (store.dataset(&within("indices"))?, store.dataset(&within("data"))?);
        let length = |dataset: &Dataset, own: &str| -> Result<usize> {
            Ok(store.shape(dataset, &within(own))?.iter().product::<u64>() as usize)
        };
        let sizes = (length(&indices, "indices")?, length(&values, "data")?);
        rows::check_starts(store.path(), name, rows, &starts, sizes)?;
        Ok(Self { at: Place::of(store, name), columns, starts, indices, values })
    }

    pub(super) fn shape(&self) -> (usize, usize) {
        (self.starts.len() - 1, self.columns)
    }

    /// Number of values in the file.
    pub(super) fn stored(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    pub(super) fn ranges(&self, block: usize) -> Vec<Range<usize>> {
        by_stored(&self.starts, block)
    }

    /// Some rows, with columns that ascend; stored zeros are among them.
    pub(in super::super) fn read(&self, range: Range<usize>) -> Result<Csr> {
        let first = range.start;
        let (from, to) = (self.starts[first], self.starts[range.end]);
        let (start, count) = (from as u64, (to - from) as u64);
        // A whole dataset is read without a copy of its bytes.
        let all = to - from == self.stored();
        let indices = if all { self.indices.read_i32() } else { self.indices.read_i32_rows(start, count) };
        let indices = self.at.whole(indices, to - from)?;
        // Both widths come as they are; a negative one becomes a column that no matrix has.
        let indices = indices.into_iter().map(|index| u32::try_from(index).unwrap_or(u32::MAX)).collect();
        let values = if all { self.values.read_f32() } else { self.values.read_f32_rows(start, count) };
        let values = self.at.whole(values, to - from)?;
        let starts = self.starts[first..=range.end].iter().map(|start| start - from).collect();
        let block = Csr { rows: range.len(), columns: self.columns, starts, indices, values };
        rows::sorted(&self.at.path, &self.at.name, first, block)
    }
}

impl Dense {
    pub(in super::super) fn open(store: &Store, name: &str) -> Result<Self> {
        let dataset = store.dataset(name)?;
        let shape = store.shape(&dataset, name)?;
        let [rows, columns] = shape[..] else {
            let message = format!("expected a matrix with two dimensions, found {}", shape.len());
            return Err(Error::of(store.path(), message).at(name));
        };
        if columns.max(rows) >= u64::from(u32::MAX) || columns == 0 {
            let message = format!("expected a matrix of some columns, found {rows} x {columns}");
            return Err(Error::of(store.path(), message).at(name));
        }
        Ok(Self { at: Place::of(store, name), rows: rows as usize, columns: columns as usize, dataset })
    }

    pub(super) fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    pub(super) fn ranges(&self, block: usize) -> Vec<Range<usize>> {
        let step = (block / self.columns).max(1);
        (0..self.rows).step_by(step).map(|from| from..(from + step).min(self.rows)).collect()
    }

    /// What is not 0 in some rows.
    pub(super) fn read(&self, range: Range<usize>) -> Result<Csr> {
        let read = self.dataset.read_f32_rows(range.start as u64, range.len() as u64);
        let numbers = self.at.whole(read, range.len() * self.columns)?;
        let mut matrix = Csr::without_rows(self.columns);
        numbers.chunks_exact(self.columns).for_each(|row| rows::push_dense(&mut matrix, row));
        Ok(matrix)
    }
}
