//! Which patterns are the same: those whose contributions are correlated enough, unless the seqlets of a pair that would come
//! into one group, and that is less alike, can be told apart.
//!
//! Of two aligned patterns the contamination is 2 (1 - AUROC) of similarities within one against those between both: 1 where
//! a seqlet of the other is as near as one's own.

use super::aggregate::{Aggregate, Metric, Place, Profile, align, joined};
use super::fine::{Form, aligned_similarity};
use super::tracks::Tracks;
use super::{Config, Seqlet};
use basewise_core::random::{shuffle, stream};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Correlation from which patterns are merged whatever their seqlets: the instances of a motif with one letter changed are a
/// crowd of their own, but no motif of their own.
const ALIKE: f64 = 0.8;
/// Contamination and correlation up to which no group of merged patterns may have a pair.
const NEVER: [(f64, f64); 2] = [(0.4, 0.75), (0.2, ALIKE)];
/// Seqlets of a pattern whose similarities are taken.
const SAMPLE: usize = 200;

/// Merges patterns until none is the same as another.
pub(super) struct Merger<'t> {
    tracks: &'t Tracks<'t>,
    config: &'t Config,
    background: [f64; 4],
}

/// Two patterns compared.
#[derive(Clone, Copy)]
struct Pair {
    correlation: f64,
    place: Place,
}

impl<'t> Merger<'t> {
    pub(super) fn new(tracks: &'t Tracks<'t>, config: &'t Config, background: [f64; 4]) -> Self {
        Self { tracks, config, background }
    }

