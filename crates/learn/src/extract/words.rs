//! K-mers and gapped words: found by rolling two-bit codes, counted, and weighed.

use super::spec::Weighting;
use basewise_core::Code;
use serde::{Deserialize, Serialize};

/// Which words are counted together: `left` bases, a gap, `right` bases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shape {
    pub(super) left: usize,
    pub(super) gap: usize,
    /// 0 for a plain k-mer, else as many as `left`.
    pub(super) right: usize,
}

impl Shape {
    fn width(self) -> usize {
        self.left + self.right
    }

    /// Number of words, 4 to the known bases.
    fn words(self) -> usize {
        1 << (2 * self.width())
    }
}

/// How words are found. Numbers of words run through the shapes, each in the order A C G T, and then, with a case channel,
/// once more for words that are upper case throughout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Finder {
    pub(super) shapes: Vec<Shape>,
    pub(super) canonical: bool,
    pub(super) marks: bool,
}

impl Finder {
    /// Number of different words.
    pub(super) fn words(&self) -> usize {
        self.unmarked() * if self.marks { 2 } else { 1 }
    }

    fn unmarked(&self) -> usize {
        self.shapes.iter().map(|shape| shape.words()).sum()
    }

    /// The numbers of all words of a sequence, ascending. A word with an unknown base is none; what lies in a gap does not
    /// matter.
    pub(super) fn find(&self, codes: &[Code]) -> Vec<u32> {
        let mut found = Vec::with_capacity(codes.len() * self.shapes.len());
        let rolled = Rolled::new(codes);
        let mut first = 0;
        for &shape in &self.shapes {
            let Shape { left, gap, right } = shape;
            let span = left + gap + right;
            for end in span..=codes.len() {
                let (word, known, marked) = if right == 0 {
                    rolled.word(end, left)
                } else {
                    let (before, after) = (rolled.word(end - right - gap, left), rolled.word(end, right));
                    (before.0 << (2 * right) | after.0, before.1 && after.1, before.2 && after.2)
                };
                if known {
                    let word = if self.canonical { word.min(reverse_complement(word, shape.width())) } else { word };
                    found.push((first + word as usize) as u32);
                    if self.marks && marked {
                        found.push((self.unmarked() + first + word as usize) as u32);
                    }
                }
            }
            first += shape.words();
        }
        found.sort_unstable();
        found
    }

    /// The shape of a word, its letters with `n` for each position of a gap, and whether it is upper case throughout.
    pub(super) fn describe(&self, word: u32, letters: [u8; 4]) -> String {
        let mut rest = word as usize;
        let upper = rest >= self.unmarked();
        rest -= if upper { self.unmarked() } else { 0 };
        let mut text = String::new();
        for shape in &self.shapes {
            if rest < shape.words() {
                let letter = |place: usize| letters[rest >> (2 * (shape.width() - 1 - place)) & 3] as char;
                text.extend((0..shape.left).map(letter));
                text.extend(std::iter::repeat_n('n', shape.gap));
                text.extend((shape.left..shape.width()).map(letter));
                break;
            }
            rest -= shape.words();
        }
        format!("kmer:{text}{}", if upper { ":upper" } else { "" })
    }

    /// Which group of words a share is taken of: those of one shape and case.
    fn group(&self, word: u32) -> usize {
        let mut rest = word as usize;
        let mut group = 0;
        if rest >= self.unmarked() {
            (rest, group) = (rest - self.unmarked(), self.shapes.len());
        }
        for shape in &self.shapes {
            if rest < shape.words() {
                break;
            }
            (rest, group) = (rest - shape.words(), group + 1);
        }
        group
    }
}

/// For each end in a sequence the eight bases before it, and how many before it are known, and marked.
struct Rolled {
    ends: Vec<(u16, u8, u8)>,
}

impl Rolled {
    fn new(codes: &[Code]) -> Self {
        let (mut word, mut known, mut marked) = (0u16, 0u8, 0u8);
        let roll = |code: &Code| {
            if code.base() > 3 {
                (word, known, marked) = (0, 0, 0);
            } else {
                word = word << 2 | u16::from(code.base());
                known = known.saturating_add(1);
                marked = if code.is_marked() { marked.saturating_add(1) } else { 0 };
            }
            (word, known, marked)
        };
        Self { ends: std::iter::once((0, 0, 0)).chain(codes.iter().map(roll)).collect() }
    }

