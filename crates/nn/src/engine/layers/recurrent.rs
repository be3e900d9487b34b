//! LSTM and GRU, one direction and one block of examples a task.

use super::add_up;
use crate::engine::buffers::Array;
use crate::engine::node::{Cell, Recurrent};
use crate::engine::{Extra, Found, Node, Pass};
use crate::network::Weights;
use basewise_kernels::Level;
use basewise_kernels::matrix::Packed;
use basewise_kernels::recurrent::{InputGradient, Output, Scratch, Shape, gru, lstm};
use rayon::prelude::*;

/// Examples of a task: enough rows for whole tiles, few enough for several threads.
const BLOCK: usize = 16;

/// What a task keeps for its way back.
#[derive(Debug)]
pub(in crate::engine) enum Saved {
    Lstm(Box<lstm::Saved>),
    Gru(Box<gru::Saved>),
}

impl Saved {
    pub(in crate::engine) fn new(cell: Cell) -> Self {
        match cell {
            Cell::Lstm => Self::Lstm(Box::default()),
            Cell::Gru => Self::Gru(Box::default()),
        }
    }

    pub(in crate::engine) fn is_of(&self, cell: Cell) -> bool {
        matches!((self, cell), (Self::Lstm(_), Cell::Lstm) | (Self::Gru(_), Cell::Gru))
    }
}

/// Sizes of a layer, and its arrays of one direction.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Layer<'a> {
    pub(in crate::engine) cell: Cell,
    pub(in crate::engine) channels: usize,
    pub(in crate::engine) units: usize,
    pub(in crate::engine) length: usize,
    directions: usize,
    /// Input weight, hidden weight, bias, and of a gated recurrent unit hidden bias, for each direction.
    pub(in crate::engine) arrays: [[&'a [f32]; 4]; 2],
}

impl<'a> Layer<'a> {
    fn new(pass: &Pass<'a>, node: &Node, layer: &Recurrent) -> Self {
        Self::of(pass.weights, node, layer)
    }

    pub(in crate::engine) fn of(weights: &'a Weights, node: &Node, layer: &Recurrent) -> Self {
        let count = arrays(layer.cell);
        let array = |direction: usize, i: usize| -> &'a [f32] {
            let at = layer.parameter + direction * count + i;
            if direction < layer.directions && i < count { &weights.parameters[at].values } else { &[] }
        };
        Self {
            cell: layer.cell,
            channels: node.input.channels,
            units: layer.units,
            length: node.input.length,
            directions: layer.directions,
            arrays: [0, 1].map(|direction| [0, 1, 2, 3].map(|i| array(direction, i))),
        }
    }

    fn shape(&self, direction: usize) -> Shape {
        Shape { channels: self.channels, hidden: self.units, length: self.length, reverse: direction == 1 }
    }

    pub(in crate::engine) fn gates(&self) -> usize {
        self.units * if self.cell == Cell::Lstm { 4 } else { 3 }
    }

    /// Numbers of each array of a direction.
    fn sizes(&self) -> [usize; 4] {
        let gates = self.gates();
        let hidden_bias = if self.cell == Cell::Gru { gates } else { 0 };
        [self.channels * gates, self.units * gates, gates, hidden_bias]
    }

    /// Input and hidden weights of each direction, packed for the way forwards or back.
    fn pack(&self, level: Level, back: bool) -> Vec<[Packed; 2]> {
        let gates = self.gates();
        let one = |rows: usize, values: &[f32]| {
            if back { Packed::transposed(level, gates, rows, values) } else { Packed::new(level, rows, gates, values) }
        };
        // A step multiplies the states of one block.
        let step = |values: &[f32]| {
            if back {
                Packed::transposed_for_rows(level, BLOCK, gates, self.units, values)
            } else {
                Packed::for_rows(level, BLOCK, self.units, gates, values)
            }
        };
        let direction = |d: usize| {
            let [input, hidden, ..] = self.arrays[d];
            let (input, hidden) = rayon::join(|| one(self.channels, input), || step(hidden));
            [input, hidden]
        };
        (0..self.directions).into_par_iter().map(direction).collect()
    }
}

/// Arrays of a direction.
fn arrays(cell: Cell) -> usize {
    if cell == Cell::Lstm { 3 } else { 4 }
}

/// Numbers in the partial sums of a layer's gradients on `n` examples.
pub(in crate::engine) fn partial_numbers(node: &Node, layer: &Recurrent, n: usize) -> u64 {
    let gates = layer.units.saturating_mul(if layer.cell == Cell::Lstm { 4 } else { 3 });
    let rows = node.input.channels.saturating_add(layer.units).saturating_add(2);
    let sums = layer.directions.saturating_mul(n.div_ceil(BLOCK));
    (gates as u64).saturating_mul(rows as u64).saturating_mul(sums as u64)
}

