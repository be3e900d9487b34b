//! One fit: checked labels and weights, the objective, and where it stands.

use super::columns::ColumnStore;
use super::rows::{Rows, block_rows};
use super::{Family, Fit, FitOptions, LinearError, Outcome, Penalty, Target};
use crate::Features;
use rayon::prelude::*;

pub(super) struct Problem<'a> {
    pub(super) rows: Rows<'a>,
    pub(super) family: Family,
    /// Unknown ones are 0 and weigh nothing.
    pub(super) labels: Vec<f64>,
    /// Sum 1.
    pub(super) weights: Vec<f64>,
    pub(super) intercept: bool,
    /// Standard deviation of each feature over the weighted rows.
    pub(super) deviations: Vec<f64>,
}

/// Coefficients `[feature, output]` of centred and scaled features, with what follows from them.
#[derive(Clone)]
pub(super) struct Point {
    pub(super) coefficients: Vec<f64>,
    pub(super) intercept: Vec<f64>,
    /// `[row, output]`.
    pub(super) scores: Vec<f64>,
    /// `[row, output]`, see [`Family::loss`].
    pub(super) means: Vec<f64>,
    /// Mean loss, without the penalty.
    pub(super) loss: f64,
}

impl<'a> Problem<'a> {
    pub(super) fn new(features: &'a Features, target: &Target<'_>, options: &FitOptions) -> Result<Self, LinearError> {
        check_options(options)?;
        check_features(features)?;
        Self::of_checked(features, target, options)
    }

    /// For features that have been checked.
    pub(super) fn of_checked(
        features: &'a Features,
        target: &Target<'_>,
        options: &FitOptions,
    ) -> Result<Self, LinearError> {
        let (labels, weights) = check_target(features.rows(), target)?;
        let (means, deviations) = moments(features, &weights);
        let factor = |(&mean, &deviation): (&f64, &f64)| {
            let constant = deviation <= 1e-10 * mean.abs();
            match (options.intercept, options.standardize) {
                // A constant feature says what the intercept says, and one that is always 0 says nothing.
                (true, _) if constant => 0.0,
                (false, _) if constant && mean == 0.0 => 0.0,
                (_, true) if !constant => 1.0 / deviation,
                _ => 1.0,
            }
        };
        let factor = means.iter().zip(&deviations).map(factor).collect();
        let centre = if options.intercept { means } else { vec![0.0; deviations.len()] };
        let rows = Rows { features, outputs: target.family.outputs(), centre, factor };
        Ok(Self { rows, family: target.family, labels, weights, intercept: options.intercept, deviations })
    }

    pub(super) fn outputs(&self) -> usize {
        self.rows.outputs
    }

    /// The best model without coefficients.
    pub(super) fn null(&self) -> Point {
        let k = self.outputs();
        let share = |output| -> f64 {
            self.labels.iter().zip(&self.weights).map(|(&y, w)| w * self.family.observed(y, output)).sum()
        };
        let link = |mean: f64| match self.family {
            Family::Squared => mean,
            Family::Logistic => (mean / (1.0 - mean)).ln(),
            Family::Multinomial { .. } | Family::Poisson => mean.ln(),
        };
        let mut intercept = vec![0.0; k];
        if self.intercept {
            intercept = (0..k).map(|output| link(share(output))).collect();
            if k > 1 {
                let mean = intercept.iter().sum::<f64>() / k as f64;
                intercept.iter_mut().for_each(|b| *b -= mean);
            }
        }
        let coefficients = vec![0.0; self.rows.features.columns() * k];
        let scores = intercept.repeat(self.labels.len());
        let (loss, means) = self.evaluate(&scores);
        Point { coefficients, intercept, scores, means, loss }
    }

    /// Mean loss and means of scores.
    pub(super) fn evaluate(&self, scores: &[f64]) -> (f64, Vec<f64>) {
        let k = self.outputs();
        let mut means = vec![0.0; scores.len()];
        let size = block_rows(self.labels.len());
        let block = |(block, means): (usize, &mut [f64])| {
            let first = block * size;
            let rows = means.chunks_exact_mut(k).zip(scores[first * k..].chunks_exact(k));
            let mut sum = 0.0;
            for (place, (mean, scores)) in rows.enumerate() {
                let loss = self.family.loss(scores, self.labels[first + place], mean);
                let weight = self.weights[first + place];
                // Where nothing is weighed an infinite loss must not be either.
                sum += if weight > 0.0 { weight * loss } else { 0.0 };
            }
            sum
        };
        let losses: Vec<f64> = means.par_chunks_mut(size * k).enumerate().map(block).collect();
        (losses.iter().sum(), means)
    }

