//! Tree-structured Parzen estimator.

use super::space::{Domain, Range, Space, Value};
use super::{Finished, Point, fresh};
use crate::random::{Stream, below, normal, stream, uniform};

/// Trials that are drawn at random before the estimator has anything to go by.
pub const STARTUP: usize = 10;
/// The share of the finished trials that counts as good.
pub const GOOD: f64 = 0.15;
/// Numbers that are drawn for each parameter, of which the most promising is proposed.
pub const CANDIDATES: usize = 24;
/// The share of the even density among numbers, the same for good and bad trials: what neither have tried looks neither
/// good nor bad, however few of them there are.
const EVEN: f64 = 0.2;

/// The point of a trial by a tree-structured Parzen estimator (Bergstra et al. 2011), another one than all of `taken`;
/// `None` if the space seems to have no other. Random until [`STARTUP`] trials are finished.
///
/// Each parameter is looked at alone: `l` is the density of its values in the best [`GOOD`] of the trials and `g` in the
/// others, each mixed with the even density that random search draws from. Of [`CANDIDATES`] numbers drawn from `l` the one
/// with the largest `l / g` is taken. One of listed values is drawn from `l` as it is: the largest ratio would never again
/// be that of a value which the first good trials happened to miss. Failed trials count as bad ones. The order of
/// `finished` does not matter.
pub fn tpe(space: &Space, seed: u64, trial: usize, finished: &[Finished], taken: &[Point]) -> Option<Point> {
    if finished.len() < STARTUP {
        return super::random(space, seed, trial, taken);
    }
    let mut order: Vec<&Finished> = finished.iter().collect();
    order.sort_by(|a, b| a.rank().total_cmp(&b.rank()).then(a.trial.cmp(&b.trial)));
    let (good, bad) = order.split_at((GOOD * order.len() as f64).ceil() as usize);
    let promising = fresh(taken, |draw| {
        let parameters = space.parameters().iter().enumerate();
        let values = parameters.map(|(p, parameter)| {
            let mut rng = stream(seed, "parzen", &[trial as u64, p as u64, draw]);
            let of = |trials: &[&Finished]| Density::new(&parameter.domain, trials.iter().map(|t| &t.point[p]));
            let (l, g) = (of(good), of(bad));
            if matches!(parameter.domain, Domain::Values(_)) {
                return Some(l.draw(&mut rng));
            }
            let candidates = (0..CANDIDATES).map(|_| l.draw(&mut rng)).map(|value| {
                let ratio = l.at(&value).ln() - g.at(&value).ln();
                (value, ratio)
            });
            // The first of equal ones, so that the order decides and nothing else.
            candidates.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(value, _)| value)
        });
        values.flatten().collect()
    });
    // Where all promising points of a small space are taken, the others are left.
    promising.or_else(|| super::random(space, seed, trial, taken))
}

