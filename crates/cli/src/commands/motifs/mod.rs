//! `basewise motifs`: from a network's filters, matched, drawn, converted.

pub(crate) mod convert;
pub(crate) mod filters;
pub(crate) mod logo;
pub(crate) mod matching;

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
    /// Match motifs to a database, with p- and q-values
    Match(matching::MatchArgs),
    /// Draw motifs as SVG and PNG
    Logo(logo::LogoArgs),
    /// Convert between MEME, JASPAR and TRANSFAC files
    Convert(convert::ConvertArgs),
}

pub(crate) fn run(command: MotifsCommand, printer: &Printer) -> Result<Outcome> {
    match command {
        MotifsCommand::Filters(args) => filters::run(&args, printer)?,
        MotifsCommand::Match(args) => matching::run(&args, printer)?,
        MotifsCommand::Logo(args) => logo::run(&args, printer)?,
        MotifsCommand::Convert(args) => convert::run(&args, printer)?,
    }
    Ok(Outcome::Done)
}

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
    Ok(motifs)
}

/// The motifs as the text of a motif file.
pub(crate) fn text_of(motifs: &[Motif], format: Format) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    basewise_motif::formats::write(motifs, format, &mut text)?;
    Ok(text)
}
