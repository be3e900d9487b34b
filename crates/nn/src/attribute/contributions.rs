//! Contributions of bases, and whether they sum to what they should.

use super::references::{References, quarters};
use basewise_core::SequenceBatch;

const BASES: usize = 4;
/// An error is no rounding beyond this part of the size of the contributions and that part of the outputs, of which it is
/// a difference.
const LOST: (f64, f64) = (1e-3, 2e-6);

/// What each base contributes to the difference between an output of a sequence and that of its references.
#[derive(Clone, Debug, PartialEq)]
pub struct Contributions {
    /// Of each base if it stood at that position in place of the reference (hypothetical contributions, as TF-MoDISco
    /// takes them): row-major `[n, 4, length]`, means over references.
    pub hypothetical: Vec<f32>,
    /// How well they sum to the differences, example by example and reference by reference.
    pub deltas: Vec<Delta>,
}

/// The difference between an output of an example and that of a reference, or of the mean of all references, beside what
/// the contributions sum to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delta {
    /// Number of the example in its batch.
    pub example: usize,
    /// Number of the reference; `None` for all of them together.
    pub reference: Option<usize>,
    /// Output of the example minus that of the reference.
    pub change: f64,
    /// What the contributions of all positions sum to.
    pub sum: f64,
    /// What their sizes sum to.
    pub size: f64,
    /// The size of the larger output.
    pub output: f64,
}

/// Errors of many [`Delta`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Convergence {
    /// The largest `|sum - change|`, in units of the output.
    pub largest: f64,
    /// The median of the same.
    pub median: f64,
    /// The largest error over the size of the contributions.
    pub largest_relative: f64,
}

impl Delta {
    /// From the outputs of the example and the reference, and from the sums of contributions and of their sizes.
    pub(super) fn new(
        example: usize,
        reference: Option<usize>,
        [own, other]: [f64; 2],
        (sum, size): (f64, f64),
    ) -> Self {
        Self { example, reference, change: own - other, sum, size, output: own.abs().max(other.abs()) }
    }

    /// `|sum - change|`.
    pub fn error(&self) -> f64 {
        (self.sum - self.change).abs()
    }

    /// Whether more is lost than rounding explains: a thousandth of the size of what is added up, and the last digits of the
    /// outputs.
    pub fn is_lossy(&self) -> bool {
        let allowed = LOST.0 * self.size.max(self.change.abs()) + LOST.1 * self.output;
        self.error() > allowed || self.error().is_nan()
    }

    /// The error over the size of what is added up, the scale of its rounding.
    pub fn relative(&self) -> f64 {
        if self.error() == 0.0 { 0.0 } else { self.error() / self.size.max(self.change.abs()) }
    }
}

impl Contributions {
    /// The contributions of the bases that are there, 0 for others: row-major `[n, 4, length]`.
    pub fn projected(&self, batch: &SequenceBatch) -> Vec<f32> {
        let mut values = self.hypothetical.clone();
        keep_bases(&mut values, batch);
        values
    }

    /// How well they sum to the differences. What is not a number counts as larger than any.
    pub fn convergence(&self) -> Convergence {
        let sorted = |of: fn(&Delta) -> f64| {
            let mut values: Vec<f64> = self.deltas.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (errors, relative) = (sorted(Delta::error), sorted(Delta::relative));
        let last = |values: &[f64]| values.last().copied().unwrap_or_default();
        let median = errors.get(errors.len() / 2).copied().unwrap_or_default();
        Convergence { largest: last(&errors), median, largest_relative: last(&relative) }
    }
}

/// Sets the values `[n, 4, length]`, of all sequences of the batch, of bases that are not there to 0. Of a gradient, input
/// times gradient is left.
///
/// # Panics
/// If there are values of more sequences than the batch has.
pub fn keep_bases(values: &mut [f32], batch: &SequenceBatch) {
    let length = batch.length();
    for (i, one) in values.chunks_exact_mut((BASES * length).max(1)).enumerate() {
        let codes = batch.sequence(i);
        for (at, value) in one.iter_mut().enumerate() {
            if usize::from(codes[at % length].base()) != at / length {
                *value = 0.0;
            }
        }
    }
}

/// Adds up contributions of the pairs of one example.
pub(super) struct Sums {
    length: usize,
    /// `[4, length]`.
    hypothetical: Vec<f64>,
    references: usize,
}

impl Sums {
    pub(super) fn new(length: usize) -> Self {
        Self { length, hypothetical: vec![0.0; BASES * length], references: 0 }
    }

