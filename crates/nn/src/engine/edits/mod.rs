//! Scores of edited copies of a sequence without whole passes.
//!
//! The sequence goes through the network once, several sequences together, and what comes out of every node is kept (of the
//! first layer's sums those that edits reach). A copy then carries only differences to that: at the positions that its edit
//! can reach, a stretch that grows from layer to layer, and of those only what the scores depend on. Convolutions and dense
//! layers are linear, so they multiply differences alone; functions of single numbers, norms and pools add what is known, and
//! take it away after; recurrent layers go on from the state before the first difference until it has worn off; layers that
//! mix all positions run on whole copies.
//!
//! Copies whose edits lie near each other go together, with one range of positions in each array, which lie as
//! `[positions, copies, channels]`: then a product finds what no copy changes in whole tiles, and leaves it out. Differences
//! are small where effects are small, so that rounding is less than in a pass of the whole copy. Groups depend on the edits
//! only, so that results are the same for any number of threads.

mod along;
mod conv;
mod dense;
mod groups;
mod known;
mod reach;
mod recurrent;
#[cfg(test)]
mod tests;
mod walk;
mod windows;

use super::node::{self, Node, Op};
use super::prepared::Prepared;
use super::{Array, Buffers, Engine, Input, Pass, layers};
use crate::network::{Mode, Plan, Weights};
use along::Along;
use basewise_core::{Edit, SequenceBatch};
use basewise_kernels::Level;
use groups::{FEW, Grouped, MIXED, Party, Trimmed, mixes, parties};
use known::Known;
use rayon::prelude::*;
use reach::{Cost, Stage};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use walk::{Before, Walk};

/// The share of a pass that a single substitution takes, about, as a mean over the positions of a sequence.
pub(crate) fn share(plan: &Plan) -> f64 {
    const ASKED: usize = 64;
    let nodes = node::compile(plan, true, node::Joining::Evaluation);
    let (stages, _) = reach::lay_out(&nodes, 0..nodes.last().map_or(1, |node| node.output.length));
    let length = plan.input.length;
    let whole = reach::whole(&stages, length);
    let asked = ASKED.min(length);
    let places = (0..asked).map(|i| i * length / asked);
    let mean = places.map(|at| work(&stages, at..at + 1)).sum::<f64>() / asked.max(1) as f64;
    if whole > 0.0 { (mean / whole).min(1.0) } else { 1.0 }
}

/// The type of the layer from which on a substitution in the middle changes every position, if there is one.
pub(crate) fn spread(plan: &Plan) -> Option<&'static str> {
    let nodes = node::compile(plan, true, node::Joining::Evaluation);
    let (stages, _) = reach::lay_out(&nodes, 0..nodes.last()?.output.length);
    let middle = plan.input.length / 2;
    reach::spreads(&stages, &(middle..middle + 1))
}

fn work(stages: &[Stage], range: Range<usize>) -> f64 {
    let mut sum = Cost::default();
    reach::cost(stages, &range, &mut sum);
    sum.work
}

/// Numbers of the largest array within nodes, of one copy.
fn largest(nodes: &[Node]) -> usize {
    let of = |node: &Node| match &node.op {
        Op::Residual(inner) | Op::Strands(inner, _) => largest(inner),
        Op::Concat(branches) => branches.iter().map(|nodes| largest(nodes)).max().unwrap_or(0),
        _ => 0,
    };
    nodes.iter().map(|node| of(node).max(node.input.size()).max(node.output.size())).max().unwrap_or(0)
}

/// Numbers that are known of one sequence, about.
fn size_known(nodes: &[Node]) -> usize {
    let of = |node: &Node| match &node.op {
        Op::Residual(inner) => size_known(inner),
        Op::Strands(inner, _) => 2 * size_known(inner),
        Op::Concat(branches) => branches.iter().map(|nodes| size_known(nodes)).sum(),
        // A pool is often joined to the convolution whose sums it gets.
        _ => node.input.size(),
    };
    nodes.iter().map(|node| node.output.size() + of(node)).sum()
}

/// Sequences whose passes are made together, at most.
const TOGETHER: usize = 48;
/// Numbers that may be known at once, but for a single sequence: more leave the caches.
const MOST_KNOWN: usize = 1 << 23;
/// What the pass that keeps everything costs, in passes that keep nothing.
const KEEPING: f64 = 1.2;

