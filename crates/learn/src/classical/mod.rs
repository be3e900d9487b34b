//! A classical model from sequences to predictions: features, and for each task a linear model or trees on them.
//!
//! [`ClassicalModel`] is fitted on rows of a data set and is a [`Predict`] like a network, so that whatever evaluates,
//! explains or averages a network does so with it.

mod config;
mod fit;
#[cfg(test)]
mod tests;

pub use config::{ClassWeighting, ClassicalConfig, Kind};
pub use fit::{Step, TaskFit, Trained, check_tasks, fit};

use crate::Features;
use crate::extract::{ExtractError, Extractor};
use crate::linear::{LinearError, LinearModel};
use crate::tree::{Link, TreeEnsemble, TreeError};
use basewise_core::{
    Covariate, Encoding, Matrix, Predict, PredictError, SequenceBatch, Split, Task, TaskKind, covariates_fault,
};
use serde::{Deserialize, Serialize};

/// Why there is no model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ClassicalError {
    /// A setting is out of range or does not fit the data set.
    #[error("{0}")]
    Setting(String),
    /// There is nothing to fit on.
    #[error("the {0} split is empty\nhint: give some examples that split when the data set is made")]
    EmptySplit(Split),
    /// A sequence that cannot be read.
    #[error("example {id:?}: {message}")]
    Example {
        /// Its name.
        id: String,
        /// What is wrong.
        message: String,
    },
    /// Fewer than two classes that training sees.
    #[error(
        "task {task:?}: expected training examples of two classes or more, found none of {class:?}\nhint: give it some, or leave the task out of the data set"
    )]
    EmptyClass {
        /// Name of the task.
        task: String,
        /// Name of the first class without any.
        class: String,
    },
    /// Features cannot be had.
    #[error(transparent)]
    Features(#[from] ExtractError),
    /// A linear model cannot be fitted.
    #[error("task {task:?}: {error}")]
    Linear {
        /// Name of the task.
        task: String,
        /// Why not.
        error: LinearError,
    },
    /// Trees cannot be grown.
    #[error("task {task:?}: {error}")]
    Trees {
        /// Name of the task.
        task: String,
        /// Why not.
        error: TreeError,
    },
    /// A file that is no model.
    #[error("expected a classical model written by basewise: {0}")]
    File(String),
}

/// What was fitted for one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fitted {
    /// A weighted sum of features.
    Linear(LinearModel),
    /// One tree or more.
    Trees(TreeEnsemble),
}

/// Features and one fitted model a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassicalModel {
    format_version: u32,
    kind: Kind,
    tasks: Vec<Task>,
    /// The covariates that batches carry for it: those of the data set if features use them, else none.
    covariates: Vec<Covariate>,
    extractor: Extractor,
    fitted: Vec<Fitted>,
    /// For each task the numbers of its classes that training saw, in the order of the fit's; empty where it saw all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seen: Vec<Vec<usize>>,
}

/// Rows whose features are held at once by [`Predict::predict`].
const ROWS: usize = 4096;

impl ClassicalModel {
    /// The kind of model.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What makes features of sequences.
    #[must_use]
    pub fn extractor(&self) -> &Extractor {
        &self.extractor
    }

    /// What was fitted, one a task.
    #[must_use]
    pub fn fitted(&self) -> &[Fitted] {
        &self.fitted
    }

    /// The classes of a task among which its fit chooses, as they are called: without those that no training row had. Empty
    /// for numbers and for 0 and 1.
    ///
    /// # Panics
    /// If there is no such task.
    #[must_use]
    pub fn fitted_classes(&self, task: usize) -> Vec<String> {
        match self.own_task(task).kind {
            TaskKind::Classes { classes } => classes,
            _ => Vec::new(),
        }
    }

    /// The task as its fit sees it.
    fn own_task(&self, task: usize) -> Task {
        match self.seen.get(task) {
            Some(seen) => among(&self.tasks[task], seen),
            None => self.tasks[task].clone(),
        }
    }

