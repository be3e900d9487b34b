//! `basewise explain`: how much each base contributed to a prediction; experiments with motifs.

mod attribution;
mod benchmark;
mod bigwig;
mod edits;
mod importance;
mod pairs;
mod rows;
mod spacing;
mod watch;

use crate::commands::command_line;
use crate::commands::evaluate::{batch_of_rows, predict_rows};
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, check_room, make_room, write_bytes, write_json, write_text};
use crate::shared_args::{AverageArgs, SplitArg};
use crate::table::count;
use anyhow::Result;
use attribution::{Attributed, ReferenceArgs, Sums};
use basewise_core::perturb::{Plain, Watched, saturate};
use basewise_core::{Dataset, Matrix, Predict, SequenceBatch, TaskKind, label_ranges};
use basewise_io::Genome;
use basewise_io::arrays::{Array, write_npz};
use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::{Path, PathBuf};
use watch::{WatchArgs, tell_share, with_margin};

/// Attribution methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// Score change for every substitution (in-silico mutagenesis)
    Ism,
    /// Gradient of the output with respect to the input
    Saliency,
    /// Gradient at the base that is there
    InputXGradient,
    /// Contributions to the difference to references (DeepLIFT with the rescale rule; DeepSHAP over several references)
    Deeplift,
    /// Mean gradient along the way from references
    IntegratedGradients,
    /// Gradients at random points of the ways from references
    ExpectedGradients,
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

    /// Those that say what each base contributes, for networks.
    const fn about_bases() -> [Self; 6] {
        [
            Self::Ism,
            Self::Saliency,
            Self::InputXGradient,
            Self::Deeplift,
            Self::IntegratedGradients,
            Self::ExpectedGradients,
        ]
    }

    /// Whether it compares sequences with references.
    fn has_references(self) -> bool {
        matches!(self, Self::Deeplift | Self::IntegratedGradients | Self::ExpectedGradients)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ism => "ism",
            Self::Saliency => "saliency",
            Self::InputXGradient => "input-x-gradient",
            Self::Deeplift => "deeplift",
            Self::IntegratedGradients => "integrated-gradients",
            Self::ExpectedGradients => "expected-gradients",
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
    /// What windows, deletions, insertions and motifs put in or taken out do
    Edits(edits::EditsArgs),
    /// Which pairs of substitutions do more or less than the sum of both
    Pairs(pairs::PairsArgs),
    /// Which attribution method to believe: on planted truth, by deletion and insertion, between members
    Benchmark(benchmark::BenchmarkArgs),
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise explain quickstart/donor/run --method ism --limit 20 -o explained
  $ basewise explain quickstart/donor/run --method input-x-gradient --limit 20 --select first -o explained-gradient
  $ basewise explain quickstart/donor/run --method deeplift --references 10 --limit 5 -o explained-deeplift
  $ basewise explain quickstart/donor/run --region 40-60 --limit 5 -o explained-middle
  $ basewise explain quickstart/donor/run --method input-x-gradient --limit 5 --parquet -o explained-rows

Mutagenesis computes what a substitution changes in the network and no more; --plain runs whole copies through it, to check.
With --region, values of other positions are 0.

DIR/attributions.npz holds `attributions` and `one_hot`, both [N, 4, L] in the order A C G T, and `ids`:
  numpy.load('explained/attributions.npz')['attributions']
Values are changes of the raw score (the logit for classes). Methods with references add `hypothetical` and the two
files that TF-MoDISco takes:
  modisco motifs -s explained/modisco/sequences.npz -a explained/modisco/hypothetical.npz -n 2000 -o motifs.h5

--parquet writes what the base that is there contributes, for DuckDB, polars, pandas or R: id, position (0-based in the window),
chrom, start (0-based) and strand of bases that lie on a genome, base, output, contribution.

Of a classical model, coefficients, gain, shap and permutation print which features matter and write it as a table, by
default into RUN/importance. SHAP values sum, with their base, to the probability of a class, the expected count or the value
for tree and forest, and to the logit, the logarithm of the expected count or the value for the other models.")]
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
    watch: WatchArgs,
    #[command(flatten)]
    average: AverageArgs,
    #[command(flatten)]
    reference: ReferenceArgs,
    /// Write contributions as contributions.parquet, a row a position of each example
    #[arg(long)]
    parquet: bool,
    /// Write contributions of places on this genome (FASTA) as contributions.bw
    #[arg(long, value_name = "FILE")]
    genome: Option<PathBuf>,
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
    /// Of methods with references, what the contributions sum to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sums: Option<Sums>,
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
        (Some(Experiment::Edits(args)), _) => edits::run(args, printer),
        (Some(Experiment::Pairs(args)), _) => pairs::run(args, printer),
        (Some(Experiment::Benchmark(args)), _) => benchmark::run(args, printer),
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
    args.reference.check(args.method)?;
    let about_bases = [(args.genome.is_some(), "--genome"), (args.parquet, "--parquet")];
    if let (true, Some((_, flag))) =
        (args.method.is_about_features(), about_bases.into_iter().find(|(given, _)| *given))
    {
        let message = format!("--method {} has no use for {flag}", args.method.name());
        return Err(user(message, Some("see `basewise explain --help`")));
    }
    if let (true, Some(flag)) = (args.method != Method::Ism, args.watch.given()) {
        let message = format!("expected --method ism beside {flag}, found {}", args.method.name());
        return Err(user(message, None));
    }
    let run = RunDir::open(run)?;
    if args.method.is_about_features() {
        return importance::run(args, &run, printer);
    }
    // Before anything is computed, so that a wrong file is no loss.
    let output = args.output.clone().unwrap_or_else(|| run.file("explain"));
    check_room(&output, "explain.json")?;
    let genome = args.genome.as_deref().map(Genome::open).transpose()?;
    let models = run.model()?;
    let model = args.average.over(&models)?;
    let (dataset, _, path) = run.dataset(args.data.as_deref())?;
    let (watched, target_name) = args.watch.watched(model.tasks(), args.target.as_deref())?;
    let (target, region) = (watched.output, args.watch.region(models.length())?);
    let rows = args.split.rows(&dataset, &path)?;
    let (rows, predicted) = choose((args.select, args.limit), &model, &dataset, rows, watched)?;
    let places = genome.as_ref().map(|genome| bigwig::Places::of(genome, &dataset, &rows)).transpose()?;
    let batch_of = |model: &dyn Predict| batch_of_rows(model, &dataset, rows.iter().copied());
    let batch = batch_of(&models)?;
    let found = match args.method {
        Method::Ism => {
            tell_share(&models, args.watch.plain, printer);
            let (plain, region) = (Plain(&model), with_margin(&region, &model));
            let asked: &dyn Predict = if args.watch.plain { &plain } else { &model };
            Attributed::plain(within(&mutagenesis(asked, &batch_of(&model)?, watched, region, printer)?, &model))
        }
        _ => attribution::attribute((args.method, &args.reference), &models, &batch, target, printer)?,
    };
    let values = &found.values;
    let explanation = Explanation {
        format_version: 1,
        command: command_line(),
        method: args.method.name().to_owned(),
        target: target_name,
        split: args.split.name().to_owned(),
        examples: rows.iter().zip(&predicted).map(|(&i, &p)| explained(&dataset, i, p, target)).collect(),
        mean: mean_contribution(args.method, values, &batch),
        sums: found.convergence.clone(),
    };
    let parts = ["attributions.npz", "explain.json", "logos", "modisco", bigwig::FILE, rows::FILE];
    make_room(&output, "explain.json", &parts)?;
    write_arrays(&output, &found, &batch, &explanation)?;
    draw(args, &output, values, &batch, &explanation)?;
    if args.parquet {
        rows::write(&output, &dataset, &explanation, values, &batch)?;
    }
    if let Some(places) = &places {
        bigwig::write(&output, places, &explanation, values, &batch)?;
    }
    write_json(&output.join("explain.json"), &explanation)?;
    printer.talk(&format!(
        "explained {} examples by {}; wrote {}",
        count(rows.len()),
        args.method.name(),
        output.display()
    ));
    Ok(Outcome::Done)
}

