//! Numbers beside the sequence, from the table to the prediction.

use crate::support::Folder;

/// Sequences that say nothing; the label is 1 where the distance is above 0. A few distances are missing.
fn table(rows: usize) -> String {
    let mut text = "id\tsplit\tlabel\tsequence\tdistance\tgc\n".to_owned();
    for i in 0..rows {
        let split = ["train", "train", "train", "valid", "test"][i % 5];
        let distance = (i * 37 % 101) as i64 - 50;
        let shown = if i % 23 == 0 { "NA".to_owned() } else { distance.to_string() };
        let label = u8::from(distance > 0);
        let letters: String = (0..20).map(|j| ['A', 'C', 'G', 'T'][(i * 7 + j * j * (i % 11 + 3)) / 3 % 4]).collect();
        text += &format!("r{i}\t{split}\t{label}\t{letters}\t{shown}\t0.{}\n", i % 10);
    }
    text
}

#[test]
fn a_model_uses_the_columns_that_it_was_trained_on() {
    let f = Folder::new();
    f.write("t.tsv", table(300)).write("a.fa", ">a\nACGTACGTACGTACGTACGT\n");
    f.run("dataset sequences t.tsv --covariates distance:log,gc -o both").ok();
    f.run("dataset sequences t.tsv -o alone").ok();
    let shown = f.run("dataset show both").ok().stdout;
    assert!(shown.contains("covariate distance: logarithm, mean ") && shown.contains("unknown in 14 rows"), "{shown}");
    let train = "--model cnn-global --epochs 8 --learning-rate 0.01 --reverse-complement off";
    let told = f.run(&format!("train both {train} -o run")).ok().stderr;
    assert!(told.contains("20 positions with 2 covariates"), "{told}");
    f.run(&format!("train alone {train} -o plain")).ok();
    let against = "evaluate run both --against plain --bootstrap 200 --json -o m.json";
    let figures: serde_json::Value = serde_json::from_str(&f.run(against).ok().stdout).unwrap();
    assert!(figures["model"][0]["metrics"]["auroc"]["value"].as_f64().unwrap() > 0.9, "{figures}");
    assert!(figures["against"]["tasks"][0]["metrics"]["auroc"]["low"].as_f64().unwrap() > 0.0, "{figures}");
    assert_eq!(figures["baselines"][3]["name"], "k-mer and covariates, linear");
    f.run("model show run").ok();
    // A data set with more columns, in another order, and other means gives the same scores for the same rows.
    let rows: Vec<String> =
        table(300).lines().filter(|line| !line.contains("train") || line.len() % 2 == 0).map(str::to_owned).collect();
    f.write("u.tsv", rows.join("\n") + "\n");
    f.run("dataset sequences u.tsv --covariates gc,distance -o other").ok();
    let scores = |data: &str| -> Vec<(String, String)> {
        let text = f.run(&format!("predict run {data} -o -")).ok().stdout;
        let cells = |line: &str| {
            let cells: Vec<&str> = line.split('\t').collect();
            (cells[0].to_owned(), cells[cells.len() - 1].to_owned())
        };
        text.lines().map(cells).filter(|(id, _)| ["r3", "r4", "r23"].contains(&id.as_str())).collect()
    };
    assert_eq!(scores("both"), scores("other"));
    assert!(scores("both").len() > 1);
    f.run("predict run alone -o -").fails_saying(&[
        "takes \"distance\", \"gc\"",
        "the data set has no covariates",
        "--covariates",
    ]);
    f.run("predict run a.fa -o -").fails_saying(&["\"distance\", \"gc\"", "sequences alone", "table"]);
    f.run("explain run both --method ism --limit 2 -o e").ok();
    f.run("explain run both --method saliency --limit 2 -o s").ok();
    let told = f.run("explain run both --method integrated-gradients --steps 20 --limit 2 -o i").ok().stderr;
    assert!(told.contains("(a quarter of each base)"), "{told}");
    f.run("explain run both --method expected-gradients --references 3 --limit 2 --logos 0 -o x").ok();
    f.run("explain run both --method ism --references 3").fails_saying(&["has no use for --references", "hint: "]);
    f.run("explain run both --method deeplift --references 0").fails_saying(&["uniform or zeros, found \"0\""]);
    f.run("explain run both --method deeplift --genome a.fa --limit 1 -o g")
        .fails_saying(&["with a place on a genome"]);
    f.run("motifs filters run --limit 20 -o filters").ok();
    f.run("report run").ok();
}

#[test]
fn wrong_columns_are_named() {
    let f = Folder::new();
    f.write("t.tsv", table(20)).write("bad.tsv", table(20).replace("\t-13\t", "\tfar\t")).write("a.fa", ">a\nACGT\n");
    f.run("dataset sequences t.tsv --covariates distnce -o d").fails_saying(&[
        "t.tsv",
        "\"distnce\"",
        "did you mean \"distance\"",
    ]);
    f.run("dataset sequences bad.tsv --covariates gc,distance -o d").fails_saying(&[
        "bad.tsv: line 3",
        "\"distance\"",
        "\"far\"",
    ]);
    f.run("dataset sequences t.tsv --covariates label -o d").fails_saying(&["\"label\" as both"]);
    f.run("dataset sequences t.tsv --covariates gc,gc -o d").fails_saying(&["\"gc\" twice"]);
    f.run("dataset sequences a.fa --negatives shuffle --covariates gc -o d").fails_saying(&["found FASTA", "table"]);
    f.write("net.toml", "[[layer]]\ntype = 'global-max-pool'\n[[layer]]\ntype = 'side-inputs'\n");
    f.run("dataset sequences t.tsv -o d").ok();
    f.run("train d --model net.toml -o run").fails_saying(&["layer 2 (side-inputs)", "--covariates"]);
    f.run("model show net.toml --covariates 3").ok();
}
