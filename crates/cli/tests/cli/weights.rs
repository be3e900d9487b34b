//! Weights of examples, from a column to the loss; and runs that keep less for their gradients.

use crate::support::{Folder, small_table};

/// The table with a column of weights from 1 to 3.
fn weighted() -> String {
    let rows = small_table();
    let mut lines = rows.lines();
    let mut text = format!("{}\ttrust\n", lines.next().unwrap());
    lines.enumerate().for_each(|(i, line)| text += &format!("{line}\t{}\n", 1 + i % 3));
    text
}

const TRAIN: &str = "--model cnn-global --epochs 2 --reverse-complement off";

#[test]
fn a_column_of_weights_reaches_the_loss() {
    let f = Folder::new();
    f.write("t.tsv", weighted());
    let told = f.run("dataset sequences t.tsv --weight-column trust -o data").ok().stderr;
    assert!(told.contains("weights from 1 to 3"), "{told}");
    f.run("dataset sequences t.tsv -o plain").ok();
    f.run(&format!("train data {TRAIN} -o run")).ok();
    f.run(&format!("train plain {TRAIN} -o other")).ok();
    let history = |run: &str| std::fs::read_to_string(f.path(&format!("{run}/history.jsonl"))).unwrap();
    assert_ne!(history("run"), history("other"));
    let told = f.run("evaluate run --no-baselines").ok().stderr;
    assert!(told.contains("each example counts once here"), "{told}");
    // What a check takes out leaves the others their weights.
    f.run("dataset check data --fix fixed").ok();
    f.run("evaluate other plain --no-baselines").ok();
}

#[test]
fn wrong_weights_are_named() {
    let f = Folder::new();
    f.write("t.tsv", weighted()).write("bad.tsv", weighted().replace("\t2\n", "\t-2\n")).write("a.fa", ">a\nACGT\n");
    let hint = "0 leaves a row out of training";
    f.run("dataset sequences bad.tsv --weight-column trust -o d").fails_saying(&["bad.tsv: line 3", "\"-2\"", hint]);
    f.run("dataset sequences t.tsv --weight-column trsut -o d").fails_saying(&["\"trsut\"", "\"trust\""]);
    f.run("dataset sequences a.fa --negatives shuffle --weight-column w -o d")
        .fails_saying(&["--weight-column", "table"]);
    f.write("zero.tsv", weighted().replace("\t1\n", "\t0\n").replace("\t2\n", "\t0\n").replace("\t3\n", "\t0\n"));
    f.run("dataset sequences zero.tsv --weight-column trust -o d").fails_saying(&["expected a weight above 0"]);
    f.write("p.bed", "c\t1\t5\n").write("g.fa", ">c\nACGTACGTACGT\n");
    let line = "dataset intervals p.bed --genome g.fa --window 4 --negatives none -o d";
    f.run(&format!("{line} --weight-column name")).fails_saying(&["--weight-column", "signalValue", "\"name\""]);
    f.run(&format!("{line} --covariates 8")).fails_saying(&["p.bed: line 1", "expected a column 8"]);
}

#[test]
fn recomputing_gives_the_same_model() {
    let f = Folder::new();
    f.write("t.tsv", small_table());
    f.run("dataset sequences t.tsv -o data").ok();
    f.run(&format!("train data {TRAIN} -o plain")).ok();
    f.run(&format!("train data {TRAIN} --recompute -o again")).ok();
    let model = |run: &str| std::fs::read(f.path(&format!("{run}/model.safetensors"))).unwrap();
    assert!(model("plain") == model("again"));
}

#[test]
fn the_search_for_a_learning_rate_prints_json() {
    let f = Folder::new();
    f.write("t.tsv", small_table());
    f.run("dataset sequences t.tsv -o data").ok();
    let text = f.run("train data --model cnn-global --reverse-complement off --find-learning-rate --json").ok().stdout;
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["trials"][0]["learning_rate"].as_f64(), Some(1e-6));
    let suggested = found["suggested_learning_rate"].as_f64().unwrap();
    assert!(found["trials"].as_array().unwrap().len() > 10 && (1e-7..0.2).contains(&suggested), "{suggested}");
    f.run("train data -o run --json").fails_saying(&["--find-learning-rate"]);
}
