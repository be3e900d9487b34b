//! Normalization of each position over its channels: layer norm (Ba et al. 2016) and root mean square norm (Zhang and
//! Sennrich 2019). A row of `[rows, channels]` is a position, and nothing is shared between rows but scale and shift.

use super::{RUN, WIDEST, add, check, lanes_of};
use crate::Level;
use crate::activation::elementwise::{load_up_to, store_up_to};
use crate::simd::{Kernel, Simd, dispatch};

/// What a row is brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Mean 0 and variance 1; epsilon is 1e-5.
    Layer,
    /// Mean square 1; epsilon is 1e-6.
    RootMeanSquare,
}

impl Kind {
    fn epsilon(self) -> f32 {
        match self {
            Self::Layer => 1e-5,
            Self::RootMeanSquare => 1e-6,
        }
    }
}

/// `y = scale (x - mean) / sqrt(variance + epsilon) + shift`, or `y = scale x / sqrt(mean square + epsilon)`: `x` and `y`
/// `[rows, channels]`, `scale` `[channels]`, `shift` `[channels]`, or empty for none.
pub fn forward(level: Level, kind: Kind, x: &[f32], scale: &[f32], shift: &[f32], y: &mut [f32]) {
    check(scale.len(), x.len(), &[if shift.is_empty() { scale.len() } else { shift.len() }]);
    assert_eq!(x.len(), y.len(), "input and output have one length");
    dispatch(level, Forward { kind, x, scale, shift, y });
}

/// Puts the gradient of the input in the place of `dy`, and adds the gradients of scale and shift to `d_scale` and
/// `d_shift` (empty for none). Shapes as for [`forward`].
pub fn backward(
    level: Level,
    kind: Kind,
    x: &[f32],
    scale: &[f32],
    dy: &mut [f32],
    d_scale: &mut [f64],
    d_shift: &mut [f64],
) {
    let channels = scale.len();
    check(channels, x.len(), &[d_scale.len(), if d_shift.is_empty() { channels } else { d_shift.len() }]);
    assert_eq!(x.len(), dy.len(), "input and gradient have one length");
    // Sums of a run of rows, for scale and then shift.
    let mut sums = vec![0.0; 2 * channels];
    for (x, dy) in x.chunks(RUN * channels).zip(dy.chunks_mut(RUN * channels)) {
        sums.fill(0.0);
        let (of_scale, of_shift) = sums.split_at_mut(channels);
        dispatch(level, Backward { kind, x, scale, dy, d_scale: of_scale, d_shift: of_shift });
        add(d_scale, of_scale);
        add(d_shift, of_shift);
    }
}

/// The first `lanes` lanes, zeros in the others.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
unsafe fn only<S: Simd>(v: S::F, lanes: usize) -> S::F {
    if lanes >= S::LANES {
        return v;
    }
    let mut array = [0.0; WIDEST];
    // SAFETY: no vector is wider than the array.
    unsafe {
        S::store_part(array.as_mut_ptr(), lanes, v);
        S::load(array.as_ptr())
    }
}

/// The sum of all lanes, in order.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
unsafe fn total<S: Simd>(v: S::F) -> f32 {
    // SAFETY: as the caller promises.
    unsafe { lanes_of::<S>(v)[..S::LANES].iter().sum() }
}

/// Mean and reciprocal deviation of a row; the mean counts as 0 for the root mean square.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
unsafe fn moments<S: Simd>(kind: Kind, row: &[f32]) -> (f32, f32) {
    let channels = row.len();
    // SAFETY: `lanes` numbers are left in the row from `start` on.
    unsafe {
        let mut mean = 0.0;
        if kind == Kind::Layer {
            let mut sum = S::splat(0.0);
            for start in (0..channels).step_by(S::LANES) {
                sum = S::add(sum, load_up_to::<S>(row.as_ptr().add(start), S::LANES.min(channels - start)));
            }
            mean = total::<S>(sum) / channels as f32;
        }
        let mut square = S::splat(0.0);
        for start in (0..channels).step_by(S::LANES) {
            let lanes = S::LANES.min(channels - start);
            let x = S::sub(load_up_to::<S>(row.as_ptr().add(start), lanes), S::splat(mean));
            let x = only::<S>(x, lanes);
            square = S::fma(x, x, square);
        }
        (mean, 1.0 / (total::<S>(square) / channels as f32 + kind.epsilon()).sqrt())
    }
}

