//! Networks and their training, as flags.

use crate::failure::user;
use crate::shared_args::refuse_unfit;
use anyhow::Result;
use basewise_core::metrics::BootstrapOptions;
use basewise_nn::graph::nodes::Training;
use basewise_nn::graph::{GraphModel, NetworkShape};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// Graph networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ModelArg {
    /// Graph convolutional network (Kipf and Welling 2017)
    Gcn,
    /// GraphSAGE with the mean of all neighbours (Hamilton et al. 2017)
    Sage,
    /// Relational graph convolutional network, with weights for each type of edge (Schlichtkrull et al. 2018)
    Rgcn,
}

impl ModelArg {
    fn name(self) -> &'static str {
        match self {
            Self::Gcn => "gcn",
            Self::Sage => "sage",
            Self::Rgcn => "rgcn",
        }
    }

    pub(super) fn model(self) -> GraphModel {
        match self {
            Self::Gcn => GraphModel::Gcn,
            Self::Sage => GraphModel::Sage,
            Self::Rgcn => GraphModel::Rgcn,
        }
    }
}

#[derive(Args, Clone, Debug)]
pub(crate) struct SettingsArgs {
    /// The network
    #[arg(long, value_enum, default_value = "gcn")]
    pub(super) model: ModelArg,
    /// Units of each hidden layer [default: 16, for links 32]
    #[arg(long, value_name = "N")]
    hidden: Option<usize>,
    /// Layers: how many edges away what a node is told may come from
    #[arg(long, value_name = "N", default_value_t = 2)]
    layers: usize,
    /// rgcn: mix the weights of all types out of so many matrices [default: each type has its own]
    #[arg(long, value_name = "N")]
    bases: Option<usize>,
    /// Share of features and hidden units that are dropped in training [default: 0.5, for links 0]
    #[arg(long, value_name = "0..1")]
    dropout: Option<f32>,
    /// L2 penalty on the first layer [default: 0.0005, for links 0]
    #[arg(long, value_name = "X")]
    weight_decay: Option<f64>,
    /// Learning rate of Adam
    #[arg(long, value_name = "X", default_value_t = 0.01)]
    learning_rate: f64,
    /// Epochs at most; the weights with the lowest validation loss are kept
    #[arg(long, value_name = "N", default_value_t = 200)]
    epochs: usize,
    /// Stop when the validation loss has not fallen for so many epochs; 0 for never
    #[arg(long, value_name = "N", default_value_t = 0)]
    patience: usize,
    /// Train so many networks, with seeds from --seed on; predictions are their means
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seeds: usize,
    /// Seed of splits, weights, dropout, negative links and resamples
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// Bootstrap resamples behind each 95 % interval
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(super) bootstrap: usize,
}

/// What settings are where no flag says.
pub(super) struct Usual {
    pub(super) hidden: usize,
    pub(super) dropout: f32,
    pub(super) weight_decay: f64,
}

impl SettingsArgs {
    /// The network for so many features, outputs and kinds of edges.
    pub(super) fn shape(&self, usual: &Usual, features: usize, outputs: usize, kinds: usize) -> Result<NetworkShape> {
        refuse_unfit("--model", self.model.name(), &[("--bases", self.bases.is_some(), &["rgcn"])])?;
        let hidden = self.hidden.unwrap_or(usual.hidden);
        within("--hidden", hidden, 1, 65_536)?;
        within("--layers", self.layers, 1, 16)?;
        if let Some(bases) = self.bases {
            within("--bases", bases, 1, 1024)?;
        }
        let model = self.model.model();
        Ok(NetworkShape { model, features, hidden: vec![hidden; self.layers - 1], outputs, kinds, bases: self.bases })
    }

    /// How the network with this number, from 0, is trained.
    pub(super) fn training(&self, usual: &Usual, number: usize) -> Result<Training> {
        let dropout = self.dropout.unwrap_or(usual.dropout);
        if !(0.0..1.0).contains(&dropout) {
            return Err(user(format!("expected --dropout of at least 0 and below 1, found {dropout}"), None));
        }
        let weight_decay = self.weight_decay.unwrap_or(usual.weight_decay);
        if !(weight_decay >= 0.0 && weight_decay.is_finite()) {
            return Err(user(format!("expected --weight-decay of 0 or more, found {weight_decay}"), None));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return Err(user(format!("expected --learning-rate above 0, found {}", self.learning_rate), None));
        }
        within("--epochs", self.epochs, 1, 1_000_000)?;
        within("--bootstrap", self.bootstrap, 0, 1_000_000)?;
        Ok(Training {
            epochs: self.epochs,
            learning_rate: self.learning_rate,
            weight_decay,
            dropout,
            patience: self.patience,
            seed: self.seed.wrapping_add(number as u64),
        })
    }

    /// How figures get their intervals.
    pub(super) fn resampling(&self) -> BootstrapOptions<'static> {
        BootstrapOptions { replicates: self.bootstrap, seed: self.seed, ..BootstrapOptions::default() }
    }

    /// One training for each seed.
    pub(super) fn trainings(&self, usual: &Usual) -> Result<Vec<Training>> {
        within("--seeds", self.seeds, 1, 1000)?;
        (0..self.seeds).map(|number| self.training(usual, number)).collect()
    }
}

fn within(flag: &str, value: usize, least: usize, most: usize) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(user(format!("expected {flag} of {least} to {most}, found {value}"), None))
}

/// Refuses shares of held-out nodes or links that leave nothing to learn from.
pub(super) fn shares(valid: f64, test: f64) -> Result<()> {
    if valid >= 0.0 && test > 0.0 && valid + test < 1.0 {
        return Ok(());
    }
    Err(user(
        format!("expected --valid of at least 0 and --test above 0, together below 1, found {valid} and {test}"),
        None,
    ))
}
