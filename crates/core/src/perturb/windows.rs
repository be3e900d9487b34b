//! Occlusion: what is lost with a window of the sequence?

use super::{Watched, effects};
use crate::random::{shuffle, stream};
use crate::{Code, Edit, Predict, PredictError, SequenceBatch};
use std::ops::Range;

/// What stands in a window in the place of its bases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Unknown bases, which few models have seen in training.
    Unknown,
    /// Its own bases in another order; the effect is the mean of so many orders, at least one.
    Shuffled {
        /// Orders that are drawn.
        times: usize,
        /// Of the orders.
        seed: u64,
    },
}

impl Fill {
    /// The edits that fill a window of a row, whose mean effect counts.
    pub(super) fn edits(self, batch: &SequenceBatch, row: usize, window: &Range<usize>) -> Vec<Edit> {
        let own = &batch.sequence(row)[window.clone()];
        let edit = |codes: Vec<Code>| Edit { start: window.start, codes };
        match self {
            Self::Unknown => vec![edit(own.iter().map(|code| code.with_base(4)).collect())],
            Self::Shuffled { times, seed } => {
                let order = |time: usize| {
                    let mut codes = own.to_vec();
                    let indices = [row as u64, window.start as u64, time as u64];
                    shuffle(&mut codes, &mut stream(seed, "fill of a window", &indices));
                    edit(codes)
                };
                (0..times.max(1)).map(order).collect()
            }
        }
    }
}

/// The effect of filling each of some stretches of a row, one at a time.
pub(super) fn filled(
    model: &dyn Predict,
    batch: &SequenceBatch,
    row: usize,
    watched: Watched,
    stretches: &[Range<usize>],
    fill: Fill,
) -> Result<Vec<f32>, PredictError> {
    let edits: Vec<Vec<Edit>> = stretches.iter().map(|window| fill.edits(batch, row, window)).collect();
    let each = edits.first().map_or(1, Vec::len);
    let found = effects(model, batch, row, &edits.concat(), watched)?;
    let mean = |own: &[f32]| (own.iter().map(|&effect| f64::from(effect)).sum::<f64>() / own.len() as f64) as f32;
    Ok(found.chunks_exact(each).map(mean).collect())
}

/// What the score that is watched does when windows of `width` positions within `region`, `step` apart, are filled, one at a
/// time (occlusion, Zeiler and Fergus 2014): for each sequence one number a window, the score of the copy minus that of the
/// sequence. The first window begins with the region; only whole ones count. Marks of the case channel stay with unknown
/// bases, and move with shuffled ones. `progress` hears after each sequence how many are done.
///
/// # Errors
/// An output that the model does not have, or what the model itself reports.
pub fn windows(
    model: &dyn Predict,
    batch: &SequenceBatch,
    watched: Watched,
    region: Range<usize>,
    (width, step): (usize, usize),
    fill: Fill,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Vec<f32>>, PredictError> {
    watched.check(model)?;
    let starts = region.clone().step_by(step.max(1)).filter(|start| start + width <= region.end);
    let stretches: Vec<Range<usize>> = starts.map(|start| start..start + width).collect();
    let of_row = |row: usize| {
        let found = filled(model, batch, row, watched, &stretches, fill)?;
        progress(row + 1);
        Ok(found)
    };
    (0..batch.len()).map(of_row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn unknown_bases_take_away_the_weights_of_a_window() {
        let (linear, batch) = (model(linear), batch());
        for (region, width, step, starts) in [
            (0..LENGTH, 2, 1, vec![0, 1, 2, 3]),
            (1..LENGTH, 2, 2, vec![1, 3]),
            (0..3, 4, 1, vec![]),
            (0..5, 5, 9, vec![0]),
        ] {
            let mut told = Vec::new();
            let tell = &mut |done| told.push(done);
            let found = windows(&linear, &batch, 0.into(), region.clone(), (width, step), Fill::Unknown, tell).unwrap();
            for (row, found) in found.iter().enumerate() {
                let own = |at: usize| weight(batch.sequence(row)[at], at);
                let expected: Vec<f32> = starts.iter().map(|&at| -(at..at + width).map(own).sum::<f32>()).collect();
                assert_eq!(*found, expected, "{region:?} {width} {step}");
            }
            assert_eq!(told, [1, 2]);
        }
    }

    #[test]
    fn shuffled_windows_keep_their_bases_and_depend_on_the_seed_only() {
        let linear = model(linear);
        let run = |seed, times| {
            let fill = Fill::Shuffled { times, seed };
            windows(&linear, &batch(), 0.into(), 0..LENGTH, (4, 1), fill, &mut |_| {}).unwrap()
        };
        assert_eq!(run(1, 3), run(1, 3));
        assert_ne!(run(1, 3), run(2, 3));
        let counts = model(|codes| codes.iter().map(|code| f32::from(code.base())).sum());
        let fill = Fill::Shuffled { times: 4, seed: 1 };
        let found = windows(&counts, &batch(), 0.into(), 0..LENGTH, (3, 1), fill, &mut |_| {}).unwrap();
        assert!(found.iter().flatten().all(|&effect| effect == 0.0));
    }
}
