//! Optimizers and schedules against PyTorch's; see `tests/golden/optimizers/make.py`.

use super::*;
use crate::network::Init;
use serde::Deserialize;

const GOLDEN: &str = include_str!("../../../../tests/golden/optimizers/expected.json");

#[derive(Deserialize)]
struct Golden {
    optimizers: Vec<OptimizerCase>,
    schedules: Vec<ScheduleCase>,
    plateau: PlateauCase,
}

/// Steps of two parameters: a matrix and a vector.
#[derive(Deserialize)]
struct OptimizerCase {
    name: String,
    kind: OptimizerKind,
    shapes: Vec<Vec<usize>>,
    rate: f64,
    weight_decay: f64,
    momentum: f64,
    nesterov: bool,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    start: Vec<Vec<f32>>,
    /// For each step, one array a parameter.
    gradients: Vec<Vec<Vec<f32>>>,
    /// After each step.
    values: Vec<Vec<Vec<f64>>>,
}

#[derive(Deserialize)]
struct ScheduleCase {
    name: String,
    schedule: Schedule,
    total: u64,
    warmup: u64,
    every: u64,
    factor: f64,
    least: f64,
    /// Part of the full rate at each step.
    parts: Vec<f64>,
}

#[derive(Deserialize)]
struct PlateauCase {
    epochs: usize,
    factor: f64,
    scores: Vec<f64>,
    /// After each epoch.
    parts: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(GOLDEN).unwrap()
}

fn specs(shapes: &[Vec<usize>]) -> Vec<Spec> {
    let spec = |(i, shape): (usize, &Vec<usize>)| Spec {
        name: format!("layer{i}.weight"),
        shape: shape.clone(),
        init: Init::Constant(0.0),
    };
    shapes.iter().enumerate().map(spec).collect()
}

#[test]
fn steps_are_those_of_pytorch() {
    let golden = golden();
    assert_eq!(golden.optimizers.len(), 10);
    for case in golden.optimizers {
        let settings = OptimizerSettings {
            kind: case.kind,
            weight_decay: case.weight_decay,
            momentum: case.momentum,
            nesterov: case.nesterov,
            beta1: case.beta1,
            beta2: case.beta2,
            epsilon: case.epsilon,
        };
        let mut optimizer = Optimizer::new(settings, &specs(&case.shapes));
        let mut values = case.start.clone();
        for (step, (gradients, expected)) in case.gradients.iter().zip(&case.values).enumerate() {
            optimizer.begin_step();
            for (i, gradient) in gradients.iter().enumerate() {
                optimizer.update(i, &mut values[i], gradient, case.rate, true);
            }
            for (found, expected) in values.iter().flatten().zip(expected.iter().flatten()) {
                let error = (f64::from(*found) - expected).abs();
                assert!(error < 1e-6, "{}: step {step}: {found} against {expected}", case.name);
            }
        }
    }
}

#[test]
fn schedules_are_those_of_pytorch() {
    for case in golden().schedules {
        let ScheduleCase { schedule, total, warmup, every, factor, least, .. } = case;
        let course = Course { schedule, total, warmup, every, factor, least };
        for (step, expected) in case.parts.iter().enumerate() {
            let found = course.at(step as u64, 1.0);
            assert!((found - expected).abs() < 1e-6, "{}: step {step}: {found} against {expected}", case.name);
        }
    }
}

#[test]
fn a_plateau_cuts_the_rate_as_in_pytorch() {
    let case = golden().plateau;
    let (mut plateau, mut best) = (Plateau::default(), f64::INFINITY);
    for (score, expected) in case.scores.iter().zip(&case.parts) {
        plateau.hear(*score < best, case.epochs, case.factor);
        best = best.min(*score);
        assert!((plateau.part - expected).abs() < 1e-12, "{score}: {plateau:?} against {expected}");
    }
}

#[test]
fn clipping_keeps_direction_and_bounds_the_norm() {
    let mut gradients = vec![vec![3.0], vec![4.0]];
    clip(&mut gradients, 10.0);
    assert_eq!(gradients, [[3.0], [4.0]]);
    clip(&mut gradients, 1.0);
    assert!((gradients[0][0] - 0.6).abs() < 1e-6 && (gradients[1][0] - 0.8).abs() < 1e-6);
}

#[test]
fn arrays_are_kept_only_where_a_rule_needs_them() {
    let specs = specs(&[vec![2, 3], vec![3]]);
    let sizes = |kind: OptimizerKind, momentum: Option<f64>| {
        let usual = kind.usual(0.0);
        let settings = OptimizerSettings { momentum: momentum.unwrap_or(usual.momentum), ..usual };
        let optimizer = Optimizer::new(settings, &specs);
        [optimizer.first, optimizer.second].map(|arrays| arrays.iter().map(Vec::len).collect::<Vec<_>>())
    };
    assert_eq!(sizes(OptimizerKind::Sgd, Some(0.0)), [[0, 0], [0, 0]]);
    assert_eq!(sizes(OptimizerKind::Sgd, None), [[6, 3], [0, 0]]);
    assert_eq!(sizes(OptimizerKind::RmsProp, None), [[0, 0], [6, 3]]);
    assert_eq!(sizes(OptimizerKind::AdamW, None), [[6, 3], [6, 3]]);
    assert_eq!(sizes(OptimizerKind::Muon, None), [[6, 3], [0, 3]]);
}

#[test]
fn short_runs_have_a_rate_at_every_step() {
    for schedule in [Schedule::Constant, Schedule::Step, Schedule::Cosine, Schedule::OneCycle, Schedule::Plateau] {
        for (total, warmup) in [(0, 0), (1, 0), (2, 5), (3, 1)] {
            let course = Course { schedule, total, warmup, every: 0, factor: 0.1, least: 0.0 };
            assert!((0..8).all(|step| (0.0..=1.0).contains(&course.at(step, 1.0))), "{course:?}");
        }
    }
}
