//! Signal from tracks to predictions.

use crate::support::{Folder, parquet_rows};
use basewise_core::{Alphabet, complement_letter};
use basewise_io::bigwig::BigWig;
use std::collections::BTreeMap;

const MODEL: &str =
    "[head]\nprofile_width = 5\n\n[[layer]]\ntype = 'conv1d'\nfilters = 4\nwidth = 5\n\n[[layer]]\ntype = 'relu'\n";

/// Two chromosomes of 3,000 pseudo-random bases, 40 places, and reads of either strand around each.
fn folder() -> Folder {
    let folder = Folder::new();
    let mut state = 99u32;
    let mut below = move |n: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % n
    };
    let (mut genome, mut bed) = (String::new(), String::new());
    let mut tracks = [String::new(), String::new()];
    for chrom in ["chr1", "chr2"] {
        let letters: String = (0..3000).map(|_| ['A', 'C', 'G', 'T'][below(4) as usize]).collect();
        genome += &format!(">{chrom}\n{letters}\n");
        for place in 0..20 {
            let centre = 100 + 140 * place + below(20);
            let strand = ["+", "-"][below(2) as usize];
            bed += &format!("{chrom}\t{}\t{}\tp\t0\t{strand}\n", centre - 1, centre + 1);
            for (track, shift) in tracks.iter_mut().zip([0, 6]) {
                for base in centre - 5 + shift..centre + 5 + shift {
                    *track += &format!("{chrom}\t{base}\t{}\t{}\n", base + 1, 1 + below(5));
                }
            }
        }
    }
    folder.write("g.fa", genome).write("p.bed", bed).write("m.toml", MODEL);
    folder.write("plus.bedGraph", &tracks[0]).write("minus.bedGraph", &tracks[1]);
    folder
}

/// Of one example, whose mean contributions are its own.
fn contributions_lie_in_their_place(f: &Folder, order: &str) {
    let explain = "explain r --method deeplift --references 2 --limit 1 --logos 0 --genome g.fa --parquet";
    f.run(&format!("{explain} --select {order} -o {order}")).ok();
    let text = std::fs::read_to_string(f.path(&format!("{order}/explain.json"))).unwrap();
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    let place = record["examples"][0]["place"].as_str().unwrap();
    let (chrom, rest) = place.split_once(':').unwrap();
    let (start, rest) = rest.split_once('-').unwrap();
    // The margin of jitter is not seen.
    let start = start.parse::<u64>().unwrap() + 4;
    let bases = |row: &serde_json::Value| row.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).sum::<f64>();
    let mut wanted: Vec<f64> = record["mean"].as_array().unwrap().iter().map(bases).collect();
    if rest.ends_with("(-)") {
        wanted.reverse();
    }
    let file = BigWig::open(&f.path(&format!("{order}/contributions.bw"))).unwrap();
    let found = file.values(chrom, start, start + 80).unwrap();
    assert!(wanted.iter().any(|&v| v != 0.0));
    assert!(found.iter().zip(&wanted).all(|(a, b)| f64::from(*a) == f64::from(*b as f32)), "{found:?} {wanted:?}");
    let genome = std::fs::read_to_string(f.path("g.fa")).unwrap();
    let contig = genome.split('>').find_map(|own| own.strip_prefix(&format!("{chrom}\n"))).unwrap().replace('\n', "");
    let rows = parquet_rows(&f.path(&format!("{order}/contributions.parquet")));
    assert_eq!(rows.len(), 80);
    for (position, row) in rows.iter().enumerate() {
        let is_reverse = rest.ends_with("(-)");
        assert_eq!((row["position"].as_str(), row["chrom"].as_str()), (&*position.to_string(), chrom));
        assert_eq!(row["strand"], if is_reverse { "-" } else { "+" });
        let at: usize = row["start"].parse().unwrap();
        assert_eq!(row["contribution"].parse::<f32>().unwrap(), found[at - start as usize]);
        let letter = contig.as_bytes()[at].to_ascii_uppercase();
        let read = if is_reverse { complement_letter(letter, Alphabet::Dna) } else { letter };
        assert_eq!(row["base"].as_bytes(), [read]);
    }
}

