//! Sequences made to order: searches for few substitutions that bring a model's score towards a goal.
//!
//! | search | idea |
//! |---|---|
//! | [`greedy`] | the best substitution, again and again |
//! | [`beam`] | the same with several sequences side by side, which may get worse before they get better |
//! | [`evolve`] | a population, crossed and mutated (Vaishnav et al. 2022) |
//! | [`ascend`] | gradients by the one-hot input, straight through to letters (Linder and Seelig 2021) |
//!
//! All are written against [`Predict`], so that a closure is a model. Single substitutions are scored as edits, so that a model
//! that can do with less than whole passes does.

mod beam;
mod evolution;
mod gradient;
#[cfg(test)]
mod tests;

pub use beam::{beam, greedy};
pub use evolution::{Evolution, evolve};
pub use gradient::ascend;

use crate::perturb::Watched;
use crate::{Code, Edit, Predict, PredictError, SequenceBatch, Task};

/// Where a score is to go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// As high as can be.
    High,
    /// As low as can be.
    Low,
    /// Near to this raw score.
    Value(f64),
}

impl Aim {
    /// What is made small.
    pub fn loss(self, score: f32) -> f64 {
        match self {
            Self::High => -f64::from(score),
            Self::Low => f64::from(score),
            Self::Value(value) => (f64::from(score) - value).abs(),
        }
    }

    /// The sign of the change of a score that makes the loss smaller.
    fn sign(self, score: f32) -> f32 {
        match self {
            Self::High => 1.0,
            Self::Low => -1.0,
            Self::Value(value) => (value - f64::from(score)).signum() as f32,
        }
    }
}

/// What a designed sequence has to keep to.
pub struct Constraints<'a> {
    /// Substitutions away from the sequence that a search starts from, at most.
    pub edits: usize,
    /// One a position: whether it keeps its base.
    pub protected: Vec<bool>,
    /// The share of G and C among known bases, from and to. A sequence that starts outside may only come nearer.
    pub gc: Option<(f64, f64)>,
    /// Whatever else: called with a sequence before it is taken.
    pub accepts: &'a dyn Fn(&[Code]) -> bool,
}

/// A sequence to be changed, and what for.
pub struct Problem<'a> {
    /// The model whose score is watched.
    pub model: &'a dyn Predict,
    /// Where a search starts, with what lies beside the sequence.
    pub batch: &'a SequenceBatch,
    /// Its row.
    pub row: usize,
    /// The score.
    pub watched: Watched,
    /// Where it is to go.
    pub aim: Aim,
    /// What holds on the way.
    pub constraints: Constraints<'a>,
}

/// One substitution of a design.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// 0-based.
    pub position: usize,
    /// The base before, 0 to 4.
    pub from: u8,
    /// The base after, 0 to 3.
    pub to: u8,
    /// The raw score with this substitution and those before it.
    pub score: f32,
}

/// The best sequence that a search has found; the one it started from, if none was better.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    /// The designed sequence.
    pub codes: Vec<Code>,
    /// The raw score that the search started from.
    pub start: f32,
    /// The raw score of the design.
    pub score: f32,
    /// The way there.
    pub steps: Vec<Step>,
    /// Sequences that were scored.
    pub scored: usize,
}

impl Problem<'_> {
    /// The sequence that a search starts from.
    fn start(&self) -> &[Code] {
        self.batch.sequence(self.row)
    }

    fn check(&self) -> Result<(), PredictError> {
        let outputs = self.model.tasks().iter().map(Task::outputs).sum();
        let asked = [Some(self.watched.output), self.watched.minus];
        match asked.into_iter().flatten().find(|&output| output >= outputs) {
            Some(output) => Err(PredictError::NoSuchOutput { output, outputs }),
            None => Ok(()),
        }
    }

    /// Scores of whole sequences.
    fn scores(&self, sequences: &[Vec<Code>]) -> Result<Vec<f32>, PredictError> {
        let mut scores = Vec::with_capacity(sequences.len());
        for part in sequences.chunks(crate::EDITS_AT_ONCE) {
            let mut batch = self.batch.emptied();
            part.iter().for_each(|codes| batch.push_edited(codes, self.batch, self.row));
            let found = self.model.predict(&batch)?;
            scores.extend((0..found.rows()).map(|row| self.watched.of(found.row(row))));
        }
        Ok(scores)
    }

    /// Scores of copies of `codes` with one edit each.
    fn edited(&self, codes: &[Code], edits: &[Edit]) -> Result<Vec<f32>, PredictError> {
        let mut batch = self.batch.emptied();
        batch.push_edited(codes, self.batch, self.row);
        let found = self.model.predict_edits(&batch, 0, edits)?;
        Ok((0..found.rows()).map(|row| self.watched.of(found.row(row))).collect())
    }

    fn loss(&self, score: f32) -> f64 {
        // What is not a number is worse than all else.
        let loss = self.aim.loss(score);
        if loss.is_nan() { f64::INFINITY } else { loss }
    }

    /// Whether a search may put out these codes: their share of G and C, and whatever else was asked for.
    fn allows(&self, codes: &[Code]) -> bool {
        let beyond = |codes: &[Code], (low, high): (f64, f64)| {
            crate::realism::gc_share(codes).map_or(0.0, |share| (low - share).max(share - high).max(0.0))
        };
        let gc = self.constraints.gc.is_none_or(|range| {
            let now = beyond(codes, range);
            now <= 0.0 || now < beyond(self.start(), range)
        });
        gc && (self.constraints.accepts)(codes)
    }

    fn is_protected(&self, position: usize) -> bool {
        self.constraints.protected.get(position).copied().unwrap_or(false)
    }

    /// All substitutions of a position that keeps its base so far.
    fn substitutions(&self, codes: &[Code]) -> Vec<Edit> {
        let free = |&position: &usize| !self.is_protected(position) && codes[position] == self.start()[position];
        let of_position = |position: usize| {
            let old = codes[position];
            (0..4).filter(move |&base| base != old.base()).map(move |base| Edit::substitution(position, old, base))
        };
        (0..codes.len()).filter(free).flat_map(of_position).collect()
    }

    /// The design `codes`, with its substitutions in the order in which each is the best of those left.
    fn described(&self, codes: Vec<Code>, start: f32, scored: usize) -> Result<Design, PredictError> {
        let mut now = self.start().to_vec();
        let (mut steps, mut score, mut scored) = (Vec::new(), start, scored);
        loop {
            let left: Vec<usize> = (0..now.len()).filter(|&at| now[at] != codes[at]).collect();
            let edits: Vec<Edit> = left.iter().map(|&at| Edit { start: at, codes: vec![codes[at]] }).collect();
            if edits.is_empty() {
                return Ok(Design { codes, start, score, steps, scored });
            }
            let scores = self.edited(&now, &edits)?;
            scored += edits.len();
            let best = best_of(scores.iter().map(|&score| self.loss(score)));
            let position = left[best];
            score = scores[best];
            steps.push(Step { position, from: now[position].base(), to: codes[position].base(), score });
            now[position] = codes[position];
        }
    }
}

/// The place of the smallest number, the first of equal ones; 0 if there is none.
fn best_of(losses: impl Iterator<Item = f64>) -> usize {
    losses.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at)
}