pub(in crate::engine) fn forward(pass: &mut Pass, node: &Node, layer: &Recurrent, x: &[f32], y: &mut [f32]) -> Extra {
    let sizes = Layer::new(pass, node, layer);
    let (rows, width) = (pass.n * sizes.length, sizes.directions * sizes.units);
    if !layer.last {
        let saved = states(pass, &sizes, x, y);
        return Extra::Recurrent(saved, Array::default());
    }
    let mut all = pass.buffers.take(rows * width);
    let saved = states(pass, &sizes, x, &mut all);
    for (y, all) in y.chunks_exact_mut(width).zip(all.chunks_exact(sizes.length * width)) {
        for direction in 0..sizes.directions {
            let from = last_position(&sizes, direction) * width + direction * sizes.units;
            y[direction * sizes.units..][..sizes.units].copy_from_slice(&all[from..from + sizes.units]);
        }
    }
    if pass.keep {
        return Extra::Recurrent(saved, all);
    }
    pass.buffers.give(all);
    Extra::None
}

/// The position that a direction reads last.
fn last_position(sizes: &Layer, direction: usize) -> usize {
    if direction == 1 { 0 } else { sizes.length - 1 }
}

/// All hidden states, `[n, length, directions * units]`; what is kept comes block by block, direction by direction, and
/// is nothing in a pass that keeps nothing.
fn states(pass: &mut Pass, sizes: &Layer, x: &[f32], y: &mut [f32]) -> Vec<Saved> {
    let level = pass.level;
    let packed = sizes.pack(level, false);
    let width = sizes.directions * sizes.units;
    let blocks =
        y.chunks_mut((BLOCK * sizes.length * width).max(1)).zip(x.chunks(BLOCK * sizes.length * sizes.channels));
    let mut tasks = Vec::new();
    for (y, x) in blocks {
        if sizes.directions == 1 {
            tasks.push((0, x, Output::new(y, sizes.units, sizes.units)));
        } else {
            let (forward, reverse) = Output::both(y, sizes.units);
            tasks.extend([(0, x, forward), (1, x, reverse)]);
        }
    }
    let kept = if pass.keep { tasks.len() } else { 0 };
    let mut saved: Vec<Option<Saved>> = (0..kept).map(|_| Some(pass.buffers.take_saved(sizes.cell))).collect();
    saved.resize_with(tasks.len(), || None);
    let run = |scratch: &mut Scratch, ((direction, x, y), saved): ((usize, &[f32], Output), &mut Option<Saved>)| {
        one_direction(level, sizes, direction, &packed[direction], x, y, saved.as_mut(), scratch);
    };
    tasks.into_par_iter().zip(&mut saved).for_each_init(Scratch::default, run);
    saved.into_iter().flatten().collect()
}

fn one_direction(
    level: Level,
    sizes: &Layer,
    direction: usize,
    [input, hidden]: &[Packed; 2],
    x: &[f32],
    y: Output,
    saved: Option<&mut Saved>,
    scratch: &mut Scratch,
) {
    let shape = sizes.shape(direction);
    let n = x.len() / (sizes.length * sizes.channels);
    let [.., bias, hidden_bias] = sizes.arrays[direction];
    let lstm_weights = lstm::Weights { input, hidden, bias };
    let gru_weights = gru::Weights { input, hidden, bias, hidden_bias };
    match (saved, sizes.cell) {
        (Some(Saved::Lstm(saved)), _) => lstm::forward(level, &shape, n, x, &lstm_weights, y, saved, scratch),
        (Some(Saved::Gru(saved)), _) => gru::forward(level, &shape, n, x, &gru_weights, y, saved, scratch),
        (None, Cell::Lstm) => lstm::infer(level, &shape, n, x, &lstm_weights, y, scratch),
        (None, Cell::Gru) => gru::infer(level, &shape, n, x, &gru_weights, y, scratch),
    }
}

/// One direction of one block on its way back.
struct Task<'a> {
    direction: usize,
    x: &'a [f32],
    /// From the direction's first column on.
    y: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
    /// All arrays of the direction, one after the other.
    gradient: &'a mut [f32],
    saved: &'a mut Saved,
}