/// What is averaged over both strands is the same from either, of each track by its name.
fn changes_around_a_variant_keep_their_track(f: &Folder) {
    let genome = std::fs::read_to_string(f.path("g.fa")).unwrap();
    let letters = genome.lines().find(|line| !line.starts_with('>')).unwrap();
    let lines = (30..60).step_by(7).map(|at| {
        let (old, one) = (&letters[at - 1..at + 2], &letters[at - 1..at]);
        format!("chr1\t{at}\t{old}\t{one}\nchr1\t{at}\t{one}\t{}\n", if one == "A" { "G" } else { "A" })
    });
    f.write("v.tsv", "chrom\tpos\tref\talt\n".to_owned() + &lines.collect::<String>());
    let values = |strand: &str| {
        f.write("all.bed", format!("chr1\t0\t3000\tx\t0\t{strand}\n"));
        f.run("variants r --vcf v.tsv -g g.fa --regions all.bed --average-strands --attribution -o v.parquet").ok();
        parquet_rows(&f.path("v.parquet"))
    };
    let (plus, minus) = (values("+"), values("-"));
    assert_eq!(plus.len(), 10);
    for (a, b) in plus.iter().zip(&minus) {
        for track in ["plus", "minus"] {
            let number = |row: &BTreeMap<String, String>, what: &str| -> f64 {
                row[&format!("BW_ATTR_{what}_signal_{track}")].parse().unwrap()
            };
            let close = |what: &str| (number(a, what) - number(b, what)).abs() < 1e-4 * number(a, what).abs();
            assert!(close("SUM") && close("MAX") && number(a, "POS") == number(b, "POS"), "{a:?}\n{b:?}");
        }
        assert_ne!(a["BW_ATTR_SUM_signal_plus"], a["BW_ATTR_SUM_signal_minus"]);
    }
}

#[test]
fn tracks_become_a_model_and_the_model_bigwig() {
    let f = folder();
    let made = f.run("dataset signal p.bed -g g.fa --strand-tracks plus.bedGraph,minus.bedGraph -w 80 --output-window 40 --bin 2 --jitter 4 --valid 0.2 --test 0.2 -o d").ok();
    assert!(made.stderr.contains("% of the bases have no value and are read as 0"), "{}", made.stderr);
    let shown = f.run("dataset show d").ok().stdout;
    assert!(shown.contains("profile of plus, minus: 20 bins of 2 each"), "{shown}");
    assert!([0, 1].contains(&f.run("dataset check d").code.unwrap()));
    f.run("train d -m m.toml --epochs 2 -o r").ok();
    let evaluated = f.run("evaluate r --bootstrap 20").ok().stdout;
    for word in ["profile_pearson", "profile_jensen_shannon", "count_spearman", "average profile", "k-mer linear"] {
        assert!(evaluated.contains(word), "no {word} in {evaluated}");
    }
    f.run("explain r --method input-x-gradient --limit 3").ok();
    let told = f.run("explain r --method deeplift --references 3 --limit 4 --logos 1 --genome g.fa -o e").ok().stderr;
    assert!(told.contains("contributions sum to the change of the score to "), "{told}");
    assert!(!told.contains("warning"), "{told}");
    for file in ["attributions.npz", "modisco/sequences.npz", "modisco/hypothetical.npz", "contributions.bw"] {
        assert!(f.path("e").join(file).is_file(), "no {file}");
    }
    let record: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(f.path("e/explain.json")).unwrap()).unwrap();
    assert_eq!(record["sums"]["references"], "3 shuffles of each sequence, seed 1");
    // In units of a score of about 3.
    assert!(record["sums"]["largest_error"].as_f64().unwrap() < 3e-6, "{record}");
    for order in ["first", "top"] {
        contributions_lie_in_their_place(&f, order);
    }
    changes_around_a_variant_keep_their_track(&f);
    f.run("report r -o report.html").ok();
    let table = f.run("predict r p.bed -g g.fa -o -").ok().stdout;
    assert!(
        table.lines().next().unwrap().ends_with("prediction:signal:plus:log_total\tprediction:signal:minus:log_total")
    );
    f.run("predict r p.bed -g g.fa -o x.bw").ok();
    let total = |line: &str, column: usize| -> f64 {
        let total: f64 = line.split('\t').nth(column).unwrap().parse().unwrap();
        total.exp_m1().max(0.0)
    };
    for (track, columns) in [("plus", [5, 6]), ("minus", [6, 5])] {
        let file = BigWig::open(&f.path(&format!("x.{track}.bw"))).unwrap();
        assert_eq!(file.contigs(), [("chr1".to_owned(), 3000), ("chr2".to_owned(), 3000)]);
        // Windows of 80 around the places; the 40 in their middle do not overlap.
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            let start: u64 = fields[2].parse().unwrap();
            // Read from the reverse strand, the tracks have changed places.
            let expected = total(line, columns[usize::from(fields[4] == "-")]);
            let found: f32 = file.values(fields[1], start + 20, start + 60).unwrap().iter().sum();
            assert!((f64::from(found) - expected).abs() < 1e-3 * expected.max(1.0), "{line}");
        }
    }
    f.run("predict r d -g g.fa -o y.bw").ok();
    f.run("predict r d -o y.bw").fails_saying(&["lengths of the contigs", "--genome"]);
    f.run("predict r g.fa -g g.fa -o z.bw").fails_saying(&["g.fa"]);
}

