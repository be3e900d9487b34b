//! Attention, over `[batch, length, channels]`.

use super::graph::{Attribute, Graph, Value};
use crate::architecture::{DEFAULT_CLIP, Layer, Positions, head_size};
use crate::network::{Step, rotary_angles};

/// The weighted mean of each window.
pub(super) fn pool(graph: &mut Graph, step: &Step, x: &Value) -> Value {
    let Layer::AttentionPool { width } = step.layer else { return x.clone() };
    let part = |name: &str| format!("{}.{name}", step.name);
    let (channels, windows) = (step.input.channels, step.output.length);
    let width = width.unwrap_or(step.input.length);
    let mut x = graph.wide(x);
    if windows * width < step.input.length {
        x = graph.positions(&part("windows"), &x, [0, windows * width]);
    }
    let rows = graph.transpose(&part("rows"), &x, &[0, 2, 1]);
    let weight = graph.weight(step.parameter);
    let scores = graph.node("MatMul", &part("scores"), &[&rows, &weight], &[]);
    let shape = [0, windows, width, channels];
    let scores = graph.reshape(&part("scores_by_window"), &scores, &shape);
    let rows = graph.reshape(&part("rows_by_window"), &rows, &shape);
    let weights = graph.node("Softmax", &part("weights"), &[&scores], &[("axis", Attribute::Int(2))]);
    let weighted = graph.node("Mul", &part("weighted"), &[&rows, &weights], &[]);
    let axes = graph.integers(part("axes"), &[2]);
    let means = graph.node("ReduceSum", &part("means"), &[&weighted, &axes], &[("keepdims", Attribute::Int(0))]);
    Value::wide(graph.transpose(&step.name, &means, &[0, 2, 1]))
}

/// Self-attention.
pub(super) fn attend(graph: &mut Graph, step: &Step, x: &Value) -> Value {
    let Layer::SelfAttention { heads, key_size, positions, clip } = step.layer else { return x.clone() };
    let part = |name: &str| format!("{}.{name}", step.name);
    let size = head_size(heads, key_size, step.input.channels);
    let x = graph.wide(x);
    let rows = graph.transpose(&part("rows"), &x, &[0, 2, 1]);
    let mut by_head = |name: &str, i: usize| {
        let all = affine(graph, step, &part(&format!("{name}_rows")), &rows, i);
        let split = graph.reshape(&part(&format!("{name}_split")), &all, &[0, step.input.length, heads, size]);
        graph.transpose(&part(name), &split, &[0, 2, 1, 3])
    };
    let [mut queries, mut keys, values] =
        [("queries", 0), ("keys", 1), ("values", 2)].map(|(name, i)| by_head(name, i));
    if positions == Positions::Rotary {
        let angles = Angles::new(graph, step, size);
        queries = angles.turn(graph, &part("turned_queries"), &queries);
        keys = angles.turn(graph, &part("turned_keys"), &keys);
    }
    let keys = graph.transpose(&part("keys_across"), &keys, &[0, 1, 3, 2]);
    let products = graph.node("MatMul", &part("products"), &[&queries, &keys], &[]);
    graph.floats(&part("scale"), &[], &[(1.0 / (size as f64).sqrt()) as f32]);
    let mut scores = graph.node("Mul", &part("scores"), &[&products, &part("scale")], &[]);
    if positions == Positions::Relative {
        let bias = relative_bias(graph, step, clip.unwrap_or(DEFAULT_CLIP));
        scores = graph.node("Add", &part("biased_scores"), &[&scores, &bias], &[]);
    }
    let weights = graph.node("Softmax", &part("weights"), &[&scores], &[("axis", Attribute::Int(3))]);
    let gathered = graph.node("MatMul", &part("gathered"), &[&weights, &values], &[]);
    let beside = graph.transpose(&part("heads_beside"), &gathered, &[0, 2, 1, 3]);
    let joined = graph.reshape(&part("joined"), &beside, &[0, step.input.length, heads * size]);
    let output = affine(graph, step, &part("output_rows"), &joined, 3);
    Value::wide(graph.transpose(&step.name, &output, &[0, 2, 1]))
}

/// Rows times the `i`-th weight of the layer, plus its bias.
fn affine(graph: &mut Graph, step: &Step, name: &str, rows: &str, i: usize) -> String {
    let (weight, bias) = (graph.weight(step.parameter + 2 * i), graph.weight(step.parameter + 2 * i + 1));
    let product = graph.node("MatMul", &format!("{name}.product"), &[rows, &weight], &[]);
    graph.node("Add", name, &[&product, &bias], &[])
}

/// The number of each head and distance, `[heads, length, length]`.
fn relative_bias(graph: &mut Graph, step: &Step, clip: usize) -> String {
    let part = |name: &str| format!("{}.{name}", step.name);
    let length = step.input.length;
    let counted = |from: usize| (from..from + length).map(|at| at as i64).collect::<Vec<_>>();
    // Places among the numbers: the distance from query to key plus the clip. The graph makes them, and stays small.
    let keys = graph.shaped_integers(part("key_places"), &[1, length], &counted(clip));
    let queries = graph.shaped_integers(part("query_places"), &[length, 1], &counted(0));
    let low = graph.shaped_integers(part("first_place"), &[], &[0]);
    let high = graph.shaped_integers(part("last_place"), &[], &[2 * clip as i64]);
    let distances = graph.node("Sub", &part("distances"), &[&keys, &queries], &[]);
    let places = graph.node("Clip", &part("places"), &[&distances, &low, &high], &[]);
    let weight = graph.weight(step.parameter + 8);
    graph.node("Gather", &part("bias"), &[&weight, &places], &[("axis", Attribute::Int(1))])
}

/// Names of the constants that turn pairs of channels.
struct Angles {
    cosines: String,
    sines: String,
    swap: String,
}

impl Angles {
    fn new(graph: &mut Graph, step: &Step, size: usize) -> Self {
        let part = |name: &str| format!("{}.{name}", step.name);
        let length = step.input.length;
        let mut pairwise = |name: &str, values: Vec<f32>| {
            let twice: Vec<f32> = values.iter().flat_map(|&value| [value, value]).collect();
            graph.floats(&part(name), &[length, size], &twice);
            part(name)
        };
        let [cosines, sines] = rotary_angles(length, size);
        let (cosines, sines) = (pairwise("cosines", cosines), pairwise("sines", sines));
        // Times this matrix, (a, b) becomes (-b, a).
        let mut swap = vec![0.0; size * size];
        for pair in 0..size / 2 {
            let (a, b) = (2 * pair, 2 * pair + 1);
            swap[b * size + a] = -1.0;
            swap[a * size + b] = 1.0;
        }
        graph.floats(&part("swap"), &[size, size], &swap);
        Self { cosines, sines, swap: part("swap") }
    }

    /// `(a cos - b sin, b cos + a sin)` of each pair of `[batch, heads, length, size]`.
    fn turn(&self, graph: &mut Graph, name: &str, x: &str) -> String {
        let kept = graph.node("Mul", &format!("{name}.kept"), &[x, &self.cosines], &[]);
        let swapped = graph.node("MatMul", &format!("{name}.swapped"), &[x, &self.swap], &[]);
        let crossed = graph.node("Mul", &format!("{name}.crossed"), &[&swapped, &self.sines], &[]);
        graph.node("Add", name, &[&kept, &crossed], &[])
    }
}
