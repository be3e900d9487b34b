//! The exact distribution of a motif's score, by dynamic programming over its positions.
//!
//! Scores are whole multiples of a granularity: each entry of the matrix is rounded to the nearest multiple (halves away
//! from 0), and a score is the sum of rounded entries. Of these scores the p-values are exact, for any background, but for
//! the rounding of sums of f64; against the sums of unrounded entries a score is off by half the granularity a position at
//! most.

/// Entries a distribution may have: 256 MB with the second array that they are computed in.
const MOST_SCORES: i64 = 1 << 24;

/// Why a motif cannot be scanned for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScanError {
    /// A matrix without positions, or with entries that are no numbers.
    #[error("motif {id:?}: expected a matrix of finite scores with at least one position{found}")]
    Matrix {
        /// Id of the motif.
        id: String,
        /// What was found instead, or nothing.
        found: &'static str,
    },
    /// The granularity is not a positive number, or so fine that there are too many scores.
    #[error(
        "motif {id:?}: expected a granularity that divides its scores, {span:.1} bits apart, into at most 16 million steps, found {granularity}"
    )]
    Granularity {
        /// Id of the motif.
        id: String,
        /// Bits from the lowest to the highest score.
        span: f64,
        /// Bits a step.
        granularity: f64,
    },
}

/// A matrix in whole steps, and how likely each score is on random sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreDistribution {
    granularity: f64,
    steps: Vec<[i32; 4]>,
    low: i32,
    /// `P(score >= low + i)`.
    reached: Vec<f64>,
}

impl ScoreDistribution {
    /// The distribution of the scores of `log_odds` (`[position][A C G T]`, bits) on a sequence of independent bases with
    /// the frequencies of `background`, in steps of `granularity` bits. `id` names the motif in errors.
    ///
    /// # Errors
    /// No position, an infinite score (a matrix without pseudocount), a granularity that is no positive number or gives more
    /// than 2^24 scores.
    pub fn new(id: &str, log_odds: &[[f64; 4]], background: [f64; 4], granularity: f64) -> Result<Self, ScanError> {
        let matrix_error = |found| Err(ScanError::Matrix { id: id.to_owned(), found });
        if log_odds.is_empty() {
            return matrix_error(", found none");
        }
        if log_odds.iter().flatten().any(|score| !score.is_finite()) {
            return matrix_error("; a pseudocount above 0 makes them so");
        }
        let end = |pick: fn(f64, f64) -> f64| log_odds.iter().filter_map(|row| row.iter().copied().reduce(pick)).sum();
        let (lowest, highest): (f64, f64) = (end(f64::min), end(f64::max));
        let span = highest - lowest;
        let largest = log_odds.iter().flatten().fold(0.0_f64, |a, b| a.max(b.abs()));
        let count = span / granularity + log_odds.len() as f64 + 1.0;
        let steps_fit = largest * log_odds.len() as f64 / granularity < f64::from(i32::MAX / 4);
        if !(granularity > 0.0 && count < MOST_SCORES as f64 && steps_fit) {
            return Err(ScanError::Granularity { id: id.to_owned(), span, granularity });
        }
        let steps: Vec<[i32; 4]> =
            log_odds.iter().map(|row| row.map(|score| (score / granularity).round() as i32)).collect();
        let low = steps.iter().map(least).sum();
        let mut reached = mass(&steps, crate::motif::normalized(background));
        // From the top, so that the small tails keep all their digits.
        let mut sum = 0.0;
        for slot in reached.iter_mut().rev() {
            sum += *slot;
            *slot = f64::min(sum, 1.0);
        }
        reached[0] = 1.0;
        Ok(Self { granularity, steps, low, reached })
    }

    /// Bits a step.
    pub fn granularity(&self) -> f64 {
        self.granularity
    }

    /// The matrix in steps, one row a position.
    pub fn steps(&self) -> &[[i32; 4]] {
        &self.steps
    }

    /// The probability of a score of at least `score` steps: 1 at and below the lowest score, 0 above the highest.
    pub fn p_value(&self, score: i32) -> f64 {
        let above = i64::from(score) - i64::from(self.low);
        if above <= 0 { 1.0 } else { self.reached.get(above as usize).copied().unwrap_or(0.0) }
    }

    /// The lowest score in steps whose p-value is at most `p`. One above the highest score if none is.
    pub fn threshold(&self, p: f64) -> i32 {
        self.low + self.reached.partition_point(|&reached| reached > p) as i32
    }

    /// The highest score in steps.
    pub fn highest(&self) -> i32 {
        self.low + self.reached.len() as i32 - 1
    }
}

fn least(row: &[i32; 4]) -> i32 {
    row.iter().copied().min().unwrap_or(0)
}

