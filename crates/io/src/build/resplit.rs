//! New splits for a data set that is there.

use super::splits::{self, SplitPolicy};
use super::{columns, related};
use crate::dataset::Provenance;
use crate::error::{Error, Result};
use basewise_core::Dataset;

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
    let drafts = related::drafts(dataset, dataset.examples.iter());
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
