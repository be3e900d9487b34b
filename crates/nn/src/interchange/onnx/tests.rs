//! The graph's form, read back; `scripts/check_onnx.py` compares what it computes with onnxruntime.

use super::*;
use crate::architecture::{Architecture, Layer, Padding, type_names};
use crate::network::gradient_tests::random_layer;
use crate::testing::{net, profile_task, task, three_covariates, three_tasks, untrained, untrained_with_control};
use basewise_core::TaskKind;
use basewise_core::random::stream;
use std::collections::{BTreeMap, BTreeSet};

fn model(architecture: &Architecture, length: usize) -> Model {
    untrained(architecture, three_tasks(), Vec::new(), length)
}

/// Fields of a message by number; those with a length as bytes, others as their little-endian number.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let end = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap();
        let (number, rest) = bytes.split_at(end + 1);
        *bytes = rest;
        number.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                found.push((key >> 3, varint(&mut bytes).to_le_bytes().to_vec()));
                continue;
            }
            2 => varint(&mut bytes) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        let (value, rest) = bytes.split_at(length);
        found.push((key >> 3, value.to_vec()));
        bytes = rest;
    }
    found
}

fn all(message: &[(u64, Vec<u8>)], field: u64) -> Vec<&Vec<u8>> {
    message.iter().filter(|(number, _)| *number == field).map(|(_, value)| value).collect()
}

fn texts(message: &[(u64, Vec<u8>)], field: u64) -> Vec<String> {
    all(message, field).into_iter().map(|value| String::from_utf8(value.clone()).unwrap()).collect()
}

fn number(bytes: &[u8]) -> usize {
    usize::from_le_bytes(bytes.try_into().unwrap())
}

#[derive(Debug)]
struct Read {
    /// Names of the inputs.
    inputs: Vec<String>,
    /// Operator, inputs and outputs of each node.
    nodes: Vec<(String, Vec<String>, Vec<String>)>,
    /// Shape and bytes of each constant.
    constants: BTreeMap<String, (Vec<usize>, Vec<u8>)>,
    metadata: BTreeMap<String, String>,
}

impl Read {
    fn operators(&self) -> Vec<&str> {
        self.nodes.iter().map(|(operator, ..)| operator.as_str()).collect()
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.constants[name].1.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect()
    }
}

/// Reads a file back; every value must be made once, before it is used, and constants must be as large as they say.
fn read(bytes: &[u8]) -> Read {
    let file = fields(bytes);
    let graph = fields(all(&file, 7)[0]);
    let mut constants = BTreeMap::new();
    for tensor in all(&graph, 5) {
        let tensor = fields(tensor);
        let shape: Vec<usize> = all(&tensor, 1).into_iter().map(|side| number(side)).collect();
        let size = match number(all(&tensor, 2)[0]) {
            1 => 4,
            7 => 8,
            9 => 1,
            other => panic!("type {other}"),
        };
        let data = all(&tensor, 9)[0].clone();
        assert_eq!(data.len(), size * shape.iter().product::<usize>());
        let name = texts(&tensor, 8).remove(0);
        assert!(constants.insert(name.clone(), (shape, data)).is_none(), "{name} twice");
    }
    let inputs: Vec<String> = all(&graph, 11).iter().map(|info| texts(&fields(info), 1).remove(0)).collect();
    let mut known: BTreeSet<String> = constants.keys().cloned().collect();
    assert!(inputs.iter().all(|input| known.insert(input.clone())), "{inputs:?} again");
    let mut nodes = Vec::new();
    for node in all(&graph, 1) {
        let node = fields(node);
        let (inputs, outputs) = (texts(&node, 1), texts(&node, 2));
        assert!(inputs.iter().all(|input| known.contains(input)), "{inputs:?} of {known:?}");
        assert!(outputs.iter().all(|output| known.insert(output.clone())), "{outputs:?} again");
        nodes.push((texts(&node, 4).remove(0), inputs, outputs));
    }
    assert!(known.contains("scores"));
    let metadata = all(&file, 14).into_iter().map(|entry| {
        let entry = fields(entry);
        (texts(&entry, 1).remove(0), texts(&entry, 2).remove(0))
    });
    Read { inputs, nodes, constants, metadata: metadata.collect() }
}

