//! Where there is little, nothing or nonsense to learn from.

use super::*;

const GINI: Criterion = Criterion::Gini { classes: 2 };

/// Each kind of model for two classes.
fn all(examples: &Examples<'_>) -> [Result<TreeEnsemble, TreeError>; 3] {
    let boosting = BoostingOptions { min_leaf: 1, min_child_weight: 0.0, ..small_boosting(Loss::Logistic) };
    [
        TreeOptions::new(GINI).fit(examples),
        small_forest(GINI).fit(examples),
        boosting.fit(examples, None).map(|boosted| boosted.model),
    ]
}

fn refused(examples: &Examples<'_>, words: &str) {
    for error in all(examples).map(|result| result.unwrap_err().to_string()) {
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn constant_features_give_the_mean() {
    let features = dense(2, vec![3.0; 8]);
    for model in all(&examples(&features, &[0.0, 1.0, 1.0, 1.0])).map(Result::unwrap) {
        assert!(model.trees().iter().all(|tree| tree.nodes().len() == 1));
        assert!(model.gain_importance().iter().all(|&gain| gain == 0.0) && model.used_features().is_empty());
        let own = model.predict(&features).unwrap().row(0)[0];
        assert!((own - 0.75).abs() < 0.2, "{own}");
        let shap = model.shap(&features).unwrap();
        assert!(shap.values.iter().all(|&value| value == 0.0));
        assert!((shap.base[0] - model.raw(&features).unwrap()[0]).abs() < 1e-12);
    }
}

#[test]
fn a_column_of_zeros_in_training_is_never_asked_for() {
    let features = dense(2, vec![0.0, 1.0, 0.0, 2.0, 0.0, 3.0, 0.0, 4.0]);
    let later = dense(2, vec![9.0, 1.0, f32::NAN, 4.0]);
    for model in all(&examples(&features, &[0.0, 0.0, 1.0, 1.0])).map(Result::unwrap) {
        assert_eq!(model.used_features(), [1]);
        let predictions = model.predict(&later).unwrap();
        assert!(predictions.row(0)[0] < 0.5 && predictions.row(1)[0] > 0.5);
    }
}

#[test]
fn other_features_than_those_of_training_are_refused_by_name() {
    let features = dense(2, vec![0.0, 1.0, 1.0, 0.0]);
    let model = TreeOptions::new(GINI).fit(&examples(&features, &[0.0, 1.0])).unwrap();
    let renamed = Features::dense(vec!["f0".into(), "gc".into()], 1, vec![0.0; 2]).unwrap();
    let error = model.predict(&renamed).unwrap_err().to_string();
    assert!(error.contains("\"f1\"") && error.contains("\"gc\"") && error.contains("hint: "), "{error}");
    let error = model.shap(&dense(3, vec![0.0; 3])).unwrap_err().to_string();
    assert!(error.contains("2 features") && error.contains("found 3"), "{error}");
    let (held, labels) = (dense(1, vec![0.0]), [1.0]);
    let boosting = small_boosting(Loss::Logistic);
    assert!(boosting.fit(&examples(&features, &[0.0, 1.0]), Some(&examples(&held, &labels))).is_err());
}

#[test]
fn an_empty_class_is_refused_and_one_example_is_enough() {
    let features = dense(1, vec![0.0, 1.0, 2.0, 3.0]);
    refused(&examples(&features, &[0.0; 4]), "class 1 of 2");
    let weights = [1.0, 1.0, 1.0, 0.0];
    let only = Examples { features: &features, labels: &[0.0, 0.0, 0.0, 1.0], weights: Some(&weights) };
    refused(&only, "class 1 of 2");
    for (place, model) in all(&examples(&features, &[0.0, 0.0, 0.0, 1.0])).into_iter().enumerate() {
        let predictions = model.unwrap().predict(&features).unwrap();
        assert!(predictions.row(3)[0] > predictions.row(0)[0], "model {place}");
    }
}

#[test]
fn one_row_is_its_own_mean() {
    let features = dense(2, vec![1.0, f32::NAN]);
    let labels = [4.0];
    for model in [
        TreeOptions::new(Criterion::Squared).fit(&examples(&features, &labels)).unwrap(),
        small_forest(Criterion::Poisson).fit(&examples(&features, &labels)).unwrap(),
        small_boosting(Loss::Squared).fit(&examples(&features, &labels), None).unwrap().model,
    ] {
        assert_eq!(model.predict(&features).unwrap().row(0), [4.0]);
    }
}

#[test]
fn nothing_to_learn_from_is_said() {
    refused(&examples(&dense(1, vec![]), &[]), "found none in 0 rows");
    let features = dense(1, vec![1.0, 2.0]);
    refused(&examples(&features, &[f64::NAN; 2]), "found none in 2 rows");
    refused(&Examples { features: &features, labels: &[0.0, 1.0], weights: Some(&[0.0; 2]) }, "found none in 2 rows");
    refused(&examples(&Features::dense(vec![], 2, vec![]).unwrap(), &[0.0, 1.0]), "at least one feature");
}

#[test]
fn nonsense_is_refused_by_row() {
    let features = dense(1, vec![1.0, 2.0]);
    refused(&examples(&features, &[0.0]), "expected 2 labels");
    refused(&examples(&features, &[0.0, 2.0]), "row 1");
    refused(&examples(&features, &[0.5, 1.0]), "row 0");
    for weight in [-1.0, f64::NAN, f64::INFINITY] {
        refused(
            &Examples { features: &features, labels: &[0.0, 1.0], weights: Some(&[1.0, weight]) },
            "weight of row 1",
        );
    }
    refused(&Examples { features: &features, labels: &[0.0, 1.0], weights: Some(&[1.0]) }, "expected 2 weights");
    refused(&examples(&dense(1, vec![1.0, f32::NEG_INFINITY]), &[0.0, 1.0]), "\"f0\", row 1");
    let error = TreeOptions::new(Criterion::Poisson).fit(&examples(&features, &[0.0, -1.0])).unwrap_err();
    assert!(error.to_string().contains("not negative"), "{error}");
    assert!(small_forest(Criterion::Poisson).fit(&examples(&features, &[0.0, 0.0])).is_err());
    assert!(TreeOptions::new(Criterion::Gini { classes: 1 }).fit(&examples(&features, &[0.0, 0.0])).is_err());
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let features = dense(1, vec![1.0, 2.0]);
    let some = examples(&features, &[0.0, 1.0]);
    let base = small_boosting(Loss::Logistic);
    for (options, name) in [
        (BoostingOptions { learning_rate: 0.0, ..base }, "learning_rate"),
        (BoostingOptions { leaves: 1, ..base }, "leaves"),
        (BoostingOptions { row_fraction: 1.5, ..base }, "row_fraction"),
        (BoostingOptions { column_fraction: 0.0, ..base }, "column_fraction"),
        (BoostingOptions { l2: f64::NAN, ..base }, "l2"),
        (BoostingOptions { bins: 256, ..base }, "bins"),
        (BoostingOptions { patience: Some(3), ..base }, "patience"),
    ] {
        let error = options.fit(&some, None).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    }
    assert!(ForestOptions { trees: 0, ..small_forest(GINI) }.fit(&some).is_err());
    assert!(ForestOptions { bootstrap: false, ..small_forest(GINI) }.fit_out_of_bag(&some).is_err());
    assert!(TreeOptions { min_leaf: 0, ..TreeOptions::new(GINI) }.fit(&some).is_err());
}

#[test]
fn a_feature_that_is_always_missing_says_nothing() {
    let nan = f32::NAN;
    let features = dense(2, vec![nan, 1.0, nan, 2.0, nan, 3.0, nan, 4.0]);
    for model in all(&examples(&features, &[0.0, 0.0, 1.0, 1.0])).map(Result::unwrap) {
        assert_eq!(model.used_features(), [1]);
    }
    let features = dense(1, vec![nan; 4]);
    for model in all(&examples(&features, &[0.0, 0.0, 1.0, 1.0])).map(Result::unwrap) {
        assert!(model.used_features().is_empty());
    }
}

#[test]
fn missing_values_have_a_side_of_their_own() {
    let nan = f32::NAN;
    let features = dense(1, vec![1.0, 2.0, 3.0, nan, nan, nan]);
    for (labels, with_large) in [([0.0, 0.0, 1.0, 1.0, 1.0, 1.0], true), ([0.0, 0.0, 0.0, 1.0, 1.0, 1.0], false)] {
        let [tree, _, boosted] = all(&examples(&features, &labels)).map(Result::unwrap);
        for model in [tree, boosted] {
            let predictions = model.predict(&features).unwrap();
            assert!(predictions.row(3)[0] > 0.6 && predictions.row(0)[0] < 0.4);
            assert_eq!(predictions.row(2)[0] > 0.6, with_large);
        }
    }
}

#[test]
fn what_was_never_missing_in_training_goes_where_most_went() {
    let features = dense(1, vec![1.0, 2.0, 3.0, 4.0, 5.0]);
    let model = TreeOptions::new(GINI).fit(&examples(&features, &[0.0, 1.0, 1.0, 1.0, 1.0])).unwrap();
    assert_eq!(model.predict(&dense(1, vec![f32::NAN])).unwrap().row(0), [1.0]);
    let model = TreeOptions::new(GINI).fit(&examples(&features, &[0.0, 0.0, 0.0, 1.0, 1.0])).unwrap();
    assert_eq!(model.predict(&dense(1, vec![f32::NAN])).unwrap().row(0), [0.0]);
}

#[test]
fn rows_without_weight_or_label_are_as_if_they_were_not_there() {
    let (features, signal) = counts(200, 4, 12);
    let mut labels = signs(&signal);
    let kept: Vec<usize> = (0..200).filter(|row| row % 4 > 1).collect();
    let few = features.select(&kept);
    let few_labels: Vec<f64> = kept.iter().map(|&row| labels[row]).collect();
    let weights: Vec<f64> = (0..200).map(|row| if row % 4 == 0 { 0.0 } else { 1.0 }).collect();
    (0..200).filter(|row| row % 4 == 1).for_each(|row| labels[row] = f64::NAN);
    let with = Examples { features: &features, labels: &labels, weights: Some(&weights) };
    let tree = TreeOptions::new(GINI);
    assert_eq!(tree.fit(&with), tree.fit(&examples(&few, &few_labels)));
    let boosting = small_boosting(Loss::Logistic);
    let [one, other] = [boosting.fit(&with, None).unwrap(), boosting.fit(&examples(&few, &few_labels), None).unwrap()];
    let (one, other) = (one.model.raw(&features).unwrap(), other.model.raw(&features).unwrap());
    assert!(one.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-9));
}

#[test]
fn exclusive_or_is_learned_though_its_first_split_gains_nothing() {
    let features = dense(2, vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
    let labels = [0.0, 1.0, 1.0, 0.0];
    let model = TreeOptions::new(GINI).fit(&examples(&features, &labels)).unwrap();
    let predictions: Vec<f64> = model.predict(&features).unwrap().column(0).map(f64::from).collect();
    assert_eq!(predictions, labels);
}

#[test]
fn wide_sparse_features_are_learned_from() {
    let (rows, width) = (4000, 4096);
    let mut rng = stream(5, "test-wide", &[]);
    let (mut starts, mut columns, mut labels) = (vec![0], Vec::new(), Vec::new());
    for _ in 0..rows {
        let mut own: Vec<u32> = (0..20).map(|_| below(&mut rng, width) as u32).collect();
        let label = uniform(&mut rng) < 0.5;
        if label {
            own.push(7);
        }
        own.sort_unstable();
        own.dedup();
        labels.push(f64::from(u8::from(label)));
        columns.extend(own);
        starts.push(columns.len());
    }
    let values = vec![1.0; columns.len()];
    let features = Features::sparse(names(width), starts, columns, values).unwrap();
    let model = small_boosting(Loss::Logistic).fit(&examples(&features, &labels), None).unwrap().model;
    assert!(model.gain_importance()[7] > 0.9);
    let predictions = model.predict(&features).unwrap();
    let right = (0..rows).filter(|&row| (predictions.row(row)[0] > 0.5) == (labels[row] > 0.5)).count();
    assert!(right > rows * 98 / 100, "{right}");
}
