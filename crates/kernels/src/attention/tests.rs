//! Against the definitions in f64, and against differences of them.

use super::*;
use proptest::prelude::*;

fn numbers(seed: usize, count: usize) -> Vec<f32> {
    (0..count).map(|i| (((i * 7919 + seed * 104_729 + i / 7) % 997) as f32) / 498.0 - 1.0).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

fn close(name: &str, got: &[f32], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{name}");
    // Inputs are about 1; what cancels out to much less has their rounding.
    let largest = want.iter().fold(0.1, |top: f64, v| top.max(v.abs()));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(*got) - want).abs() <= 2e-5 * largest, "{name} {i}: {got} against {want}");
    }
}

/// `arrays` are queries, keys, values `[length, size]`, and the bias.
fn attend(s: &Shape, arrays: &[Vec<f64>; 4]) -> Vec<f64> {
    let [q, k, v, bias] = arrays;
    let clip = bias.len() as i64 / 2;
    let mut out = Vec::new();
    for i in 0..s.length {
        let score = |j: usize| {
            let dot: f64 = (0..s.size).map(|c| q[i * s.size + c] * k[j * s.size + c]).sum();
            let place = (j as i64 - i as i64).clamp(-clip, clip) + clip;
            dot / (s.size as f64).sqrt() + bias.get(place as usize).copied().unwrap_or(0.0)
        };
        let e: Vec<f64> = (0..s.length).map(|j| score(j).exp()).collect();
        let total: f64 = e.iter().sum();
        out.extend((0..s.size).map(|c| (0..s.length).map(|j| e[j] / total * v[j * s.size + c]).sum::<f64>()));
    }
    out
}

/// Gradients of `sum(slopes * f)` by central differences.
fn differences<const N: usize>(
    arrays: &[Vec<f64>; N],
    slopes: &[f32],
    f: impl Fn(&[Vec<f64>; N]) -> Vec<f64>,
) -> Vec<Vec<f64>> {
    let loss = |arrays: &[Vec<f64>; N]| f(arrays).iter().zip(slopes).map(|(y, &w)| y * f64::from(w)).sum::<f64>();
    let one = |array: usize, i: usize| {
        let moved = |by: f64| {
            let mut arrays = arrays.clone();
            arrays[array][i] += by;
            loss(&arrays)
        };
        (moved(1e-5) - moved(-1e-5)) / 2e-5
    };
    (0..N).map(|array| (0..arrays[array].len()).map(|i| one(array, i)).collect()).collect()
}

/// Rows `[length, size]` within rows of `stride`.
fn spread(s: &Shape, rows: &[f32], stride: usize) -> Vec<f32> {
    let mut out = vec![7.0; s.length * stride];
    for (out, row) in out.chunks_exact_mut(stride).zip(rows.chunks_exact(s.size)) {
        out[..s.size].copy_from_slice(row);
    }
    out
}

fn gathered(s: &Shape, rows: &[f32], stride: usize) -> Vec<f32> {
    assert!(rows.chunks_exact(stride).all(|row| row[s.size..].iter().all(|&v| v == 7.0)), "written beside the rows");
    rows.chunks_exact(stride).flat_map(|row| row[..s.size].to_vec()).collect()
}

