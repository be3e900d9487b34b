//! `basewise train`: a data set and an architecture become a run directory.

use crate::commands::command_line;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, RunInfo, write_json};
use crate::table::{count, duration};
use anyhow::Result;
use basewise_core::source::{ExampleSource, Header};
use basewise_core::{Alphabet, Split, TaskKind};
use basewise_io::dataset::StoredDataset;
use basewise_nn::{
    Architecture, CheckpointEvery, Control, DeviceChoice, EpochTiming, OpenedDevice, OptimizerKind, Progress,
    TrainConfig, TrainOptions, TrainOutcome,
};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum OptimizerArg {
    Adam,
    Adamw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SwitchArg {
    /// On for DNA, off for RNA
    Auto,
    On,
    Off,
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise train quickstart/donor/data --model cnn --epochs 2 --reverse-complement off -o my-run
  $ basewise train quickstart/donor/data --model cnn --epochs 3 --reverse-complement off -o my-run --overwrite
  $ basewise train quickstart/donor/data --epochs 2 --accumulate 2 --checkpoint-every 10m -o my-run --overwrite

Ctrl-C finishes the step and saves; the same command with --resume goes on exactly there.")]
pub(crate) struct TrainArgs {
    /// Data set directory
    data: PathBuf,
    /// A preset (see `basewise model list`) or an architecture file (.toml)
    #[arg(short, long, default_value = "cnn", value_name = "PRESET|FILE")]
    model: String,
    /// Run directory to write
    #[arg(short, long, value_name = "RUN")]
    output: PathBuf,
    /// Most passes over the training examples
    #[arg(long, default_value_t = 30, value_name = "N")]
    epochs: usize,
    /// Examples that go through the network at once
    #[arg(long, default_value_t = 64, value_name = "N")]
    batch_size: usize,
    /// Batches that make one step, as if they were one large batch
    #[arg(long, default_value_t = 1, value_name = "N")]
    accumulate: usize,
    /// Step size of the optimizer
    #[arg(long, allow_negative_numbers = true, default_value_t = 2e-3, value_name = "X")]
    learning_rate: f64,
    /// Decay of the weights: L2 penalty with adam, decoupled with adamw
    #[arg(long, allow_negative_numbers = true, default_value_t = 0.01, value_name = "X")]
    weight_decay: f64,
    #[arg(long, value_enum, default_value = "adamw")]
    optimizer: OptimizerArg,
    /// Scale gradients down to this norm over all weights, if theirs is larger
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    clip_gradient: Option<f64>,
    /// Stop after this many epochs without a better validation loss; the best weights are kept
    #[arg(long, default_value_t = 5, value_name = "EPOCHS")]
    patience: usize,
    /// Show each training example as its reverse complement half of the time
    #[arg(long, value_enum, default_value = "auto")]
    reverse_complement: SwitchArg,
    /// Seed of the first weights, the order of examples, dropout and augmentation
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Megabytes of examples that are held and shuffled at once; a larger data set is streamed
    #[arg(long, default_value_t = 256, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..1 << 30))]
    shuffle_window: u64,
    /// Threads that prepare batches ahead; 0 prepares them between steps. The result is the same
    #[arg(long, default_value_t = 1, value_name = "N")]
    loader_workers: usize,
    /// Save within epochs too, after this many steps or this much time: 500, 30s, 10m, 2h
    #[arg(long, value_name = "STEPS|TIME")]
    checkpoint_every: Option<CheckpointEvery>,
    /// Checkpoints to keep
    #[arg(long, default_value_t = 2, value_name = "K")]
    keep_checkpoints: usize,
    /// auto, cpu, gpu or gpu:N
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Go on with an interrupted run
    #[arg(long)]
    resume: bool,
    /// Replace a run that is there already
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
}

impl TrainArgs {
    fn config(&self, alphabet: Alphabet) -> TrainConfig {
        TrainConfig {
            epochs: self.epochs,
            batch_size: self.batch_size,
            accumulate: self.accumulate,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            optimizer: match self.optimizer {
                OptimizerArg::Adam => OptimizerKind::Adam,
                OptimizerArg::Adamw => OptimizerKind::AdamW,
            },
            clip_gradient: self.clip_gradient,
            patience: self.patience,
            reverse_complement: match self.reverse_complement {
                SwitchArg::Auto => alphabet == Alphabet::Dna,
                SwitchArg::On => true,
                SwitchArg::Off => false,
            },
            seed: self.seed,
            shuffle_window: self.shuffle_window << 20,
            ..TrainConfig::default()
        }
    }

    fn options(&self) -> TrainOptions {
        TrainOptions {
            resume: self.resume,
            loader_workers: self.loader_workers,
            checkpoint_every: self.checkpoint_every,
            keep_checkpoints: self.keep_checkpoints,
        }
    }
}

/// The architecture that `model` names: a preset or a TOML file.
pub(crate) fn architecture(model: &str) -> Result<Architecture> {
    if Path::new(model).extension().is_some_and(|e| e == "toml") {
        let text = fs_err::read_to_string(model)?;
        return Ok(Architecture::from_toml(&text, model)?);
    }
    if Path::new(model).exists() {
        return Err(user(
            format!("{model}: expected a preset or an architecture file with the ending .toml, found another file"),
            Some("`basewise model show cnn --toml` prints a file to start from"),
        ));
    }
    Ok(Architecture::preset(model)?)
}

pub(crate) fn run(args: &TrainArgs, printer: &Printer) -> Result<Outcome> {
    let (data, _) = basewise_io::dataset::open(&args.data)?;
    let header = data.header();
    let architecture = architecture(&args.model)?;
    let config = args.config(header.encoding.alphabet);
    one_class_splits(&data, printer)?;
    let device = basewise_nn::device::open(args.device)?;
    basewise_nn::check(&data, &architecture, &config)?;
    let run = RunDir::new(&args.output);
    if args.resume && finished(&run, &config, printer)? {
        return Ok(Outcome::Done);
    }
    prepare(args, &run)?;
    printer.talk(&format!("device: {}", device_text(&device)));
    printer.talk(&sizes(args, &architecture, &data)?);
    let mut reporter = Reporter::new(printer, &config);
    let observe = &mut |progress: &Progress| reporter.see(progress);
    let outcome = basewise_nn::train(&data, &architecture, &config, &device, run.path(), &args.options(), observe);
    reporter.finish();
    finish(args, &run, &config, &device_text(&device), data.sha256(), outcome?, printer)
}

/// How large network and data are, in a line.
fn sizes(args: &TrainArgs, architecture: &Architecture, data: &StoredDataset) -> Result<String> {
    let header @ Header { encoding, length, .. } = &data.header();
    let summary = architecture.summary(encoding.channels(), *length, header.outputs())?;
    let rows = |split| count(data.counts().rows(split));
    Ok(format!(
        "{}: {} parameters; {} training and {} validation examples of {} x {} positions",
        args.model,
        count(summary.parameters),
        rows(Split::Train),
        rows(Split::Valid),
        encoding.channels(),
        length
    ))
}

fn device_text(device: &OpenedDevice) -> String {
    format!("{}; {}", device.description, device.reason)
}

/// A model cannot learn what only one class shows; where it is only judged on one class, that is worth a warning.
fn one_class_splits(data: &StoredDataset, printer: &Printer) -> Result<()> {
    let tasks = data.header().tasks;
    for (t, task) in tasks.iter().enumerate().filter(|(_, task)| task.kind != TaskKind::Regression) {
        for split in Split::ALL.into_iter().filter(|&split| data.counts().known(t, split).is_constant()) {
            let text = format!("task {:?}: the {split} split has one class only", task.name);
            if split == Split::Train {
                return Err(user(text, Some("`basewise dataset show` prints the classes of each split")));
            }
            printer.warn(&text);
        }
    }
    Ok(())
}

/// Whether there is nothing left to resume. A finished run of other settings is an error, not something to go on with.
fn finished(run: &RunDir, config: &TrainConfig, printer: &Printer) -> Result<bool> {
    if !run.info_path().is_file() {
        return Ok(false);
    }
    if run.info()?.config != *config {
        return Err(user(
            format!("{}: the run is finished, and was trained with other settings", run.path().display()),
            Some("choose another directory with -o, or replace it with --overwrite"),
        ));
    }
    printer.talk(&format!("{}: the run is finished already; nothing is left to do", run.path().display()));
    Ok(true)
}

/// Makes room for the run: nothing of an earlier one is removed unasked, and nothing of the user's ever.
fn prepare(args: &TrainArgs, run: &RunDir) -> Result<()> {
    if args.output.exists() && !args.output.is_dir() {
        return Err(user(
            format!("{}: expected a directory for the run, found a file", args.output.display()),
            Some("choose another with -o"),
        ));
    }
    if let Some(foreign) = run.foreign()? {
        return Err(user(
            format!(
                "{}: expected a new or empty directory for the run, found {}",
                args.output.display(),
                foreign.display()
            ),
            Some("choose another directory with -o"),
        ));
    }
    let occupied = args.output.is_dir() && fs_err::read_dir(&args.output)?.next().is_some();
    if !occupied {
        return Ok(());
    }
    if args.resume {
        return run.tidy();
    }
    if !args.overwrite {
        return Err(user(
            format!("{}: a run is there already", args.output.display()),
            Some("--resume goes on with an interrupted run, --overwrite replaces it"),
        ));
    }
    run.clear()
}

fn finish(
    args: &TrainArgs,
    run: &RunDir,
    config: &TrainConfig,
    device: &str,
    dataset_sha256: &str,
    outcome: TrainOutcome,
    printer: &Printer,
) -> Result<Outcome> {
    if outcome.interrupted {
        printer.stderr(&format!(
            "interrupted in epoch {}; the state is saved in {}\nto go on: {} --resume",
            outcome.epochs + 1,
            run.file("checkpoints").display(),
            command_line().replace(" --overwrite", "").replace(" --resume", "")
        ));
        return Ok(Outcome::No);
    }
    let info = RunInfo {
        format_version: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: command_line(),
        dataset: args.data.clone(),
        dataset_sha256: dataset_sha256.to_owned(),
        model: args.model.clone(),
        parameters: outcome.parameters,
        config: config.clone(),
        device: device.to_owned(),
        threads: rayon::current_num_threads(),
        weights_sha256: outcome.weights_digest,
        best_epoch: outcome.best_epoch,
        epochs: outcome.epochs,
        stopped: outcome.stopped.to_string(),
        seconds: outcome.seconds,
        examples_per_second: examples_per_second(&outcome.timing),
    };
    write_json(&run.info_path(), &info)?;
    printer.talk(&format!(
        "{} epochs in {}: {}; best validation loss in epoch {}\nweights {}\nnext: basewise evaluate {}",
        info.epochs,
        duration(info.seconds),
        info.stopped,
        info.best_epoch,
        info.weights_sha256,
        run.path().display()
    ));
    Ok(Outcome::Done)
}

/// Training examples per second over all epochs.
fn examples_per_second(timing: &[EpochTiming]) -> f64 {
    let examples: f64 = timing.iter().map(|epoch| epoch.examples_per_second * epoch.seconds).sum();
    examples / timing.iter().map(|epoch| epoch.seconds).sum::<f64>().max(1e-9)
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Shows progress, and turns Ctrl-C into a stop after the current step.
struct Reporter<'a> {
    printer: &'a Printer,
    bar: indicatif::ProgressBar,
    epochs: usize,
    /// The validation metric of the epoch before, for the bar.
    metric: String,
}

impl<'a> Reporter<'a> {
    fn new(printer: &'a Printer, config: &TrainConfig) -> Self {
        INTERRUPTED.store(false, Ordering::SeqCst);
        // A second handler in one process (quickstart trains twice) is refused by ctrlc; the first still works.
        let _ = ctrlc::set_handler(|| {
            if INTERRUPTED.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        });
        let bar = printer.bar(0, "{bar:24} {pos}/{len}  {msg}");
        Self { printer, bar, epochs: config.epochs, metric: String::new() }
    }

    fn see(&mut self, progress: &Progress) -> Control {
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
        if INTERRUPTED.load(Ordering::SeqCst) { Control::Stop } else { Control::Continue }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
