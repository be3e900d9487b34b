//! What is added up in the bins of a histogram: whole numbers, so that no order of additions changes a sum.
//!
//! Every row has `lanes` numbers: `lanes - 1` values (a gradient, a weighted label, or weights of classes) and, last, a
//! weight (a sample weight or a second derivative) with a count of 1 in its low bits. Values and weights are in fixed
//! point. A sum is exact, so a histogram is the same for any number of threads, and the histogram of a node minus that
//! of one child is, to the last bit, that of the other.

/// Fixed-point numbers `[rows, lanes]` and what they mean.
#[derive(Clone, Debug)]
pub(super) struct Statistics {
    values: Vec<i64>,
    units: Units,
}

/// How to read a sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Units {
    /// Numbers a row.
    pub(super) lanes: usize,
    value: f64,
    weight: f64,
    count_bits: u32,
}

/// Bits of a row's value that survive the way through `f64`.
const VALUE_BITS: u32 = 50;

impl Statistics {
    /// For as many rows as there are weights. `values` is `[rows, lanes - 1]`; both must be finite, and weights not
    /// negative.
    pub(super) fn new(lanes: usize, values: &[f64], weights: &[f64]) -> Self {
        let units = Units { lanes, value: 1.0, weight: 1.0, count_bits: 0 };
        let mut statistics = Self { values: Vec::new(), units };
        statistics.set(values, weights);
        statistics
    }

    /// Other numbers for the same rows.
    pub(super) fn set(&mut self, values: &[f64], weights: &[f64]) {
        let lanes = self.units.lanes;
        let count_bits = usize::BITS - weights.len().leading_zeros();
        let value = scale(values, VALUE_BITS.min(62 - count_bits));
        // A sum of as many weights must leave `count_bits` free below, and the sign above.
        let weight = scale(weights, (63 - 2 * count_bits).min(VALUE_BITS));
        self.units = Units { lanes, value: 1.0 / value, weight: 1.0 / weight, count_bits };
        self.values.resize(weights.len() * lanes, 0);
        let rows = self.values.chunks_exact_mut(lanes).zip(values.chunks_exact(lanes - 1)).zip(weights);
        for ((row, values), &own) in rows {
            for (fixed, &number) in row.iter_mut().zip(values) {
                *fixed = to_fixed(number * value);
            }
            row[lanes - 1] = (to_fixed(own * weight) << count_bits) | 1;
        }
    }

    /// How to read a sum.
    pub(super) fn units(&self) -> Units {
        self.units
    }

    /// The numbers of these rows, one row after the other.
    pub(super) fn gather(&self, rows: &[u32], ordered: &mut Vec<i64>) {
        ordered.clear();
        let lanes = self.units.lanes;
        if lanes == 2 {
            let pairs = self.values.as_chunks::<2>().0;
            ordered.extend(rows.iter().flat_map(|&row| pairs[row as usize]));
        } else {
            ordered.extend(rows.iter().flat_map(|&row| &self.values[row as usize * lanes..][..lanes]));
        }
    }

    /// The sum over these rows.
    pub(super) fn total(&self, rows: &[u32]) -> Vec<i64> {
        let lanes = self.units.lanes;
        let mut total = vec![0; lanes];
        for &row in rows {
            add(&mut total, &self.values[row as usize * lanes..][..lanes]);
        }
        total
    }
}

impl Units {
    /// How many rows are in a sum.
    #[inline(always)]
    pub(super) fn count(&self, sum: &[i64]) -> usize {
        (sum[self.lanes - 1] & ((1 << self.count_bits) - 1)) as usize
    }

    /// The weight of a sum.
    #[inline(always)]
    pub(super) fn weight(&self, sum: &[i64]) -> f64 {
        (sum[self.lanes - 1] >> self.count_bits) as f64 * self.weight
    }

    /// A value of a sum.
    #[inline(always)]
    pub(super) fn value(&self, sum: i64) -> f64 {
        sum as f64 * self.value
    }
}

/// `sum += other`.
#[inline(always)]
pub(super) fn add(sum: &mut [i64], other: &[i64]) {
    for (sum, other) in sum.iter_mut().zip(other) {
        *sum += other;
    }
}

/// `sum -= other`.
#[inline(always)]
pub(super) fn subtract(sum: &mut [i64], other: &[i64]) {
    for (sum, other) in sum.iter_mut().zip(other) {
        *sum -= other;
    }
}

/// The power of two that brings the largest number to at most `2^bits`.
fn scale(numbers: &[f64], bits: u32) -> f64 {
    let largest = numbers.iter().fold(0.0f64, |largest, number| largest.max(number.abs()));
    if largest == 0.0 { 1.0 } else { (f64::from(bits) - largest.log2().ceil()).clamp(-1000.0, 1000.0).exp2() }
}

/// To the nearest whole number, without the call that `round` is where the processor has no instruction for it.
#[inline(always)]
fn to_fixed(number: f64) -> i64 {
    (number + 0.5f64.copysign(number)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_count_rows_and_keep_small_numbers() {
        let values = [1.0, -3.5, 1e-6, 0.25];
        let weights = [1.0, 0.5, 1e-4, 0.0];
        let statistics = Statistics::new(2, &values, &weights);
        let units = statistics.units();
        let sum = statistics.total(&[0, 1, 2, 3]);
        assert_eq!(units.count(&sum), 4);
        assert!((units.value(sum[0]) - values.iter().sum::<f64>()).abs() < 1e-12);
        assert!((units.weight(&sum) - weights.iter().sum::<f64>()).abs() < 1e-12);
        let mut rest = sum.clone();
        subtract(&mut rest, &statistics.total(&[1, 3]));
        assert_eq!(rest, statistics.total(&[0, 2]));
        let mut ordered = Vec::new();
        statistics.gather(&[2, 0], &mut ordered);
        assert_eq!(ordered, [statistics.total(&[2]), statistics.total(&[0])].concat());
    }

    #[test]
    fn whole_weights_are_exact_and_zeros_are_allowed() {
        let weights: Vec<f64> = (0..1000).map(|i| f64::from(i % 7)).collect();
        let statistics = Statistics::new(3, &vec![0.0; 2000], &weights);
        let all: Vec<u32> = (0..1000).collect();
        let sum = statistics.total(&all);
        assert_eq!(statistics.units().weight(&sum), weights.iter().sum::<f64>());
        assert_eq!((sum[0], sum[1], statistics.units().count(&sum)), (0, 0, 1000));
    }
}
