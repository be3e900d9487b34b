//! Where covariates join, and that they reach the scores.

use super::*;
use crate::engine::{Engine, Input};
use crate::network::check::{self, Case};
use crate::network::{Mode, Plan};
use crate::testing::{net, task};
use basewise_core::{Profile, TaskKind};

/// Bases with so many covariates.
fn beside(covariates: usize) -> Inputs {
    Inputs::new(4, covariates, None)
}

fn joined(text: &str, side: usize) -> Vec<String> {
    net(text).joined(beside(side), &1.into()).unwrap().layers.iter().map(Layer::label).collect()
}

const HIDDEN: &str = "
[[layer]]
type = 'conv1d'
filters = 3
width = 5
[[layer]]
type = 'global-max-pool'
[[layer]]
type = 'dense'
units = 4
[[layer]]
type = 'relu'
";

const EXPLICIT: &str = "
[[layer]]
type = 'concat'
[[layer.branch]]
[[layer.branch.layer]]
type = 'global-avg-pool'
[[layer.branch.layer]]
type = 'side-inputs'
[[layer.branch.layer]]
type = 'dense'
units = 2
[[layer.branch]]
[[layer.branch.layer]]
type = 'global-max-pool'
[[layer]]
type = 'side-inputs'
";

#[test]
fn they_join_before_the_last_dense_layer_or_at_the_end_or_where_the_description_says() {
    assert_eq!(joined(HIDDEN, 2), ["conv1d 3 x 5", "global-max-pool", "side-inputs 2", "dense 4", "relu"]);
    assert_eq!(joined("layer = []", 1), ["flatten", "side-inputs 1"]);
    assert_eq!(joined(EXPLICIT, 3), ["concat 2 branches", "side-inputs 3"]);
    assert_eq!(net(HIDDEN).joined(beside(0), &1.into()).unwrap(), net(HIDDEN));
    // What was joined stays as it is.
    let once = net(HIDDEN).joined(beside(2), &1.into()).unwrap();
    assert_eq!(once.joined(beside(2), &1.into()).unwrap(), once);
    let text = once.to_toml().unwrap();
    assert_eq!(net(&text).joined(beside(2), &1.into()).unwrap(), once);
}

#[test]
fn errors_name_the_layer() {
    let error = net(EXPLICIT).joined(beside(0), &1.into()).unwrap_err().to_string();
    assert!(
        error.starts_with("layer 1.b1.2 (side-inputs): expected examples with covariates, found none; "),
        "{error}"
    );
    let early = "[[layer]]\ntype = 'side-inputs'";
    let error = net(early).summary(beside(2), 9, 1).unwrap_err().to_string();
    assert!(error.contains("layer 1 (side-inputs 2): expected a vector [features, 1], found [4, 9]; put"), "{error}");
    assert!(Architecture::from_toml("[[layer]]\ntype = 'side-inputs'\nwidth = 2", "t").is_err());
    let strands =
        "[[layer]]\ntype = 'strands'\n[[layer.layer]]\ntype = 'global-max-pool'\n[[layer.layer]]\ntype = 'side-inputs'";
    let error = net(strands).summary(beside(2), 9, 1).unwrap_err().to_string();
    assert!(error.contains("found side-inputs among them; put side-inputs behind it"), "{error}");
}

#[test]
fn the_summary_shows_them_and_counts_their_weights() {
    let inputs = beside(2);
    let summary = net(HIDDEN).summary(inputs, 12, 1).unwrap();
    let rows: Vec<&str> = summary.rows.iter().map(|row| row.layer.as_str()).collect();
    assert_eq!(rows[2..5], ["side-inputs 2", "dense 4", "relu"]);
    assert_eq!((summary.rows[2].output, summary.rows[3].parameters), ([5, 1], 5 * 4 + 4));
    let profile = Profile { tracks: vec!["t".into()], bins: 4, bin_size: 1, strand_pairs: vec![], count_weight: 1.0 };
    let tasks = [task("p", TaskKind::Profile(profile)), task("y", TaskKind::Binary)];
    let text = "[[layer]]\ntype = 'conv1d'\nfilters = 3\nwidth = 3";
    let summary = net(text).summary(inputs, 12, &tasks[..]).unwrap();
    let heads: Vec<(&str, usize)> = summary.rows[1..].iter().map(|row| (row.layer.as_str(), row.parameters)).collect();
    assert_eq!(heads[1..], [("head counts dense 1", 6), ("head dense 1", 3 * 12 + 2 + 1)]);
}

/// In the engine, wherever they join: scores and gradients as in the reference.
#[test]
fn networks_with_side_inputs_agree_with_central_differences() {
    let profile = Profile { tracks: vec!["t".into()], bins: 4, bin_size: 1, strand_pairs: vec![], count_weight: 1.0 };
    let profile = [task("y", TaskKind::Binary), task("p", TaskKind::Profile(profile))];
    let narrow = "[head]\nprofile_width = 3\n[[layer]]\ntype = 'conv1d'\nfilters = 3\nwidth = 3";
    let inputs = beside(3);
    let plans = [
        Plan::new(&net(HIDDEN), inputs, 12, 2),
        Plan::new(&net("layer = []"), inputs, 12, 2),
        Plan::new(&net(EXPLICIT), inputs, 12, 2),
        Plan::new(&net(narrow), inputs, 12, &profile[..]),
    ];
    for (i, plan) in plans.into_iter().enumerate() {
        let case = Case::random(plan.unwrap(), 5, Mode::Evaluate, i as u64);
        let mut engine = Engine::new(&case.plan);
        let input = || Input::Floats(&case.x, &case.side);
        let (mut parameters, slopes) = (Vec::new(), |s: &[f32]| (s.to_vec(), case.slopes.clone()));
        let (scores, _) = engine.gradients(&case.weights, input(), case.mode, &mut parameters, slopes);
        assert_eq!(engine.infer(&case.weights, input()), scores);
        let wanted = case.scores();
        assert!(scores.iter().zip(&wanted).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4), "network {i}");
        let x = engine.input_gradient(&case.weights, &case.x, &case.side, case.mode, |_| case.slopes.clone());
        let agreement = check::gradients(&case, &parameters, Some(&x));
        assert!(agreement.worst < 1e-3, "network {i}\n{agreement:#?}");
        // Other numbers beside the same sequences give other scores.
        let other: Vec<f32> = case.side.iter().map(|value| value + 1.0).collect();
        assert_ne!(engine.infer(&case.weights, Input::Floats(&case.x, &other)), scores, "network {i}");
    }
}
