//! Which patterns are two others side by side, and whether these stand so more often than chance has it.
//!
//! Seqlets in which two motifs stand near each other can make a cluster of their own, that is no motif: what is in it are places
//! of larger patterns ([`Places`]). If the most common arrangement of two of them (distance, side and strand) is that of most of
//! the seqlets with two and more frequent over all sequences than chance gives, the pattern is a composite and stays. Otherwise it
//! is dissolved: the places are added to the patterns that they are of.

use super::aggregate::Aggregate;
use super::hits::{self, HitPattern, PatternHit};
use super::pattern::{Composite, Pattern, Seqlet};
use super::places::Places;
use super::tracks::Tracks;
use super::{Config, QUANTILE};
use crate::enrich::spacing;
use crate::scan::Occurrence;
use basewise_core::Strand;
use std::collections::BTreeMap;

/// q-value over all arrangements up to which one is more frequent than chance has it.
const MAX_Q: f64 = 0.01;
/// Bases by which two places of one instance may differ.
const SAME: u64 = 2;

/// What became of the patterns.
pub(super) struct Resolved {
    /// Those that stay, in their order, with the number of their sign, and where they are two others, which (by number among
    /// those that stay) and how.
    pub(super) kept: Vec<(usize, Aggregate, Option<Parts>)>,
    /// Patterns dissolved, by number of sign.
    pub(super) dissolved: [usize; 2],
}

/// The two patterns of a composite, and their arrangement; no names yet.
pub(super) struct Parts {
    pub(super) parts: [usize; 2],
    pub(super) composite: Composite,
}

/// Of patterns with the number of their sign, 0 or 1.
pub(super) fn resolve(
    tracks: &Tracks<'_>,
    config: &Config,
    background: [f64; 4],
    patterns: Vec<(usize, Aggregate)>,
) -> Resolved {
    let hit = |(_, aggregate): &(usize, Aggregate)| {
        let pattern = Pattern::new("", aggregate, tracks.alphabet(), background, config.trim);
        (HitPattern::of_tracks(&pattern, tracks, QUANTILE), pattern.core)
    };
    let (hits, cores): (Vec<_>, Vec<_>) = patterns.iter().map(hit).unzip();
    let mut order: Vec<usize> = (0..patterns.len()).collect();
    order.sort_by_key(|&i| patterns[i].1.sites.len());
    let mut patterns: Vec<Option<(usize, Aggregate)>> = patterns.into_iter().map(Some).collect();
    let mut found: BTreeMap<usize, Parts> = BTreeMap::new();
    let mut dissolved = [0; 2];
    // The smallest first, so that what is dissolved into a pattern that is itself dissolved goes on to where that goes.
    for (at, &number) in order.iter().enumerate() {
        let Some((sign, pattern)) = patterns[number].take() else { continue };
        let mut larger = order[at + 1..].to_vec();
        larger.sort_unstable();
        let places = Places::new(tracks, &pattern, &cores[number], &hits, &larger);
        let parts = places.are_all(config.trim).then(|| composite(tracks, &hits, &places.of_seqlets, pattern.len()));
        // One of its own, or a composite.
        if parts.as_ref().is_none_or(Option::is_some) {
            found.extend(parts.flatten().map(|parts| (number, parts)));
            patterns[number] = Some((sign, pattern));
            continue;
        }
        dissolved[sign] += 1;
        for hit in places.of_seqlets.iter().flatten() {
            if let Some((_, parent)) = &mut patterns[hit.pattern] {
                let core = &cores[hit.pattern];
                let (left, right) = (core.start as i64, parent.len() as i64 - core.end as i64);
                add(tracks, parent, hit.place.grown(left, right));
            }
        }
    }
    number_kept(patterns, found, dissolved)
}

fn number_kept(
    patterns: Vec<Option<(usize, Aggregate)>>,
    mut found: BTreeMap<usize, Parts>,
    dissolved: [usize; 2],
) -> Resolved {
    let mut numbers = vec![None; patterns.len()];
    let mut kept = Vec::new();
    for (old, pattern) in patterns.into_iter().enumerate() {
        if let Some((sign, aggregate)) = pattern {
            numbers[old] = Some(kept.len());
            kept.push((sign, aggregate, found.remove(&old)));
        }
    }
    for slot in &mut kept {
        slot.2 = slot.2.take().and_then(|Parts { parts: [one, other], composite }| {
            Some(Parts { parts: [numbers[one]?, numbers[other]?], composite })
        });
    }
    Resolved { kept, dissolved }
}

