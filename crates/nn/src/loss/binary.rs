//! Yes or no: a label `y` from 0 to 1 and one logit `z`, `p = sigmoid(z)`.

use super::{sigmoid, softplus};

/// Binary cross-entropy and its slope: `-y ln p - (1 - y) ln(1 - p)`.
pub(super) fn bce(z: f64, y: f64) -> (f64, f64) {
    (softplus(z) - y * z, sigmoid(z) - y)
}

/// Focal loss and its slope (Lin et al. 2017, eq. 5): `-a y (1 - p)^g ln p - b (1 - y) p^g ln(1 - p)`, where `weights` are
/// `[b, a]`.
pub(super) fn focal(z: f64, y: f64, gamma: f64, weights: [f64; 2]) -> (f64, f64) {
    // One side is the other's at -z.
    let (up, down) = (side(z, gamma), side(-z, gamma));
    let (a, b) = (weights[1] * y, weights[0] * (1.0 - y));
    (a * up.0 + b * down.0, a * up.1 - b * down.1)
}

/// `-(1 - p)^g ln p` and its slope in `z`, `(1 - p)^g (g p ln p - (1 - p))`.
fn side(z: f64, gamma: f64) -> (f64, f64) {
    let (p, rest, log) = (sigmoid(z), sigmoid(-z), -softplus(-z));
    let factor = rest.powf(gamma);
    // Where p is 0, p ln p is too, although ln p may be large.
    (-factor * log, factor * (gamma * p * log - rest))
}
