//! `model.safetensors` of a generative model: an array for each layer's weights, settings in the header.

use super::config::GenerativeConfig;
use super::decoder::Decoder;
use super::model::GenerativeModel;
use super::net::{Layer, Net};
use crate::model::{ModelError, read_with_header, write_arrays};
use crate::network::{Array, Init, Spec};
use basewise_core::Alphabet;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// The version of the file's form that this program writes and reads.
const FORMAT: u32 = 1;
/// Longer sequences are refused before memory is asked for.
const LONGEST: usize = 1 << 20;
/// Numbers of a model, at most.
const LARGEST: usize = 1 << 30;

#[derive(Serialize, Deserialize)]
struct Header {
    generative_version: u32,
    alphabet: Alphabet,
    length: usize,
    config: GenerativeConfig,
}

impl GenerativeModel {
    /// Writes the model aside and renames it into place. Equal models give equal bytes.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        let header = Header {
            generative_version: FORMAT,
            alphabet: self.alphabet,
            length: self.length,
            config: self.config.clone(),
        };
        let json = serde_json::to_string(&header).map_err(io::Error::other)?;
        let mut first = 0;
        let mut arrays = Vec::new();
        for (name, shape) in self.arrays() {
            let count: usize = shape.iter().product();
            arrays.push(Array { name, shape, values: self.weights[first..first + count].to_vec() });
            first += count;
        }
        write_arrays(path, &arrays.iter().collect::<Vec<_>>(), Some(json))
    }

    /// Reads a model.
    ///
    /// # Errors
    /// If the file is missing, truncated, of another form, inconsistent, or holds weights that are not finite.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let content = |message: String| ModelError::Content { file: path.display().to_string(), message };
        let mut empty = None;
        let arrays = read_with_header(path, |json| {
            let header: Header = serde_json::from_str(json).map_err(|error| {
                content(format!(
                    "expected a model that `basewise generate train` wrote; its header says otherwise: {error}"
                ))
            })?;
            let Header { generative_version: version, alphabet, length, config } = header;
            if version != FORMAT {
                return Err(content(format!("expected generative_version {FORMAT}, found {version}")));
            }
            if let Some(fault) = config.fault() {
                return Err(content(fault));
            }
            let sizes = config.sizes(length);
            let numbers = length.div_ceil(4).saturating_mul(sizes.channels).saturating_mul(sizes.latent);
            if length == 0 || length > LONGEST || numbers > LARGEST {
                return Err(content(format!("expected sequences of 1 to {LONGEST} bases, found {length}")));
            }
            let model = Self::empty(&config, alphabet, length);
            let spec = |(name, shape)| Spec { name, shape, init: Init::Constant(0.0) };
            let specs = model.arrays().into_iter().map(spec).collect();
            empty = Some(model);
            Ok(specs)
        })?;
        let mut model = empty.ok_or_else(|| content("expected a header, found none".to_owned()))?;
        model.weights = arrays.into_iter().flat_map(|array| array.values).collect();
        Ok(model)
    }

    /// Names and shapes in the order of the weights.
    fn arrays(&self) -> Vec<(String, Vec<usize>)> {
        let Decoder { trunk, beside, head } = &self.decoder;
        let encoder = self.encoder.iter().map(|net| ("encoder", net));
        let parts = encoder.chain([("decoder.trunk", trunk), ("decoder.beside", beside), ("decoder.head", head)]);
        parts.flat_map(|(part, net)| arrays_of(part, net)).collect()
    }
}

fn arrays_of(part: &str, net: &Net) -> Vec<(String, Vec<usize>)> {
    let of_layer = |(i, layer): (usize, &Layer)| {
        let named = |what: &str, shape: Vec<usize>| (format!("{part}.{i}.{what}"), shape);
        match *layer {
            Layer::Conv { shape: s, .. } => {
                vec![named("weight", vec![s.filters, s.channels, s.width]), named("bias", vec![s.filters])]
            }
            Layer::Dense { shape: s, .. } => {
                vec![named("weight", vec![s.features, s.units]), named("bias", vec![s.units])]
            }
            Layer::Bias { size, .. } => vec![named("bias", vec![size])],
            Layer::Leaky | Layer::Upsample { .. } | Layer::Join { .. } => Vec::new(),
        }
    };
    net.layers.iter().enumerate().flat_map(of_layer).collect()
}
