use super::*;
use crate::metrics::{auroc, spearman};
use crate::random::below;
use crate::{Alphabet, CasePolicy, Encoding, Example, Split, Task};

/// Random sequences of 60 letters, each with TGACTC where `planted` says so; labels are `label(row)`.
fn dataset(n: usize, kind: TaskKind, planted: impl Fn(usize) -> usize, label: impl Fn(usize) -> f64) -> Dataset {
    let mut rng = stream(8, "baseline", &[]);
    let examples = (0..n).map(|i| {
        let mut sequence: Vec<u8> = (0..60).map(|_| b"ACGT"[below(&mut rng, 4)]).collect();
        for copy in 0..planted(i) {
            let at = 20 * copy + below(&mut rng, 14);
            sequence[at..at + 6].copy_from_slice(b"TGACTC");
        }
        let (id, split, labels) = (format!("r{i}"), Split::Train, vec![label(i)]);
        let (covariates, control) = (vec![], vec![]);
        Example { id, place: None, split, sequence, labels, covariates, control, weight: 1.0 }
    });
    Dataset {
        encoding: Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore },
        length: 60,
        jitter: 0,
        tasks: vec![Task { name: "t".into(), kind }],
        covariates: vec![],
        control: None,
        examples: examples.collect(),
    }
}

fn halves(n: usize) -> (Vec<usize>, Vec<usize>) {
    ((0..n / 2).collect(), (n / 2..n).collect())
}

#[test]
fn majority_is_the_share_or_the_mean() {
    let binary = dataset(4, TaskKind::Binary, |_| 0, |i| if i == 3 { f64::NAN } else { f64::from(u8::from(i > 0)) });
    assert_eq!(majority(&binary, &[0, 1, 2, 3], &[0, 1]).data(), [2.0 / 3.0, 2.0 / 3.0]);
    assert_eq!(majority(&binary, &[3], &[0]).data(), [0.5]);
    let classes = TaskKind::Classes { classes: vec!["a".into(), "b".into()] };
    let classes = dataset(4, classes, |_| 0, |i| f64::from(u8::from(i == 0)));
    assert_eq!(majority(&classes, &[0, 1, 2, 3], &[2]).data(), [0.75, 0.25]);
    assert_eq!(majority(&classes, &[], &[2]).data(), [0.5, 0.5]);
    let number = dataset(4, TaskKind::Regression, |_| 0, |i| i as f64);
    assert_eq!(majority(&number, &[1, 2], &[0]).data(), [1.5]);
    assert_eq!(majority(&number, &[], &[]).rows(), 0);
}

#[test]
fn a_planted_word_is_learned() {
    let data = dataset(600, TaskKind::Binary, |i| i % 2, |i| (i % 2) as f64);
    let (fit, predict) = halves(600);
    let p = kmer(&data, 6, &fit, &predict, 1);
    let labels: Vec<f64> = predict.iter().map(|&i| data.examples[i].labels[0]).collect();
    let scores: Vec<f64> = p.column(0).map(f64::from).collect();
    assert!(auroc(&labels, &scores).unwrap() > 0.97, "{:?}", auroc(&labels, &scores));
    assert!(scores.iter().all(|p| (0.0..=1.0).contains(p)));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(|| kmer(&data, 6, &fit, &predict, 1)), p, "one thread or many");
}

#[test]
fn classes_sum_to_one_and_numbers_keep_their_scale() {
    let classes = TaskKind::Classes { classes: vec!["none".into(), "one".into(), "two".into()] };
    let data = dataset(900, classes, |i| i % 3, |i| (i % 3) as f64);
    let (fit, predict) = halves(900);
    let p = kmer(&data, 6, &fit, &predict, 1);
    let mut right = 0;
    for (i, &row) in predict.iter().enumerate() {
        assert!((p.row(i).iter().sum::<f32>() - 1.0).abs() < 1e-5);
        right += usize::from((0..3).all(|c| p.row(i)[c] <= p.row(i)[row % 3]));
    }
    assert!(right > 300, "{right} of 450");

    let data = dataset(900, TaskKind::Regression, |i| i % 3, |i| 1000.0 + 10.0 * (i % 3) as f64);
    let p = kmer(&data, 6, &fit, &predict, 1);
    let (labels, values): (Vec<f64>, Vec<f64>) =
        predict.iter().zip(p.column(0)).map(|(&i, v)| (data.examples[i].labels[0], f64::from(v))).unzip();
    assert!(spearman(&labels, &values).unwrap() > 0.8);
    assert!(values.iter().all(|v| (980.0..1050.0).contains(v)));
}

#[test]
fn masked_and_marked_letters_are_read_as_the_encoding_says() {
    let mut data = dataset(600, TaskKind::Binary, |_| 0, |i| (i % 2) as f64);
    for (i, example) in data.examples.iter_mut().enumerate() {
        // The word is everywhere; only its case tells.
        example.sequence.make_ascii_lowercase();
        example.sequence[20..26].copy_from_slice(if i % 2 == 1 { b"TGACTC" } else { b"tgactc" });
        example.sequence[40..46].copy_from_slice(b"CATACG");
    }
    let (fit, predict) = halves(600);
    let score = |case| {
        let mut data = data.clone();
        data.encoding.case = case;
        let p = kmer(&data, 4, &fit, &predict, 1);
        let labels: Vec<f64> = predict.iter().map(|&i| data.examples[i].labels[0]).collect();
        auroc(&labels, &p.column(0).map(f64::from).collect::<Vec<_>>()).unwrap()
    };
    assert!(score(CasePolicy::Ignore) < 0.65, "{}", score(CasePolicy::Ignore));
    assert_eq!((score(CasePolicy::MaskLower), score(CasePolicy::Channel)), (1.0, 1.0));
}

