//! Likelihoods of counts in many columns: what a zero contributes, how other counts differ from it, and the softmax that gives
//! means.
//!
//! Most counts of a cell are 0, and for these the negative binomial distribution needs no gamma function. So these kernels
//! treat every value as a 0, and who calls them puts right the few that are none, with [`positives`].
//!
//! Arrays are `[rows, columns]`, row-major. All functions run on the calling thread.

mod positive;

pub use positive::{PositiveSlopes, Positives, positives};

use crate::Level;
use crate::activation::elementwise::{load_up_to, store_up_to};
use crate::activation::functions::{exp, softplus_and_sigmoid, softplus_both_ways};
use crate::simd::{Kernel, Simd, dispatch};

/// Lanes of the widest vector.
const MOST: usize = 64;

/// The largest number of each row, and the sum of `e^(x - largest)`.
///
/// # Panics
/// If sizes do not fit.
pub fn exponential_sums(level: Level, columns: usize, x: &[f32], largest: &mut [f32], sums: &mut [f32]) {
    assert_eq!(x.len(), largest.len() * columns, "rows of {columns} numbers");
    assert_eq!(largest.len(), sums.len(), "a sum for each row");
    dispatch(level, Sums { columns, x, largest, sums });
}

struct Sums<'a> {
    columns: usize,
    x: &'a [f32],
    largest: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let mut lanes = [0.0_f32; MOST];
        let columns = self.columns;
        let rows = self.x.chunks_exact(columns.max(1));
        for (row, (out, total)) in rows.zip(self.largest.iter_mut().zip(self.sums)) {
            let whole = columns / S::LANES * S::LANES;
            // SAFETY: `start + LANES`, or `start + n`, numbers are in the row; `lanes` holds the widest vector.
            unsafe {
                let mut most = S::splat(f32::NEG_INFINITY);
                for start in (0..whole).step_by(S::LANES) {
                    most = S::max(most, S::load(row.as_ptr().add(start)));
                }
                S::store(lanes.as_mut_ptr(), most);
                let seen = lanes[..S::LANES].iter().chain(&row[whole..]);
                let largest = seen.fold(f32::NEG_INFINITY, |most, &x| most.max(x));
                let shift = S::splat(largest);
                let mut sum = S::splat(0.0);
                for start in (0..whole).step_by(S::LANES) {
                    sum = S::add(sum, exp::<S>(S::sub(S::load(row.as_ptr().add(start)), shift)));
                }
                S::store(lanes.as_mut_ptr(), sum);
                let mut all: f32 = lanes[..S::LANES].iter().sum();
                if whole < columns {
                    let n = columns - whole;
                    let e = exp::<S>(S::sub(load_up_to::<S>(row.as_ptr().add(whole), n), shift));
                    S::store(lanes.as_mut_ptr(), e);
                    all += lanes[..n].iter().sum::<f32>();
                }
                (*out, *total) = (largest, all);
            }
        }
    }
}

/// `y = scale (y - factor e^(x + offset))`, with an offset and a factor for each row: the way back through a softmax.
///
/// # Panics
/// If sizes do not fit.
pub fn less_exponentials(
    level: Level,
    columns: usize,
    x: &[f32],
    offsets: &[f32],
    factors: &[f32],
    scale: f32,
    y: &mut [f32],
) {
    assert_eq!(x.len(), offsets.len() * columns, "rows of {columns} numbers");
    assert_eq!((x.len(), offsets.len()), (y.len(), factors.len()), "sizes of rows");
    dispatch(level, Less { columns, x, offsets, factors, scale, y });
}

struct Less<'a> {
    columns: usize,
    x: &'a [f32],
    offsets: &'a [f32],
    factors: &'a [f32],
    scale: f32,
    y: &'a mut [f32],
}

impl Kernel for Less<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let columns = self.columns;
        let rows = self.x.chunks_exact(columns.max(1)).zip(self.y.chunks_exact_mut(columns.max(1)));
        for (i, (x, y)) in rows.enumerate() {
            for start in (0..columns).step_by(S::LANES) {
                let n = S::LANES.min(columns - start);
                // SAFETY: `n` numbers are left in the row from `start` on.
                unsafe {
                    let x = load_up_to::<S>(x.as_ptr().add(start), n);
                    let e = exp::<S>(S::add(x, S::splat(self.offsets[i])));
                    let out = y.as_mut_ptr().add(start);
                    let y = S::fma(S::splat(-self.factors[i]), e, load_up_to::<S>(out, n));
                    store_up_to::<S>(out, n, S::mul(y, S::splat(self.scale)));
                }
            }
        }
    }
}

/// Counts of 0 in some columns, under the negative binomial distribution with mean `e^(logit + offset)` and inverse
/// dispersion `e^log_dispersion`; with `inflation`, the logits of a further chance of 0 (zero-inflated).
#[derive(Clone, Copy, Debug)]
pub struct Zeros<'a> {
    /// `[rows, columns]`.
    pub logits: &'a [f32],
    /// Of each row.
    pub offsets: &'a [f32],
    /// Of each column.
    pub log_dispersion: &'a [f32],
    /// Its exponential.
    pub dispersion: &'a [f32],
    /// `[rows, columns]`, or nothing.
    pub inflation: Option<&'a [f32]>,
}

