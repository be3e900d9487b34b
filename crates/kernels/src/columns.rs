//! Columns of motifs against the columns of a database, for motif comparison: plain loops, compiled for each instruction
//! set. Results are the same bits at every level.

use crate::Level;
use crate::simd::{Kernel, Simd, dispatch, dispatch_words};

/// Motifs that [`best_alignments`] aligns side by side.
pub const LANES: usize = 32;

/// A number for each of the motifs that are aligned side by side.
pub type Lanes<T> = [T; LANES];

/// How far two columns, given as points of three coordinates, are from being the same: 0 at best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The distance of the points.
    Distance,
    /// One less the scalar product of the points.
    Product,
}

#[inline(always)]
fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    let square = |i: usize| (a[i] - b[i]) * (a[i] - b[i]);
    (square(0) + square(1) + square(2)).sqrt()
}

#[inline(always)]
fn one_less_product(a: [f32; 3], b: [f32; 3]) -> f32 {
    1.0 - (a[0] * b[0] + a[1] * b[1] + a[2] * b[2])
}

/// The nearest whole number, the even one of two, stands in the low bits of the sum with this, 1.5 times 2^23: one instruction for a
/// vector, where a conversion that looks for what is no number takes many.
const ROOM: f32 = 1.5 * (1_u32 << 23) as f32;

/// `out[i]` becomes how far `column` is from the i-th of `columns`, which are given coordinate by coordinate, in whole steps of
/// `1 / steps`; below 2^15 steps.
///
/// # Panics
/// If the lengths differ.
pub fn steps_apart(
    level: Level,
    measure: Measure,
    column: [f32; 3],
    columns: [&[f32]; 3],
    steps: f32,
    out: &mut [i16],
) {
    assert!(columns.iter().all(|coordinate| coordinate.len() == out.len()), "a number for each column");
    dispatch_words(level, StepsApart { measure, column, columns, steps, out });
}

struct StepsApart<'a> {
    measure: Measure,
    column: [f32; 3],
    columns: [&'a [f32]; 3],
    steps: f32,
    out: &'a mut [i16],
}

impl StepsApart<'_> {
    #[inline(always)]
    fn each(self, apart: impl Fn([f32; 3], [f32; 3]) -> f32) {
        let Self { column, columns: [x, y, z], steps, out, .. } = self;
        for (((slot, x), y), z) in out.iter_mut().zip(x).zip(y).zip(z) {
            *slot = (apart(column, [*x, *y, *z]) * steps + ROOM).to_bits() as i16;
        }
    }
}

impl Kernel for StepsApart<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        match self.measure {
            Measure::Distance => self.each(distance),
            Measure::Product => self.each(one_less_product),
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

/// How [`scores`] measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// What steps count.
    pub measure: Measure,
    /// Steps of a unit of it.
    pub steps: f32,
    /// What [`scaled`] makes a score of steps with.
    pub factor: i32,
}

/// The score of each column of a query with each column of some motifs of one width: [`steps_apart`] and [`scaled`].
///
/// `columns` holds their points, `[column][coordinate][motif]`; `out` becomes `[query column][column][motif]`.
///
/// # Panics
/// If `out` has no slot for each pair of columns.
pub fn scores(level: Level, scale: Scale, query: &[QueryColumn], columns: &[[Lanes<f32>; 3]], out: &mut [Lanes<i16>]) {
    assert_eq!(out.len(), query.len() * columns.len(), "a slot for each pair of columns");
    dispatch_words(level, Scores { scale, query, columns, out });
}

struct Scores<'a> {
    scale: Scale,
    query: &'a [QueryColumn],
    columns: &'a [[Lanes<f32>; 3]],
    out: &'a mut [Lanes<i16>],
}

