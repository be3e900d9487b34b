//! Sequential networks on the kernels whose passes are written out one by one.
//!
//! Between two layers lies a *state*, `[n, length, channels]`. A forward pass keeps all states, the way back all *slopes*
//! (gradients of the states), and the gradient of a layer's weights is a product of the state before it and the slopes
//! after it. All layers are piecewise linear: with the signs of the states held fixed, a network is a linear function of its
//! input, and a *tangent* is what a small change of the input becomes at each state.
//!
//! That is all that the gradient of an input gradient needs (see [`super::penalty`]).

use basewise_core::random::{normal, stream};
use basewise_kernels::conv::{self, Activation, Weights};
use basewise_kernels::{Level, dense, matrix};

/// What is left of numbers below zero, as in the critics of Gulrajani et al. (2017).
pub(super) const LEAK: f32 = 0.2;

/// One step of a network. `first` is where its weights lie among the parameters; a bias follows its weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Layer {
    /// Convolution, weights `[filters, channels, width]`.
    Conv { shape: conv::Shape, first: usize },
    /// Fully connected, weights `[features, units]`.
    Dense { shape: dense::Shape, first: usize },
    /// `x` above zero, [`LEAK`]` x` below.
    Leaky,
    /// Each position twice.
    Upsample { channels: usize },
    /// A number for each position and channel.
    Bias { size: usize, first: usize },
    /// The state before an earlier layer is added.
    Join { from: usize },
}

/// Layers one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Net {
    pub(super) layers: Vec<Layer>,
    /// Numbers of an example in each state; one more than layers.
    sizes: Vec<usize>,
    length: usize,
    channels: usize,
    parameters: usize,
}

impl Net {
    /// A network without layers on states `[length, channels]`.
    pub(super) fn new(length: usize, channels: usize) -> Self {
        Self { layers: Vec::new(), sizes: vec![length * channels], length, channels, parameters: 0 }
    }

    fn push(mut self, layer: Layer, length: usize, channels: usize, parameters: usize) -> Self {
        self.layers.push(layer);
        self.sizes.push(length * channels);
        self.parameters += parameters;
        Self { length, channels, ..self }
    }

    /// A convolution to `outputs` positions, `left` zeros before the sequence.
    pub(super) fn conv(self, filters: usize, width: usize, stride: usize, left: usize, outputs: usize) -> Self {
        let (channels, length, first) = (self.channels, self.length, self.parameters);
        let shape = conv::Shape { channels, filters, width, stride, dilation: 1, groups: 1, left, length, outputs };
        self.push(Layer::Conv { shape, first }, outputs, filters, shape.weights() + filters)
    }

    /// A convolution that keeps the length.
    pub(super) fn same(self, filters: usize, width: usize) -> Self {
        let length = self.length;
        self.conv(filters, width, 1, width / 2, length)
    }

    /// A convolution at every other position.
    pub(super) fn half(self, filters: usize, width: usize) -> Self {
        let outputs = self.length.div_ceil(2);
        self.conv(filters, width, 2, width / 2, outputs)
    }

    /// A fully connected layer, whose units are read as `[length, channels]`.
    pub(super) fn dense(self, length: usize, channels: usize) -> Self {
        let (features, units, first) = (self.length * self.channels, length * channels, self.parameters);
        let layer = Layer::Dense { shape: dense::Shape { features, units }, first };
        self.push(layer, length, channels, (features + 1) * units)
    }

    pub(super) fn leaky(self) -> Self {
        let (length, channels) = (self.length, self.channels);
        self.push(Layer::Leaky, length, channels, 0)
    }

    pub(super) fn upsample(self) -> Self {
        let (length, channels) = (2 * self.length, self.channels);
        self.push(Layer::Upsample { channels }, length, channels, 0)
    }

    pub(super) fn bias(self) -> Self {
        let (length, channels, first) = (self.length, self.channels, self.parameters);
        let size = length * channels;
        self.push(Layer::Bias { size, first }, length, channels, size)
    }

    /// Two convolutions that keep the shape, beside a way around them.
    pub(super) fn residual(self, width: usize) -> Self {
        let (from, channels) = (self.layers.len(), self.channels);
        let inner = self.leaky().same(channels, width).leaky().same(channels, width);
        let length = inner.length;
        inner.push(Layer::Join { from }, length, channels, 0)
    }

    /// Numbers that are learned.
    pub(super) fn parameters(&self) -> usize {
        self.parameters
    }

    /// Numbers of an example that go in.
    pub(super) fn inputs(&self) -> usize {
        self.sizes[0]
    }

