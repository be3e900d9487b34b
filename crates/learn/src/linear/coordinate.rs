//! Coordinate descent on quadratic approximations, for objectives with an L1 part.

use super::columns::ColumnStore;
use super::problem::{Bounds, Point, Problem, penalty_of};
use super::quadratic::{Quadratic, Start};
use super::{Family, Outcome, Penalty};
use rayon::prelude::*;

/// Halvings of a step before rounding is taken to be all that is left.
const HALVINGS: usize = 40;
/// Curvatures are not taken below this share of a row's weight, so that a certain row can still be moved.
const CURVATURE_FLOOR: f64 = 1e-6;
/// Features whose gradient is below this share of the threshold are left for a later round.
const NEAR: f64 = 0.8;
/// Features without a coefficient that a round may take in: as many as have one, and at least this many.
const FEWEST: usize = 256;
/// What is left out of a round sets how exact it has to be: to this share of the largest violation there.
const LEFT_OUT: f64 = 0.3;

/// One minimization: the parts of the penalty, and which features may take part.
struct Descent<'a, 'b> {
    problem: &'a Problem<'b>,
    store: &'a ColumnStore,
    penalty: Penalty,
    l1: f64,
    l2: f64,
    /// Features that the strong rules keep, ascending.
    kept: Vec<usize>,
    /// Memory for an approximation.
    space: Vec<(u32, f32)>,
}

/// Rounds done, largest entry of the subgradient, and how it ended.
pub(super) fn solve(
    problem: &Problem<'_>,
    store: &ColumnStore,
    point: &mut Point,
    penalty: Penalty,
    bounds: &Bounds,
) -> (usize, f64, Outcome) {
    let Bounds { limit, max_iterations, .. } = *bounds;
    let l1 = penalty.lambda * penalty.l1_ratio;
    let l2 = penalty.lambda * (1.0 - penalty.l1_ratio);
    let mut descent = Descent { problem, store, penalty, l1, l2, kept: Vec::new(), space: Vec::new() };
    let (threshold, all) = (2.0 * l1 - bounds.previous_l1, descent.varying());
    if threshold > 0.0 {
        descent.keep(point, |entry| entry.size >= threshold || entry.coefficient != 0.0);
    } else {
        descent.kept = all.clone();
    }
    let mut iteration = 0;
    loop {
        let violation = descent.round(point, bounds, iteration == max_iterations);
        if violation <= limit {
            let known = descent.kept.len() == all.len();
            let overlooked = if known { 0.0 } else { descent.keep(point, |entry| entry.violation(l1) > limit) };
            if overlooked <= limit {
                return (iteration, violation.max(overlooked), Outcome::Converged);
            }
        }
        if iteration == max_iterations {
            return (iteration, violation, Outcome::of(violation, limit));
        }
        descent.recentre(point);
        iteration += 1;
    }
}

