//! `basewise tune`: many short trainings, and the settings that did best on the validation split.

mod outputs;
mod space;
mod trials;

use crate::commands::children;
use crate::commands::train::TrainArgs;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{read_json, write_json};
use crate::table::count;
use crate::trained::AnyConfig;
use anyhow::Result;
use basewise_core::source::ExampleSource;
use basewise_core::tune::{self, Finished, Point, Rung};
use basewise_nn::{DeviceChoice, Monitor, Schedule};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use space::SearchSpace;
use std::path::PathBuf;
use trials::{Runner, Trial};

/// How settings are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Method {
    /// Each trial at random
    Random,
    /// Where good trials are dense and bad ones are not (tree-structured Parzen estimator)
    Tpe,
    /// All at random for a few epochs, then only the better ones for more (successive halving)
    Halving,
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ printf '[learning_rate]\\nlow = 1e-4\\nhigh = 1e-2\\nscale = \"log\"\\n[batch_size]\\nvalues = [64, 128]\\n' > space.toml
  $ printf 'model = \"cnn-global\"\\nepochs = 1\\nreverse_complement = false\\n' | cat - space.toml > short.toml
  $ basewise tune quickstart/donor/data --space short.toml --trials 2 -o tuned
  $ basewise train quickstart/donor/data --config tuned/best.toml -o tuned-run

A space names settings as `train --config` does, and numbers of the architecture as layer.1.filters. Each has
values = [..], or low and high, perhaps with scale = \"log\" and integer = true; a plain value does not vary.
Only the validation split is looked at. Ctrl-C stops all trials; the same command with --resume goes on.")]
pub(crate) struct TuneArgs {
    /// Data set directory
    data: PathBuf,
    /// What may vary, as TOML
    #[arg(long, value_name = "FILE")]
    space: PathBuf,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Settings to try
    #[arg(long, default_value_t = 20, value_name = "N")]
    trials: usize,
    #[arg(long, value_enum, default_value = "tpe")]
    method: Method,
    /// Trials that are trained at once; the threads are divided among them
    #[arg(long, default_value_t = 1, value_name = "J")]
    jobs: usize,
    /// Seed of what is tried, and of the training of each trial
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// What makes a trial better: loss or metric of the validation split
    #[arg(long, value_enum, default_value = "loss")]
    monitor: MonitorArg,
    /// With halving: epochs of the first rung
    #[arg(long, default_value_t = 1, value_name = "N")]
    first_epochs: usize,
    /// With halving: one trial in this many goes on to the next rung, for as many times the epochs
    #[arg(long, default_value_t = 3, value_name = "N")]
    factor: usize,
    /// auto, cpu, gpu or gpu:N
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: String,
    /// Go on with a search that was interrupted, or with more trials
    #[arg(long)]
    resume: bool,
    /// Replace a search that is there already
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// Print all trials as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MonitorArg {
    /// The loss, lower is better
    Loss,
    /// AUROC, accuracy or Pearson correlation by the kind of task, higher is better
    Metric,
}

impl MonitorArg {
    fn monitor(self) -> Monitor {
        match self {
            Self::Loss => Monitor::Loss,
            Self::Metric => Monitor::Metric,
        }
    }
}

/// Trials that are proposed from the same knowledge. It is fixed, so that the number of jobs decides nothing.
const ROUND: usize = 4;
/// More than anyone waits for.
const MOST_TRIALS: usize = 9999;

/// `tune.json`: what decides the trials of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    format_version: u32,
    method: Method,
    seed: u64,
    monitor: Monitor,
    dataset_sha256: String,
    space_sha256: String,
    /// Epochs of the rungs, and how many trials each has; one rung without halving.
    rungs: Vec<(usize, usize)>,
}

