//! The gamma function's logarithm and its derivative, as likelihoods of counts need them.

use std::sync::LazyLock;

/// From here on the asymptotic series are exact to the last digits.
const LARGE: f64 = 10.0;
/// Counts up to this one go by a product instead of two gamma functions.
const PRODUCT: f64 = 24.0;

/// `ln Γ(x)` for `x > 0`, relative error below 1e-13 (absolute near 1 and 2): Stirling's series (Abramowitz and Stegun 6.1.41)
/// after `x` was moved beyond 10.
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut product) = (x, 1.0);
    while x < LARGE {
        product *= x;
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = (1.0 / 12.0
        + y * (-1.0 / 360.0 + y * (1.0 / 1260.0 + y * (-1.0 / 1680.0 + y * (1.0 / 1188.0 - y * 691.0 / 360_360.0)))))
        / x;
    (x - 0.5) * x.ln() - x + 0.918_938_533_204_672_8 + series - product.ln()
}

/// `ψ(x)`, the derivative of [`ln_gamma`], for `x > 0`: the series 6.3.18 of Abramowitz and Stegun after `x` was moved beyond 10.
#[must_use]
pub fn digamma(x: f64) -> f64 {
    let (mut x, mut sum) = (x, 0.0);
    while x < LARGE {
        sum += 1.0 / x;
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = y
        * (1.0 / 12.0
            - y * (1.0 / 120.0 - y * (1.0 / 252.0 - y * (1.0 / 240.0 - y * (1.0 / 132.0 - y * 691.0 / 32_760.0)))));
    x.ln() - 0.5 / x - series - sum
}

/// `ln Γ(count + θ) - ln Γ(θ)` and its derivative by `θ`, `ψ(count + θ) - ψ(θ)`, for `θ > 0`.
///
/// For whole counts up to 24 that is the logarithm of `θ (θ + 1) ... (θ + count - 1)`, which loses no digits where `θ` is
/// large.
#[must_use]
pub fn ln_rising(count: f64, theta: f64) -> (f64, f64) {
    if count <= PRODUCT && count.fract() == 0.0 && theta < 1e9 {
        let (mut product, mut slope) = (1.0, 0.0);
        for k in 0..count as u32 {
            let factor = theta + f64::from(k);
            slope = slope * factor + product;
            product *= factor;
        }
        return (product.ln(), slope / product);
    }
    (ln_gamma(count + theta) - ln_gamma(theta), digamma(count + theta) - digamma(theta))
}

static FACTORIALS: LazyLock<Vec<f64>> = LazyLock::new(|| (0..1024).map(|n| ln_gamma(f64::from(n) + 1.0)).collect());

/// `ln Γ(count + 1)`.
#[must_use]
pub fn ln_factorial(count: f64) -> f64 {
    let known = (count.fract() == 0.0).then(|| FACTORIALS.get(count as usize)).flatten();
    known.copied().unwrap_or_else(|| ln_gamma(count + 1.0))
}
