//! Where the bins of a feature end.

use super::super::TreeError;
use crate::{Columns, Features};
use basewise_core::random::{stream, uniform};
use rayon::prelude::*;

/// Rows that edges are taken from, at most, and numbers other than 0 in them.
const SAMPLE_ROWS: usize = 200_000;
const SAMPLE_NUMBERS: usize = 1 << 26;
/// Whole numbers below it are counted without sorting, and their bins are looked up without a search.
const WHOLE: usize = 256;
/// Values that differ by less are the same where splits are exact, as in scikit-learn.
pub(crate) const SAME: f32 = 1e-7;

/// The bins of one feature.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Edges {
    /// Ascending; a bin holds what is above the edge before it and not above its own. One fewer than bins of numbers.
    pub(crate) between: Vec<f32>,
    /// The value of each bin where none has more than one, else none.
    values: Vec<f32>,
    /// Bins of the whole numbers from 0.
    whole: Vec<u8>,
    /// The bin of 0.
    pub(crate) zero: u8,
    /// Whether a last bin holds NaN.
    pub(crate) missing: bool,
}

impl Edges {
    /// Of values, ascending, with how often they occur.
    fn new(values: &[(f32, usize)], most: usize, missing: bool) -> Self {
        let between = quantiles(values, most);
        let one_each = values.len() == between.len() + 1;
        let own = if one_each { values.iter().map(|&(value, _)| value).collect() } else { Vec::new() };
        let largest = values.last().map_or(0, |&(value, _)| value as usize);
        let mut edges = Self { between, values: own, missing, ..Self::default() };
        edges.whole = (0..=largest.min(WHOLE - 1)).map(|value| edges.search(value as f32)).collect();
        edges.zero = edges.bin(0.0);
        edges
    }

    /// A bin for every value, or none if they are more than `most` or some are too near to be told apart.
    fn exact(values: &[(f32, usize)], most: usize, missing: bool) -> Option<Self> {
        let near = values.windows(2).any(|pair| pair[1].0 <= pair[0].0 + SAME);
        (values.len() <= most && !near).then(|| Self::new(values, most, missing))
    }

    pub(crate) fn bins(&self) -> usize {
        self.between.len() + 1 + usize::from(self.missing)
    }

    pub(crate) fn bin(&self, value: f32) -> u8 {
        let place = value as usize;
        match self.whole.get(place) {
            Some(&bin) if place as f32 == value => bin,
            _ if value.is_nan() => (self.bins() - 1) as u8,
            _ => self.search(value),
        }
    }

    fn search(&self, value: f32) -> u8 {
        self.between.partition_point(|&edge| edge < value) as u8
    }

    /// Where to split a node that has rows in `bin`, next in `after`, and none between: in the middle between the two values
    /// where bins have one each, else at the edge nearest to the middle. Gives the last bin below it and the threshold, a
    /// value not above which is left.
    pub(super) fn settle(&self, bin: usize, after: Option<usize>) -> (usize, f32) {
        let Some(after) = after else { return (self.between.len(), f32::MAX) };
        if let (Some(&low), Some(&high)) = (self.values.get(bin), self.values.get(after)) {
            let middle = between(low, high);
            let inside = self.values[bin + 1..after].partition_point(|&value| value <= middle);
            return (bin + inside, middle);
        }
        let edges = &self.between;
        let middle = (f64::from(edges[bin]) + f64::from(edges[after - 1])) / 2.0;
        let distance = |edge: usize| (f64::from(edges[edge]) - middle).abs();
        let nearest = (bin..after).min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap_or(bin);
        (nearest, edges[nearest])
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
    let one = |(column, &missing): (usize, &bool)| Edges::new(&of_column(&columns, column), most, missing);
    Ok(missing.par_iter().enumerate().map(one).collect())
}

/// One bin for each value of a feature; one bin for all where that is impossible. All rows are looked at.
pub(super) fn exact(features: &Features, most: usize) -> Result<Vec<Option<Edges>>, TreeError> {
    let missing = missing(features)?;
    let columns = features.by_column();
    let one = |(column, &missing): (usize, &bool)| Edges::exact(&of_column(&columns, column), most, missing);
    Ok(missing.par_iter().enumerate().map(one).collect())
}

fn of_column(columns: &Columns, column: usize) -> Vec<(f32, usize)> {
    let stored = columns.column(column);
    distinct(stored.iter().map(|&(_, value)| value), columns.rows() - stored.len())
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

/// Values, ascending, with how often they occur, NaN not counted, and so many more zeros.
fn distinct(values: impl Iterator<Item = f32>, zeros: usize) -> Vec<(f32, usize)> {
    let mut whole = [0; WHOLE];
    let mut others = Vec::new();
    for value in values.filter(|value| !value.is_nan()) {
        let place = value as usize;
        match whole.get_mut(place) {
            Some(count) if place as f32 == value => *count += 1,
            _ => others.push(value),
        }
    }
    whole[0] += zeros;
    others.sort_unstable_by(f32::total_cmp);
    let mut found: Vec<_> = others.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect();
    found.extend(
        whole.into_iter().enumerate().filter(|&(_, count)| count > 0).map(|(value, count)| (value as f32, count)),
    );
    found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
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
        let of = |values: &[f32], zeros| distinct(values.iter().copied(), zeros);
        assert_eq!(of(&[3.0, -2.0, f32::NAN, -2.0], 4), [(-2.0, 2), (0.0, 4), (3.0, 1)]);
        assert_eq!(of(&[-2.0], 1), [(-2.0, 1), (0.0, 1)]);
        assert_eq!(of(&[1000.0, 255.0, 2.5, 256.0, 2.0], 0), [2.0, 2.5, 255.0, 256.0, 1000.0].map(|value| (value, 1)));
        assert_eq!(of(&[], 0), []);
    }

    #[test]
    fn a_bin_looked_up_is_that_of_a_search() {
        let values: Vec<(f32, usize)> = [-3.0, -0.5, 0.0, 1.0, 1.5, 4.0, 260.0].map(|value| (value, 1)).to_vec();
        for most in [2, 4, 255] {
            let edges = Edges::new(&values, most, true);
            for value in (-40..2400).map(|eighths| eighths as f32 / 8.0).chain([1e9, -1e9, -0.0]) {
                assert_eq!(edges.bin(value), edges.search(value), "{value}");
            }
            assert_eq!(usize::from(edges.bin(f32::NAN)), edges.bins() - 1);
        }
    }

    #[test]
    fn values_that_are_many_or_near_have_no_exact_bins() {
        let exact = |values: &[f32], most| {
            Edges::exact(&values.iter().map(|&value| (value, 1)).collect::<Vec<_>>(), most, false).is_some()
        };
        assert!(exact(&[0.0, 1.0, 2.0], 3) && exact(&[], 2));
        assert!(!exact(&[0.0, 1.0, 2.0], 2));
        assert!(!exact(&[0.0, 5e-8], 3));
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
