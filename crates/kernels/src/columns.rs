//! Columns of motifs against the columns of a database, for motif comparison: plain loops, compiled for each instruction
//! set. Results are the same bits at every level.

use crate::Level;
use crate::simd::{Kernel, Simd, dispatch, dispatch_words};

/// Motifs that [`best_alignments`] aligns side by side.
pub const LANES: usize = 16;

/// A number for each of the motifs that are aligned side by side.
pub type Lanes<T> = [T; LANES];

/// How far two columns, given as points of three coordinates, are from being the same, in steps: 0 at best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// The distance of the points.
    Distance,
    /// This number less the scalar product of the points.
    Product(f32),
}

#[inline(always)]
fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    let square = |i: usize| (b[i] - a[i]) * (b[i] - a[i]);
    (square(0) + square(1) + square(2)).sqrt()
}

#[inline(always)]
fn product(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The nearest whole number, the even one of two, stands in the low bits of the sum with this, 1.5 times 2^23: one instruction for a
/// vector, where a conversion that looks for what is no number takes many.
const ROOM: f32 = 1.5 * (1_u32 << 23) as f32;

/// `out[i]` becomes how far `column` is from the i-th of `columns`, which are given coordinate by coordinate, in whole steps; less
/// than 2^15.
///
/// # Panics
/// If the lengths differ.
pub fn steps_apart(level: Level, measure: Measure, column: [f32; 3], columns: [&[f32]; 3], out: &mut [i16]) {
    assert!(columns.iter().all(|coordinate| coordinate.len() == out.len()), "a number for each column");
    dispatch_words(level, StepsApart { measure, column, columns, out });
}

struct StepsApart<'a> {
    measure: Measure,
    column: [f32; 3],
    columns: [&'a [f32]; 3],
    out: &'a mut [i16],
}

impl StepsApart<'_> {
    #[inline(always)]
    fn each(self, apart: impl Fn([f32; 3], [f32; 3]) -> f32) {
        let Self { column, columns: [x, y, z], out, .. } = self;
        for (((slot, x), y), z) in out.iter_mut().zip(x).zip(y).zip(z) {
            *slot = (apart(column, [*x, *y, *z]) + ROOM).to_bits() as i16;
        }
    }
}

impl Kernel for StepsApart<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        match self.measure {
            Measure::Distance => self.each(distance),
            Measure::Product(best) => self.each(|a, b| best - product(a, b)),
        }
    }
}

/// Bits of the fraction of a factor of [`scaled`].
pub const FRACTION: u32 = 16;

/// `(middle - value) * factor / 2^FRACTION`, rounded up from one half.
#[inline(always)]
pub fn scaled(value: i16, middle: i16, factor: i32) -> i16 {
    to_scale(i32::from(middle) - i32::from(value), factor)
}

#[inline(always)]
fn to_scale(difference: i32, factor: i32) -> i16 {
    ((difference * factor + (1 << (FRACTION - 1))) >> FRACTION) as i16
}

/// A column of a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueryColumn {
    /// Its three coordinates.
    pub point: [f32; 3],
    /// The steps that score 0.
    pub middle: i16,
}

/// The scores of all alignments of a query with some motifs of one width: sums over aligned columns of what [`scaled`] makes of
/// [`steps_apart`], added to `sums`.
///
/// `columns` holds the points of the motifs' columns, `[column][coordinate][motif]`. `sums[s]` is of the motifs that begin at
/// `query.len() - 1 - s` of the query, which is negative for those that begin before it.
///
/// # Panics
/// If there is a column on both sides, and `sums` has not one slot less than columns.
pub fn add_scores(
    level: Level,
    measure: Measure,
    factor: i32,
    query: &[QueryColumn],
    columns: &[[Lanes<f32>; 3]],
    sums: &mut [Lanes<i16>],
) {
    if !query.is_empty() && !columns.is_empty() {
        assert_eq!(sums.len() + 1, query.len() + columns.len(), "a slot for each place of the motifs");
        dispatch_words(level, AddScores { measure, factor, query, columns, sums });
    }
}

struct AddScores<'a> {
    measure: Measure,
    factor: i32,
    query: &'a [QueryColumn],
    columns: &'a [[Lanes<f32>; 3]],
    sums: &'a mut [Lanes<i16>],
}

impl AddScores<'_> {
    #[inline(always)]
    fn each(self, apart: impl Fn([f32; 3], [f32; 3]) -> f32) {
        let Self { factor, query, columns, sums, .. } = self;
        for (c, [x, y, z]) in columns.iter().enumerate() {
            // The place at which this column meets the last of the query, then the last but one, and so on.
            for (&QueryColumn { point, middle }, sum) in query.iter().rev().zip(&mut sums[c..]) {
                // What is nearest to a whole number of steps is left with the bits of the room that it was added to.
                let middle = i32::from(middle) + ROOM.to_bits() as i32;
                for lane in 0..LANES {
                    let apart = apart(point, [x[lane], y[lane], z[lane]]) + ROOM;
                    let score = to_scale(middle - apart.to_bits() as i32, factor);
                    sum[lane] = sum[lane].wrapping_add(score);
                }
            }
        }
    }
}

