//! From sequences to clusters, from clusters to motifs, from networks to cells and nodes.

use crate::support::{Folder, quickstart};
use serde_json::Value;
use std::fs;

/// Numbers that look drawn.
struct Draw(u32);

impl Draw {
    fn below(&mut self, below: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % below
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    fn letters(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| b"ACGT"[self.below(4) as usize]).collect()
    }
}

/// A motif of each of two types of cells.
const MOTIFS: [&str; 2] = ["TGACTCAGC", "CCGGAAGTG"];
const CELLS: usize = 48;

/// `atac`, a 10x folder of 48 cells of two types by 540 peaks on `g.fa`: a third of the peaks is open in one type and holds its
/// motif, a third in the other, the rest in both; `types.tsv` has the truth.
fn accessibility() -> Folder {
    let f = Folder::new();
    let mut draw = Draw(11);
    let (mut genome, mut features, mut entries) = (String::new(), String::new(), Vec::new());
    for (chrom, first) in [("chr1", 0), ("chr2", 270)] {
        let mut letters = draw.letters(150 * 270 + 100);
        for peak in 0..270 {
            let (start, kind) = (150 * peak + 40, peak % 3);
            if let Some(motif) = MOTIFS.get(kind) {
                let at = start + 10 + draw.below(70) as usize;
                letters[at..at + motif.len()].copy_from_slice(motif.as_bytes());
            }
            features += &format!("{chrom}:{start}-{0}\t{chrom}:{start}-{0}\tPeaks\n", start + 100);
            for cell in 0..CELLS {
                let percent = if kind == 2 {
                    30
                } else if kind == cell % 2 {
                    45
                } else {
                    5
                };
                if draw.chance(percent) {
                    entries.push(format!("{} {} {}\n", first + peak + 1, cell + 1, 1 + draw.below(2)));
                }
            }
        }
        genome += &format!(">{chrom}\n{}\n", String::from_utf8(letters).unwrap());
    }
    fs::create_dir(f.path("atac")).unwrap();
    let size = format!("540 {CELLS} {}\n", entries.len());
    let matrix = "%%MatrixMarket matrix coordinate integer general\n".to_owned() + &size + &entries.concat();
    let types: String = (0..CELLS).map(|cell| format!("c{cell}\t{}\n", ["alpha", "beta"][cell % 2])).collect();
    f.write("g.fa", genome).write("atac/matrix.mtx", matrix).write("atac/features.tsv", features);
    f.write("atac/barcodes.tsv", (0..CELLS).map(|cell| format!("c{cell}\n")).collect::<String>());
    f.write("types.tsv", format!("cell\ttype\n{types}"));
    f
}

fn json(f: &Folder, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(f.path(name)).unwrap()).unwrap()
}

/// The consensus of each motif of a cluster, on both strands.
fn consensuses(cluster: &Value) -> Vec<String> {
    let turned = |text: &str| {
        let pair = |letter: char| match letter {
            'A' => 'T',
            'C' => 'G',
            'G' => 'C',
            'T' => 'A',
            other => other,
        };
        text.chars().rev().map(pair).collect::<String>()
    };
    let one = |motif: &Value| {
        let text = motif["consensus"].as_str().unwrap().to_uppercase();
        format!("{text} {}", turned(&text))
    };
    cluster["motifs"].as_array().unwrap().iter().map(one).collect()
}

/// That each of two clusters gives its own motif back, and not the other's.
#[track_caller]
fn each_has_its_own(found: &Value, names: [&str; 2]) {
    let clusters = found["clusters"].as_array().unwrap();
    assert_eq!(clusters.len(), 2, "{found}");
    for (own, name) in names.iter().enumerate() {
        let cluster = clusters.iter().find(|cluster| cluster["name"] == **name).unwrap();
        let motifs = consensuses(cluster);
        let has = |motif: &str| motifs.iter().any(|consensus| consensus.contains(motif));
        let cores = ["ACTCA", "GGAAG"];
        assert!(has(cores[own]) && !has(cores[1 - own]), "{name}: {motifs:?}");
    }
}

