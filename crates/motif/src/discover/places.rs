//! What a pattern holds besides the places of larger patterns.
//!
//! The contribution weight matrix of its core is taken apart: what the most important place of a larger pattern holds in each
//! seqlet, what further places hold that share no base with that one, and what lies in neither and is the pattern's own. A
//! pattern is made of others if its own part is no more than that of further places. What one place holds says nothing against
//! a pattern: a motif with something before it holds the shorter motif too. Nor do shares too small to count as motif.

use super::aggregate::Aggregate;
use super::hits::{self, HitPattern, PatternHit};
use super::pattern::Seqlet;
use super::tracks::Tracks;
use std::collections::BTreeMap;
use std::ops::Range;

/// Places of larger patterns in the seqlets of a pattern.
pub(super) struct Places {
    /// Those of each seqlet that has any: the most important one, and those that share no base with it, by what they hold.
    pub(super) of_seqlets: Vec<Vec<PatternHit>>,
    shares: Shares,
}

impl Places {
    /// `larger` are the numbers of the larger patterns among `hits`, in order; `core` is the pattern's.
    pub(super) fn new(
        tracks: &Tracks<'_>,
        pattern: &Aggregate,
        core: &Range<usize>,
        hits: &[HitPattern],
        larger: &[usize],
    ) -> Self {
        let mut examples: Vec<usize> = pattern.sites.iter().map(|s| s.example).collect();
        examples.sort_unstable();
        examples.dedup();
        let parents: Vec<HitPattern> = larger.iter().map(|&i| hits[i].clone()).collect();
        let mut by_example: BTreeMap<usize, Vec<PatternHit>> = BTreeMap::new();
        for hit in hits::find_in(tracks, &parents, &examples) {
            by_example.entry(hit.place.example).or_default().push(PatternHit { pattern: larger[hit.pattern], ..hit });
        }
        let (left, right) = (core.start as i64, (pattern.len() - core.end) as i64);
        let mut new = Self { of_seqlets: Vec::new(), shares: Shares::new(core.len()) };
        for site in pattern.sites.iter().map(|site| site.grown(-left, -right)) {
            let places = in_seqlet(tracks, &site, by_example.get(&site.example).map_or(&[], Vec::as_slice));
            new.shares.add(tracks, &site, &places);
            new.of_seqlets.extend((!places.is_empty()).then_some(places));
        }
        new
    }

    /// Whether the pattern is made of them. `trim` is that of the [`Config`](super::Config).
    pub(super) fn are_all(&self, trim: f64) -> bool {
        self.shares.are_of_others(trim)
    }
}

/// Of the places that reach into a seqlet the one that holds the most of its contributions, and those that share no base with
/// it, by what they hold; of equal ones the first along the sequence is first.
fn in_seqlet(tracks: &Tracks<'_>, site: &Seqlet, places: &[PatternHit]) -> Vec<PatternHit> {
    let are_apart = |a: &Seqlet, b: &Seqlet| a.end <= b.start || b.end <= a.start;
    let held = |hit: &PatternHit| {
        let both = Seqlet { start: hit.place.start.max(site.start), end: hit.place.end.min(site.end), ..hit.place };
        tracks.window(&both).iter().map(|p| f64::from(p.contribution.abs())).sum::<f64>()
    };
    let within = places.iter().filter(|hit| !are_apart(&hit.place, site));
    let mut found: Vec<(f64, PatternHit)> = within.map(|hit| (held(hit), *hit)).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let Some((_, first)) = found.first().copied() else { return Vec::new() };
    let further = found[1..].iter().map(|(_, hit)| *hit).filter(|hit| are_apart(&hit.place, &first.place));
    std::iter::once(first).chain(further).collect()
}

/// A contribution weight matrix by who holds what, as sums over seqlets.
struct Shares {
    /// What the most important place of each seqlet holds.
    first: Vec<[f64; 4]>,
    /// What further places hold.
    further: Vec<[f64; 4]>,
    /// What lies in no place.
    own: Vec<[f64; 4]>,
}

impl Shares {
    fn new(length: usize) -> Self {
        let zeros = vec![[0.0; 4]; length];
        Self { first: zeros.clone(), further: zeros.clone(), own: zeros }
    }

    /// Adds a seqlet and its places, the most important one first.
    fn add(&mut self, tracks: &Tracks<'_>, site: &Seqlet, places: &[PatternHit]) {
        for (i, position) in tracks.window(site).iter().enumerate().filter(|(_, p)| p.base < 4) {
            let at = if site.reverse { site.end - 1 - i as i64 } else { site.start + i as i64 };
            let sums = match places.iter().position(|hit| (hit.place.start..hit.place.end).contains(&at)) {
                Some(0) => &mut self.first,
                Some(_) => &mut self.further,
                None => &mut self.own,
            };
            sums[i][usize::from(position.base)] += f64::from(position.contribution);
        }
    }

