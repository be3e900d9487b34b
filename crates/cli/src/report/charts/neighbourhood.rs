//! The surroundings of a node in a graph: rings by distance, edges as wide as what they do to its prediction.

use super::frame::{circle, label, line, svg, text_width};
use crate::report::markup::{Markup, tag};
use crate::report::number;
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// Edges that are drawn, at most: those that do most.
pub(in crate::report) const MOST_EDGES: usize = 60;
const SIDE: f64 = 560.0;
/// Letters of a name that are written, at most.
const MOST_LETTERS: usize = 24;
/// Size of a name.
const SIZE: f64 = 11.0;

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
        let GraphNode { name, class, .. } = &nodes[node];
        let class = format!("dot {}", class_colour(*class));
        content.push(circle(x, y, radius(&nodes[node])).attr("class", class).add(tag("title").text(name)));
    }
    content.push(names(nodes, edges, &places));
    svg(SIDE, SIDE, "The neighbourhood of a node", content)
}

fn radius(node: &GraphNode) -> f64 {
    if node.distance == 0 { 9.0 } else { 5.5 }
}

/// Left, upper, right and lower end of what is drawn.
#[derive(Clone, Copy)]
struct Area([f64; 4]);

impl Area {
    fn overlaps(&self, Self([left, top, right, bottom]): &Self) -> bool {
        self.0[0] < *right && *left < self.0[2] && self.0[1] < *bottom && *top < self.0[3]
    }

    fn is_on_the_picture(&self) -> bool {
        self.0[0] >= 0.0 && self.0[1] >= 0.0 && self.0[2] <= SIDE && self.0[3] <= SIDE
    }
}

/// Names beside their nodes wherever there is room: of the centre first, then of the ends of the edges that do most.
fn names(nodes: &[GraphNode], edges: &[GraphEdge], places: &BTreeMap<usize, (f64, f64)>) -> Markup {
    let dot = |(&node, &(x, y)): (&usize, &(f64, f64))| {
        let radius = radius(&nodes[node]);
        Area([x - radius, y - radius, x + radius, y + radius])
    };
    let mut taken: Vec<Area> = places.iter().map(dot).collect();
    let centre = places.keys().copied().filter(|&node| nodes[node].distance == 0);
    let order: Vec<usize> = centre.chain(edges.iter().flat_map(|edge| edge.ends)).collect();
    let mut markup = Markup::new();
    for (i, node) in order.iter().enumerate().filter(|(i, node)| !order[..*i].contains(node)) {
        let Some(&(x, y)) = places.get(node) else { continue };
        let (name, away) = (shortened(nodes[*node].name), radius(&nodes[*node]) + 3.0);
        let width = text_width(&name, SIZE);
        let area = |left: f64, foot: f64| (left, foot, Area([left, foot - SIZE, left + width, foot + 2.0]));
        // Above, below, to the right and to the left, moved onto the picture where its edge is near.
        let middle = (x - width / 2.0).min(SIDE - width).max(0.0);
        let ways = [
            area(middle, y - away),
            area(middle, y + away + SIZE - 2.0),
            area(x + away, y + 4.0),
            area(x - away - width, y + 4.0),
        ];
        let fits = |(_, _, area): &&(f64, f64, Area)| {
            area.is_on_the_picture() && !taken.iter().any(|other| other.overlaps(area))
        };
        // The centre has a name in any case.
        let chosen = ways.iter().find(fits).or((i == 0).then_some(&ways[0])).copied();
        if let Some((left, foot, area)) = chosen {
            taken.push(area);
            markup.push(label(left, foot, name).class("note"));
        }
    }
    markup
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= MOST_LETTERS {
        return name.to_owned();
    }
    name.chars().take(MOST_LETTERS - 1).chain(['\u{2026}']).collect()
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

    #[test]
    fn neighbours_are_named_those_of_the_strongest_edges_first_and_names_keep_apart() {
        let names: Vec<String> = (0..60).map(|node| format!("node {node}")).collect();
        let nodes: Vec<GraphNode> = names
            .iter()
            .enumerate()
            .map(|(i, name)| GraphNode { name, distance: usize::from(i > 0), class: 0 })
            .collect();
        let edges: Vec<GraphEdge> =
            (1..60).rev().map(|node| GraphEdge { ends: [0, node], change: -0.01 * node as f64 }).collect();
        let drawn = neighbourhood(&nodes, &edges).into_string();
        let texts: Vec<Area> = drawn
            .split("<text ")
            .skip(1)
            .map(|part| {
                let [x, y] = [1, 3].map(|i| part.split('"').nth(i).unwrap().parse::<f64>().unwrap());
                Area([x, y - SIZE, x + text_width(part.split(['>', '<']).nth(1).unwrap(), SIZE), y + 2.0])
            })
            .collect();
        assert!(texts.len() >= 20, "{}", texts.len());
        for (i, text) in texts.iter().enumerate() {
            assert!(text.is_on_the_picture() && !texts[..i].iter().any(|other| other.overlaps(text)), "{:?}", text.0);
        }
        for name in ["node 0", "node 59", "node 58", "node 57"] {
            assert!(drawn.contains(&format!(">{name}</text>")), "{name}");
        }
    }
}