struct Forward<'a> {
    kind: Kind,
    x: &'a [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let channels = self.scale.len();
        for (x, y) in self.x.chunks_exact(channels).zip(self.y.chunks_exact_mut(channels)) {
            // SAFETY: `lanes` numbers are left in each row, in the scale, and in the shift if there is one, from `start` on.
            unsafe {
                let (mean, inverse) = moments::<S>(self.kind, x);
                for start in (0..channels).step_by(S::LANES) {
                    let lanes = S::LANES.min(channels - start);
                    let centred = S::sub(load_up_to::<S>(x.as_ptr().add(start), lanes), S::splat(mean));
                    let factor = S::mul(load_up_to::<S>(self.scale.as_ptr().add(start), lanes), S::splat(inverse));
                    let shift = if self.shift.is_empty() {
                        S::splat(0.0)
                    } else {
                        load_up_to::<S>(self.shift.as_ptr().add(start), lanes)
                    };
                    store_up_to::<S>(y.as_mut_ptr().add(start), lanes, S::fma(centred, factor, shift));
                }
            }
        }
    }
}

struct Backward<'a> {
    kind: Kind,
    x: &'a [f32],
    scale: &'a [f32],
    dy: &'a mut [f32],
    d_scale: &'a mut [f32],
    d_shift: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    /// With `g = scale dy` and `h = (x - mean) inverse`: `dx = inverse (g - mean(g) - h mean(g h))`, where `mean(g)` counts
    /// as 0 for the root mean square.
    #[inline(always)]
    fn run<S: Simd>(self) {
        let channels = self.scale.len();
        for (x, dy) in self.x.chunks_exact(channels).zip(self.dy.chunks_exact_mut(channels)) {
            // SAFETY: `lanes` numbers are left in each row and each array of channels from `start` on.
            unsafe {
                let (mean, inverse) = moments::<S>(self.kind, x);
                let (mut of_slopes, mut of_products) = (S::splat(0.0), S::splat(0.0));
                for start in (0..channels).step_by(S::LANES) {
                    let lanes = S::LANES.min(channels - start);
                    let centred = S::sub(load_up_to::<S>(x.as_ptr().add(start), lanes), S::splat(mean));
                    let normal = S::mul(centred, S::splat(inverse));
                    let slope = load_up_to::<S>(dy.as_ptr().add(start), lanes);
                    let scaled = S::mul(slope, load_up_to::<S>(self.scale.as_ptr().add(start), lanes));
                    of_slopes = S::add(of_slopes, scaled);
                    of_products = S::fma(scaled, normal, of_products);
                    let (d_scale, d_shift) =
                        (self.d_scale.as_mut_ptr().add(start), self.d_shift.as_mut_ptr().add(start));
                    store_up_to::<S>(d_scale, lanes, S::fma(slope, normal, load_up_to::<S>(d_scale, lanes)));
                    store_up_to::<S>(d_shift, lanes, S::add(slope, load_up_to::<S>(d_shift, lanes)));
                }
                let of_slopes = if self.kind == Kind::Layer { total::<S>(of_slopes) / channels as f32 } else { 0.0 };
                let of_products = total::<S>(of_products) / channels as f32;
                for start in (0..channels).step_by(S::LANES) {
                    let lanes = S::LANES.min(channels - start);
                    let centred = S::sub(load_up_to::<S>(x.as_ptr().add(start), lanes), S::splat(mean));
                    let normal = S::mul(centred, S::splat(inverse));
                    let p = dy.as_mut_ptr().add(start);
                    let scaled =
                        S::mul(load_up_to::<S>(p, lanes), load_up_to::<S>(self.scale.as_ptr().add(start), lanes));
                    let rest = S::sub(S::sub(scaled, S::splat(of_slopes)), S::mul(normal, S::splat(of_products)));
                    store_up_to::<S>(p, lanes, S::mul(S::splat(inverse), rest));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
