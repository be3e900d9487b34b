//! Every preset trains, and sees as far as it says.

use super::*;
use crate::engine::{Engine, Input};
use crate::network::{Mode, Plan, check::Case};
use crate::testing::{cpu, planted};
use crate::train::{Control, TrainConfig, TrainOptions, train};
use basewise_core::random::{normal, stream};

/// Positions enough for the pools of every preset, of which none is left over by one before a layer that sees them all.
const SHORT: usize = 168;

#[test]
fn every_preset_trains() {
    let mut dataset = planted(20, SHORT);
    dataset.examples.truncate(20);
    let options = TrainOptions { loader_workers: 0, keep_checkpoints: 1, ..TrainOptions::default() };
    for (name, _) in Architecture::presets() {
        let directory = tempfile::tempdir().unwrap();
        let config = TrainConfig { epochs: 1, batch_size: 8, ..TrainConfig::default() };
        let architecture = Architecture::preset(name).unwrap();
        let outcome =
            train(&dataset, &architecture, &config, &cpu(), directory.path(), &options, &mut |_| Control::Continue);
        let history = outcome.unwrap().history;
        let losses = [history[0].train_loss, history[0].valid_loss];
        assert!(losses.iter().all(|loss| loss.is_finite() && *loss > 0.0), "{name}: {losses:?}");
    }
}

/// Layers that tell positions apart, before the first that flattens.
fn trunk(architecture: &Architecture) -> Vec<Layer> {
    fn flattens(layer: &Layer) -> bool {
        let pools = matches!(layer, Layer::GlobalMaxPool | Layer::GlobalAvgPool | Layer::AttentionPool { width: None });
        pools || matches!(layer, Layer::Flatten | Layer::Dense { .. }) || layer.inner().iter().flatten().any(flattens)
    }
    architecture.layers.iter().take_while(|layer| !flattens(layer)).cloned().collect()
}

/// First and last input position with a gradient of the values at position `at`, over a few random inputs.
fn seen(layers: Vec<Layer>, length: usize, at: impl Fn(usize) -> usize) -> (usize, usize) {
    let plan = Plan::without_head(&Architecture::new(layers), 4, length).unwrap();
    let output = plan.steps.last().map_or(plan.input, |step| step.output);
    let mut case = Case::random(plan, 6, Mode::Evaluate, 5);
    let mut rng = stream(3, "test slopes", &[]);
    for (i, slope) in case.slopes.iter_mut().enumerate() {
        *slope = if i % output.length == at(output.length) { normal(&mut rng) as f32 } else { 0.0 };
    }
    let mut engine = Engine::new(&case.plan);
    let gradient = engine.input_gradient(&case.weights, &case.x, &case.side, Mode::Evaluate, |_| case.slopes.clone());
    assert_eq!(engine.infer(&case.weights, Input::Floats(&case.x, &case.side)).len(), case.slopes.len());
    let positions = || gradient.iter().enumerate().filter(|(_, g)| **g != 0.0).map(|(i, _)| i % length);
    (positions().min().unwrap(), positions().max().unwrap())
}

#[test]
fn every_preset_sees_as_far_as_its_receptive_field() {
    for (name, _) in Architecture::presets() {
        let architecture = Architecture::preset(name).unwrap();
        // Longer than the field where it is bounded.
        let length = if *name == "dilated" { 1400 } else { SHORT };
        let summary = architecture.summary(4, length, 1).unwrap();
        let layers = trunk(&architecture);
        let (first, last) = if layers.is_empty() { (0, 0) } else { seen(layers, length, |outputs| outputs / 2) };
        assert_eq!(last - first + 1, summary.receptive_field, "{name}");
    }
}

#[test]
fn other_layers_see_as_far_as_they_say() {
    // Networks with what they say they see of 61 positions, at the output that sees most.
    let cases = [
        ("max-pool1d width=2; conv1d filters=3 width=3; upsample factor=2; conv1d filters=3 width=3", 8),
        ("conv1d filters=3 width=3; avg-pool1d width=4; upsample factor=3; conv1d filters=2 width=3", 10),
        ("conv1d filters=4 width=5; attention-pool width=3; layer-norm; softmax", 7),
        ("conv1d filters=4 width=5; self-attention heads=2", 61),
        ("rms-norm; conv1d filters=4 width=4", 4),
    ];
    for (text, want) in cases {
        let tables = text.split("; ").map(|layer| {
            let (name, keys) = layer.split_once(' ').unwrap_or((layer, ""));
            format!("[[layer]]\ntype='{name}'\n{}\n", keys.replace(' ', "\n"))
        });
        let architecture = Architecture::from_toml(&tables.collect::<String>(), "test").unwrap();
        let summary = architecture.summary(4, 61, 1).unwrap();
        assert_eq!(summary.receptive_field, want, "{text}");
        let outputs = summary.rows[summary.rows.len() - 2].output[1];
        let middle = outputs / 2 - 6.min(outputs / 2)..outputs / 2 + 6.min(outputs - outputs / 2);
        let widest = middle.map(|at| seen(architecture.layers.clone(), 61, |_| at)).map(|(a, b)| b - a + 1).max();
        assert_eq!(widest, Some(want), "{text}");
    }
}

#[test]
fn strands_see_both_ends() {
    // The last window of the sequence is the first of its reverse complement.
    let strands = |inner: &str| {
        let text = format!("[[layer]]\ntype='strands'\n[[layer.layer]]\ntype='conv1d'\nfilters=2\n{inner}");
        Architecture::from_toml(&text, "test").unwrap()
    };
    for (inner, want) in [("width=5", 5), ("width=4", 5), ("width=3\nstride=4\npadding='valid'", 5)] {
        let architecture = strands(inner);
        let summary = architecture.summary(4, 33, 1).unwrap();
        assert_eq!(summary.receptive_field, want, "{inner}");
        let (first, last) = seen(architecture.layers, 33, |outputs| outputs / 2);
        assert_eq!(last - first + 1, want, "{inner}");
    }
}
