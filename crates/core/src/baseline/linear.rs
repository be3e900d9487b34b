//! Penalized linear models on sparse rows, by L-BFGS (Liu and Nocedal 1989).

use super::features::SparseRow;
use rayon::prelude::*;
use std::collections::VecDeque;

/// Rows are summed in this many blocks, in a fixed order, whatever the number of threads.
const BLOCKS: usize = 16;
const MEMORY: usize = 10;
const ITERATIONS: usize = 200;

/// What is minimized per row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Labels 0 and 1.
    Logistic,
    /// Labels are class numbers.
    Softmax,
    /// Half the squared difference.
    Squared,
}

/// Minimize `|w|^2 / 2 + c * sum of losses`; the intercepts are free.
pub(super) struct Problem<'a> {
    pub(super) x: &'a [SparseRow],
    /// Which rows of `x` take part.
    pub(super) rows: &'a [usize],
    /// Their labels.
    pub(super) y: Vec<f64>,
    pub(super) outputs: usize,
    pub(super) loss: Loss,
    pub(super) c: f64,
}

/// Weights `[features, outputs]`, then the intercepts.
pub(super) struct Linear {
    weights: Vec<f64>,
    outputs: usize,
    loss: Loss,
}

impl Linear {
    /// Probabilities, or the value.
    pub(super) fn predict(&self, row: &SparseRow) -> Vec<f64> {
        let mut z = scores(&self.weights, row, self.outputs);
        match self.loss {
            Loss::Logistic => z.iter_mut().for_each(|z| *z = sigmoid(*z)),
            Loss::Softmax => {
                softmax(&mut z);
            }
            Loss::Squared => {}
        }
        z
    }
}

