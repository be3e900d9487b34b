//! A network laid out for an input: steps with their shapes, and the arrays that they own.

use crate::architecture::{
    Architecture, DEFAULT_CLIP, Inputs, Layer, Node, Outputs, Positions, Shape, ShapeError, directions, head_size,
    lay_out, lay_out_head,
};
use crate::engine::Engines;

/// At most this many sequences go through the network at once in evaluation.
const EVALUATION_ROWS: usize = 256;
/// At most about this many values in one intermediate array, so that long sequences go in smaller batches.
const EVALUATION_VALUES: usize = 1 << 23;

/// What the diagonal of an attention pool's weight starts with (Avsec et al. 2021).
const POOL_WEIGHT: f32 = 2.0;

/// How an array starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Init {
    /// Normal with variance `2 / fan_in`, for layers that a rectifier follows (He et al. 2015).
    He { fan_in: usize },
    /// Uniform with variance `2 / (fan_in + fan_out)` (Glorot and Bengio 2010).
    Glorot { fan_in: usize, fan_out: usize },
    /// Uniform between `-1 / sqrt(units)` and `1 / sqrt(units)`, for recurrent layers.
    Recurrent { units: usize },
    /// Of the gates `i, f, g, o`, `units` values each: 1 for the forget gate, which keeps the state at first
    /// (Jozefowicz et al. 2015), 0 for the others.
    ForgetGate { units: usize },
    /// All the same.
    Constant(f32),
    /// A square matrix with this number on its diagonal and zeros elsewhere.
    Diagonal { side: usize, value: f32 },
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
    /// Its place in the whole tree, counted from 0; a layer comes before those within it, and these before the next.
    pub(crate) number: usize,
    /// What its arrays' names begin with: `layer3`, `layer3.2` or `layer3.b1.2`; `flatten` and `head` at the end,
    /// and within a head of several parts `head.profile`, `head.control`, `head.counts` and `head.dense`.
    pub(crate) name: String,
    pub(crate) layer: Layer,
    /// First of its parameters. Convolution and dense layer: weight, bias. Batch norm and layer norm: scale, shift; root
    /// mean square norm: scale. Recurrent layers, for each direction: input weight, hidden weight, bias, and of a gated
    /// recurrent unit the hidden bias. Attention pool: weight. Self-attention: weight and bias of queries, keys, values
    /// and outputs, and the bias of relative positions. Of a layer that holds others, the first within it.
    pub(crate) parameter: usize,
    /// First of its buffers: running mean then running variance.
    pub(crate) buffer: usize,
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    /// The steps within it: one list of a residual layer or of strands, one a branch of a concatenation (empty if it passes its
    /// input on), else none.
    pub(crate) inner: Vec<Vec<Step>>,
}

impl Step {
    /// Whether it has no buffers of its own.
    pub(crate) fn is_stateless(&self) -> bool {
        self.layer != Layer::BatchNorm
    }

    /// How often each example goes through the steps within it.
    pub(crate) fn strands(&self) -> usize {
        if matches!(self.layer, Layer::Strands { .. }) { 2 } else { 1 }
    }
}

/// A network for a given input and number of outputs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) input: Shape,
    /// Covariates beside each sequence.
    pub(crate) side: usize,
    /// Tracks of control signal beside each sequence, and bins of each.
    pub(crate) control: [usize; 2],
    pub(crate) outputs: usize,
    pub(crate) steps: Vec<Step>,
    /// Trained arrays.
    pub(crate) parameters: Vec<Spec>,
    /// Arrays that training updates without gradients.
    pub(crate) buffers: Vec<Spec>,
    /// Whether the processor computes again, for the gradients, what lies within stretches of layers.
    pub(crate) recompute: bool,
    /// The plan compiled for the processor.
    pub(crate) engines: Engines,
}

impl Plan {
    /// Lays out the network with its heads.
    pub(crate) fn new(
        architecture: &Architecture,
        inputs: impl Into<Inputs>,
        length: usize,
        outputs: impl Into<Outputs>,
    ) -> Result<Self, ShapeError> {
        let (outputs, inputs): (Outputs, Inputs) = (outputs.into(), inputs.into());
        let channels = inputs.channels;
        let (architecture, input) = (architecture.joined(inputs, &outputs)?, Shape { channels, length });
        let nodes = lay_out(&architecture.layers, channels, length)?;
        let end = nodes.last().map_or(input, |node| node.output);
        let head = architecture.head_after(&nodes, input, &outputs)?;
        let heads = lay_out_head(&head, architecture.layers.len(), end)?;
        let mut builder = Builder::default();
        let mut steps = builder.sequence(&nodes, false);
        builder.prefix = "head";
        for node in &heads {
            let name = if *node.layer == Layer::Flatten { "flatten" } else { "head" };
            steps.push(builder.step(node, name.to_owned(), false));
        }
        Ok(builder.plan(input, inputs, outputs.count(), steps))
    }

