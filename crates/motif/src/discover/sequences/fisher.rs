//! Fisher's exact test, one-sided.

/// Logarithms of factorials up to a number.
pub(super) struct Fisher {
    factorials: Vec<f64>,
}

impl Fisher {
    /// For tables with at most `total` entries.
    pub(super) fn new(total: usize) -> Self {
        let mut factorials = Vec::with_capacity(total + 1);
        factorials.push(0.0);
        for n in 1..=total {
            factorials.push(factorials[n - 1] + (n as f64).ln());
        }
        Self { factorials }
    }

    fn choose(&self, n: usize, k: usize) -> f64 {
        self.factorials[n] - self.factorials[k] - self.factorials[n - k]
    }

    /// Natural logarithm of the probability of `hits` or more of `n` sequences having a site, where `other_hits` of `other_n`
    /// have one, if both kinds are alike (hypergeometric tail).
    pub(super) fn log_p(&self, hits: usize, n: usize, other_hits: usize, other_n: usize) -> f64 {
        let marked = hits + other_hits;
        let most = marked.min(n);
        let all = self.choose(n + other_n, marked);
        let mut largest = f64::NEG_INFINITY;
        let mut sum = 0.0;
        for k in hits.max(marked.saturating_sub(other_n))..=most {
            let term = self.choose(n, k) + self.choose(other_n, marked - k) - all;
            if term > largest {
                sum = sum * (largest - term).exp() + 1.0;
                largest = term;
            } else {
                sum += (term - largest).exp();
                // Beyond the mode terms fall faster than a geometric series.
                if term < largest - 40.0 {
                    break;
                }
            }
        }
        (largest + sum.ln()).min(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_scipy() {
        let fisher = Fisher::new(1000);
        // scipy 1.17.1: fisher_exact([[a, n - a], [b, m - b]], 'greater').
        for ((a, n, b, m), expected) in [
            ((8, 10, 1, 6), 0.024475524475524483),
            ((30, 100, 10, 100), 0.0003252053538017104),
            ((0, 10, 0, 10), 1.0),
            ((10, 10, 0, 10), 5.412544112234515e-06),
        ] {
            let found = fisher.log_p(a, n, b, m).exp();
            assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
        }
        assert!(fisher.log_p(500, 500, 0, 500) < -600.0);
        assert_eq!(fisher.log_p(1, 10, 10, 10), 0.0);
    }
}
