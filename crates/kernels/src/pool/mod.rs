//! Pooling over the positions of a sequence, channel by channel.
//!
//! Arrays are `[n, length, channels]` and `[n, outputs, channels]`. Only whole windows count; positions behind the last
//! are left out, and their gradient is zero.

mod average;
mod max;

pub use average::{average_pool, average_pool_gradient, global_average_pool, global_average_pool_gradient};
pub use max::{Place, global_max_pool, global_max_pool_gradient, max_pool, max_pool_gradient};

/// The windows of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Positions in a window.
    pub window: usize,
    /// Positions between the starts of neighbouring windows.
    pub stride: usize,
    /// Positions of a sequence.
    pub length: usize,
    /// Channels of a position.
    pub channels: usize,
}

impl Shape {
    /// One window over all of a sequence.
    fn global(length: usize, channels: usize) -> Self {
        Self { window: length, stride: length, length, channels }
    }

    /// Whole windows in a sequence.
    pub fn outputs(&self) -> usize {
        self.length.checked_sub(self.window).map_or(0, |rest| rest / self.stride + 1)
    }

    /// Whether windows share positions.
    fn overlap(&self) -> bool {
        self.stride < self.window
    }

    /// Sequences in arrays of `x` and `y` numbers.
    #[track_caller]
    fn sequences(&self, x: usize, y: usize) -> usize {
        let least = self.window.min(self.stride).min(self.length).min(self.channels);
        assert!(least > 0, "no size of a pool may be 0: {self:?}");
        let size = self.length.checked_mul(self.channels).filter(|&size| x.is_multiple_of(size));
        assert!(size.is_some(), "{x} values are not sequences of {} x {}", self.length, self.channels);
        let n = x / size.unwrap_or(1);
        // No product overflows: there are no more outputs than positions.
        let expected = n * self.outputs() * self.channels;
        assert_eq!(y, expected, "a pool {self:?} of {n} sequences has {expected} outputs");
        n
    }
}

#[cfg(test)]
mod tests;