/// Scores of one row; features beyond those of the fit do not count.
fn scores(weights: &[f64], row: &SparseRow, outputs: usize) -> Vec<f64> {
    let features = weights.len() - outputs;
    if outputs == 1 {
        let known = row.iter().filter(|entry| (entry.0 as usize) < features);
        return vec![weights[features] + known.map(|&(f, v)| weights[f as usize] * f64::from(v)).sum::<f64>()];
    }
    let mut z = weights[features..].to_vec();
    for &(feature, value) in row {
        let at = feature as usize * outputs;
        if at < features {
            for (z, w) in z.iter_mut().zip(&weights[at..at + outputs]) {
                *z += w * f64::from(value);
            }
        }
    }
    z
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// In place; returns the logarithm of the sum of exponentials.
fn softmax(z: &mut [f64]) -> f64 {
    let top = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = z.iter().map(|z| (z - top).exp()).sum();
    z.iter_mut().for_each(|z| *z = (*z - top).exp() / total);
    top + total.ln()
}

impl Problem<'_> {
    pub(super) fn solve(&self) -> Linear {
        let features = self.rows.iter().filter_map(|&row| self.x[row].last()).map(|last| last.0 as usize + 1).max();
        let start = vec![0.0; (features.unwrap_or(0) + 1) * self.outputs];
        let weights = minimize(start, self.c, |w| self.objective(w));
        Linear { weights, outputs: self.outputs, loss: self.loss }
    }

    /// Value and gradient.
    fn objective(&self, weights: &[f64]) -> (f64, Vec<f64>) {
        let free = weights.len() - self.outputs;
        let size = self.rows.len().div_ceil(BLOCKS).max(1);
        let blocks: Vec<(f64, Vec<f64>)> = self
            .rows
            .par_chunks(size)
            .zip(self.y.par_chunks(size))
            .map(|(rows, y)| self.block(weights, rows, y))
            .collect();
        let mut value = weights[..free].iter().map(|w| w * w).sum::<f64>() / 2.0;
        let mut gradient = weights.to_vec();
        gradient[free..].fill(0.0);
        for (loss, part) in blocks {
            value += self.c * loss;
            gradient.iter_mut().zip(part).for_each(|(g, p)| *g += self.c * p);
        }
        (value, gradient)
    }

    /// Loss and its gradient over some rows.
    fn block(&self, weights: &[f64], rows: &[usize], y: &[f64]) -> (f64, Vec<f64>) {
        let mut gradient = vec![0.0; weights.len()];
        let free = weights.len() - self.outputs;
        let mut loss = 0.0;
        for (&row, &y) in rows.iter().zip(y) {
            let mut slope = scores(weights, &self.x[row], self.outputs);
            loss += self.slope(&mut slope, y);
            if self.outputs == 1 {
                self.x[row].iter().for_each(|&(f, v)| gradient[f as usize] += slope[0] * f64::from(v));
                gradient[free] += slope[0];
                continue;
            }
            for &(feature, value) in &self.x[row] {
                let at = feature as usize * self.outputs;
                for (g, s) in gradient[at..at + self.outputs].iter_mut().zip(&slope) {
                    *g += s * f64::from(value);
                }
            }
            gradient[free..].iter_mut().zip(&slope).for_each(|(g, s)| *g += s);
        }
        (loss, gradient)
    }

    /// Turns scores into the derivative of the loss by them, and returns the loss.
    fn slope(&self, z: &mut [f64], y: f64) -> f64 {
        match self.loss {
            Loss::Logistic => {
                let score = z[0];
                z[0] = sigmoid(score) - y;
                // ln(1 + e^z) - y z without overflow.
                score.max(0.0) + (-score.abs()).exp().ln_1p() - y * score
            }
            Loss::Softmax => {
                let own = z[y as usize];
                let total = softmax(z);
                z[y as usize] -= 1.0;
                total - own
            }
            Loss::Squared => {
                z[0] -= y;
                z[0] * z[0] / 2.0
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Minimizes a smooth convex function from `x`; `scale` is the size at which a gradient is called small.
fn minimize(mut x: Vec<f64>, scale: f64, objective: impl Fn(&[f64]) -> (f64, Vec<f64>)) -> Vec<f64> {
    let (mut value, mut gradient) = objective(&x);
    let mut memory: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
    for _ in 0..ITERATIONS {
        let largest = gradient.iter().fold(0.0, |top: f64, g| top.max(g.abs()));
        if largest <= 1e-4 * scale {
            break;
        }
        let direction = descent(&gradient, &memory);
        let along = dot(&direction, &gradient);
        let mut step = if memory.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt().max(1.0) } else { 1.0 };
        let next = loop {
            let trial: Vec<f64> = x.iter().zip(&direction).map(|(x, d)| x + step * d).collect();
            let (trial_value, trial_gradient) = objective(&trial);
            if trial_value <= value + 1e-4 * step * along {
                break Some((trial, trial_value, trial_gradient));
            }
            step /= 2.0;
            if step < 1e-12 {
                break None;
            }
        };
        // No lower point along a descent direction: rounding is all that is left.
        let Some((trial, trial_value, trial_gradient)) = next else { break };
        let moved: Vec<f64> = trial.iter().zip(&x).map(|(a, b)| a - b).collect();
        let bent: Vec<f64> = trial_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        if dot(&moved, &bent) > 1e-12 * dot(&bent, &bent) {
            memory.push_back((moved, bent));
            if memory.len() > MEMORY {
                memory.pop_front();
            }
        }
        let gain = value - trial_value;
        (x, value, gradient) = (trial, trial_value, trial_gradient);
        if gain <= 1e-7 * value.abs() {
            break;
        }
    }
    x
}

/// The two-loop recursion: minus the approximate inverse Hessian times the gradient.
fn descent(gradient: &[f64], memory: &VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut d: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut factors = Vec::with_capacity(memory.len());
    for (s, y) in memory.iter().rev() {
        let factor = dot(s, &d) / dot(s, y);
        d.iter_mut().zip(y).for_each(|(d, y)| *d -= factor * y);
        factors.push(factor);
    }
    if let Some((s, y)) = memory.back() {
        let scale = dot(s, y) / dot(y, y);
        d.iter_mut().for_each(|d| *d *= scale);
    }
    for ((s, y), factor) in memory.iter().zip(factors.into_iter().rev()) {
        let correction = factor - dot(y, &d) / dot(s, y);
        d.iter_mut().zip(s).for_each(|(d, s)| *d += correction * s);
    }
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_slope_of_the_value() {
        let x: Vec<SparseRow> = vec![vec![(0, 1.0), (2, 0.5)], vec![(1, -1.0)], vec![], vec![(0, 0.3), (1, 0.7)]];
        for (loss, outputs, y) in [
            (Loss::Logistic, 1, vec![1.0, 0.0, 1.0, 0.0]),
            (Loss::Softmax, 3, vec![2.0, 0.0, 1.0, 0.0]),
            (Loss::Squared, 1, vec![0.4, -2.0, 1.0, 7.0]),
        ] {
            let problem = Problem { x: &x, rows: &[0, 1, 2, 3], y, outputs, loss, c: 1.7 };
            let at: Vec<f64> = (0..4 * outputs).map(|i| 0.1 * i as f64 - 0.3).collect();
            let (_, gradient) = problem.objective(&at);
            for i in 0..at.len() {
                let value = |by: f64| {
                    let mut moved = at.clone();
                    moved[i] += by;
                    problem.objective(&moved).0
                };
                let slope = (value(1e-5) - value(-1e-5)) / 2e-5;
                assert!((slope - gradient[i]).abs() < 1e-7, "{loss:?} {i}: {slope} {}", gradient[i]);
            }
            let solved = problem.solve();
            let (_, gradient) = problem.objective(&solved.weights);
            assert!(gradient.iter().all(|g| g.abs() < 2e-3), "{loss:?} {gradient:?}");
        }
    }
}
