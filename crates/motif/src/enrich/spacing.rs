//! How far apart, on which side and on which strand one motif stands from another.

use crate::scan::{Occurrence, q_values};
use basewise_core::Strand;
use basewise_core::metrics::SMALLEST_P;
use std::collections::BTreeMap;

/// One distance and arrangement of two motifs.
#[derive(Clone, Debug, PartialEq)]
pub struct SpacingBin {
    /// Bases between the two.
    pub gap: usize,
    /// Whether the second stands after the first, as the first reads.
    pub is_downstream: bool,
    /// Whether both read on the same strand.
    pub same_strand: bool,
    /// Sequences with this arrangement.
    pub observed: usize,
    /// As many as are expected where the second stands anywhere in its sequence that does not overlap the first, on either
    /// strand.
    pub expected: f64,
    /// Probability of `observed` or more of a Poisson distribution of that mean.
    pub p_value: f64,
    /// q-value over all arrangements (Benjamini and Hochberg 1995).
    pub q_value: f64,
}

/// The arrangements of two motifs.
#[derive(Clone, Debug, PartialEq)]
pub struct Spacing {
    /// Sequences in which both occur without overlap.
    pub sequences: usize,
    /// Every gap up to the largest one that was asked for, in all arrangements: by gap, upstream first, the same strand first.
    /// Where only one strand is read, only arrangements of the same strand, and where the first is.
    pub bins: Vec<SpacingBin>,
}

/// The arrangements of the second of two motifs around the first, over sequences of the given `lengths`.
///
/// Of each sequence the best occurrences of either count, the leftmost of equal ones. `both_strands` says whether occurrences
/// were sought on both. The p-value treats sequences as independent.
///
/// # Panics
/// If an occurrence is of no sequence of `lengths`.
pub fn spacing(
    occurrences: &[Occurrence],
    motifs: [usize; 2],
    widths: [usize; 2],
    lengths: &[usize],
    both_strands: bool,
    max_gap: usize,
) -> Spacing {
    let best = [best_places(occurrences, motifs[0]), best_places(occurrences, motifs[1])];
    let strands = if both_strands { 2 } else { 1 };
    // [gap][upstream, downstream][same, opposite]
    let mut observed = vec![[[0_usize; 2]; 2]; max_gap + 1];
    let mut expected = vec![[[0.0; 2]; 2]; max_gap + 1];
    let mut sequences = 0;
    for (sequence, one) in &best[0] {
        let Some(other) = best[1].get(sequence) else { continue };
        let (end, other_end) = (one.start + widths[0], other.start + widths[1]);
        let (gap, is_right) = if other.start >= end {
            (other.start - end, true)
        } else if other_end <= one.start {
            (one.start - other_end, false)
        } else {
            continue;
        };
        sequences += 1;
        let is_reverse = one.strand == Strand::Reverse;
        if gap <= max_gap {
            observed[gap][usize::from(is_right != is_reverse)][usize::from(one.strand != other.strand)] += 1;
        }
        // Gaps that there is room for on either side of the first motif.
        let room = |bases: usize| (bases + 1).saturating_sub(widths[1]);
        let (left, right) = (room(one.start), room(lengths[*sequence].saturating_sub(end)));
        let share = 1.0 / (strands * (left + right)) as f64;
        for (places, is_right) in [(left, false), (right, true)] {
            for bin in expected.iter_mut().take(places) {
                let side = &mut bin[usize::from(is_right != is_reverse)];
                side.iter_mut().take(strands).for_each(|slot| *slot += share);
            }
        }
    }
    Spacing { sequences, bins: bins(&observed, &expected, strands) }
}

fn best_places(occurrences: &[Occurrence], motif: usize) -> BTreeMap<usize, &Occurrence> {
    let mut best: BTreeMap<usize, &Occurrence> = BTreeMap::new();
    for found in occurrences.iter().filter(|o| o.motif == motif) {
        let held = best.entry(found.sequence).or_insert(found);
        if found.score > held.score || (found.score == held.score && found.start < held.start) {
            *held = found;
        }
    }
    best
}

fn bins(observed: &[[[usize; 2]; 2]], expected: &[[[f64; 2]; 2]], strands: usize) -> Vec<SpacingBin> {
    let mut bins = Vec::new();
    for (gap, (seen, mean)) in observed.iter().zip(expected).enumerate() {
        for side in 0..2 {
            for strand in 0..strands {
                let (observed, expected) = (seen[side][strand], mean[side][strand]);
                let p_value = poisson_tail(observed, expected).max(SMALLEST_P);
                let (is_downstream, same_strand) = (side == 1, strand == 0);
                bins.push(SpacingBin { gap, is_downstream, same_strand, observed, expected, p_value, q_value: 1.0 });
            }
        }
    }
    let p: Vec<f64> = bins.iter().map(|bin| bin.p_value).collect();
    bins.iter_mut().zip(q_values(&p, p.len())).for_each(|(bin, q)| bin.q_value = q);
    bins
}

/// `P(N >= n)` for a Poisson distribution.
fn poisson_tail(n: usize, mean: f64) -> f64 {
    if n == 0 {
        return 1.0;
    }
    if mean <= 0.0 {
        return 0.0;
    }
    let ln = |k: usize| k as f64 * mean.ln() - mean - (1..=k).map(|i| (i as f64).ln()).sum::<f64>();
    if (n as f64) <= mean {
        // One less the terms below, from the largest on: the first ones of a large mean are too small for an f64.
        let (mut share, mut sum) = (1.0, 1.0);
        for k in (1..n).rev() {
            share *= k as f64 / mean;
            sum += share;
        }
        return (1.0 - ln(n - 1).exp() * sum).clamp(0.0, 1.0);
    }
    let (mut share, mut sum, mut k) = (1.0, 1.0, n + 1);
    while share > sum * 1e-17 {
        share *= mean / k as f64;
        sum += share;
        k += 1;
    }
    (ln(n).exp() * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::poisson_tail;

    #[test]
    fn tails_of_large_means_are_those_of_exact_sums() {
        // Sums of the terms in decimals of 60 digits.
        let exact = [
            (1, 1.0),
            (2500, 0.9999999963116907),
            (2700, 0.9717809623696579),
            (2800, 0.5025131051285516),
            (2801, 0.494974029070502),
            (2900, 0.030566677989430177),
        ];
        for (n, expected) in exact {
            let found = poisson_tail(n, 2800.0);
            assert!((found - expected).abs() < 1e-10, "{n}: {found}");
        }
        assert!((poisson_tail(1, 2.0) - (1.0 - (-2.0_f64).exp())).abs() < 1e-15);
        assert!((poisson_tail(2, 2.0) - (1.0 - 3.0 * (-2.0_f64).exp())).abs() < 1e-15);
        assert_eq!((poisson_tail(0, 0.0), poisson_tail(1, 0.0)), (1.0, 0.0));
    }
}
