//! Both layers in f64, one number at a time, and the kernels behind one interface.

use crate::Level;
use crate::matrix::{Packed, multiply};
use crate::recurrent::{InputGradient, Output, Scratch, Shape, gru, lstm};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Lstm,
    Gru,
}

impl Kind {
    pub(super) fn gates(self) -> usize {
        if self == Self::Lstm { 4 } else { 3 }
    }
}

/// Everything that the output depends on; an LSTM ignores `hidden_bias`.
#[derive(Clone, Debug)]
pub(super) struct Arrays<T> {
    pub(super) x: Vec<T>,
    pub(super) input: Vec<T>,
    pub(super) hidden: Vec<T>,
    pub(super) bias: Vec<T>,
    pub(super) hidden_bias: Vec<T>,
}

pub(super) const NAMES: [&str; 5] = ["x", "input weight", "hidden weight", "bias", "hidden bias"];

impl<T> Arrays<T> {
    pub(super) fn all(&self) -> [&Vec<T>; 5] {
        [&self.x, &self.input, &self.hidden, &self.bias, &self.hidden_bias]
    }

    pub(super) fn get_mut(&mut self, which: usize) -> &mut Vec<T> {
        match which {
            0 => &mut self.x,
            1 => &mut self.input,
            2 => &mut self.hidden,
            3 => &mut self.bias,
            _ => &mut self.hidden_bias,
        }
    }
}

impl Arrays<f32> {
    pub(super) fn zeros(kind: Kind, shape: &Shape, n: usize) -> Self {
        let width = kind.gates() * shape.hidden;
        Self {
            x: vec![0.0; n * shape.length * shape.channels],
            input: vec![0.0; shape.channels * width],
            hidden: vec![0.0; shape.hidden * width],
            bias: vec![0.0; width],
            hidden_bias: vec![0.0; if kind == Kind::Gru { width } else { 0 }],
        }
    }

    pub(super) fn random(kind: Kind, shape: &Shape, n: usize, random: &mut Random) -> Self {
        let mut arrays = Self::zeros(kind, shape, n);
        let scale = (2.0 / (shape.hidden + shape.channels) as f32).sqrt();
        for which in 0..5 {
            let scale = if which == 0 { 1.5 } else { scale };
            arrays.get_mut(which).iter_mut().for_each(|v| *v = scale * random.number());
        }
        arrays
    }

    pub(super) fn wide(&self) -> Arrays<f64> {
        let wide = |v: &Vec<f32>| v.iter().map(|&v| f64::from(v)).collect();
        Arrays {
            x: wide(&self.x),
            input: wide(&self.input),
            hidden: wide(&self.hidden),
            bias: wide(&self.bias),
            hidden_bias: wide(&self.hidden_bias),
        }
    }
}

