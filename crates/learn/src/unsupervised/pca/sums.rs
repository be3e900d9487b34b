//! Sums of products of columns, gathered block by block of rows.

use super::{Pca, Rows, UnsupervisedError, eigen};
use crate::unsupervised::rows::{BLOCK, centred};
use basewise_core::Matrix;
use basewise_core::sparse::Csr;
use basewise_kernels::Level;
use basewise_kernels::matrix::multiply_transposed;
use rayon::prelude::*;

/// Rows of which products are summed while they are in the cache.
const ROWS: usize = 2048;
/// Columns of which sums are made together, from a dense block.
const STRIPE: usize = 64;

/// What exact components need to know of rows, so that a matrix larger than memory can be given block by block.
///
/// Its memory is 8 bytes for each pair of columns.
#[derive(Clone, Debug)]
pub struct PcaSums {
    rows: usize,
    columns: usize,
    /// Taken from every row of dense blocks, so that little is lost where means are large: the mean of the first block.
    shift: Option<Vec<f64>>,
    sums: Vec<f64>,
    /// Of columns `i <= j`, at `i * columns + j`.
    products: Vec<f64>,
}

impl PcaSums {
    /// Of no rows.
    #[must_use]
    pub fn new(columns: usize) -> Self {
        Self { rows: 0, columns, shift: None, sums: vec![0.0; columns], products: vec![0.0; columns * columns] }
    }

    /// Adds rows. All blocks must be of one kind, dense or sparse.
    ///
    /// # Errors
    /// If columns are not as many as said, values are not finite, or dense blocks follow sparse ones or the other way.
    pub fn add<'a>(&mut self, rows: impl Into<Rows<'a>>) -> Result<(), UnsupervisedError> {
        let rows = rows.into();
        rows.check_columns(self.columns)?;
        let dense = matches!(rows, Rows::Dense(_));
        let fine = self.rows == 0 || dense == self.shift.is_some();
        UnsupervisedError::unless(fine, "rows", "blocks that are all dense or all sparse", "both")?;
        if rows.rows() == 0 {
            return Ok(());
        }
        let mean = rows.means();
        if dense && self.shift.is_none() {
            self.shift = Some(mean.clone());
        }
        let zero = vec![0.0; self.columns];
        let shift = self.shift.as_ref().unwrap_or(&zero);
        for ((sum, mean), shift) in self.sums.iter_mut().zip(&mean).zip(shift) {
            *sum += (mean - shift) * rows.rows() as f64;
        }
        match rows {
            Rows::Dense(matrix) => add_dense(&mut self.products, matrix, shift),
            Rows::Sparse(matrix) => add_sparse(&mut self.products, matrix),
        }
        self.rows += rows.rows();
        Ok(())
    }

    /// The components of all rows so far.
    ///
    /// # Errors
    /// If there are fewer than two rows, or eigenvalues do not converge.
    pub fn finish(mut self, components: usize) -> Result<Pca, UnsupervisedError> {
        UnsupervisedError::at_least("rows", 2, self.rows)?;
        let (n, columns) = (self.rows as f64, self.columns);
        let means: Vec<f64> = self.sums.iter().map(|sum| sum / n).collect();
        self.products.par_chunks_exact_mut(columns.max(1)).enumerate().for_each(|(i, row)| {
            let covariance = |product: f64, mean: f64| (product - n * means[i] * mean) / (n - 1.0);
            row.iter_mut().zip(&means).skip(i).for_each(|(value, &mean)| *value = covariance(*value, mean));
        });
        reflect(&mut self.products, columns);
        let total_variance = (0..columns).map(|j| self.products[j * columns + j]).sum();
        let (variance, components) = eigen::largest(&self.products, columns, components)?;
        let shift = self.shift.unwrap_or_else(|| vec![0.0; columns]);
        let mean = means.iter().zip(shift).map(|(mean, shift)| mean + shift).collect();
        Ok(Pca { components, mean, variance, total_variance, rows: self.rows }.signed())
    }
}

/// Copies the upper triangle into the lower one.
fn reflect(values: &mut [f64], size: usize) {
    for i in 1..size {
        let (above, row) = values.split_at_mut(i * size);
        row[..i].iter_mut().enumerate().for_each(|(j, value)| *value = above[j * size + i]);
    }
}

