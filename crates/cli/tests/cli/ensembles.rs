//! Averages over strands and shifts, and ensembles over folds and seeds.

use crate::support::{Folder, POOLED, small_table};
use std::fs;

const TRAIN: &str = "train data --model small.toml --epochs 2 --batch-size 16 --reverse-complement off";

fn with_data() -> Folder {
    let folder = Folder::new();
    folder.write("t.tsv", small_table()).write("small.toml", POOLED);
    folder.run("dataset sequences t.tsv -o data").ok();
    folder
}

fn json(folder: &Folder, file: &str) -> serde_json::Value {
    serde_json::from_slice(&fs::read(folder.path(file)).unwrap()).unwrap()
}

/// A column of what a command prints.
fn column(folder: &Folder, line: &str, name: &str) -> Vec<f64> {
    let out = folder.run(line).ok().stdout;
    let header: Vec<&str> = out.lines().next().unwrap().split('\t').collect();
    let at = header.iter().position(|h| *h == name).unwrap_or_else(|| panic!("no column {name} in {header:?}"));
    out.lines().skip(1).map(|line| line.split('\t').nth(at).unwrap().parse().unwrap()).collect()
}

/// FASTA of these sequences.
fn fasta(sequences: &[String]) -> String {
    sequences.iter().enumerate().map(|(i, s)| format!(">s{i}\n{s}\n")).collect()
}

#[test]
fn scores_are_averaged_over_strands_and_shifts() {
    let folder = with_data();
    folder.run(&format!("{TRAIN} -o run")).ok();
    let table = small_table();
    let sequences: Vec<String> =
        table.lines().skip(1).take(5).map(|line| line.split('\t').nth(1).unwrap().to_owned()).collect();
    let turned = |s: &String| -> String {
        s.chars()
            .rev()
            .map(|c| match c {
                'A' => 'T',
                'C' => 'G',
                'G' => 'C',
                _ => 'A',
            })
            .collect()
    };
    // 40 bases: a shift to the right loses the first one.
    let shifted = |by: i32| -> Vec<String> {
        let shift = |s: &String| match by {
            0 => s.clone(),
            1 => format!("{}N", &s[1..]),
            _ => format!("N{}", &s[..39]),
        };
        sequences.iter().map(shift).collect()
    };
    folder.write("plain.fa", fasta(&sequences));
    folder.write("turned.fa", fasta(&sequences.iter().map(turned).collect::<Vec<_>>()));
    let scores =
        |file: &str, more: &str| column(&folder, &format!("predict run {file} --raw {more} -o -"), "prediction:label");
    let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    let (plain, other) = (scores("plain.fa", ""), scores("turned.fa", ""));
    let expected: Vec<f64> = plain.iter().zip(&other).map(|(a, b)| (a + b) / 2.0).collect();
    let both = scores("plain.fa", "--average-strands");
    assert!(near(&both, &expected) && !near(&both, &plain), "{both:?} {expected:?}");
    assert!(near(&both, &scores("turned.fa", "--average-strands")));
    let mut sum = vec![0.0; 5];
    for by in [-1, 0, 1] {
        folder.write("shifted.fa", fasta(&shifted(by)));
        sum.iter_mut().zip(scores("shifted.fa", "")).for_each(|(sum, score)| *sum += score / 3.0);
    }
    let around = scores("plain.fa", "--average-shifts 1");
    assert!(near(&around, &sum) && !near(&around, &plain), "{around:?} {sum:?}");

    let usual = folder.run("evaluate run --json").ok().stdout;
    let averaged = folder.run("evaluate run --average-strands --average-shifts 2 --json").ok().stdout;
    assert!(averaged.contains("both strands and shifts of up to 2 positions") && usual != averaged);
    // What the report reads stays that of the model as it is.
    assert_eq!(json(&folder, "run/metrics.json"), serde_json::from_str::<serde_json::Value>(&usual).unwrap());

    folder.run("explain run --limit 3 --logos 1 -o plain").ok();
    folder.run("explain run --limit 3 --logos 1 --average-strands --average-shifts 1 -o averaged").ok();
    let bytes = |directory: &str| fs::read(folder.path(directory).join("attributions.npz")).unwrap();
    assert!(bytes("plain") != bytes("averaged") && bytes("plain").len() == bytes("averaged").len());
    folder.run("explain run --method saliency --average-strands -o x").fails_saying(&["--method ism"]);
    folder
        .run("predict run plain.fa --average-shifts 40 -o -")
        .fails_saying(&["less than the 40 positions", "smaller"]);
}

