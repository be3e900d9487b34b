//! From a cluster to a pattern: seqlets are aligned one after another, the strongest first, and averaged.

use super::tracks::{Position, Tracks};
use super::{Config, Seqlet};
use rayon::prelude::*;
use std::collections::HashSet;

/// Part of the most supported position's seqlets that the ends of a pattern must have.
const MIN_SUPPORT: f64 = 0.2;
/// Seqlets that are enough for an end in any case.
const ENOUGH: f64 = 30.0;
/// Added to each base where information is counted.
const PSEUDOCOUNT: f64 = 0.001;

/// Aligned seqlets, all as long as the whole, and sums over them.
#[derive(Clone)]
pub(super) struct Aggregate {
    pub(super) sites: Vec<Seqlet>,
    seen: HashSet<(usize, i64, bool)>,
    /// Seqlets with a known base there.
    counts: Vec<f64>,
    /// How often each base is there.
    pub(super) bases: Vec<[f64; 4]>,
    contributions: Vec<[f64; 4]>,
    hypothetical: Vec<[f64; 4]>,
    /// Seqlets as they were cut, before they were made as long as the whole, that reach over each position.
    support: Vec<f64>,
}

impl Aggregate {
    /// Seqlets of one length; of equal ones the first is taken.
    pub(super) fn new(tracks: &Tracks<'_>, sites: impl IntoIterator<Item = Seqlet>) -> Self {
        let mut sites = sites.into_iter().peekable();
        let length = sites.peek().map_or(0, |s| (s.end - s.start).max(0) as usize);
        let mut new = Self {
            sites: Vec::new(),
            seen: HashSet::new(),
            counts: vec![0.0; length],
            bases: vec![[0.0; 4]; length],
            contributions: vec![[0.0; 4]; length],
            hypothetical: vec![[0.0; 4]; length],
            support: vec![0.0; length],
        };
        sites.for_each(|site| new.push(tracks, site, 0..length));
        new
    }

    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    /// Adds a seqlet as long as the whole, unless it is there; `support` is the part of it that was cut as a seqlet.
    fn push(&mut self, tracks: &Tracks<'_>, site: Seqlet, support: std::ops::Range<usize>) {
        if !self.seen.insert((site.example, site.start, site.reverse)) {
            return;
        }
        for (i, position) in tracks.window(&site).iter().enumerate() {
            self.add(i, position);
        }
        self.support[support].iter_mut().for_each(|s| *s += 1.0);
        self.sites.push(site);
    }

    /// Adds a seqlet as long as the whole, unless it is there.
    pub(super) fn include(&mut self, tracks: &Tracks<'_>, site: Seqlet) {
        self.push(tracks, site, 0..self.len());
    }

    fn add(&mut self, i: usize, position: &Position) {
        if position.base > 3 {
            return;
        }
        let base = usize::from(position.base);
        self.counts[i] += 1.0;
        self.bases[i][base] += 1.0;
        self.contributions[i][base] += f64::from(position.contribution);
        for (sum, value) in self.hypothetical[i].iter_mut().zip(position.hypothetical) {
            *sum += f64::from(value);
        }
    }

    /// The same seqlets, `left` longer at the beginning and `right` at the end.
    fn grown(&self, tracks: &Tracks<'_>, left: usize, right: usize) -> Self {
        let mut new = Self::new(tracks, self.sites.iter().map(|s| s.grown(left as i64, right as i64)));
        new.support = [vec![0.0; left], self.support.clone(), vec![0.0; right]].concat();
        new
    }

    /// The positions `from..to` of the same seqlets.
    fn cut(&self, tracks: &Tracks<'_>, from: usize, to: usize) -> Self {
        let (left, right) = (-(from as i64), to as i64 - self.len() as i64);
        Self::new(tracks, self.sites.iter().map(|s| s.grown(left, right)))
    }

    fn mean(&self, sums: &[[f64; 4]]) -> Vec<[f64; 4]> {
        sums.iter().zip(&self.counts).map(|(row, n)| row.map(|v| v / n.max(1.0))).collect()
    }

    pub(super) fn ppm(&self) -> Vec<[f64; 4]> {
        self.bases.iter().map(|&row| crate::motif::normalized(row)).collect()
    }

    pub(super) fn cwm(&self) -> Vec<[f64; 4]> {
        self.mean(&self.contributions)
    }

    pub(super) fn hypothetical_cwm(&self) -> Vec<[f64; 4]> {
        self.mean(&self.hypothetical)
    }

    /// Sum of all mean contributions.
    pub(super) fn total(&self) -> f64 {
        self.cwm().iter().flatten().sum()
    }

