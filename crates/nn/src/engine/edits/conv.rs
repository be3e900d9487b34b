//! Convolutions of differences: only positions that copies change are multiplied.

use super::known::{Known, Ready};
use super::reach::{Stage, Windows, before_pool, both, hull};
use super::walk::{Own, Patch, Walk};
use crate::engine::node::{Conv, First};
use basewise_kernels::conv::{self, Activation, Shape};
use basewise_kernels::matrix::{Packed, multiply};
use basewise_kernels::{Level, pool};
use std::ops::Range;

/// Rows of a block: enough for a product, few enough that what follows finds them in a near cache.
const ROWS: usize = 384;

/// What follows the sums of a convolution.
struct Then<'a> {
    relu: bool,
    windows: Option<pool::Shape>,
    stage: &'a Stage<'a>,
    known: &'a Known,
}

/// Weights for [`sums`]. With a stride, the taps of a window are gathered into the channels of one position.
pub(super) fn pack(level: Level, s: &Shape, weights: &[f32]) -> conv::Weights {
    if s.stride == 1 {
        return conv::Weights::forward(level, s, weights);
    }
    let inner = s.channels / s.groups;
    let mut turned = Vec::with_capacity(weights.len());
    for filter in weights.chunks_exact(inner * s.width) {
        turned.extend((0..s.width).flat_map(|tap| filter[tap..].iter().step_by(s.width)));
    }
    conv::Weights::forward(level, &gathered(s, 1), &turned)
}

/// Weights for [`Walk::narrow`], `[channels, filters * width]` with the last tap first, where it is to be used.
pub(super) fn pack_narrow(level: Level, layer: &Conv, weights: &[f32]) -> Option<Packed> {
    const MOST_FILTERS: usize = 4;
    const LEAST_COLUMNS: usize = 16;
    let s = &layer.shape;
    let plain = s.stride == 1 && s.dilation == 1 && s.groups == 1 && !layer.residual;
    let narrow = plain && s.filters <= MOST_FILTERS && s.filters * s.width >= LEAST_COLUMNS;
    narrow.then(|| {
        Packed::from_fn(level, s.channels, s.filters * s.width, |channel, column| {
            let (filter, tap) = (column / s.width, s.width - 1 - column % s.width);
            weights[(filter * s.channels + channel) * s.width + tap]
        })
    })
}

/// The convolution of one tap that a strided one is, once the positions of its windows are gathered.
fn gathered(s: &Shape, rows: usize) -> Shape {
    let channels = s.channels * s.width;
    Shape { channels, width: 1, stride: 1, dilation: 1, left: 0, length: rows, outputs: rows, ..*s }
}

