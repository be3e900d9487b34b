//! Which copies go through the network together: those whose edits lie near each other, so that one range of positions
//! in each array serves them all.

use super::reach::{Cost, Stage, cost, hull};
use super::walk::Change;
use crate::engine::node::{Node, Op};
use basewise_core::{Code, Edit, SequenceBatch};
use std::ops::Range;

/// Sizes of groups that are tried. All are whole tiles of a product.
const SIZES: [usize; 3] = [24, 48, 96];
/// Numbers in the largest array of a group, at most, but for a group of one.
const MOST_NUMBERS: usize = 1 << 24;
/// What reading a weight costs, in multiplications.
const READING: f64 = 4.0;
/// Copies of a group that are few: the dense layers at the end then read more weights than they multiply by, and go
/// over the copies of all groups together.
pub(super) const FEW: usize = 12;
/// Copies of several rows that go together, at most.
pub(super) const MIXED: usize = 24;
/// The part of a group's work from which on reading weights is worth sharing with groups of other rows.
const READ: f64 = 0.1;

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

/// Edits of one row, in groups.
pub(super) struct Grouped {
    pub(super) row: usize,
    pub(super) trimmed: Vec<Trimmed>,
    pub(super) groups: Groups,
}

/// Groups that go together: one, or small ones of several rows.
#[derive(Debug)]
pub(super) struct Party {
    /// Positions around all edits.
    pub(super) around: Range<usize>,
    /// The row of each group, and the group's number among those of all rows.
    pub(super) members: Vec<(usize, usize)>,
    pub(super) copies: usize,
}

/// Whether copies of several sequences may go through a node together.
pub(super) fn mixes(node: &Node) -> bool {
    match &node.op {
        Op::Residual(inner) => inner.iter().all(mixes),
        Op::Concat(branches) => branches.iter().flatten().all(mixes),
        Op::Recurrent(_) | Op::SelfAttention(_) | Op::AttentionPool { .. } | Op::Strands(..) => false,
        _ => true,
    }
}

/// The groups of all rows, small ones together that change about the same positions, where reading weights is much of
/// their work, up to `most` copies. What comes of a group is the same in any company.
pub(super) fn parties(rows: &[Grouped], stages: &[Stage], most: usize) -> Vec<Party> {
    let mut parties: Vec<Party> = Vec::new();
    for (row, grouped) in rows.iter().enumerate() {
        for (own, around) in &grouped.groups {
            let members = vec![(row, parties.len())];
            parties.push(Party { around: around.clone(), members, copies: own.len() });
        }
    }
    let reads = |party: &Party| {
        let mut sum = Cost::default();
        cost(stages, &party.around, &mut sum);
        sum.read * READING > READ * sum.work * party.copies as f64
    };
    let (mut few, mut found): (Vec<Party>, Vec<Party>) =
        parties.into_iter().partition(|party| most > 1 && party.copies < FEW && reads(party));
    few.sort_by_key(|party| (party.around.start, party.around.end));
    let (mut last, mut longest): (Option<Party>, usize) = (None, 0);
    for mut party in few {
        if let Some(last) = &mut last {
            let around = hull(&last.around, &party.around);
            longest = longest.max(party.around.len());
            if last.copies + party.copies <= most && around.len() <= longest + longest / 8 + 4 {
                last.around = around;
                last.copies += party.copies;
                last.members.append(&mut party.members);
                continue;
            }
        }
        longest = party.around.len();
        found.extend(last.replace(party));
    }
    found.extend(last);
    found
}
