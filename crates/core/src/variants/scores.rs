//! What a variant changes: scores of the reference and the alternate sequence, compared output by output.
//!
//! | score | binary, classes | counts | regression | profile, each track |
//! |---|---|---|---|---|
//! | [`Score::Reference`], [`Score::Alternate`] | probability | expected count | value | expected total |
//! | [`Score::Difference`] | of probabilities | of counts | of values | of totals |
//! | [`Score::LogFoldChange`] | of probabilities | of counts | - | of 1 + totals |
//! | [`Score::LogOddsChange`] | of odds | - | - | - |
//! | [`Score::Divergence`] | - | - | - | of shapes |
//! | [`Score::Shift`] | - | - | - | of the centre of mass |

use crate::metrics::jensen_shannon;
use crate::{Profile, Task, TaskKind};
use std::f64::consts::LN_2;

/// A way to compare the alternate with the reference sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Score {
    /// The prediction for the reference sequence.
    Reference,
    /// The prediction for the alternate sequence.
    Alternate,
    /// Alternate minus reference.
    Difference,
    /// Logarithm to base 2 of alternate over reference; of totals of signal, of one more than each.
    LogFoldChange,
    /// Natural logarithm of the odds, alternate minus reference.
    LogOddsChange,
    /// Jensen-Shannon distance of the shapes of the signal, 0 to `sqrt(ln 2)`, see [`jensen_shannon`].
    Divergence,
    /// Centre of mass of the signal, alternate minus reference, in bases to the right.
    Shift,
}

impl Score {
    /// What becomes of it when the alleles change places: -1 for a change of sign, 1 for none.
    pub fn sign(self) -> f64 {
        match self {
            Self::Reference | Self::Alternate | Self::Divergence => 1.0,
            Self::Difference | Self::LogFoldChange | Self::LogOddsChange | Self::Shift => -1.0,
        }
    }
}

/// One output that variants are scored on: a task, one of its classes, or a track of its profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// `task`, `task:class` or `task:track`.
    pub name: String,
    task: Task,
    /// Where the task's raw scores begin.
    first: usize,
    /// Which class or track.
    part: usize,
}

/// The outputs of a model, in their order.
pub fn outputs(tasks: &[Task]) -> Vec<Output> {
    let mut outputs = Vec::new();
    let mut first = 0;
    for task in tasks {
        let parts: &[String] = match &task.kind {
            TaskKind::Classes { classes } => classes,
            TaskKind::Profile(profile) => &profile.tracks,
            TaskKind::Binary | TaskKind::Regression | TaskKind::Counts => &[],
        };
        let output = |part, name| Output { name, task: task.clone(), first, part };
        if parts.is_empty() {
            outputs.push(output(0, task.name.clone()));
        }
        outputs.extend(parts.iter().enumerate().map(|(part, own)| output(part, format!("{}:{own}", task.name))));
        first += task.outputs();
    }
    outputs
}

impl Output {
    /// The column of the model's raw scores that attributions of it are about: the logit, value or logarithm of the count;
    /// of a class its own logit; of a track the logarithm of 1 + its total.
    pub fn column(&self) -> usize {
        self.first
            + match &self.task.kind {
                TaskKind::Profile(profile) => profile.tracks.len() * profile.bins + self.part,
                _ => self.part,
            }
    }

