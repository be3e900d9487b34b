//! How strongly neighbours attract each other.

use crate::unsupervised::Neighbors;
use crate::unsupervised::neighbors::joined;
use basewise_core::sparse::Csr;
use rayon::prelude::*;

/// Joint affinities: the mean of both directions over the number of rows; their sum is 1.
pub(super) fn joint(neighbors: &Neighbors, perplexity: f64) -> Csr {
    let n = neighbors.rows() as f32;
    let rows = (0..neighbors.rows()).into_par_iter();
    let values: Vec<f32> =
        rows.flat_map_iter(|i| conditional(neighbors.of(i).1, perplexity)).map(|value| value as f32).collect();
    joined(&neighbors.with_values(&values), |a, b| (a + b) / (2.0 * n))
}

/// Chances of neighbours at ascending `distances` under a Gaussian whose width makes `exp(entropy)` the perplexity, as
/// nearly as so many neighbours can; their sum is 1.
pub(super) fn conditional(distances: &[f32], perplexity: f64) -> Vec<f64> {
    let nearest = distances.first().map_or(0.0, |&d| f64::from(d).powi(2));
    let over: Vec<f64> = distances.iter().map(|&d| f64::from(d).powi(2) - nearest).collect();
    let mean = over.iter().sum::<f64>() / over.len().max(1) as f64;
    let target = perplexity.ln();
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut precision = if mean > 0.0 { 1.0 / mean } else { 1.0 };
    let mut weights = Vec::new();
    for _ in 0..100 {
        weights = over.iter().map(|d| (-d * precision).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let entropy = sum.ln() + precision * over.iter().zip(&weights).map(|(d, w)| d * w).sum::<f64>() / sum;
        weights.iter_mut().for_each(|weight| *weight /= sum);
        if (entropy - target).abs() < 1e-8 {
            break;
        }
        if entropy > target {
            low = precision;
            precision = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * precision };
        } else {
            high = precision;
            precision = f64::midpoint(low, high);
        }
    }
    weights
}
