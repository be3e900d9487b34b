//! Experiments on a model: change the sequence, watch the score. Written against [`Predict::predict_edits`], so they run on
//! anything, and at the cost of what changes where a model can do with that.

mod curves;
mod indels;
mod motifs;
mod pairs;
mod spacing;
mod substitutions;
#[cfg(test)]
mod testing;
mod windows;

pub use curves::{CurveOptions, Curves, deletion_insertion};
pub use indels::{deletions, insertions};
pub use motifs::{knock_in, knock_out};
pub use pairs::{Pair, pairs};
pub use spacing::{SpacingEffect, room_for, spacing};
pub use substitutions::saturate;
pub use windows::{Fill, windows};

use crate::{ControlSignal, Covariate, Edit, Encoding, Matrix, Predict, PredictError, SequenceBatch, Task};

/// The raw score that an experiment watches: an output, or by how much it is above another (a contrast).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Column of the raw scores.
    pub output: usize,
    /// Column that is taken away.
    pub minus: Option<usize>,
}

impl From<usize> for Watched {
    fn from(output: usize) -> Self {
        Self { output, minus: None }
    }
}

impl Watched {
    /// The score that is watched in a row of raw scores that has it.
    pub fn of(self, row: &[f32]) -> f32 {
        row[self.output] - self.minus.map_or(0.0, |minus| row[minus])
    }

    fn check(self, model: &dyn Predict) -> Result<(), PredictError> {
        let outputs = model.tasks().iter().map(Task::outputs).sum();
        let missing = [Some(self.output), self.minus].into_iter().flatten().find(|&output| output >= outputs);
        missing.map_or(Ok(()), |output| Err(PredictError::NoSuchOutput { output, outputs }))
    }
}

/// A model whose edits are whole passes: the oracle and the cost of doing without what it can do better.
#[derive(Clone, Copy)]
pub struct Plain<'m>(pub &'m dyn Predict);

impl Predict for Plain<'_> {
    fn tasks(&self) -> &[Task] {
        self.0.tasks()
    }

    fn encoding(&self) -> Encoding {
        self.0.encoding()
    }

    fn length(&self) -> usize {
        self.0.length()
    }

    fn margin(&self) -> usize {
        self.0.margin()
    }

    fn covariates(&self) -> &[Covariate] {
        self.0.covariates()
    }

    fn control(&self) -> Option<&ControlSignal> {
        self.0.control()
    }

    fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
        self.0.predict(batch)
    }
}

/// Raw scores of one call at most, so that memory does not grow with the number of edits.
const MOST_SCORES: usize = 1 << 24;

/// What each edit of row `row` does to the score that is watched: that of the copy minus that of the row as it is.
///
/// # Errors
/// An output that the model does not have, or what the model itself reports.
pub fn effects(
    model: &dyn Predict,
    batch: &SequenceBatch,
    row: usize,
    edits: &[Edit],
    watched: Watched,
) -> Result<Vec<f32>, PredictError> {
    watched.check(model)?;
    let outputs: usize = model.tasks().iter().map(Task::outputs).sum();
    let at_once = (MOST_SCORES / outputs.max(1)).max(2);
    let mut effects = Vec::with_capacity(edits.len());
    for part in edits.chunks(at_once - 1) {
        // The row as it is comes along as an edit of nothing, so that both scores are made in the same way.
        let nothing = Edit { start: 0, codes: Vec::new() };
        let with_nothing: Vec<Edit> = std::iter::once(nothing).chain(part.iter().cloned()).collect();
        let scores = model.predict_edits(batch, row, &with_nothing)?;
        if scores.rows() != with_nothing.len() {
            let (expected, found) = (with_nothing.len(), scores.rows());
            return Err(PredictError::Device(format!("expected scores of {expected} sequences, found {found}")));
        }
        let own = watched.of(scores.row(0));
        effects.extend((1..scores.rows()).map(|i| watched.of(scores.row(i)) - own));
    }
    Ok(effects)
}

/// One output of all rows, or an error where the model gave other rows or has no such output.
fn column(scores: &Matrix, rows: usize, output: usize) -> Result<Vec<f32>, PredictError> {
    if output >= scores.columns() {
        return Err(PredictError::NoSuchOutput { output, outputs: scores.columns() });
    }
    if scores.rows() != rows {
        return Err(PredictError::Device(format!("expected scores of {rows} sequences, found {}", scores.rows())));
    }
    Ok(scores.column(output).collect())
}
