//! What must be the same for a checkpoint to be gone on from.

use super::{TrainConfig, TrainError};
use crate::architecture::Architecture;
use crate::network::hex;
use crate::optimizer::Schedule;
use basewise_core::{Dataset, Split};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io;

/// Digests of everything that the weights of a run depend on, apart, so that a mismatch can be named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Tasks, encoding, length, jitter, and the training and validation examples in order.
    data: String,
    /// The layers.
    architecture: String,
    /// The settings. More epochs or patience are allowed where they do not change the steps before.
    settings: String,
}

impl Identity {
    pub(super) fn new(
        dataset: &Dataset,
        architecture: &Architecture,
        config: &TrainConfig,
    ) -> Result<Self, TrainError> {
        let mut config = TrainConfig { patience: 0, ..config.clone() };
        if config.schedule == Schedule::Constant {
            config.epochs = 0;
        }
        let data = digest_of_data(dataset)?;
        Ok(Self { data, architecture: digest(&architecture.layers)?, settings: digest(&config)? })
    }

    /// What differs between a checkpoint's run and this one, in words; `None` if nothing does.
    pub(super) fn difference(&self, checkpoint: &Self) -> Option<String> {
        let parts = [
            (self.data != checkpoint.data, "another data set"),
            (self.architecture != checkpoint.architecture, "another architecture"),
            (self.settings != checkpoint.settings, "other settings"),
        ];
        let differing: Vec<&str> = parts.into_iter().filter(|(differs, _)| *differs).map(|(_, name)| name).collect();
        match differing.as_slice() {
            [] => None,
            [all @ .., last] if !all.is_empty() => Some(format!("{} and {last}", all.join(", "))),
            one => Some(one.concat()),
        }
    }
}

fn digest(value: &impl Serialize) -> Result<String, TrainError> {
    Ok(hex(&Sha256::digest(serde_json::to_vec(value).map_err(io::Error::other)?)))
}

fn digest_of_data(dataset: &Dataset) -> Result<String, TrainError> {
    let header = (&dataset.tasks, dataset.encoding, dataset.length, dataset.jitter);
    let mut hasher = Sha256::new();
    hasher.update(serde_json::to_vec(&header).map_err(io::Error::other)?);
    for example in dataset.examples.iter().filter(|example| example.split != Split::Test) {
        hasher.update(example.split.name());
        hasher.update((example.sequence.len() as u64).to_le_bytes());
        hasher.update(&example.sequence);
        example.labels.iter().for_each(|label| hasher.update(label.to_bits().to_le_bytes()));
    }
    Ok(hex(&hasher.finalize()))
}
