//! What may be set about training.

use super::TrainError;
use crate::optimizer::{OptimizerKind, Schedule};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::time::Duration;

/// More epochs than anyone runs, so that steps can be counted without overflow.
const MAX_EPOCHS: usize = 1_000_000_000;

/// More examples in a batch than any memory holds.
const MAX_BATCH: usize = 1_000_000_000;

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
    /// Examples that go through the network at once.
    pub batch_size: usize,
    /// Batches that make one step: its gradient is that of one batch as large as all of them together, batch norm
    /// and dropout apart.
    pub accumulate: usize,
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
    /// Bytes of training examples that are held and shuffled at once. A smaller data set is shuffled as a whole; of a
    /// larger one, blocks of rows come in random order and rows are shuffled among as many blocks as fit. As many
    /// bytes again are read ahead, and half of it is for the validation split.
    pub shuffle_window: u64,
}

/// 256 MiB.
const SHUFFLE_WINDOW: u64 = 256 << 20;

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 40,
            batch_size: 64,
            accumulate: 1,
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
            shuffle_window: SHUFFLE_WINDOW,
        }
    }
}

impl TrainConfig {
    /// The first value out of range, in words.
    pub(crate) fn fault(&self) -> Option<String> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if self.epochs == 0 || self.batch_size == 0 || self.accumulate == 0 {
            return Some("epochs, batch_size and accumulate: expected 1 or more, found 0".into());
        }
        if self.batch_size.max(self.accumulate) > MAX_BATCH {
            let found = self.batch_size.max(self.accumulate);
            return Some(format!("batch_size and accumulate: expected at most {MAX_BATCH}, found {found}"));
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

/// How often a checkpoint is written besides the ends of epochs and interruptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointEvery {
    /// After this many steps, counted from the beginning of the run.
    Steps(u64),
    /// When this much time has gone by since the last one.
    Time(Duration),
}

impl FromStr for CheckpointEvery {
    type Err = String;

    /// Steps as a number, or time with a unit: `500`, `30s`, `10m`, `2h`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a number of steps or a time such as 500, 30s, 10m or 2h, found {text:?}");
        let unit = text.chars().last().filter(|last| !last.is_ascii_digit());
        let number = text.strip_suffix(|last| Some(last) == unit).unwrap_or(text);
        let number: u64 = number.parse().ok().filter(|&number| number > 0).ok_or_else(wrong)?;
        let seconds =
            |each: u64| number.checked_mul(each).map(|s| Self::Time(Duration::from_secs(s))).ok_or_else(wrong);
        match unit {
            None => Ok(Self::Steps(number)),
            Some('s') => seconds(1),
            Some('m') => seconds(60),
            Some('h') => seconds(3600),
            _ => Err(wrong()),
        }
    }
}

/// How a run is carried out. Nothing here changes its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainOptions {
    /// Go on from the newest checkpoint in the run directory.
    pub resume: bool,
    /// Threads that prepare batches ahead, besides two that read and deal out rows; with 0, the training thread does
    /// all of it.
    pub loader_workers: usize,
    /// When checkpoints are written within an epoch, if they are.
    pub checkpoint_every: Option<CheckpointEvery>,
    /// Checkpoints that are kept, at least 1.
    pub keep_checkpoints: usize,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self { resume: false, loader_workers: 1, checkpoint_every: None, keep_checkpoints: 2 }
    }
}

/// More than help anywhere.
const MAX_WORKERS: usize = 256;

impl TrainOptions {
    /// Refuses values out of range.
    pub(super) fn check(&self) -> Result<(), TrainError> {
        if self.loader_workers > MAX_WORKERS {
            let message = format!("loader_workers: expected at most {MAX_WORKERS}, found {}", self.loader_workers);
            return Err(TrainError::Config(message));
        }
        if self.keep_checkpoints == 0 {
            return Err(TrainError::Config("keep_checkpoints: expected 1 or more, found 0".into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_come_after_steps_or_time() {
        let parse = |text: &str| text.parse::<CheckpointEvery>();
        assert_eq!(parse("500"), Ok(CheckpointEvery::Steps(500)));
        for (text, seconds) in [("30s", 30), ("10m", 600), ("2h", 7200)] {
            assert_eq!(parse(text), Ok(CheckpointEvery::Time(Duration::from_secs(seconds))));
        }
        for text in ["", "0", "0s", "m", "-1", "1.5h", "10d", "5 m", "99999999999999999999", "9999999999999999999h"] {
            assert!(parse(text).unwrap_err().contains("such as 500, 30s, 10m or 2h"), "{text}");
        }
    }
}
