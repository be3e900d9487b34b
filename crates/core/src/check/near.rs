//! Near-duplicates across splits: candidates from a sketch of k-mers, verified on all k-mers.

use super::copies::{self, Keys};
use super::{CheckOptions, Finding, FindingKind, PAIRS, Severity};
use crate::identity::upper;
use crate::{Alphabet, Dataset, Split};
use rayon::prelude::*;

/// Distinct k-mers that a sequence must have to be compared; below, sharing most of them means little.
const FEWEST: usize = 20;
/// K-mers that a typical sequence keeps in its sketch.
const SKETCH: usize = 24;
/// Rows that one k-mer may suggest, and candidates that are verified for one row: what keeps repeats affordable.
const SUGGESTED: usize = 256;
const VERIFIED: usize = 16;

/// A row of one part and its nearest row in the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) gives_way: usize,
    pub(super) stays: usize,
}

/// How sequences become sets of k-mers.
struct Sketcher {
    k: usize,
    /// One in so many k-mers is in the sketch.
    every: u64,
    both_strands: bool,
}

impl Sketcher {
    /// `k` grows with the length so that a k-mer is met by chance in one of 256 sequences or fewer.
    fn new(dataset: &Dataset) -> Self {
        let mut lengths: Vec<usize> = dataset.examples.iter().map(|e| e.sequence.len()).collect();
        lengths.sort_unstable();
        let median = lengths.get(lengths.len() / 2).copied().unwrap_or(0);
        let short = lengths.get(lengths.len() / 10).copied().unwrap_or(0);
        let k = ((median.max(4) as f64).log(4.0).ceil() as usize + 4).clamp(6, 15);
        Self { k, every: (short / SKETCH).max(1) as u64, both_strands: dataset.encoding.alphabet == Alphabet::Dna }
    }

    /// The distinct k-mers without unknown letters, ascending; `None` for a sequence with too few, or so repetitive
    /// that fewer than half of its windows are distinct.
    fn kmers(&self, sequence: &[u8]) -> Option<Vec<u32>> {
        let mask = (1u32 << (2 * self.k)) - 1;
        let (mut forward, mut reverse, mut run) = (0u32, 0u32, 0);
        let mut kmers = Vec::with_capacity(sequence.len());
        for letter in upper(sequence) {
            let Some(base) = b"ACGT".iter().position(|&b| b == letter) else {
                run = 0;
                continue;
            };
            forward = (forward << 2 | base as u32) & mask;
            reverse = reverse >> 2 | (3 - base as u32) << (2 * (self.k - 1));
            run += 1;
            if run >= self.k {
                kmers.push(if self.both_strands { forward.min(reverse) } else { forward });
            }
        }
        let windows = kmers.len();
        kmers.sort_unstable();
        kmers.dedup();
        (kmers.len() >= FEWEST && 2 * kmers.len() >= windows).then_some(kmers)
    }

    /// The k-mers that every sequence which has them puts into its sketch.
    fn sketch(&self, kmers: &[u32]) -> Vec<u32> {
        kmers.iter().copied().filter(|&kmer| scatter(kmer).is_multiple_of(self.every)).collect()
    }
}

/// A fixed hash, so that the sketch is not a matter of letters (finalizer of SplitMix64).
fn scatter(kmer: u32) -> u64 {
    let mut z = u64::from(kmer).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The sketches of one part, by k-mer.
struct Index {
    entries: Vec<(u32, u32)>,
}

impl Index {
    fn new(dataset: &Dataset, rows: &[usize], sketcher: &Sketcher) -> Self {
        let of_row = |&row: &usize| {
            let kmers = sketcher.kmers(&dataset.examples[row].sequence).unwrap_or_default();
            sketcher.sketch(&kmers).into_iter().map(move |kmer| (kmer, row as u32)).collect::<Vec<_>>()
        };
        let mut entries: Vec<(u32, u32)> = rows.par_iter().flat_map_iter(of_row).collect();
        entries.par_sort_unstable();
        Self { entries }
    }

    /// Rows that share at least `least` of the sketched k-mers, most first.
    fn candidates(&self, sketch: &[u32], least: usize) -> Vec<usize> {
        let mut hits: Vec<u32> = Vec::new();
        for &kmer in sketch {
            let start = self.entries.partition_point(|entry| entry.0 < kmer);
            hits.extend(self.entries[start..].iter().take(SUGGESTED).take_while(|e| e.0 == kmer).map(|e| e.1));
        }
        hits.sort_unstable();
        let mut counted: Vec<(usize, u32)> =
            hits.chunk_by(|a, b| a == b).filter(|run| run.len() >= least).map(|run| (run.len(), run[0])).collect();
        counted.sort_unstable_by_key(|&(count, row)| (std::cmp::Reverse(count), row));
        counted.into_iter().map(|(_, row)| row as usize).collect()
    }
}

/// For each row of `from` its near-duplicates in `to`, exact copies left out.
pub(super) fn pairs(dataset: &Dataset, keys: &Keys, from: Split, to: Split, options: &CheckOptions) -> Vec<Pair> {
    let sketcher = Sketcher::new(dataset);
    let index = Index::new(dataset, &dataset.rows_of(to), &sketcher);
    let near = |&row: &usize| {
        let Some(kmers) = sketcher.kmers(&dataset.examples[row].sequence) else { return Vec::new() };
        let sketch = sketcher.sketch(&kmers);
        // A quarter of what is expected of a pair at the threshold; the other one's sketch may be the smaller.
        let least = ((options.similarity * sketch.len().min(SKETCH) as f64 / 4.0) as usize).max(2);
        let candidates = index.candidates(&sketch, least);
        let other = candidates.into_iter().filter(|&c| keys.canonical[c] != keys.canonical[row]);
        let similar = |&c: &usize| {
            let theirs = sketcher.kmers(&dataset.examples[c].sequence);
            theirs.is_some_and(|theirs| overlap(&kmers, &theirs) >= options.similarity)
        };
        other.take(VERIFIED).filter(similar).map(|stays| Pair { gives_way: row, stays }).collect()
    };
    dataset.rows_of(from).par_iter().flat_map_iter(near).collect()
}

/// Shared elements over those of the smaller set; both ascending without repeats.
fn overlap(a: &[u32], b: &[u32]) -> f64 {
    let (mut i, mut j, mut shared) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                shared += 1;
                i += 1;
                j += 1;
            }
        }
    }
    f64::from(shared) / a.len().min(b.len()).max(1) as f64
}

pub(super) fn findings(dataset: &Dataset, keys: &Keys, options: &CheckOptions) -> Vec<Finding> {
    let k = Sketcher::new(dataset).k;
    let mut findings = Vec::new();
    for (from, to) in PAIRS {
        let total = dataset.rows_of(to).len();
        if total == 0 || dataset.rows_of(from).is_empty() {
            continue;
        }
        let mut found: Vec<(usize, usize)> =
            pairs(dataset, keys, from, to, options).into_iter().map(|p| (p.stays, p.gives_way)).collect();
        found.sort_unstable();
        found.dedup_by_key(|pair| pair.0);
        let share = 100.0 * options.similarity;
        let what = format!("at least {share:.0} % of the {k}-mers");
        let message = match found.len() {
            0 => format!("no {to} sequence shares {what} with a {from} sequence, copies aside"),
            n => format!("{n} of {total} {to} sequences share {what} with a {from} sequence, copies aside"),
        };
        let kind = FindingKind::NearDuplicatesAcrossSplits;
        findings.push(copies::finding(
            dataset,
            kind,
            Severity::Inflates,
            (&found, total),
            message,
            &[from, to],
            options,
        ));
    }
    findings
}
