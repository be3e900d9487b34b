//! Max pools.

use super::Shape;
use crate::Level;
use crate::activation::elementwise::{load_up_to, store_up_to};
use crate::simd::{Kernel, Simd, dispatch};

/// How the place of a maximum in its window is written: `u8` for windows of up to 255 positions, `u32` for longer ones.
pub trait Place: Copy + sealed::Sealed {
    /// Positions that a window may have at most.
    const MOST: usize;
    /// A place, below [`Place::MOST`].
    fn from_f32(place: f32) -> Self;
    /// The same number.
    fn to_f32(self) -> f32;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u32 {}
}

impl Place for u8 {
    const MOST: usize = 255;
    #[inline(always)]
    fn from_f32(place: f32) -> Self {
        // SAFETY: a place is a whole number from 0 to the size of a window.
        unsafe { place.to_int_unchecked::<i32>() as Self }
    }
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from(self)
    }
}

impl Place for u32 {
    /// Whole numbers up to here are exact in f32.
    const MOST: usize = 1 << 24;
    #[inline(always)]
    fn from_f32(place: f32) -> Self {
        // SAFETY: a place is a whole number from 0 to the size of a window.
        unsafe { place.to_int_unchecked::<i32>() as Self }
    }
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self as f32
    }
}

#[track_caller]
fn check<P: Place>(shape: &Shape, arg: usize, y: usize) {
    assert!(shape.window <= P::MOST, "windows span at most {} positions, not {}", P::MOST, shape.window);
    assert_eq!(arg, y, "there are {y} outputs, and as many places");
}

/// The maximum of each window, with `relu` cut off at zero, and the place of the first maximum in its window.
///
/// `x` `[n, length, channels]`; `y` and `arg` `[n, outputs, channels]`, overwritten. What is not a number counts only in
/// the first place of a window.
pub fn max_pool<P: Place>(level: Level, shape: &Shape, x: &[f32], relu: bool, y: &mut [f32], arg: &mut [P]) {
    shape.sequences(x.len(), y.len());
    check::<P>(shape, arg.len(), y.len());
    dispatch(level, Forward { shape, x, floor: if relu { 0.0 } else { f32::NEG_INFINITY }, y, arg });
}

/// [`max_pool`] over whole sequences: `x` `[n, length, channels]`, `y` and `arg` `[n, channels]`.
pub fn global_max_pool(
    level: Level,
    length: usize,
    channels: usize,
    x: &[f32],
    relu: bool,
    y: &mut [f32],
    arg: &mut [u32],
) {
    max_pool(level, &Shape::global(length, channels), x, relu, y, arg);
}

/// The gradient of [`max_pool`]: each output's goes to the place of its maximum.
///
/// `y`, `dy` and `arg` are `[n, outputs, channels]`; with `relu`, an output `y <= 0` passes nothing, and without, `y` is
/// not looked at (and may be `dy` itself). `dx` `[n, length, channels]` is overwritten.
pub fn max_pool_gradient<P: Place>(
    level: Level,
    shape: &Shape,
    y: &[f32],
    dy: &[f32],
    arg: &[P],
    relu: bool,
    dx: &mut [f32],
) {
    shape.sequences(dx.len(), dy.len());
    check::<P>(shape, arg.len(), dy.len());
    assert_eq!(y.len(), dy.len(), "outputs and their gradient have one shape");
    dispatch(level, Gradient { shape, y, dy, arg, relu, dx });
}

/// [`max_pool_gradient`] over whole sequences: `dx` `[n, length, channels]`, the others `[n, channels]`.
pub fn global_max_pool_gradient(
    level: Level,
    length: usize,
    channels: usize,
    y: &[f32],
    dy: &[f32],
    arg: &[u32],
    relu: bool,
    dx: &mut [f32],
) {
    max_pool_gradient(level, &Shape::global(length, channels), y, dy, arg, relu, dx);
}

/// Lanes of the widest vector.
const WIDEST: usize = 16;

struct Forward<'a, P> {
    shape: &'a Shape,
    x: &'a [f32],
    floor: f32,
    y: &'a mut [f32],
    arg: &'a mut [P],
}

impl<P: Place> Kernel for Forward<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let &Shape { window, stride, length, channels } = self.shape;
        let outputs = self.shape.outputs();
        if outputs == 0 {
            return;
        }
        let sequences = self.x.chunks_exact(length * channels).zip(self.y.chunks_exact_mut(outputs * channels));
        for ((x, y), arg) in sequences.zip(self.arg.chunks_exact_mut(outputs * channels)) {
            let rows = y.chunks_exact_mut(channels).zip(arg.chunks_exact_mut(channels));
            for (o, (y, arg)) in rows.enumerate() {
                let x = &x[o * stride * channels..][..window * channels];
                // SAFETY: `x` has `window` rows, `y` and `arg` one.
                unsafe { window_max::<S, P>(x, self.floor, y, arg) };
            }
        }
    }
}

