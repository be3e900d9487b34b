//! Which positions of a layer's output an edit can reach, which of them the scores depend on, and what that costs.

use crate::architecture::Shape;
use crate::engine::node::{Cell, Conv, First, Node, Op, Recurrent};
use basewise_kernels::{conv, pool};
use std::ops::Range;

/// A node with the positions of its output that the scores depend on.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    pub(super) node: &'a Node,
    pub(super) needed: Range<usize>,
    pub(super) inner: Vec<Vec<Stage<'a>>>,
}

/// The smallest stretch around both.
pub(super) fn hull(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b.clone(),
        (_, true) => a.clone(),
        _ => a.start.min(b.start)..a.end.max(b.end),
    }
}

/// What both have in common.
pub(super) fn both(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let (start, end) = (a.start.max(b.start), a.end.min(b.end));
    start..end.max(start)
}

/// The same places of a sequence of `length`, read from its other end.
pub(super) fn mirrored(range: &Range<usize>, length: usize) -> Range<usize> {
    length - range.end..length - range.start
}

/// Windows that follow each other by `stride` and see `width` positions `dilation` apart, the first from `left` before
/// the sequence on.
#[derive(Clone, Copy)]
pub(super) struct Windows {
    pub(super) width: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    pub(super) left: usize,
    /// Positions and windows of a sequence.
    pub(super) length: usize,
    pub(super) outputs: usize,
}

impl Windows {
    /// Windows that see a position of a stretch.
    pub(super) fn reached(&self, range: &Range<usize>) -> Range<usize> {
        if range.is_empty() {
            return 0..0;
        }
        let span = (self.width - 1) * self.dilation;
        let first = (range.start + self.left).saturating_sub(span).div_ceil(self.stride);
        let end = ((range.end - 1 + self.left) / self.stride + 1).min(self.outputs);
        first.min(end)..end
    }

    /// Positions that windows see.
    pub(super) fn seen(&self, range: &Range<usize>) -> Range<usize> {
        if range.is_empty() {
            return 0..0;
        }
        let end = (range.end - 1) * self.stride + (self.width - 1) * self.dilation + 1;
        let start = (range.start * self.stride).saturating_sub(self.left).min(self.length);
        start..end.saturating_sub(self.left).min(self.length).max(start)
    }

    /// Pairs of a window in `outputs` and a position that it sees in `range`.
    fn pairs(&self, range: &Range<usize>, outputs: &Range<usize>) -> f64 {
        let of_tap = |tap: usize| {
            let window = |at: usize| (at + self.left).saturating_sub(tap * self.dilation).div_ceil(self.stride);
            both(&(window(range.start)..window(range.end)), outputs).len() as f64
        };
        (0..self.width).map(of_tap).sum()
    }
}

impl From<&conv::Shape> for Windows {
    fn from(s: &conv::Shape) -> Self {
        let &conv::Shape { width, stride, dilation, left, length, outputs, .. } = s;
        Self { width, stride, dilation, left, length, outputs }
    }
}

impl From<&First> for Windows {
    fn from(first: &First) -> Self {
        let s = &first.shape;
        let (width, stride, dilation) = (s.width, s.stride, s.dilation);
        Self { width, stride, dilation, left: s.left, length: s.length, outputs: s.outputs }
    }
}

impl From<&pool::Shape> for Windows {
    fn from(s: &pool::Shape) -> Self {
        Self { width: s.window, stride: s.stride, dilation: 1, left: 0, length: s.length, outputs: s.outputs() }
    }
}

impl First {
    /// The windows of its pool.
    pub(super) fn windows(&self) -> Option<pool::Shape> {
        let (length, channels) = (self.shape.outputs, self.shape.filters);
        self.pool.map(|window| pool::Shape { window, stride: window, length, channels })
    }
}

/// The windows of an attention pool.
pub(super) fn attention_windows(node: &Node, window: usize) -> Windows {
    let outputs = node.output.length;
    Windows { width: window, stride: window, dilation: 1, left: 0, length: node.input.length, outputs }
}

/// Positions of a node's output that can differ where its input differs within `range`.
pub(super) fn reached(node: &Node, range: &Range<usize>) -> Range<usize> {
    let all = 0..node.output.length;
    if range.is_empty() {
        return 0..0;
    }
    let pooled = |sums: Range<usize>, windows: Option<pool::Shape>| match windows {
        Some(windows) => Windows::from(&windows).reached(&sums),
        None => sums,
    };
    match &node.op {
        Op::First(layer) => pooled(Windows::from(layer).reached(range), layer.windows()),
        Op::Conv(layer) => {
            let sums = pooled(Windows::from(&layer.shape).reached(range), layer.pool);
            if layer.residual { hull(&sums, range) } else { sums }
        }
        Op::MaxPool(windows) | Op::AveragePool(windows) => Windows::from(windows).reached(range),
        Op::AttentionPool { window, .. } => attention_windows(node, *window).reached(range),
        Op::BatchNorm { .. } | Op::Activation(_) | Op::Dropout { .. } | Op::PositionNorm { .. } | Op::Softmax => {
            range.clone()
        }
        Op::Crop { left } => {
            let moved = |at: usize| at.saturating_sub(*left).min(node.output.length);
            moved(range.start)..moved(range.end)
        }
        Op::Upsample { factor } => range.start * factor..range.end * factor,
        Op::Recurrent(Recurrent { directions: 1, last: false, .. }) => range.start..node.output.length,
        Op::ControlSignal { .. } => 0..0,
        Op::Residual(inner) => hull(range, &through(inner, range)),
        Op::Concat(branches) => branches.iter().fold(0..0, |sum, nodes| hull(&sum, &through(nodes, range))),
        Op::Strands(inner, _) => {
            let turned = through(inner, &mirrored(range, node.input.length));
            hull(&through(inner, range), &mirrored(&turned, node.output.length))
        }
        Op::Dense { .. } | Op::Flatten | Op::SideInputs { .. } | Op::Recurrent(_) | Op::SelfAttention(_) => all,
    }
}

