use super::*;
use basewise_core::random::{Stream, below, normal, stream, uniform};
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Golden {
    features: BTreeMap<String, Vec<Vec<f32>>>,
    models: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    family: String,
    x: String,
    y: Vec<f64>,
    weights: Option<Vec<f64>>,
    penalty: f64,
    l1_ratio: f64,
    coefficients: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
}

const EXACT: FitOptions = FitOptions { intercept: true, standardize: false, tolerance: 1e-10, max_iterations: 500 };

fn names(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("f{i}")).collect()
}

fn dense(rows: &[Vec<f32>]) -> Features {
    Features::dense(names(rows[0].len()), rows.len(), rows.concat()).unwrap()
}

fn sparse(rows: &[Vec<f32>]) -> Features {
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in rows {
        for (column, &value) in row.iter().enumerate().filter(|&(_, &value)| value != 0.0) {
            columns.push(column as u32);
            values.push(value);
        }
        starts.push(values.len());
    }
    Features::sparse(names(rows[0].len()), starts, columns, values).unwrap()
}

fn family(name: &str, classes: usize) -> Family {
    match name {
        "squared" => Family::Squared,
        "logistic" => Family::Logistic,
        "multinomial" => Family::Multinomial { classes },
        _ => Family::Poisson,
    }
}

fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
    let near = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
    assert!(near, "{what}: found {found}, expected {expected}");
}

#[test]
fn coefficients_equal_the_references() {
    let golden: Golden = serde_json::from_str(include_str!("../../../../tests/golden/linear/cases.json")).unwrap();
    assert_eq!(golden.models.len(), 16);
    for case in &golden.models {
        let rows = &golden.features[&case.x];
        let penalty = Penalty { lambda: case.penalty, l1_ratio: case.l1_ratio };
        let family = family(&case.family, case.intercepts.len());
        let target = Target { family, labels: &case.y, weights: case.weights.as_deref() };
        for features in [dense(rows), sparse(rows)] {
            let model = fit(&features, &target, penalty, &EXACT).unwrap();
            assert_eq!(model.fit().outcome, Outcome::Converged, "{} {:?}", case.name, model.fit());
            for (output, (coefficients, &intercept)) in case.coefficients.iter().zip(&case.intercepts).enumerate() {
                let what = format!("{}, output {output}", case.name);
                for (feature, &expected) in coefficients.iter().enumerate() {
                    assert_near(model.coefficient(feature, output), expected, 2e-6, &format!("{what}, {feature}"));
                }
                // A feature far from 0 makes its coefficient's error weigh fifty times.
                assert_near(model.intercepts()[output], intercept, 1e-4, &what);
            }
        }
    }
}

/// Numbers with structure: some zeros, one constant column, one column of zeros.
fn random_problem(rng: &mut Stream, family: Family, rows: usize, columns: usize) -> (Vec<Vec<f32>>, Vec<f64>) {
    let value = |rng: &mut Stream, column: usize| match column {
        0 => 3.0,
        1 => 0.0,
        _ if below(rng, 3) == 0 => 0.0,
        _ => (normal(rng) + 0.5) as f32,
    };
    let x: Vec<Vec<f32>> = (0..rows).map(|_| (0..columns).map(|column| value(rng, column)).collect()).collect();
    let label = |(row, x): (usize, &Vec<f32>)| {
        let signal = f64::from(x[2]) - 0.5 * f64::from(x[3]) + normal(rng);
        match family {
            Family::Squared => signal,
            Family::Poisson => (0.5 * signal).exp().round() + f64::from(u8::from(row == 0)),
            Family::Logistic if row < 2 => row as f64,
            Family::Logistic => f64::from(u8::from(signal > 0.2)),
            Family::Multinomial { classes } if row < classes => row as f64,
            Family::Multinomial { classes } => (signal + 1.0).clamp(0.0, classes as f64 - 1.0).floor(),
        }
    };
    let y = x.iter().enumerate().map(label).collect();
    (x, y)
}

