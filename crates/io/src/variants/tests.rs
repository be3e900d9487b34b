//! Files as they come: each hostile one has its stated outcome.
#![allow(clippy::disallowed_methods)]

use super::*;
use crate::Genome;
use crate::input::BGZF_EOF;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const HEAD: &str = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";

fn file(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn read(path: &Path) -> crate::Result<(Header, Vec<Record>)> {
    let mut reader = VariantReader::open(path)?;
    let mut records = Vec::new();
    while let Some(record) = reader.next_record()? {
        records.push(record);
    }
    Ok((reader.header().clone(), records))
}

fn bgzip(text: &[u8]) -> Vec<u8> {
    let mut writer = noodles_bgzf::io::Writer::new(Vec::new());
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

/// What comes of a file.
enum Outcome {
    /// So many records.
    Records(usize),
    /// An error that says all of this.
    Error(&'static [&'static str]),
}

#[test]
fn hostile_files_have_their_stated_outcome() {
    use Outcome::{Error, Records};
    let line = "1\t5\t.\tA\tC\t.\t.\t.\n";
    let vcf = |lines: &str| format!("{HEAD}{lines}").into_bytes();
    let whole = bgzip(&vcf(&line.repeat(20_000)));
    let deletion = format!("1\t5\t.\t{}\tA\t.\t.\t.\n", "A".repeat(100_001));
    let cases: Vec<(&str, Vec<u8>, Outcome)> = vec![
        ("no contig lines in the header", vcf(line), Records(1)),
        ("no record", vcf(""), Records(0)),
        ("byte order mark", [b"\xef\xbb\xbf".as_slice(), &vcf(line)].concat(), Records(1)),
        (
            "carriage returns",
            vcf(line).iter().flat_map(|&b| if b == b'\n' { vec![b'\r', b'\n'] } else { vec![b] }).collect(),
            Records(1),
        ),
        ("no line end at the end", vcf(line.trim_end()), Records(1)),
        ("position 0 and past the end", vcf("1\t0\t.\tN\tA\t.\t.\t.\n1\t4000000000\t.\tA\tC\t.\t.\t.\n"), Records(2)),
        (
            "a position that is none",
            vcf("1\tx\t.\tA\tC\t.\t.\t.\n"),
            Error(&["line 3", "expected a number in POS, found \"x\""]),
        ),
        ("a position beyond counting", vcf("1\t13835058055282163712\t.\tA\tC\t.\t.\t.\n"), Error(&["line 3", "POS"])),
        ("a negative position", vcf("1\t-1\t.\tA\tC\t.\t.\t.\n"), Error(&["line 3", "POS"])),
        ("lower-case and IUPAC REF", vcf("1\t5\t.\ta\tC\t.\t.\t.\n1\t5\t.\tR\tC\t.\t.\t.\n"), Records(2)),
        ("duplicate records", vcf(&line.repeat(3)), Records(3)),
        (
            "unsorted records",
            vcf("2\t5\t.\tA\tC\t.\t.\t.\n1\t9\t.\tA\tC\t.\t.\t.\n1\t5\t.\tA\tC\t.\t.\t.\n"),
            Records(3),
        ),
        (
            "symbolic, star, breakend and no allele",
            vcf("1\t5\t.\tA\t<DEL>,*,A[2:9[\t.\t.\t.\n1\t5\t.\tA\t.\t.\t.\t.\n"),
            Records(2),
        ),
        ("a deletion of 100 kb", vcf(&deletion), Records(1)),
        ("an empty line", vcf(&format!("\n{line}\n")), Records(1)),
        ("bgzip", whole.clone(), Records(20_000)),
        ("bgzip cut in a block", whole[..whole.len() / 2].to_vec(), Error(&["truncated"])),
        (
            "bgzip without its closing block",
            whole[..whole.len() - BGZF_EOF.len()].to_vec(),
            Error(&["truncated", "closing block"]),
        ),
        ("an empty file", Vec::new(), Error(&["is empty"])),
        ("five columns", vcf("1\t5\t.\tA\tC\n"), Error(&["line 3", "expected at least 8 columns", "found 5"])),
        ("spaces for tabs", vcf("1 5 . A C . . .\n"), Error(&["line 3", "parted by tabs"])),
        (
            "a header of spaces",
            b"##fileformat=VCFv4.2\n#CHROM POS ID REF ALT QUAL FILTER INFO\n".to_vec(),
            Error(&["line 2", "#CHROM"]),
        ),
        ("a header that ends", b"##fileformat=VCFv4.2\n".to_vec(), Error(&["#CHROM", "found the end of the file"])),
        ("an empty allele", vcf("1\t5\t.\t\tC\t.\t.\t.\n"), Error(&["line 3", "expected text of ASCII in REF"])),
        (
            "an empty allele among others",
            vcf("1\t5\t.\tA\tC,\t.\t.\t.\n"),
            Error(&["line 3", "parted by single commas", "C,"]),
        ),
        ("a table with names", b"chrom\tpos\tref\talt\n1\t5\tA\tC\n1\t6\tA\tC\n".to_vec(), Records(2)),
        ("a table without names", b"1\t5\tA\tC\n1\t6\tA\tC\n".to_vec(), Records(2)),
        ("a table whose first REF is no sequence", b"1\t5\t-\tC\n1\t6\tA\tC\n".to_vec(), Records(2)),
        ("a table in another order", b"rsID\tALT\tREF\tPos\t#Chr\nx\tC\tA\t5\t1\n".to_vec(), Records(1)),
        (
            "a short row of a table",
            b"chrom\tpos\tref\talt\n1\t5\tA\n".to_vec(),
            Error(&["line 2", "expected at least 4 columns"]),
        ),
        (
            "records of VCF without a header",
            b"1\t5\trs1\tA\tC\t.\t.\t.\n".to_vec(),
            Error(&["line 1", "third column", "rs1"]),
        ),
        ("something else", b"hello\tworld\n".to_vec(), Error(&["line 1", "expected VCF, BCF, or a table"])),
        ("BCF that ends early", bgzip(b"BCF\x02\x02\xff\x00\x00\x00##file"), Error(&["truncated"])),
        ("BCF of nonsense", bgzip(b"BCF\x02\x02\x05\x00\x00\x00hello"), Error(&["expected BCF"])),
        ("BCF that claims too much", bgzip(b"BCF\x02\x02\xff\xff\xff\xffhello"), Error(&["damaged"])),
    ];
    for (name, bytes, outcome) in cases {
        let folder = TempDir::new().unwrap();
        let found = read(&file(&folder, "in.vcf", &bytes));
        match (outcome, found) {
            (Records(expected), Ok((_, records))) => assert_eq!(records.len(), expected, "{name}"),
            (Error(parts), Err(error)) => {
                let said = error.to_string();
                assert!(parts.iter().all(|part| said.contains(part)), "{name}: {said}");
            }
            (Records(_), Err(error)) => panic!("{name}: {error}"),
            (Error(_), Ok((_, records))) => panic!("{name}: {} records", records.len()),
        }
    }
}

#[test]
fn a_record_is_taken_apart_and_gets_its_fields() {
    let folder = TempDir::new().unwrap();
    let lines = "chr1\t7\trs1\tACG\tA,<DEL>\t9\tPASS\tEND=30;AC=1\tGT\t0|1\nchr1\t8\t.\tC\t.\t.\t.\t.\nchr1\t0\t.\tN\tG\t.\t.\tX\n";
    let (_, records) = read(&file(&folder, "in.vcf", format!("{HEAD}{lines}"))).unwrap();
    let [first, second, third] = records.as_slice() else { panic!("three records") };
    assert_eq!((first.chrom(), first.position(), first.id(), first.reference()), ("chr1", 7, &b"rs1"[..], &b"ACG"[..]));
    assert_eq!(first.alternates().collect::<Vec<_>>(), [&b"A"[..], b"<DEL>"]);
    assert_eq!((first.end(), first.info_value("AC"), first.info_value("C")), (30, Some(&b"1"[..]), None));
    assert!(first.has_info("AC") && !first.has_info("A") && third.has_info("X") && !second.has_info("X"));
    assert_eq!((second.alternates().count(), second.end(), third.end(), third.number()), (0, 8, 1, 5));
    let text = |line: Vec<u8>| String::from_utf8(line).unwrap();
    assert_eq!(text(first.with_info("B=1,2")), "chr1\t7\trs1\tACG\tA,<DEL>\t9\tPASS\tEND=30;AC=1;B=1,2\tGT\t0|1");
    assert_eq!(text(second.with_info("B=1")), "chr1\t8\t.\tC\t.\t.\t.\tB=1");
    assert_eq!(text(third.with_info("")), "chr1\t0\t.\tN\tG\t.\t.\tX");
}

fn fields() -> Vec<InfoField> {
    let field = |id: &str, kind| InfoField { id: id.into(), kind, description: "Alternate \"minus\" reference".into() };
    vec![field("BW_DIFF", FieldKind::Number), field("BW_AT", FieldKind::Whole), field("BW_STATUS", FieldKind::Text)]
}

fn genome(folder: &TempDir) -> Genome {
    let contigs: String = ["chr1", "chr2", "chrM"].iter().fold(String::new(), |mut text, name| {
        let _ = write!(text, ">{name}\n{}\n", "ACGT".repeat(50));
        text
    });
    Genome::open(&file(folder, "g.fa", contigs)).unwrap()
}

const SAMPLES: &str = "##fileformat=VCFv4.2\n##INFO=<ID=AF,Number=A,Type=Float,Description=\"frequency\">\n\
    ##FILTER=<ID=q10,Description=\"low\">\n##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">\n\
    ##FORMAT=<ID=GL,Number=G,Type=Float,Description=\"Likelihoods\">\n\
    #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\n\
    chr1\t3\trs1;x\tG\tA,T\t29.5\tq10\tAF=0.5,0.25\tGT:GL\t0|1:-1,-2,-3,-4,-5,-6\t1/2:.\n\
    chr1\t9\t.\tA\tAC\t.\tPASS\t.\tGT\t./.\t.\n\
    chr2\t1\t.\tA\t<DEL>\t.\t.\tAF=0.125\tGT:GL\t0:-0.5,-1\t1\n";

/// Writes all records of `input` with values, and reads the result again.
fn annotated(folder: &TempDir, input: &Path, name: &str) -> (Header, Vec<Record>, Vec<String>) {
    let mut reader = VariantReader::open(input).unwrap();
    let mut header = reader.header().clone();
    header.add_contigs(&genome(folder), str::to_owned);
    fields().iter().for_each(|field| header.add_field(field));
    let output = folder.path().join(name);
    let mut writer = VariantWriter::create(&output, &header, &fields(), 200).unwrap();
    while let Some(record) = reader.next_record().unwrap() {
        let score = |allele: &[u8]| match allele {
            b"<DEL>" => vec![Value::Missing, Value::Missing, Value::Text("symbolic".into())],
            _ => vec![
                Value::Number(allele.len() as f32 / 3.0),
                Value::Number(-1200.0 * allele.len() as f32),
                Value::Text("scored".into()),
            ],
        };
        let values: Vec<Vec<Value>> = record.alternates().map(score).collect();
        writer.write(&record, &values).unwrap();
    }
    let notes = writer.finish().unwrap();
    let (header, records) = read(&output).unwrap();
    (header, records, notes)
}

#[test]
fn what_was_there_stays_byte_by_byte_in_every_form() {
    let folder = TempDir::new().unwrap();
    let input = file(&folder, "in.vcf", SAMPLES);
    let (_, originals) = read(&input).unwrap();
    let expected = [
        ";BW_DIFF=0.33333334,0.33333334;BW_AT=-1200,-1200;BW_STATUS=scored,scored",
        "BW_DIFF=0.6666667;BW_AT=-2400;BW_STATUS=scored",
        ";BW_STATUS=symbolic",
    ];
    for name in ["out.vcf", "out.vcf.gz", "out.bcf"] {
        let (header, records, notes) = annotated(&folder, &input, name);
        assert!(
            notes.is_empty() && header.has_info("BW_DIFF") && header.has_info("AF") && !header.has_info("BW"),
            "{name}"
        );
        assert_eq!(header.contigs().len(), 3);
        assert_eq!(records.len(), originals.len());
        for ((original, record), added) in originals.iter().zip(&records).zip(expected) {
            let text = |record: &Record| String::from_utf8(record.line().to_vec()).unwrap();
            let info = if original.info() == b"." {
                String::new()
            } else {
                String::from_utf8(original.info().to_vec()).unwrap()
            };
            let wanted = text(original).replacen(
                &format!("\t{}\tGT", String::from_utf8_lossy(original.info())),
                &format!("\t{info}{added}\tGT"),
                1,
            );
            if name != "out.bcf" {
                assert_eq!(text(record), wanted, "{name}");
            }
            assert_eq!(record.info(), format!("{info}{added}").as_bytes(), "{name}");
        }
    }
    assert!(folder.path().join("out.vcf.gz.tbi").exists() && folder.path().join("out.bcf.csi").exists());
    // BCF to VCF gives the lines back.
    let (_, from_bcf, _) = annotated(&folder, &folder.path().join("out.bcf"), "again.vcf");
    assert_eq!(from_bcf.len(), 3);
}

#[test]
fn the_same_records_are_the_same_bytes_and_unsorted_ones_have_no_index() {
    let folder = TempDir::new().unwrap();
    let input = file(&folder, "in.vcf", SAMPLES);
    for name in ["a.vcf.gz", "b.vcf.gz"] {
        annotated(&folder, &input, name);
    }
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!((bytes("a.vcf.gz"), bytes("a.vcf.gz.tbi")), (bytes("b.vcf.gz"), bytes("b.vcf.gz.tbi")));
    let unsorted = file(&folder, "u.vcf", format!("{HEAD}chr1\t9\t.\tA\tC\t.\t.\t.\nchr1\t5\t.\tA\tC\t.\t.\t.\n"));
    let (_, _, notes) = annotated(&folder, &unsorted, "a.vcf.gz");
    assert!(notes[0].contains("has no index") && notes[0].contains("not sorted"), "{notes:?}");
    assert!(!folder.path().join("a.vcf.gz.tbi").exists());
}

#[test]
fn tables_have_a_row_an_allele() {
    let folder = TempDir::new().unwrap();
    let input = file(&folder, "in.vcf", SAMPLES);
    let mut reader = VariantReader::open(&input).unwrap();
    let outputs = ["o.tsv", "o.tsv.gz", "o.parquet"].map(|name| folder.path().join(name));
    let mut writers =
        outputs.each_ref().map(|path| VariantWriter::create(path, reader.header(), &fields(), 200).unwrap());
    while let Some(record) = reader.next_record().unwrap() {
        let number = |number: usize| Value::Number(number as f32);
        let own = |allele: &[u8]| vec![number(allele.len()), number(7 * allele.len()), Value::Missing];
        let values: Vec<Vec<Value>> = record.alternates().map(own).collect();
        writers.iter_mut().for_each(|writer| writer.write(&record, &values).unwrap());
    }
    writers.into_iter().for_each(|writer| drop(writer.finish().unwrap()));
    let text = std::fs::read_to_string(&outputs[0]).unwrap();
    assert_eq!(text.lines().next(), Some("chrom\tpos\tid\tref\talt\tBW_DIFF\tBW_AT\tBW_STATUS"));
    assert_eq!(text.lines().nth(2), Some("chr1\t3\trs1;x\tG\tT\t1\t7\t"));
    assert_eq!(text.lines().count(), 5);
    let columns = crate::columnar::read(&outputs[2]).unwrap();
    assert_eq!((columns.len(), columns[5].1.len()), (8, 4));
    assert_eq!(columns[6].1, crate::columnar::Values::Whole(vec![Some(7), Some(7), Some(14), Some(35)]));
    assert!(crate::table::read(&outputs[1]).unwrap().has("BW_STATUS"));
}

#[test]
fn numbers_are_written_with_the_fewest_digits() {
    let text = [0.0, -0.5, 1e-5, 12_345_678.0, 0.1, f32::NAN].map(|number| Value::Number(number).text());
    assert_eq!(text, ["0", "-0.5", "1e-5", "1.2345678e7", "0.1", "."]);
}

#[test]
fn regions_are_read_as_samtools_does() {
    let region = |text: &str| Region::parse(text).map(|r| (r.chrom, r.start, r.end)).ok();
    assert_eq!(region("chr1"), Some(("chr1".into(), 0, u64::MAX)));
    assert_eq!(region("chr1:5"), Some(("chr1".into(), 4, 5)));
    assert_eq!(region("chr1:1,000-2,000"), Some(("chr1".into(), 999, 2000)));
    assert_eq!(region("chr1:7-"), Some(("chr1".into(), 6, u64::MAX)));
    assert_eq!(
        [region(""), region("chr1:0-5"), region("chr1:6-5"), region("chr1:a-b"), region(":1-2")],
        [const { None }; 5]
    );
    let own = Region::parse("c:3-4").unwrap();
    assert_eq!(
        [own.overlaps("c", 1, 2), own.overlaps("c", 3, 4), own.overlaps("c", 4, 5), own.overlaps("d", 2, 4)],
        [false, true, false, false]
    );
}

#[test]
fn contigs_are_found_by_their_other_names_if_just_one_fits() {
    let folder = TempDir::new().unwrap();
    let genome = genome(&folder);
    let mut names = ContigNames::new(&genome);
    assert_eq!(names.find("1").unwrap(), Some("chr1"));
    assert_eq!(names.find("MT").unwrap(), Some("chrM"));
    assert_eq!(names.find("3").unwrap(), None);
    assert_eq!(names.news(), [("1".to_owned(), "chr1".to_owned()), ("MT".to_owned(), "chrM".to_owned())]);
    assert!(names.news().is_empty());
    assert_eq!((names.inverse("chr2"), names.inverse("chrM")), ("2".into(), "MT".into()));
    let error = names.find("chr1").unwrap_err().to_string();
    assert!(error.contains("\"1\" and \"chr1\""), "{error}");
    let mut same = ContigNames::new(&genome);
    assert_eq!(same.find("chr2").unwrap(), Some("chr2"));
    assert_eq!((same.news().len(), same.inverse("chr1")), (0, "chr1".into()));
    assert!(same.unknown("chr9").to_string().contains("chr9"));
}
