use super::*;
use basewise_core::{Alphabet, CasePolicy, Dataset, Example};
use std::collections::BTreeMap;

const ENCODING: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };

/// Random sequences of which every second one has `TATAA` somewhere, with labels for four kinds of tasks.
fn dataset(n: usize) -> Dataset {
    let mut random = basewise_core::random::stream(5, "classical", &[]);
    let mut draw = |below: usize| basewise_core::random::below(&mut random, below);
    let example = |i: usize| {
        let mut sequence: Vec<u8> = (0..40).map(|_| b"ACGT"[draw(4)]).collect();
        let at = draw(35);
        let planted = i % 2 == 1;
        if planted {
            sequence[at..at + 5].copy_from_slice(b"TATAA");
        }
        let gc = sequence.iter().filter(|letter| b"GC".contains(letter)).count() as f64;
        let class = f64::from(u8::from(planted)) * if draw(2) == 0 { 1.0 } else { 2.0 };
        let split = [Split::Train, Split::Train, Split::Train, Split::Valid, Split::Test][i / 2 % 5];
        Example {
            id: format!("s{i}"),
            sequence,
            labels: vec![f64::from(u8::from(planted)), class, gc / 40.0, gc],
            covariates: vec![if i.is_multiple_of(7) { f64::NAN } else { gc }],
            control: vec![],
            split,
            place: None,
            weight: 1.0,
        }
    };
    let task = |name: &str, kind| Task { name: name.into(), kind };
    let classes = TaskKind::Classes { classes: vec!["none".into(), "a".into(), "b".into()] };
    let mut dataset = Dataset {
        encoding: ENCODING,
        length: 40,
        jitter: 0,
        tasks: vec![
            task("planted", TaskKind::Binary),
            task("class", classes),
            task("share", TaskKind::Regression),
            task("count", TaskKind::Counts),
        ],
        covariates: vec![Covariate::fit("gc", Default::default(), std::iter::empty())],
        control: None,
        examples: (0..n).map(example).collect(),
    };
    dataset.fit_covariates();
    dataset
}

/// The same with these tasks only.
fn with(dataset: &Dataset, tasks: &[usize]) -> Dataset {
    let mut other = dataset.clone();
    other.tasks = tasks.iter().map(|&task| dataset.tasks[task].clone()).collect();
    for (own, example) in other.examples.iter_mut().zip(&dataset.examples) {
        own.labels = tasks.iter().map(|&task| example.labels[task]).collect();
    }
    other
}

fn trained(dataset: &Dataset, config: &ClassicalConfig) -> Result<Trained, ClassicalError> {
    let rows = |split| dataset.rows_of(split);
    fit(dataset, &rows(Split::Train), &rows(Split::Valid), config, BTreeMap::new())
}

fn batch(model: &ClassicalModel, dataset: &Dataset, split: Split) -> SequenceBatch {
    let mut batch = SequenceBatch::new(ENCODING, 40);
    for row in dataset.rows_of(split) {
        batch.push(&dataset.examples[row].sequence).unwrap();
        batch.push_covariates(model.covariates(), dataset.examples[row].covariates.iter().copied());
    }
    batch
}