/// Weighted mean loss and penalty by the formula of the module's page, in f64 and without any trick.
fn objective(model: &LinearModel, x: &[Vec<f32>], target: &Target<'_>, penalty: Penalty, moved: (usize, f64)) -> f64 {
    let k = target.family.outputs();
    let at = |feature: usize, output: usize| {
        let own = if feature < x[0].len() { model.coefficient(feature, output) } else { model.intercepts()[output] };
        if moved.0 == feature * k + output { own + moved.1 } else { own }
    };
    let p = x[0].len();
    let weights = target.weights.map_or_else(|| vec![1.0; x.len()], <[f64]>::to_vec);
    let (mut value, total): (f64, f64) = (0.0, weights.iter().sum());
    for ((row, &y), w) in x.iter().zip(target.labels).zip(&weights) {
        let score =
            |output| at(p, output) + row.iter().enumerate().map(|(j, &x)| f64::from(x) * at(j, output)).sum::<f64>();
        let s: Vec<f64> = (0..k).map(score).collect();
        let loss = match target.family {
            Family::Squared => 0.5 * (y - s[0]) * (y - s[0]),
            Family::Logistic => (1.0 + s[0].exp()).ln() - y * s[0],
            Family::Multinomial { .. } => s.iter().map(|s| s.exp()).sum::<f64>().ln() - s[y as usize],
            Family::Poisson => s[0].exp() - y * s[0],
        };
        value += w * loss / total;
    }
    for c in (0..p * k).map(|place| at(place / k, place % k)) {
        value += penalty.lambda * ((1.0 - penalty.l1_ratio) / 2.0 * c * c + penalty.l1_ratio * c.abs());
    }
    value
}

const FAMILIES: [Family; 4] = [Family::Squared, Family::Logistic, Family::Multinomial { classes: 3 }, Family::Poisson];

/// The oracle of every family and penalty: no step along any coefficient or intercept, up or down, lowers the objective.
#[test]
fn no_small_step_lowers_the_objective() {
    let mut rng = stream(1, "linear tests", &[]);
    for (family, l1_ratio) in FAMILIES.into_iter().flat_map(|family| [0.0, 0.5, 1.0].map(|l1| (family, l1))) {
        let (x, y) = random_problem(&mut rng, family, 40, 6);
        let weights: Vec<f64> = (0..40).map(|_| 0.2 + uniform(&mut rng)).collect();
        let target = Target { family, labels: &y, weights: Some(&weights) };
        let penalty = Penalty { lambda: 0.03, l1_ratio };
        let model = fit(&sparse(&x), &target, penalty, &EXACT).unwrap();
        let what = format!("{family:?} {l1_ratio} {:?}", model.fit());
        assert_eq!(model.fit().outcome, Outcome::Converged, "{what}");
        let best = objective(&model, &x, &target, penalty, (usize::MAX, 0.0));
        assert_near(model.fit().objective, best, 1e-12, &what);
        for place in 0..7 * family.outputs() {
            for step in [1e-4, -1e-4] {
                let value = objective(&model, &x, &target, penalty, (place, step));
                assert!(value >= best - 1e-13, "{what}: entry {place} by {step}: {value} below {best}");
            }
        }
    }
}

#[test]
fn slopes_and_curvatures_are_the_differences_of_the_loss() {
    let mut rng = stream(2, "linear tests", &[]);
    for family in FAMILIES {
        let k = family.outputs();
        let scores: Vec<f64> = (0..k).map(|_| 2.0 * normal(&mut rng)).collect();
        let mut means = vec![0.0; k];
        family.loss(&scores, 1.0, &mut means);
        let slope = |scores: &[f64], output: usize| {
            let mut means = vec![0.0; k];
            family.loss(scores, 1.0, &mut means);
            means[output] - family.observed(1.0, output)
        };
        for output in 0..k {
            let at = |by: f64| scores.iter().enumerate().map(|(i, s)| s + if i == output { by } else { 0.0 }).collect();
            let (up, down): (Vec<f64>, Vec<f64>) = (at(1e-5), at(-1e-5));
            let mut scratch = vec![0.0; k];
            let difference = (family.loss(&up, 1.0, &mut scratch) - family.loss(&down, 1.0, &mut scratch)) / 2e-5;
            assert_near(slope(&scores, output), difference, 1e-8, &format!("{family:?}"));
            let mut bent: Vec<f64> = (0..k).map(|i| f64::from(u8::from(i == output))).collect();
            family.bend(&means, &mut bent);
            for (other, bent) in bent.into_iter().enumerate() {
                assert_near(bent, (slope(&up, other) - slope(&down, other)) / 2e-5, 1e-8, &format!("{family:?}"));
            }
            let own = (slope(&up, output) - slope(&down, output)) / 2e-5;
            assert_near(family.curvature(means[output]), own, 1e-8, &format!("{family:?}"));
        }
    }
}

