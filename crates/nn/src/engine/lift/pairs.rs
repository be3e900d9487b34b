//! Which rows of a batch belong together.

use rayon::prelude::*;

/// A change counts as at least this part of the numbers that it is a difference of: a smaller one is made of their last
/// digits.
const DIGITS: f64 = 1e-3;

/// Examples with their references. A batch has all references, example by example, and then all examples; on both strands
/// it has these rows twice, the second time as reverse complements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pairs {
    examples: usize,
    /// Of each example.
    references: usize,
    strands: usize,
}

/// Of a pair: the sum of multipliers times changes, and the sum of their sizes, each with [`DIGITS`].
pub(super) type Sum = (f64, f64);

impl Pairs {
    pub(crate) fn new(examples: usize, references: usize) -> Self {
        Self { examples, references, strands: 1 }
    }

    pub(super) fn on_both_strands(self) -> Self {
        Self { strands: 2 * self.strands, ..self }
    }

    /// Rows of the batch.
    pub(crate) fn rows(&self) -> usize {
        self.strands * self.examples * (self.references + 1)
    }

    /// Pairs of an example and a reference.
    pub(crate) fn count(&self) -> usize {
        self.strands * self.examples * self.references
    }

    /// The row of the example and that of the reference of a pair.
    pub(super) fn rows_of(&self, pair: usize) -> [usize; 2] {
        let own = (self.examples * self.references).max(1);
        let (start, at) = (pair / own * self.examples * (self.references + 1), pair % own);
        [start + own + at / self.references.max(1), start + at]
    }

    /// Example and reference of a pair in an array of the batch.
    pub(super) fn of<'a>(&self, values: &'a [f32], pair: usize) -> [&'a [f32]; 2] {
        let size = values.len() / self.rows().max(1);
        self.rows_of(pair).map(|row| &values[row * size..(row + 1) * size])
    }

    /// Calls `rule` with the number of each pair and its part of `m`.
    pub(super) fn each(&self, m: &mut [f32], rule: impl Fn(usize, &mut [f32]) + Sync) {
        let size = m.len() / self.count().max(1);
        if size > 0 {
            m.par_chunks_mut(size).enumerate().for_each(|(pair, m)| rule(pair, m));
        }
    }

    /// The same with a second array that is written.
    pub(super) fn each_into(&self, m: &[f32], dx: &mut [f32], rule: impl Fn(usize, &[f32], &mut [f32]) + Sync) {
        let own = m.len() / self.count().max(1);
        self.each(dx, |pair, dx| rule(pair, &m[pair * own..(pair + 1) * own], dx));
    }

    /// For each pair, what multipliers times changes of `values` sum to.
    pub(super) fn sums(&self, values: &[f32], m: &[f32]) -> Vec<Sum> {
        let size = m.len() / self.count().max(1);
        let of = |pair: usize| {
            let [x, x0] = self.of(values, pair);
            let parts = x.iter().zip(x0).zip(&m[pair * size..(pair + 1) * size]);
            parts.fold((0.0, 0.0), |(sum, size), ((x, x0), m)| {
                let [x, x0, m] = [x, x0, m].map(|&value| f64::from(value));
                let change = x - x0;
                (sum + m * change, size + m.abs() * (change.abs() + DIGITS * x.abs().max(x0.abs())))
            })
        };
        (0..self.count()).map(of).collect()
    }
}

/// The largest difference of any pair, over the size of the parts on the side where they are larger: a difference of sums
/// that cancel cannot be exact.
pub(super) fn difference(before: &[Sum], after: &[Sum]) -> f64 {
    let apart = |((a, size), (b, other)): (&Sum, &Sum)| {
        if a == b { 0.0 } else { (a - b).abs() / size.max(*other).max(f64::MIN_POSITIVE) }
    };
    // Not a number is worse than anything.
    before.iter().zip(after).map(apart).fold(0.0, |most: f64, one| if one > most || one.is_nan() { one } else { most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_find_their_rows_on_both_strands() {
        let pairs = Pairs::new(2, 3);
        assert_eq!((pairs.rows(), pairs.count()), (8, 6));
        assert_eq!(
            (0..6).map(|p| pairs.rows_of(p)).collect::<Vec<_>>(),
            [[6, 0], [6, 1], [6, 2], [7, 3], [7, 4], [7, 5]]
        );
        let both = pairs.on_both_strands();
        assert_eq!((both.rows(), both.count()), (16, 12));
        assert_eq!([both.rows_of(0), both.rows_of(6), both.rows_of(11)], [[6, 0], [14, 8], [15, 13]]);
    }

    #[test]
    fn differences_are_relative_and_a_lost_number_is_the_largest() {
        assert_eq!(difference(&[(1.0, 1.5), (0.0, 0.0)], &[(0.5, 2.0), (0.0, 0.0)]), 0.25);
        assert!(difference(&[(f64::NAN, 1.0), (1.0, 1.0)], &[(0.0, 0.0), (1.0, 1.0)]).is_nan());
    }
}
