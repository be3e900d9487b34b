//! Dropout masks from our own streams, so that they depend on seed, step and layer and on nothing else.

use basewise_core::random::{Stream, stream};
use rand::Rng;

/// `n` factors: 0 with probability `rate`, else `1 / (1 - rate)`.
pub(crate) fn mask(n: usize, rate: f64, seed: u64, step: u64, layer: u64) -> Vec<f32> {
    let mut rng: Stream = stream(seed, "dropout", &[step, layer]);
    let keep = (1.0 / (1.0 - rate)) as f32;
    // 32 random bits against a threshold: the rate is met to within 2^-32.
    let threshold = (rate * 4_294_967_296.0) as u64;
    (0..n).map(|_| if u64::from(rng.next_u32()) < threshold { 0.0 } else { keep }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_its_rate_and_mean_one() {
        let values = mask(100_000, 0.3, 1, 2, 3);
        let zeros = values.iter().filter(|&&v| v == 0.0).count();
        assert!((29_000..31_000).contains(&zeros), "{zeros}");
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / 1e5;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        assert_eq!(values, mask(100_000, 0.3, 1, 2, 3));
        assert_ne!(values, mask(100_000, 0.3, 1, 3, 3));
        assert_ne!(values, mask(100_000, 0.3, 1, 2, 4));
        assert!(mask(10, 0.0, 1, 1, 1).iter().all(|&v| v == 1.0));
    }
}
