//! Networks on the processor, on our own kernels: forward and backward passes written by hand for every layer.
//!
//! The plan is compiled once into nodes (a convolution with its rectifier and pool is one). Arrays are
//! `[batch, length, channels]`, so that the kernels find the channels of a position side by side; the first layer reads
//! sequence codes. Work is cut by examples into pieces whose number depends on shapes only, each thread takes pieces,
//! and partial sums are added in order: the same bits for any number of threads. Memory is used again from step to
//! step. Burn's operations are the oracle of all this, and the path on other devices.

#![expect(
    clippy::too_many_arguments,
    reason = "a gradient is made of a layer's input, its output, their slopes, and what was kept"
)]

mod backward;
mod buffers;
mod chunks;
mod edits;
mod footprint;
mod forward;
mod layers;
mod lift;
mod node;
mod pool;
mod prepared;
mod recompute;
#[cfg(test)]
mod tests;

use crate::network::{Leaves, Mode, Plan, Weights};
use basewise_core::SequenceBatch;
use basewise_kernels::Level;
use buffers::{Array, Buffers};
use burn_tensor::Device;
pub(crate) use edits::{share as edit_share, spread as edit_spread};
pub(crate) use footprint::training_numbers;
pub(crate) use lift::{Leak, Lifted, Pairs};
use node::{Joining, Node, Op};
pub(crate) use pool::Engines;
use prepared::Prepared;
use std::sync::Arc;

/// Whether tensors of this device lie in the processor's memory, so that the engine computes in their place.
pub(crate) fn on_processor(device: &Device) -> bool {
    device.clone().without_autodiff() == Device::flex()
}

/// Weights where the passes of a device want them.
#[derive(Clone, Debug)]
pub(crate) enum Placed {
    /// The engine reads them as they are.
    Host,
    /// Copies on a device.
    Device(Leaves),
}

impl Placed {
    pub(crate) fn new(weights: &Weights, device: &Device) -> Self {
        if on_processor(device) { Self::Host } else { Self::Device(Leaves::new(weights, device)) }
    }
}

/// A network compiled for the processor, with the memory of its passes.
#[derive(Debug)]
pub(crate) struct Engine {
    /// From codes.
    nodes: Vec<Node>,
    /// From codes, for evaluation.
    infer_nodes: Vec<Node>,
    /// From floats, for gradients of the input.
    dense_nodes: Vec<Node>,
    outputs: usize,
    channels: usize,
    length: usize,
    level: Level,
    recompute: bool,
    prepared: Arc<Prepared>,
    buffers: Buffers,
    /// Of the threads that go through groups of edits.
    edit_buffers: Vec<Buffers>,
}

/// Statistics of a batch norm in training: its first buffer, and mean and biased variance of the batch.
pub(crate) type Statistics = (usize, Vec<f32>, Vec<f32>);

/// What a pass needs to know.
struct Pass<'a> {
    level: Level,
    n: usize,
    weights: &'a Weights,
    mode: Mode,
    /// Numbers beside the sequences, `[n, width]`: covariates, then control signal.
    side: &'a [f32],
    /// Whether a backward pass follows.
    keep: bool,
    /// Whether only what multipliers are made of is kept.
    lean: bool,
    /// Weights for passes in evaluation that nothing follows; none in others.
    prepared: Option<&'a Prepared>,
    buffers: &'a mut Buffers,
    statistics: Vec<Statistics>,
}

/// Where a pass begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    /// Sequences of codes.
    Codes(&'a SequenceBatch),
    /// One-hot or any other numbers, `[n, channels, length]`, and those beside the sequences, `[n, width]`.
    Floats(&'a [f32], &'a [f32]),
}

/// What a forward pass leaves for the backward pass.
#[derive(Debug)]
struct Tape {
    /// The input of the first node; empty if it read codes.
    input: Array,
    codes: Vec<u8>,
    kept: Vec<Kept>,
}

/// Output of a node, and what else its gradient needs.
#[derive(Debug)]
struct Kept {
    output: Array,
    extra: Extra,
}

#[derive(Debug, Default)]
enum Extra {
    #[default]
    None,
    /// Places of maxima within windows, or where a rectifier let pass.
    Places(Vec<u8>),
    WidePlaces(Vec<u32>),
    /// Mean and inverse standard deviation of each channel.
    Norm(Vec<f32>, Vec<f32>),
    /// What each task kept, and all states where only the last ones are the output.
    Recurrent(Vec<layers::recurrent::Saved>, Array),
    /// Weights of the positions in an attention pool.
    Weights(Array),
    /// Queries, keys and values, and what the heads gathered.
    Attention(Array, Array),
    Inner(Vec<Vec<Kept>>),
    Strands(Tape),
}

impl Engine {
    /// An engine alone.
    pub(crate) fn new(plan: &Plan) -> Self {
        Self::sharing(plan, Arc::default())
    }

    fn sharing(plan: &Plan, prepared: Arc<Prepared>) -> Self {
        Self {
            nodes: node::compile(plan, true, Joining::Training),
            infer_nodes: node::compile(plan, true, Joining::Evaluation),
            dense_nodes: node::compile(plan, false, Joining::Training),
            outputs: plan.outputs,
            channels: plan.input.channels,
            length: plan.input.length,
            level: Level::best(),
            recompute: plan.recompute,
            prepared,
            buffers: Buffers::default(),
            edit_buffers: Vec::new(),
        }
    }

