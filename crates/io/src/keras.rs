//! Weights that Keras saved in HDF5 files (`.h5`): by `save_weights` and `save` of Keras 1 to 3, and by `save_weights`
//! of Keras 3 in its own layout (`.weights.h5`).
//!
//! HDF5 itself is decoded by the crate hdf5-pure. What the arrays mean is not decided here.

use crate::error::{Error, Result};
use crate::state_dict::{NamedArray, Wrong, natural, read_bounded};
use hdf5_pure::{AttrValue, DType, Dataset, File, Group};
use std::collections::HashMap;
use std::path::Path;

/// The first bytes of an HDF5 file.
pub(crate) const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// Groups within groups, and arrays in all, that are looked at: links of a damaged file may lead in circles.
const MAX_DEPTH: usize = 24;
const MAX_OBJECTS: usize = 100_000;

/// The arrays of a file and what it says of their network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KerasWeights {
    /// Arrays of numbers with a fraction, in the order in which the network names its layers. A name is a path of layer and
    /// array, as Keras has it without the `:0` of TensorFlow: `conv1d/kernel`, `bidirectional/forward_gru/gru_cell/bias`.
    /// The layout of Keras 3 has numbers for arrays (`conv1d/0`), and the order of layers of one kind.
    pub arrays: Vec<NamedArray>,
    /// The network as JSON, where the file has it (`model.save`).
    pub config: Option<String>,
    /// What computed the network, such as `tensorflow`, where the file says it.
    pub backend: Option<String>,
}

/// Whether a file begins as an HDF5 file does.
///
/// # Errors
/// A file that cannot be read.
pub fn is_hdf5(path: &Path) -> Result<bool> {
    use std::io::Read;
    let mut start = Vec::new();
    let file = crate::input::open_file(path)?;
    file.take(SIGNATURE.len() as u64).read_to_end(&mut start).map_err(|cause| Error::io(path, "read", cause))?;
    Ok(start == SIGNATURE)
}

/// Reads the weights of a file.
///
/// # Errors
/// No HDF5 file, a truncated or damaged one, one that Keras did not write; more than 4 GiB.
pub fn read(path: &Path) -> Result<KerasWeights> {
    let bytes = read_bounded(path)?;
    parse(bytes).map_err(|wrong| {
        let error = Error::of(path, wrong.message);
        if wrong.hint.is_empty() { error } else { error.with_hint(wrong.hint) }
    })
}

type Parsed<T> = std::result::Result<T, Wrong>;

fn parse(bytes: Vec<u8>) -> Parsed<KerasWeights> {
    if !bytes.starts_with(SIGNATURE) {
        return Err(Wrong::new("expected weights saved by Keras (.h5), found other data"));
    }
    // Deflate makes at most 1,032 bytes of one; the smallest files may hold some more, and no memory is at risk.
    let budget = (bytes.len() / 4).saturating_mul(1032).min(1 << 30);
    let file = File::from_bytes(bytes).map_err(damaged)?;
    let root = file.root();
    let attributes = root.attrs().map_err(damaged)?;
    let mut reader = Reader { budget, objects: 0, arrays: Vec::new() };
    let weights = match root.group("model_weights") {
        Ok(weights) => weights,
        Err(_) => file.root(),
    };
    let own = weights.attrs().map_err(damaged)?;
    match names(&own, "layer_names")? {
        Some(layers) => reader.by_layer(&weights, &layers)?,
        None => reader.by_path(&weights, "", 0)?,
    }
    if reader.arrays.is_empty() {
        return Err(Wrong::with_hint(
            "expected weights saved by Keras, found an HDF5 file without any",
            "save them with model.save_weights('weights.h5')",
        ));
    }
    let text = |name: &str| attributes.get(name).or(own.get(name)).and_then(AttrValue::as_str).map(str::to_owned);
    Ok(KerasWeights { arrays: reader.arrays, config: text("model_config"), backend: text("backend") })
}

