//! What a report shows, as plain data: the command fills it, [`render`](super::render) only lays it out.
//!
//! Every struct has a serde form, so a report's content can be written beside it and read by other tools. Numbers that
//! may be undefined are `Option`; a non-finite number is shown as an en dash, never as a figure.

mod summary;

pub(crate) use summary::{
    ClassDistribution, ControlSummary, ControlTrack, CovariateSummary, DataSummary, LabelCount, Lengths, RowPreview,
    Source, SplitSummary, TaskSummary,
};

use serde::{Deserialize, Serialize};

/// The whole page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ReportData {
    /// Heading of the page, such as `Splice sites of Drosophila melanogaster`.
    pub(crate) title: String,
    /// One sentence beneath it; may be empty.
    pub(crate) subtitle: String,
    /// Version of basewise that wrote the page.
    pub(crate) version: String,
    /// Command line that wrote the page.
    pub(crate) generated_by: String,
    /// One entry a trained model, in the order of the page.
    pub(crate) runs: Vec<RunReport>,
}

/// One trained model and everything known about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RunReport {
    /// Short name, such as `donor`: labels the run in the navigation and in section ids.
    pub(crate) name: String,
    /// The run's directory as the user typed it: shown in the commands that would add a missing part.
    pub(crate) path: String,
    /// The two to four figures a reader should remember.
    pub(crate) headline: Vec<Headline>,
    /// What the model was trained and judged on.
    pub(crate) data: DataSummary,
    /// Result of the data check; `None` if it was not run.
    pub(crate) check: Option<Vec<Finding>>,
    /// The layers of the model.
    pub(crate) architecture: Architecture,
    /// The model, if it is a classical one; then there are neither layers nor epochs.
    pub(crate) classical: Option<super::classical::Classical>,
    /// How training went.
    pub(crate) training: Training,
    /// One entry a task, on the split that was held out.
    pub(crate) performance: Vec<TaskPerformance>,
    /// Attributions; `None` if nothing was explained.
    pub(crate) explanation: Option<Explanation>,
    /// What the first layer's filters respond to; `None` if it was not computed.
    pub(crate) filters: Option<Filters>,
    /// Patterns discovered in its attributions; `None` if they were not sought.
    pub(crate) discovery: Option<Discovery>,
    /// What it takes to repeat the run.
    pub(crate) details: RunDetails,
}

/// A number to remember, with what makes it readable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Headline {
    /// What the number is: a metric's key (`auroc`) or free text.
    pub(crate) label: String,
    /// The number.
    pub(crate) estimate: Estimate,
    /// Context, such as `k-mer baseline 0.806`; may be empty.
    pub(crate) note: String,
}

/// A number with a 95 % interval, or the reason why there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Estimate {
    /// The number; `None` where it is undefined.
    pub(crate) value: Option<f64>,
    /// Lower end of the interval.
    pub(crate) low: Option<f64>,
    /// Upper end of the interval.
    pub(crate) high: Option<f64>,
    /// Why `value` is undefined, such as `the split has one class`; empty otherwise.
    pub(crate) reason: String,
}

/// How much a finding of the data check matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Looked for and not found.
    #[default]
    Ok,
    /// Worth knowing.
    Note,
    /// Would make a result look better than it is.
    Inflates,
}

/// One result of the data check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Finding {
    /// What was looked for, such as `copies across splits`.
    pub(crate) kind: String,
    /// How much it matters.
    pub(crate) severity: Severity,
    /// Examples concerned.
    pub(crate) count: usize,
    /// Examples looked at.
    pub(crate) total: usize,
    /// What was found, in a sentence.
    pub(crate) message: String,
    /// Names of a few examples concerned.
    pub(crate) examples: Vec<String>,
}

/// The layers of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Architecture {
    /// Preset or file it came from, such as `cnn`.
    pub(crate) name: String,
    /// One row a layer, input first.
    pub(crate) rows: Vec<LayerRow>,
    /// Trainable parameters in all.
    pub(crate) parameters: usize,
}

