//! Splits that keep relatives together, from the command line.

use crate::support::Folder;
use serde_json::Value;
use std::fs;

/// 40 pairs of relatives (every eighth base replaced), one of each in training and one in the test.
fn related_table() -> String {
    let mut state = 11u32;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 30) as usize
    };
    let mut text = String::from("id\tsequence\tlabel\tsplit\n");
    for pair in 0..40 {
        let bases: Vec<usize> = (0..70).map(|_| draw()).collect();
        for (member, split) in ["train", "test"].into_iter().enumerate() {
            let base = |(at, &base): (usize, &usize)| {
                ['A', 'C', 'G', 'T'][if member == 1 && at % 8 == 3 { (base + 1) % 4 } else { base }]
            };
            let letters: String = bases.iter().enumerate().map(base).collect();
            text += &format!("p{pair}.{member}\t{letters}\t{}\t{split}\n", pair % 2);
        }
    }
    text
}

fn finding(report: &serde_json::Value) -> serde_json::Value {
    let findings = report["findings"].as_array().unwrap().iter();
    let mut of_test = findings.filter(|f| f["kind"] == "relatives-across-splits" && f["splits"][1] == "test");
    of_test.next().unwrap().clone()
}

#[test]
fn relatives_across_splits_are_found_and_split_anew() {
    let f = Folder::new();
    f.write("t.tsv", related_table());
    f.run("dataset sequences t.tsv -o d").ok();
    let check = |data: &str| {
        let ran = f.run(&format!("dataset check {data} --json"));
        (ran.code, finding(&serde_json::from_str(&ran.stdout).unwrap()), ran.stderr)
    };
    let (code, found, said) = check("d");
    // A tenth of the training rows has become the validation split.
    assert_eq!((code, &found["severity"], &found["count"]), (Some(1), &"inflates".into(), &36.into()));
    assert!(said.contains("basewise dataset split"), "{said}");

    let ran = f.run("dataset split d --valid 0.1 --test 0.2 -o apart").ok();
    for line in ["80 sequences in 40 groups of relatives", "the largest of 2", "label 1: ", "changed their split"] {
        assert!(ran.stderr.contains(line), "{line}: {}", ran.stderr);
    }
    let (code, found, _) = check("apart");
    assert_eq!((code, &found["severity"], &found["total"]), (Some(0), &"ok".into(), &16.into()));
    let made = std::fs::read_to_string(f.path("apart/dataset.json")).unwrap();
    assert!(made.contains("\"earlier_commands\"") && made.contains("dataset sequences t.tsv -o d"), "{made}");

    // The same when the data set is made, and with the test as it was.
    f.run("dataset sequences t.tsv --split similarity --valid 0.1 --test 0.2 -o made").ok();
    assert_eq!(check("made").1["severity"], "ok");
    f.run("dataset check d --fix kept --remove-relatives").ok();
    let removed = std::fs::read_to_string(f.path("kept/removed.tsv")).unwrap();
    assert!(removed.contains("relatives-across-splits"), "{removed}");
    // At 90 % nobody is related.
    let strict = f.run("dataset split d --identity 0.9 --coverage 0.9 -o strict").ok();
    assert!(strict.stderr.contains("80 sequences in 80 groups"), "{}", strict.stderr);
}

#[test]
fn flags_that_do_not_fit_are_told() {
    let f = Folder::new();
    f.write("t.tsv", related_table());
    f.run("dataset sequences t.tsv -o d").ok();
    for (line, said) in [
        ("dataset sequences t.tsv --identity 0.9 -o x", "expected --split similarity beside --identity"),
        ("dataset sequences t.tsv --split similarity --coverage 2 -o x", "expected a coverage above 0 and up to 1"),
        ("dataset sequences t.tsv --split alike -o x", "expected column, random, similarity or group:COLUMN"),
        ("dataset split d --identity 0.1 -o x", "expected an identity from 0.7 to 1, found 0.1"),
        ("dataset split d --by random --coverage 0.9 -o x", "expected --by similarity beside --coverage"),
        ("dataset split d --by chromosome -o x", "expected --by chromosome with --valid-chroms or --test-chroms"),
        ("dataset split d --by chromosome --test-chroms chr1 -o x", "expected a chromosome for every sequence"),
        ("dataset split d -o d --overwrite", "d"),
        ("dataset check d --identity 0.1", "expected an identity from 0.7 to 1"),
    ] {
        f.run(line).fails_saying(&[said]);
    }
}

/// 60 families of five relatives (every twentieth base replaced), each of one label, without anything that tells it.
fn family_table() -> String {
    let mut state = 5u32;
    let mut draw = |number: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 16) % number) as usize
    };
    let mut text = String::from("id\tsequence\tlabel\n");
    for family in 0..60 {
        let bases: Vec<usize> = (0..80).map(|_| draw(4)).collect();
        let label = draw(2);
        for member in 0..5 {
            let letters: String = (0..80)
                .map(|at| ['A', 'C', 'G', 'T'][if at % 20 == 3 * member { (bases[at] + 1) % 4 } else { bases[at] }])
                .collect();
            text += &format!("f{family}.{member}\t{letters}\t{label}\n");
        }
    }
    text
}

