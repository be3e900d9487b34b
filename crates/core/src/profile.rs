//! Signal along a sequence as a thing to predict: its shape in bins, and its total.

use crate::Matrix;
use crate::dataset::{Task, TaskKind};
use crate::tracks::Tracks;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Signal in bins over the middle of a sequence, a row of bins for each track (Avsec et al. 2021).
///
/// Labels are sums of the signal over each bin, 0 or more, NaN where the signal has no value; those of the first track
/// come first. A data set with a margin of jitter has `jitter / bin_size` more bins on each side of each track. Outputs of
/// a model are a logit for each bin of each track, whose softmax is the shape of the signal, then for each track the
/// natural logarithm of 1 + its total over the bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Names of the tracks.
    pub tracks: Vec<String>,
    /// Bins that a model predicts for each track; they lie over the middle of the sequence.
    pub bins: usize,
    /// Bases in a bin.
    pub bin_size: usize,
    /// Pairs of tracks (by number) of the forward and the reverse strand, which change places when a sequence is read as
    /// its reverse complement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strand_pairs: Vec<[usize; 2]>,
    /// Weight of the squared error of the logarithm of the total against the loss of the shape, 0 or more.
    pub count_weight: f64,
}

impl Profile {
    fn layout(&self) -> Tracks<'_> {
        let Self { tracks, bins, bin_size, strand_pairs, .. } = self;
        Tracks { names: tracks, bins: *bins, bin_size: *bin_size, strand_pairs }
    }

    /// Number of model outputs: bins and a total for each track.
    pub fn outputs(&self) -> usize {
        self.tracks.len() * (self.bins + 1)
    }

    /// Bases under all bins.
    pub fn width(&self) -> usize {
        self.bins.saturating_mul(self.bin_size)
    }

    /// Bins that a data set with this jitter keeps on each side.
    pub fn margin(&self, jitter: usize) -> usize {
        self.layout().margin(jitter)
    }

    /// Labels in a row of a data set with this jitter.
    pub fn label_count(&self, jitter: usize) -> usize {
        self.layout().count(jitter)
    }

    /// `task:track:1` to `task:track:BINS` track by track, then `task:track:log_total`.
    pub fn output_names(&self, task: &str) -> Vec<String> {
        let bins = |track| (1..=self.bins).map(move |bin| format!("{task}:{track}:{bin}"));
        let shapes = self.tracks.iter().flat_map(bins);
        shapes.chain(self.tracks.iter().map(|track| format!("{task}:{track}:log_total"))).collect()
    }

    /// The labels of a row without their margins.
    pub fn seen<'l>(&self, labels: &'l [f64], jitter: usize) -> Cow<'l, [f64]> {
        if self.margin(jitter) == 0 {
            return Cow::Borrowed(labels);
        }
        let mut seen = Vec::with_capacity(self.label_count(0));
        self.layout().shifted(labels, jitter, 0, &mut seen);
        Cow::Owned(seen)
    }

    /// The label behind an output, from the labels of a row without margins: of a bin, or the logarithm of a total; NaN if
    /// it is unknown.
    pub fn label_of(&self, seen: &[f64], output: usize) -> f64 {
        let shapes = self.tracks.len() * self.bins;
        match output.checked_sub(shapes) {
            None => seen.get(output).copied().unwrap_or(f64::NAN),
            Some(track) => {
                let bins = seen.get(track * self.bins..(track + 1) * self.bins).unwrap_or_default();
                total(bins).map_or(f64::NAN, f64::ln_1p)
            }
        }
    }

    /// The expected signal in each bin of a track, from shares of bins and logarithms of totals (see
    /// [`crate::probabilities`]), all outputs of the task.
    pub fn expected(&self, outputs: &[f32], track: usize) -> Vec<f32> {
        let total = f64::from(outputs[self.tracks.len() * self.bins + track]).exp_m1().max(0.0);
        let shares = &outputs[track * self.bins..(track + 1) * self.bins];
        shares.iter().map(|&share| (f64::from(share) * total) as f32).collect()
    }

    /// Whether another profile means the same outputs.
    fn is_like(&self, other: &Self) -> bool {
        self.layout() == other.layout()
    }

    /// What is wrong with the description, if anything is.
    pub fn fault(&self) -> Option<String> {
        let fine = self.count_weight.is_finite() && self.count_weight >= 0.0;
        let weight = || format!("expected a weight of the count of at least 0, found {}", self.count_weight);
        self.layout().fault().or_else(|| (!fine).then(weight))
    }
}

