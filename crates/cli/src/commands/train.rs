//! `basewise train`: a data set and an architecture become a run directory.

use crate::commands::command_line;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, RunInfo, write_json};
use crate::table::{count, duration};
use anyhow::Result;
use basewise_core::{Alphabet, Dataset, Split, TaskKind};
use basewise_nn::{
    Architecture, Control, DeviceChoice, OpenedDevice, OptimizerKind, Progress, TrainConfig, TrainOutcome,
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
    /// Examples in one step
    #[arg(long, default_value_t = 64, value_name = "N")]
    batch_size: usize,
    /// Step size of the optimizer
    #[arg(long, allow_negative_numbers = true, default_value_t = 2e-3, value_name = "X")]
    learning_rate: f64,
    /// Decay of the weights: L2 penalty with adam, decoupled with adamw
    #[arg(long, allow_negative_numbers = true, default_value_t = 0.01, value_name = "X")]
    weight_decay: f64,
    #[arg(long, value_enum, default_value = "adamw")]
    optimizer: OptimizerArg,
    /// Stop after this many epochs without a better validation loss; the best weights are kept
    #[arg(long, default_value_t = 5, value_name = "EPOCHS")]
    patience: usize,
    /// Show each training example as its reverse complement half of the time
    #[arg(long, value_enum, default_value = "auto")]
    reverse_complement: SwitchArg,
    /// Seed of the first weights, the order of examples, dropout and augmentation
    #[arg(long, default_value_t = 1)]
    seed: u64,
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
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            optimizer: match self.optimizer {
                OptimizerArg::Adam => OptimizerKind::Adam,
                OptimizerArg::Adamw => OptimizerKind::AdamW,
            },
            patience: self.patience,
            reverse_complement: match self.reverse_complement {
                SwitchArg::Auto => alphabet == Alphabet::Dna,
                SwitchArg::On => true,
                SwitchArg::Off => false,
            },
            seed: self.seed,
            ..TrainConfig::default()
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
    let (dataset, _) = basewise_io::dataset::load(&args.data)?;
    let architecture = architecture(&args.model)?;
    let config = args.config(dataset.encoding.alphabet);
    one_class_splits(&dataset, printer)?;
    let device = basewise_nn::device::open(args.device)?;
    basewise_nn::check(&dataset, &architecture, &config)?;
    let run = RunDir::new(&args.output);
    if args.resume && finished(&run, &config, printer)? {
        return Ok(Outcome::Done);
    }
    prepare(args, &run)?;
    printer.talk(&format!("device: {}", device_text(&device)));
    let summary = architecture.summary(dataset.encoding.channels(), dataset.length, dataset.outputs())?;
    let rows = |split| count(dataset.rows_of(split).len());
    printer.talk(&format!(
        "{}: {} parameters; {} training and {} validation examples of {} x {} positions",
        args.model,
        count(summary.parameters),
        rows(Split::Train),
        rows(Split::Valid),
        dataset.encoding.channels(),
        dataset.length
    ));
    let mut reporter = Reporter::new(printer, &config);
    let outcome = basewise_nn::train(&dataset, &architecture, &config, &device, run.path(), args.resume, &mut |p| {
        reporter.see(p)
    })?;
    reporter.finish();
    finish(args, &run, &config, &device_text(&device), outcome, printer)
}

fn device_text(device: &OpenedDevice) -> String {
    format!("{}; {}", device.description, device.reason)
}

/// A model cannot learn what only one class shows; where it is only judged on one class, that is worth a warning.
fn one_class_splits(dataset: &Dataset, printer: &Printer) -> Result<()> {
    for (t, task) in dataset.tasks.iter().enumerate().filter(|(_, task)| task.kind != TaskKind::Regression) {
        for split in Split::ALL {
            let rows = dataset.rows_of(split);
            let mut known = rows.iter().map(|&i| dataset.examples[i].labels[t]).filter(|l| !l.is_nan());
            let Some(first) = known.next() else { continue };
            if known.any(|l| l != first) {
                continue;
            }
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
    if !occupied || args.resume {
        return Ok(());
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
        dataset_sha256: basewise_io::input::digest(&args.data.join("examples.parquet"))?,
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
            Progress::Epoch(epoch) => {
                self.metric = epoch.valid_metric.map_or(String::new(), |v| format!("  {} {v:.4}", epoch.metric));
                let line = format!(
                    "epoch {:>3}/{}  train loss {:.4}  valid loss {:.4}{}  {:.0} examples/s{}",
                    epoch.epoch,
                    self.epochs,
                    epoch.train_loss,
                    epoch.valid_loss,
                    self.metric,
                    epoch.examples_per_second,
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
