//! Simple predictions of signal in bins: the average shape, and totals by their mean or from k-mers.

use super::features::SparseRow;
use super::linear::{Loss, Problem};
use super::{location, prior};
use crate::profile::total;
use crate::{Dataset, Profile, TaskKind};

/// The signal of a profile task in the rows that a baseline is fitted on.
pub(super) struct Signal<'a> {
    profile: &'a Profile,
    /// Share of each bin in the signal of all rows, track by track.
    shape: Vec<f32>,
    /// For each track, the rows with a known total and its logarithm.
    totals: Vec<Vec<(usize, f64)>>,
}

impl<'a> Signal<'a> {
    pub(super) fn of(dataset: &Dataset, profile: &'a Profile, task: usize, rows: &[usize]) -> Self {
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
        Self { profile, shape: sums.chunks(bins).flat_map(share).collect(), totals }
    }

    /// Share of each bin in the signal of all rows, track by track.
    pub(super) fn shape(&self) -> &[f32] {
        &self.shape
    }

    /// The rows with a known total of a track, by their place among the fitted ones, and its logarithm.
    pub(super) fn totals(&self, track: usize) -> &[(usize, f64)] {
        &self.totals[track]
    }

    /// Outputs that are the same for every row.
    pub(super) fn average(&self) -> Vec<f32> {
        let kind = TaskKind::Regression;
        let mean = |totals: &Vec<(usize, f64)>| prior(&kind, &totals.iter().map(|(_, y)| *y).collect::<Vec<_>>());
        self.shape.iter().copied().chain(self.totals.iter().flat_map(mean)).collect()
    }

    /// Outputs for each of `predicted`, with totals by a linear model of the k-mers `x` of the fitted rows.
    pub(super) fn linear(&self, x: &[SparseRow], predicted: &[SparseRow], c: f64) -> Vec<Vec<f32>> {
        let mut all = vec![self.average(); predicted.len()];
        for (track, totals) in self.totals.iter().enumerate() {
            let (rows, labels): (Vec<usize>, Vec<f64>) = totals.iter().copied().unzip();
            if labels.iter().all(|&y| y == labels[0]) {
                continue;
            }
            let (mean, scale) = location(&TaskKind::Regression, &labels);
            let y = labels.iter().map(|y| (y - mean) / scale).collect();
            let model = Problem { x, rows: &rows, y, outputs: 1, loss: Loss::Squared, c }.solve();
            let column = self.profile.tracks.len() * self.profile.bins + track;
            for (outputs, row) in all.iter_mut().zip(predicted) {
                outputs[column] = (model.predict(row)[0] * scale + mean) as f32;
            }
        }
        all
    }
}
