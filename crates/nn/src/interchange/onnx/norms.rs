//! Norms.

use super::graph::{Attribute, Graph, Value};
use crate::network::{BATCH_NORM_EPSILON, LAYER_NORM_EPSILON, RMS_NORM_EPSILON, Step};

pub(super) fn batch_norm(graph: &mut Graph, step: &Step, x: &Value) -> Value {
    let (scale, shift) = (graph.weight(step.parameter), graph.weight(step.parameter + 1));
    let (mean, variance) = (graph.buffer(step.buffer), graph.buffer(step.buffer + 1));
    let inputs = [x.name.as_str(), &scale, &shift, &mean, &variance];
    let attributes = [("epsilon", Attribute::Float(BATCH_NORM_EPSILON as f32))];
    Value { name: graph.node("BatchNormalization", &step.name, &inputs, &attributes), flat: x.flat }
}

/// The operator norms the last dimensions, so channels are brought there.
pub(super) fn layer_norm(graph: &mut Graph, step: &Step, x: &Value) -> Value {
    let part = |name: &str| format!("{}.{name}", step.name);
    let (scale, shift) = (graph.weight(step.parameter), graph.weight(step.parameter + 1));
    let attributes = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(LAYER_NORM_EPSILON as f32))];
    let norm = |graph: &mut Graph, name: &str, x: &str| {
        graph.node("LayerNormalization", name, &[x, &scale, &shift], &attributes)
    };
    if x.flat {
        return Value { name: norm(graph, &step.name, &x.name), flat: true };
    }
    let rows = graph.transpose(&part("rows"), &x.name, &[0, 2, 1]);
    let normed = norm(graph, &part("normed"), &rows);
    Value::wide(graph.transpose(&step.name, &normed, &[0, 2, 1]))
}

/// `x / sqrt(mean(x^2) + epsilon)` times a scale; the operator of its own is newer than the set that we write.
pub(super) fn rms_norm(graph: &mut Graph, step: &Step, x: &Value) -> Value {
    let part = |name: &str| format!("{}.{name}", step.name);
    let array = graph.parameter(step.parameter);
    let channels = array.values.len();
    let shape = if x.flat { vec![channels] } else { vec![channels, 1] };
    graph.floats(&array.name, &shape, &array.values);
    graph.floats(&part("epsilon"), &[], &[RMS_NORM_EPSILON as f32]);
    let square = graph.node("Mul", &part("square"), &[&x.name, &x.name], &[]);
    let over_channels = [("axes", Attribute::Ints(vec![1])), ("keepdims", Attribute::Int(1))];
    let mean = graph.node("ReduceMean", &part("mean"), &[&square], &over_channels);
    let sum = graph.node("Add", &part("sum"), &[&mean, &part("epsilon")], &[]);
    let root = graph.node("Sqrt", &part("root"), &[&sum], &[]);
    let normed = graph.node("Div", &part("normed"), &[&x.name, &root], &[]);
    Value { name: graph.node("Mul", &step.name, &[&normed, &array.name], &[]), flat: x.flat }
}
