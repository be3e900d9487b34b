//! Likelihoods of a single count, and the divergence of a latent distribution from its prior, with their derivatives.
//!
//! Means and dispersions come as logarithms: `s = ln μ`, `r = ln θ`, with the variance `μ + μ² / θ`.

use super::special::{ln_factorial, ln_rising};

/// `ln(1 + e^x)`.
#[must_use]
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `1 / (1 + e^-x)`.
#[must_use]
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

/// `-ln P(count)`, and its derivatives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// In nats.
    pub loss: f64,
    /// By `ln μ`.
    pub by_mean: f64,
    /// By `ln θ`.
    pub by_dispersion: f64,
    /// By the logit of zero inflation; 0 without.
    pub by_inflation: f64,
}

/// Negative binomial: `P(x) = Γ(x + θ) / (Γ(θ) x!) (θ / (θ + μ))^θ (μ / (θ + μ))^x`.
#[must_use]
pub fn negative_binomial(count: f64, s: f64, r: f64) -> Point {
    let theta = r.exp();
    let (ratio, chance) = (softplus(s - r), sigmoid(s - r));
    let mut point = Point {
        loss: theta * ratio,
        by_mean: theta * chance,
        by_dispersion: theta * (ratio - chance),
        by_inflation: 0.0,
    };
    if count > 0.0 {
        let (rising, slope) = ln_rising(count, theta);
        let other = 1.0 - chance;
        point.loss += ln_factorial(count) - rising + count * (ratio + r - s);
        point.by_mean -= count * other;
        point.by_dispersion += count * other - theta * slope;
    }
    point
}

/// Zero-inflated: 0 with the chance `1 / (1 + e^-inflation)`, else negative binomial.
#[must_use]
pub fn zero_inflated(count: f64, s: f64, r: f64, inflation: f64) -> Point {
    let inner = negative_binomial(count, s, r);
    if count > 0.0 {
        return Point { loss: inner.loss + softplus(inflation), by_inflation: sigmoid(inflation), ..inner };
    }
    let both = inflation + inner.loss;
    let share = sigmoid(-both);
    Point {
        loss: softplus(inflation) + inner.loss - softplus(both),
        by_mean: inner.by_mean * share,
        by_dispersion: inner.by_dispersion * share,
        by_inflation: sigmoid(inflation) - sigmoid(both),
    }
}

/// What is added to variances of latent numbers, so that none is 0, as in scvi-tools.
pub const LEAST_VARIANCE: f64 = 1e-4;

/// Divergence of the normal distribution with mean `m` and variance `v = e^l + 1e-4` from the standard one,
/// `(m² + v - 1 - ln v) / 2`, and its derivatives by `m` and `l`.
#[must_use]
pub fn divergence(m: f64, l: f64) -> (f64, f64, f64) {
    let e = l.exp();
    let v = e + LEAST_VARIANCE;
    (0.5 * (m * m + v - 1.0 - v.ln()), m, 0.5 * (1.0 - 1.0 / v) * e)
}
