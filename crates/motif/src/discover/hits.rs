//! Where patterns stand in sequences with attributions.
//!
//! The contribution weight matrix slides along the contributions of the bases that are there. A place is as good as the
//! continuous Jaccard similarity of both, each divided by the sum of its sizes (as between seqlets), and as important as the
//! sum of its contributions. Where both reach what most seqlets of the pattern have, it is a hit. Of hits that share more
//! than half of the shorter, the more similar stays.

use super::pattern::{Pattern, Seqlet};
use super::tracks::{Attributions, Position, Tracks};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A pattern to be found, and how good a place must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HitPattern {
    /// Name of the pattern.
    pub id: String,
    /// Mean contribution of each base in the pattern's core, `[position][A C G T]`.
    pub cwm: Vec<[f64; 4]>,
    /// Least similarity, up to 1.
    pub min_similarity: f64,
    /// Least sum of contributions in the direction of the pattern's sign, in the unit of the attributions.
    pub min_importance: f64,
}

/// A place where a pattern stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PatternHit {
    /// Number of the pattern.
    pub pattern: usize,
    /// The place, as long as the pattern's core; it lies within the sequence.
    pub place: Seqlet,
    /// Similarity of contributions and pattern, up to 1.
    pub similarity: f64,
    /// Sum of the contributions.
    pub importance: f64,
}

impl HitPattern {
    /// What all but a part of `quantile` of the pattern's own seqlets reach, of similarity and of importance each.
    pub fn of(pattern: &Pattern, attributions: &Attributions<'_>, quantile: f64) -> Self {
        Self::of_tracks(pattern, &Tracks::new(attributions), quantile)
    }

    pub(super) fn of_tracks(pattern: &Pattern, tracks: &Tracks<'_>, quantile: f64) -> Self {
        let cwm = pattern.cwm[pattern.core.clone()].to_vec();
        let scorer = Scorer::new(&cwm);
        let (left, right) = (pattern.core.start as i64, (pattern.ppm.len() - pattern.core.end) as i64);
        let cores = pattern.sites.iter().map(|site| site.grown(-left, -right));
        let scored: Vec<(f64, f64)> = cores.map(|site| scorer.score(&tracks.window(&site))).collect();
        let low = |of: &dyn Fn(&(f64, f64)) -> f64| {
            let mut values: Vec<f64> = scored.iter().map(of).collect();
            values.sort_unstable_by(f64::total_cmp);
            let at = (values.len().saturating_sub(1) as f64 * quantile.clamp(0.0, 1.0)).round() as usize;
            values.get(at).copied().unwrap_or(f64::INFINITY)
        };
        let (min_similarity, min_importance) = (low(&|s| s.0), low(&|s| s.1 * scorer.sign));
        Self { id: pattern.id.clone(), cwm, min_similarity, min_importance }
    }
}

/// A matrix of which the sizes add up to 1.
struct Scorer {
    rows: Vec<[f64; 4]>,
    sign: f64,
}

impl Scorer {
    fn new(cwm: &[[f64; 4]]) -> Self {
        let size = cwm.iter().flatten().map(|v| v.abs()).sum::<f64>().max(1e-300);
        let sign = if cwm.iter().flatten().sum::<f64>() < 0.0 { -1.0 } else { 1.0 };
        Self { rows: cwm.iter().map(|row| row.map(|v| v / size)).collect(), sign }
    }

    /// Similarity and importance.
    fn score(&self, window: &[Position]) -> (f64, f64) {
        let size: f64 = window.iter().map(|p| f64::from(p.contribution.abs())).sum();
        let importance: f64 = window.iter().map(|p| f64::from(p.contribution)).sum();
        if size <= 0.0 {
            return (0.0, importance);
        }
        let (mut signed, mut plain) = (0.0, 0.0);
        for (row, position) in self.rows.iter().zip(window).filter(|(_, p)| p.base < 4) {
            let (a, b) = (row[usize::from(position.base)], f64::from(position.contribution) / size);
            let least = a.abs().min(b.abs());
            plain += least;
            signed += if a * b < 0.0 { -least } else { least };
        }
        (signed / (2.0 - plain), importance)
    }
}

/// All hits, by sequence and place. DNA is read from both strands. The result does not depend on the number of threads.
pub fn find(attributions: &Attributions<'_>, patterns: &[HitPattern]) -> Vec<PatternHit> {
    let tracks = Tracks::new(attributions);
    let examples: Vec<usize> = (0..tracks.len()).collect();
    find_in(&tracks, patterns, &examples)
}

/// The hits in some of the sequences, in their order.
pub(super) fn find_in(tracks: &Tracks<'_>, patterns: &[HitPattern], examples: &[usize]) -> Vec<PatternHit> {
    let scorers: Vec<Scorer> = patterns.iter().map(|p| Scorer::new(&p.cwm)).collect();
    let of_example = |&example: &usize| {
        let mut all = Vec::new();
        let mut before = vec![0.0_f64];
        (0..tracks.length()).for_each(|at| before.push(before[at] + f64::from(tracks.contribution(example, at))));
        for (number, (pattern, scorer)) in patterns.iter().zip(&scorers).enumerate() {
            candidates(tracks, (example, &before), number, pattern, scorer, &mut all);
        }
        without_overlaps(all)
    };
    examples.par_iter().flat_map_iter(of_example).collect()
}

