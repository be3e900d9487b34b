//! Activations, element by element: their values, and their gradients from what is cheapest to keep.
//!
//! Relative errors of the values are below 5e-7 over the whole range, at every [`Level`]; tails that f32
//! could hold only as subnormal numbers are zero; infinities give the limit, and what is not a number stays so.

pub(crate) mod elementwise;
pub(crate) mod functions;

use crate::Level;
use crate::simd::{Kernel, Simd, dispatch};
use elementwise::{load_up_to, store_up_to};
use functions as f;
use std::marker::PhantomData;

/// A function of single numbers between layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x Φ(x)` with the distribution function of the normal distribution itself, not the tanh approximation
    /// (Hendrycks and Gimpel 2016).
    Gelu,
    /// `x / (1 + e^-x)` (Elfwing et al. 2018), also called swish.
    Silu,
    /// `x` above zero, `e^x - 1` below (Clevert et al. 2016).
    Elu,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `ln(1 + e^x)`.
    Softplus,
    /// `e^x`, as after filters of a biophysical model (Koo and Ploenzke 2021).
    Exp,
}

impl Activation {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Relu, Self::Gelu, Self::Silu, Self::Elu, Self::Tanh, Self::Sigmoid, Self::Softplus, Self::Exp];

    /// Whether the gradient is found from the input; otherwise it is found from the output.
    pub fn needs_input(self) -> bool {
        matches!(self, Self::Gelu | Self::Silu | Self::Softplus)
    }
}

/// `y = f(x)`.
pub fn forward(level: Level, activation: Activation, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "input and output have one length");
    // SAFETY: both are that long, and apart.
    unsafe { select(level, activation, Job::Value { x: x.as_ptr(), y: y.as_mut_ptr(), count: x.len() }) }
}

/// `x = f(x)`.
pub fn forward_in_place(level: Level, activation: Activation, x: &mut [f32]) {
    let y = x.as_mut_ptr();
    // SAFETY: each number is read before it is written.
    unsafe { select(level, activation, Job::Value { x: y, y, count: x.len() }) }
}

/// `dx = dy f'(x)`, from `saved`: the input where [`Activation::needs_input`], otherwise the output.
pub fn backward(level: Level, activation: Activation, saved: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert!(saved.len() == dy.len() && dy.len() == dx.len(), "all arrays have one length");
    let (saved, count) = (saved.as_ptr(), dy.len());
    // SAFETY: all are that long, and apart.
    unsafe { select(level, activation, Job::Gradient { saved, dy: dy.as_ptr(), dx: dx.as_mut_ptr(), count }) }
}

/// [`backward`] with `dx` in the place of `dy`.
pub fn backward_in_place(level: Level, activation: Activation, saved: &[f32], dy: &mut [f32]) {
    assert_eq!(saved.len(), dy.len(), "both arrays have one length");
    let (saved, count, dx) = (saved.as_ptr(), dy.len(), dy.as_mut_ptr());
    // SAFETY: each number is read before it is written.
    unsafe { select(level, activation, Job::Gradient { saved, dy: dx, dx, count }) }
}

/// Pointers to arrays of `count` numbers; inputs may be the output.
#[derive(Clone, Copy)]
enum Job {
    Value { x: *const f32, y: *mut f32, count: usize },
    Gradient { saved: *const f32, dy: *const f32, dx: *mut f32, count: usize },
}

/// # Safety
/// The pointers of the job are valid for its count.
unsafe fn select(level: Level, activation: Activation, job: Job) {
    match activation {
        Activation::Relu => dispatch(level, Each::<Relu>(job, PhantomData)),
        Activation::Gelu => dispatch(level, Each::<Gelu>(job, PhantomData)),
        Activation::Silu => dispatch(level, Each::<Silu>(job, PhantomData)),
        Activation::Elu => dispatch(level, Each::<Elu>(job, PhantomData)),
        Activation::Tanh => dispatch(level, Each::<Tanh>(job, PhantomData)),
        Activation::Sigmoid => dispatch(level, Each::<Sigmoid>(job, PhantomData)),
        Activation::Softplus => dispatch(level, Each::<Softplus>(job, PhantomData)),
        Activation::Exp => dispatch(level, Each::<Exp>(job, PhantomData)),
    }
}

