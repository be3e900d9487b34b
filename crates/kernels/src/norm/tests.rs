//! Against the formulas in f64, and against differences.

use super::*;
use proptest::prelude::*;

fn numbers(seed: u64, count: usize) -> Vec<f32> {
    (0..count as u64)
        .map(|i| {
            let mixed = (i + 1 + seed * 7919).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            ((mixed >> 40) as f32 / (1 << 23) as f32) - 1.0
        })
        .collect()
}

fn close(name: &str, got: impl IntoIterator<Item = f64>, want: &[f64]) {
    let got: Vec<f64> = got.into_iter().collect();
    assert_eq!(got.len(), want.len(), "{name}");
    for (i, (got, want)) in got.into_iter().zip(want).enumerate() {
        assert!((got - want).abs() <= 2e-5 * (1.0 + want.abs()), "{name} {i}: {got} against {want}");
    }
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

const EPSILON: f64 = 1e-5;

/// Mean and reciprocal deviation of each channel.
fn moments(channels: usize, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let rows = (x.len() / channels) as f64;
    let mean: Vec<f64> = (0..channels).map(|c| x.iter().skip(c).step_by(channels).sum::<f64>() / rows).collect();
    let square = |c: usize| x.iter().skip(c).step_by(channels).map(|x| (x - mean[c]).powi(2)).sum::<f64>();
    let inv_std = (0..channels).map(|c| 1.0 / (square(c) / rows + EPSILON).sqrt()).collect();
    (mean, inv_std)
}

fn output(channels: usize, x: &[f64], scale: &[f32], shift: &[f32], relu: bool) -> Vec<f64> {
    let (mean, inv_std) = moments(channels, x);
    let floor = if relu { 0.0 } else { f64::NEG_INFINITY };
    let value = |(i, x): (usize, &f64)| {
        let c = i % channels;
        ((x - mean[c]) * inv_std[c] * f64::from(scale[c]) + f64::from(shift[c])).max(floor)
    };
    x.iter().enumerate().map(value).collect()
}

/// Forward and backward at one level, with rows cut after `cut`.
fn everything(level: Level, channels: usize, x: &[f32], cut: usize, relu: bool) {
    let rows = x.len() / channels;
    let (scale, shift, dy) = (numbers(1, channels), numbers(2, channels), numbers(3, x.len()));
    let (mut sum, mut square) = (vec![0.0; channels], vec![0.0; channels]);
    let (front, back) = x.split_at(cut * channels);
    [front, back].into_iter().for_each(|x| mean_partial(level, channels, x, &mut sum));
    let mean: Vec<f32> = sum.iter().map(|sum| (sum / rows as f64) as f32).collect();
    [front, back].into_iter().for_each(|x| square_partial(level, channels, x, &mean, &mut square));
    let inv_std: Vec<f32> = square.iter().map(|s| (1.0 / (s / rows as f64 + EPSILON).sqrt()) as f32).collect();
    let want = moments(channels, &wide(x));
    close("mean", wide(&mean), &want.0);
    close("deviation", wide(&inv_std), &want.1);

    let statistics = Statistics { mean: &mean, inv_std: &inv_std, scale: &scale, shift: &shift };
    let mut y = vec![f32::NAN; x.len()];
    normalize(level, x, statistics, relu, &mut y);
    close("y", wide(&y), &output(channels, &wide(x), &scale, &shift, relu));
    let mut in_place = x.to_vec();
    normalize_in_place(level, &mut in_place, statistics, relu);
    assert_eq!(in_place, y);

    let (mut d_scale, mut d_shift) = (vec![0.0; channels], vec![0.0; channels]);
    let mask = |range: std::ops::Range<usize>| relu.then(|| &y[range]);
    for range in [0..cut * channels, cut * channels..x.len()] {
        let (x, dy) = (&x[range.clone()], &dy[range.clone()]);
        backward_sums(level, x, statistics, mask(range), dy, &mut d_scale, &mut d_shift);
    }
    let passed: Vec<f64> =
        y.iter().zip(&dy).map(|(&y, &dy)| if relu && y <= 0.0 { 0.0 } else { f64::from(dy) }).collect();
    let hat = |i: usize| (f64::from(x[i]) - want.0[i % channels]) * want.1[i % channels];
    let channel = |c: usize| (c..x.len()).step_by(channels);
    let sums: Vec<(f64, f64)> = (0..channels)
        .map(|c| (channel(c).map(|i| passed[i] * hat(i)).sum(), channel(c).map(|i| passed[i]).sum()))
        .collect();
    close("d_scale", d_scale.iter().copied(), &sums.iter().map(|sums| sums.0).collect::<Vec<_>>());
    close("d_shift", d_shift.iter().copied(), &sums.iter().map(|sums| sums.1).collect::<Vec<_>>());

    let n = rows as f64;
    let mean_of = |sums: &[f64]| sums.iter().map(|sum| (sum / n) as f32).collect::<Vec<_>>();
    let mut dx = dy;
    backward_apply(level, x, statistics, mask(0..x.len()), &mean_of(&d_scale), &mean_of(&d_shift), &mut dx);
    let expected = |(i, passed): (usize, &f64)| {
        let c = i % channels;
        f64::from(scale[c]) * want.1[c] * (passed - sums[c].1 / n - hat(i) * sums[c].0 / n)
    };
    close("dx", wide(&dx), &passed.iter().enumerate().map(expected).collect::<Vec<_>>());
}

#[test]
fn variance_survives_a_large_mean() {
    let (channels, rows) = (3, 500);
    let x: Vec<f32> = numbers(4, channels * rows).iter().map(|x| 1000.0 + x).collect();
    let want = moments(channels, &wide(&x));
    for level in Level::available() {
        let (mut sum, mut square) = (vec![0.0; channels], vec![0.0; channels]);
        mean_partial(level, channels, &x, &mut sum);
        let mean: Vec<f32> = sum.iter().map(|sum| (sum / rows as f64) as f32).collect();
        square_partial(level, channels, &x, &mean, &mut square);
        for (square, inv_std) in square.iter().zip(&want.1) {
            let found = 1.0 / (square / rows as f64 + EPSILON).sqrt();
            assert!((found / inv_std - 1.0).abs() < 1e-4, "{level}: {found} against {inv_std}");
        }
    }
}

/// The formula of the gradient itself, against central differences of the output.
#[test]
fn the_gradient_is_that_of_the_output() {
    let (channels, rows) = (2, 5);
    let x = numbers(8, channels * rows);
    let (scale, shift, weights) = (numbers(1, channels), numbers(2, channels), numbers(3, x.len()));
    let loss = |x: &[f64]| {
        output(channels, x, &scale, &shift, false).iter().zip(&weights).map(|(y, &w)| y * f64::from(w)).sum::<f64>()
    };
    let (mean, inv_std) = moments(channels, &wide(&x));
    let narrow = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<_>>();
    let (mean, inv_std) = (narrow(&mean), narrow(&inv_std));
    let statistics = Statistics { mean: &mean, inv_std: &inv_std, scale: &scale, shift: &shift };
    let (mut d_scale, mut d_shift) = (vec![0.0; channels], vec![0.0; channels]);
    backward_sums(Level::best(), &x, statistics, None, &weights, &mut d_scale, &mut d_shift);
    let mean_of = |sums: &[f64]| sums.iter().map(|sum| (sum / rows as f64) as f32).collect::<Vec<_>>();
    let mut dx = weights.clone();
    backward_apply(Level::best(), &x, statistics, None, &mean_of(&d_scale), &mean_of(&d_shift), &mut dx);
    for (i, &dx) in dx.iter().enumerate() {
        let moved = |by: f64| {
            let mut x = wide(&x);
            x[i] += by;
            loss(&x)
        };
        let want = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        assert!((f64::from(dx) - want).abs() < 1e-4, "{i}: {dx} against {want}");
    }
}

#[test]
#[should_panic(expected = "10 values are not rows of 3 channels")]
fn rows_are_whole() {
    mean_partial(Level::best(), 3, &[0.0; 10], &mut [0.0; 3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 48 }))]

    #[test]
    fn any_shape(channels in 1usize..40, rows in 2usize..150, cut in 0usize..150, relu in any::<bool>()) {
        let x = numbers(cut as u64, channels * rows);
        for level in Level::available() {
            everything(level, channels, &x, cut.min(rows), relu);
        }
    }
}
