//! Networks that come with the program. The dense layer to the outputs of the tasks is appended to each when it is built.

use super::{Architecture, ArchitectureError, Layer, Padding, Positions};
use crate::suggest::nearest;

const PRESETS: &[(&str, &str)] = &[
    ("bpnet", "signal at base resolution: dilated residual convolutions that keep every position, for profiles"),
    ("cnn", "position-aware: two convolutions with pooling, then a dense layer that sees where each feature lies"),
    ("cnn-global", "position-free: one convolution and the strongest match of each filter anywhere in the sequence"),
    ("mlp", "short aligned sequences, such as splice sites: dense layers alone, nothing shared between positions"),
    ("deepbind", "binding of one protein: few wide filters and their strongest matches; small, for few sequences"),
    ("basset", "accessibility over many cell types: three convolutions and two dense layers; for about 600 positions"),
    ("deepsea", "chromatin profiles: three wide convolutions, then a dense layer; large, for about 1,000 positions"),
    ("danq", "motif order: wide filters, then a bidirectional LSTM along them; large, for sequences of about 1,000"),
    ("dilated", "long range: dilated residual convolutions, each output sees about a thousand positions"),
    (
        "lstm",
        "short sequences whose order matters all along: a bidirectional LSTM on the bases; slow beyond a few hundred",
    ),
    ("gru", "as lstm with a quarter less weights: a bidirectional GRU on the bases; slow beyond a few hundred"),
    ("cnn-gru", "order of motifs at a moderate size: filters, then a bidirectional GRU along them"),
    (
        "cnn-lstm",
        "windows of 40 to 300 where accuracy counts: filters and an LSTM, read by maximum, by mean and by position",
    ),
    (
        "cnn-lstm-attention",
        "as cnn-gru, and which places count: filters, a bidirectional LSTM, attention over its states",
    ),
    ("transformer", "interactions of motifs at any distance: filters, then self-attention; for 200 to 1,000 positions"),
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
            "bpnet" => bpnet(),
            "cnn" => cnn(),
            "cnn-global" => cnn_global(),
            "mlp" => mlp(),
            "deepbind" => deepbind(),
            "basset" => basset(),
            "deepsea" => deepsea(),
            "danq" => danq(),
            "dilated" => dilated(),
            "lstm" => recurrent(lstm(true)),
            "gru" => recurrent(gru(true)),
            "cnn-gru" => cnn_gru(),
            "cnn-lstm" => cnn_lstm(),
            "cnn-lstm-attention" => cnn_lstm_attention(),
            "transformer" => transformer(),
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

/// Only windows within the sequence, as in the papers of the larger networks.
fn valid(filters: usize, width: usize) -> Layer {
    Layer::Conv1d { filters, width, stride: 1, dilation: 1, groups: 1, padding: Padding::Valid }
}

fn max_pool(width: usize) -> Layer {
    Layer::MaxPool1d { width, stride: None }
}

fn dropout(rate: f64) -> Layer {
    Layer::Dropout { rate, channels: false }
}

fn lstm(last: bool) -> Layer {
    Layer::Lstm { units: 64, bidirectional: true, last }
}

fn gru(last: bool) -> Layer {
    Layer::Gru { units: 64, bidirectional: true, last }
}

/// The filters of the first layer are motif-sized and followed by ReLU, so that the windows which excite them make a
/// matrix; the two pools keep position to within 16 bases up to the dense layer, which sees every place apart.
fn cnn() -> Vec<Layer> {
    vec![
        conv(32, 11),
        Layer::Relu,
        max_pool(4),
        dropout(0.2),
        conv(48, 7),
        Layer::Relu,
        max_pool(4),
        dropout(0.2),
        Layer::Flatten,
        Layer::Dense { units: 64 },
        Layer::Relu,
        dropout(0.5),
    ]
}

/// A DeepBind (Alipanahi et al. 2015) with more and narrower filters.
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

/// The multilayer perceptron (Rumelhart et al. 1986).
fn mlp() -> Vec<Layer> {
    vec![
        Layer::Flatten,
        Layer::Dense { units: 256 },
        Layer::Relu,
        dropout(0.3),
        Layer::Dense { units: 64 },
        Layer::Relu,
        dropout(0.3),
    ]
}

/// DeepBind (Alipanahi et al. 2015) as for transcription factors: 16 motif detectors of width 24, their maxima, and a hidden
/// layer of 32 with dropout.
fn deepbind() -> Vec<Layer> {
    vec![conv(16, 24), Layer::Relu, Layer::GlobalMaxPool, Layer::Dense { units: 32 }, Layer::Relu, dropout(0.5)]
}

/// Basset (Kelley et al. 2016): 300, 200 and 200 filters of width 19, 11 and 7, pools of 3, 4 and 4, two dense layers of
/// 1,000.
fn basset() -> Vec<Layer> {
    let stages = [(300, 19, 3), (200, 11, 4), (200, 7, 4)]
        .map(|(filters, width, pool)| vec![valid(filters, width), Layer::BatchNorm, Layer::Relu, max_pool(pool)]);
    let dense = || vec![Layer::Dense { units: 1000 }, Layer::BatchNorm, Layer::Relu, dropout(0.3)];
    [stages.concat(), vec![Layer::Flatten], dense(), dense()].concat()
}

/// DeepSEA (Zhou and Troyanskaya 2015): 320, 480 and 960 filters of width 8, two pools of 4, a dense layer of 925.
fn deepsea() -> Vec<Layer> {
    vec![
        valid(320, 8),
        Layer::Relu,
        max_pool(4),
        dropout(0.2),
        valid(480, 8),
        Layer::Relu,
        max_pool(4),
        dropout(0.2),
        valid(960, 8),
        Layer::Relu,
        dropout(0.5),
        Layer::Flatten,
        Layer::Dense { units: 925 },
        Layer::Relu,
    ]
}

/// The shape of DanQ (Quang and Xie 2016), without its dropout.
fn danq() -> Vec<Layer> {
    vec![
        valid(320, 26),
        Layer::Relu,
        max_pool(13),
        Layer::Lstm { units: 320, bidirectional: true, last: false },
        Layer::Flatten,
        Layer::Dense { units: 925 },
        Layer::Relu,
    ]
}

/// The trunk of BPNet (Avsec et al. 2021, Nature Genetics; 8 dilated layers as in ChromBPNet): the dilation doubles from
/// block to block. The heads for shape and total are appended.
fn bpnet() -> Vec<Layer> {
    let block = |i: usize| {
        let dilated =
            Layer::Conv1d { filters: 64, width: 3, stride: 1, dilation: 1 << i, groups: 1, padding: Padding::Same };
        Layer::Residual { layers: vec![dilated, Layer::Relu] }
    };
    let mut layers = vec![conv(64, 21), Layer::Relu];
    layers.extend((1..=8).map(block));
    layers
}

/// The trunk of BPNet with a global pool, for scalar tasks.
fn dilated() -> Vec<Layer> {
    let mut layers = bpnet();
    layers.push(Layer::GlobalAvgPool);
    layers
}

/// The last states of an LSTM (Hochreiter and Schmidhuber 1997) or a GRU (Cho et al. 2014) on the bases themselves.
fn recurrent(layer: Layer) -> Vec<Layer> {
    vec![layer, dropout(0.3), Layer::Dense { units: 32 }, Layer::Relu]
}

/// Filters with a pool, as the first stage of the hybrid networks.
fn filters() -> Vec<Layer> {
    vec![conv(64, 15), Layer::Relu, max_pool(4), dropout(0.2)]
}

/// The order of layers of DanQ (Quang and Xie 2016), smaller, with a GRU (Cho et al. 2014).
fn cnn_gru() -> Vec<Layer> {
    [filters(), vec![gru(true), dropout(0.3)]].concat()
}

/// The order of layers of DanQ (Quang and Xie 2016), smaller. The states are read in three ways side by side: their maxima
/// (whether a motif is there), their means (how often), and a narrow convolution flattened (where).
fn cnn_lstm() -> Vec<Layer> {
    let places = vec![conv(24, 1), Layer::Flatten];
    let read = Layer::Concat { branches: vec![vec![Layer::GlobalMaxPool], vec![Layer::GlobalAvgPool], places] };
    let stem = vec![conv(160, 13), Layer::BatchNorm, Layer::Relu, max_pool(3), dropout(0.2)];
    let dense = vec![dropout(0.4), Layer::Dense { units: 128 }, Layer::Relu, dropout(0.4)];
    [stem, vec![lstm(false), dropout(0.2), read], dense].concat()
}

/// Attention over the states of an LSTM, as in AttentiveChrome (Singh et al. 2017), here on filters of the sequence, with
/// weights for each channel (Avsec et al. 2021, Enformer).
fn cnn_lstm_attention() -> Vec<Layer> {
    let rest =
        vec![lstm(false), Layer::AttentionPool { width: None }, dropout(0.3), Layer::Dense { units: 32 }, Layer::Relu];
    [filters(), rest].concat()
}

/// A transformer encoder (Vaswani et al. 2017) with the norms before its sublayers (Xiong et al. 2020) and rotary positions
/// (Su et al. 2021), on filters of the sequence with a pool, as Enformer begins (Avsec et al. 2021, Nature Methods).
fn transformer() -> Vec<Layer> {
    let attention = Layer::SelfAttention { heads: 4, key_size: None, positions: Positions::Rotary, clip: None };
    let block = || {
        let attend = vec![Layer::LayerNorm, attention.clone(), dropout(0.1)];
        let feed = vec![Layer::LayerNorm, conv(128, 1), Layer::Gelu, dropout(0.1), conv(64, 1), dropout(0.1)];
        vec![Layer::Residual { layers: attend }, Layer::Residual { layers: feed }]
    };
    let stem = vec![conv(64, 15), Layer::Gelu, max_pool(4)];
    [stem, block(), block(), vec![Layer::LayerNorm, Layer::GlobalAvgPool]].concat()
}

#[cfg(test)]
mod tests;