    /// Bits at each position against background frequencies.
    fn information(&self, background: &[f64; 4]) -> Vec<f64> {
        let bits = |row: &[f64; 4]| {
            let of = |b: usize| row[b] * ((row[b] + PSEUDOCOUNT) / (1.0 + 4.0 * PSEUDOCOUNT) / background[b]).log2();
            (0..4).map(of).sum::<f64>()
        };
        let is_known = |n: &f64| *n > 0.0;
        self.ppm().iter().zip(&self.counts).map(|(row, n)| if is_known(n) { bits(row) } else { 0.0 }).collect()
    }

    /// The most bits in any `width` positions.
    pub(super) fn best_information(&self, width: usize, background: &[f64; 4]) -> f64 {
        let bits = self.information(background);
        bits.windows(width.min(bits.len()).max(1)).map(|w| w.iter().sum()).fold(0.0, f64::max)
    }

    /// Cut to where seqlets are, grown to whole seqlets and flanks, cut to the most informative positions, grown again.
    pub(super) fn polished(&self, tracks: &Tracks<'_>, config: &Config, background: &[f64; 4]) -> Self {
        let most = self.support.iter().fold(0.0, |a: f64, &b| a.max(b));
        let enough = |s: &&f64| **s >= ENOUGH.min(MIN_SUPPORT * most);
        let from = self.support.iter().position(|s| enough(&s)).unwrap_or(0);
        let to = self.support.iter().rposition(|s| enough(&s)).map_or(self.len(), |i| i + 1);
        let flank = config.pattern_flank;
        let whole = self.cut(tracks, from, to).grown(tracks, flank, flank);
        let bits = whole.information(background);
        let width = config.core.clamp(1, whole.len().max(1));
        let start = most_informative(&bits, width);
        whole.cut(tracks, start, start + width).grown(tracks, flank, flank)
    }
}

/// Share of the most informative window's bits that a window must have to be as good.
const AS_GOOD: f64 = 0.97;

/// Where the window of that width with the most bits begins. A motif that is shorter lies within many windows: of those that are
/// as good, the one with the motif in its middle, so that patterns of one motif lie alike and can be aligned.
fn most_informative(bits: &[f64], width: usize) -> usize {
    let sums: Vec<f64> = bits.windows(width).map(|window| window.iter().sum()).collect();
    let most = sums.iter().copied().fold(0.0, f64::max);
    let off_centre = |start: usize| {
        let moment: f64 = bits[start..start + width].iter().enumerate().map(|(at, bit)| at as f64 * bit).sum();
        (moment / sums[start].max(f64::MIN_POSITIVE) - (width - 1) as f64 / 2.0).abs()
    };
    let good = (0..sums.len()).filter(|&start| sums[start] >= AS_GOOD * most);
    good.min_by(|&a, &b| off_centre(a).total_cmp(&off_centre(b))).unwrap_or(0)
}

/// One pattern of each cluster whose contributions have the right sign.
pub(super) fn patterns(
    tracks: &Tracks<'_>,
    config: &Config,
    background: &[f64; 4],
    seqlets: &[Seqlet],
    clusters: &[u32],
    sign: f32,
) -> Vec<Aggregate> {
    let count = clusters.iter().max().map_or(0, |&c| c as usize + 1);
    let mut members = vec![Vec::new(); count];
    for (seqlet, &cluster) in seqlets.iter().zip(clusters) {
        members[cluster as usize].push(*seqlet);
    }
    let one = |seqlets: &Vec<Seqlet>| {
        let (first, rest) = seqlets.split_first()?;
        let start = Aggregate::new(tracks, [*first]);
        let pattern = joined(tracks, config, start, rest, Metric::Jaccard).polished(tracks, config, background);
        (pattern.total() * f64::from(sign) > 0.0).then_some(pattern)
    };
    members.par_iter().filter_map(one).collect()
}

/// The seqlets of all patterns, each once, in order.
pub(super) fn all_sites(patterns: &[Aggregate]) -> Vec<Seqlet> {
    let mut seen = HashSet::new();
    patterns.iter().flat_map(|p| &p.sites).filter(|s| seen.insert(**s)).copied().collect()
}

/// How an alignment is scored.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Metric {
    /// Continuous Jaccard similarity of hypothetical and own contributions, each divided by the sum of its sizes.
    Jaccard,
    /// Pearson correlation of own contributions.
    Pearson,
}

/// Aligns seqlets with the pattern as it grows, and adds them.
pub(super) fn joined(
    tracks: &Tracks<'_>,
    config: &Config,
    mut pattern: Aggregate,
    seqlets: &[Seqlet],
    metric: Metric,
) -> Aggregate {
    let mut still = Profile::of(&pattern, metric);
    for seqlet in seqlets {
        let one = Aggregate::new(tracks, [*seqlet]);
        let place = align(&still, &Profile::of(&one, metric), config.min_overlap, tracks.both_strands());
        let seqlet = if place.reverse { seqlet.turned() } else { *seqlet };
        let (length, whole) = (one.len() as i64, pattern.len() as i64);
        let (left, right) = ((-place.offset).max(0), (place.offset + length - whole).max(0));
        if left > 0 || right > 0 {
            pattern = pattern.grown(tracks, left as usize, right as usize);
        }
        let start = place.offset + left;
        let site = seqlet.grown(start, pattern.len() as i64 - start - length);
        pattern.push(tracks, site, start as usize..(start + length) as usize);
        still = Profile::of(&pattern, metric);
    }
    pattern
}

