//! Which nodes and which links are held out.

use super::data::{Edge, Graph};
use basewise_core::Split;
use basewise_core::random::{below, shuffle, stream};
use std::collections::{BTreeMap, HashSet};

/// Two nodes and a kind of edge that may join them; the smaller node first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pair {
    /// The two ends.
    pub ends: [u32; 2],
    /// Number of the kind.
    pub kind: u32,
}

/// A random split of the nodes whose class is known: in each class the same shares for validation and test, rounded, but
/// at least one node of each class for training.
///
/// # Panics
/// If the shares are below 0 or together not below 1.
#[must_use]
pub fn stratified(labels: &[Option<u32>], valid: f64, test: f64, seed: u64) -> Vec<Option<Split>> {
    assert!(valid >= 0.0 && test >= 0.0 && valid + test < 1.0, "shares of {valid} and {test}");
    let mut classes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (node, label) in labels.iter().enumerate() {
        label.iter().for_each(|&label| classes.entry(label).or_default().push(node));
    }
    let mut splits = vec![None; labels.len()];
    for (class, mut nodes) in classes {
        shuffle(&mut nodes, &mut stream(seed, "graph node split", &[u64::from(class)]));
        let count = |share: f64| (share * nodes.len() as f64).round() as usize;
        let held = (count(valid), count(test));
        let testing = held.1.min(nodes.len() - 1);
        let validating = held.0.min(nodes.len() - 1 - testing);
        for (i, &node) in nodes.iter().enumerate() {
            splits[node] = Some(match i {
                i if i < testing => Split::Test,
                i if i < testing + validating => Split::Valid,
                _ => Split::Train,
            });
        }
    }
    splits
}

/// Links held out of a graph. A held-out link is in no message, in neither direction: all edges between its two nodes, of
/// any kind, are in one part.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkSplit {
    /// What is left: the graph of messages and of training.
    pub train: Graph,
    /// Links for validation, then as many pairs without any edge in the whole graph.
    pub valid: Vec<Pair>,
    /// The same for the test.
    pub test: Vec<Pair>,
}

impl LinkSplit {
    /// Which of held-out pairs are links: those of the first half.
    #[must_use]
    pub fn labels(pairs: &[Pair]) -> Vec<bool> {
        (0..pairs.len()).map(|i| i < pairs.len() / 2).collect()
    }
}

/// Holds out shares of the joined pairs of nodes, at random.
///
/// # Panics
/// If the shares are below 0 or together not below 1.
#[must_use]
pub fn links(graph: &Graph, valid: f64, test: f64, seed: u64) -> LinkSplit {
    assert!(valid >= 0.0 && test >= 0.0 && valid + test < 1.0, "shares of {valid} and {test}");
    let mut joined: Vec<[u32; 2]> = graph.edges().iter().map(|edge| edge.ends).collect();
    joined.dedup();
    shuffle(&mut joined, &mut stream(seed, "graph link split", &[]));
    let count = |share: f64| (share * joined.len() as f64).round() as usize;
    let (testing, validating) = (count(test), count(valid));
    let (test, rest) = joined.split_at(testing.min(joined.len()));
    let (valid, _) = rest.split_at(validating.min(rest.len()));
    let [test, valid]: [HashSet<[u32; 2]>; 2] = [test, valid].map(|pairs| pairs.iter().copied().collect());
    let pairs = |own: &HashSet<[u32; 2]>| -> Vec<Pair> {
        let edges = graph.edges().iter().filter(|edge| own.contains(&edge.ends));
        edges.map(|&Edge { ends, kind, .. }| Pair { ends, kind }).collect()
    };
    let absent = Absent::new(graph);
    let with_negatives = |own: &HashSet<[u32; 2]>, index| {
        let mut all = pairs(own);
        let negatives = absent.draw(&all, seed, "graph held-out negatives", index);
        all.truncate(negatives.len());
        all.extend(negatives);
        all
    };
    LinkSplit {
        train: graph.with_edges(|edge| !test.contains(&edge.ends) && !valid.contains(&edge.ends)),
        valid: with_negatives(&valid, 0),
        test: with_negatives(&test, 1),
    }
}

/// Pairs of nodes that no edge joins.
#[derive(Clone, Debug)]
pub struct Absent {
    nodes: usize,
    joined: HashSet<[u32; 2]>,
}

impl Absent {
    /// Those of a graph.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        Self { nodes: graph.nodes(), joined: graph.edges().iter().map(|edge| edge.ends).collect() }
    }

    /// Whether some edge joins the two; the smaller node comes first.
    #[must_use]
    pub fn is_joined(&self, ends: [u32; 2]) -> bool {
        self.joined.contains(&ends)
    }

    /// One random pair without an edge for each of `like`, of the same kind. Pairs may come twice; there are fewer only in
    /// a graph that is nearly complete.
    #[must_use]
    pub fn draw(&self, like: &[Pair], seed: u64, purpose: &str, index: u64) -> Vec<Pair> {
        const TRIES: usize = 1000;
        let mut rng = stream(seed, purpose, &[index]);
        let mut one = |kind: u32| {
            (0..TRIES).find_map(|_| {
                let (a, b) = (below(&mut rng, self.nodes) as u32, below(&mut rng, self.nodes) as u32);
                let ends = [a.min(b), a.max(b)];
                (a != b && !self.is_joined(ends)).then_some(Pair { ends, kind })
            })
        };
        like.iter().filter_map(|pair| one(pair.kind)).collect()
    }
}
