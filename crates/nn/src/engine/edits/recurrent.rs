//! LSTM and GRU from the first position that an edit changes on.

use super::known::{Known, Ready};
use super::reach::hull;
use super::walk::{Patch, Walk};
use crate::architecture::Shape;
use crate::engine::Pass;
use crate::engine::layers::recurrent::Layer;
use crate::engine::node::{Cell, Node, Recurrent};
use basewise_kernels::matrix::{Packed, multiply};
use basewise_kernels::recurrent::{gru, lstm};
use basewise_kernels::{Level, difference};
use rayon::prelude::*;
use std::ops::Range;

/// States that differ by less are the same to rounding: half of the last digit of a number near 1.
const SAME: f32 = 6e-8;

/// One direction with what it makes of the sequence as it is.
#[derive(Debug)]
pub(super) struct Direction {
    input: Packed,
    hidden: Packed,
    /// The input's share of the gates, `[n, length, gates]`.
    projection: Vec<f32>,
    /// Hidden states, `[n, length, units]`, and cell states of an LSTM.
    states: Vec<f32>,
    cells: Vec<f32>,
}

/// Hidden and cell states of some copies at a step.
struct States {
    hidden: Vec<f32>,
    cell: Vec<f32>,
    room: Vec<f32>,
}

/// One step of `n` copies; `y` gets the states in rows `stride` apart.
fn step(
    level: Level,
    layer: &Layer,
    d: usize,
    direction: &Direction,
    n: usize,
    projection: &[f32],
    states: &mut States,
    y: (&mut [f32], usize),
) {
    let Direction { input, hidden, .. } = direction;
    let [.., bias, hidden_bias] = layer.arrays[d];
    let States { hidden: state, cell, room } = states;
    match layer.cell {
        Cell::Lstm => lstm::step(level, n, projection, &lstm::Weights { input, hidden, bias }, (state, cell), y, room),
        Cell::Gru => {
            gru::step(level, n, projection, &gru::Weights { input, hidden, bias, hidden_bias }, state, y, room);
        }
    }
}

/// The positions of a direction in the order of its steps.
fn order(d: usize, range: Range<usize>) -> Box<dyn Iterator<Item = usize>> {
    if d == 1 { Box::new(range.rev()) } else { Box::new(range) }
}

pub(super) fn know(pass: &mut Pass, node: &Node, layer: &Recurrent, x: &[f32]) -> Known {
    let sizes = Layer::of(pass.weights, node, layer);
    let (level, n) = (pass.level, pass.n);
    let directions: Vec<Direction> =
        (0..layer.directions).into_par_iter().map(|d| know_direction(level, &sizes, d, n, x)).collect();
    let (units, width) = (layer.units, layer.units * layer.directions);
    let mut output = pass.buffers.take(n * node.output.size());
    for (d, direction) in directions.iter().enumerate() {
        let rows: Box<dyn Iterator<Item = &[f32]>> = if layer.last {
            let last = if d == 1 { 0 } else { sizes.length - 1 };
            Box::new(direction.states.chunks_exact(units).skip(last).step_by(sizes.length))
        } else {
            Box::new(direction.states.chunks_exact(units))
        };
        let outputs = output.chunks_exact_mut(width).zip(rows);
        outputs.for_each(|(y, states)| y[d * units..(d + 1) * units].copy_from_slice(states));
    }
    Known::new(node, output, Ready::Recurrent(directions))
}

fn know_direction(level: Level, layer: &Layer, d: usize, n: usize, x: &[f32]) -> Direction {
    let (units, length, gates) = (layer.units, layer.length, layer.gates());
    let [input, hidden, ..] = layer.arrays[d];
    let (input, hidden) = (Packed::new(level, layer.channels, gates, input), Packed::new(level, units, gates, hidden));
    let mut projection = vec![0.0; n * length * gates];
    multiply(n * length, x, layer.channels, &input, &mut projection, gates, false);
    let (states, cells) = (vec![0.0; n * length * units], vec![0.0; n * length * units]);
    let mut direction = Direction { input, hidden, projection, states, cells };
    let (mut now, mut y) =
        (States { hidden: vec![0.0; units], cell: vec![0.0; units], room: vec![] }, vec![0.0; units]);
    for example in 0..n {
        now.hidden.fill(0.0);
        now.cell.fill(0.0);
        for position in order(d, 0..length) {
            let at = example * length + position;
            let own = &direction.projection[at * gates..(at + 1) * gates];
            step(level, layer, d, &direction, 1, own, &mut now, (&mut y, units));
            direction.states[at * units..(at + 1) * units].copy_from_slice(&now.hidden);
            direction.cells[at * units..(at + 1) * units].copy_from_slice(&now.cell);
        }
    }
    direction
}

