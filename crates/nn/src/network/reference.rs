//! The network once more, as naive loops in f64: what every other path is compared with. It shares the plan and the
//! dropout masks with them, and no arithmetic.

mod attention;

use super::{Mode, Plan, Step, dropout};
use crate::architecture::{Combine, ControlForm, Layer, Shape, padding_of};

const BATCH_NORM_EPSILON: f64 = 1e-5;
const LAYER_NORM_EPSILON: f64 = 1e-5;
const RMS_NORM_EPSILON: f64 = 1e-6;

/// Raw scores `[n, outputs]` of `x` `[n, channels, length]`. `parameters` and `buffers` are in the plan's order, each
/// flattened row-major; `side` is `[n, width]`, numbers beside the sequences: covariates, then control signal.
pub(crate) fn forward(
    plan: &Plan,
    parameters: &[Vec<f64>],
    buffers: &[Vec<f64>],
    x: &[f64],
    side: &[f32],
    n: usize,
    mode: Mode,
) -> Vec<f64> {
    assert_eq!(x.len(), n * plan.input.size());
    assert_eq!(side.len(), n * plan.inputs().beside());
    let scores = Network { parameters, buffers, side, n, mode }.sequence(&plan.steps, x.to_vec());
    assert_eq!(scores.len(), n * plan.outputs);
    scores
}

struct Network<'a> {
    parameters: &'a [Vec<f64>],
    buffers: &'a [Vec<f64>],
    side: &'a [f32],
    n: usize,
    mode: Mode,
}

