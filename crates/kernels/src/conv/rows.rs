//! Windows over sequences as rows of a product.

use crate::matrix::Left;
use crate::size::product;

/// Most rows of a tile.
const MOST: usize = 8;

/// How outputs see positions: output `o` sees `(o * multiply + tap * dilation - left) / divide` where that is whole and
/// inside the sequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub(super) multiply: usize,
    pub(super) divide: usize,
    pub(super) dilation: usize,
    pub(super) left: isize,
    /// Windows of a sequence.
    pub(super) outputs: usize,
    /// Positions of a sequence.
    pub(super) length: usize,
    /// Floats between two positions.
    pub(super) stride: usize,
    /// First channel that is seen.
    pub(super) offset: usize,
    /// Channels that are seen.
    pub(super) channels: usize,
}

/// The windows of several sequences, one after another.
#[derive(Clone, Copy, Debug)]
pub(super) struct WindowRows {
    windows: Windows,
    values: *const f32,
    zeros: *const f32,
}

impl WindowRows {
    /// Windows over `n` sequences in `values`; `zeros` holds a position's channels.
    pub(super) fn new(windows: Windows, n: usize, values: &[f32], zeros: &[f32]) -> Self {
        assert!(values.len() >= product(&[n, windows.length, windows.stride]) && zeros.len() >= windows.channels);
        Self { windows, values: values.as_ptr(), zeros: zeros.as_ptr() }
    }
}

/// A tile's rows: the sequence and the first seen position (times `divide`) of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile {
    sequence: [*const f32; MOST],
    first: [isize; MOST],
}

// SAFETY: a piece lies in a position that was checked to be inside the sequence, or in `zeros`; rows beyond the tile
// repeat its last one.
unsafe impl Left for WindowRows {
    type Tile = Tile;

    #[inline(always)]
    fn tile(&self, first: usize, rows: usize) -> Tile {
        let w = &self.windows;
        let mut tile = Tile { sequence: [self.values; MOST], first: [0; MOST] };
        let (mut sequence, mut output) = (first / w.outputs, first % w.outputs);
        for r in 0..MOST {
            tile.sequence[r] = self.values.wrapping_add(sequence * w.length * w.stride + w.offset);
            tile.first[r] = (output * w.multiply) as isize - w.left;
            if r + 1 < rows {
                output += 1;
                if output == w.outputs {
                    (sequence, output) = (sequence + 1, 0);
                }
            }
        }
        tile
    }

    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "the rows of three arrays")]
    fn piece<const R: usize>(&self, tile: &Tile, from: usize, to: usize, at: &mut [*const f32; R]) -> (usize, bool) {
        let w = &self.windows;
        let (tap, channel) = (from / w.channels, from % w.channels);
        // Neighbouring positions follow each other in memory, so a stretch of taps that is inside for all rows is one piece.
        if w.dilation == 1 && w.divide == 1 && w.stride == w.channels {
            let last = (to - 1) / w.channels;
            let inside = |first: isize| first + tap as isize >= 0 && first + (last as isize) < w.length as isize;
            if (0..R).all(|r| inside(tile.first[r])) {
                for r in 0..R {
                    at[r] = tile.sequence[r]
                        .wrapping_offset((tile.first[r] + tap as isize) * w.stride as isize + channel as isize);
                }
                return (to - from, false);
            }
        }
        let mut zero = true;
        for r in 0..R {
            let seen = tile.first[r] + (tap * w.dilation) as isize;
            let (position, whole) = if w.divide == 1 {
                (seen, true)
            } else {
                (seen.div_euclid(w.divide as isize), seen.rem_euclid(w.divide as isize) == 0)
            };
            at[r] = if whole && position >= 0 && position < w.length as isize {
                zero = false;
                tile.sequence[r].wrapping_add(position as usize * w.stride + channel)
            } else {
                self.zeros.wrapping_add(channel)
            };
        }
        ((w.channels - channel).min(to - from), zero)
    }
}
