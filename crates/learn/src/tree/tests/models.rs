//! What models learn, and that nothing but data and seed decides it.

use super::*;
use basewise_core::metrics::auroc;

fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let (features, signal) = counts(3000, 30, 1);
    let (binary, classes) = (signs(&signal), thirds(&signal));
    let all = |threads| {
        with_threads(threads, || {
            let tree = TreeOptions { max_depth: Some(6), ..TreeOptions::new(Criterion::Gini { classes: 2 }) };
            let boosting = BoostingOptions {
                row_fraction: 0.7,
                column_fraction: 0.5,
                ..small_boosting(Loss::Softmax { classes: 3 })
            };
            (
                tree.fit(&examples(&features, &binary)).unwrap(),
                small_forest(Criterion::Gini { classes: 3 }).fit_out_of_bag(&examples(&features, &classes)).unwrap(),
                boosting.fit(&examples(&features, &classes), None).unwrap(),
                small_boosting(Loss::Logistic).fit(&examples(&sparse(&features), &binary), None).unwrap(),
            )
        })
    };
    let mut one = all(1);
    let mut others = [all(2), all(5)];
    for all in others.iter_mut().chain([&mut one]) {
        // Of an example that all trees saw; not a number is not equal to itself.
        all.1.1.predictions.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = -1.0);
    }
    assert!(others.iter().all(|other| *other == one));
    let other = ForestOptions { seed: 4, ..small_forest(Criterion::Gini { classes: 3 }) };
    assert!(other.fit(&examples(&features, &classes)).unwrap() != one.1.0);
}

#[test]
fn dense_and_sparse_features_give_the_same_models() {
    let (features, signal) = counts(600, 40, 2);
    let (labels, same) = (signs(&signal), sparse(&features));
    let gini = Criterion::Gini { classes: 2 };
    let tree = TreeOptions { max_depth: Some(5), ..TreeOptions::new(gini) };
    assert_eq!(tree.fit(&examples(&features, &labels)), tree.fit(&examples(&same, &labels)));
    let forest = small_forest(gini);
    assert_eq!(forest.fit(&examples(&features, &labels)), forest.fit(&examples(&same, &labels)));
    let boosting = small_boosting(Loss::Logistic);
    let boosted = boosting.fit(&examples(&features, &labels), None).unwrap();
    assert_eq!(boosted, boosting.fit(&examples(&same, &labels), None).unwrap());
    assert_eq!(boosted.model.predict(&features), boosted.model.predict(&same));
    assert_eq!(boosted.model.shap(&features), boosted.model.shap(&same));
}

