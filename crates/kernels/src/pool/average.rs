//! Average pools.

use super::Shape;
use crate::Level;
use crate::activation::elementwise::{load_up_to, store_up_to};
use crate::simd::{Kernel, Simd, dispatch};

/// The mean of each window.
///
/// `x` `[n, length, channels]`; `y` `[n, outputs, channels]`, overwritten. Long windows are summed in runs of 64
/// positions, so that rounding does not grow with the window.
pub fn average_pool(level: Level, shape: &Shape, x: &[f32], y: &mut [f32]) {
    shape.sequences(x.len(), y.len());
    dispatch(level, Forward { shape, x, y });
}

/// [`average_pool`] over whole sequences: `x` `[n, length, channels]`, `y` `[n, channels]`.
pub fn global_average_pool(level: Level, length: usize, channels: usize, x: &[f32], y: &mut [f32]) {
    average_pool(level, &Shape::global(length, channels), x, y);
}

/// The gradient of [`average_pool`]: `dy` `[n, outputs, channels]`; `dx` `[n, length, channels]`, overwritten.
pub fn average_pool_gradient(level: Level, shape: &Shape, dy: &[f32], dx: &mut [f32]) {
    shape.sequences(dx.len(), dy.len());
    dispatch(level, Gradient { shape, dy, dx });
}

/// [`average_pool_gradient`] over whole sequences: `dy` `[n, channels]`, `dx` `[n, length, channels]`.
pub fn global_average_pool_gradient(level: Level, length: usize, channels: usize, dy: &[f32], dx: &mut [f32]) {
    average_pool_gradient(level, &Shape::global(length, channels), dy, dx);
}

/// Positions that are summed one after the other.
const RUN: usize = 64;

struct Forward<'a> {
    shape: &'a Shape,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let &Shape { window, stride, length, channels } = self.shape;
        let outputs = self.shape.outputs();
        if outputs == 0 {
            return;
        }
        let sequences = self.x.chunks_exact(length * channels).zip(self.y.chunks_exact_mut(outputs * channels));
        for (x, y) in sequences {
            for (o, y) in y.chunks_exact_mut(channels).enumerate() {
                let x = &x[o * stride * channels..][..window * channels];
                // SAFETY: `x` has `window` rows, `y` one.
                unsafe { mean::<S>(x, y) };
            }
        }
    }
}

/// The mean of the rows of `x`.
///
/// # Safety
/// `x` has a whole number of rows as long as `y`; the processor has the instruction set.
#[inline(always)]
unsafe fn mean<S: Simd>(x: &[f32], y: &mut [f32]) {
    let channels = y.len();
    let window = x.len() / channels;
    let factor = 1.0 / window as f32;
    for start in (0..channels).step_by(S::LANES) {
        let lanes = S::LANES.min(channels - start);
        // SAFETY: `lanes` channels are left in each row from `start` on.
        unsafe {
            let mut sum = S::splat(0.0);
            for run in (0..window).step_by(RUN) {
                let mut part = S::splat(0.0);
                for i in run..window.min(run + RUN) {
                    part = S::add(part, load_up_to::<S>(x.as_ptr().add(i * channels + start), lanes));
                }
                sum = S::add(sum, part);
            }
            store_up_to::<S>(y.as_mut_ptr().add(start), lanes, S::mul(sum, S::splat(factor)));
        }
    }
}

struct Gradient<'a> {
    shape: &'a Shape,
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let &Shape { window, stride, length, channels } = self.shape;
        let outputs = self.shape.outputs();
        let factor = 1.0 / window as f32;
        for (i, dx) in self.dx.chunks_exact_mut(length * channels).enumerate() {
            if outputs == 0 || self.shape.overlap() {
                dx.fill(0.0);
            }
            for o in 0..outputs {
                let dy = &self.dy[(i * outputs + o) * channels..][..channels];
                let rows = &mut dx[o * stride * channels..];
                let add = self.shape.overlap();
                for dx in rows[..window * channels].chunks_exact_mut(channels) {
                    // SAFETY: both are a row.
                    unsafe { spread::<S>(dy, factor, dx, add) };
                }
                if !add {
                    // The gap to the next window, or all that is left behind the last.
                    let end = if o + 1 < outputs { stride * channels } else { rows.len() };
                    rows[window * channels..end].fill(0.0);
                }
            }
        }
    }
}

/// Writes `factor * dy`, or adds it.
///
/// # Safety
/// Both have one length; the processor has the instruction set.
#[inline(always)]
unsafe fn spread<S: Simd>(dy: &[f32], factor: f32, dx: &mut [f32], add: bool) {
    for start in (0..dy.len()).step_by(S::LANES) {
        let lanes = S::LANES.min(dy.len() - start);
        // SAFETY: `lanes` numbers are left from `start` on.
        unsafe {
            let p = dx.as_mut_ptr().add(start);
            let mut d = S::mul(load_up_to::<S>(dy.as_ptr().add(start), lanes), S::splat(factor));
            if add {
                d = S::add(load_up_to::<S>(p, lanes), d);
            }
            store_up_to::<S>(p, lanes, d);
        }
    }
}