/// Copies that go through dense layers together, at most: few enough that a dense layer sums them in the same order, whatever their number.
const FEW_TOGETHER: usize = 96;
/// Weights of dense layers that are worth it.
const HEAVY: usize = 1 << 16;

/// The first of the layers on a vector at the end, if their weights are many; else the number of nodes.
fn tail(nodes: &[Node]) -> usize {
    let on_vector = |node: &Node| match node.op {
        Op::Flatten => true,
        Op::Dense { .. } | Op::Dropout { .. } | Op::Activation(_) | Op::BatchNorm { .. } | Op::SideInputs { .. } => {
            node.input.length == 1
        }
        _ => false,
    };
    let start = nodes.iter().rposition(|node| !on_vector(node)).map_or(nodes.len(), |last| last + 1);
    let weights = |node: &Node| match node.op {
        Op::Dense { .. } => node.input.size() * node.output.size(),
        _ => 0,
    };
    if nodes[start..].iter().map(weights).sum::<usize>() < HEAVY { nodes.len() } else { start }
}

impl Engine {
    /// Raw scores `[edits, outputs]` of copies of each row, each with one of the row's edits; `None` where whole passes of
    /// the copies would cost less than a pass of the sequence and what edits change.
    pub(crate) fn edits(
        &mut self,
        weights: &Weights,
        batch: &SequenceBatch,
        edits: &[&[Edit]],
    ) -> Vec<Option<Vec<f32>>> {
        self.edits_if(weights, batch, edits, |cost, pass, edits| cost + KEEPING * pass < pass * edits as f64)
    }

    #[cfg(test)]
    fn edits_anyway(&mut self, weights: &Weights, batch: &SequenceBatch, edits: &[&[Edit]]) -> Vec<Option<Vec<f32>>> {
        self.edits_if(weights, batch, edits, |_, _, _| true)
    }

    fn edits_if(
        &mut self,
        weights: &Weights,
        batch: &SequenceBatch,
        edits: &[&[Edit]],
        worth: impl Fn(f64, f64, usize) -> bool,
    ) -> Vec<Option<Vec<f32>>> {
        let Self { infer_nodes: nodes, prepared, buffers, edit_buffers, level, .. } = self;
        let marks = batch.encoding().channels() > 4;
        let (stages, _) = reach::lay_out(nodes, 0..nodes.last().map_or(0, |node| node.output.length));
        let (pass, largest, tail) = (reach::whole(&stages, self.length), largest(nodes), tail(nodes));
        let mut rows = Vec::new();
        for (row, edits) in edits.iter().enumerate() {
            let trimmed = groups::trimmed(batch, row, edits, |code| layers::first::symbol(code, marks));
            let (groups, cost) = groups::best(&trimmed, &stages, largest);
            if worth(cost, pass, edits.len()) {
                rows.push(Grouped { row, trimmed, groups });
            }
        }
        // Rows that overlap one after the other, as far apart as their layers want them.
        let step = along::step(nodes, self.length) as i64;
        rows.sort_by_key(|&Grouped { row, .. }| (batch.place(row).map(|at| (at.rem_euclid(step), at)), row));
        let most = if nodes.iter().all(mixes) { MIXED.min(groups::most(largest)) } else { 1 };
        let sizes = [self.channels, self.length];
        let asked = Asked { level: *level, prepared, nodes, stages: &stages, weights, batch, edits, sizes, tail, most };
        let together = (MOST_KNOWN / size_known(nodes).max(1)).clamp(1, TOGETHER);
        // Rows all of whose copies are few go through the dense layers at the end with their copies.
        let is_few = |grouped: &Grouped| grouped.groups.iter().all(|(own, _)| own.len() < FEW);
        let (few, many): (Vec<Grouped>, Vec<Grouped>) = rows.into_iter().partition(is_few);
        let of_few = few.chunks(together).map(|rows| (rows, tail));
        let mut all = vec![None; edits.len()];
        for (rows, depth) in of_few.chain(many.chunks(together).map(|rows| (rows, nodes.len()))) {
            let scores = asked.scores(rows, depth, (&mut *buffers, &mut *edit_buffers));
            rows.iter().zip(scores).for_each(|(grouped, scores)| all[grouped.row] = Some(scores));
        }
        all
    }
}

/// What is asked of a network.
struct Asked<'a> {
    level: Level,
    prepared: &'a Prepared,
    nodes: &'a [Node],
    stages: &'a [Stage<'a>],
    weights: &'a Weights,
    batch: &'a SequenceBatch,
    edits: &'a [&'a [Edit]],
    /// Channels and positions of a sequence.
    sizes: [usize; 2],
    /// The first of the nodes that few copies go through together.
    tail: usize,
    /// Copies of several rows that go together, at most.
    most: usize,
}

