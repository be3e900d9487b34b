//! Softmax: `exp(x - ln sum exp x)`, that is element-wise functions and sums, so that no product needs a rule.

use super::Pairs;

/// Softmax over the channels of each position.
pub(super) fn channels(channels: usize, pairs: &Pairs, x: &[f32], m: &mut [f32]) {
    pairs.each(m, |pair, m| {
        let [x, x0] = pairs.of(x, pair);
        let mut room = Room::default();
        let rows = x.chunks_exact(channels).zip(x0.chunks_exact(channels));
        m.chunks_exact_mut(channels).zip(rows).for_each(|(m, (x, x0))| room.lift(x, x0, m));
    });
}

/// `(e^a - e^b) / (a - b)`, which is `e^a` where both are equal.
fn exp_rise(a: f64, b: f64) -> f64 {
    let (high, apart) = (a.max(b), (a - b).abs());
    // The series to the square: what is left out is a 24th of the third power.
    let part = if apart < 1e-5 { 1.0 - 0.5 * apart } else { -(-apart).exp_m1() / apart };
    high.exp() * part
}

/// `ln sum exp x`.
pub(super) fn log_sum(x: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = x.clone().fold(f64::NEG_INFINITY, f64::max);
    top + x.map(|x| (x - top).exp()).sum::<f64>().ln()
}

/// Numbers that are used again from softmax to softmax.
#[derive(Default)]
pub(super) struct Room {
    /// The scores of the example and of the reference.
    scores: [Vec<f64>; 2],
    slopes: Vec<f64>,
}

impl Room {
    /// `m` are multipliers of the weights and become those of the scores.
    pub(super) fn lift(&mut self, x: &[f32], x0: &[f32], m: &mut [f32]) {
        self.lift_every(1, x, x0, m);
    }

    /// The same of every `stride`-th number.
    pub(super) fn lift_every(&mut self, stride: usize, x: &[f32], x0: &[f32], m: &mut [f32]) {
        for (wide, values) in self.scores.iter_mut().zip([x, x0]) {
            wide.clear();
            wide.extend(values.iter().step_by(stride).map(|&value| f64::from(value)));
        }
        let [x, x0] = &self.scores;
        let (log, log0) = (log_sum(x.iter().copied()), log_sum(x0.iter().copied()));
        let both = || x.iter().zip(x0);
        self.slopes.clear();
        let slopes = both().zip(m.iter().step_by(stride));
        self.slopes.extend(slopes.map(|((x, x0), m)| f64::from(*m) * exp_rise(x - log, x0 - log0)));
        let top = log.max(log0);
        // Of the logarithm of the sum, by way of the sum.
        let total = self.slopes.iter().sum::<f64>() / exp_rise(log - top, log0 - top);
        for ((m, slope), (x, x0)) in m.iter_mut().step_by(stride).zip(&self.slopes).zip(both()) {
            *m = (slope - total * exp_rise(x - top, x0 - top)) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(x: &[f32]) -> Vec<f64> {
        let log = log_sum(x.iter().map(|&x| f64::from(x)));
        x.iter().map(|&x| (f64::from(x) - log).exp()).collect()
    }

    #[test]
    fn scores_near_and_far_sum_to_the_change_of_the_weights() {
        let cases: [([f32; 3], [f32; 3]); 4] = [
            ([1.0, 2.0, 0.5], [0.0, 2.0, 3.0]),
            ([1.0, 2.0, 0.5], [1.0, 2.0, 0.5]),
            ([300.0, -300.0, 0.0], [-300.0, 300.0, 1.0]),
            ([1e-6, 0.0, 0.0], [0.0, 0.0, 1e-6]),
        ];
        for (x, x0) in cases {
            let slopes = [0.5, -2.0, 1.0];
            let mut m = slopes;
            Room::default().lift(&x, &x0, &mut m);
            let sum: f64 = (0..3).map(|i| f64::from(m[i]) * f64::from(x[i] - x0[i])).sum();
            let want: f64 = (0..3).map(|i| f64::from(slopes[i]) * (weights(&x)[i] - weights(&x0)[i])).sum();
            assert!((sum - want).abs() < 1e-5, "{x:?} {x0:?}: {sum} against {want}");
        }
    }
}
