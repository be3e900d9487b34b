//! Runs of several models: how they are trained, and how they are judged without asking a model about its own examples.

use crate::commands::evaluate::batch_of_rows;
use crate::failure::user;
use crate::resampling::Resampling;
use crate::run_dir::{FoldRecipe, RunDir};
use crate::shared_args::SplitArg;
use anyhow::Result;
use basewise_core::average::{Averaged, Ensemble};
use basewise_core::folds::{FoldBy, FoldError, Folds, Origins};
use basewise_core::metrics::{self, BootstrapOptions, TaskMetrics};
use basewise_core::similarity::Threshold;
use basewise_core::{Dataset, Matrix, Predict, Split, probabilities};
use basewise_io::build::{related, split_threshold};
use basewise_io::dataset::Provenance;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What stays together within a fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FoldByArg {
    /// Relatives where the data set was split by similarity, else whole chromosomes where every example has a place, else
    /// copies
    Auto,
    /// Whole chromosomes
    Chromosome,
    /// Copies of a sequence, for DNA also as its reverse complement
    Copies,
    /// Groups of similar sequences
    Similarity,
}

/// Several models instead of one.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Ensembles")]
pub(crate) struct EnsembleArgs {
    /// Deal training and validation examples into K folds and train K models, each validated on another fold
    #[arg(long, value_name = "K", conflicts_with = "members")]
    folds: Option<usize>,
    /// What stays together within a fold [default: relatives where the data set was split by similarity, else chromosomes where every example has a place, else copies]
    #[arg(long, value_enum, value_name = "WHAT", requires = "folds")]
    fold_by: Option<FoldByArg>,
    /// Train N models that differ by their seed
    #[arg(long, value_name = "N")]
    members: Option<usize>,
}

/// More models than anyone trains.
const MOST: usize = 1000;

/// The models of an ensemble that is to be trained.
pub(crate) struct Members {
    /// Where each goes, below the run's directory.
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) folds: Option<(FoldRecipe, Folds)>,
}

impl Members {
    /// The directory of a member.
    pub(crate) fn run(&self, ensemble: &RunDir, member: usize) -> RunDir {
        RunDir::new(&ensemble.path().join(&self.folders[member]))
    }

    pub(crate) fn recipe(&self) -> Option<FoldRecipe> {
        self.folds.as_ref().map(|(recipe, _)| *recipe)
    }
}

impl EnsembleArgs {
    /// Whether an ensemble is asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.folds.is_some() || self.members.is_some()
    }

    /// What to train. `origins` gives what decides the fold of each row, with its relatives where a threshold says which
    /// these are; `provenance` is that of the data set.
    pub(crate) fn members(
        &self,
        provenance: &Provenance,
        origins: impl FnOnce(Option<Threshold>) -> Result<Origins>,
        seed: u64,
    ) -> Result<Members> {
        let (flag, number, folder) = match (self.folds, self.members) {
            (Some(folds), _) => ("--folds", folds, "folds"),
            (None, members) => ("--members", members.unwrap_or(1), "members"),
        };
        if !(2..=MOST).contains(&number) {
            return Err(user(format!("expected {flag} of 2 to {MOST}, found {number}"), None));
        }
        let folders = (1..=number).map(|member| PathBuf::from(folder).join(member.to_string())).collect();
        if self.folds.is_none() {
            return Ok(Members { folders, folds: None });
        }
        let split_by = split_threshold(provenance);
        let threshold = match self.fold_by.unwrap_or(FoldByArg::Auto) {
            FoldByArg::Auto => split_by,
            FoldByArg::Similarity => split_by.or_else(|| Some(Threshold::default())),
            FoldByArg::Chromosome | FoldByArg::Copies => None,
        };
        let origins = origins(threshold)?;
        let by = match self.fold_by {
            Some(FoldByArg::Chromosome) => FoldBy::Chromosome,
            Some(FoldByArg::Copies) => FoldBy::Copies,
            _ if threshold.is_some() => FoldBy::Similarity,
            _ => origins.natural(),
        };
        let recipe = FoldRecipe { number, by, seed, threshold };
        let folds = recipe.deal(&origins)?;
        Ok(Members { folders, folds: Some((recipe, folds)) })
    }
}

impl FoldRecipe {
    fn deal(&self, origins: &Origins) -> Result<Folds> {
        origins.deal(self.number, self.by, self.seed).map_err(|error| {
            let hint = match error {
                FoldError::Chromosomes { .. } => "ask for fewer folds, or deal single sequences with --fold-by copies",
                FoldError::NoPlace(_) => "--fold-by copies needs no places",
                FoldError::Relatives { .. } => "ask for fewer folds; relatives are what the data set was split by",
                FoldError::Sequences { .. } | FoldError::TooFew(_) | FoldError::NoRelatives { .. } => {
                    "ask for another number of --folds"
                }
            };
            user(error.to_string(), Some(hint))
        })
    }
}

