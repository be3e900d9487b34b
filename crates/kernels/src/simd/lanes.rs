//! What a vector can do.

/// A vector of f32 and its operations. All are unsafe in the same two ways: the processor must have the instruction
/// set, which [`super::dispatch`] sees to, and pointers must be valid for the lanes that are read or written, at any
/// alignment.
///
/// # Safety
/// Each operation does what its name says and touches no memory but the lanes named in its documentation.
pub(crate) unsafe trait Simd: Copy {
    /// The vector.
    type F: Copy;
    /// Numbers in a vector.
    const LANES: usize;
    /// Vectors that registers hold.
    const REGISTERS: usize;

    /// All lanes the same.
    unsafe fn splat(x: f32) -> Self::F;
    /// `LANES` numbers from `p`.
    unsafe fn load(p: *const f32) -> Self::F;
    /// `LANES` numbers to `p`.
    unsafe fn store(p: *mut f32, v: Self::F);
    /// The first `n <= LANES` lanes from `p`, zeros in the others.
    unsafe fn load_part(p: *const f32, n: usize) -> Self::F;
    /// The first `n <= LANES` lanes to `p`.
    unsafe fn store_part(p: *mut f32, n: usize, v: Self::F);
    /// The first `n` lanes to `p`, all of them if there are fewer.
    #[inline(always)]
    unsafe fn store_part_or_whole(p: *mut f32, n: usize, v: Self::F) {
        // SAFETY: the caller gives as many writable numbers.
        unsafe { if n >= Self::LANES { Self::store(p, v) } else { Self::store_part(p, n, v) } }
    }
    /// `a + b`.
    unsafe fn add(a: Self::F, b: Self::F) -> Self::F;
    /// `a - b`.
    unsafe fn sub(a: Self::F, b: Self::F) -> Self::F;
    /// `a * b`.
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F;
    /// `a / b`.
    unsafe fn div(a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, rounded once where the instruction set can.
    unsafe fn fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// The larger in each lane; of a number that is not a number, `b`.
    unsafe fn max(a: Self::F, b: Self::F) -> Self::F;
    /// The smaller in each lane; of a number that is not a number, `b`.
    unsafe fn min(a: Self::F, b: Self::F) -> Self::F;
    /// Square roots.
    unsafe fn sqrt(a: Self::F) -> Self::F;
    /// To the nearest whole numbers.
    unsafe fn round(a: Self::F) -> Self::F;
    /// `2^a` for whole numbers `-126 <= a <= 127`.
    unsafe fn exp2_whole(a: Self::F) -> Self::F;
    /// In each lane `a` where `x > y`, else `b`.
    unsafe fn select_gt(x: Self::F, y: Self::F, a: Self::F, b: Self::F) -> Self::F;
}
