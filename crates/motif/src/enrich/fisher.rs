//! Fisher's exact test of two by two counts, in logarithms.

/// `ln n!` for all n up to a largest one.
pub struct LogFactorials(Vec<f64>);

impl LogFactorials {
    /// Those of 0 to `largest`.
    pub fn new(largest: usize) -> Self {
        let mut sum = 0.0;
        let next = |n: usize| {
            sum += (n.max(1) as f64).ln();
            sum
        };
        Self((0..=largest).map(next).collect())
    }

    fn choose(&self, n: usize, k: usize) -> f64 {
        self.0[n] - self.0[k] - self.0[n - k]
    }
}

/// The natural logarithm of the one-sided p-value of a table of counts: how likely a first row's first cell is as large as
/// `one[0]` or larger, given all sums of rows and columns.
///
/// # Panics
/// If the counts sum to more than the logarithms were made for.
pub fn ln_fisher_greater(logs: &LogFactorials, one: [usize; 2], other: [usize; 2]) -> f64 {
    let (row, column) = (one[0] + one[1], one[0] + other[0]);
    let all = row + other[0] + other[1];
    let (lowest, highest) = (column.saturating_sub(other[0] + other[1]), row.min(column));
    let seen = one[0];
    if seen <= lowest {
        return 0.0;
    }
    let term = |k: usize| logs.choose(row, k) + logs.choose(all - row, column - k) - logs.choose(all, column);
    // Terms fall on either side of the mode, so the sum starts at the largest and its other terms are shares of it.
    let mode = (row + 1) as f64 * (column + 1) as f64 / (all + 2) as f64;
    let (mut share, mut sum) = (1.0, 1.0);
    if seen as f64 >= mode {
        for k in seen..highest {
            share *= up(k, row, column, all);
            sum += share;
        }
        (term(seen) + f64::ln(sum)).min(0.0)
    } else {
        for k in (lowest..seen - 1).rev() {
            share /= up(k, row, column, all);
            sum += share;
        }
        (-(term(seen - 1).exp() * sum).min(1.0)).ln_1p()
    }
}

/// The probability of `k + 1` over that of `k`.
fn up(k: usize, row: usize, column: usize, all: usize) -> f64 {
    let numerator = (row - k) as f64 * (column - k) as f64;
    numerator / ((k + 1) as f64 * (all + k + 1 - row - column) as f64)
}
