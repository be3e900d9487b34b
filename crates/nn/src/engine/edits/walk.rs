//! The way of a group of copies through the nodes: only what differs from the sequence that is edited.

use super::known::{Known, Ready, passes_places};
use super::reach::{Stage, both, hull, mirrored, reached};
use crate::architecture::{Combine, Shape};
use crate::engine::layers::strands;
use crate::engine::node::{MARK, Node, Op};
use crate::engine::{Array, Buffers, Pass};
use crate::network::{Mode, Weights};
use basewise_kernels::{Level, activation, difference, norm, softmax};
use std::borrow::Cow;
use std::ops::Range;

/// A position whose symbol another takes the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) position: usize,
    pub(super) old: u8,
    pub(super) new: u8,
}

/// What copies add to an array of the sequence: differences at some positions, and zero elsewhere.
#[derive(Debug)]
pub(super) struct Patch {
    pub(super) range: Range<usize>,
    /// Of the whole array.
    pub(super) shape: Shape,
    /// The array stands for the vector that a flatten makes of it.
    flat: bool,
    /// `[range, copies, channels]`.
    pub(super) values: Array,
}

/// Numbers of the sequences themselves, as functions of differences want them: of one sequence for all its copies, or of each
/// copy's sequence, all side by side as if they were the channels of one copy.
pub(super) struct Own<'a> {
    pub(super) copies: usize,
    pub(super) channels: usize,
    /// `[positions, channels]`.
    pub(super) values: Cow<'a, [f32]>,
}

impl Own<'_> {
    /// A rectifier, after which the sequences have these numbers.
    pub(super) fn relu(&self, level: Level, before: &Own, d: &mut [f32]) {
        difference::relu(level, self.copies, self.channels, &before.values, &self.values, d);
    }
}

/// What a layer gets from the sequences themselves.
#[derive(Clone, Copy)]
pub(super) enum Before<'a> {
    Known(&'a Known),
    /// Of the sequence of this number.
    Array(&'a [f32], usize),
    /// Of all sequences, of this size.
    Input(&'a [f32], usize),
}

impl<'a> Before<'a> {
    pub(super) fn of(self, example: usize) -> &'a [f32] {
        match self {
            Self::Known(known) => known.output_of(example),
            Self::Array(values, own) => {
                debug_assert_eq!(own, example, "the input of another sequence");
                values
            }
            Self::Input(values, size) => &values[example * size..(example + 1) * size],
        }
    }

    pub(super) fn at(self, example: usize, range: &Range<usize>, channels: usize) -> &'a [f32] {
        &self.of(example)[range.start * channels..range.end * channels]
    }
}

/// A group of copies on its way, all with the same range of positions in each array.
pub(super) struct Walk<'a> {
    pub(super) level: Level,
    pub(super) weights: &'a Weights,
    pub(super) buffers: &'a mut Buffers,
    /// By copy, in the order of positions.
    pub(super) changes: &'a [&'a [Change]],
    /// Which of the known sequences they are copies of, by copy.
    pub(super) of: &'a [usize],
    /// Known sequences; where both strands are known, their reverse complements follow them.
    pub(super) examples: usize,
}

