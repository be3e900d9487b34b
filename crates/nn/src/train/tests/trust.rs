//! What a run must not depend on: threads, loader workers, how often it was killed and what it was killed in.

use super::*;
use crate::loss::{Objective, plain_targets};
use crate::network::{Mode, Plan, Weights};
use crate::testing::{Blocks, random_batch, three_tasks};
use crate::train::step::{Part, gradients_of};
use basewise_core::source::Rows;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// 80 training examples: 5 batches of 16.
fn data() -> Blocks {
    let mut dataset = planted(100, 24);
    dataset.jitter = 2;
    dataset.length = 20;
    Blocks::new(dataset, 7)
}

/// Of which about 20 are held at once.
fn streamed(source: &Blocks) -> TrainConfig {
    let bytes = 20 * (Rows::row_bytes(&source.header()) + 4);
    TrainConfig { batch_size: 16, shuffle_window: bytes as u64, ..config(2) }
}

fn whole(_: &Blocks) -> TrainConfig {
    TrainConfig { batch_size: 16, ..config(2) }
}

/// Digest of the weights and bytes of the history.
type Left = (String, Vec<u8>);

fn left(outcome: &TrainOutcome, directory: &Path) -> Left {
    (outcome.weights_digest.clone(), fs_err::read(directory.join("history.jsonl")).unwrap())
}

fn run_with(source: &Blocks, config: &TrainConfig, options: &TrainOptions) -> Left {
    let directory = tempdir().unwrap();
    let outcome = train(source, &net(SMALL), config, &cpu(), directory.path(), options, &mut quiet).unwrap();
    assert_eq!(outcome.timing.len(), outcome.epochs);
    left(&outcome, directory.path())
}

#[test]
fn threads_and_loader_workers_change_neither_weights_nor_history() {
    let source = data();
    for settings in [whole, streamed] {
        let config = TrainConfig { accumulate: 2, clip_gradient: Some(0.5), ..settings(&source) };
        let mut seen = Vec::new();
        for threads in [1, 2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for loader_workers in [0, 1, 3] {
                let options = TrainOptions { loader_workers, ..FRESH };
                seen.push(pool.install(|| run_with(&source, &config, &options)));
            }
        }
        seen.dedup();
        assert_eq!(seen.len(), 1);
        let lines = String::from_utf8(seen[0].1.clone()).unwrap();
        assert!(lines.lines().count() == 2 && !lines.contains("seconds"), "{lines}");
    }
    assert_ne!(run_with(&source, &whole(&source), &FRESH), run_with(&source, &streamed(&source), &FRESH));
}

#[test]
fn a_streamed_run_goes_on_exactly_from_within_a_window() {
    let source = data();
    let config = streamed(&source);
    let expected = run_with(&source, &config, &FRESH);
    for (at, loader_workers) in [(1, 0), (3, 3), (4, 1), (5, 0), (7, 1)] {
        let directory = tempdir().unwrap();
        let mut steps = 0;
        let mut stop = |progress: &Progress| {
            steps += usize::from(matches!(progress, Progress::Step(_)));
            if steps == at { Control::Stop } else { Control::Continue }
        };
        let go = |options: TrainOptions, observer: &mut dyn FnMut(&Progress) -> Control| {
            train(&source, &net(SMALL), &config, &cpu(), directory.path(), &options, observer).unwrap()
        };
        assert!(go(TrainOptions { loader_workers, ..FRESH }, &mut stop).interrupted);
        let resumed = go(RESUME, &mut quiet);
        assert_eq!((resumed.resumed_steps, left(&resumed, directory.path())), (at as u64, expected.clone()));
    }
}

#[test]
fn another_window_is_another_run_only_where_it_matters() {
    let source = data();
    let directory = tempdir().unwrap();
    let go = |config: &TrainConfig| {
        train(&source, &net(SMALL), config, &cpu(), directory.path(), &RESUME, &mut quiet).map(|o| o.resumed_steps)
    };
    assert_eq!(go(&whole(&source)).unwrap(), 0);
    assert_eq!(go(&TrainConfig { shuffle_window: 1 << 20, ..whole(&source) }).unwrap(), 10);
    assert!(go(&streamed(&source)).unwrap_err().to_string().contains("a run with other settings"));
}

