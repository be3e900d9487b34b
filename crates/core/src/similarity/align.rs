//! Alignments of two sequences of codes: 0 to 3 for A, C, G, T, anything else is unknown and equals nothing.

/// Scores of blastn for a match and a mismatch; each base of a gap costs so much that random ends do not lengthen an
/// alignment by far.
const MATCH: i64 = 2;
const MISMATCH: i64 = -3;
const GAP: i64 = -5;

/// Longest sequence that is aligned, in bases: what fits the fields of a [`Cell`].
pub(super) const LONGEST: usize = 1 << 19;

/// Score, matches and gaps of an alignment in one number, score first: larger is better, with equal scores the one with
/// more matches, then the one with fewer gaps. Sums of such numbers are those of their parts, so that what wins does not
/// depend on the order in which cells are visited.
type Cell = i64;

const FIELD: u32 = 20;
const PER_MATCH: Cell = (MATCH << (2 * FIELD)) + (1 << FIELD);
const PER_MISMATCH: Cell = MISMATCH << (2 * FIELD);
const PER_GAP: Cell = (GAP << (2 * FIELD)) - 1;

/// What is known of a local alignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Alignment {
    /// Columns with the same base in both sequences.
    pub(super) matches: usize,
    /// Columns with a base in both sequences.
    pub(super) pairs: usize,
    /// All columns.
    pub(super) columns: usize,
    /// Sum of the scores of the columns.
    pub(super) score: i64,
}

impl Alignment {
    fn of(cell: Cell) -> Self {
        let top = 1 << (FIELD - 1);
        let gaps = -(((cell + top) & ((1 << FIELD) - 1)) - top);
        let rest = (cell + gaps) >> FIELD;
        let (matches, score) = (rest & ((1 << FIELD) - 1), rest >> FIELD);
        let mismatches = (score - MATCH * matches - GAP * gaps) / MISMATCH;
        let pairs = matches + mismatches;
        Self { matches: matches as usize, pairs: pairs as usize, columns: (pairs + gaps) as usize, score }
    }

    /// Matches over columns, 0 without any.
    pub(super) fn identity(&self) -> f64 {
        self.matches as f64 / self.columns.max(1) as f64
    }
}

/// Whether two codes are the same known base.
fn equal(a: u8, b: u8) -> bool {
    a == b && a < 4
}

/// The best local alignment (Smith and Waterman 1981) among those that stay within `width` diagonals of `diagonal`, the
/// position in `b` minus that in `a`.
///
/// `cells` is scratch. Time grows with the length of `a` times the width.
pub(super) fn banded(a: &[u8], b: &[u8], diagonal: i64, width: usize, cells: &mut Vec<Cell>) -> Alignment {
    let lowest = diagonal - width as i64;
    let band = 2 * width + 1;
    cells.clear();
    // One beyond the band, which no alignment may use.
    cells.resize(band + 1, 0);
    cells[band] = Cell::MIN / 2;
    let mut best = 0;
    // Positions of `a` whose band meets `b`.
    let first = (-(lowest + band as i64 - 1)).max(0) as usize;
    let last = (b.len() as i64 - lowest).clamp(0, a.len() as i64) as usize;
    for (i, &base) in a.iter().enumerate().take(last).skip(first) {
        // The band in this row: cell k is at position i + lowest + k of b.
        let start = (-(i as i64 + lowest)).max(0) as usize;
        let end = (b.len() as i64 - i as i64 - lowest).clamp(0, band as i64) as usize;
        let mut left = Cell::MIN / 2;
        let offset = (i as i64 + lowest + start as i64) as usize;
        for (k, &other) in (start..end).zip(&b[offset..]) {
            let step = if equal(base, other) { PER_MATCH } else { PER_MISMATCH };
            let cell = (cells[k] + step).max(cells[k + 1] + PER_GAP).max(left + PER_GAP).max(0);
            cells[k] = cell;
            left = cell;
            best = best.max(cell);
        }
    }
    Alignment::of(best)
}

/// How far an extension may fall below its best score.
const DROP: i64 = 20;

/// The best score of a stretch without gaps through position `at` of `a` and `at + diagonal` of `b`, and where in `a` the
/// search to the right ended.
pub(super) fn extended(a: &[u8], b: &[u8], at: usize, diagonal: i64) -> (i64, usize) {
    let there = (at as i64 + diagonal) as usize;
    let (right, reached) = run(a[at..].iter().zip(&b[there..]));
    let (left, _) = run(a[..at].iter().rev().zip(b[..there].iter().rev()));
    (left + right, at + reached)
}

