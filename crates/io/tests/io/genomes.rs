use crate::support::{Dir, bgzip, fails, gzip, says, text};
use basewise_core::{Interval, Strand};
use basewise_io::Genome;
use std::path::Path;

const FASTA: &str = ">chr1 the first\nACGTa\nCCGTN\nGG\n>chr2\nTTTTT\nAAAAA\n>chrM\nGATTACA\n";

fn at(chrom: &str, start: u64, end: u64, strand: Strand) -> Interval {
    Interval { chrom: chrom.to_owned(), start, end, strand }
}

fn forward(genome: &Genome, chrom: &str, start: u64, end: u64) -> String {
    String::from_utf8(genome.fetch(&at(chrom, start, end, Strand::Forward)).unwrap()).unwrap()
}

/// The same text plain, with Windows line ends, by bgzip with small blocks, and by gzip.
fn flavours(dir: &Dir) -> Vec<std::path::PathBuf> {
    let windows = FASTA.replace('\n', "\r\n");
    let stripped = FASTA.trim_end().to_owned();
    vec![
        dir.put("plain.fa", FASTA),
        dir.put("windows.fa", windows),
        dir.put("open.fa", stripped),
        dir.put("mark.fa", format!("\u{feff}{FASTA}")),
        dir.put("small.fa.bgz", bgzip(FASTA.as_bytes(), 7)),
        dir.put("one.fa.bgz", bgzip(FASTA.as_bytes(), 60000)),
        dir.put("gzip.fa.gz", gzip(FASTA.as_bytes())),
    ]
}

#[test]
fn every_interval_of_every_flavour_is_right() {
    let dir = Dir::new();
    let contigs = [("chr1", "ACGTaCCGTNGG"), ("chr2", "TTTTTAAAAA"), ("chrM", "GATTACA")];
    for path in flavours(&dir) {
        // The first opening makes the index, the second uses it.
        for _ in 0..2 {
            let genome = Genome::open(&path).unwrap();
            let names: Vec<(&str, u64)> = genome.contigs().iter().map(|(name, n)| (name.as_str(), *n)).collect();
            assert_eq!(names, [("chr1", 12), ("chr2", 10), ("chrM", 7)]);
            for (chrom, letters) in contigs {
                for start in 0..letters.len() {
                    for end in start + 1..=letters.len() {
                        let found = forward(&genome, chrom, start as u64, end as u64);
                        assert_eq!(found, letters[start..end], "{} {chrom}:{start}-{end}", path.display());
                    }
                }
            }
        }
    }
}

#[test]
fn the_reverse_strand_is_the_reverse_complement() {
    let dir = Dir::new();
    let genome = Genome::open(&dir.put("g.fa", FASTA)).unwrap();
    assert_eq!(genome.fetch(&at("chr1", 0, 12, Strand::Reverse)).unwrap(), b"CCNACGGtACGT");
    assert_eq!(genome.fetch(&at("chr1", 0, 1, Strand::Reverse)).unwrap(), b"T");
    assert_eq!(genome.fetch(&at("chr1", 11, 12, Strand::Reverse)).unwrap(), b"C");
}

#[test]
fn what_lies_outside_is_an_error() {
    let dir = Dir::new();
    for path in flavours(&dir) {
        let genome = Genome::open(&path).unwrap();
        let fetch = |chrom, start, end| genome.fetch(&at(chrom, start, end, Strand::Forward));
        says(fetch("chr1", 11, 13), &path, &["chr1:11-13(+)", "12 bases", "13"]);
        says(fetch("chr1", 12, 13), &path, &["12 bases"]);
        says(fetch("chr1", 5, 5), &path, &["start < end"]);
        says(fetch("chr1", 9, 2), &path, &["start < end"]);
        says(fetch("chr1", 0, u64::MAX), &path, &["12 bases"]);
    }
}

#[test]
fn an_unknown_contig_gets_a_hint() {
    let dir = Dir::new();
    let path = dir.put("g.fa", FASTA);
    let genome = Genome::open(&path).unwrap();
    says(genome.length("1"), &path, &["found \"1\"", "the genome calls it \"chr1\""]);
    says(genome.length("MT"), &path, &["calls it \"chrM\""]);
    says(genome.length("Chr2"), &path, &["did you mean \"chr2\""]);
    says(genome.length("scaffold_99"), &path, &["the genome has chr1, chr2, chrM"]);
    let ensembl = dir.put("e.fa", ">1\nA\n>MT\nC\n");
    let genome = Genome::open(&ensembl).unwrap();
    says(genome.length("chr1"), &ensembl, &["calls it \"1\""]);
    says(genome.length("chrM"), &ensembl, &["calls it \"MT\""]);
}

#[test]
fn the_index_is_what_samtools_writes() {
    let dir = Dir::new();
    Genome::open(&dir.put("g.fa", FASTA)).unwrap();
    // samtools 1.16.1: samtools faidx g.fa.
    assert_eq!(text(&dir.at("g.fa.fai")), "chr1\t12\t16\t5\t6\nchr2\t10\t37\t5\t6\nchrM\t7\t55\t7\t8\n");
    let windows = FASTA.replace('\n', "\r\n");
    Genome::open(&dir.put("w.fa", windows)).unwrap();
    assert_eq!(text(&dir.at("w.fa.fai")), "chr1\t12\t17\t5\t7\nchr2\t10\t42\t5\t7\nchrM\t7\t63\t7\t9\n");
    assert_eq!(dir.names(), ["g.fa", "g.fa.fai", "w.fa", "w.fa.fai"]);
}

