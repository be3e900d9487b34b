//! Dropout (Srivastava et al. 2014) whose mask is never stored.
//!
//! Whether an element is kept is a function of a key and the element's index, so the backward pass makes the same mask
//! again, and chunks of an array can be worked on in any order. The bits are SplitMix64's (Steele, Lea and Flood 2014):
//! its output function of an arithmetic sequence, one word for two neighbouring indices.

use crate::Level;
use crate::simd::{Kernel, Simd, dispatch};

/// Step between the states of SplitMix64: 2^64 over the golden ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The output function of SplitMix64.
#[inline(always)]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The two words of 32 bits of the indices `2 pair` and `2 pair + 1`.
#[inline(always)]
fn words(state: u64, pair: u64) -> [u32; 2] {
    let word = mix(state.wrapping_add(STEP.wrapping_mul(pair)));
    [word as u32, (word >> 32) as u32]
}

/// How elements are kept.
#[derive(Clone, Copy)]
struct Rule {
    /// The sequence of a key begins in a place of its own, so that neighbouring keys share no stretch of it.
    state: u64,
    /// Words below are dropped.
    threshold: u32,
    /// What is kept is multiplied by this, so that means stay.
    scale: f32,
}

impl Rule {
    #[track_caller]
    fn new(key: u64, rate: f32) -> Self {
        assert!((0.0..1.0).contains(&rate), "a dropout rate is at least 0 and below 1, not {rate}");
        let threshold = (f64::from(rate) * 2f64.powi(32)).round() as u32;
        Self { state: mix(key.wrapping_add(STEP)), threshold, scale: 1.0 / (1.0 - rate) }
    }

    #[inline(always)]
    fn apply(self, word: u32, x: f32) -> f32 {
        if word >= self.threshold { x * self.scale } else { 0.0 }
    }
}

/// Sets elements to zero with probability `rate` and divides the others by `1 - rate`, in place.
///
/// `first` is the index of `x[0]` in the whole array, so that chunks get their part of the mask. The gradient is the same
/// function of `dy`, see [`dropout_backward`]. `rate` is at least 0 and below 1.
pub fn dropout(level: Level, key: u64, first: u64, rate: f32, x: &mut [f32]) {
    let rule = Rule::new(key, rate);
    // One element apart where the chunk begins within a pair.
    let odd = usize::from(first % 2 == 1).min(x.len());
    let (head, rest) = x.split_at_mut(odd);
    head.iter_mut().for_each(|x| *x = rule.apply(words(rule.state, first / 2)[1], *x));
    dispatch(level, Elements { rule, pair: first.div_ceil(2), x: rest });
}

/// Puts the gradient of [`dropout`]'s input in the place of `dy`, with the same key, first index and rate.
pub fn dropout_backward(level: Level, key: u64, first: u64, rate: f32, dy: &mut [f32]) {
    dropout(level, key, first, rate, dy);
}

struct Elements<'a> {
    rule: Rule,
    pair: u64,
    x: &'a mut [f32],
}

impl Kernel for Elements<'_> {
    type Output = ();

    /// Plain code in runs of a fixed length, which compilers turn into vectors: no [`Simd`] has whole numbers.
    #[inline(always)]
    fn run<S: Simd>(self) {
        const PAIRS: usize = 32;
        let Self { rule, pair, x } = self;
        for (run, x) in x.chunks_mut(2 * PAIRS).enumerate() {
            let pair = pair.wrapping_add((run * PAIRS) as u64);
            let mut bits = [[0u32; 2]; PAIRS];
            for (i, bits) in bits.iter_mut().enumerate() {
                *bits = words(rule.state, pair.wrapping_add(i as u64));
            }
            for (x, &word) in x.iter_mut().zip(bits.as_flattened()) {
                *x = rule.apply(word, *x);
            }
        }
    }
}

/// [`dropout`] of whole channels of a sequence: `x` `[n, length, channels]`, `first` the index of its first sequence in
/// the batch.
pub fn dropout_channels(
    level: Level,
    key: u64,
    first: u64,
    rate: f32,
    (length, channels): (usize, usize),
    x: &mut [f32],
) {
    let size = length.checked_mul(channels).filter(|&size| size > 0 && x.len().is_multiple_of(size));
    assert!(size.is_some(), "{} values are not sequences of {length} x {channels}", x.len());
    let mut mask = vec![0.0; channels];
    for (i, x) in x.chunks_exact_mut(length * channels).enumerate() {
        mask.fill(1.0);
        let index = first.wrapping_add(i as u64).wrapping_mul(channels as u64);
        dropout(level, key, index, rate, &mut mask);
        dispatch(level, Rows { mask: &mask, x });
    }
}