/// One layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LayerRow {
    /// The layer with its settings, such as `conv 64 x 15, relu`.
    pub(crate) layer: String,
    /// Shape of what it hands on, such as `64 x 140`.
    pub(crate) output_shape: String,
    /// Trainable parameters.
    pub(crate) parameters: usize,
    /// Input positions that reach one of its output positions; `None` where it has no meaning.
    pub(crate) receptive_field: Option<usize>,
}

/// How training went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Training {
    /// One point an epoch.
    pub(crate) epochs: Vec<EpochPoint>,
    /// Key of the validation metric, such as `auroc`.
    pub(crate) metric: String,
    /// Epoch whose weights were kept.
    pub(crate) best_epoch: Option<usize>,
    /// Wall time in seconds.
    pub(crate) seconds: f64,
    /// Why training ended, such as `no improvement for 8 epochs`.
    pub(crate) stopped: String,
    /// The models of an ensemble; the epochs above are then empty. None for a single model.
    pub(crate) members: Vec<MemberTraining>,
}

/// How the training of one model of an ensemble went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MemberTraining {
    /// Number of the member, from 1.
    pub(crate) number: usize,
    /// One point an epoch.
    pub(crate) epochs: Vec<EpochPoint>,
    /// Epoch whose weights were kept.
    pub(crate) best_epoch: usize,
    /// The first figure of [`RunReport::headline`] for this member alone.
    pub(crate) test: Option<f64>,
}

/// One epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EpochPoint {
    /// Number of the epoch, from 1.
    pub(crate) epoch: usize,
    /// Mean loss over the training batches.
    pub(crate) train_loss: Option<f64>,
    /// Loss on the validation split.
    pub(crate) valid_loss: Option<f64>,
    /// The validation metric.
    pub(crate) valid_metric: Option<f64>,
}

/// How well one task is predicted on held-out examples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TaskPerformance {
    /// Name of the task.
    pub(crate) task: String,
    /// `binary`, `classes`, `regression` or `counts`.
    pub(crate) kind: String,
    /// Split it was judged on, usually `test`.
    pub(crate) split: String,
    /// Examples with a known label in this split.
    pub(crate) examples: usize,
    /// Bootstrap resamples behind the intervals; 0 if there are no intervals.
    pub(crate) resamples: usize,
    /// What each of them draws; empty for examples.
    #[serde(default)]
    pub(crate) resampled: String,
    /// One row a metric.
    pub(crate) metrics: Vec<MetricRow>,
    /// Receiver operating characteristic: x is the false, y the true positive rate.
    pub(crate) roc: Option<RateChart>,
    /// Precision (y) against recall (x).
    pub(crate) precision_recall: Option<RateChart>,
    /// Predicted probability against observed frequency.
    pub(crate) calibration: Option<Calibration>,
    /// True against predicted class.
    pub(crate) confusion: Option<Confusion>,
    /// Observed against predicted value.
    pub(crate) scatter: Option<Scatter>,
    /// Predicted probabilities by true class.
    pub(crate) scores: Option<ScoreHistograms>,
}

/// One metric of the model and of what it must beat.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MetricRow {
    /// The metric's key as in `metrics.json`, such as `average_precision`.
    pub(crate) metric: String,
    /// The model.
    pub(crate) model: Estimate,
    /// The baselines, in one order for all rows.
    pub(crate) baselines: Vec<NamedEstimate>,
}

/// A baseline's metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NamedEstimate {
    /// Name of the baseline, such as `k-mer`.
    pub(crate) name: String,
    /// Its metric.
    pub(crate) estimate: Estimate,
}

/// Curves in the unit square.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RateChart {
    /// The model's curve, or one a class (each against the rest).
    pub(crate) model: Vec<RateCurve>,
    /// Curves of the baselines.
    pub(crate) baselines: Vec<RateCurve>,
    /// Share of positives: the precision of a guess. Only for precision-recall.
    pub(crate) prevalence: Option<f64>,
}