/// What comes out of nodes one after the other.
fn through(nodes: &[Node], range: &Range<usize>) -> Range<usize> {
    nodes.iter().fold(range.clone(), |range, node| reached(node, &range))
}

/// Lays out nodes whose output is needed within `needed`, and says which positions of their input are.
pub(super) fn lay_out<'a>(nodes: &'a [Node], needed: Range<usize>) -> (Vec<Stage<'a>>, Range<usize>) {
    let mut needed = needed;
    let mut stages: Vec<Stage> = Vec::with_capacity(nodes.len());
    for node in nodes.iter().rev() {
        let (inner, wanted) = needs(node, &needed);
        stages.push(Stage { node, needed, inner });
        needed = wanted;
    }
    stages.reverse();
    (stages, needed)
}

/// Positions of a node's input that its output within `range` depends on.
fn needs<'a>(node: &'a Node, range: &Range<usize>) -> (Vec<Vec<Stage<'a>>>, Range<usize>) {
    let plain = |range| (Vec::new(), range);
    match &node.op {
        Op::First(layer) => plain(Windows::from(layer).seen(&before_pool(layer.windows(), range))),
        Op::Conv(layer) => {
            let seen = Windows::from(&layer.shape).seen(&before_pool(layer.pool, range));
            plain(if layer.residual { hull(&seen, range) } else { seen })
        }
        Op::MaxPool(windows) | Op::AveragePool(windows) => plain(Windows::from(windows).seen(range)),
        Op::AttentionPool { window, .. } => plain(attention_windows(node, *window).seen(range)),
        Op::BatchNorm { .. } | Op::Activation(_) | Op::Dropout { .. } | Op::PositionNorm { .. } | Op::Softmax => {
            plain(range.clone())
        }
        Op::Crop { left } => plain(range.start + left..range.end + left),
        Op::Upsample { factor } => plain(range.start / factor..range.end.div_ceil(*factor)),
        Op::ControlSignal { .. } => plain(0..0),
        Op::Residual(inner) => {
            let (stages, wanted) = lay_out(inner, range.clone());
            (vec![stages], hull(&wanted, range))
        }
        Op::Concat(branches) => {
            let parts: Vec<_> = branches.iter().map(|nodes| lay_out(nodes, range.clone())).collect();
            let wanted = parts.iter().fold(0..0, |sum, (_, wanted)| hull(&sum, wanted));
            (parts.into_iter().map(|(stages, _)| stages).collect(), wanted)
        }
        Op::Strands(inner, _) => {
            let (stages, wanted) = lay_out(inner, hull(range, &mirrored(range, node.output.length)));
            let turned = mirrored(&wanted, node.input.length);
            (vec![stages], hull(&wanted, &turned))
        }
        Op::Dense { .. } | Op::Flatten | Op::SideInputs { .. } | Op::Recurrent(_) | Op::SelfAttention(_) => {
            plain(0..node.input.length)
        }
    }
}

/// The layer from which on a change within `range` has every position that is needed, where there are several.
pub(super) fn spreads(stages: &[Stage], range: &Range<usize>) -> Option<&'static str> {
    let mut range = range.clone();
    for stage in stages {
        if matches!(stage.node.op, Op::Flatten) {
            return None;
        }
        let reach = both(&reached(stage.node, &range), &stage.needed);
        let all = reach.len() == stage.needed.len() && stage.node.output.length > 1;
        if all && reach.len() > 1 && range.len() < stage.node.input.length {
            return Some(match &stage.node.op {
                Op::Recurrent(Recurrent { cell: Cell::Lstm, .. }) => "lstm",
                Op::Recurrent(_) => "gru",
                Op::SelfAttention(_) => "self-attention",
                Op::Residual(_) => "residual",
                Op::Concat(_) => "concat",
                Op::Strands(..) => "strands",
                Op::First(_) | Op::Conv(_) => "conv1d",
                _ => return None,
            });
        }
        range = reach;
    }
    None
}

/// What a stretch of changed positions costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cost {
    /// Multiplications of one copy, and as many other operations as take their time.
    pub(super) work: f64,
    /// Numbers of weights that are read for all copies.
    pub(super) read: f64,
}

impl Cost {
    fn add(&mut self, work: f64, read: f64) {
        self.work += work;
        self.read += read;
    }
}

