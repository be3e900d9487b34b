//! Deletions and insertions in a window of fixed length.

use super::{Watched, effects};
use crate::{Code, Edit, Predict, PredictError, SequenceBatch};
use std::ops::Range;

/// What the score that is watched does when `width` bases are deleted, for each first position within `region` that leaves
/// the deletion within it: for each sequence one number a position. What lies right of a deletion moves left, and unknown
/// bases come in at the end. `progress` hears after each sequence how many are done.
///
/// # Errors
/// An output that the model does not have, or what the model itself reports.
pub fn deletions(
    model: &dyn Predict,
    batch: &SequenceBatch,
    watched: Watched,
    region: Range<usize>,
    width: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Vec<f32>>, PredictError> {
    let starts = region.start..(region.end + 1).saturating_sub(width).max(region.start);
    moved(model, batch, watched, starts, progress, &|sequence, start| {
        let kept = sequence[start + width..].iter().copied();
        kept.chain(std::iter::repeat_n(Code::N, width)).collect()
    })
}

/// What the score that is watched does when `codes` are inserted before each position within `region`: for each sequence one
/// number a position. What lies right of an insertion moves right, and what passes the end is lost. `progress` hears after
/// each sequence how many are done.
///
/// # Errors
/// An output that the model does not have, or what the model itself reports.
pub fn insertions(
    model: &dyn Predict,
    batch: &SequenceBatch,
    watched: Watched,
    region: Range<usize>,
    codes: &[Code],
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Vec<f32>>, PredictError> {
    moved(model, batch, watched, region, progress, &|sequence, start| {
        codes.iter().chain(&sequence[start..]).take(sequence.len() - start).copied().collect()
    })
}

/// Effects of edits that replace all from each start to the end of a sequence.
fn moved(
    model: &dyn Predict,
    batch: &SequenceBatch,
    watched: Watched,
    starts: Range<usize>,
    progress: &mut dyn FnMut(usize),
    codes: &dyn Fn(&[Code], usize) -> Vec<Code>,
) -> Result<Vec<Vec<f32>>, PredictError> {
    watched.check(model)?;
    let of_row = |row: usize| {
        let sequence = batch.sequence(row);
        let edits: Vec<Edit> = starts.clone().map(|start| Edit { start, codes: codes(sequence, start) }).collect();
        let found = effects(model, batch, row, &edits, watched)?;
        progress(row + 1);
        Ok(found)
    };
    (0..batch.len()).map(of_row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn score(letters: &str) -> f32 {
        linear(&ENCODING.encode(letters.as_bytes()).unwrap())
    }

    #[test]
    fn what_lies_right_of_a_deletion_moves_left() {
        let linear = model(linear);
        let mut batch = SequenceBatch::new(ENCODING, LENGTH);
        batch.push(b"ACGTC").unwrap();
        let run = |region, width| deletions(&linear, &batch, 0.into(), region, width, &mut |_| {}).unwrap().remove(0);
        let expected = ["GTCNN", "ATCNN", "ACCNN", "ACGNN"].map(|copy| score(copy) - score("ACGTC"));
        assert_eq!(run(0..LENGTH, 2), expected);
        assert_eq!(run(1..4, 2), expected[1..3]);
        assert_eq!(run(0..LENGTH, LENGTH), [-score("ACGTC")]);
        assert!(run(2..4, 3).is_empty() && run(0..0, 1).is_empty());
        assert_eq!(run(3..5, 0), [0.0; 3]);
    }

    #[test]
    fn what_lies_right_of_an_insertion_moves_right() {
        let linear = model(linear);
        let mut batch = SequenceBatch::new(ENCODING, LENGTH);
        batch.push(b"ACGTC").unwrap();
        let run = |region, letters: &str| {
            let codes = ENCODING.encode(letters.as_bytes()).unwrap();
            insertions(&linear, &batch, 0.into(), region, &codes, &mut |_| {}).unwrap().remove(0)
        };
        let expected = ["TTACG", "ATTCG", "ACTTG", "ACGTT", "ACGTT"].map(|copy| score(copy) - score("ACGTC"));
        assert_eq!(run(0..LENGTH, "TT"), expected);
        assert_eq!(run(3..5, "TT"), expected[3..]);
        assert_eq!(run(0..1, "GGGGGGG"), [score("GGGGG") - score("ACGTC")]);
        assert_eq!(run(0..2, ""), [0.0, 0.0]);
    }
}