/// One curve in the unit square.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RateCurve {
    /// Name of the model, class or baseline.
    pub(crate) name: String,
    /// `[x, y]` in the order of the line.
    pub(crate) points: Vec<[f64; 2]>,
    /// Bootstrap band: `[x, low, high]` in the order of x; may be empty.
    pub(crate) band: Vec<[f64; 3]>,
    /// Area under the curve.
    pub(crate) area: Estimate,
}

/// Predicted probability against observed frequency.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Calibration {
    /// Bins in the order of the prediction; empty bins may be left out.
    pub(crate) bins: Vec<CalibrationBin>,
    /// Expected calibration error.
    pub(crate) error: Estimate,
}

/// Examples of similar predicted probability.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CalibrationBin {
    /// Mean predicted probability.
    pub(crate) predicted: f64,
    /// Share of positives among them.
    pub(crate) observed: f64,
    /// Lower end of the interval of `observed`.
    pub(crate) low: Option<f64>,
    /// Upper end of the interval of `observed`.
    pub(crate) high: Option<f64>,
    /// Number of examples.
    pub(crate) count: usize,
}

/// True against predicted class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Confusion {
    /// Names of the classes.
    pub(crate) classes: Vec<String>,
    /// `counts[true][predicted]`.
    pub(crate) counts: Vec<Vec<usize>>,
}

/// Observed against predicted values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Scatter {
    /// `[observed, predicted]`: all examples, or a sample.
    pub(crate) points: Vec<[f64; 2]>,
    /// Number of examples that the points stand for.
    pub(crate) total: usize,
}

/// Predicted probabilities by true class, in bins of equal width over 0..=1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ScoreHistograms {
    /// One entry a class, with as many counts each.
    pub(crate) classes: Vec<ClassHistogram>,
}

/// Counts of one class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ClassHistogram {
    /// The class.
    pub(crate) class: String,
    /// Examples by bin.
    pub(crate) counts: Vec<usize>,
}

/// Which bases a prediction rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Explanation {
    /// The name of the method, such as `ism` or `deeplift`.
    pub(crate) method: String,
    /// The output that is explained, such as `donor`.
    pub(crate) target: String,
    /// Examples behind the averages.
    pub(crate) examples_explained: usize,
    /// What the examples behind the averages are, such as `test sites`.
    pub(crate) group: String,
    /// Label of the first position, such as -70 where 0 is the middle of the window.
    pub(crate) start: i64,
    /// Mean attribution of each base at each position (A, C, G, T).
    pub(crate) average_track: Vec<[f64; 4]>,
    /// Mean absolute attribution by position.
    pub(crate) importance_profile: Vec<f64>,
    /// Stretches to mark in the averages.
    pub(crate) highlights: Vec<Highlight>,
    /// A few examples, the most telling first.
    pub(crate) examples: Vec<ExampleTrack>,
    /// Every explained example, in the same order.
    pub(crate) all: Vec<WholeTrack>,
}

/// One explained example, as small as can be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct WholeTrack {
    /// Name of the example.
    pub(crate) id: String,
    /// Its true label, in words.
    pub(crate) label: String,
    /// What the model predicts for it.
    pub(crate) prediction: Option<f64>,
    /// Place in the genome, if it has one.
    pub(crate) place: Option<String>,
    /// A letter a position: A, C, G, T for the base that is there, else N.
    pub(crate) bases: String,
    /// What it contributes.
    pub(crate) heights: Vec<f32>,
}

/// One explained example.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ExampleTrack {
    /// Name of the example.
    pub(crate) id: String,
    /// Its true label, in words.
    pub(crate) label: String,
    /// What the model predicts for it.
    pub(crate) prediction: Option<f64>,
    /// Place in the genome, if it has one.
    pub(crate) place: Option<String>,
    /// Label of the first position shown.
    pub(crate) start: i64,
    /// Attribution of each base at each position (A, C, G, T): usually only the base that is there.
    pub(crate) heights: Vec<[f64; 4]>,
    /// Stretches to mark.
    pub(crate) highlights: Vec<Highlight>,
}

