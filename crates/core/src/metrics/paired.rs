//! Tests of two predictors on the same rows, and corrections for many of them.

use super::bootstrap::Estimate;
use super::rank::Ranking;
use serde::{Deserialize, Serialize};

/// A p-value from a distribution's tail is given as this if it is smaller: it would soon be no number but 0, and no test can
/// rule out chance.
pub const SMALLEST_P: f64 = 1e-300;

/// DeLong's test of two areas under the ROC curve over the same rows (DeLong, DeLong and Clarke-Pearson 1988).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeLong {
    /// Rows with label 1.
    pub positives: usize,
    /// Rows with label 0.
    pub negatives: usize,
    /// Of the one and of the other.
    pub auroc: [f64; 2],
    /// Estimated covariance matrix of the two. Undefined with fewer than two rows of a class.
    pub covariance: Option<[[f64; 2]; 2]>,
    /// The one minus the other, with an interval from the normal distribution, cut to -1 and 1.
    pub difference: Estimate,
    /// Two-sided, of no difference, at least [`SMALLEST_P`]; 1 where the predictors rank all pairs of a positive and a negative alike. Undefined with
    /// fewer than two rows of a class, or where areas differ whose difference has no variance.
    pub p: Option<f64>,
}

/// Compares the AUROC of two scores for labels 0 and 1; ties count half, other labels are left out. `level` is that of the
/// interval, 0 to 1.
///
/// The structural components come from midranks (Sun and Xu 2014), in the time of sorting. `None` with one class only or a
/// score that is NaN.
///
/// # Panics
/// If the numbers of labels and scores differ.
pub fn delong(labels: &[f64], one: &[f64], other: &[f64], level: f64) -> Option<DeLong> {
    assert_eq!((labels.len(), labels.len()), (one.len(), other.len()), "one score of each kind for each label");
    let known: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == 0.0 || labels[row] == 1.0).collect();
    let positive: Vec<bool> = known.iter().map(|&row| labels[row] == 1.0).collect();
    let scores = [one, other].map(|scores| known.iter().map(|&row| scores[row]).collect::<Vec<f64>>());
    if scores.iter().flatten().any(|score| score.is_nan()) {
        return None;
    }
    let [one, other] = scores.map(|scores| Components::new(&positive, &scores));
    let (one, other) = (one?, other?);
    let (positives, negatives) = (one.of_positives.len(), one.of_negatives.len());
    let auroc = [one.auroc, other.auroc];
    let value = one.auroc - other.auroc;
    let mut result = DeLong {
        positives,
        negatives,
        auroc,
        covariance: None,
        difference: Estimate { value: Some(value), low: None, high: None },
        p: None,
    };
    if positives < 2 || negatives < 2 {
        return Some(result);
    }
    let mutual = one.covariance(&other);
    result.covariance = Some([[one.covariance(&one), mutual], [mutual, other.covariance(&other)]]);
    // Of differences, so that what both have in common cancels before it is squared.
    let difference = one.minus(&other);
    let error = difference.covariance(&difference).sqrt();
    let tail = if level.is_nan() { 0.025 } else { (1.0 - level.clamp(0.0, 1.0)) / 2.0 };
    let reach = if error > 0.0 { upper_quantile(tail) * error } else { 0.0 };
    if error > 0.0 || value == 0.0 {
        result.difference.low = Some((value - reach).max(-1.0));
        result.difference.high = Some((value + reach).min(1.0));
        result.p = Some(if error > 0.0 { two_sided(value / error).max(SMALLEST_P) } else { 1.0 });
    }
    Some(result)
}

/// How often each positive scores above the negatives, and each negative below the positives.
struct Components {
    auroc: f64,
    /// For each positive twice the number of negatives below it, ties half: whole numbers, so that sums are exact.
    of_positives: Vec<f64>,
    /// For each negative twice the number of positives above it.
    of_negatives: Vec<f64>,
}

impl Components {
    /// `None` with one class only.
    fn new(positive: &[bool], scores: &[f64]) -> Option<Self> {
        let ranking = Ranking::new(scores);
        let ones = vec![1; scores.len()];
        let auroc = ranking.auroc(positive, &ones)?;
        let among_all = ranking.ranks(&ones);
        let of_class = |class: bool| {
            let rows: Vec<usize> = (0..scores.len()).filter(|&row| positive[row] == class).collect();
            let own: Vec<f64> = rows.iter().map(|&row| scores[row]).collect();
            let among_own = Ranking::new(&own).ranks(&vec![1; own.len()]);
            // Ranks among all but those of the own class: rows of the other class below, ties half.
            let below: Vec<f64> = rows.iter().zip(among_own).map(|(&row, own)| 2.0 * (among_all[row] - own)).collect();
            below
        };
        let (of_positives, below) = (of_class(true), of_class(false));
        let all = 2.0 * of_positives.len() as f64;
        Some(Self { auroc, of_positives, of_negatives: below.into_iter().map(|below| all - below).collect() })
    }

