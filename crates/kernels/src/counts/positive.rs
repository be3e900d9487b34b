//! Counts above 0, one after the other: how their likelihood and its derivatives differ from those of a 0 in their place.

use crate::Level;
use crate::activation::elementwise::{load_up_to, store_up_to};
use crate::activation::functions::{softplus_and_sigmoid, softplus_both_ways};
use crate::simd::{Kernel, Simd, dispatch};

/// Counts `x > 0` with the mean `μ` and inverse dispersion `θ` of each, and what of their likelihood depends on `x` and `θ`
/// alone; all arrays are of one length.
#[derive(Clone, Copy, Debug)]
pub struct Positives<'a> {
    /// `x`.
    pub counts: &'a [f32],
    /// `ln μ`.
    pub log_means: &'a [f32],
    /// `ln θ`.
    pub log_dispersion: &'a [f32],
    /// `θ`.
    pub dispersion: &'a [f32],
    /// `ln x! + ln Γ(θ) - ln Γ(x + θ)`.
    pub constants: &'a [f32],
    /// `ψ(x + θ) - ψ(θ)`.
    pub digammas: &'a [f32],
    /// Logits of zero inflation, or nothing.
    pub inflation: Option<&'a [f32]>,
}

/// What [`positives`] writes.
#[derive(Debug)]
pub struct PositiveSlopes<'a> {
    /// `-ln P(x) + ln P(0)`.
    pub losses: &'a mut [f32],
    /// Derivative of `-ln P(x)` by `ln μ`.
    pub log_means: &'a mut [f32],
    /// Derivative of `-ln P(x) + ln P(0)` by `ln θ`.
    pub log_dispersion: &'a mut [f32],
    /// Derivative of `-ln P(x)` by the logit of inflation; of the same size as logits are given.
    pub inflation: &'a mut [f32],
}

/// The difference that a count `x` makes to the likelihood of a 0: with `d = ln μ - ln θ` that is
/// `ln x! + ln Γ(θ) - ln Γ(x + θ) + x ln(1 + e^-d)`, and with the logit `l` of zero inflation also `ln(1 + e^(l + z))`, where
/// `z = θ ln(1 + e^d)`.
///
/// # Panics
/// If sizes do not fit.
pub fn positives(level: Level, input: Positives<'_>, out: PositiveSlopes<'_>) {
    let count = input.counts.len();
    let inputs = [input.log_means, input.log_dispersion, input.dispersion, input.constants, input.digammas];
    assert!(inputs.iter().all(|input| input.len() == count), "an entry for each of {count} counts");
    let sizes = [out.losses.len(), out.log_means.len(), out.log_dispersion.len()];
    assert_eq!(sizes, [count; 3], "sizes of slopes");
    if let Some(inflation) = input.inflation {
        assert_eq!([inflation.len(), out.inflation.len()], [count; 2], "sizes of inflation");
    }
    dispatch(level, PositiveKernel { input, out });
}

struct PositiveKernel<'a> {
    input: Positives<'a>,
    out: PositiveSlopes<'a>,
}

impl Kernel for PositiveKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { input, out } = self;
        let count = input.counts.len();
        for start in (0..count).step_by(S::LANES) {
            let n = S::LANES.min(count - start);
            // SAFETY: all arrays have `count` numbers, of which `n` are left from `start` on.
            unsafe {
                let of = |from: &[f32]| load_up_to::<S>(from.as_ptr().add(start), n);
                let x = of(input.counts);
                let theta = of(input.dispersion);
                let [up, down, chance, other] =
                    softplus_both_ways::<S>(S::sub(of(input.log_means), of(input.log_dispersion)));
                let mut loss = S::fma(x, down, of(input.constants));
                let by_mean = S::sub(S::mul(theta, chance), S::mul(x, other));
                let mut by_dispersion = S::sub(S::mul(x, other), S::mul(theta, of(input.digammas)));
                if let Some(inflation) = input.inflation {
                    let l = of(inflation);
                    let zero = S::mul(theta, up);
                    let (_, by_inflation) = softplus_and_sigmoid::<S>(l);
                    let (both, kept) = softplus_and_sigmoid::<S>(S::add(l, zero));
                    loss = S::add(loss, both);
                    by_dispersion = S::fma(kept, S::mul(theta, S::sub(up, chance)), by_dispersion);
                    store_up_to::<S>(out.inflation.as_mut_ptr().add(start), n, by_inflation);
                }
                store_up_to::<S>(out.losses.as_mut_ptr().add(start), n, loss);
                store_up_to::<S>(out.log_means.as_mut_ptr().add(start), n, by_mean);
                store_up_to::<S>(out.log_dispersion.as_mut_ptr().add(start), n, by_dispersion);
            }
        }
    }
}