/// The rows to explain with the score that is watched for each.
fn choose(
    (select, limit): (Select, usize),
    model: &dyn Predict,
    dataset: &Dataset,
    mut rows: Vec<usize>,
    watched: Watched,
) -> Result<(Vec<usize>, Vec<f64>)> {
    if select == Select::First {
        rows.truncate(limit);
    }
    let predicted: Matrix = predict_rows(model, dataset, &rows)?;
    let score = |(i, row)| (row, f64::from(watched.of(predicted.row(i))));
    let mut scored: Vec<(usize, f64)> = rows.into_iter().enumerate().map(score).collect();
    if select == Select::Top {
        // A stable sort: ties stay in the order of the data set.
        scored.sort_by(|a, b| b.1.total_cmp(&a.1));
        scored.truncate(limit);
    }
    Ok(scored.into_iter().unzip())
}

/// Effects `[n, 4, length]` of every substitution within the region.
fn mutagenesis(
    model: &dyn Predict,
    batch: &SequenceBatch,
    watched: Watched,
    region: Range<usize>,
    printer: &Printer,
) -> Result<Vec<f32>> {
    let bar = printer.bar(batch.len() as u64, "in-silico mutagenesis {bar:24} {pos}/{len} sequences, {eta} left");
    let values = saturate(model, batch, watched, region, &mut |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    Ok(values)
}

/// Values without those of the margins around the window.
fn within(values: &[f32], model: &dyn Predict) -> Vec<f32> {
    let (length, margin) = (model.length(), model.margin());
    values.chunks_exact(length.max(1)).flat_map(|row| &row[margin..length - margin]).copied().collect()
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

fn write_arrays(dir: &Path, found: &Attributed, batch: &SequenceBatch, explanation: &Explanation) -> Result<()> {
    let (n, length, channels) = (batch.len(), batch.length(), batch.encoding().channels());
    let dense = batch.one_hot();
    let bases: Vec<f32> = dense.chunks_exact(channels * length).flat_map(|x| &x[..4 * length]).copied().collect();
    let shape = vec![n, 4, length];
    let ids = explanation.examples.iter().map(|e| e.id.clone()).collect();
    let mut arrays = vec![
        ("attributions", Array::f32(shape.clone(), found.values.clone())),
        ("one_hot", Array::f32(shape.clone(), bases.clone())),
        ("ids", Array::text(ids)),
    ];
    if let Some(hypothetical) = &found.hypothetical {
        arrays.push(("hypothetical", Array::f32(shape.clone(), hypothetical.clone())));
        // As tfmodisco-lite reads them: one array a file, without a name.
        for (name, values) in [("sequences", bases), ("hypothetical", hypothetical.clone())] {
            let array = [("arr_0", Array::f32(shape.clone(), values))];
            write_npz(&dir.join("modisco").join(format!("{name}.npz")), &array)?;
        }
    }
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
