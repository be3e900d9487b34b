//! Models from and to other programs: PyTorch's state dicts and ONNX.
//!
//! | module | question |
//! |---|---|
//! | [`torch`] | which array of a state dict is which of ours, in which layout? import and export |
//! | [`onnx`] | which ONNX operators compute a layer? export |
//!
//! Both walk the description with one rule a layer; a layer without a rule is refused by name. Neither opens a file.

pub mod onnx;
pub mod torch;

use crate::network::Step;

/// A layer that the other form cannot express.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{layer} has no counterpart in {form}")]
pub struct NoRule {
    /// Its name and label, such as `layer3 (conv1d 64 x 15)`.
    pub layer: String,
    /// The other form.
    pub form: &'static str,
}

impl NoRule {
    fn new(step: &Step, form: &'static str) -> Self {
        Self { layer: named(step), form }
    }
}

/// `layer3.2 (relu)`: the name that exports and maps have, and what it is.
fn named(step: &Step) -> String {
    format!("{} ({})", step.name, step.layer.label())
}
