//! Shapes, from the description alone.

use super::{DEFAULT_CLIP, Layer, Padding, Positions, directions};
use serde::Serialize;
use std::fmt;

/// `[channels, length]` of one example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Shape {
    pub(crate) channels: usize,
    pub(crate) length: usize,
}

impl Shape {
    /// Values in one example; the shapes that reach a network were checked not to overflow.
    pub(crate) fn size(self) -> usize {
        self.channels.saturating_mul(self.length)
    }

    /// The same values as a vector.
    pub(crate) fn flat(self) -> Self {
        Self { channels: self.size(), length: 1 }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.channels, self.length)
    }
}

/// More values in one example, or weights in one layer, than any network here needs; a bound on what a hostile file
/// can make us allocate.
const MAX_VALUES: usize = 1 << 31;

/// More positions between two outputs or two taps than any sequence here needs, so that places can be counted without
/// overflow.
const MAX_STEP: usize = 1 << 24;

/// A layer that does not fit what comes into it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("layer {path} ({layer}): expected {expected}, found {found}{hint}")]
pub struct ShapeError {
    /// 1-based position among the layers, such as `3`, or `3.2` for the second layer within the third; the head counts
    /// as one more, and the input as 0.
    pub path: String,
    /// The layer with its numbers.
    pub layer: String,
    /// What it takes.
    pub expected: String,
    /// What comes in.
    pub found: String,
    /// What to do, if there is a usual way; starts with `; `.
    pub hint: String,
}

/// A layer with its place in the tree and its shapes.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) layer: &'a Layer,
    /// Such as `3`, `3.2` or `3.b1.2`.
    pub(crate) path: String,
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    /// One list of a residual layer, one a branch of a concatenation.
    pub(crate) inner: Vec<Vec<Node<'a>>>,
}

/// The checked shape of the input.
pub(super) fn input_shape(channels: usize, length: usize) -> Result<Shape, ShapeError> {
    let shape = Shape { channels, length };
    if channels == 0 || length == 0 || shape.size() > MAX_VALUES {
        return Err(ShapeError {
            path: "0".into(),
            layer: "input".into(),
            expected: format!("1 to {MAX_VALUES} values in an example"),
            found: shape.to_string(),
            hint: String::new(),
        });
    }
    Ok(shape)
}

/// The layers with their shapes on an input, or the first one that does not fit.
pub(crate) fn lay_out(layers: &[Layer], channels: usize, length: usize) -> Result<Vec<Node<'_>>, ShapeError> {
    sequence(layers, input_shape(channels, length)?, "")
}

/// `prefix` is the path of the layer around these, with a dot.
pub(super) fn sequence<'a>(layers: &'a [Layer], mut shape: Shape, prefix: &str) -> Result<Vec<Node<'a>>, ShapeError> {
    let mut nodes = Vec::with_capacity(layers.len());
    for (i, layer) in layers.iter().enumerate() {
        let path = format!("{prefix}{}", i + 1);
        let within = |branch: usize| match layer {
            Layer::Concat { .. } => format!("{path}.b{}.", branch + 1),
            _ => format!("{path}."),
        };
        let inner = layer
            .inner()
            .iter()
            .enumerate()
            .map(|(branch, layers)| sequence(layers, shape, &within(branch)))
            .collect::<Result<Vec<_>, _>>()?;
        let ends: Vec<Shape> = inner.iter().map(|nodes| nodes.last().map_or(shape, |node| node.output)).collect();
        let output = output_of(layer, shape, &path, &ends)?;
        nodes.push(Node { layer, path, input: shape, output, inner });
        shape = output;
    }
    Ok(nodes)
}

/// Zeros before and after a sequence of `length` for a convolution whose filter spans `span` positions.
pub(crate) fn padding_of(padding: Padding, length: usize, span: usize, stride: usize) -> (usize, usize) {
    match padding {
        Padding::Valid => (0, 0),
        Padding::Same => {
            let windows = length.div_ceil(stride);
            let total = ((windows - 1) * stride + span).saturating_sub(length);
            (total / 2, total - total / 2)
        }
    }
}

