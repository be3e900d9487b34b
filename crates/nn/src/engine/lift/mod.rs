//! DeepLIFT on the engine (Shrikumar et al. 2017, with the rescale rule): multipliers in the place of gradients.
//!
//! An example and each of its references are a pair. A multiplier says what a change of an input, from the reference to
//! the example, adds to the output, so that the multipliers times the changes sum to the output's change, at every layer:
//! - linear layers pass multipliers back as they pass gradients;
//! - an element-wise function has the slope of its secant, `(f(x) - f(x0)) / (x - x0)`;
//! - a maximum gives the change of the window to the position that makes it;
//! - a product of two numbers has for each the mean of the other one (LSTM, GRU, attention, norms);
//! - a softmax is `exp(x - ln sum exp x)`, that is sums and element-wise functions.
//!
//! The forward pass runs once over all references, then examples, and keeps what the rules look at; the way back has one
//! row a pair.

mod attention;
mod elementwise;
pub(super) mod needs;
mod norm;
mod pairs;
mod pools;
mod recurrent;
mod softmax;
#[cfg(test)]
mod tests;

use super::buffers::Array;
use super::layers::{conv, dense, pools as pool_layers, shape, strands};
use super::node::{self, Joining};
use super::{Engine, Extra, Found, Input, Kept, Node, Op, Pass, Tape};
use crate::network::{Mode, Plan, Weights};
pub(crate) use pairs::Pairs;

/// Multipliers of a batch.
#[derive(Debug)]
pub(crate) struct Lifted {
    /// Row-major `[examples, references, channels, length]`.
    pub(crate) multipliers: Vec<f32>,
    /// The explained output of each reference, example by example, then that of each example.
    pub(crate) scores: Vec<f32>,
    /// What each node lost, in the order of the way back; empty unless it was asked for.
    pub(crate) leaks: Vec<Leak>,
}

/// How far the multipliers of a node's input are from summing to what those of its output sum to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Leak {
    /// Number of the step, as in the plan; `None` for what brings outputs into order.
    pub(crate) number: Option<usize>,
    /// The largest difference of any pair, over what the sizes of the parts sum to, on the side where they are larger.
    pub(crate) relative: f64,
}

/// What the way back needs to know.
struct Lift {
    pairs: Pairs,
    /// Where leaks are listed, if they are asked for.
    leaks: Option<Vec<Leak>>,
}

impl Engine {
    /// The multipliers of `output` for a batch of all references, example by example, and then all examples. With `audit`
    /// each node is asked for its leak, which takes an input of numbers.
    pub(crate) fn multipliers(
        &mut self,
        plan: &Plan,
        weights: &Weights,
        input: Input,
        pairs: Pairs,
        output: usize,
        audit: bool,
    ) -> Lifted {
        let nodes = node::compile(plan, matches!(input, Input::Codes(_)), Joining::Linear);
        let (n, side, statistics, prepared) = (pairs.rows(), input.side(), Vec::new(), None);
        let (mode, buffers) = (Mode::Evaluate, &mut self.buffers);
        let mut pass =
            Pass { level: self.level, n, weights, mode, side, keep: true, lean: !audit, prepared, buffers, statistics };
        let (start, codes) = pass.start(input, self.channels, self.length, &nodes);
        let kept = pass.forward_nodes(&nodes, &start, &codes);
        let all: &[f32] = kept.last().map_or(&start, |kept| &kept.output);
        let scores = all.iter().skip(output).step_by(self.outputs).copied().collect();
        pass.n = pairs.count();
        let mut slopes = pass.buffers.zeros(pairs.count() * self.outputs);
        slopes.iter_mut().skip(output).step_by(self.outputs).for_each(|slope| *slope = 1.0);
        let mut lift = Lift { pairs, leaks: audit.then(Vec::new) };
        let found = pass.lift(&nodes, &start, kept, slopes, &mut lift);
        let mut multipliers = vec![0.0; found.len()];
        shape::turn(&found, self.length, self.channels, &mut multipliers);
        pass.buffers.give(found);
        pass.buffers.give(start);
        Lifted { multipliers, scores, leaks: lift.leaks.unwrap_or_default() }
    }
}