#[test]
fn clusters_of_peaks_give_their_motifs_back() {
    let f = accessibility();
    let line = "cells motifs atac --genome g.fa --clusters types.tsv --window 100";
    let ran = f.run(&format!("{line} --database jaspar --no-logos -o m")).ok();
    assert!(ran.stdout.contains("known motif"), "{}", ran.stdout);
    let found = json(&f, "m/motifs.json");
    each_has_its_own(&found, ["alpha", "beta"]);
    for cluster in found["clusters"].as_array().unwrap() {
        // Nearly all of the 180 peaks of a type mark it, and few others do.
        let sequences = cluster["sequences"].as_u64().unwrap();
        assert!((150..=190).contains(&sequences), "{sequences}");
        assert!(!cluster["enriched"].as_array().unwrap().is_empty());
        assert!(cluster["motifs"][0]["matches"][0]["name"].is_string());
    }
    let bed = fs::read_to_string(f.path("m/alpha/places.bed")).unwrap();
    let first: Vec<&str> = bed.lines().next().unwrap().split('\t').collect();
    assert!(first[0].starts_with("chr") && first[2].parse::<u64>().unwrap() - first[1].parse::<u64>().unwrap() == 100);
    let table = fs::read_to_string(f.path("m/motifs.tsv")).unwrap();
    assert!(table.starts_with("cluster\tmotif\tconsensus\t") && table.lines().count() > 2, "{table}");

    // Sequences with clusters, from what was written, into the same folder again.
    let read = |name: &str| fs::read_to_string(f.path(&format!("m/{name}/sequences.fa"))).unwrap();
    let (alpha, beta) = (read("alpha"), read("beta"));
    let rows = |text: &str, cluster: &str| {
        let ids = text.lines().filter_map(|line| line.strip_prefix('>'));
        ids.map(|id| format!("{id}\t{cluster}\n")).collect::<String>()
    };
    f.write("all.fa", format!("{alpha}{beta}"));
    f.write("all.tsv", format!("name\tcluster\n{}{}", rows(&alpha, "one/1"), rows(&beta, "two")));
    f.run("cells motifs all.fa --clusters all.tsv --no-logos -o m").ok();
    let found = json(&f, "m/motifs.json");
    each_has_its_own(&found, ["one/1", "two"]);
    assert!(f.path("m/one_1/sequences.fa").exists() && !f.path("m/alpha").exists());

    f.run("cells motifs atac --clusters types.tsv -o x").fails_saying(&["expected --genome"]);
    f.run("cells motifs all.fa --clusters types.tsv -o x").fails_saying(&["expected names of rows", "hint:"]);
    f.run("cells motifs atac --genome g.fa --clusters no -o x").fails_saying(&["--clusters: expected a column"]);
    f.write("t.tsv", "cell\tCD3E\tMS4A1\na\t1\t0\nb\t0\t1\n").write("k.tsv", "cell\tk\na\tx\nb\ty\n");
    f.run("cells motifs t.tsv --genome g.fa --clusters k.tsv -o x")
        .fails_saying(&["expected features that are places", "\"CD3E\""]);
    f.run(&format!("{line} --max-q 0 -o x")).fails_saying(&["expected 10 sequences in a cluster", "hint:"]);
}

#[test]
fn a_sequence_network_tells_types_of_cells_apart() {
    let f = accessibility();
    let ran = f.run("cells dataset atac --genome g.fa --window 100 --valid-chroms chr1 -o by-chromosome").ok();
    assert!(ran.stderr.contains("(270 train, 270 valid, 0 test)"), "{}", ran.stderr);
    let ran = f.run("cells dataset atac --genome g.fa --window 100 -o data").ok();
    assert!(
        ran.stderr.contains("48 cells in = 48 used") && ran.stderr.contains("540 read = 540 used"),
        "{}",
        ran.stderr
    );
    f.run("train data --model cnn-global --epochs 60 --batch-size 32 --learning-rate 0.003 -o run").ok();
    let ran = f.run("cells cluster atac --network run --labels types.tsv --neighbors 15 --resolution 0.5 -o out").ok();
    assert!(ran.stdout.contains("32 weights of each cell in the network of run"), "{}", ran.stdout);
    let found = json(&f, "out/cells.json");
    let ari = found["metrics"]["ari"].as_f64().unwrap();
    assert!(ari > 0.9, "{ari}");
    let shown = f.run("cells show out/cells.h5ad").ok().stdout;
    assert!(shown.contains("X_bw_scbasset (32)") && !shown.contains("X_pca"), "{shown}");

    // The same coordinates by their name.
    let ran = f.run("cells cluster out/cells.h5ad --coordinates X_bw_scbasset --labels types.tsv --resolution 0.5 --no-map -o again").ok();
    assert!(ran.stdout.contains("32 numbers of X_bw_scbasset"), "{}", ran.stdout);
    assert_eq!(json(&f, "again/cells.json")["metrics"]["ari"], found["metrics"]["ari"]);
    f.run("cells cluster out/cells.h5ad --coordinates X_umap -o no")
        .fails_saying(&["found \"X_umap\"; there are", "X_bw_scbasset"]);
    f.write("t.tsv", "cell\tg1\tg2\na\t1\t0\nb\t0\t1\nd\t2\t1\n");
    f.run("cells cluster t.tsv --network run -o no").fails_saying(&["a task for each cell, such as \"a\"", "hint:"]);
}

