//! What training makes small, with its gradient, in f64 on the host.
//!
//! A loss needs only the scores, which are few, so it is computed outside the framework: exactly, with a gradient
//! written by hand and checked against finite differences. The network then propagates that gradient back.

use basewise_core::{Matrix, Task, TaskKind};
use serde::{Deserialize, Serialize};

/// A loss over a batch, before division by the number of known labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossSums {
    /// Summed loss of each task, in nats (squared label units for regression).
    pub sums: Vec<f64>,
    /// Known labels of each task.
    pub known: Vec<u64>,
}

impl LossSums {
    /// Nothing seen yet.
    pub fn new(tasks: usize) -> Self {
        Self { sums: vec![0.0; tasks], known: vec![0; tasks] }
    }

    /// Adds another batch of the same tasks.
    pub fn add(&mut self, other: &Self) {
        for (a, b) in self.sums.iter_mut().zip(&other.sums) {
            *a += b;
        }
        for (a, b) in self.known.iter_mut().zip(&other.known) {
            *a += b;
        }
    }

    /// The mean over tasks of each task's mean over known labels; NaN if no label is known.
    pub fn mean(&self) -> f64 {
        let means: Vec<f64> =
            self.sums.iter().zip(&self.known).filter(|(_, known)| **known > 0).map(|(s, k)| s / *k as f64).collect();
        means.iter().sum::<f64>() / means.len() as f64
    }
}

/// Losses of raw scores `[n, outputs]` against labels `[n][tasks]` (NaN is unknown): binary cross-entropy with
/// logits, cross-entropy over classes, squared error for regression.
pub fn loss(tasks: &[Task], scores: &Matrix, labels: &[&[f64]]) -> LossSums {
    walk(tasks, scores, labels, |_, _, _| {})
}

/// The loss, and the gradient of [`LossSums::mean`] with respect to each score, `[n, outputs]`; 0 where a label is
/// unknown.
pub fn loss_and_gradient(tasks: &[Task], scores: &Matrix, labels: &[&[f64]]) -> (LossSums, Vec<f32>) {
    let mut gradient = vec![0.0; scores.rows() * scores.columns()];
    let known: Vec<usize> = (0..tasks.len()).map(|t| labels.iter().filter(|row| !row[t].is_nan()).count()).collect();
    let active = known.iter().filter(|&&k| k > 0).count();
    let sums = walk(tasks, scores, labels, |task, at, slope| {
        gradient[at] = (slope / (known[task] * active) as f64) as f32;
    });
    (sums, gradient)
}

/// Visits every known label; `visit(task, index of the score, slope of the unscaled loss)`.
fn walk(tasks: &[Task], scores: &Matrix, labels: &[&[f64]], mut visit: impl FnMut(usize, usize, f64)) -> LossSums {
    let mut total = LossSums::new(tasks.len());
    for (i, row) in labels.iter().enumerate() {
        let mut column = 0;
        for (t, task) in tasks.iter().enumerate() {
            let own = &scores.row(i)[column..column + task.outputs()];
            let at = i * scores.columns() + column;
            column += task.outputs();
            let label = row[t];
            if label.is_nan() {
                continue;
            }
            total.known[t] += 1;
            total.sums[t] += match task.kind {
                TaskKind::Binary => {
                    let z = f64::from(own[0]);
                    visit(t, at, sigmoid(z) - label);
                    softplus(z) - label * z
                }
                TaskKind::Classes { .. } => {
                    cross_entropy(own, label as usize, |class, slope| visit(t, at + class, slope))
                }
                TaskKind::Regression => {
                    let difference = f64::from(own[0]) - label;
                    visit(t, at, 2.0 * difference);
                    difference * difference
                }
            };
        }
    }
    total
}

/// `ln(1 + exp(z))` without overflow.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 { 1.0 / (1.0 + (-z).exp()) } else { z.exp() / (1.0 + z.exp()) }
}

