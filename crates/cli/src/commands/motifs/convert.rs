//! `basewise motifs convert`: one motif format into another.

use crate::failure::user;
use crate::printer::Printer;
use crate::run_dir::write_bytes;
use crate::table::count;
use anyhow::Result;
use basewise_motif::formats::Format;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FormatArg {
    Meme,
    Jaspar,
    Transfac,
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise motifs convert quickstart/donor/run/filters/filters.meme -o filters.jaspar
  $ basewise motifs convert quickstart/donor/run/filters/filters.meme --format transfac -o -")]
pub(crate) struct ConvertArgs {
    /// Motif file: MEME, JASPAR or TRANSFAC
    motifs: PathBuf,
    /// File to write; - is stdout
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Format to write [default: from the ending .meme, .jaspar, .pfm or .transfac]
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
}

pub(crate) fn run(args: &ConvertArgs, printer: &Printer) -> Result<()> {
    let format = match args.format {
        Some(FormatArg::Meme) => Format::Meme,
        Some(FormatArg::Jaspar) => Format::Jaspar,
        Some(FormatArg::Transfac) => Format::Transfac,
        None => by_ending(&args.output)?,
    };
    let motifs = super::read(&args.motifs)?;
    write_bytes(&args.output, &super::text_of(&motifs, format)?)?;
    printer.talk(&format!("{} motifs in = {} written + 0 skipped", count(motifs.len()), count(motifs.len())));
    Ok(())
}

fn by_ending(path: &Path) -> Result<Format> {
    match path.extension().and_then(|e| e.to_str()).unwrap_or_default() {
        "meme" => Ok(Format::Meme),
        "jaspar" | "pfm" => Ok(Format::Jaspar),
        "transfac" => Ok(Format::Transfac),
        other => Err(user(
            format!("{}: expected the ending .meme, .jaspar, .pfm or .transfac, found {other:?}", path.display()),
            Some("name the format with --format"),
        )),
    }
}
