//! How the learning rate changes over training.

use serde::{Deserialize, Serialize};

/// The course of the learning rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// The same rate throughout.
    #[default]
    Constant,
    /// Times `decay_factor` every `decay_epochs` epochs.
    Step,
    /// Half a cosine from the full rate to `min_learning_rate` over all epochs (Loshchilov and Hutter 2017).
    Cosine,
    /// A rise from 1/25 of the rate over the first 30 % of the steps, then a fall to a 10,000th of where it began, both
    /// along half a cosine (Smith and Topin 2018, with the figures of `torch.optim.lr_scheduler.OneCycleLR`).
    OneCycle,
    /// Times `decay_factor` after `decay_epochs` epochs without a better validation score.
    Plateau,
}

/// Share of the steps over which one-cycle rises.
const RISE: f64 = 0.3;
/// What one-cycle begins with, below the full rate.
const START: f64 = 25.0;
/// What it ends with, below where it began.
const END: f64 = 1e4;

/// A schedule with its numbers, all in optimizer steps and parts of the full rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Course {
    pub(crate) schedule: Schedule,
    /// Steps of all epochs.
    pub(crate) total: u64,
    /// Steps over which the rate rises first, in a straight line.
    pub(crate) warmup: u64,
    /// Steps between two decays of [`Schedule::Step`].
    pub(crate) every: u64,
    pub(crate) factor: f64,
    /// The lowest rate, as a part of the full one.
    pub(crate) least: f64,
}

impl Course {
    /// The part of the full rate at `step`, counted from 0; `plateau` is what [`Plateau`] says.
    pub(crate) fn at(&self, step: u64, plateau: f64) -> f64 {
        if step < self.warmup {
            return (step + 1) as f64 / (self.warmup + 1) as f64;
        }
        let step = step - self.warmup;
        let total = self.total.saturating_sub(self.warmup).max(1);
        match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Step => self.factor.powf((step / self.every.max(1)) as f64).max(self.least),
            Schedule::Cosine => half_cosine(1.0, self.least, step as f64 / total as f64),
            Schedule::OneCycle => one_cycle(step as f64, total as f64),
            Schedule::Plateau => plateau.max(self.least),
        }
    }
}

/// From `from` to `to` along half a cosine.
fn half_cosine(from: f64, to: f64, progress: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + (std::f64::consts::PI * progress.clamp(0.0, 1.0)).cos())
}

fn one_cycle(step: f64, total: f64) -> f64 {
    let (top, last) = (RISE * total - 1.0, total - 1.0);
    // With so few steps that none is left for the rise, it begins at the top.
    if step <= top {
        half_cosine(1.0 / START, 1.0, step / top.max(f64::MIN_POSITIVE))
    } else {
        half_cosine(1.0, 1.0 / (START * END), (step - top.max(0.0)) / (last - top.max(0.0)).max(1.0))
    }
}

/// What [`Schedule::Plateau`] remembers; it is saved with checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plateau {
    /// Part of the full rate.
    pub(crate) part: f64,
    /// Epochs since the best one or since the rate was last cut.
    waited: usize,
}

impl Default for Plateau {
    fn default() -> Self {
        Self { part: 1.0, waited: 0 }
    }
}

impl Plateau {
    /// Hears whether an epoch was the best one so far.
    pub(crate) fn hear(&mut self, is_best: bool, epochs: usize, factor: f64) {
        self.waited = if is_best { 0 } else { self.waited + 1 };
        if self.waited >= epochs {
            *self = Self { part: self.part * factor, waited: 0 };
        }
    }
}
