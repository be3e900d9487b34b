//! Linear models that a network has to beat, fitted on the same rows: one on k-mer counts, which knows no places, and one on
//! the base at each position, which knows nothing else. Baselines without a model are in [`basewise_core::baseline`].
//!
//! They give what [`basewise_core::probabilities`] gives: a probability for a binary task and for each class, a value for a
//! regression or a count, shapes and logarithms of totals for a profile, in the order of the data set's outputs. Rows
//! whose label is unknown take no part in fitting their task.

#[cfg(test)]
mod tests;

use crate::Features;
use crate::classical::ClassicalError;
use crate::extract::{Block, Extractor, FeatureSpec, Sources, Weighting};
use crate::linear::{Family, FitOptions, LinearError, Penalty, Target, fit};
use basewise_core::baseline::{Signal, location, majority};
use basewise_core::metrics::is_known;
use basewise_core::random::{self, stream};
use basewise_core::{Code, Dataset, Matrix, SequenceBatch, TaskKind};

/// Inverse strengths of the penalty: for classes as `C` of scikit-learn's `LogisticRegression`, for numbers as `1 / alpha` of
/// its `Ridge`, on labels of variance 1.
struct Strength {
    classes: f64,
    numbers: f64,
}

const KMER: Strength = Strength { classes: 3.0, numbers: 1.0 };
/// Rows of positional features have a length of about the square root of twice the positions, not 1.
const POSITIONAL: Strength = Strength { classes: 0.02, numbers: 0.02 };
/// Letters that are fitted on at most, which bounds memory and time.
const FIT_LETTERS: usize = 10_000_000;
/// More digits of a baseline are not worth their time.
const TOLERANCE: f64 = 1e-4;

/// A penalized linear model on k-mer counts, k from 1 to `max_k` (kept within 1 to 8): `[predict_rows, outputs]`.
///
/// Counts become `1 + ln(count)`, times the smoothed inverse document frequency, each row of length 1 (sublinear TF-IDF, as
/// scikit-learn's `TfidfVectorizer` has it). Logistic regression for a binary task, multinomial for classes (both
/// `C = 3`), ridge regression for a number and for the logarithm of each total of a profile, whose shape is the average.
/// Letters are read as the encoding reads them: `U` as `T`, windows with an unknown base do not count, masked letters are
/// unknown, and with a case channel upper-case k-mers are counted a second time on their own. Only the window that a model
/// sees is read.
///
/// Beyond 10 million letters a random part of `fit_rows` is used, drawn by `seed`; nothing else is random. A task with
/// fewer than two distinct known labels gets what [`majority`] gives it, and a class without a known label 0.
///
/// # Errors
/// If a sequence holds a letter that is none, or a covariate is not finite.
pub fn kmer(
    dataset: &Dataset,
    max_k: usize,
    fit_rows: &[usize],
    predict_rows: &[usize],
    seed: u64,
) -> Result<Matrix, ClassicalError> {
    linear_model(dataset, vec![kmers(max_k)], [fit_rows, predict_rows], seed, &KMER)
}

/// [`kmer`] with the covariates of the data set, standardized, as further features.
///
/// # Errors
/// As [`kmer`], and if the data set has no covariates.
pub fn kmer_and_covariates(
    dataset: &Dataset,
    max_k: usize,
    fit_rows: &[usize],
    predict_rows: &[usize],
    seed: u64,
) -> Result<Matrix, ClassicalError> {
    linear_model(dataset, vec![kmers(max_k), Block::Covariates], [fit_rows, predict_rows], seed, &KMER)
}

/// A penalized linear model on the base at each position and on each pair of neighbours: `[predict_rows, outputs]`.
///
/// One feature for each of 4 bases and 16 pairs at each position of the window, 1 or 0; an unknown base has none, and case
/// does not matter. A sequence that is shorter than the window begins at its first position. Models as in [`kmer`], with
/// `C = 0.02`; sampling beyond 10 million letters as there.
///
/// # Errors
/// As [`kmer`].
pub fn positional(
    dataset: &Dataset,
    fit_rows: &[usize],
    predict_rows: &[usize],
    seed: u64,
) -> Result<Matrix, ClassicalError> {
    let blocks = [1, 2].map(|width| Block::Positional { width, origin: 0 }).to_vec();
    linear_model(dataset, blocks, [fit_rows, predict_rows], seed, &POSITIONAL)
}

fn kmers(max_k: usize) -> Block {
    Block::Kmers { shortest: 1, longest: max_k.clamp(1, 8), weighting: Weighting::SublinearTfidf, canonical: false }
}

