//! Labelled sequences: what a model is trained and judged on.

use crate::{Encoding, Interval};
use serde::{Deserialize, Serialize};
use std::fmt;
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// One thing that is predicted for every sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
            TaskKind::Binary | TaskKind::Regression => 1,
        }
    }

    /// Names of its outputs: the task's own, or `task:class`.
    pub fn output_names(&self) -> Vec<String> {
        match &self.kind {
            TaskKind::Classes { classes } => classes.iter().map(|class| format!("{}:{class}", self.name)).collect(),
            TaskKind::Binary | TaskKind::Regression => vec![self.name.clone()],
        }
    }
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
    /// One label a task; NaN is unknown.
    pub labels: Vec<f64>,
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
}
