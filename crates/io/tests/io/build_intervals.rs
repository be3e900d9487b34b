use crate::support::{Dir, fails, says};
use basewise_core::random::{below, stream};
use basewise_core::{Alphabet, CasePolicy, Encoding, Split, Strand, Transform};
use basewise_io::build::{
    BedColumn, BedColumns, Built, IntervalsSpec, Negatives, OutOfBounds, PeakFile, SplitPolicy, WindowPolicy, intervals,
};
use std::collections::BTreeMap;
use std::path::PathBuf;

const DNA: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };

fn peaks(task: &str, path: PathBuf) -> PeakFile {
    PeakFile { task: task.into(), path }
}

fn places(built: &Built) -> Vec<String> {
    let place = |e: &basewise_core::Example| e.place.as_ref().map(ToString::to_string).unwrap_or_default();
    built.dataset.examples.iter().map(place).collect()
}

fn letters(built: &Built) -> Vec<String> {
    built.dataset.examples.iter().map(|e| String::from_utf8(e.sequence.clone()).unwrap()).collect()
}

fn checked(built: Built) -> Built {
    let account = &built.account;
    assert_eq!(account.read, account.used + account.skipped.values().sum::<usize>());
    assert_eq!(built.dataset.examples.len(), account.used + account.made);
    built
}

/// Three chromosomes of random letters, 6000 bases each.
fn genome(dir: &Dir) -> (PathBuf, BTreeMap<String, String>) {
    let mut rng = stream(5, "test genome", &[]);
    let mut contigs = BTreeMap::new();
    let mut text = String::new();
    for chrom in ["chr1", "chr2", "chr3"] {
        let letters: String = (0..6000).map(|_| ['A', 'C', 'G', 'T'][below(&mut rng, 4)]).collect();
        text += &format!(">{chrom}\n");
        for line in letters.as_bytes().chunks(60) {
            text += &format!("{}\n", String::from_utf8_lossy(line));
        }
        contigs.insert(chrom.to_owned(), letters);
    }
    (dir.put("g.fa", text), contigs)
}

#[test]
fn windows_are_centred_on_summit_or_middle() {
    let dir = Dir::new();
    let genome = dir.put("g.fa", ">c\nACGTACGTAC\nGTTTTTCCCC\n");
    let narrow = dir.put("p.narrowPeak", "c\t2\t12\tp1\t0\t.\t1\t1\t1\t3\nc\t2\t12\tp2\t0\t-\t1\t1\t1\t-1\n");
    let at = |window| intervals(&IntervalsSpec::new(&genome, vec![peaks("p", narrow.clone())], window, DNA)).unwrap();
    let four = checked(at(WindowPolicy::Centred(4)));
    assert_eq!(places(&four), ["c:3-7(+)", "c:5-9(-)"]);
    assert_eq!(letters(&four), ["TACG", "TACG"]);
    assert_eq!(four.dataset.examples[0].id, "p1");
    let three = at(WindowPolicy::Centred(3));
    assert_eq!(places(&three), ["c:4-7(+)", "c:6-9(-)"]);
    let own = at(WindowPolicy::AsIs);
    assert_eq!((places(&own)[0].as_str(), own.dataset.length), ("c:2-12(+)", 10));
    let with_margin = IntervalsSpec {
        jitter: 2,
        stranded: false,
        ..IntervalsSpec::new(&genome, vec![peaks("p", narrow.clone())], WindowPolicy::Centred(4), DNA)
    };
    let jittered = intervals(&with_margin).unwrap();
    assert_eq!(places(&jittered), ["c:1-9(+)", "c:3-11(+)"]);
    assert_eq!((jittered.dataset.length, jittered.dataset.jitter), (4, 2));
}

#[test]
fn rna_is_stored_with_u_on_both_strands() {
    let dir = Dir::new();
    let genome = dir.put("g.fa", ">c\nACGTtNAA\n");
    let bed = dir.put("p.bed", "c\t0\t6\ta\t0\t+\nc\t0\t6\tb\t0\t-\n");
    let rna = Encoding { alphabet: Alphabet::Rna, case: CasePolicy::Ignore };
    let built = intervals(&IntervalsSpec::new(&genome, vec![peaks("p", bed)], WindowPolicy::AsIs, rna)).unwrap();
    assert_eq!(letters(&built), ["ACGUuN", "NaACGU"]);
}

