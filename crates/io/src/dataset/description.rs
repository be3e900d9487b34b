//! `dataset.json`.

use crate::error::{Error, Result};
use crate::input::open_file;
use basewise_core::{ControlSignal, Covariate, Dataset, Encoding, Split, Task, covariates_fault};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// The version of the format that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// A description beyond this is not one of ours.
const LARGEST: u64 = 64 << 20;

/// Where a data set came from: enough to make it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of the directory's format.
    pub format_version: u32,
    /// How it was made: `sequences`, `intervals`, `simulated`, ...
    pub kind: String,
    /// The files that it was made from.
    pub sources: Vec<Source>,
    /// Seed of all that was drawn.
    pub seed: u64,
    /// The command line that made it.
    pub command: String,
    /// Version of the program that made it.
    pub version: String,
    /// Counts and policies by name: what was read, used, skipped and why.
    pub notes: BTreeMap<String, serde_json::Value>,
}

impl Provenance {
    /// A provenance of this program's version without sources or notes.
    pub fn new(kind: &str, seed: u64, command: &str) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            kind: kind.to_owned(),
            sources: Vec::new(),
            seed,
            command: command.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            notes: BTreeMap::new(),
        }
    }
}

/// A file that a data set was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The path as it was given.
    pub path: String,
    /// SHA-256 of its bytes in hexadecimal; `None` for what cannot be read twice: the standard input, pipes, devices.
    pub sha256: Option<String>,
}

impl Source {
    /// Describes a file that is there.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(path: &Path) -> Result<Self> {
        let stream = std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir());
        let sha256 = if stream || crate::input::is_dash(path) { None } else { Some(crate::input::digest(path)?) };
        Ok(Self { path: path.display().to_string(), sha256 })
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Description {
    #[serde(flatten)]
    pub(super) provenance: Provenance,
    pub(super) encoding: Encoding,
    pub(super) length: usize,
    pub(super) jitter: usize,
    pub(super) tasks: Vec<Task>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) covariates: Vec<Covariate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) control: Option<ControlSignal>,
    pub(super) examples: Examples,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Examples {
    pub(super) count: usize,
    pub(super) splits: BTreeMap<Split, usize>,
    pub(super) sha256: String,
}

impl Description {
    pub(super) fn new(dataset: &Dataset, provenance: &Provenance, sha256: String) -> Self {
        let splits = Split::ALL.into_iter().map(|split| (split, dataset.rows_of(split).len())).collect();
        Self {
            provenance: Provenance { format_version: FORMAT_VERSION, ..provenance.clone() },
            encoding: dataset.encoding,
            length: dataset.length,
            jitter: dataset.jitter,
            tasks: dataset.tasks.clone(),
            covariates: dataset.covariates.clone(),
            control: dataset.control.clone(),
            examples: Examples { count: dataset.examples.len(), splits, sha256 },
        }
    }

    pub(super) fn to_json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n")
            .map_err(|error| Error::new(format!("the data set could not be described: {error}")))
    }

    pub(super) fn read(path: &Path) -> Result<Self> {
        let mut bytes = Vec::new();
        let file = open_file(path)?;
        file.take(LARGEST).read_to_end(&mut bytes).map_err(|cause| Error::io(path, "read", cause))?;
        Self::parse(path, &bytes)
    }

    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let wrong = |error: serde_json::Error| {
            Error::of(path, format!("expected the description of a data set, found otherwise: {error}"))
        };
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(wrong)?;
        // Looked at first, so that a newer format is told as such and not as a strange field.
        let version = value.get("format_version").and_then(serde_json::Value::as_u64);
        match version {
            Some(version) if version > u64::from(FORMAT_VERSION) => {
                let message = format!("expected format version {FORMAT_VERSION} or older, found {version}");
                return Err(Error::of(path, message).with_hint("the data set was made by a newer basewise: update"));
            }
            Some(1..) => {}
            _ => return Err(Error::of(path, "expected a data set with a format_version, found none")),
        }
        let description: Self = serde_json::from_value(value).map_err(wrong)?;
        let Self { tasks, covariates, control, .. } = &description;
        let control = || control.as_ref().and_then(|control| control.fault(tasks));
        match tasks.iter().find_map(Task::fault).or_else(|| covariates_fault(covariates)).or_else(control) {
            Some(fault) => Err(Error::of(path, fault)),
            None => Ok(description),
        }
    }
}
