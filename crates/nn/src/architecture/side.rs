//! Numbers beside the sequence (covariates): where they join the network.

use super::{Architecture, Layer, Outputs, ShapeError};

/// What goes into a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// Channels of a position of the sequence.
    pub channels: usize,
    /// Numbers beside the sequence.
    pub side: usize,
}

impl From<usize> for Inputs {
    /// A sequence of so many channels alone.
    fn from(channels: usize) -> Self {
        Self { channels, side: 0 }
    }
}

impl Architecture {
    /// The description for examples with `side` numbers beside the sequence: its layers `side-inputs` get their width. If
    /// it has none, one is put before the last dense layer, so that a layer with a non-linearity sees both; without a dense
    /// layer at its end, flattened. A profile's heads take them beside the mean over all positions, for the totals.
    ///
    /// # Errors
    /// A layer `side-inputs` where there is nothing for it.
    pub(crate) fn joined(&self, side: usize, outputs: &Outputs) -> Result<Self, ShapeError> {
        let mut joined = self.with_width(side)?;
        joined.head.side = 0;
        if side == 0 || has_side_inputs(&joined.layers) {
            return Ok(joined);
        }
        if outputs.has_profile() {
            joined.head.side = side;
            return Ok(joined);
        }
        let layers = &mut joined.layers;
        let dense = layers.iter().rposition(|layer| matches!(layer, Layer::Dense { .. }));
        let at = dense.unwrap_or_else(|| {
            layers.push(Layer::Flatten);
            layers.len()
        });
        layers.insert(at, Layer::SideInputs { width: side });
        Ok(joined)
    }

    /// The same layers with the width of `side-inputs` filled in.
    pub(crate) fn with_width(&self, side: usize) -> Result<Self, ShapeError> {
        if let Some(layer @ Layer::Strands { layers, .. }) = self.layers.first()
            && has_side_inputs(layers)
        {
            return Err(ShapeError {
                path: "1".into(),
                layer: layer.label(),
                expected: "layers that look at the sequence alone".into(),
                found: "side-inputs among them".into(),
                hint: "; put side-inputs behind it".into(),
            });
        }
        let mut filled = self.clone();
        match fill(&mut filled.layers, side, "") {
            Some(path) if side == 0 => Err(ShapeError {
                path,
                layer: "side-inputs".into(),
                expected: "examples with covariates".into(),
                found: "none".into(),
                hint: "; make the data set with --covariates, or take the layer out".into(),
            }),
            _ => Ok(filled),
        }
    }
}

fn has_side_inputs(layers: &[Layer]) -> bool {
    let inside = |layer: &Layer| layer.inner().iter().any(|layers| has_side_inputs(layers));
    layers.iter().any(|layer| matches!(layer, Layer::SideInputs { .. }) || inside(layer))
}

/// Gives all layers `side-inputs` their width, and returns the path of the first.
fn fill(layers: &mut [Layer], side: usize, prefix: &str) -> Option<String> {
    let mut first = None;
    for (i, layer) in layers.iter_mut().enumerate() {
        let path = format!("{prefix}{}", i + 1);
        let found = match layer {
            Layer::SideInputs { width } => {
                *width = side;
                Some(path)
            }
            Layer::Residual { layers } => fill(layers, side, &format!("{path}.")),
            Layer::Concat { branches } => {
                let each = branches.iter_mut().enumerate();
                let found = each.map(|(b, layers)| fill(layers, side, &format!("{path}.b{}.", b + 1)));
                // All of them get it, so none may be passed over.
                found.collect::<Vec<_>>().into_iter().flatten().next()
            }
            _ => None,
        };
        first = first.or(found);
    }
    first
}

#[cfg(test)]
mod tests;
