//! Fitting: a data set's rows become features, and each task gets its model.

use super::{ClassWeighting, ClassicalConfig, ClassicalError, ClassicalModel, Fitted, Kind, among, raw_scores};
use crate::Features;
use crate::extract::{Block, Extractor, Sources};
use crate::linear::{self, Family, FitOptions, Outcome, Penalty, Target};
use crate::tree::{BoostingOptions, Criterion, Examples, FeaturesPerSplit, ForestOptions, Loss, TreeOptions};
use basewise_core::{Dataset, SequenceBatch, Split, Task, TaskKind};
use basewise_motif::Motif;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Along a path of penalties more digits are not worth their time: predictions no longer change.
const PATH_TOLERANCE: f64 = 1e-5;

/// A round of boosting or a penalty of a path, and its losses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The round, from 1, or the strength `lambda` of the penalty.
    pub at: f64,
    /// Mean loss on the training rows.
    pub train_loss: f64,
    /// Mean loss on the validation rows, if there are any.
    pub valid_loss: Option<f64>,
}

/// How the fit of one task went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskFit {
    /// Name of the task.
    pub task: String,
    /// What was fitted, in a line.
    pub summary: String,
    /// What was tried, in order; empty where there is no path.
    pub steps: Vec<Step>,
    /// The 0-based step that was kept.
    pub best: Option<usize>,
    /// Whether the fit reached its minimum; trees always do.
    pub converged: bool,
    /// Classes without a training row of a weight above 0: the model gives them next to no probability.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
    /// Mean loss of the model on the training rows, with their weights: nats for classes, half the squared error for
    /// numbers, the Poisson loss without the label's own term for counts.
    pub train_loss: f64,
    /// The same on the validation rows, if there are any with a label.
    pub valid_loss: Option<f64>,
}

/// A model and how it came about.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model.
    pub model: ClassicalModel,
    /// One a task.
    pub fits: Vec<TaskFit>,
    /// Number of features.
    pub features: usize,
}

/// Fits a model on the rows `train` of a data set. The rows `valid` choose the penalty of linear models and the rounds of
/// boosting; without any, `C = 1` and all rounds are taken. `motifs` are those that the features name, by their source.
///
/// Weights of examples count relative to each other: they are divided by their mean over the rows with a label, so that `C`, the
/// penalties of trees and boosting mean the same whatever their scale.
///
/// A class without a training row is left out of the fit; the model gives it a probability of 1e-9 beside the others.
///
/// # Errors
/// If a setting is out of its range, there is no row to fit on, fewer than two classes of a task have a training row, or
/// features cannot be had.
pub fn fit(
    dataset: &Dataset,
    train: &[usize],
    valid: &[usize],
    config: &ClassicalConfig,
    motifs: BTreeMap<String, Vec<Motif>>,
) -> Result<Trained, ClassicalError> {
    let config = config.clone().resolved();
    config.fault().map_or(Ok(()), |fault| Err(ClassicalError::Setting(fault)))?;
    if train.is_empty() {
        return Err(ClassicalError::EmptySplit(Split::Train));
    }
    check_tasks(&dataset.tasks, config.model)?;
    let uses_covariates = config.features.blocks.contains(&Block::Covariates);
    let covariates = if uses_covariates { dataset.covariates.clone() } else { Vec::new() };
    let sources = Sources { motifs, covariates };
    let batch = batch(dataset, train, &sources)?;
    let extractor = Extractor::fit(&config.features, &batch, &sources)?;
    let names = extractor.names();
    if names.is_empty() {
        return Err(ClassicalError::Setting(format!(
            "{}: expected at least one feature, found none in the training sequences",
            config.features
        )));
    }
    let features = extractor.transform(&batch)?;
    let valid_features = extractor.transform(&self::batch(dataset, valid, &sources)?)?;
    let mut fits = Vec::with_capacity(dataset.tasks.len());
    let mut fitted = Vec::with_capacity(dataset.tasks.len());
    let mut seen = Vec::with_capacity(dataset.tasks.len());
    for (index, task) in dataset.tasks.iter().enumerate() {
        let mut train = Side::new(dataset, train, index, &features, &config);
        let mut valid = Side::new(dataset, valid, index, &valid_features, &config);
        let classes = train.classes(task)?;
        train.keep(task, &classes);
        valid.keep(task, &classes);
        let own = among(task, &classes);
        let job = Job { config: &config, task: &own, train, valid };
        let (model, mut fit) = if config.model.is_linear() { job.linear()? } else { job.trees()? };
        fit.train_loss = job.loss(&model, &job.train)?.unwrap_or(f64::NAN);
        fit.valid_loss = job.loss(&model, &job.valid)?;
        fit.unseen = unseen(task, &classes);
        seen.push(classes);
        fitted.push(model);
        fits.push(fit);
    }
    let model = ClassicalModel {
        format_version: 1,
        kind: config.model,
        tasks: dataset.tasks.clone(),
        covariates: sources.covariates,
        extractor,
        fitted,
        seen: if fits.iter().all(|fit| fit.unseen.is_empty()) { Vec::new() } else { seen },
    };
    Ok(Trained { model, fits, features: names.len() })
}