/// Products of all pairs of rows, without the mean if they are dense: `[rows, rows]`, both triangles.
pub(super) fn products_of_rows(rows: Rows<'_>, mean: &[f64]) -> Vec<f64> {
    let n = rows.rows();
    let mut products = vec![0.0; n * n];
    match rows {
        Rows::Sparse(matrix) => add_sparse(&mut products, &matrix.transposed()),
        Rows::Dense(matrix) => {
            let columns = matrix.columns();
            let centred = centred(matrix, 0, n, mean);
            let mut transposed = vec![0.0; n * columns];
            transposed.par_chunks_exact_mut(n).enumerate().for_each(|(j, row)| {
                row.iter_mut().enumerate().for_each(|(i, value)| *value = centred[i * columns + j]);
            });
            add_dense(&mut products, &Matrix::new(columns, n, transposed), &vec![0.0; n]);
        }
    }
    reflect(&mut products, n);
    products
}

/// Adds products of pairs of columns, `i <= j`: each row of sums walks the rows in which its column is stored.
fn add_sparse(products: &mut [f64], matrix: &Csr) {
    let columns = matrix.columns;
    for from in (0..matrix.rows).step_by(ROWS) {
        let range = from..(from + ROWS).min(matrix.rows);
        let places = places_by_column(matrix, range);
        let rows = products.par_chunks_exact_mut(columns).enumerate().with_min_len(4);
        rows.for_each(|(i, sums)| {
            let sums = &mut sums[i..];
            for &(place, end) in places.of(i) {
                let value = f64::from(matrix.values[place]);
                let others = matrix.indices[place..end].iter().zip(&matrix.values[place..end]);
                for (&j, &other) in others {
                    sums[j as usize - i] += value * f64::from(other);
                }
            }
        });
    }
}

/// Places of the stored values of each column, with the end of their row.
struct Places {
    starts: Vec<usize>,
    places: Vec<(usize, usize)>,
}

impl Places {
    fn of(&self, column: usize) -> &[(usize, usize)] {
        &self.places[self.starts[column]..self.starts[column + 1]]
    }
}

fn places_by_column(matrix: &Csr, rows: std::ops::Range<usize>) -> Places {
    let all = matrix.starts[rows.start]..matrix.starts[rows.end];
    let mut starts = vec![0; matrix.columns + 1];
    matrix.indices[all.clone()].iter().for_each(|&j| starts[j as usize + 1] += 1);
    (0..matrix.columns).for_each(|j| starts[j + 1] += starts[j]);
    let mut next = starts.clone();
    let mut places = vec![(0, 0); all.len()];
    for i in rows {
        let end = matrix.starts[i + 1];
        for place in matrix.starts[i]..end {
            let next = &mut next[matrix.indices[place] as usize];
            places[*next] = (place, end);
            *next += 1;
        }
    }
    Places { starts, places }
}

/// Adds products of pairs of columns, `i <= j`, of rows less `shift`: blocks of rows in `f32`, their sums in `f64`.
fn add_dense(products: &mut [f64], matrix: &Matrix, shift: &[f64]) {
    let (columns, level) = (matrix.columns(), Level::best());
    for from in (0..matrix.rows()).step_by(ROWS) {
        let count = ROWS.min(matrix.rows() - from);
        let rows = centred(matrix, from, count, shift);
        let stripes = products.par_chunks_mut(STRIPE * columns).enumerate();
        stripes.for_each(|(stripe, sums)| {
            let (first, height) = (stripe * STRIPE, sums.len() / columns);
            let width = columns - first;
            let mut part = vec![0.0; height * width];
            for from in (0..count).step_by(BLOCK) {
                let (count, rows) = (BLOCK.min(count - from), &rows[from * columns + first..]);
                let shape = (count, height, width);
                multiply_transposed(level, shape, rows, columns, rows, columns, &mut part, width, false);
                for (sums, part) in sums.chunks_exact_mut(columns).zip(part.chunks_exact(width)) {
                    sums[first..].iter_mut().zip(part).for_each(|(sum, &part)| *sum += f64::from(part));
                }
            }
        });
    }
}
