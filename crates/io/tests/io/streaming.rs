//! A data set read a row group at a time holds what the whole one holds.

use crate::support::{Dir, bytes, says, text};
use basewise_core::folds::{FoldBy, Origins};
use basewise_core::source::{ExampleSource, Rows};
use basewise_core::{Alphabet, CasePolicy, Dataset, Encoding, Example, Split, Task, TaskKind};
use basewise_io::dataset::{Provenance, open, save};

/// Three row groups: the first sequence fills one, and one holds 65,536 rows at most.
fn dataset() -> Dataset {
    let task = |name: &str, kind| Task { name: name.into(), kind };
    let classes = TaskKind::Classes { classes: vec!["neither".into(), "donor".into()] };
    let example = |i: usize| Example {
        id: format!("e{i}"),
        place: None,
        split: Split::ALL[i % 3],
        sequence: if i == 0 { b"ACGTT".repeat(4_000_000) } else { b"ACGTNacg"[..1 + i % 8].to_vec() },
        labels: vec![(i % 2) as f64, if i.is_multiple_of(5) { f64::NAN } else { (i % 2) as f64 }, i as f64 / 4.0],
        covariates: vec![],
        control: vec![],
        weight: 1.0,
    };
    Dataset {
        encoding: Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Channel },
        length: 4,
        jitter: 1,
        tasks: vec![task("bound", TaskKind::Binary), task("site", classes), task("ratio", TaskKind::Regression)],
        covariates: vec![],
        control: None,
        examples: (0..70_000).map(example).collect(),
    }
}

fn rows(source: &dyn ExampleSource, split: Split) -> Rows {
    let mut rows = Rows::new(&source.header());
    let blocks = source.survey().unwrap().blocks();
    (0..blocks).for_each(|block| source.read(block, split, &mut rows).unwrap());
    rows
}

#[test]
fn blocks_of_a_file_hold_the_rows_of_the_data_set_in_order() {
    let (dir, data) = (Dir::new(), dataset());
    save(&dir.at("d"), &data, &Provenance::new("x", 0, ""), &[], false).unwrap();
    let (stored, from) = open(&dir.at("d")).unwrap();
    assert_eq!((from.kind.as_str(), stored.header(), stored.counts().blocks()), ("x", data.header(), 3));
    assert_eq!(stored.digest().as_deref(), Some(stored.sha256()));
    let (counts, survey) = (stored.counts(), data.survey().unwrap());
    for split in Split::ALL {
        let (read, expected) = (rows(&stored, split), rows(&data, split));
        // NaN is unlike itself, so the printed forms are compared.
        assert!(format!("{read:?}") == format!("{expected:?}"), "{split}");
        assert_eq!(counts.rows(split), data.rows_of(split).len());
        (0..3).for_each(|task| assert_eq!(counts.known(task, split), survey.known(task, split)));
    }
    // Both are dealt into the same folds.
    let deal = |origins: Origins| origins.deal(3, FoldBy::Copies, 5).unwrap();
    assert!(deal(stored.origins().unwrap()) == deal(data.origins()));
    let mut none = Rows::new(&stored.header());
    stored.read(0, Split::Valid, &mut none).unwrap();
    assert!(none.is_empty());
}

#[test]
fn a_file_that_is_not_the_one_described_is_refused() {
    let (dir, mut data) = (Dir::new(), dataset());
    data.examples.truncate(40);
    data.examples.remove(0);
    let save = |name: &str, data: &Dataset| {
        save(&dir.at(name), data, &Provenance::new("x", 0, ""), &[], false).unwrap();
    };
    save("d", &data);
    data.tasks.remove(0);
    for example in &mut data.examples {
        example.labels.remove(0);
    }
    save("other", &data);
    let file = dir.at("d").join("examples.parquet");
    let original = bytes(&file);
    dir.put("d/examples.parquet", &original[..original.len() - 9]);
    says(open(&dir.at("d")), &file, &["a truncated or a damaged one"]);
    // With the right digest, but another table.
    dir.put("d/examples.parquet", bytes(&dir.at("other/examples.parquet")));
    let about = |name: &str| text(&dir.at(name).join("dataset.json"));
    let digest = |name: &str| {
        let value: serde_json::Value = serde_json::from_str(&about(name)).unwrap();
        value["examples"]["sha256"].as_str().unwrap().to_owned()
    };
    dir.put("d/dataset.json", about("d").replace(&digest("d"), &digest("other")));
    says(open(&dir.at("d")), &file, &["expected a column \"label:bound\", found none"]);
}

#[test]
fn weights_are_stored_where_they_differ_and_come_back_whole_or_in_blocks() {
    let (dir, mut data) = (Dir::new(), dataset());
    data.examples.truncate(500);
    save(&dir.at("plain"), &data, &Provenance::new("x", 0, ""), &[], false).unwrap();
    assert!(!open(&dir.at("plain")).unwrap().0.is_weighted());
    data.examples.iter_mut().enumerate().for_each(|(i, example)| example.weight = 0.5 * i as f64);
    save(&dir.at("d"), &data, &Provenance::new("x", 0, ""), &[], false).unwrap();
    let (stored, _) = open(&dir.at("d")).unwrap();
    assert!(stored.is_weighted());
    for split in Split::ALL {
        let (read, expected) = (rows(&stored, split), rows(&data, split));
        let weights = |rows: &Rows| (0..rows.len()).map(|row| rows.weight(row)).collect::<Vec<f64>>();
        assert_eq!(weights(&read), weights(&expected));
    }
    let (whole, _) = basewise_io::dataset::load(&dir.at("d")).unwrap();
    assert!(whole.examples.iter().zip(&data.examples).all(|(a, b)| a.weight == b.weight));
    data.examples[7].weight = -1.0;
    let error = save(&dir.at("wrong"), &data, &Provenance::new("x", 0, ""), &[], false).unwrap_err();
    assert!(error.to_string().contains("\"e7\": expected a finite weight of 0 or more, found -1"), "{error}");
}
