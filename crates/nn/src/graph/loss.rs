//! Losses in nats and their gradients.

use basewise_kernels::{Level, softmax};

/// Mean cross-entropy over `rows` of scores `[nodes, classes]`, and its gradient, which is 0 for all other nodes.
/// `labels` has the class of every node; those of `rows` must be known.
pub(super) fn cross_entropy(scores: &[f32], classes: usize, rows: &[u32], labels: &[Option<u32>]) -> (f64, Vec<f32>) {
    let mut gradient = vec![0.0; scores.len()];
    let (mut loss, share) = (0.0, 1.0 / rows.len().max(1) as f64);
    for &node in rows {
        let Some(label) = labels[node as usize] else { continue };
        let own = node as usize * classes..(node as usize + 1) * classes;
        let (scores, gradient) = (&scores[own.clone()], &mut gradient[own]);
        loss += share * (log_sum(scores) - f64::from(scores[label as usize]));
        gradient.copy_from_slice(scores);
        softmax::forward_in_place(Level::best(), classes, gradient);
        gradient[label as usize] -= 1.0;
        gradient.iter_mut().for_each(|g| *g *= share as f32);
    }
    (loss, gradient)
}

/// The logarithm of the sum of exponentials.
fn log_sum(scores: &[f32]) -> f64 {
    let top = f64::from(scores.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    top + scores.iter().map(|&s| (f64::from(s) - top).exp()).sum::<f64>().ln()
}

/// Mean cross-entropy of scores (logits) for labels that are 1 or 0, and its gradient.
pub(super) fn binary_cross_entropy(scores: &[f32], positive: impl Fn(usize) -> bool) -> (f64, Vec<f32>) {
    let share = 1.0 / scores.len().max(1) as f64;
    let mut loss = 0.0;
    let gradient = scores.iter().enumerate().map(|(i, &score)| {
        let (score, label) = (f64::from(score), f64::from(u8::from(positive(i))));
        // log(1 + e^-|s|) never overflows.
        loss += share * (score.max(0.0) - score * label + (-score.abs()).exp().ln_1p());
        (share * (1.0 / (1.0 + (-score).exp()) - label)) as f32
    });
    let gradient = gradient.collect();
    (loss, gradient)
}
