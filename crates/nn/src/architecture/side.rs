//! What lies beside the sequence, covariates and control signal: where it joins the network.

use super::{Architecture, Layer, Outputs, ShapeError};
use basewise_core::ControlSignal;
use basewise_core::source::Header;

/// What goes into a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// Channels of a position of the sequence.
    pub channels: usize,
    /// Covariates beside the sequence.
    pub side: usize,
    /// Tracks of control signal beside the sequence, and bins of each; zeros without any.
    pub control: [usize; 2],
}

impl Inputs {
    /// A sequence of so many channels with covariates and control signal.
    pub fn new(channels: usize, covariates: usize, control: Option<&ControlSignal>) -> Self {
        let control = control.map_or([0, 0], |control| [control.tracks.len(), control.bins]);
        Self { channels, side: covariates, control }
    }

    /// Numbers beside each sequence: covariates, then the bins of the control, track by track.
    pub(crate) fn beside(self) -> usize {
        let [tracks, bins] = self.control;
        self.side.saturating_add(tracks.saturating_mul(bins))
    }
}

impl From<usize> for Inputs {
    /// A sequence of so many channels alone.
    fn from(channels: usize) -> Self {
        Self::new(channels, 0, None)
    }
}

impl From<&Header> for Inputs {
    fn from(header: &Header) -> Self {
        Self::new(header.encoding.channels(), header.covariates.len(), header.control.as_ref())
    }
}

impl Architecture {
    /// The description for examples with these inputs: its layers `side-inputs` and `control-signal` get their sizes.
    ///
    /// If it has no `side-inputs`, and there are covariates, one is put before the last dense layer, so that a layer with a
    /// non-linearity sees both; without a dense layer at its end, flattened. A profile's heads take covariates beside the
    /// mean over all positions, for the totals. If it has no `control-signal`, the heads of profiles take the control.
    ///
    /// # Errors
    /// A layer where there is nothing for it.
    pub(crate) fn joined(&self, inputs: Inputs, outputs: &Outputs) -> Result<Self, ShapeError> {
        let mut joined = self.sized(inputs)?;
        (joined.head.side, joined.head.control) = (0, 0);
        if !has(&joined.layers, is_control) {
            joined.head.control = inputs.control[0];
        }
        if inputs.side == 0 || has(&joined.layers, is_side) {
            return Ok(joined);
        }
        if outputs.has_profile() {
            joined.head.side = inputs.side;
            return Ok(joined);
        }
        let layers = &mut joined.layers;
        let dense = layers.iter().rposition(|layer| matches!(layer, Layer::Dense { .. }));
        let at = dense.unwrap_or_else(|| {
            layers.push(Layer::Flatten);
            layers.len()
        });
        layers.insert(at, Layer::SideInputs { width: inputs.side });
        Ok(joined)
    }

    /// The same layers with the sizes of `side-inputs` and `control-signal` filled in.
    pub(crate) fn sized(&self, inputs: Inputs) -> Result<Self, ShapeError> {
        if let Some(layer @ Layer::Strands { layers, .. }) = self.layers.first() {
            for (is, name) in [(is_side as Is, "side-inputs"), (is_control, "control-signal")] {
                if has(layers, is) {
                    return Err(ShapeError {
                        path: "1".into(),
                        layer: layer.label(),
                        expected: "layers that look at the sequence alone".into(),
                        found: format!("{name} among them"),
                        hint: format!("; put {name} behind it"),
                    });
                }
            }
        }
        let mut filled = self.clone();
        match fill(&mut filled.layers, inputs, "") {
            Some((path, layer)) => {
                let control = matches!(layer, Layer::ControlSignal { .. });
                let (what, flag) =
                    if control { ("control signal", "--control") } else { ("covariates", "--covariates") };
                Err(ShapeError {
                    path,
                    layer: layer.type_name().to_owned(),
                    expected: format!("examples with {what}"),
                    found: "none".into(),
                    hint: format!("; make the data set with {flag}, or take the layer out"),
                })
            }
            None => Ok(filled),
        }
    }
}

type Is = fn(&Layer) -> bool;

fn is_side(layer: &Layer) -> bool {
    matches!(layer, Layer::SideInputs { .. })
}

fn is_control(layer: &Layer) -> bool {
    matches!(layer, Layer::ControlSignal { .. })
}

/// Whether there is such a layer among these and those within them.
fn has(layers: &[Layer], is: Is) -> bool {
    layers.iter().any(|layer| is(layer) || layer.inner().iter().any(|layers| has(layers, is)))
}

/// Gives all layers that take what lies beside the sequence their sizes; returns the first for which there is nothing,
/// with its path.
fn fill(layers: &mut [Layer], inputs: Inputs, prefix: &str) -> Option<(String, Layer)> {
    let mut first = None;
    for (i, layer) in layers.iter_mut().enumerate() {
        let path = format!("{prefix}{}", i + 1);
        let found = match layer {
            Layer::SideInputs { width } => {
                *width = inputs.side;
                (inputs.side == 0).then(|| (path, layer.clone()))
            }
            Layer::ControlSignal { tracks, bins, .. } => {
                [*tracks, *bins] = inputs.control;
                (inputs.control[0] == 0).then(|| (path, layer.clone()))
            }
            Layer::Residual { layers } => fill(layers, inputs, &format!("{path}.")),
            Layer::Concat { branches } => {
                let each = branches.iter_mut().enumerate();
                let found = each.map(|(b, layers)| fill(layers, inputs, &format!("{path}.b{}.", b + 1)));
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
