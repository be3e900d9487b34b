//! Loads and stores of what is left of a row.

use crate::simd::Simd;

/// The first `n` of the vector's lanes from `p`, all of them where `n` is as large; zeros in the others.
///
/// # Safety
/// `n` numbers, at most a vector, are readable at `p`; the processor has the instruction set.
#[inline(always)]
pub(crate) unsafe fn load_up_to<S: Simd>(p: *const f32, n: usize) -> S::F {
    // SAFETY: as the caller promises.
    unsafe { if n >= S::LANES { S::load(p) } else { S::load_part(p, n) } }
}

/// The first `n` of the vector's lanes to `p`, all of them where `n` is as large.
///
/// # Safety
/// `n` numbers, at most a vector, are writable at `p`; the processor has the instruction set.
#[inline(always)]
pub(crate) unsafe fn store_up_to<S: Simd>(p: *mut f32, n: usize, v: S::F) {
    // SAFETY: as the caller promises.
    unsafe { if n >= S::LANES { S::store(p, v) } else { S::store_part(p, n, v) } }
}
