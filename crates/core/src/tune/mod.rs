//! Search for settings: what may vary, which settings to try next, and which trials to go on with.
//!
//! All of it is a function of the seed, the number of the trial and the trials that are finished. There is no clock and
//! no state, so a search that is killed and gone on with proposes what it would have proposed.
//!
//! | function | method |
//! |---|---|
//! | [`random`] | every point equally likely (Bergstra and Bengio 2012) |
//! | [`tpe`] | tree-structured Parzen estimator (Bergstra et al. 2011) |
//! | [`rungs`], [`promote`] | successive halving (Jamieson and Talwalkar 2016) |

mod halving;
mod parzen;
mod space;

pub use halving::{HalvingError, Rung, promote, rungs};
pub use parzen::{CANDIDATES, GOOD, STARTUP, tpe};
pub use space::{Domain, Parameter, Range, Space, SpaceError, Value};

use crate::random::stream;

/// One value a parameter of the space, in its order.
pub type Point = Vec<Value>;

/// A trial that is finished.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// 0-based number of the trial.
    pub trial: usize,
    /// What was tried.
    pub point: Point,
    /// How it went; lower is better, `None` is failed.
    pub score: Option<f64>,
}

impl Finished {
    /// The score, or more than any where there is none.
    fn rank(&self) -> f64 {
        self.score.filter(|score| !score.is_nan()).unwrap_or(f64::INFINITY)
    }
}

/// Tries to find a point that no other trial has, before the space counts as used up.
const DRAWS: u64 = 200;

/// The point of a trial by random search, another one than all of `taken`; `None` if the space seems to have no other.
pub fn random(space: &Space, seed: u64, trial: usize, taken: &[Point]) -> Option<Point> {
    fresh(taken, |draw| {
        let parameters = space.parameters().iter().enumerate();
        let values = parameters
            .map(|(p, parameter)| parameter.domain.draw(&mut stream(seed, "tune", &[trial as u64, p as u64, draw])));
        values.collect()
    })
}

/// The first point that is not taken.
fn fresh(taken: &[Point], mut draw: impl FnMut(u64) -> Point) -> Option<Point> {
    (0..DRAWS).map(&mut draw).find(|point| !taken.contains(point))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> Space {
        let numbers = Range { low: 1e-4, high: 1e-1, log: true, integer: false };
        let values = [1, 2, 4].map(Value::Integer).to_vec();
        Space::new(vec![
            Parameter { name: "rate".into(), domain: Domain::Range(numbers) },
            Parameter { name: "filters".into(), domain: Domain::Values(values) },
        ])
        .unwrap()
    }

    #[test]
    fn random_points_are_a_function_of_seed_and_trial() {
        let space = space();
        let draw = |seed, trial| random(&space, seed, trial, &[]).unwrap();
        assert_eq!(draw(1, 3), draw(1, 3));
        assert_ne!(draw(1, 3), draw(1, 4));
        assert_ne!(draw(1, 3), draw(2, 3));
        let points: Vec<Point> = (0..3000).map(|trial| draw(1, trial)).collect();
        // On a log scale a third of the draws lies in each decade.
        let rate = |point: &Point| point[0].as_number().unwrap();
        for decade in [1e-4, 1e-3, 1e-2] {
            let within = points.iter().filter(|p| (decade..decade * 10.0).contains(&rate(p))).count();
            assert!(within.abs_diff(1000) < 100, "{decade}: {within}");
        }
        let twos = points.iter().filter(|p| p[1] == Value::Integer(2)).count();
        assert!(twos.abs_diff(1000) < 100, "{twos}");
    }

    #[test]
    fn no_point_comes_twice_and_a_small_space_ends() {
        let values = [1, 2, 3].map(Value::Integer).to_vec();
        let space = Space::new(vec![Parameter { name: "n".into(), domain: Domain::Values(values) }]).unwrap();
        let mut taken: Vec<Point> = Vec::new();
        while let Some(point) = random(&space, 1, taken.len(), &taken) {
            taken.push(point);
        }
        taken.sort_by_key(|point| point[0].to_string());
        assert_eq!(taken, [1, 2, 3].map(|n| vec![Value::Integer(n)]));
        assert_eq!(tpe(&space, 1, 3, &[], &taken), None);
    }
}
