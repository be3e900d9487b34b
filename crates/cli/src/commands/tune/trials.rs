//! Trials as child processes: a trial is a run directory, and what it holds says how far it is.

use crate::commands::children::{self, Attended, Ended, Place};
use crate::failure::user;
use crate::printer::Printer;
use crate::run_dir::write_text;
use crate::trained::{AnyConfig, Settings};
use anyhow::{Context, Result};
use basewise_core::tune::Point;
use basewise_nn::{ConfigFile, EpochRecord, Monitor, TrainConfig};
use std::path::Path;
use std::process::{Child, ExitStatus};

/// One trial and how it went so far.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// 0-based.
    pub(super) number: usize,
    pub(super) point: Point,
    /// None where the point makes no network or no settings.
    pub(super) config: Option<AnyConfig>,
    /// Rungs that it has reached; 1 without halving.
    pub(super) rung: usize,
    pub(super) outcome: Result<Judged, String>,
}

/// The best epoch of a trial.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    pub(super) epochs: usize,
    pub(super) best: EpochRecord,
}

impl Judged {
    /// The best of the first `epochs` lines of a history; none if there is no line.
    fn of(text: &str, epochs: usize, monitor: Monitor) -> Result<Option<Self>> {
        let lines = text.lines().take(epochs).map(serde_json::from_str);
        let records = lines.collect::<Result<Vec<EpochRecord>, _>>()?;
        let count = records.len();
        // Of equal ones the earlier, as training itself keeps it.
        let better = |a: EpochRecord, b: EpochRecord| if score(&b, monitor) < score(&a, monitor) { b } else { a };
        Ok(records.into_iter().reduce(better).map(|best| Self { epochs: count, best }))
    }
}

/// Lower is better.
fn score(record: &EpochRecord, monitor: Monitor) -> f64 {
    match monitor {
        Monitor::Loss => record.valid_loss,
        Monitor::Metric => record.valid_metric.map_or(f64::MAX, |value| -value),
    }
}

impl Trial {
    pub(super) fn score(&self, monitor: Monitor) -> Option<f64> {
        let judged = self.outcome.as_ref().ok()?;
        Some(score(&judged.best, monitor)).filter(|score| score.is_finite() && *score < f64::MAX)
    }
}

/// What all trials have in common.
pub(super) struct Runner<'a> {
    pub(super) data: &'a Path,
    /// The directory of the search.
    pub(super) directory: &'a Path,
    pub(super) device: &'a str,
    pub(super) monitor: Monitor,
    pub(super) jobs: usize,
    /// Threads of one trial.
    pub(super) threads: usize,
    pub(super) printer: &'a Printer,
}

