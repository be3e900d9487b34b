use super::align::tests::{codes, whole};
use super::chance::Composition;
use super::*;
use crate::identity::upper;
use crate::random::{Stream, below, stream, uniform};
use crate::reverse_complement;

fn letters(rng: &mut Stream, length: usize) -> Vec<u8> {
    (0..length).map(|_| b"ACGT"[below(rng, 4)]).collect()
}

/// A copy in which a share of the bases is replaced by another, and a fifth of that lost or doubled.
fn mutated(sequence: &[u8], share: f64, rng: &mut Stream) -> Vec<u8> {
    let mut copy = Vec::new();
    for &letter in sequence {
        match uniform(rng) / share {
            draw if draw < 0.8 => {
                let others: Vec<u8> = b"ACGT".iter().copied().filter(|&base| base != letter).collect();
                copy.push(others[below(rng, 3)]);
            }
            draw if draw < 0.9 => {}
            draw if draw < 1.0 => copy.extend([letter, letter]),
            _ => copy.push(letter),
        }
    }
    copy
}

/// Whether two sequences are similar by the definition, from the whole table of both strands.
fn similar(a: &[u8], b: &[u8], alphabet: Alphabet, threshold: Threshold) -> bool {
    if canonical(a, alphabet) == canonical(b, alphabet) {
        return true;
    }
    let (a, b) = (&upper(a)[..], &upper(b)[..]);
    let known = |letters: &[u8]| codes(letters).iter().filter(|&&code| code < 4).count();
    let shorter = known(a).min(known(b));
    let passes = |a: &[u8]| {
        let alignment = whole(&codes(a), &codes(b));
        let identity = alignment.matches as f64 / alignment.columns.max(1) as f64;
        let nats = Composition::of(&codes(a)).nats(Composition::of(&codes(b)));
        identity >= threshold.identity
            && alignment.pairs as f64 >= threshold.coverage * shorter as f64
            && nats * alignment.score as f64 >= 26.0
    };
    passes(a) || alphabet == Alphabet::Dna && passes(&reverse_complement(a, Alphabet::Dna))
}

/// Groups from alignments of all pairs.
fn by_all_pairs(sequences: &[&[u8]], alphabet: Alphabet, threshold: Threshold) -> Vec<usize> {
    let mut sets = DisjointSets::new(sequences.len());
    for i in 0..sequences.len() {
        for j in 0..i {
            if similar(sequences[i], sequences[j], alphabet, threshold) {
                sets.join(i, j);
            }
        }
    }
    group_numbers(sets.roots().into_iter())
}

/// Families of parents with copies at several rates of change, on both strands, shifted, extended, with unknown bases; and
/// sequences that are hardly any.
fn families(seed: u64, length: usize) -> Vec<Vec<u8>> {
    let mut rng = stream(seed, "families", &[]);
    let mut sequences = Vec::new();
    for _ in 0..4 {
        let parent = letters(&mut rng, length);
        for rate in [0.02, 0.05, 0.1, 0.3, 0.5] {
            sequences.push(mutated(&parent, rate, &mut rng));
        }
        sequences.push(reverse_complement(&mutated(&parent, 0.05, &mut rng), Alphabet::Dna));
        // Windows further on by a third and by three quarters.
        for shift in [length / 3, 3 * length / 4] {
            sequences.push([&parent[shift..], &letters(&mut rng, shift)].concat());
        }
        let mut holes = parent.clone();
        (0..length).step_by(9).for_each(|at| holes[at] = b'N');
        sequences.push(holes);
        let middle = &parent[length / 4..3 * length / 4];
        sequences.push([&letters(&mut rng, 2 * length), middle, &letters(&mut rng, length)].concat());
        sequences.push(parent.to_ascii_lowercase());
    }
    sequences.extend(
        [&b""[..], b"N", b"NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN", b"ACGT", b"acgu", b""].map(<[u8]>::to_vec),
    );
    sequences.push(letters(&mut rng, 20));
    let short = sequences[sequences.len() - 1].clone();
    sequences.push(mutated(&short, 0.05, &mut rng));
    sequences
}

fn views(sequences: &[Vec<u8>]) -> Vec<&[u8]> {
    sequences.iter().map(Vec::as_slice).collect()
}

#[test]
fn groups_are_those_of_alignments_of_all_pairs() {
    for (seed, length) in [(1, 70), (2, 130)] {
        let sequences = families(seed, length);
        let views = views(&sequences);
        for alphabet in [Alphabet::Dna, Alphabet::Rna] {
            for (identity, coverage) in [(0.8, 0.5), (0.9, 0.8)] {
                let threshold = Threshold { identity, coverage };
                let found = groups(&views, alphabet, threshold);
                let expected = by_all_pairs(&views, alphabet, threshold);
                assert_eq!(found.of, expected, "seed {seed} {alphabet:?} {threshold}");
                assert_eq!(found.limits, Limits { one_word_in: 1, ..Limits::default() });
            }
        }
    }
}

