//! DeLong's test and corrections of p values against scipy 1.17.1 and the definitions; see `tests/golden/delong/make.py`.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

use basewise_core::metrics::{auroc, benjamini_hochberg, delong, holm};
use serde::Deserialize;

const CASES: &str = include_str!("../../../tests/golden/delong/cases.json");

#[derive(Deserialize)]
struct Golden {
    delong: Vec<Case>,
    corrections: Vec<Correction>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    level: f64,
    labels: Vec<f64>,
    one: Vec<f64>,
    other: Vec<f64>,
    auroc: [f64; 2],
    covariance: [[f64; 2]; 2],
    difference: f64,
    low: f64,
    high: f64,
    p: f64,
}

#[derive(Deserialize)]
struct Correction {
    p: Vec<f64>,
    holm: Vec<f64>,
    benjamini_hochberg: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(CASES).unwrap()
}

fn assert_close(found: f64, expected: f64, what: &str) {
    // Relative, because p values may be tiny; differences of areas near 0 carry the rounding of areas near 1.
    let close = (found - expected).abs() <= 1e-9 * expected.abs() + 1e-14;
    assert!(close, "{what}: found {found}, expected {expected}");
}

#[test]
fn tests_equal_their_definition() {
    let cases = golden().delong;
    assert!(cases.len() >= 10, "{} cases", cases.len());
    for case in &cases {
        let name = &case.name;
        let found = delong(&case.labels, &case.one, &case.other, case.level).unwrap();
        for side in 0..2 {
            assert_close(found.auroc[side], case.auroc[side], name);
            for other in 0..2 {
                assert_close(found.covariance.unwrap()[side][other], case.covariance[side][other], name);
            }
        }
        assert_eq!(Some(found.auroc[0]), auroc(&case.labels, &case.one));
        assert_close(found.difference.value.unwrap(), case.difference, name);
        assert_close(found.difference.low.unwrap(), case.low, name);
        assert_close(found.difference.high.unwrap(), case.high, name);
        assert!((found.p.unwrap() / case.p - 1.0).abs() < 1e-6, "{name}: {:?}, expected {}", found.p, case.p);
    }
}

#[test]
fn corrections_equal_the_references() {
    for case in golden().corrections {
        let p: Vec<Option<f64>> = case.p.iter().copied().map(Some).collect();
        for (found, expected) in [(holm(&p), case.holm), (benjamini_hochberg(&p), case.benjamini_hochberg)] {
            assert_eq!(found.len(), expected.len());
            found
                .iter()
                .zip(expected)
                .for_each(|(found, expected)| assert_close(found.unwrap(), expected, "correction"));
        }
    }
}
