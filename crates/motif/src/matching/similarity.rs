//! Scores of query columns against the columns of a database.

use crate::Motif;
use std::ops::Range;

/// How alike two columns are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ColumnSimilarity {
    /// Minus the Euclidean distance of the probabilities: 0 at best. The default of Tomtom since 2007.
    #[default]
    Euclidean,
    /// Pearson's correlation of the probabilities: 1 at best; 0 where a column is uniform.
    Pearson,
}

impl ColumnSimilarity {
    fn score(self, a: &[f64; 4], b: &[f64; 4]) -> f64 {
        match self {
            Self::Euclidean => -(0..4).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt(),
            Self::Pearson => {
                // The mean of a column of probabilities is one quarter.
                let dot = |x: &[f64; 4], y: &[f64; 4]| (0..4).map(|i| (x[i] - 0.25) * (y[i] - 0.25)).sum::<f64>();
                let scale = (dot(a, a) * dot(b, b)).sqrt();
                if scale > 1e-12 { dot(a, b) / scale } else { 0.0 }
            }
        }
    }
}

/// All columns of all targets in a row, those of the other strands behind them.
pub(super) struct Database {
    pub(super) targets: usize,
    columns: Vec<[f64; 4]>,
    /// Columns of the targets, then of their reverse complements where both strands count.
    spans: Vec<Range<usize>>,
}

impl Database {
    pub(super) fn new(targets: &[Motif], both_strands: bool) -> Self {
        let mut database = Self { targets: targets.len(), columns: Vec::new(), spans: Vec::new() };
        for target in targets {
            database.push(target.probabilities.iter().copied());
        }
        if both_strands {
            for target in targets {
                database.push(target.probabilities.iter().rev().map(|&[a, c, g, t]| [t, g, c, a]));
            }
        }
        database
    }

    fn push(&mut self, columns: impl Iterator<Item = [f64; 4]>) {
        let start = self.columns.len();
        self.columns.extend(columns);
        self.spans.push(start..self.columns.len());
    }

    /// The columns of a target, or of its other strand if there is one in the database.
    pub(super) fn span(&self, target: usize, reverse: bool) -> Option<Range<usize>> {
        self.spans.get(if reverse { self.targets + target } else { target }).cloned()
    }

    /// The widths that occur, ascending, without 0.
    pub(super) fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.spans.iter().map(Range::len).filter(|&width| width > 0).collect();
        widths.sort_unstable();
        widths.dedup();
        widths
    }

    /// Scores of each query column with each database column, less the query column's median, in whole bins.
    pub(super) fn scores(&self, query: &Motif, similarity: ColumnSimilarity, bins: usize) -> Scores {
        let shifted: Vec<Vec<f64>> = query
            .probabilities
            .iter()
            .map(|column| {
                let mut row: Vec<f64> = self.columns.iter().map(|other| similarity.score(column, other)).collect();
                let middle = median(&row);
                row.iter_mut().for_each(|score| *score -= middle);
                row
            })
            .collect();
        let low = shifted.iter().flatten().copied().fold(0.0, f64::min).floor();
        let high = shifted.iter().flatten().copied().fold(0.0, f64::max);
        // A span below 1 is left narrow: it is the noise of a database whose columns are all alike.
        let bins_a_unit = (bins as f64 / (high - low).max(1.0)).floor().max(1.0);
        let whole = |score: &f64| (score * bins_a_unit + 0.5).floor() as i32;
        Scores { values: shifted.iter().map(|row| row.iter().map(whole).collect()).collect() }
    }
}

/// Whole-numbered scores, `[query column][database column]`; 0 is the median of each query column.
pub(super) struct Scores {
    pub(super) values: Vec<Vec<i32>>,
}

/// The middle value; of an even number the lower of the two, so that it is a score that occurs. 0 of nothing.
fn median(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let mut values = values.to_vec();
    let middle = (values.len() - 1) / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_numbers() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[4.0, 1.0]), 1.0);
        assert_eq!(median(&[9.0, 1.0, 4.0]), 4.0);
        assert_eq!(median(&[9.0, 1.0, 4.0, 5.0]), 4.0);
    }

    #[test]
    fn similarities_of_equal_opposite_and_uniform_columns() {
        let (a, c) = ([1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]);
        let (euclidean, pearson) = (ColumnSimilarity::Euclidean, ColumnSimilarity::Pearson);
        assert_eq!((euclidean.score(&a, &a), euclidean.score(&a, &c)), (0.0, -(2_f64.sqrt())));
        assert!((pearson.score(&a, &a) - 1.0).abs() < 1e-12);
        assert!((pearson.score(&a, &c) + 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(pearson.score(&a, &[0.25; 4]), 0.0);
    }
}
