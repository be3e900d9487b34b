//! How `keras.layers` keep the arrays of each layer, brought into the layouts of PyTorch: one function a layer.

use super::modules::{Leaf, Module};
use super::settings::Settings;
use super::{KerasError, StateArray};
use crate::network::{BATCH_NORM_EPSILON, LAYER_NORM_EPSILON};

/// The epsilon of Keras's norms, if nothing is said.
const KERAS_EPSILON: f64 = 1e-3;

/// The arrays of a layer under PyTorch's names. `turned` says that convolutions were computed with kernels turned around.
pub(super) fn module(module: &Module, settings: &Settings, turned: bool) -> Result<Vec<StateArray>, KerasError> {
    let mut names: Vec<&str> = module.leaves.iter().filter(|leaf| !leaf.backward).map(|leaf| leaf.name).collect();
    names.sort_unstable();
    names.dedup();
    match names[..] {
        ["bias", "kernel"] | ["kernel"] => weighted(module, turned),
        ["bias", "depthwise_kernel", "pointwise_kernel"] | ["depthwise_kernel", "pointwise_kernel"] => {
            separable(module, turned)
        }
        ["bias", "kernel", "recurrent_kernel"] | ["kernel", "recurrent_kernel"] => recurrent(module, settings),
        ["beta", "gamma"] | ["beta"] | ["gamma"] => layer_norm(module, settings),
        _ if names.contains(&"moving_mean") && names.contains(&"moving_variance") => batch_norm(module, settings),
        _ => Err(module.wrong(format!(
            "expected the arrays of a convolution, a dense layer, a batch or layer norm, an LSTM or a GRU, found {}",
            module.describe()
        ))),
    }
}

fn array(module: &Module, leaf: &str, shape: Vec<usize>, values: Vec<f32>) -> StateArray {
    StateArray { name: format!("{}.{leaf}", module.name), shape, values }
}

fn same(module: &Module, leaf: &str, from: &StateArray) -> StateArray {
    array(module, leaf, from.shape.clone(), from.values.clone())
}

/// A dense layer, or a convolution in one or two dimensions: the kernel's last two dimensions are inputs and outputs.
fn weighted(module: &Module, turned: bool) -> Result<Vec<StateArray>, KerasError> {
    let mut arrays = Vec::new();
    for leaf in &module.leaves {
        arrays.push(match leaf.name {
            "kernel" => kernel(module, "weight", leaf.array, turned)?,
            _ => same(module, "bias", leaf.array),
        });
    }
    Ok(arrays)
}

/// `[positions.., in, out]` becomes `[out, in, positions..]`.
fn kernel(module: &Module, leaf: &str, from: &StateArray, turned: bool) -> Result<StateArray, KerasError> {
    let [ref positions @ .., inputs, outputs] = from.shape[..] else {
        return Err(module.wrong(format!("expected a kernel of at least two dimensions, found {:?}", from.shape)));
    };
    let places: usize = positions.iter().product();
    let mut values = Vec::with_capacity(from.values.len());
    for output in 0..outputs {
        for input in 0..inputs {
            for place in 0..places {
                let place = if turned { places - 1 - place } else { place };
                values.push(from.values[(place * inputs + input) * outputs + output]);
            }
        }
    }
    let shape = [&[outputs, inputs], positions].concat();
    Ok(array(module, leaf, shape, values))
}

/// `SeparableConv1D` is two convolutions: filters for each channel, `[width, in, filters]`, then `[1, in * filters, out]`.
fn separable(module: &Module, turned: bool) -> Result<Vec<StateArray>, KerasError> {
    let mut arrays = Vec::new();
    for leaf in &module.leaves {
        arrays.push(match leaf.name {
            "depthwise_kernel" => {
                let [width, inputs, filters] = leaf.array.shape[..] else {
                    return Err(module.wrong(format!("expected [width, in, filters], found {}", module.describe())));
                };
                let grouped = StateArray {
                    name: String::new(),
                    shape: vec![width, 1, inputs * filters],
                    values: leaf.array.values.clone(),
                };
                kernel(module, "depthwise.weight", &grouped, turned)?
            }
            "pointwise_kernel" => kernel(module, "pointwise.weight", leaf.array, turned)?,
            _ => same(module, "pointwise.bias", leaf.array),
        });
    }
    Ok(arrays)
}

fn batch_norm(module: &Module, settings: &Settings) -> Result<Vec<StateArray>, KerasError> {
    let epsilon = settings.number(&module.name, "epsilon").unwrap_or(KERAS_EPSILON);
    let more = (epsilon - BATCH_NORM_EPSILON) as f32;
    let translated = |leaf: &Leaf| {
        Ok(match leaf.name {
            "gamma" => same(module, "weight", leaf.array),
            "beta" => same(module, "bias", leaf.array),
            "moving_mean" => same(module, "running_mean", leaf.array),
            "moving_variance" => {
                let values = leaf.array.values.iter().map(|variance| variance + more).collect();
                array(module, "running_var", leaf.array.shape.clone(), values)
            }
            _ => return Err(module.wrong(format!("expected the arrays of a batch norm, found {}", module.describe()))),
        })
    };
    module.leaves.iter().map(translated).collect()
}