fn damaged(error: hdf5_pure::Error) -> Wrong {
    let message = format!("expected a whole HDF5 file: {}", error.to_string().to_lowercase());
    Wrong::with_hint(message, "it may be truncated: copy it again, or save the weights anew")
}

/// The texts of an attribute, which Keras cuts into `name0`, `name1` and so on where they are long.
fn names(attributes: &HashMap<String, AttrValue>, name: &str) -> Parsed<Option<Vec<String>>> {
    if let Some(value) = attributes.get(name) {
        return texts(value, name).map(Some);
    }
    let mut all = Vec::new();
    for i in 0.. {
        let part = format!("{name}{i}");
        match attributes.get(&part) {
            Some(value) => all.extend(texts(value, &part)?),
            None => break,
        }
    }
    Ok((!all.is_empty()).then_some(all))
}

fn texts(value: &AttrValue, name: &str) -> Parsed<Vec<String>> {
    match value.as_strings() {
        Some(texts) => Ok(texts.to_vec()),
        // An empty list has the type of numbers.
        None if value.as_str().is_none() => Ok(Vec::new()),
        None => Err(Wrong::new(format!("attribute {name:?}: expected a list of names, found one text"))),
    }
}

struct Reader {
    /// Numbers that may still be read.
    budget: usize,
    objects: usize,
    arrays: Vec<NamedArray>,
}

impl Reader {
    /// The layout of Keras 1 and 2, and of `save` in Keras 3: a group a layer, which lists its arrays.
    fn by_layer(&mut self, root: &Group, layers: &[String]) -> Parsed<()> {
        for layer in layers {
            let group = root.group(layer).map_err(damaged)?;
            let own = group.attrs().map_err(damaged)?;
            for name in names(&own, "weight_names")?.unwrap_or_default() {
                let plain = name.strip_suffix(":0").unwrap_or(&name);
                // Keras 1 names an array after its layer: `dense_1_W`.
                let full = match plain.strip_prefix(layer.as_str()).and_then(|rest| rest.strip_prefix('_')) {
                    Some(rest) if !plain.contains('/') => format!("{layer}/{rest}"),
                    _ if !plain.contains('/') => format!("{layer}/{plain}"),
                    _ => plain.to_owned(),
                };
                self.array(&group.dataset(&name).map_err(damaged)?, full)?;
            }
        }
        Ok(())
    }

    /// The own layout of Keras 3: groups as the layers lie within each other, the arrays of each in `vars`, by number.
    fn by_path(&mut self, group: &Group, path: &str, depth: usize) -> Parsed<()> {
        if depth > MAX_DEPTH {
            return Err(Wrong::new(format!("expected at most {MAX_DEPTH} groups within each other, found more")));
        }
        let mut children = group.groups().map_err(damaged)?;
        children.sort_by(|a, b| natural(a, b));
        // A layer's own arrays come before those of the layers within it.
        children.sort_by_key(|name| name != "vars");
        for name in children {
            self.count()?;
            // The state of the optimizer is no part of the network.
            if depth == 0 && name == "optimizer" {
                continue;
            }
            let child = group.group(&name).map_err(damaged)?;
            match name.as_str() {
                "vars" => self.numbered(&child, path)?,
                "layers" => self.by_path(&child, path, depth + 1)?,
                _ if path.is_empty() => self.by_path(&child, &name, depth + 1)?,
                _ => self.by_path(&child, &format!("{path}/{name}"), depth + 1)?,
            }
        }
        Ok(())
    }

    fn numbered(&mut self, vars: &Group, path: &str) -> Parsed<()> {
        let mut names = vars.datasets().map_err(damaged)?;
        names.sort_by(|a, b| natural(a, b));
        for name in names {
            self.array(&vars.dataset(&name).map_err(damaged)?, format!("{path}/{name}"))?;
        }
        Ok(())
    }