    /// The scores that there are for it.
    pub fn scores(&self) -> &'static [Score] {
        use Score::{Alternate, Difference, Divergence, LogFoldChange, LogOddsChange, Reference, Shift};
        match self.task.kind {
            TaskKind::Binary | TaskKind::Classes { .. } => {
                &[Reference, Alternate, Difference, LogFoldChange, LogOddsChange]
            }
            TaskKind::Counts => &[Reference, Alternate, Difference, LogFoldChange],
            TaskKind::Regression => &[Reference, Alternate, Difference],
            TaskKind::Profile(_) => &[Reference, Alternate, Difference, LogFoldChange, Divergence, Shift],
        }
    }

    /// The score that ranks variants: the one on the scale of the model's own output.
    pub fn main_score(&self) -> Score {
        match self.task.kind {
            TaskKind::Binary | TaskKind::Classes { .. } => Score::LogOddsChange,
            TaskKind::Counts | TaskKind::Profile(_) => Score::LogFoldChange,
            TaskKind::Regression => Score::Difference,
        }
    }

    /// [`Output::scores`] of two rows of raw scores of the model, all its outputs each. NaN where a score is not defined: a
    /// profile without any signal has no shape.
    ///
    /// Scores of sequences that were read as reverse complements are turned first ([`crate::profile::reverse_scores`]), so
    /// that a shift is along the contig.
    pub fn compare(&self, reference: &[f32], alternate: &[f32]) -> Vec<f64> {
        let own = |row: &[f32]| {
            let row = &row[self.first..self.first + self.task.outputs()];
            row.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>()
        };
        let (reference, alternate) = (own(reference), own(alternate));
        match &self.task.kind {
            TaskKind::Binary => probability_scores([reference[0], alternate[0]]),
            TaskKind::Classes { .. } => probability_scores([&reference, &alternate].map(|z| log_odds(z, self.part))),
            TaskKind::Counts => {
                let [before, after] = [reference[0].exp(), alternate[0].exp()];
                vec![before, after, after - before, (alternate[0] - reference[0]) / LN_2]
            }
            TaskKind::Regression => vec![reference[0], alternate[0], alternate[0] - reference[0]],
            TaskKind::Profile(profile) => profile_scores(profile, self.part, &reference, &alternate),
        }
    }
}

/// From logits, reference and alternate.
fn probability_scores([before, after]: [f64; 2]) -> Vec<f64> {
    let [p, q] = [before, after].map(|logit| 1.0 / (1.0 + (-logit).exp()));
    let fold = (log_sigmoid(after) - log_sigmoid(before)) / LN_2;
    vec![p, q, q - p, fold, after - before]
}

/// The logarithm of the sigmoid, without loss for large negative numbers.
fn log_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

/// The logarithm of the odds of a class against all others.
fn log_odds(logits: &[f64], class: usize) -> f64 {
    let others = || logits.iter().enumerate().filter(|(i, _)| *i != class).map(|(_, &logit)| logit);
    let top = others().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return f64::INFINITY;
    }
    logits[class] - top - others().map(|logit| (logit - top).exp()).sum::<f64>().ln()
}

fn profile_scores(profile: &Profile, track: usize, reference: &[f64], alternate: &[f64]) -> Vec<f64> {
    let bins = profile.bins;
    let log_total = |row: &[f64]| row[profile.tracks.len() * bins + track];
    let [before, after] = [reference, alternate].map(|row| log_total(row).exp_m1().max(0.0));
    let [p, q] = [reference, alternate].map(|row| shares(&row[track * bins..(track + 1) * bins]));
    let centre = |shares: &[f64]| shares.iter().enumerate().map(|(bin, share)| bin as f64 * share).sum::<f64>();
    let shift = (centre(&q) - centre(&p)) * profile.bin_size as f64;
    vec![
        before,
        after,
        after - before,
        (log_total(alternate) - log_total(reference)) / LN_2,
        jensen_shannon(&p, &q).unwrap_or(f64::NAN),
        shift,
    ]
}

