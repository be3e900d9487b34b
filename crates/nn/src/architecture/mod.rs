//! A network as data: an ordered list of typed layers, written as TOML or taken from a preset.
//!
//! ```
//! use basewise_nn::{Architecture, Layer};
//!
//! let text = "
//! [[layer]]
//! type = 'conv1d'
//! filters = 16
//! width = 9
//!
//! [[layer]]
//! type = 'relu'
//!
//! [[layer]]
//! type = 'global-max-pool'
//! ";
//! let architecture = Architecture::from_toml(text, "my.toml")?;
//! assert_eq!(architecture.layers[1], Layer::Relu);
//!
//! // On one-hot DNA of 100 positions with one output: 16 * 4 * 9 + 16 weights, then the head's 16 + 1.
//! let summary = architecture.summary(4, 100, 1)?;
//! assert_eq!(summary.parameters, 592 + 17);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Three layers hold others, so that a network is a tree: a residual layer adds what its layers make of its input to that
//! input, a concatenation joins what several branches make of one input, and strands run their layers on both strands of
//! the sequence. Messages, summaries and arrays name a
//! nested layer by its path: `3.2` is the second layer within the third, `3.b1.2` that of the third's first branch.

mod branches;
mod control;
mod field;
mod head;
mod parse;
mod presets;
mod shape;
mod side;
mod summary;

pub use control::ControlForm;
pub(crate) use head::lay_out_head;
pub use head::{Head, Outputs};
pub use parse::ArchitectureError;
#[cfg(test)]
pub(crate) use parse::type_names;
pub use shape::ShapeError;
pub(crate) use shape::{Node, Shape, head_size, lay_out, padding_of};
pub use side::Inputs;
pub use summary::{Summary, SummaryRow};

use serde::{Deserialize, Serialize};

/// The version of the description's form that this program writes and the newest that it reads.
pub const ARCHITECTURE_FORMAT: u32 = 1;

/// A network: layers applied in order to one-hot sequence `[batch, channel, length]`.
///
/// The last layers, to the outputs of the data set's tasks, are appended when the network is built and are no part of the
/// description, so that one description fits every data set: a dense layer for scalar tasks; for a profile, a
/// convolution to its tracks and a dense layer to its totals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// See [`ARCHITECTURE_FORMAT`].
    #[serde(default = "current_format")]
    pub format_version: u32,
    /// What to call it in reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Settings of the heads.
    #[serde(default, skip_serializing_if = "Head::is_default")]
    pub head: Head,
    /// The layers in order, without the heads.
    #[serde(rename = "layer", default)]
    pub layers: Vec<Layer>,
}

fn current_format() -> u32 {
    ARCHITECTURE_FORMAT
}

/// How a convolution treats the ends of a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Zeros on both sides keep the length (divided by the stride, rounded up); an odd zero goes right.
    #[default]
    Same,
    /// Only windows that lie within the sequence.
    Valid,
}

/// How self-attention tells positions apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Positions {
    /// Not at all: the order of the positions changes nothing.
    #[default]
    None,
    /// Pairs of channels of queries and keys are turned by an angle that grows with the position, so that their products
    /// know the distance (Su et al. 2021).
    Rotary,
    /// A learned number for each head and each distance, clipped, is added to the scores (Raffel et al. 2020; clipped as
    /// by Shaw et al. 2018).
    Relative,
}

/// What becomes of the outputs for a sequence and for its reverse complement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Combine {
    /// Their mean.
    #[default]
    Mean,
    /// The larger, number by number.
    Max,
    /// Their sum.
    Sum,
}

/// Largest distance that [`Positions::Relative`] tells apart, if the layer does not say.
pub(crate) const DEFAULT_CLIP: usize = 32;

fn one() -> usize {
    1
}

