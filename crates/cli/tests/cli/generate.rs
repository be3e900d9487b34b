//! Generative models and designs from files to files.

use crate::support::{Folder, small_table};

fn data() -> Folder {
    let f = Folder::new();
    f.write("table.tsv", small_table());
    f.run("dataset sequences table.tsv -o d").ok();
    f
}

fn read(f: &Folder, name: &str) -> String {
    std::fs::read_to_string(f.path(name)).unwrap()
}

fn json(f: &Folder, name: &str) -> serde_json::Value {
    serde_json::from_str(&read(f, name)).unwrap()
}

#[test]
fn a_model_is_trained_sampled_from_and_scored() {
    let f = data();
    for model in ["vae", "wgan"] {
        f.run(&format!("generate train d --model {model} --epochs 6 --channels 12 --latent 4 -o {model}")).ok();
        f.run(&format!("generate sample {model} -n 60 --seed 3 -o {model}.fa")).ok();
        let fasta = read(&f, &format!("{model}.fa"));
        let sequences: Vec<&str> = fasta.lines().filter(|line| !line.starts_with('>')).collect();
        assert_eq!(sequences.len(), 60);
        // Training begins at the letters of each position, where all positives have this word.
        let with_word = sequences.iter().filter(|s| &s[16..24] == "TGACTCAT").count();
        assert!(sequences.iter().all(|s| s.len() == 40) && with_word > 15, "{model}: {with_word}");
        f.run(&format!("generate score {model}.fa --data d --generator {model} -o {model}-scored")).ok();
        let score = json(&f, &format!("{model}-scored/score.json"));
        let names: Vec<&str> = score["sets"].as_array().unwrap().iter().map(|s| s["set"].as_str().unwrap()).collect();
        assert_eq!(names, ["generated", "real", "shuffled", "markov"]);
        assert_eq!(score["examples"], "label=1");
        let table = read(&f, &format!("{model}-scored/score.tsv"));
        let columns: Vec<usize> = table.lines().map(|line| line.split('\t').count()).collect();
        assert!(columns.len() == 5 && columns.iter().all(|&n| n == columns[0]), "{table}");
        assert!(read(&f, &format!("{model}-scored/report.html")).contains("Figure 3."));
    }
    assert_eq!(json(&f, "vae/generator.json")["train"], 80);
    let again = f.run("generate train d --epochs 6 --channels 12 --latent 4 -o again --threads 1").ok();
    assert!(again.stderr.contains("kept epoch"), "{}", again.stderr);
    assert_eq!(read(&f, "vae/history.jsonl"), read(&f, "again/history.jsonl"));
    let weights = |name: &str| std::fs::read(f.path(name).join("model.safetensors")).unwrap();
    assert_eq!(weights("vae"), weights("again"));
    let again = "generate train d --epochs 1 --channels 12 --latent 4 -o again";
    f.run(again).fails_saying(&["found a trained model (generator.json)", "--overwrite"]);
    assert_eq!(weights("vae"), weights("again"), "kept");
    f.run(&format!("{again} --overwrite")).ok();
}

#[test]
fn what_generate_cannot_do_is_refused() {
    let f = data();
    f.run("generate train d -o m --epochs 1 --critic-steps 2").fails_saying(&["--model wgan", "--critic-steps"]);
    f.run("generate train d -o m --epochs 0").fails_saying(&["epochs", "found 0"]);
    f.run("generate train d -o m --only label=2").fails_saying(&["no label", "0, 1"]);
    f.run("generate train d -o m --only other=1").fails_saying(&["TASK=LABEL", "label"]);
    f.run("generate sample d").fails_saying(&["expected a generative model", "generate train"]);
    f.run("generate sample nowhere").fails_saying(&["nothing there"]);
    f.run("generate train d -o m --epochs 1 --channels 4 --latent 2 --all").ok();
    assert_eq!(json(&f, "m/generator.json")["examples"], "all");
    f.run("generate sample m --temperature 0").fails_saying(&["--temperature above 0"]);
    assert!(f.run("generate sample m -n 0").ok().stdout.is_empty());
    f.write("empty.fa", "").run("generate score empty.fa --data d -o s").fails_saying(&["empty"]);
    f.run("predict m d -o p.tsv").fails_saying(&["expected a run directory"]);
    std::fs::write(f.path("m/model.safetensors"), b"short").unwrap();
    f.run("generate sample m").fails_saying(&["safetensors"]);
}

