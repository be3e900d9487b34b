//! The seam between models and everything that is done with them.

use crate::{ControlSignal, Covariate, Edit, Encoding, Matrix, SequenceBatch, Task, TaskKind};

/// Anything that maps encoded sequences to raw scores: a network, a linear model, a closure in a test.
///
/// Object-safe, and called once a batch, so that experiments pay nothing for the indirection.
pub trait Predict {
    /// What is predicted; outputs are concatenated in this order.
    fn tasks(&self) -> &[Task];

    /// How sequences must be encoded.
    fn encoding(&self) -> Encoding;

    /// Positions a sequence must have.
    fn length(&self) -> usize;

    /// How many of them, at each end, lie around the window that the scores are about: room to shift it. See
    /// [`SequenceBatch::push_with_margin`].
    fn margin(&self) -> usize {
        0
    }

    /// Numbers that it takes beside each sequence, in this order; usually none.
    fn covariates(&self) -> &[Covariate] {
        &[]
    }

    /// Control signal that it takes beside each sequence; usually none.
    fn control(&self) -> Option<&ControlSignal> {
        None
    }

    /// Raw scores `[n, outputs]`: a logit for a binary task and for each class, a value for a regression, the logarithm of
    /// the expected count for counts, logits of bins and logarithms of totals for a profile (see [`crate::Profile`]).
    ///
    /// # Errors
    /// If the batch has another length, encoding, control or number of covariates, or the device fails.
    fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError>;

    /// Raw scores of edited copies, each with one edit: for every row of the batch a matrix `[edits of the row, outputs]`.
    ///
    /// They are what [`Predict::predict`] gives for the edited sequences, to rounding. A model that can do with less than
    /// whole passes does; the default is whole passes, [`EDITS_AT_ONCE`] at a time.
    ///
    /// # Errors
    /// As [`Predict::predict`]; if there is not one list of edits for each row.
    fn predict_row_edits(&self, batch: &SequenceBatch, edits: &[&[Edit]]) -> Result<Vec<Matrix>, PredictError> {
        predict_edits_plainly(self, batch, edits)
    }

    /// [`Predict::predict_row_edits`] of one row: `[edits, outputs]`.
    ///
    /// # Errors
    /// As [`Predict::predict`].
    fn predict_edits(&self, batch: &SequenceBatch, row: usize, edits: &[Edit]) -> Result<Matrix, PredictError> {
        let mut one = batch.emptied();
        one.push_row(batch, row);
        Ok(self.predict_row_edits(&one, &[edits])?.remove(0))
    }
}

/// Edited sequences that are predicted together.
pub const EDITS_AT_ONCE: usize = 256;

/// [`Predict::predict_row_edits`] by whole passes: the oracle of every faster way.
///
/// # Errors
/// As [`Predict::predict_row_edits`].
pub fn predict_edits_plainly<M: Predict + ?Sized>(
    model: &M,
    batch: &SequenceBatch,
    edits: &[&[Edit]],
) -> Result<Vec<Matrix>, PredictError> {
    check_edits(batch, edits)?;
    let outputs: usize = model.tasks().iter().map(Task::outputs).sum();
    let all: Vec<(usize, &Edit)> =
        edits.iter().enumerate().flat_map(|(row, own)| own.iter().map(move |edit| (row, edit))).collect();
    let mut scores = Vec::with_capacity(all.len() * outputs);
    for part in all.chunks(EDITS_AT_ONCE) {
        let mut edited = batch.emptied();
        part.iter().for_each(|(row, edit)| edit.push(batch, *row, &mut edited));
        scores.extend_from_slice(model.predict(&edited)?.data());
    }
    let mut rest = scores.as_slice();
    let of_row = |own: &&[Edit]| {
        let (first, others) = rest.split_at(own.len() * outputs);
        rest = others;
        Matrix::new(own.len(), outputs, first.to_vec())
    };
    Ok(edits.iter().map(of_row).collect())
}

/// Whether there is one list of edits for each row.
///
/// # Errors
/// If there are more or less.
pub fn check_edits(batch: &SequenceBatch, edits: &[&[Edit]]) -> Result<(), PredictError> {
    if edits.len() == batch.len() {
        return Ok(());
    }
    let (rows, found) = (batch.len(), edits.len());
    Err(PredictError::Device(format!("expected a list of edits for each of {rows} sequences, found {found}")))
}

/// Why a prediction could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PredictError {
    /// The batch does not fit the model.
    #[error(
        "expected sequences of {expected_length} positions and {expected_channels} channels, found {length} and {channels}"
    )]
    Shape {
        /// What the model takes.
        expected_length: usize,
        /// What the model takes.
        expected_channels: usize,
        /// What came.
        length: usize,
        /// What came.
        channels: usize,
    },
    /// The batch lacks numbers that the model takes beside each sequence, or has some that it does not take.
    #[error("expected {expected} covariates beside each of {rows} sequences, found {found} numbers in all")]
    Covariates {
        /// What the model takes for each sequence.
        expected: usize,
        /// Sequences.
        rows: usize,
        /// What came for all of them.
        found: usize,
    },
    /// The batch lacks the control signal that the model takes, or has another.
    #[error("expected control signal beside each sequence: {expected}; found {found}")]
    Control {
        /// Tracks and bins that the model takes.
        expected: String,
        /// Those that came.
        found: String,
    },
    /// An output was asked for that the model does not have.
    #[error("the model has {outputs} outputs, so there is no output {output} (they count from 0)")]
    NoSuchOutput {
        /// 0-based, as asked.
        output: usize,
        /// What the model has.
        outputs: usize,
    },
    /// The device or the framework failed.
    #[error("the model could not be evaluated: {0}")]
    Device(String),
}

/// Turns raw scores into what they predict, in place: probabilities by the sigmoid for binary tasks and by softmax over
/// classes, the expected count (the exponential) for counts, the value as it is for a regression, and for a profile the
/// share of each bin by softmax over those of its track, with logarithms of totals as they are.
pub fn probabilities(tasks: &[Task], scores: &mut Matrix) {
    for i in 0..scores.rows() {
        let mut row = scores.row_mut(i);
        for task in tasks {
            let (own, rest) = row.split_at_mut(task.outputs());
            match &task.kind {
                TaskKind::Binary => own[0] = 1.0 / (1.0 + (-own[0]).exp()),
                TaskKind::Classes { .. } => softmax(own),
                TaskKind::Regression => {}
                TaskKind::Counts => own[0] = own[0].exp(),
                TaskKind::Profile(profile) => {
                    own.chunks_exact_mut(profile.bins.max(1)).take(profile.tracks.len()).for_each(softmax);
                }
            }
            row = rest;
        }
    }
}

fn softmax(row: &mut [f32]) {
    let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0;
    for value in row.iter_mut() {
        *value = (*value - top).exp();
        total += *value;
    }
    for value in row {
        *value /= total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_become_probabilities_task_by_task() {
        let task = |name: &str, kind| Task { name: name.into(), kind };
        let classes = TaskKind::Classes { classes: vec!["a".into(), "b".into()] };
        let tasks = [
            task("t", TaskKind::Binary),
            task("c", classes),
            task("r", TaskKind::Regression),
            task("n", TaskKind::Counts),
        ];
        let mut scores = Matrix::new(1, 5, vec![0.0, 1000.0, 1000.0, -3.0, 0.0]);
        probabilities(&tasks, &mut scores);
        assert_eq!(scores.row(0), [0.5, 0.5, 0.5, -3.0, 1.0]);
    }
}
