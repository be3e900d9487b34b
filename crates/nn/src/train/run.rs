//! The loop over epochs and steps, and what it leaves in the run directory.

use super::batches::{Batch, survey};
use super::checkpoint::{self, Snapshot, State};
use super::identity::Identity;
use super::loader::{Loader, Recipe};
use super::step::{Gradients, Part, gradients_of};
use super::validate::{Validation, metric_name, validate};
use super::windows::Windows;
use super::{
    CheckpointEvery, Control, EpochRecord, EpochTiming, Monitor, Progress, StepProgress, Stopped, TrainConfig,
    TrainError, TrainOptions, TrainOutcome, WriteError,
};
use crate::architecture::Architecture;
use crate::device::OpenedDevice;
use crate::loss::LossSums;
use crate::model::{Model, Purpose, TrainingSummary, write_whole};
use crate::network::{Mode, Plan, Weights};
use crate::optimizer::{Optimizer, clip};
use basewise_core::Split;
use basewise_core::source::{ExampleSource, Header};
use basewise_kernels::optimizer::all_finite;
use burn_tensor::Device;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

const MODEL: &str = "model.safetensors";
const HISTORY: &str = "history.jsonl";
const TIMING: &str = "timing.jsonl";
const CHECKPOINTS: &str = "checkpoints";

