//! A plan compiled for the processor: layers that can run as one are joined.

use crate::architecture::{
    Combine, ControlForm, DEFAULT_CLIP, Layer, Positions, Shape, directions, head_size, padding_of,
};
use crate::network::{Plan, Step};
pub(super) use basewise_kernels::activation::Activation as Pointwise;
pub(super) use basewise_kernels::norm::positions::Kind as NormKind;
use basewise_kernels::{conv, onehot, pool};

/// Layers that run as one.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) op: Op,
    /// Of one example.
    pub(super) input: Shape,
    pub(super) output: Shape,
    /// Number of the first step in it; `None` for what brings outputs into order.
    pub(super) number: Option<usize>,
}

/// Which layers run as one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joining {
    /// A convolution, dense layer or norm with the rectifier and max pool after it.
    Training,
    /// Batch norms are part of the weights of the convolutions before them, too.
    Evaluation,
    /// Those batch norms alone, so that what goes into each non-linearity can be seen.
    Linear,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    /// The first convolution, on codes.
    First(First),
    Conv(Conv),
    Dense {
        parameter: usize,
        relu: bool,
    },
    MaxPool(pool::Shape),
    AveragePool(pool::Shape),
    BatchNorm {
        parameter: usize,
        buffer: usize,
        relu: bool,
    },
    Activation(Pointwise),
    Dropout {
        rate: f64,
        channels: bool,
        number: u64,
    },
    /// `[length, channels]` to a vector, channel by channel.
    Flatten,
    Crop {
        left: usize,
    },
    /// Covariates, so many, are appended to a vector.
    SideInputs {
        width: usize,
    },
    /// Control signal, `tracks` x `bins`, in the place of the input.
    ControlSignal {
        form: ControlForm,
        tracks: usize,
        bins: usize,
    },
    Recurrent(Recurrent),
    /// Over the channels of each position.
    PositionNorm {
        parameter: usize,
        kind: NormKind,
    },
    Softmax,
    Upsample {
        factor: usize,
    },
    AttentionPool {
        parameter: usize,
        window: usize,
    },
    SelfAttention(Attention),
    /// On the sequences and their reverse complements.
    Strands(Vec<Node>, Combine),
    Residual(Vec<Node>),
    Concat(Vec<Vec<Node>>),
}

/// A convolution of codes with what follows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct First {
    pub(super) shape: onehot::Shape,
    /// 4 bases, or 5 with the mark.
    pub(super) channels: usize,
    pub(super) parameter: usize,
    pub(super) relu: bool,
    /// Outputs under a max pool that follows.
    pub(super) pool: Option<usize>,
    pub(super) fold: Option<Fold>,
}

/// A convolution with what follows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conv {
    pub(super) shape: conv::Shape,
    pub(super) parameter: usize,
    pub(super) relu: bool,
    pub(super) pool: Option<pool::Shape>,
    /// Its input is added to what comes out.
    pub(super) residual: bool,
    pub(super) fold: Option<Fold>,
}

