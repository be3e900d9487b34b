//! Dropout masks from a key of our own, so that they depend on seed, step, layer and place and on nothing else.

use basewise_core::random::{Stream, stream};
use basewise_kernels::{Level, random};
use rand::Rng;

/// What the mask of a layer in a step is drawn from.
pub(crate) fn key(seed: u64, step: u64, layer: u64) -> u64 {
    let mut rng: Stream = stream(seed, "dropout", &[step, layer]);
    rng.next_u64()
}

/// Factors `[n, channels, length]`: 0 with probability `rate`, else `1 / (1 - rate)`. The same that the processor's own
/// path draws, where channels come last. A mask of whole channels has length 1.
pub(crate) fn mask([n, channels, length]: [usize; 3], rate: f64, key: u64) -> Vec<f32> {
    let mut drawn = vec![1.0; n * channels * length];
    random::dropout(Level::best(), key, 0, rate as f32, &mut drawn);
    let from = |at: usize| {
        let (i, channel, position) = (at / (channels * length), at / length % channels, at % length);
        drawn[(i * length + position) * channels + channel]
    };
    (0..drawn.len()).map(from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_its_rate_and_mean_one() {
        let draw = |rate, seed, step, layer| mask([100, 10, 100], rate, key(seed, step, layer));
        let values = draw(0.3, 1, 2, 3);
        let zeros = values.iter().filter(|&&v| v == 0.0).count();
        assert!((29_000..31_000).contains(&zeros), "{zeros}");
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / 1e5;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        assert_eq!(values, draw(0.3, 1, 2, 3));
        assert_ne!(values, draw(0.3, 1, 3, 3));
        assert_ne!(values, draw(0.3, 1, 2, 4));
        assert!(draw(0.0, 1, 1, 1).iter().all(|&v| v == 1.0));
    }
}
