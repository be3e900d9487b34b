//! Compressed sparse rows: counts of cells, of k-mers, of motif hits, where most values are 0.

use crate::Matrix;
use std::ops::Range;

/// A matrix of which only some values are stored; the others are 0.
///
/// The columns of row `i` are `indices[starts[i]..starts[i + 1]]`, ascending, each once, and its values lie at the same
/// places of `values`. [`Csr::new`] checks this; who fills the fields by hand has to keep to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Csr {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// Where each row begins, and the end of the last one: `rows + 1` numbers.
    pub starts: Vec<usize>,
    /// Column of each stored value, 0-based.
    pub indices: Vec<u32>,
    /// The stored values.
    pub values: Vec<f32>,
}

/// Why numbers are no sparse matrix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {row} of a sparse matrix: expected {expected}")]
pub struct SparseError {
    /// 0-based.
    pub row: usize,
    /// What should be there.
    pub expected: &'static str,
}

impl Csr {
    /// From row starts, columns and values.
    ///
    /// # Errors
    /// If starts do not ascend from 0 to the number of values, or the columns of a row do not ascend or are out of range.
    pub fn new(columns: usize, starts: Vec<usize>, indices: Vec<u32>, values: Vec<f32>) -> Result<Self, SparseError> {
        let wrong = |row, expected| SparseError { row, expected };
        if starts.first() != Some(&0) {
            return Err(wrong(0, "row starts that begin with 0"));
        }
        let rows = starts.len() - 1;
        if starts[rows] != values.len() || indices.len() != values.len() {
            return Err(wrong(rows.saturating_sub(1), "as many columns and values as the last start says"));
        }
        for row in 0..rows {
            if starts[row] > starts[row + 1] || starts[row + 1] > indices.len() {
                return Err(wrong(row, "row starts that ascend"));
            }
            let own = &indices[starts[row]..starts[row + 1]];
            if own.windows(2).any(|pair| pair[0] >= pair[1]) {
                return Err(wrong(row, "columns that ascend, each once"));
            }
            if own.last().is_some_and(|&column| column as usize >= columns) {
                return Err(wrong(row, "columns within the matrix"));
            }
        }
        Ok(Self { rows, columns, starts, indices, values })
    }

    /// The values of `matrix` that are not 0.
    #[must_use]
    pub fn from_dense(matrix: &Matrix) -> Self {
        let mut sparse = Self { rows: matrix.rows(), columns: matrix.columns(), starts: vec![0], ..Self::default() };
        for i in 0..matrix.rows() {
            for (j, &value) in matrix.row(i).iter().enumerate().filter(|(_, value)| **value != 0.0) {
                sparse.indices.push(j as u32);
                sparse.values.push(value);
            }
            sparse.starts.push(sparse.values.len());
        }
        sparse
    }

    /// All values, also those that are 0.
    #[must_use]
    pub fn to_dense(&self) -> Matrix {
        let mut data = vec![0.0; self.rows * self.columns];
        for i in 0..self.rows {
            let (indices, values) = self.row(i);
            indices.iter().zip(values).for_each(|(&j, &value)| data[i * self.columns + j as usize] = value);
        }
        Matrix::new(self.rows, self.columns, data)
    }

    /// Columns and stored values of a row.
    #[must_use]
    pub fn row(&self, i: usize) -> (&[u32], &[f32]) {
        let range = self.starts[i]..self.starts[i + 1];
        (&self.indices[range.clone()], &self.values[range])
    }

