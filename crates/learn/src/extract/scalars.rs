//! Features that are one number a sequence: composition and motif scores.

use super::spec::{Block, MotifScore};
use basewise_core::{Alphabet, Code, Encoding};
use basewise_motif::{Motif, scan};
use serde::{Deserialize, Serialize};

/// Sites spread as the background that are added to each motif.
const PSEUDOCOUNT: f64 = 1.0;

/// Composition of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Composition {
    Length,
    Gc,
    Cpg,
}

impl Composition {
    pub(super) fn of(block: &Block) -> Option<Self> {
        match block {
            Block::Length => Some(Self::Length),
            Block::Gc => Some(Self::Gc),
            Block::Cpg => Some(Self::Cpg),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Gc => "gc",
            Self::Cpg => "cpg",
        }
    }

    /// NaN where it is unknown: of a sequence without a known base.
    pub(super) fn value(self, codes: &[Code]) -> f64 {
        let count = |base: u8| codes.iter().filter(|code| code.base() == base).count() as f64;
        let known = codes.iter().filter(|code| code.base() < 4).count() as f64;
        match self {
            Self::Length => {
                let at = |place: Option<usize>| place.unwrap_or(0);
                let known = |code: &Code| code.base() < 4;
                let end = codes.iter().rposition(known).map(|last| last + 1);
                (at(end) - at(codes.iter().position(known))) as f64
            }
            Self::Gc => (count(1) + count(2)) / known,
            Self::Cpg => {
                let pairs = codes.windows(2).filter(|pair| pair[0].base() == 1 && pair[1].base() == 2).count() as f64;
                let expected = count(1) * count(2) / known;
                // No expected pair is no observed one; no known base is unknown.
                if expected == 0.0 { 0.0 } else { pairs / expected }
            }
        }
    }
}

/// Motifs with the scores that are taken of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Motifs {
    pub(super) motifs: Vec<Motif>,
    pub(super) scores: Vec<MotifScore>,
}

/// Log-odds of a motif and, where the other strand counts, of its reverse complement.
pub(super) type Matrices = Vec<Vec<[f64; 4]>>;

impl Motifs {
    /// `motif:CTCF:best`; with the accession where several motifs have the name.
    pub(super) fn names(&self) -> impl Iterator<Item = String> + '_ {
        let name = |motif: &Motif| {
            let several = self.motifs.iter().filter(|other| other.label() == motif.label()).count() > 1;
            if several { format!("{}({})", motif.label(), motif.id) } else { motif.label().to_owned() }
        };
        self.motifs.iter().flat_map(move |motif| {
            let name = name(motif);
            self.scores.iter().map(move |score| match score {
                MotifScore::Best => format!("motif:{name}:best"),
                MotifScore::Sum => format!("motif:{name}:sum"),
            })
        })
    }

    pub(super) fn matrices(&self, encoding: Encoding) -> Vec<Matrices> {
        let matrices = |motif: &Motif| {
            let forward = motif.log_odds(PSEUDOCOUNT, [0.25; 4]);
            let both = encoding.alphabet == Alphabet::Dna && motif.alphabet == Alphabet::Dna;
            let reverse = both.then(|| scan::reverse_complement(&forward));
            std::iter::once(forward).chain(reverse).collect()
        };
        self.motifs.iter().map(matrices).collect()
    }

    /// Appends the scores of each motif, in bits; 0 for a motif that is longer than the sequence.
    pub(super) fn values(&self, matrices: &[Matrices], codes: &[Code], out: &mut Vec<f64>) {
        for both in matrices {
            let scores: Vec<f64> = both.iter().flat_map(|matrix| scan::score_sequence(matrix, codes)).collect();
            let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            for score in &self.scores {
                out.push(match score {
                    _ if scores.is_empty() => 0.0,
                    MotifScore::Best => best,
                    MotifScore::Sum => best + scores.iter().map(|score| (score - best).exp2()).sum::<f64>().log2(),
                });
            }
        }
    }
}