/// Whether two lists of tasks mean the same outputs; how their losses are weighted may differ.
pub fn same_outputs(a: &[Task], b: &[Task]) -> bool {
    let alike = |(a, b): (&Task, &Task)| match (&a.kind, &b.kind) {
        (TaskKind::Profile(first), TaskKind::Profile(second)) => a.name == b.name && first.is_like(second),
        _ => a == b,
    };
    a.len() == b.len() && a.iter().zip(b).all(alike)
}

/// The sum of what is known; `None` if nothing is.
pub fn total(bins: &[f64]) -> Option<f64> {
    bins.iter().copied().filter(|bin| !bin.is_nan()).reduce(|sum, bin| sum + bin)
}

/// A weight of the count that keeps it beside the shape, whose loss grows with the reads: a tenth of the median of the
/// known totals, after ChromBPNet (Pampari et al. 2024); of the mean where most are 0; 1 where all are.
pub fn usual_count_weight(mut totals: Vec<f64>) -> f64 {
    totals.sort_by(f64::total_cmp);
    let median = totals.get(totals.len() / 2).copied().unwrap_or(0.0);
    let mean = totals.iter().sum::<f64>() / totals.len().max(1) as f64;
    [median, mean].into_iter().find(|value| *value > 0.0).map_or(1.0, |value| value / 10.0)
}

/// A row's labels without margins, as they are when the sequence is shifted by `shift` bases: a multiple of the bins of
/// all profiles, at most `jitter`. Labels of other tasks do not change.
pub fn shifted_labels(tasks: &[Task], labels: &[f64], jitter: usize, shift: isize) -> Vec<f64> {
    let mut seen = Vec::with_capacity(labels.len());
    let mut rest = labels;
    for task in tasks {
        let (own, others) = rest.split_at(task.label_count(jitter).min(rest.len()));
        match &task.kind {
            TaskKind::Profile(profile) => profile.layout().shifted(own, jitter, shift, &mut seen),
            _ => seen.extend_from_slice(own),
        }
        rest = others;
    }
    seen
}

/// Turns a row's labels (without margins) into those of the reverse complement: bins run backwards and paired tracks
/// change places.
pub fn reverse_labels(tasks: &[Task], labels: &mut [f64]) {
    let mut rest = labels;
    for task in tasks {
        let (own, others) = rest.split_at_mut(task.label_count(0));
        if let TaskKind::Profile(profile) = &task.kind {
            profile.layout().turn(own);
        }
        rest = others;
    }
}

/// Turns a row of a model's outputs for the reverse complement into outputs for the sequence itself: bins run backwards,
/// and paired tracks change places with their totals.
pub fn reverse_scores(tasks: &[Task], scores: &mut [f32]) {
    let mut rest = scores;
    for task in tasks {
        let (own, others) = rest.split_at_mut(task.outputs());
        if let TaskKind::Profile(profile) = &task.kind {
            let (shapes, totals) = own.split_at_mut(profile.tracks.len() * profile.bins);
            profile.layout().turn(shapes);
            profile.strand_pairs.iter().for_each(|&[a, b]| totals.swap(a, b));
        }
        rest = others;
    }
}

/// Shifts of a data set with these tasks are multiples of this many bases, so that bins stay whole.
pub fn shift_unit(tasks: &[Task]) -> usize {
    let sizes = tasks.iter().filter_map(|task| match &task.kind {
        TaskKind::Profile(profile) => Some(profile.bin_size.max(1)),
        _ => None,
    });
    sizes.fold(1, |unit, size| unit / divisor(unit, size) * size)
}

