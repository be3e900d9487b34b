//! The operators that compute each layer: one function a layer.

use super::graph::{Attribute, Graph, Value};
use super::{attention, control, covariates, norms, recurrent, strands};
use crate::architecture::{Layer, padding_of};
use crate::network::Step;

/// Adds the nodes of a list of layers; returns what comes out.
pub(super) fn sequence(graph: &mut Graph, steps: &[Step], x: Value) -> Value {
    steps.iter().fold(x, |x, step| layer(graph, step, x))
}

/// A kind of layer without a rule does not compile.
fn layer(graph: &mut Graph, step: &Step, x: Value) -> Value {
    match &step.layer {
        Layer::Conv1d { .. } => conv1d(graph, step, &x),
        Layer::MaxPool1d { width, stride } => pool(graph, step, &x, "MaxPool", *width, *stride),
        Layer::AvgPool1d { width, stride } => pool(graph, step, &x, "AveragePool", *width, *stride),
        Layer::GlobalMaxPool => global_pool(graph, step, &x, "GlobalMaxPool"),
        Layer::GlobalAvgPool => global_pool(graph, step, &x, "GlobalAveragePool"),
        Layer::Flatten => flatten(graph, &x),
        Layer::Crop { left, .. } => crop(graph, step, &x, *left),
        Layer::Dense { .. } => dense(graph, step, &x),
        // Nothing happens in evaluation.
        Layer::Dropout { .. } => x,
        Layer::BatchNorm => norms::batch_norm(graph, step, &x),
        Layer::LayerNorm => norms::layer_norm(graph, step, &x),
        Layer::RmsNorm => norms::rms_norm(graph, step, &x),
        Layer::Softmax => softmax(graph, step, &x),
        Layer::Upsample { factor } => upsample(graph, step, &x, *factor),
        Layer::SideInputs { .. } => covariates::join(graph, step, &x),
        Layer::ControlSignal { form, .. } => control::signal(graph, step, *form),
        Layer::Relu => elementwise(graph, step, &x, "Relu"),
        Layer::Gelu => gelu(graph, step, &x),
        Layer::Silu => silu(graph, step, &x),
        Layer::Elu => elementwise(graph, step, &x, "Elu"),
        Layer::Tanh => elementwise(graph, step, &x, "Tanh"),
        Layer::Sigmoid => elementwise(graph, step, &x, "Sigmoid"),
        Layer::Softplus => elementwise(graph, step, &x, "Softplus"),
        Layer::Exp => elementwise(graph, step, &x, "Exp"),
        Layer::Lstm { units, bidirectional, last } => recurrent::lstm(graph, step, &x, *units, *bidirectional, *last),
        Layer::Gru { units, bidirectional, last } => recurrent::gru(graph, step, &x, *units, *bidirectional, *last),
        Layer::AttentionPool { .. } => attention::pool(graph, step, &x),
        Layer::SelfAttention { .. } => attention::attend(graph, step, &x),
        Layer::Strands { combine, .. } => strands::both(graph, step, &x, *combine),
        Layer::Residual { .. } => residual(graph, step, &x),
        Layer::Concat { .. } => concat(graph, step, &x),
    }
}

fn conv1d(graph: &mut Graph, step: &Step, x: &Value) -> Value {
    let Layer::Conv1d { width, stride, dilation, groups, padding, .. } = step.layer else { return x.clone() };
    let x = graph.wide(x);
    let (weight, bias) = (graph.weight(step.parameter), graph.weight(step.parameter + 1));
    let (left, right) = padding_of(padding, step.input.length, (width - 1) * dilation + 1, stride);
    let attributes = [
        ("kernel_shape", Attribute::Ints(vec![width])),
        ("strides", Attribute::Ints(vec![stride])),
        ("dilations", Attribute::Ints(vec![dilation])),
        ("group", Attribute::Int(groups as i64)),
        ("pads", Attribute::Ints(vec![left, right])),
    ];
    Value::wide(graph.node("Conv", &step.name, &[&x, &weight, &bias], &attributes))
}

fn pool(graph: &mut Graph, step: &Step, x: &Value, operator: &str, width: usize, stride: Option<usize>) -> Value {
    let x = graph.wide(x);
    let attributes =
        [("kernel_shape", Attribute::Ints(vec![width])), ("strides", Attribute::Ints(vec![stride.unwrap_or(width)]))];
    Value::wide(graph.node(operator, &step.name, &[&x], &attributes))
}