#[test]
fn what_reaches_beyond_a_chromosome_is_an_error_or_counted() {
    let dir = Dir::new();
    let genome = dir.put("g.fa", ">c\nACGTACGTAC\n>d\nGGGGGGGGGG\n");
    let bed = dir.put("p.bed", "c\t1\t2\nc\t4\t6\nc\t9\t10\nc\t50\t51\n");
    let spec = |out_of_bounds| IntervalsSpec {
        out_of_bounds,
        ..IntervalsSpec::new(&genome, vec![peaks("p", bed.clone())], WindowPolicy::Centred(6), DNA)
    };
    says(
        intervals(&spec(OutOfBounds::Error)),
        &bed,
        &["line 1", "\"c\" of 10 bases", "-2 to 4", "--out-of-bounds skip"],
    );
    let skipped = checked(intervals(&spec(OutOfBounds::Skip)).unwrap());
    assert_eq!((letters(&skipped), skipped.account.used), (vec!["GTACGT".to_owned()], 1));
    assert_eq!(skipped.account.skipped, BTreeMap::from([("beyond the end of its chromosome".to_owned(), 3)]));
    let padded = checked(intervals(&spec(OutOfBounds::Pad)).unwrap());
    assert_eq!(letters(&padded), ["NNACGT", "GTACGT", "GTACNN"]);
    assert_eq!(places(&padded), ["c:0-4(+)", "c:2-8(+)", "c:6-10(+)"]);
    assert_eq!(padded.account.skipped, BTreeMap::from([("wholly beyond the end of its chromosome".to_owned(), 1)]));
}

#[test]
fn an_unknown_chromosome_is_an_error_under_every_policy() {
    let dir = Dir::new();
    let genome = dir.put("g.fa", ">1\nACGTACGTAC\n");
    let bed = dir.put("p.bed", "1\t1\t5\nchr1\t4\t6\n");
    for out_of_bounds in [OutOfBounds::Error, OutOfBounds::Skip, OutOfBounds::Pad] {
        let spec = IntervalsSpec {
            out_of_bounds,
            ..IntervalsSpec::new(&genome, vec![peaks("p", bed.clone())], WindowPolicy::AsIs, DNA)
        };
        says(intervals(&spec), &bed, &["line 2", "\"chr1\"", "the genome calls it \"1\""]);
    }
}

#[test]
fn several_files_are_several_tasks_of_merged_windows() {
    let dir = Dir::new();
    let (genome, _) = genome(&dir);
    let a = dir.put("a.bed", "chr1\t100\t200\nchr1\t1000\t1100\nchr1\t1000\t1100\n");
    let b = dir.put("b.bed", "chr1\t120\t220\nchr1\t3000\t3100\nchr1\t1080\t1180\n");
    let files = vec![peaks("a", a.clone()), peaks("b", b)];
    let built = checked(intervals(&IntervalsSpec::new(&genome, files, WindowPolicy::Centred(100), DNA)).unwrap());
    assert_eq!(places(&built), ["chr1:100-200(+)", "chr1:1000-1100(+)", "chr1:3000-3100(+)", "chr1:1080-1180(+)"]);
    let labels: Vec<&[f64]> = built.dataset.examples.iter().map(|e| e.labels.as_slice()).collect();
    assert_eq!(labels, [&[1.0, 1.0][..], &[1.0, 0.0], &[0.0, 1.0], &[0.0, 1.0]]);
    assert_eq!(built.account.skipped, BTreeMap::from([("merged with an overlapping window".to_owned(), 2)]));

    let one = IntervalsSpec::new(&genome, vec![peaks("a", a)], WindowPolicy::Centred(100), DNA);
    let built = checked(intervals(&one).unwrap());
    assert_eq!(built.account.skipped, BTreeMap::from([("same window as an earlier one".to_owned(), 1)]));
}

