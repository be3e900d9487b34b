//! Spaced words: which sequences have them, and where.

use super::align::LONGEST;

/// Which of some successive bases make a word, for each weight from [`LIGHTEST`] on. Words with gaps find more of what has
/// changed here and there than words of successive bases do (PatternHunter; Ma, Tromp and Li 2002). Chosen among random ones
/// by how many of 20,000 alignments of 50 bases with 80 % identity share a word: 0.99 with 7 bases (0.96 if successive), 0.93
/// (0.82) with 9, 0.79 (0.61) with 11.
const SHAPES: [&str; 6] =
    ["11001010111", "110100110111", "111001010011011", "1110100101100111", "11100100110101111", "111001101010011111"];

/// Bases in the shortest word.
const LIGHTEST: usize = 7;

/// Hits by chance that are affordable, as a number of pairs of places.
const CHANCE_HITS: f64 = 1e8;

/// Places that an index holds; with more bases, one in so many words is looked at. 8 bytes each.
const PLACES: usize = 1 << 27;

/// Which words are looked at.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    offsets: Vec<usize>,
    span: usize,
    /// One in so many different words is looked at.
    every: u64,
}

impl Shape {
    /// Words so long that places in `queries` bases meet places in `targets` bases by chance no more often than can be
    /// looked at.
    pub(super) fn new(queries: usize, targets: usize) -> Self {
        let meetings = queries as f64 * targets as f64 / CHANCE_HITS;
        let weight = meetings.max(1.0).log(4.0).ceil() as usize;
        let shape = SHAPES[weight.clamp(LIGHTEST, LIGHTEST + SHAPES.len() - 1) - LIGHTEST];
        let offsets = shape.bytes().enumerate().filter(|(_, byte)| *byte == b'1').map(|(at, _)| at).collect();
        Self { offsets, span: shape.len(), every: targets.div_ceil(PLACES).max(1) as u64 }
    }

    /// Of how many different words one is looked at.
    pub(super) fn every(&self) -> u64 {
        self.every
    }

    fn count(&self) -> usize {
        1 << (2 * self.offsets.len())
    }

    /// The words of a sequence that are looked at and hold no unknown base, with their places.
    pub(super) fn words<'a>(&'a self, codes: &'a [u8]) -> impl Iterator<Item = (u32, u32)> + 'a {
        codes.windows(self.span).enumerate().filter_map(move |(at, window)| {
            let mut word = 0u32;
            for &offset in &self.offsets {
                match window[offset] {
                    base @ 0..4 => word = word << 2 | u32::from(base),
                    _ => return None,
                }
            }
            (self.every == 1 || scatter(word).is_multiple_of(self.every)).then_some((word, at as u32))
        })
    }
}

/// A fixed hash, so that which words are looked at is not a matter of letters (finalizer of SplitMix64).
fn scatter(word: u32) -> u64 {
    let mut z = u64::from(word).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Where a word stands: sequence and position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    row: u32,
    at: u32,
}

/// A word of a query that a target has too. Hits sort by target, then by diagonal, then along the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    pub(super) row: u32,
    /// Position in the target minus that in the query, plus [`LONGEST`].
    diagonal: u32,
    /// Position in the query.
    pub(super) at: u32,
}

impl Hit {
    /// Position in the target minus that in the query.
    pub(super) fn diagonal(self) -> i64 {
        i64::from(self.diagonal) - LONGEST as i64
    }
}

/// Targets by word.
pub(super) struct Index {
    shape: Shape,
    /// Where in `places` the places of each word begin; one more than there are words.
    starts: Vec<u32>,
    /// In the order of words, then of targets.
    places: Vec<Place>,
    /// Places of a word that are followed for one query.
    followed: usize,
}

/// Places of a word that are followed in any case.
const FOLLOWED: usize = 64;

