//! Convolutions in fewer products, for inference: minimal filtering over tiles of outputs.
//!
//! Inputs are combined for each of a few points, at each point one matrix product over channels takes the place of the
//! taps, and outputs are sums of what comes out. Outputs of a tile lie as far apart as taps, so that dilation changes
//! nothing; a filter longer than a scheme's taps is cut into blocks, which see the combined inputs of the next tiles, and
//! whose products are one sum. Rounding is a few times that of the direct way, of which the products make up by adding up
//! parts of their sums apart.

mod schemes;
#[cfg(test)]
mod tests;
mod transform;

use super::{Activation, Shape};
use crate::Level;
use crate::matrix::{Finish as Keep, Left, Packed, Start, multiply_rows};
use crate::simd::dispatch;
use rayon::prelude::*;
use schemes::{FOUR_OF_FOUR, FOUR_OF_THREE, FourOfFour, FourOfThree, Nested, ONE, One, Points, Scheme};
use schemes::{THREE_OF_THREE, THREE_OF_TWO, ThreeOfThree, ThreeOfTwo, TwoOfThree};
use std::cell::RefCell;
use std::marker::PhantomData;
use transform::{Combine, CombineKernel, Finish, FinishKernel, Place};

/// Tiles that go through at once, about: few enough for a near cache.
const ROWS: usize = 24;
/// Rows that a product takes at once.
const UNIT: usize = 8;
/// Numbers between the ends and beginnings of points, so that they do not fall onto the same lines of a cache.
const GAP: usize = 16;
/// What combining an input or a product costs, in multiplications.
const TRANSFORM: f64 = 16.0;
/// The part of the direct way's cost that is worth another way.
const WORTH: f64 = 0.9;

/// A scheme that a convolution is done by: outputs of a tile, and taps of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    ThreeOfThree,
    FourOfThree,
    FourOfFour,
    /// Nested, with blocks of 3 taps within.
    NineOfSix,
    SixOfNine,
    /// Nested, with blocks of 4 taps within.
    TwelveOfEight,
    EightOfTwelve,
}

impl Way {
    const ALL: [Self; 7] = [
        Self::ThreeOfThree,
        Self::FourOfThree,
        Self::FourOfFour,
        Self::NineOfSix,
        Self::SixOfNine,
        Self::TwelveOfEight,
        Self::EightOfTwelve,
    ];

    /// Of the inner scheme and the outer one.
    fn points(self) -> [Points; 2] {
        match self {
            Self::ThreeOfThree => [THREE_OF_THREE, ONE],
            Self::FourOfThree => [FOUR_OF_THREE, ONE],
            Self::FourOfFour => [FOUR_OF_FOUR, ONE],
            Self::NineOfSix => [THREE_OF_THREE, THREE_OF_TWO],
            Self::SixOfNine => [THREE_OF_THREE, THREE_OF_TWO],
            Self::TwelveOfEight => [FOUR_OF_FOUR, THREE_OF_TWO],
            Self::EightOfTwelve => [FOUR_OF_FOUR, THREE_OF_TWO],
        }
    }

    /// Outputs of a tile, and taps of a block, of the inner scheme and the outer one.
    fn sizes(self) -> [(usize, usize); 2] {
        match self {
            Self::ThreeOfThree => [(3, 3), (1, 1)],
            Self::FourOfThree => [(4, 3), (1, 1)],
            Self::FourOfFour => [(4, 4), (1, 1)],
            Self::NineOfSix => [(3, 3), (3, 2)],
            Self::SixOfNine => [(3, 3), (2, 3)],
            Self::TwelveOfEight => [(4, 4), (3, 2)],
            Self::EightOfTwelve => [(4, 4), (2, 3)],
        }
    }

    /// Outputs of a tile, and taps of a block.
    fn size(self) -> (usize, usize) {
        let [(outputs, taps), (tiles, blocks)] = self.sizes();
        (outputs * tiles, taps * blocks)
    }

