//! Numbers: losses of the difference `d` of score and label, with their slopes.

/// The squared difference.
pub(super) fn mse(d: f64) -> (f64, f64) {
    (d * d, 2.0 * d)
}

/// The absolute difference; the slope is 0 where there is none.
pub(super) fn mae(d: f64) -> (f64, f64) {
    (d.abs(), if d == 0.0 { 0.0 } else { d.signum() })
}

/// `d^2 / 2` up to `delta`, `delta (|d| - delta / 2)` beyond (Huber 1964; `torch.nn.HuberLoss`).
pub(super) fn huber(d: f64, delta: f64) -> (f64, f64) {
    if d.abs() <= delta { (0.5 * d * d, d) } else { (delta * (d.abs() - 0.5 * delta), delta * d.signum()) }
}
