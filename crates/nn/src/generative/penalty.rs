//! The gradient penalty of a critic (Gulrajani et al. 2017) and its exact gradient.
//!
//! The penalty is `weight * mean (|g| - 1)^2` with `g` the gradient of the critic's score by its input. With the signs
//! of all states held fixed, `g` is the product of the layers' weights, transposed, in reverse: a function that is linear in
//! each layer's weights. So the gradient of the penalty by the weights is found as any other, with two walks changing places.
//! A change `v = dpenalty / dg` goes *forward* through the network as a tangent, and the gradient of a layer's weights is
//! the product of the tangent before it and the slope after it. Signs change only where a state is zero, so that this is the
//! gradient itself almost everywhere, and biases have none.

use super::net::Ready;

/// The mean over `total` examples of `weight (|g| - 1)^2`, the part of these `n` examples; its gradient is added to
/// `gradient`. `x` is `[n, inputs]`, the points where the slope is asked for.
pub(super) fn add_penalty(
    critic: &Ready<'_>,
    (n, total): (usize, usize),
    x: Vec<f32>,
    weight: f32,
    gradient: &mut [f32],
) -> f64 {
    let size = x.len() / n.max(1);
    let states = critic.forward(n, x);
    let slopes = critic.backward(n, &states, vec![1.0; n]);
    let mut change = slopes[0].clone();
    let mut sum = 0.0;
    for own in change.chunks_exact_mut(size.max(1)) {
        let norm = own.iter().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>().sqrt();
        sum += (norm - 1.0) * (norm - 1.0);
        // A slope of zero has no direction; any will do for one step.
        let factor = 2.0 * f64::from(weight) * (norm - 1.0) / (norm.max(1e-12) * total as f64);
        own.iter_mut().for_each(|g| *g *= factor as f32);
    }
    let tangents = critic.tangents(n, &states, change);
    critic.gradient(n, &tangents, &slopes, false, gradient);
    f64::from(weight) * sum / total as f64
}
