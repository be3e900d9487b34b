//! Splits that keep relatives together, when a data set is made and afterwards.

use crate::support::Dir;
use basewise_core::random::{Stream, below, stream, uniform};
use basewise_core::similarity::{Threshold, relatives};
use basewise_core::{Alphabet, CasePolicy, Dataset, Encoding, Split, reverse_complement};
use basewise_io::build::{
    Built, Negatives, RelatedGroups, SequencesInput, SequencesSpec, SplitPolicy, TableColumns, resplit, sequences,
};
use std::path::PathBuf;

fn letters(rng: &mut Stream, length: usize) -> Vec<u8> {
    (0..length).map(|_| b"ACGT"[below(rng, 4)]).collect()
}

/// A tenth of the bases drawn anew, on either strand.
fn relative(parent: &[u8], rng: &mut Stream) -> Vec<u8> {
    let draw = |&letter: &u8| if uniform(rng) < 0.1 { b"ACGT"[below(rng, 4)] } else { letter };
    let copy: Vec<u8> = parent.iter().map(draw).collect();
    if below(rng, 2) == 0 { copy } else { reverse_complement(&copy, Alphabet::Dna) }
}

/// 60 families of 1 to 8 sequences in mixed order, one in three of label 1, with a split that pays no heed to them.
fn table(dir: &Dir) -> PathBuf {
    let mut rng = stream(8, "test relatives", &[]);
    let mut rows = Vec::new();
    for family in 0..60 {
        let parent = letters(&mut rng, 90);
        for member in 0..1 + family % 8 {
            rows.push((relative(&parent, &mut rng), u8::from(family % 3 == 0), family, member));
        }
    }
    basewise_core::random::shuffle(&mut rows, &mut rng);
    let mut text = String::from("id\tsequence\tlabel\tsplit\n");
    for (row, (sequence, label, family, member)) in rows.iter().enumerate() {
        let split = ["train", "train", "valid", "test"][row % 4];
        text += &format!("f{family}.{member}\t{}\t{label}\t{split}\n", String::from_utf8_lossy(sequence));
    }
    dir.put("t.tsv", text)
}

fn policy(valid: f64, test: f64) -> SplitPolicy {
    SplitPolicy::Similarity { valid, test, threshold: Threshold::default() }
}

fn build(path: PathBuf, split: Option<SplitPolicy>, negatives: Negatives) -> Built {
    let built = sequences(&SequencesSpec {
        input: SequencesInput::Table { files: vec![path.into()], columns: TableColumns::default() },
        encoding: Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore },
        length: None,
        split,
        negatives,
        seed: 1,
        command: "made".into(),
    });
    built.unwrap()
}

/// Held-out sequences with a relative in training.
fn across(dataset: &Dataset) -> usize {
    let of = |split| -> Vec<&[u8]> {
        dataset.rows_of(split).into_iter().map(|row| dataset.examples[row].sequence.as_slice()).collect()
    };
    let train = of(Split::Train);
    let held_out = [of(Split::Valid), of(Split::Test)].concat();
    relatives(&held_out, &train, Alphabet::Dna, Threshold::default()).0.iter().flatten().count()
}

fn note(built: &Built) -> RelatedGroups {
    serde_json::from_value(built.provenance.notes["similarity"].clone()).unwrap()
}

#[test]
fn relatives_fall_together_and_classes_stay_balanced() {
    let dir = Dir::new();
    let path = table(&dir);
    let given = build(path.clone(), None, Negatives::None);
    assert!(across(&given.dataset) > 50);
    let built = build(path, Some(policy(0.15, 0.25)), Negatives::None);
    assert_eq!(across(&built.dataset), 0);
    assert_eq!(built.provenance.notes["split"], "similarity");
    let found = note(&built);
    assert_eq!((found.groups, found.largest, found.threshold), (60, 8, Threshold::default()));
    assert_eq!(found.sequences, built.dataset.examples.len());
    assert!(built.warnings.is_empty(), "{:?}", built.warnings);
    for (split, share) in [(Split::Valid, 0.15), (Split::Test, 0.25)] {
        for label in [0.0, 1.0] {
            let of = |row: &usize| built.dataset.examples[*row].labels[0] == label;
            let all = (0..built.dataset.examples.len()).filter(of).count() as f64;
            let own = built.dataset.rows_of(split).into_iter().filter(of).count() as f64;
            assert!((own / all - share).abs() < 0.04, "{split} {label}: {own} of {all}");
        }
    }
}

