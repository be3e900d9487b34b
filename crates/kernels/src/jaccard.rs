//! Continuous Jaccard similarity of two stretches of contributions, one sliding along the other.
//!
//! `sum of sign(x) sign(y) min(|x|, |y|) / sum of max(|x|, |y|)` over positions and bases (Shrikumar et al. 2018, arXiv
//! 1811.00416). Contributions are whole numbers of 16 bits whose sizes add up to at most 32,767, so that no sum overflows
//! and results are the same bits at every level; [`LANES`] offsets are done at once.

use crate::Level;
use crate::simd::{Kernel, Simd, dispatch_words};
use rayon::prelude::*;

/// Offsets that are scored at once.
pub const LANES: usize = 32;
/// Rows of each channel: values as they are, negated, and without sign.
const KINDS: usize = 3;
/// What a lane beyond the last offset covers: so little that no union is above 0.
const NOTHING: i32 = i32::MIN / 2;

/// The contributions of many stretches of one length.
pub struct Stretches {
    length: usize,
    /// Numbers of a position: hypothetical contributions of A C G T, where a method gives such, and that of the base there.
    channels: usize,
    /// `[stretch][position][channel]`.
    values: Vec<i16>,
    /// The base that is there, 0 to 3, `[stretch][position]`.
    bases: Vec<u8>,
    /// Sum of the sizes of a stretch.
    totals: Vec<i32>,
}

impl Stretches {
    /// `n` stretches; `fill` gives the numbers of one, `[position][A C G T own]` or `[position][own]`, and its bases, all of which
    /// are 0 before.
    pub fn new(
        n: usize,
        length: usize,
        hypothetical: bool,
        fill: impl Fn(usize, &mut [i16], &mut [u8]) + Sync,
    ) -> Self {
        let channels = if hypothetical { 5 } else { 1 };
        let (mut values, mut bases) = (vec![0; n * length * channels], vec![0; n * length]);
        let rows = values.par_chunks_mut((length * channels).max(1)).zip(bases.par_chunks_mut(length.max(1)));
        rows.enumerate().for_each(|(row, (values, bases))| fill(row, values, bases));
        let size = |row: &[i16]| row.iter().map(|v| i32::from(v.unsigned_abs())).sum();
        let mut totals: Vec<i32> = values.chunks((length * channels).max(1)).map(size).collect();
        totals.resize(n, 0);
        Self { length, channels, values, bases, totals }
    }

    fn values(&self, row: usize) -> &[i16] {
        let width = self.length * self.channels;
        &self.values[row * width..(row + 1) * width]
    }

    fn bases(&self, row: usize) -> &[u8] {
        &self.bases[row * self.length..(row + 1) * self.length]
    }

    /// A stretch with room for others to reach over either end by `pad` positions.
    pub fn still(&self, row: usize, pad: usize) -> Still {
        Still::new(self.values(row), self.bases(row), self.channels, pad)
    }

    /// The same on the other strand. That another slides along it is the same as that this one stays and the other is turned.
    pub fn turned(&self, row: usize, pad: usize) -> Still {
        let positions = self.values(row).chunks_exact(self.channels).rev();
        let values: Vec<i16> = match self.channels {
            5 => positions.flat_map(|p| [p[3], p[2], p[1], p[0], p[4]]).collect(),
            _ => positions.flatten().copied().collect(),
        };
        let bases: Vec<u8> = self.bases(row).iter().rev().map(|base| 3 - (base & 3)).collect();
        Still::new(&values, &bases, self.channels, pad)
    }

    /// `out[i]` becomes the largest similarity of the stretch `rows[i]` with any of `stills`, one or two of these stretches, over
    /// all offsets; 0 where there are nothing but zeros.
    ///
    /// # Panics
    /// If there is no or a third still, they have other sizes or pads, or a row is not there.
    pub fn best(&self, level: Level, stills: &[Still], rows: &[u32], out: &mut [f32]) {
        assert_eq!(rows.len(), out.len(), "a number for each row");
        assert!(rows.iter().all(|&row| (row as usize) < self.totals.len()), "rows of these stretches");
        let fits = |s: &Still| s.length == self.length && s.channels == self.channels && s.stride == stills[0].stride;
        assert!(stills.iter().all(fits), "stretches of one length");
        assert!(matches!(stills.len(), 1 | 2), "one or two stretches that stay, not {}", stills.len());
        if let [one, other] = stills {
            dispatch_words(level, Best { stretches: self, stills: [one, other], rows, out });
        } else {
            dispatch_words(level, Best { stretches: self, stills: [&stills[0]], rows, out });
        }
    }
}

