//! What scores mean where chance alone would give some: Karlin and Altschul's (1990) statistics, for the bases that two
//! sequences are made of.

/// The constant `K` of scores 2 and -3 with equal shares of bases; it hardly matters beside the exponential.
pub(super) const K: f64 = 0.408;

/// The score, in nats, that an alignment must have to tell relatives: chance gives it to fewer than one in 20 sequences of
/// 100 bases in a data set of 10^8.
pub(super) const SIGNIFICANT: f64 = 26.0;

/// Shares of A, C, G and T among the known bases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Composition([f64; 4]);

impl Composition {
    /// Of codes; without any known base all shares are 0.
    pub(super) fn of(codes: &[u8]) -> Self {
        let mut counts = [0.0; 4];
        codes.iter().filter(|&&code| code < 4).for_each(|&code| counts[usize::from(code)] += 1.0);
        let total: f64 = counts.iter().sum();
        Self(counts.map(|count| count / total.max(1.0)))
    }

    /// Of the other strand.
    pub(super) fn reversed(self) -> Self {
        let Self([a, c, g, t]) = self;
        Self([t, g, c, a])
    }

    /// Nats for each point of a score: how fast the chance of a score falls as it grows.
    ///
    /// The solution `x` of `p exp(2 x) + (1 - p) exp(-3 x) = 1`, where `p` is the chance that a base of one equals one of the
    /// other; 0 if chance alone makes long alignments. Bases that seldom meet count as 1 in 4.
    pub(super) fn nats(self, other: Self) -> f64 {
        let equal: f64 = self.0.iter().zip(other.0).map(|(p, q)| p * q).sum();
        let equal = equal.max(0.25);
        if 2.0 * equal >= 3.0 * (1.0 - equal) {
            return 0.0;
        }
        // Convex, 0 at 0, and falls there: the other zero lies between the minimum and 0.7.
        let (mut low, mut high) = (0.0, 0.7);
        for _ in 0..24 {
            let middle = f64::midpoint(low, high);
            let excess = equal * (2.0 * middle).exp() + (1.0 - equal) * (-3.0 * middle).exp() - 1.0;
            if excess < 0.0 { low = middle } else { high = middle }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_mean_less_where_bases_are_few() {
        let even = Composition::of(&[0, 1, 2, 3, 4, 4]);
        assert_eq!(even, Composition([0.25; 4]));
        // 0.634 is the published value of these scores.
        assert!((even.nats(even) - 0.634).abs() < 1e-3, "{}", even.nats(even));
        let rich = Composition::of(&[1, 1, 2, 2, 1, 2, 1, 2, 0, 3]);
        assert!(rich.nats(rich) < 0.5 && rich.nats(rich) > 0.3);
        assert_eq!(rich.nats(even), even.nats(even));
        let single = Composition::of(&[0; 9]);
        assert_eq!((single.nats(single), single.nats(single.reversed())), (0.0, even.nats(even)));
        let none = Composition::of(&[4, 4]);
        assert_eq!(none.nats(none), even.nats(even));
        let root = rich.nats(rich);
        let p = 0.34;
        assert!((p * (2.0 * root).exp() + (1.0 - p) * (-3.0 * root).exp() - 1.0).abs() < 1e-6);
    }
}