    /// Blocks of taps.
    fn blocks(self, s: &Shape) -> usize {
        s.width.div_ceil(self.size().1)
    }

    /// Whether it can do this: the next block has to begin where the next tile does.
    fn can(self, s: &Shape) -> bool {
        let (outputs, taps) = self.size();
        s.stride == 1 && s.groups == 1 && (s.width <= taps || outputs == taps && s.dilation == 1)
    }

    /// Multiplications of a sequence, or what takes as long.
    pub(super) fn cost(self, s: &Shape) -> f64 {
        let points: usize = self.points().iter().map(|points| points.0.len() + 1).product();
        let products = self.blocks(s) * s.channels * s.filters;
        let transforms = TRANSFORM * (s.channels + s.filters) as f64;
        (tiles(s, self.size().0) * points) as f64 * (products as f64 + transforms)
    }
}

/// The cheapest scheme, if one is worth it: by the shape alone, so that results do not depend on a batch.
pub(super) fn choose(s: &Shape) -> Option<Way> {
    let least = WORTH * s.flops() / 2.0;
    let can = Way::ALL.into_iter().filter(|way| way.can(s) && !s.is_narrow());
    let best = can.min_by(|a, b| a.cost(s).total_cmp(&b.cost(s)))?;
    (best.cost(s) < least).then_some(best)
}

/// Tiles of a sequence. Their outputs lie `dilation` apart, so as many begin side by side, and the next `outputs` times as
/// far.
fn tiles(s: &Shape, outputs: usize) -> usize {
    let span = outputs * s.dilation;
    s.outputs / span * s.dilation + (s.outputs % span).min(s.dilation)
}

/// Filters at each point, `[blocks * channels, filters]`, from weights `[filters, channels, width]`.
pub(super) fn pack(level: Level, s: &Shape, way: Way, weights: &[f32]) -> Vec<Packed> {
    assert!(way.can(s), "{way:?} of {s:?}");
    let [(_, taps), (_, blocks)] = way.sizes();
    let [inner, outer] = way.points();
    let points = outer.0.len() + 1;
    let all = taps * blocks;
    let pack = |point: usize| {
        // What the filter's value at the point has of each tap.
        let of_tap = |tap: usize| {
            let one = |at: usize, of: usize| if at == of { 1.0 } else { 0.0 };
            let within = inner.filter(point / points, (0..taps).map(|at| one(at, tap % taps)));
            within * outer.filter(point % points, (0..blocks).map(|at| one(at, tap / taps)))
        };
        let shares: Vec<f64> = (0..all).map(of_tap).collect();
        let value = |row: usize, filter: usize| {
            let (block, channel) = (row / s.channels, row % s.channels);
            let own = &weights[(filter * s.channels + channel) * s.width..][..s.width];
            let own = own[(block * all).min(s.width)..].iter().zip(&shares);
            own.map(|(&weight, share)| f64::from(weight) * share).sum::<f64>() as f32
        };
        Packed::from_fn(level, way.blocks(s) * s.channels, s.filters, value)
    };
    (0..(inner.0.len() + 1) * points).into_par_iter().map(pack).collect()
}

/// Tiles may lie anywhere without blocks and dilation.
pub(super) fn tiles_of(s: &Shape, way: Way) -> super::Tiles {
    let (outputs, taps) = way.size();
    if way.blocks(s) == 1 && s.dilation == 1 {
        super::Tiles::Free { outputs, seen: outputs + taps - 1 }
    } else {
        super::Tiles::Fixed
    }
}

