use super::*;
use basewise_core::Strand;
use basewise_core::random::{below, stream, uniform};
use proptest::prelude::*;

fn at(sequence: usize, motif: usize, start: usize, strand: Strand, score: f64) -> Occurrence {
    Occurrence { sequence, motif, start, strand, score, p_value: 1e-5 }
}

fn fisher(one: [usize; 2], other: [usize; 2]) -> f64 {
    ln_fisher_greater(&LogFactorials::new(one[0] + one[1] + other[0] + other[1]), one, other).exp()
}

/// The sum over all tables with the same sums, term by term, by multiplying fractions.
fn naive_fisher([a, b]: [usize; 2], [c, d]: [usize; 2]) -> f64 {
    let choose = |n: usize, k: usize| (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product::<f64>();
    let (row, column, all) = (a + b, a + c, a + b + c + d);
    let terms = (a..=row.min(column)).filter(|k| column - k <= all - row);
    terms.map(|k| choose(row, k) * choose(all - row, column - k) / choose(all, column)).sum()
}

#[test]
fn fishers_tea_and_the_ends_of_tables() {
    // Fisher's lady: 3 of 4 cups right, p = 17/70 (Fisher 1935).
    assert!((fisher([3, 1], [1, 3]) - 17.0 / 70.0).abs() < 1e-12);
    assert!((fisher([4, 0], [0, 4]) - 1.0 / 70.0).abs() < 1e-12);
    for [a, b, c, d] in [[0, 0, 0, 0], [0, 5, 0, 5], [5, 0, 5, 0], [0, 4, 3, 2], [1, 0, 0, 0]] {
        assert!((fisher([a, b], [c, d]) - 1.0).abs() < 1e-12, "{a} {b} {c} {d}");
    }
    // Far below the smallest f64.
    let logs = LogFactorials::new(100_000);
    let ln = ln_fisher_greater(&logs, [30_000, 20_000], [1000, 49_000]);
    assert!(ln.is_finite() && ln < -15_000.0, "{ln}");
}

proptest! {
    #[test]
    fn fishers_test_is_the_sum_of_its_tables(a in 0_usize..30, b in 0_usize..30, c in 0_usize..30, d in 0_usize..30) {
        let (found, expected) = (fisher([a, b], [c, d]), naive_fisher([a, b], [c, d]));
        prop_assert!((found - expected).abs() <= 1e-10 * expected.max(1e-3), "{found} {expected}");
    }
}

#[test]
fn enrichment_counts_sequences_and_corrects_for_motifs() {
    let occurrences = [
        at(3, 0, 0, Strand::Forward, 1.0),
        at(3, 0, 9, Strand::Reverse, 1.0),
        at(1, 0, 2, Strand::Forward, 1.0),
        at(1, 5, 2, Strand::Forward, 1.0),
    ];
    assert_eq!(sequences_with(&occurrences, 2), [vec![1, 3], vec![]]);
    let found = enrichment(&[8, 5, 0], &[1, 5, 0], [10, 10]);
    assert!((found[0].ln_p_value.exp() - naive_fisher([8, 2], [1, 9])).abs() < 1e-12);
    assert!((found[0].ln_q_value - (found[0].ln_p_value + 3_f64.ln())).abs() < 1e-12);
    assert!((found[0].odds_ratio - 8.5 * 9.5 / (2.5 * 1.5)).abs() < 1e-12 && (found[1].odds_ratio - 1.0).abs() < 1e-12);
    assert!(found[2].ln_q_value == 0.0 && found[2].ln_p_value == 0.0 && found[2].odds_ratio == 1.0);
    assert!(enrichment(&[], &[], [0, 0]).is_empty());
}

#[test]
fn null_sets_have_few_enriched_motifs() {
    let mut rng = stream(4, "null", &[]);
    let mut count = |p: f64| (0..400).filter(|_| uniform(&mut rng) < p).count();
    let (one, other): (Vec<usize>, Vec<usize>) =
        (0..300).map(|i| (count(0.02 + i as f64 / 500.0), count(0.02 + i as f64 / 500.0))).unzip();
    let found = enrichment(&one, &other, [400, 400]);
    assert!(found.iter().filter(|e| e.ln_q_value.exp() < 0.05).count() <= 1);
    let share = found.iter().filter(|e| e.ln_p_value.exp() < 0.05).count() as f64 / 300.0;
    assert!(share < 0.08, "{share}");
}

#[test]
fn pairs_are_tested_and_overlaps_counted_apart() {
    // Motif 0 and 1 together in sequences 0 to 4, motif 2 on top of motif 0; sequences 5 to 9 have nothing but one 1.
    let mut occurrences = Vec::new();
    for sequence in 0..5 {
        occurrences.push(at(sequence, 0, 10, Strand::Forward, 1.0));
        occurrences.push(at(sequence, 1, 30, Strand::Forward, 1.0));
        occurrences.push(at(sequence, 2, 12, Strand::Forward, 1.0));
    }
    occurrences.push(at(7, 1, 0, Strand::Forward, 1.0));
    let found = pairs(&occurrences, &[6, 6, 6, 6], 10);
    let pair = |a: usize, b: usize| found.iter().find(|pair| pair.motifs == [a, b]).unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!((pair(0, 1).both, pair(0, 1).apart, pair(0, 1).with), (5, 5, [5, 6]));
    assert_eq!((pair(0, 2).both, pair(0, 2).apart), (5, 0));
    assert!((pair(0, 1).ln_p_value.exp() - naive_fisher([5, 0], [1, 4])).abs() < 1e-12);
    assert!((pair(0, 2).ln_p_value.exp() - naive_fisher([5, 0], [0, 5])).abs() < 1e-12);
    assert!(found.windows(2).all(|two| two[0].ln_p_value <= two[1].ln_p_value));
    assert!(pairs(&[], &[6, 6], 10).is_empty());
}

#[test]
fn a_preferred_spacing_stands_out_on_both_strands() {
    let mut rng = stream(8, "spacing", &[]);
    let (length, widths) = (200, [8, 6]);
    let mut occurrences = Vec::new();
    for sequence in 0..400 {
        let place = 60 + below(&mut rng, 60);
        let turned = sequence % 2 == 1;
        let strand = if turned { Strand::Reverse } else { Strand::Forward };
        occurrences.push(at(sequence, 0, place, strand, 5.0));
        // A quarter stands 10 bases behind the first on the other strand, the rest anywhere.
        let (start, other) = if sequence % 4 < 2 && sequence % 8 < 4 {
            let start = if turned { place - 10 - 6 } else { place + 8 + 10 };
            (start, if turned { Strand::Forward } else { Strand::Reverse })
        } else {
            (below(&mut rng, length - 5), if below(&mut rng, 2) == 0 { Strand::Forward } else { Strand::Reverse })
        };
        occurrences.push(at(sequence, 1, start, other, 4.0));
        occurrences.push(at(sequence, 1, 0, Strand::Forward, 1.0));
    }
    let found = spacing(&occurrences, [0, 1], widths, &[length; 400], true, 40);
    let best = found.bins.iter().min_by(|a, b| a.p_value.total_cmp(&b.p_value)).unwrap();
    assert_eq!((best.gap, best.is_downstream, best.same_strand), (10, true, false));
    assert!(best.observed >= 100 && best.q_value < 1e-20, "{best:?}");
    assert_eq!(found.bins.iter().filter(|bin| bin.q_value < 0.05).count(), 1);
    assert_eq!(found.bins.len(), 41 * 4);
}

#[test]
fn spacing_by_hand() {
    // A sequence of 12 bases: the first motif has 4 to 6, the second of width 3 has room for 0..=4 and 6..=9.
    let places = [at(0, 0, 4, Strand::Forward, 1.0), at(0, 1, 7, Strand::Forward, 1.0)];
    let found = spacing(&places, [0, 1], [2, 3], &[12], true, 9);
    let bin = |gap: usize, is_downstream: bool, same_strand: bool| {
        let is_it = |b: &&SpacingBin| (b.gap, b.is_downstream, b.same_strand) == (gap, is_downstream, same_strand);
        found.bins.iter().find(is_it).unwrap()
    };
    // Two places to the left (gaps 0 and 1), four to the right (gaps 0 to 3), on two strands.
    assert_eq!((bin(1, true, true).observed, bin(0, true, true).observed), (1, 0));
    for (gap, is_downstream, expected) in [(0, false, 1), (1, false, 1), (2, false, 0), (3, true, 1), (4, true, 0)] {
        let found = bin(gap, is_downstream, false).expected;
        assert!((found - f64::from(expected) / 12.0).abs() < 1e-12, "{gap} {is_downstream}");
    }
    assert!((bin(1, true, true).p_value - (1.0 - (-1.0_f64 / 12.0).exp())).abs() < 1e-12);
    let total: f64 = found.bins.iter().map(|b| b.expected).sum();
    assert!((total - 1.0).abs() < 1e-12 && found.sequences == 1);
    // Overlaps and missing partners do not count; one strand has half the arrangements.
    let overlapping = [at(0, 0, 4, Strand::Forward, 1.0), at(0, 1, 5, Strand::Forward, 1.0)];
    let none = spacing(&overlapping, [0, 1], [2, 3], &[12], false, 3);
    assert_eq!((none.sequences, none.bins.len()), (0, 8));
    assert!(none.bins.iter().all(|b| b.observed == 0 && b.expected == 0.0 && b.p_value == 1.0));
}
