//! Words that more foreground than background sequences have: where a search begins.

use super::fisher::Fisher;
use super::scan::Text;
use rayon::prelude::*;

/// Words whose p-values are computed, for each shape.
const CHECKED: usize = 40;

/// A word with a gap: letters and gaps (4) in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word(pub(super) Vec<u8>);

/// Offsets of the letters of a word.
fn shapes(max_width: usize) -> Vec<Vec<usize>> {
    let mut shapes: Vec<Vec<usize>> = vec![(0..5).collect(), (0..6).collect(), (0..8).collect()];
    // Two halves of three letters.
    shapes.extend((1..=12).map(|gap| vec![0, 1, 2, 3 + gap, 4 + gap, 5 + gap]));
    shapes.retain(|shape| shape.last().is_some_and(|last| *last < max_width));
    shapes
}

/// The most enriched words of each shape, `each` of them at most, best first over all.
pub(super) fn enriched(
    foreground: &[&Text],
    background: &[&Text],
    max_width: usize,
    both_strands: bool,
    each: usize,
    fisher: &Fisher,
) -> Vec<Word> {
    let of_shape = |shape: &Vec<usize>| {
        let counts = (counts(foreground, shape, both_strands), counts(background, shape, both_strands));
        best(&counts, (foreground.len(), background.len()), each, fisher)
            .into_iter()
            .map(|(p, word)| (p, spelled(word, shape)))
            .collect::<Vec<_>>()
    };
    let mut words: Vec<(f64, Word)> = shapes(max_width).par_iter().flat_map_iter(of_shape).collect();
    words.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.0.cmp(&b.1.0)));
    words.into_iter().map(|(_, word)| word).collect()
}

/// Number of texts that have each word; with both strands, under the lesser of a word and its reverse complement.
fn counts(texts: &[&Text], shape: &[usize], both_strands: bool) -> Vec<u32> {
    let words = 1 << (2 * shape.len());
    let mut counts = vec![0; words];
    let mut last = vec![u32::MAX; words];
    let span = shape.last().map_or(0, |last| last + 1);
    for (i, text) in texts.iter().enumerate() {
        for window in text.bases.windows(span) {
            let Some(word) = word_at(window, shape) else { continue };
            let word = if both_strands { word.min(turned(word, shape.len())) } else { word };
            if last[word] != i as u32 {
                last[word] = i as u32;
                counts[word] += 1;
            }
        }
    }
    counts
}

fn word_at(window: &[u8], shape: &[usize]) -> Option<usize> {
    let mut word = 0;
    for &offset in shape {
        let base = window[offset];
        if base > 3 {
            return None;
        }
        word = word << 2 | usize::from(base);
    }
    Some(word)
}

/// The reverse complement; shapes are the same from both ends.
fn turned(word: usize, letters: usize) -> usize {
    (0..letters).fold(0, |out, i| out << 2 | (3 - (word >> (2 * i) & 3)))
}

fn spelled(word: usize, shape: &[usize]) -> Word {
    let mut letters = vec![4; shape.last().map_or(0, |last| last + 1)];
    for (i, &offset) in shape.iter().enumerate() {
        letters[offset] = (word >> (2 * (shape.len() - 1 - i)) & 3) as u8;
    }
    Word(letters)
}

/// Logarithms of p-values with words, best first.
fn best(counts: &(Vec<u32>, Vec<u32>), totals: (usize, usize), each: usize, fisher: &Fisher) -> Vec<(f64, usize)> {
    let share = |count: u32, total: usize| (f64::from(count) + 0.5) / (total as f64 + 1.0);
    let mut likely: Vec<(f64, usize)> = (0..counts.0.len())
        .filter_map(|word| {
            let (a, b) = (share(counts.0[word], totals.0), share(counts.1[word], totals.1));
            // The foreground's part of the log-likelihood ratio, which orders words nearly as the test does.
            (a > b).then(|| (f64::from(counts.0[word]) * (a / b).ln(), word))
        })
        .collect();
    likely.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
    likely.truncate(CHECKED);
    let exact = |&(_, word): &(f64, usize)| {
        (fisher.log_p(counts.0[word] as usize, totals.0, counts.1[word] as usize, totals.1), word)
    };
    let mut words: Vec<(f64, usize)> = likely.iter().map(exact).collect();
    words.sort_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
    words.truncate(each);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::Code;

    #[test]
    fn words_turn_and_spell() {
        // ACGTT and AACGT.
        let word = word_at(&[0, 1, 2, 3, 3], &[0, 1, 2, 3, 4]).unwrap();
        assert_eq!(spelled(turned(word, 5), &[0, 1, 2, 3, 4]), Word(vec![0, 0, 1, 2, 3]));
        assert_eq!(turned(turned(word, 5), 5), word);
        assert_eq!(word_at(&[0, 4, 0], &[0, 2]), Some(0));
        assert_eq!(word_at(&[0, 4, 0], &[0, 1]), None);
    }

    #[test]
    fn a_text_counts_once_for_a_word_on_either_strand() {
        let text = |bases: &[u8]| Text::new(&bases.iter().map(|&b| Code::new(b)).collect::<Vec<_>>(), 6);
        let (twice, other, none) = (text(&[0, 0, 1, 0, 0, 1]), text(&[2, 3, 3]), text(&[2, 2, 2]));
        let counted = counts(&[&twice, &other, &none], &[0, 1, 2], true);
        assert_eq!(counted[0b00_00_01], 2);
        assert_eq!(counts(&[&twice, &other, &none], &[0, 1, 2], false)[0b00_00_01], 1);
    }
}
