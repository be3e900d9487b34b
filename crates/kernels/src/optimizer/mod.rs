//! Steps of an optimizer, on all threads.
//!
//! Steps go element by element, and sums run over chunks of a fixed size in order, so that results do not depend on the
//! number of threads. There is no fused multiplication in a step: every level gives the same bits.

use crate::Level;
use crate::activation::elementwise::{load_up_to, store_up_to};
use crate::simd::{Kernel, Simd, dispatch};
use rayon::prelude::*;

/// Numbers that one thread works on at a time.
const CHUNK: usize = 1 << 14;

/// The numbers of one step of Adam (Kingma and Ba 2015), with weight decay in the gradient, or AdamW (Loshchilov and
/// Hutter 2019), where it shrinks the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// Decay of the mean of squared gradients.
    pub beta2: f32,
    /// Learning rate over `1 - beta1^steps`.
    pub scale: f32,
    /// `1 / (1 - beta2^steps)`.
    pub correction: f32,
    /// What keeps the denominator from zero.
    pub epsilon: f32,
    /// Weight decay that enters the gradient; 0 for AdamW.
    pub coupled: f32,
    /// What weights are multiplied by before the step, `1 - rate * decay`; 1 for Adam.
    pub shrink: f32,
}

/// One step: `first` and `second` are the running means of gradients and of their squares; all arrays have one length.
pub fn adam(level: Level, step: &Adam, values: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
    let count = values.len();
    assert!(
        gradient.len() == count && first.len() == count && second.len() == count,
        "all arrays of a parameter have one length"
    );
    let moments = first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK));
    values.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK)).zip(moments).for_each(
        |((values, gradient), (first, second))| dispatch(level, Step { step, values, gradient, first, second }),
    );
}

struct Step<'a> {
    step: &'a Adam,
    values: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let &Adam { beta1, beta2, scale, correction, epsilon, coupled, shrink } = self.step;
        let count = self.values.len();
        for start in (0..count).step_by(S::LANES) {
            let lanes = S::LANES.min(count - start);
            // SAFETY: all arrays have `count` numbers, of which `lanes` are left from `start` on.
            unsafe {
                let (value, first) = (self.values.as_mut_ptr().add(start), self.first.as_mut_ptr().add(start));
                let second = self.second.as_mut_ptr().add(start);
                let v = load_up_to::<S>(value, lanes);
                let g = load_up_to::<S>(self.gradient.as_ptr().add(start), lanes);
                let g = S::add(g, S::mul(S::splat(coupled), v));
                let m = S::mul(S::splat(beta1), load_up_to::<S>(first, lanes));
                let m = S::add(m, S::mul(S::splat(1.0 - beta1), g));
                let s = S::mul(S::splat(beta2), load_up_to::<S>(second, lanes));
                let s = S::add(s, S::mul(S::mul(S::splat(1.0 - beta2), g), g));
                let below = S::add(S::sqrt(S::mul(s, S::splat(correction))), S::splat(epsilon));
                let moved = S::div(S::mul(S::splat(scale), m), below);
                store_up_to::<S>(first, lanes, m);
                store_up_to::<S>(second, lanes, s);
                store_up_to::<S>(value, lanes, S::sub(S::mul(v, S::splat(shrink)), moved));
            }
        }
    }
}

/// The sum of squares, in f64.
pub fn squared_norm(level: Level, x: &[f32]) -> f64 {
    let sums: Vec<f64> = x.par_chunks(CHUNK).map(|x| dispatch(level, Squares(x))).collect();
    sums.iter().sum()
}

struct Squares<'a>(&'a [f32]);

impl Kernel for Squares<'_> {
    type Output = f64;

    /// Plain code in 16 sums side by side, which compilers turn into vectors: no [`Simd`] has f64.
    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        let mut sums = [0.0; 16];
        let (whole, rest) = self.0.as_chunks::<16>();
        for x in whole {
            for (sum, &x) in sums.iter_mut().zip(x) {
                *sum += f64::from(x) * f64::from(x);
            }
        }
        sums.iter().sum::<f64>() + rest.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>()
    }
}

/// Multiplies all by `factor`.
pub fn scale(level: Level, x: &mut [f32], factor: f32) {
    x.par_chunks_mut(CHUNK).for_each(|x| dispatch(level, Scale { x, factor }));
}

struct Scale<'a> {
    x: &'a mut [f32],
    factor: f32,
}

impl Kernel for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        self.x.iter_mut().for_each(|x| *x *= self.factor);
    }
}

/// Whether no number is infinite or not a number.
pub fn all_finite(x: &[f32]) -> bool {
    x.par_chunks(CHUNK).all(|x| dispatch(Level::best(), Largest(x)) < f32::INFINITY.to_bits())
}

struct Largest<'a>(&'a [f32]);

impl Kernel for Largest<'_> {
    type Output = u32;

    /// The largest pattern of bits without signs, which order as the sizes do, with infinity and what is no number on top.
    #[inline(always)]
    fn run<S: Simd>(self) -> u32 {
        self.0.iter().fold(0, |largest, x| largest.max(x.to_bits() & !(1 << 31)))
    }
}

#[cfg(test)]
mod tests;
