//! `compare.json`: what several models reach on the test split of one data set, and how far apart they are.

use crate::resampling;
use basewise_core::check::{CheckReport, Finding, FindingKind, Severity};
use basewise_core::metrics::Estimate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The whole file. Times, speeds and memory differ between repetitions; everything else does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Comparison {
    pub(crate) format_version: u32,
    /// Version of basewise that compared.
    pub(crate) version: String,
    /// The command line.
    pub(crate) command: String,
    /// The data set, as it was given.
    pub(crate) data: PathBuf,
    pub(crate) dataset_sha256: String,
    /// Rows of the test split.
    pub(crate) examples: usize,
    pub(crate) repeats: Repeats,
    /// Bootstrap resamples behind each interval of 95 %, and their seed.
    pub(crate) resamples: usize,
    pub(crate) seed: u64,
    /// What each resample draws: `examples`, or `groups of similar sequences (N)`.
    #[serde(default = "resampling::examples")]
    pub(crate) resampled: String,
    /// Trainings at once, and threads of each: what times depend on.
    pub(crate) jobs: usize,
    pub(crate) threads: usize,
    /// What the data set has that would make results look better than they are.
    pub(crate) check: CheckReport,
    /// In the order in which they were given.
    pub(crate) models: Vec<ModelRecord>,
    pub(crate) tasks: Vec<TaskComparison>,
    /// The models once more, with relatives on one side of each split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) leak_free: Option<LeakFree>,
}

/// A second comparison of the same models on the same examples, split by similarity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeakFree {
    /// The data set, below the directory of the comparison.
    pub(crate) data: PathBuf,
    pub(crate) dataset_sha256: String,
    /// Rows of its test split.
    pub(crate) examples: usize,
    /// What each resample of them draws.
    #[serde(default = "resampling::examples")]
    pub(crate) resampled: String,
    pub(crate) models: Vec<ModelRecord>,
    pub(crate) tasks: Vec<TaskComparison>,
    /// A row for each task and model.
    pub(crate) changes: Vec<Change>,
}

/// The figure that ranks, on the splits as they were and on those without relatives across them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) task: String,
    pub(crate) model: String,
    pub(crate) before: Estimate,
    pub(crate) after: Estimate,
    /// After minus before, as if the two test splits were independent.
    pub(crate) change: Estimate,
}

/// What each model was trained on more than once for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Repeats {
    /// The same splits with so many seeds.
    Seeds(usize),
    /// Training and validation examples dealt into so many folds.
    Folds(usize),
}

impl Repeats {
    /// How often each model is trained.
    pub(crate) fn number(self) -> usize {
        match self {
            Self::Seeds(number) | Self::Folds(number) => number,
        }
    }

    /// `3 seeds`, or nothing where there is one.
    pub(crate) fn text(self) -> Option<String> {
        match self {
            Self::Seeds(number) => (number > 1).then(|| format!("{number} seeds")),
            Self::Folds(number) => Some(format!("{number} folds")),
        }
    }
}

/// What a model is, for the question whether a network earns its keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// It does not look at the sequence.
    Baseline,
    /// Features and a linear model or trees.
    Classical,
    Network,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Classical => "classical",
            Self::Network => "network",
        }
    }
}

/// What was compared, and what it cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelRecord {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Its run directories: one a seed, one for all folds, or one that was there before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) runs: Vec<PathBuf>,
    /// The settings that it was trained with, as TOML; empty for one that was there before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) settings: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parameters: Option<usize>,
    #[serde(default)]
    pub(crate) cost: Cost,
    /// Why it is not among the tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// What one training and prediction took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// Seconds of training, a mean over the repeats.
    pub(crate) training_seconds: Option<f64>,
    /// Test sequences per second, encoding included, with all threads of the comparison.
    pub(crate) sequences_per_second: Option<f64>,
    /// Most memory that a training process held, in bytes; known on Linux.
    pub(crate) peak_memory_bytes: Option<u64>,
}

/// All models on one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TaskComparison {
    pub(crate) task: String,
    /// `binary`, `classes`, `regression`, `counts` or `profile`.
    pub(crate) kind: String,
    /// Rows with a known label, and of these those with label 1 where it is binary.
    pub(crate) n: usize,
    pub(crate) positives: Option<usize>,
    /// The figure that ranks, and the one that is shown beside it.
    pub(crate) metrics: [String; 2],
    /// The first of the ranking; none where the figure is undefined.
    pub(crate) best: Option<String>,
    /// The classical model that ranks highest.
    pub(crate) best_classical: Option<String>,
    /// Whether a network earned its keep, in words.
    pub(crate) verdict: String,
    /// Best first.
    pub(crate) ranking: Vec<Ranked>,
}

/// One model on one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ranked {
    pub(crate) model: String,
    pub(crate) kind: Kind,
    /// All figures by name: means over the repeats, with intervals over resamples of the rows.
    pub(crate) metrics: BTreeMap<String, Estimate>,
    /// The figure that ranks in each repeat, where there is more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) repeats: Vec<Option<f64>>,
    /// To the best model; none for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to_best: Option<Paired>,
    /// To the best classical model; none for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to_best_classical: Option<Paired>,
}

/// The figure that ranks minus that of another model, on the same rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Paired {
    pub(crate) other: String,
    #[serde(flatten)]
    pub(crate) estimate: Estimate,
    /// Two-sided, of no difference.
    pub(crate) p: Option<f64>,
    /// Corrected for all models that are set against the same one (Holm 1979).
    pub(crate) p_corrected: Option<f64>,
    /// `delong`, or `bootstrap` where DeLong's test does not apply: to other figures, means over repeats, and relatives.
    pub(crate) test: String,
}

/// The tests behind p-values, in words.
pub(crate) fn tests<'a>(pairs: impl Iterator<Item = &'a Paired>) -> String {
    let mut names: Vec<&str> =
        pairs.map(|pair| if pair.test == "delong" { "DeLong's test" } else { "bootstrap" }).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

/// The file in the directory of a comparison.
pub(crate) const COMPARISON: &str = "compare.json";

impl Comparison {
    /// What the check found that bears on every result, in sentences.
    pub(crate) fn doubts(&self) -> impl Iterator<Item = String> {
        self.check.findings.iter().filter_map(doubt)
    }
}

/// A finding that makes all models look better than they are, or alike.
pub(crate) fn doubt(finding: &Finding) -> Option<String> {
    match (finding.severity, finding.kind) {
        (Severity::Inflates, _) => Some(format!("all models look better than they are: {}", finding.message)),
        (Severity::Note, FindingKind::GcPredictsLabel) => {
            Some(format!("any model can take a short way: {}", finding.message))
        }
        _ => None,
    }
}

impl TaskComparison {
    pub(crate) fn find(&self, model: &str) -> Option<&Ranked> {
        self.ranking.iter().find(|ranked| ranked.model == model)
    }

    /// The figure that ranks, of a model.
    pub(crate) fn figure(&self, ranked: &Ranked) -> Estimate {
        ranked.metrics.get(&self.metrics[0]).copied().unwrap_or_default()
    }
}