/// A generator for tests (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn whole(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From -1 to 1.
    pub(super) fn number(&mut self) -> f32 {
        (self.whole() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub(super) fn of(&mut self, choices: &[usize]) -> usize {
        choices[(self.whole() % choices.len() as u64) as usize]
    }

    pub(super) fn numbers(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.number()).collect()
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The hidden states `[n, length, hidden]`.
pub(super) fn oracle(kind: Kind, shape: &Shape, n: usize, arrays: &Arrays<f64>) -> Vec<f64> {
    let Shape { channels, hidden, length, reverse } = *shape;
    let width = kind.gates() * hidden;
    let mut y = vec![0.0; n * length * hidden];
    for example in 0..n {
        let (mut h, mut c) = (vec![0.0; hidden], vec![0.0; hidden]);
        for step in 0..length {
            let row = example * length + if reverse { length - 1 - step } else { step };
            let mut a = arrays.bias.clone();
            for (l, x) in arrays.x[row * channels..][..channels].iter().enumerate() {
                a.iter_mut().zip(&arrays.input[l * width..]).for_each(|(a, w)| *a += x * w);
            }
            let mut q = if kind == Kind::Gru { arrays.hidden_bias.clone() } else { vec![0.0; width] };
            for (l, h) in h.iter().enumerate() {
                q.iter_mut().zip(&arrays.hidden[l * width..]).for_each(|(q, w)| *q += h * w);
            }
            for j in 0..hidden {
                let gate = |k: usize| a[k * hidden + j] + q[k * hidden + j];
                if kind == Kind::Lstm {
                    c[j] = sigmoid(gate(1)) * c[j] + sigmoid(gate(0)) * gate(2).tanh();
                    h[j] = sigmoid(gate(3)) * c[j].tanh();
                } else {
                    let (r, z) = (sigmoid(gate(0)), sigmoid(gate(1)));
                    let candidate = (a[2 * hidden + j] + r * q[2 * hidden + j]).tanh();
                    h[j] = (1.0 - z) * candidate + z * h[j];
                }
            }
            y[row * hidden..][..hidden].copy_from_slice(&h);
        }
    }
    y
}

/// What forward keeps, of either kind, and the rest of the memory; used again from call to call.
#[derive(Default)]
pub(super) struct Memory {
    lstm: lstm::Saved,
    gru: gru::Saved,
    scratch: Scratch,
}

/// One direction of a layer by the kernels.
pub(super) struct Layer<'a> {
    pub(super) kind: Kind,
    pub(super) level: Level,
    pub(super) shape: &'a Shape,
    pub(super) n: usize,
    pub(super) arrays: &'a Arrays<f32>,
}

impl Layer<'_> {
    fn weights(&self) -> (Packed, Packed) {
        let Shape { channels, hidden, .. } = *self.shape;
        let width = self.kind.gates() * hidden;
        let input = Packed::new(self.level, channels, width, &self.arrays.input);
        (input, Packed::new(self.level, hidden, width, &self.arrays.hidden))
    }

    pub(super) fn forward(&self, y: Output<'_>, memory: &mut Memory) {
        let Self { level, shape, n, arrays, .. } = *self;
        let (input, hidden) = &self.weights();
        let (bias, hidden_bias) = (&arrays.bias[..], &arrays.hidden_bias[..]);
        let scratch = &mut memory.scratch;
        match self.kind {
            Kind::Lstm => {
                let weights = lstm::Weights { input, hidden, bias };
                lstm::forward(level, shape, n, &arrays.x, &weights, y, &mut memory.lstm, scratch);
            }
            Kind::Gru => {
                let weights = gru::Weights { input, hidden, bias, hidden_bias };
                gru::forward(level, shape, n, &arrays.x, &weights, y, &mut memory.gru, scratch);
            }
        }
    }

    pub(super) fn infer(&self, y: Output<'_>, memory: &mut Memory) {
        let Self { level, shape, n, arrays, .. } = *self;
        let (input, hidden) = &self.weights();
        let (bias, hidden_bias) = (&arrays.bias[..], &arrays.hidden_bias[..]);
        let scratch = &mut memory.scratch;
        match self.kind {
            Kind::Lstm => {
                lstm::infer(level, shape, n, &arrays.x, &lstm::Weights { input, hidden, bias }, y, scratch);
            }
            Kind::Gru => {
                let weights = gru::Weights { input, hidden, bias, hidden_bias };
                gru::infer(level, shape, n, &arrays.x, &weights, y, scratch);
            }
        }
    }

    /// What [`Layer::infer`] gives, from calls of a step.
    pub(super) fn by_steps(&self) -> Vec<f32> {
        let Self { level, shape, n, arrays, .. } = *self;
        let Shape { channels, hidden: units, length, .. } = *shape;
        let (input, hidden) = &self.weights();
        let (bias, hidden_bias) = (&arrays.bias[..], &arrays.hidden_bias[..]);
        let width = self.kind.gates() * units;
        let mut projection = vec![0.0; n * length * width];
        multiply(n * length, &arrays.x, channels, input, &mut projection, width, false);
        let mut y = vec![0.0; n * length * units];
        let (mut state, mut cell, mut room) = (vec![0.0; n * units], vec![0.0; n * units], Vec::new());
        for i in 0..if n > 0 { length } else { 0 } {
            let at = if shape.reverse { length - 1 - i } else { i };
            let rows = projection.chunks_exact(width).skip(at).step_by(length);
            let share: Vec<f32> = rows.flatten().copied().collect();
            let to = (&mut y[at * units..], length * units);
            match self.kind {
                Kind::Lstm => {
                    let weights = lstm::Weights { input, hidden, bias };
                    lstm::step(level, n, &share, &weights, (&mut state, &mut cell), to, &mut room);
                }
                Kind::Gru => {
                    let weights = gru::Weights { input, hidden, bias, hidden_bias };
                    gru::step(level, n, &share, &weights, &mut state, to, &mut room);
                }
            }
        }
        y
    }

    /// Adds the gradients of the weights to `sums`, whose `x` stays as it is.
    pub(super) fn backward(
        &self,
        y: (&[f32], usize),
        dy: (&[f32], usize),
        dx: InputGradient<'_>,
        sums: &mut Arrays<f32>,
        memory: &mut Memory,
    ) {
        let Self { level, shape, n, arrays, .. } = *self;
        let width = self.kind.gates() * shape.hidden;
        let input = &Packed::transposed(level, width, shape.channels, &arrays.input);
        let hidden = &Packed::transposed(level, width, shape.hidden, &arrays.hidden);
        let Arrays { input: d_input, hidden: d_hidden, bias, hidden_bias, .. } = sums;
        let (x, scratch) = (&arrays.x[..], &mut memory.scratch);
        match self.kind {
            Kind::Lstm => {
                let gradients = lstm::Gradients { input: d_input, hidden: d_hidden, bias };
                let weights = lstm::Transposed { input, hidden };
                lstm::backward(level, shape, n, x, y, &weights, &mut memory.lstm, dy, dx, gradients, scratch);
            }
            Kind::Gru => {
                let gradients = gru::Gradients { input: d_input, hidden: d_hidden, bias, hidden_bias };
                let weights = gru::Transposed { input, hidden };
                gru::backward(level, shape, n, x, y, &weights, &mut memory.gru, dy, dx, gradients, scratch);
            }
        }
    }
}

/// The largest absolute value.
pub(super) fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |most, v| most.max(v.abs()))
}
