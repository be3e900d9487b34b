//! A small dense matrix, so that no array crate's version leaks through the public interface.

/// Row-major `f32` values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    data: Vec<f32>,
}

impl Matrix {
    /// Wraps `rows * columns` values in row-major order.
    ///
    /// # Panics
    /// If the number of values is another.
    pub fn new(rows: usize, columns: usize, data: Vec<f32>) -> Self {
        assert_eq!(data.len(), rows * columns, "a {rows} x {columns} matrix");
        Self { rows, columns, data }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All values, row by row.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// One row.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.columns..(i + 1) * self.columns]
    }

    /// One row, to edit.
    pub fn row_mut(&mut self, i: usize) -> &mut [f32] {
        &mut self.data[i * self.columns..(i + 1) * self.columns]
    }

    /// The values of one column.
    pub fn column(&self, j: usize) -> impl Iterator<Item = f32> + '_ {
        (0..self.rows).map(move |i| self.data[i * self.columns + j])
    }

    /// Appends the rows of `other`; an empty matrix takes over its number of columns.
    ///
    /// # Panics
    /// If both have rows and their columns differ.
    pub fn append(&mut self, other: Self) {
        if self.rows == 0 {
            *self = other;
            return;
        }
        assert_eq!(self.columns, other.columns, "columns of appended rows");
        self.rows += other.rows;
        self.data.extend(other.data);
    }
}