#[test]
fn a_control_goes_from_the_tracks_to_the_prediction() {
    let f = folder();
    let common = "dataset signal p.bed -g g.fa --strand-tracks plus.bedGraph,minus.bedGraph -w 80 --output-window 40 --bin 2 --jitter 4 --negatives none --valid 0.2 --test 0.2";
    // The tracks themselves, so that the control tells what the sequence cannot.
    let control = "--strand-control input=plus.bedGraph,minus.bedGraph --control all=plus.bedGraph";
    let made = f.run(&format!("{common} {control} -o d")).ok().stderr;
    assert!(made.contains("control input.minus: "), "{made}");
    f.run(&format!("{common} -o bare")).ok();
    let shown = f.run("dataset show d").ok().stdout;
    assert!(shown.contains("control all: 20 bins of 2 each, mean total "), "{shown}");
    assert!(f.run("dataset show d --json").ok().stdout.contains("\"mean_total\""));
    assert!([0, 1].contains(&f.run("dataset check d").code.unwrap()));
    let trained = f.run("train d -m m.toml --epochs 3 --learning-rate 0.02 -o r").ok().stderr;
    assert!(trained.contains("with control all, input.plus, input.minus in 20 bins of 2"), "{trained}");
    f.run("train bare -m m.toml --epochs 3 --learning-rate 0.02 -o plain").ok();
    let figure = |run: &str| -> f64 {
        let text = f.run(&format!("evaluate {run} --bootstrap 0 --no-baselines --json -o m.json")).ok().stdout;
        let figures: serde_json::Value = serde_json::from_str(&text).unwrap();
        figures["model"][0]["metrics"]["profile_pearson"]["value"].as_f64().unwrap()
    };
    assert!(figure("r") > figure("plain") + 0.1, "{} and {}", figure("r"), figure("plain"));
    assert!(f.run("evaluate r --bootstrap 20").ok().stdout.contains("control alone"));
    // Rows of the data set, and its places read anew.
    let table = |line: &str| {
        let text = f.run(line).ok().stdout;
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            rows.push(fields[fields.len() - 2..].iter().map(|field| field.parse().unwrap()).collect());
        }
        rows.sort_by(|a, b| a[0].total_cmp(&b[0]));
        rows
    };
    let files = "--control plus.bedGraph --control plus.bedGraph --control minus.bedGraph";
    assert_eq!(table("predict r d -o -"), table(&format!("predict r p.bed -g g.fa {files} -o -")));
    f.run(&format!("predict r p.bed -g g.fa {files} --average-strands -o x.bw")).ok();
    f.run("explain r --method input-x-gradient --limit 3").ok();
    f.run("explain r --method ism --limit 1 -o e").ok();
    f.run("explain spacing r --motif TTTC --motif GATA --least 2 --most 4 --backgrounds 3").ok();
    f.run("report r -o report.html").ok();
    assert!(f.run("model export r -o r.onnx").ok().stderr.contains("and control [batch, 3, 20]"));
    f.run("predict r bare -o -").fails_saying(&[
        "all, input.plus, input.minus in 20 bins of 2",
        "has none",
        "--control",
    ]);
    f.run("evaluate r bare").fails_saying(&["takes control signal", "has none"]);
    f.run("predict r p.bed -g g.fa -o -").fails_saying(&["found sequences alone", "--control"]);
    f.run("predict r g.fa -o -").fails_saying(&["found sequences alone"]);
    f.run("predict r p.bed -g g.fa --control plus.bedGraph -o -")
        .fails_saying(&["a file of the control for each of all"]);
    f.run(&format!("predict plain p.bed -g g.fa {files} -o -")).fails_saying(&["expected a model that takes control"]);
    f.run(&format!("predict r d -g g.fa {files} -o -")).fails_saying(&["which has its own control"]);
    f.run(&format!("{common} --strand-control plus.bedGraph -o e")).fails_saying(&["PLUS,MINUS as --strand-control"]);
    let layer = "\n[[layer]]\ntype = 'control-signal'\n";
    f.write("c.toml", format!("{MODEL}{layer}"));
    f.run("train bare -m c.toml -o z")
        .fails_saying(&["layer 3 (control-signal)", "expected examples with control signal"]);
}

