//! Search along gradients.

use super::{Design, Problem};
use crate::{Code, PredictError, SequenceBatch};

/// What the base of the start is ahead of others at first, in logits: its share is 0.71.
const HEAD_START: f32 = 2.0;
/// How far the steepest logit moves in a step.
const RATE: f32 = 0.5;

/// Letters have logits, and the sequence that is scored has the largest at each position. The gradient of its score by the
/// one-hot input, `[1, 4, length]` as `gradient` gives it, goes on to the logits as if the sequence were their softmax
/// (straight through; Bengio et al. 2013, for sequences Linder and Seelig 2021). Of the positions that would change, those that
/// are most ahead do, as many as the budget and the constraints allow. The best sequence of `iterations` is put out.
///
/// # Errors
/// As [`super::greedy`], or what `gradient` reports.
pub fn ascend<E: From<PredictError>>(
    problem: &Problem<'_>,
    iterations: usize,
    gradient: &mut dyn FnMut(&SequenceBatch) -> Result<Vec<f32>, E>,
) -> Result<Design, E> {
    problem.check()?;
    let first = problem.start().to_vec();
    let length = first.len();
    let start = problem.scores(std::slice::from_ref(&first))?[0];
    let mut logits: Vec<[f32; 4]> = first.iter().map(of_code).collect();
    let (mut codes, mut score, mut scored) = (first.clone(), start, 1);
    let mut best = (codes.clone(), start);
    for _ in 0..iterations {
        let mut batch = problem.batch.emptied();
        batch.push_edited(&codes, problem.batch, problem.row);
        let slopes = gradient(&batch)?;
        let sign = problem.aim.sign(score);
        let moves: Vec<[f32; 4]> = (0..length)
            .map(|at| {
                let slope = std::array::from_fn(|base| sign * slopes[base * length + at]);
                if problem.is_protected(at) { [0.0; 4] } else { through_softmax(&logits[at], slope) }
            })
            .collect();
        let steepest = moves.iter().flatten().fold(0.0f32, |most, m| most.max(m.abs()));
        if !(steepest > 0.0 && steepest.is_finite()) {
            break;
        }
        for (own, moved) in logits.iter_mut().zip(&moves) {
            own.iter_mut().zip(moved).for_each(|(own, moved)| *own += RATE * moved / steepest);
        }
        let next = taken(problem, &logits);
        if next != codes {
            codes = next;
            score = problem.scores(std::slice::from_ref(&codes))?[0];
            scored += 1;
        }
        if problem.loss(score) < problem.loss(best.1) {
            best = (codes.clone(), score);
        }
    }
    Ok(problem.described(best.0, start, scored)?)
}

fn of_code(code: &Code) -> [f32; 4] {
    std::array::from_fn(|base| if usize::from(code.base()) == base { HEAD_START } else { 0.0 })
}

/// Slopes of logits from those of their softmax.
fn through_softmax(logits: &[f32; 4], slopes: [f32; 4]) -> [f32; 4] {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = logits.map(|v| (v - top).exp());
    let total: f32 = powers.iter().sum();
    let shares = powers.map(|v| v / total);
    let mean: f32 = shares.iter().zip(slopes).map(|(p, s)| p * s).sum();
    std::array::from_fn(|base| shares[base] * (slopes[base] - mean))
}

/// The sequence with those changes that are most ahead, within what is allowed.
fn taken(problem: &Problem<'_>, logits: &[[f32; 4]]) -> Vec<Code> {
    let first = problem.start();
    let ahead = |at: usize| {
        let own = logits[at].get(usize::from(first[at].base())).copied().unwrap_or(f32::NEG_INFINITY);
        let base = super::best_of(logits[at].iter().map(|&v| -f64::from(v)));
        (logits[at][base] - own, at, base as u8)
    };
    let changes = (0..first.len()).filter(|&at| !problem.is_protected(at)).map(ahead);
    let mut changes: Vec<(f32, usize, u8)> = changes.filter(|change| change.0 > 0.0).collect();
    changes.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut codes = first.to_vec();
    let mut left = problem.constraints.edits;
    for (_, at, base) in changes {
        if left == 0 {
            break;
        }
        codes[at] = first[at].with_base(base);
        if problem.allows(&codes) {
            left -= 1;
        } else {
            codes[at] = first[at];
        }
    }
    codes
}
