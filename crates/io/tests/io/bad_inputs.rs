use crate::support::{Dir, bgzip, fails, gzip, says};
use basewise_io::{bed, fasta, input, table};
use std::io::Read;
use std::path::Path;

fn fasta_of(path: &Path) -> basewise_io::Result<Vec<fasta::Record>> {
    fasta::read(path)?.collect()
}

#[test]
fn every_bad_fasta_is_named_with_its_place() {
    let dir = Dir::new();
    for (bytes, parts) in [
        (&b""[..], &["is empty"][..]),
        (b"\n\n", &["only blank lines"]),
        (b"ACGT\n", &["line 1", "expected '>'", "\"ACGT\""]),
        (b"@r1\nACGT\n+\nIIII\n", &["FASTQ"]),
        (b">a\nAC\n>b\n>c\nAC\n", &["record \"b\", line 3", "expected a sequence, found none"]),
        (b">a\n", &["record \"a\", line 1"]),
        (b">a\nACGT\nAC!T\n", &["record \"a\", line 3", "'!' at offset 6"]),
        (b">a\nMKVLE\n", &["protein", "offset 3"]),
        (b">a\nAC-GT\n", &["gaps"]),
        (b">a\nAC GT\n", &["' ' at offset 2"]),
        (b"\xff\xfe>\0a\0", &["UTF-16", "UTF-8"]),
        (b"PK\x03\x04rest", &["expected '>'"]),
    ] {
        let path = dir.put("x.fa", bytes);
        says(fasta_of(&path), &path, parts);
    }
    let missing = dir.at("missing.fa");
    says(fasta_of(&missing), &missing, &["found none of that name"]);
    assert!(fails(fasta_of(&missing)).is_not_found());
    says(fasta_of(dir.path()), dir.path(), &["found a directory"]);
}

#[test]
fn line_ends_and_marks_do_not_matter() {
    let dir = Dir::new();
    let plain = fasta_of(&dir.put("a.fa", ">a first one\nACGT\nac\n\n>b\nNNU\n")).unwrap();
    assert_eq!(plain[0].sequence, b"ACGTac");
    assert_eq!((plain[0].id.as_str(), plain[0].description.as_str()), ("a", "first one"));
    assert_eq!((plain[1].id.as_str(), plain[1].line), ("b", 5));
    for bytes in [
        &b">a first one\r\nACGT\r\nac\r\n\r\n>b\r\nNNU\r\n"[..],
        b">a first one\rACGT\rac\r\r>b\rNNU",
        b"\xef\xbb\xbf>a first one\nACGT\nac\n\n>b\nNNU",
    ] {
        for bytes in [bytes.to_vec(), gzip(bytes), bgzip(bytes, 7)] {
            assert_eq!(fasta_of(&dir.put("b.fa", bytes)).unwrap(), plain);
        }
    }
    let unnamed = fasta_of(&dir.put("c.fa", "> \nA\n>\nC\n")).unwrap();
    assert_eq!((unnamed[0].id.as_str(), unnamed[1].id.as_str()), ("sequence1", "sequence2"));
}

#[test]
fn several_gzip_members_are_one_text() {
    let dir = Dir::new();
    let two = [gzip(b">a\nAC\n"), gzip(b"GT\n>b\nA\n")].concat();
    let records = fasta_of(&dir.put("two.fa.gz", two)).unwrap();
    assert_eq!((records[0].sequence.as_slice(), records.len()), (&b"ACGT"[..], 2));
}

#[test]
fn compressed_data_cut_anywhere_is_an_error() {
    let dir = Dir::new();
    let text: String = (0..40).map(|i| format!(">r{i}\nACGTTGCA{}\n", "ACGT".repeat(i % 5))).collect();
    for whole in [gzip(text.as_bytes()), bgzip(text.as_bytes(), 300)] {
        assert_eq!(fasta_of(&dir.put("whole.fa.gz", &whole)).unwrap().len(), 40);
        for end in 0..whole.len() {
            let path = dir.put("cut.fa.gz", &whole[..end]);
            let error = fails(fasta_of(&path));
            if end >= 18 {
                assert!(error.to_string().contains("truncated"), "cut at {end}: {error}");
            }
        }
    }
}

#[test]
fn a_flipped_bit_in_compressed_data_is_an_error() {
    let dir = Dir::new();
    let mut whole = gzip(">a\nACGTACGTAGCTAGCATCGATCAGCT\n".repeat(20).as_bytes());
    // The checksum stands in the last eight bytes.
    let at = whole.len() - 6;
    whole[at] ^= 4;
    let path = dir.put("flipped.fa.gz", whole);
    says(fasta_of(&path), &path, &["damaged"]);
}

#[test]
fn every_bad_bed_is_named_with_its_line() {
    let dir = Dir::new();
    for (text, parts) in [
        ("", &["is empty"][..]),
        ("# only\ntrack name=x\n\n", &["at least one place"]),
        ("c\t1\n", &["line 1", "at least 3 columns"]),
        ("c\t5\t9\nc\t9\t5\n", &["line 2", "start < end", "9 and 5"]),
        ("c\t5\t5\n", &["start < end", "counts from 0"]),
        ("c\t-1\t5\n", &["start", "\"-1\""]),
        ("c\t1\tx\n", &["end", "\"x\""]),
        ("c\t1.5\t2\n", &["\"1.5\""]),
        ("c\t1\t99999999999999999999999\n", &["whole number"]),
        ("c\t1,000\t2,000\n", &["without commas"]),
        ("\t1\t2\n", &["chromosome"]),
        ("c\t1\t5\tn\t0\t*\n", &["column 6", "\"*\""]),
        ("c\t1\t5\tn\nc\t1\n", &["line 2", "4 columns as in line 1", "cut off"]),
        ("c\t1\t5\tn\t0\t.\t1\t1\t1\t4\n", &["column 10", "within the 4 bases"]),
        ("c\t1\t5\tn\t0\t.\t1\t1\t1\t-2\n", &["column 10"]),
    ] {
        let path = dir.put("x.bed", text);
        says(bed::read(&path), &path, parts);
    }
}

