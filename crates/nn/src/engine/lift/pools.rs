//! Maxima: the change of a window goes to the position that makes it.

use super::Pairs;
use crate::architecture::{Combine, Shape};
use crate::engine::Extra;
use basewise_kernels::pool::{self, Place};

/// Max pool: `m` are multipliers of the windows, `dx` becomes those of the positions.
///
/// Where the window's maximum grew, the position of the example's maximum grew at least as much and gets the change, over
/// its own; where it fell, that of the reference's maximum did. A position of the example's maximum that has not changed
/// itself gets the gradient.
pub(super) fn max(
    windows: &pool::Shape,
    pairs: &Pairs,
    (x, y): (&[f32], &[f32]),
    extra: &Extra,
    m: &[f32],
    dx: &mut [f32],
) {
    match extra {
        Extra::Places(places) => max_of(windows, pairs, (x, y), places, m, dx),
        Extra::WidePlaces(places) => max_of(windows, pairs, (x, y), places, m, dx),
        _ => {}
    }
}

fn max_of<P: Place + Sync>(
    windows: &pool::Shape,
    pairs: &Pairs,
    (x, y): (&[f32], &[f32]),
    places: &[P],
    m: &[f32],
    dx: &mut [f32],
) {
    let channels = windows.channels;
    pairs.each_into(m, dx, |pair, m, dx| {
        let ([x, x0], [y, y0]) = (pairs.of(x, pair), pairs.of(y, pair));
        let place = pairs.rows_of(pair).map(|row| &places[row * y.len()..(row + 1) * y.len()]);
        dx.fill(0.0);
        for (at, &m) in m.iter().enumerate() {
            let position = |place: &[P]| {
                let start = at / channels * windows.stride;
                (start + place[at].to_f32() as usize) * channels + at % channels
            };
            let own = position(place[0]);
            let (change, moved) = (y[at] - y0[at], x[own] - x0[own]);
            if change > 0.0 {
                dx[own] += m * (change / moved);
            } else if change < 0.0 {
                let other = position(place[1]);
                dx[other] += m * (change / (x[other] - x0[other]));
            }
            if moved == 0.0 {
                dx[own] += m;
            }
        }
    });
}

/// What two strands become: `m` are multipliers of the outputs, `slopes` become those of both strands, the pairs of the
/// second after those of the first. Their larger is a maximum of two.
pub(super) fn strands(shape: Shape, combine: Combine, pairs: &Pairs, both: &[f32], m: &[f32], slopes: &mut [f32]) {
    let (forward, reverse) = both.split_at(both.len() / 2);
    let (d_forward, d_reverse) = slopes.split_at_mut(m.len());
    let turned = |at: usize| (shape.length - 1 - at / shape.channels) * shape.channels + at % shape.channels;
    let share = |pair: usize, at: usize| -> [f32; 2] {
        match combine {
            Combine::Mean => [0.5; 2],
            Combine::Sum => [1.0; 2],
            Combine::Max => {
                let ([a, a0], [b, b0]) = (pairs.of(forward, pair), pairs.of(reverse, pair));
                let back = turned(at);
                larger([a[at], a0[at]], [b[back], b0[back]])
            }
        }
    };
    pairs.each_into(m, d_forward, |pair, m, slopes| {
        slopes.iter_mut().enumerate().for_each(|(at, slope)| *slope = m[at] * share(pair, at)[0]);
    });
    pairs.each_into(m, d_reverse, |pair, m, slopes| {
        slopes.iter_mut().enumerate().for_each(|(at, slope)| {
            let from = turned(at);
            *slope = m[from] * share(pair, from)[1];
        });
    });
}

/// Multipliers of the larger of `a` and `b`, each with its reference.
fn larger([a, a0]: [f32; 2], [b, b0]: [f32; 2]) -> [f32; 2] {
    let change = a.max(b) - a0.max(b0);
    let mut shares = [0.0; 2];
    let (own, other) = (usize::from(a < b), usize::from(a0 < b0));
    let moved = [a - a0, b - b0];
    if change > 0.0 {
        shares[own] += change / moved[own];
    } else if change < 0.0 {
        shares[other] += change / moved[other];
    }
    if moved[own] == 0.0 {
        shares[own] += 1.0;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_by_hand() {
        // Two windows of two positions and one channel; one example after its reference.
        let windows = pool::Shape { window: 2, stride: 2, length: 4, channels: 1 };
        let (x0, x) = ([1.0, 3.0, 4.0, 0.0], [5.0, 2.0, 1.0, 2.0]);
        let both: Vec<f32> = x0.into_iter().chain(x).collect();
        let y = [3.0, 4.0, 5.0, 2.0];
        let places: [u8; 4] = [1, 0, 0, 1];
        let mut dx = [9.0; 4];
        max_of(&windows, &Pairs::new(1, 1), (&both, &y), &places, &[1.0, 10.0], &mut dx);
        // The first grew by 2 through a position that grew by 4; the second fell by 2 through one that fell by 3.
        let wanted = [0.5, 0.0, 20.0 / 3.0, 0.0];
        assert!(dx.iter().zip(wanted).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-5), "{dx:?}");
        // Nothing changed: the gradient.
        let same: Vec<f32> = x.into_iter().chain(x).collect();
        max_of(&windows, &Pairs::new(1, 1), (&same, &[5.0, 2.0, 5.0, 2.0]), &[0u8, 1, 0, 1], &[1.0, 10.0], &mut dx);
        assert_eq!(dx, [1.0, 0.0, 0.0, 10.0]);
    }

    #[test]
    fn the_larger_of_two_sums_to_its_change() {
        for [a, a0, b, b0] in [[1.0, 0.0, 0.5, 2.0], [3.0, 1.0, 2.0, 2.5], [0.0, 4.0, 1.0, 2.0], [1.0, 1.0, 0.0, 0.5]] {
            let [own, other] = larger([a, a0], [b, b0]);
            let sum = own * (a - a0) + other * (b - b0);
            assert!((sum - (f32::max(a, b) - f32::max(a0, b0))).abs() < 1e-6);
            assert!((0.0..=1.0).contains(&own) && (0.0..=1.0).contains(&other));
        }
    }
}
