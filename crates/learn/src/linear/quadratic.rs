//! The quadratic approximation that coordinate descent minimizes.

use super::columns::Weighted;
use rayon::prelude::*;

/// Passes over the features of one approximation at most.
const PASSES: usize = 1000;
/// Steps of passes that an extrapolation looks at.
const REMEMBERED: usize = 5;

/// The approximation around a point: least squares with weights, in which the intercept is always the best one for the
/// coefficients. That amounts to features with weighted mean 0, so a feature with a large mean is no harder.
///
/// Features and residual are multiplied by the roots of the weights once, so that no pass has to.
pub(super) struct Quadratic<'a> {
    columns: Weighted<'a>,
    l1: f64,
    l2: f64,
    /// Coefficients at the start, and now.
    start: Vec<f64>,
    now: Vec<f64>,
    /// Minus the derivatives of the loss by the coefficients at the start.
    slopes: Vec<f64>,
    /// Weighted means of the features times the sum of weights, and their weighted sums of squares around the means.
    sums: Vec<f64>,
    squares: Vec<f64>,
    /// Sum of weights.
    total: f64,
    /// What the residual changed by since the start is this and `offset` times the root of each row's weight.
    change: Vec<f64>,
    offset: f64,
    intercept: f64,
}

/// Where an approximation is made.
pub(super) struct Start {
    pub(super) coefficients: Vec<f64>,
    /// Minus the derivatives of the loss by the coefficients.
    pub(super) slopes: Vec<f64>,
    /// What was taken off each feature for that.
    pub(super) centres: Vec<f64>,
}

impl<'a> Quadratic<'a> {
    /// From a start and minus the derivative of the loss by the intercept there, if there is one.
    pub(super) fn new(columns: Weighted<'a>, from: &Start, intercept: Option<f64>, (l1, l2): (f64, f64)) -> Self {
        let total: f64 = columns.roots().iter().map(|root| root * root).sum();
        let moments = |at: usize| {
            let (sum, squares) = columns.moments(at);
            let sum = if intercept.is_some() { sum } else { 0.0 };
            let around = (squares - sum * sum / total).max(0.0);
            // All that is left of a feature that does not vary among these rows.
            (sum, if around <= 1e-13 * squares { 0.0 } else { around })
        };
        let (sums, squares): (Vec<f64>, Vec<f64>) =
            (0..from.coefficients.len()).into_par_iter().map(moments).collect::<Vec<_>>().into_iter().unzip();
        let derivative = intercept.unwrap_or(0.0);
        let own = from.slopes.iter().zip(&from.centres).zip(&sums);
        let slopes = own.map(|((slope, centre), sum)| slope + derivative * (centre - sum / total)).collect();
        let change = vec![0.0; columns.roots().len()];
        let (start, now) = (from.coefficients.clone(), from.coefficients.clone());
        let intercept = derivative / total;
        Self { columns, l1, l2, start, now, slopes, sums, squares, total, change, offset: 0.0, intercept }
    }

    /// Passes over all features and, between them, over those whose coefficient is not 0.
    pub(super) fn minimize(&mut self, limit: f64) {
        let all: Vec<usize> = (0..self.now.len()).filter(|&at| self.squares[at] > 0.0).collect();
        let mut passes = 0;
        while passes < PASSES {
            passes += 1;
            if self.pass(&all) <= limit {
                return;
            }
            let active: Vec<usize> = all.iter().copied().filter(|&at| self.now[at] != 0.0).collect();
            let mut history = Vec::new();
            while passes < PASSES {
                passes += 1;
                if self.pass(&active) <= limit {
                    break;
                }
                history.push(active.iter().map(|&at| self.now[at]).collect::<Vec<f64>>());
                if history.len() > REMEMBERED {
                    self.extrapolate(&active, &history);
                    history.clear();
                }
            }
        }
    }