#[test]
fn bed_of_any_flavour_is_read() {
    let dir = Dir::new();
    let text = "\u{feff}browser position c:1-9\r\ntrack name=x\r\n#c\r\n\r\nchrom\tchromStart\tchromEnd\tname\tscore\tstrand\r\nc\t0\t1\tone\t7.5\t-\r\nd\t4\t9\t.\tx\t.\r\n";
    let records = bed::read(&dir.put("x.bed", text)).unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].interval.to_string(), "c:0-1(-)");
    assert_eq!((records[0].name.as_deref(), records[0].score, records[0].line), (Some("one"), Some(7.5), 6));
    assert_eq!(records[1].interval.to_string(), "d:4-9(+)");
    assert_eq!((records[1].name.as_deref(), records[1].score), (None, None));

    let spaces = bed::read(&dir.put("y.bed", "c 0  1\nd 4 9\n")).unwrap();
    assert_eq!(spaces[1].interval.to_string(), "d:4-9(+)");

    let peaks = "c\t10\t20\tp\t0\t.\t5\t3\t2\t9\nc\t10\t20\tp\t0\t.\t5\t3\t2\t-1\n";
    let peaks = bed::read(&dir.put("z.narrowPeak.gz", gzip(peaks.as_bytes()))).unwrap();
    assert_eq!((peaks[0].summit, peaks[1].summit), (Some(9), None));
    let broad = bed::read(&dir.put("z.broadPeak", "c\t10\t20\tp\t0\t.\t5\t3\t2\n")).unwrap();
    assert_eq!((broad[0].summit, broad[0].more.len()), (None, 3));
}

#[test]
fn every_bad_table_is_named_with_its_line() {
    let dir = Dir::new();
    for (name, text, parts) in [
        ("a.tsv", "", &["is empty"][..]),
        ("a.tsv", "\n\n", &["header"]),
        ("a.tsv", "a\tb\n", &["rows below the header"]),
        ("a.tsv", "a\tb\n1\t2\n\n1\t2\t3\n", &["line 4", "expected 2 fields", "found 3"]),
        ("a.csv", "a,b\n1,\"2\n3\n", &["line 2", "closing quote"]),
        ("a.csv", "a,b,a\n1,2,3\n", &["header", "\"a\" twice"]),
    ] {
        let path = dir.put(name, text);
        says(table::read(&path), &path, parts);
    }
    let path = dir.put("b.tsv", "seqence\tlabel\nACGT\t1\n");
    says(table::read(&path).unwrap().column("sequence").map(|_| ()), &path, &["\"label\"", "did you mean \"seqence\""]);
    let path = dir.put("c.tsv", "ACGTACGTAA\t1\nACGTACGTAC\t0\n");
    says(table::read(&path).unwrap().column("sequence").map(|_| ()), &path, &["looks like data"]);
}

#[test]
fn tables_of_any_flavour_are_read() {
    let dir = Dir::new();
    let csv = "\u{feff}#id,note\r\n1,\"a, \"\"b\"\"\r\nc\"\r\n2,\r\n";
    for (name, text, delimiter) in [("a.csv", csv, ','), ("b", csv, ','), ("c.tsv", csv, '\t'), ("d.txt", csv, ';')] {
        let text = if delimiter == ',' { text.to_owned() } else { text.replacen(',', &delimiter.to_string(), 1) };
        let text = text.replace("1,", &format!("1{delimiter}")).replace("2,", &format!("2{delimiter}"));
        let table = table::read(&dir.put(name, text)).unwrap();
        assert_eq!(table.names(), ["id", "note"], "{name}");
        assert_eq!(table.column("note").unwrap(), ["a, \"b\"\nc", ""], "{name}");
        assert_eq!((table.rows(), table.line(0), table.line(1)), (2, 2, 4), "{name}");
    }
}

#[test]
fn an_absurd_line_is_refused_before_it_fills_the_memory() {
    let dir = Dir::new();
    let path = dir.put("long.bed", [b'x'; 5000]);
    let mut lines = input::Lines::open(&path).unwrap().with_limit(4999);
    says(lines.next_line().map(|_| ()), &path, &["line 1", "at most 4999 bytes"]);
}

#[test]
fn digests_are_of_the_bytes_on_the_disk() {
    let dir = Dir::new();
    // FIPS 180-2, appendix B.1: SHA-256 of "abc".
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(input::digest(&dir.put("abc", "abc")).unwrap(), expected);
    assert!(input::digest(Path::new("-")).is_err());
}

#[test]
fn a_compressed_text_without_content_is_empty() {
    let dir = Dir::new();
    for bytes in [gzip(b""), bgzip(b"", 1)] {
        let path = dir.put("e.gz", bytes);
        says(input::open(&path).map(|_| ()), &path, &["is empty"]);
    }
    let mut all = String::new();
    input::open(&dir.put("f.gz", gzip(b"x"))).unwrap().read_to_string(&mut all).unwrap();
    assert_eq!(all, "x");
}
