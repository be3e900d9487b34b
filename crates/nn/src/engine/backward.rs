//! The way back.

use super::layers::{
    attention, attention_pool, conv, dense, first, norm, pointwise, pools, positions, recurrent, shape,
};
use super::{Array, Extra, Found, Kept, Node, Op, Pass};

impl Pass<'_> {
    /// From the gradient of the last output to those of the parameters, and of the input if it is asked for.
    pub(super) fn backward(
        &mut self,
        nodes: &[Node],
        input: &[f32],
        codes: &[u8],
        mut kept: Vec<Kept>,
        mut dy: Array,
        found: &mut Found,
    ) -> Option<Array> {
        for (i, node) in nodes.iter().enumerate().rev() {
            let Kept { output, extra } = kept.pop()?;
            let x: &[f32] = kept.last().map_or(input, |kept| &kept.output);
            let wanted = i > 0 || found.input;
            let dx = self.node_back(node, (x, codes), &output, extra, dy, wanted, found);
            self.buffers.give(output);
            dy = dx?;
        }
        Some(dy)
    }

    /// The gradient of a node's input, if it is `wanted`.
    fn node_back(
        &mut self,
        node: &Node,
        (x, codes): (&[f32], &[u8]),
        y: &[f32],
        mut extra: Extra,
        mut dy: Array,
        wanted: bool,
        found: &mut Found,
    ) -> Option<Array> {
        // Layers that work in place.
        match &node.op {
            Op::Conv(layer) if layer.residual => {
                conv::backward_residual(self, layer, x, &extra, &mut dy, found);
                self.buffers.give_extra(extra);
                return Some(dy);
            }
            Op::Activation(kind) => {
                pointwise::activate_back(self, *kind, x, y, &mut dy);
                return Some(dy);
            }
            Op::Dropout { rate, channels, number } => {
                pointwise::dropout(self, node, (*rate, *channels, *number), &mut dy);
                return Some(dy);
            }
            Op::BatchNorm { parameter, relu, .. } => {
                norm::backward(self, node, *parameter, *relu, x, y, &extra, &mut dy, found);
                return Some(dy);
            }
            Op::PositionNorm { parameter, kind } => {
                positions::norm_back(self, *parameter, *kind, x, &mut dy, found);
                return Some(dy);
            }
            Op::Softmax => {
                positions::softmax_back(self, node, y, &mut dy);
                return Some(dy);
            }
            Op::Strands(inner, combine) => {
                return self.strands_back(node, inner, *combine, extra, dy, wanted, found);
            }
            Op::Residual(inner) => return self.residual_back(inner, x, extra, dy, found),
            Op::Concat(branches) => return self.concat_back(node, branches, x, extra, dy, found),
            _ => {}
        }
        let mut dx = self.buffers.take(if wanted { self.n * node.input.size() } else { 0 });
        match &node.op {
            Op::First(layer) => first::backward(self, layer, codes, y, &extra, &dy, found),
            Op::Conv(layer) => conv::backward(self, layer, x, y, &extra, &dy, &mut dx, found),
            Op::Dense { parameter, relu } => {
                dense::backward(self, node, *parameter, *relu, x, y, &mut dy, &mut dx, found);
            }
            Op::MaxPool(windows) => pools::max_back(self, windows, y, &extra, &dy, &mut dx),
            Op::AveragePool(windows) => pools::average_back(self, windows, &dy, &mut dx),
            Op::Flatten if wanted => shape::turn(&dy, node.input.channels, node.input.length, &mut dx),
            Op::Crop { left } => shape::crop_back(node, *left, &dy, &mut dx),
            Op::SideInputs { .. } => shape::part(&dy, self.n, 0, node.input.size(), &mut dx),
            // What comes in is not looked at.
            Op::ControlSignal { .. } => dx.fill(0.0),
            Op::Upsample { factor } if wanted => shape::upsample_back(node, *factor, &dy, &mut dx),
            Op::AttentionPool { parameter, window } => {
                attention_pool::backward(
                    self,
                    node,
                    *parameter,
                    *window,
                    x,
                    y,
                    std::mem::take(&mut extra),
                    &dy,
                    &mut dx,
                    found,
                );
            }
            Op::SelfAttention(layer) => {
                attention::backward(self, node, layer, x, std::mem::take(&mut extra), &dy, &mut dx, found)
            }
            Op::Recurrent(layer) => recurrent::backward(self, node, layer, x, y, &mut extra, &dy, &mut dx, found),
            _ => {}
        }
        self.buffers.give_extra(extra);
        self.buffers.give(dy);
        if wanted && !matches!(node.op, Op::First(_)) {
            return Some(dx);
        }
        self.buffers.give(dx);
        None
    }

    fn residual_back(
        &mut self,
        inner: &[Node],
        x: &[f32],
        extra: Extra,
        dy: Array,
        found: &mut Found,
    ) -> Option<Array> {
        let Extra::Inner(mut kept) = extra else { return None };
        let mut copy = self.buffers.take(dy.len());
        copy.copy_from_slice(&dy);
        let mut dx = dy;
        // The input's gradient is wanted here whoever asks: the way around needs it.
        let mut inside = Found { parameters: found.parameters.as_deref_mut(), input: true };
        let through = self.backward(inner, x, &[], kept.pop()?, copy, &mut inside)?;
        dx.iter_mut().zip(through.iter()).for_each(|(dx, through)| *dx += through);
        self.buffers.give(through);
        Some(dx)
    }

    fn concat_back(
        &mut self,
        node: &Node,
        branches: &[Vec<Node>],
        x: &[f32],
        extra: Extra,
        dy: Array,
        found: &mut Found,
    ) -> Option<Array> {
        let Extra::Inner(kept) = extra else { return None };
        let rows = self.n * node.output.length;
        let mut dx = self.buffers.zeros(x.len());
        let mut first = 0;
        for (nodes, kept) in branches.iter().zip(kept) {
            let channels = nodes.last().map_or(node.input.channels, |node| node.output.channels);
            let mut part = self.buffers.take(rows * channels);
            shape::part(&dy, rows, first, channels, &mut part);
            first += channels;
            let mut inside = Found { parameters: found.parameters.as_deref_mut(), input: true };
            let through = self.backward(nodes, x, &[], kept, part, &mut inside)?;
            dx.iter_mut().zip(through.iter()).for_each(|(dx, through)| *dx += through);
            self.buffers.give(through);
        }
        self.buffers.give(dy);
        Some(dx)
    }
}