#[test]
fn every_kind_learns_what_is_planted_and_reads_back_the_same() {
    let all = dataset(600);
    for (kind, tasks) in [
        (Kind::Logistic, vec![0, 1]),
        (Kind::Linear, vec![2, 3]),
        (Kind::Tree, vec![0, 1, 2, 3]),
        (Kind::Forest, vec![0, 1, 2, 3]),
        (Kind::Gbdt, vec![0, 1, 2, 3]),
    ] {
        let data = with(&all, &tasks);
        let mut config = ClassicalConfig::new(kind);
        if kind == Kind::Forest {
            config.trees = Some(50);
        }
        let Trained { model, fits, features } = trained(&data, &config).unwrap();
        assert_eq!((fits.len(), features), (tasks.len(), model.extractor().names().len()));
        assert!(model.parameters() > 0 && fits.iter().all(|fit| fit.converged), "{fits:?}");
        let batch = batch(&model, &data, Split::Test);
        let scores = model.predict(&batch).unwrap();
        let again = ClassicalModel::from_json(&model.to_json().unwrap()).unwrap();
        assert_eq!(again, model);
        assert_eq!(again.predict(&batch).unwrap(), scores);
        let rows = data.rows_of(Split::Test);
        let labels = |task: usize| -> Vec<f64> { rows.iter().map(|&row| data.label(row, task)).collect() };
        let column = |output: usize| -> Vec<f64> { scores.column(output).map(f64::from).collect() };
        if tasks.contains(&0) {
            let auroc = basewise_core::metrics::auroc(&labels(0), &column(0)).unwrap();
            assert!(auroc > if kind == Kind::Tree { 0.7 } else { 0.8 }, "{kind}: {auroc}");
        }
        if tasks.contains(&3) {
            // The share of G and C, and the logarithm of their number.
            let outputs = scores.columns();
            let (share, count) = (tasks.len() - 2, tasks.len() - 1);
            let close = |output: usize, label: &dyn Fn(f64) -> f64, task: usize| {
                let pairs: Vec<(f64, f64)> =
                    column(output).into_iter().zip(labels(task).into_iter().map(label)).collect();
                let worst = pairs.iter().map(|(a, b)| (a - b).abs()).sum::<f64>() / pairs.len() as f64;
                assert!(worst < 0.1, "{kind}: {worst}");
            };
            close(outputs - 2, &|y| y, share);
            close(outputs - 1, &f64::ln, count);
        }
    }
}

#[test]
fn validation_chooses_the_penalty_and_the_rounds() {
    let data = with(&dataset(400), &[0]);
    let logistic = trained(&data, &ClassicalConfig::new(Kind::Logistic)).unwrap();
    let TaskFit { steps, best: Some(best), summary, .. } = &logistic.fits[0] else { panic!("no path") };
    let least = steps.iter().map(|step| step.valid_loss.unwrap()).fold(f64::INFINITY, f64::min);
    assert_eq!(steps[*best].valid_loss, Some(least));
    assert!(summary.contains("chosen on the validation split"), "{summary}");
    let given = ClassicalConfig { c: Some(2.0), ..ClassicalConfig::new(Kind::Logistic) };
    let given = trained(&data, &given).unwrap();
    assert!(given.fits[0].steps.is_empty() && given.fits[0].summary.contains("(C 2.000)"), "{:?}", given.fits[0]);
    let gbdt = trained(&data, &ClassicalConfig { patience: Some(5), ..ClassicalConfig::new(Kind::Gbdt) }).unwrap();
    let rounds = &gbdt.fits[0];
    assert!(rounds.steps.len() < 1000 && rounds.steps.len() == rounds.best.unwrap() + 6, "{:?}", rounds.best);
    // An L1 part leaves coefficients out.
    let lasso = ClassicalConfig { l1_ratio: Some(1.0), ..ClassicalConfig::new(Kind::Logistic) };
    let lasso = trained(&data, &lasso).unwrap();
    assert!(lasso.model.parameters() < logistic.model.parameters() / 4);
    // Without validation rows there is nothing to choose by.
    let rows = data.rows_of(Split::Train);
    let blind = super::fit(&data, &rows, &[], &ClassicalConfig::new(Kind::Logistic), BTreeMap::new()).unwrap();
    assert!(blind.fits[0].summary.contains("(C 1.000)"));
}

#[test]
fn covariates_come_with_the_batch_if_features_use_them() {
    let data = with(&dataset(300), &[2]);
    let config = ClassicalConfig { features: "covariates".parse().unwrap(), ..ClassicalConfig::new(Kind::Linear) };
    let model = trained(&data, &config).unwrap().model;
    assert_eq!(model.covariates(), data.covariates);
    let full = batch(&model, &data, Split::Test);
    assert_eq!(model.predict(&full).unwrap().rows(), full.len());
    let mut bare = SequenceBatch::new(ENCODING, 40);
    bare.push(b"ACGT").unwrap();
    assert!(matches!(model.predict(&bare), Err(PredictError::Covariates { expected: 1, rows: 1, found: 0 })));
    let without = trained(&data, &ClassicalConfig::new(Kind::Linear)).unwrap().model;
    assert!(without.covariates().is_empty());
    assert!(without.predict(&bare).is_ok());
}

