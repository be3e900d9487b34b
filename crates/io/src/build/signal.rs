//! Data sets of signal along a genome: windows as for [`super::intervals()`], labelled by tracks.

use super::intervals::{IntervalsSpec, WindowPolicy, intervals};
use super::{Built, Negatives};
use crate::dataset::Source;
use crate::error::{Error, Result};
use crate::genome::Genome;
use crate::signal::{Track, bin_sums};
use basewise_core::{Dataset, Interval, Profile, Split, Strand, Task, TaskKind, profile};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A track and the name that it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackFile {
    /// Name of the track.
    pub name: String,
    /// bigWig, bedGraph or wiggle.
    pub path: PathBuf,
}

/// What a base without a value means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// No signal: most programs leave zeros out.
    #[default]
    Zero,
    /// Nothing is known: a bin in which no base has a value is left out of losses and metrics.
    Unknown,
}

/// How to make a data set of signal.
#[derive(Clone, Debug)]
pub struct SignalSpec {
    /// Which windows, with which negatives and splits. The window must have a length; the files of peaks only say where
    /// to look and make no tasks.
    pub places: IntervalsSpec,
    /// Name of the task.
    pub task: String,
    /// The tracks, in the order of the outputs.
    pub tracks: Vec<TrackFile>,
    /// Pairs of tracks (by number) of the forward and the reverse strand.
    pub strand_pairs: Vec<[usize; 2]>,
    /// Bases in the middle of the window whose signal is predicted.
    pub output_window: usize,
    /// Bases in a bin; the sum over them is a label.
    pub bin_size: usize,
    /// What a base without a value means.
    pub missing: Missing,
    /// Whether the sign of values is left out, for reverse strands that are written as negative numbers.
    pub absolute: bool,
    /// See [`Profile::count_weight`]; `None` is a tenth of the median total of a track in the training
    /// peaks, after ChromBPNet.
    pub count_weight: Option<f64>,
}

/// Makes a data set of signal along a genome.
///
/// # Errors
/// Those of [`intervals`]; an output window that does not fit the window or its bins; a track that cannot be read, does not
/// know a contig, has another length for it than the genome, or has negative values; negatives without a place.
pub fn signal(spec: &SignalSpec) -> Result<Built> {
    let profile = profile_of(spec)?;
    let tracks = spec.tracks.iter().map(|file| Track::open(&file.path)).collect::<Result<Vec<_>>>()?;
    let mut built = intervals(&spec.places)?;
    let genome = Genome::open(&spec.places.genome)?;
    let reader = Reader { spec, profile: &profile, genome: &genome, tracks: &tracks };
    reader.check_contigs(&built.dataset)?;
    // So far labels say which windows are peaks.
    let is_peak: Vec<bool> = built.dataset.examples.iter().map(|example| example.labels.contains(&1.0)).collect();
    let missing = reader.label(&mut built.dataset)?;
    let weight = spec.count_weight.unwrap_or_else(|| usual_weight(&built.dataset, &is_peak, &profile));
    let kind = TaskKind::Profile(Profile { count_weight: weight, ..profile });
    built.dataset.tasks = vec![Task { name: spec.task.clone(), kind }];
    "signal".clone_into(&mut built.provenance.kind);
    for file in &spec.tracks {
        built.provenance.sources.push(Source::of(&file.path)?);
    }
    let names = spec.tracks.iter().map(|file| file.name.clone());
    let shares: Vec<(String, f64)> = names.zip(missing).collect();
    built.provenance.notes.insert("without_value".into(), json!(shares));
    built.provenance.notes.insert("missing".into(), json!(spec.missing));
    built.provenance.notes.insert("absolute".into(), json!(spec.absolute));
    Ok(built)
}

/// The description of the task, once the numbers were found to fit; its weight of the count is not known yet.
fn profile_of(spec: &SignalSpec) -> Result<Profile> {
    let WindowPolicy::Centred(window) = spec.places.window else {
        return Err(Error::new("expected a window of so many bases for signal, found intervals as they are"));
    };
    let (output, bin, jitter) = (spec.output_window, spec.bin_size, spec.places.jitter);
    if bin == 0 || output == 0 || !output.is_multiple_of(bin) {
        return Err(Error::new(format!(
            "expected an output window of whole bins of {bin} bases, found {output} bases"
        )));
    }
    if output > window || !(window - output).is_multiple_of(2) {
        let message =
            format!("expected an output window as far from both ends of {window} bases, found {output} bases");
        return Err(
            Error::new(message).with_hint("take one that is shorter by an even number of bases, or the window itself")
        );
    }
    if !jitter.is_multiple_of(bin) {
        let message = format!("expected a jitter that is a multiple of the bins of {bin} bases, found {jitter}");
        return Err(Error::new(message).with_hint("bins are shifted as a whole"));
    }
    if matches!(spec.places.negatives, Negatives::Shuffle { .. }) {
        let error = Error::new("expected negatives with a place on the genome, found shuffles");
        return Err(error.with_hint("signal is known for background windows and for places in a BED file"));
    }
    if spec.count_weight.is_some_and(|weight| !(weight.is_finite() && weight >= 0.0)) {
        return Err(Error::new("expected a weight of the count of at least 0, found another number"));
    }
    let profile = Profile {
        tracks: spec.tracks.iter().map(|file| file.name.clone()).collect(),
        bins: output / bin,
        bin_size: bin,
        strand_pairs: spec.strand_pairs.clone(),
        count_weight: 0.0,
    };
    profile.fault().map_or(Ok(profile), |fault| Err(Error::new(fault)))
}