    /// The `width` bases, at most 8, before `end`; whether all are known, and marked.
    fn word(&self, end: usize, width: usize) -> (u32, bool, bool) {
        let (word, known, marked) = self.ends[end];
        (u32::from(word) & ((1 << (2 * width)) - 1), usize::from(known) >= width, usize::from(marked) >= width)
    }
}

/// The word on the other strand, of `width` bases, at most 8.
fn reverse_complement(word: u32, width: usize) -> u32 {
    let turned = (!word >> 2 & 0x3333) | (!word & 0x3333) << 2;
    let turned = (turned >> 4 & 0x0f0f) | (turned & 0x0f0f) << 4;
    let turned = (turned >> 8 & 0x00ff) | (turned & 0x00ff) << 8;
    turned >> (16 - 2 * width)
}

/// Words that the training rows have, and what each is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Words {
    pub(super) finder: Finder,
    weighting: Weighting,
    /// Ascending. Others are left out wherever they occur, also of the length of a tf-idf row.
    vocabulary: Vec<u32>,
    /// Inverse document frequencies, `ln((1 + n) / (1 + df)) + 1`; empty where they play no part.
    idf: Vec<f64>,
}

impl Words {
    /// From the number of rows in which each word occurs.
    pub(super) fn new(finder: Finder, weighting: Weighting, occurs: &[u32], rows: usize) -> Self {
        let vocabulary: Vec<u32> = (0..occurs.len() as u32).filter(|&word| occurs[word as usize] > 0).collect();
        let idf = |&word: &u32| ((1.0 + rows as f64) / (1.0 + f64::from(occurs[word as usize]))).ln() + 1.0;
        let weighs = matches!(weighting, Weighting::Tfidf | Weighting::SublinearTfidf);
        let idf = if weighs { vocabulary.iter().map(idf).collect() } else { Vec::new() };
        Self { finder, weighting, vocabulary, idf }
    }

    pub(super) fn columns(&self) -> usize {
        self.vocabulary.len()
    }

    pub(super) fn names(&self, letters: [u8; 4]) -> impl Iterator<Item = String> + '_ {
        self.vocabulary.iter().map(move |&word| self.finder.describe(word, letters))
    }

    /// The column of each word; `u32::MAX` for those without.
    pub(super) fn lookup(&self) -> Vec<u32> {
        let mut lookup = vec![u32::MAX; self.finder.words()];
        self.vocabulary.iter().zip(0..).for_each(|(&word, column)| lookup[word as usize] = column);
        lookup
    }

    /// Appends the columns, from `first` on, and values of a sequence.
    pub(super) fn row(&self, lookup: &[u32], codes: &[Code], first: usize, out: &mut Vec<(u32, f32)>) {
        let found = self.finder.find(codes);
        let mut totals = vec![0.0; 2 * self.finder.shapes.len()];
        if self.weighting == Weighting::Frequencies {
            found.iter().for_each(|&word| totals[self.finder.group(word)] += 1.0);
        }
        let begin = out.len();
        let mut squares = 0.0;
        for run in found.chunk_by(|a, b| a == b) {
            let (word, count) = (run[0], run.len() as f64);
            let column = lookup[word as usize];
            if column == u32::MAX {
                continue;
            }
            let value = match self.weighting {
                Weighting::Counts => count,
                Weighting::Frequencies => count / totals[self.finder.group(word)],
                Weighting::Presence => 1.0,
                Weighting::Tfidf => count * self.idf[column as usize],
                Weighting::SublinearTfidf => (1.0 + count.ln()) * self.idf[column as usize],
            };
            squares += value * value;
            out.push((first as u32 + column, value as f32));
        }
        if matches!(self.weighting, Weighting::Tfidf | Weighting::SublinearTfidf) && squares > 0.0 {
            let length = squares.sqrt();
            out[begin..].iter_mut().for_each(|(_, value)| *value = (f64::from(*value) / length) as f32);
        }
    }
}
