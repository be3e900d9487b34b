//! Fully connected layers.

use crate::engine::{Extra, Found, Node, Pass};
use basewise_kernels::dense::{self, Shape};
use rayon::prelude::*;

fn shape(node: &Node) -> Shape {
    Shape { features: node.input.size(), units: node.output.size() }
}

pub(in crate::engine) fn forward(
    pass: &Pass,
    node: &Node,
    parameter: usize,
    relu: bool,
    x: &[f32],
    y: &mut [f32],
) -> Extra {
    let [weights, bias] = [0, 1].map(|i| &pass.weights.parameters[parameter + i].values[..]);
    dense::forward(pass.level, &shape(node), pass.n, x, weights, bias, relu, y);
    Extra::None
}

pub(in crate::engine) fn backward(
    pass: &Pass,
    node: &Node,
    parameter: usize,
    relu: bool,
    x: &[f32],
    y: &[f32],
    dy: &mut [f32],
    dx: &mut [f32],
    found: &mut Found,
) {
    let shape = shape(node);
    if relu {
        dy.par_iter_mut().zip(y).with_min_len(1 << 14).for_each(|(dy, &y)| *dy = if y > 0.0 { *dy } else { 0.0 });
    }
    if let Some(found) = &mut found.parameters {
        let (weights, biases) = found.split_at_mut(parameter + 1);
        dense::weight_gradient(pass.level, &shape, pass.n, x, dy, &mut weights[parameter], &mut biases[0]);
    }
    if !dx.is_empty() {
        dense::input_gradient(pass.level, &shape, pass.n, dy, &pass.weights.parameters[parameter].values, dx);
    }
}
