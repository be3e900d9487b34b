//! One step of expectation and maximization.

use super::{Covariance, Mixture, factor};
use crate::unsupervised::rows::pieces;
use basewise_core::Matrix;
use basewise_kernels::Level;
use basewise_kernels::matrix::{Packed, multiply, multiply_transposed};
use rayon::prelude::*;

/// Rows that go through at once; products of them are summed in `f32`.
const ROWS: usize = 1024;
/// Responsibilities below this add nothing to sums.
const LEAST: f64 = 1e-10;

/// Components in coordinates from which the mean of the rows is taken.
pub(super) struct Parameters {
    shape: Covariance,
    regularization: f64,
    weights: Vec<f64>,
    means: Vec<Vec<f64>>,
    covariances: Vec<Vec<f64>>,
    whitening: Vec<Whitening>,
}

/// Makes differences from a mean such that their length tells how unlikely they are.
enum Whitening {
    Full { inverse: Packed, log_determinant: f64 },
    Scales { inverse: Vec<f32>, log_determinant: f64 },
}

/// What one pass over rows adds up.
pub(super) struct Sums {
    /// Nats, of all rows.
    pub(super) log_likelihood: f64,
    counts: Vec<f64>,
    /// Of differences from the means that the pass began with.
    differences: Vec<Vec<f64>>,
    /// Of their products; in one place for all if tied.
    products: Vec<Vec<f64>>,
}

/// What a density says of rows.
pub(super) struct Assigned {
    /// `[rows, components]`.
    pub(super) responsibilities: Vec<f32>,
    pub(super) log_densities: Vec<f64>,
}

impl Assigned {
    pub(super) fn total(&self) -> f64 {
        self.log_densities.iter().sum()
    }
}

impl Whitening {
    fn new(shape: Covariance, values: &[f64], d: usize) -> Self {
        match shape {
            Covariance::Full | Covariance::Tied => {
                let root = factor::root(values, d);
                let inverse = factor::inverse(&root, d);
                let packed = Packed::from_fn(Level::best(), d, d, |i, j| inverse[j * d + i] as f32);
                Self::Full { inverse: packed, log_determinant: (0..d).map(|i| root[i * d + i].ln()).sum() }
            }
            Covariance::Diagonal | Covariance::Spherical => {
                let deviation = |i: usize| values[i.min(values.len() - 1)].max(1e-30).sqrt();
                let inverse = (0..d).map(|i| (1.0 / deviation(i)) as f32).collect();
                Self::Scales { inverse, log_determinant: (0..d).map(|i| deviation(i).ln()).sum() }
            }
        }
    }

    /// Squared lengths of whitened differences `[_, d]`.
    fn squares(&self, differences: &[f32], d: usize, buffer: &mut Vec<f32>) -> Vec<f64> {
        let square = |row: &[f32]| f64::from(row.iter().map(|x| x * x).sum::<f32>());
        match self {
            Self::Full { inverse, .. } => {
                buffer.resize(differences.len(), 0.0);
                multiply(differences.len() / d, differences, d, inverse, buffer, d, false);
                buffer.chunks_exact(d).map(square).collect()
            }
            Self::Scales { inverse, .. } => {
                let scaled = |row: &[f32]| row.iter().zip(inverse).map(|(x, s)| (x * s) * (x * s)).sum::<f32>();
                differences.chunks_exact(d).map(|row| f64::from(scaled(row))).collect()
            }
        }
    }

    fn log_determinant(&self) -> f64 {
        match self {
            Self::Full { log_determinant, .. } | Self::Scales { log_determinant, .. } => *log_determinant,
        }
    }
}

impl Parameters {
    /// Components of equal weight and variance 1 around centres.
    pub(super) fn around(centres: &Matrix, mean: &[f64], shape: Covariance, regularization: f64) -> Self {
        let (k, d) = (centres.rows(), centres.columns());
        let means = (0..k).map(|c| centres.row(c).iter().zip(mean).map(|(&x, mean)| f64::from(x) - mean).collect());
        let identity: Vec<f64> = (0..d * d).map(|at| if at / d == at % d { 1.0 } else { 0.0 }).collect();
        let one = match shape {
            Covariance::Full | Covariance::Tied => identity,
            Covariance::Diagonal => vec![1.0; d],
            Covariance::Spherical => vec![1.0],
        };
        let count = if shape == Covariance::Tied { 1 } else { k };
        Self::new(shape, regularization, vec![1.0 / k as f64; k], means.collect(), vec![one; count])
    }

    /// Those of a mixture, in coordinates from which `mean` is taken.
    pub(super) fn of(mixture: &Mixture, mean: &[f64]) -> Self {
        let shifted = |row: &Vec<f64>| row.iter().zip(mean).map(|(x, mean)| x - mean).collect();
        let means = mixture.means.iter().map(shifted).collect();
        Self::new(mixture.covariance, 0.0, mixture.weights.clone(), means, mixture.covariances.clone())
    }