pub(in crate::engine) fn backward(
    pass: &mut Pass,
    node: &Node,
    layer: &Recurrent,
    x: &[f32],
    y: &[f32],
    extra: &mut Extra,
    dy: &[f32],
    dx: &mut [f32],
    found: &mut Found,
) {
    let Extra::Recurrent(saved, all) = extra else { return };
    let sizes = Layer::new(pass, node, layer);
    let (directions, width) = (sizes.directions, sizes.directions * sizes.units);
    let (y, spread) = if layer.last { (&all[..], spread_last(pass, &sizes, dy)) } else { (y, Array::default()) };
    let dy = if layer.last { &spread[..] } else { dy };
    let numbers: usize = sizes.sizes().iter().sum();
    let blocks = pass.n.div_ceil(BLOCK);
    let mut partial = pass.buffers.zeros(directions * blocks * numbers);
    let mut slopes = pass.buffers.take(directions * x.len());
    let packed = sizes.pack(pass.level, true);
    let mut tasks = Vec::with_capacity(saved.len());
    let mut gradients: Vec<_> = partial.chunks_mut(numbers.max(1)).map(Some).collect();
    let (one, two) = slopes.split_at_mut(x.len());
    let inputs = BLOCK * sizes.length * sizes.channels;
    let mut slopes_of = [one.chunks_mut(inputs), two.chunks_mut(inputs)];
    for (i, saved) in saved.iter_mut().enumerate() {
        let (block, direction) = (i / directions, i % directions);
        let examples = block * BLOCK..pass.n.min((block + 1) * BLOCK);
        let rows = examples.start * sizes.length * width..examples.end * sizes.length * width;
        let from = rows.start + direction * sizes.units;
        let gradient = gradients[direction * blocks + block].take().unwrap_or_default();
        let Some(dx) = slopes_of[direction].next() else { break };
        let x = &x[block * inputs..][..dx.len()];
        tasks.push(Task { direction, x, y: &y[from..rows.end], dy: &dy[from..rows.end], dx, gradient, saved });
    }
    let level = pass.level;
    tasks.into_par_iter().for_each_init(Scratch::default, |scratch, task| {
        one_direction_back(level, &sizes, &packed[task.direction], task, width, scratch);
    });
    if !dx.is_empty() {
        let (one, two) = slopes.split_at(x.len());
        dx.copy_from_slice(one);
        dx.iter_mut().zip(two).for_each(|(dx, two)| *dx += two);
    }
    if let Some(found) = &mut found.parameters {
        let lengths = sizes.sizes();
        for (direction, partial) in partial.chunks_mut((blocks * numbers).max(1)).enumerate() {
            let mut sum = add_up(partial, numbers);
            for (i, length) in lengths.into_iter().take(arrays(sizes.cell)).enumerate() {
                let (own, rest) = sum.split_at(length);
                found[layer.parameter + direction * arrays(sizes.cell) + i].copy_from_slice(own);
                sum = rest;
            }
        }
    }
    pass.buffers.give(partial);
    pass.buffers.give(slopes);
    pass.buffers.give(spread);
}

/// The gradient of the last states as one of all states.
fn spread_last(pass: &mut Pass, sizes: &Layer, dy: &[f32]) -> Array {
    let width = sizes.directions * sizes.units;
    let mut all = pass.buffers.zeros(pass.n * sizes.length * width);
    for (all, dy) in all.chunks_exact_mut(sizes.length * width).zip(dy.chunks_exact(width)) {
        for direction in 0..sizes.directions {
            let own = direction * sizes.units..(direction + 1) * sizes.units;
            let from = last_position(sizes, direction) * width + own.start;
            all[from..from + sizes.units].copy_from_slice(&dy[own]);
        }
    }
    all
}

fn one_direction_back(
    level: Level,
    sizes: &Layer,
    [input, hidden]: &[Packed; 2],
    task: Task,
    width: usize,
    scratch: &mut Scratch,
) {
    let Task { direction, x, y, dy, dx, gradient, saved } = task;
    let shape = sizes.shape(direction);
    let n = x.len() / (sizes.length * sizes.channels);
    let [a, b, c, _] = sizes.sizes();
    let (d_input, rest) = gradient.split_at_mut(a);
    let (d_hidden, rest) = rest.split_at_mut(b);
    let (d_bias, d_hidden_bias) = rest.split_at_mut(c);
    let (y, dy, dx) = ((y, width), (dy, width), InputGradient::Overwrite(dx));
    match saved {
        Saved::Lstm(saved) => {
            let gradients = lstm::Gradients { input: d_input, hidden: d_hidden, bias: d_bias };
            let weights = lstm::Transposed { input, hidden };
            lstm::backward(level, &shape, n, x, y, &weights, saved, dy, dx, gradients, scratch);
        }
        Saved::Gru(saved) => {
            let gradients =
                gru::Gradients { input: d_input, hidden: d_hidden, bias: d_bias, hidden_bias: d_hidden_bias };
            let weights = gru::Transposed { input, hidden };
            gru::backward(level, &shape, n, x, y, &weights, saved, dy, dx, gradients, scratch);
        }
    }
}