/// What a layer takes, what it found if that is not its input's shape, and a hint.
type Misfit = (String, Option<String>, &'static str);

/// The shape after `layer`, whose inner sequences end in the shapes `ends`, or why it does not fit.
fn output_of(layer: &Layer, input: Shape, path: &str, ends: &[Shape]) -> Result<Shape, ShapeError> {
    let output = at_its_place(layer, input, path).and_then(|()| fit(layer, input, ends)).and_then(|output| {
        let fits = output.size() <= MAX_VALUES && parameters_of(layer, input) <= MAX_VALUES;
        fits.then_some(output).ok_or_else(|| (format!("at most {MAX_VALUES} weights and output values"), None, ""))
    });
    output.map_err(|(expected, found, hint)| ShapeError {
        path: path.to_owned(),
        layer: layer.label(),
        expected,
        found: found.unwrap_or_else(|| input.to_string()),
        hint: hint.to_owned(),
    })
}

/// Whether the layer may stand at this place.
fn at_its_place(layer: &Layer, input: Shape, path: &str) -> Result<(), Misfit> {
    match layer {
        Layer::Strands { .. } if path != "1" => {
            Err(("the sequence itself".into(), None, "; make it the first layer, within no other"))
        }
        Layer::Strands { .. } if !matches!(input.channels, 4 | 5) => {
            Err(("a sequence of 4 bases, or 4 and a mark, at each position".into(), None, ""))
        }
        _ => Ok(()),
    }
}

fn fit(layer: &Layer, input: Shape, ends: &[Shape]) -> Result<Shape, Misfit> {
    Ok(match *layer {
        Layer::Conv1d { .. } => convolved(layer, input)?,
        Layer::MaxPool1d { width, stride } | Layer::AvgPool1d { width, stride } => {
            if width > input.length {
                let hint = "; use a narrower pool, fewer pools or longer sequences";
                return Err((format!("a length of at least {width}, its window"), None, hint));
            }
            Shape { channels: input.channels, length: (input.length - width) / stride.unwrap_or(width) + 1 }
        }
        Layer::GlobalMaxPool | Layer::GlobalAvgPool => Shape { channels: input.channels, length: 1 },
        Layer::Flatten => input.flat(),
        Layer::Crop { left, right } => {
            let cut = left.saturating_add(right);
            if cut >= input.length {
                let least = cut.saturating_add(1);
                return Err((format!("a length of at least {least}, so that a position is left"), None, ""));
            }
            Shape { channels: input.channels, length: input.length - cut }
        }
        Layer::SideInputs { .. } | Layer::Dense { .. } => {
            if input.length != 1 {
                let hint = "; put a flatten or a global pool before it";
                return Err(("a vector [features, 1]".into(), None, hint));
            }
            let channels = match *layer {
                Layer::SideInputs { width } => input.channels.saturating_add(width),
                Layer::Dense { units } => units,
                _ => input.channels,
            };
            Shape { channels, length: 1 }
        }
        Layer::ControlSignal { form, tracks, bins } => Shape { channels: tracks, length: form.length(bins) },
        Layer::Lstm { units, bidirectional, last } | Layer::Gru { units, bidirectional, last } => {
            let channels = units.saturating_mul(directions(bidirectional));
            Shape { channels, length: if last { 1 } else { input.length } }
        }
        Layer::Residual { .. } => match ends.first() {
            Some(&end) if end == input => input,
            other => {
                let end = other.copied().unwrap_or(input);
                let hint = "; use padding = \"same\", stride 1 and as many filters as there are channels";
                return Err((format!("layers that keep the shape {input}"), Some(end.to_string()), hint));
            }
        },
        Layer::Concat { .. } => joined(ends)?,
        Layer::Strands { .. } => ends.first().copied().unwrap_or(input),
        Layer::Upsample { factor } => Shape { channels: input.channels, length: input.length.saturating_mul(factor) },
        Layer::AttentionPool { width } => {
            let width = width.unwrap_or(input.length);
            if width > input.length {
                let hint = "; use a narrower pool, fewer pools or longer sequences";
                return Err((format!("a length of at least {width}, its window"), None, hint));
            }
            Shape { channels: input.channels, length: input.length / width }
        }
        Layer::SelfAttention { heads, key_size, positions, .. } => {
            if key_size.is_none() && !input.channels.is_multiple_of(heads) {
                let hint = "; give a key_size, or as many filters before it";
                return Err((format!("channels that are a multiple of its {heads} heads"), None, hint));
            }
            let size = head_size(heads, key_size, input.channels);
            if positions == Positions::Rotary && !size.is_multiple_of(2) {
                let found = format!("a key size of {size}");
                return Err(("an even key size, for rotary positions".into(), Some(found), "; give a key_size"));
            }
            input
        }
        _ => input,
    })
}

fn convolved(layer: &Layer, input: Shape) -> Result<Shape, Misfit> {
    let &Layer::Conv1d { filters, width, stride, dilation, groups, padding } = layer else { return Ok(input) };
    if !input.channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
        return Err((format!("channels and filters that are multiples of its {groups} groups"), None, ""));
    }
    stepped("stride", stride)?;
    stepped("dilation", dilation)?;
    let span = (width - 1).saturating_mul(dilation).saturating_add(1);
    if span > MAX_VALUES {
        return Err((format!("a filter that spans at most {MAX_VALUES} positions"), None, ""));
    }
    let length = match padding {
        Padding::Same => input.length.div_ceil(stride),
        Padding::Valid if span > input.length => {
            let hint = "; use a narrower filter, padding = \"same\" or longer sequences";
            return Err((format!("a length of at least {span}, its filter's span"), None, hint));
        }
        Padding::Valid => (input.length - span) / stride + 1,
    };
    Ok(Shape { channels: filters, length })
}