    /// Goes from the last of some passes to where they lead (Anderson 1965; Bertrand, Massias 2021), if that is better.
    fn extrapolate(&mut self, active: &[usize], history: &[Vec<f64>]) {
        let Some(shares) = shares(history) else { return };
        let before = self.value(active);
        let old = (self.change.clone(), self.offset, self.intercept);
        for (place, &at) in active.iter().enumerate() {
            let new = shares.iter().zip(&history[1..]).map(|(share, past)| share * past[place]).sum();
            self.set(at, new);
        }
        let after = self.value(active);
        if after.is_nan() || after >= before {
            (self.change, self.offset, self.intercept) = old;
            let last = &history[history.len() - 1];
            active.iter().zip(last).for_each(|(&at, &past)| self.now[at] = past);
        }
    }

    /// The approximation's value, without what coefficients elsewhere add.
    fn value(&self, active: &[usize]) -> f64 {
        let rows = self.change.iter().zip(self.columns.roots());
        let bent: f64 = rows.map(|(change, root)| (change + self.offset * root).powi(2)).sum();
        let own = |&at: &usize| {
            let penalty = self.l2 * self.now[at].powi(2) / 2.0 + self.l1 * self.now[at].abs();
            penalty - self.slopes[at] * (self.now[at] - self.start[at])
        };
        bent / 2.0 + active.iter().map(own).sum::<f64>()
    }

    fn set(&mut self, at: usize, new: f64) {
        let moved = new - self.now[at];
        if moved != 0.0 {
            self.now[at] = new;
            self.columns.add(at, -moved, &mut self.change);
            self.offset += self.sums[at] / self.total * moved;
            self.intercept -= self.sums[at] / self.total * moved;
        }
    }

    /// Coefficients, how far the intercept is from its start, and memory for the next approximation.
    pub(super) fn into_minimum(self) -> (Vec<f64>, f64, Vec<(u32, f32)>) {
        (self.now, self.intercept, self.columns.into_space())
    }

    /// The best value of each coefficient in turn; gives the largest violation that was met.
    fn pass(&mut self, places: &[usize]) -> f64 {
        let mut top = 0.0f64;
        for &at in places {
            let bend = self.squares[at] + self.l2;
            // Without an intercept the sum is taken to be 0.
            let slope = self.slopes[at] + self.columns.dot(at, &self.change) + self.offset * self.sums[at];
            let old = self.now[at];
            let pulled = slope + self.squares[at] * old;
            let new = (pulled.abs() - self.l1).max(0.0).copysign(pulled) / bend;
            self.set(at, new);
            top = top.max((new - old).abs() * bend);
        }
        top
    }
}

/// Shares, of sum 1, of the steps between vectors in the mix of them that is smallest; none if they do not say.
fn shares(history: &[Vec<f64>]) -> Option<Vec<f64>> {
    let steps: Vec<Vec<f64>> =
        history.windows(2).map(|pair| pair[1].iter().zip(&pair[0]).map(|(new, old)| new - old).collect()).collect();
    let mut matrix: Vec<Vec<f64>> =
        steps.iter().map(|a| steps.iter().map(|b| a.iter().zip(b).map(|(a, b)| a * b).sum()).collect()).collect();
    let trace: f64 = (0..steps.len()).map(|at| matrix[at][at]).sum();
    (0..steps.len()).for_each(|at| matrix[at][at] += 1e-14 * trace);
    let solved = solve(matrix)?;
    let sum: f64 = solved.iter().sum();
    let shares: Vec<f64> = solved.iter().map(|share| share / sum).collect();
    shares.iter().all(|share| share.is_finite()).then_some(shares)
}

