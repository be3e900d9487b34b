//! Gaussian mixtures by expectation and maximization (Dempster, Laird and Rubin 1977), from k-means starts.
//!
//! Squares are summed of differences from the means, which are exact where rows are near, so that narrow components far from
//! each other lose nothing. A regularization on the diagonal keeps covariances positive; where that is not enough, it grows.

mod estimate;
mod factor;
#[cfg(test)]
mod tests;

use super::UnsupervisedError;
use super::kmeans::KMeansOptions;
use super::rows::{Rows, centred};
use basewise_core::Matrix;
use basewise_core::random::{normal, stream, uniform};
use estimate::{Assigned, Parameters};
use serde::{Deserialize, Serialize};

/// What the components' covariances may look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Covariance {
    /// Each its own.
    #[default]
    Full,
    /// Each its own, without correlation of columns.
    Diagonal,
    /// One for all.
    Tied,
    /// Each its own variance, the same for all columns.
    Spherical,
}

/// What to look for.
#[derive(Clone, Debug, PartialEq)]
pub struct MixtureOptions {
    /// Number of components, at least 1 and at most the number of rows.
    pub components: usize,
    /// Shape of the covariances.
    pub covariance: Covariance,
    /// The most iterations of a start.
    pub iterations: usize,
    /// Gain of the mean log-likelihood (nats) below which a start has converged.
    pub tolerance: f64,
    /// Added to the variances.
    pub regularization: f64,
    /// Starts, of which the one with the highest likelihood is kept.
    pub restarts: usize,
    /// Of the starts.
    pub seed: u64,
}

impl Default for MixtureOptions {
    fn default() -> Self {
        Self {
            components: 8,
            covariance: Covariance::Full,
            iterations: 100,
            tolerance: 1e-3,
            regularization: 1e-6,
            restarts: 1,
            seed: 0,
        }
    }
}

/// A density of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mixture {
    /// Part of each component, in all 1.
    pub weights: Vec<f64>,
    /// `[components][columns]`.
    pub means: Vec<Vec<f64>>,
    /// Shape of the covariances.
    pub covariance: Covariance,
    /// Of each component, or one for all ([`Covariance::Tied`]): `columns * columns` numbers, the variances of the columns
    /// ([`Covariance::Diagonal`]), or one variance ([`Covariance::Spherical`]).
    pub covariances: Vec<Vec<f64>>,
    /// Mean log-likelihood of the rows of the fit, nats.
    pub log_likelihood: f64,
    /// Iterations of the start that was kept.
    pub iterations: usize,
    /// Whether it came to rest within them.
    pub converged: bool,
}

impl MixtureOptions {
    /// The mixture that makes `rows` most likely, as far as the starts lead.
    ///
    /// # Errors
    /// If there are fewer rows than components, values are not finite, or a setting is out of its range.
    pub fn fit(&self, rows: &Matrix) -> Result<Mixture, UnsupervisedError> {
        UnsupervisedError::unless(self.iterations > 0, "iterations", "at least 1", self.iterations)?;
        UnsupervisedError::unless(self.restarts > 0, "restarts", "at least 1", self.restarts)?;
        UnsupervisedError::unless(self.tolerance >= 0.0, "tolerance", "a number from 0 on", self.tolerance)?;
        let fine = self.regularization >= 0.0 && self.regularization.is_finite();
        UnsupervisedError::unless(fine, "regularization", "a number from 0 on", self.regularization)?;
        UnsupervisedError::at_least("columns", 1, rows.columns())?;
        let mut best = self.start(rows, 0)?;
        for restart in 1..self.restarts {
            let next = self.start(rows, restart)?;
            if next.log_likelihood > best.log_likelihood {
                best = next;
            }
        }
        Ok(best)
    }

    fn start(&self, rows: &Matrix, restart: usize) -> Result<Mixture, UnsupervisedError> {
        let seed =
            basewise_core::random::below(&mut stream(self.seed, "mixture", &[restart as u64]), usize::MAX) as u64;
        let options = KMeansOptions { clusters: self.components, restarts: 1, seed, ..KMeansOptions::default() };
        let clusters = options.fit(rows)?;
        let mean = Rows::Dense(rows).means();
        let data = centred(rows, 0, rows.rows(), &mean);
        let mut parameters = Parameters::around(&clusters.centres, &mean, self.covariance, self.regularization);
        let sums = parameters.pass(&data, Some(&clusters.labels));
        parameters = parameters.improved(&sums, rows.rows());
        let (mut before, mut iterations, mut converged) = (f64::NEG_INFINITY, 0, false);
        while iterations < self.iterations && !converged {
            iterations += 1;
            let sums = parameters.pass(&data, None);
            parameters = parameters.improved(&sums, rows.rows());
            let now = sums.log_likelihood / rows.rows() as f64;
            converged = (now - before).abs() < self.tolerance;
            before = now;
        }
        let log_likelihood = parameters.assign(&data).total() / rows.rows() as f64;
        Ok(parameters.into_mixture(&mean, log_likelihood, iterations, converged))
    }
}