impl Pass<'_> {
    /// From the multipliers of the last output to those of the input, one row a pair.
    fn lift(&mut self, nodes: &[Node], input: &[f32], mut kept: Vec<Kept>, mut m: Array, lift: &mut Lift) -> Array {
        for node in nodes.iter().rev() {
            let Some(Kept { output, extra }) = kept.pop() else { break };
            let x: &[f32] = kept.last().map_or(input, |kept| &kept.output);
            let before = lift.leaks.is_some().then(|| lift.pairs.sums(&output, &m));
            m = self.node_lift(node, x, &output, extra, m, lift);
            if let (Some(leaks), Some(before)) = (&mut lift.leaks, before) {
                let relative = pairs::difference(&before, &lift.pairs.sums(x, &m));
                leaks.push(Leak { number: node.number, relative });
            }
            self.buffers.give(output);
        }
        m
    }

    /// The multipliers of a node's input from those of its output.
    fn node_lift(&mut self, node: &Node, x: &[f32], y: &[f32], extra: Extra, mut m: Array, lift: &mut Lift) -> Array {
        let pairs = lift.pairs;
        // Rules that work in place, and layers within a layer.
        match &node.op {
            Op::Activation(kind) => {
                elementwise::lift(*kind, &pairs, x, y, &mut m);
                return m;
            }
            Op::BatchNorm { parameter, buffer, relu } => {
                assert!(!relu, "nothing is joined to a norm here");
                norm::batch(self, (*parameter, *buffer), &mut m);
                return m;
            }
            Op::PositionNorm { parameter, kind } => {
                norm::positions(self, *parameter, *kind, &pairs, x, &mut m);
                return m;
            }
            Op::Softmax => {
                softmax::channels(node.input.channels, &pairs, x, &mut m);
                return m;
            }
            // Nothing is dropped in evaluation.
            Op::Dropout { .. } => return m,
            Op::Residual(inner) => return self.lift_residual(inner, x, extra, m, lift),
            Op::Concat(branches) => return self.lift_concat(node, branches, x, extra, m, lift),
            Op::Strands(..) => return self.lift_strands(node, extra, m, lift),
            // `lift_into` names all others.
            _ => {}
        }
        let mut dx = self.buffers.take(self.n * node.input.size());
        self.lift_into(node, x, y, &extra, &mut m, &mut dx, &pairs);
        self.buffers.give_extra(extra);
        self.buffers.give(m);
        dx
    }

    /// The rules that do not work in place.
    fn lift_into(
        &mut self,
        node: &Node,
        x: &[f32],
        y: &[f32],
        extra: &Extra,
        m: &mut [f32],
        dx: &mut [f32],
        pairs: &Pairs,
    ) {
        let mut nothing = Found { parameters: None, input: true };
        match &node.op {
            Op::First(layer) => self.lift_convolution(&layer.convolution(), m, dx),
            Op::Conv(layer) => self.lift_convolution(layer, m, dx),
            Op::Dense { parameter, relu } => {
                assert!(!relu, "nothing is joined to a dense layer here");
                dense::backward(self, node, *parameter, false, x, y, m, dx, &mut nothing);
            }
            Op::MaxPool(windows) => pools::max(windows, pairs, (x, y), extra, m, dx),
            Op::AveragePool(windows) => pool_layers::average_back(self, windows, m, dx),
            Op::Flatten => shape::turn(m, node.input.channels, node.input.length, dx),
            Op::Crop { left } => shape::crop_back(node, *left, m, dx),
            // An example and its reference have the same numbers beside them.
            Op::SideInputs { .. } => shape::part(m, self.n, 0, node.input.size(), dx),
            Op::ControlSignal { .. } => dx.fill(0.0),
            Op::Recurrent(layer) => recurrent::lift(self, node, layer, pairs, (x, y), extra, m, dx),
            Op::Upsample { factor } => shape::upsample_back(node, *factor, m, dx),
            Op::AttentionPool { parameter, window } => {
                attention::pool(self, node, (*parameter, *window), pairs, x, m, dx);
            }
            Op::SelfAttention(layer) => attention::lift(self, node, layer, pairs, extra, m, dx),
            Op::Activation(_)
            | Op::BatchNorm { .. }
            | Op::PositionNorm { .. }
            | Op::Softmax
            | Op::Dropout { .. }
            | Op::Residual(_)
            | Op::Concat(_)
            | Op::Strands(..) => {}
        }
    }

    fn lift_convolution(&self, layer: &node::Conv, m: &[f32], dx: &mut [f32]) {
        assert!(!layer.relu && layer.pool.is_none() && !layer.residual, "only norms are joined to a convolution here");
        conv::input_gradient(self, layer, m, dx);
    }

    fn lift_residual(&mut self, inner: &[Node], x: &[f32], extra: Extra, mut m: Array, lift: &mut Lift) -> Array {
        let Extra::Inner(mut kept) = extra else { return m };
        let mut copy = self.buffers.take(m.len());
        copy.copy_from_slice(&m);
        let through = self.lift(inner, x, kept.pop().unwrap_or_default(), copy, lift);
        m.iter_mut().zip(through.iter()).for_each(|(m, through)| *m += through);
        self.buffers.give(through);
        m
    }

    fn lift_concat(
        &mut self,
        node: &Node,
        branches: &[Vec<Node>],
        x: &[f32],
        extra: Extra,
        m: Array,
        lift: &mut Lift,
    ) -> Array {
        let Extra::Inner(kept) = extra else { return m };
        let rows = self.n * node.output.length;
        let mut dx = self.buffers.zeros(self.n * node.input.size());
        let mut first = 0;
        for (nodes, kept) in branches.iter().zip(kept) {
            let channels = nodes.last().map_or(node.input.channels, |node| node.output.channels);
            let mut part = self.buffers.take(rows * channels);
            shape::part(&m, rows, first, channels, &mut part);
            first += channels;
            let through = self.lift(nodes, x, kept, part, lift);
            dx.iter_mut().zip(through.iter()).for_each(|(dx, through)| *dx += through);
            self.buffers.give(through);
        }
        self.buffers.give(m);
        dx
    }

    /// Both strands are twice as many pairs.
    fn lift_strands(&mut self, node: &Node, extra: Extra, m: Array, lift: &mut Lift) -> Array {
        let (Op::Strands(inner, combine), Extra::Strands(tape)) = (&node.op, extra) else { return m };
        let Tape { input, kept, .. } = tape;
        let both: &[f32] = kept.last().map_or(&input, |kept| &kept.output);
        let mut slopes = self.buffers.take(2 * m.len());
        pools::strands(node.output, *combine, &lift.pairs, both, &m, &mut slopes);
        self.buffers.give(m);
        let pairs = lift.pairs;
        lift.pairs = pairs.on_both_strands();
        self.n *= 2;
        let through = self.lift(inner, &input, kept, slopes, lift);
        self.n /= 2;
        lift.pairs = pairs;
        self.buffers.give(input);
        let mut dx = self.buffers.take(through.len() / 2);
        strands::joined(&through, node.input, &mut dx);
        self.buffers.give(through);
        dx
    }
}
