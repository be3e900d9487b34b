//! Null variants: what changes of no consequence do to a score.

use super::Variant;
use crate::random::{self, Stream};

/// The empirical p-value of a score against scores of null variants, two-sided: the share of null scores that are at
/// least as far from 0, with the score itself among them, so that it is never 0 (Phipson and Smyth 2010).
///
/// `null` holds absolute values in rising order.
pub fn empirical_p(null: &[f64], score: f64) -> f64 {
    let beyond = null.len() - null.partition_point(|&value| value < score.abs());
    (beyond + 1) as f64 / (null.len() + 1) as f64
}

/// A substitution of the base at `position`, each of the three others equally likely; none where the base is unknown.
pub fn null_substitution(position: u64, base: u8, rng: &mut Stream) -> Option<Variant> {
    let base = base.to_ascii_uppercase();
    let others: Vec<u8> = b"ACGT".iter().copied().filter(|&other| other != base).collect();
    (others.len() == 3).then(|| Variant::new(position, &[base], &[others[random::below(rng, 3)]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_count_what_is_as_far_from_zero() {
        let null = [0.0, 0.1, 0.1, 2.0];
        let p = [0.0, 0.1, -0.1, 0.5, -2.0, 3.0].map(|score| empirical_p(&null, score));
        assert_eq!(p, [1.0, 0.8, 0.8, 0.4, 0.4, 0.2]);
        assert_eq!(empirical_p(&[], 1.0), 1.0);
    }

    #[test]
    fn null_substitutions_change_a_known_base() {
        let mut rng = random::stream(1, "test", &[]);
        let mut seen = [0; 256];
        for _ in 0..300 {
            let variant = null_substitution(7, b'c', &mut rng).unwrap();
            assert_eq!((variant.start, variant.reference.as_slice()), (7, b"C".as_slice()));
            seen[variant.alternate[0] as usize] += 1;
        }
        assert!([b'A', b'G', b'T'].iter().all(|&base| seen[base as usize] > 70) && seen[b'C' as usize] == 0);
        assert_eq!(null_substitution(7, b'N', &mut rng), None);
    }
}
