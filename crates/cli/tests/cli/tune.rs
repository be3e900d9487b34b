//! Searches for settings: the same trials whatever happens meanwhile, and the best of them ready to train.

use crate::support::{Folder, GLOBAL, small_table};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SPACE: &str = "
model = 'small.toml'
epochs = 4
patience = 0
[learning_rate]
low = 1e-4
high = 3e-2
scale = 'log'
[batch_size]
values = [16, 32]
[layer.1.filters]
low = 2
high = 16
scale = 'log'
integer = true
";

fn with_data(space: &str) -> Folder {
    let folder = Folder::new();
    folder.write("t.tsv", small_table()).write("small.toml", GLOBAL).write("space.toml", space);
    folder.run("dataset sequences t.tsv -o data").ok();
    folder
}

fn left(folder: &Folder, directory: &str) -> [String; 3] {
    ["trials.tsv", "trials.json", "best.toml"]
        .map(|name| fs::read_to_string(folder.path(directory).join(name)).unwrap())
}

fn json(folder: &Folder, directory: &str) -> serde_json::Value {
    serde_json::from_str(&left(folder, directory)[1]).unwrap()
}

#[test]
fn trials_do_not_depend_on_jobs_and_a_search_goes_on_with_more_of_them() {
    let folder = with_data(SPACE);
    // Past the random start of the estimator, and not a whole number of rounds.
    let ran = folder.run("tune data --space space.toml --trials 14 --jobs 3 --threads 2 -o a").ok();
    assert!(ran.stdout.starts_with("trial  valid loss"), "{}", ran.stdout);
    assert!(ran.stderr.contains("basewise train data --config a/best.toml"), "{}", ran.stderr);
    folder.run("tune data --space space.toml --trials 6 -o b").ok();
    folder.run("tune data --space space.toml --trials 14 --jobs 2 -o b --resume").ok();
    assert_eq!(left(&folder, "a"), left(&folder, "b"));
    let trials = json(&folder, "a");
    assert_eq!(trials["trials"].as_array().unwrap().len(), 14);
    let best = trials["best"].as_u64().unwrap() as usize - 1;
    let loss = |i: usize| trials["trials"][i]["valid_loss"].as_f64().unwrap();
    assert!((0..14).all(|i| loss(best) <= loss(i)));
    assert!(fs::read_to_string(folder.path("a/report.html")).unwrap().contains("Settings and result of each trial"));
    assert_eq!(fs::read_dir(folder.path("a/trials")).unwrap().filter(is_lock).count(), 0);

    // The best settings train to the loss that the search saw.
    folder.run("train data --config a/best.toml -o run").ok();
    let history = fs::read_to_string(folder.path("run/history.jsonl")).unwrap();
    let losses = history.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["valid_loss"].as_f64());
    let lowest = losses.flatten().fold(f64::INFINITY, f64::min);
    assert_eq!(lowest, loss(best));

    folder.run("tune data --space space.toml -o a").fails_saying(&["a search is there already", "--resume"]);
    folder
        .run("tune data --space space.toml --seed 2 -o a --resume")
        .fails_saying(&["the search there is another one"]);
    folder.run("tune data --space space.toml --seed 2 --trials 2 --method random -o a --overwrite").ok();
    assert_ne!(left(&folder, "a")[0], left(&folder, "b")[0]);
}

fn is_lock(entry: &std::io::Result<fs::DirEntry>) -> bool {
    entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".lock")
}

#[test]
fn a_search_killed_at_any_moment_goes_on_to_the_same_table() {
    let folder = with_data(&SPACE.replace("epochs = 4", "epochs = 9"));
    let words = "tune data --space space.toml --method halving --trials 6 --first-epochs 3 --factor 3 --jobs 2 -o";
    let began = Instant::now();
    folder.run(&format!("{words} whole")).ok();
    let usual = began.elapsed().as_secs_f64();
    let trials = json(&folder, "whole");
    let rungs: Vec<u64> = trials["trials"].as_array().unwrap().iter().map(|t| t["rung"].as_u64().unwrap()).collect();
    assert_eq!((rungs.iter().filter(|&&rung| rung == 1).count(), rungs.iter().max()), (4, Some(&2)));
    assert_eq!(rungs[trials["best"].as_u64().unwrap() as usize - 1], 2);
    folder.kill(&format!("{words} killed --resume"), &[0.3, 0.5, 0.8].map(|share| share * usual));
    folder.run(&format!("{words} killed --resume")).ok();
    assert_eq!(left(&folder, "whole"), left(&folder, "killed"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_all_trials_and_says_how_to_go_on() {
    let folder = with_data(&SPACE.replace("epochs = 4", "epochs = 2000"));
    let child = Command::new(env!("CARGO_BIN_EXE_basewise"))
        .args("tune data --space space.toml --trials 2 --jobs 2 -o a".split(' '))
        .current_dir(folder.path(""))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while !(1..=2).all(|n| folder.path(&format!("a/trials/000{n}/checkpoints")).is_dir()) {
        assert!(Instant::now() < deadline, "no trial began");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Only the parent: the children end because it does.
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("interrupted; to go on:") && said.contains("--resume"), "{said}");
    for n in 1..=2 {
        let log = fs::read_to_string(folder.path(&format!("a/trials/000{n}.log"))).unwrap();
        assert!(log.contains("the state is saved"), "{log}");
    }
}

#[test]
fn failed_trials_are_in_the_table_and_nonsense_is_refused() {
    let folder = with_data(
        "model = 'small.toml'\nepochs = 1\n[layer.1.width]\nvalues = [9, 3]\n[learning_rate]\nvalues = [1e-3, 1e30]\n",
    );
    folder.run("tune data --space space.toml --method random --trials 10 -o a").ok();
    let trials = json(&folder, "a");
    let trials = trials["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 4, "the space has four points");
    let failed: Vec<_> = trials.iter().filter(|trial| trial["status"] == "failed").collect();
    assert!(failed.iter().all(|t| t["settings"]["learning_rate"] == 1e30), "{failed:?}");
    assert!(failed.iter().all(|t| t["error"].as_str().unwrap().contains("not a finite number")), "{failed:?}");

    folder.write("typo.toml", "[learning_rat]\nvalues = [1]\n");
    folder.run("tune data --space typo.toml -o b").fails_saying(&["typo.toml", "did you mean \"learning_rate\"?"]);
    folder.write("loss.toml", "[loss]\nlabel_smoothing = { low = 0, high = 0.2 }\n");
    folder.run("tune data --space loss.toml -o b").fails_saying(&["cannot be compared", "--monitor metric"]);
    folder.write("cosine.toml", "schedule = 'cosine'\n[batch_size]\nvalues = [16, 32]\n");
    folder.run("tune data --space cosine.toml --method halving -o b").fails_saying(&["cosine", "--method tpe"]);
    folder.run("tune data --space space.toml --jobs 0 -o b").fails_saying(&["--jobs of 1 to 256"]);
    folder.run("tune data --space space.toml --device gpx -o b").fails_saying(&["gpx"]);
    assert!(!folder.path("b/trials").exists());
    folder.run("tune data --space space.toml -o data").fails_saying(&["expected a new or empty directory"]);
}
