//! A fitted model.

use super::problem::{Point, Problem, check_features};
use super::rows::scores;
use super::{Family, LinearError, Penalty};
use crate::Features;
use serde::{Deserialize, Serialize};

/// How a fit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The gradient is as small as was asked for.
    Converged,
    /// Iterations ran out, or rounding let the objective fall no further.
    Unfinished,
    /// Without a penalty: a plane separates the classes, so coefficients would grow for ever. These separate all rows.
    Separated,
}

/// What a fit did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The penalty.
    pub penalty: Penalty,
    /// Whether it reached the minimum.
    pub outcome: Outcome,
    /// Newton steps, or rounds of coordinate descent.
    pub iterations: usize,
    /// Largest entry of the (sub)gradient in the end, as a share of that of the model without coefficients.
    pub violation: f64,
    /// Mean loss and penalty.
    pub objective: f64,
}

/// Coefficients of named features, and an intercept, for each output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinearModel {
    family: Family,
    features: Vec<String>,
    /// `[feature, output]`, on the scale of the features.
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    /// Standard deviation of each feature over the rows of the fit.
    deviations: Vec<f64>,
    fit: Fit,
}

impl LinearModel {
    pub(super) fn new(problem: &Problem<'_>, point: &Point, fit: Fit) -> Self {
        let (coefficients, mut intercepts) = problem.rows.unscaled(&point.coefficients, &point.intercept);
        if intercepts.len() > 1 && problem.intercept {
            let mean = intercepts.iter().sum::<f64>() / intercepts.len() as f64;
            intercepts.iter_mut().for_each(|b| *b -= mean);
        }
        Self {
            family: problem.family,
            features: problem.rows.features.names().to_vec(),
            coefficients,
            intercepts,
            deviations: problem.deviations.clone(),
            fit,
        }
    }

    /// What it predicts.
    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    /// Names of its features.
    #[must_use]
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// How the fit went.
    #[must_use]
    pub fn fit(&self) -> &Fit {
        &self.fit
    }

    /// Score of each output where all features are 0.
    #[must_use]
    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }

    /// What one unit of a feature adds to the score of an output; both count from 0.
    ///
    /// # Panics
    /// If there is no such feature or output.
    #[must_use]
    pub fn coefficient(&self, feature: usize, output: usize) -> f64 {
        assert!(output < self.intercepts.len(), "a model of {} outputs", self.intercepts.len());
        self.coefficients[feature * self.intercepts.len() + output]
    }

    /// Standard deviation of a feature over the rows of the fit.
    #[must_use]
    pub fn deviation(&self, feature: usize) -> f64 {
        self.deviations[feature]
    }

    /// Number of coefficients that are not 0, over all outputs.
    #[must_use]
    pub fn nonzero(&self) -> usize {
        self.coefficients.iter().filter(|&&c| c != 0.0).count()
    }

    /// Scores `[row, output]`: logits, values, or logarithms of expected counts.
    ///
    /// # Errors
    /// If the features are not those of the fit, or one is missing for a row.
    pub fn scores(&self, features: &Features) -> Result<Vec<f64>, LinearError> {
        let (expected, found) = (&self.features, features.names());
        if expected.len() != found.len() {
            let what = format!("{} instead of {}", found.len(), expected.len());
            return Err(LinearError::Features { what });
        }
        if let Some((expected, found)) = expected.iter().zip(found).find(|(expected, found)| expected != found) {
            return Err(LinearError::Features { what: format!("{found:?} where {expected:?} was") });
        }
        check_features(features)?;
        Ok(scores(features, &self.coefficients, &self.intercepts))
    }

    /// What is expected `[row, output]`: the probability of label 1 or of each class, the value, or the count.
    ///
    /// # Errors
    /// As [`LinearModel::scores`].
    pub fn predict(&self, features: &Features) -> Result<Vec<f64>, LinearError> {
        let k = self.intercepts.len();
        let scores = self.scores(features)?;
        let mut means = vec![0.0; scores.len()];
        for (mean, scores) in means.chunks_exact_mut(k).zip(scores.chunks_exact(k)) {
            self.family.mean(scores, mean);
        }
        Ok(means)
    }
}