    /// The matrix with rows and columns exchanged.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let mut starts = vec![0; self.columns + 1];
        self.indices.iter().for_each(|&j| starts[j as usize + 1] += 1);
        (0..self.columns).for_each(|j| starts[j + 1] += starts[j]);
        let mut next = starts.clone();
        let (mut indices, mut values) = (vec![0; self.values.len()], vec![0.0; self.values.len()]);
        for i in 0..self.rows {
            let (columns, row) = self.row(i);
            for (&j, &value) in columns.iter().zip(row) {
                let place = &mut next[j as usize];
                (indices[*place], values[*place]) = (i as u32, value);
                *place += 1;
            }
        }
        Self { rows: self.columns, columns: self.rows, starts, indices, values }
    }

    /// Rows that lie beside each other.
    ///
    /// # Panics
    /// If the range ends beyond the last row.
    #[must_use]
    pub fn slice_rows(&self, rows: Range<usize>) -> Self {
        let (from, to) = (self.starts[rows.start], self.starts[rows.end]);
        Self {
            rows: rows.len(),
            columns: self.columns,
            starts: self.starts[rows.start..=rows.end].iter().map(|start| start - from).collect(),
            indices: self.indices[from..to].to_vec(),
            values: self.values[from..to].to_vec(),
        }
    }

    /// Puts the rows of a matrix with as many columns behind its own.
    ///
    /// # Panics
    /// If the other matrix has another number of columns.
    pub fn append(&mut self, other: &Self) {
        assert_eq!(other.columns, self.columns, "columns of rows that are appended");
        let stored = self.values.len();
        self.starts.extend(other.starts[1..].iter().map(|start| start + stored));
        self.indices.extend(&other.indices);
        self.values.extend(&other.values);
        self.rows += other.rows;
    }

    /// A matrix without rows.
    #[must_use]
    pub fn without_rows(columns: usize) -> Self {
        Self { rows: 0, columns, starts: vec![0], indices: Vec::new(), values: Vec::new() }
    }

    /// Some rows, in the order given; a row may come more than once.
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let count = rows.iter().map(|&i| self.starts[i + 1] - self.starts[i]).sum();
        let (indices, values) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut out = Self { rows: rows.len(), columns: self.columns, starts: vec![0], indices, values };
        for &i in rows {
            let (indices, values) = self.row(i);
            out.indices.extend(indices);
            out.values.extend(values);
            out.starts.push(out.values.len());
        }
        out
    }

    /// The columns for which `keep` is true.
    ///
    /// # Panics
    /// If `keep` has another number of columns.
    #[must_use]
    pub fn select_columns(&self, keep: &[bool]) -> Self {
        assert_eq!(keep.len(), self.columns, "columns to keep");
        let mut count = 0;
        let new: Vec<u32> = keep.iter().map(|&keep| (count, count += u32::from(keep)).0).collect();
        let mut out = Self { rows: self.rows, columns: count as usize, starts: vec![0], ..Self::default() };
        for i in 0..self.rows {
            let (indices, values) = self.row(i);
            for (&j, &value) in indices.iter().zip(values).filter(|(j, _)| keep[**j as usize]) {
                out.indices.push(new[j as usize]);
                out.values.push(value);
            }
            out.starts.push(out.values.len());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Csr {
        Csr::new(3, vec![0, 2, 2, 3], vec![0, 2, 1], vec![1.0, 2.0, 3.0]).unwrap()
    }

    #[test]
    fn dense_and_back() {
        let dense = Matrix::new(3, 3, vec![1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 0.0]);
        assert_eq!(example().to_dense(), dense);
        assert_eq!(Csr::from_dense(&dense), example());
    }

    #[test]
    fn exchanged_twice_is_the_same() {
        let other = example().transposed();
        assert_eq!(other.to_dense().row(2), [2.0, 0.0, 0.0]);
        assert_eq!(other.transposed(), example());
    }

    #[test]
    fn rows_and_columns_are_chosen() {
        assert_eq!(example().select_rows(&[2, 0, 0]).to_dense().data(), [0.0, 3.0, 0.0, 1.0, 0.0, 2.0, 1.0, 0.0, 2.0]);
        let two = example().select_columns(&[false, true, true]);
        assert_eq!((two.columns, two.to_dense().data()), (2, &[0.0, 2.0, 0.0, 0.0, 3.0, 0.0][..]));
    }

    #[test]
    fn rows_are_cut_apart_and_put_together() {
        let mut together = Csr::without_rows(3);
        for range in [0..1, 1..1, 1..3] {
            together.append(&example().slice_rows(range));
        }
        assert_eq!(together, example());
        assert_eq!(example().slice_rows(3..3).rows, 0);
    }

    #[test]
    fn contradictions_are_refused() {
        let fault = |starts: &[usize], indices: &[u32]| {
            Csr::new(3, starts.to_vec(), indices.to_vec(), vec![1.0; indices.len()]).unwrap_err().expected
        };
        assert_eq!(fault(&[], &[]), "row starts that begin with 0");
        assert_eq!(fault(&[0, 1], &[1, 2]), "as many columns and values as the last start says");
        assert_eq!(fault(&[0, 2, 1], &[1]), "row starts that ascend");
        assert_eq!(fault(&[0, 2], &[1, 1]), "columns that ascend, each once");
        assert_eq!(fault(&[0, 1], &[3]), "columns within the matrix");
        assert_eq!(Csr::new(0, vec![0], vec![], vec![]).unwrap().rows, 0);
    }
}
