//! Nodes and constants on their way into a graph.

use super::protobuf::Message;
use crate::architecture::Shape;
use crate::model::Model;
use crate::network::{Array, Weights};
use basewise_core::{ControlSignal, Covariate, Predict};
use std::collections::BTreeSet;

/// Types of numbers, by their code in onnx.proto.
const FLOAT: u64 = 1;
const INT64: u64 = 7;
const BOOL: u64 = 9;

/// Names of inputs and output.
const SEQUENCE: &str = "sequence";
pub(super) const COVARIATES: &str = "covariates";
pub(super) const CONTROL: &str = "control";
const SCORES: &str = "scores";

/// An array on its way through the graph.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) name: String,
    /// `[batch, features]` instead of `[batch, channels, length]`; only a vector is.
    pub(super) flat: bool,
}

impl Value {
    /// An array of three dimensions.
    pub(super) fn wide(name: String) -> Self {
        Self { name, flat: false }
    }

    pub(super) fn input() -> Self {
        Self { name: SEQUENCE.to_owned(), flat: false }
    }
}

/// An attribute of a node.
#[derive(Clone)]
pub(super) enum Attribute<'a> {
    Int(i64),
    Float(f32),
    Ints(Vec<usize>),
    Text(&'a str),
}

/// Collects nodes in order, and the constants that they read.
pub(super) struct Graph<'a> {
    weights: &'a Weights,
    covariates: &'a [Covariate],
    control: Option<&'a ControlSignal>,
    body: Message,
    constants: Message,
    /// Values that more than one layer may ask for, such as one in another shape.
    made: BTreeSet<String>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(model: &'a Model) -> Self {
        let (weights, covariates, control) = (&model.weights, model.covariates(), model.control());
        let (body, constants, made) = Default::default();
        Self { weights, covariates, control, body, constants, made }
    }

    pub(super) fn covariates(&self) -> &'a [Covariate] {
        self.covariates
    }

    /// Whether a value of this name is asked for for the first time, and is to be made.
    pub(super) fn is_new(&mut self, name: &str) -> bool {
        self.made.insert(name.to_owned())
    }

    pub(super) fn parameter(&self, i: usize) -> &'a Array {
        &self.weights.parameters[i]
    }

    /// Adds a trained array as it is; returns its name.
    pub(super) fn weight(&mut self, i: usize) -> String {
        self.array(&self.weights.parameters[i])
    }

    pub(super) fn buffer(&mut self, i: usize) -> String {
        self.array(&self.weights.buffers[i])
    }

    fn array(&mut self, array: &Array) -> String {
        self.floats(&array.name, &array.shape, &array.values);
        array.name.clone()
    }

    /// Adds a constant of numbers.
    pub(super) fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, shape, FLOAT, bytes);
    }

    /// Adds a constant list of whole numbers; returns its name.
    pub(super) fn integers(&mut self, name: String, values: &[i64]) -> String {
        self.shaped_integers(name, &[values.len()], values)
    }

    /// Adds a constant of whole numbers; returns its name.
    pub(super) fn shaped_integers(&mut self, name: String, shape: &[usize], values: &[i64]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(&name, shape, INT64, bytes);
        name
    }

    /// Adds a constant list of truths; returns its name.
    pub(super) fn truths(&mut self, name: String, values: &[bool]) -> String {
        self.constant(&name, &[values.len()], BOOL, values.iter().map(|&value| u8::from(value)).collect());
        name
    }

    /// A `TensorProto` among the initializers.
    fn constant(&mut self, name: &str, shape: &[usize], data_type: u64, bytes: Vec<u8>) {
        let mut tensor = Message::default();
        shape.iter().for_each(|&side| tensor.number(1, side as u64));
        tensor.number(2, data_type);
        tensor.text(8, name);
        tensor.data(9, bytes.into_iter());
        self.constants.message(5, &tensor);
    }

    /// Adds a node; inputs left out are empty names. Its output has the node's name.
    pub(super) fn node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> String {
        self.node_with_outputs(operator, name, inputs, &[name], attributes);
        name.to_owned()
    }

    /// A `NodeProto`.
    pub(super) fn node_with_outputs(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) {
        let mut node = Message::default();
        inputs.iter().for_each(|input| node.text(1, input));
        outputs.iter().for_each(|output| node.text(2, output));
        node.text(3, name);
        node.text(4, operator);
        attributes.iter().for_each(|(name, value)| node.message(5, &attribute(name, value)));
        self.body.message(1, &node);
    }

    /// The value as `[batch, channels, length]`.
    pub(super) fn wide(&mut self, x: &Value) -> String {
        if !x.flat {
            return x.name.clone();
        }
        let name = format!("{}.unsqueezed", x.name);
        if self.is_new(&name) {
            let axes = self.integers(format!("{name}.axes"), &[2]);
            self.node("Unsqueeze", &name, &[&x.name, &axes], &[]);
        }
        name
    }

    /// A vector as `[batch, features]`, channel by channel.
    pub(super) fn flat(&mut self, x: &Value) -> String {
        if x.flat {
            return x.name.clone();
        }
        let name = format!("{}.flat", x.name);
        if self.is_new(&name) {
            self.node("Flatten", &name, &[&x.name], &[("axis", Attribute::Int(1))]);
        }
        name
    }

    /// The value in another shape; 0 keeps a dimension. The constant is named after the result.
    pub(super) fn reshape(&mut self, name: &str, x: &str, shape: &[usize]) -> String {
        let shape: Vec<i64> = shape.iter().map(|&side| side as i64).collect();
        let shape = self.integers(format!("{name}.shape"), &shape);
        self.node("Reshape", name, &[x, &shape], &[])
    }

    /// The dimensions in another order.
    pub(super) fn transpose(&mut self, name: &str, x: &str, order: &[usize]) -> String {
        self.node("Transpose", name, &[x], &[("perm", Attribute::Ints(order.to_vec()))])
    }

    /// Positions `from..to` of `[batch, channels, length]`.
    pub(super) fn positions(&mut self, name: &str, x: &str, [from, to]: [usize; 2]) -> String {
        self.slice(name, x, [from as i64, to as i64, 1])
    }

    /// The positions of `[batch, channels, length]` from the last to the first.
    pub(super) fn reversed(&mut self, name: &str, x: &str) -> String {
        self.slice(name, x, [-1, i64::MIN, -1])
    }

    /// Every `step`-th position from `start` up to `end`, as the operator counts them.
    fn slice(&mut self, name: &str, x: &str, [start, end, step]: [i64; 3]) -> String {
        let parts = [("starts", start), ("ends", end), ("axes", 2), ("steps", step)];
        let [starts, ends, axes, steps] = parts.map(|(part, value)| self.integers(format!("{name}.{part}"), &[value]));
        self.node("Slice", name, &[x, &starts, &ends, &axes, &steps], &[])
    }

    /// The `GraphProto`, which gives `scores` of `[batch, outputs]` for a sequence of `[batch, channels, length]` and, if
    /// the model takes them, covariates of `[batch, number]` and control signal of `[batch, tracks, bins]`.
    pub(super) fn finish(mut self, scores: &Value, input: Shape, outputs: usize) -> Message {
        let flat = self.flat(scores);
        self.node("Identity", SCORES, &[&flat], &[]);
        let Self { mut body, constants, covariates, control, .. } = self;
        body.text(2, "basewise");
        body.append(constants);
        body.message(11, &value_info(SEQUENCE, &[input.channels, input.length]));
        if !covariates.is_empty() {
            body.message(11, &value_info(COVARIATES, &[covariates.len()]));
        }
        if let Some(control) = control {
            body.message(11, &value_info(CONTROL, &[control.tracks.len(), control.bins]));
        }
        body.message(12, &value_info(SCORES, &[outputs]));
        body
    }
}

