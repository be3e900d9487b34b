//! Losses of scores, their means and curvatures.

use super::Family;

impl Family {
    /// Loss of one row; `mean` gets what the scores predict: the value, the probability of 1 or of each class, the rate.
    pub(crate) fn loss(self, scores: &[f64], label: f64, mean: &mut [f64]) -> f64 {
        self.mean(scores, mean);
        let s = scores[0];
        match self {
            Self::Squared => (s - label).powi(2) / 2.0,
            // ln(1 + e^s) - y s without overflow.
            Self::Logistic => s.max(0.0) + (-s.abs()).exp().ln_1p() - label * s,
            Self::Multinomial { .. } => log_sum(scores) - scores[label as usize],
            Self::Poisson => mean[0] - label * s,
        }
    }

    /// What scores predict.
    pub(super) fn mean(self, scores: &[f64], mean: &mut [f64]) {
        match self {
            Self::Squared => mean[0] = scores[0],
            Self::Logistic => mean[0] = 1.0 / (1.0 + (-scores[0]).exp()),
            Self::Multinomial { .. } => {
                let total = log_sum(scores);
                mean.iter_mut().zip(scores).for_each(|(mean, s)| *mean = (s - total).exp());
            }
            Self::Poisson => mean[0] = scores[0].exp(),
        }
    }

    /// The label as a mean: 1 for the own class of an output.
    pub(super) fn observed(self, label: f64, output: usize) -> f64 {
        match self {
            Self::Multinomial { .. } => f64::from(u8::from(label as usize == output)),
            _ => label,
        }
    }

    /// Second derivative of the loss by the score of one output.
    pub(super) fn curvature(self, mean: f64) -> f64 {
        match self {
            Self::Squared => 1.0,
            Self::Logistic | Self::Multinomial { .. } => mean * (1.0 - mean),
            Self::Poisson => mean,
        }
    }

    /// The product of the second derivatives of one row's loss with `direction`, in place.
    pub(super) fn bend(self, mean: &[f64], direction: &mut [f64]) {
        if let Self::Multinomial { .. } = self {
            let along: f64 = mean.iter().zip(&*direction).map(|(m, d)| m * d).sum();
            direction.iter_mut().zip(mean).for_each(|(d, m)| *d = m * (*d - along));
        } else {
            direction[0] *= self.curvature(mean[0]);
        }
    }
}

fn log_sum(scores: &[f64]) -> f64 {
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    top + scores.iter().map(|s| (s - top).exp()).sum::<f64>().ln()
}
