//! Which copies go through the network together: those whose edits lie near each other, so that one range of positions
//! in each array serves them all.

use super::reach::{Cost, Stage, cost, hull};
use super::walk::Change;
use basewise_core::{Code, Edit, SequenceBatch};
use std::ops::Range;

/// Sizes of groups that are tried. All are whole tiles of a product.
const SIZES: [usize; 3] = [24, 48, 96];
/// Numbers in the largest array of a group, at most, but for a group of one.
const MOST_NUMBERS: usize = 1 << 24;
/// What reading a weight costs, in multiplications.
pub(super) const READING: f64 = 4.0;

/// An edit without what it leaves as it is.
#[derive(Clone, Debug)]
pub(super) struct Trimmed {
    /// Its place among all edits.
    pub(super) index: usize,
    pub(super) range: Range<usize>,
    pub(super) changes: Vec<Change>,
}

/// Edits that change something, in the order of their positions. `symbol` says how a code is read.
pub(super) fn trimmed(batch: &SequenceBatch, row: usize, edits: &[Edit], symbol: impl Fn(&Code) -> u8) -> Vec<Trimmed> {
    let sequence = batch.sequence(row);
    let mut found: Vec<Trimmed> = Vec::with_capacity(edits.len());
    for (index, edit) in edits.iter().enumerate() {
        let own = sequence[edit.start..edit.end()].iter().zip(&edit.codes).enumerate();
        let changes =
            own.map(|(i, (old, new))| Change { position: edit.start + i, old: symbol(old), new: symbol(new) });
        let changes: Vec<Change> = changes.filter(|change| change.old != change.new).collect();
        if let (Some(first), Some(last)) = (changes.first(), changes.last()) {
            found.push(Trimmed { index, range: first.position..last.position + 1, changes });
        }
    }
    found.sort_by_key(|edit| (edit.range.start, edit.range.end, edit.index));
    found
}

/// Groups with the positions around all edits of each.
pub(super) type Groups = Vec<(Range<usize>, Range<usize>)>;

/// Edits in groups of at most `size`. A group reaches no further than its longest edit and as many positions beside it.
fn of_size(edits: &[Trimmed], size: usize) -> Groups {
    let mut groups: Groups = Vec::new();
    let mut longest = 0;
    for (i, edit) in edits.iter().enumerate() {
        let length = edit.range.len();
        if let Some((members, around)) = groups.last_mut() {
            let wider = hull(around, &edit.range);
            if members.len() < size && wider.len() <= longest.max(length) + size {
                *around = wider;
                members.end = i + 1;
                longest = longest.max(length);
                continue;
            }
        }
        groups.push((i..i + 1, edit.range.clone()));
        longest = length;
    }
    groups
}

/// Copies of a group at most, whose largest array has so many numbers.
pub(super) fn most(largest: usize) -> usize {
    (MOST_NUMBERS / largest.max(1)).max(1)
}

/// The groups that cost least, and what they cost.
pub(super) fn best(edits: &[Trimmed], stages: &[Stage], largest: usize) -> (Groups, f64) {
    let most = most(largest);
    let mut best: Option<(Groups, f64)> = None;
    for size in SIZES.map(|size| size.min(most)) {
        let groups = of_size(edits, size);
        let of_group = |(members, around): &(Range<usize>, Range<usize>)| {
            let mut sum = Cost::default();
            cost(stages, around, &mut sum);
            sum.work * members.len() as f64 + sum.read * READING
        };
        let total: f64 = groups.iter().map(of_group).sum();
        if best.as_ref().is_none_or(|(_, least)| total < *least) {
            best = Some((groups, total));
        }
    }
    best.unwrap_or_default()
}
