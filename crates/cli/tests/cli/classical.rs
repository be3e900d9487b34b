//! Classical models through the whole program: the same verbs, files and errors as for networks.

use crate::support::{Folder, small_table};
use std::fs;

fn with_data() -> Folder {
    let folder = Folder::new();
    folder.write("t.tsv", small_table());
    folder.run("dataset sequences t.tsv -o data").ok();
    folder
}

fn json(folder: &Folder, file: &str) -> serde_json::Value {
    serde_json::from_slice(&fs::read(folder.path(file)).unwrap()).unwrap()
}

/// The test AUROC of a run.
fn auroc(folder: &Folder, run: &str) -> f64 {
    folder.run(&format!("evaluate {run} --bootstrap 20")).ok();
    json(folder, &format!("{run}/metrics.json"))["model"][0]["metrics"]["auroc"]["value"].as_f64().unwrap()
}

#[test]
fn each_model_trains_is_judged_predicts_and_is_reported() {
    let folder = with_data();
    for model in ["logistic", "tree", "forest --trees 40", "gbdt --rounds 40"] {
        let run = model.split(' ').next().unwrap();
        let trained = folder.run(&format!("train data --model {model} -o {run}")).ok();
        assert!(trained.stderr.contains("valid loss") && trained.stderr.contains("auroc"), "{}", trained.stderr);
        assert!(auroc(&folder, run) > 0.8, "{model}");
        let ism = folder.run(&format!("explain {run} --method ism --limit 2 --logos 0")).ok();
        assert!(ism.stderr.contains("explained 2 examples"), "{}", ism.stderr);
        folder.run(&format!("report {run}")).ok();
        let page = fs::read_to_string(folder.path(&format!("{run}/report.html"))).unwrap();
        assert!(page.contains(&format!("A model of kind {run} on")), "{model}");
    }
    folder.write("s.fa", ">a\nACGTACGTACGTACGTTGACTCATACGTACGTACGTACGT\n>b\nACGT\n");
    let predicted = folder.run("predict gbdt s.fa -o - --average-strands").ok();
    assert_eq!(predicted.stdout.lines().count(), 3, "{}", predicted.stdout);
    let page = fs::read_to_string(folder.path("tree/report.html")).unwrap();
    assert!(page.contains("An example goes left") || page.contains("an example goes left"));
}

#[test]
fn the_same_command_gives_the_same_model_for_any_number_of_threads() {
    let folder = with_data();
    for model in ["logistic --features positional=2", "forest --trees 20", "gbdt --rounds 20 --row-fraction 0.5"] {
        folder.run(&format!("train data --model {model} -o a --threads 1 --overwrite")).ok();
        folder.run(&format!("train data --model {model} -o b --threads 3 --overwrite")).ok();
        let digest = |run| json(&folder, run)["weights_sha256"].as_str().unwrap().to_owned();
        assert_eq!(digest("a/run.json"), digest("b/run.json"), "{model}");
        // The configuration alone repeats it.
        folder.run("train data --config a/config.toml -o c --overwrite").ok();
        assert_eq!(digest("a/run.json"), digest("c/run.json"), "{model}");
        let done = folder.run("train data --config a/config.toml -o c --resume").ok();
        assert!(done.stderr.contains("finished already"), "{}", done.stderr);
        folder
            .run("train data --config a/config.toml --seed 9 -o c --resume")
            .fails_saying(&["otherwise than is asked"]);
    }
    // Another seed makes another forest, and members differ by it.
    folder.run("train data --model forest --trees 5 --seed 2 --members 2 -o m").ok();
    let digest = |run: &str| json(&folder, run)["weights_sha256"].as_str().unwrap().to_owned();
    assert_ne!(digest("m/members/1/run.json"), digest("m/members/2/run.json"));
}

#[test]
fn folds_are_judged_out_of_fold() {
    let folder = with_data();
    folder.run("train data --model logistic --folds 3 -o folds").ok();
    let judged = folder.run("evaluate folds --bootstrap 20 --json").ok();
    let judged: serde_json::Value = serde_json::from_str(&judged.stdout).unwrap();
    assert_eq!(judged["out_of_fold"]["examples"], 200);
    assert_eq!(judged["members"].as_array().unwrap().len(), 3);
    folder.run("explain folds --method coefficients").fails_saying(&["ensemble of 3", "hint: "]);
    folder.run("explain folds/folds/1 --method coefficients").ok();
}

