//! Roots of covariances, and their inverses.

/// The lower triangle `l` with `l lᵀ = covariance` (Cholesky). Where rounding or copies of rows made it singular, as little
/// as needed is added to the diagonal.
pub(super) fn root(covariance: &[f64], d: usize) -> Vec<f64> {
    let largest = (0..d).map(|i| covariance[i * d + i]).fold(0.0, f64::max);
    let mut more = 0.0;
    loop {
        if let Some(root) = cholesky(covariance, d, more) {
            return root;
        }
        more = if more == 0.0 { (largest * 1e-12).max(1e-12) } else { more * 10.0 };
    }
}

fn cholesky(covariance: &[f64], d: usize, more: f64) -> Option<Vec<f64>> {
    let mut root = vec![0.0; d * d];
    for i in 0..d {
        for j in 0..=i {
            let dot: f64 = root[i * d..i * d + j].iter().zip(&root[j * d..j * d + j]).map(|(a, b)| a * b).sum();
            let value = covariance[i * d + j] + if i == j { more } else { 0.0 };
            if i == j {
                let left = value - dot;
                // What is left of rounding alone is nothing.
                if left.is_nan() || left <= 1e-14 * value {
                    // A covariance that is not finite has no root at all.
                    if !value.is_finite() || more > 1e300 {
                        return Some((0..d * d).map(|at| if at / d == at % d { 1.0 } else { 0.0 }).collect());
                    }
                    return None;
                }
                root[i * d + i] = left.sqrt();
            } else {
                root[i * d + j] = (value - dot) / root[j * d + j];
            }
        }
    }
    Some(root)
}

/// Inverse of a lower triangle.
pub(super) fn inverse(root: &[f64], d: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; d * d];
    for j in 0..d {
        inverse[j * d + j] = 1.0 / root[j * d + j];
        for i in j + 1..d {
            let sum: f64 = (j..i).map(|k| root[i * d + k] * inverse[k * d + j]).sum();
            inverse[i * d + j] = -sum / root[i * d + i];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_and_inverses_by_hand() {
        let l = root(&[4.0, 2.0, 2.0, 10.0], 2);
        assert_eq!(l, [2.0, 0.0, 1.0, 3.0]);
        let inverse = inverse(&l, 2);
        assert!((inverse[2] + 1.0 / 6.0).abs() < 1e-15 && (inverse[3] - 1.0 / 3.0).abs() < 1e-15, "{inverse:?}");
    }

    #[test]
    fn singular_matrices_have_a_root_that_is_near() {
        for matrix in [[0.0; 4], [1.0; 4], [1.0, -1.0, -1.0, 1.0]] {
            let l = root(&matrix, 2);
            let back = [l[0] * l[0], l[2] * l[0], l[2] * l[0], l[2] * l[2] + l[3] * l[3]];
            back.iter().zip(matrix).for_each(|(a, b)| assert!((a - b).abs() < 1e-6, "{a} {b}"));
        }
        assert!(root(&[f64::NAN; 4], 2).iter().all(|v| v.is_finite()));
    }
}
