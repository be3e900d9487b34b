//! From the decoder's last hidden layer to all genes: means, likelihoods, slopes and the weights' gradient.
//!
//! Genes go in blocks, a task each, whose borders depend on their number alone. A step passes over the blocks three times: for
//! logits (whose softmax needs all genes), for losses (whose slopes need the sum over all genes), and for gradients.
#![allow(clippy::too_many_arguments, reason = "passes take the sizes, the weights and the arrays that they are about")]

mod counts;

use super::input::Minibatch;
use super::layout::{Genes, Layout};
use basewise_kernels::counts::{exponential_sums, less_exponentials};
use basewise_kernels::matrix::{Packed, multiply, multiply_plain, multiply_transposed};
use basewise_kernels::{Level, conv, optimizer};
use counts::Positive;
use rayon::prelude::*;

/// Genes of a block: whole panels of every vector's width.
const BLOCK: usize = 256;

/// How logits become means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mean {
    /// They are the values themselves.
    Values,
    /// `e^logit`, times the size of the cell.
    Exponential,
    /// A softmax over genes, times the sum of the cell's counts.
    Softmax,
}

/// A few genes of all cells of a step; arrays are `[n, width]`.
#[derive(Default)]
struct Block {
    from: usize,
    width: usize,
    logits: Vec<f32>,
    slopes: Vec<f32>,
    inflation: Vec<f32>,
    inflation_slopes: Vec<f32>,
    largest: Vec<f32>,
    sums: Vec<f32>,
    /// Of each cell.
    losses: Vec<f64>,
    slope_sums: Vec<f64>,
    /// Of each gene.
    dispersion_slopes: Vec<f32>,
    /// Slopes of the hidden layer, `[n, inputs]`.
    hidden: Vec<f32>,
    /// The weights of logits and of inflation, laid out for products.
    packed: [Option<Packed>; 2],
    positive: Positive,
}

/// The blocks, whose arrays are used again from step to step.
pub(super) struct Output {
    level: Level,
    mean: Mean,
    n: usize,
    blocks: Vec<Block>,
    /// What is added to logits to give logarithms of means, a cell each.
    offsets: Vec<f32>,
    /// Minus the logarithm of the softmax's denominator, a cell each.
    normalizers: Vec<f32>,
}

/// The gradients of one block's parameters.
struct Gradients<'a> {
    block: &'a mut Block,
    weights: &'a mut [f32],
    bias: &'a mut [f32],
    inflation: Option<(&'a mut [f32], &'a mut [f32])>,
    dispersion: Option<&'a mut [f32]>,
}

impl Output {
    pub(super) fn new(level: Level, layout: &Layout, mean: Mean) -> Self {
        let block = |from: usize| Block { from, width: BLOCK.min(layout.genes - from), ..Block::default() };
        let blocks = (0..layout.genes).step_by(BLOCK).map(block).collect();
        Self { level, mean, n: 0, blocks, offsets: Vec::new(), normalizers: Vec::new() }
    }

    /// Logits and offsets of `n` cells; `sizes` are logarithms of what means are multiplied by.
    pub(super) fn forward(&mut self, layout: &Layout, parameters: &[f32], hidden: &[f32], sizes: &[f32]) {
        let (n, level, softmax) = (sizes.len(), self.level, self.mean == Mean::Softmax);
        self.n = n;
        self.blocks.par_iter_mut().for_each(|block| {
            let (from, width) = (block.from, block.width);
            let [weights, inflation] = &mut block.packed;
            product(level, n, layout.output, from, width, parameters, hidden, weights, &mut block.logits);
            if let Some(genes) = layout.inflation {
                product(level, n, genes, from, width, parameters, hidden, inflation, &mut block.inflation);
            }
            if softmax {
                block.largest.resize(n, 0.0);
                block.sums.resize(n, 0.0);
                exponential_sums(level, width, &block.logits, &mut block.largest, &mut block.sums);
            }
        });
        self.normalizers = if softmax { (0..n).map(|i| self.normalizer(i)).collect() } else { vec![0.0; n] };
        self.offsets = sizes.iter().zip(&self.normalizers).map(|(size, normalizer)| size + normalizer).collect();
    }

