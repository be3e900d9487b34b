//! Signal of tracks in bins, for the windows of a data set.

use super::Missing;
use crate::error::{Error, Result};
use crate::genome::Genome;
use crate::signal::{Track, bin_sums};
use basewise_core::{ControlSignal, Dataset, Example, Interval, Strand, reverse_tracks};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Reads the bins in the middle of windows out of tracks.
#[derive(Clone, Copy)]
pub(super) struct BinReader<'a> {
    pub(super) genome: &'a Genome,
    pub(super) tracks: &'a [Track],
    /// Pairs of tracks that change places for a window on the reverse strand.
    pub(super) strand_pairs: &'a [[usize; 2]],
    /// Bases whose signal is read for a window, margins included: whole bins.
    pub(super) bases: usize,
    pub(super) bin_size: usize,
    pub(super) missing: Missing,
    /// Whether the sign of values is left out.
    pub(super) absolute: bool,
}

impl BinReader<'_> {
    /// Reads the bins of all examples, along the genome, and gives each its own; returns for each track the share of bases
    /// without a value.
    pub(super) fn read(&self, dataset: &mut Dataset, mut give: impl FnMut(&mut Example, Vec<f64>)) -> Result<Vec<f64>> {
        let places = dataset.examples.iter().filter_map(|example| example.place.as_ref());
        self.check_contigs(places)?;
        // Along the genome, so that each block of a track is read once.
        let mut order: Vec<usize> = (0..dataset.examples.len()).collect();
        let place = |i: usize| dataset.examples[i].place.as_ref().map(|place| (place.chrom.clone(), place.start));
        order.sort_by_cached_key(|&i| place(i));
        let mut missing = vec![0; self.tracks.len()];
        for &i in &order {
            let example = &mut dataset.examples[i];
            let Some(place) = &example.place else {
                let message =
                    format!("expected negatives with a place on the genome, found the sequence {:?}", example.id);
                return Err(Error::new(message).with_hint("give places as a BED file, or take background windows"));
            };
            let bins = self.bins(place, example.sequence.len() as u64, &mut missing)?;
            give(example, bins);
        }
        let bases = (self.bases * order.len()).max(1) as f64;
        Ok(missing.into_iter().map(|count| count as f64 / bases).collect())
    }

    /// All tracks know all contigs, and as long as the genome has them: otherwise they are about another assembly.
    fn check_contigs<'p>(&self, places: impl Iterator<Item = &'p Interval>) -> Result<()> {
        let chroms: BTreeSet<&str> = places.map(|place| place.chrom.as_str()).collect();
        for track in self.tracks {
            for &chrom in &chroms {
                let expected = self.genome.length(chrom)?;
                if let Some(found) = track.length(chrom)?.filter(|&found| found != expected) {
                    let genome = self.genome.path().display();
                    let message = format!("expected {chrom:?} of {expected} bases as in {genome}, found {found} bases");
                    return Err(Error::of(track.path(), message).with_hint("is it the same genome assembly?"));
                }
            }
        }
        Ok(())
    }

    /// The bins of a stored stretch of `length` letters, of which `place` is what lies on the chromosome, in the order in
    /// which it is read.
    fn bins(&self, place: &Interval, length: u64, missing: &mut [u64]) -> Result<Vec<f64>> {
        let chromosome = self.genome.length(&place.chrom)?;
        if place.len() < length && place.start == 0 && place.end == chromosome {
            let message = format!("expected a contig of at least {length} bases for {place}, found {chromosome}");
            return Err(Error::of(self.genome.path(), message).with_hint("leave its places out (--out-of-bounds skip)"));
        }
        // What is missing lies before the chromosome's start, or else beyond its end.
        let before = if place.start == 0 { length - place.len() } else { 0 };
        let start = place.start as i64 - before as i64 + (length as i64 - self.bases as i64) / 2;
        let mut bins = Vec::with_capacity(self.tracks.len() * self.bases / self.bin_size);
        for (track, missing) in self.tracks.iter().zip(missing) {
            let values = self.values(track, &place.chrom, start, chromosome, missing)?;
            bins.extend(bin_sums(&values, self.bin_size).into_iter().map(|sum| f64::from(sum as f32)));
        }
        if place.strand == Strand::Reverse {
            reverse_tracks(&mut bins, self.bases / self.bin_size, self.strand_pairs);
        }
        Ok(bins)
    }

    /// A track's values from `start` on; what is beyond the chromosome is unknown whatever the policy.
    fn values(&self, track: &Track, chrom: &str, start: i64, chromosome: u64, missing: &mut u64) -> Result<Vec<f32>> {
        let end = start + self.bases as i64;
        let (from, to) = (start.clamp(0, chromosome as i64) as u64, end.clamp(0, chromosome as i64) as u64);
        let mut values = vec![f32::NAN; self.bases];
        if from < to {
            let first = (from as i64 - start) as usize;
            let inside = track.values(chrom, from, to)?;
            values[first..first + inside.len()].copy_from_slice(&inside);
            for (value, position) in values[first..first + inside.len()].iter_mut().zip(from..) {
                if value.is_nan() {
                    *missing += 1;
                    *value = if self.missing == Missing::Zero { 0.0 } else { f32::NAN };
                } else if self.absolute {
                    *value = value.abs();
                } else if *value < 0.0 || value.is_infinite() {
                    let message = format!("expected signal of at least 0, found {value} at {chrom}:{}", position + 1);
                    let hint = "--absolute takes the values without their sign, as for reverse strands written as negative numbers";
                    return Err(Error::of(track.path(), message).with_hint(hint));
                }
            }
        }
        Ok(values)
    }
}

/// The files of a control, for windows that are in no data set.
#[derive(Debug)]
pub struct ControlFiles<'a> {
    genome: &'a Genome,
    control: &'a ControlSignal,
    tracks: Vec<Track>,
    absolute: bool,
}

impl<'a> ControlFiles<'a> {
    /// Opens one file a track of the control, in its order; with `absolute` the sign of values is left out.
    ///
    /// # Errors
    /// Another number of files, or one that cannot be read.
    pub fn open(genome: &'a Genome, control: &'a ControlSignal, files: &[PathBuf], absolute: bool) -> Result<Self> {
        if files.len() != control.tracks.len() {
            let (names, count) = (control.tracks.join(", "), files.len());
            return Err(Error::new(format!("expected a file of the control for each of {names}, found {count}")));
        }
        let tracks = files.iter().map(|file| Track::open(file)).collect::<Result<Vec<_>>>()?;
        Ok(Self { genome, control, tracks, absolute })
    }

    /// The control in the middle of a window of `length` letters, of which `place` is what lies on the chromosome: NaN where
    /// it is unknown.
    ///
    /// # Errors
    /// A contig that a file does not know, or knows with another length; negative values; damaged data.
    pub fn bins(&self, place: &Interval, length: u64) -> Result<Vec<f64>> {
        let ControlSignal { bins, bin_size, ref strand_pairs, .. } = *self.control;
        let reader = BinReader {
            genome: self.genome,
            tracks: &self.tracks,
            strand_pairs,
            bases: bins * bin_size,
            bin_size,
            missing: Missing::Unknown,
            absolute: self.absolute,
        };
        reader.check_contigs(std::iter::once(place))?;
        reader.bins(place, length, &mut vec![0; self.tracks.len()])
    }
}