    fn minus(&self, other: &Self) -> Self {
        let subtract = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
        Self {
            auroc: self.auroc - other.auroc,
            of_positives: subtract(&self.of_positives, &other.of_positives),
            of_negatives: subtract(&self.of_negatives, &other.of_negatives),
        }
    }

    /// The estimated covariance of two areas.
    fn covariance(&self, other: &Self) -> f64 {
        let (positives, negatives) = (self.of_positives.len() as f64, self.of_negatives.len() as f64);
        let of_positives = covariance(&self.of_positives, &other.of_positives) / (4.0 * negatives * negatives);
        let of_negatives = covariance(&self.of_negatives, &other.of_negatives) / (4.0 * positives * positives);
        of_positives / positives + of_negatives / negatives
    }
}

/// Of a sample: the sum of products over one less than their number.
fn covariance(x: &[f64], y: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let sum: f64 = x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    sum / (x.len() as f64 - 1.0)
}

/// The chance that a standard normal number is as far from 0 as `z` or further.
fn two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// The standard normal number that is exceeded with this chance, up to 0.5.
fn upper_quantile(tail: f64) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if two_sided(middle) / 2.0 > tail { low = middle } else { high = middle }
    }
    high
}

/// Holm's (1979) correction: the chance of any false rejection among all tests stays below the level at which corrected p
/// values are judged. Undefined p values stay so and count as no test.
pub fn holm(p: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut largest: f64 = 0.0;
    corrected(p, false, |p, tests, rank| {
        largest = largest.max((tests - rank) as f64 * p);
        largest
    })
}

/// Benjamini and Hochberg's (1995) correction: among the tests whose corrected p values are below a level, the expected share
/// of false rejections is, for independent tests. Undefined p values stay so and count as no test.
pub fn benjamini_hochberg(p: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut smallest = f64::INFINITY;
    corrected(p, true, |p, tests, rank| {
        smallest = smallest.min(tests as f64 / (rank + 1) as f64 * p);
        smallest
    })
}

