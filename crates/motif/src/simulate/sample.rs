//! Random bases.

use super::Background;
use crate::Motif;
use crate::motif::normalized;
use basewise_core::Strand;
use basewise_core::random::{Stream, uniform};

/// A base drawn with the given probabilities.
fn base(probabilities: &[f64; 4], rng: &mut Stream) -> u8 {
    let mut left = uniform(rng);
    for (base, p) in (0..).zip(probabilities) {
        left -= p;
        if left < 0.0 {
            return base;
        }
    }
    // Rounding can leave a rest: the last base that occurs takes it.
    (0..4).rev().find(|&base| probabilities[usize::from(base)] > 0.0).unwrap_or(3)
}

/// `length` bases 0..=3.
pub(super) fn background(background: &Background, length: usize, rng: &mut Stream) -> Vec<u8> {
    match background {
        Background::Iid { gc } => {
            let row = [(1.0 - gc) / 2.0, gc / 2.0, gc / 2.0, (1.0 - gc) / 2.0];
            (0..length).map(|_| base(&row, rng)).collect()
        }
        Background::Markov { transitions } => {
            let rows = transitions.map(normalized);
            let mut next = stationary(&rows);
            (0..length)
                .map(|_| {
                    let base = base(&next, rng);
                    next = rows[usize::from(base)];
                    base
                })
                .collect()
        }
    }
}

/// Long-run frequencies of a chain; averaging over many steps also settles a chain that alternates.
fn stationary(rows: &[[f64; 4]; 4]) -> [f64; 4] {
    let (mut now, mut sum) = ([0.25; 4], [0.0; 4]);
    for _ in 0..1000 {
        now = std::array::from_fn(|to| (0..4).map(|from| now[from] * rows[from][to]).sum());
        sum = std::array::from_fn(|i| sum[i] + now[i]);
    }
    normalized(sum)
}

/// An instance of a motif as it stands in the sequence.
pub(super) fn instance(motif: &Motif, strand: Strand, rng: &mut Stream) -> Vec<u8> {
    let mut bases: Vec<u8> = motif.probabilities.iter().map(|row| base(row, rng)).collect();
    if strand == Strand::Reverse {
        bases.reverse();
        bases.iter_mut().for_each(|base| *base = 3 - *base);
    }
    bases
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::random::stream;

    #[test]
    fn gc_is_as_asked() {
        let bases = background(&Background::Iid { gc: 0.3 }, 100_000, &mut stream(1, "t", &[]));
        let gc = bases.iter().filter(|&&b| b == 1 || b == 2).count() as f64 / 1e5;
        assert!((gc - 0.3).abs() < 0.01, "{gc}");
    }

    #[test]
    fn a_chain_follows_its_transitions() {
        // A is followed by C always, everything else by A.
        let mut transitions = [[1.0, 0.0, 0.0, 0.0]; 4];
        transitions[0] = [0.0, 1.0, 0.0, 0.0];
        let bases = background(&Background::Markov { transitions }, 50, &mut stream(2, "t", &[]));
        assert!(bases.windows(2).all(|pair| pair[0] + pair[1] == 1), "{bases:?}");
        let zeros = Background::Markov { transitions: [[0.0; 4]; 4] };
        assert_eq!(background(&zeros, 5, &mut stream(2, "t", &[])).len(), 5);
    }

    #[test]
    fn impossible_bases_are_never_drawn() {
        let mut rng = stream(3, "t", &[]);
        assert!((0..10_000).all(|_| base(&[0.1, 0.2, 0.7, 0.0], &mut rng) != 3));
    }
}
