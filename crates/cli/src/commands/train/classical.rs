//! Classical models: the whole data set becomes features at once, and the fit is done in one go.

use super::members::together;
use super::{TrainArgs, prepare};
use crate::commands::{command_line, motifs, quoted};
use crate::ensemble::{self, Members};
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{CONFIG, CONFIG_MARK, FoldRecipe, RunDir, RunInfo, write_json, write_text};
use crate::table::{count, duration};
use crate::trained::{self, CLASSICAL, Settings};
use anyhow::{Context, Result};
use basewise_core::metrics::{self, BootstrapOptions};
use basewise_core::{Dataset, Matrix, Predict, Split, probabilities};
use basewise_io::dataset::StoredDataset;
pub(crate) use basewise_learn::classical::Kind;
use basewise_learn::classical::{self, ClassicalConfig, ClassicalModel, TaskFit, Trained};
use basewise_motif::Motif;
use basewise_nn::EpochRecord;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// The kind of classical model that is asked for, by flag or by file, if one is.
pub(super) fn asked(args: &TrainArgs) -> Result<Option<Kind>> {
    let in_file = || -> Result<Option<String>> {
        let Some(path) = &args.config else { return Ok(None) };
        let table: Option<toml::Table> = fs_err::read_to_string(path)?.parse().ok();
        Ok(table.and_then(|table| Some(table.get("model")?.as_str()?.to_owned())))
    };
    let name = match &args.model {
        Some(model) => Some(model.clone()),
        None => in_file()?,
    };
    Ok(name.and_then(|name| name.parse().ok()))
}

/// Settings of a file over those of the kind; errors are opened by `source`.
pub(crate) fn from_table(kind: Kind, table: toml::Table, source: &str, seed: u64) -> Result<ClassicalConfig> {
    let usual = ClassicalConfig { seed, ..ClassicalConfig::new(kind) };
    basewise_nn::overridden(&usual, table, &[]).map_err(|fault| user(format!("{source}: {fault}"), None))
}

/// The settings that are asked for.
fn plan(args: &TrainArgs, kind: Kind, data: &StoredDataset) -> Result<ClassicalConfig> {
    use basewise_core::source::ExampleSource;
    let usual = ClassicalConfig::new(kind);
    let config = match &args.config {
        None => usual,
        Some(path) => {
            let source = path.display().to_string();
            let mut table: toml::Table = toml::from_str(&fs_err::read_to_string(path)?)
                .map_err(|error| user(format!("{source}: expected TOML: {}", error.to_string().trim_end()), None))?;
            table.insert("model".into(), kind.name().into());
            from_table(kind, table, &source, usual.seed)?
        }
    };
    args.over_classical(config, &data.header())
}

/// What is fitted, on what.
struct Job<'a> {
    args: &'a TrainArgs,
    dataset: &'a Dataset,
    sha256: &'a str,
    config: ClassicalConfig,
    motifs: BTreeMap<String, Vec<Motif>>,
}

pub(super) fn run(args: &TrainArgs, kind: Kind, data: &StoredDataset, printer: &Printer) -> Result<Outcome> {
    let config = plan(args, kind, data)?;
    let Some(output) = args.output.as_deref() else {
        return Err(user("expected a directory to write", Some("name one with -o")));
    };
    let run = RunDir::new(output);
    let _lock = args.worker.start()?;
    let (dataset, provenance) = basewise_io::dataset::load(&args.data)?;
    let motifs = read_motifs(&config)?;
    let job = Job { args, dataset: &dataset, sha256: data.sha256(), config, motifs };
    let members = if args.ensemble.is_asked() {
        Some(args.ensemble.members(
            &provenance,
            |threshold| Ok(ensemble::origins(&dataset, threshold)),
            job.config.seed,
        )?)
    } else {
        None
    };
    if args.resume && job.is_finished(&run, members.as_ref())? {
        printer.talk(&format!("{}: the run is finished already; nothing is left to do", run.path().display()));
        return Ok(Outcome::Done);
    }
    prepare(args, &run)?;
    match members {
        None => drop(job.fit(&run, 0, None, printer)?),
        Some(members) => job.ensemble(&run, &members, printer)?,
    }
    printer.talk(&format!("next: basewise evaluate {}", quoted(run.path())));
    Ok(Outcome::Done)
}