#[test]
fn what_matters_is_told() {
    let folder = with_data();
    folder.run("train data --model logistic --features kmers=4 --l1-ratio 1 -o lasso").ok();
    let table = folder.run("explain lasso --method coefficients").ok().stdout;
    assert!(table.contains("(intercept)") && table.contains("kmer:GACT"), "{table}");
    folder.run("train data --model gbdt --features gc,kmers=4 --rounds 30 -o gbdt").ok();
    for (method, file) in [("gain", "gain.tsv"), ("shap", "shap.tsv"), ("permutation", "permutation.tsv")] {
        let table = folder.run(&format!("explain gbdt --method {method}")).ok().stdout;
        assert!(table.lines().nth(1).unwrap().contains("kmer:"), "{table}");
        assert!(folder.path("gbdt/importance").join(file).is_file());
    }
    folder.run("explain lasso --method shap --limit 3").ok();
    folder.run("train data --model logistic --features positional=1@20 -o places").ok();
    folder.run("explain places --method coefficients -o out").ok();
    assert!(folder.path("out/positions.png").is_file());
    folder.run("explain gbdt --method gain --genome g.fa").fails_saying(&["--method gain has no use for --genome"]);
    folder.run("explain lasso --method gain").fails_saying(&["has no gain", "coefficients"]);
    folder.run("explain lasso --method saliency").fails_saying(&["a gradient needs a network"]);
    folder.run("motifs filters lasso").fails_saying(&["needs a network"]);
    folder.run("model show lasso").fails_saying(&["has no layers"]);
    folder.run("model export lasso -o x.onnx").fails_saying(&["needs a network"]);
}

/// The output of `explain --method shap` for the first rows of the test: each sum of values and base, and what it is called.
fn shap_sums(folder: &Folder, more: &str) -> (Vec<f64>, String) {
    folder.run(&format!("explain run --method shap --limit 9 --select first -o out {more}")).ok();
    let arrays = basewise_io::arrays::read_npz(&folder.path("out/shap.npz")).unwrap();
    let values = arrays["values"].as_f32().unwrap();
    let basewise_io::arrays::ArrayValues::F64(base) = &arrays["base"].values else { panic!("a base") };
    let basewise_io::arrays::ArrayValues::Text(sum) = &arrays["sum"].values else { panic!("words") };
    let sums = values.chunks(values.len() / 9).map(|row| base[0] + row.iter().map(|&v| f64::from(v)).sum::<f64>());
    (sums.collect(), sum[0].clone())
}

/// A column of the predictions for the test split.
fn predicted(folder: &Folder, more: &str, name: &str) -> Vec<f64> {
    let table = folder.run(&format!("predict run data {more} -o -")).ok().stdout;
    let header: Vec<&str> = table.lines().next().unwrap().split('\t').collect();
    let at = header.iter().position(|column| *column == name).unwrap_or_else(|| panic!("{name} in {header:?}"));
    let test = table.lines().filter(|line| line.contains("\ttest\t"));
    test.take(9).map(|line| line.split('\t').nth(at).unwrap().parse().unwrap()).collect()
}

