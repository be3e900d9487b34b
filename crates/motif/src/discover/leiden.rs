//! Communities of a weighted graph by modularity: the Leiden algorithm (Traag, Waltman and van Eck 2019).

use basewise_core::random::{shuffle, stream, uniform};
use rayon::prelude::*;
use std::collections::VecDeque;

/// An undirected graph; each edge is in the rows of both of its ends.
pub(super) struct Graph {
    starts: Vec<usize>,
    targets: Vec<u32>,
    weights: Vec<f32>,
    /// Weight of each node's edges to itself, which counts once in its degree: of communities that became nodes.
    loops: Vec<f64>,
    degrees: Vec<f64>,
    total: f64,
}

/// Randomness of the refinement: merges are drawn by `exp(gain / (THETA * largest gain))`.
const THETA: f64 = 0.01;

impl Graph {
    /// From rows of neighbours and weights, which must be symmetric.
    pub(super) fn new(rows: &[Vec<(u32, f32)>]) -> Self {
        let mut starts = vec![0];
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        for row in rows {
            targets.extend(row.iter().map(|edge| edge.0));
            weights.extend(row.iter().map(|edge| edge.1));
            starts.push(targets.len());
        }
        Self::from_parts(starts, targets, weights, vec![0.0; rows.len()])
    }

    fn from_parts(starts: Vec<usize>, targets: Vec<u32>, weights: Vec<f32>, loops: Vec<f64>) -> Self {
        let row = |i: usize| weights[starts[i]..starts[i + 1]].iter().map(|&w| f64::from(w)).sum::<f64>();
        let degrees: Vec<f64> = (0..loops.len()).map(|i| loops[i] + row(i)).collect();
        let total = degrees.iter().sum();
        Self { starts, targets, weights, loops, degrees, total }
    }

    pub(super) fn len(&self) -> usize {
        self.loops.len()
    }

    /// Sum of the degrees of all nodes.
    #[cfg(test)]
    pub(super) fn total(&self) -> f64 {
        self.total
    }

    fn edges(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[i]..self.starts[i + 1];
        self.targets[range.clone()].iter().zip(&self.weights[range]).map(|(&j, &w)| (j as usize, f64::from(w)))
    }

