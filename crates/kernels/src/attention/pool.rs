//! A weighted mean of each window (Avsec et al. 2021, Enformer), a channel at a time.

use crate::Level;
use crate::activation::elementwise::{load_up_to, store_up_to};
use crate::activation::functions::exp;
use crate::simd::{Kernel, Simd, dispatch};
use crate::size::product;

/// Windows side by side; what is left at the end of a sequence is in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolShape {
    /// Positions of a window.
    pub window: usize,
    /// Positions of a sequence, at least a window.
    pub length: usize,
    /// Channels.
    pub channels: usize,
}

impl PoolShape {
    /// Windows of a sequence.
    pub fn outputs(&self) -> usize {
        self.length / self.window
    }

    /// Sequences in `x`, after checks of all sizes.
    #[track_caller]
    fn sequences(&self, x: usize, y: usize) -> usize {
        assert!(0 < self.window && self.window <= self.length && self.channels > 0, "no window in {self:?}");
        let (size, out) = (product(&[self.length, self.channels]), self.outputs() * self.channels);
        assert!(x.is_multiple_of(size) && y == x / size * out, "{x} values to {y} by {self:?}");
        x / size
    }
}

/// `weights` `[n, length, channels]`, which come as scores, become the softmax over the positions of each window, a
/// channel at a time, and `y` `[n, outputs, channels]` the means of `x` `[n, length, channels]` with these weights.
/// Weights of positions in no window become zero.
pub fn pool(level: Level, s: &PoolShape, x: &[f32], weights: &mut [f32], y: &mut [f32]) {
    s.sequences(x.len(), y.len());
    assert_eq!(x.len(), weights.len(), "one score a number");
    let (size, out) = (s.length * s.channels, s.outputs() * s.channels);
    for ((x, weights), y) in x.chunks_exact(size).zip(weights.chunks_exact_mut(size)).zip(y.chunks_exact_mut(out)) {
        let windows = s.outputs() * s.window * s.channels;
        weights[windows..].fill(0.0);
        dispatch(level, Forward { s: *s, x: &x[..windows], weights: &mut weights[..windows], y });
    }
}

/// From `dy`, with `weights` and `y` as [`pool`] left them: `dx` becomes what passes by the means themselves, without the
/// scores, and `weights` the gradient of the scores.
pub fn pool_gradient(
    level: Level,
    s: &PoolShape,
    x: &[f32],
    y: &[f32],
    dy: &[f32],
    weights: &mut [f32],
    dx: &mut [f32],
) {
    s.sequences(x.len(), y.len());
    assert!(x.len() == weights.len() && x.len() == dx.len() && y.len() == dy.len(), "arrays of one length");
    let (size, out) = (s.length * s.channels, s.outputs() * s.channels);
    let outputs = y.chunks_exact(out).zip(dy.chunks_exact(out));
    let inputs = x.chunks_exact(size).zip(weights.chunks_exact_mut(size)).zip(dx.chunks_exact_mut(size));
    for (((x, weights), dx), (y, dy)) in inputs.zip(outputs) {
        dispatch(level, Backward { s: *s, x, y, dy, weights, dx });
    }
}

/// One sequence, whole windows only.
struct Forward<'a> {
    s: PoolShape,
    x: &'a [f32],
    weights: &'a mut [f32],
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let PoolShape { window, channels, .. } = self.s;
        let windows = self.x.chunks_exact(window * channels).zip(self.weights.chunks_exact_mut(window * channels));
        for ((x, weights), y) in windows.zip(self.y.chunks_exact_mut(channels)) {
            for start in (0..channels).step_by(S::LANES) {
                let lanes = S::LANES.min(channels - start);
                // SAFETY: `lanes` channels are left in each row, and in `y`, from `start` on.
                unsafe {
                    let first = weights.as_mut_ptr().add(start);
                    let mut most = load_up_to::<S>(first, lanes);
                    for i in 1..window {
                        most = S::max(most, load_up_to::<S>(first.add(i * channels), lanes));
                    }
                    let (mut sum, mut mean) = (S::splat(0.0), S::splat(0.0));
                    for i in 0..window {
                        let e = exp::<S>(S::sub(load_up_to::<S>(first.add(i * channels), lanes), most));
                        store_up_to::<S>(first.add(i * channels), lanes, e);
                        sum = S::add(sum, e);
                        mean = S::fma(e, load_up_to::<S>(x.as_ptr().add(i * channels + start), lanes), mean);
                    }
                    let factor = S::div(S::splat(1.0), sum);
                    for i in 0..window {
                        let p = first.add(i * channels);
                        store_up_to::<S>(p, lanes, S::mul(load_up_to::<S>(p, lanes), factor));
                    }
                    store_up_to::<S>(y.as_mut_ptr().add(start), lanes, S::mul(mean, factor));
                }
            }
        }
    }
}

/// One sequence.
struct Backward<'a> {
    s: PoolShape,
    x: &'a [f32],
    y: &'a [f32],
    dy: &'a [f32],
    weights: &'a mut [f32],
    dx: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let PoolShape { window, channels, .. } = self.s;
        let rows = self.x.chunks_exact(channels).zip(self.weights.chunks_exact_mut(channels));
        for (i, ((x, weights), dx)) in rows.zip(self.dx.chunks_exact_mut(channels)).enumerate() {
            let at = i / window * channels;
            if at >= self.y.len() {
                // In no window: the weights are zeros already.
                dx.fill(0.0);
                continue;
            }
            let (y, dy) = (&self.y[at..at + channels], &self.dy[at..at + channels]);
            for start in (0..channels).step_by(S::LANES) {
                let lanes = S::LANES.min(channels - start);
                // SAFETY: `lanes` channels are left in each row from `start` on.
                unsafe {
                    let p = weights.as_mut_ptr().add(start);
                    let slope = load_up_to::<S>(dy.as_ptr().add(start), lanes);
                    let through = S::mul(load_up_to::<S>(p, lanes), slope);
                    let beyond = S::sub(
                        load_up_to::<S>(x.as_ptr().add(start), lanes),
                        load_up_to::<S>(y.as_ptr().add(start), lanes),
                    );
                    store_up_to::<S>(dx.as_mut_ptr().add(start), lanes, through);
                    store_up_to::<S>(p, lanes, S::mul(through, beyond));
                }
            }
        }
    }
}