    /// Adds the contributions of a pair, whose arrays are `[channels, length]`: multipliers or gradients `m`, example `x`
    /// and reference `x0`. Gives the sum of the contributions of `x` and that of their sizes by position.
    pub(super) fn add(&mut self, m: &[f32], x: &[f32], x0: &[f32]) -> (f64, f64) {
        let length = self.length;
        let (mut sum, mut size) = (0.0, 0.0);
        for position in 0..length {
            let places = || (position..m.len()).step_by(length);
            let there = |at: usize| f64::from(m[at]) * f64::from(x0[at]);
            let reference: f64 = places().take(BASES).map(there).sum();
            for at in places().take(BASES) {
                self.hypothetical[at] += f64::from(m[at]) - reference;
            }
            let own: f64 = places().map(|at| f64::from(m[at]) * (f64::from(x[at]) - f64::from(x0[at]))).sum();
            sum += own;
            size += own.abs();
        }
        self.references += 1;
        (sum, size)
    }

    /// Means over the references.
    pub(super) fn mean(&self) -> impl Iterator<Item = f32> + '_ {
        let count = self.references.max(1) as f64;
        self.hypothetical.iter().map(move |sum| (sum / count) as f32)
    }
}

/// An example and its references.
pub(super) struct Compared {
    /// `[channels, length]`.
    pub(super) x: Vec<f32>,
    /// Each `[channels, length]`.
    pub(super) references: Vec<Vec<f32>>,
    /// The references, then the example, with what lies beside it, if all are sequences.
    pub(super) sequences: Option<SequenceBatch>,
}

impl Compared {
    pub(super) fn new(examples: &SequenceBatch, references: &References, i: usize) -> Self {
        let mut one = examples.emptied();
        one.push_row(examples, i);
        let (x, count) = (one.one_hot(), references.count());
        let codes: Option<Vec<_>> = (0..count).map(|r| references.codes(examples, i, r)).collect();
        let Some(codes) = codes else {
            let references = vec![quarters(x.clone(), examples.length()); count];
            return Self { x, references, sequences: None };
        };
        let mut all = examples.emptied();
        codes.iter().for_each(|codes| all.push_edited(codes, examples, i));
        all.push_row(examples, i);
        let numbers = all.one_hot();
        let references = numbers.chunks_exact(x.len().max(1)).take(count).map(<[f32]>::to_vec).collect();
        Self { x, references, sequences: Some(all) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contributions_of_a_pair_by_hand() {
        // One position: the example has A, the reference C.
        let mut sums = Sums::new(1);
        assert_eq!(sums.add(&[3.0, 1.0, 5.0, 0.0], &[1.0, 0.0, 0.0, 0.0], &[0.0, 1.0, 0.0, 0.0]), (2.0, 2.0));
        // The reference is A too.
        assert_eq!(sums.add(&[3.0, 1.0, 5.0, 0.0], &[1.0, 0.0, 0.0, 0.0], &[1.0, 0.0, 0.0, 0.0]), (0.0, 0.0));
        assert_eq!(sums.mean().collect::<Vec<_>>(), [1.0, -1.0, 3.0, -2.0]);
    }

    #[test]
    fn errors_are_sorted_and_a_lost_number_is_largest() {
        let delta = |change, sum| Delta { example: 0, reference: Some(0), change, sum, size: 4.0, output: 8.0 };
        let mut all = Contributions { hypothetical: vec![], deltas: vec![delta(1.0, 1.5), delta(2.0, 2.0)] };
        // What is lost of numbers that hardly differ is rounding.
        assert!(!Delta { size: 1e-4, output: 4.0, ..delta(1e-4, 1.01e-4) }.is_lossy());
        all.deltas.push(delta(8.0, 9.0));
        assert_eq!(all.convergence(), Convergence { largest: 1.0, median: 0.5, largest_relative: 0.125 });
        assert!(all.deltas[0].is_lossy() && !all.deltas[1].is_lossy());
        all.deltas.push(delta(f64::NAN, 0.0));
        assert!(all.deltas[3].is_lossy());
        assert!(all.convergence().largest.is_nan());
        let none = Contributions { hypothetical: vec![], deltas: vec![] };
        assert_eq!(none.convergence(), Convergence::default());
    }
}
