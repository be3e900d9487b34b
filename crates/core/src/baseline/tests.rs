use super::*;
use crate::random::{below, stream};
use crate::{Alphabet, CasePolicy, Encoding, Example, Split, Task};

/// Random sequences of 60 letters, labels are `label(row)`.
fn dataset(n: usize, kind: TaskKind, label: impl Fn(usize) -> f64) -> Dataset {
    let mut rng = stream(8, "baseline", &[]);
    let examples = (0..n).map(|i| {
        let sequence: Vec<u8> = (0..60).map(|_| b"ACGT"[below(&mut rng, 4)]).collect();
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
    let binary = dataset(4, TaskKind::Binary, |i| if i == 3 { f64::NAN } else { f64::from(u8::from(i > 0)) });
    assert_eq!(majority(&binary, &[0, 1, 2, 3], &[0, 1]).data(), [2.0 / 3.0, 2.0 / 3.0]);
    assert_eq!(majority(&binary, &[3], &[0]).data(), [0.5]);
    let classes = TaskKind::Classes { classes: vec!["a".into(), "b".into()] };
    let classes = dataset(4, classes, |i| f64::from(u8::from(i == 0)));
    assert_eq!(majority(&classes, &[0, 1, 2, 3], &[2]).data(), [0.75, 0.25]);
    assert_eq!(majority(&classes, &[], &[2]).data(), [0.5, 0.5]);
    let number = dataset(4, TaskKind::Regression, |i| i as f64);
    assert_eq!(majority(&number, &[1, 2], &[0]).data(), [1.5]);
    assert_eq!(majority(&number, &[], &[]).rows(), 0);
}

#[test]
fn the_control_is_a_prediction_of_its_own() {
    let profile =
        crate::Profile { tracks: vec!["t".into()], bins: 3, bin_size: 1, strand_pairs: vec![], count_weight: 1.0 };
    let mut data = dataset(40, TaskKind::Profile(profile), |_| 0.0);
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
