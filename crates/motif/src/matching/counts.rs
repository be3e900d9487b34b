//! How often each similarity with a query column occurs among the columns of a database.
//!
//! A large database is not counted column by column: its columns are put into the cubes of a grid with sides of 1/32 ([`CELLS`]), and a
//! cube counts as so many columns at its members' mean. Cubes that are nearest to the query column are counted by their
//! members, so that the highest similarities, which decide on good matches, are counted exactly ([`NEAR`]). The median, from which
//! scores are counted, is that of the means, by up to 20 of 2000 steps off; alignments are scored from the same one. Scores of
//! alignments are those of the columns themselves.

use super::null::Distribution;
use super::similarity::{ColumnSimilarity, FINE, STEPS};
use basewise_kernels::Level;
use basewise_kernels::columns::{self, Measure};
use std::ops::Range;

/// Cubes of the grid in a unit of length. Scores are 50 bins a unit or fewer, if 100 bins are asked for.
const CELLS: f32 = 32.0;
/// Steps by which a cube may be farther from the query column than the nearest one and still be counted by its members: twice the
/// diagonal of a cube, so that the nearest column is always among these.
const NEAR: i16 = (2.0 * 1.7321 * STEPS as f32 / CELLS) as i16 + 1;
/// Databases with fewer different columns are counted exactly.
const FEW: usize = 8192;
/// Cubes of which the least distance is known.
const BLOCK: usize = 64;

/// Columns, and how often each occurs.
#[derive(Default)]
struct Weighted {
    points: [Vec<f32>; 3],
    weights: Vec<u32>,
}

impl Weighted {
    fn push(&mut self, point: [f32; 3], weight: u32) {
        self.points.iter_mut().zip(point).for_each(|(coordinate, x)| coordinate.push(x));
        self.weights.push(weight);
    }

    fn len(&self) -> usize {
        self.weights.len()
    }

    /// Puts into `steps` how far a column is from those of a range.
    fn compare(&self, measure: Measure, column: [f32; 3], range: Range<usize>, steps: &mut Vec<i16>) {
        let [x, y, z] = &self.points;
        let points = [&x[range.clone()], &y[range.clone()], &z[range.clone()]];
        steps.resize(range.len(), 0);
        columns::steps_apart(Level::best(), measure, column, points, steps);
    }
}

/// The columns of a database, in any order.
pub(super) struct Pool {
    similarity: ColumnSimilarity,
    total: u32,
    /// Different columns; those of a cube follow each other.
    distinct: Weighted,
    /// The cubes' means, where columns are many.
    cells: Weighted,
    /// Where in `distinct` the columns of each cube begin, and of one beyond the last.
    starts: Vec<usize>,
}

impl Pool {
    pub(super) fn new(mut points: Vec<[f32; 3]>, similarity: ColumnSimilarity) -> Self {
        let a_unit = CELLS / similarity.unit();
        // Points are at most a unit from 0: what is cut off is what lies above the lower side.
        let cell = |point: &[f32; 3]| point.map(|x| (x * a_unit + 2.0 * CELLS) as i32);
        let bits = |point: &[f32; 3]| point.map(f32::to_bits);
        points.sort_unstable_by_key(|point| (cell(point), bits(point)));
        let mut pool = Self {
            similarity,
            total: points.len() as u32,
            distinct: Weighted::default(),
            cells: Weighted::default(),
            starts: vec![0],
        };
        for same in points.chunk_by(|a, b| bits(a) == bits(b)) {
            pool.distinct.push(same[0], same.len() as u32);
        }
        if pool.distinct.len() >= FEW {
            for members in points.chunk_by(|a, b| cell(a) == cell(b)) {
                let mean =
                    |i: usize| members.iter().map(|point| f64::from(point[i])).sum::<f64>() / members.len() as f64;
                pool.cells.push(std::array::from_fn(|i| mean(i) as f32), members.len() as u32);
                let distinct = members.chunk_by(|a, b| bits(a) == bits(b)).count();
                pool.starts.push(pool.starts[pool.starts.len() - 1] + distinct);
            }
        }
        pool
    }

    /// The same, but that each column is counted.
    #[cfg(test)]
    pub(super) fn exact(self) -> Self {
        Self { cells: Weighted::default(), ..self }
    }