    /// The graph of communities; numbers must be `0..count`.
    fn aggregated(&self, communities: &[u32], count: usize) -> Self {
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

    /// Modularity: the part of weight within communities, less what degrees would give.
    pub(super) fn modularity(&self, communities: &[u32]) -> f64 {
        let count = communities.iter().max().map_or(0, |&c| c as usize + 1);
        let (mut within, mut degrees) = (0.0, vec![0.0; count]);
        for (i, &c) in communities.iter().enumerate() {
            degrees[c as usize] += self.degrees[i];
            within += self.loops[i] + self.edges(i).filter(|&(j, _)| communities[j] == c).map(|e| e.1).sum::<f64>();
        }
        if self.total <= 0.0 {
            return 0.0;
        }
        within / self.total - degrees.iter().map(|d| (d / self.total).powi(2)).sum::<f64>()
    }
}

/// The communities of the highest modularity among those from `runs` starts; numbered by their first node.
pub(super) fn best_of(graph: &Graph, runs: usize, seed: u64) -> Vec<u32> {
    let one = |run: usize| {
        let communities = leiden(graph, seed, run as u64);
        (graph.modularity(&communities), communities)
    };
    let all: Vec<(f64, Vec<u32>)> = (0..runs.max(1)).into_par_iter().map(one).collect();
    let mut best = 0;
    for (i, (quality, _)) in all.iter().enumerate() {
        if *quality > all[best].0 {
            best = i;
        }
    }
    all.into_iter().nth(best).map_or_else(Vec::new, |(_, communities)| communities)
}

/// Passes until no node moves.
fn leiden(graph: &Graph, seed: u64, run: u64) -> Vec<u32> {
    let mut communities: Vec<u32> = (0..graph.len() as u32).collect();
    for pass in 0..100 {
        let before = communities.clone();
        communities = one_pass(graph, communities, seed, &[run, pass]);
        if communities == before {
            break;
        }
    }
    communities
}

/// Moves nodes, refines, and goes on with the graph of the refined communities, until each is a node.
fn one_pass(graph: &Graph, start: Vec<u32>, seed: u64, key: &[u64]) -> Vec<u32> {
    let mut membership: Vec<u32> = (0..graph.len() as u32).collect();
    let mut communities = start;
    let mut level_graph: Option<Graph> = None;
    for level in 0.. {
        let here = level_graph.as_ref().unwrap_or(graph);
        let key = [key, &[level]].concat();
        let mut rng = stream(seed, "leiden", &key);
        move_nodes(here, &mut communities, &mut rng);
        let count = renumber(&mut communities);
        if count == here.len() {
            break;
        }
        let mut refined = refine(here, &communities, &mut rng);
        let mut parts = renumber(&mut refined);
        if parts == here.len() {
            // Nothing was merged within the communities: go on with them as they are.
            refined.clone_from(&communities);
            parts = count;
        }
        let next = here.aggregated(&refined, parts);
        let mut above = vec![0; parts];
        for (i, &part) in refined.iter().enumerate() {
            above[part as usize] = communities[i];
        }
        membership.iter_mut().for_each(|node| *node = refined[*node as usize]);
        communities = above;
        level_graph = Some(next);
    }
    let mut flat: Vec<u32> = membership.iter().map(|&node| communities[node as usize]).collect();
    renumber(&mut flat);
    flat
}

/// Numbers communities by their first node; how many there are.
fn renumber(communities: &mut [u32]) -> usize {
    let mut names = vec![u32::MAX; communities.iter().max().map_or(0, |&c| c as usize + 1)];
    let mut count = 0;
    for c in communities.iter_mut() {
        let name = &mut names[*c as usize];
        if *name == u32::MAX {
            *name = count;
            count += 1;
        }
        *c = *name;
    }
    count as usize
}

/// Weights from one node to the communities around it.
struct Around {
    weights: Vec<f64>,
    touched: Vec<u32>,
}

impl Around {
    fn new(count: usize) -> Self {
        Self { weights: vec![-1.0; count], touched: Vec::new() }
    }

    fn add(&mut self, community: u32, weight: f64) {
        let sum = &mut self.weights[community as usize];
        if *sum < 0.0 {
            *sum = 0.0;
            self.touched.push(community);
        }
        *sum += weight;
    }

