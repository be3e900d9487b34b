//! Which features matter to a classical model: coefficients, gains, SHAP values, and what shuffling a feature costs.

use super::{ExplainArgs, Method, Select, choose};
use crate::commands::evaluate::{batch_of_rows, fits};
use crate::commands::motifs::logo;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, write_bytes, write_text};
use crate::shared_args::output_index;
use crate::table::{Table, count};
use anyhow::Result;
use basewise_core::metrics::{self, BootstrapOptions};
use basewise_core::{Dataset, Matrix, Predict, Split, Task, TaskKind, label_ranges, probabilities};
use basewise_io::arrays::{Array, write_npz};
use basewise_learn::Features;
use basewise_learn::classical::{ClassicalModel, Fitted};
use basewise_learn::linear::LinearModel;
use basewise_learn::tree::{Link, TreeEnsemble, permutation_importance};
use std::path::{Path, PathBuf};

/// Lines that are printed; files have all.
const SHOWN: usize = 20;
/// Features that are shuffled: those with the largest weight.
const SHUFFLED: usize = 100;
/// Times that each is shuffled.
const REPEATS: usize = 5;

/// The model of a run, and the output that is asked about.
struct Subject {
    model: ClassicalModel,
    output: PathBuf,
    task: usize,
    /// Of the task's own; none where nothing was asked and the method can do without.
    asked: Option<usize>,
    /// Of the fit's own, which leaves out classes that training did not see.
    column: usize,
    /// Of all outputs.
    index: usize,
    /// As outputs are called.
    target: String,
}

impl Subject {
    fn new(args: &ExplainArgs, run: &RunDir) -> Result<Self> {
        let model = run.single_classical(&format!("--method {}", args.method.name()))?;
        let (mut index, mut target) = output_index(model.tasks(), args.target.as_deref())?;
        let (mut task, mut column) = (0, index);
        while column >= model.tasks()[task].outputs() {
            column -= model.tasks()[task].outputs();
            task += 1;
        }
        let asked = args.target.as_ref().map(|_| column);
        if let TaskKind::Classes { classes } = &model.tasks()[task].kind {
            let fitted = model.fitted_classes(task);
            if let (None, Some(first)) = (asked, fitted.first()) {
                let number = classes.iter().position(|class| class == first).unwrap_or(column);
                index = index - column + number;
                (column, target) = (number, format!("{}:{first}", model.tasks()[task].name));
            }
            let own = fitted.iter().position(|class| *class == classes[column]);
            column = own.ok_or_else(|| {
                let message =
                    format!("{target}: no training example has this class, so the model has nothing to explain");
                user(message, Some("name another class with --target"))
            })?;
        }
        let output = args.output.clone().unwrap_or_else(|| run.file("importance"));
        Ok(Self { model, output, task, asked, column, index, target })
    }

    fn fitted(&self) -> &Fitted {
        &self.model.fitted()[self.task]
    }

    /// Size of the weight of each feature for the output that is asked about, or the largest over all: standardized
    /// coefficients, or shares of the gain.
    fn weights(&self) -> Vec<f64> {
        match self.fitted() {
            Fitted::Linear(model) => {
                let outputs = match self.asked {
                    Some(_) => self.column..self.column + 1,
                    None => 0..model.intercepts().len(),
                };
                let largest =
                    |feature| outputs.clone().map(|o| model.coefficient(feature, o).abs()).fold(0.0, f64::max);
                (0..model.features().len()).map(|feature| largest(feature) * model.deviation(feature)).collect()
            }
            Fitted::Trees(trees) => trees.gain_importance(),
        }
    }

