//! Percentile bootstrap over rows (Efron 1979).

use crate::random::{Stream, stream};
use rand::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A figure with its interval. `None` is undefined: one class only, no variance, no rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// On all rows.
    pub value: Option<f64>,
    /// Lower end of the bootstrap interval.
    pub low: Option<f64>,
    /// Upper end of the bootstrap interval.
    pub high: Option<f64>,
}

/// How intervals are made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BootstrapOptions {
    /// Number of resamples; 0 leaves the intervals out.
    pub replicates: usize,
    /// Share of the replicates inside the interval, 0 to 1.
    pub level: f64,
    /// Seed of the resamples.
    pub seed: u64,
}

impl Default for BootstrapOptions {
    /// 1,000 replicates, 95 %.
    fn default() -> Self {
        Self { replicates: 1000, level: 0.95, seed: 0 }
    }
}

/// The values on all rows, with intervals over resamples of the `n` rows. `values` gets how often each row was drawn.
pub(super) fn estimates(
    n: usize,
    options: &BootstrapOptions,
    values: impl Fn(&[u32]) -> Vec<Option<f64>> + Sync,
) -> Vec<Estimate> {
    let point = values(&vec![1; n]);
    let replicates = replicate(n, options, &values);
    let estimate = |(i, value)| summary(value, replicates.iter().map(|r| r.get(i).copied().flatten()), options.level).0;
    point.into_iter().enumerate().map(estimate).collect()
}

/// A value with the interval of its replicates, and the replicates in ascending order where there is one.
pub(super) fn summary(
    value: Option<f64>,
    replicates: impl ExactSizeIterator<Item = Option<f64>>,
    level: f64,
) -> (Estimate, Option<Vec<f64>>) {
    let all = replicates.len();
    let mut drawn: Vec<f64> = replicates.flatten().collect();
    // An interval over the few replicates in which the figure happens to exist would be too narrow.
    if value.is_none() || 2 * drawn.len() <= all {
        return (Estimate { value, low: None, high: None }, None);
    }
    drawn.sort_by(f64::total_cmp);
    let (low, high) = ends(&drawn, level);
    (Estimate { value, low, high }, Some(drawn))
}

/// Applies `values` to every resample, in the order of the replicates.
pub(super) fn replicate<T: Send>(n: usize, options: &BootstrapOptions, values: impl Fn(&[u32]) -> T + Sync) -> Vec<T> {
    let replicates = if n == 0 { 0 } else { options.replicates };
    (0..replicates as u64)
        .into_par_iter()
        .map_init(
            || vec![0; n],
            |counts, index| {
                draw(counts, &mut stream(options.seed, "bootstrap", &[index]));
                values(counts)
            },
        )
        .collect()
}

/// How often each row is drawn in `counts.len()` draws with replacement.
fn draw(counts: &mut [u32], rng: &mut Stream) {
    counts.fill(0);
    let n = counts.len() as u64;
    for _ in 0..n {
        // The top bits of 32 random ones: uneven by less than n / 2^32, and much faster than a division.
        let row = (u64::from(rng.next_u32()) * n) >> 32;
        counts[row as usize] += 1;
    }
}

/// The central interval of `level`, interpolated linearly between order statistics.
pub(super) fn interval(mut drawn: Vec<f64>, level: f64) -> (Option<f64>, Option<f64>) {
    drawn.sort_by(f64::total_cmp);
    ends(&drawn, level)
}

/// The ends of the central interval of `level` of ascending numbers.
fn ends(sorted: &[f64], level: f64) -> (Option<f64>, Option<f64>) {
    let tail = if level.is_nan() { 0.025 } else { (1.0 - level.clamp(0.0, 1.0)) / 2.0 };
    (quantile(sorted, tail), quantile(sorted, 1.0 - tail))
}

fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let top = sorted.len().checked_sub(1)?;
    let at = q * top as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[(at.ceil() as usize).min(top)]);
    Some(below + (at - at.floor()) * (above - below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_has_the_textbook_width() {
        let x: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let mean = |w: &[u32]| {
            let sum: f64 = w.iter().zip(&x).map(|(&w, x)| f64::from(w) * x).sum();
            vec![Some(sum / w.len() as f64)]
        };
        let e = estimates(400, &BootstrapOptions { replicates: 4000, ..Default::default() }, mean)[0];
        // Standard error 0.5 / sqrt(400) = 0.025, times 1.96.
        assert_eq!(e.value, Some(0.5));
        assert!((e.low.unwrap() - 0.451).abs() < 0.004 && (e.high.unwrap() - 0.549).abs() < 0.004, "{e:?}");
    }

    #[test]
    fn the_same_for_any_number_of_threads() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| estimates(50, &BootstrapOptions::default(), |w| vec![Some(f64::from(w[0]))]))
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn no_rows_or_no_replicates_leave_no_interval() {
        let none = estimates(0, &BootstrapOptions::default(), |_| vec![None]);
        assert_eq!(none, [Estimate::default()]);
        let off = BootstrapOptions { replicates: 0, ..Default::default() };
        assert_eq!(estimates(3, &off, |_| vec![Some(1.0)])[0], Estimate { value: Some(1.0), low: None, high: None });
        assert_eq!(quantile(&[1.0, 2.0], 0.25), Some(1.25));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
