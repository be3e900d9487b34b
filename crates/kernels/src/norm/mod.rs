//! Batch normalization (Ioffe and Szegedy 2015) of `[rows, channels]`, where rows are all positions of all sequences.
//!
//! Sums over rows run in f32 over 64 rows and in f64 from there on, into sums that the caller gives: chunks of rows are
//! summed apart and their sums added in order. Variances come from a second pass about the mean, not from the difference
//! of two large numbers.

pub mod positions;

use crate::Level;
use crate::activation::elementwise::{load_up_to, store_up_to};
use crate::simd::{Kernel, Simd, dispatch};

/// Rows that are summed in f32.
const RUN: usize = 64;
/// Lanes of the widest vector.
pub(crate) const WIDEST: usize = 16;

#[track_caller]
fn check(channels: usize, x: usize, per_channel: &[usize]) {
    assert!(channels > 0 && x.is_multiple_of(channels), "{x} values are not rows of {channels} channels");
    assert!(per_channel.iter().all(|&found| found == channels), "{per_channel:?} values for {channels} channels");
}

/// Adds the sum of each channel: `x` `[rows, channels]`, `sum` `[channels]`. The mean is the sum over the rows.
pub fn mean_partial(level: Level, channels: usize, x: &[f32], sum: &mut [f64]) {
    check(channels, x.len(), &[sum.len()]);
    dispatch(level, Sum { channels, x, mean: None, sum });
}

/// Adds the sum of squares about `mean` of each channel: `x` `[rows, channels]`, the others `[channels]`. The variance is
/// the sum over the rows.
pub fn square_partial(level: Level, channels: usize, x: &[f32], mean: &[f32], sum: &mut [f64]) {
    check(channels, x.len(), &[mean.len(), sum.len()]);
    dispatch(level, Sum { channels, x, mean: Some(mean), sum });
}

struct Sum<'a> {
    channels: usize,
    x: &'a [f32],
    mean: Option<&'a [f32]>,
    sum: &'a mut [f64],
}

impl Kernel for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let channels = self.channels;
        for x in self.x.chunks(RUN * channels) {
            for start in (0..channels).step_by(S::LANES) {
                let lanes = S::LANES.min(channels - start);
                // SAFETY: `lanes` channels are left in each row, and in `mean`, from `start` on.
                let sum = unsafe {
                    let mut sum = S::splat(0.0);
                    match self.mean {
                        None => {
                            for row in x.chunks_exact(channels) {
                                sum = S::add(sum, load_up_to::<S>(row.as_ptr().add(start), lanes));
                            }
                        }
                        Some(mean) => {
                            let mean = load_up_to::<S>(mean.as_ptr().add(start), lanes);
                            for row in x.chunks_exact(channels) {
                                let d = S::sub(load_up_to::<S>(row.as_ptr().add(start), lanes), mean);
                                sum = S::fma(d, d, sum);
                            }
                        }
                    }
                    lanes_of::<S>(sum)
                };
                add(&mut self.sum[start..start + lanes], &sum);
            }
        }
    }
}

/// The lanes of a vector.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
pub(crate) unsafe fn lanes_of<S: Simd>(v: S::F) -> [f32; WIDEST] {
    let mut lanes = [0.0; WIDEST];
    // SAFETY: no vector is wider.
    unsafe { S::store(lanes.as_mut_ptr(), v) };
    lanes
}

#[inline(always)]
fn add(sum: &mut [f64], part: &[f32]) {
    sum.iter_mut().zip(part).for_each(|(sum, &part)| *sum += f64::from(part));
}

/// Mean, reciprocal of the standard deviation, scale and shift of each channel, all `[channels]`.
#[derive(Clone, Copy, Debug)]
pub struct Statistics<'a> {
    /// Mean.
    pub mean: &'a [f32],
    /// `1 / sqrt(variance + epsilon)`.
    pub inv_std: &'a [f32],
    /// What the normalized values are multiplied by.
    pub scale: &'a [f32],
    /// What is added then.
    pub shift: &'a [f32],
}

impl Statistics<'_> {
    #[track_caller]
    fn check(&self, x: usize) -> usize {
        let channels = self.mean.len();
        check(channels, x, &[channels, self.inv_std.len(), self.scale.len(), self.shift.len()]);
        channels
    }
}

