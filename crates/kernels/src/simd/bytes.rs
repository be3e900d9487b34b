//! Vectors of bytes, chosen at run time: what a search with small tables needs.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::{Level, Set};

/// A vector of bytes of one instruction set.
///
/// # Safety
/// Operations are called only where the instruction set is there, and `load` only with [`Bytes::LANES`] readable bytes.
pub(crate) unsafe trait Bytes {
    /// Bytes in a vector, at most 64.
    const LANES: usize;
    type V: Copy;
    type Table: Copy;

    unsafe fn zero() -> Self::V;
    unsafe fn load(p: *const u8) -> Self::V;
    /// A table of 16 bytes, ready for [`Bytes::look_up`].
    unsafe fn table(row: &[u8; 16]) -> Self::Table;
    /// The entry of each lane, whose number is below 16.
    unsafe fn look_up(table: Self::Table, v: Self::V) -> Self::V;
    /// The sum, 255 at most.
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// A bit for each lane that is at most `limit`.
    unsafe fn at_most(v: Self::V, limit: u8) -> u64;
}

/// Work on bytes that is compiled for every instruction set.
pub(crate) trait ByteKernel {
    /// The work. Implementations are `#[inline(always)]`, so that they are compiled with the caller's instructions.
    ///
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn run<B: Bytes>(self);
}

