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
//! Similarities are counted in steps of 1/2000 before they are put into bins.

mod null;
mod similarity;

pub use similarity::ColumnSimilarity;

use crate::Motif;
use basewise_core::Alphabet;
use basewise_kernels::Level;
use basewise_kernels::columns::{LANES, best_alignments};
use null::Null;
use rayon::prelude::*;
use similarity::{Database, Group};

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
    let single = Database::new(targets, false);
    let double = if options.reverse_complement && all_dna { Some(Database::new(targets, true)) } else { None };
    queries
        .par_iter()
        .map(|query| {
            let database = double.as_ref().filter(|_| query.alphabet == Alphabet::Dna).unwrap_or(&single);
            compare(query, database, options)
        })
        .collect()
}

/// The best alignment with one strand of one target.
#[derive(Clone, Copy)]
struct Alignment {
    score: i16,
    offset: i32,
    overlap: usize,
}

fn compare(query: &Motif, database: &Database, options: &MatchOptions) -> Vec<Match> {
    let scores = database.scores(query, options.similarity, options.bins);
    let null = Null::new(&scores, &database.widths(), options.min_overlap);
    let mut strands: [Vec<Option<Alignment>>; 2] = [vec![None; database.targets], vec![None; database.targets]];
    let mut widths = vec![0; database.targets];
    let rows: Vec<&[i16]> = scores.rows().collect();
    let mut own = Vec::with_capacity(rows.len());
    for same in database.groups.chunk_by(|a, b| a.width == b.width) {
        let offsets = offsets(rows.len(), same[0].width, options.min_overlap);
        for group in same {
            own.clear();
            own.extend(rows.iter().map(|row| &row[group.span()]));
            let found = &mut strands[usize::from(group.reverse_complement)];
            align(&own, group, &offsets, |member, alignment| {
                found[member] = Some(alignment);
                widths[member] = group.width;
            });
        }
    }
    let [forward, reverse] = strands;
    let matches = (0..database.targets).map(|target| {
        found(target, forward[target], reverse[target], |score| null.p_value(widths[target], score.into()))
    });
    sorted(matches, database.targets, options.max_q)
}

/// Aligned columns of a query and a target of these numbers of columns, which begins at `offset` of the query.
fn overlap(query: usize, target: usize, offset: i32) -> usize {
    let (width, length) = (query as i32, target as i32);
    ((offset + length).min(width) - offset.max(0)).max(0) as usize
}

/// Where a target may begin in a query: the longest overlaps first, of equal ones the leftmost.
fn offsets(query: usize, target: usize, min_overlap: usize) -> Vec<i32> {
    let needed = min_overlap.max(1).min(query).min(target);
    if needed == 0 {
        return Vec::new();
    }
    let places = needed as i32 - target as i32..=query as i32 - needed as i32;
    let mut offsets: Vec<i32> = places.filter(|&offset| overlap(query, target, offset) >= needed).collect();
    offsets.sort_by_key(|&offset| (std::cmp::Reverse(overlap(query, target, offset)), offset));
    offsets
}

/// Gives the alignment with the highest score of each target of a group; of equal ones the first of `offsets`.
fn align(rows: &[&[i16]], group: &Group, offsets: &[i32], mut each: impl FnMut(usize, Alignment)) {
    if offsets.is_empty() {
        return;
    }
    let (mut best, mut place) = ([0; LANES], [0; LANES]);
    let n = group.members.len();
    best_alignments(Level::best(), rows, n, offsets, &mut best[..n], &mut place[..n]);
    for ((&member, &score), &place) in group.members.iter().zip(&best).zip(&place) {
        let offset = offsets[place as usize];
        each(member, Alignment { score, offset, overlap: overlap(rows.len(), group.width, offset) });
    }
}

/// The better of two strands, with its p-value corrected for the choice.
fn found(target: usize, forward: Option<Alignment>, reverse: Option<Alignment>, p: impl Fn(i16) -> f64) -> Match {
    let Some(forward) = forward else {
        let (offset, overlap) = (0, 0);
        return Match { target, p_value: 1.0, q_value: 1.0, e_value: 1.0, offset, overlap, reverse_complement: false };
    };
    let is_reverse = reverse.is_some_and(|reverse| reverse.score > forward.score);
    let best = reverse.filter(|_| is_reverse).unwrap_or(forward);
    let one = p(best.score);
    // 1 - (1 - p)^2, which would round to 0 for the smallest p.
    let p_value = if reverse.is_some() { one * (2.0 - one) } else { one };
    let Alignment { offset, overlap, .. } = best;
    let offset = i64::from(offset);
    Match { target, p_value, q_value: 1.0, e_value: p_value, offset, overlap, reverse_complement: is_reverse }
}

/// Matches by their p-values with E-values and q-values over all of `targets`, up to `max_q`.
fn sorted(matches: impl Iterator<Item = Match>, targets: usize, max_q: f64) -> Vec<Match> {
    let mut matches: Vec<Match> = matches.filter(|found| found.p_value <= max_q).collect();
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
