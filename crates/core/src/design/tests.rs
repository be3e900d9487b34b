use super::*;
use crate::{Alphabet, CasePolicy, Encoding, Matrix, TaskKind};

const ENCODING: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
const LENGTH: usize = 12;

type Score = fn(&[Code]) -> f32;

/// A closure as a model with two outputs, the score and its negative.
struct Closure(Vec<Task>, Score);

impl Predict for Closure {
    fn tasks(&self) -> &[Task] {
        &self.0
    }
    fn encoding(&self) -> Encoding {
        ENCODING
    }
    fn length(&self) -> usize {
        LENGTH
    }
    fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
        let scores = (0..batch.len()).flat_map(|i| {
            let score = (self.1)(batch.sequence(i));
            [score, -score]
        });
        Ok(Matrix::new(batch.len(), 2, scores.collect()))
    }
}

fn model(score: Score) -> Closure {
    let task = |name: &str| Task { name: name.into(), kind: TaskKind::Regression };
    Closure(vec![task("score"), task("negative")], score)
}

/// Each base has a weight at each position.
fn weight(at: usize, base: u8) -> f32 {
    if base > 3 { 0.0 } else { ((at * 7 + usize::from(base) * 5) % 11) as f32 - 3.0 }
}

fn linear(codes: &[Code]) -> f32 {
    codes.iter().enumerate().map(|(at, code)| weight(at, code.base())).sum()
}

fn linear_gradient(_: &SequenceBatch) -> Result<Vec<f32>, PredictError> {
    Ok((0..4u8).flat_map(|base| (0..LENGTH).map(move |at| weight(at, base))).collect())
}

/// Two substitutions that only help together: a single one is worse than none.
fn pair(codes: &[Code]) -> f32 {
    match (codes[2].base() == 2, codes[9].base() == 3) {
        (true, true) => 10.0,
        (false, false) => 0.0,
        _ => -0.1,
    }
}

fn batch(letters: &str) -> SequenceBatch {
    let mut batch = SequenceBatch::new(ENCODING, LENGTH);
    batch.push(letters.as_bytes()).unwrap();
    batch
}

fn anything(_: &[Code]) -> bool {
    true
}

fn problem<'a>(model: &'a Closure, batch: &'a SequenceBatch, aim: Aim, edits: usize) -> Problem<'a> {
    let constraints = Constraints { edits, protected: vec![false; LENGTH], gc: None, accepts: &anything };
    Problem { model, batch, row: 0, watched: 0.into(), aim, constraints }
}

const EVOLUTION: Evolution = Evolution { population: 40, generations: 60, seed: 1 };

/// All searches.
fn all(problem: &Problem<'_>) -> Vec<(&'static str, Design)> {
    vec![
        ("greedy", greedy(problem).unwrap()),
        ("beam", beam(problem, 4).unwrap()),
        ("evolution", evolve(problem, EVOLUTION).unwrap()),
        ("gradient", ascend(problem, 100, &mut linear_gradient).unwrap()),
    ]
}

/// The best score of a linear model with so many substitutions of these positions.
fn optimum(codes: &[Code], edits: usize, sign: f32, free: impl Fn(usize) -> bool) -> f32 {
    let gain = |at: usize| {
        let best = (0..4).map(|base| sign * weight(at, base)).fold(f32::NEG_INFINITY, f32::max);
        best - sign * weight(at, codes[at].base())
    };
    let mut gains: Vec<f32> = (0..codes.len()).filter(|&at| free(at)).map(gain).collect();
    gains.sort_by(|a, b| b.total_cmp(a));
    linear(codes) + sign * gains.iter().take(edits).filter(|gain| **gain > 0.0).sum::<f32>()
}

#[test]
fn all_searches_find_the_optimum_of_a_linear_model() {
    let (model, batch) = (model(linear), batch("ACGTACGTACGT"));
    for (aim, sign) in [(Aim::High, 1.0), (Aim::Low, -1.0)] {
        for edits in [0, 1, 4, LENGTH] {
            let problem = problem(&model, &batch, aim, edits);
            for (name, design) in all(&problem) {
                let expected = optimum(batch.sequence(0), edits, sign, |_| true);
                assert_eq!(design.score, expected, "{name} {aim:?} {edits}");
                assert_eq!(linear(&design.codes), expected, "{name}");
                assert!(design.steps.len() <= edits && design.start == linear(batch.sequence(0)), "{name}");
            }
        }
    }
}

