//! Minimal filtering against sums over taps in f64, over odd shapes, at every level.

use super::*;
use crate::conv::{Tiles, Weights};
use proptest::prelude::*;

/// Numbers between -1/2 and 1/2 without a pattern.
fn values(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 40) as f32) / (1u64 << 24) as f32 - 0.5
    };
    (0..n).map(next).collect()
}

/// The convolution by its definition.
fn oracle(s: &Shape, n: usize, x: &[f32], w: &[f32], b: &[f32]) -> Vec<f64> {
    let mut y = Vec::with_capacity(n * s.outputs * s.filters);
    for at in 0..n * s.outputs * s.filters {
        let (row, f) = (at / s.filters, at % s.filters);
        let (sequence, output) = (row / s.outputs, row % s.outputs);
        let mut sum = f64::from(b[f]);
        for tap in 0..s.width {
            let Some(seen) = (output + tap * s.dilation).checked_sub(s.left).filter(|&seen| seen < s.length) else {
                continue;
            };
            let x = &x[(sequence * s.length + seen) * s.channels..][..s.channels];
            let products = x.iter().enumerate().map(|(c, &x)| {
                let weight = w[(f * s.channels + c) * s.width + tap];
                f64::from(x) * f64::from(weight)
            });
            sum += products.sum::<f64>();
        }
        y.push(sum);
    }
    y
}

/// The largest error as a part of the largest output, and of the largest sum without signs, over all levels.
fn errors(s: &Shape, n: usize, way: Way, x: &[f32]) -> [f64; 2] {
    let (w, b) = (values(s.weights(), 2), values(s.filters, 3));
    let want = oracle(s, n, x, &w, &b);
    let largest = |y: &[f64]| y.iter().fold(0.0f64, |top, y| top.max(y.abs()));
    let [x1, w1, b1] = [x, &w, &b].map(|values| values.iter().map(|v| v.abs()).collect::<Vec<f32>>());
    let scales = [largest(&want), largest(&oracle(s, n, &x1, &w1, &b1))];
    let mut most = 0.0f64;
    for level in Level::available() {
        let weights = Weights { groups: pack(level, s, way, &w), minimal: Some(way) };
        let mut y = vec![f32::NAN; want.len()];
        super::super::forward(s, n, x, &weights, &b, Activation::None, &mut y);
        for (got, want) in y.iter().zip(&want) {
            assert!(got.is_finite(), "{way:?} of {n} x {s:?} at {level}");
            most = most.max((f64::from(*got) - want).abs());
        }
        let sums = y.clone();
        super::super::forward(s, n, x, &weights, &b, Activation::Relu, &mut y);
        assert!(y.iter().zip(&sums).all(|(y, sum)| *y == sum.max(0.0)), "rectified {way:?} of {n} x {s:?} at {level}");
    }
    scales.map(|scale| if most > 0.0 { most / scale } else { 0.0 })
}

fn same(channels: usize, filters: usize, width: usize, dilation: usize, length: usize) -> Shape {
    let left = (width - 1) * dilation / 2;
    Shape { channels, filters, width, stride: 1, dilation, groups: 1, left, length, outputs: length }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_shape_is_its_definition(
        (channels, filters, width, dilation) in (1usize..40, 1usize..40, 1usize..13, 1usize..20),
        (length, outputs, left, n) in (1usize..60, 1usize..60, 0usize..30, 0usize..9),
    ) {
        let s = Shape { channels, filters, width, stride: 1, dilation, groups: 1, left, length, outputs };
        let x = values(n * length * channels, 1);
        for way in Way::ALL.into_iter().filter(|way| way.can(&s)) {
            // Few outputs may all be near zero, which errors are not measured by; nor by sums that see less than their tile.
            let [_, error] = errors(&s, n, way, &x);
            prop_assert!(error < 2e-5, "{way:?} of {n} x {s:?}: {error:e}");
        }
    }
}

#[test]
fn networks_lose_about_a_millionth() {
    for (s, way) in [
        (same(64, 64, 3, 1, 100), Way::FourOfThree),
        (same(64, 64, 3, 16, 301), Way::FourOfThree),
        (same(64, 64, 3, 256, 2114), Way::FourOfThree),
        (same(300, 48, 11, 1, 200), Way::EightOfTwelve),
        (same(200, 48, 7, 1, 50), Way::TwelveOfEight),
        (same(128, 48, 9, 1, 250), Way::SixOfNine),
    ] {
        assert_eq!(choose(&s), Some(way), "{s:?}");
        // As after a rectifier.
        let x: Vec<f32> = values(3 * s.length * s.channels, 5).iter().map(|x| x.max(0.0)).collect();
        let [error, _] = errors(&s, 3, way, &x);
        assert!(error < 1.2e-6, "{way:?} of {s:?}: {error:e}");
    }
}

