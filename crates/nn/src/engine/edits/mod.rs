//! Scores of edited copies of a sequence without whole passes.
//!
//! The sequence goes through the network once, and everything that comes out of every node is kept. A copy then carries
//! only differences to that: at the positions that its edit can reach, a stretch that grows from layer to layer, and of
//! those only what the scores depend on. Convolutions and dense layers are linear, so they multiply differences alone;
//! functions of single numbers, norms and pools add what is known, and take it away after; recurrent layers go on from the
//! state before the first difference until it has worn off; layers that mix all positions run on whole copies.
//!
//! Copies whose edits lie near each other go together, with one range of positions in each array, which lie as
//! `[positions, copies, channels]`: then a product finds what no copy changes in whole tiles, and leaves it out. Differences
//! are small where effects are small, so that rounding is less than in a pass of the whole copy. Groups depend on the edits
//! only, so that results are the same for any number of threads.

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
use super::{Array, Buffers, Engine, Input, Pass, layers};
use crate::network::{Mode, Plan, Weights};
use basewise_core::{Edit, SequenceBatch};
use basewise_kernels::Level;
use groups::{Groups, Trimmed};
use known::Known;
use rayon::prelude::*;
use reach::{Cost, Stage};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use walk::Walk;

/// The share of a pass that a single substitution takes, about, as a mean over the positions of a sequence.
pub(crate) fn share(plan: &Plan) -> f64 {
    const ASKED: usize = 64;
    let nodes = node::compile(plan, true, node::Joining::Evaluation);
    let (stages, _) = reach::lay_out(&nodes, 0..nodes.last().map_or(1, |node| node.output.length));
    let length = plan.input.length;
    let whole = work(&stages, 0..length);
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

impl Engine {
    /// Raw scores `[edits, outputs]` of copies of row `row`, each with one edit; `None` where whole passes of the copies
    /// would cost less than a pass of the sequence and what edits change.
    pub(crate) fn edits(
        &mut self,
        weights: &Weights,
        batch: &SequenceBatch,
        row: usize,
        edits: &[Edit],
    ) -> Option<Vec<f32>> {
        self.edits_if(weights, batch, row, edits, |cost, pass| cost + pass < pass * edits.len() as f64)
    }

    #[cfg(test)]
    fn edits_anyway(
        &mut self,
        weights: &Weights,
        batch: &SequenceBatch,
        row: usize,
        edits: &[Edit],
    ) -> Option<Vec<f32>> {
        self.edits_if(weights, batch, row, edits, |_, _| true)
    }

    fn edits_if(
        &mut self,
        weights: &Weights,
        batch: &SequenceBatch,
        row: usize,
        edits: &[Edit],
        worth: impl FnOnce(f64, f64) -> bool,
    ) -> Option<Vec<f32>> {
        let Self { infer_nodes: nodes, buffers, edit_buffers, level, .. } = self;
        let marks = batch.encoding().channels() > 4;
        let trimmed = groups::trimmed(batch, row, edits, |code| layers::first::symbol(code, marks));
        let (stages, _) = reach::lay_out(nodes, 0..nodes.last()?.output.length);
        let (groups, cost) = groups::best(&trimmed, &stages, largest(nodes));
        if !worth(cost, work(&stages, 0..self.length)) {
            return None;
        }
        let mut one = batch.emptied();
        one.push_row(batch, row);
        let (known, start) = know(*level, nodes, weights, &one, buffers, [self.channels, self.length]);
        let network = Network { level: *level, stages: &stages, known: &known, start: &start, weights };
        let scores = known.last()?.output_of(0);
        let found = network.groups(&trimmed, &groups, scores, edit_buffers);
        let mut all = scores.repeat(edits.len());
        let rows = found.iter().flat_map(|found| found.chunks_exact(scores.len()));
        for (edit, row) in trimmed.iter().zip(rows) {
            all[edit.index * scores.len()..(edit.index + 1) * scores.len()].copy_from_slice(row);
        }
        buffers.give(start);
        Some(all)
    }
}

/// The pass of the sequence itself, and what its first node got.
fn know(
    level: Level,
    nodes: &[Node],
    weights: &Weights,
    one: &SequenceBatch,
    buffers: &mut Buffers,
    [channels, length]: [usize; 2],
) -> (Vec<Known>, Array) {
    let (side, statistics) = (one.side(), Vec::new());
    let mut pass =
        Pass { level, n: 1, weights, mode: Mode::Evaluate, side, keep: false, lean: false, buffers, statistics };
    let (start, codes) = pass.start(Input::Codes(one), channels, length, nodes);
    (known::know(&mut pass, nodes, &start, &codes), start)
}

/// What all groups share.
#[derive(Clone, Copy)]
struct Network<'a> {
    level: Level,
    stages: &'a [Stage<'a>],
    known: &'a [Known],
    start: &'a [f32],
    weights: &'a Weights,
}

impl Network<'_> {
    /// Scores of each group; `own` are those of the sequence.
    fn groups(&self, edits: &[Trimmed], groups: &Groups, own: &[f32], waiting: &mut Vec<Buffers>) -> Vec<Vec<f32>> {
        let pool = Mutex::new(std::mem::take(waiting));
        let lock = || pool.lock().unwrap_or_else(PoisonError::into_inner);
        let one = |(members, around): &(Range<usize>, Range<usize>)| {
            let buffers = lock().pop();
            let mut buffers = buffers.unwrap_or_default();
            let found = self.group(&edits[members.clone()], around, own, &mut buffers);
            lock().push(buffers);
            found
        };
        let found = groups.par_iter().map(one).collect();
        *waiting = pool.into_inner().unwrap_or_else(PoisonError::into_inner);
        found
    }

    fn group(&self, edits: &[Trimmed], around: &Range<usize>, own: &[f32], buffers: &mut Buffers) -> Vec<f32> {
        let changes: Vec<_> = edits.iter().map(|edit| edit.changes.as_slice()).collect();
        let mut walk = Walk { level: self.level, weights: self.weights, buffers, changes: &changes, example: 0 };
        let reads_codes = self.start.is_empty();
        let first = self.stages.first().filter(|_| !reads_codes);
        let start = first.and_then(|stage| walk::one_hot(&mut walk, around.clone(), stage.node.input));
        let mut scores = own.repeat(edits.len());
        if let Some(patch) = walk.sequence(self.stages, self.known, self.start, start) {
            walk.add_to_scores(patch, &mut scores);
        }
        scores
    }
}
