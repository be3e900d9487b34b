//! `basewise evaluate`: metrics with intervals, against baselines that saw the same split.

use crate::commands::curves;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, write_json};
use crate::shared_args::SplitArg;
use crate::table::{Table, count};
use anyhow::Result;
use basewise_core::metrics::{self, BootstrapOptions, Estimate, TaskMetrics};
use basewise_core::{
    Alphabet, CasePolicy, Dataset, Encoding, Matrix, Predict, Split, Task, TaskKind, baseline, probabilities,
};
use basewise_nn::Model;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise evaluate quickstart/donor/run
  $ basewise evaluate quickstart/donor/run --split valid --json

Baselines are fitted on the training split of the same data: the class frequencies (or the mean), and a
regularized linear model of all 1- to 6-mers. A network that does not beat them has learned nothing new.")]
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
    /// Leave out the baselines
    #[arg(long)]
    no_baselines: bool,
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
    pub(crate) model: Vec<TaskMetrics>,
    pub(crate) baselines: Vec<Baseline>,
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
    let model = run.model()?;
    let (dataset, _, path) = run.dataset(args.data.as_deref())?;
    fits(&model, &dataset)?;
    let rows = args.split.rows(&dataset, &path)?;
    let predicted = predict_rows(&model, &dataset, &rows)?;
    let options = BootstrapOptions { replicates: args.bootstrap, seed: args.seed, ..BootstrapOptions::default() };
    let labels: Vec<&[f64]> = rows.iter().map(|&i| dataset.examples[i].labels.as_slice()).collect();
    let judge = |p: &Matrix| metrics::evaluate(&dataset.tasks, &labels, p, &options);
    let simple = if args.no_baselines { Vec::new() } else { baseline_predictions(&dataset, &rows, args.seed) };
    let evaluation = Evaluation {
        format_version: 1,
        data: path,
        split: args.split.name().to_owned(),
        examples: rows.len(),
        model: judge(&predicted),
        baselines: simple.iter().map(|(name, p)| Baseline { name: name.clone(), tasks: judge(p) }).collect(),
    };
    let own_test = args.data.is_none() && args.split == SplitArg::Test;
    // An evaluation that goes elsewhere, or leaves something out, does not replace what the report reads.
    let complete = own_test && args.output.is_none() && !args.no_baselines;
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

/// Refuses a data set whose tasks or encoding the model does not know.
pub(crate) fn fits(model: &Model, dataset: &Dataset) -> Result<()> {
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
    if model.tasks() != dataset.tasks.as_slice() {
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
        TaskKind::Classes { classes } => format!("{} (one of {})", task.name, classes.join(", ")),
    }
}

/// Probabilities or values for the given rows, `[rows, outputs]`.
pub(crate) fn predict_rows(model: &Model, dataset: &Dataset, rows: &[usize]) -> Result<Matrix> {
    let sequences = rows.iter().map(|&i| dataset.examples[i].sequence.as_slice());
    let mut scores = model.predict(&batch_of(model, sequences)?)?;
    probabilities(model.tasks(), &mut scores);
    Ok(scores)
}

/// Encodes sequences as the model wants them.
pub(crate) fn batch_of<'a>(
    model: &dyn Predict,
    sequences: impl Iterator<Item = &'a [u8]>,
) -> Result<basewise_core::SequenceBatch> {
    let mut batch = basewise_core::SequenceBatch::new(model.encoding(), model.length());
    for sequence in sequences {
        batch.push(sequence)?;
    }
    Ok(batch)
}

/// What simple models, fitted on the training split, say of the same rows.
pub(crate) fn baseline_predictions(dataset: &Dataset, rows: &[usize], seed: u64) -> Vec<(String, Matrix)> {
    let train = dataset.rows_of(Split::Train);
    if train.is_empty() {
        return Vec::new();
    }
    vec![
        (majority_name(dataset).to_owned(), baseline::majority(dataset, &train, rows)),
        ("k-mer linear".to_owned(), baseline::kmer(dataset, 6, &train, rows, seed)),
    ]
}

/// The simplest guess is the most frequent class, or the mean.
fn majority_name(dataset: &Dataset) -> &'static str {
    let numbers = dataset.tasks.iter().filter(|t| t.kind == TaskKind::Regression).count();
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
    for (t, task) in evaluation.model.iter().enumerate() {
        out += &format!(
            "\n{} ({}; {} judged, {} without a label)\n",
            task.task,
            task.kind,
            count(task.n),
            count(task.unknown)
        );
        let mut header = vec!["metric", "value", "95 % interval"];
        header.extend(evaluation.baselines.iter().map(|b| b.name.as_str()));
        let mut table = Table::new(&header);
        for (name, estimate) in &task.metrics {
            let mut row = vec![name.clone(), number(estimate.value), interval(estimate)];
            for baseline in &evaluation.baselines {
                let value = baseline.tasks.get(t).and_then(|b| b.metrics.get(name)).and_then(|e| e.value);
                row.push(number(value));
            }
            table.row(row);
        }
        out += &table.render();
        if !task.classes.is_empty() {
            out.push('\n');
            out += &class_table(task);
        }
    }
    out
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
