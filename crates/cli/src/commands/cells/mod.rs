//! `basewise cells`: matrices of cells by genes: what is in them, which cells are kept, which belong together.
//!
//! [`input`] loads, [`quality`] counts, [`filter`] chooses, [`pipeline`] computes, [`outputs`] writes; a further method on such
//! matrices takes the same rooms and adds its own coordinates through [`outputs::write_h5ad`]. Bridges to sequences: [`dataset`]
//! and [`network`] for networks that predict where cells are open, [`motifs`] for what the places of a cluster share.

mod autoencode;
mod cluster;
mod clusters;
mod colors;
mod dataset;
mod encode;
mod filter;
mod input;
mod labels;
mod motifs;
mod network;
mod outputs;
mod page;
mod pipeline;
mod places;
mod quality;
mod show;
mod transformed;

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
    /// Further cells into the latent space of a trained autoencoder, and their denoised expression
    Encode(encode::EncodeArgs),
    /// From clusters to motifs: the places or sequences of each cluster, and what they have that others lack
    Motifs(Box<motifs::MotifsArgs>),
    /// From a matrix of places by cells to a data set with a task a cell, for a sequence network
    Dataset(Box<dataset::DatasetArgs>),
}

pub(crate) fn run(command: CellsCommand, printer: &Printer) -> Result<Outcome> {
    match command {
        CellsCommand::Show(args) => show::run(&args, printer),
        CellsCommand::Filter(args) => filter::run(&args, printer),
        CellsCommand::Cluster(args) => cluster::run(&args, printer),
        CellsCommand::Autoencode(args) => autoencode::run(&args, printer),
        CellsCommand::Encode(args) => encode::run(&args, printer),
        CellsCommand::Motifs(args) => motifs::run(&args, printer),
        CellsCommand::Dataset(args) => dataset::run(&args, printer),
    }
}
