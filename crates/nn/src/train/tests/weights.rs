//! Weights of examples: in the loss, in order, and part of what a run is. And recomputing, which changes nothing.

use super::*;
use crate::testing::Blocks;

/// Training labels are wrong in two of three rows, whose weight is `wrong`.
fn mislabelled(wrong: f64) -> Dataset {
    let mut data = planted(600, 24);
    for (i, example) in data.examples.iter_mut().enumerate() {
        if example.split == Split::Train && i % 3 != 0 {
            example.labels[0] = 1.0 - example.labels[0];
            example.weight = wrong;
        }
    }
    data
}

fn digest(data: &Dataset, config: &TrainConfig) -> String {
    run(data, config, tempdir().unwrap().path()).weights_digest
}

#[test]
fn what_weighs_nothing_is_not_learned_from() {
    let auroc = |weight| {
        let config = TrainConfig { learning_rate: 0.02, patience: 0, ..config(12) };
        let outcome = run(&mislabelled(weight), &config, tempdir().unwrap().path());
        outcome.history.last().unwrap().valid_metric.unwrap()
    };
    let (without, with) = (auroc(0.0), auroc(1.0));
    assert!(without > 0.85 && with < 0.4, "{without} {with}");
}

#[test]
fn only_the_ratio_of_weights_counts() {
    let (plain, config) = (planted(100, 24), config(2));
    let weighted = |of: fn(usize) -> f64| {
        let mut data = plain.clone();
        data.examples.iter_mut().enumerate().for_each(|(i, example)| example.weight = of(i));
        digest(&data, &config)
    };
    assert_eq!(weighted(|_| 4.0), digest(&plain, &config));
    assert_ne!(weighted(|i| if i % 2 == 0 { 2.0 } else { 1.0 }), digest(&plain, &config));
}

#[test]
fn weights_are_streamed_and_a_run_goes_on_with_them() {
    let mut data = planted(100, 24);
    data.examples.iter_mut().enumerate().for_each(|(i, example)| example.weight = 0.25 * (i % 7) as f64);
    let plain = config(2);
    let whole = digest(&data, &plain);
    for at in [2, 4] {
        assert_eq!(interrupted(&data, &plain, at).weights_digest, whole, "stopped after step {at}");
    }
    // In blocks of any size, for any number of workers.
    for rows in [3, 50] {
        for loader_workers in [0, 2] {
            let (source, directory) = (Blocks::new(data.clone(), rows), tempdir().unwrap());
            let options = TrainOptions { loader_workers, ..FRESH };
            let outcome = train(&source, &net(SMALL), &plain, &cpu(), directory.path(), &options, &mut quiet).unwrap();
            assert_eq!(outcome.weights_digest, whole, "{rows} rows, {loader_workers} workers");
        }
    }
}

#[test]
fn a_checkpoint_of_other_weights_is_not_gone_on_from() {
    let (mut data, directory) = (planted(100, 24), tempdir().unwrap());
    let mut stop = |_: &Progress| Control::Stop;
    train(&data, &net(SMALL), &config(2), &cpu(), directory.path(), &FRESH, &mut stop).unwrap();
    data.examples[0].weight = 3.0;
    let error = train(&data, &net(SMALL), &config(2), &cpu(), directory.path(), &RESUME, &mut quiet).unwrap_err();
    assert!(error.to_string().contains("another data set"), "{error}");
}

#[test]
fn recomputing_changes_no_bit_and_can_begin_or_end_with_a_resume() {
    let (data, plain) = (planted(100, 24), config(2));
    let recompute = TrainConfig { recompute: true, ..plain.clone() };
    let whole = digest(&data, &plain);
    assert_eq!(digest(&data, &recompute), whole);
    let directory = tempdir().unwrap();
    let mut stop = |_: &Progress| Control::Stop;
    train(&data, &net(SMALL), &plain, &cpu(), directory.path(), &FRESH, &mut stop).unwrap();
    let outcome = train(&data, &net(SMALL), &recompute, &cpu(), directory.path(), &RESUME, &mut quiet).unwrap();
    assert_eq!(outcome.weights_digest, whole);
}
