//! How alike two motifs are in their best alignment.

use crate::Motif;
use basewise_core::Alphabet;
use rayon::prelude::*;

/// The best alignment of one motif with another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alignment {
    /// Sum of the correlations of aligned columns over the columns that both cover together: 1 for the same motif, 0 or less
    /// for strangers.
    pub similarity: f32,
    /// Position in the first motif at which the second, in its aligned orientation, begins.
    pub offset: i32,
    /// Whether the second motif's other strand is aligned.
    pub reverse_complement: bool,
}

/// More motifs are refused: the tables then have 400 MB.
pub(super) const MOST_MOTIFS: usize = 6000;

/// The best alignment of each motif with each other.
pub struct Similarities {
    count: usize,
    /// Of `i` and `j`, where `i <= j`, row by row.
    upper: Vec<Alignment>,
    widths: Vec<i32>,
}

/// Columns less their mean, of length 1 (0 where a column is uniform).
type Columns = Vec<[f32; 4]>;

fn columns(rows: impl Iterator<Item = [f64; 4]>) -> Columns {
    rows.map(|row| {
        let centred = row.map(|p| p - 0.25);
        let length = centred.iter().map(|x| x * x).sum::<f64>().sqrt();
        if length > 1e-9 { centred.map(|x| (x / length) as f32) } else { [0.0; 4] }
    })
    .collect()
}

impl Similarities {
    /// All against all; alignments share `min_overlap` columns or more (a shorter motif must be aligned in full). The other
    /// strand is tried where all motifs are DNA and `both_strands` is set. `None` for more than 6,000 motifs.
    pub fn new(motifs: &[Motif], min_overlap: usize, both_strands: bool) -> Option<Self> {
        if motifs.len() > MOST_MOTIFS {
            return None;
        }
        let both = both_strands && motifs.iter().all(|motif| motif.alphabet == Alphabet::Dna);
        let forward: Vec<Columns> = motifs.iter().map(|motif| columns(motif.probabilities.iter().copied())).collect();
        let turned = |motif: &Motif| columns(motif.probabilities.iter().rev().map(|&[a, c, g, t]| [t, g, c, a]));
        let reverse: Vec<Columns> = motifs.iter().filter(|_| both).map(turned).collect();
        let rows: Vec<Vec<Alignment>> = (0..motifs.len())
            .into_par_iter()
            .map(|i| {
                let with = |j: usize| {
                    let mut best = best(&forward[i], &forward[j], false, min_overlap);
                    if let Some(reverse) = reverse.get(j).filter(|_| i != j) {
                        let other = self::best(&forward[i], reverse, true, min_overlap);
                        if other.similarity > best.similarity {
                            best = other;
                        }
                    }
                    best
                };
                (i..motifs.len()).map(with).collect()
            })
            .collect();
        let widths = motifs.iter().map(|motif| motif.len() as i32).collect();
        Some(Self { count: motifs.len(), upper: rows.concat(), widths })
    }

    /// Number of motifs.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The alignment of motif `j` with motif `i`.
    ///
    /// # Panics
    /// If there is no motif of these indices.
    pub fn get(&self, i: usize, j: usize) -> Alignment {
        assert!(i < self.count && j < self.count, "motifs are numbered from 0 to {}", self.count);
        let (low, high) = (i.min(j), i.max(j));
        let found = self.upper[low * (2 * self.count - low + 1) / 2 + high - low];
        if i <= j {
            return found;
        }
        // The same alignment seen from the other motif; turned round, it counts from the other end.
        let offset =
            if found.reverse_complement { self.widths[i] + found.offset - self.widths[j] } else { -found.offset };
        Alignment { offset, ..found }
    }
}

/// The best offset; of equal ones the leftmost.
fn best(one: &Columns, other: &Columns, reverse_complement: bool, min_overlap: usize) -> Alignment {
    let (width, length) = (one.len() as i32, other.len() as i32);
    let needed = (min_overlap.clamp(1, i32::MAX as usize) as i32).min(width).min(length);
    let mut best = Alignment { similarity: f32::NEG_INFINITY, offset: 0, reverse_complement };
    for offset in needed - length..=width - needed {
        let (start, end) = (offset.max(0), (offset + length).min(width));
        if end - start < needed.max(1) {
            continue;
        }
        let aligned = one[start as usize..end as usize].iter().zip(&other[(start - offset) as usize..]);
        let sum: f32 = aligned.map(|(a, b)| a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]).sum();
        let similarity = sum / (width + length - (end - start)) as f32;
        if similarity > best.similarity {
            best = Alignment { similarity, offset, reverse_complement };
        }
    }
    // A motif without positions is like none.
    if best.similarity == f32::NEG_INFINITY { Alignment { similarity: 0.0, ..best } } else { best }
}
