//! Counter-based randomness: every stream is a function of a seed, a purpose and indices.
//!
//! Nothing carries a generator's state from one step to the next, so a result does not depend on the number of
//! threads or on where a run was interrupted.

use rand::Rng;
use rand::SeedableRng;
pub use rand_chacha::ChaCha8Rng as Stream;

/// The stream for one `purpose` (such as `"shuffle"`) at the given `indices` (such as epoch and example).
///
/// ```
/// use basewise_core::random::{stream, uniform};
/// let a = uniform(&mut stream(1, "dropout", &[0, 7]));
/// assert_eq!(a, uniform(&mut stream(1, "dropout", &[0, 7])));
/// assert_ne!(a, uniform(&mut stream(1, "dropout", &[0, 8])));
/// ```
pub fn stream(seed: u64, purpose: &str, indices: &[u64]) -> Stream {
    let mut state = mix(seed ^ 0x6261_7365_7769_7365);
    for byte in purpose.bytes() {
        state = mix(state ^ u64::from(byte));
    }
    for &index in indices {
        state = mix(state.rotate_left(17) ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    }
    Stream::seed_from_u64(state)
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in `0..1`, 53 random bits.
pub fn uniform(rng: &mut Stream) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// A number in `0..n` without bias; 0 if `n` is 0.
pub fn below(rng: &mut Stream, n: usize) -> usize {
    let n = n as u64;
    if n == 0 {
        return 0;
    }
    let limit = u64::MAX - (u64::MAX % n + 1) % n;
    loop {
        let x = rng.next_u64();
        if x <= limit {
            return (x % n) as usize;
        }
    }
}

/// A standard normal number (Box and Muller 1958).
pub fn normal(rng: &mut Stream) -> f64 {
    let u = 1.0 - uniform(rng);
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * uniform(rng)).cos()
}

/// A count of the Poisson distribution: as many arrivals as fit, with exponential times between them. Exact for any
/// `mean`, in time that grows with it; 0 for a mean that is not above 0 and finite.
pub fn poisson(mean: f64, rng: &mut Stream) -> u64 {
    let (mut time, mut count) = (0.0, 0);
    while mean.is_finite() {
        time -= (1.0 - uniform(rng)).ln();
        if time >= mean {
            break;
        }
        count += 1;
    }
    count
}

/// Shuffles in place, every order equally likely (Fisher and Yates).
pub fn shuffle<T>(items: &mut [T], rng: &mut Stream) {
    for i in (1..items.len()).rev() {
        items.swap(i, below(rng, i + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_every_part_of_their_key() {
        let first = |seed, purpose: &str, indices: &[u64]| stream(seed, purpose, indices).next_u64();
        let base = first(1, "a", &[0, 1]);
        assert_eq!(base, first(1, "a", &[0, 1]));
        for other in [first(2, "a", &[0, 1]), first(1, "b", &[0, 1]), first(1, "a", &[1, 0]), first(1, "a", &[0])] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn below_is_even_and_shuffle_a_permutation() {
        let mut rng = stream(7, "test", &[]);
        let mut counts = [0; 3];
        (0..30_000).for_each(|_| counts[below(&mut rng, 3)] += 1);
        assert!(counts.iter().all(|&c| (9_600..10_400).contains(&c)), "{counts:?}");
        let mut items: Vec<usize> = (0..50).collect();
        shuffle(&mut items, &mut rng);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn normal_has_mean_zero_and_variance_one() {
        let mut rng = stream(3, "normal", &[]);
        let x: Vec<f64> = (0..40_000).map(|_| normal(&mut rng)).collect();
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / x.len() as f64;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn poisson_counts_have_their_mean_as_variance() {
        for mean in [0.3, 4.0, 60.0] {
            let mut rng = stream(5, "test poisson", &[]);
            let counts: Vec<f64> = (0..20_000).map(|_| poisson(mean, &mut rng) as f64).collect();
            let found = counts.iter().sum::<f64>() / 2e4;
            let variance = counts.iter().map(|count| (count - found).powi(2)).sum::<f64>() / 2e4;
            assert!(
                (found / mean - 1.0).abs() < 0.02 && (variance / mean - 1.0).abs() < 0.05,
                "{mean}: {found} {variance}"
            );
        }
        let mut rng = stream(5, "test poisson", &[]);
        assert!([0.0, -1.0, f64::NAN, f64::INFINITY].iter().all(|&mean| poisson(mean, &mut rng) == 0));
    }
}
