//! `basewise explain`: how much each base contributed to a prediction; experiments with motifs.

mod importance;
mod spacing;

use crate::commands::command_line;
use crate::commands::evaluate::{batch_of_rows, predict_rows};
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, make_room, write_bytes, write_json, write_text};
use crate::shared_args::{AverageArgs, SplitArg, output_index};
use crate::table::count;
use crate::trained::TrainedModel;
use anyhow::Result;
use basewise_core::average::Ensemble;
use basewise_core::{Dataset, Matrix, Predict, SequenceBatch, TaskKind, label_ranges};
use basewise_io::arrays::{Array, write_npz};
use basewise_nn::Model;
use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Attribution methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// Score change for every substitution (in-silico mutagenesis)
    Ism,
    /// Gradient of the output with respect to the input
    Saliency,
    /// Gradient at the base that is there
    InputXGradient,
    /// Coefficients of a linear model, with a logo of positional ones
    Coefficients,
    /// Share of each feature in the gains of trees
    Gain,
    /// What each feature adds to each prediction of a classical model (SHAP values)
    Shap,
    /// How much the metric falls when a feature is shuffled
    Permutation,
}

impl Method {
    /// Whether it is about the features of a classical model, and not about bases.
    fn is_about_features(self) -> bool {
        matches!(self, Self::Coefficients | Self::Gain | Self::Shap | Self::Permutation)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ism => "ism",
            Self::Saliency => "saliency",
            Self::InputXGradient => "input-x-gradient",
            Self::Coefficients => "coefficients",
            Self::Gain => "gain",
            Self::Shap => "shap",
            Self::Permutation => "permutation",
        }
    }
}

/// Which examples come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Select {
    /// Highest prediction first
    Top,
    /// In the order of the data set
    First,
}

/// Attributions of examples, or an experiment with sequences made for it.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct ExplainCommand {
    #[command(subcommand)]
    experiment: Option<Experiment>,
    #[command(flatten)]
    attribute: ExplainArgs,
}

/// Experiments on a model.
#[derive(Subcommand)]
pub(crate) enum Experiment {
    /// Which distance of two motifs the model prefers
    Spacing(spacing::SpacingArgs),
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise explain quickstart/donor/run --method ism --limit 20 -o explained
  $ basewise explain quickstart/donor/run --method input-x-gradient --limit 20 --select first -o explained-gradient

DIR/attributions.npz holds `attributions` and `one_hot`, both [N, 4, L] in the order A C G T, and `ids`:
  numpy.load('explained/attributions.npz')['attributions']
Values are changes of the raw score (the logit for classes).

Of a classical model, coefficients, gain, shap and permutation print which features matter and write it as a table, by
default into RUN/importance.")]
pub(crate) struct ExplainArgs {
    /// Run directory
    #[arg(required = true)]
    run: Option<PathBuf>,
    /// Another data set than the one it was trained on
    data: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "ism")]
    method: Method,
    /// Directory to write [default: RUN/explain]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Which examples to explain
    #[arg(long, value_enum, default_value = "test")]
    split: SplitArg,
    /// At most this many examples
    #[arg(long, default_value_t = 200, value_name = "N")]
    limit: usize,
    /// Which of them come first
    #[arg(long, value_enum, default_value = "top")]
    select: Select,
    /// The output to explain: a task, task:class, or a number [default: the first]
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Draw this many examples as logos, SVG and PNG
    #[arg(long, default_value_t = 6, value_name = "N")]
    logos: usize,
    #[command(flatten)]
    average: AverageArgs,
}

/// `explain.json`, beside the arrays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Explanation {
    pub(crate) format_version: u32,
    pub(crate) command: String,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) split: String,
    pub(crate) examples: Vec<Explained>,
    /// Mean contribution of each base at each position over the examples, `[L][4]`.
    pub(crate) mean: Vec<[f64; 4]>,
}

/// One explained example.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Explained {
    pub(crate) id: String,
    pub(crate) row: usize,
    pub(crate) split: String,
    pub(crate) place: Option<String>,
    pub(crate) label: Option<f64>,
    pub(crate) prediction: f64,
}

pub(crate) fn run(command: &ExplainCommand, printer: &Printer) -> Result<Outcome> {
    match (&command.experiment, &command.attribute.run) {
        (Some(Experiment::Spacing(args)), _) => spacing::run(args, printer),
        (None, Some(run)) => attribute(&command.attribute, run, printer),
        (None, None) => Err(user("expected a run directory, found nothing", Some("see `basewise explain --help`"))),
    }
}

