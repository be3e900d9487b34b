//! Features as bins: one byte a number, or for wide sparse features two to five bytes a number outside the bin of 0.

mod by_column;
mod edges;
mod layout;

pub(super) use edges::{SAME, between, choose};
pub(super) use layout::{Block, Layout};

use super::TreeError;
use super::statistics::{Units, add, subtract};
use crate::Features;
use edges::Edges;
use layout::Store;
use std::ops::Range;

/// The bin of every number of a feature matrix.
///
/// The bins of a feature are numbered upwards by value; a value that equals an edge is below it. NaN has a bin of its
/// own, the last, if the feature has any.
#[derive(Clone, Debug)]
pub(super) struct Binned {
    rows: usize,
    edges: Vec<Edges>,
    /// Bins before each feature, and of all.
    offsets: Vec<usize>,
    groups: Vec<Range<usize>>,
    store: Store,
}

impl Binned {
    /// At most `most` bins (2 to 255) a feature, and one for NaN.
    ///
    /// # Errors
    /// If a number is infinite.
    pub(super) fn new(features: &Features, most: usize, layout: Layout, seed: u64) -> Result<Self, TreeError> {
        Ok(Self::of(features, edges::all(features, most, seed)?, layout))
    }

    /// A bin for every value, and which features have them: those with at most 255 values that can be told apart. All
    /// numbers of the others are in one bin.
    ///
    /// # Errors
    /// If a number is infinite.
    pub(super) fn exact(features: &Features) -> Result<(Self, Vec<bool>), TreeError> {
        let edges = edges::exact(features, 255)?;
        let has = edges.iter().map(Option::is_some).collect();
        let edges = edges.into_iter().map(Option::unwrap_or_default).collect();
        Ok((Self::of(features, edges, Layout::ByShare), has))
    }

    fn of(features: &Features, edges: Vec<Edges>, layout: Layout) -> Self {
        let mut offsets = vec![0];
        for own in &edges {
            offsets.push(offsets[offsets.len() - 1] + own.bins());
        }
        let store = Store::new(features, &edges, &offsets, layout);
        let groups = store.groups(edges.len());
        Self { rows: features.rows(), edges, offsets, groups, store }
    }

    pub(super) fn features(&self) -> usize {
        self.edges.len()
    }

    /// Bins of a feature, with that of NaN.
    pub(super) fn bins(&self, feature: usize) -> usize {
        self.edges[feature].bins()
    }

    /// Bins of all features.
    pub(super) fn all_bins(&self) -> usize {
        self.offsets[self.features()]
    }

    /// Where a feature's bins lie among all.
    pub(super) fn place(&self, feature: usize) -> Range<usize> {
        self.offsets[feature]..self.offsets[feature + 1]
    }

    pub(super) fn has_missing(&self, feature: usize) -> bool {
        self.edges[feature].missing
    }

    /// Features whose histograms are filled together.
    pub(super) fn groups(&self) -> &[Range<usize>] {
        &self.groups
    }

    /// Where to split a feature of a node that has rows in `bin`, next in `after`, and none between; see [`Edges::settle`].
    pub(super) fn settle(&self, feature: usize, bin: usize, after: Option<usize>) -> (usize, f32) {
        self.edges[feature].settle(bin, after)
    }

    /// Fills the histograms of a group's `wanted` features. `ordered` holds the statistics of `rows`, which ascend; `histogram` begins
    /// with the group's first feature.
    pub(super) fn fill_group(
        &self,
        group: &Range<usize>,
        wanted: &[bool],
        (rows, ordered, total): (&[u32], &[i64], &[i64]),
        histogram: &mut [i64],
    ) {
        let lanes = total.len();
        let first = self.offsets[group.start];
        histogram.fill(0);
        match &self.store {
            Store::Dense(bytes) => {
                for feature in group.clone().filter(|&feature| wanted[feature]) {
                    let own = self.place(feature);
                    let column = &bytes[feature * self.rows..(feature + 1) * self.rows];
                    let out = &mut histogram[(own.start - first) * lanes..(own.end - first) * lanes];
                    super::histogram::add_column(column, rows, ordered, lanes, out);
                }
            }
            Store::Sparse(blocks) => {
                if let Some(block) = blocks.iter().find(|block| block.first == group.start) {
                    super::histogram::add_slots(block, rows, ordered, lanes, histogram);
                }
                for feature in group.clone() {
                    let own = self.place(feature);
                    let out = &mut histogram[(own.start - first) * lanes..(own.end - first) * lanes];
                    self.fill_zero(feature, total, out);
                }
            }
            Store::Columns(_) => {
                for feature in group.clone().filter(|&feature| wanted[feature]) {
                    let own = self.place(feature);
                    let out = &mut histogram[(own.start - first) * lanes..(own.end - first) * lanes];
                    self.fill_feature(feature, rows, ordered, total, out);
                }
            }
        }
    }

