//! `model.safetensors`: weights with the network's description in the header. Reading it runs nothing and believes
//! nothing.

use super::{Model, Purpose};
use crate::architecture::{Architecture, ArchitectureError, Inputs, Outputs, ShapeError};
use crate::device::OpenedDevice;
use crate::memory::MemoryError;
use crate::network::{Array, Plan, Spec, Weights};
use basewise_core::{ControlSignal, Covariate, Encoding, Task, covariates_fault};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::Path;

/// The version of the file's form that this program writes and the newest that it reads.
pub const MODEL_FORMAT: u32 = 1;

/// Larger files are refused before they are read.
const MAX_FILE: u64 = 4 << 30;
/// All of basewise's header is one entry, because entries of the metadata table have no order.
const KEY: &str = "basewise";

/// How a model came to be; nothing that differs between two runs with one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingSummary {
    /// Epochs that were run.
    pub epochs: usize,
    /// The 1-based epoch whose weights these are.
    pub best_epoch: usize,
    /// Validation loss of that epoch.
    pub valid_loss: f64,
    /// The metric's name, such as `auroc`.
    pub metric: String,
    /// Its value on the validation split in that epoch; `None` where it is undefined.
    pub valid_metric: Option<f64>,
    /// Training examples.
    pub train_examples: usize,
    /// The seed of all randomness.
    pub seed: u64,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format_version: u32,
    architecture: Architecture,
    tasks: Vec<Task>,
    encoding: Encoding,
    length: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    covariates: Vec<Covariate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    control: Option<ControlSignal>,
    #[serde(default)]
    training: Option<TrainingSummary>,
}

/// Why a model file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file could not be read or written; the message names it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Not a safetensors file, or a broken one.
    #[error("{file}: expected a safetensors file: {message}; it may be truncated, copy it again")]
    Safetensors {
        /// The file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// Valid, but not ours or not consistent.
    #[error("{file}: {message}")]
    Content {
        /// The file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// The network in the header has a value out of range.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The weights are more than the memory holds.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The network in the header does not fit together.
    #[error("{file}: {source}")]
    Shape {
        /// The file.
        file: String,
        /// The misfit.
        source: Box<ShapeError>,
    },
}

impl Model {
    /// Reads a model onto the CPU.
    ///
    /// # Errors
    /// If the file is missing, truncated, of another form or version, inconsistent, or holds weights that are not
    /// finite.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        Self::load_on(path, &OpenedDevice::cpu())
    }

    /// Reads a model onto a device.
    ///
    /// # Errors
    /// See [`Model::load`].
    pub fn load_on(path: &Path, device: &OpenedDevice) -> Result<Self, ModelError> {
        let file = path.display().to_string();
        let bytes = read_bounded(path)?;
        let header = read_header(&bytes, &file)?;
        header.architecture.check(&file)?;
        let shape = |source| ModelError::Shape { file: file.clone(), source: Box::new(source) };
        let (channels, covariates) = (header.encoding.channels(), header.covariates.len());
        let inputs = Inputs::new(channels, covariates, header.control.as_ref());
        let architecture = header.architecture.joined(inputs, &Outputs::from(&header.tasks)).map_err(shape)?;
        let plan = Plan::new(&architecture, inputs, header.length, &header.tasks).map_err(shape)?;
        plan.check_weights()?;
        let specs: Vec<&Spec> = plan.parameters.iter().chain(&plan.buffers).collect();
        let mut arrays = arrays_of(&bytes, &specs, &file)?;
        let buffers = arrays.split_off(plan.parameters.len());
        let weights = Weights { parameters: arrays, buffers };
        let Header { tasks, encoding, length, covariates, control, training, .. } = header;
        let purpose = Purpose { tasks, encoding, length, covariates, control, training };
        Ok(Self::assemble(architecture, plan, weights, purpose, &device.device))
    }

    /// Writes the model aside, syncs it and renames it into place: afterwards `path` is the old file or the new one.
    /// Equal models give equal bytes.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        let header = Header {
            format_version: MODEL_FORMAT,
            architecture: self.architecture.clone(),
            tasks: self.tasks.clone(),
            encoding: self.encoding,
            length: self.length,
            covariates: self.covariates.clone(),
            control: self.control.clone(),
            training: self.training.clone(),
        };
        let json = serde_json::to_string(&header).map_err(io::Error::other)?;
        let arrays: Vec<&Array> = self.weights.arrays().collect();
        write_arrays(path, &arrays, Some(json))
    }
}

/// The bytes of a file that is no larger than models may be.
pub(crate) fn read_bounded(path: &Path) -> Result<Vec<u8>, ModelError> {
    let size = fs_err::metadata(path)?.len();
    if size > MAX_FILE {
        let message = format!("expected a model of at most {MAX_FILE} bytes, found {size}");
        return Err(ModelError::Content { file: path.display().to_string(), message });
    }
    Ok(fs_err::read(path)?)
}

