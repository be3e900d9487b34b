//! A batch's way through the network.

use super::{Plan, Step, Weights, attention, dropout, first, recurrent, strands};
use crate::architecture::{ControlForm, Layer, padding_of};
use basewise_core::SequenceBatch;
use burn_tensor::ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions};
use burn_tensor::{Device, Tensor, TensorData, activation, module};

pub(crate) const BATCH_NORM_EPSILON: f64 = 1e-5;
pub(crate) const LAYER_NORM_EPSILON: f64 = 1e-5;
pub(crate) const RMS_NORM_EPSILON: f64 = 1e-6;

/// How layers that differ between training and evaluation behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Running statistics, no dropout.
    Evaluate,
    /// Statistics of the batch; dropout masks are a function of seed, step and layer.
    Train { seed: u64, step: u64 },
}

/// The network's numbers on a device, each flattened.
#[derive(Clone, Debug)]
pub(crate) struct Leaves {
    pub(crate) parameters: Vec<Tensor<1>>,
    buffers: Vec<Tensor<1>>,
}

impl Leaves {
    /// Copies weights to `device`; on an autodiff device the parameters gather gradients.
    pub(crate) fn new(weights: &Weights, device: &Device) -> Self {
        Self::put(weights, device, device.is_autodiff())
    }

    /// The same without gradients of the parameters.
    pub(crate) fn frozen(weights: &Weights, device: &Device) -> Self {
        Self::put(weights, device, false)
    }

    fn put(weights: &Weights, device: &Device, track: bool) -> Self {
        let put = |values: &[f32]| tensor1(values.to_vec(), device);
        Self {
            parameters: weights.parameters.iter().map(|a| put(&a.values).set_require_grad(track)).collect(),
            buffers: weights.buffers.iter().map(|a| put(&a.values)).collect(),
        }
    }
}

/// What a batch gave.
pub(crate) struct Forward {
    /// Raw scores `[n, outputs]`.
    pub(crate) scores: Tensor<2>,
    pub(crate) statistics: Vec<Statistics>,
}

/// Of a batch norm in training: its first buffer, and mean and biased variance of the batch.
pub(crate) type Statistics = (usize, Tensor<1>, Tensor<1>);

/// Values as a vector on `device`.
pub(crate) fn tensor1(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), device)
}

/// Numbers beside the sequences `[n, width, 1]`, if there are any.
pub(crate) type Side = Option<Tensor<3>>;

/// The numbers beside `n` sequences on a device.
pub(crate) fn side(values: &[f32], n: usize, device: &Device) -> Side {
    let width = values.len().checked_div(n).filter(|&width| width > 0)?;
    Some(Tensor::from_data(TensorData::new(values.to_vec(), [n, width, 1]), device))
}

/// Runs sequences through all steps and the head.
pub(crate) fn forward_batch(
    plan: &Plan,
    leaves: &Leaves,
    batch: &SequenceBatch,
    device: &Device,
    mode: Mode,
) -> Forward {
    let (x, statistics) = forward_steps_batch(&plan.steps, leaves, batch, device, mode);
    scored(x, statistics)
}

/// Runs sequences through some leading steps, the first one by its fast path if it has one.
pub(crate) fn forward_steps_batch(
    steps: &[Step],
    leaves: &Leaves,
    batch: &SequenceBatch,
    device: &Device,
    mode: Mode,
) -> (Tensor<3>, Vec<Statistics>) {
    let beside = side(batch.side(), batch.len(), device);
    let fast = steps.first().and_then(|step| first::convolve(step, leaves, batch, device));
    match fast {
        Some(x) => forward_steps(&steps[1..], leaves, x, &beside, mode),
        None => forward_steps(steps, leaves, input(batch, device), &beside, mode),
    }
}

/// One-hot input `[n, channels, length]` on a device.
pub(crate) fn input(batch: &SequenceBatch, device: &Device) -> Tensor<3> {
    let shape = [batch.len(), batch.encoding().channels(), batch.length()];
    Tensor::from_data(TensorData::new(batch.one_hot(), shape), device)
}

