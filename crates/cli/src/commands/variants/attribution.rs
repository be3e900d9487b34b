//! `basewise variants --attribution`: how variants change what the bases around them contribute.

use super::prepare::{Group, Job, Prepared};
use super::scorer::Scorer;
use super::status::Status;
use crate::failure::user;
use crate::trained::TrainedModel;
use anyhow::Result;
use basewise_core::average::Ensemble;
use basewise_core::profile::reverse_scores;
use basewise_core::variants::scores::Output;
use basewise_core::variants::{Neighbourhood, attribution_change, predict};
use basewise_core::{Code, Edit, Predict, PredictError, SequenceBatch, Task};
use basewise_io::variants::{FieldKind, Value};
use basewise_nn::Model;
use basewise_nn::attribute::{References, centre_bases, deeplift, keep_bases, saliency};
use clap::ValueEnum;
use rayon::prelude::*;
use std::ops::Range;

/// Alleles of one window that go through together.
const JOBS: usize = 8;
/// So many of those that one thread takes at a time.
const AT_ONCE: usize = 8;
/// Raw scores of one call at most, so that memory does not grow with the window.
const MOST_SCORES: usize = 1 << 22;

/// How contributions of bases are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AttributionArg {
    /// Contributions to the difference to a quarter of each base (DeepLIFT); they add up to the change of the raw score
    Deeplift,
    /// Gradient at the base that is there; the cheapest
    InputXGradient,
    /// Minus the mean change over the three substitutions of a base, as `variants plot` draws; for any model
    Ism,
}

impl AttributionArg {
    fn name(self) -> &'static str {
        match self {
            Self::Deeplift => "deeplift",
            Self::InputXGradient => "input-x-gradient",
            Self::Ism => "ism",
        }
    }

    /// Refuses models that the method cannot look into.
    pub(super) fn check(self, models: &Ensemble<TrainedModel>) -> Result<()> {
        let classical = models.members().iter().find_map(|model| match model {
            TrainedModel::Classical(model) => Some(model.kind()),
            TrainedModel::Network(_) => None,
        });
        match classical {
            Some(kind) if self != Self::Ism => Err(user(
                format!("--attribution {} needs a network, found a model of kind {kind}", self.name()),
                Some("--attribution=ism asks any model, by three substitutions of each base of the window"),
            )),
            _ => Ok(()),
        }
    }

    /// The end of the name, the kind and the meaning of each field of an output.
    pub(super) fn fields(self) -> [(&'static str, FieldKind, String); 3] {
        let of = match self {
            Self::Deeplift => "DeepLIFT contributions to the raw score, against a quarter of each base",
            Self::InputXGradient => "input x gradient of the raw score",
            Self::Ism => "in-silico mutagenesis of the raw score",
        };
        [
            (
                "ATTR_SUM",
                FieldKind::Number,
                format!("sum of the absolute changes of what the bases around the variant contribute ({of})"),
            ),
            ("ATTR_MAX", FieldKind::Number, "the largest of these changes, alternate minus reference".to_owned()),
            ("ATTR_POS", FieldKind::Whole, "where it is: bases from POS to the right along the contig".to_owned()),
        ]
    }
}

/// What is asked of the contributions.
pub(super) struct Attribution {
    method: AttributionArg,
    /// Columns of raw scores, one an output.
    columns: Vec<usize>,
    /// The column that each column becomes when the other strand is read.
    turned: Vec<usize>,
}

/// A sequence as a model reads it, and whether it is of the contig's reverse strand.
struct Sequence {
    codes: Vec<Code>,
    reverse: bool,
}

impl Attribution {
    pub(super) fn new(method: AttributionArg, tasks: &[Task], outputs: &[Output]) -> Self {
        Self { method, columns: outputs.iter().map(Output::column).collect(), turned: turned(tasks) }
    }