#[test]
fn shifted_windows_of_a_genome_read_the_bases_around() {
    let folder = with_data();
    folder.run(&format!("{TRAIN} -o run")).ok();
    let table = small_table();
    let sequence = |i: usize| table.lines().nth(1 + i).unwrap().split('\t').nth(1).unwrap();
    let genome = format!("{}{}", sequence(1), sequence(2));
    folder.write("g.fa", format!(">chr1\n{genome}\n")).write("g.bed", "chr1\t0\t40\nchr1\t9\t49\nchr1\t40\t80\n");
    // From one before to one after the window; the chromosome ends where the first and the last window do.
    let windows = |start: usize| -> Vec<String> {
        let padded = format!("N{genome}N");
        (start..start + 3).map(|at| padded[at..at + 40].to_owned()).collect()
    };
    folder.write("windows.fa", fasta(&[windows(0), windows(9), windows(40)].concat()));
    let each = column(&folder, "predict run windows.fa --raw -o -", "prediction:label");
    let line = "predict run g.bed --genome g.fa --raw -o - --average-shifts 1";
    let found = column(&folder, line, "prediction:label");
    for (found, three) in found.iter().zip(each.chunks(3)) {
        assert!((found - three.iter().sum::<f64>() / 3.0).abs() < 1e-5, "{found} {three:?}");
    }
    assert_eq!(
        (found.len(), column(&folder, line, "start"), column(&folder, line, "end")),
        (3, vec![0.0, 9.0, 40.0], vec![40.0, 49.0, 80.0])
    );
}

#[test]
fn rna_has_no_other_strand_to_average_over() {
    let folder = Folder::new();
    folder.write("t.tsv", small_table()).write("small.toml", POOLED);
    folder.run("dataset sequences t.tsv --alphabet rna -o data").ok();
    folder.run(&format!("{TRAIN} -o run")).ok();
    folder.run("evaluate run --average-strands").fails_saying(&["RNA has one strand"]);
    folder.run("evaluate run --average-shifts 1").ok();
}

