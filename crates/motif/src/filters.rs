//! Motifs of first-layer filters, from the windows that activate them.

use crate::Motif;
use basewise_core::{Alphabet, Code};

/// The motif of windows that activate a filter (Alipanahi et al. 2015; Kelley et al. 2016).
///
/// Bases are counted position by position; `sites` is the number of windows of `width` positions, others are passed
/// over. Unknown bases are not counted, and `counts` holds the plain counts. `pseudocount` sites of uniform bases are
/// added before the probabilities are formed, so that no windows at all give a uniform motif of 0 sites.
pub fn from_windows<'a>(
    id: &str,
    windows: impl Iterator<Item = &'a [Code]>,
    width: usize,
    alphabet: Alphabet,
    pseudocount: f64,
) -> Motif {
    let mut counts = vec![[0.0; 4]; width];
    let mut sites = 0.0;
    for window in windows.filter(|window| window.len() == width) {
        sites += 1.0;
        for (row, code) in counts.iter_mut().zip(window) {
            if let Some(count) = row.get_mut(code.base() as usize) {
                *count += 1.0;
            }
        }
    }
    let pseudocount = if pseudocount.is_finite() { pseudocount.max(0.0) } else { 0.0 };
    let rows = counts.iter().map(|row| row.map(|count| count + pseudocount / 4.0)).collect();
    let mut motif = Motif::from_probabilities(id, "", alphabet, rows, sites);
    // A row that saw only unknown bases could not be written as counts.
    motif.counts = counts.iter().all(|row| row.iter().sum::<f64>() > 0.0).then_some(counts);
    motif
}

/// The motif without the positions at either end that carry less than `min_bits`, see [`Motif::information`].
/// Positions inside stay; nothing stays if no position reaches it.
#[must_use]
pub fn trim(motif: &Motif, min_bits: f64) -> Motif {
    let bits = motif.information();
    let start = bits.iter().position(|&b| b >= min_bits).unwrap_or(bits.len());
    let end = bits.iter().rposition(|&b| b >= min_bits).map_or(start, |last| last + 1);
    Motif {
        probabilities: motif.probabilities[start..end].to_vec(),
        counts: motif.counts.as_ref().and_then(|counts| counts.get(start..end)).map(<[_]>::to_vec),
        ..motif.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::{CasePolicy, Encoding};

    fn windows(letters: &[&[u8]]) -> Vec<Vec<Code>> {
        let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Channel };
        letters.iter().map(|window| encoding.encode(window).unwrap()).collect()
    }

    #[test]
    fn windows_are_counted_and_unknown_bases_are_not() {
        let windows = windows(&[b"ACG", b"aCN", b"ATG", b"AC"]);
        let motif = from_windows("filter_0", windows.iter().map(Vec::as_slice), 3, Alphabet::Dna, 0.0);
        assert_eq!(motif.sites, 3.0);
        let counts = vec![[3.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 1.0], [0.0, 0.0, 2.0, 0.0]];
        assert_eq!(motif.counts, Some(counts));
        assert_eq!(motif.probabilities[1], [0.0, 2.0 / 3.0, 0.0, 1.0 / 3.0]);
    }

    #[test]
    fn a_pseudocount_is_spread_evenly_and_no_windows_are_uniform() {
        let windows = windows(&[b"A"]);
        let motif = from_windows("f", windows.iter().map(Vec::as_slice), 1, Alphabet::Dna, 1.0);
        assert_eq!(motif.probabilities, [[0.625, 0.125, 0.125, 0.125]]);
        let none = from_windows("f", std::iter::empty(), 2, Alphabet::Rna, 1.0);
        assert_eq!((none.probabilities, none.sites, none.counts), (vec![[0.25; 4]; 2], 0.0, None));
    }

    #[test]
    fn trimming_takes_ends_only() {
        let (flat, sharp) = ([0.25; 4], [1.0, 0.0, 0.0, 0.0]);
        let of = |rows: &[[f64; 4]]| Motif::from_probabilities("m", "", Alphabet::Dna, rows.to_vec(), 5.0);
        assert_eq!(trim(&of(&[flat, sharp, flat, sharp, flat, flat]), 0.5), of(&[sharp, flat, sharp]));
        assert!(trim(&of(&[flat, flat]), 0.5).is_empty());
        assert!(trim(&of(&[]), 0.5).is_empty());
        assert_eq!(trim(&of(&[flat]), 0.0).len(), 1);
    }
}
