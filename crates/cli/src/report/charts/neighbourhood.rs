//! The surroundings of a node in a graph: rings by distance, edges as wide as what they do to its prediction.

use super::frame::{circle, label, line, svg};
use crate::report::markup::{Markup, tag};
use crate::report::number;
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// Edges that are drawn, at most: those that do most.
pub(in crate::report) const MOST_EDGES: usize = 60;
const SIDE: f64 = 560.0;
/// Names that are written beside their nodes, at most; others show on hover.
const MOST_NAMES: usize = 24;

/// A node of the drawing.
pub(in crate::report) struct GraphNode<'a> {
    pub(in crate::report) name: &'a str,
    /// Edges between it and the centre.
    pub(in crate::report) distance: usize,
    /// Number of its class.
    pub(in crate::report) class: usize,
}

/// An edge between two nodes by their numbers, and the change of the centre's probability without it.
#[derive(Clone, Copy)]
pub(in crate::report) struct GraphEdge {
    pub(in crate::report) ends: [usize; 2],
    pub(in crate::report) change: f64,
}

/// The class that colours a class of nodes.
pub(in crate::report) fn class_colour(class: usize) -> &'static str {
    ["s1", "s2", "s3", "s4", "s5", "s6"][class % 6]
}

/// Draws the edges that do most, largest change first, with the nodes that they join.
pub(in crate::report) fn neighbourhood(nodes: &[GraphNode], edges: &[GraphEdge]) -> Markup {
    let edges = &edges[..edges.len().min(MOST_EDGES)];
    let places = places(nodes, edges);
    let most = edges.iter().map(|edge| edge.change.abs()).fold(f64::MIN_POSITIVE, f64::max);
    let mut content = Markup::new();
    // The strongest last, on top of the others.
    for edge in edges.iter().rev() {
        let [Some(&a), Some(&b)] = edge.ends.map(|end| places.get(&end)) else { continue };
        let class = if edge.change > 0.0 { "edge against" } else { "edge" };
        let text = format!(
            "{} – {}: {} without it",
            nodes[edge.ends[0]].name,
            nodes[edge.ends[1]].name,
            number::significant(edge.change)
        );
        let width = 0.6 + 4.4 * edge.change.abs() / most;
        let drawn = line(a.0, a.1, b.0, b.1).class(class).attr("style", format_args!("stroke-width: {width:.1}px"));
        content.push(drawn.add(tag("title").text(text)));
    }
    for (&node, &(x, y)) in &places {
        let GraphNode { name, distance, class } = &nodes[node];
        let radius = if *distance == 0 { 9.0 } else { 5.5 };
        let class = format!("dot {}", class_colour(*class));
        content.push(circle(x, y, radius).attr("class", class).add(tag("title").text(name)));
        if places.len() <= MOST_NAMES || *distance == 0 {
            content.push(label(x, y - radius - 3.0, name).class("note middle"));
        }
    }
    svg(SIDE, SIDE, "The neighbourhood of a node", content)
}

/// Where each drawn node stands: by distance on rings, near the inner nodes that it is joined to.
fn places(nodes: &[GraphNode], edges: &[GraphEdge]) -> BTreeMap<usize, (f64, f64)> {
    let centre = nodes.iter().position(|node| node.distance == 0);
    let mut drawn: Vec<usize> = edges.iter().flat_map(|edge| edge.ends).chain(centre).collect();
    drawn.sort_unstable();
    drawn.dedup();
    let rings = drawn.iter().map(|&node| nodes[node].distance).max().unwrap_or(0);
    let step = (SIDE / 2.0 - 26.0) / rings.max(1) as f64;
    let mut angles: BTreeMap<usize, f64> = BTreeMap::new();
    let mut places = BTreeMap::new();
    for ring in 0..=rings {
        let mut own: Vec<(f64, usize)> = drawn
            .iter()
            .filter(|&&node| nodes[node].distance == ring)
            .map(|&node| (inner_angle(node, edges, &angles), node))
            .collect();
        own.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let count = own.len().max(1) as f64;
        for (i, (_, node)) in own.into_iter().enumerate() {
            let angle = TAU * (i as f64 + 0.5 * (ring % 2) as f64) / count;
            angles.insert(node, angle);
            let radius = step * ring as f64;
            places.insert(node, (SIDE / 2.0 + radius * angle.cos(), SIDE / 2.0 + radius * angle.sin()));
        }
    }
    places
}

/// The angle of the first inner node that a node is joined to.
fn inner_angle(node: usize, edges: &[GraphEdge], angles: &BTreeMap<usize, f64>) -> f64 {
    let other = |edge: &GraphEdge| match edge.ends {
        [a, b] if a == node => angles.get(&b).copied(),
        [a, b] if b == node => angles.get(&a).copied(),
        _ => None,
    };
    edges.iter().find_map(other).unwrap_or(0.0)
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn the_centre_is_in_the_middle_and_rings_are_around_it() {
        let node = |name, distance| GraphNode { name, distance, class: distance };
        let nodes = [node("<a>", 0), node("b", 1), node("c", 1), node("d", 2)];
        let edges = [[0, 1], [0, 2], [2, 3]].map(|ends| GraphEdge { ends, change: -0.1 });
        let places = places(&nodes, &edges);
        assert_eq!(places[&0], (SIDE / 2.0, SIDE / 2.0));
        let far = |node: usize| (places[&node].0 - SIDE / 2.0).hypot(places[&node].1 - SIDE / 2.0);
        assert!((far(1) - far(2)).abs() < 1e-9 && far(3) > 1.5 * far(1));
        let drawn = neighbourhood(&nodes, &edges).into_string();
        assert!(drawn.contains("&lt;a&gt;") && drawn.matches("class=\"edge\"").count() == 3);
        assert!(neighbourhood(&nodes[..1], &[]).into_string().contains("circle"));
    }
}