#[test]
fn folds_make_an_ensemble_that_is_judged_out_of_fold() {
    let folder = with_data();
    folder.run(&format!("{TRAIN} --folds 3 -o run")).ok();
    let info = json(&folder, "run/run.json");
    assert_eq!(info["members"], serde_json::json!(["folds/1", "folds/2", "folds/3"]));
    assert_eq!(info["folds"]["by"], "copies");
    let said = folder.run("evaluate run").ok().stdout;
    for part in ["its 3 members", "out of fold", "200 training and validation examples"] {
        assert!(said.contains(part), "{said}");
    }
    let metrics = json(&folder, "run/metrics.json");
    assert_eq!((&metrics["examples"], &metrics["out_of_fold"]["examples"]), (&40.into(), &200.into()));
    assert_eq!(metrics["members"].as_array().unwrap().len(), 3);

    // The ensemble's raw score is the mean of its members', and the spread is over their probabilities.
    let scores = |run: &str, more: &str, name| column(&folder, &format!("predict {run} data {more} -o -"), name);
    let each = [1, 2, 3].map(|k| scores(&format!("run/folds/{k}"), "--raw", "prediction:label"));
    let mean = scores("run", "--raw", "prediction:label");
    assert!((0..240).all(|i| (mean[i] - (each[0][i] + each[1][i] + each[2][i]) / 3.0).abs() < 1e-5));
    let shares = [1, 2, 3].map(|k| scores(&format!("run/folds/{k}"), "", "prediction:label"));
    let spread = scores("run", "", "spread:label");
    let deviation = |i: usize| {
        let mean = shares.iter().map(|s| s[i]).sum::<f64>() / 3.0;
        (shares.iter().map(|s| (s[i] - mean).powi(2)).sum::<f64>() / 2.0).sqrt()
    };
    assert!((0..240).all(|i| (spread[i] - deviation(i)).abs() < 1e-5) && spread.iter().any(|&s| s > 1e-4));

    // Rows that members trained on are judged by the one that did not; a member alone refuses them.
    folder.run("evaluate run --split all --no-baselines").ok();
    folder.run("evaluate run/folds/1").ok();
    folder.run("evaluate run/folds/1 --split valid").fails_saying(&["trained and validated on folds", "ensemble"]);

    folder.run("explain run --method input-x-gradient --limit 3 --logos 1").ok();
    folder.run("motifs filters run -o f").fails_saying(&["ensemble of 3", "folds/1"]);
    folder.run("model export run -o m.onnx").fails_saying(&["ensemble of 3", "folds/1"]);
    folder.run("model show run").ok();
    folder.run("report run").ok();
    let page = fs::read_to_string(folder.path("run/report.html")).unwrap();
    assert!(page.contains("3 models were trained") && page.contains("Validation loss by epoch of each member"));
    folder.run(&format!("{TRAIN} --folds 3 -o run --resume")).ok();
    folder.run(&format!("{TRAIN} --folds 4 -o run --resume")).fails_saying(&["not the ensemble that is asked for"]);
    folder.run(&format!("{TRAIN} --folds 1 -o other")).fails_saying(&["--folds of 2 to"]);
    folder
        .run(&format!("{TRAIN} --folds 3 --fold-by chromosome -o other"))
        .fails_saying(&["without a place", "copies"]);
}

#[test]
fn an_interrupted_ensemble_goes_on_to_the_same_weights() {
    let folder = with_data();
    folder.run(&format!("{TRAIN} --folds 2 -o whole")).ok();
    folder.run(&format!("{TRAIN} --folds 2 -o run")).ok();
    // As if it had been killed in the last epoch of the second member.
    for name in ["run.json", "folds/2/run.json", "folds/2/model.safetensors"] {
        fs::remove_file(folder.path("run").join(name)).unwrap();
    }
    fs::remove_dir_all(folder.path("run/folds/2/checkpoints/step-0000000014")).unwrap();
    folder.run("evaluate run").fails_saying(&["interrupted", "--resume"]);
    folder.run(&format!("{TRAIN} --folds 2 -o run --resume")).ok();
    let digest = |run: &str| json(&folder, &format!("{run}/run.json"))["weights_sha256"].clone();
    assert_eq!(digest("run"), digest("whole"));
    assert_ne!(digest("run/folds/1"), digest("run/folds/2"));
}

#[test]
fn members_that_differ_by_their_seed_are_an_ensemble_too() {
    let folder = with_data();
    folder.run(&format!("{TRAIN} --members 2 -o run")).ok();
    folder.run(&format!("{TRAIN} --seed 2 -o second")).ok();
    let digest = |run: &str| json(&folder, &format!("{run}/run.json"))["weights_sha256"].clone();
    assert_eq!(digest("run/members/2"), digest("second"));
    let said = folder.run("evaluate run --split valid").ok().stdout;
    assert!(said.contains("its 2 members") && !said.contains("out of fold"), "{said}");
    folder.run(&format!("{TRAIN} --members 2 --folds 2 -o x")).fails_saying(&["cannot be used with"]);
}

