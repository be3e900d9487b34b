//! How far generated sequences are from real ones: words, composition, copies and diversity, beside simple models of the same
//! sequences.
//!
//! | question | function |
//! |---|---|
//! | Are words as frequent? | [`Words`], [`jensen_shannon`] |
//! | Is the share of G and C the same? | [`gc_share`], [`earth_movers`] |
//! | Are they copies of what was learned from? | [`nearest`] |
//! | Are they all alike? | [`mean_difference`], [`duplicates`] |
//! | What does a model without a network reach? | [`Markov`], [`crate::shuffle::dinucleotide`] |

mod copies;
mod markov;
#[cfg(test)]
mod tests;
mod words;

pub use copies::{Distance, duplicates, mean_difference, nearest};
pub use markov::Markov;
pub use words::{Words, jensen_shannon};

use crate::Code;

/// The share of G and C among known bases; `None` if there is none.
pub fn gc_share(sequence: &[Code]) -> Option<f64> {
    let known = sequence.iter().filter(|code| code.base() < 4);
    let (mut all, mut gc) = (0usize, 0usize);
    known.for_each(|code| {
        all += 1;
        gc += usize::from(matches!(code.base(), 1 | 2));
    });
    (all > 0).then(|| gc as f64 / all as f64)
}

/// The earth mover's distance between two samples of numbers, in their unit: the area between their distribution functions.
/// `None` if one is empty.
pub fn earth_movers(one: &[f64], other: &[f64]) -> Option<f64> {
    if one.is_empty() || other.is_empty() {
        return None;
    }
    let mut steps: Vec<(f64, f64)> = one.iter().map(|&x| (x, 1.0 / one.len() as f64)).collect();
    steps.extend(other.iter().map(|&x| (x, -1.0 / other.len() as f64)));
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut height, mut area) = (0.0, 0.0);
    for pair in steps.windows(2) {
        height += pair[0].1;
        area += f64::abs(height) * (pair[1].0 - pair[0].0);
    }
    Some(area)
}
