//! Reads around planted motifs: the footprints of bound proteins, with what one does to the other.

use super::checks::refuse;
use super::plan::Place;
use super::{SimulateError, SimulateSpec};
use basewise_core::random::{poisson, stream};
use basewise_core::{Profile, Strand, Task, TaskKind, profile};
use serde::{Deserialize, Serialize};

/// Reads that planted motifs draw, as an experiment that maps the borders of bound proteins sees them (ChIP-nexus, He et
/// al. 2015): to the left of a motif on the forward strand, to its right on the reverse strand.
///
/// Each bin of each strand has an expected number of reads, the sum of a constant background and of the footprints; reads
/// are counts of the Poisson distribution with that mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalSpec {
    /// Bases in the middle of the sequence whose reads are the labels, one bin a base.
    pub output_window: usize,
    /// Expected reads that one motif draws, both strands together.
    pub reads: f64,
    /// Expected reads of the background over the output window, both strands together.
    pub background_reads: f64,
    /// The shape around each motif, in the order of the plants.
    pub footprints: Vec<Footprint>,
    /// What the first motif does to the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooperation: Option<Cooperation>,
}

/// Where the reads of a motif fall: on each strand normally distributed about a summit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Footprint {
    /// Bases from the motif's middle to the summit of a strand.
    pub offset: f64,
    /// Standard deviation in bases, at least 1.
    pub sd: f64,
}

impl Footprint {
    /// One for the plant number `index` (from 0) that no earlier plant has: ever wider.
    pub fn usual(index: usize) -> Self {
        Self { offset: 10.0 + 6.0 * index as f64, sd: 3.0 + index as f64 }
    }
}

/// The second motif draws more reads where the first stands at the right distance before it, along the strand on which
/// both read: `1 + (factor - 1) exp(-(spacing - found)^2 / (2 width^2))` times as many.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cooperation {
    /// Bases between the end of the first motif and the start of the second at which the effect is largest.
    pub spacing: usize,
    /// How many times as many reads the second motif draws there; above 1 for cooperation, below 1 for interference.
    pub factor: f64,
    /// Standard deviation in bases of the effect's fall to either side.
    pub width: f64,
}

impl Cooperation {
    /// How many times as many reads a motif draws at `found` bases after the first.
    pub fn at(&self, found: f64) -> f64 {
        let away = (found - self.spacing as f64) / self.width;
        1.0 + (self.factor - 1.0) * (-away * away / 2.0).exp()
    }
}

/// Reads of each example in bins, those of the forward strand first, as labels are.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Expected reads: what no model can tell more exactly.
    pub expected: Vec<Vec<f64>>,
    /// A second experiment with the same expectation; the first is the labels of the data set.
    pub replicate: Vec<Vec<f64>>,
}

/// What is wrong with the specification, if anything is.
pub(super) fn check(signal: &SignalSpec, spec: &SimulateSpec) -> Result<(), SimulateError> {
    let (output, length) = (signal.output_window, spec.length);
    if output == 0 || output > length || !(length - output).is_multiple_of(2) {
        let expected = format!("an output window as far from both ends of {length} bases");
        return refuse(expected, format!("{output} bases"));
    }
    let reads = [signal.reads, signal.background_reads];
    if reads.iter().any(|reads| !(0.0..=1e6).contains(reads)) {
        return refuse("reads from 0 to 1,000,000", format!("{} and {}", reads[0], reads[1]));
    }
    if signal.footprints.len() != spec.plants.len() {
        return refuse(format!("{} footprints, one a motif", spec.plants.len()), signal.footprints.len().to_string());
    }
    let fine = |shape: &Footprint| shape.offset.is_finite() && shape.sd.is_finite() && shape.sd >= 1.0;
    if let Some(shape) = signal.footprints.iter().find(|shape| !fine(shape)) {
        return refuse(
            "a footprint with a standard deviation of at least 1",
            format!("{} at {}", shape.sd, shape.offset),
        );
    }
    let Some(cooperation) = signal.cooperation else { return Ok(()) };
    if spec.plants.len() != 2 {
        return refuse("two motifs for a cooperation", spec.plants.len().to_string());
    }
    let fine = (0.0..=1e3).contains(&cooperation.factor) && cooperation.width > 0.0 && cooperation.width.is_finite();
    if !fine {
        let Cooperation { factor, width, .. } = cooperation;
        return refuse("a factor from 0 to 1,000 and a width above 0", format!("{factor} and {width}"));
    }
    Ok(())
}

/// The expected reads of an example with motifs at these places.
pub(super) fn expected(signal: &SignalSpec, length: usize, places: &[Place<'_>]) -> Vec<f64> {
    let bins = signal.output_window;
    let first = ((length - bins) / 2) as f64;
    let mut expected = vec![signal.background_reads / (2 * bins) as f64; 2 * bins];
    for place in places {
        let Footprint { offset, sd } = signal.footprints[place.plant];
        let reads = signal.reads * factor(signal, places, place) / 2.0;
        // Half a base where the number of bases is even.
        let middle = place.start as f64 + (place.motif.len() as f64 - 1.0) / 2.0;
        for (strand, summit) in expected.chunks_mut(bins).zip([middle - offset, middle + offset]) {
            for (bin, mean) in strand.iter_mut().enumerate() {
                let away = (first + bin as f64 - summit) / sd;
                *mean += reads * (-away * away / 2.0).exp() / (sd * std::f64::consts::TAU.sqrt());
            }
        }
    }
    expected
}

/// How many times as many reads a motif draws for its neighbour: only the second plant, after the first on its strand.
fn factor(signal: &SignalSpec, places: &[Place<'_>], second: &Place<'_>) -> f64 {
    let Some(cooperation) = signal.cooperation.filter(|_| second.plant == 1) else { return 1.0 };
    let Some(first) = places.iter().find(|place| place.plant == 0 && place.strand == second.strand) else { return 1.0 };
    let (left, right) = if second.strand == Strand::Forward { (first, second) } else { (second, first) };
    let found = right.start.checked_sub(left.start + left.motif.len());
    found.map_or(1.0, |found| cooperation.at(found as f64))
}

/// Counts of one experiment, replicate 1 or 2, on example number `example`.
pub(super) fn draw(expected: &[f64], seed: u64, example: usize, replicate: u64) -> Vec<f64> {
    let mut rng = stream(seed, "simulate reads", &[replicate, example as u64]);
    expected.iter().map(|&mean| poisson(mean, &mut rng) as f64).collect()
}

/// The task of a data set with these labels.
pub(super) fn task(signal: &SignalSpec, labels: &[Vec<f64>]) -> Task {
    let bins = signal.output_window;
    let totals = labels.iter().flat_map(|row| row.chunks(bins).filter_map(profile::total)).collect();
    let profile = Profile {
        tracks: vec!["plus".into(), "minus".into()],
        bins,
        bin_size: 1,
        strand_pairs: vec![[0, 1]],
        count_weight: profile::usual_count_weight(totals),
    };
    Task { name: "signal".into(), kind: TaskKind::Profile(profile) }
}

#[cfg(test)]
mod tests;
