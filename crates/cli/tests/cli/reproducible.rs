//! Same seed, same result; outputs are whole or absent.

use crate::support::{Folder, Ran, quickstart, small_table};
use std::fs;

fn weights(folder: &Folder, run: &str) -> String {
    let info: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path(run).join("run.json")).unwrap()).unwrap();
    info["weights_sha256"].as_str().unwrap().to_owned()
}

fn with_data() -> Folder {
    let folder = Folder::new();
    folder.write("t.tsv", small_table());
    folder.run("dataset sequences t.tsv -o data").ok();
    folder
}

fn train(folder: &Folder, run: &str, more: &str) -> Ran {
    folder.run(&format!("train data --model cnn --epochs 2 -o {run} {more}"))
}

#[test]
fn one_seed_gives_one_digest_whatever_the_threads() {
    let folder = with_data();
    train(&folder, "a", "").ok();
    train(&folder, "b", "--threads 1").ok();
    train(&folder, "c", "--seed 2").ok();
    assert_eq!(weights(&folder, "a"), weights(&folder, "b"));
    assert_ne!(weights(&folder, "a"), weights(&folder, "c"));
    assert_eq!(
        fs::read(folder.path("a/model.safetensors")).unwrap(),
        fs::read(folder.path("b/model.safetensors")).unwrap()
    );
}

#[test]
fn one_seed_gives_one_data_set() {
    let folder = Folder::new();
    folder.write("t.tsv", small_table());
    folder.run("dataset sequences t.tsv --split random -o a").ok();
    folder.run("dataset sequences t.tsv --split random -o b --threads 1").ok();
    assert_eq!(
        fs::read(folder.path("a/examples.parquet")).unwrap(),
        fs::read(folder.path("b/examples.parquet")).unwrap()
    );
}

#[test]
fn a_run_is_not_overwritten_unasked() {
    let folder = with_data();
    train(&folder, "a", "").ok();
    train(&folder, "a", "").fails_saying(&["a run is there already", "--overwrite"]);
    train(&folder, "a", "--overwrite").ok();
    folder.write("data/keep.txt", "mine");
    folder.run("train data -o data").fails_saying(&["expected a new or empty directory"]);
    assert!(folder.path("data/keep.txt").exists());
}

#[test]
fn quickstart_learns_splice_sites() {
    for (site, least) in [("donor", 0.985), ("acceptor", 0.965)] {
        let path = quickstart().join(format!("quickstart/{site}/run/metrics.json"));
        let metrics: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let auroc = metrics["model"][0]["metrics"]["auroc"]["value"].as_f64().unwrap();
        assert!(auroc >= least, "{site}: {auroc}");
    }
}

#[test]
fn the_report_is_one_page_without_the_network() {
    let page = fs::read_to_string(quickstart().join("quickstart/report.html")).unwrap();
    for id in ["overview", "data", "training", "performance", "examples", "filters", "details"] {
        assert!(page.contains(&format!("id=\"{id}\"")), "no section {id}");
    }
    for forbidden in ["src=\"http", "href=\"http", "@import", "url(http"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn predictions_of_a_data_set_and_of_its_sequences_agree() {
    let folder = with_data();
    train(&folder, "a", "").ok();
    let fasta: String = small_table()
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            format!(">{}\n{}\n", cells[0], cells[1])
        })
        .collect();
    folder.write("t.fa", fasta);
    let column = |line: &str| -> Vec<String> {
        let out = folder.run(line).ok().stdout;
        let header: Vec<String> = out.lines().next().unwrap().split('\t').map(str::to_owned).collect();
        // The predicted column is the last one in both tables.
        out.lines().skip(1).map(|l| l.split('\t').nth(header.len() - 1).unwrap().to_owned()).collect()
    };
    let of_data = column("predict a data -o -");
    assert_eq!(of_data.len(), 240);
    assert_eq!(of_data, column("predict a t.fa -o -"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_resume_ends_with_the_same_weights() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let folder = with_data();
    let words = "train data --epochs 60 --patience 0 -o";
    let mut child = Command::new(env!("CARGO_BIN_EXE_basewise"))
        .args(words.split(' ').chain(["a"]))
        .current_dir(folder.path(""))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    lines.find(|line| line.starts_with("epoch ")).unwrap();
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("to go on:") && line.contains("--resume")), "{rest:?}");
    folder.run("evaluate a").fails_saying(&["interrupted", "--resume"]);
    folder.run(&format!("{words} a --resume")).ok();
    folder.run(&format!("{words} b")).ok();
    assert_eq!(weights(&folder, "a"), weights(&folder, "b"));
}

#[test]
fn a_finished_run_is_resumed_only_as_what_it_is() {
    let folder = with_data();
    train(&folder, "a", "").ok();
    let digest = weights(&folder, "a");
    train(&folder, "a", "--resume").ok();
    let other = |line: &str, what: &str| {
        folder.run(&format!("train {line} --epochs 2 -o a --resume")).fails_saying(&["the run is finished", what]);
    };
    other("data --model cnn-global", "with other layers");
    other("data --model cnn --seed 2", "with other settings");
    folder.run("dataset sequences t.tsv --split random --seed 5 -o other").ok();
    other("other --model cnn", "on another data set");
    // A model that was lost is made again.
    fs::remove_file(folder.path("a/model.safetensors")).unwrap();
    let again = train(&folder, "a", "--resume").ok();
    assert!(again.stderr.contains("it is made again"), "{}", again.stderr);
    assert_eq!(weights(&folder, "a"), digest);
    folder.run("evaluate a --no-baselines").ok();
}

#[test]
fn a_data_set_that_was_made_anew_is_not_taken_for_the_one_of_a_run() {
    let folder = with_data();
    train(&folder, "a", "").ok();
    folder.run("dataset sequences t.tsv --split random --seed 5 -o data --overwrite").ok();
    for line in ["evaluate a", "report a", "explain a --limit 1 --logos 0 -o e"] {
        folder.run(line).fails_saying(&["data: expected the data set that a was trained on", "train again"]);
    }
    folder.run("evaluate a data --no-baselines").ok();
    folder.run("dataset sequences t.tsv --length 30 -o short").ok();
    let short = folder.run("evaluate a short --no-baselines").ok();
    assert!(
        short.stderr.contains("the model reads 40 positions, the data set has 30: sequences are filled up"),
        "{}",
        short.stderr
    );
}
