//! `basewise compare`: several models on one data set with the same splits, and whether a network earns its keep.

mod candidates;
mod judge;
mod leak_free;
mod outputs;
mod plan;
mod trainings;
mod verdict;

use crate::commands::children;
use crate::comparison::{self, Comparison, Repeats};
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::resampling::Resampling;
use anyhow::Result;
use basewise_core::check::{CheckOptions, CheckReport, check};
use basewise_core::{Dataset, Split};
use basewise_io::dataset::Provenance;
use basewise_nn::DeviceChoice;
use candidates::{Candidate, Candidates};
use clap::Args;
use judge::Judged;
use plan::Plan;
use std::path::{Path, PathBuf};
use trainings::Trainings;

#[derive(Args)]
#[command(after_help = "Examples:
  $ printf 'epochs = 1\\nreverse_complement = false\\n[[model]]\\nname = \"mlp\"\\n[[model]]\\nname = \"pooled\"\\nmodel = \"cnn-global\"\\n' > two.toml
  $ basewise compare quickstart/donor/data --models majority --models-from two.toml -o compared
  $ basewise compare quickstart/donor/data --models majority cnn=quickstart/donor/run -o compared-run

Models are those of `basewise model list`, architecture files, majority, and positional: a linear model of the base at
each position. Each is trained as `basewise train` would, all of them before the test split is looked at. Ctrl-C stops; --resume goes on, also with more
models or seeds. The page of the comparison is DIR/report.html.")]
pub(crate) struct CompareArgs {
    /// Data set directory
    data: PathBuf,
    /// Runs that join, trained on the same data set
    #[arg(value_name = "[NAME=]RUN")]
    runs: Vec<String>,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Models to train, by name; `none` for runs alone [default: majority, classical models and cnn]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    models: Vec<String>,
    /// Models and their settings as TOML: a [[model]] table for each
    #[arg(long, value_name = "FILE")]
    models_from: Option<PathBuf>,
    /// Train each model with N seeds and compare the means
    #[arg(long, default_value_t = 1, value_name = "N")]
    seeds: usize,
    /// Deal training and validation examples into K folds, train each model K times, and compare the means
    #[arg(long, value_name = "K", conflicts_with = "seeds")]
    folds: Option<usize>,
    /// Trainings at once; the threads are divided among them
    #[arg(long, default_value_t = 1, value_name = "J")]
    jobs: usize,
    /// Seed of the first training of each model, of folds and of the bootstrap
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Bootstrap resamples behind each 95 % interval and p-value
    #[arg(long, default_value_t = 1000, value_name = "N")]
    bootstrap: usize,
    /// Also train all again on splits that keep similar sequences together, and print how much each score drops
    #[arg(long)]
    leak_free: bool,
    /// auto, cpu, gpu or gpu:N
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: String,
    /// Go on with a comparison that was interrupted, or with more models or seeds
    #[arg(long)]
    resume: bool,
    /// Replace a comparison that is there already
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &CompareArgs, printer: &Printer) -> Result<Outcome> {
    within_limits(args)?;
    let (dataset, provenance) = basewise_io::dataset::load(&args.data)?;
    let digest = basewise_io::dataset::digest(&args.data)?;
    if dataset.rows_of(Split::Test).is_empty() {
        let message = format!("{}: the test split has no example to compare models on", args.data.display());
        return Err(user(message, Some("make the data set with a share for --test")));
    }
    let candidates = Candidates::new(args, &dataset, &digest)?.list;
    let again = if args.leak_free { leak_free::candidates(&candidates)? } else { Vec::new() };
    let plan = Plan::new(args, digest, &candidates);
    let _lock = plan::prepare(args, &plan)?;
    let check = examine(&dataset, printer);
    printer.talk(&announcement(args, &candidates));
    children::watch();
    let stage =
        Stage { args, data: &args.data, directory: &args.output, dataset: &dataset, provenance: &provenance, printer };
    let Some(judged) = stage.compare(&candidates, &plan.dataset_sha256)? else { return interrupted(printer) };
    let mut leak_free = None;
    if args.leak_free {
        leak_free = leak_free::compare(&stage, &again, &judged.tasks)?;
        if leak_free.is_none() {
            return interrupted(printer);
        }
    }
    let examples = dataset.rows_of(Split::Test).len();
    let comparison = Comparison {
        format_version: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: super::command_line(),
        data: args.data.clone(),
        dataset_sha256: plan.dataset_sha256,
        examples,
        repeats: args.repeats(),
        resamples: args.bootstrap,
        seed: args.seed,
        resampled: judged.resampled,
        jobs: args.jobs,
        threads: args.threads(),
        check,
        models: judged.models,
        tasks: judged.tasks,
        leak_free,
    };
    outputs::write(&comparison, &args.output, args.json, printer)
}

