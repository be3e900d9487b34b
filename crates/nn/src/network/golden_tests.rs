//! Every preset and every layer against PyTorch 2.15.0; see `tests/golden/presets/make.py`.

use super::{Mode, Plan, Weights, reference};
use crate::architecture::{Architecture, Inputs, Layer, type_names};
use crate::engine::{Engine, Input};
use crate::testing::{DNA, net, task};
use basewise_core::{ControlSignal, Covariate, Profile, SequenceBatch, Task, TaskKind, Transform};
use serde::Deserialize;

const CASES: &str = include_str!("../../../../tests/golden/presets/cases.json");

#[derive(Deserialize)]
pub(crate) struct Cases {
    presets: Vec<Preset>,
    layers: Vec<Small>,
    profiles: Vec<Small>,
}

/// An array of a state dict: name, shape, and the sum of all values, each times its place modulo 89, from 1.
pub(crate) type Listed = (String, Vec<usize>, f64);

#[derive(Deserialize)]
struct Preset {
    name: String,
    parameters: usize,
    divisor: usize,
    length: usize,
    scores: Vec<Vec<f64>>,
    state_dict: Vec<Listed>,
}

#[derive(Deserialize)]
struct Small {
    name: String,
    toml: String,
    length: usize,
    /// Tracks and bins.
    control: Option<[usize; 2]>,
    /// Tracks, bins and bases in a bin of what is predicted; else regressions.
    profile: Option<[usize; 3]>,
    scores: Vec<Vec<f64>>,
    state_dict: Vec<Listed>,
}

fn cases() -> Cases {
    serde_json::from_str(CASES).unwrap()
}

/// As the script has it.
pub(crate) fn mixed(i: usize, k: usize) -> u32 {
    let x = (i as u32).wrapping_mul(2_654_435_761).wrapping_add((k as u32).wrapping_mul(2_246_822_519));
    let x = x.wrapping_add(12_345);
    let x = (x ^ (x >> 16)).wrapping_mul(2_246_822_519);
    let x = (x ^ (x >> 13)).wrapping_mul(3_266_489_917);
    x ^ (x >> 16)
}

fn fill(name: &str, shape: &[usize], k: usize, values: &mut [f32]) {
    let size = values.len();
    for (i, out) in values.iter_mut().enumerate() {
        let value = f64::from(mixed(i, k)) / 2f64.powi(31) - 1.0;
        let fan = if shape.len() == 3 { size / shape[0] } else { shape[0] };
        let around = if name.ends_with(".scale") || name.ends_with(".variance") { 1.0 } else { 0.0 };
        *out = if shape.len() == 1 { around + 0.3 * value } else { (3.0 / fan as f64).sqrt() * value } as f32;
    }
}

pub(crate) fn weights(plan: &Plan) -> Weights {
    let mut weights = Weights::initial(plan, 1);
    for (k, array) in weights.parameters.iter_mut().enumerate() {
        fill(&array.name, &array.shape, k, &mut array.values);
    }
    for (k, array) in weights.buffers.iter_mut().enumerate() {
        fill(&array.name, &array.shape, 500 + k, &mut array.values);
    }
    weights
}

/// A network of a case, its length, scores and state dict.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) architecture: Architecture,
    pub(crate) length: usize,
    pub(crate) tasks: Vec<Task>,
    pub(crate) control: Option<ControlSignal>,
    pub(crate) scores: Vec<Vec<f64>>,
    pub(crate) state_dict: Vec<Listed>,
}

fn tracks(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("t{i}")).collect()
}

fn regressions() -> Vec<Task> {
    ["a", "b", "c"].map(|name| task(name, TaskKind::Regression)).to_vec()
}

/// Presets with all filters and units divided, small networks of every layer, and profiles.
pub(crate) fn networks() -> Vec<Case> {
    let Cases { presets, layers, profiles } = cases();
    let presets = presets.into_iter().map(|Preset { name, divisor, length, scores, state_dict, .. }| {
        let mut architecture = Architecture::preset(&name).unwrap();
        divided(&mut architecture.layers, divisor);
        Case { name, architecture, length, tasks: regressions(), control: None, scores, state_dict }
    });
    let layers = layers.into_iter().chain(profiles).map(|small| {
        let Small { name, toml, length, control, profile, scores, state_dict } = small;
        let bin_size = profile.map_or(1, |[_, _, size]| size);
        let control =
            control.map(|[count, bins]| ControlSignal { tracks: tracks(count), bins, bin_size, strand_pairs: vec![] });
        let tasks = profile.map_or_else(regressions, |[count, bins, bin_size]| {
            let (tracks, strand_pairs) = (tracks(count), vec![]);
            let profile = Profile { tracks, bins, bin_size, strand_pairs, count_weight: 1.0 };
            vec![task("p", TaskKind::Profile(profile))]
        });
        Case { name, architecture: net(&toml), length, tasks, control, scores, state_dict }
    });
    presets.chain(layers).collect()
}

