//! Random forests (Breiman 2001).

use super::bins::{Binned, Layout};
use super::decision::fill_leaves;
use super::examples::weighted_rows;
use super::grow::grow;
use super::search::DrawnFeatures;
use super::statistics::Statistics;
use super::{Criterion, Examples, Link, Tree, TreeEnsemble, TreeError, TreeOptions};
use basewise_core::random::{below, stream};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Bins of so many numbers are kept a byte each, which is faster here; beyond, sparse features stay sparse.
const DENSE_BYTES: usize = 1 << 30;
/// Trees whose votes on the examples they left out are held at a time.
const TREES_TOGETHER: usize = 16;

/// How many features are drawn for each node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeaturesPerSplit {
    /// The root of their number.
    #[default]
    Sqrt,
    /// A third of them.
    Third,
    /// All: bagging.
    All,
    /// So many, at most all.
    Count(usize),
}

impl FeaturesPerSplit {
    fn count(self, features: usize) -> usize {
        let count = match self {
            Self::Sqrt => features.isqrt(),
            Self::Third => features / 3,
            Self::All => features,
            Self::Count(count) => count,
        };
        count.clamp(1, features.max(1))
    }
}

/// How a forest grows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForestOptions {
    /// How each tree grows. Splits are sought among `bins`.
    pub tree: TreeOptions,
    /// Number of trees.
    pub trees: usize,
    /// Features that are looked at in a node.
    pub features_per_split: FeaturesPerSplit,
    /// Whether each tree sees as many examples as there are, drawn with replacement, instead of all.
    pub bootstrap: bool,
    /// Bins a feature, 2 to 255; features with no more different values are split exactly.
    pub bins: usize,
    /// Of all draws.
    pub seed: u64,
}

impl ForestOptions {
    /// 100 trees that grow until their leaves are pure, on bootstrap samples; the root of the number of features in each
    /// node for classes, a third of them for numbers.
    #[must_use]
    pub fn new(criterion: Criterion) -> Self {
        let numbers = matches!(criterion, Criterion::Squared | Criterion::Poisson);
        Self {
            tree: TreeOptions::new(criterion),
            trees: 100,
            features_per_split: if numbers { FeaturesPerSplit::Third } else { FeaturesPerSplit::Sqrt },
            bootstrap: true,
            bins: 255,
            seed: 0,
        }
    }

    /// Grows the forest. Its prediction is the mean of the trees'.
    ///
    /// # Errors
    /// If a setting, label, weight or feature is out of its range, a class has no example, or there is nothing to learn
    /// from.
    pub fn fit(&self, examples: &Examples<'_>) -> Result<TreeEnsemble, TreeError> {
        let plot = Plot::new(self, examples)?;
        let trees = (0..self.trees).into_par_iter().map(|tree| plot.tree(tree).0).collect();
        Ok(self.ensemble(examples, trees))
    }

    /// The same forest, and what its trees predict for the examples that they did not see.
    ///
    /// # Errors
    /// As [`ForestOptions::fit`], and without `bootstrap`, since then every tree sees all.
    pub fn fit_out_of_bag(&self, examples: &Examples<'_>) -> Result<(TreeEnsemble, OutOfBag), TreeError> {
        TreeError::unless(self.bootstrap, "bootstrap", "true, so that trees leave examples out", false)?;
        let plot = Plot::new(self, examples)?;
        let outputs = self.tree.criterion.outputs();
        let mut trees = Vec::with_capacity(self.trees);
        let mut sums = vec![0.0; examples.features.rows() * outputs];
        let mut votes = vec![0u32; examples.features.rows()];
        for first in (0..self.trees).step_by(TREES_TOGETHER) {
            let own = first..(first + TREES_TOGETHER).min(self.trees);
            let grown: Vec<_> = own.into_par_iter().map(|tree| plot.tree_and_leaves(tree)).collect();
            for (tree, leaves) in grown {
                for (row, leaf) in leaves {
                    votes[row] += 1;
                    let values = tree.values(leaf).iter();
                    sums[row * outputs..].iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                }
                trees.push(tree);
            }
        }
        let mean = |(place, sum): (usize, f64)| sum / f64::from(votes[place / outputs]);
        let predictions: Vec<f64> = sums.into_iter().enumerate().map(mean).collect();
        let score = score(self.tree.criterion, &predictions, examples.labels, &plot.weights);
        Ok((self.ensemble(examples, trees), OutOfBag { predictions, score }))
    }

    fn ensemble(&self, examples: &Examples<'_>, trees: Vec<Tree>) -> TreeEnsemble {
        let base = vec![0.0; self.tree.criterion.outputs()];
        TreeEnsemble::new(examples.features, Link::Identity, base, 1.0 / self.trees as f64, trees)
    }
}