#[test]
fn constant_features_and_such_without_a_value_get_nothing() {
    let mut rng = stream(3, "linear tests", &[]);
    for (family, l1_ratio) in FAMILIES.into_iter().flat_map(|family| [0.0, 0.7].map(|l1| (family, l1))) {
        let (x, y) = random_problem(&mut rng, family, 30, 6);
        let target = Target { family, labels: &y, weights: None };
        for options in [EXACT, FitOptions { standardize: true, ..EXACT }] {
            let model = fit(&dense(&x), &target, Penalty { lambda: 0.02, l1_ratio }, &options).unwrap();
            assert!((0..family.outputs()).all(|k| model.coefficient(0, k) == 0.0 && model.coefficient(1, k) == 0.0));
            assert_eq!(model.fit().outcome, Outcome::Converged, "{family:?} {l1_ratio} {:?}", model.fit());
            assert!(model.nonzero() > 0, "{family:?} {l1_ratio}");
            // A value that the fit never saw adds nothing.
            let mut other = x.clone();
            other.iter_mut().for_each(|row| row[1] = 9.0);
            assert_eq!(model.scores(&dense(&other)).unwrap(), model.scores(&dense(&x)).unwrap());
        }
    }
}

/// Only constant features: the model is the intercept.
#[test]
fn without_a_feature_that_varies_the_intercept_is_all() {
    let features = dense(&[vec![2.0], vec![2.0], vec![2.0]]);
    let target = Target { family: Family::Squared, labels: &[1.0, 2.0, 6.0], weights: None };
    for l1_ratio in [0.0, 1.0] {
        let model = fit(&features, &target, Penalty { lambda: 0.1, l1_ratio }, &EXACT).unwrap();
        assert_eq!((model.coefficient(0, 0), model.nonzero(), model.fit().iterations), (0.0, 0, 0));
        assert_near(model.intercepts()[0], 3.0, 1e-15, "mean");
        let walked = path(&features, &target, &PathOptions { l1_ratio, ..Default::default() }).unwrap();
        assert_eq!(walked.len(), 1);
    }
}

#[test]
fn one_row_is_its_own_mean() {
    let features = dense(&[vec![0.5, -2.0]]);
    let target = |family, labels| Target { family, labels, weights: None };
    let penalty = Penalty { lambda: 0.1, l1_ratio: 0.5 };
    let model = fit(&features, &target(Family::Squared, &[4.0]), penalty, &EXACT).unwrap();
    assert_eq!((model.nonzero(), model.predict(&features).unwrap()), (0, vec![4.0]));
    let lonely = fit(&features, &target(Family::Logistic, &[1.0]), penalty, &EXACT);
    assert_eq!(lonely, Err(LinearError::EmptyClass { class: 0 }));
}

#[test]
fn classes_that_a_plane_separates_are_said_to_be_without_a_penalty() {
    let x = dense(&[vec![0.0], vec![1.0], vec![2.0], vec![3.0]]);
    let none = Penalty { lambda: 0.0, l1_ratio: 0.0 };
    let two = Target { family: Family::Logistic, labels: &[0.0, 0.0, 1.0, 1.0], weights: None };
    let model = fit(&x, &two, none, &EXACT).unwrap();
    assert_eq!(model.fit().outcome, Outcome::Separated);
    let predicted = model.predict(&x).unwrap();
    assert!(predicted[1] < 0.5 && predicted[2] > 0.5 && predicted.iter().all(|p| p.is_finite()));
    let three = Target { family: Family::Multinomial { classes: 3 }, labels: &[0.0, 1.0, 1.0, 2.0], weights: None };
    assert_eq!(fit(&x, &three, none, &EXACT).unwrap().fit().outcome, Outcome::Separated);
    // With one there is a best model.
    let some = fit(&x, &two, Penalty { lambda: 1e-4, l1_ratio: 0.0 }, &EXACT).unwrap();
    assert_eq!(some.fit().outcome, Outcome::Converged);
    // Labels that overlap have one without.
    let mixed = Target { labels: &[0.0, 1.0, 0.0, 1.0], ..two };
    let model = fit(&x, &mixed, none, &EXACT).unwrap();
    assert_eq!(model.fit().outcome, Outcome::Converged);
    // glm(c(0, 1, 0, 1) ~ 0:3, binomial): by symmetry the middle is undecided.
    assert_near(model.intercepts()[0] + 1.5 * model.coefficient(0, 0), 0.0, 1e-9, "middle");
}

