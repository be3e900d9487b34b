//! How much each feature matters.

use super::TreeEnsemble;
use crate::{Features, FeaturesError};
use basewise_core::random::{shuffle, stream};

impl TreeEnsemble {
    /// The share of each feature in the gains of all splits (Breiman et al. 1984), summing to 1; all 0 without a split.
    /// Each tree counts by its own gains, those of a forest equally.
    ///
    /// Features with many values are favoured, and it is measured on the training examples: compare with
    /// [`permutation_importance`].
    #[must_use]
    pub fn gain_importance(&self) -> Vec<f64> {
        let mut all = vec![0.0; self.features().len()];
        for tree in self.trees() {
            for node in tree.nodes().iter().filter(|node| !node.is_leaf()) {
                all[node.feature as usize] +=
                    node.gain / if self.scale() == 1.0 { 1.0 } else { tree.nodes()[0].weight };
            }
        }
        let sum: f64 = all.iter().sum();
        if sum > 0.0 {
            all.iter_mut().for_each(|gain| *gain /= sum);
        }
        all
    }

    /// Columns that any tree asks for, ascending.
    #[must_use]
    pub fn used_features(&self) -> Vec<usize> {
        let mut used = vec![false; self.features().len()];
        for node in self.trees().iter().flat_map(|tree| tree.nodes()).filter(|node| !node.is_leaf()) {
            used[node.feature as usize] = true;
        }
        (0..used.len()).filter(|&column| used[column]).collect()
    }
}

/// What shuffling a feature costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PermutationImportance {
    /// Place of the feature.
    pub column: usize,
    /// Score as it is minus that with the feature shuffled, mean over the repeats.
    pub mean: f64,
    /// Standard deviation over the repeats; 0 for one repeat.
    pub deviation: f64,
}

/// How much the score of any model falls when one feature is shuffled among the examples (Breiman 2001; Fisher, Rudin
/// and Dominici 2019), for each of `columns`. `score` is higher for a better model, such as its AUROC on these features.
///
/// Of features that tell the same, each may seem to matter little. Ask for [`TreeEnsemble::used_features`] only: the
/// others cannot matter.
///
/// # Errors
/// What `score` returns, or if columns are put together wrongly.
pub fn permutation_importance<E: From<FeaturesError>>(
    features: &Features,
    columns: &[usize],
    repeats: usize,
    seed: u64,
    score: impl Fn(&Features) -> Result<f64, E>,
) -> Result<Vec<PermutationImportance>, E> {
    let whole = score(features)?;
    let mut found = Vec::with_capacity(columns.len());
    for &column in columns {
        let mut falls = Vec::with_capacity(repeats);
        for repeat in 0..repeats {
            let mut order: Vec<usize> = (0..features.rows()).collect();
            shuffle(&mut order, &mut stream(seed, "permutation-importance", &[column as u64, repeat as u64]));
            falls.push(whole - score(&with_order(features, column, &order)?)?);
        }
        let mean = falls.iter().sum::<f64>() / repeats.max(1) as f64;
        let squares: f64 = falls.iter().map(|fall| (fall - mean).powi(2)).sum();
        let deviation = (squares / repeats.saturating_sub(1).max(1) as f64).sqrt();
        found.push(PermutationImportance { column, mean, deviation });
    }
    Ok(found)
}

/// The same features with one column in another order of rows.
fn with_order(features: &Features, column: usize, order: &[usize]) -> Result<Features, FeaturesError> {
    let names = features.names().to_vec();
    if !features.is_sparse() {
        let mut values = Vec::with_capacity(features.stored());
        for (row, &other) in order.iter().enumerate() {
            values.extend(features.row(row).map(|(_, value)| value));
            values[row * names.len() + column] = features.get(other, column);
        }
        return Features::dense(names, features.rows(), values);
    }
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for (row, &other) in order.iter().enumerate() {
        let own = Some((column, features.get(other, column))).filter(|&(_, value)| value != 0.0);
        let before = features.row(row).take_while(|&(place, _)| place < column);
        let after = features.row(row).skip_while(|&(place, _)| place <= column);
        for (place, value) in before.chain(own).chain(after) {
            columns.push(place as u32);
            values.push(value);
        }
        starts.push(values.len());
    }
    Features::sparse(names, starts, columns, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_column_is_reordered() {
        let names: Vec<String> = (0..3).map(|i| format!("f{i}")).collect();
        let values = vec![1.0, 0.0, 2.0, 0.0, 3.0, 0.0, 4.0, 5.0, 6.0];
        let dense = Features::dense(names.clone(), 3, values).unwrap();
        let sparse =
            Features::sparse(names, vec![0, 2, 3, 6], vec![0, 2, 1, 0, 1, 2], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
                .unwrap();
        let order = [2, 0, 1];
        for features in [dense, sparse] {
            let moved = with_order(&features, 1, &order).unwrap();
            assert_eq!(moved.is_sparse(), features.is_sparse());
            for (row, &other) in order.iter().enumerate() {
                let expected = [features.get(row, 0), features.get(other, 1), features.get(row, 2)];
                assert_eq!([0, 1, 2].map(|column| moved.get(row, column)), expected);
            }
        }
    }
}
