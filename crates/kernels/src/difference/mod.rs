//! What is left of a layer when only the differences between copies of an example and the example itself are carried.
//!
//! Arrays of differences are `[positions, copies, channels]`: copies of one position lie side by side, so that a row of
//! the example serves all of them, and products find positions that no copy changes in whole tiles. Linear layers work on
//! differences as they are; for others the example's own numbers, `[positions, channels]`, are added before the function
//! and taken away after it.

#[cfg(test)]
mod tests;

use crate::Level;
use crate::activation::elementwise::{load_up_to, store_up_to};
use crate::simd::{Kernel, Simd, dispatch};
use crate::size::product;

#[track_caller]
fn check(copies: usize, channels: usize, differences: usize, own: &[usize]) {
    assert!(channels > 0 && copies > 0, "expected copies and channels, found {copies} and {channels}");
    let rows = own[0] / channels;
    let fits = own.iter().all(|&own| own == rows * channels);
    assert!(fits && differences == product(&[rows, copies, channels]), "{differences} differences to {own:?} numbers");
}

/// Adds `own` `[positions, channels]` to each copy in `d` `[positions, copies, channels]`.
pub fn add(level: Level, copies: usize, channels: usize, own: &[f32], d: &mut [f32]) {
    check(copies, channels, d.len(), &[own.len()]);
    dispatch(level, Rows::<0> { copies, channels, before: own, after: own, d });
}

/// Takes `own` `[positions, channels]` away from each copy in `d` `[positions, copies, channels]`.
pub fn subtract(level: Level, copies: usize, channels: usize, own: &[f32], d: &mut [f32]) {
    check(copies, channels, d.len(), &[own.len()]);
    dispatch(level, Rows::<1> { copies, channels, before: own, after: own, d });
}

/// The differences after a rectifier in the place of those before it: `d = max(before + d, 0) - after`, where `before` and
/// `after` `[positions, channels]` are the example's numbers around it.
pub fn relu(level: Level, copies: usize, channels: usize, before: &[f32], after: &[f32], d: &mut [f32]) {
    check(copies, channels, d.len(), &[before.len(), after.len()]);
    dispatch(level, Rows::<2> { copies, channels, before, after, d });
}

/// The window of a max pool.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// The example's maximum over positions of the window that no copy changes, `[channels]`; minus infinity for none.
    pub outside: &'a [f32],
    /// The example's numbers at the other positions, `[positions, channels]`.
    pub own: &'a [f32],
    /// What becomes of the example's window, `[channels]`.
    pub after: &'a [f32],
    /// What is lower becomes this: 0 with a rectifier, minus infinity without.
    pub floor: f32,
}

/// The differences of the maxima of one window, `y` `[copies, channels]`, from those of its positions that copies change,
/// `d` `[positions, copies, channels]`.
pub fn max_window(level: Level, copies: usize, window: Window, d: &[f32], y: &mut [f32]) {
    let channels = window.after.len();
    check(copies, channels, d.len(), &[window.own.len()]);
    assert!(window.outside.len() == channels && y.len() == copies * channels, "one row a copy");
    dispatch(level, Max { copies, window, d, y });
}

/// `WHAT` 0: sums; 1: differences; 2: a rectifier.
struct Rows<'a, const WHAT: u8> {
    copies: usize,
    channels: usize,
    before: &'a [f32],
    after: &'a [f32],
    d: &'a mut [f32],
}

impl<const WHAT: u8> Kernel for Rows<'_, WHAT> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let channels = self.channels;
        let own = self.before.chunks_exact(channels).zip(self.after.chunks_exact(channels));
        for (d, (before, after)) in self.d.chunks_exact_mut(self.copies * channels).zip(own) {
            for start in (0..channels).step_by(S::LANES) {
                let lanes = S::LANES.min(channels - start);
                // SAFETY: `lanes` channels are left in each row from `start` on.
                unsafe {
                    let before = load_up_to::<S>(before.as_ptr().add(start), lanes);
                    let after = load_up_to::<S>(after.as_ptr().add(start), lanes);
                    for row in d.chunks_exact_mut(channels) {
                        let p = row.as_mut_ptr().add(start);
                        let d = load_up_to::<S>(p, lanes);
                        let d = match WHAT {
                            0 => S::add(d, before),
                            1 => S::sub(d, after),
                            // The sum second, so that what is not a number stays so.
                            _ => S::sub(S::max(S::splat(0.0), S::add(before, d)), after),
                        };
                        store_up_to::<S>(p, lanes, d);
                    }
                }
            }
        }
    }
}

struct Max<'a> {
    copies: usize,
    window: Window<'a>,
    d: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Max<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { copies, window, d, y } = self;
        let channels = window.after.len();
        let positions = window.own.len() / channels;
        for start in (0..channels).step_by(S::LANES) {
            let lanes = S::LANES.min(channels - start);
            // SAFETY: `lanes` channels are left in each row from `start` on; `d` has a row for each position and copy.
            unsafe {
                let outside = load_up_to::<S>(window.outside.as_ptr().add(start), lanes);
                let after = load_up_to::<S>(window.after.as_ptr().add(start), lanes);
                let floor = S::max(S::splat(window.floor), outside);
                for copy in 0..copies {
                    let mut best = floor;
                    for position in 0..positions {
                        let own = load_up_to::<S>(window.own.as_ptr().add(position * channels + start), lanes);
                        let d = load_up_to::<S>(d.as_ptr().add((position * copies + copy) * channels + start), lanes);
                        best = S::max(S::add(own, d), best);
                    }
                    store_up_to::<S>(y.as_mut_ptr().add(copy * channels + start), lanes, S::sub(best, after));
                }
            }
        }
    }
}
