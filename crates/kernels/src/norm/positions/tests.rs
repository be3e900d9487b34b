//! Against the formulas in f64, and against differences of them.

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

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

fn close(name: &str, got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{name}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= 3e-5 * (1.0 + want.abs()), "{name} {i}: {got} against {want}");
    }
}

/// The definition.
fn output(kind: Kind, x: &[f64], scale: &[f64], shift: &[f64]) -> Vec<f64> {
    let channels = scale.len();
    let row = |row: &[f64]| -> Vec<f64> {
        let mean = if kind == Kind::Layer { row.iter().sum::<f64>() / channels as f64 } else { 0.0 };
        let square = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / channels as f64;
        let deviation = (square + f64::from(kind.epsilon())).sqrt();
        let value = |(c, x): (usize, &f64)| (x - mean) / deviation * scale[c] + shift.get(c).copied().unwrap_or(0.0);
        row.iter().enumerate().map(value).collect()
    };
    x.chunks_exact(channels).flat_map(row).collect()
}

fn everything(level: Level, kind: Kind, channels: usize, rows: usize) {
    let (x, scale) = (numbers(1, channels * rows), numbers(2, channels));
    let shift = if kind == Kind::Layer { numbers(3, channels) } else { Vec::new() };
    let slopes = numbers(4, x.len());
    let mut y = vec![f32::NAN; x.len()];
    forward(level, kind, &x, &scale, &shift, &mut y);
    close("y", &wide(&y), &output(kind, &wide(&x), &wide(&scale), &wide(&shift)));

    let mut dx = slopes.clone();
    let (mut d_scale, mut d_shift) = (vec![1.0; channels], vec![1.0; shift.len()]);
    backward(level, kind, &x, &scale, &mut dx, &mut d_scale, &mut d_shift);
    let loss = |x: &[f64], scale: &[f64], shift: &[f64]| -> f64 {
        output(kind, x, scale, shift).iter().zip(&slopes).map(|(y, &slope)| y * f64::from(slope)).sum()
    };
    let all = [wide(&x), wide(&scale), wide(&shift)];
    let differences = |array: usize| -> Vec<f64> {
        let moved = |i: usize, by: f64| {
            let mut all = all.clone();
            all[array][i] += by;
            loss(&all[0], &all[1], &all[2])
        };
        (0..all[array].len()).map(|i| (moved(i, 1e-5) - moved(i, -1e-5)) / 2e-5).collect()
    };
    if channels > 2 {
        // Of two channels the gradient is a difference of nearly equal numbers.
        close("dx", &wide(&dx), &differences(0));
    }
    let added = |found: &[f64]| found.iter().map(|d| d - 1.0).collect::<Vec<_>>();
    close("d_scale", &added(&d_scale), &differences(1));
    close("d_shift", &added(&d_shift), &differences(2));
}

#[test]
fn one_channel_becomes_its_shift() {
    for level in Level::available() {
        let mut y = [0.0; 3];
        forward(level, Kind::Layer, &[5.0, -7.0, 0.0], &[2.0], &[0.5], &mut y);
        assert_eq!(y, [0.5; 3]);
        forward(level, Kind::RootMeanSquare, &[5.0, -7.0, 0.0], &[2.0], &[], &mut y);
        assert!((y[0] - 2.0).abs() < 1e-6 && (y[1] + 2.0).abs() < 1e-6 && y[2] == 0.0, "{y:?}");
    }
}

#[test]
fn no_rows_are_no_work() {
    let mut d_scale = [3.0; 4];
    backward(Level::best(), Kind::Layer, &[], &[1.0; 4], &mut [], &mut d_scale, &mut [0.0; 4]);
    assert_eq!(d_scale, [3.0; 4]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 24 }))]

    #[test]
    fn any_shape(channels in 1usize..40, rows in 1usize..8, many: bool) {
        let rows = if many { rows + 64 } else { rows };
        let channels = if many { channels % 5 + 1 } else { channels };
        for level in Level::available() {
            for kind in [Kind::Layer, Kind::RootMeanSquare] {
                everything(level, kind, channels, rows);
            }
        }
    }
}
