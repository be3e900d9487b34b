#![allow(clippy::disallowed_methods)]

use super::*;
use crate::variants::{VariantReader, VariantWriter};

const HEAD: &str = "##fileformat=VCFv4.2\n##FILTER=<ID=PASS,Description=\"All, filters > passed\">\n##FILTER=<ID=q10,Description=\"low\">\n\
    ##contig=<ID=chr1,length=99999>\n##contig=<ID=chr2>\n\
    ##INFO=<ID=DB,Number=0,Type=Flag,Description=\"ID=x, Type=y\">\n##INFO=<ID=N,Number=.,Type=Integer,Description=\"n\">\n\
    ##INFO=<ID=F,Number=.,Type=Float,Description=\"f\">\n##INFO=<ID=S,Number=.,Type=String,Description=\"s\">\n\
    ##FORMAT=<ID=GT,Number=1,Type=String,Description=\"g\">\n##FORMAT=<ID=N,Number=.,Type=Integer,Description=\"n\">\n\
    ##FORMAT=<ID=F,Number=G,Type=Float,Description=\"f\">\n##FORMAT=<ID=T,Number=1,Type=String,Description=\"t\">\n\
    #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\tc\n";

/// The lines of a file that was written as BCF and read again.
fn through(lines: &str) -> crate::Result<(String, Vec<String>)> {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.vcf"), folder.path().join("out.bcf"));
    std::fs::write(&input, format!("{HEAD}{lines}")).unwrap();
    let mut reader = VariantReader::open(&input)?;
    let mut writer = VariantWriter::create(&output, reader.header(), &[], 99_999)?;
    while let Some(record) = reader.next_record()? {
        writer.write(&record, &[])?;
    }
    writer.finish()?;
    let mut reader = VariantReader::open(&output)?;
    let mut lines = Vec::new();
    while let Some(record) = reader.next_record()? {
        lines.push(String::from_utf8(record.line().to_vec()).unwrap());
    }
    Ok((String::from_utf8(reader.header().text()).unwrap(), lines))
}

#[test]
fn lines_come_back_as_they_were() {
    let long = "A".repeat(70_000);
    let many = (0..40).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let lines = [
        "chr1\t7\trs1;rs2\tA\tC,GT\t9.5\tPASS\tDB;N=1,.,-120;F=0.5,.,-1e-7;S=a,b\tGT:N:F:T\t0|1:1,2:0.5,1,2:x\t1/2:.:.:.\t.:300:0.25:longer".to_owned(),
        "chr1\t7\t.\tA\t.\t.\t.\t.\tGT\t./.\t1\t0/1|2".to_owned(),
        "chr2\t1\t.\tAC\t<DEL>,*\t0\tq10;PASS\tN=127,128,32768,-32761;S=.\tN:T\t.:.\t-121:a\t1,2,3:b".to_owned(),
        format!("chr2\t70000\t.\t{long}\tA\t1e20\tPASS\tN={many};F=nan,inf\tGT:F\t0/0:1\t0/0:1\t0/0:1"),
        "chr2\t0\t.\tN\tA\t.\tPASS\tN=-2147483640\tT\t.\t.\t.".to_owned(),
    ];
    let (header, found) = through(&(lines.join("\n") + "\n")).unwrap();
    assert_eq!(header, HEAD);
    for (found, expected) in found.iter().zip(&lines) {
        assert_eq!(found, &expected.replace("nan", "NaN"));
    }
    assert_eq!(found.len(), lines.len());
}

#[test]
fn what_bcf_cannot_hold_is_named() {
    for (line, part) in [
        ("chr3\t7\t.\tA\tC\t.\t.\t.\tGT\t.\t.\t.", "expected a contig of the header, found \"chr3\""),
        ("chr1\t7\t.\tA\tC\t.\tx\t.\tGT\t.\t.\t.", "expected a filter of the header"),
        ("chr1\t7\t.\tA\tC\t.\t.\tX=1\tGT\t.\t.\t.", "expected a field of the header"),
        ("chr1\t7\t.\tA\tC\t.\t.\tN=x\tGT\t.\t.\t.", "expected whole numbers in N, found \"x\""),
        ("chr1\t7\t.\tA\tC\t.\t.\tF=x\tGT\t.\t.\t.", "expected numbers in F"),
        ("chr1\t7\t.\tA\tC\tx\t.\t.\tGT\t.\t.\t.", "expected a number in QUAL"),
        ("chr1\t7\t.\tA\tC\t.\t.\t.\tGT\t0/\t.\t.", "expected alleles"),
        ("chr1\t7\t.\tA\tC\t.\t.\t.\tGT\t.\t.", "expected 3 samples"),
        ("chr1\t4000000000\t.\tA\tC\t.\t.\t.\tGT\t.\t.\t.", "2^31"),
    ] {
        let error = through(&format!("{line}\n")).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn names_have_the_numbers_that_the_header_gives_them() {
    let header = "##FILTER=<ID=q,Description=\"a,IDX=9\",IDX=3>\n##INFO=<ID=A,Type=Float,IDX=1>\n##INFO=<ID=B,Type=Flag>\n##contig=<ID=c,length=5>\n";
    let dictionary = Dictionary::of(header);
    let name = |number| dictionary.strings.name(number);
    assert_eq!(
        [name(0), name(1), name(3), name(4), name(2), name(-1)],
        [Some("PASS"), Some("A"), Some("q"), Some("B"), None, None]
    );
    assert_eq!(
        (dictionary.info["A"], dictionary.info["B"], dictionary.contigs.name(0)),
        (Kind::Float, Kind::Flag, Some("c"))
    );
}
