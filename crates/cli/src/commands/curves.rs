//! What the report draws of an evaluation: curves, calibration, confusion, scatter.

use crate::commands::dataset::show::classes_of;
use crate::commands::evaluate::Evaluation;
use crate::report::data::{
    Calibration, CalibrationBin, ClassHistogram, Confusion, Estimate, MetricRow, NamedEstimate, RateChart, RateCurve,
    Scatter, ScoreHistograms, TaskPerformance,
};
use basewise_core::metrics::curves::{calibration, precision_recall, precision_recall_band, roc, roc_band};
use basewise_core::metrics::{self, BootstrapOptions, TaskMetrics};
use basewise_core::{Dataset, Matrix, Profile, Task, TaskKind, label_ranges};

/// Points of a curve that are worth drawing.
const MOST_POINTS: usize = 400;
const SCATTER_POINTS: usize = 1500;
const BINS: usize = 10;
const HISTOGRAM_BINS: usize = 20;

/// One entry a task of `evaluation`, with everything that can be drawn of it.
pub(crate) fn performance(
    dataset: &Dataset,
    rows: &[usize],
    predicted: &Matrix,
    baselines: &[(String, Matrix)],
    evaluation: &Evaluation,
    options: &BootstrapOptions<'_>,
) -> Vec<TaskPerformance> {
    let mut first = 0;
    let mut out = Vec::new();
    for (t, task) in dataset.tasks.iter().enumerate() {
        let labels: Vec<f64> = rows.iter().map(|&i| dataset.label(i, t)).collect();
        let view = View { task, labels: &labels, first, predicted, baselines, options };
        let mut entry = match &task.kind {
            TaskKind::Profile(profile) => totals(dataset, rows, t, profile, &view),
            _ => view.drawn(),
        };
        entry.split = evaluation.split.clone();
        entry.resamples = options.replicates;
        entry.resampled = evaluation.resampled.clone();
        entry.examples = evaluation.model[t].n;
        entry.metrics = metric_rows(evaluation, t);
        attach_areas(&mut entry, &evaluation.model[t]);
        out.push(entry);
        first += task.outputs();
    }
    out
}

/// Logarithms of totals of all tracks against the predicted ones.
fn totals(dataset: &Dataset, rows: &[usize], task: usize, profile: &Profile, view: &View<'_>) -> TaskPerformance {
    let range = label_ranges(&dataset.tasks, dataset.jitter)[task].clone();
    let shapes = profile.bins * profile.tracks.len();
    let mut points = Vec::new();
    for (i, &row) in rows.iter().enumerate() {
        let seen = profile.seen(&dataset.examples[row].labels[range.clone()], dataset.jitter);
        let own = &view.predicted.row(i)[view.first..];
        let pair = |output: usize| [profile.label_of(&seen, output), f64::from(own[output])];
        points.extend((shapes..profile.outputs()).map(pair).filter(|pair| !pair[0].is_nan()));
    }
    let total = points.len();
    let scatter = Scatter { points: thinned(points, SCATTER_POINTS), total };
    TaskPerformance {
        task: view.task.name.clone(),
        kind: "profile".to_owned(),
        scatter: Some(scatter),
        ..Default::default()
    }
}

/// The labels and predictions of one task.
struct View<'a> {
    task: &'a Task,
    labels: &'a [f64],
    first: usize,
    predicted: &'a Matrix,
    baselines: &'a [(String, Matrix)],
    options: &'a BootstrapOptions<'a>,
}