/// The maximum of the rows of `x`, and where it was.
///
/// # Safety
/// `y` and `arg` have one length, the channels, and `x` a whole number of rows of it; the processor has the instruction
/// set.
#[inline(always)]
unsafe fn window_max<S: Simd, P: Place>(x: &[f32], floor: f32, y: &mut [f32], arg: &mut [P]) {
    let channels = y.len();
    let window = x.len() / channels;
    let mut places = [0.0f32; WIDEST];
    for start in (0..channels).step_by(S::LANES) {
        let lanes = S::LANES.min(channels - start);
        // SAFETY: `lanes` channels are left in each row from `start` on.
        unsafe {
            let p = x.as_ptr().add(start);
            let mut best = load_up_to::<S>(p, lanes);
            let mut place = S::splat(0.0);
            for i in 1..window {
                let candidate = load_up_to::<S>(p.add(i * channels), lanes);
                place = S::select_gt(candidate, best, S::splat(i as f32), place);
                best = S::max(candidate, best);
            }
            store_up_to::<S>(y.as_mut_ptr().add(start), lanes, S::max(S::splat(floor), best));
            S::store(places.as_mut_ptr(), place);
        }
        arg[start..start + lanes].iter_mut().zip(places).for_each(|(arg, place)| *arg = P::from_f32(place));
    }
}

struct Gradient<'a, P> {
    shape: &'a Shape,
    y: &'a [f32],
    dy: &'a [f32],
    arg: &'a [P],
    relu: bool,
    dx: &'a mut [f32],
}

impl<P: Place> Kernel for Gradient<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let &Shape { window, stride, length, channels } = self.shape;
        let outputs = self.shape.outputs();
        if outputs == 0 || self.shape.overlap() {
            self.dx.fill(0.0);
        }
        if outputs == 0 {
            return;
        }
        let size = outputs * channels;
        for (i, dx) in self.dx.chunks_exact_mut(length * channels).enumerate() {
            for o in 0..outputs {
                let row = i * size + o * channels..i * size + (o + 1) * channels;
                let y = if self.relu { &self.y[row.clone()] } else { &[] };
                let (dy, arg) = (&self.dy[row.clone()], &self.arg[row]);
                let rows = &mut dx[o * stride * channels..];
                let add = self.shape.overlap();
                // SAFETY: `window` rows are left in `dx`, and the others have one, or none in `y`.
                unsafe { scatter::<S, P>(&mut rows[..window * channels], y, dy, arg, add) };
                if !add {
                    // The gap to the next window, or all that is left behind the last.
                    let end = if o + 1 < outputs { stride * channels } else { rows.len() };
                    rows[window * channels..end].fill(0.0);
                }
            }
        }
    }
}

/// Writes the gradient of one window, or adds it.
///
/// # Safety
/// `dy` and `arg` have one length, the channels, `y` too unless it is empty, and `dx` a whole number of rows of it; the
/// processor has the instruction set.
#[inline(always)]
unsafe fn scatter<S: Simd, P: Place>(dx: &mut [f32], y: &[f32], dy: &[f32], arg: &[P], add: bool) {
    let channels = dy.len();
    let window = dx.len() / channels;
    let mut places = [0.0f32; WIDEST];
    for start in (0..channels).step_by(S::LANES) {
        let lanes = S::LANES.min(channels - start);
        places.iter_mut().zip(&arg[start..start + lanes]).for_each(|(place, arg)| *place = arg.to_f32());
        // SAFETY: `lanes` channels are left in each row from `start` on.
        unsafe {
            let (zero, place) = (S::splat(0.0), S::load(places.as_ptr()));
            let mut d = load_up_to::<S>(dy.as_ptr().add(start), lanes);
            if !y.is_empty() {
                d = S::select_gt(load_up_to::<S>(y.as_ptr().add(start), lanes), zero, d, zero);
            }
            for i in 0..window {
                let off = S::sub(place, S::splat(i as f32));
                let mut here = S::select_gt(S::splat(0.5), S::mul(off, off), d, zero);
                let p = dx.as_mut_ptr().add(i * channels + start);
                if add {
                    here = S::add(load_up_to::<S>(p, lanes), here);
                }
                store_up_to::<S>(p, lanes, here);
            }
        }
    }
}
