//! What is found: a pattern and its seqlets.

use super::aggregate::Aggregate;
use crate::Motif;
use basewise_core::Alphabet;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A stretch of a sequence, read in a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seqlet {
    /// Number of the sequence.
    pub example: usize,
    /// First base, 0-based; below 0 where it begins before the sequence.
    pub start: i64,
    /// One past the last base; beyond the length where it ends after the sequence.
    pub end: i64,
    /// Whether it reads on the other strand.
    pub reverse: bool,
}

impl Seqlet {
    /// The same stretch on the other strand.
    #[must_use]
    pub(super) fn turned(self) -> Self {
        Self { reverse: !self.reverse, ..self }
    }

    /// The stretch that is `left` longer at its beginning and `right` at its end, in its direction; both may be below 0.
    #[must_use]
    pub(super) fn grown(self, left: i64, right: i64) -> Self {
        let (left, right) = if self.reverse { (right, left) } else { (left, right) };
        Self { start: self.start - left, end: self.end + right, ..self }
    }
}

/// A recurring stretch of high attribution.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// Such as `pos_patterns.pattern_0`.
    pub id: String,
    /// Aligned seqlets, all as long as the pattern.
    pub sites: Vec<Seqlet>,
    /// Part of each base at each position, `[position][A C G T]`; even where no seqlet has a known base.
    pub ppm: Vec<[f64; 4]>,
    /// Mean contribution of each base that is there (contribution weight matrix).
    pub cwm: Vec<[f64; 4]>,
    /// Mean hypothetical contributions.
    pub hypothetical_cwm: Vec<[f64; 4]>,
    /// The positions between those whose contributions are large, which are the motif.
    pub core: Range<usize>,
    /// The base probabilities of the core.
    pub motif: Motif,
    /// The two larger patterns that it is made of, where they stand so more often than chance has it.
    pub composite: Option<Composite>,
}

/// Two patterns at a fixed distance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Composite {
    /// Their names.
    pub parts: [String; 2],
    /// Bases between their cores.
    pub gap: usize,
    /// Whether the second stands after the first, as the first reads.
    pub is_downstream: bool,
    /// Whether both read on the same strand.
    pub same_strand: bool,
    /// Sequences whose best places of either lie so.
    pub observed: usize,
    /// As many as are expected where the second stands anywhere beside the first.
    pub expected: f64,
    /// Probability of so many or more (Poisson).
    pub p_value: f64,
}

impl Pattern {
    /// `background` are the base frequencies of the sequences; `trim` is that of the [`Config`](super::Config).
    pub(super) fn new(id: &str, aggregate: &Aggregate, alphabet: Alphabet, background: [f64; 4], trim: f64) -> Self {
        let (ppm, cwm) = (aggregate.ppm(), aggregate.cwm());
        let core = core(&cwm, trim);
        let counts = aggregate.bases[core.clone()].to_vec();
        let mut motif = Motif::from_counts(id, "", alphabet, counts);
        motif.background = background;
        let hypothetical_cwm = aggregate.hypothetical_cwm();
        Self { id: id.into(), sites: aggregate.sites.clone(), ppm, cwm, hypothetical_cwm, core, motif, composite: None }
    }
}

/// From the first to the last position whose summed contribution has at least `trim` of the largest, and one more on either
/// side.
fn core(cwm: &[[f64; 4]], trim: f64) -> Range<usize> {
    let size: Vec<f64> = cwm.iter().map(|row| row.iter().sum::<f64>().abs()).collect();
    let least = trim * size.iter().fold(0.0, |a: f64, &b| a.max(b));
    let first = size.iter().position(|&s| s >= least).unwrap_or(0);
    let last = size.iter().rposition(|&s| s >= least).unwrap_or(0);
    first.saturating_sub(1)..(last + 2).min(cwm.len())
}