/// Goes through stages from changes within `range`: adds up what they cost, and gives what they change at the end.
pub(super) fn cost(stages: &[Stage], range: &Range<usize>, sum: &mut Cost) -> Range<usize> {
    let mut range = range.clone();
    // The vector that positions are laid out in keeps their places until a layer asks for all of it.
    let mut flat: Option<(Shape, Range<usize>)> = None;
    for stage in stages {
        let node = stage.node;
        let reach = both(&reached(node, &range), &stage.needed);
        match &node.op {
            Op::Flatten => flat = Some((node.input, range.clone())),
            Op::Dropout { .. } | Op::SideInputs { .. } => {}
            Op::Dense { .. } => {
                let features = match flat.take() {
                    Some((shape, range)) => range.len() * shape.channels,
                    None => node.input.size(),
                };
                let work = if range.is_empty() { 0.0 } else { features as f64 * node.output.channels as f64 };
                sum.add(work, work);
            }
            _ => {
                flat = None;
                cost_of(stage, &range, &reach, sum);
            }
        }
        range = reach;
    }
    range
}

/// What a pass of a whole sequence costs, whose convolutions may have a cheaper way than those of edits.
pub(super) fn whole(stages: &[Stage], length: usize) -> f64 {
    let mut sum = Cost::default();
    cost(stages, &(0..length), &mut sum);
    sum.work - saved(stages)
}

fn saved(stages: &[Stage]) -> f64 {
    let of = |stage: &Stage| match &stage.node.op {
        Op::Conv(layer) => {
            let needed = before_pool(layer.pool, &stage.needed);
            (1.0 - layer.shape.inference_share()) * convolution(layer, &(0..layer.shape.length), &needed).0
        }
        Op::Residual(_) | Op::Concat(_) => stage.inner.iter().map(|stages| saved(stages)).sum(),
        Op::Strands(..) => 2.0 * saved(&stage.inner[0]),
        _ => 0.0,
    };
    stages.iter().map(of).sum()
}

/// What a number costs that passes a layer without a product.
const PASSING: f64 = 12.0;

fn cost_of(stage: &Stage, range: &Range<usize>, reach: &Range<usize>, sum: &mut Cost) {
    if range.is_empty() {
        return;
    }
    let node = stage.node;
    let (changed, outputs) = (range.len() as f64, reach.len() as f64 * node.output.channels as f64);
    sum.add(PASSING * outputs, 0.0);
    match &node.op {
        Op::First(layer) => {
            let sums = both(&Windows::from(layer).reached(range), &before_pool(layer.windows(), &stage.needed));
            sum.add(sums.len() as f64 * layer.shape.filters as f64 * PASSING, 0.0);
        }
        Op::Conv(layer) => {
            let (work, read) = convolution(layer, range, &before_pool(layer.pool, &stage.needed));
            sum.add(work, read);
        }
        Op::Recurrent(layer) => {
            let gates = if layer.cell == Cell::Lstm { 4 } else { 3 };
            let gates = (gates * layer.units) as f64;
            let (length, input) = (node.input.length as f64, node.input.channels as f64);
            let steps = length - range.start as f64 + if layer.directions == 2 { range.end as f64 } else { 0.0 };
            let (inputs, states) = (gates * input, gates * (layer.units as f64 + PASSING));
            let inputs_of = changed * layer.directions as f64;
            sum.add(inputs_of * inputs + steps * states, inputs_of * inputs + steps * gates * layer.units as f64);
        }
        Op::SelfAttention(layer) => {
            let (length, inner) = (node.input.length as f64, (layer.heads * layer.size) as f64);
            sum.add(length * inner * (4.0 * node.input.channels as f64 + 2.0 * length), 0.0);
        }
        Op::AttentionPool { window, .. } => {
            let seen = reach.len() * window * node.input.channels;
            sum.add(seen as f64 * node.input.channels as f64, 0.0);
        }
        Op::MaxPool(windows) | Op::AveragePool(windows) => {
            sum.add(windows.window.min(range.len()) as f64 * outputs, 0.0);
        }
        Op::Residual(_) | Op::Concat(_) => stage.inner.iter().for_each(|stages| {
            cost(stages, range, sum);
        }),
        Op::Strands(..) => {
            cost(&stage.inner[0], range, sum);
            cost(&stage.inner[0], &mirrored(range, node.input.length), sum);
        }
        _ => {}
    }
}

/// Positions before a pool that its windows see.
pub(super) fn before_pool(windows: Option<pool::Shape>, needed: &Range<usize>) -> Range<usize> {
    windows.map_or_else(|| needed.clone(), |windows| Windows::from(&windows).seen(needed))
}

fn convolution(layer: &Conv, range: &Range<usize>, needed: &Range<usize>) -> (f64, f64) {
    let windows = Windows::from(&layer.shape);
    let sums = both(&windows.reached(range), needed);
    let of_pair = (layer.shape.weights() / layer.shape.width) as f64;
    let work = windows.pairs(range, &sums) * of_pair;
    (work, if work > 0.0 { layer.shape.weights() as f64 } else { 0.0 })
}
