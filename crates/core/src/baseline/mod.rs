//! What a network has to beat, fitted on the same rows: the majority, a linear model on k-mer counts, which knows no places,
//! one on the base at each position, which knows nothing else, and the control alone where there is one.
//!
//! They give what [`crate::probabilities`] gives: a probability for a binary task and for each class, a value for a
//! regression or a count, shapes and logarithms of totals for a profile, in the order of the data set's outputs. Rows
//! whose label is unknown take no part in fitting their task.

mod control;
mod features;
mod linear;
mod profile;

pub use control::control;

use crate::metrics::is_known;
use crate::random::{self, stream};
use crate::{Dataset, Matrix, TaskKind};
use features::{SparseRow, Vectorizer};
use linear::{Loss, Problem};

/// Inverse strengths of the penalty: for classes as `C` of scikit-learn's `LogisticRegression`, for numbers as `1 / alpha` of
/// its `Ridge`, on labels of variance 1.
struct Strength {
    classes: f64,
    numbers: f64,
}

const KMER: Strength = Strength { classes: 3.0, numbers: 1.0 };
/// Rows of positional features have a length of about the square root of twice the positions, not 1.
const POSITIONAL: Strength = Strength { classes: 0.02, numbers: 0.02 };
/// Letters that are fitted on at most, which bounds memory (about 500 MB) and time.
const FIT_LETTERS: usize = 10_000_000;

/// The share of each class, or the mean, of `fit_rows`, for every one of `predict_rows`: `[predict_rows, outputs]`. Of a
/// profile, the share of each bin in the signal of all rows, and the mean logarithm of the total.
///
/// Without a known label 0.5, equal shares, or 0.
pub fn majority(dataset: &Dataset, fit_rows: &[usize], predict_rows: &[usize]) -> Matrix {
    let mut row: Vec<f32> = Vec::with_capacity(dataset.outputs());
    for index in 0..dataset.tasks.len() {
        if let TaskKind::Profile(profile) = &dataset.tasks[index].kind {
            row.extend(profile::Signal::of(dataset, profile, index, fit_rows).average());
            continue;
        }
        let labels: Vec<f64> = known_rows(dataset, index, fit_rows).into_iter().map(|(_, y)| y).collect();
        row.extend(prior(&dataset.tasks[index].kind, &labels));
    }
    Matrix::new(predict_rows.len(), row.len(), row.repeat(predict_rows.len()))
}

/// A penalized linear model on k-mer counts, k from 1 to `max_k` (kept within 1 to 8): `[predict_rows, outputs]`.
///
/// Counts become `1 + ln(count)`, times the smoothed inverse document frequency, each row of length 1 (sublinear TF-IDF, as
/// scikit-learn's `TfidfVectorizer` has it). Logistic regression for a binary task, multinomial for classes (both
/// `C = 3`), ridge regression for a number and for the logarithm of each total of a profile, whose shape is the average. Letters are read as the encoding reads them: `U` as `T`, windows with an
/// unknown base do not count, masked letters are unknown, and with a case channel upper-case k-mers are counted a second
/// time on their own. Only the window that a model sees is read.
///
/// Beyond 10 million letters a random part of `fit_rows` is used, drawn by `seed`; nothing else is random. A task with
/// fewer than two distinct known labels gets what [`majority`] gives it.
pub fn kmer(dataset: &Dataset, max_k: usize, fit_rows: &[usize], predict_rows: &[usize], seed: u64) -> Matrix {
    linear_model(dataset, max_k, [fit_rows, predict_rows], seed, false)
}

/// [`kmer`] with the covariates of the data set, standardized, as further features.
pub fn kmer_and_covariates(
    dataset: &Dataset,
    max_k: usize,
    fit_rows: &[usize],
    predict_rows: &[usize],
    seed: u64,
) -> Matrix {
    linear_model(dataset, max_k, [fit_rows, predict_rows], seed, true)
}

/// A penalized linear model on the base at each position and on each pair of neighbours: `[predict_rows, outputs]`.
///
/// One feature for each of 4 bases and 16 pairs at each position of the window, 1 or 0; an unknown base has none, and case
/// does not matter. Models as in [`kmer`], with `C = 0.02`; sampling beyond 10 million letters as there.
pub fn positional(dataset: &Dataset, fit_rows: &[usize], predict_rows: &[usize], seed: u64) -> Matrix {
    let fit_rows = affordable(dataset, fit_rows, seed);
    let (x, predicted) = (features::positional(dataset, &fit_rows), features::positional(dataset, predict_rows));
    fitted(dataset, &fit_rows, [&x, &predicted], &POSITIONAL)
}

