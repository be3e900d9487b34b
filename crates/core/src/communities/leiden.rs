//! Communities by the Leiden algorithm (Traag, Waltman and van Eck 2019).

use super::Graph;
use crate::random::{Stream, shuffle, stream, uniform};
use rayon::prelude::*;
use std::collections::VecDeque;

/// Randomness of the refinement: merges are drawn by `exp(gain / (THETA * largest gain))`.
const THETA: f64 = 0.01;

/// The communities of the highest modularity among those from `runs` starts; numbered by their first node. A higher
/// `resolution` gives more of them; 1 is plain modularity. The result does not depend on the number of threads.
#[must_use]
pub fn best_of(graph: &Graph, resolution: f64, runs: usize, seed: u64) -> Vec<u32> {
    let one = |run: usize| {
        let communities = leiden(graph, resolution, seed, run as u64);
        (graph.modularity(&communities, resolution), communities)
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
fn leiden(graph: &Graph, resolution: f64, seed: u64, run: u64) -> Vec<u32> {
    let mut communities: Vec<u32> = (0..graph.len() as u32).collect();
    for pass in 0..100 {
        let before = communities.clone();
        communities = one_pass(graph, communities, resolution, seed, &[run, pass]);
        if communities == before {
            break;
        }
    }
    communities
}

/// Moves nodes, refines, and goes on with the graph of the refined communities, until each is a node.
fn one_pass(graph: &Graph, start: Vec<u32>, resolution: f64, seed: u64, key: &[u64]) -> Vec<u32> {
    let mut membership: Vec<u32> = (0..graph.len() as u32).collect();
    let mut communities = start;
    let mut level_graph: Option<Graph> = None;
    for level in 0.. {
        let here = level_graph.as_ref().unwrap_or(graph);
        let key = [key, &[level]].concat();
        let mut rng = stream(seed, "leiden", &key);
        move_nodes(here, &mut communities, resolution, &mut rng);
        let count = renumber(&mut communities);
        if count == here.len() {
            break;
        }
        let mut refined = refine(here, &communities, resolution, &mut rng);
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
fn move_nodes(graph: &Graph, communities: &mut [u32], resolution: f64, rng: &mut Stream) {
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
        let gain = |c: u32, weight: f64| weight - resolution * degree * degrees[c as usize] / graph.total;
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
fn refine(graph: &Graph, communities: &[u32], resolution: f64, rng: &mut Stream) -> Vec<u32> {
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
        let connected = |cut: f64, degree: f64| cut >= resolution * degree * (all - degree) / graph.total;
        if sizes[own] != 1 || !connected(cut[own], degrees[own]) {
            continue;
        }
        let inside = graph.edges(i).filter(|&(j, _)| communities[j] == communities[i]);
        inside.for_each(|(j, w)| around.add(refined[j], w));
        let gains: Vec<(f64, u32)> = around
            .touched
            .iter()
            .filter(|&&c| connected(cut[c as usize], degrees[c as usize]))
            .map(|&c| {
                (around.weights[c as usize] - resolution * graph.degrees[i] * degrees[c as usize] / graph.total, c)
            })
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
fn draw(gains: &[(f64, u32)], total: f64, rng: &mut Stream) -> Option<u32> {
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
