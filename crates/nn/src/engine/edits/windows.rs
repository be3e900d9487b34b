//! Pools of differences: only windows that copies change.

use super::known::Known;
use super::reach::{Stage, Windows, attention_windows, both};
use super::walk::{Before, Patch, Walk};
use basewise_kernels::attention::{PoolShape, pool as attention_pool};
use basewise_kernels::difference::{self, Window};
use basewise_kernels::matrix::{Packed, multiply};
use basewise_kernels::pool::Shape;
use std::ops::Range;

impl Walk<'_> {
    pub(super) fn max_pool(
        &mut self,
        stage: &Stage,
        windows: &Shape,
        known: &Known,
        x: Before,
        patch: Patch,
    ) -> Option<Patch> {
        let outputs = both(&Windows::from(windows).reached(&patch.range), &stage.needed);
        let mut y = self.patch(outputs.clone(), stage.node.output)?;
        let before = |example, range: &Range<usize>| x.at(example, range, windows.channels);
        let (windows, d) = ((windows, f32::NEG_INFINITY), (&patch.range, &patch.values[..]));
        self.max_windows(windows, (&before, known), d, &outputs, &mut y.values);
        self.give(patch);
        Some(y)
    }

    /// The maxima of some windows, of differences `d` within `range`, and not below a floor; the sequences have `before` and
    /// the output of `known` themselves.
    pub(super) fn max_windows<'b>(
        &mut self,
        (windows, floor): (&Shape, f32),
        (before, known): (&dyn Fn(usize, &Range<usize>) -> &'b [f32], &'b Known),
        (range, d): (&Range<usize>, &[f32]),
        outputs: &Range<usize>,
        y: &mut [f32],
    ) {
        let (copies, channels) = (self.copies(), windows.channels);
        let row = copies * channels;
        let mut outside = Vec::new();
        for (output, y) in outputs.clone().zip(y.chunks_exact_mut(row)) {
            let window = output * windows.stride..output * windows.stride + windows.window;
            let inside = both(&window, range);
            let after = self.own(channels, |example| known.output_at(example, &(output..output + 1), channels));
            outside.clear();
            outside.resize(after.channels, f32::NEG_INFINITY);
            for part in [window.start..inside.start, inside.end..window.end] {
                let own = self.own(channels, |example| before(example, &part));
                for own in own.values.chunks_exact(own.channels) {
                    outside.iter_mut().zip(own).for_each(|(top, own)| *top = top.max(*own));
                }
            }
            let numbers = self.own(channels, |example| before(example, &inside));
            let d = &d[(inside.start - range.start) * row..(inside.end - range.start) * row];
            let window = Window { outside: &outside, own: &numbers.values, after: &after.values, floor };
            difference::max_window(self.level, after.copies, window, d, y);
        }
    }

    pub(super) fn average_pool(&mut self, stage: &Stage, windows: &Shape, patch: Patch) -> Option<Patch> {
        let outputs = both(&Windows::from(windows).reached(&patch.range), &stage.needed);
        let mut y = self.zeros(outputs.clone(), stage.node.output)?;
        let row = self.copies() * windows.channels;
        let share = 1.0 / windows.window as f32;
        for (output, y) in outputs.zip(y.values.chunks_exact_mut(row)) {
            let from = output * windows.stride;
            let inside = both(&(from..from + windows.window), &patch.range);
            for position in inside {
                let d = &patch.values[(position - patch.range.start) * row..][..row];
                y.iter_mut().zip(d).for_each(|(y, d)| *y += d);
            }
            y.iter_mut().for_each(|y| *y *= share);
        }
        self.give(patch);
        Some(y)
    }

    /// Whole windows of each copy.
    pub(super) fn attention_pool(
        &mut self,
        stage: &Stage,
        parameter: usize,
        window: usize,
        known: &Known,
        x: Before,
        patch: Patch,
    ) -> Option<Patch> {
        let (copies, channels) = (self.copies(), stage.node.input.channels);
        let outputs = both(&attention_windows(stage.node, window).reached(&patch.range), &stage.needed);
        let mut y = self.patch(outputs.clone(), stage.node.output)?;
        let (from, length) = (outputs.start * window, outputs.len() * window);
        let own = x.at(self.example(), &(from..from + length), channels);
        let mut full = self.buffers.take_any(copies * own.len());
        full.chunks_exact_mut(own.len()).for_each(|copy| copy.copy_from_slice(own));
        for (position, rows) in patch.range.clone().zip(patch.values.chunks_exact(copies * channels)) {
            if !(from..from + length).contains(&position) {
                continue;
            }
            for (row, copy) in rows.chunks_exact(channels).zip(full.chunks_exact_mut(own.len())) {
                copy[(position - from) * channels..].iter_mut().zip(row).for_each(|(x, d)| *x += d);
            }
        }
        let weight = Packed::new(self.level, channels, channels, &self.weights.parameters[parameter].values);
        let mut scores = self.buffers.take_any(full.len());
        multiply(copies * length, &full, channels, &weight, &mut scores, channels, false);
        let mut pooled = self.buffers.take_any(copies * outputs.len() * channels);
        attention_pool(self.level, &PoolShape { window, length, channels }, &full, &mut scores, &mut pooled);
        for (i, y) in y.values.chunks_exact_mut(channels).enumerate() {
            let (output, copy) = (i / copies, i % copies);
            y.copy_from_slice(&pooled[(copy * outputs.len() + output) * channels..][..channels]);
        }
        let after = known.output_at(self.example(), &outputs, channels);
        difference::subtract(self.level, copies, channels, after, &mut y.values);
        [full, scores, pooled].into_iter().for_each(|array| self.buffers.give(array));
        self.give(patch);
        Some(y)
    }
}
