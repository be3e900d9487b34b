//! How far apart neighbouring motifs stand.

use anyhow::Result;
use basewise_core::realism::jensen_shannon;
use basewise_core::{Code, Strand};
use basewise_motif::Motif;
use basewise_motif::scan::{Occurrence, ScanOptions, Scanner};
use std::collections::BTreeMap;

/// Bases of a bin of distances.
const BIN: usize = 5;
/// Neighbours further apart share the last bin.
const LAST: usize = 40;

/// Motifs made ready to be looked for.
pub(super) struct Spacing {
    scanner: Scanner,
}

/// Two motifs, whether they read on one strand, and the bin of their distance.
type Neighbours = (usize, usize, bool, usize);

impl Spacing {
    pub(super) fn new(motifs: &[Motif]) -> Result<Self> {
        Ok(Self { scanner: Scanner::new(motifs, &ScanOptions::default())? })
    }

    /// The divergence of neighbours between two sets, in bits (`None` if one has none), and the motifs in a sequence of the
    /// first.
    pub(super) fn compare(&self, one: &[&[Code]], other: &[&[Code]]) -> (Option<f64>, f64) {
        let [(a, motifs), (b, _)] = [one, other].map(|set| self.count(set));
        let keys: std::collections::BTreeSet<&Neighbours> = a.keys().chain(b.keys()).collect();
        let counts = |set: &BTreeMap<Neighbours, u64>| -> Vec<u64> {
            keys.iter().map(|key| set.get(key).copied().unwrap_or(0)).collect()
        };
        (jensen_shannon(&counts(&a), &counts(&b)), motifs as f64 / one.len().max(1) as f64)
    }

    fn count(&self, sequences: &[&[Code]]) -> (BTreeMap<Neighbours, u64>, usize) {
        let mut found = self.scanner.scan(sequences);
        found.sort_by_key(|o| (o.sequence, o.start, o.motif, o.strand == Strand::Reverse));
        let mut counts = BTreeMap::new();
        let neighbours = found.windows(2).filter(|pair| pair[0].sequence == pair[1].sequence);
        neighbours.for_each(|pair| *counts.entry(key(&pair[0], &pair[1])).or_insert(0) += 1);
        (counts, found.len())
    }
}

fn key(left: &Occurrence, right: &Occurrence) -> Neighbours {
    let bin = ((right.start - left.start) / BIN).min(LAST);
    (left.motif, right.motif, left.strand == right.strand, bin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::{Alphabet, CasePolicy, Encoding};

    #[test]
    fn spacing_tells_sets_apart_that_hold_the_same_motif() {
        let text =
            "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF m\nletter-probability matrix: alength= 4 w= 8 nsites= 100\n"
                .to_owned()
                + &"0.97 0.01 0.01 0.01\n0.01 0.97 0.01 0.01\n".repeat(4);
        let motifs = basewise_motif::formats::read(std::io::Cursor::new(text), "m.meme").unwrap();
        let spacing = Spacing::new(&motifs).unwrap();
        let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
        let with = |gap: usize| encoding.encode(format!("ACACACAC{}ACACACAC", "T".repeat(gap)).as_bytes()).unwrap();
        let (near, far, none) = (with(4), with(30), encoding.encode(b"TTTTTTTTTTTT").unwrap());
        let compare = |a: &[Code], b: &[Code]| spacing.compare(&[a], &[b]);
        assert_eq!(compare(&near, &near), (Some(0.0), 2.0));
        assert!(compare(&near, &far).0.unwrap() > 0.9);
        assert_eq!(compare(&none, &near), (None, 0.0));
    }
}
