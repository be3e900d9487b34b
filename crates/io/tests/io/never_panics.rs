//! Readers meet arbitrary bytes, and bytes that are almost right.

use crate::support::{Dir, bgzip, bytes, gzip};
use basewise_core::{
    Alphabet, CasePolicy, ControlSignal, Covariate, Dataset, Encoding, Example, Interval, Profile, Split, Strand, Task,
    TaskKind, Transform,
};
use basewise_io::bigwig::{self, Run};
use basewise_io::signal::Track;
use basewise_io::{Genome, arrays, bed, dataset, fasta, input, keras, predictions, state_dict, table};
use proptest::prelude::*;
use std::path::Path;
use std::sync::LazyLock;

/// Every reader of a file; what they say of it does not matter here.
fn read_all(path: &Path) {
    if let Ok(records) = fasta::read(path) {
        let _ = records.count();
    }
    let _ = bed::read(path);
    if let Ok(table) = table::read(path) {
        let _ = table.column("label");
    }
    if let Ok(genome) = Genome::open(path) {
        walk(&genome);
    }
    if let Ok(track) = Track::open(path) {
        for chrom in ["chr1", "a", "b", "1"] {
            let _ = track.length(chrom);
            let _ = track.values(chrom, 0, 50).map(|values| assert_eq!(values.len(), 50));
        }
    }
    let _ = arrays::read_npz(path);
    let _ = predictions::read(path);
    let _ = state_dict::read(path);
    let _ = keras::read(path);
}

/// Fetches the ends of every contig, and beyond; what is fetched has the length that was asked for.
fn walk(genome: &Genome) {
    for (chrom, length) in genome.contigs() {
        for (start, end) in [(0, 1), (0, *length), (length.saturating_sub(1), *length), (*length, length + 1)] {
            let interval = Interval { chrom: chrom.clone(), start, end, strand: Strand::Reverse };
            if interval.len() < 1 << 20
                && let Ok(letters) = genome.fetch(&interval)
            {
                assert_eq!(letters.len() as u64, interval.len());
            }
        }
    }
}

/// Text out of the pieces that the formats are made of, so that some of it gets far into the readers.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        &b">"[..],
        b"chr1",
        b"\n",
        b"\r\n",
        b"\r",
        b"\t",
        b",",
        b" ",
        b"ACGT",
        b"acgtn",
        b"NNNN",
        b"0",
        b"1",
        b"12",
        b"-1",
        b"\"",
        b"#",
        b"label",
        b"sequence",
        b"+",
        b"-",
        b".",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"99999999999999999999",
        b"1e400",
        b"\0",
        b"track",
        b"fixedStep chrom=a start=1 step=1\n",
        b"variableStep chrom=b span=2\n",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A file with some bytes changed, cut or doubled.
fn mutated(whole: &[u8]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let whole = whole.to_vec();
    let size = whole.len();
    let edits = prop::collection::vec((0..size, any::<u8>()), 0..4);
    (edits, 0..=size, 0..size, 0usize..20).prop_map(move |(edits, end, from, repeated)| {
        let mut bytes = whole.clone();
        edits.iter().for_each(|&(at, byte)| bytes[at] = byte);
        let again = bytes[from..size.min(from + repeated)].to_vec();
        // Half of the files keep their length, so that what follows a changed byte is looked at.
        if end % 2 == 0 {
            bytes.truncate(end);
        }
        bytes.splice(from.min(bytes.len())..from.min(bytes.len()), again);
        bytes
    })
}

fn example_dataset() -> Dataset {
    let example = |i: usize| Example {
        id: format!("e{i}"),
        place: Some(Interval { chrom: "c".into(), start: i as u64, end: i as u64 + 8, strand: Strand::Reverse }),
        split: Split::ALL[i % 3],
        sequence: b"ACGTTGCA".to_vec(),
        labels: vec![(i % 2) as f64, (i % 3) as f64, i as f64, f64::NAN],
        covariates: vec![if i.is_multiple_of(4) { f64::NAN } else { i as f64 }],
        control: if i == 3 { vec![f64::NAN, 0.0] } else { vec![i as f64, 1.0] },
        weight: 0.5 * i as f64,
    };
    let profile = Profile { tracks: vec!["t".into()], bins: 2, bin_size: 1, strand_pairs: vec![], count_weight: 1.0 };
    let task = |name: &str, kind| Task { name: name.into(), kind };
    let classes = TaskKind::Classes { classes: ["x", "y", "z"].map(str::to_owned).to_vec() };
    Dataset {
        encoding: Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore },
        length: 8,
        jitter: 0,
        tasks: vec![task("b", TaskKind::Binary), task("c", classes), task("p", TaskKind::Profile(profile))],
        covariates: vec![Covariate::fit("x", Transform::Log, (0..20).map(f64::from))],
        control: Some(ControlSignal { tracks: vec!["c".into()], bins: 2, bin_size: 1, strand_pairs: vec![] }),
        examples: (0..20).map(example).collect(),
    }
}

/// The description and the examples of a data set.
static SAVED: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let dir = Dir::new();
    dataset::save(&dir.at("d"), &example_dataset(), &dataset::Provenance::new("x", 0, ""), &[], false).unwrap();
    (bytes(&dir.at("d/dataset.json")), bytes(&dir.at("d/examples.parquet")))
});

