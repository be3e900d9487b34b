//! `basewise variants plot`: the reference and the alternate sequence around one variant, with what each base contributes.

use super::attribution::mutated;
use super::motif_changes::{Change, MotifChanges};
use super::prepare::{MismatchArg, Preparer, Rules, UnknownContigArg};
use super::regions::CentreArg;
use crate::commands::evaluate::batch_of;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, write_bytes, write_text};
use crate::shared_args::{AverageArgs, output_index};
use anyhow::Result;
use basewise_core::variants::Window;
use basewise_core::{Code, Predict, Strand};
use basewise_io::Genome;
use basewise_io::genome::Nearby;
use basewise_io::variants::Record;
use basewise_motif::logo::{Highlight, LogoOptions, Mark, png, track_svg};
use clap::Args;
use std::ops::Range;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise variants plot quickstart/donor/run --genome quickstart/inputs/ctcf.fa --variant chr11:190037-190237:100:T:C -o variant.svg

Each letter is as high as its base contributes: minus the mean change of the raw score over the three substitutions of it, in
the reference sequence above and in the alternate one below. Both have the same scale. What an insertion or a deletion moves
leaves the window at either end: as for scores, both ways are predicted, and their means are shown.")]
pub(crate) struct PlotArgs {
    /// Run directory
    run: PathBuf,
    /// Genome FASTA, plain or bgzip
    #[arg(short, long, value_name = "FASTA")]
    genome: PathBuf,
    /// The variant as CHROM:POS:REF:ALT, POS counted from 1
    #[arg(long, value_name = "VARIANT")]
    variant: String,
    /// .svg or .png
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Bases to draw on each side of the variant
    #[arg(long, default_value_t = 40, value_name = "N")]
    flank: usize,
    /// Read the reverse strand
    #[arg(long)]
    reverse: bool,
    /// The output to explain: a task, task:class, or a number [default: a profile's total, else the first]
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Mark sites of the motifs of this file, and name those that the variant makes or breaks: MEME, JASPAR or TRANSFAC
    #[arg(long, value_name = "FILE")]
    motifs: Option<PathBuf>,
    #[command(flatten)]
    average: AverageArgs,
}

pub(super) fn run(args: &PlotArgs, printer: &Printer) -> Result<Outcome> {
    let is_png = match args.output.extension().and_then(|ending| ending.to_str()) {
        Some("svg") => false,
        Some("png") => true,
        _ => return Err(user(format!("{}: expected a name that ends in .svg or .png", args.output.display()), None)),
    };
    let run = RunDir::open(&args.run)?;
    let models = run.model()?;
    batch_of(&models, std::iter::empty())?;
    let model = args.average.over(&models)?;
    let genome = Genome::open(&args.genome)?;
    let (target, name) = output_index(model.tasks(), args.target.as_deref())?;
    let motifs = args.motifs.as_deref().map(|path| MotifChanges::read(path, model.encoding())).transpose()?;
    let plot = Plot {
        variant: &args.variant,
        reverse: args.reverse,
        flank: args.flank,
        target,
        name: &name,
        motifs: motifs.as_ref(),
        fragment: false,
    };
    let (svg, [before, after]) = plot.draw(&genome, &model)?;
    if is_png {
        write_bytes(&args.output, &png(&svg, 2.0)?)?
    } else {
        write_text(&args.output, &svg)?
    }
    printer.talk(&format!("{name}: raw score {before:.3} to {after:.3}; wrote {}", args.output.display()));
    Ok(Outcome::Done)
}

/// What is drawn of a variant.
pub(super) struct Plot<'a> {
    /// CHROM:POS:REF:ALT.
    pub(super) variant: &'a str,
    pub(super) reverse: bool,
    /// Bases on each side.
    pub(super) flank: usize,
    /// The output, and what it is called.
    pub(super) target: usize,
    pub(super) name: &'a str,
    pub(super) motifs: Option<&'a MotifChanges>,
    /// Whether the page that it becomes a part of defines the letters.
    pub(super) fragment: bool,
}

impl Plot<'_> {
    /// The picture as SVG, and the raw scores of the reference and the alternate sequence.
    pub(super) fn draw(&self, genome: &Genome, model: &dyn Predict) -> Result<(String, [f32; 2])> {
        let alleles = alleles(self, genome, model)?;
        let tracks = tracks(&alleles, model, self.target, self.flank)?;
        let changes = self.motifs.map(|motifs| alleles.motif_changes(motifs, genome)).transpose()?.unwrap_or_default();
        let svg = picture(self, &alleles, &tracks, changes, model);
        Ok((svg, [tracks[0].score, tracks[1].score]))
    }
}

/// A variant and the sequences of the model's window around it.
struct Alleles {
    chrom: String,
    variant: basewise_core::variants::Variant,
    window: Window,
    /// The reference, and the alternate sequence in each way to put it into the window. In the first of them what comes
    /// before the variant stays where it is; in the second what comes behind it does, so that all is moved by the bases that
    /// are lost.
    sequences: Vec<Vec<Code>>,
    /// Positions of the variant in the window, in each sequence.
    changed: [Range<usize>; 2],
}

