//! Adam for networks whose passes are written by hand: on plain arrays, with state that lives as long as a training run.

use basewise_kernels::{Level, optimizer};

/// Adam (Kingma and Ba 2015), with weight decay in the gradient where it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Adam {
    betas: [f64; 2],
    epsilon: f64,
    steps: i32,
    /// Means of gradients and of their squares, for each array.
    moments: Vec<[Vec<f32>; 2]>,
}

/// An array that moves, its gradient, and the weight that pulls it towards 0.
pub(crate) type Moving<'a> = (&'a mut [f32], &'a [f32], f64);

impl Adam {
    /// For arrays of these sizes, with the paper's settings: decays of 0.9 and 0.999, and 1e-8 beside the root.
    pub(crate) fn new(sizes: impl IntoIterator<Item = usize>) -> Self {
        let moments = sizes.into_iter().map(|size| [vec![0.0; size], vec![0.0; size]]).collect();
        Self { betas: [0.9, 0.999], epsilon: 1e-8, steps: 0, moments }
    }

    /// With other decays of the means of gradients and of their squares.
    pub(crate) fn with_betas(self, betas: [f64; 2]) -> Self {
        Self { betas, ..self }
    }

    /// With another number that keeps the denominator from 0.
    pub(crate) fn with_epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// One step of all arrays, in the order of their sizes.
    pub(crate) fn step<'a>(&mut self, level: Level, rate: f64, arrays: impl IntoIterator<Item = Moving<'a>>) {
        self.steps = self.steps.saturating_add(1);
        let [beta1, beta2] = self.betas;
        for ((values, gradient, decay), [first, second]) in arrays.into_iter().zip(&mut self.moments) {
            let step = optimizer::Adam {
                beta1: beta1 as f32,
                beta2: beta2 as f32,
                scale: (rate / (1.0 - beta1.powi(self.steps))) as f32,
                correction: (1.0 / (1.0 - beta2.powi(self.steps))) as f32,
                epsilon: self.epsilon as f32,
                coupled: decay as f32,
                shrink: 1.0,
            };
            optimizer::adam(level, &step, values, gradient, first, second);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Algorithm 1 of Kingma and Ba in f64, on two arrays of which one decays.
    #[test]
    fn steps_are_those_of_the_paper() {
        let (betas, epsilon, rate) = ([0.8, 0.99], 0.01, 0.1);
        let mut adam = Adam::new([2, 1]).with_betas(betas).with_epsilon(epsilon);
        let (mut a, mut b) = ([1.0_f32, -2.0], [0.5_f32]);
        let mut expected = [1.0_f64, -2.0, 0.5];
        let mut moments = [[0.0_f64; 2]; 3];
        for step in 1..=5 {
            let gradient = [0.3 * step as f32, -1.0, 0.2];
            let arrays: [Moving<'_>; 2] = [(&mut a, &gradient[..2], 0.0), (&mut b, &gradient[2..], 0.1)];
            adam.step(Level::best(), rate, arrays);
            for (i, x) in expected.iter_mut().enumerate() {
                let g = f64::from(gradient[i]) + if i == 2 { 0.1 * *x } else { 0.0 };
                let [m, v] = &mut moments[i];
                *m = betas[0] * *m + (1.0 - betas[0]) * g;
                *v = betas[1] * *v + (1.0 - betas[1]) * g * g;
                let kept = betas.map(|beta| 1.0 - beta.powi(step));
                *x -= rate * (*m / kept[0]) / ((*v / kept[1]).sqrt() + epsilon);
            }
        }
        for (found, expected) in a.iter().chain(&b).zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "expected {expected}, found {found}");
        }
    }
}
