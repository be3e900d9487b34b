//! New splits for a data set that is there.

use super::draft::Draft;
use super::splits::{self, SplitPolicy};
use super::{columns, windows};
use crate::dataset::Provenance;
use crate::error::{Error, Result};
use basewise_core::{Dataset, Example, TaskKind};
use std::collections::HashMap;

/// Divides the examples of a data set anew, and says what should be known of it, a sentence each. Nothing but the splits
/// changes, and what is taken from the training split: the statistics of covariates. (The weight of the total of a profile
/// stays as it is.)
///
/// Where examples have places, those that overlap stay together, unless the policy is by chromosome. Shuffles, as their ids
/// tell, share the split of the sequence that they were made from.
///
/// # Errors
/// A policy that needs a column; an example without a place where chromosomes are asked for; nothing left to train on.
pub fn resplit(
    dataset: &mut Dataset,
    provenance: &mut Provenance,
    policy: &SplitPolicy,
    seed: u64,
) -> Result<Vec<String>> {
    if let SplitPolicy::Column(_) | SplitPolicy::Group { .. } = policy {
        return Err(Error::new("expected a split by similarity, by chromosome or at random, found one by a column")
            .with_hint("data sets do not keep other columns: build it again with --split"));
    }
    let classes =
        dataset.tasks.first().is_some_and(|task| matches!(task.kind, TaskKind::Binary | TaskKind::Classes { .. }));
    let parents = parents(&dataset.examples);
    let draft = |(example, parent): (&Example, Option<usize>)| Draft {
        place: example.place.clone(),
        chrom: example.place.as_ref().map(|place| place.chrom.clone()),
        parent,
        ..Draft::bare(
            example.id.clone(),
            example.sequence.clone(),
            example.labels.iter().copied().take(usize::from(classes)).collect(),
        )
    };
    let mut drafts: Vec<Draft> = dataset.examples.iter().zip(parents).map(draft).collect();
    if drafts.iter().any(|draft| draft.place.is_some()) {
        windows::group_overlapping(&mut drafts, dataset.encoding.alphabet);
    }
    ["split", "similarity", "warnings"].iter().for_each(|note| drop(provenance.notes.remove(*note)));
    let (splits, mut warnings) = splits::assign(&drafts, Some(policy), dataset.encoding.alphabet, seed, provenance)?;
    dataset.examples.iter_mut().zip(splits).for_each(|(example, split)| example.split = split);
    dataset.fit_covariates();
    columns::check_weights(dataset)?;
    warnings.extend(columns::constant_covariates(dataset));
    if !warnings.is_empty() {
        provenance.notes.insert("warnings".into(), serde_json::json!(warnings));
    }
    Ok(warnings)
}

/// The row of the sequence that each shuffle was made from.
fn parents(examples: &[Example]) -> Vec<Option<usize>> {
    let mut rows: HashMap<&str, usize> = HashMap::new();
    let mut parents = Vec::with_capacity(examples.len());
    for (row, example) in examples.iter().enumerate() {
        let number =
            |(_, number): &(&str, &str)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let shuffled = example.id.rsplit_once("_shuffle").filter(number);
        let parent = shuffled.filter(|_| example.place.is_none()).and_then(|(id, _)| rows.get(id).copied());
        parents.push(parent);
        if parent.is_none() {
            rows.insert(&example.id, row);
        }
    }
    parents
}
