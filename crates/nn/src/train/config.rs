//! What may be set about training.

use super::TrainError;
use super::penalty::LayerPenalty;
use crate::loss::LossConfig;
use crate::optimizer::{Course, OptimizerKind, OptimizerSettings, Schedule};
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

/// How to train: all that decides the result besides data and network.
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
    /// `step`: epochs between two cuts of the step size (10 unless given); `plateau`: epochs without a better one before
    /// a cut (2 unless given).
    pub decay_epochs: Option<usize>,
    /// `step` and `plateau`: what the step size is multiplied by, above 0 and below 1.
    pub decay_factor: f64,
    /// `step`, `cosine` and `plateau`: the smallest step size.
    pub min_learning_rate: f64,
    /// How gradients become steps.
    pub optimizer: OptimizerKind,
    /// Pull of the weights (not of biases) towards zero: part of the gradient with `sgd`, `adam` and `rmsprop`, apart from
    /// it with `adamw` and `muon`.
    pub weight_decay: f64,
    /// Of `sgd` (0.9 unless given), `rmsprop` (0) and `muon` (0.95); 0 or more and below 1.
    pub momentum: Option<f64>,
    /// Whether the momentum of `sgd` (not unless given) and `muon` (so unless given) is Nesterov's.
    pub nesterov: Option<bool>,
    /// Decay of the mean of gradients: `adam`, `adamw`, and the vectors of `muon`.
    pub beta1: f64,
    /// Decay of the mean of squared gradients: `adam`, `adamw`, `muon` (0.999 unless given) and `rmsprop` (0.99).
    pub beta2: Option<f64>,
    /// What keeps steps finite where gradients are tiny: `adam`, `adamw`, `rmsprop`, `muon`.
    pub epsilon: f64,
    /// Largest common norm of the gradients, penalties included, or none.
    pub clip_gradient: Option<f64>,
    /// Penalty `l1 |w|` on each weight (not on biases). Penalties are in the gradients, and in no reported loss.
    pub l1: f64,
    /// Penalty `l2 w^2` on each weight.
    pub l2: f64,
    /// Decay of a moving average of the weights over steps, above 0 and below 1, or none. The averaged weights are the ones
    /// that are validated and kept.
    pub ema: Option<f64>,
    /// The seed of weights, order, augmentation and dropout.
    pub seed: u64,
    /// Training ends after this many epochs without a better one; 0 means never.
    pub patience: usize,
    /// What makes an epoch better.
    pub monitor: Monitor,
    /// Each training example is read from either strand with equal probability. For DNA only.
    pub reverse_complement: bool,
    /// Probability of each known base of a training example to be replaced by one of the other three.
    pub mutation_rate: f64,
    /// Probability of each training example to get a stretch of another one of its batch in place of its own, and its
    /// labels to count by the share of positions (CutMix, Yun et al. 2019).
    pub cutmix: f64,
    /// Bytes of training examples that are held and shuffled at once. A smaller data set is shuffled as a whole; of a
    /// larger one, blocks of rows come in random order and rows are shuffled among as many blocks as fit. As many
    /// bytes again are read ahead, and half of it is for the validation split.
    pub shuffle_window: u64,
    /// Keep only the ends of stretches of layers for the gradients, and compute what lies between again: less memory for
    /// more time, the same result to the bit. Only on the processor.
    pub recompute: bool,
    /// Penalties of single layers, in the place of `l1` and `l2`.
    pub penalty: Vec<LayerPenalty>,
    /// What is made small.
    pub loss: LossConfig,
}

/// 256 MiB.
const SHUFFLE_WINDOW: u64 = 256 << 20;

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 30,
            batch_size: 64,
            accumulate: 1,
            learning_rate: 2e-3,
            schedule: Schedule::Constant,
            warmup_epochs: 0,
            decay_epochs: None,
            decay_factor: 0.1,
            min_learning_rate: 0.0,
            optimizer: OptimizerKind::AdamW,
            weight_decay: 0.01,
            momentum: None,
            nesterov: None,
            beta1: 0.9,
            beta2: None,
            epsilon: 1e-8,
            clip_gradient: None,
            l1: 0.0,
            l2: 0.0,
            ema: None,
            seed: 1,
            patience: 5,
            monitor: Monitor::Loss,
            reverse_complement: false,
            mutation_rate: 0.0,
            cutmix: 0.0,
            shuffle_window: SHUFFLE_WINDOW,
            recompute: false,
            penalty: Vec::new(),
            loss: LossConfig::default(),
        }
    }
}