pub(crate) fn run(args: &TuneArgs, printer: &Printer) -> Result<Outcome> {
    if !(1..=MOST_TRIALS).contains(&args.trials) || !(1..=256).contains(&args.jobs) {
        let message = format!(
            "expected --trials of 1 to {MOST_TRIALS} and --jobs of 1 to 256, found {} and {}",
            args.trials, args.jobs
        );
        return Err(user(message, None));
    }
    let device: Result<DeviceChoice, _> = args.device.parse();
    basewise_nn::device::open(device.map_err(|error| user(format!("--device: {error}"), None))?)?;
    let (data, _) = basewise_io::dataset::open(&args.data)?;
    let usual = TrainArgs::usual(&data.header());
    let usual = basewise_nn::TrainConfig { seed: args.seed, monitor: args.monitor.monitor(), ..usual };
    let space = SearchSpace::read(&args.space, usual)?;
    refuse(&space, args)?;
    let rungs = rungs(&space, args)?;
    let record = Record {
        format_version: 1,
        method: args.method,
        seed: args.seed,
        monitor: args.monitor.monitor(),
        dataset_sha256: data.sha256().to_owned(),
        space_sha256: Sha256::digest(fs_err::read(&args.space)?).iter().map(|byte| format!("{byte:02x}")).collect(),
        rungs: rungs.iter().map(|rung| (rung.epochs, rung.trials)).collect(),
    };
    let _lock = prepare(args, &record)?;
    let threads = (rayon::current_num_threads() / args.jobs).max(1);
    let runner = Runner {
        data: &args.data,
        directory: &args.output,
        device: &args.device,
        monitor: args.monitor.monitor(),
        jobs: args.jobs,
        threads,
        printer,
    };
    printer.talk(&plan(args, &space, &rungs, threads));
    children::watch();
    let mut search = Search { args, space: &space, runner: &runner, rungs: &rungs, trials: Vec::new() };
    if !search.go()? {
        let line = super::command_line().replace(" --overwrite", "").replace(" --resume", "");
        printer.stderr(&format!("interrupted; to go on: {line} --resume"));
        return Ok(Outcome::No);
    }
    runner.tidy(search.trials.len());
    outputs::write(&search, printer)
}

/// A search that is under way.
struct Search<'a> {
    args: &'a TuneArgs,
    space: &'a SearchSpace,
    runner: &'a Runner<'a>,
    rungs: &'a [Rung],
    trials: Vec<Trial>,
}

impl Search<'_> {
    /// Runs all trials; false if it was interrupted.
    fn go(&mut self) -> Result<bool> {
        let round = if self.args.method == Method::Tpe { ROUND } else { self.args.trials };
        while self.trials.len() < self.args.trials {
            let first = self.trials.len();
            self.propose(round.min(self.args.trials - first))?;
            if self.trials.len() == first {
                let found = count(first);
                self.runner.printer.talk(&format!("the space has no other settings: {found} trials are all"));
                break;
            }
            let which: Vec<usize> = (first..self.trials.len()).collect();
            let epochs = (self.rungs.len() > 1).then_some(self.rungs[0].epochs);
            if !self.runner.train(&mut self.trials, &which, epochs)? {
                return Ok(false);
            }
            if let (None, Some(Err(message))) = (self.best(), self.trials.first().map(|trial| &trial.outcome)) {
                let message = format!("all of the first {} trials failed: {message}", self.trials.len());
                return Err(user(
                    message,
                    Some("`trials/0001.log` in the directory of the search has the first one's words"),
                ));
            }
        }
        for (i, rung) in self.rungs.iter().enumerate().skip(1) {
            let before: Vec<Finished> =
                self.finished().into_iter().filter(|f| self.trials[f.trial].rung == i).collect();
            let kept = tune::promote(&before, rung.trials.min(before.len()));
            self.runner.printer.talk(&format!("rung {}: {} trials, {} epochs", i + 1, kept.len(), rung.epochs));
            if !self.runner.train(&mut self.trials, &kept, Some(rung.epochs))? {
                return Ok(false);
            }
            kept.iter().for_each(|&number| self.trials[number].rung = i + 1);
        }
        Ok(true)
    }

    /// Adds the trials of a round. They know of the trials of earlier rounds only, and of each other no more than that
    /// they must differ.
    fn propose(&mut self, round: usize) -> Result<()> {
        let finished = self.finished();
        for _ in 0..round {
            let number = self.trials.len();
            let taken: Vec<Point> = self.trials.iter().map(|trial| trial.point.clone()).collect();
            let (space, seed) = (&self.space.space, self.args.seed);
            let point = match self.args.method {
                Method::Tpe => tune::tpe(space, seed, number, &finished, &taken),
                Method::Random | Method::Halving => tune::random(space, seed, number, &taken),
            };
            let Some(point) = point else { break };
            let config = self.space.config(&point);
            if number == 0 && config.is_err() {
                // Very likely the file is wrong, and not the draw.
                config?;
                break;
            }
            let (config, outcome) = match config {
                Ok(config) => (Some(config), Err("it was not trained".to_owned())),
                Err(error) => (None, Err(format!("{error:#}"))),
            };
            if let Some(config) = config.as_ref().filter(|_| self.rungs.len() > 1) {
                must_go_on(config)?;
            }
            self.trials.push(Trial { number, point, config, rung: 1, outcome });
        }
        Ok(())
    }

    fn finished(&self) -> Vec<Finished> {
        let finished = |trial: &Trial| Finished {
            trial: trial.number,
            point: trial.point.clone(),
            score: trial.score(self.runner.monitor),
        };
        self.trials.iter().map(finished).collect()
    }

    /// The best of the trials that got farthest.
    fn best(&self) -> Option<&Trial> {
        let scored = self.trials.iter().filter_map(|trial| Some((trial, trial.score(self.runner.monitor)?)));
        let better = |a: &(&Trial, f64), b: &(&Trial, f64)| {
            b.0.rung.cmp(&a.0.rung).then(a.1.total_cmp(&b.1)).then(a.0.number.cmp(&b.0.number))
        };
        scored.min_by(better).map(|(trial, _)| trial)
    }
}