#[test]
fn shap_values_sum_to_what_they_say_for_every_kind_and_class() {
    let named = |labels: [&str; 2]| {
        let lines = small_table();
        let line = |line: &str| {
            let cells: Vec<&str> = line.split('\t').collect();
            let label = match cells[2] {
                "0" => labels[0],
                "1" => labels[1],
                other => other,
            };
            format!("{}\t{}\t{label}\t{}\n", cells[0], cells[1], cells[3])
        };
        lines.lines().map(line).collect::<String>()
    };
    let close = |a: &[f64], b: &[f64], what: &str| {
        assert!(a.len() == 9 && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-5), "{what}: {a:?} {b:?}");
    };
    let models = ["logistic", "tree", "forest --trees 7", "gbdt --rounds 9"];
    let folder = Folder::new();
    folder.write("t.tsv", named(["no", "yes"]));
    folder.run("dataset sequences t.tsv --label-kind classes -o data").ok();
    for model in models {
        folder.run(&format!("train data --model {model} --features gc,kmers=2 -o run --overwrite")).ok();
        for class in ["no", "yes"] {
            let (sums, what) = shap_sums(&folder, &format!("--target label:{class}"));
            assert!(what.ends_with(&format!("of class {class}")), "{what}");
            let raw = if what.contains("probability") { "" } else { "--raw" };
            assert_eq!(raw.is_empty(), model.starts_with("tree") || model.starts_with("forest"));
            close(&sums, &predicted(&folder, raw, &format!("prediction:label:{class}")), &format!("{model} {class}"));
        }
    }
    // Numbers that are counts: three and eight.
    folder.write("t.tsv", named(["3", "8"]));
    for (kind, models) in [
        ("counts", ["linear", "tree", "forest --trees 7", "gbdt --rounds 9"]),
        ("regression", ["linear", "tree", "forest --trees 7", "gbdt --rounds 9"]),
    ] {
        folder.run(&format!("dataset sequences t.tsv --label-kind {kind} -o data --overwrite")).ok();
        for model in models {
            folder.run(&format!("train data --model {model} --features gc,kmers=2 -o run --overwrite")).ok();
            let (sums, what) = shap_sums(&folder, "");
            let sums: Vec<f64> =
                sums.iter().map(|sum| if what.contains("logarithm") { sum.exp() } else { *sum }).collect();
            let found = predicted(&folder, "", "prediction:label");
            assert!(
                sums.iter().zip(&found).all(|(a, b)| (a - b).abs() < 2e-4),
                "{kind} {model} {what}: {sums:?} {found:?}"
            );
        }
    }
}

#[test]
fn motifs_that_were_found_belong_to_the_run() {
    let folder = with_data();
    folder.run("train data --model logistic --features kmers=2 -o run").ok();
    fs::create_dir(folder.path("run/motifs")).unwrap();
    folder.write("run/motifs/discovery.json", "{}");
    folder.run("train data --model logistic --features kmers=2 -o run --overwrite").ok();
    assert!(!folder.path("run/motifs").exists() && folder.path("run/run.json").is_file());
}

#[test]
fn examples_without_a_place_are_refused_before_an_explanation_is_replaced() {
    let folder = with_data();
    folder.write("genome.fa", ">c\nACGTACGT\n");
    folder.run("train data --model logistic --features kmers=2 -o run").ok();
    folder.run("explain run --limit 2 --logos 0 -o explained").ok();
    let again = "explain run --limit 2 --logos 0 --genome genome.fa -o explained";
    folder.run(again).fails_saying(&["with a place on a genome", "leave out --genome"]);
    assert!(folder.path("explained/attributions.npz").is_file());
}

#[test]
fn tables_of_importance_go_into_no_directory_of_others_and_examples_are_selected() {
    let folder = with_data();
    folder.run("train data --model tree --features gc,kmers=2 -o run").ok();
    folder.run("explain run --method gain -o data").fails_saying(&["data: expected a directory for tables"]);
    folder.run("explain run --method coefficients -o new").fails_saying(&["use --method gain"]);
    assert!(!folder.path("new").exists(), "what fails leaves nothing behind");
    let said = folder.run("explain run --method shap --limit 5 -o new").ok().stderr;
    assert!(said.contains("5 of 40 examples of the test split, those with the highest predictions"), "{said}");
    assert!(said.contains("sum to the probability of label 1"), "{said}");
    folder.run("explain run --method gain -o new").ok();
    let arrays = basewise_io::arrays::read_npz(&folder.path("new/shap.npz")).unwrap();
    let basewise_io::arrays::ArrayValues::Text(ids) = &arrays["ids"].values else { panic!("names") };
    let table = folder.run("predict run data -o -").ok().stdout;
    let score = |line: &str| line.rsplit('\t').next().unwrap().parse::<f64>().unwrap();
    let mut test: Vec<&str> = table.lines().filter(|line| line.contains("\ttest\t")).collect();
    test.sort_by(|a, b| score(b).total_cmp(&score(a)));
    let top: Vec<&str> = test.iter().take(5).map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(ids.iter().map(String::as_str).collect::<Vec<_>>(), top);
}

