//! A model of a run, whatever its family: what predicts asks it the same way.

use crate::failure::user;
use crate::run_dir::RunDir;
use anyhow::{Context, Result};
use basewise_core::{ControlSignal, Covariate, Edit, Encoding, Matrix, Predict, PredictError, SequenceBatch, Task};
use basewise_learn::classical::{ClassicalConfig, ClassicalModel};
use basewise_nn::{ConfigFile, Model, TrainConfig};
use flate2::{Compression, write::GzEncoder};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::path::Path;

/// The file of a network.
pub(crate) const NETWORK: &str = "model.safetensors";
/// The file of a classical model: JSON, compressed.
pub(crate) const CLASSICAL: &str = "model.json.gz";

/// How a run was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Settings {
    /// A classical model; known by its `features`.
    Classical(ClassicalConfig),
    /// A network.
    Network(TrainConfig),
}

impl Settings {
    pub(crate) fn seed(&self) -> u64 {
        match self {
            Self::Classical(config) => config.seed,
            Self::Network(config) => config.seed,
        }
    }
}

/// A model and how it is to be trained: what a configuration file holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AnyConfig {
    /// A classical model.
    Classical(ClassicalConfig),
    /// A network.
    Network(ConfigFile),
}

impl AnyConfig {
    pub(crate) fn settings(&self) -> Settings {
        match self {
            Self::Classical(config) => Settings::Classical(config.clone()),
            Self::Network(file) => Settings::Network(file.train.clone()),
        }
    }

    /// Passes over the training examples; a classical model is fitted in one go.
    pub(crate) fn epochs(&self) -> usize {
        if let Self::Network(file) = self { file.train.epochs } else { 1 }
    }

    pub(crate) fn to_toml(&self) -> Result<String> {
        match self {
            Self::Classical(config) => toml::to_string(config).context("the settings cannot be written"),
            Self::Network(file) => Ok(file.to_toml()?),
        }
    }
}

/// A trained model.
#[derive(Clone, Debug)]
pub(crate) enum TrainedModel {
    /// A network.
    Network(Box<Model>),
    /// Features, and a linear model or trees on them.
    Classical(Box<ClassicalModel>),
}

impl TrainedModel {
    /// The model of a run with a single one.
    pub(crate) fn load(run: &RunDir) -> Result<Self> {
        let classical = run.file(CLASSICAL);
        if classical.is_file() {
            return Ok(Self::Classical(Box::new(read(&classical)?.0)));
        }
        let model = Model::load(&run.file(NETWORK)).context("the model could not be read")?;
        Ok(Self::Network(Box::new(model)))
    }

    /// The network, if it is one.
    pub(crate) fn as_network(&self) -> Option<&Model> {
        match self {
            Self::Network(model) => Some(model),
            Self::Classical(_) => None,
        }
    }

    pub(crate) fn is_network(&self) -> bool {
        self.as_network().is_some()
    }

    /// The network, for what looks inside one.
    pub(crate) fn network(&self, what: &str) -> Result<&Model> {
        match self {
            Self::Network(model) => Ok(model),
            Self::Classical(model) => Err(user(
                format!("{what} needs a network, found a model of kind {}", model.kind()),
                Some(
                    "predict, evaluate, report and explain --method ism, shap, permutation, coefficients (linear) or gain (trees) work with it",
                ),
            )),
        }
    }

    /// The same, whole.
    pub(crate) fn into_network(self, what: &str) -> Result<Model> {
        match self {
            Self::Network(model) => Ok(*model),
            Self::Classical(_) => self.network(what).cloned(),
        }
    }

    /// The classical model, for what is about its features.
    pub(crate) fn into_classical(self, what: &str) -> Result<ClassicalModel> {
        match self {
            Self::Classical(model) => Ok(*model),
            Self::Network(_) => Err(user(
                format!("{what} needs a classical model, found a network"),
                Some("train one with --model logistic, linear, tree, forest or gbdt"),
            )),
        }
    }

    fn seam(&self) -> &dyn Predict {
        match self {
            Self::Network(model) => &**model,
            Self::Classical(model) => &**model,
        }
    }
}

impl Predict for TrainedModel {
    fn tasks(&self) -> &[Task] {
        self.seam().tasks()
    }

    fn encoding(&self) -> Encoding {
        self.seam().encoding()
    }

    fn length(&self) -> usize {
        self.seam().length()
    }

    fn margin(&self) -> usize {
        self.seam().margin()
    }

    fn covariates(&self) -> &[Covariate] {
        self.seam().covariates()
    }

    fn control(&self) -> Option<&ControlSignal> {
        self.seam().control()
    }

    fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
        self.seam().predict(batch)
    }

    fn predict_row_edits(&self, batch: &SequenceBatch, edits: &[&[Edit]]) -> Result<Vec<Matrix>, PredictError> {
        self.seam().predict_row_edits(batch, edits)
    }
}

/// Writes a classical model, whole or not at all, and gives the SHA-256 of its JSON.
pub(crate) fn write(path: &Path, model: &ClassicalModel) -> Result<String> {
    let json = model.to_json()?;
    basewise_io::output::write_file(path, |file| {
        let mut encoder = GzEncoder::new(file, Compression::fast());
        encoder.write_all(&json)?;
        encoder.finish().map(drop)
    })?;
    Ok(digest(&json))
}

/// Reads a classical model and the SHA-256 of its JSON.
pub(crate) fn read(path: &Path) -> Result<(ClassicalModel, String)> {
    let mut json = Vec::new();
    basewise_io::input::open(path)?
        .read_to_end(&mut json)
        .with_context(|| format!("{}: the model could not be read", path.display()))?;
    let model = ClassicalModel::from_json(&json).with_context(|| path.display().to_string())?;
    Ok((model, digest(&json)))
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
