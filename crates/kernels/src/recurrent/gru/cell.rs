//! The element-wise part of a step.

use super::super::pass::{Lanes, Pass};
use super::super::rows::{Rows, RowsMut};
use crate::activation::functions::{sigmoid, tanh};
use crate::simd::Simd;

/// One step forward; rows are the examples. Gates are `3 hidden` wide, what is saved `4 hidden`, the rest `hidden`.
pub(super) struct Forward<'a> {
    pub(super) hidden: usize,
    /// The input's share of the gates.
    pub(super) projection: Rows<'a>,
    /// The hidden states' share of the gates.
    pub(super) recurrent: Rows<'a>,
    /// The bias of the input's share; one row for all examples.
    pub(super) bias: Rows<'a>,
    /// The bias of the hidden states' share; one row for all examples.
    pub(super) hidden_bias: Rows<'a>,
    /// Hidden states before, then after.
    pub(super) state: RowsMut<'a>,
    /// Gets the hidden states, too.
    pub(super) y: RowsMut<'a>,
    /// Gets the gates after their functions and the hidden states' share of the candidate.
    pub(super) saved: Option<RowsMut<'a>>,
}

impl Forward<'_> {
    /// The input's share of the gates from `at` on.
    ///
    /// # Safety
    /// That of [`Pass::vector`].
    #[inline(always)]
    unsafe fn input<S: Simd, L: Lanes>(&self, row: usize, at: usize, lanes: L) -> S::F {
        // SAFETY: the caller's.
        unsafe { S::add(lanes.load::<S>(self.projection.at(row, at)), lanes.load::<S>(self.bias.at(0, at))) }
    }

    /// The hidden states' share of the gates from `at` on.
    ///
    /// # Safety
    /// That of [`Pass::vector`].
    #[inline(always)]
    unsafe fn hidden<S: Simd, L: Lanes>(&self, row: usize, at: usize, lanes: L) -> S::F {
        // SAFETY: the caller's.
        unsafe { S::add(lanes.load::<S>(self.recurrent.at(row, at)), lanes.load::<S>(self.hidden_bias.at(0, at))) }
    }
}

impl Pass for Forward<'_> {
    #[inline(always)]
    unsafe fn vector<S: Simd, L: Lanes>(&self, row: usize, column: usize, lanes: L) {
        // SAFETY: the caller's: the row, the units and the instruction set are there.
        unsafe {
            let (second, third) = (self.hidden + column, 2 * self.hidden + column);
            let input = self.input::<S, L>(row, column, lanes);
            let r = sigmoid::<S>(S::add(input, self.hidden::<S, L>(row, column, lanes)));
            let input = self.input::<S, L>(row, second, lanes);
            let z = sigmoid::<S>(S::add(input, self.hidden::<S, L>(row, second, lanes)));
            let q = self.hidden::<S, L>(row, third, lanes);
            let candidate = tanh::<S>(S::fma(r, q, self.input::<S, L>(row, third, lanes)));
            let state = self.state.at(row, column);
            let h = S::fma(z, S::sub(lanes.load::<S>(state), candidate), candidate);
            lanes.store::<S>(state, h);
            lanes.store::<S>(self.y.at(row, column), h);
            if let Some(saved) = &self.saved {
                lanes.store::<S>(saved.at(row, column), r);
                lanes.store::<S>(saved.at(row, second), z);
                lanes.store::<S>(saved.at(row, third), candidate);
                lanes.store::<S>(saved.at(row, 3 * self.hidden + column), q);
            }
        }
    }
}

/// One step backward; rows are the examples. Gates are `3 hidden` wide, what is saved `4 hidden`, the rest `hidden`.
pub(super) struct Backward<'a> {
    pub(super) hidden: usize,
    /// The gates after their functions and the hidden states' share of the candidate, then the gradients of what went
    /// into the gates and of that share.
    pub(super) saved: RowsMut<'a>,
    /// Hidden states before the step.
    pub(super) before: Rows<'a>,
    /// The gradient of the output.
    pub(super) dy: Rows<'a>,
    /// The gradient of the hidden states from the next step, then that for the previous, but for the product.
    pub(super) state: RowsMut<'a>,
    /// Gets the gradients of the hidden states' share of the gates, close together for the product that follows.
    pub(super) compact: RowsMut<'a>,
    /// The gradient of the bias of the input's share; one row for all examples.
    pub(super) bias: RowsMut<'a>,
    /// The gradient of the bias of the hidden states' share; one row for all examples.
    pub(super) hidden_bias: RowsMut<'a>,
}

/// Adds to what lies at `p`.
///
/// # Safety
/// The lanes in use are there and the processor has the instruction set.
#[inline(always)]
unsafe fn add_at<S: Simd, L: Lanes>(p: *mut f32, lanes: L, v: S::F) {
    // SAFETY: the caller's.
    unsafe { lanes.store::<S>(p, S::add(lanes.load::<S>(p), v)) }
}

impl Backward<'_> {
    /// Stores the gradients of what went into the gates from `at` on: `input` of the input's share, `hidden` of the
    /// hidden states' share.
    ///
    /// # Safety
    /// That of [`Pass::vector`].
    #[inline(always)]
    unsafe fn put<S: Simd, L: Lanes>(&self, row: usize, at: usize, lanes: L, input: S::F, hidden: S::F) {
        // SAFETY: the caller's.
        unsafe {
            lanes.store::<S>(self.saved.at(row, at), input);
            lanes.store::<S>(self.compact.at(row, at), hidden);
            add_at::<S, L>(self.bias.at(0, at), lanes, input);
            add_at::<S, L>(self.hidden_bias.at(0, at), lanes, hidden);
        }
    }
}

impl Pass for Backward<'_> {
    #[inline(always)]
    unsafe fn vector<S: Simd, L: Lanes>(&self, row: usize, column: usize, lanes: L) {
        // SAFETY: the caller's: the row, the units and the instruction set are there.
        unsafe {
            let one = S::splat(1.0);
            let (second, third) = (self.hidden + column, 2 * self.hidden + column);
            let share = self.saved.at(row, 3 * self.hidden + column);
            let r = lanes.load::<S>(self.saved.at(row, column));
            let z = lanes.load::<S>(self.saved.at(row, second));
            let candidate = lanes.load::<S>(self.saved.at(row, third));
            let q = lanes.load::<S>(share);

            let state = self.state.at(row, column);
            let dh = S::add(lanes.load::<S>(self.dy.at(row, column)), lanes.load::<S>(state));
            lanes.store::<S>(state, S::mul(dh, z));

            // The derivative of a sigmoid s is s (1 - s), that of a hyperbolic tangent 1 - t^2.
            let keep = S::sub(one, z);
            let dn = S::mul(S::mul(dh, keep), S::sub(one, S::mul(candidate, candidate)));
            let difference = S::sub(lanes.load::<S>(self.before.at(row, column)), candidate);
            let dz = S::mul(S::mul(dh, difference), S::mul(z, keep));
            let dr = S::mul(S::mul(dn, q), S::mul(r, S::sub(one, r)));
            let dq = S::mul(dn, r);
            self.put::<S, L>(row, column, lanes, dr, dr);
            self.put::<S, L>(row, second, lanes, dz, dz);
            self.put::<S, L>(row, third, lanes, dn, dq);
            lanes.store::<S>(share, dq);
        }
    }
}
