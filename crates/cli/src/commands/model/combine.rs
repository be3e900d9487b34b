//! `basewise model combine`: several trained runs as one that predicts with all of them.

use crate::commands::command_line;
use crate::commands::train::together;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{CONFIG, RunDir, RunInfo, write_json};
use crate::trained::{CLASSICAL, NETWORK, Settings, TrainedModel};
use anyhow::{Context, Result};
use basewise_core::average::{AverageError, Ensemble};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise train quickstart/donor/data --model logistic --features positional=2 -o logistic
  $ basewise model combine quickstart/donor/run logistic -o both
  $ basewise evaluate both --split valid --no-baselines

Raw scores (logits, values) are averaged. Each run counts alike, and so do the members of a run; --weights says otherwise.
Choose runs and weights by the validation split, before the test split is looked at. The models are copied.")]
pub(crate) struct CombineArgs {
    /// Runs that were trained on the same data set: networks, classical models, ensembles
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Run directory to write
    #[arg(short, long, value_name = "RUN")]
    output: PathBuf,
    /// What each run counts, in their order, such as 2,1
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    weights: Vec<f64>,
    /// Replace a run that is there already
    #[arg(long)]
    overwrite: bool,
}

/// A member with its run and its share of the whole.
struct Part {
    run: RunDir,
    info: RunInfo,
    weight: f64,
}

pub(super) fn run(args: &CombineArgs, printer: &Printer) -> Result<Outcome> {
    let weights = run_weights(args)?;
    let mut parts = Vec::new();
    for (path, weight) in args.runs.iter().zip(weights) {
        parts.extend(parts_of(&RunDir::open(path)?, weight)?);
    }
    same_data(&parts)?;
    let output = RunDir::new(&args.output);
    for part in &parts {
        apart(&part.run, &output)?;
    }
    predict_together(&parts)?;
    let occupied = output.is_occupied()?;
    if occupied && !args.overwrite {
        return Err(user(
            format!("{}: a run is there already", args.output.display()),
            Some("--overwrite replaces it"),
        ));
    }
    write(args, &parts, &output)?;
    printer.talk(&format!(
        "{} models of {} runs predict together; next: basewise evaluate {} --split valid",
        parts.len(),
        args.runs.len(),
        crate::commands::quoted(&args.output)
    ));
    Ok(Outcome::Done)
}

/// Beyond, sums of weighted scores would lose their meaning.
const LARGEST: f64 = 1e9;

/// What each run counts.
fn run_weights(args: &CombineArgs) -> Result<Vec<f64>> {
    if args.weights.is_empty() {
        return Ok(vec![1.0; args.runs.len()]);
    }
    let sound = |weight: &f64| *weight > 0.0 && *weight <= LARGEST;
    if args.weights.len() != args.runs.len() || !args.weights.iter().all(sound) {
        return Err(user(
            format!(
                "expected --weights of {} numbers above 0 and up to {LARGEST:e}, found {:?}",
                args.runs.len(),
                args.weights
            ),
            Some("one for each run, in their order; leave out a run that is to count nothing"),
        ));
    }
    Ok(args.weights.clone())
}

/// The models of a run, which share its weight as they do among themselves.
fn parts_of(run: &RunDir, weight: f64) -> Result<Vec<Part>> {
    let whole = run.info()?;
    if whole.folds.is_some() {
        return Err(user(
            format!("{}: this run was trained on folds, each model on other examples", run.path().display()),
            Some("combine runs that share the training and the validation split, such as those of --members"),
        ));
    }
    let members = run.members()?;
    let shares = if whole.weights.is_empty() { vec![1.0; members.len()] } else { whole.weights };
    let total: f64 = shares.iter().sum();
    let part = |(run, share): (RunDir, f64)| Ok(Part { info: run.info()?, run, weight: weight * (share / total) });
    members.into_iter().zip(shares).map(part).collect()
}

fn same_data(parts: &[Part]) -> Result<()> {
    let first = &parts[0];
    match parts.iter().find(|part| part.info.dataset_sha256 != first.info.dataset_sha256) {
        None => Ok(()),
        Some(other) => Err(user(
            format!(
                "{}: expected a run on the data set of {}, found one on {}",
                other.run.path().display(),
                first.run.path().display(),
                other.info.dataset.display()
            ),
            Some("models that saw other training examples would be judged on some of them; train on one data set"),
        )),
    }
}

