//! What a graph says without a network.

use super::data::{Graph, row};
use super::propagation::{Operator, symmetric};
use super::split::Pair;
use basewise_core::sparse::Csr;
use rayon::prelude::*;

/// How much of a node's label comes from its neighbours, in a step of label propagation.
pub const SPREAD: f32 = 0.9;

/// Label propagation (Zhou et al. 2004, local and global consistency): `F = a S F + (1 - a) Y` with
/// `S = D^-1/2 A D^-1/2`, from the known classes `Y` of `train`, until nothing changes by more than 1e-6. Gives shares of
/// classes `[nodes, classes]`; those of a node that no label reaches are the frequencies of the classes in `train`.
#[must_use]
pub fn label_propagation(graph: &Graph, labels: &[Option<u32>], classes: usize, train: &[u32]) -> Vec<f32> {
    const STEPS: usize = 1000;
    let operator = Operator::new(symmetric(&graph.adjacency(None), false));
    let mut given = vec![0.0f32; graph.nodes() * classes];
    let mut frequencies = vec![0.0f32; classes];
    for (&node, label) in train.iter().filter_map(|node| labels[*node as usize].map(|label| (node, label))) {
        given[node as usize * classes + label as usize] = 1.0;
        frequencies[label as usize] += 1.0 / train.len() as f32;
    }
    let mut shares = given.clone();
    for _ in 0..STEPS {
        let mut next = vec![0.0; shares.len()];
        operator.add_product(classes, &shares, &mut next);
        next.iter_mut().zip(&given).for_each(|(next, given)| *next = SPREAD * *next + (1.0 - SPREAD) * given);
        let change = next.iter().zip(&shares).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        shares = next;
        if change <= 1e-6 {
            break;
        }
    }
    for own in shares.chunks_exact_mut(classes.max(1)) {
        let sum: f32 = own.iter().sum();
        if sum > 0.0 {
            own.iter_mut().for_each(|share| *share /= sum);
        } else {
            own.copy_from_slice(&frequencies);
        }
    }
    shares
}

/// How many neighbours two nodes have in common, for each pair, and the index of Adamic and Adar (2003), in which a
/// neighbour counts `1 / ln(its neighbours)`. Kinds and weights of edges do not count.
#[must_use]
pub fn common_neighbours(graph: &Graph, pairs: &[Pair]) -> (Vec<f32>, Vec<f32>) {
    let adjacency = graph.adjacency(None);
    let both = |pair: &Pair| {
        let (mut count, mut index) = (0.0, 0.0);
        for node in shared(&adjacency, pair.ends) {
            let degree = adjacency.starts[node as usize + 1] - adjacency.starts[node as usize];
            count += 1.0;
            // A node that two others share has at least two neighbours.
            index += 1.0 / (degree as f64).ln();
        }
        (count, index as f32)
    };
    pairs.par_iter().map(both).unzip()
}

/// Neighbours of both nodes, in order.
fn shared(adjacency: &Csr, [a, b]: [u32; 2]) -> impl Iterator<Item = u32> + '_ {
    let others = adjacency.starts[b as usize]..adjacency.starts[b as usize + 1];
    let others = &adjacency.indices[others];
    row(adjacency, a as usize).map(|(node, _)| node).filter(move |node| others.binary_search(node).is_ok())
}
