//! Where the bins of a feature end.

use super::super::TreeError;
use crate::Features;
use basewise_core::random::{stream, uniform};
use rayon::prelude::*;

/// Rows that edges are taken from, at most, and numbers other than 0 in them.
const SAMPLE_ROWS: usize = 200_000;
const SAMPLE_NUMBERS: usize = 1 << 26;

/// The bins of one feature.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edges {
    /// Ascending; a bin holds what is above the edge before it and not above its own. One fewer than bins of numbers.
    pub(crate) between: Vec<f32>,
    /// The bin of 0.
    pub(crate) zero: u8,
    /// Whether a last bin holds NaN.
    pub(crate) missing: bool,
}

impl Edges {
    pub(crate) fn bins(&self) -> usize {
        self.between.len() + 1 + usize::from(self.missing)
    }

    pub(crate) fn bin(&self, value: f32) -> u8 {
        if value.is_nan() {
            return (self.bins() - 1) as u8;
        }
        self.between.partition_point(|&edge| edge < value) as u8
    }
}

/// Of all features, from all rows or a sample.
pub(super) fn all(features: &Features, most: usize, seed: u64) -> Result<Vec<Edges>, TreeError> {
    let missing = missing(features)?;
    let sample = sample(features, seed);
    let columns = match &sample {
        Some(rows) => features.select(rows).by_column(),
        None => features.by_column(),
    };
    let one = |(column, &missing): (usize, &bool)| {
        let stored = columns.column(column);
        let mut numbers: Vec<f32> = stored.iter().map(|&(_, value)| value).filter(|value| !value.is_nan()).collect();
        numbers.sort_unstable_by(f32::total_cmp);
        let between = quantiles(&distinct(&numbers, columns.rows() - stored.len()), most);
        let mut own = Edges { between, zero: 0, missing };
        own.zero = own.bin(0.0);
        own
    };
    Ok(missing.par_iter().enumerate().map(one).collect())
}

/// Which features have NaN.
///
/// # Errors
/// If a number is infinite.
pub(crate) fn missing(features: &Features) -> Result<Vec<bool>, TreeError> {
    let mut missing = vec![false; features.columns()];
    for row in 0..features.rows() {
        for (column, value) in features.row(row).filter(|(_, value)| !value.is_finite()) {
            if value.is_infinite() {
                return Err(TreeError::Infinite { name: features.names()[column].clone(), row, found: value });
            }
            missing[column] = true;
        }
    }
    Ok(missing)
}

/// Rows to look at if those are not all.
fn sample(features: &Features, seed: u64) -> Option<Vec<usize>> {
    let a_row = (features.stored() / features.rows().max(1)).max(1);
    let most = SAMPLE_ROWS.min(SAMPLE_NUMBERS / a_row).max(1);
    if features.rows() <= most {
        return None;
    }
    Some(choose(features.rows(), most, &mut stream(seed, "bin-edges", &[])))
}

/// `chosen` of `0..all`, ascending, every set equally likely (Knuth, volume 2, 3.4.2, algorithm S).
pub(crate) fn choose(all: usize, chosen: usize, rng: &mut basewise_core::random::Stream) -> Vec<usize> {
    let mut found = Vec::with_capacity(chosen);
    for item in 0..all {
        if uniform(rng) * ((all - item) as f64) < (chosen.saturating_sub(found.len())) as f64 {
            found.push(item);
        }
    }
    found
}

/// Values, ascending, with how often they occur.
fn distinct(sorted: &[f32], mut zeros: usize) -> Vec<(f32, usize)> {
    let mut found: Vec<(f32, usize)> = Vec::new();
    for run in sorted.chunk_by(|a, b| a == b) {
        if run[0] > 0.0 && zeros > 0 {
            found.push((0.0, zeros));
            zeros = 0;
        }
        found.push((run[0], run.len()));
    }
    if zeros > 0 {
        found.push((0.0, zeros));
    }
    found
}

/// Edges of at most `most` bins: one for each value if they fit, else bins of about as many rows, where a value with
/// more rows than a bin should have gets its own.
fn quantiles(values: &[(f32, usize)], most: usize) -> Vec<f32> {
    if values.len() <= most {
        return values.windows(2).map(|pair| between(pair[0].0, pair[1].0)).collect();
    }
    let mut edges = Vec::with_capacity(most - 1);
    let mut rest: usize = values.iter().map(|&(_, count)| count).sum();
    let mut own = 0;
    for pair in values.windows(2) {
        own += pair[0].1;
        if edges.len() + 1 == most {
            break;
        }
        let fair = rest as f64 / (most - edges.len()) as f64;
        let overshoots = (own + pair[1].1) as f64 - fair > fair - own as f64;
        if own as f64 >= fair || overshoots {
            edges.push(between(pair[0].0, pair[1].0));
            rest -= own;
            own = 0;
        }
    }
    edges
}

/// The number in the middle, but below `above`: `x <= between(below, above)` tells the two apart.
pub(crate) fn between(below: f32, above: f32) -> f32 {
    let middle = ((f64::from(below) + f64::from(above)) / 2.0) as f32;
    if middle < above { middle } else { below }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_have_a_bin_each() {
        assert_eq!(quantiles(&[(0.0, 5), (1.0, 1), (4.0, 2)], 3), [0.5, 2.5]);
        assert!(quantiles(&[(7.0, 5)], 2).is_empty());
        assert!(quantiles(&[], 2).is_empty());
    }

    #[test]
    fn many_values_share_bins_evenly_and_a_frequent_one_does_not() {
        let even: Vec<(f32, usize)> = (0..1000).map(|i| (i as f32, 1)).collect();
        let edges = quantiles(&even, 10);
        assert_eq!(edges.len(), 9);
        assert!(edges.iter().enumerate().all(|(i, &edge)| (edge - (100 * (i + 1)) as f32).abs() < 3.0), "{edges:?}");
        let mut skewed = even;
        skewed[500].1 = 5000;
        let edges = quantiles(&skewed, 10);
        assert!(edges.contains(&499.5) && edges.contains(&500.5), "{edges:?}");
    }

    #[test]
    fn an_edge_is_below_what_it_tells_apart() {
        let above = f32::from_bits(1.0f32.to_bits() + 1);
        assert_eq!(between(1.0, above), 1.0);
        assert_eq!(between(-1.0, 2.0), 0.5);
        assert!(between(f32::MIN, f32::MAX).abs() < 1.0);
    }

    #[test]
    fn zeros_stand_between_signs() {
        assert_eq!(distinct(&[-2.0, -2.0, 3.0], 4), [(-2.0, 2), (0.0, 4), (3.0, 1)]);
        assert_eq!(distinct(&[-2.0], 1), [(-2.0, 1), (0.0, 1)]);
        assert_eq!(distinct(&[], 0), []);
    }

    #[test]
    fn choices_are_as_many_as_asked() {
        let mut rng = stream(1, "test", &[]);
        for (all, chosen) in [(10, 3), (10, 10), (5, 0), (1000, 999)] {
            let found = choose(all, chosen, &mut rng);
            assert_eq!(found.len(), chosen);
            assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
