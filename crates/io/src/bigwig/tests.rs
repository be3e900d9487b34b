#![allow(clippy::disallowed_methods)]

use super::*;
use basewise_core::random::{below, stream};
use std::path::PathBuf;

fn contigs(list: &[(&str, u64)]) -> Vec<(String, u64)> {
    list.iter().map(|(name, length)| ((*name).to_owned(), *length)).collect()
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.bw");
    (dir, path)
}

/// The value of every base of a contig, from the runs.
fn dense(runs: &[Run], contig: usize, length: u64) -> Vec<f32> {
    let mut values = vec![f32::NAN; length as usize];
    runs.iter().filter(|run| run.contig == contig).for_each(|run| {
        values[run.start as usize..run.end as usize].fill(run.value);
    });
    values
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Runs of random lengths and gaps; with `even`, all of one base.
fn random_runs(seed: u64, contig: usize, length: u64, even: bool) -> Vec<Run> {
    let mut rng = stream(seed, "test runs", &[contig as u64]);
    let (mut runs, mut at) = (Vec::new(), 0);
    loop {
        let start = at + below(&mut rng, 4) as u64;
        let end = start + if even { 1 } else { 1 + below(&mut rng, 30) as u64 };
        if end > length {
            return runs;
        }
        runs.push(Run { contig, start, end, value: below(&mut rng, 100) as f32 - 20.0 });
        at = end;
    }
}

#[test]
fn what_is_written_is_read() {
    let list = contigs(&[("chr1", 60_000), ("chr10", 50), ("chr2", 9_000), ("chrEmpty", 7)]);
    let mut runs = random_runs(1, 0, 60_000, false);
    // In equal steps, from the first base to the last.
    runs.extend((0..50).map(|i| Run { contig: 1, start: i, end: i + 1, value: i as f32 }));
    runs.extend(random_runs(2, 2, 9_000, true));
    let (_dir, path) = file();
    write(&path, &list, || runs.iter().copied()).unwrap();
    let read = BigWig::open(&path).unwrap();
    assert_eq!(read.contigs(), list);
    for (contig, (name, length)) in list.iter().enumerate() {
        let expected = dense(&runs, contig, *length);
        assert_eq!(bits(&read.values(name, 0, *length).unwrap()), bits(&expected), "{name}");
        let mut rng = stream(3, "test places", &[]);
        for _ in 0..50 {
            let start = below(&mut rng, *length as usize);
            let end = start + 1 + below(&mut rng, *length as usize - start);
            let found = read.values(name, start as u64, end as u64).unwrap();
            assert_eq!(bits(&found), bits(&expected[start..end]), "{name} {start} {end}");
        }
    }
}

#[test]
fn trees_of_several_levels_are_walked() {
    // 300 contigs, and more than 256 blocks on one of them.
    let list: Vec<(String, u64)> = (0..300).map(|i| (format!("c{i:03}"), 800_000)).collect();
    let many = (0..280_000).map(|i| Run { contig: 0, start: 2 * i, end: 2 * i + 1, value: i as f32 });
    let few = (1..300).map(|contig| Run { contig, start: 799_999, end: 800_000, value: contig as f32 });
    let (_dir, path) = file();
    write(&path, &list, || many.clone().chain(few.clone())).unwrap();
    let read = BigWig::open(&path).unwrap();
    assert_eq!((read.contigs().len(), read.index.blocks.len()), (300, 274 + 299));
    assert_eq!(read.values("c000", 559_996, 559_999).unwrap()[2], 279_999.0);
    let last = read.values("c299", 799_998, 800_000).unwrap();
    assert!(last[0].is_nan() && last[1] == 299.0);
}

#[test]
fn coarser_copies_hold_sums_and_extremes() {
    let list = contigs(&[("a", 1000), ("b", 1000)]);
    let runs = [
        Run { contig: 0, start: 5, end: 25, value: 2.0 },
        Run { contig: 0, start: 90, end: 91, value: -1.0 },
        Run { contig: 1, start: 0, end: 9, value: 4.0 },
    ];
    // 30 bases in 3 runs: stretches of 100.
    let mut copies = zoom::copies(3, 30, 1000);
    assert_eq!(copies.iter().map(|copy| copy.stretch).collect::<Vec<_>>(), [100, 400]);
    runs.iter().for_each(|run| copies[0].add(run));
    copies[0].finish();
    // One for the first stretch of each contig.
    assert_eq!(copies[0].count, 2);
    let (_dir, path) = file();
    write(&path, &list, || runs.iter().copied()).unwrap();
    let source = Source::open(&path).unwrap();
    let header = source.read(HEADER, 24).unwrap();
    let mut header = Bytes::new(&header, false);
    assert_eq!(header.u32(), 100);
    header.skip(12);
    let blocks = index::leaves(&source, header.u64()).unwrap();
    let bytes = source.read(blocks[0].offset, blocks[0].size).unwrap();
    let mut plain = Vec::new();
    ZlibDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
    let mut first = Bytes::new(&plain, false);
    assert_eq!([first.u32(), first.u32(), first.u32(), first.u32()], [0, 5, 91, 21]);
    let mut real = || f32::from_bits(first.u32());
    assert_eq!([real(), real(), real(), real()], [-1.0, 2.0, 39.0, 81.0]);
}

#[test]
fn runs_and_contigs_that_cannot_be_written_are_refused() {
    let (_dir, path) = file();
    let run = |contig, start, end, value| Run { contig, start, end, value };
    let fault = |list: &[(&str, u64)], runs: &[Run]| {
        write(&path, &contigs(list), || runs.iter().copied()).unwrap_err().to_string()
    };
    assert!(fault(&[("a", 9)], &[]).contains("at least one value"));
    assert!(fault(&[], &[run(0, 0, 1, 1.0)]).contains("at least one contig"));
    assert!(fault(&[("b", 9), ("a", 9)], &[run(0, 0, 1, 1.0)]).contains("order of their names"));
    assert!(fault(&[("a", 1 << 32)], &[run(0, 0, 1, 1.0)]).contains("contigs of 1 to"));
    for runs in [
        [run(0, 3, 5, 1.0), run(0, 4, 6, 1.0)],
        [run(0, 3, 5, 1.0), run(0, 5, 10, 1.0)],
        [run(0, 3, 5, 1.0), run(1, 0, 1, 1.0)],
        [run(0, 3, 5, 1.0), run(0, 7, 7, 1.0)],
        [run(0, 3, 5, 1.0), run(0, 7, 8, f32::NAN)],
    ] {
        assert!(fault(&[("a", 9)], &runs).contains("runs in order"), "{runs:?}");
    }
    assert!(!path.exists());
}

#[test]
fn places_and_names_that_are_not_there_are_errors() {
    let (_dir, path) = file();
    write(&path, &contigs(&[("chr1", 9)]), || [Run { contig: 0, start: 0, end: 9, value: 1.0 }].into_iter()).unwrap();
    let read = BigWig::open(&path).unwrap();
    let unknown = read.values("1", 0, 1).unwrap_err();
    assert!(unknown.to_string().contains("expected one of its contigs, found \"1\""));
    assert_eq!(unknown.hint().unwrap(), "the file calls it \"chr1\": rename the contigs in one of the files");
    for (start, end) in [(0, 10), (9, 9), (5, 4), (9, 10)] {
        assert!(read.values("chr1", start, end).unwrap_err().to_string().contains("of 9 bases"), "{start} {end}");
    }
    assert_eq!(read.values("chr1", 8, 9).unwrap(), [1.0]);
}

#[test]
fn a_file_that_was_cut_off_is_told_wherever_the_cut_is() {
    let (dir, path) = file();
    let runs = random_runs(5, 0, 20_000, false);
    write(&path, &contigs(&[("a", 20_000)]), || runs.iter().copied()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let cut = dir.path().join("cut.bw");
    // The last four bytes only repeat the first.
    for size in (0..whole.len() - 4).step_by(7).chain([whole.len() - 5]) {
        std::fs::write(&cut, &whole[..size]).unwrap();
        let error = BigWig::open(&cut).unwrap_err().to_string();
        let said = ["is empty", "expected a bigWig file", "truncated or damaged"];
        assert!(said.iter().any(|words| error.contains(words)), "{size}: {error}");
    }
}

#[test]
fn other_files_are_told_apart() {
    let (_dir, path) = file();
    std::fs::write(&path, BIGBED.to_le_bytes()).unwrap();
    assert!(BigWig::open(&path).unwrap_err().to_string().contains("found a bigBed"));
    std::fs::write(&path, b"chr1\t0\t1\t2\n").unwrap();
    assert!(BigWig::open(&path).unwrap_err().to_string().contains("found another"));
}

/// What pyBigWig 0.3.29 wrote, and reads; see the script beside the file.
#[test]
fn a_file_of_pybigwig_reads_as_it_does_there() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/bigwig");
    let golden: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{folder}/values.json")).unwrap()).unwrap();
    let read = BigWig::open(Path::new(&format!("{folder}/small.bw"))).unwrap();
    let contigs: Vec<(String, u64)> = serde_json::from_value(golden["contigs"].clone()).unwrap();
    assert_eq!(read.contigs(), contigs);
    for case in golden["cases"].as_array().unwrap() {
        let number = |key: &str| case[key].as_u64().unwrap();
        let found = read.values(case["contig"].as_str().unwrap(), number("start"), number("end")).unwrap();
        let expected: Vec<f32> =
            case["values"].as_array().unwrap().iter().map(|v| v.as_f64().map_or(f32::NAN, |v| v as f32)).collect();
        assert_eq!(bits(&found), bits(&expected), "{case}");
    }
}

/// A file as a machine with the other byte order would write it, uncompressed.
#[test]
fn the_other_byte_order_is_read() {
    let (_dir, path) = file();
    let mut bytes = Vec::new();
    let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| bytes.extend_from_slice(part));
    let (w, d) = (|n: u32| n.to_be_bytes(), |n: u64| n.to_be_bytes());
    // Header: version 4, no copies; the contigs at 64, the data at 104, the index at 156; no buffer for decompression.
    put(&[&w(BIGWIG), &[0, 4, 0, 0], &d(64), &d(104), &d(156), &[0; 20], &w(0), &d(0)]);
    put(&[&w(format::CONTIG_TREE), &w(1), &w(1), &w(8), &d(1), &d(0), &[1, 0, 0, 1], b"c", &w(7), &w(50)]);
    // 5 bytes of nothing up to the data: one block of two values in steps of 10.
    put(&[&[0; 5], &[0; 5]]);
    let at = bytes.len() as u64;
    let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| bytes.extend_from_slice(part));
    put(&[
        &w(7),
        &w(20),
        &w(32),
        &w(10),
        &w(2),
        &[format::FIXED_STEP, 0, 0, 2],
        &1.5f32.to_be_bytes(),
        &w(0xC000_0000),
    ]);
    let index = bytes.len() as u64;
    let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| bytes.extend_from_slice(part));
    put(&[&w(format::BLOCK_TREE), &w(1), &d(1), &w(7), &w(20), &w(7), &w(32), &d(0), &w(1), &w(0)]);
    put(&[&[1, 0, 0, 1], &w(7), &w(20), &w(7), &w(32), &d(at), &d(index - at)]);
    bytes[24..32].copy_from_slice(&index.to_be_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let read = BigWig::open(&path).unwrap();
    assert_eq!(read.length("c").unwrap(), 50);
    let shown: Vec<String> = read.values("c", 19, 33).unwrap().iter().map(f32::to_string).collect();
    assert_eq!(shown.join(" "), "NaN 1.5 1.5 NaN NaN NaN NaN NaN NaN NaN NaN -2 -2 NaN");
}