fn global_pool(graph: &mut Graph, step: &Step, x: &Value, operator: &str) -> Value {
    let x = graph.wide(x);
    Value::wide(graph.node(operator, &step.name, &[&x], &[]))
}

fn flatten(graph: &mut Graph, x: &Value) -> Value {
    Value { name: graph.flat(x), flat: true }
}

fn crop(graph: &mut Graph, step: &Step, x: &Value, left: usize) -> Value {
    let x = graph.wide(x);
    Value::wide(graph.positions(&step.name, &x, [left, left + step.output.length]))
}

/// Each position as a row of its own that is repeated, then the rows one after the other.
fn upsample(graph: &mut Graph, step: &Step, x: &Value, factor: usize) -> Value {
    let part = |name: &str| format!("{}.{name}", step.name);
    let x = graph.wide(x);
    let axes = graph.integers(part("axes"), &[3]);
    let column = graph.node("Unsqueeze", &part("column"), &[&x, &axes], &[]);
    let copies = graph.integers(part("copies"), &[1, 1, 1, factor as i64]);
    let rows = graph.node("Expand", &part("rows"), &[&column, &copies], &[]);
    Value::wide(graph.reshape(&step.name, &rows, &[0, step.output.channels, step.output.length]))
}

fn dense(graph: &mut Graph, step: &Step, x: &Value) -> Value {
    let x = graph.flat(x);
    let (weight, bias) = (graph.weight(step.parameter), graph.weight(step.parameter + 1));
    Value { name: graph.node("Gemm", &step.name, &[&x, &weight, &bias], &[]), flat: true }
}

/// An operator that takes one array and keeps its shape; its defaults are our definitions.
fn elementwise(graph: &mut Graph, step: &Step, x: &Value, operator: &str) -> Value {
    Value { name: graph.node(operator, &step.name, &[&x.name], &[]), flat: x.flat }
}

/// Over the channels, which are the second dimension of a vector too.
fn softmax(graph: &mut Graph, step: &Step, x: &Value) -> Value {
    Value { name: graph.node("Softmax", &step.name, &[&x.name], &[("axis", Attribute::Int(1))]), flat: x.flat }
}

/// `x (1 + erf(x / sqrt(2))) / 2`; the operator of its own is newer than the set that we write.
fn gelu(graph: &mut Graph, step: &Step, x: &Value) -> Value {
    let part = |name: &str| format!("{}.{name}", step.name);
    let constants = [("scale", std::f32::consts::FRAC_1_SQRT_2), ("one", 1.0), ("half", 0.5)];
    constants.iter().for_each(|(name, value)| graph.floats(&part(name), &[], &[*value]));
    let scaled = graph.node("Mul", &part("scaled"), &[&x.name, &part("scale")], &[]);
    let erf = graph.node("Erf", &part("erf"), &[&scaled], &[]);
    let sum = graph.node("Add", &part("sum"), &[&erf, &part("one")], &[]);
    let halved = graph.node("Mul", &part("halved"), &[&sum, &part("half")], &[]);
    Value { name: graph.node("Mul", &step.name, &[&x.name, &halved], &[]), flat: x.flat }
}

/// `x sigmoid(x)`.
fn silu(graph: &mut Graph, step: &Step, x: &Value) -> Value {
    let gate = graph.node("Sigmoid", &format!("{}.gate", step.name), &[&x.name], &[]);
    Value { name: graph.node("Mul", &step.name, &[&x.name, &gate], &[]), flat: x.flat }
}

fn residual(graph: &mut Graph, step: &Step, x: &Value) -> Value {
    // Both sides have three dimensions, whatever the layers within make of a vector.
    let x = Value::wide(graph.wide(x));
    let inner = sequence(graph, &step.inner[0], x.clone());
    let inner = graph.wide(&inner);
    Value::wide(graph.node("Add", &step.name, &[&x.name, &inner], &[]))
}

fn concat(graph: &mut Graph, step: &Step, x: &Value) -> Value {
    let x = Value::wide(graph.wide(x));
    let mut ends = Vec::new();
    for steps in &step.inner {
        let end = sequence(graph, steps, x.clone());
        ends.push(graph.wide(&end));
    }
    let ends: Vec<&str> = ends.iter().map(String::as_str).collect();
    Value::wide(graph.node("Concat", &step.name, &ends, &[("axis", Attribute::Int(1))]))
}