#[test]
fn weights_and_balanced_classes_change_the_fit() {
    let mut data = with(&dataset(300), &[0]);
    let config = ClassicalConfig { c: Some(1.0), ..ClassicalConfig::new(Kind::Logistic) };
    let mean = |data: &Dataset, config: &ClassicalConfig| {
        let model = trained(data, config).unwrap().model;
        let scores = model.predict(&batch(&model, data, Split::Test)).unwrap();
        scores.column(0).map(f64::from).sum::<f64>() / scores.rows() as f64
    };
    let plain = mean(&data, &config);
    data.examples.iter_mut().filter(|e| e.labels[0] == 1.0).for_each(|e| e.weight = 9.0);
    let weighted = mean(&data, &config);
    assert!(weighted > plain + 1.0, "{plain} {weighted}");
    let balanced = ClassicalConfig { class_weights: ClassWeighting::Balanced, ..config };
    // Balanced by number, and then weighted: as without balance, where classes are of one size.
    assert!((mean(&data, &balanced) - weighted).abs() < 0.2);
}

#[test]
fn the_scale_of_weights_changes_nothing() {
    let all = dataset(300);
    for (kind, task) in [(Kind::Logistic, 0), (Kind::Linear, 2), (Kind::Gbdt, 0), (Kind::Forest, 1), (Kind::Tree, 3)] {
        let mut config = ClassicalConfig { features: "gc,kmers=2".parse().unwrap(), ..ClassicalConfig::new(kind) };
        if kind == Kind::Gbdt {
            config.rounds = Some(30);
        }
        if kind == Kind::Forest {
            config.trees = Some(5);
        }
        let scores = |weight: &dyn Fn(usize) -> f64, config: &ClassicalConfig| {
            let mut data = with(&all, &[task]);
            data.examples.iter_mut().enumerate().for_each(|(row, example)| example.weight = weight(row));
            let model = trained(&data, config).unwrap().model;
            model.predict(&batch(&model, &data, Split::Test)).unwrap().data().to_vec()
        };
        let plain = scores(&|_| 1.0, &config);
        let uneven = |row: usize| 1.0 + (row % 3) as f64;
        let far = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        for scale in [1e-6, 1e6, 1e300] {
            assert_eq!(scores(&|_| scale, &config), plain, "{kind} {scale}");
            let both = far(&scores(&|row| uneven(row) * scale, &config), &scores(&uneven, &config));
            assert!(both < 1e-4, "{kind} {scale} {both}");
        }
        let given = ClassicalConfig { c: Some(1.0), ..config };
        if kind.is_linear() {
            assert_eq!(scores(&|_| 1e6, &given), scores(&|_| 1.0, &given));
        }
    }
}

#[test]
fn a_class_that_training_never_shows_gets_next_to_no_probability() {
    let mut data = with(&dataset(400), &[1]);
    // Class 1 of three is only in the test and in the validation split.
    data.examples.iter_mut().filter(|e| e.split == Split::Train && e.labels[0] == 1.0).for_each(|e| e.labels[0] = 2.0);
    for kind in [Kind::Logistic, Kind::Tree, Kind::Forest, Kind::Gbdt] {
        let mut config = ClassicalConfig { features: "kmers=3".parse().unwrap(), ..ClassicalConfig::new(kind) };
        if kind == Kind::Gbdt {
            config.rounds = Some(30);
        }
        let Trained { model, fits, .. } = trained(&data, &config).unwrap();
        assert_eq!(fits[0].unseen, ["a"]);
        assert_eq!(model.fitted_classes(0), ["none", "b"]);
        assert!(fits[0].train_loss.is_finite() && fits[0].valid_loss.unwrap().is_finite());
        let again = ClassicalModel::from_json(&model.to_json().unwrap()).unwrap();
        let mut scores = again.predict(&batch(&again, &data, Split::Test)).unwrap();
        basewise_core::probabilities(&data.tasks, &mut scores);
        assert_eq!(scores.columns(), 3);
        assert!(scores.column(1).all(|p| p > 0.0 && p < 1.1e-9), "{kind}");
        let rows = data.rows_of(Split::Test);
        let labels: Vec<f64> = rows.iter().map(|&row| f64::from(u8::from(data.label(row, 0) > 0.0))).collect();
        let found: Vec<f64> = scores.column(2).map(f64::from).collect();
        assert!(basewise_core::metrics::auroc(&labels, &found).unwrap() > 0.65, "{kind}");
    }
}