    /// Numbers of an example that come out.
    pub(super) fn outputs(&self) -> usize {
        self.length * self.channels
    }

    /// First weights: normal with variance `2 / inputs` (He et al. 2015), of the layer `last` times `last_scale`; biases are 0.
    pub(super) fn initial(&self, seed: u64, purpose: &str, last_scale: f32) -> Vec<f32> {
        let mut values = vec![0.0; self.parameters];
        let weighted = |layer: &Layer| matches!(layer, Layer::Conv { .. } | Layer::Dense { .. });
        let last = self.layers.iter().rposition(weighted);
        for (i, layer) in self.layers.iter().enumerate() {
            let (first, count, inputs) = match *layer {
                Layer::Conv { shape, first } => (first, shape.weights(), shape.channels * shape.width),
                Layer::Dense { shape, first } => (first, shape.features * shape.units, shape.features),
                _ => continue,
            };
            let scale = (2.0 / inputs as f64).sqrt() * if Some(i) == last { f64::from(last_scale) } else { 1.0 };
            let mut rng = stream(seed, purpose, &[i as u64]);
            values[first..first + count].iter_mut().for_each(|v| *v = (scale * normal(&mut rng)) as f32);
        }
        values
    }

    /// The network with these parameters, laid out for its passes.
    pub(super) fn ready<'a>(&'a self, level: Level, parameters: &'a [f32]) -> Ready<'a> {
        assert_eq!(parameters.len(), self.parameters, "parameters of a network");
        let pack = |layer: &Layer| {
            let Layer::Conv { shape, first } = layer else { return None };
            let weights = &parameters[*first..first + shape.weights()];
            Some([Weights::forward(level, shape, weights), Weights::backward(level, shape, weights)])
        };
        Ready { net: self, parameters, level, packed: self.layers.iter().map(pack).collect() }
    }
}

/// A number for each state of a pass over a few examples.
pub(super) type States = Vec<Vec<f32>>;

/// A network in use. All passes run on the calling thread; `n` is how many examples a pass has.
pub(super) struct Ready<'a> {
    net: &'a Net,
    parameters: &'a [f32],
    level: Level,
    packed: Vec<Option<[Weights; 2]>>,
}

