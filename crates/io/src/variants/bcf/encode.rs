//! From lines to BCF.

use super::{
    Dictionary, END_FLOAT, FLOAT, INT8, INT16, INT32, Kind, MISSING, NO_FLOAT, NO_INT8, NO_INT16, NO_INT32, TEXT,
};
use crate::error::{Error, Result, excerpt};
use crate::variants::{Header, Record};
use noodles_bgzf::VirtualPosition;
use noodles_bgzf::io::Writer as Bgzip;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes lines as the records of a BCF.
pub(in crate::variants) struct BcfWriter<W: Write> {
    path: PathBuf,
    dictionary: Dictionary,
    writer: Bgzip<W>,
}

impl<W: Write> BcfWriter<W> {
    pub(in crate::variants) fn create(path: &Path, sink: W, header: &Header) -> Result<Self> {
        let mut text = header.text();
        let dictionary = Dictionary::of(&String::from_utf8_lossy(&text));
        text.push(0);
        let failed = |cause| Error::io(path, "written", cause);
        let mut writer = Bgzip::new(sink);
        let length = u32::try_from(text.len())
            .map_err(|_| Error::of(path, "expected a header of at most 4 GB, found a larger one"))?;
        writer.write_all(b"BCF\x02\x02").and_then(|()| writer.write_all(&length.to_le_bytes())).map_err(failed)?;
        writer.write_all(&text).map_err(failed)?;
        Ok(Self { path: path.to_path_buf(), dictionary, writer })
    }

    /// The contigs of the header by their numbers.
    pub(in crate::variants) fn contigs(&self) -> &BTreeMap<String, usize> {
        &self.dictionary.contigs.by_name
    }

    /// Writes one line.
    pub(in crate::variants) fn write(&mut self, line: Vec<u8>, number: usize) -> Result<()> {
        let wrong = |message: String| {
            Error::of(&self.path, message).at(format!("record of line {number}")).with_hint(
                "BCF needs contigs, filters and fields to be described in the header; VCF (-o FILE.vcf.gz) does not",
            )
        };
        let record = Record::parse(line, &self.path, number)?;
        let bytes = bytes_of(&record, &self.dictionary).map_err(wrong)?;
        self.writer.write_all(&bytes).map_err(|cause| Error::io(&self.path, "written", cause))
    }

    pub(in crate::variants) fn position(&self) -> VirtualPosition {
        self.writer.virtual_position()
    }

    pub(in crate::variants) fn finish(self) -> Result<W> {
        self.writer.finish().map_err(|cause| Error::io(&self.path, "written", cause))
    }
}

