//! Trees against scikit-learn 1.9.1, SHAP values against shap 0.51.0, boosting against LightGBM 4.7.0; see `tests/golden/trees/make.py`.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

use basewise_learn::Features;
use basewise_learn::tree::{BoostingOptions, Criterion, Examples, Growth, Loss, Tree, TreeEnsemble, TreeOptions};
use serde::Deserialize;
use std::collections::BTreeMap;

const CASES: &str = include_str!("../../../tests/golden/trees/cases.json");

#[derive(Deserialize)]
struct Cases {
    columns: usize,
    features: Vec<f32>,
    missing: Vec<usize>,
    labels: BTreeMap<String, Vec<f64>>,
    weights: Vec<f64>,
    trees: Vec<TreeCase>,
    boosting: Vec<BoostingCase>,
}

/// Feature or -1, threshold, rows, weight, values, missing left.
type GoldenNode = (i64, f64, u32, f64, Vec<f64>, bool);

#[derive(Deserialize)]
struct TreeCase {
    name: String,
    labels: String,
    criterion: String,
    options: BTreeMap<String, f64>,
    missing: bool,
    weighted: bool,
    nodes: Vec<GoldenNode>,
    importance: Vec<f64>,
    /// `[rows, outputs, features]` of the first rows.
    shap: Vec<Vec<Vec<f64>>>,
}

#[derive(Deserialize)]
struct BoostingCase {
    name: String,
    labels: String,
    l2: f64,
    depth: Option<usize>,
    weighted: bool,
    raw: Vec<f64>,
}

impl Cases {
    fn read() -> Self {
        serde_json::from_str(CASES).unwrap()
    }

    fn features(&self, missing: bool) -> Features {
        let mut values = self.features.clone();
        if missing {
            self.missing.iter().for_each(|&place| values[place] = f32::NAN);
        }
        let names = (0..self.columns).map(|column| format!("f{column}")).collect();
        Features::dense(names, values.len() / self.columns, values).unwrap()
    }

    fn examples<'a>(&'a self, features: &'a Features, labels: &str, weighted: bool) -> Examples<'a> {
        Examples { features, labels: &self.labels[labels], weights: weighted.then_some(self.weights.as_slice()) }
    }
}

fn options(case: &TreeCase) -> TreeOptions {
    let classes = if case.labels == "binary" { 2 } else { 3 };
    let criterion = match case.criterion.as_str() {
        "gini" => Criterion::Gini { classes },
        "entropy" => Criterion::Entropy { classes },
        "poisson" => Criterion::Poisson,
        _ => Criterion::Squared,
    };
    let number = |name: &str| case.options.get(name).map(|&value| value as usize);
    TreeOptions {
        max_depth: number("max_depth"),
        max_leaves: number("max_leaf_nodes"),
        min_leaf: number("min_samples_leaf").unwrap_or(1),
        min_gain: case.options.get("min_impurity_decrease").copied().unwrap_or(0.0),
        growth: Growth::LeafWise,
        ..TreeOptions::new(criterion)
    }
}

/// Places of the nodes in the order of the golden ones.
fn places(tree: &Tree) -> Vec<usize> {
    let (mut found, mut open) = (Vec::new(), vec![0]);
    while let Some(place) = open.pop() {
        found.push(place);
        open.extend(tree.nodes()[place].children().into_iter().flat_map(|[left, right]| [right, left]));
    }
    found
}

#[test]
fn splits_are_those_of_scikit_learn() {
    let cases = Cases::read();
    for case in &cases.trees {
        let name = &case.name;
        let features = cases.features(case.missing);
        let model = options(case).fit(&cases.examples(&features, &case.labels, case.weighted)).unwrap();
        let tree = &model.trees()[0];
        assert_eq!(tree.nodes().len(), case.nodes.len(), "{name}\n{}", model.draw_text(0, &Default::default()));
        for (place, (feature, threshold, rows, weight, values, missing_left)) in
            places(tree).into_iter().zip(&case.nodes)
        {
            let node = &tree.nodes()[place];
            assert_eq!(node.is_leaf(), *feature < 0, "{name}");
            assert!(node.rows == *rows && (node.weight - weight).abs() < 1e-9, "{name}");
            if !node.is_leaf() {
                assert_eq!(i64::from(node.feature), *feature, "{name}");
                assert!((f64::from(node.threshold) - threshold).abs() < 1e-6, "{name}: {} {threshold}", node.threshold);
                assert!(!case.missing || node.missing_left == *missing_left, "{name}");
            }
            let expected = if values.len() == 2 { &values[1..] } else { &values[..] };
            for (value, expected) in tree.values(place).iter().zip(expected) {
                assert!((value - expected).abs() < 1e-9, "{name}: {value} {expected}");
            }
        }
        for (own, expected) in model.gain_importance().iter().zip(&case.importance) {
            assert!((own - expected).abs() < 1e-9, "{name}: importance {own} {expected}");
        }
        check_shap(&model, &features, case);
    }
}

/// Of two classes, shap has values for both, basewise for the second.
fn check_shap(model: &TreeEnsemble, features: &Features, case: &TreeCase) {
    let shap = model.shap(features).unwrap();
    let expected = case.shap.iter().flat_map(|row| &row[row.len() - model.outputs()..]).flatten();
    for (place, (own, expected)) in shap.values.iter().zip(expected).enumerate() {
        assert!((own - expected).abs() < 1e-6, "{}: SHAP value {place}: {own} {expected}", case.name);
    }
}

#[test]
fn boosting_is_that_of_lightgbm() {
    let cases = Cases::read();
    let features = cases.features(false);
    for case in &cases.boosting {
        let loss = match case.labels.as_str() {
            "binary" => Loss::Logistic,
            "classes" => Loss::Softmax { classes: 3 },
            _ => Loss::Squared,
        };
        let options = BoostingOptions {
            rounds: 8,
            leaves: 6,
            learning_rate: 0.2,
            min_leaf: 1,
            min_child_weight: 1.5,
            l2: case.l2,
            max_depth: case.depth,
            ..BoostingOptions::new(loss)
        };
        let model = options.fit(&cases.examples(&features, &case.labels, case.weighted), None).unwrap().model;
        let raw = model.raw(&features).unwrap();
        for (row, (own, expected)) in raw.iter().zip(&case.raw).enumerate() {
            assert!((own - expected).abs() < 1e-5, "{}: row {row}: {own} {expected}", case.name);
        }
    }
}
