//! Motifs that nobody named: found in attributions of a model, or in sequences without one.
//!
//! [`discover`] is TF-MoDISco (Shrikumar et al. 2018, arXiv 1811.00416; defaults of its version 2): stretches of high
//! attribution (seqlets) are compared, clustered and averaged into patterns. Its rooms are its steps: [`Config`] says
//! what each may be told, [`Report`] what each let pass. [`sequences`] is the search without a model, and [`hits`] says
//! where the patterns stand.
//!
//! What differs from the reference: a seqlet may reach beyond the ends of its sequence, where bases are unknown, so that
//! motifs at the first and last base count; windows share no base, so that no motif is half in a second one; a sign whose
//! windows do not differ from the null gives no seqlet at all; the null is made of quantiles and not of draws; a seqlet is not
//! its own neighbour; patterns that look much alike are merged; a pattern of two others near each other by chance is dissolved.

mod aggregate;
mod coarse;
mod composite;
mod density;
mod fine;
pub mod hits;
mod merge;
mod pattern;
mod places;
mod products;
mod report;
mod seqlets;
pub mod sequences;
mod tracks;

pub use pattern::{Composite, Pattern, Seqlet};
pub use report::{Report, SignReport, Stop};
pub use tracks::{Attributions, AttributionsError};

use aggregate::Aggregate;
use basewise_core::communities::best_of;
use composite::{Parts, Resolved};
use merge::Merger;
use serde::{Deserialize, Serialize};
use tracks::Tracks;

/// What the steps are told. The defaults are those of TF-MoDISco's version 2, but for what is said below.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Bases of the window whose attributions are added up. 20.
    pub window: usize,
    /// Bases on either side of a window that belong to its seqlet. 5.
    pub flank: usize,
    /// Part of windows like the null that may pass, 0 to 1. 0.2.
    pub fdr: f64,
    /// Least and largest part of all windows that pass, where any differ from the null. 0.03 and 0.2.
    pub passing: (f64, f64),
    /// Seqlets of a sign below which none is clustered. 100.
    pub min_seqlets: usize,
    /// Seqlets of a sign that are clustered, evenly taken from all. 20,000.
    pub max_seqlets: usize,
    /// Nearest neighbours of a seqlet that are aligned with it. 500.
    pub neighbours: usize,
    /// Rank correlation of coarse and fine similarities that a seqlet must exceed. 0.15.
    pub min_correlation: f64,
    /// Neighbours that count, in the sense of t-SNE. 30 (the reference: 10, with weights that fall less with distance).
    pub perplexity: f64,
    /// Clusterings from different starts, of which that of the highest modularity is kept. 2.
    pub clusterings: usize,
    /// Part of a seqlet that must be aligned. 0.7.
    pub min_overlap: f64,
    /// Bases of the most informative part of a pattern, to which it is cut. 30.
    pub core: usize,
    /// Bases added on either side of it. 10.
    pub pattern_flank: usize,
    /// Seqlets that a pattern must have. 20.
    pub min_sites: usize,
    /// Bits that the best 6 positions of a pattern must have together. 0.6.
    pub min_bits: f64,
    /// Part of a pattern's largest importance that a position must have to lie within its motif. 0.3.
    pub trim: f64,
    /// Where all randomness starts.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            window: 20,
            flank: 5,
            fdr: 0.2,
            passing: (0.03, 0.2),
            min_seqlets: 100,
            max_seqlets: 20_000,
            neighbours: 500,
            min_correlation: 0.15,
            perplexity: 30.0,
            clusterings: 2,
            min_overlap: 0.7,
            core: 30,
            pattern_flank: 10,
            min_sites: 20,
            min_bits: 0.6,
            trim: 0.3,
            seed: 0,
        }
    }
}

/// Part of a pattern's own seqlets that may be less than a hit of it.
const QUANTILE: f64 = 0.05;

/// Patterns and how they came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Discovery {
    /// Positive ones first, then negative; within a sign by number of seqlets.
    pub patterns: Vec<Pattern>,
    /// What each step let pass.
    pub report: Report,
}