    /// What base and SHAP values of an example sum to, in words.
    fn sum(&self) -> String {
        let class = self.model.fitted_classes(self.task).get(self.column).cloned();
        let of_class = class.map_or(String::new(), |class| format!(" of class {class}"));
        let what = match (self.fitted(), &self.model.tasks()[self.task].kind) {
            (Fitted::Linear(_), TaskKind::Counts) => "the logarithm of the expected count",
            (Fitted::Trees(trees), TaskKind::Counts) if trees.link() == Link::Log => {
                "the logarithm of the expected count"
            }
            (_, TaskKind::Counts) => "the expected count",
            (_, TaskKind::Regression | TaskKind::Profile(_)) => "the predicted value",
            (Fitted::Trees(trees), TaskKind::Binary) if trees.link() == Link::Identity => "the probability of label 1",
            (Fitted::Trees(trees), _) if trees.link() == Link::Identity => "the probability",
            (_, TaskKind::Binary) => "the logit of label 1",
            _ => "the logit",
        };
        what.to_owned() + &of_class
    }

    fn features(&self, dataset: &Dataset, rows: &[usize]) -> Result<Features> {
        let batch = batch_of_rows(&self.model, dataset, rows.iter().copied())?;
        Ok(self.model.extractor().transform(&batch)?)
    }
}

pub(super) fn run(args: &ExplainArgs, run: &RunDir, printer: &Printer) -> Result<Outcome> {
    let subject = Subject::new(args, run)?;
    not_of_others(&subject.output)?;
    let table = match (args.method, subject.fitted()) {
        (Method::Coefficients, Fitted::Linear(model)) => coefficients(&subject, model)?,
        (Method::Gain, Fitted::Trees(trees)) => gains(&subject, trees)?,
        (Method::Coefficients, Fitted::Trees(_)) => return Err(other(args.method, &subject, "gain")),
        (Method::Gain, Fitted::Linear(_)) => return Err(other(args.method, &subject, "coefficients")),
        _ => {
            let (dataset, _, path) = run.dataset(args.data.as_deref())?;
            fits(&subject.model, &dataset)?;
            let rows = args.split.rows(&dataset, &path)?;
            if args.method == Method::Shap {
                shap(args, &subject, &dataset, rows, printer)?
            } else {
                permutation(&subject, &dataset, &rows)?
            }
        }
    };
    printer.data(&table)?;
    printer.talk(&format!("wrote {}", subject.output.display()));
    Ok(Outcome::Done)
}

/// What the methods write; a directory with anything else is not theirs.
const PARTS: [&str; 7] =
    ["coefficients.tsv", "positions.svg", "positions.png", "gain.tsv", "shap.tsv", "shap.npz", "permutation.tsv"];

/// Refuses a directory that has more in it than tables of importance.
fn not_of_others(dir: &Path) -> Result<()> {
    let mut others = Vec::new();
    if dir.is_dir() {
        for entry in fs_err::read_dir(dir)? {
            let name = entry?.file_name();
            others.extend(Some(name).filter(|name| !PARTS.iter().any(|part| name == *part)));
        }
    }
    let found = match others.into_iter().min() {
        Some(name) => format!("{} in it", name.to_string_lossy()),
        None if dir.exists() && !dir.is_dir() => "a file".to_owned(),
        None => return Ok(()),
    };
    Err(user(
        format!("{}: expected a directory for tables of importance, found {found}", dir.display()),
        Some("choose another with -o"),
    ))
}

fn other(method: Method, subject: &Subject, better: &str) -> anyhow::Error {
    let message = format!("a model of kind {} has no {}", subject.model.kind(), method.name());
    user(message, Some(&format!("use --method {better}, shap or permutation")))
}

/// Writes a table and gives its first lines for the screen.
fn write(path: &Path, header: &[&str], lines: &[Vec<String>]) -> Result<String> {
    let mut text = header.join("\t") + "\n";
    lines.iter().for_each(|line| text += &(line.join("\t") + "\n"));
    write_text(path, &text)?;
    let mut table = Table::new(header);
    lines.iter().take(SHOWN).for_each(|line| table.row(line.clone()));
    let more = lines.len().saturating_sub(SHOWN);
    let rest = if more > 0 { format!("and {} more in {}\n", count(more), path.display()) } else { String::new() };
    Ok(table.render() + &rest)
}

fn shown(value: f64) -> String {
    format!("{value:.6}")
}