#[test]
fn a_stale_index_is_an_error_that_names_the_fix() {
    let dir = Dir::new();
    let edits = [
        ("a base more", FASTA.replace("GATTACA", "GATTACAG")),
        ("a base less", FASTA.replace("GATTACA", "GATTAC")),
        ("a contig more", format!("{FASTA}>chrX\nA\n")),
        ("a contig less", FASTA.replace(">chrM\nGATTACA\n", "")),
        ("another name", FASTA.replace(">chr2", ">chrB")),
        ("a longer name", FASTA.replace(">chr2", ">chr22")),
        ("another order", ">chr2\nTTTTT\nAAAAA\n>chr1 the first\nACGTa\nCCGTN\nGG\n>chrM\nGATTACA\n".to_owned()),
        ("another width", FASTA.replace("ACGTa\nCCGTN\nGG", "ACGTaC\nCGTNGG")),
        ("a base earlier", FASTA.replace("TTTTT\nAAAAA", "TTTTT\nAAAA")),
        ("windows", FASTA.replace('\n', "\r\n")),
    ];
    for (what, edited) in edits {
        for (name, pack) in [("g.fa", (|b| b.to_vec()) as fn(&[u8]) -> Vec<u8>), ("g.fa.gz", |b| bgzip(b, 9))] {
            let path = dir.put(name, pack(FASTA.as_bytes()));
            Genome::open(&path).unwrap();
            dir.put(name, pack(edited.as_bytes()));
            let error = fails(Genome::open(&path));
            let hint = error.hint().unwrap_or_default();
            assert!(hint.contains("delete") && hint.contains("made anew"), "{what} in {name}: {error} / {hint}");
            for index in [".fai", ".gzi"] {
                let _ = std::fs::remove_file(dir.at(&format!("{name}{index}")));
            }
            Genome::open(&path).unwrap();
            let _ = std::fs::remove_file(dir.at(&format!("{name}.fai")));
            let _ = std::fs::remove_file(dir.at(&format!("{name}.gzi")));
        }
    }
}

#[test]
fn a_broken_index_is_an_error_that_names_the_fix() {
    let dir = Dir::new();
    let path = dir.put("g.fa", FASTA);
    for fai in [
        "chr1\t12\t16\t5\n",
        "chr1\t12\t16\t5\tx\n",
        "chr1\t12\t16\t0\t0\n",
        "chr1\t99999999999999999999\t16\t5\t6\n",
        "chr1\t1152921504606846975\t16\t5\t6\n",
        "chr1\t12\t1152921504606846975\t5\t6\n",
        "chr1\t12\t16\t5\t6\nchr1\t12\t16\t5\t6\n",
        "chr1\t12\t0\t5\t6\n",
        "",
    ] {
        let index = dir.put("g.fa.fai", fai);
        says(Genome::open(&path).map(|_| ()), &index, &[]);
    }
    let bgz = dir.put("b.fa.gz", bgzip(FASTA.as_bytes(), 9));
    Genome::open(&bgz).unwrap();
    let index = dir.at("b.fa.gz.gzi");
    let whole = crate::support::bytes(&index);
    for end in 0..whole.len() {
        dir.put("b.fa.gz.gzi", &whole[..end]);
        says(Genome::open(&bgz).map(|_| ()), &index, &["delete"]);
    }
}

#[test]
fn genomes_that_cannot_be_indexed_are_named_with_their_line() {
    let dir = Dir::new();
    for (text, parts) in [
        ("", &["is empty"][..]),
        ("\n", &["at least one sequence"]),
        ("ACGT\n", &["line 1", "expected '>'"]),
        (">a\nACGT\nAC\nACGT\n", &["line 4", "lines of 4 bases", "rewrap"]),
        (">a\nAC\nACGT\n", &["line 3", "lines of 2 bases"]),
        (">a\nAC\n\nAC\n", &["line 4", "lines of 2 bases"]),
        (">a\nAC\n>a\nAC\n", &["line 3", "\"a\" twice"]),
        (">\nAC\n", &["a name after '>'"]),
        (">a\nA C\n", &["line 2", "' '"]),
        (">a\rACGT\r>b\rACGT\r", &["at least"]),
    ] {
        let path = dir.put("x.fa", text);
        if text.contains('\r') {
            // Old Macintosh line ends make one long header: a genome without a base.
            let genome = Genome::open(&path).unwrap();
            assert!(genome.fetch(&at("a", 0, 1, Strand::Forward)).is_err());
        } else {
            says(Genome::open(&path).map(|_| ()), &path, parts);
        }
        let _ = std::fs::remove_file(dir.at("x.fa.fai"));
    }
    assert!(Genome::open(Path::new("-")).is_err());
}

#[test]
fn a_cut_bgzip_genome_is_an_error() {
    let dir = Dir::new();
    let whole = bgzip(FASTA.as_bytes(), 9);
    for end in 1..whole.len() {
        let path = dir.put("cut.fa.gz", &whole[..end]);
        assert!(Genome::open(&path).is_err(), "cut at {end}");
    }
    // No index is left from any of them.
    assert_eq!(dir.names(), ["cut.fa.gz"]);
}

#[cfg(unix)]
#[test]
fn an_index_that_cannot_be_kept_stays_in_memory() {
    let dir = Dir::new();
    let path = dir.put("g.fa", FASTA);
    // A link to nowhere below a missing directory cannot be written through, not even by the superuser.
    std::os::unix::fs::symlink("/proc/nowhere/g.fa.fai", dir.at("g.fa.fai")).unwrap();
    let genome = Genome::open(&path).unwrap();
    assert_eq!(forward(&genome, "chrM", 0, 7), "GATTACA");
}
