//! Many motifs on many sequences, with p-values.

use super::distribution::{ScanError, ScoreDistribution};
use super::pieces::{Piece, cut};
use crate::Motif;
use basewise_core::{Alphabet, Code, Strand};
use basewise_kernels::{Level, windows::cheap_windows};
use rayon::prelude::*;

/// Cost of a window at the threshold, in steps of a byte: as fine as leaves room for [`NEVER`].
const FINEST: i64 = 250;
/// Cost of a separator: above every limit.
const NEVER: u8 = 255;

/// How motifs are scanned for.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanOptions {
    /// Occurrences up to this p-value are reported, 0 to 1.
    pub max_p_value: f64,
    /// Base frequencies of the log-odds and of the p-values.
    pub background: [f64; 4],
    /// Sites spread as the background that are added to each motif's own; see [`Motif::log_odds`].
    pub pseudocount: f64,
    /// Bits a step of the score; see [`ScoreDistribution`].
    pub granularity: f64,
    /// Whether the other strand is scanned too. RNA motifs are scanned on the given strand whatever is said here.
    pub both_strands: bool,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self { max_p_value: 1e-4, background: [0.25; 4], pseudocount: 0.1, granularity: 0.01, both_strands: true }
    }
}

/// A place where a motif fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Occurrence {
    /// Index of the sequence.
    pub sequence: usize,
    /// Index of the motif.
    pub motif: usize,
    /// First base, 0-based on the sequence as it is written.
    pub start: usize,
    /// The strand on which the motif reads.
    pub strand: Strand,
    /// Log-odds in bits, a whole number of steps.
    pub score: f64,
    /// Probability of so high a score at one place of random sequence.
    pub p_value: f64,
}

/// Motifs made ready to be scanned for.
///
/// Windows that cannot reach the threshold are left out by [`cheap_windows`], sums of bytes that never cost more than the
/// score has lost; what passes is scored in whole steps. So occurrences are exactly those of the scores, and the same for any
/// number of threads and at any instruction set.
#[derive(Clone, Debug)]
pub struct Scanner {
    motifs: Vec<Prepared>,
    widest: usize,
}

#[derive(Clone, Debug)]
struct Prepared {
    distribution: ScoreDistribution,
    threshold: i32,
    /// Strands that count as tried.
    tries: usize,
    strands: Vec<Oriented>,
}

#[derive(Clone, Debug)]
struct Oriented {
    strand: Strand,
    /// `[position][A C G T unknown]`, in the direction of the sequence.
    steps: Vec<[i32; 5]>,
    costs: Vec<[u8; 16]>,
    limit: u8,
}

impl Scanner {
    /// Prepares motifs.
    ///
    /// # Errors
    /// A motif without positions, no pseudocount where a motif has zeros, a granularity that is not positive or too fine.
    pub fn new(motifs: &[Motif], options: &ScanOptions) -> Result<Self, ScanError> {
        let motifs: Vec<Prepared> =
            motifs.par_iter().map(|motif| Prepared::new(motif, options)).collect::<Result<_, _>>()?;
        let widest = motifs.iter().map(Prepared::width).max().unwrap_or(0);
        Ok(Self { motifs, widest })
    }

    /// All occurrences in the sequences: by sequence, then motif, start, and the forward strand first.
    ///
    /// An unknown base adds 0 to the score, as in [`score_sequence`](super::score_sequence); a window of unknown bases alone
    /// is no place. A motif longer than a sequence has none in it.
    pub fn scan(&self, sequences: &[&[Code]]) -> Vec<Occurrence> {
        let pieces = cut(sequences, self.widest);
        let level = Level::best();
        let found: Vec<Vec<Occurrence>> = pieces.par_iter().map(|piece| self.scan_piece(piece, level)).collect();
        let mut all: Vec<Occurrence> = found.into_iter().flatten().collect();
        all.sort_by_key(|o| (o.sequence, o.motif, o.start, o.strand == Strand::Reverse));
        all
    }

    /// Places at which a motif is tried in a sequence of this length, over all strands.
    ///
    /// # Panics
    /// If there is no motif of that index.
    pub fn places(&self, motif: usize, length: usize) -> usize {
        let motif = &self.motifs[motif];
        motif.tries * (length + 1).saturating_sub(motif.width())
    }

    fn scan_piece(&self, piece: &Piece, level: Level) -> Vec<Occurrence> {
        let mut found = Vec::new();
        let mut starts = Vec::new();
        for (index, motif) in self.motifs.iter().enumerate() {
            for oriented in &motif.strands {
                starts.clear();
                cheap_windows(level, &piece.codes, &oriented.costs, oriented.limit, &mut starts);
                for &start in &starts {
                    let window = &piece.codes[start as usize..][..oriented.steps.len()];
                    let Some(score) = oriented.score(window).filter(|&score| score >= motif.threshold) else {
                        continue;
                    };
                    let Some((sequence, start)) = piece.place(start as usize) else { continue };
                    found.push(Occurrence {
                        sequence,
                        motif: index,
                        start,
                        strand: oriented.strand,
                        score: f64::from(score) * motif.distribution.granularity(),
                        p_value: motif.distribution.p_value(score),
                    });
                }
            }
        }
        found
    }
}

impl Prepared {
    fn new(motif: &Motif, options: &ScanOptions) -> Result<Self, ScanError> {
        let log_odds = motif.log_odds(options.pseudocount, options.background);
        let distribution = ScoreDistribution::new(&motif.id, &log_odds, options.background, options.granularity)?;
        let threshold = distribution.threshold(options.max_p_value);
        let spare = i64::from(distribution.highest()) - i64::from(threshold);
        let both = options.both_strands && motif.alphabet == Alphabet::Dna;
        let mut strands = Vec::new();
        // Of a threshold that no score reaches nothing is looked for.
        if spare >= 0 {
            strands.push(Oriented::new(Strand::Forward, distribution.steps(), spare));
        }
        if spare >= 0 && both {
            let turned: Vec<[i32; 4]> = distribution.steps().iter().rev().map(|&[a, c, g, t]| [t, g, c, a]).collect();
            strands.push(Oriented::new(Strand::Reverse, &turned, spare));
        }
        Ok(Self { distribution, threshold, tries: 1 + usize::from(both), strands })
    }

    fn width(&self) -> usize {
        self.distribution.steps().len()
    }
}

impl Oriented {
    /// `spare` steps may be lost on the way from the highest score to the threshold.
    fn new(strand: Strand, steps: &[[i32; 4]], spare: i64) -> Self {
        let steps: Vec<[i32; 5]> = steps.iter().map(|&[a, c, g, t]| [a, c, g, t, 0]).collect();
        let unit = spare / FINEST + 1;
        let costs = steps
            .iter()
            .map(|row| {
                let highest = i64::from(row[..4].iter().copied().max().unwrap_or(0));
                std::array::from_fn(|code| match row.get(code) {
                    // Rounded down, so that no window costs more than it has lost.
                    Some(&step) => ((highest - i64::from(step)).max(0) / unit).min(i64::from(NEVER) - 1) as u8,
                    None => NEVER,
                })
            })
            .collect();
        Self { strand, steps, costs, limit: (spare / unit) as u8 }
    }

    /// The score in steps, unless nothing of the window is known.
    fn score(&self, window: &[u8]) -> Option<i32> {
        let is_known = window.iter().any(|&code| code < 4);
        let step = |(row, &code): (&[i32; 5], &u8)| row.get(usize::from(code)).copied().unwrap_or(0);
        is_known.then(|| self.steps.iter().zip(window).map(step).sum())
    }
}
