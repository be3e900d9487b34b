//! Beside scipy and torch: see `tests/golden/autoencoder`.

use super::super::likelihood::{divergence, negative_binomial, zero_inflated};
use super::super::special::{digamma, ln_factorial, ln_gamma, ln_rising};
use serde_json::Value;

fn cases() -> Value {
    serde_json::from_str(include_str!("../../../../../tests/golden/autoencoder/cases.json")).unwrap()
}

fn near(found: f64, expected: f64, relative: f64, what: &str) {
    let bound = relative * expected.abs().max(1.0);
    assert!((found - expected).abs() <= bound, "{what}: expected {expected}, found {found}");
}

#[test]
fn the_gamma_function_is_scipys() {
    for case in cases()["special"].as_array().unwrap() {
        let x = case["x"].as_f64().unwrap();
        near(ln_gamma(x), case["ln_gamma"].as_f64().unwrap(), 1e-13, "ln gamma");
        near(digamma(x), case["digamma"].as_f64().unwrap(), 1e-13, "digamma");
        let slope = (ln_gamma(x * (1.0 + 1e-5)) - ln_gamma(x * (1.0 - 1e-5))) / (2e-5 * x);
        assert!((slope - digamma(x)).abs() < 1e-4 * (1.0 + digamma(x).abs()), "slope at {x}: {slope}");
        for count in [0.0, 1.0, 7.0, 24.0, 25.0, 300.0, 2.5] {
            let (value, slope) = ln_rising(count, x);
            // Two gamma functions lose digits where x is large.
            let lost = 1e-15 * ln_gamma(x + count).abs();
            assert!((value - (ln_gamma(x + count) - ln_gamma(x))).abs() <= 1e-11 * (1.0 + value.abs()) + 10.0 * lost);
            assert!((slope - (digamma(x + count) - digamma(x))).abs() <= 1e-11 * (1.0 + slope.abs()));
        }
    }
    near(ln_factorial(0.0), 0.0, 1e-14, "0!");
    near(ln_factorial(5.0), 120f64.ln(), 1e-14, "5!");
    near(ln_factorial(2000.0), ln_gamma(2001.0), 0.0, "2000!");
}

#[test]
fn likelihoods_of_counts_and_their_slopes_are_those_of_scipy_and_torch() {
    let all = cases();
    for case in all["counts"].as_array().unwrap() {
        let at = |i: usize| case[i].as_f64();
        let (count, s, r) = (at(0).unwrap(), at(1).unwrap(), at(2).unwrap());
        let found = at(3).map_or_else(|| negative_binomial(count, s, r), |l| zero_inflated(count, s, r, l));
        // torch's values lose digits to its gamma function where dispersions and counts are large.
        let relative = if r > 5.0 || count > 1000.0 { 1e-6 } else { 1e-9 };
        for (value, i) in [found.loss, found.by_mean, found.by_dispersion, found.by_inflation].into_iter().zip(4..) {
            near(value, at(i).unwrap(), relative, &format!("{case}: number {i}"));
        }
    }
    for case in all["divergence"].as_array().unwrap() {
        let at = |i: usize| case[i].as_f64().unwrap();
        let (value, by_mean, by_spread) = divergence(at(0), at(1));
        near(value, at(2), 1e-12, "divergence");
        near(by_mean, at(3), 1e-12, "by mean");
        near(by_spread, at(4), 1e-12, "by spread");
    }
}
