//! One tree with exact splits (CART; Breiman, Friedman, Olshen and Stone 1984).

use super::examples::weighted_rows;
use super::grow::{Grown, Growth, Limits, grow};
use super::search::{ExactValues, Values};
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
        super::bins::missing(examples.features)?;
        let values = Values::new(examples.features);
        let statistics =
            Statistics::new(self.criterion.lanes(), &self.criterion.values(examples.labels, &weights), &weights);
        let rows = weighted_rows(&weights);
        let mut search = ExactValues {
            values: &values,
            features: examples.features.columns(),
            statistics: &statistics,
            rules: self.rules(&weights),
            min_split: self.min_split,
            labels: examples.labels,
        };
        let total = statistics.total(&rows);
        let grown = grow(&mut search, rows, total, self.criterion.outputs(), self.limits());
        let tree = fill_leaves(grown, self.criterion, examples.labels, &weights);
        let base = vec![0.0; self.criterion.outputs()];
        Ok(TreeEnsemble::new(examples.features, Link::Identity, base, 1.0, vec![tree]))
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