/// The forward pass of `n` sequences with filters from [`pack`]: of all tiles, or of `some`, each a sequence and the
/// position of its first output.
pub(super) fn forward(
    s: &Shape,
    (n, some): (usize, Option<&[(usize, isize)]>),
    x: &[f32],
    (way, filters): (Way, &[Packed]),
    bias: &[f32],
    then: Activation,
    y: &mut [f32],
) {
    let work = Work { s, n, some, x, blocks: way.blocks(s), filters, bias, then };
    match way {
        Way::ThreeOfThree => work.run::<ThreeOfThree, One, 5, 3, 1, 1>(y),
        Way::FourOfThree => work.run::<FourOfThree, One, 6, 4, 1, 1>(y),
        Way::FourOfFour => work.run::<FourOfFour, One, 7, 4, 1, 1>(y),
        Way::NineOfSix => work.run::<ThreeOfThree, ThreeOfTwo, 5, 3, 4, 3>(y),
        Way::SixOfNine => work.run::<ThreeOfThree, TwoOfThree, 5, 3, 4, 2>(y),
        Way::TwelveOfEight => work.run::<FourOfFour, ThreeOfTwo, 7, 4, 4, 3>(y),
        Way::EightOfTwelve => work.run::<FourOfFour, TwoOfThree, 7, 4, 4, 2>(y),
    }
}

/// Memory of a thread.
#[derive(Default)]
struct Scratch {
    tiles: Tiles,
    values: Vec<f32>,
    products: Vec<f32>,
    zeros: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The first numbers of memory that grows to its largest use.
fn first(memory: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if memory.len() < length {
        memory.resize(length, 0.0);
    }
    &mut memory[..length]
}

/// Tiles that go through at once, perhaps of several sequences.
#[derive(Default)]
struct Tiles {
    /// What is combined: the inputs of each tile, and of those behind the last tile of a sequence that its blocks see.
    inputs: Vec<Place>,
    /// The first of its inputs for each tile.
    rows: Vec<usize>,
    outputs: Vec<Place>,
}

impl Tiles {
    /// These tiles of one block.
    fn place(&mut self, s: &Shape, some: &[(usize, isize)]) {
        self.rows.clear();
        self.rows.extend(0..some.len());
        self.outputs.clear();
        self.outputs.extend(some.iter().map(|&(sequence, position)| Place { sequence, position }));
        self.inputs.clear();
        self.inputs.extend(self.outputs.iter().map(|own| Place { position: own.position - s.left as isize, ..*own }));
    }

    /// Tiles `range` of all sequences, each of `outputs` outputs and `blocks` blocks.
    fn fill(&mut self, s: &Shape, outputs: usize, blocks: usize, range: std::ops::Range<usize>) {
        let each = tiles(s, outputs);
        self.inputs.clear();
        self.rows.clear();
        self.outputs.clear();
        for tile in range {
            let (sequence, own) = (tile / each, tile % each);
            let begin = |own: usize| own / s.dilation * outputs * s.dilation + own % s.dilation;
            self.outputs.push(Place { sequence, position: begin(own) as isize });
            let input = |own: usize| Place { sequence, position: begin(own) as isize - s.left as isize };
            let follows = blocks > 1 && own > 0 && !self.rows.is_empty();
            if follows {
                self.rows.push(self.inputs.len() + 1 - blocks);
                self.inputs.push(input(own + blocks - 1));
            } else {
                self.rows.push(self.inputs.len());
                self.inputs.extend((own..own + blocks).map(input));
            }
        }
    }
}

struct Work<'a> {
    s: &'a Shape,
    n: usize,
    some: Option<&'a [(usize, isize)]>,
    x: &'a [f32],
    blocks: usize,
    /// At each point.
    filters: &'a [Packed],
    bias: &'a [f32],
    then: Activation,
}

