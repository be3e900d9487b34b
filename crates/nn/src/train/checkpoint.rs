//! Checkpoints: one directory each with everything that training goes on from, written aside, synced and renamed.

use super::identity::Identity;
use super::{EpochRecord, EpochTiming, TrainError};
use crate::loss::LossSums;
use crate::model::{read_arrays, write_arrays, write_whole};
use crate::network::{Array, Plan, Spec, Weights, hex};
use crate::optimizer::{Optimizer, Plateau};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

const FORMAT: u32 = 3;
/// What the names of unfinished files and directories end with.
const PARTIAL: &str = ".partial";
const STATE: &str = "state.json";
const WEIGHTS: &str = "weights.safetensors";
const BEST: &str = "best.safetensors";
const AVERAGE: &str = "average.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
/// Holds the digest of `state.json`, which holds those of the arrays.
const SEAL: &str = "state.sha256";

/// Everything about a run but its arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    format_version: u32,
    /// Of the run that wrote it: only the same run goes on.
    identity: Identity,
    /// Finished epochs.
    pub(super) epoch: usize,
    /// Steps done in the epoch after them.
    pub(super) step: usize,
    /// Losses of those steps.
    pub(super) sums: LossSums,
    /// Steps the optimizer has taken.
    pub(super) optimizer_steps: u64,
    /// Value of the monitored figure in the best epoch; lower is better.
    pub(super) best_score: Option<f64>,
    /// What the schedule of that name remembers.
    pub(super) plateau: Plateau,
    /// The lines of `history.jsonl` and `timing.jsonl`.
    pub(super) history: Vec<EpochRecord>,
    pub(super) timing: Vec<EpochTiming>,
    /// Wall-clock time of all epochs and of the unfinished one.
    pub(super) seconds: f64,
    pub(super) epoch_seconds: f64,
    /// SHA-256 of the other files.
    files: BTreeMap<String, String>,
}

impl State {
    /// The state before the first step.
    pub(super) fn new(identity: Identity, sums: LossSums) -> Self {
        Self {
            format_version: FORMAT,
            identity,
            epoch: 0,
            step: 0,
            sums,
            optimizer_steps: 0,
            best_score: None,
            plateau: Plateau::default(),
            history: Vec::new(),
            timing: Vec::new(),
            seconds: 0.0,
            epoch_seconds: 0.0,
            files: BTreeMap::new(),
        }
    }

    /// The 1-based epoch with the best score.
    pub(super) fn best_epoch(&self) -> usize {
        self.history.iter().rev().find(|record| record.best).map_or(0, |record| record.epoch)
    }
}

/// A run at a point from which it goes on exactly.
pub(super) struct Snapshot {
    pub(super) state: State,
    pub(super) weights: Weights,
    pub(super) best: Weights,
    /// The moving average of the weights, if there is one.
    pub(super) average: Option<Weights>,
    pub(super) optimizer: Optimizer,
}

/// Writes a checkpoint below `directory` and removes all but the newest `keep`. If it cannot be written, those before
/// it stay as they are.
pub(super) fn save(directory: &Path, snapshot: &mut Snapshot, keep: usize) -> Result<PathBuf, TrainError> {
    let name = format!("step-{:010}", snapshot.optimizer.steps);
    let (aside, target) = (directory.join(format!("{name}{PARTIAL}")), directory.join(&name));
    let written = write(directory, &aside, &target, snapshot);
    if written.is_err() {
        // Room for those who need it; the error that matters is the first one.
        let _ = fs_err::remove_dir_all(&aside);
    }
    written?;
    let mut all = list(directory)?;
    all.truncate(all.len().saturating_sub(keep));
    all.iter().try_for_each(|old| discard(old))?;
    Ok(target)
}