    /// Lays out the layers of the description alone; the outputs are the values of the last one, channel by channel.
    pub(crate) fn without_head(
        architecture: &Architecture,
        inputs: impl Into<Inputs>,
        length: usize,
    ) -> Result<Self, ShapeError> {
        let inputs: Inputs = inputs.into();
        let (architecture, channels) = (architecture.sized(inputs)?, inputs.channels);
        let mut builder = Builder::default();
        let steps = builder.sequence(&lay_out(&architecture.layers, channels, length)?, false);
        let input = Shape { channels, length };
        let outputs = steps.last().map_or(input, |step| step.output).size();
        Ok(builder.plan(input, inputs, outputs, steps))
    }

    /// What goes into the network.
    pub(crate) fn inputs(&self) -> Inputs {
        Inputs { channels: self.input.channels, side: self.side, control: self.control }
    }

    /// All steps of the tree in order of their numbers.
    pub(crate) fn steps_deep(&self) -> impl Iterator<Item = &Step> {
        let mut waiting: Vec<&Step> = self.steps.iter().rev().collect();
        std::iter::from_fn(move || {
            let step = waiting.pop()?;
            waiting.extend(step.inner.iter().flatten().rev());
            Some(step)
        })
    }

    /// How often a step sees each example of a batch: twice within strands, else once.
    pub(crate) fn passes(&self, step: &Step) -> usize {
        let Some(first) = self.steps.first() else { return 1 };
        let within = step.number > first.number && self.steps.get(1).is_none_or(|next| step.number < next.number);
        if within { first.strands() } else { 1 }
    }

    /// Sequences that go through the network at once in evaluation.
    pub(crate) fn evaluation_rows(&self) -> usize {
        (EVALUATION_VALUES / self.widest().max(1)).clamp(1, EVALUATION_ROWS)
    }

    /// Values that one example leaves on its way, of all layers.
    pub(crate) fn numbers(&self) -> usize {
        let of_step = |step: &Step| step.output.size().saturating_mul(self.passes(step));
        self.steps_deep().map(of_step).fold(self.input.size(), usize::saturating_add)
    }

    /// Values of the largest array that one example makes on its way, the gates of recurrent layers included.
    fn widest(&self) -> usize {
        let of_step = |step: &Step| match step.layer {
            Layer::Lstm { units, .. } => step.input.length.saturating_mul(units.saturating_mul(4)),
            Layer::Gru { units, .. } => step.input.length.saturating_mul(units.saturating_mul(3)),
            Layer::SelfAttention { heads, key_size, .. } => {
                let inner = heads.saturating_mul(head_size(heads, key_size, step.input.channels));
                inner.saturating_mul(3).saturating_mul(step.input.length).max(step.output.size())
            }
            Layer::AttentionPool { .. } => step.input.size(),
            _ => step.output.size(),
        };
        let strands = self.steps.first().map_or(1, Step::strands);
        self.steps_deep().map(of_step).max().unwrap_or(0).max(self.input.size()).saturating_mul(strands)
    }
}

/// Hands out numbers and arrays.
struct Builder {
    /// What names begin with.
    prefix: &'static str,
    steps: usize,
    parameters: Vec<Spec>,
    buffers: Vec<Spec>,
}

impl Default for Builder {
    fn default() -> Self {
        Self { prefix: "layer", steps: 0, parameters: Vec::new(), buffers: Vec::new() }
    }
}

impl Builder {
    fn plan(self, input: Shape, inputs: Inputs, outputs: usize, steps: Vec<Step>) -> Plan {
        let (parameters, buffers) = (self.parameters, self.buffers);
        let Inputs { side, control, .. } = inputs;
        Plan {
            input,
            side,
            control,
            outputs,
            steps,
            parameters,
            buffers,
            recompute: false,
            engines: Engines::default(),
        }
    }

    /// `rectified` says what follows the sequence, for layers at its end.
    fn sequence(&mut self, nodes: &[Node], rectified: bool) -> Vec<Step> {
        let mut steps = Vec::with_capacity(nodes.len());
        for (i, node) in nodes.iter().enumerate() {
            let rectified = nodes[i + 1..].iter().find_map(|node| rectifies(node.layer)).unwrap_or(rectified);
            steps.push(self.step(node, format!("{}{}", self.prefix, node.path), rectified));
        }
        steps
    }

