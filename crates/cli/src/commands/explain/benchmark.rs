//! `basewise explain benchmark`: which attribution method to believe, on truth that is known and on the model itself.

use super::attribution::{self, ReferenceArgs};
use super::{Method, Select, contribution, mutagenesis};
use crate::commands::command_line;
use crate::commands::evaluate::batch_of_rows;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, check_output, write_json};
use crate::shared_args::{SplitArg, output_index};
use crate::table::{Table, count};
use crate::trained::TrainedModel;
use anyhow::Result;
use basewise_core::average::Ensemble;
use basewise_core::metrics::{average_precision, pearson};
use basewise_core::perturb::{CurveOptions, Curves, deletion_insertion};
use basewise_core::{Dataset, Predict, SequenceBatch};
use clap::Args;
use serde::Serialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise dataset simulate --plant MA0139.2 --count 200 --length 60 -o planted
  $ basewise train planted --model deepbind --epochs 2 -o planted-run
  $ basewise explain benchmark planted-run --limit 5 --methods ism,saliency,input-x-gradient

Where the data set has a truth.tsv (of `dataset simulate`), the average precision says how well a method's contributions rank
the planted bases of an example before the others; chance is their share. Saliency is taken as the largest of the four slopes. On any data set, bases are taken from the sequence,
the most important first (deletion, the lower the better), and put into a shuffled one (insertion, the higher the better). Of an
ensemble, the agreement is the mean correlation between what two members say.")]
pub(crate) struct BenchmarkArgs {
    /// Run directory
    run: PathBuf,
    /// Another data set than the one it was trained on
    data: Option<PathBuf>,
    /// Methods, separated by commas [default: all that work with the model]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LIST")]
    methods: Vec<Method>,
    /// Which examples are explained
    #[arg(long, value_enum, default_value = "test")]
    split: SplitArg,
    /// At most this many examples: with a truth those that something is planted in, else the highest predictions
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
    /// The output to explain: a task, task:class, or a number [default: the first]
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Shuffles of each sequence that bases are taken from, for the curves
    #[arg(long, default_value_t = 5, value_name = "N")]
    shuffles: usize,
    #[command(flatten)]
    reference: ReferenceArgs,
    /// Write the figures and the curves as JSON
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is written as JSON.
#[derive(Serialize)]
struct Report {
    format_version: u32,
    command: String,
    target: String,
    split: String,
    examples: usize,
    /// Mean share of planted bases, if there is a truth: the average precision of a guess.
    chance: Option<f64>,
    /// Methods, and last a random order.
    methods: Vec<Judged>,
}

/// What is said of one method.
#[derive(Serialize)]
struct Judged {
    method: String,
    /// Mean over the examples of the average precision of planted bases, and the standard error of the mean.
    average_precision: Option<f64>,
    standard_error: Option<f64>,
    deletion_area: f64,
    insertion_area: f64,
    /// Mean correlation of contributions between two members of an ensemble.
    agreement: Option<f64>,
    seconds_per_sequence: f64,
    shares: Vec<f64>,
    deletion: Vec<f64>,
    insertion: Vec<f64>,
}

/// Planted positions by the id of an example.
type Truth = HashMap<String, Vec<(usize, usize)>>;

pub(super) fn run(args: &BenchmarkArgs, printer: &Printer) -> Result<Outcome> {
    if args.limit == 0 || args.shuffles == 0 {
        return Err(user("expected --limit and --shuffles of at least 1, found 0", None));
    }
    args.output.as_deref().map_or(Ok(()), |path| check_output(path, &["json"]))?;
    let run = RunDir::open(&args.run)?;
    let models = run.model()?;
    let (dataset, _, path) = run.dataset(args.data.as_deref())?;
    let (target, target_name) = output_index(models.tasks(), args.target.as_deref())?;
    let truth = truth(&path, &dataset, &models)?;
    let rows = choose(args, &models, &dataset, &path, target, truth.as_ref())?;
    let batch = batch_of_rows(&models, &dataset, rows.iter().copied())?;
    let planted: Option<Vec<Vec<f64>>> =
        truth.map(|truth| rows.iter().map(|&row| mask(&truth, &dataset, row)).collect());
    let mut judge =
        Judge { args, models: &models, batch: &batch, target, planted: planted.as_deref(), methods: Vec::new() };
    for method in methods(args, &models)? {
        printer.talk(&format!("{} ...", method.name()));
        judge.add(method, printer)?;
    }
    judge.add_guess()?;
    let report = Report {
        format_version: 1,
        command: command_line(),
        target: target_name,
        split: args.split.name().to_owned(),
        examples: rows.len(),
        chance: planted.as_deref().map(|planted| mean(planted.iter().map(|mask| mean(mask.iter().copied())))),
        methods: judge.methods,
    };
    if let Some(path) = &args.output {
        write_json(path, &report)?;
    }
    if args.json {
        printer.json(&report)?;
    } else {
        printer.data(&table(&report).render())?;
        printer.talk(&told(&report));
    }
    Ok(Outcome::Done)
}

/// Those that were asked for, or all that work.
fn methods(args: &BenchmarkArgs, models: &Ensemble<TrainedModel>) -> Result<Vec<Method>> {
    if let Some(wrong) = args.methods.iter().find(|method| method.is_about_features()) {
        return Err(user(
            format!("expected methods about bases, found {}", wrong.name()),
            Some("`basewise explain` with it tells which features of a classical model matter"),
        ));
    }
    if !args.methods.is_empty() {
        return Ok(args.methods.clone());
    }
    let only_networks = models.members().iter().all(TrainedModel::is_network);
    Ok(if only_networks { Method::about_bases().to_vec() } else { vec![Method::Ism] })
}

/// The planted positions that lie beside the data set, if it was simulated.
fn truth(path: &Path, dataset: &Dataset, models: &dyn Predict) -> Result<Option<Truth>> {
    let file = path.join("truth.tsv");
    if !file.is_file() || dataset.length != models.length() {
        return Ok(None);
    }
    let table = basewise_io::table::read(&file)?;
    let [examples, starts, ends] = [table.column("example")?, table.column("start")?, table.column("end")?];
    let mut truth = Truth::new();
    for row in 0..table.rows() {
        let place = (starts[row].parse().ok(), ends[row].parse().ok());
        let (Some(start), Some(end)) = place else {
            return Err(user(
                format!("{}: line {}: expected start and end as whole numbers", file.display(), table.line(row)),
                Some("the file is written by `basewise dataset simulate`"),
            ));
        };
        truth.entry(examples[row].clone()).or_default().push((start, end));
    }
    Ok(Some(truth))
}

/// 1 where something is planted in a row, else 0.
fn mask(truth: &Truth, dataset: &Dataset, row: usize) -> Vec<f64> {
    let mut mask = vec![0.0; dataset.length];
    for &(start, end) in truth.get(&dataset.examples[row].id).map_or(&[][..], Vec::as_slice) {
        mask.iter_mut().take(end).skip(start).for_each(|cell| *cell = 1.0);
    }
    mask
}

fn choose(
    args: &BenchmarkArgs,
    models: &dyn Predict,
    dataset: &Dataset,
    path: &Path,
    target: usize,
    truth: Option<&Truth>,
) -> Result<Vec<usize>> {
    let mut rows = args.split.rows(dataset, path)?;
    let none = |what: &str| {
        let (path, split) = (path.display(), args.split.name());
        let message = format!("{path}: expected examples{what} in the {split} split, found none");
        user(message, Some("choose another with --split"))
    };
    let Some(truth) = truth else {
        let (rows, _) = super::choose((Select::Top, args.limit), models, dataset, rows, target.into())?;
        return if rows.is_empty() { Err(none("")) } else { Ok(rows) };
    };
    rows.retain(|&row| truth.contains_key(&dataset.examples[row].id));
    rows.truncate(args.limit);
    if rows.is_empty() { Err(none(" with planted motifs")) } else { Ok(rows) }
}

/// Judges one method after another on the same examples.
struct Judge<'a> {
    args: &'a BenchmarkArgs,
    models: &'a Ensemble<TrainedModel>,
    batch: &'a SequenceBatch,
    target: usize,
    planted: Option<&'a [Vec<f64>]>,
    methods: Vec<Judged>,
}