    fn new(
        shape: Covariance,
        regularization: f64,
        weights: Vec<f64>,
        means: Vec<Vec<f64>>,
        covariances: Vec<Vec<f64>>,
    ) -> Self {
        let d = means[0].len();
        let whitening = covariances.par_iter().map(|values| Whitening::new(shape, values, d)).collect();
        Self { shape, regularization, weights, means, covariances, whitening }
    }

    pub(super) fn into_mixture(self, mean: &[f64], log_likelihood: f64, iterations: usize, converged: bool) -> Mixture {
        let shifted = |row: Vec<f64>| row.iter().zip(mean).map(|(x, mean)| x + mean).collect();
        let means = self.means.into_iter().map(shifted).collect();
        let (weights, covariance, covariances) = (self.weights, self.shape, self.covariances);
        Mixture { weights, means, covariance, covariances, log_likelihood, iterations, converged }
    }

    fn columns(&self) -> usize {
        self.means[0].len()
    }

    /// Of each row and component, `[rows, components]` in nats, weights included.
    fn log_joint(&self, rows: &[f32]) -> Vec<f64> {
        let (k, d) = (self.weights.len(), self.columns());
        let mut all = vec![0.0; rows.len() / d * k];
        let mut buffer = Vec::new();
        let constant = 0.5 * d as f64 * std::f64::consts::TAU.ln();
        for c in 0..k {
            let whitening = &self.whitening[c.min(self.whitening.len() - 1)];
            let squares = whitening.squares(&self.differences(rows, c), d, &mut buffer);
            let base = self.weights[c].max(f64::MIN_POSITIVE).ln() - constant - whitening.log_determinant();
            all.iter_mut().skip(c).step_by(k).zip(squares).for_each(|(value, square)| *value = base - 0.5 * square);
        }
        all
    }

    fn differences(&self, rows: &[f32], c: usize) -> Vec<f32> {
        let mean: Vec<f32> = self.means[c].iter().map(|&x| x as f32).collect();
        rows.chunks_exact(mean.len()).flat_map(|row| row.iter().zip(&mean).map(|(x, mean)| x - mean)).collect()
    }

    pub(super) fn assign(&self, data: &[f32]) -> Assigned {
        let (k, d) = (self.weights.len(), self.columns());
        let block = |rows: &[f32]| {
            let mut joint = self.log_joint(rows);
            let densities: Vec<f64> = joint.chunks_exact_mut(k).map(normalize).collect();
            (joint.into_iter().map(|value| value as f32).collect::<Vec<f32>>(), densities)
        };
        let blocks: Vec<(Vec<f32>, Vec<f64>)> = data.par_chunks(ROWS * d).map(block).collect();
        let (responsibilities, densities): (Vec<_>, Vec<_>) = blocks.into_iter().unzip();
        Assigned { responsibilities: responsibilities.concat(), log_densities: densities.concat() }
    }

    /// Sums for the next step; responsibilities are 1 for a label, if there are labels.
    pub(super) fn pass(&self, data: &[f32], labels: Option<&[u32]>) -> Sums {
        let (k, d) = (self.weights.len(), self.columns());
        let piece = |range: std::ops::Range<usize>| {
            let mut sums = self.no_sums();
            for from in range.clone().step_by(ROWS) {
                let to = (from + ROWS).min(range.end);
                let rows = &data[from * d..to * d];
                let responsibilities = if let Some(labels) = labels {
                    labels[from..to]
                        .iter()
                        .flat_map(|&l| (0..k).map(move |c| f64::from(u8::from(c == l as usize))))
                        .collect()
                } else {
                    let mut joint = self.log_joint(rows);
                    sums.log_likelihood += joint.chunks_exact_mut(k).map(normalize).sum::<f64>();
                    joint
                };
                (0..k).for_each(|c| self.add(&mut sums, rows, &responsibilities, c));
            }
            sums
        };
        let parts: Vec<Sums> = pieces(data.len() / d).into_par_iter().map(piece).collect();
        parts.into_iter().fold(self.no_sums(), Sums::plus)
    }

    fn no_sums(&self) -> Sums {
        let (k, d) = (self.weights.len(), self.columns());
        let products = match self.shape {
            Covariance::Full => vec![vec![0.0; d * d]; k],
            Covariance::Tied => vec![vec![0.0; d * d]],
            Covariance::Diagonal | Covariance::Spherical => vec![vec![0.0; d]; k],
        };
        Sums { log_likelihood: 0.0, counts: vec![0.0; k], differences: vec![vec![0.0; d]; k], products }
    }