/// A stretch with zeros beyond its ends, along which others of its length slide.
pub struct Still {
    /// `[channel][kind][position]`: A C G T hypothetical, where there are such, and A C G T own.
    values: Vec<i16>,
    stride: usize,
    channels: usize,
    length: usize,
    /// Sum of sizes of the positions that a stretch covers, for each offset.
    covered: Vec<[i32; LANES]>,
}

impl Still {
    fn new(numbers: &[i16], bases: &[u8], channels: usize, pad: usize) -> Self {
        let length = bases.len();
        let stride = length + 2 * pad + LANES;
        let mut values = vec![0; (channels + 3) * KINDS * stride];
        // Sums of sizes up to each position of the stretch with its room.
        let mut before = vec![0; length + 2 * pad + 1];
        for (i, (row, base)) in numbers.chunks_exact(channels).zip(bases).enumerate() {
            let mut size = 0;
            for (c, &value) in row.iter().enumerate() {
                let channel = if c + 1 == channels { c + usize::from(base & 3) } else { c };
                for (kind, v) in [value, -value, value.abs()].into_iter().enumerate() {
                    values[(channel * KINDS + kind) * stride + pad + i] = v;
                }
                size += i32::from(value.abs());
            }
            before[pad + i + 1] = size;
        }
        (1..before.len()).for_each(|i| before[i] += before[i - 1]);
        let mut covered = vec![[NOTHING; LANES]; (2 * pad + 1).div_ceil(LANES)];
        let inside = (0..=2 * pad).map(|offset| before[offset + length] - before[offset]);
        covered.as_flattened_mut().iter_mut().zip(inside).for_each(|(slot, sum)| *slot = sum);
        Self { values, stride, channels, length, covered }
    }
}

struct Best<'a, const N: usize> {
    stretches: &'a Stretches,
    stills: [&'a Still; N],
    rows: &'a [u32],
    out: &'a mut [f32],
}

impl<const N: usize> Kernel for Best<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { stretches, stills, rows, out } = self;
        for (at, (&row, slot)) in rows.iter().zip(out).enumerate() {
            if let Some(&next) = rows.get(at + 1) {
                prefetch(stretches.values(next as usize));
                prefetch(stretches.bases(next as usize));
            }
            let mut best = f32::NEG_INFINITY;
            for block in 0..stills[0].covered.len() {
                let sums = overlaps(stretches, row as usize, stills, block * LANES);
                for (still, (signed, plain)) in stills.iter().zip(&sums) {
                    best = best.max(highest(stretches.totals[row as usize], &still.covered[block], signed, plain));
                }
            }
            *slot = if best.is_finite() { best } else { 0.0 };
        }
    }
}

/// Rows are anywhere in memory: the next is asked for while one is worked on.
#[inline(always)]
fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks((64 / size_of::<T>()).max(1)) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 processor has the instruction, which only hints at memory.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// The largest quotient of an overlap and its union.
#[inline(always)]
fn highest(total: i32, covered: &[i32; LANES], signed: &[i16; LANES], plain: &[i16; LANES]) -> f32 {
    let mut ratios = [0.0_f32; LANES];
    for lane in 0..LANES {
        let union = total + covered[lane] - i32::from(plain[lane]);
        let ratio = f32::from(signed[lane]) / union as f32;
        ratios[lane] = if union > 0 { ratio } else { f32::NEG_INFINITY };
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            let (a, b) = (ratios[lane], ratios[lane + width]);
            ratios[lane] = if b > a { b } else { a };
        }
        width /= 2;
    }
    ratios[0]
}

/// Sums of the smaller of two sizes, with the sign of the product and without, from an offset on.
#[inline(always)]
fn overlaps<const N: usize>(
    stretches: &Stretches,
    row: usize,
    stills: [&Still; N],
    offset: usize,
) -> [([i16; LANES], [i16; LANES]); N] {
    let mut sums = [([0_i16; LANES], [0_i16; LANES]); N];
    let (channels, stride) = (stretches.channels, stills[0].stride);
    let values = stretches.values(row).chunks_exact(channels);
    for (i, (position, base)) in values.zip(stretches.bases(row)).enumerate() {
        let at = offset + i;
        let (own, hypothetical) = (position[channels - 1], &position[..channels - 1]);
        if let Ok(hypothetical) = <&[i16; 4]>::try_from(hypothetical) {
            for (c, &value) in hypothetical.iter().enumerate() {
                add(stills, c * KINDS * stride + at, value, &mut sums);
            }
        }
        add(stills, (channels - 1 + usize::from(base & 3)) * KINDS * stride + at, own, &mut sums);
    }
    sums
}

