//! Scores of query columns against the columns of a database.

use super::null::Distribution;
use crate::Motif;
use basewise_kernels::Level;
use basewise_kernels::columns::{self, FRACTION, LANES};
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

/// Steps of a unit of similarity. Similarities are counted in whole steps below the best, so that they are within half of one of
/// those of the definition.
const STEPS: i16 = 2000;
/// As many as any similarity is below the best, and more.
const FINE: usize = 4096;
/// The largest sum of scores: sums are numbers of 16 bits.
const LARGEST_SUM: usize = 30_000;

/// The columns of all targets, motifs of one width side by side, and those of the other strands behind them.
pub(super) struct Database {
    pub(super) targets: usize,
    /// Base by base, `[group][column][motif]`.
    columns: [Vec<f32>; 4],
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
                self.columns.iter_mut().zip(row).for_each(|(base, p)| base.push(p as f32));
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
        let mut values = vec![0; query.len() * length];
        let counted: Vec<Counts> = query
            .probabilities
            .iter()
            .zip(values.chunks_exact_mut(length.max(1)))
            .map(|(column, row)| {
                self.compare(column, similarity, level, row);
                Counts::new(row)
            })
            .collect();
        let steps = |of: &dyn Fn(&Counts) -> i16| f64::from(counted.iter().map(of).max().unwrap_or(0).max(0));
        let (high, low) = (steps(&|c| c.middle - c.least), steps(&|c| c.most - c.middle));
        let span = (high / f64::from(STEPS)) + (low / f64::from(STEPS)).ceil();
        // A span below 1 is left narrow: it is the noise of a database whose columns are all alike.
        let bins_a_unit = (bins as f64 / span.max(1.0)).floor().max(1.0);
        let factor = (bins_a_unit / f64::from(STEPS) * f64::from(1 << FRACTION)).round() as i32;
        let rows = values.chunks_exact_mut(length.max(1)).zip(&counted);
        rows.for_each(|(row, counts)| columns::scale(level, row, counts.middle, factor));
        let nulls = counted.iter().map(|counts| counts.distribution(factor)).collect();
        Scores { length, values, nulls }
    }

    /// How far the similarity of a column with each of the database is below the best, in steps.
    fn compare(&self, column: &[f64; 4], similarity: ColumnSimilarity, level: Level, out: &mut [i16]) {
        let [a, c, g, t] = &self.columns;
        match similarity {
            ColumnSimilarity::Euclidean => {
                columns::euclidean(level, &column.map(|p| p as f32), [a, c, g, t], STEPS.into(), out);
            }
            ColumnSimilarity::Pearson => {
                for (i, slot) in out.iter_mut().enumerate() {
                    let score = similarity.score(column, &[a[i], c[i], g[i], t[i]].map(f64::from));
                    *slot = ((1.0 - score) * f64::from(STEPS)).round() as i16;
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
    /// How often each score occurs in a query column.
    pub(super) nulls: Vec<Distribution>,
}

impl Scores {
    #[cfg(test)]
    pub(super) fn of_rows(rows: &[Vec<i16>]) -> Self {
        let nulls = rows.iter().map(|row| Distribution::of(row)).collect();
        Self { length: rows[0].len(), values: rows.concat(), nulls }
    }

    /// The scores of each query column.
    pub(super) fn rows(&self) -> impl ExactSizeIterator<Item = &[i16]> {
        self.values.chunks_exact(self.length.max(1))
    }
}

/// How often each number of steps below the best occurs.
struct Counts {
    counts: Vec<u32>,
    n: usize,
    least: i16,
    most: i16,
    /// The middle similarity; of an even number the lower of the two, so that it is one that occurs. 0 of nothing.
    middle: i16,
}

impl Counts {
    fn new(values: &[i16]) -> Self {
        // Two counts in turn, so that equal neighbours need not wait for each other.
        let mut counts = [[0_u32; FINE]; 2];
        let [even, odd] = &mut counts;
        let (pairs, rest) = values.as_chunks::<2>();
        for &[one, other] in pairs {
            even[one as usize & (FINE - 1)] += 1;
            odd[other as usize & (FINE - 1)] += 1;
        }
        rest.iter().for_each(|&value| even[value as usize & (FINE - 1)] += 1);
        even.iter_mut().zip(odd).for_each(|(sum, other)| *sum += *other);
        let least = even.iter().position(|&n| n > 0).unwrap_or(0);
        let most = even.iter().rposition(|&n| n > 0).unwrap_or(0);
        let (mut middle, mut rank) = (least, values.len() / 2);
        while middle < most && rank >= even[middle] as usize {
            rank -= even[middle] as usize;
            middle += 1;
        }
        let counts = even[least..=most].to_vec();
        Self { counts, n: values.len(), least: least as i16, most: most as i16, middle: middle as i16 }
    }

    /// How often each score occurs.
    fn distribution(&self, factor: i32) -> Distribution {
        let score = |steps: i16| i64::from(columns::scaled(steps, self.middle, factor));
        let (low, high) = (score(self.most), score(self.least));
        // Where the steps end, counted from the least, whose score is `score` or a higher one: scores fall as steps rise.
        let end = |score: i64| {
            let below = (score << columns::FRACTION) - (1 << (columns::FRACTION - 1));
            let steps = i64::from(self.middle) + (-below).div_euclid(factor.into());
            (steps - i64::from(self.least) + 1).clamp(0, self.counts.len() as i64) as usize
        };
        let mut from = self.counts.len();
        let mut mass: Vec<f64> = (low..=high)
            .map(|score| {
                let counts = &self.counts[end(score + 1)..from];
                from = from.min(end(score + 1));
                counts.iter().map(|&n| u64::from(n)).sum::<u64>() as f64
            })
            .collect();
        let n = self.n.max(1) as f64;
        mass.iter_mut().for_each(|share| *share /= n);
        Distribution { low, mass }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_numbers() {
        let median = |steps: &[i16]| Counts::new(steps).middle;
        assert_eq!(median(&[]), 0);
        assert_eq!(median(&[3]), 3);
        // Of two the less alike, which is more steps below the best.
        assert_eq!(median(&[4, 1]), 4);
        assert_eq!(median(&[9, 1, 4]), 4);
        assert_eq!(median(&[9, 1, 4, 5]), 5);
        assert_eq!(median(&[500; 100]), 500);
    }

    #[test]
    fn distributions_count_the_scores() {
        let steps = [0, 0, 1000, 1000, 1000, 2000, 2828];
        // 50 bins a unit.
        let factor = ((50 << FRACTION) as f64 / f64::from(STEPS)).round() as i32;
        let counts = Counts::new(&steps);
        let found = counts.distribution(factor);
        let scores: Vec<i16> = steps.iter().map(|&s| columns::scaled(s, counts.middle, factor)).collect();
        assert_eq!(scores, [25, 25, 0, 0, 0, -25, -46]);
        let expected = Distribution::of(&scores);
        assert_eq!((found.low, found.mass), (expected.low, expected.mass));
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
