//! Bad input, as a table: what was given, and what the message must say.

use crate::support::{Folder, small_table};

fn folder() -> Folder {
    let folder = Folder::new();
    folder
        .write("t.tsv", small_table())
        .write("g.fa", b">chr1\nACGTACGTACGTACGTACGT\nACGTACGTAC\n>chr2\nTTTTTTTTTTTTTTTTTTTT\n");
    folder
}

#[test]
fn tables_and_fasta() {
    let f = folder();
    f.write("empty.tsv", "").write("letters.tsv", "sequence\tlabel\nACGT\t1\nAC?T\t0\n");
    f.write("words.tsv", "sequence\tlabel\nACGT\t1\nACTT\tx1\n").write("nolabel.tsv", "sequence\tlable\nACGT\t1\n");
    f.write("text.fa", "ACGT\n");
    let cases: &[(&str, &[&str])] = &[
        ("dataset sequences nowhere.tsv -o d", &["nowhere.tsv", "expected a file"]),
        ("dataset sequences empty.tsv -o d", &["empty.tsv", "empty"]),
        ("dataset sequences letters.tsv -o d", &["letters.tsv", "line 3", "'?'"]),
        ("dataset sequences words.tsv --label-kind regression -o d", &["words.tsv", "line 3", "x1", "hint:"]),
        ("dataset sequences nolabel.tsv -o d", &["nolabel.tsv", "label", "lable"]),
        ("dataset sequences text.fa --negatives shuffle -o d", &["text.fa", "line 1", ">"]),
    ];
    for (line, parts) in cases {
        f.run(line).fails_saying(parts);
        assert!(!f.path("d").exists(), "{line} left an output");
    }
}

#[test]
fn windows_bom_and_line_ends_are_read() {
    let f = folder();
    f.write("crlf.tsv", format!("\u{feff}{}", small_table().replace('\n', "\r\n")));
    f.run("dataset sequences crlf.tsv -o crlf").ok();
    f.run("dataset sequences t.tsv -o plain").ok();
    let bytes = |d: &str| std::fs::read(f.path(d).join("examples.parquet")).unwrap();
    assert_eq!(bytes("crlf"), bytes("plain"));
}

#[test]
fn truncated_gzip_is_an_error_and_leaves_nothing() {
    use std::io::Write;
    let f = folder();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(small_table().as_bytes()).unwrap();
    let bytes = gz.finish().unwrap();
    f.write("t.tsv.gz", &bytes[..bytes.len() / 2]);
    f.run("dataset sequences t.tsv.gz -o d").fails_saying(&["t.tsv.gz", "truncated"]);
    assert!(!f.path("d").exists());
}

#[test]
fn intervals() {
    let f = folder();
    f.write("past.bed", "chr1\t20\t40\n")
        .write("back.bed", "chr1\t9\t5\n")
        .write("one.bed", "1\t2\t8\n")
        .write("words.bed", "chr1\tx\t8\n");
    let cases: &[(&str, &[&str])] = &[
        ("past.bed", &["past.bed", "chr1", "40", "30"]),
        ("back.bed", &["back.bed", "line 1", "9", "5"]),
        ("one.bed", &["\"1\"", "chr1", "hint:"]),
        ("words.bed", &["words.bed", "line 1", "x"]),
    ];
    for (bed, parts) in cases {
        f.run(&format!("dataset intervals {bed} --genome g.fa --window as-is --negatives none -o d"))
            .fails_saying(parts);
    }
    // An index that is older than its genome, and wrong.
    f.write("g.fa.fai", "chr1\t30\t99\t20\t21\n");
    f.run("dataset intervals one.bed --genome g.fa --window as-is --negatives none -o d")
        .fails_saying(&["g.fa.fai", "hint:"]);
}

#[test]
fn models() {
    let f = folder();
    f.run("dataset sequences t.tsv -o data").ok();
    f.write("layer.toml", "[[layer]]\ntype = \"cnov1d\"\nfilters = 4\nwidth = 5\n");
    f.write("key.toml", "[[layer]]\ntype = \"conv1d\"\nfilter = 4\nwidth = 5\n");
    f.write("shape.toml", "[[layer]]\ntype = \"max-pool1d\"\nwidth = 500\n");
    let cases: &[(&str, &[&str])] = &[
        ("train data --model layer.toml -o r", &["layer.toml", "cnov1d", "conv1d"]),
        ("train data --model key.toml -o r", &["key.toml", "filter", "filters"]),
        ("train data --model shape.toml -o r", &["500", "40"]),
        ("train data --model ccn -o r", &["ccn", "cnn"]),
        ("train data --device gpu:7 -o r", &["GPU"]),
        ("train nothing -o r", &["nothing", "expected"]),
        ("train data --learning-rate -1 -o r", &["learning_rate", "-1"]),
        ("evaluate data", &["data", "expected a run directory"]),
        ("evaluate nothing", &["nothing", "expected a run directory"]),
    ];
    for (line, parts) in cases {
        f.run(line).fails_saying(parts);
        assert!(!f.path("r/run.json").exists(), "{line}");
    }
}