fn linear_model(
    dataset: &Dataset,
    max_k: usize,
    [fit_rows, predict_rows]: [&[usize]; 2],
    seed: u64,
    covariates: bool,
) -> Matrix {
    let fit_rows = affordable(dataset, fit_rows, seed);
    let (vectorizer, mut x) = Vectorizer::fit(dataset, max_k.clamp(1, 8), &fit_rows);
    let mut predicted = vectorizer.transform(dataset, predict_rows);
    if covariates {
        vectorizer.add_covariates(dataset, &fit_rows, &mut x);
        vectorizer.add_covariates(dataset, predict_rows, &mut predicted);
    }
    fitted(dataset, &fit_rows, [&x, &predicted], &KMER)
}

/// One model a task on the features `x` of `fit_rows`, applied to the features `predicted`.
fn fitted(dataset: &Dataset, fit_rows: &[usize], [x, predicted]: [&[SparseRow]; 2], strength: &Strength) -> Matrix {
    let outputs = dataset.outputs();
    let mut matrix = Matrix::new(predicted.len(), outputs, vec![0.0; predicted.len() * outputs]);
    let mut column = 0;
    for (index, task) in dataset.tasks.iter().enumerate() {
        if let TaskKind::Profile(profile) = &task.kind {
            let values = profile::Signal::of(dataset, profile, index, fit_rows).linear(x, predicted, strength.numbers);
            for (i, values) in values.iter().enumerate() {
                matrix.row_mut(i)[column..column + values.len()].copy_from_slice(values);
            }
            column += task.outputs();
            continue;
        }
        let known = known_rows(dataset, index, fit_rows);
        let labels: Vec<f64> = known.iter().map(|&(_, y)| y).collect();
        let rows: Vec<usize> = known.iter().map(|&(at, _)| at).collect();
        let varied = labels.iter().any(|&y| y != labels[0]);
        let values: Vec<f32> = if varied {
            let (mean, scale) = location(&task.kind, &labels);
            let y = labels.iter().map(|y| (y - mean) / scale).collect();
            let (loss, c) = match &task.kind {
                TaskKind::Binary => (Loss::Logistic, strength.classes),
                TaskKind::Classes { .. } => (Loss::Softmax, strength.classes),
                _ => (Loss::Squared, strength.numbers),
            };
            let model = Problem { x, rows: &rows, y, outputs: task.outputs(), loss, c }.solve();
            predicted.iter().flat_map(|row| model.predict(row)).map(|v| (v * scale + mean) as f32).collect()
        } else {
            prior(&task.kind, &labels).repeat(predicted.len())
        };
        for (i, values) in values.chunks_exact(task.outputs().max(1)).enumerate() {
            matrix.row_mut(i)[column..column + values.len()].copy_from_slice(values);
        }
        column += task.outputs();
    }
    matrix
}

/// For numbers the mean and standard deviation of the labels, else 0 and 1.
fn location(kind: &TaskKind, labels: &[f64]) -> (f64, f64) {
    if !kind.is_number() {
        return (0.0, 1.0);
    }
    let n = labels.len() as f64;
    let mean = labels.iter().sum::<f64>() / n;
    let variance = labels.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n;
    (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
}

/// Shares or mean of known labels.
fn prior(kind: &TaskKind, labels: &[f64]) -> Vec<f32> {
    let n = labels.len() as f64;
    let share = |class: usize| labels.iter().filter(|&&y| y == class as f64).count() as f64 / n;
    match kind {
        TaskKind::Binary if labels.is_empty() => vec![0.5],
        TaskKind::Binary => vec![share(1) as f32],
        TaskKind::Classes { classes } if labels.is_empty() => vec![1.0 / classes.len() as f32; classes.len()],
        TaskKind::Classes { classes } => (0..classes.len()).map(|class| share(class) as f32).collect(),
        _ if labels.is_empty() => vec![0.0],
        _ => vec![(labels.iter().sum::<f64>() / n) as f32],
    }
}

/// Offsets into `rows` with a known label of the task, and the label.
fn known_rows(dataset: &Dataset, task: usize, rows: &[usize]) -> Vec<(usize, f64)> {
    let all = rows.iter().enumerate().map(|(at, &row)| (at, dataset.label(row, task)));
    all.filter(|&(_, y)| is_known(&dataset.tasks[task].kind, y)).collect()
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

#[cfg(test)]
mod tests;
