//! How near sequences are to others, and to each other.

use crate::Code;
use crate::random::{below, stream};
use rayon::prelude::*;
use std::collections::HashSet;

/// What lies between two sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// Positions that differ; sequences of different lengths are compared from their starts, and what is left over counts.
    Hamming,
    /// Bases replaced, put in or taken out (Levenshtein).
    Edit,
}

/// The distance from each query to the nearest reference; `None` without references. With `own`, reference `i` is left out
/// for query `i`: distances within a set.
pub fn nearest(distance: Distance, queries: &[&[Code]], references: &[&[Code]], own: bool) -> Vec<Option<usize>> {
    let of_query = |(i, query): (usize, &&[Code])| {
        let pattern = Pattern::new(query);
        let others = references.iter().enumerate().filter(|&(j, _)| !own || i != j);
        let between = |(_, other): (usize, &&[Code])| match distance {
            Distance::Hamming => hamming(query, other),
            Distance::Edit => pattern.distance(other),
        };
        others.map(between).min()
    };
    queries.par_iter().enumerate().map(of_query).collect()
}

fn hamming(one: &[Code], other: &[Code]) -> usize {
    let apart = one.len().abs_diff(other.len());
    // Short sums in bytes, so that many positions are compared at once.
    let parts = one.chunks(128).zip(other.chunks(128));
    let differ = parts.map(|(a, b)| a.iter().zip(b).map(|(a, b)| u8::from(a.base() != b.base())).sum::<u8>());
    apart + differ.map(usize::from).sum::<usize>()
}

/// A sequence as the rows of a table of alignments, a bit each, for edit distances of a column at a time (Myers 1999, in the
/// form of Hyyrö 2003).
struct Pattern {
    length: usize,
    /// For each base 0 to 4, where it stands.
    places: [Vec<u64>; 5],
}

impl Pattern {
    fn new(sequence: &[Code]) -> Self {
        let mut places = std::array::from_fn(|_| vec![0; sequence.len().div_ceil(64)]);
        for (i, code) in sequence.iter().enumerate() {
            places[usize::from(code.base().min(4))][i / 64] |= 1 << (i % 64);
        }
        Self { length: sequence.len(), places }
    }

    fn distance(&self, other: &[Code]) -> usize {
        let blocks = self.length.div_ceil(64);
        if blocks == 0 {
            return other.len();
        }
        let last = 1u64 << ((self.length - 1) % 64);
        let mut score = self.length;
        // Vertical differences of the column so far: +1 and -1.
        let mut columns = vec![(u64::MAX, 0u64); blocks];
        for code in other {
            let places = &self.places[usize::from(code.base().min(4))];
            // Above the first row the horizontal difference is +1.
            let (mut up, mut down) = (1u64, 0u64);
            for (block, (plus, minus)) in columns.iter_mut().enumerate() {
                let equal = places[block];
                let vertical = equal | *minus;
                let equal = equal | down;
                let diagonal = (((equal & *plus).wrapping_add(*plus)) ^ *plus) | equal;
                let (mut rise, mut fall) = (*minus | !(diagonal | *plus), *plus & diagonal);
                if block + 1 == blocks {
                    score += usize::from(rise & last != 0);
                    score -= usize::from(fall & last != 0);
                }
                let carried = (rise >> 63, fall >> 63);
                rise = rise << 1 | up;
                fall = fall << 1 | down;
                (up, down) = carried;
                *plus = fall | !(vertical | rise);
                *minus = rise & vertical;
            }
        }
        score
    }
}

/// Mean share of positions at which two sequences of a set differ, over `pairs` pairs drawn at random; `None` for fewer than two
/// sequences. A set of copies of one sequence has 0, independent uniform bases 0.75.
pub fn mean_difference(sequences: &[&[Code]], pairs: usize, seed: u64) -> Option<f64> {
    if sequences.len() < 2 || pairs == 0 {
        return None;
    }
    let mut rng = stream(seed, "realism/pairs", &[]);
    let mut total = 0.0;
    for _ in 0..pairs {
        let i = below(&mut rng, sequences.len());
        let j = (i + 1 + below(&mut rng, sequences.len() - 1)) % sequences.len();
        let longest = sequences[i].len().max(sequences[j].len()).max(1);
        total += hamming(sequences[i], sequences[j]) as f64 / longest as f64;
    }
    Some(total / pairs as f64)
}

/// How many sequences equal an earlier one.
pub fn duplicates(sequences: &[&[Code]]) -> usize {
    let distinct: HashSet<Vec<u8>> =
        sequences.iter().map(|sequence| sequence.iter().map(|code| code.base()).collect()).collect();
    sequences.len() - distinct.len()
}