/// Our entry of the header.
fn header_entry(bytes: &[u8], file: &str) -> Result<String, ModelError> {
    let (_, metadata) = SafeTensors::read_metadata(bytes)
        .map_err(|error| ModelError::Safetensors { file: file.to_owned(), message: error.to_string() })?;
    metadata.metadata().as_ref().and_then(|entries| entries.get(KEY)).cloned().ok_or_else(|| {
        let message = "the header has no entry \"basewise\"; expected a model that `basewise train` wrote".into();
        ModelError::Content { file: file.to_owned(), message }
    })
}

fn read_header(bytes: &[u8], file: &str) -> Result<Header, ModelError> {
    let content = |message: String| ModelError::Content { file: file.to_owned(), message };
    let json = &header_entry(bytes, file)?;
    #[derive(Deserialize)]
    struct Version {
        format_version: u32,
    }
    let bad = |error: serde_json::Error| content(format!("the header could not be understood: {error}"));
    let version: Version = serde_json::from_str(json).map_err(bad)?;
    if version.format_version == 0 || version.format_version > MODEL_FORMAT {
        let found = version.format_version;
        return Err(content(format!(
            "expected format_version {MODEL_FORMAT} or lower, found {found}; a newer basewise may have written it"
        )));
    }
    let header: Header = serde_json::from_str(json).map_err(bad)?;
    let Header { tasks, covariates, control, .. } = &header;
    let control = || control.as_ref().and_then(|control| control.fault(tasks));
    match tasks.iter().find_map(Task::fault).or_else(|| covariates_fault(covariates)).or_else(control) {
        Some(fault) => Err(content(fault)),
        None => Ok(header),
    }
}

/// Copies the expected arrays out of a file's bytes; anything missing, extra, misshapen or not finite is an error.
pub(crate) fn arrays_of(bytes: &[u8], specs: &[&Spec], file: &str) -> Result<Vec<Array>, ModelError> {
    let content = |message: String| ModelError::Content { file: file.to_owned(), message };
    let tensors = SafeTensors::deserialize(bytes)
        .map_err(|error| ModelError::Safetensors { file: file.to_owned(), message: error.to_string() })?;
    let expected: HashSet<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let mut extra: Vec<&str> = tensors.names().into_iter().filter(|name| !expected.contains(name)).collect();
    extra.sort_unstable();
    if let Some(name) = extra.first() {
        return Err(content(format!("array {name:?} belongs to no layer of the network in the header")));
    }
    specs
        .iter()
        .map(|spec| {
            let view = tensors.tensor(&spec.name).map_err(|_| content(format!("expected an array {:?}", spec.name)))?;
            if view.dtype() != Dtype::F32 || view.shape() != spec.shape {
                let (name, want, dtype, shape) = (&spec.name, &spec.shape, view.dtype(), view.shape());
                return Err(content(format!("array {name:?}: expected F32 {want:?}, found {dtype:?} {shape:?}")));
            }
            let values: Vec<f32> =
                view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            match values.iter().position(|v| !v.is_finite()) {
                Some(at) => Err(content(format!("array {:?}: value {at} is not finite", spec.name))),
                None => Ok(Array { name: spec.name.clone(), shape: spec.shape.clone(), values }),
            }
        })
        .collect()
}

/// Reads the arrays of a file whose specifications `specs` makes of its header.
pub(crate) fn read_with_header(
    path: &Path,
    specs: impl FnOnce(&str) -> Result<Vec<Spec>, ModelError>,
) -> Result<Vec<Array>, ModelError> {
    let file = path.display().to_string();
    let bytes = read_bounded(path)?;
    let specs = specs(&header_entry(&bytes, &file)?)?;
    arrays_of(&bytes, &specs.iter().collect::<Vec<_>>(), &file)
}

/// Reads a file of plain arrays.
pub(crate) fn read_arrays(path: &Path, specs: &[&Spec]) -> Result<Vec<Array>, ModelError> {
    arrays_of(&read_bounded(path)?, specs, &path.display().to_string())
}

/// Writes arrays with an optional header entry: aside, synced, renamed.
pub(crate) fn write_arrays(path: &Path, arrays: &[&Array], header: Option<String>) -> Result<(), ModelError> {
    let data: Vec<Vec<u8>> =
        arrays.iter().map(|array| array.values.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let safetensors = |error: safetensors::SafeTensorError| io::Error::other(format!("{}: {error}", path.display()));
    let views = arrays
        .iter()
        .zip(&data)
        .map(|(array, data)| {
            let view = TensorView::new(Dtype::F32, array.shape.clone(), data).map_err(safetensors)?;
            Ok((array.name.clone(), view))
        })
        .collect::<Result<Vec<_>, io::Error>>()?;
    let header = header.map(|json| HashMap::from([(KEY.to_owned(), json)]));
    let bytes = safetensors::serialize(views, header).map_err(safetensors)?;
    Ok(write_whole(path, &bytes)?)
}

/// Replaces a file at once: written aside, synced, renamed.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let aside = path.with_file_name(name);
    let written = (|| {
        let mut file = fs_err::File::create(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs_err::rename(&aside, path)
    })();
    if written.is_err() {
        // The error that matters is the first one.
        let _ = fs_err::remove_file(&aside);
    }
    written
}