#[test]
fn a_finished_run_goes_on_for_more_epochs() {
    let folder = with_data();
    folder.run(&format!("{TRAIN} --patience 0 -o run")).ok();
    let longer = TRAIN.replace("--epochs 2", "--epochs 4");
    folder.run(&format!("{longer} --patience 0 -o run --resume")).ok();
    folder.run(&format!("{longer} --patience 0 -o whole")).ok();
    let bytes = |run: &str| fs::read(folder.path(run).join("model.safetensors")).unwrap();
    assert_eq!(bytes("run"), bytes("whole"));
    assert_eq!(json(&folder, "run/run.json")["epochs"], 4);
    folder.run(&format!("{longer} --patience 0 --seed 3 -o run --resume")).fails_saying(&["other settings"]);
}

#[test]
fn runs_of_different_kinds_predict_together() {
    let folder = with_data();
    folder.run(&format!("{TRAIN} --members 2 -o nets")).ok();
    folder.run("train data --model logistic --features kmers=2 -o words").ok();
    folder.run("model combine nets words -o both").ok();
    folder.run("model combine nets words --weights 1,3 -o more").ok();
    let scores = |run: &str| column(&folder, &format!("predict {run} data --raw -o -"), "prediction:label");
    let [nets, words, both, more] = ["nets", "words", "both", "more"].map(scores);
    for i in 0..nets.len() {
        // The two networks together count as much as the one linear model.
        assert!((both[i] - (nets[i] + words[i]) / 2.0).abs() < 1e-5, "row {i}");
        assert!((more[i] - (nets[i] + 3.0 * words[i]) / 4.0).abs() < 1e-5, "row {i}");
    }
    let info = json(&folder, "more/run.json");
    assert_eq!(info["weights"], serde_json::json!([0.5, 0.5, 3.0]));
    assert_eq!(info["model"], "small.toml + logistic");
    // A combined run is judged, reported, explained and combined again like any other.
    folder.run("evaluate both --json").ok();
    folder.run("report both").ok();
    folder.run("explain both --limit 2 --logos 0").ok();
    folder.run("model combine both words -o again").ok();
    let again = scores("again");
    assert!((again[0] - (both[0] + words[0]) / 2.0).abs() < 1e-5);

    let refused = |line: &str, parts: &[&str]| drop(folder.run(line).fails_saying(parts));
    refused(
        "model combine nets words --weights 1 -o x",
        &["expected --weights of 2 numbers above 0 and up to 1e9, found [1.0]"],
    );
    refused("model combine nets words --weights 1,0 -o x", &["found [1.0, 0.0]"]);
    refused("model combine nets nothing -o x", &["nothing: expected a run directory"]);
    folder.run(&format!("{TRAIN} --folds 2 -o folds")).ok();
    refused("model combine nets folds -o x", &["folds: this run was trained on folds"]);
    let table = small_table();
    folder.write(
        "fewer.tsv",
        table.lines().take(table.lines().count() - 2).map(|l| format!("{l}\n")).collect::<String>(),
    );
    folder.run("dataset sequences fewer.tsv -o other").ok();
    folder.run("train other --model logistic --features kmers=2 -o far").ok();
    refused("model combine nets far -o x", &["far: expected a run on the data set of nets", "found one on other"]);
    assert!(!folder.path("x").exists(), "nothing is left of what was refused");
}

