//! One bidirectional layer as PyTorch computes it (tests/golden/recurrent/generate.py).

use super::oracle::{Arrays, Kind, Layer, Memory};
use super::{InputGradient, Output, Shape};
use crate::Level;

const LSTM: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/recurrent/lstm.txt"));
const GRU: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/recurrent/gru.txt"));

fn read(text: &str, name: &str) -> Vec<f32> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).expect(name);
    line.split(' ').map(|number| number.parse().expect(name)).collect()
}

#[track_caller]
fn agree(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let most = want.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= 2e-6 * most, "{what}[{i}]: {got} against {want}");
    }
}

fn direction(kind: Kind, text: &str, suffix: &str) -> Arrays<f32> {
    let named = |name: &str| read(text, &format!("{name}{suffix}"));
    let (mut bias, mut hidden_bias) = (named("input_bias"), named("hidden_bias"));
    if kind == Kind::Lstm {
        bias.iter_mut().zip(hidden_bias.drain(..)).for_each(|(a, b)| *a += b);
    }
    Arrays { x: read(text, "x"), input: named("input_weight"), hidden: named("hidden_weight"), bias, hidden_bias }
}

fn compare(kind: Kind, text: &str, level: Level) {
    let (n, hidden) = (2, 3);
    let shape = Shape { channels: 2, hidden, length: 4, reverse: false };
    let shapes = [shape, Shape { reverse: true, ..shape }];
    let suffixes = ["", "_reverse"];
    let arrays = suffixes.map(|suffix| direction(kind, text, suffix));
    let mut memories = [Memory::default(), Memory::default()];
    let layer = |i: usize| Layer { kind, level, shape: &shapes[i], n, arrays: &arrays[i] };

    let mut y = vec![0.0; n * shape.length * 2 * hidden];
    let (left, right) = Output::both(&mut y, hidden);
    layer(0).forward(left, &mut memories[0]);
    layer(1).forward(right, &mut memories[1]);
    agree(&y, &read(text, "y"), "y");

    let (w, stride) = (read(text, "w"), 2 * hidden);
    let mut dx = vec![0.0; n * shape.length * shape.channels];
    for (i, suffix) in suffixes.iter().enumerate() {
        let to = if i == 0 { InputGradient::Overwrite(&mut dx) } else { InputGradient::Accumulate(&mut dx) };
        let mut got = Arrays::zeros(kind, &shape, n);
        let (y, w) = ((&y[i * hidden..], stride), (&w[i * hidden..], stride));
        layer(i).backward(y, w, to, &mut got, &mut memories[i]);
        let want = |name: &str| read(text, &format!("d_{name}{suffix}"));
        agree(&got.input, &want("input_weight"), "d_input_weight");
        agree(&got.hidden, &want("hidden_weight"), "d_hidden_weight");
        agree(&got.bias, &want("input_bias"), "d_input_bias");
        let hidden_bias = if kind == Kind::Lstm { &got.bias } else { &got.hidden_bias };
        agree(hidden_bias, &want("hidden_bias"), "d_hidden_bias");
    }
    agree(&dx, &read(text, "d_x"), "d_x");
}

#[test]
fn both_directions_agree_with_pytorch() {
    for level in Level::available() {
        compare(Kind::Lstm, LSTM, level);
        compare(Kind::Gru, GRU, level);
    }
}
