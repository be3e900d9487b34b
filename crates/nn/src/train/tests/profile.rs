//! A network that sees where reads pile up around a motif, on either strand.

use super::*;
use crate::testing::{DNA, random_letters};
use basewise_core::metrics::{BootstrapOptions, TaskMetrics, evaluate};
use basewise_core::random::{Stream, below, stream, uniform};
use basewise_core::{Example, Matrix, Profile, Split, baseline, probabilities, profile, reverse_complement};

const BINS: usize = 40;
const JITTER: usize = 4;
const LENGTH: usize = 60;

/// The share of reads at each place beside the one where the track has its summit.
const PILE: [f64; 7] = [0.05, 0.1, 0.2, 0.3, 0.2, 0.1, 0.05];

fn draw(rng: &mut Stream) -> usize {
    let mut at = uniform(rng);
    PILE.iter()
        .position(|share| {
            at -= share;
            at < 0.0
        })
        .unwrap_or(3)
}

/// Half of the sequences hold a motif, forward or reverse, with 60 reads on its own strand around its second base and 30
/// on the other around its last; the others have a few reads anywhere. Returns the shapes that reads were drawn from, too.
fn piled(n: usize) -> (Dataset, Vec<Vec<f64>>) {
    let mut rng = stream(4, "test piles", &[]);
    let reach = LENGTH + 2 * JITTER;
    let stored = BINS + 2 * JITTER;
    let first = (reach - stored) / 2;
    let profile = Profile {
        tracks: vec!["plus".into(), "minus".into()],
        bins: BINS,
        bin_size: 1,
        strand_pairs: vec![[0, 1]],
        count_weight: 4.0,
    };
    let wide = task("p", TaskKind::Profile(Profile { bins: stored, ..profile.clone() }));
    let (mut examples, mut truth) = (Vec::new(), Vec::new());
    for (i, mut sequence) in random_letters(n, reach, 6).into_iter().enumerate() {
        let mut labels = vec![0.0; 2 * stored];
        let mut shape = vec![1.0; 2 * stored];
        if i % 2 == 0 {
            let at = 22 + below(&mut rng, 18);
            sequence[at..at + 8].copy_from_slice(b"TGACGCAA");
            shape.fill(0.0);
            for (track, centre, reads) in [(0, at + 1, 60), (1, at + 7, 30)] {
                let from = track * stored + centre - first - 3;
                (0..reads).for_each(|_| labels[from + draw(&mut rng)] += 1.0);
                shape[from..from + 7].copy_from_slice(&PILE);
            }
        } else {
            (0..6).for_each(|_| labels[below(&mut rng, 2 * stored)] += 1.0);
        }
        if i % 4 >= 2 {
            sequence = reverse_complement(&sequence, basewise_core::Alphabet::Dna);
            profile::reverse_labels(std::slice::from_ref(&wide), &mut labels);
            profile::reverse_labels(std::slice::from_ref(&wide), &mut shape);
        }
        let split = if i % 5 == 4 { Split::Valid } else { Split::Train };
        let (id, covariates, control) = (format!("s{i}"), vec![], vec![]);
        examples.push(Example { id, place: None, split, sequence, labels, covariates, control, weight: 1.0 });
        truth.push(shape);
    }
    let tasks = vec![task("p", TaskKind::Profile(profile))];
    let (covariates, control) = (vec![], None);
    (Dataset { encoding: DNA, length: LENGTH, jitter: JITTER, tasks, covariates, control, examples }, truth)
}

fn judge(dataset: &Dataset, rows: &[usize], predicted: &Matrix) -> TaskMetrics {
    let labels: Vec<Vec<f64>> = rows.iter().map(|&row| dataset.seen_labels(row)).collect();
    let labels: Vec<&[f64]> = labels.iter().map(Vec::as_slice).collect();
    let options = BootstrapOptions { replicates: 0, ..BootstrapOptions::default() };
    evaluate(&dataset.tasks, &labels, predicted, &options).remove(0)
}

