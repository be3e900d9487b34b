//! What reaches a node from its neighbours: adjacency matrices, normalized.

use super::data::{Graph, row};
use super::network::GraphModel;
use basewise_core::sparse::Csr;
use basewise_kernels::{Level, sparse};

/// A sparse matrix `[nodes, nodes]` with its transpose, which the way back takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Operator {
    forward: Csr,
    backward: Csr,
}

impl Operator {
    /// An operator of this matrix.
    #[must_use]
    pub fn new(matrix: Csr) -> Self {
        Self { backward: transposed(&matrix), forward: matrix }
    }

    /// The matrix.
    #[must_use]
    pub fn matrix(&self) -> &Csr {
        &self.forward
    }

    /// `y += A x`, `x` and `y` `[nodes, width]`.
    pub fn add_product(&self, width: usize, x: &[f32], y: &mut [f32]) {
        sparse::multiply(Level::best(), rows_of(&self.forward), width, x, y, true);
    }

    /// The gradient of `x` in [`Operator::add_product`], added: `dx += Aᵀ dy`.
    pub fn add_gradient(&self, width: usize, dy: &[f32], dx: &mut [f32]) {
        sparse::multiply(Level::best(), rows_of(&self.backward), width, dy, dx, true);
    }
}

/// A matrix as the kernels take it.
pub(super) fn rows_of(matrix: &Csr) -> sparse::Rows<'_> {
    sparse::Rows { starts: &matrix.starts, indices: &matrix.indices, values: &matrix.values, columns: matrix.columns }
}

/// The operators of a kind of network on a graph: none for a perceptron, one for each kind of edge for R-GCN.
#[must_use]
pub fn operators(graph: &Graph, model: GraphModel) -> Vec<Operator> {
    match model {
        GraphModel::Mlp => Vec::new(),
        GraphModel::Gcn => vec![Operator::new(symmetric(&graph.adjacency(None), true))],
        GraphModel::Sage => vec![Operator::new(mean(graph.adjacency(None)))],
        GraphModel::Rgcn => {
            (0..graph.kinds() as u32).map(|kind| Operator::new(mean(graph.adjacency(Some(kind))))).collect()
        }
    }
}

/// `D^-1/2 (A + I) D^-1/2` with `self_loops` (Kipf and Welling 2017, equation 2), else `D^-1/2 A D^-1/2`, where `D` are the
/// sums of the rows. A row without values stays one.
#[must_use]
pub fn symmetric(adjacency: &Csr, self_loops: bool) -> Csr {
    symmetric_over(adjacency, self_loops, &sums(adjacency))
}

/// [`symmetric`] with given sums of the rows.
pub(super) fn symmetric_over(adjacency: &Csr, self_loops: bool, sums: &[f64]) -> Csr {
    let degrees: Vec<f64> = sums.iter().map(|sum| if self_loops { sum + 1.0 } else { *sum }).collect();
    let scale = |a: usize, b: u32| 1.0 / (degrees[a] * degrees[b as usize]).sqrt();
    let mut matrix = Csr { rows: adjacency.rows, columns: adjacency.columns, starts: vec![0], ..Csr::default() };
    for node in 0..adjacency.rows {
        let mut waiting = self_loops.then_some(node as u32);
        for (column, weight) in row(adjacency, node) {
            if let Some(itself) = waiting.take_if(|itself| *itself < column) {
                matrix.indices.push(itself);
                matrix.values.push(scale(node, itself) as f32);
            }
            matrix.indices.push(column);
            matrix.values.push((f64::from(weight) * scale(node, column)) as f32);
        }
        if let Some(itself) = waiting {
            matrix.indices.push(itself);
            matrix.values.push(scale(node, itself) as f32);
        }
        matrix.starts.push(matrix.indices.len());
    }
    matrix
}

/// `D^-1 A`: the weighted mean over neighbours (Hamilton et al. 2017; for each kind of edge Schlichtkrull et al. 2018,
/// equation 2, with the number of neighbours of the kind).
#[must_use]
pub fn mean(adjacency: Csr) -> Csr {
    let sums = sums(&adjacency);
    mean_over(adjacency, &sums)
}