#[test]
fn a_class_without_training_examples_is_warned_of() {
    let folder = Folder::new();
    let rare = small_table().replace("s238\t", "rare\t");
    let table: String = rare
        .lines()
        .map(|line| if line.starts_with("rare") { line.replace("\t0\t", "\t2\t") + "\n" } else { format!("{line}\n") })
        .collect();
    folder.write("t.tsv", table);
    folder.run("dataset sequences t.tsv --label-kind classes -o data").ok();
    for model in ["logistic", "tree", "forest --trees 5", "gbdt --rounds 5"] {
        let said = folder.run(&format!("train data --model {model} --features kmers=2 -o run --overwrite")).ok().stderr;
        assert!(said.contains("no training example of 2"), "{said}");
        folder.run("evaluate run --bootstrap 10").ok();
        folder.run("report run").ok();
        folder.run("explain run --method permutation -o out").ok();
        folder.run("explain run --method shap --target label:1 -o out").ok();
        folder
            .run("explain run --method shap --target label:2 -o out")
            .fails_saying(&["no training example has this class"]);
    }
}

#[test]
fn shap_values_sum_to_the_raw_score() {
    let folder = with_data();
    for model in ["gbdt --rounds 20", "logistic"] {
        folder.run(&format!("train data --model {model} --features gc,kmers=2 -o run --overwrite")).ok();
        folder.run("explain run --method shap --limit 7 --select first -o out").ok();
        let arrays = basewise_io::arrays::read_npz(&folder.path("out/shap.npz")).unwrap();
        let values = arrays["values"].as_f32().unwrap();
        let columns = values.len() / 7;
        let basewise_io::arrays::ArrayValues::F64(base) = &arrays["base"].values else { panic!("a base") };
        folder.run("predict run data --raw -o raw.tsv").ok();
        let raw = fs::read_to_string(folder.path("raw.tsv")).unwrap();
        let test = raw.lines().skip(1).filter(|line| line.contains("\ttest\t"));
        for (row, line) in values.chunks(columns).zip(test) {
            let sum = base[0] + row.iter().map(|&v| f64::from(v)).sum::<f64>();
            let score: f64 = line.rsplit('\t').next().unwrap().parse().unwrap();
            assert!((sum - score).abs() < 1e-5, "{model}: {sum} {score}");
        }
    }
}

#[test]
fn settings_are_searched_for() {
    let folder = with_data();
    folder.write("space.toml", "model = ['gbdt']\nfeatures = 'gc,kmers=3'\nrounds = 20\n[leaves]\nvalues = [3, 7]\n");
    folder.run("tune data --space space.toml --trials 2 -o tuned").ok();
    let best = fs::read_to_string(folder.path("tuned/best.toml")).unwrap();
    assert!(best.contains("model = \"gbdt\"") && best.contains("leaves = "), "{best}");
    let first = fs::read_to_string(folder.path("tuned/trials.tsv")).unwrap();
    folder.run("tune data --space space.toml --trials 2 -o tuned --resume").ok();
    assert_eq!(fs::read_to_string(folder.path("tuned/trials.tsv")).unwrap(), first);
    folder.run("train data --config tuned/best.toml -o best").ok();
    folder
        .run("tune data --space space.toml --method halving --trials 2 -o halved")
        .fails_saying(&["a classical model is fitted in one go"]);
}

