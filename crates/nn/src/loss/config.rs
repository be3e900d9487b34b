//! Which loss each kind of task has, and its numbers.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The loss of binary tasks; see [`LossConfig`] for its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BinaryLoss {
    /// Binary cross-entropy with logits.
    #[default]
    Bce,
    /// Cross-entropy in which examples that are right already count little (Lin et al. 2017, eq. 5).
    Focal,
}

/// The loss of tasks of several classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassesLoss {
    /// Cross-entropy over the softmax of the scores.
    #[default]
    CrossEntropy,
    /// As [`BinaryLoss::Focal`], over the softmax.
    Focal,
}

/// The loss of regressions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegressionLoss {
    /// The squared difference.
    #[default]
    Mse,
    /// The absolute difference.
    Mae,
    /// Half the squared difference up to `huber_delta`, from there on a straight line (Huber 1964).
    Huber,
}

/// The loss of counts, whose score is the logarithm of the expected count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountsLoss {
    /// Negative log-likelihood of a Poisson distribution.
    #[default]
    Poisson,
    /// Negative log-likelihood of a negative binomial distribution, whose variance is `m + dispersion m^2`.
    NegativeBinomial,
}

/// A rule that gives each class its weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightRule {
    /// All weigh 1.
    #[default]
    Equal,
    /// `n / (classes * n of the class)` of the training labels, so that all classes weigh the same in sum.
    Balanced,
}

/// How much a label of each class weighs, in binary tasks (0, 1) and tasks of several classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClassWeights {
    /// By a rule.
    Rule(WeightRule),
    /// In the order of the classes, which all tasks with classes then have as many of.
    Given(Vec<f64>),
}

impl Default for ClassWeights {
    fn default() -> Self {
        Self::Rule(WeightRule::Equal)
    }
}

/// The loss of each kind of task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// Of binary tasks.
    pub binary: BinaryLoss,
    /// Of tasks of several classes.
    pub classes: ClassesLoss,
    /// Of regressions.
    pub regression: RegressionLoss,
    /// Of counts.
    pub counts: CountsLoss,
    /// Focal loss: the exponent of `1 - p`; 0 is cross-entropy.
    pub focal_gamma: f64,
    /// Focal loss of binary tasks: the weight of label 1, label 0 having `1 - alpha`; without it both have 1.
    pub focal_alpha: Option<f64>,
    /// Huber loss: where the square ends, in label units.
    pub huber_delta: f64,
    /// Negative binomial: 0 is Poisson. Without it, from mean and variance of the training labels.
    pub dispersion: Option<f64>,
    /// Share of each label, from 0 to below 1, that is spread evenly over all classes (Szegedy et al. 2016).
    pub label_smoothing: f64,
    /// Weights of classes.
    pub class_weights: ClassWeights,
    /// Weights of tasks by name; 1 for those that are not named.
    pub task_weights: BTreeMap<String, f64>,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            binary: BinaryLoss::default(),
            classes: ClassesLoss::default(),
            regression: RegressionLoss::default(),
            counts: CountsLoss::default(),
            focal_gamma: 2.0,
            focal_alpha: None,
            huber_delta: 1.0,
            dispersion: None,
            label_smoothing: 0.0,
            class_weights: ClassWeights::default(),
            task_weights: BTreeMap::new(),
        }
    }
}

impl LossConfig {
    /// The first value out of range, in words.
    pub(crate) fn fault(&self) -> Option<String> {
        let positive = |value: &f64| value.is_finite() && *value > 0.0;
        if !(self.focal_gamma.is_finite() && (0.0..=100.0).contains(&self.focal_gamma)) {
            return Some(format!("focal_gamma: expected a number from 0 to 100, found {}", self.focal_gamma));
        }
        if let Some(alpha) = self.focal_alpha.filter(|alpha| !(*alpha > 0.0 && *alpha < 1.0)) {
            return Some(format!("focal_alpha: expected a number between 0 and 1, found {alpha}"));
        }
        if !positive(&self.huber_delta) {
            return Some(format!("huber_delta: expected a number above 0, found {}", self.huber_delta));
        }
        if let Some(dispersion) = self.dispersion.filter(|dispersion| !positive(dispersion)) {
            return Some(format!("dispersion: expected a number above 0, found {dispersion}"));
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return Some(format!("label_smoothing: expected 0 or more and below 1, found {}", self.label_smoothing));
        }
        if let ClassWeights::Given(weights) = &self.class_weights
            && let Some(weight) = weights.iter().find(|weight| !positive(weight))
        {
            return Some(format!("class_weights: expected numbers above 0, found {weight}"));
        }
        let wrong = self.task_weights.iter().find(|(_, weight)| !positive(weight));
        wrong.map(|(task, weight)| format!("task_weights: expected a number above 0 for {task:?}, found {weight}"))
    }

    /// Whether weights or dispersion follow from the training labels.
    pub fn needs_labels(&self) -> bool {
        self.class_weights == ClassWeights::Rule(WeightRule::Balanced)
            || (self.counts == CountsLoss::NegativeBinomial && self.dispersion.is_none())
    }
}
