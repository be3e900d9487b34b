//! Curves for figures: ROC, precision-recall and calibration, with bootstrap bands.

use super::binary::bin_of;
use super::bootstrap::{BootstrapOptions, Units, interval, replicate};
use super::known_binary;
use super::rank::Ranking;
use serde::{Deserialize, Serialize};

/// Steps of the grid on which bands are given: 0, 0.01, ..., 1.
const GRID: usize = 100;

/// The ROC curve `[false positive rate, true positive rate]` from (0, 0) to (1, 1), one point a distinct score.
/// Empty with one class only or a NaN score; labels other than 0 and 1 are left out.
pub fn roc(labels: &[f64], scores: &[f64]) -> Vec<[f64; 2]> {
    let Some((positive, scores)) = known_binary(labels, scores) else { return Vec::new() };
    roc_points(&Ranking::new(&scores), &positive, &vec![1; scores.len()])
}

fn roc_points(ranking: &Ranking, positive: &[bool], weights: &[u32]) -> Vec<[f64; 2]> {
    let steps: Vec<(u64, u64)> = ranking.cumulative(positive, weights).collect();
    let (p, n) = steps.last().copied().unwrap_or((0, 0));
    if p == 0 || n == 0 {
        return Vec::new();
    }
    let points = steps.into_iter().map(|(tp, fp)| [fp as f64 / n as f64, tp as f64 / p as f64]);
    std::iter::once([0.0, 0.0]).chain(points).collect()
}

/// The precision-recall curve `[recall, precision]` by falling threshold, from (0, 1); one point a distinct score. Empty
/// with one class only or a NaN score; labels other than 0 and 1 are left out.
pub fn precision_recall(labels: &[f64], scores: &[f64]) -> Vec<[f64; 2]> {
    let Some((positive, scores)) = known_binary(labels, scores) else { return Vec::new() };
    precision_recall_points(&Ranking::new(&scores), &positive, &vec![1; scores.len()])
}

fn precision_recall_points(ranking: &Ranking, positive: &[bool], weights: &[u32]) -> Vec<[f64; 2]> {
    let steps: Vec<(u64, u64)> = ranking.cumulative(positive, weights).collect();
    let (p, n) = steps.last().copied().unwrap_or((0, 0));
    if p == 0 || n == 0 {
        return Vec::new();
    }
    // A resample can miss the top rows; a threshold above all drawn ones has no precision.
    let drawn = steps.into_iter().filter(|(tp, fp)| tp + fp > 0);
    let points = drawn.map(|(tp, fp)| [tp as f64 / p as f64, tp as f64 / (tp + fp) as f64]);
    std::iter::once([0.0, 1.0]).chain(points).collect()
}

/// `[false positive rate, low, high]`: the bootstrap interval of the true positive rate, on a grid of 101 false positive
/// rates (linear between the points of each resampled curve). Empty where [`roc`] is.
pub fn roc_band(labels: &[f64], scores: &[f64], options: &BootstrapOptions<'_>) -> Vec<[f64; 3]> {
    band(labels, scores, options, |ranking, positive, weights| {
        let points = roc_points(ranking, positive, weights);
        (!points.is_empty()).then(|| on_grid(|x| interpolate(&points, x)))
    })
}

/// `[recall, low, high]`: the bootstrap interval of the precision at the highest threshold that reaches each of 101
/// recalls. Empty where [`precision_recall`] is.
pub fn precision_recall_band(labels: &[f64], scores: &[f64], options: &BootstrapOptions<'_>) -> Vec<[f64; 3]> {
    band(labels, scores, options, |ranking, positive, weights| {
        let points = precision_recall_points(ranking, positive, weights);
        // The artificial first point would pin the band at 1.
        let real = points.get(1..)?;
        let reach = |x: f64| real.partition_point(|p| p[0] < x).min(real.len() - 1);
        (!real.is_empty()).then(|| on_grid(|x| real[reach(x)][1]))
    })
}

fn on_grid(value: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..=GRID).map(|i| value(i as f64 / GRID as f64)).collect()
}

fn band(
    labels: &[f64],
    scores: &[f64],
    options: &BootstrapOptions<'_>,
    curve: impl Fn(&Ranking, &[bool], &[u32]) -> Option<Vec<f64>> + Sync,
) -> Vec<[f64; 3]> {
    let Some((positive, scores)) = known_binary(labels, scores) else { return Vec::new() };
    let ranking = Ranking::new(&scores);
    let known: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == 0.0 || labels[row] == 1.0).collect();
    let curves: Vec<Vec<f64>> =
        replicate(&Units::new(&known, options), options, |weights| curve(&ranking, &positive, weights))
            .into_iter()
            .flatten()
            .collect();
    let at = |i: usize| {
        let (low, high) = interval(curves.iter().map(|curve| curve[i]).collect(), options.level);
        Some([i as f64 / GRID as f64, low?, high?])
    };
    (0..=GRID).filter_map(at).collect()
}

