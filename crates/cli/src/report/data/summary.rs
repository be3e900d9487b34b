//! What is in a data set.

use basewise_core::Transform;
use serde::{Deserialize, Serialize};

/// What a model was trained and judged on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DataSummary {
    /// The data set's directory as the user typed it.
    pub(crate) path: String,
    /// One or two sentences on what the sequences are or how many were removed; may be empty.
    pub(crate) description: String,
    /// `DNA` or `RNA`.
    pub(crate) alphabet: String,
    /// What upper and lower case mean to the model: `ignore`, `mask-lower` or `channel`.
    pub(crate) case: String,
    /// Positions the model sees.
    pub(crate) length: usize,
    /// Positions by which training may shift its window.
    pub(crate) jitter: usize,
    /// What is predicted.
    pub(crate) tasks: Vec<TaskSummary>,
    /// What a model is shown beside the sequence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) covariates: Vec<CovariateSummary>,
    /// The control signal that a model is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) control: Option<ControlSummary>,
    /// Train, valid and test, in this order.
    pub(crate) splits: Vec<SplitSummary>,
    /// The files the data set was made from.
    pub(crate) sources: Vec<Source>,
    /// Share of G and C by class.
    pub(crate) gc: Vec<ClassDistribution>,
    /// Lengths of the stored sequences.
    pub(crate) lengths: Option<Lengths>,
    /// A few rows, so that a reader sees what an example is.
    pub(crate) first_rows: Vec<RowPreview>,
}

/// A number beside the sequence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CovariateSummary {
    /// Name of its column.
    pub(crate) name: String,
    /// `none` or `log`.
    pub(crate) transform: Transform,
    /// Mean of the transformed known values of the training split.
    pub(crate) mean: f64,
    /// Their standard deviation.
    pub(crate) deviation: f64,
    /// Rows in which it is unknown.
    pub(crate) unknown: usize,
}

/// Control signal beside the sequence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ControlSummary {
    /// Bins of each track.
    pub(crate) bins: usize,
    /// Bases in a bin.
    pub(crate) bin_size: usize,
    /// Each track.
    pub(crate) tracks: Vec<ControlTrack>,
}

/// A track of control signal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ControlTrack {
    /// Its name.
    pub(crate) name: String,
    /// Mean total over all rows, what is unknown as 0.
    pub(crate) mean_total: f64,
    /// Share of bins without a value.
    pub(crate) unknown: f64,
}

/// One thing that is predicted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TaskSummary {
    /// Name of the label column.
    pub(crate) name: String,
    /// `binary`, `classes`, `regression` or `counts`.
    pub(crate) kind: String,
    /// Names of the classes; empty for a number.
    pub(crate) classes: Vec<String>,
}

/// Size and balance of one split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SplitSummary {
    /// `train`, `valid` or `test`.
    pub(crate) split: String,
    /// Number of examples.
    pub(crate) examples: usize,
    /// Examples by label, such as `("site", 368)`; a label that is absent from a split may be left out.
    pub(crate) counts: Vec<LabelCount>,
}

/// How many examples have a label.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LabelCount {
    /// The class, or `task: class` where there are several tasks.
    pub(crate) label: String,
    /// Number of examples.
    pub(crate) count: usize,
}

/// A file with its digest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Source {
    /// Path or name.
    pub(crate) path: String,
    /// SHA-256 in hexadecimal; empty if unknown.
    pub(crate) sha256: String,
}

/// How a share in 0..=1 is spread within a class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ClassDistribution {
    /// The class.
    pub(crate) class: String,
    /// Mean.
    pub(crate) mean: f64,
    /// First quartile.
    pub(crate) q1: f64,
    /// Median.
    pub(crate) median: f64,
    /// Third quartile.
    pub(crate) q3: f64,
}

/// Lengths in nucleotides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Lengths {
    /// Shortest.
    pub(crate) min: usize,
    /// Median.
    pub(crate) median: f64,
    /// Longest.
    pub(crate) max: usize,
}

/// One row of the data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RowPreview {
    /// Name of the example.
    pub(crate) id: String,
    /// Place in the genome, if it has one.
    pub(crate) place: Option<String>,
    /// Split it belongs to.
    pub(crate) split: String,
    /// Its label, in words.
    pub(crate) label: String,
    /// Its letters as stored.
    pub(crate) sequence: String,
}
