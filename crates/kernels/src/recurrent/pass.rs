//! Passes over rows, one vector at a time.

use crate::simd::{Kernel, Level, Simd, dispatch};

/// The lanes of a vector that are in use.
pub(super) trait Lanes: Copy {
    /// Numbers from `p`.
    ///
    /// # Safety
    /// The lanes in use are readable and the processor has the instruction set.
    unsafe fn load<S: Simd>(self, p: *const f32) -> S::F;

    /// Numbers to `p`.
    ///
    /// # Safety
    /// The lanes in use are writable and the processor has the instruction set.
    unsafe fn store<S: Simd>(self, p: *mut f32, v: S::F);
}

/// All lanes.
#[derive(Clone, Copy)]
struct Whole;

/// The first lanes, at the end of a row.
#[derive(Clone, Copy)]
struct First(usize);

impl Lanes for Whole {
    #[inline(always)]
    unsafe fn load<S: Simd>(self, p: *const f32) -> S::F {
        // SAFETY: the caller's.
        unsafe { S::load(p) }
    }
    #[inline(always)]
    unsafe fn store<S: Simd>(self, p: *mut f32, v: S::F) {
        // SAFETY: the caller's.
        unsafe { S::store(p, v) }
    }
}

impl Lanes for First {
    #[inline(always)]
    unsafe fn load<S: Simd>(self, p: *const f32) -> S::F {
        // SAFETY: the caller's.
        unsafe { S::load_part(p, self.0) }
    }
    #[inline(always)]
    unsafe fn store<S: Simd>(self, p: *mut f32, v: S::F) {
        // SAFETY: the caller's.
        unsafe { S::store_part(p, self.0, v) }
    }
}

/// Element-wise work on the hidden units of a block of examples.
pub(super) trait Pass {
    /// The work on the units from `column` on of the example `row`. Implementations are `#[inline(always)]`.
    ///
    /// # Safety
    /// The rows and units are those the pass was made for and the processor has the instruction set.
    unsafe fn vector<S: Simd, L: Lanes>(&self, row: usize, column: usize, lanes: L);
}

struct Over<'a, P> {
    pass: &'a P,
    rows: usize,
    width: usize,
}

impl<P: Pass> Kernel for Over<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let whole = self.width - self.width % S::LANES;
        for row in 0..self.rows {
            for column in (0..whole).step_by(S::LANES) {
                // SAFETY: `over`'s caller made the pass for these rows; dispatch chose the instruction set.
                unsafe { self.pass.vector::<S, _>(row, column, Whole) };
            }
            if whole < self.width {
                // SAFETY: as above, and the lanes end with the row.
                unsafe { self.pass.vector::<S, _>(row, whole, First(self.width - whole)) };
            }
        }
    }
}

/// Runs a pass over `rows` examples of `width` hidden units, in this order.
///
/// # Safety
/// The pass was made for as many rows and hidden units.
pub(super) unsafe fn over<P: Pass>(level: Level, rows: usize, width: usize, pass: &P) {
    dispatch(level, Over { pass, rows, width });
}
