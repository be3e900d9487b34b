//! Schemes of minimal filtering: a tile of neighbouring outputs from fewer products than outputs times taps.
//!
//! Outputs of a filter are the transpose of a product of two polynomials (Toom-Cook), which is known once its values at
//! enough points are. So inputs are combined as the points say, each combination is multiplied once by the filter's value
//! at its point, and the outputs are sums of those products (Winograd 1980, "Arithmetic complexity of computations"; in
//! networks, Lavin and Gray 2016, "Fast algorithms for convolutional neural networks"). Points are few and small, since
//! rounding grows with their powers.

use crate::simd::Simd;
use std::marker::PhantomData;

/// `OUTPUTS` outputs of `POINTS + 1 - OUTPUTS` taps from `POINTS` products: at the points given, and at infinity.
pub(super) trait Scheme<const POINTS: usize, const OUTPUTS: usize> {
    /// Combines `POINTS` neighbouring inputs for each point.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn input<S: Simd>(x: [S::F; POINTS]) -> [S::F; POINTS];

    /// Outputs from the products at each point.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn output<S: Simd>(m: [S::F; POINTS]) -> [S::F; OUTPUTS];
}

/// The points of a scheme but the last, which is infinity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Points(pub(super) &'static [f64]);

impl Points {
    /// What the inputs of a point are multiplied by: the value of the polynomial with these taps, over the product of the
    /// point's distances from the others; at infinity the last tap.
    pub(super) fn filter(self, point: usize, taps: impl DoubleEndedIterator<Item = f64>) -> f64 {
        let mut taps = taps.rev();
        let Some(&a) = self.0.get(point) else { return taps.next().unwrap_or(0.0) };
        let value = taps.fold(0.0, |sum, tap| sum * a + tap);
        let others = self.0.iter().enumerate().filter(|&(other, _)| other != point);
        value / others.map(|(_, b)| a - b).product::<f64>()
    }
}

/// A filter of a block's taps for each of several blocks: tiles of `A` are combined once more by `B`, whose inputs are tiles
/// and whose taps are blocks, so that both save products.
pub(super) struct Nested<A, B>(PhantomData<(A, B)>);

/// One output of one tap, for what is not nested.
pub(super) struct One;
pub(super) const ONE: Points = Points(&[]);

impl Scheme<1, 1> for One {
    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S::F; 1]) -> [S::F; 1] {
        x
    }

    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S::F; 1]) -> [S::F; 1] {
        m
    }
}

/// `b - point * a`.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
unsafe fn at<S: Simd>(point: f32, a: S::F, b: S::F) -> S::F {
    // SAFETY: as the caller says.
    unsafe { S::fma(S::splat(-point), a, b) }
}

/// 3 outputs of 2 taps from 4 products in place of 6.
pub(super) struct ThreeOfTwo;
pub(super) const THREE_OF_TWO: Points = Points(&[0.0, 1.0, -1.0]);

impl Scheme<4, 3> for ThreeOfTwo {
    #[inline(always)]
    unsafe fn input<S: Simd>([x0, x1, x2, x3]: [S::F; 4]) -> [S::F; 4] {
        // SAFETY: the caller has the instruction set.
        unsafe { [S::sub(x2, x0), S::add(x2, x1), S::sub(x2, x1), S::sub(x3, x1)] }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>([m0, m1, m2, m3]: [S::F; 4]) -> [S::F; 3] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let even = S::add(m1, m2);
            [S::add(m0, even), S::sub(m1, m2), S::add(even, m3)]
        }
    }
}

/// 2 outputs of 3 taps from 4 products in place of 6, at the same points.
pub(super) struct TwoOfThree;

impl Scheme<4, 2> for TwoOfThree {
    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S::F; 4]) -> [S::F; 4] {
        // SAFETY: the caller has the instruction set.
        unsafe { <ThreeOfTwo as Scheme<4, 3>>::input::<S>(x) }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>([m0, m1, m2, m3]: [S::F; 4]) -> [S::F; 2] {
        // SAFETY: the caller has the instruction set.
        unsafe { [S::add(m0, S::add(m1, m2)), S::add(S::sub(m1, m2), m3)] }
    }
}

/// 3 outputs of 3 taps from 5 products in place of 9.
pub(super) struct ThreeOfThree;
pub(super) const THREE_OF_THREE: Points = Points(&[0.0, 1.0, -1.0, 2.0]);

