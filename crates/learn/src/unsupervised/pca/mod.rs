//! Principal components: the directions in which rows differ most.
//!
//! Exact, from the covariance of columns or, where there are fewer rows than columns, from products of rows; or randomized
//! (Halko, Martinsson and Tropp 2011), for matrices with many rows and columns. A sparse matrix is never centred: what the
//! mean adds to a product is taken away from its result.

mod randomized;
mod sums;
#[cfg(test)]
mod tests;

pub use sums::PcaSums;

use super::{Rows, UnsupervisedError, eigen};
use basewise_core::Matrix;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The smaller side of a matrix up to which [`PcaSolver::Auto`] is exact.
const EXACT_SIDE: usize = 3000;

/// How components are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PcaSolver {
    /// Exact up to 3,000 rows or columns, whichever are fewer; randomized beyond.
    #[default]
    Auto,
    /// All eigenvalues of the covariance.
    Exact,
    /// By products with random directions; the nearer to the exact ones, the more their
    /// variances differ from those of the components that are left out.
    Randomized,
}

/// What to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcaOptions {
    /// Number of components, at least 1; at most as many as rows or columns are found.
    pub components: usize,
    /// How they are found.
    pub solver: PcaSolver,
    /// Of the random directions.
    pub seed: u64,
}

impl Default for PcaOptions {
    fn default() -> Self {
        Self { components: 50, solver: PcaSolver::Auto, seed: 0 }
    }
}

/// Components of a fit, the one of the largest variance first.
///
/// The sign of each is such that its largest loading (by absolute value) is positive, as in scikit-learn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pca {
    /// Loadings: `[k][columns]`, each of length 1.
    pub components: Vec<Vec<f64>>,
    /// Mean of each column.
    pub mean: Vec<f64>,
    /// Variance along each component, with `rows - 1` degrees of freedom.
    pub variance: Vec<f64>,
    /// Sum of the variances of all columns.
    pub total_variance: f64,
    /// Rows of the fit.
    pub rows: usize,
}

impl PcaOptions {
    /// Components of `rows`.
    ///
    /// # Errors
    /// If there are fewer than two rows or no columns, if values are not finite, or if `components` is 0.
    pub fn fit<'a>(&self, rows: impl Into<Rows<'a>>) -> Result<Pca, UnsupervisedError> {
        let rows = rows.into();
        UnsupervisedError::unless(self.components > 0, "components", "at least 1", self.components)?;
        UnsupervisedError::at_least("rows", 2, rows.rows())?;
        UnsupervisedError::at_least("columns", 1, rows.columns())?;
        rows.check()?;
        let side = rows.rows().min(rows.columns());
        let components = self.components.min(side);
        let exact = match self.solver {
            PcaSolver::Auto => side <= EXACT_SIDE,
            PcaSolver::Exact => true,
            PcaSolver::Randomized => false,
        };
        if !exact {
            randomized::fit(rows, components, self.seed)
        } else if rows.rows() < rows.columns() {
            from_products_of_rows(rows, components)
        } else {
            let mut sums = PcaSums::new(rows.columns());
            sums.add(rows)?;
            sums.finish(components)
        }
    }
}