fn interrupted(printer: &Printer) -> Result<Outcome> {
    let line = super::command_line().replace(" --overwrite", "").replace(" --resume", "");
    printer.stderr(&format!("interrupted; to go on: {line} --resume"));
    Ok(Outcome::No)
}

/// A data set on which all models are trained and then compared.
#[derive(Clone, Copy)]
struct Stage<'a> {
    args: &'a CompareArgs,
    data: &'a Path,
    /// Where runs go.
    directory: &'a Path,
    dataset: &'a Dataset,
    provenance: &'a Provenance,
    printer: &'a Printer,
}

impl Stage<'_> {
    /// `None` if it was interrupted.
    fn compare(&self, candidates: &[Candidate], dataset_sha256: &str) -> Result<Option<Judged>> {
        let trainings = Trainings {
            data: self.data,
            directory: self.directory,
            device: &self.args.device,
            seed: self.args.seed,
            repeats: self.args.repeats(),
            jobs: self.args.jobs,
            threads: self.args.threads(),
            dataset_sha256,
            printer: self.printer,
        };
        let Some(failures) = trainings.run(candidates)? else { return Ok(None) };
        let rows = self.dataset.rows_of(Split::Test);
        let resampling = &Resampling::of(self.dataset, self.provenance, &rows);
        let bootstrap = self.args.bootstrap;
        let judge = judge::Judge { dataset: self.dataset, rows: &rows, trainings: &trainings, bootstrap, resampling };
        judge.compare(candidates, &failures).map(Some)
    }
}

impl CompareArgs {
    fn repeats(&self) -> Repeats {
        self.folds.map_or(Repeats::Seeds(self.seeds), Repeats::Folds)
    }

    /// Threads of one training.
    fn threads(&self) -> usize {
        (rayon::current_num_threads() / self.jobs).max(1)
    }
}

fn within_limits(args: &CompareArgs) -> Result<()> {
    let number = |flag: &str, found: usize, low: usize, high: usize| {
        let message = || format!("expected {flag} of {low} to {high}, found {found}");
        if (low..=high).contains(&found) { Ok(()) } else { Err(user(message(), None)) }
    };
    number("--seeds", args.seeds, 1, 1000)?;
    number("--folds", args.folds.unwrap_or(2), 2, 1000)?;
    number("--jobs", args.jobs, 1, 256)?;
    number("--bootstrap", args.bootstrap, 0, 1_000_000)?;
    let device: Result<DeviceChoice, _> = args.device.parse();
    basewise_nn::device::open(device.map_err(|error| user(format!("--device: {error}"), None))?)?;
    Ok(())
}

/// Looks for what would make all of the results look better than they are.
fn examine(dataset: &Dataset, printer: &Printer) -> CheckReport {
    let report = check(dataset, &CheckOptions::default());
    report.findings.iter().filter_map(comparison::doubt).for_each(|doubt| printer.warn(&doubt));
    report
}

fn announcement(args: &CompareArgs, candidates: &[Candidate]) -> String {
    let names: Vec<&str> = candidates.iter().map(|candidate| candidate.name.as_str()).collect();
    let repeats = args.repeats().text().map_or(String::new(), |text| format!(" with {text} each"));
    let (number, names, jobs) = (candidates.len(), names.join(", "), args.jobs);
    let threads = if args.threads() == 1 { "1 thread".to_owned() } else { format!("{} threads", args.threads()) };
    format!("{number} models{repeats}: {names}; {jobs} at once with {threads} each")
}