impl Judge<'_> {
    fn add(&mut self, method: Method, printer: &Printer) -> Result<()> {
        let start = Instant::now();
        let of = |model: &TrainedModel| self.contributions(method, model, printer);
        let each = self.models.members().iter().map(of).collect::<Result<Vec<Vec<f32>>>>()?;
        let seconds = start.elapsed().as_secs_f64() / self.batch.len() as f64;
        let together = attribution::mean(&each, self.models.weights());
        self.push(method.name(), &together, agreement(&each, self.batch.length()), seconds)
    }

    /// What one member says that each base contributes, `[n, length]`.
    fn contributions(&self, method: Method, model: &TrainedModel, printer: &Printer) -> Result<Vec<f32>> {
        let (batch, length) = (self.batch, self.batch.length());
        let values = if method == Method::Ism {
            mutagenesis(model, batch, self.target.into(), 0..length, printer)?
        } else {
            let alone = Ensemble::new(vec![model.clone()])?;
            let reference = self.args.reference.only_for(method);
            attribution::attribute((method, &reference), &alone, batch, self.target, &printer.silenced())?.values
        };
        if method == Method::Saliency {
            // How much a base matters, whichever is there: the largest slope of the four.
            return Ok(values.chunks_exact(4 * length).flat_map(|row| steepest(row, length)).collect());
        }
        let at = |base: [f64; 4]| base.iter().sum::<f64>() as f32;
        let of_row = |i| contribution(method.name(), &values, batch, i).into_iter().map(at);
        Ok((0..batch.len()).flat_map(of_row).collect())
    }

    /// A random order: what a method must be better than.
    fn add_guess(&mut self) -> Result<()> {
        let mut rng = basewise_core::random::stream(1, "guess of an attribution", &[]);
        let n = self.batch.len() * self.batch.length();
        let guess: Vec<f32> = (0..n).map(|_| basewise_core::random::uniform(&mut rng) as f32).collect();
        self.push("random order", &guess, None, 0.0)
    }

    fn push(&mut self, name: &str, values: &[f32], agreement: Option<f64>, seconds: f64) -> Result<()> {
        let options = CurveOptions { references: self.args.shuffles, ..CurveOptions::default() };
        let curves = deletion_insertion(self.models, self.batch, self.target, values, &options)?;
        let Some(curves) = curves else { return Ok(()) };
        let precisions = self.planted.map(|planted| precisions(planted, values, self.batch.length()));
        self.methods.push(judged(name, precisions.as_deref(), &curves, agreement, seconds));
        Ok(())
    }
}

