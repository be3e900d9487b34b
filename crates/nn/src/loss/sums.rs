//! Losses of batches, added up before they are divided.

use serde::{Deserialize, Serialize};

/// A loss over examples, before division by the weight of the known labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossSums {
    /// Summed weighted loss of each task, in nats (squared label units for `mse`, label units for `mae` and `huber`).
    pub sums: Vec<f64>,
    /// Summed weight of the known labels of each task: their number, unless classes or examples have weights.
    pub weights: Vec<f64>,
    /// Weight of each task in the mean.
    pub task_weights: Vec<f64>,
}

impl LossSums {
    /// Nothing seen yet of tasks with these weights.
    pub fn new(task_weights: Vec<f64>) -> Self {
        Self { sums: vec![0.0; task_weights.len()], weights: vec![0.0; task_weights.len()], task_weights }
    }

    /// Adds another batch of the same tasks.
    pub fn add(&mut self, other: &Self) {
        for (a, b) in self.sums.iter_mut().zip(&other.sums) {
            *a += b;
        }
        for (a, b) in self.weights.iter_mut().zip(&other.weights) {
            *a += b;
        }
    }

    /// Whether no label was known.
    pub fn is_empty(&self) -> bool {
        self.weights.iter().all(|&weight| weight == 0.0)
    }

    /// The mean over tasks of each task's mean over known labels, both weighted; NaN if no label is known.
    pub fn mean(&self) -> f64 {
        let (mut total, mut weight) = (0.0, 0.0);
        for ((sum, known), task) in self.sums.iter().zip(&self.weights).zip(&self.task_weights) {
            if *known > 0.0 {
                total += task * (sum / known);
                weight += task;
            }
        }
        total / weight
    }

    /// The factor of each task by which the slope of its summed loss becomes that of [`LossSums::mean`]; 0 where no
    /// label is known.
    pub(super) fn factors(weights: &[f64], task_weights: &[f64]) -> Vec<f64> {
        let pairs = || weights.iter().zip(task_weights);
        let total: f64 = pairs().filter(|(known, _)| **known > 0.0).map(|(_, task)| task).sum();
        pairs().map(|(&known, task)| if known > 0.0 { task / (total * known) } else { 0.0 }).collect()
    }
}
