//! Receptive fields, found on the way back from an output to the input.

use super::{Layer, Node, padding_of};

/// Positions `first..=last`; where layers pad, they may lie beyond the sequence. Nothing at all if `first` is behind `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    first: i128,
    last: i128,
}

/// The layers after which positions are no longer told apart.
pub(super) fn flattens(layer: &Layer) -> bool {
    let pools = matches!(layer, Layer::GlobalMaxPool | Layer::GlobalAvgPool | Layer::AttentionPool { width: None });
    pools || matches!(layer, Layer::Flatten | Layer::Dense { .. })
}

/// Positions of `length` that have to be asked for the widest view among all: where branches of different strides meet,
/// the ends differ most, and beyond an upsampling views repeat with its factor.
pub(super) fn asked(phases: usize, length: usize) -> impl Iterator<Item = usize> {
    let phases = phases.min(length);
    (0..phases).chain(length - phases..length)
}

/// Positions after which views after these nodes repeat.
pub(super) fn phases(nodes: &[Node]) -> usize {
    const MOST: usize = 64;
    let of = |node: &Node| {
        let own = if let Layer::Upsample { factor } = *node.layer { factor.min(MOST) } else { 1 };
        node.inner.iter().fold(own, |product, nodes| (product * phases(nodes)).min(MOST))
    };
    nodes.iter().map(of).fold(1, |product, phases| (product * phases).min(MOST))
}

impl Span {
    /// A single position.
    pub(super) fn at(position: usize) -> Self {
        Self { first: position as i128, last: position as i128 }
    }

    /// No position of the sequence; whatever follows keeps it so.
    const NOTHING: Self = Self { first: i128::MAX, last: i128::MIN };

    /// How many positions it has.
    pub(super) fn positions(self) -> usize {
        if self.first > self.last {
            return 0;
        }
        usize::try_from(self.last.saturating_sub(self.first).saturating_add(1)).unwrap_or(usize::MAX)
    }

    /// The smallest stretch around both.
    fn hull(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }

    /// What windows of these positions see, the first of which begins `left` before the sequence and which are `stride`
    /// apart and reach `span` positions beyond their first.
    fn windows(self, stride: usize, left: i128, span: usize) -> Self {
        let begin = |at: i128| at.saturating_mul(stride as i128).saturating_sub(left);
        Self { first: begin(self.first), last: begin(self.last).saturating_add(span as i128) }
    }

    /// The same stretch of a sequence of `length` that is read from its end.
    fn turned(self, length: usize) -> Self {
        let end = length as i128 - 1;
        Self { first: end.saturating_sub(self.last), last: end.saturating_sub(self.first) }
    }

    /// The positions before `nodes` that these positions after them depend on; `None` if all of the input.
    pub(super) fn before(self, nodes: &[Node]) -> Option<Self> {
        nodes.iter().rev().try_fold(self, |span, node| span.before_one(node))
    }

    fn before_one(self, node: &Node) -> Option<Self> {
        match *node.layer {
            Layer::Conv1d { width, stride, dilation, padding, .. } => {
                let span = (width - 1) * dilation;
                let (left, _) = padding_of(padding, node.input.length, span + 1, stride);
                Some(self.windows(stride, left as i128, span))
            }
            Layer::MaxPool1d { width, stride } | Layer::AvgPool1d { width, stride } => {
                Some(self.windows(stride.unwrap_or(width), 0, width - 1))
            }
            Layer::AttentionPool { width: Some(width) } => Some(self.windows(width, 0, width - 1)),
            Layer::Crop { left, .. } => Some(self.windows(1, -(left as i128), 0)),
            Layer::Upsample { factor } => {
                let factor = factor as i128;
                Some(Self { first: self.first.div_euclid(factor), last: self.last.div_euclid(factor) })
            }
            Layer::ControlSignal { .. } => Some(Self::NOTHING),
            // A residual layer passes its input on beside what its layers make of it.
            Layer::Residual { .. } => {
                node.inner.iter().try_fold(self, |all, nodes| Some(all.hull(self.before(nodes)?)))
            }
            Layer::Concat { .. } => {
                let mut views = node.inner.iter().map(|nodes| self.before(nodes));
                let first = views.next()??;
                views.try_fold(first, |all, view| Some(all.hull(view?)))
            }
            Layer::Strands { .. } => {
                let nodes = node.inner.first()?;
                let reverse = self.turned(node.output.length).before(nodes)?.turned(node.input.length);
                Some(self.before(nodes)?.hull(reverse))
            }
            Layer::GlobalMaxPool
            | Layer::GlobalAvgPool
            | Layer::AttentionPool { width: None }
            | Layer::SelfAttention { .. }
            | Layer::Dense { .. }
            | Layer::Lstm { .. }
            | Layer::Gru { .. } => None,
            _ => Some(self),
        }
    }
}
