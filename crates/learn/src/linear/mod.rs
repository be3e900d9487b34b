//! Linear, logistic, multinomial and Poisson regression with L2, L1 and elastic net penalties.
//!
//! For examples `i` with weights `w_i` that are brought to sum 1, coefficients `b` and an intercept `a` that is never
//! penalized, what is minimized is
//!
//! ```text
//! sum_i w_i loss(y_i, a + x_i b)  +  lambda ((1 - l1_ratio) / 2 |b|^2 + l1_ratio |b|_1)
//! ```
//!
//! which is the convention of glmnet (Friedman, Hastie, Tibshirani 2010). `lambda` is comparable between data sets of
//! different size. In scikit-learn, with `n` the sum of the sample weights:
//!
//! | there | is here |
//! |---|---|
//! | `LogisticRegression(C=c, l1_ratio=r)` | `lambda = 1 / (c n)`, see [`Penalty::from_c`]; `l1_ratio = r` |
//! | `ElasticNet(alpha=a, l1_ratio=r)`, `PoissonRegressor(alpha=a)` | `lambda = a`, `l1_ratio = r` |
//! | `Ridge(alpha=a)` | `lambda = a / n`, `l1_ratio = 0` |
//!
//! | family | loss of a score `s` | label |
//! |---|---|---|
//! | [`Family::Squared`] | `(y - s)^2 / 2` | a number |
//! | [`Family::Logistic`] | `ln(1 + e^s) - y s` | 0 or 1 |
//! | [`Family::Multinomial`] | `ln(sum_k e^(s_k)) - s_y` | a class number |
//! | [`Family::Poisson`] | `e^s - y s` | 0 or more |
//!
//! Without an L1 part the minimum is found by Newton's method, each step by conjugate gradients (truncated Newton, Nash
//! 2000); with one by coordinate descent on quadratic approximations (Friedman et al. 2010; Lee, Sun, Saunders 2014) of
//! the features that the strong rules keep (Tibshirani et al. 2012), with a check of those they drop. Passes of the descent
//! are extrapolated (Bertrand, Massias 2021).
//!
//! Memory beyond the features, for `n` rows, `p` features and `k` outputs: 32 `n k` bytes and 128 to 200 `p k` bytes; an
//! L1 part also takes the features once more, by columns, and of sparse ones the columns in play a third time. By calculation,
//! 1,000,000 x 4,096 sparse features with 100 numbers a row (0.8 GB) take about 50 MB more with L2 and 0.9 to 1.7 GB more with
//! L1. Centring and scaling are arithmetic: sparse features
//! stay sparse. Results are the same bits for any number of threads.

mod columns;
mod coordinate;
mod loss;
mod model;
mod newton;
mod path;
mod problem;
mod quadratic;
mod rows;
mod table;
#[cfg(test)]
mod tests;
mod validated;

pub use model::{Fit, LinearModel, Outcome};
pub use path::{CrossValidation, PathOptions, cross_validate, path};
pub use table::{Coefficient, PositionEffects};
pub use validated::{PathStep, Validated, validated_path};

use crate::Features;
use columns::ColumnStore;
use problem::{Bounds, Problem};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What is predicted, and so which loss is minimized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// A number; least squares.
    Squared,
    /// Yes or no: labels 0 and 1.
    Logistic,
    /// One of this many classes: labels `0..classes`. Each class has coefficients of its own; as the loss does not change
    /// when a constant is added to all classes, intercepts are given with sum 0.
    Multinomial {
        /// At least 2.
        classes: usize,
    },
    /// A count, or a rate with exposures as weights; the logarithm of its mean is linear.
    Poisson,
}

impl Family {
    /// Scores that a row has.
    #[must_use]
    pub fn outputs(self) -> usize {
        if let Self::Multinomial { classes } = self { classes } else { 1 }
    }
}

/// How strongly coefficients are drawn to 0; see the [module](self) for the convention.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Penalty {
    /// 0 or more; 0 is no penalty.
    pub lambda: f64,
    /// Share of the absolute values: 0 is ridge (L2), 1 the lasso (L1), between them the elastic net.
    pub l1_ratio: f64,
}

impl Penalty {
    /// The penalty that scikit-learn's `LogisticRegression` calls `C`, for examples whose weights sum to `total` (their
    /// number, without weights): `lambda = 1 / (C total)`.
    #[must_use]
    pub fn from_c(c: f64, total: f64, l1_ratio: f64) -> Self {
        Self { lambda: 1.0 / (c * total), l1_ratio }
    }
}

/// How a model is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitOptions {
    /// Whether there is an intercept. It is not penalized.
    pub intercept: bool,
    /// Whether coefficients are penalized as those of features of standard deviation 1. They are given on the scale of
    /// the features all the same.
    pub standardize: bool,
    /// The fit ends when no entry of the (sub)gradient is above this share of the largest one of the model without
    /// coefficients.
    pub tolerance: f64,
    /// The fit ends, and says so, after this many Newton steps (rounds of coordinate descent with an L1 part).
    pub max_iterations: usize,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self { intercept: true, standardize: false, tolerance: 1e-6, max_iterations: 200 }
    }
}

