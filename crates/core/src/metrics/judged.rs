//! The rows of one task that can be judged, and the figures over them.

use super::bootstrap::{BootstrapOptions, Estimate, Units, estimates};
use super::{ClassMetrics, TaskMetrics, binary, classes, is_known, profile, regression};
use crate::{Matrix, Task, TaskKind};
use std::collections::BTreeMap;

/// Rows with a known label of a task.
pub(super) struct Judged<'a> {
    task: &'a Task,
    /// Which rows of all these are.
    rows: Vec<usize>,
    known: Vec<&'a [f64]>,
    /// Row-major `[n, outputs]` of the task.
    predicted: Vec<f64>,
    unknown: usize,
}

/// Figures of a task: names, and their values where each row counts so many times; for classes, the figures of each class
/// follow those that have a name.
pub(super) struct Figures {
    pub(super) names: &'static [&'static str],
    pub(super) values: Values,
}

/// Values where each row counts so many times.
type Values = Box<dyn Fn(&[u32]) -> Vec<Option<f64>> + Sync>;

/// What can be judged of each task; see [`super::evaluate`].
pub(super) fn judged<'a>(tasks: &'a [Task], labels: &[&'a [f64]], predictions: &Matrix) -> Vec<Judged<'a>> {
    assert_eq!(labels.len(), predictions.rows(), "one row of predictions for each row of labels");
    let mut column = 0;
    let mut all = Vec::with_capacity(tasks.len());
    for (task, range) in tasks.iter().zip(crate::dataset::label_ranges(tasks, 0)) {
        let columns = column..column + task.outputs();
        column = columns.end;
        let usable = |row: &usize| labels[*row][range.clone()].iter().any(|&label| is_known(&task.kind, label));
        let rows: Vec<usize> = (0..labels.len()).filter(usable).collect();
        let known: Vec<&[f64]> = rows.iter().map(|&row| &labels[row][range.clone()]).collect();
        let predicted =
            rows.iter().flat_map(|&row| predictions.row(row)[columns.clone()].iter().map(|&p| f64::from(p))).collect();
        all.push(Judged { task, unknown: labels.len() - rows.len(), rows, known, predicted });
    }
    all
}

impl Judged<'_> {
    /// All figures with their intervals.
    pub(super) fn evaluate(self, options: &BootstrapOptions<'_>) -> TaskMetrics {
        let mut result = self.described();
        let (units, finite, figures) = (self.units(options), self.is_finite(), self.figures());
        let (own, each) = (figures.names.len(), classes::CLASS_NAMES.len());
        let estimates = match finite {
            true => estimates(&units, options, &figures.values),
            false => vec![Estimate::default(); own + each * result.classes.len()],
        };
        result.metrics = named(figures.names, &estimates[..own]);
        for (class, estimates) in result.classes.iter_mut().zip(estimates[own..].chunks(each)) {
            class.metrics = named(&classes::CLASS_NAMES, estimates);
        }
        result
    }

    /// These figures minus those of other predictions for the same rows, with intervals of the difference.
    pub(super) fn compare(self, other: Self, options: &BootstrapOptions<'_>) -> TaskMetrics {
        let mut result = self.described();
        result.classes.clear();
        let (units, finite) = (self.units(options), self.is_finite() && other.is_finite());
        let (one, other) = (self.figures(), other.figures());
        let difference = |weights: &[u32]| -> Vec<Option<f64>> {
            let both = (one.values)(weights).into_iter().zip((other.values)(weights));
            both.take(one.names.len()).map(|(a, b)| Some(a? - b?)).collect()
        };
        let estimates = match finite {
            true => estimates(&units, options, difference),
            false => vec![Estimate::default(); one.names.len()],
        };
        result.metrics = named(one.names, &estimates);
        result
    }

    /// What resamples of these rows draw.
    pub(super) fn units(&self, options: &BootstrapOptions<'_>) -> Units {
        Units::new(&self.rows, options)
    }

    pub(super) fn is_finite(&self) -> bool {
        self.predicted.iter().all(|p| p.is_finite())
    }

    /// The first label of each row: the only one, but for profiles.
    fn labels(&self) -> Vec<f64> {
        self.known.iter().map(|labels| labels[0]).collect()
    }

    /// Counts, without figures.
    pub(super) fn described(&self) -> TaskMetrics {
        let count = |class: f64| self.known.iter().filter(|labels| labels[0] == class).count();
        let (positives, classes): (_, &[String]) = match &self.task.kind {
            TaskKind::Binary => (Some(count(1.0)), &[]),
            TaskKind::Classes { classes } => (None, classes),
            TaskKind::Regression | TaskKind::Counts | TaskKind::Profile(_) => (None, &[]),
        };
        let class = |(k, class): (usize, &String)| ClassMetrics {
            class: class.clone(),
            n: count(k as f64),
            metrics: BTreeMap::new(),
        };
        TaskMetrics {
            task: self.task.name.clone(),
            kind: self.task.kind.name().to_owned(),
            n: self.known.len(),
            unknown: self.unknown,
            positives,
            metrics: BTreeMap::new(),
            classes: classes.iter().enumerate().map(class).collect(),
        }
    }

    pub(super) fn figures(self) -> Figures {
        let labels = self.labels();
        match &self.task.kind {
            TaskKind::Binary => {
                let positive = labels.iter().map(|&y| y == 1.0).collect();
                let figures = binary::Binary::new(positive, self.predicted);
                Figures { names: &binary::NAMES, values: Box::new(move |weights| figures.values(weights)) }
            }
            TaskKind::Classes { classes } => {
                let label = labels.iter().map(|&y| y as usize).collect();
                let figures = classes::Classes::new(classes.len(), label, &self.predicted);
                Figures { names: &classes::NAMES, values: Box::new(move |weights| figures.values(weights)) }
            }
            TaskKind::Regression | TaskKind::Counts => {
                let figures = regression::Regression::new(labels, self.predicted);
                Figures { names: &regression::NAMES, values: Box::new(move |weights| figures.values(weights)) }
            }
            TaskKind::Profile(profile) => {
                let figures = profile::Profiles::new(profile, &self.known, &self.predicted);
                Figures { names: &profile::NAMES, values: Box::new(move |weights| figures.values(weights)) }
            }
        }
    }
}

fn named(names: &[&str], estimates: &[Estimate]) -> BTreeMap<String, Estimate> {
    names.iter().map(|name| (*name).to_owned()).zip(estimates.iter().copied()).collect()
}