    #[cfg(test)]
    fn at(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    #[cfg(test)]
    fn held(&self) -> u64 {
        self.buffers.held()
    }

    /// Raw scores `[n, outputs]` in evaluation mode.
    pub(crate) fn infer(&mut self, weights: &Weights, input: Input) -> Vec<f32> {
        let Self { infer_nodes, dense_nodes, prepared, buffers, .. } = self;
        let nodes: &[Node] = if matches!(input, Input::Codes(_)) { infer_nodes } else { dense_nodes };
        let n = input.rows(self.channels, self.length);
        let (mode, side, statistics, prepared) = (Mode::Evaluate, input.side(), Vec::new(), Some(&**prepared));
        let mut pass =
            Pass { level: self.level, n, weights, mode, side, keep: false, lean: false, prepared, buffers, statistics };
        let (start, codes) = pass.start(input, self.channels, self.length, nodes);
        let scores = pass.infer(nodes, start, &codes);
        let values = scores.to_vec();
        pass.buffers.give(scores);
        values
    }

    /// A pass forwards and backwards. `slopes` gets the raw scores `[n, outputs]` and gives the loss's slope at each.
    /// `gradients` gets one array a parameter.
    ///
    /// The result is what `slopes` gave beside them, and the statistics of batch norms in training.
    pub(crate) fn gradients<T>(
        &mut self,
        weights: &Weights,
        input: Input,
        mode: Mode,
        gradients: &mut Vec<Vec<f32>>,
        slopes: impl FnOnce(&[f32]) -> (T, Vec<f32>),
    ) -> (T, Vec<Statistics>) {
        let mut found = Found { parameters: Some(gradients), input: false };
        let (told, statistics, dx) = self.both(weights, input, mode, &mut found, slopes);
        dx.into_iter().for_each(|dx| self.buffers.give(dx));
        (told, statistics)
    }

    /// The gradient of the input `[n, channels, length]` from slopes of the raw scores, in evaluation mode.
    pub(crate) fn input_gradient(
        &mut self,
        weights: &Weights,
        x: &[f32],
        side: &[f32],
        mode: Mode,
        slopes: impl FnOnce(&[f32]) -> Vec<f32>,
    ) -> Vec<f32> {
        let mut found = Found { parameters: None, input: true };
        let slopes = |scores: &[f32]| ((), slopes(scores));
        let ((), _, dx) = self.both(weights, Input::Floats(x, side), mode, &mut found, slopes);
        let Some(dx) = dx else { return vec![0.0; x.len()] };
        let mut turned = vec![0.0; dx.len()];
        layers::shape::turn(&dx, self.length, self.channels, &mut turned);
        self.buffers.give(dx);
        turned
    }

    fn both<T>(
        &mut self,
        weights: &Weights,
        input: Input,
        mode: Mode,
        found: &mut Found,
        slopes: impl FnOnce(&[f32]) -> (T, Vec<f32>),
    ) -> (T, Vec<Statistics>, Option<Array>) {
        let Self { nodes, dense_nodes, buffers, recompute, .. } = self;
        let nodes: &[Node] = if matches!(input, Input::Codes(_)) { nodes } else { dense_nodes };
        let stretches =
            if *recompute { recompute::stretches(nodes.len()) } else { std::iter::once(0..nodes.len()).collect() };
        let n = input.rows(self.channels, self.length);
        let (side, statistics, prepared) = (input.side(), Vec::new(), None);
        let mut pass =
            Pass { level: self.level, n, weights, mode, side, keep: true, lean: false, prepared, buffers, statistics };
        let (start, codes) = pass.start(input, self.channels, self.length, nodes);
        let (ends, kept) = pass.forward_stretches(nodes, &stretches, &start, &codes);
        let scores: &[f32] = kept.last().map_or(&start, |kept| &kept.output);
        let (told, slopes) = slopes(scores);
        assert_eq!(slopes.len(), n * self.outputs, "one slope a score");
        let mut dy = pass.buffers.take(slopes.len());
        dy.copy_from_slice(&slopes);
        found.prepare(weights, n);
        let dx = pass.backward_stretches(nodes, &stretches, (&start, &codes), (ends, kept), dy, found);
        pass.buffers.give(start);
        (told, pass.statistics, dx)
    }
}

/// The gradients that are asked for.
struct Found<'a> {
    parameters: Option<&'a mut Vec<Vec<f32>>>,
    input: bool,
}

impl Found<'_> {
    /// Makes room for the gradients of all parameters, which a pass of any example overwrites.
    fn prepare(&mut self, weights: &Weights, n: usize) {
        if let Some(parameters) = &mut self.parameters {
            parameters.resize_with(weights.parameters.len(), Vec::new);
            for (gradient, array) in parameters.iter_mut().zip(&weights.parameters) {
                gradient.resize(array.values.len(), 0.0);
                if n == 0 {
                    gradient.fill(0.0);
                }
            }
        }
    }
}

impl<'a> Input<'a> {
    fn side(&self) -> &'a [f32] {
        match self {
            Self::Codes(batch) => batch.side(),
            Self::Floats(_, side) => side,
        }
    }

    fn rows(&self, channels: usize, length: usize) -> usize {
        match self {
            Self::Codes(batch) => batch.len(),
            Self::Floats(x, _) => x.len() / (channels * length).max(1),
        }
    }
}

impl Pass<'_> {
    /// The input as the first node wants it: codes, or numbers `[n, length, channels]`.
    fn start(&mut self, input: Input, channels: usize, length: usize, nodes: &[Node]) -> (Array, Vec<u8>) {
        match input {
            Input::Codes(batch) if node::begins_on_codes(nodes) => (Array::default(), layers::first::codes(batch)),
            Input::Codes(batch) => {
                let mut x = self.buffers.take(self.n * channels * length);
                layers::shape::turn(&batch.one_hot(), channels, length, &mut x);
                (x, Vec::new())
            }
            Input::Floats(values, _) => {
                let mut x = self.buffers.take(values.len());
                layers::shape::turn(values, channels, length, &mut x);
                (x, Vec::new())
            }
        }
    }
}
