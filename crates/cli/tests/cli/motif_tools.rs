//! `motifs scan`, `cluster`, `enrich` and `logo` of attributions.

use crate::support::{Folder, quickstart, run_in, shell_in};

/// TATCAGG, sharp enough for a place to reach 1e-4, and its other strand under another name.
const MOTIFS: &str = "\
>M1\tfirst
A [ 0 98 0 0 98 0 0 ]
C [ 1 1 1 97 1 1 1 ]
G [ 1 1 1 1 1 98 98 ]
T [ 98 0 98 2 0 1 1 ]
>M2\tturned
A [ 1 1 0 2 98 0 98 ]
C [ 98 98 1 1 1 1 1 ]
G [ 1 1 1 97 1 1 1 ]
T [ 0 0 98 0 0 98 0 ]
";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("m.jaspar", MOTIFS);
    folder.write(
        "s.fa",
        ">a first\ntatcaggACACACACACACAC\n>b\nACACACACACACACCCUGAUA\n>short\nTATCAG\n>n\nNNNNNNNNNNNN\n",
    );
    folder
}

#[test]
fn a_scan_has_fimos_columns_and_bed() {
    let f = folder();
    let table = f.run("motifs scan m.jaspar s.fa --only M1").ok();
    let rows: Vec<Vec<&str>> = table.stdout.lines().map(|line| line.split('\t').collect()).collect();
    let header = "motif_id motif_alt_id sequence_name start stop strand score p-value q-value matched_sequence";
    assert_eq!(rows[0].join(" "), header);
    let places: Vec<String> = rows[1..].iter().map(|row| [&row[..6], &row[9..]].concat().join(" ")).collect();
    assert_eq!(places, ["M1 first a 1 7 + tatcagg", "M1 first b 15 21 - TATCAGG"]);
    assert!(table.stderr.contains("2 places of 1 motifs in 4 sequences"), "{}", table.stderr);
    f.run("motifs scan m.jaspar s.fa --only M1 -o x.bed").ok();
    let bed = std::fs::read_to_string(f.path("x.bed")).unwrap();
    assert_eq!(bed, "a\t0\t7\tM1\t42\t+\nb\t14\t21\tM1\t42\t-\n");
    let streamed = f.run("motifs scan m.jaspar s.fa --no-q-value --one-strand").ok().stdout;
    assert_eq!(streamed.lines().filter(|line| line.contains("\t\t")).count(), 2, "{streamed}");
    assert_eq!(shell_in(&f.path(""), "basewise motifs scan m.jaspar s.fa | head -1").ok().stdout.lines().count(), 1);
}

#[test]
fn places_of_a_genome_are_joined_and_counted_from_its_start() {
    let f = folder();
    f.write("p.bed", "a\t0\t5\na\t3\t12\nb\t2\t21\n");
    let found = f.run("motifs scan m.jaspar --genome s.fa --bed p.bed --only M1 -o -").ok().stdout;
    assert!(found.contains("\ta\t1\t7\t+\t") && found.contains("\tb\t15\t21\t-\t"), "{found}");
    assert_eq!(found.lines().count(), 3);
    f.write("far.bed", "a\t0\t5\na\t3\t99\n");
    f.run("motifs scan m.jaspar --genome s.fa --bed far.bed").fails_saying(&["far.bed: line 2", "end 99", "hint:"]);
}

#[test]
fn what_cannot_be_scanned_is_named() {
    let f = folder();
    f.write("empty.fa", "")
        .write("protein.fa", ">p\nMKLE\n")
        .write("tiny.fa", ">t\nACG\n")
        .write("b.txt", "A 0.3\nC 0.2\n");
    f.run("motifs scan m.jaspar empty.fa").fails_saying(&["empty.fa", "empty"]);
    f.run("motifs scan m.jaspar protein.fa").fails_saying(&["protein"]);
    f.run("motifs scan s.fa s.fa").fails_saying(&["s.fa"]);
    let row = |base: &str| format!("{base} [ {}]\n", "1 ".repeat(10_001));
    f.write("long.jaspar", format!(">L\n{}", ["A", "C", "G", "T"].map(row).concat()));
    f.run("motifs match long.jaspar -d m.jaspar").fails_saying(&["long.jaspar", "10000", "10001", "\"L\"", "hint:"]);
    f.run("motifs scan m.jaspar none.fa").fails_saying(&["none.fa"]);
    f.run("motifs scan m.jaspar s.fa --only M9").fails_saying(&["M9", "M1"]);
    f.run("motifs scan m.jaspar s.fa --p-value 0").fails_saying(&["--p-value"]);
    f.run("motifs scan m.jaspar s.fa --background b.txt").fails_saying(&["b.txt", "each of A, C, G and T"]);
    f.run("motifs scan m.jaspar s.fa --granularity 0").fails_saying(&["granularity"]);
    f.run("motifs scan m.jaspar - --background sequences").fails_saying(&["--background", "a stream"]);
    f.run("motifs scan m.jaspar s.fa -o s.fa").fails_saying(&["s.fa"]);
    let tiny = f.run("motifs scan m.jaspar tiny.fa").ok();
    assert!(tiny.stderr.contains("shortest motif has 7 positions") && tiny.stdout.lines().count() == 1);
}

