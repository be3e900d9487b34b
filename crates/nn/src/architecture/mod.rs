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

mod parse;
mod presets;
mod summary;

pub use parse::ArchitectureError;
pub(crate) use summary::{Shape, output_shape, padding_of};
pub use summary::{ShapeError, Summary, SummaryRow};

use serde::{Deserialize, Serialize};

/// The version of the description's form that this program writes and the newest that it reads.
pub const ARCHITECTURE_FORMAT: u32 = 1;

/// A network: layers applied in order to one-hot sequence `[batch, channel, length]`.
///
/// The last dense layer, to the outputs of the data set's tasks, is appended when the network is built and is no part
/// of the description, so that one description fits every data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// See [`ARCHITECTURE_FORMAT`].
    #[serde(default = "current_format")]
    pub format_version: u32,
    /// What to call it in reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The layers in order, without the head.
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

fn one() -> usize {
    1
}

fn is_one(value: &usize) -> bool {
    *value == 1
}

fn is_false(value: &bool) -> bool {
    !*value
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
        }
    }

    /// Whether it is an element-wise non-linearity.
    pub fn is_activation(&self) -> bool {
        matches!(
            self,
            Self::Relu | Self::Gelu | Self::Silu | Self::Elu | Self::Tanh | Self::Sigmoid | Self::Softplus | Self::Exp
        )
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
            Self::Dense { units } => format!("dense {units}"),
            Self::Dropout { rate, channels: true } => format!("dropout {rate} channels"),
            Self::Dropout { rate, channels: false } => format!("dropout {rate}"),
            other => other.type_name().to_owned(),
        }
    }
}

impl Architecture {
    /// A network of these layers without a name.
    pub fn new(layers: Vec<Layer>) -> Self {
        Self { format_version: ARCHITECTURE_FORMAT, name: None, layers }
    }

    /// The TOML text that [`Architecture::from_toml`] reads back as the same network.
    ///
    /// # Errors
    /// If a number does not fit TOML's 64-bit integers.
    pub fn to_toml(&self) -> Result<String, ArchitectureError> {
        toml::to_string(self).map_err(|error| ArchitectureError::Write(error.to_string()))
    }
}
