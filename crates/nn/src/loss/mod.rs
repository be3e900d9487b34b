//! What training makes small, with its gradient, in f64 on the host.
//!
//! A loss needs only the scores, which are few, so it is computed outside the framework: exactly, with a gradient
//! written by hand and checked against finite differences. The network then propagates that gradient back.
//!
//! | kind | losses |
//! |---|---|
//! | binary | [`bce`](BinaryLoss::Bce), [`focal`](BinaryLoss::Focal) |
//! | classes | [`cross-entropy`](ClassesLoss::CrossEntropy), [`focal`](ClassesLoss::Focal) |
//! | regression | [`mse`](RegressionLoss::Mse), [`mae`](RegressionLoss::Mae), [`huber`](RegressionLoss::Huber) |
//! | counts | [`poisson`](CountsLoss::Poisson), [`negative-binomial`](CountsLoss::NegativeBinomial) |
//! | profile | multinomial for the shape with the squared error of the logarithm of the total (Avsec et al. 2021) |
//!
//! **Means.** Within a task the loss is the weighted mean over known labels, `sum w l / sum w`, where `w` is the weight of
//! the label's class times that of the [`Target`], which is the weight of its example (as `torch.nn.CrossEntropyLoss` has it; without weights a plain mean).
//! Over tasks it is the weighted mean by task weights of those that have a known label.

mod binary;
mod classes;
mod config;
mod counts;
mod objective;
mod profile;
mod regression;
mod sums;
#[cfg(test)]
mod tests;

pub use config::{BinaryLoss, ClassWeights, ClassesLoss, CountsLoss, LossConfig, RegressionLoss, WeightRule};
pub use objective::{Objective, Target, plain_targets};
pub use sums::LossSums;

use basewise_core::{Matrix, Task};

/// [`Objective::loss`] of the default losses, for raw scores `[n, outputs]` and the labels of each row (NaN is unknown).
pub fn loss(tasks: &[Task], scores: &Matrix, labels: &[&[f64]]) -> LossSums {
    Objective::usual(tasks).loss(scores, &plain_targets(labels))
}

/// [`Objective::loss_and_gradient`] of the default losses.
pub fn loss_and_gradient(tasks: &[Task], scores: &Matrix, labels: &[&[f64]]) -> (LossSums, Vec<f32>) {
    Objective::usual(tasks).loss_and_gradient(scores, &plain_targets(labels), None)
}

/// `ln(1 + exp(z))` without overflow.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 { 1.0 / (1.0 + (-z).exp()) } else { z.exp() / (1.0 + z.exp()) }
}