fn cross_entropy(scores: &[f32], label: usize, mut visit: impl FnMut(usize, f64)) -> f64 {
    let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exp = |score: f32| f64::from(score - top).exp();
    let total: f64 = scores.iter().map(|&score| exp(score)).sum();
    for (class, &score) in scores.iter().enumerate() {
        visit(class, exp(score) / total - f64::from(u8::from(class == label)));
    }
    total.ln() - f64::from(scores.get(label).copied().unwrap_or(f32::NAN) - top)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks() -> Vec<Task> {
        let classes = TaskKind::Classes { classes: vec!["a".into(), "b".into(), "c".into()] };
        [("b", TaskKind::Binary), ("c", classes), ("r", TaskKind::Regression)]
            .map(|(name, kind)| Task { name: name.into(), kind })
            .to_vec()
    }

    const SCORES: [f32; 15] = [0.5, 1.0, -2.0, 0.25, 3.0, -1.5, 0.0, 0.0, 0.0, -1.0, 0.0, 2.0, 1.0, -1.0, 0.5];
    const LABELS: [[f64; 3]; 3] = [[1.0, 2.0, 2.5], [0.0, f64::NAN, -1.0], [f64::NAN, 0.0, f64::NAN]];

    #[test]
    fn values_by_hand() {
        let labels: Vec<&[f64]> = LABELS.iter().map(|row| row.as_slice()).collect();
        let sums = loss(&tasks(), &Matrix::new(3, 5, SCORES.to_vec()), &labels);
        assert_eq!(sums.known, [2, 2, 2]);
        let binary = (1.0 + (-0.5f64).exp()).ln() + (1.0 + (-1.5f64).exp()).ln();
        assert!((sums.sums[0] - binary).abs() < 1e-12, "{}", sums.sums[0]);
        let first = (1f64.exp() + (-2f64).exp() + 0.25f64.exp()).ln() - 0.25;
        let second = (2f64.exp() + 1f64.exp() + (-1f64).exp()).ln() - 2.0;
        assert!((sums.sums[1] - first - second).abs() < 1e-12);
        assert!((sums.sums[2] - 0.25).abs() < 1e-12);
    }

    #[test]
    fn gradients_match_finite_differences() {
        let labels: Vec<&[f64]> = LABELS.iter().map(|row| row.as_slice()).collect();
        let mean = |scores: &[f32]| loss(&tasks(), &Matrix::new(3, 5, scores.to_vec()), &labels).mean();
        let (_, gradient) = loss_and_gradient(&tasks(), &Matrix::new(3, 5, SCORES.to_vec()), &labels);
        for i in 0..15 {
            // A power of two, so that the shifted scores are exact.
            let h = 1.0 / 1024.0;
            let (mut up, mut down) = (SCORES, SCORES);
            up[i] += h;
            down[i] -= h;
            let numeric = (mean(&up) - mean(&down)) / f64::from(2.0 * h);
            assert!((f64::from(gradient[i]) - numeric).abs() < 1e-6, "score {i}: {} against {numeric}", gradient[i]);
        }
        // Row 1 has no class label, row 2 neither binary nor regression label.
        assert_eq!([gradient[6], gradient[10], gradient[14]], [0.0; 3]);
    }

    /// Random numbers of rows and of tasks of each kind, a third of the labels unknown.
    #[test]
    fn gradients_match_finite_differences_for_random_shapes() {
        use basewise_core::random::{below, normal, stream, uniform};
        for seed in 0..20 {
            let mut rng = stream(seed, "test loss", &[]);
            let rows = 1 + below(&mut rng, 6);
            let tasks: Vec<Task> = (0..1 + below(&mut rng, 5))
                .map(|i| {
                    let classes = (0..2 + below(&mut rng, 4)).map(|c| c.to_string()).collect();
                    let kinds = [TaskKind::Binary, TaskKind::Classes { classes }, TaskKind::Regression];
                    Task { name: i.to_string(), kind: kinds[below(&mut rng, 3)].clone() }
                })
                .collect();
            let label = |task: &Task, rng: &mut _| match &task.kind {
                _ if uniform(rng) < 0.33 => f64::NAN,
                TaskKind::Binary => below(rng, 2) as f64,
                TaskKind::Classes { classes } => below(rng, classes.len()) as f64,
                TaskKind::Regression => 2.0 * normal(rng),
            };
            let labels: Vec<Vec<f64>> =
                (0..rows).map(|_| tasks.iter().map(|task| label(task, &mut rng)).collect()).collect();
            let labels: Vec<&[f64]> = labels.iter().map(Vec::as_slice).collect();
            let outputs: usize = tasks.iter().map(Task::outputs).sum();
            // Multiples of 1 / 1024, so that the shifted scores are exact.
            let scores: Vec<f32> =
                (0..rows * outputs).map(|_| (2048.0 * normal(&mut rng)).round() as f32 / 1024.0).collect();
            let (sums, gradient) = loss_and_gradient(&tasks, &Matrix::new(rows, outputs, scores.clone()), &labels);
            if sums.known.iter().all(|&known| known == 0) {
                assert!(gradient.iter().all(|&g| g == 0.0));
                continue;
            }
            let largest = gradient.iter().fold(0f32, |top, g| top.max(g.abs()));
            for (i, &analytic) in gradient.iter().enumerate() {
                let shifted = |by: f32| {
                    let mut scores = scores.clone();
                    scores[i] += by;
                    loss(&tasks, &Matrix::new(rows, outputs, scores), &labels).mean()
                };
                let h = 1.0 / 1024.0;
                let numeric = (shifted(h) - shifted(-h)) / f64::from(2.0 * h);
                let error = (f64::from(analytic) - numeric).abs() / numeric.abs().max(0.01 * f64::from(largest));
                assert!(error < 1e-3, "seed {seed}, score {i}: {analytic} against {numeric}");
            }
        }
    }

    #[test]
    fn extreme_scores_stay_finite() {
        let (label, other) = ([1.0, 0.0, 0.0], [0.0, 2.0, 0.0]);
        let scores = Matrix::new(2, 5, vec![-1e4, -1e4, 1e4, 0.0, 0.0, 1e4, 1e4, -1e4, -1e4, 0.0]);
        let (sums, gradient) = loss_and_gradient(&tasks(), &scores, &[&label, &other]);
        assert_eq!(sums.sums, [2e4, 4e4, 0.0]);
        assert!(gradient.iter().all(|g| g.is_finite()));
        assert_eq!(gradient[0], -1.0 / 6.0);
    }

    #[test]
    fn without_any_label_the_mean_is_nan_and_the_gradient_zero() {
        let unknown = [f64::NAN; 3];
        let (sums, gradient) = loss_and_gradient(&tasks(), &Matrix::new(1, 5, vec![1.0; 5]), &[&unknown]);
        assert!(sums.mean().is_nan());
        assert_eq!(gradient, [0.0; 5]);
    }
}
