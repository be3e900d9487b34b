//! Scores of prepared alleles, neighbourhoods in parallel.

use super::attribution::Attribution;
use super::columns::{Columns, Raw, main_of, unscored};
use super::motif_changes::MotifChanges;
use super::prepare::{Group, Job, Prepared};
use super::status::Status;
use crate::shared_args::AverageArgs;
use crate::trained::TrainedModel;
use anyhow::Result;
use basewise_core::average::Ensemble;
use basewise_core::profile::reverse_scores;
use basewise_core::variants::{Neighbourhood, predict};
use basewise_core::{Matrix, Predict, Task};
use basewise_io::variants::Value;
use rayon::prelude::*;

/// Neighbourhoods that one thread takes at a time.
const AT_ONCE: usize = 48;

/// Models and what is told of their scores.
pub(super) struct Scorer<'a> {
    pub(super) models: &'a Ensemble<TrainedModel>,
    pub(super) average: AverageArgs,
    pub(super) plain: bool,
    pub(super) columns: Columns,
    pub(super) motifs: Option<MotifChanges>,
    pub(super) attribution: Option<Attribution>,
}

impl Scorer<'_> {
    /// The values of each allele of each record.
    pub(super) fn values(&self, prepared: &Prepared) -> Result<Vec<Vec<Vec<Value>>>> {
        let width = self.columns.fields().len();
        let row = |status: &Status| unscored(*status, width);
        let mut values: Vec<Vec<Vec<Value>>> =
            prepared.statuses.iter().map(|alleles| alleles.iter().map(row).collect()).collect();
        let scored = self.each(&prepared.neighbourhoods, &prepared.groups, |job, raw| {
            let mut own = self.columns.values(job.status, raw, job.rows.clone());
            // In the order of the fields; changes of attributions come last.
            if let Some(motifs) = &self.motifs {
                own.extend(motifs.values(&job.around, &job.variant));
            }
            own
        })?;
        let jobs = || prepared.groups.iter().flat_map(|group| &group.jobs);
        for (job, row) in jobs().zip(scored.into_iter().flatten()) {
            values[job.record][job.allele] = row;
        }
        if let Some(attribution) = &self.attribution {
            for (job, changes) in jobs().zip(attribution.values(self, prepared)?) {
                values[job.record][job.allele].extend(changes);
            }
        }
        Ok(values)
    }

    /// The main score of each output for each job, in the order of the neighbourhoods.
    pub(super) fn main_scores(&self, neighbourhoods: &[Neighbourhood], groups: &[Group]) -> Result<Vec<Vec<f64>>> {
        let rows = self.each(neighbourhoods, groups, |job, raw| {
            let main = |output| main_of(output, &self.columns.scores(output, raw, job.rows.clone()).0);
            self.columns.outputs.iter().map(main).collect::<Vec<f64>>()
        })?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// What `of` says of each job, from the raw scores of its neighbourhood by each member.
    ///
    /// Which neighbourhoods go together depends on the block alone, so that scores are the same for any number of threads.
    fn each<T: Send>(
        &self,
        neighbourhoods: &[Neighbourhood],
        groups: &[Group],
        of: impl Fn(&Job, &Raw) -> T + Sync,
    ) -> Result<Vec<Vec<T>>> {
        let parts: Vec<Vec<Vec<T>>> = neighbourhoods
            .par_chunks(AT_ONCE)
            .zip(groups.par_chunks(AT_ONCE))
            .map(|(neighbourhoods, groups)| {
                let models = self.average.over(self.models)?;
                let each = models.members().iter().map(|model| predict(model, neighbourhoods, self.plain));
                let mut each: Vec<_> =
                    each.collect::<Result<Vec<Vec<Matrix>>, _>>()?.into_iter().map(Vec::into_iter).collect();
                let part = groups.iter().map(|group| {
                    let mut members: Vec<Matrix> = each.iter_mut().filter_map(Iterator::next).collect();
                    if group.window.reverse {
                        // What is said along the other strand is put along the contig.
                        members.iter_mut().for_each(|scores| turn(models.tasks(), scores));
                    }
                    let raw = Raw { mean: models.mean(&members)?, members };
                    Ok(group.jobs.iter().map(|job| of(job, &raw)).collect())
                });
                part.collect::<Result<Vec<Vec<T>>>>()
            })
            .collect::<Result<_>>()?;
        Ok(parts.into_iter().flatten().collect())
    }
}

/// Puts what a model says along the other strand along this one.
fn turn(tasks: &[Task], scores: &mut Matrix) {
    (0..scores.rows()).for_each(|row| reverse_scores(tasks, scores.row_mut(row)));
}