/// Refuses a stride or dilation beyond [`MAX_STEP`].
fn stepped(name: &str, step: usize) -> Result<(), Misfit> {
    if step <= MAX_STEP {
        return Ok(());
    }
    Err((format!("a {name} of at most {MAX_STEP}"), Some(step.to_string()), ""))
}

/// The outputs of branches side by side.
fn joined(ends: &[Shape]) -> Result<Shape, Misfit> {
    let length = ends.first().map_or(0, |end| end.length);
    if ends.is_empty() || ends.iter().any(|end| end.length != length) {
        let found: Vec<String> = ends.iter().map(Shape::to_string).collect();
        let hint = "; crop the longer ones, or pool all of them globally";
        return Err(("branches that end in one length".into(), Some(found.join(" beside ")), hint));
    }
    let channels = ends.iter().fold(0, |sum: usize, end| sum.saturating_add(end.channels));
    Ok(Shape { channels, length })
}

/// Channels of a query of one head of self-attention on `channels`.
pub(crate) fn head_size(heads: usize, key_size: Option<usize>, channels: usize) -> usize {
    key_size.unwrap_or(channels / heads.max(1))
}

/// Trained numbers of `layer` on `input`, without those of layers within it; saturates.
pub(super) fn parameters_of(layer: &Layer, input: Shape) -> usize {
    // Per direction: weights from the input, from the state, and `biases` vectors.
    let recurrent = |units: usize, gates: usize, biases: usize, bidirectional| {
        let rows = input.channels.saturating_add(units).saturating_add(biases);
        rows.saturating_mul(units.saturating_mul(gates)).saturating_mul(directions(bidirectional))
    };
    match *layer {
        Layer::Conv1d { filters, width, groups, .. } => {
            filters.saturating_mul(input.channels / groups).saturating_mul(width).saturating_add(filters)
        }
        Layer::Dense { units } => input.channels.saturating_mul(units).saturating_add(units),
        Layer::BatchNorm | Layer::LayerNorm => input.channels.saturating_mul(2),
        Layer::RmsNorm => input.channels,
        Layer::AttentionPool { .. } => input.channels.saturating_mul(input.channels),
        Layer::SelfAttention { heads, key_size, positions, clip } => {
            let inner = heads.saturating_mul(head_size(heads, key_size, input.channels));
            let weights = inner.saturating_mul(input.channels).saturating_mul(4);
            let distances = clip.unwrap_or(DEFAULT_CLIP).saturating_mul(2).saturating_add(1);
            let biases = if positions == Positions::Relative { heads.saturating_mul(distances) } else { 0 };
            let all = weights.saturating_add(inner.saturating_mul(3)).saturating_add(input.channels);
            all.saturating_add(biases)
        }
        Layer::Lstm { units, bidirectional, .. } => recurrent(units, 4, 1, bidirectional),
        Layer::Gru { units, bidirectional, .. } => recurrent(units, 3, 2, bidirectional),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