/// The largest size at each position of `[4, length]`.
fn steepest(gradient: &[f32], length: usize) -> Vec<f32> {
    (0..length).map(|p| (0..4).map(|base| gradient[base * length + p].abs()).fold(0.0, f32::max)).collect()
}

/// The average precision of the planted bases of each example.
fn precisions(planted: &[Vec<f64>], values: &[f32], length: usize) -> Vec<f64> {
    let rows = planted.iter().zip(values.chunks_exact(length));
    let of = |(mask, row): (&Vec<f64>, &[f32])| {
        let scores: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
        average_precision(mask, &scores)
    };
    rows.filter_map(of).collect()
}

fn judged(name: &str, precisions: Option<&[f64]>, curves: &Curves, agreement: Option<f64>, seconds: f64) -> Judged {
    let average = precisions.map(|all| mean(all.iter().copied()));
    let error = precisions.zip(average).filter(|(all, _)| all.len() > 1).map(|(all, average)| {
        let squares: f64 = all.iter().map(|x| (x - average).powi(2)).sum();
        (squares / (all.len() - 1) as f64 / all.len() as f64).sqrt()
    });
    Judged {
        method: name.to_owned(),
        average_precision: average,
        standard_error: error,
        deletion_area: curves.deletion_area(),
        insertion_area: curves.insertion_area(),
        agreement,
        seconds_per_sequence: seconds,
        shares: curves.shares.clone(),
        deletion: curves.deletion.clone(),
        insertion: curves.insertion.clone(),
    }
}

/// Mean over pairs of members and over examples of the correlation along the sequence.
fn agreement(each: &[Vec<f32>], length: usize) -> Option<f64> {
    let as_f64 = |row: &[f32]| row.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let mut found = Vec::new();
    for (i, one) in each.iter().enumerate() {
        for other in &each[i + 1..] {
            let rows = one.chunks_exact(length).zip(other.chunks_exact(length));
            found.extend(rows.filter_map(|(a, b)| pearson(&as_f64(a), &as_f64(b))));
        }
    }
    (!found.is_empty()).then(|| mean(found.into_iter()))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0), |(sum, n), value| (sum + value, n + 1));
    sum / f64::from(n.max(1))
}

fn table(report: &Report) -> Table {
    let mut table = Table::new(&[
        "method",
        "average precision",
        "standard error",
        "deletion",
        "insertion",
        "agreement",
        "ms/sequence",
    ]);
    let cell = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
    for m in &report.methods {
        table.row([
            m.method.clone(),
            cell(m.average_precision),
            cell(m.standard_error),
            format!("{:.3}", m.deletion_area),
            format!("{:.3}", m.insertion_area),
            cell(m.agreement),
            format!("{:.1}", m.seconds_per_sequence * 1e3),
        ]);
    }
    table
}

fn told(report: &Report) -> String {
    let by =
        format!("{} examples of the {} split, raw score of {}", count(report.examples), report.split, report.target);
    match report.chance {
        Some(chance) => {
            format!("{by}; {:.1} % of their bases are planted, which is the precision of a guess", 100.0 * chance)
        }
        None => format!("{by}; no truth.tsv beside the data set, so methods are judged by the model alone"),
    }
}
