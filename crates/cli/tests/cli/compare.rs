//! Comparisons of models: the same ranking whatever happens meanwhile, and no model that has seen other data.

use crate::support::{Folder, GLOBAL, small_table};
use serde_json::Value;
use std::fs;
use std::time::Instant;

const MODELS: &str = "
epochs = 6
patience = 0
[[model]]
name = 'majority'
[[model]]
name = 'wide'
model = 'small.toml'
learning_rate = 0.02
[[model]]
name = 'blind'
model = 'small.toml'
learning_rate = 1e-7
";

fn with_data(models: &str) -> Folder {
    let folder = Folder::new();
    folder.write("t.tsv", small_table()).write("small.toml", GLOBAL).write("models.toml", models);
    folder.run("dataset sequences t.tsv -o data").ok();
    folder
}

fn json(folder: &Folder, directory: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.path(directory).join("compare.json")).unwrap()).unwrap()
}

/// The lines of the table, without what they cost.
fn scores(folder: &Folder, directory: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.path(directory).join("compare.tsv")).unwrap();
    let without_costs = |line: &str| line.split('\t').take(19).collect::<Vec<_>>().join("\t");
    text.lines().map(without_costs).collect()
}

fn find<'a>(comparison: &'a Value, model: &str) -> &'a Value {
    let ranking = comparison["tasks"][0]["ranking"].as_array().unwrap();
    ranking.iter().find(|ranked| ranked["model"] == model).unwrap()
}

#[test]
fn the_better_of_two_networks_is_ahead_by_as_much_as_their_scores() {
    let folder = with_data(MODELS);
    let ran = folder.run("compare data --models-from models.toml -o a").ok();
    for part in ["wide", "blind", "majority", "no classical model was compared; wide did best", "sequences/s"] {
        assert!(ran.stdout.contains(part), "{part}\n{}", ran.stdout);
    }
    let found = json(&folder, "a");
    let task = &found["tasks"][0];
    assert_eq!((&task["best"], &task["metrics"][0]), (&"wide".into(), &"auroc".into()));
    let auroc = |model: &str| find(&found, model)["metrics"]["auroc"]["value"].as_f64().unwrap();
    assert!(auroc("wide") > 0.75 && auroc("majority") == 0.5);
    let pair = &find(&found, "blind")["to_best"];
    assert!((pair["value"].as_f64().unwrap() - (auroc("blind") - auroc("wide"))).abs() < 1e-12);
    assert!(pair["p_corrected"].as_f64() >= pair["p"].as_f64() && pair["p"].as_f64() > Some(0.0));
    assert!(find(&found, "wide")["to_best"].is_null());
    let wide = &found["models"][1];
    assert!(wide["parameters"].as_u64() > Some(0) && wide["cost"]["sequences_per_second"].as_f64() > Some(0.0));
    assert_eq!(wide["cost"]["peak_memory_bytes"].as_u64() > Some(1 << 20), cfg!(target_os = "linux"));

    // The run in the folder says of itself what the comparison says of it.
    folder.run("evaluate a/models/wide/seed-1 --seed 1 --no-baselines -o alone.json").ok();
    let alone: Value = serde_json::from_str(&fs::read_to_string(folder.path("alone.json")).unwrap()).unwrap();
    assert_eq!(alone["model"][0]["metrics"]["auroc"], find(&found, "wide")["metrics"]["auroc"]);

    folder.run("compare data --models-from models.toml -o b --jobs 2 --threads 2").ok();
    assert_eq!(found["tasks"], json(&folder, "b")["tasks"]);
    let page = fs::read_to_string(folder.path("a/report.html")).unwrap();
    folder.run("report a -o again.html --title Again").ok();
    let again = fs::read_to_string(folder.path("again.html")).unwrap();
    for page in [&page, &again] {
        for id in ["overview", "scores", "differences", "costs", "data", "details"] {
            assert!(page.contains(&format!("<section id=\"{id}\">")), "{id}");
        }
        assert!(!page.contains("NaN") && page.contains("Settings of <code>blind</code>"));
    }
}