/// One model a task, beside what is the same for all rows.
fn linear_model(
    dataset: &Dataset,
    blocks: Vec<Block>,
    [fit_rows, predict_rows]: [&[usize]; 2],
    seed: u64,
    strength: &Strength,
) -> Result<Matrix, ClassicalError> {
    let fit_rows = affordable(dataset, fit_rows, seed);
    let mut matrix = majority(dataset, &fit_rows, predict_rows);
    if dataset.length == 0 || fit_rows.is_empty() || predict_rows.is_empty() {
        return Ok(matrix);
    }
    let covariates = if blocks.contains(&Block::Covariates) { dataset.covariates.clone() } else { Vec::new() };
    let sources = Sources { covariates, ..Sources::default() };
    let batch = windows(dataset, &fit_rows, &sources)?;
    let extractor = Extractor::fit(&FeatureSpec { blocks }, &batch, &sources)?;
    let x = extractor.transform(&batch)?;
    let model = Baseline { x, predicted: extractor.transform(&windows(dataset, predict_rows, &sources)?)?, strength };
    let mut column = 0;
    for (index, task) in dataset.tasks.iter().enumerate() {
        let in_task = |error| ClassicalError::Linear { task: task.name.clone(), error };
        if let TaskKind::Profile(profile) = &task.kind {
            let signal = Signal::of(dataset, profile, index, &fit_rows);
            for track in 0..profile.tracks.len() {
                let mut labels = vec![f64::NAN; fit_rows.len()];
                signal.totals(track).iter().for_each(|&(at, total)| labels[at] = total);
                let place = column + profile.tracks.len() * profile.bins + track;
                model.number(&labels, &mut matrix, place).map_err(in_task)?;
            }
        } else {
            let known = |y: f64| if is_known(&task.kind, y) { y } else { f64::NAN };
            let labels: Vec<f64> = fit_rows.iter().map(|&row| known(dataset.label(row, index))).collect();
            match &task.kind {
                TaskKind::Binary | TaskKind::Classes { .. } => model.classes(&task.kind, &labels, &mut matrix, column),
                _ => model.number(&labels, &mut matrix, column),
            }
            .map_err(in_task)?;
        }
        column += task.outputs();
    }
    Ok(matrix)
}

/// Features of the rows of the fit and of those to be predicted.
struct Baseline<'a> {
    x: Features,
    predicted: Features,
    strength: &'a Strength,
}

impl Baseline<'_> {
    /// Fills the columns of a binary task or of classes, from `first` on.
    fn classes(&self, kind: &TaskKind, labels: &[f64], matrix: &mut Matrix, first: usize) -> Result<(), LinearError> {
        let mut present: Vec<usize> = labels.iter().filter(|y| !y.is_nan()).map(|&y| y as usize).collect();
        present.sort_unstable();
        present.dedup();
        if present.len() < 2 {
            return Ok(());
        }
        if *kind == TaskKind::Binary {
            let means = self.means(Family::Logistic, labels, self.strength.classes)?;
            means.iter().enumerate().for_each(|(row, &mean)| matrix.row_mut(row)[first] = mean as f32);
            return Ok(());
        }
        let number = |y: f64| present.iter().position(|&class| class as f64 == y).map_or(f64::NAN, |at| at as f64);
        let labels: Vec<f64> = labels.iter().map(|&y| number(y)).collect();
        let family = Family::Multinomial { classes: present.len() };
        let means = self.means(family, &labels, self.strength.classes)?;
        for (row, means) in means.chunks_exact(present.len()).enumerate() {
            present.iter().zip(means).for_each(|(class, &mean)| matrix.row_mut(row)[first + class] = mean as f32);
        }
        Ok(())
    }

    /// Fills the column of a number, whose labels are brought to mean 0 and variance 1.
    fn number(&self, labels: &[f64], matrix: &mut Matrix, column: usize) -> Result<(), LinearError> {
        let known: Vec<f64> = labels.iter().copied().filter(|y| !y.is_nan()).collect();
        if known.iter().all(|&y| y == known[0]) {
            return Ok(());
        }
        let (mean, scale) = location(&known);
        let labels: Vec<f64> = labels.iter().map(|y| (y - mean) / scale).collect();
        let means = self.means(Family::Squared, &labels, self.strength.numbers)?;
        means.iter().enumerate().for_each(|(row, &own)| matrix.row_mut(row)[column] = (own * scale + mean) as f32);
        Ok(())
    }

    /// What a model expects of the rows to be predicted, `[row, output]`.
    fn means(&self, family: Family, labels: &[f64], c: f64) -> Result<Vec<f64>, LinearError> {
        let known = labels.iter().filter(|y| !y.is_nan()).count();
        let options = FitOptions { tolerance: TOLERANCE, ..FitOptions::default() };
        let target = Target { family, labels, weights: None };
        fit(&self.x, &target, Penalty::from_c(c, known as f64, 0.0), &options)?.predict(&self.predicted)
    }
}

/// The windows of rows, a shorter sequence at the start of its window.
fn windows(dataset: &Dataset, rows: &[usize], sources: &Sources) -> Result<SequenceBatch, ClassicalError> {
    let mut batch = SequenceBatch::new(dataset.encoding, dataset.length);
    for &row in rows {
        let example = &dataset.examples[row];
        let codes = dataset.encoding.encode(&example.sequence);
        let mut codes =
            codes.map_err(|error| ClassicalError::Example { id: example.id.clone(), message: error.to_string() })?;
        codes.resize(codes.len().max(dataset.length), Code::N);
        batch.push_codes(&codes);
        batch.push_covariates(&sources.covariates, example.covariates.iter().copied());
    }
    Ok(batch)
}

/// All rows, or a random part with at most [`FIT_LETTERS`] letters, in their order.
fn affordable(dataset: &Dataset, rows: &[usize], seed: u64) -> Vec<usize> {
    let letters = |row: usize| dataset.examples[row].sequence.len().min(dataset.length);
    if rows.iter().map(|&row| letters(row)).sum::<usize>() <= FIT_LETTERS {
        return rows.to_vec();
    }
    let mut order = rows.to_vec();
    random::shuffle(&mut order, &mut stream(seed, "k-mer baseline", &[]));
    let mut total = 0;
    let fits = |row: &usize| {
        total += letters(*row);
        total <= FIT_LETTERS
    };
    let mut kept: Vec<usize> = order.into_iter().take_while(fits).collect();
    kept.sort_unstable();
    kept
}
