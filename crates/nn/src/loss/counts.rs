//! Counts: a label `y` of 0 or more and a score `z`, the logarithm of the expected count `m`.
//!
//! Both losses are negative log-likelihoods without the terms that depend on the label alone, plus what makes them 0 at
//! `m = y`: half of the deviance, which is in nats, never negative, and means the same for any label.

use super::{sigmoid, softplus};

/// Scores above this are continued along the tangent, so that no prediction overflows: e^30 is 10^13.
const CEILING: f64 = 30.0;

/// Half the Poisson deviance and its slope: `m - y + y (ln y - z)`.
pub(super) fn poisson(z: f64, y: f64) -> (f64, f64) {
    let (m, slope) = exp(z);
    let log = if y > 0.0 { y * (y.ln() - z) } else { 0.0 };
    (m - y + log, slope - y)
}

/// Half the deviance of the negative binomial with variance `m + a m^2` (NB2; Cameron and Trivedi 1986) and its slope:
/// `y (ln y - z) + (y + 1 / a) ln((1 + a m) / (1 + a y))`.
pub(super) fn negative_binomial(z: f64, y: f64, a: f64) -> (f64, f64) {
    // ln(1 + a m) as a softplus, which holds for any score.
    let t = z + a.ln();
    let size = y + 1.0 / a;
    let log = if y > 0.0 { y * (y.ln() - z) } else { 0.0 };
    (log + size * (softplus(t) - (a * y).ln_1p()), size * sigmoid(t) - y)
}

/// The exponential and its slope, a straight line from [`CEILING`] on.
fn exp(z: f64) -> (f64, f64) {
    let slope = z.min(CEILING).exp();
    (slope * (1.0 + (z - CEILING).max(0.0)), slope)
}

/// The dispersion by moments: `(variance - mean) / mean^2`, and a small number where labels vary no more than Poisson's.
///
/// ```text
/// variance = mean + dispersion mean^2
/// ```
pub(super) fn dispersion(labels: &[f64]) -> f64 {
    const LEAST: f64 = 1e-4;
    let n = labels.len() as f64;
    let mean = labels.iter().sum::<f64>() / n;
    let variance = labels.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let found = (variance - mean) / (mean * mean);
    if found.is_finite() { found.max(LEAST) } else { LEAST }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_score_is_the_logarithm_of_the_count_and_costs_nothing() {
        for y in [0.5f64, 1.0, 7.0, 1e6] {
            for (value, slope) in [poisson(y.ln(), y), negative_binomial(y.ln(), y, 0.3)] {
                assert!(value.abs() < 1e-6 && slope.abs() < 1e-6 * y, "{y}: {value} {slope}");
            }
        }
        // Without a count, only the prediction counts.
        assert_eq!(poisson(0.0, 0.0), (1.0, 1.0));
        let (value, _) = negative_binomial(2f64.ln(), 0.0, 0.5);
        assert!((value - 2.0 * 2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn a_small_dispersion_is_poisson() {
        for (z, y) in [(0.3, 2.0), (-1.0, 0.0), (2.0, 11.0)] {
            let (a, b) = (poisson(z, y), negative_binomial(z, y, 1e-7));
            assert!((a.0 - b.0).abs() < 1e-5 && (a.1 - b.1).abs() < 1e-5, "{a:?} {b:?}");
        }
    }

    #[test]
    fn dispersion_by_moments() {
        // Mean 4, variance 20: (20 - 4) / 16.
        assert!((dispersion(&[0.0, 0.0, 8.0, 8.0, 4.0]) - (16.0 - 4.0) / 16.0).abs() < 1e-12);
        for labels in [&[][..], &[3.0], &[0.0, 0.0], &[2.0, 2.0]] {
            assert_eq!(dispersion(labels), 1e-4);
        }
    }
}