#[test]
fn what_is_small_or_has_a_stride_goes_the_direct_way() {
    let wide = same(64, 64, 3, 1, 100);
    assert!(choose(&wide).is_some() && wide.inference_share() < 0.9);
    for s in [
        Shape { stride: 2, ..wide },
        Shape { groups: 2, ..wide },
        same(64, 64, 1, 1, 100),
        same(4, 64, 3, 1, 100),
        same(64, 2, 75, 1, 100),
        same(64, 64, 3, 100, 100),
        same(64, 64, 3, 1, 1),
    ] {
        assert_eq!((choose(&s), s.inference_share()), (None, 1.0), "{s:?}");
    }
}

/// A sequence's results are the same in any batch.
#[test]
fn batches_do_not_matter() {
    for s in [same(64, 48, 3, 5, 90), same(64, 48, 9, 1, 70), same(64, 48, 11, 1, 32)] {
        let (x, w, b) = (values(5 * s.length * s.channels, 1), values(s.weights(), 2), values(s.filters, 3));
        let level = Level::best();
        let weights = Weights::inference(level, &s, &w);
        assert!(weights.minimal.is_some(), "{s:?}");
        let mut together = vec![0.0; 5 * s.outputs * s.filters];
        super::super::forward(&s, 5, &x, &weights, &b, Activation::None, &mut together);
        let (inputs, outputs) = (s.length * s.channels, s.outputs * s.filters);
        for (x, want) in x.chunks_exact(inputs).zip(together.chunks_exact(outputs)) {
            let mut y = vec![0.0; outputs];
            super::super::forward(&s, 1, x, &weights, &b, Activation::None, &mut y);
            assert_eq!(y, want, "{s:?}");
        }
    }
}

#[test]
fn filters_at_points_are_their_polynomials() {
    // (1 + 2 z + 3 z^2) at 2 is 17, over (2 - 0) (2 - 1) (2 + 1) (2 + 1/2).
    let at = |point| FOUR_OF_THREE.filter(point, [1.0, 2.0, 3.0].into_iter());
    assert_eq!((at(3), at(5)), (17.0 / 15.0, 3.0));
    assert_eq!(at(0), 1.0);
}

/// Tiles that begin anywhere, before the sequence too, give what the definition has, and the same bits wherever the same inputs lie.
#[test]
fn tiles_may_lie_anywhere() {
    for s in [same(64, 48, 9, 1, 70), same(64, 48, 11, 1, 40), same(64, 48, 3, 1, 30)] {
        let x = values(2 * s.length * s.channels, 1);
        // The second sequence is the first, three positions on.
        let mut x = x[..2 * s.length * s.channels].to_vec();
        x.copy_within(3 * s.channels..s.length * s.channels, s.length * s.channels);
        let (w, b) = (values(s.weights(), 2), values(s.filters, 3));
        let want = oracle(&s, 2, &x, &w, &b);
        let top = want.iter().fold(0.0f64, |top, y| top.max(y.abs()));
        for level in Level::available() {
            let weights = Weights::inference(level, &s, &w);
            let Tiles::Free { outputs, seen } = s.inference_tiles() else { panic!("{s:?}") };
            assert!(seen >= outputs + s.width - 1, "{s:?}");
            for phase in 0..outputs as isize {
                let starts = (-phase..s.outputs as isize).step_by(outputs);
                let tiles: Vec<_> = [(0, 0), (1, -3)]
                    .into_iter()
                    .flat_map(|(sequence, by)| starts.clone().map(move |at| (sequence, at + by)))
                    .filter(|&(_, at)| at > -(outputs as isize))
                    .chain([(1, s.outputs as isize - 1 - (phase % 2))])
                    .collect();
                let mut y = vec![f32::NAN; want.len()];
                super::super::forward_tiles(&s, 2, &x, &weights, &b, &tiles, &mut y);
                let near = y.iter().zip(&want).all(|(y, want)| (f64::from(*y) - want).abs() < 5e-6 * top || y.is_nan());
                assert!(near, "{s:?} from {phase} at {level}");
                assert!(y[..s.outputs * s.filters].iter().all(|y| y.is_finite()));
                // Where both tiles see the same inputs, all of them within the sequences.
                let left = s.left as isize;
                for at in starts.clone().filter(|at| at - left >= 3 && at - left + (seen as isize) < s.length as isize)
                {
                    let own = |at: isize| at as usize * s.filters..(at as usize + outputs) * s.filters;
                    let second = &y[s.outputs * s.filters..][own(at - 3)];
                    assert_eq!(&y[own(at)], second, "{s:?}, {at} from {phase} at {level}");
                }
            }
        }
    }
}