/// Refuses what the kind does not predict.
///
/// # Errors
/// The first task of a kind that the model does not have.
pub fn check_tasks(tasks: &[Task], kind: Kind) -> Result<(), ClassicalError> {
    for task in tasks {
        let (what, hint) = match (&task.kind, kind) {
            (TaskKind::Profile(_), _) => ("a profile", "train a network, such as --model bpnet"),
            (TaskKind::Regression | TaskKind::Counts, Kind::Logistic) => ("a number", "use --model linear"),
            (TaskKind::Binary | TaskKind::Classes { .. }, Kind::Linear) => ("a class", "use --model logistic"),
            _ => continue,
        };
        return Err(ClassicalError::Setting(format!(
            "task {:?}: {kind} does not predict {what}\nhint: {hint}",
            task.name
        )));
    }
    Ok(())
}

/// The windows of rows, as networks see them, with the covariates that features use.
fn batch(dataset: &Dataset, rows: &[usize], sources: &Sources) -> Result<SequenceBatch, ClassicalError> {
    let mut batch = SequenceBatch::new(dataset.encoding, dataset.length);
    for &row in rows {
        let example = &dataset.examples[row];
        let codes = dataset.encoding.encode(&example.sequence);
        let codes =
            codes.map_err(|error| ClassicalError::Example { id: example.id.clone(), message: error.to_string() })?;
        batch.push_codes(&codes);
        batch.push_covariates(&sources.covariates, example.covariates.iter().copied());
    }
    Ok(batch)
}

/// Names of a task's classes that are not among these.
fn unseen(task: &Task, classes: &[usize]) -> Vec<String> {
    let TaskKind::Classes { classes: names } = &task.kind else { return Vec::new() };
    let missing = names.iter().enumerate().filter(|(class, _)| !classes.contains(class));
    missing.map(|(_, name)| name.clone()).collect()
}

/// Features, labels and weights of rows.
struct Side<'a> {
    features: &'a Features,
    /// NaN where unknown.
    labels: Vec<f64>,
    weights: Vec<f64>,
}

impl<'a> Side<'a> {
    fn new(dataset: &Dataset, rows: &[usize], task: usize, features: &'a Features, config: &ClassicalConfig) -> Self {
        let labels: Vec<f64> = rows.iter().map(|&row| dataset.label(row, task)).collect();
        let mut weights: Vec<f64> = rows.iter().map(|&row| dataset.examples[row].weight).collect();
        let mean = mean_weight(&labels, &weights);
        weights.iter_mut().for_each(|weight| *weight /= mean);
        if config.class_weights == ClassWeighting::Balanced && !dataset.tasks[task].kind.is_number() {
            let balanced = linear::balanced_weights(&labels);
            weights.iter_mut().zip(balanced).for_each(|(weight, factor)| *weight *= factor);
        }
        Self { features, labels, weights }
    }

    /// The numbers of a task's classes that have a row; empty for numbers.
    fn classes(&self, task: &Task) -> Result<Vec<usize>, ClassicalError> {
        let names = match &task.kind {
            TaskKind::Binary => &["0".to_owned(), "1".to_owned()][..],
            TaskKind::Classes { classes } => classes,
            _ => return Ok(Vec::new()),
        };
        let has_row = |class: &usize| {
            self.labels.iter().zip(&self.weights).any(|(&label, &weight)| label == *class as f64 && weight > 0.0)
        };
        let seen: Vec<usize> = (0..names.len()).filter(has_row).collect();
        let missing = names.iter().enumerate().find(|(class, _)| !seen.contains(class));
        match missing {
            Some((_, class)) if seen.len() < 2 => {
                Err(ClassicalError::EmptyClass { task: task.name.clone(), class: class.clone() })
            }
            _ => Ok(seen),
        }
    }