/// A bigWig of two contigs.
static BIGWIG: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let dir = Dir::new();
    let run = |contig, i: u64, span| Run { contig, start: 3 * i, end: 3 * i + span, value: i as f32 };
    let runs = || (0..30).map(move |i| run(0, i, 1)).chain((0..10).map(move |i| run(1, i, 1 + i % 3)));
    bigwig::write(&dir.at("x.bw"), &[("a".into(), 90), ("b".into(), 900)], runs).unwrap();
    bytes(&dir.at("x.bw"))
});

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_any_bytes(content in prop::collection::vec(any::<u8>(), 0..300)) {
        let dir = Dir::new();
        read_all(&dir.put("x", content));
    }

    #[test]
    fn on_text_of_the_formats_own_pieces(content in pieces()) {
        let dir = Dir::new();
        read_all(&dir.put("x", &content));
        read_all(&dir.put("y.gz", gzip(&content)));
        read_all(&dir.put("z.bgz", bgzip(&content, 11)));
    }

    #[test]
    fn on_a_bgzip_genome_with_changed_bytes(content in mutated(&bgzip(b">a\nACGTACGT\nACG\n>b\nTTTTTT\nGG\n", 9))) {
        let dir = Dir::new();
        read_all(&dir.put("x.fa.gz", content));
    }

    #[test]
    fn on_a_bigwig_with_changed_bytes(content in mutated(&BIGWIG)) {
        let dir = Dir::new();
        read_all(&dir.put("x.bw", content));
    }

    #[test]
    fn on_any_index(fai in pieces(), gzi in prop::collection::vec(any::<u8>(), 0..64)) {
        let dir = Dir::new();
        let text = b">a\nACGTACGT\nACG\n>b\nTTTTTT\nGG\n";
        dir.put("x.fa.fai", &fai);
        dir.put("y.fa.gz.fai", &fai);
        dir.put("y.fa.gz.gzi", gzi);
        for path in [dir.put("x.fa", text), dir.put("y.fa.gz", bgzip(text, 9))] {
            if let Ok(genome) = Genome::open(&path) {
                walk(&genome);
            }
        }
    }

    #[test]
    fn on_an_index_with_other_numbers(numbers in prop::collection::vec(0u64..40, 8)) {
        let dir = Dir::new();
        let text = ">a\nACGTACGT\nACG\n>b\nTTTTTT\nGG\n";
        let [a, b, c, d, e, f, g, h] = numbers[..] else { return Ok(()) };
        dir.put("x.fa.fai", format!("a\t{a}\t{b}\t{c}\t{d}\nb\t{e}\t{f}\t{g}\t{h}\n"));
        // The only index that fits is the right one.
        let right = [11, 3, 8, 9, 8, 19, 6, 7];
        prop_assert_eq!(Genome::open(&dir.put("x.fa", text)).is_ok(), numbers == right);
    }

    #[test]
    fn on_a_changed_description(json in mutated(&SAVED.0)) {
        let dir = Dir::new();
        dir.put("examples.parquet", &SAVED.1);
        dir.put("dataset.json", json);
        if let Ok((dataset, _)) = dataset::load(dir.path()) {
            prop_assert_eq!(dataset.examples.len(), 20);
        }
    }

    #[test]
    fn on_changed_parquet(parquet in mutated(&SAVED.1)) {
        let dir = Dir::new();
        let _ = predictions::read(&dir.put("x.parquet", &parquet));
        // A description that agrees with the changed bytes lets them through to the reader of data sets.
        let digest = input::digest(&dir.put("examples.parquet", parquet)).unwrap();
        let description = String::from_utf8_lossy(&SAVED.0);
        let (before, after) = description.rsplit_once("\"sha256\": \"").unwrap();
        dir.put("dataset.json", format!("{before}\"sha256\": \"{digest}{}", &after[64..]));
        let _ = dataset::load(dir.path());
    }

    #[test]
    fn on_a_changed_archive(archive in mutated(&{
        let dir = Dir::new();
        arrays::write_npz(&dir.at("a.npz"), &[("a", arrays::Array::f32([2], vec![1.0, 2.0]))]).unwrap();
        bytes(&dir.at("a.npz"))
    })) {
        let dir = Dir::new();
        let _ = arrays::read_npz(&dir.put("a.npz", archive));
    }

    #[test]
    fn on_changed_weights(
        torch in mutated(include_bytes!("../../../../tests/golden/torch_import/deflated.pt")),
        tensors in mutated(include_bytes!("../../../../tests/golden/torch_import/conv.safetensors")),
    ) {
        let dir = Dir::new();
        let _ = state_dict::read(&dir.put("x.pt", torch));
        let _ = state_dict::read(&dir.put("x.safetensors", tensors));
    }

    #[test]
    fn on_changed_weights_of_keras(
        two in mutated(include_bytes!("../../../../tests/golden/keras_import/gru.h5")),
        three in mutated(include_bytes!("../../../../tests/golden/keras_import/conv_3.weights.h5")),
    ) {
        let dir = Dir::new();
        let _ = keras::read(&dir.put("x.h5", two));
        let _ = keras::read(&dir.put("x.weights.h5", three));
    }
}
