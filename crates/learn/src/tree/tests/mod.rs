//! Trees as a whole.

mod edges;
mod models;
mod shap;

use super::*;
use crate::Features;
use basewise_core::random::{Stream, below, normal, stream, uniform};

pub(super) fn names(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("f{i}")).collect()
}

pub(super) fn dense(columns: usize, values: Vec<f32>) -> Features {
    Features::dense(names(columns), values.len() / columns, values).unwrap()
}

/// The same numbers as a sparse matrix.
pub(super) fn sparse(dense: &Features) -> Features {
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in 0..dense.rows() {
        for (column, value) in dense.row(row).filter(|&(_, value)| value != 0.0) {
            columns.push(column as u32);
            values.push(value);
        }
        starts.push(values.len());
    }
    Features::sparse(dense.names().to_vec(), starts, columns, values).unwrap()
}

/// Counts of which most are 0, with NaN in the last column, and a signal in columns 0 and 1.
pub(super) fn counts(rows: usize, columns: usize, seed: u64) -> (Features, Vec<f64>) {
    let mut rng = stream(seed, "test-counts", &[]);
    let mut values = Vec::with_capacity(rows * columns);
    let mut signal = Vec::with_capacity(rows);
    for _ in 0..rows {
        let own: Vec<f32> = (0..columns).map(|column| count(&mut rng, column + 1 == columns)).collect();
        signal.push(f64::from(own[0]) - 1.5 * f64::from(own[1]) + 0.3 * normal(&mut rng));
        values.extend(own);
    }
    (dense(columns, values), signal)
}

fn count(rng: &mut Stream, missing: bool) -> f32 {
    match uniform(rng) {
        share if share < 0.1 && missing => f32::NAN,
        share if share < 0.6 => 0.0,
        _ => 1.0 + below(rng, 3) as f32 + 0.5 * below(rng, 2) as f32,
    }
}

/// Labels 0 and 1 by the sign.
pub(super) fn signs(signal: &[f64]) -> Vec<f64> {
    signal.iter().map(|&value| f64::from(u8::from(value > 0.0))).collect()
}

/// Labels 0, 1 and 2 by size.
pub(super) fn thirds(signal: &[f64]) -> Vec<f64> {
    signal.iter().map(|&value| f64::from(u8::from(value > -0.5) + u8::from(value > 0.7))).collect()
}

pub(super) fn examples<'a>(features: &'a Features, labels: &'a [f64]) -> Examples<'a> {
    Examples { features, labels, weights: None }
}

pub(super) fn small_forest(criterion: Criterion) -> ForestOptions {
    ForestOptions { trees: 12, seed: 3, ..ForestOptions::new(criterion) }
}

pub(super) fn small_boosting(loss: Loss) -> BoostingOptions {
    BoostingOptions { rounds: 10, leaves: 8, min_leaf: 5, ..BoostingOptions::new(loss) }
}
