//! Vectors of f32, chosen at run time.
//!
//! A kernel is written once, generic over [`Simd`], as a type that implements [`Kernel`] with an `#[inline(always)]`
//! body; [`dispatch`] compiles it for every instruction set and runs the one that the [`Level`] names.

mod bytes;
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use bytes::{ByteKernel, Bytes, dispatch_bytes};
pub(crate) use lanes::Simd;

use std::fmt;
use std::sync::OnceLock;

/// An instruction set that this processor has. Only [`Level::best`] and [`Level::available`] make one, so that a level
/// in hand is proof that its instructions exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Set::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "AVX-512",
            #[cfg(target_arch = "aarch64")]
            Set::Neon => "NEON",
        })
    }
}

impl Level {
    /// The widest instruction set of this processor, found once.
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().pop().unwrap_or(Self(Set::Portable)))
    }

    /// All that this processor has, the widest last; the first is always the portable one.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self(Set::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            let fma = std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma");
            if fma {
                levels.push(Self(Set::Avx2));
            }
            if fma && std::arch::is_x86_feature_detected!("avx512f") {
                levels.push(Self(Set::Avx512));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            levels.push(Self(Set::Neon));
        }
        levels
    }

    /// Numbers in one vector: 16, 8 or 4.
    pub fn lanes(self) -> usize {
        match self.0 {
            Set::Portable => portable::Portable::LANES,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => x86::Avx2::LANES,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => x86::Avx512::LANES,
            #[cfg(target_arch = "aarch64")]
            Set::Neon => neon::Neon::LANES,
        }
    }
}

impl Level {
    /// Vectors that registers hold.
    pub(crate) fn registers(self) -> usize {
        match self.0 {
            Set::Portable => portable::Portable::REGISTERS,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => x86::Avx2::REGISTERS,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => x86::Avx512::REGISTERS,
            #[cfg(target_arch = "aarch64")]
            Set::Neon => neon::Neon::REGISTERS,
        }
    }
}

/// Work that is compiled for every instruction set.
pub(crate) trait Kernel {
    type Output;

    /// The work. Implementations are `#[inline(always)]`, so that they are compiled with the caller's instructions.
    fn run<S: Simd>(self) -> Self::Output;
}

/// Runs a kernel with the instructions of a level.
#[inline]
pub(crate) fn dispatch<K: Kernel>(level: Level, kernel: K) -> K::Output {
    match level.0 {
        Set::Portable => kernel.run::<portable::Portable>(),
        // SAFETY: the level is proof that the processor has these instructions.
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => unsafe { x86::run_avx2(kernel) },
        // SAFETY: the level is proof that the processor has these instructions.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => unsafe { x86::run_avx512(kernel) },
        // SAFETY: the level is proof that the processor has these instructions.
        #[cfg(target_arch = "aarch64")]
        Set::Neon => unsafe { neon::run_neon(kernel) },
    }
}

/// Runs a kernel whose loops are over whole numbers of 16 bits: as [`dispatch`], but AVX-512 is used with its operations on
/// bytes and words where the processor has them.
#[inline]
pub(crate) fn dispatch_words<K: Kernel>(level: Level, kernel: K) -> K::Output {
    match level.0 {
        #[cfg(target_arch = "x86_64")]
        Set::Avx512
            if std::arch::is_x86_feature_detected!("avx512bw") && std::arch::is_x86_feature_detected!("avx512vl") =>
        {
            // SAFETY: the level, and the look at the processor for what it does not say, are proof of the instructions.
            unsafe { x86::run_avx512_words(kernel) }
        }
        _ => dispatch(level, kernel),
    }
}

#[cfg(test)]
mod tests;
