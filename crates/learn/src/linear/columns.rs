//! The feature matrix by its columns, which coordinate descent walks.

use super::rows::dot;
use crate::{Columns, Features};

/// Columns of numbers, dense or sparse; about as large as the features themselves.
pub(super) enum ColumnStore {
    /// Column after column.
    Dense { rows: usize, values: Vec<f32> },
    /// Without zeros.
    Sparse(Columns),
}

impl ColumnStore {
    pub(super) fn new(features: &Features) -> Self {
        if features.is_sparse() {
            return Self::Sparse(features.by_column());
        }
        let (rows, columns) = (features.rows(), features.columns());
        let mut values = vec![0.0; rows * columns];
        for row in 0..rows {
            features.row(row).for_each(|(column, value)| values[column * rows + row] = value);
        }
        Self::Dense { rows, values }
    }

    /// Sum over rows of `x * v`.
    pub(super) fn dot(&self, column: usize, v: &[f64]) -> f64 {
        match self {
            Self::Dense { rows, values } => dot(&values[column * rows..(column + 1) * rows], v),
            Self::Sparse(columns) => {
                let (row_of, values) = columns.column(column);
                row_of.iter().zip(values).map(|(&row, &x)| f64::from(x) * v[row as usize]).sum()
            }
        }
    }

    /// Sums over rows of `h x` and of `h x^2`.
    pub(super) fn moments(&self, column: usize, h: &[f64]) -> (f64, f64) {
        let mut sums = [[0.0; 4]; 2];
        let mut add = |lane: usize, x: f32, h: f64| {
            let x = f64::from(x);
            sums[0][lane] += h * x;
            sums[1][lane] += h * x * x;
        };
        match self {
            Self::Dense { rows, values } => {
                let x = &values[column * rows..(column + 1) * rows];
                let ((x4, x_rest), (h4, h_rest)) = (x.as_chunks::<4>(), h.as_chunks::<4>());
                for (x, h) in x4.iter().zip(h4) {
                    for lane in 0..4 {
                        add(lane, x[lane], h[lane]);
                    }
                }
                x_rest.iter().zip(h_rest).for_each(|(&x, &h)| add(0, x, h));
            }
            Self::Sparse(columns) => {
                let (row_of, values) = columns.column(column);
                row_of.iter().zip(values).for_each(|(&row, &x)| add(0, x, h[row as usize]));
            }
        }
        (sums[0].iter().sum(), sums[1].iter().sum())
    }

    /// `v += x * by` on each row.
    pub(super) fn add(&self, column: usize, by: f64, v: &mut [f64]) {
        match self {
            Self::Dense { rows, values } => {
                let x = &values[column * rows..(column + 1) * rows];
                v.iter_mut().zip(x).for_each(|(v, &x)| *v += f64::from(x) * by);
            }
            Self::Sparse(columns) => {
                let (row_of, values) = columns.column(column);
                row_of.iter().zip(values).for_each(|(&row, &x)| v[row as usize] += f64::from(x) * by);
            }
        }
    }

    /// `v += h * x * by` on each row.
    pub(super) fn add_weighted(&self, column: usize, by: f64, h: &[f64], v: &mut [f64]) {
        match self {
            Self::Dense { rows, values } => {
                let x = &values[column * rows..(column + 1) * rows];
                v.iter_mut().zip(x).zip(h).for_each(|((v, &x), h)| *v += h * (f64::from(x) * by));
            }
            Self::Sparse(columns) => {
                let (row_of, values) = columns.column(column);
                for (&row, &x) in row_of.iter().zip(values) {
                    v[row as usize] += h[row as usize] * (f64::from(x) * by);
                }
            }
        }
    }
}