/// The bytes of a record, or what it has that BCF cannot hold.
fn bytes_of(record: &Record, dictionary: &Dictionary) -> std::result::Result<Vec<u8>, String> {
    let columns: Vec<String> =
        record.line().split(|&byte| byte == b'\t').map(|column| String::from_utf8_lossy(column).into_owned()).collect();
    let contig = dictionary.contigs.by_name.get(record.chrom());
    let contig = contig.ok_or_else(|| format!("expected a contig of the header, found {:?}", record.chrom()))?;
    let small =
        |number: u64| i32::try_from(number).map_err(|_| format!("expected a position below 2^31, found {number}"));
    let start = i64::try_from(record.position()).unwrap_or(i64::MAX) - 1;
    let start =
        i32::try_from(start).map_err(|_| format!("expected a position below 2^31, found {}", record.position()))?;
    let covered = small(record.end().saturating_sub(record.position().saturating_sub(1)))?;
    let quality = match columns[5].as_str() {
        "." => NO_FLOAT,
        text => text.parse::<f32>().map_err(|_| format!("expected a number in QUAL, found {text:?}"))?.to_bits(),
    };
    let alleles: Vec<&[u8]> = std::iter::once(record.reference()).chain(record.alternates()).collect();
    let filters = filters(&columns[6], dictionary)?;
    let fields: Vec<&str> = columns[7].split(';').filter(|field| !matches!(*field, "." | "")).collect();
    let formats: Vec<&str> =
        columns.get(8).map_or(Vec::new(), |keys| keys.split(':').filter(|key| *key != ".").collect());
    let mut shared = Vec::new();
    for number in [small(*contig as u64)?, start, covered] {
        shared.extend(number.to_le_bytes());
    }
    shared.extend(quality.to_le_bytes());
    for (what, number, most) in [
        ("alleles", alleles.len(), 0xffff),
        ("fields in INFO", fields.len(), 0xffff),
        ("keys in FORMAT", formats.len(), 0xff),
    ] {
        if number > most {
            return Err(format!("expected at most {most} {what}, found {number}"));
        }
    }
    shared.extend(((alleles.len() as u32) << 16 | fields.len() as u32).to_le_bytes());
    let samples = columns.len().saturating_sub(9);
    if samples != dictionary.samples || samples >= 1 << 24 {
        return Err(format!("expected {} samples as in the header, found {samples}", dictionary.samples));
    }
    shared.extend(((formats.len() as u32) << 24 | samples as u32).to_le_bytes());
    text(&mut shared, if record.id() == b"." { b"" } else { record.id() });
    alleles.iter().for_each(|allele| text(&mut shared, allele));
    if filters.is_empty() {
        shared.push(MISSING);
    } else {
        let length = filters.len();
        numbers(&mut shared, &[filters.into_iter().map(Some).collect()], length);
    }
    for field in fields {
        info(&mut shared, field, dictionary)?;
    }
    let mut own = Vec::new();
    for (i, key) in formats.iter().enumerate() {
        let values: Vec<&str> = columns[9..].iter().map(|sample| sample.split(':').nth(i).unwrap_or(".")).collect();
        format(&mut own, key, &values, dictionary)?;
    }
    let size = |bytes: &Vec<u8>| {
        u32::try_from(bytes.len()).map_err(|_| "expected a record below 4 GB, found a larger one".to_owned())
    };
    Ok([&size(&shared)?.to_le_bytes()[..], &size(&own)?.to_le_bytes(), &shared, &own].concat())
}

fn filters(column: &str, dictionary: &Dictionary) -> std::result::Result<Vec<i32>, String> {
    let number = |name: &str| {
        let found = dictionary.strings.by_name.get(name).and_then(|&number| i32::try_from(number).ok());
        found.ok_or_else(|| format!("expected a filter of the header, found {name:?}"))
    };
    column.split(';').filter(|name| *name != ".").map(number).collect()
}

/// The number and the kind of a field.
fn key(
    sink: &mut Vec<u8>,
    name: &str,
    kinds: &std::collections::BTreeMap<String, Kind>,
    dictionary: &Dictionary,
) -> std::result::Result<Kind, String> {
    let (Some(&kind), Some(&number)) = (kinds.get(name), dictionary.strings.by_name.get(name)) else {
        return Err(format!("expected a field of the header, found {}", excerpt(name.as_bytes())));
    };
    numbers(sink, &[vec![Some(number as i32)]], 1);
    Ok(kind)
}

fn info(sink: &mut Vec<u8>, field: &str, dictionary: &Dictionary) -> std::result::Result<(), String> {
    let (name, value) = field.split_once('=').map_or((field, None), |(name, value)| (name, Some(value)));
    let kind = key(sink, name, &dictionary.info, dictionary)?;
    match (kind, value) {
        (Kind::Flag, _) | (_, None) => sink.push(MISSING),
        (Kind::Whole, Some(value)) => {
            let own = whole(value, name)?;
            let length = own.len();
            numbers(sink, &[own], length);
        }
        (Kind::Float, Some(value)) => {
            let own = floats(value, name)?;
            head(sink, FLOAT, own.len());
            own.iter().for_each(|bits| sink.extend(bits.to_le_bytes()));
        }
        (Kind::Text, Some(value)) => text(sink, value.as_bytes()),
    }
    Ok(())
}

