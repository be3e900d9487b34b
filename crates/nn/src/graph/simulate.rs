//! A graph whose truth is known: a stochastic block model (Holland et al. 1983) with features that tell a little.

use super::data::{Edge, Graph, GraphError};
use basewise_core::random::{below, normal, stream, uniform};

/// What is simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockModel {
    /// Number of nodes, dealt to the classes in turn.
    pub nodes: usize,
    /// Number of classes.
    pub classes: usize,
    /// Edges of a node, on average.
    pub degree: f64,
    /// Share of edges within a class, 0 to 1; by chance it is one over the number of classes.
    pub within: f64,
    /// Features of a node.
    pub features: usize,
    /// How many standard deviations apart the means of classes are in their own features.
    pub signal: f64,
    /// Kinds of edges. Those of the first kind follow the classes, those of all others join any two nodes.
    pub kinds: usize,
    /// Seed of everything random.
    pub seed: u64,
}

/// A simulated graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// Nodes and edges.
    pub graph: Graph,
    /// The class of each node.
    pub classes: Vec<u32>,
    /// `[nodes, features]`: normal, with variance 1. Feature `f` belongs to class `f` modulo the number of classes.
    pub features: Vec<f32>,
}

impl BlockModel {
    /// Draws a graph.
    ///
    /// # Errors
    /// None for a sound description.
    ///
    /// # Panics
    /// With fewer nodes than two for each class, or no class or kind.
    pub fn simulate(&self) -> Result<Simulated, GraphError> {
        assert!(self.classes > 0 && self.kinds > 0 && self.nodes >= 2 * self.classes, "two nodes for each class");
        let classes: Vec<u32> = (0..self.nodes).map(|node| (node % self.classes) as u32).collect();
        let mut rng = stream(self.seed, "block model edges", &[]);
        let count = (self.nodes as f64 * self.degree / 2.0).round() as usize;
        let mut edges = Vec::with_capacity(count);
        for number in 0..count {
            let kind = number % self.kinds;
            let a = below(&mut rng, self.nodes);
            let class = match (kind, uniform(&mut rng) < self.within) {
                (0, true) => a % self.classes,
                (0, false) => (a % self.classes + 1 + below(&mut rng, self.classes.max(2) - 1)) % self.classes,
                _ => below(&mut rng, self.classes),
            };
            let members = (self.nodes - class).div_ceil(self.classes);
            let b = class + self.classes * below(&mut rng, members);
            if a != b {
                edges.push(Edge { ends: [a as u32, b as u32], kind: kind as u32, weight: 1.0 });
            }
        }
        let mut features = Vec::with_capacity(self.nodes * self.features);
        for node in 0..self.nodes {
            let mut rng = stream(self.seed, "block model features", &[node as u64]);
            for feature in 0..self.features {
                let own = feature % self.classes == node % self.classes;
                features.push((normal(&mut rng) + if own { self.signal } else { 0.0 }) as f32);
            }
        }
        Ok(Simulated { graph: Graph::new(self.nodes, self.kinds, edges)?.0, classes, features })
    }
}
