//! Rows to look at, dense or sparse, and their products with a narrow matrix.

use super::UnsupervisedError;
use basewise_core::Matrix;
use basewise_core::sparse::Csr;
use basewise_kernels::Level;
use basewise_kernels::matrix::{Packed, multiply, multiply_transposed};
use rayon::prelude::*;

/// Rows of a block that goes through a product at once.
pub(super) const BLOCK: usize = 256;
/// The most pieces that a sum over rows is cut into; they are added in order.
const PIECES: usize = 32;

/// Input of methods that read both kinds of matrix.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// Every value is there.
    Dense(&'a Matrix),
    /// Values that are not stored are 0.
    Sparse(&'a Csr),
}

impl<'a> From<&'a Matrix> for Rows<'a> {
    fn from(matrix: &'a Matrix) -> Self {
        Self::Dense(matrix)
    }
}

impl<'a> From<&'a Csr> for Rows<'a> {
    fn from(matrix: &'a Csr) -> Self {
        Self::Sparse(matrix)
    }
}

impl Rows<'_> {
    /// Number of rows.
    #[must_use]
    pub fn rows(self) -> usize {
        match self {
            Self::Dense(matrix) => matrix.rows(),
            Self::Sparse(matrix) => matrix.rows,
        }
    }

    /// Number of columns.
    #[must_use]
    pub fn columns(self) -> usize {
        match self {
            Self::Dense(matrix) => matrix.columns(),
            Self::Sparse(matrix) => matrix.columns,
        }
    }

    /// Calls `with` with the column and value of each stored value of a row.
    pub(super) fn each(self, row: usize, mut with: impl FnMut(usize, f32)) {
        match self {
            Self::Dense(matrix) => matrix.row(row).iter().enumerate().for_each(|(j, &value)| with(j, value)),
            Self::Sparse(matrix) => {
                let (indices, values) = matrix.row(row);
                indices.iter().zip(values).for_each(|(&j, &value)| with(j as usize, value));
            }
        }
    }

    /// Refuses values that are not finite.
    pub(super) fn check(self) -> Result<(), UnsupervisedError> {
        let values = match self {
            Self::Dense(matrix) => matrix.data(),
            Self::Sparse(matrix) => &matrix.values,
        };
        // Whole stretches by vectors; where one is not finite is asked only then.
        let fine = |stretch: &[f32]| stretch.iter().fold(true, |fine, value| fine & value.is_finite());
        if values.par_chunks(1 << 14).all(fine) {
            return Ok(());
        }
        let Some(place) = values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
        let (row, column) = match self {
            Self::Dense(matrix) => (place / matrix.columns(), place % matrix.columns()),
            Self::Sparse(matrix) => {
                (matrix.starts.partition_point(|&start| start <= place) - 1, matrix.indices[place] as usize)
            }
        };
        Err(UnsupervisedError::NotFinite { row, column, found: values[place] })
    }

    /// Refuses another number of columns than a fit had.
    pub(super) fn check_columns(self, expected: usize) -> Result<(), UnsupervisedError> {
        if self.columns() != expected {
            return Err(UnsupervisedError::Columns { expected, found: self.columns() });
        }
        self.check()
    }

    /// Mean of each column.
    pub(super) fn means(self) -> Vec<f64> {
        let columns = self.columns();
        let mut sums = sum_of_pieces(self.rows(), columns, |range, sums| {
            range.for_each(|i| self.each(i, |j, value| sums[j] += f64::from(value)));
        });
        sums.iter_mut().for_each(|sum| *sum /= self.rows().max(1) as f64);
        sums
    }

    /// `(x - mean) right`, with `right` `[columns, k]`.
    pub(super) fn centred_product(self, mean: &[f64], right: &[f64], k: usize) -> Matrix {
        let mut out = vec![0.0_f32; self.rows() * k];
        match self {
            Self::Dense(matrix) => {
                let narrow: Vec<f32> = right.iter().map(|&value| value as f32).collect();
                let packed = Packed::new(Level::best(), matrix.columns(), k, &narrow);
                let blocks = out.par_chunks_mut((BLOCK * k).max(1)).enumerate();
                blocks.for_each(|(block, out)| {
                    let from = block * BLOCK;
                    let centred = centred(matrix, from, out.len() / k, mean);
                    multiply(out.len() / k, &centred, matrix.columns(), &packed, out, k, false);
                });
            }
            Self::Sparse(matrix) => {
                let mut shift = vec![0.0; k];
                for (mean, row) in mean.iter().zip(right.chunks_exact(k.max(1))) {
                    shift.iter_mut().zip(row).for_each(|(shift, value)| *shift -= mean * value);
                }
                let rows = out.par_chunks_mut(k.max(1)).enumerate().with_min_len(64);
                rows.for_each_init(
                    || vec![0.0; k],
                    |sums, (i, out)| {
                        sums.copy_from_slice(&shift);
                        let (indices, values) = matrix.row(i);
                        for (&j, &value) in indices.iter().zip(values) {
                            let row = &right[j as usize * k..][..k];
                            sums.iter_mut().zip(row).for_each(|(sum, right)| *sum += f64::from(value) * right);
                        }
                        out.iter_mut().zip(sums).for_each(|(out, sum)| *out = *sum as f32);
                    },
                );
            }
        }
        Matrix::new(self.rows(), k, out)
    }

    /// `(x - mean)ᵀ left`, with `left` `[rows, k]`: `[columns, k]`.
    pub(super) fn centred_transposed_product(self, mean: &[f64], left: &Matrix) -> Vec<f64> {
        let (columns, k) = (self.columns(), left.columns());
        let mut out = sum_of_pieces(self.rows(), columns * k, |range, sums| match self {
            Self::Dense(matrix) => {
                let mut part = vec![0.0; columns * k];
                for from in range.clone().step_by(BLOCK) {
                    let count = BLOCK.min(range.end - from);
                    let rows = centred(matrix, from, count, mean);
                    let left = &left.data()[from * k..(from + count) * k];
                    multiply_transposed(
                        Level::best(),
                        (count, columns, k),
                        &rows,
                        columns,
                        left,
                        k,
                        &mut part,
                        k,
                        false,
                    );
                    sums.iter_mut().zip(&part).for_each(|(sum, &part)| *sum += f64::from(part));
                }
            }
            Self::Sparse(_) => range.for_each(|i| {
                self.each(i, |j, value| {
                    let sums = &mut sums[j * k..(j + 1) * k];
                    sums.iter_mut().zip(left.row(i)).for_each(|(sum, &x)| *sum += f64::from(value) * f64::from(x));
                });
            }),
        });
        if matches!(self, Self::Sparse(_)) {
            let sums = Rows::Dense(left).means().into_iter().map(|mean| mean * left.rows() as f64);
            let sums: Vec<f64> = sums.collect();
            for (out, mean) in out.chunks_exact_mut(k.max(1)).zip(mean) {
                out.iter_mut().zip(&sums).for_each(|(out, sum)| *out -= mean * sum);
            }
        }
        out
    }
}

