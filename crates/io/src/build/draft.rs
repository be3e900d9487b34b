//! Examples in the making.

use basewise_core::{Example, Interval, Split};
use std::collections::BTreeSet;

/// A record that is on its way to become an example.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) place: Option<Interval>,
    pub(super) sequence: Vec<u8>,
    pub(super) labels: Vec<f64>,
    /// Numbers beside the sequence; NaN is unknown.
    pub(super) covariates: Vec<f64>,
    /// How much it counts in training.
    pub(super) weight: f64,
    /// The split that its file or column gives.
    pub(super) split: Option<Split>,
    /// What must stay together.
    pub(super) group: Option<String>,
    /// The chromosome, where splits go by it.
    pub(super) chrom: Option<String>,
    /// Row of the draft that it was made from, and whose split it shares.
    pub(super) parent: Option<usize>,
}

impl Draft {
    /// A sequence of which only the name and the labels are known.
    pub(super) fn bare(id: String, sequence: Vec<u8>, labels: Vec<f64>) -> Self {
        Self {
            id,
            sequence,
            labels,
            covariates: Vec::new(),
            weight: 1.0,
            place: None,
            split: None,
            group: None,
            chrom: None,
            parent: None,
        }
    }
}

/// Makes names unique: a later one of the same name gets `_2`, `_3`, ... Returns how many were renamed.
pub(super) fn unique_ids(drafts: &mut [Draft]) -> usize {
    let given: BTreeSet<String> = drafts.iter().map(|draft| draft.id.clone()).collect();
    let mut taken = BTreeSet::new();
    let mut next = std::collections::BTreeMap::<String, usize>::new();
    let mut renamed = 0;
    for draft in drafts {
        if taken.insert(draft.id.clone()) {
            continue;
        }
        renamed += 1;
        let count = next.entry(draft.id.clone()).or_insert(1);
        loop {
            *count += 1;
            let name = format!("{}_{count}", draft.id);
            if !given.contains(&name) && taken.insert(name.clone()) {
                draft.id = name;
                break;
            }
        }
    }
    renamed
}

/// The finished examples, one split each.
pub(super) fn finish(drafts: Vec<Draft>, splits: Vec<Split>) -> Vec<Example> {
    let example = |(draft, split): (Draft, Split)| Example {
        id: draft.id,
        place: draft.place,
        split,
        sequence: draft.sequence,
        labels: draft.labels,
        covariates: draft.covariates,
        control: Vec::new(),
        weight: draft.weight,
    };
    drafts.into_iter().zip(splits).map(example).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_ids_get_numbers_that_nobody_has() {
        let draft = |id: &str| Draft::bare(id.into(), vec![b'A'], vec![]);
        let mut drafts: Vec<Draft> = ["a", "a", "a_2", "a", "b"].iter().map(|id| draft(id)).collect();
        assert_eq!(unique_ids(&mut drafts), 2);
        let ids: Vec<&str> = drafts.iter().map(|draft| draft.id.as_str()).collect();
        assert_eq!(ids, ["a", "a_3", "a_2", "a_4", "b"]);
    }
}