fn coefficients(subject: &Subject, model: &LinearModel) -> Result<String> {
    let own = model.table().into_iter().filter(|line| line.output == subject.column);
    let mut lines: Vec<Vec<String>> =
        own.map(|line| vec![line.feature, shown(line.value), shown(line.standardized)]).collect();
    let intercept = shown(model.intercepts()[subject.column]);
    lines.insert(0, vec!["(intercept)".to_owned(), intercept, String::new()]);
    if let Some(effects) = model.position_effects(subject.column) {
        let title = format!("{}: what each base adds to the score, from position {}", subject.target, effects.first);
        let svg = logo::track(&effects.effects, subject.model.encoding().alphabet, &title);
        write_text(&subject.output.join("positions.svg"), &svg)?;
        write_bytes(&subject.output.join("positions.png"), &basewise_motif::logo::png(&svg, 2.0)?)?;
    }
    write(&subject.output.join("coefficients.tsv"), &["feature", "coefficient", "standardized"], &lines)
}

fn gains(subject: &Subject, trees: &TreeEnsemble) -> Result<String> {
    let mut used: Vec<(f64, &String)> =
        trees.gain_importance().into_iter().zip(trees.features()).filter(|(gain, _)| *gain > 0.0).collect();
    used.sort_by(|a, b| b.0.total_cmp(&a.0));
    let lines: Vec<Vec<String>> = used.into_iter().map(|(gain, name)| vec![name.clone(), shown(gain)]).collect();
    write(&subject.output.join("gain.tsv"), &["feature", "share_of_gain"], &lines)
}

/// SHAP values of the output, example by example.
fn shap(
    args: &ExplainArgs,
    subject: &Subject,
    dataset: &Dataset,
    rows: Vec<usize>,
    printer: &Printer,
) -> Result<String> {
    let all = rows.len();
    let (rows, _) = choose((args.select, args.limit), &subject.model, dataset, rows, subject.index.into())?;
    let which = if args.select == Select::Top { "those with the highest predictions" } else { "the first ones" };
    printer.talk(&format!(
        "SHAP values of {} of {} examples of the {} split{}; with base they sum to {}",
        count(rows.len()),
        count(all),
        args.split.name(),
        if rows.len() < all { format!(", {which}") } else { String::new() },
        subject.sum()
    ));
    let features = subject.features(dataset, &rows)?;
    let columns = features.columns();
    let (base, values) = match subject.fitted() {
        Fitted::Trees(trees) => tree_shap(trees, subject, &features)?,
        Fitted::Linear(model) => linear_shap(model, subject, dataset, &features)?,
    };
    let names = features.names();
    let mean = |of: fn(f64) -> f64| -> Vec<f64> {
        (0..columns)
            .map(|c| values.iter().skip(c).step_by(columns).map(|v: &f64| of(*v)).sum::<f64>() / rows.len() as f64)
            .collect()
    };
    let (size, sign) = (mean(f64::abs), mean(|v| v));
    let mut order: Vec<usize> = (0..columns).filter(|&column| size[column] > 0.0).collect();
    order.sort_by(|&a, &b| size[b].total_cmp(&size[a]));
    let lines: Vec<Vec<String>> =
        order.iter().map(|&column| vec![names[column].clone(), shown(size[column]), shown(sign[column])]).collect();
    let arrays = [
        ("values", Array::f32([rows.len(), columns], values.iter().map(|&value| value as f32).collect())),
        ("base", Array::f64([1], vec![base])),
        ("sum", Array::text(vec![subject.sum()])),
        ("features", Array::text(names.to_vec())),
        ("ids", Array::text(rows.iter().map(|&row| dataset.examples[row].id.clone()).collect())),
    ];
    write_npz(&subject.output.join("shap.npz"), &arrays)?;
    write(&subject.output.join("shap.tsv"), &["feature", "mean_absolute", "mean"], &lines)
}