/// Softmax.
fn shares(logits: &[f64]) -> Vec<f64> {
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let raised: Vec<f64> = logits.iter().map(|logit| (logit - top).exp()).collect();
    let total: f64 = raised.iter().sum();
    raised.into_iter().map(|value| value / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(kind: TaskKind) -> Task {
        Task { name: "t".into(), kind }
    }

    fn close(found: &[f64], expected: &[f64]) {
        let fits = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9 * (1.0 + b.abs());
        assert!(found.len() == expected.len() && found.iter().zip(expected).all(fits), "{found:?} {expected:?}");
    }

    #[test]
    fn each_kind_of_output_has_its_scores_by_hand() {
        let of = |kind, reference: &[f32], alternate: &[f32]| {
            let outputs = outputs(&[task(kind)]);
            let output = outputs.last().unwrap();
            let found = output.compare(reference, alternate);
            assert_eq!(found.len(), output.scores().len());
            assert!(output.scores().contains(&output.main_score()));
            found
        };
        let (p, q) = (1.0 / (1.0 + 1f64.exp()), 0.5);
        close(&of(TaskKind::Binary, &[-1.0], &[0.0]), &[p, q, q - p, (q / p).log2(), 1.0]);
        close(&of(TaskKind::Regression, &[2.0], &[-1.0]), &[2.0, -1.0, -3.0]);
        close(&of(TaskKind::Counts, &[0.0], &[1.0]), &[1.0, 1f64.exp(), 1f64.exp() - 1.0, 1.0 / LN_2]);
        let classes = TaskKind::Classes { classes: vec!["a".into(), "b".into(), "c".into()] };
        let two = [TaskKind::Counts, classes.clone()].map(task);
        assert_eq!(super::outputs(&two).iter().map(Output::column).collect::<Vec<_>>(), [0, 1, 2, 3]);
        // The last class: odds 1 to 2, then 2 to 2.
        let (p, q) = (1.0 / 3.0, 0.5f64);
        let raw = 2f32.ln();
        let expected = [p, q, q - p, (q / p).log2(), f64::from(raw)];
        close(&of(classes, &[0.0, 0.0, 0.0], &[0.0, 0.0, raw]), &expected);
    }

    #[test]
    fn extreme_logits_keep_their_changes() {
        let output = &outputs(&[task(TaskKind::Binary)])[0];
        close(&output.compare(&[-300.0], &[-200.0])[3..], &[100.0 / LN_2, 100.0]);
        close(&output.compare(&[500.0], &[400.0])[3..], &[0.0, -100.0]);
    }

    fn profile() -> Profile {
        let tracks = vec!["plus".into(), "minus".into()];
        Profile { tracks, bins: 3, bin_size: 10, strand_pairs: vec![], count_weight: 1.0 }
    }

    #[test]
    fn signal_is_compared_by_total_shape_and_place() {
        let outputs = outputs(&[task(TaskKind::Regression), task(TaskKind::Profile(profile()))]);
        assert_eq!(outputs.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["t", "t:plus", "t:minus"]);
        assert_eq!(outputs.iter().map(Output::column).collect::<Vec<_>>(), [0, 7, 8]);
        let far = 60.0;
        // The second track moves from its first to its last bin, and its total from 3 to 7.
        let reference = [9.0, 1.0, 1.0, 1.0, far, 0.0, 0.0, 0.0, 4f32.ln()];
        let alternate = [9.0, 2.0, 2.0, 2.0, 0.0, 0.0, far, 0.0, 8f32.ln()];
        close(&outputs[0].compare(&reference, &alternate), &[9.0, 9.0, 0.0]);
        close(&outputs[1].compare(&reference, &alternate), &[0.0; 6]);
        let moved = outputs[2].compare(&reference, &alternate);
        let expected = [3.0, 7.0, 4.0, 1.0, LN_2.sqrt(), 20.0];
        assert!(moved.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{moved:?}");
    }

    #[test]
    fn swapped_alleles_turn_the_sign_of_what_has_one() {
        let all = outputs(&[task(TaskKind::Binary), task(TaskKind::Counts), task(TaskKind::Profile(profile()))]);
        let reference = [0.3, 1.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 2.0, 1.0];
        let alternate = [-0.7, 0.5, 0.0, 0.0, 3.0, 0.0, 1.0, 0.0, 1.0, 3.0];
        for output in all {
            let (there, back) = (output.compare(&reference, &alternate), output.compare(&alternate, &reference));
            for ((score, a), b) in output.scores().iter().zip(there).zip(back).skip(2) {
                assert!((score.sign() * a - b).abs() < 1e-9, "{score:?} {a} {b}");
            }
        }
    }
}
