//! The loop over epochs and steps, and what it leaves in the run directory.

use super::average;
use super::batches::Batch;
use super::checkpoint::{self, Snapshot, State};
use super::history::History;
use super::loader::{Loader, Recipe};
use super::prepared::Prepared;
use super::update::update;
use super::validate::{Validation, metric_name, validate};
use super::{
    CheckpointEvery, Control, EpochRecord, EpochTiming, Monitor, Progress, StepProgress, Stopped, TrainError,
    TrainOptions, TrainOutcome, WriteError,
};
use crate::architecture::Outputs;
use crate::device::OpenedDevice;
use crate::model::{Model, Purpose, TrainingSummary};
use basewise_core::source::Header;
use burn_tensor::Device;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

const MODEL: &str = "model.safetensors";
const CHECKPOINTS: &str = "checkpoints";

/// Refuses a checkpoint that an undisturbed run with these settings would never have reached.
fn goes_on(state: &State, config: &super::TrainConfig, checkpoints: &Path) -> Result<(), TrainError> {
    let best = |epochs: usize| state.history[..epochs].iter().rposition(|record| record.best).map_or(0, |i| i + 1);
    let ends =
        |epochs: usize| epochs >= config.epochs || (config.patience > 0 && epochs - best(epochs) >= config.patience);
    match (1..state.epoch.min(state.history.len() + 1)).find(|&epochs| ends(epochs)) {
        None => Ok(()),
        Some(epochs) => Err(TrainError::OtherRun {
            path: checkpoints.to_owned(),
            message: format!(
                "{} epochs are finished, but with these epochs and this patience training would have ended after {epochs}; \
                 repeat the command that began it, or start anew with --overwrite or in another directory",
                state.epoch
            ),
        }),
    }
}

/// A run that is under way.
pub(super) struct Run<'a> {
    prepared: &'a Prepared<'a>,
    options: TrainOptions,
    device: Device,
    directory: PathBuf,
    snapshot: Snapshot,
    resumed_steps: u64,
    /// To be told before the first step.
    warnings: Vec<String>,
    /// Since this call began.
    clock: Instant,
    /// Up to when the state's wall-clock times count.
    lap: Instant,
    examples_seen: usize,
    /// The newest checkpoint, and when it was written or read.
    saved: (Option<u64>, Instant),
}

impl<'a> Run<'a> {
    /// Prepares everything, from a checkpoint if there is one to resume.
    pub(super) fn start(
        prepared: &'a Prepared<'a>,
        device: &OpenedDevice,
        directory: &Path,
        options: TrainOptions,
    ) -> Result<Self, TrainError> {
        let (weights, optimizer) = prepared.beginning()?;
        let state = State::new(prepared.identity()?, prepared.objective.no_sums());
        let average = prepared.config.ema.map(|_| weights.clone());
        let fresh = Snapshot { state, best: weights.clone(), weights, average, optimizer };
        let checkpoints = directory.join(CHECKPOINTS);
        let (loaded, warnings) = match options.resume {
            true => checkpoint::load_newest(&checkpoints, &prepared.plan, &fresh)?,
            false => (None, Vec::new()),
        };
        if let Some(loaded) = &loaded {
            goes_on(&loaded.state, prepared.config, &checkpoints)?;
        }
        let saved = loaded.as_ref().map(|snapshot| snapshot.optimizer.steps);
        checkpoint::tidy(directory, &checkpoints)?;
        let snapshot = match loaded {
            Some(snapshot) => snapshot,
            None => {
                fs_err::create_dir_all(directory)?;
                checkpoint::clear(&checkpoints)?;
                remove_file(&directory.join(MODEL))?;
                fresh
            }
        };
        let now = Instant::now();
        Ok(Self {
            prepared,
            options,
            device: device.device.clone(),
            directory: directory.to_owned(),
            resumed_steps: snapshot.optimizer.steps,
            snapshot,
            warnings,
            clock: now,
            lap: now,
            examples_seen: 0,
            saved: (saved, now),
        })
    }

    /// Trains to the end or to an interruption.
    pub(super) fn go(mut self, observer: &mut dyn FnMut(&Progress) -> Control) -> Result<TrainOutcome, TrainError> {
        for warning in std::mem::take(&mut self.warnings) {
            observer(&Progress::Warning(warning));
        }
        let history = History::begin(&self.directory, &self.options, &self.snapshot.state)
            .map_err(|(path, error)| self.unwritten(&path, &error))?;
        if let Some(stopped) = self.ended() {
            return self.finish(stopped);
        }
        let Prepared { train, config, .. } = self.prepared;
        let state = &self.snapshot.state;
        let seen = state.step.saturating_mul(config.accumulate).saturating_mul(config.batch_size);
        let stop = AtomicBool::new(false);
        let recipe = Recipe { windows: train, config, from: (state.epoch, seen), stop: &stop };
        let stopped = std::thread::scope(|scope| {
            let mut loader = Loader::start(scope, recipe, self.options.loader_workers)?;
            self.epochs(&mut loader, &history, observer)
        })?;
        self.finish(stopped)
    }