/// The best sum from the start on, and how many columns were looked at.
fn run<'a>(columns: impl Iterator<Item = (&'a u8, &'a u8)>) -> (i64, usize) {
    let (mut score, mut best, mut looked) = (0, 0, 0);
    for (&a, &b) in columns {
        score += if equal(a, b) { MATCH } else { MISMATCH };
        best = best.max(score);
        looked += 1;
        if score < best - DROP {
            break;
        }
    }
    (best, looked)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::random::{below, stream};

    pub(in super::super) fn codes(letters: &[u8]) -> Vec<u8> {
        letters.iter().map(|letter| b"ACGT".iter().position(|b| b == letter).unwrap_or(4) as u8).collect()
    }

    /// The whole table, with the parts of a score side by side: the oracle of [`banded`].
    pub(in super::super) fn whole(a: &[u8], b: &[u8]) -> Alignment {
        // Score, matches, minus gaps, columns: tuples compare from the left.
        type Parts = (i64, i64, i64, i64);
        let add = |x: Parts, y: Parts| (x.0 + y.0, x.1 + y.1, x.2 + y.2, x.3 + y.3);
        let mut best = (0, 0, 0, 0);
        let mut above = vec![best; b.len() + 1];
        for &x in a {
            let mut row = vec![(0, 0, 0, 0)];
            for (j, &y) in b.iter().enumerate() {
                let step = if equal(x, y) { (2, 1, 0, 1) } else { (-3, 0, 0, 1) };
                let gap = (-5, 0, -1, 1);
                let ways = [(0, 0, 0, 0), add(above[j], step), add(above[j + 1], gap), add(row[j], gap)];
                let cell = ways.into_iter().max_by_key(|way| (way.0, way.1, way.2)).unwrap();
                best = if (cell.0, cell.1, cell.2) > (best.0, best.1, best.2) { cell } else { best };
                row.push(cell);
            }
            above = row;
        }
        let [matches, pairs, columns] = [best.1, best.3 + best.2, best.3].map(|count| count as usize);
        Alignment { matches, pairs, columns, score: best.0 }
    }

    #[test]
    fn alignments_by_hand() {
        let align = |a: &[u8], b: &[u8], diagonal| banded(&codes(a), &codes(b), diagonal, 4, &mut Vec::new());
        let same = align(b"ACGTACGTAC", b"ACGTACGTAC", 0);
        assert_eq!((same.matches, same.pairs, same.columns), (10, 10, 10));
        let shifted = align(b"ACGTTGCAAC", b"GGGACGTTGCAAC", 3);
        assert_eq!((shifted.matches, shifted.columns), (10, 10));
        // A gap of one base, and one mismatch.
        let gapped = align(b"ACGTTGCAACTTGACC", b"ACGTTGCACTTGACC", 0);
        assert_eq!((gapped.matches, gapped.pairs, gapped.columns), (15, 15, 16));
        let other = align(b"ACGTTGCAACTTGACC", b"ACGTTGCATCTTGACC", 0);
        assert_eq!((other.matches, other.pairs, other.columns), (15, 16, 16));
        // Unknown bases equal nothing, not even each other.
        assert_eq!(align(b"NNNNN", b"NNNNN", 0), Alignment::default());
        assert_eq!(align(b"", b"ACGT", 0), Alignment::default());
        assert_eq!(align(b"ACGT", b"", -2), Alignment::default());
        assert_eq!(align(b"ACGT", b"ACGT", 90), Alignment::default());
        assert_eq!(align(b"ACGT", b"ACGT", -90), Alignment::default());
        assert_eq!(align(b"TTTTTACGT", b"ACGT", -5).matches, 4);
        assert_eq!(align(b"A", b"A", 0).identity(), 1.0);
    }

    #[test]
    fn a_band_that_holds_the_table_gives_its_best() {
        for case in 0..300 {
            let mut rng = stream(1, "align", &[case]);
            let letters = 2 + below(&mut rng, 3);
            let mut draw = |n: usize| -> Vec<u8> { (0..n).map(|_| below(&mut rng, letters + 1) as u8).collect() };
            let (mut a, b) = (draw(case as usize % 40), draw(17 + case as usize % 23));
            a.extend_from_slice(&b[..b.len() / 2]);
            assert_eq!(banded(&a, &b, 0, 100, &mut Vec::new()), whole(&a, &b), "{a:?} {b:?}");
            assert_eq!(banded(&b, &a, 0, 100, &mut Vec::new()), whole(&b, &a));
        }
    }

    #[test]
    fn extensions_stop_where_nothing_is_gained() {
        let a = codes(b"TTTTTTACGTACGTACCCCCCCCCCCCCCCCC");
        let b = codes(b"GGACGTACGTACGGGGGGGGGGGGGGGGGGGG");
        let (score, reached) = extended(&a, &b, 8, -4);
        assert_eq!(score, 20);
        assert!((16..25).contains(&reached), "{reached}");
        assert_eq!(extended(&a, &b, 16, -4).0, 20);
        assert_eq!(extended(&[0], &[0], 0, 0), (2, 1));
    }
}
