//! A hidden layer after its product: norm, rectifier, dropout; both passes.

use super::Normalization;
use super::layout::Dense;
use basewise_kernels::{Level, random};

/// Keeps a norm's denominator from 0, as in scvi-tools.
const EPSILON: f64 = 1e-3;
/// Weight of a step in the running statistics.
const MOMENTUM: f64 = 0.1;

/// Means and variances that a batch norm goes by when it is not trained.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Running {
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl Running {
    pub(super) fn new(units: usize) -> Self {
        Self { mean: vec![0.0; units], variance: vec![1.0; units] }
    }

    pub(super) fn units(&self) -> usize {
        self.mean.len()
    }

    /// Means, then variances, as a file holds them.
    pub(super) fn values(&self) -> Vec<f32> {
        self.mean.iter().chain(&self.variance).map(|&x| x as f32).collect()
    }

    /// The reverse of [`Running::values`].
    pub(super) fn of_values(values: &[f32]) -> Self {
        let (mean, variance) = values.split_at(values.len() / 2);
        let wide = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect();
        Self { mean: wide(mean), variance: wide(variance) }
    }

    /// Whether variances can be such.
    pub(super) fn fits(&self) -> bool {
        self.variance.iter().all(|&variance| variance >= 0.0)
    }

    /// Takes in what one step saw.
    pub(super) fn update(&mut self, seen: &Statistics, n: usize) {
        let unbiased = n as f64 / (n as f64 - 1.0).max(1.0);
        for (unit, (mean, variance)) in self.mean.iter_mut().zip(&mut self.variance).enumerate() {
            *mean += MOMENTUM * (seen.mean[unit] - *mean);
            *variance += MOMENTUM * (unbiased * seen.variance[unit] - *variance);
        }
    }
}

/// Means and variances of the groups that a norm works on: units, or cells.
#[derive(Clone, Debug, Default)]
pub(super) struct Statistics {
    mean: Vec<f64>,
    variance: Vec<f64>,
}

/// What the way back needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Active {
    /// `[n, units]`, normalized; empty without a norm.
    normalized: Vec<f32>,
    pub(super) statistics: Statistics,
    /// `[n, units]`, what the layer gives.
    pub(super) y: Vec<f32>,
}

/// How a layer works in this pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way<'a> {
    pub(super) level: Level,
    pub(super) normalization: Normalization,
    /// Of batch norms outside of training.
    pub(super) running: Option<&'a Running>,
    /// Rate and key.
    pub(super) dropout: Option<(f32, u64)>,
}

/// Values to be divided into groups: by unit (column) or by cell (row).
fn group(normalization: Normalization, i: usize, unit: usize) -> usize {
    if normalization == Normalization::Batch { unit } else { i }
}

fn statistics(normalization: Normalization, units: usize, x: &[f32]) -> Statistics {
    let n = x.len() / units.max(1);
    let groups = group(normalization, n, units);
    let size = (x.len() / groups.max(1)).max(1) as f64;
    let mut mean = vec![0.0; groups];
    let mut variance = vec![0.0; groups];
    for (i, row) in x.chunks_exact(units).enumerate() {
        row.iter().enumerate().for_each(|(unit, &x)| mean[group(normalization, i, unit)] += f64::from(x));
    }
    mean.iter_mut().for_each(|mean| *mean /= size);
    for (i, row) in x.chunks_exact(units).enumerate() {
        for (unit, &x) in row.iter().enumerate() {
            let own = group(normalization, i, unit);
            variance[own] += (f64::from(x) - mean[own]).powi(2);
        }
    }
    variance.iter_mut().for_each(|variance| *variance /= size);
    Statistics { mean, variance }
}

/// What a layer gives for its product `x`, `[n, units]`.
pub(super) fn forward(layer: &Dense, parameters: &[f32], way: Way<'_>, mut x: Vec<f32>) -> Active {
    let units = layer.units;
    let mut active = Active::default();
    if let Some(norm) = layer.norm {
        let statistics = match way.running {
            Some(running) if way.normalization == Normalization::Batch => {
                Statistics { mean: running.mean.clone(), variance: running.variance.clone() }
            }
            _ => statistics(way.normalization, units, &x),
        };
        let inverse = inverses(&statistics);
        let (scale, shift) = parameters[norm..norm + 2 * units].split_at(units);
        active.normalized = vec![0.0; x.len()];
        for (i, (row, kept)) in x.chunks_exact_mut(units).zip(active.normalized.chunks_exact_mut(units)).enumerate() {
            for (unit, (x, kept)) in row.iter_mut().zip(kept).enumerate() {
                let own = group(way.normalization, i, unit);
                *kept = (*x - statistics.mean[own] as f32) * inverse[own];
                *x = *kept * scale[unit] + shift[unit];
            }
        }
        active.statistics = statistics;
    }
    x.iter_mut().for_each(|x| *x = if *x > 0.0 { *x } else { 0.0 * *x });
    if let Some((rate, key)) = way.dropout.filter(|(rate, _)| *rate > 0.0) {
        random::dropout(way.level, key, 0, rate, &mut x);
    }
    active.y = x;
    active
}

fn inverses(statistics: &Statistics) -> Vec<f32> {
    statistics.variance.iter().map(|variance| (1.0 / (variance + EPSILON).sqrt()) as f32).collect()
}

/// Turns the slopes `dy` of what a layer gave into those of its product, and writes the gradient of its norm.
pub(super) fn backward(
    layer: &Dense,
    parameters: &[f32],
    way: Way<'_>,
    active: &Active,
    dy: &mut [f32],
    gradient: &mut [f32],
) {
    let units = layer.units;
    let kept = way.dropout.map_or(1.0, |(rate, _)| 1.0 / (1.0 - rate));
    dy.iter_mut().zip(&active.y).for_each(|(dy, &y)| *dy = if y > 0.0 { *dy * kept } else { 0.0 });
    let Some(norm) = layer.norm else { return };
    let scale = &parameters[norm..norm + units];
    let (by_scale, by_shift) = gradient[norm..norm + 2 * units].split_at_mut(units);
    let groups = active.statistics.mean.len();
    let size = (dy.len() / groups.max(1)).max(1) as f32;
    // Sums of the slopes of normalized values, alone and times these values.
    let mut sums = vec![[0.0_f32; 2]; groups];
    for (i, (dy, x)) in dy.chunks_exact_mut(units).zip(active.normalized.chunks_exact(units)).enumerate() {
        for (unit, (dy, &x)) in dy.iter_mut().zip(x).enumerate() {
            by_scale[unit] += *dy * x;
            by_shift[unit] += *dy;
            *dy *= scale[unit];
            let own = &mut sums[group(way.normalization, i, unit)];
            *own = [own[0] + *dy, own[1] + *dy * x];
        }
    }
    let inverse = inverses(&active.statistics);
    for (i, (dy, x)) in dy.chunks_exact_mut(units).zip(active.normalized.chunks_exact(units)).enumerate() {
        for (unit, (dy, &x)) in dy.iter_mut().zip(x).enumerate() {
            let own = group(way.normalization, i, unit);
            *dy = inverse[own] * (*dy - (sums[own][0] + x * sums[own][1]) / size);
        }
    }
}
