//! Against loops over single numbers. Numbers are small and whole, so that sums are exact.

use super::*;

fn numbers(seed: usize, count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 + seed * 101 + i * i * 7) % 23) as f32 - 11.0).collect()
}

const SIZES: [[usize; 3]; 6] = [[1, 1, 1], [3, 2, 5], [2, 7, 16], [4, 3, 33], [1, 24, 64], [0, 3, 4]];

#[test]
fn rows_of_the_example_serve_all_copies() {
    for level in Level::available() {
        for [positions, copies, channels] in SIZES {
            let (before, after) = (numbers(1, positions * channels), numbers(2, positions * channels));
            let d = numbers(3, positions * copies * channels);
            let own = |i: usize| i / (copies * channels) * channels + i % channels;
            let naive = |of: &dyn Fn(f32, usize) -> f32| d.iter().enumerate().map(|(i, &d)| of(d, own(i))).collect();
            let wanted: [Vec<f32>; 3] = [
                naive(&|d, i| d + before[i]),
                naive(&|d, i| d - after[i]),
                naive(&|d, i| (before[i] + d).max(0.0) - after[i]),
            ];
            let mut got = [d.clone(), d.clone(), d.clone()];
            add(level, copies, channels, &before, &mut got[0]);
            subtract(level, copies, channels, &after, &mut got[1]);
            relu(level, copies, channels, &before, &after, &mut got[2]);
            assert_eq!(got, wanted, "{positions} {copies} {channels} at {level}");
        }
    }
}

#[test]
fn a_window_counts_what_lies_outside_too() {
    for level in Level::available() {
        for [positions, copies, channels] in SIZES {
            for (floor, outside) in [(0.0, -3.0), (f32::NEG_INFINITY, 2.0), (f32::NEG_INFINITY, f32::NEG_INFINITY)] {
                let (own, after) = (numbers(4, positions * channels), numbers(5, channels));
                let (outside, d) = (vec![outside; channels], numbers(6, positions * copies * channels));
                let value = |copy: usize, c: usize| {
                    let inside = (0..positions).map(|p| own[p * channels + c] + d[(p * copies + copy) * channels + c]);
                    inside.fold(outside[c].max(floor), f32::max) - after[c]
                };
                let wanted: Vec<f32> = (0..copies * channels).map(|i| value(i / channels, i % channels)).collect();
                let mut y = vec![9.0; copies * channels];
                let window = Window { outside: &outside, own: &own, after: &after, floor };
                max_window(level, copies, window, &d, &mut y);
                assert_eq!(y, wanted, "{positions} {copies} {channels} at {level}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "differences to")]
fn arrays_of_other_sizes_are_refused() {
    add(Level::best(), 2, 3, &[0.0; 6], &mut [0.0; 11]);
}
