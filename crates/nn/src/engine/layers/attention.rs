//! Self-attention, one example a piece of work.

use super::add_up;
use crate::engine::chunks;
use crate::engine::node::Attention;
use crate::engine::{Extra, Found, Node, Pass};
use basewise_kernels::Level;
use basewise_kernels::attention::{self, Gradients, Head, Rotary, Rows, Scratch};
use basewise_kernels::conv::bias_gradient;
use basewise_kernels::matrix::{Packed, multiply, multiply_transposed};
use rayon::prelude::*;

/// Sizes of a layer and its arrays.
pub(in crate::engine) struct Layer<'a> {
    level: Level,
    pub(in crate::engine) channels: usize,
    pub(in crate::engine) heads: usize,
    /// Of one head.
    pub(in crate::engine) shape: attention::Shape,
    /// Weight and bias of queries, keys, values and outputs.
    pub(in crate::engine) affine: [[&'a [f32]; 2]; 4],
    /// By head and distance.
    bias: &'a [f32],
    rotary: Option<Rotary>,
}

impl<'a> Layer<'a> {
    pub(in crate::engine) fn new(pass: &Pass<'a>, node: &Node, layer: &Attention) -> Self {
        let array = |i: usize| -> &'a [f32] { &pass.weights.parameters[layer.parameter + i].values };
        let shape = attention::Shape { length: node.input.length, size: layer.size };
        Self {
            level: pass.level,
            channels: node.input.channels,
            heads: layer.heads,
            shape,
            affine: [0, 1, 2, 3].map(|i| [array(2 * i), array(2 * i + 1)]),
            bias: if layer.clip.is_some() { array(8) } else { &[] },
            rotary: layer.rotary.then(|| Rotary::new(&shape)),
        }
    }

    /// Channels of all heads.
    pub(in crate::engine) fn inner(&self) -> usize {
        self.heads * self.shape.size
    }

    /// The weights of queries, keys and values side by side, `[channels, 3 inner]`.
    pub(in crate::engine) fn weight(&self) -> impl Fn(usize, usize) -> f32 {
        let (inner, affine) = (self.inner(), self.affine);
        move |c, column| affine[column / inner][0][c * inner + column % inner]
    }

    /// Head `h` of an example's queries, keys and values.
    pub(in crate::engine) fn head<'b>(&'b self, all: &'b [f32], h: usize) -> Head<'b> {
        let rows = |i: usize| Rows { values: &all[i * self.inner() + h * self.shape.size..], stride: 3 * self.inner() };
        let own = self.bias.len() / self.heads;
        Head { queries: rows(0), keys: rows(1), values: rows(2), bias: &self.bias[h * own..(h + 1) * own] }
    }

    /// Turns queries and keys, which lie side by side.
    pub(in crate::engine) fn turn(&self, all: &mut [f32], back: bool) {
        if let Some(rotary) = &self.rotary {
            rotary.turn(all, 3 * self.inner(), 2 * self.heads, back);
        }
    }
}

/// `c = a b + bias`, row by row.
fn affine(rows: usize, a: &[f32], b: &Packed, bias: &[f32], c: &mut [f32]) {
    c.chunks_exact_mut(bias.len()).for_each(|row| row.copy_from_slice(bias));
    multiply(rows, a, b.shape().0, b, c, bias.len(), true);
}

pub(in crate::engine) fn forward(pass: &mut Pass, node: &Node, layer: &Attention, x: &[f32], y: &mut [f32]) -> Extra {
    let layer = Layer::new(pass, node, layer);
    let (level, length, channels, inner) = (pass.level, layer.shape.length, layer.channels, layer.inner());
    let weight = Packed::from_fn(level, channels, 3 * inner, layer.weight());
    let bias: Vec<f32> = (0..3).flat_map(|i| layer.affine[i][1]).copied().collect();
    let out = Packed::new(level, inner, channels, layer.affine[3][0]);
    let mut all = pass.buffers.take(pass.n * length * 3 * inner);
    let mut gathered = pass.buffers.take(pass.n * length * inner);
    let examples = all.par_chunks_mut(length * 3 * inner).zip(gathered.par_chunks_mut(length * inner));
    let examples = examples.zip(x.par_chunks(length * channels)).zip(y.par_chunks_mut(length * channels));
    examples.for_each_init(Scratch::default, |scratch, (((all, gathered), x), y)| {
        affine(length, x, &weight, &bias, all);
        layer.turn(all, false);
        for h in 0..layer.heads {
            let to = &mut gathered[h * layer.shape.size..];
            attention::forward(level, &layer.shape, &layer.head(all, h), (to, inner), scratch);
        }
        affine(length, gathered, &out, layer.affine[3][1], y);
    });
    if pass.keep {
        return Extra::Attention(all, gathered);
    }
    pass.buffers.give(all);
    pass.buffers.give(gathered);
    Extra::None
}

/// Weights for the way back.
struct Back {
    /// `[3 inner, channels]`.
    weight: Packed,
    /// `[channels, inner]`.
    out: Packed,
}

/// An example on its way back.
struct Example<'a> {
    x: &'a [f32],
    all: &'a [f32],
    gathered: &'a [f32],
    dy: &'a [f32],
    /// Empty if it is not wanted.
    dx: &'a mut [f32],
}

/// What a thread needs for an example.
#[derive(Default)]
struct Room {
    scratch: Scratch,
    d_all: Vec<f32>,
    d_gathered: Vec<f32>,
}