/// Adds a seqlet unless the pattern has one of the same instance.
fn add(tracks: &Tracks<'_>, pattern: &mut Aggregate, site: Seqlet) {
    let same =
        |s: &Seqlet| s.example == site.example && s.reverse == site.reverse && s.start.abs_diff(site.start) <= SAME;
    if !pattern.sites.iter().any(same) {
        pattern.include(tracks, site);
    }
}

/// How two places lie: patterns, bases between them, whether the second follows the first as that reads, whether both read
/// on one strand.
type Arrangement = ([usize; 2], usize, bool, bool);

/// The arrangement of most of the seqlets with two places or more, if it is more frequent than chance has it.
fn composite(tracks: &Tracks<'_>, hits: &[HitPattern], of_seqlets: &[Vec<PatternHit>], length: usize) -> Option<Parts> {
    let mut counts: BTreeMap<Arrangement, usize> = BTreeMap::new();
    let pairs: Vec<[PatternHit; 2]> = of_seqlets.iter().filter_map(|p| p.first_chunk().copied()).collect();
    pairs.iter().for_each(|pair| *counts.entry(arrangement(pair)).or_insert(0) += 1);
    let (&(parts, gap, is_downstream, same_strand), &most) = counts.iter().rev().max_by_key(|(_, n)| **n)?;
    if 2 * most <= pairs.len() {
        return None;
    }
    let widths = parts.map(|i| hits[i].cwm.len());
    let all: Vec<usize> = (0..tracks.len()).collect();
    let of = parts.map(|i| hits[i].clone());
    let places = hits::find_in(tracks, if parts[0] == parts[1] { &of[..1] } else { &of }, &all);
    let occurrences = occurrences(&places, parts[0] == parts[1]);
    let lengths = vec![tracks.length(); tracks.len()];
    let bins = spacing(&occurrences, [0, 1], widths, &lengths, tracks.both_strands(), length).bins;
    let bin = bins.into_iter().find(|bin| {
        (bin.gap, bin.is_downstream, bin.same_strand) == (gap, is_downstream, same_strand) && bin.q_value <= MAX_Q
    })?;
    let (observed, expected, p_value) = (bin.observed, bin.expected, bin.p_value);
    let names = [String::new(), String::new()];
    let composite = Composite { parts: names, gap, is_downstream, same_strand, observed, expected, p_value };
    Some(Parts { parts, composite })
}

/// Of a pattern with itself the leftmost place of a sequence is the first motif, and the others are the second.
fn occurrences(places: &[PatternHit], is_one: bool) -> Vec<Occurrence> {
    let mut last = None;
    let occurrence = |hit: &PatternHit| {
        let is_first = last.replace(hit.place.example) != Some(hit.place.example);
        Occurrence {
            motif: if is_one { usize::from(!is_first) } else { hit.pattern },
            sequence: hit.place.example,
            start: hit.place.start.max(0) as usize,
            strand: if hit.place.reverse { Strand::Reverse } else { Strand::Forward },
            score: hit.similarity,
            p_value: 1.0,
        }
    };
    places.iter().map(occurrence).collect()
}

