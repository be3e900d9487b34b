//! How `torch.nn` keeps the arrays of each layer: one function a layer.

use crate::architecture::{Layer, Positions, directions, head_size};
use crate::network::{Plan, Spec, Step};

/// A module of PyTorch that holds the arrays of a layer, or some of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Module {
    /// Its name in our exports: that of the layer, perhaps with more after it.
    pub(super) name: String,
    pub(super) parts: Vec<Part>,
}

/// An array of a module.
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

/// How a file keeps self-attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attention {
    /// A `Linear` each for queries, keys, values and outputs; our exports do.
    Linears,
    /// `MultiheadAttention`, which has queries, keys and values in one array.
    Multihead,
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
    /// The `number`-th of three arrays one below the other, each transposed if it is a matrix.
    Third {
        number: usize,
    },
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
        match self.layout {
            Layout::Same | Layout::Added => {}
            Layout::Transposed => shape.reverse(),
            Layout::Third { .. } => {
                shape.reverse();
                shape[0] *= 3;
            }
        }
        shape
    }
}

/// The modules of a layer; none for a layer without numbers of its own. A layer without a rule does not compile.
pub(super) fn modules(step: &Step, attention: Attention) -> Vec<Module> {
    let parts = match &step.layer {
        Layer::Conv1d { .. } => conv1d(step),
        Layer::Dense { .. } => linear(step.parameter),
        Layer::BatchNorm => batch_norm(step),
        Layer::Lstm { bidirectional, .. } => lstm(step, *bidirectional),
        Layer::Gru { bidirectional, .. } => gru(step, *bidirectional),
        Layer::LayerNorm => layer_norm(step),
        Layer::RmsNorm => rms_norm(step),
        Layer::AttentionPool { .. } => attention_pool(step),
        Layer::SelfAttention { heads, key_size, positions, .. } => {
            let square = heads * head_size(*heads, *key_size, step.input.channels) == step.input.channels;
            return match attention {
                Attention::Multihead if square && *positions == Positions::None => multihead_attention(step),
                _ => self_attention(step, *positions == Positions::Relative),
            };
        }
        Layer::SideInputs { .. }
        | Layer::ControlSignal { .. }
        | Layer::Strands { .. }
        | Layer::Softmax
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
        | Layer::Concat { .. } => return Vec::new(),
    };
    vec![Module { name: step.name.clone(), parts }]
}

/// `Conv1d`: weight `[out, in / groups, width]`, as ours.
fn conv1d(step: &Step) -> Vec<Part> {
    let [weight, bias] = [0, 1].map(|i| Ours::Parameter(step.parameter + i));
    vec![Part::new(weight, "weight", Layout::Same, None), Part::new(bias, "bias", Layout::Same, Some(0.0))]
}

/// `Linear` of the weight and bias from parameter `first` on: weight `[out, in]`.
fn linear(first: usize) -> Vec<Part> {
    let [weight, bias] = [0, 1].map(|i| Ours::Parameter(first + i));
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

/// `RMSNorm` over the channels.
fn rms_norm(step: &Step) -> Vec<Part> {
    vec![Part::new(Ours::Parameter(step.parameter), "weight", Layout::Same, Some(1.0))]
}

/// The scores of the positions: `Linear` without bias.
fn attention_pool(step: &Step) -> Vec<Part> {
    vec![Part::new(Ours::Parameter(step.parameter), "weight", Layout::Transposed, None)]
}

/// Four `Linear`s and, with relative positions, a parameter `position_bias` `[heads, 2 clip + 1]` beside them.
fn self_attention(step: &Step, relative: bool) -> Vec<Module> {
    let named = |(i, part): (usize, &str)| Module {
        name: format!("{}.{part}", step.name),
        parts: linear(step.parameter + 2 * i),
    };
    let linears = ["query", "key", "value", "output"].into_iter().enumerate().map(named);
    // A module's own parameters come before those of the modules within it.
    let bias = Part::new(Ours::Parameter(step.parameter + 8), "position_bias", Layout::Same, None);
    let own = relative.then(|| Module { name: step.name.clone(), parts: vec![bias] });
    own.into_iter().chain(linears).collect()
}

/// `MultiheadAttention`: `in_proj_weight` `[3 channels, channels]` of queries, keys, values, and a `Linear` `out_proj`.
fn multihead_attention(step: &Step) -> Vec<Module> {
    let third = |(number, i, leaf, absent)| {
        Part::new(Ours::Parameter(step.parameter + 2 * number + i), leaf, Layout::Third { number }, absent)
    };
    let arrays = [(0, "in_proj_weight", None), (1, "in_proj_bias", Some(0.0))];
    let parts =
        arrays.into_iter().flat_map(|(i, leaf, absent)| [0, 1, 2].map(|number| third((number, i, leaf, absent))));
    let output = Module { name: format!("{}.out_proj", step.name), parts: linear(step.parameter + 6) };
    vec![Module { name: step.name.clone(), parts: parts.collect() }, output]
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