fn is_one(value: &usize) -> bool {
    *value == 1
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// Directions of a recurrent layer: one, or forward and reverse.
pub(crate) fn directions(bidirectional: bool) -> usize {
    if bidirectional { 2 } else { 1 }
}

/// One layer. Shapes are `[channels, length]` of one example; a flat vector is `[features, 1]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Layer {
    /// Convolution with bias: `[C, L]` to `[filters, L']`. Weights `[filters, C / groups, width]`.
    Conv1d {
        /// Number of filters, that is of output channels.
        filters: usize,
        /// Positions a filter spans.
        width: usize,
        /// Positions between two outputs.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        stride: usize,
        /// Positions between two neighbouring weights of a filter.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        dilation: usize,
        /// Channels are cut into this many groups that do not see each other.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        groups: usize,
        /// What happens at the ends.
        #[serde(default)]
        padding: Padding,
    },
    /// The largest of each window, a channel at a time; an incomplete window at the end is left out.
    MaxPool1d {
        /// Positions in a window.
        width: usize,
        /// Positions between two windows; the width if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stride: Option<usize>,
    },
    /// The mean of each window, a channel at a time; an incomplete window at the end is left out.
    AvgPool1d {
        /// Positions in a window.
        width: usize,
        /// Positions between two windows; the width if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stride: Option<usize>,
    },
    /// The largest value of each channel: `[C, L]` to `[C, 1]`.
    GlobalMaxPool,
    /// The mean of each channel: `[C, L]` to `[C, 1]`.
    GlobalAvgPool,
    /// `[C, L]` to `[C * L, 1]`, which keeps every position apart.
    Flatten,
    /// Positions are cut off: `[C, L]` to `[C, L - left - right]`.
    Crop {
        /// Positions cut off at the start.
        #[serde(default)]
        left: usize,
        /// Positions cut off at the end.
        #[serde(default)]
        right: usize,
    },
    /// The covariates of the example are appended to its vector: `[F, 1]` to `[F + S, 1]`, standardized as the model says.
    SideInputs {
        /// How many there are; the data set decides.
        #[serde(skip)]
        width: usize,
    },
    /// The control signal of the example in the place of what comes in: `[C, L]` to `[tracks, bins]`, or to `[tracks, 1]`
    /// for totals.
    ControlSignal {
        /// What is made of it.
        #[serde(default)]
        form: ControlForm,
        /// How many tracks there are; the data set decides.
        #[serde(skip)]
        tracks: usize,
        /// Bins of each; the data set decides.
        #[serde(skip)]
        bins: usize,
    },
    /// Fully connected with bias: `[F, 1]` to `[units, 1]`. Weights `[F, units]`.
    Dense {
        /// Number of outputs.
        units: usize,
    },
    /// In training each value is set to zero with probability `rate` and the others grow by `1 / (1 - rate)`
    /// (Srivastava et al. 2014); in evaluation nothing happens.
    Dropout {
        /// Probability of zero, `0 <= rate < 1`.
        rate: f64,
        /// Whole channels are dropped instead of single values (Tompson et al. 2015).
        #[serde(default, skip_serializing_if = "is_false")]
        channels: bool,
    },
    /// Each channel is brought to mean 0 and variance 1 over batch and positions, then scaled and shifted by learned
    /// numbers (Ioffe and Szegedy 2015). Evaluation uses running statistics with momentum 0.1; epsilon is 1e-5.
    BatchNorm,
    /// `max(x, 0)`.
    Relu,
    /// `x Φ(x)` with the exact normal distribution function (Hendrycks and Gimpel 2016).
    Gelu,
    /// `x sigmoid(x)`, also called swish.
    Silu,
    /// `x` above zero, `exp(x) - 1` below.
    Elu,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `exp(x)`, often put after the first convolution for clearer motifs (Koo and Ploenzke 2021).
    Exp,
    /// Long short-term memory (Hochreiter and Schmidhuber 1997; with forget gates, Gers et al. 2000) along the
    /// positions: `[C, L]` to `[D * units, L]`, or to `[D * units, 1]` with `last`, where `D` is 2 for both
    /// directions, the forward ones first, and else 1.
    ///
    /// With gates `i, f, g, o = x W + h U + b`: `c = sigmoid(f) c + sigmoid(i) tanh(g)`, `h = sigmoid(o) tanh(c)`,
    /// both 0 before the first position. A direction's weights are `W [C, 4 units]`, `U [units, 4 units]` and
    /// `b [4 units]`, the gates in that order.
    Lstm {
        /// Size of the state of one direction.
        units: usize,
        /// A second set of weights reads from the end to the start.
        #[serde(default, skip_serializing_if = "is_false")]
        bidirectional: bool,
        /// Only the state after the last position that a direction reads.
        #[serde(default, skip_serializing_if = "is_false")]
        last: bool,
    },
    /// Gated recurrent unit (Cho et al. 2014, in the form that resets after the product) along the positions; shapes as
    /// for [`Layer::Lstm`].
    ///
    /// With `r, z, n` the thirds of `x W + b` and `r', z', n'` those of `h U + b'`: `r = sigmoid(r + r')`,
    /// `z = sigmoid(z + z')`, `n = tanh(n + r n')`, `h = (1 - z) n + z h`. A direction's weights are
    /// `W [C, 3 units]`, `U [units, 3 units]`, `b [3 units]` and `b' [3 units]`.
    Gru {
        /// Size of the state of one direction.
        units: usize,
        /// A second set of weights reads from the end to the start.
        #[serde(default, skip_serializing_if = "is_false")]
        bidirectional: bool,
        /// Only the state after the last position that a direction reads.
        #[serde(default, skip_serializing_if = "is_false")]
        last: bool,
    },
    /// At each position the channels are brought to mean 0 and variance 1, then scaled and shifted by learned numbers,
    /// one of each a channel (Ba et al. 2016). Epsilon is 1e-5.
    LayerNorm,
    /// At each position the channels are divided by their root mean square, then scaled by learned numbers, one a channel
    /// (Zhang and Sennrich 2019). Epsilon is 1e-6.
    RmsNorm,
    /// At each position `exp(x)` of each channel over the sum of all channels: numbers above 0 that sum to 1.
    Softmax,
    /// Each position is repeated `factor` times: `[C, L]` to `[C, factor * L]`.
    Upsample {
        /// Copies of a position.
        factor: usize,
    },
    /// A weighted mean of each window, a channel at a time, with learned weights (Avsec et al. 2021, Enformer): position
    /// `i` of a window weighs as the softmax over its positions of `(x_i W)_c` in channel `c`. `W [C, C]` starts as twice
    /// the identity, so that larger values weigh more. An incomplete window at the end is left out.
    AttentionPool {
        /// Positions in a window, which is also the distance of two windows; the whole sequence if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        width: Option<usize>,
    },
    /// Every position gathers from all positions what its queries match (Vaswani et al. 2017), and keeps the shape
    /// `[C, L]`: of each head, `softmax(q kᵀ / sqrt(key size) + bias) v`, where `q`, `k` and `v` are `x W + b` with
    /// `W [C, heads * key size]`; all heads side by side times the output weight `[heads * key size, C]`, with bias.
    SelfAttention {
        /// Number of heads, each with its own queries, keys and values.
        heads: usize,
        /// Channels of a query, key and value of one head; the channels divided by the heads if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_size: Option<usize>,
        /// How positions are told apart.
        #[serde(default)]
        positions: Positions,
        /// With [`Positions::Relative`], distances beyond count as this one; 32 if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clip: Option<usize>,
    },
    /// Layers that see the sequence and, with the same weights, its reverse complement (Shrikumar et al. 2017; Zhou et
    /// al. 2022). Outputs for the reverse complement are turned back along the positions, and both are combined, so that
    /// a sequence and its reverse complement give the same outputs, in reverse order where there are positions.
    ///
    /// Only as the first layer. Batch norms within take statistics over both strands.
    Strands {
        /// The layers in order, at least one.
        #[serde(rename = "layer")]
        layers: Vec<Layer>,
        /// How the two outputs become one.
        #[serde(default)]
        combine: Combine,
    },
    /// `x + f(x)` (He et al. 2016), where `f` is a sequence of layers that keeps the shape.
    Residual {
        /// The layers of `f` in order, at least one.
        #[serde(rename = "layer")]
        layers: Vec<Layer>,
    },
    /// Sequences of layers side by side on the same input; their outputs, of equal length, are joined along channels.
    Concat {
        /// The branches in order, at least one; an empty one passes its input on.
        #[serde(rename = "branch", with = "branches")]
        branches: Vec<Vec<Layer>>,
    },
}

