//! DeepLIFT against tangermeme 1.6.0; see `tests/golden/deeplift/make.py`.

use super::{References, deeplift};
use crate::Model;
use crate::network::golden_tests::{mixed, weights};
use crate::testing::{DNA, cpu, net, task};
use basewise_core::{SequenceBatch, TaskKind};
use serde::Deserialize;

const CASES: &str = include_str!("../../../../tests/golden/deeplift/cases.json");
const LENGTH: usize = 40;

#[derive(Deserialize)]
struct Case {
    name: String,
    contributions: Vec<f64>,
}

/// Layers in short, `;` between them; those within a residual layer in brackets.
fn layers(name: &str) -> String {
    match name {
        "basset" => {
            "conv1d filters=10 width=7 padding='valid'; batch-norm; relu; max-pool1d width=3; \
             conv1d filters=8 width=4 padding='valid'; batch-norm; relu; max-pool1d width=2; flatten; dense units=12; \
             batch-norm; relu"
        }
        "bpnet" => {
            "conv1d filters=6 width=9; relu; [conv1d filters=6 width=3 dilation=2; relu]; \
             [conv1d filters=6 width=3 dilation=4; relu]; [conv1d filters=6 width=3 dilation=8; relu]; global-avg-pool"
        }
        "pointwise" => {
            "conv1d filters=6 width=5; tanh; conv1d filters=6 width=3; sigmoid; max-pool1d width=3 stride=2; \
             conv1d filters=6 width=3; batch-norm; elu; conv1d filters=6 width=3; batch-norm; gelu; \
             conv1d filters=6 width=3; batch-norm; silu; conv1d filters=6 width=3; batch-norm; softplus; global-max-pool"
        }
        _ => {
            "conv1d filters=8 width=5; gelu; max-pool1d width=2; [layer-norm; self-attention heads=2]; \
             [rms-norm; conv1d filters=12 width=1; silu; conv1d filters=8 width=1]; softmax"
        }
    }
    .to_owned()
}

fn toml(text: &str) -> String {
    let mut out = String::new();
    let mut within = false;
    for layer in text.split("; ") {
        if let Some(first) = layer.strip_prefix('[') {
            out += "[[layer]]\ntype='residual'\n";
            within = true;
            out += &one(first, true);
        } else if let Some(last) = layer.strip_suffix(']') {
            out += &one(last, true);
            within = false;
        } else {
            out += &one(layer, within);
        }
    }
    out
}

fn one(layer: &str, within: bool) -> String {
    let mut words = layer.split(' ');
    let name = words.next().unwrap_or_default();
    let table = if within { "layer.layer" } else { "layer" };
    format!("[[{table}]]\ntype='{name}'\n{}\n", words.collect::<Vec<_>>().join("\n"))
}

fn letters(k: usize) -> Vec<u8> {
    (0..LENGTH).map(|position| b"ACGT"[(mixed(position, k) >> 30) as usize]).collect()
}

#[test]
fn contributions_are_those_of_tangermeme() {
    let cases: Vec<Case> = serde_json::from_str(CASES).unwrap();
    assert_eq!(cases.len(), 4);
    let tasks = ["a", "b", "c"].map(|name| task(name, TaskKind::Regression));
    for Case { name, contributions: wanted } in cases {
        let mut model = Model::untrained(&net(&toml(&layers(&name))), &tasks, DNA, LENGTH, 1, &cpu()).unwrap();
        model.weights = weights(&model.plan);
        let (mut batch, mut sequences) = (SequenceBatch::new(DNA, LENGTH), SequenceBatch::new(DNA, LENGTH));
        for i in 0..2 {
            batch.push(&letters(1000 + i)).unwrap();
            (0..3).for_each(|r| sequences.push(&letters(4000 + 100 * i + r)).unwrap());
        }
        let found = deeplift(&model, &batch, &References::Given { count: 3, sequences }, 0).unwrap();
        let largest = wanted.iter().fold(0.0, |top: f64, v| top.max(v.abs()));
        assert_eq!(found.hypothetical.len(), wanted.len());
        for (at, (got, want)) in found.hypothetical.iter().zip(&wanted).enumerate() {
            assert!((f64::from(*got) - want).abs() < 3e-5 * largest, "{name}[{at}]: {got} against {want} of {largest}");
        }
        assert!(found.convergence().largest_relative < 1e-4, "{name}: {:?}", found.convergence());
    }
}