#[test]
fn every_layer_makes_a_sound_graph() {
    for name in type_names() {
        for seed in 0..8 {
            let (layer, [channels, length]) = random_layer(name, &mut stream(seed, "test shape", &[]));
            let conv = Layer::Conv1d {
                filters: channels,
                width: 1,
                stride: 1,
                dilation: 1,
                groups: 1,
                padding: Padding::Same,
            };
            // Strands stand nowhere but first, and take bases.
            let first = matches!(layer, Layer::Strands { .. });
            let layers = if first { vec![layer] } else { vec![conv, layer] };
            let covariates = if name == "side-inputs" { three_covariates() } else { Vec::new() };
            let architecture = Architecture::new(layers);
            let (model, inputs) = match name {
                "control-signal" => {
                    (untrained_with_control(&architecture, three_tasks(), length), &["sequence", "control"][..])
                }
                "side-inputs" => {
                    (untrained(&architecture, three_tasks(), covariates, length), &["sequence", "covariates"][..])
                }
                _ => (untrained(&architecture, three_tasks(), covariates, length), &["sequence"][..]),
            };
            let graph = read(&export(&model).unwrap());
            assert_eq!(graph.inputs, inputs, "{name}");
            assert_eq!(graph.nodes[0].0, if first { "Gather" } else { "Conv" }, "{name}");
            assert_eq!(graph.nodes.last().unwrap().2, ["scores"], "{name}");
        }
    }
}

#[test]
fn the_check_against_a_runtime_knows_every_layer() {
    let script = include_str!("../../../../../scripts/check_onnx.py");
    for name in type_names() {
        assert!(script.contains(&format!("\"{name}\"")), "{name}");
    }
}

#[test]
fn every_preset_makes_a_sound_graph() {
    for (name, _) in Architecture::presets() {
        let architecture = Architecture::preset(name).unwrap();
        for covariates in [Vec::new(), three_covariates()] {
            let model = untrained(&architecture, three_tasks(), covariates, 200);
            let graph = read(&export(&model).unwrap());
            assert!(graph.constants.len() >= 4, "{name}");
            assert_eq!(export(&model).unwrap(), export(&model).unwrap());
        }
    }
}

#[test]
fn several_heads_join_in_the_order_of_the_outputs() {
    let conv = "[[layer]]\ntype = 'conv1d'\nfilters = 3\nwidth = 5\n";
    let tasks = vec![profile_task("a"), task("b", TaskKind::Binary), profile_task("c")];
    let model = untrained(&net(conv), tasks, three_covariates(), 30);
    let graph = read(&export(&model).unwrap());
    // Five heads, three of which take the covariates, which are standardized once.
    let concats: Vec<_> = graph.nodes.iter().filter(|(operator, ..)| operator == "Concat").collect();
    assert_eq!(concats.len(), 4);
    assert_eq!(concats[3].1.len(), 5);
    assert_eq!(graph.operators().iter().filter(|operator| **operator == "IsNaN").count(), 1);
    assert_eq!(graph.constants["head.1.profile.weight"].0, [2, 3, 75]);
}

