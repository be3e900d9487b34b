//! Motifs put in and taken out.

use super::windows::{Fill, filled};
use super::{Watched, effects};
use crate::{Code, Edit, Predict, PredictError, SequenceBatch};
use std::ops::Range;

/// What the score that is watched does when a motif is written over the bases of a sequence, for each first position within
/// `region` that leaves it within: for each sequence one number a position. `progress` hears after each sequence how many
/// are done.
///
/// # Errors
/// An output that the model does not have, or what the model itself reports.
pub fn knock_in(
    model: &dyn Predict,
    batch: &SequenceBatch,
    watched: Watched,
    region: Range<usize>,
    motif: &[Code],
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Vec<f32>>, PredictError> {
    watched.check(model)?;
    let starts = region.start..(region.end + 1).saturating_sub(motif.len()).max(region.start);
    let edits: Vec<Edit> = starts.map(|start| Edit { start, codes: motif.to_vec() }).collect();
    let of_row = |row: usize| {
        let found = effects(model, batch, row, &edits, watched)?;
        progress(row + 1);
        Ok(found)
    };
    (0..batch.len()).map(of_row).collect()
}

/// What the score that is watched does when the bases of a site are replaced by `fill`, one site at a time: for each sequence
/// one number for each of its `sites`, in their order. `progress` hears after each sequence how many are done.
///
/// # Errors
/// An output that the model does not have, or what the model itself reports.
pub fn knock_out(
    model: &dyn Predict,
    batch: &SequenceBatch,
    watched: Watched,
    sites: &[Vec<Range<usize>>],
    fill: Fill,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Vec<f32>>, PredictError> {
    watched.check(model)?;
    let of_row = |(row, own): (usize, &Vec<Range<usize>>)| {
        let found = filled(model, batch, row, watched, own, fill)?;
        progress(row + 1);
        Ok(found)
    };
    sites.iter().enumerate().map(of_row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_motif_is_written_over_what_is_there() {
        let (linear, batch) = (model(linear), batch());
        let motif = ENCODING.encode(b"GT").unwrap();
        let found = knock_in(&linear, &batch, 0.into(), 1..LENGTH, &motif, &mut |_| {}).unwrap();
        for (row, found) in found.iter().enumerate() {
            let effect = |start: usize| -> f32 {
                let at = |i: usize| weight(motif[i], start + i) - weight(batch.sequence(row)[start + i], start + i);
                (0..2).map(at).sum()
            };
            assert_eq!(*found, [1, 2, 3].map(effect), "{row}");
        }
        let longer = ENCODING.encode(b"GTGTGT").unwrap();
        assert_eq!(knock_in(&linear, &batch, 0.into(), 0..LENGTH, &longer, &mut |_| {}), Ok(vec![vec![], vec![]]));
    }

    #[test]
    fn sites_are_taken_out_one_at_a_time() {
        let (linear, batch) = (model(linear), batch());
        let sites = [vec![0..2, 1..4], vec![]];
        let found = knock_out(&linear, &batch, 0.into(), &sites, Fill::Unknown, &mut |_| {}).unwrap();
        let lost = |range: Range<usize>| -range.map(|at| weight(batch.sequence(0)[at], at)).sum::<f32>();
        assert_eq!(found, [vec![lost(0..2), lost(1..4)], vec![]]);
    }
}
