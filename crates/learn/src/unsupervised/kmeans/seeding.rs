//! First centres: rows drawn by their squared distance to the centres so far, the best of a few draws each time.

use super::Data;
use crate::unsupervised::rows::squared_distance;
use basewise_core::random::{Stream, below, stream, uniform};

/// `[k, columns]`: greedy k-means++ with `2 + ln k` draws for each centre, as scikit-learn does it.
pub(super) fn choose(data: &Data, k: usize, seed: u64, restart: usize) -> Vec<f32> {
    let mut rng = stream(seed, "k-means", &[restart as u64]);
    let tries = 2 + (k as f64).ln() as usize;
    let first = below(&mut rng, data.rows);
    let mut centres = data.row(first).to_vec();
    let mut nearest: Vec<f32> = (0..data.rows).map(|i| squared_distance(data.row(i), data.row(first))).collect();
    let squares: Vec<f32> = (0..data.rows).map(|i| data.row(i).iter().map(|x| x * x).sum()).collect();
    for _ in 1..k {
        let candidates = draw(&nearest, tries, &mut rng);
        let best = best_of(data, &candidates, &squares, &nearest);
        let row = data.row(best);
        centres.extend(row);
        nearest = nearest.iter().enumerate().map(|(i, &d)| d.min(squared_distance(data.row(i), row))).collect();
    }
    centres
}

/// Rows by `weights`, with replacement; any rows if all weights are 0.
fn draw(weights: &[f32], count: usize, rng: &mut Stream) -> Vec<usize> {
    let mut total = 0.0;
    let sums: Vec<f64> = weights.iter().map(|&w| (total += f64::from(w), total).1).collect();
    let one = |_| {
        if total <= 0.0 {
            return below(rng, weights.len());
        }
        let at = uniform(rng) * total;
        sums.partition_point(|&sum| sum <= at).min(weights.len() - 1)
    };
    (0..count).map(one).collect()
}

/// The candidate that leaves the smallest sum of squared distances to the nearest centre.
fn best_of(data: &Data, candidates: &[usize], squares: &[f32], nearest: &[f32]) -> usize {
    let k = candidates.len();
    let rows: Vec<f32> = candidates.iter().flat_map(|&i| data.row(i)).copied().collect();
    let sums = data.by_block(&rows, k, |range, scores| {
        let mut sums = vec![0.0_f64; k];
        for (i, scores) in range.zip(scores.chunks_exact(k)) {
            let distance = |score: f32| (squares[i] + score).max(0.0).min(nearest[i]);
            sums.iter_mut().zip(scores).for_each(|(sum, &score)| *sum += f64::from(distance(score)));
        }
        sums
    });
    let total = |c: usize| sums.iter().map(|sums| sums[c]).sum::<f64>();
    let totals: Vec<f64> = (0..k).map(total).collect();
    let best = (0..k).min_by(|&a, &b| totals[a].total_cmp(&totals[b])).unwrap_or(0);
    candidates[best]
}
