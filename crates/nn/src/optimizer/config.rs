//! Which optimizer, and its numbers.

use serde::{Deserialize, Serialize};

/// How gradients become steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum (Polyak 1964), or Nesterov's; weight decay enters the gradient.
    Sgd,
    /// Kingma and Ba 2015; weight decay enters the gradient.
    Adam,
    /// Loshchilov and Hutter 2019; weight decay shrinks the weights apart from the gradient.
    #[default]
    AdamW,
    /// Tieleman and Hinton 2012: gradients over the root of their running mean square; weight decay enters the gradient.
    RmsProp,
    /// Steps of weight matrices are made orthogonal (Jordan et al. 2024); the head's weights and arrays of one dimension
    /// go by AdamW. Steps are scaled to the size of Adam's (Liu et al. 2025), so that one learning rate fits both. Weight
    /// decay shrinks the weights.
    Muon,
}

/// The numbers of an optimizer; those that it does not know are not looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OptimizerSettings {
    pub(crate) kind: OptimizerKind,
    pub(crate) weight_decay: f64,
    pub(crate) momentum: f64,
    pub(crate) nesterov: bool,
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) epsilon: f64,
}

impl OptimizerKind {
    /// Momentum where none is given.
    pub(crate) fn momentum(self) -> f64 {
        match self {
            Self::Sgd => 0.9,
            Self::Muon => 0.95,
            Self::Adam | Self::AdamW | Self::RmsProp => 0.0,
        }
    }

    /// Decay of the mean of squared gradients where none is given.
    pub(crate) fn beta2(self) -> f64 {
        if self == Self::RmsProp { 0.99 } else { 0.999 }
    }

    /// Whether momentum is Nesterov's where nothing is said.
    pub(crate) fn nesterov(self) -> bool {
        self == Self::Muon
    }

    /// Its usual numbers.
    pub(crate) fn usual(self, weight_decay: f64) -> OptimizerSettings {
        let (momentum, nesterov, beta2) = (self.momentum(), self.nesterov(), self.beta2());
        OptimizerSettings { kind: self, weight_decay, momentum, nesterov, beta1: 0.9, beta2, epsilon: 1e-8 }
    }
}
