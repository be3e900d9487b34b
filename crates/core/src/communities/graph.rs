//! A weighted graph, and how well communities of its nodes are apart.

use crate::sparse::Csr;

/// An undirected graph; each edge is in the rows of both of its ends.
#[derive(Clone, Debug)]
pub struct Graph {
    starts: Vec<usize>,
    targets: Vec<u32>,
    weights: Vec<f32>,
    /// Weight of each node's edges to itself, which counts once in its degree: of communities that became nodes.
    pub(super) loops: Vec<f64>,
    pub(super) degrees: Vec<f64>,
    pub(super) total: f64,
}

impl Graph {
    /// From rows of neighbours and weights, which must be symmetric.
    #[must_use]
    pub fn new(rows: &[Vec<(u32, f32)>]) -> Self {
        let mut starts = vec![0];
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        for row in rows {
            targets.extend(row.iter().map(|edge| edge.0));
            weights.extend(row.iter().map(|edge| edge.1));
            starts.push(targets.len());
        }
        Self::from_parts(starts, targets, weights, vec![0.0; rows.len()])
    }

    /// From a symmetric matrix of weights that are not negative; what stands on its diagonal counts as a node's edge to itself.
    #[must_use]
    pub fn from_matrix(matrix: &Csr) -> Self {
        let (mut starts, mut targets, mut weights) = (vec![0], Vec::new(), Vec::new());
        let mut loops = vec![0.0; matrix.rows];
        for (i, own) in loops.iter_mut().enumerate() {
            let (indices, values) = matrix.row(i);
            for (&j, &weight) in indices.iter().zip(values) {
                if j as usize == i {
                    *own += f64::from(weight);
                } else {
                    targets.push(j);
                    weights.push(weight);
                }
            }
            starts.push(targets.len());
        }
        Self::from_parts(starts, targets, weights, loops)
    }

    fn from_parts(starts: Vec<usize>, targets: Vec<u32>, weights: Vec<f32>, loops: Vec<f64>) -> Self {
        let row = |i: usize| weights[starts[i]..starts[i + 1]].iter().map(|&w| f64::from(w)).sum::<f64>();
        let degrees: Vec<f64> = (0..loops.len()).map(|i| loops[i] + row(i)).collect();
        let total = degrees.iter().sum();
        Self { starts, targets, weights, loops, degrees, total }
    }

    /// Number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.loops.len()
    }

    /// Whether there are no nodes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.loops.is_empty()
    }

    /// Sum of the degrees of all nodes.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.total
    }

    pub(super) fn edges(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[i]..self.starts[i + 1];
        self.targets[range.clone()].iter().zip(&self.weights[range]).map(|(&j, &w)| (j as usize, f64::from(w)))
    }

    /// The graph of communities; numbers must be `0..count`.
    pub(super) fn aggregated(&self, communities: &[u32], count: usize) -> Self {
        let mut members = vec![Vec::new(); count];
        for (i, &c) in communities.iter().enumerate() {
            members[c as usize].push(i);
        }
        let (mut starts, mut targets, mut weights) = (vec![0], Vec::new(), Vec::new());
        let mut loops = vec![0.0; count];
        let mut sums = vec![0.0_f64; count];
        for (c, members) in members.iter().enumerate() {
            let mut touched = Vec::new();
            for &i in members {
                loops[c] += self.loops[i];
                for (j, w) in self.edges(i) {
                    let other = communities[j] as usize;
                    if other == c {
                        loops[c] += w;
                    } else {
                        if sums[other] == 0.0 {
                            touched.push(other as u32);
                        }
                        sums[other] += w;
                    }
                }
            }
            touched.sort_unstable();
            touched.dedup();
            for other in touched {
                targets.push(other);
                weights.push(std::mem::take(&mut sums[other as usize]) as f32);
            }
            starts.push(targets.len());
        }
        Self::from_parts(starts, targets, weights, loops)
    }

    /// Modularity: the part of weight within communities, less `resolution` times what degrees would give (Newman and Girvan
    /// 2004; Reichardt and Bornholdt 2006).
    #[must_use]
    pub fn modularity(&self, communities: &[u32], resolution: f64) -> f64 {
        let count = communities.iter().max().map_or(0, |&c| c as usize + 1);
        let (mut within, mut degrees) = (0.0, vec![0.0; count]);
        for (i, &c) in communities.iter().enumerate() {
            degrees[c as usize] += self.degrees[i];
            within += self.loops[i] + self.edges(i).filter(|&(j, _)| communities[j] == c).map(|e| e.1).sum::<f64>();
        }
        if self.total <= 0.0 {
            return 0.0;
        }
        within / self.total - resolution * degrees.iter().map(|d| (d / self.total).powi(2)).sum::<f64>()
    }
}
