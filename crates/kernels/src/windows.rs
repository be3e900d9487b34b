//! Windows of a sequence whose columns cost little: the filter in front of a motif scan.
//!
//! A column of a motif is a table of what each base costs. The cost of a window is the sum over its columns, and 255
//! stands for all that is more, so that a vector of bytes holds as many windows as it has lanes.

use crate::Level;
use crate::simd::{ByteKernel, Bytes, dispatch_bytes};

/// Vectors of windows whose sums are kept in registers at a time.
const VECTORS: usize = 4;

/// Appends to `found`, in order, the start of each window of `columns.len()` codes that costs at most `limit`, where the
/// cost is the sum of `columns[j][codes[start + j]]`, 255 at most. Without columns, or with more than codes, there is no
/// window.
///
/// # Panics
/// If a code is above 15 or there are 2^32 codes or more.
pub fn cheap_windows(level: Level, codes: &[u8], columns: &[[u8; 16]], limit: u8, found: &mut Vec<u32>) {
    assert!(u32::try_from(codes.len()).is_ok(), "starts are counted with 32 bits");
    assert!(codes.iter().fold(0, |all, &code| all | code) < 16, "a table has 16 entries");
    if columns.is_empty() || columns.len() > codes.len() {
        return;
    }
    dispatch_bytes(level, Search { codes, columns, limit, found });
}

struct Search<'a> {
    codes: &'a [u8],
    columns: &'a [[u8; 16]],
    limit: u8,
    found: &'a mut Vec<u32>,
}

impl ByteKernel for Search<'_> {
    #[inline(always)]
    unsafe fn run<B: Bytes>(self) {
        let Self { codes, columns, limit, found } = self;
        let windows = codes.len() - columns.len() + 1;
        let block = VECTORS * B::LANES;
        let mut start = 0;
        while start + block <= windows {
            // SAFETY: the caller has the instruction set. The last byte read is of the last column of the block's last
            // window, which is `start + block - 1 + columns.len() - 1 < codes.len()`.
            let sums = unsafe {
                let mut sums = [B::zero(); VECTORS];
                for (j, row) in columns.iter().enumerate() {
                    let table = B::table(row);
                    let from = codes.as_ptr().add(start + j);
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = B::add(*sum, B::look_up(table, B::load(from.add(v * B::LANES))));
                    }
                }
                sums
            };
            for (v, sum) in sums.into_iter().enumerate() {
                // SAFETY: the caller has the instruction set.
                let mut bits = unsafe { B::at_most(sum, limit) };
                while bits != 0 {
                    found.push((start + v * B::LANES) as u32 + bits.trailing_zeros());
                    bits &= bits - 1;
                }
            }
            start += block;
        }
        for start in start..windows {
            if cost(&codes[start..], columns) <= limit {
                found.push(start as u32);
            }
        }
    }
}

/// The cost of the first window.
fn cost(codes: &[u8], columns: &[[u8; 16]]) -> u8 {
    columns.iter().zip(codes).fold(0, |sum: u8, (column, &code)| sum.saturating_add(column[usize::from(code & 15)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(level: Level, codes: &[u8], columns: &[[u8; 16]], limit: u8) -> Vec<u32> {
        let mut found = Vec::new();
        cheap_windows(level, codes, columns, limit, &mut found);
        found
    }

    /// The definition, in numbers that do not overflow.
    fn naive(codes: &[u8], columns: &[[u8; 16]], limit: u8) -> Vec<u32> {
        let cost = |window: &[u8]| window.iter().zip(columns).map(|(&c, t)| u32::from(t[usize::from(c)])).sum::<u32>();
        let cheap = |window: &[u8]| cost(window).min(255) <= u32::from(limit);
        let windows = codes.windows(columns.len()).enumerate();
        windows.filter(|(_, window)| cheap(window)).map(|(start, _)| start as u32).collect()
    }

    proptest! {
        #[test]
        fn windows_are_those_of_the_definition_at_every_level(
            codes in proptest::collection::vec(0_u8..6, 0..700),
            columns in proptest::collection::vec(any::<[u8; 16]>(), 1..30),
            limit: u8,
            scale in 1_u8..64,
        ) {
            let columns: Vec<[u8; 16]> = columns.iter().map(|row| row.map(|cost| cost / scale)).collect();
            for level in Level::available() {
                prop_assert_eq!(all(level, &codes, &columns, limit), naive(&codes, &columns, limit), "{}", level);
            }
        }
    }

    #[test]
    fn the_first_and_the_last_window_are_looked_at_and_nothing_beyond() {
        let mut column = [1; 16];
        column[0] = 0;
        for level in Level::available() {
            for length in [3, 64, 65, 255, 256, 257, 258, 259, 600] {
                let mut codes = vec![1; length];
                codes[..3].fill(0);
                codes[length - 3..].fill(0);
                let mut expected = vec![0, length as u32 - 3];
                expected.dedup();
                assert_eq!(all(level, &codes, &[column; 3], 0), expected, "{level}, {length}");
            }
            assert!(all(level, &[0, 0], &[column; 3], 255).is_empty());
            assert!(all(level, &[], &[column; 3], 255).is_empty() && all(level, &[0, 0], &[], 255).is_empty());
        }
    }
}
