//! Models that are functions of one sequence.

use super::*;
use crate::{Alphabet, CasePolicy, Code, TaskKind};

pub(super) const ENCODING: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Channel };
pub(super) const LENGTH: usize = 5;

/// Scores one sequence at a time by a function; a second output is its negative.
pub(super) struct Scored<F>(F, Vec<Task>);

pub(super) fn model<F: Fn(&[Code]) -> f32>(score: F) -> Scored<F> {
    let task = |name: &str| Task { name: name.into(), kind: TaskKind::Regression };
    Scored(score, vec![task("plus"), task("minus")])
}

impl<F: Fn(&[Code]) -> f32> Predict for Scored<F> {
    fn tasks(&self) -> &[Task] {
        &self.1
    }
    fn encoding(&self) -> Encoding {
        ENCODING
    }
    fn length(&self) -> usize {
        LENGTH
    }
    fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
        assert!(batch.len() <= crate::EDITS_AT_ONCE, "a batch of {}", batch.len());
        let scores = (0..batch.len()).flat_map(|i| {
            let score = (self.0)(batch.sequence(i));
            [score, -score]
        });
        Ok(Matrix::new(batch.len(), 2, scores.collect()))
    }
}

pub(super) fn batch() -> SequenceBatch {
    let mut batch = SequenceBatch::new(ENCODING, LENGTH);
    batch.push(b"ACGTn").unwrap();
    batch.push(b"tTnaG").unwrap();
    batch
}

/// A weight for each base and position, distinct, exact in f32; nothing for an unknown base.
pub(super) fn weight(code: Code, position: usize) -> f32 {
    let base = usize::from(code.base());
    if base < 4 { (base * LENGTH + position) as f32 * 0.5 + (base * base) as f32 } else { 0.0 }
}

/// The sum of the weights.
pub(super) fn linear(codes: &[Code]) -> f32 {
    codes.iter().enumerate().map(|(position, &code)| weight(code, position)).sum()
}