/// Corrects p values in ascending or descending order; `correct` gets one, the number of tests, and its rank from 0.
fn corrected(
    p: &[Option<f64>],
    descending: bool,
    mut correct: impl FnMut(f64, usize, usize) -> f64,
) -> Vec<Option<f64>> {
    let mut order: Vec<(f64, usize)> = p.iter().enumerate().filter_map(|(i, p)| p.map(|p| (p, i))).collect();
    order.retain(|(p, _)| !p.is_nan());
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut ranked: Vec<(usize, (f64, usize))> = order.into_iter().enumerate().collect();
    let tests = ranked.len();
    if descending {
        ranked.reverse();
    }
    let mut all = vec![None; p.len()];
    for (rank, (p, i)) in ranked {
        all[i] = Some(correct(p, tests, rank).min(1.0));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(labels: &[u8], one: &[f64], other: &[f64]) -> Option<DeLong> {
        let labels: Vec<f64> = labels.iter().map(|&label| f64::from(label)).collect();
        delong(&labels, one, other, 0.95)
    }

    #[test]
    fn equal_rankings_have_no_difference() {
        let labels = [0, 1, 0, 1, 1, 0];
        let one = [0.1, 0.4, 0.35, 0.8, 0.2, 0.3];
        let scaled = one.map(|score| 3.0 * score + 1.0);
        for other in [one, scaled] {
            let same = compare(&labels, &one, &other).unwrap();
            assert_eq!(same.p, Some(1.0));
            assert_eq!(same.difference, Estimate { value: Some(0.0), low: Some(0.0), high: Some(0.0) });
            let [[own, mutual], [_, others]] = same.covariance.unwrap();
            assert!(own > 0.0 && own == mutual && own == others);
        }
        // Perfect, and constant.
        let perfect = [0.0, 1.0, 0.1, 0.9, 0.8, 0.2];
        let same = compare(&labels, &perfect, &perfect).unwrap();
        assert_eq!((same.auroc, same.p, same.covariance), ([1.0; 2], Some(1.0), Some([[0.0; 2]; 2])));
        let constant = compare(&labels, &[0.5; 6], &[7.0; 6]).unwrap();
        assert_eq!((constant.auroc, constant.p), ([0.5; 2], Some(1.0)));
    }

    #[test]
    fn what_has_no_variance_has_no_p() {
        let certain = compare(&[0, 1, 0, 1], &[0.0, 1.0, 0.1, 0.9], &[0.5; 4]).unwrap();
        assert_eq!((certain.difference, certain.p), (Estimate { value: Some(0.5), low: None, high: None }, None));
        let lone = compare(&[0, 1, 0], &[0.0, 1.0, 0.1], &[0.5, 0.2, 0.1]).unwrap();
        assert_eq!((lone.auroc, lone.covariance, lone.p), ([1.0, 0.5], None, None));
        assert_eq!(lone.difference.low, None);
        assert_eq!(compare(&[1, 1], &[0.1, 0.2], &[0.1, 0.2]), None);
        assert_eq!(compare(&[], &[], &[]), None);
        assert_eq!(compare(&[0, 1], &[0.1, f64::NAN], &[0.1, 0.2]), None);
        let unknown = delong(&[0.0, 1.0, f64::NAN], &[0.1, 0.2, f64::NAN], &[0.1, 0.2, 0.3], 0.95).unwrap();
        assert_eq!((unknown.positives, unknown.negatives), (1, 1));
    }

    #[test]
    fn the_other_way_round_is_the_negative() {
        let labels = [0, 1, 0, 1, 1, 0, 0, 1];
        let one = [0.1, 0.4, 0.35, 0.8, 0.2, 0.3, 0.9, 0.95];
        let other = [0.3, 0.2, 0.35, 0.7, 0.25, 0.3, 0.6, 0.95];
        let (forth, back) = (compare(&labels, &one, &other).unwrap(), compare(&labels, &other, &one).unwrap());
        assert_eq!((forth.p, forth.difference.low), (back.p, back.difference.high.map(|high| -high)));
        let ([[a, c], [_, b]], p) = (forth.covariance.unwrap(), forth.p.unwrap());
        let z = forth.difference.value.unwrap() / (a + b - 2.0 * c).sqrt();
        assert!((two_sided(z) - p).abs() < 1e-12);
        let labels: Vec<f64> = labels.iter().map(|&label| f64::from(label)).collect();
        let wide = delong(&labels, &one, &other, 1.0).unwrap().difference;
        assert_eq!((wide.low, wide.high), (Some(-1.0), Some(1.0)));
    }

    #[test]
    fn far_differences_have_the_smallest_p_and_not_0() {
        let labels: Vec<u8> = (0..4000).map(|row| row % 2).map(|row| row as u8).collect();
        let perfect: Vec<f64> = labels.iter().map(|&label| f64::from(label)).collect();
        let blind: Vec<f64> = (0..4000).map(|row| f64::from(row / 2 * 7 % 1999)).collect();
        let found = compare(&labels, &perfect, &blind).unwrap();
        assert!(found.difference.value.unwrap() > 0.49);
        assert_eq!(found.p, Some(SMALLEST_P));
    }

    #[test]
    fn quantiles_are_those_of_tables() {
        assert!((upper_quantile(0.025) - 1.959963984540054).abs() < 1e-12);
        assert!((upper_quantile(0.005) - 2.5758293035489004).abs() < 1e-12);
        assert!(upper_quantile(0.5).abs() < 1e-12 && (two_sided(1.959963984540054) - 0.05).abs() < 1e-14);
    }

    #[test]
    fn corrections_by_hand() {
        let p = [Some(0.01), None, Some(0.04), Some(0.03), Some(f64::NAN), Some(0.005)];
        let close = |found: Vec<Option<f64>>, expected: [Option<f64>; 6]| {
            for (found, expected) in found.iter().zip(expected) {
                assert_eq!(found.is_some(), expected.is_some());
                assert!((found.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-15, "{found:?} {expected:?}");
            }
        };
        close(holm(&p), [Some(0.03), None, Some(0.06), Some(0.06), None, Some(0.02)]);
        close(benjamini_hochberg(&p), [Some(0.02), None, Some(0.04), Some(0.04), None, Some(0.02)]);
        assert_eq!(holm(&[Some(0.9), Some(0.8)]), [Some(1.0), Some(1.0)]);
        assert_eq!(benjamini_hochberg(&[]), []);
    }
}