#[test]
fn steps_lead_from_the_start_to_the_design() {
    let (model, batch) = (model(linear), batch("ACGTNNGTACGT"));
    for (name, design) in all(&problem(&model, &batch, Aim::High, 5)) {
        let mut codes = batch.sequence(0).to_vec();
        for step in &design.steps {
            assert_eq!(codes[step.position].base(), step.from, "{name}");
            codes[step.position] = codes[step.position].with_base(step.to);
            assert_eq!(linear(&codes), step.score, "{name}");
        }
        assert_eq!(codes, design.codes, "{name}");
        assert!(design.scored > 1, "{name}");
    }
}

#[test]
fn a_value_is_met_and_not_passed() {
    let (model, batch) = (model(linear), batch("ACGTACGTACGT"));
    let start = linear(batch.sequence(0));
    for (name, design) in all(&problem(&model, &batch, Aim::Value(f64::from(start) + 9.0), 6)) {
        assert!((design.score - start - 9.0).abs() <= 1.0, "{name}: {} from {start}", design.score);
    }
    let there = problem(&model, &batch, Aim::Value(f64::from(start)), 6);
    assert!(greedy(&there).unwrap().steps.is_empty());
}

#[test]
fn protected_positions_keep_their_bases() {
    let (model, batch) = (model(linear), batch("ACGTACGTACGT"));
    let mut problem = problem(&model, &batch, Aim::High, LENGTH);
    (0..6).for_each(|at| problem.constraints.protected[at] = true);
    for (name, design) in all(&problem) {
        assert_eq!(design.codes[..6], batch.sequence(0)[..6], "{name}");
        assert_eq!(design.score, optimum(batch.sequence(0), LENGTH, 1.0, |at| at >= 6), "{name}");
    }
    problem.constraints.protected = vec![true; LENGTH];
    assert!(all(&problem).iter().all(|(_, design)| design.steps.is_empty()));
}

#[test]
fn what_is_not_accepted_is_not_put_out() {
    let (model, batch) = (model(linear), batch("ACGTACGTACGT"));
    let no_ggs = |codes: &[Code]| !codes.windows(2).any(|pair| pair[0].base() == 2 && pair[1].base() == 2);
    let mut problem = problem(&model, &batch, Aim::High, LENGTH);
    problem.constraints.accepts = &no_ggs;
    problem.constraints.gc = Some((0.4, 0.5));
    for (name, design) in all(&problem) {
        let share = crate::realism::gc_share(&design.codes).unwrap();
        assert!(no_ggs(&design.codes) && (0.4..=0.5).contains(&share), "{name}: {share}");
        assert!(design.score > design.start, "{name}");
    }
}

#[test]
fn a_start_outside_of_the_range_comes_nearer() {
    let (model, batch) = (model(linear), batch("GGGGGGGGGGGG"));
    let mut problem = problem(&model, &batch, Aim::High, 3);
    problem.constraints.gc = Some((0.0, 0.5));
    for (name, design) in all(&problem) {
        assert!(crate::realism::gc_share(&design.codes).unwrap() < 1.0 && !design.steps.is_empty(), "{name}");
    }
}

#[test]
fn a_beam_goes_through_a_valley_that_greedy_stays_before() {
    let (model, batch) = (model(pair), batch("AAAAAAAAAAAA"));
    let problem = problem(&model, &batch, Aim::High, 2);
    assert_eq!(greedy(&problem).unwrap().steps, []);
    // Wide enough to hold the worse singles.
    let found = beam(&problem, 40).unwrap();
    assert_eq!((found.score, found.steps.len()), (10.0, 2));
    assert_eq!(evolve(&problem, EVOLUTION).unwrap().score, 10.0);
}

#[test]
fn evolution_repeats_with_its_seed() {
    let (model, batch) = (model(linear), batch("ACGTACGTACGT"));
    let problem = problem(&model, &batch, Aim::High, 4);
    let short = Evolution { generations: 3, ..EVOLUTION };
    assert_eq!(evolve(&problem, short).unwrap(), evolve(&problem, short).unwrap());
}

#[test]
fn an_output_that_is_not_there_is_refused() {
    let (model, batch) = (model(linear), batch("ACGTACGTACGT"));
    let mut problem = problem(&model, &batch, Aim::High, 4);
    problem.watched = Watched { output: 0, minus: Some(2) };
    let expected = PredictError::NoSuchOutput { output: 2, outputs: 2 };
    assert_eq!(greedy(&problem), Err(expected.clone()));
    assert_eq!(evolve(&problem, EVOLUTION), Err(expected.clone()));
    assert_eq!(ascend(&problem, 3, &mut linear_gradient), Err(expected));
}
