//! The pass of the sequence that is edited: everything that copies share.

use super::along::Along;
use super::reach::{Windows, hull, mirrored};
use super::recurrent::Direction;
use crate::engine::layers::{conv as conv_layer, first, folded, norm_factors, pools, shape, strands};
use crate::engine::node::{Conv, First, Node, Op};
use crate::engine::prepared::Laid;
use crate::engine::{Array, Buffers, Pass};
use basewise_kernels::conv::{self, Tiles};
use basewise_kernels::matrix::Packed;
use basewise_kernels::{onehot, pool};
use std::ops::Range;
use std::sync::Arc;

/// What a node does to the sequence as it is.
#[derive(Debug)]
pub(super) struct Known {
    /// What comes out.
    pub(super) output: Array,
    /// Sums before rectifier, pool and residual sum; empty where neither rectifier nor pool follows.
    sums: Array,
    /// The first position of each example's sums; nothing where they are of all positions.
    firsts: Vec<usize>,
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
    Conv(Arc<Laid>),
    /// Of few filters, `[channels, filters * width]`.
    Narrow(Packed),
    Dense(Packed),
    /// A factor a channel.
    Scale(Vec<f32>),
    Recurrent(Vec<Direction>),
}

impl Known {
    pub(super) fn new(node: &Node, output: Array, ready: Ready) -> Self {
        let sizes = [node.output.size(), 0];
        Self { output, sums: Array::default(), firsts: Vec::new(), sizes, ready, inner: Vec::new() }
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

    /// Some positions of it, of `channels` numbers.
    pub(super) fn output_at(&self, example: usize, range: &Range<usize>, channels: usize) -> &[f32] {
        &self.output_of(example)[range.start * channels..range.end * channels]
    }

    /// Some positions of the sums for an example; of the output where there are none apart.
    pub(super) fn sums_at(&self, example: usize, range: &Range<usize>, channels: usize) -> &[f32] {
        if self.sums.is_empty() {
            return self.output_at(example, range, channels);
        }
        let first = self.firsts.get(example).copied().unwrap_or(0);
        let own = &self.sums[example * self.sizes[1]..][..self.sizes[1]];
        // Nothing may lie anywhere.
        let range = if range.is_empty() { first..first } else { range.clone() };
        &own[(range.start - first) * channels..(range.end - first) * channels]
    }
}

/// All nodes on `input`, `[n, length, channels]`, or codes, which edits change within a range for each example.
pub(super) fn know(
    pass: &mut Pass,
    nodes: &[Node],
    input: &[f32],
    codes: &[u8],
    changed: &[Range<usize>],
    along: Option<Along>,
) -> Vec<Known> {
    let mut along = along;
    let mut known: Vec<Known> = Vec::with_capacity(nodes.len());
    for (i, node) in nodes.iter().enumerate() {
        let x: &[f32] = known.last().map_or(input, |known| &known.output);
        let after_flatten = nodes[..i].iter().rev().find(|node| !passes_places(&node.op));
        let flat = after_flatten.is_some_and(|node| matches!(node.op, Op::Flatten));
        known.push(match &node.op {
            Op::Conv(layer) => know_conv(pass, node, layer, x, along.as_ref()),
            _ => know_node(pass, node, x, (codes, changed), flat),
        });
        along = along.and_then(|own| own.after(node));
    }
    known
}

/// Layers that leave the places of a flattened array where they are.
pub(super) fn passes_places(op: &Op) -> bool {
    matches!(op, Op::Dropout { .. } | Op::SideInputs { .. })
}

fn know_node(pass: &mut Pass, node: &Node, x: &[f32], (codes, changed): (&[u8], &[Range<usize>]), flat: bool) -> Known {
    let level = pass.level;
    match &node.op {
        Op::First(layer) => know_first(pass, node, layer, codes, changed),
        Op::Conv(layer) => know_conv(pass, node, layer, x, None),
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
            let inner = know(pass, inner, x, &[], &[], None);
            let change: &[f32] = inner.last().map_or(x, |known| &known.output);
            let mut sum = pass.buffers.take(x.len());
            sum.iter_mut().zip(x).zip(change).for_each(|((sum, x), change)| *sum = x + change);
            Known { inner: vec![inner], ..Known::new(node, sum, Ready::None) }
        }
        Op::Concat(branches) => {
            let inner: Vec<Vec<Known>> = branches.iter().map(|nodes| know(pass, nodes, x, &[], &[], None)).collect();
            let parts: Vec<&[f32]> =
                inner.iter().map(|known| known.last().map_or(x, |known| &known.output as &[f32])).collect();
            let mut joined = pass.buffers.take(pass.n * node.output.size());
            shape::join(&parts, pass.n * node.output.length, &mut joined);
            Known { inner, ..Known::new(node, joined, Ready::None) }
        }
        Op::Strands(inner, combine) => {
            let (input, codes) = pass.both_strands(node, x, codes);
            pass.n *= 2;
            let turned = changed.iter().map(|range| mirrored(range, node.input.length));
            let changed: Vec<Range<usize>> = changed.iter().cloned().chain(turned).collect();
            let inner = know(pass, inner, &input, &codes, &changed, None);
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

fn know_first(pass: &mut Pass, node: &Node, layer: &First, codes: &[u8], changed: &[Range<usize>]) -> Known {
    let (weights, bias) = folded(pass.weights, layer.parameter, layer.fold);
    let table = first::table(layer, &weights);
    if let Some((firsts, length)) = some_sums(layer, changed) {
        return know_some_of_first(pass, node, layer, codes, (&table, &bias), (firsts, length));
    }
    let plain = First { relu: false, pool: None, ..*layer };
    let mut sums = pass.buffers.take(pass.n * layer.shape.outputs * layer.shape.filters);
    first::forward(pass, &plain, codes, &mut sums);
    let sizes = [layer.shape.outputs, layer.shape.filters];
    followed(pass, node, sums, sizes, (layer.relu, layer.windows()), Ready::Table(table))
}

/// Where the sums begin that edits can reach, at least as many as are summed in the order of a whole sequence, with all of their windows, for each example, and how many those are; nothing
/// where all are about as good.
fn some_sums(layer: &First, changed: &[Range<usize>]) -> Option<(Vec<usize>, usize)> {
    let (outputs, windows) = (layer.shape.outputs, layer.windows());
    if changed.is_empty() || !layer.relu && windows.is_none() {
        return None;
    }
    let reach = |range: &Range<usize>| {
        let sums = Windows::from(layer).reached(range);
        let whole = windows.map_or(0..0, |windows| {
            let pool = Windows::from(&windows);
            pool.seen(&pool.reached(&sums))
        });
        hull(&sums, &whole)
    };
    let reached: Vec<Range<usize>> = changed.iter().map(reach).collect();
    let length = reached.iter().map(Range::len).max().unwrap_or(0).max(onehot::PAIRED_OUTPUTS);
    (2 * length <= outputs).then(|| (reached.iter().map(|sums| sums.start.min(outputs - length)).collect(), length))
}

/// The layer in one go, and once more the sums of some positions, with what follows them.
fn know_some_of_first(
    pass: &mut Pass,
    node: &Node,
    layer: &First,
    codes: &[u8],
    (table, bias): (&[f32], &[f32]),
    (firsts, length): (Vec<usize>, usize),
) -> Known {
    let mut output = pass.buffers.take(pass.n * node.output.size());
    let extra = first::forward(pass, layer, codes, &mut output);
    pass.buffers.give_extra(extra);
    let s = &layer.shape;
    let seen = (length - 1) * s.stride + (s.width - 1) * s.dilation + 1;
    let shape = onehot::Shape { left: 0, length: seen, outputs: length, ..*s };
    let mut some = Vec::with_capacity(pass.n * seen);
    for (own, &first) in codes.chunks_exact(s.length).zip(&firsts) {
        let code = |at: usize| at.checked_sub(s.left).and_then(|at| own.get(at)).copied().unwrap_or(u8::MAX);
        some.extend((first * s.stride..first * s.stride + seen).map(code));
    }
    let mut sums = pass.buffers.take_any(pass.n * length * s.filters);
    onehot::forward(pass.level, &shape, &some, table, bias, false, &mut sums);
    // What comes out there is made of these sums, so that no difference is left where there is none.
    let sizes = [node.output.size(), length * s.filters];
    for ((&first, output), sums) in
        firsts.iter().zip(output.chunks_exact_mut(sizes[0])).zip(sums.chunks_exact(sizes[1]))
    {
        let Some(windows) = layer.windows() else {
            let output = &mut output[first * s.filters..][..sums.len()];
            output.iter_mut().zip(sums).for_each(|(y, sum)| *y = sum.max(0.0));
            continue;
        };
        let whole = first.div_ceil(windows.window)..((first + length) / windows.window).min(windows.outputs());
        if whole.is_empty() {
            continue;
        }
        let own =
            &sums[(whole.start * windows.window - first) * s.filters..][..whole.len() * windows.window * s.filters];
        let output = &mut output[whole.start * s.filters..whole.end * s.filters];
        let mut places = pass.buffers.take_places(output.len());
        let windows = pool::Shape { length: whole.len() * windows.window, ..windows };
        pool::max_pool(pass.level, &windows, own, layer.relu, output, &mut places);
        pass.buffers.give_places(places);
    }
    Known { sums, firsts, sizes, ..Known::new(node, output, Ready::Table(table.to_vec())) }
}

fn know_conv(pass: &mut Pass, node: &Node, layer: &Conv, x: &[f32], along: Option<&Along>) -> Known {
    let (level, s) = (pass.level, &layer.shape);
    let laid = pass.prepared.map(|prepared| prepared.of(pass.weights, layer.parameter, layer.fold, s));
    let mut sums = pass.buffers.take(pass.n * s.outputs * s.filters);
    match (along, s.inference_tiles(), &laid) {
        (Some(along), Tiles::Free { outputs, seen }, Some(laid)) => {
            let weights = laid.for_passes(|weights| conv::Weights::inference(level, s, weights));
            along.sums(s, x, (weights, &laid.bias), (outputs, seen), &mut sums);
        }
        _ => {
            let plain = Conv { relu: false, pool: None, residual: false, ..*layer };
            conv_layer::forward(pass, &plain, x, &mut sums);
        }
    }
    let narrow = laid.as_ref().and_then(|laid| super::conv::pack_narrow(level, layer, &laid.weights));
    let ready = match (narrow, laid) {
        (Some(packed), _) => Ready::Narrow(packed),
        (None, Some(laid)) => Ready::Conv(laid),
        (None, None) => Ready::None,
    };
    let mut known = followed(pass, node, sums, [s.outputs, s.filters], (layer.relu, layer.pool), ready);
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
    let mut output = pass.buffers.take(pass.n * node.output.size());
    pools::max_sums(pass, &windows, &sums, relu, &mut output);
    Known::new(node, output, ready).with_sums(sums, outputs * filters)
}
