//! The loss of signal in bins: of its shape, and of its total (Avsec et al. 2021).

use basewise_core::Profile;
use basewise_core::profile::total;

/// Tracks of a row with any known bin.
pub(super) fn known(profile: &Profile, labels: &[f64]) -> u64 {
    labels.chunks(profile.bins).filter(|bins| bins.iter().any(|bin| !bin.is_nan())).count() as u64
}

/// The summed loss of a row's tracks; `visit(index of the score, slope)` hears of every score that a known track has.
///
/// For the known bins `k` of a track with their total `n` and the softmax `p` of their logits, the loss is
/// `-sum(k ln p)`, the negative log-likelihood of a multinomial without the part that no prediction changes, plus
/// `count_weight (ln(1 + n) - c)^2` for the track's output `c`. Unknown bins take no part in either.
pub(super) fn loss(profile: &Profile, scores: &[f32], labels: &[f64], mut visit: impl FnMut(usize, f64)) -> f64 {
    let (bins, shapes) = (profile.bins, profile.bins * profile.tracks.len());
    let mut sum = 0.0;
    for (track, labels) in labels.chunks(bins).enumerate() {
        let Some(total) = total(labels) else { continue };
        let first = track * bins;
        sum += shape(&scores[first..first + bins], labels, total, |bin, slope| visit(first + bin, slope));
        let error = f64::from(scores[shapes + track]) - total.ln_1p();
        visit(shapes + track, 2.0 * profile.count_weight * error);
        sum += profile.count_weight * error * error;
    }
    sum
}

/// `-sum(k ln softmax(logits))` over the known bins.
fn shape(logits: &[f32], labels: &[f64], total: f64, mut visit: impl FnMut(usize, f64)) -> f64 {
    let known = || logits.iter().zip(labels).enumerate().filter(|(_, (_, label))| !label.is_nan());
    let top = known().map(|(_, (&logit, _))| logit).fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = known().map(|(_, (&logit, _))| f64::from(logit - top).exp()).sum();
    let log_sum = sum.ln();
    let mut loss = 0.0;
    for (bin, (&logit, &label)) in known() {
        let shifted = f64::from(logit - top);
        visit(bin, total * shifted.exp() / sum - label);
        // A bin without signal costs nothing, however unlikely it was.
        loss += if label > 0.0 { label * (log_sum - shifted) } else { 0.0 };
    }
    loss
}

#[cfg(test)]
mod tests {
    use crate::loss::{loss, loss_and_gradient};
    use basewise_core::random::{below, normal, stream, uniform};
    use basewise_core::{Matrix, Profile, Task, TaskKind};

    fn task(tracks: usize, bins: usize, count_weight: f64) -> Task {
        let tracks = (0..tracks).map(|i| format!("t{i}")).collect();
        let profile = Profile { tracks, bins, bin_size: 1, strand_pairs: vec![], count_weight };
        Task { name: "p".into(), kind: TaskKind::Profile(profile) }
    }

    #[test]
    fn values_by_hand() {
        let labels = [2.0, 0.0, 1.0, f64::NAN, f64::NAN, f64::NAN];
        let scores = vec![1.0, 0.5, -1.0, 9.0, 9.0, 9.0, 1.5, 7.0];
        let sums = loss(&[task(2, 3, 0.5)], &Matrix::new(1, 8, scores), &[&labels]);
        let log_sum = (1f64.exp() + 0.5f64.exp() + (-1f64).exp()).ln();
        let expected = 2.0 * (log_sum - 1.0) + (log_sum + 1.0) + 0.5 * (1.5 - 4f64.ln()).powi(2);
        assert_eq!(sums.weights, [1.0]);
        assert!((sums.sums[0] - expected).abs() < 1e-12, "{}", sums.sums[0]);
    }

    #[test]
    fn a_masked_bin_takes_no_part() {
        let (all, masked) = ([3.0, 1.0, f64::NAN], [3.0, 1.0]);
        let wide = loss(&[task(1, 3, 1.0)], &Matrix::new(1, 4, vec![0.25, -0.5, 50.0, 1.0]), &[&all]);
        let narrow = loss(&[task(1, 2, 1.0)], &Matrix::new(1, 3, vec![0.25, -0.5, 1.0]), &[&masked]);
        assert_eq!(wide, narrow);
    }

    #[test]
    fn the_loss_is_least_where_shape_and_total_are_right() {
        let labels = [4.0, 1.0, 5.0];
        let at = |scores: [f32; 4]| loss(&[task(1, 3, 1.0)], &Matrix::new(1, 4, scores.to_vec()), &[&labels]).sums[0];
        let best = [4f32.ln(), 0.0, 5f32.ln(), 11f32.ln()];
        for i in 0..4 {
            for by in [-0.1, 0.1] {
                let mut scores = best;
                scores[i] += by;
                assert!(at(scores) > at(best));
            }
        }
    }

    /// Random tracks, bins and rows beside a regression task, a third of the labels unknown.
    #[test]
    fn gradients_match_finite_differences_for_random_shapes() {
        for seed in 0..20 {
            let mut rng = stream(seed, "test profile loss", &[]);
            let (tracks, bins, rows) = (1 + below(&mut rng, 3), 1 + below(&mut rng, 6), 1 + below(&mut rng, 4));
            let regression = Task { name: "r".into(), kind: TaskKind::Regression };
            let tasks = [regression, task(tracks, bins, 0.5 + uniform(&mut rng))];
            let label = |rng: &mut _| if uniform(rng) < 0.33 { f64::NAN } else { below(rng, 5) as f64 };
            let width = 1 + tracks * bins;
            let labels: Vec<Vec<f64>> = (0..rows).map(|_| (0..width).map(|_| label(&mut rng)).collect()).collect();
            let labels: Vec<&[f64]> = labels.iter().map(Vec::as_slice).collect();
            let outputs = 1 + tracks * (bins + 1);
            // Multiples of 1 / 1024, so that the shifted scores are exact.
            let scores: Vec<f32> =
                (0..rows * outputs).map(|_| (1024.0 * normal(&mut rng)).round() as f32 / 1024.0).collect();
            let (_, gradient) = loss_and_gradient(&tasks, &Matrix::new(rows, outputs, scores.clone()), &labels);
            let largest = gradient.iter().fold(1e-6f32, |top, g| top.max(g.abs()));
            for (i, &analytic) in gradient.iter().enumerate() {
                let shifted = |by: f32| {
                    let mut scores = scores.clone();
                    scores[i] += by;
                    loss(&tasks, &Matrix::new(rows, outputs, scores), &labels).mean()
                };
                let h = 1.0 / 1024.0;
                let numeric = (shifted(h) - shifted(-h)) / f64::from(2.0 * h);
                if numeric.is_nan() {
                    assert_eq!(analytic, 0.0);
                    continue;
                }
                let error = (f64::from(analytic) - numeric).abs() / numeric.abs().max(0.01 * f64::from(largest));
                assert!(error < 1e-3, "seed {seed}, score {i}: {analytic} against {numeric}");
            }
        }
    }

    #[test]
    fn extreme_logits_stay_finite() {
        let labels = [0.0, 7.0];
        let scores = Matrix::new(1, 3, vec![1e4, -1e4, 0.0]);
        let (sums, gradient) = loss_and_gradient(&[task(1, 2, 1.0)], &scores, &[&labels]);
        assert!((sums.sums[0] - 7.0 * 2e4 - 8f64.ln().powi(2)).abs() < 1e-6);
        assert!(gradient.iter().all(|g| g.is_finite()));
    }
}