#[test]
fn splits_by_chromosome_and_at_random() {
    let dir = Dir::new();
    let (genome, _) = genome(&dir);
    let text: String =
        (0..90).map(|i| format!("chr{}\t{}\t{}\n", i % 3 + 1, 100 + i / 3 * 150, 180 + i / 3 * 150)).collect();
    let bed = dir.put("p.bed", text.clone() + &text.replace("80\n", "85\n"));
    let base = IntervalsSpec::new(&genome, vec![peaks("p", bed)], WindowPolicy::AsIs, DNA);
    let by = |valid: &[&str], test: &[&str]| {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let split = Some(SplitPolicy::Chromosome { valid: names(valid), test: names(test) });
        intervals(&IntervalsSpec { split, ..base.clone() })
    };
    let built = by(&["chr2"], &["chr3"]).unwrap();
    for example in &built.dataset.examples {
        let expected = match example.place.as_ref().map(|place| place.chrom.as_str()) {
            Some("chr2") => Split::Valid,
            Some("chr3") => Split::Test,
            _ => Split::Train,
        };
        assert_eq!(example.split, expected);
    }
    assert!(fails(by(&["2"], &[])).to_string().contains("chr2"));

    let random = intervals(&base).unwrap();
    assert!(!random.dataset.rows_of(Split::Test).is_empty());
    for a in &random.dataset.examples {
        for b in &random.dataset.examples {
            if a.place.as_ref().zip(b.place.as_ref()).is_some_and(|(a, b)| a.overlaps(b)) {
                assert_eq!(a.split, b.split, "{} and {} overlap", a.id, b.id);
            }
        }
    }
    assert!(intervals(&IntervalsSpec { split: Some(SplitPolicy::Column("x".into())), ..base }).is_err());
}

fn gc(letters: &[u8]) -> f64 {
    letters.iter().filter(|letter| b"GCgc".contains(letter)).count() as f64 / letters.len() as f64
}

#[test]
fn background_matches_gc_and_avoids_peaks_and_blacklist() {
    let dir = Dir::new();
    let (genome, contigs) = genome(&dir);
    let text: String =
        (0..12).map(|i| format!("chr{}\t{}\t{}\tp{i}\t0\t-\n", i % 3 + 1, 200 + i * 150, 300 + i * 150)).collect();
    let bed = dir.put("p.bed", text);
    let blacklist = dir.put("black.bed", "chr1\t3000\t6000\n");
    let spec = |same_chromosome, seed| IntervalsSpec {
        negatives: Negatives::Background {
            per_positive: 2,
            blacklist: Some(blacklist.clone()),
            same_chromosome,
            gc_tolerance: 0.03,
        },
        seed,
        ..IntervalsSpec::new(&genome, vec![peaks("p", bed.clone())], WindowPolicy::Centred(100), DNA)
    };
    for same_chromosome in [true, false] {
        let built = checked(intervals(&spec(same_chromosome, 3)).unwrap());
        let missing: usize = built.account.not_made.values().sum();
        assert_eq!(built.account.made + missing, 24);
        assert!(built.account.made >= 20, "{:?}", built.account);
        let (positives, negatives) = built.dataset.examples.split_at(12);
        for negative in negatives {
            let (id, _) = negative.id.split_once("_background").unwrap();
            let positive = positives.iter().find(|e| e.id == id).unwrap();
            let (place, own) = (negative.place.as_ref().unwrap(), positive.place.as_ref().unwrap());
            assert_eq!((negative.labels[0], place.strand, place.len()), (0.0, Strand::Reverse, 100));
            assert!((gc(&negative.sequence) - gc(&positive.sequence)).abs() <= 0.0301);
            assert!(!same_chromosome || place.chrom == own.chrom);
            assert!(place.chrom != "chr1" || place.end <= 3000, "{place} is blacklisted");
            let others = built.dataset.examples.iter().filter(|other| other.id != negative.id);
            assert!(others.filter_map(|other| other.place.as_ref()).all(|other| !other.overlaps(place)));
            let letters = &contigs[&place.chrom].as_bytes()[place.start as usize..place.end as usize];
            assert_eq!(negative.sequence, basewise_core::reverse_complement(letters, Alphabet::Dna));
        }
        assert_eq!(intervals(&spec(same_chromosome, 3)).unwrap().dataset, built.dataset);
        assert_ne!(intervals(&spec(same_chromosome, 4)).unwrap().dataset, built.dataset);
    }
}

