//! Scratch memory that starts on a cache line, so that no vector of a table straddles two.

/// One cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Zeroed numbers from a cache line on.
#[derive(Debug)]
pub(super) struct Aligned(Vec<Line>);

impl Aligned {
    /// At least `length` zeros.
    pub(super) fn zeros(length: usize) -> Self {
        Self(vec![Line([0.0; 16]); length.div_ceil(16)])
    }

    /// All numbers.
    pub(super) fn numbers(&self) -> &[f32] {
        // SAFETY: lines are arrays of 16 numbers without padding, side by side.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * 16) }
    }

    /// All numbers, to change.
    pub(super) fn numbers_mut(&mut self) -> &mut [f32] {
        // SAFETY: lines are arrays of 16 numbers without padding, side by side; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * 16) }
    }
}