    fn epochs(
        &mut self,
        loader: &mut Loader<'_>,
        history: &History,
        observer: &mut dyn FnMut(&Progress) -> Control,
    ) -> Result<Stopped, TrainError> {
        self.lap = Instant::now();
        loop {
            if let Some(stopped) = self.ended() {
                return Ok(stopped);
            }
            let control = match self.epoch(loader, observer)? {
                Control::Stop => Control::Stop,
                Control::Continue => self.end_epoch(history, observer)?,
            };
            self.save()?;
            if control == Control::Stop && self.ended().is_none() {
                return Ok(Stopped::Interrupted);
            }
        }
    }

    fn ended(&self) -> Option<Stopped> {
        let (state, config) = (&self.snapshot.state, self.prepared.config);
        let waited = state.epoch - state.best_epoch().min(state.epoch);
        if state.step == 0 && config.patience > 0 && state.epoch > 0 && waited >= config.patience {
            return Some(Stopped::EarlyStopping { patience: config.patience });
        }
        (state.epoch >= config.epochs).then_some(Stopped::LastEpoch)
    }

    /// The rest of the current epoch's steps.
    fn epoch(
        &mut self,
        loader: &mut Loader<'_>,
        observer: &mut dyn FnMut(&Progress) -> Control,
    ) -> Result<Control, TrainError> {
        let Prepared { config, .. } = *self.prepared;
        let device = self.device.clone().autodiff();
        let batches = self.prepared.batches_per_epoch();
        while self.snapshot.state.step < self.prepared.steps_per_epoch() {
            let done = self.snapshot.state.step * config.accumulate;
            let parts = (done..batches.min(done + config.accumulate)).map(|_| loader.next());
            let parts = parts.collect::<Result<Vec<_>, _>>()?;
            self.step(&parts, &device)?;
            self.examples_seen += parts.iter().map(|part| part.sequences.len()).sum::<usize>();
            if observer(&Progress::Step(self.standing())) == Control::Stop {
                return Ok(Control::Stop);
            }
            if self.checkpoint_is_due() {
                self.save()?;
            }
        }
        Ok(Control::Continue)
    }

    fn step(&mut self, batches: &[Batch], device: &Device) -> Result<(), TrainError> {
        let rate = self.learning_rate(self.snapshot.optimizer.steps);
        let Snapshot { state, weights, optimizer, average, .. } = &mut self.snapshot;
        let Some(sums) = update(self.prepared, weights, optimizer, batches, rate, device)? else {
            return Err(TrainError::NotFinite { epoch: state.epoch + 1, step: state.step + 1, rate });
        };
        if let (Some(average), Some(decay)) = (average, self.prepared.config.ema) {
            average::follow(average, weights, decay, optimizer.steps);
        }
        state.sums.add(&sums);
        state.step += 1;
        Ok(())
    }

    /// The rate of the step after `taken` ones.
    fn learning_rate(&self, taken: u64) -> f64 {
        self.prepared.config.learning_rate * self.prepared.course().at(taken, self.snapshot.state.plateau.part)
    }

    fn standing(&self) -> StepProgress {
        let (state, config) = (&self.snapshot.state, self.prepared.config);
        let (steps, seconds) = (self.prepared.steps_per_epoch(), self.clock.elapsed().as_secs_f64().max(1e-9));
        let left = (config.epochs - state.epoch) * steps - state.step.min(steps);
        let done = self.examples_seen.div_ceil(config.batch_size).div_ceil(config.accumulate).max(1);
        StepProgress {
            epoch: state.epoch + 1,
            epochs: config.epochs,
            step: state.step,
            steps,
            loss: state.sums.mean(),
            examples_per_second: self.examples_seen as f64 / seconds,
            seconds_left: left as f64 * seconds / done as f64,
        }
    }

