//! Long short-term memory (Hochreiter and Schmidhuber, Neural Computation 9, 1997), with PyTorch's conventions.
//!
//! The gates lie in the order i, f, g, o: `a_t = x_t W + h_{t-1} U + b`; `i`, `f`, `o` are sigmoids of their parts of
//! `a_t`, `g` is the hyperbolic tangent of its part; `c_t = f c_{t-1} + i g` and `h_t = o tanh(c_t)`.

mod cell;

use super::backward::{GateGradients, WeightGradient, clear_first_step, hidden_product, input_products};
use super::pass::over;
use super::rows::{Rows, RowsMut};
use super::{
    Filled, InputGradient, Output, Scratch, Shape, check_transposed, check_weights, forward as products, sized, zeroed,
};
use crate::Level;
use crate::matrix::{Packed, multiply};
use crate::size::{product, span};

/// Gates of a cell.
const GATES: usize = 4;

/// The weights of a direction. Of a layer with two biases, `bias` is the sum.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// Input weights, `[channels, 4 hidden]`.
    pub input: &'a Packed,
    /// Hidden weights, `[hidden, 4 hidden]`.
    pub hidden: &'a Packed,
    /// Bias, `[4 hidden]`.
    pub bias: &'a [f32],
}

/// The transposed weights of a direction, for backward.
#[derive(Clone, Copy, Debug)]
pub struct Transposed<'a> {
    /// Input weights, `[4 hidden, channels]`.
    pub input: &'a Packed,
    /// Hidden weights, `[4 hidden, hidden]`.
    pub hidden: &'a Packed,
}

/// Where backward adds the gradients of the weights.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// Of the input weights, `[channels, 4 hidden]`.
    pub input: &'a mut [f32],
    /// Of the hidden weights, `[hidden, 4 hidden]`.
    pub hidden: &'a mut [f32],
    /// Of the bias, `[4 hidden]`.
    pub bias: &'a mut [f32],
}

/// What forward keeps for backward. It grows to the largest call and is then used again without allocation.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    /// The gates after their functions, `[n, length, 4 hidden]`; backward replaces them by the gradients before.
    gates: Vec<f32>,
    /// Cell states, `[n, length, hidden]`.
    cells: Vec<f32>,
    filled: Option<Filled>,
}

/// The hidden states of `n` examples `x`, `[n, length, channels]`, to `y`; keeps what backward needs.
///
/// # Panics
/// When an array does not fit the shape.
pub fn forward(
    level: Level,
    shape: &Shape,
    n: usize,
    x: &[f32],
    weights: &Weights<'_>,
    y: Output<'_>,
    saved: &mut Saved,
    scratch: &mut Scratch,
) {
    saved.filled = Some(Filled { n, shape: *shape });
    let rows = n * shape.length;
    let gates = sized(&mut saved.gates, rows * GATES * shape.hidden);
    let cells = sized(&mut saved.cells, rows * shape.hidden);
    run(level, shape, n, x, weights, y, Some((gates, cells)), scratch);
}

/// The hidden states of `n` examples `x`, `[n, length, channels]`, to `y`, the same bits as [`forward`] gives; keeps
/// nothing, and needs memory for a few steps only.
///
/// # Panics
/// When an array does not fit the shape.
pub fn infer(
    level: Level,
    shape: &Shape,
    n: usize,
    x: &[f32],
    weights: &Weights<'_>,
    y: Output<'_>,
    scratch: &mut Scratch,
) {
    run(level, shape, n, x, weights, y, None, scratch);
}

/// One step of `n` examples: `state` and `cell`, `[n, hidden]`, become those after it, and `y` gets the states, too, in
/// rows `y_stride` apart.
///
/// `projection` is the input's share of the gates without the bias, `[n, 4 hidden]`, or one row for all. `room` is
/// working memory. The same bits as a step of [`infer`].
///
/// # Panics
/// When an array does not fit.
pub fn step(
    level: Level,
    n: usize,
    projection: &[f32],
    weights: &Weights<'_>,
    (state, cell): (&mut [f32], &mut [f32]),
    (y, y_stride): (&mut [f32], usize),
    room: &mut Vec<f32>,
) {
    let (hidden, width) = weights.hidden.shape();
    assert_eq!(width, GATES * hidden, "hidden weights of another shape");
    let recurrent = sized(room, n * width);
    multiply(n, state, hidden, weights.hidden, recurrent, width, false);
    let pass = cell::Forward {
        hidden,
        projection: Rows::new(projection, n, if projection.len() == width { 0 } else { width }, width),
        recurrent: Rows::new(recurrent, n, width, width),
        bias: Rows::new(weights.bias, 1, 0, width),
        cell: RowsMut::new(cell, n, hidden, hidden),
        state: RowsMut::new(state, n, hidden, hidden),
        y: RowsMut::new(y, n, y_stride, hidden),
        saved: None,
    };
    // SAFETY: all rows were made for n examples of `hidden` units.
    unsafe { over(level, n, hidden, &pass) };
}

