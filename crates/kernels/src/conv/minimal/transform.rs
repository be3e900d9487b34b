//! Inputs combined for each point, and outputs from the products at each point.

use super::schemes::{Nested, Scheme};
use super::{Activation, Shape};
use crate::matrix::load_left;
use crate::simd::{Kernel, Simd};
use std::marker::PhantomData;

/// A position of a sequence, which may lie beyond its ends: the first that a tile sees, or the first that it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sequence: usize,
    pub(super) position: isize,
}

/// Combines the inputs at and behind `places` into `values`, `[points, places, channels]`, points `apart`.
pub(super) struct Combine<'a, A> {
    pub(super) shape: &'a Shape,
    pub(super) x: &'a [f32],
    /// A position's channels.
    pub(super) zeros: &'a [f32],
    pub(super) places: &'a [Place],
    pub(super) apart: usize,
    pub(super) values: &'a mut [f32],
    pub(super) scheme: PhantomData<A>,
}

impl<A> Combine<'_, A> {
    /// Where the inputs of a place are, those of each inner tile; zeros beyond the ends.
    #[inline(always)]
    fn inputs<const P: usize, const Q: usize>(&self, place: Place, apart: usize) -> [[*const f32; P]; Q] {
        let Shape { channels, dilation, length, .. } = *self.shape;
        let input = |i: usize| {
            let position = place.position + (i * dilation) as isize;
            if position >= 0 && position < length as isize {
                self.x[(place.sequence * length + position as usize) * channels..][..channels].as_ptr()
            } else {
                self.zeros[..channels].as_ptr()
            }
        };
        std::array::from_fn(|tile| std::array::from_fn(|i| input(tile * apart + i)))
    }
}

pub(super) struct CombineKernel<'a, A, B, const P: usize, const M: usize, const Q: usize, const N: usize>(
    pub(super) Combine<'a, Nested<A, B>>,
);

impl<A, B, const P: usize, const M: usize, const Q: usize, const N: usize> CombineKernel<'_, A, B, P, M, Q, N>
where
    A: Scheme<P, M>,
    B: Scheme<Q, N>,
{
    /// The inner scheme's combinations of each inner tile, combined for the points of the outer one.
    ///
    /// # Safety
    /// The processor has the instructions; `load` gives numbers of a place, and each of the points, `apart`, has room for
    /// what `store` writes.
    #[inline(always)]
    unsafe fn columns<S: Simd>(
        inputs: &[[*const f32; P]; Q],
        (to, apart): (*mut f32, usize),
        load: impl Fn(*const f32) -> S::F,
        store: impl Fn(*mut f32, S::F),
    ) {
        // SAFETY: as the caller says.
        unsafe {
            let mut tiles = [[S::splat(0.0); P]; Q];
            for (tile, inputs) in tiles.iter_mut().zip(inputs) {
                for (x, &input) in tile.iter_mut().zip(inputs) {
                    *x = load(input);
                }
                *tile = A::input::<S>(*tile);
            }
            for p in 0..P {
                let mut own = [S::splat(0.0); Q];
                for (value, tile) in own.iter_mut().zip(&tiles) {
                    *value = tile[p];
                }
                for (q, &value) in B::input::<S>(own).iter().enumerate() {
                    store(to.add((p * Q + q) * apart), value);
                }
            }
        }
    }
}

impl<A, B, const P: usize, const M: usize, const Q: usize, const N: usize> Kernel
    for CombineKernel<'_, A, B, P, M, Q, N>
where
    A: Scheme<P, M>,
    B: Scheme<Q, N>,
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self(own) = self;
        let (channels, apart) = (own.shape.channels, own.apart);
        assert!(own.values.len() >= (P * Q - 1) * apart + own.places.len() * channels, "room for all points");
        for (row, &place) in own.places.iter().enumerate() {
            let inputs: [[*const f32; P]; Q] = own.inputs(place, M);
            let to = own.values[row * channels..].as_mut_ptr();
            let whole = channels / S::LANES * S::LANES;
            // SAFETY: each input has `channels` numbers, and each point room for them in this row.
            unsafe {
                for c in (0..whole).step_by(S::LANES) {
                    let (load, store) = (|x: *const f32| S::load(x.add(c)), |to: *mut f32, y| S::store(to, y));
                    Self::columns::<S>(&inputs, (to.add(c), apart), load, store);
                }
                if whole < channels {
                    let left = channels - whole;
                    let load = |x: *const f32| S::load_part(x.add(whole), left);
                    let store = |to: *mut f32, y| S::store_part(to, left, y);
                    Self::columns::<S>(&inputs, (to.add(whole), apart), load, store);
                }
            }
        }
    }
}

/// Writes the outputs at and behind `places` from `products`, `[points, places, filters]`, points `apart`.
pub(super) struct Finish<'a, A> {
    pub(super) shape: &'a Shape,
    pub(super) products: &'a [f32],
    pub(super) apart: usize,
    pub(super) places: &'a [Place],
    pub(super) bias: &'a [f32],
    pub(super) then: Activation,
    pub(super) y: &'a mut [f32],
    pub(super) scheme: PhantomData<A>,
}

pub(super) struct FinishKernel<'a, A, B, const P: usize, const M: usize, const Q: usize, const N: usize>(
    pub(super) Finish<'a, Nested<A, B>>,
);

impl<A, B, const P: usize, const M: usize, const Q: usize, const N: usize> Kernel for FinishKernel<'_, A, B, P, M, Q, N>
where
    A: Scheme<P, M>,
    B: Scheme<Q, N>,
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self(own) = self;
        let Shape { filters, dilation, outputs, .. } = *own.shape;
        let products = (P * Q - 1) * own.apart + own.places.len() * filters;
        assert!(own.products.len() >= products && own.bias.len() == filters);
        for (row, place) in own.places.iter().enumerate() {
            let from = own.products[row * filters..].as_ptr();
            let first = place.position as usize;
            let inside = outputs.saturating_sub(first).div_ceil(dilation).min(M * N);
            let end = (place.sequence * outputs + first + (inside.max(1) - 1) * dilation + 1) * filters;
            let to = own.y[..end][(place.sequence * outputs + first) * filters..].as_mut_ptr();
            for c in (0..filters).step_by(S::LANES) {
                let left = filters - c;
                // SAFETY: each point has `filters` products in this row, and the outputs inside as much room.
                unsafe {
                    // What each inner tile has at the points of the inner scheme.
                    let mut tiles = [[S::splat(0.0); P]; N];
                    for p in 0..P {
                        let mut products = [S::splat(0.0); Q];
                        for (q, product) in products.iter_mut().enumerate() {
                            *product = load_left::<S>(from.add((p * Q + q) * own.apart + c), left);
                        }
                        for (tile, value) in tiles.iter_mut().zip(B::output::<S>(products)) {
                            tile[p] = value;
                        }
                    }
                    let bias = load_left::<S>(own.bias.as_ptr().add(c), left);
                    for (n, tile) in tiles.into_iter().enumerate().take(inside.div_ceil(M)) {
                        for (i, &sum) in A::output::<S>(tile).iter().enumerate().take(inside - n * M) {
                            let mut sum = S::add(sum, bias);
                            if own.then == Activation::Relu {
                                sum = S::max(S::splat(0.0), sum);
                            }
                            S::store_part_or_whole(to.add((n * M + i) * dilation * filters + c), left, sum);
                        }
                    }
                }
            }
        }
    }
}
