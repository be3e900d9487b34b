//! SHAP values against the definition of Shapley values.

use super::*;
use proptest::prelude::*;

/// What a tree expects of a row of which only some features are known, weighing the others' ways as in training.
fn expectation(tree: &Tree, node: usize, row: &[f32], known: usize) -> Vec<f64> {
    let own = &tree.nodes()[node];
    let Some(children) = own.children() else { return tree.values(node).to_vec() };
    if known >> own.feature & 1 == 1 {
        return expectation(tree, own.child(row[own.feature as usize]), row, known);
    }
    let sides = children.map(|child| (tree.nodes()[child].weight, expectation(tree, child, row, known)));
    let mean = |(a, b): (&f64, &f64)| (sides[0].0 * a + sides[1].0 * b) / (sides[0].0 + sides[1].0);
    sides[0].1.iter().zip(&sides[1].1).map(mean).collect()
}

fn factorial(n: usize) -> f64 {
    (1..=n).map(|i| i as f64).product()
}

/// `[outputs, features]` from all subsets (Shapley 1953).
fn by_definition(model: &TreeEnsemble, row: &[f32]) -> Vec<f64> {
    let (columns, outputs) = (row.len(), model.outputs());
    let mut values = vec![0.0; outputs * columns];
    for (place, tree) in model.trees().iter().enumerate() {
        let first = model.first_output(place);
        for feature in 0..columns {
            for known in (0..1usize << columns).filter(|known| known >> feature & 1 == 0) {
                let size = known.count_ones() as usize;
                let share = factorial(size) * factorial(columns - size - 1) / factorial(columns);
                let with = expectation(tree, 0, row, known | 1 << feature);
                let without = expectation(tree, 0, row, known);
                for (output, (with, without)) in with.iter().zip(&without).enumerate() {
                    values[(first + output) * columns + feature] += model.scale() * share * (with - without);
                }
            }
        }
    }
    values
}

fn check(model: &TreeEnsemble, features: &Features) {
    let (columns, outputs) = (features.columns(), model.outputs());
    let shap = model.shap(features).unwrap();
    let raw = model.raw(features).unwrap();
    for row in 0..features.rows() {
        let own: Vec<f32> = (0..columns).map(|column| features.get(row, column)).collect();
        let found = &shap.values[row * outputs * columns..(row + 1) * outputs * columns];
        for (a, b) in found.iter().zip(by_definition(model, &own)) {
            assert!((a - b).abs() < 1e-10, "{a} {b}");
        }
        for output in 0..outputs {
            let sum = shap.base[output] + found[output * columns..(output + 1) * columns].iter().sum::<f64>();
            assert!((sum - raw[row * outputs + output]).abs() < 1e-10);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn values_are_those_of_the_definition(seed in 0u64..1000) {
        let (features, signal) = counts(80, 6, seed);
        let rows: Vec<usize> = (0..6).collect();
        let few = features.select(&rows);
        let classes = thirds(&signal);
        let boosting = BoostingOptions { rounds: 3, min_leaf: 2, ..small_boosting(Loss::Squared) };
        check(&boosting.fit(&examples(&features, &signal), None).unwrap().model, &few);
        if (0..3).all(|class| classes.contains(&f64::from(class))) {
            let softmax = BoostingOptions { loss: Loss::Softmax { classes: 3 }, ..boosting };
            check(&softmax.fit(&examples(&features, &classes), None).unwrap().model, &few);
            let forest = ForestOptions { trees: 3, ..small_forest(Criterion::Gini { classes: 3 }) };
            check(&forest.fit(&examples(&features, &classes)).unwrap(), &few);
        }
    }
}

#[test]
fn deep_trees_sum_to_the_prediction() {
    let (features, signal) = counts(1500, 60, 13);
    let noise: Vec<f64> = (0..1500).map(|row| f64::from(u8::from((signal[row] * 1e3).sin() > 0.0))).collect();
    let forest = ForestOptions { trees: 5, ..small_forest(Criterion::Gini { classes: 2 }) };
    let model = forest.fit(&examples(&features, &noise)).unwrap();
    assert!(model.trees()[0].depth() > 12);
    let few = features.select(&(0..20).collect::<Vec<_>>());
    let (shap, raw) = (model.shap(&few).unwrap(), model.raw(&few).unwrap());
    for (own, raw) in shap.values.chunks_exact(60).zip(raw) {
        assert!((shap.base[0] + own.iter().sum::<f64>() - raw).abs() < 1e-9);
    }
}
