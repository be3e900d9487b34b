//! How a call goes about its work: taps in groups, filters in blocks, symbols as offsets of rows.

use super::Shape;
use super::aligned::Aligned;

/// Vectors of filters that are worked on together.
pub(super) const BLOCK: usize = 4;
/// Up to so many symbols, two taps share a table of all their pairs.
const PAIRED_SYMBOLS: usize = 7;
/// Pairs pay from so many outputs on; of a sequence, so that its sums are the same in any company.
pub const PAIRED_OUTPUTS: usize = 32;

/// The layout of the tables of one call, `[block, row, group, filter of the block]`.
///
/// A group is one tap or two neighbouring ones; its rows are the symbols, or the pairs of symbols, each with one more
/// symbol that stands for "none": before the sequence, behind it, or not a symbol at all. Its rows are zero, so the
/// loops know no borders.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    shape: Shape,
    /// Taps in a group: 1 or 2.
    taps: usize,
    pub(super) groups: usize,
    /// Rows of a group.
    pub(super) rows: usize,
    pub(super) lanes: usize,
    /// Vectors that hold the filters.
    vectors: usize,
    /// Vectors in a block; the last may hold fewer.
    pub(super) block: usize,
}

impl Plan {
    pub(super) fn new(shape: &Shape, lanes: usize) -> Self {
        let pairs = shape.symbols <= PAIRED_SYMBOLS && shape.width > 1 && shape.outputs >= PAIRED_OUTPUTS;
        let taps = if pairs { 2 } else { 1 };
        let vectors = shape.filters.div_ceil(lanes);
        Self {
            shape: *shape,
            taps,
            groups: shape.width.div_ceil(taps),
            rows: (shape.symbols + 1).pow(taps as u32),
            lanes,
            vectors,
            block: vectors.div_ceil(vectors.div_ceil(BLOCK)),
        }
    }

    /// Numbers in a row of the table.
    pub(super) fn row(&self) -> usize {
        self.block * self.lanes
    }

    /// Numbers of one block in the table.
    pub(super) fn block_size(&self) -> usize {
        self.groups * self.rows * self.row()
    }

    /// First filter, vectors and filters of each block.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (usize, usize, usize)> + '_ {
        (0..self.vectors).step_by(self.block).map(|first| {
            let vectors = self.block.min(self.vectors - first);
            let start = first * self.lanes;
            (start, vectors, (vectors * self.lanes).min(self.shape.filters - start))
        })
    }

    /// A table of zeros.
    pub(super) fn zeros(&self) -> Aligned {
        let blocks = self.vectors.div_ceil(self.block);
        let size = self.block_size().checked_mul(blocks).filter(|&size| size < isize::MAX as usize / 8);
        assert!(size.is_some(), "the table of {:?} is beyond all memory", self.shape);
        Aligned::zeros(size.unwrap_or(0))
    }

    /// Where a tap and symbol enter the rows of a group: calls `f` with the table row `tap * symbols + symbol` and the
    /// row `row * groups + group` of every pair that it is part of.
    fn members(&self, mut f: impl FnMut(usize, usize)) {
        let Shape { symbols, width, .. } = self.shape;
        for tap in 0..width {
            let (group, second) = (tap / self.taps, self.taps == 2 && tap % 2 == 1);
            for symbol in 0..symbols {
                let others = if self.taps == 2 { symbols + 1 } else { 1 };
                for other in 0..others {
                    let row = match (self.taps, second) {
                        (1, _) => symbol,
                        (_, false) => symbol * (symbols + 1) + other,
                        (_, true) => other * (symbols + 1) + symbol,
                    };
                    f(tap * symbols + symbol, row * self.groups + group);
                }
            }
        }
    }

    /// The sums of table rows of every group, from a table `[width, symbols, filters]`.
    pub(super) fn combine(&self, table: &[f32]) -> Aligned {
        let mut combined = self.zeros();
        let (filters, row) = (self.shape.filters, self.row());
        for ((start, _, count), block) in self.blocks().zip(combined.numbers_mut().chunks_exact_mut(self.block_size()))
        {
            self.members(|from, to| {
                let from = &table[from * filters + start..][..count];
                block[to * row..][..count].iter_mut().zip(from).for_each(|(to, from)| *to += from);
            });
        }
        combined
    }

    /// The transpose of [`Plan::combine`]: adds the gradient of the combined table to that of the table.
    pub(super) fn fold(&self, combined: &Aligned, dtable: &mut [f32]) {
        let (filters, row) = (self.shape.filters, self.row());
        for ((start, _, count), block) in self.blocks().zip(combined.numbers().chunks_exact(self.block_size())) {
            self.members(|to, from| {
                let from = &block[from * row..][..count];
                dtable[to * filters + start..][..count].iter_mut().zip(from).for_each(|(to, from)| *to += from);
            });
        }
    }

    /// Positions between the first taps of neighbouring groups.
    pub(super) fn step(&self) -> usize {
        self.taps * self.shape.dilation
    }

    /// For every position from the first zero on the left, where its row of the first group begins.
    pub(super) fn offsets(&self, codes: &[u8], offsets: &mut Vec<u32>) {
        let Shape { symbols, dilation, left, stride, outputs, .. } = self.shape;
        let size = (outputs - 1) * stride + (self.groups - 1) * self.step() + 1;
        let code = |position: usize| {
            let code = position.checked_sub(left).and_then(|p| codes.get(p)).map_or(symbols, |&code| usize::from(code));
            code.min(symbols)
        };
        offsets.clear();
        offsets.extend((0..size).map(|position| {
            let row = match self.taps {
                1 => code(position),
                _ => code(position) * (symbols + 1) + code(position + dilation),
            };
            (row * self.groups * self.row()) as u32
        }));
    }
}
