//! The null distribution of the best alignment's score, by dynamic programming over query columns.

use super::similarity::Scores;
use std::collections::BTreeMap;

/// Probabilities of whole-numbered scores from `low` upwards.
#[derive(Clone)]
struct Distribution {
    low: i64,
    mass: Vec<f64>,
}

impl Distribution {
    /// How often each score occurs in a column.
    fn of(values: &[i32]) -> Self {
        let low = values.iter().copied().min().unwrap_or(0);
        let high = values.iter().copied().max().unwrap_or(0);
        let mut mass = vec![0.0; (high - low + 1) as usize];
        for &value in values {
            mass[(value - low) as usize] += 1.0;
        }
        let n = values.len().max(1) as f64;
        mass.iter_mut().for_each(|m| *m /= n);
        Self { low: i64::from(low), mass }
    }

    /// The distribution of the sum of two independent scores.
    fn plus(&self, other: &Self) -> Self {
        let mut mass = vec![0.0; self.mass.len() + other.mass.len() - 1];
        for (i, &p) in other.mass.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            for (slot, &q) in mass[i..].iter_mut().zip(&self.mass) {
                *slot += p * q;
            }
        }
        Self { low: self.low + other.low, mass }
    }
}

/// P-values for targets of each width.
pub(super) struct Null {
    /// The score of the first entry of each table.
    low: i64,
    /// By width: `sum ln(1 - p_k(score))` over the alignments k, for each score from `low` on.
    tables: BTreeMap<usize, Vec<f64>>,
}

impl Null {
    /// The null distributions of a query against targets of the given `widths`.
    pub(super) fn new(scores: &Scores, widths: &[usize], min_overlap: usize) -> Self {
        let columns: Vec<Distribution> = scores.values.iter().map(|values| Distribution::of(values)).collect();
        let low: i64 = columns.iter().map(|column| column.low.min(0)).sum();
        let high: i64 = columns.iter().map(|column| (column.low + column.mass.len() as i64 - 1).max(0)).sum();
        let length = (high - low + 1) as usize;
        let tables = widths.iter().map(|&width| (width, vec![0.0; length])).collect();
        let mut null = Self { low, tables };
        null.fill(&columns, widths.last().copied().unwrap_or(0), min_overlap);
        null
    }

    /// Adds every stretch of query columns to the widths that can be aligned with just it: a stretch inside the
    /// query needs a target of its own width, one at an end any wider target too, the whole query every wider target
    /// in several places.
    fn fill(&mut self, columns: &[Distribution], widest: usize, min_overlap: usize) {
        let n = columns.len();
        for start in 0..n {
            let mut sum: Option<Distribution> = None;
            // Stretches up to the query's last column are built from the right, below.
            let last = (start + widest).min(if start == 0 { n } else { n - 1 });
            for end in start + 1..=last {
                let column = &columns[end - 1];
                let total = sum.map_or_else(|| column.clone(), |sum| sum.plus(column));
                self.add(&total, (start, end), n, min_overlap);
                sum = Some(total);
            }
        }
        let mut sum: Option<Distribution> = None;
        for start in (n.saturating_sub(widest).max(1)..n).rev() {
            let total = sum.map_or_else(|| columns[start].clone(), |sum| sum.plus(&columns[start]));
            self.add(&total, (start, n), n, min_overlap);
            sum = Some(total);
        }
    }

    fn add(&mut self, scores: &Distribution, (start, end): (usize, usize), n: usize, min_overlap: usize) {
        let overlap = end - start;
        let places = |width: usize| match (start == 0, end == n) {
            (true, true) => (width + 1).saturating_sub(n),
            (true, false) | (false, true) => usize::from(width >= overlap),
            (false, false) => usize::from(width == overlap),
        };
        let is_wanted = |width: usize| places(width) > 0 && overlap >= min_overlap.min(n).min(width);
        if !self.tables.keys().any(|&width| is_wanted(width)) {
            return;
        }
        let logs = self.log_not_reached(scores);
        for (&width, table) in self.tables.iter_mut().filter(|(width, _)| is_wanted(**width)) {
            let times = places(width) as f64;
            table.iter_mut().zip(&logs).for_each(|(slot, log)| *slot += times * log);
        }
    }

    /// `ln(1 - P(S >= score))` for each score of the tables.
    fn log_not_reached(&self, scores: &Distribution) -> Vec<f64> {
        let length = self.tables.values().next().map_or(0, Vec::len);
        let mut logs = vec![0.0; length];
        let mut above = 0.0;
        let first = (scores.low - self.low) as usize;
        for (i, log) in logs.iter_mut().enumerate().take(first + scores.mass.len()).rev() {
            above += if i >= first { scores.mass[i - first] } else { 0.0 };
            // Below the lowest score the sum is 1 but for rounding.
            let reached = if i <= first { 1.0 } else { f64::min(above, 1.0) };
            *log = (-reached).ln_1p();
        }
        logs
    }

    /// Probability that the best alignment with a random target of this width scores at least `score`.
    pub(super) fn p_value(&self, width: usize, score: i64) -> f64 {
        let Some(table) = self.tables.get(&width) else { return 1.0 };
        let index = (score - self.low).max(0) as usize;
        // Tables end at the highest score that any alignment can have.
        table.get(index).map_or(0.0, |log| -log.exp_m1())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two query columns, each -1 or 1 with equal odds.
    fn coin() -> Scores {
        Scores { values: vec![vec![-1, 1]; 2] }
    }

    #[test]
    fn one_column_targets_have_two_alignments() {
        let null = Null::new(&coin(), &[1], 1);
        assert!((null.p_value(1, 1) - 0.75).abs() < 1e-12);
        assert_eq!(null.p_value(1, -1), 1.0);
        assert_eq!(null.p_value(1, 2), 0.0);
    }

    #[test]
    fn wider_targets_add_overhangs() {
        // Both ends overhang with one column, p(1) = 1/2 each; two columns together reach 1 only as 2, p = 1/4.
        let null = Null::new(&coin(), &[2, 3], 1);
        assert!((null.p_value(2, 1) - (1.0 - 0.5 * 0.5 * 0.75)).abs() < 1e-12);
        assert!((null.p_value(3, 2) - (1.0 - 0.75 * 0.75)).abs() < 1e-12);
        let full = Null::new(&coin(), &[2], 2);
        assert!((full.p_value(2, 2) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn the_sum_of_two_coins_is_binomial() {
        let column = Distribution::of(&[-1, 1]);
        let sum = column.plus(&column);
        assert_eq!((sum.low, sum.mass), (-2, vec![0.25, 0.0, 0.5, 0.0, 0.25]));
    }
}
