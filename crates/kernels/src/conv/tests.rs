//! Convolutions against sums over taps in f64, over odd shapes, at every level.

use super::*;
use proptest::prelude::*;

/// Small whole numbers, so that sums in f32 are exact and any wrong place shows.
fn values(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| (((i * 7919 + seed * 104_729 + i / 7) % 9) as f32) - 4.0).collect()
}

struct Oracle {
    y: Vec<f64>,
    dx: Vec<f64>,
    dw: Vec<f64>,
    db: Vec<f64>,
}

/// Everything by its definition.
fn oracle(s: &Shape, n: usize, x: &[f32], w: &[f32], b: &[f32], dy: &[f32]) -> Oracle {
    let mut o = Oracle {
        y: vec![0.0; n * s.outputs * s.filters],
        dx: vec![0.0; x.len()],
        dw: vec![0.0; w.len()],
        db: vec![0.0; s.filters],
    };
    let (inner, own) = (s.channels / s.groups, s.filters / s.groups);
    for (i, output, f) in itertools(n, s.outputs, s.filters) {
        let at = (i * s.outputs + output) * s.filters + f;
        let slope = f64::from(dy[at]);
        o.y[at] += f64::from(b[f]);
        o.db[f] += slope;
        for (tap, c) in (0..s.width).flat_map(|tap| (0..inner).map(move |c| (tap, c))) {
            let seen = (output * s.stride + tap * s.dilation) as isize - s.left as isize;
            if seen < 0 || seen >= s.length as isize {
                continue;
            }
            let from = (i * s.length + seen as usize) * s.channels + f / own * inner + c;
            let weight = (f * inner + c) * s.width + tap;
            o.y[at] += f64::from(x[from]) * f64::from(w[weight]);
            o.dx[from] += slope * f64::from(w[weight]);
            o.dw[weight] += slope * f64::from(x[from]);
        }
    }
    o
}

fn itertools(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a * b * c).map(move |at| (at / (b * c), at / c % b, at % c))
}

