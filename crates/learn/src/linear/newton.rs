//! Newton's method with conjugate gradients, for objectives that are smooth.

use super::problem::{Bounds, Point, Problem, largest, penalty_of};
use super::{Family, Outcome, Penalty};

const CG_STEPS: usize = 500;
/// Halvings of a step before rounding is taken to be all that is left.
const HALVINGS: usize = 40;

/// Steps taken, largest entry of the gradient, and how it ended.
pub(super) fn solve(problem: &Problem<'_>, point: &mut Point, ridge: f64, bounds: &Bounds) -> (usize, f64, Outcome) {
    let Bounds { limit, max_iterations, .. } = *bounds;
    let (mut first, mut iteration) = (None, 0);
    loop {
        let gradient = gradient(problem, point, ridge);
        let violation = largest(&gradient);
        let first = *first.get_or_insert(violation);
        if ridge == 0.0 && problem.is_separated(point) {
            return (iteration, violation, Outcome::Separated);
        }
        if violation <= limit || iteration == max_iterations {
            return (iteration, violation, Outcome::of(violation, limit));
        }
        // A quadratic is solved at once; else steps are as exact as the gradient is small.
        let share = if problem.family == Family::Squared {
            0.1 * limit / violation
        } else {
            (violation / first).sqrt().min(0.1)
        };
        let direction = direction(problem, point, ridge, &gradient, share * violation);
        if !advance(problem, point, ridge, &gradient, &direction) {
            return (iteration, violation, Outcome::of(violation, limit));
        }
        iteration += 1;
    }
}

/// Derivatives by the coefficients, then by the intercepts.
pub(super) fn gradient(problem: &Problem<'_>, point: &Point, ridge: f64) -> Vec<f64> {
    let slopes = problem.slopes(point);
    let mut gradient = problem.rows.transposed(&slopes);
    gradient.iter_mut().zip(&point.coefficients).for_each(|(g, c)| *g += ridge * c);
    gradient.extend(totals(problem, &slopes));
    gradient
}

/// Sums over rows, the derivatives by the intercepts; 0 where there are none.
fn totals(problem: &Problem<'_>, slopes: &[f64]) -> Vec<f64> {
    let mut totals = vec![0.0; problem.outputs()];
    if problem.intercept {
        let rows = slopes.chunks_exact(problem.outputs());
        rows.for_each(|own| totals.iter_mut().zip(own).for_each(|(total, s)| *total += s));
    }
    totals
}

/// The product of the Hessian with a direction.
fn bend(problem: &Problem<'_>, point: &Point, ridge: f64, direction: &[f64]) -> Vec<f64> {
    let (k, split) = (problem.outputs(), point.coefficients.len());
    let mut scores = problem.rows.times(&direction[..split], &direction[split..]);
    let rows = scores.chunks_exact_mut(k).zip(point.means.chunks_exact(k)).zip(&problem.weights);
    for ((own, means), &weight) in rows {
        if weight > 0.0 {
            problem.family.bend(means, own);
            own.iter_mut().for_each(|value| *value *= weight);
        } else {
            own.fill(0.0);
        }
    }
    let mut product = problem.rows.transposed(&scores);
    product.iter_mut().zip(direction).for_each(|(p, d)| *p += ridge * d);
    product.extend(totals(problem, &scores));
    product
}

/// Inverse of the diagonal of the Hessian, the preconditioner (Jacobi).
fn inverse_diagonal(problem: &Problem<'_>, point: &Point, ridge: f64) -> Vec<f64> {
    let k = problem.outputs();
    let curvature = |(at, &mean): (usize, &f64)| {
        let weight = problem.weights[at / k];
        if weight > 0.0 { weight * problem.family.curvature(mean) } else { 0.0 }
    };
    let weights: Vec<f64> = point.means.iter().enumerate().map(curvature).collect();
    let mut diagonal = problem.rows.squares(&weights);
    diagonal.iter_mut().for_each(|d| *d += ridge);
    diagonal.extend(totals(problem, &weights));
    let floor = 1e-10 * largest(&diagonal);
    diagonal.into_iter().map(|d| if d > floor { 1.0 / d } else { 0.0 }).collect()
}

/// Minus the inverse Hessian times the gradient, until no entry of what is left is above `limit`.
fn direction(problem: &Problem<'_>, point: &Point, ridge: f64, gradient: &[f64], limit: f64) -> Vec<f64> {
    let inverse = inverse_diagonal(problem, point, ridge);
    let precondition = |r: &[f64]| -> Vec<f64> { r.iter().zip(&inverse).map(|(r, i)| r * i).collect() };
    let mut x = vec![0.0; gradient.len()];
    let mut left: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut z = precondition(&left);
    let mut along = z.clone();
    let mut size = inner(&left, &z);
    for _ in 0..CG_STEPS {
        let product = bend(problem, point, ridge, &along);
        let curvature = inner(&along, &product);
        // Flat up to rounding: classes that separate, or features that are sums of others.
        if curvature <= 1e-14 * size.max(f64::MIN_POSITIVE) {
            break;
        }
        let step = size / curvature;
        x.iter_mut().zip(&along).for_each(|(x, a)| *x += step * a);
        left.iter_mut().zip(&product).for_each(|(r, p)| *r -= step * p);
        if largest(&left) <= limit {
            break;
        }
        z = precondition(&left);
        let next = inner(&left, &z);
        along.iter_mut().zip(&z).for_each(|(a, z)| *a = z + next / size * *a);
        size = next;
    }
    x
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Moves along the direction as far as the objective falls (Armijo 1966); false if it does not fall.
fn advance(problem: &Problem<'_>, point: &mut Point, ridge: f64, gradient: &[f64], direction: &[f64]) -> bool {
    let split = point.coefficients.len();
    let along = problem.rows.times(&direction[..split], &direction[split..]);
    let slope = inner(gradient, direction);
    let penalty = Penalty { lambda: ridge, l1_ratio: 0.0 };
    let value = point.loss + penalty_of(penalty, &point.coefficients);
    let mut step = 1.0;
    for _ in 0..HALVINGS {
        let scores: Vec<f64> = point.scores.iter().zip(&along).map(|(s, a)| s + step * a).collect();
        let coefficients: Vec<f64> = point.coefficients.iter().zip(direction).map(|(c, d)| c + step * d).collect();
        let (loss, means) = problem.evaluate(&scores);
        // What rounding takes away from a value near its minimum is no reason to stop.
        if loss + penalty_of(penalty, &coefficients) <= value + 1e-4 * step * slope + 1e-14 * value.abs() {
            point.intercept.iter_mut().zip(&direction[split..]).for_each(|(b, d)| *b += step * d);
            (point.scores, point.coefficients, point.means, point.loss) = (scores, coefficients, means, loss);
            return slope < 0.0;
        }
        step /= 2.0;
    }
    false
}