#[test]
fn iterations_that_run_out_are_reported() {
    let mut rng = stream(4, "linear tests", &[]);
    let (x, y) = random_problem(&mut rng, Family::Logistic, 50, 8);
    let target = Target { family: Family::Logistic, labels: &y, weights: None };
    for l1_ratio in [0.0, 0.5] {
        let options = FitOptions { max_iterations: 1, tolerance: 1e-12, ..EXACT };
        let model = fit(&dense(&x), &target, Penalty { lambda: 1e-3, l1_ratio }, &options).unwrap();
        let fit = model.fit();
        assert_eq!((fit.outcome, fit.iterations), (Outcome::Unfinished, 1));
        assert!(fit.violation > 1e-12, "{fit:?}");
    }
}

#[test]
fn what_is_missing_or_does_not_fit_is_named() {
    let good = dense(&[vec![0.0, 1.0], vec![1.0, 0.0]]);
    let bad = dense(&[vec![0.0, 1.0], vec![1.0, f32::NAN]]);
    let target = |family, labels| Target { family, labels, weights: None };
    let penalty = Penalty { lambda: 0.1, l1_ratio: 0.0 };
    let failure = |features: &Features, target: Target<'_>, penalty| {
        fit(features, &target, penalty, &FitOptions::default()).unwrap_err().to_string()
    };
    let numbers = target(Family::Squared, &[1.0, 2.0]);
    assert!(
        failure(&bad, numbers, penalty)
            .starts_with("feature \"f1\", row 1: expected a finite number, found NaN\nhint:")
    );
    let classes = target(Family::Multinomial { classes: 3 }, &[0.0, 2.0]);
    assert!(failure(&good, classes, penalty).starts_with("class 1 has no row"));
    assert!(
        failure(&good, target(Family::Logistic, &[0.0, 2.0]), penalty)
            .contains("row 1: expected a label of 0 or 1, found 2")
    );
    assert!(failure(&good, target(Family::Poisson, &[0.0, -1.0]), penalty).contains("count of 0 or more"));
    assert!(failure(&good, target(Family::Poisson, &[0.0, 0.0]), penalty).contains("only zeros"));
    assert!(failure(&good, target(Family::Squared, &[1.0]), penalty).contains("expected 2 labels, one a row, found 1"));
    assert!(failure(&good, target(Family::Squared, &[f64::NAN; 2]), penalty).contains("found none of 2"));
    let weighted = Target { weights: Some(&[1.0, -1.0]), ..numbers };
    assert!(failure(&good, weighted, penalty).contains("row 1: expected a weight of 0 or more, found -1"));
    assert!(failure(&good, numbers, Penalty { lambda: f64::NAN, l1_ratio: 0.0 }).starts_with("lambda: expected"));
    assert!(failure(&good, numbers, Penalty { lambda: 1.0, l1_ratio: 1.5 }).starts_with("l1_ratio: expected"));
    let tasks = fit_tasks(&good, &[numbers, classes], penalty, &FitOptions::default()).unwrap_err();
    assert!(tasks.to_string().starts_with("task 1: class 1 has no row"));
    let model = fit(&good, &numbers, penalty, &FitOptions::default()).unwrap();
    let renamed = Features::dense(vec!["f0".into(), "other".into()], 1, vec![0.0; 2]).unwrap();
    assert_eq!(
        model.scores(&renamed).unwrap_err().to_string(),
        "expected the features of the fit, found \"other\" where \"f1\" was"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Rows of weight 0 or without a label are as good as absent, and weights count as copies; dense equals sparse.
    #[test]
    fn weights_count_rows(seed in 0u64..1000, which in 0usize..4, l1_ratio in prop_oneof![Just(0.0), 0.1f64..1.0]) {
        let mut rng = stream(seed, "linear tests", &[5]);
        let family = FAMILIES[which];
        let (x, y) = random_problem(&mut rng, family, 25, 5);
        let copies: Vec<usize> = (0..25).map(|row| if row < 3 { 1 } else { below(&mut rng, 3) }).collect();
        let weights: Vec<f64> = copies.iter().map(|&n| n as f64).collect();
        let rows: Vec<usize> = (0..25).flat_map(|row| std::iter::repeat_n(row, copies[row])).collect();
        let penalty = Penalty { lambda: 0.05, l1_ratio };
        let labels: Vec<f64> = y.iter().zip(&copies).map(|(&y, &n)| if n == 0 { f64::NAN } else { y }).collect();
        let copied: Vec<f64> = rows.iter().map(|&row| y[row]).collect();
        let weighted = fit(&sparse(&x), &Target { family, labels: &labels, weights: Some(&weights) }, penalty, &EXACT).unwrap();
        let target = Target { family, labels: &copied, weights: None };
        let repeated = fit(&dense(&x).select(&rows), &target, penalty, &EXACT).unwrap();
        for feature in 0..5 {
            for output in 0..family.outputs() {
                let (a, b) = (weighted.coefficient(feature, output), repeated.coefficient(feature, output));
                prop_assert!((a - b).abs() < 1e-6, "{family:?} {feature} {output}: {a} {b}");
            }
        }
    }

    /// Penalizing standardized features is fitting them standardized.
    #[test]
    fn standardizing_is_implicit(seed in 0u64..1000, which in 0usize..4, l1_ratio in prop_oneof![Just(0.0), 0.1f64..1.0]) {
        let mut rng = stream(seed, "linear tests", &[6]);
        let family = FAMILIES[which];
        let (x, y) = random_problem(&mut rng, family, 30, 5);
        let target = Target { family, labels: &y, weights: None };
        let penalty = Penalty { lambda: 0.05, l1_ratio };
        let model = fit(&sparse(&x), &target, penalty, &FitOptions { standardize: true, ..EXACT }).unwrap();
        let scaled: Vec<Vec<f32>> = x
            .iter()
            .map(|row| row.iter().enumerate().map(|(j, &v)| if j < 2 { v } else { (f64::from(v) / model.deviation(j)) as f32 }).collect())
            .collect();
        let explicit = fit(&dense(&scaled), &target, penalty, &EXACT).unwrap();
        for feature in 2..5 {
            for output in 0..family.outputs() {
                let (a, b) = (model.coefficient(feature, output) * model.deviation(feature), explicit.coefficient(feature, output));
                prop_assert!((a - b).abs() < 1e-5, "{family:?} {feature} {output}: {a} {b}");
            }
        }
    }
}