/// What training needs and everything that can be wrong with it, found out before any file is touched.
pub(super) struct Prepared<'a> {
    architecture: &'a Architecture,
    config: &'a TrainConfig,
    header: Header,
    train: Windows<'a>,
    valid: Windows<'a>,
    plan: Plan,
    source: &'a dyn ExampleSource,
    survey: basewise_core::source::Survey,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(
        source: &'a dyn ExampleSource,
        architecture: &'a Architecture,
        config: &'a TrainConfig,
    ) -> Result<Self, TrainError> {
        if let Some(fault) = config.fault() {
            return Err(TrainError::Config(fault));
        }
        architecture.check(architecture.name.as_deref().unwrap_or("the network"))?;
        let survey = survey(source, config)?;
        let header = source.header();
        let plan = Plan::new(architecture, header.encoding.channels(), header.length, header.outputs())?;
        plan.check_training(survey.rows(Split::Train), config.batch_size)?;
        let train = Windows::new(source, &survey, Split::Train, config.shuffle_window);
        let valid = Windows::new(source, &survey, Split::Valid, config.shuffle_window / 2);
        Ok(Self { architecture, config, header, train, valid, plan, source, survey })
    }

    fn identity(&self) -> Result<Identity, TrainError> {
        let splits = [&self.train, &self.valid];
        Identity::new(self.source, &self.survey, splits, self.architecture, self.config)
    }

    fn batches_per_epoch(&self) -> usize {
        self.train.len().div_ceil(self.config.batch_size)
    }

    fn steps_per_epoch(&self) -> usize {
        self.batches_per_epoch().div_ceil(self.config.accumulate)
    }

    fn learning_rate(&self, taken: u64) -> f64 {
        let steps = self.steps_per_epoch() as u64;
        let (total, warmup) = (steps * self.config.epochs as u64, steps * self.config.warmup_epochs as u64);
        self.config.learning_rate * self.config.schedule.factor(taken, total, warmup)
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
        let (plan, config) = (&prepared.plan, prepared.config);
        let sizes: Vec<usize> = plan.parameters.iter().map(|spec| spec.size()).collect();
        let optimizer = Optimizer::new(config.optimizer, config.weight_decay, &sizes);
        let identity = prepared.identity()?;
        let checkpoints = directory.join(CHECKPOINTS);
        let (loaded, warnings) = match options.resume {
            true => checkpoint::load_newest(&checkpoints, plan, &optimizer, &identity)?,
            false => (None, Vec::new()),
        };
        let saved = loaded.as_ref().map(|snapshot| snapshot.optimizer.steps);
        checkpoint::tidy(directory, &checkpoints)?;
        let snapshot = match loaded {
            Some(snapshot) => snapshot,
            None => {
                fs_err::create_dir_all(directory)?;
                checkpoint::clear(&checkpoints)?;
                remove_file(&directory.join(MODEL))?;
                let weights = Weights::initial(plan, config.seed);
                let state = State::new(identity, prepared.header.tasks.len());
                Snapshot { state, best: weights.clone(), weights, optimizer }
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
        self.write_history()?;
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
            self.epochs(&mut loader, observer)
        })?;
        self.finish(stopped)
    }

    fn epochs(
        &mut self,
        loader: &mut Loader<'_>,
        observer: &mut dyn FnMut(&Progress) -> Control,
    ) -> Result<Stopped, TrainError> {
        self.lap = Instant::now();
        loop {
            if let Some(stopped) = self.ended() {
                return Ok(stopped);
            }
            let control = match self.epoch(loader, observer)? {
                Control::Stop => Control::Stop,
                Control::Continue => self.end_epoch(observer)?,
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

    /// Gradients of one batch of a step's, the `number`-th.
    fn gradients(
        &self,
        batch: &Batch,
        number: usize,
        totals: Option<&[u64]>,
        device: &Device,
    ) -> Result<Gradients, TrainError> {
        let Prepared { plan, config, header, .. } = self.prepared;
        let Snapshot { weights, optimizer, .. } = &self.snapshot;
        // Each batch draws its own dropout.
        let step = optimizer.steps * config.accumulate as u64 + number as u64;
        let labels = batch.labels();
        let part = Part { batch: &batch.sequences, labels: &labels, totals };
        gradients_of(plan, weights, &header.tasks, &part, Mode::Train { seed: config.seed, step }, device)
    }

    fn step(&mut self, batches: &[Batch], device: &Device) -> Result<(), TrainError> {
        let config = self.prepared.config;
        let rate = self.prepared.learning_rate(self.snapshot.optimizer.steps);
        let totals = known_labels(batches, self.prepared.header.tasks.len());
        let mut sums = LossSums::new(self.prepared.header.tasks.len());
        let mut total: Vec<Vec<f32>> = Vec::new();
        for (number, batch) in batches.iter().enumerate() {
            let found = self.gradients(batch, number, (batches.len() > 1).then_some(&totals), device)?;
            sums.add(&found.sums);
            match total.is_empty() {
                true => total = found.parameters,
                false => {
                    add(&mut total, &found.parameters);
                    self.prepared.plan.engines.give_gradients(found.parameters);
                }
            }
            for (buffer, values) in found.buffers {
                self.snapshot.weights.buffers[buffer].values = values;
            }
        }
        let no_labels = sums.known.iter().all(|&known| known == 0);
        let Snapshot { state, weights, optimizer, .. } = &mut self.snapshot;
        if !(no_labels || sums.mean().is_finite()) || !total.iter().all(|gradient| all_finite(gradient)) {
            return Err(TrainError::NotFinite { epoch: state.epoch + 1, step: state.step + 1, rate });
        }
        if let Some(limit) = config.clip_gradient {
            clip(&mut total, limit);
        }
        optimizer.begin_step();
        for (i, gradient) in total.iter().enumerate() {
            let array = &mut weights.parameters[i];
            optimizer.update(i, &mut array.values, gradient, rate, array.shape.len() > 1);
        }
        state.sums.add(&sums);
        state.step += 1;
        self.prepared.plan.engines.give_gradients(total);
        Ok(())
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
    fn end_epoch(&mut self, observer: &mut dyn FnMut(&Progress) -> Control) -> Result<Control, TrainError> {
        let began = Instant::now();
        let judged = self.judge()?;
        let validation_seconds = began.elapsed().as_secs_f64();
        self.count_time();
        let Prepared { config, header, train, .. } = self.prepared;
        let learning_rate = self.prepared.learning_rate(self.snapshot.optimizer.steps.saturating_sub(1));
        let Snapshot { state, weights, best, .. } = &mut self.snapshot;
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
            best.clone_from(weights);
        }
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
        state.sums = LossSums::new(header.tasks.len());
        state.epoch_seconds = 0.0;
        self.write_history()?;
        Ok(observer(&Progress::Epoch(record, timing)))
    }

    fn judge(&self) -> Result<Validation, TrainError> {
        let Prepared { plan, valid, .. } = self.prepared;
        let device = self.device.clone().without_autodiff();
        validate(plan, &self.snapshot.weights, valid, plan.evaluation_rows(), &device, self.options.loader_workers > 0)
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

    /// The history as the state has it: lines of epochs that a resumed run will repeat are gone.
    fn write_history(&self) -> Result<(), TrainError> {
        self.write_lines(HISTORY, &self.snapshot.state.history)?;
        self.write_lines(TIMING, &self.snapshot.state.timing)
    }

    fn write_lines(&self, name: &str, lines: &[impl Serialize]) -> Result<(), TrainError> {
        let mut text = String::new();
        for line in lines {
            text += &serde_json::to_string(line).map_err(std::io::Error::other)?;
            text.push('\n');
        }
        let path = self.directory.join(name);
        write_whole(&path, text.as_bytes()).map_err(|error| self.unwritten(&path, &error))
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
        let Header { tasks, encoding, length, .. } = header;
        let purpose = Purpose { tasks: tasks.clone(), encoding: *encoding, length: *length, training };
        let best = self.snapshot.best.clone();
        let model = Model::assemble((*architecture).clone(), plan.clone(), best, purpose, &self.device);
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

/// Known labels of each task in all batches of a step.
fn known_labels(batches: &[Batch], tasks: usize) -> Vec<u64> {
    let mut known = vec![0; tasks];
    for batch in batches {
        for row in batch.labels() {
            known.iter_mut().zip(row).filter(|(_, label)| !label.is_nan()).for_each(|(count, _)| *count += 1);
        }
    }
    known
}

fn add(total: &mut [Vec<f32>], more: &[Vec<f32>]) {
    for (total, more) in total.iter_mut().zip(more) {
        total.iter_mut().zip(more).for_each(|(total, more)| *total += more);
    }
}

/// An earlier run's model must not lie beside a new run's history.
fn remove_file(path: &Path) -> std::io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
