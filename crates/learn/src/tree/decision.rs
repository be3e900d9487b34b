//! One tree with exact splits (CART; Breiman, Friedman, Olshen and Stone 1984).

use super::bins::Binned;
use super::examples::weighted_rows;
use super::grow::{Grown, Growth, Limits, grow};
use super::search::{ExactSearch, SharedHistograms, SortedValues, Values, keepable};
use super::split::Rules;
use super::statistics::Statistics;
use super::{Criterion, Examples, Link, TreeEnsemble, TreeError};
use serde::{Deserialize, Serialize};

/// How a decision tree grows. Thresholds lie midway between neighbouring values of the node, and without ties the tree
/// is that of scikit-learn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeOptions {
    /// What is made small, and so what labels are.
    pub criterion: Criterion,
    /// Questions on the way to a leaf, at most.
    pub max_depth: Option<usize>,
    /// Leaves, at most.
    pub max_leaves: Option<usize>,
    /// Which leaf is split next; makes a difference only with `max_leaves`.
    pub growth: Growth,
    /// Examples of a leaf, at least.
    pub min_leaf: usize,
    /// Examples of a node that is split, at least.
    pub min_split: usize,
    /// Fall of impurity by a split, as a share of all weight, at least.
    pub min_gain: f64,
}

impl TreeOptions {
    /// A tree that grows until its leaves are pure.
    #[must_use]
    pub fn new(criterion: Criterion) -> Self {
        Self {
            criterion,
            max_depth: None,
            max_leaves: None,
            growth: Growth::LeafWise,
            min_leaf: 1,
            min_split: 2,
            min_gain: 0.0,
        }
    }

    /// Grows the tree. NaN among the features goes to the side that gains more.
    ///
    /// # Errors
    /// If a setting, label, weight or feature is out of its range, a class has no example, or there is nothing to learn
    /// from.
    pub fn fit(&self, examples: &Examples<'_>) -> Result<TreeEnsemble, TreeError> {
        self.check()?;
        let weights = examples.checked_weights(self.criterion.labels())?;
        self.criterion.check_sum(examples.labels, &weights)?;
        let (binned, has_bins) = Binned::exact(examples.features)?;
        let keepable = keepable(binned.all_bins(), self.criterion.lanes());
        Ok(self.grow_with(examples, &weights, (&binned, &has_bins), keepable))
    }

    /// With bins of some features, in which every value has its own; the others are sorted in each node. `keepable`
    /// histograms may wait for children.
    fn grow_with(
        &self,
        examples: &Examples<'_>,
        weights: &[f64],
        (binned, has_bins): (&Binned, &[bool]),
        keepable: usize,
    ) -> TreeEnsemble {
        let values = Values::new(examples.features, has_bins);
        let statistics =
            Statistics::new(self.criterion.lanes(), &self.criterion.values(examples.labels, weights), weights);
        let rows = weighted_rows(weights);
        let rules = self.rules(weights);
        let (mut spare, mut ordered) = (Vec::new(), Vec::new());
        let mut search = ExactSearch {
            binned: SharedHistograms {
                binned,
                statistics: &statistics,
                rules,
                wanted: has_bins,
                spare: &mut spare,
                ordered: &mut ordered,
                keepable,
            },
            sorted: SortedValues { values: &values, statistics: &statistics, rules },
            min_split: self.min_split,
            labels: examples.labels,
        };
        let total = statistics.total(&rows);
        let grown = grow(&mut search, rows, total, self.criterion.outputs(), self.limits());
        let tree = fill_leaves(grown, self.criterion, examples.labels, weights);
        let base = vec![0.0; self.criterion.outputs()];
        TreeEnsemble::new(examples.features, Link::Identity, base, 1.0, vec![tree])
    }

    pub(super) fn check(&self) -> Result<(), TreeError> {
        TreeError::unless(self.max_leaves.is_none_or(|most| most >= 1), "max_leaves", "1 or more", 0)?;
        TreeError::unless(self.min_leaf >= 1, "min_leaf", "1 or more", self.min_leaf)?;
        TreeError::unless(self.min_split >= 2, "min_split", "2 or more", self.min_split)?;
        let fine = self.min_gain.is_finite() && self.min_gain >= 0.0;
        TreeError::unless(fine, "min_gain", "a number that is not negative", self.min_gain)
    }