    fn clear(&mut self) {
        for &community in &self.touched {
            self.weights[community as usize] = -1.0;
        }
        self.touched.clear();
    }
}

/// Moves nodes to where modularity gains most, beginning in random order; neighbours of a node that moved come again.
fn move_nodes(graph: &Graph, communities: &mut [u32], rng: &mut basewise_core::random::Stream) {
    let n = graph.len();
    let mut degrees = vec![0.0; n];
    let mut sizes = vec![0_usize; n];
    for (i, &c) in communities.iter().enumerate() {
        degrees[c as usize] += graph.degrees[i];
        sizes[c as usize] += 1;
    }
    let mut free: Vec<u32> = (0..n as u32).rev().filter(|&c| sizes[c as usize] == 0).collect();
    let mut order: Vec<usize> = (0..n).collect();
    shuffle(&mut order, rng);
    let mut queue: VecDeque<usize> = order.into();
    let mut queued = vec![true; n];
    let mut around = Around::new(n);
    while let Some(i) = queue.pop_front() {
        queued[i] = false;
        let old = communities[i];
        let degree = graph.degrees[i];
        graph.edges(i).for_each(|(j, w)| around.add(communities[j], w));
        degrees[old as usize] -= degree;
        sizes[old as usize] -= 1;
        let gain = |c: u32, weight: f64| weight - degree * degrees[c as usize] / graph.total;
        let mut best = (gain(old, around.weights[old as usize].max(0.0)), old);
        for &c in &around.touched {
            let here = gain(c, around.weights[c as usize]);
            if here > best.0 + 1e-12 {
                best = (here, c);
            }
        }
        // A community of its own gains 0.
        if best.0 < -1e-12
            && let Some(c) = if sizes[old as usize] == 0 { Some(old) } else { free.pop() }
        {
            best = (0.0, c);
        }
        around.clear();
        let new = best.1;
        degrees[new as usize] += degree;
        sizes[new as usize] += 1;
        if new == old {
            continue;
        }
        if sizes[old as usize] == 0 {
            free.push(old);
        }
        communities[i] = new;
        for (j, _) in graph.edges(i) {
            if communities[j] != new && !queued[j] {
                queued[j] = true;
                queue.push_back(j);
            }
        }
    }
}

/// Communities within communities: single nodes that are well connected are merged, at random by what they gain.
fn refine(graph: &Graph, communities: &[u32], rng: &mut basewise_core::random::Stream) -> Vec<u32> {
    let n = graph.len();
    let mut within = vec![0.0; n];
    let mut outer = vec![0.0; n];
    for (i, &c) in communities.iter().enumerate() {
        outer[c as usize] += graph.degrees[i];
        within[i] = graph.edges(i).filter(|&(j, _)| communities[j] == c).map(|e| e.1).sum();
    }
    let mut refined: Vec<u32> = (0..n as u32).collect();
    let mut degrees = graph.degrees.clone();
    // Weight from a refined community to the rest of its community.
    let mut cut = within.clone();
    let mut sizes = vec![1_usize; n];
    let mut order: Vec<usize> = (0..n).collect();
    shuffle(&mut order, rng);
    let mut around = Around::new(n);
    for i in order {
        let (own, all) = (refined[i] as usize, outer[communities[i] as usize]);
        let connected = |cut: f64, degree: f64| cut >= degree * (all - degree) / graph.total;
        if sizes[own] != 1 || !connected(cut[own], degrees[own]) {
            continue;
        }
        let inside = graph.edges(i).filter(|&(j, _)| communities[j] == communities[i]);
        inside.for_each(|(j, w)| around.add(refined[j], w));
        let gains: Vec<(f64, u32)> = around
            .touched
            .iter()
            .filter(|&&c| connected(cut[c as usize], degrees[c as usize]))
            .map(|&c| (around.weights[c as usize] - graph.degrees[i] * degrees[c as usize] / graph.total, c))
            .filter(|(gain, _)| *gain > 0.0)
            .collect();
        if let Some(new) = draw(&gains, graph.total, rng) {
            let weight = around.weights[new as usize];
            cut[new as usize] += within[i] - 2.0 * weight;
            degrees[new as usize] += graph.degrees[i];
            sizes[new as usize] += 1;
            (sizes[own], degrees[own]) = (0, 0.0);
            refined[i] = new;
        }
        around.clear();
    }
    refined
}

/// One of the communities by `exp(gain / (THETA * largest gain))`.
fn draw(gains: &[(f64, u32)], total: f64, rng: &mut basewise_core::random::Stream) -> Option<u32> {
    let largest = gains.iter().map(|g| g.0).fold(f64::NEG_INFINITY, f64::max);
    let scale = THETA * largest.max(1e-9 * total).max(f64::MIN_POSITIVE);
    let weights: Vec<f64> = gains.iter().map(|g| ((g.0 - largest) / scale).exp()).collect();
    let mut left = uniform(rng) * weights.iter().sum::<f64>();
    for (weight, (_, community)) in weights.iter().zip(gains) {
        left -= weight;
        if left < 0.0 {
            return Some(*community);
        }
    }
    gains.last().map(|g| g.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(n: usize, edges: &[(usize, usize)]) -> Graph {
        let mut rows = vec![Vec::new(); n];
        for &(i, j) in edges {
            rows[i].push((j as u32, 1.0));
            rows[j].push((i as u32, 1.0));
        }
        Graph::new(&rows)
    }

    /// Zachary's karate club (1977).
    const KARATE: [(usize, usize); 78] = [
        (0, 1),
        (0, 2),
        (0, 3),
        (0, 4),
        (0, 5),
        (0, 6),
        (0, 7),
        (0, 8),
        (0, 10),
        (0, 11),
        (0, 12),
        (0, 13),
        (0, 17),
        (0, 19),
        (0, 21),
        (0, 31),
        (1, 2),
        (1, 3),
        (1, 7),
        (1, 13),
        (1, 17),
        (1, 19),
        (1, 21),
        (1, 30),
        (2, 3),
        (2, 7),
        (2, 8),
        (2, 9),
        (2, 13),
        (2, 27),
        (2, 28),
        (2, 32),
        (3, 7),
        (3, 12),
        (3, 13),
        (4, 6),
        (4, 10),
        (5, 6),
        (5, 10),
        (5, 16),
        (6, 16),
        (8, 30),
        (8, 32),
        (8, 33),
        (9, 33),
        (13, 33),
        (14, 32),
        (14, 33),
        (15, 32),
        (15, 33),
        (18, 32),
        (18, 33),
        (19, 33),
        (20, 32),
        (20, 33),
        (22, 32),
        (22, 33),
        (23, 25),
        (23, 27),
        (23, 29),
        (23, 32),
        (23, 33),
        (24, 25),
        (24, 27),
        (24, 31),
        (25, 31),
        (26, 29),
        (26, 33),
        (27, 33),
        (28, 31),
        (28, 33),
        (29, 32),
        (29, 33),
        (30, 32),
        (30, 33),
        (31, 32),
        (31, 33),
        (32, 33),
    ];

    #[test]
    fn the_karate_club_has_its_best_known_modularity() {
        let graph = graph(34, &KARATE);
        let communities = best_of(&graph, 10, 1);
        // The optimum, 0.4198 in four communities (Brandes et al. 2008).
        assert!((graph.modularity(&communities) - 0.419_790).abs() < 1e-5, "{}", graph.modularity(&communities));
        assert_eq!(communities.iter().max(), Some(&3));
    }

    #[test]
    fn cliques_joined_by_an_edge_are_communities() {
        let mut edges = Vec::new();
        for clique in 0..8 {
            (0..6).for_each(|i| (i + 1..6).for_each(|j| edges.push((clique * 6 + i, clique * 6 + j))));
            edges.push((clique * 6, (clique * 6 + 7) % 48));
        }
        let communities = best_of(&graph(48, &edges), 1, 0);
        assert!((0..48).all(|i| communities[i] as usize == i / 6), "{communities:?}");
    }

    #[test]
    fn graphs_without_edges_or_nodes() {
        assert_eq!(best_of(&graph(3, &[]), 2, 0), [0, 1, 2]);
        assert!(best_of(&graph(0, &[]), 2, 0).is_empty());
    }

    #[test]
    fn modularity_is_that_of_the_definition() {
        let graph = graph(34, &KARATE);
        let communities: Vec<u32> = (0..34).map(|i| i % 3).collect();
        let mut expected = 0.0;
        let mut weight = vec![[0.0; 34]; 34];
        KARATE.iter().for_each(|&(i, j)| (weight[i][j], weight[j][i]) = (1.0, 1.0));
        for i in 0..34 {
            for j in (0..34).filter(|&j| communities[i] == communities[j]) {
                expected += weight[i][j] - graph.degrees[i] * graph.degrees[j] / 156.0;
            }
        }
        assert!((graph.modularity(&communities) - expected / 156.0).abs() < 1e-12);
    }
}