    pub(super) fn merge(&self, mut patterns: Vec<Aggregate>) -> Vec<Aggregate> {
        // Each round makes at least one pattern less.
        loop {
            patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.sites.len()));
            let groups = self.groups(&patterns);
            if groups.iter().all(|group| group.len() == 1) {
                return patterns;
            }
            patterns = groups.par_iter().map(|group| self.joined(&patterns, group)).collect();
        }
    }

    /// The members of a group, the largest first, as one pattern.
    fn joined(&self, patterns: &[Aggregate], group: &[usize]) -> Aggregate {
        let mut all = patterns[group[0]].clone();
        for &other in &group[1..] {
            all = joined(self.tracks, self.config, all, &patterns[other].sites, Metric::Pearson);
            all = all.polished(self.tracks, self.config, &self.background);
        }
        all
    }

    /// Groups of patterns that are the same, each in rising order.
    fn groups(&self, patterns: &[Aggregate]) -> Vec<Vec<usize>> {
        let pairs = self.pairs(patterns);
        let mut order: Vec<(usize, usize)> = pairs.keys().filter(|(i, j)| i < j).copied().collect();
        let correlation = |i: usize, j: usize| f64::midpoint(pairs[&(i, j)].correlation, pairs[&(j, i)].correlation);
        order.sort_by(|&(a, b), &(c, d)| correlation(c, d).total_cmp(&correlation(a, b)).then((a, b).cmp(&(c, d))));
        order.retain(|&(i, j)| correlation(i, j) >= ALIKE);
        let samples: Vec<Sample> = patterns.par_iter().enumerate().map(|(i, p)| self.sample(p, i)).collect();
        let mut known: BTreeMap<(usize, usize), (f64, f64)> = BTreeMap::new();
        let mut both = |i: usize, j: usize| {
            let of = |i: usize, j: usize| self.contamination(&samples[i], patterns, (i, j), &pairs[&(i, j)].place);
            *known.entry((i, j)).or_insert_with(|| rayon::join(|| of(i, j), || of(j, i)))
        };
        let mut group_of: Vec<usize> = (0..patterns.len()).collect();
        for (i, j) in order {
            let (first, second) = (group_of[i].min(group_of[j]), group_of[i].max(group_of[j]));
            if first == second {
                continue;
            }
            let members: Vec<usize> = (0..patterns.len()).filter(|&m| [first, second].contains(&group_of[m])).collect();
            let mut clashes = |m: usize, n: usize| {
                let alike = correlation(m, n);
                alike <= ALIKE && {
                    let (a, b) = both(m, n);
                    NEVER.iter().any(|&(c, r)| f64::midpoint(a, b) <= c && alike <= r)
                }
            };
            let clash = members.iter().enumerate().any(|(at, &m)| members[at + 1..].iter().any(|&n| clashes(m, n)));
            if !clash {
                members.into_iter().for_each(|m| group_of[m] = first);
            }
        }
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        group_of.iter().enumerate().for_each(|(i, &g)| groups.entry(g).or_default().push(i));
        groups.into_values().collect()
    }

    /// The best alignments of all ordered pairs.
    fn pairs(&self, patterns: &[Aggregate]) -> BTreeMap<(usize, usize), Pair> {
        let profiles: Vec<Profile> = patterns.iter().map(|p| Profile::of(p, Metric::Pearson)).collect();
        let n = patterns.len();
        let all: Vec<(usize, usize)> =
            (0..n).flat_map(|i| (0..n).filter(move |&j| j != i).map(move |j| (i, j))).collect();
        let one = |&(i, j): &(usize, usize)| {
            let place = align(&profiles[i], &profiles[j], self.config.min_overlap, self.tracks.both_strands());
            ((i, j), Pair { correlation: place.score, place })
        };
        all.par_iter().map(one).collect()
    }

    fn sample(&self, pattern: &Aggregate, number: usize) -> Sample {
        let mut sites = pattern.sites.clone();
        if sites.len() > SAMPLE {
            shuffle(&mut sites, &mut stream(self.config.seed, "discover merge", &[number as u64]));
            sites.truncate(SAMPLE);
        }
        let forms: Vec<Form> = sites.iter().map(|s| Form::of(self.tracks, s)).collect();
        // The similarity is symmetric: each pair once.
        let mut within: Vec<f32> = Vec::with_capacity(forms.len() * forms.len() / 2);
        for (i, a) in forms.iter().enumerate() {
            within.extend(forms[i + 1..].iter().map(|b| aligned_similarity(a, b)));
        }
        within.sort_unstable_by(f32::total_cmp);
        Sample { forms, within }
    }

    /// How little the seqlets of pattern `j`, aligned, differ from those of pattern `i`: 0 to 1.
    fn contamination(&self, sample: &Sample, patterns: &[Aggregate], (i, j): (usize, usize), place: &Place) -> f64 {
        let (length, other) = (patterns[i].len() as i64, patterns[j].len() as i64);
        let moved = |s: &Seqlet| {
            let s = if place.reverse { s.turned() } else { *s };
            s.grown(place.offset, length - place.offset - other)
        };
        let step = patterns[j].sites.len().div_ceil(SAMPLE).max(1);
        let sites = patterns[j].sites.iter().step_by(step).map(moved);
        let forms: Vec<Form> = sites.map(|s| Form::of(self.tracks, &s)).collect();
        let between = forms.iter().flat_map(|b| sample.forms.iter().map(|a| aligned_similarity(a, b)));
        let mut between: Vec<f32> = between.collect();
        between.sort_unstable_by(f32::total_cmp);
        2.0 * (1.0 - auroc(&sample.within, &between).max(0.5))
    }
}

/// Some seqlets of a pattern and the similarities among them, in order.
struct Sample {
    forms: Vec<Form>,
    within: Vec<f32>,
}

/// The part of pairs in which the first is larger, ties by half; both in rising order. One half where either is empty.
fn auroc(larger: &[f32], smaller: &[f32]) -> f64 {
    if larger.is_empty() || smaller.is_empty() {
        return 0.5;
    }
    let (mut below, mut equal, mut wins) = (0, 0, 0.0);
    for &value in larger {
        while below < smaller.len() && smaller[below] < value {
            below += 1;
        }
        equal = equal.max(below);
        while equal < smaller.len() && smaller[equal] <= value {
            equal += 1;
        }
        wins += below as f64 + (equal - below) as f64 / 2.0;
    }
    wins / (larger.len() as f64 * smaller.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auroc_counts_pairs() {
        assert_eq!(auroc(&[1.0, 2.0], &[0.0, 0.5]), 1.0);
        assert_eq!(auroc(&[0.0, 1.0], &[0.0, 1.0]), 0.5);
        assert_eq!(auroc(&[1.0, 1.0, 3.0], &[1.0, 2.0]), (0.5 + 0.5 + 2.0) / 6.0);
        assert_eq!(auroc(&[], &[1.0]), 0.5);
    }
}