/// A field of all samples.
fn format(sink: &mut Vec<u8>, name: &str, values: &[&str], dictionary: &Dictionary) -> std::result::Result<(), String> {
    let kind = key(sink, name, &dictionary.format, dictionary)?;
    if name == "GT" {
        let all = values.iter().map(|value| genotype(value)).collect::<std::result::Result<Vec<_>, _>>()?;
        let length = all.iter().map(Vec::len).max().unwrap_or(0);
        numbers(sink, &all, length);
        return Ok(());
    }
    match kind {
        Kind::Whole => {
            let all = values.iter().map(|value| whole(value, name)).collect::<std::result::Result<Vec<_>, _>>()?;
            let length = all.iter().map(Vec::len).max().unwrap_or(0);
            numbers(sink, &all, length);
        }
        Kind::Float => {
            let all = values.iter().map(|value| floats(value, name)).collect::<std::result::Result<Vec<_>, _>>()?;
            let length = all.iter().map(Vec::len).max().unwrap_or(0);
            head(sink, FLOAT, length);
            for own in all {
                let padded = own.iter().copied().chain(std::iter::repeat(END_FLOAT)).take(length);
                padded.for_each(|bits| sink.extend(bits.to_le_bytes()));
            }
        }
        Kind::Text | Kind::Flag => {
            let length = values.iter().map(|value| value.len()).max().unwrap_or(0);
            head(sink, TEXT, length);
            for value in values {
                sink.extend_from_slice(value.as_bytes());
                sink.resize(sink.len() + length - value.len(), 0);
            }
        }
    }
    Ok(())
}

fn whole(value: &str, name: &str) -> std::result::Result<Vec<Option<i32>>, String> {
    let number = |text: &str| match text {
        "." => Ok(None),
        text => text.parse::<i32>().map(Some).map_err(|_| format!("expected whole numbers in {name}, found {text:?}")),
    };
    value.split(',').map(number).collect()
}

fn floats(value: &str, name: &str) -> std::result::Result<Vec<u32>, String> {
    let number = |text: &str| match text {
        "." => Ok(NO_FLOAT),
        text => {
            text.parse::<f32>().map(f32::to_bits).map_err(|_| format!("expected numbers in {name}, found {text:?}"))
        }
    };
    value.split(',').map(number).collect()
}

/// Alleles of a sample, such as `0|1`, `./.`, `1` or `.`.
fn genotype(value: &str) -> std::result::Result<Vec<Option<i32>>, String> {
    let wrong = || format!("expected alleles such as 0/1 in GT, found {value:?}");
    let mut alleles = Vec::new();
    let mut phased = 0;
    for part in value.split_inclusive(['/', '|']) {
        let allele = part.trim_end_matches(['/', '|']);
        let number = match allele {
            "." => 0,
            allele => allele.parse::<u16>().map_err(|_| wrong())?.checked_add(1).map(i32::from).ok_or_else(wrong)?,
        };
        alleles.push(Some(number << 1 | phased));
        phased = i32::from(part.ends_with('|'));
    }
    if value.ends_with(['/', '|']) || alleles.is_empty() { Err(wrong()) } else { Ok(alleles) }
}

/// The byte of type and length; a length from 15 on is a number of its own.
fn head(sink: &mut Vec<u8>, kind: u8, length: usize) {
    if length < 15 {
        sink.push((length as u8) << 4 | kind);
    } else {
        sink.push(15 << 4 | kind);
        numbers(sink, &[vec![i32::try_from(length).ok()]], 1);
    }
}

fn text(sink: &mut Vec<u8>, letters: &[u8]) {
    head(sink, TEXT, letters.len());
    sink.extend_from_slice(letters);
}

/// Vectors of one length, in the least width that holds all numbers; shorter ones end early.
fn numbers(sink: &mut Vec<u8>, vectors: &[Vec<Option<i32>>], length: usize) {
    let known = || vectors.iter().flatten().flatten().copied();
    let (low, high) = (known().min().unwrap_or(0), known().max().unwrap_or(0));
    // The eight lowest numbers of each width are kept for missing, ends and what may come.
    let (kind, missing) = if low >= -120 && high <= 127 {
        (INT8, NO_INT8)
    } else if low >= -32_760 && high <= 32_767 {
        (INT16, NO_INT16)
    } else {
        (INT32, NO_INT32)
    };
    head(sink, kind, length);
    for vector in vectors {
        let padded =
            vector.iter().map(|value| value.unwrap_or(missing)).chain(std::iter::repeat(missing + 1)).take(length);
        for value in padded {
            let bytes = value.to_le_bytes();
            sink.extend_from_slice(match kind {
                INT8 => &bytes[..1],
                INT16 => &bytes[..2],
                _ => &bytes,
            });
        }
    }
}
