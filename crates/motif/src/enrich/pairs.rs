//! Motifs that occur in the same sequences.

use super::fisher::{LogFactorials, ln_fisher_greater};
use super::{ln_q_values, odds_ratio};
use crate::scan::Occurrence;
use rayon::prelude::*;

/// How often two motifs occur in the same sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Indices of the motifs, the smaller first.
    pub motifs: [usize; 2],
    /// Sequences with the one, and with the other.
    pub with: [usize; 2],
    /// Sequences with both.
    pub both: usize,
    /// Sequences of these in which some occurrence of the one does not overlap one of the other. Motifs that look alike occur
    /// together because they occur at the same places: then this is much less than `both`.
    pub apart: usize,
    /// Odds ratio, each cell of the table with one half more.
    pub odds_ratio: f64,
    /// Natural logarithm of the p-value of Fisher's exact test that both occur together more often than by chance.
    pub ln_p_value: f64,
    /// Natural logarithm of the q-value over all pairs.
    pub ln_q_value: f64,
}

/// Where a motif occurs: `(start, end)` by sequence.
struct Places {
    sequences: Vec<usize>,
    /// Lowest end and highest start in each of these sequences.
    ends: Vec<(usize, usize)>,
}

/// Tests each pair of motifs that both occur in some of the `sequences`, by the p-value. `widths` are those of the motifs.
pub fn pairs(occurrences: &[Occurrence], widths: &[usize], sequences: usize) -> Vec<Pair> {
    let places = by_motif(occurrences, widths);
    let logs = LogFactorials::new(sequences);
    let present: Vec<usize> = (0..widths.len()).filter(|&motif| !places[motif].sequences.is_empty()).collect();
    let all: Vec<(usize, usize)> =
        present.iter().enumerate().flat_map(|(i, &a)| present[i + 1..].iter().map(move |&b| (a, b))).collect();
    let mut found: Vec<Pair> = all
        .par_iter()
        .map(|&(a, b)| {
            let (one, other) = (&places[a], &places[b]);
            let (both, apart) = together(one, other);
            let with = [one.sequences.len(), other.sequences.len()];
            let (first, second) = ([both, with[0] - both], [with[1] - both, sequences + both - with[0] - with[1]]);
            let ln_p_value = ln_fisher_greater(&logs, first, second);
            let odds_ratio = odds_ratio(first, second);
            Pair { motifs: [a, b], with, both, apart, odds_ratio, ln_p_value, ln_q_value: 0.0 }
        })
        .collect();
    let p: Vec<f64> = found.iter().map(|pair| pair.ln_p_value).collect();
    found.iter_mut().zip(ln_q_values(&p)).for_each(|(pair, q)| pair.ln_q_value = q);
    found.sort_by(|a, b| a.ln_p_value.total_cmp(&b.ln_p_value).then(a.motifs.cmp(&b.motifs)));
    found
}

fn by_motif(occurrences: &[Occurrence], widths: &[usize]) -> Vec<Places> {
    let mut sorted: Vec<&Occurrence> = occurrences.iter().filter(|o| o.motif < widths.len()).collect();
    sorted.sort_by_key(|o| (o.motif, o.sequence));
    let mut places: Vec<Places> = widths.iter().map(|_| Places { sequences: Vec::new(), ends: Vec::new() }).collect();
    for found in sorted {
        let own = &mut places[found.motif];
        let end = found.start + widths[found.motif];
        match own.ends.last_mut() {
            Some((lowest, highest)) if own.sequences.last() == Some(&found.sequence) => {
                *lowest = end.min(*lowest);
                *highest = found.start.max(*highest);
            }
            _ => {
                own.sequences.push(found.sequence);
                own.ends.push((end, found.start));
            }
        }
    }
    places
}

/// Sequences that both have, and those of them with occurrences that do not overlap: the first of the one ends before the
/// last of the other begins, or the other way round.
fn together(one: &Places, other: &Places) -> (usize, usize) {
    let (mut i, mut j, mut both, mut apart) = (0, 0, 0, 0);
    while i < one.sequences.len() && j < other.sequences.len() {
        match one.sequences[i].cmp(&other.sequences[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                both += 1;
                apart += usize::from(one.ends[i].0 <= other.ends[j].1 || other.ends[j].0 <= one.ends[i].1);
                i += 1;
                j += 1;
            }
        }
    }
    (both, apart)
}
