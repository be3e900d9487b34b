//! Every way into a data set, with the account of what was used.

use crate::support::{Folder, quickstart, run_in, small_table};

fn show(folder: &Folder, data: &str) -> serde_json::Value {
    serde_json::from_str(&folder.run(&format!("dataset show {data} --json")).ok().stdout).unwrap()
}

/// A genome of two chromosomes of 3,000 pseudo-random bases.
fn genome() -> String {
    let mut state = 99u32;
    let mut text = String::new();
    for chrom in ["chr1", "chr2"] {
        text += &format!(">{chrom}\n");
        for _ in 0..50 {
            for _ in 0..60 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push(['A', 'C', 'G', 'T'][(state >> 30) as usize]);
            }
            text.push('\n');
        }
    }
    text
}

#[test]
fn fasta_with_shuffled_or_given_negatives() {
    let f = Folder::new();
    f.write("p.fa", ">a\nACGTACGTAACCATTGCA\n>b\nGGGTTTAAACGATTACAC\n>c\nTTGCATGCAATCGGATAC\n")
        .write("n.fa", ">x\nCCCCCCCCCC\n>y\nACACACACAC\n");
    f.run("dataset sequences p.fa --negatives shuffle --valid 0 --test 0 -o shuffled").ok();
    let s = show(&f, "shuffled");
    assert_eq!(s["splits"][0]["examples"], 6);
    f.run("dataset sequences p.fa --negatives n.fa --valid 0 --test 0 -o given").ok();
    assert_eq!(show(&f, "given")["splits"][0]["counts"][0]["count"], 2);
    f.run("dataset sequences --class up=p.fa --class down=n.fa --valid 0 --test 0 -o classes").ok();
    assert_eq!(show(&f, "classes")["tasks"][0]["kind"], "classes");
}

#[test]
fn files_that_decide_the_split() {
    let f = Folder::new();
    let fasta = |name: &str, n: u32| -> String {
        (0..n)
            .map(|i| {
                format!(
                    ">{name}{i}\n{}\n",
                    (0..20).map(|j| ['A', 'C', 'G', 'T'][((i * 7 + j * j * (i + 3)) % 4) as usize]).collect::<String>()
                )
            })
            .collect()
    };
    f.write("p.fa", fasta("p", 30))
        .write("n.fa", fasta("n", 20))
        .write("tp.fa", fasta("tp", 5))
        .write("tn.fa", fasta("tn", 6));
    f.run("dataset sequences p.fa --negatives n.fa --test-inputs tp.fa --test-negatives tn.fa -o d").ok();
    let s = show(&f, "d");
    assert_eq!(s["splits"][2]["examples"], 11);
    assert_eq!(s["splits"][0]["examples"].as_u64().unwrap() + s["splits"][1]["examples"].as_u64().unwrap(), 50);
    f.run("dataset sequences p.fa --negatives n.fa --test-inputs tp.fa -o e").fails_saying(&["--test-negatives"]);
}