#[test]
fn relatives_are_those_of_alignments_of_all_pairs() {
    let sequences = [families(4, 100), families(5, 100)].concat();
    let views = views(&sequences);
    let (queries, targets): (Vec<_>, Vec<_>) = views.iter().enumerate().partition(|(row, _)| row % 3 == 0);
    let [queries, targets] = [queries, targets].map(|part| part.into_iter().map(|(_, &s)| s).collect::<Vec<&[u8]>>());
    for alphabet in [Alphabet::Dna, Alphabet::Rna] {
        let threshold = Threshold::default();
        let (found, _) = relatives(&queries, &targets, alphabet, threshold);
        for (query, found) in queries.iter().zip(found) {
            let expected = targets.iter().any(|target| similar(query, target, alphabet, threshold));
            assert_eq!(found.is_some(), expected, "{}", String::from_utf8_lossy(query));
            if let Some(relative) = found {
                assert!(similar(query, targets[relative.row], alphabet, threshold));
                assert!(relative.identity >= 0.8 && relative.coverage >= 0.5);
            }
        }
    }
    assert!(relatives(&[], &targets, Alphabet::Dna, Threshold::default()).0.is_empty());
    assert_eq!(relatives(&[b"ACGT"], &[], Alphabet::Dna, Threshold::default()).0, [None]);
    assert!(groups(&[], Alphabet::Dna, Threshold::default()).of.is_empty());
}

#[test]
fn pairs_well_above_the_threshold_are_found() {
    let mut rng = stream(5, "recall", &[]);
    for (length, rate, least) in [(60, 0.1, 0.97), (100, 0.1, 0.99), (100, 0.15, 0.95), (300, 0.15, 0.99)] {
        let parents: Vec<Vec<u8>> = (0..400).map(|_| letters(&mut rng, length)).collect();
        let copies: Vec<Vec<u8>> = parents.iter().map(|parent| mutated(parent, rate, &mut rng)).collect();
        let pairs = || parents.iter().zip(&copies);
        let is_similar = |(a, b): (&Vec<u8>, &Vec<u8>)| similar(a, b, Alphabet::Rna, Threshold::default());
        let (found, _) = relatives(&views(&copies), &views(&parents), Alphabet::Rna, Threshold::default());
        let (mut all, mut seen) = (0, 0);
        for (row, pair) in pairs().enumerate() {
            all += usize::from(is_similar(pair));
            seen += usize::from(is_similar(pair) && found[row].is_some_and(|relative| relative.row == row));
        }
        assert!(seen as f64 >= least * all as f64, "length {length}, rate {rate}: {seen} of {all}");
    }
}

#[test]
fn threads_do_not_matter() {
    let sequences: Vec<Vec<u8>> = (10..50).flat_map(|seed| families(seed, 70)).collect();
    let views = views(&sequences);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| groups(&views, Alphabet::Dna, Threshold::default()))
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn repeats_that_all_share_are_grouped_without_all_pairs() {
    let mut rng = stream(6, "repeats", &[]);
    // A family whose members share every word, and simple sequence between random ends.
    let parent = letters(&mut rng, 150);
    let mut sequences: Vec<Vec<u8>> = (0..1500).map(|_| mutated(&parent, 0.02, &mut rng)).collect();
    for _ in 0..500 {
        sequences.push([letters(&mut rng, 60), b"AC".repeat(15), letters(&mut rng, 60)].concat());
    }
    let found = groups(&views(&sequences), Alphabet::Dna, Threshold::default());
    assert!(found.limits.common_words > 0, "{:?}", found.limits);
    assert!(found.of[..1500].iter().all(|&group| group == 0));
    // By far most are alone; ends that are alike by chance may lengthen a few alignments over half of the sequence.
    assert!(found.sizes().len() > 490, "{}", found.sizes().len());
}

#[test]
fn thresholds_are_checked_and_told() {
    assert_eq!(Threshold::default().fault(), None);
    assert_eq!(Threshold::default().to_string(), "80 % identity over 50 % of the shorter sequence");
    for (identity, coverage) in [(0.5, 0.5), (f64::NAN, 0.5), (1.1, 0.5), (0.8, 0.0), (0.8, 1.5), (0.8, f64::NAN)] {
        let fault = Threshold { identity, coverage }.fault().unwrap();
        assert!(fault.starts_with("expected a"), "{fault}");
    }
}
