//! Which sequences are relatives: homologues, overlapping windows, copies of a repeat.
//!
//! A test sequence with a relative in training is not new to a model: it may have learnt the label of that relative by
//! heart. [`groups`] finds what must stay on one side of a split, [`relatives`] what stands on both.
//!
//! Two sequences are similar if their best local alignment (Smith and Waterman 1981; 2 for a match, -3 for a mismatch, -5 for
//! each base of a gap), in DNA that of either strand, has at least [`Threshold::identity`] matches among its columns, pairs
//! at least [`Threshold::coverage`] of the known bases of the shorter sequence, and scores more than chance would give to
//! sequences of their bases: 26 nats (Karlin and Altschul 1990), which is 41 points where all bases are as frequent, or 21
//! matches in a row. So of very short sequences, and of those of one or two bases, only copies are similar; equal sequences
//! are, whatever they are. Groups are what chains of similar sequences connect (single linkage).
//!
//! Pairs are found as BLAST finds them (Altschul et al. 1990): places that share a spaced word, whose stretch without gaps
//! scores more than chance would, are aligned within a band. So a pair may be missed, the more easily the nearer it is to
//! the threshold and the shorter; tests compare with alignments of all pairs. Results do not depend on the number of threads.
//!
//! Time grows with the bases times how often a word of them is met, memory with the bases. What keeps both bounded where a
//! word is met very often is in [`Limits`]. Of a sequence beyond 524,288 bases the first so many are looked at.

mod align;
mod chance;
mod search;
mod sets;
mod words;

pub use sets::DisjointSets;

use crate::Alphabet;
use crate::identity::{canonical, group_numbers, members};
use rayon::prelude::*;
use search::{Scratch, Search, encoded};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// From when on two sequences are similar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Least share of matches among the columns of the alignment, from 0.7 to 1.
    pub identity: f64,
    /// Least share of the known bases of the shorter sequence that the alignment pairs, above 0 to 1.
    pub coverage: f64,
}

impl Default for Threshold {
    /// 80 % identity, at which benchmarks of sequences are usually thinned out (and the lowest that CD-HIT-EST takes; Li and
    /// Godzik 2006), over half of the shorter sequence, so that windows that share half of their bases are relatives.
    fn default() -> Self {
        Self { identity: 0.8, coverage: 0.5 }
    }
}

impl Threshold {
    /// What is wrong with it, if anything is.
    pub fn fault(&self) -> Option<String> {
        // Below, the scores of an alignment do not tell relatives from chance.
        if !(0.7..=1.0).contains(&self.identity) {
            return Some(format!("expected an identity from 0.7 to 1, found {}", self.identity));
        }
        let fits = self.coverage > 0.0 && self.coverage <= 1.0;
        (!fits).then(|| format!("expected a coverage above 0 and up to 1, found {}", self.coverage))
    }
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [identity, coverage] = [self.identity, self.coverage].map(|share| (1000.0 * share).round() / 10.0);
        write!(f, "{identity} % identity over {coverage} % of the shorter sequence")
    }
}

/// Where the search for relatives stopped short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Words that so many places have that only some of them were followed: of repeats and of simple sequence.
    pub common_words: usize,
    /// One in so many words was looked at; more than 1 in data sets of more than 10^8 bases.
    pub one_word_in: u64,
    /// Sequences with so many candidates that failed that the rest was not aligned.
    pub cut_short: usize,
}

/// Sequences in groups of relatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// The group of every row; numbers count up by first appearance.
    pub of: Vec<usize>,
    /// Where the search stopped short.
    pub limits: Limits,
}

impl Groups {
    /// Rows of each group.
    pub fn sizes(&self) -> Vec<usize> {
        members(&self.of).iter().map(Vec::len).collect()
    }
}

/// Groups of sequences that chains of similar ones connect.
pub fn groups(sequences: &[&[u8]], alphabet: Alphabet, threshold: Threshold) -> Groups {
    let copies = group_numbers(sequences.iter().map(|letters| canonical(letters, alphabet)));
    let firsts: Vec<usize> = members(&copies).iter().map(|rows| rows[0]).collect();
    let targets: Vec<Vec<u8>> = firsts.par_iter().map(|&row| encoded(sequences[row])).collect();
    let (links, limits) = search::links(&targets, alphabet, threshold);
    let mut sets = DisjointSets::new(firsts.len());
    links.into_iter().for_each(|(one, other)| sets.join(one, other));
    let roots = sets.roots();
    Groups { of: group_numbers(copies.iter().map(|&copy| roots[copy])), limits }
}

/// A target that is similar to a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Relative {
    /// The target's row.
    pub row: usize,
    /// Share of matches among the columns of the alignment.
    pub identity: f64,
    /// Share of the known bases of the shorter sequence that the alignment pairs.
    pub coverage: f64,
}

/// For every query a similar target, if there is one: a copy, or else the first to be found, which need not be the most
/// similar one; and where the search stopped short.
pub fn relatives(
    queries: &[&[u8]],
    targets: &[&[u8]],
    alphabet: Alphabet,
    threshold: Threshold,
) -> (Vec<Option<Relative>>, Limits) {
    let mut copies: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut firsts = Vec::new();
    for (row, letters) in targets.iter().enumerate() {
        copies.entry(canonical(letters, alphabet)).or_insert_with(|| {
            firsts.push(row);
            row
        });
    }
    let codes: Vec<Vec<u8>> = firsts.par_iter().map(|&row| encoded(targets[row])).collect();
    let search = Search::new(&codes, queries.iter().map(|query| query.len()).sum(), alphabet, threshold);
    let each = queries.par_iter().map_init(Scratch::default, |scratch, letters| {
        if let Some(&row) = copies.get(&canonical(letters, alphabet)) {
            return (Some(Relative { row, identity: 1.0, coverage: 1.0 }), false);
        }
        let (found, cut) = search.first(&encoded(letters), scratch);
        (found.map(|relative| Relative { row: firsts[relative.row], ..relative }), cut)
    });
    let (found, cut): (Vec<_>, Vec<bool>) = each.unzip();
    let cut_short = cut.into_iter().filter(|&cut| cut).count();
    (found, Limits { cut_short, ..search.limits() })
}

#[cfg(test)]
mod tests;