/// `y = (x - mean) inv_std scale + shift`, with `relu` cut off at zero; both `[rows, channels]`.
pub fn normalize(level: Level, x: &[f32], statistics: Statistics<'_>, relu: bool, y: &mut [f32]) {
    let channels = statistics.check(x.len());
    assert_eq!(x.len(), y.len(), "input and output have one length");
    let (rows, x, y) = (x.len() / channels, x.as_ptr(), y.as_mut_ptr());
    dispatch(level, Normalize { rows, x, y, statistics, floor: floor(relu) });
}

/// [`normalize`] with `y` in the place of `x`.
pub fn normalize_in_place(level: Level, x: &mut [f32], statistics: Statistics<'_>, relu: bool) {
    let channels = statistics.check(x.len());
    let (rows, y) = (x.len() / channels, x.as_mut_ptr());
    dispatch(level, Normalize { rows, x: y, y, statistics, floor: floor(relu) });
}

fn floor(relu: bool) -> f32 {
    if relu { 0.0 } else { f32::NEG_INFINITY }
}

/// `x` and `y` point to `rows` rows, and may be the same.
struct Normalize<'a> {
    rows: usize,
    x: *const f32,
    y: *mut f32,
    statistics: Statistics<'a>,
    floor: f32,
}

impl Kernel for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Statistics { mean, inv_std, scale, shift } = self.statistics;
        let channels = mean.len();
        for row in (0..self.rows).step_by(RUN) {
            for start in (0..channels).step_by(S::LANES) {
                let lanes = S::LANES.min(channels - start);
                // SAFETY: `lanes` channels are left in each row, and in the statistics, from `start` on; each number is
                // read before it is written.
                unsafe {
                    let mean = load_up_to::<S>(mean.as_ptr().add(start), lanes);
                    let inv_std = load_up_to::<S>(inv_std.as_ptr().add(start), lanes);
                    let factor = S::mul(inv_std, load_up_to::<S>(scale.as_ptr().add(start), lanes));
                    let shift = load_up_to::<S>(shift.as_ptr().add(start), lanes);
                    for row in row..self.rows.min(row + RUN) {
                        let at = row * channels + start;
                        let x = load_up_to::<S>(self.x.add(at), lanes);
                        let y = S::fma(S::sub(x, mean), factor, shift);
                        // The value second, so that what is not a number stays so.
                        store_up_to::<S>(self.y.add(at), lanes, S::max(S::splat(self.floor), y));
                    }
                }
            }
        }
    }
}

/// Adds the gradients of scale and shift: `d_scale += sum(dy (x - mean) inv_std)` and `d_shift += sum(dy)`.
///
/// `x` and `dy` are `[rows, channels]`. `relu` is the output `y` where [`normalize`] cut it off at zero: where it is not
/// above zero, `dy` counts as zero. Of the statistics, mean and reciprocal deviation are read.
pub fn backward_sums(
    level: Level,
    x: &[f32],
    statistics: Statistics<'_>,
    relu: Option<&[f32]>,
    dy: &[f32],
    d_scale: &mut [f64],
    d_shift: &mut [f64],
) {
    let channels = statistics.check(x.len());
    check(channels, x.len(), &[d_scale.len(), d_shift.len()]);
    assert!(x.len() == dy.len() && relu.is_none_or(|y| y.len() == x.len()), "all arrays have one length");
    dispatch(level, BackwardSums { x, statistics, relu, dy, d_scale, d_shift });
}

struct BackwardSums<'a> {
    x: &'a [f32],
    statistics: Statistics<'a>,
    relu: Option<&'a [f32]>,
    dy: &'a [f32],
    d_scale: &'a mut [f64],
    d_shift: &'a mut [f64],
}