/// Covariates that are standardized already, where the network takes any.
pub(crate) fn covariates(architecture: &Architecture) -> Vec<Covariate> {
    let takes_any = architecture.layers.iter().any(|layer| matches!(layer, Layer::SideInputs { .. }));
    let plain = |i| Covariate { name: format!("c{i}"), transform: Transform::None, mean: 0.0, deviation: 1.0 };
    (0..if takes_any { 2 } else { 0 }).map(plain).collect()
}

/// The sequences of the script, with its covariates and control signal.
fn sequences(n: usize, length: usize, covariates: &[Covariate], control: Option<&ControlSignal>) -> SequenceBatch {
    let mut batch = SequenceBatch::new(DNA, length).with_control(control);
    for example in 0..n {
        let letters = (0..length).map(|position| b"ACGT"[(mixed(position, 1000 + example) >> 30) as usize]);
        batch.push(&letters.collect::<Vec<u8>>()).unwrap();
        let value = |j| f64::from(mixed(j, 2000 + example)) / 2f64.powi(31) - 1.0;
        batch.push_covariates(covariates, (0..covariates.len()).map(value));
        let signal = |j| 10.0 * (f64::from(mixed(j, 3000 + example)) / 2f64.powi(31) - 1.0).abs();
        batch.push_control((0..control.map_or(0, ControlSignal::size)).map(signal));
    }
    batch
}

fn agrees(case: &Case) {
    let Case { name, architecture, length, tasks, control, scores: wanted, .. } = case;
    let covariates = covariates(architecture);
    let inputs = Inputs::new(4, covariates.len(), control.as_ref());
    let plan = Plan::new(architecture, inputs, *length, tasks).unwrap();
    let weights = weights(&plan);
    let batch = sequences(wanted.len(), *length, &covariates, control.as_ref());
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let [parameters, buffers] = [&weights.parameters, &weights.buffers]
        .map(|arrays| arrays.iter().map(|a| wide(&a.values)).collect::<Vec<_>>());
    let x = wide(&batch.one_hot());
    let exact = reference::forward(&plan, &parameters, &buffers, &x, batch.side(), wanted.len(), Mode::Evaluate);
    let engine = wide(&Engine::new(&plan).infer(&weights, Input::Codes(&batch)));
    let wanted = wanted.concat();
    let largest = wanted.iter().fold(0.0, |top: f64, v| top.max(v.abs()));
    assert!(largest > 1e-3, "{name}");
    for ((exact, engine), want) in exact.iter().zip(&engine).zip(&wanted) {
        assert!((exact - want).abs() < 1e-9 * largest, "{name}: reference {exact} against {want}");
        assert!((engine - want).abs() < 1e-5 * largest, "{name}: {engine} against {want}");
    }
}

/// The layers with all filters and units divided, and as in the script without dropout, which does nothing here.
fn divided(layers: &mut Vec<Layer>, by: usize) {
    layers.retain(|layer| !matches!(layer, Layer::Dropout { .. }));
    for layer in layers {
        match layer {
            Layer::Conv1d { filters: width, .. }
            | Layer::Dense { units: width }
            | Layer::Lstm { units: width, .. }
            | Layer::Gru { units: width, .. } => *width = (*width / by).max(1),
            Layer::Residual { layers } => divided(layers, by),
            Layer::Concat { branches } => branches.iter_mut().for_each(|layers| divided(layers, by)),
            _ => {}
        }
    }
}

#[test]
fn presets_have_the_sizes_of_pytorch() {
    let cases = cases().presets;
    let names = cases.iter().map(|case| case.name.as_str());
    assert!(names.eq(Architecture::presets().iter().map(|(name, _)| *name)));
    for case in cases {
        let architecture = Architecture::preset(&case.name).unwrap();
        assert_eq!(architecture.summary(4, 1000, 1).unwrap().parameters, case.parameters, "{}", case.name);
    }
}

#[test]
fn presets_and_layers_have_the_scores_of_pytorch() {
    networks().iter().for_each(agrees);
    let cases = cases().layers;
    let mut missing = type_names();
    missing.retain(|name| !cases.iter().any(|case| case.toml.contains(&format!("\"{name}\""))));
    // It does nothing in evaluation.
    assert_eq!(missing, ["dropout"]);
}