impl Pca {
    /// Coordinates of rows, `[rows, k]`: of those of the fit or of new ones.
    ///
    /// # Errors
    /// If columns are not as many as in the fit, or values are not finite.
    pub fn transform<'a>(&self, rows: impl Into<Rows<'a>>) -> Result<Matrix, UnsupervisedError> {
        let rows = rows.into();
        rows.check_columns(self.mean.len())?;
        let k = self.components.len();
        let mut right = vec![0.0; self.mean.len() * k];
        for (at, component) in self.components.iter().enumerate() {
            component.iter().enumerate().for_each(|(j, &loading)| right[j * k + at] = loading);
        }
        Ok(rows.centred_product(&self.mean, &right, k))
    }

    /// The part of all variance along each component; 0 where nothing varies.
    #[must_use]
    pub fn variance_ratio(&self) -> Vec<f64> {
        let total = if self.total_variance > 0.0 { self.total_variance } else { 1.0 };
        self.variance.iter().map(|variance| variance / total).collect()
    }

    /// Singular values of the centred rows of the fit.
    #[must_use]
    pub fn singular_values(&self) -> Vec<f64> {
        self.variance.iter().map(|variance| (variance * (self.rows - 1) as f64).sqrt()).collect()
    }

    /// From components of any sign; variances below 0 by rounding become 0.
    fn signed(mut self) -> Self {
        for component in &mut self.components {
            let largest = component.iter().fold(0.0_f64, |most, &x| if x.abs() > most.abs() { x } else { most });
            if largest < 0.0 {
                component.iter_mut().for_each(|value| *value = -*value);
            }
        }
        self.variance.iter_mut().for_each(|variance| *variance = variance.max(0.0));
        self
    }
}

/// Exact components where rows are fewer than columns: eigenvectors `u` of the products of centred rows give the
/// components `xᵀ u`.
fn from_products_of_rows(rows: Rows<'_>, count: usize) -> Result<Pca, UnsupervisedError> {
    let (n, columns) = (rows.rows(), rows.columns());
    let mean = rows.means();
    let mut products = sums::products_of_rows(rows, &mean);
    if matches!(rows, Rows::Sparse(_)) {
        centre_both_ways(&mut products, n);
    }
    let trace: f64 = (0..n).map(|i| products[i * n + i]).sum();
    let (values, vectors) = eigen::largest(&products, n, count)?;
    let component = |vector: &Vec<f64>| {
        let mut sums = vec![0.0; columns];
        let total: f64 = vector.iter().sum();
        (0..n).for_each(|i| rows.each(i, |j, value| sums[j] += vector[i] * f64::from(value)));
        sums.iter_mut().zip(&mean).for_each(|(sum, mean)| *sum -= total * mean);
        normalized(sums)
    };
    let mut components: Vec<Vec<f64>> = vectors.par_iter().map(component).collect();
    complete(&mut components);
    let freedom = (n - 1) as f64;
    let variance = values.iter().map(|value| value / freedom).collect();
    Ok(Pca { components, mean, variance, total_variance: trace / freedom, rows: n }.signed())
}

/// Takes the mean of its row and of its column from each number of a symmetric matrix.
fn centre_both_ways(products: &mut [f64], n: usize) {
    let means: Vec<f64> = products.chunks_exact(n).map(|row| row.iter().sum::<f64>() / n as f64).collect();
    let all = means.iter().sum::<f64>() / n as f64;
    products.par_chunks_exact_mut(n).enumerate().for_each(|(i, row)| {
        row.iter_mut().zip(&means).for_each(|(value, mean)| *value += all - means[i] - mean);
    });
}

fn normalized(mut vector: Vec<f64>) -> Vec<f64> {
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
    vector
}

/// Makes each vector orthogonal to those before it. Directions without variance come out of rounding alone: they are
/// replaced by unit vectors that are orthogonal to the rest.
fn complete(vectors: &mut [Vec<f64>]) {
    for at in 0..vectors.len() {
        let (before, rest) = vectors.split_at_mut(at);
        let vector = &mut rest[0];
        let mut next = 0;
        while !orthogonalized(vector, before) && next < vector.len() {
            vector.fill(0.0);
            vector[next] = 1.0;
            next += 1;
        }
    }
}

/// Whether something of length is left of a unit vector without its parts along others.
fn orthogonalized(vector: &mut [f64], others: &[Vec<f64>]) -> bool {
    for _ in 0..2 {
        for other in others {
            let along: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
            vector.iter_mut().zip(other).for_each(|(value, other)| *value -= along * other);
        }
        let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        if length < 0.1 {
            return false;
        }
        vector.iter_mut().for_each(|x| *x /= length);
    }
    true
}
