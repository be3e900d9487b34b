//! Rows of numbers that lie a stride apart, checked once and then read and written through pointers.

use super::Shape;
use crate::size::{product, span};
use std::marker::PhantomData;

/// Rows to read.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    start: *const f32,
    stride: usize,
    life: PhantomData<&'a [f32]>,
}

impl<'a> Rows<'a> {
    /// `rows` rows of `width` numbers, `stride` apart; a stride of 0 gives the same row each time.
    pub(super) fn new(values: &'a [f32], rows: usize, stride: usize, width: usize) -> Self {
        assert!(
            span(rows, stride, width) <= values.len(),
            "{rows} rows of {width}, {stride} apart, do not fit in {} numbers",
            values.len()
        );
        Self { start: values.as_ptr(), stride, life: PhantomData }
    }

    /// Where a number lies.
    ///
    /// # Safety
    /// The row and the column are within those that [`Rows::new`] was given.
    #[inline(always)]
    pub(super) unsafe fn at(&self, row: usize, column: usize) -> *const f32 {
        // SAFETY: within the slice, whose length `new` checked.
        unsafe { self.start.add(row * self.stride + column) }
    }
}

/// Rows to read and to write, which nothing else reads or writes while they live.
pub(super) struct RowsMut<'a> {
    start: *mut f32,
    stride: usize,
    life: PhantomData<&'a mut [f32]>,
}

impl<'a> RowsMut<'a> {
    /// `rows` rows of `width` numbers, `stride` apart.
    pub(super) fn new(values: &'a mut [f32], rows: usize, stride: usize, width: usize) -> Self {
        assert!(stride >= width || rows < 2, "rows of {width} numbers overlap when {stride} apart");
        assert!(
            span(rows, stride, width) <= values.len(),
            "{rows} rows of {width}, {stride} apart, do not fit in {} numbers",
            values.len()
        );
        Self { start: values.as_mut_ptr(), stride, life: PhantomData }
    }

    /// Where a number lies.
    ///
    /// # Safety
    /// The row and the column are within those that [`RowsMut::new`] was given.
    #[inline(always)]
    pub(super) unsafe fn at(&self, row: usize, column: usize) -> *mut f32 {
        // SAFETY: within the slice, whose length `new` checked.
        unsafe { self.start.add(row * self.stride + column) }
    }
}

/// Where a direction writes its hidden states: `hidden` columns of a row-major array with one row for each position of
/// each example.
#[derive(Debug)]
pub struct Output<'a> {
    start: *mut f32,
    rows: usize,
    stride: usize,
    width: usize,
    life: PhantomData<&'a mut [f32]>,
}

// SAFETY: an output is the only way to its columns while it lives, as a mutable slice would be.
unsafe impl Send for Output<'_> {}

impl<'a> Output<'a> {
    /// The first `hidden` columns of the rows of `y`, which are `stride` apart; the last row may end with them.
    ///
    /// # Panics
    /// When `stride < hidden`.
    pub fn new(y: &'a mut [f32], stride: usize, hidden: usize) -> Self {
        assert!(stride >= hidden, "rows of {hidden} numbers overlap when {stride} apart");
        let rows = if hidden == 0 || y.len() < hidden { 0 } else { (y.len() - hidden) / stride + 1 };
        Self { start: y.as_mut_ptr(), rows, stride, width: hidden, life: PhantomData }
    }

    /// Both directions of a layer: the first and the second half of each row of `y`, `[rows, 2 hidden]`.
    ///
    /// # Panics
    /// When `y` does not hold whole rows.
    pub fn both(y: &'a mut [f32], hidden: usize) -> (Self, Self) {
        let stride = 2 * hidden;
        assert!(y.len().is_multiple_of(stride.max(1)), "{} numbers are not whole rows of {stride}", y.len());
        let rows = y.len().checked_div(stride).unwrap_or(0);
        let start = y.as_mut_ptr();
        let half = |start| Self { start, rows, stride, width: hidden, life: PhantomData };
        // The offset stays within the rows; with no rows it goes nowhere.
        (half(start), half(start.wrapping_add(if rows == 0 { 0 } else { hidden })))
    }

    /// Asserts room for `n` examples of a shape.
    pub(super) fn check(&self, shape: &Shape, n: usize) {
        assert_eq!(self.width, shape.hidden, "an output of {} columns for {} hidden units", self.width, shape.hidden);
        assert!(
            self.rows >= product(&[n, shape.length]),
            "{n} examples of {} do not fit in {} rows",
            shape.length,
            self.rows
        );
    }

    /// The rows of a position, one for each of `n` examples that [`Output::check`] has seen.
    pub(super) fn position(&mut self, shape: &Shape, n: usize, position: usize) -> RowsMut<'_> {
        debug_assert!(n == 0 || (n - 1) * shape.length + position < self.rows);
        let start = self.start.wrapping_add(position * self.stride);
        RowsMut { start, stride: shape.length * self.stride, life: PhantomData }
    }
}
