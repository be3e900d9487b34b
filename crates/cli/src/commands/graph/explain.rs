//! `basewise graph explain`: which edges and features the class of a node rests on.

use super::folder;
use super::input::InputArgs;
use super::predict::{Fitted, fit};
use super::record::Question;
use crate::commands::command_line;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::report::graph::{NeighbourhoodReport, NodeMark, render_neighbourhood};
use crate::run_dir::{make_room, write_json, write_text};
use crate::table::Table;
use anyhow::Result;
use basewise_nn::graph::explain::{Explanation, explain};
use basewise_nn::graph::nodes::probabilities;
use basewise_nn::graph::propagation::operators;
use basewise_nn::graph::{Network, SavedNetworks};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// The file that tells such a directory.
const MARKER: &str = "neighbourhood.json";
const PARTS: [&str; 4] = [MARKER, "edges.tsv", "features.tsv", "report.html"];
/// Rows that are printed.
const SHOWN: usize = 10;

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise graph simulate -o graph-explain-help
  $ basewise graph train --edges graph-explain-help/edges.tsv --features graph-explain-help/features.tsv --labels graph-explain-help/labels.tsv --epochs 20 -o graph-explain-run
  $ basewise graph explain graph-explain-run n7 -o graph-explain-n7

Each edge within reach of the node is taken away in turn, and each feature set to 0 (after scaling) in all nodes within reach;
the change of the probability of the predicted class is computed exactly, as a mean over the networks of the run. A negative
change says that the prediction rests on the edge or feature. DIR holds edges.tsv, features.tsv and report.html with a picture
of the neighbourhood.")]
pub(crate) struct ExplainArgs {
    /// Run of `basewise graph train`
    run: PathBuf,
    /// Name of the node
    node: String,
    #[command(flatten)]
    input: InputArgs,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An edge and what happens without it.
#[derive(Clone, Debug, Serialize)]
struct EdgeChange {
    source: String,
    target: String,
    #[serde(rename = "type")]
    kind: String,
    weight: f32,
    /// Probability without the edge minus that with it.
    change: f64,
}

#[derive(Clone, Debug, Serialize)]
struct FeatureChange {
    feature: String,
    change: f64,
}

/// `neighbourhood.json`.
#[derive(Clone, Debug, Serialize)]
struct Explained {
    format_version: u32,
    command: String,
    node: String,
    class: String,
    probability: f64,
    nodes: usize,
    edges: Vec<EdgeChange>,
    features: Vec<FeatureChange>,
}

pub(crate) fn run(args: &ExplainArgs, printer: &Printer) -> Result<Outcome> {
    let (record, saved) = folder::open(&args.run, Some(Question::Nodes))?;
    let fitted = fit(&args.run, &record, &saved, &args.input)?;
    let Some(node) = fitted.input.place(&args.node) else {
        return Err(user(format!("expected the name of a node of the graph, found {:?}", args.node), None));
    };
    make_room(&args.output, MARKER, &PARTS)?;
    let networks: Vec<Network> = saved.models.iter().map(|model| model.network.clone()).collect();
    let explanation = explain(&fitted.graph, &networks, &fitted.features, node);
    let explained = explained(args, &fitted, &saved, &explanation);
    let mut edges = "source\ttarget\ttype\tweight\tchange\n".to_owned();
    for edge in &explained.edges {
        let EdgeChange { source, target, kind, weight, change } = edge;
        edges += &format!("{source}\t{target}\t{kind}\t{weight}\t{change:.6}\n");
    }
    let mut features = "feature\tchange\n".to_owned();
    explained.features.iter().for_each(|f| features += &format!("{}\t{:.6}\n", f.feature, f.change));
    write_text(&args.output.join("edges.tsv"), &edges)?;
    write_text(&args.output.join("features.tsv"), &features)?;
    let page = page(args, &fitted, &saved, &networks, &explanation, &explained);
    write_text(&args.output.join("report.html"), &render_neighbourhood(&page))?;
    write_json(&args.output.join(MARKER), &explained)?;
    if args.json {
        printer.json(&explained)?
    } else {
        printer.data(&text(&explained))?
    }
    printer.talk(&format!("the picture is in {}", args.output.join("report.html").display()));
    Ok(Outcome::Done)
}

fn explained(args: &ExplainArgs, fitted: &Fitted, saved: &SavedNetworks, explanation: &Explanation) -> Explained {
    let name = |node: u32| fitted.input.ids[node as usize].clone();
    let edges = explanation.edges.iter().map(|(edge, change)| EdgeChange {
        source: name(edge.ends[0]),
        target: name(edge.ends[1]),
        kind: saved.kinds[edge.kind as usize].clone(),
        weight: edge.weight,
        change: *change,
    });
    let features = explanation.features.iter().map(|(feature, change)| FeatureChange {
        feature: saved.features.get(*feature as usize).cloned().unwrap_or_else(|| name(*feature)),
        change: *change,
    });
    Explained {
        format_version: 1,
        command: command_line(),
        node: args.node.clone(),
        class: saved.classes[explanation.class].clone(),
        probability: explanation.probabilities[explanation.class],
        nodes: explanation.nodes.len(),
        edges: edges.collect(),
        features: features.collect(),
    }
}

/// What the page shows: nodes with their own predicted classes, edges with their changes.
fn page(
    args: &ExplainArgs,
    fitted: &Fitted,
    saved: &SavedNetworks,
    networks: &[Network],
    explanation: &Explanation,
    explained: &Explained,
) -> NeighbourhoodReport {
    let classes = saved.classes.len();
    let operators = operators(&fitted.graph, saved.shape.model);
    let mut sums = vec![0.0; fitted.input.ids.len() * classes];
    for network in networks {
        let shares = probabilities(network.predict(&operators, &fitted.features), classes);
        sums.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share);
    }
    let mark = |&(node, distance): &(u32, usize)| {
        let own = &sums[node as usize * classes..(node as usize + 1) * classes];
        let class = (1..classes).fold(0, |best, class| if own[class] > own[best] { class } else { best });
        NodeMark { name: fitted.input.ids[node as usize].clone(), distance, class }
    };
    NeighbourhoodReport {
        title: format!("{} in {}", args.node, args.run.display()),
        command: explained.command.clone(),
        node: args.node.clone(),
        class: explained.class.clone(),
        probability: explained.probability,
        classes: saved.classes.clone(),
        nodes: explanation.nodes.iter().map(mark).collect(),
        edges: explained.edges.iter().map(|e| (e.source.clone(), e.target.clone(), e.kind.clone(), e.change)).collect(),
        features: explained.features.iter().map(|f| (f.feature.clone(), f.change)).collect(),
    }
}

fn text(explained: &Explained) -> String {
    let mut out = format!(
        "{}: {} with probability {:.4}; {} nodes within reach\n\n",
        explained.node, explained.class, explained.probability, explained.nodes
    );
    let mut edges = Table::new(&["edge", "", "type", "change without it"]);
    for edge in explained.edges.iter().take(SHOWN) {
        edges.row([edge.source.clone(), edge.target.clone(), edge.kind.clone(), format!("{:+.4}", edge.change)]);
    }
    let mut features = Table::new(&["feature", "change without it"]);
    for feature in explained.features.iter().take(SHOWN) {
        features.row([feature.feature.clone(), format!("{:+.4}", feature.change)]);
    }
    out += &edges.render();
    out.push('\n');
    out += &features.render();
    out
}
