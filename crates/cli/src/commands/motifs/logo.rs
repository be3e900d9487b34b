//! `basewise motifs logo`: motifs as pictures.

use crate::printer::Printer;
use crate::run_dir::{write_bytes, write_text};
use crate::table::count;
use anyhow::Result;
use basewise_core::Alphabet;
use basewise_motif::Motif;
use basewise_motif::logo::{LogoOptions, motif_svg, png, track_svg};
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  $ basewise motifs logo quickstart/donor/run/filters/filters.meme --only filter01 -o logos"
)]
pub(crate) struct LogoArgs {
    /// Motif file: MEME, JASPAR or TRANSFAC
    motifs: PathBuf,
    /// Directory for one SVG and one PNG a motif
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Only these ids
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,
    /// Draw the reverse complement
    #[arg(long)]
    reverse_complement: bool,
    /// Pixels per SVG unit in the PNG
    #[arg(long, default_value_t = 2.0, value_name = "X")]
    scale: f32,
}

pub(crate) fn run(args: &LogoArgs, printer: &Printer) -> Result<()> {
    let motifs = super::read(&args.motifs)?;
    for id in &args.only {
        if !motifs.iter().any(|m| &m.id == id) {
            let some: Vec<&str> = motifs.iter().take(5).map(|m| m.id.as_str()).collect();
            return Err(crate::failure::user(
                format!("{}: expected a motif {id:?}, found none of that id", args.motifs.display()),
                Some(&format!("it begins with {}", some.join(", "))),
            ));
        }
    }
    let chosen: Vec<&Motif> = motifs.iter().filter(|m| args.only.is_empty() || args.only.contains(&m.id)).collect();
    let mut drawn = BTreeMap::new();
    for motif in &chosen {
        let mut motif = if args.reverse_complement { motif.reverse_complement() } else { (*motif).clone() };
        let times: usize = *drawn.entry(motif.id.clone()).and_modify(|n| *n += 1).or_insert(1);
        if times > 1 {
            // A file may use an id twice; each motif gets its own picture.
            motif.id = format!("{}_{times}", motif.id);
        }
        write(&args.output, &motif, args.scale)?;
    }
    printer.talk(&format!("drew {} motifs in {}", count(chosen.len()), args.output.display()));
    Ok(())
}

/// Writes one motif as `ID.svg` and `ID.png`.
pub(crate) fn write(dir: &std::path::Path, motif: &Motif, scale: f32) -> Result<()> {
    let name: String =
        motif.id.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let title = if motif.name.is_empty() || motif.name == motif.id {
        motif.id.clone()
    } else {
        format!("{} {}", motif.id, motif.name)
    };
    let svg = motif_svg(motif, &LogoOptions { title: Some(title), ..LogoOptions::default() });
    write_text(&dir.join(format!("{name}.svg")), &svg)?;
    write_bytes(&dir.join(format!("{name}.png")), &png(&svg, scale)?)
}

/// An attribution track as a stand-alone SVG.
pub(crate) fn track(heights: &[[f64; 4]], alphabet: Alphabet, title: &str) -> String {
    track_svg(heights, &LogoOptions { title: Some(title.to_owned()), alphabet, ..LogoOptions::default() })
}
