//! Figures for one-of-several tasks.

use super::binary::{Binary, CALIBRATION_BINS, bin_of, calibration_error, ratio, surprise};

pub(super) const NAMES: [&str; 7] = super::binary::NAMES;
pub(super) const CLASS_NAMES: [&str; 3] = ["auroc", "average_precision", "f1"];

/// Everything about the rows that a resample does not change.
pub(super) struct Classes {
    count: usize,
    label: Vec<usize>,
    called: Vec<usize>,
    right: Vec<bool>,
    confidence: Vec<f64>,
    bin: Vec<usize>,
    loss: Vec<f64>,
    against_rest: Vec<Binary>,
}

impl Classes {
    /// `probability` is row-major `[n, count]`.
    pub(super) fn new(count: usize, label: Vec<usize>, probability: &[f64]) -> Self {
        let rows: Vec<&[f64]> = probability.chunks_exact(count.max(1)).collect();
        let called: Vec<usize> = rows.iter().map(|row| argmax(row)).collect();
        let confidence: Vec<f64> = rows.iter().zip(&called).map(|(row, &c)| row[c]).collect();
        let against_rest = (0..count)
            .map(|class| {
                let positive = label.iter().map(|&y| y == class).collect();
                Binary::new(positive, rows.iter().map(|row| row[class]).collect())
            })
            .collect();
        Self {
            count,
            right: label.iter().zip(&called).map(|(a, b)| a == b).collect(),
            bin: confidence.iter().map(|&p| bin_of(p, CALIBRATION_BINS)).collect(),
            loss: rows.iter().zip(&label).map(|(row, &y)| surprise(row[y])).collect(),
            label,
            called,
            confidence,
            against_rest,
        }
    }

    /// In the order of [`NAMES`], then for each class in the order of [`CLASS_NAMES`].
    pub(super) fn values(&self, weights: &[u32]) -> Vec<Option<f64>> {
        let (truth, calls, hits) = self.margins(weights);
        let total: f64 = truth.iter().sum();
        let right: f64 = hits.iter().sum();
        let chance: f64 = truth.iter().zip(&calls).map(|(t, c)| t * c).sum();
        let spread = |margin: &[f64]| total * total - margin.iter().map(|m| m * m).sum::<f64>();
        let loss: f64 = weights.iter().zip(&self.loss).map(|(&w, loss)| f64::from(w) * loss).sum();

        let auroc: Vec<_> = self.against_rest.iter().map(|b| b.auroc(weights)).collect();
        let precision: Vec<_> = self.against_rest.iter().map(|b| b.average_precision(weights)).collect();
        let f1: Vec<_> = (0..self.count).map(|k| ratio(2.0 * hits[k], truth[k] + calls[k])).collect();
        let mut values = vec![
            mean(&auroc),
            mean(&precision),
            ratio(right, total),
            // As in scikit-learn, a single class among labels or calls gives 0.
            ratio(right * total - chance, (spread(&calls) * spread(&truth)).sqrt()).or((total > 0.0).then_some(0.0)),
            mean(&f1),
            ratio(loss, total),
            calibration_error(&self.bin, &self.confidence, &self.right, weights),
        ];
        for k in 0..self.count {
            values.extend([auroc[k], precision[k], f1[k]]);
        }
        values
    }

    /// Rows of each class, calls of each class, and calls of each class that are right.
    fn margins(&self, weights: &[u32]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let mut margins = (vec![0.0; self.count], vec![0.0; self.count], vec![0.0; self.count]);
        for ((&label, &called), &weight) in self.label.iter().zip(&self.called).zip(weights) {
            let weight = f64::from(weight);
            margins.0[label] += weight;
            margins.1[called] += weight;
            if label == called {
                margins.2[label] += weight;
            }
        }
        margins
    }
}

/// The first largest.
fn argmax(row: &[f64]) -> usize {
    (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}

/// Mean of the defined values.
fn mean(values: &[Option<f64>]) -> Option<f64> {
    let (sum, n) = values.iter().flatten().fold((0.0, 0.0), |(sum, n), v| (sum + v, n + 1.0));
    ratio(sum, n)
}
