//! `basewise motifs`: from a network's filters, scanned for, matched, clustered, drawn, converted.

pub(crate) mod cluster;
pub(crate) mod convert;
pub(crate) mod discover;
pub(crate) mod enrich;
mod enrich_sets;
pub(crate) mod filters;
pub(crate) mod hits;
pub(crate) mod logo;
pub(crate) mod matching;
pub(crate) mod scan;
mod scan_args;
pub(crate) mod sequences;

use crate::failure::{Outcome, user};
use crate::printer::Printer;
use anyhow::Result;
use basewise_motif::Motif;
use basewise_motif::formats::Format;
use clap::Subcommand;
use std::path::Path;

#[derive(Subcommand)]
pub(crate) enum MotifsCommand {
    /// Turn first-layer filters into motifs, from the windows that activate them
    Filters(filters::FiltersArgs),
    /// Find motifs in attributions of a model, or in sequences without one
    Discover(Box<discover::DiscoverArgs>),
    /// Say where discovered patterns stand in sequences with attributions
    Hits(hits::HitsArgs),
    /// Match motifs to a database, with p- and q-values
    Match(matching::MatchArgs),
    /// Find where motifs occur in sequences, with p- and q-values
    Scan(scan::ScanArgs),
    /// Group motifs that look alike, and merge each group
    Cluster(cluster::ClusterArgs),
    /// Test which motifs occur in more sequences of one set than of another
    Enrich(enrich::EnrichArgs),
    /// Draw motifs as SVG and PNG
    Logo(logo::LogoArgs),
    /// Convert between MEME, JASPAR and TRANSFAC files
    Convert(convert::ConvertArgs),
}

pub(crate) fn run(command: MotifsCommand, printer: &Printer) -> Result<Outcome> {
    match command {
        MotifsCommand::Filters(args) => filters::run(&args, printer)?,
        MotifsCommand::Discover(args) => return discover::run(&args, printer),
        MotifsCommand::Hits(args) => hits::run(&args, printer)?,
        MotifsCommand::Match(args) => matching::run(&args, printer)?,
        MotifsCommand::Scan(args) => scan::run(&args, printer)?,
        MotifsCommand::Cluster(args) => cluster::run(&args, printer)?,
        MotifsCommand::Enrich(args) => enrich::run(&args, printer)?,
        MotifsCommand::Logo(args) => logo::run(&args, printer)?,
        MotifsCommand::Convert(args) => convert::run(&args, printer)?,
    }
    Ok(Outcome::Done)
}

/// Positions of a motif, at most: comparison counts places of one against the other with 16 bits.
const LONGEST: usize = 10_000;

/// The motifs of a file, in any of the formats that are read.
pub(crate) fn read(path: &Path) -> Result<Vec<Motif>> {
    let name = path.display().to_string();
    let motifs = basewise_motif::formats::read(basewise_io::input::open(path)?, &name)?;
    if motifs.is_empty() {
        return Err(user(
            format!("{name}: expected at least one motif, found none"),
            Some("MEME, JASPAR and TRANSFAC files are read"),
        ));
    }
    if let Some(long) = motifs.iter().find(|motif| motif.len() > LONGEST) {
        let found = format!("found {} of {:?}", long.len(), long.id);
        return Err(user(
            format!("{name}: expected motifs of at most {LONGEST} positions, {found}"),
            Some("a motif is the site of a protein; cut a longer profile into its parts"),
        ));
    }
    Ok(motifs)
}

/// The motifs of a file, or the built-in ones for `jaspar`, and the name of the source.
pub(crate) fn database(path: &Path) -> Result<(Vec<Motif>, String)> {
    if path.as_os_str() == "jaspar" {
        return Ok((crate::embedded::jaspar()?, crate::embedded::JASPAR_NAME.to_owned()));
    }
    Ok((read(path)?, path.display().to_string()))
}

/// The motifs of these ids, or all if none is asked for, in the order of the file.
pub(crate) fn chosen(motifs: Vec<Motif>, only: &[String], path: &Path) -> Result<Vec<Motif>> {
    if let Some(id) = only.iter().find(|&id| !motifs.iter().any(|m| &m.id == id)) {
        let some: Vec<&str> = motifs.iter().take(5).map(|m| m.id.as_str()).collect();
        return Err(user(
            format!("{}: expected a motif {id:?}, found none of that id", path.display()),
            Some(&format!("it begins with {}", some.join(", "))),
        ));
    }
    Ok(motifs.into_iter().filter(|m| only.is_empty() || only.contains(&m.id)).collect())
}

/// The motifs as the text of a motif file.
pub(crate) fn text_of(motifs: &[Motif], format: Format) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    basewise_motif::formats::write(motifs, format, &mut text)?;
    Ok(text)
}
