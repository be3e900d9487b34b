//! Every figure against scikit-learn 1.9.1 and scipy 1.17.1; see `tests/golden/metrics/make.py`.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

use basewise_core::metrics::{BootstrapOptions, curves, evaluate};
use basewise_core::{Matrix, Task, TaskKind};
use serde::Deserialize;
use std::collections::BTreeMap;

const CASES: &str = include_str!("../../../tests/golden/metrics/cases.json");
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Case {
    name: String,
    kind: String,
    classes: Option<usize>,
    labels: Vec<f64>,
    predictions: Vec<Vec<f64>>,
    expected: BTreeMap<String, Option<f64>>,
    #[serde(default)]
    each: Vec<BTreeMap<String, Option<f64>>>,
    #[serde(default)]
    roc: Vec<[f64; 2]>,
    #[serde(default)]
    precision_recall: Vec<[f64; 2]>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(CASES).unwrap()
}

fn task(case: &Case) -> Task {
    let kind = match case.kind.as_str() {
        "binary" => TaskKind::Binary,
        "classes" => TaskKind::Classes { classes: (0..case.classes.unwrap()).map(|c| format!("class {c}")).collect() },
        _ => TaskKind::Regression,
    };
    Task { name: case.name.clone(), kind }
}

fn assert_close(found: Option<f64>, expected: Option<f64>, what: &str) {
    match (found, expected) {
        (Some(found), Some(expected)) => {
            let close = (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0);
            assert!(close, "{what}: found {found}, expected {expected}");
        }
        (found, expected) => assert_eq!(found, expected, "{what}"),
    }
}

#[test]
fn figures_equal_the_references() {
    let options = BootstrapOptions { replicates: 50, ..Default::default() };
    let cases = cases();
    assert!(cases.len() >= 20, "{} cases", cases.len());
    for case in &cases {
        let task = task(case);
        let labels: Vec<&[f64]> = case.labels.iter().map(std::slice::from_ref).collect();
        let values = case.predictions.iter().flatten().map(|&p| p as f32).collect();
        let predictions = Matrix::new(labels.len(), task.outputs(), values);
        let found = &evaluate(std::slice::from_ref(&task), &labels, &predictions, &options)[0];
        assert_eq!((found.kind.as_str(), found.n, found.unknown), (case.kind.as_str(), case.labels.len(), 0));
        assert_eq!(found.metrics.len(), case.expected.len(), "{}", case.name);
        for (metric, &expected) in &case.expected {
            assert_close(found.metrics[metric].value, expected, &format!("{} {metric}", case.name));
        }
        assert_eq!(found.classes.len(), case.each.len());
        for (class, expected) in found.classes.iter().zip(&case.each) {
            for (metric, &expected) in expected {
                assert_close(class.metrics[metric].value, expected, &format!("{} {} {metric}", case.name, class.class));
            }
        }
    }
}

#[test]
fn curves_equal_the_references() {
    for case in cases().iter().filter(|case| case.kind == "binary") {
        let scores: Vec<f64> = case.predictions.iter().map(|row| row[0]).collect();
        let roc = curves::roc(&case.labels, &scores);
        assert_eq!(roc.len(), case.roc.len(), "{}", case.name);
        let flat = |points: &[[f64; 2]]| points.concat();
        for (found, expected) in flat(&roc).into_iter().zip(flat(&case.roc)) {
            assert_close(Some(found), Some(expected), &format!("{} roc", case.name));
        }
        // The reference ends where recall is complete; ours goes on to the lowest score.
        let curve = curves::precision_recall(&case.labels, &scores);
        assert!(curve.len() >= case.precision_recall.len(), "{}", case.name);
        for (found, expected) in flat(&curve).into_iter().zip(flat(&case.precision_recall)) {
            assert_close(Some(found), Some(expected), &format!("{} precision-recall", case.name));
        }
    }
}