#[test]
fn embeddings_of_sequences_are_clustered_and_describe_nodes() {
    let f = accessibility();
    // Sequences with either motif, by their class, and a network that tells them apart.
    let mut draw = Draw(5);
    let (mut table, mut fasta) = ("id\tsequence\tlabel\n".to_owned(), String::new());
    let (mut nodes, mut edges) = ("node\tlabel\n".to_owned(), "source\ttarget\n".to_owned());
    for i in 0..300 {
        let mut letters = draw.letters(60);
        letters[20..29].copy_from_slice(MOTIFS[i % 2].as_bytes());
        let letters = String::from_utf8(letters).unwrap();
        table += &format!("s{i}\t{letters}\t{}\n", i % 2);
        fasta += &format!(">s{i}\n{letters}\n");
        nodes += &format!("s{i}\t{}\n", ["x", "y"][i % 2]);
        edges += &format!("s{i}\ts{}\n", (i + 2) % 300);
    }
    f.write("t.tsv", table).write("t.fa", fasta).write("nodes.tsv", nodes).write("edges.tsv", edges);
    f.run("dataset sequences t.tsv -o data").ok();
    f.run("train data --model cnn-global --epochs 15 --learning-rate 0.003 --reverse-complement off -o run").ok();
    f.run("predict run data --embeddings -o e.parquet").ok();
    let ran = f.run("cells cluster e.parquet --labels label:label --resolution 0.3 -o out").ok();
    assert!(ran.stderr.contains("300 rows in = 300 used + 0 left out; 32 features"), "{}", ran.stderr);
    assert!(ran.stderr.contains("features; taken as they are; 32 features go on"), "{}", ran.stderr);
    let found = json(&f, "out/cells.json");
    assert!(found["metrics"]["ari"].as_f64().unwrap() > 0.9, "{}", found["metrics"]);
    let page = fs::read_to_string(f.path("out/report.html")).unwrap();
    assert!(page.contains("Map of rows by cluster") && page.contains("Marker features"));
    // Neither labels nor splits are features.
    let markers = fs::read_to_string(f.path("out/markers.tsv")).unwrap();
    assert!(markers.contains("embedding:") && !markers.contains("label"), "{markers}");

    // The same by k-means and mixtures; as text; by averages over strands; and features by their names.
    for method in ["kmeans", "mixture"] {
        let line =
            format!("cells cluster e.parquet --labels label:label --method {method} --clusters 2 --no-map -o {method}");
        f.run(&line).ok();
        assert!(json(&f, &format!("{method}/cells.json"))["metrics"]["ari"].as_f64().unwrap() > 0.9, "{method}");
    }
    f.run("predict run t.fa --embeddings --average-strands -o e.tsv").ok();
    let text = fs::read_to_string(f.path("e.tsv")).unwrap();
    assert!(text.starts_with("id\tembedding:1\tembedding:2\t") && text.lines().count() == 301, "{}", &text[..80]);
    f.run("cells cluster e.tsv --color embedding:3 --no-map -o e-tsv").ok();
    for (features, standardize) in [("k.npz", ""), ("k.parquet", "--standardize")] {
        f.run(&format!("features data --features gc,length,kmers=1-3 -o {features}")).ok();
        let ran = f.run(&format!("cells cluster {features} {standardize} --no-map -o {features}.h5ad")).ok();
        assert!(ran.stderr.contains("features; taken as they are; 86 features go on"), "{}", ran.stderr);
    }
    f.run("cells autoencode e.parquet --model ae --labels label:label --epochs 3 --no-map -o ae.h5ad").ok();
    f.run("predict run t.fa --embeddings -o e.bw").fails_saying(&["expected a table for --embeddings"]);

    // Names that are not in the first column, and numbers that are said to be counts or not.
    f.write("late.csv", "g1,g2,id\n1.5,2,a\n3,4,b\n2,1,c\n1,1,d\n");
    let shown = f.run("cells show late.csv -o -").ok().stdout;
    assert!(shown.contains("\na\t") && shown.contains("\nd\t"), "{shown}");
    f.write("twice.csv", "kind,name,g1,g2\nx,a,1,2\nx,b,3,4\ny,c,2,1\ny,d,5,1\n");
    f.run("cells show twice.csv").fails_saying(&["found \"x\" as cell 1 and 2", "--names COLUMN", "name"]);
    f.run("cells show twice.csv --names nam")
        .fails_saying(&["columns are \"kind\", \"name\"", "did you mean \"name\"?"]);
    f.run("cells cluster twice.csv --names name --input values --labels kind --no-map -o v.h5ad").ok();
    f.run("cells show late.csv --input counts").fails_saying(&["--input counts: expected counts"]);
    f.run("cells autoencode twice.csv --names name --labels nothing -o n")
        .fails_saying(&["expected a column \"nothing\"", "columns are \"kind\", \"name\""]);

    // What the network knows of a sequence, and its k-mers, as features of nodes.
    f.run("predict run t.fa --embeddings -o nodes.parquet").ok();
    let line = "--edges edges.tsv --sequences t.fa --kmers 1-2 --embeddings nodes.parquet";
    let ran = f.run(&format!("graph train {line} --labels nodes.tsv --epochs 40 --bootstrap 10 -o graph")).ok();
    assert!(ran.stderr.contains("52 features, scaled to mean 0 and variance 1"), "{}", ran.stderr);
    f.run("graph predict graph -o graph.tsv").ok();
    f.run(&format!("graph predict graph {line} -o graph-again.tsv")).ok();
    let read = |name: &str| fs::read_to_string(f.path(name)).unwrap();
    assert_eq!(read("graph.tsv"), read("graph-again.tsv"));
    f.run("graph predict graph --edges edges.tsv --sequences t.fa --kmers 1-2 -o no.tsv")
        .fails_saying(&["52 features of the run"]);
}