#[test]
fn features_are_written_as_a_table_and_as_a_sparse_matrix() {
    let folder = with_data();
    let table = folder.run("features data --features gc,length,kmers=1:frequencies -o -").ok().stdout;
    let mut lines = table.lines();
    assert_eq!(lines.next().unwrap(), "id\tsplit\tlabel:label\tgc\tlength\tkmer:A\tkmer:C\tkmer:G\tkmer:T", "{table}");
    let first: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let share = |at: usize| first[at].parse::<f64>().unwrap();
    assert!((share(6) + share(7) - share(3)).abs() < 1e-6 && first[4] == "40", "{first:?}");
    folder.run("features data --features kmers=3 -o f.npz").ok();
    let arrays = basewise_io::arrays::read_npz(&folder.path("f.npz")).unwrap();
    assert_eq!(arrays["features"].values.len(), 64);
    assert_eq!(arrays["ids"].values.len(), 240);
    folder.run("features data --features kmers=3 -o f.parquet").ok();
    folder.run("train data --model tree --features gc,kmers=2 -o tree").ok();
    folder.write("s.fa", ">a\nACGT\n>b\nCCCC\n");
    let like = folder.run("features s.fa --like tree -o -").ok().stdout;
    assert!(like.starts_with("id\tgc\tkmer:AA"), "{like}");
    assert!(like.lines().nth(2).unwrap().starts_with("b\t1\t0"), "{like}");
    folder.run("features data --features gc,kmers=2 --as-covariates -o wide").ok();
    folder
        .run("features wide --features gc --as-covariates -o wider")
        .fails_saying(&["has a covariate \"gc\" already"]);
    folder.write("n.toml", "[[layer]]\ntype = 'conv1d'\nfilters = 4\nwidth = 5\n[[layer]]\ntype = 'global-max-pool'\n");
    let network = folder.run("train wide --model n.toml --epochs 1 -o network").ok();
    assert!(network.stderr.contains("with 17 covariates"), "{}", network.stderr);
    folder.run("train wide --model logistic --features covariates,kmers=3 -o both").ok();
    folder.run("evaluate both --bootstrap 10 --no-baselines").ok();
    folder.run("features s.fa --features covariates -o -").fails_saying(&["expected covariates"]);
    folder.run("features data --features motifs=none.meme -o -").fails_saying(&["none.meme"]);
    folder.run("features data --features kmers=9 -o -").fails_saying(&["kmers=K"]);
    folder.run("features data --features gc -o f.xyz").fails_saying(&["features are also written as .npz"]);
}

#[test]
fn flags_of_the_wrong_model_are_refused_by_name() {
    let folder = with_data();
    let fails = |flags: &str, parts: &[&str]| {
        folder.run(&format!("train data -o x {flags}")).fails_saying(parts);
    };
    fails("--model gbdt --epochs 3", &["--epochs is no setting of gbdt", "rounds"]);
    fails("--model gbdt --label-smoothing 0.1", &["--label-smoothing is no setting of gbdt"]);
    fails("--model gbdt --tensorboard", &["--tensorboard is no setting of gbdt"]);
    fails("--model tree --loss focal", &["--loss is no setting of tree"]);
    fails(
        "--model Logistic",
        &["unknown model \"Logistic\"; did you mean \"logistic\"?", "forest", "cnn-global", ".toml"],
    );
    fails("--model cnn --trees 3", &["--trees is no setting of the network cnn"]);
    fails("--model logistic --trees 3", &["trees is no setting of logistic"]);
    fails("--model logistic --c 1 --lambda 1", &["found both"]);
    fails("--model logistic --c -1", &["c: expected a number above 0, found -1"]);
    fails("--model linear", &["linear does not predict a class", "hint: use --model logistic"]);
    fails("--model gbdt --rounds 0", &["rounds"]);
    fails("--model forest --trees 0", &["trees: expected 1 or more"]);
    fails("--model forest --bins 1", &["bins"]);
    fails("--model gbdt --row-fraction 2", &["row_fraction: expected above 0"]);
    fails("--model logistic --l1-ratio 2", &["l1_ratio: expected"]);
    assert!(!folder.path("x").exists(), "what fails leaves nothing behind");
    folder.write("c.toml", "model = 'gbdt'\nround = 3\n");
    fails("--config c.toml", &["c.toml", "did you mean \"rounds\"?"]);
    folder.write("d.toml", "model = 'gbdt'\nfeatures = 'kmer=3'\n");
    fails("--config d.toml", &["features", "kmer=3"]);
    // A run of a classical model is not gone on with as a network.
    folder.run("train data --model tree -o tree").ok();
    folder.run("train data --model cnn --epochs 1 -o tree --resume").fails_saying(&["tree"]);
    fs::write(folder.path("tree/model.json.gz"), b"nothing").unwrap();
    folder.run("evaluate tree").fails_saying(&["model.json.gz"]);
}