    pub(super) fn rules(&self, weights: &[f64]) -> Rules {
        // Without a limit any split of an impure node will do: where order matters (exclusive or), the first gains 0.
        let all: f64 = weights.iter().sum();
        let floor = if self.min_gain > 0.0 { self.min_gain * all } else { f64::NEG_INFINITY };
        Rules { measure: self.criterion.measure(), min_rows: self.min_leaf, min_weight: 0.0, floor }
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            leaves: self.max_leaves.unwrap_or(usize::MAX),
            depth: self.max_depth.unwrap_or(usize::MAX),
            growth: self.growth,
        }
    }
}

/// Gives leaves the means of their examples: of labels, or of each class.
pub(super) fn fill_leaves(grown: Grown, criterion: Criterion, labels: &[f64], weights: &[f64]) -> super::Tree {
    let Grown { mut tree, rows, leaves } = grown;
    let mut values = vec![0.0; criterion.outputs()];
    for (node, range) in leaves {
        values.fill(0.0);
        let mut weight = 0.0;
        for &row in &rows[range.clone()] {
            let (label, own) = (labels[row as usize], weights[row as usize]);
            weight += own;
            if values.len() > 1 {
                values[label as usize] += own;
            } else {
                values[0] += label * own;
            }
        }
        values.iter_mut().for_each(|value| *value /= weight);
        tree.set_leaf(node, range.len(), weight, &values);
    }
    tree.sum_up();
    tree
}

#[cfg(test)]
mod tests {
    use super::super::tests::{counts, dense, examples, signs, sparse, thirds};
    use super::*;
    use basewise_core::random::{normal, stream};

    /// The tree with few histograms kept, and that without bins, which sorts all values of all nodes.
    fn others(options: &TreeOptions, examples: &Examples<'_>) -> [TreeEnsemble; 2] {
        let weights = examples.checked_weights(options.criterion.labels()).unwrap();
        let (binned, has_bins) = Binned::exact(examples.features).unwrap();
        let none = vec![false; has_bins.len()];
        [(&has_bins, 1), (&none, 0)]
            .map(|(has, keepable)| options.grow_with(examples, &weights, (&binned, has), keepable))
    }

    #[test]
    fn histograms_of_values_give_the_tree_of_sorted_values() {
        let (features, signal) = counts(700, 12, 30);
        let mut rng = stream(31, "test-noise", &[]);
        // Columns with more values than bins stand between the others, one with values that are nearly the same.
        let near = |row: usize| (row % 9) as f32 * 6e-8;
        let wide = (0..700).flat_map(|row| {
            let own: Vec<f32> = features.row(row).map(|(_, value)| value).collect();
            [own, vec![(signal[row] + 2.0 * normal(&mut rng)) as f32, near(row), 1.0], vec![(row % 3) as f32]].concat()
        });
        let features = dense(16, wide.collect());
        let (_, has_bins) = Binned::exact(&features).unwrap();
        assert_eq!(has_bins.iter().filter(|has| !**has).count(), 2);
        let cases = [
            (Criterion::Gini { classes: 3 }, thirds(&signal)),
            (Criterion::Entropy { classes: 2 }, signs(&signal)),
            (Criterion::Squared, signal.clone()),
            (Criterion::Poisson, signal.iter().map(|value| value.exp().round()).collect()),
        ];
        let weights: Vec<f64> = (0..700).map(|row| f64::from(row % 4)).collect();
        for (criterion, labels) in &cases {
            let usual = TreeOptions::new(*criterion);
            let all = [
                usual,
                TreeOptions { max_depth: Some(5), min_leaf: 9, ..usual },
                TreeOptions { max_leaves: Some(14), min_split: 40, min_gain: 1e-4, ..usual },
            ];
            for (options, weights) in all.iter().flat_map(|options| [(options, None), (options, Some(&weights[..]))]) {
                for features in [&features, &sparse(&features)] {
                    let examples = Examples { weights, ..examples(features, labels) };
                    let tree = options.fit(&examples).unwrap();
                    assert!(others(options, &examples).iter().all(|other| *other == tree), "{options:?}");
                }
            }
        }
    }
}
