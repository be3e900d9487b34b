//! Gradients along the way from references to sequences.

use super::contributions::{Compared, Contributions, Delta, Sums};
use super::gradients::{AttributionError, at_numbers, check};
use super::references::References;
use crate::model::Model;
use basewise_core::random::{stream, uniform};
use basewise_core::{PredictError, SequenceBatch};

/// Integrated gradients of raw output `output` (Sundararajan et al. 2017): the gradient's mean over `steps` points of the
/// straight way from each reference to the sequence, the middles of equal parts.
///
/// # Errors
/// If there is no such output, no step, or sequences or references do not fit.
pub fn integrated_gradients(
    model: &Model,
    batch: &SequenceBatch,
    references: &References,
    steps: usize,
    output: usize,
    tell: &mut dyn FnMut(usize),
) -> Result<Contributions, AttributionError> {
    check(model, batch, references, output)?;
    if steps == 0 {
        return Err(AttributionError::References("expected at least 1 step, found 0".into()));
    }
    let shares: Vec<f64> = (0..steps).map(|step| (step as f64 + 0.5) / steps as f64).collect();
    let mut all = Contributions { hypothetical: Vec::new(), deltas: Vec::new() };
    for i in 0..batch.len() {
        let Compared { x, references: own, .. } = Compared::new(batch, references, i);
        let scores = scores(model, batch, i, &x, &own, output)?;
        let mut sums = Sums::new(batch.length());
        for (r, x0) in own.iter().enumerate() {
            let points: Vec<f32> = shares.iter().flat_map(|&share| between(x0, &x, share)).collect();
            let gradients = at_points(model, batch, i, &points, output)?;
            let mean: Vec<f32> = (0..x.len())
                .map(|at| gradients.iter().skip(at).step_by(x.len()).map(|&g| f64::from(g)).sum::<f64>())
                .map(|sum| (sum / steps as f64) as f32)
                .collect();
            let (sum, size) = sums.add(&mean, &x, x0);
            all.deltas.push(Delta::new(i, Some(r), [scores[own.len()], scores[r]], (sum, size)));
        }
        all.hypothetical.extend(sums.mean());
        tell(i + 1);
    }
    Ok(all)
}

/// Expected gradients of raw output `output` (Erion et al. 2021): for each reference the gradient at one point of the way
/// to the sequence, drawn from the seed; means over references. They sum to the difference between the output and the
/// mean output of the references in expectation only.
///
/// # Errors
/// If there is no such output, or sequences or references do not fit.
pub fn expected_gradients(
    model: &Model,
    batch: &SequenceBatch,
    references: &References,
    seed: u64,
    output: usize,
    tell: &mut dyn FnMut(usize),
) -> Result<Contributions, AttributionError> {
    check(model, batch, references, output)?;
    let mut all = Contributions { hypothetical: Vec::new(), deltas: Vec::new() };
    for i in 0..batch.len() {
        let Compared { x, references: own, .. } = Compared::new(batch, references, i);
        let scores = scores(model, batch, i, &x, &own, output)?;
        let draw = |r: usize| uniform(&mut stream(seed, "expected gradients", &[i as u64, r as u64]));
        let points: Vec<f32> = own.iter().enumerate().flat_map(|(r, x0)| between(x0, &x, draw(r))).collect();
        let gradients = at_points(model, batch, i, &points, output)?;
        let mut sums = Sums::new(batch.length());
        let mut total = (0.0, 0.0);
        for (gradient, x0) in gradients.chunks_exact(x.len().max(1)).zip(&own) {
            let (sum, size) = sums.add(gradient, &x, x0);
            total = (total.0 + sum, total.1 + size);
        }
        let count = own.len() as f64;
        let mean = scores[..own.len()].iter().sum::<f64>() / count;
        all.deltas.push(Delta::new(i, None, [scores[own.len()], mean], (total.0 / count, total.1 / count)));
        all.hypothetical.extend(sums.mean());
        tell(i + 1);
    }
    Ok(all)
}

fn between(x0: &[f32], x: &[f32], share: f64) -> Vec<f32> {
    x0.iter().zip(x).map(|(x0, x)| x0 + share as f32 * (x - x0)).collect()
}

/// Gradients at points that are rows like example `i`.
fn at_points(
    model: &Model,
    batch: &SequenceBatch,
    i: usize,
    points: &[f32],
    output: usize,
) -> Result<Vec<f32>, AttributionError> {
    let size = batch.encoding().channels() * batch.length();
    let mut all = Vec::with_capacity(points.len());
    for part in points.chunks((size * model.batch_rows()).max(1)) {
        let n = part.len() / size.max(1);
        all.extend(at_numbers(model, part, &batch.side_of(i).repeat(n), n, output)?);
    }
    Ok(all)
}

/// The output of each reference, then that of the example.
fn scores(
    model: &Model,
    batch: &SequenceBatch,
    i: usize,
    x: &[f32],
    references: &[Vec<f32>],
    output: usize,
) -> Result<Vec<f64>, AttributionError> {
    let rows: Vec<f32> = references.iter().flatten().chain(x).copied().collect();
    let size = x.len().max(1);
    let mut all = Vec::with_capacity(references.len() + 1);
    for part in rows.chunks(size * model.batch_rows()) {
        let side = batch.side_of(i).repeat(part.len() / size);
        let scores = model.scores_of_numbers(part, &side).map_err(PredictError::Device)?;
        all.extend(scores.iter().skip(output).step_by(model.plan.outputs).map(|&score| f64::from(score)));
    }
    Ok(all)
}
