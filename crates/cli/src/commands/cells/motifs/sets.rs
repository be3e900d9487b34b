//! The sequences of each cluster.

use super::super::clusters;
use super::super::labels::{self, Labels};
use super::super::pipeline::{self, Transform};
use super::super::places;
use super::MotifsArgs;
use crate::failure::user;
use crate::printer::Printer;
use crate::table::count;
use anyhow::Result;
use basewise_core::{Interval, Strand};
use basewise_io::cells::Frame;
use basewise_io::genome::Genome;
use std::collections::BTreeSet;
use std::path::Path;

/// One cluster.
pub(super) struct Set {
    pub(super) name: String,
    /// Its folder: the name without what file systems do not take.
    pub(super) folder: String,
    pub(super) sequences: Vec<Sequence>,
}

/// A sequence with its place, if it was cut from a genome.
pub(super) struct Sequence {
    pub(super) id: String,
    pub(super) place: Option<Interval>,
    /// How much a place marks the cluster: z of the rank sum.
    pub(super) score: f64,
    pub(super) letters: Vec<u8>,
}

/// Whether a name is that of a FASTA file.
pub(super) fn is_fasta(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or(name.strip_suffix(".bgz")).unwrap_or(&name);
    [".fa", ".fasta", ".fna"].iter().any(|ending| name.ends_with(ending))
}

/// Empty sets of the labels.
fn sets(labels: &Labels) -> Vec<Set> {
    let mut taken = BTreeSet::new();
    let one = |(i, name): (usize, &String)| {
        let letter = |letter: char| if letter.is_alphanumeric() || "._-+".contains(letter) { letter } else { '_' };
        let mut folder: String = name.chars().map(letter).collect();
        if folder.starts_with('.') || !taken.insert(folder.clone()) {
            folder = format!("cluster_{i}_{folder}");
        }
        Set { name: name.clone(), folder, sequences: Vec::new() }
    };
    labels.names.iter().enumerate().map(one).collect()
}

/// Sequences of a FASTA file by the cluster that a table gives each.
pub(super) fn of_fasta(args: &MotifsArgs) -> Result<Vec<Set>> {
    let path = &args.input.input;
    if args.genome.is_some() {
        return Err(user(
            "expected a matrix of places beside --genome, found a FASTA file",
            Some("leave --genome out"),
        ));
    }
    let records = basewise_io::fasta::read(path)?.collect::<basewise_io::Result<Vec<_>>>()?;
    let rows = Frame::named(records.iter().map(|record| record.id.clone()).collect());
    let labels = labels::of_rows("--clusters", &args.clusters, &rows)?;
    let mut sets = sets(&labels);
    for (record, code) in records.into_iter().zip(&labels.codes) {
        if let Some(code) = code {
            let (id, letters) = (record.id, record.sequence);
            sets[*code as usize].sequences.push(Sequence { id, place: None, score: 0.0, letters });
        }
    }
    Ok(sets)
}

/// Windows around the places that mark each cluster of a matrix.
pub(super) fn of_matrix(args: &MotifsArgs, printer: &Printer) -> Result<Vec<Set>> {
    let Some(genome) = &args.genome else {
        return Err(user(
            format!("{}: expected --genome with the sequences of its places, found none", args.input.input.display()),
            Some("a FASTA file of sequences needs none"),
        ));
    };
    let describing = labels::of_table(&args.input.input, Some(&args.clusters))?;
    let matrix = args.input.load(&describing, printer)?;
    let labels = labels::of_rows("--clusters", &args.clusters, &matrix.cells)?;
    let genome = Genome::open(genome)?;
    genome.notes().iter().for_each(|note| printer.talk(note));
    let places = places::on_genome(&matrix.genes, &genome, printer)?;
    // Cells without a cluster are no part of the comparison.
    let labelled: Vec<usize> = (0..labels.codes.len()).filter(|&cell| labels.codes[cell].is_some()).collect();
    let known = basewise_io::cells::CellMatrix {
        counts: matrix.counts.select_rows(&labelled),
        cells: matrix.cells.select(&labelled),
        obsm: Vec::new(),
        ..matrix
    };
    let codes: Vec<u32> = labelled.iter().filter_map(|&cell| labels.codes[cell]).collect();
    let prepared = pipeline::prepare(&known, Transform::Auto, 0, false)?;
    let marking = clusters::marking(&prepared, &codes, args.max_q)?;
    let mut sets = sets(&labels);
    for (set, markers) in sets.iter_mut().zip(marking) {
        let mut short = 0;
        for marker in markers {
            let Some(place) = &places[marker.feature] else { continue };
            if set.sequences.len() == args.places {
                break;
            }
            match window(&genome, place, args.window as u64)? {
                Some((place, letters)) => {
                    let id = known.genes.ids[marker.feature].clone();
                    set.sequences.push(Sequence { id, place: Some(place), score: marker.score, letters });
                }
                None => short += 1,
            }
        }
        if short > 0 {
            let (name, short) = (&set.name, count(short));
            printer.warn(&format!(
                "cluster {name}: {short} places were left out: their window reaches beyond the chromosome"
            ));
        }
    }
    Ok(sets)
}

/// The window around the middle of a place; `None` where the chromosome ends within it.
fn window(genome: &Genome, place: &Interval, length: u64) -> Result<Option<(Interval, Vec<u8>)>> {
    let Some(start) = (place.start + place.len() / 2).checked_sub(length / 2) else { return Ok(None) };
    if start + length > genome.length(&place.chrom)? {
        return Ok(None);
    }
    let window = Interval { chrom: place.chrom.clone(), start, end: start + length, strand: Strand::Forward };
    let letters = genome.fetch(&window)?;
    Ok(Some((window, letters)))
}
