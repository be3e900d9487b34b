//! Training killed at random moments, over and over, ends as if nothing had happened.
//!
//! `BASEWISE_SOAK` says how many kills; `bench/soak/run.sh` asks for 200.

use crate::support::{Folder, small_table};
use basewise_core::random::{stream, uniform};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const NETWORK: &str = "
[[layer]]
type = 'conv1d'
filters = 8
width = 9
[[layer]]
type = 'batch-norm'
[[layer]]
type = 'relu'
[[layer]]
type = 'dropout'
rate = 0.1
[[layer]]
type = 'global-max-pool'
";

/// 160 training examples, 10 batches an epoch, 20 steps.
const TRAIN: &str = "train data --model small.toml --epochs 2 --batch-size 16 --patience 0";

fn with_data() -> Folder {
    let folder = Folder::new();
    folder.write("t.tsv", small_table()).write("small.toml", NETWORK);
    folder.run("dataset sequences t.tsv -o data").ok();
    folder
}

/// What a run leaves behind: weights, history, and the digest in its record.
fn left(run: &Path) -> (Vec<u8>, String, String) {
    let info: serde_json::Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    let digest = info["weights_sha256"].as_str().unwrap().to_owned();
    (fs::read(run.join("model.safetensors")).unwrap(), fs::read_to_string(run.join("history.jsonl")).unwrap(), digest)
}

fn start(folder: &Folder, more: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_basewise"));
    command.args(TRAIN.split(' ').chain(more.split_whitespace())).current_dir(folder.path(""));
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Kills it after `time`; whether it was killed before it had ended by itself.
fn kill_after(mut child: Child, time: Duration) -> bool {
    std::thread::sleep(time);
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() || output.status.code().is_none(), "{}: {said}", output.status);
    !output.status.success()
}

fn half_written(run: &Path) -> bool {
    let names = |directory: &Path| -> Vec<String> {
        let entries = fs::read_dir(directory).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    };
    names(&run.join("checkpoints")).iter().any(|name| name.ends_with(".partial"))
}

/// Waits until a second checkpoint is there; then the first is known to be whole.
fn wait_for_checkpoints(directory: &Path) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let has_two = || {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries.filter(|entry| !entry.file_name().to_string_lossy().ends_with(".partial")).count() > 1
    };
    while !has_two() {
        assert!(Instant::now() < deadline, "no checkpoint was written");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn killed_at_random_moments_and_resumed_it_ends_the_same() {
    let kills: usize = std::env::var("BASEWISE_SOAK").map_or(6, |count| count.parse().unwrap());
    let folder = with_data();
    let began = Instant::now();
    folder.run(&format!("{TRAIN} --checkpoint-every 1 -o whole")).ok();
    let usual = began.elapsed().as_secs_f64();
    let expected = left(&folder.path("whole"));
    let mut rng = stream(20, "soak", &[]);
    let (mut killed, mut within_checkpoint, mut runs, mut resumed) = (0, 0, 0, 0);
    let run = folder.path("run");
    while killed < kills {
        runs += 1;
        let mut first = true;
        loop {
            let every = if uniform(&mut rng) < 0.5 { 1 } else { 3 };
            let workers = (uniform(&mut rng) * 3.0) as usize;
            let way = if first { "--overwrite" } else { "--resume" };
            let child = start(&folder, &format!("--checkpoint-every {every} --loader-workers {workers} -o run {way}"));
            first = false;
            if killed == kills {
                let output = child.wait_with_output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                break;
            }
            if !kill_after(child, Duration::from_secs_f64(usual * 1.1 * uniform(&mut rng))) {
                break;
            }
            killed += 1;
            within_checkpoint += usize::from(half_written(&run));
            resumed += usize::from(run.join("checkpoints").is_dir());
        }
        assert_eq!(left(&run), expected, "run {runs} after {killed} kills");
        let names: Vec<_> = fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!names.iter().any(|name| name.to_string_lossy().contains(".partial")), "{names:?}");
    }
    println!(
        "{killed} kills in {runs} runs of {usual:.2} s: {within_checkpoint} within a checkpoint, {resumed} with \
         checkpoints to go on from; each run ended with weights {}",
        expected.2
    );
}

