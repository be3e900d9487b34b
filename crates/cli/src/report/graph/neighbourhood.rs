//! The page of one node: what its class rests on.

use super::{about, document};
use crate::report::charts::{GraphEdge, GraphNode, MOST_EDGES, class_colour, neighbourhood};
use crate::report::markup::{Markup, Tag, tag};
use crate::report::number::{self, counted};
use crate::report::page::{Context, paragraph, scroll};
use std::collections::BTreeMap;

/// Rows of the tables.
const MOST_ROWS: usize = 30;

/// What the page shows.
pub(crate) struct NeighbourhoodReport {
    /// Heading of the page.
    pub(crate) title: String,
    pub(crate) command: String,
    pub(crate) node: String,
    /// Its predicted class.
    pub(crate) class: String,
    pub(crate) probability: f64,
    /// Names of all classes.
    pub(crate) classes: Vec<String>,
    pub(crate) nodes: Vec<NodeMark>,
    /// Two nodes, the type, and the change of the probability without the edge; largest change first.
    pub(crate) edges: Vec<(String, String, String, f64)>,
    /// The same for features.
    pub(crate) features: Vec<(String, f64)>,
}

/// A node within reach.
pub(crate) struct NodeMark {
    pub(crate) name: String,
    /// Edges between it and the explained node.
    pub(crate) distance: usize,
    /// Number of its own predicted class.
    pub(crate) class: usize,
}

/// Lays out the page.
pub(crate) fn render_neighbourhood(page: &NeighbourhoodReport) -> String {
    let about = about(&page.title, env!("CARGO_PKG_VERSION"), &page.command);
    let context = &mut Context::plain();
    let parts = vec![
        ("overview", "Overview", overview(page)),
        ("neighbourhood", "Neighbourhood", picture(page, context)),
        ("edges", "Edges", edges(page, context)),
        ("features", "Features", features(page, context)),
        ("details", "Details to repeat it", scroll(tag("pre").add(tag("code").text(&page.command)))),
    ];
    document(&about, parts)
}

fn overview(page: &NeighbourhoodReport) -> Markup {
    let lede = format!("{} is {} with a probability of {}.", page.node, page.class, number::fixed(page.probability, 3));
    let text = format!(
        "The prediction depends on {} and {}. Each edge was taken away in turn, and each feature set to 0 in all of these nodes; \
         a negative change says that the prediction rests on it.",
        counted(page.nodes.len(), "node", "nodes"),
        counted(page.edges.len(), "edge", "edges")
    );
    Markup::from(tag("p").class("lede").text(lede)).with(paragraph(Markup::text(text)))
}

fn picture(page: &NeighbourhoodReport, context: &mut Context) -> Markup {
    let numbers: BTreeMap<&str, usize> = page.nodes.iter().map(|node| node.name.as_str()).zip(0..).collect();
    let node = |mark: &'_ NodeMark| (mark.distance, mark.class);
    let nodes: Vec<GraphNode> = page
        .nodes
        .iter()
        .map(|mark| {
            let (distance, class) = node(mark);
            GraphNode { name: &mark.name, distance, class }
        })
        .collect();
    let edge = |(a, b, _, change): &(String, String, String, f64)| {
        let ends = [*numbers.get(a.as_str())?, *numbers.get(b.as_str())?];
        Some(GraphEdge { ends, change: *change })
    };
    let edges: Vec<GraphEdge> = page.edges.iter().filter_map(edge).collect();
    let keys = page.classes.iter().enumerate().map(|(class, name)| {
        let mark = format!("swatch dot {}", class_colour(class));
        let glyph =
            tag("svg").attr("viewBox", "0 0 10 10").attr("width", 10).attr("height", 10).attr("aria-hidden", "true");
        let glyph = glyph.add(tag("circle").attr("cx", 5).attr("cy", 5).attr("r", 5).attr("class", mark));
        tag("span").add(glyph).text(" ").text(name).text("\u{2003}")
    });
    let mut caption =
        "Nodes by their distance, coloured by their own predicted class. Edges are as wide as the change without \
                       them; dashed where the probability rises. Nodes are named where there is room, those at the edges that \
                       do most first."
            .to_owned();
    if edges.len() > MOST_EDGES {
        caption += &format!(" The {MOST_EDGES} edges that do most are drawn.");
    }
    let body = tag("p").class("facts").add_all(keys);
    Markup::from(body).with(context.figure("wide", neighbourhood(&nodes, &edges), Markup::text(caption)))
}

fn edges(page: &NeighbourhoodReport, context: &mut Context) -> Markup {
    let rows =
        page.edges.iter().map(|(a, b, kind, change)| ([a.as_str(), b.as_str(), kind.as_str()].to_vec(), *change));
    table(&["Edge", "", "Type"], rows, "Edges that do most.", context)
}

fn features(page: &NeighbourhoodReport, context: &mut Context) -> Markup {
    let rows = page.features.iter().map(|(name, change)| (vec![name.as_str()], *change));
    table(&["Feature"], rows, "Features that do most.", context)
}

fn table<'a>(
    heads: &[&'static str],
    rows: impl Iterator<Item = (Vec<&'a str>, f64)>,
    caption: &str,
    context: &mut Context,
) -> Markup {
    let head = heads.iter().map(|name| tag("th").attr("scope", "col").text(name));
    let head = tag("tr").add_all(head).add(tag("th").class("num").attr("scope", "col").text("Change without it"));
    let line = |(cells, change): (Vec<&str>, f64)| -> Tag {
        let cells = cells.into_iter().map(|cell| tag("td").text(cell));
        tag("tr").add_all(cells).add(tag("td").class("num").text(number::fixed(change, 4)))
    };
    let lines: Vec<Tag> = rows.take(MOST_ROWS).map(line).collect();
    if lines.is_empty() {
        return tag("p").class("missing").text("There is none within reach.").into();
    }
    let table = tag("table").add(tag("thead").add(head)).add(tag("tbody").add_all(lines));
    context.table(Markup::text(caption), table)
}