/// How likely each value of a parameter is.
enum Density<'d> {
    /// By the number of times that each was seen, plus its share of as many even draws.
    Values { values: &'d [Value], weights: Vec<f64> },
    /// The even density by its share, and for the rest a normal around each value seen, cut off at the ends.
    Range { range: &'d Range, bells: Vec<Bell> },
}

/// A normal density; the values are on the scale of the range.
struct Bell {
    mean: f64,
    deviation: f64,
    /// Its mass within the ends.
    mass: f64,
}

impl<'d> Density<'d> {
    fn new<'v>(domain: &'d Domain, seen: impl Iterator<Item = &'v Value>) -> Self {
        match domain {
            Domain::Values(values) => {
                let mut weights = vec![0.0; values.len()];
                let mut total = 0.0;
                for value in seen {
                    total += 1.0;
                    weights.iter_mut().zip(values).filter(|(_, v)| *v == value).for_each(|(w, _)| *w += 1.0);
                }
                let even = f64::max(total, 1.0) / values.len() as f64;
                let sum = total + even * values.len() as f64;
                Self::Values { values, weights: weights.into_iter().map(|weight| (weight + even) / sum).collect() }
            }
            Domain::Range(range) => {
                let seen = seen.filter_map(Value::as_number).map(|value| range.scaled(value));
                Self::Range { range, bells: bells(seen.collect(), range.ends()) }
            }
        }
    }

    fn draw(&self, rng: &mut Stream) -> Value {
        match self {
            Self::Values { values, weights } => {
                let mut left = uniform(rng);
                let chosen = weights.iter().position(|weight| {
                    left -= weight;
                    left < 0.0
                });
                values[chosen.unwrap_or(values.len() - 1)].clone()
            }
            Self::Range { range, bells } => {
                let (low, high) = range.ends();
                let even = bells.is_empty() || uniform(rng) < EVEN;
                let place = if even {
                    low + uniform(rng) * (high - low)
                } else {
                    bells[below(rng, bells.len())].draw(rng, low, high)
                };
                range.value(place)
            }
        }
    }

    fn at(&self, value: &Value) -> f64 {
        match self {
            Self::Values { values, weights } => {
                values.iter().zip(weights).find(|(v, _)| *v == value).map_or(0.0, |(_, &weight)| weight)
            }
            Self::Range { range, bells } => {
                let (low, high) = range.ends();
                let place = range.scaled(value.as_number().unwrap_or(low));
                let even = 1.0 / (high - low);
                if bells.is_empty() {
                    return even;
                }
                let seen = bells.iter().map(|bell| bell.at(place)).sum::<f64>() / bells.len() as f64;
                EVEN * even + (1.0 - EVEN) * seen
            }
        }
    }
}

/// A bell around each value, as wide as the farther of its two neighbours (or ends) is away, but neither wider than the
/// range nor narrower than its share of the range among this many values.
fn bells(mut seen: Vec<f64>, (low, high): (f64, f64)) -> Vec<Bell> {
    seen.sort_by(f64::total_cmp);
    let least = (high - low) / (seen.len() + 1).min(100) as f64;
    let bell = |i: usize| {
        let mean = seen[i];
        let left = mean - i.checked_sub(1).map_or(low, |before| seen[before]);
        let right = seen.get(i + 1).copied().unwrap_or(high) - mean;
        let deviation = left.max(right).clamp(least, high - low);
        let mass = phi((high - mean) / deviation) - phi((low - mean) / deviation);
        Bell { mean, deviation, mass }
    };
    (0..seen.len()).map(bell).collect()
}

impl Bell {
    fn draw(&self, rng: &mut Stream, low: f64, high: f64) -> f64 {
        // Each end is at most the range away, so a draw is within it with a probability of a third at least.
        let mut draws = (0..1000).map(|_| self.mean + self.deviation * normal(rng));
        draws.find(|place| (low..=high).contains(place)).unwrap_or(self.mean.clamp(low, high))
    }

    fn at(&self, place: f64) -> f64 {
        let z = (place - self.mean) / self.deviation;
        (-0.5 * z * z).exp() / (self.deviation * std::f64::consts::TAU.sqrt() * self.mass.max(1e-12))
    }
}

