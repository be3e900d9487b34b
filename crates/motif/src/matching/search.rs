//! One query against a database.

use super::counts::{self, Counts};
use super::database::{Database, Group};
use super::null::{Distribution, Null};
use super::similarity::STEPS;
use super::{Match, MatchOptions};
use crate::Motif;
use basewise_kernels::Level;
use basewise_kernels::columns::{self, FRACTION, LANES, Lanes, Measure, QueryColumn};

/// The largest sum of scores: sums are numbers of 16 bits.
const LARGEST_SUM: usize = 30_000;

/// What a thread works with, from query to query.
#[derive(Default)]
pub(super) struct Scratch {
    counts: counts::Scratch,
    /// The scores of all places of a tile's motifs.
    sums: Vec<Lanes<i16>>,
    /// The best of each motif of a group's tiles, as [`columns::best_alignments`] gives them.
    best: Vec<i32>,
}

/// A query's columns and their scores.
struct Query {
    columns: Vec<QueryColumn>,
    measure: Measure,
    /// What makes scores of steps.
    factor: i32,
    /// How often each score occurs in the database.
    nulls: Vec<Distribution>,
}

impl Query {
    /// Scores are similarities less the median of the query column, in whole bins.
    fn new(motif: &Motif, database: &Database, bins: usize, scratch: &mut counts::Scratch) -> Self {
        let bins = bins.clamp(1, (LARGEST_SUM / motif.len().max(1)).max(1));
        let points: Vec<[f32; 3]> = motif.probabilities.iter().map(|row| database.similarity.point(row)).collect();
        let counted: Vec<Counts> = points.iter().map(|&point| database.pool.count(point, scratch)).collect();
        let steps = |of: &dyn Fn(&Counts) -> i16| f64::from(counted.iter().map(of).max().unwrap_or(0).max(0));
        let (high, low) = (steps(&|c| c.middle - c.least), steps(&|c| c.most - c.middle));
        let span = (high / f64::from(STEPS)) + (low / f64::from(STEPS)).ceil();
        // A span below 1 is left narrow: it is the noise of a database whose columns are all alike.
        let bins_a_unit = (bins as f64 / span.max(1.0)).floor().max(1.0);
        let factor = (bins_a_unit / f64::from(STEPS) * f64::from(1 << FRACTION)).round() as i32;
        let columns = points.iter().zip(&counted).map(|(&point, c)| QueryColumn { point, middle: c.middle }).collect();
        let nulls = counted.iter().map(|counts| counts.distribution(factor)).collect();
        Self { columns, measure: database.similarity.measure(), factor, nulls }
    }

    /// Finds the best alignments with all motifs of a group; of equal ones the first of `offsets`.
    fn align(&self, group: &Group, offsets: &[i32], Scratch { sums, best, .. }: &mut Scratch) {
        let level = Level::best();
        let last = self.columns.len() as i32 - 1;
        let slots: Vec<usize> = offsets.iter().map(|offset| (last - offset) as usize).collect();
        best.resize(group.tiles.len() * LANES, 0);
        for (tile, best) in group.tiles.iter().zip(best.chunks_exact_mut(LANES)) {
            sums.clear();
            sums.resize(self.columns.len() + group.width - 1, [0; LANES]);
            columns::add_scores(level, self.measure, self.factor, &self.columns, tile, sums);
            columns::best_alignments(level, sums, &slots, best);
        }
    }
}

