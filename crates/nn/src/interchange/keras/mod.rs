//! Weights of Keras: arrays by path, in the layouts of `keras.layers`.
//!
//! [`import`] brings them into the layouts of PyTorch, one rule a layer, and then finds the layer of each as
//! [`torch::import`](super::torch::import()) does. What differs besides layouts is settled here:
//!
//! | Keras | becomes |
//! |---|---|
//! | kernels `[width, in, out]`, `[in, out]` | `[out, in, width]`, `[out, in]` |
//! | a dense layer after `Flatten` has rows position by position | channel by channel, as our `flatten` gives them |
//! | batch norm with epsilon 1e-3 | the difference to our 1e-5 is added to the variance, which gives the same outputs |
//! | GRU with gates `z, r, h` | gates `r, z, n` |
//! | convolutions under Theano turn their kernels around | kernels turned around |

mod modules;
mod positions;
mod settings;
mod translate;

use super::torch::{self, ImportError, ImportOptions, Imported, Purpose, StateArray};
use crate::architecture::Architecture;

/// What a file of Keras holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KerasWeights {
    /// Arrays named by layer and array, such as `conv1d/kernel`, in Keras's layouts and in the order of the layers.
    pub arrays: Vec<StateArray>,
    /// The network's description as JSON (`model.to_json()`), where the file has it. It says what the arrays do not, such
    /// as the epsilon of a batch norm; Keras's defaults stand in.
    pub config: Option<String>,
    /// What computed it: `tensorflow`, `theano` and so on.
    pub backend: Option<String>,
}

/// Why weights of Keras could not be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KerasError {
    /// A layer that cannot be had here, or whose arrays are none of a layer's.
    #[error("layer {layer:?}: {message}")]
    Layer {
        /// Its name in Keras.
        layer: String,
        /// What was expected and what was found.
        message: String,
    },
    /// The description within the file is no JSON.
    #[error("model_config: expected JSON: {0}")]
    Config(String),
    /// The arrays do not fit the network.
    #[error(transparent)]
    Import(#[from] ImportError),
}

/// Makes a model of a network's description and the weights of Keras.
///
/// `options.map` names the modules of layers by their paths in Keras (`layer1` to `conv1d_3`); `options.in_order` is taken
/// to be true.
///
/// # Errors
/// A layer that our layers cannot express (a GRU that resets before its product, a recurrent layer with hard sigmoids,
/// a layer norm with another epsilon); else as [`torch::import`](super::torch::import()).
pub fn import(
    architecture: &Architecture,
    purpose: &Purpose,
    weights: &KerasWeights,
    options: &ImportOptions,
) -> Result<Imported, KerasError> {
    let settings = settings::read(weights.config.as_deref())?;
    let turned = weights.backend.as_deref() == Some("theano");
    let mut arrays = Vec::new();
    for module in modules::modules(&weights.arrays)? {
        arrays.extend(translate::module(&module, &settings, turned)?);
    }
    // The order of the channels is changed last: until then rows of a dense layer on the sequence lie by position.
    let straight = ImportOptions { in_order: true, channel_order: *b"ACGT", ..options.clone() };
    let mut imported = torch::import(architecture, purpose, &arrays, &straight)?;
    let mut new = imported.model.weights.clone();
    positions::by_channel(&imported.model.plan, &mut new);
    torch::permute(&imported.model.plan, &mut new, options.channel_order).map_err(ImportError::Channels)?;
    imported.model = imported.model.with_weights(new);
    Ok(imported)
}

#[cfg(test)]
mod tests;
