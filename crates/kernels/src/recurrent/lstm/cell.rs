//! The element-wise part of a step.

use super::super::pass::{Lanes, Pass};
use super::super::rows::{Rows, RowsMut};
use crate::activation::functions::{sigmoid, tanh};
use crate::simd::Simd;

/// One step forward; rows are the examples. Gates are `4 hidden` wide, the rest `hidden`.
pub(super) struct Forward<'a> {
    pub(super) hidden: usize,
    /// The input's share of the gates.
    pub(super) projection: Rows<'a>,
    /// The hidden states' share of the gates.
    pub(super) recurrent: Rows<'a>,
    /// One row for all examples.
    pub(super) bias: Rows<'a>,
    /// Cell states before, then after.
    pub(super) cell: RowsMut<'a>,
    /// Gets the hidden states.
    pub(super) state: RowsMut<'a>,
    /// Gets the hidden states, too.
    pub(super) y: RowsMut<'a>,
    /// Gets the gates after their functions, and the cell states.
    pub(super) saved: Option<(RowsMut<'a>, RowsMut<'a>)>,
}

impl Forward<'_> {
    /// What goes into the gates from `at` on.
    ///
    /// # Safety
    /// That of [`Pass::vector`].
    #[inline(always)]
    unsafe fn sum<S: Simd, L: Lanes>(&self, row: usize, at: usize, lanes: L) -> S::F {
        // SAFETY: the caller's.
        unsafe {
            let input = lanes.load::<S>(self.projection.at(row, at));
            let input = S::add(input, lanes.load::<S>(self.bias.at(0, at)));
            S::add(input, lanes.load::<S>(self.recurrent.at(row, at)))
        }
    }
}

impl Pass for Forward<'_> {
    #[inline(always)]
    unsafe fn vector<S: Simd, L: Lanes>(&self, row: usize, column: usize, lanes: L) {
        // SAFETY: the caller's: the row, the units and the instruction set are there.
        unsafe {
            let i = sigmoid::<S>(self.sum::<S, L>(row, column, lanes));
            let f = sigmoid::<S>(self.sum::<S, L>(row, self.hidden + column, lanes));
            let g = tanh::<S>(self.sum::<S, L>(row, 2 * self.hidden + column, lanes));
            let o = sigmoid::<S>(self.sum::<S, L>(row, 3 * self.hidden + column, lanes));
            let cell = self.cell.at(row, column);
            let c = S::fma(f, lanes.load::<S>(cell), S::mul(i, g));
            let h = S::mul(o, tanh::<S>(c));
            lanes.store::<S>(cell, c);
            lanes.store::<S>(self.state.at(row, column), h);
            lanes.store::<S>(self.y.at(row, column), h);
            if let Some((gates, cells)) = &self.saved {
                lanes.store::<S>(gates.at(row, column), i);
                lanes.store::<S>(gates.at(row, self.hidden + column), f);
                lanes.store::<S>(gates.at(row, 2 * self.hidden + column), g);
                lanes.store::<S>(gates.at(row, 3 * self.hidden + column), o);
                lanes.store::<S>(cells.at(row, column), c);
            }
        }
    }
}

/// One step backward; rows are the examples. Gates are `4 hidden` wide, the rest `hidden`.
pub(super) struct Backward<'a> {
    pub(super) hidden: usize,
    /// The gates after their functions, then the gradients of what went into these.
    pub(super) gates: RowsMut<'a>,
    /// Cell states after the step.
    pub(super) after: Rows<'a>,
    /// Cell states before the step.
    pub(super) before: Rows<'a>,
    /// The gradient of the output.
    pub(super) dy: Rows<'a>,
    /// The gradient of the hidden states from the next step.
    pub(super) state: Rows<'a>,
    /// The gradient of the cell states from the next step, then that for the previous.
    pub(super) cell: RowsMut<'a>,
    /// Gets the gradients of the gates, too, close together for the product that follows.
    pub(super) compact: RowsMut<'a>,
    /// The gradient of the bias; one row for all examples.
    pub(super) bias: RowsMut<'a>,
}

impl Backward<'_> {
    /// Stores the gradients of what went into the gates from `at` on.
    ///
    /// # Safety
    /// That of [`Pass::vector`].
    #[inline(always)]
    unsafe fn put<S: Simd, L: Lanes>(&self, row: usize, at: usize, lanes: L, gradient: S::F) {
        // SAFETY: the caller's.
        unsafe {
            lanes.store::<S>(self.gates.at(row, at), gradient);
            lanes.store::<S>(self.compact.at(row, at), gradient);
            let bias = self.bias.at(0, at);
            lanes.store::<S>(bias, S::add(lanes.load::<S>(bias), gradient));
        }
    }
}

impl Pass for Backward<'_> {
    #[inline(always)]
    unsafe fn vector<S: Simd, L: Lanes>(&self, row: usize, column: usize, lanes: L) {
        // SAFETY: the caller's: the row, the units and the instruction set are there.
        unsafe {
            let one = S::splat(1.0);
            let i = lanes.load::<S>(self.gates.at(row, column));
            let f = lanes.load::<S>(self.gates.at(row, self.hidden + column));
            let g = lanes.load::<S>(self.gates.at(row, 2 * self.hidden + column));
            let o = lanes.load::<S>(self.gates.at(row, 3 * self.hidden + column));
            let t = tanh::<S>(lanes.load::<S>(self.after.at(row, column)));
            let cell = self.cell.at(row, column);

            let dh = S::add(lanes.load::<S>(self.dy.at(row, column)), lanes.load::<S>(self.state.at(row, column)));
            let dc = S::fma(S::mul(dh, o), S::sub(one, S::mul(t, t)), lanes.load::<S>(cell));
            lanes.store::<S>(cell, S::mul(dc, f));

            // The derivative of a sigmoid s is s (1 - s), that of a hyperbolic tangent 1 - t^2.
            let di = S::mul(S::mul(dc, g), S::mul(i, S::sub(one, i)));
            let df = S::mul(S::mul(dc, lanes.load::<S>(self.before.at(row, column))), S::mul(f, S::sub(one, f)));
            let dg = S::mul(S::mul(dc, i), S::sub(one, S::mul(g, g)));
            let d_o = S::mul(S::mul(dh, t), S::mul(o, S::sub(one, o)));
            self.put::<S, L>(row, column, lanes, di);
            self.put::<S, L>(row, self.hidden + column, lanes, df);
            self.put::<S, L>(row, 2 * self.hidden + column, lanes, dg);
            self.put::<S, L>(row, 3 * self.hidden + column, lanes, d_o);
        }
    }
}
