//! Plain arrays, which any processor runs; the oracle of the others.

use super::Simd;

const N: usize = 8;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

#[inline(always)]
fn zip(a: [f32; N], b: [f32; N], f: impl Fn(f32, f32) -> f32) -> [f32; N] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

// SAFETY: reads and writes go through as many numbers as the documentation of the trait says, none beside them.
unsafe impl Simd for Portable {
    type F = [f32; N];
    const LANES: usize = N;
    const REGISTERS: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::F {
        [x; N]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self::F {
        // SAFETY: the caller gives N readable numbers.
        unsafe { p.cast::<Self::F>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: Self::F) {
        // SAFETY: the caller gives N writable numbers.
        unsafe { p.cast::<Self::F>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize) -> Self::F {
        let mut v = [0.0; N];
        // SAFETY: the caller gives n readable numbers, n <= N.
        v.iter_mut().take(n).enumerate().for_each(|(i, v)| *v = unsafe { p.add(i).read() });
        v
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, n: usize, v: Self::F) {
        // SAFETY: the caller gives n writable numbers, n <= N.
        v.iter().take(n).enumerate().for_each(|(i, v)| unsafe { p.add(i).write(*v) });
    }
    #[inline(always)]
    unsafe fn add(a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        // Two roundings: a fused product without the instruction would be a call for each number.
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn max(a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn sqrt(a: Self::F) -> Self::F {
        a.map(f32::sqrt)
    }
    #[inline(always)]
    unsafe fn round(a: Self::F) -> Self::F {
        a.map(f32::round_ties_even)
    }
    #[inline(always)]
    unsafe fn exp2_whole(a: Self::F) -> Self::F {
        a.map(|a| f32::from_bits(((a as i32 + 127) << 23) as u32))
    }
    #[inline(always)]
    unsafe fn select_gt(x: Self::F, y: Self::F, a: Self::F, b: Self::F) -> Self::F {
        std::array::from_fn(|i| if x[i] > y[i] { a[i] } else { b[i] })
    }
}