impl Index {
    /// Sorts by counting, in the order of the targets.
    pub(super) fn new(shape: Shape, targets: &[Vec<u8>]) -> Self {
        let mut starts = vec![0u32; shape.count() + 1];
        for (word, _) in targets.iter().flat_map(|codes| shape.words(codes)) {
            starts[word as usize + 1] += 1;
        }
        for word in 0..shape.count() {
            starts[word + 1] += starts[word];
        }
        let total = starts[shape.count()] as usize;
        let mut places = vec![Place::default(); total];
        let mut next = starts.clone();
        for (row, codes) in targets.iter().enumerate() {
            for (word, at) in shape.words(codes) {
                let next = &mut next[word as usize];
                places[*next as usize] = Place { row: row as u32, at };
                *next += 1;
            }
        }
        let followed = FOLLOWED.max(4 * total / shape.count());
        Self { shape, starts, places, followed }
    }

    /// Words of which some places are not followed.
    pub(super) fn common_words(&self) -> usize {
        self.starts.windows(2).filter(|ends| (ends[1] - ends[0]) as usize > self.followed).count()
    }

    /// Where targets before the row `before` have words of the query, sorted, into `hits`.
    ///
    /// Of a word with very many places the nearest before `before` are followed: where all of a family share a word, each
    /// then meets its neighbours, which is enough to join them one by one.
    pub(super) fn hits(&self, query: &[u8], before: usize, hits: &mut Vec<Hit>) {
        hits.clear();
        for (word, at) in self.shape.words(query) {
            let ends = self.starts[word as usize] as usize..self.starts[word as usize + 1] as usize;
            let places = &self.places[ends];
            let earlier = places.partition_point(|place| (place.row as usize) < before);
            for place in &places[earlier.saturating_sub(self.followed)..earlier] {
                hits.push(Hit { row: place.row, diagonal: place.at + LONGEST as u32 - at, at });
            }
        }
        hits.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::super::align::tests::codes;
    use super::*;

    #[test]
    fn shapes_have_their_weights_and_ends() {
        for (i, shape) in SHAPES.iter().enumerate() {
            assert_eq!(shape.bytes().filter(|&b| b == b'1').count(), LIGHTEST + i);
            assert!(shape.starts_with('1') && shape.ends_with('1'));
        }
        assert_eq!(Shape::new(10, 10).offsets.len(), LIGHTEST);
        assert_eq!(Shape::new(1 << 40, 1 << 40).offsets.len(), LIGHTEST + SHAPES.len() - 1);
        assert_eq!((Shape::new(0, 0).every(), Shape::new(10, PLACES + 1).every()), (1, 2));
    }

    #[test]
    fn hits_are_all_places_that_share_a_word() {
        let targets = [codes(b"ACGTTGCAACTTGACCNACG"), codes(b"ACGT"), codes(b"GGACGTTGCAACTTGACC")];
        let index = Index::new(Shape::new(1, 1), &targets);
        let query = codes(b"TACGTTGCAACTTGACC");
        let mut hits = Vec::new();
        index.hits(&query, 3, &mut hits);
        let span = SHAPES[0].len();
        for (row, diagonal) in [(0, -1), (2, 1)] {
            let of: Vec<u32> = hits.iter().filter(|h| h.row == row && h.diagonal() == diagonal).map(|h| h.at).collect();
            assert_eq!(of, (1..=(query.len() - span) as u32).collect::<Vec<_>>());
        }
        assert!(hits.is_sorted() && hits.iter().all(|hit| hit.row != 1));
        index.hits(&query, 2, &mut hits);
        assert!(!hits.is_empty() && hits.iter().all(|hit| hit.row == 0));
        index.hits(&query, 0, &mut hits);
        assert!(hits.is_empty());
        index.hits(&[], 3, &mut hits);
        assert!(hits.is_empty() && index.common_words() == 0);
    }

    #[test]
    fn of_a_common_word_the_nearest_places_are_followed() {
        let targets = vec![vec![0; SHAPES[0].len()]; 1000];
        let index = Index::new(Shape::new(1, 1), &targets);
        let mut hits = Vec::new();
        index.hits(&targets[0], 900, &mut hits);
        assert_eq!(index.common_words(), 1);
        assert_eq!((hits[0].row, hits.len()), (900 - FOLLOWED as u32, FOLLOWED));
    }
}
