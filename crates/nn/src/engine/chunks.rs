//! How a batch is cut into pieces of work. Only shapes decide, never the number of threads.

use std::cell::RefCell;

/// Positions that make a piece of work worth its overhead.
const POSITIONS: usize = 256;
/// A batch is cut into at least as many pieces, where it has as many examples.
const PIECES: usize = 16;
/// Partial sums of gradients, at most.
const GROUPS: usize = 16;
/// Numbers in all partial sums of a gradient together, at most.
const PARTIAL: usize = 1 << 24;

/// Examples in a piece of work that writes examples apart from each other.
pub(super) fn examples(n: usize, length: usize) -> usize {
    POSITIONS.div_ceil(length.max(1)).min(n.div_ceil(PIECES)).max(1)
}

/// Examples whose gradient of `size` numbers is summed by one thread.
pub(super) fn group(n: usize, size: usize) -> usize {
    let groups = (PARTIAL / size.max(1)).clamp(2, GROUPS);
    n.div_ceil(groups).max(1)
}

thread_local! {
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Working memory of this thread: `length` numbers of any value. Not to be nested.
pub(super) fn with_scratch<T>(length: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    SCRATCH.with_borrow_mut(|memory| {
        if memory.len() < length {
            memory.resize(length, 0.0);
        }
        work(&mut memory[..length])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_neither_many_nor_few() {
        assert_eq!(examples(32, 2114), 1);
        assert_eq!(examples(128, 6), 8);
        assert_eq!(examples(4096, 6), 43);
        assert_eq!((examples(0, 5), examples(3, 0)), (1, 1));
        assert_eq!(group(128, 1000), 8);
        assert_eq!(group(128, 1 << 23), 64);
        assert_eq!(group(1, 10), 1);
    }
}
