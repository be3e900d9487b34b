//! Which motifs occur in more sequences of one set than of another, which together, and how far apart.

mod fisher;
mod pairs;
mod spacing;

pub use fisher::{LogFactorials, ln_fisher_greater};
pub use pairs::{Pair, pairs};
pub use spacing::{Spacing, SpacingBin, spacing};

use crate::scan::Occurrence;

/// How much more often a motif occurs in the foreground.
#[derive(Clone, Debug, PartialEq)]
pub struct Enrichment {
    /// Index of the motif.
    pub motif: usize,
    /// Foreground sequences with an occurrence.
    pub foreground: usize,
    /// Background sequences with an occurrence.
    pub background: usize,
    /// Odds of an occurrence in the foreground over those in the background, each cell of the table with one half more, so
    /// that it is finite (Haldane 1956).
    pub odds_ratio: f64,
    /// Natural logarithm of the p-value of Fisher's exact test that the foreground has more; p-values of large sets are too
    /// small for a number of their own.
    pub ln_p_value: f64,
    /// Natural logarithm of the q-value over all motifs (Benjamini and Hochberg 1995).
    pub ln_q_value: f64,
}

/// The sequences in which each motif occurs, ascending, without repeats. Occurrences of motifs beyond `motifs` are left out.
pub fn sequences_with(occurrences: &[Occurrence], motifs: usize) -> Vec<Vec<usize>> {
    let mut with = vec![Vec::new(); motifs];
    for found in occurrences {
        if let Some(own) = with.get_mut(found.motif) {
            own.push(found.sequence);
        }
    }
    with.iter_mut().for_each(|own| {
        own.sort_unstable();
        own.dedup();
    });
    with
}

/// Tests each motif: `foreground` and `background` are the numbers of sequences with an occurrence of each, `sizes` those of
/// all sequences of the two sets. In the order of the motifs.
///
/// # Panics
/// If there are not as many numbers of one set as of the other, or a number is above its set's size.
pub fn enrichment(foreground: &[usize], background: &[usize], sizes: [usize; 2]) -> Vec<Enrichment> {
    assert_eq!(foreground.len(), background.len(), "each motif has a number of sequences in both sets");
    let logs = LogFactorials::new(sizes[0] + sizes[1]);
    let counts = foreground.iter().zip(background);
    let mut found: Vec<Enrichment> = counts
        .enumerate()
        .map(|(motif, (&a, &b))| {
            assert!(a <= sizes[0] && b <= sizes[1], "no more sequences have a motif than there are");
            Enrichment {
                motif,
                foreground: a,
                background: b,
                odds_ratio: odds_ratio([a, sizes[0] - a], [b, sizes[1] - b]),
                ln_p_value: ln_fisher_greater(&logs, [a, sizes[0] - a], [b, sizes[1] - b]),
                ln_q_value: 0.0,
            }
        })
        .collect();
    let p: Vec<f64> = found.iter().map(|e| e.ln_p_value).collect();
    found.iter_mut().zip(ln_q_values(&p)).for_each(|(e, q)| e.ln_q_value = q);
    found
}

fn odds_ratio([a, b]: [usize; 2], [c, d]: [usize; 2]) -> f64 {
    let [a, b, c, d] = [a, b, c, d].map(|n| n as f64 + 0.5);
    a * d / (b * c)
}

/// Benjamini and Hochberg's correction of p-values given by their logarithms.
fn ln_q_values(ln_p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..ln_p.len()).collect();
    order.sort_by(|&i, &j| ln_p[i].total_cmp(&ln_p[j]));
    let (mut least, mut q) = (0.0_f64, vec![0.0; ln_p.len()]);
    for (rank, &i) in order.iter().enumerate().rev() {
        least = least.min(ln_p[i] + (ln_p.len() as f64 / (rank + 1) as f64).ln());
        q[i] = least;
    }
    q
}

#[cfg(test)]
mod tests;
