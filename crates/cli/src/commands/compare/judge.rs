//! Predictions of all models for the test split, and what they say about each other.

use super::candidates::{Candidate, How};
use super::trainings::Trainings;
use super::verdict;
use crate::commands::evaluate::batch_of_rows;
use crate::comparison::{Cost, Kind, ModelRecord, Paired, Ranked, TaskComparison};
use crate::resampling::Resampling;
use crate::run_dir::RunDir;
use anyhow::{Context, Result};
use basewise_core::metrics::{self, Panel};
use basewise_core::{Dataset, Matrix, Predict, Split, TaskKind, baseline, probabilities};
use std::time::Instant;

/// What is judged, and how.
pub(super) struct Judge<'a> {
    pub(super) dataset: &'a Dataset,
    /// Rows of the test split.
    pub(super) rows: &'a [usize],
    pub(super) trainings: &'a Trainings<'a>,
    /// Resamples, and what each draws.
    pub(super) bootstrap: usize,
    pub(super) resampling: &'a Resampling,
}

/// What became of the models.
pub(super) struct Judged {
    /// In their order.
    pub(super) models: Vec<ModelRecord>,
    /// One comparison a task.
    pub(super) tasks: Vec<TaskComparison>,
    /// What resamples drew, in words.
    pub(super) resampled: String,
}

/// A model with its predictions: a matrix a repeat.
struct Entrant {
    record: ModelRecord,
    predictions: Vec<Matrix>,
}

impl Judge<'_> {
    /// Predictions of all models, and what they say.
    pub(super) fn compare(&self, candidates: &[Candidate], failures: &[Option<String>]) -> Result<Judged> {
        let entrants = candidates.iter().zip(failures).map(|(candidate, failure)| self.entrant(candidate, failure));
        let entrants = entrants.collect::<Result<Vec<Entrant>>>()?;
        let judged: Vec<&Entrant> = entrants.iter().filter(|entrant| !entrant.predictions.is_empty()).collect();
        let labels: Vec<Vec<f64>> = self.rows.iter().map(|&row| self.dataset.seen_labels(row)).collect();
        let labels: Vec<&[f64]> = labels.iter().map(Vec::as_slice).collect();
        let predictions: Vec<&[Matrix]> = judged.iter().map(|entrant| entrant.predictions.as_slice()).collect();
        let options = self.resampling.options(self.bootstrap, self.trainings.seed);
        let panels = metrics::panels(&self.dataset.tasks, &labels, &predictions, &options);
        // DeLong's test takes examples for independent, as relatives are not.
        let labels = |index| if self.resampling.is_by_group() { None } else { self.binary(index) };
        let task = |(index, panel)| Task { panel, models: &judged, labels: labels(index) }.compare();
        let tasks = panels.iter().enumerate().map(task).collect();
        let models = entrants.into_iter().map(|entrant| entrant.record).collect();
        Ok(Judged { models, tasks, resampled: self.resampling.text() })
    }

    /// Labels of a binary task, and the column of its predictions.
    fn binary(&self, task: usize) -> Option<(Vec<f64>, usize)> {
        let tasks = &self.dataset.tasks;
        let column = tasks[..task].iter().map(basewise_core::Task::outputs).sum();
        let labels = || self.rows.iter().map(|&row| self.dataset.label(row, task)).collect();
        (tasks[task].kind == TaskKind::Binary).then(|| (labels(), column))
    }

    fn entrant(&self, candidate: &Candidate, failure: &Option<String>) -> Result<Entrant> {
        let record = ModelRecord {
            name: candidate.name.clone(),
            kind: candidate.kind,
            runs: Vec::new(),
            settings: candidate.settings().map(ToString::to_string).unwrap_or_default(),
            parameters: None,
            cost: Cost::default(),
            error: failure.clone(),
        };
        if failure.is_some() {
            return Ok(Entrant { record, predictions: Vec::new() });
        }
        match &candidate.how {
            How::Majority => {
                let train = self.dataset.rows_of(Split::Train);
                let predictions = vec![baseline::majority(self.dataset, &train, self.rows)];
                Ok(Entrant { record, predictions })
            }
            How::Run(path) => self.joined(record, &RunDir::new(path)),
            How::Trained(_) => self.trained(record, candidate),
        }
        .with_context(|| candidate.name.clone())
    }

    /// A run that was there before is one model, also if it is an ensemble.
    fn joined(&self, mut record: ModelRecord, run: &RunDir) -> Result<Entrant> {
        let (info, model) = (run.info()?, run.model()?);
        let (predicted, speed) = self.predict(&model)?;
        record.runs = vec![run.path().to_owned()];
        record.parameters = Some(info.parameters);
        record.cost.training_seconds = Some(info.seconds);
        record.cost.sequences_per_second = speed;
        Ok(Entrant { record, predictions: vec![predicted] })
    }

    /// The members of folds count as repeats, as seeds do.
    fn trained(&self, mut record: ModelRecord, candidate: &Candidate) -> Result<Entrant> {
        let (mut predictions, mut seconds, mut speeds) = (Vec::new(), 0.0, Vec::new());
        for training in self.trainings.of(candidate) {
            let run = training.place.run();
            let info = run.info()?;
            for member in run.model()?.members() {
                let (predicted, speed) = self.predict(member)?;
                predictions.push(predicted);
                speeds.extend(speed);
            }
            seconds += info.seconds;
            record.parameters = Some(info.parameters);
            record.cost.peak_memory_bytes = record.cost.peak_memory_bytes.max(training.place.peak_memory());
            record.runs.push(run.path().to_owned());
        }
        let repeats = predictions.len().max(1) as f64;
        record.cost.training_seconds = Some(seconds / repeats);
        record.cost.sequences_per_second = (!speeds.is_empty()).then(|| speeds.iter().sum::<f64>() / repeats);
        Ok(Entrant { record, predictions })
    }

    /// Probabilities or values of the test rows, and how many sequences a second.
    fn predict(&self, model: &dyn Predict) -> Result<(Matrix, Option<f64>)> {
        let pass = || -> Result<Matrix> {
            Ok(model.predict(&batch_of_rows(model, self.dataset, self.rows.iter().copied())?)?)
        };
        let (begun, mut fastest) = (Instant::now(), f64::INFINITY);
        // The first pass on few sequences is mostly about making room.
        let mut scores = loop {
            let start = Instant::now();
            let scores = pass()?;
            fastest = fastest.min(start.elapsed().as_secs_f64());
            if begun.elapsed().as_secs_f64() > LONG_ENOUGH {
                break scores;
            }
        };
        probabilities(model.tasks(), &mut scores);
        Ok((scores, (fastest > 0.0).then(|| self.rows.len() as f64 / fastest)))
    }
}

