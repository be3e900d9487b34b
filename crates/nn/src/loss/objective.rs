//! The losses of all tasks of a data set together.

use super::config::{BinaryLoss, ClassWeights, ClassesLoss, CountsLoss, LossConfig, RegressionLoss, WeightRule};
use super::{LossSums, binary, classes, counts, profile, regression};
use crate::suggest::{hint, nearest};
use basewise_core::{Matrix, Profile, Task, TaskKind, label_ranges};
use std::ops::Range;

/// Labels that a row of scores is held against. A row may have several, such as those of the examples that it was
/// recombined from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target<'a> {
    /// Row of the scores.
    pub row: usize,
    /// The labels of each task in turn, without margins (see [`basewise_core::Example`]); NaN is unknown.
    pub labels: &'a [f64],
    /// How much it counts, 0 or more.
    pub weight: f64,
}

/// One target a row, all of weight 1.
pub fn plain_targets<'a>(labels: &[&'a [f64]]) -> Vec<Target<'a>> {
    labels.iter().enumerate().map(|(row, labels)| Target { row, labels, weight: 1.0 }).collect()
}

/// What training makes small: a loss for each task, with everything settled that depends on the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    tasks: Vec<TaskLoss>,
    task_weights: Vec<f64>,
    outputs: usize,
}

/// The loss of one task, and where its scores and labels stand in their rows.
#[derive(Clone, Debug, PartialEq)]
struct TaskLoss {
    form: Form,
    outputs: Range<usize>,
    labels: Range<usize>,
    smoothing: f64,
    /// Of each class; empty if all weigh 1.
    class_weights: Vec<f64>,
    /// Of a profile.
    profile: Option<Profile>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Bce,
    BinaryFocal { gamma: f64, weights: [f64; 2] },
    CrossEntropy,
    ClassesFocal { gamma: f64 },
    Mse,
    Mae,
    Huber { delta: f64 },
    Poisson,
    NegativeBinomial { dispersion: f64 },
    Profile,
}

impl Objective {
    /// The default loss of each task.
    pub fn usual(tasks: &[Task]) -> Self {
        let config = LossConfig::default();
        let task = |(task, columns): (&Task, _)| TaskLoss::new(task, columns, &config, &[]);
        let parts: Vec<TaskLoss> = tasks.iter().zip(columns(tasks)).map(task).collect();
        Self { task_weights: vec![1.0; parts.len()], outputs: end(&parts), tasks: parts }
    }

    /// The losses that a configuration asks for. `labels` are those of the training split, row by row and one number a
    /// task; they are looked at only if [`LossConfig::needs_labels`].
    ///
    /// # Errors
    /// In words: class weights that are not as many as the classes, a class to be balanced that no training label has, or
    /// a weight for a task that there is not.
    pub fn new(tasks: &[Task], config: &LossConfig, labels: &[f64]) -> Result<Self, String> {
        let names: Vec<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
        if let Some(name) = config.task_weights.keys().find(|name| !names.contains(&name.as_str())) {
            let (near, all) = (hint(&nearest(name, &names)), names.join(", "));
            return Err(format!("task_weights: expected a task of the data set ({all}), found {name:?}{near}"));
        }
        let mut parts = Vec::with_capacity(tasks.len());
        for (t, (task, columns)) in tasks.iter().zip(columns(tasks)).enumerate() {
            let known: Vec<f64> =
                labels.chunks_exact(tasks.len().max(1)).map(|row| row[t]).filter(|label| !label.is_nan()).collect();
            let class_weights = class_weights(task, &config.class_weights, &known)?;
            parts.push(TaskLoss { class_weights, ..TaskLoss::new(task, columns, config, &known) });
        }
        let weight = |task: &Task| config.task_weights.get(&task.name).copied().unwrap_or(1.0);
        Ok(Self { task_weights: tasks.iter().map(weight).collect(), outputs: end(&parts), tasks: parts })
    }

    /// Sums of no examples.
    pub fn no_sums(&self) -> LossSums {
        LossSums::new(self.task_weights.clone())
    }

