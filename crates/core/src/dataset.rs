//! Labelled sequences: what a model is trained and judged on.

use crate::{ControlSignal, Covariate, Encoding, Interval, Profile};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// The part of a data set that an example belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Weights are fitted on these.
    Train,
    /// Early stopping and every choice look at these.
    Valid,
    /// Looked at once, for the reported figures.
    Test,
}

impl Split {
    /// All three, in their usual order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Valid, Self::Test];

    /// `train`, `valid` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Split {
    type Err = String;

    /// Accepts the usual spellings: `train`/`training`, `valid`/`val`/`validation`/`dev`, `test`/`testing`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "train" | "training" => Ok(Self::Train),
            "valid" | "val" | "validation" | "dev" => Ok(Self::Valid),
            "test" | "testing" => Ok(Self::Test),
            _ => Err(format!("expected train, valid or test, found {text:?}")),
        }
    }
}

/// What kind of quantity a task predicts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TaskKind {
    /// Yes or no: labels 0 and 1, one logit.
    Binary,
    /// One of several classes: labels are indices into `classes`, one logit a class.
    Classes {
        /// Names in the order of the indices.
        classes: Vec<String>,
    },
    /// A number: one output on the label's own scale.
    Regression,
    /// How often something was seen: labels of 0 or more, one output, the natural logarithm of the expected count.
    Counts,
    /// Signal along the sequence: a label for each bin of each track.
    Profile(Profile),
}

impl TaskKind {
    /// The kind in one word: `binary`, `classes`, `regression`, `counts` or `profile`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Classes { .. } => "classes",
            Self::Regression => "regression",
            Self::Counts => "counts",
            Self::Profile(_) => "profile",
        }
    }

    /// Whether labels are numbers on a scale, and not classes.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Regression | Self::Counts | Self::Profile(_))
    }
}

/// One thing that is predicted for every sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Name of the label column.
    pub name: String,
    /// What its labels are.
    #[serde(flatten)]
    pub kind: TaskKind,
}

impl Task {
    /// Number of model outputs that belong to it.
    pub fn outputs(&self) -> usize {
        match &self.kind {
            TaskKind::Classes { classes } => classes.len(),
            TaskKind::Binary | TaskKind::Regression | TaskKind::Counts => 1,
            TaskKind::Profile(profile) => profile.outputs(),
        }
    }

    /// Number of labels that a row has for it: 1, or for a profile one a bin and track, with a margin of `jitter` bases on
    /// each side.
    pub fn label_count(&self, jitter: usize) -> usize {
        match &self.kind {
            TaskKind::Profile(profile) => profile.label_count(jitter),
            _ => 1,
        }
    }

    /// What is wrong with its description, if anything is.
    pub fn fault(&self) -> Option<String> {
        let TaskKind::Profile(profile) = &self.kind else { return None };
        profile.fault().map(|fault| format!("task {:?}: {fault}", self.name))
    }

    /// Names of its outputs: the task's own, `task:class`, or those of [`Profile::output_names`].
    pub fn output_names(&self) -> Vec<String> {
        match &self.kind {
            TaskKind::Classes { classes } => classes.iter().map(|class| format!("{}:{class}", self.name)).collect(),
            TaskKind::Binary | TaskKind::Regression | TaskKind::Counts => vec![self.name.clone()],
            TaskKind::Profile(profile) => profile.output_names(&self.name),
        }
    }
}

/// Where the labels of each task lie in a row of a data set with this margin.
pub fn label_ranges(tasks: &[Task], jitter: usize) -> Vec<Range<usize>> {
    let mut end = 0;
    let range = |task: &Task| {
        let start = end;
        end += task.label_count(jitter);
        start..end
    };
    tasks.iter().map(range).collect()
}

