//! Elementary functions of vectors.
//!
//! Coefficients are interpolations at Chebyshev nodes, fitted in 40 digits, so errors are those of f32 arithmetic.
//! Results that f32 could hold only as subnormal numbers are zero: a processor is slow on those. What is not a number
//! stays so.

use crate::simd::Simd;

/// Where `e^x` falls below the smallest normal f32.
const LOWEST: f32 = -87.336_54;
/// Where `e^x` is the largest f32.
const HIGHEST: f32 = 88.722_84;
const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// `ln 2` in two parts; a whole number of 8 bits times the first is exact.
const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);
/// `(e^r - 1 - r) / r²` for `|r| <= ln(2) / 2`.
const EXP: [f32; 5] = [0.5, 0.166_665_76, 0.041_666_553, 0.008_363_333, 0.001_392_637_6];
/// `ln(1 + t) / t` for `0 <= t <= 1`.
const LOG_1P: [f32; 10] = [
    1.0,
    -0.499_998_93,
    0.333_297_1,
    -0.249_516_16,
    0.196_632_74,
    -0.152_696_67,
    0.105_436_24,
    -0.056_373_613,
    0.019_542_527,
    -0.003_176_057,
];
/// `(x + 4) e^(x²/2) Φ(-x)` as a polynomial in `s = (x - 4) / (x + 4)`, for `0 <= x <= 13`.
const NORMAL_TAIL: [f32; 10] = [
    0.755_285_14,
    -0.607_896_6,
    0.387_136_72,
    -0.186_521_99,
    0.060_406_855,
    -0.007_534_081_6,
    -0.003_531_226_2,
    0.001_580_528_9,
    2.165_197_5e-4,
    -1.138_157e-4,
];
/// Beyond this distance from zero the tail of the normal distribution counts as empty.
const NORMAL_END: f32 = 12.9;

/// The polynomial with these coefficients, the constant first.
#[inline(always)]
unsafe fn polynomial<S: Simd, const N: usize>(coefficients: &[f32; N], x: S::F) -> S::F {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        let mut sum = S::splat(coefficients[N - 1]);
        for &coefficient in coefficients[..N - 1].iter().rev() {
            sum = S::fma(sum, x, S::splat(coefficient));
        }
        sum
    }
}

/// `(n, q)` with `e^x = 2^n (1 + q)` and `|q| < 0.42`, for `x` within the range of normal numbers.
#[inline(always)]
unsafe fn split<S: Simd>(x: S::F) -> (S::F, S::F) {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe { split_sum::<S>(x, S::splat(0.0)) }
}

/// [`split`] of `x + rest`, where `rest` is small and may lie below the last digit of `x`.
#[inline(always)]
unsafe fn split_sum<S: Simd>(x: S::F, rest: S::F) -> (S::F, S::F) {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        let n = S::round(S::mul(S::add(x, rest), S::splat(LOG2_E)));
        let r = S::fma(n, S::splat(-LN_2.0), x);
        let r = S::add(S::fma(n, S::splat(-LN_2.1), r), rest);
        (n, S::fma(S::mul(r, r), polynomial::<S, 5>(&EXP, r), r))
    }
}

/// `e^x`, relative error below 2e-7; zero below -87.34, infinite above 88.72.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
pub(crate) unsafe fn exp<S: Simd>(x: S::F) -> S::F {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        // `max` and `min` give their second argument where one is not a number, and so it passes through.
        let (n, q) = split::<S>(S::min(S::splat(HIGHEST), S::max(S::splat(LOWEST), x)));
        // 2^128 is no f32, so the last factor 2 comes on its own.
        let power = S::exp2_whole(S::min(n, S::splat(127.0)));
        let y = S::mul(S::fma(power, q, power), S::select_gt(n, S::splat(127.5), S::splat(2.0), S::splat(1.0)));
        let y = S::select_gt(x, S::splat(HIGHEST), S::splat(f32::INFINITY), y);
        S::select_gt(S::splat(LOWEST), x, S::splat(0.0), y)
    }
}

/// `e^x` for `x <= 80`: [`exp`] without the checks at its upper end.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
unsafe fn exp_below_80<S: Simd>(x: S::F) -> S::F {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        let (n, q) = split::<S>(S::max(S::splat(LOWEST), x));
        let power = S::exp2_whole(S::max(n, S::splat(-126.0)));
        S::select_gt(S::splat(LOWEST), x, S::splat(0.0), S::fma(power, q, power))
    }
}