impl Network<'_> {
    fn sequence(&self, steps: &[Step], mut x: Vec<f64>) -> Vec<f64> {
        for step in steps {
            assert_eq!(x.len(), self.n * step.input.size(), "input of {}", step.name);
            x = self.step(step, &x);
            assert_eq!(x.len(), self.n * step.output.size(), "output of {}", step.name);
        }
        x
    }

    fn step(&self, step: &Step, x: &[f64]) -> Vec<f64> {
        match &step.layer {
            Layer::BatchNorm => self.batch_norm(step, x),
            Layer::Dropout { rate, channels } => self.dropout(step, *rate, *channels, x),
            Layer::Residual { .. } => {
                let inner = self.sequence(&step.inner[0], x.to_vec());
                x.iter().zip(inner).map(|(a, b)| a + b).collect()
            }
            Layer::Concat { .. } => {
                let outputs: Vec<Vec<f64>> = step.inner.iter().map(|s| self.sequence(s, x.to_vec())).collect();
                let examples = (0..self.n).flat_map(|i| {
                    outputs.iter().flat_map(move |out| {
                        let size = out.len() / self.n;
                        out[i * size..(i + 1) * size].iter().copied()
                    })
                });
                examples.collect()
            }
            &Layer::SideInputs { width } => {
                let mut out = Vec::new();
                for (i, one) in x.chunks_exact(step.input.size()).enumerate() {
                    out.extend(one);
                    out.extend(self.beside(i)[..width].iter().map(|&value| f64::from(value)));
                }
                out
            }
            &Layer::ControlSignal { form, tracks, bins } => {
                let mut out = Vec::new();
                for i in 0..self.n {
                    let beside = self.beside(i);
                    for track in beside[beside.len() - tracks * bins..].chunks_exact(bins) {
                        let values = track.iter().map(|&value| f64::from(value));
                        match form {
                            ControlForm::Bins => out.extend(values),
                            ControlForm::LogBins => out.extend(values.map(f64::ln_1p)),
                            ControlForm::LogTotals => out.push(values.sum::<f64>().ln_1p()),
                        }
                    }
                }
                out
            }
            Layer::Strands { combine, .. } => self.strands(step, *combine, x),
            // The others treat each example alone.
            _ => x.chunks_exact(step.input.size()).flat_map(|one| self.example(step, one)).collect(),
        }
    }

    /// The numbers beside sequence `i`.
    fn beside(&self, i: usize) -> &[f32] {
        let width = self.side.len() / self.n;
        &self.side[i * width..(i + 1) * width]
    }

    /// The layers within on the sequences and, as more examples, on their reverse complements.
    fn strands(&self, step: &Step, combine: Combine, x: &[f64]) -> Vec<f64> {
        let Shape { channels, length } = step.input;
        let complement = |c: usize| if c < 4 { 3 - c } else { c };
        let reverse = (0..x.len()).map(|at| {
            let (i, c, l) = (at / (channels * length), at / length % channels, at % length);
            x[(i * channels + complement(c)) * length + length - 1 - l]
        });
        let both = x.iter().copied().chain(reverse).collect();
        let y = Network { n: 2 * self.n, ..*self }.sequence(&step.inner[0], both);
        let (forward, reverse) = y.split_at(y.len() / 2);
        let length = step.output.length;
        let combined = forward.iter().enumerate().map(|(at, &a)| {
            let b = reverse[at / length * length + length - 1 - at % length];
            match combine {
                Combine::Mean => (a + b) / 2.0,
                Combine::Max => a.max(b),
                Combine::Sum => a + b,
            }
        });
        combined.collect()
    }

    fn batch_norm(&self, step: &Step, x: &[f64]) -> Vec<f64> {
        let Shape { channels, length } = step.input;
        let mut out = x.to_vec();
        for c in 0..channels {
            let places: Vec<usize> =
                (0..self.n).flat_map(|i| (0..length).map(move |l| (i * channels + c) * length + l)).collect();
            let count = places.len() as f64;
            let (mean, variance) = match self.mode {
                Mode::Evaluate => (self.buffers[step.buffer][c], self.buffers[step.buffer + 1][c]),
                Mode::Train { .. } => {
                    let mean = places.iter().map(|&at| x[at]).sum::<f64>() / count;
                    (mean, places.iter().map(|&at| (x[at] - mean).powi(2)).sum::<f64>() / count)
                }
            };
            let (scale, shift) = (self.parameters[step.parameter][c], self.parameters[step.parameter + 1][c]);
            for at in places {
                out[at] = (x[at] - mean) / (variance + BATCH_NORM_EPSILON).sqrt() * scale + shift;
            }
        }
        out
    }

    fn dropout(&self, step: &Step, rate: f64, channels: bool, x: &[f64]) -> Vec<f64> {
        let Mode::Train { seed, step: time } = self.mode else { return x.to_vec() };
        let Shape { channels: count, length } = step.input;
        let (shared, drawn) = if channels { (length, 1) } else { (1, length) };
        let mask = dropout::mask([self.n, count, drawn], rate, dropout::key(seed, time, step.number as u64));
        x.iter().enumerate().map(|(at, value)| value * f64::from(mask[at / shared])).collect()
    }

    /// A layer on one example `[channels, length]`.
    fn example(&self, step: &Step, x: &[f64]) -> Vec<f64> {
        let Shape { channels, length } = step.input;
        let rows = || x.chunks_exact(length);
        match step.layer {
            Layer::Conv1d { .. } => self.convolution(step, x),
            Layer::MaxPool1d { width, stride } => {
                pool(x, length, width, stride, |w| w.iter().copied().fold(f64::MIN, f64::max))
            }
            Layer::AvgPool1d { width, stride } => pool(x, length, width, stride, mean),
            Layer::GlobalMaxPool => rows().map(|row| row.iter().copied().fold(f64::MIN, f64::max)).collect(),
            Layer::GlobalAvgPool => rows().map(mean).collect(),
            Layer::Flatten => x.to_vec(),
            Layer::Crop { left, right } => rows().flat_map(|row| row[left..length - right].to_vec()).collect(),
            Layer::Dense { units } => (0..units)
                .map(|u| {
                    let [weight, bias] = [0, 1].map(|i| &self.parameters[step.parameter + i]);
                    bias[u] + (0..channels).map(|c| x[c] * weight[c * units + u]).sum::<f64>()
                })
                .collect(),
            Layer::LayerNorm | Layer::RmsNorm | Layer::Softmax => self.positions(step, x),
            Layer::Upsample { factor } => x.iter().flat_map(|&value| vec![value; factor]).collect(),
            Layer::AttentionPool { width } => self.attention_pool(step, width.unwrap_or(length), x),
            Layer::SelfAttention { .. } => self.self_attention(step, x),
            Layer::Lstm { units, bidirectional, last } => self.directions(
                step,
                bidirectional,
                last,
                |side, xs| self.lstm(step.parameter + 3 * side, units, xs),
                x,
            ),
            Layer::Gru { units, bidirectional, last } => {
                self.directions(step, bidirectional, last, |side, xs| self.gru(step.parameter + 4 * side, units, xs), x)
            }
            _ => x.iter().map(|&value| activation(&step.layer, value)).collect(),
        }
    }

    /// Layers that treat the channels of each position together.
    fn positions(&self, step: &Step, x: &[f64]) -> Vec<f64> {
        let Shape { channels, length } = step.input;
        let mut out = vec![0.0; x.len()];
        for l in 0..length {
            let at: Vec<f64> = (0..channels).map(|c| x[c * length + l]).collect();
            let mean = mean(&at);
            let variance = at.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / channels as f64;
            let square = at.iter().map(|v| v * v).sum::<f64>() / channels as f64;
            let total: f64 = at.iter().map(|v| v.exp()).sum();
            let parameter = |i: usize, c: usize| self.parameters[step.parameter + i][c];
            for c in 0..channels {
                out[c * length + l] = match step.layer {
                    Layer::LayerNorm => {
                        (at[c] - mean) / (variance + LAYER_NORM_EPSILON).sqrt() * parameter(0, c) + parameter(1, c)
                    }
                    Layer::RmsNorm => at[c] / (square + RMS_NORM_EPSILON).sqrt() * parameter(0, c),
                    _ => at[c].exp() / total,
                };
            }
        }
        out
    }

    fn convolution(&self, step: &Step, x: &[f64]) -> Vec<f64> {
        let Layer::Conv1d { filters, width, stride, dilation, groups, padding } = step.layer else { unreachable!() };
        let [weight, bias] = [0, 1].map(|i| &self.parameters[step.parameter + i]);
        let Shape { channels, length } = step.input;
        let (left, _) = padding_of(padding, length, (width - 1) * dilation + 1, stride);
        let (ins, outs) = (channels / groups, filters / groups);
        let mut out = Vec::new();
        for f in 0..filters {
            for o in 0..step.output.length {
                let mut sum = bias[f];
                for c in 0..ins {
                    for t in 0..width {
                        let at = (o * stride + t * dilation) as i64 - left as i64;
                        if (0..length as i64).contains(&at) {
                            let from = (f / outs * ins + c) * length + at as usize;
                            sum += weight[(f * ins + c) * width + t] * x[from];
                        }
                    }
                }
                out.push(sum);
            }
        }
        out
    }

    /// Runs `scan(side, positions in reading order)`, which gives the state after each, for one or both sides, and puts
    /// the states where they belong.
    fn directions(
        &self,
        step: &Step,
        bidirectional: bool,
        last: bool,
        scan: impl Fn(usize, &[Vec<f64>]) -> Vec<Vec<f64>>,
        x: &[f64],
    ) -> Vec<f64> {
        let Shape { channels, length } = step.input;
        let mut positions: Vec<Vec<f64>> =
            (0..length).map(|l| (0..channels).map(|c| x[c * length + l]).collect()).collect();
        let mut out = Vec::new();
        for side in 0..if bidirectional { 2 } else { 1 } {
            let mut states = scan(side, &positions);
            if last {
                out.extend(states[length - 1].iter());
            } else {
                if side == 1 {
                    states.reverse();
                }
                out.extend((0..states[0].len()).flat_map(|u| states.iter().map(move |state| state[u])));
            }
            positions.reverse();
        }
        out
    }

    fn lstm(&self, first: usize, units: usize, xs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let [w, u, b] = [0, 1, 2].map(|i| &self.parameters[first + i]);
        let (mut h, mut c) = (vec![0.0; units], vec![0.0; units]);
        let mut states = Vec::new();
        for x in xs {
            let gate = |g: usize, k: usize| {
                let at = g * units + k;
                b[at] + product(x, w, at, 4 * units) + product(&h, u, at, 4 * units)
            };
            let next: Vec<(f64, f64)> = (0..units)
                .map(|k| {
                    let c = sigmoid(gate(1, k)) * c[k] + sigmoid(gate(0, k)) * gate(2, k).tanh();
                    (sigmoid(gate(3, k)) * c.tanh(), c)
                })
                .collect();
            (h, c) = next.into_iter().unzip();
            states.push(h.clone());
        }
        states
    }

    fn gru(&self, first: usize, units: usize, xs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let [w, u, b, hb] = [0, 1, 2, 3].map(|i| &self.parameters[first + i]);
        let mut h = vec![0.0; units];
        let mut states = Vec::new();
        for x in xs {
            let input = |g: usize, k: usize| b[g * units + k] + product(x, w, g * units + k, 3 * units);
            let hidden = |g: usize, k: usize| hb[g * units + k] + product(&h, u, g * units + k, 3 * units);
            h = (0..units)
                .map(|k| {
                    let r = sigmoid(input(0, k) + hidden(0, k));
                    let z = sigmoid(input(1, k) + hidden(1, k));
                    let new = (input(2, k) + r * hidden(2, k)).tanh();
                    (1.0 - z) * new + z * h[k]
                })
                .collect();
            states.push(h.clone());
        }
        states
    }
}

