//! What each setting does: that it changes a run, that a run with it goes on exactly, and that it serves its purpose.

use super::*;
use crate::loss::{BinaryLoss, ClassWeights, CountsLoss, LossConfig, WeightRule};

/// 80 training examples: 3 steps an epoch.
fn small() -> Dataset {
    planted(100, 24)
}

fn digest(config: &TrainConfig) -> String {
    let directory = tempdir().unwrap();
    run(&small(), config, directory.path()).weights_digest
}

/// One configuration a setting, each different from the plain one in that alone.
fn each() -> Vec<(&'static str, TrainConfig)> {
    let plain = || config(2);
    let loss = |loss: LossConfig| TrainConfig { loss, ..plain() };
    let usual = LossConfig::default;
    let penalty = vec![LayerPenalty { layer: "1".into(), l1: 0.01, l2: 0.0 }];
    vec![
        ("plain", plain()),
        ("sgd", TrainConfig { optimizer: OptimizerKind::Sgd, ..plain() }),
        ("sgd without momentum", TrainConfig { optimizer: OptimizerKind::Sgd, momentum: Some(0.0), ..plain() }),
        ("nesterov", TrainConfig { optimizer: OptimizerKind::Sgd, nesterov: Some(true), ..plain() }),
        ("adam", TrainConfig { optimizer: OptimizerKind::Adam, ..plain() }),
        ("rmsprop", TrainConfig { optimizer: OptimizerKind::RmsProp, ..plain() }),
        ("muon", TrainConfig { optimizer: OptimizerKind::Muon, ..plain() }),
        ("beta1", TrainConfig { beta1: 0.8, ..plain() }),
        ("beta2", TrainConfig { beta2: Some(0.9), ..plain() }),
        ("epsilon", TrainConfig { epsilon: 1e-3, ..plain() }),
        ("cosine", TrainConfig { schedule: Schedule::Cosine, ..plain() }),
        ("floor", TrainConfig { schedule: Schedule::Cosine, min_learning_rate: 1e-3, ..plain() }),
        ("one-cycle", TrainConfig { schedule: Schedule::OneCycle, ..plain() }),
        ("step", TrainConfig { schedule: Schedule::Step, decay_epochs: Some(1), ..plain() }),
        ("warm-up", TrainConfig { warmup_epochs: 1, ..plain() }),
        ("clip", TrainConfig { clip_gradient: Some(0.1), ..plain() }),
        ("l1", TrainConfig { l1: 0.01, ..plain() }),
        ("l2", TrainConfig { l2: 0.01, ..plain() }),
        ("penalty", TrainConfig { penalty, ..plain() }),
        ("ema", TrainConfig { ema: Some(0.9), ..plain() }),
        ("mutation", TrainConfig { mutation_rate: 0.05, ..plain() }),
        ("cutmix", TrainConfig { cutmix: 0.5, ..plain() }),
        ("focal", loss(LossConfig { binary: BinaryLoss::Focal, ..usual() })),
        ("alpha", loss(LossConfig { binary: BinaryLoss::Focal, focal_alpha: Some(0.25), ..usual() })),
        ("smoothing", loss(LossConfig { label_smoothing: 0.1, ..usual() })),
        ("weights", loss(LossConfig { class_weights: ClassWeights::Given(vec![1.0, 2.0]), ..usual() })),
    ]
}

#[test]
fn every_setting_changes_the_weights() {
    let mut seen: Vec<(String, &str)> = each().iter().map(|(name, config)| (digest(config), *name)).collect();
    seen.sort();
    for pair in seen.windows(2) {
        assert_ne!(pair[0].0, pair[1].0, "{} and {}", pair[0].1, pair[1].1);
    }
}

#[test]
fn a_run_goes_on_exactly_with_every_setting() {
    for (name, config) in each() {
        let whole = digest(&config);
        for at in [2, 4] {
            assert_eq!(interrupted(&small(), &config, at).weights_digest, whole, "{name}, stopped after step {at}");
        }
    }
}

#[test]
fn a_plateau_goes_on_exactly_and_cuts_the_rate() {
    let mut dataset = small();
    // Labels of the validation split are wrong, so that every epoch makes it worse.
    for example in dataset.examples.iter_mut().filter(|e| e.split == Split::Valid) {
        example.labels[0] = 1.0 - example.labels[0];
    }
    let (schedule, optimizer) = (Schedule::Plateau, OptimizerKind::Sgd);
    let config = TrainConfig { schedule, optimizer, learning_rate: 0.1, decay_factor: 0.5, patience: 0, ..config(8) };
    let directory = tempdir().unwrap();
    let whole = run(&dataset, &config, directory.path());
    let rates: Vec<f64> = whole.history.iter().map(|record| record.learning_rate).collect();
    // The rate is halved two epochs after the best one, and every two from then on.
    let best = whole.best_epoch;
    assert!(best < 5, "{:?}", whole.history);
    let halved = |epoch: usize| epoch.saturating_sub(best + 1) / 2;
    let expected: Vec<f64> = (1..=8).map(|epoch| 0.1 * 0.5f64.powi(halved(epoch) as i32)).collect();
    assert_eq!(rates, expected);
    for at in [7, 16, 22] {
        assert_eq!(interrupted(&dataset, &config, at).history, whole.history, "stopped after step {at}");
    }
}

