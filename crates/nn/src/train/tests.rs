//! Whole runs on small data: learning, determinism, exact resumption, errors.

use super::*;
use crate::testing::{SMALL, cpu, net, planted, task};
use crate::{Layer, OptimizerKind, Schedule};
use basewise_core::{Dataset, Predict, SequenceBatch, TaskKind};
use tempfile::tempdir;

mod control;
mod covariates;
mod profile;
mod resume;
mod settings;
mod trust;
mod weights;

fn quiet(_: &Progress) -> Control {
    Control::Continue
}

const FRESH: TrainOptions =
    TrainOptions { resume: false, loader_workers: 1, checkpoint_every: None, keep_checkpoints: 2, tensorboard: false };
const RESUME: TrainOptions = TrainOptions { resume: true, ..FRESH };

fn config(epochs: usize) -> TrainConfig {
    TrainConfig { epochs, batch_size: 32, learning_rate: 5e-3, reverse_complement: true, ..TrainConfig::default() }
}

fn run(dataset: &Dataset, config: &TrainConfig, directory: &Path) -> TrainOutcome {
    train(dataset, &net(SMALL), config, &cpu(), directory, &FRESH, &mut quiet).unwrap()
}

#[test]
fn a_planted_motif_is_learned_and_the_saved_model_predicts_the_same() {
    let directory = tempdir().unwrap();
    let dataset = planted(1500, 40);
    let config = TrainConfig { reverse_complement: false, patience: 4, learning_rate: 0.01, ..config(25) };
    let outcome = run(&dataset, &config, directory.path());
    let best = &outcome.history[outcome.best_epoch - 1];
    assert!(best.best && best.valid_metric.unwrap() > 0.97, "{best:?}");
    let model = Model::load(&directory.path().join("model.safetensors")).unwrap();
    assert_eq!(model.digest(), outcome.weights_digest);
    assert_eq!(model.training().unwrap().best_epoch, outcome.best_epoch);
    let mut batch = SequenceBatch::new(dataset.encoding, 40);
    dataset.examples[..300].iter().for_each(|e| batch.push(&e.sequence).unwrap());
    assert_eq!(model.predict(&batch).unwrap(), outcome.model.predict(&batch).unwrap());
    let lines = fs_err::read_to_string(directory.path().join("history.jsonl")).unwrap();
    let records: Vec<EpochRecord> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records, outcome.history);
}

#[test]
fn a_seed_decides_everything_for_any_number_of_threads() {
    let dataset = planted(200, 30);
    let digest = |threads, seed| {
        let directory = tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let config = TrainConfig { seed, ..config(2) };
        pool.install(|| run(&dataset, &config, directory.path())).weights_digest
    };
    let one = digest(1, 7);
    assert_eq!(one, digest(1, 7));
    assert_eq!(one, digest(2, 7));
    assert_eq!(one, digest(3, 7));
    assert_ne!(one, digest(1, 8));
}

#[test]
fn the_preset_does_not_depend_on_threads_either() {
    let mut dataset = planted(192, 140);
    dataset.jitter = 2;
    let architecture = Architecture::preset("cnn").unwrap();
    let digest = |threads| {
        let directory = tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let config = TrainConfig { batch_size: 64, ..config(1) };
        let go = || train(&dataset, &architecture, &config, &cpu(), directory.path(), &FRESH, &mut quiet);
        pool.install(go).unwrap().weights_digest
    };
    assert_eq!(digest(1), digest(2));
}