    /// Numbers the classes anew, in the order of those that are kept; other labels become unknown.
    fn keep(&mut self, task: &Task, classes: &[usize]) {
        if matches!(task.kind, TaskKind::Classes { .. }) {
            for label in &mut self.labels {
                let own = classes.iter().position(|&class| class as f64 == *label);
                *label = own.map_or(f64::NAN, |own| own as f64);
            }
        }
    }

    fn has_known(&self) -> bool {
        self.labels.iter().zip(&self.weights).any(|(label, &weight)| !label.is_nan() && weight > 0.0)
    }

    fn target(&self, family: Family) -> Target<'_> {
        Target { family, labels: &self.labels, weights: Some(&self.weights) }
    }

    fn examples(&self) -> Examples<'_> {
        Examples { features: self.features, labels: &self.labels, weights: Some(&self.weights) }
    }

    /// Sum of the weights of rows with a label.
    fn total(&self) -> f64 {
        let known = self.labels.iter().zip(&self.weights).filter(|(label, _)| !label.is_nan());
        known.map(|(_, weight)| weight).sum()
    }
}

/// The mean weight of rows with a label; 1 where that is no number above 0.
fn mean_weight(labels: &[f64], weights: &[f64]) -> f64 {
    let known: Vec<f64> = labels.iter().zip(weights).filter(|(label, _)| !label.is_nan()).map(|(_, &w)| w).collect();
    let largest = known.iter().copied().fold(0.0, f64::max);
    // Shares of the largest one, whose sum cannot overflow.
    let mean = largest * (known.iter().map(|weight| weight / largest).sum::<f64>() / known.len() as f64);
    if mean.is_finite() && mean > 0.0 { mean } else { 1.0 }
}

/// The fit of one task.
struct Job<'a> {
    config: &'a ClassicalConfig,
    task: &'a Task,
    train: Side<'a>,
    valid: Side<'a>,
}

