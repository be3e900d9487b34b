//! Models along a path of penalties, and which of them predicts best.

use super::columns::ColumnStore;
use super::problem::{Bounds, Point, Problem, check_features, check_options, check_penalty};
use super::{FitOptions, LinearError, LinearModel, Outcome, Penalty, Target};
use crate::Features;
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Which penalties a path walks through.
#[derive(Clone, Debug, PartialEq)]
pub struct PathOptions {
    /// See [`Penalty`].
    pub l1_ratio: f64,
    /// Number of penalties.
    pub count: usize,
    /// The smallest `lambda` as a share of the largest; by default 0.0001 with more rows than features, else 0.01.
    pub smallest: Option<f64>,
    /// These values of `lambda` instead, in any order.
    pub lambdas: Option<Vec<f64>>,
    /// How each model is fitted.
    pub fit: FitOptions,
}

impl Default for PathOptions {
    fn default() -> Self {
        Self { l1_ratio: 1.0, count: 100, smallest: None, lambdas: None, fit: FitOptions::default() }
    }
}

/// A path, judged on rows that were left out.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossValidation {
    /// Fitted on all rows, from the strongest penalty to the weakest.
    pub models: Vec<LinearModel>,
    /// Mean loss of each penalty on the rows left out; losses as in the [module](super).
    pub losses: Vec<f64>,
    /// Standard error of each, from the spread between folds.
    pub errors: Vec<f64>,
    /// The penalty of the smallest loss; of equal ones the strongest.
    pub best: usize,
    /// The strongest penalty whose loss is within one standard error of the smallest (Breiman et al. 1984).
    pub simplest: usize,
    /// Fits, in the folds and on all rows, that did not converge.
    pub unfinished: usize,
}

/// Models from the strongest penalty, which by default is the smallest one without any coefficient (for `l1_ratio` below
/// 0.001 that of 0.001), to the weakest. Each starts where the one before ended.
///
/// # Errors
/// As [`fit`](super::fit), and if there is no penalty or one is out of range.
pub fn path(features: &Features, target: &Target<'_>, options: &PathOptions) -> Result<Vec<LinearModel>, LinearError> {
    check_features(features)?;
    let problem = checked(features, target, options)?;
    let lambdas = lambdas(&problem, options)?;
    let store = (options.l1_ratio > 0.0).then(|| ColumnStore::new(features));
    Ok(walk(&problem, store.as_ref(), &lambdas, options, |point, fit| LinearModel::new(&problem, point, fit)))
}

/// Walks the path on all rows, and for each fold on the rows outside it, and judges each penalty on the folds.
///
/// `folds` names the fold of each row by a number; rows that belong together (a chromosome, copies of a sequence) must
/// have the same. All folds have the penalties of the path on all rows.
///
/// # Errors
/// As [`path`], also where only the rows outside a fold are at fault (a class has no row there); fewer than two folds.
pub fn cross_validate(
    features: &Features,
    target: &Target<'_>,
    folds: &[usize],
    options: &PathOptions,
) -> Result<CrossValidation, LinearError> {
    check_features(features)?;
    if folds.len() != features.rows() {
        return Err(LinearError::Count { what: "folds", expected: features.rows(), found: folds.len() });
    }
    let numbers: Vec<usize> = folds.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    if numbers.len() < 2 {
        return Err(LinearError::Setting { name: "folds", expected: "2 or more", found: numbers.len() as f64 });
    }
    let problem = checked(features, target, options)?;
    let lambdas = lambdas(&problem, options)?;
    let store = (options.l1_ratio > 0.0).then(|| ColumnStore::new(features));
    let judge = |&number: &usize| {
        let fold = Fold { number, folds, whole: &problem };
        fold.judge(features, target, store.as_ref(), &lambdas, options)
    };
    let judged: Vec<Judged> = numbers.par_iter().map(judge).collect::<Result<_, _>>()?;
    let models = walk(&problem, store.as_ref(), &lambdas, options, |point, fit| LinearModel::new(&problem, point, fit));
    Ok(CrossValidation::new(models, &judged))
}

fn checked<'a>(features: &'a Features, target: &Target<'_>, options: &PathOptions) -> Result<Problem<'a>, LinearError> {
    check_options(&options.fit)?;
    check_penalty(Penalty { lambda: 0.0, l1_ratio: options.l1_ratio })?;
    Problem::of_checked(features, target, &options.fit)
}

