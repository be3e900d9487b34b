//! A model becomes a state dict.

use super::StateArray;
use super::import::transposed;
use super::matching::leaf_name;
use super::rules::{Attention, Layout, Ours, Part, modules};
use crate::model::Model;
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::io;

/// The arrays of a model under PyTorch's names and in its layouts, in the order of the layers.
pub fn export(model: &Model) -> Vec<StateArray> {
    let array = |name: String, part: &Part| {
        let values = match part.ours {
            Ours::Parameter(i) => &model.weights.parameters[i].values,
            Ours::Buffer(i) => &model.weights.buffers[i].values,
        };
        let values = match part.layout {
            Layout::Transposed => transposed(values, part.spec(&model.plan).shape[1]),
            Layout::Added => vec![0.0; values.len()],
            // Thirds are only read.
            Layout::Same | Layout::Third { .. } => values.clone(),
        };
        StateArray { name, shape: part.shape(&model.plan), values }
    };
    let mut arrays = Vec::new();
    for module in model.plan.steps_deep().flat_map(|step| modules(step, Attention::Linears)) {
        arrays.extend(module.parts.iter().map(|part| array(leaf_name(&module, part), part)));
    }
    arrays
}

/// The bytes of a `.safetensors` file of arrays, as `safetensors.torch.load_file` reads it.
///
/// # Errors
/// Arrays whose shapes do not fit their values.
pub fn to_safetensors(arrays: &[StateArray]) -> io::Result<Vec<u8>> {
    let data: Vec<Vec<u8>> =
        arrays.iter().map(|array| array.values.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let views = arrays
        .iter()
        .zip(&data)
        .map(|(array, data)| Ok((array.name.clone(), TensorView::new(Dtype::F32, array.shape.clone(), data)?)))
        .collect::<Result<Vec<_>, SafeTensorError>>()
        .map_err(io::Error::other)?;
    // The entry by which PyTorch's own files say who wrote them; one entry, because entries have no order.
    let header = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(header)).map_err(io::Error::other)
}
