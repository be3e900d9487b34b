//! Steps of Adam on the arrays of a network.

use crate::network::Array;
use basewise_kernels::{Level, optimizer};

/// Adam (Kingma and Ba 2015) with weight decay in the gradient of some arrays.
pub(super) struct Adam {
    rate: f64,
    steps: i32,
    /// Mean of gradients and of their squares, for each array.
    moments: Vec<[Vec<f32>; 2]>,
}

const BETA: [f64; 2] = [0.9, 0.999];

impl Adam {
    pub(super) fn new(rate: f64, sizes: impl Iterator<Item = usize>) -> Self {
        Self { rate, steps: 0, moments: sizes.map(|size| [vec![0.0; size], vec![0.0; size]]).collect() }
    }

    /// One step; `decay(i)` is what array `i` is pulled towards 0 with.
    pub(super) fn step<'a>(
        &mut self,
        arrays: impl Iterator<Item = &'a mut Array>,
        gradients: &[Vec<f32>],
        decay: impl Fn(usize) -> f64,
    ) {
        self.steps = self.steps.saturating_add(1);
        let kept = BETA.map(|beta| 1.0 - beta.powi(self.steps));
        for (i, ((array, gradient), [first, second])) in arrays.zip(gradients).zip(&mut self.moments).enumerate() {
            let step = optimizer::Adam {
                beta1: BETA[0] as f32,
                beta2: BETA[1] as f32,
                scale: (self.rate / kept[0]) as f32,
                correction: (1.0 / kept[1]) as f32,
                epsilon: 1e-8,
                coupled: decay(i) as f32,
                shrink: 1.0,
            };
            optimizer::adam(Level::best(), &step, &mut array.values, gradient, first, second);
        }
    }
}