/// The constant whose subtraction makes the penalty of these coefficients smallest; 0 if that is one.
pub(super) fn best_shift(values: &[f64], l1: f64, l2: f64) -> f64 {
    let (count, sum) = (values.len() as f64, values.iter().sum::<f64>());
    let below = |s: f64| values.iter().filter(|&&v| v < s).count() as f64;
    let up_to = |s: f64| values.iter().filter(|&&v| v <= s).count() as f64;
    // Derivatives of the penalty to the left and to the right of a shift.
    let left = |s: f64| l2 * (count * s - sum) + l1 * (2.0 * below(s) - count);
    let right = |s: f64| l2 * (count * s - sum) + l1 * (2.0 * up_to(s) - count);
    if left(0.0) <= 0.0 && right(0.0) >= 0.0 {
        return 0.0;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.into_iter().find(|&v| right(v) >= 0.0) {
        Some(v) if left(v) <= 0.0 => v,
        Some(v) => (l2 * sum - l1 * (2.0 * below(v) - count)) / (count * l2),
        None => 0.0,
    }
}

/// A coefficient and the derivative of the smooth part by it.
struct Entry {
    coefficient: f64,
    gradient: f64,
    size: f64,
}

impl Entry {
    fn new(coefficient: f64, gradient: f64) -> Self {
        Self { coefficient, gradient, size: gradient.abs() }
    }

    /// Distance of 0 from the subdifferential.
    fn violation(&self, l1: f64) -> f64 {
        if self.coefficient == 0.0 {
            (self.size - l1).max(0.0)
        } else {
            (self.gradient + l1.copysign(self.coefficient)).abs()
        }
    }
}

/// Where the minimum of an approximation for one output is.
struct Move {
    output: usize,
    columns: Vec<usize>,
    /// Coefficients of these columns where the approximation was made, and at its minimum.
    start: Vec<f64>,
    now: Vec<f64>,
    /// What the intercept of the features, as they are without centring, changes by.
    intercept: f64,
    /// Minus the derivative of the mean loss by each row's score.
    residual: Vec<f64>,
}

impl Descent<'_, '_> {
    /// Adds to the kept features those of which an output says `wanted`; gives the largest violation of the others'.
    fn keep(&mut self, point: &Point, wanted: impl Fn(&Entry) -> bool + Sync) -> f64 {
        let k = self.problem.outputs();
        let slopes = self.problem.slopes(point);
        let gradient = self.problem.rows.transposed(&slopes);
        let mut kept = vec![false; self.problem.rows.features.columns()];
        self.kept.iter().for_each(|&column| kept[column] = true);
        let mut top = 0.0f64;
        for (at, (&g, &c)) in gradient.iter().zip(&point.coefficients).enumerate() {
            let (column, entry) = (at / k, Entry::new(c, g + self.l2 * c));
            if self.problem.rows.factor[column] == 0.0 {
                continue;
            }
            kept[column] |= wanted(&entry);
            top = top.max(entry.violation(self.l1));
        }
        self.kept = (0..kept.len()).filter(|&column| kept[column]).collect();
        top
    }

    /// Features that say something.
    fn varying(&self) -> Vec<usize> {
        let factor = &self.problem.rows.factor;
        (0..factor.len()).filter(|&column| factor[column] != 0.0).collect()
    }

    /// Moves each output's coefficients once; gives the largest violation found, 0 steps being taken where it is small.
    fn round(&mut self, point: &mut Point, bounds: &Bounds, only_look: bool) -> f64 {
        let Bounds { limit, scale, .. } = *bounds;
        let mut top = 0.0f64;
        for output in 0..self.problem.outputs() {
            let (residual, curvature) = self.working(point, output);
            let entries = self.entries(point, output, &residual);
            let own = entries.iter().map(|entry| entry.violation(self.l1)).fold(0.0, f64::max);
            let own = if self.problem.intercept { own.max(residual.iter().sum::<f64>().abs()) } else { own };
            top = top.max(own);
            if own <= limit || only_look {
                continue;
            }
            let (places, left_out) = self.choose(&entries);
            // Exact for a quadratic; else as exact as the approximation deserves.
            let inner = match self.problem.family {
                Family::Squared => 0.3 * limit,
                _ => (own * (own / scale).sqrt().clamp(0.01, 0.1)).max(0.3 * limit),
            };
            let moved =
                self.minimize((output, residual, &curvature), &entries, &places, inner.max(LEFT_OUT * left_out));
            self.apply(&moved, point);
        }
        top
    }

    /// Places of the features that an approximation is worth making for: those with a coefficient and some of those that
    /// want one or nearly do. Gives also the largest violation of the others.
    fn choose(&self, entries: &[Entry]) -> (Vec<usize>, f64) {
        let all = || 0..entries.len();
        let active = all().filter(|&at| entries[at].coefficient != 0.0).count();
        let near = |at: &usize| entries[*at].coefficient == 0.0 && entries[*at].size >= NEAR * self.l1;
        let mut others: Vec<usize> = all().filter(near).collect();
        others.sort_by(|&a, &b| entries[b].size.total_cmp(&entries[a].size).then(a.cmp(&b)));
        let left_out = others.split_off(others.len().min(active.max(FEWEST)));
        let mut chosen: Vec<usize> = all().filter(|&at| entries[at].coefficient != 0.0).chain(others).collect();
        chosen.sort_unstable();
        (chosen, left_out.first().map_or(0.0, |&at| entries[at].violation(self.l1)))
    }

    /// The minimum of the approximation at a point, of the features at some places of the kept ones.
    fn minimize(
        &mut self,
        (output, residual, curvature): (usize, Vec<f64>, &[f64]),
        entries: &[Entry],
        places: &[usize],
        limit: f64,
    ) -> Move {
        let (rows, l2) = (&self.problem.rows, self.l2);
        let columns: Vec<usize> = places.iter().map(|&at| self.kept[at]).collect();
        let start = Start {
            coefficients: places.iter().map(|&at| entries[at].coefficient).collect(),
            slopes: places.iter().map(|&at| l2 * entries[at].coefficient - entries[at].gradient).collect(),
            centres: columns.iter().map(|&column| rows.centre[column] * rows.factor[column]).collect(),
        };
        let space = std::mem::take(&mut self.space);
        let weighted = self.store.weighted(&columns, &rows.factor, curvature, space);
        let intercept = self.problem.intercept.then(|| residual.iter().sum());
        let mut model = Quadratic::new(weighted, &start, intercept, (self.l1, l2));
        model.minimize(limit);
        let (now, intercept, space) = model.into_minimum();
        self.space = space;
        Move { output, columns, start: start.coefficients, now, intercept, residual }
    }

    /// A constant on all classes of a feature does not change the loss; takes off the one that costs least. Classes that
    /// are moved in turn would creep there.
    fn recentre(&self, point: &mut Point) {
        let (rows, k) = (&self.problem.rows, self.problem.outputs());
        if k == 1 {
            return;
        }
        let (mut along, mut constant) = (vec![0.0; self.problem.labels.len()], 0.0);
        for &column in &self.kept {
            let own = &mut point.coefficients[column * k..(column + 1) * k];
            let shift = best_shift(own, self.l1, self.l2);
            if shift != 0.0 {
                own.iter_mut().for_each(|c| *c -= shift);
                self.store.add(column, shift * rows.factor[column], &mut along);
                constant += shift * rows.factor[column] * rows.centre[column];
            }
        }
        for (own, along) in point.scores.chunks_exact_mut(k).zip(along) {
            own.iter_mut().for_each(|s| *s -= along - constant);
        }
    }

    /// Minus the derivative of the mean loss by the score of one output, and its second derivative, row by row.
    fn working(&self, point: &Point, output: usize) -> (Vec<f64>, Vec<f64>) {
        let (problem, k) = (self.problem, self.problem.outputs());
        let row = |(row, means): (usize, &[f64])| {
            let (weight, mean) = (problem.weights[row], means[output]);
            if weight == 0.0 {
                return (0.0, 0.0);
            }
            let residual = weight * (problem.family.observed(problem.labels[row], output) - mean);
            (residual, weight * problem.family.curvature(mean).max(CURVATURE_FLOOR))
        };
        point.means.chunks_exact(k).enumerate().map(row).unzip()
    }

    /// Coefficients and derivatives of the kept features.
    fn entries(&self, point: &Point, output: usize, residual: &[f64]) -> Vec<Entry> {
        let (rows, k) = (&self.problem.rows, self.problem.outputs());
        let total: f64 = residual.iter().sum();
        let entry = |&column: &usize| {
            let coefficient = point.coefficients[column * k + output];
            let sum = self.store.dot(column, residual) - rows.centre[column] * total;
            Entry::new(coefficient, self.l2 * coefficient - sum * rows.factor[column])
        };
        self.kept.par_iter().map(entry).collect()
    }

    /// Moves the point towards the minimum of the approximation, as far as the objective falls.
    fn apply(&self, of: &Move, point: &mut Point) {
        let Self { problem, store, penalty, .. } = *self;
        let k = problem.outputs();
        // Scores of features without centring; the point's are centred, which the intercept makes good.
        let mut along = vec![of.intercept; of.residual.len()];
        let (mut moves, mut intercept) = (Vec::new(), of.intercept);
        for ((&column, &start), &now) in of.columns.iter().zip(&of.start).zip(&of.now) {
            if now != start {
                let by = now - start;
                store.add(column, by * problem.rows.factor[column], &mut along);
                intercept += by * problem.rows.factor[column] * problem.rows.centre[column];
                moves.push((column * k + of.output, by));
            }
        }
        let slope: f64 = -of.residual.iter().zip(&along).map(|(r, a)| r * a).sum::<f64>();
        let before = penalty_of(penalty, &point.coefficients);
        let moved = |step: f64| {
            let mut coefficients = point.coefficients.clone();
            moves.iter().for_each(|&(at, by)| coefficients[at] += step * by);
            coefficients
        };
        let expected = slope + penalty_of(penalty, &moved(1.0)) - before;
        let mut step = 1.0;
        for _ in 0..HALVINGS {
            let mut scores = point.scores.clone();
            scores.iter_mut().skip(of.output).step_by(k).zip(&along).for_each(|(s, a)| *s += step * a);
            let coefficients = moved(step);
            let (loss, means) = problem.evaluate(&scores);
            let (old, new) = (point.loss + before, loss + penalty_of(penalty, &coefficients));
            if new <= old + 1e-3 * step * expected + 1e-14 * old.abs() {
                point.intercept[of.output] += step * intercept;
                (point.scores, point.coefficients, point.means, point.loss) = (scores, coefficients, means, loss);
                return;
            }
            step /= 2.0;
        }
    }
}