#[inline(always)]
fn add<const N: usize>(stills: [&Still; N], at: usize, value: i16, sums: &mut [([i16; LANES], [i16; LANES]); N]) {
    let size = value.abs();
    for (still, (signed, plain)) in stills.iter().zip(sums) {
        let with_sign = at + usize::from(value < 0) * still.stride;
        let sizes = at + 2 * still.stride;
        debug_assert!(sizes + LANES <= still.values.len());
        // SAFETY: `at` is the start of a channel of three rows plus a position with its room, and a row is longer than that by
        // `LANES`; `best` checked that sizes agree.
        let (with_sign, sizes) = unsafe {
            let row = |at: usize| &*still.values.as_ptr().add(at).cast::<[i16; LANES]>();
            (row(with_sign), row(sizes))
        };
        for lane in 0..LANES {
            signed[lane] += with_sign[lane].min(size).max(-size);
            plain[lane] += sizes[lane].min(size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn random(n: usize, length: usize, hypothetical: bool, seed: u64) -> Stretches {
        Stretches::new(n, length, hypothetical, |row, values, bases| {
            let mut state = seed ^ row as u64;
            let mut next = |n: u64| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 33) % n
            };
            values.iter_mut().for_each(|value| *value = next(81) as i16 - 40);
            bases.iter_mut().for_each(|base| *base = next(4) as u8);
        })
    }

    /// One of eight numbers of a position; 0 beyond the ends.
    fn at(stretches: &Stretches, row: usize, turned: bool, i: i64, channel: usize) -> i32 {
        let length = stretches.length as i64;
        if !(0..length).contains(&i) {
            return 0;
        }
        let (i, channel) = if turned { (length - 1 - i, channel / 4 * 4 + 3 - channel % 4) } else { (i, channel) };
        let position = &stretches.values(row)[i as usize * stretches.channels..][..stretches.channels];
        let base = usize::from(stretches.bases(row)[i as usize]);
        match channel {
            0..4 if position.len() == 5 => position[channel].into(),
            4.. if base == channel - 4 => position[position.len() - 1].into(),
            _ => 0,
        }
    }

    /// The definition, of row 1 that slides along row 0; what that one has beyond the other does not count.
    fn naive(stretches: &Stretches, turned: bool, pad: i64) -> f32 {
        let length = stretches.length as i64;
        let score = |offset: i64| {
            let (mut least, mut most) = (0, 0);
            for (i, channel) in (0..length).flat_map(|i| (0..8).map(move |c| (i, c))) {
                let (x, y) = (at(stretches, 1, turned, i, channel), at(stretches, 0, false, offset + i, channel));
                least += x.signum() * y.signum() * x.abs().min(y.abs());
                most += x.abs().max(y.abs());
            }
            if most > 0 { least as f32 / most as f32 } else { f32::NEG_INFINITY }
        };
        (-pad..=pad).map(score).fold(f32::NEG_INFINITY, f32::max)
    }

    proptest! {
        #[test]
        fn the_best_is_that_of_the_definition(
            length in 1_usize..40,
            pad in 0_usize..40,
            hypothetical: bool,
            seed: u64,
        ) {
            let pad = pad.min(length);
            let stretches = random(2, length, hypothetical, seed);
            let forward = naive(&stretches, false, pad as i64);
            let turned = naive(&stretches, true, pad as i64);
            for level in Level::available() {
                let mut found = [0.0; 2];
                stretches.best(level, &[stretches.still(0, pad)], &[1, 1], &mut found);
                prop_assert_eq!(found, [forward; 2], "{}", level);
                let both = [stretches.still(0, pad), stretches.turned(0, pad)];
                stretches.best(level, &both, &[1, 1], &mut found);
                prop_assert_eq!(found, [forward.max(turned); 2], "{}", level);
            }
        }
    }

    #[test]
    fn zeros_and_nothing_are_like_nothing() {
        for level in Level::available() {
            for (length, hypothetical) in [(0, false), (5, false), (0, true), (5, true)] {
                let zeros = Stretches::new(1, length, hypothetical, |_, _, _| ());
                let mut found = [7.0];
                zeros.best(level, &[zeros.still(0, 2)], &[0], &mut found);
                assert_eq!(found, [0.0]);
            }
        }
    }
}
