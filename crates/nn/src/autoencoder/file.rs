//! `model.safetensors` of an autoencoder: an array for each layer's weights, settings and the names of genes and batches in
//! the header.

use super::hidden::Running;
use super::layout::{Dense, Genes, Layout};
use super::{Autoencoder, Config};
use crate::model::{ModelError, read_with_header, write_arrays};
use crate::network::{Array, Init, Spec};
use basewise_kernels::Level;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io;
use std::path::Path;

/// The version of the file's form that this program writes and reads.
const FORMAT: u32 = 1;
/// Sizes beyond which a header is not believed.
const LARGEST: usize = 1 << 28;
/// Hidden layers at most.
const DEEPEST: usize = 64;

/// An autoencoder with what its numbers mean.
#[derive(Clone, Debug)]
pub struct SavedAutoencoder {
    /// The model.
    pub model: Autoencoder,
    /// Names of its genes, each once.
    pub genes: Vec<String>,
    /// Names of its batches; empty without.
    pub batches: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    autoencoder_version: u32,
    config: Config,
    target: f64,
    genes: Vec<String>,
    batches: Vec<String>,
}

impl SavedAutoencoder {
    /// Writes the model aside and renames it into place. Equal models give equal bytes.
    ///
    /// # Errors
    /// If the file cannot be written.
    ///
    /// # Panics
    /// If there are not as many names as genes and batches of the model.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        let Autoencoder { config, layout, parameters, running, target, .. } = &self.model;
        assert_eq!((self.genes.len(), self.batches.len()), (layout.genes, layout.batches), "names");
        let header = Header {
            autoencoder_version: FORMAT,
            config: config.clone(),
            target: *target,
            genes: self.genes.clone(),
            batches: self.batches.clone(),
        };
        let json = serde_json::to_string(&header).map_err(io::Error::other)?;
        let weights = places(layout).into_iter().map(|Place { name, shape, from }| {
            let count: usize = shape.iter().product();
            Array { name, shape, values: parameters[from..from + count].to_vec() }
        });
        let seen = running.iter().enumerate().map(|(layer, own)| Array {
            name: seen_name(layer),
            shape: vec![2, own.units()],
            values: own.values(),
        });
        let arrays: Vec<Array> = weights.chain(seen).collect();
        write_arrays(path, &arrays.iter().collect::<Vec<_>>(), Some(json))
    }

    /// Reads a model.
    ///
    /// # Errors
    /// If the file is missing, truncated, of another form, inconsistent, or holds weights that are not finite.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let content = |message: String| ModelError::Content { file: path.display().to_string(), message };
        let mut read = None;
        let arrays = read_with_header(path, |json| {
            let header: Header = serde_json::from_str(json).map_err(|error| {
                content(format!(
                    "expected a model that `basewise cells autoencode` wrote; its header says otherwise: {error}"
                ))
            })?;
            header.check().map_err(content)?;
            let layout = Layout::new(&header.config, header.genes.len(), header.batches.len());
            let spec = |name: String, shape: Vec<usize>| Spec { name, shape, init: Init::Constant(0.0) };
            let weights = places(&layout).into_iter().map(|place| spec(place.name, place.shape));
            let seen = layout.hidden_layers().enumerate();
            let seen = seen.map(|(layer, dense)| spec(seen_name(layer), vec![2, dense.units]));
            let specs = weights.chain(seen).collect();
            read = Some((header, layout));
            Ok(specs)
        })?;
        let (header, layout) = read.ok_or_else(|| content("expected a header, found none".to_owned()))?;
        let mut parameters = vec![0.0; layout.parameters];
        let places = places(&layout);
        for (place, array) in places.iter().zip(&arrays) {
            parameters[place.from..place.from + array.values.len()].copy_from_slice(&array.values);
        }
        let running: Vec<Running> =
            arrays[places.len()..].iter().map(|array| Running::of_values(&array.values)).collect();
        if !running.iter().all(Running::fits) {
            return Err(content("expected variances that are not negative".to_owned()));
        }
        let Header { config, target, genes, batches, .. } = header;
        let model = Autoencoder { config, layout, parameters, running, target, level: Level::best() };
        Ok(Self { model, genes, batches })
    }
}

impl Header {
    /// What cannot be, before memory is asked for.
    fn check(&self) -> Result<(), String> {
        if self.autoencoder_version != FORMAT {
            return Err(format!("expected autoencoder_version {FORMAT}, found {}", self.autoencoder_version));
        }
        self.config.check().map_err(|error| error.to_string())?;
        if !(self.target > 0.0 && self.target.is_finite()) {
            return Err(format!("expected a sum of counts above 0, found {}", self.target));
        }
        for (what, names) in [("gene", &self.genes), ("batch", &self.batches)] {
            let mut seen = HashSet::new();
            if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
                return Err(format!("expected the name of each {what} once, found {name:?} again"));
            }
        }
        let Config { latent, hidden, .. } = &self.config;
        let ends = [self.genes.len().saturating_add(self.batches.len()), latent.saturating_add(self.batches.len())];
        let widest = ends.into_iter().chain(hidden.iter().copied()).max().unwrap_or(0);
        let most = hidden.iter().copied().max().unwrap_or(0).max(*latent);
        if self.genes.is_empty() || hidden.len() > DEEPEST || widest.saturating_mul(most) > LARGEST {
            return Err(format!(
                "expected 1 to {DEEPEST} layers of weights of at most {LARGEST} numbers, found {} genes, {hidden:?} hidden units and \
                 {latent} latent numbers",
                self.genes.len()
            ));
        }
        Ok(())
    }
}

/// An array of the file, and where it lies among the parameters.
struct Place {
    name: String,
    shape: Vec<usize>,
    from: usize,
}

fn seen_name(layer: usize) -> String {
    format!("running.{layer}")
}

fn places(layout: &Layout) -> Vec<Place> {
    let place = |name: String, shape: Vec<usize>, from: usize| Place { name, shape, from };
    let dense = |name: &str, own: &Dense| {
        let mut all = vec![
            place(format!("{name}.weight"), vec![own.inputs, own.units], own.weights),
            place(format!("{name}.bias"), vec![own.units], own.bias),
        ];
        all.extend(own.norm.map(|from| place(format!("{name}.norm"), vec![2, own.units], from)));
        all
    };
    let genes = |name: &str, own: &Genes| {
        [
            place(format!("{name}.weight"), vec![layout.genes, own.inputs], own.weights),
            place(format!("{name}.bias"), vec![layout.genes], own.bias),
        ]
    };
    let mut all = Vec::new();
    for (part, layers) in [("encoder", &layout.encoder), ("decoder", &layout.decoder)] {
        layers.iter().enumerate().for_each(|(i, own)| all.extend(dense(&format!("{part}.{i}"), own)));
    }
    all.extend(dense("mean", &layout.mean));
    layout.spread.iter().for_each(|own| all.extend(dense("log_variance", own)));
    all.extend(genes("output", &layout.output));
    layout.inflation.iter().for_each(|own| all.extend(genes("inflation", own)));
    all.extend(layout.dispersion.map(|from| place("log_dispersion".to_owned(), vec![layout.genes], from)));
    all
}
