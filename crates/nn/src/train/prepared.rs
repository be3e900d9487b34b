//! What training needs, and everything that can be wrong with it, found out before any file is touched.

use super::batches::survey;
use super::identity::Identity;
use super::penalty::Penalties;
use super::windows::Windows;
use super::{TrainConfig, TrainError};
use crate::architecture::{Architecture, Layer};
use crate::loss::Objective;
use crate::network::{Plan, Step, Weights};
use crate::optimizer::{Course, Optimizer};
use basewise_core::profile::total;
use basewise_core::source::{ExampleSource, Header, Rows, Survey};
use basewise_core::{Split, TaskKind, label_ranges};

pub(super) struct Prepared<'a> {
    pub(super) architecture: &'a Architecture,
    pub(super) config: &'a TrainConfig,
    pub(super) header: Header,
    pub(super) train: Windows<'a>,
    pub(super) valid: Windows<'a>,
    pub(super) plan: Plan,
    pub(super) objective: Objective,
    pub(super) penalties: Penalties,
    source: &'a dyn ExampleSource,
    survey: Survey,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(
        source: &'a dyn ExampleSource,
        architecture: &'a Architecture,
        config: &'a TrainConfig,
    ) -> Result<Self, TrainError> {
        if let Some(fault) = config.fault() {
            return Err(TrainError::Config(fault));
        }
        architecture.check(architecture.name.as_deref().unwrap_or("the network"))?;
        let survey = survey(source, config)?;
        let header = source.header();
        if let Some(fault) = header.control.as_ref().and_then(|control| control.fault(&header.tasks)) {
            return Err(TrainError::Config(fault));
        }
        let mut plan = Plan::new(architecture, &header, header.length, &header.tasks)?;
        plan.recompute = config.recompute;
        plan.check_training(survey.rows(Split::Train), config.batch_size, config.ema.is_some())?;
        check_batch_norms(&plan, config.batch_size.min(survey.rows(Split::Train)))?;
        let penalties = Penalties::new(config, &plan)?;
        let labels = if config.loss.needs_labels() { training_labels(source, &survey)? } else { Vec::new() };
        let objective = Objective::new(&header.tasks, &config.loss, &labels).map_err(TrainError::Config)?;
        let train = Windows::new(source, &survey, Split::Train, config.shuffle_window);
        let valid = Windows::new(source, &survey, Split::Valid, config.shuffle_window / 2);
        Ok(Self { architecture, config, header, train, valid, plan, objective, penalties, source, survey })
    }

    pub(super) fn identity(&self) -> Result<Identity, TrainError> {
        let splits = [&self.train, &self.valid];
        Identity::new(self.source, &self.survey, splits, self.architecture, self.config)
    }

    /// The weights and the optimizer before the first step. The totals of a profile begin at their mean.
    ///
    /// # Errors
    /// Training rows that cannot be read.
    pub(super) fn beginning(&self) -> Result<(Weights, Optimizer), TrainError> {
        let optimizer = Optimizer::new(self.config.optimizer_settings(), &self.plan.parameters);
        let mut weights = Weights::initial(&self.plan, self.config.seed);
        let is_total = |name: &str| name.starts_with("head.") && name.ends_with(TOTALS);
        let biases = weights.parameters.iter_mut().filter(|array| is_total(&array.name));
        if self.header.tasks.iter().any(|task| matches!(task.kind, TaskKind::Profile(_))) {
            for (bias, means) in biases.zip(mean_totals(self.source, &self.survey)?) {
                bias.values = means;
            }
        }
        Ok((weights, optimizer))
    }

    pub(super) fn batches_per_epoch(&self) -> usize {
        self.train.len().div_ceil(self.config.batch_size)
    }

    pub(super) fn steps_per_epoch(&self) -> usize {
        self.batches_per_epoch().div_ceil(self.config.accumulate)
    }

    pub(super) fn course(&self) -> Course {
        self.config.course(self.steps_per_epoch() as u64)
    }
}

/// Refuses batch norms that see one value at a time, of which every output is the same.
fn check_batch_norms(plan: &Plan, batch_size: usize) -> Result<(), TrainError> {
    let values = |step: &Step| step.input.length * batch_size * plan.passes(step);
    let one_value = |step: &&Step| step.layer == Layer::BatchNorm && values(step) == 1;
    match plan.steps_deep().find(one_value) {
        None => Ok(()),
        Some(step) => Err(TrainError::Config(format!(
            "{}: batch-norm: expected two values of each channel in a batch or more, found one; \
             train with a larger batch size, or move it before the pool",
            step.name
        ))),
    }
}

/// How the names of the biases end that belong to the totals of a profile.
const TOTALS: &str = ".counts.bias";

/// For each profile, the mean logarithm of each track's total in the first block with training rows; 0 where none is
/// known. Far from it, the first steps would teach the layers little but the size of the totals.
fn mean_totals(source: &dyn ExampleSource, survey: &Survey) -> Result<Vec<Vec<f32>>, TrainError> {
    let header = source.header();
    let mut rows = Rows::new(&header);
    if let Some(block) = (0..survey.blocks()).find(|&block| survey.rows_in(block, Split::Train) > 0) {
        source.read(block, Split::Train, &mut rows)?;
    }
    let ranges = label_ranges(&header.tasks, header.jitter);
    let profiles = header.tasks.iter().zip(ranges).filter_map(|(task, range)| match &task.kind {
        TaskKind::Profile(profile) => Some((profile, range)),
        _ => None,
    });
    let means = profiles.map(|(profile, range)| {
        let mut sums = vec![(0.0, 0.0); profile.tracks.len()];
        for row in 0..rows.len() {
            let seen = profile.seen(&rows.labels(row)[range.clone()], header.jitter);
            for (sum, bins) in sums.iter_mut().zip(seen.chunks(profile.bins)) {
                if let Some(total) = total(bins) {
                    *sum = (sum.0 + total.ln_1p(), sum.1 + 1.0);
                }
            }
        }
        sums.into_iter().map(|(sum, count): (f64, f64)| (sum / count.max(1.0)) as f32).collect()
    });
    Ok(means.collect())
}

/// All labels of the training split, row by row and one a task; a profile, whose losses need none, has none.
fn training_labels(source: &dyn ExampleSource, survey: &Survey) -> Result<Vec<f64>, TrainError> {
    let header = source.header();
    let ranges = label_ranges(&header.tasks, header.jitter);
    let mut labels = Vec::with_capacity(survey.rows(Split::Train) * header.tasks.len());
    for block in (0..survey.blocks()).filter(|&block| survey.rows_in(block, Split::Train) > 0) {
        let mut rows = Rows::new(&header);
        source.read(block, Split::Train, &mut rows)?;
        for row in 0..rows.len() {
            labels.extend(header.tasks.iter().zip(&ranges).map(|(task, range)| match task.kind {
                TaskKind::Profile(_) => f64::NAN,
                _ => rows.labels(row)[range.start],
            }));
        }
    }
    Ok(labels)
}
