use super::*;
use basewise_core::metrics::{auroc, spearman};
use basewise_core::random::below;
use basewise_core::{Alphabet, CasePolicy, Encoding, Example, Split, Task};

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
fn a_planted_word_is_learned() {
    let data = dataset(600, TaskKind::Binary, |i| i % 2, |i| (i % 2) as f64);
    let (fit, predict) = halves(600);
    let p = kmer(&data, 6, &fit, &predict, 1).unwrap();
    let labels: Vec<f64> = predict.iter().map(|&i| data.examples[i].labels[0]).collect();
    let scores: Vec<f64> = p.column(0).map(f64::from).collect();
    assert!(auroc(&labels, &scores).unwrap() > 0.97, "{:?}", auroc(&labels, &scores));
    assert!(scores.iter().all(|p| (0.0..=1.0).contains(p)));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(|| kmer(&data, 6, &fit, &predict, 1).unwrap()), p, "one thread or many");
}

#[test]
fn classes_sum_to_one_and_numbers_keep_their_scale() {
    let classes = TaskKind::Classes { classes: vec!["none".into(), "one".into(), "two".into()] };
    let data = dataset(900, classes, |i| i % 3, |i| (i % 3) as f64);
    let (fit, predict) = halves(900);
    let p = kmer(&data, 6, &fit, &predict, 1).unwrap();
    let mut right = 0;
    for (i, &row) in predict.iter().enumerate() {
        assert!((p.row(i).iter().sum::<f32>() - 1.0).abs() < 1e-5);
        right += usize::from((0..3).all(|c| p.row(i)[c] <= p.row(i)[row % 3]));
    }
    assert!(right > 300, "{right} of 450");

    let data = dataset(900, TaskKind::Regression, |i| i % 3, |i| 1000.0 + 10.0 * (i % 3) as f64);
    let p = kmer(&data, 6, &fit, &predict, 1).unwrap();
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
        let p = kmer(&data, 4, &fit, &predict, 1).unwrap();
        let labels: Vec<f64> = predict.iter().map(|&i| data.examples[i].labels[0]).collect();
        auroc(&labels, &p.column(0).map(f64::from).collect::<Vec<_>>()).unwrap()
    };
    assert!(score(CasePolicy::Ignore) < 0.65, "{}", score(CasePolicy::Ignore));
    assert_eq!((score(CasePolicy::MaskLower), score(CasePolicy::Channel)), (1.0, 1.0));
}

#[test]
fn nothing_to_fit_gives_the_prior() {
    let data = dataset(4, TaskKind::Binary, |_| 0, |_| 1.0);
    assert_eq!(kmer(&data, 6, &[0, 1], &[2, 3], 1).unwrap().data(), [1.0, 1.0]);
    assert_eq!(kmer(&data, 6, &[], &[2], 1).unwrap().data(), [0.5]);
    assert_eq!(kmer(&data, 0, &[0], &[], 1).unwrap().rows(), 0);
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
    let p = positional(&data, &fit, &predict, 1).unwrap();
    assert!(score(&p) > 0.99, "{}", score(&p));
    assert!(score(&kmer(&data, 6, &fit, &predict, 1).unwrap()) < 0.6);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(|| positional(&data, &fit, &predict, 1).unwrap()), p, "one thread or many");
}

#[test]
fn short_sequences_begin_where_the_window_does() {
    // A tells at the first position only, and every other sequence is cut behind it.
    let mut data = dataset(200, TaskKind::Binary, |_| 0, |i| f64::from(u8::from(i % 4 < 2)));
    for (i, example) in data.examples.iter_mut().enumerate() {
        example.sequence[0] = if i % 4 < 2 { b'A' } else { b'C' };
        example.sequence.truncate(if i.is_multiple_of(2) { 60 } else { 31 });
    }
    let (fit, predict) = halves(200);
    let p = positional(&data, &fit, &predict, 1).unwrap();
    let labels: Vec<f64> = predict.iter().map(|&i| data.examples[i].labels[0]).collect();
    // Centred in their windows, short sequences would have their first base elsewhere.
    let area = auroc(&labels, &p.column(0).map(f64::from).collect::<Vec<_>>()).unwrap();
    assert!(area > 0.95, "{area}");
}

#[test]
fn classes_and_labels_that_are_not_there_take_no_part() {
    let classes = TaskKind::Classes { classes: vec!["none".into(), "never".into(), "two".into()] };
    let known = |i: usize| if i.is_multiple_of(5) { f64::NAN } else { 2.0 * (i % 2) as f64 };
    let data = dataset(600, classes, |i| i % 2, known);
    let (fit, predict) = halves(600);
    let p = kmer(&data, 6, &fit, &predict, 1).unwrap();
    let mut right = 0;
    for (i, &row) in predict.iter().enumerate() {
        let own = p.row(i);
        assert!(own[1] == 0.0 && (own[0] + own[2] - 1.0).abs() < 1e-6, "{own:?}");
        right += usize::from((own[2] > own[0]) == (row % 2 == 1));
    }
    assert!(right > 270, "{right} of 300");
}

#[test]
fn totals_of_a_profile_follow_the_words() {
    let profile = basewise_core::Profile {
        tracks: vec!["a".into(), "b".into()],
        bins: 2,
        bin_size: 1,
        strand_pairs: vec![],
        count_weight: 1.0,
    };
    let mut data = dataset(400, TaskKind::Profile(profile), |i| i % 2, |_| 0.0);
    for (i, example) in data.examples.iter_mut().enumerate() {
        // Track a says how often the word is there; of track b a total is unknown now and then, and always the same.
        let total = if i % 2 == 1 { 400.0 } else { 4.0 };
        let b = if i.is_multiple_of(3) { f64::NAN } else { 5.0 };
        example.labels = vec![0.75 * total, 0.25 * total, b, b];
    }
    let (fit, predict) = halves(400);
    let p = kmer(&data, 6, &fit, &predict, 1).unwrap();
    let high: Vec<f64> = predict.iter().map(|&row| (row % 2) as f64).collect();
    assert!(auroc(&high, &p.column(4).map(f64::from).collect::<Vec<_>>()).unwrap() > 0.95);
    for i in 0..predict.len() {
        assert_eq!(p.row(i)[..4], [0.75, 0.25, 0.5, 0.5]);
        assert!((f64::from(p.row(i)[5]) - 10f64.ln_1p()).abs() < 1e-6);
    }
}
