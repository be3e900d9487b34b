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
            Self::Sparse(columns) => sparse_dot(columns.column(column), v),
        }
    }

    /// `v += x * by` on each row.
    pub(super) fn add(&self, column: usize, by: f64, v: &mut [f64]) {
        match self {
            Self::Dense { rows, values } => {
                let x = &values[column * rows..(column + 1) * rows];
                v.iter_mut().zip(x).for_each(|(v, &x)| *v += f64::from(x) * by);
            }
            Self::Sparse(columns) => {
                sparse_add(columns.column(column), by, v);
            }
        }
    }

    /// Some columns times `factor`, with each row multiplied by the root of its weight. `space` is used again.
    pub(super) fn weighted(
        &self,
        columns: &[usize],
        factor: &[f64],
        weights: &[f64],
        space: Vec<(u32, f32)>,
    ) -> Weighted<'_> {
        let roots: Vec<f64> = weights.iter().map(|weight| weight.sqrt()).collect();
        match self {
            Self::Dense { rows, values } => {
                let column = |&column: &usize| (&values[column * rows..(column + 1) * rows], factor[column]);
                Weighted::Dense { columns: columns.iter().map(column).collect(), roots }
            }
            Self::Sparse(store) => {
                let (mut starts, mut numbers) = (vec![0], space);
                numbers.clear();
                numbers.reserve(columns.iter().map(|&column| store.column(column).len()).sum());
                for &column in columns {
                    let value =
                        |&(row, x): &(u32, f32)| (row, (f64::from(x) * factor[column] * roots[row as usize]) as f32);
                    numbers.extend(store.column(column).iter().map(value));
                    starts.push(numbers.len());
                }
                Weighted::Sparse { starts, numbers, roots }
            }
        }
    }
}

/// Columns of a working set, each times a factor, with each row multiplied by the root of its weight.
pub(super) enum Weighted<'a> {
    /// Values as stored, and the factor.
    Dense { columns: Vec<(&'a [f32], f64)>, roots: Vec<f64> },
    /// Rows and values that are multiplied already, column after column. What rounding them to `f32` does to an
    /// approximation, its next one makes good: derivatives are taken from the values as stored.
    Sparse { starts: Vec<usize>, numbers: Vec<(u32, f32)>, roots: Vec<f64> },
}

impl Weighted<'_> {
    pub(super) fn roots(&self) -> &[f64] {
        match self {
            Self::Dense { roots, .. } | Self::Sparse { roots, .. } => roots,
        }
    }

    /// Memory for the next.
    pub(super) fn into_space(self) -> Vec<(u32, f32)> {
        match self {
            Self::Dense { .. } => Vec::new(),
            Self::Sparse { numbers, .. } => numbers,
        }
    }

    /// Sums over rows of `x * root` and of `x^2`, with `x` as multiplied.
    pub(super) fn moments(&self, at: usize) -> (f64, f64) {
        let mut sums = [[0.0; 4]; 2];
        let mut add = |lane: usize, x: f64, root: f64| {
            sums[0][lane] += x * root;
            sums[1][lane] += x * x;
        };
        match self {
            Self::Dense { columns, roots } => {
                let (x, factor) = columns[at];
                let ((x4, x_rest), (root4, root_rest)) = (x.as_chunks::<4>(), roots.as_chunks::<4>());
                for (x, root) in x4.iter().zip(root4) {
                    for lane in 0..4 {
                        add(lane, f64::from(x[lane]) * factor * root[lane], root[lane]);
                    }
                }
                let rest = x_rest.iter().zip(root_rest);
                rest.for_each(|(&x, &root)| add(0, f64::from(x) * factor * root, root));
            }
            Self::Sparse { starts, numbers, roots } => {
                let (four, rest) = numbers[starts[at]..starts[at + 1]].as_chunks::<4>();
                for four in four {
                    for lane in 0..4 {
                        add(lane, f64::from(four[lane].1), roots[four[lane].0 as usize]);
                    }
                }
                rest.iter().for_each(|&(row, x)| add(0, f64::from(x), roots[row as usize]));
            }
        }
        (sums[0].iter().sum(), sums[1].iter().sum())
    }

    /// Sum over rows of `x * v`.
    pub(super) fn dot(&self, at: usize, v: &[f64]) -> f64 {
        match self {
            Self::Dense { columns, roots } => {
                let (x, factor) = columns[at];
                factor * dot_rooted(x, roots, v)
            }
            Self::Sparse { starts, numbers, .. } => sparse_dot(&numbers[starts[at]..starts[at + 1]], v),
        }
    }

    /// `v += x * by` on each row.
    pub(super) fn add(&self, at: usize, by: f64, v: &mut [f64]) {
        match self {
            Self::Dense { columns, roots } => {
                let (x, factor) = columns[at];
                let by = by * factor;
                v.iter_mut().zip(x).zip(roots).for_each(|((v, &x), root)| *v += root * (f64::from(x) * by));
            }
            Self::Sparse { starts, numbers, .. } => sparse_add(&numbers[starts[at]..starts[at + 1]], by, v),
        }
    }
}

/// Sum of `x * root * v`, in four partial sums that are added in order.
fn dot_rooted(x: &[f32], roots: &[f64], v: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let ((x4, x_rest), (v4, v_rest)) = (x.as_chunks::<4>(), v.as_chunks::<4>());
    let (root4, root_rest) = roots.as_chunks::<4>();
    for ((x, root), v) in x4.iter().zip(root4).zip(v4) {
        for lane in 0..4 {
            sums[lane] += f64::from(x[lane]) * root[lane] * v[lane];
        }
    }
    let rest: f64 = x_rest.iter().zip(root_rest).zip(v_rest).map(|((&x, root), v)| f64::from(x) * root * v).sum();
    sums.iter().sum::<f64>() + rest
}

/// Sum over a column's rows of `x * v`, in four partial sums that are added in order: one would wait for each addition.
fn sparse_dot(column: &[(u32, f32)], v: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (four, rest) = column.as_chunks::<4>();
    for four in four {
        for lane in 0..4 {
            sums[lane] += f64::from(four[lane].1) * v[four[lane].0 as usize];
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|&(row, x)| f64::from(x) * v[row as usize]).sum::<f64>()
}

fn sparse_add(column: &[(u32, f32)], by: f64, v: &mut [f64]) {
    column.iter().for_each(|&(row, x)| v[row as usize] += f64::from(x) * by);
}