impl Asked<'_> {
    /// Scores `[edits, outputs]` of each of some rows, of which the first `depth` nodes are to be known.
    fn scores(
        &self,
        rows: &[Grouped],
        depth: usize,
        (buffers, waiting): (&mut Buffers, &mut Vec<Buffers>),
    ) -> Vec<Vec<f32>> {
        let mut own = self.batch.emptied();
        rows.iter().for_each(|grouped| own.push_row(self.batch, grouped.row));
        let parties = parties(rows, self.stages, self.most);
        let mut changed = vec![0..0; rows.len()];
        for (row, party) in parties.iter().flat_map(|party| party.members.iter().map(move |own| (own.0, party))) {
            changed[row] = reach::hull(&changed[row], &party.around);
        }
        let Self { level, stages, weights, tail, .. } = *self;
        let (known, start) = self.know(depth, &own, &changed, buffers);
        let network = Network { level, stages, known: &known, start: &start, weights, tail };
        let mut found = network.groups(rows, &parties, waiting);
        let groups = found.len();
        let reference = |row| known.last().map_or(&[][..], |known| known.output_of(row)).to_vec();
        found.extend((0..rows.len()).map(reference));
        network.finish_few(self.nodes, (rows, &mut found, depth < self.nodes.len()), own.side(), buffers);
        let references = found.split_off(groups);
        let scores = network.scores(rows, self.edits, (found, &references));
        buffers.give(start);
        known.into_iter().for_each(|known| known.give(buffers));
        scores
    }

    /// The pass of the sequences themselves through the first nodes, and what the first of them got.
    fn know(
        &self,
        depth: usize,
        own: &SequenceBatch,
        changed: &[Range<usize>],
        buffers: &mut Buffers,
    ) -> (Vec<Known>, Array) {
        let (nodes, [channels, length]) = (&self.nodes[..depth], self.sizes);
        let mut pass = Pass {
            level: self.level,
            n: own.len(),
            weights: self.weights,
            mode: Mode::Evaluate,
            side: own.side(),
            keep: false,
            lean: false,
            prepared: Some(self.prepared),
            buffers,
            statistics: Vec::new(),
        };
        let (start, codes) = pass.start(Input::Codes(own), channels, length, nodes);
        (known::know(&mut pass, nodes, &start, &codes, changed, Some(Along::new(own))), start)
    }
}

/// What all groups share.
#[derive(Clone, Copy)]
struct Network<'a> {
    level: Level,
    stages: &'a [Stage<'a>],
    known: &'a [Known],
    start: &'a [f32],
    weights: &'a Weights,
    /// The first of the nodes that few copies go through together.
    tail: usize,
}

