//! Graph networks: runs repeat, and what is wrong with a graph is said.

use crate::support::Folder;

const INPUT: &str = "--edges g/edges.tsv --features g/features.tsv";

fn simulated() -> Folder {
    let folder = Folder::new();
    folder.run("graph simulate --nodes 90 --types 2 --seed 3 -o g").ok();
    folder
}

#[test]
fn a_run_is_the_same_for_any_number_of_threads_and_predicts_what_it_was_judged_on() {
    let folder = simulated();
    let line = format!("graph train {INPUT} --labels g/labels.tsv --model rgcn --seeds 2 --epochs 20");
    let table = folder.run(&format!("{line} -t 1 -o a")).ok().stdout;
    assert_eq!(folder.run(&format!("{line} -t 3 -o b")).ok().stdout, table);
    for name in ["rgcn", "label propagation", "mlp", "logistic", "0."] {
        assert!(table.contains(name), "{table}");
    }
    for file in ["model.safetensors", "metrics.json", "history.jsonl", "predictions.parquet"] {
        let read = |run: &str| std::fs::read(folder.path(run).join(file)).unwrap();
        assert!(read("a") == read("b"), "{file}");
    }
    folder.run(&format!("{line} -o a")).fails_saying(&["found a trained model (graph.json)", "--overwrite"]);
    folder.run(&format!("{line} -t 1 -o b --overwrite")).ok();
    folder.run("graph predict a -o p.tsv").ok();
    folder.run(&format!("graph predict a {INPUT} -o q.tsv")).ok();
    let predicted = std::fs::read_to_string(folder.path("p.tsv")).unwrap();
    assert_eq!(predicted.lines().count(), 91);
    assert_eq!(std::fs::read_to_string(folder.path("q.tsv")).unwrap(), predicted);
    let explained = folder.run("graph explain a n7 -o e --json").ok().stdout;
    assert!(explained.contains("\"node\": \"n7\"") && folder.path("e/report.html").is_file());
    folder.run("graph explain a n90 -o f").fails_saying(&["expected the name of a node", "n90"]);
    folder.run("graph explain a n7 -o a").fails_saying(&["expected a new or empty directory"]);
    folder.run("evaluate a").fails_saying(&["no run.json"]);
    folder.write("g/edges.tsv", "source\ttarget\ttype\nn1\tn2\ttype1\n");
    folder.run("graph predict a -o p.tsv").fails_saying(&["expected the file that the network was trained on"]);
}

#[test]
fn links_are_found_and_scored() {
    let folder = simulated();
    let table = folder.run(&format!("graph links {INPUT} --epochs 20 --top 5 -o l")).ok().stdout;
    for name in ["gcn", "common neighbours", "Adamic-Adar", "mlp", "logistic of products"] {
        assert!(table.contains(name), "{table}");
    }
    let found = std::fs::read_to_string(folder.path("l/links.tsv")).unwrap();
    assert_eq!(found.lines().count(), 6);
    folder.write("pairs.tsv", "source\ttarget\nn1\tn4\nn5\tn2\n");
    folder.run("graph predict l --pairs pairs.tsv -o p.tsv").ok();
    assert!(std::fs::read_to_string(folder.path("p.tsv")).unwrap().contains("n5 n2"));
    folder.write("self.tsv", "source\ttarget\nn1\tn4\nn5\tn5\n");
    folder.run("graph predict l --pairs self.tsv -o q.tsv").fails_saying(&["line 3", "\"n5\" twice"]);
    folder.run("graph predict l -o p.tsv").fails_saying(&["expected --pairs", "links.tsv"]);
    folder.run("graph explain l n1 -o e").fails_saying(&["expected a run of classes of nodes"]);
}