impl Ready<'_> {
    /// All states from the input `x`, `[n, inputs]`.
    pub(super) fn forward(&self, n: usize, x: Vec<f32>) -> States {
        self.walk(n, x, None)
    }

    /// What a change `v` of the input becomes at each state, with the signs of `states` held fixed.
    pub(super) fn tangents(&self, n: usize, states: &States, v: Vec<f32>) -> States {
        self.walk(n, v, Some(states))
    }

    /// The forward pass of values, or with `signs` that of changes, which meet no bias.
    fn walk(&self, n: usize, x: Vec<f32>, signs: Option<&States>) -> States {
        assert_eq!(x.len(), n * self.net.inputs(), "input of a network");
        let mut states = vec![x];
        for (i, layer) in self.net.layers.iter().enumerate() {
            let x = &states[i];
            let mut y = vec![0.0; n * self.net.sizes[i + 1]];
            match layer {
                Layer::Conv { shape, first } => {
                    let bias = first + shape.weights();
                    let none = vec![0.0; shape.filters];
                    let bias = if signs.is_some() { &none[..] } else { &self.parameters[bias..bias + shape.filters] };
                    if let Some([weights, _]) = &self.packed[i] {
                        conv::forward(shape, n, x, weights, bias, Activation::None, &mut y);
                    }
                }
                Layer::Dense { shape, first } => self.dense(*shape, *first, n, x, signs.is_none(), &mut y),
                Layer::Leaky => leaky(signs.map_or(x, |states| &states[i]), x, &mut y),
                Layer::Upsample { channels } => upsample(*channels, x, &mut y),
                Layer::Bias { size, first } => {
                    y.copy_from_slice(x);
                    if signs.is_none() {
                        let bias = &self.parameters[*first..first + size];
                        y.chunks_exact_mut(*size).for_each(|y| add(bias, y));
                    }
                }
                Layer::Join { from } => {
                    y.copy_from_slice(x);
                    add(&states[*from], &mut y);
                }
            }
            states.push(y);
        }
        states
    }

    fn dense(&self, s: dense::Shape, first: usize, n: usize, x: &[f32], biased: bool, y: &mut [f32]) {
        let (weights, bias) = self.parameters[first..first + (s.features + 1) * s.units].split_at(s.features * s.units);
        if biased {
            y.chunks_exact_mut(s.units).for_each(|y| y.copy_from_slice(bias));
        }
        let sizes = (n, s.features, s.units);
        matrix::multiply_plain(self.level, sizes, (x, s.features), (weights, s.units), (y, s.units), true);
    }

    /// The slopes of all states, from those of the output, `[n, outputs]`.
    pub(super) fn backward(&self, n: usize, states: &States, dy: Vec<f32>) -> States {
        assert_eq!(dy.len(), n * self.net.outputs(), "slopes of a network's output");
        let layers = &self.net.layers;
        let mut slopes = vec![Vec::new(); layers.len()];
        slopes.push(dy);
        for (i, layer) in layers.iter().enumerate().rev() {
            let (dy, mut dx) = (&slopes[i + 1], vec![0.0; n * self.net.sizes[i]]);
            match layer {
                Layer::Conv { shape, .. } => {
                    if let Some([_, weights]) = &self.packed[i] {
                        conv::input_gradient(shape, n, dy, weights, false, &mut dx);
                    }
                }
                Layer::Dense { shape, first } => {
                    let weights = &self.parameters[*first..first + shape.features * shape.units];
                    dense::input_gradient(self.level, shape, n, dy, weights, &mut dx);
                }
                Layer::Leaky => leaky(&states[i], dy, &mut dx),
                Layer::Upsample { channels } => downsample(*channels, dy, &mut dx),
                Layer::Bias { .. } | Layer::Join { .. } => dx.copy_from_slice(dy),
            }
            for (j, layer) in layers.iter().enumerate().skip(i + 1) {
                if *layer == (Layer::Join { from: i }) {
                    add(&slopes[j + 1], &mut dx);
                }
            }
            slopes[i] = dx;
        }
        slopes
    }

    /// Adds the gradient of the parameters to `gradient`, from states and slopes; without `biased` that of the weights
    /// only, for tangents in the place of states.
    pub(super) fn gradient(&self, n: usize, states: &States, slopes: &States, biased: bool, gradient: &mut [f32]) {
        for (i, layer) in self.net.layers.iter().enumerate() {
            let (x, dy) = (&states[i], &slopes[i + 1]);
            match *layer {
                Layer::Conv { shape, first } => {
                    let count = shape.weights();
                    let (mut gathered, mut own) = (vec![0.0; count], vec![0.0; count]);
                    let mut scratch = conv::Scratch::default();
                    conv::weight_gradient(self.level, &shape, n, x, dy, &mut gathered, &mut scratch);
                    conv::unpack_gradient(&shape, &gathered, &mut own);
                    let (weights, bias) = gradient[first..first + count + shape.filters].split_at_mut(count);
                    add(&own, weights);
                    if biased {
                        conv::bias_gradient(self.level, dy, bias);
                    }
                }
                Layer::Dense { shape: s, first } => {
                    let count = s.features * s.units;
                    let (weights, bias) = gradient[first..first + count + s.units].split_at_mut(count);
                    let sizes = (n, s.features, s.units);
                    matrix::multiply_transposed(self.level, sizes, x, s.features, dy, s.units, weights, s.units, true);
                    if biased {
                        conv::bias_gradient(self.level, dy, bias);
                    }
                }
                Layer::Bias { size, first } if biased => {
                    conv::bias_gradient(self.level, dy, &mut gradient[first..first + size]);
                }
                Layer::Bias { .. } | Layer::Leaky | Layer::Upsample { .. } | Layer::Join { .. } => {}
            }
        }
    }
}

/// `y += x`.
pub(super) fn add(x: &[f32], y: &mut [f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
}

/// `y = x` where `signs` is above zero, [`LEAK`]` x` elsewhere.
fn leaky(signs: &[f32], x: &[f32], y: &mut [f32]) {
    for ((y, x), sign) in y.iter_mut().zip(x).zip(signs) {
        *y = if *sign > 0.0 { *x } else { LEAK * x };
    }
}

fn upsample(channels: usize, x: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks_exact(channels).zip(y.chunks_exact_mut(2 * channels)) {
        y[..channels].copy_from_slice(x);
        y[channels..].copy_from_slice(x);
    }
}

fn downsample(channels: usize, dy: &[f32], dx: &mut [f32]) {
    for (dy, dx) in dy.chunks_exact(2 * channels).zip(dx.chunks_exact_mut(channels)) {
        dx.copy_from_slice(&dy[..channels]);
        add(&dy[channels..], dx);
    }
}
