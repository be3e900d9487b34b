//! Gradient boosting with second derivatives (Friedman 2001; Chen and Guestrin 2016) on binned features, leaf-wise and
//! with histograms by subtraction (Ke et al. 2017).

mod loss;
mod rounds;

pub use loss::Loss;

use super::bins::{Binned, Layout};
use super::examples::weighted_rows;
use super::grow::Growth;
use super::{Examples, TreeEnsemble, TreeError};
use rounds::Rounds;
use serde::{Deserialize, Serialize};

/// How boosting goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoostingOptions {
    /// What is made small, and so what labels are.
    pub loss: Loss,
    /// Trees, or rounds of a tree a class for `Loss::Softmax`, at most.
    pub rounds: usize,
    /// What each tree's values are multiplied with, above 0.
    pub learning_rate: f64,
    /// Leaves of a tree, at most.
    pub leaves: usize,
    /// Questions on the way to a leaf, at most.
    pub max_depth: Option<usize>,
    /// Which leaf is split next.
    pub growth: Growth,
    /// Examples of a leaf, at least.
    pub min_leaf: usize,
    /// Sum of second derivatives in a leaf, at least.
    pub min_child_weight: f64,
    /// Penalty of squared values of leaves, added to the second derivatives.
    pub l2: f64,
    /// What a split must gain: more than this, in twice the fall of loss.
    pub min_gain: f64,
    /// Share of the examples that each round sees, drawn without replacement, above 0 and at most 1.
    pub row_fraction: f64,
    /// Share of the features that each tree may ask for, above 0 and at most 1.
    pub column_fraction: f64,
    /// Bins a feature, 2 to 255.
    pub bins: usize,
    /// Rounds without a lower loss on the validation examples after which training ends.
    pub patience: Option<usize>,
    /// Of all draws.
    pub seed: u64,
}

impl BoostingOptions {
    /// 100 rounds of trees with 31 leaves of at least 20 examples, at a learning rate of 0.1.
    #[must_use]
    pub fn new(loss: Loss) -> Self {
        Self {
            loss,
            rounds: 100,
            learning_rate: 0.1,
            leaves: 31,
            max_depth: None,
            growth: Growth::LeafWise,
            min_leaf: 20,
            min_child_weight: 1e-3,
            l2: 0.0,
            min_gain: 0.0,
            row_fraction: 1.0,
            column_fraction: 1.0,
            bins: 255,
            patience: None,
            seed: 0,
        }
    }

    /// Trains on `examples`. With `validation`, the rounds after the lowest loss on it are left out.
    ///
    /// # Errors
    /// If a setting, label, weight or feature is out of its range, a class has no example, there is nothing to learn
    /// from, `patience` is given without validation examples, or these have other features.
    pub fn fit(&self, examples: &Examples<'_>, validation: Option<&Examples<'_>>) -> Result<Boosted, TreeError> {
        self.check(validation.is_some())?;
        let weights = examples.checked_weights(self.loss.labels())?;
        let binned = Binned::new(examples.features, self.bins, Layout::ByShare, self.seed)?;
        let rows = weighted_rows(&weights);
        let mut rounds = Rounds::new(self, examples, &weights, &binned, &rows, validation)?;
        for round in 0..self.rounds {
            if rounds.advance(round).is_done() {
                break;
            }
        }
        Ok(rounds.finish())
    }

    fn check(&self, validated: bool) -> Result<(), TreeError> {
        let share = |share: f64| share > 0.0 && share <= 1.0;
        let not_negative = |number: f64| number.is_finite() && number >= 0.0;
        let rate = self.learning_rate.is_finite() && self.learning_rate > 0.0;
        TreeError::unless(rate, "learning_rate", "a number above 0", self.learning_rate)?;
        TreeError::unless(self.leaves >= 2, "leaves", "2 or more", self.leaves)?;
        TreeError::unless(self.min_leaf >= 1, "min_leaf", "1 or more", self.min_leaf)?;
        let not_below_0 = "a number that is not negative";
        TreeError::unless(not_negative(self.min_child_weight), "min_child_weight", not_below_0, self.min_child_weight)?;
        TreeError::unless(not_negative(self.l2), "l2", not_below_0, self.l2)?;
        TreeError::unless(not_negative(self.min_gain), "min_gain", not_below_0, self.min_gain)?;
        TreeError::unless(share(self.row_fraction), "row_fraction", "above 0 and at most 1", self.row_fraction)?;
        TreeError::unless(
            share(self.column_fraction),
            "column_fraction",
            "above 0 and at most 1",
            self.column_fraction,
        )?;
        TreeError::unless((2..=255).contains(&self.bins), "bins", "2 to 255", self.bins)?;
        let patient = self.patience.is_none_or(|patience| patience >= 1 && validated);
        TreeError::unless(patient, "patience", "1 or more, with validation examples", self.patience.unwrap_or(0))
    }
}

/// What training gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Boosted {
    /// The model.
    pub model: TreeEnsemble,
    /// Loss on the training examples after each round that was trained.
    pub training: Vec<f64>,
    /// The same on the validation examples, if there are any.
    pub validation: Vec<f64>,
    /// Rounds in the model.
    pub rounds: usize,
}