/// Its epsilon stands under the root beside a variance that is not kept, so it must be ours.
fn layer_norm(module: &Module, settings: &Settings) -> Result<Vec<StateArray>, KerasError> {
    let epsilon = settings.number(&module.name, "epsilon").unwrap_or(KERAS_EPSILON);
    if (epsilon - LAYER_NORM_EPSILON).abs() > 1e-9 {
        return Err(module.wrong(format!(
            "expected a layer norm with an epsilon of {LAYER_NORM_EPSILON:e}, found {epsilon:e} (Keras's own is \
             {KERAS_EPSILON:e}; only a file of model.save says another)"
        )));
    }
    let name = |leaf: &Leaf| if leaf.name == "gamma" { "weight" } else { "bias" };
    Ok(module.leaves.iter().map(|leaf| same(module, name(leaf), leaf.array)).collect())
}

/// An LSTM with the gates `i, f, c, o`, or a GRU with the gates `z, r, h`.
fn recurrent(module: &Module, settings: &Settings) -> Result<Vec<StateArray>, KerasError> {
    check_settings(module, settings)?;
    let mut arrays = Vec::new();
    for leaf in &module.leaves {
        let side = if leaf.backward { "_reverse" } else { "" };
        let gates = gates(module, leaf.backward)?;
        let order: &[usize] = if gates == 3 { &[1, 0, 2] } else { &[0, 1, 2, 3] };
        let part = |name: &str, rows: usize, values: &[f32]| {
            let (shape, values) = by_gate(values, rows, order);
            array(module, &format!("{name}_l0{side}"), shape, values)
        };
        match (leaf.name, &leaf.array.shape[..]) {
            ("kernel", &[inputs, _]) => arrays.push(part("weight_ih", inputs, &leaf.array.values)),
            ("recurrent_kernel", &[units, _]) => arrays.push(part("weight_hh", units, &leaf.array.values)),
            ("bias", &[2, all]) if gates == 3 => {
                let (input, hidden) = leaf.array.values.split_at(all);
                for (name, values) in [("bias_ih", input), ("bias_hh", hidden)] {
                    arrays.push(StateArray { shape: vec![all], ..part(name, 1, values) });
                }
            }
            ("bias", &[all]) if gates == 4 => {
                arrays.push(StateArray { shape: vec![all], ..part("bias_ih", 1, &leaf.array.values) });
            }
            ("bias", &[_]) => return Err(resets_before(module)),
            _ => return Err(module.wrong(format!("expected arrays of two dimensions, found {}", module.describe()))),
        }
    }
    Ok(arrays)
}

/// Gates of one direction, from the shape of its recurrent kernel, `[units, gates * units]`.
fn gates(module: &Module, backward: bool) -> Result<usize, KerasError> {
    let kernel = |leaf: &&Leaf| leaf.backward == backward && leaf.name == "recurrent_kernel";
    match module.leaves.iter().find(kernel).map(|leaf| &leaf.array.shape[..]) {
        Some(&[units, all]) if all == 3 * units && units > 0 => Ok(3),
        Some(&[units, all]) if all == 4 * units && units > 0 => Ok(4),
        _ => Err(module.wrong(format!("expected the arrays of an LSTM or a GRU, found {}", module.describe()))),
    }
}

/// `[rows, gates * units]` becomes `[gates * units, rows]` with the gates in another order.
fn by_gate(values: &[f32], rows: usize, order: &[usize]) -> (Vec<usize>, Vec<f32>) {
    let all = values.len() / rows.max(1);
    let units = all / order.len();
    let columns = order.iter().flat_map(|gate| gate * units..(gate + 1) * units);
    let turned = columns.flat_map(|column| (0..rows).map(move |row| values[row * all + column])).collect();
    (vec![all, rows], turned)
}

/// Settings under which our recurrent layers would compute something else.
fn check_settings(module: &Module, settings: &Settings) -> Result<(), KerasError> {
    let texts = [("recurrent_activation", "sigmoid"), ("activation", "tanh"), ("merge_mode", "concat")];
    for (key, want) in texts {
        if let Some(found) = settings.text(&module.name, key).filter(|found| *found != want) {
            return Err(module.wrong(format!("expected {key} {want:?}, found {found:?}")));
        }
    }
    if settings.flag(&module.name, "go_backwards") == Some(true) {
        return Err(module.wrong("expected one that reads from the start, found go_backwards"));
    }
    match settings.flag(&module.name, "reset_after") {
        Some(false) => Err(resets_before(module)),
        _ => Ok(()),
    }
}

fn resets_before(module: &Module) -> KerasError {
    module.wrong(
        "expected a GRU that resets after its product (reset_after=True, two biases), found one that resets before",
    )
}
