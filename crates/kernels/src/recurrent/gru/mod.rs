//! Gated recurrent unit (Cho et al., EMNLP 2014), with PyTorch's conventions.
//!
//! The gates lie in the order r, z, n: `a_t = x_t W + b` and `q_t = h_{t-1} U + b'`; `r` and `z` are sigmoids of their
//! parts of `a_t + q_t`, `n = tanh(a_t + r q_t)` of its parts, and `h_t = (1 - z) n + z h_{t-1}`.

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
const GATES: usize = 3;
/// Numbers that are saved for each hidden unit and position: the gates and the hidden states' share of the candidate.
const SAVED: usize = 4;

/// The weights of a direction.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// Input weights, `[channels, 3 hidden]`.
    pub input: &'a Packed,
    /// Hidden weights, `[hidden, 3 hidden]`.
    pub hidden: &'a Packed,
    /// Bias of the input's share of the gates, `[3 hidden]`.
    pub bias: &'a [f32],
    /// Bias of the hidden states' share of the gates, `[3 hidden]`.
    pub hidden_bias: &'a [f32],
}

/// The transposed weights of a direction, for backward.
#[derive(Clone, Copy, Debug)]
pub struct Transposed<'a> {
    /// Input weights, `[3 hidden, channels]`.
    pub input: &'a Packed,
    /// Hidden weights, `[3 hidden, hidden]`.
    pub hidden: &'a Packed,
}

/// Where backward adds the gradients of the weights.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// Of the input weights, `[channels, 3 hidden]`.
    pub input: &'a mut [f32],
    /// Of the hidden weights, `[hidden, 3 hidden]`.
    pub hidden: &'a mut [f32],
    /// Of the bias of the input's share, `[3 hidden]`.
    pub bias: &'a mut [f32],
    /// Of the bias of the hidden states' share, `[3 hidden]`.
    pub hidden_bias: &'a mut [f32],
}

/// What forward keeps for backward. It grows to the largest call and is then used again without allocation.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    /// r, z, n after their functions and the part of `q` that belongs to n, `[n, length, 4 hidden]`; backward replaces
    /// them by the gradients before.
    gates: Vec<f32>,
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
    let gates = sized(&mut saved.gates, n * shape.length * SAVED * shape.hidden);
    run(level, shape, n, x, weights, y, Some(gates), scratch);
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

/// One step of `n` examples: `state`, `[n, hidden]`, becomes that after it, and `y` gets it, too, in rows `y_stride`
/// apart.
///
/// `projection` is the input's share of the gates without the bias, `[n, 3 hidden]`, or one row for all. `room` is
/// working memory. The same bits as a step of [`infer`].
///
/// # Panics
/// When an array does not fit.
pub fn step(
    level: Level,
    n: usize,
    projection: &[f32],
    weights: &Weights<'_>,
    state: &mut [f32],
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
        hidden_bias: Rows::new(weights.hidden_bias, 1, 0, width),
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
    mut saved: Option<&mut [f32]>,
    scratch: &mut Scratch,
) {
    if shape.is_empty(n) {
        return;
    }
    let Shape { channels, hidden, length, .. } = *shape;
    let (width, kept) = (GATES * hidden, SAVED * hidden);
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
            hidden_bias: Rows::new(weights.hidden_bias, 1, 0, width),
            state: RowsMut::new(step.state, n, hidden, hidden),
            y: y.position(shape, n, at),
            saved: saved.as_mut().map(|saved| RowsMut::new(&mut saved[at * kept..], n, length * kept, kept)),
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
    let (rows, width, kept) = (product(&[n, length]), product(&[GATES, hidden]), SAVED * hidden);
    assert_eq!(x.len(), product(&[rows, channels]), "the input is of another size");
    let y_span = span(rows, y_stride, hidden);
    assert!(y_stride >= hidden && y.len() >= y_span, "the output is smaller than the shape");
    dx.check(shape, n);
    check_transposed(shape, GATES, weights.input, weights.hidden);
    let Gradients { input, hidden: hidden_weight, bias, hidden_bias } = gradients;
    assert_eq!(input.len(), product(&[channels, width]), "the gradient of the input weights is of another size");
    assert_eq!(hidden_weight.len(), product(&[hidden, width]), "the gradient of the hidden weights is of another size");

    let biases = (bias, hidden_bias);
    steps(level, shape, n, (y, y_stride), weights.hidden, saved, (dy, dy_stride), biases, scratch);
    let turned = &mut scratch.turned;
    let values = &mut saved.gates[..rows * kept];
    let gates = GateGradients { values, stride: kept, width };
    let weight = WeightGradient { values: input, stride: width };
    input_products(level, shape, n, x, weights.input, gates, dx, weight, turned);
    clear_first_step(shape, values, kept);
    // r and z have the same gradient on both sides; of n the hidden states' share has its own.
    let gates = GateGradients { values, stride: kept, width: 2 * hidden };
    let weight = WeightGradient { values: hidden_weight, stride: width };
    hidden_product(level, shape, n, (y, y_stride), gates, weight, turned);
    let gates = GateGradients { values: &values[3 * hidden..], stride: kept, width: hidden };
    let weight = WeightGradient { values: &mut hidden_weight[2 * hidden..], stride: width };
    hidden_product(level, shape, n, (y, y_stride), gates, weight, turned);
}

/// Goes through the steps from the last to the first, replaces what was saved by the gradients of what went into the
/// gates and adds the gradients of both biases.
fn steps(
    level: Level,
    shape: &Shape,
    n: usize,
    (y, y_stride): (&[f32], usize),
    hidden_transposed: &Packed,
    saved: &mut Saved,
    (dy, dy_stride): (&[f32], usize),
    (bias, hidden_bias): (&mut [f32], &mut [f32]),
    scratch: &mut Scratch,
) {
    let Shape { hidden, length, .. } = *shape;
    let (width, kept) = (GATES * hidden, SAVED * hidden);
    let compact = sized(&mut scratch.gates, n * width);
    let state = zeroed(&mut scratch.state, n * hidden);
    let zeros = zeroed(&mut scratch.zeros, hidden);
    for step in (0..length).rev() {
        let at = shape.position(step);
        let before = match step {
            0 => Rows::new(zeros, n, 0, hidden),
            _ => Rows::new(&y[shape.position(step - 1) * y_stride..], n, length * y_stride, hidden),
        };
        let pass = cell::Backward {
            hidden,
            saved: RowsMut::new(&mut saved.gates[at * kept..], n, length * kept, kept),
            before,
            dy: Rows::new(&dy[at * dy_stride..], n, length * dy_stride, hidden),
            state: RowsMut::new(state, n, hidden, hidden),
            compact: RowsMut::new(compact, n, width, width),
            bias: RowsMut::new(bias, 1, 0, width),
            hidden_bias: RowsMut::new(hidden_bias, 1, 0, width),
        };
        // SAFETY: all rows were made for n examples of `hidden` units.
        unsafe { over(level, n, hidden, &pass) };
        if step > 0 {
            multiply(n, compact, width, hidden_transposed, state, hidden, true);
        }
    }
}
