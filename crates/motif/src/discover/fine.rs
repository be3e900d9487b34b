//! How much two seqlets resemble each other: the continuous Jaccard similarity of their contributions at the best offset.
//!
//! `sum of sign(x) sign(y) min(|x|, |y|) / sum of max(|x|, |y|)` over positions and bases, of hypothetical contributions and
//! of those of the bases that are there, each divided by the sum of its sizes (Shrikumar et al. 2018). One seqlet slides
//! along the other, which has zeros beyond its ends.
//!
//! Contributions are whole numbers of 16 bits here, whose sums cannot overflow; the similarity is within 0.01 of that of the
//! definition. The sliding is done by [`basewise_kernels::jaccard`].

use super::coarse::Neighbours;
use super::tracks::{Position, Tracks};
use super::{Config, Seqlet};
use basewise_kernels::Level;
use basewise_kernels::jaccard::Stretches;
use rayon::prelude::*;

/// What the sizes of a seqlet's contributions add up to, once for each of the two kinds.
const UNIT: f32 = 16_000.0;

/// The similarities of each seqlet with its coarse neighbours, in their order, at the best offset and strand.
pub(super) fn similarities(tracks: &Tracks<'_>, seqlets: &[Seqlet], near: &Neighbours, config: &Config) -> Neighbours {
    let level = Level::best();
    // Shorter ones end with zeros, which count for nothing.
    let length = seqlets.iter().map(|s| (s.end - s.start).max(0) as usize).max().unwrap_or(0);
    let pad = (length as f64 * (1.0 - config.min_overlap.clamp(0.0, 1.0))) as usize;
    let forms = stretches(tracks, seqlets, length);
    let rows = near
        .rows
        .par_iter()
        .enumerate()
        .map(|(i, row)| {
            let mut stills = vec![forms.still(i, pad)];
            stills.extend(tracks.both_strands().then(|| forms.turned(i, pad)));
            let others: Vec<u32> = row.iter().map(|&(j, _)| j).collect();
            let mut found = vec![0.0; others.len()];
            forms.best(level, &stills, &others, &mut found);
            others.into_iter().zip(found).collect()
        })
        .collect();
    Neighbours { rows }
}

/// The contributions of seqlets as whole numbers, side by side.
fn stretches(tracks: &Tracks<'_>, seqlets: &[Seqlet], length: usize) -> Stretches {
    Stretches::new(seqlets.len(), length, tracks.has_hypothetical(), |row, values, bases| {
        let form = Form::of(tracks, &seqlets[row]);
        bases.iter_mut().zip(&form.base).for_each(|(slot, base)| *slot = *base);
        if form.hypothetical.is_empty() {
            values.iter_mut().zip(&form.own).for_each(|(slot, own)| *slot = *own);
        } else {
            let positions = values.as_chunks_mut::<5>().0.iter_mut().zip(&form.hypothetical).zip(&form.own);
            positions.for_each(|((slot, &[a, c, g, t]), &own)| *slot = [a, c, g, t, own]);
        }
    })
}

/// Contributions of one reading of a seqlet as whole numbers.
pub(super) struct Form {
    /// `[position][A C G T]`; empty where a method gives no hypothetical contributions.
    hypothetical: Vec<[i16; 4]>,
    /// Of the base that is there.
    own: Vec<i16>,
    base: Vec<u8>,
    /// Sum of the sizes of all.
    total: i32,
}

impl Form {
    pub(super) fn of(tracks: &Tracks<'_>, seqlet: &Seqlet) -> Self {
        Self::new(&tracks.window(seqlet), tracks.has_hypothetical())
    }

    fn new(window: &[Position], has_hypothetical: bool) -> Self {
        let scale = |sum: f32| if sum > 0.0 { UNIT / sum } else { 0.0 };
        let by = scale(window.iter().map(|p| p.contribution.abs()).sum());
        // Cutting the fraction off keeps the sum of sizes within the unit.
        let own: Vec<i16> = window.iter().map(|p| (p.contribution * by) as i16).collect();
        let by = scale(window.iter().flat_map(|p| p.hypothetical).map(f32::abs).sum());
        let rows = window.iter().map(|p| p.hypothetical.map(|h| (h * by) as i16));
        let hypothetical: Vec<[i16; 4]> = if has_hypothetical { rows.collect() } else { Vec::new() };
        let sizes = own.iter().chain(hypothetical.iter().flatten()).map(|v| i32::from(v.abs()));
        Self { total: sizes.sum(), own, hypothetical, base: window.iter().map(|p| p.base.min(3)).collect() }
    }
}

/// The similarity of two seqlets of one length as they lie.
pub(super) fn aligned_similarity(x: &Form, y: &Form) -> f32 {
    let (mut signed, mut plain) = overlap(x.hypothetical.as_flattened(), y.hypothetical.as_flattened());
    for i in (0..x.own.len().min(y.own.len())).filter(|&i| x.base[i] == y.base[i]) {
        let (with_sign, size) = smaller(x.own[i], y.own[i]);
        signed += with_sign;
        plain += size;
    }
    let union = x.total + y.total - i32::from(plain);
    if union > 0 { f32::from(signed) / union as f32 } else { 0.0 }
}

/// The smaller of two sizes, with the sign of the product and without.
#[inline(always)]
fn smaller(a: i16, b: i16) -> (i16, i16) {
    let size = a.abs().min(b.abs());
    let negative = (a ^ b) >> 15;
    ((size ^ negative) - negative, size)
}