    /// Derivative of the mean loss by each score.
    pub(super) fn slopes(&self, point: &Point) -> Vec<f64> {
        let k = self.outputs();
        let mut slopes = point.means.clone();
        for (row, own) in slopes.chunks_exact_mut(k).enumerate() {
            let (label, weight) = (self.labels[row], self.weights[row]);
            for (output, slope) in own.iter_mut().enumerate() {
                *slope = if weight > 0.0 { weight * (*slope - self.family.observed(label, output)) } else { 0.0 };
            }
        }
        slopes
    }

    /// Largest entry of the gradient of the model without coefficients, against which convergence is judged: the
    /// smallest `lambda * l1_ratio` at which all coefficients are 0.
    pub(super) fn scale(&self, null: &Point) -> f64 {
        largest(&self.rows.transposed(&self.slopes(null)))
    }

    /// Whether all rows are on the right side: a plane separates the classes.
    pub(super) fn is_separated(&self, point: &Point) -> bool {
        let k = self.outputs();
        let mut rows = point.scores.chunks_exact(k).zip(&self.labels).zip(&self.weights);
        match self.family {
            Family::Squared | Family::Poisson => false,
            Family::Logistic => rows.all(|((s, &y), &w)| w == 0.0 || if y > 0.5 { s[0] > 0.0 } else { s[0] < 0.0 }),
            Family::Multinomial { .. } => rows.all(|((s, &y), &w)| {
                let own = s[y as usize];
                w == 0.0 || s.iter().enumerate().all(|(class, &s)| class == y as usize || s < own)
            }),
        }
    }

    /// Goes on from `point` to the minimum. An L1 part needs the columns of `store`.
    pub(super) fn solve(
        &self,
        store: Option<&ColumnStore>,
        point: &mut Point,
        penalty: Penalty,
        bounds: &Bounds,
    ) -> Fit {
        let (iterations, violation, outcome) = match store {
            Some(store) if penalty.lambda * penalty.l1_ratio > 0.0 => {
                super::coordinate::solve(self, store, point, penalty, bounds)
            }
            _ => super::newton::solve(self, point, penalty.lambda, bounds),
        };
        let objective = point.loss + penalty_of(penalty, &point.coefficients);
        Fit { penalty, outcome, iterations, violation: violation / bounds.unit(), objective }
    }
}

/// When a minimization ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// See [`Problem::scale`].
    pub(super) scale: f64,
    /// No entry of the subgradient is above this in the end.
    pub(super) limit: f64,
    /// The L1 part of the penalty for which the point at the start is best, for the strong rules.
    pub(super) previous_l1: f64,
    pub(super) max_iterations: usize,
}

impl Bounds {
    /// For a start at the model without coefficients, whose gradient's largest entry is `scale`.
    pub(super) fn new(scale: f64, options: &FitOptions) -> Self {
        let bounds = Self { scale, limit: 0.0, previous_l1: scale, max_iterations: options.max_iterations };
        Self { limit: options.tolerance * bounds.unit(), ..bounds }
    }

    /// What gradients are measured by; not 0 where no feature says anything.
    fn unit(&self) -> f64 {
        self.scale.max(1e-12)
    }
}

impl Outcome {
    pub(super) fn of(violation: f64, limit: f64) -> Self {
        if violation <= limit { Self::Converged } else { Self::Unfinished }
    }
}

/// Value of the penalty.
pub(super) fn penalty_of(penalty: Penalty, coefficients: &[f64]) -> f64 {
    let squares: f64 = coefficients.iter().map(|c| c * c).sum();
    let sizes: f64 = coefficients.iter().map(|c| c.abs()).sum();
    penalty.lambda * ((1.0 - penalty.l1_ratio) / 2.0 * squares + penalty.l1_ratio * sizes)
}

/// Largest size of an entry.
pub(super) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |top: f64, value| top.max(value.abs()))
}

pub(super) fn check_penalty(penalty: Penalty) -> Result<(), LinearError> {
    let Penalty { lambda, l1_ratio } = penalty;
    if !(lambda >= 0.0 && lambda.is_finite()) {
        return Err(LinearError::Setting { name: "lambda", expected: "a number of 0 or more", found: lambda });
    }
    if !(0.0..=1.0).contains(&l1_ratio) {
        return Err(LinearError::Setting { name: "l1_ratio", expected: "a number from 0 to 1", found: l1_ratio });
    }
    Ok(())
}

