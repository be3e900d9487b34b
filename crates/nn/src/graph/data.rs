//! A graph: nodes by number, and typed, weighted edges without direction.

use basewise_core::sparse::Csr;

/// An edge without direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// The two ends, 0-based.
    pub ends: [u32; 2],
    /// Number of its kind, 0-based.
    pub kind: u32,
    /// How strongly its ends are joined, above 0.
    pub weight: f32,
}

/// Nodes and edges. Edges have their smaller end first, are sorted, and there is one for each pair of nodes and kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    nodes: usize,
    kinds: usize,
    edges: Vec<Edge>,
}

/// Edges that a graph has left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EdgeCounts {
    /// From a node to itself.
    pub self_loops: usize,
    /// Given before in the same direction; the largest weight stays.
    pub repeated: usize,
    /// Given before in the other direction.
    pub both_directions: usize,
}

/// Why numbers are no graph.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GraphError {
    /// An end that is no node, or a kind that there is not.
    #[error("edge {edge}: expected {what} below {limit}, found {found}")]
    Number {
        /// 0-based.
        edge: usize,
        /// Node or kind.
        what: &'static str,
        /// How many there are.
        limit: usize,
        /// As given.
        found: u32,
    },
    /// A weight that is not above 0 and finite.
    #[error("edge {edge}: expected a weight above 0, found {found}")]
    Weight {
        /// 0-based.
        edge: usize,
        /// As given.
        found: f32,
    },
}

impl Graph {
    /// A graph of `nodes` nodes and `kinds` kinds of edges, each pair of nodes once, and what was left out for that.
    ///
    /// # Errors
    /// An edge beyond the nodes or kinds, or with a weight that is not above 0 and finite.
    pub fn new(nodes: usize, kinds: usize, edges: Vec<Edge>) -> Result<(Self, EdgeCounts), GraphError> {
        let mut counts = EdgeCounts::default();
        // Whether the ends were turned, to tell repeats from edges given in both directions.
        let mut own = Vec::with_capacity(edges.len());
        for (number, edge) in edges.into_iter().enumerate() {
            let [a, b] = edge.ends;
            let beyond = |what, limit, found| GraphError::Number { edge: number, what, limit, found };
            if let Some(&end) = edge.ends.iter().find(|&&end| end as usize >= nodes) {
                return Err(beyond("a node", nodes, end));
            }
            if edge.kind as usize >= kinds {
                return Err(beyond("a kind", kinds, edge.kind));
            }
            if !(edge.weight > 0.0 && edge.weight.is_finite()) {
                return Err(GraphError::Weight { edge: number, found: edge.weight });
            }
            if a == b {
                counts.self_loops += 1;
            } else {
                own.push((Edge { ends: [a.min(b), a.max(b)], ..edge }, a > b));
            }
        }
        own.sort_by_key(|(edge, turned)| (edge.ends, edge.kind, *turned));
        let mut kept: Vec<(Edge, bool)> = Vec::with_capacity(own.len());
        for (edge, turned) in own {
            match kept.last_mut() {
                Some((last, way)) if (last.ends, last.kind) == (edge.ends, edge.kind) => {
                    if *way == turned {
                        counts.repeated += 1;
                    } else {
                        counts.both_directions += 1;
                        *way = turned;
                    }
                    last.weight = last.weight.max(edge.weight);
                }
                _ => kept.push((edge, turned)),
            }
        }
        Ok((Self { nodes, kinds, edges: kept.into_iter().map(|(edge, _)| edge).collect() }, counts))
    }

    /// A graph of edges that are in order.
    pub(super) fn of_sorted(nodes: usize, kinds: usize, edges: Vec<Edge>) -> Self {
        Self { nodes, kinds, edges }
    }

    /// Number of nodes.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Number of kinds of edges.
    #[must_use]
    pub fn kinds(&self) -> usize {
        self.kinds
    }

    /// The edges, sorted by their ends and kinds.
    #[must_use]
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The same nodes with some of the edges.
    #[must_use]
    pub fn with_edges(&self, keep: impl Fn(&Edge) -> bool) -> Self {
        Self { edges: self.edges.iter().filter(|edge| keep(edge)).copied().collect(), ..*self }
    }

