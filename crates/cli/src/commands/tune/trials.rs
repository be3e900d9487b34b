//! Trials as child processes: a trial is a run directory, and what it holds says how far it is.

use crate::failure::user;
use crate::printer::Printer;
use crate::run_dir::{RunDir, write_text};
use anyhow::{Context, Result};
use basewise_core::tune::Point;
use basewise_nn::{ConfigFile, EpochRecord, Monitor, TrainConfig};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Set by Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// How often children are looked after.
const TICK: Duration = Duration::from_millis(20);

/// One trial and how it went so far.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// 0-based.
    pub(super) number: usize,
    pub(super) point: Point,
    /// None where the point makes no network or no settings.
    pub(super) config: Option<ConfigFile>,
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

/// A trial that is being trained.
struct Running {
    index: usize,
    child: Child,
}

impl Runner<'_> {
    /// Turns Ctrl-C into the end of all trials.
    pub(super) fn watch() {
        INTERRUPTED.store(false, Ordering::SeqCst);
        // Refused where another command of this process has a handler already.
        let _ = ctrlc::set_handler(|| {
            if INTERRUPTED.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        });
    }

    /// The path of something that belongs to a trial: `trials/0007` with an ending.
    pub(super) fn path(&self, number: usize, ending: &str) -> PathBuf {
        self.directory.join("trials").join(format!("{:04}{ending}", number + 1))
    }

    /// Trains the trials up to `epochs` or those of their own, several at once, those that are there already not again.
    /// False if it was interrupted; then what is unfinished goes on later.
    pub(super) fn train(&self, trials: &mut [Trial], which: &[usize], epochs: Option<usize>) -> Result<bool> {
        for &index in which {
            if let (Some(config), Some(epochs)) = (trials[index].config.as_mut(), epochs) {
                config.train.epochs = epochs;
            }
        }
        let mut running: Vec<Running> = Vec::new();
        let result = self.attend(trials, which, &mut running);
        // Whatever happened, no child is left behind: without its standard input each saves and ends.
        running.iter_mut().for_each(|running| drop(running.child.stdin.take()));
        for running in &mut running {
            running.child.wait()?;
        }
        result?;
        Ok(!INTERRUPTED.load(Ordering::SeqCst))
    }

    fn attend(&self, trials: &mut [Trial], which: &[usize], running: &mut Vec<Running>) -> Result<()> {
        let mut waiting = which.iter().copied().peekable();
        while !(INTERRUPTED.load(Ordering::SeqCst) || waiting.peek().is_none() && running.is_empty()) {
            while running.len() < self.jobs
                && let Some(index) = waiting.next()
            {
                if let Some(child) = self.start(&mut trials[index])? {
                    running.push(Running { index, child });
                }
            }
            let mut i = 0;
            while i < running.len() {
                match running[i].child.try_wait()? {
                    None => i += 1,
                    Some(status) => {
                        let index = running.swap_remove(i).index;
                        self.end(&mut trials[index], status)?;
                    }
                }
            }
            if !running.is_empty() {
                std::thread::sleep(TICK);
            }
        }
        Ok(())
    }

    /// Starts a trial, unless it is finished already or cannot be.
    fn start(&self, trial: &mut Trial) -> Result<Option<Child>> {
        let Some(config) = &trial.config else { return Ok(None) };
        self.wait_for_orphan(trial.number)?;
        if self.is_finished(trial.number, config)? {
            trial.outcome = self.judge(trial.number, config.train.epochs)?;
            return Ok(None);
        }
        let [settings, run, log, lock] = [".toml", "", ".log", ".lock"].map(|ending| self.path(trial.number, ending));
        fs_err::create_dir_all(self.directory.join("trials"))?;
        write_text(&settings, &config.to_toml()?)?;
        let program = std::env::current_exe().context("the program does not find itself")?;
        let log = fs_err::File::create(log)?.into_parts().0;
        let mut command = Command::new(program);
        command.arg("train").arg(self.data).arg("--config").arg(settings).arg("-o").arg(run).arg("--resume");
        command.args(["--threads", &self.threads.to_string(), "--device", self.device]).arg("--worker-lock").arg(lock);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn();
        Ok(Some(child.context("a trial could not be started")?))
    }

    /// Waits until a child of an earlier search, which was killed, has saved and let go of the trial.
    fn wait_for_orphan(&self, number: usize) -> Result<()> {
        let path = self.path(number, ".lock");
        if path.is_file() {
            fs_err::File::options().write(true).open(&path)?.file().lock()?;
        }
        Ok(())
    }

    /// Whether a trial has been trained for as many epochs already, or for more, or ended before by itself.
    fn is_finished(&self, number: usize, config: &ConfigFile) -> Result<bool> {
        let run = RunDir::new(&self.path(number, ""));
        if !run.info_path().is_file() {
            return self.has_gone_on(number, config);
        }
        let mut trained = run.info()?.config;
        if trained.epochs < config.train.epochs {
            return Ok(false);
        }
        trained.epochs = config.train.epochs;
        if trained != config.train {
            return Err(user(
                format!("{}: expected the run of this trial, found one with other settings", run.path().display()),
                Some("choose another directory with -o, or replace it with --overwrite"),
            ));
        }
        Ok(true)
    }

    /// Whether an unfinished run of the same trial is beyond these epochs: it was killed on a later rung.
    fn has_gone_on(&self, number: usize, config: &ConfigFile) -> Result<bool> {
        let (settings, history) = (self.path(number, ".toml"), self.path(number, "").join("history.jsonl"));
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
        let path = self.path(number, "").join("history.jsonl");
        let text = fs_err::read_to_string(&path)?;
        let judged = Judged::of(&text, epochs, self.monitor);
        let judged = judged.with_context(|| format!("{}: expected a line of JSON an epoch", path.display()))?;
        Ok(judged.ok_or_else(|| "no epoch was finished".to_owned()))
    }

    /// Takes down how a child ended.
    fn end(&self, trial: &mut Trial, status: std::process::ExitStatus) -> Result<()> {
        let number = trial.number + 1;
        let epochs = trial.config.as_ref().map_or(0, |config| config.train.epochs);
        match status.code() {
            Some(0) => trial.outcome = self.judge(trial.number, epochs)?,
            // It was interrupted, as all of them are; or its end was not its own.
            Some(1 | 130) if INTERRUPTED.load(Ordering::SeqCst) => return Ok(()),
            Some(1) => INTERRUPTED.store(true, Ordering::SeqCst),
            Some(_) => trial.outcome = Err(self.complaint(trial.number)),
            None => {
                return Err(user(
                    format!("trial {number} was killed ({status})"),
                    Some("it may have needed more memory than there is; --resume tries it again"),
                ));
            }
        }
        match (&trial.outcome, status.code()) {
            (Ok(judged), Some(0)) => {
                let EpochRecord { valid_loss, valid_metric, metric, .. } = &judged.best;
                let metric = valid_metric.map_or(String::new(), |value| format!("  {metric} {value:.4}"));
                let epochs = judged.epochs;
                self.printer
                    .talk(&format!("trial {number:>3}  {epochs:>3} epochs  valid loss {valid_loss:.4}{metric}"));
            }
            (Err(message), Some(code)) if code > 1 => {
                self.printer.talk(&format!("trial {number:>3}  failed: {message}"))
            }
            _ => {}
        }
        Ok(())
    }

    /// The error that a child ended with.
    fn complaint(&self, number: usize) -> String {
        let log = fs_err::read(self.path(number, ".log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let error = log.lines().rev().find_map(|line| line.strip_prefix("error: "));
        error.map_or_else(|| "it ended with an error".to_owned(), str::to_owned)
    }

    /// Removes the files that keep two processes from one trial.
    pub(super) fn tidy(&self, trials: usize) {
        for number in 0..trials {
            // One that is not there was not needed.
            let _ = std::fs::remove_file(self.path(number, ".lock"));
        }
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
