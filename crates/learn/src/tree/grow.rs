//! Growth of one tree, whatever finds its splits.

use super::nodes::Tree;
use super::split::Split;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

/// Which leaf is split next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Growth {
    /// The one that gains most (best-first; Shi 2007). With a limit of leaves, trees are deep where it pays.
    #[default]
    LeafWise,
    /// The one nearest to the root: level by level.
    DepthWise,
}

/// When growth ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) leaves: usize,
    pub(super) depth: usize,
    pub(super) growth: Growth,
}

/// Rows of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) rows: &'a [u32],
    /// Sum of their statistics.
    pub(super) total: &'a [i64],
    /// Whether the node is too deep to be split.
    pub(super) last: bool,
}

/// Finds the best split of a node.
pub(super) trait Search {
    /// What a node keeps for its children.
    type Kept;

    /// Of the root.
    fn root(&mut self, part: Part<'_>) -> Option<(Self::Kept, Split)>;

    /// Of the two children of a node.
    fn pair(&mut self, parent: Self::Kept, parts: [Part<'_>; 2]) -> [Option<(Self::Kept, Split)>; 2];

    /// Puts the rows of the left child first, in order on both sides; gives their number.
    fn partition(&mut self, split: &Split, rows: &mut [u32], scratch: &mut Vec<u32>) -> usize;

    /// Takes back what a node kept and no child will ask for.
    fn take_back(&mut self, kept: Self::Kept);
}

/// A tree without values, its rows leaf by leaf, and the place of each leaf's among them.
pub(super) struct Grown {
    pub(super) tree: Tree,
    pub(super) rows: Vec<u32>,
    pub(super) leaves: Vec<(usize, Range<usize>)>,
}

/// A node with a split that may be made.
struct Open<K> {
    node: usize,
    depth: usize,
    range: Range<usize>,
    total: Vec<i64>,
    kept: K,
    split: Split,
    growth: Growth,
}

impl<K> Ord for Open<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        let gain = match self.growth {
            Growth::LeafWise => self.split.gain.total_cmp(&other.split.gain),
            Growth::DepthWise => Ordering::Equal,
        };
        // Nodes are numbered in the order of their making: level by level if each level is finished first.
        gain.then(other.node.cmp(&self.node))
    }
}

impl<K> PartialOrd for Open<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> PartialEq for Open<K> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<K> Eq for Open<K> {}

/// Grows a tree on `rows` (ascending), whose statistics sum to `total`.
pub(super) fn grow<S: Search>(
    search: &mut S,
    mut rows: Vec<u32>,
    total: Vec<i64>,
    outputs: usize,
    limits: Limits,
) -> Grown {
    let Limits { depth: deepest, growth, .. } = limits;
    let mut tree = Tree::new(outputs);
    let mut leaves = Vec::new();
    let mut open = BinaryHeap::new();
    let mut scratch = Vec::new();
    let first = Part { rows: &rows, total: &total, last: deepest == 0 };
    match search.root(first).filter(|_| limits.leaves > 1 && deepest > 0) {
        Some((kept, split)) => open.push(Open { node: 0, depth: 0, range: 0..rows.len(), total, kept, split, growth }),
        None => leaves.push((0, 0..rows.len())),
    }
    while leaves.len() + open.len() < limits.leaves
        && let Some(Open { node, depth, range, mut total, kept, split, .. }) = open.pop()
    {
        let at = range.start + search.partition(&split, &mut rows[range.clone()], &mut scratch);
        // What was never missing here in training goes where most rows go, should it be missing later.
        let most_left = at - range.start > range.end - at;
        let missing_left = if split.saw_missing { split.missing_left } else { most_left };
        let left_node = tree.split(node, split.feature, split.threshold, missing_left, split.gain);
        super::statistics::subtract(&mut total, &split.left);
        let (left_range, right_range) = (range.start..at, at..range.end);
        let last = depth + 1 >= deepest;
        let found = if leaves.len() + open.len() + 2 < limits.leaves {
            let left = Part { rows: &rows[left_range.clone()], total: &split.left, last };
            search.pair(kept, [left, Part { rows: &rows[right_range.clone()], total: &total, last }])
        } else {
            search.take_back(kept);
            [None, None]
        };
        let sides = [(left_range, split.left), (right_range, total)];
        for (side, ((range, total), found)) in sides.into_iter().zip(found).enumerate() {
            let (node, depth) = (left_node + side, depth + 1);
            match found {
                Some((kept, split)) => open.push(Open { node, depth, range, total, kept, split, growth }),
                None => leaves.push((node, range)),
            }
        }
    }
    for left in open {
        leaves.push((left.node, left.range));
        search.take_back(left.kept);
    }
    leaves.sort_unstable_by_key(|leaf| leaf.0);
    Grown { tree, rows, leaves }
}

/// Puts the rows for which `is_left` holds first; keeps the order on both sides. Gives their number.
#[inline(always)]
pub(super) fn partition(rows: &mut [u32], scratch: &mut Vec<u32>, is_left: impl Fn(u32) -> bool) -> usize {
    scratch.resize(scratch.len().max(rows.len()), 0);
    let (mut left, mut right) = (0, 0);
    for place in 0..rows.len() {
        let row = rows[place];
        let own = is_left(row);
        rows[left] = row;
        scratch[right] = row;
        left += usize::from(own);
        right += usize::from(!own);
    }
    rows[left..].copy_from_slice(&scratch[..right]);
    left
}