#[test]
fn a_shift_of_all_classes_is_the_cheapest() {
    let mut rng = stream(12, "linear tests", &[]);
    let cost = |values: &[f64], shift: f64, l1: f64, l2: f64| -> f64 {
        values.iter().map(|v| l1 * (v - shift).abs() + l2 / 2.0 * (v - shift).powi(2)).sum()
    };
    for (l1, l2) in [(1.0, 0.0), (0.5, 0.5), (0.1, 2.0)] {
        for count in 2..6 {
            let values: Vec<f64> = (0..count).map(|_| (4.0 * normal(&mut rng)).round() / 2.0).collect();
            let shift = coordinate::best_shift(&values, l1, l2);
            let least = (-400..=400).map(|i| cost(&values, f64::from(i) / 50.0, l1, l2)).fold(f64::INFINITY, f64::min);
            assert!(cost(&values, shift, l1, l2) <= least + 1e-12, "{values:?} {l1} {l2}: {shift}");
        }
    }
    assert_eq!(coordinate::best_shift(&[0.0, 0.0, 3.0], 1.0, 0.0), 0.0);
}

#[test]
fn balanced_classes_weigh_the_same() {
    let weights = balanced_weights(&[0.0, 0.0, 0.0, 1.0, f64::NAN]);
    assert_eq!(weights, [4.0 / 6.0, 4.0 / 6.0, 4.0 / 6.0, 2.0, 0.0]);
    assert!(balanced_weights(&[]).is_empty());
}