fn write(directory: &Path, aside: &Path, target: &Path, snapshot: &mut Snapshot) -> Result<(), TrainError> {
    if !directory.is_dir() {
        fs_err::create_dir_all(directory)?;
        sync_directory(directory.parent().unwrap_or(directory))?;
    }
    remove(aside)?;
    fs_err::create_dir(aside)?;
    snapshot.state.optimizer_steps = snapshot.optimizer.steps;
    let moments = moment_arrays(&snapshot.optimizer, &snapshot.weights);
    let mut files = vec![
        (WEIGHTS, snapshot.weights.arrays().collect::<Vec<&Array>>()),
        (BEST, snapshot.best.arrays().collect()),
        (OPTIMIZER, moments.iter().collect()),
    ];
    files.extend(snapshot.average.iter().map(|average| (AVERAGE, average.arrays().collect())));
    for (file, arrays) in files {
        let path = aside.join(file);
        write_arrays(&path, &arrays, None)?;
        snapshot.state.files.insert(file.to_owned(), digest_of(&path)?);
    }
    let json = serde_json::to_vec_pretty(&snapshot.state).map_err(io::Error::other)?;
    write_whole(&aside.join(STATE), &json)?;
    write_whole(&aside.join(SEAL), hex(&Sha256::digest(&json)).as_bytes())?;
    sync_directory(aside)?;
    if target.is_dir() {
        // One of the same step, from a run that was interrupted right after it. Directories cannot be exchanged, so
        // it goes out of the way first, and never by halves.
        let old = target.with_extension(format!("old{PARTIAL}"));
        remove(&old)?;
        fs_err::rename(target, &old)?;
        fs_err::rename(aside, target)?;
        sync_directory(directory)?;
        return remove(&old);
    }
    fs_err::rename(aside, target)?;
    Ok(sync_directory(directory)?)
}

/// The newest checkpoint of this run that is whole, if there is any, and what is wrong with the newer ones, which are
/// renamed so that they do not count as checkpoints any more. `fresh` is the run's beginning.
///
/// # Errors
/// If there are checkpoints but none of them is whole, or if they belong to another run.
pub(super) fn load_newest(
    directory: &Path,
    plan: &Plan,
    fresh: &Snapshot,
) -> Result<(Option<Snapshot>, Vec<String>), TrainError> {
    let mut damaged = Vec::new();
    if !directory.is_dir() {
        return Ok((None, damaged));
    }
    let (mut first_error, mut broken) = (None, Vec::<PathBuf>::new());
    for path in list(directory)?.into_iter().rev() {
        match load(&path, plan, fresh) {
            Ok(snapshot) => {
                broken.iter().try_for_each(|path| set_aside(path))?;
                return Ok((Some(snapshot), damaged));
            }
            Err(error @ TrainError::OtherRun { .. }) => return Err(error),
            Err(error) => {
                damaged.push(format!("{error}; the checkpoint before it is used"));
                broken.push(path);
                first_error = first_error.or(Some(error));
            }
        }
    }
    let Some(error) = first_error else { return Ok((None, damaged)) };
    let remedy = "no checkpoint is whole: start anew with --overwrite or in another directory";
    Err(TrainError::Checkpoint { path: directory.to_owned(), message: format!("{remedy} ({error})") })
}

/// Renames a damaged checkpoint: newer than those to come, it would be kept in their place.
fn set_aside(path: &Path) -> Result<(), TrainError> {
    let mut name = std::ffi::OsString::from("damaged-");
    name.push(path.file_name().unwrap_or_default());
    let aside = path.with_file_name(name);
    remove(&aside)?;
    Ok(fs_err::rename(path, aside)?)
}

/// Removes what a killed run left half-written in its directory and among its checkpoints.
pub(super) fn tidy(run: &Path, checkpoints: &Path) -> Result<(), TrainError> {
    for directory in [run, checkpoints].into_iter().filter(|directory| directory.is_dir()) {
        for entry in fs_err::read_dir(directory)? {
            let path = entry?.path();
            let is_ours = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(PARTIAL));
            match (is_ours, path.is_dir()) {
                (true, true) => remove(&path)?,
                (true, false) => fs_err::remove_file(&path)?,
                (false, _) => {}
            }
        }
    }
    Ok(())
}

/// Removes all checkpoints of an earlier run.
pub(super) fn clear(directory: &Path) -> Result<(), TrainError> {
    discard(directory)
}

/// Removes a directory that counts, never by halves: a run that is killed meanwhile leaves it, or what [`tidy`] removes.
fn discard(directory: &Path) -> Result<(), TrainError> {
    let mut name = directory.file_name().unwrap_or_default().to_owned();
    name.push(PARTIAL);
    let aside = directory.with_file_name(name);
    remove(&aside)?;
    match fs_err::rename(directory, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => {
            other?;
            remove(&aside)
        }
    }
}