#[test]
fn every_model_finds_the_planted_signal() {
    let (features, signal) = counts(2000, 12, 3);
    let (held, held_signal) = counts(1000, 12, 4);
    let (labels, held_labels) = (signs(&signal), signs(&held_signal));
    let gini = Criterion::Gini { classes: 2 };
    let tree = TreeOptions { max_depth: Some(6), ..TreeOptions::new(gini) };
    let models = [
        tree.fit(&examples(&features, &labels)).unwrap(),
        small_forest(gini).fit(&examples(&features, &labels)).unwrap(),
        small_boosting(Loss::Logistic).fit(&examples(&features, &labels), None).unwrap().model,
    ];
    for model in models {
        let area = |features: &Features| {
            let predictions = model.predict(features)?;
            let scores: Vec<f64> = predictions.column(0).map(f64::from).collect();
            Ok::<_, Box<dyn std::error::Error>>(auroc(&held_labels, &scores).unwrap_or(0.5))
        };
        assert!(area(&held).unwrap() > 0.9, "{}", area(&held).unwrap());
        let gain = model.gain_importance();
        assert!((gain.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(gain[2..].iter().all(|&other| other < gain[0].min(gain[1])), "{gain:?}");
        let columns: Vec<usize> = (0..12).collect();
        let falls = permutation_importance(&held, &columns, 2, 1, area).unwrap();
        assert!(falls[2..].iter().all(|other| other.mean.abs() < 0.03), "{falls:?}");
        assert!(falls[..2].iter().all(|planted| planted.mean > 0.1), "{falls:?}");
        assert!(model.used_features().starts_with(&[0, 1]));
    }
}

#[test]
fn numbers_counts_and_classes_are_learned() {
    let (features, signal) = counts(1500, 6, 5);
    let counts: Vec<f64> = signal.iter().map(|value| (0.6 * value + 1.0).exp().round()).collect();
    let classes = thirds(&signal);
    for (loss, criterion, labels) in [
        (Loss::Squared, Criterion::Squared, &signal),
        (Loss::Poisson, Criterion::Poisson, &counts),
        (Loss::Softmax { classes: 3 }, Criterion::Entropy { classes: 3 }, &classes),
    ] {
        let boosted = small_boosting(loss).fit(&examples(&features, labels), None).unwrap();
        assert!(boosted.training.windows(2).all(|pair| pair[1] < pair[0]), "{loss:?}: {:?}", boosted.training);
        let (forest, bag) = small_forest(criterion).fit_out_of_bag(&examples(&features, labels)).unwrap();
        assert!(bag.score.unwrap() > 0.6, "{criterion:?}: {:?}", bag.score);
        for model in [boosted.model, forest] {
            let predictions = model.predict(&features).unwrap();
            assert_eq!(predictions.columns(), if labels == &classes { 3 } else { 1 });
            if predictions.columns() == 3 {
                let sums = (0..predictions.rows()).map(|row| predictions.row(row).iter().sum::<f32>());
                assert!(sums.into_iter().all(|sum| (sum - 1.0).abs() < 1e-5));
            }
        }
    }
}

#[test]
fn training_ends_where_validation_is_best() {
    let (features, signal) = counts(300, 8, 6);
    let (held, held_signal) = counts(300, 8, 7);
    let noisy = |signal: &[f64], seed| {
        let mut rng = stream(seed, "test-noise", &[]);
        signs(&signal.iter().map(|value| value + 2.0 * normal(&mut rng)).collect::<Vec<_>>())
    };
    let (labels, held_labels) = (noisy(&signal, 1), noisy(&held_signal, 2));
    let options =
        BoostingOptions { rounds: 400, learning_rate: 0.3, patience: Some(5), ..small_boosting(Loss::Logistic) };
    let held = examples(&held, &held_labels);
    let boosted = options.fit(&examples(&features, &labels), Some(&held)).unwrap();
    assert_eq!(boosted.validation.len(), boosted.rounds + 5);
    assert_eq!(boosted.model.trees().len(), boosted.rounds);
    let best = boosted.validation[boosted.rounds - 1];
    assert!(boosted.validation.iter().all(|&loss| loss >= best));
    let loss: f64 = boosted
        .model
        .predict(held.features)
        .unwrap()
        .column(0)
        .zip(&held_labels)
        .map(|(p, &label)| -f64::from(if label > 0.5 { p } else { 1.0 - p }).ln())
        .sum();
    assert!((loss / 300.0 - best).abs() < 1e-6);
}

#[test]
fn a_weight_is_as_many_examples() {
    let (features, signal) = counts(400, 5, 8);
    let labels = signs(&signal);
    let times: Vec<usize> = (0..400).map(|row| row % 3).collect();
    let rows: Vec<usize> = (0..400).flat_map(|row| std::iter::repeat_n(row, times[row])).collect();
    let weights: Vec<f64> = times.iter().map(|&count| count as f64).collect();
    let (many, many_labels) = (features.select(&rows), rows.iter().map(|&row| labels[row]).collect::<Vec<_>>());
    let weighted = Examples { features: &features, labels: &labels, weights: Some(&weights) };
    let options = BoostingOptions { min_leaf: 1, min_child_weight: 3.0, ..small_boosting(Loss::Logistic) };
    let one = options.fit(&weighted, None).unwrap().model.raw(&features).unwrap();
    let other = options.fit(&examples(&many, &many_labels), None).unwrap().model.raw(&features).unwrap();
    assert!(one.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-6));
    let tree = TreeOptions { max_depth: Some(4), ..TreeOptions::new(Criterion::Entropy { classes: 2 }) };
    let one = tree.fit(&weighted).unwrap().raw(&features).unwrap();
    assert_eq!(one, tree.fit(&examples(&many, &many_labels)).unwrap().raw(&features).unwrap());
}

#[test]
fn growth_by_level_keeps_a_tree_even() {
    let (features, signal) = counts(500, 6, 9);
    let grown = |growth| {
        let options = TreeOptions { growth, max_leaves: Some(8), ..TreeOptions::new(Criterion::Squared) };
        options.fit(&examples(&features, &signal)).unwrap().trees()[0].clone()
    };
    let (level, leaf) = (grown(Growth::DepthWise), grown(Growth::LeafWise));
    assert_eq!((level.leaves(), level.depth(), leaf.leaves()), (8, 3, 8));
    assert!(leaf.depth() >= 3);
}

#[test]
fn the_first_split_is_that_of_a_search_through_all() {
    let (features, signal) = counts(60, 5, 10);
    let labels: Vec<f64> = signal.iter().map(|value| value + 1e6).collect();
    let options = TreeOptions { max_depth: Some(1), ..TreeOptions::new(Criterion::Squared) };
    let tree = options.fit(&examples(&features, &labels)).unwrap().trees()[0].clone();
    let spread = |rows: &[usize]| {
        let mean = rows.iter().map(|&row| signal[row]).sum::<f64>() / rows.len() as f64;
        rows.iter().map(|&row| (signal[row] - mean).powi(2)).sum::<f64>()
    };
    let all: Vec<usize> = (0..60).collect();
    let mut best = f64::NEG_INFINITY;
    for column in 0..5 {
        for at in all.iter().map(|&row| features.get(row, column)) {
            for missing_left in [false, true] {
                let is_left = |&row: &usize| {
                    let value = features.get(row, column);
                    if value.is_nan() { missing_left } else { value <= at }
                };
                let (left, right): (Vec<usize>, Vec<usize>) = all.iter().partition(|row| is_left(row));
                if !left.is_empty() && !right.is_empty() {
                    best = best.max(spread(&all) - spread(&left) - spread(&right));
                }
            }
        }
    }
    assert!((tree.nodes()[0].gain - best).abs() < 1e-6 * best, "{} {best}", tree.nodes()[0].gain);
}

#[test]
fn models_come_back_from_json_and_false_ones_do_not() {
    let (features, signal) = counts(300, 5, 11);
    let classes = thirds(&signal);
    let boosted = small_boosting(Loss::Softmax { classes: 3 }).fit(&examples(&features, &classes), None).unwrap();
    let json = serde_json::to_string(&boosted.model).unwrap();
    let back: TreeEnsemble = serde_json::from_str(&json).unwrap();
    let nodes = |model: &TreeEnsemble| {
        let nodes = model.trees().iter().flat_map(|tree| tree.nodes().to_vec());
        nodes.map(|node| (node.feature, node.threshold, node.missing_left, node.left, node.rows)).collect::<Vec<_>>()
    };
    assert!(nodes(&back) == nodes(&boosted.model));
    // Readers of JSON may be off by a last bit.
    let (before, after) = (boosted.model.raw(&features).unwrap(), back.raw(&features).unwrap());
    assert!(before.iter().zip(&after).all(|(a, b)| (a - b).abs() < 1e-12));
    let left = "\"left\":1,";
    assert!(json.contains(left));
    for other in ["\"left\":0,", "\"left\":4000000000,", "\"left\":2,"] {
        let error = serde_json::from_str::<TreeEnsemble>(&json.replacen(left, other, 1)).unwrap_err().to_string();
        assert!(error.contains("tree 0"), "{error}");
    }
    let options = BoostingOptions::new(Loss::Poisson);
    let text = serde_json::to_string(&options).unwrap();
    assert_eq!(serde_json::from_str::<BoostingOptions>(&text).unwrap(), options);
}
