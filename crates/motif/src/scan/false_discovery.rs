//! q-values of the occurrences of a motif.

/// The smallest false discovery rate at which each of these p-values is reported (Benjamini and Hochberg 1995): the least of
/// `p_j tests / j` over the j-th smallest p-values from its own on. In the order of `p`, monotone in it, at most 1.
///
/// `tests` counts all places that were tried. `p` need only hold the smallest of their p-values, such as those up to a
/// threshold: q-values may then be larger than over all of them, by what p-values just beyond the threshold would take off,
/// but never smaller.
pub fn q_values(p: &[f64], tests: usize) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let tests = tests.max(p.len()) as f64;
    let mut q = vec![0.0; p.len()];
    let mut least = 1.0_f64;
    for (rank, &i) in order.iter().enumerate().rev() {
        least = least.min(p[i] * tests / (rank + 1) as f64);
        q[i] = least;
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::metrics::benjamini_hochberg;
    use basewise_core::random::{stream, uniform};

    #[test]
    fn of_all_p_values_they_are_those_of_the_correction() {
        let mut rng = stream(3, "p", &[]);
        let p: Vec<f64> = (0..200).map(|_| uniform(&mut rng).powi(2)).collect();
        let all: Vec<Option<f64>> = p.iter().copied().map(Some).collect();
        let expected = benjamini_hochberg(&all);
        for (q, e) in q_values(&p, 200).iter().zip(expected) {
            assert!((q - e.unwrap()).abs() < 1e-12);
        }
    }

    #[test]
    fn of_the_smallest_p_values_they_are_as_large_or_larger() {
        let p = [0.001, 0.02, 0.021, 0.5, 0.9];
        let all = q_values(&p, 5);
        let some = q_values(&p[..2], 5);
        assert!((some[0] - 0.005).abs() < 1e-12 && (some[1] - 0.05).abs() < 1e-12);
        assert!(some.iter().zip(&all).all(|(s, a)| s >= a) && all[1] < some[1]);
        assert_eq!(q_values(&[0.5], 1000), [1.0]);
        assert_eq!(q_values(&[0.2, 0.2], 4), [0.4, 0.4]);
        assert!(q_values(&[], 10).is_empty());
    }
}