/// A tenth of the median total of a track in the training peaks; of the mean where most have none.
fn usual_weight(dataset: &Dataset, is_peak: &[bool], profile: &Profile) -> f64 {
    let rows = dataset.examples.iter().zip(is_peak);
    let rows = rows.filter(|(example, is_peak)| **is_peak && example.split == Split::Train);
    let totals = rows.flat_map(|(example, _)| {
        let seen = profile.seen(&example.labels, dataset.jitter).into_owned();
        seen.chunks(profile.bins).filter_map(profile::total).collect::<Vec<_>>()
    });
    profile::usual_count_weight(totals.collect())
}

/// Reads labels out of tracks.
struct Reader<'a> {
    spec: &'a SignalSpec,
    profile: &'a Profile,
    genome: &'a Genome,
    tracks: &'a [Track],
}

impl Reader<'_> {
    /// All tracks know all contigs, and as long as the genome has them: otherwise they are about another assembly.
    fn check_contigs(&self, dataset: &Dataset) -> Result<()> {
        let places = dataset.examples.iter().filter_map(|example| example.place.as_ref());
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

    /// Labels all examples; returns for each track the share of bases without a value.
    fn label(&self, dataset: &mut Dataset) -> Result<Vec<f64>> {
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
            example.labels = self.labels(place, example.sequence.len() as u64, &mut missing)?;
        }
        let bases = (self.stored() * order.len() as u64).max(1) as f64;
        Ok(missing.into_iter().map(|count| count as f64 / bases).collect())
    }

    /// Bases whose signal is stored for a row: the output window with its margins.
    fn stored(&self) -> u64 {
        (self.spec.output_window + 2 * self.spec.places.jitter) as u64
    }

    /// The labels of a stored stretch of `length` letters, of which `place` is what lies on the chromosome.
    fn labels(&self, place: &Interval, length: u64, missing: &mut [u64]) -> Result<Vec<f64>> {
        let chromosome = self.genome.length(&place.chrom)?;
        if place.len() < length && place.start == 0 && place.end == chromosome {
            let message = format!("expected a contig of at least {length} bases for {place}, found {chromosome}");
            return Err(Error::of(self.genome.path(), message).with_hint("leave its places out (--out-of-bounds skip)"));
        }
        // What is missing lies before the chromosome's start, or else beyond its end.
        let before = if place.start == 0 { length - place.len() } else { 0 };
        let start = place.start as i64 - before as i64 + (length - self.stored()) as i64 / 2;
        let mut labels = Vec::with_capacity(self.profile.label_count(self.spec.places.jitter));
        for (track, missing) in self.tracks.iter().zip(missing) {
            let values = self.values(track, &place.chrom, start, chromosome, missing)?;
            labels.extend(bin_sums(&values, self.profile.bin_size).into_iter().map(|sum| f64::from(sum as f32)));
        }
        if place.strand == Strand::Reverse {
            let bins = labels.len() / self.tracks.len();
            let all = Profile { bins, ..self.profile.clone() };
            let task = Task { name: String::new(), kind: TaskKind::Profile(all) };
            profile::reverse_labels(&[task], &mut labels);
        }
        Ok(labels)
    }

    /// A track's values from `start` on; what is beyond the chromosome is unknown whatever the policy.
    fn values(&self, track: &Track, chrom: &str, start: i64, chromosome: u64, missing: &mut u64) -> Result<Vec<f32>> {
        let end = start + self.stored() as i64;
        let (from, to) = (start.clamp(0, chromosome as i64) as u64, end.clamp(0, chromosome as i64) as u64);
        let mut values = vec![f32::NAN; self.stored() as usize];
        if from < to {
            let first = (from as i64 - start) as usize;
            let inside = track.values(chrom, from, to)?;
            values[first..first + inside.len()].copy_from_slice(&inside);
            for (value, position) in values[first..first + inside.len()].iter_mut().zip(from..) {
                if value.is_nan() {
                    *missing += 1;
                    *value = if self.spec.missing == Missing::Zero { 0.0 } else { f32::NAN };
                } else if self.spec.absolute {
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