/// The matches of a query with all targets of which the p-value can be up to `options.max_q`, in any order.
pub(super) fn search(motif: &Motif, database: &Database, options: &MatchOptions, scratch: &mut Scratch) -> Vec<Match> {
    let query = Query::new(motif, database, options.bins, &mut scratch.counts);
    // 1 - (1 - p)^2, which would round to 0 for the smallest p.
    let corrected = |p: f64| if database.both_strands { p * (2.0 - p) } else { p };
    let will_do = |p: f64| corrected(p) <= options.max_q;
    let null = |floor| Null::new(&query.nulls, &database.widths(), options.min_overlap, floor);
    // A score of 0, as of columns that are median matches, is hardly ever good enough: what is below is left out until it has to be.
    let high = (options.max_q < 1.0).then(|| null(0)).filter(|null| !null.is_cut_off(will_do));
    let null = high.unwrap_or_else(|| null(i64::MIN));
    let mut matches: Vec<Match> = database.empty.iter().map(|&target| unaligned(target)).collect();
    for group in &database.groups {
        let offsets = offsets(motif.len(), group.width, options.min_overlap);
        if offsets.is_empty() {
            matches.extend(group.members.iter().map(|&target| unaligned(target)));
            continue;
        }
        query.align(group, &offsets, scratch);
        let lowest = null.lowest(group.width, will_do);
        each_reaching(lowest, group, database.both_strands, &scratch.best, |target, best, reverse_complement| {
            let (score, place) = columns::place(best, offsets.len());
            let p_value = corrected(null.p_value(group.width, score.into()));
            let overlap = overlap(motif.len(), group.width, offsets[place]);
            let (q_value, e_value, offset) = (1.0, p_value, offsets[place].into());
            matches.push(Match { target, p_value, q_value, e_value, offset, overlap, reverse_complement });
        });
    }
    matches
}

/// Gives the targets of a group of which the better strand scores at least `lowest`, what [`columns::best_alignments`] says of
/// that, and whether it is the other strand.
fn each_reaching(lowest: i64, group: &Group, both_strands: bool, best: &[i32], mut each: impl FnMut(usize, i32, bool)) {
    let n = group.members.len();
    let (forward, others) = best.split_at(n);
    let reverse = if both_strands { &others[..n] } else { forward };
    let score = |best: i32| best >> 16;
    let lowest = lowest.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    for ((&target, &forward), &reverse) in group.members.iter().zip(forward).zip(reverse) {
        if score(forward.max(reverse)) >= lowest {
            let is_reverse = score(reverse) > score(forward);
            each(target, if is_reverse { reverse } else { forward }, is_reverse);
        }
    }
}

/// A match with nothing.
fn unaligned(target: usize) -> Match {
    let (offset, overlap) = (0, 0);
    Match { target, p_value: 1.0, q_value: 1.0, e_value: 1.0, offset, overlap, reverse_complement: false }
}

/// Aligned columns of a query and a target of these numbers of columns, which begins at `offset` of the query.
fn overlap(query: usize, target: usize, offset: i32) -> usize {
    let (width, length) = (query as i32, target as i32);
    ((offset + length).min(width) - offset.max(0)).max(0) as usize
}

/// Where a target may begin in a query: the longest overlaps first, of equal ones the leftmost.
fn offsets(query: usize, target: usize, min_overlap: usize) -> Vec<i32> {
    let longest = query.min(target);
    let needed = min_overlap.max(1).min(longest);
    if needed == 0 {
        return Vec::new();
    }
    let (width, length) = (query as i32, target as i32);
    let whole = (width - length).min(0)..=(width - length).max(0);
    let ends = (needed as i32..longest as i32).rev().flat_map(|overlap| [overlap - length, width - overlap]);
    whole.chain(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Reverse;

    #[test]
    fn the_longest_overlaps_come_first() {
        for (query, target, least) in (0..7).flat_map(|q| (0..7).flat_map(move |t| (0..8).map(move |m| (q, t, m)))) {
            let needed = least.max(1).min(query).min(target);
            let mut expected: Vec<i32> =
                (-8..8).filter(|&o| needed > 0 && overlap(query, target, o) >= needed).collect();
            expected.sort_by_key(|&offset| (Reverse(overlap(query, target, offset)), offset));
            assert_eq!(offsets(query, target, least), expected, "{query} {target} {least}");
        }
    }
}
