//! Which edges and features a prediction rests on: each is taken away in turn (occlusion), and the probability of the
//! class is computed again.
//!
//! A prediction of a network of `L` layers depends on nodes that are at most `L` edges away, so all is computed on these
//! alone, with the sums of rows (degrees) of the whole graph: the numbers are those of a pass over the whole graph.

use super::data::{Edge, Graph, row};
use super::features::NodeFeatures;
use super::network::{GraphModel, Network};
use super::nodes::probabilities;
use super::propagation::{Operator, mean_over, symmetric_over};
use basewise_core::sparse::Csr;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// What a prediction rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Mean probability of each class over the networks.
    pub probabilities: Vec<f64>,
    /// The class that is explained: the most probable one.
    pub class: usize,
    /// Nodes that the prediction depends on, and how many edges away they are; by their numbers.
    pub nodes: Vec<(u32, usize)>,
    /// Edges between them and the probability of the class without each minus that with it; largest change first.
    pub edges: Vec<(Edge, f64)>,
    /// Features that any of the nodes has, and the same where a feature is 0 for all of them; largest change first.
    pub features: Vec<(u32, f64)>,
}

/// The surroundings of a node.
struct Field<'a> {
    model: GraphModel,
    networks: &'a [Network],
    /// In ascending order.
    nodes: Vec<u32>,
    /// The explained node among them.
    centre: usize,
    /// Between them, with their own numbers.
    edges: Vec<Edge>,
    kinds: usize,
    /// Sums of the weights of each node in the whole graph: of all kinds, or of each kind.
    sums: Vec<Vec<f64>>,
}

/// Explains the class of one node.
///
/// # Panics
/// Without networks, or if node, features and graph do not fit.
#[must_use]
pub fn explain(graph: &Graph, networks: &[Network], features: &NodeFeatures, node: u32) -> Explanation {
    let shape = networks[0].shape();
    let adjacency = graph.adjacency(None);
    let distances = within(&adjacency, node, networks[0].reach());
    let field = Field::new(graph, &adjacency, networks, shape.model, node, &distances);
    let own = features.select(&field.nodes);
    let operators = field.operators(None);
    let products: Vec<Vec<Vec<f32>>> =
        networks.iter().map(|network| network.first_products(&own, operators.len())).collect();
    let now = field.predict(&operators, &products);
    let class = (1..now.len()).fold(0, |best, class| if now[class] > now[best] { class } else { best });
    let edge = |number: usize| {
        let edge = field.edges[number];
        let without = field.predict(&field.operators(Some(number)), &products)[class];
        (Edge { ends: edge.ends.map(|end| field.nodes[end as usize]), ..edge }, without - now[class])
    };
    let mut edges: Vec<(Edge, f64)> = (0..field.edges.len()).into_par_iter().map(edge).collect();
    let mut features = field.features(&own, &operators, &products, now[class], class);
    edges.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    features.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    Explanation { probabilities: now, class, nodes: distances.into_iter().collect(), edges, features }
}

/// Nodes at most `reach` edges away, and how many they are away.
fn within(adjacency: &Csr, node: u32, reach: usize) -> BTreeMap<u32, usize> {
    let mut distances = BTreeMap::from([(node, 0)]);
    let mut border = vec![node];
    for distance in 1..=reach {
        let mut next = Vec::new();
        for &from in &border {
            for (to, _) in row(adjacency, from as usize) {
                distances.entry(to).or_insert_with(|| {
                    next.push(to);
                    distance
                });
            }
        }
        border = next;
    }
    distances
}