    /// Counts how far a column is from each of the pool.
    pub(super) fn count(&self, column: [f32; 3], scratch: &mut Scratch) -> Counts {
        let Scratch { steps, of_members, tables } = scratch;
        let measure = self.similarity.measure();
        if self.cells.len() == 0 {
            self.distinct.compare(measure, column, 0..self.distinct.len(), steps);
            tables.add(steps, &self.distinct.weights);
            return tables.take(self.total, self.similarity.most() + 1);
        }
        self.cells.compare(measure, column, 0..self.cells.len(), steps);
        tables.add(steps, &self.cells.weights);
        each_near(steps, |run| {
            tables.subtract(&steps[run.clone()], &self.cells.weights[run.clone()]);
            let members = self.starts[run.start]..self.starts[run.end];
            self.distinct.compare(measure, column, members.clone(), of_members);
            tables.add(of_members, &self.distinct.weights[members]);
        });
        tables.take(self.total, self.similarity.most() + 1)
    }
}

/// Gives the longest runs of steps that are at most [`NEAR`] more than the least.
fn each_near(steps: &[i16], mut each: impl FnMut(Range<usize>)) {
    let least = |steps: &[i16]| steps.iter().fold(i16::MAX, |least, &step| least.min(step));
    let limit = least(steps).saturating_add(NEAR);
    let mut run = 0..0;
    for (block, steps) in steps.chunks(BLOCK).enumerate() {
        if least(steps) > limit {
            continue;
        }
        for (i, _) in (block * BLOCK..).zip(steps).filter(|(_, step)| **step <= limit) {
            if i > run.end {
                if !run.is_empty() {
                    each(run);
                }
                run = i..i;
            }
            run.end = i + 1;
        }
    }
    if !run.is_empty() {
        each(run);
    }
}

/// What a thread counts with.
#[derive(Default)]
pub(super) struct Scratch {
    steps: Vec<i16>,
    of_members: Vec<i16>,
    tables: Tables,
}

/// How often each number of steps occurs, added up in two tables in turn, so that equal neighbours need not wait for each other.
struct Tables(Box<[[u32; FINE]; 2]>);

impl Default for Tables {
    fn default() -> Self {
        Self(Box::new([[0; FINE]; 2]))
    }
}

impl Tables {
    fn each(&mut self, steps: &[i16], weights: &[u32], change: impl Fn(&mut u32, u32)) {
        let [even, odd] = &mut *self.0;
        let (pairs, rest) = steps.as_chunks::<2>();
        let (pairs_of_weights, rest_of_weights) = weights.as_chunks::<2>();
        for (&[one, other], &[w, v]) in pairs.iter().zip(pairs_of_weights) {
            change(&mut even[one as usize & (FINE - 1)], w);
            change(&mut odd[other as usize & (FINE - 1)], v);
        }
        rest.iter().zip(rest_of_weights).for_each(|(&step, &w)| change(&mut even[step as usize & (FINE - 1)], w));
    }

    fn add(&mut self, steps: &[i16], weights: &[u32]) {
        self.each(steps, weights, |count, weight| *count = count.wrapping_add(weight));
    }

    /// Takes away what was added, perhaps to the other table: only the sum of the two is a count.
    fn subtract(&mut self, steps: &[i16], weights: &[u32]) {
        self.each(steps, weights, |count, weight| *count = count.wrapping_sub(weight));
    }

    /// What was counted, `total` in all of less than `end` steps; the tables are empty afterwards.
    fn take(&mut self, total: u32, end: usize) -> Counts {
        let [even, odd] = &*self.0;
        let mut below = vec![0; end + 1];
        let mut sum = 0_u32;
        for ((below, one), other) in below[1..].iter_mut().zip(even).zip(odd) {
            sum = sum.wrapping_add(one.wrapping_add(*other));
            *below = sum;
        }
        self.0.as_flattened_mut().fill(0);
        Counts::new(below, total)
    }
}

/// How often each number of steps below the best occurs.
pub(super) struct Counts {
    /// How many are below each number of steps, from 0 up to one more than any.
    below: Vec<u32>,
    total: u32,
    pub(super) least: i16,
    pub(super) most: i16,
    /// The middle similarity; of an even number the lower of the two, so that it is one that occurs. 0 of nothing.
    pub(super) middle: i16,
}

impl Counts {
    fn new(below: Vec<u32>, total: u32) -> Self {
        // The steps of the one of this rank.
        let of_rank = |rank: u32| below.partition_point(|&below| below <= rank).saturating_sub(1) as i16;
        let (least, most, middle) =
            if total == 0 { (0, 0, 0) } else { (of_rank(0), of_rank(total - 1), of_rank(total / 2)) };
        Self { below, total, least, most, middle }
    }

