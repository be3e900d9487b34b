//! The loop over epochs and steps, and what it leaves in the run directory.

use super::batches::{Examples, prepare};
use super::checkpoint::{self, Snapshot, State};
use super::identity::Identity;
use super::step::gradients;
use super::validate::{metric_name, validate};
use super::{Control, EpochRecord, Monitor, Progress, StepProgress, Stopped, TrainConfig, TrainError, TrainOutcome};
use crate::architecture::Architecture;
use crate::device::OpenedDevice;
use crate::loss::LossSums;
use crate::model::{Model, Purpose, TrainingSummary, write_whole};
use crate::network::{Leaves, Mode, Plan, Weights};
use crate::optimizer::{Optimizer, clip};
use basewise_core::Dataset;
use burn_tensor::Device;
use std::path::{Path, PathBuf};
use std::time::Instant;

const MODEL: &str = "model.safetensors";

/// What training needs and everything that can be wrong with it, found out before any file is touched.
pub(super) struct Prepared {
    train: Examples,
    valid: Examples,
    plan: Plan,
}

impl Prepared {
    pub(super) fn new(
        dataset: &Dataset,
        architecture: &Architecture,
        config: &TrainConfig,
    ) -> Result<Self, TrainError> {
        if let Some(fault) = config.fault() {
            return Err(TrainError::Config(fault));
        }
        architecture.check(architecture.name.as_deref().unwrap_or("the network"))?;
        let (train, valid) = prepare(dataset, config)?;
        let plan = Plan::new(architecture, dataset.encoding.channels(), dataset.length, dataset.outputs())?;
        plan.check_training(dataset, config.batch_size)?;
        Ok(Self { train, valid, plan })
    }
}

/// A run that is under way.
pub(super) struct Run<'a> {
    dataset: &'a Dataset,
    architecture: &'a Architecture,
    config: &'a TrainConfig,
    device: Device,
    directory: PathBuf,
    plan: Plan,
    train: Examples,
    valid: Examples,
    snapshot: Snapshot,
    resumed_steps: u64,
    /// Since this call began.
    clock: Instant,
    examples_seen: usize,
}

impl<'a> Run<'a> {
    /// Prepares everything, from a checkpoint if there is one to resume.
    pub(super) fn start(
        dataset: &'a Dataset,
        architecture: &'a Architecture,
        config: &'a TrainConfig,
        device: &OpenedDevice,
        directory: &Path,
        resume: bool,
    ) -> Result<Self, TrainError> {
        let Prepared { train, valid, plan } = Prepared::new(dataset, architecture, config)?;
        let sizes: Vec<usize> = plan.parameters.iter().map(|spec| spec.size()).collect();
        let optimizer = Optimizer::new(config.optimizer, config.weight_decay, &sizes);
        let identity = Identity::new(dataset, architecture, config)?;
        let checkpoints = directory.join("checkpoints");
        let loaded = if resume { checkpoint::load_newest(&checkpoints, &plan, &optimizer, &identity)? } else { None };
        let snapshot = match loaded {
            Some(snapshot) => snapshot,
            None => {
                fs_err::create_dir_all(directory)?;
                checkpoint::clear(&checkpoints)?;
                remove_file(&directory.join(MODEL))?;
                let weights = Weights::initial(&plan, config.seed);
                let state = State::new(identity, dataset.tasks.len());
                Snapshot { state, best: weights.clone(), weights, optimizer }
            }
        };
        Ok(Self {
            dataset,
            architecture,
            config,
            device: device.device.clone(),
            directory: directory.to_owned(),
            plan,
            train,
            valid,
            resumed_steps: snapshot.optimizer.steps,
            snapshot,
            clock: Instant::now(),
            examples_seen: 0,
        })
    }

    /// Trains to the end or to an interruption.
    pub(super) fn go(mut self, observer: &mut dyn FnMut(&Progress) -> Control) -> Result<TrainOutcome, TrainError> {
        self.write_history()?;
        loop {
            if let Some(stopped) = self.ended() {
                return self.finish(stopped);
            }
            let began = Instant::now();
            let control = self.epoch(observer)?;
            let seconds = began.elapsed().as_secs_f64();
            self.snapshot.state.epoch_seconds += seconds;
            self.snapshot.state.seconds += seconds;
            let control = match control {
                Control::Stop => Control::Stop,
                Control::Continue => self.end_epoch(observer)?,
            };
            checkpoint::save(&self.directory.join("checkpoints"), &mut self.snapshot)?;
            if control == Control::Stop && self.ended().is_none() {
                return self.finish(Stopped::Interrupted);
            }
        }
    }

    fn ended(&self) -> Option<Stopped> {
        let state = &self.snapshot.state;
        let waited = state.epoch - state.best_epoch().min(state.epoch);
        if state.step == 0 && self.config.patience > 0 && state.epoch > 0 && waited >= self.config.patience {
            return Some(Stopped::EarlyStopping { patience: self.config.patience });
        }
        (state.epoch >= self.config.epochs).then_some(Stopped::LastEpoch)
    }

    fn steps_per_epoch(&self) -> usize {
        self.train.len().div_ceil(self.config.batch_size)
    }

    fn learning_rate(&self, taken: u64) -> f64 {
        let steps = self.steps_per_epoch() as u64;
        let (total, warmup) = (steps * self.config.epochs as u64, steps * self.config.warmup_epochs as u64);
        self.config.learning_rate * self.config.schedule.factor(taken, total, warmup)
    }

