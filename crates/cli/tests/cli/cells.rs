//! Matrices of cells, from the command line.

use crate::support::Folder;
use serde_json::Value;
use std::fs;

/// 120 cells of three kinds by 60 genes: a third of the genes is higher in each kind.
fn table() -> String {
    let mut state = 7u32;
    let mut draw = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    };
    let genes: Vec<String> = (0..60).map(|gene| format!("g{gene}")).collect();
    let mut text = format!("cell\tkind\t{}\tMT-1\n", genes.join("\t"));
    for cell in 0..120 {
        let counts: Vec<String> =
            (0..61).map(|gene| (draw(6) + if gene % 3 == cell % 3 { 6 } else { 0 }).to_string()).collect();
        text += &format!("c{cell}\tk{}\t{}\n", cell % 3, counts.join("\t"));
    }
    text
}

fn summary(f: &Folder, folder: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(f.path(&format!("{folder}/cells.json"))).unwrap()).unwrap()
}

#[test]
fn a_table_becomes_clusters_and_an_h5ad_file_to_which_more_is_added() {
    let f = Folder::new();
    f.write("t.tsv", table());
    let ran = f.run("cells cluster t.tsv --labels kind -o out").ok();
    assert!(ran.stderr.contains("120 cells in = 120 used + 0 left out; 61 genes in = 61 used"), "{}", ran.stderr);
    assert!(ran.stdout.contains("adjusted Rand index 1.0000"), "{}", ran.stdout);
    let found = summary(&f, "out");
    assert_eq!((&found["clusters"].as_array().unwrap().len(), &found["metrics"]["nmi"]), (&3, &1.0.into()));
    let lines = |name: &str| fs::read_to_string(f.path(&format!("out/{name}"))).unwrap();
    assert_eq!(lines("clusters.tsv").lines().count(), 121);
    assert_eq!(lines("markers.tsv").lines().count(), 1 + 3 * 25);
    let page = lines("report.html");
    for part in
        ["Map of cells by cluster", "Map of cells by label", "Silhouettes by cluster", "Variance of each component"]
    {
        assert!(page.contains(part), "{part}");
    }

    // The same seed, another number of threads: the same bytes.
    f.run("cells cluster t.tsv --labels kind -o again -t 1").ok();
    assert_eq!(lines("clusters.tsv"), fs::read_to_string(f.path("again/clusters.tsv")).unwrap());
    f.run("cells cluster t.tsv --labels kind -o out").fails_saying(&["--overwrite"]);

    let shown = f.run("cells show out/cells.h5ad --json").ok().stdout;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let columns: Vec<&str> = shown["obs"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(columns, ["kind", "n_genes_by_counts", "total_counts", "pct_counts_mt", "leiden"]);

    let line = "cells cluster out/cells.h5ad --method kmeans --clusters 2-5 --no-map --min-counts 200 --labels leiden -o more.h5ad";
    let ran = f.run(line).ok();
    assert!(ran.stdout.contains("adjusted Rand index 1.0000"), "{}", ran.stdout);
    let shown = f.run("cells show more.h5ad").ok().stdout;
    for part in ["kmeans", "leiden", "X_pca", "X_tsne", "120 cells x 61 genes (X)"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let ran =
        f.run("cells cluster t.tsv --method mixture --clusters 3 --components 3 --labels kind --no-map -o m.h5ad").ok();
    assert!(ran.stdout.contains("adjusted Rand index 1.0000"), "{}", ran.stdout);
}

#[test]
fn a_matrix_that_stays_in_its_file_gives_the_same_bytes() {
    let f = Folder::new();
    f.write("t.tsv", table());
    f.run("cells filter t.tsv -o t.h5ad").ok();
    let read = |name: &str| fs::read(f.path(name)).unwrap();
    for (held, options) in [
        ("a", "--labels kind --color g5,MT-1,g5 --min-counts 270 --variable-genes 40"),
        ("b", "--no-map --standardize --min-cells 106"),
        ("c", "--no-map --transform log --method kmeans --clusters 3"),
    ] {
        let held = format!("{held}-held");
        f.run(&format!("cells cluster t.h5ad {options} -o {held}")).ok();
        let ran = f.run(&format!("cells cluster t.h5ad {options} --memory 0 -o {held}-not")).ok();
        assert!(ran.stderr.contains("120 cells in"), "{}", ran.stderr);
        for name in ["clusters.tsv", "markers.tsv", "components.tsv", "cells.h5ad"] {
            assert!(read(&format!("{held}/{name}")) == read(&format!("{held}-not/{name}")), "{options}: {name}");
        }
    }
    let stdout = |line: &str| f.run(line).ok().stdout;
    assert_eq!(stdout("cells show t.h5ad"), stdout("cells show t.h5ad --memory 0"));
    f.run("cells filter t.h5ad --min-counts 270 --min-cells 70 -o held.h5ad").ok();
    f.run("cells filter t.h5ad --min-counts 270 --min-cells 70 -o not.h5ad --memory 0").ok();
    assert_eq!(stdout("cells show held.h5ad"), stdout("cells show not.h5ad"));
    f.run("cells cluster held.h5ad --no-map -o x").ok();
    f.run("cells cluster not.h5ad --no-map -o y").ok();
    assert_eq!(read("x/markers.tsv"), read("y/markers.tsv"));
    let message = "row 0, column 0: expected a number that is not negative";
    f.write("signed.tsv", "cell\ta\tb\nx\t-1\t2\ny\t1\t2\nz\t3\t2\n");
    f.run("cells filter signed.tsv -o signed.h5ad").ok();
    for memory in ["", "--memory 0"] {
        f.run(&format!("cells cluster signed.h5ad --transform log -o s {memory}")).fails_saying(&[message]);
    }
}

#[test]
fn cells_are_filtered_and_labels_read_from_a_file() {
    let f = Folder::new();
    f.write("t.tsv", table()).write("labels.csv", "cell,kind,other\nc0,a,x\nc1,b,x\nc2,a,y\n");
    let shown = f.run("cells show t.tsv").ok().stdout;
    assert!(shown.contains("120 cells x 61 genes") && shown.contains("mitochondrial share"), "{shown}");
    let per_cell = f.run("cells show t.tsv -o -").ok().stdout;
    assert!(per_cell.starts_with("cell\tn_genes_by_counts\ttotal_counts\tpct_counts_mt\nc0\t"), "{per_cell}");
    f.run("cells filter t.tsv --max-mitochondrial 0.01 -o few.h5ad").ok();
    let few = f.run("cells show few.h5ad").ok().stdout;
    assert!(!few.starts_with("120 cells") && few.contains("total_counts"), "{few}");
    f.run("cells cluster t.tsv --labels labels.csv:other -o o.h5ad --no-map").ok();

    f.run("cells filter t.tsv --min-genes 1000 -o none.h5ad")
        .fails_saying(&["expected cells within the limits, found none of 120", "hint:"]);
    f.run("cells cluster t.tsv --labels nothing -o o.h5ad").fails_saying(&["expected a column \"nothing\""]);
    f.run("cells cluster few.h5ad --labels nothing -o o.h5ad").fails_saying(&["found \"nothing\"; columns are kind"]);
    f.write("words.tsv", "cell\ta\tb\nc1\t1\tx\nc2\t2\t3\nc3\t2\t3\n");
    f.run("cells cluster words.tsv -o o.h5ad").fails_saying(&[
        "words.tsv: expected at least 3 cells and 2 genes",
        "found 3 and 1",
        "describe cells: b",
    ]);
    f.write("letters.fa", ">a\nACGT\n>b\nACGT\n");
    f.run("cells show letters.fa").fails_saying(&["letters.fa: expected cells and genes", "basewise features"]);
    f.run("cells cluster t.tsv --clusters 3 -o o.h5ad").fails_saying(&["--resolution"]);
    f.run("cells show labels.csv:other").fails_saying(&["found none of that name"]);
    f.write("wrong.csv", "cell,kind\nd0,a\n");
    f.run("cells cluster t.tsv --labels wrong.csv -o o.h5ad").fails_saying(&["such as \"c0\", found \"d0\""]);
}

#[test]
fn an_autoencoder_stands_beside_components() {
    let f = Folder::new();
    f.write("t.tsv", table());
    f.run("cells autoencode t.tsv --model ae --draws 3 -o x").fails_saying(&["--model vae beside --draws", "found ae"]);
    f.run("cells show -").fails_saying(&["found a stream", "write it to a file"]);
    f.run("cells autoencode t.tsv --encode-batch -o x").fails_saying(&["--batch"]);
    f.write("twice.tsv", "cell\tlabel\nc1\tA\nc1\tA\nc1\tB\n");
    f.run("cells autoencode t.tsv --labels twice.tsv -o x").fails_saying(&["one label for \"c1\"", "\"A\" and \"B\""]);
    let settings = "--labels kind --epochs 40 --warm-up 40 --hidden 32 --latent 4 --learning-rate 0.01 --draws 4";
    let ran = f.run(&format!("cells autoencode t.tsv {settings} --denoised --samples 20 -o vae")).ok();
    assert!(
        ran.stderr.contains("120 cells in = 120 used") && ran.stdout.contains("importance-weighted"),
        "{}",
        ran.stdout
    );
    let read = |name: &str| fs::read_to_string(f.path(name)).unwrap();
    let found: Value = serde_json::from_str(&read("vae/autoencode.json")).unwrap();
    assert_eq!((&found["epochs"], &found["validation_cells"]), (&40.into(), &12.into()));
    assert_eq!(found["held_out"]["cells"], 12);
    // Kinds lie apart, though communities of so few cells may be parts of kinds.
    for way in ["autoencoder", "pca"] {
        assert!(found[way]["label_silhouette"].as_f64().unwrap() > 0.6, "{way}: {found}");
    }
    assert_eq!(read("vae/latent.tsv").lines().count(), 121);
    assert_eq!(read("vae/history.tsv").lines().count(), 41);
    for part in
        ["Map of cells by label, autoencoder", "Map of cells by cluster, principal components", "Loss of each epoch"]
    {
        assert!(read("vae/report.html").contains(part), "{part}");
    }
    assert!(f.run("cells show vae/samples.h5ad").ok().stdout.starts_with("20 cells x 61 genes"));
    assert!(f.run("cells show vae/denoised.h5ad").ok().stdout.contains("120 cells x 61 genes"));

    // The same seed, another number of threads: the same bytes.
    f.run(&format!("cells autoencode t.tsv {settings} -o again -t 1")).ok();
    assert_eq!(read("vae/latent.tsv"), read("again/latent.tsv"));
    assert_eq!(read("vae/history.tsv"), read("again/history.tsv"));
    f.run(&format!("cells autoencode t.tsv {settings} -o vae")).fails_saying(&["--overwrite"]);

    // Added to what is there, by another model.
    f.run("cells autoencode vae/cells.h5ad --model dca --batch leiden_bw_vae --epochs 3 --no-map -o more.h5ad").ok();
    let shown = f.run("cells show more.h5ad").ok().stdout;
    for part in ["X_bw_vae", "X_bw_dca", "leiden_bw_dca"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    f.run("cells autoencode vae/denoised.h5ad --model denoise --epochs 3 --no-map -o d.h5ad").ok();
    f.run("cells autoencode vae/denoised.h5ad -o d.h5ad").fails_saying(&["--model vae: expected counts", "hint:"]);
    f.run("cells autoencode t.tsv --model ae --samples 3 -o x").fails_saying(&["--samples: expected --model vae"]);
    f.run("cells autoencode t.tsv --denoised -o x.h5ad").fails_saying(&["expected a folder"]);
    f.run("cells autoencode t.tsv --latent 0 -o x").fails_saying(&["at least one hidden unit and one latent number"]);
}

/// 120 cells of three kinds in two batches by 60 genes: a third of the genes is higher in each kind, a fifth in the second batch.
fn batches() -> String {
    let lines = table();
    let mut lines = lines.lines();
    let mut text = lines.next().unwrap_or_default().replacen("kind", "kind\tbatch", 1) + "\n";
    for (cell, line) in lines.enumerate() {
        let batch = cell / 3 % 2;
        let fields = line.split('\t').enumerate().map(|(at, field)| match at.checked_sub(2) {
            None if at == 1 => format!("{field}\tb{batch}"),
            Some(gene) if batch == 1 && gene % 5 == 0 => (field.parse::<u32>().unwrap() + 12).to_string(),
            _ => field.to_owned(),
        });
        text += &(fields.collect::<Vec<_>>().join("\t") + "\n");
    }
    text
}

#[test]
fn an_autoencoder_that_knows_batches_mixes_them_and_keeps_kinds_apart() {
    let f = Folder::new();
    f.write("t.tsv", batches());
    let settings = "--epochs 60 --warm-up 60 --hidden 32 --latent 4 --learning-rate 0.01 --draws 2 --no-map";
    f.run(&format!("cells autoencode t.tsv --batch batch --labels kind {settings} -o vae")).ok();
    let found: Value = serde_json::from_str(&fs::read_to_string(f.path("vae/autoencode.json")).unwrap()).unwrap();
    let silhouette = |way: &str, by: &str| found[way][format!("{by}_silhouette")].as_f64().unwrap();
    let (before, after) = (silhouette("pca", "batch"), silhouette("autoencoder", "batch"));
    assert!(before > 0.2 && after.abs() < 0.05, "by batch: {before} before, {after} after");
    let (before, after) = (silhouette("pca", "label"), silhouette("autoencoder", "label"));
    assert!(after > 0.5 && after > before, "by kind: {before} before, {after} after");
}

#[test]
fn further_cells_go_into_the_same_latent_space() {
    let f = Folder::new();
    f.write("t.tsv", batches());
    let settings = "--epochs 5 --hidden 16 --latent 3 --draws 2 --no-map";
    f.run(&format!("cells autoencode t.tsv --batch batch --describing kind {settings} --denoised -o vae")).ok();
    let read = |name: &str| fs::read_to_string(f.path(name)).unwrap();
    let numbers = |name: &str| -> Vec<Vec<String>> {
        let fields = |line: &str| line.split('\t').take(4).map(str::to_owned).collect();
        read(name).lines().map(fields).collect()
    };
    // The cells of training, the last ones first and genes in another order: the same numbers.
    let (text, mut turned) = (batches(), Vec::new());
    for line in text.lines() {
        let mut fields: Vec<&str> = line.split('\t').collect();
        fields[3..].reverse();
        turned.push(fields.join("\t"));
    }
    turned[1..].reverse();
    f.write("turned.tsv", turned.join("\n") + "\n");
    let ran = f.run("cells encode vae turned.tsv --batch batch --describing kind --denoised -o again").ok();
    assert!(ran.stderr.contains("61 of 61 genes of the model found"), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("120 cells, 61 of 61 genes, 3 numbers a cell"), "{}", ran.stdout);
    let (mut expected, found) = (numbers("vae/latent.tsv"), numbers("again/latent.tsv"));
    expected[1..].reverse();
    assert_eq!(found, expected);
    assert!(f.run("cells show again/denoised.h5ad").ok().stdout.contains("120 cells x 61 genes"));
    assert!(f.run("cells show again/cells.h5ad").ok().stdout.contains("X_bw_vae"));
    f.run("cells encode vae turned.tsv -o again").fails_saying(&["--overwrite"]);

    // Without batches, from the weights alone, into one file.
    f.run("cells encode vae/model.safetensors turned.tsv --describing kind,batch -o one.h5ad").ok();
    let as_batch = "cells encode vae turned.tsv --describing kind,batch --denoised --as-batch";
    f.run(&format!("{as_batch} b0 -o b0")).ok();
    f.run(&format!("{as_batch} b7 -o b7")).fails_saying(&["found \"b7\"; the model knows b0, b1"]);
    f.run("cells encode vae turned.tsv --describing kind,batch --denoised -o b7")
        .fails_saying(&["expected --batch or --as-batch", "its batches are b0, b1"]);

    // Fewer genes are said, others refused, and so are other values and other folders.
    let part = |line: &str| line.split('\t').take(50).collect::<Vec<_>>().join("\t");
    f.write("part.tsv", text.lines().map(part).collect::<Vec<_>>().join("\n") + "\n");
    let ran = f.run("cells encode vae part.tsv --batch batch --describing kind -o part --json").ok();
    assert!(
        ran.stderr.contains("47 of 61 genes of the model found; 14 are missing and count as 0: g47"),
        "{}",
        ran.stderr
    );
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&said["cells"], said["missing_genes"].as_array().unwrap().len()), (&120.into(), 14));
    f.write("other.tsv", text.replace("\tg", "\tENSG"));
    f.run("cells encode vae other.tsv --batch batch --describing kind -o x").fails_saying(&[
        "such as \"g0\"",
        "found 1 of 61",
        "such as \"ENSG0\"",
        "identifiers",
    ]);
    f.run("cells encode vae vae/denoised.h5ad -o x").fails_saying(&["expected counts, as the model was trained on"]);
    f.run("cells encode again turned.tsv -o x").fails_saying(&["no autoencode.json in it", "cells autoencode"]);
    let empty = format!("{}\nnone\tk0\tb0{}\n", text.trim_end(), "\t0".repeat(61));
    f.write("empty.tsv", empty);
    f.run("cells encode vae empty.tsv --batch batch --describing kind -o x")
        .fails_saying(&["cell \"none\"", "--min-genes 1"]);
}