fn attribute(args: &ExplainArgs, run: &Path, printer: &Printer) -> Result<Outcome> {
    if args.limit == 0 {
        return Err(user("expected --limit of at least 1, found 0", None));
    }
    if args.method != Method::Ism && args.average.text().is_some() {
        return Err(user(
            format!("--method {} is about the sequence as it is, so nothing can be averaged over", args.method.name()),
            Some("use --method ism, or leave out --average-strands and --average-shifts"),
        ));
    }
    let run = RunDir::open(run)?;
    if args.method.is_about_features() {
        return importance::run(args, &run, printer);
    }
    let models = run.model()?;
    let model = args.average.over(&models)?;
    let (dataset, _, path) = run.dataset(args.data.as_deref())?;
    let (target, target_name) = output_index(model.tasks(), args.target.as_deref())?;
    let rows = args.split.rows(&dataset, &path)?;
    let (rows, predicted) = choose(args, &model, &dataset, rows, target)?;
    let batch_of = |model: &dyn Predict| batch_of_rows(model, &dataset, rows.iter().copied());
    let batch = batch_of(&models)?;
    let values = match args.method {
        Method::Ism => within(&mutagenesis(&model, &batch_of(&model)?, target, printer)?, &model),
        Method::Saliency => gradients(&models, basewise_nn::attribute::saliency, &batch, target)?,
        _ => gradients(&models, basewise_nn::attribute::input_x_gradient, &batch, target)?,
    };
    let output = args.output.clone().unwrap_or_else(|| run.file("explain"));
    let explanation = Explanation {
        format_version: 1,
        command: command_line(),
        method: args.method.name().to_owned(),
        target: target_name,
        split: args.split.name().to_owned(),
        examples: rows.iter().zip(&predicted).map(|(&i, &p)| explained(&dataset, i, p, target)).collect(),
        mean: mean_contribution(args.method, &values, &batch),
    };
    make_room(&output, "explain.json", &["attributions.npz", "explain.json", "logos"])?;
    write_arrays(&output, &values, &batch, &explanation)?;
    draw(args, &output, &values, &batch, &explanation)?;
    write_json(&output.join("explain.json"), &explanation)?;
    printer.talk(&format!(
        "explained {} examples by {}; wrote {}",
        count(rows.len()),
        args.method.name(),
        output.display()
    ));
    Ok(Outcome::Done)
}

/// The rows to explain with the prediction of `target` for each.
fn choose(
    args: &ExplainArgs,
    model: &dyn Predict,
    dataset: &Dataset,
    mut rows: Vec<usize>,
    target: usize,
) -> Result<(Vec<usize>, Vec<f64>)> {
    if args.select == Select::First {
        rows.truncate(args.limit);
    }
    let predicted: Matrix = predict_rows(model, dataset, &rows)?;
    let mut scored: Vec<(usize, f64)> = rows.into_iter().zip(predicted.column(target).map(f64::from)).collect();
    if args.select == Select::Top {
        // A stable sort: ties stay in the order of the data set.
        scored.sort_by(|a, b| b.1.total_cmp(&a.1));
        scored.truncate(args.limit);
    }
    Ok(scored.into_iter().unzip())
}

