//! Simple predictions of signal in bins: the average shape, and the mean of totals.

use super::prior;
use crate::profile::total;
use crate::{Dataset, Profile, TaskKind};

/// The signal of a profile task in the rows that a baseline is fitted on.
pub struct Signal {
    /// Share of each bin in the signal of all rows, track by track.
    shape: Vec<f32>,
    /// For each track, the rows with a known total and its logarithm.
    totals: Vec<Vec<(usize, f64)>>,
}

impl Signal {
    /// From some rows of a data set, of the profile task with this number.
    pub fn of(dataset: &Dataset, profile: &Profile, task: usize, rows: &[usize]) -> Self {
        let bins = profile.bins;
        let range = crate::dataset::label_ranges(&dataset.tasks, dataset.jitter)[task].clone();
        let mut sums = vec![0.0; profile.tracks.len() * bins];
        let mut totals = vec![Vec::new(); profile.tracks.len()];
        for (at, &row) in rows.iter().enumerate() {
            let seen = profile.seen(&dataset.examples[row].labels[range.clone()], dataset.jitter);
            sums.iter_mut().zip(seen.iter()).filter(|(_, bin)| !bin.is_nan()).for_each(|(sum, bin)| *sum += bin);
            for (track, bins) in seen.chunks(bins).enumerate() {
                totals[track].extend(total(bins).map(|total| (at, total.ln_1p())));
            }
        }
        let share = |track: &[f64]| -> Vec<f32> {
            let total: f64 = track.iter().sum();
            track.iter().map(|bin| if total > 0.0 { (bin / total) as f32 } else { 1.0 / bins as f32 }).collect()
        };
        Self { shape: sums.chunks(bins).flat_map(share).collect(), totals }
    }

    /// Share of each bin in the signal of all rows, track by track.
    pub(super) fn shape(&self) -> &[f32] {
        &self.shape
    }

    /// The rows with a known total of a track, by their place among the fitted ones, and its logarithm.
    pub fn totals(&self, track: usize) -> &[(usize, f64)] {
        &self.totals[track]
    }

    /// Outputs that are the same for every row.
    pub(super) fn average(&self) -> Vec<f32> {
        let kind = TaskKind::Regression;
        let mean = |totals: &Vec<(usize, f64)>| prior(&kind, &totals.iter().map(|(_, y)| *y).collect::<Vec<_>>());
        self.shape.iter().copied().chain(self.totals.iter().flat_map(mean)).collect()
    }
}
