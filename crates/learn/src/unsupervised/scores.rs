//! How well clusters agree with labels, and how well they are apart.

use super::UnsupervisedError;
use super::rows::{Rows, squared_distance};
use basewise_core::Matrix;
use basewise_core::random::{shuffle, stream};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts of pairs of labels.
struct Contingency {
    both: BTreeMap<(u32, u32), f64>,
    one: BTreeMap<u32, f64>,
    other: BTreeMap<u32, f64>,
    rows: f64,
}

impl Contingency {
    fn new(one: &[u32], other: &[u32]) -> Result<Self, UnsupervisedError> {
        if one.len() != other.len() {
            return Err(UnsupervisedError::Lengths { what: "labels", expected: one.len(), found: other.len() });
        }
        let mut counts =
            Self { both: BTreeMap::new(), one: BTreeMap::new(), other: BTreeMap::new(), rows: one.len() as f64 };
        for (&a, &b) in one.iter().zip(other) {
            *counts.both.entry((a, b)).or_default() += 1.0;
            *counts.one.entry(a).or_default() += 1.0;
            *counts.other.entry(b).or_default() += 1.0;
        }
        Ok(counts)
    }

    /// Nats.
    fn mutual_information(&self) -> f64 {
        let term = |(&(a, b), &count): (&(u32, u32), &f64)| {
            count / self.rows * (count * self.rows / (self.one[&a] * self.other[&b])).ln()
        };
        self.both.iter().map(term).sum::<f64>().max(0.0)
    }

    /// Nats.
    fn entropy(&self, counts: &BTreeMap<u32, f64>) -> f64 {
        let term = |&count: &f64| -(count / self.rows) * (count / self.rows).ln();
        counts.values().map(term).sum::<f64>().max(0.0)
    }
}

/// The Rand index of two labellings, corrected for chance (Hubert and Arabie 1985): 1 for the same partition, about 0 for
/// unrelated ones.
///
/// # Errors
/// If the labellings differ in length.
pub fn adjusted_rand(labels: &[u32], clusters: &[u32]) -> Result<f64, UnsupervisedError> {
    let counts = Contingency::new(labels, clusters)?;
    let pairs = |counts: &mut dyn Iterator<Item = f64>| counts.map(|n| n * (n - 1.0) / 2.0).sum::<f64>();
    let both = pairs(&mut counts.both.values().copied());
    let one = pairs(&mut counts.one.values().copied());
    let other = pairs(&mut counts.other.values().copied());
    let all = counts.rows * (counts.rows - 1.0) / 2.0;
    let expected = if all > 0.0 { one * other / all } else { 0.0 };
    let largest = f64::midpoint(one, other);
    Ok(if largest == expected { 1.0 } else { (both - expected) / (largest - expected) })
}

/// Mutual information over the mean of both entropies, `0..=1`; 1 if both labellings have one cluster.
///
/// # Errors
/// If the labellings differ in length.
pub fn normalized_mutual_information(labels: &[u32], clusters: &[u32]) -> Result<f64, UnsupervisedError> {
    let counts = Contingency::new(labels, clusters)?;
    let (one, other) = (counts.entropy(&counts.one), counts.entropy(&counts.other));
    let mean = f64::midpoint(one, other);
    Ok(if mean == 0.0 { 1.0 } else { (counts.mutual_information() / mean).min(1.0) })
}

/// How far each cluster holds one label alone, `0..=1` (Rosenberg and Hirschberg 2007).
///
/// # Errors
/// If the labellings differ in length.
pub fn homogeneity(labels: &[u32], clusters: &[u32]) -> Result<f64, UnsupervisedError> {
    let counts = Contingency::new(labels, clusters)?;
    let entropy = counts.entropy(&counts.one);
    Ok(if entropy == 0.0 { 1.0 } else { (counts.mutual_information() / entropy).min(1.0) })
}

/// How far each label lies in one cluster alone, `0..=1`.
///
/// # Errors
/// If the labellings differ in length.
pub fn completeness(labels: &[u32], clusters: &[u32]) -> Result<f64, UnsupervisedError> {
    homogeneity(clusters, labels)
}

/// How much nearer rows are to their own cluster than to the next one (Rousseeuw 1987).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silhouette {
    /// Mean of the values; none unless there are two clusters.
    pub mean: Option<f64>,
    /// The rows that were looked at, ascending.
    pub rows: Vec<usize>,
    /// Of each of them, `-1..=1`; 0 for a cluster of one row.
    pub values: Vec<f64>,
    /// Mean of each cluster `0..`; none without rows.
    pub by_cluster: Vec<Option<f64>>,
}