#[test]
fn background_that_is_not_there_is_counted() {
    let dir = Dir::new();
    let genome = dir.put("g.fa", format!(">c\n{}{}\n", "GC".repeat(50), "AT".repeat(400)));
    let bed = dir.put("p.bed", "c\t0\t40\nc\t50\t90\n");
    let spec = IntervalsSpec {
        negatives: Negatives::Background {
            per_positive: 1,
            blacklist: None,
            same_chromosome: true,
            gc_tolerance: 0.05,
        },
        ..IntervalsSpec::new(&genome, vec![peaks("p", bed)], WindowPolicy::AsIs, DNA)
    };
    let built = checked(intervals(&spec).unwrap());
    assert_eq!(built.account.not_made, BTreeMap::from([("no background of its GC found".to_owned(), 2)]));
}

#[test]
fn negatives_come_from_shuffles_or_files() {
    let dir = Dir::new();
    let (genome, contigs) = genome(&dir);
    let bed = dir.put("p.bed", "chr1\t100\t200\tp\n");
    let with = |negatives| {
        let spec = IntervalsSpec::new(&genome, vec![peaks("p", bed.clone())], WindowPolicy::AsIs, DNA);
        checked(intervals(&IntervalsSpec { negatives, ..spec }).unwrap())
    };
    let shuffled = with(Negatives::Shuffle { per_positive: 1 });
    assert_eq!((shuffled.dataset.examples[1].id.as_str(), shuffled.dataset.examples[1].labels[0]), ("p_shuffle1", 0.0));
    let file = with(Negatives::File(dir.put("n.bed", "chr2\t10\t20\nchr3\t0\t5\n")));
    assert_eq!(letters(&file)[1..], [contigs["chr2"][10..20].to_owned(), contigs["chr3"][..5].to_owned()]);
    assert_eq!(file.dataset.examples[2].labels, [0.0]);
    let fasta = with(Negatives::File(dir.put("n.fa", ">n\nACGT\n")));
    assert_eq!((letters(&fasta)[1].as_str(), fasta.account.read), ("ACGT", 2));
}

#[test]
fn windows_of_n_are_left_out_when_asked() {
    let dir = Dir::new();
    let genome = dir.put("g.fa", ">c\nACGTNNNNNNACGTACGTAC\n");
    let bed = dir.put("p.bed", "c\t0\t6\nc\t10\t16\n");
    let spec = IntervalsSpec {
        max_unknown: 0.1,
        ..IntervalsSpec::new(&genome, vec![peaks("p", bed.clone())], WindowPolicy::AsIs, DNA)
    };
    let built = checked(intervals(&spec).unwrap());
    assert_eq!(built.account.skipped, BTreeMap::from([("too many N".to_owned(), 1)]));
    for broken in [
        IntervalsSpec { max_unknown: 2.0, ..spec.clone() },
        IntervalsSpec { min_overlap: 0.0, ..spec.clone() },
        IntervalsSpec { window: WindowPolicy::Centred(0), ..spec.clone() },
        IntervalsSpec { window: WindowPolicy::Centred(usize::MAX), ..spec.clone() },
        IntervalsSpec { peaks: vec![], ..spec },
    ] {
        assert!(intervals(&broken).is_err());
    }
}

