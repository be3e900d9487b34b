//! What must be the same for a checkpoint to be gone on from.

use super::windows::Windows;
use super::{TrainConfig, TrainError};
use crate::architecture::{Architecture, Head};
use crate::network::hex;
use crate::optimizer::Schedule;
use basewise_core::Split;
use basewise_core::source::{ExampleSource, Rows, Survey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io;

/// Digests of everything that the weights of a run depend on, apart, so that a mismatch can be named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Tasks, encoding, length, jitter, covariates, control, and the training and validation examples in order.
    data: String,
    /// The layers.
    architecture: String,
    /// The settings. More epochs or patience are allowed where they do not change the steps before.
    settings: String,
}

impl Identity {
    pub(super) fn new(
        source: &dyn ExampleSource,
        survey: &Survey,
        splits: [&Windows<'_>; 2],
        architecture: &Architecture,
        config: &TrainConfig,
    ) -> Result<Self, TrainError> {
        let mut config = TrainConfig { patience: 0, recompute: false, ..config.resolved() };
        if !matches!(config.schedule, Schedule::Cosine | Schedule::OneCycle) {
            config.epochs = 0;
        }
        if splits.iter().all(|windows| windows.fits()) {
            config.shuffle_window = 0;
        }
        let data = digest_of_data(source, survey)?;
        Ok(Self { data, architecture: digest_of_layers(architecture)?, settings: digest(&config)? })
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

/// Settings of the heads count where they are not the usual ones.
fn digest_of_layers(architecture: &Architecture) -> Result<String, TrainError> {
    match architecture.head == Head::default() {
        true => digest(&architecture.layers),
        false => digest(&(&architecture.layers, &architecture.head)),
    }
}

fn digest(value: &impl Serialize) -> Result<String, TrainError> {
    Ok(hex(&Sha256::digest(serde_json::to_vec(value).map_err(io::Error::other)?)))
}

/// The source's own digest, or one over the rows that training sees, a block at a time.
fn digest_of_data(source: &dyn ExampleSource, survey: &Survey) -> Result<String, TrainError> {
    let header = source.header();
    let about = (&header.tasks, header.encoding, header.length, header.jitter);
    let mut hasher = Sha256::new();
    hasher.update(serde_json::to_vec(&about).map_err(io::Error::other)?);
    if !header.covariates.is_empty() {
        hasher.update(serde_json::to_vec(&header.covariates).map_err(io::Error::other)?);
    }
    if let Some(control) = &header.control {
        hasher.update(serde_json::to_vec(control).map_err(io::Error::other)?);
    }
    if let Some(digest) = source.digest() {
        hasher.update(digest);
        return Ok(hex(&hasher.finalize()));
    }
    for split in [Split::Train, Split::Valid] {
        hasher.update(split.name());
        for block in 0..survey.blocks() {
            let mut rows = Rows::new(&header);
            source.read(block, split, &mut rows)?;
            for row in 0..rows.len() {
                let codes: Vec<u8> =
                    rows.codes(row).iter().map(|code| code.base() | u8::from(code.is_marked()) << 3).collect();
                hasher.update((codes.len() as u64).to_le_bytes());
                hasher.update(codes);
                let numbers = rows.labels(row).iter().chain(rows.covariates(row)).chain(rows.control(row));
                numbers.for_each(|number| hasher.update(number.to_bits().to_le_bytes()));
                if rows.weight(row) != 1.0 {
                    hasher.update("weight");
                    hasher.update(rows.weight(row).to_bits().to_le_bytes());
                }
            }
        }
    }
    Ok(hex(&hasher.finalize()))
}
