//! `basewise graph`: classes of nodes and missing links of gene, protein and other networks.

mod baselines;
mod explain;
mod folder;
mod input;
mod links;
mod nodes;
mod predict;
mod record;

mod settings;
mod simulate;

pub(crate) use record::{GraphRun, Judged, ModelFigures, Question, SeedEpoch};

use crate::failure::Outcome;
use crate::printer::Printer;
use anyhow::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum GraphCommand {
    /// Train a graph network to tell classes of nodes, and judge it beside what does without it
    Train(nodes::NodesArgs),
    /// Train a graph network to find missing links, and judge it beside what does without it
    Links(links::LinksArgs),
    /// Classes of all nodes, or scores of pairs of nodes
    Predict(predict::PredictArgs),
    /// Which edges and features the class of a node rests on
    Explain(explain::ExplainArgs),
    /// Make a graph whose truth is known
    Simulate(simulate::SimulateArgs),
}

pub(crate) fn run(command: &GraphCommand, printer: &Printer) -> Result<Outcome> {
    match command {
        GraphCommand::Train(args) => nodes::run(args, printer),
        GraphCommand::Links(args) => links::run(args, printer),
        GraphCommand::Predict(args) => predict::run(args, printer),
        GraphCommand::Explain(args) => explain::run(args, printer),
        GraphCommand::Simulate(args) => simulate::run(args, printer),
    }
}
