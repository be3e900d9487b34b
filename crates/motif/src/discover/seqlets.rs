//! Where attributions are high: windows beyond a null of Laplace, at a false discovery rate.

use super::report::{SignReport, Stop};
use super::tracks::Tracks;
use super::{Config, Seqlet};
use basewise_core::random::{below, stream};
use rayon::prelude::*;

/// Windows from which the null and the thresholds are estimated.
const SAMPLE: usize = 1_000_000;
/// Quantiles of the null.
const QUANTILES: usize = 10_000;
/// Least part of the windows near 0 that is taken to be null.
const MIN_NULL_PART: f64 = 0.95;

/// The seqlets of both signs, the positive first, in the order of the sequences.
pub(super) fn find(tracks: &Tracks<'_>, config: &Config) -> Vec<(SignReport, Vec<Seqlet>)> {
    let (mut positive, mut negative) = (SignReport::new('+'), SignReport::new('-'));
    let stop = |mut side: SignReport, stop: Stop| {
        side.stop = Some(stop);
        (side, Vec::new())
    };
    let window = config.window.max(1);
    if tracks.len() == 0 || tracks.length() < window {
        return vec![stop(positive, Stop::TooShort), stop(negative, Stop::TooShort)];
    }
    let sums = window_sums(tracks, window);
    let sample = sample(&sums, config.seed);
    if sample.first() == sample.last() {
        return vec![stop(positive, Stop::Constant), stop(negative, Stop::Constant)];
    }
    let null = null(&sample);
    positive.threshold = threshold(&sample, &null, config.fdr);
    let mirrored = |values: &[f64]| values.iter().rev().map(|v| -v).collect::<Vec<_>>();
    negative.threshold = threshold(&mirrored(&sample), &mirrored(&null), config.fdr).map(|t| -t);
    bound(&sample, config.passing, &mut positive, &mut negative);
    let (above, below) = (positive.threshold.unwrap_or(f64::INFINITY), negative.threshold.unwrap_or(f64::NEG_INFINITY));
    let found: Vec<(Seqlet, bool)> = sums
        .par_chunks(tracks.length() - window + 1)
        .enumerate()
        .flat_map_iter(|(example, row)| peaks(row, above, below, config, example))
        .collect();
    for row in &sums {
        positive.windows += usize::from(f64::from(*row) >= above);
        negative.windows += usize::from(f64::from(*row) <= below);
    }
    let of_sign = |sign: bool| found.iter().filter(|(_, s)| *s == sign).map(|(seqlet, _)| *seqlet).collect::<Vec<_>>();
    vec![limit(positive, of_sign(true), config), limit(negative, of_sign(false), config)]
}

/// Counts, the step at which there are too few, and an even choice of too many.
fn limit(mut side: SignReport, seqlets: Vec<Seqlet>, config: &Config) -> (SignReport, Vec<Seqlet>) {
    side.seqlets = seqlets.len();
    if side.threshold.is_none() || seqlets.len() < config.min_seqlets.max(1) {
        side.stop = Some(if side.threshold.is_none() { Stop::NoWindow } else { Stop::FewSeqlets });
        return (side, Vec::new());
    }
    let used = seqlets.len().min(config.max_seqlets.max(1));
    side.used = used;
    let chosen = (0..used).map(|i| seqlets[i * seqlets.len() / used]).collect();
    (side, chosen)
}

/// Sums of contributions over windows, `[n, length - window + 1]`.
fn window_sums(tracks: &Tracks<'_>, window: usize) -> Vec<f32> {
    let row = |example: usize| {
        let mut before = Vec::with_capacity(tracks.length() + 1);
        before.push(0.0_f64);
        for at in 0..tracks.length() {
            before.push(before[at] + f64::from(tracks.contribution(example, at)));
        }
        (window..before.len()).map(move |end| (before[end] - before[end - window]) as f32)
    };
    (0..tracks.len()).into_par_iter().flat_map_iter(row).collect()
}

