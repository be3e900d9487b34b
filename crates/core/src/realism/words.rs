//! Frequencies of words.

use crate::Code;

/// How often each word of `k` bases occurs, on the strand as it is read; windows with an unknown base have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    k: usize,
    counts: Vec<u64>,
}

impl Words {
    /// The longest words that are counted: 16 million counts.
    pub const LONGEST: usize = 12;

    /// Counts words of `k` bases, 1 to [`Words::LONGEST`]; a longer `k` counts as the longest.
    pub fn count<'a>(k: usize, sequences: impl IntoIterator<Item = &'a [Code]>) -> Self {
        let k = k.clamp(1, Self::LONGEST);
        let mut counts = vec![0; 1 << (2 * k)];
        let mask = counts.len() - 1;
        for sequence in sequences {
            let (mut word, mut known) = (0, 0);
            for code in sequence {
                let base = usize::from(code.base());
                if base > 3 {
                    known = 0;
                    continue;
                }
                word = (word << 2 | base) & mask;
                known += 1;
                if known >= k {
                    counts[word] += 1;
                }
            }
        }
        Self { k, counts }
    }

    /// Bases of a word.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Counts of all words in the order A C G T, the first base first.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// All windows that were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The word at a place of [`Words::counts`].
    pub fn word(&self, at: usize, letters: [u8; 4]) -> String {
        (0..self.k).rev().map(|i| char::from(letters[at >> (2 * i) & 3])).collect()
    }
}

/// The Jensen-Shannon divergence of two lists of counts, in bits: 0 if their shares agree, 1 if they have nothing in
/// common (Lin 1991). `None` if one has no counts. Few counts of many words are apart by chance alone, so set it beside that of
/// two halves of real sequences.
///
/// # Panics
/// If the lists have different lengths.
pub fn jensen_shannon(one: &[u64], other: &[u64]) -> Option<f64> {
    assert_eq!(one.len(), other.len(), "counts of the same words");
    let [a, b] = [one, other].map(|counts| counts.iter().sum::<u64>() as f64);
    if a == 0.0 || b == 0.0 {
        return None;
    }
    let part = |p: f64, mean: f64| if p > 0.0 { p * (p / mean).log2() } else { 0.0 };
    let terms = one.iter().zip(other).map(|(&x, &y)| {
        let (p, q) = (x as f64 / a, y as f64 / b);
        let mean = (p + q) / 2.0;
        part(p, mean) + part(q, mean)
    });
    Some((terms.sum::<f64>() / 2.0).max(0.0))
}
