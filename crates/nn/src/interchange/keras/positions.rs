//! The order of a flattened array: Keras has `[position, channel]`, we have `[channel, position]`.

use crate::architecture::{Layer, Shape};
use crate::network::{Plan, Step, Weights};

/// Brings the rows that meet a flattened array into our order.
pub(super) fn by_channel(plan: &Plan, weights: &mut Weights) {
    sequence(&plan.steps, weights);
}

fn sequence(steps: &[Step], weights: &mut Weights) {
    let mut flat: Option<Shape> = None;
    for step in steps {
        step.inner.iter().for_each(|steps| sequence(steps, weights));
        match (&step.layer, flat) {
            (Layer::Flatten, None) if step.input.length > 1 => flat = Some(step.input),
            (Layer::Dense { units }, Some(shape)) => {
                turn(&mut weights.parameters[step.parameter].values, shape, *units);
                flat = None;
            }
            (Layer::BatchNorm, Some(shape)) => {
                for i in [0, 1] {
                    turn(&mut weights.parameters[step.parameter + i].values, shape, 1);
                    turn(&mut weights.buffers[step.buffer + i].values, shape, 1);
                }
            }
            (Layer::LayerNorm, Some(shape)) => {
                for i in [0, 1] {
                    turn(&mut weights.parameters[step.parameter + i].values, shape, 1);
                }
            }
            _ => {}
        }
    }
}

/// Rows of `inner` numbers from `[length, channels]` to `[channels, length]`; what comes after them stays.
fn turn(values: &mut [f32], Shape { channels, length }: Shape, inner: usize) {
    let old = values[..channels * length * inner].to_vec();
    for channel in 0..channels {
        for position in 0..length {
            let (to, from) = ((channel * length + position) * inner, (position * channels + channel) * inner);
            values[to..to + inner].copy_from_slice(&old[from..from + inner]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_by_position_become_rows_by_channel() {
        // Two positions of three channels, a row of two numbers each, and a row beside the sequence.
        let mut values = vec![0., 0.5, 1., 1.5, 2., 2.5, 10., 10.5, 11., 11.5, 12., 12.5, 99., 99.5];
        turn(&mut values, Shape { channels: 3, length: 2 }, 2);
        assert_eq!(values, [0., 0.5, 10., 10.5, 1., 1.5, 11., 11.5, 2., 2.5, 12., 12.5, 99., 99.5]);
    }
}
