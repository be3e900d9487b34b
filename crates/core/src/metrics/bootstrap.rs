//! Percentile bootstrap over rows (Efron 1979), or over groups of rows (Davison and Hinkley 1997, section 3.8).

use crate::identity::{group_numbers, members};
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
///
/// Resamples of single rows take rows for independent. Rows that are relatives of each other (homologues, overlapping windows)
/// are not: their labels and scores go together, and intervals that ignore it are too narrow. Where rows have groups, a
/// resample draws as many groups as there are, each with all of its rows. With few groups (some tens) percentile intervals are
/// still somewhat too narrow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BootstrapOptions<'a> {
    /// Number of resamples; 0 leaves the intervals out.
    pub replicates: usize,
    /// Share of the replicates inside the interval, 0 to 1.
    pub level: f64,
    /// Seed of the resamples.
    pub seed: u64,
    /// The group of each row, any numbers; empty where rows are independent.
    pub groups: &'a [usize],
}

impl Default for BootstrapOptions<'_> {
    /// 1,000 replicates of single rows, 95 %.
    fn default() -> Self {
        Self { replicates: 1000, level: 0.95, seed: 0, groups: &[] }
    }
}

/// What resamples of some rows draw.
pub(super) struct Units {
    rows: usize,
    /// Rows of each group; empty where each row is drawn by itself.
    groups: Vec<Vec<usize>>,
}

impl Units {
    /// For these rows of all that have a group in `options`.
    ///
    /// # Panics
    /// If rows have groups and one of these has none.
    pub(super) fn new(rows: &[usize], options: &BootstrapOptions<'_>) -> Self {
        let mut groups = Vec::new();
        if !options.groups.is_empty() {
            groups = members(&group_numbers(rows.iter().map(|&row| options.groups[row])));
        }
        if groups.len() == rows.len() {
            groups.clear();
        }
        Self { rows: rows.len(), groups }
    }

    fn number(&self) -> usize {
        if self.groups.is_empty() { self.rows } else { self.groups.len() }
    }

    /// How often each row is drawn; `times` is scratch of a number a unit.
    fn draw(&self, counts: &mut [u32], times: &mut [u32], rng: &mut Stream) {
        if self.groups.is_empty() {
            return draw(counts, rng);
        }
        draw(times, rng);
        for (group, &times) in self.groups.iter().zip(&*times) {
            group.iter().for_each(|&row| counts[row] = times);
        }
    }
}

/// The values on all rows, with intervals over resamples of them. `values` gets how often each row was drawn.
pub(super) fn estimates(
    units: &Units,
    options: &BootstrapOptions<'_>,
    values: impl Fn(&[u32]) -> Vec<Option<f64>> + Sync,
) -> Vec<Estimate> {
    let point = values(&vec![1; units.rows]);
    let replicates = replicate(units, options, &values);
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
pub(super) fn replicate<T: Send>(
    units: &Units,
    options: &BootstrapOptions<'_>,
    values: impl Fn(&[u32]) -> T + Sync,
) -> Vec<T> {
    let replicates = if units.rows == 0 { 0 } else { options.replicates };
    (0..replicates as u64)
        .into_par_iter()
        .map_init(
            || (vec![0; units.rows], vec![0; units.number()]),
            |(counts, times), index| {
                units.draw(counts, times, &mut stream(options.seed, "bootstrap", &[index]));
                values(counts)
            },
        )
        .collect()
}

/// How often each of so many is drawn in `counts.len()` draws with replacement.
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

    fn rows(n: usize) -> Units {
        Units::new(&(0..n).collect::<Vec<_>>(), &BootstrapOptions::default())
    }

    #[test]
    fn the_interval_of_a_mean_has_the_textbook_width() {
        let x: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let mean = |w: &[u32]| {
            let sum: f64 = w.iter().zip(&x).map(|(&w, x)| f64::from(w) * x).sum();
            vec![Some(sum / w.len() as f64)]
        };
        let e = estimates(&rows(400), &BootstrapOptions { replicates: 4000, ..Default::default() }, mean)[0];
        // Standard error 0.5 / sqrt(400) = 0.025, times 1.96.
        assert_eq!(e.value, Some(0.5));
        assert!((e.low.unwrap() - 0.451).abs() < 0.004 && (e.high.unwrap() - 0.549).abs() < 0.004, "{e:?}");
    }

    #[test]
    fn the_same_for_any_number_of_threads() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| estimates(&rows(50), &BootstrapOptions::default(), |w| vec![Some(f64::from(w[0]))]))
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn no_rows_or_no_replicates_leave_no_interval() {
        let none = estimates(&rows(0), &BootstrapOptions::default(), |_| vec![None]);
        assert_eq!(none, [Estimate::default()]);
        let off = BootstrapOptions { replicates: 0, ..Default::default() };
        assert_eq!(
            estimates(&rows(3), &off, |_| vec![Some(1.0)])[0],
            Estimate { value: Some(1.0), low: None, high: None }
        );
        assert_eq!(quantile(&[1.0, 2.0], 0.25), Some(1.25));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn groups_are_drawn_whole_and_single_rows_as_ever() {
        let groups = [7, 3, 7, 3, 3, 9];
        let options = BootstrapOptions { replicates: 300, groups: &groups, ..Default::default() };
        // Row 4 is not judged.
        let drawn = replicate(&Units::new(&[0, 1, 2, 3, 5], &options), &options, <[u32]>::to_vec);
        assert!(drawn.iter().all(|counts| counts[0] == counts[2] && counts[1] == counts[3]), "{drawn:?}");
        assert!(drawn.iter().all(|counts| counts[0] + counts[1] + counts[4] == 3), "{drawn:?}");
        assert!(drawn.iter().any(|counts| counts[4] == 3));
        let apart = BootstrapOptions { groups: &[4, 2, 0], ..options };
        let plain = BootstrapOptions { groups: &[], ..options };
        let each = |options| replicate(&Units::new(&[0, 1, 2], options), options, <[u32]>::to_vec);
        assert_eq!(each(&apart), each(&plain));
    }

    #[test]
    fn the_interval_of_a_mean_over_groups_is_as_wide_as_that_of_their_means() {
        // 100 groups of 4 equal rows: as 100 rows.
        let x: Vec<f64> = (0..400).map(|i| f64::from(i / 4 % 2)).collect();
        let groups: Vec<usize> = (0..400).map(|i| i / 4).collect();
        let mean = |w: &[u32]| {
            let sum: f64 = w.iter().zip(&x).map(|(&w, x)| f64::from(w) * x).sum();
            vec![Some(sum / w.iter().sum::<u32>() as f64)]
        };
        let options = BootstrapOptions { replicates: 4000, groups: &groups, ..Default::default() };
        let e = estimates(&Units::new(&(0..400).collect::<Vec<_>>(), &options), &options, mean)[0];
        assert!((e.low.unwrap() - 0.402).abs() < 0.008 && (e.high.unwrap() - 0.598).abs() < 0.008, "{e:?}");
    }
}