impl Walk<'_> {
    pub(super) fn first(&mut self, stage: &Stage, layer: &First, known: &Known) -> Option<Patch> {
        let Ready::Table(table) = &known.ready else { return None };
        let changed = self.changes.iter().filter_map(|own| Some(own.first()?.position..own.last()?.position + 1));
        let changed = changed.fold(0..0, |sum, own| hull(&sum, &own));
        let reach = Windows::from(layer).reached(&changed);
        let then = Then { relu: layer.relu, windows: layer.windows(), stage, known };
        self.blocks(reach, layer.shape.filters, then, |walk, block, sums| {
            sums.fill(0.0);
            walk.changed_sums(layer, table, block, sums);
        })
    }

    /// Adds what each change makes of the sums of a block: under each tap, the row of another symbol.
    fn changed_sums(&self, layer: &First, table: &[f32], block: Range<usize>, sums: &mut [f32]) {
        let (s, filters, copies) = (&layer.shape, layer.shape.filters, self.copies());
        let row = |tap: usize, symbol: u8| &table[(tap * s.symbols + usize::from(symbol)) * filters..][..filters];
        let seen = Windows::from(layer).seen(&block);
        for (copy, changes) in self.changes.iter().enumerate() {
            let first = changes.partition_point(|change| change.position < seen.start);
            for change in changes[first..].iter().take_while(|change| change.position < seen.end) {
                for tap in 0..s.width {
                    let Some(at) = (change.position + s.left).checked_sub(tap * s.dilation) else { break };
                    let output = at / s.stride;
                    if !at.is_multiple_of(s.stride) || !block.contains(&output) {
                        continue;
                    }
                    let sums = &mut sums[((output - block.start) * copies + copy) * filters..][..filters];
                    let rows = row(tap, change.new).iter().zip(row(tap, change.old));
                    sums.iter_mut().zip(rows).for_each(|(sum, (new, old))| *sum += new - old);
                }
            }
        }
    }

    pub(super) fn convolution(&mut self, stage: &Stage, layer: &Conv, known: &Known, patch: Patch) -> Option<Patch> {
        if let Ready::Narrow(weights) = &known.ready {
            return self.narrow(stage, layer, known, weights, patch);
        }
        let Ready::Conv(laid) = &known.ready else { return None };
        let weights = laid.for_edits(|weights| pack(self.level, &layer.shape, weights));
        let reach = Windows::from(&layer.shape).reached(&patch.range);
        let zeros = vec![0.0; layer.shape.filters];
        let product = |walk: &mut Self, patch: &Patch, block: Range<usize>, sums: &mut [f32]| {
            walk.sums(&layer.shape, weights, &zeros, patch, block, sums);
        };
        let then = Then { relu: layer.relu, windows: layer.pool, stage, known };
        if layer.residual {
            return self.residual_blocks(reach, then, patch, product);
        }
        let found = self.blocks(reach, layer.shape.filters, then, |walk, block, sums| {
            product(walk, &patch, block, sums);
        });
        self.give(patch);
        found
    }

    /// The sums of a block of outputs.
    fn sums(
        &mut self,
        s: &Shape,
        weights: &conv::Weights,
        zeros: &[f32],
        patch: &Patch,
        block: Range<usize>,
        sums: &mut [f32],
    ) {
        if s.stride > 1 {
            return self.strided(s, weights, zeros, patch, block, sums);
        }
        let copies = self.copies();
        let seen = both(&Windows::from(s).seen(&block), &patch.range);
        if seen.is_empty() {
            return sums.fill(0.0);
        }
        let row = copies * s.channels;
        let x = &patch.values[(seen.start - patch.range.start) * row..(seen.end - patch.range.start) * row];
        // The copies of a position lie side by side, so that taps lie as many times farther apart.
        let shape = Shape {
            dilation: s.dilation * copies,
            left: (s.left + seen.start - block.start) * copies,
            length: seen.len() * copies,
            outputs: block.len() * copies,
            ..*s
        };
        conv::forward(&shape, 1, x, weights, zeros, Activation::None, sums);
    }

    /// A convolution to few filters, such as the profile of a BPNet: each changed position times all taps at once, and an
    /// output the sum along a diagonal of that. Diagonals lie copy by copy, so that a position adds one stretch.
    fn narrow(&mut self, stage: &Stage, layer: &Conv, known: &Known, weights: &Packed, patch: Patch) -> Option<Patch> {
        let (s, copies) = (&layer.shape, self.copies());
        let (columns, filters) = (s.width * s.filters, s.filters);
        // Output `position + left - tap`, which may lie beyond the ends, is kept at `position + width - 1 - tap`.
        let size = patch.range.len() + s.width - 1;
        let mut diagonals = self.zeroed(copies * filters * size);
        let row = copies * s.channels;
        let mut products = self.buffers.take_any(copies * columns);
        for (i, x) in patch.values.chunks_exact(row).enumerate() {
            multiply(copies, x, s.channels, weights, &mut products, columns, false);
            let stretches = diagonals.chunks_exact_mut(size).zip(products.chunks_exact(s.width));
            for (diagonal, product) in stretches {
                diagonal[i..i + s.width].iter_mut().zip(product).for_each(|(sum, product)| *sum += product);
            }
        }
        let reach = Windows::from(s).reached(&patch.range);
        let then = Then { relu: layer.relu, windows: layer.pool, stage, known };
        let first = patch.range.start + s.left;
        let found = self.blocks(reach, filters, then, |_, block, sums| {
            for (output, rows) in block.zip(sums.chunks_exact_mut(copies * filters)) {
                let at = output + s.width - 1 - first;
                rows.iter_mut().zip(diagonals[at..].iter().step_by(size)).for_each(|(sum, &diagonal)| *sum = diagonal);
            }
        });
        [products, diagonals, patch.values].into_iter().for_each(|array| self.buffers.give(array));
        found
    }

    fn strided(
        &mut self,
        s: &Shape,
        weights: &conv::Weights,
        zeros: &[f32],
        patch: &Patch,
        block: Range<usize>,
        sums: &mut [f32],
    ) {
        let (copies, inner) = (self.copies(), s.channels / s.groups);
        let rows = block.len() * copies;
        let mut x = self.zeroed(rows * s.width * s.channels);
        for (i, to) in x.chunks_exact_mut(s.width * s.channels).enumerate() {
            let (output, copy) = (block.start + i / copies, i % copies);
            for tap in 0..s.width {
                let Some(position) = (output * s.stride + tap * s.dilation).checked_sub(s.left) else { continue };
                if !patch.range.contains(&position) {
                    continue;
                }
                let from = &patch.values[((position - patch.range.start) * copies + copy) * s.channels..][..s.channels];
                for (group, from) in from.chunks_exact(inner).enumerate() {
                    to[(group * s.width + tap) * inner..][..inner].copy_from_slice(from);
                }
            }
        }
        conv::forward(&gathered(s, rows), 1, &x, weights, zeros, Activation::None, sums);
        self.buffers.give(x);
    }

    /// Runs blocks of sums within `reach`, and what follows them.
    fn blocks(
        &mut self,
        reach: Range<usize>,
        filters: usize,
        then: Then,
        mut sums_of: impl FnMut(&mut Self, Range<usize>, &mut [f32]),
    ) -> Option<Patch> {
        let Then { relu, windows, stage, known, .. } = then;
        let needed = both(&reach, &before_pool(windows, &stage.needed));
        let (copies, step) = (self.copies(), (ROWS / self.copies()).max(1));
        let row = copies * filters;
        let Some(windows) = windows else {
            let mut y = self.patch(needed.clone(), stage.node.output)?;
            for from in needed.clone().step_by(step) {
                let block = from..needed.end.min(from + step);
                let values = &mut y.values[(from - needed.start) * row..(block.end - needed.start) * row];
                sums_of(self, block.clone(), values);
                if relu {
                    self.rectify(known, &block, filters, values);
                }
            }
            return Some(y);
        };
        let outputs = both(&Windows::from(&windows).reached(&needed), &stage.needed);
        let mut y = self.patch(outputs.clone(), stage.node.output)?;
        let step = (step / windows.stride).max(1);
        for from in outputs.clone().step_by(step) {
            let block = from..outputs.end.min(from + step);
            let inside = both(&Windows::from(&windows).seen(&block), &needed);
            let mut sums = self.buffers.take_any(inside.len() * row);
            sums_of(self, inside.clone(), &mut sums);
            let values = &mut y.values[(from - outputs.start) * row..(block.end - outputs.start) * row];
            let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
            let before = |example, range: &Range<usize>| known.sums_at(example, range, filters);
            self.max_windows((&windows, floor), (&before, known), (&inside, &sums), &block, values);
            self.buffers.give(sums);
        }
        Some(y)
    }

    /// The same with the input added at the end.
    fn residual_blocks(
        &mut self,
        reach: Range<usize>,
        then: Then,
        patch: Patch,
        mut sums_of: impl FnMut(&mut Self, &Patch, Range<usize>, &mut [f32]),
    ) -> Option<Patch> {
        let Then { relu, stage, known, .. } = then;
        let channels = stage.node.output.channels;
        let range = both(&hull(&reach, &patch.range), &stage.needed);
        let Some(mut y) = self.patch(range.clone(), stage.node.output) else {
            self.give(patch);
            return None;
        };
        let (row, step) = (self.copies() * channels, (ROWS / self.copies()).max(1));
        for from in range.clone().step_by(step) {
            let block = from..range.end.min(from + step);
            let values = &mut y.values[(from - range.start) * row..(block.end - range.start) * row];
            sums_of(self, &patch, block.clone(), values);
            if relu {
                // Before the input is added, so the sums give what comes out.
                let before = self.own(channels, |example| known.sums_at(example, &block, channels));
                let after: Vec<f32> = before.values.iter().map(|sum| sum.max(0.0)).collect();
                Own { values: after.into(), ..before }.relu(self.level, &before, values);
            }
            let shared = both(&block, &patch.range);
            if !shared.is_empty() {
                let from = &patch.values[(shared.start - patch.range.start) * row..];
                let to = &mut values[(shared.start - block.start) * row..];
                to.iter_mut().zip(from).take(shared.len() * row).for_each(|(to, from)| *to += from);
            }
        }
        self.give(patch);
        Some(y)
    }

    fn rectify(&self, known: &Known, block: &Range<usize>, filters: usize, values: &mut [f32]) {
        let before = self.own(filters, |example| known.sums_at(example, block, filters));
        let after = self.own(filters, |example| known.output_at(example, block, filters));
        after.relu(self.level, &before, values);
    }
}