impl Runner<'_> {
    /// Where a trial is trained: `trials/0007`.
    fn place(&self, number: usize) -> Place {
        Place::new(self.directory.join("trials").join(format!("{:04}", number + 1)))
    }

    /// Trains the trials up to `epochs` or those of their own, several at once, those that are there already not again.
    /// False if it was interrupted; then what is unfinished goes on later.
    pub(super) fn train(&self, trials: &mut [Trial], which: &[usize], epochs: Option<usize>) -> Result<bool> {
        for &index in which {
            if let (Some(AnyConfig::Network(config)), Some(epochs)) = (trials[index].config.as_mut(), epochs) {
                config.train.epochs = epochs;
            }
        }
        children::attend(&mut Training { runner: self, trials }, which, self.jobs)
    }

    /// Starts a trial, unless it is finished already or cannot be.
    fn start(&self, trial: &mut Trial) -> Result<Option<Child>> {
        let Some(config) = &trial.config else { return Ok(None) };
        let place = self.place(trial.number);
        place.wait_for_orphan()?;
        if self.is_finished(trial.number, config)? {
            trial.outcome = self.judge(trial.number, config.epochs())?;
            return Ok(None);
        }
        let settings = place.beside(".toml");
        fs_err::create_dir_all(self.directory.join("trials"))?;
        write_text(&settings, &config.to_toml()?)?;
        place.start(self.data, &settings, self.threads, &["--device", self.device]).map(Some)
    }

    /// Whether a trial has been trained for as many epochs already, or for more, or ended before by itself.
    fn is_finished(&self, number: usize, config: &AnyConfig) -> Result<bool> {
        let run = self.place(number).run();
        if !run.info_path().is_file() {
            return match config {
                AnyConfig::Network(config) => self.has_gone_on(number, config),
                AnyConfig::Classical(_) => Ok(false),
            };
        }
        let mut trained = run.info()?.config;
        if let Settings::Network(trained) = &mut trained {
            if trained.epochs < config.epochs() {
                return Ok(false);
            }
            trained.epochs = config.epochs();
        }
        if trained != config.settings() {
            return Err(user(
                format!("{}: expected the run of this trial, found one with other settings", run.path().display()),
                Some("choose another directory with -o, or replace it with --overwrite"),
            ));
        }
        Ok(true)
    }

    /// Whether an unfinished run of the same trial is beyond these epochs: it was killed on a later rung.
    fn has_gone_on(&self, number: usize, config: &ConfigFile) -> Result<bool> {
        let place = self.place(number);
        let (settings, history) = (place.beside(".toml"), place.run().file("history.jsonl"));
        if !(settings.is_file() && history.is_file()) {
            return Ok(false);
        }
        let (text, source) = (fs_err::read_to_string(&settings)?, settings.display().to_string());
        let mut begun = ConfigFile::from_toml(&text, &source, &TrainConfig::default())?;
        let (epochs, lines) = (config.train.epochs, fs_err::read_to_string(&history)?.lines().count());
        let is_beyond = begun.train.epochs > epochs && lines >= epochs;
        begun.train.epochs = epochs;
        Ok(is_beyond && begun == *config)
    }

    fn judge(&self, number: usize, epochs: usize) -> Result<Result<Judged, String>> {
        let path = self.place(number).run().file("history.jsonl");
        let text = fs_err::read_to_string(&path)?;
        let judged = Judged::of(&text, epochs, self.monitor);
        let judged = judged.with_context(|| format!("{}: expected a line of JSON an epoch", path.display()))?;
        Ok(judged.ok_or_else(|| "no epoch was finished".to_owned()))
    }

    /// Takes down how a child ended.
    fn end(&self, trial: &mut Trial, status: ExitStatus) -> Result<()> {
        let number = trial.number + 1;
        let epochs = trial.config.as_ref().map_or(0, AnyConfig::epochs);
        match self.place(trial.number).ended(status, &format!("trial {number}"))? {
            Ended::Done => trial.outcome = self.judge(trial.number, epochs)?,
            Ended::Interrupted => return Ok(()),
            Ended::Failed(message) => trial.outcome = Err(message),
        }
        let line = match &trial.outcome {
            Ok(judged) => {
                let EpochRecord { valid_loss, valid_metric, metric, .. } = &judged.best;
                let metric = valid_metric.map_or(String::new(), |value| format!("  {metric} {value:.4}"));
                format!("{:>3} epochs  valid loss {valid_loss:.4}{metric}", judged.epochs)
            }
            Err(message) => format!("failed: {message}"),
        };
        self.printer.talk(&format!("trial {number:>3}  {line}"));
        Ok(())
    }

    /// Removes the files that keep two processes from one trial.
    pub(super) fn tidy(&self, trials: usize) {
        (0..trials).for_each(|number| self.place(number).tidy());
    }
}

/// Trials that are being trained.
struct Training<'a> {
    runner: &'a Runner<'a>,
    trials: &'a mut [Trial],
}

impl Attended for Training<'_> {
    fn start(&mut self, index: usize) -> Result<Option<Child>> {
        self.runner.start(&mut self.trials[index])
    }

    fn end(&mut self, index: usize, status: ExitStatus) -> Result<()> {
        self.runner.end(&mut self.trials[index], status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(epoch: usize, loss: f64, metric: &str) -> String {
        format!(
            "{{\"epoch\":{epoch},\"train_loss\":1.0,\"valid_loss\":{loss},\"metric\":\"auroc\",\"valid_metric\":{metric},\
             \"best\":true,\"learning_rate\":0.1}}\n"
        )
    }

    #[test]
    fn a_trial_is_as_good_as_its_best_epoch_up_to_the_rung() {
        let text = line(1, 0.5, "0.7") + &line(2, 0.4, "null") + &line(3, 0.4, "0.9") + &line(4, 0.1, "0.8");
        let best = |epochs, monitor| Judged::of(&text, epochs, monitor).unwrap().unwrap();
        assert_eq!((best(3, Monitor::Loss).best.epoch, best(3, Monitor::Loss).epochs), (2, 3));
        assert_eq!(best(9, Monitor::Loss).best.epoch, 4);
        assert_eq!(best(2, Monitor::Metric).best.epoch, 1);
        assert_eq!(best(4, Monitor::Metric).best.epoch, 3);
        assert_eq!(Judged::of("", 3, Monitor::Loss).unwrap(), None);
        assert!(Judged::of("x\n", 3, Monitor::Loss).is_err());
    }

    #[test]
    fn a_metric_that_is_undefined_is_no_score() {
        let outcome = Judged::of(&line(1, 0.5, "null"), 1, Monitor::Metric).unwrap().ok_or_else(String::new);
        let trial = Trial { number: 0, point: vec![], config: None, rung: 1, outcome };
        assert_eq!((trial.score(Monitor::Metric), trial.score(Monitor::Loss)), (None, Some(0.5)));
    }
}
