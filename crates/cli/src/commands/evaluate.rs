//! `basewise evaluate`: metrics with intervals, against baselines that saw the same split.

use crate::commands::curves;
use crate::ensemble::{self, MemberMetrics, OutOfFold};
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::resampling::{self, Resampling};
use crate::run_dir::{RunDir, write_json};
use crate::shared_args::{AverageArgs, SplitArg};
use crate::table::{Table, count};
use anyhow::{Context, Result};
use basewise_core::metrics::{self, Estimate, TaskMetrics};
use basewise_core::{
    Alphabet, CasePolicy, ControlSignal, Covariate, Dataset, Encoding, Matrix, Predict, Split, Task, TaskKind,
    baseline, probabilities,
};
use basewise_learn::baseline as linear_baseline;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise evaluate quickstart/donor/run
  $ basewise evaluate quickstart/donor/run --split valid --json
  $ basewise evaluate quickstart/donor/run --against quickstart/donor/run --no-baselines
  $ basewise evaluate quickstart/donor/run --split valid --no-baselines --average-shifts 1

Baselines are fitted on the training split of the same data: the class frequencies (or the mean, or the average
profile), and a regularized linear model of all 1- to 6-mers (where the data set has covariates, also one with these; where it has a control, also what that alone says). A network that does not beat them has learned nothing new.
--against RUN2 asks whether a difference between two models is more than chance: both predict the same examples, each
bootstrap resample draws the same examples for both, and an interval that leaves out 0 says that one is better.
Where the data set was split by similarity, resamples draw whole groups of similar sequences.")]
pub(crate) struct EvaluateArgs {
    /// Run directory
    run: PathBuf,
    /// Another data set than the one it was trained on
    data: Option<PathBuf>,
    /// Which examples to judge it on
    #[arg(long, value_enum, default_value = "test")]
    split: SplitArg,
    /// Write the metrics here [default: RUN/metrics.json for the run's own test split, with baselines]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Bootstrap resamples behind each 95 % interval
    #[arg(long, default_value_t = 1000, value_name = "N")]
    bootstrap: usize,
    /// Seed of the bootstrap
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also print the figures minus those of this other run on the same rows, with intervals of the difference
    #[arg(long, value_name = "RUN")]
    against: Option<PathBuf>,
    /// Leave out the baselines
    #[arg(long)]
    no_baselines: bool,
    #[command(flatten)]
    average: AverageArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `metrics.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Evaluation {
    pub(crate) format_version: u32,
    pub(crate) data: PathBuf,
    pub(crate) split: String,
    pub(crate) examples: usize,
    /// What the resamples behind intervals draw: `examples`, or `groups of similar sequences (N)`.
    #[serde(default = "resampling::examples")]
    pub(crate) resampled: String,
    pub(crate) model: Vec<TaskMetrics>,
    pub(crate) baselines: Vec<Baseline>,
    /// The model's figures minus those of another run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) against: Option<Against>,
    /// Over which views of each sequence scores were averaged, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) averaged_over: Option<String>,
    /// Each member of an ensemble on the same rows, without intervals; empty for a single model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) members: Vec<MemberMetrics>,
    /// Training and validation rows, each judged by the member that did not train on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) out_of_fold: Option<OutOfFold>,
}

/// Differences to another run, paired: each resample draws the same rows for both.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Against {
    pub(crate) run: PathBuf,
    pub(crate) tasks: Vec<TaskMetrics>,
}

/// A simple predictor that was fitted on the same training split.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Baseline {
    pub(crate) name: String,
    pub(crate) tasks: Vec<TaskMetrics>,
}

pub(crate) fn run(args: &EvaluateArgs, printer: &Printer) -> Result<Outcome> {
    if args.bootstrap > 1_000_000 {
        return Err(user(format!("expected --bootstrap of at most 1,000,000, found {}", args.bootstrap), None));
    }
    let run = RunDir::open(&args.run)?;
    let models = run.model()?;
    let model = args.average.over(&models)?;
    let (dataset, provenance, path) = run.dataset(args.data.as_deref())?;
    fits(&model, &dataset)?;
    if model.length() != dataset.length {
        let how = if model.length() < dataset.length { "cropped" } else { "filled up with N" };
        let (reads, has) = (model.length(), dataset.length);
        printer.warn(&format!("the model reads {reads} positions, the data set has {has}: sequences are {how}"));
    }
    if dataset.is_weighted() {
        printer.talk("each example counts once here, whatever its weight in training");
    }
    let rows = args.split.rows(&dataset, &path)?;
    let own_data = args.data.is_none();
    let folds = if own_data { ensemble::folds_of(&run, &dataset, args.split)? } else { None };
    let each = ensemble::predict_each(&model, &dataset, &rows)?;
    let predicted = ensemble::together(&model, &dataset, &rows, &each, folds.as_ref())?;
    let resampling = Resampling::of(&dataset, &provenance, &rows);
    let options = resampling.options(args.bootstrap, args.seed);
    let labels: Vec<Vec<f64>> = rows.iter().map(|&i| dataset.seen_labels(i)).collect();
    let labels: Vec<&[f64]> = labels.iter().map(Vec::as_slice).collect();
    let judge = |p: &Matrix| metrics::evaluate(&dataset.tasks, &labels, p, &options);
    let simple = if args.no_baselines { Vec::new() } else { baseline_predictions(&dataset, &rows, args.seed)? };
    let against = args.against.as_deref().map(|other| -> Result<Against> {
        let others = predict_against(other, args, &dataset, &rows)?;
        let tasks = metrics::compare(&dataset.tasks, &labels, &predicted, &others, &options);
        Ok(Against { run: other.to_owned(), tasks })
    });
    let evaluation = Evaluation {
        format_version: 1,
        data: path,
        split: args.split.name().to_owned(),
        examples: rows.len(),
        resampled: resampling.text(),
        model: judge(&predicted),
        baselines: simple.iter().map(|(name, p)| Baseline { name: name.clone(), tasks: judge(p) }).collect(),
        against: against.transpose()?,
        averaged_over: args.average.text(),
        // Other rows of folds took part in the training of members.
        members: match (&folds, args.split) {
            (None, _) | (_, SplitArg::Test) => ensemble::members(&run, &dataset, &rows, &each)?,
            _ => Vec::new(),
        },
        out_of_fold: match (&folds, args.split) {
            (Some(folds), SplitArg::Test) => {
                Some(ensemble::out_of_fold(&model, &dataset, folds, &provenance, &options)?)
            }
            _ => None,
        },
    };
    let own_test = own_data && args.split == SplitArg::Test;
    // An evaluation that goes elsewhere, leaves something out or does more than the model does not replace what the
    // report reads.
    let as_usual = args.output.is_none() && !args.no_baselines && evaluation.averaged_over.is_none();
    let complete = own_test && as_usual && args.against.is_none();
    if complete {
        write_predictions(&run, &dataset, &rows, &predicted)?;
        let performance = curves::performance(&dataset, &rows, &predicted, &simple, &evaluation, &options);
        write_json(&run.file("curves.json"), &performance)?;
    }
    if let Some(file) = args.output.clone().or_else(|| complete.then(|| run.file("metrics.json"))) {
        write_json(&file, &evaluation)?;
        printer.talk(&format!("wrote {}", file.display()));
    }
    if args.json {
        printer.json(&evaluation)?
    } else {
        printer.data(&render(&evaluation))?
    }
    Ok(Outcome::Done)
}

/// What another run predicts for the same rows; averaged over the same views.
fn predict_against(path: &Path, args: &EvaluateArgs, dataset: &Dataset, rows: &[usize]) -> Result<Matrix> {
    let run = RunDir::open(path)?;
    let models = run.model()?;
    let model = args.average.over(&models)?;
    fits(&model, dataset).with_context(|| path.display().to_string())?;
    let own_data = args.data.is_none() && run.info()?.dataset_sha256 == RunDir::open(&args.run)?.info()?.dataset_sha256;
    let folds = if own_data { ensemble::folds_of(&run, dataset, args.split)? } else { None };
    let each = ensemble::predict_each(&model, dataset, rows)?;
    ensemble::together(&model, dataset, rows, &each, folds.as_ref())
}

/// Refuses a data set whose tasks or encoding the model does not know.
pub(crate) fn fits(model: &dyn Predict, dataset: &Dataset) -> Result<()> {
    if model.encoding() != dataset.encoding {
        return Err(user(
            format!(
                "the model reads {}, the data set is {}",
                encoding_text(model.encoding()),
                encoding_text(dataset.encoding)
            ),
            Some("make the data set with the same --alphabet and --case"),
        ));
    }
    if !basewise_core::profile::same_outputs(model.tasks(), &dataset.tasks) {
        let names = |tasks: &[Task]| tasks.iter().map(task_text).collect::<Vec<_>>().join(", ");
        return Err(user(
            format!("the model predicts {}, the data set labels {}", names(model.tasks()), names(&dataset.tasks)),
            Some("`basewise predict` does not need labels"),
        ));
    }
    Ok(())
}

fn encoding_text(encoding: Encoding) -> String {
    let alphabet = if encoding.alphabet == Alphabet::Dna { "DNA" } else { "RNA" };
    let case = match encoding.case {
        CasePolicy::Ignore => "case ignored",
        CasePolicy::MaskLower => "lower case masked",
        CasePolicy::Channel => "case as a channel",
    };
    format!("{alphabet} with {case}")
}

fn task_text(task: &Task) -> String {
    match &task.kind {
        TaskKind::Binary => format!("{} (binary)", task.name),
        TaskKind::Regression => format!("{} (regression)", task.name),
        TaskKind::Counts => format!("{} (counts)", task.name),
        TaskKind::Classes { classes } => format!("{} (one of {})", task.name, classes.join(", ")),
        TaskKind::Profile(profile) => {
            let (tracks, bins, size) = (profile.tracks.join(", "), profile.bins, profile.bin_size);
            format!("{} (profile of {tracks} in {bins} bins of {size})", task.name)
        }
    }
}

/// Probabilities or values for the given rows, `[rows, outputs]`.
pub(crate) fn predict_rows(model: &dyn Predict, dataset: &Dataset, rows: &[usize]) -> Result<Matrix> {
    let mut scores = model.predict(&batch_of_rows(model, dataset, rows.iter().copied())?)?;
    probabilities(model.tasks(), &mut scores);
    Ok(scores)
}

/// Encodes rows of a data set as the model wants them, with the covariates that it takes, which are found by name, and its
/// control.
pub(crate) fn batch_of_rows(
    model: &dyn Predict,
    dataset: &Dataset,
    rows: impl Iterator<Item = usize>,
) -> Result<basewise_core::SequenceBatch> {
    let wanted = model.covariates();
    let find = |covariate: &Covariate| {
        dataset.covariates.iter().position(|own| own.name == covariate.name).ok_or_else(|| {
            user(
                format!(
                    "the model takes {} beside the sequence, the data set has {}",
                    names(wanted),
                    names(&dataset.covariates)
                ),
                Some("make the data set with the same columns: `basewise dataset sequences --covariates NAMES`"),
            )
        })
    };
    let columns = wanted.iter().map(find).collect::<Result<Vec<usize>>>()?;
    if let Some(control) = model.control() {
        same_control(control, dataset.control.as_ref())?;
    }
    let batch = basewise_core::SequenceBatch::new(model.encoding(), model.length());
    let mut batch = batch.with_control(model.control());
    for row in rows {
        let example = &dataset.examples[row];
        batch.push_with_margin(&model.encoding().encode(&example.sequence)?, model.margin());
        // As they came: the model brings its own mean and standard deviation.
        batch.push_covariates(wanted, columns.iter().map(|&column| example.covariates[column]));
        if model.control().is_some() {
            batch.push_control(dataset.seen_control(row));
        }
    }
    Ok(batch)
}

/// Refuses a data set without the control that a model takes, or with another.
fn same_control(wanted: &ControlSignal, found: Option<&ControlSignal>) -> Result<()> {
    if found == Some(wanted) {
        return Ok(());
    }
    let found = found.map_or("none".to_owned(), ToString::to_string);
    Err(user(
        format!("the model takes control signal ({wanted}), the data set has {found}"),
        Some("make the data set with the control: `basewise dataset signal --control NAME=FILE` or --strand-control"),
    ))
}

/// Names of covariates for a message.
fn names(covariates: &[Covariate]) -> String {
    match covariates {
        [] => "no covariates".to_owned(),
        some => some.iter().map(|covariate| format!("{:?}", covariate.name)).collect::<Vec<_>>().join(", "),
    }
}

/// Encodes sequences as the model wants them; refuses a model that takes more than these.
pub(crate) fn batch_of<'a>(
    model: &dyn Predict,
    sequences: impl Iterator<Item = &'a [u8]>,
) -> Result<basewise_core::SequenceBatch> {
    batch_with_control(model, sequences, &[])
}

/// The same with the control signal of each sequence, where the model takes one.
pub(crate) fn batch_with_control<'a>(
    model: &dyn Predict,
    sequences: impl Iterator<Item = &'a [u8]>,
    signal: &[Vec<f64>],
) -> Result<basewise_core::SequenceBatch> {
    if !model.covariates().is_empty() {
        return Err(user(
            format!("the model takes {} beside the sequence, found sequences alone", names(model.covariates())),
            Some(
                "put both into a table, make a data set of it (`basewise dataset sequences --covariates NAMES`), and name that",
            ),
        ));
    }
    if let Some(control) = model.control().filter(|_| signal.is_empty()) {
        return Err(user(
            format!("the model takes control signal ({control}) beside the sequence, found sequences alone"),
            Some("predict for a BED file with --genome and --control, or for a data set that was made with --control"),
        ));
    }
    let batch = basewise_core::SequenceBatch::new(model.encoding(), model.length());
    let mut batch = batch.with_control(model.control());
    for (i, sequence) in sequences.enumerate() {
        batch.push_with_margin(&model.encoding().encode(sequence)?, model.margin());
        batch.push_control(signal.get(i).into_iter().flatten().copied());
    }
    Ok(batch)
}

/// What simple models, fitted on the training split, say of the same rows.
pub(crate) fn baseline_predictions(dataset: &Dataset, rows: &[usize], seed: u64) -> Result<Vec<(String, Matrix)>> {
    let train = dataset.rows_of(Split::Train);
    if train.is_empty() {
        return Ok(Vec::new());
    }
    let mut simple = vec![
        (majority_name(dataset).to_owned(), baseline::majority(dataset, &train, rows)),
        ("k-mer linear".to_owned(), linear_baseline::kmer(dataset, 6, &train, rows, seed)?),
        ("positional linear".to_owned(), linear_baseline::positional(dataset, &train, rows, seed)?),
    ];
    if !dataset.covariates.is_empty() {
        let both = linear_baseline::kmer_and_covariates(dataset, 6, &train, rows, seed)?;
        simple.push(("k-mer and covariates, linear".to_owned(), both));
    }
    if dataset.control.is_some() {
        simple.push(("control alone".to_owned(), baseline::control(dataset, &train, rows)));
    }
    Ok(simple)
}

/// The simplest guess is the most frequent class, or the mean.
fn majority_name(dataset: &Dataset) -> &'static str {
    if dataset.tasks.iter().all(|t| matches!(t.kind, TaskKind::Profile(_))) {
        return "average profile";
    }
    let numbers = dataset.tasks.iter().filter(|t| t.kind.is_number()).count();
    match numbers {
        0 => "majority",
        n if n == dataset.tasks.len() => "mean",
        _ => "majority or mean",
    }
}

fn write_predictions(run: &RunDir, dataset: &Dataset, rows: &[usize], predicted: &Matrix) -> Result<()> {
    let predictions = basewise_io::predictions::Predictions::of_dataset(dataset, rows, predicted.clone());
    Ok(basewise_io::predictions::write(&run.file("predictions.parquet"), &predictions)?)
}

fn render(evaluation: &Evaluation) -> String {
    let mut out =
        format!("{} {} examples of {}\n", count(evaluation.examples), evaluation.split, evaluation.data.display());
    if let Some(views) = &evaluation.averaged_over {
        out += &format!("scores are averaged over {views}\n");
    }
    if evaluation.resampled != resampling::examples() {
        out += &format!("intervals are over resamples of {}\n", evaluation.resampled);
    }
    for (t, task) in evaluation.model.iter().enumerate() {
        out += &format!(
            "\n{} ({}; {} judged, {} without a label)\n",
            task.task,
            task.kind,
            count(task.n),
            count(task.unknown)
        );
        let mut header = vec!["metric", "value", "95 % interval"];
        let members = format!("its {} members", evaluation.members.len());
        header.extend((!evaluation.members.is_empty()).then_some(members.as_str()));
        header.extend(evaluation.out_of_fold.as_ref().map(|_| "out of fold"));
        header.extend(evaluation.baselines.iter().map(|b| b.name.as_str()));
        let mut table = Table::new(&header);
        for (name, estimate) in &task.metrics {
            let mut row = vec![name.clone(), number(estimate.value), interval(estimate)];
            if !evaluation.members.is_empty() {
                row.push(range(&evaluation.members, t, name));
            }
            if let Some(out_of_fold) = &evaluation.out_of_fold {
                row.push(number(out_of_fold.tasks.get(t).and_then(|task| task.metrics.get(name)?.value)));
            }
            for baseline in &evaluation.baselines {
                let value = baseline.tasks.get(t).and_then(|b| b.metrics.get(name)).and_then(|e| e.value);
                row.push(number(value));
            }
            table.row(row);
        }
        out += &table.render();
        if let Some(against) = &evaluation.against {
            out += &format!("\nminus {}\n", against.run.display());
            let mut table = Table::new(&["metric", "difference", "95 % interval"]);
            for (name, estimate) in against.tasks.get(t).iter().flat_map(|task| &task.metrics) {
                table.row([name.clone(), number(estimate.value), interval(estimate)]);
            }
            out += &table.render();
        }
        if !task.classes.is_empty() {
            out.push('\n');
            out += &class_table(task);
        }
    }
    if let Some(out_of_fold) = &evaluation.out_of_fold {
        out += &format!(
            "\nout of fold: {} training and validation examples, each judged by the member that did not train on it\n",
            count(out_of_fold.examples)
        );
    }
    out
}

/// The lowest and the highest value of a metric over the members.
fn range(members: &[MemberMetrics], t: usize, metric: &str) -> String {
    let values: Vec<f64> =
        members.iter().filter_map(|member| member.tasks.get(t)?.metrics.get(metric)?.value).collect();
    match (values.iter().copied().reduce(f64::min), values.iter().copied().reduce(f64::max)) {
        (Some(low), Some(high)) => format!("{low:.4} to {high:.4}"),
        _ => "–".to_owned(),
    }
}

fn class_table(task: &TaskMetrics) -> String {
    let mut names: Vec<&String> = task.classes.iter().flat_map(|c| c.metrics.keys()).collect();
    names.sort();
    names.dedup();
    let mut header = vec!["class", "n"];
    header.extend(names.iter().map(|n| n.as_str()));
    let mut table = Table::new(&header);
    for class in &task.classes {
        let mut row = vec![class.class.clone(), count(class.n)];
        row.extend(names.iter().map(|&n| {
            class.metrics.get(n).map_or("–".to_owned(), |e| format!("{} {}", number(e.value), interval(e)))
        }));
        table.row(row);
    }
    table.render()
}

fn number(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |v| format!("{v:.4}"))
}

fn interval(estimate: &Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{low:.4} to {high:.4}"),
        _ => "–".to_owned(),
    }
}