/// Seconds of prediction from which a speed is known.
const LONG_ENOUGH: f64 = 0.2;

/// The models of one task.
struct Task<'a> {
    panel: &'a Panel,
    models: &'a [&'a Entrant],
    /// Labels and the column of predictions, if they are 0 and 1 and examples are independent.
    labels: Option<(Vec<f64>, usize)>,
}

impl Task<'_> {
    fn compare(&self) -> TaskComparison {
        let counts = self.panel.counts();
        let metrics = figures(&counts.kind);
        let value = |model: usize| self.panel.estimate(model, metrics[0]).value;
        let mut order: Vec<usize> = (0..self.models.len()).collect();
        let score = |model: &usize| value(*model).unwrap_or(f64::NEG_INFINITY);
        order.sort_by(|a, b| score(b).total_cmp(&score(a)).then(a.cmp(b)));
        let best = order.first().copied().filter(|&model| value(model).is_some());
        let is_classical =
            |model: &usize| self.models[*model].record.kind == Kind::Classical && value(*model).is_some();
        let classical = order.iter().copied().find(is_classical);
        let (to_best, to_classical) =
            (self.paired(&order, best, metrics[0]), self.paired(&order, classical, metrics[0]));
        let ranked =
            order.iter().zip(to_best.into_iter().zip(to_classical)).map(|(&model, (best, classical))| Ranked {
                model: self.name(model),
                kind: self.models[model].record.kind,
                metrics: self.panel.metrics(model),
                repeats: Some(self.panel.repeats(model, metrics[0]))
                    .filter(|repeats| repeats.len() > 1)
                    .unwrap_or_default(),
                to_best: best,
                to_best_classical: classical,
            });
        let mut task = TaskComparison {
            task: counts.task.clone(),
            kind: counts.kind.clone(),
            n: counts.n,
            positives: counts.positives,
            metrics: metrics.map(str::to_owned),
            best: best.map(|model| self.name(model)),
            best_classical: classical.map(|model| self.name(model)),
            verdict: String::new(),
            ranking: ranked.collect(),
        };
        task.verdict = verdict::words(&task);
        task
    }

    fn name(&self, model: usize) -> String {
        self.models[model].record.name.clone()
    }

    /// Every model minus one of them, with p-values that are corrected together.
    fn paired(&self, order: &[usize], other: Option<usize>, metric: &str) -> Vec<Option<Paired>> {
        let Some(other) = other else { return vec![None; order.len()] };
        let pair = |&model: &usize| {
            (model != other).then(|| {
                let difference = self.panel.difference(model, other, metric);
                let delong = if metric == "auroc" { self.delong(model, other) } else { None };
                let test = if delong.is_some() { "delong" } else { "bootstrap" };
                Paired {
                    other: self.name(other),
                    estimate: difference.estimate,
                    p: delong.or(difference.p),
                    p_corrected: None,
                    test: test.to_owned(),
                }
            })
        };
        let mut pairs: Vec<Option<Paired>> = order.iter().map(pair).collect();
        let corrected = metrics::holm(&pairs.iter().flatten().map(|pair| pair.p).collect::<Vec<_>>());
        pairs.iter_mut().flatten().zip(corrected).for_each(|(pair, p)| pair.p_corrected = p);
        pairs
    }

    /// The p-value of DeLong's test, for two models that were trained once.
    fn delong(&self, model: usize, other: usize) -> Option<f64> {
        let (labels, column) = self.labels.as_ref()?;
        let scores = |model: usize| match self.models[model].predictions.as_slice() {
            [only] => Some(only.column(*column).map(f64::from).collect::<Vec<f64>>()),
            _ => None,
        };
        metrics::delong(labels, &scores(model)?, &scores(other)?, 0.95)?.p
    }
}

/// The figure that ranks models of a kind of task, and the one beside it.
fn figures(kind: &str) -> [&'static str; 2] {
    match kind {
        "binary" => ["auroc", "average_precision"],
        "classes" => ["accuracy", "mcc"],
        "profile" => ["profile_pearson", "count_pearson"],
        _ => ["pearson", "spearman"],
    }
}
