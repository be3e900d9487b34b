//! Contributions of examples that have a place on a genome, as bigWig.

use super::{Explanation, contribution};
use crate::failure::user;
use anyhow::Result;
use basewise_core::{Dataset, Interval, SequenceBatch, Strand};
use basewise_io::Genome;
use basewise_io::bigwig::{Window, write_windows};
use std::path::Path;

pub(super) const FILE: &str = "contributions.bw";

/// Where examples lie on a genome.
pub(super) struct Places<'a> {
    contigs: Vec<(String, u64)>,
    /// Of each example its contig, its place and its letters.
    examples: Vec<(usize, &'a Interval, usize)>,
}

impl<'a> Places<'a> {
    /// The places of rows, all of which must have one on a contig of the genome.
    pub(super) fn of(genome: &Genome, dataset: &'a Dataset, rows: &[usize]) -> Result<Self> {
        let mut contigs = genome.contigs().to_vec();
        contigs.sort();
        let of_row = |&row: &usize| {
            let example = &dataset.examples[row];
            let Some(place) = &example.place else {
                let message =
                    format!("expected examples with a place on a genome for {FILE}, found {:?} without", example.id);
                return Err(user(
                    message,
                    Some("leave out --genome, or explain a data set that was cut from a genome"),
                ));
            };
            let contig = contigs.binary_search_by(|(name, _)| name.as_str().cmp(&place.chrom));
            let contig =
                contig.map_err(|_| user(format!("expected a contig of the genome, found {:?}", place.chrom), None))?;
            Ok((contig, place, example.sequence.len()))
        };
        let examples = rows.iter().map(of_row).collect::<Result<_>>()?;
        Ok(Self { contigs, examples })
    }
}

/// Writes what the base that is there contributes; a base under several examples gets their mean.
pub(super) fn write(
    dir: &Path,
    places: &Places<'_>,
    explanation: &Explanation,
    values: &[f32],
    batch: &SequenceBatch,
) -> Result<()> {
    let window = |(i, &(contig, place, letters)): (usize, &(usize, &Interval, usize))| {
        let heights = contribution(&explanation.method, values, batch, i);
        let mut own: Vec<f32> = heights.iter().map(|bases| bases.iter().sum::<f64>() as f32).collect();
        if place.strand == Strand::Reverse {
            own.reverse();
        }
        Window { contig, start: start_of(place, letters, batch.length()), values: own }
    };
    let windows = places.examples.iter().enumerate().map(window).collect();
    Ok(write_windows(&dir.join(FILE), &places.contigs, windows)?)
}

/// Where the positions that the model sees begin on the chromosome, in an example of `letters`.
pub(super) fn start_of(place: &Interval, letters: usize, length: usize) -> i64 {
    // What was filled lies before the chromosome's start, or else beyond its end.
    let before = if place.start == 0 { letters as i64 - place.len() as i64 } else { 0 };
    let spare = letters as i64 - length as i64;
    // The extra one of an odd number is lost or missing right, which is left on the reverse strand.
    let left = if place.strand == Strand::Reverse { spare - spare / 2 } else { spare / 2 };
    place.start as i64 - before + left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_lie_where_they_were_seen() {
        let place = |start, end, strand| Interval { chrom: "c".into(), start, end, strand };
        assert_eq!(start_of(&place(100, 110, Strand::Forward), 10, 10), 100);
        // Of 13 letters one is cut off left and two right, of the strand that is read.
        assert_eq!(start_of(&place(100, 113, Strand::Forward), 13, 10), 101);
        assert_eq!(start_of(&place(100, 113, Strand::Reverse), 13, 10), 102);
        // Of 3 unknown bases around a shorter one, 2 are right of it.
        assert_eq!(start_of(&place(100, 105, Strand::Forward), 5, 8), 99);
        assert_eq!(start_of(&place(100, 105, Strand::Reverse), 5, 8), 98);
        // Four letters were filled before the start.
        assert_eq!(start_of(&place(0, 6, Strand::Forward), 10, 10), -4);
    }
}