impl Kernel for BackwardSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Statistics { mean, inv_std, .. } = self.statistics;
        let channels = mean.len();
        let rows = self.x.len() / channels;
        for first in (0..rows).step_by(RUN) {
            for start in (0..channels).step_by(S::LANES) {
                let lanes = S::LANES.min(channels - start);
                // SAFETY: `lanes` channels are left in each row, and in the statistics, from `start` on.
                let (scale, shift) = unsafe {
                    let mean = load_up_to::<S>(mean.as_ptr().add(start), lanes);
                    let inv_std = load_up_to::<S>(inv_std.as_ptr().add(start), lanes);
                    let (mut scale, mut shift) = (S::splat(0.0), S::splat(0.0));
                    for row in first..rows.min(first + RUN) {
                        let at = row * channels + start;
                        let dy = masked::<S>(self.dy.as_ptr().add(at), self.relu, at, lanes);
                        let centred = S::sub(load_up_to::<S>(self.x.as_ptr().add(at), lanes), mean);
                        scale = S::fma(dy, centred, scale);
                        shift = S::add(shift, dy);
                    }
                    (lanes_of::<S>(S::mul(scale, inv_std)), lanes_of::<S>(shift))
                };
                add(&mut self.d_scale[start..start + lanes], &scale);
                add(&mut self.d_shift[start..start + lanes], &shift);
            }
        }
    }
}

/// `dy`, or zero where the output at the same place was cut off.
///
/// # Safety
/// `lanes` numbers are readable at `dy`, and in `relu` from `at` on; the processor has the instruction set.
#[inline(always)]
unsafe fn masked<S: Simd>(dy: *const f32, relu: Option<&[f32]>, at: usize, lanes: usize) -> S::F {
    // SAFETY: as the caller promises.
    unsafe {
        let dy = load_up_to::<S>(dy, lanes);
        match relu {
            None => dy,
            Some(y) => {
                let zero = S::splat(0.0);
                S::select_gt(load_up_to::<S>(y.as_ptr().add(at), lanes), zero, dy, zero)
            }
        }
    }
}

/// Puts the gradient of the input in the place of `dy`:
/// `dx = scale inv_std (dy - d_shift / n - (x - mean) inv_std d_scale / n)`.
///
/// `x` and `dy` `[rows, channels]`; `mean_d_scale` and `mean_d_shift` `[channels]` are the sums of [`backward_sums`] over all rows of
/// the batch, divided by their number `n`; zeros for statistics that are constants. `relu` as in [`backward_sums`].
pub fn backward_apply(
    level: Level,
    x: &[f32],
    statistics: Statistics<'_>,
    relu: Option<&[f32]>,
    mean_d_scale: &[f32],
    mean_d_shift: &[f32],
    dy: &mut [f32],
) {
    let channels = statistics.check(x.len());
    check(channels, x.len(), &[mean_d_scale.len(), mean_d_shift.len()]);
    assert!(x.len() == dy.len() && relu.is_none_or(|y| y.len() == x.len()), "all arrays have one length");
    dispatch(level, BackwardApply { x, statistics, relu, mean_d_scale, mean_d_shift, dy });
}

struct BackwardApply<'a> {
    x: &'a [f32],
    statistics: Statistics<'a>,
    relu: Option<&'a [f32]>,
    mean_d_scale: &'a [f32],
    mean_d_shift: &'a [f32],
    dy: &'a mut [f32],
}

impl Kernel for BackwardApply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Statistics { mean, inv_std, scale, .. } = self.statistics;
        let channels = mean.len();
        let rows = self.x.len() / channels;
        for first in (0..rows).step_by(RUN) {
            for start in (0..channels).step_by(S::LANES) {
                let lanes = S::LANES.min(channels - start);
                // SAFETY: `lanes` channels are left in each row, and in all arrays of channels, from `start` on.
                unsafe {
                    let mean = load_up_to::<S>(mean.as_ptr().add(start), lanes);
                    let inv_std = load_up_to::<S>(inv_std.as_ptr().add(start), lanes);
                    let factor = S::mul(inv_std, load_up_to::<S>(scale.as_ptr().add(start), lanes));
                    let d_scale = load_up_to::<S>(self.mean_d_scale.as_ptr().add(start), lanes);
                    let d_scale = S::mul(inv_std, d_scale);
                    let d_shift = load_up_to::<S>(self.mean_d_shift.as_ptr().add(start), lanes);
                    for row in first..rows.min(first + RUN) {
                        let at = row * channels + start;
                        let p = self.dy.as_mut_ptr().add(at);
                        let dy = masked::<S>(p, self.relu, at, lanes);
                        let centred = S::sub(load_up_to::<S>(self.x.as_ptr().add(at), lanes), mean);
                        let rest = S::sub(S::sub(dy, d_shift), S::mul(centred, d_scale));
                        store_up_to::<S>(p, lanes, S::mul(factor, rest));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
