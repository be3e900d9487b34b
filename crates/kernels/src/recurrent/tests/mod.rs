//! The kernels against an oracle in f64, against central differences of it, and against PyTorch.

mod golden;
mod gradients;
mod oracle;
mod timing;

use super::{InputGradient, Output, Shape};
use crate::Level;
use oracle::{Arrays, Kind, Layer, Memory, Random, largest, oracle};

const KINDS: [Kind; 2] = [Kind::Lstm, Kind::Gru];

/// Shapes around the borders of vectors and of the blocks of steps.
fn shapes(random: &mut Random) -> Vec<(Shape, usize)> {
    let mut shapes: Vec<_> = (0..40)
        .map(|i| {
            let shape = Shape {
                channels: random.of(&[1, 2, 5, 16, 19]),
                hidden: random.of(&[1, 3, 8, 17, 32, 37]),
                length: random.of(&[1, 2, 3, 11]),
                reverse: i % 2 == 1,
            };
            (shape, random.of(&[0, 1, 2, 5]))
        })
        .collect();
    for reverse in [false, true] {
        shapes.push((Shape { channels: 3, hidden: 5, length: 300, reverse }, 1));
        shapes.push((Shape { channels: 3, hidden: 17, length: 120, reverse }, 5));
        shapes.push((Shape { channels: 2, hidden: 3, length: 3, reverse }, 300));
    }
    shapes
}

#[test]
fn outputs_agree_with_the_oracle_at_any_stride() {
    let (mut random, mut memory) = (Random(1), Memory::default());
    for (shape, n) in shapes(&mut random) {
        for kind in KINDS {
            let arrays = Arrays::random(kind, &shape, n, &mut random);
            let want = oracle(kind, &shape, n, &arrays.wide());
            let most = largest(want.iter().copied());
            for level in Level::available() {
                let stride = shape.hidden + random.of(&[0, 1, 16]);
                let mut y = vec![7.0; n * shape.length * stride];
                let layer = Layer { kind, level, shape: &shape, n, arrays: &arrays };
                layer.forward(Output::new(&mut y, stride, shape.hidden), &mut memory);
                for (row, want) in y.chunks(stride).zip(want.chunks(shape.hidden)) {
                    let (got, beyond) = row.split_at(shape.hidden);
                    for (got, want) in got.iter().zip(want) {
                        let error = (f64::from(*got) - want).abs();
                        assert!(error <= 1e-5 * most, "{kind:?} {level} {shape:?} {n}: {got} against {want}");
                    }
                    assert!(beyond.iter().all(|v| *v == 7.0), "{kind:?} {level} {shape:?}: beyond the row");
                }
            }
        }
    }
}

#[test]
fn inference_gives_the_bits_of_forward() {
    let (mut random, mut memory) = (Random(2), Memory::default());
    for (shape, n) in shapes(&mut random) {
        for kind in KINDS {
            let arrays = Arrays::random(kind, &shape, n, &mut random);
            for level in Level::available() {
                let layer = Layer { kind, level, shape: &shape, n, arrays: &arrays };
                let (mut a, mut b) =
                    (vec![0.0; n * shape.length * shape.hidden], vec![1.0; n * shape.length * shape.hidden]);
                layer.forward(Output::new(&mut a, shape.hidden, shape.hidden), &mut memory);
                layer.infer(Output::new(&mut b, shape.hidden, shape.hidden), &mut memory);
                assert_eq!(a, b, "{kind:?} {level} {shape:?} {n}");
            }
        }
    }
}