/// Runs a kernel with the instructions of a level; AVX-512 without its operations on bytes runs as AVX2.
pub(crate) fn dispatch_bytes<K: ByteKernel>(level: Level, kernel: K) {
    // SAFETY: the level, and the look at the processor for what a level does not say, are proof of the instructions.
    unsafe {
        match level.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 if std::arch::is_x86_feature_detected!("avx512bw") => run_avx512(kernel),
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 | Set::Avx2 => run_avx2(kernel),
            #[cfg(target_arch = "aarch64")]
            Set::Neon => kernel.run::<Neon>(),
            Set::Portable => kernel.run::<Portable>(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn run_avx2<K: ByteKernel>(kernel: K) {
    // SAFETY: the caller has the instruction set.
    unsafe { kernel.run::<Avx2>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx2")]
unsafe fn run_avx512<K: ByteKernel>(kernel: K) {
    // SAFETY: the caller has the instruction set.
    unsafe { kernel.run::<Avx512>() }
}

struct Portable;

// SAFETY: plain code; `load` reads LANES bytes.
unsafe impl Bytes for Portable {
    const LANES: usize = 16;
    type V = [u8; 16];
    type Table = [u8; 16];

    #[inline(always)]
    unsafe fn zero() -> [u8; 16] {
        [0; 16]
    }
    #[inline(always)]
    unsafe fn load(p: *const u8) -> [u8; 16] {
        // SAFETY: the caller gives 16 readable bytes.
        unsafe { p.cast::<[u8; 16]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn table(row: &[u8; 16]) -> [u8; 16] {
        *row
    }
    #[inline(always)]
    unsafe fn look_up(table: [u8; 16], v: [u8; 16]) -> [u8; 16] {
        v.map(|code| table[usize::from(code & 15)])
    }
    #[inline(always)]
    unsafe fn add(a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        std::array::from_fn(|i| a[i].saturating_add(b[i]))
    }
    #[inline(always)]
    unsafe fn at_most(v: [u8; 16], limit: u8) -> u64 {
        v.iter().rev().fold(0, |bits, &x| bits << 1 | u64::from(x <= limit))
    }
}

#[cfg(target_arch = "x86_64")]
struct Avx2;

// SAFETY: each operation is the intrinsic of its name; `load` reads LANES bytes.
#[cfg(target_arch = "x86_64")]
unsafe impl Bytes for Avx2 {
    const LANES: usize = 32;
    type V = __m256i;
    type Table = __m256i;

    #[inline(always)]
    unsafe fn zero() -> __m256i {
        // SAFETY: the caller has the instruction set.
        unsafe { _mm256_setzero_si256() }
    }
    #[inline(always)]
    unsafe fn load(p: *const u8) -> __m256i {
        // SAFETY: the caller has the instruction set and gives 32 readable bytes.
        unsafe { _mm256_loadu_si256(p.cast()) }
    }
    #[inline(always)]
    unsafe fn table(row: &[u8; 16]) -> __m256i {
        // SAFETY: the caller has the instruction set; a row has 16 bytes.
        unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(row.as_ptr().cast())) }
    }
    #[inline(always)]
    unsafe fn look_up(table: __m256i, v: __m256i) -> __m256i {
        // SAFETY: the caller has the instruction set.
        unsafe { _mm256_shuffle_epi8(table, v) }
    }
    #[inline(always)]
    unsafe fn add(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller has the instruction set.
        unsafe { _mm256_adds_epu8(a, b) }
    }
    #[inline(always)]
    unsafe fn at_most(v: __m256i, limit: u8) -> u64 {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let limit = _mm256_set1_epi8(limit.cast_signed());
            let bits = _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(v, limit), v));
            u64::from(bits.cast_unsigned())
        }
    }
}

#[cfg(target_arch = "x86_64")]
struct Avx512;

// SAFETY: each operation is the intrinsic of its name; `load` reads LANES bytes.
#[cfg(target_arch = "x86_64")]
unsafe impl Bytes for Avx512 {
    const LANES: usize = 64;
    type V = __m512i;
    type Table = __m512i;

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        // SAFETY: the caller has the instruction set.
        unsafe { _mm512_setzero_si512() }
    }
    #[inline(always)]
    unsafe fn load(p: *const u8) -> __m512i {
        // SAFETY: the caller has the instruction set and gives 64 readable bytes.
        unsafe { _mm512_loadu_si512(p.cast()) }
    }
    #[inline(always)]
    unsafe fn table(row: &[u8; 16]) -> __m512i {
        // SAFETY: the caller has the instruction set; a row has 16 bytes.
        unsafe { _mm512_broadcast_i32x4(_mm_loadu_si128(row.as_ptr().cast())) }
    }
    #[inline(always)]
    unsafe fn look_up(table: __m512i, v: __m512i) -> __m512i {
        // SAFETY: the caller has the instruction set.
        unsafe { _mm512_shuffle_epi8(table, v) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller has the instruction set.
        unsafe { _mm512_adds_epu8(a, b) }
    }
    #[inline(always)]
    unsafe fn at_most(v: __m512i, limit: u8) -> u64 {
        // SAFETY: the caller has the instruction set.
        unsafe { _mm512_cmple_epu8_mask(v, _mm512_set1_epi8(limit.cast_signed())) }
    }
}

#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::*;

#[cfg(target_arch = "aarch64")]
struct Neon;

// SAFETY: each operation is the intrinsic of its name; `load` reads LANES bytes.
#[cfg(target_arch = "aarch64")]
unsafe impl Bytes for Neon {
    const LANES: usize = 16;
    type V = uint8x16_t;
    type Table = uint8x16_t;

    #[inline(always)]
    unsafe fn zero() -> uint8x16_t {
        // SAFETY: the caller has the instruction set.
        unsafe { vdupq_n_u8(0) }
    }
    #[inline(always)]
    unsafe fn load(p: *const u8) -> uint8x16_t {
        // SAFETY: the caller has the instruction set and gives 16 readable bytes.
        unsafe { vld1q_u8(p) }
    }
    #[inline(always)]
    unsafe fn table(row: &[u8; 16]) -> uint8x16_t {
        // SAFETY: the caller has the instruction set; a row has 16 bytes.
        unsafe { vld1q_u8(row.as_ptr()) }
    }
    #[inline(always)]
    unsafe fn look_up(table: uint8x16_t, v: uint8x16_t) -> uint8x16_t {
        // SAFETY: the caller has the instruction set.
        unsafe { vqtbl1q_u8(table, v) }
    }
    #[inline(always)]
    unsafe fn add(a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: the caller has the instruction set.
        unsafe { vqaddq_u8(a, b) }
    }
    #[inline(always)]
    unsafe fn at_most(v: uint8x16_t, limit: u8) -> u64 {
        let mut lanes = [0_u8; 16];
        // SAFETY: the caller has the instruction set; the array has 16 writable bytes.
        unsafe { vst1q_u8(lanes.as_mut_ptr(), v) };
        lanes.iter().rev().fold(0, |bits, &x| bits << 1 | u64::from(x <= limit))
    }
}