    /// The histogram of one feature.
    pub(super) fn fill_feature(&self, feature: usize, rows: &[u32], ordered: &[i64], total: &[i64], out: &mut [i64]) {
        let lanes = total.len();
        out.fill(0);
        match &self.store {
            Store::Dense(bytes) => {
                let column = &bytes[feature * self.rows..(feature + 1) * self.rows];
                super::histogram::add_column(column, rows, ordered, lanes, out);
            }
            Store::Sparse(blocks) => {
                let (block, slots) = self.block(blocks, feature);
                for (&row, own) in rows.iter().zip(ordered.chunks_exact(lanes)) {
                    if let Some(slot) = block.find(row, &slots) {
                        add(&mut out[(slot - slots.start) * lanes..][..lanes], own);
                    }
                }
                self.fill_zero(feature, total, out);
            }
            Store::Columns(columns) => {
                columns.visit(feature, rows, |place, bin| {
                    add(&mut out[bin * lanes..][..lanes], &ordered[place * lanes..][..lanes]);
                });
                self.fill_zero(feature, total, out);
            }
        }
    }

    /// What is in no other bin is in that of 0.
    fn fill_zero(&self, feature: usize, total: &[i64], out: &mut [i64]) {
        let lanes = total.len();
        let mut rest = total.to_vec();
        out.chunks_exact(lanes).for_each(|own| subtract(&mut rest, own));
        out[self.edges[feature].zero as usize * lanes..][..lanes].copy_from_slice(&rest);
    }

    fn block<'a>(&self, blocks: &'a [Block], feature: usize) -> (&'a Block, Range<usize>) {
        let place = blocks.partition_point(|block| block.first <= feature) - 1;
        let first = self.offsets[blocks[place].first];
        let own = self.place(feature);
        (&blocks[place], own.start - first..own.end - first)
    }

    /// Puts rows whose bin is at most `bin` first, and NaN's by `missing_left`; keeps the order on both sides. Gives
    /// their number.
    pub(super) fn partition(
        &self,
        feature: usize,
        (bin, missing_left): (usize, bool),
        rows: &mut [u32],
        scratch: &mut Vec<u32>,
    ) -> usize {
        let missing = if self.has_missing(feature) { self.bins(feature) - 1 } else { usize::MAX };
        let is_left = |own: usize| if own == missing { missing_left } else { own <= bin };
        match &self.store {
            Store::Dense(bytes) => {
                let column = &bytes[feature * self.rows..(feature + 1) * self.rows];
                super::grow::partition(rows, scratch, |row| is_left(column[row as usize] as usize))
            }
            Store::Sparse(blocks) => {
                let (block, slots) = self.block(blocks, feature);
                let zero = self.edges[feature].zero as usize;
                super::grow::partition(rows, scratch, |row| {
                    is_left(block.find(row, &slots).map_or(zero, |slot| slot - slots.start))
                })
            }
            Store::Columns(columns) => {
                let zero = self.edges[feature].zero as usize;
                super::grow::partition(rows, scratch, |row| is_left(columns.find(feature, row).unwrap_or(zero)))
            }
        }
    }

    /// Bytes of all bins.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        match &self.store {
            Store::Dense(bytes) => bytes.len(),
            Store::Sparse(blocks) => blocks.iter().map(Block::bytes).sum(),
            Store::Columns(columns) => columns.bytes(),
        }
    }
}

/// The next bin with rows after `bin`, among those of numbers.
pub(super) fn next_filled(units: &Units, histogram: &[i64], bin: usize, numbers: usize) -> Option<usize> {
    let lanes = units.lanes;
    (bin + 1..numbers).find(|&next| units.count(&histogram[next * lanes..][..lanes]) > 0)
}

#[cfg(test)]
mod tests;