#[test]
fn shapes_and_totals_are_learned_on_both_strands() {
    let (dataset, truth) = piled(800);
    let text = "[head]\nprofile_width = 15\n[[layer]]\ntype='conv1d'\nfilters=16\nwidth=9\n[[layer]]\ntype='relu'\n\
                [[layer]]\ntype='residual'\n[[layer.layer]]\ntype='conv1d'\nfilters=16\nwidth=3\ndilation=2\n\
                [[layer.layer]]\ntype='relu'\n";
    let directory = tempdir().unwrap();
    let config = TrainConfig { epochs: 30, batch_size: 32, ..config(30) };
    let outcome = train(&dataset, &net(text), &config, &cpu(), directory.path(), &FRESH, &mut quiet).unwrap();
    assert_eq!(outcome.history[0].metric, "profile_pearson");
    // What can be reached: the shapes that reads were drawn from.
    let all = dataset.rows_of(Split::Valid);
    // Only sequences with a motif have a shape.
    let rows: Vec<usize> = all.iter().copied().filter(|row| row % 2 == 0).collect();
    let mut batch = SequenceBatch::new(DNA, LENGTH);
    all.iter().for_each(|&row| batch.push(&dataset.examples[row].sequence).unwrap());
    let model = Model::load(&directory.path().join("model.safetensors")).unwrap();
    let mut predicted = model.predict(&batch).unwrap();
    probabilities(&dataset.tasks, &mut predicted);
    let ideal: Vec<f32> = rows
        .iter()
        .flat_map(|&row| {
            let seen = profile::shifted_labels(&dataset.tasks, &truth[row], JITTER, 0);
            seen.into_iter().chain([0.0, 0.0]).map(|share| share as f32)
        })
        .collect();
    let ceiling = judge(&dataset, &rows, &Matrix::new(rows.len(), 2 * BINS + 2, ideal));
    let with_motif = (0..all.len()).filter(|&i| all[i] % 2 == 0).flat_map(|i| predicted.row(i).to_vec()).collect();
    let found = judge(&dataset, &rows, &Matrix::new(rows.len(), 2 * BINS + 2, with_motif));
    let average = judge(&dataset, &rows, &baseline::majority(&dataset, &dataset.rows_of(Split::Train), &rows));
    let value = |metrics: &TaskMetrics, name: &str| metrics.metrics[name].value.unwrap();
    let pearson = [&found, &ceiling, &average].map(|metrics| value(metrics, "profile_pearson"));
    assert!(pearson[0] > 0.9 * pearson[1] && pearson[1] > 2.0 * pearson[2], "{pearson:?}");
    let distance = [&found, &average].map(|metrics| value(metrics, "profile_jensen_shannon"));
    assert!(distance[0] < 0.8 * distance[1], "{distance:?}");
    let totals = judge(&dataset, &all, &predicted);
    assert!(value(&totals, "count_pearson") > 0.8, "{:?}", totals.metrics);
}

#[test]
fn a_profile_run_is_resumed_with_the_same_bits_and_parts_make_the_same_step() {
    let (dataset, _) = piled(120);
    let text = "[head]\nprofile_width = 5\n[[layer]]\ntype='conv1d'\nfilters=4\nwidth=5\n[[layer]]\ntype='relu'\n";
    let go = |config: &TrainConfig, stop_at: usize| {
        let directory = tempdir().unwrap();
        let mut steps = 0;
        let mut stop = |progress: &Progress| {
            steps += usize::from(matches!(progress, Progress::Step(_)));
            if steps == stop_at { Control::Stop } else { Control::Continue }
        };
        train(&dataset, &net(text), config, &cpu(), directory.path(), &RESUME, &mut stop).unwrap();
        train(&dataset, &net(text), config, &cpu(), directory.path(), &RESUME, &mut quiet).unwrap()
    };
    let whole = go(&config(2), usize::MAX);
    assert_eq!(go(&config(2), 2).weights_digest, whole.weights_digest);
    // Two batches of 16 are one of 32, up to the order of sums.
    let parts = go(&TrainConfig { batch_size: 16, accumulate: 2, ..config(2) }, usize::MAX);
    for (one, two) in whole.history.iter().zip(&parts.history) {
        assert!((one.train_loss / two.train_loss - 1.0).abs() < 1e-4, "{one:?} against {two:?}");
    }
}

#[test]
fn totals_begin_at_their_mean() {
    let (dataset, _) = piled(60);
    let text = "[head]\nprofile_width = 5\n[[layer]]\ntype='conv1d'\nfilters=4\nwidth=5\n[[layer]]\ntype='relu'\n";
    let directory = tempdir().unwrap();
    // Steps so small that the weights of the heads stay at almost 0.
    let config = TrainConfig { learning_rate: 1e-9, epochs: 1, ..config(1) };
    train(&dataset, &net(text), &config, &cpu(), directory.path(), &FRESH, &mut quiet).unwrap();
    let mut batch = SequenceBatch::new(DNA, LENGTH);
    batch.push(&dataset.examples[0].sequence).unwrap();
    let scores = Model::load(&directory.path().join("model.safetensors")).unwrap().predict(&batch).unwrap();
    let rows = dataset.rows_of(Split::Train);
    for track in 0..2 {
        let log = |&row: &usize| {
            let seen = dataset.seen_labels(row);
            profile::total(&seen[track * BINS..(track + 1) * BINS]).unwrap().ln_1p()
        };
        let mean = rows.iter().map(log).sum::<f64>() / rows.len() as f64;
        let found = f64::from(scores.row(0)[2 * BINS + track]);
        assert!((found - mean).abs() < 1e-4, "{found} against {mean}");
    }
}