#[test]
fn tasks_need_names_and_windows_a_sane_length() {
    let dir = Dir::new();
    let (genome, _) = genome(&dir);
    let bed = dir.put("p.bed", "chr1\t100\t200\nchr1\t150\t250\n");
    for name in ["", " "] {
        let spec = IntervalsSpec::new(&genome, vec![peaks(name, bed.clone())], WindowPolicy::AsIs, DNA);
        says(intervals(&spec), &bed, &["expected a name for the task", "NAME=FILE"]);
    }
    for length in [0, 99_999_999_999] {
        let spec = IntervalsSpec::new(&genome, vec![peaks("p", bed.clone())], WindowPolicy::Centred(length), DNA);
        assert!(fails(intervals(&spec)).to_string().contains("a length from 1 to 100000000"));
    }
    let spec = IntervalsSpec::new(&genome, vec![peaks("p", bed.clone())], WindowPolicy::AsIs, DNA);
    let built = intervals(&spec).unwrap();
    let told = "split is empty: 1 group of overlapping windows is too few";
    assert_eq!(built.warnings, [format!("the valid {told}"), format!("the test {told}")]);
    let negatives =
        Negatives::Background { per_positive: 0, blacklist: None, same_chromosome: true, gc_tolerance: 0.1 };
    let error = fails(intervals(&IntervalsSpec { negatives, ..spec }));
    assert!(error.to_string().contains("at least 1 negative"), "{error}");
}

#[test]
fn columns_of_peaks_become_covariates_and_weights() {
    let dir = Dir::new();
    let (genome, _) = genome(&dir);
    let line =
        |i: usize, signal: &str| format!("chr1\t{}\t{}\tp{i}\t{}\t.\t{signal}\t-1\t3\t5\n", 100 * i, 100 * i + 20, i);
    let narrow = dir.put("p.narrowPeak", (1..20).map(|i| line(i, &format!("{i}.5"))).collect::<String>());
    let column = |name| BedColumn::parse(name).unwrap();
    let mut spec = IntervalsSpec::new(&genome, vec![peaks("p", narrow)], WindowPolicy::Centred(10), DNA);
    spec.columns = BedColumns {
        covariates: vec![(column("signalValue"), Transform::Log), (column("pValue"), Transform::None)],
        weight: Some(column("score")),
    };
    spec.negatives = Negatives::Shuffle { per_positive: 1 };
    let built = checked(intervals(&spec).unwrap());
    let of = |id: &str| built.dataset.examples.iter().find(|example| example.id == id).unwrap();
    // A shuffle has the numbers of its peak.
    for id in ["p3", "p3_shuffle1"] {
        let example = of(id);
        assert!(example.covariates[0] == 3.5 && example.covariates[1].is_nan() && example.weight == 3.0, "{example:?}");
    }
    let names: Vec<&str> = built.dataset.covariates.iter().map(|covariate| covariate.name.as_str()).collect();
    assert_eq!(names, ["signalValue", "pValue"]);
    assert!(built.dataset.covariates[0].mean > 0.0);
    assert!(
        built.warnings.iter().any(|warning| warning.contains("\"pValue\": no value is known")),
        "{:?}",
        built.warnings
    );
    // Negatives of a BED file have their own.
    let negatives: String = (1..20).map(|i| line(i + 30, "2")).collect();
    spec.negatives = Negatives::File(dir.put("n.narrowPeak", negatives));
    let built = checked(intervals(&spec).unwrap());
    let negative = built.dataset.examples.iter().find(|example| example.id == "p33").unwrap();
    assert_eq!((negative.labels[0], negative.covariates[0], negative.weight), (0.0, 2.0, 33.0));
    // A background window has the weight of its peak, and no covariates.
    spec.negatives =
        Negatives::Background { per_positive: 1, blacklist: None, same_chromosome: true, gc_tolerance: 0.5 };
    let error = intervals(&spec).unwrap_err().to_string();
    assert!(error.contains("background windows, of which none are known"), "{error}");
    spec.columns.covariates.clear();
    let built = checked(intervals(&spec).unwrap());
    let made = built.dataset.examples.iter().find(|example| example.id == "p9_background1").unwrap();
    assert_eq!(made.weight, 9.0);
    spec.columns.weight = Some(column("11"));
    says(intervals(&spec), &dir.at("p.narrowPeak"), &["line 1", "expected a column 11"]);
}