fn alleles(args: &Plot<'_>, genome: &Genome, model: &dyn Predict) -> Result<Alleles> {
    let wrong = || {
        user(format!("expected a variant such as chr1:1000:A:T, found {:?}", args.variant), Some("POS counts from 1"))
    };
    let parts: Vec<&str> = args.variant.rsplitn(4, ':').collect();
    let [alternate, reference, position, chrom] = parts.as_slice() else { return Err(wrong()) };
    let line = format!("{chrom}\t{position}\t.\t{reference}\t{alternate}\t.\t.\t.");
    let record = Record::parse(line.into_bytes(), Path::new(args.variant), 1).map_err(|_| wrong())?;
    if record.alternates().count() > 1 {
        let each =
            |allele: &[u8]| format!("--variant {chrom}:{position}:{reference}:{}", String::from_utf8_lossy(allele));
        let each: Vec<String> = record.alternates().map(each).collect();
        return Err(user(
            format!("{}: expected one alternate allele, found {}", args.variant, each.len()),
            Some(&format!("draw each by itself: {}", each.join(", then "))),
        ));
    }
    let length = model.length() - 2 * model.margin();
    let rules = Rules {
        mismatch: MismatchArg::Error,
        unknown_contig: UnknownContigArg::Error,
        regions: None,
        centre: CentreArg::Variant,
        grid: 1,
        length,
        margin: model.margin(),
        encoding: model.encoding(),
    };
    let named = Path::new("--variant");
    let mut preparer = Preparer::new(genome, rules, named, 0);
    preparer.mismatch_hint =
        "is the variant of this genome's assembly? REF is what the genome has on its forward strand";
    let prepared = preparer.prepare(std::slice::from_ref(&record), |_| args.variant.to_owned())?;
    let Some(job) = prepared.groups.first().and_then(|group| group.jobs.first()) else {
        let status = prepared.statuses.first().and_then(|own| own.first()).map_or("no allele", |status| status.word());
        return Err(user(
            format!("{}: expected a variant that can be scored, found one that cannot: {status}", args.variant),
            None,
        ));
    };
    let chrom = preparer.names().find(record.chrom())?.unwrap_or_default().to_owned();
    let variant = job.variant.clone();
    let strand = if args.reverse { Strand::Reverse } else { Strand::Forward };
    let inner = Window::centred(Window::middle(&variant), length, strand);
    let window = Window { start: inner.start - model.margin() as i64, length: model.length(), ..inner };
    let reach = variant.gain().abs();
    let stretch = Nearby::new(genome).stretch(&chrom, window.start - reach, window.end() + reach)?;
    let own = window.codes(&stretch, model.encoding())?;
    let mut edits = window.edits(&stretch, &variant, model.encoding())?;
    if window.reverse {
        edits.reverse();
    }
    let altered = edits.iter().map(|edit| {
        let mut codes = own.clone();
        codes[edit.start..edit.end()].copy_from_slice(&edit.codes);
        codes
    });
    let sequences = std::iter::once(own.clone()).chain(altered).collect();
    let start = (variant.start as i64 - window.start) as usize;
    let changed = [variant.reference.len(), variant.alternate.len()].map(|bases| {
        let first = if window.reverse { window.length - start - variant.reference.len() } else { start };
        first..(first + bases).min(window.length)
    });
    Ok(Alleles { chrom, variant, window, sequences, changed })
}

impl Alleles {
    /// The part of the window that is drawn.
    fn drawn(&self, flank: usize) -> Range<usize> {
        let end = self.changed[0].end.max(self.changed[1].end);
        self.changed[0].start.saturating_sub(flank)..end.saturating_add(flank).min(self.window.length)
    }

    /// Where a position of the first way is in a sequence; none beyond the window.
    fn position(&self, sequence: usize, position: usize) -> Option<usize> {
        let moved = if sequence > 1 { self.variant.gain() } else { 0 };
        usize::try_from(position as i64 - moved).ok().filter(|&at| at < self.window.length)
    }

    /// The motif that is gained most and the one that is lost most.
    fn motif_changes(&self, motifs: &MotifChanges, genome: &Genome) -> Result<[Option<Change>; 2]> {
        let reach = motifs.reach() as i64;
        let (start, end) = (self.variant.start as i64 - reach, self.variant.end() as i64 + reach);
        let around = Nearby::new(genome).stretch(&self.chrom, start, end)?;
        Ok(motifs.changes(&around, &self.variant))
    }

    /// The sites of motifs on the drawn part of the reference (0) or the alternate sequence (1), that of a motif which
    /// changes before others.
    fn sites(&self, motifs: &MotifChanges, sequence: usize, drawn: Range<usize>, change: Option<Change>) -> Vec<Mark> {
        let named = change.map(|change| (change.motif, self.changed[sequence].clone()));
        motifs.sites(&self.sequences[sequence], drawn, named)
    }
}

/// The raw score of a sequence, and the contribution of each base that is drawn, at its position of the window.
struct Track {
    score: f32,
    heights: Vec<[f64; 4]>,
}