/// [`mean`] with given sums of the rows.
pub(super) fn mean_over(mut adjacency: Csr, sums: &[f64]) -> Csr {
    for (node, sum) in sums.iter().enumerate() {
        let own = &mut adjacency.values[adjacency.starts[node]..adjacency.starts[node + 1]];
        own.iter_mut().for_each(|weight| *weight = (f64::from(*weight) / sum) as f32);
    }
    adjacency
}

fn sums(matrix: &Csr) -> Vec<f64> {
    (0..matrix.rows).map(|node| row(matrix, node).map(|(_, weight)| f64::from(weight)).sum()).collect()
}

/// The transpose.
#[must_use]
pub fn transposed(matrix: &Csr) -> Csr {
    let (turned, places) = transposed_places(matrix);
    Csr { values: places.iter().map(|&place| matrix.values[place as usize]).collect(), ..turned }
}

/// The transpose without values, and for each of them its place in the matrix.
pub(super) fn transposed_places(matrix: &Csr) -> (Csr, Vec<u32>) {
    let mut starts = vec![0usize; matrix.columns + 1];
    matrix.indices.iter().for_each(|&column| starts[column as usize + 1] += 1);
    (0..matrix.columns).for_each(|column| starts[column + 1] += starts[column]);
    let mut next = starts.clone();
    let (mut indices, mut places) = (vec![0; matrix.indices.len()], vec![0; matrix.indices.len()]);
    for node in 0..matrix.rows {
        for place in matrix.starts[node]..matrix.starts[node + 1] {
            let free = &mut next[matrix.indices[place] as usize];
            indices[*free] = node as u32;
            places[*free] = place as u32;
            *free += 1;
        }
    }
    (Csr { rows: matrix.columns, columns: matrix.rows, starts, indices, values: Vec::new() }, places)
}

#[cfg(test)]
mod unit {
    use super::super::data::Edge;
    use super::*;

    /// 0 - 1 with weight 1, 1 - 2 with weight 3, and node 3 alone.
    fn adjacency() -> Csr {
        let edges = vec![Edge { ends: [0, 1], kind: 0, weight: 1.0 }, Edge { ends: [1, 2], kind: 0, weight: 3.0 }];
        Graph::new(4, 1, edges).unwrap().0.adjacency(None)
    }

    fn dense(matrix: &Csr) -> Vec<f64> {
        let mut all = vec![0.0; matrix.rows * matrix.columns];
        for node in 0..matrix.rows {
            row(matrix, node)
                .for_each(|(column, value)| all[node * matrix.columns + column as usize] = f64::from(value));
        }
        all
    }

    #[test]
    fn normalizations_are_those_of_their_papers() {
        let got = dense(&symmetric(&adjacency(), true));
        // Degrees with self loops: 2, 5, 4, 1.
        let want = [
            [0.5, 1.0 / 10f64.sqrt(), 0.0, 0.0],
            [1.0 / 10f64.sqrt(), 0.2, 3.0 / 20f64.sqrt(), 0.0],
            [0.0, 3.0 / 20f64.sqrt(), 0.25, 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ];
        assert!(got.iter().zip(want.as_flattened()).all(|(got, want)| (got - want).abs() < 1e-7), "{got:?}");
        let got = dense(&mean(adjacency()));
        let want = [[0.0, 1.0, 0.0, 0.0], [0.25, 0.0, 0.75, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0; 4]];
        assert_eq!(got, want.as_flattened());
        assert_eq!(dense(&symmetric(&adjacency(), false))[1], 0.5);
    }

    #[test]
    fn a_matrix_turned_twice_is_itself() {
        let matrix = mean(adjacency());
        let turned = transposed(&matrix);
        assert_eq!(transposed(&turned), matrix);
        let (columns, flat, back) = (matrix.columns, dense(&matrix), dense(&turned));
        assert!((0..16).all(|i| flat[i] == back[i % columns * columns + i / columns]));
    }
}