/// Writes the file from which a fit can be repeated, and the directory if need be.
fn save_settings(run: &RunDir, config: &ClassicalConfig) -> Result<()> {
    fs_err::create_dir_all(run.path())?;
    let text = toml::to_string(config).context("the settings cannot be written")?;
    write_text(&run.file(CONFIG), &(CONFIG_MARK.to_owned() + &text))
}

/// The motifs of each file that the features name.
pub(crate) fn read_motifs(config: &ClassicalConfig) -> Result<BTreeMap<String, Vec<Motif>>> {
    let sources = config.features.motif_sources();
    sources.map(|source| Ok((source.to_owned(), motifs::read(Path::new(source))?))).collect()
}

impl Job<'_> {
    /// Whether the run that is asked for is there; one of other data or settings is an error.
    fn is_finished(&self, run: &RunDir, members: Option<&Members>) -> Result<bool> {
        if !run.info_path().is_file() {
            return Ok(false);
        }
        let info = run.info()?;
        let folders = members.map_or(&[][..], |members| &members.folders);
        let same = info.config == Settings::Classical(self.config.clone())
            && info.dataset_sha256 == self.sha256
            && info.members == folders
            && info.folds == members.and_then(Members::recipe);
        if !same {
            return Err(user(
                format!("{}: the run is finished, and was trained otherwise than is asked for", run.path().display()),
                Some("choose another directory with -o, or replace it with --overwrite"),
            ));
        }
        let members = run.members()?;
        let whole = |member: &RunDir| {
            let read = trained::read(&member.file(CLASSICAL));
            Ok::<_, anyhow::Error>(
                read.is_ok_and(|(_, sha256)| member.info().is_ok_and(|info| info.weights_sha256 == sha256)),
            )
        };
        for member in &members {
            if !whole(member)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Rows to fit on, and rows to choose by: the splits, or for a member of folds all but one and that one.
    fn rows(&self, fold: Option<(&Members, usize)>) -> (Vec<usize>, Vec<usize>) {
        match fold.and_then(|(members, number)| Some((&members.folds.as_ref()?.1, number))) {
            None => (self.dataset.rows_of(Split::Train), self.dataset.rows_of(Split::Valid)),
            Some((folds, number)) => {
                let others = (0..folds.number()).filter(|&other| other != number);
                let mut train: Vec<usize> = others.flat_map(|other| folds.rows(other)).collect();
                train.sort_unstable();
                (train, folds.rows(number))
            }
        }
    }

    /// Fits one model and writes its run.
    fn fit(&self, run: &RunDir, member: usize, members: Option<&Members>, printer: &Printer) -> Result<RunInfo> {
        let begun = Instant::now();
        let (train, valid) = self.rows(members.map(|members| (members, member)));
        let config = ClassicalConfig { seed: self.config.seed.wrapping_add(member as u64), ..self.config.clone() };
        let fitted = classical::fit(self.dataset, &train, &valid, &config, self.motifs.clone())?;
        let seconds = begun.elapsed().as_secs_f64();
        printer.talk(&format!(
            "{}: {} features of {}; {} training and {} validation examples",
            config.model,
            count(fitted.features),
            config.features,
            count(train.len()),
            count(valid.len())
        ));
        let record = judge(self.dataset, &valid, &fitted)?;
        tell(&fitted.fits, &record, printer);
        save_settings(run, &config)?;
        write_json(&run.file("fits.json"), &fitted.fits)?;
        write_text(&run.file("history.jsonl"), &(serde_json::to_string(&record)? + "\n"))?;
        let digest = trained::write(&run.file(CLASSICAL), &fitted.model)?;
        let info = self.info(config, &fitted.model, digest, seconds, train.len(), members.and_then(Members::recipe));
        write_json(&run.info_path(), &info)?;
        printer.talk(&format!("trained in {}\nweights {}", duration(seconds), info.weights_sha256));
        Ok(info)
    }

    fn info(
        &self,
        config: ClassicalConfig,
        model: &ClassicalModel,
        weights_sha256: String,
        seconds: f64,
        rows: usize,
        folds: Option<FoldRecipe>,
    ) -> RunInfo {
        RunInfo {
            format_version: 1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command_line(),
            dataset: self.args.data.clone(),
            dataset_sha256: self.sha256.to_owned(),
            model: config.model.to_string(),
            parameters: model.parameters(),
            config: Settings::Classical(config),
            device: "processor".to_owned(),
            threads: rayon::current_num_threads(),
            weights_sha256,
            best_epoch: 1,
            epochs: 1,
            stopped: "the fit is done".to_owned(),
            seconds,
            examples_per_second: rows as f64 / seconds.max(1e-9),
            members: Vec::new(),
            weights: Vec::new(),
            folds,
        }
    }

    /// Fits the members one after another, each in a run directory of its own.
    fn ensemble(&self, run: &RunDir, members: &Members, printer: &Printer) -> Result<()> {
        let mut each = Vec::new();
        for member in 0..members.folders.len() {
            printer.talk(&format!("\nmember {} of {}", member + 1, members.folders.len()));
            each.push(self.fit(&members.run(run, member), member, Some(members), printer)?);
        }
        save_settings(run, &self.config)?;
        let info = together(&each, Settings::Classical(self.config.clone()), members.folders.clone());
        write_json(&run.info_path(), &info)
    }
}

/// Losses, and on the validation rows the metric that networks are watched by.
fn judge(dataset: &Dataset, valid: &[usize], fitted: &Trained) -> Result<EpochRecord> {
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let name = basewise_nn::validation_metric(&dataset.tasks);
    let valid_losses: Vec<f64> = fitted.fits.iter().filter_map(|fit| fit.valid_loss).collect();
    let train_loss = mean(fitted.fits.iter().map(|fit| fit.train_loss).collect());
    let mut record = EpochRecord {
        epoch: 1,
        train_loss,
        valid_loss: if valid_losses.is_empty() { train_loss } else { mean(valid_losses) },
        metric: name.to_owned(),
        valid_metric: None,
        best: true,
        learning_rate: 0.0,
    };
    if !valid.is_empty() {
        let batch = crate::commands::evaluate::batch_of_rows(&fitted.model, dataset, valid.iter().copied())?;
        let mut predicted: Matrix = fitted.model.predict(&batch)?;
        probabilities(&dataset.tasks, &mut predicted);
        let labels: Vec<Vec<f64>> = valid.iter().map(|&row| dataset.seen_labels(row)).collect();
        let labels: Vec<&[f64]> = labels.iter().map(Vec::as_slice).collect();
        let plain = BootstrapOptions { replicates: 0, ..BootstrapOptions::default() };
        let tasks = metrics::evaluate(&dataset.tasks, &labels, &predicted, &plain);
        let values: Vec<f64> = tasks.iter().filter_map(|task| task.metrics.get(name)?.value).collect();
        record.valid_metric = (!values.is_empty()).then(|| mean(values));
    }
    Ok(record)
}

/// Tasks that are told of one by one.
const TASKS: usize = 8;

fn tell(fits: &[TaskFit], record: &EpochRecord, printer: &Printer) {
    for fit in fits.iter().take(TASKS) {
        printer.talk(&format!("{}: {}", fit.task, fit.summary));
    }
    if fits.len() > TASKS {
        printer.talk(&format!("and {} more tasks in fits.json", count(fits.len() - TASKS)));
    }
    for fit in fits.iter().filter(|fit| !fit.unseen.is_empty()) {
        let (task, classes) = (&fit.task, fit.unseen.join(", "));
        printer
            .warn(&format!("task {task:?}: no training example of {classes}, which will get next to no probability"));
    }
    let unfinished = fits.iter().filter(|fit| !fit.converged).count();
    if unfinished > 0 {
        printer.warn(&format!("{unfinished} of {} fits did not reach their minimum", fits.len()));
    }
    let valid = if fits.iter().any(|fit| fit.valid_loss.is_some()) {
        let metric = record.valid_metric.map_or(String::new(), |value| format!("  {} {value:.4}", record.metric));
        format!("  valid loss {:.4}{metric}", record.valid_loss)
    } else {
        String::new()
    };
    printer.talk(&format!("train loss {:.4}{valid}", record.train_loss));
}
