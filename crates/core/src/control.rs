//! Control signal: what an experiment gives without its target, such as the input of ChIP-seq. It is given to a model and
//! not predicted by it, so that the sequence has to explain only what the control does not (Avsec et al. 2021).

use crate::tracks::Tracks;
use crate::{Task, TaskKind};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Control signal in bins, over the same stretch as the bins of the profiles that are predicted.
///
/// Values are sums of the signal over each bin, 0 or more, NaN where it has no value; those of the first track come first.
/// A data set with a margin of jitter has `jitter / bin_size` more bins on each side of each track. A model is shown the bins
/// without margins, and 0 where nothing is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlSignal {
    /// Names of the tracks.
    pub tracks: Vec<String>,
    /// Bins of each track; they lie over the middle of the sequence.
    pub bins: usize,
    /// Bases in a bin.
    pub bin_size: usize,
    /// Pairs of tracks (by number) of the forward and the reverse strand, which change places when a sequence is read as
    /// its reverse complement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strand_pairs: Vec<[usize; 2]>,
}

impl fmt::Display for ControlSignal {
    /// Such as `plus, minus in 1000 bins of 1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} bins of {}", self.tracks.join(", "), self.bins, self.bin_size)
    }
}

impl ControlSignal {
    fn layout(&self) -> Tracks<'_> {
        let Self { tracks, bins, bin_size, strand_pairs } = self;
        Tracks { names: tracks, bins: *bins, bin_size: *bin_size, strand_pairs }
    }

    /// Numbers that a model is shown beside each sequence.
    pub fn size(&self) -> usize {
        self.tracks.len().saturating_mul(self.bins)
    }

    /// Values in a row of a data set with this jitter.
    pub fn value_count(&self, jitter: usize) -> usize {
        self.layout().count(jitter)
    }

    /// A row without margins, as it is when the sequence is shifted by `shift` bases: whole bins of at most `jitter`.
    pub fn shifted(&self, row: &[f64], jitter: usize, shift: isize) -> Vec<f64> {
        let mut seen = Vec::with_capacity(self.size());
        self.layout().shifted(row, jitter, shift, &mut seen);
        seen
    }

    /// The total of a track in a row over what is known of its bins, without margins; 0 if nothing is.
    pub fn total(&self, row: &[f64], jitter: usize, track: usize) -> f64 {
        let seen = self.shifted(row, jitter, 0);
        let bins = seen.get(track * self.bins..(track + 1) * self.bins).unwrap_or_default();
        crate::profile::total(bins).unwrap_or(0.0)
    }

    /// Turns a row (without margins) into that of the reverse complement: bins run backwards and paired tracks change
    /// places.
    pub fn reverse<T>(&self, row: &mut [T]) {
        self.layout().turn(row);
    }

    /// What is wrong with the description, if anything is: on its own, or beside the profiles among the tasks, whose bins it
    /// must have.
    pub fn fault(&self, tasks: &[Task]) -> Option<String> {
        let other = tasks.iter().find_map(|task| match &task.kind {
            TaskKind::Profile(profile) if (profile.bins, profile.bin_size) != (self.bins, self.bin_size) => {
                Some(format!(
                    "expected {} bins of {} as task {:?} has, found {} of {}",
                    profile.bins, profile.bin_size, task.name, self.bins, self.bin_size
                ))
            }
            _ => None,
        });
        self.layout().fault().or(other).map(|fault| format!("control: {fault}"))
    }
}

/// Whether a row has the values of a control, or none where the data set has none; NaN is unknown.
///
/// # Errors
/// What does not fit, in words.
pub fn check_control(row: &[f64], control: Option<&ControlSignal>, jitter: usize) -> Result<(), String> {
    let expected = control.map_or(0, |control| control.value_count(jitter));
    if row.len() != expected {
        return Err(format!("expected {expected} values of the control, found {}", row.len()));
    }
    match row.iter().find(|value| **value < 0.0 || value.is_infinite()) {
        Some(value) => Err(format!("control: expected signal of at least 0, found {value}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;

    fn control() -> ControlSignal {
        ControlSignal { tracks: vec!["a".into(), "b".into()], bins: 2, bin_size: 3, strand_pairs: vec![[0, 1]] }
    }

    #[test]
    fn it_shifts_and_turns_as_profiles_do() {
        let control = control();
        let row = [1.0, 2.0, 3.0, f64::NAN, 5.0, 6.0, 7.0, 8.0];
        assert_eq!((control.value_count(5), control.size()), (8, 4));
        assert_eq!(control.shifted(&row, 5, -3), [1.0, 2.0, 5.0, 6.0]);
        let mut seen = control.shifted(&row, 5, 0);
        assert_eq!(seen, [2.0, 3.0, 6.0, 7.0]);
        control.reverse(&mut seen);
        assert_eq!(seen, [7.0, 6.0, 3.0, 2.0]);
        assert_eq!((control.total(&row, 5, 1), control.total(&[f64::NAN; 8], 5, 0)), (13.0, 0.0));
    }

    #[test]
    fn rows_and_descriptions_are_checked() {
        let profile =
            |bins| Profile { tracks: vec!["t".into()], bins, bin_size: 3, strand_pairs: vec![], count_weight: 1.0 };
        let task = |bins| [Task { name: "y".into(), kind: TaskKind::Profile(profile(bins)) }];
        assert_eq!(control().fault(&task(2)), None);
        let fault = control().fault(&task(4)).unwrap();
        assert_eq!(fault, "control: expected 4 bins of 3 as task \"y\" has, found 2 of 3");
        assert!(ControlSignal { strand_pairs: vec![[0, 2]], ..control() }.fault(&[]).unwrap().contains("pairs of two"));
        assert_eq!(check_control(&[0.0, f64::NAN, 1.5, 2.0], Some(&control()), 2), Ok(()));
        assert!(check_control(&[0.0], Some(&control()), 2).unwrap_err().contains("expected 4 values"));
        assert!(check_control(&[0.0], None, 0).unwrap_err().contains("expected 0 values"));
        assert!(check_control(&[0.0, 0.0, -1.0, 0.0], Some(&control()), 0).unwrap_err().contains("found -1"));
    }
}