impl Walk<'_> {
    pub(super) fn copies(&self) -> usize {
        self.changes.len()
    }

    /// A patch of numbers of any value; `None` without positions.
    pub(super) fn patch(&mut self, range: Range<usize>, shape: Shape) -> Option<Patch> {
        if range.is_empty() {
            return None;
        }
        let values = self.buffers.take_any(range.len() * self.copies() * shape.channels);
        Some(Patch { range, shape, flat: false, values })
    }

    pub(super) fn zeros(&mut self, range: Range<usize>, shape: Shape) -> Option<Patch> {
        let mut patch = self.patch(range, shape)?;
        patch.values.fill(0.0);
        Some(patch)
    }

    /// Working memory of zeros.
    pub(super) fn zeroed(&mut self, length: usize) -> Array {
        let mut array = self.buffers.take_any(length);
        array.fill(0.0);
        array
    }

    pub(super) fn give(&mut self, patch: Patch) {
        self.buffers.give(patch.values);
    }

    fn copy(&mut self, patch: &Patch) -> Patch {
        let mut values = self.buffers.take_any(patch.values.len());
        values.copy_from_slice(&patch.values);
        Patch { range: patch.range.clone(), values, ..*patch }
    }

    /// The sequence that all are copies of, where there is but one.
    pub(super) fn example(&self) -> usize {
        self.of.first().copied().unwrap_or(0)
    }

    /// The sequences' own numbers at positions of `channels`, which `of` gives for each sequence.
    pub(super) fn own<'b>(&self, channels: usize, of: impl Fn(usize) -> &'b [f32]) -> Own<'b> {
        let first = of(self.example());
        if self.of.iter().all(|&example| example == self.example()) {
            return Own { copies: self.copies(), channels, values: first.into() };
        }
        let parts: Vec<&[f32]> = self.of.iter().map(|&example| of(example)).collect();
        let mut values = Vec::with_capacity(parts.len() * first.len());
        for from in (0..first.len()).step_by(channels.max(1)) {
            parts.iter().for_each(|part| values.extend_from_slice(&part[from..from + channels]));
        }
        Own { copies: 1, channels: self.copies() * channels, values: values.into() }
    }

    /// All stages. `input` is what the first of them got.
    pub(super) fn sequence(
        &mut self,
        stages: &[Stage],
        known: &[Known],
        input: Before,
        start: Option<Patch>,
    ) -> Option<Patch> {
        let mut patch = start;
        for (i, (stage, own)) in stages.iter().zip(known).enumerate() {
            let x = if i == 0 { input } else { Before::Known(&known[i - 1]) };
            patch = match (&stage.node.op, patch) {
                (Op::First(layer), _) => self.first(stage, layer, own),
                (Op::Strands(_, combine), patch) => self.strands(stage, *combine, own, input, patch),
                (_, None) => None,
                (_, Some(patch)) => self.node(stage, own, x, patch),
            };
        }
        patch
    }

    fn node(&mut self, stage: &Stage, known: &Known, x: Before, mut patch: Patch) -> Option<Patch> {
        let node = stage.node;
        if patch.flat {
            match &node.op {
                op if passes_places(op) => return Some(patch),
                Op::Dense { parameter, relu } => return self.dense_of_places(node, known, *parameter, *relu, patch),
                _ => patch = self.flattened(patch),
            }
        }
        let range = both(&reached(node, &patch.range), &stage.needed);
        if range.is_empty() {
            self.give(patch);
            return None;
        }
        match &node.op {
            Op::Conv(layer) => self.convolution(stage, layer, known, patch),
            Op::Dense { relu, .. } => self.dense(node, known, *relu, patch),
            Op::MaxPool(windows) => self.max_pool(stage, windows, known, x, patch),
            Op::AveragePool(windows) => self.average_pool(stage, windows, patch),
            Op::AttentionPool { parameter, window } => self.attention_pool(stage, *parameter, *window, known, x, patch),
            Op::Dropout { .. } => Some(patch),
            Op::Flatten => Some(Patch { flat: true, ..patch }),
            Op::Crop { left } => Some(self.cropped(node, *left, range, patch)),
            Op::Upsample { factor } => self.upsampled(node, *factor, range, patch),
            Op::SideInputs { .. } => self.beside(node, patch),
            Op::ControlSignal { .. } => None,
            Op::Recurrent(layer) => self.recurrent(node, layer, known, patch),
            Op::Residual(_) => self.residual(stage, known, x, range, patch),
            Op::Concat(_) => self.concat(stage, known, x, range, patch),
            Op::BatchNorm { .. } | Op::Activation(_) | Op::PositionNorm { .. } | Op::Softmax => {
                Some(self.by_position(node, known, x, patch))
            }
            Op::SelfAttention(_) | Op::First(_) | Op::Strands(..) => self.whole(node, known, x, patch),
        }
    }

    /// Layers that take each position alone.
    fn by_position(&mut self, node: &Node, known: &Known, x: Before, mut patch: Patch) -> Patch {
        let (level, copies, channels) = (self.level, self.copies(), node.input.channels);
        let after = self.own(channels, |example| known.output_at(example, &patch.range, channels));
        if let (Op::BatchNorm { relu, .. }, Ready::Scale(scale)) = (&node.op, &known.ready) {
            patch.values.chunks_exact_mut(channels).for_each(|row| {
                row.iter_mut().zip(scale).for_each(|(d, scale)| *d *= scale);
            });
            if *relu {
                let before = self.own(channels, |example| known.sums_at(example, &patch.range, channels));
                after.relu(level, &before, &mut patch.values);
            }
            return patch;
        }
        let before = self.own(channels, |example| x.at(example, &patch.range, channels));
        let array = |i: usize| -> &[f32] { &self.weights.parameters[i].values };
        let mut room = self.buffers.take_any(copies * channels);
        let positions = patch.values.chunks_exact_mut(copies * channels);
        let own = before.values.chunks_exact(before.channels).zip(after.values.chunks_exact(before.channels));
        for (values, (own, after)) in positions.zip(own) {
            difference::add(level, before.copies, before.channels, own, values);
            match &node.op {
                Op::Activation(kind) => activation::forward_in_place(level, *kind, values),
                Op::Softmax => softmax::forward_in_place(level, channels, values),
                Op::PositionNorm { parameter, kind } => {
                    let shift = if *kind == norm::positions::Kind::Layer { array(parameter + 1) } else { &[] };
                    norm::positions::forward(level, *kind, values, array(*parameter), shift, &mut room);
                    values.copy_from_slice(&room);
                }
                _ => {}
            }
            difference::subtract(level, before.copies, before.channels, after, values);
        }
        self.buffers.give(room);
        patch
    }

    fn residual(
        &mut self,
        stage: &Stage,
        known: &Known,
        x: Before,
        range: Range<usize>,
        patch: Patch,
    ) -> Option<Patch> {
        let inside = self.copy(&patch);
        let change = self.sequence(&stage.inner[0], &known.inner[0], x, Some(inside));
        let mut sum = self.zeros(range, stage.node.output)?;
        self.add_to(&mut sum, 0, patch);
        if let Some(change) = change {
            self.add_to(&mut sum, 0, change);
        }
        Some(sum)
    }

    fn concat(&mut self, stage: &Stage, known: &Known, x: Before, range: Range<usize>, patch: Patch) -> Option<Patch> {
        let mut joined = self.zeros(range, stage.node.output)?;
        let mut first = 0;
        let Op::Concat(branches) = &stage.node.op else { return None };
        for ((stages, known), nodes) in stage.inner.iter().zip(&known.inner).zip(branches) {
            let inside = self.copy(&patch);
            let branch = self.sequence(stages, known, x, Some(inside));
            if let Some(branch) = branch {
                let branch = if branch.flat { self.flattened(branch) } else { branch };
                self.add_to(&mut joined, first, branch);
            }
            first += nodes.last().map_or(stage.node.input.channels, |node| node.output.channels);
        }
        self.give(patch);
        Some(joined)
    }

    /// Adds a patch to channels `first..` of another, where they share positions.
    fn add_to(&mut self, sum: &mut Patch, first: usize, patch: Patch) {
        let (copies, own, all) = (self.copies(), patch.shape.channels, sum.shape.channels);
        let shared = both(&sum.range, &patch.range);
        if shared.is_empty() {
            return self.give(patch);
        }
        let rows = shared.len() * copies;
        let from = &patch.values[(shared.start - patch.range.start) * copies * own..];
        let to = &mut sum.values[(shared.start - sum.range.start) * copies * all..];
        if own == all {
            to.iter_mut().zip(from).take(rows * own).for_each(|(to, from)| *to += from);
        } else {
            for (to, from) in to.chunks_exact_mut(all).zip(from.chunks_exact(own)).take(rows) {
                to[first..first + own].iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
        }
        self.give(patch);
    }

    fn cropped(&mut self, node: &Node, left: usize, range: Range<usize>, mut patch: Patch) -> Patch {
        let row = self.copies() * node.input.channels;
        let from = (range.start + left - patch.range.start) * row;
        let size = range.len() * row;
        if from > 0 {
            patch.values.copy_within(from..from + size, 0);
        }
        patch.values.shorten(size);
        Patch { range, shape: node.output, ..patch }
    }

    fn upsampled(&mut self, node: &Node, factor: usize, range: Range<usize>, patch: Patch) -> Option<Patch> {
        let mut wide = self.patch(range, node.output)?;
        let row = self.copies() * node.input.channels;
        for (position, to) in wide.range.clone().zip(wide.values.chunks_exact_mut(row)) {
            let from = position / factor - patch.range.start;
            to.copy_from_slice(&patch.values[from * row..(from + 1) * row]);
        }
        self.give(patch);
        Some(wide)
    }

    /// A vector with numbers after it that no edit changes.
    fn beside(&mut self, node: &Node, patch: Patch) -> Option<Patch> {
        let mut wide = self.zeros(0..1, node.output)?;
        self.add_to(&mut wide, 0, patch);
        Some(wide)
    }

    /// The vector that a patch stands for, channel by channel.
    fn flattened(&mut self, patch: Patch) -> Patch {
        let Shape { channels, length } = patch.shape;
        let (copies, size) = (self.copies(), patch.shape.size());
        let mut values = self.zeroed(copies * size);
        for (position, rows) in patch.range.clone().zip(patch.values.chunks_exact(copies * channels)) {
            for (row, to) in rows.chunks_exact(channels).zip(values.chunks_exact_mut(size)) {
                to[position..].iter_mut().step_by(length).zip(row).for_each(|(to, &d)| *to = d);
            }
        }
        self.give(patch);
        Patch { range: 0..1, shape: Shape { channels: size, length: 1 }, flat: false, values }
    }

    /// Both strands, the second as copies of the reverse complement.
    fn strands(
        &mut self,
        stage: &Stage,
        combine: Combine,
        known: &Known,
        input: Before,
        start: Option<Patch>,
    ) -> Option<Patch> {
        let (node, stages, inner) = (stage.node, &stage.inner[0], &known.inner[0]);
        let length = node.input.length;
        let turn = |change: &Change| Change {
            position: length - 1 - change.position,
            old: strands::complement(change.old),
            new: strands::complement(change.new),
        };
        let turned: Vec<Vec<Change>> = self.changes.iter().map(|own| own.iter().rev().map(turn).collect()).collect();
        let turned_start = start.as_ref().map(|patch| self.turned_input(patch));
        let own = input.of(self.example());
        let mut turned_input = vec![0.0; own.len()];
        strands::turn_strand(own, node.input, &mut turned_input);
        let forward = self.sequence(stages, inner, input, start);
        let mut other = Walk {
            level: self.level,
            weights: self.weights,
            buffers: &mut *self.buffers,
            changes: &turned.iter().map(Vec::as_slice).collect::<Vec<_>>(),
            of: &self.of.iter().map(|example| example + self.examples).collect::<Vec<_>>(),
            examples: 2 * self.examples,
        };
        let turned_input = Before::Array(&turned_input, other.example());
        let reverse = other.sequence(stages, inner, turned_input, turned_start);
        let [forward, reverse] =
            [forward, reverse].map(|patch| patch.map(|patch| if patch.flat { self.flattened(patch) } else { patch }));
        self.combined(node, combine, known, forward, reverse)
    }

    /// A patch of one-hot numbers as one of the reverse complement.
    fn turned_input(&mut self, patch: &Patch) -> Patch {
        let (row, channels) = (self.copies() * patch.shape.channels, patch.shape.channels);
        let mut values = self.buffers.take_any(patch.values.len());
        for (to, from) in values.chunks_exact_mut(row).zip(patch.values.chunks_exact(row).rev()) {
            to.copy_from_slice(from);
            to.chunks_exact_mut(channels).for_each(|to| to[..strands::BASES].reverse());
        }
        Patch { range: mirrored(&patch.range, patch.shape.length), values, ..*patch }
    }

    fn combined(
        &mut self,
        node: &Node,
        combine: Combine,
        known: &Known,
        forward: Option<Patch>,
        reverse: Option<Patch>,
    ) -> Option<Patch> {
        let (shape, copies) = (node.output, self.copies());
        let Shape { channels, length } = shape;
        let range_of = |patch: &Option<Patch>| patch.as_ref().map_or(0..0, |patch| patch.range.clone());
        let range = hull(&range_of(&forward), &mirrored(&range_of(&reverse), length));
        let mut sum = self.zeros(range.clone(), shape)?;
        let strands = known.inner[0].last()?;
        let (a, b) = (strands.output_of(self.example()), strands.output_of(self.example() + self.examples));
        let after = known.output_of(self.example());
        let at = |patch: &Option<Patch>, position: usize, i: usize| match patch {
            Some(patch) if patch.range.contains(&position) => {
                patch.values[(position - patch.range.start) * copies * channels + i]
            }
            _ => 0.0,
        };
        for (position, row) in range.zip(sum.values.chunks_exact_mut(copies * channels)) {
            let turned = length - 1 - position;
            for (i, d) in row.iter_mut().enumerate() {
                let (da, db, c) = (at(&forward, position, i), at(&reverse, turned, i), i % channels);
                *d = match combine {
                    Combine::Mean => 0.5 * (da + db),
                    Combine::Sum => da + db,
                    Combine::Max => {
                        let (a, b) = (a[position * channels + c] + da, b[turned * channels + c] + db);
                        a.max(b) - after[position * channels + c]
                    }
                };
            }
        }
        [forward, reverse].into_iter().flatten().for_each(|patch| self.give(patch));
        Some(sum)
    }

    /// A node that mixes all positions: on whole copies.
    fn whole(&mut self, node: &Node, known: &Known, x: Before, patch: Patch) -> Option<Patch> {
        let (copies, channels, x) = (self.copies(), node.input.channels, x.of(self.example()));
        let mut full = self.buffers.take_any(copies * x.len());
        full.chunks_exact_mut(x.len()).for_each(|copy| copy.copy_from_slice(x));
        for (position, rows) in patch.range.clone().zip(patch.values.chunks_exact(copies * channels)) {
            for (row, copy) in rows.chunks_exact(channels).zip(full.chunks_exact_mut(x.len())) {
                copy[position * channels..].iter_mut().zip(row).for_each(|(x, d)| *x += d);
            }
        }
        self.give(patch);
        let mut pass = Pass {
            level: self.level,
            n: copies,
            weights: self.weights,
            mode: Mode::Evaluate,
            side: &[],
            keep: false,
            lean: false,
            prepared: None,
            buffers: &mut *self.buffers,
            statistics: Vec::new(),
        };
        let kept = pass.node(node, &full, &[]);
        self.buffers.give(full);
        let Shape { channels, length } = node.output;
        let mut patch = self.patch(0..length, node.output)?;
        let after = known.output_of(self.example());
        for (position, rows) in patch.values.chunks_exact_mut(copies * channels).enumerate() {
            let own = position * channels..(position + 1) * channels;
            for (row, copy) in rows.chunks_exact_mut(channels).zip(kept.output.chunks_exact(after.len())) {
                let both = copy[own.clone()].iter().zip(&after[own.clone()]);
                row.iter_mut().zip(both).for_each(|(d, (new, old))| *d = new - old);
            }
        }
        self.buffers.give(kept.output);
        Some(patch)
    }

    /// Adds the patch to the scores of each copy, `[copies, outputs]`, which are a vector.
    pub(super) fn add_to_scores(&mut self, patch: Patch, scores: &mut [f32]) {
        let patch = if patch.flat { self.flattened(patch) } else { patch };
        let (channels, row) = (patch.shape.channels, self.copies() * patch.shape.channels);
        let size = patch.shape.size();
        for (position, rows) in patch.range.clone().zip(patch.values.chunks_exact(row)) {
            for (d, scores) in rows.chunks_exact(channels).zip(scores.chunks_exact_mut(size)) {
                scores[position * channels..].iter_mut().zip(d).for_each(|(score, d)| *score += d);
            }
        }
        self.give(patch);
    }
}

/// Differences of one-hot numbers, for layers that do not read codes.
pub(super) fn one_hot(walk: &mut Walk, range: Range<usize>, input: Shape) -> Option<Patch> {
    let (copies, channels) = (walk.copies(), input.channels);
    let mut patch = walk.zeros(range, input)?;
    for (copy, changes) in walk.changes.iter().enumerate() {
        for change in *changes {
            let at = ((change.position - patch.range.start) * copies + copy) * channels;
            let row = &mut patch.values[at..at + channels];
            for (symbol, sign) in [(change.old, -1.0), (change.new, 1.0)] {
                let (base, mark) = (usize::from(symbol % MARK), symbol / MARK);
                if base < strands::BASES {
                    row[base] += sign;
                }
                if mark > 0 && channels > strands::BASES {
                    row[strands::BASES] += sign;
                }
            }
        }
    }
    Some(patch)
}
