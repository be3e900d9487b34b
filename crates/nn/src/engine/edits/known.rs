//! The pass of the sequence that is edited: everything that copies share.

use super::recurrent::Direction;
use crate::architecture::Shape;
use crate::engine::layers::{conv as conv_layer, first, folded, norm_factors, shape, strands};
use crate::engine::node::{Conv, First, Node, Op};
use crate::engine::prepared::Use;
use crate::engine::{Array, Buffers, Pass};
use basewise_kernels::matrix::Packed;
use basewise_kernels::{conv, pool};
use std::sync::Arc;

/// What a node does to the sequence as it is.
#[derive(Debug)]
pub(super) struct Known {
    /// What comes out.
    pub(super) output: Array,
    /// Sums before rectifier, pool and residual sum; empty where neither rectifier nor pool follows.
    pub(super) sums: Array,
    /// Of one example: its output, and its sums.
    sizes: [usize; 2],
    pub(super) ready: Ready,
    pub(super) inner: Vec<Vec<Known>>,
}

/// Weights as edits want them.
#[derive(Debug)]
pub(super) enum Ready {
    None,
    /// By tap and symbol, `[width, symbols, filters]`.
    Table(Vec<f32>),
    Conv(Arc<conv::Weights>),
    /// Of few filters, `[channels, filters * width]`.
    Narrow(Packed),
    Dense(Packed),
    /// A factor a channel.
    Scale(Vec<f32>),
    Recurrent(Vec<Direction>),
}

impl Known {
    pub(super) fn new(node: &Node, output: Array, ready: Ready) -> Self {
        Self { output, sums: Array::default(), sizes: [node.output.size(), 0], ready, inner: Vec::new() }
    }

    fn with_sums(self, sums: Array, size: usize) -> Self {
        Self { sums, sizes: [self.sizes[0], size], ..self }
    }

    /// Gives its arrays back.
    pub(super) fn give(self, buffers: &mut Buffers) {
        buffers.give(self.output);
        buffers.give(self.sums);
        self.inner.into_iter().flatten().for_each(|known| known.give(buffers));
    }

    /// The output for an example.
    pub(super) fn output_of(&self, example: usize) -> &[f32] {
        &self.output[example * self.sizes[0]..][..self.sizes[0]]
    }

    /// The sums for an example; the output where there are none apart.
    pub(super) fn sums_of(&self, example: usize) -> &[f32] {
        if self.sums.is_empty() {
            self.output_of(example)
        } else {
            &self.sums[example * self.sizes[1]..][..self.sizes[1]]
        }
    }
}

/// All nodes on `input`, `[n, length, channels]`, or codes.
pub(super) fn know(pass: &mut Pass, nodes: &[Node], input: &[f32], codes: &[u8]) -> Vec<Known> {
    let mut known: Vec<Known> = Vec::with_capacity(nodes.len());
    for (i, node) in nodes.iter().enumerate() {
        let x: &[f32] = known.last().map_or(input, |known| &known.output);
        let after_flatten = nodes[..i].iter().rev().find(|node| !passes_places(&node.op));
        let flat = after_flatten.is_some_and(|node| matches!(node.op, Op::Flatten));
        known.push(know_node(pass, node, x, codes, flat));
    }
    known
}

/// Layers that leave the places of a flattened array where they are.
pub(super) fn passes_places(op: &Op) -> bool {
    matches!(op, Op::Dropout { .. } | Op::SideInputs { .. })
}