/// What [`zeros`] writes.
#[derive(Debug)]
pub struct ZeroSlopes<'a> {
    /// Sum of `-ln P(0)` of each row, overwritten.
    pub losses: &'a mut [f32],
    /// Sum of `logits` of each row, overwritten.
    pub sums: &'a mut [f32],
    /// Derivative of the loss by each logit, as if offsets were fixed; overwritten.
    pub logits: &'a mut [f32],
    /// Derivative by `log_dispersion`, summed over rows; added to.
    pub log_dispersion: &'a mut [f32],
    /// Derivative by `inflation`, overwritten; of the same size.
    pub inflation: &'a mut [f32],
}

/// `-ln P(0)` and its derivatives. With `d = logit + offset - log_dispersion` and `θ` the inverse dispersion, the negative
/// binomial distribution gives `z = θ ln(1 + e^d)`, and with the logit `l` of zero inflation that becomes
/// `ln(1 + e^l) + z - ln(1 + e^(l + z))`.
///
/// # Panics
/// If sizes do not fit.
pub fn zeros(level: Level, input: Zeros<'_>, out: ZeroSlopes<'_>) {
    let (rows, columns) = (input.offsets.len(), input.dispersion.len());
    assert_eq!(input.logits.len(), rows * columns, "{rows} rows of {columns} numbers");
    assert_eq!(input.log_dispersion.len(), columns, "a dispersion for each column");
    assert_eq!((out.losses.len(), out.sums.len()), (rows, rows), "sums of rows");
    assert_eq!((out.logits.len(), out.log_dispersion.len()), (rows * columns, columns), "sizes of slopes");
    if let Some(inflation) = input.inflation {
        assert_eq!((inflation.len(), out.inflation.len()), (rows * columns, rows * columns), "sizes of inflation");
    }
    dispatch(level, ZeroKernel { input, out });
}

struct ZeroKernel<'a> {
    input: Zeros<'a>,
    out: ZeroSlopes<'a>,
}

impl Kernel for ZeroKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { input, out } = self;
        let columns = input.dispersion.len();
        let mut lanes = [[0.0_f32; MOST]; 2];
        for i in 0..input.offsets.len() {
            let mut totals = [0.0_f32; 2];
            // SAFETY: `n` numbers are left in each row from `start` on; `lanes` holds the widest vector.
            unsafe {
                let offset = S::splat(input.offsets[i]);
                let mut sums = [S::splat(0.0); 2];
                for start in (0..columns).step_by(S::LANES) {
                    let n = S::LANES.min(columns - start);
                    let at = i * columns + start;
                    let r = load_up_to::<S>(input.log_dispersion.as_ptr().add(start), n);
                    let theta = load_up_to::<S>(input.dispersion.as_ptr().add(start), n);
                    let logit = load_up_to::<S>(input.logits.as_ptr().add(at), n);
                    let (softplus, sigmoid) = softplus_and_sigmoid::<S>(S::sub(S::add(logit, offset), r));
                    let mut loss = S::mul(theta, softplus);
                    let mut slope = S::mul(theta, sigmoid);
                    let mut by_dispersion = S::sub(loss, slope);
                    if let Some(inflation) = input.inflation {
                        let l = load_up_to::<S>(inflation.as_ptr().add(at), n);
                        let (alone, chance) = softplus_and_sigmoid::<S>(l);
                        // `share` is 1 - `kept`, from the exponential where both are small.
                        let [both, _, kept, share] = softplus_both_ways::<S>(S::add(l, loss));
                        store_up_to::<S>(out.inflation.as_mut_ptr().add(at), n, S::sub(chance, kept));
                        loss = S::add(alone, S::sub(loss, both));
                        slope = S::mul(slope, share);
                        by_dispersion = S::mul(by_dispersion, share);
                    }
                    let total = out.log_dispersion.as_mut_ptr().add(start);
                    store_up_to::<S>(total, n, S::add(load_up_to::<S>(total, n), by_dispersion));
                    store_up_to::<S>(out.logits.as_mut_ptr().add(at), n, slope);
                    if n == S::LANES {
                        sums = [S::add(sums[0], loss), S::add(sums[1], slope)];
                    } else {
                        S::store(lanes[0].as_mut_ptr(), loss);
                        S::store(lanes[1].as_mut_ptr(), slope);
                        totals = [lanes[0][..n].iter().sum(), lanes[1][..n].iter().sum()];
                    }
                }
                S::store(lanes[0].as_mut_ptr(), sums[0]);
                S::store(lanes[1].as_mut_ptr(), sums[1]);
            }
            out.losses[i] = totals[0] + lanes[0][..S::LANES].iter().sum::<f32>();
            out.sums[i] = totals[1] + lanes[1][..S::LANES].iter().sum::<f32>();
        }
    }
}

#[cfg(test)]
mod tests;