impl Job<'_> {
    fn family(&self) -> Family {
        match &self.task.kind {
            TaskKind::Binary => Family::Logistic,
            TaskKind::Classes { classes } => Family::Multinomial { classes: classes.len() },
            TaskKind::Counts => Family::Poisson,
            _ => Family::Squared,
        }
    }

    /// Mean loss on rows with a label.
    fn loss(&self, model: &Fitted, side: &Side<'_>) -> Result<Option<f64>, ClassicalError> {
        if !side.has_known() {
            return Ok(None);
        }
        let family = self.family();
        let scores = raw_scores(self.task, model, side.features)?;
        let mut mean = vec![0.0; family.outputs()];
        let (mut sum, mut total) = (0.0, 0.0);
        let rows = scores.chunks_exact(family.outputs()).zip(&side.labels).zip(&side.weights);
        for ((scores, &label), &weight) in rows.filter(|((_, label), weight)| !label.is_nan() && **weight > 0.0) {
            sum += weight * family.loss(scores, label, &mut mean);
            total += weight;
        }
        Ok(Some(sum / total))
    }

    /// What is known before losses are.
    fn record(&self, summary: String, steps: Vec<Step>, best: Option<usize>, converged: bool) -> TaskFit {
        let task = self.task.name.clone();
        let unseen = Vec::new();
        TaskFit { task, summary, steps, best, converged, unseen, train_loss: f64::NAN, valid_loss: None }
    }

    fn linear(&self) -> Result<(Fitted, TaskFit), ClassicalError> {
        let family = self.family();
        let l1_ratio = self.config.l1_ratio.unwrap_or(0.0);
        let options = FitOptions { standardize: self.config.standardize.unwrap_or(false), ..FitOptions::default() };
        let wrong = |error| ClassicalError::Linear { task: self.task.name.clone(), error };
        let target = self.train.target(family);
        let given = match (self.config.lambda, self.config.c) {
            (Some(lambda), _) => Some(lambda),
            (None, Some(c)) => Some(Penalty::from_c(c, self.train.total(), 0.0).lambda),
            (None, None) if !self.valid.has_known() => Some(Penalty::from_c(1.0, self.train.total(), 0.0).lambda),
            (None, None) => None,
        };
        let (model, steps, best) = if let Some(lambda) = given {
            let penalty = Penalty { lambda, l1_ratio };
            (linear::fit(self.train.features, &target, penalty, &options).map_err(wrong)?, Vec::new(), None)
        } else {
            let options = FitOptions { tolerance: PATH_TOLERANCE, ..options };
            let judge = self.valid.target(family);
            let found =
                linear::validated_path(self.train.features, &target, (self.valid.features, &judge), l1_ratio, &options);
            let found = found.map_err(wrong)?;
            let step =
                |s: &linear::PathStep| Step { at: s.lambda, train_loss: s.training, valid_loss: Some(s.validation) };
            (found.model, found.steps.iter().map(step).collect(), Some(found.best))
        };
        let fit = model.fit();
        let summary = format!(
            "{} of {} coefficients are not 0; lambda {:.3e} (C {:.3}){}",
            model.nonzero(),
            model.features().len() * family.outputs(),
            fit.penalty.lambda,
            1.0 / (fit.penalty.lambda * self.train.total()),
            if best.is_some() { ", chosen on the validation split" } else { "" }
        );
        let converged = fit.outcome != Outcome::Unfinished;
        Ok((Fitted::Linear(model), self.record(summary, steps, best, converged)))
    }

    fn trees(&self) -> Result<(Fitted, TaskFit), ClassicalError> {
        let config = self.config;
        let wrong = |error| ClassicalError::Trees { task: self.task.name.clone(), error };
        let (mut steps, mut best) = (Vec::new(), None);
        let model = match config.model {
            Kind::Gbdt => {
                let (options, validates) = self.boosting();
                let valid = self.valid.examples();
                let boosted = options.fit(&self.train.examples(), validates.then_some(&valid)).map_err(wrong)?;
                let losses = boosted.training.iter().enumerate();
                let step = |(round, &train_loss): (usize, &f64)| Step {
                    at: (round + 1) as f64,
                    train_loss,
                    valid_loss: boosted.validation.get(round).copied(),
                };
                (steps, best) = (losses.map(step).collect(), boosted.rounds.checked_sub(1));
                boosted.model
            }
            Kind::Forest => self.forest().fit(&self.train.examples()).map_err(wrong)?,
            _ => self.tree_options().fit(&self.train.examples()).map_err(wrong)?,
        };
        let leaves: usize = model.trees().iter().map(crate::tree::Tree::leaves).sum();
        let summary = format!(
            "{} with {leaves} leaves asking for {} of {} features",
            if model.trees().len() == 1 { "one tree".to_owned() } else { format!("{} trees", model.trees().len()) },
            model.used_features().len(),
            model.features().len()
        );
        Ok((Fitted::Trees(model), self.record(summary, steps, best, true)))
    }

    fn criterion(&self) -> Criterion {
        match &self.task.kind {
            TaskKind::Binary => Criterion::Gini { classes: 2 },
            TaskKind::Classes { classes } => Criterion::Gini { classes: classes.len() },
            TaskKind::Counts => Criterion::Poisson,
            _ => Criterion::Squared,
        }
    }

    fn tree_options(&self) -> TreeOptions {
        let usual = TreeOptions::new(self.criterion());
        TreeOptions {
            max_depth: self.config.max_depth.filter(|&depth| depth > 0),
            min_leaf: self.config.min_leaf.unwrap_or(usual.min_leaf),
            ..usual
        }
    }

    fn forest(&self) -> ForestOptions {
        let usual = ForestOptions::new(self.criterion());
        let config = self.config;
        ForestOptions {
            tree: self.tree_options(),
            trees: config.trees.unwrap_or(usual.trees),
            features_per_split: match config.features_per_split {
                None | Some(0) => usual.features_per_split,
                Some(count) => FeaturesPerSplit::Count(count),
            },
            bins: config.bins.unwrap_or(usual.bins),
            seed: config.seed,
            ..usual
        }
    }

    /// Options, and whether validation examples end the rounds.
    fn boosting(&self) -> (BoostingOptions, bool) {
        let usual = BoostingOptions::new(match &self.task.kind {
            TaskKind::Binary => Loss::Logistic,
            TaskKind::Classes { classes } => Loss::Softmax { classes: classes.len() },
            TaskKind::Counts => Loss::Poisson,
            _ => Loss::Squared,
        });
        let config = self.config;
        let validates = self.valid.has_known();
        let options = BoostingOptions {
            rounds: config.rounds.unwrap_or(usual.rounds),
            learning_rate: config.learning_rate.unwrap_or(usual.learning_rate),
            leaves: config.leaves.unwrap_or(usual.leaves),
            max_depth: config.max_depth.filter(|&depth| depth > 0),
            min_leaf: config.min_leaf.unwrap_or(usual.min_leaf),
            l2: config.l2.unwrap_or(usual.l2),
            row_fraction: config.row_fraction.unwrap_or(usual.row_fraction),
            column_fraction: config.column_fraction.unwrap_or(usual.column_fraction),
            bins: config.bins.unwrap_or(usual.bins),
            patience: config.patience.filter(|&patience| patience > 0 && validates),
            seed: config.seed,
            ..usual
        };
        (options, validates)
    }
}