impl View<'_> {
    fn drawn(&self) -> TaskPerformance {
        let mut entry = TaskPerformance { task: self.task.name.clone(), ..TaskPerformance::default() };
        match &self.task.kind {
            TaskKind::Binary => {
                entry.kind = "binary".to_owned();
                let (labels, scores) = self.known(self.predicted, 0, None);
                entry.roc = Some(self.rate_chart(roc, &[("model".to_owned(), None)], true));
                entry.precision_recall = Some(self.rate_chart(precision_recall, &[("model".to_owned(), None)], false));
                entry.calibration = Some(calibrated(&labels, &scores));
                entry.scores = Some(self.histograms(&labels, &scores));
            }
            TaskKind::Classes { classes } => {
                entry.kind = "classes".to_owned();
                let each: Vec<_> = classes.iter().enumerate().map(|(c, name)| (name.clone(), Some(c))).collect();
                entry.roc = Some(self.rate_chart(roc, &each, true));
                entry.precision_recall = Some(self.rate_chart(precision_recall, &each, false));
                entry.confusion = Some(self.confusion(classes));
            }
            TaskKind::Regression | TaskKind::Counts | TaskKind::Profile(_) => {
                entry.kind = self.task.kind.name().to_owned();
                entry.scatter = Some(self.scatter());
            }
        }
        entry
    }

    /// Labels that are known, and the scores beside them; with `class`, that class against the rest.
    fn known(&self, predicted: &Matrix, offset: usize, class: Option<usize>) -> (Vec<f64>, Vec<f64>) {
        let scores = predicted.column(self.first + offset).map(f64::from);
        let pairs = self.labels.iter().zip(scores).filter(|(l, _)| !l.is_nan());
        pairs.map(|(&l, s)| (class.map_or(l, |c| f64::from(u8::from(l == c as f64))), s)).unzip()
    }

    fn rate_chart(
        &self,
        curve: fn(&[f64], &[f64]) -> Vec<[f64; 2]>,
        each: &[(String, Option<usize>)],
        is_roc: bool,
    ) -> RateChart {
        let band = if is_roc { roc_band } else { precision_recall_band };
        let single = each.len() == 1;
        let known = || self.labels.iter().zip(self.options.groups).filter(|(label, _)| !label.is_nan());
        let groups: Vec<usize> = known().map(|(_, &group)| group).collect();
        let options = BootstrapOptions { groups: &groups, ..*self.options };
        let draw = |name: &str, predicted: &Matrix, class: Option<usize>, with_band: bool| {
            let (labels, scores) = self.known(predicted, class.unwrap_or(0), class);
            let mut points = curve(&labels, &scores);
            // The conventional start at precision 1 would draw a stroke down to where the curve really begins.
            if !is_roc && points.len() > 2 && points[1][0] == 0.0 {
                points.remove(0);
            }
            RateCurve {
                name: name.to_owned(),
                points: thinned(points, MOST_POINTS),
                band: if with_band { band(&labels, &scores, &options) } else { Vec::new() },
                area: Estimate::default(),
            }
        };
        let (labels, _) = self.known(self.predicted, 0, None);
        let positive = labels.iter().filter(|&&l| l == 1.0).count();
        RateChart {
            model: each.iter().map(|(name, class)| draw(name, self.predicted, *class, single)).collect(),
            baselines: if single {
                self.drawable().map(|(name, p)| draw(name, p, None, false)).collect()
            } else {
                Vec::new()
            },
            prevalence: (!is_roc && single && !labels.is_empty()).then(|| positive as f64 / labels.len() as f64),
        }
    }

    /// Baselines that rank: a constant has no curve, only the diagonal or the prevalence, which are drawn anyway.
    fn drawable(&self) -> impl Iterator<Item = &(String, Matrix)> {
        let ranks = |p: &Matrix| p.column(self.first).any(|v| Some(v) != p.column(self.first).next());
        self.baselines.iter().filter(move |(_, p)| ranks(p))
    }

    fn histograms(&self, labels: &[f64], scores: &[f64]) -> ScoreHistograms {
        let classes = classes_of(self.task).into_iter().map(|(class, value)| {
            let mut counts = vec![0; HISTOGRAM_BINS];
            for (_, &score) in labels.iter().zip(scores).filter(|(l, _)| **l == value) {
                counts[((score * HISTOGRAM_BINS as f64) as usize).min(HISTOGRAM_BINS - 1)] += 1;
            }
            ClassHistogram { class, counts }
        });
        ScoreHistograms { classes: classes.collect() }
    }

    fn confusion(&self, classes: &[String]) -> Confusion {
        let mut counts = vec![vec![0; classes.len()]; classes.len()];
        for (i, label) in self.labels.iter().enumerate().filter(|(_, l)| !l.is_nan()) {
            let own = &self.predicted.row(i)[self.first..self.first + classes.len()];
            let best = (0..own.len()).fold(0, |best, c| if own[c] > own[best] { c } else { best });
            counts[*label as usize][best] += 1;
        }
        Confusion { classes: classes.to_vec(), counts }
    }

    fn scatter(&self) -> Scatter {
        let (labels, scores) = self.known(self.predicted, 0, None);
        let total = labels.len();
        let points = labels.into_iter().zip(scores).map(|(l, s)| [l, s]).collect();
        Scatter { points: thinned(points, SCATTER_POINTS), total }
    }
}