#[test]
fn a_path_passes_through_the_models_that_stand_alone() {
    let mut rng = stream(7, "linear tests", &[]);
    for (family, l1_ratio) in FAMILIES.into_iter().flat_map(|family| [0.0, 0.5, 1.0].map(|l1| (family, l1))) {
        let (x, y) = random_problem(&mut rng, family, 60, 8);
        let target = Target { family, labels: &y, weights: None };
        let options = PathOptions { l1_ratio, count: 12, smallest: Some(1e-3), fit: EXACT, ..Default::default() };
        let walked = path(&dense(&x), &target, &options).unwrap();
        assert_eq!(walked.len(), 12);
        assert!(l1_ratio == 0.0 || (walked[0].nonzero() == 0 && walked[1].nonzero() > 0));
        for model in [&walked[5], &walked[11]] {
            let alone = fit(&sparse(&x), &target, model.fit().penalty, &EXACT).unwrap();
            for place in 0..8 * family.outputs() {
                let (feature, output) = (place / family.outputs(), place % family.outputs());
                let expected = alone.coefficient(feature, output);
                assert_near(
                    model.coefficient(feature, output),
                    expected,
                    1e-6,
                    &format!("{family:?} {l1_ratio} {feature}"),
                );
            }
        }
    }
}

#[test]
fn cross_validation_is_fits_without_the_folds() {
    let mut rng = stream(8, "linear tests", &[]);
    let (x, y) = random_problem(&mut rng, Family::Logistic, 80, 20);
    let target = Target { family: Family::Logistic, labels: &y, weights: None };
    let folds: Vec<usize> = (0..80).map(|row| [7, 1, 4][row / 2 % 3]).collect();
    let options = PathOptions { l1_ratio: 0.9, count: 15, smallest: Some(0.01), fit: EXACT, ..Default::default() };
    let judged = cross_validate(&sparse(&x), &target, &folds, &options).unwrap();
    assert_eq!((judged.models.len(), judged.unfinished), (15, 0));
    assert!(judged.simplest <= judged.best && judged.losses[judged.best] < judged.losses[0]);
    assert!(judged.losses[judged.simplest] <= judged.losses[judged.best] + judged.errors[judged.best]);
    let mut expected = [0.0; 15];
    for fold in [1, 4, 7] {
        let (outside, inside): (Vec<usize>, Vec<usize>) = (0..80).partition(|&row| folds[row] != fold);
        let labels: Vec<f64> = outside.iter().map(|&row| y[row]).collect();
        let train = dense(&x).select(&outside);
        for (at, model) in judged.models.iter().enumerate() {
            let target = Target { labels: &labels, ..target };
            let model = fit(&train, &target, model.fit().penalty, &EXACT).unwrap();
            let predicted = model.predict(&dense(&x).select(&inside)).unwrap();
            let losses =
                inside.iter().zip(predicted).map(|(&row, p)| -if y[row] > 0.5 { p.ln() } else { (1.0 - p).ln() });
            expected[at] += losses.sum::<f64>() / 80.0;
        }
    }
    judged.losses.iter().zip(expected).for_each(|(&loss, expected)| assert_near(loss, expected, 1e-6, "loss"));
    let alone = cross_validate(&dense(&x), &target, &[3; 80], &options).unwrap_err();
    assert_eq!(alone.to_string(), "folds: expected 2 or more, found 1");
    let by_label: Vec<usize> = y.iter().map(|&y| y as usize).collect();
    let one_class = cross_validate(&dense(&x), &target, &by_label, &options).unwrap_err();
    assert!(one_class.to_string().starts_with("without fold 0: class 0 has no row"), "{one_class}");
}

