//! Numbers beside the sequence: learned from, kept with the model, part of what a run is.

use super::*;
use crate::testing::random_batch;
use basewise_core::{Covariate, PredictError, Transform};

/// Sequences that say nothing; labels that the first covariate decides alone. Every seventh value of the second is missing.
fn decided_beside(n: usize) -> Dataset {
    let mut data = planted(n, 24);
    for (i, example) in data.examples.iter_mut().enumerate() {
        let distance = (i * 37 % 101) as f64 - 50.0;
        example.sequence = b"ACGT".repeat(6);
        example.labels = vec![f64::from(u8::from(distance > 3.0))];
        example.covariates = vec![distance, if i % 7 == 0 { f64::NAN } else { 2.0 }];
    }
    let fit = |name, transform| Covariate::fit(name, transform, std::iter::empty());
    data.covariates = vec![fit("distance", Transform::Log), fit("constant", Transform::None)];
    data.fit_covariates();
    data
}

fn batch_of(data: &Dataset, covariates: &[Covariate]) -> SequenceBatch {
    let mut batch = SequenceBatch::new(data.encoding, data.length);
    for example in &data.examples {
        batch.push(&example.sequence).unwrap();
        batch.push_covariates(covariates, example.covariates.iter().copied());
    }
    batch
}

#[test]
fn a_label_that_a_covariate_decides_is_learned() {
    let (directory, data) = (tempdir().unwrap(), decided_beside(400));
    let config = TrainConfig { reverse_complement: true, learning_rate: 0.02, ..config(15) };
    let outcome = run(&data, &config, directory.path());
    let best = &outcome.history[outcome.best_epoch - 1];
    assert!(best.valid_metric.unwrap() > 0.98, "{best:?}");
    let model = Model::load(&directory.path().join("model.safetensors")).unwrap();
    assert_eq!(model.covariates(), data.covariates);
    assert_eq!(model.architecture(), outcome.model.architecture());
    let rows = model.summary().unwrap().rows;
    assert!(rows.iter().any(|row| row.layer == "side-inputs 2"), "{rows:?}");
    let batch = batch_of(&data, model.covariates());
    let scores = model.predict(&batch).unwrap();
    assert_eq!(scores, outcome.model.predict(&batch).unwrap());
    // A substitution leaves the numbers beside the sequence where they are. Here C comes first in the third row.
    let effects = basewise_core::perturb::saturate(
        &model,
        &batch_of(&head(&data, 3), model.covariates()),
        0.into(),
        0..model.length(),
        &mut |_| {},
    )
    .unwrap();
    let mut mutant = head(&data, 3);
    mutant.examples[2].sequence[0] = b'C';
    let mutated = model.predict(&batch_of(&mutant, model.covariates())).unwrap().row(2)[0];
    assert!((effects[(2 * 4 + 1) * 24] - (mutated - scores.row(2)[0])).abs() < 1e-5);
    // Without its numbers a sequence is refused, not scored at the mean.
    let error = model.predict(&random_batch(3, 24, 1)).unwrap_err();
    assert_eq!(error, PredictError::Covariates { expected: 2, rows: 3, found: 0 });
}

fn head(data: &Dataset, rows: usize) -> Dataset {
    Dataset { examples: data.examples[..rows].to_vec(), ..data.clone() }
}

#[test]
fn covariates_are_part_of_a_run_and_of_its_promises() {
    let data = decided_beside(100);
    let digest = |threads: usize| {
        let directory = tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&data, &config(2), directory.path())).weights_digest
    };
    assert_eq!(digest(1), digest(3));
    let resumed = interrupted(&data, &config(2), 3);
    assert_eq!(resumed.weights_digest, digest(1));
    // A checkpoint of other values, or of another standardization, is of another run.
    let changes: [fn(&mut Dataset); 2] =
        [|data| data.examples[0].covariates[0] += 1.0, |data| data.covariates[0].mean += 1.0];
    for change in changes {
        let directory = tempdir().unwrap();
        run(&data, &config(2), directory.path());
        let mut other = data.clone();
        change(&mut other);
        let again = train(&other, &net(SMALL), &config(2), &cpu(), directory.path(), &RESUME, &mut quiet);
        assert!(again.unwrap_err().to_string().contains("another data set"));
    }
}

#[test]
fn a_description_that_asks_for_covariates_needs_some() {
    let text = format!("{SMALL}\n[[layer]]\ntype = 'side-inputs'\n[[layer]]\ntype = 'dense'\nunits = 4");
    let error = check(&planted(50, 24), &net(&text), &config(1)).unwrap_err().to_string();
    assert!(error.contains("layer 6 (side-inputs): expected examples with covariates, found none"), "{error}");
    check(&decided_beside(50), &net(&text), &config(1)).unwrap();
    let mut broken = decided_beside(50);
    broken.examples[4].covariates[1] = f64::INFINITY;
    let error = check(&broken, &net(&text), &config(1)).unwrap_err().to_string();
    assert!(error.contains("example \"s4\": covariate \"constant\": expected a finite value, found inf"), "{error}");
}
