//! Times on one thread; run with `--release -- --ignored --nocapture recurrent`.

use super::oracle::{Arrays, Kind, Random};
use crate::Level;
use crate::matrix::Packed;
use crate::recurrent::{InputGradient, Output, Scratch, Shape, gru, lstm};
use std::hint::black_box;
use std::time::Instant;

/// The median and the least of some calls, in milliseconds, after one that fills the caches.
fn time(mut work: impl FnMut()) -> (f64, f64) {
    work();
    let mut times = [0.0; 7];
    for time in &mut times {
        let start = Instant::now();
        work();
        *time = start.elapsed().as_secs_f64() * 1e3;
    }
    times.sort_by(f64::total_cmp);
    (times[3], times[0])
}

struct Times {
    infer: (f64, f64),
    forward: (f64, f64),
    both: (f64, f64),
}

fn times(kind: Kind, shape: &Shape, n: usize) -> Times {
    let level = Level::best();
    let arrays = Arrays::random(kind, shape, n, &mut Random(8));
    let width = kind.gates() * shape.hidden;
    let input = &Packed::new(level, shape.channels, width, &arrays.input);
    let hidden = &Packed::new(level, shape.hidden, width, &arrays.hidden);
    let turned_input = &Packed::transposed(level, width, shape.channels, &arrays.input);
    let turned_hidden = &Packed::transposed(level, width, shape.hidden, &arrays.hidden);
    let (x, bias, hidden_bias) = (&arrays.x[..], &arrays.bias[..], &arrays.hidden_bias[..]);
    // Both directions share the output, so its rows are twice as wide as those of one.
    let stride = 2 * shape.hidden;
    let rows = n * shape.length;
    let (mut y, dy) = (vec![0.0; rows * stride], Random(9).numbers(rows * stride));
    let (mut dx, mut sums) = (vec![0.0; x.len()], Arrays::zeros(kind, shape, n));
    let scratch = &mut Scratch::default();
    match kind {
        Kind::Lstm => {
            let weights = lstm::Weights { input, hidden, bias };
            let turned = lstm::Transposed { input: turned_input, hidden: turned_hidden };
            let saved = &mut lstm::Saved::default();
            let infer = time(|| {
                lstm::infer(level, shape, n, x, &weights, Output::new(&mut y, stride, shape.hidden), scratch);
            });
            let forward = time(|| {
                lstm::forward(level, shape, n, x, &weights, Output::new(&mut y, stride, shape.hidden), saved, scratch);
            });
            let both = time(|| {
                lstm::forward(level, shape, n, x, &weights, Output::new(&mut y, stride, shape.hidden), saved, scratch);
                let Arrays { input, hidden, bias, .. } = &mut sums;
                let (gradients, to) = (lstm::Gradients { input, hidden, bias }, InputGradient::Overwrite(&mut dx));
                let (y, dy) = ((&y[..], stride), (&dy[..], stride));
                lstm::backward(level, shape, n, x, y, &turned, saved, dy, to, gradients, scratch);
            });
            black_box((&y, &dx, &sums));
            Times { infer, forward, both }
        }
        Kind::Gru => {
            let weights = gru::Weights { input, hidden, bias, hidden_bias };
            let turned = gru::Transposed { input: turned_input, hidden: turned_hidden };
            let saved = &mut gru::Saved::default();
            let infer = time(|| {
                gru::infer(level, shape, n, x, &weights, Output::new(&mut y, stride, shape.hidden), scratch);
            });
            let forward = time(|| {
                gru::forward(level, shape, n, x, &weights, Output::new(&mut y, stride, shape.hidden), saved, scratch);
            });
            let both = time(|| {
                gru::forward(level, shape, n, x, &weights, Output::new(&mut y, stride, shape.hidden), saved, scratch);
                let Arrays { input, hidden, bias, hidden_bias, .. } = &mut sums;
                let gradients = gru::Gradients { input, hidden, bias, hidden_bias };
                let to = InputGradient::Overwrite(&mut dx);
                let (y, dy) = ((&y[..], stride), (&dy[..], stride));
                gru::backward(level, shape, n, x, y, &turned, saved, dy, to, gradients, scratch);
            });
            black_box((&y, &dx, &sums));
            Times { infer, forward, both }
        }
    }
}

/// Floating-point operations of all products forward, in billions; backward has twice as many.
fn billions(kind: Kind, shape: &Shape, n: usize) -> f64 {
    let outputs = (n * shape.length * kind.gates() * shape.hidden) as f64;
    2.0 * outputs * (shape.channels + shape.hidden) as f64 / 1e9
}

#[test]
#[ignore = "a measurement"]
fn times_of_one_direction_on_one_thread() {
    let shape = Shape { channels: 320, hidden: 320, length: 75, reverse: false };
    for kind in [Kind::Lstm, Kind::Gru] {
        for n in [16, 32] {
            let Times { infer, forward, both } = times(kind, &shape, n);
            let work = billions(kind, &shape, n);
            assert!(infer.1 > 0.0 && forward.1 > 0.0 && both.1 > forward.1);
            let parts = [("inference", infer, work), ("forward", forward, work), ("with backward", both, 3.0 * work)];
            for (what, (median, least), work) in parts {
                let speed = work / least * 1e3;
                println!("{kind:?} n {n} {what}: median {median:.1} ms, least {least:.1} ms ({speed:.0} GFLOP/s)");
            }
        }
    }
}
