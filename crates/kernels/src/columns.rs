//! Columns of motifs against the columns of a database, for motif comparison: plain loops, compiled for each instruction
//! set. Results are the same bits at every level.

use crate::Level;
use crate::simd::{Kernel, Simd, dispatch, dispatch_words};

/// Motifs that [`best_alignments`] aligns side by side at most.
pub const LANES: usize = 32;

/// `out[i]` becomes the Euclidean distance of `column` from the i-th of `columns`, which are given base by base, in whole steps of
/// `1 / steps`; distances are below 2^15 steps.
///
/// # Panics
/// If the lengths differ.
pub fn euclidean(level: Level, column: &[f32; 4], columns: [&[f32]; 4], steps: f32, out: &mut [i16]) {
    assert!(columns.iter().all(|base| base.len() == out.len()), "a number for each column");
    dispatch_words(level, Euclidean { column, columns, steps, out });
}

struct Euclidean<'a> {
    column: &'a [f32; 4],
    columns: [&'a [f32]; 4],
    steps: f32,
    out: &'a mut [i16],
}

impl Kernel for Euclidean<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { column: [a, c, g, t], columns: [ca, cc, cg, ct], steps, out } = self;
        let square = |x: f32| x * x;
        for ((((slot, ca), cc), cg), ct) in out.iter_mut().zip(ca).zip(cc).zip(cg).zip(ct) {
            let distance = (square(a - ca) + square(c - cc) + square(g - cg) + square(t - ct)).sqrt();
            *slot = nearest_whole(distance * steps);
        }
    }
}

/// The nearest whole number, the even one of two. Added to 1.5 times 2^23 it stands in the low bits of the sum, which takes one
/// instruction for a vector, where a conversion that looks for what is no number takes many.
#[inline(always)]
fn nearest_whole(x: f32) -> i16 {
    const ROOM: f32 = 1.5 * (1_u32 << 23) as f32;
    (x + ROOM).to_bits() as i16
}

/// Bits of the fraction of a factor of [`scaled`].
pub const FRACTION: u32 = 16;

/// `(middle - value) * factor / 2^FRACTION`, rounded up from one half.
#[inline(always)]
pub fn scaled(value: i16, middle: i16, factor: i32) -> i16 {
    (((i32::from(middle) - i32::from(value)) * factor + (1 << (FRACTION - 1))) >> FRACTION) as i16
}

/// [`scaled`] of each of `values`, in its place.
pub fn scale(level: Level, values: &mut [i16], middle: i16, factor: i32) {
    dispatch_words(level, Scale { values, middle, factor });
}

struct Scale<'a> {
    values: &'a mut [i16],
    middle: i16,
    factor: i32,
}

impl Kernel for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (middle, factor) = (self.middle, self.factor);
        self.values.iter_mut().for_each(|value| *value = scaled(*value, middle, factor));
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
/// `rows[i]` holds the scores of the query's i-th column with the columns of the motifs, `[column][motif]`, for `motifs` of them,
/// at most [`LANES`]. `offsets` are the places in the query at which the motifs may begin, as they are tried; of equal sums the
/// first place stays. `best[m]` becomes the highest sum over aligned columns, `place[m]` the index of its offset.
///
/// # Panics
/// If a row is not that long, or `best` or `place` are not `motifs` long, or there are more than 2^15 offsets.
pub fn best_alignments(
    level: Level,
    rows: &[&[i16]],
    motifs: usize,
    offsets: &[i32],
    best: &mut [i16],
    place: &mut [i16],
) {
    assert!(motifs <= LANES && best.len() == motifs && place.len() == motifs, "one slot for each motif");
    let length = rows.first().map_or(0, |row| row.len());
    assert!(rows.iter().all(|row| row.len() == length) && (motifs == 0 || length.is_multiple_of(motifs)));
    assert!(offsets.len() < 1 << 15, "places are counted with 15 bits");
    dispatch_words(level, BestAlignments { rows, motifs, offsets, best, place });
}

struct BestAlignments<'a> {
    rows: &'a [&'a [i16]],
    motifs: usize,
    offsets: &'a [i32],
    best: &'a mut [i16],
    place: &'a mut [i16],
}

