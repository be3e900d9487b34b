//! Figures for yes-or-no tasks.

use super::rank::Ranking;

/// Number of equal-width bins of the expected calibration error (Guo et al. 2017).
pub const CALIBRATION_BINS: usize = 10;

pub(super) const NAMES: [&str; 7] =
    ["auroc", "average_precision", "accuracy", "mcc", "f1", "log_loss", "calibration_error"];

/// Everything about the rows that a resample does not change.
pub(super) struct Binary {
    positive: Vec<bool>,
    called: Vec<bool>,
    probability: Vec<f64>,
    loss: Vec<f64>,
    bin: Vec<usize>,
    ranking: Ranking,
}

impl Binary {
    pub(super) fn new(positive: Vec<bool>, probability: Vec<f64>) -> Self {
        let loss = positive.iter().zip(&probability).map(|(&y, &p)| surprise(if y { p } else { 1.0 - p })).collect();
        Self {
            called: probability.iter().map(|&p| p > 0.5).collect(),
            bin: probability.iter().map(|&p| bin_of(p, CALIBRATION_BINS)).collect(),
            ranking: Ranking::new(&probability),
            loss,
            positive,
            probability,
        }
    }

    /// In the order of [`NAMES`].
    pub(super) fn values(&self, weights: &[u32]) -> Vec<Option<f64>> {
        let [tn, fp, fn_, tp] = self.confusion(weights);
        let total = tn + fp + fn_ + tp;
        let scale = ((tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_)).sqrt();
        let loss: f64 = weights.iter().zip(&self.loss).map(|(&w, loss)| f64::from(w) * loss).sum();
        // Where a quotient is undefined, scikit-learn's conventions: no positive row gives 0, only positive rows give 1.
        let rows = (total > 0.0).then_some(());
        let one_class = rows.map(|()| f64::from(u8::from(tp + fn_ > 0.0)));
        vec![
            self.auroc(weights),
            self.average_precision(weights).or(one_class),
            ratio(tp + tn, total),
            ratio(tp * tn - fp * fn_, scale).or(rows.map(|()| 0.0)),
            ratio(2.0 * tp, 2.0 * tp + fp + fn_).or(rows.map(|()| 0.0)),
            ratio(loss, total),
            calibration_error(&self.bin, &self.probability, &self.positive, weights),
        ]
    }

    pub(super) fn auroc(&self, weights: &[u32]) -> Option<f64> {
        self.ranking.auroc(&self.positive, weights)
    }

    pub(super) fn average_precision(&self, weights: &[u32]) -> Option<f64> {
        self.ranking.average_precision(&self.positive, weights)
    }

    /// True negatives, false positives, false negatives, true positives.
    fn confusion(&self, weights: &[u32]) -> [f64; 4] {
        let mut counts = [0.0; 4];
        for ((&positive, &called), &weight) in self.positive.iter().zip(&self.called).zip(weights) {
            counts[2 * usize::from(positive) + usize::from(called)] += f64::from(weight);
        }
        counts
    }
}

/// `a / b`, undefined where `b` is 0.
pub(super) fn ratio(a: f64, b: f64) -> Option<f64> {
    (b != 0.0).then(|| a / b)
}

/// `-ln p` with `p` kept one rounding step away from 0 and 1.
pub(super) fn surprise(p: f64) -> f64 {
    -p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

/// The bin of a probability: equal widths, each bin with its upper edge, the first also with 0.
pub(super) fn bin_of(p: f64, bins: usize) -> usize {
    let width = 1.0 / bins as f64;
    let guess = ((p * bins as f64) as usize).min(bins - 1);
    // The division may land one bin off at an edge.
    let first = guess.saturating_sub(1);
    (first..bins - 1).find(|&bin| p <= (bin + 1) as f64 * width).unwrap_or(bins - 1)
}

/// Mean over bins, weighted by their rows, of |mean confidence - share that is right|.
pub(super) fn calibration_error(bin: &[usize], confidence: &[f64], right: &[bool], weights: &[u32]) -> Option<f64> {
    let mut difference = [0.0; CALIBRATION_BINS];
    let mut total = 0.0;
    for i in 0..bin.len() {
        let weight = f64::from(weights[i]);
        difference[bin[i]] += weight * (confidence[i] - f64::from(u8::from(right[i])));
        total += weight;
    }
    ratio(difference.iter().map(|d| d.abs()).sum(), total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_their_upper_edge() {
        assert_eq!([0.0, 0.1, 0.11, 0.5, 0.51, 0.99, 1.0].map(|p| bin_of(p, 10)), [0, 0, 1, 4, 5, 9, 9]);
        assert_eq!([0.0, 0.5, 1.0].map(|p| bin_of(p, 1)), [0, 0, 0]);
        assert_eq!([-3.0, 7.0, f64::NAN].map(|p| bin_of(p, 4)), [0, 3, 3]);
    }

    #[test]
    fn a_weight_of_two_is_the_row_twice() {
        let once = Binary::new(vec![true, false, true, false], vec![0.9, 0.4, 0.4, 0.2]);
        let twice = Binary::new(vec![true, false, true, false, true], vec![0.9, 0.4, 0.4, 0.2, 0.4]);
        for (a, b) in once.values(&[1, 1, 2, 1]).iter().zip(twice.values(&[1; 5])) {
            assert!((a.unwrap() - b.unwrap()).abs() < 1e-12, "{a:?} {b:?}");
        }
    }
}