/// Refuses an output that is one of the runs, or holds one.
fn apart(input: &RunDir, output: &RunDir) -> Result<()> {
    match (input.path().canonicalize(), output.path().canonicalize()) {
        (Ok(input_path), Ok(output_path)) if input_path.starts_with(&output_path) => Err(user(
            format!(
                "{}: expected another output than the runs, found {}",
                output.path().display(),
                input.path().display()
            ),
            Some("choose another with -o"),
        )),
        _ => Ok(()),
    }
}

/// Reads every model, and refuses those that cannot predict together.
fn predict_together(parts: &[Part]) -> Result<()> {
    let models =
        parts.iter().map(|part| TrainedModel::load(&part.run).with_context(|| part.run.path().display().to_string()));
    let weights = parts.iter().map(|part| part.weight).collect();
    Ensemble::weighted(models.collect::<Result<Vec<_>>>()?, weights).map(drop).map_err(|error| match error {
        AverageError::Members { member } => user(
            format!(
                "{}: expected a model that reads and predicts the same as {}, found one of other tasks, another length, \
                 encoding, covariates or control",
                parts[member - 1].run.path().display(),
                parts[0].run.path().display()
            ),
            Some("models without covariates and control go with any others"),
        ),
        other => other.into(),
    })
}

/// Writes the run beside its place, and moves it there when it is whole.
fn write(args: &CombineArgs, parts: &[Part], output: &RunDir) -> Result<()> {
    let aside = aside(output.path());
    let filled = fill(args, parts, &RunDir::new(&aside)).and_then(|()| {
        fs_err::create_dir_all(output.path())?;
        output.clear()?;
        for name in [MEMBERS, RECORD] {
            fs_err::rename(aside.join(name), output.file(name))?;
        }
        Ok(())
    });
    let removed = if aside.exists() { fs_err::remove_dir_all(&aside) } else { Ok(()) };
    filled.and(removed.map_err(Into::into))
}

const MEMBERS: &str = "members";
const RECORD: &str = "run.json";

/// A new folder beside a place.
fn aside(place: &Path) -> PathBuf {
    let place = place.canonicalize().unwrap_or_else(|_| place.to_owned());
    let name = place.file_name().map_or("run".into(), |name| name.to_string_lossy());
    place.with_file_name(format!(".{name}.{}.partial", std::process::id()))
}

fn fill(args: &CombineArgs, parts: &[Part], run: &RunDir) -> Result<()> {
    let folders: Vec<PathBuf> = (1..=parts.len()).map(|i| PathBuf::from(MEMBERS).join(i.to_string())).collect();
    for (part, folder) in parts.iter().zip(&folders) {
        copy(&part.run, &run.path().join(folder))?;
    }
    write_json(&run.info_path(), &record(args, parts, folders))
}

/// Copies what makes a run, and not what commands made of it.
fn copy(from: &RunDir, to: &Path) -> Result<()> {
    fs_err::create_dir_all(to)?;
    for name in [NETWORK, CLASSICAL, CONFIG, "fits.json", "history.jsonl", "timing.jsonl", "run.json"] {
        let file = from.file(name);
        if file.is_file() {
            fs_err::copy(file, to.join(name))?;
        }
    }
    Ok(())
}

fn record(args: &CombineArgs, parts: &[Part], folders: Vec<PathBuf>) -> RunInfo {
    let each: Vec<RunInfo> = parts.iter().map(|part| part.info.clone()).collect();
    let mut models: Vec<&str> = each.iter().map(|info| info.model.as_str()).collect();
    models.dedup();
    // Settings are those of a network if there is one: it is what takes epochs.
    let network = each.iter().find(|info| matches!(info.config, Settings::Network(_)));
    let info = together(&each, network.unwrap_or(&each[0]).config.clone(), folders);
    RunInfo {
        command: command_line(),
        model: models.join(" + "),
        parameters: each.iter().map(|info| info.parameters).sum(),
        stopped: format!("combined of {} runs", args.runs.len()),
        weights: parts.iter().map(|part| part.weight).collect(),
        ..info
    }
}