impl Work<'_> {
    fn run<A, B, const P: usize, const M: usize, const Q: usize, const N: usize>(&self, y: &mut [f32])
    where
        A: Scheme<P, M>,
        B: Scheme<Q, N>,
    {
        let all = self.some.map_or_else(|| self.n * tiles(self.s, M * N), <[_]>::len);
        SCRATCH.with_borrow_mut(|scratch| {
            // As even as whole units allow, since all filters are read for a block of any size.
            let units = all.div_ceil(UNIT);
            let blocks = ((units * UNIT + ROWS / 2) / ROWS).max(1);
            let border = |block: usize| all.min(units * block / blocks * UNIT);
            for block in 0..blocks {
                let range = border(block)..border(block + 1);
                match self.some {
                    Some(some) => scratch.tiles.place(self.s, &some[range]),
                    None => scratch.tiles.fill(self.s, M * N, self.blocks, range),
                }
                self.block::<A, B, P, M, Q, N>(scratch, y);
            }
        });
    }

    fn block<A, B, const P: usize, const M: usize, const Q: usize, const N: usize>(
        &self,
        scratch: &mut Scratch,
        y: &mut [f32],
    ) where
        A: Scheme<P, M>,
        B: Scheme<Q, N>,
    {
        let Self { s: shape, x, bias, then, .. } = *self;
        let Scratch { tiles, values, products, zeros } = scratch;
        let (inputs, rows) = (tiles.inputs.len(), tiles.rows.len());
        let [of_inputs, of_products] = [inputs * shape.channels + GAP, rows * shape.filters + GAP];
        let (values, products) = (first(values, P * Q * of_inputs), first(products, P * Q * of_products));
        let Some(level) = self.filters.first().map(Packed::level) else { return };
        let zeros = &*first(zeros, shape.channels);
        let (places, apart, scheme) = (&tiles.inputs[..], of_inputs, PhantomData::<Nested<A, B>>);
        let combine = Combine { shape, x, zeros, places, apart, values: &mut *values, scheme };
        dispatch(level, CombineKernel::<A, B, P, M, Q, N>(combine));
        let points = values.chunks_exact(of_inputs).zip(products.chunks_exact_mut(of_products));
        for (filters, (values, products)) in self.filters.iter().zip(points) {
            assert_eq!(filters.shape(), (self.blocks * shape.channels, shape.filters), "filters of {shape:?}");
            let left = TileRows::new(values, &tiles.rows, shape.channels, self.blocks);
            // SAFETY: each row has the channels of as many inputs as there are blocks.
            unsafe { multiply_rows(left, rows, filters, (products, shape.filters), Start::Parts, Keep::Keep) };
        }
        let (places, apart) = (&tiles.outputs[..], of_products);
        let finish = Finish { shape, products, apart, places, bias, then, y, scheme };
        dispatch(level, FinishKernel::<A, B, P, M, Q, N>(finish));
    }
}

/// Rows of combined inputs, each the channels of a tile and of those behind it.
#[derive(Clone, Copy)]
struct TileRows<'a> {
    values: *const f32,
    rows: &'a [usize],
    channels: usize,
}

impl<'a> TileRows<'a> {
    fn new(values: &[f32], rows: &'a [usize], channels: usize, blocks: usize) -> Self {
        let end = rows.iter().max().map_or(0, |last| (last + blocks) * channels);
        assert!(values.len() >= end, "inputs of all tiles");
        Self { values: values.as_ptr(), rows, channels }
    }
}

// SAFETY: rows lie within the values, as was checked; those beyond the tile repeat its last one.
unsafe impl Left for TileRows<'_> {
    type Tile = [*const f32; 8];

    #[inline(always)]
    fn tile(&self, first: usize, rows: usize) -> Self::Tile {
        std::array::from_fn(|r| self.values.wrapping_add(self.rows[first + r.min(rows - 1)] * self.channels))
    }

    #[inline(always)]
    fn piece<const R: usize>(
        &self,
        tile: &Self::Tile,
        from: usize,
        to: usize,
        at: &mut [*const f32; R],
    ) -> (usize, bool) {
        at.iter_mut().zip(tile).for_each(|(at, row)| *at = row.wrapping_add(from));
        (to - from, false)
    }
}
