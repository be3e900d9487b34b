//! Histograms of all features; the larger child's is the parent's minus the smaller child's.

use super::super::bins::Binned;
use super::super::grow::{Part, Search};
use super::super::split::{Rules, Split};
use super::super::statistics::{Statistics, subtract};
use super::{better, question};
use rayon::prelude::*;
use std::ops::Range;

/// Below so many additions a node is not worth other threads.
const MIN_PARALLEL: usize = 1 << 16;

pub(in super::super) struct SharedHistograms<'a> {
    pub(in super::super) binned: &'a Binned,
    pub(in super::super) statistics: &'a Statistics,
    pub(in super::super) rules: Rules,
    /// Which features may be asked for.
    pub(in super::super) wanted: &'a [bool],
    /// Histograms that can be used again.
    pub(in super::super) spare: &'a mut Vec<Vec<i64>>,
    pub(in super::super) ordered: &'a mut Vec<i64>,
    /// How many more nodes may keep their histogram for their children; of others, both children's are filled.
    pub(in super::super) keepable: usize,
}

/// A group of features with its part of one or two histograms.
type Piece<'h> = (&'h Range<usize>, &'h mut [i64], Option<&'h mut [i64]>);

impl SharedHistograms<'_> {
    fn splittable(&self, part: &Part<'_>) -> bool {
        !part.last && part.rows.len() >= (2 * self.rules.min_rows).max(2)
    }

    fn empty(&mut self) -> Vec<i64> {
        let length = self.binned.all_bins() * self.statistics.units().lanes;
        self.spare.pop().unwrap_or_else(|| vec![0; length])
    }

    /// The best split of a group's features from its part of a histogram.
    fn best(&self, group: &Range<usize>, histogram: &[i64], total: &[i64]) -> Option<Split> {
        let units = self.statistics.units();
        let first = self.binned.place(group.start).start;
        let mut best: Option<Split> = None;
        for feature in group.clone().filter(|&feature| self.wanted[feature]) {
            let place = self.binned.place(feature);
            let own = &histogram[(place.start - first) * units.lanes..(place.end - first) * units.lanes];
            let missing = self.binned.has_missing(feature);
            if let Some(cut) = self.rules.cut(&units, own, missing, total, best.as_ref().map(|best| best.gain)) {
                best = Some(question(self.binned, &units, feature, own, cut));
            }
        }
        best
    }

    /// Fills `small`, subtracts it from `large` if there is one, and finds the best splits of both.
    fn fill(
        &self,
        (small, part): (&mut [i64], Part<'_>),
        mut large: Option<(&mut [i64], Part<'_>)>,
    ) -> [Option<Split>; 2] {
        let other = large.as_ref().map(|(_, part)| *part);
        let work = |(group, small, large): Piece<'_>| {
            self.binned.fill_group(group, self.wanted, (part.rows, self.ordered, part.total), small);
            let second = large.zip(other).and_then(|(large, other)| {
                subtract(large, small);
                self.best(group, large, other.total)
            });
            let first = if self.splittable(&part) { self.best(group, small, part.total) } else { None };
            [first, second]
        };
        let pieces = self.pieces(small, large.as_mut().map(|(histogram, _)| &mut **histogram));
        let join = |[a, b]: [Option<Split>; 2], [c, d]: [Option<Split>; 2]| [better(a, c), better(b, d)];
        if part.rows.len() * self.binned.features() < MIN_PARALLEL {
            pieces.into_iter().map(work).fold([None, None], join)
        } else {
            let found: Vec<_> = pieces.into_par_iter().map(work).collect();
            found.into_iter().fold([None, None], join)
        }
    }

    /// Both histograms cut into the groups of features.
    fn pieces<'h>(&'h self, mut small: &'h mut [i64], mut large: Option<&'h mut [i64]>) -> Vec<Piece<'h>> {
        let lanes = self.statistics.units().lanes;
        let mut pieces = Vec::with_capacity(self.binned.groups().len());
        for group in self.binned.groups() {
            let length = (self.binned.place(group.end - 1).end - self.binned.place(group.start).start) * lanes;
            let (own, rest) = small.split_at_mut(length);
            small = rest;
            let other = large.take().map(|large| large.split_at_mut(length));
            let (other, rest) = other.map_or((None, None), |(own, rest)| (Some(own), Some(rest)));
            large = rest;
            pieces.push((group, own, other));
        }
        pieces
    }

    /// A split with its histogram, if that may be kept; else it goes to those that can be used again.
    fn keep(&mut self, histogram: Vec<i64>, split: Option<Split>) -> Option<(Option<Vec<i64>>, Split)> {
        if split.is_some() && self.keepable > 0 {
            self.keepable -= 1;
            return split.map(|split| (Some(histogram), split));
        }
        self.spare.push(histogram);
        split.map(|split| (None, split))
    }
}

impl Search for SharedHistograms<'_> {
    type Kept = Option<Vec<i64>>;

    fn root(&mut self, part: Part<'_>) -> Option<(Self::Kept, Split)> {
        if !self.splittable(&part) {
            return None;
        }
        let mut histogram = self.empty();
        self.statistics.gather(part.rows, self.ordered);
        let [split, _] = self.fill((&mut histogram, part), None);
        self.keep(histogram, split)
    }

    fn pair(&mut self, parent: Self::Kept, parts: [Part<'_>; 2]) -> [Option<(Self::Kept, Split)>; 2] {
        let left_is_small = parts[0].rows.len() <= parts[1].rows.len();
        let [small, large] = if left_is_small { parts } else { [parts[1], parts[0]] };
        self.keepable += usize::from(parent.is_some());
        let Some(mut parent) = parent else { return parts.map(|part| self.root(part)) };
        if !self.splittable(&large) {
            self.spare.push(parent);
            return parts.map(|part| self.root(part));
        }
        let mut histogram = self.empty();
        self.statistics.gather(small.rows, self.ordered);
        let [first, second] = self.fill((&mut histogram, small), Some((&mut parent, large)));
        let (small, large) = (self.keep(histogram, first), self.keep(parent, second));
        if left_is_small { [small, large] } else { [large, small] }
    }

    fn partition(&mut self, split: &Split, rows: &mut [u32], scratch: &mut Vec<u32>) -> usize {
        self.binned.partition(split.feature as usize, (split.bin, split.missing_left), rows, scratch)
    }

    fn take_back(&mut self, kept: Self::Kept) {
        self.keepable += usize::from(kept.is_some());
        self.spare.extend(kept);
    }
}