#[test]
fn what_does_not_fit_signal_is_told() {
    let f = folder();
    let common = "dataset signal p.bed -g g.fa -w 80 --output-window 40 --negatives none -o d";
    f.run(common).fails_saying(&["at least one track", "--track NAME=FILE.bw"]);
    f.run(&format!("{common} --track plus.bedGraph --jitter 3 --bin 2")).fails_saying(&["multiple of the bins of 2"]);
    f.run(&format!("{common} --track g.fa")).fails_saying(&["g.fa", "line 1", "bigWig, bedGraph"]);
    f.run(&format!("{common} --track plus.bedGraph --valid 0.2 --test 0")).ok();
    // Layers that lose positions, such as the default's.
    f.run("train d -o r").fails_saying(&["head profile, 40 bins of 1", "the preset bpnet"]);
}

#[test]
fn simulated_reads_bring_their_ceiling_and_a_spacing_is_asked_for() {
    let f = Folder::new();
    f.write("m.toml", MODEL);
    let line = "dataset simulate --plant MA0105.4 --plant MA0652.2 --spacing 0..20 --signal 80 --length 120 --reads 200 --cooperation 6:3 --positives 1 --count 60 --valid 0.2 --test 0.2 -o d";
    let made = f.run(line).ok();
    assert!(made.stderr.contains("on the test split the expected reads reach profile_pearson 0."), "{}", made.stderr);
    let ceiling: serde_json::Value = serde_json::from_slice(&std::fs::read(f.path("d/ceiling.json")).unwrap()).unwrap();
    let figure = |split: usize, of: &str, name: &str| ceiling["splits"][split][of]["metrics"][name]["value"].as_f64();
    for split in 0..3 {
        let (best, second) =
            (figure(split, "expected", "profile_pearson"), figure(split, "replicate", "profile_pearson"));
        // A replicate is as noisy as the labels, the expectation is not.
        assert!(best > second && second > Some(0.3), "{best:?} {second:?}");
    }
    let arrays = basewise_io::arrays::read_npz(&f.path("d/signal.npz")).unwrap();
    assert_eq!((&arrays["expected"].shape[..], &arrays["replicate"].shape[..]), (&[60, 2, 80][..], &[60, 2, 80][..]));
    f.run("train d -m m.toml --epochs 1 -o r").ok();
    let asked = f.run("explain spacing r --motif MA0105.4 --motif TTTC --least 2 --most 9 --backgrounds 5").ok();
    let rows: Vec<Vec<&str>> = asked.stdout.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["order", "spacing", "pair", "interaction", "low", "high"]);
    assert_eq!(
        (rows.len(), rows[1][0], rows[1][1], rows[16][0], rows[16][1]),
        (17, "MA0105.4,TTTC", "2", "TTTC,MA0105.4", "9")
    );
    assert!(rows[1..].iter().all(|row| row[4].parse::<f64>().unwrap() <= row[5].parse::<f64>().unwrap()));
    assert!(asked.stderr.contains("stands out most"), "{}", asked.stderr);
    f.run("explain spacing r --motif MA0105.4 --motif TTTC --most 9 --backgrounds 5 -o s.json").ok();
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(f.path("s.json")).unwrap()).unwrap();
    assert_eq!((report["target"].as_str(), report["rows"].as_array().unwrap().len()), (Some("signal:total"), 20));
    f.run("explain spacing r --motif MA0105.4 --motif TTTC --most 50").fails_saying(&["--most of at most 49 in 120"]);
    f.run("explain spacing r --motif MA0105.4").fails_saying(&["expected two motifs, found 1", "--motif twice"]);
    f.run("explain spacing r --motif MA0105.4 --motif nobody").fails_saying(&["found \"nobody\"", "--motifs"]);
    f.run("dataset simulate --plant MA0105.4 --signal 81 --length 120 -o e").fails_saying(&["found 81 bases"]);
    f.run("dataset simulate --plant MA0105.4 --reads 5 -o e").fails_saying(&["--signal"]);
}
