//! From counts to comparable values: size normalization, logarithms, and the columns that vary more than their mean explains.

mod loess;
#[cfg(test)]
mod tests;
mod variable;

pub use variable::{Flavor, Variable, VariableOptions, VariableSums, highly_variable};

use super::{Rows, UnsupervisedError};
use basewise_core::Matrix;
use basewise_core::sparse::Csr;
use rayon::prelude::*;

/// Refuses values below 0, or not finite, of a block whose first row is row `first` of a matrix.
///
/// # Errors
/// Such a value, with its row in the matrix.
pub fn check_counts(counts: &Csr, first: usize) -> Result<(), UnsupervisedError> {
    Rows::Sparse(counts).check()?;
    let Some(place) = counts.values.iter().position(|&value| value < 0.0) else { return Ok(()) };
    let row = counts.starts.partition_point(|&start| start <= place) - 1;
    let (column, found) = (counts.indices[place] as usize, counts.values[place]);
    Err(UnsupervisedError::Negative { row: first + row, column, found, hint: "give counts that were not standardized" })
}

/// Sum of each row.
#[must_use]
pub fn totals(counts: &Csr) -> Vec<f64> {
    let total = |i: usize| counts.row(i).1.iter().map(|&value| f64::from(value)).sum();
    (0..counts.rows).into_par_iter().map(total).collect()
}

/// Scales each row to the same sum: `target`, or else the median of the sums that are not 0, as scanpy's `normalize_total`
/// does. Rows without counts stay so. Gives the sum.
///
/// # Errors
/// If values are negative or not finite, or `target` is not above 0.
pub fn normalize(counts: &mut Csr, target: Option<f64>) -> Result<f64, UnsupervisedError> {
    check_counts(counts, 0)?;
    let totals = totals(counts);
    let target = target.unwrap_or_else(|| usual_total(&totals));
    UnsupervisedError::unless(target > 0.0 && target.is_finite(), "target", "a number above 0", target)?;
    scale(counts, &totals, target);
    Ok(target)
}

/// The median of the sums that are not 0, to which [`normalize`] scales; 1 if there are none.
#[must_use]
pub fn usual_total(totals: &[f64]) -> f64 {
    median(totals.iter().copied().filter(|&total| total > 0.0).collect())
}

/// Scales rows whose sums are `totals` to the sum `target`. Rows without counts stay so.
///
/// # Panics
/// If there are fewer sums than rows.
pub fn scale(counts: &mut Csr, totals: &[f64], target: f64) {
    for (i, &total) in totals[..counts.rows].iter().enumerate().filter(|(_, total)| **total > 0.0) {
        let range = counts.starts[i]..counts.starts[i + 1];
        counts.values[range].iter_mut().for_each(|value| *value = (f64::from(*value) * (target / total)) as f32);
    }
}

/// 1 if there are none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 1.0,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// `ln(1 + x)` of each value.
///
/// # Errors
/// If values are negative or not finite.
pub fn log1p(counts: &mut Csr) -> Result<(), UnsupervisedError> {
    check_counts(counts, 0)?;
    counts.values.par_iter_mut().for_each(|value| *value = value.ln_1p());
    Ok(())
}

/// Columns of mean 0 and variance 1 (with `rows - 1` degrees of freedom), values beyond `limit` cut to it on both sides.
/// Columns that do not vary become 0. The result is dense.
///
/// # Errors
/// If there are fewer than two rows, values are not finite, or `limit` is not above 0.
pub fn standardize(values: &Csr, limit: Option<f32>) -> Result<Matrix, UnsupervisedError> {
    UnsupervisedError::at_least("rows", 2, values.rows)?;
    Rows::Sparse(values).check()?;
    let limit = limit.unwrap_or(f32::INFINITY);
    UnsupervisedError::unless(limit > 0.0, "limit", "a number above 0", limit)?;
    let (mean, variance) = moments(values, f64::from);
    let deviation: Vec<f64> = variance.iter().map(|v| if *v > 0.0 { v.sqrt() } else { 1.0 }).collect();
    let mut dense = values.to_dense();
    for i in 0..values.rows {
        let columns = dense.row_mut(i).iter_mut().zip(mean.iter().zip(&deviation));
        columns.for_each(|(x, (mean, deviation))| *x = ((f64::from(*x) - mean) / deviation) as f32);
        dense.row_mut(i).iter_mut().for_each(|x| *x = x.clamp(-limit, limit));
    }
    Ok(dense)
}

/// Mean and variance (`rows - 1` degrees of freedom) of each column of what `of` makes of the values; 0 must stay 0.
fn moments(values: &Csr, of: impl Fn(f32) -> f64 + Sync) -> (Vec<f64>, Vec<f64>) {
    let n = values.rows as f64;
    let by_column = values.transposed();
    let one = |j: usize| {
        let stored = by_column.row(j).1;
        let mean = stored.iter().map(|&x| of(x)).sum::<f64>() / n;
        let zeros = n - stored.len() as f64;
        let squares = stored.iter().map(|&x| (of(x) - mean).powi(2)).sum::<f64>() + zeros * mean * mean;
        (mean, squares / (n - 1.0).max(1.0))
    };
    (0..values.columns).into_par_iter().map(one).unzip()
}