/// The normal distribution function, to 1e-7 (Abramowitz and Stegun 1964, 26.2.17).
fn phi(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let poly =
        t * (0.319_381_530 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt() * poly;
    if x >= 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::{Parameter, random};

    fn range(low: f64, high: f64, log: bool, integer: bool) -> Domain {
        Domain::Range(Range { low, high, log, integer })
    }

    fn space() -> Space {
        let parameter = |name: &str, domain| Parameter { name: name.into(), domain };
        let names = ["a", "b", "c", "d"].map(|name| Value::Text(name.into())).to_vec();
        Space::new(vec![
            parameter("rate", range(1e-5, 1.0, true, false)),
            parameter("units", range(1.0, 64.0, false, true)),
            parameter("kind", Domain::Values(names)),
        ])
        .unwrap()
    }

    /// Best at a rate of 1e-3, 20 units and kind "c".
    fn loss(point: &Point) -> f64 {
        let number = |i: usize| point[i].as_number().unwrap();
        let kind = if point[2] == Value::Text("c".into()) { 0.0 } else { 1.0 };
        (number(0).log10() + 3.0).powi(2) + ((number(1) - 20.0) / 20.0).powi(2) + kind
    }

    type Propose = fn(&Space, u64, usize, &[Finished], &[Point]) -> Option<Point>;

    fn best(seed: u64, trials: usize, propose: Propose) -> f64 {
        let mut finished: Vec<Finished> = Vec::new();
        for trial in 0..trials {
            let taken: Vec<Point> = finished.iter().map(|f| f.point.clone()).collect();
            let point = propose(&space(), seed, trial, &finished, &taken).unwrap();
            finished.push(Finished { trial, score: Some(loss(&point)), point });
        }
        finished.iter().map(Finished::rank).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn it_finds_better_points_than_random_search() {
        let mean = |propose: Propose| (0..20).map(|seed| best(seed, 40, propose)).sum::<f64>() / 20.0;
        let (guided, blind) = (mean(tpe), mean(|space, seed, trial, _, taken| random(space, seed, trial, taken)));
        assert!(guided < 0.5 * blind, "{guided} {blind}");
    }

    #[test]
    fn the_order_of_finished_trials_does_not_matter_and_failed_ones_are_avoided() {
        let space = space();
        let mut finished: Vec<Finished> = (0..30)
            .map(|trial| {
                let point = random(&space, 1, trial, &[]).unwrap();
                // Everything but kind "b" fails.
                let score = (point[2] == Value::Text("b".into())).then(|| loss(&point));
                Finished { trial, point, score }
            })
            .collect();
        let propose = |finished: &[Finished], trial| tpe(&space, 5, trial, finished, &[]).unwrap();
        let first = propose(&finished, 30);
        finished.reverse();
        assert_eq!(first, propose(&finished, 30));
        let b = (30..60).filter(|&trial| propose(&finished, trial)[2] == Value::Text("b".into())).count();
        // With all five good trials at "b", five in eight draws are.
        assert!(b > 12, "{b}");
    }

    #[test]
    fn densities_sum_to_one() {
        let domain = range(2.0, 10.0, false, false);
        let seen = [2.0, 3.5, 9.9].map(Value::Number);
        let density = Density::new(&domain, seen.iter());
        let steps = 80_000;
        let sum: f64 = (0..steps)
            .map(|i| density.at(&Value::Number(2.0 + 8.0 * (i as f64 + 0.5) / steps as f64)) * 8.0 / steps as f64)
            .sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        let domain = Domain::Values([1, 2, 3].map(Value::Integer).to_vec());
        let seen = [1, 1, 3].map(Value::Integer);
        let density = Density::new(&domain, seen.iter());
        // Three seen and three even draws: (2 + 1) / 6, (0 + 1) / 6, (1 + 1) / 6.
        for (value, expected) in [(1, 0.5), (2, 1.0 / 6.0), (3, 1.0 / 3.0)] {
            assert!((density.at(&Value::Integer(value)) - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn draws_follow_the_density() {
        let domain = range(0.0, 1.0, false, false);
        let seen = [0.1, 0.12].map(Value::Number);
        let density = Density::new(&domain, seen.iter());
        let mut rng = stream(1, "test", &[]);
        let n = 20_000;
        let below_half = (0..n).filter(|_| density.draw(&mut rng).as_number().unwrap() < 0.5).count();
        let mass: f64 = (0..5000).map(|i| density.at(&Value::Number((i as f64 + 0.5) / 1e4)) / 1e4).sum();
        assert!((below_half as f64 / f64::from(n) - mass).abs() < 0.02, "{below_half} {mass}");
    }

    #[test]
    fn the_distribution_function_is_that_of_tables() {
        for (x, expected) in [(0.0, 0.5), (1.0, 0.841_344_746), (-1.96, 0.024_997_895), (3.5, 0.999_767_371)] {
            assert!((phi(x) - expected).abs() < 1e-7, "{x}");
        }
    }
}
