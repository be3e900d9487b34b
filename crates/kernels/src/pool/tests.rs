//! Against loops over single numbers, in f64.

use super::*;
use crate::Level;
use proptest::prelude::*;

/// Few different values, so that there are ties.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    (0..count as u64)
        .map(|i| {
            let mixed = (i + 1 + seed * 7919).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            ((mixed >> 40) % 17) as f32 - 8.0
        })
        .collect()
}

/// The indices of the numbers of every window, `[n, outputs, channels]`.
fn windows(shape: &Shape, n: usize) -> Vec<Vec<usize>> {
    let mut windows = Vec::new();
    for sequence in 0..n {
        for o in 0..shape.outputs() {
            for channel in 0..shape.channels {
                let at = |i: usize| (sequence * shape.length + o * shape.stride + i) * shape.channels + channel;
                windows.push((0..shape.window).map(at).collect());
            }
        }
    }
    windows
}

fn close(name: &str, got: &[f32], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{name}");
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(got) - want).abs() <= 1e-5 * (1.0 + want.abs()), "{name} {i}: {got} against {want}");
    }
}

fn max<P: Place>(shape: &Shape, n: usize, relu: bool, zero: P) {
    let x = numbers(3, n * shape.length * shape.channels);
    let windows = windows(shape, n);
    let dy = numbers(5, windows.len());
    let best = |window: &Vec<usize>| {
        (0..window.len()).fold(0, |best, i| if x[window[i]] > x[window[best]] { i } else { best })
    };
    let mut want = (Vec::new(), Vec::new(), vec![0.0; x.len()]);
    for (window, &dy) in windows.iter().zip(&dy) {
        let place = best(window);
        let y = x[window[place]];
        want.0.push(f64::from(if relu { y.max(0.0) } else { y }));
        want.1.push(place as f32);
        if !relu || y > 0.0 {
            want.2[window[place]] += f64::from(dy);
        }
    }
    for level in Level::available() {
        let (mut y, mut arg, mut dx) = (vec![f32::NAN; dy.len()], vec![zero; dy.len()], vec![f32::NAN; x.len()]);
        max_pool(level, shape, &x, relu, &mut y, &mut arg);
        max_pool_gradient(level, shape, &y, &dy, &arg, relu, &mut dx);
        close("y", &y, &want.0);
        assert_eq!(arg.into_iter().map(P::to_f32).collect::<Vec<_>>(), want.1, "{level}");
        close("dx", &dx, &want.2);
    }
}

fn average(shape: &Shape, n: usize) {
    let x = numbers(3, n * shape.length * shape.channels);
    let windows = windows(shape, n);
    let dy = numbers(5, windows.len());
    let mut want = (Vec::new(), vec![0.0; x.len()]);
    for (window, &dy) in windows.iter().zip(&dy) {
        want.0.push(window.iter().map(|&i| f64::from(x[i])).sum::<f64>() / shape.window as f64);
        window.iter().for_each(|&i| want.1[i] += f64::from(dy) / shape.window as f64);
    }
    for level in Level::available() {
        let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
        average_pool(level, shape, &x, &mut y);
        average_pool_gradient(level, shape, &dy, &mut dx);
        close("y", &y, &want.0);
        close("dx", &dx, &want.1);
    }
}

#[test]
fn windows_of_all_kinds() {
    for (window, stride, length, channels) in
        [(2, 2, 7, 3), (3, 1, 9, 17), (2, 5, 13, 1), (9, 2, 4, 5), (1, 1, 3, 16), (4, 4, 8, 33)]
    {
        let shape = Shape { window, stride, length, channels };
        for n in [0, 1, 3] {
            for relu in [false, true] {
                max(&shape, n, relu, 0u8);
                max(&shape, n, relu, 0u32);
            }
            average(&shape, n);
        }
    }
}

#[test]
fn global_pools_span_the_sequence() {
    let (length, channels) = (if cfg!(miri) { 70 } else { 700 }, 5);
    let x = numbers(11, 2 * length * channels);
    max(&Shape::global(length, channels), 2, true, 0u32);
    average(&Shape::global(length, channels), 2);
    for level in Level::available() {
        let (mut y, mut arg, mut mean) = (vec![0.0; 10], vec![0; 10], vec![0.0; 10]);
        global_max_pool(level, length, channels, &x, false, &mut y, &mut arg);
        global_average_pool(level, length, channels, &x, &mut mean);
        assert!(y.iter().all(|&y| y == 8.0) && mean.iter().all(|mean| mean.abs() < 2.0), "{y:?} {mean:?}");
        let (dy, mut dx) = (vec![1.0; 10], vec![f32::NAN; x.len()]);
        global_max_pool_gradient(level, length, channels, &y, &dy, &arg, true, &mut dx);
        assert_eq!(dx.iter().sum::<f32>(), 10.0);
        global_average_pool_gradient(level, length, channels, &dy, &mut dx);
        assert!((dx.iter().map(|&dx| f64::from(dx)).sum::<f64>() - 10.0).abs() < 1e-4);
    }
}

#[test]
#[should_panic(expected = "windows span at most 255 positions, not 256")]
fn windows_beyond_a_byte_want_more() {
    max_pool(Level::best(), &Shape::global(256, 1), &[0.0; 256], false, &mut [0.0], &mut [0u8]);
}

#[test]
#[should_panic(expected = "has 8 outputs")]
fn outputs_of_another_number_are_refused() {
    let shape = Shape { window: 2, stride: 2, length: 4, channels: 2 };
    average_pool(Level::best(), &shape, &[0.0; 16], &mut [0.0; 7]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

    #[test]
    fn any_shape(
        (window, stride, length) in (1usize..9, 1usize..9, 1usize..30),
        (channels, n, relu) in (1usize..40, 0usize..4, any::<bool>()),
    ) {
        let shape = Shape { window, stride, length, channels };
        max(&shape, n, relu, 0u8);
        average(&shape, n);
    }
}
