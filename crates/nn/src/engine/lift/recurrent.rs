//! LSTM and GRU: sigmoids and hyperbolic tangents of weighted sums, and products of two numbers.
//!
//! Both cells have four sums a unit, `x W + h U + b`: i, f, g and o of an LSTM; of a GRU r, z and the two parts of n, of
//! which one comes from the input alone and one from the state alone.

use super::Pairs;
use super::elementwise::{rise, sigmoid};
use crate::engine::node::{Cell, Pointwise, Recurrent};
use crate::engine::{Extra, Node, Pass};
use basewise_kernels::matrix::{Packed, multiply};
use rayon::prelude::*;

/// Pairs of a task.
const BLOCK: usize = 16;
/// Sums of a unit.
const SUMS: usize = 4;

/// One direction of a layer.
struct Direction<'a> {
    cell: Cell,
    channels: usize,
    units: usize,
    length: usize,
    reverse: bool,
    /// Input weight, hidden weight, bias and, of a GRU, hidden bias.
    arrays: [&'a [f32]; 4],
    /// Numbers of a row of states of all directions, and where this one's begin.
    width: usize,
    first: usize,
}

/// What a row of the batch went through.
struct Trace {
    /// `[length, 4 units]`, before functions.
    sums: Vec<f32>,
    /// Cell states of an LSTM, `[length, units]`.
    cells: Vec<f32>,
}

pub(super) fn lift(
    pass: &Pass,
    node: &Node,
    layer: &Recurrent,
    pairs: &Pairs,
    (x, y): (&[f32], &[f32]),
    extra: &Extra,
    m: &[f32],
    dx: &mut [f32],
) {
    let Extra::Recurrent(_, all) = extra else { return };
    let states: &[f32] = if layer.last { all } else { y };
    dx.fill(0.0);
    for number in 0..layer.directions {
        let direction = Direction::new(pass, node, layer, number);
        let traces = direction.traces(pass, x, states);
        let back = direction.pack_back(pass);
        let (inputs, outputs) = (node.input.size(), m.len() / pairs.count().max(1));
        let blocks = dx.par_chunks_mut(BLOCK * inputs).zip(m.par_chunks(BLOCK * outputs)).enumerate();
        blocks.for_each(|(block, (dx, m))| {
            let own: Vec<[usize; 2]> = (0..dx.len() / inputs).map(|i| pairs.rows_of(block * BLOCK + i)).collect();
            let slopes = direction.back(&own, &traces, states, (m, layer.last), &back[1]);
            let rows = own.len() * direction.length;
            multiply(rows, &slopes, SUMS * direction.units, &back[0], dx, direction.channels, true);
        });
    }
}