/// What decides the fold of each row of a data set, with its relatives where a threshold says which these are.
pub(crate) fn origins(dataset: &Dataset, threshold: Option<Threshold>) -> Origins {
    let Some(threshold) = threshold else { return dataset.origins() };
    let dealt: Vec<usize> =
        (0..dataset.examples.len()).filter(|&row| dataset.examples[row].split != Split::Test).collect();
    let mut groups = vec![0; dataset.examples.len()];
    dealt.iter().zip(related(dataset, &dealt, threshold)).for_each(|(&row, group)| groups[row] = group);
    dataset.origins().with_relatives(&groups)
}

/// The folds of an ensemble's rows. None for a run without folds.
///
/// A single member refuses rows that it may have trained on; of an ensemble they are judged out of fold.
pub(crate) fn folds_of(run: &RunDir, dataset: &Dataset, split: SplitArg) -> Result<Option<Folds>> {
    let info = run.info()?;
    match info.folds {
        Some(recipe) if !info.members.is_empty() => Ok(Some(recipe.deal(&origins(dataset, recipe.threshold))?)),
        Some(_) if split != SplitArg::Test => Err(user(
            format!(
                "{}: this model was trained and validated on folds of the training and validation splits",
                run.path().display()
            ),
            Some("evaluate the ensemble that it is a member of: it judges these examples out of fold"),
        )),
        _ => Ok(None),
    }
}

/// Raw scores of each member for the given rows.
pub(crate) fn predict_each(model: &Ensemble<Averaged<'_>>, dataset: &Dataset, rows: &[usize]) -> Result<Vec<Matrix>> {
    Ok(model.predict_each(&batch_of_rows(model, dataset, rows.iter().copied())?)?)
}

/// Probabilities or values of an ensemble: the mean of the raw scores of its members; for a row of a fold only of the
/// member that validated on that fold.
pub(crate) fn together(
    model: &Ensemble<Averaged<'_>>,
    dataset: &Dataset,
    rows: &[usize],
    each: &[Matrix],
    folds: Option<&Folds>,
) -> Result<Matrix> {
    debug_assert_eq!(model.tasks(), dataset.tasks, "the data set fits the model");
    let mut scores = model.mean(each)?;
    for (i, &row) in rows.iter().enumerate() {
        if let Some(member) = folds.and_then(|folds| each.get(folds.of(row)?)) {
            scores.row_mut(i).copy_from_slice(member.row(i));
        }
    }
    probabilities(model.tasks(), &mut scores);
    Ok(scores)
}

/// One member of an ensemble.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MemberMetrics {
    /// Its directory below that of the ensemble.
    pub(crate) member: PathBuf,
    pub(crate) tasks: Vec<TaskMetrics>,
}

/// Judges each member alone, without intervals; none of a run with a single model.
pub(crate) fn members(run: &RunDir, dataset: &Dataset, rows: &[usize], each: &[Matrix]) -> Result<Vec<MemberMetrics>> {
    if each.len() < 2 {
        return Ok(Vec::new());
    }
    let labels: Vec<Vec<f64>> = rows.iter().map(|&i| dataset.seen_labels(i)).collect();
    let labels: Vec<&[f64]> = labels.iter().map(Vec::as_slice).collect();
    let plain = BootstrapOptions { replicates: 0, ..BootstrapOptions::default() };
    let judge = |(member, scores): (PathBuf, &Matrix)| {
        let mut predicted = scores.clone();
        probabilities(&dataset.tasks, &mut predicted);
        MemberMetrics { member, tasks: metrics::evaluate(&dataset.tasks, &labels, &predicted, &plain) }
    };
    Ok(run.info()?.members.into_iter().zip(each).map(judge).collect())
}

/// The training and validation rows, each judged by the member that did not train on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OutOfFold {
    pub(crate) examples: usize,
    pub(crate) tasks: Vec<TaskMetrics>,
}

pub(crate) fn out_of_fold(
    model: &Ensemble<Averaged<'_>>,
    dataset: &Dataset,
    folds: &Folds,
    provenance: &Provenance,
    options: &BootstrapOptions<'_>,
) -> Result<OutOfFold> {
    let (mut labels, mut predicted) = (Vec::<Vec<f64>>::new(), Matrix::default());
    let mut all = Vec::new();
    for (fold, member) in model.members().iter().enumerate() {
        let rows = folds.rows(fold);
        predicted.append(member.predict(&batch_of_rows(member, dataset, rows.iter().copied())?)?);
        labels.extend(rows.iter().map(|&i| dataset.seen_labels(i)));
        all.extend(rows);
    }
    let labels: Vec<&[f64]> = labels.iter().map(Vec::as_slice).collect();
    probabilities(&dataset.tasks, &mut predicted);
    let resampling = Resampling::of(dataset, provenance, &all);
    let options = resampling.options(options.replicates, options.seed);
    let tasks = metrics::evaluate(&dataset.tasks, &labels, &predicted, &options);
    Ok(OutOfFold { examples: labels.len(), tasks })
}
