//! Weights that PyTorch saved: state dicts in `.pt` and `.pth` files (`torch.save(model.state_dict(), ...)`) and in
//! `.safetensors` files.
//!
//! A `.pt` file is a pickle, a small program for Python's unpickler. It is not run here: an interpreter that knows only
//! what state dicts are made of reads it, and refuses everything else by name.

mod pickle;
mod safetensors;
mod tensor;
mod torch;

pub(crate) use self::safetensors::natural;

use crate::error::{Error, Result};
use crate::input::open_file;
use crate::keras::SIGNATURE as HDF5;
use std::io::Read;
use std::path::Path;

/// Larger files are refused before they are read, and so are archives whose content is larger.
const MAX_BYTES: u64 = 4 << 30;

/// An array of numbers by name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedArray {
    /// Such as `conv1.weight`.
    pub name: String,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// The values, row-major; those of another type are rounded to the nearest `f32`.
    pub values: Vec<f32>,
}

/// The arrays of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateDict {
    /// Arrays of numbers with a fraction, in the order of [`StateDict::in_order`].
    pub arrays: Vec<NamedArray>,
    /// Names of arrays of whole numbers or truth values, which are no weights.
    pub integers: Vec<String>,
    /// Whether the arrays come in the order in which the network names its layers. Files in the safetensors format have
    /// lost it; theirs are sorted by name, numbers within names by value.
    pub in_order: bool,
    /// What a person should know: where in the file the weights were, and what was converted.
    pub notes: Vec<String>,
}

impl StateDict {
    /// Says which types were converted; `types` are those of its arrays.
    fn note_types(&mut self, types: &[tensor::Type]) {
        for of in [tensor::Type::F16, tensor::Type::Bf16, tensor::Type::F64] {
            let count = types.iter().filter(|&&other| other == of).count();
            if count > 0 {
                let (all, name) = (types.len(), of.name());
                self.notes.push(format!("{count} of {all} arrays were converted from {name} to float32"));
            }
        }
    }
}

/// Reads the weights of a file, whose kind is told by its first bytes. No code in it is run.
///
/// # Errors
/// A file of another kind, of the form before PyTorch 1.6, truncated or damaged; a pickle that names anything but what
/// state dicts are made of; more than 4 GiB.
pub fn read(path: &Path) -> Result<StateDict> {
    let bytes = read_bounded(path)?;
    parse(&bytes).map_err(|wrong| {
        let error = Error::of(path, wrong.message);
        if wrong.hint.is_empty() { error } else { error.with_hint(wrong.hint) }
    })
}

pub(crate) fn read_bounded(path: &Path) -> Result<Vec<u8>> {
    let file = open_file(path)?;
    let size = file.metadata().map_err(|cause| Error::io(path, "read", cause))?.len();
    if size > MAX_BYTES {
        return Err(Error::of(path, format!("expected at most {MAX_BYTES} bytes of weights, found {size}")));
    }
    let mut bytes = Vec::new();
    // A file that grows meanwhile, or a device, ends at the limit too.
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|cause| Error::io(path, "read", cause))?;
    Ok(bytes)
}

/// What is wrong with a file, and what to do about it if that is known.
#[derive(Debug, PartialEq)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) hint: &'static str,
}

impl Wrong {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: "" }
    }

    pub(crate) fn with_hint(message: impl Into<String>, hint: &'static str) -> Self {
        Self { message: message.into(), hint }
    }

    pub(crate) fn truncated() -> Self {
        Self::with_hint(
            "expected a whole file, found truncated or damaged data",
            "the file is incomplete: copy or download it again",
        )
    }
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

/// What to do where a file holds more than weights.
const SAVE_WEIGHTS: &str = "save the weights alone: torch.save(model.state_dict(), 'weights.pt')";

fn parse(bytes: &[u8]) -> std::result::Result<StateDict, Wrong> {
    match bytes {
        [] => Err(Wrong::new("is empty")),
        [b'P', b'K', 3, 4, ..] => torch::parse(bytes),
        // A pickle without an archive around it.
        [0x80, 2..=5, ..] => Err(Wrong::with_hint(
            "expected an archive as PyTorch 1.6 or newer saves it, found the older form",
            "load it with PyTorch and save it again: torch.save(torch.load('old.pt'), 'new.pt')",
        )),
        _ if bytes.starts_with(HDF5) => Err(Wrong::with_hint(
            "expected weights saved by PyTorch (.pt, .pth or .safetensors), found an HDF5 file",
            "weights that Keras saved have a reader of their own",
        )),
        _ if bytes.get(8) == Some(&b'{') => safetensors::parse(bytes),
        _ => Err(Wrong::with_hint(
            "expected weights saved by PyTorch (.pt, .pth or .safetensors) or by Keras (.h5), found other data",
            "torch.save(model.state_dict(), 'weights.pt') makes such a file, or model.save_weights('weights.h5') of Keras",
        )),
    }
}

#[cfg(test)]
mod tests;