pub(super) fn check_options(options: &FitOptions) -> Result<(), LinearError> {
    if !(options.tolerance > 0.0 && options.tolerance < 1.0) {
        let expected = "a number between 0 and 1";
        return Err(LinearError::Setting { name: "tolerance", expected, found: options.tolerance });
    }
    Ok(())
}

pub(super) fn check_features(features: &Features) -> Result<(), LinearError> {
    let missing = |row: usize| {
        let (column, value) = features.row(row).find(|(_, value)| !value.is_finite())?;
        Some(LinearError::Missing { column: features.names()[column].clone(), row, value })
    };
    (0..features.rows()).into_par_iter().find_map_first(missing).map_or(Ok(()), Err)
}

/// Labels without unknown ones, and weights of sum 1.
fn check_target(rows: usize, target: &Target<'_>) -> Result<(Vec<f64>, Vec<f64>), LinearError> {
    let count =
        |what, found| if found == rows { Ok(()) } else { Err(LinearError::Count { what, expected: rows, found }) };
    count("labels", target.labels.len())?;
    let mut weights = target.weights.map_or_else(|| vec![1.0; rows], <[f64]>::to_vec);
    count("weights", weights.len())?;
    let mut labels = target.labels.to_vec();
    for (row, (label, weight)) in labels.iter_mut().zip(&mut weights).enumerate() {
        if !(*weight >= 0.0 && weight.is_finite()) {
            let expected = "a weight of 0 or more".into();
            return Err(LinearError::Label { row, expected, found: *weight });
        }
        if label.is_nan() {
            (*label, *weight) = (0.0, 0.0);
        }
        let (fits, expected) = match target.family {
            Family::Squared => (label.is_finite(), "a finite number".into()),
            Family::Logistic => (*label == 0.0 || *label == 1.0, "a label of 0 or 1".into()),
            Family::Multinomial { classes } => {
                let fits = label.fract() == 0.0 && (0.0..classes as f64).contains(label);
                (fits, format!("a class number below {classes}"))
            }
            Family::Poisson => (*label >= 0.0 && label.is_finite(), "a count of 0 or more".into()),
        };
        if !fits {
            return Err(LinearError::Label { row, expected, found: *label });
        }
    }
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return Err(LinearError::NoRows { rows });
    }
    weights.iter_mut().for_each(|weight| *weight /= total);
    check_classes(target.family, &labels, &weights)?;
    Ok((labels, weights))
}

fn check_classes(family: Family, labels: &[f64], weights: &[f64]) -> Result<(), LinearError> {
    let classes = match family {
        Family::Squared => return Ok(()),
        Family::Poisson => {
            let any = labels.iter().zip(weights).any(|(&y, &w)| w > 0.0 && y > 0.0);
            return if any { Ok(()) } else { Err(LinearError::OnlyZeros) };
        }
        Family::Logistic => 2,
        Family::Multinomial { classes } => classes,
    };
    if classes < 2 {
        return Err(LinearError::Setting { name: "classes", expected: "2 or more", found: classes as f64 });
    }
    let mut seen = vec![false; classes];
    labels.iter().zip(weights).filter(|&(_, &w)| w > 0.0).for_each(|(&y, _)| seen[y as usize] = true);
    seen.iter().position(|seen| !seen).map_or(Ok(()), |class| Err(LinearError::EmptyClass { class }))
}

/// Weighted mean and standard deviation (population formula) of each feature, the second from differences to the first.
fn moments(features: &Features, weights: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let columns = features.columns();
    let rows = || (0..features.rows()).filter(|&row| weights[row] > 0.0);
    let mut means = vec![0.0; columns];
    for row in rows() {
        features.row(row).for_each(|(column, x)| means[column] += weights[row] * f64::from(x));
    }
    let (mut squares, mut stored) = (vec![0.0; columns], vec![0.0; columns]);
    for row in rows() {
        for (column, x) in features.row(row) {
            squares[column] += weights[row] * (f64::from(x) - means[column]).powi(2);
            stored[column] += weights[row];
        }
    }
    let deviation = |column: usize| {
        let absent = f64::max(1.0 - stored[column], 0.0);
        // The rest of a sum of weights is rounding, not rows, where it is tiny.
        let absent = if absent < 1e-12 { 0.0 } else { absent };
        (squares[column] + absent * means[column].powi(2)).sqrt()
    };
    let deviations = (0..columns).map(deviation).collect();
    (means, deviations)
}