pub(in crate::engine) fn backward(
    pass: &mut Pass,
    node: &Node,
    layer: &Attention,
    x: &[f32],
    extra: Extra,
    dy: &[f32],
    dx: &mut [f32],
    found: &mut Found,
) {
    let Extra::Attention(all, gathered) = extra else { return };
    let parameter = layer.parameter;
    let layer = Layer::new(pass, node, layer);
    let (level, length, channels, inner, n) = (pass.level, layer.shape.length, layer.channels, layer.inner(), pass.n);
    let turned = layer.weight();
    let back = Back {
        weight: Packed::from_fn(level, 3 * inner, channels, |column, c| turned(c, column)),
        out: Packed::transposed(level, channels, inner, layer.affine[3][0]),
    };
    let numbers: usize = sums(&layer).iter().sum();
    let group = chunks::group(n, numbers);
    let mut partial = pass.buffers.zeros(n.div_ceil(group).max(1) * numbers);
    let wanted = !dx.is_empty();
    let mut slots: Vec<&mut [f32]> = if wanted {
        dx.chunks_mut(group * length * channels).collect()
    } else {
        (0..n.div_ceil(group)).map(|_| <&mut [f32]>::default()).collect()
    };
    partial.par_chunks_mut(numbers).zip(slots.par_iter_mut()).enumerate().for_each_init(
        Room::default,
        |room, (g, (gradient, dx))| {
            for i in g * group..n.min((g + 1) * group) {
                let of = |size: usize| i * length * size..(i + 1) * length * size;
                let at = (i - g * group) * length * channels;
                let dx = if wanted { &mut dx[at..at + length * channels] } else { &mut [][..] };
                let (all, gathered) = (&all[of(3 * inner)], &gathered[of(inner)]);
                let example = Example { x: &x[of(channels)], all, gathered, dy: &dy[of(channels)], dx };
                example_back(&layer, &back, example, gradient, room);
            }
        },
    );
    if let Some(found) = &mut found.parameters {
        hand_out(&layer, add_up(&mut partial, numbers), &mut found[parameter..]);
    }
    for array in [partial, all, gathered] {
        pass.buffers.give(array);
    }
}

/// Numbers of the gradients of all arrays.
pub(in crate::engine) fn gradient_numbers(node: &Node, layer: &Attention) -> usize {
    let (channels, inner) = (node.input.channels, layer.heads.saturating_mul(layer.size));
    let distances = layer.clip.map_or(0, |clip| layer.heads.saturating_mul(2 * clip + 1));
    inner.saturating_mul(4 * channels + 3).saturating_add(channels).saturating_add(distances)
}

/// Numbers of the gradients that are summed together: weights and bias of queries, keys and values side by side, weight
/// and bias of the outputs, and the bias by distance.
fn sums(layer: &Layer) -> [usize; 5] {
    let (channels, inner) = (layer.channels, layer.inner());
    [3 * channels * inner, 3 * inner, inner * channels, channels, layer.bias.len()]
}

fn example_back(layer: &Layer, back: &Back, example: Example, gradient: &mut [f32], room: &mut Room) {
    let Example { x, all, gathered, dy, dx } = example;
    let (level, length, channels, inner, size) =
        (layer.level, layer.shape.length, layer.channels, layer.inner(), layer.shape.size);
    let [a, b, c, d, _] = sums(layer);
    let (d_weight, rest) = gradient.split_at_mut(a);
    let (d_bias, rest) = rest.split_at_mut(b);
    let (d_out, rest) = rest.split_at_mut(c);
    let (d_out_bias, d_distance) = rest.split_at_mut(d);
    let Room { scratch, d_all, d_gathered } = room;
    d_all.resize(length * 3 * inner, 0.0);
    d_gathered.resize(length * inner, 0.0);
    multiply_transposed(level, (length, inner, channels), gathered, inner, dy, channels, d_out, channels, true);
    bias_gradient(level, dy, d_out_bias);
    multiply(length, dy, channels, &back.out, d_gathered, inner, false);
    let own = d_distance.len() / layer.heads;
    for h in 0..layer.heads {
        let from = h * size;
        let gradients = Gradients {
            rows: d_all,
            stride: 3 * inner,
            first: [from, inner + from, 2 * inner + from],
            bias: &mut d_distance[h * own..(h + 1) * own],
        };
        let dy = Rows { values: &d_gathered[from..], stride: inner };
        attention::backward(level, &layer.shape, &layer.head(all, h), dy, gradients, scratch);
    }
    layer.turn(d_all, true);
    multiply_transposed(level, (length, channels, 3 * inner), x, channels, d_all, 3 * inner, d_weight, 3 * inner, true);
    bias_gradient(level, d_all, d_bias);
    if !dx.is_empty() {
        multiply(length, d_all, 3 * inner, &back.weight, dx, channels, false);
    }
}

/// Sums to the arrays of the plan.
fn hand_out(layer: &Layer, sum: &[f32], found: &mut [Vec<f32>]) {
    let (inner, sizes) = (layer.inner(), sums(layer));
    let (weight, rest) = sum.split_at(sizes[0]);
    let (bias, rest) = rest.split_at(sizes[1]);
    for i in 0..3 {
        let rows = found[2 * i].chunks_exact_mut(inner).zip(weight.chunks_exact(3 * inner));
        rows.for_each(|(to, from)| to.copy_from_slice(&from[i * inner..(i + 1) * inner]));
        found[2 * i + 1].copy_from_slice(&bias[i * inner..(i + 1) * inner]);
    }
    let (out, rest) = rest.split_at(sizes[2]);
    let (out_bias, distance) = rest.split_at(sizes[3]);
    found[6].copy_from_slice(out);
    found[7].copy_from_slice(out_bias);
    if !distance.is_empty() {
        found[8].copy_from_slice(distance);
    }
}