#[test]
fn a_combined_run_takes_the_place_of_no_other_unasked() {
    let folder = with_data();
    folder.run("train data --model logistic --features kmers=2 -o a").ok();
    folder.run("train data --model tree --features kmers=2 -o b").ok();
    folder.run("train data --model tree --features gc -o old").ok();
    folder.run("evaluate old").ok();
    let listed = |directory: &str| -> Vec<String> {
        let entries = fs::read_dir(folder.path(directory)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    let (of_a, of_old, before) = (listed("a"), listed("old"), listed("."));
    // An input is no output, asked or not, nor is what an input lies in.
    for line in ["a b -o a", "a b -o a --overwrite", "a b -o ."] {
        folder.run(&format!("model combine {line}")).fails_saying(&["expected another output than the runs"]);
    }
    folder.run("model combine a b -o old").fails_saying(&["old: a run is there already", "--overwrite"]);
    folder.run("model combine a b -o data --overwrite").fails_saying(&["data: expected a new or empty directory"]);
    folder.run("model combine a b -o t.tsv").fails_saying(&["found a file"]);
    folder.run("model combine a b --weights 1e308,1e308 -o x").fails_saying(&["above 0 and up to 1e9"]);
    fs::create_dir(folder.path("broken")).unwrap();
    for name in ["run.json", "config.toml"] {
        fs::copy(folder.path("a").join(name), folder.path("broken").join(name)).unwrap();
    }
    folder.run("model combine a broken -o x").fails_saying(&["broken"]);
    fs::remove_dir_all(folder.path("broken")).unwrap();
    assert_eq!((listed("a"), listed("old"), listed(".")), (of_a, of_old, before), "nothing is changed or left");
    folder.run("evaluate a --bootstrap 10").ok();

    // What was said of the old run goes with it.
    folder.run("model combine a b -o old --overwrite").ok();
    assert_eq!(listed("old"), ["members", "run.json"]);
    folder.run("model combine a b -o old --overwrite").ok();
    fs::create_dir(folder.path("empty")).unwrap();
    folder.run("model combine a b -o empty").ok();
    assert_eq!(listed("empty"), ["members", "run.json"]);
    assert!(!listed(".").iter().any(|name| name.contains("partial")), "{:?}", listed("."));
}

#[test]
fn runs_of_different_kinds_are_shown_in_any_order() {
    let folder = with_data();
    folder.run(&format!("{TRAIN} -o net")).ok();
    folder.run("train data --model logistic --features kmers=2 -o words").ok();
    folder.run("train data --model tree --features gc -o tree").ok();
    for (runs, name) in [("words net", "first"), ("net words", "second")] {
        folder.run(&format!("model combine {runs} -o {name}")).ok();
        folder.run(&format!("evaluate {name} --bootstrap 10")).ok();
        folder.run(&format!("report {name}")).ok();
        let page = fs::read_to_string(folder.path(name).join("report.html")).unwrap();
        assert!(page.contains("small.toml (counts 1)") && page.contains("logistic (counts 1)"), "{name}");
        let shown = folder.run(&format!("model show {name}")).ok();
        assert!(shown.stdout.contains("conv1d") && shown.stderr.contains("logistic"), "{}", shown.stderr);
        // With a network in it, it costs what a network costs.
        folder.run(&format!("compare data --models majority joined={name} -o c-{name} --bootstrap 10")).ok();
        let kind = json(&folder, &format!("c-{name}/compare.json"))["models"][1]["kind"].clone();
        assert_eq!(kind, "network", "{name}");
    }
    folder.run("model combine words tree -o classical").ok();
    folder.run("report classical").ok();
    folder.run("model show classical").fails_saying(&["which has no layers"]);
    folder.run("compare data --models majority joined=classical -o c --bootstrap 10").ok();
    assert_eq!(json(&folder, "c/compare.json")["models"][1]["kind"], "classical");
}

#[test]
fn models_without_covariates_join_those_that_take_them() {
    let folder = Folder::new();
    let mut table = String::new();
    for (i, line) in small_table().lines().enumerate() {
        table += &if i == 0 { format!("{line}\tdepth\n") } else { format!("{line}\t{}\n", i % 7) };
    }
    folder.write("t.tsv", table).write("small.toml", POOLED);
    folder.run("dataset sequences t.tsv --covariates depth -o data").ok();
    folder.run(&format!("{TRAIN} -o net")).ok();
    folder.run("train data --model logistic --features kmers=2 -o words").ok();
    let scores = |run: &str| column(&folder, &format!("predict {run} data --raw -o -"), "prediction:label");
    for runs in ["net words", "words net"] {
        folder.run(&format!("model combine {runs} -o both --overwrite")).ok();
        let [net, words, both] = ["net", "words", "both"].map(scores);
        assert!((0..240).all(|i| (both[i] - (net[i] + words[i]) / 2.0).abs() < 1e-5));
    }
}