impl Scores<'_> {
    #[inline(always)]
    fn each(self, apart: impl Fn([f32; 3], [f32; 3]) -> f32) {
        let Self { scale: Scale { steps, factor, .. }, query, columns, out } = self;
        for (c, [x, y, z]) in columns.iter().enumerate() {
            for (i, &QueryColumn { point, middle }) in query.iter().enumerate() {
                let slot = &mut out[i * columns.len() + c];
                // What is nearest to a whole number of steps is left with the bits of the room that it was added to.
                let middle = i32::from(middle) + ROOM.to_bits() as i32;
                for lane in 0..LANES {
                    let apart = apart(point, [x[lane], y[lane], z[lane]]) * steps + ROOM;
                    slot[lane] = to_scale(middle - apart.to_bits() as i32, factor);
                }
            }
        }
    }
}

impl Kernel for Scores<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        match self.scale.measure {
            Measure::Distance => self.each(distance),
            Measure::Product => self.each(one_less_product),
        }
    }
}

/// `out[i + j] += one[i] * other[j]`, the products with the first number of `other` first.
///
/// # Panics
/// If one of the two is empty, or `out` is not as long as the two together less one.
pub fn add_products(level: Level, one: &[f64], other: &[f64], out: &mut [f64]) {
    assert!(!one.is_empty() && !other.is_empty(), "products of something");
    assert_eq!(out.len() + 1, one.len() + other.len(), "a slot for each sum of indices");
    dispatch(level, AddProducts { one, other, out });
}

struct AddProducts<'a> {
    one: &'a [f64],
    other: &'a [f64],
    out: &'a mut [f64],
}

impl Kernel for AddProducts<'_> {
    type Output = ();

    /// Eight factors at a time, so that sums are loaded and stored an eighth as often; each sum gets its products one by one.
    #[inline(always)]
    fn run<S: Simd>(self) {
        const FACTORS: usize = 8;
        let Self { one, other, out } = self;
        // Factors of a group that meet no number of `one` meet zeros here.
        let room = FACTORS - 1;
        let mut padded = vec![0.0; one.len() + 2 * room];
        padded[room..room + one.len()].copy_from_slice(one);
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

/// The best alignments of a query with several motifs of one width.
///
/// `scores` holds the scores of the columns, `[query column][column][motif]`, `width` columns of the motifs. `offsets` are the
/// places in the query at which the motifs may begin, as they are tried; of equal sums the first place stays. Gives for each motif
/// the highest sum over aligned columns, and the index of its offset.
///
/// # Panics
/// If `scores` is not a whole number of query columns, or there are more than 2^15 offsets.
pub fn best_alignments(level: Level, scores: &[Lanes<i16>], width: usize, offsets: &[i32]) -> (Lanes<i16>, Lanes<i16>) {
    assert!(scores.len().is_multiple_of(width.max(1)), "scores of whole columns");
    assert!(offsets.len() < 1 << 15, "places are counted with 15 bits");
    dispatch_words(level, BestAlignments { scores, width, offsets })
}

struct BestAlignments<'a> {
    scores: &'a [Lanes<i16>],
    width: usize,
    offsets: &'a [i32],
}

