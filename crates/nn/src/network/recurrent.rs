//! Recurrent layers, one position after the other.

use super::Step;
use super::forward::Leaves;
use crate::architecture::{Layer, directions};
use burn_tensor::{Tensor, activation};

/// `[n, channels, length]` through an LSTM or a GRU; anything else passes.
pub(super) fn run(step: &Step, leaves: &Leaves, x: Tensor<3>) -> Tensor<3> {
    let (units, bidirectional, last, arrays) = match step.layer {
        Layer::Lstm { units, bidirectional, last } => (units, bidirectional, last, 3),
        Layer::Gru { units, bidirectional, last } => (units, bidirectional, last, 4),
        _ => return x,
    };
    let sides = (0..directions(bidirectional)).map(|side| {
        let first = step.parameter + side * arrays;
        let cell = Cell { units, parameters: &leaves.parameters[first..first + arrays] };
        cell.scan(x.clone(), side == 1, last)
    });
    Tensor::cat(sides.collect(), 1)
}

/// One direction: input weight, hidden weight, bias, and of a GRU the hidden bias.
struct Cell<'a> {
    units: usize,
    parameters: &'a [Tensor<1>],
}

impl Cell<'_> {
    /// The states `[n, units, length]` in order of the positions, or only the last one that was reached.
    fn scan(&self, x: Tensor<3>, reverse: bool, last: bool) -> Tensor<3> {
        let [n, channels, length] = x.dims();
        let device = x.device();
        let width = self.parameters[2].dims()[0];
        let input_weight = self.parameters[0].clone().reshape([channels, width]);
        let hidden_weight = self.parameters[1].clone().reshape([self.units, width]);
        let bias = self.parameters[2].clone().reshape([1, width]);
        // What every position adds to its gates does not wait for the state, so it is one product.
        let rows = x.swap_dims(1, 2).reshape([n * length, channels]);
        let from_input = (rows.matmul(input_weight) + bias).reshape([n, length, width]);
        let mut hidden: Tensor<2> = Tensor::zeros([n, self.units], &device);
        let mut memory: Tensor<2> = hidden.clone();
        let mut states = Vec::with_capacity(length);
        for i in 0..length {
            let at = if reverse { length - 1 - i } else { i };
            let gates = from_input.clone().narrow(1, at, 1).reshape([n, width]);
            let from_state = hidden.clone().matmul(hidden_weight.clone());
            (hidden, memory) = match self.parameters.get(3) {
                None => self.lstm(gates + from_state, memory),
                Some(bias) => {
                    let from_state = from_state + bias.clone().reshape([1, width]);
                    (self.gru(gates, from_state, hidden), memory)
                }
            };
            if !last {
                states.push(hidden.clone().reshape([n, self.units, 1]));
            }
        }
        if last {
            return hidden.reshape([n, self.units, 1]);
        }
        if reverse {
            states.reverse();
        }
        Tensor::cat(states, 2)
    }

    /// The `i`-th block of gates.
    fn gate(&self, gates: &Tensor<2>, i: usize) -> Tensor<2> {
        gates.clone().narrow(1, i * self.units, self.units)
    }

    fn lstm(&self, gates: Tensor<2>, memory: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let admit = activation::sigmoid(self.gate(&gates, 0));
        let forget = activation::sigmoid(self.gate(&gates, 1));
        let candidate = activation::tanh(self.gate(&gates, 2));
        let output = activation::sigmoid(self.gate(&gates, 3));
        let memory = forget * memory + admit * candidate;
        (output * activation::tanh(memory.clone()), memory)
    }

    fn gru(&self, from_input: Tensor<2>, from_state: Tensor<2>, hidden: Tensor<2>) -> Tensor<2> {
        let reset = activation::sigmoid(self.gate(&from_input, 0) + self.gate(&from_state, 0));
        let update = activation::sigmoid(self.gate(&from_input, 1) + self.gate(&from_state, 1));
        let new = activation::tanh(self.gate(&from_input, 2) + reset * self.gate(&from_state, 2));
        // (1 - z) n + z h, with one product less.
        new.clone() + update * (hidden - new)
    }
}