/// Stops after `at` steps, goes on, and returns what is left at the end.
fn interrupted(dataset: &Dataset, config: &TrainConfig, at: usize) -> TrainOutcome {
    let directory = tempdir().unwrap();
    let mut steps = 0;
    let mut stop = |progress: &Progress| {
        steps += usize::from(matches!(progress, Progress::Step(_)));
        if steps == at { Control::Stop } else { Control::Continue }
    };
    let first = train(dataset, &net(SMALL), config, &cpu(), directory.path(), &RESUME, &mut stop).unwrap();
    assert!(first.interrupted && first.stopped == Stopped::Interrupted);
    assert!(!directory.path().join("model.safetensors").exists());
    let second = train(dataset, &net(SMALL), config, &cpu(), directory.path(), &RESUME, &mut quiet).unwrap();
    assert_eq!(second.resumed_steps, at as u64);
    let lines = fs_err::read_to_string(directory.path().join("history.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), second.epochs);
    let checkpoints = fs_err::read_dir(directory.path().join("checkpoints")).unwrap().count();
    assert!((1..=2).contains(&checkpoints), "{checkpoints}");
    second
}

#[test]
fn a_run_interrupted_at_any_step_ends_with_the_same_bits() {
    let dataset = planted(100, 24);
    let config = TrainConfig { schedule: Schedule::Cosine, warmup_epochs: 1, clip_gradient: Some(1.0), ..config(3) };
    let directory = tempdir().unwrap();
    let whole = run(&dataset, &config, directory.path());
    // 80 training examples: 3 steps an epoch; 3, 6 are right before an epoch ends.
    for at in [1, 2, 3, 4, 6, 8] {
        let resumed = interrupted(&dataset, &config, at);
        assert_eq!(resumed.weights_digest, whole.weights_digest, "stopped after step {at}");
        assert_eq!(resumed.history, whole.history, "stopped after step {at}");
    }
}

#[test]
fn a_damaged_checkpoint_is_passed_over_and_a_finished_run_stays() {
    let dataset = planted(100, 24);
    let config = TrainConfig { patience: 0, ..config(3) };
    let directory = tempdir().unwrap();
    let whole = run(&dataset, &config, directory.path());
    let go = || train(&dataset, &net(SMALL), &config, &cpu(), directory.path(), &RESUME, &mut quiet);
    let again = go().unwrap();
    assert_eq!((again.weights_digest.as_str(), again.resumed_steps), (whole.weights_digest.as_str(), 9));
    let newest = directory.path().join("checkpoints/step-0000000009/weights.safetensors");
    let bytes = fs_err::read(&newest).unwrap();
    for spoiled in [bytes[..bytes.len() / 2].to_vec(), [&bytes[..99], b"!", &bytes[100..]].concat(), Vec::new()] {
        fs_err::write(&newest, spoiled).unwrap();
        let mut warnings = Vec::new();
        let mut listen = |progress: &Progress| {
            if let Progress::Warning(text) = progress {
                warnings.push(text.clone());
            }
            Control::Continue
        };
        let repaired = train(&dataset, &net(SMALL), &config, &cpu(), directory.path(), &RESUME, &mut listen).unwrap();
        assert_eq!((repaired.weights_digest.as_str(), repaired.resumed_steps), (whole.weights_digest.as_str(), 6));
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        for part in
            ["step-0000000009: weights.safetensors was truncated or damaged", "the checkpoint before it is used"]
        {
            assert!(warnings[0].contains(part), "{warnings:?}");
        }
    }
    for step in ["step-0000000006", "step-0000000009"] {
        fs_err::write(directory.path().join("checkpoints").join(step).join("state.json"), "[".repeat(100_000)).unwrap();
    }
    assert!(go().unwrap_err().to_string().contains("state.json was damaged"));
}

#[test]
fn another_run_s_checkpoint_is_refused_and_a_fresh_start_clears_it() {
    let dataset = planted(100, 24);
    let directory = tempdir().unwrap();
    run(&dataset, &config(1), directory.path());
    let other = TrainConfig { seed: 2, ..config(1) };
    let resume = |config: &TrainConfig, resume| {
        train(&dataset, &net(SMALL), config, &cpu(), directory.path(), &TrainOptions { resume, ..FRESH }, &mut quiet)
    };
    let refused = resume(&other, true).unwrap_err().to_string();
    assert!(refused.contains("a run with other settings; repeat") && refused.contains("--overwrite"), "{refused}");
    let go = |dataset: &Dataset, network: &Architecture| {
        train(dataset, network, &config(1), &cpu(), directory.path(), &RESUME, &mut quiet).unwrap_err().to_string()
    };
    let wide = net("[[layer]]\ntype='flatten'\n[[layer]]\ntype='dense'\nunits=9");
    assert!(go(&dataset, &wide).contains("a run with another architecture; repeat"));
    assert!(go(&planted(90, 24), &net(SMALL)).contains("a run with another data set; repeat"));
    assert!(go(&planted(100, 25), &wide).contains("a run with another data set and another architecture; repeat"));
    // More epochs of the same run are fine.
    assert_eq!(resume(&config(2), true).unwrap().epochs, 2);
    assert_eq!(resume(&other, false).unwrap().epochs, 1);
    assert!(!directory.path().join("checkpoints/step-0000000006").exists());
}

#[test]
fn early_stopping_keeps_the_best_weights() {
    let mut dataset = planted(60, 24);
    // Labels of the validation split are wrong, so that every epoch makes it worse.
    for example in dataset.examples.iter_mut().filter(|e| e.split == Split::Valid) {
        example.labels[0] = 1.0 - example.labels[0];
    }
    let directory = tempdir().unwrap();
    let config = TrainConfig { patience: 2, learning_rate: 0.05, optimizer: OptimizerKind::Adam, ..config(40) };
    let outcome = run(&dataset, &config, directory.path());
    assert_eq!(outcome.stopped, Stopped::EarlyStopping { patience: 2 });
    assert_eq!(outcome.stopped.to_string(), "no better epoch for 2 epochs");
    assert_eq!(outcome.epochs, outcome.best_epoch + 2);
}

#[test]
fn classes_and_numbers_with_missing_labels_are_learned() {
    let mut dataset = planted(300, 20);
    dataset.tasks = vec![
        task("half", TaskKind::Classes { classes: vec!["none".into(), "site".into()] }),
        task("content", TaskKind::Regression),
    ];
    for (i, example) in dataset.examples.iter_mut().enumerate() {
        let a = example.sequence.iter().filter(|&&c| c == b'A').count() as f64 / 20.0;
        example.labels = vec![if i % 3 == 0 { f64::NAN } else { example.labels[0] }, a];
    }
    let directory = tempdir().unwrap();
    let architecture = Architecture::new(vec![Layer::Flatten]);
    let config = TrainConfig { reverse_complement: false, ..config(15) };
    let outcome = train(&dataset, &architecture, &config, &cpu(), directory.path(), &FRESH, &mut quiet).unwrap();
    let (first, last) = (&outcome.history[0], outcome.history.last().unwrap());
    assert_eq!(first.metric, "accuracy");
    assert!(last.train_loss < 0.7 * first.train_loss, "{first:?} {last:?}");
}

#[test]
fn progress_counts_steps_and_epochs() {
    let dataset = planted(100, 24);
    let directory = tempdir().unwrap();
    let mut seen = Vec::new();
    let mut observer = |progress: &Progress| {
        match progress {
            Progress::Step(s) => seen.push((s.epoch, s.step)),
            Progress::Epoch(e, _) => seen.push((e.epoch, 0)),
            Progress::Warning(text) => panic!("{text}"),
        }
        Control::Continue
    };
    train(&dataset, &net(SMALL), &config(2), &cpu(), directory.path(), &FRESH, &mut observer).unwrap();
    assert_eq!(seen, [(1, 1), (1, 2), (1, 3), (1, 0), (2, 1), (2, 2), (2, 3), (2, 0)]);
}

#[test]
fn a_network_beyond_any_memory_is_refused_before_it_is_built() {
    let text =
        "[[layer]]\ntype='conv1d'\nfilters=30000000\nwidth=15\n".to_owned() + &"[[layer]]\ntype='relu'\n".repeat(900);
    let huge = net(&(text + "[[layer]]\ntype='global-max-pool'"));
    let error = check(&planted(50, 24), &huge, &config(1)).unwrap_err();
    assert!(matches!(error, TrainError::Memory(_)), "{error}");
    let error = error.to_string();
    assert!(
        error.contains("TiB of memory, and") && error.contains("smaller batch, fewer filters or shorter"),
        "{error}"
    );
    // Weights alone: 800 layers of 2^31 numbers, 13 TB twice.
    let row = "[[layer]]\ntype='dense'\nunits=46000\n";
    let wide = net(&("[[layer]]\ntype='flatten'\n".to_owned() + &row.repeat(800)));
    let tasks = planted(1, 24).tasks;
    let error = Model::untrained(&wide, &tasks, crate::testing::DNA, 24, 1, &cpu()).unwrap_err();
    assert!(matches!(error, ModelError::Memory(_)), "{error}");
}

#[test]
fn nothing_is_touched_before_the_checks_pass() {
    let directory = tempdir().unwrap();
    let dataset = planted(50, 24);
    run(&dataset, &config(1), directory.path());
    let model = directory.path().join("model.safetensors");
    let before = fs_err::read(&model).unwrap();
    let dense = net("[[layer]]\ntype='dense'\nunits=3");
    for directory in [directory.path().to_owned(), directory.path().join("new")] {
        assert!(train(&dataset, &dense, &config(1), &cpu(), &directory, &FRESH, &mut quiet).is_err());
    }
    assert_eq!(fs_err::read(&model).unwrap(), before);
    assert!(directory.path().join("checkpoints").is_dir() && !directory.path().join("new").exists());
}

#[test]
fn learning_rates_are_written_short() {
    assert_eq!([0.002, 1e6, 1.23456e-5, 0.1 + 0.2].map(short), ["0.002", "1e6", "1.23e-5", "0.3"]);
}

#[test]
fn what_cannot_be_trained_says_why() {
    let directory = tempdir().unwrap();
    let fail = |dataset: &Dataset, config: &TrainConfig, architecture: &Architecture| {
        let run = train(dataset, architecture, config, &cpu(), directory.path(), &FRESH, &mut quiet);
        let error = run.unwrap_err();
        // All but a loss that is lost on the way is known beforehand.
        if !matches!(error, TrainError::NotFinite { .. }) {
            assert_eq!(check(dataset, architecture, config).unwrap_err().to_string(), error.to_string());
        }
        error.to_string()
    };
    let (data, small) = (planted(50, 24), net(SMALL));
    let without = |split| {
        let mut data = data.clone();
        data.examples.retain(|e| e.split != split);
        data
    };
    assert!(
        fail(&without(Split::Valid), &config(1), &small).contains("the valid split is empty; early stopping needs one")
    );
    assert!(fail(&without(Split::Train), &config(1), &small).contains("the train split is empty"));
    let mut unknown = data.clone();
    unknown.examples.iter_mut().for_each(|e| e.labels[0] = f64::NAN);
    assert!(fail(&unknown, &config(1), &small).contains("the train split has no known label"));
    let mut rna = data.clone();
    rna.encoding.alphabet = basewise_core::Alphabet::Rna;
    assert!(fail(&rna, &config(1), &small).contains("RNA is read from one strand"));
    assert!(fail(&data, &TrainConfig { epochs: 0, ..config(1) }, &small).contains("expected 1 or more"));
    assert!(fail(&data, &TrainConfig { learning_rate: f64::NAN, ..config(1) }, &small).contains("learning_rate"));
    let endless = TrainConfig { epochs: usize::MAX, ..config(1) };
    assert!(fail(&data, &endless, &small).contains("epochs, warmup_epochs and patience: expected at most"));
    let narrow = Architecture::new(vec![Layer::MaxPool1d { width: 0, stride: None }]);
    assert!(fail(&data, &config(1), &narrow).contains("width: expected 1 or more"));
    let dense = net("[[layer]]\ntype='dense'\nunits=3");
    assert!(fail(&data, &config(1), &dense).contains("layer 1 (dense 3): expected a vector"));
    let exploding = net(
        "[[layer]]\ntype='exp'\n[[layer]]\ntype='flatten'\n[[layer]]\ntype='dense'\nunits=9\n[[layer]]\ntype='exp'",
    );
    let text = fail(&data, &TrainConfig { learning_rate: 1e6, ..config(2) }, &exploding);
    assert!(text.contains("not a finite number at step") && text.ends_with("lower the learning rate (1e6)"), "{text}");
}
