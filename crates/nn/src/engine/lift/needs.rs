//! Which arrays the rules look at. The others are used again as soon as the pass has gone by.

use crate::engine::node::{Node, Op, Pointwise};

/// Whether the rule of a node, or of one within it, looks at what comes into the node.
pub(in crate::engine) fn input(node: &Node) -> bool {
    looks(node)[0]
}

/// Whether the rule of a node looks at what comes out of it.
pub(in crate::engine) fn output(node: &Node) -> bool {
    looks(node)[1]
}

/// [`input`] and [`output`].
fn looks(node: &Node) -> [bool; 2] {
    match &node.op {
        Op::Activation(kind) => [true, *kind != Pointwise::Relu],
        Op::MaxPool(_) => [true, true],
        // Of the last states alone, all are kept apart.
        Op::Recurrent(layer) => [true, !layer.last],
        Op::PositionNorm { .. } | Op::Softmax | Op::AttentionPool { .. } => [true, false],
        Op::Residual(inner) => [inner.first().is_some_and(input), false],
        Op::Concat(branches) => [branches.iter().any(|nodes| nodes.first().is_some_and(input)), false],
        // Attention keeps queries, keys and values, and strands an input of their own.
        Op::SelfAttention(_)
        | Op::Strands(..)
        | Op::First(_)
        | Op::Conv(_)
        | Op::Dense { .. }
        | Op::AveragePool(_)
        | Op::BatchNorm { .. }
        | Op::Dropout { .. }
        | Op::Flatten
        | Op::Crop { .. }
        | Op::SideInputs { .. }
        | Op::ControlSignal { .. }
        | Op::Upsample { .. } => [false, false],
    }
}