    fn normalizer(&self, i: usize) -> f32 {
        let largest = self.blocks.iter().map(|block| block.largest[i]).fold(f32::NEG_INFINITY, f32::max);
        let part = |block: &Block| f64::from(block.sums[i]) * f64::from(block.largest[i] - largest).exp();
        let sum: f64 = self.blocks.iter().map(part).sum();
        (-f64::from(largest) - sum.ln()) as f32
    }

    /// The loss of each cell in nats, after [`Output::forward`].
    pub(super) fn losses(&mut self, layout: &Layout, parameters: &[f32], batch: &Minibatch) -> Vec<f64> {
        let (level, offsets, mean) = (self.level, &self.offsets, self.mean);
        self.blocks.par_iter_mut().for_each(|block| {
            block.slopes.resize(block.logits.len(), 0.0);
            match (mean, layout.dispersion) {
                (Mean::Values, _) | (_, None) => block.squared(level, batch),
                (_, Some(dispersion)) => {
                    let own = &parameters[dispersion + block.from..][..block.width];
                    block.counts(level, own, offsets, batch, layout.inflation.is_some());
                }
            }
        });
        (0..self.n).map(|i| self.blocks.iter().map(|block| block.losses[i]).sum()).collect()
    }

    /// Slopes of the hidden layer, and the gradient of the parameters of all genes (overwritten), of the mean loss of the
    /// cells, after [`Output::losses`].
    pub(super) fn backward(
        &mut self,
        layout: &Layout,
        parameters: &[f32],
        hidden: &[f32],
        gradient: &mut [f32],
    ) -> Vec<f32> {
        let (n, level, mean) = (self.n, self.level, self.mean);
        let scale = 1.0 / n.max(1) as f32;
        let factor = |i| self.blocks.iter().map(|block| block.slope_sums[i]).sum::<f64>() as f32;
        let factors: Vec<f32> = (0..n).map(factor).collect();
        let normalizers = &self.normalizers;
        tasks(layout, &mut self.blocks, gradient).into_par_iter().for_each(|mut task| {
            let block = &mut *task.block;
            if mean == Mean::Softmax {
                less_exponentials(level, block.width, &block.logits, normalizers, &factors, scale, &mut block.slopes);
            } else {
                scale_all(&mut block.slopes, scale);
            }
            block.hidden.resize(hidden.len(), 0.0);
            let genes = layout.output;
            way_back(level, n, genes, block, false, (parameters, hidden), (&mut *task.weights, &mut *task.bias));
            if let (Some(genes), Some((weights, bias))) = (layout.inflation, &mut task.inflation) {
                scale_all(&mut block.inflation_slopes, scale);
                way_back(level, n, genes, block, true, (parameters, hidden), (&mut **weights, &mut **bias));
            }
            if let Some(dispersion) = &mut task.dispersion {
                dispersion.iter_mut().zip(&block.dispersion_slopes).for_each(|(out, slope)| *out = slope * scale);
            }
        });
        let mut slopes = vec![0.0; hidden.len()];
        for block in &self.blocks {
            slopes.iter_mut().zip(&block.hidden).for_each(|(sum, part)| *sum += part);
        }
        slopes
    }

    /// Calls `with` with the first gene of each block, its logits plus offsets, and its logits of inflation (or nothing).
    pub(super) fn each(&self, mut with: impl FnMut(usize, usize, &[f32], &[f32], &[f32])) {
        self.blocks
            .iter()
            .for_each(|block| with(block.from, block.width, &block.logits, &block.inflation, &self.offsets));
    }
}

/// One thread's `x *= factor`.
fn scale_all(x: &mut [f32], factor: f32) {
    x.iter_mut().for_each(|x| *x *= factor);
}

fn product(
    level: Level,
    n: usize,
    genes: Genes,
    from: usize,
    width: usize,
    parameters: &[f32],
    hidden: &[f32],
    packed: &mut Option<Packed>,
    out: &mut Vec<f32>,
) {
    let weights = &parameters[genes.weights + from * genes.inputs..][..width * genes.inputs];
    let bias = &parameters[genes.bias + from..][..width];
    out.resize(n * width, 0.0);
    out.chunks_exact_mut(width).for_each(|out| out.copy_from_slice(bias));
    let packed = match packed {
        Some(packed) => {
            packed.refill(|input, gene| weights[gene * genes.inputs + input]);
            packed
        }
        none => none.insert(Packed::transposed(level, genes.inputs, width, weights)),
    };
    multiply(n, hidden, genes.inputs, packed, out, width, true);
}

