//! Several models instead of one: an ensemble over folds, or over seeds.

use super::reporter::Reporter;
use super::{About, Plan, TrainArgs, device_text, finish, finished, prepare, sizes};
use crate::commands::{command_line, quoted};
use crate::ensemble::{self, Members};
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, RunInfo, write_json};
use crate::table::count;
use crate::trained::Settings;
use anyhow::Result;
use basewise_core::folds::{FoldBy, HeldOut};
use basewise_core::similarity::Threshold;
use basewise_core::source::ExampleSource;
use basewise_io::dataset::{Provenance, StoredDataset};
use basewise_nn::{OpenedDevice, Progress, TrainConfig, TrainOptions};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// Trains the members one after another, each in a run directory of its own. Those that are finished are kept, and one
/// that was interrupted goes on.
pub(super) fn train(
    args: &TrainArgs,
    (data, provenance): (&StoredDataset, &Provenance),
    plan: &Plan,
    device: &OpenedDevice,
    run: &RunDir,
    printer: &Printer,
) -> Result<Outcome> {
    let origins = |threshold: Option<Threshold>| match threshold {
        None => Ok(data.origins()?),
        // Relatives are looked for among all sequences at once.
        Some(_) => Ok(ensemble::origins(&basewise_io::dataset::load(&args.data)?.0, threshold)),
    };
    let members = args.ensemble.members(provenance, origins, plan.config.seed)?;
    let job = Job { args, data, plan, device, members };
    if args.resume && job.is_finished(run)? {
        printer.talk(&format!("{}: the ensemble is finished already; nothing is left to do", run.path().display()));
        return Ok(Outcome::Done);
    }
    prepare(args, run)?;
    plan.save(run)?;
    printer.talk(&format!("device: {}", device_text(device)));
    printer.talk(&sizes(plan, data)?);
    printer.talk(&dealt(&job.members));
    let number = job.members.folders.len();
    for member in 0..number {
        printer.talk(&format!("\nmember {} of {number}", member + 1));
        if job.train(member, &job.members.run(run, member), printer)? == Outcome::No {
            return Ok(Outcome::No);
        }
    }
    write_json(&run.info_path(), &job.record(run)?)?;
    printer.talk(&format!("\n{number} members; next: basewise evaluate {}", quoted(run.path())));
    Ok(Outcome::Done)
}

/// What all members have in common.
struct Job<'a> {
    args: &'a TrainArgs,
    data: &'a StoredDataset,
    plan: &'a Plan,
    device: &'a OpenedDevice,
    members: Members,
}

impl Job<'_> {
    fn is_finished(&self, run: &RunDir) -> Result<bool> {
        if !run.info_path().is_file() {
            return Ok(false);
        }
        let info = run.info()?;
        let same = info.config == Settings::Network(self.plan.config.clone())
            && info.members == self.members.folders
            && info.folds == self.members.recipe()
            && info.dataset_sha256 == self.data.sha256();
        if !same {
            return Err(user(
                format!("{}: the run is finished, and is not the ensemble that is asked for", run.path().display()),
                Some("choose another directory with -o, or replace it with --overwrite"),
            ));
        }
        Ok(true)
    }

    /// Trains one member, or what is left of it.
    fn train(&self, member: usize, run: &RunDir, printer: &Printer) -> Result<Outcome> {
        let config =
            TrainConfig { seed: self.plan.config.seed.wrapping_add(member as u64), ..self.plan.config.clone() };
        let plan = Plan { config, architecture: self.plan.architecture.clone(), model: self.plan.model.clone() };
        if run.info_path().is_file() {
            if run.info()?.folds != self.members.recipe() {
                let message = format!("{}: the member is finished, and of another ensemble", run.path().display());
                return Err(user(message, Some("choose another directory with -o, or start anew with --overwrite")));
            }
            if finished(run, &plan, self.data.sha256(), printer)? {
                return Ok(Outcome::Done);
            }
        }
        if run.path().is_dir() {
            run.tidy()?;
        }
        let held_out = match &self.members.folds {
            Some((_, folds)) => Some(HeldOut::new(self.data, folds, member)?),
            None => None,
        };
        let source: &dyn ExampleSource = match &held_out {
            Some(source) => source,
            None => self.data,
        };
        let mut reporter = Reporter::new(printer, &plan.config);
        let observe = &mut |progress: &Progress| reporter.see(progress);
        // A directory without a checkpoint begins.
        let options = TrainOptions { resume: true, ..self.args.options() };
        let outcome =
            basewise_nn::train(source, &plan.architecture, &plan.config, self.device, run.path(), &options, observe);
        reporter.finish();
        let outcome = outcome?;
        plan.save(run)?;
        let about = About { device: self.device, dataset_sha256: self.data.sha256(), folds: self.members.recipe() };
        finish(self.args, run, &plan, &about, outcome, printer)
    }

    /// The record of the whole ensemble.
    fn record(&self, run: &RunDir) -> Result<RunInfo> {
        let each = (0..self.members.folders.len()).map(|member| self.members.run(run, member).info());
        let each = each.collect::<Result<Vec<RunInfo>>>()?;
        Ok(together(&each, Settings::Network(self.plan.config.clone()), self.members.folders.clone()))
    }
}

/// The record of an ensemble of these members.
pub(crate) fn together(each: &[RunInfo], config: Settings, members: Vec<PathBuf>) -> RunInfo {
    let mut digest = Sha256::new();
    each.iter().for_each(|info| digest.update(&info.weights_sha256));
    let seconds: f64 = each.iter().map(|info| info.seconds).sum();
    let examples: f64 = each.iter().map(|info| info.examples_per_second * info.seconds).sum();
    RunInfo {
        command: command_line(),
        config,
        weights_sha256: digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        best_epoch: 0,
        epochs: each.iter().map(|info| info.epochs).sum(),
        stopped: "all members are trained".to_owned(),
        seconds,
        examples_per_second: examples / seconds.max(1e-9),
        members,
        weights: Vec::new(),
        ..each[0].clone()
    }
}

/// How rows are dealt, in a line.
fn dealt(members: &Members) -> String {
    let Some((recipe, folds)) = &members.folds else {
        return format!("{} members that differ by their seed", members.folders.len());
    };
    let what = match recipe.by {
        FoldBy::Chromosome => "whole chromosomes",
        FoldBy::Copies => "sequences, copies together",
        FoldBy::Similarity => "sequences, relatives together",
    };
    let sizes: Vec<String> = (0..folds.number()).map(|fold| count(folds.rows(fold).len())).collect();
    format!("{} folds of {what}: {} examples", folds.number(), sizes.join(", "))
}