/// How likely each score is, from the lowest to the highest.
fn mass(steps: &[[i32; 4]], background: [f64; 4]) -> Vec<f64> {
    let mut mass = vec![1.0];
    for row in steps {
        let low = least(row);
        let shifts = row.map(|step| (step - low) as usize);
        let mut next = vec![0.0; mass.len() + shifts.into_iter().max().unwrap_or(0)];
        for (shift, probability) in shifts.into_iter().zip(background) {
            next[shift..].iter_mut().zip(&mass).for_each(|(slot, m)| *slot += probability * m);
        }
        mass = next;
    }
    mass
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `P(score >= s)` for every score of all `4^width` words, one by one.
    fn enumerated(steps: &[[i32; 4]], background: [f64; 4]) -> Vec<(i32, f64)> {
        let mut words = vec![(0, 1.0)];
        for row in steps {
            words = words
                .iter()
                .flat_map(|&(score, p)| (0..4).map(move |base| (score + row[base], p * background[base])))
                .collect();
        }
        words.sort_by_key(|&(score, _)| std::cmp::Reverse(score));
        let mut sum = 0.0;
        words.iter_mut().for_each(|(_, p)| {
            sum += *p;
            *p = sum;
        });
        // Of equal scores the last one has the whole sum.
        words.reverse();
        words.dedup_by_key(|(score, _)| *score);
        words
    }

    fn compare(log_odds: &[[f64; 4]], background: [f64; 4], granularity: f64) {
        let distribution = ScoreDistribution::new("m", log_odds, background, granularity).unwrap();
        let total: f64 = background.iter().sum();
        for (score, p) in enumerated(distribution.steps(), background.map(|b| b / total)) {
            let found = distribution.p_value(score);
            assert!((found - p).abs() <= 1e-11 * p, "{score}: {found} and {p}");
        }
        let all: Vec<f64> = (distribution.low..=distribution.highest()).map(|s| distribution.p_value(s)).collect();
        assert!(all.windows(2).all(|pair| pair[0] >= pair[1]) && all[0] == 1.0);
        assert_eq!(distribution.p_value(distribution.highest() + 1), 0.0);
        assert_eq!(distribution.p_value(i32::MIN), 1.0);
    }

    proptest! {
        #[test]
        fn p_values_are_those_of_all_words(
            log_odds in proptest::collection::vec(proptest::array::uniform4(-9.0_f64..3.0), 1..7),
            background in proptest::array::uniform4(0.05_f64..1.0),
            granularity in 0.003_f64..0.5,
        ) {
            compare(&log_odds, background, granularity);
        }
    }

    #[test]
    fn p_values_of_ten_positions_are_those_of_a_million_words() {
        let log_odds: Vec<[f64; 4]> =
            (0..10).map(|i| std::array::from_fn(|b| ((i * 7 + b * 5) % 11) as f64 * 0.37 - 3.1)).collect();
        compare(&log_odds, [0.25; 4], 0.01);
        compare(&log_odds, [0.31, 0.19, 0.17, 0.33], 0.1);
    }

    #[test]
    fn thresholds_are_the_lowest_scores_that_are_rare_enough() {
        // Two positions that want an A: 2 with p 1/16, 1 - 3 = -2 with p 7/16, else -6.
        let log_odds = [[1.0, -3.0, -3.0, -3.0]; 2];
        let d = ScoreDistribution::new("m", &log_odds, [0.25; 4], 1.0).unwrap();
        assert_eq!((d.p_value(2), d.p_value(-2), d.p_value(-6)), (0.0625, 0.4375, 1.0));
        assert_eq!((d.p_value(-1), d.p_value(-5)), (0.0625, 0.4375));
        assert_eq!((d.threshold(0.0625), d.threshold(0.1), d.threshold(0.4375)), (-1, -1, -5));
        assert_eq!((d.threshold(0.01), d.threshold(1.0)), (3, -6));
        assert_eq!(d.highest(), 2);
    }

    #[test]
    fn what_has_no_distribution_is_refused() {
        let new = |rows: &[[f64; 4]], granularity| ScoreDistribution::new("m", rows, [0.25; 4], granularity);
        assert!(matches!(new(&[], 0.1), Err(ScanError::Matrix { .. })));
        assert!(matches!(new(&[[0.0, f64::NEG_INFINITY, 0.0, 0.0]], 0.1), Err(ScanError::Matrix { .. })));
        for granularity in [0.0, -1.0, f64::NAN, 1e-9, 1e-300] {
            let error = new(&[[1.0, -9.0, -9.0, -9.0]; 4], granularity).unwrap_err();
            assert!(matches!(error, ScanError::Granularity { span, .. } if span == 40.0), "{error}");
        }
        // Coarse is allowed: all entries are 0 then, and nothing is rare.
        assert_eq!(new(&[[0.4, -0.4, 0.1, 0.1]], 1.0).unwrap().threshold(0.5), 1);
    }
}
