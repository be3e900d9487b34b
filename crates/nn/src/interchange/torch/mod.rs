//! State dicts of PyTorch: arrays by name, as `torch.nn` modules keep them.
//!
//! [`export`] names them after our layers (`layer1.weight`, `layer3.b1.2.running_mean`, `layer4.query.weight`) in PyTorch's
//! layouts; [`import`] takes any names, and finds the module of each layer by its arrays' shapes, in order, or by a map.
//!
//! ```
//! use basewise_core::{Alphabet, CasePolicy, Encoding, Task, TaskKind};
//! use basewise_nn::interchange::torch::{ImportOptions, Purpose, StateArray, import};
//! use basewise_nn::{Architecture, Layer};
//!
//! // y = w x + b on one-hot sequences of 2 positions: PyTorch keeps w as [outputs, inputs].
//! let arrays = [
//!     StateArray { name: "fc.weight".into(), shape: vec![1, 8], values: vec![0.5; 8] },
//!     StateArray { name: "fc.bias".into(), shape: vec![1], values: vec![-1.0] },
//! ];
//! let purpose = Purpose {
//!     tasks: vec![Task { name: "site".into(), kind: TaskKind::Binary }],
//!     encoding: Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore },
//!     length: 2,
//!     covariates: vec![],
//!     control: None,
//! };
//! let imported = import(&Architecture::new(vec![]), &purpose, &arrays, &ImportOptions::default())?;
//! assert_eq!(imported.matches[0].to_string(), "head (dense 1) = fc");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod channels;
mod export;
mod import;
mod map;
mod matching;
mod modules;
mod rules;

pub(in crate::interchange) use channels::permute;
pub use export::{export, to_safetensors};
pub use import::{ImportError, ImportOptions, Imported, Purpose, import};
pub use map::parse_map;
pub use matching::Match;

/// An array of a state dict.
#[derive(Clone, Debug, PartialEq)]
pub struct StateArray {
    /// Such as `conv1.weight`.
    pub name: String,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: Vec<f32>,
}

#[cfg(test)]
mod tests;