impl<'a> Field<'a> {
    fn new(
        graph: &Graph,
        adjacency: &Csr,
        networks: &'a [Network],
        model: GraphModel,
        node: u32,
        distances: &BTreeMap<u32, usize>,
    ) -> Self {
        // Ascending as in the whole graph, so that sums have its order.
        let nodes: Vec<u32> = distances.keys().copied().collect();
        let place = |node: u32| nodes.binary_search(&node).ok().map(|place| place as u32);
        let inside = |edge: &Edge| Some(Edge { ends: [place(edge.ends[0])?, place(edge.ends[1])?], ..*edge });
        let edges = graph.edges().iter().filter_map(inside).collect();
        let sums_of = |matrix: &Csr| -> Vec<f64> {
            nodes.iter().map(|&node| row(matrix, node as usize).map(|(_, weight)| f64::from(weight)).sum()).collect()
        };
        let sums = match model {
            GraphModel::Rgcn => (0..graph.kinds() as u32).map(|kind| sums_of(&graph.adjacency(Some(kind)))).collect(),
            _ => vec![sums_of(adjacency)],
        };
        let centre = nodes.binary_search(&node).unwrap_or(0);
        Self { model, networks, centre, edges, kinds: graph.kinds(), sums, nodes }
    }

    /// The operators among the nodes, with one edge left out.
    fn operators(&self, without: Option<usize>) -> Vec<Operator> {
        let edges = self.edges.iter().enumerate().filter(|(number, _)| Some(*number) != without).map(|(_, edge)| *edge);
        let local = Graph::of_sorted(self.nodes.len(), self.kinds, edges.collect());
        let gone = without.map(|number| self.edges[number]);
        let sums = |index: usize| {
            let mut sums = self.sums[index].clone();
            let counts = |edge: &Edge| self.model != GraphModel::Rgcn || edge.kind as usize == index;
            for edge in gone.iter().filter(|edge| counts(edge)) {
                edge.ends.iter().for_each(|&end| sums[end as usize] -= f64::from(edge.weight));
            }
            sums
        };
        match self.model {
            GraphModel::Mlp => Vec::new(),
            GraphModel::Gcn => vec![Operator::new(symmetric_over(&local.adjacency(None), true, &sums(0)))],
            GraphModel::Sage => vec![Operator::new(mean_over(local.adjacency(None), &sums(0)))],
            GraphModel::Rgcn => {
                let of_kind = |kind: u32| mean_over(local.adjacency(Some(kind)), &sums(kind as usize));
                (0..self.kinds as u32).map(|kind| Operator::new(of_kind(kind))).collect()
            }
        }
    }

    /// Mean probabilities of the explained node.
    fn predict(&self, operators: &[Operator], products: &[Vec<Vec<f32>>]) -> Vec<f64> {
        let classes = self.networks[0].shape().outputs;
        let mut mean = vec![0.0; classes];
        for (network, products) in self.networks.iter().zip(products) {
            let scores = network.predict_from(operators, products);
            let own = scores[self.centre * classes..(self.centre + 1) * classes].to_vec();
            let shares = probabilities(own, classes);
            mean.iter_mut().zip(shares).for_each(|(mean, p)| *mean += f64::from(p) / self.networks.len() as f64);
        }
        mean
    }

    /// The change without each feature.
    fn features(
        &self,
        features: &NodeFeatures,
        operators: &[Operator],
        products: &[Vec<Vec<f32>>],
        now: f64,
        class: usize,
    ) -> Vec<(u32, f64)> {
        let mut holders: BTreeMap<u32, Vec<(usize, f32)>> = BTreeMap::new();
        for node in 0..self.nodes.len() {
            for (feature, value) in features.row(node) {
                holders.entry(feature).or_default().push((node, value));
            }
        }
        let weights: Vec<Vec<Vec<f32>>> =
            self.networks.iter().map(|network| network.first_weights(operators.len())).collect();
        let change = |(&feature, holders): (&u32, &Vec<(usize, f32)>)| {
            let mut without = products.to_vec();
            for (product, weight) in without.iter_mut().flatten().zip(weights.iter().flatten()) {
                let width = product.len() / self.nodes.len();
                let weight = &weight[feature as usize * width..(feature as usize + 1) * width];
                for &(node, value) in holders {
                    let own = &mut product[node * width..(node + 1) * width];
                    own.iter_mut().zip(weight).for_each(|(own, w)| *own -= value * w);
                }
            }
            (feature, self.predict(operators, &without)[class] - now)
        };
        holders.par_iter().map(change).collect()
    }
}
