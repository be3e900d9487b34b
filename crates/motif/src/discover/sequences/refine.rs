//! From a word to a matrix: the best site of each foreground sequence beyond a threshold makes the next matrix.

use super::fisher::Fisher;
use super::scan::{Matrix, Site, Text};
use super::seeds::Word;
use rayon::prelude::*;

/// Probability of a word's own letter in its first matrix.
const LETTER: f64 = 0.85;
/// Sites, spread as the background, that are added to the counts.
const PSEUDOCOUNT: f64 = 2.0;
/// Bits below which a position at an end is cut off.
const MIN_BITS: f64 = 0.25;
/// Positions that are left of any motif.
const MIN_WIDTH: usize = 4;
/// Thresholds that are tried.
const THRESHOLDS: usize = 200;

/// Sequences in which a motif is sought, and what it is compared with.
pub(super) struct Sets<'t> {
    pub(super) foreground: Vec<&'t Text>,
    pub(super) background: Vec<&'t Text>,
    pub(super) frequencies: [f64; 4],
    pub(super) both_strands: bool,
}

/// A matrix on the way, with the threshold at which it tells the sets apart best.
#[derive(Clone)]
pub(super) struct Candidate {
    /// Counts of the sites that it was made of.
    pub(super) counts: Vec<[f64; 4]>,
    pub(super) threshold: f32,
    /// Natural logarithm of the p-value on the sets that it was made from.
    pub(super) log_p: f64,
    pub(super) hits: (usize, usize),
}

impl Candidate {
    /// A word in the middle of a matrix of `width` positions.
    pub(super) fn from_word(word: &Word, width: usize, frequencies: &[f64; 4]) -> Self {
        let before = (width - word.0.len().min(width)) / 2;
        let mut counts = vec![frequencies.map(|f| 100.0 * f); width];
        for (row, &letter) in counts[before..].iter_mut().zip(&word.0) {
            if letter < 4 {
                *row = std::array::from_fn(|b| {
                    100.0 * if b == usize::from(letter) { LETTER } else { (1.0 - LETTER) / 3.0 }
                });
            }
        }
        Self { counts, threshold: f32::INFINITY, log_p: 0.0, hits: (0, 0) }
    }

    pub(super) fn matrix(&self, sets: &Sets<'_>) -> Matrix {
        let row = |counts: &[f64; 4]| {
            let total = counts.iter().sum::<f64>() + PSEUDOCOUNT;
            std::array::from_fn(|b| {
                let f = sets.frequencies[b];
                ((counts[b] + PSEUDOCOUNT * f) / total / f).log2()
            })
        };
        Matrix::new(&self.counts.iter().map(row).collect::<Vec<[f64; 4]>>(), sets.both_strands)
    }

    /// Improves the matrix until its p-value no longer falls, `rounds` times at most.
    pub(super) fn refined(mut self, sets: &Sets<'_>, fisher: &Fisher, rounds: usize) -> Self {
        let mut best: Option<Self> = None;
        for _ in 0..rounds {
            let matrix = self.matrix(sets);
            let found: Vec<Option<Site>> = sets.foreground.par_iter().map(|t| t.best(&matrix)).collect();
            let other: Vec<Option<Site>> = sets.background.par_iter().map(|t| t.best(&matrix)).collect();
            (self.log_p, self.threshold, self.hits) = threshold(&found, &other, fisher);
            if best.as_ref().is_some_and(|best| self.log_p >= best.log_p) || self.hits.0 == 0 {
                break;
            }
            best = Some(self.clone());
            self.counts = count(sets, &found, self.threshold, matrix.len());
        }
        best.unwrap_or(self)
    }

    /// Without the positions at the ends that say little; none where nothing is left.
    pub(super) fn trimmed(&self) -> Option<Self> {
        let bits: Vec<f64> = self.counts.iter().map(information).collect();
        let first = bits.iter().position(|&b| b >= MIN_BITS)?;
        let last = bits.iter().rposition(|&b| b >= MIN_BITS)?;
        (last + 1 - first >= MIN_WIDTH).then(|| Self { counts: self.counts[first..=last].to_vec(), ..self.clone() })
    }
}

fn information(counts: &[f64; 4]) -> f64 {
    let total: f64 = counts.iter().sum::<f64>().max(1e-9);
    2.0 + counts.iter().map(|c| c / total).filter(|&p| p > 0.0).map(|p| p * p.log2()).sum::<f64>()
}

/// The threshold of the lowest p-value: its logarithm, the threshold, and the sequences of both kinds beyond it.
fn threshold(found: &[Option<Site>], other: &[Option<Site>], fisher: &Fisher) -> (f64, f32, (usize, usize)) {
    let sorted = |sites: &[Option<Site>]| {
        let mut scores: Vec<f32> = sites.iter().flatten().map(|s| s.score).collect();
        scores.sort_unstable_by(|a, b| b.total_cmp(a));
        scores
    };
    let (first, second) = (sorted(found), sorted(other));
    let step = first.len().div_ceil(THRESHOLDS).max(1);
    let mut best = (0.0, f32::INFINITY, (0, 0));
    for i in (0..first.len()).step_by(step) {
        let least = first[i];
        let hits = (first.partition_point(|&s| s >= least), second.partition_point(|&s| s >= least));
        let log_p = fisher.log_p(hits.0, found.len(), hits.1, other.len());
        if log_p < best.0 {
            best = (log_p, least, hits);
        }
    }
    best
}

/// Counts of bases over the sites of at least `threshold`.
fn count(sets: &Sets<'_>, found: &[Option<Site>], threshold: f32, width: usize) -> Vec<[f64; 4]> {
    let mut counts = vec![[0.0; 4]; width];
    for (text, site) in sets.foreground.iter().zip(found) {
        let Some(site) = site.filter(|s| s.score >= threshold) else { continue };
        for (row, base) in counts.iter_mut().zip(text.window(&site, width)) {
            match row.get_mut(usize::from(base)) {
                Some(count) => *count += 1.0,
                None => row.iter_mut().zip(sets.frequencies).for_each(|(count, f)| *count += f),
            }
        }
    }
    counts
}

/// Sequences of a set with a site of at least `threshold`.
pub(super) fn hits(texts: &[&Text], matrix: &Matrix, threshold: f32) -> usize {
    texts.par_iter().filter(|text| text.best(matrix).is_some_and(|site| site.score >= threshold)).count()
}
