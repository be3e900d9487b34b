//! Which rows of a data set belong together because they are relatives, as a split by similarity sees them.

use super::draft::Draft;
use super::splits::RelatedGroups;
use super::windows;
use crate::dataset::Provenance;
use basewise_core::similarity::{self, DisjointSets, Limits, Threshold};
use basewise_core::{Alphabet, Dataset, Example, TaskKind};
use std::collections::HashMap;

/// From when on two sequences were similar when the data set was split by similarity; `None` for other splits.
pub fn split_threshold(provenance: &Provenance) -> Option<Threshold> {
    let note = provenance.notes.get("similarity")?;
    serde_json::from_value::<RelatedGroups>(note.clone()).ok().map(|related| related.threshold)
}

/// The group of each of these rows of a data set, any numbers: what chains of similar sequences connect, places that overlap,
/// and shuffles, as their ids tell, with the sequence that they were made from. That is what a split by similarity keeps on
/// one side, looked for among these rows only.
pub fn related(dataset: &Dataset, rows: &[usize], threshold: Threshold) -> Vec<usize> {
    let drafts = drafts(dataset, rows.iter().map(|&row| &dataset.examples[row]));
    let own: Vec<usize> = (0..drafts.len()).filter(|&i| drafts[i].parent.is_none()).collect();
    let bare: Vec<&Draft> = own.iter().map(|&i| &drafts[i]).collect();
    let (of_own, _) = groups(&bare, dataset.encoding.alphabet, threshold);
    let mut of = vec![0; drafts.len()];
    own.iter().zip(of_own).for_each(|(&i, group)| of[i] = group);
    // Parents come before what was made from them.
    for (i, draft) in drafts.iter().enumerate() {
        if let Some(parent) = draft.parent {
            of[i] = of[parent];
        }
    }
    of
}

/// Groups of relatives and of places that overlap, and where the search stopped short.
pub(super) fn groups(drafts: &[&Draft], alphabet: Alphabet, threshold: Threshold) -> (Vec<usize>, Limits) {
    let sequences: Vec<&[u8]> = drafts.iter().map(|draft| draft.sequence.as_slice()).collect();
    let similarity::Groups { of, limits } = similarity::groups(&sequences, alphabet, threshold);
    let mut sets = DisjointSets::new(drafts.len());
    sets.join_equal(of);
    // Drafts without a group of their own have nothing but their number in common.
    sets.join_equal(drafts.iter().enumerate().map(|(row, draft)| match draft.group.as_deref() {
        Some(group) => (group, 0),
        None => ("", row + 1),
    }));
    (sets.roots(), limits)
}

/// What a split looks at, of examples of a data set; places that overlap are in one group.
pub(super) fn drafts<'a>(dataset: &Dataset, examples: impl Iterator<Item = &'a Example> + Clone) -> Vec<Draft> {
    let classes =
        dataset.tasks.first().is_some_and(|task| matches!(task.kind, TaskKind::Binary | TaskKind::Classes { .. }));
    let parents = parents(examples.clone());
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
    let mut drafts: Vec<Draft> = examples.zip(parents).map(draft).collect();
    if drafts.iter().any(|draft| draft.place.is_some()) {
        windows::group_overlapping(&mut drafts, dataset.encoding.alphabet);
    }
    drafts
}

/// The number of the sequence that each shuffle was made from.
fn parents<'a>(examples: impl Iterator<Item = &'a Example>) -> Vec<Option<usize>> {
    let mut rows: HashMap<&str, usize> = HashMap::new();
    let mut parents = Vec::new();
    for (row, example) in examples.enumerate() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::{CasePolicy, Encoding, Interval, Split, Strand, Task};

    fn example(id: &str, sequence: &[u8], place: Option<(u64, u64)>) -> Example {
        let place = place.map(|(start, end)| Interval { chrom: "chr1".into(), start, end, strand: Strand::Forward });
        Example {
            id: id.into(),
            place,
            split: Split::Test,
            sequence: sequence.to_vec(),
            labels: vec![1.0],
            covariates: vec![],
            control: vec![],
            weight: 1.0,
        }
    }

    fn dataset(examples: Vec<Example>) -> Dataset {
        Dataset {
            encoding: Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore },
            length: 60,
            jitter: 0,
            tasks: vec![Task { name: "y".into(), kind: TaskKind::Binary }],
            covariates: vec![],
            control: None,
            examples,
        }
    }

    fn random(number: u64) -> Vec<u8> {
        let mut rng = basewise_core::random::stream(number, "related test", &[]);
        (0..60).map(|_| b"ACGT"[basewise_core::random::below(&mut rng, 4)]).collect()
    }

    #[test]
    fn relatives_shuffles_and_overlapping_places_fall_together() {
        let mut near = random(1);
        near[30] = if near[30] == b'A' { b'C' } else { b'A' };
        let data = dataset(vec![
            example("other", &random(9), None),
            example("a", &random(1), None),
            example("a_shuffle1", &random(2), None),
            example("b", &random(3), Some((100, 160))),
            example("c", &random(4), Some((159, 219))),
            example("d", &random(5), Some((219, 279))),
            example("e", &basewise_core::reverse_complement(&near, Alphabet::Dna), None),
        ]);
        let of = related(&data, &[1, 2, 3, 4, 5, 6], Threshold::default());
        assert!(of[0] == of[1] && of[0] == of[5] && of[2] == of[3], "{of:?}");
        assert_eq!(of.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
        assert!(related(&data, &[], Threshold::default()).is_empty());
    }

    #[test]
    fn the_threshold_is_that_of_the_split() {
        let mut provenance = Provenance::new("sequences", 1, "x");
        assert_eq!(split_threshold(&provenance), None);
        let threshold = Threshold { identity: 0.9, coverage: 0.7 };
        let related = RelatedGroups { threshold, sequences: 3, groups: 2, largest: 2, limits: Limits::default() };
        provenance.notes.insert("similarity".into(), serde_json::json!(related));
        assert_eq!(split_threshold(&provenance), Some(threshold));
    }
}