impl<'a> Direction<'a> {
    fn new(pass: &Pass<'a>, node: &Node, layer: &Recurrent, number: usize) -> Self {
        let count = if layer.cell == Cell::Lstm { 3 } else { 4 };
        let array = |i: usize| -> &'a [f32] {
            if i < count { &pass.weights.parameters[layer.parameter + number * count + i].values } else { &[] }
        };
        Self {
            cell: layer.cell,
            channels: node.input.channels,
            units: layer.units,
            length: node.input.length,
            reverse: number == 1,
            arrays: [0, 1, 2, 3].map(array),
            width: layer.directions * layer.units,
            first: number * layer.units,
        }
    }

    /// The weight of input channel `from` in a sum.
    fn input(&self, from: usize, sum: usize) -> f32 {
        match self.cell {
            Cell::Lstm => self.arrays[0][from * 4 * self.units + sum],
            Cell::Gru if sum < 3 * self.units => self.arrays[0][from * 3 * self.units + sum],
            Cell::Gru => 0.0,
        }
    }

    /// The weight of unit `from` in a sum.
    fn hidden(&self, from: usize, sum: usize) -> f32 {
        match (self.cell, sum / self.units) {
            (Cell::Lstm, _) => self.arrays[1][from * 4 * self.units + sum],
            (Cell::Gru, 0 | 1) => self.arrays[1][from * 3 * self.units + sum],
            (Cell::Gru, 2) => 0.0,
            (Cell::Gru, _) => self.arrays[1][from * 3 * self.units + sum - self.units],
        }
    }

    fn bias(&self, sum: usize) -> f32 {
        let [.., bias, hidden] = self.arrays;
        match (self.cell, sum / self.units) {
            (Cell::Lstm, _) => bias[sum],
            (Cell::Gru, 0 | 1) => bias[sum] + hidden[sum],
            (Cell::Gru, 2) => bias[sum],
            (Cell::Gru, _) => hidden[sum - self.units],
        }
    }

    /// Weights from sums to the input and to the state before.
    fn pack_back(&self, pass: &Pass) -> [Packed; 2] {
        let sums = SUMS * self.units;
        [
            Packed::from_fn(pass.level, sums, self.channels, |sum, c| self.input(c, sum)),
            Packed::from_fn(pass.level, sums, self.units, |sum, unit| self.hidden(unit, sum)),
        ]
    }

    /// The position that was read before another one.
    fn before(&self, position: usize) -> Option<usize> {
        if self.reverse { Some(position + 1).filter(|&next| next < self.length) } else { position.checked_sub(1) }
    }

    /// Positions in the order in which they are read.
    fn order(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        (0..self.length).map(|step| if self.reverse { self.length - 1 - step } else { step })
    }

    /// The state after position `before` of a row of states, or zero.
    fn state(&self, states: &[f32], before: Option<usize>, unit: usize) -> f32 {
        before.map_or(0.0, |position| states[position * self.width + self.first + unit])
    }

    fn traces(&self, pass: &Pass, x: &[f32], states: &[f32]) -> Vec<Trace> {
        let sums = SUMS * self.units;
        let input = Packed::from_fn(pass.level, self.channels, sums, |c, sum| self.input(c, sum));
        let hidden = Packed::from_fn(pass.level, self.units, sums, |unit, sum| self.hidden(unit, sum));
        let bias: Vec<f32> = (0..sums).map(|sum| self.bias(sum)).collect();
        let rows = x.par_chunks(self.length * self.channels).zip(states.par_chunks(self.length * self.width));
        rows.map(|(x, states)| self.trace(x, states, [&input, &hidden], &bias)).collect()
    }

    fn trace(&self, x: &[f32], states: &[f32], [input, hidden]: [&Packed; 2], bias: &[f32]) -> Trace {
        let width = bias.len();
        let mut sums = bias.repeat(self.length);
        multiply(self.length, x, self.channels, input, &mut sums, width, true);
        // The states of all positions but the one read last go to the next ones.
        let (from, to) = if self.reverse { (self.width, 0) } else { (0, width) };
        if self.length > 1 {
            let states = &states[from + self.first..];
            multiply(self.length - 1, states, self.width, hidden, &mut sums[to..], width, true);
        }
        let mut cells = Vec::new();
        if self.cell == Cell::Lstm {
            cells = vec![0.0; self.length * self.units];
            for position in self.order() {
                let before = self.before(position);
                for unit in 0..self.units {
                    let [i, f, g, _] = self.sums_of(&sums, position, unit);
                    let old = before.map_or(0.0, |before| f64::from(cells[before * self.units + unit]));
                    cells[position * self.units + unit] = (sigmoid(f) * old + sigmoid(i) * g.tanh()) as f32;
                }
            }
        }
        Trace { sums, cells }
    }

    fn sums_of(&self, sums: &[f32], position: usize, unit: usize) -> [f64; SUMS] {
        [0, 1, 2, 3].map(|sum| f64::from(sums[position * SUMS * self.units + sum * self.units + unit]))
    }

    /// Multipliers of the sums `[pairs, length, 4 units]` from those of the states, or of the last states.
    fn back(
        &self,
        own: &[[usize; 2]],
        traces: &[Trace],
        states: &[f32],
        (m, last): (&[f32], bool),
        hidden: &Packed,
    ) -> Vec<f32> {
        let (units, sums, count) = (self.units, SUMS * self.units, own.len());
        let mut slopes = vec![0.0; count * self.length * sums];
        // Of the state, which comes back by way of the sums; and what passes straight to the step before: the cell of
        // an LSTM, the state of a GRU.
        let (mut of_state, mut straight) = (vec![0f32; count * units], vec![0f64; count * units]);
        let mut step = vec![0.0; count * sums];
        let outputs = m.len() / count.max(1);
        for (left, position) in self.order().rev().enumerate() {
            for (pair, &rows) in own.iter().enumerate() {
                let own = rows.map(|row| &traces[row]);
                let states = rows.map(|row| &states[row * self.length * self.width..]);
                for unit in 0..units {
                    let at = pair * units + unit;
                    let given = match last {
                        true if left > 0 => 0.0,
                        true => m[pair * outputs + self.first + unit],
                        false => m[pair * outputs + position * self.width + self.first + unit],
                    };
                    let of_state = f64::from(of_state[at]) + f64::from(given);
                    let (slopes, rest) = match self.cell {
                        Cell::Lstm => self.lstm(own, position, unit, of_state, straight[at]),
                        Cell::Gru => self.gru(own, states, position, unit, of_state + straight[at]),
                    };
                    straight[at] = rest;
                    (0..SUMS).for_each(|sum| step[pair * sums + sum * units + unit] = slopes[sum] as f32);
                }
                slopes[(pair * self.length + position) * sums..][..sums].copy_from_slice(&step[pair * sums..][..sums]);
            }
            multiply(count, &step, sums, hidden, &mut of_state, units, false);
        }
        slopes
    }

    /// Multipliers of i, f, g and o, and of the cell before.
    fn lstm(&self, own: [&Trace; 2], at: usize, unit: usize, of_state: f64, of_cell: f64) -> ([f64; SUMS], f64) {
        let before = self.before(at);
        let [sums, sums0] = own.map(|trace| self.sums_of(&trace.sums, at, unit));
        let cell = |trace: &Trace, at: usize| f64::from(trace.cells[at * self.units + unit]);
        let [c, c0] = own.map(|trace| cell(trace, at));
        let [old, old0] = own.map(|trace| before.map_or(0.0, |before| cell(trace, before)));
        let mean = |of: fn(f64) -> f64, sum: usize| 0.5 * (of(sums[sum]) + of(sums0[sum]));
        let of_cell = of_cell + of_state * mean(sigmoid, 3) * rise(Pointwise::Tanh, c, c0);
        let gate = |sum: usize| rise(Pointwise::Sigmoid, sums[sum], sums0[sum]);
        let slopes = [
            of_cell * mean(f64::tanh, 2) * gate(0),
            of_cell * 0.5 * (old + old0) * gate(1),
            of_cell * mean(sigmoid, 0) * rise(Pointwise::Tanh, sums[2], sums0[2]),
            of_state * 0.5 * (c.tanh() + c0.tanh()) * gate(3),
        ];
        (slopes, of_cell * mean(sigmoid, 1))
    }

    /// Multipliers of r, z and both parts of n, and of the state before.
    fn gru(&self, own: [&Trace; 2], states: [&[f32]; 2], at: usize, unit: usize, of_state: f64) -> ([f64; SUMS], f64) {
        let before = self.before(at);
        let [old, old0] = states.map(|states| f64::from(self.state(states, before, unit)));
        let [sums, sums0] = own.map(|trace| self.sums_of(&trace.sums, at, unit));
        let inside = |[r, _, n, hidden]: [f64; SUMS]| n + sigmoid(r) * hidden;
        let [a, a0] = [inside(sums), inside(sums0)];
        let mean = |sum: usize| 0.5 * (sigmoid(sums[sum]) + sigmoid(sums0[sum]));
        let gate = |sum: usize| rise(Pointwise::Sigmoid, sums[sum], sums0[sum]);
        let of_inside = of_state * (1.0 - mean(1)) * rise(Pointwise::Tanh, a, a0);
        let slopes = [
            of_inside * 0.5 * (sums[3] + sums0[3]) * gate(0),
            of_state * 0.5 * (old + old0 - a.tanh() - a0.tanh()) * gate(1),
            of_inside,
            of_inside * mean(0),
        ];
        (slopes, of_state * mean(1))
    }
}