/// What one model learns.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// What kind of label it is.
    pub family: Family,
    /// One a row; NaN is unknown, and the row takes no part.
    pub labels: &'a [f64],
    /// One a row, 0 or more; rows count the same without.
    pub weights: Option<&'a [f64]>,
}

/// Weights that give each class the same sum, `n / (classes n_class)` as scikit-learn's `class_weight="balanced"`, for
/// labels that are class numbers; NaN labels and classes that do not occur get 0.
#[must_use]
pub fn balanced_weights(labels: &[f64]) -> Vec<f64> {
    let mut counts = std::collections::BTreeMap::new();
    let known = || labels.iter().filter(|label| !label.is_nan());
    known().for_each(|label| *counts.entry(label.to_bits()).or_insert(0usize) += 1);
    let share = known().count() as f64 / counts.len().max(1) as f64;
    labels.iter().map(|label| counts.get(&label.to_bits()).map_or(0.0, |&count| share / count as f64)).collect()
}

/// Why there is no model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LinearError {
    /// A feature has no number for a row.
    #[error(
        "feature {column:?}, row {row}: expected a finite number, found {value}\nhint: fill missing values in, or train trees"
    )]
    Missing {
        /// Name of the column.
        column: String,
        /// 0-based.
        row: usize,
        /// NaN or infinite.
        value: f32,
    },
    /// Labels or weights are not one a row.
    #[error("expected {expected} {what}, one a row, found {found}")]
    Count {
        /// Labels, weights or folds.
        what: &'static str,
        /// Rows.
        expected: usize,
        /// As given.
        found: usize,
    },
    /// A label that the family does not have.
    #[error("row {row}: expected {expected}, found {found}")]
    Label {
        /// 0-based.
        row: usize,
        /// What a label or weight may be.
        expected: String,
        /// As given.
        found: f64,
    },
    /// No row with a label and a weight above 0.
    #[error("expected at least one row with a label and a weight above 0, found none of {rows}")]
    NoRows {
        /// All rows.
        rows: usize,
    },
    /// A class without rows.
    #[error(
        "class {class} has no row with a weight above 0\nhint: give examples of it, or leave the class out of the task"
    )]
    EmptyClass {
        /// Its number.
        class: usize,
    },
    /// Poisson regression on zeros only: the logarithm of their mean is minus infinity.
    #[error("expected at least one count above 0, found only zeros")]
    OnlyZeros,
    /// A setting out of its range.
    #[error("{name}: expected {expected}, found {found}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// As given.
        found: f64,
    },
    /// A model is given other features than it was fitted on.
    #[error("expected the features of the fit, found {what}")]
    Features {
        /// What differs.
        what: String,
    },
    /// A fold of a cross-validation, or a task, cannot be fitted.
    #[error("{part}: {error}")]
    Part {
        /// Such as `fold 2`.
        part: String,
        /// Why not.
        error: Box<Self>,
    },
}

impl LinearError {
    fn in_part(self, part: String) -> Self {
        Self::Part { part, error: Box::new(self) }
    }
}

/// Fits one model. Whether it converged stands in [`LinearModel::fit`].
///
/// Constant features get the coefficient 0. Without a penalty, classes that a plane separates have no best coefficients:
/// they grow for ever, so the fit stops at the first ones that separate all rows, with [`Outcome::Separated`].
///
/// # Errors
/// If a feature is missing for a row (its name and the row are given), labels do not fit the family, a class has no
/// row, or a setting is out of range.
///
/// ```
/// use basewise_learn::Features;
/// use basewise_learn::linear::{Family, FitOptions, Penalty, Target, fit};
///
/// let features = Features::dense(vec!["gc".into()], 4, vec![0.1, 0.4, 0.6, 0.9])?;
/// let target = Target { family: Family::Logistic, labels: &[0.0, 0.0, 1.0, 1.0], weights: None };
/// let model = fit(&features, &target, Penalty::from_c(1.0, 4.0, 0.0), &FitOptions::default())?;
/// assert!(model.coefficient(0, 0) > 0.0);
/// assert!(model.predict(&features)?[3] > 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fit(
    features: &Features,
    target: &Target<'_>,
    penalty: Penalty,
    options: &FitOptions,
) -> Result<LinearModel, LinearError> {
    let problem = Problem::new(features, target, options)?;
    problem::check_penalty(penalty)?;
    let mut point = problem.null();
    let bounds = Bounds::new(problem.scale(&point), options);
    let store = (penalty.lambda * penalty.l1_ratio > 0.0).then(|| ColumnStore::new(features));
    let fit = problem.solve(store.as_ref(), &mut point, penalty, &bounds);
    Ok(LinearModel::new(&problem, &point, fit))
}

/// Fits one model a task on the same features.
///
/// # Errors
/// As [`fit`], with the number of the task.
pub fn fit_tasks(
    features: &Features,
    targets: &[Target<'_>],
    penalty: Penalty,
    options: &FitOptions,
) -> Result<Vec<LinearModel>, LinearError> {
    let one = |(index, target): (usize, &Target<'_>)| {
        fit(features, target, penalty, options).map_err(|error| error.in_part(format!("task {index}")))
    };
    targets.par_iter().enumerate().map(one).collect()
}
