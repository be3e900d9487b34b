//! The optimizer of generative models: Adam (Kingma and Ba 2015) on one array of parameters.

use basewise_kernels::{Level, optimizer};

/// Running means of gradients.
pub(super) struct Adam {
    betas: [f64; 2],
    steps: i32,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Adam {
    pub(super) fn new(parameters: usize, betas: [f64; 2]) -> Self {
        Self { betas, steps: 0, first: vec![0.0; parameters], second: vec![0.0; parameters] }
    }

    /// One step down the gradient.
    pub(super) fn step(&mut self, level: Level, rate: f64, values: &mut [f32], gradient: &[f32]) {
        self.steps += 1;
        let [beta1, beta2] = self.betas;
        let step = optimizer::Adam {
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            scale: (rate / (1.0 - beta1.powi(self.steps))) as f32,
            correction: (1.0 / (1.0 - beta2.powi(self.steps))) as f32,
            epsilon: 1e-8,
            coupled: 0.0,
            shrink: 1.0,
        };
        optimizer::adam(level, &step, values, gradient, &mut self.first, &mut self.second);
    }
}