    /// Whether further places hold no less than lies in none, and both together at least `trim` of what the first ones hold:
    /// as much as a position must have, of the largest, to count as motif.
    fn are_of_others(&self, trim: f64) -> bool {
        let size = |sums: &[[f64; 4]]| sums.iter().flatten().map(|v| v.abs()).sum::<f64>();
        let (first, further, own) = (size(&self.first), size(&self.further), size(&self.own));
        further > 0.0 && further >= own && further + own >= trim * first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::Attributions;
    use basewise_core::{Alphabet, Code};

    const TRIM: f64 = 0.3;

    fn hit(start: i64, end: i64) -> PatternHit {
        let place = Seqlet { example: 0, start, end, reverse: false };
        PatternHit { pattern: 0, place, similarity: 1.0, importance: 1.0 }
    }

    fn starts(places: &[PatternHit]) -> Vec<i64> {
        places.iter().map(|hit| hit.place.start).collect()
    }

    /// What `then` says of one sequence of adenine with these contributions.
    fn with<T>(values: &[f32], then: impl Fn(&Tracks<'_>) -> T) -> T {
        let codes = vec![Code::new(0); values.len()];
        let data = Attributions::new(Alphabet::Dna, values.len(), &codes, values, None).unwrap();
        then(&Tracks::new(&data))
    }

    fn seqlet(start: i64, end: i64, reverse: bool) -> Seqlet {
        Seqlet { example: 0, start, end, reverse }
    }

    #[test]
    fn places_count_by_what_they_hold_of_the_seqlet() {
        let values = [9.0, 9.0, 1.0, 1.0, 1.0, 0.0, 0.0, 2.0, 2.0, 2.0, 0.0, 5.0];
        with(&values, |tracks| {
            let places = [hit(0, 4), hit(4, 6), hit(7, 9), hit(8, 11), hit(11, 12)];
            // The first holds 2 of the seqlet and not 20; the third and fourth hold 4 and share a base, the last does not reach it.
            for reverse in [false, true] {
                assert_eq!(starts(&in_seqlet(tracks, &seqlet(2, 11, reverse), &places)), [7, 0, 4]);
            }
            assert!(in_seqlet(tracks, &seqlet(5, 7, false), &places[..1]).is_empty());
            assert!(in_seqlet(tracks, &seqlet(0, 12, false), &[]).is_empty());
            // A seqlet that reaches beyond the sequence.
            assert_eq!(starts(&in_seqlet(tracks, &seqlet(-5, 3, false), &places)), [0]);
        });
    }

    #[test]
    fn shares_are_those_of_the_seqlet_as_it_reads() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, -6.0];
        with(&values, |tracks| {
            let places = [hit(3, 5), hit(-1, 2)];
            let of = |site: Seqlet, places: &[PatternHit]| {
                let mut shares = Shares::new(6);
                shares.add(tracks, &site, places);
                let sums = |rows: &[[f64; 4]]| rows.iter().map(|row| row.iter().sum()).collect::<Vec<f64>>();
                [sums(&shares.first), sums(&shares.further), sums(&shares.own)]
            };
            let forward =
                [[0.0, 0.0, 0.0, 4.0, 5.0, 0.0], [1.0, 2.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0, 0.0, -6.0]];
            let turned = forward.map(|row| row.into_iter().rev().collect::<Vec<f64>>());
            assert_eq!(of(seqlet(0, 6, false), &places), forward.map(Vec::from));
            assert_eq!(of(seqlet(0, 6, true), &places), turned);
            assert_eq!(of(seqlet(0, 6, false), &[])[2], values.map(f64::from));
            // The first position lies before the sequence.
            assert_eq!(of(seqlet(-1, 5, false), &places)[1], [0.0, 1.0, 2.0, 0.0, 0.0, 0.0]);
        });
    }

    #[test]
    fn a_pattern_is_made_of_others_where_little_is_its_own() {
        let is_so = |values: [f32; 6], places: &[PatternHit]| {
            with(&values, |tracks| {
                let mut shares = Shares::new(6);
                shares.add(tracks, &seqlet(0, 6, false), places);
                shares.are_of_others(TRIM)
            })
        };
        let two = [hit(0, 2), hit(3, 5)];
        assert!(is_so([2.0, 2.0, 0.5, 1.0, 1.0, 0.5], &two));
        // As much of its own as in the further place, and a little more; nothing at all of its own.
        assert!(is_so([2.0, 2.0, 1.0, 1.0, 1.0, -1.0], &two));
        assert!(!is_so([2.0, 2.0, 1.0, 1.0, 1.0, 1.1], &two));
        assert!(is_so([2.0, 2.0, 0.0, 1.0, 1.0, 0.0], &two));
        // One place, however much it holds, and no place.
        assert!(!is_so([2.0, 2.0, 0.5, 1.0, 1.0, 0.5], &two[..1]));
        assert!(!is_so([2.0, 2.0, 0.0, 0.0, 0.0, 0.0], &two[..1]));
        assert!(!is_so([2.0, 2.0, 0.5, 1.0, 1.0, 0.5], &[]));
        // Beyond the first place too little to count: 1.1 of 4, where 1.2 would.
        assert!(!is_so([2.0, 2.0, 0.1, 0.5, 0.5, 0.0], &two));
        assert!(is_so([2.0, 2.0, 0.1, 0.5, 0.6, 0.0], &two));
    }
}