impl Mixture {
    fn assigned(&self, rows: &Matrix) -> Result<Assigned, UnsupervisedError> {
        Rows::Dense(rows).check_columns(self.means[0].len())?;
        let mean = Rows::Dense(rows).means();
        Ok(Parameters::of(self, &mean).assign(&centred(rows, 0, rows.rows(), &mean)))
    }

    /// The chance of each component to have made each row, `[rows, components]`.
    ///
    /// # Errors
    /// If columns are not as many as in the fit, or values are not finite.
    pub fn responsibilities(&self, rows: &Matrix) -> Result<Matrix, UnsupervisedError> {
        Ok(Matrix::new(rows.rows(), self.weights.len(), self.assigned(rows)?.responsibilities))
    }

    /// The most likely component of each row; the first of equally likely ones.
    ///
    /// # Errors
    /// As [`Mixture::responsibilities`].
    pub fn labels(&self, rows: &Matrix) -> Result<Vec<u32>, UnsupervisedError> {
        let all = self.assigned(rows)?.responsibilities;
        let most = |row: &[f32]| (0..row.len()).fold(0, |best, c| if row[c] > row[best] { c } else { best });
        Ok(all.chunks_exact(self.weights.len()).map(|row| most(row) as u32).collect())
    }

    /// Log-density of each row, nats.
    ///
    /// # Errors
    /// As [`Mixture::responsibilities`].
    pub fn log_densities(&self, rows: &Matrix) -> Result<Vec<f64>, UnsupervisedError> {
        Ok(self.assigned(rows)?.log_densities)
    }

    /// Numbers that were fitted.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let (k, d) = (self.weights.len(), self.means[0].len());
        let covariances = match self.covariance {
            Covariance::Full => k * d * (d + 1) / 2,
            Covariance::Diagonal => k * d,
            Covariance::Tied => d * (d + 1) / 2,
            Covariance::Spherical => k,
        };
        covariances + k * d + k - 1
    }

    /// Bayesian information criterion of `rows`: `parameters * ln(rows) - 2 ln(likelihood)`; smaller is better.
    ///
    /// # Errors
    /// As [`Mixture::responsibilities`].
    pub fn bic(&self, rows: &Matrix) -> Result<f64, UnsupervisedError> {
        let likelihood: f64 = self.log_densities(rows)?.iter().sum();
        Ok(self.parameters() as f64 * (rows.rows() as f64).ln() - 2.0 * likelihood)
    }

    /// Akaike's information criterion of `rows`: `2 parameters - 2 ln(likelihood)`; smaller is better.
    ///
    /// # Errors
    /// As [`Mixture::responsibilities`].
    pub fn aic(&self, rows: &Matrix) -> Result<f64, UnsupervisedError> {
        let likelihood: f64 = self.log_densities(rows)?.iter().sum();
        Ok(2.0 * self.parameters() as f64 - 2.0 * likelihood)
    }

    /// Rows drawn from the density, and the component of each.
    #[must_use]
    pub fn sample(&self, count: usize, seed: u64) -> (Matrix, Vec<u32>) {
        let d = self.means[0].len();
        let mut rng = stream(seed, "mixture sample", &[]);
        let (mut values, mut labels) = (Vec::with_capacity(count * d), Vec::with_capacity(count));
        let roots: Vec<Vec<f64>> = self.covariances.iter().map(|values| self.root(values)).collect();
        for _ in 0..count {
            let mut left = uniform(&mut rng);
            let found = self.weights.iter().position(|weight| (left < *weight, left -= weight).0);
            let c = found.unwrap_or(self.weights.len() - 1);
            let root = &roots[c.min(roots.len() - 1)];
            let z: Vec<f64> = (0..d).map(|_| normal(&mut rng)).collect();
            for (i, mean) in self.means[c].iter().enumerate() {
                let part: f64 = (0..=i).map(|j| root[i * d + j] * z[j]).sum();
                values.push((mean + part) as f32);
            }
            labels.push(c as u32);
        }
        (Matrix::new(count, d, values), labels)
    }

    /// Lower triangle whose product with its transpose is a covariance.
    fn root(&self, values: &[f64]) -> Vec<f64> {
        let d = self.means[0].len();
        match self.covariance {
            Covariance::Full | Covariance::Tied => factor::root(values, d),
            Covariance::Diagonal | Covariance::Spherical => {
                let mut root = vec![0.0; d * d];
                (0..d).for_each(|i| root[i * d + i] = values[i.min(values.len() - 1)].sqrt());
                root
            }
        }
    }
}