fn scored(x: Tensor<3>, statistics: Vec<Statistics>) -> Forward {
    let [n, channels, length] = x.dims();
    Forward { scores: x.reshape([n, channels * length]), statistics }
}

/// Runs `x` `[n, channels, length]` through all steps and the head.
pub(crate) fn forward(plan: &Plan, leaves: &Leaves, x: Tensor<3>, side: &Side, mode: Mode) -> Forward {
    let (x, statistics) = forward_steps(&plan.steps, leaves, x, side, mode);
    scored(x, statistics)
}

/// Runs `x` through some leading steps.
pub(crate) fn forward_steps(
    steps: &[Step],
    leaves: &Leaves,
    x: Tensor<3>,
    side: &Side,
    mode: Mode,
) -> (Tensor<3>, Vec<Statistics>) {
    let mut statistics = Vec::new();
    let x = sequence(steps, leaves, x, side, mode, &mut statistics);
    (x, statistics)
}

/// The same for any list of steps in the tree; batch norms add to `statistics` in order.
fn sequence(
    steps: &[Step],
    leaves: &Leaves,
    mut x: Tensor<3>,
    side: &Side,
    mode: Mode,
    statistics: &mut Vec<Statistics>,
) -> Tensor<3> {
    for step in steps {
        x = match (&step.layer, mode) {
            (Layer::BatchNorm, Mode::Train { .. }) => {
                let [scale, shift] = pair(&leaves.parameters, step.parameter);
                let out = module::batch_norm_train(x, scale, shift, BATCH_NORM_EPSILON);
                statistics.push((step.buffer, out.mean, out.variance));
                out.output
            }
            (Layer::BatchNorm, Mode::Evaluate) => {
                let [scale, shift] = pair(&leaves.parameters, step.parameter);
                let [mean, variance] = pair(&leaves.buffers, step.buffer);
                module::batch_norm(x, scale, shift, mean, variance, BATCH_NORM_EPSILON)
            }
            (Layer::Dropout { .. }, Mode::Evaluate) => x,
            (Layer::Dropout { rate, channels }, Mode::Train { seed, step: time }) => {
                let [n, c, l] = x.dims();
                let l = if *channels { 1 } else { l };
                let mask = dropout::mask([n, c, l], *rate, dropout::key(seed, time, step.number as u64));
                let mask = Tensor::from_data(TensorData::new(mask, [n, c, l]), &x.device());
                x * mask
            }
            (Layer::Residual { .. }, _) => step
                .inner
                .iter()
                .fold(x.clone(), |sum, inner| sum + sequence(inner, leaves, x.clone(), side, mode, statistics)),
            (Layer::Strands { combine, .. }, _) => {
                // Nothing within takes numbers beside the sequence: there are twice as many rows.
                let y = sequence(&step.inner[0], leaves, strands::both(x), &None, mode, statistics);
                strands::combined(y, *combine)
            }
            (Layer::Concat { .. }, _) => {
                let branch = |inner: &Vec<Step>| sequence(inner, leaves, x.clone(), side, mode, statistics);
                Tensor::cat(step.inner.iter().map(branch).collect(), 1)
            }
            (Layer::SideInputs { width }, _) => match side {
                Some(side) => Tensor::cat(vec![x, side.clone().narrow(1, 0, *width)], 1),
                None => x,
            },
            (&Layer::ControlSignal { form, tracks, bins }, _) => match side {
                Some(side) => control(side, form, [tracks, bins]),
                None => x,
            },
            _ => apply(step, leaves, x),
        };
    }
    x
}

/// What a form makes of the control, which is at the end of the numbers beside each sequence.
fn control(side: &Tensor<3>, form: ControlForm, [tracks, bins]: [usize; 2]) -> Tensor<3> {
    let [n, width, _] = side.dims();
    let signal = side.clone().narrow(1, width - tracks * bins, tracks * bins).reshape([n, tracks, bins]);
    match form {
        ControlForm::Bins => signal,
        ControlForm::LogBins => signal.log1p(),
        ControlForm::LogTotals => signal.sum_dim(2).log1p(),
    }
}