impl Network<'_> {
    /// Scores `[copies, outputs]` of each group of all rows; of few copies what their last layers get.
    fn groups(&self, rows: &[Grouped], parties: &[Party], waiting: &mut Vec<Buffers>) -> Vec<Vec<f32>> {
        let pool = Mutex::new(std::mem::take(waiting));
        let lock = || pool.lock().unwrap_or_else(PoisonError::into_inner);
        let groups: Vec<&[Trimmed]> =
            rows.iter().flat_map(|row| row.groups.iter().map(|(own, _)| &row.trimmed[own.clone()])).collect();
        let party = |party: &Party| {
            let buffers = lock().pop();
            let mut buffers = buffers.unwrap_or_default();
            let found = self.party(party, rows.len(), &groups, &mut buffers);
            lock().push(buffers);
            found
        };
        let scores: Vec<Vec<f32>> = parties.par_iter().map(party).collect();
        *waiting = pool.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut found = vec![Vec::new(); groups.len()];
        for (party, scores) in parties.iter().zip(&scores) {
            let (size, mut from) = (scores.len() / party.copies.max(1), 0);
            for &(_, group) in &party.members {
                let end = from + groups[group].len() * size;
                found[group] = scores[from..end].to_vec();
                from = end;
            }
        }
        found
    }

    /// Takes few copies through their last layers, those of all groups together, and with `references` the sequences
    /// themselves, which follow the groups.
    fn finish_few(
        &self,
        nodes: &[Node],
        (rows, found, references): (&[Grouped], &mut [Vec<f32>], bool),
        side: &[f32],
        buffers: &mut Buffers,
    ) {
        let width = side.len() / rows.len().max(1);
        let all = rows.iter().enumerate().flat_map(|(i, row)| row.groups.iter().map(move |(own, _)| (i, own.len())));
        let few: Vec<(usize, usize, usize)> = all
            .enumerate()
            .filter(|&(_, (_, copies))| self.are_few(copies))
            .map(|(group, (row, copies))| (group, row, copies))
            .chain((0..rows.len()).filter(|_| references).map(|row| (found.len() - rows.len() + row, row, 1)))
            .collect();
        let own = |row: usize| &side[row * width..(row + 1) * width];
        let mut rest = &few[..];
        while !rest.is_empty() {
            let mut n = 0;
            let fits = |few: &&(usize, usize, usize)| {
                n += few.2;
                n <= FEW_TOGETHER
            };
            let (few, others) = rest.split_at(rest.iter().take_while(fits).count());
            rest = others;
            let n = few.iter().map(|few| few.2).sum();
            let input: Vec<f32> = few.iter().flat_map(|few| found[few.0].iter().copied()).collect();
            let side: Vec<f32> = few.iter().flat_map(|&(_, row, copies)| own(row).repeat(copies)).collect();
            let mut pass = Pass {
                level: self.level,
                n,
                weights: self.weights,
                mode: Mode::Evaluate,
                side: &side,
                keep: false,
                lean: false,
                prepared: None,
                buffers: &mut *buffers,
                statistics: Vec::new(),
            };
            let mut start = pass.buffers.take(input.len());
            start.copy_from_slice(&input);
            let scores = pass.infer(&nodes[self.tail..], start, &[]);
            let (outputs, mut from) = (scores.len() / n, 0);
            for &(group, _, copies) in few {
                found[group] = scores[from * outputs..(from + copies) * outputs].to_vec();
                from += copies;
            }
            buffers.give(scores);
        }
    }

    fn are_few(&self, copies: usize) -> bool {
        self.tail < self.stages.len() && copies < FEW
    }

    /// Scores `[edits, outputs]` of the edits of each row, from those of its groups and of the sequences themselves.
    fn scores(
        &self,
        rows: &[Grouped],
        edits: &[&[Edit]],
        (found, references): (Vec<Vec<f32>>, &[Vec<f32>]),
    ) -> Vec<Vec<f32>> {
        let mut found = found.into_iter();
        let of_row = |(row, own): (&Grouped, &Vec<f32>)| {
            let mut all = own.repeat(edits[row.row].len());
            let found: Vec<Vec<f32>> = found.by_ref().take(row.groups.len()).collect();
            let scores = found.iter().flat_map(|found| found.chunks_exact(own.len()));
            for (edit, scores) in row.trimmed.iter().zip(scores) {
                all[edit.index * own.len()..(edit.index + 1) * own.len()].copy_from_slice(scores);
            }
            all
        };
        rows.iter().zip(references).map(of_row).collect()
    }

    /// Scores of copies of some of `examples` known sequences, in the order of their groups, or what their last layers get.
    fn party(&self, party: &Party, examples: usize, groups: &[&[Trimmed]], buffers: &mut Buffers) -> Vec<f32> {
        let edits = || party.members.iter().flat_map(|&(row, group)| groups[group].iter().map(move |edit| (row, edit)));
        let (of, changes): (Vec<usize>, Vec<_>) = edits().map(|(row, edit)| (row, edit.changes.as_slice())).unzip();
        let mut walk = Walk { level: self.level, weights: self.weights, buffers, changes: &changes, of: &of, examples };
        let first = self.stages.first().filter(|_| !self.start.is_empty());
        let patch = first.and_then(|stage| walk::one_hot(&mut walk, party.around.clone(), stage.node.input));
        let start = Before::Input(self.start, self.start.len() / examples);
        // Groups of several rows are all of few copies.
        let few = party.members.first().is_some_and(|&(_, group)| self.are_few(groups[group].len()));
        let end = if few { self.tail } else { self.stages.len() };
        let (stages, known) = (&self.stages[..end], &self.known[..end]);
        let own = |&example: &usize| known.last().map_or(&[][..], |known| known.output_of(example));
        let mut scores: Vec<f32> = of.iter().flat_map(own).copied().collect();
        if let Some(patch) = walk.sequence(stages, known, start, patch) {
            walk.add_to_scores(patch, &mut scores);
        }
        scores
    }
}
