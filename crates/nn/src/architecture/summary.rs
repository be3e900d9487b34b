//! Shapes, parameter counts and receptive fields, from the description alone.

use super::{Architecture, Layer, Padding};
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
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.channels, self.length)
    }
}

/// More values in one example, or weights in one layer, than any network here needs; a bound on what a hostile file
/// can make us allocate.
const MAX_VALUES: usize = 1 << 31;

/// What a network looks like on a given input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// One row a layer, the head last.
    pub rows: Vec<SummaryRow>,
    /// Trained numbers in all.
    pub parameters: usize,
    /// Input positions that one output of the last layer before any flattening or global pooling can see.
    pub receptive_field: usize,
}

impl Summary {
    /// Trained numbers in all.
    pub fn parameters(&self) -> usize {
        self.parameters
    }
}

/// One layer of a [`Summary`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SummaryRow {
    /// The layer with its numbers, such as `conv1d 64 x 15`; the appended last one is `head dense 1`.
    pub layer: String,
    /// Channels and length after it, of one example; a vector has length 1.
    pub output: [usize; 2],
    /// Trained numbers in it.
    pub parameters: usize,
    /// Input positions that one value after it can see, at most the input's length.
    pub receptive_field: usize,
}

/// A layer that does not fit what comes into it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("layer {number} ({layer}): expected {expected}, found {found}{hint}")]
pub struct ShapeError {
    /// 1-based position among the layers; the head counts as one more.
    pub number: usize,
    /// The layer with its numbers.
    pub layer: String,
    /// What it takes.
    pub expected: String,
    /// What comes in.
    pub found: String,
    /// What to do, if there is a usual way; starts with `; `.
    pub hint: String,
}

impl Architecture {
    /// Shapes, parameters and receptive fields for an input of `channels` x `length` and a head of `outputs`.
    ///
    /// # Errors
    /// The first layer that does not fit its input.
    pub fn summary(&self, channels: usize, length: usize, outputs: usize) -> Result<Summary, ShapeError> {
        let mut shape = input_shape(channels, length)?;
        let mut field = Field { size: 1, jump: 1, whole: length };
        let mut before_flat = None;
        let mut rows = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            let input = shape;
            shape = output_shape(layer, input, i + 1)?;
            if matches!(layer, Layer::Flatten | Layer::GlobalMaxPool | Layer::GlobalAvgPool | Layer::Dense { .. }) {
                before_flat.get_or_insert(field.seen());
            }
            field.pass(layer);
            rows.push(SummaryRow {
                layer: layer.label(),
                output: [shape.channels, shape.length],
                parameters: parameters_of(layer, input),
                receptive_field: field.seen(),
            });
        }
        let head = Layer::Dense { units: outputs };
        let flat = Shape { channels: shape.size(), length: 1 };
        output_shape(&head, flat, self.layers.len() + 1)?;
        rows.push(SummaryRow {
            layer: format!("head {}", head.label()),
            output: [outputs, 1],
            parameters: parameters_of(&head, flat),
            receptive_field: length,
        });
        let parameters = rows.iter().map(|row| row.parameters).sum();
        Ok(Summary { rows, parameters, receptive_field: before_flat.unwrap_or(field.seen()) })
    }
}

/// The checked shape of the input.
fn input_shape(channels: usize, length: usize) -> Result<Shape, ShapeError> {
    let shape = Shape { channels, length };
    if channels == 0 || length == 0 || shape.size() > MAX_VALUES {
        return Err(ShapeError {
            number: 0,
            layer: "input".into(),
            expected: format!("1 to {MAX_VALUES} values in an example"),
            found: shape.to_string(),
            hint: String::new(),
        });
    }
    Ok(shape)
}

/// Follows which input positions a value depends on.
struct Field {
    size: usize,
    jump: usize,
    whole: usize,
}

impl Field {
    fn seen(&self) -> usize {
        self.size.min(self.whole)
    }

    fn pass(&mut self, layer: &Layer) {
        let (span, stride) = match *layer {
            Layer::Conv1d { width, stride, dilation, .. } => ((width - 1).saturating_mul(dilation), stride),
            Layer::MaxPool1d { width, stride } | Layer::AvgPool1d { width, stride } => {
                (width - 1, stride.unwrap_or(width))
            }
            Layer::GlobalMaxPool | Layer::GlobalAvgPool | Layer::Dense { .. } => {
                self.size = self.whole;
                return;
            }
            _ => return,
        };
        self.size = self.size.saturating_add(span.saturating_mul(self.jump));
        self.jump = self.jump.saturating_mul(stride);
    }
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

/// The shape after `layer`, which is the `number`-th, or why it does not fit.
pub(crate) fn output_shape(layer: &Layer, input: Shape, number: usize) -> Result<Shape, ShapeError> {
    let bad = |expected: String, hint: &str| ShapeError {
        number,
        layer: layer.label(),
        expected,
        found: input.to_string(),
        hint: hint.to_owned(),
    };
    let output = match *layer {
        Layer::Conv1d { filters, width, stride, dilation, groups, padding } => {
            if !input.channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
                return Err(bad(format!("channels and filters that are multiples of its {groups} groups"), ""));
            }
            let span = (width - 1).saturating_mul(dilation).saturating_add(1);
            if span > MAX_VALUES {
                return Err(bad(format!("a filter that spans at most {MAX_VALUES} positions"), ""));
            }
            let length = match padding {
                Padding::Same => input.length.div_ceil(stride),
                Padding::Valid if span > input.length => {
                    let hint = "; use a narrower filter, padding = \"same\" or longer sequences";
                    return Err(bad(format!("a length of at least {span}, its filter's span"), hint));
                }
                Padding::Valid => (input.length - span) / stride + 1,
            };
            Shape { channels: filters, length }
        }
        Layer::MaxPool1d { width, stride } | Layer::AvgPool1d { width, stride } => {
            if width > input.length {
                let hint = "; use a narrower pool, fewer pools or longer sequences";
                return Err(bad(format!("a length of at least {width}, its window"), hint));
            }
            Shape { channels: input.channels, length: (input.length - width) / stride.unwrap_or(width) + 1 }
        }
        Layer::GlobalMaxPool | Layer::GlobalAvgPool => Shape { channels: input.channels, length: 1 },
        Layer::Flatten => Shape { channels: input.size(), length: 1 },
        Layer::Dense { units } => {
            if input.length != 1 {
                return Err(bad("a vector [features, 1]".into(), "; put a flatten or a global pool before it"));
            }
            Shape { channels: units, length: 1 }
        }
        _ => input,
    };
    if output.size() > MAX_VALUES || parameters_of(layer, input) > MAX_VALUES {
        return Err(bad(format!("at most {MAX_VALUES} weights and output values"), ""));
    }
    Ok(output)
}

