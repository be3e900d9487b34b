//! Graphs of neighbours: how strongly two rows are connected.

use super::Neighbors;
use basewise_core::sparse::Csr;
use rayon::prelude::*;

/// Least width of a neighbourhood, as a part of the mean distance.
const LEAST_WIDTH: f64 = 1e-3;

impl Neighbors {
    /// Distances of neighbours, `[rows, rows]`: not symmetric.
    #[must_use]
    pub fn distance_graph(&self) -> Csr {
        self.with_values(&self.distances)
    }

    /// Connections as UMAP defines them (McInnes, Healy and Melville 2018, section 3.1), `0..=1` and symmetric: each row
    /// reaches its nearest neighbour fully, the others by an exponential whose width makes the sum of its connections
    /// `log2(count + 1)`; `a + b - a b` joins both directions. scanpy counts a row as its own neighbour, so that its
    /// `n_neighbors` is `count + 1`.
    #[must_use]
    pub fn connectivities(&self) -> Csr {
        let all = self.distances.iter().map(|&d| f64::from(d)).sum::<f64>();
        // The row itself counts with distance 0.
        let mean = all / (self.rows() * (self.count + 1)).max(1) as f64;
        let rows = (0..self.rows()).into_par_iter();
        let memberships: Vec<f32> = rows.flat_map_iter(|i| memberships(self.of(i).1, mean)).collect();
        joined(&self.with_values(&memberships), |a, b| a + b - a * b)
    }

    /// The part of neighbours (and the rows themselves) that two rows share, of all that either has, for rows of which one is
    /// a neighbour of the other; symmetric. PhenoGraph's weights (Levine et al. 2015).
    #[must_use]
    pub fn jaccard(&self) -> Csr {
        let sets: Vec<Vec<u32>> = (0..self.rows())
            .map(|i| {
                let mut set = self.of(i).0.to_vec();
                set.push(i as u32);
                set.sort_unstable();
                set
            })
            .collect();
        let share = |a: &[u32], b: &[u32]| {
            let both = a.iter().filter(|j| b.binary_search(j).is_ok()).count();
            both as f32 / (a.len() + b.len() - both) as f32
        };
        let rows = (0..self.rows()).into_par_iter();
        let of_row = |i: usize| self.of(i).0.iter().map(move |&j| (i, j as usize));
        let values: Vec<f32> = rows.flat_map_iter(of_row).map(|(i, j)| share(&sets[i], &sets[j])).collect();
        joined(&self.with_values(&values), f32::max)
    }

    /// `[rows, rows]` with a value for each neighbour.
    pub(in crate::unsupervised) fn with_values(&self, values: &[f32]) -> Csr {
        let n = self.rows();
        let mut graph = Csr { rows: n, columns: n, starts: vec![0], ..Csr::default() };
        for i in 0..n {
            let mut row: Vec<(u32, f32)> =
                self.of(i).0.iter().copied().zip(values[i * self.count..].iter().copied()).collect();
            row.sort_unstable_by_key(|edge| edge.0);
            graph.indices.extend(row.iter().map(|edge| edge.0));
            graph.values.extend(row.iter().map(|edge| edge.1));
            graph.starts.push(graph.values.len());
        }
        graph
    }
}

#[cfg(test)]
pub(super) fn memberships_for_test(neighbors: &Neighbors, row: usize) -> Vec<f32> {
    memberships(neighbors.of(row).1, 1.0)
}

/// Connections of a row to its neighbours at `distances`, which ascend; `mean` is that of all distances.
fn memberships(distances: &[f32], mean: f64) -> Vec<f32> {
    let nearest = distances.iter().copied().find(|&d| d > 0.0).map_or(0.0, f64::from);
    let over: Vec<f64> = distances.iter().map(|&d| f64::from(d) - nearest).collect();
    let target = ((distances.len() + 1) as f64).log2();
    let sum = |width: f64| over.iter().map(|&d| if d > 0.0 { (-d / width).exp() } else { 1.0 }).sum::<f64>();
    let (mut low, mut high, mut width) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..64 {
        let found = sum(width);
        if (found - target).abs() < 1e-5 {
            break;
        }
        if found > target {
            high = width;
            width = f64::midpoint(low, high);
        } else {
            low = width;
            width = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * width };
        }
    }
    let own = distances.iter().map(|&d| f64::from(d)).sum::<f64>() / (distances.len() + 1) as f64;
    let least = LEAST_WIDTH * if nearest > 0.0 { own } else { mean };
    let width = width.max(least);
    over.iter().map(|&d| if d <= 0.0 || width == 0.0 { 1.0 } else { (-d / width).exp() as f32 }).collect()
}

/// What `join` makes of the values of both directions, 0 where there is none; symmetric. Results of 0 are not stored.
pub(in crate::unsupervised) fn joined(graph: &Csr, join: impl Fn(f32, f32) -> f32) -> Csr {
    let other = graph.transposed();
    let mut out = Csr { rows: graph.rows, columns: graph.columns, starts: vec![0], ..Csr::default() };
    for i in 0..graph.rows {
        let (a, b) = (graph.row(i), other.row(i));
        let (mut p, mut q) = (0, 0);
        while p < a.0.len() || q < b.0.len() {
            let (one, two) = (a.0.get(p).copied().unwrap_or(u32::MAX), b.0.get(q).copied().unwrap_or(u32::MAX));
            let column = one.min(two);
            let x = if one == column { (a.1[p], p += 1).0 } else { 0.0 };
            let y = if two == column { (b.1[q], q += 1).0 } else { 0.0 };
            let value = join(x, y);
            if value > 0.0 {
                out.indices.push(column);
                out.values.push(value);
            }
        }
        out.starts.push(out.values.len());
    }
    out
}
