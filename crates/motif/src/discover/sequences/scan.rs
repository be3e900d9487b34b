//! Sequences to be searched, and where a matrix fits them best.

use basewise_core::Code;

/// Beyond a sequence's ends, and an unknown base: it speaks neither for nor against a motif.
pub(super) const UNKNOWN: u8 = 4;
/// A base of a motif that was found before: no site may cover it.
pub(super) const ERASED: u8 = 5;

/// One sequence with unknown bases around it.
#[derive(Clone)]
pub(super) struct Text {
    /// Bases 0 to 3, [`UNKNOWN`], [`ERASED`].
    pub(super) bases: Vec<u8>,
    pad: usize,
}

/// A place of a matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Site {
    pub(super) score: f32,
    /// First base, on the sequence as it is written; below 0 where it begins before.
    pub(super) start: i64,
    pub(super) reverse: bool,
}

/// Scores by position and base of both readings, with those of [`UNKNOWN`] and [`ERASED`].
pub(super) struct Matrix {
    forward: Vec<[f32; 8]>,
    turned: Option<Vec<[f32; 8]>>,
}

impl Matrix {
    pub(super) fn new(log_odds: &[[f64; 4]], both_strands: bool) -> Self {
        let row = |r: &[f64; 4]| {
            std::array::from_fn(|b| match b {
                0..4 => r[b] as f32,
                4 => 0.0,
                _ => f32::NEG_INFINITY,
            })
        };
        let forward = log_odds.iter().map(row).collect();
        let turned = both_strands.then(|| crate::scan::reverse_complement(log_odds).iter().map(row).collect());
        Self { forward, turned }
    }

    pub(super) fn len(&self) -> usize {
        self.forward.len()
    }

    fn score(rows: &[[f32; 8]], window: &[u8]) -> f32 {
        rows.iter().zip(window).map(|(row, &base)| row[usize::from(base & 7)]).sum()
    }
}

impl Text {
    /// A sequence along which matrices of up to `pad + 1` positions may lie over the ends.
    pub(super) fn new(codes: &[Code], pad: usize) -> Self {
        let around = std::iter::repeat_n(UNKNOWN, pad);
        let bases = around.clone().chain(codes.iter().map(|c| c.base().min(UNKNOWN))).chain(around).collect();
        Self { bases, pad }
    }

    /// All places that cover at least half of the matrix's positions, in order; at each, as it reads before turned.
    pub(super) fn sites<'a>(&'a self, matrix: &'a Matrix) -> impl Iterator<Item = Site> + 'a {
        let width = matrix.len();
        let first = self.pad.saturating_sub(width / 2);
        let last = (self.bases.len() + width / 2).saturating_sub(self.pad + width);
        let place = move |at: usize| {
            let window = &self.bases[at..at + width];
            let start = at as i64 - self.pad as i64;
            let one = Site { score: Matrix::score(&matrix.forward, window), start, reverse: false };
            let turned = matrix.turned.as_ref().map(|rows| Matrix::score(rows, window));
            std::iter::once(one).chain(turned.map(|score| Site { score, start, reverse: true }))
        };
        (first..=last).filter(move |at| width > 0 && at + width <= self.bases.len()).flat_map(place)
    }

    /// The place of the highest score, the first of equal ones; none where all are erased.
    pub(super) fn best(&self, matrix: &Matrix) -> Option<Site> {
        let mut best: Option<Site> = None;
        for site in self.sites(matrix).filter(|s| s.score > f32::NEG_INFINITY) {
            if best.is_none_or(|b| site.score > b.score) {
                best = Some(site);
            }
        }
        best
    }

    /// Bases of a place in the direction of the matrix.
    pub(super) fn window(&self, site: &Site, width: usize) -> Vec<u8> {
        let from = (site.start + self.pad as i64) as usize;
        let window = &self.bases[from..from + width];
        if site.reverse {
            window.iter().rev().map(|&b| if b < 4 { 3 - b } else { b }).collect()
        } else {
            window.to_vec()
        }
    }

    /// Erases all places of at least `threshold`.
    pub(super) fn erase(&mut self, matrix: &Matrix, threshold: f32) {
        let found: Vec<i64> = self.sites(matrix).filter(|s| s.score >= threshold).map(|s| s.start).collect();
        let own = self.pad..self.bases.len() - self.pad;
        for start in found {
            let from = (start + self.pad as i64) as usize;
            for at in (from..from + matrix.len()).filter(|at| own.contains(at)) {
                self.bases[at] = ERASED;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(letters: &str) -> Text {
        let code = |l: u8| Code::new(b"ACGT".iter().position(|&b| b == l).map_or(4, |i| i as u8));
        Text::new(&letters.bytes().map(code).collect::<Vec<_>>(), 10)
    }

    /// GATT: +1 for the letter, -2 for others.
    fn matrix(both: bool) -> Matrix {
        let rows = [2, 0, 3, 3].map(|base| std::array::from_fn(|b| if b == base { 1.0 } else { -2.0 }));
        Matrix::new(&rows, both)
    }

    fn best(letters: &str, both: bool) -> (f32, i64, bool) {
        let site = text(letters).best(&matrix(both)).unwrap();
        (site.score, site.start, site.reverse)
    }

    #[test]
    fn the_first_and_the_last_base_and_what_lies_over_the_ends() {
        assert_eq!(best("GATTCCC", true), (4.0, 0, false));
        assert_eq!(best("CCCGATT", true), (4.0, 3, false));
        assert_eq!(best("AATCCCC", true), (4.0, 0, true));
        assert_eq!(best("CCCAATC", true), (4.0, 3, true));
        assert_eq!(best("TTCCCCCC", false), (2.0, -2, false));
        assert_eq!(best("CCCCCCGA", false), (2.0, 6, false));
        assert_eq!(best("CCGANTCC", false), (3.0, 2, false));
    }

    #[test]
    fn erased_places_are_not_found_again() {
        let mut one = text("GATTCCCCAATCCC");
        one.erase(&matrix(true), 4.0);
        assert!(one.best(&matrix(true)).is_none_or(|s| s.score < 3.0));
        assert_eq!(one.bases[10..24], [5, 5, 5, 5, 1, 1, 1, 1, 5, 5, 5, 5, 1, 1]);
        assert_eq!(one.window(&Site { score: 0.0, start: 4, reverse: true }, 3), [2, 2, 2]);
    }
}