#[test]
fn what_is_left_out_is_the_same_as_what_is_usual() {
    for kind in [OptimizerKind::Sgd, OptimizerKind::RmsProp, OptimizerKind::Muon, OptimizerKind::AdamW] {
        let config = TrainConfig { optimizer: kind, schedule: Schedule::Plateau, ..config(1) };
        assert_eq!(digest(&config), digest(&config.resolved()));
        assert_eq!(config.resolved(), config.resolved().resolved());
    }
}

#[test]
fn averaged_weights_are_validated_and_kept() {
    let dataset = small();
    let config = TrainConfig { ema: Some(0.9), patience: 0, ..config(3) };
    let directory = tempdir().unwrap();
    let outcome = run(&dataset, &config, directory.path());
    let model = Model::load(&directory.path().join("model.safetensors")).unwrap();
    let mut batch = SequenceBatch::new(dataset.encoding, 24);
    let valid: Vec<_> = dataset.examples.iter().filter(|e| e.split == Split::Valid).collect();
    valid.iter().for_each(|e| batch.push(&e.sequence).unwrap());
    let labels: Vec<&[f64]> = valid.iter().map(|e| e.labels.as_slice()).collect();
    let loss = crate::loss::loss(&dataset.tasks, &model.predict(&batch).unwrap(), &labels).mean();
    assert!((loss - outcome.history[outcome.best_epoch - 1].valid_loss).abs() < 1e-6);
}

#[test]
fn penalties_make_weights_small() {
    let norm = |config: &TrainConfig| {
        let directory = tempdir().unwrap();
        let model = run(&small(), config, directory.path()).model;
        model.weights.parameters[0].values.iter().map(|w| f64::from(w.abs())).sum::<f64>()
    };
    let penalty = |l1, l2| TrainConfig { l1, l2, optimizer: OptimizerKind::Sgd, learning_rate: 0.02, ..config(4) };
    let plain = norm(&penalty(0.0, 0.0));
    assert!(norm(&penalty(0.1, 0.0)) < 0.9 * plain && norm(&penalty(0.0, 0.1)) < 0.9 * plain);
    let none = vec![LayerPenalty { layer: "1".into(), ..LayerPenalty::default() }];
    assert!(norm(&TrainConfig { penalty: none, ..penalty(0.1, 0.0) }) > norm(&penalty(0.1, 0.0)) + 0.05 * plain);
}

#[test]
fn counts_are_learned_by_both_losses() {
    let mut dataset = planted(400, 24);
    dataset.tasks = vec![task("reads", TaskKind::Counts)];
    for (i, example) in dataset.examples.iter_mut().enumerate() {
        example.labels[0] = if i % 7 == 0 { f64::NAN } else { 1.0 + 8.0 * example.labels[0] + (i % 3) as f64 };
    }
    for counts in [CountsLoss::Poisson, CountsLoss::NegativeBinomial] {
        let loss = LossConfig { counts, ..LossConfig::default() };
        let config = TrainConfig { loss, learning_rate: 0.02, reverse_complement: false, ..config(15) };
        let directory = tempdir().unwrap();
        let outcome = run(&dataset, &config, directory.path());
        let best = &outcome.history[outcome.best_epoch - 1];
        assert!(best.metric == "pearson" && best.valid_metric.unwrap() > 0.7, "{counts:?}: {best:?}");
    }
}

#[test]
fn balanced_classes_and_streamed_labels_give_the_same_weights_as_numbers() {
    let mut dataset = small();
    dataset.examples.retain(|e| e.labels[0] == 0.0 || e.id.ends_with('0') || e.split == Split::Valid);
    let positives = dataset.examples.iter().filter(|e| e.split == Split::Train && e.labels[0] == 1.0).count();
    let all = dataset.examples.iter().filter(|e| e.split == Split::Train).count();
    let number = |count: usize| all as f64 / 2.0 / count as f64;
    let of = |class_weights| TrainConfig { loss: LossConfig { class_weights, ..LossConfig::default() }, ..config(1) };
    let given = of(ClassWeights::Given(vec![number(all - positives), number(positives)]));
    let balanced = of(ClassWeights::Rule(WeightRule::Balanced));
    let directory = tempdir().unwrap();
    let expected = run(&dataset, &given, directory.path()).weights_digest;
    assert_eq!(run(&dataset, &balanced, directory.path()).weights_digest, expected);
    let blocks = crate::testing::Blocks::new(dataset, 7);
    let go = || train(&blocks, &net(SMALL), &balanced, &cpu(), directory.path(), &FRESH, &mut quiet);
    assert_eq!(go().unwrap().weights_digest, expected);
}

#[test]
fn tensorboard_follows_a_run_and_changes_nothing_else() {
    let directory = tempdir().unwrap();
    let options = TrainOptions { tensorboard: true, ..FRESH };
    let outcome = train(&small(), &net(SMALL), &config(2), &cpu(), directory.path(), &options, &mut quiet).unwrap();
    assert_eq!(outcome.weights_digest, digest(&config(2)));
    let file = directory.path().join("tensorboard/events.out.tfevents.basewise");
    let size = fs_err::metadata(&file).unwrap().len();
    // Gone on with, the file holds the same epochs once.
    let options = TrainOptions { resume: true, ..options };
    train(&small(), &net(SMALL), &config(2), &cpu(), directory.path(), &options, &mut quiet).unwrap();
    assert_eq!(fs_err::metadata(&file).unwrap().len(), size);
}
