//! What a split is worth.

use super::TreeError;
use super::examples::LabelKind;
use serde::{Deserialize, Serialize};

/// What a decision tree or a forest makes small in its leaves (Breiman et al. 1984). All are means over the weights of
/// a node's examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// Classes: the chance that two examples drawn from a leaf differ.
    Gini {
        /// Number of classes, 2 to 256.
        classes: usize,
    },
    /// Classes: Shannon entropy in bits.
    Entropy {
        /// Number of classes, 2 to 256.
        classes: usize,
    },
    /// Numbers: variance.
    Squared,
    /// Counts: half the Poisson deviance from the leaf's mean.
    Poisson,
}

impl Criterion {
    pub(super) fn labels(self) -> LabelKind {
        match self {
            Self::Gini { classes } | Self::Entropy { classes } => LabelKind::Class { classes },
            Self::Squared => LabelKind::Number,
            Self::Poisson => LabelKind::Count,
        }
    }

    /// Numbers that a leaf gives: one, or for more than two classes one a class.
    pub(super) fn outputs(self) -> usize {
        match self {
            Self::Gini { classes } | Self::Entropy { classes } if classes > 2 => classes,
            _ => 1,
        }
    }

    /// Numbers of a row in a histogram: a weight, and what tells the labels apart.
    pub(super) fn lanes(self) -> usize {
        match self {
            Self::Gini { classes } | Self::Entropy { classes } => classes,
            Self::Squared | Self::Poisson => 2,
        }
    }

    pub(super) fn measure(self) -> Measure {
        match self {
            Self::Gini { .. } => Measure::Gini,
            Self::Entropy { .. } => Measure::Entropy,
            Self::Squared => Measure::Squared,
            Self::Poisson => Measure::Poisson,
        }
    }

    /// `[rows, lanes - 1]`: weights of the classes from 1, or weighted labels. Numbers are taken from their mean, so
    /// that a large offset costs no precision.
    pub(super) fn values(self, labels: &[f64], weights: &[f64]) -> Vec<f64> {
        let values = self.lanes() - 1;
        let mean = if self == Self::Squared { weighted_mean(labels, weights) } else { 0.0 };
        let mut all = vec![0.0; labels.len() * values];
        for ((own, &label), &weight) in all.chunks_exact_mut(values).zip(labels).zip(weights) {
            match self.labels() {
                _ if weight == 0.0 => {}
                LabelKind::Class { .. } if label > 0.0 => own[label as usize - 1] = weight,
                LabelKind::Class { .. } => {}
                LabelKind::Number | LabelKind::Count => own[0] = weight * (label - mean),
            }
        }
        all
    }

    /// Labels that a Poisson deviance has a mean for.
    pub(super) fn check_sum(self, labels: &[f64], weights: &[f64]) -> Result<(), TreeError> {
        let sum: f64 =
            labels.iter().zip(weights).filter(|&(_, &weight)| weight > 0.0).map(|(label, w)| label * w).sum();
        let expected = "counts of which at least one is above 0";
        TreeError::unless(self != Self::Poisson || sum > 0.0, "labels", expected, "only 0")
    }
}

/// The mean of the labels that have a weight.
pub(super) fn weighted_mean(labels: &[f64], weights: &[f64]) -> f64 {
    let known = labels.iter().zip(weights).filter(|&(_, &weight)| weight > 0.0);
    let (sum, weight) = known.fold((0.0, 0.0), |(sum, total), (label, weight)| (sum + label * weight, total + weight));
    sum / weight
}

/// A score of a node, such that the gain of a split is the sum of the children's minus the parent's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Measure {
    /// `G^2 / (H + l2)`: twice the fall of a loss by a Newton step (Chen and Guestrin 2016, equation 7).
    Newton {
        l2: f64,
    },
    Gini,
    Entropy,
    Squared,
    Poisson,
}

impl Measure {
    /// The score of values and a weight; not finite where the node could not stand.
    #[inline(always)]
    pub(super) fn score(self, values: &[f64], weight: f64) -> f64 {
        match self {
            Self::Newton { l2 } => values[0] * values[0] / (weight + l2),
            Self::Squared => values[0] * values[0] / weight,
            Self::Gini => {
                let (sum, squares) = values.iter().fold((0.0, 0.0), |(sum, squares), &v| (sum + v, squares + v * v));
                let first = weight - sum;
                (squares + first * first) / weight
            }
            Self::Entropy => {
                let first = weight - values.iter().sum::<f64>();
                values.iter().chain([&first]).map(|&v| times_log2(v)).sum::<f64>() - times_log2(weight)
            }
            Self::Poisson if values[0] > 0.0 => values[0] * (values[0] / weight).ln(),
            Self::Poisson => f64::NEG_INFINITY,
        }
    }
}

fn times_log2(x: f64) -> f64 {
    if x > 0.0 { x * x.log2() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weight times impurity, from its definition.
    fn impurity(criterion: Criterion, labels: &[f64]) -> f64 {
        let n = labels.len() as f64;
        let mean = labels.iter().sum::<f64>() / n;
        let share = |class: usize| labels.iter().filter(|&&label| label == class as f64).count() as f64 / n;
        match criterion {
            Criterion::Gini { classes } => n * (1.0 - (0..classes).map(|c| share(c).powi(2)).sum::<f64>()),
            Criterion::Entropy { classes } => {
                -n * (0..classes).map(share).filter(|&p| p > 0.0).map(|p| p * p.log2()).sum::<f64>()
            }
            Criterion::Squared => labels.iter().map(|y| (y - mean).powi(2)).sum(),
            Criterion::Poisson => labels.iter().map(|&y| if y > 0.0 { y * (y / mean).ln() } else { 0.0 }).sum(),
        }
    }

    fn score(criterion: Criterion, labels: &[f64], all: &[f64]) -> f64 {
        let weights = vec![1.0; all.len()];
        let mean = if criterion == Criterion::Squared { weighted_mean(all, &weights) } else { 0.0 };
        let width = criterion.lanes() - 1;
        let mut sums = vec![0.0; width];
        for row in criterion.values(labels, &vec![1.0; labels.len()]).chunks_exact(width) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        if criterion == Criterion::Squared {
            sums[0] = labels.iter().map(|label| label - mean).sum();
        }
        criterion.measure().score(&sums, labels.len() as f64)
    }

    #[test]
    fn gains_are_falls_of_impurity() {
        let all = [0.0, 2.0, 1.0, 1.0, 0.0, 2.0, 2.0];
        let (left, right) = all.split_at(3);
        for criterion in
            [Criterion::Gini { classes: 3 }, Criterion::Entropy { classes: 3 }, Criterion::Squared, Criterion::Poisson]
        {
            let fall = impurity(criterion, &all) - impurity(criterion, left) - impurity(criterion, right);
            let gain = score(criterion, left, &all) + score(criterion, right, &all) - score(criterion, &all, &all);
            assert!((fall - gain).abs() < 1e-12, "{criterion:?}: {fall} {gain}");
        }
    }

    #[test]
    fn a_child_without_counts_cannot_stand() {
        assert_eq!(Measure::Poisson.score(&[0.0], 3.0), f64::NEG_INFINITY);
        assert!(Criterion::Poisson.check_sum(&[0.0, 0.0], &[1.0, 1.0]).is_err());
        assert!(Criterion::Poisson.check_sum(&[0.0, 1.0], &[1.0, 1.0]).is_ok());
    }
}
