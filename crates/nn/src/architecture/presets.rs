//! Networks that come with the program.

use super::{Architecture, ArchitectureError, Layer, Padding};
use crate::suggest::nearest;

const PRESETS: &[(&str, &str)] = &[
    ("cnn", "position-aware: two convolutions with pooling, then a dense layer that sees where each feature lies"),
    ("cnn-global", "position-free: one convolution and the strongest match of each filter anywhere in the sequence"),
    ("danq", "motif order: wide filters, then a bidirectional LSTM along them; large, for sequences of about 1,000"),
    ("dilated", "long range: dilated residual convolutions, each output sees about a thousand positions"),
];

impl Architecture {
    /// Names and one-line descriptions of the presets.
    pub fn presets() -> &'static [(&'static str, &'static str)] {
        PRESETS
    }

    /// A network that comes with the program.
    ///
    /// # Errors
    /// If there is none of that name; the error gives the nearest and all.
    pub fn preset(name: &str) -> Result<Self, ArchitectureError> {
        let layers = match name {
            "cnn" => cnn(),
            "cnn-global" => cnn_global(),
            "danq" => danq(),
            "dilated" => dilated(),
            _ => {
                let names: Vec<&str> = PRESETS.iter().map(|(name, _)| *name).collect();
                return Err(ArchitectureError::UnknownPreset {
                    name: name.to_owned(),
                    nearest: nearest(name, &names),
                    all: names.join(", "),
                });
            }
        };
        Ok(Self { name: Some(name.to_owned()), ..Self::new(layers) })
    }
}

fn conv(filters: usize, width: usize) -> Layer {
    Layer::Conv1d { filters, width, stride: 1, dilation: 1, groups: 1, padding: Padding::Same }
}

fn dropout(rate: f64) -> Layer {
    Layer::Dropout { rate, channels: false }
}

/// The filters of the first layer are motif-sized and followed by ReLU, so that the windows which excite them make a
/// matrix; the two pools keep position to within 16 bases up to the dense layer, which sees every place apart.
fn cnn() -> Vec<Layer> {
    vec![
        conv(32, 11),
        Layer::Relu,
        Layer::MaxPool1d { width: 4, stride: None },
        dropout(0.2),
        conv(48, 7),
        Layer::Relu,
        Layer::MaxPool1d { width: 4, stride: None },
        dropout(0.2),
        Layer::Flatten,
        Layer::Dense { units: 64 },
        Layer::Relu,
        dropout(0.5),
    ]
}

/// The shape of DeepBind (Alipanahi et al. 2015).
fn cnn_global() -> Vec<Layer> {
    vec![
        conv(64, 15),
        Layer::Relu,
        Layer::GlobalMaxPool,
        dropout(0.2),
        Layer::Dense { units: 32 },
        Layer::Relu,
        dropout(0.2),
    ]
}

/// The shape of DanQ (Quang and Xie 2016), without its dropout.
fn danq() -> Vec<Layer> {
    vec![
        Layer::Conv1d { filters: 320, width: 26, stride: 1, dilation: 1, groups: 1, padding: Padding::Valid },
        Layer::Relu,
        Layer::MaxPool1d { width: 13, stride: None },
        Layer::Lstm { units: 320, bidirectional: true, last: false },
        Layer::Flatten,
        Layer::Dense { units: 925 },
        Layer::Relu,
    ]
}

/// The trunk of BPNet (Avsec et al. 2021) with a global pool: the dilation doubles from block to block.
fn dilated() -> Vec<Layer> {
    let block = |i: usize| {
        let dilated =
            Layer::Conv1d { filters: 64, width: 3, stride: 1, dilation: 1 << i, groups: 1, padding: Padding::Same };
        Layer::Residual { layers: vec![dilated, Layer::Relu] }
    };
    let mut layers = vec![conv(64, 21), Layer::Relu];
    layers.extend((1..=8).map(block));
    layers.push(Layer::GlobalAvgPool);
    layers
}
