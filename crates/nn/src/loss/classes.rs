//! One of several classes: a share `q` of each class and one score each, `p` their softmax.

/// Cross-entropy `-sum q ln p`; `visit(class, slope)`.
pub(super) fn cross_entropy(scores: &[f32], shares: &[f64], mut visit: impl FnMut(usize, f64)) -> f64 {
    let logs = log_softmax(scores);
    for (class, (log, share)) in logs.iter().zip(shares).enumerate() {
        visit(class, log.exp() - share);
    }
    dot(shares, &logs)
}

/// Focal loss `-sum q (1 - p)^g ln p` (Lin et al. 2017, eq. 5, over a softmax); `visit(class, slope)`.
pub(super) fn focal(scores: &[f32], shares: &[f64], gamma: f64, mut visit: impl FnMut(usize, f64)) -> f64 {
    let logs = log_softmax(scores);
    let mut total = 0.0;
    // Slope in ln p, of which that in each score follows by the chain rule of the softmax.
    let mut inner = Vec::with_capacity(scores.len());
    for (class, (&log, share)) in logs.iter().zip(shares).enumerate() {
        let (p, rest) = (log.exp(), rest_of(&logs, class));
        let log = if rest < 0.5 { (-rest).ln_1p() } else { log };
        let factor = rest.powf(gamma);
        total -= share * factor * log;
        // d/d(ln p) of -(1 - p)^g ln p; written so that no 0 is divided by.
        let bend = if rest > 0.0 { gamma * p * log * factor / rest } else { 0.0 };
        inner.push(share * (bend - factor));
    }
    let sum: f64 = inner.iter().sum();
    for (class, (log, inner)) in logs.iter().zip(&inner).enumerate() {
        visit(class, inner - log.exp() * sum);
    }
    total
}

/// `1 - p` of a class, without the loss of digits where p is close to 1.
fn rest_of(logs: &[f64], class: usize) -> f64 {
    logs.iter().enumerate().filter(|(other, _)| *other != class).map(|(_, log)| log.exp()).sum::<f64>().min(1.0)
}

/// Logarithms of the softmax, without overflow.
fn log_softmax(scores: &[f32]) -> Vec<f64> {
    let top = f64::from(scores.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let total: f64 = scores.iter().map(|&score| (f64::from(score) - top).exp()).sum();
    scores.iter().map(|&score| f64::from(score) - top - total.ln()).collect()
}

/// `-sum q ln p`, in which a class without a share does not count, however small its p.
fn dot(shares: &[f64], logs: &[f64]) -> f64 {
    -shares.iter().zip(logs).filter(|(share, _)| **share > 0.0).map(|(share, log)| share * log).sum::<f64>()
}
