//! The state of boosting between rounds.

use super::super::bins::{Binned, choose};
use super::super::criterion::Measure;
use super::super::grow::{Grown, Limits, grow};
use super::super::search::SharedHistograms;
use super::super::split::Rules;
use super::super::statistics::Statistics;
use super::super::{Examples, Tree, TreeEnsemble, TreeError};
use super::{Boosted, BoostingOptions};
use basewise_core::random::stream;
use rayon::prelude::*;

/// Examples whose derivatives or losses are worked out together.
const TOGETHER: usize = 4096;

/// Sums of trees for some examples.
struct Scores<'a> {
    examples: &'a Examples<'a>,
    weights: Vec<f64>,
    /// `[rows, outputs]`
    sums: Vec<f64>,
    losses: Vec<f64>,
}

pub(super) struct Rounds<'a> {
    options: &'a BoostingOptions,
    binned: &'a Binned,
    /// Rows with a weight.
    rows: &'a [u32],
    base: Vec<f64>,
    trees: Vec<Tree>,
    training: Scores<'a>,
    validation: Option<Scores<'a>>,
    /// `[outputs, rows]`
    first: Vec<f64>,
    second: Vec<f64>,
    spare: Vec<Vec<i64>>,
    ordered: Vec<i64>,
}

/// Whether there is a reason for another round.
pub(super) enum Progress {
    Done,
    Open,
}

impl Progress {
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }
}

impl<'a> Scores<'a> {
    fn new(examples: &'a Examples<'a>, weights: Vec<f64>, base: &[f64]) -> Self {
        let sums = (0..weights.len()).flat_map(|_| base).copied().collect();
        Self { examples, weights, sums, losses: Vec::new() }
    }

    /// Adds a tree's leaves to one output of these rows.
    fn add(&mut self, tree: &Tree, output: usize, outputs: usize) {
        let features = self.examples.features;
        let blocks = self.sums.par_chunks_mut(TOGETHER * outputs).enumerate();
        blocks.for_each(|(block, sums)| {
            for (place, sums) in sums.chunks_exact_mut(outputs).enumerate() {
                let row = block * TOGETHER + place;
                sums[output] += tree.values(tree.leaf(|column| features.get(row, column)))[0];
            }
        });
    }

    /// Notes the mean loss.
    fn note_loss(&mut self, options: &BoostingOptions) {
        let outputs = options.loss.outputs();
        let blocks = self.sums.par_chunks(TOGETHER * outputs).enumerate();
        let parts: Vec<f64> = blocks
            .map(|(block, sums)| {
                let mut own = vec![0.0; outputs];
                let rows = sums.chunks_exact(outputs).enumerate().map(|(place, sums)| (block * TOGETHER + place, sums));
                rows.filter(|(row, _)| self.weights[*row] > 0.0)
                    .map(|(row, sums)| {
                        own.copy_from_slice(sums);
                        self.weights[row] * options.loss.value(&mut own, self.examples.labels[row])
                    })
                    .sum()
            })
            .collect();
        self.losses.push(parts.iter().sum::<f64>() / self.weights.iter().sum::<f64>());
    }
}

/// Place of the smallest, of equals the first; NaN is never.
fn lowest(losses: &[f64]) -> usize {
    (0..losses.len()).fold(0, |best, place| if losses[place] < losses[best] { place } else { best })
}

impl<'a> Rounds<'a> {
    pub(super) fn new(
        options: &'a BoostingOptions,
        examples: &'a Examples<'a>,
        weights: &[f64],
        binned: &'a Binned,
        rows: &'a [u32],
        validation: Option<&'a Examples<'a>>,
    ) -> Result<Self, TreeError> {
        let base = options.loss.base(examples.labels, weights)?;
        let length = weights.len() * base.len();
        let validation = match validation {
            Some(examples_held) => {
                let model = TreeEnsemble::new(examples.features, options.loss.link(), base.clone(), 1.0, Vec::new());
                model.check(examples_held.features)?;
                let weights = examples_held.known_weights(options.loss.labels())?;
                if !weights.iter().any(|&weight| weight > 0.0) {
                    return Err(TreeError::NoExamples { rows: weights.len() });
                }
                Some(Scores::new(examples_held, weights, &base))
            }
            None => None,
        };
        Ok(Self {
            options,
            binned,
            rows,
            trees: Vec::new(),
            training: Scores::new(examples, weights.to_vec(), &base),
            validation,
            first: vec![0.0; length],
            second: vec![0.0; length],
            spare: Vec::new(),
            ordered: Vec::new(),
            base,
        })
    }

    /// One round: a tree for each output, all by the derivatives at its start.
    pub(super) fn advance(&mut self, round: usize) -> Progress {
        let outputs = self.base.len();
        self.derive();
        let seen = self.draw_rows(round);
        let mut grew = false;
        for output in 0..outputs {
            let tree = self.grow_tree(round, output, seen.as_deref());
            grew |= tree.nodes().len() > 1;
            if seen.is_some() {
                self.training.add(&tree, output, outputs);
            }
            if let Some(validation) = &mut self.validation {
                validation.add(&tree, output, outputs);
            }
            self.trees.push(tree);
        }
        self.training.note_loss(self.options);
        if let Some(validation) = &mut self.validation {
            validation.note_loss(self.options);
        }
        if !grew && seen.is_none() && self.options.column_fraction == 1.0 { Progress::Done } else { self.progress() }
    }

