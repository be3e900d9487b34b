//! `basewise train`: a data set and an architecture become a run directory.

mod args;
pub(crate) mod classical;
mod classical_args;
mod members;
pub(crate) use members::together;
mod reporter;
mod words;
pub(crate) mod worker;

pub(crate) use args::TrainArgs;

use crate::commands::{command_line, quoted};
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{CONFIG, CONFIG_MARK, FoldRecipe, RunDir, RunInfo, write_json, write_text};
use crate::table::{Table, count, duration};
use crate::trained::Settings;
use anyhow::Result;
use basewise_core::Split;
use basewise_core::source::{ExampleSource, Header};
use basewise_io::dataset::StoredDataset;
use basewise_nn::{
    Architecture, ArchitectureError, ConfigFile, EpochTiming, OpenedDevice, Progress, TrainConfig, TrainOutcome,
};
use reporter::Reporter;
use std::path::Path;

/// What is trained, and how: flags, and below them a configuration file.
struct Plan {
    /// What the network is called.
    model: String,
    architecture: Architecture,
    config: TrainConfig,
}

impl Plan {
    fn new(args: &TrainArgs, header: &Header) -> Result<Self> {
        let usual = TrainArgs::usual(header);
        let file = match &args.config {
            Some(path) => ConfigFile::from_toml(&fs_err::read_to_string(path)?, &path.display().to_string(), &usual)?,
            None => ConfigFile { model: None, architecture: None, train: usual },
        };
        let config = args.over(file.train, header)?.resolved();
        let (model, architecture) = match (&args.model, file.architecture) {
            (None, Some(architecture)) => {
                let name = file.model.or_else(|| architecture.name.clone());
                (name.unwrap_or_else(|| "network".to_owned()), architecture)
            }
            (asked, _) => {
                let model = asked.clone().or(file.model).unwrap_or_else(|| "cnn".to_owned());
                let architecture = architecture(&model)?;
                (model, architecture)
            }
        };
        Ok(Self { model, architecture, config })
    }

    /// Writes the file from which all of this can be repeated.
    fn save(&self, run: &RunDir) -> Result<()> {
        let file = ConfigFile {
            model: Some(self.model.clone()),
            architecture: Some(self.architecture.clone()),
            train: self.config.clone(),
        };
        fs_err::create_dir_all(run.path())?;
        write_text(&run.file(CONFIG), &(CONFIG_MARK.to_owned() + &file.to_toml()?))
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
    let classical = classical::Kind::ALL.map(classical::Kind::name);
    Architecture::preset(model).map_err(|error| match error {
        ArchitectureError::UnknownPreset { .. } => unknown(model, &classical),
        other => other.into(),
    })
}

/// No network and no classical model has this name.
fn unknown(model: &str, classical: &[&str]) -> anyhow::Error {
    let presets = Architecture::presets().iter().map(|(name, _)| *name);
    let names: Vec<&str> = classical.iter().copied().chain(presets).collect();
    let meant = basewise_nn::nearest(model, &names).map_or(String::new(), |name| format!("; did you mean {name:?}?"));
    user(
        format!("unknown model {model:?}{meant}"),
        Some(&format!("models are {}; the path of an architecture file (.toml) works too", names.join(", "))),
    )
}

pub(crate) fn run(args: &TrainArgs, printer: &Printer) -> Result<Outcome> {
    let (data, provenance) = basewise_io::dataset::open(&args.data)?;
    if let Some(kind) = classical::asked(args)? {
        one_class_splits(&data, printer)?;
        return classical::run(args, kind, &data, printer);
    }
    let plan = Plan::new(args, &data.header())?;
    args.classical.refuse(&plan.model)?;
    one_class_splits(&data, printer)?;
    let device = basewise_nn::device::open(args.device())?;
    if plan.config.recompute && !device.is_processor() {
        printer.warn("recompute has no effect on this device");
    }
    let Some(output) = args.output.as_deref().filter(|_| !args.finds_learning_rate()) else {
        return find_learning_rate(&data, &plan, &device, args.json(), printer);
    };
    args.options().check()?;
    let run = RunDir::new(output);
    let _lock = args.worker.start()?;
    if args.ensemble.is_asked() {
        return members::train(args, (&data, &provenance), &plan, &device, &run, printer);
    }
    basewise_nn::check(&data, &plan.architecture, &plan.config)?;
    if args.resume && finished(&run, &plan, data.sha256(), printer)? {
        return Ok(Outcome::Done);
    }
    prepare(args, &run)?;
    if !(args.resume && run.file(CONFIG).exists()) {
        plan.save(&run)?;
    }
    printer.talk(&format!("device: {}", device_text(&device)));
    printer.talk(&sizes(&plan, &data)?);
    let mut reporter = Reporter::new(printer, &plan.config);
    let observe = &mut |progress: &Progress| reporter.see(progress);
    let Plan { architecture, config, .. } = &plan;
    let outcome = basewise_nn::train(&data, architecture, config, &device, run.path(), &args.options(), observe);
    reporter.finish();
    let outcome = outcome?;
    // More epochs or patience may have been asked for than when the run began.
    plan.save(&run)?;
    let about = About { device: &device, dataset_sha256: data.sha256(), folds: None };
    let outcome = finish(args, &run, &plan, &about, outcome, printer)?;
    if outcome == Outcome::Done {
        printer.talk(&format!("next: basewise evaluate {}", quoted(run.path())));
    }
    Ok(outcome)
}

/// What the record of a run says besides its plan and its outcome.
struct About<'a> {
    device: &'a OpenedDevice,
    dataset_sha256: &'a str,
    folds: Option<FoldRecipe>,
}

