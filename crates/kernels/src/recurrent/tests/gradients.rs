//! Gradients against central differences of the oracle.

use super::oracle::{Arrays, Kind, Layer, Memory, NAMES, Random, largest, oracle};
use super::{InputGradient, KINDS, Output, Shape};
use crate::Level;

/// Values of an array that are checked; all of a small one.
const CHECKED: u64 = 40;

/// `sum(y * w)` in f64.
fn loss(kind: Kind, shape: &Shape, n: usize, arrays: &Arrays<f64>, w: &[f32]) -> f64 {
    oracle(kind, shape, n, arrays).iter().zip(w).map(|(y, &w)| y * f64::from(w)).sum()
}

/// All gradients of `sum(y * w)` by the kernels, with rows of `y` and `w` that are further apart than they are wide.
fn gradients(layer: &Layer<'_>, w: &[f32], gap: usize, memory: &mut Memory) -> Arrays<f32> {
    let (shape, n) = (layer.shape, layer.n);
    let (rows, stride) = (n * shape.length, shape.hidden + gap);
    let mut y = vec![f32::NAN; rows * stride];
    layer.forward(Output::new(&mut y, stride, shape.hidden), memory);
    let mut dy = vec![f32::NAN; rows * (stride + 1)];
    for (dy, w) in dy.chunks_mut(stride + 1).zip(w.chunks(shape.hidden)) {
        dy[..shape.hidden].copy_from_slice(w);
    }
    let mut sums = Arrays::zeros(layer.kind, shape, n);
    let mut dx = vec![f32::NAN; rows * shape.channels];
    let (y, dy) = ((&y[..], stride), (&dy[..], stride + 1));
    layer.backward(y, dy, InputGradient::Overwrite(&mut dx), &mut sums, memory);
    sums.x = dx;
    sums
}

fn check(kind: Kind, shape: &Shape, n: usize, random: &mut Random, memory: &mut Memory) {
    let mut arrays = Arrays::random(kind, shape, n, random);
    let w = random.numbers(n * shape.length * shape.hidden);
    let mut wide = arrays.wide();
    let levels: Vec<_> = Level::available()
        .into_iter()
        .map(|level| {
            let layer = Layer { kind, level, shape, n, arrays: &arrays };
            (level, gradients(&layer, &w, random.of(&[0, 3]), memory))
        })
        .collect();
    for (which, name) in NAMES.iter().enumerate() {
        let len = arrays.get_mut(which).len();
        for i in checked(len, random) {
            let step = 1e-5;
            let value = wide.all()[which][i];
            wide.get_mut(which)[i] = value + step;
            let above = loss(kind, shape, n, &wide, &w);
            wide.get_mut(which)[i] = value - step;
            let below = loss(kind, shape, n, &wide, &w);
            wide.get_mut(which)[i] = value;
            let want = (above - below) / (2.0 * step);
            for (level, got) in &levels {
                let got = got.all()[which];
                let small = 1e-5 * largest(got.iter().map(|&v| f64::from(v))) + 1e-9;
                let error = (f64::from(got[i]) - want).abs();
                let place = format!("{kind:?} {level} {shape:?} n {n}: {name}[{i}]");
                assert!(error <= 1e-3 * want.abs() + small, "{place}: {} against {want}", got[i]);
            }
        }
    }
}

/// Which values of an array of `len` to check.
fn checked(len: usize, random: &mut Random) -> Vec<usize> {
    if len as u64 <= CHECKED {
        return (0..len).collect();
    }
    (0..CHECKED).map(|_| (random.whole() % len as u64) as usize).collect()
}

fn twenty_shapes(kind: Kind) {
    let (mut random, mut memory) = (Random(5), Memory::default());
    for i in 0..20 {
        let shape = Shape {
            channels: random.of(&[1, 2, 5, 18]),
            hidden: [1, 3, 17, 20, 33][i % 5],
            length: [1, 2, 5, 9][i % 4],
            reverse: (i / 5) % 2 == 1,
        };
        check(kind, &shape, [1, 5, 2][i % 3], &mut random, &mut memory);
    }
}

#[test]
fn lstm_agrees_with_central_differences() {
    twenty_shapes(Kind::Lstm);
}

#[test]
fn gru_agrees_with_central_differences() {
    twenty_shapes(Kind::Gru);
}

#[test]
fn no_examples_have_no_gradient() {
    let shape = Shape { channels: 2, hidden: 3, length: 4, reverse: false };
    for kind in KINDS {
        let arrays = Arrays::zeros(kind, &shape, 0);
        let layer = Layer { kind, level: Level::best(), shape: &shape, n: 0, arrays: &arrays };
        let got = gradients(&layer, &[], 0, &mut Memory::default());
        assert!(got.all().iter().all(|values| values.iter().all(|v| *v == 0.0)), "{kind:?}");
    }
}

#[test]
fn gradients_are_added_and_the_input_gradient_goes_where_it_is_told() {
    let shape = Shape { channels: 3, hidden: 6, length: 5, reverse: true };
    let (n, mut random, mut memory) = (4, Random(6), Memory::default());
    for kind in KINDS {
        let arrays = Arrays::random(kind, &shape, n, &mut random);
        let layer = Layer { kind, level: Level::best(), shape: &shape, n, arrays: &arrays };
        let w = random.numbers(n * shape.length * shape.hidden);
        let once = gradients(&layer, &w, 0, &mut memory);

        let mut y = vec![0.0; w.len()];
        let mut twice = once.clone();
        let mut dx = vec![1.0; once.x.len()];
        for skip in [true, false] {
            layer.forward(Output::new(&mut y, 6, 6), &mut memory);
            let to = if skip { InputGradient::Skip } else { InputGradient::Accumulate(&mut dx) };
            layer.backward((&y, 6), (&w, 6), to, &mut twice, &mut memory);
        }
        for (dx, once) in dx.iter().zip(&once.x) {
            assert!((dx - 1.0 - once).abs() < 1e-5, "{kind:?}: {dx} against 1 + {once}");
        }
        for (sums, once) in twice.all().into_iter().zip(once.all()).skip(1) {
            let most = largest(once.iter().map(|&v| f64::from(v))) as f32;
            for (sum, once) in sums.iter().zip(once) {
                assert!((sum - 3.0 * once).abs() <= 1e-5 * most, "{kind:?}: {sum} against 3 times {once}");
            }
        }
    }
}

#[test]
fn used_memory_gives_the_bits_of_fresh_memory() {
    let mut random = Random(7);
    let shape = Shape { channels: 3, hidden: 7, length: 6, reverse: false };
    let larger = Shape { channels: 8, hidden: 19, length: 12, reverse: true };
    for kind in KINDS {
        let mut memory = Memory::default();
        check(kind, &larger, 4, &mut random, &mut memory);
        let arrays = Arrays::random(kind, &shape, 3, &mut random);
        let w = random.numbers(3 * shape.length * shape.hidden);
        let layer = Layer { kind, level: Level::best(), shape: &shape, n: 3, arrays: &arrays };
        let (used, fresh) = (gradients(&layer, &w, 2, &mut memory), gradients(&layer, &w, 2, &mut Memory::default()));
        assert_eq!(used.all(), fresh.all(), "{kind:?}");
    }
}