    fn count(&mut self) -> Parsed<()> {
        self.objects += 1;
        if self.objects > MAX_OBJECTS {
            return Err(Wrong::new(format!("expected at most {MAX_OBJECTS} layers and arrays, found more")));
        }
        Ok(())
    }

    /// Reads an array; one of whole numbers, such as the state of a dropout, is no weight.
    fn array(&mut self, dataset: &Dataset, name: String) -> Parsed<()> {
        self.count()?;
        match dataset.dtype().map_err(damaged)? {
            DType::F32 | DType::F64 => {}
            DType::Other(found) => {
                return Err(Wrong::with_hint(
                    format!("array {name:?}: expected float32 or float64, found {found:?}"),
                    "save the weights as float32",
                ));
            }
            _ => return Ok(()),
        }
        let sizes = dataset.shape().map_err(damaged)?;
        let shape: Option<Vec<usize>> = sizes.iter().map(|&size| usize::try_from(size).ok()).collect();
        let count = shape.as_ref().and_then(|shape| shape.iter().try_fold(1usize, |all, &size| all.checked_mul(size)));
        let (Some(shape), Some(count)) = (shape, count.filter(|&count| count <= self.budget)) else {
            return Err(Wrong::new(format!(
                "array {name:?}: expected no more numbers than the file can hold, found {sizes:?}"
            )));
        };
        self.budget -= count;
        let values = dataset.read_f32().map_err(damaged)?;
        if values.len() != count {
            return Err(Wrong::truncated());
        }
        self.arrays.push(NamedArray { name, shape, values });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(name: &str) -> KerasWeights {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/keras_import");
        read(&folder.join(name)).unwrap()
    }

    fn shapes(weights: &KerasWeights) -> Vec<String> {
        weights.arrays.iter().map(|array| format!("{} {:?}", array.name, array.shape)).collect()
    }

    /// tests/golden/keras_import/make.py
    #[test]
    fn each_layout_gives_the_arrays_in_the_order_of_the_layers() {
        let two = golden("conv.h5");
        let expected = [
            "conv1d/kernel [4, 4, 6]",
            "batch_normalization/gamma [6]",
            "batch_normalization/beta [6]",
            "batch_normalization/moving_mean [6]",
            "batch_normalization/moving_variance [6]",
            "dense/kernel [30, 8]",
            "dense/bias [8]",
            "dense_1/kernel [8, 3]",
            "dense_1/bias [3]",
        ];
        assert_eq!(shapes(&two), expected);
        assert_eq!((two.backend.as_deref(), two.config.is_none()), (Some("tensorflow"), true));
        let model = golden("conv_model.h5");
        assert_eq!(model.arrays, two.arrays);
        assert!(model.config.unwrap().contains("BatchNormalization"));
        let three = shapes(&golden("conv_3_model.h5"));
        assert_eq!((three.len(), three[0].as_str()), (9, "sequential/conv1d/kernel [4, 4, 6]"));
        let own = shapes(&golden("gru_3.weights.h5"));
        assert_eq!(own[0], "bidirectional/backward_layer/cell/0 [4, 12]");
        assert_eq!(own[5..], ["bidirectional/forward_layer/cell/2 [2, 12]", "dense/0 [8, 2]", "dense/1 [2]"]);
    }

    #[test]
    fn other_files_are_refused() {
        let says = |bytes: Vec<u8>, text: &str| {
            let wrong = parse(bytes).unwrap_err();
            assert!(wrong.message.contains(text), "{}", wrong.message);
        };
        says(Vec::new(), "expected weights saved by Keras");
        says(b"PK\x03\x04".to_vec(), "expected weights saved by Keras");
        says(SIGNATURE.to_vec(), "expected a whole HDF5 file");
        let mut file = hdf5_pure::FileBuilder::new();
        file.create_dataset("x").with_f32_data(&[1.0, 2.0]);
        says(file.finish().unwrap(), "without any");
    }
}