    /// The rest of the current epoch's steps.
    fn epoch(&mut self, observer: &mut dyn FnMut(&Progress) -> Control) -> Result<Control, TrainError> {
        let epoch = self.snapshot.state.epoch;
        let order = self.train.order(self.config.seed, epoch);
        let device = self.device.clone().autodiff();
        for rows in order.chunks(self.config.batch_size).skip(self.snapshot.state.step) {
            self.step(rows, epoch, &device)?;
            self.examples_seen += rows.len();
            if observer(&Progress::Step(self.standing())) == Control::Stop {
                return Ok(Control::Stop);
            }
        }
        Ok(Control::Continue)
    }

    fn step(&mut self, rows: &[usize], epoch: usize, device: &Device) -> Result<(), TrainError> {
        let Snapshot { state, weights, optimizer, .. } = &self.snapshot;
        let rate = self.learning_rate(optimizer.steps);
        let mode = Mode::Train { seed: self.config.seed, step: optimizer.steps };
        let batch = self.train.augmented(rows, self.config, epoch);
        let labels: Vec<&[f64]> = rows.iter().map(|&row| self.train.labels(row)).collect();
        let mut found = gradients(&self.plan, weights, &self.dataset.tasks, &batch, &labels, mode, device)?;
        let no_labels = found.sums.known.iter().all(|&known| known == 0);
        let finite = no_labels || found.sums.mean().is_finite();
        if !finite || found.parameters.iter().flatten().any(|g| !g.is_finite()) {
            return Err(TrainError::NotFinite { epoch: epoch + 1, step: state.step + 1, rate });
        }
        if let Some(limit) = self.config.clip_gradient {
            clip(&mut found.parameters, limit);
        }
        let Snapshot { state, weights, optimizer, .. } = &mut self.snapshot;
        optimizer.begin_step();
        for (i, gradient) in found.parameters.iter().enumerate() {
            let array = &mut weights.parameters[i];
            optimizer.update(i, &mut array.values, gradient, rate, array.shape.len() > 1);
        }
        for (buffer, values) in found.buffers {
            weights.buffers[buffer].values = values;
        }
        state.sums.add(&found.sums);
        state.step += 1;
        Ok(())
    }

    fn standing(&self) -> StepProgress {
        let state = &self.snapshot.state;
        let (steps, seconds) = (self.steps_per_epoch(), self.clock.elapsed().as_secs_f64().max(1e-9));
        let left = (self.config.epochs - state.epoch) * steps - state.step.min(steps);
        let done = self.examples_seen.div_ceil(self.config.batch_size).max(1);
        StepProgress {
            epoch: state.epoch + 1,
            epochs: self.config.epochs,
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
        let device = self.device.clone().without_autodiff();
        let leaves = Leaves::new(&self.snapshot.weights, &device);
        let tasks = &self.dataset.tasks;
        let judged = validate(&self.plan, &leaves, &self.valid, tasks, self.plan.evaluation_rows(), &device)
            .map_err(TrainError::Device)?;
        let learning_rate = self.learning_rate(self.snapshot.optimizer.steps.saturating_sub(1));
        let Snapshot { state, weights, best, .. } = &mut self.snapshot;
        if !judged.loss.is_finite() {
            return Err(TrainError::NotFinite { epoch: state.epoch + 1, step: state.step, rate: learning_rate });
        }
        let score = match self.config.monitor {
            Monitor::Loss => judged.loss,
            Monitor::Metric => judged.metric.map_or(f64::MAX, |value| -value),
        };
        let is_best = state.best_score.is_none_or(|best| score < best);
        if is_best {
            state.best_score = Some(score);
            *best = weights.clone();
        }
        let seconds = began.elapsed().as_secs_f64();
        state.seconds += seconds;
        let epoch_seconds = state.epoch_seconds + seconds;
        let record = EpochRecord {
            epoch: state.epoch + 1,
            train_loss: state.sums.mean(),
            valid_loss: judged.loss,
            metric: metric_name(tasks).to_owned(),
            valid_metric: judged.metric,
            best: is_best,
            learning_rate,
            seconds: epoch_seconds,
            examples_per_second: self.train.len() as f64 / epoch_seconds.max(1e-9),
        };
        state.history.push(record.clone());
        state.epoch += 1;
        state.step = 0;
        state.sums = LossSums::new(tasks.len());
        state.epoch_seconds = 0.0;
        self.write_history()?;
        Ok(observer(&Progress::Epoch(record)))
    }

    /// The history as the state has it: lines of epochs that a resumed run will repeat are gone.
    fn write_history(&self) -> Result<(), TrainError> {
        let mut text = String::new();
        for record in &self.snapshot.state.history {
            text += &serde_json::to_string(record).map_err(std::io::Error::other)?;
            text.push('\n');
        }
        Ok(write_whole(&self.directory.join("history.jsonl"), text.as_bytes())?)
    }

    fn finish(self, stopped: Stopped) -> Result<TrainOutcome, TrainError> {
        let interrupted = stopped == Stopped::Interrupted;
        let state = self.snapshot.state;
        let best_epoch = state.best_epoch();
        let training = state.history.iter().find(|record| record.epoch == best_epoch).map(|best| TrainingSummary {
            epochs: state.epoch,
            best_epoch,
            valid_loss: best.valid_loss,
            metric: best.metric.clone(),
            valid_metric: best.valid_metric,
            train_examples: self.train.len(),
            seed: self.config.seed,
        });
        let parameters = self.plan.parameters.iter().map(|spec| spec.size()).sum();
        let Dataset { tasks, encoding, length, .. } = self.dataset;
        let purpose = Purpose { tasks: tasks.clone(), encoding: *encoding, length: *length, training };
        let model = Model::assemble(self.architecture.clone(), self.plan, self.snapshot.best, purpose, &self.device);
        if !interrupted {
            model.save(&self.directory.join(MODEL))?;
        }
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