impl Kernel for BestAlignments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { rows, motifs, offsets, best, place } = self;
        let width = rows.first().map_or(0, |row| row.len()) / motifs.max(1);
        let (mut top, mut at) = ([i16::MIN; LANES], [0_i16; LANES]);
        for (index, &offset) in offsets.iter().enumerate() {
            let mut sums = [0_i16; LANES];
            let first = offset.max(0) as usize;
            let last = (offset + width as i32).clamp(0, rows.len() as i32) as usize;
            for (i, row) in rows.iter().enumerate().take(last).skip(first) {
                let column = (i as i32 - offset) as usize;
                let scores = &row[column * motifs..(column + 1) * motifs];
                match <&[i16; LANES]>::try_from(scores) {
                    Ok(scores) => (0..LANES).for_each(|lane| sums[lane] = sums[lane].wrapping_add(scores[lane])),
                    Err(_) => sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum = sum.wrapping_add(*score)),
                }
            }
            for lane in 0..LANES {
                let is_better = sums[lane] > top[lane];
                at[lane] = if is_better { index as i16 } else { at[lane] };
                top[lane] = if is_better { sums[lane] } else { top[lane] };
            }
        }
        best.copy_from_slice(&top[..motifs]);
        place.copy_from_slice(&at[..motifs]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn distances_and_scales_are_those_of_the_definition(
            column in proptest::array::uniform4(0.0_f32..1.0),
            columns in proptest::collection::vec(proptest::array::uniform4(0.0_f32..1.0), 0..70),
            middle in 0_i16..3000,
            factor in 1_i32..(1 << FRACTION),
        ) {
            let bases: [Vec<f32>; 4] = std::array::from_fn(|base| columns.iter().map(|c| c[base]).collect());
            let square = |a: f32, b: f32| (f64::from(a) - f64::from(b)).powi(2);
            let distance = |c: &[f32; 4]| (0..4).map(|i| square(column[i], c[i])).sum::<f64>().sqrt() * 2000.0;
            let mut first = None;
            for level in Level::available() {
                let mut found = vec![0; columns.len()];
                euclidean(level, &column, [&bases[0], &bases[1], &bases[2], &bases[3]], 2000.0, &mut found);
                for (found, c) in found.iter().zip(&columns) {
                    prop_assert!((f64::from(*found) - distance(c)).abs() < 0.501);
                }
                prop_assert_eq!(&found, first.get_or_insert_with(|| found.clone()));
                let exact = |v: &i16| (f64::from(middle - v) * f64::from(factor) / f64::from(1 << FRACTION) + 0.5).floor();
                let expected: Vec<i16> = found.iter().map(|v| exact(v) as i16).collect();
                scale(level, &mut found, middle, factor);
                prop_assert_eq!(found, expected);
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
        fn alignments_are_the_first_of_the_best(
            query in 1_usize..9,
            width in 1_usize..9,
            motifs in 1_usize..=LANES,
            seed: u64,
        ) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                ((state >> 33) % 7) as i16 - 3
            };
            let rows: Vec<Vec<i16>> = (0..query).map(|_| (0..width * motifs).map(|_| next()).collect()).collect();
            let rows: Vec<&[i16]> = rows.iter().map(Vec::as_slice).collect();
            let mut offsets: Vec<i32> = (1 - width as i32..query as i32).collect();
            let overlap = |offset: i32| (offset + width as i32).min(query as i32) - offset.max(0);
            offsets.sort_by_key(|&offset| (-overlap(offset), offset));
            let sum = |offset: i32, motif: usize| -> i16 {
                let aligned = (0..query as i32).filter(|i| (0..width as i32).contains(&(i - offset)));
                aligned.map(|i| rows[i as usize][(i - offset) as usize * motifs + motif]).sum()
            };
            for level in Level::available() {
                let (mut best, mut place) = (vec![0; motifs], vec![0; motifs]);
                best_alignments(level, &rows, motifs, &offsets, &mut best, &mut place);
                for motif in 0..motifs {
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
            let (mut best, mut place) = ([0], [7]);
            best_alignments(level, &[], 1, &[], &mut best, &mut place);
            assert_eq!((best, place), ([i16::MIN], [0]));
        }
    }
}