/// A marked stretch of a track.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Highlight {
    /// First position, counted from the track's first.
    pub(crate) start: usize,
    /// One past the last.
    pub(crate) end: usize,
    /// What it is, such as a motif's name; may be empty.
    pub(crate) label: String,
}

/// What the filters of the first layer respond to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Filters {
    /// How windows were chosen, such as `windows above half of the filter's maximum over the test split`.
    pub(crate) method: String,
    /// What the filters were compared to, such as `JASPAR 2024 CORE insects`; empty if they were not.
    pub(crate) database: String,
    /// Number of filters in the layer.
    pub(crate) total: usize,
    /// Label of the first position of the position histograms.
    pub(crate) start: i64,
    /// The filters worth showing, best first.
    pub(crate) cards: Vec<FilterCard>,
}

/// One filter as a motif.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct FilterCard {
    /// Name, such as `filter 12`.
    pub(crate) name: String,
    /// Probability of each base at each position (A, C, G, T); rows sum to one.
    pub(crate) probabilities: Vec<[f64; 4]>,
    /// Windows behind the motif.
    pub(crate) sites: usize,
    /// Sequences with at least one of them.
    pub(crate) sequences: usize,
    /// Correlation of the filter's maximum with the label.
    pub(crate) correlation: Option<f64>,
    /// Highest activation.
    pub(crate) max_activation: Option<f64>,
    /// Windows by position, in bins of equal width over the model's input.
    pub(crate) positions: Vec<usize>,
    /// Best matches, best first.
    pub(crate) matches: Vec<MotifMatch>,
}

/// Patterns discovered in attributions, or motifs in sequences.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Discovery {
    /// What was searched, in words.
    pub(crate) method: String,
    /// What patterns were compared to; empty if they were not.
    pub(crate) database: String,
    /// Bases of a sequence.
    pub(crate) length: usize,
    /// Number of patterns found.
    pub(crate) total: usize,
    /// What was found and is no pattern of its own, and why a sign, or the search, came to nothing.
    pub(crate) reasons: Vec<String>,
    /// The patterns worth showing, in their order.
    pub(crate) patterns: Vec<DiscoveredPattern>,
}

/// One discovered pattern.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DiscoveredPattern {
    /// Name, such as `pos_patterns.pattern_0`.
    pub(crate) name: String,
    /// Probability of each base at each position.
    pub(crate) probabilities: Vec<[f64; 4]>,
    /// Mean contribution of each base at each position; empty without attributions.
    pub(crate) contributions: Vec<[f64; 4]>,
    /// Seqlets, or sequences with a site.
    pub(crate) sites: usize,
    /// Sequences with at least one.
    pub(crate) sequences: usize,
    /// Mean and standard deviation of its sites' middles, in bases.
    pub(crate) position: f64,
    pub(crate) spread: f64,
    /// Sites by position, in bins of equal width over the sequence.
    pub(crate) positions: Vec<usize>,
    /// E-value of a motif that was found without a model.
    pub(crate) e_value: Option<f64>,
    /// Best matches, best first.
    pub(crate) matches: Vec<MotifMatch>,
}

/// A database motif that resembles a filter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MotifMatch {
    /// Accession, such as `MA0139.2`.
    pub(crate) id: String,
    /// Name, such as `CTCF`.
    pub(crate) name: String,
    /// p-value.
    pub(crate) p: f64,
    /// q-value (false discovery rate).
    pub(crate) q: f64,
}

/// What it takes to repeat a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RunDetails {
    /// Command lines, in order.
    pub(crate) commands: Vec<String>,
    /// Seed, device, threads, digests, times: in the order to show.
    pub(crate) facts: Vec<Fact>,
    /// The full configuration, as the program reads it.
    pub(crate) config: Option<ConfigText>,
}

/// A name and a value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Fact {
    /// What it is.
    pub(crate) key: String,
    /// Its value.
    pub(crate) value: String,
}

/// A configuration file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ConfigText {
    /// File name.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
}
