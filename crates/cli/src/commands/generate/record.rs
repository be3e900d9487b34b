//! The directory of a generative model.

use crate::failure::user;
use crate::run_dir::read_json;
use anyhow::Result;
use basewise_nn::generative::{GenerativeConfig, GenerativeModel};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What tells that a directory holds a generative model.
pub(super) const RECORD: &str = "generator.json";
/// What it holds.
pub(super) const PARTS: [&str; 4] = [RECORD, MODEL, "history.jsonl", "report.html"];
const MODEL: &str = "model.safetensors";

/// `generator.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct GeneratorRecord {
    pub(super) format_version: u32,
    pub(super) version: String,
    pub(super) command: String,
    /// As it was given.
    pub(super) dataset: PathBuf,
    /// SHA-256 of the data set's examples.
    pub(super) dataset_sha256: String,
    /// The label of the examples that were learned from, `all` for all of them.
    pub(super) examples: String,
    pub(super) train: usize,
    pub(super) valid: usize,
    pub(super) length: usize,
    pub(super) parameters: usize,
    pub(super) config: GenerativeConfig,
    pub(super) epochs: usize,
    pub(super) best_epoch: usize,
    pub(super) stopped_early: bool,
    /// Signs of a collapse.
    pub(super) warnings: Vec<String>,
    pub(super) seconds: f64,
}

/// The file of the weights.
pub(super) fn model_path(directory: &Path) -> PathBuf {
    directory.join(MODEL)
}

/// The record of a model.
pub(super) fn open(directory: &Path) -> Result<GeneratorRecord> {
    if !directory.join(RECORD).is_file() {
        let found = match directory.exists() {
            false => "nothing there",
            true if directory.join("run.json").is_file() => "a run of `basewise train`, which predicts",
            true => "no generator.json in it",
        };
        return Err(user(
            format!("{}: expected a generative model, found {found}", directory.display()),
            Some("one is made by `basewise generate train DATA -o GENERATOR`"),
        ));
    }
    read_json(&directory.join(RECORD))
}

/// The model itself.
pub(super) fn load(directory: &Path) -> Result<GenerativeModel> {
    open(directory)?;
    Ok(GenerativeModel::load(&model_path(directory))?)
}