/// Solves `matrix x = 1` for a positive definite matrix (Cholesky); none if it is not.
fn solve(mut matrix: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let size = matrix.len();
    for row in 0..size {
        for column in 0..=row {
            let inner: f64 = (0..column).map(|at| matrix[row][at] * matrix[column][at]).sum();
            let left = matrix[row][column] - inner;
            if row == column {
                if left <= 0.0 {
                    return None;
                }
                matrix[row][row] = left.sqrt();
            } else {
                matrix[row][column] = left / matrix[column][column];
            }
        }
    }
    let mut x = vec![1.0; size];
    for row in 0..size {
        let inner: f64 = (0..row).map(|at| matrix[row][at] * x[at]).sum();
        x[row] = (x[row] - inner) / matrix[row][row];
    }
    for row in (0..size).rev() {
        let inner: f64 = (row + 1..size).map(|at| matrix[at][row] * x[at]).sum();
        x[row] = (x[row] - inner) / matrix[row][row];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Features;
    use crate::linear::columns::ColumnStore;
    use basewise_core::random::{normal, stream};

    #[test]
    fn shares_make_the_mix_of_steps_smallest() {
        // Steps of 1 and -0.5 along one axis cancel with shares of 1/3 and 2/3.
        let found = shares(&[vec![0.0, 1.0], vec![1.0, 1.0], vec![0.5, 1.0]]).unwrap();
        assert!((found[0] - 1.0 / 3.0).abs() < 1e-6 && (found[1] - 2.0 / 3.0).abs() < 1e-6, "{found:?}");
        // Steps at right angles: in inverse proportion to their squares.
        let found = shares(&[vec![0.0, 0.0], vec![2.0, 0.0], vec![2.0, 1.0]]).unwrap();
        assert!((found[0] - 0.2).abs() < 1e-6 && (found[1] - 0.8).abs() < 1e-6, "{found:?}");
        assert_eq!(shares(&[vec![1.0], vec![1.0], vec![1.0]]), None, "no step says nothing");
    }

    #[test]
    fn the_minimum_of_features_that_are_alike_is_found() {
        let (rows, columns, l1, l2) = (60, 12, 0.02, 0.001);
        let mut rng = stream(3, "alike", &[]);
        let x: Vec<f32> = (0..rows)
            .flat_map(|_| {
                let shared = normal(&mut rng);
                (0..columns).map(|_| (shared + 0.1 * normal(&mut rng)) as f32).collect::<Vec<_>>()
            })
            .collect();
        let weights: Vec<f64> = (0..rows).map(|row| 1.0 / (rows + row) as f64).collect();
        let labels: Vec<f64> = (0..rows).map(|_| normal(&mut rng)).collect();
        let at = |row: usize, column: usize| f64::from(x[row * columns + column]);
        let slopes: Vec<f64> = (0..columns)
            .map(|column| (0..rows).map(|row| weights[row] * at(row, column) * labels[row]).sum())
            .collect();
        let names = (0..columns).map(|column| format!("f{column}")).collect();
        let features = Features::dense(names, rows, x.clone()).unwrap();
        let places: Vec<usize> = (0..columns).collect();
        let store = ColumnStore::new(&features);
        let start = Start { coefficients: vec![0.0; columns], slopes, centres: vec![0.0; columns] };
        let weighted = store.weighted(&places, &vec![1.0; columns], &weights, Vec::new());
        let mut model = Quadratic::new(weighted, &start, None, (l1, l2));
        model.minimize(1e-12);
        let (found, intercept, _) = model.into_minimum();
        assert_eq!(intercept, 0.0);
        // 0 is in the subdifferential at each coefficient.
        for column in 0..columns {
            let residual =
                |row: usize| labels[row] - (0..columns).map(|other| at(row, other) * found[other]).sum::<f64>();
            let slope: f64 = (0..rows).map(|row| weights[row] * at(row, column) * residual(row)).sum();
            let pull = slope - l2 * found[column];
            let off = if found[column] == 0.0 { pull.abs() - l1 } else { (pull - l1.copysign(found[column])).abs() };
            assert!(off < 1e-10, "{column}: {off} at {}", found[column]);
        }
        assert!(found.iter().any(|&c| c != 0.0));
    }
}