    /// Numbers that were fitted: coefficients that are not 0 and intercepts, or values of leaves and thresholds.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let of = |fitted: &Fitted| match fitted {
            Fitted::Linear(model) => model.nonzero() + model.intercepts().len(),
            Fitted::Trees(model) => {
                let tree = |tree: &crate::tree::Tree| tree.leaves() * tree.outputs() + tree.leaves() - 1;
                model.trees().iter().map(tree).sum::<usize>() + model.outputs()
            }
        };
        self.fitted.iter().map(of).sum()
    }

    /// The model as JSON.
    ///
    /// # Errors
    /// If a number cannot be written.
    pub fn to_json(&self) -> Result<Vec<u8>, ClassicalError> {
        serde_json::to_vec(self).map_err(|error| ClassicalError::File(error.to_string()))
    }

    /// Reads what [`ClassicalModel::to_json`] wrote.
    ///
    /// # Errors
    /// If it is no such model, or its parts contradict each other.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ClassicalError> {
        let model: Self = serde_json::from_slice(bytes).map_err(|error| ClassicalError::File(error.to_string()))?;
        match model.fault() {
            Some(fault) => Err(ClassicalError::File(fault)),
            None => Ok(model),
        }
    }

    /// Which parts do not go together, if any.
    fn fault(&self) -> Option<String> {
        if self.format_version != 1 {
            return Some(format!("format version {} is not known to this version of the program", self.format_version));
        }
        if let Some(fault) = covariates_fault(&self.covariates) {
            return Some(fault);
        }
        if self.tasks.len() != self.fitted.len() {
            return Some(format!("{} tasks and {} fitted models", self.tasks.len(), self.fitted.len()));
        }
        let ascends = |(seen, task): (&Vec<usize>, &Task)| {
            seen.is_sorted_by(|a, b| a < b) && seen.iter().all(|&class| class < task.outputs().max(2))
        };
        if !(self.seen.is_empty()
            || self.seen.len() == self.tasks.len() && self.seen.iter().zip(&self.tasks).all(ascends))
        {
            return Some("classes that training saw are not those of the tasks".into());
        }
        let names = self.extractor.names();
        let odd = self.tasks.iter().zip(&self.fitted).enumerate().find(|(number, (_, fitted))| {
            let (own, outputs) = match fitted {
                Fitted::Linear(model) => (model.features(), model.intercepts().len()),
                Fitted::Trees(model) => (model.features(), model.outputs()),
            };
            let expected = self.own_task(*number).outputs();
            own != names || !(outputs == expected || (expected == 2 && outputs == 1))
        });
        odd.map(|(_, (task, _))| format!("task {:?}: its model is on other features or has other outputs", task.name))
    }

    /// Raw scores of rows of features, `[rows, outputs]`.
    ///
    /// # Errors
    /// If the features are not those of the extractor.
    pub fn scores(&self, features: &Features) -> Result<Matrix, ClassicalError> {
        let outputs = self.tasks.iter().map(Task::outputs).sum();
        let mut scores = Matrix::new(features.rows(), outputs, vec![0.0; features.rows() * outputs]);
        let mut first = 0;
        for (number, (task, fitted)) in self.tasks.iter().zip(&self.fitted).enumerate() {
            let (own, fit) = (task.outputs(), self.own_task(number));
            let mut values = raw_scores(&fit, fitted, features)?;
            if own != fit.outputs() {
                values = with_unseen(&values, &self.seen[number], own);
            }
            for (row, values) in values.chunks_exact(own).enumerate() {
                scores.row_mut(row)[first..first + own].iter_mut().zip(values).for_each(|(s, v)| *s = *v as f32);
            }
            first += own;
        }
        Ok(scores)
    }
}

/// Raw scores of one task: logits, values, or logarithms of counts.
fn raw_scores(task: &Task, fitted: &Fitted, features: &Features) -> Result<Vec<f64>, ClassicalError> {
    let name = || task.name.clone();
    let trees = match fitted {
        Fitted::Linear(model) => {
            return model.scores(features).map_err(|error| ClassicalError::Linear { task: name(), error });
        }
        Fitted::Trees(trees) => trees,
    };
    let raw = trees.raw(features).map_err(|error| ClassicalError::Trees { task: name(), error })?;
    Ok(match (&task.kind, trees.link()) {
        (TaskKind::Binary, Link::Identity) => raw.into_iter().map(logit).collect(),
        (TaskKind::Classes { classes }, Link::Identity) if classes.len() == 2 => {
            raw.into_iter().flat_map(|p| [1.0 - p, p].map(log)).collect()
        }
        (TaskKind::Classes { .. } | TaskKind::Counts, Link::Identity) => raw.into_iter().map(log).collect(),
        (TaskKind::Classes { classes }, Link::Logistic) if classes.len() == 2 => {
            raw.into_iter().flat_map(|s| [0.0, s]).collect()
        }
        _ => raw,
    })
}

/// A task with these of its classes; another task as it is.
fn among(task: &Task, seen: &[usize]) -> Task {
    let mut own = task.clone();
    if let TaskKind::Classes { classes } = &mut own.kind {
        *classes = seen.iter().filter_map(|&class| classes.get(class).cloned()).collect();
    }
    own
}

/// Logits of all classes from those of the classes that training saw; each other one gets a probability of [`LEAST`].
fn with_unseen(values: &[f64], seen: &[usize], classes: usize) -> Vec<f64> {
    let mut all = Vec::with_capacity(values.len() / seen.len() * classes);
    for row in values.chunks_exact(seen.len()) {
        let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum = top + row.iter().map(|score| (score - top).exp()).sum::<f64>().ln();
        let first = all.len();
        all.resize(first + classes, sum + LEAST.ln());
        seen.iter().zip(row).for_each(|(&class, &score)| all[first + class] = score);
    }
    all
}

/// Shares of a forest may be 0 and 1; a logit is kept finite, in steps finer than any forest has.
const LEAST: f64 = 1e-9;

fn logit(p: f64) -> f64 {
    let p = p.clamp(LEAST, 1.0 - LEAST);
    (p / (1.0 - p)).ln()
}

fn log(value: f64) -> f64 {
    value.max(LEAST).ln()
}

impl Predict for ClassicalModel {
    fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    fn encoding(&self) -> Encoding {
        self.extractor.encoding()
    }

    fn length(&self) -> usize {
        self.extractor.length()
    }

    fn covariates(&self) -> &[Covariate] {
        &self.covariates
    }

    fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
        if (batch.length(), batch.encoding().channels()) != (self.length(), self.encoding().channels()) {
            return Err(PredictError::Shape {
                expected_length: self.length(),
                expected_channels: self.encoding().channels(),
                length: batch.length(),
                channels: batch.encoding().channels(),
            });
        }
        if batch.side().len() != batch.len() * self.covariates.len() {
            return Err(PredictError::Covariates {
                expected: self.covariates.len(),
                rows: batch.len(),
                found: batch.side().len(),
            });
        }
        let mut all = Matrix::new(0, self.tasks.iter().map(Task::outputs).sum(), Vec::new());
        let device = |error: ClassicalError| PredictError::Device(error.to_string());
        for first in (0..batch.len()).step_by(ROWS) {
            let mut part = batch.emptied();
            (first..batch.len().min(first + ROWS)).for_each(|row| part.push_row(batch, row));
            let features = self.extractor.transform(&part).map_err(|error| device(error.into()))?;
            all.append(self.scores(&features).map_err(device)?);
        }
        Ok(all)
    }
}