/// Effects `[n, 4, length]` of every substitution on the raw output `target`.
fn mutagenesis(model: &dyn Predict, batch: &SequenceBatch, target: usize, printer: &Printer) -> Result<Vec<f32>> {
    let bar = printer.bar(batch.len() as u64, "in-silico mutagenesis {bar:24} {pos}/{len} sequences, {eta} left");
    let values =
        basewise_core::perturb::saturate_with(model, batch, target, 256, &mut |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    Ok(values)
}

/// Values without those of the margins around the window.
fn within(values: &[f32], model: &dyn Predict) -> Vec<f32> {
    let (length, margin) = (model.length(), model.margin());
    values.chunks_exact(length.max(1)).flat_map(|row| &row[margin..length - margin]).copied().collect()
}

/// A way to attribute with a single model.
type Attribute = fn(&Model, &SequenceBatch, usize) -> Result<Vec<f32>, basewise_nn::attribute::AttributionError>;

/// Attributions `[n, 4, length]` of the raw output `target`: of the mean of the members' scores, that is the mean of
/// their attributions.
fn gradients(
    models: &Ensemble<TrainedModel>,
    method: Attribute,
    batch: &SequenceBatch,
    target: usize,
) -> Result<Vec<f32>> {
    let of = |model: &TrainedModel| Ok(method(model.network("a gradient")?, batch, target)?);
    let each = models.members().iter().map(of).collect::<Result<Vec<_>>>()?;
    let mean = |i: usize| each.iter().map(|values| f64::from(values[i])).sum::<f64>() / each.len() as f64;
    Ok((0..each[0].len()).map(|i| mean(i) as f32).collect())
}

fn explained(dataset: &Dataset, row: usize, prediction: f64, target: usize) -> Explained {
    let example = &dataset.examples[row];
    Explained {
        id: example.id.clone(),
        row,
        split: example.split.to_string(),
        place: example.place.as_ref().map(ToString::to_string),
        label: label_of(dataset, row, target),
        prediction,
    }
}

/// The label behind output `target`: 0 or 1 for a class, the label itself otherwise.
pub(crate) fn label_of(dataset: &Dataset, row: usize, target: usize) -> Option<f64> {
    let mut first = 0;
    let ranges = label_ranges(&dataset.tasks, dataset.jitter);
    for ((t, task), range) in dataset.tasks.iter().enumerate().zip(ranges) {
        if target < first + task.outputs() {
            if let TaskKind::Profile(profile) = &task.kind {
                let seen = profile.seen(&dataset.examples[row].labels[range], dataset.jitter);
                return Some(profile.label_of(&seen, target - first)).filter(|label| !label.is_nan());
            }
            let label = dataset.label(row, t);
            return match (label.is_nan(), task.outputs()) {
                (true, _) => None,
                (false, 1) => Some(label),
                (false, _) => Some(f64::from(u8::from(label == (target - first) as f64))),
            };
        }
        first += task.outputs();
    }
    None
}

/// How much the base that is there contributes, `[length][4]`, zero for the other bases.
///
/// For mutagenesis that is minus the mean change over the three substitutions.
pub(crate) fn contribution(method: &str, values: &[f32], batch: &SequenceBatch, i: usize) -> Vec<[f64; 4]> {
    let length = batch.length();
    let own = &values[i * 4 * length..(i + 1) * 4 * length];
    let at = |base: usize, position: usize| f64::from(own[base * length + position]);
    let mut heights = vec![[0.0; 4]; length];
    for (position, code) in batch.sequence(i).iter().enumerate() {
        let base = usize::from(code.base());
        if base < 4 {
            heights[position][base] = match method {
                "ism" => -(0..4).map(|b| at(b, position)).sum::<f64>() / 3.0,
                _ => at(base, position),
            };
        }
    }
    heights
}

fn mean_contribution(method: Method, values: &[f32], batch: &SequenceBatch) -> Vec<[f64; 4]> {
    let mut mean = vec![[0.0; 4]; batch.length()];
    for i in 0..batch.len() {
        for (sum, own) in mean.iter_mut().zip(contribution(method.name(), values, batch, i)) {
            for base in 0..4 {
                sum[base] += own[base] / batch.len() as f64;
            }
        }
    }
    mean
}

fn write_arrays(dir: &Path, values: &[f32], batch: &SequenceBatch, explanation: &Explanation) -> Result<()> {
    let (n, length, channels) = (batch.len(), batch.length(), batch.encoding().channels());
    let dense = batch.one_hot();
    let bases: Vec<f32> = dense.chunks_exact(channels * length).flat_map(|x| &x[..4 * length]).copied().collect();
    let shape = vec![n, 4, length];
    let ids = explanation.examples.iter().map(|e| e.id.clone()).collect();
    let arrays = [
        ("attributions", Array::f32(shape.clone(), values.to_vec())),
        ("one_hot", Array::f32(shape, bases)),
        ("ids", Array::text(ids)),
    ];
    Ok(write_npz(&dir.join("attributions.npz"), &arrays)?)
}

/// Logos of the first examples and of the mean.
fn draw(
    args: &ExplainArgs,
    dir: &Path,
    values: &[f32],
    batch: &SequenceBatch,
    explanation: &Explanation,
) -> Result<()> {
    for i in 0..args.logos.min(batch.len()) {
        let heights = contribution(&explanation.method, values, batch, i);
        let title = format!("{}  prediction {:.3}", explanation.examples[i].id, explanation.examples[i].prediction);
        write_track(&dir.join("logos"), &format!("{:03}", i + 1), &heights, batch, &title)?;
    }
    write_track(&dir.join("logos"), "mean", &explanation.mean, batch, &format!("mean of {} examples", batch.len()))
}

fn write_track(dir: &Path, name: &str, heights: &[[f64; 4]], batch: &SequenceBatch, title: &str) -> Result<()> {
    let svg = crate::commands::motifs::logo::track(heights, batch.encoding().alphabet, title);
    write_text(&dir.join(format!("{name}.svg")), &svg)?;
    write_bytes(&dir.join(format!("{name}.png")), &basewise_motif::logo::png(&svg, 2.0)?)
}
