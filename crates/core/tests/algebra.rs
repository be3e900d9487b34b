//! Laws that the rest of basewise relies on, on random input.

use basewise_core::random::stream;
use basewise_core::split::{Fractions, random_grouped};
use basewise_core::{
    Alphabet, CasePolicy, Encoding, SequenceBatch, canonical, metrics, reverse_complement, shuffle, upper,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn letters() -> impl Strategy<Value = Vec<u8>> {
    vec(proptest::sample::select(&b"ACGTUNacgtunRYkm"[..]), 0..200)
}

fn plain() -> impl Strategy<Value = Vec<u8>> {
    vec(proptest::sample::select(&b"ACGT"[..]), 0..60)
}

fn sorted_pairs(letters: &[u8]) -> Vec<[u8; 2]> {
    let mut pairs: Vec<_> = letters.windows(2).map(|w| [w[0], w[1]]).collect();
    pairs.sort_unstable();
    pairs
}

proptest! {
    #[test]
    fn reverse_complement_is_an_involution(s in vec(proptest::sample::select(&b"ACGTNacgtnRYKMBDHVSW"[..]), 0..200)) {
        prop_assert_eq!(reverse_complement(&reverse_complement(&s, Alphabet::Dna), Alphabet::Dna), s);
    }

    #[test]
    fn reverse_complement_of_letters_is_that_of_codes(s in letters(), marked: bool) {
        let case = if marked { CasePolicy::Channel } else { CasePolicy::Ignore };
        for alphabet in [Alphabet::Dna, Alphabet::Rna] {
            let mut there = SequenceBatch::new(Encoding { alphabet, case }, s.len());
            let mut here = there.clone();
            there.push(&reverse_complement(&s, alphabet)).unwrap();
            here.push(&s).unwrap();
            if !s.is_empty() {
                here.reverse_complement(0);
            }
            prop_assert_eq!(&there, &here);
        }
    }

    #[test]
    fn one_hot_holds_each_known_base_once(s in letters()) {
        let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Channel };
        let mut batch = SequenceBatch::new(encoding, s.len());
        batch.push(&s).unwrap();
        let x = batch.one_hot();
        prop_assert_eq!(x.len(), if s.is_empty() { 0 } else { 5 * s.len() });
        for (p, letter) in upper(&s).into_iter().enumerate() {
            let column: Vec<f32> = (0..4).map(|channel| x[channel * s.len() + p]).collect();
            let expected: Vec<f32> = b"ACGT".iter().map(|&base| f32::from(base == letter)).collect();
            prop_assert_eq!(column, expected);
            prop_assert_eq!(x[4 * s.len() + p], f32::from(s[p].is_ascii_uppercase()));
        }
    }

    #[test]
    fn a_sequence_and_its_other_strand_are_the_same_dna(s in letters()) {
        let other = reverse_complement(&s, Alphabet::Dna);
        prop_assert_eq!(canonical(&s, Alphabet::Dna), canonical(&other, Alphabet::Dna));
        prop_assert_eq!(canonical(&s, Alphabet::Rna), canonical(&s.to_ascii_lowercase(), Alphabet::Rna));
    }

    #[test]
    fn shuffles_keep_their_counts(s in vec(any::<u8>(), 0..300), few in plain(), seed: u64) {
        for s in [s, few] {
            let shuffled = shuffle::dinucleotide(&s, &mut stream(seed, "law", &[]));
            prop_assert_eq!(sorted_pairs(&shuffled), sorted_pairs(&s));
            prop_assert_eq!((shuffled.len(), shuffled.first(), shuffled.last()), (s.len(), s.first(), s.last()));
            let mut mono = shuffle::mononucleotide(&s, &mut stream(seed, "law", &[]));
            let mut s = s;
            mono.sort_unstable();
            s.sort_unstable();
            prop_assert_eq!(mono, s);
        }
    }

    #[test]
    fn grouped_splits_never_part_copies(
        pool in vec(plain(), 1..20), picks in vec((any::<prop::sample::Index>(), any::<bool>()), 0..100),
        valid in 0.0..0.6f64, test in 0.0..0.6f64, seed: u64,
    ) {
        let drawn: Vec<Vec<u8>> = picks
            .iter()
            .map(|(pick, turn)| {
                let s = pick.get(&pool);
                if *turn { reverse_complement(s, Alphabet::Dna) } else { s.clone() }
            })
            .collect();
        let views: Vec<&[u8]> = drawn.iter().map(Vec::as_slice).collect();
        let splits = random_grouped(&views, Alphabet::Dna, Fractions { valid, test }, seed);
        prop_assert_eq!(splits.len(), views.len());
        for (i, a) in views.iter().enumerate() {
            for (j, b) in views.iter().enumerate() {
                if canonical(a, Alphabet::Dna) == canonical(b, Alphabet::Dna) {
                    prop_assert_eq!(splits[i], splits[j]);
                }
            }
        }
    }

    #[test]
    fn auroc_counts_pairs_and_turns_with_the_sign(rows in vec((any::<bool>(), -5i8..5), 1..60)) {
        let labels: Vec<f64> = rows.iter().map(|r| f64::from(u8::from(r.0))).collect();
        let scores: Vec<f64> = rows.iter().map(|r| f64::from(r.1)).collect();
        let (mut won, mut pairs) = (0.0, 0.0);
        for (a, x) in labels.iter().zip(&scores).filter(|(y, _)| **y == 1.0) {
            for (b, y) in labels.iter().zip(&scores).filter(|(y, _)| **y == 0.0) {
                pairs += a - b;
                won += if x > y { 1.0 } else if x == y { 0.5 } else { 0.0 };
            }
        }
        match metrics::auroc(&labels, &scores) {
            None => prop_assert_eq!(pairs, 0.0),
            Some(value) => {
                prop_assert!((value - won / pairs).abs() < 1e-12);
                let turned: Vec<f64> = scores.iter().map(|s| -s).collect();
                prop_assert!((value + metrics::auroc(&labels, &turned).unwrap() - 1.0).abs() < 1e-12);
            }
        }
    }
}