    /// Judges the weights on the validation split and closes the epoch.
    fn end_epoch(
        &mut self,
        history: &History,
        observer: &mut dyn FnMut(&Progress) -> Control,
    ) -> Result<Control, TrainError> {
        let began = Instant::now();
        let judged = self.judge()?;
        let validation_seconds = began.elapsed().as_secs_f64();
        self.count_time();
        let Prepared { config, header, train, .. } = self.prepared;
        let learning_rate = self.learning_rate(self.snapshot.optimizer.steps.saturating_sub(1));
        let Snapshot { state, weights, best, average, .. } = &mut self.snapshot;
        if !judged.loss.is_finite() {
            return Err(TrainError::NotFinite { epoch: state.epoch + 1, step: state.step, rate: learning_rate });
        }
        let score = match config.monitor {
            Monitor::Loss => judged.loss,
            Monitor::Metric => judged.metric.map_or(f64::MAX, |value| -value),
        };
        let is_best = state.best_score.is_none_or(|best| score < best);
        if is_best {
            state.best_score = Some(score);
            best.clone_from(average.as_ref().unwrap_or(weights));
        }
        let decay_epochs = config.resolved().decay_epochs.unwrap_or(1);
        state.plateau.hear(is_best, decay_epochs, config.decay_factor);
        let record = EpochRecord {
            epoch: state.epoch + 1,
            train_loss: state.sums.mean(),
            valid_loss: judged.loss,
            metric: metric_name(&header.tasks).to_owned(),
            valid_metric: judged.metric,
            best: is_best,
            learning_rate,
        };
        let seconds = state.epoch_seconds;
        let examples_per_second = train.len() as f64 / seconds.max(1e-9);
        let timing = EpochTiming { epoch: record.epoch, seconds, validation_seconds, examples_per_second };
        state.history.push(record.clone());
        state.timing.push(timing);
        state.epoch += 1;
        state.step = 0;
        state.sums = self.prepared.objective.no_sums();
        state.epoch_seconds = 0.0;
        let written = history.add(&self.snapshot.state, &record);
        written.map_err(|(path, error)| self.unwritten(&path, &error))?;
        Ok(observer(&Progress::Epoch(record, timing)))
    }

    fn judge(&self) -> Result<Validation, TrainError> {
        let Prepared { plan, objective, valid, .. } = self.prepared;
        let weights = self.snapshot.average.as_ref().unwrap_or(&self.snapshot.weights);
        let device = self.device.clone().without_autodiff();
        let ahead = self.options.loader_workers > 0;
        validate(plan, weights, objective, valid, plan.evaluation_rows(), &device, ahead)
    }

    /// Adds the time since the last call to that of the epoch and of the run.
    fn count_time(&mut self) {
        let now = Instant::now();
        let seconds = (now - self.lap).as_secs_f64();
        self.snapshot.state.epoch_seconds += seconds;
        self.snapshot.state.seconds += seconds;
        self.lap = now;
    }

    /// Whether one is to be written within the epoch. After its last step comes the one of its end.
    fn checkpoint_is_due(&self) -> bool {
        let Snapshot { state, optimizer, .. } = &self.snapshot;
        let due = match self.options.checkpoint_every {
            None => false,
            Some(CheckpointEvery::Steps(every)) => optimizer.steps % every.max(1) == 0,
            Some(CheckpointEvery::Time(every)) => self.saved.1.elapsed() >= every,
        };
        due && state.step < self.prepared.steps_per_epoch()
    }

    fn save(&mut self) -> Result<(), TrainError> {
        self.count_time();
        let (directory, keep) = (self.directory.join(CHECKPOINTS), self.options.keep_checkpoints);
        let saved = checkpoint::save(&directory, &mut self.snapshot, keep);
        saved.map_err(|error| self.unwritten(&directory, &error))?;
        self.saved = (Some(self.snapshot.optimizer.steps), Instant::now());
        Ok(())
    }

    fn unwritten(&self, path: &Path, cause: &dyn fmt::Display) -> TrainError {
        WriteError::new(path, cause, self.saved.0).into()
    }

    fn finish(self, stopped: Stopped) -> Result<TrainOutcome, TrainError> {
        let interrupted = stopped == Stopped::Interrupted;
        let Prepared { plan, config, header, architecture, train, .. } = self.prepared;
        let state = &self.snapshot.state;
        let best_epoch = state.best_epoch();
        let training = state.history.iter().find(|record| record.epoch == best_epoch).map(|best| TrainingSummary {
            epochs: state.epoch,
            best_epoch,
            valid_loss: best.valid_loss,
            metric: best.metric.clone(),
            valid_metric: best.valid_metric,
            train_examples: train.len(),
            seed: config.seed,
        });
        let parameters = plan.parameters.iter().map(|spec| spec.size()).sum();
        let Header { encoding, length, .. } = *header;
        let joined = architecture.joined(plan.inputs(), &Outputs::from(&header.tasks))?;
        let (tasks, covariates, control) = (header.tasks.clone(), header.covariates.clone(), header.control.clone());
        let purpose = Purpose { tasks, encoding, length, covariates, control, training };
        let best = self.snapshot.best.clone();
        let model = Model::assemble(joined, plan.clone(), best, purpose, &self.device);
        if !interrupted {
            let path = self.directory.join(MODEL);
            model.save(&path).map_err(|error| self.unwritten(&path, &error))?;
            checkpoint::sync_directory(&self.directory).map_err(|error| self.unwritten(&path, &error))?;
        }
        let state = self.snapshot.state;
        Ok(TrainOutcome {
            stopped,
            interrupted,
            epochs: state.epoch,
            best_epoch,
            parameters,
            weights_digest: model.digest(),
            seconds: state.seconds,
            resumed_steps: self.resumed_steps,
            history: state.history,
            timing: state.timing,
            model,
        })
    }
}

/// An earlier run's model must not lie beside a new run's history.
fn remove_file(path: &Path) -> std::io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