/// Of trees; where two classes have one output between them, it is that of the second.
fn tree_shap(trees: &TreeEnsemble, subject: &Subject, features: &Features) -> Result<(f64, Vec<f64>)> {
    let (columns, outputs) = (features.columns(), trees.outputs());
    let shap = trees.shap(features)?;
    let output = subject.column.min(outputs - 1);
    let own = shap.values.chunks_exact(columns * outputs);
    let mut own: Vec<f64> = own.flat_map(|row| &row[output * columns..(output + 1) * columns]).copied().collect();
    let mut base = shap.base[output];
    if outputs == 1 && subject.column == 0 && !subject.model.fitted_classes(subject.task).is_empty() {
        // Probabilities of both sum to 1, log odds to 0.
        base = if trees.link() == Link::Identity { 1.0 - base } else { -base };
        own.iter_mut().for_each(|value| *value = -*value);
    }
    Ok((base, own))
}

/// Of a weighted sum: the coefficient times the distance to the mean over the training examples.
fn linear_shap(
    model: &LinearModel,
    subject: &Subject,
    dataset: &Dataset,
    features: &Features,
) -> Result<(f64, Vec<f64>)> {
    let train = dataset.rows_of(Split::Train);
    if train.is_empty() {
        return Err(user("SHAP values are about the mean of the training examples, of which there are none", None));
    }
    let background = subject.features(dataset, &train)?;
    let mut means = vec![0.0; features.columns()];
    for row in 0..background.rows() {
        background.row(row).for_each(|(column, value)| means[column] += f64::from(value) / train.len() as f64);
    }
    let coefficient = |column: usize| model.coefficient(column, subject.column);
    let base = model.intercepts()[subject.column]
        + means.iter().enumerate().map(|(column, mean)| coefficient(column) * mean).sum::<f64>();
    let mut values = Vec::with_capacity(features.rows() * features.columns());
    for row in 0..features.rows() {
        let first = values.len();
        values.extend(means.iter().enumerate().map(|(column, mean)| -coefficient(column) * mean));
        features.row(row).for_each(|(column, value)| values[first + column] += coefficient(column) * f64::from(value));
    }
    Ok((base, values))
}

/// How much the main metric of the task falls when a feature is shuffled.
fn permutation(subject: &Subject, dataset: &Dataset, rows: &[usize]) -> Result<String> {
    let features = subject.features(dataset, rows)?;
    let task = &subject.model.tasks()[subject.task];
    let weights = subject.weights();
    let mut columns: Vec<usize> = (0..weights.len()).filter(|&column| weights[column] != 0.0).collect();
    columns.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
    columns.truncate(SHUFFLED);
    let ranges = label_ranges(&dataset.tasks, 0);
    let labels: Vec<f64> = rows.iter().map(|&row| dataset.seen_labels(row)[ranges[subject.task].start]).collect();
    let metric = basewise_nn::validation_metric(std::slice::from_ref(task));
    let score = |features: &Features| judge(subject, features, task, &labels, metric);
    let mut found = permutation_importance(&features, &columns, REPEATS, 1, score)?;
    found.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    let names = features.names();
    let line = |i: &basewise_learn::tree::PermutationImportance| {
        vec![names[i.column].clone(), shown(i.mean), shown(i.deviation)]
    };
    let lines: Vec<Vec<String>> = found.iter().map(line).collect();
    let fall = format!("fall_of_{metric}");
    write(&subject.output.join("permutation.tsv"), &["feature", &fall, "standard_deviation"], &lines)
}

fn judge(subject: &Subject, features: &Features, task: &Task, labels: &[f64], metric: &str) -> Result<f64> {
    let all = subject.model.scores(features)?;
    let first: usize = subject.model.tasks()[..subject.task].iter().map(Task::outputs).sum();
    let own = (0..all.rows()).flat_map(|row| all.row(row)[first..first + task.outputs()].to_vec()).collect();
    let mut scores = Matrix::new(all.rows(), task.outputs(), own);
    let tasks = std::slice::from_ref(task);
    probabilities(tasks, &mut scores);
    let labels: Vec<&[f64]> = labels.iter().map(std::slice::from_ref).collect();
    let plain = BootstrapOptions { replicates: 0, ..BootstrapOptions::default() };
    let judged = metrics::evaluate(tasks, &labels, &scores, &plain);
    let value = judged.first().and_then(|task| task.metrics.get(metric)?.value);
    value.ok_or_else(|| user(format!("{metric} is undefined on these examples"), Some("choose another --split")))
}
