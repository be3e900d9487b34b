//! What a comparison is, so that another one does not go on in its directory.

use super::candidates::Candidate;
use super::{CompareArgs, outputs};
use crate::commands::children;
use crate::failure::user;
use crate::run_dir::{self, read_json, write_json};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `plan.json`: what decides the runs in the directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Plan {
    format_version: u32,
    pub(super) dataset_sha256: String,
    seed: u64,
    folds: Option<usize>,
    /// Settings by name, as TOML.
    models: BTreeMap<String, String>,
}

pub(super) const PLAN: &str = "plan.json";
const LOCK: &str = "compare.lock";

impl Plan {
    pub(super) fn new(args: &CompareArgs, dataset_sha256: String, candidates: &[Candidate]) -> Self {
        let settings = |candidate: &Candidate| Some((candidate.name.clone(), candidate.settings()?.to_string()));
        Self {
            format_version: 1,
            dataset_sha256,
            seed: args.seed,
            folds: args.folds,
            models: candidates.iter().filter_map(settings).collect(),
        }
    }
}

/// Makes room and keeps other comparisons out as long as what is returned lives. One of ours is replaced or gone on with
/// only if that is asked for, anything else never.
pub(super) fn prepare(args: &CompareArgs, plan: &Plan) -> Result<fs_err::File> {
    let (directory, path) = (&args.output, args.output.join(PLAN));
    // A comparison that was killed at its very beginning has a lock and nothing else.
    let marker = if path.is_file() { PLAN } else { LOCK };
    run_dir::make_room(directory, marker, &[])?;
    if path.is_file() && !args.overwrite && !args.resume {
        return Err(user(
            format!("{}: a comparison is there already", directory.display()),
            Some("--resume goes on with it, --overwrite replaces it"),
        ));
    }
    fs_err::create_dir_all(directory)?;
    let lock = children::lock(directory, LOCK)?;
    let mut plan = plan.clone();
    if args.overwrite {
        run_dir::make_room(directory, LOCK, &outputs::PARTS)?;
    } else if path.is_file() {
        let before: Plan = read_json(&path)?;
        goes_on(&before, &plan, args)?;
        // Runs of models that are not asked for now stay what they are.
        plan.models.extend(before.models);
    }
    write_json(&path, &plan)?;
    Ok(lock)
}

/// Refuses to go on with runs of other data or settings under the same names.
fn goes_on(before: &Plan, plan: &Plan, args: &CompareArgs) -> Result<()> {
    let other = |what: String| {
        let message = format!("{}: the comparison there {what}", args.output.display());
        Err(user(message, Some("choose another directory with -o, or replace it with --overwrite")))
    };
    if before.dataset_sha256 != plan.dataset_sha256 {
        return other("is of another data set".to_owned());
    }
    if (before.seed, before.folds) != (plan.seed, plan.folds) {
        return other("has another seed or other folds".to_owned());
    }
    let differs = |(name, settings): &(&String, &String)| before.models.get(*name).is_some_and(|own| own != *settings);
    match plan.models.iter().find(differs) {
        Some((name, _)) => other(format!("has a model {name:?} with other settings")),
        None => Ok(()),
    }
}
