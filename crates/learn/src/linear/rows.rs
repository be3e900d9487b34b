//! Products with a feature matrix by its rows, centred and scaled without changing it.

use crate::Features;
use crate::features::RowValues;
use rayon::prelude::*;

/// Sums over rows are made of at most this many partial sums, added in order, whatever the number of threads.
const BLOCKS: usize = 16;
/// Fewer rows than this are not worth a block of their own.
const SMALLEST_BLOCK: usize = 64;

/// Rows of a block; a function of the number of rows alone.
pub(super) fn block_rows(rows: usize) -> usize {
    rows.div_ceil(BLOCKS).max(SMALLEST_BLOCK)
}

/// Sum of products, in eight partial sums that are added in order.
pub(super) fn dot(x: &[f32], v: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let ((x8, x_rest), (v8, v_rest)) = (x.as_chunks::<8>(), v.as_chunks::<8>());
    for (x, v) in x8.iter().zip(v8) {
        for lane in 0..8 {
            sums[lane] += f64::from(x[lane]) * v[lane];
        }
    }
    let rest: f64 = x_rest.iter().zip(v_rest).map(|(&x, v)| f64::from(x) * v).sum();
    sums.iter().sum::<f64>() + rest
}

/// Features as a model sees them: `(x - centre) * factor`, column by column. Vectors of coefficients are
/// `[feature, output]`, vectors over examples `[example, output]`.
pub(super) struct Rows<'a> {
    pub(super) features: &'a Features,
    pub(super) outputs: usize,
    /// What is taken off each column: its mean, or 0 without an intercept.
    pub(super) centre: Vec<f64>,
    /// What each column is multiplied by; 0 takes a constant column out of the model.
    pub(super) factor: Vec<f64>,
}

impl Rows<'_> {
    /// Coefficients and intercepts on the scale of the features themselves.
    pub(super) fn unscaled(&self, coefficients: &[f64], intercept: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let k = self.outputs;
        let plain: Vec<f64> = coefficients.iter().enumerate().map(|(at, c)| c * self.factor[at / k]).collect();
        let mut shifted = intercept.to_vec();
        for (own, centre) in plain.chunks_exact(k).zip(&self.centre) {
            shifted.iter_mut().zip(own).for_each(|(b, c)| *b -= centre * c);
        }
        (plain, shifted)
    }

    /// Scores of each example.
    pub(super) fn times(&self, coefficients: &[f64], intercept: &[f64]) -> Vec<f64> {
        let (plain, shifted) = self.unscaled(coefficients, intercept);
        scores(self.features, &plain, &shifted)
    }

    /// For each feature and output the sum over examples of the feature times `slope`.
    pub(super) fn transposed(&self, slope: &[f64]) -> Vec<f64> {
        let k = self.outputs;
        let mut sums = self.summed(slope, |x| x);
        let mut totals = vec![0.0; k];
        slope.chunks_exact(k).for_each(|own| totals.iter_mut().zip(own).for_each(|(t, s)| *t += s));
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum = (*sum - self.centre[at / k] * totals[at % k]) * self.factor[at / k];
        }
        sums
    }

    /// For each feature and output the sum over examples of the squared feature times `weight`.
    pub(super) fn squares(&self, weight: &[f64]) -> Vec<f64> {
        let k = self.outputs;
        let (plain, mut squares) = (self.summed(weight, |x| x), self.summed(weight, |x| x * x));
        let mut totals = vec![0.0; k];
        weight.chunks_exact(k).for_each(|own| totals.iter_mut().zip(own).for_each(|(t, w)| *t += w));
        for (at, square) in squares.iter_mut().enumerate() {
            let (centre, factor) = (self.centre[at / k], self.factor[at / k]);
            let centred = *square - centre * (2.0 * plain[at] - centre * totals[at % k]);
            *square = centred.max(0.0) * factor * factor;
        }
        squares
    }

    /// Sums over examples of `of(x) * weight`, without centring and scaling.
    fn summed(&self, weight: &[f64], of: impl Fn(f64) -> f64 + Sync) -> Vec<f64> {
        let (k, rows) = (self.outputs, self.features.rows());
        let size = block_rows(rows);
        let block = |first: usize| {
            let mut sums = vec![0.0; self.features.columns() * k];
            for row in first..(first + size).min(rows) {
                let own = &weight[row * k..(row + 1) * k];
                // Examples left out of a fit weigh nothing.
                if own.iter().any(|&w| w != 0.0) {
                    add_row(self.features.row_values(row), own, &mut sums, &of);
                }
            }
            sums
        };
        let firsts: Vec<usize> = (0..rows).step_by(size).collect();
        let parts: Vec<Vec<f64>> = firsts.into_par_iter().map(block).collect();
        let mut parts = parts.into_iter();
        let mut sums = parts.next().unwrap_or_else(|| vec![0.0; self.features.columns() * k]);
        parts.for_each(|part| sums.iter_mut().zip(part).for_each(|(sum, p)| *sum += p));
        sums
    }
}

fn add_row(values: RowValues<'_>, weight: &[f64], sums: &mut [f64], of: &impl Fn(f64) -> f64) {
    match (values, weight) {
        (RowValues::Dense(x), [w]) => sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += of(f64::from(x)) * w),
        (RowValues::Dense(x), _) => {
            for (sums, &x) in sums.chunks_exact_mut(weight.len()).zip(x) {
                sums.iter_mut().zip(weight).for_each(|(sum, w)| *sum += of(f64::from(x)) * w);
            }
        }
        (RowValues::Sparse(columns, x), [w]) => {
            columns.iter().zip(x).for_each(|(&column, &x)| sums[column as usize] += of(f64::from(x)) * w);
        }
        (RowValues::Sparse(columns, x), _) => {
            let k = weight.len();
            for (&column, &x) in columns.iter().zip(x) {
                let sums = &mut sums[column as usize * k..(column as usize + 1) * k];
                sums.iter_mut().zip(weight).for_each(|(sum, w)| *sum += of(f64::from(x)) * w);
            }
        }
    }
}

/// Scores `[example, output]` of plain coefficients `[feature, output]`.
pub(super) fn scores(features: &Features, coefficients: &[f64], intercept: &[f64]) -> Vec<f64> {
    let k = intercept.len();
    let mut out = vec![0.0; features.rows() * k];
    out.par_chunks_mut(SMALLEST_BLOCK * k).enumerate().for_each(|(block, out)| {
        for (place, out) in out.chunks_exact_mut(k).enumerate() {
            out.copy_from_slice(intercept);
            score_row(features.row_values(block * SMALLEST_BLOCK + place), coefficients, out);
        }
    });
    out
}

fn score_row(values: RowValues<'_>, coefficients: &[f64], out: &mut [f64]) {
    let k = out.len();
    match values {
        RowValues::Dense(x) if k == 1 => out[0] += dot(x, coefficients),
        RowValues::Dense(x) => {
            for (own, &x) in coefficients.chunks_exact(k).zip(x) {
                out.iter_mut().zip(own).for_each(|(z, c)| *z += c * f64::from(x));
            }
        }
        RowValues::Sparse(columns, x) if k == 1 => {
            let terms = columns.iter().zip(x).map(|(&column, &x)| coefficients[column as usize] * f64::from(x));
            out[0] += terms.sum::<f64>();
        }
        RowValues::Sparse(columns, x) => {
            for (&column, &x) in columns.iter().zip(x) {
                let own = &coefficients[column as usize * k..(column as usize + 1) * k];
                out.iter_mut().zip(own).for_each(|(z, c)| *z += c * f64::from(x));
            }
        }
    }
}