/// A batch norm in evaluation that is made part of the weights: its first parameter and buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fold {
    pub(super) parameter: usize,
    pub(super) buffer: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Lstm,
    Gru,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Recurrent {
    pub(super) cell: Cell,
    pub(super) units: usize,
    pub(super) directions: usize,
    pub(super) last: bool,
    pub(super) parameter: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Attention {
    pub(super) heads: usize,
    /// Channels of a query of one head.
    pub(super) size: usize,
    pub(super) rotary: bool,
    /// The largest distance that has a bias of its own, if distances have any.
    pub(super) clip: Option<usize>,
    pub(super) parameter: usize,
}

/// What a mark adds to a symbol, which is one of 4 bases or the unknown one.
pub(super) const MARK: u8 = 5;
/// Symbols of a table: 4 bases and the unknown one, without and with a mark.
pub(super) const SYMBOLS: usize = 2 * MARK as usize;

/// The nodes of a plan. With `codes`, the input is sequence codes where the first layer can take them.
pub(super) fn compile(plan: &Plan, codes: bool, joining: Joining) -> Vec<Node> {
    let mut nodes = sequence(&plan.steps, joining);
    if codes {
        read_codes(&mut nodes);
    }
    // Outputs are in the order of channels, as everywhere outside the engine.
    if let Some(input) = nodes.last().map(|node| node.output).filter(|shape| shape.channels > 1 && shape.length > 1) {
        nodes.push(Node { op: Op::Flatten, input, output: input.flat(), number: None });
    }
    nodes
}

/// Makes a leading convolution, alone or within strands, one on codes, if it can be.
fn read_codes(nodes: &mut [Node]) {
    match nodes.first_mut().map(|node| &mut node.op) {
        Some(Op::Strands(inner, _)) => read_codes(inner),
        Some(op) => {
            if let Op::Conv(conv) = op
                && let Some(first) = first(conv)
            {
                *op = Op::First(first);
            }
        }
        None => {}
    }
}

/// Whether the nodes begin on codes.
pub(super) fn begins_on_codes(nodes: &[Node]) -> bool {
    match nodes.first().map(|node| &node.op) {
        Some(Op::First(_)) => true,
        Some(Op::Strands(inner, _)) => begins_on_codes(inner),
        _ => false,
    }
}

impl First {
    /// The convolution that it came from.
    pub(super) fn convolution(&self) -> Conv {
        let onehot::Shape { filters, width, stride, dilation, left, length, outputs, .. } = self.shape;
        let channels = self.channels;
        let shape = conv::Shape { channels, filters, width, stride, dilation, groups: 1, left, length, outputs };
        let (parameter, relu, fold) = (self.parameter, self.relu, self.fold);
        let pool = self.pool.map(|window| pool::Shape { window, stride: window, length: outputs, channels: filters });
        Conv { shape, parameter, relu, pool, residual: false, fold }
    }
}

/// The convolution as one on codes, if it can be.
fn first(conv: &Conv) -> Option<First> {
    let s = conv.shape;
    let pool = match conv.pool {
        None => None,
        Some(pool) if pool.window == pool.stride && pool.window <= 255 => Some(pool.window),
        Some(_) => return None,
    };
    // Taps far beyond the ends would each want a place of their own.
    let far = (s.width - 1) * s.dilation > s.length.saturating_mul(2);
    if s.groups > 1 || conv.residual || far {
        return None;
    }
    let shape = onehot::Shape {
        symbols: if s.channels == 5 { SYMBOLS } else { SYMBOLS / 2 },
        filters: s.filters,
        width: s.width,
        stride: s.stride,
        dilation: s.dilation,
        left: s.left,
        length: s.length,
        outputs: s.outputs,
    };
    Some(First { shape, channels: s.channels, parameter: conv.parameter, relu: conv.relu, pool, fold: conv.fold })
}

fn sequence(steps: &[Step], joining: Joining) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::with_capacity(steps.len());
    for step in steps {
        if let Some(last) = nodes.last_mut()
            && join(last, step, joining)
        {
            last.output = step.output;
            continue;
        }
        // A vector, or one channel, is flat already. In evaluation one channel is copied, so that edits are followed along
        // its positions until here.
        let flat = step.input.length == 1 || step.input.channels == 1 && joining != Joining::Evaluation;
        if matches!(step.layer, Layer::Flatten) && flat {
            // Kept only where it is all there is, so that a branch that flattens has a node to say its shape.
            if let Some(last) = nodes.last_mut() {
                last.output = step.output;
                continue;
            }
        }
        nodes.push(node(step, joining));
    }
    nodes
}

/// Whether the step could be made part of the node before it.
fn join(last: &mut Node, step: &Step, joining: Joining) -> bool {
    let (fold, whole) = (joining != Joining::Training, joining != Joining::Linear);
    match (&mut last.op, &step.layer) {
        (Op::Conv(conv), Layer::BatchNorm)
            if fold && !conv.relu && conv.pool.is_none() && !conv.residual && conv.fold.is_none() =>
        {
            conv.fold = Some(Fold { parameter: step.parameter, buffer: step.buffer });
        }
        (Op::Conv(conv), Layer::Relu) if whole && !conv.relu && conv.pool.is_none() && !conv.residual => {
            conv.relu = true
        }
        (Op::Conv(conv), Layer::MaxPool1d { width, .. })
            if whole && conv.pool.is_none() && !conv.residual && *width <= 255 =>
        {
            conv.pool = Some(windows(step));
        }
        (Op::Dense { relu, .. } | Op::BatchNorm { relu, .. }, Layer::Relu) if whole && !*relu => *relu = true,
        _ => return false,
    }
    true
}