#[test]
fn both_directions_write_into_one_array_from_two_threads() {
    let mut random = Random(3);
    let (level, n) = (Level::best(), 3);
    let shape = Shape { channels: 4, hidden: 9, length: 6, reverse: false };
    let reversed = Shape { reverse: true, ..shape };
    for kind in KINDS {
        let arrays = Arrays::random(kind, &shape, n, &mut random);
        let one = Layer { kind, level, shape: &shape, n, arrays: &arrays };
        let other = Layer { shape: &reversed, ..one };
        let mut y = vec![0.0; n * shape.length * 2 * shape.hidden];
        let (left, right) = Output::both(&mut y, shape.hidden);
        std::thread::scope(|scope| {
            scope.spawn(|| one.infer(left, &mut Memory::default()));
            scope.spawn(|| other.infer(right, &mut Memory::default()));
        });
        for (layer, first) in [(&one, 0), (&other, shape.hidden)] {
            let mut alone = vec![0.0; n * shape.length * shape.hidden];
            layer.infer(Output::new(&mut alone, shape.hidden, shape.hidden), &mut Memory::default());
            let half: Vec<f32> = y.chunks(2 * shape.hidden).flat_map(|r| r[first..][..shape.hidden].to_vec()).collect();
            assert_eq!(half, alone, "{kind:?} from column {first}");
        }
    }
}

#[test]
fn extreme_input_saturates_and_what_is_not_a_number_stays_in_its_example() {
    let shape = Shape { channels: 2, hidden: 5, length: 4, reverse: false };
    for kind in KINDS {
        for level in Level::available() {
            let mut arrays = Arrays::random(kind, &shape, 2, &mut Random(4));
            arrays.x[..8].fill(1e30);
            arrays.x[9] = f32::NAN;
            let layer = Layer { kind, level, shape: &shape, n: 2, arrays: &arrays };
            let mut y = vec![0.0; 2 * 4 * 5];
            layer.infer(Output::new(&mut y, 5, 5), &mut Memory::default());
            assert!(y[..20].iter().all(|v| v.abs() <= 1.0), "{kind:?} {level}: {:?}", &y[..20]);
            assert!(y[20..].iter().all(|v| v.is_nan()), "{kind:?} {level}: {:?}", &y[20..]);
        }
    }
}

#[test]
#[should_panic(expected = "do not fit")]
fn an_output_that_is_too_small_is_refused() {
    let shape = Shape { channels: 1, hidden: 3, length: 4, reverse: false };
    let arrays = Arrays::zeros(Kind::Gru, &shape, 2);
    let layer = Layer { kind: Kind::Gru, level: Level::best(), shape: &shape, n: 2, arrays: &arrays };
    layer.infer(Output::new(&mut [0.0; 23], 3, 3), &mut Memory::default());
}

#[test]
#[should_panic(expected = "what forward saved")]
fn backward_twice_is_refused() {
    let shape = Shape { channels: 1, hidden: 3, length: 4, reverse: false };
    let arrays = Arrays::zeros(Kind::Lstm, &shape, 2);
    let layer = Layer { kind: Kind::Lstm, level: Level::best(), shape: &shape, n: 2, arrays: &arrays };
    let (mut y, mut memory, mut sums) = ([0.0; 24], Memory::default(), arrays.clone());
    layer.forward(Output::new(&mut y, 3, 3), &mut memory);
    layer.backward((&y, 3), (&[0.0; 24], 3), InputGradient::Skip, &mut sums, &mut memory);
    layer.backward((&y, 3), (&[0.0; 24], 3), InputGradient::Skip, &mut sums, &mut memory);
}

#[test]
fn steps_one_by_one_give_the_bits_of_inference() {
    let (mut random, mut memory) = (Random(8), Memory::default());
    for (shape, n) in shapes(&mut random) {
        for kind in KINDS {
            let arrays = Arrays::random(kind, &shape, n, &mut random);
            let layer = Layer { kind, level: Level::best(), shape: &shape, n, arrays: &arrays };
            let mut wanted = vec![0.0; n * shape.length * shape.hidden];
            layer.infer(Output::new(&mut wanted, shape.hidden, shape.hidden), &mut memory);
            assert_eq!(layer.by_steps(), wanted, "{kind:?} {shape:?} {n}");
        }
    }
}
