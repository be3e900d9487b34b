//! What the kernels are measured against, and the shapes that they are measured on.

use crate::Level;
use crate::conv::{self, Activation, Scratch, Shape, Weights};
use crate::simd::{Kernel, Simd, dispatch};
use rayon::prelude::*;
use std::hint::black_box;
use std::time::Instant;

/// Fused multiply-adds on registers alone: as many sums as hide the latency.
struct Peak {
    rounds: usize,
}

impl Kernel for Peak {
    /// The sums, so that they are not optimized away.
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self) -> f32 {
        // SAFETY: only registers and an array of the vector's size are touched.
        unsafe {
            let (a, b) = (S::splat(black_box(0.999)), S::splat(black_box(1e-6)));
            let mut sums = [S::splat(1.0); 12];
            for _ in 0..self.rounds {
                for sum in &mut sums {
                    *sum = S::fma(*sum, a, b);
                }
            }
            let mut total = S::splat(0.0);
            for sum in sums {
                total = S::add(total, sum);
            }
            let mut lanes = vec![0.0; S::LANES];
            S::store(lanes.as_mut_ptr(), total);
            lanes.iter().sum()
        }
    }
}

/// Billions of additions and multiplications a second that `threads` threads reach on registers alone, the best of
/// several short tries.
pub fn peak_gflops(threads: usize) -> f64 {
    const ROUNDS: usize = 2_000_000;
    let level = Level::best();
    let work = (2 * 12 * level.lanes() * ROUNDS * threads) as f64;
    let once = || {
        let began = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| black_box(dispatch(level, Peak { rounds: ROUNDS })));
            }
        });
        work / began.elapsed().as_secs_f64() / 1e9
    };
    (0..7).map(|_| once()).fold(0.0, f64::max)
}

/// A kernel on arrays of a real network's size: its name, the operations of a run, and a run on all threads of the pool.
pub struct Case {
    /// What it is, such as `conv 64 x 3 forward`.
    pub name: String,
    /// Multiplications and additions of a run.
    pub flops: f64,
    /// Does it once.
    pub run: Box<dyn FnMut() + Send>,
}

/// Convolutions of the networks that the project measures itself on, in all three passes.
pub fn cases() -> Vec<Case> {
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
    [
        ("64 to 64, width 3, length 2114", same(64, 64, 3, 1, 2114), 32),
        ("64 to 64, width 3, dilation 64, length 2114", same(64, 64, 3, 64, 2114), 32),
        ("128 to 128, width 9, length 250", same(128, 128, 9, 1, 250), 128),
        ("128 to 128, width 5, length 62", same(128, 128, 5, 1, 62), 128),
        ("128 to 128, width 9, length 25", same(128, 128, 9, 1, 25), 128),
        ("300 to 200, width 11, length 200", same(300, 200, 11, 1, 200), 64),
    ]
    .into_iter()
    .flat_map(|(name, shape, n)| passes(name, shape, n))
    .collect()
}

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 % 1000) as f32) * 1e-3 - 0.5).collect()
}

fn passes(name: &str, shape: Shape, n: usize) -> [Case; 3] {
    let level = Level::best();
    let chunk = n.div_ceil(8).min(n);
    let (x, dy) = (numbers(n * shape.length * shape.channels), numbers(n * shape.outputs * shape.filters));
    let (weights, bias) = (numbers(shape.weights()), numbers(shape.filters));
    let (inputs, outputs) = (shape.length * shape.channels, shape.outputs * shape.filters);
    let flops = n as f64 * shape.flops();
    let case = |pass: &str, run| Case { name: format!("conv {name}, {pass}"), flops, run };
    let (packed, mut y) = (Weights::forward(level, &shape, &weights), dy.clone());
    let x1 = x.clone();
    let forward = move || {
        y.par_chunks_mut(outputs).zip(x1.par_chunks(inputs)).for_each(|(y, x)| {
            conv::forward(&shape, 1, x, &packed, &bias, Activation::Relu, y);
        });
    };
    let (packed, mut dx, dy1) = (Weights::backward(level, &shape, &weights), x.clone(), dy.clone());
    let input = move || {
        dx.par_chunks_mut(inputs).zip(dy1.par_chunks(outputs)).for_each(|(dx, dy)| {
            conv::input_gradient(&shape, 1, dy, &packed, false, dx);
        });
    };
    let mut sums: Vec<(Vec<f32>, Scratch)> = (0..8).map(|_| (vec![0.0; shape.weights()], Scratch::default())).collect();
    let weight = move || {
        let pieces = x.par_chunks(chunk * inputs).zip(dy.par_chunks(chunk * outputs));
        sums.par_iter_mut().zip(pieces).for_each(|((dw, scratch), (x, dy))| {
            conv::weight_gradient(level, &shape, x.len() / inputs, x, dy, dw, scratch);
        });
    };
    [
        case("forward", Box::new(forward)),
        case("input gradient", Box::new(input)),
        case("weight gradient", Box::new(weight)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_a_rate() {
        assert!(peak_gflops(1) > 0.01);
    }
}