/// Silhouettes by Euclidean distance of all rows, or of `sample` rows among themselves.
///
/// # Errors
/// If labels do not go with the rows, or values are not finite.
pub fn silhouette(
    rows: &Matrix,
    labels: &[u32],
    sample: Option<usize>,
    seed: u64,
) -> Result<Silhouette, UnsupervisedError> {
    if labels.len() != rows.rows() {
        return Err(UnsupervisedError::Lengths { what: "labels", expected: rows.rows(), found: labels.len() });
    }
    Rows::Dense(rows).check()?;
    let mut chosen: Vec<usize> = (0..rows.rows()).collect();
    if let Some(sample) = sample.filter(|&sample| sample < chosen.len()) {
        shuffle(&mut chosen, &mut stream(seed, "silhouette", &[]));
        chosen.truncate(sample);
        chosen.sort_unstable();
    }
    let clusters = labels.iter().max().map_or(0, |&most| most as usize + 1);
    let mut counts = vec![0_usize; clusters];
    chosen.iter().for_each(|&i| counts[labels[i] as usize] += 1);
    if counts.iter().filter(|&&count| count > 0).count() < 2 {
        return Ok(Silhouette { mean: None, rows: Vec::new(), values: Vec::new(), by_cluster: vec![None; clusters] });
    }
    let one = |&i: &usize| {
        let mut sums = vec![0.0_f64; clusters];
        for &j in &chosen {
            sums[labels[j] as usize] += f64::from(squared_distance(rows.row(i), rows.row(j))).sqrt();
        }
        value_of(labels[i] as usize, &sums, &counts)
    };
    let values: Vec<f64> = chosen.par_iter().map(one).collect();
    let mut sums = vec![0.0; clusters];
    chosen.iter().zip(&values).for_each(|(&i, value)| sums[labels[i] as usize] += value);
    let by_cluster = sums.iter().zip(&counts).map(|(sum, &count)| (count > 0).then(|| sum / count as f64)).collect();
    let mean = Some(values.iter().sum::<f64>() / values.len() as f64);
    Ok(Silhouette { mean, rows: chosen, values, by_cluster })
}

/// The silhouette of a row of a cluster from sums of its distances to each cluster.
fn value_of(own: usize, sums: &[f64], counts: &[usize]) -> f64 {
    if counts[own] < 2 {
        return 0.0;
    }
    let within = sums[own] / (counts[own] - 1) as f64;
    let others = (0..counts.len()).filter(|&c| c != own && counts[c] > 0);
    let next = others.map(|c| sums[c] / counts[c] as f64).fold(f64::INFINITY, f64::min);
    let largest = within.max(next);
    if largest > 0.0 { (next - within) / largest } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_partition_under_other_names_agrees_fully() {
        let (a, b) = ([0, 0, 1, 1, 2], [5, 5, 0, 0, 3]);
        for score in [adjusted_rand, normalized_mutual_information, homogeneity, completeness] {
            assert!((score(&a, &b).unwrap() - 1.0).abs() < 1e-12);
            assert!((score(&[1, 1], &[0, 0]).unwrap() - 1.0).abs() < 1e-12);
            assert!(score(&a, &b[1..]).is_err());
        }
    }

    #[test]
    fn by_hand() {
        // Pairs within: 1 in both, 2 in each, 6 in all.
        let (a, b) = ([0, 0, 1, 1], [0, 0, 1, 2]);
        assert!((adjusted_rand(&a, &b).unwrap() - (1.0 - 1.0 / 3.0) / (1.5 - 1.0 / 3.0)).abs() < 1e-12);
        assert!((homogeneity(&a, &b).unwrap() - 1.0).abs() < 1e-12);
        assert!((completeness(&a, &b).unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert!((normalized_mutual_information(&a, &b).unwrap() - 0.8).abs() < 1e-12);
    }

    #[test]
    fn silhouettes_by_hand() {
        let x = Matrix::new(4, 1, vec![0.0, 1.0, 4.0, 9.0]);
        let found = silhouette(&x, &[0, 0, 1, 3], None, 0).unwrap();
        // Distances to the own cluster 1 and 1, to the next one 4 and 3; one row alone has 0.
        assert_eq!(found.values, [0.75, 2.0 / 3.0, 0.0, 0.0]);
        assert_eq!(found.by_cluster, [Some((0.75 + 2.0 / 3.0) / 2.0), Some(0.0), None, Some(0.0)]);
        assert_eq!(silhouette(&x, &[1; 4], None, 0).unwrap().mean, None);
        assert_eq!(silhouette(&x, &[0, 0, 1, 1], Some(3), 1).unwrap().rows.len(), 3);
        assert!(silhouette(&x, &[0], None, 0).is_err());
    }
}
