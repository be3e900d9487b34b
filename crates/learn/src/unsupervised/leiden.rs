//! Communities of a graph of rows.

use super::UnsupervisedError;
use basewise_core::communities::{Graph, best_of};
use basewise_core::sparse::Csr;

/// How communities are looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct LeidenOptions {
    /// Above 0; the higher, the more communities. 1 is plain modularity.
    pub resolution: f64,
    /// Starts, of which the one with the highest modularity is kept.
    pub restarts: usize,
    /// Of the starts.
    pub seed: u64,
}

impl Default for LeidenOptions {
    fn default() -> Self {
        Self { resolution: 1.0, restarts: 1, seed: 0 }
    }
}

/// Communities, the largest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Communities {
    /// Of each row.
    pub labels: Vec<u32>,
    /// At the resolution that was asked for.
    pub modularity: f64,
}

/// Communities of a symmetric graph by the Leiden algorithm (Traag, Waltman and van Eck 2019).
///
/// # Errors
/// If the graph is not square and symmetric, weights are negative or not finite, or a setting is out of its range.
pub fn leiden(graph: &Csr, options: &LeidenOptions) -> Result<Communities, UnsupervisedError> {
    let LeidenOptions { resolution, restarts, seed } = *options;
    let fine = resolution > 0.0 && resolution.is_finite();
    UnsupervisedError::unless(fine, "resolution", "a number above 0", resolution)?;
    UnsupervisedError::unless(restarts > 0, "restarts", "at least 1", restarts)?;
    super::Rows::Sparse(graph).check()?;
    if let Some(place) = graph.values.iter().position(|&weight| weight < 0.0) {
        let row = graph.starts.partition_point(|&start| start <= place) - 1;
        let (column, found) = (graph.indices[place] as usize, graph.values[place]);
        return Err(UnsupervisedError::Negative { row, column, found, hint: "give similarities, not distances" });
    }
    let symmetric = graph.rows == graph.columns && *graph == graph.transposed();
    UnsupervisedError::unless(symmetric, "graph", "a symmetric matrix", "weights that differ by direction")?;
    let graph = Graph::from_matrix(graph);
    let labels = by_size(&best_of(&graph, resolution, restarts, seed));
    Ok(Communities { modularity: graph.modularity(&labels, resolution), labels })
}

/// Numbers communities by falling size; equally large ones in the order of their first row.
fn by_size(labels: &[u32]) -> Vec<u32> {
    let mut sizes = vec![0_usize; labels.iter().max().map_or(0, |&most| most as usize + 1)];
    labels.iter().for_each(|&label| sizes[label as usize] += 1);
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&label| std::cmp::Reverse(sizes[label]));
    let mut new = vec![0; sizes.len()];
    order.iter().enumerate().for_each(|(at, &label)| new[label] = at as u32);
    labels.iter().map(|&label| new[label as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::kmeans::tests::blobs;
    use super::super::{Metric, Neighbors};
    use super::*;

    #[test]
    fn clusters_of_rows_are_communities_of_their_neighbours() {
        let x = blobs(600, 5, 6);
        let graph = Neighbors::find(&x, 14, Metric::Euclidean).unwrap().connectivities();
        let found = leiden(&graph, &LeidenOptions { resolution: 0.1, ..LeidenOptions::default() }).unwrap();
        assert!((0..600).all(|i| (found.labels[i] == found.labels[0]) == (i % 6 == 0)));
        assert_eq!(found.labels.iter().max(), Some(&5));
    }

    #[test]
    fn the_largest_comes_first() {
        assert_eq!(by_size(&[0, 1, 1, 2, 2, 2]), [2, 1, 1, 0, 0, 0]);
        assert!(by_size(&[]).is_empty());
    }

    #[test]
    fn graphs_of_other_kinds_are_refused() {
        let one = |values: Vec<f32>| Csr::new(2, vec![0, 1, 2], vec![1, 0], values).unwrap();
        assert!(leiden(&one(vec![1.0, 1.0]), &LeidenOptions::default()).is_ok());
        for values in [vec![1.0, 2.0], vec![-1.0, -1.0], vec![f32::NAN, 1.0]] {
            assert!(leiden(&one(values), &LeidenOptions::default()).is_err());
        }
    }
}