#[test]
fn what_is_odd_is_counted_and_what_is_wrong_is_named() {
    let folder = simulated();
    let edges = "source\ttarget\nn1\tn2\nn2\tn1\nn1\tn2\nn3\tn3\nn3\tn4\n";
    folder.write("odd.tsv", edges);
    let train = "graph train --features g/features.tsv --labels g/labels.tsv --epochs 2 --bootstrap 10";
    let said = folder.run(&format!("{train} --edges odd.tsv -o odd")).ok().stderr;
    for part in [
        "edges have no direction",
        "1 were given in both directions",
        "1 were given more than once",
        "1 from a node to itself",
        "86 nodes have no edge",
    ] {
        assert!(said.contains(part), "{said}");
    }
    folder.write("unknown.tsv", format!("{edges}n1\tTP53\n"));
    folder.run(&format!("{train} --edges unknown.tsv -o x")).fails_saying(&["line 7", "TP53", "--skip-unknown"]);
    let said = folder.run(&format!("{train} --edges unknown.tsv --skip-unknown -o y")).ok().stderr;
    assert!(said.contains("1 of nodes without features were left out"), "{said}");
    folder
        .run(&format!("{} --edges odd.tsv --learning-rate 1e30 -o x", train.replace("--epochs 2", "--epochs 9")))
        .fails_saying(&["training diverged", "--learning-rate"]);
    assert!(!folder.path("x/graph.json").exists());
    folder.run(&format!("{train} --edges odd.tsv --kmers 1-2 -o x")).fails_saying(&["--sequences"]);
    folder.write("bare.tsv", "n1\tn2\nn2\tn3\n");
    folder.run(&format!("{train} --edges bare.tsv -o x")).fails_saying(&["source", "--ends A,B"]);

    let one = "node\tlabel\nn1\ta\nn2\ta\n";
    folder.write("one.tsv", one);
    let line = "graph train --edges g/edges.tsv --features g/features.tsv -o x --labels";
    folder.run(&format!("{line} one.tsv")).fails_saying(&["at least two labels"]);
    folder.write("split.tsv", "node\tsplit\nn1\ttrain\nn2\tvalidate\n");
    folder.run(&format!("{line} g/labels.tsv --split split.tsv")).fails_saying(&["split.tsv", "line 3", "validate"]);
    folder.write("split.tsv", "node\tsplit\nn1\ttrain\nn2\ttest\n");
    folder.run(&format!("{line} g/labels.tsv --split split.tsv")).fails_saying(&["each label in the train split"]);
    for flags in ["--dropout 1", "--hidden 0", "--layers 0", "--bases 2", "--test 1", "--learning-rate 0", "--seeds 0"]
    {
        folder.run(&format!("{line} g/labels.tsv {flags}")).fails_saying(&["expected"]);
    }
}

#[test]
fn nodes_may_have_sequences_or_nothing() {
    let folder = simulated();
    let letters = |node: usize, i: usize| b"ACGT"[(node % 3 + i * (node % 3 + 1) + i / 5) % 4] as char;
    let records = (0..90).map(|node| format!(">n{node}\n{}\n", (0..40).map(|i| letters(node, i)).collect::<String>()));
    folder.write("nodes.fa", records.collect::<String>());
    let line = "graph train --edges g/edges.tsv --labels g/labels.tsv --epochs 5 --bootstrap 10";
    let said = folder.run(&format!("{line} --sequences nodes.fa --kmers 1-2 -o s")).ok().stderr;
    assert!(said.contains("17 features, scaled to sum 1"), "{said}");
    folder.run("graph predict s -o s.tsv").ok();
    // Other sequences, with other words.
    folder.write("other.fa", ">a\nGGGGGGCC\n>b\nACACACAC\n");
    folder.write("other.tsv", "source\ttarget\ttype\na\tb\ttype1\n");
    folder.run("graph predict s --edges other.tsv --sequences other.fa --kmers 1-2 -o o.tsv").ok();
    assert_eq!(std::fs::read_to_string(folder.path("o.tsv")).unwrap().lines().count(), 3);
    let ran = folder.run(&format!("{line} --skip-unknown -o n")).ok();
    assert!(
        ran.stderr.contains("without features") && !ran.stdout.contains("logistic"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    folder.run("graph predict n -o n.tsv").ok();
}
