//! Figures for tasks that predict a number.

use super::binary::ratio;
use super::rank::Ranking;

pub(super) const NAMES: [&str; 5] = ["pearson", "spearman", "r2", "mse", "mae"];

/// Everything about the rows that a resample does not change.
pub(super) struct Regression {
    label: Vec<f64>,
    prediction: Vec<f64>,
    label_ranking: Ranking,
    prediction_ranking: Ranking,
}

impl Regression {
    pub(super) fn new(label: Vec<f64>, prediction: Vec<f64>) -> Self {
        let (label_ranking, prediction_ranking) = (Ranking::new(&label), Ranking::new(&prediction));
        Self { label, prediction, label_ranking, prediction_ranking }
    }

    /// In the order of [`NAMES`].
    pub(super) fn values(&self, weights: &[u32]) -> Vec<Option<f64>> {
        let total: f64 = weights.iter().map(|&w| f64::from(w)).sum();
        let (mut squares, mut absolute) = (0.0, 0.0);
        for ((y, f), &weight) in self.label.iter().zip(&self.prediction).zip(weights) {
            squares += f64::from(weight) * (y - f) * (y - f);
            absolute += f64::from(weight) * (y - f).abs();
        }
        let variance = deviations(&self.label, weights);
        vec![
            self.pearson(weights),
            self.spearman(weights),
            // Constant labels: 1 for a perfect prediction and 0 for any other, as in scikit-learn.
            variance.map(|v| 1.0 - squares / v).or((total > 1.0).then(|| f64::from(u8::from(squares == 0.0)))),
            ratio(squares, total),
            ratio(absolute, total),
        ]
    }

    pub(super) fn pearson(&self, weights: &[u32]) -> Option<f64> {
        correlation(&self.label, &self.prediction, weights)
    }

    pub(super) fn spearman(&self, weights: &[u32]) -> Option<f64> {
        correlation(&self.label_ranking.ranks(weights), &self.prediction_ranking.ranks(weights), weights)
    }
}

fn mean(x: &[f64], weights: &[u32]) -> Option<f64> {
    let (sum, total) =
        x.iter().zip(weights).fold((0.0, 0.0), |(s, t), (x, &w)| (s + f64::from(w) * x, t + f64::from(w)));
    ratio(sum, total)
}

/// Sum of squared deviations from the mean; undefined where all values are equal.
fn deviations(x: &[f64], weights: &[u32]) -> Option<f64> {
    // Compared, not computed: rounding of the mean would give equal values a variance.
    let mut drawn = x.iter().zip(weights).filter(|(_, w)| **w > 0).map(|(x, _)| *x);
    let first = drawn.next()?;
    if drawn.all(|x| x == first) {
        return None;
    }
    let mean = mean(x, weights)?;
    let sum = x.iter().zip(weights).map(|(x, &w)| f64::from(w) * (x - mean) * (x - mean)).sum();
    Some(sum).filter(|&sum: &f64| sum > 0.0 && sum.is_finite())
}

pub(super) fn correlation(x: &[f64], y: &[f64], weights: &[u32]) -> Option<f64> {
    let scale = deviations(x, weights)?.sqrt() * deviations(y, weights)?.sqrt();
    let (mx, my) = (mean(x, weights)?, mean(y, weights)?);
    let products: f64 = x.iter().zip(y).zip(weights).map(|((x, y), &w)| f64::from(w) * (x - mx) * (y - my)).sum();
    ratio(products, scale).map(|r| r.clamp(-1.0, 1.0))
}