/// Where one profile fits on another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// Position of the first at which the second begins; below 0 where it begins before.
    pub(super) offset: i64,
    /// Whether the second is read on its other strand.
    pub(super) reverse: bool,
    pub(super) score: f64,
}

/// Numbers that are compared: 8 a position, or 4.
pub(super) struct Profile {
    rows: Vec<[f32; 8]>,
    metric: Metric,
}

impl Profile {
    pub(super) fn of(pattern: &Aggregate, metric: Metric) -> Self {
        let own = pattern.cwm();
        let rows = match metric {
            Metric::Jaccard => {
                let hypothetical = pattern.hypothetical_cwm();
                let size = |rows: &[[f64; 4]]| rows.iter().flatten().map(|v| v.abs()).sum::<f64>().max(1e-300);
                let (a, b) = (size(&hypothetical), size(&own));
                let row = |h: &[f64; 4], o: &[f64; 4]| {
                    std::array::from_fn(|c| if c < 4 { h[c] / a } else { o[c - 4] / b } as f32)
                };
                hypothetical.iter().zip(&own).map(|(h, o)| row(h, o)).collect()
            }
            Metric::Pearson => {
                let mean = own.iter().flatten().sum::<f64>() / (4 * own.len()).max(1) as f64;
                let norm = own.iter().flatten().map(|v| (v - mean).powi(2)).sum::<f64>().sqrt() + 1e-7;
                let row =
                    |o: &[f64; 4]| std::array::from_fn(|c| if c < 4 { ((o[c] - mean) / norm) as f32 } else { 0.0 });
                own.iter().map(row).collect()
            }
        };
        Self { rows, metric }
    }

    fn turned(&self) -> Self {
        let turn = |r: &[f32; 8]| [r[3], r[2], r[1], r[0], r[7], r[6], r[5], r[4]];
        Self { rows: self.rows.iter().rev().map(turn).collect(), metric: self.metric }
    }

    fn score(&self, other: &Self, offset: i64) -> f32 {
        let zero = [0.0; 8];
        let at = |i: i64| usize::try_from(i).ok().and_then(|i| self.rows.get(i)).unwrap_or(&zero);
        let (mut first, mut second) = ([0.0_f32; 8], [0.0_f32; 8]);
        for (i, x) in other.rows.iter().enumerate() {
            let y = at(offset + i as i64);
            for c in 0..8 {
                match self.metric {
                    Metric::Jaccard => {
                        let (a, b) = (x[c].abs(), y[c].abs());
                        first[c] += a.min(b).copysign(x[c] * y[c]);
                        second[c] += a.max(b);
                    }
                    Metric::Pearson => {
                        first[c] += x[c] * y[c];
                        second[c] += y[c] * y[c];
                    }
                }
            }
        }
        let (first, second) = (first.iter().sum::<f32>(), second.iter().sum::<f32>());
        match self.metric {
            Metric::Jaccard if second > 0.0 => first / second,
            // The other has length 1.
            Metric::Pearson if second > 0.0 => first / second.sqrt(),
            _ => 0.0,
        }
    }
}

/// The best place of `other` along `still`; of equal ones the first, as it reads before turned.
pub(super) fn align(still: &Profile, other: &Profile, min_overlap: f64, both_strands: bool) -> Place {
    let length = other.rows.len() as i64;
    let pad = (length as f64 * (1.0 - min_overlap)).ceil() as i64;
    let mut best = Place { offset: 0, reverse: false, score: f64::NEG_INFINITY };
    let turned = both_strands.then(|| other.turned());
    for (other, reverse) in [(Some(other), false), (turned.as_ref(), true)] {
        let Some(other) = other else { continue };
        for offset in -pad..=(still.rows.len() as i64 - length + pad).max(-pad) {
            let score = f64::from(still.score(other, offset));
            if score > best.score {
                best = Place { offset, reverse, score };
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::most_informative;

    #[test]
    fn a_short_motif_lies_in_the_middle_of_its_window() {
        let mut bits = vec![0.001; 20];
        bits[9..12].fill(2.0);
        assert_eq!(most_informative(&bits, 7), 7);
        // At an end there is no window with it in the middle.
        bits.fill(0.001);
        bits[..3].fill(2.0);
        assert_eq!(most_informative(&bits, 7), 0);
        assert_eq!(most_informative(&bits, 20), 0);
        assert_eq!(most_informative(&[], 1), 0);
        // A long motif is cut where it says most.
        let long: Vec<f64> = (0..20).map(f64::from).collect();
        assert_eq!(most_informative(&long, 5), 15);
    }
}