#[test]
fn an_ensemble_and_a_classical_model_have_no_embeddings() {
    let path = quickstart();
    let ran =
        crate::support::run_in(path, "predict quickstart/donor/run quickstart/donor/data --embeddings --raw -o no.tsv");
    ran.fails_saying(&["--raw"]);
    let f = Folder::new();
    let mut draw = Draw(3);
    let row = |i: usize| format!("s{i}\t{}\t{}\n", String::from_utf8(draw.letters(20)).unwrap(), i % 2);
    f.write("t.tsv", "id\tsequence\tlabel\n".to_owned() + &(0..60).map(row).collect::<String>());
    f.run("dataset sequences t.tsv -o data").ok();
    f.run("train data --model logistic --features kmers=1-2 -o run").ok();
    f.run("predict run data --embeddings -o no.tsv").fails_saying(&["--embeddings needs a network"]);
}

#[test]
fn maps_are_coloured_by_genes_and_markers_ranked_for_scanpy() {
    let f = Folder::new();
    let mut draw = Draw(9);
    let mut text = "cell\tg0\tg1\tg2\tg3\tg4\tg5\n".to_owned();
    for cell in 0..60u32 {
        let counts: Vec<String> =
            (0..6).map(|gene| (draw.below(4) + if gene % 2 == cell % 2 { 6 } else { 0 }).to_string()).collect();
        text += &format!("c{cell}\t{}\n", counts.join("\t"));
    }
    f.write("t.tsv", text);
    f.run("cells cluster t.tsv --color g1,g4 -o out").ok();
    let page = fs::read_to_string(f.path("out/report.html")).unwrap();
    for part in
        ["Map of cells by cluster", "Map of cells by g1", "Map of cells by g4", "cluster, g1 and g4, in this order"]
    {
        assert!(page.contains(part), "{part}");
    }
    // Read back by the table that every h5ad reader shows, and added to again.
    f.run("cells cluster out/cells.h5ad --method kmeans --clusters 2 --no-map -o again.h5ad").ok();
    f.run("cells cluster t.tsv --color G1 -o no")
        .fails_saying(&["expected a gene that was kept, found \"G1\"", "did you mean \"g1\"?"]);
}
