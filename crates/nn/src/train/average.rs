//! An exponential moving average of the weights over steps (Polyak and Juditsky 1992).

use crate::network::{Array, Weights};
use rayon::prelude::*;

/// Moves the average towards the weights after step `steps` (from 1), running statistics included.
///
/// The decay begins low, `(1 + steps) / (10 + steps)`, so that the first weights do not linger in a short run.
pub(super) fn follow(average: &mut Weights, weights: &Weights, decay: f64, steps: u64) {
    let steps = steps as f64;
    let step = (1.0 - decay.min((1.0 + steps) / (10.0 + steps))) as f32;
    let blend = |(average, weights): (&mut Array, &Array)| {
        average.values.iter_mut().zip(&weights.values).for_each(|(a, w)| *a += step * (w - *a));
    };
    average.parameters.par_iter_mut().zip(&weights.parameters).for_each(blend);
    average.buffers.par_iter_mut().zip(&weights.buffers).for_each(blend);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(value: f32) -> Weights {
        let array = |name: &str| Array { name: name.into(), shape: vec![2], values: vec![value; 2] };
        Weights { parameters: vec![array("w")], buffers: vec![array("mean")] }
    }

    #[test]
    fn the_average_follows_slowly_and_faster_at_first() {
        let mut average = weights(0.0);
        follow(&mut average, &weights(1.0), 0.9, 1_000_000);
        assert!(average.arrays().all(|array| array.values.iter().all(|v| (v - 0.1).abs() < 1e-6)));
        let mut average = weights(0.0);
        follow(&mut average, &weights(1.0), 0.9, 1);
        assert!((average.parameters[0].values[0] - 9.0 / 11.0).abs() < 1e-6);
    }
}
