//! What a network looks like: rows of layers, parameter counts and receptive fields.

use super::field::{Field, flattens};
use super::shape::{check_head, input_shape, parameters_of};
use super::{Architecture, Layer, Node, ShapeError, lay_out};
use serde::Serialize;

/// What a network looks like on a given input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// One row a layer, the head last; the layers within a layer follow it.
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
    /// The layer with its numbers, such as `conv1d 64 x 15`; the appended last one is `head dense 1`. A layer within
    /// another is indented and begins with its path, as in `  3.2 relu`.
    pub layer: String,
    /// Channels and length after it, of one example; a vector has length 1.
    pub output: [usize; 2],
    /// Trained numbers in it, without those of the layers within it, which have rows of their own.
    pub parameters: usize,
    /// Input positions that one value after it can see, at most the input's length.
    pub receptive_field: usize,
}

impl Architecture {
    /// Shapes, parameters and receptive fields for an input of `channels` x `length` and a head of `outputs`.
    ///
    /// # Errors
    /// The first layer that does not fit its input.
    pub fn summary(&self, channels: usize, length: usize, outputs: usize) -> Result<Summary, ShapeError> {
        let nodes = lay_out(&self.layers, channels, length)?;
        let end = nodes.last().map_or(input_shape(channels, length)?, |node| node.output);
        let mut walk = Walk { rows: Vec::new(), before_flat: None };
        let field = walk.sequence(&nodes, Field::of_input(length), 0);
        let Walk { mut rows, before_flat } = walk;
        let head = Layer::Dense { units: outputs };
        check_head(&head, self.layers.len(), end.flat())?;
        rows.push(SummaryRow {
            layer: format!("head {}", head.label()),
            output: [outputs, 1],
            parameters: parameters_of(&head, end.flat()),
            receptive_field: length,
        });
        let parameters = rows.iter().map(|row| row.parameters).fold(0, usize::saturating_add);
        Ok(Summary { rows, parameters, receptive_field: before_flat.unwrap_or(field.seen()) })
    }
}

/// Collects rows on the way through the tree.
struct Walk {
    rows: Vec<SummaryRow>,
    /// What a value saw before the first layer that flattens.
    before_flat: Option<usize>,
}

impl Walk {
    /// Adds the rows of `nodes`, and returns the field after them.
    fn sequence(&mut self, nodes: &[Node], mut field: Field, depth: usize) -> Field {
        for node in nodes {
            if flattens(node.layer) {
                self.before_flat.get_or_insert(field.seen());
            }
            let row = self.rows.len();
            let place = if depth > 0 { format!("{}{} ", "  ".repeat(depth), node.path) } else { String::new() };
            self.rows.push(SummaryRow {
                layer: place + &node.layer.label(),
                output: [node.output.channels, node.output.length],
                parameters: parameters_of(node.layer, node.input),
                receptive_field: 0,
            });
            field = self.through(node, field, depth);
            self.rows[row].receptive_field = field.seen();
        }
        field
    }

    fn through(&mut self, node: &Node, mut field: Field, depth: usize) -> Field {
        if node.inner.is_empty() {
            field.pass(node);
            return field;
        }
        let length = node.output.length;
        // A residual layer passes its input on beside what its layers make of it.
        let mut all = matches!(node.layer, Layer::Residual { .. }).then_some(field);
        // Branches that flatten side by side each count; the widest view is the network's.
        let (outer, mut widest) = (self.before_flat, None);
        for nodes in &node.inner {
            self.before_flat = outer;
            let one = self.sequence(nodes, field, depth + 1);
            widest = widest.max(self.before_flat);
            all = Some(all.map_or(one, |all| all.hull(&one, length)));
        }
        self.before_flat = widest;
        all.unwrap_or(field)
    }
}

#[cfg(test)]
mod tests;