/// Prints how the loss goes with the learning rate.
fn find_learning_rate(
    data: &StoredDataset,
    plan: &Plan,
    device: &OpenedDevice,
    json: bool,
    printer: &Printer,
) -> Result<Outcome> {
    let trials = basewise_nn::find_learning_rate(data, &plan.architecture, &plan.config, device)?;
    if json {
        let suggested = basewise_nn::suggested_learning_rate(&trials);
        printer.json(&serde_json::json!({ "trials": trials, "suggested_learning_rate": suggested }))?;
        return Ok(Outcome::Done);
    }
    let mut table = Table::new(&["learning_rate", "loss", "smoothed_loss"]);
    for trial in &trials {
        let losses = [trial.loss, trial.smoothed_loss].map(|loss| format!("{loss:.5}"));
        table.row(std::iter::once(format!("{:.3e}", trial.learning_rate)).chain(losses));
    }
    printer.data(&table.render())?;
    match basewise_nn::suggested_learning_rate(&trials) {
        Some(rate) => {
            printer.talk(&format!("suggested: --learning-rate {rate:.1e}, a tenth of where the loss is smallest"))
        }
        None => printer.warn("the loss is not a finite number at the smallest learning rate"),
    }
    Ok(Outcome::Done)
}

/// How large network and data are, in a line.
fn sizes(plan: &Plan, data: &StoredDataset) -> Result<String> {
    let header @ Header { encoding, length, .. } = &data.header();
    let summary = plan.architecture.summary(header, *length, &header.tasks)?;
    let mut beside = match header.covariates.len() {
        0 => String::new(),
        count => format!(" with {count} covariates"),
    };
    if let Some(control) = &header.control {
        beside += &format!(" with control {control}");
    }
    let rows = |split| count(data.counts().rows(split));
    Ok(format!(
        "{}: {} parameters; {} training and {} validation examples of {} x {} positions{beside}",
        plan.model,
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
    for (t, task) in tasks.iter().enumerate().filter(|(_, task)| !task.kind.is_number()) {
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

/// Whether there is nothing left to resume. A finished run of other data, settings or layers is an error, not something
/// to go on with.
fn finished(run: &RunDir, plan: &Plan, dataset_sha256: &str, printer: &Printer) -> Result<bool> {
    if !run.info_path().is_file() {
        return Ok(false);
    }
    let info = run.info()?;
    let other = |what: &str| {
        let message = format!("{}: the run is finished, and was trained {what}", run.path().display());
        Err(user(message, Some("choose another directory with -o, or replace it with --overwrite")))
    };
    if !info.members.is_empty() {
        return other("as an ensemble");
    }
    let Settings::Network(trained) = &info.config else { return other("as a classical model") };
    if info.dataset_sha256 != dataset_sha256 {
        return other("on another data set");
    }
    // Without its record it is an interrupted run, which goes on from its last checkpoint.
    let interrupted = || fs_err::remove_file(run.info_path()).map(|()| false);
    let model = match run.single_model("training") {
        Ok(model) if model.digest() == info.weights_sha256 => model,
        _ => {
            printer.warn(&format!(
                "{}: expected the model that run.json names, found none or another; it is made again from the last checkpoint",
                run.file("model.safetensors").display()
            ));
            return Ok(interrupted()?);
        }
    };
    if model.architecture().layers != plan.architecture.layers {
        return other("with other layers");
    }
    if goes_on(trained, &plan.config) {
        return Ok(interrupted()?);
    }
    if *trained != plan.config {
        return other("with other settings");
    }
    printer.talk(&format!("{}: the run is finished already; nothing is left to do", run.path().display()));
    Ok(true)
}

/// Whether a finished run only has to go on for more epochs.
fn goes_on(trained: &TrainConfig, config: &TrainConfig) -> bool {
    config.epochs > trained.epochs && TrainConfig { epochs: config.epochs, ..trained.clone() } == *config
}

/// Makes room for the run: nothing of an earlier one is removed unasked, and nothing of the user's ever.
fn prepare(args: &TrainArgs, run: &RunDir) -> Result<()> {
    if !run.is_occupied()? {
        return Ok(());
    }
    if args.resume {
        return run.tidy();
    }
    if !args.overwrite {
        return Err(user(
            format!("{}: a run is there already", run.path().display()),
            Some("--resume goes on with an interrupted run, --overwrite replaces it"),
        ));
    }
    run.clear()
}

fn finish(
    args: &TrainArgs,
    run: &RunDir,
    plan: &Plan,
    about: &About<'_>,
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
        dataset_sha256: about.dataset_sha256.to_owned(),
        model: plan.model.clone(),
        parameters: outcome.parameters,
        config: Settings::Network(plan.config.clone()),
        device: device_text(about.device),
        threads: rayon::current_num_threads(),
        weights_sha256: outcome.weights_digest,
        best_epoch: outcome.best_epoch,
        epochs: outcome.epochs,
        stopped: outcome.stopped.to_string(),
        seconds: outcome.seconds,
        examples_per_second: examples_per_second(&outcome.timing),
        members: Vec::new(),
        weights: Vec::new(),
        folds: about.folds,
    };
    write_json(&run.info_path(), &info)?;
    printer.talk(&format!(
        "{} epochs in {}: {}; best validation loss in epoch {}\nweights {}",
        info.epochs,
        duration(info.seconds),
        info.stopped,
        info.best_epoch,
        info.weights_sha256
    ));
    Ok(Outcome::Done)
}

/// Training examples per second over all epochs.
fn examples_per_second(timing: &[EpochTiming]) -> f64 {
    let examples: f64 = timing.iter().map(|epoch| epoch.examples_per_second * epoch.seconds).sum();
    examples / timing.iter().map(|epoch| epoch.seconds).sum::<f64>().max(1e-9)
}
