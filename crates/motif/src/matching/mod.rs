//! Which known motifs a motif looks like: Tomtom.
//!
//! Gupta, Stamatoyannopoulos, Bailey, Noble (2007), Genome Biology 8:R24, with the complete scores of Tanaka, Bailey,
//! Grant, Noble (2011), Bioinformatics 27:1603. In short: a query column scores against every column of the target
//! database; less its median, these scores are the column's null distribution. A motif slides along the target; an
//! alignment scores the sum over the aligned columns, where a query column beyond the target's ends counts as a
//! median match, that is 0. The p-value asks how often the best of all alignments scores as much when the target's
//! columns are drawn from the database: `1 - prod(1 - p_k)` over the alignments k, which is `1 - (1 - p)^k` where
//! all alignments overlap alike. Two strands count as two tries.
//!
//! Similarities are counted in steps of 1/2000 before they are put into bins. In a database of 8,192 different columns and more the null
//! distributions, not the alignments, are of columns that are merged where they are far from the query column: all JASPAR 2024
//! motifs against each other, the logarithms of p-values correlate with those of unmerged columns with 0.9992 (matches with
//! q <= 0.1).

mod counts;
mod database;
mod null;
mod search;
mod similarity;

pub use similarity::ColumnSimilarity;

use crate::Motif;
use basewise_core::Alphabet;
use database::Database;
use rayon::prelude::*;
use search::{Scratch, search};

/// How motifs are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchOptions {
    /// The similarity of two columns.
    pub similarity: ColumnSimilarity,
    /// Whether targets are also tried from their other strand. RNA is read from one strand whatever is said here.
    pub reverse_complement: bool,
    /// Aligned columns an alignment must have; a motif shorter than that must be aligned in full.
    pub min_overlap: usize,
    /// Bins that the scores of a query are rounded to. More make p-values finer and the work larger (squared), as long as bins are
    /// wider than the steps of similarities. At most 30,000 over the positions of the query.
    pub bins: usize,
    /// Matches with a larger q-value are left out of the lists, 0 to 1.
    pub max_q: f64,
}

impl Default for MatchOptions {
    fn default() -> Self {
        Self {
            similarity: ColumnSimilarity::Euclidean,
            reverse_complement: true,
            min_overlap: 1,
            bins: 100,
            max_q: 1.0,
        }
    }
}

/// How well one target fits a query, in its best alignment.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Index of the target.
    pub target: usize,
    /// Probability of so good a best alignment with a target of this width made of random database columns.
    pub p_value: f64,
    /// The smallest false discovery rate among the targets of this query at which this one is reported (Benjamini
    /// and Hochberg 1995).
    pub q_value: f64,
    /// Matches as good that are expected among all targets by chance: p-value times their number.
    pub e_value: f64,
    /// Position in the query at which the target, in its matched orientation, begins; negative if it begins before.
    pub offset: i64,
    /// Aligned columns.
    pub overlap: usize,
    /// Whether the target's other strand fits better.
    pub reverse_complement: bool,
}

/// Compares each query with all targets: one list a query, all targets in it up to [`MatchOptions::max_q`], best first; ties
/// by index.
///
/// P-values rest on the targets' own columns: with fewer than some 50 targets they depend much on which these are. A
/// query or a target without positions matches nothing (p = 1, overlap 0). The work is spread over the threads of
/// rayon's pool; the result does not depend on their number.
///
/// ```
/// use basewise_core::Alphabet;
/// use basewise_motif::Motif;
/// use basewise_motif::matching::{MatchOptions, tomtom};
///
/// let of = |id: &str, bases: &[usize]| {
///     let rows = bases.iter().map(|&b| std::array::from_fn(|i| if i == b { 0.97 } else { 0.01 })).collect();
///     Motif::from_probabilities(id, "", Alphabet::Dna, rows, 20.0)
/// };
/// let targets = [of("other", &[0, 0, 3, 3]), of("same", &[0, 1, 2, 2, 1])];
/// let best = &tomtom(&targets[1..], &targets, &MatchOptions::default())[0][0];
/// assert_eq!((best.target, best.offset, best.overlap), (1, 0, 5));
/// ```
pub fn tomtom(queries: &[Motif], targets: &[Motif], options: &MatchOptions) -> Vec<Vec<Match>> {
    let all_dna = targets.iter().all(|target| target.alphabet == Alphabet::Dna);
    let database = |both_strands| Database::new(targets, both_strands, options.similarity);
    let double = if options.reverse_complement && all_dna { Some(database(true)) } else { None };
    let is_double = |query: &Motif| double.is_some() && query.alphabet == Alphabet::Dna;
    let single = if queries.iter().all(is_double) { None } else { Some(database(false)) };
    queries
        .par_iter()
        .map_init(Scratch::default, |scratch, query| {
            let database = if is_double(query) { double.as_ref() } else { single.as_ref() };
            database.map_or_else(Vec::new, |database| {
                sorted(search(query, database, options, scratch), database.targets, options.max_q)
            })
        })
        .collect()
}

/// Matches by their p-values with E-values and q-values over all of `targets`, up to `max_q`.
fn sorted(mut matches: Vec<Match>, targets: usize, max_q: f64) -> Vec<Match> {
    matches.retain(|found| found.p_value <= max_q);
    // The n-th best has a q-value up to the limit only if its p-value is at most `limit n / targets`: what is above that for as
    // many as there are has no part in the q-values of those that stay.
    loop {
        let before = matches.len();
        let highest = max_q * before as f64 / targets.max(1) as f64;
        matches.retain(|found| found.p_value <= highest);
        if matches.len() == before {
            break;
        }
    }
    matches.sort_unstable_by(|a, b| a.p_value.total_cmp(&b.p_value).then(a.target.cmp(&b.target)));
    let n = targets as f64;
    let mut least = 1.0_f64;
    for (i, found) in matches.iter_mut().enumerate().rev() {
        found.e_value = found.p_value * n;
        least = least.min(found.p_value * n / (i + 1) as f64);
        found.q_value = least;
    }
    matches.retain(|found| found.q_value <= max_q);
    matches
}

#[cfg(test)]
mod tests;