    fn progress(&self) -> Progress {
        let Some((patience, validation)) = self.options.patience.zip(self.validation.as_ref()) else {
            return Progress::Open;
        };
        let waited = validation.losses.len() - 1 - lowest(&validation.losses);
        if waited >= patience { Progress::Done } else { Progress::Open }
    }

    /// Derivatives of the weighted loss, output after output.
    fn derive(&mut self) {
        let (outputs, rows) = (self.base.len(), self.training.weights.len());
        let Scores { examples, weights, sums, .. } = &self.training;
        let loss = self.options.loss;
        let derive = |block: usize| {
            let range = block * TOGETHER..((block + 1) * TOGETHER).min(rows);
            let (mut own, mut first, mut second) = (vec![0.0; outputs], vec![0.0; outputs], vec![0.0; outputs]);
            let mut both = vec![[0.0; 2]; range.len() * outputs];
            for (place, row) in range.clone().enumerate().filter(|&(_, row)| weights[row] > 0.0) {
                own.copy_from_slice(&sums[row * outputs..][..outputs]);
                loss.derivatives(&mut own, examples.labels[row], &mut first, &mut second);
                for output in 0..outputs {
                    let weighted = [first[output] * weights[row], second[output] * weights[row]];
                    both[output * range.len() + place] = weighted;
                }
            }
            (range, both)
        };
        let blocks: Vec<_> = (0..rows.div_ceil(TOGETHER)).into_par_iter().map(derive).collect();
        for (range, both) in blocks {
            for (output, both) in both.chunks_exact(range.len()).enumerate() {
                for (row, &[first, second]) in range.clone().zip(both) {
                    self.first[output * rows + row] = first;
                    self.second[output * rows + row] = second;
                }
            }
        }
    }

    /// The rows of a round, if not all.
    fn draw_rows(&self, round: usize) -> Option<Vec<u32>> {
        if self.options.row_fraction >= 1.0 {
            return None;
        }
        let chosen = ((self.options.row_fraction * self.rows.len() as f64).round() as usize).max(1);
        let mut rng = stream(self.options.seed, "boosting-rows", &[round as u64]);
        Some(choose(self.rows.len(), chosen, &mut rng).into_iter().map(|place| self.rows[place]).collect())
    }

    /// The features of a tree.
    fn draw_features(&self, round: usize, output: usize) -> Vec<bool> {
        let features = self.binned.features();
        if self.options.column_fraction >= 1.0 {
            return vec![true; features];
        }
        let chosen = ((self.options.column_fraction * features as f64).round() as usize).max(1);
        let mut rng = stream(self.options.seed, "boosting-features", &[round as u64, output as u64]);
        let mut wanted = vec![false; features];
        choose(features, chosen, &mut rng).into_iter().for_each(|feature| wanted[feature] = true);
        wanted
    }

    /// One tree. If it saw all rows, it is added to their sums here, where their leaves are known.
    fn grow_tree(&mut self, round: usize, output: usize, seen: Option<&[u32]>) -> Tree {
        let BoostingOptions { loss, l2, .. } = *self.options;
        let rows = self.training.weights.len();
        let place = output * rows..(output + 1) * rows;
        let statistics = Statistics::new(2, &self.first[place.clone()], &self.second[place]);
        let wanted = self.draw_features(round, output);
        let mut search = SharedHistograms {
            binned: self.binned,
            statistics: &statistics,
            rules: Rules {
                measure: Measure::Newton { l2 },
                min_rows: self.options.min_leaf,
                min_weight: self.options.min_child_weight,
                floor: self.options.min_gain,
            },
            wanted: &wanted,
            spare: &mut self.spare,
            ordered: &mut self.ordered,
            keepable: usize::MAX,
        };
        let limits = Limits {
            leaves: self.options.leaves,
            depth: self.options.max_depth.unwrap_or(usize::MAX),
            growth: self.options.growth,
        };
        let own = seen.unwrap_or(self.rows).to_vec();
        let total = statistics.total(&own);
        let Grown { mut tree, rows: order, leaves } = grow(&mut search, own, total, 1, limits);
        for (node, range) in leaves {
            let (mut first, mut second, mut weight) = (0.0, 0.0, 0.0);
            for &row in &order[range.clone()] {
                first += self.first[output * rows + row as usize];
                second += self.second[output * rows + row as usize];
                weight += self.training.weights[row as usize];
            }
            let value = self.options.learning_rate * loss.step(first, second, l2);
            tree.set_leaf(node, range.len(), weight, &[value]);
            if seen.is_none() {
                let outputs = self.base.len();
                order[range].iter().for_each(|&row| self.training.sums[row as usize * outputs + output] += value);
            }
        }
        tree.sum_up();
        tree
    }

    /// The model, without the rounds after the lowest loss on the validation examples.
    pub(super) fn finish(mut self) -> Boosted {
        let outputs = self.base.len();
        let rounds = match &self.validation {
            Some(validation) if !validation.losses.is_empty() => lowest(&validation.losses) + 1,
            _ => self.trees.len() / outputs,
        };
        self.trees.truncate(rounds * outputs);
        let link = self.options.loss.link();
        let model = TreeEnsemble::new(self.training.examples.features, link, self.base, 1.0, self.trees);
        let validation = self.validation.map_or_else(Vec::new, |scores| scores.losses);
        Boosted { model, training: self.training.losses, validation, rounds }
    }
}
