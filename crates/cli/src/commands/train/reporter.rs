//! What is shown while a network trains.

use crate::printer::Printer;
use crate::table::duration;
use basewise_nn::{Control, Progress, TrainConfig};
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// Set once, by whatever else ends the training of this process.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Stops this and every later training of the process after its next step.
pub(super) fn interrupt() {
    ENDING.store(true, Ordering::SeqCst);
}

/// Shows progress, and turns Ctrl-C into a stop after the current step.
pub(super) struct Reporter<'a> {
    printer: &'a Printer,
    bar: indicatif::ProgressBar,
    epochs: usize,
    /// The validation metric of the epoch before, for the bar.
    metric: String,
    /// Name and value of that of the best epoch.
    best: Option<(String, f64)>,
}

/// Up to here a validation metric is what guessing gives, so that a run with it has most likely learned nothing: between one half
/// and what 200 examples of each class tell from it for AUROC, and near 0 for a correlation.
fn is_chance(metric: &str, value: f64) -> bool {
    match metric {
        "auroc" => value < 0.55,
        "pearson" => value < 0.05,
        _ => false,
    }
}

impl<'a> Reporter<'a> {
    pub(super) fn new(printer: &'a Printer, config: &TrainConfig) -> Self {
        INTERRUPTED.store(false, Ordering::SeqCst);
        // A second handler in one process (quickstart trains twice) is refused by ctrlc; the first still works.
        let _ = ctrlc::set_handler(|| {
            if INTERRUPTED.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        });
        let bar = printer.bar(0, "{bar:24} {pos}/{len}  {msg}");
        Self { printer, bar, epochs: config.epochs, metric: String::new(), best: None }
    }

    pub(super) fn see(&mut self, progress: &Progress) -> Control {
        match progress {
            Progress::Step(at) => {
                self.bar.set_length(at.steps as u64);
                self.bar.set_position(at.step as u64);
                self.bar.set_message(format!(
                    "epoch {}/{}  loss {:.4}{}  {:.0} examples/s  at most {} left",
                    at.epoch,
                    at.epochs,
                    at.loss,
                    self.metric,
                    at.examples_per_second,
                    duration(at.seconds_left)
                ));
            }
            Progress::Warning(text) => self.bar.suspend(|| self.printer.warn(text)),
            Progress::Epoch(epoch, timing) => {
                if epoch.best {
                    self.best = epoch.valid_metric.map(|value| (epoch.metric.clone(), value));
                }
                self.metric = epoch.valid_metric.map_or(String::new(), |v| format!("  {} {v:.4}", epoch.metric));
                let line = format!(
                    "epoch {:>3}/{}  train loss {:.4}  valid loss {:.4}{}  {:.0} examples/s{}",
                    epoch.epoch,
                    self.epochs,
                    epoch.train_loss,
                    epoch.valid_loss,
                    self.metric,
                    timing.examples_per_second,
                    if epoch.best { "  *" } else { "" }
                );
                self.bar.suspend(|| self.printer.talk(&line));
            }
        }
        if INTERRUPTED.load(Ordering::SeqCst) || ENDING.load(Ordering::SeqCst) {
            Control::Stop
        } else {
            Control::Continue
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
        if let Some((metric, value)) = self.best.as_ref().filter(|(metric, value)| is_chance(metric, *value)) {
            self.printer.warn(&format!(
                "the best epoch has a validation {metric} of {value:.3}, about what guessing gives: another --seed, another --model such \
                 as cnn-global, or another --learning-rate (--find-learning-rate) may learn what this one did not"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_are_told_from_what_was_learned() {
        assert!(is_chance("auroc", 0.5) && is_chance("auroc", 0.31) && !is_chance("auroc", 0.6));
        assert!(is_chance("pearson", -0.2) && !is_chance("pearson", 0.2));
        // Of classes and without a metric nothing is known.
        assert!(!is_chance("accuracy", 0.1));
    }
}
