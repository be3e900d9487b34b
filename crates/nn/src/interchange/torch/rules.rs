//! How `torch.nn` keeps the arrays of each layer: one function a layer.

use crate::architecture::{Layer, directions};
use crate::interchange::NoRule;
use crate::network::{Plan, Spec, Step};

/// An array of a layer as PyTorch has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// Which of our arrays it is.
    pub(super) ours: Ours,
    /// Its name within its module.
    pub(super) leaf: String,
    pub(super) layout: Layout,
    /// What stands for it in a module that was made without it (`bias=False`, `affine=False`).
    pub(super) absent: Option<f32>,
}

/// A place among our arrays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ours {
    Parameter(usize),
    Buffer(usize),
}

/// How its numbers lie there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Layout {
    Same,
    /// `[out, in]` for our `[in, out]`.
    Transposed,
    /// A second array that is added to ours: PyTorch's LSTM has two biases that only appear as their sum.
    Added,
}

impl Part {
    fn new(ours: Ours, leaf: impl Into<String>, layout: Layout, absent: Option<f32>) -> Self {
        Self { ours, leaf: leaf.into(), layout, absent }
    }

    pub(super) fn spec<'a>(&self, plan: &'a Plan) -> &'a Spec {
        match self.ours {
            Ours::Parameter(i) => &plan.parameters[i],
            Ours::Buffer(i) => &plan.buffers[i],
        }
    }

    /// The shape that PyTorch's array has.
    pub(super) fn shape(&self, plan: &Plan) -> Vec<usize> {
        let mut shape = self.spec(plan).shape.clone();
        if self.layout == Layout::Transposed {
            shape.reverse();
        }
        shape
    }
}

/// The arrays of a layer's module; none for a layer without numbers of its own. A layer that PyTorch has no module for
/// is an error that names it.
pub(super) fn parts(step: &Step) -> Result<Vec<Part>, NoRule> {
    match &step.layer {
        Layer::Conv1d { .. } => Ok(conv1d(step)),
        Layer::Dense { .. } => Ok(dense(step)),
        Layer::BatchNorm => Ok(batch_norm(step)),
        Layer::Lstm { bidirectional, .. } => Ok(lstm(step, *bidirectional)),
        Layer::Gru { bidirectional, .. } => Ok(gru(step, *bidirectional)),
        Layer::LayerNorm => Ok(layer_norm(step)),
        Layer::RmsNorm
        | Layer::AttentionPool { .. }
        | Layer::SelfAttention { .. }
        | Layer::SideInputs { .. }
        | Layer::Strands { .. } => Err(NoRule::new(step, "PyTorch")),
        Layer::Softmax
        | Layer::Upsample { .. }
        | Layer::MaxPool1d { .. }
        | Layer::AvgPool1d { .. }
        | Layer::GlobalMaxPool
        | Layer::GlobalAvgPool
        | Layer::Flatten
        | Layer::Crop { .. }
        | Layer::Dropout { .. }
        | Layer::Relu
        | Layer::Gelu
        | Layer::Silu
        | Layer::Elu
        | Layer::Tanh
        | Layer::Sigmoid
        | Layer::Softplus
        | Layer::Exp
        | Layer::Residual { .. }
        | Layer::Concat { .. } => Ok(Vec::new()),
    }
}

/// `Conv1d`: weight `[out, in / groups, width]`, as ours.
fn conv1d(step: &Step) -> Vec<Part> {
    let [weight, bias] = [0, 1].map(|i| Ours::Parameter(step.parameter + i));
    vec![Part::new(weight, "weight", Layout::Same, None), Part::new(bias, "bias", Layout::Same, Some(0.0))]
}

/// `Linear`: weight `[out, in]`.
fn dense(step: &Step) -> Vec<Part> {
    let [weight, bias] = [0, 1].map(|i| Ours::Parameter(step.parameter + i));
    vec![Part::new(weight, "weight", Layout::Transposed, None), Part::new(bias, "bias", Layout::Same, Some(0.0))]
}

/// `BatchNorm1d` with its running statistics.
fn batch_norm(step: &Step) -> Vec<Part> {
    let [scale, shift] = [0, 1].map(|i| Ours::Parameter(step.parameter + i));
    let [mean, variance] = [0, 1].map(|i| Ours::Buffer(step.buffer + i));
    vec![
        Part::new(scale, "weight", Layout::Same, Some(1.0)),
        Part::new(shift, "bias", Layout::Same, Some(0.0)),
        Part::new(mean, "running_mean", Layout::Same, None),
        Part::new(variance, "running_var", Layout::Same, None),
    ]
}

/// `LayerNorm` over the channels.
fn layer_norm(step: &Step) -> Vec<Part> {
    let [scale, shift] = [0, 1].map(|i| Ours::Parameter(step.parameter + i));
    vec![Part::new(scale, "weight", Layout::Same, Some(1.0)), Part::new(shift, "bias", Layout::Same, Some(0.0))]
}

/// One level of `LSTM`: the gates `i, f, g, o` as ours, `[4 units, in]`, and two biases that are added.
fn lstm(step: &Step, bidirectional: bool) -> Vec<Part> {
    let side = |(i, suffix): (usize, &str)| {
        let [input, hidden, bias] = [0, 1, 2].map(|part| Ours::Parameter(step.parameter + 3 * i + part));
        [
            Part::new(input, format!("weight_ih_l0{suffix}"), Layout::Transposed, None),
            Part::new(hidden, format!("weight_hh_l0{suffix}"), Layout::Transposed, None),
            Part::new(bias, format!("bias_ih_l0{suffix}"), Layout::Same, Some(0.0)),
            Part::new(bias, format!("bias_hh_l0{suffix}"), Layout::Added, Some(0.0)),
        ]
    };
    suffixes(bidirectional).flat_map(side).collect()
}

/// One level of `GRU`: the gates `r, z, n` as ours, `[3 units, in]`, and both biases.
fn gru(step: &Step, bidirectional: bool) -> Vec<Part> {
    let side = |(i, suffix): (usize, &str)| {
        let [input, hidden, bias, hidden_bias] =
            [0, 1, 2, 3].map(|part| Ours::Parameter(step.parameter + 4 * i + part));
        [
            Part::new(input, format!("weight_ih_l0{suffix}"), Layout::Transposed, None),
            Part::new(hidden, format!("weight_hh_l0{suffix}"), Layout::Transposed, None),
            Part::new(bias, format!("bias_ih_l0{suffix}"), Layout::Same, Some(0.0)),
            Part::new(hidden_bias, format!("bias_hh_l0{suffix}"), Layout::Same, Some(0.0)),
        ]
    };
    suffixes(bidirectional).flat_map(side).collect()
}

/// What the names of each direction end in.
fn suffixes(bidirectional: bool) -> impl Iterator<Item = (usize, &'static str)> {
    ["", "_reverse"].into_iter().take(directions(bidirectional)).enumerate()
}