impl Kernel for AddScores<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        match self.measure {
            Measure::Distance => self.each(distance),
            Measure::Product(best) => self.each(|a, b| best - product(a, b)),
        }
    }
}

/// `best[lane]` becomes the highest number of a lane in those `slots` of `sums`, in the upper 16 bits, and in the lower ones how many
/// slots come after its own; of equal numbers that is the first slot. [`place`] takes the two apart.
///
/// # Panics
/// If there are more than 2^16 slots, or one that is not there.
pub fn best_alignments(level: Level, sums: &[Lanes<i16>], slots: &[usize], best: &mut [i32]) {
    assert!(slots.len() <= 1 << 16, "places are counted with 16 bits");
    dispatch_words(level, BestAlignments { sums, slots, best });
}

/// The highest number of [`best_alignments`] of this many slots, and which of the slots has it.
pub fn place(best: i32, slots: usize) -> (i16, usize) {
    ((best >> 16) as i16, slots - 1 - (best & 0xFFFF) as usize)
}

struct BestAlignments<'a> {
    sums: &'a [Lanes<i16>],
    slots: &'a [usize],
    best: &'a mut [i32],
}

impl Kernel for BestAlignments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { sums, slots, best } = self;
        best.fill(i32::MIN);
        let number = |sum: i16, after: usize| (i32::from(sum) << 16) | after as i32;
        // Four slots at a time, so that the best are loaded and stored a quarter as often.
        let (rest, fours) = slots.as_rchunks::<4>();
        for (after, four) in (0..).step_by(4).zip(fours.iter().rev()) {
            let [a, b, c, d] = four.map(|slot| &sums[slot]);
            for ((((best, a), b), c), d) in best.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                let first = number(*a, after + 3).max(number(*b, after + 2));
                let last = number(*c, after + 1).max(number(*d, after));
                *best = (*best).max(first.max(last));
            }
        }
        for (after, &slot) in (4 * fours.len()..).zip(rest.iter().rev()) {
            for (best, &sum) in best.iter_mut().zip(&sums[slot]) {
                *best = (*best).max(number(sum, after));
            }
        }
    }
}

/// `out[i + j] += one[i] * other[j]`, the products with the first number of `other` first. `padded` is room to work in.
///
/// # Panics
/// If one of the two is empty, or `out` is not as long as the two together less one.
pub fn add_products(level: Level, one: &[f64], other: &[f64], padded: &mut Vec<f64>, out: &mut [f64]) {
    assert!(!one.is_empty() && !other.is_empty(), "products of something");
    assert_eq!(out.len() + 1, one.len() + other.len(), "a slot for each sum of indices");
    dispatch(level, AddProducts { one, other, padded, out });
}

struct AddProducts<'a> {
    one: &'a [f64],
    other: &'a [f64],
    padded: &'a mut Vec<f64>,
    out: &'a mut [f64],
}

impl Kernel for AddProducts<'_> {
    type Output = ();

    /// Eight factors at a time, so that sums are loaded and stored an eighth as often; each sum gets its products one by one.
    #[inline(always)]
    fn run<S: Simd>(self) {
        const FACTORS: usize = 8;
        let Self { one, other, padded, out } = self;
        // Factors of a group that meet no number of `one` meet zeros here.
        let room = FACTORS - 1;
        padded.clear();
        padded.resize(room, 0.0);
        padded.extend_from_slice(one);
        padded.resize(one.len() + 2 * room, 0.0);
        let (groups, rest) = other.as_chunks::<FACTORS>();
        for (group, factors) in groups.iter().enumerate() {
            let sums = &mut out[group * FACTORS..][..one.len() + room];
            let shifted: [&[f64]; FACTORS] = std::array::from_fn(|j| &padded[room - j..][..sums.len()]);
            for (t, sum) in sums.iter_mut().enumerate() {
                let mut total = *sum;
                for j in 0..FACTORS {
                    total += factors[j] * shifted[j][t];
                }
                *sum = total;
            }
        }
        for (j, &factor) in (groups.len() * FACTORS..).zip(rest) {
            out[j..].iter_mut().zip(one).for_each(|(sum, value)| *sum += factor * value);
        }
    }
}

/// `one[i]` becomes the probability that it or an independent `other[i]` happens, which keeps all digits of small ones.
///
/// # Panics
/// If the lengths differ.
pub fn either(level: Level, one: &mut [f64], other: &[f64]) {
    assert_eq!(one.len(), other.len(), "as many of both");
    dispatch(level, Either { one, other });
}

struct Either<'a> {
    one: &'a mut [f64],
    other: &'a [f64],
}