/// `e^x - 1` for `x <= 80`, exact to a few units of the last digit also near zero; -1 below -40.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
pub(super) unsafe fn exp_m1_below_80<S: Simd>(x: S::F) -> S::F {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        let (n, q) = split::<S>(S::max(S::splat(-40.0), x));
        let power = S::exp2_whole(S::max(n, S::splat(-126.0)));
        S::fma(power, q, S::sub(power, S::splat(1.0)))
    }
}

/// `1 / (1 + e^-x)`, relative error below 4e-7 also far below zero.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
pub(crate) unsafe fn sigmoid<S: Simd>(x: S::F) -> S::F {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        // From 17 on the result is 1; e^x in both places keeps small results exact.
        let e = exp_below_80::<S>(S::min(S::splat(20.0), x));
        S::div(e, S::add(e, S::splat(1.0)))
    }
}

/// Hyperbolic tangent, relative error below 4e-7 also near zero.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
pub(crate) unsafe fn tanh<S: Simd>(x: S::F) -> S::F {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        // From 9.02 on the result is 1.
        let x = S::min(S::splat(10.0), S::max(S::splat(-10.0), x));
        let e = exp_m1_below_80::<S>(S::add(x, x));
        S::div(e, S::add(e, S::splat(2.0)))
    }
}

/// `ln(1 + e^x)`.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
pub(super) unsafe fn softplus<S: Simd>(x: S::F) -> S::F {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        let zero = S::splat(0.0);
        let t = exp_below_80::<S>(S::min(x, S::sub(zero, x)));
        // `t` is not a number where `x` is none, whichever way `max` decides.
        S::fma(t, polynomial::<S, 10>(&LOG_1P, t), S::max(x, zero))
    }
}

/// `ln(1 + e^x)` and its derivative `1 / (1 + e^-x)`, by one exponential.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
pub(crate) unsafe fn softplus_and_sigmoid<S: Simd>(x: S::F) -> (S::F, S::F) {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        let [softplus, _, sigmoid, _] = softplus_both_ways::<S>(x);
        (softplus, sigmoid)
    }
}

/// `ln(1 + e^x)`, `ln(1 + e^-x)` and their derivatives but for the sign, `1 / (1 + e^-x)` and `1 / (1 + e^x)`, by one
/// exponential; what is not used of these costs nothing.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
pub(crate) unsafe fn softplus_both_ways<S: Simd>(x: S::F) -> [S::F; 4] {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        let (zero, one) = (S::splat(0.0), S::splat(1.0));
        let minus = S::sub(zero, x);
        let t = exp_below_80::<S>(S::min(x, minus));
        let logarithm = polynomial::<S, 10>(&LOG_1P, t);
        let below = S::add(t, one);
        [
            S::fma(t, logarithm, S::max(x, zero)),
            S::fma(t, logarithm, S::max(minus, zero)),
            S::div(S::select_gt(x, zero, one, t), below),
            S::div(S::select_gt(x, zero, t, one), below),
        ]
    }
}

/// Distribution function and density of the standard normal distribution, the function with a relative error below
/// 4e-7 also in its lower tail.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
pub(super) unsafe fn normal<S: Simd>(x: S::F) -> (S::F, S::F) {
    // SAFETY: arithmetic only; the caller has the instruction set.
    unsafe {
        let (zero, four) = (S::splat(0.0), S::splat(4.0));
        let end = S::splat(NORMAL_END);
        // Negating first keeps what is not a number, which `max` and `min` find in their second argument.
        let distance = S::min(end, S::max(S::sub(zero, x), x));
        // The square in two parts: that of a number with few digits, which is exact, and the small rest.
        let coarse = S::mul(S::round(S::mul(distance, S::splat(64.0))), S::splat(1.0 / 64.0));
        let rest = S::mul(S::sub(distance, coarse), S::mul(S::add(distance, coarse), S::splat(-0.5)));
        let (n, q) = split_sum::<S>(S::mul(S::mul(coarse, coarse), S::splat(-0.5)), rest);
        let power = S::exp2_whole(S::max(n, S::splat(-126.0)));
        let bell = S::fma(power, q, power);
        let inverse = S::div(S::splat(1.0), S::add(distance, four));
        let s = S::mul(S::sub(distance, four), inverse);
        let tail = S::mul(S::mul(polynomial::<S, 10>(&NORMAL_TAIL, s), inverse), bell);
        let tail = S::select_gt(end, distance, tail, S::mul(zero, tail));
        let density = S::mul(bell, S::splat(0.398_942_3));
        (S::select_gt(x, zero, S::sub(S::splat(1.0), tail), tail), density)
    }
}
