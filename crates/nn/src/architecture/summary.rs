//! What a network looks like: rows of layers, parameter counts and receptive fields.

use super::field::{Span, asked, flattens, phases};
use super::shape::{Shape, input_shape, parameters_of};
use super::{Architecture, Inputs, Layer, Node, Outputs, ShapeError, lay_out, lay_out_head};
use serde::Serialize;

/// What a network looks like on a given input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// One row a layer, the heads last; the layers within a layer follow it.
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
    /// The layer with its numbers, such as `conv1d 64 x 15`; the appended last one is `head dense 1`, or for
    /// a profile `head profile conv1d 2 x 75` and `head counts dense 2`. A layer within
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
    /// Shapes, parameters and receptive fields for an input of `inputs` (channels, and numbers beside the sequence) x `length`
    /// and heads to `outputs`.
    ///
    /// # Errors
    /// The first layer that does not fit its input.
    pub fn summary(
        &self,
        inputs: impl Into<Inputs>,
        length: usize,
        outputs: impl Into<Outputs>,
    ) -> Result<Summary, ShapeError> {
        let (inputs, outputs): (Inputs, Outputs) = (inputs.into(), outputs.into());
        let (joined, channels) = (self.joined(inputs, &outputs)?, inputs.channels);
        let nodes = lay_out(&joined.layers, channels, length)?;
        let end = nodes.last().map_or(input_shape(channels, length)?, |node| node.output);
        let head = joined.head_layers(&outputs, end, &nodes)?;
        let heads = lay_out_head(&head, joined.layers.len(), end)?;
        let mut walk =
            Walk { rows: Vec::new(), outer: Vec::new(), before_flat: None, whole: length, phases: phases(&nodes) };
        walk.sequence(&nodes, 0);
        let receptive_field = walk.before_flat.unwrap_or_else(|| walk.seen(&nodes, end.length));
        walk.outer.push(&nodes);
        walk.heads(&heads);
        let rows = walk.rows;
        let parameters = rows.iter().map(|row| row.parameters).fold(0, usize::saturating_add);
        Ok(Summary { rows, parameters, receptive_field })
    }
}

impl Architecture {
    /// The layers of the heads for `outputs`.
    pub(crate) fn head_after(&self, nodes: &[Node], input: Shape, outputs: &Outputs) -> Result<Vec<Layer>, ShapeError> {
        self.head_layers(outputs, nodes.last().map_or(input, |node| node.output), nodes)
    }
}

/// Collects rows on the way through the tree.
struct Walk<'a> {
    rows: Vec<SummaryRow>,
    /// The layers before those that hold the current one, the outermost first.
    outer: Vec<&'a [Node<'a>]>,
    /// What a value saw before the first layer that flattens.
    before_flat: Option<usize>,
    /// Positions of the network's input.
    whole: usize,
    /// See [`phases`].
    phases: usize,
}

impl<'a> Walk<'a> {
    /// Adds the rows of `nodes`.
    fn sequence(&mut self, nodes: &'a [Node<'a>], depth: usize) {
        for (i, node) in nodes.iter().enumerate() {
            if flattens(node.layer) && self.before_flat.is_none() {
                self.before_flat = Some(self.seen(&nodes[..i], node.input.length));
            }
            let place = if depth > 0 { format!("{}{} ", "  ".repeat(depth), node.path) } else { String::new() };
            // Flattening shows no value more than it saw.
            let length = if *node.layer == Layer::Flatten { node.input.length } else { node.output.length };
            self.rows.push(SummaryRow {
                layer: place + &node.layer.label(),
                output: [node.output.channels, node.output.length],
                parameters: parameters_of(node.layer, node.input),
                receptive_field: self.seen(&nodes[..=i], length),
            });
            self.inner(&nodes[..i], node, depth);
        }
    }

    /// Adds a row for each layer with weights in the heads; what lies before them stands in `outer`.
    fn heads(&mut self, nodes: &'a [Node<'a>]) {
        for (i, node) in nodes.iter().enumerate() {
            self.outer.push(&nodes[..i]);
            node.inner.iter().for_each(|nodes| self.heads(nodes));
            self.outer.pop();
            let parameters = parameters_of(node.layer, node.input);
            if parameters > 0 {
                // The name of a dense layer says what it is already.
                let path = node.path.trim_end_matches(".dense").replace('.', " ");
                self.rows.push(SummaryRow {
                    layer: format!("head{path} {}", node.layer.label()),
                    output: [node.output.channels, node.output.length],
                    parameters,
                    receptive_field: self.seen(&nodes[..=i], node.output.length),
                });
            }
        }
    }

    /// Adds the rows of what `node` holds, after the nodes `before` it.
    fn inner(&mut self, before: &'a [Node<'a>], node: &'a Node<'a>, depth: usize) {
        if node.inner.is_empty() {
            return;
        }
        self.outer.push(before);
        // Branches that flatten side by side each count; the widest view is the network's.
        let (outer, mut widest) = (self.before_flat, None);
        for nodes in &node.inner {
            self.before_flat = outer;
            self.sequence(nodes, depth + 1);
            widest = widest.max(self.before_flat);
        }
        self.before_flat = widest;
        self.outer.pop();
    }

    /// Input positions that one of `length` values after `nodes` can see, at most the input's length.
    fn seen(&self, nodes: &[Node], length: usize) -> usize {
        let view = |at: usize| {
            let span = Span::at(at).before(nodes)?;
            self.outer.iter().rev().try_fold(span, |span, nodes| span.before(nodes))
        };
        let widest = asked(self.phases, length).map(|at| view(at).map_or(self.whole, Span::positions)).max();
        widest.unwrap_or(self.whole).min(self.whole)
    }
}

#[cfg(test)]
mod tests;