/// Sums of [`smaller`], which cannot overflow, as sizes add up to [`UNIT`] at most.
fn overlap(x: &[i16], y: &[i16]) -> (i16, i16) {
    const WIDTH: usize = 16;
    let (mut signed, mut plain) = ([0_i16; WIDTH], [0_i16; WIDTH]);
    let ((x_rows, x_rest), (y_rows, y_rest)) = (x.as_chunks::<WIDTH>(), y.as_chunks::<WIDTH>());
    for (a, b) in x_rows.iter().zip(y_rows) {
        for lane in 0..WIDTH {
            let (with_sign, size) = smaller(a[lane], b[lane]);
            signed[lane] += with_sign;
            plain[lane] += size;
        }
    }
    for (lane, (&a, &b)) in x_rest.iter().zip(y_rest).enumerate() {
        let (with_sign, size) = smaller(a, b);
        signed[lane] += with_sign;
        plain[lane] += size;
    }
    (signed.iter().sum(), plain.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::random::{below, normal, stream};

    fn random(length: usize, seed: u64) -> Vec<Position> {
        let mut rng = stream(seed, "fine test", &[]);
        (0..length)
            .map(|_| {
                let base = below(&mut rng, 5) as u8;
                let hypothetical: [f32; 4] =
                    if base > 3 { [0.0; 4] } else { std::array::from_fn(|_| normal(&mut rng) as f32) };
                let contribution = if base > 3 { 0.0 } else { hypothetical[usize::from(base)] };
                Position { base, contribution, hypothetical }
            })
            .collect()
    }

    /// The similarity of the second with the first along which it slides.
    fn best(still: &[Position], slides: &[Position], has_hypothetical: bool, min_overlap: f64) -> f32 {
        let length = still.len();
        let forms = Stretches::new(2, length, has_hypothetical, |row, values, bases| {
            let form = Form::new([still, slides][row], has_hypothetical);
            bases.copy_from_slice(&form.base);
            for (i, slot) in values.chunks_exact_mut(if has_hypothetical { 5 } else { 1 }).enumerate() {
                let own = form.own[i];
                match form.hypothetical.get(i) {
                    Some(&[a, c, g, t]) => slot.copy_from_slice(&[a, c, g, t, own]),
                    None => slot[0] = own,
                }
            }
        });
        let pad = (length as f64 * (1.0 - min_overlap)) as usize;
        let mut found = [0.0];
        forms.best(Level::best(), &[forms.still(0, pad)], &[1], &mut found);
        found[0]
    }

    /// Eight numbers a position, each kind divided by the sum of its sizes.
    fn dense(window: &[Position]) -> Vec<[f64; 8]> {
        let own = |p: &Position| f64::from(p.contribution);
        let total: f64 = window.iter().map(|p| own(p).abs()).sum();
        let all: f64 = window.iter().flat_map(|p| p.hypothetical).map(|h| f64::from(h.abs())).sum();
        let row = |p: &Position| {
            std::array::from_fn(|c| {
                if c < 4 {
                    f64::from(p.hypothetical[c]) / all
                } else if usize::from(p.base) == c - 4 {
                    own(p) / total
                } else {
                    0.0
                }
            })
        };
        window.iter().map(row).collect()
    }

    /// The definition.
    fn naive(x: &[[f64; 8]], y: &[[f64; 8]], pad: usize, channels: std::ops::Range<usize>) -> f64 {
        let at = |i: i64, c: usize| usize::try_from(i).ok().and_then(|i| y.get(i)).map_or(0.0, |row| row[c]);
        let score = |offset: i64| {
            let (mut least, mut most) = (0.0, 0.0);
            for (i, row) in x.iter().enumerate() {
                for c in channels.clone() {
                    let (a, b) = (row[c], at(offset + i as i64, c));
                    least += (a * b).signum() * a.abs().min(b.abs()) * f64::from(u8::from(a * b != 0.0));
                    most += a.abs().max(b.abs());
                }
            }
            least / most
        };
        let pad = pad as i64;
        let last = y.len() as i64 - x.len() as i64 + pad;
        (-pad..=last).map(score).fold(f64::NEG_INFINITY, f64::max)
    }

    #[test]
    fn similarities_are_those_of_the_definition() {
        for (length, pairs) in [(41, 30), (50, 10), (61, 10), (5, 10), (1, 4)] {
            for pair in 0..pairs {
                let (a, mut b) = (random(length, 2 * pair), random(length, 2 * pair + 1));
                if pair % 2 == 0 && length > 5 {
                    // A shifted copy with noise, so that the best offset matters.
                    b[3..].copy_from_slice(&a[..length - 3]);
                }
                let pad = (length as f64 * (1.0 - 0.7_f64)) as usize;
                for has_hypothetical in [true, false] {
                    let found = best(&a, &b, has_hypothetical, 0.7);
                    let channels = if has_hypothetical { 0..8 } else { 4..8 };
                    let expected = naive(&dense(&b), &dense(&a), pad, channels);
                    let expected = if expected.is_nan() { 0.0 } else { expected };
                    if expected.is_finite() {
                        assert!((f64::from(found) - expected).abs() < 0.01, "{length} {pair} {found} {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_seqlet_is_one_to_itself_and_minus_one_to_its_negative() {
        let a = random(41, 9);
        let negated: Vec<Position> = a
            .iter()
            .map(|p| Position { contribution: -p.contribution, hypothetical: p.hypothetical.map(|h| -h), ..*p })
            .collect();
        // Without sliding.
        assert_eq!(best(&a, &a, true, 1.0), 1.0);
        assert_eq!(best(&a, &negated, true, 1.0), -1.0);
        assert_eq!(aligned_similarity(&Form::new(&a, true), &Form::new(&negated, true)), -1.0);
        let other = random(41, 2);
        assert_eq!(aligned_similarity(&Form::new(&a, true), &Form::new(&other, true)), best(&a, &other, true, 1.0));
    }
}
