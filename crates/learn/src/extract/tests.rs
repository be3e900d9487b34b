use super::*;
use basewise_core::random::{Stream, below, stream};
use basewise_core::{Alphabet, CasePolicy};
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;

fn batch_of(case: CasePolicy, alphabet: Alphabet, length: usize, letters: &[&str]) -> SequenceBatch {
    let mut batch = SequenceBatch::new(Encoding { alphabet, case }, length);
    letters.iter().for_each(|letters| batch.push(letters.as_bytes()).unwrap());
    batch
}

fn dna(letters: &[&str]) -> SequenceBatch {
    batch_of(CasePolicy::Ignore, Alphabet::Dna, letters[0].len(), letters)
}

/// Fits on a batch and gives its columns that are not 0, by name.
fn extract(spec: &str, batch: &SequenceBatch) -> Vec<BTreeMap<String, f32>> {
    let extractor = Extractor::fit(&spec.parse().unwrap(), batch, &Sources::default()).unwrap();
    named(&extractor.transform(batch).unwrap())
}

fn named(features: &Features) -> Vec<BTreeMap<String, f32>> {
    let row =
        |row| features.row(row).filter(|(_, v)| *v != 0.0).map(|(c, v)| (features.names()[c].clone(), v)).collect();
    (0..features.rows()).map(row).collect()
}

fn map(entries: &[(&str, f32)]) -> BTreeMap<String, f32> {
    entries.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
}

