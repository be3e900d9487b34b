//! `basewise motifs logo`: motifs, and attributions of sequences, as pictures.

use crate::failure::user;
use crate::printer::Printer;
use crate::run_dir::{read_json, write_bytes, write_text};
use crate::table::count;
use anyhow::Result;
use basewise_core::Alphabet;
use basewise_io::arrays::{Array, ArrayValues, read_npz};
use basewise_motif::Motif;
use basewise_motif::logo::{LogoOptions, motif_png, motif_svg, track_png, track_svg};
use clap::{Args, ValueEnum};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise motifs logo quickstart/donor/run/filters/filters.meme --only filter01 -o logos
  $ basewise explain quickstart/donor/run --method saliency --limit 20 -o explained-for-logos
  $ basewise motifs logo explained-for-logos/attributions.npz --format png -o track-logos

Of an .npz file `attributions` [N, 4, L] are drawn, a picture a sequence, named after `ids` where there are some. Where there is
`one_hot`, only the bases that are there are drawn.")]
pub(crate) struct LogoArgs {
    /// Motif file: MEME, JASPAR or TRANSFAC; or attributions as .npz
    motifs: PathBuf,
    /// Directory for the pictures
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Only these ids
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,
    /// Draw the reverse complement of motifs
    #[arg(long)]
    reverse_complement: bool,
    /// Formats to write
    #[arg(long, value_enum, default_value = "both")]
    format: PictureFormat,
    /// Pixels per SVG unit in the PNG
    #[arg(long, default_value_t = 2.0, value_name = "X")]
    scale: f32,
    /// Letters of attributions: T or U
    #[arg(long)]
    rna: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PictureFormat {
    Svg,
    Png,
    Both,
}

pub(crate) fn run(args: &LogoArgs, printer: &Printer) -> Result<()> {
    if args.motifs.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz")) {
        return tracks(args, printer);
    }
    let motifs = super::chosen(super::read(&args.motifs)?, &args.only, &args.motifs)?;
    let names = unique(motifs.iter().map(|motif| motif.id.as_str()));
    motifs.par_iter().zip(&names).try_for_each(|(motif, name)| {
        let mut motif = if args.reverse_complement { motif.reverse_complement() } else { motif.clone() };
        motif.id.clone_from(name);
        draw(&args.output, name, &Picture::Motif(&motif), args.format, args.scale)
    })?;
    printer.talk(&format!("drew {} motifs in {}", count(motifs.len()), args.output.display()));
    Ok(())
}

/// Ids, each once: a file may use one twice, and every motif gets its own picture.
fn unique<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = BTreeMap::new();
    let number = |id: &str| {
        let times: usize = *seen.entry(id.to_owned()).and_modify(|n| *n += 1).or_insert(1);
        if times > 1 { format!("{id}_{times}") } else { id.to_owned() }
    };
    ids.map(number).collect()
}

enum Picture<'a> {
    Motif(&'a Motif),
    Track { title: &'a str, heights: &'a [[f64; 4]], alphabet: Alphabet },
}

fn draw(dir: &Path, name: &str, picture: &Picture<'_>, format: PictureFormat, scale: f32) -> Result<()> {
    let options = match picture {
        Picture::Motif(motif) => LogoOptions { title: Some(title(motif)), ..LogoOptions::default() },
        Picture::Track { title, alphabet, .. } => {
            LogoOptions { title: Some((*title).to_owned()), alphabet: *alphabet, ..LogoOptions::track() }
        }
    };
    let file = |ending: &str| dir.join(format!("{}.{ending}", file_name(name)));
    if format != PictureFormat::Png {
        let svg = match picture {
            Picture::Motif(motif) => motif_svg(motif, &options),
            Picture::Track { heights, .. } => track_svg(heights, &options),
        };
        write_text(&file("svg"), &svg)?;
    }
    if format != PictureFormat::Svg {
        let png = match picture {
            Picture::Motif(motif) => motif_png(motif, &options, scale)?,
            Picture::Track { heights, .. } => track_png(heights, &options, scale)?,
        };
        write_bytes(&file("png"), &png)?;
    }
    Ok(())
}