/// `x` times column `column` of a row-major matrix of `columns`.
fn product(x: &[f64], matrix: &[f64], column: usize, columns: usize) -> f64 {
    x.iter().enumerate().map(|(i, value)| value * matrix[i * columns + column]).sum()
}

fn pool(x: &[f64], length: usize, width: usize, stride: Option<usize>, of: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let starts = || (0..=length - width).step_by(stride.unwrap_or(width));
    x.chunks_exact(length).flat_map(|row| starts().map(|at| of(&row[at..at + width])).collect::<Vec<_>>()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn activation(layer: &Layer, x: f64) -> f64 {
    match layer {
        Layer::Relu => x.max(0.0),
        Layer::Gelu => x * 0.5 * (1.0 + erf(x / 2f64.sqrt())),
        Layer::Silu => x * sigmoid(x),
        Layer::Elu => {
            if x > 0.0 {
                x
            } else {
                x.exp_m1()
            }
        }
        Layer::Tanh => x.tanh(),
        Layer::Sigmoid => sigmoid(x),
        Layer::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Layer::Exp => x.exp(),
        other => panic!("no rule for {}", other.label()),
    }
}

/// The error function by a series of positive terms: `2 / sqrt(pi) exp(-x^2) sum 2^k x^(2k+1) / (2k+1)!!`.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for k in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * k + 1);
        sum += term;
    }
    2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum
}

#[test]
fn the_error_function_has_its_known_values() {
    for (x, want) in
        [(0.0, 0.0), (0.5, 0.520_499_877_813_046_5), (-1.0, -0.842_700_792_949_714_9), (3.0, 0.999_977_909_503_001_4)]
    {
        assert!((erf(x) - want).abs() < 1e-14, "{x}: {}", erf(x));
    }
}
