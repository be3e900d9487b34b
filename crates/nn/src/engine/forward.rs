//! The way forwards.

use super::layers::{
    attention, attention_pool, beside, conv, dense, first, norm, pointwise, pools, positions, recurrent, shape,
};
use super::lift::needs;
use super::{Array, Extra, Kept, Node, Op, Pass, Tape};

impl Pass<'_> {
    /// Runs all nodes and keeps what their gradients need.
    pub(super) fn forward(&mut self, nodes: &[Node], input: Array, codes: Vec<u8>) -> Tape {
        let kept = self.forward_nodes(nodes, &input, &codes);
        Tape { input, codes, kept }
    }

    pub(super) fn forward_nodes(&mut self, nodes: &[Node], input: &[f32], codes: &[u8]) -> Vec<Kept> {
        let mut kept: Vec<Kept> = Vec::with_capacity(nodes.len());
        for (i, node) in nodes.iter().enumerate() {
            let x: &[f32] = kept.last().map_or(input, |kept| &kept.output);
            kept.push(self.node(node, x, codes));
            if self.lean && i > 0 && !needs::output(&nodes[i - 1]) && !needs::input(node) {
                let before = std::mem::take(&mut kept[i - 1].output);
                self.buffers.give(before);
            }
        }
        kept
    }

    /// Runs all nodes and keeps nothing but the last output.
    pub(super) fn infer(&mut self, nodes: &[Node], input: Array, codes: &[u8]) -> Array {
        let mut x = input;
        for node in nodes {
            let kept = self.node(node, &x, codes);
            self.buffers.give(x);
            x = kept.output;
        }
        x
    }

    pub(super) fn node(&mut self, node: &Node, x: &[f32], codes: &[u8]) -> Kept {
        let mut y = self.buffers.take(self.n * node.output.size());
        let extra = match &node.op {
            Op::First(layer) => first::forward(self, layer, codes, &mut y),
            Op::Conv(layer) => conv::forward(self, layer, x, &mut y),
            Op::Dense { parameter, relu } => dense::forward(self, node, *parameter, *relu, x, &mut y),
            Op::MaxPool(windows) => pools::max(self, windows, x, &mut y),
            Op::AveragePool(windows) => pools::average(self, windows, x, &mut y),
            Op::BatchNorm { parameter, buffer, relu } => {
                norm::forward(self, node, (*parameter, *buffer), *relu, x, &mut y)
            }
            Op::Activation(kind) => pointwise::activate(self, *kind, x, &mut y),
            Op::Dropout { rate, channels, number } => {
                y.copy_from_slice(x);
                pointwise::dropout(self, node, (*rate, *channels, *number), &mut y)
            }
            Op::Flatten => {
                shape::turn(x, node.input.length, node.input.channels, &mut y);
                Extra::None
            }
            Op::Crop { left } => shape::crop(node, *left, x, &mut y),
            Op::SideInputs { width } => beside::covariates(self, *width, x, &mut y),
            Op::ControlSignal { form, tracks, bins } => beside::control(self, *form, [*tracks, *bins], &mut y),
            Op::Recurrent(layer) => recurrent::forward(self, node, layer, x, &mut y),
            Op::PositionNorm { parameter, kind } => positions::norm(self, *parameter, *kind, x, &mut y),
            Op::Softmax => positions::softmax(self, node, x, &mut y),
            Op::Upsample { factor } => shape::upsample(node, *factor, x, &mut y),
            Op::AttentionPool { parameter, window } => {
                attention_pool::forward(self, node, *parameter, *window, x, &mut y)
            }
            Op::SelfAttention(layer) => attention::forward(self, node, layer, x, &mut y),
            Op::Strands(inner, combine) => self.strands(node, inner, *combine, x, codes, &mut y),
            Op::Residual(inner) => {
                let kept = self.forward_nodes(inner, x, &[]);
                let change: &[f32] = kept.last().map_or(x, |kept| &kept.output);
                y.iter_mut().zip(x).zip(change).for_each(|((y, x), change)| *y = x + change);
                self.keep_inner(&[inner], vec![kept])
            }
            Op::Concat(branches) => {
                let kept: Vec<Vec<Kept>> = branches.iter().map(|nodes| self.forward_nodes(nodes, x, &[])).collect();
                let outputs: Vec<&[f32]> =
                    kept.iter().map(|kept| kept.last().map_or(x, |kept| &kept.output as &[f32])).collect();
                shape::join(&outputs, self.n * node.output.length, &mut y);
                let nodes: Vec<&[Node]> = branches.iter().map(Vec::as_slice).collect();
                self.keep_inner(&nodes, kept)
            }
        };
        Kept { output: y, extra }
    }

    /// What the layers `nodes` within a layer leave, after their outputs were used.
    fn keep_inner(&mut self, nodes: &[&[Node]], mut kept: Vec<Vec<Kept>>) -> Extra {
        if self.keep {
            let ends = kept.iter_mut().map(|kept| kept.last_mut()).zip(nodes.iter().map(|nodes| nodes.last()));
            for (end, node) in ends.filter(|_| self.lean) {
                if let (Some(end), Some(node)) = (end, node)
                    && !needs::output(node)
                {
                    self.buffers.give(std::mem::take(&mut end.output));
                }
            }
            return Extra::Inner(kept);
        }
        kept.into_iter().flatten().for_each(|kept| self.buffers.give(kept.output));
        Extra::None
    }
}
