//! Experiments on a model: change the sequence, watch the score. Written against [`Predict`], so they run on anything.

mod spacing;

pub use spacing::{SpacingEffect, room_for, spacing};

use crate::{Matrix, Predict, PredictError, SequenceBatch};

/// In-silico mutagenesis: what every single substitution does to one raw output.
///
/// Row-major `[n, 4, length]`: the score with base `b` (A C G T) at position `p` minus the score of the sequence as it
/// is. 0 at the base that is there; at an unknown base all four are scored against the unknown. A mark of the case
/// channel stays with its position. Costs three predictions a known base, in batches of `batch_size` sequences (at least
/// one).
///
/// # Errors
/// An output that the model does not have, or what the model itself reports.
pub fn saturate(
    model: &dyn Predict,
    batch: &SequenceBatch,
    output: usize,
    batch_size: usize,
) -> Result<Vec<f32>, PredictError> {
    saturate_with(model, batch, output, batch_size, &mut |_| {})
}

/// [`saturate`], telling `progress` after each batch of mutants how many of the sequences are done.
///
/// # Errors
/// As [`saturate`].
pub fn saturate_with(
    model: &dyn Predict,
    batch: &SequenceBatch,
    output: usize,
    batch_size: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<f32>, PredictError> {
    let length = batch.length();
    let reference = reference_scores(model, batch, output, batch_size.max(1))?;
    let mut effects = vec![0.0; batch.len() * 4 * length];
    let mut mutants = batch.emptied();
    let mut cells = Vec::with_capacity(batch_size.max(1));
    for (i, &reference) in reference.iter().enumerate() {
        let mut sequence = batch.sequence(i).to_vec();
        for position in 0..length {
            let code = sequence[position];
            for base in (0..4).filter(|&base| base != code.base()) {
                sequence[position] = code.with_base(base);
                mutants.push_edited(&sequence, batch, i);
                cells.push(((i * 4 + base as usize) * length + position, reference));
                if cells.len() >= batch_size {
                    score(model, &mutants, output, &cells, &mut effects)?;
                    progress(i);
                    cells.clear();
                    mutants = batch.emptied();
                }
            }
            sequence[position] = code;
        }
    }
    if !cells.is_empty() {
        score(model, &mutants, output, &cells, &mut effects)?;
    }
    progress(batch.len());
    Ok(effects)
}

/// Scores the mutants and writes their differences into the cells.
fn score(
    model: &dyn Predict,
    mutants: &SequenceBatch,
    output: usize,
    cells: &[(usize, f32)],
    effects: &mut [f32],
) -> Result<(), PredictError> {
    let scores = column(&model.predict(mutants)?, mutants.len(), output)?;
    for (&(cell, reference), score) in cells.iter().zip(scores) {
        effects[cell] = score - reference;
    }
    Ok(())
}

fn reference_scores(
    model: &dyn Predict,
    batch: &SequenceBatch,
    output: usize,
    batch_size: usize,
) -> Result<Vec<f32>, PredictError> {
    let mut scores = Vec::with_capacity(batch.len());
    for start in (0..batch.len()).step_by(batch_size) {
        let mut part = batch.emptied();
        (start..batch.len().min(start + batch_size)).for_each(|i| part.push_row(batch, i));
        scores.extend(column(&model.predict(&part)?, part.len(), output)?);
    }
    Ok(scores)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Alphabet, CasePolicy, Code, Encoding, Task, TaskKind};

    const ENCODING: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Channel };
    const LENGTH: usize = 5;

    /// Scores one sequence at a time by a function; a second output is its negative.
    struct Scored<F>(F, Vec<Task>);

    fn model<F: Fn(&[Code]) -> f32>(score: F) -> Scored<F> {
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
            assert!(batch.len() <= 7, "a batch of {}", batch.len());
            let scores = (0..batch.len()).flat_map(|i| {
                let score = (self.0)(batch.sequence(i));
                [score, -score]
            });
            Ok(Matrix::new(batch.len(), 2, scores.collect()))
        }
    }

    fn batch() -> SequenceBatch {
        let mut batch = SequenceBatch::new(ENCODING, LENGTH);
        batch.push(b"ACGTn").unwrap();
        batch.push(b"tTnaG").unwrap();
        batch
    }

    /// A weight for each base and position, distinct, exact in f32; nothing for an unknown base.
    fn weight(base: usize, position: usize) -> f32 {
        if base < 4 { (base * LENGTH + position) as f32 * 0.5 + (base * base) as f32 } else { 0.0 }
    }

    #[test]
    fn a_linear_model_gives_its_weights_back() {
        let linear = model(|codes| codes.iter().enumerate().map(|(p, c)| weight(c.base() as usize, p)).sum());
        let batch = batch();
        for size in [0, 1, 3, 7] {
            let effects = saturate(&linear, &batch, 0, size).unwrap();
            let negated = saturate(&linear, &batch, 1, size).unwrap();
            assert_eq!(effects.len(), 2 * 4 * LENGTH);
            for i in 0..2 {
                for base in 0..4 {
                    for p in 0..LENGTH {
                        let expected = weight(base, p) - weight(batch.sequence(i)[p].base() as usize, p);
                        let cell = (i * 4 + base) * LENGTH + p;
                        assert_eq!((effects[cell], negated[cell]), (expected, -expected), "{i} {base} {p}");
                    }
                }
            }
        }
    }

    #[test]
    fn ignored_positions_and_marks_have_no_effect() {
        let first_only = model(|codes| f32::from(codes[0].base() == 2));
        let effects = saturate(&first_only, &batch(), 0, 7).unwrap();
        for (cell, effect) in effects.iter().enumerate() {
            let (base, position) = (cell / LENGTH % 4, cell % LENGTH);
            assert_eq!(*effect, if position == 0 && base == 2 { 1.0 } else { 0.0 });
        }
        let marks = model(|codes| codes.iter().filter(|c| c.is_marked()).count() as f32);
        assert!(saturate(&marks, &batch(), 0, 7).unwrap().iter().all(|&e| e == 0.0));
    }

    #[test]
    fn progress_ends_at_the_number_of_sequences() {
        let mut told = Vec::new();
        saturate_with(&model(|_| 0.0), &batch(), 0, 7, &mut |done| told.push(done)).unwrap();
        // Sixteen mutants each: four known bases with three substitutions, one unknown with four.
        assert_eq!(told, [0, 0, 1, 1, 2]);
    }

    #[test]
    fn errors_and_empty_batches() {
        let any = model(|_| 0.0);
        let wrong = saturate(&any, &batch(), 2, 7);
        assert_eq!(wrong, Err(PredictError::NoSuchOutput { output: 2, outputs: 2 }));
        assert_eq!(saturate(&any, &SequenceBatch::new(ENCODING, LENGTH), 0, 7), Ok(vec![]));
    }
}