impl TrainConfig {
    /// The same with everything filled in that follows from the choice of optimizer and schedule.
    pub fn resolved(&self) -> Self {
        let decay_epochs = match self.schedule {
            Schedule::Step => self.decay_epochs.or(Some(10)),
            Schedule::Plateau => self.decay_epochs.or(Some(2)),
            Schedule::Constant | Schedule::Cosine | Schedule::OneCycle => self.decay_epochs,
        };
        let kind = self.optimizer;
        Self {
            decay_epochs,
            momentum: self.momentum.or(Some(kind.momentum())),
            nesterov: self.nesterov.or(Some(kind.nesterov())),
            beta2: self.beta2.or(Some(kind.beta2())),
            ..self.clone()
        }
    }

    pub(super) fn optimizer_settings(&self) -> OptimizerSettings {
        let usual = self.optimizer.usual(self.weight_decay);
        OptimizerSettings {
            momentum: self.momentum.unwrap_or(usual.momentum),
            nesterov: self.nesterov.unwrap_or(usual.nesterov),
            beta1: self.beta1,
            beta2: self.beta2.unwrap_or(usual.beta2),
            epsilon: self.epsilon,
            ..usual
        }
    }

    /// The course of the learning rate with this many steps in an epoch.
    pub(super) fn course(&self, steps_per_epoch: u64) -> Course {
        let steps = |epochs: usize| steps_per_epoch * epochs as u64;
        Course {
            schedule: self.schedule,
            total: steps(self.epochs),
            warmup: steps(self.warmup_epochs),
            every: steps(self.resolved().decay_epochs.unwrap_or(1)),
            factor: self.decay_factor,
            least: self.min_learning_rate / self.learning_rate,
        }
    }

    /// The first value out of range, in words.
    pub(crate) fn fault(&self) -> Option<String> {
        self.count_fault().or_else(|| self.number_fault()).or_else(|| self.loss.fault())
    }

    fn count_fault(&self) -> Option<String> {
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
        if let Some(epochs) = self.decay_epochs.filter(|epochs| !(1..=MAX_EPOCHS).contains(epochs)) {
            return Some(format!("decay_epochs: expected 1 to {MAX_EPOCHS}, found {epochs}"));
        }
        // What TOML can hold.
        let largest = i64::MAX as u64;
        (self.seed > largest).then(|| format!("seed: expected at most {largest}, found {}", self.seed))
    }

    fn number_fault(&self) -> Option<String> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let not_negative = |value: f64| value.is_finite() && value >= 0.0;
        let below_one = |value: f64| (0.0..1.0).contains(&value);
        let inside = |value: f64| value > 0.0 && value < 1.0;
        let (least, rate) = (self.min_learning_rate, self.learning_rate);
        let some = |value: Option<f64>, fits: &dyn Fn(f64) -> bool| value.is_none_or(fits);
        let checks = [
            (positive(rate), "learning_rate", "a number above 0", Some(rate)),
            (not_negative(least) && least <= rate, "min_learning_rate", "0 to the learning rate", Some(least)),
            (inside(self.decay_factor), "decay_factor", "a number above 0 and below 1", Some(self.decay_factor)),
            (not_negative(self.weight_decay), "weight_decay", "0 or more", Some(self.weight_decay)),
            (some(self.momentum, &below_one), "momentum", "0 or more and below 1", self.momentum),
            (below_one(self.beta1), "beta1", "0 or more and below 1", Some(self.beta1)),
            (some(self.beta2, &below_one), "beta2", "0 or more and below 1", self.beta2),
            (positive(self.epsilon), "epsilon", "a number above 0", Some(self.epsilon)),
            (some(self.clip_gradient, &positive), "clip_gradient", "a number above 0", self.clip_gradient),
            (not_negative(self.l1), "l1", "0 or more", Some(self.l1)),
            (not_negative(self.l2), "l2", "0 or more", Some(self.l2)),
            (some(self.ema, &inside), "ema", "a number above 0 and below 1", self.ema),
            (below_one(self.mutation_rate), "mutation_rate", "0 or more and below 1", Some(self.mutation_rate)),
            ((0.0..=1.0).contains(&self.cutmix), "cutmix", "0 to 1", Some(self.cutmix)),
        ];
        let wrong = checks.into_iter().find(|(fits, ..)| !fits);
        if let Some((_, name, expected, found)) = wrong {
            return Some(format!("{name}: expected {expected}, found {}", found.unwrap_or(f64::NAN)));
        }
        let wrong = self.penalty.iter().find(|own| !not_negative(own.l1) || !not_negative(own.l2));
        wrong.map(|own| format!("penalty of layer {:?}: expected l1 and l2 of 0 or more", own.layer))
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
    /// Whether each epoch is written for TensorBoard too, into `tensorboard/`.
    pub tensorboard: bool,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self { resume: false, loader_workers: 1, checkpoint_every: None, keep_checkpoints: 2, tensorboard: false }
    }
}

/// More than help anywhere.
const MAX_WORKERS: usize = 256;

impl TrainOptions {
    /// Refuses values out of range, as [`train()`](super::train()) does.
    ///
    /// # Errors
    /// The first value out of range.
    pub fn check(&self) -> Result<(), TrainError> {
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
