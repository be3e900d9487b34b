//! DeepLIFT, and over several references DeepSHAP.

use super::contributions::{Compared, Contributions, Delta, Sums};
use super::gradients::{AttributionError, check};
use super::references::References;
use crate::engine::{Input, Leak, Lifted, Pairs};
use crate::model::Model;
use basewise_core::SequenceBatch;
use rayon::prelude::*;
use std::ops::Range;

/// Numbers that the passes of a part hold at most, about; parts do not depend on the number of threads.
const NUMBERS: usize = 1 << 27;

/// A layer whose multipliers do not sum to what they should.
#[derive(Clone, Debug, PartialEq)]
pub struct LossyLayer {
    /// Such as `layer3 (relu)`.
    pub layer: String,
    /// What is lost, over the size of what the layer passes on.
    pub relative: f64,
}

/// DeepLIFT contributions to raw output `output` with the rescale rule (Shrikumar et al. 2017), means over all references
/// (Lundberg and Lee 2017). Every layer has a rule, so that the contributions of a sequence sum to the difference between
/// its output and that of the reference, to rounding. They are computed on the processor.
///
/// # Errors
/// If there is no such output, or sequences or references do not fit.
pub fn deeplift(
    model: &Model,
    batch: &SequenceBatch,
    references: &References,
    output: usize,
) -> Result<Contributions, AttributionError> {
    deeplift_with(model, batch, references, output, &mut |_| ())
}

/// [`deeplift`] that tells how many examples are done.
///
/// # Errors
/// See [`deeplift`].
pub fn deeplift_with(
    model: &Model,
    batch: &SequenceBatch,
    references: &References,
    output: usize,
    tell: &mut dyn FnMut(usize),
) -> Result<Contributions, AttributionError> {
    check(model, batch, references, output)?;
    let mut all = Contributions { hypothetical: Vec::with_capacity(batch.len() * 4 * batch.length()), deltas: vec![] };
    let (examples, together) = parts(model, references.count());
    for first in (0..batch.len()).step_by(examples) {
        let end = batch.len().min(first + examples);
        let compared = |i: usize| Compared::new(batch, references, i);
        let own: Vec<Compared> = (first..end).into_par_iter().map(compared).collect();
        let mut sums: Vec<Sums> = own.iter().map(|_| Sums::new(batch.length())).collect();
        let mut deltas = vec![Vec::new(); own.len()];
        for from in (0..references.count()).step_by(together) {
            let to = references.count().min(from + together);
            let lifted = lift(model, batch, first, &own, from..to, output, false);
            add(&own, from..to, &lifted, first, &mut sums, &mut deltas);
        }
        sums.iter().for_each(|sums| all.hypothetical.extend(sums.mean()));
        all.deltas.extend(deltas.into_iter().flatten());
        tell(end);
    }
    Ok(all)
}

/// The layer that loses most of what its multipliers should sum to, between an example and a reference.
///
/// # Errors
/// See [`deeplift`].
pub fn lossy_layer(
    model: &Model,
    batch: &SequenceBatch,
    references: &References,
    output: usize,
    delta: &Delta,
) -> Result<Option<LossyLayer>, AttributionError> {
    check(model, batch, references, output)?;
    if delta.example >= batch.len() {
        return Ok(None);
    }
    let own = [Compared::new(batch, references, delta.example)];
    let range = delta.reference.map_or(0..references.count(), |r| r..r + 1);
    let lifted = lift(model, batch, delta.example, &own, range, output, true);
    let worst =
        lifted.leaks.iter().copied().reduce(|a, b| if b.relative > a.relative || b.relative.is_nan() { b } else { a });
    Ok(worst.map(|Leak { number, relative }| LossyLayer { layer: name(model, number), relative }))
}

fn name(model: &Model, number: Option<usize>) -> String {
    let step = number.and_then(|number| model.plan.steps_deep().find(|step| step.number == number));
    step.map_or_else(|| "the order of the outputs".to_owned(), |step| format!("{} ({})", step.name, step.layer.label()))
}

/// Examples that go through at once, and references of each.
fn parts(model: &Model, references: usize) -> (usize, usize) {
    let rows = (NUMBERS / model.plan.numbers().max(1)).max(2);
    if rows > references {
        return ((rows / (references + 1)).max(1), references);
    }
    // As many parts as are needed, of about one size.
    (1, references.div_ceil(references.div_ceil(rows - 1)))
}

/// Multipliers of some references of consecutive examples from `first` on.
fn lift(
    model: &Model,
    batch: &SequenceBatch,
    first: usize,
    own: &[Compared],
    range: Range<usize>,
    output: usize,
    audit: bool,
) -> Lifted {
    let pairs = Pairs::new(own.len(), range.len());
    let (plan, weights) = (&model.plan, &model.weights);
    let run =
        |input: Input| plan.engines.with(plan, |engine| engine.multipliers(plan, weights, input, pairs, output, audit));
    // The first layer is faster on sequences, but an audit is about numbers.
    let sequences: Option<Vec<_>> = own.iter().map(|one| one.sequences.as_ref()).collect();
    if let Some(sequences) = sequences.filter(|_| !audit) {
        let mut rows = batch.emptied();
        for sequences in &sequences {
            range.clone().for_each(|r| rows.push_row(sequences, r));
        }
        sequences.iter().for_each(|sequences| rows.push_row(sequences, sequences.len() - 1));
        return run(Input::Codes(&rows));
    }
    let references = own.iter().flat_map(|one| &one.references[range.clone()]);
    let x: Vec<f32> = references.chain(own.iter().map(|one| &one.x)).flatten().copied().collect();
    let beside = (0..own.len()).flat_map(|i| std::iter::repeat_n(i, range.len())).chain(0..own.len());
    let side: Vec<f32> = beside.flat_map(|i| batch.side_of(first + i)).copied().collect();
    run(Input::Floats(&x, &side))
}

/// Adds the contributions of all pairs.
fn add(
    own: &[Compared],
    range: Range<usize>,
    lifted: &Lifted,
    first: usize,
    sums: &mut [Sums],
    deltas: &mut [Vec<Delta>],
) {
    let count = range.len();
    let scores = |row: usize| f64::from(lifted.scores[row]);
    sums.par_iter_mut().zip(deltas).enumerate().for_each(|(e, (sums, deltas))| {
        let Compared { x, references, .. } = &own[e];
        for (r, x0) in references[range.clone()].iter().enumerate() {
            let pair = e * count + r;
            let m = &lifted.multipliers[pair * x.len()..(pair + 1) * x.len()];
            let (sum, size) = sums.add(m, x, x0);
            let scores = [scores(own.len() * count + e), scores(pair)];
            deltas.push(Delta::new(first + e, Some(range.start + r), scores, (sum, size)));
        }
    });
}
