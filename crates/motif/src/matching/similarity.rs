//! Scores of query columns against the columns of a database.

use crate::Motif;
use basewise_kernels::Level;
use basewise_kernels::columns::{self, LANES};
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

/// Fine bins that a median is sought in.
const FINE: usize = 2048;
/// The largest sum of scores: sums are numbers of 16 bits.
const LARGEST_SUM: usize = 30_000;

/// The columns of all targets, motifs of one width side by side, and those of the other strands behind them.
pub(super) struct Database {
    pub(super) targets: usize,
    /// Base by base, `[group][column][motif]`.
    columns: [Vec<f64>; 4],
    pub(super) groups: Vec<Group>,
}

/// At most [`LANES`] targets of one width.
pub(super) struct Group {
    pub(super) width: usize,
    /// Indices of the targets.
    pub(super) members: Vec<usize>,
    pub(super) reverse_complement: bool,
    first: usize,
}

impl Group {
    /// Where its scores lie in a row.
    pub(super) fn span(&self) -> Range<usize> {
        self.first..self.first + self.width * self.members.len()
    }
}

impl Database {
    pub(super) fn new(targets: &[Motif], both_strands: bool) -> Self {
        let mut database = Self { targets: targets.len(), columns: Default::default(), groups: Vec::new() };
        let mut order: Vec<usize> = (0..targets.len()).filter(|&i| !targets[i].is_empty()).collect();
        order.sort_by_key(|&i| targets[i].len());
        for same in order.chunk_by(|&a, &b| targets[a].len() == targets[b].len()) {
            for members in same.chunks(LANES) {
                database.push(targets, members, false);
            }
        }
        if both_strands {
            for i in 0..database.groups.len() {
                let members = database.groups[i].members.clone();
                database.push(targets, &members, true);
            }
        }
        database
    }

    fn push(&mut self, targets: &[Motif], members: &[usize], reverse_complement: bool) {
        let width = targets[members[0]].len();
        let first = self.columns[0].len();
        for column in 0..width {
            for &member in members {
                let rows = &targets[member].probabilities;
                let row = if reverse_complement {
                    let [a, c, g, t] = rows[width - 1 - column];
                    [t, g, c, a]
                } else {
                    rows[column]
                };
                self.columns.iter_mut().zip(row).for_each(|(base, p)| base.push(p));
            }
        }
        self.groups.push(Group { width, members: members.to_vec(), reverse_complement, first });
    }

    /// The widths that occur, ascending, without 0.
    pub(super) fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.groups.iter().map(|group| group.width).collect();
        widths.sort_unstable();
        widths.dedup();
        widths
    }

    /// Scores of each query column with each database column, less the query column's median, in whole bins.
    pub(super) fn scores(&self, query: &Motif, similarity: ColumnSimilarity, bins: usize) -> Scores {
        let level = Level::best();
        let bins = bins.clamp(1, (LARGEST_SUM / query.len().max(1)).max(1));
        let length = self.columns[0].len();
        let mut plain = vec![0.0; query.len() * length];
        let (mut low, mut high) = (0.0_f64, 0.0_f64);
        let mut middles = Vec::with_capacity(query.len());
        let mut scratch = Scratch::default();
        for (column, row) in query.probabilities.iter().zip(plain.chunks_exact_mut(length.max(1))) {
            self.compare(column, similarity, level, row);
            let extent = columns::extent(level, row);
            let middle = scratch.median(row, extent, level);
            low = low.min(extent.0 - middle);
            high = high.max(extent.1 - middle);
            middles.push(middle);
        }
        // A span below 1 is left narrow: it is the noise of a database whose columns are all alike.
        let bins_a_unit = (bins as f64 / (high - low.floor()).max(1.0)).floor().max(1.0);
        let mut values = vec![0; plain.len()];
        let rows = plain.chunks_exact(length.max(1)).zip(values.chunks_exact_mut(length.max(1)));
        for ((row, out), &middle) in rows.zip(&middles) {
            columns::bins(level, row, middle, bins_a_unit, out);
        }
        Scores { length, values }
    }

    /// The similarity of a column with each of the database.
    fn compare(&self, column: &[f64; 4], similarity: ColumnSimilarity, level: Level, out: &mut [f64]) {
        let [a, c, g, t] = &self.columns;
        match similarity {
            ColumnSimilarity::Euclidean => columns::euclidean(level, column, [a, c, g, t], out),
            ColumnSimilarity::Pearson => {
                for (i, slot) in out.iter_mut().enumerate() {
                    *slot = similarity.score(column, &[a[i], c[i], g[i], t[i]]);
                }
            }
        }
    }
}

/// Whole-numbered scores; 0 is the median of each query column.
pub(super) struct Scores {
    /// Scores of a query column.
    length: usize,
    values: Vec<i16>,
}

impl Scores {
    #[cfg(test)]
    pub(super) fn of_rows(rows: &[Vec<i16>]) -> Self {
        Self { length: rows[0].len(), values: rows.concat() }
    }

    /// The scores of each query column.
    pub(super) fn rows(&self) -> impl ExactSizeIterator<Item = &[i16]> {
        self.values.chunks_exact(self.length.max(1))
    }
}

/// Memory that medians of many rows share.
#[derive(Default)]
struct Scratch {
    fine: Vec<i16>,
    held: Vec<f64>,
}

impl Scratch {
    /// The middle value; of an even number the lower of the two, so that it is a score that occurs. 0 of nothing.
    ///
    /// Values are counted in fine bins, and only those of the bin with the middle are put in order.
    fn median(&mut self, values: &[f64], (low, high): (f64, f64), level: Level) -> f64 {
        if values.is_empty() {
            return 0.0;
        }
        let mut rank = (values.len() - 1) / 2;
        let scale = (FINE - 2) as f64 / (high - low).max(1e-9);
        self.fine.resize(values.len(), 0);
        columns::bins(level, values, low, scale, &mut self.fine);
        // Two counts in turn, so that equal neighbours need not wait for each other.
        let mut counts = [[0_u32; FINE]; 2];
        for (i, &bin) in self.fine.iter().enumerate() {
            counts[i & 1][bin as usize & (FINE - 1)] += 1;
        }
        let mut bin = 0;
        while let count = (counts[0][bin] + counts[1][bin]) as usize
            && rank >= count
        {
            rank -= count;
            bin += 1;
        }
        self.held.clear();
        for (fine, values) in self.fine.chunks(64).zip(values.chunks(64)) {
            if fine.iter().fold(false, |any, &f| any | (f == bin as i16)) {
                self.held.extend(fine.iter().zip(values).filter(|(f, _)| **f == bin as i16).map(|(_, v)| *v));
            }
        }
        *self.held.select_nth_unstable_by(rank, f64::total_cmp).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_numbers() {
        let median = |values: &[f64]| {
            let extent = columns::extent(Level::best(), values);
            Scratch::default().median(values, extent, Level::best())
        };
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[4.0, 1.0]), 1.0);
        assert_eq!(median(&[9.0, 1.0, 4.0]), 4.0);
        assert_eq!(median(&[9.0, 1.0, 4.0, 5.0]), 4.0);
        assert_eq!(median(&[-0.5; 100]), -0.5);
        // Many in one bin, beside one far away.
        let mut close: Vec<f64> = (0..999).map(|i| 1.0 + ((i * 617) % 999) as f64 * 1e-9).collect();
        close.push(1e6);
        assert_eq!(median(&close), 1.0 + 499.0 * 1e-9);
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