#[test]
fn specifications_are_read_back_and_errors_name_the_word() {
    for text in [
        "length",
        "gc,cpg,covariates",
        "kmers=3",
        "kmers=1-8:tfidf:canonical",
        "kmers=6:presence",
        "gapped=4.20",
        "gapped=2.1-5:frequencies",
        "positional=1,positional=2",
        "positional=2@50",
        "motifs=a:b.meme",
        "motifs=a.meme:sum",
    ] {
        assert_eq!(text.parse::<FeatureSpec>().unwrap().to_string(), text);
    }
    let motifs: FeatureSpec = "motifs=x.meme:best,gc,motifs=y.jaspar".parse().unwrap();
    assert_eq!(motifs.motif_sources().collect::<Vec<_>>(), ["x.meme", "y.jaspar"]);
    for (text, expected) in [
        ("", "\"\": expected length, gc"),
        ("gc,gc", "\"gc\": expected each kind of feature once"),
        ("gc=1", "expected length"),
        ("kmers=0", "1 to 8"),
        ("kmers=9", "1 to 8"),
        ("kmers=3-2", "1 to 8"),
        (
            "kmers=3:often",
            "counts, frequencies, presence, tfidf, sublinear-tfidf or canonical behind a colon, not \"often\"",
        ),
        ("gapped=2", "gapped=H.G"),
        ("gapped=5.1", "gapped=H.G"),
        ("gapped=2.0", "gapped=H.G"),
        ("positional=3", "positional=1 or positional=2"),
        ("positional=1@x", "positional=1"),
        ("motifs=", "motifs=FILE"),
    ] {
        let error = text.parse::<FeatureSpec>().unwrap_err().to_string();
        assert!(error.starts_with("features: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn composition_of_known_bases() {
    let rows = extract("length,gc,cpg", &dna(&["NACGCGTN", "AAAAAAAA", "NNNNNNNN", "CNNNNNNG"]));
    // CG twice; 2 C and 2 G of 6 bases.
    assert_eq!(rows[0], map(&[("length", 6.0), ("gc", 4.0 / 6.0), ("cpg", 3.0)]));
    assert_eq!(rows[1], map(&[("length", 8.0)]));
    // Without a known base the means stand in, of the three others.
    assert_eq!(rows[2], map(&[("gc", (4.0 / 6.0 + 0.0 + 1.0) / 3.0), ("cpg", 1.0)]));
    assert_eq!(rows[3], map(&[("length", 8.0), ("gc", 1.0)]));
    assert_eq!(extract("length,gc", &dna(&["NN"]))[0], map(&[]));
}

#[test]
fn words_at_the_ends_with_unknown_bases_and_on_both_strands() {
    let rows = extract("kmers=2", &dna(&["ACNGT", "TTTTT", "NNNNN"]));
    assert_eq!(rows[0], map(&[("kmer:AC", 1.0), ("kmer:GT", 1.0)]));
    assert_eq!(rows[1], map(&[("kmer:TT", 4.0)]));
    assert!(rows[2].is_empty());
    let both = extract("kmers=2:canonical", &dna(&["ACNGT", "TTTTT", "CGCGC"]));
    assert_eq!(both[0], map(&[("kmer:AC", 2.0)]));
    assert_eq!(both[1], map(&[("kmer:AA", 4.0)]));
    assert_eq!(both[2], map(&[("kmer:CG", 2.0), ("kmer:GC", 2.0)]));
    let shares = extract("kmers=1-2:frequencies", &dna(&["AACN", "CCCC"]));
    assert_eq!(shares[0], map(&[("kmer:A", 2.0 / 3.0), ("kmer:C", 1.0 / 3.0), ("kmer:AA", 0.5), ("kmer:AC", 0.5)]));
    assert_eq!(extract("kmers=8:presence", &dna(&["ACGTACGTACGTACGT"]))[0].len(), 4);
    assert!(extract("kmers=3", &dna(&["AC"]))[0].is_empty());
    let rna = batch_of(CasePolicy::Ignore, Alphabet::Rna, 3, &["ACU"]);
    assert_eq!(
        extract("kmers=2,positional=1", &rna)[0].keys().collect::<Vec<_>>(),
        ["kmer:AC", "kmer:CU", "pos+0:A", "pos+1:C", "pos+2:U"]
    );
}

#[test]
fn gaps_may_hold_anything() {
    let rows = extract("gapped=1.1-2", &dna(&["ACNT", "NAAA"]));
    assert_eq!(rows[0], map(&[("kmer:CnT", 1.0), ("kmer:AnnT", 1.0)]));
    assert_eq!(rows[1], map(&[("kmer:AnA", 1.0)]));
    // AC.GT is its own reverse complement; AA.AC is GT.TT.
    let both = extract("gapped=2.1:canonical", &dna(&["ACTGT", "AAGAC", "GTCTT"]));
    assert_eq!(both[0], map(&[("kmer:ACnGT", 1.0)]));
    assert_eq!(both[1], map(&[("kmer:AAnAC", 1.0)]));
    assert_eq!(both[2], both[1]);
}

#[test]
fn case_is_masked_or_counted_as_the_encoding_says() {
    let masked = batch_of(CasePolicy::MaskLower, Alphabet::Dna, 4, &["ACgt"]);
    assert_eq!(extract("kmers=1", &masked)[0], map(&[("kmer:A", 1.0), ("kmer:C", 1.0)]));
    let channel = batch_of(CasePolicy::Channel, Alphabet::Dna, 4, &["aACG"]);
    let expected =
        map(&[("kmer:AA", 1.0), ("kmer:AC", 1.0), ("kmer:CG", 1.0), ("kmer:AC:upper", 1.0), ("kmer:CG:upper", 1.0)]);
    assert_eq!(extract("kmers=2", &channel)[0], expected);
    assert_eq!(
        extract("gapped=1.1", &channel)[0],
        map(&[("kmer:AnC", 1.0), ("kmer:AnG", 1.0), ("kmer:AnG:upper", 1.0)])
    );
}

#[test]
fn positions_count_from_their_origin() {
    let rows = extract("positional=1@1,positional=2@1", &dna(&["ACN"]));
    assert_eq!(rows[0], map(&[("pos-1:A", 1.0), ("pos+0:C", 1.0), ("pos-1:AC", 1.0)]));
    let extractor = Extractor::fit(&"positional=1,positional=2".parse().unwrap(), &dna(&["ACN"]), &Sources::default());
    let names = extractor.unwrap().names();
    assert_eq!((names.len(), &*names[11], &*names[12], &*names[43]), (44, "pos+2:T", "pos+0:AA", "pos+1:TT"));
    assert!(extract("positional=2", &dna(&["A"]))[0].is_empty());
}

#[test]
fn words_that_training_never_saw_have_no_column() {
    let extractor = Extractor::fit(&"kmers=1-2:tfidf".parse().unwrap(), &dna(&["AACA"]), &Sources::default()).unwrap();
    assert_eq!(extractor.names(), ["kmer:A", "kmer:C", "kmer:AA", "kmer:AC", "kmer:CA"]);
    let rows = named(&extractor.transform(&dna(&["GGGG", "AGGG"])).unwrap());
    // What has no column has no part in the length of a row either.
    assert_eq!(rows, [map(&[]), map(&[("kmer:A", 1.0)])]);
}

#[derive(Deserialize)]
struct Golden {
    words: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    sublinear: bool,
    fitted: Vec<String>,
    others: Vec<String>,
    names: Vec<String>,
    rows: Vec<Vec<f32>>,
}

#[test]
fn tf_idf_equals_the_reference() {
    let golden: Golden = serde_json::from_str(include_str!("../../../../tests/golden/linear/cases.json")).unwrap();
    assert_eq!(golden.words.len(), 2);
    for case in golden.words {
        let spec = if case.sublinear { "kmers=1-3:sublinear-tfidf" } else { "kmers=1-3:tfidf" };
        let batch = |letters: &[String]| dna(&letters.iter().map(String::as_str).collect::<Vec<_>>());
        let extractor = Extractor::fit(&spec.parse().unwrap(), &batch(&case.fitted), &Sources::default()).unwrap();
        let names: Vec<String> = case.names.iter().map(|word| format!("kmer:{word}")).collect();
        assert_eq!(extractor.names(), names);
        let features = extractor.transform(&batch(&[case.fitted, case.others].concat())).unwrap();
        for (row, expected) in case.rows.iter().enumerate() {
            for (column, expected) in expected.iter().enumerate() {
                assert!((features.get(row, column) - expected).abs() < 2e-7, "{row} {column}");
            }
        }
    }
}

#[test]
fn motifs_are_scored_on_both_strands_of_dna() {
    let rows = vec![[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
    let motif = Motif::from_probabilities("M1", "ACG", Alphabet::Dna, rows, 100.0);
    let twin = Motif { id: "M2".into(), ..motif.clone() };
    let long = Motif::from_probabilities("M3", "long", Alphabet::Dna, vec![[0.25; 4]; 9], 0.0);
    let sources =
        |motifs| Sources { motifs: BTreeMap::from([("known.meme".to_owned(), motifs)]), ..Default::default() };
    let spec: FeatureSpec = "motifs=known.meme".parse().unwrap();
    let batch = dna(&["ACGAA", "AACGT", "TTCGT", "NNNNN"]);
    let extractor = Extractor::fit(&spec, &batch, &sources(vec![motif.clone(), twin, long])).unwrap();
    let names = [
        "motif:ACG(M1):best",
        "motif:ACG(M1):sum",
        "motif:ACG(M2):best",
        "motif:ACG(M2):sum",
        "motif:long:best",
        "motif:long:sum",
    ];
    assert_eq!(extractor.names(), names);
    let features = extractor.transform(&batch).unwrap();
    let top =
        motif.log_odds(1.0, [0.25; 4]).iter().map(|row| row.iter().copied().fold(0.0, f64::max)).sum::<f64>() as f32;
    assert!(!features.is_sparse());
    for row in 0..3 {
        assert!((features.get(row, 0) - top).abs() < 1e-6, "{row}");
        assert_eq!((features.get(row, 0), features.get(row, 4)), (features.get(row, 2), 0.0));
        assert!(features.get(row, 1) >= top);
    }
    // Once on each strand in the second, so twice as much.
    assert!((features.get(1, 1) - features.get(0, 1) - 1.0).abs() < 0.01);
    // Unknown bases score 0 at three places of two strands.
    assert_eq!(features.get(3, 0), 0.0);
    assert!((features.get(3, 1) - 6f32.log2()).abs() < 1e-6);
    let single = Sources::default();
    assert_eq!(
        Extractor::fit(&spec, &batch, &single).unwrap_err().to_string(),
        "features: expected motifs of \"known.meme\", found none"
    );
}

#[test]
fn covariates_stand_beside_the_sequence() {
    let covariates = vec![Covariate::fit("distance", basewise_core::Transform::None, [1.0, 3.0].into_iter())];
    let mut batch = SequenceBatch::new(dna(&["A"]).encoding(), 2);
    for (letters, value) in [(b"AC", 1.0), (b"GG", f64::NAN), (b"TT", 3.0)] {
        batch.push(letters).unwrap();
        batch.push_covariates(&covariates, [value]);
    }
    let spec: FeatureSpec = "gc,covariates".parse().unwrap();
    let sources = Sources { covariates, ..Default::default() };
    let extractor = Extractor::fit(&spec, &batch, &sources).unwrap();
    let features = extractor.transform(&batch).unwrap();
    assert_eq!(features.names(), ["gc", "covariate:distance"]);
    assert_eq!((0..3).map(|row| features.get(row, 1)).collect::<Vec<_>>(), [-1.0, 0.0, 1.0]);
    let bare = extractor.transform(&dna(&["AC"])).unwrap_err();
    assert!(bare.to_string().contains("expected 1 covariates beside each of 1 sequences, found 0"));
    assert_eq!(Extractor::fit(&spec, &batch, &Sources::default()), Err(ExtractError::NoCovariates));
}

#[test]
fn what_does_not_fit_is_refused() {
    let batch = dna(&["ACGT"]);
    let extractor = Extractor::fit(&"gc".parse().unwrap(), &batch, &Sources::default()).unwrap();
    let error = extractor.transform(&dna(&["ACG"])).unwrap_err().to_string();
    assert_eq!(
        error,
        "features: expected sequences of 4 positions and 4 channels of Dna, found 3 positions and 4 channels of Dna"
    );
    let twice = Extractor::fit(&"kmers=1-2,kmers=2-3".parse().unwrap(), &batch, &Sources::default()).unwrap_err();
    assert!(twice.to_string().starts_with("features: \"kmer:AC\" comes twice\nhint: "));
    let empty = SequenceBatch::new(batch.encoding(), 4);
    let none = Extractor::fit(&"gc,kmers=2,positional=1".parse().unwrap(), &empty, &Sources::default()).unwrap();
    assert_eq!(none.transform(&empty).unwrap().rows(), 0);
    assert_eq!(none.transform(&batch).unwrap().columns(), 17);
}

fn random_letters(rng: &mut Stream, length: usize) -> String {
    (0..length).map(|_| b"ACGTACGTacgtN"[below(rng, 13)] as char).collect()
}

/// The reverse complement of a word with gaps, letter by letter.
fn turned(word: &str) -> String {
    word.chars()
        .rev()
        .map(|c| match c {
            'A' => 'T',
            'C' => 'G',
            'G' => 'C',
            'T' => 'A',
            other => other,
        })
        .collect()
}

/// Counts of words by cutting the text.
fn naive(letters: &str, shapes: &[(usize, usize, usize)], canonical: bool, upper: bool) -> BTreeMap<String, f32> {
    let mut counts = BTreeMap::new();
    for &(left, gap, right) in shapes {
        for window in letters.as_bytes().windows(left + gap + right) {
            let kept: Vec<u8> = [&window[..left], &window[left + gap..]].concat();
            if kept.iter().any(|b| b.eq_ignore_ascii_case(&b'N')) {
                continue;
            }
            let text = String::from_utf8(kept.to_ascii_uppercase()).unwrap();
            let mut word = format!("{}{}{}", &text[..left], "n".repeat(gap), &text[left..]);
            if canonical {
                word = word.clone().min(turned(&word));
            }
            *counts.entry(format!("kmer:{word}")).or_insert(0.0) += 1.0;
            if upper && kept.iter().all(u8::is_ascii_uppercase) {
                *counts.entry(format!("kmer:{word}:upper")).or_insert(0.0) += 1.0;
            }
        }
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn rolling_codes_count_as_cutting_does(
        seed in 0u64..10_000, length in 1usize..40, k in 1usize..=8, half in 1usize..=4, gap in 1usize..6,
        canonical in any::<bool>(), upper in any::<bool>(),
    ) {
        let mut rng = stream(seed, "extract tests", &[]);
        let letters: Vec<String> = (0..3).map(|_| random_letters(&mut rng, length)).collect();
        let case = if upper { CasePolicy::Channel } else { CasePolicy::Ignore };
        let batch = batch_of(case, Alphabet::Dna, length, &letters.iter().map(String::as_str).collect::<Vec<_>>());
        let tail = if canonical { ":canonical" } else { "" };
        let found = extract(&format!("kmers=1-{k}{tail}"), &batch);
        let gapped = extract(&format!("gapped={half}.1-{gap}{tail}"), &batch);
        let plain: Vec<_> = (1..=k).map(|k| (k, 0, 0)).collect();
        let around: Vec<_> = (1..=gap).map(|gap| (half, gap, half)).collect();
        for (row, letters) in letters.iter().enumerate() {
            prop_assert_eq!(&found[row], &naive(letters, &plain, canonical, upper));
            prop_assert_eq!(&gapped[row], &naive(letters, &around, canonical, upper));
        }
    }
}

#[test]
fn threads_do_not_change_features_and_extractors_survive_being_written() {
    let mut rng = stream(1, "extract tests", &[]);
    let letters: Vec<String> = (0..300).map(|_| random_letters(&mut rng, 30)).collect();
    let batch = dna(&letters.iter().map(String::as_str).collect::<Vec<_>>());
    let spec: FeatureSpec =
        "length,gc,cpg,kmers=1-5:sublinear-tfidf,gapped=2.1-3:frequencies,positional=2".parse().unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let extractor = Extractor::fit(&spec, &batch, &Sources::default()).unwrap();
            let features = extractor.transform(&batch).unwrap();
            (extractor, features)
        })
    };
    let (extractor, features) = run(1);
    assert_eq!((extractor.clone(), features.clone()), run(3));
    assert_eq!(features.columns(), extractor.names().len());
    let read: Extractor = serde_json::from_str(&serde_json::to_string(&extractor).unwrap()).unwrap();
    assert_eq!(read.transform(&batch).unwrap(), features);
}