fn know_node(pass: &mut Pass, node: &Node, x: &[f32], codes: &[u8], flat: bool) -> Known {
    let level = pass.level;
    match &node.op {
        Op::First(layer) => know_first(pass, node, layer, codes),
        Op::Conv(layer) => know_conv(pass, node, layer, x),
        Op::Dense { parameter, relu } => {
            let linear = Node { op: Op::Dense { parameter: *parameter, relu: false }, ..*node };
            let sums = output(pass, &linear, x);
            let (features, units) = (node.input.size(), node.output.size());
            // After a flattened array only some rows are wanted, others for other edits.
            let weights = || Packed::new(level, features, units, &pass.weights.parameters[*parameter].values);
            let ready = if flat { Ready::None } else { Ready::Dense(weights()) };
            rectified(pass, node, sums, *relu, ready)
        }
        Op::BatchNorm { parameter, buffer, relu } => {
            let op = Op::BatchNorm { parameter: *parameter, buffer: *buffer, relu: false };
            let sums = output(pass, &Node { op, ..*node }, x);
            let factors = norm_factors(pass.weights, *parameter, *buffer).map(|factor| factor as f32);
            rectified(pass, node, sums, *relu, Ready::Scale(factors.collect()))
        }
        Op::Recurrent(layer) => super::recurrent::know(pass, node, layer, x),
        Op::Residual(inner) => {
            let inner = know(pass, inner, x, &[]);
            let change: &[f32] = inner.last().map_or(x, |known| &known.output);
            let mut sum = pass.buffers.take(x.len());
            sum.iter_mut().zip(x).zip(change).for_each(|((sum, x), change)| *sum = x + change);
            Known { inner: vec![inner], ..Known::new(node, sum, Ready::None) }
        }
        Op::Concat(branches) => {
            let inner: Vec<Vec<Known>> = branches.iter().map(|nodes| know(pass, nodes, x, &[])).collect();
            let parts: Vec<&[f32]> =
                inner.iter().map(|known| known.last().map_or(x, |known| &known.output as &[f32])).collect();
            let mut joined = pass.buffers.take(pass.n * node.output.size());
            shape::join(&parts, pass.n * node.output.length, &mut joined);
            Known { inner, ..Known::new(node, joined, Ready::None) }
        }
        Op::Strands(inner, combine) => {
            let (input, codes) = pass.both_strands(node, x, codes);
            pass.n *= 2;
            let inner = know(pass, inner, &input, &codes);
            pass.n /= 2;
            let mut combined = pass.buffers.take(pass.n * node.output.size());
            let both: &[f32] = inner.last().map_or(&input, |known| &known.output);
            strands::combined(node.output, *combine, both, &mut combined);
            pass.buffers.give(input);
            Known { inner: vec![inner], ..Known::new(node, combined, Ready::None) }
        }
        _ => {
            let kept = pass.node(node, x, codes);
            pass.buffers.give_extra(kept.extra);
            Known::new(node, kept.output, Ready::None)
        }
    }
}

/// The output of a node.
fn output(pass: &mut Pass, node: &Node, x: &[f32]) -> Array {
    let kept = pass.node(node, x, &[]);
    pass.buffers.give_extra(kept.extra);
    kept.output
}

/// Sums that a rectifier follows, perhaps.
fn rectified(pass: &mut Pass, node: &Node, sums: Array, relu: bool, ready: Ready) -> Known {
    if !relu {
        return Known::new(node, sums, ready);
    }
    let mut output = pass.buffers.take(sums.len());
    output.iter_mut().zip(&*sums).for_each(|(y, sum)| *y = sum.max(0.0));
    Known::new(node, output, ready).with_sums(sums, node.output.size())
}

fn know_first(pass: &mut Pass, node: &Node, layer: &First, codes: &[u8]) -> Known {
    let (weights, _) = folded(pass, layer.parameter, layer.fold);
    let ready = Ready::Table(first::table(layer, &weights));
    let plain = First { relu: false, pool: None, ..*layer };
    let mut sums = pass.buffers.take(pass.n * layer.shape.outputs * layer.shape.filters);
    first::forward(pass, &plain, codes, &mut sums);
    followed(pass, node, sums, [layer.shape.outputs, layer.shape.filters], (layer.relu, layer.windows()), ready)
}

fn know_conv(pass: &mut Pass, node: &Node, layer: &Conv, x: &[f32]) -> Known {
    let ready = {
        let (weights, _) = folded(pass, layer.parameter, layer.fold);
        match super::conv::pack_narrow(pass.level, layer, &weights) {
            Some(packed) => Ready::Narrow(packed),
            None => {
                let make = || super::conv::pack(pass.level, &layer.shape, &weights);
                Ready::Conv(pass.prepared_weights(Use::Edits, layer.parameter, &layer.shape, &weights, make))
            }
        }
    };
    let plain = Conv { relu: false, pool: None, residual: false, ..*layer };
    let mut sums = pass.buffers.take(pass.n * layer.shape.outputs * layer.shape.filters);
    conv_layer::forward(pass, &plain, x, &mut sums);
    let mut known =
        followed(pass, node, sums, [layer.shape.outputs, layer.shape.filters], (layer.relu, layer.pool), ready);
    if layer.residual {
        known.output.iter_mut().zip(x).for_each(|(y, x)| *y += x);
    }
    known
}

/// What becomes of the sums of a convolution.
fn followed(
    pass: &mut Pass,
    node: &Node,
    sums: Array,
    [outputs, filters]: [usize; 2],
    (relu, windows): (bool, Option<pool::Shape>),
    ready: Ready,
) -> Known {
    let Some(windows) = windows else { return rectified(pass, node, sums, relu, ready) };
    let pooled = Node { op: Op::MaxPool(windows), input: Shape { channels: filters, length: outputs }, ..*node };
    let mut output = output(pass, &pooled, &sums);
    if relu {
        output.iter_mut().for_each(|y| *y = y.max(0.0));
    }
    Known::new(node, output, ready).with_sums(sums, outputs * filters)
}