struct Each<F>(Job, PhantomData<F>);

impl<F: Function> Kernel for Each<F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        // SAFETY: whoever makes the job has promised that its pointers are valid; `lanes` numbers are left from `start`.
        unsafe {
            match self.0 {
                Job::Value { x, y, count } => {
                    for start in (0..count).step_by(S::LANES) {
                        let lanes = S::LANES.min(count - start);
                        let value = F::value::<S>(load_up_to::<S>(x.add(start), lanes));
                        store_up_to::<S>(y.add(start), lanes, value);
                    }
                }
                Job::Gradient { saved, dy, dx, count } => {
                    for start in (0..count).step_by(S::LANES) {
                        let lanes = S::LANES.min(count - start);
                        let saved = load_up_to::<S>(saved.add(start), lanes);
                        let gradient = F::gradient::<S>(saved, load_up_to::<S>(dy.add(start), lanes));
                        store_up_to::<S>(dx.add(start), lanes, gradient);
                    }
                }
            }
        }
    }
}

/// A function and its derivative. All are unsafe in one way: the processor must have the instruction set.
trait Function {
    /// `f(x)`.
    unsafe fn value<S: Simd>(x: S::F) -> S::F;
    /// `dy f'(x)` from what is saved.
    unsafe fn gradient<S: Simd>(saved: S::F, dy: S::F) -> S::F;
}

// The macro spells out what all implementations have in common.
macro_rules! function {
    ($name:ident, $s:ident, value($x:ident) $value:block, gradient($saved:ident, $dy:ident) $gradient:block) => {
        struct $name;

        impl Function for $name {
            #[inline(always)]
            unsafe fn value<$s: Simd>($x: $s::F) -> $s::F {
                // SAFETY: arithmetic only; the caller has the instruction set.
                unsafe { $value }
            }
            #[inline(always)]
            unsafe fn gradient<$s: Simd>($saved: $s::F, $dy: $s::F) -> $s::F {
                // SAFETY: arithmetic only; the caller has the instruction set.
                unsafe { $gradient }
            }
        }
    };
}

// Second arguments of `max` and `min` are those that may not be numbers. Limits keep infinity times zero away.
function!(Relu, S,
    value(x) { S::max(S::splat(0.0), x) },
    gradient(y, dy) { S::select_gt(y, S::splat(0.0), dy, S::splat(0.0)) }
);
function!(Gelu, S,
    value(x) { S::mul(S::max(S::splat(-13.0), x), f::normal::<S>(x).0) },
    gradient(x, dy) {
        let (cumulative, density) = f::normal::<S>(x);
        let x = S::min(S::splat(13.0), S::max(S::splat(-13.0), x));
        S::mul(dy, S::fma(x, density, cumulative))
    }
);
function!(Silu, S,
    value(x) { S::mul(S::max(S::splat(-90.0), x), f::sigmoid::<S>(x)) },
    gradient(x, dy) {
        let s = f::sigmoid::<S>(x);
        let x = S::min(S::splat(90.0), S::max(S::splat(-90.0), x));
        S::mul(dy, S::fma(S::mul(x, s), S::sub(S::splat(1.0), s), s))
    }
);
function!(Elu, S,
    value(x) {
        let zero = S::splat(0.0);
        S::select_gt(x, zero, x, f::exp_m1_below_80::<S>(S::min(zero, x)))
    },
    gradient(y, dy) { S::mul(dy, S::add(S::splat(1.0), S::min(S::splat(0.0), y))) }
);
function!(Tanh, S,
    value(x) { f::tanh::<S>(x) },
    gradient(y, dy) { let one = S::splat(1.0); S::mul(dy, S::mul(S::sub(one, y), S::add(one, y))) }
);
function!(Sigmoid, S,
    value(x) { f::sigmoid::<S>(x) },
    gradient(y, dy) { S::mul(dy, S::mul(y, S::sub(S::splat(1.0), y))) }
);
function!(Softplus, S,
    value(x) { f::softplus::<S>(x) },
    gradient(x, dy) { S::mul(dy, f::sigmoid::<S>(x)) }
);
function!(Exp, S,
    value(x) { f::exp::<S>(x) },
    gradient(y, dy) { S::mul(dy, y) }
);

#[cfg(test)]
mod tests;