#[test]
fn designs_keep_to_what_is_asked_for() {
    let f = data();
    f.run("train d --model cnn --epochs 4 -o r").ok();
    let plain = "ACGTTGCAACGTTGCAACGTTGCAACGTTGCAACGTTGCA";
    // Longer than the window by two bases on either side, and shorter.
    let long = format!("GG{plain}CC");
    let given = [plain, &long, &plain[..30]];
    f.write("in.fa", format!(">a\n{}\n>long\n{}\n>short\n{}\n", given[0], given[1], given[2]));
    for method in ["greedy", "beam", "evolution", "gradient"] {
        let line = "--target label=high --edits 3 --protect 0-10 --gc 0.3-0.7";
        let line = if method == "evolution" { format!("{line} --generations 10") } else { line.to_owned() };
        f.run(&format!("design r --sequences in.fa {line} --method {method} -o {method}")).ok();
        let designs = json(&f, &format!("{method}/design.json"));
        for (design, before) in designs["designs"].as_array().unwrap().iter().zip(given) {
            let sequence = design["sequence"].as_str().unwrap();
            assert_eq!(sequence.len(), before.len());
            let is_changed = |i: &usize| sequence.as_bytes()[*i] != before.as_bytes()[*i];
            let changed: Vec<usize> = (0..before.len()).filter(is_changed).collect();
            assert!(changed.len() <= 3 && changed.iter().all(|&at| at >= 10), "{method}: {changed:?}");
            assert_eq!(changed.len(), design["steps"].as_array().unwrap().len());
            assert!(design["end"]["score"].as_f64() >= design["start"]["score"].as_f64(), "{method}");
        }
        assert!(read(&f, &format!("{method}/designed.fa")).starts_with(">a\n"));
        assert!(read(&f, &format!("{method}/steps.tsv")).lines().count() > 4, "{method}");
        assert!(read(&f, &format!("{method}/report.html")).contains("Figure 2."));
    }
    // A score after the last step is what the model predicts for the design.
    f.run("predict r greedy/designed.fa -o p.tsv --raw").ok();
    let predicted = read(&f, "p.tsv");
    let score: f64 = predicted.lines().nth(1).unwrap().split('\t').next_back().unwrap().parse().unwrap();
    let end = json(&f, "greedy/design.json")["designs"][0]["end"]["score"].as_f64().unwrap();
    assert!((score - end).abs() < 1e-3, "{score} {end}");
}

#[test]
fn what_design_cannot_do_is_refused() {
    let f = data();
    f.write("in.fa", ">a\nACGTACGT\n");
    f.run("design r --sequences in.fa --target label=high --beam-width 3 -o o")
        .fails_saying(&["expected --method beam beside --beam-width, found greedy"]);
    f.run("train d --model logistic --features kmers=1-2 -o r").ok();
    f.write("in.fa", ">a\nACGTTGCAACGTTGCAACGTTGCAACGTTGCAACGTTGCA\n");
    f.run("design r --sequences in.fa --target label -o x").fails_saying(&["TASK=high"]);
    f.run("design r --sequences in.fa --target label=2 -o x").fails_saying(&["between 0 and 1"]);
    f.run("design r --sequences in.fa --target label=high --protect 30-50 -o x").fails_saying(&["0-40", "30-50"]);
    f.run("design r --sequences in.fa --target label=high --gc 2-3 -o x").fails_saying(&["--gc"]);
    f.run("design r --sequences in.fa --target label=high --method gradient -o x").fails_saying(&["gradient"]);
    f.run("design r --sequences in.fa --target label=high --edits 2 -o fine").ok();
    let none = f.run("design r --sequences in.fa --target label=high --edits 0 -o none");
    assert_eq!(none.code, Some(1), "{}", none.stderr);
}
