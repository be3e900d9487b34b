//! `exp(x)` over the sum of its row, and the way back.

use crate::Level;
use crate::activation::elementwise::{load_up_to, store_up_to};
use crate::activation::functions::exp;
use crate::norm::lanes_of;
use crate::simd::{Kernel, Simd, dispatch};

#[track_caller]
fn check(columns: usize, x: usize) {
    assert!(columns > 0 && x.is_multiple_of(columns), "{x} values are not rows of {columns}");
}

/// Each row of `x` `[rows, columns]` becomes its softmax. A row with a number that is none, or that is infinite, becomes
/// what is no number.
pub fn forward_in_place(level: Level, columns: usize, x: &mut [f32]) {
    check(columns, x.len());
    dispatch(level, Forward { columns, x });
}

/// The gradient of the input in the place of `dy`: `dx = y (dy - sum(y dy))` over each row of `y` and `dy`
/// `[rows, columns]`, where `y` is the output.
pub fn backward_in_place(level: Level, columns: usize, y: &[f32], dy: &mut [f32]) {
    check(columns, y.len());
    assert_eq!(y.len(), dy.len(), "output and gradient have one length");
    dispatch(level, Backward { columns, y, dy });
}

struct Forward<'a> {
    columns: usize,
    x: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let whole = self.columns / S::LANES * S::LANES;
        for row in self.x.chunks_exact_mut(self.columns) {
            let p = row.as_mut_ptr();
            // SAFETY: whole vectors lie before `whole`, and what is left of the row behind it.
            unsafe {
                let mut most = S::splat(f32::NEG_INFINITY);
                for start in (0..whole).step_by(S::LANES) {
                    most = S::max(most, S::load(p.add(start)));
                }
                let lanes = lanes_of::<S>(most);
                let most = lanes[..S::LANES].iter().chain(&row[whole..]).copied().fold(f32::NEG_INFINITY, f32::max);
                let mut sum = S::splat(0.0);
                for start in (0..whole).step_by(S::LANES) {
                    let e = exp::<S>(S::sub(S::load(p.add(start)), S::splat(most)));
                    S::store(p.add(start), e);
                    sum = S::add(sum, e);
                }
                if whole < row.len() {
                    let left = row.len() - whole;
                    let e = exp::<S>(S::sub(S::load_part(p.add(whole), left), S::splat(most)));
                    S::store_part(p.add(whole), left, e);
                }
                let total: f32 = lanes_of::<S>(sum)[..S::LANES].iter().chain(&row[whole..]).sum();
                let factor = S::splat(1.0 / total);
                for start in (0..row.len()).step_by(S::LANES) {
                    let lanes = S::LANES.min(row.len() - start);
                    store_up_to::<S>(p.add(start), lanes, S::mul(load_up_to::<S>(p.add(start), lanes), factor));
                }
            }
        }
    }
}

struct Backward<'a> {
    columns: usize,
    y: &'a [f32],
    dy: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let columns = self.columns;
        for (y, dy) in self.y.chunks_exact(columns).zip(self.dy.chunks_exact_mut(columns)) {
            let (y, p) = (y.as_ptr(), dy.as_mut_ptr());
            // SAFETY: `lanes` numbers are left in each row from `start` on; those beyond count as zeros.
            unsafe {
                let mut sum = S::splat(0.0);
                for start in (0..columns).step_by(S::LANES) {
                    let lanes = S::LANES.min(columns - start);
                    sum = S::fma(load_up_to::<S>(y.add(start), lanes), load_up_to::<S>(p.add(start), lanes), sum);
                }
                let total = S::splat(lanes_of::<S>(sum)[..S::LANES].iter().sum());
                for start in (0..columns).step_by(S::LANES) {
                    let lanes = S::LANES.min(columns - start);
                    let slope = S::sub(load_up_to::<S>(p.add(start), lanes), total);
                    store_up_to::<S>(p.add(start), lanes, S::mul(load_up_to::<S>(y.add(start), lanes), slope));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seed: usize, count: usize, by: f32) -> Vec<f32> {
        (0..count).map(|i| (((i * 7919 + seed * 104_729) % 1000) as f32 / 500.0 - 1.0) * by).collect()
    }

    #[test]
    fn rows_sum_to_one_and_gradients_are_those_of_the_definition() {
        for columns in (1..20).chain([31, 32, 33, 100]) {
            for (level, by) in Level::available().into_iter().flat_map(|level| [(level, 3.0), (level, 200.0)]) {
                let (x, dy) = (numbers(1, 3 * columns, by), numbers(2, 3 * columns, 1.0));
                let (mut y, mut dx) = (x.clone(), dy.clone());
                forward_in_place(level, columns, &mut y);
                backward_in_place(level, columns, &y, &mut dx);
                for row in 0..3 {
                    let own = row * columns..(row + 1) * columns;
                    let most = x[own.clone()].iter().copied().fold(f32::MIN, f32::max);
                    let e: Vec<f64> = x[own.clone()].iter().map(|&x| f64::from(x - most).exp()).collect();
                    let want: Vec<f64> = e.iter().map(|v| v / e.iter().sum::<f64>()).collect();
                    let sum: f64 = want.iter().zip(&dy[own.clone()]).map(|(y, &dy)| y * f64::from(dy)).sum();
                    for ((i, want), at) in want.iter().enumerate().zip(own) {
                        let slope = want * (f64::from(dy[at]) - sum);
                        assert!((f64::from(y[at]) - want).abs() < 2e-6, "{level} {columns} {i}: {} {want}", y[at]);
                        assert!((f64::from(dx[at]) - slope).abs() < 4e-6, "{level} {columns} {i}: {} {slope}", dx[at]);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_so() {
        for level in Level::available() {
            let mut row = [1.0; 20];
            row[3] = f32::NAN;
            forward_in_place(level, 20, &mut row);
            assert!(row.iter().all(|y| y.is_nan()));
        }
    }
}
