//! What the control alone says of a profile.

use super::profile::Signal;
use super::{location, majority};
use crate::{ControlSignal, Dataset, Matrix, Profile, TaskKind};

/// Reads of the average shape that are mixed into the control's, of which the likeliest are taken.
const PRIORS: [f64; 7] = [0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5];

/// The control of the data set as a prediction of its profiles: `[predict_rows, outputs]`.
///
/// The shape is that of the control, with so many reads of the average shape mixed in as make the signal of `fit_rows`
/// likeliest (0.1 to 100,000, by powers of ten); the logarithm of the total is a line on that of the control's. Of a profile
/// with as many tracks as the control each has its own, else each has the sum of all. Other tasks get what [`majority`] gives
/// them, and so do all without a control.
pub fn control(dataset: &Dataset, fit_rows: &[usize], predict_rows: &[usize]) -> Matrix {
    let mut matrix = majority(dataset, fit_rows, predict_rows);
    let Some(control) = &dataset.control else { return matrix };
    let mut column = 0;
    for (index, task) in dataset.tasks.iter().enumerate() {
        if let TaskKind::Profile(profile) = &task.kind
            && profile.bins == control.bins
        {
            let signal = Signal::of(dataset, profile, index, fit_rows);
            let given = Given { dataset, control, profile };
            for track in 0..profile.tracks.len() {
                let (bins, total) = (track * profile.bins, profile.tracks.len() * profile.bins + track);
                let shape = &signal.shape()[bins..bins + profile.bins];
                let prior = given.likeliest(index, fit_rows, track, shape);
                let line = given.line(fit_rows, track, signal.totals(track));
                for (i, &row) in predict_rows.iter().enumerate() {
                    let own = given.bins(row, track);
                    let out = &mut matrix.row_mut(i)[column..column + task.outputs()];
                    mixed(&own, shape, prior).zip(&mut out[bins..]).for_each(|(share, out)| *out = share as f32);
                    if let Some([intercept, slope]) = line {
                        out[total] = (intercept + slope * own.iter().sum::<f64>().ln_1p()) as f32;
                    }
                }
            }
        }
        column += task.outputs();
    }
    matrix
}

/// Shares of bins in the control with `prior` reads of the average shape.
fn mixed<'a>(own: &'a [f64], shape: &'a [f32], prior: f64) -> impl Iterator<Item = f64> + use<'a> {
    let all = own.iter().sum::<f64>() + prior;
    own.iter().zip(shape).map(move |(own, &share)| (own + prior * f64::from(share)) / all)
}

struct Given<'a> {
    dataset: &'a Dataset,
    control: &'a ControlSignal,
    profile: &'a Profile,
}

impl Given<'_> {
    /// The control for a track in a row, what is unknown as 0.
    fn bins(&self, row: usize, track: usize) -> Vec<f64> {
        let (seen, bins) = (self.dataset.seen_control(row), self.profile.bins);
        let one_each = self.control.tracks.len() == self.profile.tracks.len();
        let mut own = vec![0.0; bins];
        for (number, values) in seen.chunks(bins).enumerate().filter(|(number, _)| !one_each || *number == track) {
            debug_assert!(number < self.control.tracks.len(), "a track of the control");
            own.iter_mut().zip(values).filter(|(_, v)| !v.is_nan()).for_each(|(own, value)| *own += value);
        }
        own
    }

    /// The number of reads of the average shape with which the signal of the rows is likeliest.
    fn likeliest(&self, task: usize, rows: &[usize], track: usize, shape: &[f32]) -> f64 {
        let range = crate::dataset::label_ranges(&self.dataset.tasks, self.dataset.jitter)[task].clone();
        let mut sums = [0.0; PRIORS.len()];
        for &row in rows {
            let seen = self.profile.seen(&self.dataset.examples[row].labels[range.clone()], self.dataset.jitter);
            let labels = &seen[track * self.profile.bins..(track + 1) * self.profile.bins];
            let own = self.bins(row, track);
            for (sum, prior) in sums.iter_mut().zip(PRIORS) {
                let likely = |(label, share): (&f64, f64)| if *label > 0.0 { label * share.ln() } else { 0.0 };
                *sum += labels.iter().zip(mixed(&own, shape, prior)).map(likely).sum::<f64>();
            }
        }
        let best = (0..PRIORS.len()).max_by(|&a, &b| sums[a].total_cmp(&sums[b]).then(b.cmp(&a)));
        PRIORS[best.unwrap_or(0)]
    }

    /// Intercept and slope of the logarithm of the total on that of the control's, from rows (by their place among `rows`)
    /// and logarithms of known totals; none where the control is the same everywhere.
    fn line(&self, rows: &[usize], track: usize, totals: &[(usize, f64)]) -> Option<[f64; 2]> {
        let (x, y): (Vec<f64>, Vec<f64>) =
            totals.iter().map(|&(at, y)| (self.bins(rows[at], track).iter().sum::<f64>().ln_1p(), y)).unzip();
        if x.iter().all(|value| *value == x[0]) {
            return None;
        }
        let ((mean_x, scale), (mean_y, _)) = (location(&x), location(&y));
        let products = x.iter().zip(&y).map(|(x, y)| (x - mean_x) * (y - mean_y));
        let slope = products.sum::<f64>() / (x.len() as f64 * scale * scale);
        Some([mean_y - slope * mean_x, slope])
    }
}