    /// The loss of raw scores `[n, outputs]`.
    pub fn loss(&self, scores: &Matrix, targets: &[Target<'_>]) -> LossSums {
        self.walk(scores, targets, |_, _, _| {})
    }

    /// The loss, and its gradient with respect to each score, `[n, outputs]`, 0 where no label is known: that of
    /// [`LossSums::mean`], or, where the targets are a part of a step whose known labels weigh `totals`, the part's share
    /// of the gradient of the whole step's mean.
    pub fn loss_and_gradient(
        &self,
        scores: &Matrix,
        targets: &[Target<'_>],
        totals: Option<&[f64]>,
    ) -> (LossSums, Vec<f32>) {
        let own = self.weights(targets);
        let factors = LossSums::factors(totals.unwrap_or(&own), &self.task_weights);
        let mut gradient = vec![0.0f64; scores.rows() * scores.columns()];
        let sums = self.walk(scores, targets, |task, at, slope| gradient[at] += slope * factors[task]);
        (sums, gradient.into_iter().map(|slope| slope as f32).collect())
    }

    /// The summed weight of the known labels of each task.
    pub fn weights(&self, targets: &[Target<'_>]) -> Vec<f64> {
        let mut weights = vec![0.0; self.tasks.len()];
        for target in targets {
            for (task, weight) in self.tasks.iter().zip(&mut weights) {
                *weight += target.weight * task.weight(&target.labels[task.labels.clone()]);
            }
        }
        weights
    }

    /// Visits every known label; `visit(task, index of the score, slope of the weighted sum)`.
    fn walk(&self, scores: &Matrix, targets: &[Target<'_>], mut visit: impl FnMut(usize, usize, f64)) -> LossSums {
        debug_assert_eq!(scores.columns(), self.outputs, "one column an output");
        let mut total = self.no_sums();
        for target in targets {
            let (row, start) = (scores.row(target.row), target.row * scores.columns());
            for (t, task) in self.tasks.iter().enumerate() {
                let labels = &target.labels[task.labels.clone()];
                let weight = target.weight * task.weight(labels);
                if weight == 0.0 {
                    continue;
                }
                let first = start + task.outputs.start;
                let own = &row[task.outputs.clone()];
                let value = task.one(own, labels, |output, slope| visit(t, first + output, weight * slope));
                total.sums[t] += weight * value;
                total.weights[t] += weight;
            }
        }
        total
    }
}

/// Where the outputs and the labels of each task stand.
fn columns(tasks: &[Task]) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    tasks.iter().zip(label_ranges(tasks, 0)).scan(0, |column, (task, labels)| {
        let first = *column;
        *column += task.outputs();
        Some((first..*column, labels))
    })
}

fn end(parts: &[TaskLoss]) -> usize {
    parts.last().map_or(0, |part| part.outputs.end)
}

/// The weight of each class of a task; none if all weigh 1 or it has no classes.
fn class_weights(task: &Task, weights: &ClassWeights, known: &[f64]) -> Result<Vec<f64>, String> {
    let classes = match &task.kind {
        TaskKind::Binary => vec!["0".to_owned(), "1".to_owned()],
        TaskKind::Classes { classes } => classes.clone(),
        TaskKind::Regression | TaskKind::Counts | TaskKind::Profile(_) => return Ok(Vec::new()),
    };
    match weights {
        ClassWeights::Rule(WeightRule::Equal) => Ok(Vec::new()),
        ClassWeights::Given(given) if given.len() == classes.len() => Ok(given.clone()),
        ClassWeights::Given(given) => Err(format!(
            "class_weights: expected {} numbers for task {:?} ({}), found {}",
            classes.len(),
            task.name,
            classes.join(", "),
            given.len()
        )),
        ClassWeights::Rule(WeightRule::Balanced) => {
            let weight = |(class, name): (usize, &String)| {
                let count = known.iter().filter(|&&label| label == class as f64).count();
                let even = known.len() as f64 / classes.len() as f64;
                (count > 0).then(|| even / count as f64).ok_or_else(|| {
                    let task = &task.name;
                    format!("class_weights: cannot balance task {task:?}: no training example is of class {name:?}")
                })
            };
            classes.iter().enumerate().map(weight).collect()
        }
    }
}

impl TaskLoss {
    /// Without class weights; `known` are the training labels, where they are needed.
    fn new(task: &Task, (outputs, labels): (Range<usize>, Range<usize>), config: &LossConfig, known: &[f64]) -> Self {
        let gamma = config.focal_gamma;
        let form = match (&task.kind, config.binary, config.classes, config.regression, config.counts) {
            (TaskKind::Binary, BinaryLoss::Bce, ..) => Form::Bce,
            (TaskKind::Binary, BinaryLoss::Focal, ..) => {
                let weights = config.focal_alpha.map_or([1.0; 2], |alpha| [1.0 - alpha, alpha]);
                Form::BinaryFocal { gamma, weights }
            }
            (TaskKind::Classes { .. }, _, ClassesLoss::CrossEntropy, ..) => Form::CrossEntropy,
            (TaskKind::Classes { .. }, _, ClassesLoss::Focal, ..) => Form::ClassesFocal { gamma },
            (TaskKind::Regression, .., RegressionLoss::Mse, _) => Form::Mse,
            (TaskKind::Regression, .., RegressionLoss::Mae, _) => Form::Mae,
            (TaskKind::Regression, .., RegressionLoss::Huber, _) => Form::Huber { delta: config.huber_delta },
            (TaskKind::Counts, .., CountsLoss::Poisson) => Form::Poisson,
            (TaskKind::Counts, .., CountsLoss::NegativeBinomial) => {
                Form::NegativeBinomial { dispersion: config.dispersion.unwrap_or_else(|| counts::dispersion(known)) }
            }
            (TaskKind::Profile(_), ..) => Form::Profile,
        };
        let profile = if let TaskKind::Profile(profile) = &task.kind { Some(profile.clone()) } else { None };
        Self { form, outputs, labels, smoothing: config.label_smoothing, class_weights: Vec::new(), profile }
    }

    /// The weight of an example's labels in this task; 0 if they are unknown. Each known track of a profile weighs 1.
    fn weight(&self, labels: &[f64]) -> f64 {
        if let Some(profile) = &self.profile {
            return profile::known(profile, labels) as f64;
        }
        match labels[0] {
            label if label.is_nan() => 0.0,
            label => self.class_weights.get(label as usize).copied().unwrap_or(1.0),
        }
    }

    /// The unweighted loss of known labels; `slope(output, value)`.
    fn one(&self, scores: &[f32], labels: &[f64], mut slope: impl FnMut(usize, f64)) -> f64 {
        if let Some(profile) = &self.profile {
            let tracks = profile::known(profile, labels) as f64;
            return profile::loss(profile, scores, labels, |output, value| slope(output, value / tracks)) / tracks;
        }
        let (z, y) = (f64::from(scores[0]), labels[0]);
        let smooth = |share: f64, classes: usize| share * (1.0 - self.smoothing) + self.smoothing / classes as f64;
        let shares = || -> Vec<f64> {
            let share = |class| smooth(f64::from(u8::from(class == y as usize)), scores.len());
            (0..scores.len()).map(share).collect()
        };
        let (value, own) = match self.form {
            Form::CrossEntropy => return classes::cross_entropy(scores, &shares(), slope),
            Form::ClassesFocal { gamma } => return classes::focal(scores, &shares(), gamma, slope),
            Form::Bce => binary::bce(z, smooth(y, 2)),
            Form::BinaryFocal { gamma, weights } => binary::focal(z, smooth(y, 2), gamma, weights),
            Form::Mse | Form::Profile => regression::mse(z - y),
            Form::Mae => regression::mae(z - y),
            Form::Huber { delta } => regression::huber(z - y, delta),
            Form::Poisson => counts::poisson(z, y),
            Form::NegativeBinomial { dispersion } => counts::negative_binomial(z, y, dispersion),
        };
        slope(0, own);
        value
    }
}
