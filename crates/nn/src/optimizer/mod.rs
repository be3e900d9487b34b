//! Optimizers over plain arrays, so that their state is data that a checkpoint holds exactly, and learning rates.

mod adam;
mod config;
mod muon;
mod schedule;
mod sgd;
#[cfg(test)]
mod tests;

pub(crate) use adam::Adam;
pub use config::OptimizerKind;
pub(crate) use config::OptimizerSettings;
pub use schedule::Schedule;
pub(crate) use schedule::{Course, Plateau};

use crate::network::Spec;
use basewise_kernels::Level;
use basewise_kernels::optimizer;
use muon::Muon;
use sgd::{RmsProp, Sgd};

/// Running moments of every parameter's gradient.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Optimizer {
    pub(crate) settings: OptimizerSettings,
    /// Steps taken.
    pub(crate) steps: u64,
    /// Mean of gradients or velocity, one array a parameter; empty where the rule has none.
    pub(crate) first: Vec<Vec<f32>>,
    /// Mean of squared gradients; empty where the rule has none.
    pub(crate) second: Vec<Vec<f32>>,
    rules: Vec<Rule>,
}

/// How one parameter moves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    Sgd,
    RmsProp,
    /// Adam, with weight decay apart from the gradient or not.
    Adam {
        decoupled: bool,
    },
    /// Of a matrix of this many rows.
    Muon {
        rows: usize,
    },
}

impl Rule {
    fn of(kind: OptimizerKind, spec: &Spec) -> Self {
        match kind {
            OptimizerKind::Sgd => Self::Sgd,
            OptimizerKind::RmsProp => Self::RmsProp,
            OptimizerKind::Adam => Self::Adam { decoupled: false },
            OptimizerKind::Muon if spec.shape.len() > 1 && !spec.name.starts_with("head.") => {
                Self::Muon { rows: spec.shape[0] }
            }
            OptimizerKind::AdamW | OptimizerKind::Muon => Self::Adam { decoupled: true },
        }
    }
}

impl Optimizer {
    /// Zero moments for these parameters.
    pub(crate) fn new(settings: OptimizerSettings, parameters: &[Spec]) -> Self {
        let rules: Vec<Rule> = parameters.iter().map(|spec| Rule::of(settings.kind, spec)).collect();
        let has_first = |rule: &Rule| match rule {
            Rule::Sgd | Rule::RmsProp => settings.momentum > 0.0,
            Rule::Adam { .. } | Rule::Muon { .. } => true,
        };
        let has_second = |rule: &Rule| matches!(rule, Rule::Adam { .. } | Rule::RmsProp);
        let zeros = |has: &dyn Fn(&Rule) -> bool| {
            let size = |(rule, spec): (&Rule, &Spec)| if has(rule) { spec.size() } else { 0 };
            rules.iter().zip(parameters).map(|pair| vec![0.0; size(pair)]).collect()
        };
        Self { settings, steps: 0, first: zeros(&has_first), second: zeros(&has_second), rules }
    }

    /// Counts a step; [`Optimizer::update`] follows for each parameter.
    pub(crate) fn begin_step(&mut self) {
        self.steps += 1;
    }

    /// Moves one parameter; `decay` is false for biases and batch norms, which are never shrunk.
    pub(crate) fn update(&mut self, index: usize, values: &mut [f32], gradient: &[f32], rate: f64, decay: bool) {
        let OptimizerSettings { momentum, nesterov, beta2, epsilon, weight_decay, .. } = self.settings;
        let decay = if decay { weight_decay } else { 0.0 };
        let momentum = momentum as f32;
        match self.rules[index] {
            Rule::Sgd => {
                let step = Sgd { rate: rate as f32, momentum, nesterov, decay: decay as f32 };
                step.step(values, gradient, &mut self.first[index]);
            }
            Rule::RmsProp => {
                let (beta, epsilon) = (beta2 as f32, epsilon as f32);
                let step = RmsProp { rate: rate as f32, beta, momentum, epsilon, decay: decay as f32 };
                step.step(values, gradient, &mut self.second[index], &mut self.first[index]);
            }
            Rule::Muon { rows } => {
                Muon { rate, momentum, nesterov, decay }.step(values, gradient, &mut self.first[index], rows);
            }
            Rule::Adam { decoupled } => self.adam(index, values, gradient, rate, decay, decoupled),
        }
    }

    fn adam(&mut self, index: usize, values: &mut [f32], gradient: &[f32], rate: f64, decay: f64, decoupled: bool) {
        let OptimizerSettings { beta1, beta2, epsilon, .. } = self.settings;
        let (coupled, shrink) = if decoupled { (0.0, (1.0 - rate * decay) as f32) } else { (decay as f32, 1.0) };
        let steps = self.steps as f64;
        // Corrected by the decays as they are used: 1 - 0.999 loses digits when both are rounded apart.
        let (beta1, beta2) = (f64::from(beta1 as f32), f64::from(beta2 as f32));
        let step = optimizer::Adam {
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            scale: (rate / (1.0 - beta1.powf(steps))) as f32,
            correction: (1.0 / (1.0 - beta2.powf(steps))) as f32,
            epsilon: epsilon as f32,
            coupled,
            shrink,
        };
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