fn json(f: &Folder, file: &str) -> Value {
    serde_json::from_slice(&fs::read(f.path(file)).unwrap()).unwrap()
}

#[test]
fn intervals_of_a_split_by_similarity_resample_groups() {
    let f = Folder::new();
    f.write("t.tsv", family_table());
    f.run("dataset sequences t.tsv --split similarity --valid 0.2 --test 0.4 -o apart").ok();
    f.run("train apart --model logistic --features kmers=2 -o run").ok();
    let said = f.run("evaluate run").ok().stdout;
    assert!(said.contains("intervals are over resamples of groups of similar sequences (24)"), "{said}");
    let grouped = json(&f, "run/metrics.json");
    assert_eq!(grouped["resampled"], "groups of similar sequences (24)");
    f.run("report run").ok();
    let page = fs::read_to_string(f.path("run/report.html")).unwrap();
    assert!(page.contains("bootstrap resamples of groups of similar sequences (24)"));

    // The same rows as if they were independent: the interval of five times as many examples.
    let description = fs::read_to_string(f.path("apart/dataset.json")).unwrap();
    let mut other: Value = serde_json::from_str(&description).unwrap();
    let removed = other["notes"].as_object_mut().unwrap().remove("similarity");
    assert!(removed.is_some(), "{description}");
    fs::write(f.path("apart/dataset.json"), other.to_string()).unwrap();
    f.run("evaluate run -o rows.json").ok();
    fs::write(f.path("apart/dataset.json"), description).unwrap();
    let rows = json(&f, "rows.json");
    assert_eq!(rows["resampled"], "examples");
    let width = |of: &Value| {
        let auroc = &of["model"][0]["metrics"]["auroc"];
        auroc["high"].as_f64().unwrap() - auroc["low"].as_f64().unwrap()
    };
    assert!(width(&grouped) > 1.5 * width(&rows), "{} {}", width(&grouped), width(&rows));

    let said = f.run("compare apart --models majority,logistic,tree -o compared").ok().stdout;
    assert!(said.contains("intervals and p are over resamples of groups of similar sequences (24)"), "{said}");
    let compared = json(&f, "compared/compare.json");
    assert_eq!(compared["resampled"], "groups of similar sequences (24)");
    let text = compared["tasks"].to_string();
    assert!(text.contains("\"bootstrap\"") && !text.contains("\"delong\""), "{text}");
}

#[test]
fn folds_of_a_split_by_similarity_keep_relatives_together() {
    let f = Folder::new();
    f.write("t.tsv", family_table());
    f.run("dataset sequences t.tsv -o d").ok();
    f.run("dataset split d --by similarity --valid 0.2 --test 0.2 -o apart").ok();
    f.write("n.toml", "[[layer]]\ntype = 'conv1d'\nfilters = 4\nwidth = 5\n[[layer]]\ntype = 'global-max-pool'\n");
    f.run("train apart --model logistic --features kmers=4 --folds 3 -o run").ok();
    let said = f.run("train apart --model n.toml --epochs 1 --folds 3 -o network").ok().stderr;
    assert!(said.contains("3 folds of sequences, relatives together: 80, 80, 80 examples"), "{said}");
    for run in ["run", "network"] {
        let folds = json(&f, &format!("{run}/run.json"))["folds"].clone();
        assert_eq!((&folds["by"], &folds["threshold"]["identity"]), (&"similarity".into(), &0.8.into()));
        // Rows are dealt again in the same way.
        let judged = f.run(&format!("evaluate {run} --bootstrap 20")).ok().stdout;
        assert!(judged.contains("240 training and validation examples"), "{judged}");
    }
    // Out of fold nothing is known of a family, as in the test.
    let auroc = json(&f, "run/metrics.json")["out_of_fold"]["tasks"][0]["metrics"]["auroc"]["value"].as_f64().unwrap();
    assert!(auroc < 0.7, "{auroc}");
    f.run("train apart --model logistic --features kmers=4 --folds 3 --fold-by copies -o leaky").ok();
    f.run("evaluate leaky --bootstrap 20").ok();
    let leaky =
        json(&f, "leaky/metrics.json")["out_of_fold"]["tasks"][0]["metrics"]["auroc"]["value"].as_f64().unwrap();
    assert!(leaky > 0.8, "{leaky}");
    f.run("train d --model tree --features gc --folds 3 --fold-by similarity -o asked").ok();
    assert_eq!(json(&f, "asked/run.json")["folds"]["by"], "similarity");
    f.run("train apart --model tree --folds 900 -o x").fails_saying(&["at least 900 groups of relatives"]);
    f.run("compare d --models majority,tree --leak-free --folds 2 --bootstrap 20 -o compared").ok();
    let info = json(&f, "compared/leak-free/models/tree/folds/run.json");
    assert_eq!(info["folds"]["by"], "similarity");
    assert_eq!(json(&f, "compared/models/tree/folds/run.json")["folds"]["by"], "copies");
    assert!(json(&f, "compared/compare.json")["leak_free"]["resampled"].as_str().unwrap().starts_with("groups of"));
}