    /// The values of each allele of each neighbourhood, in their order.
    ///
    /// What goes together depends on the alleles alone, so that values are the same for any number of threads.
    pub(super) fn values(&self, scorer: &Scorer<'_>, prepared: &Prepared) -> Result<Vec<Vec<Value>>> {
        let pieces: Vec<(usize, Range<usize>)> = (prepared.groups.iter().enumerate())
            .flat_map(|(at, group)| {
                let jobs = group.jobs.len();
                (0..jobs).step_by(JOBS).map(move |first| (at, first..jobs.min(first + JOBS)))
            })
            .collect();
        let parts = pieces.par_chunks(AT_ONCE).map(|pieces| self.part(scorer, prepared, pieces));
        Ok(parts.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// The values of the alleles of some pieces of neighbourhoods.
    fn part(
        &self,
        scorer: &Scorer<'_>,
        prepared: &Prepared,
        pieces: &[(usize, Range<usize>)],
    ) -> Result<Vec<Vec<Value>>> {
        let jobs = |piece: &(usize, Range<usize>)| &prepared.groups[piece.0].jobs[piece.1.clone()];
        let mut sequences = Vec::new();
        for piece in pieces {
            let (own, reverse) = (&prepared.neighbourhoods[piece.0], prepared.groups[piece.0].window.reverse);
            sequences.push(Sequence { codes: own.reference.clone(), reverse });
            for edit in jobs(piece).iter().flat_map(|job| &own.edits[job.rows.start - 1..job.rows.end - 1]) {
                let mut codes = own.reference.clone();
                edit.apply(&mut codes);
                sequences.push(Sequence { codes, reverse });
            }
        }
        let contributions = self.contributions(scorer, &sequences)?;
        let (mut values, mut next) = (Vec::new(), 0);
        for piece in pieces {
            let reference = next;
            next += 1;
            for job in jobs(piece) {
                let ways = next..next + job.rows.len();
                next = ways.end;
                let of =
                    |own: &Vec<Vec<f64>>| changes(&prepared.groups[piece.0], job, &own[reference], &own[ways.clone()]);
                values.push(contributions.iter().flat_map(of).collect());
            }
        }
        Ok(values)
    }

    /// What the base that is there contributes, `[output][sequence][position]`.
    fn contributions(&self, scorer: &Scorer<'_>, sequences: &[Sequence]) -> Result<Vec<Vec<Vec<f64>>>> {
        let mut all = vec![vec![Vec::new(); sequences.len()]; self.columns.len()];
        for reverse in [false, true] {
            let rows: Vec<usize> = (0..sequences.len()).filter(|&i| sequences[i].reverse == reverse).collect();
            if rows.is_empty() {
                continue;
            }
            let codes: Vec<&[Code]> = rows.iter().map(|&i| sequences[i].codes.as_slice()).collect();
            let columns: Vec<usize> =
                self.columns.iter().map(|&column| if reverse { self.turned[column] } else { column }).collect();
            let found = match self.method {
                AttributionArg::Ism => by_mutagenesis(scorer, &codes, &columns)?,
                _ => columns.iter().map(|&column| self.by_networks(scorer, &codes, column)).collect::<Result<_>>()?,
            };
            for (all, found) in all.iter_mut().zip(found) {
                rows.iter().zip(found).for_each(|(&i, own)| all[i] = own);
            }
        }
        Ok(all)
    }

    /// Of one column of raw scores, `[sequence][position]`: the mean over members and over the views of each, as the scores
    /// are means of theirs.
    fn by_networks(&self, scorer: &Scorer<'_>, codes: &[&[Code]], column: usize) -> Result<Vec<Vec<f64>>> {
        let averaged = scorer.average.over(scorer.models)?;
        let mut batch = SequenceBatch::new(averaged.encoding(), averaged.length());
        codes.iter().for_each(|codes| batch.push_codes(codes));
        let mut sums = vec![vec![0.0; averaged.length()]; codes.len()];
        let weights = scorer.models.weights();
        let total: f64 = weights.iter().sum();
        for ((member, averaged), weight) in scorer.models.members().iter().zip(averaged.members()).zip(weights) {
            let network = member.network("a gradient")?;
            let share = weight / total / averaged.views().count() as f64;
            for (start, reverse) in averaged.views() {
                let view = averaged.view(&batch, start, reverse);
                let column = if reverse { self.turned[column] } else { column };
                let values = self.of_bases(network, &view, column)?;
                for (sums, values) in sums.iter_mut().zip(values.chunks_exact(4 * view.length())) {
                    add(&mut sums[start..start + view.length()], values, reverse, share);
                }
            }
        }
        Ok(sums)
    }

    /// Row-major `[n, 4, length]`, 0 at the bases that are not there.
    fn of_bases(&self, network: &Model, batch: &SequenceBatch, column: usize) -> Result<Vec<f32>> {
        if self.method == AttributionArg::Deeplift {
            return Ok(deeplift(network, batch, &References::Uniform, column)?.projected(batch));
        }
        let mut gradient = saliency(network, batch, column)?;
        centre_bases(&mut gradient, batch.length());
        keep_bases(&mut gradient, batch);
        Ok(gradient)
    }
}

/// Adds a share of values `[4, length]` of the bases that are there to each position, backwards if they were read so.
fn add(sums: &mut [f64], values: &[f32], reverse: bool, share: f64) {
    let length = sums.len();
    for (position, value) in (0..length).cycle().zip(values) {
        let at = if reverse { length - 1 - position } else { position };
        sums[at] += share * f64::from(*value);
    }
}

/// The values of one output for an allele.
fn changes(group: &Group, job: &Job, reference: &[f64], alternates: &[Vec<f64>]) -> [Value; 3] {
    let Some(change) = attribution_change(&group.window, &job.variant, reference, alternates) else {
        return [Value::Missing, Value::Missing, Value::Missing];
    };
    // Alleles that change places change the sign.
    let sign = if job.status == Status::Swapped { -1.0 } else { 1.0 };
    let largest = if change.position.is_some() { sign * change.largest } else { 0.0 };
    let position = change.position.map(|position| Value::Number((position - job.position as i64) as f32));
    [Value::Number(change.total as f32), Value::Number(largest as f32), position.unwrap_or(Value::Missing)]
}

/// The column of raw scores that holds what each column holds, when the other strand is read.
fn turned(tasks: &[Task]) -> Vec<usize> {
    let outputs: usize = tasks.iter().map(Task::outputs).sum();
    // Numbers of columns stay exact in single precision.
    let mut numbers: Vec<f32> = (0..outputs).map(|column| column as f32).collect();
    reverse_scores(tasks, &mut numbers);
    numbers.into_iter().map(|column| column as usize).collect()
}

/// In-silico mutagenesis of whole sequences, `[column][sequence][position]`.
fn by_mutagenesis(scorer: &Scorer<'_>, codes: &[&[Code]], columns: &[usize]) -> Result<Vec<Vec<Vec<f64>>>> {
    let model = scorer.average.over(scorer.models)?;
    let mut all = vec![Vec::new(); columns.len()];
    for codes in codes {
        let found = mutated(&model, codes, 0..codes.len(), columns, scorer.plain)?;
        all.iter_mut().zip(found.contributions).for_each(|(all, own)| all.push(own));
    }
    Ok(all)
}

/// What substitutions say of a sequence, for some columns of raw scores.
pub(super) struct Mutated {
    /// The raw score of the sequence, one a column.
    pub(super) scores: Vec<f32>,
    /// `[column][position]`: minus the mean change of the raw score over the three substitutions of the base; 0 at unknown
    /// bases and at positions that are not asked for.
    pub(super) contributions: Vec<Vec<f64>>,
}

/// Substitutes every known base at `positions` of a sequence; with `plain`, every copy takes a whole pass.
pub(super) fn mutated(
    model: &dyn Predict,
    sequence: &[Code],
    positions: Range<usize>,
    columns: &[usize],
    plain: bool,
) -> Result<Mutated, PredictError> {
    let outputs: usize = model.tasks().iter().map(Task::outputs).sum();
    let at_once = (MOST_SCORES / outputs.max(1) / 3).max(1);
    let known: Vec<usize> = positions.filter(|&position| sequence[position].base() < 4).collect();
    let mut found = Mutated { scores: Vec::new(), contributions: vec![vec![0.0; sequence.len()]; columns.len()] };
    // Without any known base, the sequence itself is still scored.
    let parts = if known.is_empty() { vec![known.as_slice()] } else { known.chunks(at_once).collect() };
    for part in parts {
        let others = |&position: &usize| {
            let own = sequence[position];
            (0..4).filter(move |&base| base != own.base()).map(move |base| Edit::substitution(position, own, base))
        };
        let edits = part.iter().flat_map(others).collect();
        let own = Neighbourhood { reference: sequence.to_vec(), place: None, edits };
        let scores = predict(model, std::slice::from_ref(&own), plain)?;
        let Some(scores) = scores.first() else { continue };
        found.scores = columns.iter().map(|&column| scores.row(0)[column]).collect();
        for (edit, row) in own.edits.iter().zip(1..) {
            for (values, &column) in found.contributions.iter_mut().zip(columns) {
                values[edit.start] -= f64::from(scores.row(row)[column] - scores.row(0)[column]) / 3.0;
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::{Profile, TaskKind};

    #[test]
    fn columns_of_paired_tracks_change_places_on_the_other_strand() {
        let tracks = ["plus", "minus", "both"].map(str::to_owned).to_vec();
        let profile = Profile { tracks, bins: 2, bin_size: 1, strand_pairs: vec![[0, 1]], count_weight: 1.0 };
        let task = |kind| Task { name: "t".into(), kind };
        let tasks = [task(TaskKind::Binary), task(TaskKind::Profile(profile)), task(TaskKind::Counts)];
        // Bins run backwards too.
        assert_eq!(turned(&tasks), [0, 4, 3, 2, 1, 6, 5, 8, 7, 9, 10]);
    }

    #[test]
    fn values_of_a_window_are_added_at_their_positions() {
        let mut sums = [1.0, 0.0, 0.0];
        let values = [0.0, 2.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -6.0];
        add(&mut sums, &values, false, 0.5);
        assert_eq!(sums, [3.0, 1.0, -3.0]);
        add(&mut sums, &values, true, 1.0);
        assert_eq!(sums, [-3.0, 3.0, 1.0]);
    }
}