#[test]
fn what_cannot_be_fitted_is_said() {
    let all = dataset(100);
    let fails = |data: &Dataset, config: &ClassicalConfig, part: &str| {
        let error = trained(data, config).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    fails(&with(&all, &[2]), &ClassicalConfig::new(Kind::Logistic), "use --model linear");
    fails(&with(&all, &[0]), &ClassicalConfig::new(Kind::Linear), "use --model logistic");
    let trees = ClassicalConfig { trees: Some(3), ..ClassicalConfig::new(Kind::Linear) };
    fails(&with(&all, &[2]), &trees, "trees is no setting of linear");
    let motifs = ClassicalConfig { features: "motifs=x.meme".parse().unwrap(), ..ClassicalConfig::new(Kind::Tree) };
    fails(&with(&all, &[0]), &motifs, "expected motifs of \"x.meme\"");
    let mut one_class = with(&all, &[1]);
    one_class.examples.iter_mut().filter(|e| e.labels[0] > 0.0).for_each(|e| e.labels[0] = f64::NAN);
    fails(&one_class, &ClassicalConfig::new(Kind::Forest), "found none of \"a\"");
    let mut negative = with(&all, &[0]);
    negative.examples.iter_mut().for_each(|e| e.labels[0] = 0.0);
    fails(&negative, &ClassicalConfig::new(Kind::Logistic), "found none of \"1\"");
    let mut empty = with(&all, &[0]);
    empty.examples.iter_mut().for_each(|e| e.split = Split::Test);
    fails(&empty, &ClassicalConfig::new(Kind::Tree), "the train split is empty");
    let mut unknown = with(&all, &[0]);
    unknown.examples.iter_mut().for_each(|e| e.sequence = b"NNNN".to_vec());
    fails(&unknown, &ClassicalConfig::new(Kind::Logistic), "expected at least one feature, found none");
    let model = trained(&with(&all, &[0]), &ClassicalConfig::new(Kind::Tree)).unwrap().model;
    let text = String::from_utf8(model.to_json().unwrap()).unwrap();
    for broken in ["{}", &text[..text.len() / 2], &text.replace("\"format_version\":1", "\"format_version\":9")] {
        assert!(ClassicalModel::from_json(broken.as_bytes()).is_err());
    }
    let swapped = text.replace(
        "\"name\":\"planted\",\"kind\":\"binary\"",
        "\"name\":\"p\",\"kind\":\"classes\",\"classes\":[\"a\",\"b\",\"c\"]",
    );
    assert_ne!(swapped, text);
    assert!(ClassicalModel::from_json(swapped.as_bytes()).unwrap_err().to_string().contains("other outputs"));
}

#[test]
fn one_sequence_and_none_are_predicted() {
    let data = with(&dataset(200), &[0, 1]);
    let model =
        trained(&data, &ClassicalConfig { trees: Some(5), ..ClassicalConfig::new(Kind::Forest) }).unwrap().model;
    let empty = SequenceBatch::new(ENCODING, 40);
    assert_eq!((model.predict(&empty).unwrap().rows(), model.predict(&empty).unwrap().columns()), (0, 4));
    let mut unknown = SequenceBatch::new(ENCODING, 40);
    unknown.push(b"").unwrap();
    assert!(model.predict(&unknown).unwrap().row(0).iter().all(|score| score.is_finite()));
    let other = SequenceBatch::new(ENCODING, 41);
    assert!(matches!(model.predict(&other), Err(PredictError::Shape { expected_length: 40, length: 41, .. })));
}