#[test]
fn threads_do_not_change_a_bit() {
    let mut rng = stream(9, "linear tests", &[]);
    for family in FAMILIES {
        let (x, y) = random_problem(&mut rng, family, 700, 12);
        let target = Target { family, labels: &y, weights: None };
        for l1_ratio in [0.0, 0.5] {
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| fit(&sparse(&x), &target, Penalty { lambda: 1e-3, l1_ratio }, &EXACT).unwrap())
            };
            assert_eq!(run(1), run(3));
        }
    }
}

/// More features than rows, few of them with an effect, 50 of 3,000 stored in a row.
#[test]
fn wide_sparse_features_are_not_made_dense() {
    let mut rng = stream(10, "linear tests", &[]);
    let (rows, columns) = (400, 3000);
    let (mut starts, mut places, mut labels) = (vec![0], Vec::new(), Vec::new());
    for _ in 0..rows {
        let own: std::collections::BTreeSet<u32> = (0..50).map(|_| below(&mut rng, columns) as u32).collect();
        let own: std::collections::BTreeSet<u32> =
            own.into_iter().chain((below(&mut rng, 2) == 0).then_some(17)).collect();
        labels.push(if own.contains(&17) == (below(&mut rng, 10) > 0) { 1.0 } else { 0.0 });
        places.extend(own);
        starts.push(places.len());
    }
    let stored = vec![1.0; places.len()];
    let features = Features::sparse(names(columns), starts, places, stored).unwrap();
    let target = Target { family: Family::Logistic, labels: &labels, weights: None };
    for l1_ratio in [0.0, 1.0] {
        let model = fit(&features, &target, Penalty { lambda: 0.05, l1_ratio }, &FitOptions::default()).unwrap();
        assert_eq!(model.fit().outcome, Outcome::Converged);
        assert_eq!(model.table()[0].feature, "f17");
        assert!(l1_ratio == 0.0 || model.nonzero() < 30, "{}", model.nonzero());
    }
}

#[test]
fn a_model_survives_being_written() {
    let mut rng = stream(11, "linear tests", &[]);
    let (x, y) = random_problem(&mut rng, Family::Poisson, 30, 5);
    let target = Target { family: Family::Poisson, labels: &y, weights: None };
    let model = fit(&dense(&x), &target, Penalty { lambda: 0.1, l1_ratio: 0.5 }, &EXACT).unwrap();
    let text = serde_json::to_string(&model).unwrap();
    let read: LinearModel = serde_json::from_str(&text).unwrap();
    assert_eq!(read.predict(&dense(&x)).unwrap(), model.predict(&dense(&x)).unwrap());
}

/// Two positions: base A at the first, and the pair A C, whose coefficient both bases share.
#[test]
fn positional_coefficients_become_a_matrix() {
    let names = ["pos-1:A", "pos-1:C", "pos-1:AC", "gc"].map(String::from).to_vec();
    let x = [[1.0, 0.0, 0.0, 0.3], [0.0, 1.0, 0.0, 0.9], [1.0, 0.0, 1.0, 0.1], [0.0, 0.0, 0.0, 0.7]].concat();
    let features = Features::dense(names, 4, x).unwrap();
    let target = Target { family: Family::Squared, labels: &[1.0, 0.0, 4.0, 0.5], weights: None };
    let model = fit(&features, &target, Penalty { lambda: 0.01, l1_ratio: 0.0 }, &EXACT).unwrap();
    let logo = model.position_effects(0).unwrap();
    let [a, c, ac] = [0, 1, 2].map(|feature| model.coefficient(feature, 0));
    assert_eq!((logo.first, logo.effects.len()), (-1, 2));
    let centred = |row: [f64; 4]| row.map(|value| value - row.iter().sum::<f64>() / 4.0);
    for (found, expected) in
        logo.effects.iter().zip([centred([a + ac / 4.0, c, 0.0, 0.0]), centred([0.0, ac / 4.0, 0.0, 0.0])])
    {
        found.iter().zip(expected).for_each(|(&f, e)| assert_near(f, e, 1e-12, "effect"));
    }
    let plain = fit(
        &dense(&[vec![1.0], vec![2.0]]),
        &Target { labels: &[1.0, 2.0], ..target },
        Penalty { lambda: 0.1, l1_ratio: 0.0 },
        &EXACT,
    );
    assert_eq!(plain.unwrap().position_effects(0), None);
}