/// The highest value at `x` of a curve that rises in both coordinates.
fn interpolate(points: &[[f64; 2]], x: f64) -> f64 {
    let after = points.partition_point(|p| p[0] <= x);
    match (after.checked_sub(1).map(|i| points[i]), points.get(after)) {
        (Some(a), Some(b)) => a[1] + (x - a[0]) / (b[0] - a[0]) * (b[1] - a[1]),
        (Some(a), None) => a[1],
        (None, _) => 0.0,
    }
}

/// One bin of a calibration curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Mean predicted probability of its rows.
    pub mean_predicted: f64,
    /// Share of its rows with label 1.
    pub fraction_positive: f64,
    /// Number of its rows.
    pub count: usize,
}

/// The calibration curve over `bins` bins of equal width (at least one), each with its upper edge; bins without rows are
/// left out, as are labels other than 0 and 1. Empty where a probability is NaN.
pub fn calibration(labels: &[f64], probabilities: &[f64], bins: usize) -> Vec<CalibrationBin> {
    let Some((positive, probabilities)) = known_binary(labels, probabilities) else { return Vec::new() };
    let mut sums = vec![(0.0, 0.0, 0); bins.max(1)];
    for (&positive, &p) in positive.iter().zip(&probabilities) {
        let sum = &mut sums[bin_of(p, bins.max(1))];
        *sum = (sum.0 + p, sum.1 + f64::from(u8::from(positive)), sum.2 + 1);
    }
    let filled = sums.into_iter().filter(|sum| sum.2 > 0);
    filled
        .map(|(predicted, positives, count)| CalibrationBin {
            mean_predicted: predicted / count as f64,
            fraction_positive: positives / count as f64,
            count,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [f64; 5] = [1.0, 0.0, 1.0, 0.0, f64::NAN];
    const SCORES: [f64; 5] = [0.9, 0.5, 0.5, 0.1, 0.3];

    #[test]
    fn curves_step_by_distinct_score() {
        assert_eq!(roc(&LABELS, &SCORES), [[0.0, 0.0], [0.0, 0.5], [0.5, 1.0], [1.0, 1.0]]);
        assert_eq!(precision_recall(&LABELS, &SCORES), [[0.0, 1.0], [0.5, 1.0], [1.0, 2.0 / 3.0], [1.0, 0.5]]);
        for labels in [&[][..], &[1.0, 1.0], &[f64::NAN]] {
            assert!(roc(labels, &SCORES).is_empty() && precision_recall(labels, &SCORES).is_empty());
            assert!(roc_band(labels, &SCORES, &BootstrapOptions::default()).is_empty());
            assert!(precision_recall_band(labels, &SCORES, &BootstrapOptions::default()).is_empty());
        }
    }

    #[test]
    fn bands_hold_the_curve() {
        let labels: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let scores: Vec<f64> = (0..400).map(|i| f64::from((i * 37) % 101) + 40.0 * f64::from(i % 2)).collect();
        let options = BootstrapOptions::default();
        let points = roc(&labels, &scores);
        let band = roc_band(&labels, &scores, &options);
        assert_eq!(band.len(), 101);
        let inside = band.iter().filter(|b| (b[1]..=b[2] + 1e-12).contains(&interpolate(&points, b[0]))).count();
        assert!(inside >= 98, "{inside}");
        let band = precision_recall_band(&labels, &scores, &options);
        assert!(band.len() == 101 && band.iter().all(|b| 0.0 <= b[1] && b[1] <= b[2] && b[2] <= 1.0));
        assert!((band[100][1]..=band[100][2]).contains(&0.6), "{:?}", band[100]);
    }

    #[test]
    fn calibration_leaves_empty_bins_out() {
        let bins = calibration(&LABELS, &SCORES, 4);
        let expected =
            |mean_predicted, fraction_positive, count| CalibrationBin { mean_predicted, fraction_positive, count };
        assert_eq!(bins, [expected(0.1, 0.0, 1), expected(0.5, 0.5, 2), expected(0.9, 1.0, 1)]);
        assert_eq!(calibration(&LABELS, &SCORES, 0).len(), 1);
        assert!(calibration(&[], &[], 5).is_empty());
    }
}