#[test]
fn splits_and_labels() {
    let f = folder();
    let one_class = small_table().replace("\t0\ttrain", "\t1\ttrain");
    f.write("one.tsv", one_class);
    f.run("dataset sequences one.tsv -o one").ok();
    let ran = f.run("dataset check one").ok();
    assert!(ran.stdout.contains("note  one class split"), "{}", ran.stdout);
    f.write("novalid.tsv", "sequence\tlabel\tsplit\nACGT\t1\ttrian\nAAAA\t0\ttest\n");
    f.run("dataset sequences novalid.tsv --split column -o d").fails_saying(&["novalid.tsv", "trian"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_and_a_locked_place_are_told() {
    let f = folder();
    f.run("dataset sequences t.tsv -o data").ok();
    f.run("train data --epochs 1 -o run").ok();
    f.run("predict run data -o /proc/nowhere/p.tsv").fails_saying(&["/proc/nowhere"]);
    f.run("dataset sequences t.tsv -o /proc/nowhere").fails_saying(&["/proc/nowhere"]);
    let full = crate::support::shell_in(&f.path(""), "basewise predict run data -o - > /dev/full");
    full.fails_saying(&["no space"]);
}

#[test]
fn what_is_there_is_not_lost() {
    let f = folder();
    f.run("dataset sequences t.tsv -o data").ok();
    f.run("train data --epochs 1 -o run").ok();
    let model = std::fs::read(f.path("run/model.safetensors")).unwrap();
    // A mistake is found before the old run is removed.
    f.run("train data --epochs 0 -o run --overwrite").fails_saying(&["epochs"]);
    f.run("train data --batch-size 0 -o run --overwrite").fails_saying(&["batch_size"]);
    assert_eq!(std::fs::read(f.path("run/model.safetensors")).unwrap(), model);
    // What the user put there stays.
    f.write("run/notes.txt", "mine").write("data/notes.txt", "mine");
    f.run("train data --epochs 1 -o run --overwrite").fails_saying(&["notes.txt"]);
    f.run("dataset sequences t.tsv -o data --overwrite").fails_saying(&["notes.txt"]);
    std::fs::create_dir(f.path("mine")).unwrap();
    f.write("mine/a.txt", "mine");
    f.run("explain run --limit 1 -o mine").fails_saying(&["expected a new or empty directory"]);
    // An input is not an output.
    f.write("s.fa", ">a\nACGT\n");
    f.run("predict run s.fa -o s.fa").fails_saying(&["s.fa"]);
    f.run("predict run t.tsv -o t.tsv").fails_saying(&["expected another output"]);
    // A typo in the split column is no silent random split.
    f.write("typo.tsv", small_table().replacen("\ttest", "\ttset", 1));
    f.run("dataset sequences typo.tsv -o typo").fails_saying(&["typo.tsv", "tset", "hint:"]);
    // Finished runs have nothing to resume.
    std::fs::remove_file(f.path("run/notes.txt")).unwrap();
    let again = f.run("train data --epochs 1 -o run --resume").ok();
    assert!(again.stderr.contains("finished already"), "{}", again.stderr);
    assert_eq!(std::fs::read(f.path("run/model.safetensors")).unwrap(), model);
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let f = folder();
    f.run("dataset sequences t.tsv -o data").ok();
    f.run("train data --epochs 1 -o run").ok();
    let ran = crate::support::shell_in(
        &f.path(""),
        "basewise predict run data -o - | head -1; basewise dataset show data | head -1",
    )
    .ok();
    assert_eq!(ran.stdout.lines().count(), 2);
    assert!(!ran.stderr.contains("error"), "{}", ran.stderr);
}

#[test]
fn a_damaged_model_or_data_set_is_refused() {
    let f = folder();
    f.run("dataset sequences t.tsv -o data").ok();
    f.run("train data --epochs 1 -o run").ok();
    let model = std::fs::read(f.path("run/model.safetensors")).unwrap();
    for keep in [0, 7, 100, model.len() - 1] {
        f.write("run/model.safetensors", &model[..keep]);
        f.run("evaluate run").fails_saying(&["model.safetensors"]);
    }
    let rows = std::fs::read(f.path("data/examples.parquet")).unwrap();
    for keep in [0, 3, 50, rows.len() - 1] {
        f.write("data/examples.parquet", &rows[..keep]);
        f.run("dataset show data").fails_saying(&["examples.parquet"]);
    }
}
