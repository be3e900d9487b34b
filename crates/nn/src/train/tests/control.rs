//! Control signal: given to the network, moved with its sequence, part of what a run is.

use super::*;
use crate::testing::{DNA, random_batch, random_letters};
use basewise_core::metrics::{BootstrapOptions, evaluate};
use basewise_core::random::{Stream, below, stream, uniform};
use basewise_core::{ControlSignal, Example, Matrix, PredictError, Profile, Split, probabilities};

const BINS: usize = 40;
const JITTER: usize = 4;
const LENGTH: usize = 50;

const NET: &str = "[head]\nprofile_width = 5\n[[layer]]\ntype='conv1d'\nfilters=8\nwidth=9\n[[layer]]\ntype='relu'\n";

/// Reads that begin in proportion to these rates.
fn reads(rates: &[f64], count: usize, rng: &mut Stream) -> Vec<f64> {
    let total: f64 = rates.iter().sum();
    let mut bins = vec![0.0; rates.len()];
    for _ in 0..count {
        let mut at = uniform(rng) * total;
        let bin = rates.iter().position(|rate| {
            at -= rate;
            at < 0.0
        });
        bins[bin.unwrap_or(0)] += 1.0;
    }
    bins
}

/// Sequences with a motif that draws 30 reads, over a bias that draws 120 and has its summits anywhere: only the control, 200
/// reads of the bias alone, knows them.
fn biased(n: usize) -> Dataset {
    let mut rng = stream(8, "test bias", &[]);
    let stored = BINS + 2 * JITTER;
    let examples = random_letters(n, LENGTH + 2 * JITTER, 2).into_iter().enumerate().map(|(i, mut sequence)| {
        let at = 20 + below(&mut rng, 15);
        sequence[at..at + 8].copy_from_slice(b"TGACGCAA");
        let mut bias = vec![0.1; stored];
        (0..4).for_each(|_| bias[below(&mut rng, stored)] += 3.0);
        let mut motif = vec![0.0; stored];
        motif[at - 5..at + 3].fill(1.0);
        let pairs = reads(&bias, 120, &mut rng).into_iter().zip(reads(&motif, 30, &mut rng));
        let labels = pairs.map(|(a, b)| a + b).collect();
        let mut control = reads(&bias, 200, &mut rng);
        if i == 1 {
            // Unknown in one row.
            control.fill(f64::NAN);
        }
        let split = if i % 4 == 3 { Split::Valid } else { Split::Train };
        Example { id: format!("s{i}"), place: None, split, sequence, labels, covariates: vec![], control, weight: 1.0 }
    });
    let tracks = vec!["reads".to_owned()];
    let profile = Profile { tracks, bins: BINS, bin_size: 1, strand_pairs: vec![], count_weight: 4.0 };
    let control = ControlSignal { tracks: vec!["input".into()], bins: BINS, bin_size: 1, strand_pairs: vec![] };
    let tasks = vec![task("p", TaskKind::Profile(profile))];
    let (control, examples) = (Some(control), examples.collect());
    Dataset { encoding: DNA, length: LENGTH, jitter: JITTER, tasks, covariates: vec![], control, examples }
}

fn without(data: &Dataset) -> Dataset {
    let mut bare = data.clone();
    bare.control = None;
    bare.examples.iter_mut().for_each(|example| example.control.clear());
    bare
}

fn batch_of(data: &Dataset, rows: &[usize]) -> SequenceBatch {
    let mut batch = SequenceBatch::new(data.encoding, data.length).with_control(data.control.as_ref());
    for &row in rows {
        batch.push(&data.examples[row].sequence).unwrap();
        batch.push_control(data.seen_control(row));
    }
    batch
}

fn go(data: &Dataset, config: &TrainConfig) -> TrainOutcome {
    let directory = tempdir().unwrap();
    let outcome = train(data, &net(NET), config, &cpu(), directory.path(), &FRESH, &mut quiet).unwrap();
    let model = Model::load(&directory.path().join("model.safetensors")).unwrap();
    let batch = batch_of(data, &[0, 1, 2]);
    assert_eq!(model.predict(&batch).unwrap(), outcome.model.predict(&batch).unwrap());
    assert_eq!(model.control(), data.control.as_ref());
    outcome
}

/// Mean correlation of the predicted shapes with the reads of the validation split.
fn pearson(data: &Dataset, model: &Model) -> f64 {
    let rows = data.rows_of(Split::Valid);
    let mut predicted: Matrix = model.predict(&batch_of(data, &rows)).unwrap();
    probabilities(&data.tasks, &mut predicted);
    let labels: Vec<Vec<f64>> = rows.iter().map(|&row| data.seen_labels(row)).collect();
    let labels: Vec<&[f64]> = labels.iter().map(Vec::as_slice).collect();
    let options = BootstrapOptions { replicates: 0, ..BootstrapOptions::default() };
    evaluate(&data.tasks, &labels, &predicted, &options)[0].metrics["profile_pearson"].value.unwrap()
}

