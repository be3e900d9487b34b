//! Bins of sparse features column by column, for a search that looks at a few features of a node.

use super::edges::Edges;
use crate::Features;
use std::cmp::Ordering;

/// The bins of all columns without those of 0, rows ascending in each: 5 bytes a number.
#[derive(Clone, Debug)]
pub(super) struct ByColumn {
    starts: Vec<usize>,
    rows: Vec<u32>,
    bins: Vec<u8>,
}

impl ByColumn {
    pub(super) fn new(features: &Features, edges: &[Edges]) -> Self {
        let stored = |row: usize| {
            let binned = features.row(row).map(|(column, value)| (column, edges[column].bin(value)));
            binned.filter(|&(column, bin)| bin != edges[column].zero)
        };
        let mut starts = vec![0usize; edges.len() + 1];
        for row in 0..features.rows() {
            stored(row).for_each(|(column, _)| starts[column + 1] += 1);
        }
        for column in 0..edges.len() {
            starts[column + 1] += starts[column];
        }
        let mut next = starts.clone();
        let total = starts[edges.len()];
        let (mut rows, mut bins) = (vec![0; total], vec![0; total]);
        for row in 0..features.rows() {
            for (column, bin) in stored(row) {
                (rows[next[column]], bins[next[column]]) = (row as u32, bin);
                next[column] += 1;
            }
        }
        Self { starts, rows, bins }
    }

    /// Calls `visit` with the place among `rows`, which ascend, and the bin of each row that is in another bin than that
    /// of 0. The time is that of the shorter list, but for a logarithm.
    pub(super) fn visit(&self, feature: usize, rows: &[u32], mut visit: impl FnMut(usize, usize)) {
        let range = self.starts[feature]..self.starts[feature + 1];
        let (own, bins) = (&self.rows[range.clone()], &self.bins[range]);
        let (short, long) = if own.len() <= rows.len() { (own, rows) } else { (rows, own) };
        let swapped = own.len() > rows.len();
        let mut from = 0;
        for (place, row) in short.iter().enumerate() {
            let found = seek(long, from, *row);
            if long.get(found) == Some(row) {
                let (at, of) = if swapped { (place, found) } else { (found, place) };
                visit(at, usize::from(bins[of]));
            }
            from = found;
        }
    }

    /// The bin of a row, if it is not that of 0.
    pub(super) fn find(&self, feature: usize, row: u32) -> Option<usize> {
        let range = self.starts[feature]..self.starts[feature + 1];
        let place = self.rows[range.clone()].binary_search(&row).ok()?;
        Some(usize::from(self.bins[range.start + place]))
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.starts.len() * size_of::<usize>() + self.rows.len() * 5
    }
}

/// The first place from `from` on whose row is not below `row`, in steps that double: rows that are looked for one after
/// the other are often near.
fn seek(rows: &[u32], from: usize, row: u32) -> usize {
    let (mut low, mut step) = (from, 1);
    while let Some(Ordering::Less) = rows.get(low + step - 1).map(|other| other.cmp(&row)) {
        low += step;
        step *= 2;
    }
    let high = rows.len().min(low + step);
    low + rows[low.min(high)..high].partition_point(|&other| other < row)
}
