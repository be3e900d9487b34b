//! The simplest generative model: a base follows from a few bases before it.

use crate::Code;
use crate::random::{Stream, uniform};

/// A Markov model of sequences: the shares of the next base after each word of `order` bases, with the shares after shorter words
/// where a sequence begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Markov {
    order: usize,
    /// For each length of word 0 to `order`, `[words, 4]`: running sums of shares.
    tables: Vec<Vec<f64>>,
}

/// Each base counts so often more than it was seen, times its share after the word without its first base.
const PRIOR: f64 = 1.0;

impl Markov {
    /// The longest word that a base follows from.
    pub const LARGEST_ORDER: usize = 10;

    /// Fits a model of this order, 0 to [`Markov::LARGEST_ORDER`]. A word that was seen seldom leans on the shorter one in it.
    pub fn fit<'a>(order: usize, sequences: impl IntoIterator<Item = &'a [Code]>) -> Self {
        let order = order.min(Self::LARGEST_ORDER);
        let mut counts: Vec<Vec<f64>> = (0..=order).map(|k| vec![0.0; 4 << (2 * k)]).collect();
        for sequence in sequences {
            let (mut word, mut known) = (0usize, 0usize);
            for code in sequence {
                let base = usize::from(code.base());
                if base > 3 {
                    known = 0;
                    continue;
                }
                for (k, counts) in counts.iter_mut().enumerate().take(known + 1) {
                    counts[(word & ((1 << (2 * k)) - 1)) * 4 + base] += 1.0;
                }
                word = word << 2 | base;
                known += 1;
            }
        }
        let mut shares: Vec<Vec<f64>> = Vec::new();
        for (k, counts) in counts.into_iter().enumerate() {
            let smoothed = smooth(k, &counts, shares.last().map(Vec::as_slice));
            shares.push(smoothed);
        }
        let running = |table: Vec<f64>| table.chunks_exact(4).flat_map(running_sums).collect();
        Self { order, tables: shares.into_iter().map(running).collect() }
    }

    /// Bases that the next one follows from.
    pub fn order(&self) -> usize {
        self.order
    }

    /// A sequence of `length` bases.
    pub fn sample(&self, length: usize, rng: &mut Stream) -> Vec<Code> {
        let mut word = 0usize;
        let bases = (0..length).map(|i| {
            let k = i.min(self.order);
            let at = (word & ((1 << (2 * k)) - 1)) * 4;
            let sums = &self.tables[k][at..at + 4];
            let u = uniform(rng);
            let base = sums.iter().take(3).filter(|&&sum| u >= sum).count();
            word = word << 2 | base;
            Code::new(base as u8)
        });
        bases.collect()
    }
}

/// Shares `[words, 4]` of words of `k` bases, from those of words of `k - 1`.
fn smooth(k: usize, counts: &[f64], shorter: Option<&[f64]>) -> Vec<f64> {
    let of_word = |(word, counts): (usize, &[f64])| {
        let total: f64 = counts.iter().sum();
        let rest = if k == 0 { 0 } else { word & ((1 << (2 * (k - 1))) - 1) };
        let share = |base: usize| {
            let prior = shorter.map_or(0.25, |shares| shares[rest * 4 + base]);
            (counts[base] + 4.0 * PRIOR * prior) / (total + 4.0 * PRIOR)
        };
        [share(0), share(1), share(2), share(3)]
    };
    counts.chunks_exact(4).enumerate().flat_map(of_word).collect()
}

fn running_sums(shares: &[f64]) -> [f64; 4] {
    let mut sum = 0.0;
    [0, 1, 2, 3].map(|base| {
        sum += shares[base];
        sum
    })
}
