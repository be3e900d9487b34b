//! Regression on the features that a network reads, without edges.

use anyhow::Result;
use basewise_core::Matrix;
use basewise_learn::Features;
use basewise_learn::linear::{Family, FitOptions, LinearModel, Penalty, Target, Validated, fit, validated_path};
use basewise_nn::graph::NodeFeatures;
use basewise_nn::graph::split::Pair;

/// The features of some nodes, sparse.
fn rows(features: &NodeFeatures, nodes: &[u32]) -> Result<Features> {
    gathered(features.columns(), nodes.iter().map(|&node| features.row(node as usize)))
}

fn gathered(columns: usize, rows: impl Iterator<Item = Vec<(u32, f32)>>) -> Result<Features> {
    let (mut starts, mut places, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in rows {
        places.extend(row.iter().map(|(column, _)| *column));
        values.extend(row.iter().map(|(_, value)| *value));
        starts.push(places.len());
    }
    let names = (0..columns).map(|column| format!("f{column}")).collect();
    Ok(Features::sparse(names, starts, places, values)?)
}

/// Multinomial logistic regression. Gives probabilities for `test`.
pub(super) fn logistic_of_nodes(
    features: &NodeFeatures,
    labels: &[Option<u32>],
    classes: usize,
    [train, valid, test]: [&[u32]; 3],
) -> Result<Matrix> {
    let of = |nodes: &[u32]| -> Vec<f64> {
        nodes.iter().map(|&node| labels[node as usize].map_or(f64::NAN, f64::from)).collect()
    };
    let family = Family::Multinomial { classes };
    let (learned, held) = (of(train), of(valid));
    let target = |labels| Target { family, labels, weights: None };
    let model = chosen(&rows(features, train)?, &target(&learned), &rows(features, valid)?, &target(&held))?;
    matrix(test.len(), classes, model.predict(&rows(features, test)?)?)
}

/// The model whose L2 penalty, on features as they are or on standardized ones, does best on validation rows; without any
/// it is `C = 1` on standardized ones.
fn chosen(own: &Features, target: &Target<'_>, valid: &Features, held: &Target<'_>) -> Result<LinearModel> {
    let options = |standardize| FitOptions { standardize, ..FitOptions::default() };
    if valid.rows() == 0 {
        return Ok(fit(own, target, Penalty::from_c(1.0, own.rows() as f64, 0.0), &options(true))?);
    }
    let [plain, standard] = [false, true].map(|way| validated_path(own, target, (valid, held), 0.0, &options(way)));
    let (plain, standard) = (plain?, standard?);
    let loss = |fitted: &Validated| fitted.steps[fitted.best].validation;
    Ok(if loss(&standard) < loss(&plain) { standard.model } else { plain.model })
}

/// Logistic regression on the products of two nodes' features; gives the probability of a link for `test`.
pub(super) fn logistic_of_pairs(
    features: &NodeFeatures,
    train: (&[Pair], &[bool]),
    valid: (&[Pair], &[bool]),
    test: &[Pair],
) -> Result<Matrix> {
    let products = |pairs: &[Pair]| gathered(features.columns(), pairs.iter().map(|pair| product(features, *pair)));
    let of = |labels: &[bool]| -> Vec<f64> { labels.iter().map(|&link| f64::from(u8::from(link))).collect() };
    let (learned, held) = (of(train.1), of(valid.1));
    let target = |labels| Target { family: Family::Logistic, labels, weights: None };
    let model = chosen(&products(train.0)?, &target(&learned), &products(valid.0)?, &target(&held))?;
    matrix(test.len(), 1, model.predict(&products(test)?)?)
}

/// The features that both nodes have, multiplied.
fn product(features: &NodeFeatures, Pair { ends: [a, b], .. }: Pair) -> Vec<(u32, f32)> {
    let (one, other) = (features.row(a as usize), features.row(b as usize));
    let value = |column: u32| other.binary_search_by_key(&column, |(column, _)| *column).ok().map(|at| other[at].1);
    one.iter().filter_map(|&(column, own)| Some((column, own * value(column)?))).collect()
}

fn matrix(rows: usize, columns: usize, values: Vec<f64>) -> Result<Matrix> {
    Ok(Matrix::new(rows, columns, values.into_iter().map(|value| value as f32).collect()))
}

/// The mean of matrices of one shape.
pub(super) fn mean(matrices: &[Matrix]) -> Matrix {
    let Some(first) = matrices.first() else { return Matrix::default() };
    let share = 1.0 / matrices.len() as f32;
    let mut sums = vec![0.0; first.data().len()];
    for matrix in matrices {
        sums.iter_mut().zip(matrix.data()).for_each(|(sum, value)| *sum += share * value);
    }
    Matrix::new(first.rows(), first.columns(), sums)
}
