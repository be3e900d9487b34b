//! Letters as numbers, and numbers as letters.

use basewise_core::Code;
use basewise_core::random::{Stream, uniform};

/// One-hot letters `[n, length, 4]`; an unknown base is all zeros.
pub(super) fn one_hot<'a>(sequences: impl IntoIterator<Item = &'a [Code]>) -> Vec<f32> {
    let mut x = Vec::new();
    for code in sequences.into_iter().flatten() {
        let mut column = [0.0; 4];
        if let Some(value) = column.get_mut(usize::from(code.base())) {
            *value = 1.0;
        }
        x.extend(column);
    }
    x
}

/// Logarithms of the letters' shares at each position, `[length, 4]`, each letter counted once more than it is there.
pub(super) fn position_logits<'a>(length: usize, sequences: impl IntoIterator<Item = &'a [Code]>) -> Vec<f32> {
    let mut counts = vec![1.0f64; 4 * length];
    for sequence in sequences {
        for (column, code) in counts.chunks_exact_mut(4).zip(sequence) {
            if let Some(count) = column.get_mut(usize::from(code.base())) {
                *count += 1.0;
            }
        }
    }
    let columns = counts.chunks_exact(4).flat_map(|column| {
        let total: f64 = column.iter().sum();
        column.iter().map(move |count| (count / total).ln() as f32)
    });
    columns.collect()
}

/// Softmax over each four numbers, in place.
pub(super) fn softmax(values: &mut [f32]) {
    for column in values.as_chunks_mut::<4>().0 {
        let top = column.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        column.iter_mut().for_each(|v| *v = (*v - top).exp());
        let total: f32 = column.iter().sum();
        column.iter_mut().for_each(|v| *v /= total);
    }
}

/// The base of the largest of four numbers, the first of equal ones.
pub(super) fn largest(column: &[f32]) -> u8 {
    let mut best = 0;
    for base in 1..4 {
        if column[base] > column[best] {
            best = base;
        }
    }
    best as u8
}

/// A base drawn from logits divided by `temperature`.
pub(super) fn draw(logits: &[f32], temperature: f64, rng: &mut Stream) -> u8 {
    let mut noisy = [0.0; 4];
    for (noisy, logit) in noisy.iter_mut().zip(logits) {
        *noisy = (f64::from(*logit) / temperature + gumbel(rng)) as f32;
    }
    largest(&noisy)
}

/// A number of the Gumbel distribution: the largest of logits with such noise is a draw from their softmax.
pub(super) fn gumbel(rng: &mut Stream) -> f64 {
    // Within (0, 1): half a step off the ends.
    let u = uniform(rng).mul_add(1.0 - 2.0f64.powi(-53), 2.0f64.powi(-54));
    -(-u.ln()).ln()
}
