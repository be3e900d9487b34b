//! `basewise graph simulate`: a graph whose truth is known.

use crate::commands::command_line;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{make_room, write_json, write_text};
use crate::table::count;
use anyhow::Result;
use basewise_nn::graph::simulate::BlockModel;
use clap::Args;
use std::path::PathBuf;

/// The file that tells such a directory.
const MARKER: &str = "simulation.json";
const PARTS: [&str; 4] = [MARKER, "edges.tsv", "features.tsv", "labels.tsv"];

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise graph simulate -o simulated-graph
  $ basewise graph simulate --nodes 120 --classes 2 --types 2 --within 0.7 -o simulated-types

A stochastic block model: of the edges of the first type, --within join nodes of one class; edges of further types join any
nodes. Features are normal with variance 1; in those of its own class a node has the mean --signal. DIR holds edges.tsv,
features.tsv and labels.tsv, as `basewise graph train` reads them.")]
pub(crate) struct SimulateArgs {
    /// Number of nodes
    #[arg(long, default_value_t = 200, value_name = "N")]
    nodes: usize,
    /// Number of classes
    #[arg(long, default_value_t = 3, value_name = "N")]
    classes: usize,
    /// Edges of a node, on average
    #[arg(long, default_value_t = 5.0, value_name = "X")]
    degree: f64,
    /// Share of edges within a class
    #[arg(long, default_value_t = 0.8, value_name = "0..1")]
    within: f64,
    /// Features of a node
    #[arg(long, default_value_t = 12, value_name = "N")]
    features: usize,
    /// Mean of a class in its own features
    #[arg(long, default_value_t = 0.5, value_name = "X")]
    signal: f64,
    /// Types of edges
    #[arg(long, default_value_t = 1, value_name = "N")]
    types: usize,
    /// Seed of everything random
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

pub(crate) fn run(args: &SimulateArgs, printer: &Printer) -> Result<Outcome> {
    args.check()?;
    make_room(&args.output, MARKER, &PARTS)?;
    let model = BlockModel {
        nodes: args.nodes,
        classes: args.classes,
        degree: args.degree,
        within: args.within,
        features: args.features,
        signal: args.signal,
        kinds: args.types,
        seed: args.seed,
    };
    let simulated = model.simulate()?;
    let mut edges = "source\ttarget\ttype\n".to_owned();
    for edge in simulated.graph.edges() {
        edges += &format!("n{}\tn{}\ttype{}\n", edge.ends[0], edge.ends[1], edge.kind + 1);
    }
    let names: Vec<String> = (1..=args.features).map(|feature| format!("f{feature}")).collect();
    let mut features = format!("node\t{}\n", names.join("\t"));
    for (node, row) in simulated.features.chunks(args.features).enumerate() {
        let row: Vec<String> = row.iter().map(|value| format!("{value:.4}")).collect();
        features += &format!("n{node}\t{}\n", row.join("\t"));
    }
    let mut labels = "node\tlabel\n".to_owned();
    for (node, class) in simulated.classes.iter().enumerate() {
        labels += &format!("n{node}\tclass{}\n", class + 1);
    }
    write_text(&args.output.join("edges.tsv"), &edges)?;
    write_text(&args.output.join("features.tsv"), &features)?;
    write_text(&args.output.join("labels.tsv"), &labels)?;
    write_json(&args.output.join(MARKER), &serde_json::json!({ "format_version": 1, "command": command_line() }))?;
    let number = simulated.graph.edges().len();
    printer.talk(&format!("{} nodes and {} edges in {}", count(args.nodes), count(number), args.output.display()));
    Ok(Outcome::Done)
}

impl SimulateArgs {
    fn check(&self) -> Result<()> {
        let wrong = |text: String| Err(user(text, None));
        if self.classes < 2 || self.nodes < 2 * self.classes || self.nodes > 10_000_000 {
            return wrong(format!(
                "expected --classes of at least 2 and --nodes of twice as many to 10,000,000, found {} and {}",
                self.classes, self.nodes
            ));
        }
        if !(0.0..=1.0).contains(&self.within) {
            return wrong(format!("expected --within of 0 to 1, found {}", self.within));
        }
        if !(self.degree > 0.0 && self.degree <= 1000.0) {
            return wrong(format!("expected --degree above 0 and at most 1000, found {}", self.degree));
        }
        if !self.signal.is_finite() {
            return wrong(format!("expected a finite --signal, found {}", self.signal));
        }
        if !(1..=10_000).contains(&self.features) || !(1..=100).contains(&self.types) {
            return wrong("expected --features of 1 to 10,000 and --types of 1 to 100".to_owned());
        }
        Ok(())
    }
}