/// `count` rows of `matrix` from `from` on, less `mean`.
pub(super) fn centred(matrix: &Matrix, from: usize, count: usize, mean: &[f64]) -> Vec<f32> {
    let columns = matrix.columns();
    let rows = &matrix.data()[from * columns..(from + count) * columns];
    let rows = rows.chunks_exact(columns.max(1));
    rows.flat_map(|row| row.iter().zip(mean).map(|(&value, mean)| (f64::from(value) - mean) as f32)).collect()
}

/// Borders of the pieces that `rows` rows are cut into; they depend on the number alone.
pub(super) fn pieces(rows: usize) -> Vec<std::ops::Range<usize>> {
    let size = rows.div_ceil(PIECES).next_multiple_of(BLOCK).max(BLOCK);
    (0..rows).step_by(size).map(|from| from..(from + size).min(rows)).collect()
}

/// The sum of what `add` makes of each piece of the rows, added in order.
pub(super) fn sum_of_pieces(
    rows: usize,
    length: usize,
    add: impl Fn(std::ops::Range<usize>, &mut [f64]) + Sync,
) -> Vec<f64> {
    let one = |range: std::ops::Range<usize>| {
        let mut sums = vec![0.0; length];
        add(range, &mut sums);
        sums
    };
    let parts: Vec<Vec<f64>> = pieces(rows).into_par_iter().map(one).collect();
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_else(|| vec![0.0; length]);
    parts.for_each(|part| total.iter_mut().zip(part).for_each(|(total, part)| *total += part));
    total
}

/// Squared Euclidean distance.
pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let (whole, other) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0_f32; LANES];
    for (a, b) in whole.0.iter().zip(other.0) {
        for lane in 0..LANES {
            let difference = a[lane] - b[lane];
            sums[lane] += difference * difference;
        }
    }
    let rest = whole.1.iter().zip(other.1).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
    sums.iter().sum::<f32>() + rest
}
