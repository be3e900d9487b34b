//! Trees laid out for prediction: small nodes, and rows that walk down side by side, so that none waits for another's
//! memory.

use super::Tree;

/// Rows that walk together.
const TOGETHER: usize = 8;
/// In `Step::feature`: NaN goes left.
const MISSING_LEFT: u32 = 1 << 31;

/// A question in 12 bytes; that of a leaf leads to itself.
#[derive(Clone, Copy, Debug)]
struct Step {
    threshold: f32,
    feature: u32,
    left: u32,
}

impl Step {
    /// As [`super::Node::child`], without a branch.
    #[inline(always)]
    fn next(self, row: &[f32]) -> u32 {
        let value = row[(self.feature & !MISSING_LEFT) as usize];
        let missing_left = self.feature & MISSING_LEFT != 0;
        let is_left = (value <= self.threshold) | (missing_left & value.is_nan());
        self.left + u32::from(!is_left)
    }
}

/// A tree whose leaves many rows look for.
pub(super) struct Walker<'a> {
    tree: &'a Tree,
    steps: Vec<Step>,
}

impl<'a> Walker<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        let step = |(place, node): (usize, &super::Node)| {
            if node.is_leaf() {
                return Step { threshold: f32::INFINITY, feature: MISSING_LEFT, left: place as u32 };
            }
            let missing_left = if node.missing_left { MISSING_LEFT } else { 0 };
            Step { threshold: node.threshold, feature: node.feature | missing_left, left: node.left }
        };
        Self { tree, steps: tree.nodes().iter().enumerate().map(step).collect() }
    }

    /// Adds the values of the leaves of `rows` (`[rows, columns]`) to `sums` (`[rows, outputs]`), from output `first` on.
    pub(super) fn add(&self, rows: &[f32], columns: usize, sums: &mut [f64], (outputs, first): (usize, usize)) {
        let mut blocks = rows.chunks_exact(TOGETHER * columns);
        let mut sum_blocks = sums.chunks_exact_mut(TOGETHER * outputs);
        for (rows, sums) in (&mut blocks).zip(&mut sum_blocks) {
            self.add_block::<TOGETHER>(rows, columns, sums, (outputs, first));
        }
        let rest = blocks.remainder().chunks_exact(columns).zip(sum_blocks.into_remainder().chunks_exact_mut(outputs));
        for (row, sums) in rest {
            self.add_block::<1>(row, columns, sums, (outputs, first));
        }
    }

    #[inline(always)]
    fn add_block<const ROWS: usize>(
        &self,
        rows: &[f32],
        columns: usize,
        sums: &mut [f64],
        (outputs, first): (usize, usize),
    ) {
        let mut own = rows.chunks_exact(columns);
        let rows: [&[f32]; ROWS] = std::array::from_fn(|_| own.next().unwrap_or_default());
        let mut places = [0u32; ROWS];
        loop {
            let before = places;
            for (place, row) in places.iter_mut().zip(rows) {
                *place = self.steps[*place as usize].next(row);
            }
            if places == before {
                break;
            }
        }
        for (sums, place) in sums.chunks_exact_mut(outputs).zip(places) {
            sums[first..].iter_mut().zip(self.tree.values(place as usize)).for_each(|(sum, value)| *sum += value);
        }
    }
}

/// Trees one after the other whose nodes fit in so many steps, at least one tree.
pub(super) fn groups(trees: &[Tree], most: usize) -> impl Iterator<Item = &[Tree]> {
    let mut rest = trees;
    std::iter::from_fn(move || {
        let mut nodes = 0;
        let fits = |tree: &&Tree| {
            nodes += tree.nodes().len();
            nodes <= most
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let group;
        (group, rest) = rest.split_at_checked(count)?;
        Some(group)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{counts, examples, small_forest, sparse, thirds};
    use super::super::{Criterion, ForestOptions};
    use super::*;

    #[test]
    fn rows_side_by_side_reach_the_leaves_that_they_reach_alone() {
        let (features, signal) = counts(150, 7, 20);
        let labels = thirds(&signal);
        let criterion = Criterion::Gini { classes: 3 };
        let model = small_forest(criterion).fit(&examples(&features, &labels)).unwrap();
        let (held, _) = counts(75, 7, 21);
        for rows in [0, 1, 7, 8, 9, 31, 32, 33, 75] {
            let held = held.select(&(0..rows).collect::<Vec<_>>());
            let mut expected = vec![0.0; rows * 3];
            for (row, sums) in expected.chunks_exact_mut(3).enumerate() {
                for tree in model.trees() {
                    let leaf = tree.leaf(|column| held.get(row, column));
                    sums.iter_mut().zip(tree.values(leaf)).for_each(|(sum, value)| *sum += value);
                }
                sums.iter_mut().for_each(|sum| *sum *= model.scale());
            }
            assert_eq!(model.raw(&held).unwrap(), expected, "{rows} rows");
            assert_eq!(model.raw(&sparse(&held)).unwrap(), expected, "{rows} sparse rows");
        }
    }

    #[test]
    fn groups_hold_every_tree_once_and_in_order() {
        let (features, signal) = counts(100, 4, 22);
        let labels = thirds(&signal);
        let forest = ForestOptions { trees: 5, ..small_forest(Criterion::Gini { classes: 3 }) };
        let model = forest.fit(&examples(&features, &labels)).unwrap();
        let nodes = model.trees()[0].nodes().len();
        for most in [0, nodes, 3 * nodes, usize::MAX] {
            let found: Vec<&Tree> = groups(model.trees(), most).flatten().collect();
            assert!(found.into_iter().eq(model.trees()), "{most}");
        }
        assert_eq!(groups(model.trees(), 0).count(), 5);
        assert_eq!(groups(model.trees(), usize::MAX).count(), 1);
        assert_eq!(groups(&[], 7).count(), 0);
    }
}