/// An `AttributeProto`; the last field says which of its kinds it is.
fn attribute(name: &str, value: &Attribute) -> Message {
    let mut message = Message::default();
    message.text(1, name);
    let kind = match value {
        Attribute::Float(value) => {
            message.float(2, *value);
            1
        }
        Attribute::Int(value) => {
            message.number(3, *value as u64);
            2
        }
        Attribute::Text(value) => {
            message.text(4, value);
            3
        }
        Attribute::Ints(values) => {
            values.iter().for_each(|&value| message.number(8, value as u64));
            7
        }
    };
    message.number(20, kind);
    message
}

/// A `ValueInfoProto` of floats with a batch of any size before the given dimensions.
fn value_info(name: &str, dimensions: &[usize]) -> Message {
    let mut shape = Message::default();
    let mut batch = Message::default();
    batch.text(2, "batch");
    shape.message(1, &batch);
    for &side in dimensions {
        let mut dimension = Message::default();
        dimension.number(1, side as u64);
        shape.message(1, &dimension);
    }
    let mut tensor = Message::default();
    tensor.number(1, FLOAT);
    tensor.message(2, &shape);
    let mut kind = Message::default();
    kind.message(1, &tensor);
    let mut info = Message::default();
    info.text(1, name);
    info.message(2, &kind);
    info
}
