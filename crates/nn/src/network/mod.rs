//! A network built from its description: which arrays it has, how they start, and how a batch runs through them.
//!
//! Weights live on the host as plain arrays, so that the optimizer's state, checkpoints and digests are exact; a step
//! copies them to the device as leaves of the gradient tape.

mod dropout;
mod first;
mod forward;
mod weights;

#[cfg(test)]
pub(crate) use forward::forward_steps;
pub(crate) use forward::{Leaves, Mode, forward, forward_batch, forward_steps_batch, input};
pub(crate) use weights::{Array, Weights, hex};

use crate::architecture::{Architecture, Layer, Shape, ShapeError, output_shape};

/// At most this many sequences go through the network at once in evaluation.
const EVALUATION_ROWS: usize = 256;
/// At most about this many values in one intermediate array, so that long sequences go in smaller batches.
const EVALUATION_VALUES: usize = 1 << 23;

/// How an array starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Init {
    /// Normal with variance `2 / fan_in`, for layers that a rectifier follows (He et al. 2015).
    He { fan_in: usize },
    /// Uniform with variance `2 / (fan_in + fan_out)` (Glorot and Bengio 2010).
    Glorot { fan_in: usize, fan_out: usize },
    /// All the same.
    Constant(f32),
}

/// An array that the network has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) init: Init,
}

impl Spec {
    fn new(name: String, shape: Vec<usize>, init: Init) -> Self {
        Self { name, shape, init }
    }

    /// Number of values; shapes were checked not to overflow.
    pub(crate) fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

/// One layer with its place among the arrays.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    /// Its place, counted from 0.
    pub(crate) number: usize,
    pub(crate) layer: Layer,
    /// First of its parameters: weight then bias, or scale then shift.
    pub(crate) parameter: usize,
    /// First of its buffers: running mean then running variance.
    pub(crate) buffer: usize,
    pub(crate) input: Shape,
    pub(crate) output: Shape,
}

impl Step {
    /// Whether it has no buffers of its own.
    pub(crate) fn is_stateless(&self) -> bool {
        self.layer != Layer::BatchNorm
    }
}

/// A network for a given input and number of outputs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) input: Shape,
    pub(crate) outputs: usize,
    pub(crate) steps: Vec<Step>,
    /// Trained arrays.
    pub(crate) parameters: Vec<Spec>,
    /// Arrays that training updates without gradients.
    pub(crate) buffers: Vec<Spec>,
}

impl Plan {
    /// Lays out the network with its head.
    pub(crate) fn new(
        architecture: &Architecture,
        channels: usize,
        length: usize,
        outputs: usize,
    ) -> Result<Self, ShapeError> {
        // Checks the input, every layer and the head.
        architecture.summary(channels, length, outputs)?;
        let input = Shape { channels, length };
        let mut plan = Self { input, outputs, steps: Vec::new(), parameters: Vec::new(), buffers: Vec::new() };
        let mut shape = input;
        for (i, layer) in architecture.layers.iter().enumerate() {
            let output = output_shape(layer, shape, i + 1)?;
            let rectified = followed_by_rectifier(&architecture.layers[i + 1..]);
            plan.push(layer.clone(), &format!("layer{}", i + 1), shape, output, rectified);
            shape = output;
        }
        let flat = Shape { channels: shape.size(), length: 1 };
        plan.push(Layer::Flatten, "flatten", shape, flat, false);
        plan.push(Layer::Dense { units: outputs }, "head", flat, Shape { channels: outputs, length: 1 }, false);
        Ok(plan)
    }

    fn push(&mut self, layer: Layer, name: &str, input: Shape, output: Shape, rectified: bool) {
        let (parameter, buffer) = (self.parameters.len(), self.buffers.len());
        let scale = |fan_in, fan_out| if rectified { Init::He { fan_in } } else { Init::Glorot { fan_in, fan_out } };
        let named = |part: &str| format!("{name}.{part}");
        match layer {
            Layer::Conv1d { filters, width, groups, .. } => {
                let inner = input.channels / groups;
                let init = scale(inner * width, filters / groups * width);
                self.parameters.push(Spec::new(named("weight"), vec![filters, inner, width], init));
                self.parameters.push(Spec::new(named("bias"), vec![filters], Init::Constant(0.0)));
            }
            Layer::Dense { units } => {
                let init = scale(input.channels, units);
                self.parameters.push(Spec::new(named("weight"), vec![input.channels, units], init));
                self.parameters.push(Spec::new(named("bias"), vec![units], Init::Constant(0.0)));
            }
            Layer::BatchNorm => {
                let shape = vec![input.channels];
                self.parameters.push(Spec::new(named("scale"), shape.clone(), Init::Constant(1.0)));
                self.parameters.push(Spec::new(named("shift"), shape.clone(), Init::Constant(0.0)));
                self.buffers.push(Spec::new(named("mean"), shape.clone(), Init::Constant(0.0)));
                self.buffers.push(Spec::new(named("variance"), shape, Init::Constant(1.0)));
            }
            _ => {}
        }
        let number = self.steps.len();
        self.steps.push(Step { number, layer, parameter, buffer, input, output });
    }

    /// Sequences that go through the network at once in evaluation.
    pub(crate) fn evaluation_rows(&self) -> usize {
        (EVALUATION_VALUES / self.widest().max(1)).clamp(1, EVALUATION_ROWS)
    }

    /// Values of the largest array that one example makes on its way, the windows of convolutions included.
    fn widest(&self) -> usize {
        let of_step = |step: &Step| match step.layer {
            Layer::Conv1d { width, groups, .. } => {
                (step.input.channels / groups * width).saturating_mul(step.output.length).max(step.output.size())
            }
            _ => step.output.size(),
        };
        self.steps.iter().map(of_step).max().unwrap_or(0).max(self.input.size())
    }
}

/// Whether the first non-linearity among `layers` cuts off half of its input, before any other weights.
fn followed_by_rectifier(layers: &[Layer]) -> bool {
    layers
        .iter()
        .take_while(|layer| !matches!(layer, Layer::Conv1d { .. } | Layer::Dense { .. }))
        .find(|layer| layer.is_activation())
        .is_some_and(|layer| matches!(layer, Layer::Relu | Layer::Gelu | Layer::Silu | Layer::Elu | Layer::Softplus))
}

#[cfg(test)]
mod tests;
