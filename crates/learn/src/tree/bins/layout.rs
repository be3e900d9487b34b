//! How bins lie in memory.

use super::by_column::ByColumn;
use super::edges::Edges;
use crate::Features;
use rayon::prelude::*;
use std::ops::Range;

/// Below this share of numbers other than 0, bins of all rows cost more time than those outside the bin of 0.
const SPARSE_SHARE: f64 = 0.4;
/// Features of a dense matrix whose histograms are filled by one thread.
const DENSE_GROUP: usize = 8;
/// Blocks of a sparse matrix, about; each has one number a row beside its bins.
const BLOCKS: usize = 16;
const BLOCK_FEATURES: usize = 32;

/// Which form is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Whichever is faster where all features of a node are looked at.
    ByShare,
    /// For a search that looks at few features of a node: a byte for every number while these are not more than so many,
    /// else columns of what is in another bin than that of 0.
    DenseUpTo(usize),
    /// Blocks whatever the share.
    #[cfg(test)]
    Blocks,
}

#[derive(Clone, Debug)]
pub(super) enum Store {
    /// Column after column, a byte a row.
    Dense(Vec<u8>),
    /// Blocks of columns, row after row: fast where all features of a node are looked at.
    Sparse(Vec<Block>),
    /// Column after column: fast where few are.
    Columns(ByColumn),
}

/// The bins of some columns, without those of 0.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// First feature.
    pub(crate) first: usize,
    starts: Vec<usize>,
    /// Bins, counted through all features of the block; ascending in a row.
    slots: Vec<u16>,
}

impl Block {
    /// The slots of a row.
    #[inline(always)]
    pub(crate) fn row(&self, row: u32) -> &[u16] {
        &self.slots[self.starts[row as usize]..self.starts[row as usize + 1]]
    }

    /// The slot of a row among those of one feature.
    pub(super) fn find(&self, row: u32, slots: &Range<usize>) -> Option<usize> {
        let own = self.row(row);
        let place = own.partition_point(|&slot| usize::from(slot) < slots.start);
        own.get(place).map(|&slot| usize::from(slot)).filter(|slot| slots.contains(slot))
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.starts.len() * size_of::<usize>() + self.slots.len() * 2
    }
}

impl Store {
    pub(super) fn new(features: &Features, edges: &[Edges], offsets: &[usize], layout: Layout) -> Self {
        let cells = features.rows() * features.columns();
        let dense = match layout {
            Layout::DenseUpTo(most) => cells <= most || (!features.is_sparse() && cells <= 4 * most),
            #[cfg(test)]
            Layout::Blocks => false,
            Layout::ByShare => {
                let share = |row| features.row(row).filter(|&(_, value)| value != 0.0).count();
                let filled: usize = (0..features.rows()).into_par_iter().map(share).sum();
                filled as f64 >= SPARSE_SHARE * cells as f64
            }
        };
        if dense {
            Self::Dense(dense_bins(features, edges))
        } else if matches!(layout, Layout::DenseUpTo(_)) {
            Self::Columns(ByColumn::new(features, edges))
        } else {
            let blocks = cut(edges.len(), offsets);
            Self::Sparse(blocks.into_par_iter().map(|columns| block(features, edges, offsets, columns)).collect())
        }
    }

    pub(super) fn groups(&self, features: usize) -> Vec<Range<usize>> {
        match self {
            Self::Dense(_) | Self::Columns(_) => {
                (0..features).step_by(DENSE_GROUP).map(|first| first..(first + DENSE_GROUP).min(features)).collect()
            }
            Self::Sparse(blocks) => {
                let ends = blocks.iter().skip(1).map(|block| block.first).chain([features]);
                blocks.iter().zip(ends).map(|(block, end)| block.first..end).collect()
            }
        }
    }
}

fn dense_bins(features: &Features, edges: &[Edges]) -> Vec<u8> {
    let rows = features.rows();
    let mut bytes = vec![0; rows * edges.len()];
    if features.is_sparse() {
        for (column, own) in bytes.chunks_mut(rows.max(1)).zip(edges) {
            column.fill(own.zero);
        }
        for row in 0..rows {
            features.row(row).for_each(|(column, value)| bytes[column * rows + row] = edges[column].bin(value));
        }
        return bytes;
    }
    // As many columns at a time as a cache line of the features holds.
    bytes.par_chunks_mut(16 * rows.max(1)).enumerate().for_each(|(chunk, bytes)| {
        for row in 0..rows {
            for (place, own) in edges[chunk * 16..].iter().take(16).enumerate() {
                bytes[place * rows + row] = own.bin(features.get(row, chunk * 16 + place));
            }
        }
    });
    bytes
}

/// Blocks of features whose bins can be counted in 16 bits.
fn cut(features: usize, offsets: &[usize]) -> Vec<Range<usize>> {
    let most = features.div_ceil(BLOCKS).max(BLOCK_FEATURES);
    let mut blocks: Vec<Range<usize>> = Vec::new();
    for feature in 0..features {
        match blocks.last_mut() {
            Some(last) if last.len() < most && offsets[feature + 1] - offsets[last.start] <= 1 << 16 => last.end += 1,
            _ => blocks.push(feature..feature + 1),
        }
    }
    blocks
}

fn block(features: &Features, edges: &[Edges], offsets: &[usize], columns: Range<usize>) -> Block {
    let (mut starts, mut slots) = (Vec::with_capacity(features.rows() + 1), Vec::new());
    starts.push(0);
    for row in 0..features.rows() {
        let own = features.row(row).skip_while(|(column, _)| *column < columns.start);
        for (column, value) in own.take_while(|(column, _)| *column < columns.end) {
            let bin = edges[column].bin(value);
            if bin != edges[column].zero {
                slots.push((offsets[column] - offsets[columns.start] + usize::from(bin)) as u16);
            }
        }
        starts.push(slots.len());
    }
    slots.shrink_to_fit();
    Block { first: columns.start, starts, slots }
}
