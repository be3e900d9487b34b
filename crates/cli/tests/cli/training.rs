//! The settings of training: files, losses, counts, and what they leave in a run.

use crate::support::{Folder, small_table};
use std::fs;

fn with_data() -> Folder {
    let folder = Folder::new();
    folder.write("t.tsv", small_table());
    folder.run("dataset sequences t.tsv -o data").ok();
    folder
}

fn info(folder: &Folder, run: &str) -> serde_json::Value {
    serde_json::from_slice(&fs::read(folder.path(run).join("run.json")).unwrap()).unwrap()
}

#[test]
fn a_run_s_own_file_repeats_it_and_flags_stand_above_it() {
    let folder = with_data();
    folder.write("net.toml", "[[layer]]\ntype='conv1d'\nfilters=4\nwidth=9\n[[layer]]\ntype='global-max-pool'\n");
    let flags = "--model net.toml --epochs 2 --optimizer muon --schedule one-cycle --ema 0.9 --l1 0.001 --cutmix 0.3 \
                 --loss focal --class-weights balanced --reverse-complement off --seed 7";
    folder.run(&format!("train data {flags} -o a")).ok();
    fs::remove_file(folder.path("net.toml")).unwrap();
    folder.run("train data --config a/config.toml -o b").ok();
    assert_eq!(info(&folder, "a")["weights_sha256"], info(&folder, "b")["weights_sha256"]);
    assert_eq!(info(&folder, "a")["config"], info(&folder, "b")["config"]);
    let text = |run: &str| fs::read_to_string(folder.path(run).join("config.toml")).unwrap();
    assert_eq!(text("a"), text("b"));
    folder.run("train data --config a/config.toml --seed 8 --epochs 1 -o c").ok();
    // A file of the user's is not ours to replace, that of a run is.
    folder.write("mine.toml", "epochs = 1\n");
    fs::create_dir(folder.path("d")).unwrap();
    fs::rename(folder.path("mine.toml"), folder.path("d/config.toml")).unwrap();
    folder.run("train data --config d/config.toml -o d --overwrite").fails_saying(&["found d/config.toml"]);
    folder.run("train data --config c/config.toml -o c --overwrite").ok();
    let other = &info(&folder, "c")["config"];
    assert_eq!((other["seed"].as_u64(), other["epochs"].as_u64()), (Some(8), Some(1)));
    assert_eq!(other["optimizer"], "muon");
    assert_ne!(info(&folder, "a")["weights_sha256"], info(&folder, "c")["weights_sha256"]);
}

#[test]
fn errors_of_files_and_flags_name_the_nearest_word() {
    let folder = with_data();
    folder.write("c.toml", "epoch = 3\n").write("l.toml", "[[penalty]]\nlayer = '99'\nl1 = 0.1\n");
    for (flags, parts) in [
        ("--config c.toml", &["c.toml: unknown key \"epoch\"", "did you mean \"epochs\"?"][..]),
        ("--config none.toml", &["none.toml"]),
        ("--config l.toml", &["penalty: expected a layer with weights", "found \"99\""]),
        ("--loss mse", &["--loss mse fits no task of the data set, which has label (binary)"]),
        ("--schedule cosin", &["cosine"]),
        ("--ema 1", &["ema: expected a number above 0 and below 1, found 1"]),
        ("--momentum -0.5", &["momentum: expected 0 or more and below 1, found -0.5"]),
        ("--class-weights 1,2,3", &["expected 2 numbers for task \"label\" (0, 1), found 3"]),
        ("--task-weights labels=2", &["task_weights: expected a task", "did you mean \"label\"?"]),
    ] {
        folder.run(&format!("train data -o run {flags}")).fails_saying(parts);
        assert!(!folder.path("run").exists(), "{flags} left a run");
    }
}

#[test]
fn counts_go_all_the_way_from_a_table_to_a_report() {
    let folder = Folder::new();
    let table: String = small_table()
        .lines()
        .enumerate()
        .map(|(i, line)| {
            let mut cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
            cells[2] = match cells[2].as_str() {
                "label" => "reads".to_owned(),
                label => (i % 4 + 9 * label.parse::<usize>().unwrap()).to_string(),
            };
            cells.join("\t") + "\n"
        })
        .collect();
    folder.write("t.tsv", table);
    folder.run("dataset sequences t.tsv --counts reads -o data").ok();
    assert!(folder.run("dataset show data").ok().stdout.contains("counts"));
    folder.run("dataset check data");
    folder.run("train data --loss negative-binomial --epochs 3 --reverse-complement off -o run").ok();
    let judged = folder.run("evaluate run").ok().stdout;
    assert!(judged.contains("reads (counts;") && judged.contains("mae"), "{judged}");
    // Expected counts, not their logarithms.
    let predicted = folder.run("predict run data -o -").ok().stdout;
    let values = predicted.lines().skip(1).map(|line| line.split('\t').next_back().unwrap().parse::<f64>().unwrap());
    assert!(values.into_iter().all(|value| value > 0.0));
    folder.run("report run").ok();
    let page = fs::read_to_string(folder.path("run/report.html")).unwrap();
    assert!(page.contains("predicts a count."));
    folder.write("bad.tsv", "sequence\treads\nACGT\t-1\nACTT\t3\n");
    folder.run("dataset sequences bad.tsv --counts reads -o d").fails_saying(&["line 2", "a count of 0 or more"]);
}

#[test]
fn the_search_for_a_learning_rate_prints_a_table_and_writes_nothing() {
    let folder = with_data();
    let ran = folder.run("train data --batch-size 32 --find-learning-rate").ok();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].split_whitespace().eq(["learning_rate", "loss", "smoothed_loss"]), "{}", lines[0]);
    assert!(lines[1].trim_start().starts_with("1.000e-6") && lines.len() > 20, "{}", ran.stdout);
    assert!(ran.stderr.contains("suggested: --learning-rate"), "{}", ran.stderr);
    assert_eq!(fs::read_dir(folder.path("")).unwrap().count(), 2);
    folder.run("train data").fails_saying(&["--output"]);
}

#[test]
fn tensorboard_files_belong_to_the_run() {
    let folder = with_data();
    folder.run("train data --epochs 1 --tensorboard -o run").ok();
    let bytes = fs::read(folder.path("run/tensorboard/events.out.tfevents.basewise")).unwrap();
    assert!(bytes.windows(10).any(|window| window == b"loss/valid"));
    folder.run("train data --epochs 1 -o run --overwrite").ok();
    assert!(!folder.path("run/tensorboard").exists());
}