#[test]
fn gradients_of_parts_add_up_to_those_of_one_batch() {
    let tasks = three_tasks();
    let plan = Plan::new(&net("[[layer]]\ntype='conv1d'\nfilters=3\nwidth=5\n[[layer]]\ntype='flatten'"), 4, 14, 5);
    let plan = plan.unwrap();
    let (weights, batch) = (Weights::initial(&plan, 3), random_batch(12, 14, 5));
    // The first part knows no class, the second one number only, and the third no number.
    let unknown =
        |row: usize, task: usize| matches!((row / 4, task), (0, 1) | (2, 2)) || (row / 4 == 1 && row != 5 && task == 2);
    let label = |row: usize, task: usize| if unknown(row, task) { f64::NAN } else { ((row + task) % 2) as f64 };
    let labels: Vec<Vec<f64>> = (0..12).map(|row| (0..3).map(|task| label(row, task)).collect()).collect();
    let labels: Vec<&[f64]> = labels.iter().map(Vec::as_slice).collect();
    let device = cpu().device.autodiff();
    let objective = Objective::usual(&tasks);
    let of = |rows: std::ops::Range<usize>, totals: Option<&[f64]>| {
        let mut part = SequenceBatch::new(batch.encoding(), 14);
        rows.clone().for_each(|row| part.push_codes(batch.sequence(row)));
        let targets = plain_targets(&labels[rows]);
        let part = Part { batch: &part, targets: &targets, totals };
        gradients_of(&plan, &weights, &objective, &part, Mode::Evaluate, &device).unwrap()
    };
    let expected = of(0..12, None);
    let totals = expected.sums.weights.clone();
    assert_eq!(totals, [12.0, 8.0, 5.0]);
    let parts = [0..4, 4..8, 8..12].map(|rows| of(rows, Some(&totals)));
    for (i, whole) in expected.parameters.iter().enumerate() {
        for (at, &whole) in whole.iter().enumerate() {
            let sum: f32 = parts.iter().map(|part| part.parameters[i][at]).sum();
            assert!((sum - whole).abs() < 1e-6 + 1e-5 * whole.abs(), "array {i} at {at}: {sum} against {whole}");
        }
    }
}

#[test]
fn accumulated_batches_train_as_one_large_batch_does() {
    let source = data();
    let plain = net("[[layer]]\ntype='conv1d'\nfilters=4\nwidth=7\n[[layer]]\ntype='global-avg-pool'");
    let go = |batch_size, accumulate| {
        let config = TrainConfig { batch_size, accumulate, ..config(3) };
        let directory = tempdir().unwrap();
        let mut steps = 0;
        let mut count = |progress: &Progress| {
            steps += usize::from(matches!(progress, Progress::Step(_)));
            Control::Continue
        };
        let outcome = train(&source, &plain, &config, &cpu(), directory.path(), &FRESH, &mut count).unwrap();
        (steps, outcome.history)
    };
    // 80 examples: steps of 48 and 32.
    let ((large_steps, large), (steps, parts)) = (go(48, 1), go(16, 3));
    assert_eq!((large_steps, steps), (6, 6));
    for (large, parts) in large.iter().zip(&parts) {
        assert!((large.train_loss - parts.train_loss).abs() < 1e-4, "{large:?} {parts:?}");
        assert!((large.valid_loss - parts.valid_loss).abs() < 1e-4, "{large:?} {parts:?}");
    }
}

/// Runs until step `at` and dies there, as if it were killed.
fn die(source: &Blocks, config: &TrainConfig, directory: &Path, options: &TrainOptions, at: usize) {
    let mut steps = 0;
    let mut kill = |progress: &Progress| {
        steps += usize::from(matches!(progress, Progress::Step(_)));
        assert!(steps < at, "killed");
        Control::Continue
    };
    let death =
        catch_unwind(AssertUnwindSafe(|| train(source, &net(SMALL), config, &cpu(), directory, options, &mut kill)));
    assert!(death.is_err());
}

