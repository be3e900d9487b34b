//! A state dict becomes a model.

use super::StateArray;
use super::channels::permute;
use super::matching::{Assignment, Match, Matcher, leaf_name};
use super::rules::{Layout, Ours, Part};
use crate::architecture::Architecture;
use crate::device::OpenedDevice;
use crate::model::{self, Model, ModelError};
use crate::network::{Plan, Weights};
use basewise_core::{ControlSignal, Covariate, Encoding, Task};
use std::collections::BTreeMap;

/// What an imported network is for.
#[derive(Clone, Debug)]
pub struct Purpose {
    /// What its outputs mean.
    pub tasks: Vec<Task>,
    /// How sequences become its input.
    pub encoding: Encoding,
    /// Positions in its input.
    pub length: usize,
    /// What it takes beside the sequence.
    pub covariates: Vec<Covariate>,
    /// Control signal that it takes beside the sequence.
    pub control: Option<ControlSignal>,
}

/// How arrays find their layers.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Modules for layers (`layer1` to `conv1`) or arrays for their parts (`layer1.weight` to `kernel`); what it leaves
    /// out is matched by kind and shape, in order.
    pub map: BTreeMap<String, String>,
    /// Whether the arrays come in the order in which the network names its layers.
    pub in_order: bool,
    /// The order of the file's four input channels, such as `*b"ACGT"`.
    pub channel_order: [u8; 4],
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { map: BTreeMap::new(), in_order: true, channel_order: *b"ACGT" }
    }
}

/// A model from a state dict, and how it came about.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The model.
    pub model: Model,
    /// Each layer with weights and its module, in order.
    pub matches: Vec<Match>,
    /// Parts that the file does not have, with the value that stands for them: `layer1.bias = 0`.
    pub absent: Vec<String>,
}

/// Why a state dict could not be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The network itself is wrong.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Layers and modules that found no partner.
    #[error("{}", unmatched(.layers, .modules))]
    Unmatched {
        /// Layers without a module, with the shapes that they need.
        layers: Vec<String>,
        /// Modules without a layer, with their shapes.
        modules: Vec<String>,
    },
    /// The map names something that is not there or does not fit.
    #[error("map: {0}")]
    Map(String),
    /// A weight is no number.
    #[error("array {name:?}: value {at} is not finite")]
    NotFinite {
        /// The array.
        name: String,
        /// 0-based, row-major.
        at: usize,
    },
    /// The channels of the input cannot be brought into our order.
    #[error("{0}")]
    Channels(String),
}

fn unmatched(layers: &[String], modules: &[String]) -> String {
    let list = |title: &str, items: &[String]| match items {
        [] => format!("\n  {title}: none"),
        items => items.iter().map(|item| format!("\n  {title}: {item}")).collect(),
    };
    format!(
        "expected a module of the file for each layer with weights; left over are{}{}",
        list("of the network", layers),
        list("of the file", modules)
    )
}

/// Makes a model of a network's description and the arrays of a state dict.
///
/// A module fits a layer if it has the layer's arrays in PyTorch's shapes and no others; a bias may be missing, and
/// scale and shift of a norm. In a file that has our own names, names decide; else each layer takes the first unused
/// module that fits.
///
/// # Errors
/// A network that does not fit together; layers or modules left over; a map that names what is not there; weights that
/// are not finite.
pub fn import(
    architecture: &Architecture,
    purpose: &Purpose,
    arrays: &[StateArray],
    options: &ImportOptions,
) -> Result<Imported, ImportError> {
    let Purpose { tasks, encoding, length, covariates, control } = purpose.clone();
    let purpose = model::Purpose { tasks, encoding, length, covariates, control, training: None };
    let mut model = Model::fresh(architecture, purpose, 0, &OpenedDevice::cpu())?;
    let mut absent = Vec::new();
    let assignments = Matcher::new(&model.plan, arrays).assign(&options.map, options.in_order)?;
    let mut weights = model.weights.clone();
    for Assignment { module, places, .. } in &assignments {
        for (part, array) in module.parts.iter().zip(places) {
            match array {
                Some(i) => put(&mut weights, part, &model.plan, &arrays[*i])?,
                None => {
                    if let Some(value) = part.absent.filter(|_| part.layout != Layout::Added) {
                        values(&mut weights, part).fill(value);
                        let name = format!("{} = {value}", leaf_name(module, part));
                        // Three of ours may be one of theirs.
                        if absent.last() != Some(&name) {
                            absent.push(name);
                        }
                    }
                }
            }
        }
    }
    permute(&model.plan, &mut weights, options.channel_order).map_err(ImportError::Channels)?;
    let matches = assignments.into_iter().map(|assignment| assignment.matched).collect();
    model = model.with_weights(weights);
    Ok(Imported { model, matches, absent })
}

/// Our values for a part.
fn values<'a>(weights: &'a mut Weights, part: &Part) -> &'a mut Vec<f32> {
    match part.ours {
        Ours::Parameter(i) => &mut weights.parameters[i].values,
        Ours::Buffer(i) => &mut weights.buffers[i].values,
    }
}

/// Copies an array of the right shape into its place.
fn put(weights: &mut Weights, part: &Part, plan: &Plan, array: &StateArray) -> Result<(), ImportError> {
    if let Some(at) = array.values.iter().position(|value| !value.is_finite()) {
        return Err(ImportError::NotFinite { name: array.name.clone(), at });
    }
    let ours = values(weights, part);
    match part.layout {
        Layout::Same => ours.copy_from_slice(&array.values),
        Layout::Transposed => *ours = transposed(&array.values, part.spec(plan).shape[0]),
        Layout::Third { number } => {
            let size = ours.len();
            let third = &array.values[number * size..(number + 1) * size];
            *ours = match part.spec(plan).shape[..] {
                [rows, _] => transposed(third, rows),
                _ => third.to_vec(),
            };
        }
        // Zeros change nothing, not even the sign of a zero.
        Layout::Added => {
            for (sum, value) in ours.iter_mut().zip(&array.values).filter(|(_, value)| **value != 0.0) {
                *sum += value;
            }
        }
    }
    Ok(())
}

/// The transpose of a matrix with `columns` columns.
pub(super) fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let columns = columns.max(1);
    (0..columns).flat_map(|column| values.iter().skip(column).step_by(columns).copied()).collect()
}
