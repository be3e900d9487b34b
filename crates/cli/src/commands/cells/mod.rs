//! `basewise cells`: matrices of cells by genes: what is in them, which cells are kept, which belong together.
//!
//! [`input`] loads, [`quality`] counts, [`filter`] chooses, [`pipeline`] computes, [`outputs`] writes; a further method on such
//! matrices takes the same rooms and adds its own coordinates through [`outputs::write_h5ad`].

mod autoencode;
mod cluster;
mod clusters;
mod filter;
mod input;
mod labels;
mod outputs;
mod page;
mod pipeline;
mod quality;
mod show;

use crate::failure::Outcome;
use crate::printer::Printer;
use anyhow::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum CellsCommand {
    /// What a matrix holds: its size and kind, counts and genes of each cell
    Show(show::ShowArgs),
    /// Leave out cells and genes that say little, and write the rest as h5ad
    Filter(filter::FilterCommand),
    /// From a file to clusters: filter, normalize, components, neighbours, clusters, a map, marker genes
    Cluster(Box<cluster::ClusterArgs>),
    /// A few numbers a cell by a network, denoised expression and held-out likelihood, beside principal components
    Autoencode(Box<autoencode::AutoencodeArgs>),
}

pub(crate) fn run(command: CellsCommand, printer: &Printer) -> Result<Outcome> {
    match command {
        CellsCommand::Show(args) => show::run(&args, printer),
        CellsCommand::Filter(args) => filter::run(&args, printer),
        CellsCommand::Cluster(args) => cluster::run(&args, printer),
        CellsCommand::Autoencode(args) => autoencode::run(&args, printer),
    }
}
