//! Data sets of signal along a genome: windows as for [`super::intervals()`], labelled by tracks.

use super::intervals::{IntervalsSpec, WindowPolicy, intervals};
use super::tracks::BinReader;
use super::{Built, Negatives};
use crate::dataset::Source;
use crate::error::{Error, Result};
use crate::genome::Genome;
use crate::signal::Track;
use basewise_core::{ControlSignal, Dataset, Profile, Split, Task, TaskKind, profile};
use serde::{Deserialize, Serialize};
use serde_json::json;
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
    /// Tracks of a control experiment, which are given to a model and not predicted.
    pub control: Vec<TrackFile>,
    /// Pairs of them (by number) of the forward and the reverse strand.
    pub control_pairs: Vec<[usize; 2]>,
    /// Bases in the middle of the window whose signal is predicted.
    pub output_window: usize,
    /// Bases in a bin; the sum over them is a label.
    pub bin_size: usize,
    /// What a base without a value means; one of the control is unknown whatever this says.
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
    let control = control_of(spec, &profile)?;
    let tracks = spec.tracks.iter().map(|file| Track::open(&file.path)).collect::<Result<Vec<_>>>()?;
    let of_control = spec.control.iter().map(|file| Track::open(&file.path)).collect::<Result<Vec<_>>>()?;
    let mut built = intervals(&spec.places)?;
    let genome = Genome::open(&spec.places.genome)?;
    let reader = BinReader {
        genome: &genome,
        tracks: &tracks,
        strand_pairs: &spec.strand_pairs,
        bases: spec.output_window + 2 * spec.places.jitter,
        bin_size: spec.bin_size,
        missing: spec.missing,
        absolute: spec.absolute,
    };
    // So far labels say which windows are peaks.
    let is_peak: Vec<bool> = built.dataset.examples.iter().map(|example| example.labels.contains(&1.0)).collect();
    let missing = reader.read(&mut built.dataset, |example, bins| example.labels = bins)?;
    if control.is_some() {
        let (tracks, strand_pairs) = (&of_control[..], &spec.control_pairs[..]);
        let reader = BinReader { tracks, strand_pairs, missing: Missing::Unknown, ..reader };
        let missing = reader.read(&mut built.dataset, |example, bins| example.control = bins)?;
        note_shares(&mut built, "control_without_value", &spec.control, missing);
    }
    built.dataset.control = control;
    let weight = spec.count_weight.unwrap_or_else(|| usual_weight(&built.dataset, &is_peak, &profile));
    let kind = TaskKind::Profile(Profile { count_weight: weight, ..profile });
    built.dataset.tasks = vec![Task { name: spec.task.clone(), kind }];
    "signal".clone_into(&mut built.provenance.kind);
    for file in spec.tracks.iter().chain(&spec.control) {
        built.provenance.sources.push(Source::of(&file.path)?);
    }
    note_shares(&mut built, "without_value", &spec.tracks, missing);
    built.provenance.notes.insert("missing".into(), json!(spec.missing));
    built.provenance.notes.insert("absolute".into(), json!(spec.absolute));
    Ok(built)
}

/// Notes the share of bases without a value of each track.
fn note_shares(built: &mut Built, note: &str, tracks: &[TrackFile], missing: Vec<f64>) {
    let shares: Vec<(&str, f64)> = tracks.iter().map(|file| file.name.as_str()).zip(missing).collect();
    built.provenance.notes.insert(note.to_owned(), json!(shares));
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

/// The description of the control, if there is one: its bins are those of the profile.
fn control_of(spec: &SignalSpec, profile: &Profile) -> Result<Option<ControlSignal>> {
    if spec.control.is_empty() {
        return Ok(None);
    }
    let tracks = spec.control.iter().map(|file| file.name.clone()).collect();
    let (bins, bin_size, strand_pairs) = (profile.bins, profile.bin_size, spec.control_pairs.clone());
    let control = ControlSignal { tracks, bins, bin_size, strand_pairs };
    control.fault(&[]).map_or(Ok(Some(control)), |fault| Err(Error::new(fault)))
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