fn windows(step: &Step) -> pool::Shape {
    let Shape { channels, length } = step.input;
    let (window, stride) = match step.layer {
        Layer::MaxPool1d { width, stride } | Layer::AvgPool1d { width, stride } => (width, stride.unwrap_or(width)),
        _ => (length, length),
    };
    pool::Shape { window, stride, length, channels }
}

fn node(step: &Step, joining: Joining) -> Node {
    let parameter = step.parameter;
    let recurrent = |cell, units, bidirectional, last| {
        Op::Recurrent(Recurrent { cell, units, directions: directions(bidirectional), last, parameter })
    };
    let op = match step.layer {
        Layer::Conv1d { .. } => Op::Conv(convolution(step)),
        Layer::MaxPool1d { .. } | Layer::GlobalMaxPool => Op::MaxPool(windows(step)),
        Layer::AvgPool1d { .. } | Layer::GlobalAvgPool => Op::AveragePool(windows(step)),
        Layer::Flatten => Op::Flatten,
        Layer::Crop { left, .. } => Op::Crop { left },
        Layer::SideInputs { width } => Op::SideInputs { width },
        Layer::ControlSignal { form, tracks, bins } => Op::ControlSignal { form, tracks, bins },
        Layer::Dense { .. } => Op::Dense { parameter, relu: false },
        Layer::Dropout { rate, channels } => Op::Dropout { rate, channels, number: step.number as u64 },
        Layer::BatchNorm => Op::BatchNorm { parameter, buffer: step.buffer, relu: false },
        Layer::Relu => Op::Activation(Pointwise::Relu),
        Layer::Gelu => Op::Activation(Pointwise::Gelu),
        Layer::Silu => Op::Activation(Pointwise::Silu),
        Layer::Elu => Op::Activation(Pointwise::Elu),
        Layer::Tanh => Op::Activation(Pointwise::Tanh),
        Layer::Sigmoid => Op::Activation(Pointwise::Sigmoid),
        Layer::Softplus => Op::Activation(Pointwise::Softplus),
        Layer::Exp => Op::Activation(Pointwise::Exp),
        Layer::Lstm { units, bidirectional, last } => recurrent(Cell::Lstm, units, bidirectional, last),
        Layer::Gru { units, bidirectional, last } => recurrent(Cell::Gru, units, bidirectional, last),
        Layer::LayerNorm => Op::PositionNorm { parameter, kind: NormKind::Layer },
        Layer::RmsNorm => Op::PositionNorm { parameter, kind: NormKind::RootMeanSquare },
        Layer::Softmax => Op::Softmax,
        Layer::Upsample { factor } => Op::Upsample { factor },
        Layer::AttentionPool { width } => Op::AttentionPool { parameter, window: width.unwrap_or(step.input.length) },
        Layer::SelfAttention { heads, key_size, positions, clip } => Op::SelfAttention(Attention {
            heads,
            size: head_size(heads, key_size, step.input.channels),
            rotary: positions == Positions::Rotary,
            clip: (positions == Positions::Relative).then(|| clip.unwrap_or(DEFAULT_CLIP)),
            parameter,
        }),
        Layer::Strands { combine, .. } => Op::Strands(sequence(&step.inner[0], joining), combine),
        Layer::Residual { .. } => residual(sequence(&step.inner[0], joining), joining),
        Layer::Concat { .. } => Op::Concat(step.inner.iter().map(|steps| sequence(steps, joining)).collect()),
    };
    Node { op, input: step.input, output: step.output, number: Some(step.number) }
}

/// A residual layer of one convolution runs as that convolution.
fn residual(inner: Vec<Node>, joining: Joining) -> Op {
    match inner.as_slice() {
        [Node { op: Op::Conv(conv), .. }] if joining != Joining::Linear && conv.pool.is_none() && !conv.residual => {
            Op::Conv(Conv { residual: true, ..*conv })
        }
        _ => Op::Residual(inner),
    }
}

fn convolution(step: &Step) -> Conv {
    let Layer::Conv1d { filters, width, stride, dilation, groups, padding } = step.layer else {
        unreachable!("only called for convolutions")
    };
    let (channels, length) = (step.input.channels, step.input.length);
    let (left, _) = padding_of(padding, length, (width - 1) * dilation + 1, stride);
    let outputs = step.output.length;
    let shape = conv::Shape { channels, filters, width, stride, dilation, groups, left, length, outputs };
    Conv { shape, parameter: step.parameter, relu: false, pool: None, residual: false, fold: None }
}