#[test]
fn a_damaged_checkpoint_is_reported_and_the_one_before_is_used() {
    let folder = with_data();
    folder.run(&format!("{TRAIN} -o whole")).ok();
    folder.run(&format!("{TRAIN} -o run")).ok();
    // As if it had been killed before its last lines.
    for name in ["run.json", "model.safetensors"] {
        fs::remove_file(folder.path("run").join(name)).unwrap();
    }
    let newest = folder.path("run/checkpoints/step-0000000020/best.safetensors");
    fs::write(&newest, &fs::read(&newest).unwrap()[..100]).unwrap();
    let said = folder.run(&format!("{TRAIN} -o run --resume")).ok().stderr;
    for part in ["step-0000000020", "best.safetensors was truncated or damaged", "the checkpoint before it is used"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(left(&folder.path("run")), left(&folder.path("whole")));
}

#[test]
fn a_place_that_cannot_be_written_ends_with_a_clear_error_and_the_run_goes_on() {
    let folder = with_data();
    folder.run(&format!("{TRAIN} -o whole")).ok();
    let child = start(&folder, "--checkpoint-every 1 -o run");
    let (checkpoints, aside) = (folder.path("run/checkpoints"), folder.path("aside"));
    wait_for_checkpoints(&checkpoints);
    // Renaming races with the run, which may make the directory again before the file is there.
    fs::rename(&checkpoints, &aside).unwrap();
    let blocked = fs::write(&checkpoints, "in the way").is_ok();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if blocked {
        assert_eq!(output.status.code(), Some(2), "{said}");
        for part in ["checkpoints: could not be written", "MB are free there", "is whole", "--resume"] {
            assert!(said.contains(part), "expected {part:?} in {said}");
        }
        fs::remove_file(&checkpoints).unwrap();
        fs::rename(&aside, &checkpoints).unwrap();
    }
    folder.run(&format!("{TRAIN} -o run --resume")).ok();
    assert_eq!(left(&folder.path("run")), left(&folder.path("whole")));
}

/// A limit below the size of a checkpoint; its unit is 512 or 1,024 bytes, as the shell has it.
#[cfg(unix)]
#[test]
fn a_limit_of_file_sizes_ends_with_a_clear_error_and_the_run_goes_on() {
    let folder = with_data();
    folder.write("small.toml", NETWORK.replace("filters = 8", "filters = 400"));
    let limited_to = |blocks: usize, line: &str| {
        crate::support::shell_in(&folder.path(""), &format!("ulimit -f {blocks} && exec basewise {line}"))
    };
    // Enough for the settings, too little for weights.
    let limited = |line: &str| limited_to(12, line);
    let hint = ["ulimit -f", "raise"];
    limited_to(1, "dataset sequences t.tsv -o more").fails_saying(&hint).fails_saying(&["more"]);
    assert!(!folder.path("more").exists());
    folder.run(&format!("{TRAIN} -o whole")).ok();
    let expected = left(&folder.path("whole"));

    let none = limited(&format!("{TRAIN} --checkpoint-every 1 -o run")).fails_saying(&hint);
    none.fails_saying(&["run/", "could not be written", "there is no checkpoint yet", "--resume"]);
    folder.run(&format!("{TRAIN} -o run --resume")).ok();
    assert_eq!(left(&folder.path("run")), expected);

    let child = start(&folder, "--checkpoint-every 1 -o later");
    wait_for_checkpoints(&folder.path("later/checkpoints"));
    if kill_after(child, Duration::ZERO) {
        let some = limited(&format!("{TRAIN} -o later --resume")).fails_saying(&hint);
        some.fails_saying(&["later/", "could not be written", "is whole", "--resume"]);
        folder.run(&format!("{TRAIN} -o later --resume")).ok();
    }
    assert_eq!(left(&folder.path("later")), expected);
}

#[test]
fn options_of_training_do_what_they_say() {
    let folder = with_data();
    folder.run(&format!("{TRAIN} --accumulate 5 --clip-gradient 0.5 --keep-checkpoints 1 -o a")).ok();
    let kept: Vec<_> = fs::read_dir(folder.path("a/checkpoints")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(kept, ["step-0000000004"]);
    let info: serde_json::Value = serde_json::from_slice(&fs::read(folder.path("a/run.json")).unwrap()).unwrap();
    assert_eq!((&info["config"]["accumulate"], &info["config"]["clip_gradient"]), (&5.into(), &0.5.into()));
    assert!(info["examples_per_second"].as_f64().unwrap() > 0.0);
    assert_eq!(fs::read_to_string(folder.path("a/timing.jsonl")).unwrap().lines().count(), 2);
    folder.run(&format!("{TRAIN} --checkpoint-every 5d -o b")).fails_saying(&["500, 30s, 10m or 2h"]);
    folder.run(&format!("{TRAIN} --keep-checkpoints 0 -o b")).fails_saying(&["expected 1 or more"]);
    folder.run(&format!("{TRAIN} --clip-gradient -1 -o b")).fails_saying(&["clip_gradient: expected a number above 0"]);
    assert!(!folder.path("b").exists());
}