/// The places of one pattern in one sequence, which has contributions up to each of its positions.
fn candidates(
    tracks: &Tracks<'_>,
    (example, before): (usize, &[f64]),
    number: usize,
    pattern: &HitPattern,
    scorer: &Scorer,
    out: &mut Vec<PatternHit>,
) {
    let width = scorer.rows.len();
    if width == 0 || width > tracks.length() {
        return;
    }
    for start in 0..=tracks.length() - width {
        // Most places are not important enough, and need not be compared.
        if (before[start + width] - before[start]) * scorer.sign < pattern.min_importance - 1e-6 {
            continue;
        }
        for reverse in [false, true] {
            if reverse && !tracks.both_strands() {
                continue;
            }
            let place = Seqlet { example, start: start as i64, end: (start + width) as i64, reverse };
            let (similarity, importance) = scorer.score(&tracks.window(&place));
            if similarity >= pattern.min_similarity && importance * scorer.sign >= pattern.min_importance {
                out.push(PatternHit { pattern: number, place, similarity, importance });
            }
        }
    }
}

fn without_overlaps(mut all: Vec<PatternHit>) -> Vec<PatternHit> {
    all.sort_by(|a, b| {
        let by_place = (a.place.start, a.pattern, a.place.reverse).cmp(&(b.place.start, b.pattern, b.place.reverse));
        b.similarity.total_cmp(&a.similarity).then(by_place)
    });
    let mut kept: Vec<PatternHit> = Vec::new();
    for hit in all {
        let clashes = |other: &PatternHit| {
            let shared = hit.place.end.min(other.place.end) - hit.place.start.max(other.place.start);
            let shorter = (hit.place.end - hit.place.start).min(other.place.end - other.place.start);
            2 * shared > shorter
        };
        if !kept.iter().any(clashes) {
            kept.push(hit);
        }
    }
    kept.sort_by_key(|hit| (hit.place.start, hit.pattern));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::{Alphabet, Code};

    /// GATTC, its last letter of no importance to the first.
    fn pattern(min_similarity: f64, min_importance: f64) -> HitPattern {
        let cwm = [(2, 1.0), (0, 2.0), (3, 2.0), (3, 1.0), (1, 0.5)];
        let row = |(base, value): (usize, f64)| std::array::from_fn(|b| if b == base { value } else { 0.0 });
        HitPattern { id: "p".into(), cwm: cwm.map(row).to_vec(), min_similarity, min_importance }
    }

    fn codes(letters: &str) -> Vec<Code> {
        letters.bytes().map(|b| Code::new(b"ACGT".iter().position(|&l| l == b).map_or(4, |i| i as u8))).collect()
    }

    fn found(letters: &str, values: &[f32], alphabet: Alphabet, pattern: HitPattern) -> Vec<(usize, i64, bool)> {
        let codes = codes(letters);
        let data = Attributions::new(alphabet, letters.len(), &codes, values, None).unwrap();
        find(&data, &[pattern]).iter().map(|h| (h.place.example, h.place.start, h.place.reverse)).collect()
    }

    #[test]
    fn a_pattern_is_found_at_both_ends_and_on_both_strands() {
        let values = [1.0, 2.0, 2.0, 1.0, 0.5, 0.0, 0.0, 0.5, 1.0, 2.0, 2.0, 1.0];
        let found_on = |alphabet| found("GATTCCCGAATC", &values, alphabet, pattern(0.9, 6.0));
        assert_eq!(found_on(Alphabet::Dna), [(0, 0, false), (0, 7, true)]);
        assert_eq!(found_on(Alphabet::Rna), [(0, 0, false)]);
    }

    #[test]
    fn importance_and_similarity_must_both_be_enough() {
        let weak = [0.1, 0.2, 0.2, 0.1, 0.05];
        assert!(found("GATTC", &weak, Alphabet::Dna, pattern(0.9, 1.0)).is_empty());
        assert_eq!(found("GATTC", &weak, Alphabet::Dna, pattern(0.9, 0.5)).len(), 1);
        let elsewhere = [2.0, 0.0, 0.0, 0.0, 2.0];
        assert!(found("GATTC", &elsewhere, Alphabet::Dna, pattern(0.9, 1.0)).is_empty());
        assert!(found("GATT", &weak[..4], Alphabet::Dna, pattern(0.0, 0.0)).is_empty());
        assert!(found("GANTC", &[1.0, 2.0, 9.0, 1.0, 0.5], Alphabet::Dna, pattern(0.9, 1.0)).is_empty());
    }

    #[test]
    fn of_overlapping_hits_the_more_similar_stays() {
        let hit = |start: i64, similarity: f64| PatternHit {
            pattern: 0,
            place: Seqlet { example: 0, start, end: start + 10, reverse: false },
            similarity,
            importance: 1.0,
        };
        let kept = without_overlaps(vec![hit(0, 0.5), hit(4, 0.9), hit(9, 0.6), hit(14, 0.1)]);
        assert_eq!(kept.iter().map(|h| h.place.start).collect::<Vec<_>>(), [4, 9, 14]);
    }
}
