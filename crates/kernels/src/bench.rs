//! What the kernels are measured against, and the shapes that they are measured on.

use crate::Level;
use crate::attention::{self, Gradients, Head, Rows};
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

/// Partial sums of a weight gradient, as training makes them.
const GROUPS: usize = 16;

/// Convolutions of the networks that the project measures itself on, in all three passes and in inference, and attention in both.
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
    .chain([(250, 16, 128), (1536, 64, 8)].into_iter().flat_map(|(length, size, n)| heads(length, size, n)))
    .collect()
}

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 % 1000) as f32) * 1e-3 - 0.5).collect()
}

/// Sequences that a thread takes at once: some 256 positions, as training cuts a batch.
fn at_once(length: usize, n: usize) -> usize {
    256usize.div_ceil(length).min(n.div_ceil(GROUPS)).max(1)
}

fn passes(name: &str, shape: Shape, n: usize) -> [Case; 4] {
    let level = Level::best();
    let (x, dy) = (numbers(n * shape.length * shape.channels), numbers(n * shape.outputs * shape.filters));
    let (weights, bias) = (numbers(shape.weights()), numbers(shape.filters));
    let (inputs, outputs) = (shape.length * shape.channels, shape.outputs * shape.filters);
    let (piece, flops) = (at_once(shape.outputs, n), n as f64 * shape.flops());
    let case = |pass: &str, run| Case { name: format!("conv {name}, {pass}"), flops, run };
    let (packed, mut y) = (Weights::forward(level, &shape, &weights), dy.clone());
    let (x1, bias1) = (x.clone(), bias.clone());
    let forward = move || {
        y.par_chunks_mut(piece * outputs).zip(x1.par_chunks(piece * inputs)).for_each(|(y, x)| {
            conv::forward(&shape, x.len() / inputs, x, &packed, &bias, Activation::Relu, y);
        });
    };
    let (packed, mut y, x2, bias) = (Weights::inference(level, &shape, &weights), dy.clone(), x.clone(), bias1);
    let inference = move || {
        y.par_chunks_mut(piece * outputs).zip(x2.par_chunks(piece * inputs)).for_each(|(y, x)| {
            conv::forward(&shape, x.len() / inputs, x, &packed, &bias, Activation::Relu, y);
        });
    };
    let (packed, mut dx, dy1) = (Weights::backward(level, &shape, &weights), x.clone(), dy.clone());
    let input = move || {
        dx.par_chunks_mut(piece * inputs).zip(dy1.par_chunks(piece * outputs)).for_each(|(dx, dy)| {
            conv::input_gradient(&shape, dx.len() / inputs, dy, &packed, false, dx);
        });
    };
    let group = n.div_ceil(GROUPS);
    let mut sums = vec![0.0; n.div_ceil(group) * shape.weights()];
    let weight = move || {
        let parts = x.par_chunks(group * inputs).zip(dy.par_chunks(group * outputs));
        let work = |scratch: &mut Scratch, (dw, (x, dy)): (&mut [f32], (&[f32], &[f32]))| {
            for (x, dy) in x.chunks(piece * inputs).zip(dy.chunks(piece * outputs)) {
                conv::weight_gradient(level, &shape, x.len() / inputs, x, dy, dw, scratch);
            }
        };
        sums.par_chunks_mut(shape.weights()).zip(parts).for_each_init(Scratch::default, work);
    };
    [
        case("forward", Box::new(forward)),
        case("forward in inference", Box::new(inference)),
        case("input gradient", Box::new(input)),
        case("weight gradient", Box::new(weight)),
    ]
}

/// Queries, keys or values that lie side by side in a row.
fn rows(values: &[f32], size: usize, i: usize) -> Rows<'_> {
    Rows { values: &values[i * size..], stride: 3 * size }
}

fn head(values: &[f32], size: usize) -> Head<'_> {
    let [queries, keys, values] = [0, 1, 2].map(|i| rows(values, size, i));
    Head { queries, keys, values, bias: &[] }
}

/// Both passes of `n` heads of self-attention.
fn heads(length: usize, size: usize, n: usize) -> [Case; 2] {
    let (level, s, one) = (Level::best(), attention::Shape { length, size }, length * size);
    let flops = 2.0 * (n * length * one) as f64;
    let case = |pass: &str, products: f64, run| {
        let name = format!("attention head of {size}, length {length}, {pass}");
        Case { name, flops: products * flops, run }
    };
    let arrays: Vec<Vec<f32>> = (0..n).map(|_| numbers(3 * one)).collect();
    let mut found: Vec<Vec<f32>> = vec![vec![0.0; 3 * one]; n];
    let (arrays1, mut out) = (arrays.clone(), found.clone());
    let forward = move || {
        out.par_iter_mut().zip(&arrays1).for_each_init(Default::default, |scratch, (out, values)| {
            attention::forward(level, &s, &head(values, size), (out, 3 * size), scratch);
        });
    };
    let backward = move || {
        found.par_iter_mut().zip(&arrays).for_each_init(Default::default, |scratch, (found, values)| {
            let gradients = Gradients { rows: found, stride: 3 * size, first: [0, size, 2 * size], bias: &mut [] };
            attention::backward(level, &s, &head(values, size), rows(values, size, 0), gradients, scratch);
        });
    };
    // The way back makes the scores once more.
    [case("forward", 2.0, Box::new(forward)), case("gradients", 5.0, Box::new(backward))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_a_rate() {
        assert!(peak_gflops(1) > 0.01);
    }
}