fn title(motif: &Motif) -> String {
    if motif.name.is_empty() || motif.name == motif.id {
        motif.id.clone()
    } else {
        format!("{} {}", motif.id, motif.name)
    }
}

/// A name that any file system takes.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}

/// Writes one motif as `ID.svg` and `ID.png`.
pub(crate) fn write(dir: &Path, motif: &Motif, scale: f32) -> Result<()> {
    draw(dir, &motif.id, &Picture::Motif(motif), PictureFormat::Both, scale)
}

/// An attribution track as a stand-alone SVG.
pub(crate) fn track(heights: &[[f64; 4]], alphabet: Alphabet, title: &str) -> String {
    track_svg(heights, &LogoOptions { title: Some(title.to_owned()), alphabet, ..LogoOptions::default() })
}

/// Draws the sequences of an `.npz` file.
fn tracks(args: &LogoArgs, printer: &Printer) -> Result<()> {
    let arrays = read_npz(&args.motifs)?;
    let wrong = |found: String| {
        let message = format!("{}: expected `attributions` [N, 4, L], found {found}", args.motifs.display());
        user(message, Some("`basewise explain` writes such files"))
    };
    let Some(attributions) = arrays.get("attributions") else {
        return Err(wrong(format!("only {}", arrays.keys().cloned().collect::<Vec<_>>().join(", "))));
    };
    let &[n, 4, length] = attributions.shape.as_slice() else {
        return Err(wrong(format!("an array of shape {:?}", attributions.shape)));
    };
    let values = numbers(attributions).ok_or_else(|| wrong("an array without numbers".to_owned()))?;
    let shown = arrays.get("one_hot").filter(|array| array.shape == attributions.shape).and_then(numbers);
    let ids = match arrays.get("ids").map(|array| &array.values) {
        Some(ArrayValues::Text(ids)) if ids.len() == n => ids.clone(),
        _ => (1..=n).map(|i| format!("sequence{i}")).collect(),
    };
    if let Some(id) = args.only.iter().find(|&id| !ids.contains(id)) {
        return Err(user(format!("{}: expected a sequence {id:?}, found none", args.motifs.display()), None));
    }
    let about = args.motifs.with_file_name("explain.json");
    let record = if about.is_file() { read_json::<serde_json::Value>(&about)? } else { serde_json::Value::Null };
    let is_mutagenesis = shown.is_some() && record["method"] == "ism";
    let names = unique(ids.iter().map(String::as_str));
    let chosen: Vec<usize> = (0..n).filter(|&i| args.only.is_empty() || args.only.contains(&ids[i])).collect();
    let alphabet = if args.rna { Alphabet::Rna } else { Alphabet::Dna };
    chosen.par_iter().try_for_each(|&i| {
        let at = |base: usize, position: usize| (i * 4 + base) * length + position;
        let height = |base: usize, position: usize| {
            let shown = shown.as_ref().map_or(1.0, |shown| shown[at(base, position)]);
            // Mutagenesis says what changes with another base: the base that is there contributes the opposite.
            let own = || -(0..4).map(|other| values[at(other, position)]).sum::<f64>() / 3.0;
            shown * if is_mutagenesis { own() } else { values[at(base, position)] }
        };
        let heights: Vec<[f64; 4]> = (0..length).map(|p| std::array::from_fn(|base| height(base, p))).collect();
        let picture = Picture::Track { title: &ids[i], heights: &heights, alphabet };
        draw(&args.output, &names[i], &picture, args.format, args.scale)
    })?;
    printer.talk(&format!("drew {} sequences in {}", count(chosen.len()), args.output.display()));
    Ok(())
}

fn numbers(array: &Array) -> Option<Vec<f64>> {
    match &array.values {
        ArrayValues::F32(values) => Some(values.iter().map(|&v| f64::from(v)).collect()),
        ArrayValues::F64(values) => Some(values.clone()),
        _ => None,
    }
}