fn pair(tensors: &[Tensor<1>], first: usize) -> [Tensor<1>; 2] {
    [tensors[first].clone(), tensors[first + 1].clone()]
}

/// A layer that is the same in training and evaluation.
fn apply(step: &Step, leaves: &Leaves, x: Tensor<3>) -> Tensor<3> {
    let [n, channels, length] = x.dims();
    match step.layer {
        Layer::Conv1d { filters, width, stride, dilation, groups, padding } => {
            let [weight, bias] = pair(&leaves.parameters, step.parameter);
            let weight = weight.reshape([filters, channels / groups, width]);
            let pads = padding_of(padding, length, (width - 1) * dilation + 1, stride);
            let options = ConvOptions::new_with_padding([stride], [pads], [dilation], groups);
            module::conv1d(x, weight, Some(bias), options)
        }
        Layer::MaxPool1d { width, stride } => {
            module::max_pool1d(x, MaxPoolOptions::new([width]).with_stride([stride.unwrap_or(width)]))
        }
        Layer::AvgPool1d { width, stride } => {
            module::avg_pool1d(x, AvgPoolOptions::new([width]).with_stride([stride.unwrap_or(width)]))
        }
        Layer::GlobalMaxPool => x.max_dim(2),
        Layer::GlobalAvgPool => x.mean_dim(2),
        Layer::Flatten => x.reshape([n, channels * length, 1]),
        Layer::Crop { left, right } => x.narrow(2, left, length - left - right),
        Layer::Lstm { .. } | Layer::Gru { .. } => recurrent::run(step, leaves, x),
        Layer::LayerNorm => {
            let [scale, shift] = pair(&leaves.parameters, step.parameter).map(|v| v.reshape([1, channels, 1]));
            let centred = x.clone() - x.mean_dim(1);
            let variance = centred.clone().square().mean_dim(1);
            centred / (variance + LAYER_NORM_EPSILON).sqrt() * scale + shift
        }
        Layer::RmsNorm => {
            let scale = leaves.parameters[step.parameter].clone().reshape([1, channels, 1]);
            x.clone() / (x.square().mean_dim(1) + RMS_NORM_EPSILON).sqrt() * scale
        }
        Layer::Softmax => activation::softmax(x, 1),
        Layer::Upsample { factor } => {
            x.reshape([n, channels, length, 1]).repeat_dim(3, factor).reshape([n, channels, length * factor])
        }
        Layer::AttentionPool { .. } => attention::pool(step, leaves, x),
        Layer::SelfAttention { .. } => attention::run(step, leaves, x),
        Layer::Dense { units } => {
            let [weight, bias] = pair(&leaves.parameters, step.parameter);
            let product = x.reshape([n, channels]).matmul(weight.reshape([channels, units]));
            (product + bias.reshape([1, units])).reshape([n, units, 1])
        }
        Layer::Relu => activation::relu(x),
        // Spelled out: off the CPU, Burn's backward pass of its own takes the tanh approximation.
        Layer::Gelu => x.clone() * ((x * std::f32::consts::FRAC_1_SQRT_2).erf() + 1.0) * 0.5,
        Layer::Silu => activation::silu(x),
        Layer::Elu => activation::elu(x, 1.0),
        Layer::Tanh => activation::tanh(x),
        Layer::Sigmoid => activation::sigmoid(x),
        Layer::Softplus => activation::softplus(x, 1.0),
        Layer::Exp => x.exp(),
        // The caller tells their modes apart, or runs the steps within them.
        Layer::Dropout { .. }
        | Layer::BatchNorm
        | Layer::Residual { .. }
        | Layer::Concat { .. }
        | Layer::SideInputs { .. }
        | Layer::ControlSignal { .. }
        | Layer::Strands { .. } => x,
    }
}