    /// How often each score occurs.
    pub(super) fn distribution(&self, factor: i32) -> Distribution {
        let score = |steps: i16| i64::from(columns::scaled(steps, self.middle, factor));
        let (low, high) = (score(self.most), score(self.least));
        // How many have this score or a higher one: scores fall as steps rise.
        let reach = |score: i64| {
            let least = (score << columns::FRACTION) - (1 << (columns::FRACTION - 1));
            let steps = i64::from(self.middle) + (-least).div_euclid(factor.into());
            self.below[(steps + 1).clamp(0, self.below.len() as i64 - 1) as usize]
        };
        let total = f64::from(self.total.max(1));
        let mut reached = self.total;
        let share = |score: i64| {
            let above = reach(score + 1);
            let here = std::mem::replace(&mut reached, above) - above;
            f64::from(here) / total
        };
        Distribution { low, mass: (low..=high).map(share).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::random::{stream, uniform};

    fn counts(steps: &[i16]) -> Counts {
        let mut tables = Tables::default();
        tables.add(steps, &vec![1; steps.len()]);
        tables.take(steps.len() as u32, FINE)
    }

    #[test]
    fn medians_of_odd_and_even_numbers() {
        let median = |steps: &[i16]| counts(steps).middle;
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
        let factor = ((50 << columns::FRACTION) as f64 / f64::from(STEPS)).round() as i32;
        let counts = counts(&steps);
        let found = counts.distribution(factor);
        let scores: Vec<i16> = steps.iter().map(|&s| columns::scaled(s, counts.middle, factor)).collect();
        assert_eq!(scores, [25, 25, 0, 0, 0, -25, -46]);
        let expected = Distribution::of(&scores);
        assert_eq!((found.low, found.mass), (expected.low, expected.mass));
    }

    /// Points of random columns, many near the corners, some more than once.
    fn points(n: usize, similarity: ColumnSimilarity) -> Vec<[f32; 3]> {
        let mut rng = stream(3, "points", &[]);
        let mut point = || {
            let row: [f64; 4] = std::array::from_fn(|_| uniform(&mut rng).powi(4));
            similarity.point(&row.map(|x| x / row.iter().sum::<f64>()))
        };
        let mut points: Vec<[f32; 3]> = (0..n).map(|_| point()).collect();
        points.extend_from_within(..n / 4);
        points
    }

    #[test]
    fn few_columns_are_counted_exactly() {
        for similarity in [ColumnSimilarity::Euclidean, ColumnSimilarity::Pearson] {
            let points = points(600, similarity);
            let (pool, mut scratch) = (Pool::new(points.clone(), similarity), Scratch::default());
            for &column in points.iter().step_by(50) {
                let mut each = Weighted::default();
                points.iter().for_each(|&point| each.push(point, 1));
                let mut steps = Vec::new();
                each.compare(similarity.measure(), column, 0..each.len(), &mut steps);
                let found = pool.count(column, &mut scratch);
                steps.sort_unstable();
                let expected: Vec<u32> = (0..=similarity.most() as i16 + 1)
                    .map(|least| steps.partition_point(|&s| s < least) as u32)
                    .collect();
                assert_eq!(found.below, expected);
                let ranks = [steps[0], steps[steps.len() / 2], steps[steps.len() - 1]];
                assert_eq!([found.least, found.middle, found.most], ranks);
            }
        }
    }

    #[test]
    fn merged_columns_count_nearly_as_each_and_exactly_where_they_are_near() {
        for similarity in [ColumnSimilarity::Euclidean, ColumnSimilarity::Pearson] {
            let points = points(9000, similarity);
            let exact = Pool::new(points.clone(), similarity).exact();
            let merged = Pool::new(points.clone(), similarity);
            assert!(exact.cells.len() == 0 && (500..5000).contains(&merged.cells.len()), "{}", merged.cells.len());
            let mut scratch = Scratch::default();
            for &column in points.iter().step_by(500).chain(&[similarity.point(&[0.25; 4])]) {
                let (exact, merged) = (exact.count(column, &mut scratch), merged.count(column, &mut scratch));
                assert_eq!(merged.below.last(), Some(&11_250));
                assert_eq!(merged.least, exact.least);
                // No column is farther from its cube's mean than the diagonal.
                let diagonal = NEAR as usize / 2 + 1;
                let near = exact.least as usize + diagonal;
                assert_eq!(merged.below[..near], exact.below[..near]);
                assert!((merged.middle - exact.middle).abs() <= 10, "{} {}", merged.middle, exact.middle);
                for (steps, count) in merged.below.iter().enumerate() {
                    let last = exact.below.len() - 1;
                    let around =
                        exact.below[steps.saturating_sub(diagonal)]..=exact.below[(steps + diagonal).min(last)];
                    assert!(around.contains(count), "{steps}");
                }
            }
        }
    }
}