fn run(
    level: Level,
    shape: &Shape,
    n: usize,
    x: &[f32],
    weights: &Weights<'_>,
    mut y: Output<'_>,
    mut saved: Option<(&mut [f32], &mut [f32])>,
    scratch: &mut Scratch,
) {
    if shape.is_empty(n) {
        return;
    }
    let Shape { channels, hidden, length, .. } = *shape;
    let width = GATES * hidden;
    assert_eq!(x.len(), product(&[n, length, channels]), "the input is of another size");
    y.check(shape, n);
    check_weights(shape, GATES, weights.input, weights.hidden);
    products::run(shape, n, width, x, weights.input, weights.hidden, scratch, |step| {
        let at = step.position;
        let pass = cell::Forward {
            hidden,
            projection: Rows::new(step.projection, n, width, width),
            recurrent: Rows::new(step.recurrent, n, width, width),
            bias: Rows::new(weights.bias, 1, 0, width),
            cell: RowsMut::new(step.cell, n, hidden, hidden),
            state: RowsMut::new(step.state, n, hidden, hidden),
            y: y.position(shape, n, at),
            saved: saved.as_mut().map(|(gates, cells)| {
                let gates = RowsMut::new(&mut gates[at * width..], n, length * width, width);
                (gates, RowsMut::new(&mut cells[at * hidden..], n, length * hidden, hidden))
            }),
        };
        // SAFETY: all rows were made for n examples of `hidden` units.
        unsafe { over(level, n, hidden, &pass) };
    });
}

/// The gradients of everything from those of the hidden states.
///
/// `x` is forward's input, `y` its output with rows `y_stride` apart, and `dy` the gradient of that output with rows
/// `dy_stride` apart (both start at the direction's first column). What forward saved is used up.
///
/// # Panics
/// When `saved` is not from a forward call with this shape and `n`, or an array does not fit the shape.
pub fn backward(
    level: Level,
    shape: &Shape,
    n: usize,
    x: &[f32],
    (y, y_stride): (&[f32], usize),
    weights: &Transposed<'_>,
    saved: &mut Saved,
    (dy, dy_stride): (&[f32], usize),
    dx: InputGradient<'_>,
    gradients: Gradients<'_>,
    scratch: &mut Scratch,
) {
    let filled = saved.filled.take();
    assert_eq!(filled, Some(Filled { n, shape: *shape }), "backward needs what forward saved for the same shape");
    if shape.is_empty(n) {
        return;
    }
    let Shape { channels, hidden, length, .. } = *shape;
    let (rows, width) = (product(&[n, length]), product(&[GATES, hidden]));
    assert_eq!(x.len(), product(&[rows, channels]), "the input is of another size");
    let y_span = span(rows, y_stride, hidden);
    assert!(y_stride >= hidden && y.len() >= y_span, "the output is smaller than the shape");
    dx.check(shape, n);
    check_transposed(shape, GATES, weights.input, weights.hidden);
    let Gradients { input, hidden: hidden_weight, bias } = gradients;
    assert_eq!(input.len(), product(&[channels, width]), "the gradient of the input weights is of another size");
    assert_eq!(hidden_weight.len(), product(&[hidden, width]), "the gradient of the hidden weights is of another size");

    steps(level, shape, n, weights.hidden, saved, (dy, dy_stride), bias, scratch);
    let turned = &mut scratch.turned;
    let values = &mut saved.gates[..rows * width];
    let gates = GateGradients { values, stride: width, width };
    let weight = WeightGradient { values: input, stride: width };
    input_products(level, shape, n, x, weights.input, gates, dx, weight, turned);
    clear_first_step(shape, values, width);
    let gates = GateGradients { values, stride: width, width };
    let weight = WeightGradient { values: hidden_weight, stride: width };
    hidden_product(level, shape, n, (y, y_stride), gates, weight, turned);
}

/// Goes through the steps from the last to the first, replaces the saved gates by the gradients of what went into them
/// and adds the gradient of the bias.
fn steps(
    level: Level,
    shape: &Shape,
    n: usize,
    hidden_transposed: &Packed,
    saved: &mut Saved,
    (dy, dy_stride): (&[f32], usize),
    bias: &mut [f32],
    scratch: &mut Scratch,
) {
    let Shape { hidden, length, .. } = *shape;
    let width = GATES * hidden;
    let compact = sized(&mut scratch.gates, n * width);
    let state = zeroed(&mut scratch.state, n * hidden);
    let cell = zeroed(&mut scratch.cell, n * hidden);
    let zeros = zeroed(&mut scratch.zeros, hidden);
    for step in (0..length).rev() {
        let at = shape.position(step);
        let before = match step {
            0 => Rows::new(zeros, n, 0, hidden),
            _ => Rows::new(&saved.cells[shape.position(step - 1) * hidden..], n, length * hidden, hidden),
        };
        let pass = cell::Backward {
            hidden,
            gates: RowsMut::new(&mut saved.gates[at * width..], n, length * width, width),
            after: Rows::new(&saved.cells[at * hidden..], n, length * hidden, hidden),
            before,
            dy: Rows::new(&dy[at * dy_stride..], n, length * dy_stride, hidden),
            state: Rows::new(state, n, hidden, hidden),
            cell: RowsMut::new(cell, n, hidden, hidden),
            compact: RowsMut::new(compact, n, width, width),
            bias: RowsMut::new(bias, 1, 0, width),
        };
        // SAFETY: all rows were made for n examples of `hidden` units.
        unsafe { over(level, n, hidden, &pass) };
        if step > 0 {
            multiply(n, compact, width, hidden_transposed, state, hidden, false);
        }
    }
}