#[test]
fn a_killed_run_goes_on_from_its_last_checkpoint_and_keeps_as_many_as_asked_for() {
    let source = data();
    let config = streamed(&source);
    let expected = run_with(&source, &config, &FRESH);
    for (at, every, from) in [(1, 2, 0), (4, 2, 2), (5, 1, 4), (8, 3, 6), (10, 100, 5)] {
        let directory = tempdir().unwrap();
        let checkpoint_every = Some(CheckpointEvery::Steps(every));
        let options = TrainOptions { checkpoint_every, keep_checkpoints: 3, ..FRESH };
        die(&source, &config, directory.path(), &options, at);
        let options = TrainOptions { resume: true, ..options };
        let resumed = train(&source, &net(SMALL), &config, &cpu(), directory.path(), &options, &mut quiet).unwrap();
        assert_eq!((resumed.resumed_steps, left(&resumed, directory.path())), (from, expected.clone()), "{at}");
        let kept = fs_err::read_dir(directory.path().join("checkpoints")).unwrap().count();
        assert!(kept == 3 || (every == 100 && kept == 2), "{kept}");
    }
    // Time instead of steps: no time at all is after each of them.
    let directory = tempdir().unwrap();
    let checkpoint_every = Some(CheckpointEvery::Time(std::time::Duration::ZERO));
    die(&source, &config, directory.path(), &TrainOptions { checkpoint_every, ..FRESH }, 3);
    assert!(directory.path().join("checkpoints/step-0000000002").is_dir());
}

#[test]
fn a_run_killed_in_its_first_checkpoint_begins_afresh_and_leaves_nothing_half_written() {
    let source = data();
    let config = whole(&source);
    let expected = run_with(&source, &config, &FRESH);
    let directory = tempdir().unwrap();
    let checkpoints = directory.path().join("checkpoints");
    fs_err::create_dir_all(checkpoints.join("step-0000000005.partial")).unwrap();
    fs_err::write(checkpoints.join("step-0000000005.partial/weights.safetensors.partial"), "half").unwrap();
    fs_err::write(directory.path().join("history.jsonl.partial"), "half").unwrap();
    let outcome = train(&source, &net(SMALL), &config, &cpu(), directory.path(), &RESUME, &mut quiet).unwrap();
    assert_eq!((outcome.resumed_steps, left(&outcome, directory.path())), (0, expected));
    let names = [directory.path(), &checkpoints].map(|d| fs_err::read_dir(d).unwrap().map(|e| e.unwrap().file_name()));
    let mut names: Vec<String> = names.into_iter().flatten().map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    assert_eq!(
        names,
        ["checkpoints", "history.jsonl", "model.safetensors", "step-0000000005", "step-0000000010", "timing.jsonl"]
    );
}

#[test]
fn what_cannot_be_written_is_told_and_the_run_goes_on_once_it_can() {
    let source = data();
    let config = whole(&source);
    let expected = run_with(&source, &config, &FRESH);
    let directory = tempdir().unwrap();
    let (checkpoints, aside) = (directory.path().join("checkpoints"), directory.path().join("aside"));
    let mut steps = 0;
    let mut spoil = |progress: &Progress| {
        steps += usize::from(matches!(progress, Progress::Step(_)));
        if steps == 4 && checkpoints.is_dir() {
            fs_err::rename(&checkpoints, &aside).unwrap();
            fs_err::write(&checkpoints, "in the way").unwrap();
        }
        Control::Continue
    };
    let options = TrainOptions { checkpoint_every: Some(CheckpointEvery::Steps(1)), ..FRESH };
    let error =
        train(&source, &net(SMALL), &config, &cpu(), directory.path(), &options, &mut spoil).map(|_| ()).unwrap_err();
    assert!(matches!(error, TrainError::Write(_)), "{error:?}");
    let text = error.to_string();
    for part in ["checkpoints: could not be written: ", "the checkpoint after step 3 is whole", "--resume"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    fs_err::remove_file(&checkpoints).unwrap();
    fs_err::rename(&aside, &checkpoints).unwrap();
    let resumed = train(&source, &net(SMALL), &config, &cpu(), directory.path(), &RESUME, &mut quiet).unwrap();
    assert_eq!((resumed.resumed_steps, left(&resumed, directory.path())), (3, expected));
}

#[test]
fn options_out_of_range_and_an_unreadable_block_end_with_a_message() {
    let directory = tempdir().unwrap();
    let mut source = data();
    let fail = |source: &Blocks, options: TrainOptions| {
        train(source, &net(SMALL), &streamed(source), &cpu(), directory.path(), &options, &mut quiet)
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    assert!(fail(&source, TrainOptions { keep_checkpoints: 0, ..FRESH }).contains("expected 1 or more, found 0"));
    assert!(fail(&source, TrainOptions { loader_workers: 1000, ..FRESH }).contains("at most 256, found 1000"));
    source.broken = Some(3);
    for loader_workers in [0, 2] {
        assert_eq!(fail(&source, TrainOptions { loader_workers, ..FRESH }), "block 3 cannot be read");
    }
}