/// What a space must not say, because flags say it or because trials could not be compared.
fn refuse(space: &SearchSpace, args: &TuneArgs) -> Result<()> {
    if space.names("monitor") {
        return Err(user("the space names monitor, which is the same for all trials", Some("use --monitor")));
    }
    if args.method == Method::Halving && space.varying("epochs").is_some() {
        return Err(user(
            "the space varies epochs, which halving chooses by itself",
            Some("give it as a plain value: it is that of the last rung"),
        ));
    }
    match (args.monitor, space.varying("loss.")) {
        (MonitorArg::Loss, Some(name)) => Err(user(
            format!("the space varies {name}, so the losses of trials cannot be compared"),
            Some("--monitor metric compares them by AUROC, accuracy or correlation"),
        )),
        _ => Ok(()),
    }
}

/// A run can only go on for more epochs if they do not change the steps before.
fn must_go_on(config: &AnyConfig) -> Result<()> {
    let AnyConfig::Network(config) = config else {
        return Err(user(
            "halving goes on with runs for more epochs, and a classical model is fitted in one go",
            Some("use --method tpe or random"),
        ));
    };
    match config.train.schedule {
        Schedule::Cosine | Schedule::OneCycle => Err(user(
            "halving goes on with runs for more epochs, which a cosine or one-cycle schedule does not allow",
            Some("use the schedule constant, step or plateau, or --method tpe"),
        )),
        Schedule::Constant | Schedule::Step | Schedule::Plateau => Ok(()),
    }
}

/// One rung with all epochs, or those of successive halving.
fn rungs(space: &SearchSpace, args: &TuneArgs) -> Result<Vec<Rung>> {
    let point = tune::random(&space.space, args.seed, 0, &[]);
    let first = point.map(|point| space.config(&point)).transpose()?;
    let epochs = first.as_ref().map_or(1, AnyConfig::epochs);
    if args.method != Method::Halving {
        return Ok(vec![Rung { epochs, trials: args.trials }]);
    }
    first.as_ref().map_or(Ok(()), must_go_on)?;
    tune::rungs(args.trials, args.first_epochs, epochs, args.factor)
        .map_err(|error| user(error.to_string(), Some("see --first-epochs, --factor, and epochs in the space")))
}

fn plan(args: &TuneArgs, space: &SearchSpace, rungs: &[Rung], threads: usize) -> String {
    let names: Vec<&str> = space.space.parameters().iter().map(|p| p.name.as_str()).collect();
    let ladder: Vec<String> = rungs.iter().map(|rung| format!("{} for {} epochs", rung.trials, rung.epochs)).collect();
    let ladder = if rungs.len() > 1 { format!("; rungs: {}", ladder.join(", ")) } else { String::new() };
    format!(
        "{} trials over {}{ladder}; {} at once with {threads} threads each",
        count(args.trials),
        names.join(", "),
        args.jobs
    )
}

/// Makes room and keeps other searches out as long as what is returned lives: a search of ours is replaced or gone on with
/// only if that is asked for, anything else never.
fn prepare(args: &TuneArgs, record: &Record) -> Result<fs_err::File> {
    let (directory, path) = (&args.output, args.output.join("tune.json"));
    // A search that was killed at its very beginning has a lock and nothing else.
    let marker = if path.is_file() { "tune.json" } else { "tune.lock" };
    crate::run_dir::make_room(directory, marker, &[])?;
    if path.is_file() && !args.overwrite && !args.resume {
        return Err(user(
            format!("{}: a search is there already", directory.display()),
            Some("--resume goes on with it, --overwrite replaces it"),
        ));
    }
    fs_err::create_dir_all(directory)?;
    let lock = children::lock(directory, "tune.lock")?;
    if args.overwrite {
        crate::run_dir::make_room(directory, "tune.lock", &outputs::PARTS)?;
    } else if path.is_file() {
        let before: Record = read_json(&path)?;
        // More trials are what they would have been; rungs of halving depend on their number.
        let same_rungs = before.rungs == record.rungs || args.method != Method::Halving;
        if !same_rungs || before != (Record { rungs: before.rungs.clone(), ..record.clone() }) {
            return Err(user(
                format!("{}: the search there is another one", directory.display()),
                Some(
                    "repeat the command that began it, choose another directory with -o, or replace it with --overwrite",
                ),
            ));
        }
    }
    write_json(&path, record)?;
    Ok(lock)
}
