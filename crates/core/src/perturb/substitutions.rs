//! In-silico mutagenesis.

use super::{Watched, effects};
use crate::{Edit, Predict, PredictError, SequenceBatch};
use std::ops::Range;

/// In-silico mutagenesis: what every single substitution within `region` does to the score that is watched.
///
/// Row-major `[n, 4, length]`: the score with base `b` (A C G T) at position `p` minus the score of the sequence as it is. 0
/// at the base that is there, and at all positions outside of the region, which are not tried; at an unknown base all four
/// are scored against the unknown. A mark of the case channel stays with its position. `progress` hears after each sequence
/// how many are done.
///
/// # Errors
/// An output that the model does not have, or what the model itself reports.
pub fn saturate(
    model: &dyn Predict,
    batch: &SequenceBatch,
    watched: Watched,
    region: Range<usize>,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<f32>, PredictError> {
    watched.check(model)?;
    let length = batch.length();
    let mut values = vec![0.0; batch.len() * 4 * length];
    for row in 0..batch.len() {
        let sequence = batch.sequence(row);
        let others = |position: usize| (0..4).filter(move |&base| base != sequence[position].base());
        let cells = region.clone().flat_map(|position| others(position).map(move |base| (position, base)));
        let cells: Vec<(usize, u8)> = cells.collect();
        let edits: Vec<Edit> = cells.iter().map(|&(at, base)| Edit::substitution(at, sequence[at], base)).collect();
        let found = effects(model, batch, row, &edits, watched)?;
        for ((position, base), effect) in cells.into_iter().zip(found) {
            values[(row * 4 + usize::from(base)) * length + position] = effect;
        }
        progress(row + 1);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::Code;

    fn all(model: &dyn Predict, watched: Watched) -> Vec<f32> {
        saturate(model, &batch(), watched, 0..LENGTH, &mut |_| {}).unwrap()
    }

    #[test]
    fn a_linear_model_gives_its_weights_back() {
        let (linear, batch) = (model(linear), batch());
        let effects = all(&linear, 0.into());
        let negated = all(&linear, 1.into());
        let contrast = all(&linear, Watched { output: 0, minus: Some(1) });
        let part = saturate(&linear, &batch, 0.into(), 1..3, &mut |_| {}).unwrap();
        assert_eq!(effects.len(), 2 * 4 * LENGTH);
        for (cell, &effect) in effects.iter().enumerate() {
            let (i, base, p) = (cell / (4 * LENGTH), (cell / LENGTH % 4) as u8, cell % LENGTH);
            let expected = weight(Code::new(base), p) - weight(batch.sequence(i)[p], p);
            assert_eq!(
                (effect, negated[cell], contrast[cell]),
                (expected, -expected, 2.0 * expected),
                "{i} {base} {p}"
            );
            assert_eq!(part[cell], if (1..3).contains(&p) { expected } else { 0.0 });
        }
        assert_eq!(all(&super::super::Plain(&linear), 0.into()), effects);
    }

    #[test]
    fn ignored_positions_and_marks_have_no_effect() {
        let first_only = model(|codes| f32::from(codes[0].base() == 2));
        for (cell, effect) in all(&first_only, 0.into()).iter().enumerate() {
            let (base, position) = (cell / LENGTH % 4, cell % LENGTH);
            assert_eq!(*effect, if position == 0 && base == 2 { 1.0 } else { 0.0 });
        }
        let marks = model(|codes| codes.iter().filter(|c| c.is_marked()).count() as f32);
        assert!(all(&marks, 0.into()).iter().all(|&e| e == 0.0));
    }

    #[test]
    fn progress_ends_at_the_number_of_sequences() {
        let mut told = Vec::new();
        saturate(&model(|_| 0.0), &batch(), 0.into(), 0..LENGTH, &mut |done| told.push(done)).unwrap();
        assert_eq!(told, [1, 2]);
    }

    #[test]
    fn errors_and_empty_batches() {
        let (any, none) = (model(|_| 0.0), SequenceBatch::new(ENCODING, LENGTH));
        for watched in [Watched::from(2), Watched { output: 0, minus: Some(2) }] {
            let wrong = saturate(&any, &none, watched, 0..LENGTH, &mut |_| {});
            assert_eq!(wrong, Err(PredictError::NoSuchOutput { output: 2, outputs: 2 }));
        }
        assert_eq!(saturate(&any, &none, 0.into(), 0..LENGTH, &mut |_| {}), Ok(vec![]));
    }
}
