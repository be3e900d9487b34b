use super::*;
use crate::random::{below, stream};
use proptest::prelude::*;

fn codes(letters: &str) -> Vec<Code> {
    letters.bytes().map(|b| Code::new("ACGT".bytes().position(|l| l == b).unwrap_or(4) as u8)).collect()
}

/// The whole table.
fn levenshtein(one: &[Code], other: &[Code]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a.base() != b.base());
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[test]
fn words_are_counted_in_the_order_of_bases_and_not_across_unknown_ones() {
    let sequence = codes("ACNGTGT");
    let words = Words::count(2, [&sequence[..]]);
    assert_eq!((words.k(), words.total(), words.counts().len()), (2, 4, 16));
    assert_eq!((words.counts()[1], words.counts()[11], words.counts()[14]), (1, 2, 1));
    assert_eq!(words.word(11, *b"ACGT"), "GT");
    assert_eq!(Words::count(3, [&codes("AC")[..]]).total(), 0);
    assert_eq!(Words::count(1, [&codes("TTA")[..]]).counts(), [1, 0, 0, 2]);
}

#[test]
fn divergence_is_0_for_equal_shares_and_1_bit_for_disjoint_ones() {
    assert_eq!(jensen_shannon(&[1, 3], &[2, 6]), Some(0.0));
    assert_eq!(jensen_shannon(&[5, 0], &[0, 1]), Some(1.0));
    assert_eq!(jensen_shannon(&[0, 0], &[0, 1]), None);
    // By hand: shares (1, 0) and (1/2, 1/2), mean (3/4, 1/4).
    let expected = 0.5 * (4.0f64 / 3.0).log2() + 0.5 * (0.5 * (2.0f64 / 3.0).log2() + 0.5);
    assert!((jensen_shannon(&[4, 0], &[2, 2]).unwrap() - expected).abs() < 1e-12);
}

#[test]
fn shares_and_the_way_between_samples() {
    assert_eq!((gc_share(&codes("GCNA")), gc_share(&codes("NN")), gc_share(&[])), (Some(2.0 / 3.0), None, None));
    assert_eq!(earth_movers(&[0.0, 1.0], &[1.0, 0.0]), Some(0.0));
    assert_eq!(earth_movers(&[0.0, 0.0], &[1.0]), Some(1.0));
    assert!((earth_movers(&[0.0, 1.0], &[0.5]).unwrap() - 0.5).abs() < 1e-12);
    assert_eq!(earth_movers(&[], &[1.0]), None);
}

#[test]
fn the_nearest_may_leave_out_a_sequence_itself() {
    let set = ["ACGT", "ACGA", "TTTT"].map(codes);
    let set: Vec<&[Code]> = set.iter().map(Vec::as_slice).collect();
    assert_eq!(nearest(Distance::Hamming, &set, &set, false), [Some(0); 3]);
    assert_eq!(nearest(Distance::Hamming, &set, &set, true), [Some(1), Some(1), Some(3)]);
    assert_eq!(nearest(Distance::Edit, &set, &[], false), [None; 3]);
    let (one, other) = (codes("ACGTACGT"), codes("CGTACGTA"));
    assert_eq!(nearest(Distance::Hamming, &[&one], &[&other], false), [Some(8)]);
    assert_eq!(nearest(Distance::Edit, &[&one], &[&other], false), [Some(2)]);
    assert_eq!(nearest(Distance::Edit, &[&[]], &[&other], false), [Some(8)]);
    assert_eq!(nearest(Distance::Hamming, &[&one[..3]], &[&one], false), [Some(5)]);
}

#[test]
fn long_runs_of_differences_do_not_wrap() {
    let (a, t) = (vec![Code::new(0); 1000], vec![Code::new(3); 1000]);
    assert_eq!(nearest(Distance::Hamming, &[&a], &[&t], false), [Some(1000)]);
}

#[test]
fn copies_are_counted_and_differences_averaged() {
    let set = ["ACGT", "ACGT", "TGCA", "ACGT"].map(codes);
    let set: Vec<&[Code]> = set.iter().map(Vec::as_slice).collect();
    assert_eq!((duplicates(&set), duplicates(&[])), (2, 0));
    assert_eq!(mean_difference(&set[..2], 10, 1), Some(0.0));
    assert_eq!(mean_difference(&set[1..3], 10, 1), Some(1.0));
    assert_eq!(mean_difference(&set[..1], 10, 1), None);
}

#[test]
fn a_markov_model_repeats_what_it_saw() {
    let source = codes(&"ACGGT".repeat(400));
    let model = Markov::fit(3, [&source[..]]);
    let sampled = model.sample(2000, &mut stream(1, "test", &[]));
    let real = Words::count(4, [&source[..]]);
    let ours = Words::count(4, [&sampled[..]]);
    assert!(jensen_shannon(real.counts(), ours.counts()).unwrap() < 0.05);
    // A model of single bases does not.
    let flat = Markov::fit(0, [&source[..]]).sample(2000, &mut stream(1, "test", &[]));
    assert!(jensen_shannon(real.counts(), Words::count(4, [&flat[..]]).counts()).unwrap() > 0.5);
    assert_eq!(Markov::fit(2, []).sample(50, &mut stream(1, "test", &[])).len(), 50);
    assert_eq!(Markov::fit(99, []).order(), Markov::LARGEST_ORDER);
}

proptest! {
    #[test]
    fn edit_distances_are_those_of_the_whole_table(a in 0usize..200, b in 0usize..200, seed in 0u64..1000) {
        let mut rng = stream(seed, "test", &[]);
        let mut draw = |n: usize| (0..n).map(|_| Code::new(below(&mut rng, 5) as u8)).collect::<Vec<_>>();
        let (one, mut other) = (draw(a), draw(b));
        if seed % 2 == 0 {
            // Relatives, so that small distances occur too.
            other = one.clone();
            other.truncate(a.saturating_sub(3));
            other.insert(0, Code::new(2));
        }
        prop_assert_eq!(nearest(Distance::Edit, &[&one], &[&other], false), [Some(levenshtein(&one, &other))]);
    }
}