impl Walk<'_> {
    pub(super) fn recurrent(&mut self, node: &Node, layer: &Recurrent, known: &Known, patch: Patch) -> Option<Patch> {
        let Ready::Recurrent(directions) = &known.ready else { return None };
        let sizes = Layer::of(self.weights, node, layer);
        let (length, width) = (node.input.length, layer.units * layer.directions);
        let reach = if layer.directions == 2 { 0..length } else { patch.range.start..length };
        let shape = Shape { channels: width, length };
        let mut all = self.zeros(if layer.last { 0..1 } else { reach.clone() }, shape)?;
        let mut changed = patch.range.clone();
        for (d, direction) in directions.iter().enumerate() {
            let end = self.run(&sizes, d, direction, &patch, (&mut all, layer.last));
            changed = hull(&changed, &end);
        }
        self.give(patch);
        if layer.last {
            all.shape = node.output;
            return Some(all);
        }
        // What both directions left as it was is cut off.
        let row = self.copies() * width;
        let from = (changed.start - reach.start) * row;
        if from > 0 {
            all.values.copy_within(from..from + changed.len() * row, 0);
        }
        all.values.shorten(changed.len() * row);
        (all.range, all.shape) = (changed, node.output);
        Some(all)
    }

    /// Runs a direction from the first changed position until all states are again those of the sequence, and gives the
    /// positions that it went over.
    fn run(
        &mut self,
        layer: &Layer,
        d: usize,
        direction: &Direction,
        patch: &Patch,
        (all, last): (&mut Patch, bool),
    ) -> Range<usize> {
        let (copies, units, gates, length) = (self.copies(), layer.units, layer.gates(), layer.length);
        let stride = all.shape.channels;
        let first = self.example() * length;
        let of = |width: usize, position: usize| (first + position) * width..(first + position + 1) * width;
        let steps = if d == 1 { 0..patch.range.end } else { patch.range.start..length };
        let before = if d == 1 { Some(steps.end).filter(|&at| at < length) } else { steps.start.checked_sub(1) };
        let begin = |all: &[f32]| before.map_or(vec![0.0; copies * units], |at| all[of(units, at)].repeat(copies));
        let mut now = States { hidden: begin(&direction.states), cell: begin(&direction.cells), room: Vec::new() };
        let mut projection = self.buffers.take_any(copies * gates);
        let mut y = self.buffers.take_any(copies * units);
        let mut gone = patch.range.clone();
        for position in order(d, steps.clone()) {
            let own = &direction.projection[of(gates, position)];
            let share: &[f32] = if patch.range.contains(&position) {
                projection.chunks_exact_mut(gates).for_each(|row| row.copy_from_slice(own));
                let x = &patch.values[(position - patch.range.start) * copies * layer.channels..];
                multiply(copies, x, layer.channels, &direction.input, &mut projection, gates, true);
                &projection
            } else {
                own
            };
            step(self.level, layer, d, direction, copies, share, &mut now, (&mut y, units));
            gone = hull(&gone, &(position..position + 1));
            let state = &direction.states[of(units, position)];
            difference::subtract(self.level, copies, units, state, &mut y);
            let end = if d == 1 { position == 0 } else { position + 1 == length };
            if !last || end {
                let from = if last { 0 } else { position - all.range.start };
                let rows = all.values[from * copies * stride..].chunks_exact_mut(stride);
                let rows = rows.zip(y.chunks_exact(units));
                rows.for_each(|(to, d_state)| to[d * units..(d + 1) * units].copy_from_slice(d_state));
            }
            let cell = &direction.cells[of(units, position)];
            if !patch.range.contains(&position) && same(&y, &now.cell, cell, layer.cell) {
                break;
            }
        }
        self.buffers.give(projection);
        self.buffers.give(y);
        gone
    }
}

/// Whether hidden states that differ by `d`, and cell states, are those of the sequence to rounding.
fn same(d: &[f32], cells: &[f32], own: &[f32], kind: Cell) -> bool {
    let cell = |(now, own): (&f32, &f32)| (now - own).abs() <= SAME * own.abs().max(1.0);
    d.iter().all(|d| d.abs() <= SAME)
        && (kind == Cell::Gru || cells.chunks_exact(own.len()).all(|row| row.iter().zip(own).all(cell)))
}
