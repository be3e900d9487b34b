//! What training tells while it runs.

use serde::{Deserialize, Serialize};

/// The observer's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Save a checkpoint and return.
    Stop,
}

/// News from training.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// A step was taken.
    Step(StepProgress),
    /// An epoch was finished and judged on the validation split.
    Epoch(EpochRecord, EpochTiming),
    /// Something is not as it should be, but training goes on whatever the observer answers: a damaged checkpoint was
    /// passed over.
    Warning(String),
}

/// Where training stands within an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepProgress {
    /// 1-based.
    pub epoch: usize,
    /// At most this many epochs.
    pub epochs: usize,
    /// Steps done in this epoch.
    pub step: usize,
    /// Steps in an epoch.
    pub steps: usize,
    /// Mean training loss of this epoch so far.
    pub loss: f64,
    /// Training examples per second since this call began.
    pub examples_per_second: f64,
    /// Seconds until the last epoch ends, without early stopping.
    pub seconds_left: f64,
}

/// One line of `history.jsonl`: a function of data, settings and seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// 1-based.
    pub epoch: usize,
    /// Mean loss over the epoch's steps, with dropout and augmentation.
    pub train_loss: f64,
    /// Mean loss on the validation split.
    pub valid_loss: f64,
    /// What `valid_metric` is: `auroc`, `accuracy` or `pearson`.
    pub metric: String,
    /// Its value on the validation split, averaged over tasks; `None` where it is undefined.
    pub valid_metric: Option<f64>,
    /// Whether this is the best epoch so far.
    pub best: bool,
    /// Of the epoch's last step.
    pub learning_rate: f64,
}

/// One line of `timing.jsonl`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochTiming {
    /// 1-based.
    pub epoch: usize,
    /// Wall-clock time, validation included.
    pub seconds: f64,
    /// Of it, validation.
    pub validation_seconds: f64,
    /// Training examples per second of the whole epoch.
    pub examples_per_second: f64,
}
