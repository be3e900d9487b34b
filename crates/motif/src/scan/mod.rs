//! Where motifs fit sequences: plain scores at each place, and a fast search with p- and q-values.

mod distribution;
mod false_discovery;
mod pieces;
mod scanner;

pub use distribution::{ScanError, ScoreDistribution};
pub use false_discovery::q_values;
pub use scanner::{Occurrence, ScanOptions, Scanner};

use basewise_core::{Code, Strand};

/// A stretch of a sequence that a motif was scored on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// First base, 0-based on the sequence as it is written.
    pub start: usize,
    /// One past the last base.
    pub end: usize,
    /// The strand on which the motif reads.
    pub strand: Strand,
    /// Sum of the log-odds, in the matrix's unit.
    pub score: f64,
}

/// Scores of a motif at each start, on the sequence as it is written: `codes.len() - width + 1` numbers, none if the
/// motif is longer than the sequence or has no position.
///
/// `log_odds` is `[position][A C G T]`, see [`Motif::log_odds`](crate::Motif::log_odds). An unknown base adds 0: it
/// speaks neither for the motif nor for the background.
pub fn score_sequence(log_odds: &[[f64; 4]], codes: &[Code]) -> Vec<f64> {
    if log_odds.is_empty() {
        return Vec::new();
    }
    let score = |window: &[Code]| {
        window.iter().zip(log_odds).map(|(code, row)| row.get(code.base() as usize).copied().unwrap_or(0.0)).sum()
    };
    codes.windows(log_odds.len()).map(score).collect()
}

/// The matrix that scores the other strand at the same places.
pub fn reverse_complement(log_odds: &[[f64; 4]]) -> Vec<[f64; 4]> {
    log_odds.iter().rev().map(|&[a, c, g, t]| [t, g, c, a]).collect()
}

/// The highest-scoring place; of equal ones the leftmost, on the forward strand first.
///
/// None if the motif is longer than the sequence or has no position. Scores may be minus infinity where a matrix has
/// no pseudocount.
pub fn best_hit(log_odds: &[[f64; 4]], codes: &[Code], both_strands: bool) -> Option<Hit> {
    let width = log_odds.len();
    let mut best: Option<Hit> = None;
    let mut take = |scores: Vec<f64>, strand: Strand| {
        for (start, score) in scores.into_iter().enumerate() {
            let is_better = |best: Hit| score > best.score || (score == best.score && start < best.start);
            if best.is_none_or(is_better) {
                best = Some(Hit { start, end: start + width, strand, score });
            }
        }
    };
    take(score_sequence(log_odds, codes), Strand::Forward);
    if both_strands {
        take(score_sequence(&reverse_complement(log_odds), codes), Strand::Reverse);
    }
    best
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod plain_tests {
    use super::*;
    use basewise_core::{Alphabet, CasePolicy, Encoding};

    const TATC: [[f64; 4]; 4] =
        [[-2.0, -2.0, -2.0, 1.0], [1.0, -2.0, -2.0, -2.0], [-2.0, -2.0, -2.0, 1.0], [-2.0, 1.0, -2.0, -2.0]];

    fn codes(letters: &[u8]) -> Vec<Code> {
        Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore }.encode(letters).unwrap()
    }

    fn hit(letters: &[u8]) -> (usize, usize, Strand, f64) {
        let hit = best_hit(&TATC, &codes(letters), true).unwrap();
        (hit.start, hit.end, hit.strand, hit.score)
    }

    #[test]
    fn hits_at_the_first_and_the_last_base_on_both_strands() {
        assert_eq!(hit(b"TATCGGGG"), (0, 4, Strand::Forward, 4.0));
        assert_eq!(hit(b"GGGGTATC"), (4, 8, Strand::Forward, 4.0));
        assert_eq!(hit(b"GATACCCC"), (0, 4, Strand::Reverse, 4.0));
        assert_eq!(hit(b"CCCCGATA"), (4, 8, Strand::Reverse, 4.0));
    }

    #[test]
    fn a_motif_as_long_as_the_sequence_has_one_place_and_a_longer_one_none() {
        assert_eq!(score_sequence(&TATC, &codes(b"TATC")), [4.0]);
        assert_eq!(hit(b"TATC"), (0, 4, Strand::Forward, 4.0));
        assert!(score_sequence(&TATC, &codes(b"TAT")).is_empty());
        assert_eq!(best_hit(&TATC, &codes(b"TAT"), true), None);
        assert_eq!(best_hit(&TATC, &[], true), None);
        assert_eq!(best_hit(&[], &codes(b"ACGT"), true), None);
    }

    #[test]
    fn an_unknown_base_adds_nothing() {
        assert_eq!(score_sequence(&TATC, &codes(b"TNTCN")), [3.0, -4.0]);
        assert_eq!(hit(b"NNNN"), (0, 4, Strand::Forward, 0.0));
    }

    #[test]
    fn reverse_scores_are_forward_scores_of_the_turned_sequence() {
        let (sequence, turned) = (codes(b"ACGATAGATTC"), codes(b"GAATCTATCGT"));
        let mut expected = score_sequence(&TATC, &turned);
        expected.reverse();
        assert_eq!(score_sequence(&reverse_complement(&TATC), &sequence), expected);
    }

    #[test]
    fn minus_infinity_is_still_a_place() {
        let strict = [[0.0, f64::NEG_INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY]];
        assert_eq!(best_hit(&strict, &codes(b"CC"), false).map(|h| (h.start, h.score)), Some((0, f64::NEG_INFINITY)));
    }
}
