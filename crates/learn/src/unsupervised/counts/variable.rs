//! Columns that vary more than their mean explains.

use super::{check_counts, loess, moments};
use crate::unsupervised::{Rows, UnsupervisedError};
use basewise_core::sparse::Csr;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How variability is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavor {
    /// Of logarithms (`log1p` of normalized counts): variance over mean of the values before the logarithm, compared with
    /// columns of like mean in 20 bins (Satija et al. 2015).
    #[default]
    Seurat,
    /// Of counts: variance of values standardized by what a local regression expects at their mean (Stuart et al. 2019).
    SeuratV3,
}

/// Which columns are chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct VariableOptions {
    /// Measure.
    pub flavor: Flavor,
    /// That many of the most variable ones; without it, by the limits below ([`Flavor::Seurat`]) or 2,000.
    pub top: Option<usize>,
    /// Means between which a column is chosen: `ln(1 + mean)` of the values before the logarithm.
    pub mean: (f64, f64),
    /// Normalized dispersion above which a column is chosen.
    pub dispersion: f64,
}

impl Default for VariableOptions {
    fn default() -> Self {
        Self { flavor: Flavor::Seurat, top: None, mean: (0.0125, 3.0), dispersion: 0.5 }
    }
}

/// Of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variable {
    /// Mean: `ln(1 + mean)` of values before the logarithm ([`Flavor::Seurat`]), or of counts.
    pub mean: f64,
    /// Logarithm of variance over mean ([`Flavor::Seurat`]; none if nothing varies), or variance of counts.
    pub dispersion: Option<f64>,
    /// What makes columns of different means comparable: deviations above their bin, or variance of standardized counts.
    pub normalized: Option<f64>,
    /// Whether the column is among those to go on with.
    pub chosen: bool,
}

/// What [`Flavor::Seurat`] needs to know of rows, so that a matrix larger than memory can be given block by block, in two passes:
/// all rows for their means, then all again for what they vary around these.
#[derive(Clone, Debug)]
pub struct VariableSums {
    rows: usize,
    /// Values of each column that are stored.
    stored: Vec<usize>,
    sums: Vec<f64>,
    /// After the first pass: the means, and sums of squared differences from them.
    centred: Option<(Vec<f64>, Vec<f64>)>,
}

/// Columns whose sums are made together.
const STRIPE: usize = 512;

impl VariableSums {
    /// Of no rows.
    #[must_use]
    pub fn new(columns: usize) -> Self {
        // The sum of no numbers is -0, as that of an iterator.
        Self { rows: 0, stored: vec![0; columns], sums: vec![-0.0; columns], centred: None }
    }

    /// Adds rows, in either pass.
    ///
    /// # Errors
    /// If columns are not as many as said, or values are negative or not finite.
    pub fn add(&mut self, rows: &Csr) -> Result<(), UnsupervisedError> {
        Rows::Sparse(rows).check_columns(self.sums.len())?;
        check_counts(rows, 0)?;
        if let Some((means, squares)) = &mut self.centred {
            let means = &*means;
            add_up(rows, squares, |sum, j, x| *sum += (x - means[j]).powi(2));
            return Ok(());
        }
        self.rows += rows.rows;
        rows.indices.iter().for_each(|&j| self.stored[j as usize] += 1);
        add_up(rows, &mut self.sums, |sum, _, x| *sum += x);
        Ok(())
    }

    /// Ends the first pass.
    pub fn centre(&mut self) {
        let means = self.sums.iter().map(|sum| sum / self.rows as f64).collect();
        self.centred = Some((means, vec![-0.0; self.sums.len()]));
    }

    /// The variability of each column, as [`highly_variable`] gives it, after both passes.
    ///
    /// # Errors
    /// If there were fewer than two rows.
    pub fn finish(mut self, options: &VariableOptions) -> Result<Vec<Variable>, UnsupervisedError> {
        UnsupervisedError::at_least("rows", 2, self.rows)?;
        UnsupervisedError::unless(options.top != Some(0), "top", "at least 1", 0)?;
        let n = self.rows as f64;
        if self.centred.is_none() {
            self.centre();
        }
        let (means, squares) = self.centred.unwrap_or_default();
        let variance = |((stored, mean), squares): ((&usize, &f64), &f64)| {
            let zeros = n - *stored as f64;
            (squares + zeros * mean * mean) / (n - 1.0).max(1.0)
        };
        let variances: Vec<f64> = self.stored.iter().zip(&means).zip(&squares).map(variance).collect();
        Ok(chosen(by_bins(&means, &variances), options))
    }
}

/// Adds `e^x - 1` of the stored values `x` of each column to its sum, row after row.
fn add_up(rows: &Csr, sums: &mut [f64], add: impl Fn(&mut f64, usize, f64) + Sync) {
    sums.par_chunks_mut(STRIPE).enumerate().for_each(|(stripe, sums)| {
        let first = stripe * STRIPE;
        for i in 0..rows.rows {
            let (columns, values) = rows.row(i);
            let at = |column: usize| columns.partition_point(|&own| (own as usize) < column);
            let own = at(first)..at(first + sums.len());
            for (&j, &x) in columns[own.clone()].iter().zip(&values[own]) {
                add(&mut sums[j as usize - first], j as usize, f64::from(x).exp_m1());
            }
        }
    });
}

