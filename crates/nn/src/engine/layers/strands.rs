//! Layers on sequences and, as as many more examples, on their reverse complements.

use crate::architecture::{Combine, Shape};
use crate::engine::buffers::Array;
use crate::engine::node::MARK;
use crate::engine::{Extra, Found, Node, Pass, Tape};
use rayon::prelude::*;

/// Bases of the alphabet, in whose order A C G T the reverse is the complement.
pub(in crate::engine) const BASES: usize = 4;

/// The symbol of the complement; the unknown base and the mark stay.
pub(in crate::engine) fn complement(symbol: u8) -> u8 {
    let (base, mark) = (symbol % MARK, symbol / MARK * MARK);
    if base < BASES as u8 { 3 - base + mark } else { symbol }
}

/// Sequences of codes, then their reverse complements.
fn both_codes(codes: &[u8], length: usize) -> Vec<u8> {
    let reverse = codes.chunks_exact(length).flat_map(|one| one.iter().rev().map(|&symbol| complement(symbol)));
    codes.iter().copied().chain(reverse).collect()
}

/// Examples `[length, channels]` as reverse complements.
pub(in crate::engine) fn turn_strand(x: &[f32], Shape { channels, length }: Shape, y: &mut [f32]) {
    let size = channels * length;
    y.par_chunks_mut(size).zip(x.par_chunks(size)).for_each(|(y, x)| {
        for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels).rev()) {
            y.copy_from_slice(x);
            y[..BASES].reverse();
        }
    });
}

/// Where each row of an example's output begins, and where the row of the same place begins in that of the reverse
/// complement.
fn rows(shape: Shape) -> impl Iterator<Item = (usize, usize)> {
    (0..shape.length).map(move |row| (row * shape.channels, (shape.length - 1 - row) * shape.channels))
}

/// Outputs of both strands as one.
pub(in crate::engine) fn combined(shape: Shape, combine: Combine, both: &[f32], y: &mut [f32]) {
    let (forward, reverse) = both.split_at(y.len());
    let of: fn(f32, f32) -> f32 = match combine {
        Combine::Mean => |a, b| 0.5 * (a + b),
        Combine::Max => |a, b| if a >= b { a } else { b },
        Combine::Sum => |a, b| a + b,
    };
    let size = shape.size();
    let strands = forward.par_chunks(size).zip(reverse.par_chunks(size));
    y.par_chunks_mut(size).zip(strands).for_each(|(y, (forward, reverse))| {
        for (at, turned) in rows(shape) {
            let own = y[at..].iter_mut().zip(&forward[at..]).zip(&reverse[turned..]);
            own.take(shape.channels).for_each(|((y, &a), &b)| *y = of(a, b));
        }
    });
}

/// Gradients of the outputs of both strands from that of the one output; of two equal numbers the first strand's counts
/// as the larger.
fn parted(shape: Shape, combine: Combine, both: &[f32], dy: &[f32], slopes: &mut [f32]) {
    let (forward, reverse) = both.split_at(dy.len());
    let (d_forward, d_reverse) = slopes.split_at_mut(dy.len());
    let size = shape.size();
    let outputs = forward.par_chunks(size).zip(reverse.par_chunks(size)).zip(dy.par_chunks(size));
    let strands = d_forward.par_chunks_mut(size).zip(d_reverse.par_chunks_mut(size));
    strands.zip(outputs).for_each(|((d_forward, d_reverse), ((forward, reverse), dy))| {
        for (at, turned) in rows(shape) {
            for c in 0..shape.channels {
                let (a, b, slope) = (forward[at + c], reverse[turned + c], dy[at + c]);
                let parts = match combine {
                    Combine::Mean => (0.5 * slope, 0.5 * slope),
                    Combine::Sum => (slope, slope),
                    Combine::Max if a >= b => (slope, 0.0),
                    Combine::Max => (0.0, slope),
                };
                (d_forward[at + c], d_reverse[turned + c]) = parts;
            }
        }
    });
}

/// Gradients of both strands as one of the sequences.
pub(in crate::engine) fn joined(both: &[f32], shape: Shape, dx: &mut [f32]) {
    let (forward, reverse) = both.split_at(dx.len());
    turn_strand(reverse, shape, dx);
    dx.iter_mut().zip(forward).for_each(|(dx, forward)| *dx += forward);
}

impl Pass<'_> {
    /// Numbers and codes of the sequences, then of their reverse complements.
    pub(in crate::engine) fn both_strands(&mut self, node: &Node, x: &[f32], codes: &[u8]) -> (Array, Vec<u8>) {
        let mut input = self.buffers.take(2 * x.len());
        let (forward, reverse) = input.split_at_mut(x.len());
        forward.copy_from_slice(x);
        turn_strand(x, node.input, reverse);
        (input, both_codes(codes, node.input.length))
    }

    pub(in crate::engine) fn strands(
        &mut self,
        node: &Node,
        inner: &[Node],
        combine: Combine,
        x: &[f32],
        codes: &[u8],
        y: &mut [f32],
    ) -> Extra {
        let (input, codes) = self.both_strands(node, x, codes);
        self.n *= 2;
        let extra = if self.keep {
            let tape = self.forward(inner, input, codes);
            combined(node.output, combine, output(&tape), y);
            Extra::Strands(tape)
        } else {
            let both = self.infer(inner, input, &codes);
            combined(node.output, combine, &both, y);
            self.buffers.give(both);
            Extra::None
        };
        self.n /= 2;
        extra
    }

    pub(in crate::engine) fn strands_back(
        &mut self,
        node: &Node,
        inner: &[Node],
        combine: Combine,
        extra: Extra,
        dy: Array,
        wanted: bool,
        found: &mut Found,
    ) -> Option<Array> {
        let Extra::Strands(tape) = extra else { return None };
        let mut slopes = self.buffers.take(2 * dy.len());
        parted(node.output, combine, output(&tape), &dy, &mut slopes);
        self.buffers.give(dy);
        let Tape { input, codes, kept } = tape;
        let mut inside = Found { parameters: found.parameters.as_deref_mut(), input: wanted };
        self.n *= 2;
        let through = self.backward(inner, &input, &codes, kept, slopes, &mut inside);
        self.n /= 2;
        self.buffers.give(input);
        let through = through?;
        let dx = wanted.then(|| {
            let mut dx = self.buffers.take(through.len() / 2);
            joined(&through, node.input, &mut dx);
            dx
        });
        self.buffers.give(through);
        dx
    }
}

/// What the layers within gave for both strands.
fn output(tape: &Tape) -> &[f32] {
    tape.kept.last().map_or(&tape.input, |kept| &kept.output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_numbers_turn_alike() {
        // A C G T, unknown, and marked A and unknown.
        let codes = [0, 1, 2, 3, 4, 5, 9];
        assert_eq!(both_codes(&codes, 7)[7..], [9, 8, 4, 0, 1, 2, 3]);
        let shape = Shape { channels: 5, length: 2 };
        let mut y = [0.0; 10];
        turn_strand(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0], shape, &mut y);
        assert_eq!(y, [9.0, 8.0, 7.0, 6.0, 10.0, 4.0, 3.0, 2.0, 1.0, 5.0]);
    }
}