    fn step(&mut self, node: &Node, name: String, rectified: bool) -> Step {
        let (parameter, buffer, number) = (self.parameters.len(), self.buffers.len(), self.steps);
        self.steps += 1;
        self.arrays(node, &name, rectified);
        let inner = node.inner.iter().map(|nodes| self.sequence(nodes, rectified)).collect();
        let Node { input, output, .. } = *node;
        Step { number, name, layer: node.layer.clone(), parameter, buffer, input, output, inner }
    }

    /// The layer's own arrays.
    fn arrays(&mut self, node: &Node, name: &str, rectified: bool) {
        let input = node.input;
        // The heads of a profile begin at the same chance for each bin and at no signal, or the mean total of the training
        // rows: what a deep trunk makes of random weights is too large to take logarithms of totals and logits from.
        let of_profile = [".profile", ".control", ".counts"].iter().any(|end| node.path.ends_with(end));
        let scale = |fan_in, fan_out| match rectified {
            _ if of_profile => Init::Constant(0.0),
            true => Init::He { fan_in },
            false => Init::Glorot { fan_in, fan_out },
        };
        let named = |part: &str| format!("{name}.{part}");
        match *node.layer {
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
            Layer::LayerNorm => {
                self.parameters.push(Spec::new(named("scale"), vec![input.channels], Init::Constant(1.0)));
                self.parameters.push(Spec::new(named("shift"), vec![input.channels], Init::Constant(0.0)));
            }
            Layer::RmsNorm => {
                self.parameters.push(Spec::new(named("scale"), vec![input.channels], Init::Constant(1.0)));
            }
            Layer::AttentionPool { .. } => {
                let side = input.channels;
                let init = Init::Diagonal { side, value: POOL_WEIGHT };
                self.parameters.push(Spec::new(named("weight"), vec![side, side], init));
            }
            Layer::SelfAttention { .. } => self.attention(node, name),
            Layer::Lstm { units, bidirectional, .. } => {
                let biases = [("bias", Init::ForgetGate { units })];
                self.recurrent(input.channels, units, 4, bidirectional, name, &biases);
            }
            Layer::Gru { units, bidirectional, .. } => {
                let biases = [("bias", Init::Constant(0.0)), ("hidden_bias", Init::Constant(0.0))];
                self.recurrent(input.channels, units, 3, bidirectional, name, &biases);
            }
            _ => {}
        }
    }

    /// The arrays of self-attention.
    fn attention(&mut self, node: &Node, name: &str) {
        let Layer::SelfAttention { heads, key_size, positions, clip } = *node.layer else { return };
        let channels = node.input.channels;
        let inner = heads * head_size(heads, key_size, channels);
        let named = |part: &str| format!("{name}.{part}");
        for (part, from, to) in [
            ("query", channels, inner),
            ("key", channels, inner),
            ("value", channels, inner),
            ("output", inner, channels),
        ] {
            let init = Init::Glorot { fan_in: from, fan_out: to };
            self.parameters.push(Spec::new(named(&format!("{part}_weight")), vec![from, to], init));
            self.parameters.push(Spec::new(named(&format!("{part}_bias")), vec![to], Init::Constant(0.0)));
        }
        if positions == Positions::Relative {
            let shape = vec![heads, 2 * clip.unwrap_or(DEFAULT_CLIP) + 1];
            self.parameters.push(Spec::new(named("position_bias"), shape, Init::Constant(0.0)));
        }
    }

    /// The arrays of a recurrent layer, one direction after the other.
    fn recurrent(
        &mut self,
        channels: usize,
        units: usize,
        gates: usize,
        bidirectional: bool,
        name: &str,
        biases: &[(&str, Init)],
    ) {
        let init = Init::Recurrent { units };
        for suffix in &["", "_reverse"][..directions(bidirectional)] {
            let named = |part: &str| format!("{name}.{part}{suffix}");
            self.parameters.push(Spec::new(named("input_weight"), vec![channels, gates * units], init));
            self.parameters.push(Spec::new(named("hidden_weight"), vec![units, gates * units], init));
            for (bias, init) in biases {
                self.parameters.push(Spec::new(named(bias), vec![gates * units], *init));
            }
        }
    }
}

/// Whether a layer decides how weights before it should start: with a non-linearity, by cutting off half of its input;
/// with weights of its own, not at all.
fn rectifies(layer: &Layer) -> Option<bool> {
    match layer {
        Layer::Conv1d { .. } | Layer::Dense { .. } | Layer::Lstm { .. } | Layer::Gru { .. } => Some(false),
        Layer::SelfAttention { .. } => Some(false),
        Layer::Residual { .. } | Layer::Concat { .. } | Layer::Strands { .. } => {
            layer.inner().iter().flatten().find_map(rectifies)
        }
        layer if layer.is_activation() => {
            Some(matches!(layer, Layer::Relu | Layer::Gelu | Layer::Silu | Layer::Elu | Layer::Softplus))
        }
        _ => None,
    }
}
