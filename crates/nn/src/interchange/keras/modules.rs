//! The layers of a file, told by the paths of its arrays.

use super::KerasError;
use super::StateArray;
use std::collections::BTreeMap;

/// An array of a layer, under one of Keras's names for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Leaf<'a> {
    /// Such as `kernel`, or `recurrent_kernel`.
    pub(super) name: &'a str,
    /// Whether it belongs to the layer that reads from the end.
    pub(super) backward: bool,
    pub(super) array: &'a StateArray,
}

/// The arrays of one layer; those of both directions for a bidirectional one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Module<'a> {
    /// Its path, such as `conv1d_1` or `model/conv1d_1`.
    pub(super) name: String,
    pub(super) leaves: Vec<Leaf<'a>>,
}

impl Module<'_> {
    pub(super) fn wrong(&self, message: impl Into<String>) -> KerasError {
        KerasError::Layer { layer: self.name.clone(), message: message.into() }
    }

    /// `kernel [3, 4, 8], bias [8]`.
    pub(super) fn describe(&self) -> String {
        let leaves: Vec<String> =
            self.leaves.iter().map(|leaf| format!("{} {:?}", leaf.name, leaf.array.shape)).collect();
        leaves.join(", ")
    }
}

/// The layers in the order in which their first arrays come.
pub(super) fn modules(arrays: &[StateArray]) -> Result<Vec<Module<'_>>, KerasError> {
    let mut modules: Vec<Module> = Vec::new();
    let mut places = BTreeMap::new();
    for array in arrays {
        let (name, backward, leaf) = place_of(&array.name);
        let place = *places.entry(name.clone()).or_insert(modules.len());
        let leaf = Leaf { name: leaf, backward, array };
        match modules.get_mut(place) {
            Some(module) => module.leaves.push(leaf),
            None => modules.push(Module { name, leaves: vec![leaf] }),
        }
    }
    modules.iter_mut().try_for_each(name_numbered)?;
    Ok(modules)
}

/// Cuts a path into the layer, whether the array reads backward, and the array's name: a cell and a direction are parts of
/// their recurrent layer.
fn place_of(path: &str) -> (String, bool, &str) {
    let (layer, leaf) = path.rsplit_once('/').unwrap_or(("", path));
    let mut parts: Vec<&str> = layer.split('/').collect();
    let mut backward = false;
    let cell = parts.len() > 1 && parts.last().is_some_and(|part| is_cell(part));
    if cell {
        parts.pop();
    }
    if let [.., _, last] = parts[..]
        && let Some((direction, inner)) = last.split_once('_')
        && ["forward", "backward"].contains(&direction)
        // A cell says what is around it; before there were cells, the name of the layer does.
        && (cell || ["lstm", "gru", "layer"].iter().any(|kind| inner.starts_with(kind)))
    {
        backward = direction == "backward";
        parts.pop();
    }
    (parts.join("/"), backward, modern(leaf))
}

/// Whether Keras calls a cell so: `cell`, `gru_cell` or `lstm_cell_3`.
fn is_cell(name: &str) -> bool {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_');
    ["cell", "gru_cell", "lstm_cell"].contains(&plain)
}

/// Today's name of an array of Keras 1. Its `running_std` is a variance.
fn modern(leaf: &str) -> &str {
    match leaf {
        "W" => "kernel",
        "b" => "bias",
        "running_mean" => "moving_mean",
        "running_std" => "moving_variance",
        other => other,
    }
}

/// Names the arrays of Keras 3's own layout, which has only their numbers, in the order in which its layers make them.
fn name_numbered(module: &mut Module) -> Result<(), KerasError> {
    if module.leaves.iter().any(|leaf| leaf.name.parse::<usize>().is_err()) {
        return Ok(());
    }
    for backward in [false, true] {
        let of_side: Vec<usize> = (0..module.leaves.len()).filter(|&i| module.leaves[i].backward == backward).collect();
        let ranks: Vec<usize> = of_side.iter().map(|&i| module.leaves[i].array.shape.len().min(3)).collect();
        let names: &[&'static str] = match ranks[..] {
            [2, 2] | [2, 2, 1 | 2] => &["kernel", "recurrent_kernel", "bias"],
            [1, 1] => &["gamma", "beta"],
            [1, 1, 1, 1] => &["gamma", "beta", "moving_mean", "moving_variance"],
            [2 | 3, 2 | 3, 1] | [3, 2 | 3] => &["depthwise_kernel", "pointwise_kernel", "bias"],
            [2 | 3] | [2 | 3, 1] => &["kernel", "bias"],
            [] => &[],
            _ => {
                let shapes: Vec<&[usize]> = of_side.iter().map(|&i| &module.leaves[i].array.shape[..]).collect();
                return Err(module.wrong(format!("expected the arrays of a known layer, found the shapes {shapes:?}")));
            }
        };
        for (&i, name) in of_side.iter().zip(names) {
            module.leaves[i].name = name;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cut_into_layer_direction_and_array() {
        let of = |path: &'static str| place_of(path);
        let place = |layer: &str, backward, leaf| (layer.to_owned(), backward, leaf);
        assert_eq!(of("conv1d/kernel"), place("conv1d", false, "kernel"));
        assert_eq!(of("m/conv1d/bias"), place("m/conv1d", false, "bias"));
        assert_eq!(of("gru/gru_cell_3/bias"), place("gru", false, "bias"));
        assert_eq!(of("bi/backward_gru/gru_cell/kernel"), place("bi", true, "kernel"));
        assert_eq!(of("bi/forward_layer/cell/0"), place("bi", false, "0"));
        // A network of one's own may have such names for other things.
        assert_eq!(of("forward_conv/kernel"), place("forward_conv", false, "kernel"));
        assert_eq!(of("m/forward_conv/kernel"), place("m/forward_conv", false, "kernel"));
        assert_eq!(of("m/t_cell/kernel"), place("m/t_cell", false, "kernel"));
        assert_eq!(of("gru_cell/kernel"), place("gru_cell", false, "kernel"));
        assert_eq!(of("bi_1/backward_lstm_2/bias"), place("bi_1", true, "bias"));
        assert_eq!(of("dense_1/W"), place("dense_1", false, "kernel"));
        assert_eq!(of("kernel"), place("", false, "kernel"));
    }

    #[test]
    fn numbered_arrays_get_names_by_their_shapes() {
        let named = |shapes: &[&[usize]]| {
            let arrays: Vec<StateArray> = (shapes.iter().enumerate())
                .map(|(i, shape)| StateArray { name: format!("x/{i}"), shape: shape.to_vec(), values: Vec::new() })
                .collect();
            let modules = modules(&arrays).map_err(|error| error.to_string())?;
            Ok::<_, String>(modules[0].leaves.iter().map(|leaf| leaf.name).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(named(&[&[3, 4, 8], &[8]]).unwrap(), "kernel bias");
        assert_eq!(named(&[&[4, 8]]).unwrap(), "kernel");
        assert_eq!(named(&[&[8][..]; 4]).unwrap(), "gamma beta moving_mean moving_variance");
        assert_eq!(named(&[&[4, 12], &[4, 12], &[2, 12]]).unwrap(), "kernel recurrent_kernel bias");
        assert!(named(&[&[8][..]; 3]).unwrap_err().contains("layer \"x\": expected the arrays of a known layer"));
    }
}