impl Kernel for Either<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        self.one.iter_mut().zip(self.other).for_each(|(p, q)| *p += q * (1.0 - *p));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// With how long points are that are a few thousand steps apart.
    const MEASURES: [(Measure, f32); 2] = [(Measure::Distance, 1100.0), (Measure::Product(2000.0), 25.0)];

    fn point() -> impl Strategy<Value = [f32; 3]> {
        proptest::array::uniform3(-1.0_f32..1.0)
    }

    fn exact(measure: Measure, a: [f32; 3], b: [f32; 3]) -> f64 {
        let [a, b] = [a, b].map(|point| point.map(f64::from));
        match measure {
            Measure::Distance => (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt(),
            Measure::Product(best) => f64::from(best) - (0..3).map(|i| a[i] * b[i]).sum::<f64>(),
        }
    }

    fn steps(level: Level, measure: Measure, column: [f32; 3], columns: &[[f32; 3]]) -> Vec<i16> {
        let [x, y, z]: [Vec<f32>; 3] = std::array::from_fn(|i| columns.iter().map(|c| c[i]).collect());
        let mut found = vec![0; columns.len()];
        steps_apart(level, measure, column, [&x, &y, &z], &mut found);
        found
    }

    proptest! {
        #[test]
        fn steps_are_those_of_the_definition(column in point(), columns in proptest::collection::vec(point(), 0..70)) {
            for (measure, length) in MEASURES {
                let column = column.map(|x| x * length);
                let columns: Vec<_> = columns.iter().map(|c| c.map(|x| x * length)).collect();
                let expected = steps(Level::best(), measure, column, &columns);
                for (found, c) in expected.iter().zip(&columns) {
                    prop_assert!((f64::from(*found) - exact(measure, column, *c)).abs() < 0.501);
                }
                for level in Level::available() {
                    prop_assert_eq!(&steps(level, measure, column, &columns), &expected);
                }
            }
        }

        #[test]
        fn sums_are_of_scaled_steps(
            query in proptest::collection::vec((point(), 0_i16..3000), 0..5),
            columns in proptest::collection::vec(point(), 0..5),
            factor in 1_i32..(1 << (FRACTION - 4)),
        ) {
            for (measure, length) in MEASURES {
                let long = |point: [f32; 3], by: usize| point.map(|x| x * length * (1.0 - by as f32 / 100.0));
                let query: Vec<_> = query.iter().map(|&(p, middle)| QueryColumn { point: long(p, 0), middle }).collect();
                let tile: Vec<[Lanes<f32>; 3]> =
                    columns.iter().map(|&p| std::array::from_fn(|i| std::array::from_fn(|lane| long(p, lane)[i]))).collect();
                let mut expected = vec![[1; LANES]; (query.len() + tile.len()).saturating_sub(1)];
                for (i, column) in query.iter().enumerate() {
                    for (c, &p) in columns.iter().enumerate() {
                        let lanes: Vec<_> = (0..LANES).map(|lane| long(p, lane)).collect();
                        for (lane, steps) in steps(Level::best(), measure, column.point, &lanes).into_iter().enumerate() {
                            let score = f64::from(column.middle - steps) * f64::from(factor) / f64::from(1 << FRACTION);
                            prop_assert_eq!(scaled(steps, column.middle, factor), (score + 0.5).floor() as i16);
                            expected[c + query.len() - 1 - i][lane] += scaled(steps, column.middle, factor);
                        }
                    }
                }
                for level in Level::available() {
                    let mut sums = vec![[1; LANES]; expected.len()];
                    add_scores(level, measure, factor, &query, &tile, &mut sums);
                    prop_assert_eq!(&sums, &expected);
                }
            }
        }

        #[test]
        fn products_are_added_at_the_sum_of_their_indices(
            one in proptest::collection::vec(0.0_f64..1.0, 1..40),
            other in proptest::collection::vec(0.0_f64..1.0, 1..40),
        ) {
            let mut expected = vec![0.5; one.len() + other.len() - 1];
            for (j, y) in other.iter().enumerate() {
                one.iter().enumerate().for_each(|(i, x)| expected[i + j] += y * x);
            }
            for level in Level::available() {
                let mut found = vec![0.5; expected.len()];
                add_products(level, &one, &other, &mut vec![9.0; 3], &mut found);
                prop_assert_eq!(&found, &expected);
            }
        }

        #[test]
        fn the_first_of_the_best_stays(
            sums in proptest::collection::vec(proptest::array::uniform16(-3_i16..3), 1..9),
            shift in -32_700_i16..32_700,
        ) {
            let sums: Vec<Lanes<i16>> = sums.into_iter().map(|lanes| lanes.map(|sum| sum + shift)).collect();
            // Not all, and not in their order.
            let slots: Vec<usize> = (0..sums.len()).rev().step_by(2).chain((1..sums.len()).step_by(4)).collect();
            for level in Level::available() {
                let mut best = [0; LANES];
                best_alignments(level, &sums, &slots, &mut best);
                for (lane, &best) in best.iter().enumerate() {
                    let highest = slots.iter().map(|&slot| sums[slot][lane]).max().unwrap();
                    let first = slots.iter().position(|&slot| sums[slot][lane] == highest).unwrap();
                    prop_assert_eq!(place(best, slots.len()), (highest, first));
                }
            }
        }
    }
}