/// Trained numbers of `layer` on `input`; saturates.
fn parameters_of(layer: &Layer, input: Shape) -> usize {
    match *layer {
        Layer::Conv1d { filters, width, groups, .. } => {
            filters.saturating_mul(input.channels / groups).saturating_mul(width).saturating_add(filters)
        }
        Layer::Dense { units } => input.channels.saturating_mul(units).saturating_add(units),
        Layer::BatchNorm => input.channels.saturating_mul(2),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Architecture {
        Architecture::from_toml(text, "t").unwrap()
    }

    #[test]
    fn shapes_parameters_and_receptive_fields_by_hand() {
        let architecture = net("[[layer]]\ntype='conv1d'\nfilters=8\nwidth=5\npadding='valid'\n\
             [[layer]]\ntype='max-pool1d'\nwidth=3\n\
             [[layer]]\ntype='conv1d'\nfilters=6\nwidth=3\ndilation=2\nstride=2\n\
             [[layer]]\ntype='batch-norm'\n[[layer]]\ntype='flatten'\n[[layer]]\ntype='dense'\nunits=7");
        let summary = architecture.summary(4, 32, 2).unwrap();
        let outputs: Vec<[usize; 2]> = summary.rows.iter().map(|r| r.output).collect();
        // 32 - 5 + 1 = 28; floor((28 - 3) / 3) + 1 = 9; ceil(9 / 2) = 5.
        assert_eq!(outputs, [[8, 28], [8, 9], [6, 5], [6, 5], [30, 1], [7, 1], [2, 1]]);
        let parameters: Vec<usize> = summary.rows.iter().map(|r| r.parameters).collect();
        assert_eq!(parameters, [168, 0, 150, 12, 0, 217, 16]);
        // 5; 5 + 2 = 7 at a jump of 3; 7 + 2 * 2 * 3 = 19.
        let fields: Vec<usize> = summary.rows.iter().map(|r| r.receptive_field).collect();
        assert_eq!(fields, [5, 7, 19, 19, 19, 32, 32]);
        assert_eq!((summary.parameters, summary.receptive_field), (563, 19));
    }

    #[test]
    fn misfits_name_layer_expected_and_found() {
        let text = |toml: &str, length| net(toml).summary(4, length, 1).unwrap_err().to_string();
        let pool = text("[[layer]]\ntype='relu'\n[[layer]]\ntype='max-pool1d'\nwidth=8", 7);
        assert!(
            pool.starts_with("layer 2 (max-pool1d 8): expected a length of at least 8, its window, found [4, 7]"),
            "{pool}"
        );
        let conv = text("[[layer]]\ntype='conv1d'\nfilters=2\nwidth=3\ndilation=4\npadding='valid'", 8);
        assert!(conv.contains("at least 9, its filter's span, found [4, 8]"), "{conv}");
        assert!(text("[[layer]]\ntype='dense'\nunits=2", 5).contains("put a flatten or a global pool before it"));
        assert!(text("[[layer]]\ntype='conv1d'\nfilters=3\nwidth=3\ngroups=3", 5).contains("its 3 groups"));
        assert!(
            text("[[layer]]\ntype='flatten'\n[[layer]]\ntype='dense'\nunits=4611686018427387904", 5)
                .contains("at most")
        );
        assert!(
            text("[[layer]]\ntype='conv1d'\nfilters=4611686018427387904\nwidth=4611686018427387904", 5)
                .contains("at most")
        );
        assert!(text("[[layer]]\ntype='relu'", 0).contains("input"));
    }

    #[test]
    fn the_smallest_that_fits_fits() {
        let summary = |toml: &str, length| net(toml).summary(4, length, 1).unwrap();
        assert_eq!(summary("[[layer]]\ntype='max-pool1d'\nwidth=8", 8).rows[0].output, [4, 1]);
        let valid = "[[layer]]\ntype='conv1d'\nfilters=2\nwidth=3\ndilation=4\npadding='valid'";
        assert_eq!(summary(valid, 9).rows[0].output, [2, 1]);
        assert_eq!(summary("layer = []", 1).rows[0].parameters, 5);
    }

    #[test]
    fn same_padding_puts_the_odd_zero_right() {
        assert_eq!(padding_of(Padding::Same, 10, 5, 1), (2, 2));
        assert_eq!(padding_of(Padding::Same, 10, 4, 1), (1, 2));
        assert_eq!(padding_of(Padding::Same, 10, 3, 4), (0, 1));
        assert_eq!(padding_of(Padding::Same, 10, 1, 4), (0, 0));
        assert_eq!(padding_of(Padding::Valid, 10, 5, 1), (0, 0));
    }
}