/// The way back through [`product`]; slopes of the hidden layer are written, or added to for the second of two.
fn way_back(
    level: Level,
    n: usize,
    genes: Genes,
    block: &mut Block,
    second: bool,
    (parameters, hidden): (&[f32], &[f32]),
    (by_weights, by_bias): (&mut [f32], &mut [f32]),
) {
    let (from, width, inputs) = (block.from, block.width, genes.inputs);
    let slopes = if second { &block.inflation_slopes } else { &block.slopes };
    let weights = &parameters[genes.weights + from * inputs..][..width * inputs];
    multiply_transposed(level, (n, width, inputs), slopes, width, hidden, inputs, by_weights, inputs, false);
    by_bias.fill(0.0);
    conv::bias_gradient(level, slopes, by_bias);
    multiply_plain(level, (n, width, inputs), (slopes, width), (weights, inputs), (&mut block.hidden, inputs), second);
}

/// The gradient cut into what belongs to each block.
fn tasks<'a>(layout: &Layout, blocks: &'a mut [Block], gradient: &'a mut [f32]) -> Vec<Gradients<'a>> {
    let width = BLOCK * layout.output.inputs;
    // The parameters of genes lie one after the other at the end of all.
    let (_, rest) = gradient.split_at_mut(layout.output.weights);
    let split = |rest: &'a mut [f32]| {
        let (weights, rest) = rest.split_at_mut(layout.genes * layout.output.inputs);
        let (bias, rest) = rest.split_at_mut(layout.genes);
        ((weights.chunks_mut(width), bias.chunks_mut(BLOCK)), rest)
    };
    let ((mut weights, mut bias), rest) = split(rest);
    let (mut inflation, rest) = match layout.inflation {
        Some(_) => {
            let (parts, rest) = split(rest);
            (Some(parts), rest)
        }
        None => (None, rest),
    };
    let mut dispersion = layout.dispersion.map(|_| rest.chunks_mut(BLOCK));
    let one = |block: &'a mut Block| {
        let inflation = inflation.as_mut().and_then(|(weights, bias)| Some((weights.next()?, bias.next()?)));
        let dispersion = dispersion.as_mut().and_then(Iterator::next);
        Some(Gradients { block, weights: weights.next()?, bias: bias.next()?, inflation, dispersion })
    };
    blocks.iter_mut().filter_map(one).collect()
}

impl Block {
    /// Genes and values of the target of cell `i` that are not 0 and of genes `from..from + width`; genes count from the first.
    fn values(from: usize, width: usize, batch: &Minibatch, i: usize) -> (&[u32], &[f32]) {
        let (genes, values) = batch.target.row(i);
        let first = genes.partition_point(|&gene| (gene as usize) < from);
        let count = genes[first..].partition_point(|&gene| (gene as usize) < from + width);
        (&genes[first..first + count], &values[first..first + count])
    }

    /// Half the squared error, as if all values were 0, and then put right where they are not.
    fn squared(&mut self, level: Level, batch: &Minibatch) {
        self.slopes.copy_from_slice(&self.logits);
        self.losses.clear();
        let rows = self.logits.chunks_exact(self.width.max(1));
        self.losses.extend(rows.map(|row| 0.5 * optimizer::squared_norm(level, row)));
        self.slope_sums.clear();
        self.slope_sums.resize(batch.n, 0.0);
        for i in 0..batch.n {
            let (genes, values) = Self::values(self.from, self.width, batch, i);
            for (&gene, &value) in genes.iter().zip(values) {
                let at = i * self.width + gene as usize - self.from;
                let (x, own) = (f64::from(self.logits[at]), f64::from(value));
                self.losses[i] += 0.5 * own * (own - 2.0 * x);
                self.slopes[at] -= value;
            }
        }
    }
}