fn agree(s: &Shape, n: usize) {
    let (x, w) = (values(n * s.length * s.channels, 1), values(s.weights(), 2));
    let (b, dy) = (values(s.filters, 3), values(n * s.outputs * s.filters, 4));
    let want = oracle(s, n, &x, &w, &b, &dy);
    let same = |what: &str, level, got: &[f32], want: &[f64]| {
        assert_eq!(got.len(), want.len());
        for (at, (&got, &want)) in got.iter().zip(want).enumerate() {
            assert_eq!(f64::from(got), want, "{what} {at} of {n} x {s:?} at {level}");
        }
    };
    for level in Level::available() {
        let packed = Weights::forward(level, s, &w);
        let mut y = vec![9.0; dy.len()];
        forward(s, n, &x, &packed, &b, Activation::None, &mut y);
        same("output", level, &y, &want.y);
        forward(s, n, &x, &packed, &b, Activation::Relu, &mut y);
        let above: Vec<f64> = want.y.iter().map(|y| y.max(0.0)).collect();
        same("rectified output", level, &y, &above);
        let mut dx = vec![1.0; x.len()];
        let packed = Weights::backward(level, s, &w);
        input_gradient(s, n, &dy, &packed, false, &mut dx);
        same("input gradient", level, &dx, &want.dx);
        input_gradient(s, n, &dy, &packed, true, &mut dx);
        let twice: Vec<f64> = want.dx.iter().map(|d| 2.0 * d).collect();
        same("added input gradient", level, &dx, &twice);
        let (mut sums, mut dw, mut db) = (vec![0.0; w.len()], vec![0.0; w.len()], vec![0.0; b.len()]);
        weight_gradient(level, s, n, &x, &dy, &mut sums, &mut Scratch::default());
        unpack_gradient(s, &sums, &mut dw);
        same("weight gradient", level, &dw, &want.dw);
        bias_gradient(level, &dy, &mut db);
        same("bias gradient", level, &db, &want.db);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn all_passes_are_their_definitions(
        (inner, own, groups) in (1usize..9, 1usize..20, 1usize..4),
        (width, stride, dilation) in (1usize..8, 1usize..5, 1usize..20),
        (length, outputs, left, n) in (1usize..40, 1usize..40, 0usize..30, 0usize..4),
    ) {
        let (channels, filters) = (inner * groups, own * groups);
        agree(&Shape { channels, filters, width, stride, dilation, groups, left, length, outputs }, n);
    }
}

#[test]
fn shapes_that_networks_have() {
    let same = |channels, filters, width, dilation, length| Shape {
        channels,
        filters,
        width,
        stride: 1,
        dilation,
        groups: 1,
        left: (width - 1) * dilation / 2,
        length,
        outputs: length,
    };
    agree(&same(64, 64, 3, 1, 40), 2);
    agree(&same(64, 64, 3, 16, 40), 2);
    // Taps past both ends.
    agree(&same(16, 48, 3, 64, 40), 1);
    agree(&same(130, 70, 5, 1, 25), 3);
    agree(&same(4, 33, 15, 1, 300), 1);
    // One output channel, a filter longer than the sequence.
    agree(&same(64, 1, 75, 1, 30), 2);
    agree(&same(33, 2, 9, 3, 70), 3);
    agree(&Shape { stride: 3, outputs: 20, ..same(5, 4, 7, 2, 50) }, 2);
    agree(&Shape { left: 0, outputs: 26, ..same(64, 1, 25, 1, 50) }, 2);
    // Longer than a block of outputs, with stride, dilation and groups.
    agree(&Shape { stride: 2, outputs: 150, ..same(6, 9, 5, 3, 300) }, 2);
    agree(&Shape { groups: 3, ..same(6, 9, 4, 2, 290) }, 2);
    agree(&Shape { stride: 3, groups: 2, left: 7, outputs: 140, ..same(4, 6, 3, 5, 400) }, 1);
    // More sequences than the weight gradient packs at once.
    agree(&same(40, 24, 3, 1, 700), 9);
}

/// Sizes whose products wrap around to those of the arrays.
#[test]
fn sizes_beyond_memory_are_refused() {
    let s =
        Shape { channels: 1, filters: 1, width: 2, stride: 1, dilation: 1, groups: 1, left: 0, length: 3, outputs: 3 };
    let run = |s: Shape, n: usize, x: usize| {
        let packed = Weights::forward(Level::best(), &s, &[0.0; 2]);
        forward(&s, n, &vec![0.0; x], &packed, &[0.0], Activation::None, &mut vec![0.0; x]);
    };
    run(s, 1, 3);
    for (s, n) in [(s, (1 << 63) / 3 * 2 + 2), (Shape { left: (1 << 63) + 1, ..s }, 1)] {
        let x = usize::wrapping_mul(n, 3);
        assert!(std::panic::catch_unwind(|| run(s, n, x.min(99))).is_err(), "{n} x {s:?}");
    }
}

/// A rectifier must not hide that numbers were lost.
#[test]
fn what_is_not_a_number_stays_so() {
    for filters in [1, 5] {
        let s = Shape {
            channels: 1,
            filters,
            width: 16,
            stride: 1,
            dilation: 1,
            groups: 1,
            left: 0,
            length: 20,
            outputs: 5,
        };
        for level in Level::available() {
            let packed = Weights::forward(level, &s, &vec![1.0; s.weights()]);
            let mut y = vec![0.0; 5 * filters];
            forward(&s, 1, &[f32::NAN; 20], &packed, &vec![0.0; filters], Activation::Relu, &mut y);
            assert!(y.iter().all(|y| y.is_nan()), "{filters} filters at {level}: {y:?}");
        }
    }
}

#[test]
#[should_panic(expected = "2 groups do not divide")]
fn groups_must_divide() {
    let shape =
        Shape { channels: 3, filters: 4, width: 1, stride: 1, dilation: 1, groups: 2, left: 0, length: 1, outputs: 1 };
    Weights::forward(Level::best(), &shape, &[0.0; 6]);
}
