//! Searches that take one substitution after the other.

use super::{Design, Problem, Step};
use crate::{Code, PredictError};

/// A sequence on the way.
#[derive(Clone)]
struct State {
    codes: Vec<Code>,
    steps: Vec<Step>,
    score: f32,
}

/// Takes the substitution that brings the score nearest to the aim, and again, until none does or the budget is spent.
///
/// # Errors
/// An output that the model does not have, or what the model reports.
pub fn greedy(problem: &Problem<'_>) -> Result<Design, PredictError> {
    search(problem, 1, true)
}

/// Keeps the `width` best sequences of each number of substitutions, whether or not they are better than those before, and puts
/// out the best of all. A width of 1 goes on where [`greedy`] ends.
///
/// # Errors
/// As [`greedy`].
pub fn beam(problem: &Problem<'_>, width: usize) -> Result<Design, PredictError> {
    search(problem, width.max(1), false)
}

fn search(problem: &Problem<'_>, width: usize, only_better: bool) -> Result<Design, PredictError> {
    problem.check()?;
    let codes = problem.start().to_vec();
    let start = problem.scores(std::slice::from_ref(&codes))?[0];
    let mut scored = 1;
    let mut best = State { codes, steps: Vec::new(), score: start };
    let mut states = vec![best.clone()];
    for _ in 0..problem.constraints.edits {
        let mut candidates = Vec::new();
        for (parent, state) in states.iter().enumerate() {
            let edits = problem.substitutions(&state.codes);
            let scores = problem.edited(&state.codes, &edits)?;
            scored += edits.len();
            candidates.extend(edits.into_iter().zip(scores).map(|(edit, score)| (parent, edit, score)));
        }
        // A stable sort: of equal ones the first.
        candidates.sort_by(|a, b| problem.loss(a.2).total_cmp(&problem.loss(b.2)));
        let mut next: Vec<State> = Vec::new();
        for (parent, edit, score) in candidates {
            if next.len() == width || only_better && problem.loss(score) >= problem.loss(best.score) {
                break;
            }
            let parent = &states[parent];
            let mut codes = parent.codes.clone();
            edit.apply(&mut codes);
            if next.iter().any(|state| state.codes == codes) || !problem.allows(&codes) {
                continue;
            }
            let mut steps = parent.steps.clone();
            let (position, from, to) = (edit.start, parent.codes[edit.start].base(), edit.codes[0].base());
            steps.push(Step { position, from, to, score });
            next.push(State { codes, steps, score });
        }
        if next.is_empty() {
            break;
        }
        if problem.loss(next[0].score) < problem.loss(best.score) {
            best = next[0].clone();
        }
        states = next;
    }
    Ok(Design { codes: best.codes, start, score: best.score, steps: best.steps, scored })
}
