//! Receptive fields.

use super::{Layer, Node, padding_of};

/// Which input positions a value depends on: value `i` of the current layer sees those from `start + i * jump` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    start: i128,
    size: i128,
    jump: i128,
    /// Positions of the network's input.
    whole: usize,
}

/// The layers after which positions are no longer told apart.
pub(super) fn flattens(layer: &Layer) -> bool {
    matches!(layer, Layer::Flatten | Layer::GlobalMaxPool | Layer::GlobalAvgPool | Layer::Dense { .. })
}

impl Field {
    /// Of the input itself.
    pub(super) fn of_input(length: usize) -> Self {
        Self { start: 0, size: 1, jump: 1, whole: length }
    }

    /// Input positions that one value can see, at most the input's length.
    pub(super) fn seen(&self) -> usize {
        usize::try_from(self.size).unwrap_or(usize::MAX).min(self.whole)
    }

    /// The field after a layer that holds no others.
    pub(super) fn pass(&mut self, node: &Node) {
        // Shapes were checked: every factor is below 2^32, so only a long chain of strides could overflow.
        let (shift, span, stride) = match *node.layer {
            Layer::Conv1d { width, stride, dilation, padding, .. } => {
                let span = (width - 1) * dilation;
                let (left, _) = padding_of(padding, node.input.length, span + 1, stride);
                (-(left as i128), span, stride)
            }
            Layer::MaxPool1d { width, stride } | Layer::AvgPool1d { width, stride } => {
                (0, width - 1, stride.unwrap_or(width))
            }
            Layer::Crop { left, .. } => (left as i128, 0, 1),
            Layer::GlobalMaxPool
            | Layer::GlobalAvgPool
            | Layer::Dense { .. }
            | Layer::Lstm { .. }
            | Layer::Gru { .. } => {
                (self.start, self.size) = (0, self.whole as i128);
                return;
            }
            _ => return,
        };
        self.start = self.start.saturating_add(shift.saturating_mul(self.jump));
        self.size = self.size.saturating_add((span as i128).saturating_mul(self.jump));
        self.jump = self.jump.saturating_mul(stride as i128);
    }

    /// The smallest stretch around both fields, whichever of `length` positions is looked at.
    pub(super) fn hull(&self, other: &Self, length: usize) -> Self {
        let last = length.saturating_sub(1) as i128;
        let bounds = |field: &Self, at: i128| {
            let first = field.start.saturating_add(at.saturating_mul(field.jump));
            (first, first.saturating_add(field.size))
        };
        let around = |at: i128| {
            let ((a, b), (c, d)) = (bounds(self, at), bounds(other, at));
            b.max(d).saturating_sub(a.min(c))
        };
        // Both ends move linearly with the position, so the widest hull is at one end.
        let size = around(0).max(around(last));
        Self { start: self.start.min(other.start), size, jump: self.jump.max(other.jump), whole: self.whole }
    }
}
