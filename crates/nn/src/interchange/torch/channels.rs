//! The order of the input's channels: ours is A, C, G, T.

use crate::architecture::Layer;

use crate::network::{Plan, Step, Weights};

/// Brings the weights that meet the input from `order` into ours.
pub(in crate::interchange) fn permute(plan: &Plan, weights: &mut Weights, order: [u8; 4]) -> Result<(), String> {
    let Some(from) = places(order) else {
        let found = String::from_utf8_lossy(&order).into_owned();
        return Err(format!("expected an order of the letters A, C, G and T, found {found:?}"));
    };
    if from == [0, 1, 2, 3] {
        return Ok(());
    }
    sequence(plan, &plan.steps, weights, from)
}

/// For each of A, C, G, T its place in `order`.
fn places(order: [u8; 4]) -> Option<[usize; 4]> {
    let mut places = [0; 4];
    for (place, letter) in places.iter_mut().zip(*b"ACGT") {
        *place = order.iter().position(|&other| other == letter)?;
    }
    Some(places)
}

/// The first layer with weights of a sequence of layers that reads the input; a concatenation has one in each branch.
/// Strands read the reverse complement in the same order.
fn sequence(plan: &Plan, steps: &[Step], weights: &mut Weights, from: [usize; 4]) -> Result<(), String> {
    let (channels, length) = (plan.input.channels, plan.input.length);
    let mut flat = false;
    for step in steps {
        match &step.layer {
            Layer::Dropout { .. } => {}
            Layer::Flatten => flat = true,
            // They come after what the sequence became.
            Layer::SideInputs { .. } if flat => {}
            // The sequence goes no further.
            Layer::ControlSignal { .. } => return Ok(()),
            Layer::Conv1d { groups: 1, .. } if !flat => {
                let weight = &mut weights.parameters[step.parameter].values;
                swap(weight, channels, plan.parameters[step.parameter].shape[2], from);
                return Ok(());
            }
            Layer::Dense { units } if flat => {
                swap(&mut weights.parameters[step.parameter].values, channels, length * units, from);
                return Ok(());
            }
            Layer::Lstm { bidirectional, .. } | Layer::Gru { bidirectional, .. } if !flat => {
                let arrays = if matches!(step.layer, Layer::Lstm { .. }) { 3 } else { 4 };
                for side in 0..crate::architecture::directions(*bidirectional) {
                    let at = step.parameter + side * arrays;
                    swap(&mut weights.parameters[at].values, channels, plan.parameters[at].shape[1], from);
                }
                return Ok(());
            }
            Layer::Concat { .. } | Layer::Strands { .. } if !flat => {
                return step.inner.iter().try_for_each(|steps| sequence(plan, steps, weights, from));
            }
            _ => return Err(needs_mixing(&format!("{} ({})", step.name, step.layer.label()))),
        }
    }
    Err(needs_mixing("an empty branch"))
}

fn needs_mixing(found: &str) -> String {
    format!(
        "the order of the channels can be changed where the input meets a conv1d, lstm, gru or dense layer first, found \
         {found}; save the network with the order ACGT"
    )
}

/// Reorders the first four channels of `[..., channels, inner]`.
fn swap(values: &mut [f32], channels: usize, inner: usize, from: [usize; 4]) {
    for block in values.chunks_exact_mut(channels * inner) {
        let old = block[..4 * inner].to_vec();
        for (to, place) in from.into_iter().enumerate() {
            block[to * inner..][..inner].copy_from_slice(&old[place * inner..][..inner]);
        }
    }
}