impl Kernel for BestAlignments<'_> {
    type Output = (Lanes<i16>, Lanes<i16>);

    #[inline(always)]
    fn run<S: Simd>(self) -> Self::Output {
        let Self { scores, width, offsets } = self;
        let rows = (scores.len() / width.max(1)) as i32;
        let (mut top, mut at) = ([i16::MIN; LANES], [0_i16; LANES]);
        for (index, &offset) in offsets.iter().enumerate() {
            let (first, last) = (offset.max(0), (offset + width as i32).min(rows));
            let mut sums = [0_i16; LANES];
            if first < last {
                let start = first as usize * width + (first - offset) as usize;
                // One column on in both the query and the motif.
                for pair in scores[start..].iter().step_by(width + 1).take((last - first) as usize) {
                    (0..LANES).for_each(|lane| sums[lane] = sums[lane].wrapping_add(pair[lane]));
                }
            }
            for lane in 0..LANES {
                let is_better = sums[lane] > top[lane];
                at[lane] = if is_better { index as i16 } else { at[lane] };
                top[lane] = if is_better { sums[lane] } else { top[lane] };
            }
        }
        (top, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point() -> impl Strategy<Value = [f32; 3]> {
        proptest::array::uniform3(-0.57_f32..0.57)
    }

    proptest! {
        #[test]
        fn steps_are_those_of_the_definition(column in point(), columns in proptest::collection::vec(point(), 0..70)) {
            let [x, y, z]: [Vec<f32>; 3] = std::array::from_fn(|i| columns.iter().map(|c| c[i]).collect());
            let wide = |a: [f32; 3]| a.map(f64::from);
            for measure in [Measure::Distance, Measure::Product] {
                let apart = |c: &[f32; 3]| {
                    let (a, b) = (wide(column), wide(*c));
                    match measure {
                        Measure::Distance => (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt(),
                        Measure::Product => 1.0 - (0..3).map(|i| a[i] * b[i]).sum::<f64>(),
                    }
                };
                let mut first = None;
                for level in Level::available() {
                    let mut found = vec![0; columns.len()];
                    steps_apart(level, measure, column, [&x, &y, &z], 2000.0, &mut found);
                    for (found, c) in found.iter().zip(&columns) {
                        prop_assert!((f64::from(*found) - apart(c) * 2000.0).abs() < 0.501);
                    }
                    prop_assert_eq!(&found, first.get_or_insert_with(|| found.clone()));
                }
            }
        }

        #[test]
        fn scores_are_scaled_steps(
            query in proptest::collection::vec((point(), 0_i16..3000), 0..4),
            columns in proptest::collection::vec(point(), LANES * 2),
            factor in 1_i32..(1 << FRACTION),
        ) {
            let query: Vec<_> = query.into_iter().map(|(point, middle)| QueryColumn { point, middle }).collect();
            let tile: Vec<[Lanes<f32>; 3]> = columns
                .chunks(LANES)
                .map(|lanes| std::array::from_fn(|i| std::array::from_fn(|lane| lanes[lane][i])))
                .collect();
            for measure in [Measure::Distance, Measure::Product] {
                let scale = Scale { measure, steps: 2000.0, factor };
                for level in Level::available() {
                    let mut found = vec![[0; LANES]; query.len() * 2];
                    scores(level, scale, &query, &tile, &mut found);
                    for (i, column) in query.iter().enumerate() {
                        for (c, [x, y, z]) in tile.iter().enumerate() {
                            let mut steps = [0; LANES];
                            steps_apart(level, measure, column.point, [x, y, z], 2000.0, &mut steps);
                            let expected = steps.map(|v| {
                                let exact = f64::from(column.middle - v) * f64::from(factor) / f64::from(1 << FRACTION);
                                (exact + 0.5).floor() as i16
                            });
                            prop_assert_eq!(found[i * 2 + c], expected);
                            prop_assert_eq!(steps.map(|v| scaled(v, column.middle, factor)), expected);
                        }
                    }
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
                add_products(level, &one, &other, &mut found);
                prop_assert_eq!(&found, &expected);
            }
        }

        #[test]
        fn alignments_are_the_first_of_the_best(query in 1_usize..9, width in 1_usize..9, seed: u64) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                ((state >> 33) % 7) as i16 - 3
            };
            let scores: Vec<Lanes<i16>> = (0..query * width).map(|_| std::array::from_fn(|_| next())).collect();
            // One beyond either end, where nothing is aligned.
            let offsets: Vec<i32> = (-(width as i32)..=query as i32).rev().collect();
            let sum = |offset: i32, motif: usize| -> i16 {
                let aligned = (0..query as i32).filter(|i| (0..width as i32).contains(&(i - offset)));
                aligned.map(|i| scores[i as usize * width + (i - offset) as usize][motif]).sum()
            };
            for level in Level::available() {
                let (best, place) = best_alignments(level, &scores, width, &offsets);
                for motif in 0..LANES {
                    let sums: Vec<i16> = offsets.iter().map(|&offset| sum(offset, motif)).collect();
                    let highest = sums.iter().copied().max().unwrap();
                    let first = sums.iter().position(|&s| s == highest).unwrap();
                    prop_assert_eq!((best[motif], place[motif]), (highest, first as i16));
                }
            }
        }
    }

    #[test]
    fn nothing_has_no_alignment() {
        for level in Level::available() {
            assert_eq!(best_alignments(level, &[], 1, &[]), ([i16::MIN; LANES], [0; LANES]));
        }
    }
}
