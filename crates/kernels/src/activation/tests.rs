//! Against f64 over the whole range.

use super::*;
use std::f64::consts::PI;

/// Distribution function of the normal distribution: a series near zero, a continued fraction far from it.
fn normal(x: f64) -> f64 {
    let density = (-x * x / 2.0).exp() / (2.0 * PI).sqrt();
    if x.abs() < 3.0 {
        let (mut term, mut sum) = (x, x);
        for k in 1..120 {
            term *= x * x / f64::from(2 * k + 1);
            sum += term;
        }
        return 0.5 + density * sum;
    }
    let fraction = (1..200).rev().fold(x.abs(), |fraction, k| x.abs() + f64::from(k) / fraction);
    let tail = density / fraction;
    if x < 0.0 { tail } else { 1.0 - tail }
}

fn value(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Relu => x.max(0.0),
        Activation::Gelu => x * normal(x),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Elu => {
            if x > 0.0 {
                x
            } else {
                x.exp_m1()
            }
        }
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Activation::Exp => x.exp(),
    }
}

fn slope(activation: Activation, x: f64) -> f64 {
    let s = 1.0 / (1.0 + (-x).exp());
    match activation {
        Activation::Relu => f64::from(x > 0.0),
        Activation::Gelu => normal(x) + x * (-x * x / 2.0).exp() / (2.0 * PI).sqrt(),
        Activation::Silu => s + x * s * (1.0 - s),
        Activation::Elu => x.min(0.0).exp(),
        Activation::Tanh => 1.0 - x.tanh().powi(2),
        Activation::Sigmoid => s * (1.0 - s),
        Activation::Softplus => s,
        Activation::Exp => x.exp(),
    }
}

/// Numbers of all sizes and both signs, dense where functions bend.
fn inputs() -> Vec<f32> {
    let step = if cfg!(miri) { 1.7 } else { 1.0 / 512.0 };
    let mut inputs: Vec<f32> = (0..).map(|i| i as f32 * step - 110.0).take_while(|&x| x < 110.0).collect();
    inputs.extend((-126..127).flat_map(|e| [1.37f32, -1.61].map(|m| m * 2f32.powi(e))));
    inputs
}

#[test]
fn values_are_exact_to_the_last_digits() {
    let inputs = inputs();
    for level in Level::available() {
        for activation in Activation::ALL {
            let mut y = vec![f32::NAN; inputs.len()];
            forward(level, activation, &inputs, &mut y);
            let mut worst = (0.0, 0.0);
            for (&x, &y) in inputs.iter().zip(&y) {
                let want = value(activation, f64::from(x));
                if want > f64::from(f32::MAX) {
                    assert_eq!(y, f32::INFINITY, "{level} {activation:?} of {x}");
                    continue;
                }
                let normal = y == 0.0 || y.abs() >= f32::MIN_POSITIVE || x.abs() < 1e-35;
                assert!(normal, "{level} {activation:?} of {x}: subnormal {y:e}");
                // Tails end as zero a little before subnormal numbers begin.
                let error = if want.abs() < 1e-35 { 0.0 } else { (f64::from(y) / want - 1.0).abs() };
                if want.abs() < 1e-35 {
                    assert!(y.abs() < 1.1e-35, "{level} {activation:?} of {x}: {y:e}");
                }
                if error > worst.0 {
                    worst = (error, x);
                }
            }
            println!("{level} {activation:?}: {:.2e} at {}", worst.0, worst.1);
            assert!(worst.0 < 5e-7, "{level} {activation:?}: relative error {:.2e} at {}", worst.0, worst.1);
        }
    }
}

#[test]
fn gradients_are_slopes() {
    let inputs: Vec<f32> = inputs().into_iter().filter(|x| x.abs() < 80.0).collect();
    for level in Level::available() {
        for activation in Activation::ALL {
            let mut saved = inputs.clone();
            if !activation.needs_input() {
                forward_in_place(level, activation, &mut saved);
            }
            let mut dx = vec![f32::NAN; inputs.len()];
            backward(level, activation, &saved, &vec![2.0; inputs.len()], &mut dx);
            for (&x, &dx) in inputs.iter().zip(&dx) {
                let want = 2.0 * slope(activation, f64::from(x));
                let error = (f64::from(dx) - want).abs();
                assert!(error <= 1e-6 * (1.0 + want.abs()), "{level} {activation:?} at {x}: {dx} against {want}");
            }
            let mut in_place = vec![2.0; inputs.len()];
            backward_in_place(level, activation, &saved, &mut in_place);
            assert_eq!(in_place, dx);
        }
    }
}

#[test]
fn infinities_give_limits_and_what_is_no_number_stays() {
    let limits = [0.0, 0.0, 0.0, -1.0, -1.0, 0.0, 0.0, 0.0];
    for level in Level::available() {
        for (activation, limit) in Activation::ALL.into_iter().zip(limits) {
            let mut x = [f32::NEG_INFINITY, f32::INFINITY, f32::NAN];
            let mut dx = [1.0; 3];
            if activation.needs_input() {
                backward_in_place(level, activation, &x, &mut dx);
            }
            forward_in_place(level, activation, &mut x);
            assert_eq!(x[0], limit, "{level} {activation:?}");
            let top = if matches!(activation, Activation::Tanh | Activation::Sigmoid) { 1.0 } else { f32::INFINITY };
            assert_eq!(x[1], top, "{level} {activation:?}");
            assert!(x[2].is_nan(), "{level} {activation:?}");
            if activation.needs_input() {
                assert!(dx[0].abs() < 1e-30 && dx[1] == 1.0 && dx[2].is_nan(), "{level} {activation:?}: {dx:?}");
            }
        }
    }
}

#[test]
fn any_length_leaves_the_rest_alone() {
    for level in Level::available() {
        for count in 0..40 {
            let x: Vec<f32> = (0..count).map(|i| i as f32 - 7.5).collect();
            let mut y = vec![9.0; count + 1];
            forward(level, Activation::Relu, &x, &mut y[..count]);
            assert!(x.iter().zip(&y).all(|(x, y)| x.max(0.0) == *y) && y[count] == 9.0, "{level}: {count}");
        }
    }
}