    /// Weights of the edges of one kind, or of all kinds added up, in both directions: `[nodes, nodes]`.
    #[must_use]
    pub fn adjacency(&self, kind: Option<u32>) -> Csr {
        let own = || self.edges.iter().filter(|edge| kind.is_none_or(|kind| edge.kind == kind));
        let mut entries: Vec<(u32, u32, f32)> = own()
            .flat_map(|edge| [(edge.ends[0], edge.ends[1], edge.weight), (edge.ends[1], edge.ends[0], edge.weight)])
            .collect();
        // Stable, so that weights of several kinds are added in the order of the kinds.
        entries.sort_by_key(|&(row, column, _)| (row, column));
        let mut matrix =
            Csr { rows: self.nodes, columns: self.nodes, starts: vec![0; self.nodes + 1], ..Csr::default() };
        let mut last = None;
        for (row, column, weight) in entries {
            if last == Some((row, column)) {
                if let Some(value) = matrix.values.last_mut() {
                    *value += weight;
                }
                continue;
            }
            matrix.indices.push(column);
            matrix.values.push(weight);
            matrix.starts[row as usize + 1] += 1;
            last = Some((row, column));
        }
        (0..self.nodes).for_each(|row| matrix.starts[row + 1] += matrix.starts[row]);
        matrix
    }

    /// Number of nodes without an edge.
    #[must_use]
    pub fn isolated(&self) -> usize {
        let mut joined = vec![false; self.nodes];
        self.edges.iter().flat_map(|edge| edge.ends).for_each(|end| joined[end as usize] = true);
        joined.iter().filter(|joined| !**joined).count()
    }
}

/// The columns of a row and their values.
pub(super) fn row(matrix: &Csr, row: usize) -> impl Iterator<Item = (u32, f32)> + '_ {
    let own = matrix.starts[row]..matrix.starts[row + 1];
    matrix.indices[own.clone()].iter().copied().zip(matrix.values[own].iter().copied())
}

#[cfg(test)]
mod unit {
    use super::*;

    fn edge(a: u32, b: u32, kind: u32, weight: f32) -> Edge {
        Edge { ends: [a, b], kind, weight }
    }

    #[test]
    fn each_pair_and_kind_stays_once_and_the_rest_is_counted() {
        let given = vec![
            edge(2, 1, 0, 1.0),
            edge(1, 2, 0, 3.0),
            edge(1, 2, 0, 2.0),
            edge(1, 2, 1, 1.0),
            edge(0, 0, 0, 1.0),
            edge(0, 1, 0, 1.0),
        ];
        let (graph, counts) = Graph::new(4, 2, given).unwrap();
        assert_eq!(counts, EdgeCounts { self_loops: 1, repeated: 1, both_directions: 1 });
        assert_eq!(graph.edges(), [edge(0, 1, 0, 1.0), edge(1, 2, 0, 3.0), edge(1, 2, 1, 1.0)]);
        assert_eq!(graph.isolated(), 1);
        let all = graph.adjacency(None);
        assert_eq!(
            (all.starts, all.indices, all.values),
            (vec![0, 1, 3, 4, 4], vec![1, 0, 2, 1], vec![1.0, 1.0, 4.0, 4.0])
        );
        assert_eq!(graph.adjacency(Some(1)).values, [1.0, 1.0]);
    }

    #[test]
    fn what_is_no_graph_is_refused() {
        assert!(Graph::new(2, 1, vec![edge(0, 2, 0, 1.0)]).is_err());
        assert!(Graph::new(2, 1, vec![edge(0, 1, 1, 1.0)]).is_err());
        for weight in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(Graph::new(2, 1, vec![edge(0, 1, 0, weight)]).is_err(), "{weight}");
        }
        let (empty, _) = Graph::new(0, 0, Vec::new()).unwrap();
        assert_eq!((empty.adjacency(None).starts, empty.isolated()), (vec![0], 0));
    }
}