#[test]
fn labels_binary_numeric_named_and_unknown() {
    let f = Folder::new();
    f.write("t.csv", "sequence,site,strength,kind\nACGT,1,0.5,a\nACGA,0,,b\nACGC,,2.5,a\n");
    f.run("dataset sequences t.csv --label-columns site,strength,kind --valid 0 --test 0 -o d").ok();
    let s = show(&f, "d");
    let kinds: Vec<_> = s["tasks"].as_array().unwrap().iter().map(|t| t["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["binary", "regression", "classes"]);
    assert!(f.run("dataset show d").ok().stdout.contains("unknown"));
}

#[test]
fn intervals_of_a_genome_with_background_by_chromosome() {
    let f = Folder::new();
    f.write("g.fa", genome());
    let bed: String = (0..20)
        .map(|i| format!("chr{}\t{}\t{}\tp{i}\t0\t{}\n", 1 + i % 2, 100 + 60 * i, 140 + 60 * i, ["+", "-"][i % 3 % 2]))
        .collect();
    f.write("p.bed", bed);
    f.run("dataset intervals p.bed --genome g.fa --window 50 --jitter 5 --negatives background --valid-chroms chr2 --test-chroms chr2 -o d").fails_saying(&["chr2"]);
    f.run("dataset intervals p.bed --genome g.fa --window 50 --jitter 5 --negatives background --split random -o d")
        .ok();
    let s = show(&f, "d");
    assert_eq!((s["length"].as_u64(), s["jitter"].as_u64()), (Some(50), Some(5)));
    f.run("dataset intervals p.bed --genome g.fa --window 50 --negatives shuffle --test-chroms chr2 -o e").ok();
    assert!(f.path("g.fa.fai").exists());
}

#[test]
fn sequences_read_on_their_strand() {
    let f = Folder::new();
    f.write("g.fa", ">chr1\nAACCGGTTAC\n").write("p.bed", "chr1\t0\t4\tfirst\t0\t-\nchr1\t6\t10\tlast\t0\t+\n");
    f.run(
        "dataset intervals p.bed --genome g.fa --window as-is --negatives none --split random --valid 0 --test 0 -o d",
    )
    .ok();
    let rows = show(&f, "d")["first_rows"].clone();
    assert_eq!((rows[0]["sequence"].as_str(), rows[1]["sequence"].as_str()), (Some("GGTT"), Some("TTAC")));
}

#[test]
fn simulated_truth_is_where_it_says() {
    let f = Folder::new();
    let motifs = quickstart().join("quickstart/inputs/jaspar.meme");
    let line = format!("dataset simulate --motifs {} --plant MA0139.2 --count 40 --length 60 -o d", motifs.display());
    f.run(&line).ok();
    let truth = std::fs::read_to_string(f.path("d/truth.tsv")).unwrap();
    assert!(truth.lines().count() > 10, "{truth}");
    let rows: serde_json::Value =
        serde_json::from_str(&f.run("dataset show d --rows 1000 --json").ok().stdout).unwrap();
    for line in truth.lines().skip(1).take(10) {
        let cells: Vec<&str> = line.split('\t').collect();
        let row = rows["first_rows"].as_array().unwrap().iter().find(|r| r["id"] == cells[0]).unwrap();
        let (start, end): (usize, usize) = (cells[2].parse().unwrap(), cells[3].parse().unwrap());
        let planted = &row["sequence"].as_str().unwrap()[start..end];
        let forward = cells[4] == "+";
        let complement = |s: &str| {
            s.chars()
                .rev()
                .map(|c| match c {
                    'A' => 'T',
                    'C' => 'G',
                    'G' => 'C',
                    _ => 'A',
                })
                .collect::<String>()
        };
        assert_eq!(if forward { planted.to_owned() } else { complement(planted) }, cells[5], "{line}");
    }
}

#[test]
fn a_leaking_split_is_found_and_mended() {
    let f = Folder::new();
    let table = small_table();
    let copied: String =
        table.lines().skip(1).take(6).map(|line| format!("copy-{}\n", line.replace("\ttrain", "\ttest"))).collect();
    f.write("t.tsv", table + &copied);
    f.run("dataset sequences t.tsv -o d").ok();
    let ran = f.run("dataset check d --json");
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("inflates"), "{}", ran.stdout);
    f.run("dataset check d --fix clean").ok();
    assert_eq!(std::fs::read_to_string(f.path("clean/removed.tsv")).unwrap().lines().count(), 1 + 6);
    f.run("dataset check clean").ok();
}

#[test]
fn rows_that_are_not_there_are_said() {
    run_in(quickstart(), "explain quickstart/donor/run --target nonsense -o x").fails_saying(&["nonsense", "hint:"]);
    run_in(quickstart(), "motifs logo quickstart/inputs/jaspar.meme --only none -o x").fails_saying(&["none"]);
}