#[test]
fn a_data_set_is_split_anew_with_its_shuffles() {
    let dir = Dir::new();
    let mut built = build(table(&dir), None, Negatives::Shuffle { per_positive: 1 });
    let before = built.dataset.clone();
    let warnings = resplit(&mut built.dataset, &mut built.provenance, &policy(0.2, 0.2), 3).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(across(&built.dataset), 0);
    let found = note(&built);
    assert_eq!((found.groups, found.sequences + built.account.made), (60, before.examples.len()));
    let split_of = |id: &str| built.dataset.examples.iter().find(|example| example.id == id).unwrap().split;
    for (new, old) in built.dataset.examples.iter().zip(&before.examples) {
        assert_eq!((&new.id, &new.sequence, &new.labels), (&old.id, &old.sequence, &old.labels));
        if let Some((parent, _)) = new.id.rsplit_once("_shuffle") {
            assert_eq!(new.split, split_of(parent));
        }
    }
    // The same again, and another division at random.
    let mut again = before.clone();
    resplit(&mut again, &mut built.provenance, &policy(0.2, 0.2), 3).unwrap();
    assert_eq!(again, built.dataset);
    resplit(&mut again, &mut built.provenance, &SplitPolicy::random(), 3).unwrap();
    assert!(again != built.dataset && !built.provenance.notes.contains_key("similarity"));
}

#[test]
fn what_cannot_be_split_so_is_said() {
    let dir = Dir::new();
    let built = build(table(&dir), None, Negatives::None);
    let fails = |policy: SplitPolicy, said: &str| {
        let error = resplit(&mut built.dataset.clone(), &mut built.provenance.clone(), &policy, 1).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    };
    fails(SplitPolicy::Column("split".into()), "found one by a column");
    fails(
        SplitPolicy::Chromosome { valid: vec![], test: vec!["chr1".into()] },
        "expected a chromosome for every sequence",
    );
    fails(policy(0.5, 0.5), "expected fractions");
    let low = Threshold { identity: 0.3, coverage: 0.5 };
    fails(SplitPolicy::Similarity { valid: 0.1, test: 0.1, threshold: low }, "expected an identity from 0.7 to 1");

    // One family is one group: all of it is trained on, and that is said.
    let mut rng = stream(9, "test relatives", &[]);
    let parent = letters(&mut rng, 90);
    let mut text = String::from("sequence\tlabel\n");
    (0..50).for_each(|i| text += &format!("{}\t{}\n", String::from_utf8_lossy(&relative(&parent, &mut rng)), i % 2));
    let one = build(dir.put("one.tsv", text.clone()), Some(policy(0.1, 0.1)), Negatives::None);
    assert_eq!(one.dataset.rows_of(Split::Train).len(), 50);
    let said = one.warnings.join("; ");
    assert!(said.contains("the valid split is empty: 1 group of relatives is too few"), "{said}");
    assert!(said.contains("one group of relatives has 50 of 50 sequences"), "{said}");
    (0..20).for_each(|i| text += &format!("{}\t{}\n", String::from_utf8_lossy(&letters(&mut rng, 90)), i % 2));
    let some = build(dir.put("some.tsv", text), Some(policy(0.1, 0.1)), Negatives::None);
    assert_eq!(Split::ALL.map(|split| some.dataset.rows_of(split).len()), [56, 7, 7]);
    assert!(some.warnings[0].contains("one group of relatives has 50 of 70 sequences"), "{:?}", some.warnings);
}