fn head_agrees(s: &Shape, clip: Option<usize>, more: usize, with_gradient: bool) {
    let count = s.length * s.size;
    let rows = [0, 1, 2].map(|i| numbers(i, count).iter().map(|v| 2.0 * v).collect::<Vec<f32>>());
    let bias = numbers(3, clip.map_or(0, |clip| 2 * clip + 1));
    let slopes = numbers(4, count);
    let stride = s.size + more;
    let [q, k, v] = [0, 1, 2].map(|i| spread(s, &rows[i], stride));
    let dy = spread(s, &slopes, stride);
    let arrays = [wide(&rows[0]), wide(&rows[1]), wide(&rows[2]), wide(&bias)];
    let want = attend(s, &arrays);
    let want_back = with_gradient.then(|| differences(&arrays, &slopes, |arrays| attend(s, arrays)));
    let rows_of = |values| Rows { values, stride };
    let head = Head { queries: rows_of(&q), keys: rows_of(&k), values: rows_of(&v), bias: &bias };
    for level in Level::available() {
        let (mut out, mut scratch) = (vec![7.0; s.length * stride], Scratch::default());
        forward(level, s, &head, (&mut out, stride), &mut scratch);
        close("output", &gathered(s, &out, stride), &want);
        let Some(want) = &want_back else { continue };
        // A row holds keys, queries and values, in this order, each with what lies beside it.
        let mut found = vec![7.0; 3 * s.length * stride];
        let mut d_bias = vec![0.0; bias.len()];
        let places = [stride, 0, 2 * stride];
        let gradients = Gradients { rows: &mut found, stride: 3 * stride, first: places, bias: &mut d_bias };
        backward(level, s, &head, rows_of(&dy), gradients, &mut scratch);
        for (i, place) in places.into_iter().enumerate() {
            let own: Vec<f32> =
                found.chunks_exact(3 * stride).flat_map(|row| row[place..place + stride].to_vec()).collect();
            close("gradient", &gathered(s, &own, stride), &want[i]);
        }
        close("gradient of the bias", &d_bias, &want[3]);
    }
}

#[test]
fn more_queries_than_a_block_agree() {
    head_agrees(&Shape { length: 2 * BLOCK + 5, size: 3 }, Some(4), 2, false);
    head_agrees(&Shape { length: BLOCK + 3, size: 2 }, Some(1), 0, true);
    head_agrees(&Shape { length: 1, size: 1 }, Some(2), 0, true);
}

/// `x` and the scores, both `[n, length, channels]`.
fn weighted(s: &PoolShape, [x, scores]: &[Vec<f64>; 2]) -> Vec<f64> {
    let mut out = Vec::new();
    for i in 0..x.len() / (s.length * s.channels) {
        for window in 0..s.outputs() {
            for c in 0..s.channels {
                let at = |p: usize| (i * s.length + window * s.window + p) * s.channels + c;
                let total: f64 = (0..s.window).map(|p| scores[at(p)].exp()).sum();
                out.push((0..s.window).map(|p| scores[at(p)].exp() / total * x[at(p)]).sum());
            }
        }
    }
    out
}

fn pool_agrees(s: &PoolShape, n: usize) {
    let count = n * s.length * s.channels;
    let (x, scores) = (numbers(1, count), numbers(2, count).iter().map(|v| 3.0 * v).collect::<Vec<f32>>());
    let slopes = numbers(3, n * s.outputs() * s.channels);
    let arrays = [wide(&x), wide(&scores)];
    let want = weighted(s, &arrays);
    let back = differences(&arrays, &slopes, |arrays| weighted(s, arrays));
    for level in Level::available() {
        let (mut weights, mut y) = (scores.clone(), vec![9.0; want.len()]);
        pool(level, s, &x, &mut weights, &mut y);
        close("means", &y, &want);
        let mut dx = vec![9.0; count];
        pool_gradient(level, s, &x, &y, &slopes, &mut weights, &mut dx);
        close("gradient", &dx, &back[0]);
        close("gradient of the scores", &weights, &back[1]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 24 }))]

    #[test]
    fn any_head(length in 1usize..12, size in 1usize..20, clip in 0usize..4, more in 0usize..3) {
        head_agrees(&Shape { length, size }, clip.checked_sub(1).map(|clip| clip + 1), more, length * size < 90);
    }

    #[test]
    fn any_window(window in 1usize..6, windows in 1usize..4, rest in 0usize..4, channels in 1usize..20, n in 0usize..3) {
        let length = window * windows + rest.min(window - 1);
        pool_agrees(&PoolShape { window, length, channels }, n);
    }
}