impl Layer {
    /// Its `type` in TOML.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Conv1d { .. } => "conv1d",
            Self::MaxPool1d { .. } => "max-pool1d",
            Self::AvgPool1d { .. } => "avg-pool1d",
            Self::GlobalMaxPool => "global-max-pool",
            Self::GlobalAvgPool => "global-avg-pool",
            Self::Flatten => "flatten",
            Self::SideInputs { .. } => "side-inputs",
            Self::ControlSignal { .. } => "control-signal",
            Self::Dense { .. } => "dense",
            Self::Dropout { .. } => "dropout",
            Self::BatchNorm => "batch-norm",
            Self::Relu => "relu",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
            Self::Elu => "elu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Softplus => "softplus",
            Self::Exp => "exp",
            Self::Crop { .. } => "crop",
            Self::Lstm { .. } => "lstm",
            Self::Gru { .. } => "gru",
            Self::LayerNorm => "layer-norm",
            Self::RmsNorm => "rms-norm",
            Self::Softmax => "softmax",
            Self::Upsample { .. } => "upsample",
            Self::AttentionPool { .. } => "attention-pool",
            Self::SelfAttention { .. } => "self-attention",
            Self::Strands { .. } => "strands",
            Self::Residual { .. } => "residual",
            Self::Concat { .. } => "concat",
        }
    }

    /// Whether it is an element-wise non-linearity.
    pub fn is_activation(&self) -> bool {
        matches!(
            self,
            Self::Relu | Self::Gelu | Self::Silu | Self::Elu | Self::Tanh | Self::Sigmoid | Self::Softplus | Self::Exp
        )
    }

    /// The sequences of layers that it holds: one of a residual layer or of strands, one a branch of a concatenation,
    /// else none.
    pub fn inner(&self) -> &[Vec<Self>] {
        match self {
            Self::Residual { layers } | Self::Strands { layers, .. } => std::slice::from_ref(layers),
            Self::Concat { branches } => branches,
            _ => &[],
        }
    }

    /// Its type with its numbers, as in `conv1d 64 x 15` or `dropout 0.2`.
    pub fn label(&self) -> String {
        match self {
            Self::Conv1d { filters, width, stride, dilation, groups, padding } => {
                let mut text = format!("conv1d {filters} x {width}");
                for (name, value) in [("stride", stride), ("dilation", dilation), ("groups", groups)] {
                    if *value != 1 {
                        text += &format!(" {name} {value}");
                    }
                }
                if *padding == Padding::Valid { text + " valid" } else { text }
            }
            Self::MaxPool1d { width, stride } | Self::AvgPool1d { width, stride } => match stride {
                Some(stride) if stride != width => format!("{} {width} stride {stride}", self.type_name()),
                _ => format!("{} {width}", self.type_name()),
            },
            Self::SideInputs { width: width @ 1.. } => format!("side-inputs {width}"),
            Self::ControlSignal { form, tracks, .. } => {
                let tracks = if *tracks > 0 { format!(" {tracks}") } else { String::new() };
                format!("control-signal {}{tracks}", form.name())
            }
            Self::Dense { units } => format!("dense {units}"),
            Self::Dropout { rate, channels: true } => format!("dropout {rate} channels"),
            Self::Dropout { rate, channels: false } => format!("dropout {rate}"),
            Self::Crop { left, right } => format!("crop {left} {right}"),
            Self::Lstm { units, bidirectional, last } | Self::Gru { units, bidirectional, last } => {
                let both = if *bidirectional { " bidirectional" } else { "" };
                format!("{} {units}{both}{}", self.type_name(), if *last { " last" } else { "" })
            }
            Self::Upsample { factor } => format!("upsample {factor}"),
            Self::AttentionPool { width: Some(width) } => format!("attention-pool {width}"),
            Self::SelfAttention { heads, key_size, positions, clip } => {
                let size = key_size.map_or_else(String::new, |size| format!(" x {size}"));
                let positions = match positions {
                    Positions::None => String::new(),
                    Positions::Rotary => " rotary".to_owned(),
                    Positions::Relative => format!(" relative {}", clip.unwrap_or(DEFAULT_CLIP)),
                };
                format!("self-attention {heads}{size}{positions}")
            }
            Self::Strands { combine, .. } => format!("strands {}", format!("{combine:?}").to_lowercase()),
            Self::Concat { branches } => format!("concat {} branches", branches.len()),
            other => other.type_name().to_owned(),
        }
    }
}

impl Architecture {
    /// A network of these layers without a name.
    pub fn new(layers: Vec<Layer>) -> Self {
        Self { format_version: ARCHITECTURE_FORMAT, name: None, head: Head::default(), layers }
    }

    /// The TOML text that [`Architecture::from_toml`] reads back as the same network.
    ///
    /// # Errors
    /// If a number does not fit TOML's 64-bit integers.
    pub fn to_toml(&self) -> Result<String, ArchitectureError> {
        toml::to_string(self).map_err(|error| ArchitectureError::Write(error.to_string()))
    }
}