/// The values of `lambda`, falling.
pub(super) fn lambdas(problem: &Problem<'_>, options: &PathOptions) -> Result<Vec<f64>, LinearError> {
    if let Some(given) = &options.lambdas {
        let mut given = given.clone();
        given.iter().try_for_each(|&lambda| check_penalty(Penalty { lambda, l1_ratio: options.l1_ratio }))?;
        given.sort_by(|a, b| b.total_cmp(a));
        given.dedup();
        let none = LinearError::Setting { name: "lambdas", expected: "one or more", found: 0.0 };
        return if given.is_empty() { Err(none) } else { Ok(given) };
    }
    if options.count == 0 {
        return Err(LinearError::Setting { name: "count", expected: "1 or more", found: 0.0 });
    }
    let many_rows = problem.labels.len() > problem.rows.features.columns();
    let smallest = options.smallest.unwrap_or(if many_rows { 1e-4 } else { 1e-2 });
    if !(smallest > 0.0 && smallest <= 1.0) {
        let expected = "a share above 0 and at most 1";
        return Err(LinearError::Setting { name: "smallest", expected, found: smallest });
    }
    let largest = problem.scale(&problem.null()) / options.l1_ratio.max(1e-3);
    let steps = (options.count - 1).max(1) as f64;
    let mut lambdas: Vec<f64> = (0..options.count).map(|i| largest * smallest.powf(i as f64 / steps)).collect();
    // One value is enough where no feature says anything.
    lambdas.dedup();
    Ok(lambdas)
}

/// Fits for each penalty from where the one before ended, and gives what `each` makes of it.
fn walk<T>(
    problem: &Problem<'_>,
    store: Option<&ColumnStore>,
    lambdas: &[f64],
    options: &PathOptions,
    mut each: impl FnMut(&Point, super::Fit) -> T,
) -> Vec<T> {
    let mut point = problem.null();
    let mut bounds = Bounds::new(problem.scale(&point), &options.fit);
    let step = |&lambda: &f64| {
        let penalty = Penalty { lambda, l1_ratio: options.l1_ratio };
        let fit = problem.solve(store, &mut point, penalty, &bounds);
        bounds.previous_l1 = lambda * options.l1_ratio;
        each(&point, fit)
    };
    lambdas.iter().map(step).collect()
}

/// Rows to be left out of a fit.
struct Fold<'a> {
    number: usize,
    folds: &'a [usize],
    /// The fit of all rows, whose weights and labels count here too.
    whole: &'a Problem<'a>,
}

/// Losses on a fold.
struct Judged {
    weight: f64,
    /// One a penalty.
    losses: Vec<f64>,
    unfinished: usize,
}

impl Fold<'_> {
    fn judge(
        &self,
        features: &Features,
        target: &Target<'_>,
        store: Option<&ColumnStore>,
        lambdas: &[f64],
        options: &PathOptions,
    ) -> Result<Judged, LinearError> {
        let split = |inside: bool| -> Vec<f64> {
            let rows = self.folds.iter().zip(&self.whole.weights);
            rows.map(|(&fold, &weight)| if (fold == self.number) == inside { weight } else { 0.0 }).collect()
        };
        let (outside, inside) = (split(false), split(true));
        let weight = inside.iter().sum();
        let target = Target { weights: Some(&outside), ..*target };
        let problem = Problem::of_checked(features, &target, &options.fit)
            .map_err(|error| error.in_part(format!("without fold {}", self.number)))?;
        let mut unfinished = 0;
        let losses = walk(&problem, store, lambdas, options, |point, fit| {
            unfinished += usize::from(fit.outcome == Outcome::Unfinished);
            loss_of(&problem, point, &inside) / f64::max(weight, f64::MIN_POSITIVE)
        });
        Ok(Judged { weight, losses, unfinished })
    }
}

/// Sum of weighted losses.
pub(super) fn loss_of(problem: &Problem<'_>, point: &Point, weights: &[f64]) -> f64 {
    let k = problem.outputs();
    let mut mean = vec![0.0; k];
    let rows = point.scores.chunks_exact(k).zip(&problem.labels).zip(weights);
    rows.filter(|&(_, &weight)| weight > 0.0)
        .map(|((scores, &label), weight)| weight * problem.family.loss(scores, label, &mut mean))
        .sum()
}

impl CrossValidation {
    fn new(models: Vec<LinearModel>, judged: &[Judged]) -> Self {
        let total: f64 = judged.iter().map(|fold| fold.weight).sum();
        let mean = |of: &dyn Fn(&Judged) -> f64| judged.iter().map(|fold| fold.weight * of(fold)).sum::<f64>() / total;
        let losses: Vec<f64> = (0..models.len()).map(|at| mean(&|fold| fold.losses[at])).collect();
        let error = |(at, loss): (usize, &f64)| {
            (mean(&|fold| (fold.losses[at] - loss).powi(2)) / (judged.len() - 1) as f64).sqrt()
        };
        let errors: Vec<f64> = losses.iter().enumerate().map(error).collect();
        let best = (0..losses.len()).fold(0, |best, at| if losses[at] < losses[best] { at } else { best });
        let enough = losses[best] + errors[best];
        let simplest = losses.iter().position(|&loss| loss <= enough).unwrap_or(best);
        let unfinished = models.iter().filter(|model| model.fit().outcome == Outcome::Unfinished).count()
            + judged.iter().map(|fold| fold.unfinished).sum::<usize>();
        Self { models, losses, errors, best, simplest, unfinished }
    }
}