/// One labelled sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Unique name.
    pub id: String,
    /// Where it was cut from a genome, if it was. With a jitter margin this is the stored stretch, margins included.
    pub place: Option<Interval>,
    /// The part of the data set it belongs to.
    pub split: Split,
    /// Letters as they came: case and `U` are kept, so that a check can see them.
    pub sequence: Vec<u8>,
    /// The labels of each task in turn, [`Task::label_count`] of each: one, or for a profile those of its bins, track by
    /// track, margins included. NaN is unknown.
    pub labels: Vec<f64>,
    /// A value for each covariate of the data set, as it came; NaN is unknown.
    pub covariates: Vec<f64>,
    /// Control signal, [`ControlSignal::value_count`] numbers, track by track, margins included; NaN is unknown, and it is empty
    /// where the data set has none.
    pub control: Vec<f64>,
    /// How much its labels count in training and in the loss of the validation split, 0 or more; 1 unless something else was
    /// asked for.
    pub weight: f64,
}

/// Labelled sequences with everything a model must know about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// How letters become channels.
    pub encoding: Encoding,
    /// Positions a model sees: shorter sequences are centred between unknown bases, longer ones cropped.
    pub length: usize,
    /// Bases kept beyond `length` on each side, from which training may shift its window.
    pub jitter: usize,
    /// What is predicted, in the order of the labels.
    pub tasks: Vec<Task>,
    /// What is known of each example beside its sequence; often nothing.
    pub covariates: Vec<Covariate>,
    /// The control signal of each example, if there is any.
    pub control: Option<ControlSignal>,
    /// The rows.
    pub examples: Vec<Example>,
}

impl Dataset {
    /// The row numbers of one split, in order.
    pub fn rows_of(&self, split: Split) -> Vec<usize> {
        (0..self.examples.len()).filter(|&i| self.examples[i].split == split).collect()
    }

    /// Number of model outputs over all tasks.
    pub fn outputs(&self) -> usize {
        self.tasks.iter().map(Task::outputs).sum()
    }

    /// Whether any example counts more or less than another.
    pub fn is_weighted(&self) -> bool {
        self.examples.iter().any(|example| example.weight != 1.0)
    }

    /// Takes the statistics of the covariates from the training split as it now is.
    pub fn fit_covariates(&mut self) {
        let Self { covariates, examples, .. } = self;
        for (i, covariate) in covariates.iter_mut().enumerate() {
            let train = examples.iter().filter(|example| example.split == Split::Train);
            let values = train.map(|example| example.covariates.get(i).copied().unwrap_or(f64::NAN));
            *covariate = Covariate::fit(&covariate.name, covariate.transform, values);
        }
    }

    /// The label of a task in a row as one number, NaN if it is unknown: for a profile `ln(1 + total)` over what is known
    /// of its bins in all tracks, without margins.
    pub fn label(&self, row: usize, task: usize) -> f64 {
        let labels = &self.examples[row].labels;
        let before: usize = self.tasks[..task].iter().map(|task| task.label_count(self.jitter)).sum();
        match &self.tasks[task].kind {
            TaskKind::Profile(profile) => {
                let own = labels.get(before..before + profile.label_count(self.jitter)).unwrap_or_default();
                let totals = profile.seen(own, self.jitter);
                let totals = totals.chunks(profile.bins.max(1)).filter_map(crate::profile::total);
                totals.reduce(|sum, total| sum + total).map_or(f64::NAN, f64::ln_1p)
            }
            _ => labels.get(before).copied().unwrap_or(f64::NAN),
        }
    }

    /// The control signal of a row without margins, as a model is shown it; empty where there is none.
    pub fn seen_control(&self, row: usize) -> Vec<f64> {
        let row = &self.examples[row].control;
        self.control.as_ref().map_or_else(Vec::new, |control| control.shifted(row, self.jitter, 0))
    }

    /// The labels of a row without the margins that only jitter shows: what a model is judged by.
    pub fn seen_labels(&self, row: usize) -> Vec<f64> {
        crate::profile::shifted_labels(&self.tasks, &self.examples[row].labels, self.jitter, 0)
    }
}
