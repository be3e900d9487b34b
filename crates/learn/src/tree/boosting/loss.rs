//! Losses of boosting, with the derivatives by the sum of trees.

use super::super::criterion::weighted_mean;
use super::super::ensemble::{logistic, softmax};
use super::super::examples::LabelKind;
use super::super::{Link, TreeError};
use serde::{Deserialize, Serialize};

/// What boosting makes small, in nats or squared units, as a weighted mean over examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Two classes: cross entropy of a log odds.
    Logistic,
    /// Classes: cross entropy of logits, one tree a class and round.
    Softmax {
        /// Number of classes, 2 to 256.
        classes: usize,
    },
    /// Numbers: half the squared difference.
    Squared,
    /// Counts: negative log-likelihood of a Poisson distribution with the exponential of the sum for its mean, without
    /// the term of the count alone.
    Poisson,
}

/// A step of the logarithm of a mean is at most this, before the learning rate, so that exponentials stay in range.
const LARGEST_LOG_STEP: f64 = 0.7;

impl Loss {
    pub(super) fn labels(self) -> LabelKind {
        match self {
            Self::Logistic => LabelKind::Class { classes: 2 },
            Self::Softmax { classes } => LabelKind::Class { classes },
            Self::Squared => LabelKind::Number,
            Self::Poisson => LabelKind::Count,
        }
    }

    /// Sums of trees an example.
    pub(super) fn outputs(self) -> usize {
        if let Self::Softmax { classes } = self { classes } else { 1 }
    }

    pub(super) fn link(self) -> Link {
        match self {
            Self::Logistic => Link::Logistic,
            Self::Softmax { .. } => Link::Softmax,
            Self::Squared => Link::Identity,
            Self::Poisson => Link::Log,
        }
    }

    /// The best constant sums.
    pub(super) fn base(self, labels: &[f64], weights: &[f64]) -> Result<Vec<f64>, TreeError> {
        let mean = weighted_mean(labels, weights);
        Ok(match self {
            Self::Logistic => vec![(mean / (1.0 - mean)).ln()],
            Self::Squared => vec![mean],
            Self::Poisson => {
                TreeError::unless(mean > 0.0, "labels", "counts of which at least one is above 0", "only 0")?;
                vec![mean.ln()]
            }
            Self::Softmax { classes } => {
                let own = |class: usize| -> Vec<f64> {
                    labels.iter().map(|&label| f64::from(u8::from(label == class as f64))).collect()
                };
                (0..classes).map(|class| weighted_mean(&own(class), weights).ln()).collect()
            }
        })
    }

    /// The loss of one example. `sums` is overwritten.
    pub(super) fn value(self, sums: &mut [f64], label: f64) -> f64 {
        match self {
            Self::Logistic => {
                let margin = if label > 0.5 { sums[0] } else { -sums[0] };
                (-margin.abs()).exp().ln_1p() + (-margin).max(0.0)
            }
            Self::Squared => (sums[0] - label).powi(2) / 2.0,
            Self::Poisson => sums[0].exp() - label * sums[0],
            Self::Softmax { .. } => {
                let largest = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let own = sums[label as usize];
                sums.iter().map(|sum| (sum - largest).exp()).sum::<f64>().ln() + largest - own
            }
        }
    }

    /// First and second derivatives by each sum, into `[outputs]` each. `sums` is overwritten.
    #[inline]
    pub(super) fn derivatives(self, sums: &mut [f64], label: f64, first: &mut [f64], second: &mut [f64]) {
        match self {
            Self::Logistic => {
                let p = logistic(sums[0]);
                (first[0], second[0]) = (p - label, p * (1.0 - p));
            }
            Self::Squared => (first[0], second[0]) = (sums[0] - label, 1.0),
            Self::Poisson => {
                let mean = sums[0].exp();
                (first[0], second[0]) = (mean - label, mean);
            }
            Self::Softmax { classes } => {
                softmax(sums);
                for class in 0..classes {
                    let p = sums[class];
                    first[class] = p - f64::from(u8::from(label == class as f64));
                    // What the other classes' sums do at the same time is in the factor (Friedman 2001, section 4.5).
                    second[class] = p * (1.0 - p) * classes as f64 / (classes - 1) as f64;
                }
            }
        }
    }

    /// The value of a leaf from sums of derivatives: a Newton step.
    pub(super) fn step(self, first: f64, second: f64, l2: f64) -> f64 {
        let step = if second + l2 > 0.0 { -first / (second + l2) } else { 0.0 };
        if self == Self::Poisson { step.clamp(-LARGEST_LOG_STEP, LARGEST_LOG_STEP) } else { step }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_those_of_the_loss() {
        let step = 1e-4;
        let cases: [(Loss, &[f64], &[f64]); 4] = [
            (Loss::Logistic, &[0.7], &[0.0, 1.0]),
            (Loss::Squared, &[0.7], &[-2.0, 0.5]),
            (Loss::Poisson, &[0.7], &[0.0, 4.0]),
            (Loss::Softmax { classes: 3 }, &[0.2, -1.0, 0.5], &[0.0, 1.0, 2.0]),
        ];
        for (loss, sums, labels) in cases {
            for &label in labels {
                let (mut first, mut second) = (vec![0.0; sums.len()], vec![0.0; sums.len()]);
                loss.derivatives(&mut sums.to_vec(), label, &mut first, &mut second);
                for place in 0..sums.len() {
                    let at = |by: f64| {
                        let mut moved = sums.to_vec();
                        moved[place] += by;
                        loss.value(&mut moved, label)
                    };
                    let (low, middle, high) = (at(-step), at(0.0), at(step));
                    assert!((first[place] - (high - low) / (2.0 * step)).abs() < 1e-7, "{loss:?} {label}");
                    let factor = if sums.len() > 1 { 1.5 } else { 1.0 };
                    let curvature = (high - 2.0 * middle + low) / (step * step);
                    assert!((second[place] - factor * curvature).abs() < 1e-5, "{loss:?} {label}");
                }
            }
        }
    }

    #[test]
    fn base_is_where_the_derivatives_cancel() {
        let (labels, weights) = ([0.0, 1.0, 2.0, 2.0], [1.0, 2.0, 0.5, 0.25]);
        for loss in [Loss::Squared, Loss::Poisson, Loss::Softmax { classes: 3 }] {
            let base = loss.base(&labels, &weights).unwrap();
            let mut sums = vec![0.0; base.len()];
            for (label, weight) in labels.iter().zip(weights) {
                let (mut first, mut second) = (vec![0.0; base.len()], vec![0.0; base.len()]);
                loss.derivatives(&mut base.clone(), *label, &mut first, &mut second);
                sums.iter_mut().zip(first).for_each(|(sum, first)| *sum += weight * first);
            }
            assert!(sums.iter().all(|sum| sum.abs() < 1e-12), "{loss:?}: {sums:?}");
        }
        assert!(Loss::Poisson.base(&[0.0, 0.0], &[1.0, 1.0]).is_err());
    }

    #[test]
    fn far_sums_keep_the_loss_finite() {
        assert_eq!(Loss::Logistic.value(&mut [-800.0], 1.0), 800.0);
        assert_eq!(Loss::Softmax { classes: 2 }.value(&mut [900.0, -900.0], 1.0), 1800.0);
        assert_eq!(Loss::Poisson.step(-1e9, 1.0, 0.0), LARGEST_LOG_STEP);
        assert_eq!(Loss::Squared.step(1.0, 0.0, 0.0), 0.0);
    }
}
