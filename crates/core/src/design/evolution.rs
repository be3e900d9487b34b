//! Search by a population.

use super::{Design, Problem};
use crate::random::{Stream, below, shuffle, stream};
use crate::{Code, PredictError};

/// How a population evolves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evolution {
    /// Sequences that are kept.
    pub population: usize,
    /// Rounds of as many children.
    pub generations: usize,
    /// Where all randomness starts.
    pub seed: u64,
}

/// Sequences of which the best becomes a parent.
const TOURNAMENT: usize = 3;
/// Tries to make a child that is allowed.
const TRIES: usize = 20;

/// Each child is the begin of one parent and the rest of another, with one or two random substitutions; parents are the best of
/// three drawn at random. Parents and children together leave the best to the next round. A child with too many substitutions
/// loses some at random.
///
/// # Errors
/// As [`super::greedy`].
pub fn evolve(problem: &Problem<'_>, options: Evolution) -> Result<Design, PredictError> {
    problem.check()?;
    let first = problem.start().to_vec();
    let start = problem.scores(std::slice::from_ref(&first))?[0];
    let free: Vec<usize> = (0..first.len()).filter(|&position| !problem.is_protected(position)).collect();
    let mut scored = 1;
    let mut population = vec![(first, start)];
    let size = options.population.max(2);
    for generation in 0..options.generations {
        if free.is_empty() || problem.constraints.edits == 0 {
            break;
        }
        let child = |i: usize| {
            let mut rng = stream(options.seed, "design/evolution", &[problem.row as u64, generation as u64, i as u64]);
            (0..TRIES).map(|_| child(problem, &population, &free, &mut rng)).find(|codes| problem.allows(codes))
        };
        let mut children: Vec<Vec<Code>> = Vec::new();
        for codes in (0..size).filter_map(child) {
            let known = population.iter().any(|(other, _)| *other == codes) || children.contains(&codes);
            if !known {
                children.push(codes);
            }
        }
        let scores = problem.scores(&children)?;
        scored += children.len();
        population.extend(children.into_iter().zip(scores));
        population.sort_by(|a, b| problem.loss(a.1).total_cmp(&problem.loss(b.1)));
        population.truncate(size);
    }
    let (best, _) = population.swap_remove(super::best_of(population.iter().map(|(_, score)| problem.loss(*score))));
    problem.described(best, start, scored)
}

fn child(problem: &Problem<'_>, population: &[(Vec<Code>, f32)], free: &[usize], rng: &mut Stream) -> Vec<Code> {
    let mut parent = || {
        let drawn: Vec<usize> = (0..TOURNAMENT).map(|_| below(rng, population.len())).collect();
        let losses = drawn.iter().map(|&i| problem.loss(population[i].1));
        &population[drawn[super::best_of(losses)]].0
    };
    let (one, other) = (parent(), parent());
    let cut = below(rng, one.len() + 1);
    let mut codes: Vec<Code> = one[..cut].iter().chain(&other[cut..]).copied().collect();
    for _ in 0..=below(rng, 2) {
        let position = free[below(rng, free.len())];
        let old = codes[position];
        // An unknown base may become any, another one of the three others.
        let choices: Vec<u8> = (0..4).filter(|&base| base != old.base()).collect();
        codes[position] = old.with_base(choices[below(rng, choices.len())]);
    }
    let mut changed: Vec<usize> = (0..codes.len()).filter(|&at| codes[at] != problem.start()[at]).collect();
    shuffle(&mut changed, rng);
    for &at in changed.iter().skip(problem.constraints.edits) {
        codes[at] = problem.start()[at];
    }
    codes
}