/// The pattern with the lower number is the first, of one pattern the place on the left.
fn arrangement([one, other]: &[PatternHit; 2]) -> Arrangement {
    let (one, other) =
        if (other.pattern, other.place.start) < (one.pattern, one.place.start) { (other, one) } else { (one, other) };
    let is_right = other.place.start >= one.place.end;
    let gap = if is_right { other.place.start - one.place.end } else { one.place.start - other.place.end };
    let same_strand = one.place.reverse == other.place.reverse;
    ([one.pattern, other.pattern], gap.max(0) as usize, is_right != one.place.reverse, same_strand)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::Attributions;
    use basewise_core::random::{below, stream};
    use basewise_core::{Alphabet, Code};

    fn hit(pattern: usize, start: i64, end: i64, reverse: bool) -> PatternHit {
        let place = Seqlet { example: 0, start, end, reverse };
        PatternHit { pattern, place, similarity: 1.0, importance: 1.0 }
    }

    #[test]
    fn arrangements_are_the_same_on_either_strand() {
        let forward = [hit(0, 10, 20, false), hit(1, 25, 33, true)];
        // The same on the other strand of 100 bases.
        let turned = [hit(1, 67, 75, false), hit(0, 80, 90, true)];
        assert_eq!(arrangement(&forward), ([0, 1], 5, true, false));
        assert_eq!(arrangement(&turned), arrangement(&forward));
        assert_eq!(arrangement(&[hit(1, 0, 8, false), hit(0, 8, 18, false)]), ([0, 1], 0, false, true));
        assert_eq!(arrangement(&[hit(2, 30, 40, true), hit(2, 10, 20, true)]), ([2, 2], 10, false, true));
    }

    const LENGTH: usize = 100;
    const ONE: &str = "TGACTCAGC";
    const OTHER: &str = "GATTGCATCA";

    /// Random bases, and words at places of each sequence, whose bases contribute 1 each.
    fn sequences(n: usize, words: impl Fn(usize) -> Vec<(&'static str, usize)>) -> (Vec<Code>, Vec<f32>) {
        let (mut codes, mut values) = (Vec::new(), vec![0.0; n * LENGTH]);
        for i in 0..n {
            let mut rng = stream(1, "composite test", &[i as u64]);
            codes.extend((0..LENGTH).map(|_| Code::new(below(&mut rng, 4) as u8)));
            for (word, start) in words(i) {
                for (at, letter) in (i * LENGTH + start..).zip(word.bytes()) {
                    codes[at] = Code::new(b"ACGT".iter().position(|&b| b == letter).unwrap() as u8);
                    values[at] = 1.0;
                }
            }
        }
        (codes, values)
    }

    /// Sequences by 40: those of one motif, those of another, and those of a third pattern. What becomes of the patterns that are
    /// made of them: sizes, and how many were dissolved.
    fn resolved(third: impl Fn(usize) -> Vec<(&'static str, usize)>) -> (Vec<usize>, [usize; 2]) {
        let words = |i: usize| match i / 40 {
            0 => vec![(ONE, 30)],
            1 => vec![(OTHER, 30)],
            _ => third(i - 80),
        };
        let (codes, values) = sequences(110, words);
        let data = Attributions::new(Alphabet::Dna, LENGTH, &codes, &values, None).unwrap();
        let tracks = Tracks::new(&data);
        let pattern = |examples: std::ops::Range<usize>| {
            let site = |example: usize| Seqlet { example, start: 20, end: 50, reverse: false };
            (0, Aggregate::new(&tracks, examples.map(site)))
        };
        let patterns = vec![pattern(0..40), pattern(40..80), pattern(80..110)];
        let found = resolve(&tracks, &Config::default(), [0.25; 4], patterns);
        assert!(found.kept.iter().all(|(sign, _, parts)| *sign == 0 && parts.is_none()));
        (found.kept.iter().map(|(_, pattern, _)| pattern.sites.len()).collect(), found.dissolved)
    }

    #[test]
    fn what_stands_beside_a_motif_by_chance_may_reach_beyond_the_seqlets() {
        // The second motif begins at 41 to 49, where the seqlets end at 50.
        assert_eq!(resolved(|i| vec![(ONE, 30), (OTHER, 41 + i % 9)]), (vec![70, 70], [1, 0]));
        // In each second sequence alone.
        let half =
            |i: usize| if i.is_multiple_of(2) { vec![(ONE, 30), (OTHER, 41 + i / 2 % 4)] } else { vec![(ONE, 30)] };
        assert_eq!(resolved(half), (vec![70, 55], [1, 0]));
    }

    #[test]
    fn what_a_pattern_has_of_its_own_keeps_it() {
        // The first motif with more before it, and in each third sequence the second motif by chance.
        let more = |i: usize| match i % 3 {
            0 => vec![("CCGGTT", 23), (ONE, 30), (OTHER, 41 + i % 9)],
            _ => vec![("CCGGTT", 23), (ONE, 30)],
        };
        assert_eq!(resolved(more), (vec![40, 40, 30], [0, 0]));
        // The first motif alone.
        assert_eq!(resolved(|_| vec![(ONE, 30)]), (vec![40, 40, 30], [0, 0]));
    }
}
