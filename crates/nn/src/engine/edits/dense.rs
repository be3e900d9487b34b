//! Fully connected layers of differences.

use super::known::{Known, Ready};
use super::walk::{Patch, Walk};
use crate::engine::node::Node;
use basewise_kernels::matrix::{multiply, multiply_plain};
use std::ops::Range;

impl Walk<'_> {
    pub(super) fn dense(&mut self, node: &Node, known: &Known, relu: bool, patch: Patch) -> Option<Patch> {
        // Packed unless it follows a flatten, after which patches are of places.
        let Ready::Dense(weights) = &known.ready else { return None };
        let mut y = self.patch(0..1, node.output)?;
        let (features, units) = (node.input.size(), node.output.channels);
        multiply(self.copies(), &patch.values, features, weights, &mut y.values, units, false);
        self.give(patch);
        Some(self.finished(known, relu, y))
    }

    /// On the vector that a patch of positions stands for: only their rows of the weights.
    pub(super) fn dense_of_places(
        &mut self,
        node: &Node,
        known: &Known,
        parameter: usize,
        relu: bool,
        patch: Patch,
    ) -> Option<Patch> {
        let mut y = self.zeros(0..1, node.output)?;
        let weights = &self.weights.parameters[parameter].values[..];
        let (copies, channels, units) = (self.copies(), patch.shape.channels, node.output.channels);
        let length = patch.shape.length;
        for (position, x) in patch.range.clone().zip(patch.values.chunks_exact(copies * channels)) {
            let some = nonzero(x, channels);
            if some.is_empty() {
                continue;
            }
            let size = (copies, some.len(), units);
            let (x, weights) = (&x[some.start..], &weights[(some.start * length + position) * units..]);
            multiply_plain(self.level, size, (x, channels), (weights, length * units), (&mut y.values, units), true);
        }
        self.give(patch);
        Some(self.finished(known, relu, y))
    }

    fn finished(&mut self, known: &Known, relu: bool, mut y: Patch) -> Patch {
        if relu {
            let units = y.shape.channels;
            let before = self.own(units, |example| known.sums_at(example, &(0..1), units));
            let after = self.own(units, |example| known.output_at(example, &(0..1), units));
            after.relu(self.level, &before, &mut y.values);
        }
        y
    }
}

/// The columns around all numbers that are not zero, of rows of `columns`: one direction of a recurrent layer has only
/// zeros where the other has passed an edit.
fn nonzero(x: &[f32], columns: usize) -> Range<usize> {
    let (mut start, mut end) = (columns, 0);
    for row in x.chunks_exact(columns) {
        start = start.min(row[..start].iter().position(|&d| d != 0.0).unwrap_or(start));
        end = end.max(end + row[end..].iter().rposition(|&d| d != 0.0).map_or(0, |last| last + 1));
    }
    start..end.max(start)
}