/// By substitutions of the bases that are drawn: of the reference, and of the alternate sequence as the mean over the ways to
/// put it into the window, as in the scores of `basewise variants`.
fn tracks(alleles: &Alleles, model: &dyn Predict, target: usize, flank: usize) -> Result<[Track; 2]> {
    let drawn = alleles.drawn(flank);
    let track = |(index, sequence): (usize, &Vec<Code>)| {
        let mut positions = drawn.clone().filter_map(|position| alleles.position(index, position));
        let first = positions.next().unwrap_or_default();
        let range = first..positions.next_back().unwrap_or(first) + 1;
        let found = mutated(model, sequence, range, &[target], false)?;
        let mut heights = vec![[0.0; 4]; sequence.len()];
        for ((height, code), value) in heights.iter_mut().zip(sequence).zip(found.contributions.iter().flatten()) {
            if let Some(height) = height.get_mut(usize::from(code.base())) {
                *height = *value;
            }
        }
        Ok(Track { score: found.scores.first().copied().unwrap_or_default(), heights })
    };
    let mut tracks = alleles.sequences.iter().enumerate().map(track).collect::<Result<Vec<_>>>()?.into_iter();
    let reference = tracks.next().unwrap_or(Track { score: f32::NAN, heights: Vec::new() });
    Ok([reference, mean(alleles, &tracks.collect::<Vec<_>>())])
}

/// The mean of tracks over the ways to put the alternate sequence into the window, at positions of the first.
fn mean(alleles: &Alleles, ways: &[Track]) -> Track {
    let score = ways.iter().map(|way| f64::from(way.score)).sum::<f64>() / ways.len() as f64;
    let height = |position: usize| {
        let places = ways.iter().zip(1..).filter_map(|(way, index)| Some((way, alleles.position(index, position)?)));
        let rows: Vec<[f64; 4]> = places.map(|(way, at)| way.heights[at]).collect();
        std::array::from_fn(|base| rows.iter().map(|row| row[base]).sum::<f64>() / rows.len().max(1) as f64)
    };
    Track { score: score as f32, heights: (0..alleles.window.length).map(height).collect() }
}

/// Both tracks, one above the other.
fn picture(
    args: &Plot<'_>,
    alleles: &Alleles,
    tracks: &[Track; 2],
    changes: [Option<Change>; 2],
    model: &dyn Predict,
) -> String {
    let drawn = alleles.drawn(args.flank);
    let ends = |track: &Track| {
        let row = |row: &[f64; 4]| (row.iter().copied().fold(0.0, f64::min), row.iter().copied().fold(0.0, f64::max));
        track.heights[drawn.clone()]
            .iter()
            .map(row)
            .fold((0.0f64, 0.0f64), |(low, high), (a, b)| (low.min(a), high.max(b)))
    };
    let range = tracks.iter().map(ends).fold((0.0f64, 0.0f64), |(low, high), (a, b)| (low.min(a), high.max(b)));
    let words = args.motifs.map(|motifs| motifs.words(changes)).unwrap_or_default();
    let strand = if alleles.window.reverse { ", along the reverse strand" } else { "" };
    let svg = |(i, track): (usize, &Track)| {
        let what = ["reference", "alternate"][i];
        let words = if i == 1 && !words.is_empty() { format!("; {words}") } else { String::new() };
        let changed = &alleles.changed[i];
        // What is lost is in the reference, what is gained in the alternate sequence.
        let sites = args.motifs.map(|motifs| alleles.sites(motifs, i, drawn.clone(), changes[1 - i]));
        let options = LogoOptions {
            marks: sites.unwrap_or_default(),
            fragment: args.fragment,
            title: Some(format!("{what}: {} {:.3}{words}", args.name, track.score)),
            alphabet: model.encoding().alphabet,
            y_range: Some(range),
            start: drawn.start as i64 - alleles.changed[0].start as i64,
            x_label: (i == 1).then(|| format!("{}, position relative to the variant{strand}", args.variant)),
            highlights: vec![Highlight {
                start: changed.start - drawn.start,
                end: (changed.end - drawn.start).max(changed.start - drawn.start + 1),
                color: None,
            }],
            ..LogoOptions::track()
        };
        track_svg(&track.heights[drawn.clone()], &options)
    };
    stacked(&tracks.iter().enumerate().map(svg).collect::<Vec<_>>())
}

/// Pictures below each other, as one.
fn stacked(pictures: &[String]) -> String {
    let size = |svg: &str, name: &str| -> f64 {
        let rest = svg.split_once(&format!(" {name}=\"")).map_or("", |(_, rest)| rest);
        rest.split('"').next().and_then(|number| number.parse().ok()).unwrap_or(0.0)
    };
    let width = pictures.iter().map(|svg| size(svg, "width")).fold(0.0, f64::max);
    let (mut y, mut body) = (0.0, String::new());
    for picture in pictures {
        body.push_str(&picture.replacen("<svg ", &format!("<svg y=\"{y}\" "), 1));
        y += size(picture, "height") + 8.0;
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}">{body}</svg>"#
    )
}