#[test]
fn a_comparison_killed_at_any_moment_goes_on_to_the_same_table() {
    let folder = with_data(&MODELS.replace("epochs = 6", "epochs = 40"));
    let words = "compare data --models-from models.toml --seeds 2 -o";
    let began = Instant::now();
    folder.run(&format!("{words} whole")).ok();
    let usual = began.elapsed().as_secs_f64();
    folder.kill(&format!("{words} killed --resume"), &[0.2, 0.4, 0.6].map(|share| share * usual));
    folder.run(&format!("{words} killed --resume")).ok();
    assert_eq!(scores(&folder, "whole"), scores(&folder, "killed"));
    assert_eq!(json(&folder, "whole")["tasks"], json(&folder, "killed")["tasks"]);
    let wide = find(&json(&folder, "whole"), "wide").clone();
    let repeats: Vec<f64> = wide["repeats"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    let mean = wide["metrics"]["auroc"]["value"].as_f64().unwrap();
    assert!(repeats.len() == 2 && (mean - (repeats[0] + repeats[1]) / 2.0).abs() < 1e-12);
}

#[test]
fn a_comparison_goes_on_with_more_models_and_seeds_but_not_with_others() {
    let folder = with_data(MODELS);
    let words = "compare data --models-from models.toml -o a";
    folder.run(words).ok();
    let before = fs::metadata(folder.path("a/models/wide/seed-1/run.json")).unwrap().modified().unwrap();
    folder.run(words).fails_saying(&["a comparison is there already", "--resume"]);
    let more = MODELS.to_owned() + "[[model]]\nname = 'more'\nmodel = 'small.toml'\n";
    folder.write("models.toml", more);
    folder.run(&format!("{words} --seeds 2 --resume")).ok();
    assert_eq!(fs::metadata(folder.path("a/models/wide/seed-1/run.json")).unwrap().modified().unwrap(), before);
    let found = json(&folder, "a");
    assert_eq!(found["tasks"][0]["ranking"].as_array().unwrap().len(), 4);
    assert_eq!(found["models"][3]["runs"].as_array().unwrap().len(), 2);
    folder.run(&format!("{words} --seed 7 --resume")).fails_saying(&["has another seed or other folds"]);
    folder.write("models.toml", MODELS.replace("0.02", "0.03"));
    folder.run(&format!("{words} --resume")).fails_saying(&["a model \"wide\" with other settings", "--overwrite"]);
    folder.write("u.tsv", small_table().replace("s3\t", "t3\t"));
    folder.run("dataset sequences u.tsv -o other").ok();
    folder
        .run("compare other --models-from models.toml -o a --resume")
        .fails_saying(&["the comparison there is of another data set"]);
    folder.run(&format!("{words} --overwrite")).ok();
    assert!(!folder.path("a/models/more").exists());
}

#[test]
fn runs_join_if_they_know_the_same_data() {
    let folder = with_data(MODELS);
    folder.run("train data --config small-run.toml -o run").fails_saying(&["small-run.toml"]);
    folder.run("train data --model small.toml --epochs 6 --learning-rate 0.02 --patience 0 -o run").ok();
    folder.run("train data --model small.toml --epochs 1 --folds 2 -o folds").ok();
    folder.run("compare data --models majority run of-two=folds -o a").ok();
    let found = json(&folder, "a");
    assert_eq!(found["tasks"][0]["best"], "run");
    assert_eq!(find(&found, "of-two")["kind"], "network");
    assert!(!folder.path("a/models").exists());
    folder.run("compare data --models none run again=run -o two").ok();
    let two = json(&folder, "two");
    let pair = &find(&two, "again")["to_best"];
    assert_eq!((pair["value"].as_f64(), pair["p"].as_f64()), (Some(0.0), Some(1.0)));

    folder.write("u.tsv", small_table().replace("s3\t", "t3\t"));
    folder.run("dataset sequences u.tsv -o other").ok();
    folder
        .run("compare other --models majority run -o b")
        .fails_saying(&["run: expected a run that was trained on the same data set"]);
    folder.run("compare data --models majority data -o b").fails_saying(&["expected a run directory"]);
    folder.run("compare data --models none run run -o b").fails_saying(&["two models are called \"run\"", "NAME=RUN"]);
    folder.run("compare data --models none run -o b").fails_saying(&["at least two models", "found 1"]);
    folder.run("report a run -o page.html").fails_saying(&["expected a comparison alone"]);
    assert!(!folder.path("b").exists());
}

#[test]
fn names_and_settings_that_make_no_sense_are_refused_before_anything_is_trained() {
    let folder = with_data(MODELS);
    let fails = |words: &str, parts: &[&str]| {
        folder.run(&format!("compare data -o a {words}")).fails_saying(parts);
        assert!(!folder.path("a").exists(), "{words}");
    };
    fails("--models majority,linear", &["--models: model \"linear\"", "linear does not predict a class"]);
    folder
        .write("typo.toml", "[[model]]\nname = 'majority'\n[[model]]\nname = 'tree'\nfeatures = 'motifs=none.meme'\n");
    fails("--models-from typo.toml", &["model \"tree\"", "none.meme"]);
    fails("--models majority,cnnn", &["--models", "cnnn", "did you mean \"cnn\"?", "models are majority"]);
    fails("--models majority,none", &["expected none alone"]);
    fails("--models majority --seeds 0", &["--seeds of 1 to 1000"]);
    fails("--models majority --folds 1", &["--folds of 2 to 1000"]);
    fails("--models majority,cnn --device gpx", &["gpx"]);
    let file = |text: &str, parts: &[&str]| {
        folder.write("wrong.toml", text);
        fails("--models-from wrong.toml", parts);
    };
    file("= 3", &["wrong.toml: expected TOML"]);
    file("epochs = 3", &["expected [[model]] tables, found none"]);
    file("[[model]]\nmodel = 'cnn'", &["model 1: expected a name"]);
    file("[[model]]\nname = 'cnn'\nepoch = 3", &["wrong.toml: model \"cnn\"", "did you mean \"epochs\"?"]);
    file("[[model]]\nname = 'x'\nmodel = 'dilatd'", &["wrong.toml", "did you mean \"dilated\"?"]);
    file("[[model]]\nname = 'cnn'\nseed = 3", &["names seed", "--seeds"]);
    file("[[model]]\nname = '../up'\nmodel = 'cnn'", &["found \"../up\""]);
    file("[[model]]\nname = 'gbdt'\nleavs = 3", &["wrong.toml: model \"gbdt\"", "did you mean \"leaves\"?"]);
    file("[[model]]\nname = 'forest'\nleaves = 3", &["leaves is no setting of forest"]);
    file("[[model]]\nname = 'cnn'\n[[model]]\nname = 'cnn'", &["two models are called \"cnn\""]);
    folder.run("compare data --models majority,cnn -o data").fails_saying(&["expected a new or empty directory"]);
}

#[test]
fn a_model_that_fails_is_named_and_the_others_are_compared() {
    let folder =
        with_data(&(MODELS.to_owned() + "[[model]]\nname = 'wild'\nmodel = 'small.toml'\nlearning_rate = 1e30\n"));
    let ran = folder.run("compare data --models-from models.toml -o a").ok();
    assert!(ran.stdout.contains("wild could not be trained: "), "{}", ran.stdout);
    let found = json(&folder, "a");
    assert_eq!(found["tasks"][0]["ranking"].as_array().unwrap().len(), 3);
    assert!(found["models"][3]["error"].as_str().unwrap().contains("not a finite number"), "{found}");
    folder.write(
        "wild.toml",
        "learning_rate = 1e30\n[[model]]\nname = 'a'\nmodel = 'cnn'\n[[model]]\nname = 'b'\nmodel = 'cnn'\n",
    );
    folder.run("compare data --models-from wild.toml -o b").fails_saying(&["no model could be trained", "*.log"]);
}

#[test]
fn a_test_split_of_one_class_or_with_copies_is_said() {
    let folder = with_data(MODELS);
    let one_class = small_table()
        .lines()
        .filter(|line| !(line.ends_with("\t0\ttest")))
        .map(|line| line.to_owned() + "\n")
        .collect::<String>();
    // Half of the training examples once more in the test split.
    let copies: String = small_table()
        .lines()
        .filter(|line| line.ends_with("train"))
        .take(40)
        .map(|line| format!("c{}test\n", line.trim_end_matches("train")))
        .collect();
    folder.write("one.tsv", one_class).write("copies.tsv", small_table() + &copies);
    folder.run("dataset sequences one.tsv -o one").ok();
    folder.run("dataset sequences copies.tsv -o copied").ok();
    let ran = folder.run("compare one --models-from models.toml -o a").ok();
    assert!(ran.stdout.contains("AUROC is undefined: the test split has one class only"), "{}", ran.stdout);
    let found = json(&folder, "a");
    assert!(found["tasks"][0]["best"].is_null() && find(&found, "wide")["to_best"].is_null());
    assert!(!fs::read_to_string(folder.path("a/report.html")).unwrap().contains("NaN"));

    let ran = folder.run("compare copied --models-from models.toml -o b").ok();
    assert!(
        ran.stderr.contains("warning: ")
            && ran.stdout.contains("read with care: all models look better than they are: "),
        "{}",
        ran.stdout
    );
    let kinds: Vec<Value> = json(&folder, "b")["check"]["findings"].as_array().unwrap().clone();
    assert!(kinds.iter().any(|f| f["kind"] == "copies-across-splits" && f["severity"] == "inflates"));
    assert!(fs::read_to_string(folder.path("b/report.html")).unwrap().contains("Read these results with care."));
    let no_test: String = small_table().lines().filter(|l| !l.ends_with("test")).map(|l| l.to_owned() + "\n").collect();
    folder.write("none.tsv", no_test);
    folder.run("dataset sequences none.tsv -o none").ok();
    folder.run("compare none --models-from models.toml -o c").fails_saying(&["the test split has no example"]);
}

#[test]
fn folds_are_repeats_of_a_model() {
    let folder = with_data(MODELS);
    let ran = folder.run("compare data --models-from models.toml --folds 3 -o a").ok();
    assert!(ran.stdout.contains("3 folds"), "{}", ran.stdout);
    let found = json(&folder, "a");
    assert_eq!(find(&found, "wide")["repeats"].as_array().unwrap().len(), 3);
    assert_eq!(find(&found, "majority")["repeats"], Value::Null);
}

/// Value, and the ends of the interval, of the figure that ranks.
fn auroc(comparison: &Value, model: &str) -> [f64; 3] {
    let estimate = &find(comparison, model)["metrics"]["auroc"];
    ["value", "low", "high"].map(|end| estimate[end].as_f64().unwrap())
}

#[test]
fn where_only_the_order_of_motifs_counts_words_tell_nothing_and_the_network_is_ahead() {
    let folder = Folder::new();
    folder
        .run(
            "dataset simulate --plant MA0139.2@10..45 --plant MA0079.5@10..45 --logic order --length 80 --count 1200 \
             --test 0.3 -o order",
        )
        .ok();
    let models = "epochs = 8\npatience = 0\nreverse_complement = false\n[[model]]\nname = 'words'\nmodel = 'logistic'\n\
                  [[model]]\nname = 'boosted'\nmodel = 'gbdt'\nfeatures = 'gc,kmers=1-3'\nrounds = 40\n[[model]]\nname = 'cnn'\n";
    folder.write("models.toml", models);
    let ran = folder.run("compare order --models-from models.toml -o a").ok();
    let found = json(&folder, "a");
    for model in ["words", "boosted"] {
        let [value, low, high] = auroc(&found, model);
        assert!(low < 0.5 && high > 0.5, "{model}: {value} ({low} to {high})");
        assert_eq!(find(&found, model)["kind"], "classical");
    }
    assert!(auroc(&found, "cnn")[1] > 0.6, "{}", ran.stdout);
    let verdict = found["tasks"][0]["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("cnn is ahead of the best classical model ("), "{verdict}");
}

/// Random sequences in which a positive has 65 % of G and C, and a negative 35 %.
fn table_of_gc() -> String {
    let mut state = 11u32;
    let mut draw = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24)
    };
    let mut text = String::from("id\tsequence\tlabel\tsplit\n");
    for i in 0..360 {
        let strong = if i % 2 == 1 { 0.65 } else { 0.35 };
        let letter = |_| {
            if draw() < strong { ['C', 'G'][usize::from(draw() < 0.5)] } else { ['A', 'T'][usize::from(draw() < 0.5)] }
        };
        let sequence: String = (0..60).map(letter).collect();
        let split = ["train", "train", "train", "train", "valid", "test"][(i / 2) % 6];
        text += &format!("s{i}\t{sequence}\t{}\t{split}\n", i % 2);
    }
    text
}

#[test]
fn where_gc_content_decides_the_usual_models_all_reach_it_and_the_check_says_why() {
    let folder = Folder::new();
    folder.write("gc.tsv", table_of_gc());
    folder.run("dataset sequences gc.tsv -o gc").ok();
    let ran = folder.run("compare gc -o a").ok();
    let found = json(&folder, "a");
    let names: Vec<&str> = found["models"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["majority", "logistic", "positional", "forest", "gbdt", "cnn"]);
    for model in ["logistic", "forest", "gbdt", "cnn"] {
        assert!(auroc(&found, model)[0] > 0.95, "{model}\n{}", ran.stdout);
    }
    assert!(ran.stdout.contains("any model can take a short way: GC content alone"), "{}", ran.stdout);
    let verdict = found["tasks"][0]["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("no network is better than the best classical model"), "{verdict}");
    // Numbers ask for another linear model.
    folder.write("numbers.tsv", table_of_gc().replace("\t1\t", "\t2.5\t"));
    folder.run("dataset sequences numbers.tsv -o numbers").ok();
    folder.run("compare numbers --models linear,positional -o b").ok();
    let found = json(&folder, "b");
    assert_eq!(
        (&found["tasks"][0]["metrics"][0], &found["tasks"][0]["kind"]),
        (&"pearson".into(), &"regression".into())
    );
    assert!(found["models"][1]["settings"].as_str().unwrap().contains("model = \"linear\""), "{found}");
}

/// Families of five relatives with a label each that nothing else tells, spread over the splits.
fn table_of_families() -> String {
    let mut state = 5u32;
    let mut draw = move |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((u64::from(state >> 8) * u64::from(below)) >> 24) as usize
    };
    let mut text = String::from("id\tsequence\tlabel\tsplit\n");
    for family in 0..80 {
        let ancestor: Vec<u8> = (0..100).map(|_| b"ACGT"[draw(4)]).collect();
        for (i, split) in ["train", "train", "train", "valid", "test"].into_iter().enumerate() {
            let mut letters = ancestor.clone();
            (0..6).for_each(|_| letters[draw(100)] = b"ACGT"[draw(4)]);
            let sequence = String::from_utf8_lossy(&letters).into_owned();
            text += &format!("f{family}_{i}\t{sequence}\t{}\t{split}\n", family % 2);
        }
    }
    text
}

#[test]
fn what_a_score_owes_to_relatives_is_lost_where_they_stay_together() {
    let folder = Folder::new();
    folder.write("families.tsv", table_of_families());
    folder.run("dataset sequences families.tsv -o families").ok();
    let models = "[[model]]\nname = 'majority'\n[[model]]\nname = 'words'\nmodel = 'logistic'\n";
    folder.write("models.toml", models);
    let words = "compare families --models-from models.toml --leak-free -o a";
    let ran = folder.run(words).ok();
    assert!(ran.stdout.contains("read with care: ") && ran.stdout.contains("relatives on one side"), "{}", ran.stdout);
    let found = json(&folder, "a");
    let changes = found["leak_free"]["changes"].as_array().unwrap();
    let change = changes.iter().find(|change| change["model"] == "words" && change["task"] == "label").unwrap();
    assert!(auroc(&found, "words")[1] > 0.9 && change["after"]["low"].as_f64() < Some(0.5), "{}", ran.stdout);
    assert!(change["change"]["high"].as_f64() < Some(0.0), "{change}");
    assert!(folder.path("a/leak-free/models/words/seed-1/run.json").is_file());
    assert!(fs::read_to_string(folder.path("a/report.html")).unwrap().contains("<section id=\"leak-free\">"));
    // It goes on with what is there.
    fs::remove_file(folder.path("a/leak-free/models/words/seed-1/run.json")).unwrap();
    folder.run(&format!("{words} --resume")).ok();
    assert_eq!(json(&folder, "a")["leak_free"]["tasks"], found["leak_free"]["tasks"]);
    folder.run("train families --model logistic -o run").ok();
    folder
        .run("compare families --models majority run --leak-free -o b")
        .fails_saying(&["--leak-free trains models again"]);
}