/// The greatest common divisor.
fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// The outputs that a table has room for, with their names: all but the bins of profiles.
pub fn without_bins(tasks: &[Task], scores: &Matrix) -> (Vec<String>, Matrix) {
    let (mut kept, mut names) = (Vec::new(), Vec::new());
    let mut first = 0;
    for task in tasks {
        let skipped = match &task.kind {
            TaskKind::Profile(profile) => profile.bins * profile.tracks.len(),
            _ => 0,
        };
        kept.extend(first + skipped..first + task.outputs());
        names.extend(task.output_names().into_iter().skip(skipped));
        first += task.outputs();
    }
    let values = (0..scores.rows()).flat_map(|i| kept.iter().map(move |&column| scores.row(i)[column])).collect();
    (names, Matrix::new(scores.rows(), kept.len(), values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks() -> Vec<Task> {
        let profile = Profile {
            tracks: vec!["plus".into(), "minus".into()],
            bins: 3,
            bin_size: 2,
            strand_pairs: vec![[0, 1]],
            count_weight: 1.0,
        };
        let task = |name: &str, kind| Task { name: name.into(), kind };
        vec![task("a", TaskKind::Regression), task("p", TaskKind::Profile(profile)), task("b", TaskKind::Binary)]
    }

    #[test]
    fn labels_lie_task_by_task_and_track_by_track() {
        let tasks = tasks();
        assert_eq!(crate::dataset::label_ranges(&tasks, 0), [0..1, 1..7, 7..8]);
        // A margin of 5 bases holds two whole bins on each side.
        assert_eq!(crate::dataset::label_ranges(&tasks, 5), [0..1, 1..15, 15..16]);
        assert_eq!((tasks[1].outputs(), tasks[1].label_count(0), shift_unit(&tasks)), (8, 6, 2));
        let names = tasks[1].output_names();
        assert_eq!(
            (names[0].as_str(), names[5].as_str(), names[7].as_str()),
            ("p:plus:1", "p:minus:3", "p:minus:log_total")
        );
        let text = serde_json::to_string(&tasks[1]).unwrap();
        assert!(text.starts_with(r#"{"name":"p","kind":"profile","tracks":["plus","minus"],"bins":3"#), "{text}");
        assert_eq!(serde_json::from_str::<Task>(&text).unwrap(), tasks[1]);
    }

    #[test]
    fn shifts_move_the_bins_and_nothing_else() {
        let tasks = tasks();
        let labels: Vec<f64> = (0..16).map(f64::from).collect();
        let seen = |shift| shifted_labels(&tasks, &labels, 4, shift);
        assert_eq!(seen(0), [0., 3., 4., 5., 10., 11., 12., 15.]);
        assert_eq!(seen(-4), [0., 1., 2., 3., 8., 9., 10., 15.]);
        assert_eq!(seen(2), [0., 4., 5., 6., 11., 12., 13., 15.]);
    }

    #[test]
    fn the_reverse_complement_turns_bins_and_swaps_strands() {
        let tasks = tasks();
        let mut labels = vec![0., 1., 2., 3., 4., 5., 6., 7.];
        reverse_labels(&tasks, &mut labels);
        assert_eq!(labels, [0., 6., 5., 4., 3., 2., 1., 7.]);
        reverse_labels(&tasks, &mut labels);
        assert_eq!(labels, [0., 1., 2., 3., 4., 5., 6., 7.]);
    }

    #[test]
    fn the_usual_weight_follows_the_median_or_else_the_mean() {
        assert_eq!(usual_count_weight(vec![50.0, 10.0, 900.0]), 5.0);
        assert_eq!(usual_count_weight(vec![0.0, 0.0, 0.0, 40.0]), 1.0);
        assert_eq!((usual_count_weight(vec![0.0]), usual_count_weight(vec![])), (1.0, 1.0));
    }

    #[test]
    fn descriptions_are_checked() {
        let TaskKind::Profile(good) = tasks()[1].kind.clone() else { panic!("a profile") };
        assert_eq!(good.fault(), None);
        let faults = [
            Profile { tracks: vec![], ..good.clone() },
            Profile { tracks: vec!["x".into(), "x".into()], ..good.clone() },
            Profile { strand_pairs: vec![[0, 0]], ..good.clone() },
            Profile { strand_pairs: vec![[0, 2]], ..good.clone() },
            Profile { count_weight: f64::NAN, ..good.clone() },
            Profile { bins: 0, ..good },
        ];
        assert!(faults.iter().all(|profile| profile.fault().is_some()));
        assert_eq!(total(&[f64::NAN, 2.0, 0.5]), Some(2.5));
        assert_eq!(total(&[f64::NAN]), None);
    }
}
