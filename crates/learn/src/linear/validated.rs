//! A path of penalties that ends where validation examples say that it is enough.

use super::columns::ColumnStore;
use super::path::{lambdas, loss_of};
use super::problem::{Bounds, Problem, check_features};
use super::{FitOptions, LinearError, LinearModel, PathOptions, Penalty, Target};
use crate::Features;

/// Inverse strengths that are tried without an L1 part, from strong to weak, as scikit-learn's `C`: a path between the
/// strongest and the weakest L1 penalty is too narrow for ridge.
const RIDGE_STRENGTHS: [f64; 14] = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0];
/// Penalties with an L1 part that are tried.
const L1_STEPS: usize = 40;
/// Penalties in a row that may do worse before the path ends.
const PATIENCE: usize = 3;

/// One penalty of the path and how it did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathStep {
    /// Its strength.
    pub lambda: f64,
    /// Mean loss on the rows of the fit, without the penalty.
    pub training: f64,
    /// Mean loss on the validation rows.
    pub validation: f64,
    /// Coefficients that are not 0.
    pub nonzero: usize,
}

/// The model of a path that does best on validation rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Validated {
    /// The model.
    pub model: LinearModel,
    /// The penalties that were tried, from strong to weak.
    pub steps: Vec<PathStep>,
    /// Which step the model is of.
    pub best: usize,
}

/// Fits models from strong to weak penalties, each from where the one before ended, and keeps the one with the lowest mean
/// loss on `validation`. Ends after three penalties in a row that are worse than the best.
///
/// Without an L1 part the penalties are `C` of 0.0001 to 300 (see [`Penalty::from_c`]); with one, 40 from the smallest
/// without any coefficient downwards.
///
/// # Errors
/// As [`fit`](super::fit), for either set of rows.
pub fn validated_path(
    features: &Features,
    target: &Target<'_>,
    validation: (&Features, &Target<'_>),
    l1_ratio: f64,
    options: &FitOptions,
) -> Result<Validated, LinearError> {
    let problem = Problem::new(features, target, options)?;
    super::problem::check_penalty(Penalty { lambda: 0.0, l1_ratio })?;
    check_features(validation.0)?;
    let judge = Problem::of_checked(validation.0, validation.1, options)?;
    let total: f64 = match target.weights {
        Some(weights) => weights.iter().zip(target.labels).filter(|(_, y)| !y.is_nan()).map(|(w, _)| w).sum(),
        None => target.labels.iter().filter(|y| !y.is_nan()).count() as f64,
    };
    let strengths = if l1_ratio > 0.0 {
        lambdas(&problem, &PathOptions { l1_ratio, count: L1_STEPS, fit: *options, ..PathOptions::default() })?
    } else {
        RIDGE_STRENGTHS.map(|c| Penalty::from_c(c, total, 0.0).lambda).to_vec()
    };
    let store = (l1_ratio > 0.0).then(|| ColumnStore::new(features));
    let (mut point, mut steps, mut best) = (problem.null(), Vec::<PathStep>::new(), None::<(usize, LinearModel)>);
    let mut bounds = Bounds::new(problem.scale(&point), options);
    for lambda in strengths {
        let fit = problem.solve(store.as_ref(), &mut point, Penalty { lambda, l1_ratio }, &bounds);
        bounds.previous_l1 = lambda * l1_ratio;
        let model = LinearModel::new(&problem, &point, fit);
        let scores = model.scores(validation.0)?;
        let validation = judge.evaluate(&scores).0;
        let training = loss_of(&problem, &point, &problem.weights);
        steps.push(PathStep { lambda, training, validation, nonzero: model.nonzero() });
        match &best {
            Some((at, _)) if validation.is_nan() || validation >= steps[*at].validation => {
                if steps.len() - at > PATIENCE {
                    break;
                }
            }
            _ => best = Some((steps.len() - 1, model)),
        }
    }
    match best {
        Some((best, model)) => Ok(Validated { model, steps, best }),
        None => Err(LinearError::Setting { name: "lambdas", expected: "one or more", found: 0.0 }),
    }
}