    /// Adds what rows give to a component.
    fn add(&self, sums: &mut Sums, rows: &[f32], responsibilities: &[f64], c: usize) {
        let (k, d) = (self.weights.len(), self.columns());
        let mean: Vec<f32> = self.means[c].iter().map(|&x| x as f32).collect();
        let (mut plain, mut weighted) = (Vec::new(), Vec::new());
        for (row, r) in
            rows.chunks_exact(d).zip(responsibilities.iter().skip(c).step_by(k)).filter(|(_, r)| **r > LEAST)
        {
            sums.counts[c] += r;
            for ((x, mean), sum) in row.iter().zip(&mean).zip(&mut sums.differences[c]) {
                let difference = x - mean;
                plain.push(difference);
                weighted.push(difference * *r as f32);
                *sum += r * f64::from(difference);
            }
        }
        let products = &mut sums.products[if self.shape == Covariance::Tied { 0 } else { c }];
        if matches!(self.shape, Covariance::Full | Covariance::Tied) {
            let mut part = vec![0.0; d * d];
            let shape = (plain.len() / d, d, d);
            multiply_transposed(Level::best(), shape, &weighted, d, &plain, d, &mut part, d, false);
            products.iter_mut().zip(part).for_each(|(sum, part)| *sum += f64::from(part));
        } else {
            for (plain, weighted) in plain.chunks_exact(d).zip(weighted.chunks_exact(d)) {
                let both = plain.iter().zip(weighted);
                products.iter_mut().zip(both).for_each(|(sum, (a, b))| *sum += f64::from(*a) * f64::from(*b));
            }
        }
    }

    /// The components that the sums make most likely.
    pub(super) fn improved(&self, sums: &Sums, rows: usize) -> Self {
        let d = self.columns();
        // A component that lost its rows stays where it is, with the least variance there may be.
        let counts: Vec<f64> = sums.counts.iter().map(|count| count + 10.0 * f64::EPSILON).collect();
        let shifts: Vec<Vec<f64>> =
            sums.differences.iter().zip(&counts).map(|(sum, count)| sum.iter().map(|x| x / count).collect()).collect();
        // What was summed around the mean as `f32` is a difference from that.
        let old = self.means.iter().map(|mean| mean.iter().map(|&x| f64::from(x as f32)));
        let means = old.zip(&shifts).map(|(mean, shift)| mean.zip(shift).map(|(a, b)| a + b).collect()).collect();
        let total: f64 = counts.iter().sum();
        let covariances = match self.shape {
            Covariance::Tied => {
                let mut all: Vec<f64> = sums.products[0].clone();
                for (shift, count) in shifts.iter().zip(&counts) {
                    all.iter_mut().enumerate().for_each(|(at, x)| *x -= count * shift[at / d] * shift[at % d]);
                }
                vec![self.regularized(all.iter().map(|x| x / total).collect())]
            }
            Covariance::Full => {
                let one = |c: usize| {
                    let own = sums.products[c].iter().enumerate();
                    own.map(|(at, x)| x / counts[c] - shifts[c][at / d] * shifts[c][at % d]).collect()
                };
                (0..counts.len()).map(|c| self.regularized(one(c))).collect()
            }
            Covariance::Diagonal | Covariance::Spherical => {
                let one = |c: usize| -> Vec<f64> {
                    let own = sums.products[c].iter().zip(&shifts[c]);
                    own.map(|(x, shift)| (x / counts[c] - shift * shift).max(0.0) + self.regularization).collect()
                };
                let mean = |values: Vec<f64>| vec![values.iter().sum::<f64>() / d as f64];
                let spherical = self.shape == Covariance::Spherical;
                (0..counts.len()).map(|c| if spherical { mean(one(c)) } else { one(c) }).collect()
            }
        };
        let weights = counts.iter().map(|count| count / total.max(rows as f64 * f64::EPSILON)).collect();
        Self::new(self.shape, self.regularization, weights, means, covariances)
    }

    fn regularized(&self, mut values: Vec<f64>) -> Vec<f64> {
        let d = self.columns();
        (0..d).for_each(|i| values[i * d + i] = values[i * d + i].max(0.0) + self.regularization);
        values
    }
}

impl Sums {
    fn plus(mut self, other: Self) -> Self {
        let add = |a: &mut Vec<f64>, b: &Vec<f64>| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        self.log_likelihood += other.log_likelihood;
        add(&mut self.counts, &other.counts);
        self.differences.iter_mut().zip(&other.differences).for_each(|(a, b)| add(a, b));
        self.products.iter_mut().zip(&other.products).for_each(|(a, b)| add(a, b));
        self
    }
}

/// From logarithms of joint densities to parts of 1; gives the logarithm of their sum.
fn normalize(row: &mut [f64]) -> f64 {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter_mut().for_each(|value| *value = (*value - largest).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|value| *value /= sum);
    largest + sum.ln()
}