#[test]
fn tf_idf_by_hand() {
    let mut data = dataset(2, TaskKind::Binary, |_| 0, |_| 1.0);
    data.examples[0].sequence = b"AANC".to_vec();
    data.examples[1].sequence = b"A".to_vec();
    let (vectorizer, x) = Vectorizer::fit(&data, 2, &[0, 1]);
    assert_eq!(vectorizer.features(), 20);
    // A twice (in both rows), C and AA once (in one): weights (1 + ln 2) * 1, 1 + ln(3 / 2) twice.
    let (a, other) = (1.0 + 2f32.ln(), 1.0 + 1.5f32.ln());
    let norm = (a * a + 2.0 * other * other).sqrt();
    let expected = [(0, a / norm), (1, other / norm), (4, other / norm)];
    for (found, expected) in x[0].iter().zip(expected) {
        assert!(found.0 == expected.0 && (found.1 - expected.1).abs() < 1e-6, "{found:?} {expected:?}");
    }
    assert_eq!((x[0].len(), x[1].as_slice()), (3, &[(0, 1.0)][..]));
}

#[test]
fn nothing_to_fit_gives_the_prior() {
    let data = dataset(4, TaskKind::Binary, |_| 0, |_| 1.0);
    assert_eq!(kmer(&data, 6, &[0, 1], &[2, 3], 1).data(), [1.0, 1.0]);
    assert_eq!(kmer(&data, 6, &[], &[2], 1).data(), [0.5]);
    assert_eq!(kmer(&data, 0, &[0], &[], 1).rows(), 0);
}

#[test]
fn a_base_at_its_place_is_seen_by_position_only() {
    // Every sequence holds one TGACTC: on the left or on the right.
    let kind = TaskKind::Binary;
    let mut data = dataset(600, kind, |_| 0, |i| (i % 2) as f64);
    for (i, example) in data.examples.iter_mut().enumerate() {
        let at = if i % 2 == 0 { 10 } else { 40 };
        example.sequence[at..at + 6].copy_from_slice(b"TGACTC");
    }
    let (fit, predict) = halves(600);
    let labels: Vec<f64> = predict.iter().map(|&i| data.examples[i].labels[0]).collect();
    let score = |p: &Matrix| auroc(&labels, &p.column(0).map(f64::from).collect::<Vec<_>>()).unwrap();
    let p = positional(&data, &fit, &predict, 1);
    assert!(score(&p) > 0.99, "{}", score(&p));
    assert!(score(&kmer(&data, 6, &fit, &predict, 1)) < 0.6);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(|| positional(&data, &fit, &predict, 1)), p, "one thread or many");
}

#[test]
fn positional_features_end_with_a_lone_base_and_leave_out_n() {
    let mut data = dataset(1, TaskKind::Binary, |_| 0, |_| 1.0);
    data.length = 4;
    data.examples[0].sequence = b"ACNG".to_vec();
    let ones: Vec<u32> = features::positional(&data, &[0])[0].iter().map(|&(feature, _)| feature).collect();
    // A and AC at 0, C at 1, G at 3.
    assert_eq!(ones, [0, 4 + 1, 20 + 1, 60 + 2]);
}

#[test]
fn the_control_is_a_prediction_of_its_own() {
    let profile =
        crate::Profile { tracks: vec!["t".into()], bins: 3, bin_size: 1, strand_pairs: vec![], count_weight: 1.0 };
    let mut data = dataset(40, TaskKind::Profile(profile), |_| 0, |_| 0.0);
    let tracks = vec!["a".to_owned(), "b".to_owned()];
    data.control = Some(crate::ControlSignal { tracks, bins: 3, bin_size: 1, strand_pairs: vec![] });
    for (i, example) in data.examples.iter_mut().enumerate() {
        let factor = (1 + i % 4) as f64;
        // Both tracks together have the signal's shape, and its total is the square of theirs.
        let own = [[6.0, 2.0, 0.0], [0.0, 2.0, 6.0]][i % 2].map(|bin| bin * factor);
        let square = (own.iter().sum::<f64>() + 1.0).powi(2) - 1.0;
        example.labels = own.iter().map(|bin| bin * square / own.iter().sum::<f64>()).collect();
        example.control = vec![own[0], f64::NAN, own[2], 0.0, own[1], f64::NAN];
    }
    let (fit, rest) = halves(40);
    let predicted = control(&data, &fit, &rest);
    for (i, &row) in rest.iter().enumerate() {
        let labels = &data.examples[row].labels;
        let total: f64 = labels.iter().sum();
        // Reads of the average shape are few beside it: a tenth of one.
        for (share, label) in predicted.row(i).iter().zip(labels) {
            assert!((f64::from(*share) - label / total).abs() < 0.02, "{share} and {label} of {total}");
        }
        assert!((f64::from(predicted.row(i)[3]) - total.ln_1p()).abs() < 1e-4, "{:?} {total}", predicted.row(i));
    }
    data.control = None;
    assert_eq!(control(&data, &fit, &rest), majority(&data, &fit, &rest));
}
