//! A sum of trees and what it says.

use super::walk::{self, Walker};
use super::{Tree, TreeError};
use crate::Features;
use basewise_core::Matrix;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What turns a sum of trees into a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// The sum is the prediction: a mean, or probabilities.
    Identity,
    /// The sum is a log odds.
    Logistic,
    /// The sums are logits of classes.
    Softmax,
    /// The sum is the logarithm of a mean.
    Log,
}

/// One or more trees over named features: a decision tree, a random forest or gradient boosting.
///
/// Two classes have one output, the probability of class 1; more have one a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct TreeEnsemble {
    parts: Parts,
}

/// What is written to a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Parts {
    features: Vec<String>,
    link: Link,
    /// One an output; what the trees add to.
    base: Vec<f64>,
    /// What each tree is multiplied with.
    scale: f64,
    trees: Vec<Tree>,
}

impl TryFrom<Parts> for TreeEnsemble {
    type Error = String;

    fn try_from(parts: Parts) -> Result<Self, String> {
        let outputs = parts.base.len();
        if outputs == 0 || !parts.scale.is_finite() || parts.base.iter().any(|base| !base.is_finite()) {
            return Err("expected a finite base for each output, and a finite scale".into());
        }
        if parts.features.is_empty() {
            return Err("expected the names of features, found none".into());
        }
        for (place, tree) in parts.trees.iter().enumerate() {
            if !tree.is_sound(parts.features.len()) || ![1, outputs].contains(&tree.outputs()) {
                return Err(format!("tree {place}: expected nodes that make one tree over the features"));
            }
        }
        Ok(Self { parts })
    }
}

impl From<TreeEnsemble> for Parts {
    fn from(ensemble: TreeEnsemble) -> Self {
        ensemble.parts
    }
}

/// Numbers of the rows that walk down one tree after the other together, so that they and a tree stay in cache.
const NUMBERS_TOGETHER: usize = 1 << 18;
/// Nodes of the trees that are laid out for prediction at a time.
const STEPS_TOGETHER: usize = 1 << 22;

impl TreeEnsemble {
    pub(super) fn new(features: &Features, link: Link, base: Vec<f64>, scale: f64, trees: Vec<Tree>) -> Self {
        Self { parts: Parts { features: features.names().to_vec(), link, base, scale, trees } }
    }

    /// Names of the features, in order.
    #[must_use]
    pub fn features(&self) -> &[String] {
        &self.parts.features
    }

    /// The trees. Of boosting on more than two classes, one a class and round, classes first.
    #[must_use]
    pub fn trees(&self) -> &[Tree] {
        &self.parts.trees
    }

    /// What turns raw predictions into predictions.
    #[must_use]
    pub fn link(&self) -> Link {
        self.parts.link
    }

    /// Numbers an example.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.parts.base.len()
    }

    /// The raw prediction without a tree, one an output.
    #[must_use]
    pub fn base(&self) -> &[f64] {
        &self.parts.base
    }

    /// What each tree's value is multiplied with.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.parts.scale
    }

    /// Where a tree's values are added: the first output, for as many as the tree has.
    pub(super) fn first_output(&self, tree: usize) -> usize {
        if self.parts.trees[tree].outputs() == self.outputs() { 0 } else { tree % self.outputs() }
    }

    /// Refuses features that are not those of training.
    pub(super) fn check(&self, features: &Features) -> Result<(), TreeError> {
        let (expected, found) = (self.parts.features.len(), features.columns());
        if expected != found {
            return Err(TreeError::Columns { expected, found });
        }
        let mut pairs = self.parts.features.iter().zip(features.names());
        match pairs.position(|(expected, found)| expected != found) {
            Some(column) => Err(TreeError::Name {
                column,
                expected: self.parts.features[column].clone(),
                found: features.names()[column].clone(),
            }),
            None => Ok(()),
        }
    }

    /// Raw predictions `[rows, outputs]`: base plus trees, before the link.
    ///
    /// # Errors
    /// If the features are not those of training.
    pub fn raw(&self, features: &Features) -> Result<Vec<f64>, TreeError> {
        self.check(features)?;
        let outputs = self.outputs();
        let mut raw = vec![0.0; features.rows() * outputs];
        let columns = features.columns();
        let together = (NUMBERS_TOGETHER / columns).clamp(16, 4096);
        let mut before = 0;
        for trees in walk::groups(&self.parts.trees, STEPS_TOGETHER) {
            let walkers: Vec<Walker<'_>> = trees.par_iter().map(Walker::new).collect();
            raw.par_chunks_mut(together * outputs).enumerate().for_each(|(chunk, raw)| {
                let rows = features.filled_rows(chunk * together..chunk * together + raw.len() / outputs);
                for (place, walker) in walkers.iter().enumerate() {
                    walker.add(&rows, columns, raw, (outputs, self.first_output(before + place)));
                }
            });
            before += trees.len();
        }
        for raw in raw.chunks_exact_mut(outputs) {
            raw.iter_mut().zip(&self.parts.base).for_each(|(raw, base)| *raw = base + self.parts.scale * *raw);
        }
        Ok(raw)
    }

    /// Predictions `[rows, outputs]`: probabilities, means or expected counts.
    ///
    /// # Errors
    /// If the features are not those of training.
    pub fn predict(&self, features: &Features) -> Result<Matrix, TreeError> {
        let mut raw = self.raw(features)?;
        raw.chunks_exact_mut(self.outputs()).for_each(|row| self.parts.link.apply(row));
        Ok(Matrix::new(features.rows(), self.outputs(), raw.into_iter().map(|value| value as f32).collect()))
    }
}

impl Link {
    /// Turns the sums of one example into its predictions.
    pub(super) fn apply(self, row: &mut [f64]) {
        match self {
            Self::Identity => {}
            Self::Logistic => row.iter_mut().for_each(|value| *value = logistic(*value)),
            Self::Log => row.iter_mut().for_each(|value| *value = value.exp()),
            Self::Softmax => softmax(row),
        }
    }
}

pub(super) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

pub(super) fn softmax(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter_mut().for_each(|value| *value = (*value - largest).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|value| *value /= sum);
}