/// Bins of means that dispersions are compared in.
const BINS: usize = 20;
/// Points that each local regression reads.
const SPAN: f64 = 0.3;

/// The variability of each column, by the definitions of scanpy's `highly_variable_genes` for one batch.
///
/// # Errors
/// If there are fewer than two rows, or values are negative or not finite.
pub fn highly_variable(values: &Csr, options: &VariableOptions) -> Result<Vec<Variable>, UnsupervisedError> {
    UnsupervisedError::at_least("rows", 2, values.rows)?;
    UnsupervisedError::unless(options.top != Some(0), "top", "at least 1", 0)?;
    if options.flavor == Flavor::Seurat {
        let mut sums = VariableSums::new(values.columns);
        sums.add(values)?;
        sums.centre();
        sums.add(values)?;
        return sums.finish(options);
    }
    check_counts(values, 0)?;
    Ok(chosen(by_regression(values), options))
}

/// Chooses among columns whose variability was measured.
fn chosen(mut found: Vec<Variable>, options: &VariableOptions) -> Vec<Variable> {
    match (options.top, options.flavor) {
        (None, Flavor::Seurat) => {
            for column in &mut found {
                let mean = column.mean > options.mean.0 && column.mean < options.mean.1;
                column.chosen = mean && column.normalized.unwrap_or(0.0) > options.dispersion;
            }
        }
        (top, _) => choose(&mut found, top.unwrap_or(2000)),
    }
    found
}

/// The columns of the highest normalized dispersion, of equal ones the first.
fn choose(found: &mut [Variable], top: usize) {
    let mut order: Vec<(f64, usize)> =
        found.iter().enumerate().filter_map(|(j, column)| column.normalized.map(|score| (score, j))).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    order.iter().take(top).for_each(|&(_, j)| found[j].chosen = true);
}

fn by_bins(mean: &[f64], variance: &[f64]) -> Vec<Variable> {
    let dispersion = mean.iter().zip(variance).map(|(mean, variance)| {
        let ratio = variance / if *mean == 0.0 { 1e-12 } else { *mean };
        (ratio != 0.0).then(|| ratio.ln())
    });
    let mut found: Vec<Variable> = dispersion
        .zip(mean)
        .map(|(dispersion, mean)| Variable { mean: mean.ln_1p(), dispersion, normalized: None, chosen: false })
        .collect();
    let bins = bins(&found.iter().map(|column| column.mean).collect::<Vec<f64>>());
    for bin in 0..BINS {
        let members: Vec<usize> = (0..found.len()).filter(|&j| bins[j] == bin).collect();
        let known: Vec<f64> = members.iter().filter_map(|&j| found[j].dispersion).collect();
        let n = known.len() as f64;
        let mut mean = known.iter().sum::<f64>() / n;
        let mut deviation = (known.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        if known.len() == 1 {
            // A column that is alone in its bin is as variable as its own dispersion says.
            (mean, deviation) = (0.0, mean);
        }
        for j in members {
            found[j].normalized = found[j].dispersion.map(|x| (x - mean) / deviation).filter(|x| !x.is_nan());
        }
    }
    found
}

/// Bins of equal width between the smallest and the largest value; a value on a border is in the bin below.
fn bins(values: &[f64]) -> Vec<usize> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let edge = |k: usize| low + (high - low) * (k as f64 / BINS as f64);
    let edges: Vec<f64> = (1..BINS).map(edge).collect();
    values.iter().map(|&value| edges.partition_point(|&edge| edge < value)).collect()
}

fn by_regression(counts: &Csr) -> Vec<Variable> {
    let (mean, variance) = moments(counts, f64::from);
    let varying: Vec<usize> = (0..counts.columns).filter(|&j| variance[j] > 0.0).collect();
    let log = |values: &[f64]| varying.iter().map(|&j| values[j].log10()).collect::<Vec<f64>>();
    let fitted = loess::fitted(&log(&mean), &log(&variance), SPAN);
    let mut expected = vec![0.0; counts.columns];
    varying.iter().zip(fitted).for_each(|(&j, fitted)| expected[j] = 10f64.powf(fitted).sqrt());
    let by_column = counts.transposed();
    let n = counts.rows as f64;
    let standardized = |j: usize| {
        if variance[j] <= 0.0 {
            return 0.0;
        }
        let (mean, deviation) = (mean[j], expected[j]);
        let limit = deviation * n.sqrt() + mean;
        let clipped = |x: &f32| f64::from(*x).min(limit);
        let stored = by_column.row(j).1;
        let sum: f64 = stored.iter().map(clipped).sum();
        let squares: f64 = stored.iter().map(|x| clipped(x).powi(2)).sum();
        (n * mean * mean + squares - 2.0 * sum * mean) / ((n - 1.0) * deviation * deviation)
    };
    let normalized: Vec<f64> = (0..counts.columns).into_par_iter().map(standardized).collect();
    let column = |j: usize| Variable {
        mean: mean[j],
        dispersion: Some(variance[j]),
        normalized: Some(normalized[j]),
        chosen: false,
    };
    (0..counts.columns).map(column).collect()
}