/// Predictions of each example by the trees that did not see it.
#[derive(Clone, Debug, PartialEq)]
pub struct OutOfBag {
    /// `[rows, outputs]`; NaN where every tree saw the example.
    pub predictions: Vec<f64>,
    /// Accuracy for classes, R² for numbers and counts, weighted, over the examples with a label, a weight and a
    /// prediction; `None` where it is undefined.
    pub score: Option<f64>,
}

/// What all trees of a forest grow on.
struct Plot<'a> {
    options: &'a ForestOptions,
    examples: &'a Examples<'a>,
    binned: Binned,
    weights: Vec<f64>,
    rows: Vec<u32>,
}

impl<'a> Plot<'a> {
    fn new(options: &'a ForestOptions, examples: &'a Examples<'a>) -> Result<Self, TreeError> {
        options.tree.check()?;
        TreeError::unless(options.trees >= 1, "trees", "1 or more", options.trees)?;
        TreeError::unless((2..=255).contains(&options.bins), "bins", "2 to 255", options.bins)?;
        let fine = options.features_per_split != FeaturesPerSplit::Count(0);
        TreeError::unless(fine, "features_per_split", "1 or more", 0)?;
        let criterion = options.tree.criterion;
        let weights = examples.checked_weights(criterion.labels())?;
        criterion.check_sum(examples.labels, &weights)?;
        let layout = Layout::DenseUpTo(DENSE_BYTES);
        let binned = Binned::new(examples.features, options.bins, layout, options.seed)?;
        let rows = weighted_rows(&weights);
        Ok(Self { options, examples, binned, weights, rows })
    }

    /// A tree, and the weights that it saw.
    fn tree(&self, tree: usize) -> (Tree, Vec<f64>) {
        let Self { options, examples, .. } = self;
        let criterion = options.tree.criterion;
        let weights = self.draw(tree);
        let statistics = Statistics::new(criterion.lanes(), &criterion.values(examples.labels, &weights), &weights);
        let rows = weighted_rows(&weights);
        let drawn = options.features_per_split.count(self.binned.features());
        let rng = stream(options.seed, "forest-features", &[tree as u64]);
        let read = (&self.binned, &statistics, examples.labels);
        let rules = options.tree.rules(&weights);
        let mut search = DrawnFeatures::new(read, rules, (options.tree.min_split, drawn), rng);
        let total = statistics.total(&rows);
        let grown = grow(&mut search, rows, total, criterion.outputs(), options.tree.limits());
        (fill_leaves(grown, criterion, examples.labels, &weights), weights)
    }

    /// A tree, and the leaves of the rows that it did not see.
    fn tree_and_leaves(&self, tree: usize) -> (Tree, Vec<(usize, usize)>) {
        let (tree, weights) = self.tree(tree);
        let left_out = self.rows.iter().map(|&row| row as usize).filter(|&row| weights[row] == 0.0);
        let leaves = left_out.map(|row| (row, tree.leaf(|column| self.examples.features.get(row, column)))).collect();
        (tree, leaves)
    }

    /// Weights times how often each row was drawn.
    fn draw(&self, tree: usize) -> Vec<f64> {
        if !self.options.bootstrap {
            return self.weights.clone();
        }
        let mut rng = stream(self.options.seed, "forest-bootstrap", &[tree as u64]);
        let mut weights = vec![0.0; self.weights.len()];
        for _ in 0..self.rows.len() {
            let row = self.rows[below(&mut rng, self.rows.len())] as usize;
            weights[row] += self.weights[row];
        }
        weights
    }
}

fn score(criterion: Criterion, predictions: &[f64], labels: &[f64], weights: &[f64]) -> Option<f64> {
    let outputs = criterion.outputs();
    let rows = predictions.chunks_exact(outputs).zip(labels).zip(weights);
    let known = rows.filter(|&((row, _), &weight)| weight > 0.0 && !row[0].is_nan()).map(|((row, y), w)| (row, *y, *w));
    let weight: f64 = known.clone().map(|(.., weight)| weight).sum();
    if weight == 0.0 {
        return None;
    }
    if matches!(criterion, Criterion::Squared | Criterion::Poisson) {
        let mean = known.clone().map(|(_, label, weight)| label * weight).sum::<f64>() / weight;
        let all: f64 = known.clone().map(|(_, label, weight)| (label - mean).powi(2) * weight).sum();
        let rest: f64 = known.map(|(row, label, weight)| (label - row[0]).powi(2) * weight).sum();
        return (all > 0.0).then_some(1.0 - rest / all);
    }
    let right = known.filter(|&(row, label, _)| called(row) == label as usize).map(|(.., weight)| weight);
    Some(right.sum::<f64>() / weight)
}

/// The class with the largest probability, of equals the first.
fn called(row: &[f64]) -> usize {
    match row {
        [positive] => usize::from(*positive > 0.5),
        _ => (0..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best }),
    }
}