fn calibrated(labels: &[f64], scores: &[f64]) -> Calibration {
    let bins = calibration(labels, scores, BINS);
    let bin = |b: &metrics::curves::CalibrationBin| {
        let (low, high) = wilson(b.fraction_positive, b.count);
        CalibrationBin {
            predicted: b.mean_predicted,
            observed: b.fraction_positive,
            low: Some(low),
            high: Some(high),
            count: b.count,
        }
    };
    Calibration { bins: bins.iter().filter(|b| b.count > 0).map(bin).collect(), error: Estimate::default() }
}

/// The 95 % score interval of a proportion (Wilson 1927).
fn wilson(share: f64, n: usize) -> (f64, f64) {
    let (n, z) = (n as f64, 1.959_963_984_540_054);
    let centre = (share + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// At most `most` of the items, evenly taken, the first and the last among them.
fn thinned<T: Copy>(items: Vec<T>, most: usize) -> Vec<T> {
    if items.len() <= most {
        return items;
    }
    (0..most).map(|i| items[i * (items.len() - 1) / (most - 1)]).collect()
}

fn estimate(from: &metrics::Estimate) -> Estimate {
    let reason = if from.value.is_none() { "undefined on this split" } else { "" };
    Estimate { value: from.value, low: from.low, high: from.high, reason: reason.to_owned() }
}

fn metric_rows(evaluation: &Evaluation, t: usize) -> Vec<MetricRow> {
    let named = |metric: &str| {
        let of = |b: &crate::commands::evaluate::Baseline| NamedEstimate {
            name: b.name.clone(),
            estimate: b.tasks.get(t).and_then(|task| task.metrics.get(metric)).map(estimate).unwrap_or_default(),
        };
        evaluation.baselines.iter().map(of).collect()
    };
    let rows = evaluation.model[t].metrics.iter();
    rows.map(|(name, e)| MetricRow { metric: name.clone(), model: estimate(e), baselines: named(name) }).collect()
}

/// Areas under the curves come from the metrics, so that text and picture agree.
fn attach_areas(entry: &mut TaskPerformance, metrics: &TaskMetrics) {
    let whole = |key: &str| metrics.metrics.get(key).map(estimate).unwrap_or_default();
    let of_class = |class: &str, key: &str| {
        metrics
            .classes
            .iter()
            .find(|c| c.class == class)
            .and_then(|c| c.metrics.get(key))
            .map(estimate)
            .unwrap_or_default()
    };
    if let Some(c) = &mut entry.calibration {
        c.error = whole("calibration_error");
    }
    for (chart, key) in [(&mut entry.roc, "auroc"), (&mut entry.precision_recall, "average_precision")] {
        if let Some(chart) = chart {
            let single = chart.model.len() == 1;
            for curve in &mut chart.model {
                curve.area = if single { whole(key) } else { of_class(&curve.name, key) };
            }
            for curve in &mut chart.baselines {
                curve.area = entry
                    .metrics
                    .iter()
                    .filter(|row| row.metric == key)
                    .flat_map(|row| &row.baselines)
                    .find(|b| b.name == curve.name)
                    .map(|b| b.estimate.clone())
                    .unwrap_or_default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_both_ends() {
        let kept = thinned((0..1000).collect(), 11);
        assert_eq!((kept.len(), kept[0], kept[10]), (11, 0, 999));
        assert_eq!(thinned(vec![1, 2], 11), [1, 2]);
    }

    #[test]
    fn wilson_intervals_stay_within_zero_and_one() {
        // scipy 1.16: binomtest(5, 10).proportion_ci(method='wilson') = 0.2366, 0.7634
        let (low, high) = wilson(0.5, 10);
        assert!((low - 0.2366).abs() < 1e-4 && (high - 0.7634).abs() < 1e-4);
        assert_eq!(wilson(0.0, 5).0, 0.0);
    }
}
