//! Training: our own loop, so that a seed decides everything and an interrupted run goes on exactly.
//!
//! Every random choice is a function of the seed and of epoch, example, step or layer, so there is no generator state
//! to save, and nothing depends on threads. The optimizer's moments, the position within the epoch, the losses so far
//! and the best weights are in the checkpoint.

mod average;
mod batches;
mod checkpoint;
mod config;
mod file;
mod history;
mod identity;
mod loader;
mod penalty;
mod prepared;
mod progress;
mod rate_finder;
mod run;
mod step;
mod tensorboard;
mod update;
mod validate;
mod windows;
mod write_error;

pub use config::{CheckpointEvery, Monitor, TrainConfig, TrainOptions};
pub use file::{ConfigFile, overridden};
pub use penalty::LayerPenalty;
pub use progress::{Control, EpochRecord, EpochTiming, Progress, StepProgress};
pub use rate_finder::{RateTrial, find_learning_rate, suggested_learning_rate};
#[cfg(test)]
pub(crate) use step::gradients;
pub use validate::metric_name as validation_metric;
pub use write_error::WriteError;

use crate::architecture::{Architecture, ArchitectureError, ShapeError};
use crate::device::OpenedDevice;
use crate::memory::MemoryError;
use crate::model::{Model, ModelError};
use basewise_core::Split;
use basewise_core::source::{ExampleSource, SourceError};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// How training ended. It reads well after "stopped:".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// All epochs were run.
    LastEpoch,
    /// No epoch was better for as long as the patience lasts.
    EarlyStopping {
        /// Epochs since the best one.
        patience: usize,
    },
    /// The observer asked for it; the run can be resumed.
    Interrupted,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LastEpoch => f.write_str("all epochs were run"),
            Self::EarlyStopping { patience: 1 } => f.write_str("no better epoch for 1 epoch"),
            Self::EarlyStopping { patience } => write!(f, "no better epoch for {patience} epochs"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// What training left behind.
#[derive(Clone, Debug)]
pub struct TrainOutcome {
    /// Why it ended.
    pub stopped: Stopped,
    /// Whether it was interrupted; then there is no `model.safetensors`, and the rest is about the run so far.
    pub interrupted: bool,
    /// Finished epochs.
    pub epochs: usize,
    /// The 1-based epoch whose weights were kept; 0 before the first ends.
    pub best_epoch: usize,
    /// Trained numbers.
    pub parameters: usize,
    /// SHA-256 over the kept weights, in hex; see [`Model::digest`].
    pub weights_digest: String,
    /// Wall-clock time of all epochs, those before a resume included.
    pub seconds: f64,
    /// Steps that were taken over from a checkpoint.
    pub resumed_steps: u64,
    /// One record an epoch.
    pub history: Vec<EpochRecord>,
    /// How long each epoch took.
    pub timing: Vec<EpochTiming>,
    /// The network with the kept weights.
    pub model: Model,
}

/// Why a network could not be trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A setting is out of range or does not fit the data.
    #[error("{0}")]
    Config(String),
    /// There is nothing to train or to validate on.
    #[error("the {0} split is empty; {hint}", hint = split_hint(*.0))]
    EmptySplit(Split),
    /// There are examples, but no known label.
    #[error("the {0} split has no known label; {hint}", hint = split_hint(*.0))]
    NoLabels(Split),
    /// Examples cannot be read or used; the message names them.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The network has a value out of range.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// It would take more memory than there is.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// A layer does not fit its input.
    #[error("the network does not fit the data: {0}")]
    Shape(#[from] ShapeError),
    /// Training left the numbers that can be computed with.
    #[error(
        "the loss is not a finite number at step {step} of epoch {epoch}; lower the learning rate ({})",
        short(*.rate)
    )]
    NotFinite {
        /// 1-based.
        epoch: usize,
        /// 1-based within the epoch.
        step: usize,
        /// The learning rate of that step.
        rate: f64,
    },
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
    /// A checkpoint is damaged.
    #[error("{path}: {message}", path = .path.display())]
    Checkpoint {
        /// Its directory.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A checkpoint is whole, but not of this run.
    #[error("{path}: {message}", path = .path.display())]
    OtherRun {
        /// Its directory.
        path: PathBuf,
        /// What differs.
        message: String,
    },
    /// Something could not be written in mid-training; what was written before is whole.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file could not be read or written; the message names it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A model file could not be read or written.
    #[error(transparent)]
    Model(#[from] ModelError),
}

fn split_hint(split: Split) -> &'static str {
    match split {
        Split::Valid => "early stopping needs one: give some examples the split \"valid\" when the data set is made",
        Split::Train | Split::Test => "give some examples that split when the data set is made",
    }
}

/// A number with at most three digits that say something.
fn short(number: f64) -> String {
    let rounded = format!("{number:.2e}").parse().unwrap_or(number);
    if (1e-4..1e6).contains(&rounded) { rounded.to_string() } else { format!("{rounded:e}") }
}

/// Whether a network can be trained: settings, splits, labels and letters (of a source in memory; a file's letters are
/// checked when they are read), shapes, and memory. [`train()`] checks the same before it removes or writes any file.
///
/// # Errors
/// What [`train()`] would refuse; see [`TrainError`].
pub fn check(source: &dyn ExampleSource, architecture: &Architecture, config: &TrainConfig) -> Result<(), TrainError> {
    prepared::Prepared::new(source, architecture, config).map(|_| ())
}

/// Trains a network and writes `model.safetensors`, `history.jsonl`, `timing.jsonl` and `checkpoints/` into `run_dir`.
/// [`TrainOptions::tensorboard`] adds `tensorboard/`.
///
/// With [`TrainOptions::resume`], a run that was interrupted in `run_dir` goes on from its newest whole checkpoint and
/// ends with the weights and the history that it would have had; without a checkpoint it begins. Otherwise checkpoints
/// and model of an earlier run in that directory are removed once everything that [`check`] looks at is in order.
/// `observer` hears of every step and epoch and may stop the run.
///
/// A source larger than [`TrainConfig::shuffle_window`] is streamed. Weights and history are a function of source,
/// architecture and `config`; neither `options` nor the number of threads change a bit of them.
///
/// # Errors
/// See [`TrainError`].
pub fn train(
    source: &dyn ExampleSource,
    architecture: &Architecture,
    config: &TrainConfig,
    device: &OpenedDevice,
    run_dir: &Path,
    options: &TrainOptions,
    observer: &mut dyn FnMut(&Progress) -> Control,
) -> Result<TrainOutcome, TrainError> {
    options.check()?;
    let prepared = prepared::Prepared::new(source, architecture, config)?;
    run::Run::start(&prepared, device, run_dir, *options)?.go(observer)
}

#[cfg(test)]
mod tests;