/// At most [`SAMPLE`] windows, one from each of as many stretches of equal length; in order.
fn sample(sums: &[f32], seed: u64) -> Vec<f64> {
    let n = sums.len().min(SAMPLE);
    let mut rng = stream(seed, "discover sample", &[]);
    let mut values: Vec<f64> = (0..n)
        .map(|i| {
            let (from, to) = (i * sums.len() / n, (i + 1) * sums.len() / n);
            f64::from(sums[from + below(&mut rng, to - from)])
        })
        .collect();
    values.par_sort_unstable_by(f64::total_cmp);
    values
}

/// Quantiles of the null: exponential on both sides of the mode of `sample`, each with the steepest slope that any
/// percentile of its side asks for; in order.
fn null(sample: &[f64]) -> Vec<f64> {
    let mode = mode(sample);
    let (left, right) = sample.split_at(sample.partition_point(|&v| v < mode));
    let slope = |distance: &dyn Fn(f64) -> f64, n: usize| {
        let steepest = (1..20).map(|i| -(1.0 - f64::from(i) / 20.0).ln() / distance(f64::from(i) / 20.0).max(1e-300));
        if n == 0 { f64::INFINITY } else { steepest.fold(0.0, f64::max) }
    };
    let at = |values: &[f64], part: f64| values[((values.len() - 1) as f64 * part).round() as usize];
    let up = slope(&|part| at(right, part) - mode, right.len());
    let down = slope(&|part| mode - at(left, 1.0 - part), left.len());
    let n_right = QUANTILES * right.len() / sample.len();
    let tail = |n: usize, slope: f64| (0..n).map(move |i| -(1.0 - (i as f64 + 0.5) / n as f64).ln() / slope);
    let mut values: Vec<f64> = tail(n_right, up).map(|distance| mode + distance).collect();
    values.extend(tail(QUANTILES - n_right, down).map(|distance| mode - distance));
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The centre of the fullest of 1,000 bins within the fullest of 1,000 bins.
fn mode(sorted: &[f64]) -> f64 {
    let mut values = sorted;
    let mut range = (values[0], values[values.len() - 1]);
    for _ in 0..2 {
        let width = (range.1 - range.0) / 1000.0;
        let edge = |bin: usize| values.partition_point(|&v| v < range.0 + bin as f64 * width);
        let edges: Vec<usize> = (0..1000).map(edge).chain([values.len()]).collect();
        let fullest = (0..1000).rev().max_by_key(|&bin| edges[bin + 1] - edges[bin]).unwrap_or(0);
        values = &values[edges[fullest]..edges[fullest + 1]];
        range = (range.0 + fullest as f64 * width, range.0 + (fullest + 1) as f64 * width);
        if values.is_empty() || width <= 0.0 {
            break;
        }
    }
    f64::midpoint(range.0, range.1)
}

/// The least value above 0 at which the part of null windows is at most `fdr`, by isotonic regression of observed against
/// null values; none where only the largest value or none is so.
fn threshold(observed: &[f64], null: &[f64], fdr: f64) -> Option<f64> {
    let observed = &observed[observed.partition_point(|&v| v < 0.0)..];
    let null = &null[null.partition_point(|&v| v < 0.0)..];
    if observed.is_empty() || null.is_empty() {
        return None;
    }
    let weight = observed.len() as f64 / null.len() as f64;
    let precision = precisions(observed, null, weight);
    // Near 0 all is null, which says how much of the null there is.
    let least = precision[0].max(1e-7);
    let null_part = if least >= 1.0 { 1.0 } else { (least / (1.0 - least)).clamp(MIN_NULL_PART, 1.0) };
    let is_real = |p: f64| 1.0 + null_part * (1.0 - 1.0 / p.max(1e-7)) >= 1.0 - fdr;
    let first = precision.iter().position(|&p| is_real(p))?;
    (observed.len() - first > 1).then(|| observed[first])
}

/// For each observed value, the fitted part of observed values among observed and null ones, rising with the value (pool
/// adjacent violators).
fn precisions(observed: &[f64], null: &[f64], weight: f64) -> Vec<f64> {
    // Blocks of sum, weight, and number of observed values.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < observed.len() || j < null.len() {
        let is_null = i == observed.len() || (j < null.len() && null[j] <= observed[i]);
        let mut block = if is_null { (0.0, weight, 0) } else { (1.0, 1.0, 1) };
        if is_null {
            j += 1
        } else {
            i += 1
        }
        while let Some(&(sum, all, n)) = blocks.last() {
            if sum / all < block.0 / block.1 {
                break;
            }
            block = (block.0 + sum, block.1 + all, block.2 + n);
            blocks.pop();
        }
        blocks.push(block);
    }
    blocks.iter().flat_map(|&(sum, all, n)| std::iter::repeat_n(sum / all, n)).collect()
}