/// Windows are shifted and turned in training, so that this fails if the control does not go with them.
#[test]
fn a_bias_that_the_sequence_does_not_tell_is_taken_from_the_control() {
    let data = biased(240);
    let config = TrainConfig { learning_rate: 0.02, ..config(25) };
    let with = pearson(&data, &go(&data, &config).model);
    let bare = without(&data);
    let alone = pearson(&bare, &go(&bare, &config).model);
    assert!(with > 0.75 && with > alone + 0.4, "{with} against {alone}");
}

#[test]
fn a_model_refuses_sequences_without_its_control_or_with_another() {
    let data = biased(40);
    let model = go(&data, &config(1)).model;
    let rows = model.summary().unwrap().rows;
    assert!(rows.iter().any(|row| row.layer == "head control conv1d 1 x 1"), "{rows:?}");
    let (expected, found) = ("input in 40 bins of 1".to_owned(), "none".to_owned());
    let error = model.predict(&random_batch(3, LENGTH, 1)).unwrap_err();
    assert_eq!(error, PredictError::Control { expected, found });
    let mut other = data.clone();
    other.control.as_mut().unwrap().tracks[0] = "another".into();
    let error = model.predict(&batch_of(&other, &[0])).unwrap_err().to_string();
    assert!(error.contains("found another in 40 bins of 1"), "{error}");
    let mut short = SequenceBatch::new(DNA, LENGTH).with_control(data.control.as_ref());
    short.push(b"ACGT").unwrap();
    assert!(matches!(model.predict(&short), Err(PredictError::Covariates { .. } | PredictError::Control { .. })));
    let error = go(&without(&data), &config(1)).model.predict(&batch_of(&data, &[0])).unwrap_err().to_string();
    assert!(error.contains("control signal beside each sequence: none; found input"), "{error}");
}

/// A substitution leaves the control where it is, and the reverse complement turns it.
#[test]
fn experiments_pass_the_control_on() {
    let data = biased(40);
    let model = go(&data, &config(2)).model;
    let batch = batch_of(&data, &[0, 4]);
    let effects =
        basewise_core::perturb::saturate(&model, &batch, BINS.into(), 0..model.length(), &mut |_| {}).unwrap();
    let mut mutant = data.clone();
    let base = data.examples[4].sequence[JITTER];
    mutant.examples[4].sequence[JITTER] = if base == b'C' { b'G' } else { b'C' };
    let score = |data: &Dataset| model.predict(&batch_of(data, &[4])).unwrap().row(0)[BINS];
    let (to, change) = (if base == b'C' { 2 } else { 1 }, score(&mutant) - score(&data));
    assert!((effects[(4 + to) * LENGTH] - change).abs() < 1e-5);
    let both = basewise_core::average::Averaged::new(&model, true, 0).unwrap().predict(&batch).unwrap();
    let mut turned = batch.emptied();
    for i in 0..2 {
        turned.push_row(&batch, i);
        turned.reverse_complement(i);
    }
    let (forward, reverse) = (model.predict(&batch).unwrap(), model.predict(&turned).unwrap());
    for bin in 0..BINS {
        let mean = (forward.row(1)[bin] + reverse.row(1)[BINS - 1 - bin]) / 2.0;
        assert!((both.row(1)[bin] - mean).abs() < 1e-5);
    }
}

#[test]
fn the_control_is_part_of_a_run_and_of_its_promises() {
    let data = biased(60);
    let digest = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| go(&data, &config(2))).weights_digest
    };
    assert_eq!(digest(1), digest(3));
    let changes: [fn(&mut Dataset); 2] =
        [|data| data.examples[0].control[3] += 1.0, |data| data.control.as_mut().unwrap().tracks[0] = "another".into()];
    for change in changes {
        let directory = tempdir().unwrap();
        let go = |data: &Dataset, options: &TrainOptions| {
            train(data, &net(NET), &config(2), &cpu(), directory.path(), options, &mut quiet)
        };
        go(&data, &FRESH).unwrap();
        let mut other = data.clone();
        change(&mut other);
        assert!(go(&other, &RESUME).unwrap_err().to_string().contains("another data set"));
    }
    let mut broken = data.clone();
    broken.examples[4].control[2] = -1.0;
    let error = check(&broken, &net(NET), &config(1)).unwrap_err().to_string();
    assert!(error.contains("example \"s4\": control: expected signal of at least 0, found -1"), "{error}");
    let mut broken = data.clone();
    let control = broken.control.as_mut().unwrap();
    (control.bins, control.bin_size) = (BINS / 2, 2);
    broken.examples.iter_mut().for_each(|example| example.control = vec![0.0; BINS / 2 + JITTER]);
    let error = check(&broken, &net(NET), &config(1)).unwrap_err().to_string();
    assert!(error.contains("expected 40 bins of 1 as task \"p\" has, found 20 of 2"), "{error}");
}
