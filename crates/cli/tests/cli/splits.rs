//! Splits that keep relatives together, from the command line.

use crate::support::Folder;

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
