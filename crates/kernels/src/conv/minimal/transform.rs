//! Inputs combined for each point, and outputs from the products at each point.

use super::schemes::Scheme;
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
    /// Where the inputs of a place are, zeros beyond the ends.
    #[inline(always)]
    fn inputs<const P: usize>(&self, place: Place) -> [*const f32; P] {
        let Shape { channels, dilation, length, .. } = *self.shape;
        std::array::from_fn(|i| {
            let position = place.position + (i * dilation) as isize;
            if position >= 0 && position < length as isize {
                self.x[(place.sequence * length + position as usize) * channels..][..channels].as_ptr()
            } else {
                self.zeros[..channels].as_ptr()
            }
        })
    }
}

pub(super) struct CombineKernel<'a, A, const P: usize, const M: usize>(pub(super) Combine<'a, A>);

impl<A: Scheme<P, M>, const P: usize, const M: usize> Kernel for CombineKernel<'_, A, P, M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self(own) = self;
        let (channels, apart) = (own.shape.channels, own.apart);
        assert!(own.values.len() >= (P - 1) * apart + own.places.len() * channels, "room for all points");
        for (row, &place) in own.places.iter().enumerate() {
            let inputs: [*const f32; P] = own.inputs(place);
            let to = own.values[row * channels..].as_mut_ptr();
            let whole = channels / S::LANES * S::LANES;
            // SAFETY: each input has `channels` numbers, and each point room for them in this row.
            unsafe {
                for c in (0..whole).step_by(S::LANES) {
                    let mut x = [S::splat(0.0); P];
                    for (x, input) in x.iter_mut().zip(inputs) {
                        *x = S::load(input.add(c));
                    }
                    let values = A::input::<S>(x);
                    for (p, &value) in values.iter().enumerate() {
                        S::store(to.add(p * apart + c), value);
                    }
                }
                if whole < channels {
                    let left = channels - whole;
                    let mut x = [S::splat(0.0); P];
                    for (x, input) in x.iter_mut().zip(inputs) {
                        *x = S::load_part(input.add(whole), left);
                    }
                    let values = A::input::<S>(x);
                    for (p, &value) in values.iter().enumerate() {
                        S::store_part(to.add(p * apart + whole), left, value);
                    }
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

pub(super) struct FinishKernel<'a, A, const P: usize, const M: usize>(pub(super) Finish<'a, A>);

impl<A: Scheme<P, M>, const P: usize, const M: usize> Kernel for FinishKernel<'_, A, P, M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self(own) = self;
        let Shape { filters, dilation, outputs, .. } = *own.shape;
        assert!(own.products.len() >= (P - 1) * own.apart + own.places.len() * filters && own.bias.len() == filters);
        for (row, place) in own.places.iter().enumerate() {
            let from = own.products[row * filters..].as_ptr();
            let first = place.position as usize;
            let inside = outputs.saturating_sub(first).div_ceil(dilation).min(M);
            let end = (place.sequence * outputs + first + (inside.max(1) - 1) * dilation + 1) * filters;
            let to = own.y[..end][(place.sequence * outputs + first) * filters..].as_mut_ptr();
            for c in (0..filters).step_by(S::LANES) {
                let left = filters - c;
                // SAFETY: each point has `filters` products in this row, and the outputs inside as much room.
                unsafe {
                    let mut products = [S::splat(0.0); P];
                    for (p, product) in products.iter_mut().enumerate() {
                        *product = load_left::<S>(from.add(p * own.apart + c), left);
                    }
                    let bias = load_left::<S>(own.bias.as_ptr().add(c), left);
                    let sums = A::output::<S>(products);
                    for (i, &sum) in sums.iter().enumerate() {
                        if i >= inside {
                            break;
                        }
                        let mut sum = S::add(sum, bias);
                        if own.then == Activation::Relu {
                            sum = S::max(S::splat(0.0), sum);
                        }
                        S::store_part_or_whole(to.add(i * dilation * filters + c), left, sum);
                    }
                }
            }
        }
    }
}