/// Finds the patterns in attributions.
///
/// Work is spread over the threads of rayon's pool; the result does not depend on their number. Memory: 4 bytes a base of
/// the sequences for the sums of windows, and what is kept of each of at most [`Config::max_seqlets`] seqlets of one sign at a
/// time: its gapped k-mers, its contributions, its neighbours and the graph.
///
/// That nothing is found is no error: [`Report`] says at which step, and why.
pub fn discover(attributions: &Attributions<'_>, config: &Config) -> Discovery {
    let tracks = Tracks::new(attributions);
    let background = tracks.base_frequencies();
    let found = seqlets::find(&tracks, config);
    let mut all = Vec::new();
    let mut sides = Vec::new();
    for (number, (mut side, seqlets)) in found.into_iter().enumerate() {
        if side.stop.is_none() {
            let sign = if side.sign == '+' { 1.0 } else { -1.0 };
            let (aggregates, stop) = patterns_of(&tracks, config, background, sign, seqlets, &mut side);
            side.stop = stop;
            all.extend(aggregates.into_iter().map(|aggregate| (number, aggregate)));
        }
        sides.push(side);
    }
    let Resolved { mut kept, dissolved } = composite::resolve(&tracks, config, background, all);
    // A stable sort within each sign: equal sizes stay in the order of their clusters.
    let size = |slot: &(usize, Aggregate, Option<Parts>)| (slot.0, std::cmp::Reverse(slot.1.sites.len()));
    let mut order: Vec<usize> = (0..kept.len()).collect();
    order.sort_by_key(|&i| size(&kept[i]));
    let mut names = vec![String::new(); kept.len()];
    for (number, side) in sides.iter_mut().enumerate() {
        let group = if side.sign == '+' { "pos_patterns" } else { "neg_patterns" };
        let own: Vec<usize> = order.iter().copied().filter(|&i| kept[i].0 == number).collect();
        own.iter().enumerate().for_each(|(i, &at)| names[at] = format!("{group}.pattern_{i}"));
        side.dissolved = dissolved[number];
        side.patterns = own.len();
        if own.is_empty() && side.dissolved > 0 {
            side.stop = Some(Stop::Dissolved);
        }
    }
    let mut pattern = |i: usize| {
        let mut new = Pattern::new(&names[i], &kept[i].1, tracks.alphabet(), background, config.trim);
        new.composite = kept[i]
            .2
            .take()
            .map(|Parts { parts, composite }| Composite { parts: parts.map(|part| names[part].clone()), ..composite });
        new
    };
    let patterns = order.into_iter().map(&mut pattern).collect();
    let report = Report { sequences: tracks.len(), length: tracks.length(), sides };
    Discovery { patterns, report }
}

/// The patterns of the seqlets of one sign.
fn patterns_of(
    tracks: &Tracks<'_>,
    config: &Config,
    background: [f64; 4],
    sign: f32,
    mut seqlets: Vec<Seqlet>,
    report: &mut SignReport,
) -> (Vec<Aggregate>, Option<Stop>) {
    let mut patterns = Vec::new();
    for round in 0..2 {
        if seqlets.is_empty() {
            return (Vec::new(), Some(Stop::NoCluster));
        }
        seqlets = tracks.strongest_first(seqlets);
        let near = coarse::neighbours(tracks, &seqlets, sign, config);
        let mut fine = fine::similarities(tracks, &seqlets, &near, config);
        if round == 0 {
            (seqlets, fine) = density::agreeing(seqlets, &near, fine, config.min_correlation);
            report.agreeing = seqlets.len();
            if seqlets.len() < config.min_sites {
                return (Vec::new(), Some(Stop::Disagreement));
            }
        }
        let graph = density::graph(&fine, config.perplexity);
        let clusters = best_of(&graph, 1.0, config.clusterings, config.seed);
        patterns = aggregate::patterns(tracks, config, &background, &seqlets, &clusters, sign);
        report.clusters = patterns.len();
        seqlets = aggregate::all_sites(&patterns);
    }
    let before = patterns.len();
    let merged = Merger::new(tracks, config, background).merge(patterns);
    report.merged = before - merged.len();
    select(merged, config, &background, report)
}

/// The patterns with seqlets and information enough, the largest first.
fn select(
    mut patterns: Vec<Aggregate>,
    config: &Config,
    background: &[f64; 4],
    report: &mut SignReport,
) -> (Vec<Aggregate>, Option<Stop>) {
    let largest = patterns.iter().map(|p| p.sites.len()).max().unwrap_or(0);
    let before = patterns.len();
    patterns.retain(|pattern| pattern.sites.len() >= config.min_sites);
    report.small = before - patterns.len();
    let kept = patterns.len();
    patterns.retain(|pattern| pattern.best_information(6, background) >= config.min_bits);
    report.uninformative = kept - patterns.len();
    report.patterns = patterns.len();
    // A stable sort: equal sizes stay in the order of their clusters.
    patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.sites.len()));
    let stop = match (patterns.is_empty(), before, kept) {
        (false, ..) => None,
        (true, 0, _) => Some(Stop::NoCluster),
        (true, _, 0) => Some(Stop::SmallClusters { largest }),
        (true, ..) => Some(Stop::NoInformation),
    };
    (patterns, stop)
}

#[cfg(test)]
mod tests;