fn load(path: &Path, plan: &Plan, fresh: &Snapshot) -> Result<Snapshot, TrainError> {
    let broken = |message: String| TrainError::Checkpoint { path: path.to_owned(), message };
    let text = fs_err::read(path.join(STATE))?;
    if fs_err::read(path.join(SEAL))? != hex(&Sha256::digest(&text)).as_bytes() {
        return Err(broken(format!("{STATE} was damaged after it was written")));
    }
    let state: State = serde_json::from_slice(&text).map_err(|error| broken(format!("{STATE}: {error}")))?;
    let other = |message: String| TrainError::OtherRun { path: path.to_owned(), message };
    if state.format_version != FORMAT {
        return Err(other(format!("expected format_version {FORMAT}, found {}", state.format_version)));
    }
    if let Some(difference) = fresh.state.identity.difference(&state.identity) {
        return Err(other(format!(
            "the checkpoint belongs to a run with {difference}; \
             repeat the command that began it, or start anew with --overwrite or in another directory"
        )));
    }
    let average = fresh.average.is_some().then_some(AVERAGE);
    for file in [WEIGHTS, BEST, OPTIMIZER].into_iter().chain(average) {
        if state.files.get(file) != Some(&digest_of(&path.join(file))?) {
            return Err(broken(format!("{file} was truncated or damaged after it was written")));
        }
    }
    let specs: Vec<&Spec> = plan.parameters.iter().chain(&plan.buffers).collect();
    let weights = |file: &str| -> Result<Weights, TrainError> {
        let mut parameters = read_arrays(&path.join(file), &specs)?;
        let buffers = parameters.split_off(plan.parameters.len());
        Ok(Weights { parameters, buffers })
    };
    let mut optimizer = with_moments(fresh.optimizer.clone(), plan, &path.join(OPTIMIZER))?;
    optimizer.steps = state.optimizer_steps;
    let average = average.map(weights).transpose()?;
    Ok(Snapshot { weights: weights(WEIGHTS)?, best: weights(BEST)?, average, state, optimizer })
}

/// The optimizer with its moments as a file has them.
fn with_moments(mut optimizer: Optimizer, plan: &Plan, path: &Path) -> Result<Optimizer, TrainError> {
    let slots = optimizer.first.iter_mut().map(|own| ("first", own)).zip(&plan.parameters);
    let slots = slots.chain(optimizer.second.iter_mut().map(|own| ("second", own)).zip(&plan.parameters));
    let mut slots: Vec<_> = slots.filter(|((_, own), _)| !own.is_empty()).collect();
    let spec = |((which, _), spec): &((&str, _), &Spec)| Spec { name: moment(which, &spec.name), ..(*spec).clone() };
    let specs: Vec<Spec> = slots.iter().map(spec).collect();
    let arrays = read_arrays(path, &specs.iter().collect::<Vec<_>>())?;
    slots.iter_mut().zip(arrays).for_each(|(((_, own), _), array)| **own = array.values);
    Ok(optimizer)
}

fn moment(which: &str, parameter: &str) -> String {
    format!("{which}.{parameter}")
}

fn moment_arrays(optimizer: &Optimizer, weights: &Weights) -> Vec<Array> {
    let named = |which: &str, values: &[Vec<f32>]| -> Vec<Array> {
        let arrays = weights.parameters.iter().zip(values).filter(|(_, values)| !values.is_empty());
        let rename = |(a, values): (&Array, &Vec<f32>)| Array {
            name: moment(which, &a.name),
            shape: a.shape.clone(),
            values: values.clone(),
        };
        arrays.map(rename).collect()
    };
    let mut all = named("first", &optimizer.first);
    all.extend(named("second", &optimizer.second));
    all
}

/// Whole checkpoints, oldest first.
fn list(directory: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let steps = name.strip_prefix("step-").and_then(|digits| digits.parse::<u64>().ok());
        if let Some(steps) = steps.filter(|_| path.is_dir()) {
            found.push((steps, path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

fn digest_of(path: &Path) -> io::Result<String> {
    Ok(hex(&Sha256::digest(fs_err::read(path)?)))
}

fn remove(directory: &Path) -> Result<(), TrainError> {
    match fs_err::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => Ok(other?),
    }
}

/// Makes renames and new files in a directory survive a power cut. Windows syncs them with the files.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { fs_err::File::open(path)?.sync_all() } else { Ok(()) }
}