/// Moves the thresholds that there are so that neither too few nor too many windows pass.
fn bound(sample: &[f64], passing: (f64, f64), positive: &mut SignReport, negative: &mut SignReport) {
    let above = positive.threshold.map_or(0, |t| sample.len() - sample.partition_point(|&v| v < t));
    let below = negative.threshold.map_or(0, |t| sample.partition_point(|&v| v <= t));
    let part = (above + below) as f64 / sample.len() as f64;
    if part >= passing.0 && part <= passing.1 || above + below == 0 {
        return;
    }
    let mut sizes: Vec<f64> = sample.iter().map(|v| v.abs()).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    let wanted = if part < passing.0 { passing.0 } else { passing.1 };
    let size = sizes[((sizes.len() - 1) as f64 * (1.0 - wanted.clamp(0.0, 1.0))) as usize];
    positive.threshold = positive.threshold.map(|_| size);
    negative.threshold = negative.threshold.map(|_| -size);
}

/// The highest windows of one sequence that pass and share no base; true where the sum is above 0.
fn peaks(sums: &[f32], above: f64, below: f64, config: &Config, example: usize) -> Vec<(Seqlet, bool)> {
    let passes = |v: f32| f64::from(v) >= above || f64::from(v) <= below;
    let mut order: Vec<usize> = (0..sums.len()).filter(|&i| passes(sums[i])).collect();
    order.sort_by(|&i, &j| sums[j].abs().total_cmp(&sums[i].abs()).then(i.cmp(&j)));
    let mut taken: Vec<usize> = Vec::new();
    for i in order {
        if taken.iter().all(|&j| i.abs_diff(j) >= config.window) {
            taken.push(i);
        }
    }
    let seqlet = |start: usize| Seqlet {
        example,
        start: start as i64 - config.flank as i64,
        end: (start + config.window + config.flank) as i64,
        reverse: false,
    };
    taken.into_iter().map(|start| (seqlet(start), sums[start] > 0.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_is_the_isotonic_fit() {
        // scikit-learn 1.9.1 IsotonicRegression on the same points, weights 1 and 2.
        let fitted = precisions(&[1.0, 2.0, 3.0, 5.0], &[1.5, 4.0], 2.0);
        let expected = [1.0 / 3.0, 0.5, 0.5, 1.0];
        fitted.iter().zip(expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{fitted:?}"));
    }

    #[test]
    fn a_null_has_no_threshold_and_a_heavy_tail_has_one() {
        let mut rng = stream(1, "null test", &[]);
        let mut values: Vec<f64> = (0..100_000).map(|_| basewise_core::random::normal(&mut rng)).collect();
        values.sort_unstable_by(f64::total_cmp);
        assert_eq!(threshold(&values, &null(&values), 0.2), None);
        values.extend((0..2000).map(|i| 8.0 + f64::from(i) * 1e-3));
        let found = threshold(&values, &null(&values), 0.2).unwrap();
        assert!((4.0..8.1).contains(&found), "{found}");
    }

    #[test]
    fn peaks_keep_their_distance_and_their_sign() {
        let config = Config { window: 3, flank: 1, ..Config::default() };
        // The window at 1 shares bases with the one at 3, that at 0 does not.
        let found = peaks(&[5.0, 5.5, 3.0, -6.0, 0.1], 1.0, -1.0, &config, 7);
        let places: Vec<_> = found.iter().map(|(s, sign)| (s.start, s.end, *sign)).collect();
        assert_eq!(places, [(2, 7, false), (-1, 4, true)]);
    }
}