#[test]
fn control_signal_is_an_input_of_its_own() {
    let conv = "[[layer]]\ntype = 'conv1d'\nfilters = 3\nwidth = 5\n";
    let architecture = net(&format!("[head]\ncontrol_width = 3\ncontrol_log = true\n{conv}"));
    let graph = read(&export(&untrained_with_control(&architecture, vec![profile_task("a")], 30)).unwrap());
    assert_eq!(graph.inputs, ["sequence", "control"]);
    assert_eq!(graph.constants["head.control.weight"].0, [2, 2, 3]);
    let count = |name: &str| graph.operators().iter().filter(|operator| **operator == name).count();
    // What is unknown is read as 0 once; logarithms are of the bins and of the totals.
    assert_eq!([count("IsNaN"), count("Log"), count("ReduceSum"), count("Conv")], [1, 2, 1, 3]);
    assert!(graph.metadata["basewise.control"].contains(r#""tracks":["plus","minus"],"bins":6,"bin_size":2"#));
}

#[test]
fn covariates_come_as_they_are_in_a_table() {
    let model = untrained(&net("[[layer]]\ntype = 'flatten'\n"), three_tasks(), three_covariates(), 5);
    let graph = read(&export(&model).unwrap());
    assert_eq!(graph.inputs, ["sequence", "covariates"]);
    assert_eq!(graph.constants["covariates.logs"].1, [0, 1, 0]);
    // What a float32 leaves of 2011.3 comes after it.
    let whole = f64::from(graph.floats("covariates.mean")[2]) + f64::from(graph.floats("covariates.rest")[2]);
    assert!((whole - 2011.3).abs() < 1e-10 && graph.floats("covariates.rest")[2] != 0.0);
    assert!(graph.metadata["basewise.covariates"].contains("\"distance\",\"transform\":\"log\""));
}

#[test]
fn the_graph_of_a_small_network_is_the_expected_one() {
    let text = "
[[layer]]
type = 'conv1d'
filters = 2
width = 4
[[layer]]
type = 'gelu'
[[layer]]
type = 'dropout'
rate = 0.5
[[layer]]
type = 'crop'
left = 2
right = 3
";
    let graph = read(&export(&model(&net(text), 20)).unwrap());
    let gelu = ["Mul", "Erf", "Add", "Mul", "Mul"];
    assert_eq!(graph.operators(), [&["Conv"][..], &gelu, &["Slice", "Flatten", "Gemm", "Identity"]].concat());
    assert_eq!(graph.constants["layer1.weight"].0, [2, 4, 4]);
    assert_eq!(graph.constants["layer4.ends"].1, 17i64.to_le_bytes());
    assert_eq!(graph.constants["head.weight"].0, [30, 5]);
    assert_eq!(graph.metadata["basewise.outputs"], r#"["b","c:a","c:b","c:c","r"]"#);
    assert_eq!(graph.metadata["basewise.encoding"], r#"{"alphabet":"dna","case":"ignore"}"#);
    assert!(graph.metadata["basewise.tasks"].contains("regression"));
}

#[test]
fn a_value_that_two_branches_flatten_is_flattened_once() {
    let branch = "[[layer.branch]]\n[[layer.branch.layer]]\ntype = 'flatten'\n";
    let graph = read(&export(&model(&net(&format!("[[layer]]\ntype = 'concat'\n{branch}{branch}")), 6)).unwrap());
    assert_eq!(graph.operators().iter().filter(|operator| **operator == "Flatten").count(), 2);
}

#[test]
fn gates_are_in_the_order_of_onnx() {
    for (name, order, biases) in [("lstm", &[0, 3, 1, 2][..], 1), ("gru", &[1, 0, 2], 2)] {
        let text = format!("[[layer]]\ntype = '{name}'\nunits = 2\nbidirectional = true\nlast = true\n");
        let mut model = model(&net(&text), 6);
        let mut weights = model.weights.clone();
        // Each number says its gate, its unit and its row.
        let gates = order.len();
        for array in &mut weights.parameters {
            let columns = 2 * gates;
            for (i, value) in array.values.iter_mut().enumerate() {
                *value = (100 * (i % columns / 2) + 10 * (i % 2) + i / columns) as f32;
            }
        }
        model = model.with_weights(weights);
        let graph = read(&export(&model).unwrap());
        let (shape, _) = &graph.constants["layer1.W"];
        assert_eq!(*shape, [2, 2 * gates, 4], "{name}");
        let wanted = |inputs: usize| -> Vec<f32> {
            let rows = order.iter().flat_map(|gate| [0, 1].map(|unit| 100 * gate + 10 * unit));
            let side: Vec<f32> = rows.flat_map(|row| (0..inputs).map(move |i| (row + i) as f32)).collect();
            side.repeat(2)
        };
        assert_eq!(graph.floats("layer1.W"), wanted(4), "{name}");
        assert_eq!(graph.floats("layer1.R"), wanted(2), "{name}");
        let bias = wanted(1)[..2 * gates].to_vec();
        let zeros = vec![0.0; 2 * gates];
        let hidden = if biases == 2 { &bias } else { &zeros };
        assert_eq!(graph.floats("layer1.B"), [&bias[..], hidden].concat().repeat(2), "{name}");
    }
}