#[test]
fn both_strands_of_a_motif_are_one_cluster() {
    let f = folder();
    let shown = f.run("motifs cluster m.jaspar --logos -o c").ok().stdout;
    assert!(shown.contains("TATCAGG") && shown.lines().count() == 2, "{shown}");
    let table = std::fs::read_to_string(f.path("c/clusters.tsv")).unwrap();
    assert!(table.contains("cluster_1\tM2\tturned\tfalse\t0\t-\t"), "{table}");
    assert!(f.path("c/logos/cluster_1.png").is_file() && f.path("c/representatives.meme").is_file());
    f.run("motifs cluster m.jaspar --one-strand -o c").ok();
    assert_eq!(std::fs::read_to_string(f.path("c/clusters.meme")).unwrap().matches("MOTIF").count(), 2);
    f.run("motifs cluster m.jaspar --similarity 2 -o c").fails_saying(&["--similarity"]);
}

#[test]
fn planted_motifs_are_enriched_together_and_at_their_distance() {
    let f = folder();
    let (mut foreground, mut background) = (String::new(), String::new());
    for i in 0..40 {
        let tail = "ACGT".repeat(3 + i % 3);
        // The second motif's word 5 bases behind the first.
        foreground += &format!(">f{i}\nACAC{tail}TATCAGGGTGTGCCGATATACACACACACACACACAC\n");
        background += &format!(">b{i}\nACACACACACACAC{tail}GTGTGTGTGTGTGTGTGTGTACACACAC\n");
    }
    f.write("fg.fa", foreground).write("bg.fa", background);
    f.write("two.jaspar", ">A1\nA [ 0 9 0 0 9 0 0 ]\nC [ 0 0 0 9 0 0 0 ]\nG [ 0 0 0 0 0 9 9 ]\nT [ 9 0 9 0 0 0 0 ]\n>B1\nA [ 0 0 0 9 0 9 ]\nC [ 9 9 0 0 0 0 ]\nG [ 0 0 9 0 0 0 ]\nT [ 0 0 0 0 9 0 ]\n");
    let line =
        "motifs enrich two.jaspar fg.fa --background-sequences bg.fa --p-value 0.001 --pairs --spacing A1,B1 -o e";
    let ran = f.run(line).ok();
    assert!(
        ran.stderr.contains("2 of 2 motifs are enriched") && ran.stderr.contains("5 bases apart"),
        "{}",
        ran.stderr
    );
    let table = std::fs::read_to_string(f.path("e/enrichment.tsv")).unwrap();
    assert!(table.lines().nth(1).unwrap().contains("\t40\t1.0000\t0\t0.0000\t"), "{table}");
    let pairs = std::fs::read_to_string(f.path("e/pairs.tsv")).unwrap();
    assert!(pairs.contains("A1\t\tB1\t\t40\t40\t40\t40\t"), "{pairs}");
    let spacing = std::fs::read_to_string(f.path("e/spacing.tsv")).unwrap();
    assert!(spacing.contains("5\tdownstream\tsame\t40\t"), "{spacing}");
    f.run("motifs enrich two.jaspar fg.fa --spacing A1,C1 -o e").fails_saying(&["C1"]);
    f.run("motifs enrich two.jaspar fg.fa --spacing A1 -o e").fails_saying(&["two ids"]);
    // Shuffled sequences are the background where there is no other, the same ones each time.
    let shuffled = || f.run("motifs enrich two.jaspar fg.fa -o s --json").ok().stdout;
    assert_eq!(shuffled(), shuffled());
}

#[test]
fn attributions_are_drawn_a_picture_a_sequence() {
    let f = Folder::new();
    let explain = "explain quickstart/donor/run --method ism --limit 3 --select first --logos 0 -o";
    run_in(quickstart(), &format!("{explain} {}", f.path("e").display())).ok();
    let drew = f.run("motifs logo e/attributions.npz -o logos --format png").ok();
    assert!(drew.stderr.contains("drew 3 sequences"), "{}", drew.stderr);
    let files: Vec<_> = std::fs::read_dir(f.path("logos")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 3);
    assert!(files.iter().all(|path| std::fs::read(path).unwrap().starts_with(b"\x89PNG")));
    f.run("motifs logo e/attributions.npz --only nobody -o logos").fails_saying(&["nobody"]);
}
