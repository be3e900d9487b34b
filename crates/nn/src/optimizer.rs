//! Adam and AdamW over plain arrays, so that their state is data that a checkpoint holds exactly.

use basewise_kernels::Level;
use basewise_kernels::optimizer::{self, Adam};
use serde::{Deserialize, Serialize};

/// How gradients become steps. Moments decay by 0.9 and 0.999, epsilon is 1e-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Kingma and Ba 2015; weight decay enters the gradient.
    Adam,
    /// Loshchilov and Hutter 2019; weight decay shrinks the weights apart from the gradient.
    #[default]
    AdamW,
}

/// How the learning rate changes over training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// The same rate throughout.
    #[default]
    Constant,
    /// Half a cosine from the full rate to zero over all epochs (Loshchilov and Hutter 2017).
    Cosine,
}

impl Schedule {
    /// The factor on the learning rate at `step` of `total` steps, after a linear rise over `warmup` steps.
    pub(crate) fn factor(self, step: u64, total: u64, warmup: u64) -> f64 {
        if step < warmup {
            return (step + 1) as f64 / (warmup + 1) as f64;
        }
        match self {
            Self::Constant => 1.0,
            Self::Cosine => {
                let progress = (step - warmup) as f64 / total.saturating_sub(warmup).max(1) as f64;
                0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos())
            }
        }
    }
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Running moments of every parameter's gradient.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Optimizer {
    pub(crate) kind: OptimizerKind,
    pub(crate) weight_decay: f64,
    /// Steps taken.
    pub(crate) steps: u64,
    /// Mean of gradients, one array a parameter.
    pub(crate) first: Vec<Vec<f32>>,
    /// Mean of squared gradients.
    pub(crate) second: Vec<Vec<f32>>,
}

impl Optimizer {
    /// Zero moments for parameters of these sizes.
    pub(crate) fn new(kind: OptimizerKind, weight_decay: f64, sizes: &[usize]) -> Self {
        let zeros = || sizes.iter().map(|&size| vec![0.0; size]).collect();
        Self { kind, weight_decay, steps: 0, first: zeros(), second: zeros() }
    }

    /// Counts a step; [`Optimizer::update`] follows for each parameter.
    pub(crate) fn begin_step(&mut self) {
        self.steps += 1;
    }

    /// Moves one parameter; `decay` is false for biases and batch norms, which are never shrunk.
    pub(crate) fn update(&mut self, index: usize, values: &mut [f32], gradient: &[f32], rate: f64, decay: bool) {
        let decay = if decay { self.weight_decay } else { 0.0 };
        let (coupled, shrink) = match self.kind {
            OptimizerKind::Adam => (decay as f32, 1.0),
            OptimizerKind::AdamW => (0.0, (1.0 - rate * decay) as f32),
        };
        let steps = self.steps as f64;
        let scale = rate / (1.0 - BETA1.powf(steps));
        let correction = (1.0 / (1.0 - BETA2.powf(steps))) as f32;
        let (beta1, beta2, scale) = (BETA1 as f32, BETA2 as f32, scale as f32);
        let epsilon = EPSILON as f32;
        let step = Adam { beta1, beta2, scale, correction, epsilon, coupled, shrink };
        optimizer::adam(Level::best(), &step, values, gradient, &mut self.first[index], &mut self.second[index]);
    }
}

/// Scales all gradients down so that their common Euclidean norm is at most `limit`.
pub(crate) fn clip(gradients: &mut [Vec<f32>], limit: f64) {
    let level = Level::best();
    let norm = gradients.iter().map(|gradient| optimizer::squared_norm(level, gradient)).sum::<f64>().sqrt();
    if norm > limit {
        let factor = (limit / norm) as f32;
        gradients.iter_mut().for_each(|gradient| optimizer::scale(level, gradient, factor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(kind: OptimizerKind, decay: f64) -> Vec<f32> {
        let mut optimizer = Optimizer::new(kind, decay, &[2]);
        let mut values = vec![1.0, -2.0];
        for gradient in [[0.5, -1.0], [0.25, 3.0], [-0.1, 0.0]] {
            optimizer.begin_step();
            optimizer.update(0, &mut values, &gradient, 0.1, true);
        }
        values
    }

    /// The same recursion in f64, written from the papers.
    fn reference(coupled: f64, decoupled: f64) -> Vec<f64> {
        let (mut w, mut m, mut v) = ([1.0, -2.0], [0.0; 2], [0.0; 2]);
        for (t, gradient) in [[0.5, -1.0], [0.25, 3.0], [-0.1, 0.0]].iter().enumerate() {
            for i in 0..2 {
                let g: f64 = gradient[i] + coupled * w[i];
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.999 * v[i] + 0.001 * g * g;
                let (mh, vh) = (m[i] / (1.0 - 0.9f64.powi(t as i32 + 1)), v[i] / (1.0 - 0.999f64.powi(t as i32 + 1)));
                w[i] -= 0.1 * decoupled * w[i];
                w[i] -= 0.1 * mh / (vh.sqrt() + 1e-8);
            }
        }
        w.to_vec()
    }

    #[test]
    fn steps_follow_the_papers() {
        for (kind, coupled, decoupled) in [(OptimizerKind::Adam, 0.1, 0.0), (OptimizerKind::AdamW, 0.0, 0.1)] {
            for (got, want) in run(kind, 0.1).iter().zip(reference(coupled, decoupled)) {
                assert!((f64::from(*got) - want).abs() < 1e-5, "{kind:?}: {got} against {want}");
            }
        }
    }

    #[test]
    fn clipping_keeps_direction_and_bounds_the_norm() {
        let mut gradients = vec![vec![3.0], vec![4.0]];
        clip(&mut gradients, 10.0);
        assert_eq!(gradients, [[3.0], [4.0]]);
        clip(&mut gradients, 1.0);
        assert!((gradients[0][0] - 0.6).abs() < 1e-6 && (gradients[1][0] - 0.8).abs() < 1e-6);
    }

    #[test]
    fn schedules_rise_and_fall() {
        assert_eq!(Schedule::Constant.factor(5, 10, 0), 1.0);
        assert_eq!(Schedule::Constant.factor(0, 10, 3), 0.25);
        assert_eq!(Schedule::Cosine.factor(0, 10, 0), 1.0);
        assert!((Schedule::Cosine.factor(5, 10, 0) - 0.5).abs() < 1e-12);
        assert!(Schedule::Cosine.factor(10, 10, 0).abs() < 1e-12);
    }
}
