//! What may be set about training.

use crate::optimizer::{OptimizerKind, Schedule};
use serde::{Deserialize, Serialize};

/// More epochs than anyone runs, so that steps can be counted without overflow.
const MAX_EPOCHS: usize = 1_000_000_000;

/// Which figure on the validation split decides which epoch is best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Monitor {
    /// The loss, lower is better.
    #[default]
    Loss,
    /// The metric (AUROC, accuracy or Pearson correlation, by the kind of task), higher is better.
    Metric,
}

/// How to train. The loss follows from the tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Passes over the training split, at most.
    pub epochs: usize,
    /// Examples in a step.
    pub batch_size: usize,
    /// Step size.
    pub learning_rate: f64,
    /// How the step size changes over epochs.
    pub schedule: Schedule,
    /// Epochs over which the step size rises from zero first.
    pub warmup_epochs: usize,
    /// Adam or AdamW.
    pub optimizer: OptimizerKind,
    /// Pull of the weights (not of biases) towards zero.
    pub weight_decay: f64,
    /// Largest common norm of the gradients, or none.
    pub clip_gradient: Option<f64>,
    /// The seed of weights, order, augmentation and dropout.
    pub seed: u64,
    /// Training ends after this many epochs without a better one; 0 means never.
    pub patience: usize,
    /// What makes an epoch better.
    pub monitor: Monitor,
    /// Each training example is read from either strand with equal probability. For DNA only.
    pub reverse_complement: bool,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 40,
            batch_size: 64,
            learning_rate: 2e-3,
            schedule: Schedule::Constant,
            warmup_epochs: 0,
            optimizer: OptimizerKind::AdamW,
            weight_decay: 0.01,
            clip_gradient: None,
            seed: 1,
            patience: 6,
            monitor: Monitor::Loss,
            reverse_complement: false,
        }
    }
}

impl TrainConfig {
    /// The first value out of range, in words.
    pub(crate) fn fault(&self) -> Option<String> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if self.epochs == 0 || self.batch_size == 0 {
            return Some("epochs and batch_size: expected 1 or more, found 0".into());
        }
        let most = self.epochs.max(self.warmup_epochs).max(self.patience);
        if most > MAX_EPOCHS {
            return Some(format!("epochs, warmup_epochs and patience: expected at most {MAX_EPOCHS}, found {most}"));
        }
        if !positive(self.learning_rate) {
            return Some(format!("learning_rate: expected a number above 0, found {}", self.learning_rate));
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return Some(format!("weight_decay: expected 0 or more, found {}", self.weight_decay));
        }
        match self.clip_gradient {
            Some(limit) if !positive(limit) => Some(format!("clip_gradient: expected a number above 0, found {limit}")),
            _ => None,
        }
    }
}
