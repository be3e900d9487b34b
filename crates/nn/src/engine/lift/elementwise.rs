//! Element-wise functions: the slope of the secant between the example's number and the reference's.

use super::Pairs;
use crate::engine::node::Pointwise;
use libm::erfc;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// From here on, in parts of the values, the difference of two values of f32 has digits enough.
const WIDE: f32 = 0.25;
/// Nearer numbers have the slope between them, of which the secant differs by the square of this.
const NARROW: f64 = 1e-4;

/// `m` becomes multipliers of the inputs.
pub(super) fn lift(kind: Pointwise, pairs: &Pairs, x: &[f32], y: &[f32], m: &mut [f32]) {
    pairs.each(m, |pair, m| {
        let ([x, x0], [y, y0]) = (pairs.of(x, pair), pairs.of(y, pair));
        if kind == Pointwise::Relu {
            return relu(x, x0, m);
        }
        for (i, m) in m.iter_mut().enumerate() {
            *m *= secant(kind, [x[i], x0[i]], [y[i], y0[i]]);
        }
    });
}

/// Of a rectifier: at a number that does not change, the gradient there.
fn relu(x: &[f32], x0: &[f32], m: &mut [f32]) {
    for ((m, &x), &x0) in m.iter_mut().zip(x).zip(x0) {
        let change = x - x0;
        let rise = x.max(0.0) - x0.max(0.0);
        let whole = if x > 0.0 { 1.0 } else { 0.0 };
        *m *= if change == 0.0 { whole } else { rise / change };
    }
}

fn secant(kind: Pointwise, [x, x0]: [f32; 2], [y, y0]: [f32; 2]) -> f32 {
    let change = x - x0;
    if change.abs() >= WIDE * (1.0 + y.abs().max(y0.abs())) {
        return (y - y0) / change;
    }
    rise(kind, f64::from(x), f64::from(x0)) as f32
}

/// `(f(x) - f(x0)) / (x - x0)`, and the slope between the two where they are too near.
pub(super) fn rise(kind: Pointwise, x: f64, x0: f64) -> f64 {
    let change = x - x0;
    // A rectifier has a kink, and no rounding to fear.
    let near = if kind == Pointwise::Relu { 0.0 } else { NARROW };
    if change.abs() <= near { slope(kind, 0.5 * (x + x0)) } else { (value(kind, x) - value(kind, x0)) / change }
}

pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The distribution function of the normal distribution.
fn normal(x: f64) -> f64 {
    0.5 * erfc(-x * FRAC_1_SQRT_2)
}

pub(super) fn value(kind: Pointwise, x: f64) -> f64 {
    match kind {
        Pointwise::Relu => x.max(0.0),
        Pointwise::Gelu => x * normal(x),
        Pointwise::Silu => x * sigmoid(x),
        Pointwise::Elu => {
            if x > 0.0 {
                x
            } else {
                x.exp_m1()
            }
        }
        Pointwise::Tanh => x.tanh(),
        Pointwise::Sigmoid => sigmoid(x),
        Pointwise::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Pointwise::Exp => x.exp(),
    }
}

fn slope(kind: Pointwise, x: f64) -> f64 {
    match kind {
        Pointwise::Relu => f64::from(u8::from(x > 0.0)),
        Pointwise::Gelu => normal(x) + x * (-0.5 * x * x).exp() / (2.0 * PI).sqrt(),
        Pointwise::Silu => sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x))),
        Pointwise::Elu => x.min(0.0).exp(),
        Pointwise::Tanh => 1.0 - x.tanh() * x.tanh(),
        Pointwise::Sigmoid => sigmoid(x) * (1.0 - sigmoid(x)),
        Pointwise::Softplus => sigmoid(x),
        Pointwise::Exp => x.exp(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_kernels::activation::{Activation, forward};

    #[test]
    fn secants_join_the_slopes_without_a_step() {
        for kind in Activation::ALL {
            for x0 in [-6.0, -1.5, -1e-5, 0.3, 4.0] {
                for change in [0.0, 1e-9, 9e-5, 1.1e-4, 1e-3, 0.2, 0.3, 3.0] {
                    let (x, x0) = (x0 as f32 + change as f32, x0 as f32);
                    let mut y = [0.0; 2];
                    forward(basewise_kernels::Level::best(), kind, &[x, x0], &mut y);
                    let wanted = rise(kind, f64::from(x), f64::from(x0));
                    let got = f64::from(secant(kind, [x, x0], y));
                    assert!((got - wanted).abs() < 1e-5 * wanted.abs().max(1.0), "{kind:?} {x} {x0}: {got} {wanted}");
                    let (up, down) = (f64::from(x0) + 2e-4, f64::from(x0) - 2e-4);
                    let apart = (rise(kind, up, down) - slope(kind, f64::from(x0))).abs();
                    let kink = x0.abs() < 1e-3;
                    assert!(kink || apart < 1e-5 * wanted.abs().max(1.0), "{kind:?} at {x0}: {apart}");
                }
            }
        }
    }

    #[test]
    fn a_rectifier_by_hand() {
        let mut m = [1.0; 5];
        relu(&[2.0, -1.0, 3.0, -1.0, 0.0], &[1.0, -2.0, -1.0, 3.0, 0.0], &mut m);
        assert_eq!(m, [1.0, 0.0, 0.75, 0.75, 0.0]);
    }
}
