//! Networks of graphs on disk: `model.safetensors`, with all that is needed to use them in its header.

use super::features::Scale;
use super::links::{Decoder, LinkModel};
use super::network::NetworkShape;
use crate::model::{ModelError, arrays_of, read_bounded, write_arrays};
use crate::network::{Array, Init, Spec};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// The version of the file's form that this program writes and the newest that it reads.
pub const GRAPH_FORMAT: u32 = 1;
/// The entry of the metadata table that holds the header.
const KEY: &str = "basewise";

/// Networks that were trained with several seeds, and what their numbers mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedNetworks {
    /// Version of the file's form.
    pub format_version: u32,
    /// Sizes of each network.
    pub shape: NetworkShape,
    /// How pairs are scored, for links; `None` for classes of nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder: Option<Decoder>,
    /// The seed of each network.
    pub seeds: Vec<u64>,
    /// Names of the features; empty if each node is a feature of its own.
    pub features: Vec<String>,
    /// How features are brought to one size.
    pub scale: Scale,
    /// Names of the classes; empty for links.
    pub classes: Vec<String>,
    /// Names of the kinds of edges.
    pub kinds: Vec<String>,
    /// One a seed. Of a model of nodes only the networks count.
    #[serde(skip)]
    pub models: Vec<LinkModel>,
}

/// Writes networks, whole or not at all. Equal networks give equal bytes.
///
/// # Errors
/// If the file cannot be written.
pub fn save(path: &Path, saved: &SavedNetworks) -> Result<(), ModelError> {
    let named = |(number, model): (usize, &LinkModel)| -> Vec<Array> {
        let arrays = model.network.parameters.iter().chain(&model.kinds);
        arrays.map(|array| Array { name: name(number, &array.name), ..array.clone() }).collect()
    };
    let arrays: Vec<Array> = saved.models.iter().enumerate().flat_map(named).collect();
    let json = serde_json::to_string(saved).map_err(io::Error::other)?;
    write_arrays(path, &arrays.iter().collect::<Vec<_>>(), Some(json))
}

fn name(number: usize, array: &str) -> String {
    format!("seed.{number}.{array}")
}

/// Reads networks.
///
/// # Errors
/// If the file is missing, truncated, of another form or version, inconsistent, or holds weights that are not finite.
pub fn load(path: &Path) -> Result<SavedNetworks, ModelError> {
    let file = path.display().to_string();
    let bytes = read_bounded(path)?;
    let content = |message: String| ModelError::Content { file: file.clone(), message };
    let (_, metadata) = SafeTensors::read_metadata(&bytes)
        .map_err(|error| ModelError::Safetensors { file: file.clone(), message: error.to_string() })?;
    let json = metadata.metadata().as_ref().and_then(|entries| entries.get(KEY));
    let json = json.ok_or_else(|| content("expected a model that `basewise graph` wrote".into()))?;
    let understood =
        |error: serde_json::Error| content(format!("expected a model that `basewise graph` wrote: {error}"));
    let mut saved: SavedNetworks = serde_json::from_str(json).map_err(understood)?;
    if saved.format_version == 0 || saved.format_version > GRAPH_FORMAT {
        let found = saved.format_version;
        return Err(content(format!(
            "expected format_version {GRAPH_FORMAT} or lower, found {found}; a newer basewise may have written it"
        )));
    }
    check(&saved, bytes.len()).map_err(content)?;
    let decoder = saved.decoder.unwrap_or(Decoder::Dot);
    let mut models: Vec<LinkModel> =
        saved.seeds.iter().map(|_| LinkModel::zeros(saved.shape.clone(), decoder)).collect();
    let spec = |(number, array): (usize, &Array)| Spec {
        name: name(number, &array.name),
        shape: array.shape.clone(),
        init: Init::Constant(0.0),
    };
    let all = models.iter().enumerate();
    let all =
        all.flat_map(|(number, model)| model.network.parameters.iter().chain(&model.kinds).map(move |a| (number, a)));
    let specs: Vec<Spec> = all.map(spec).collect();
    let arrays = arrays_of(&bytes, &specs.iter().collect::<Vec<_>>(), &file)?;
    let places = models.iter_mut().flat_map(LinkModel::arrays);
    places.zip(arrays).for_each(|(place, array)| place.values = array.values);
    saved.models = models;
    Ok(saved)
}

/// What is wrong with a header, before memory is asked for.
fn check(saved: &SavedNetworks, bytes: usize) -> Result<(), String> {
    let shape = &saved.shape;
    let numbers = shape.numbers().saturating_mul(saved.seeds.len().max(1));
    if saved.seeds.is_empty() || shape.outputs == 0 || numbers > bytes / 4 {
        return Err(format!("expected weights of {} networks of {shape:?}, found {bytes} bytes", saved.seeds.len()));
    }
    if !saved.features.is_empty() && saved.features.len() != shape.features {
        return Err(format!("expected {} names of features, found {}", shape.features, saved.features.len()));
    }
    if saved.decoder.is_none() && saved.classes.len() != shape.outputs {
        return Err(format!("expected {} classes, found {}", shape.outputs, saved.classes.len()));
    }
    if saved.kinds.len() != shape.kinds {
        return Err(format!("expected {} kinds of edges, found {}", shape.kinds, saved.kinds.len()));
    }
    match &saved.scale {
        Scale::Standard { means, deviations } if [means.len(), deviations.len()] != [shape.features; 2] => {
            Err(format!("expected {} means and deviations, found {}", shape.features, means.len()))
        }
        _ => Ok(()),
    }
}