struct Rows<'a> {
    mask: &'a [f32],
    x: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        for x in self.x.chunks_exact_mut(self.mask.len()) {
            x.iter_mut().zip(self.mask).for_each(|(x, &mask)| *x = if mask > 0.0 { *x * mask } else { 0.0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: usize = if cfg!(miri) { 2000 } else { 200_000 };

    fn mask(key: u64, rate: f32) -> Vec<f32> {
        let mut x = vec![1.0; COUNT];
        dropout(Level::best(), key, 0, rate, &mut x);
        x
    }

    /// Within five standard deviations of a binomial count.
    fn binomial(name: &str, found: usize, count: usize, probability: f64) {
        let mean = count as f64 * probability;
        let deviation = (mean * (1.0 - probability)).sqrt();
        assert!((found as f64 - mean).abs() <= 5.0 * deviation, "{name}: {found} instead of {mean} of {count}");
    }

    #[test]
    fn rates_and_scales_are_right() {
        for rate in [0.0, 0.1, 0.5, 0.9] {
            let x = mask(3, rate);
            assert!(x.iter().all(|&x| x == 0.0 || x == 1.0 / (1.0 - rate)));
            binomial("dropped", x.iter().filter(|&&x| x == 0.0).count(), COUNT, f64::from(rate));
        }
    }

    #[test]
    fn neighbouring_indices_and_keys_are_independent() {
        for rate in [0.2f32, 0.5] {
            let dropped = |key| mask(key, rate).iter().map(|&x| x == 0.0).collect::<Vec<_>>();
            let joint = f64::from(rate).powi(2);
            let base = dropped(40);
            for lag in [1, 2, 3, 64, 128] {
                let both = (lag..COUNT).filter(|&i| base[i] && base[i - lag]).count();
                binomial("both of two indices", both, COUNT - lag, joint);
            }
            for key in [41, 42, 40 + (1 << 32), 40u64.wrapping_add(STEP)] {
                let other = dropped(key);
                for shift in [0, 1, 2] {
                    let both = (shift..COUNT).filter(|&i| base[i] && other[i - shift]).count();
                    binomial("both of two keys", both, COUNT - shift, joint);
                }
            }
        }
    }

    /// Chi-square over the 256 patterns of eight neighbours: 255 degrees of freedom, deviation 22.6.
    #[test]
    fn patterns_of_eight_are_equally_frequent() {
        let x = mask(77, 0.5);
        let mut counts = [0usize; 256];
        for x in x.chunks_exact(8) {
            counts[x.iter().fold(0, |pattern, &x| 2 * pattern + usize::from(x == 0.0))] += 1;
        }
        let expected = (COUNT / 8) as f64 / 256.0;
        let square: f64 = counts.iter().map(|&count| (count as f64 - expected).powi(2) / expected).sum();
        assert!((square - 255.0).abs() < 5.0 * 22.6, "chi-square {square}");
    }

    #[test]
    fn chunks_and_levels_agree() {
        let whole: Vec<f32> = mask(5, 0.3).into_iter().take(300).collect();
        for level in Level::available() {
            for cut in [0, 1, 2, 63, 64, 65, 199, 300] {
                let mut x = vec![1.0; 300];
                let (front, back) = x.split_at_mut(cut);
                dropout(level, 5, 0, 0.3, front);
                dropout_backward(level, 5, cut as u64, 0.3, back);
                assert_eq!(x, whole, "{level}: cut at {cut}");
            }
        }
    }

    #[test]
    fn channels_go_as_a_whole() {
        let (n, length, channels) = (4, 5, 7);
        for level in Level::available() {
            let mut x = vec![1.0; n * length * channels];
            dropout_channels(level, 9, 0, 0.5, (length, channels), &mut x);
            let rows: Vec<&[f32]> = x.chunks_exact(channels).collect();
            for (i, row) in rows.iter().enumerate() {
                assert_eq!(*row, rows[i / length * length], "{level}: row {i}");
            }
            assert!(rows[0] != rows[length] && x.contains(&0.0) && x.contains(&2.0));
            let mut last = vec![1.0; length * channels];
            dropout_channels(level, 9, 3, 0.5, (length, channels), &mut last);
            assert_eq!(last, x[3 * length * channels..], "{level}");
        }
    }

    #[test]
    fn what_is_dropped_is_zero_whatever_it_was() {
        let mut x = vec![f32::NAN; 100];
        dropout(Level::best(), 1, 0, 0.5, &mut x);
        assert!(x.contains(&0.0));
    }

    #[test]
    #[should_panic(expected = "below 1, not 1")]
    fn a_rate_of_one_is_refused() {
        dropout(Level::best(), 1, 0, 1.0, &mut []);
    }
}