impl Scheme<5, 3> for ThreeOfThree {
    #[inline(always)]
    unsafe fn input<S: Simd>([x0, x1, x2, x3, x4]: [S::F; 5]) -> [S::F; 5] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            // Each with its neighbour at the point 2.
            let (u0, u1) = (at::<S>(2.0, x0, x1), at::<S>(2.0, x1, x2));
            let (u2, u3) = (at::<S>(2.0, x2, x3), at::<S>(2.0, x3, x4));
            [S::sub(u2, u0), S::add(u1, u2), S::sub(u2, u1), S::sub(x3, x1), S::sub(u3, u1)]
        }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>([m0, m1, m2, m3, m4]: [S::F; 5]) -> [S::F; 3] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let (even, odd) = (S::add(m1, m2), S::sub(m1, m2));
            let first = S::add(S::add(m0, even), m3);
            let second = S::fma(S::splat(2.0), m3, odd);
            [first, second, S::add(S::fma(S::splat(4.0), m3, even), m4)]
        }
    }
}

/// 4 outputs of 3 taps from 6 products in place of 12.
pub(super) struct FourOfThree;
pub(super) const FOUR_OF_THREE: Points = Points(&[0.0, 1.0, -1.0, 2.0, -0.5]);

impl Scheme<6, 4> for FourOfThree {
    #[inline(always)]
    unsafe fn input<S: Simd>([x0, x1, x2, x3, x4, x5]: [S::F; 6]) -> [S::F; 6] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            // Each with its neighbours at the points 2 and -1/2, and at 1 and -1.
            let (v0, v1, v2, v3) = (S::sub(x2, x0), S::sub(x3, x1), S::sub(x4, x2), S::sub(x5, x3));
            let (u0, u1) = (at::<S>(1.5, x1, v0), at::<S>(1.5, x2, v1));
            let (u2, u3) = (at::<S>(1.5, x3, v2), at::<S>(1.5, x4, v3));
            [
                S::sub(u2, u0),
                S::add(u1, u2),
                S::sub(u2, u1),
                at::<S>(-0.5, v1, v2),
                at::<S>(2.0, v1, v2),
                S::sub(u3, u1),
            ]
        }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>([m0, m1, m2, m3, m4, m5]: [S::F; 6]) -> [S::F; 4] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let (even, odd) = (S::add(m1, m2), S::sub(m1, m2));
            let last = S::fma(S::splat(-0.125), m4, S::fma(S::splat(8.0), m3, odd));
            [
                S::add(S::add(m0, even), S::add(m3, m4)),
                S::fma(S::splat(-0.5), m4, S::fma(S::splat(2.0), m3, odd)),
                S::fma(S::splat(0.25), m4, S::fma(S::splat(4.0), m3, even)),
                S::add(last, m5),
            ]
        }
    }
}

/// 4 outputs of 4 taps from 7 products in place of 16.
pub(super) struct FourOfFour;
pub(super) const FOUR_OF_FOUR: Points = Points(&[0.0, 1.0, -1.0, 2.0, -2.0, 0.5]);

impl Scheme<7, 4> for FourOfFour {
    #[inline(always)]
    unsafe fn input<S: Simd>([x0, x1, x2, x3, x4, x5, x6]: [S::F; 7]) -> [S::F; 7] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            // Each with its neighbour at the point 1/2, and at 2 and -2 or 1 and -1.
            let (u0, u1, u2) = (at::<S>(0.5, x0, x1), at::<S>(0.5, x1, x2), at::<S>(0.5, x2, x3));
            let (u3, u4, u5) = (at::<S>(0.5, x3, x4), at::<S>(0.5, x4, x5), at::<S>(0.5, x5, x6));
            let (s0, s1) = (at::<S>(4.0, u1, u3), at::<S>(4.0, u2, u4));
            let (t0, t1) = (S::mul(S::splat(2.0), S::sub(u3, u1)), S::sub(u4, u2));
            [
                at::<S>(-4.0, u0, at::<S>(5.0, u2, u4)),
                S::add(s1, s0),
                S::sub(s1, s0),
                S::add(t1, t0),
                S::sub(t1, t0),
                at::<S>(-4.0, x1, at::<S>(5.0, x3, x5)),
                at::<S>(-4.0, u1, at::<S>(5.0, u3, u5)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>([m0, m1, m2, m3, m4, m5, m6]: [S::F; 7]) -> [S::F; 4] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let (p, q, r, s) = (S::add(m1, m2), S::sub(m1, m2), S::add(m3, m4), S::sub(m3, m4));
            [
                S::add(S::add(S::add(m0, p), r), m5),
                S::fma(S::splat(0.5), m5, S::fma(S::splat(2.0), s, q)),
                S::fma(S::splat(0.25), m5, S::fma(S::splat(4.0), r, p)),
                S::add(S::fma(S::splat(0.125), m5, S::fma(S::splat(8.0), s, q)), m6),
            ]
        }
    }
}
