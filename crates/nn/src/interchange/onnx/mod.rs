//! A model as an ONNX graph (<https://onnx.ai/onnx/intro/>), for onnxruntime and other programs.
//!
//! The graph takes `sequence`, one-hot `[batch, channels, length]` of `float32` for a batch of any size, and gives
//! `scores`, `[batch, outputs]`: the raw scores that [`Predict`] gives, logits for binary tasks
//! and classes. A model with covariates also takes `covariates`, `[batch, number]` of `float32`, as they come in a table,
//! NaN where one is unknown: the graph transforms and standardizes them. One with control signal takes `control`, `[batch,
//! tracks, bins]` of `float32`, NaN where it is unknown, which the graph reads as 0. What channels, covariates, control and
//! outputs mean is in the metadata, under `basewise.encoding`, `basewise.covariates`, `basewise.control`, `basewise.tasks`
//! and `basewise.outputs`.

mod attention;
mod control;
mod covariates;
mod graph;
mod layers;
mod norms;
mod protobuf;
mod recurrent;
mod strands;

use crate::model::Model;
use basewise_core::Predict;
use graph::Graph;
use protobuf::Message;

/// The version of the operators: all that the rules use are older, and runtimes of 2022 and later know it.
pub const OPSET: u64 = 17;

/// The version of the file's form that came with it.
const IR_VERSION: u64 = 8;

/// A file of Google's protocol buffers holds less than 2 GiB; the rest of the graph needs little beside the weights.
const MAX_WEIGHTS: usize = (1 << 31) - (16 << 20);

/// Why a model could not be written as ONNX.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// More weights than one file holds.
    #[error("expected weights of at most {MAX_WEIGHTS} bytes, which is what an ONNX file can hold, found {found}")]
    TooLarge {
        /// Bytes of all weights.
        found: usize,
    },
    /// The metadata could not be written.
    #[error("the metadata could not be written: {0}")]
    Metadata(#[from] serde_json::Error),
}

/// The bytes of an `.onnx` file; equal models give equal bytes.
///
/// # Errors
/// Weights of 2 GiB and more.
pub fn export(model: &Model) -> Result<Vec<u8>, OnnxError> {
    let found = 4 * model.weights.arrays().map(|array| array.values.len()).sum::<usize>();
    if found > MAX_WEIGHTS {
        return Err(OnnxError::TooLarge { found });
    }
    let mut graph = Graph::new(model);
    let scores = layers::sequence(&mut graph, &model.plan.steps, graph::Value::input());
    let graph = graph.finish(&scores, model.plan.input, model.plan.outputs);
    let mut metadata = vec![
        ("basewise.tasks", serde_json::to_string(model.tasks())?),
        ("basewise.encoding", serde_json::to_string(&model.encoding())?),
        ("basewise.outputs", serde_json::to_string(&model.output_names())?),
        ("basewise.channels", if model.encoding().channels() == 5 { "A C G T case" } else { "A C G T" }.to_owned()),
    ];
    if !model.covariates().is_empty() {
        metadata.push(("basewise.covariates", serde_json::to_string(model.covariates())?));
    }
    if let Some(control) = model.control() {
        metadata.push(("basewise.control", serde_json::to_string(control)?));
    }
    // Fields of ModelProto, GraphProto and so on, by the numbers of onnx.proto.
    let mut file = Message::default();
    file.number(1, IR_VERSION);
    file.text(2, "basewise");
    file.text(3, env!("CARGO_PKG_VERSION"));
    file.message(7, &graph);
    let mut opset = Message::default();
    opset.text(1, "");
    opset.number(2, OPSET);
    file.message(8, &opset);
    for (key, value) in metadata {
        let mut entry = Message::default();
        entry.text(1, key);
        entry.text(2, &value);
        file.message(14, &entry);
    }
    Ok(file.bytes())
}

#[cfg(test)]
mod tests;
