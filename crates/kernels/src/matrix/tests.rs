//! Products against sums in f64, over odd sizes and strides, at every level.

use super::*;
use proptest::prelude::*;

/// Small whole numbers, so that sums in f32 are exact and any wrong place shows.
fn values(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| (((i * 7919 + seed * 104_729 + i / 7) % 17) as f32) - 8.0).collect()
}

fn oracle(
    (m, k, n): (usize, usize, usize),
    a: impl Fn(usize, usize) -> f32,
    b: impl Fn(usize, usize) -> f32,
) -> Vec<f64> {
    let sum = |i, j| (0..k).map(|l| f64::from(a(i, l)) * f64::from(b(l, j))).sum();
    (0..m * n).map(|at| sum(at / n, at % n)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn products_are_sums(m in 0usize..20, k in 0usize..300, n in 1usize..150, more in 0usize..5, add: bool) {
        let (a_stride, c_stride) = (k + more, n + more);
        let (a, b) = (values(m * a_stride, 1), values(k * n, 2));
        let want = oracle((m, k, n), |i, l| a[i * a_stride + l], |l, j| b[l * n + j]);
        let turned: Vec<f32> = (0..k * n).map(|at| b[(at % k) * n + at / k]).collect();
        for level in Level::available() {
            let packed = [
                Packed::new(level, k, n, &b),
                Packed::transposed(level, k, n, &turned),
                Packed::for_rows(level, 16, k, n, &b),
                Packed::transposed_for_rows(level, 16, k, n, &turned),
            ];
            let mut results: Vec<Vec<f32>> = packed.iter().map(|packed| {
                let mut c = vec![5.0; m * c_stride];
                multiply(m, &a, a_stride, packed, &mut c, c_stride, add);
                c
            }).collect();
            let mut c = vec![5.0; m * c_stride];
            multiply_plain(level, (m, k, n), (&a, a_stride), (&b, n), (&mut c, c_stride), add);
            results.push(c);
            for c in results {
                for (at, c) in c.into_iter().enumerate() {
                    let (i, j) = (at / c_stride, at % c_stride);
                    let want = if j >= n { 5.0 } else { want[i * n + j] + if add { 5.0 } else { 0.0 } };
                    prop_assert_eq!(f64::from(c), want, "{} row {} column {}", level, i, j);
                }
            }
        }
    }

    #[test]
    fn transposed_products_are_sums(k in 0usize..300, m in 0usize..20, n in 1usize..150, more in 0usize..5, add: bool) {
        let (a_stride, b_stride, c_stride) = (m + more, n + more, n + more);
        let (a, b) = (values(k * a_stride, 1), values(k * b_stride, 2));
        let want = oracle((m, k, n), |i, l| a[l * a_stride + i], |l, j| b[l * b_stride + j]);
        for level in Level::available() {
            let mut c = vec![5.0; m * c_stride];
            multiply_transposed(level, (k, m, n), &a, a_stride, &b, b_stride, &mut c, c_stride, add);
            for (at, c) in c.into_iter().enumerate() {
                let (i, j) = (at / c_stride, at % c_stride);
                let want = if j >= n { 5.0 } else { want[i * n + j] + if add { 5.0 } else { 0.0 } };
                prop_assert_eq!(f64::from(c), want, "{} row {} column {}", level, i, j);
            }
        }
    }
}

#[test]
#[should_panic(expected = "left matrix: 3 rows of 4 numbers, 4 apart, need 12, found 11")]
fn a_matrix_that_is_too_small_is_refused() {
    multiply(3, &[0.0; 11], 4, &Packed::new(Level::best(), 4, 1, &[0.0; 4]), &mut [0.0; 3], 1, false);
}
