//! Recurrent layers. ONNX runs them over `[length, batch, channels]`, keeps each direction's weights transposed, and has
//! the gates in other orders than we have.

use super::graph::{Attribute, Graph, Value};
use crate::architecture::directions;
use crate::network::Step;

/// A recurrent operator.
struct Cell {
    operator: &'static str,
    units: usize,
    directions: usize,
    last: bool,
    /// For each gate of ONNX its number among ours.
    gates: &'static [usize],
    /// Our arrays of a direction: input weight, hidden weight, bias, and perhaps a hidden bias.
    arrays: usize,
}

/// Ours are `i, f, g, o`; ONNX's `i, o, f, c`, where `c` is `g`.
pub(super) fn lstm(graph: &mut Graph, step: &Step, x: &Value, units: usize, bidirectional: bool, last: bool) -> Value {
    let directions = directions(bidirectional);
    let cell = Cell { operator: "LSTM", units, directions, last, gates: &[0, 3, 1, 2], arrays: 3 };
    cell.add(graph, step, x, &[])
}

/// Ours are `r, z, n`; ONNX's `z, r, h`, where `h` is `n`, reset after the product.
pub(super) fn gru(graph: &mut Graph, step: &Step, x: &Value, units: usize, bidirectional: bool, last: bool) -> Value {
    let directions = directions(bidirectional);
    let cell = Cell { operator: "GRU", units, directions, last, gates: &[1, 0, 2], arrays: 4 };
    cell.add(graph, step, x, &[("linear_before_reset", Attribute::Int(1))])
}

impl Cell {
    fn add(&self, graph: &mut Graph, step: &Step, x: &Value, more: &[(&str, Attribute)]) -> Value {
        let part = |name: &str| format!("{}.{name}", step.name);
        let x = graph.wide(x);
        let rows = self.units * self.gates.len();
        let (input, hidden) = (self.matrices(graph, step, 0), self.matrices(graph, step, 1));
        graph.floats(&part("W"), &[self.directions, rows, step.input.channels], &input);
        graph.floats(&part("R"), &[self.directions, rows, self.units], &hidden);
        let bias = self.biases(graph, step);
        graph.floats(&part("B"), &[self.directions, 2 * rows], &bias);
        let along = graph.transpose(&part("along"), &x, &[2, 0, 1]);
        let direction = if self.directions == 2 { "bidirectional" } else { "forward" };
        let mut attributes =
            vec![("hidden_size", Attribute::Int(self.units as i64)), ("direction", Attribute::Text(direction))];
        attributes.extend(more.iter().map(|(name, value)| (*name, value.clone())));
        let (states, end) = (part("states"), part("end"));
        let outputs = [states.as_str(), end.as_str()];
        let inputs = [along, part("W"), part("R"), part("B")];
        let inputs = inputs.each_ref().map(String::as_str);
        graph.node_with_outputs(self.operator, &part("cell"), &inputs, &outputs, &attributes);
        self.joined(graph, step, &states, &end)
    }

    /// The states of both directions as channels: of all positions, or the last one that a direction reads.
    fn joined(&self, graph: &mut Graph, step: &Step, states: &str, end: &str) -> Value {
        let part = |name: &str| format!("{}.{name}", step.name);
        let channels = self.directions * self.units;
        if self.last {
            let turned = graph.transpose(&part("turned"), end, &[1, 0, 2]);
            return Value { name: graph.reshape(&step.name, &turned, &[0, channels]), flat: true };
        }
        // [length, directions, batch, units] to [batch, directions, units, length].
        let turned = graph.transpose(&part("turned"), states, &[2, 1, 3, 0]);
        Value::wide(graph.reshape(&step.name, &turned, &[0, channels, step.output.length]))
    }

    /// The `i`-th matrix of all directions, `[directions, gates * units, inputs]` from our `[inputs, gates * units]`.
    fn matrices(&self, graph: &Graph, step: &Step, i: usize) -> Vec<f32> {
        let columns = self.units * self.gates.len();
        let mut rows = Vec::new();
        for side in 0..self.directions {
            let array = &graph.parameter(step.parameter + side * self.arrays + i).values;
            for gate in self.gates {
                for unit in 0..self.units {
                    rows.extend(array.iter().skip(gate * self.units + unit).step_by(columns).copied());
                }
            }
        }
        rows
    }

    /// The input biases, then the hidden ones, of each direction.
    fn biases(&self, graph: &Graph, step: &Step) -> Vec<f32> {
        let mut all = Vec::new();
        for side in 0..self.directions {
            for i in [2, 3] {
                let hidden = i == 3 && self.arrays == 3;
                let bias = (!hidden).then(|| &graph.parameter(step.parameter + side * self.arrays + i).values);
                for gate in self.gates {
                    match bias {
                        Some(bias) => all.extend_from_slice(&bias[gate * self.units..][..self.units]),
                        None => all.extend(std::iter::repeat_n(0.0, self.units)),
                    }
                }
            }
        }
        all
    }
}
