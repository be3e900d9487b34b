//! From BCF to lines.

use super::{
    Dictionary, END_FLOAT, FLOAT, INT8, INT16, INT32, Kind, MISSING, NO_FLOAT, NO_INT8, NO_INT16, NO_INT32, TEXT,
};
use crate::error::{Error, Result};
use crate::variants::header::Value;
use crate::variants::{Header, Record};
use std::io::{BufRead, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Bytes that a header or a record may have: enough for a million samples, little enough for any machine.
const LIMIT: u64 = 1 << 28;

/// Reads the records of a BCF as lines.
pub(in crate::variants) struct BcfReader {
    path: PathBuf,
    text: Box<dyn BufRead + Send>,
    dictionary: Dictionary,
    number: usize,
}

impl BcfReader {
    /// Reads the header from the decompressed bytes of a file.
    pub(in crate::variants) fn open(mut text: Box<dyn BufRead + Send>, path: &Path) -> Result<(Header, Self)> {
        let start = part(&mut text, 9, path, "header")?;
        if !start.starts_with(b"BCF\x02") {
            return Err(Error::of(path, format!("expected BCF of version 2, found version {}", start[3])));
        }
        let length = u32::from_le_bytes([start[5], start[6], start[7], start[8]]);
        let bytes = part(&mut text, u64::from(length), path, "header")?;
        let header = String::from_utf8_lossy(&bytes).into_owned();
        let header = header.trim_end_matches(['\0', '\n', '\r']);
        let mut lines: Vec<Vec<u8>> = header.lines().map(|line| without_number(line).into_bytes()).collect();
        match lines.pop() {
            Some(columns) if columns.starts_with(b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO") => {
                let reader = Self { path: path.to_path_buf(), text, dictionary: Dictionary::of(header), number: 0 };
                Ok((Header::new(lines, columns), reader))
            }
            _ => Err(Error::of(path, "expected BCF whose header ends in a line of column names, found another")),
        }
    }

    pub(in crate::variants) fn next_record(&mut self) -> Result<Option<Record>> {
        self.number += 1;
        let place = format!("record {}", self.number);
        let is_end = loop {
            match self.text.fill_buf() {
                Ok(bytes) => break bytes.is_empty(),
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) => return Err(Error::io(&self.path, "read", cause).at(place)),
            }
        };
        if is_end {
            return Ok(None);
        }
        let sizes = part(&mut self.text, 8, &self.path, &place)?;
        let size = |at: usize| u64::from(u32::from_le_bytes([sizes[at], sizes[at + 1], sizes[at + 2], sizes[at + 3]]));
        let (shared, samples) = (size(0), size(4));
        let bytes = part(&mut self.text, shared + samples, &self.path, &place)?;
        let (shared, samples) = bytes.split_at(shared as usize);
        match line(shared, samples, &self.dictionary) {
            Some(line) => Record::parse(line.into_bytes(), &self.path, self.number).map(Some),
            None => Err(Error::of(&self.path, "expected a record of BCF, found something else: damaged").at(place)),
        }
    }
}

/// The next `length` bytes.
fn part(text: &mut impl Read, length: u64, path: &Path, place: &str) -> Result<Vec<u8>> {
    if length > LIMIT {
        return Err(Error::of(path, format!("expected at most {LIMIT} bytes, found {length}: damaged")).at(place));
    }
    let mut bytes = Vec::new();
    text.take(length).read_to_end(&mut bytes).map_err(|cause| Error::io(path, "read", cause).at(place))?;
    if (bytes.len() as u64) < length {
        let cause = std::io::Error::new(ErrorKind::UnexpectedEof, "the file ends within it");
        return Err(Error::io(path, "read", cause).at(place));
    }
    Ok(bytes)
}

/// A header line without the `IDX` that numbers it in BCF alone.
fn without_number(line: &str) -> String {
    let Some(at) = line.rfind(",IDX=").filter(|_| line.starts_with("##")) else { return line.to_owned() };
    let digits = line[at + 5..].bytes().take_while(u8::is_ascii_digit).count();
    format!("{}{}", &line[..at], &line[at + 5 + digits..])
}

/// Takes bytes from the front; `None` where they end too early.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (own, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(own)
    }

    fn whole(&mut self) -> Option<i32> {
        self.take(4)?.try_into().ok().map(i32::from_le_bytes)
    }

    /// The type and the length of a value.
    fn kind(&mut self) -> Option<(u8, usize)> {
        let byte = self.take(1)?[0];
        let length = match usize::from(byte >> 4) {
            15 => {
                // The length is one number, so its own length is 1, and damaged bytes do not nest.
                let byte = self.take(1)?[0];
                let number = self.number(byte & 15)?.filter(|_| byte >> 4 == 1)?;
                usize::try_from(number).ok()?
            }
            length => length,
        };
        Some((byte & 15, length))
    }

    /// A whole number of a type; inside, `None` is missing, and `Some(None)` cannot be.
    fn number(&mut self, kind: u8) -> Option<Option<i64>> {
        let (value, missing) = match kind {
            INT8 => (i32::from(self.take(1)?[0] as i8), NO_INT8),
            INT16 => (i32::from(i16::from_le_bytes(self.take(2)?.try_into().ok()?)), NO_INT16),
            INT32 => (self.whole()?, NO_INT32),
            _ => return None,
        };
        Some((value != missing).then_some(i64::from(value)))
    }

    /// One whole number with its type before it.
    fn typed_number(&mut self) -> Option<i64> {
        let (kind, 1) = self.kind()? else { return None };
        self.number(kind)?
    }

    /// The numbers of a vector up to its end, in words, or its letters; nothing if there are none.
    fn words(&mut self, kind: u8, length: usize) -> Option<String> {
        match kind {
            MISSING => Some(String::new()),
            TEXT => {
                let text = self.take(length)?;
                let end = text.iter().position(|&byte| byte == 0).unwrap_or(length);
                Some(String::from_utf8_lossy(&text[..end]).into_owned())
            }
            FLOAT => {
                let floats =
                    self.take(length.checked_mul(4)?)?.chunks_exact(4).filter_map(|bytes| bytes.try_into().ok());
                let floats = floats.map(u32::from_le_bytes).take_while(|&bits| bits != END_FLOAT);
                Some(floats.map(float).collect::<Vec<_>>().join(","))
            }
            _ => Some(self.vector(kind, length)?.into_iter().map(whole).collect::<Vec<_>>().join(",")),
        }
    }

    /// The whole numbers of a vector up to its end.
    fn vector(&mut self, kind: u8, length: usize) -> Option<Vec<Option<i64>>> {
        let end = match kind {
            INT8 => NO_INT8 + 1,
            INT16 => NO_INT16 + 1,
            INT32 => NO_INT32 + 1,
            _ => return None,
        };
        let mut values = Vec::new();
        let mut is_over = false;
        for _ in 0..length {
            let value = self.number(kind)?;
            is_over |= value == Some(i64::from(end));
            if !is_over {
                values.push(value);
            }
        }
        Some(values)
    }
}

fn whole(value: Option<i64>) -> String {
    value.map_or_else(|| ".".to_owned(), |value| value.to_string())
}

fn float(bits: u32) -> String {
    if bits == NO_FLOAT {
        return ".".to_owned();
    }
    let value = f32::from_bits(bits);
    // Numbers that are none are values here, unlike scores.
    if value.is_finite() { Value::Number(value).text() } else { value.to_string() }
}

/// The line of a record; `None` if its bytes are none.
fn line(shared: &[u8], samples: &[u8], dictionary: &Dictionary) -> Option<String> {
    let mut bytes = Bytes(shared);
    let contig = dictionary.contigs.name(i64::from(bytes.whole()?))?;
    let position = i64::from(bytes.whole()?) + 1;
    bytes.whole()?;
    let quality = float(u32::from_le_bytes(bytes.take(4)?.try_into().ok()?));
    let counts = bytes.whole()? as u32;
    let (alleles, fields) = (counts >> 16, counts & 0xffff);
    let counts = bytes.whole()? as u32;
    let (formats, count) = (counts >> 24, (counts & 0xff_ffff) as usize);
    let text = |bytes: &mut Bytes<'_>| {
        let (kind, length) = bytes.kind()?;
        bytes.words(kind, length)
    };
    let or_dot = |text: String| if text.is_empty() { ".".to_owned() } else { text };
    let id = or_dot(text(&mut bytes)?);
    let alleles = (0..alleles).map(|_| text(&mut bytes)).collect::<Option<Vec<String>>>()?;
    let (reference, alternates) = alleles.split_first()?;
    let (kind, length) = bytes.kind()?;
    let filters = if length == 0 { Vec::new() } else { bytes.vector(kind, length)? };
    let filters = filters.into_iter().map(|filter| dictionary.strings.name(filter?)).collect::<Option<Vec<&str>>>()?;
    let mut info = Vec::new();
    for _ in 0..fields {
        let key = dictionary.strings.name(bytes.typed_number()?)?;
        let words = text(&mut bytes)?;
        let is_flag = dictionary.info.get(key) == Some(&Kind::Flag) || words.is_empty();
        info.push(if is_flag { key.to_owned() } else { format!("{key}={words}") });
    }
    let mut line = [
        contig.to_owned(),
        position.to_string(),
        id,
        reference.clone(),
        or_dot(alternates.join(",")),
        quality,
        or_dot(filters.join(";")),
        or_dot(info.join(";")),
    ]
    .join("\t");
    if dictionary.samples > 0 {
        line.push_str(&of_samples(samples, formats, count, dictionary)?);
    }
    Some(line)
}

/// FORMAT and the samples, with a tab before each.
fn of_samples(bytes: &[u8], formats: u32, count: usize, dictionary: &Dictionary) -> Option<String> {
    let mut bytes = Bytes(bytes);
    let mut keys = Vec::new();
    if count != dictionary.samples {
        return None;
    }
    let mut samples = vec![Vec::new(); count];
    for _ in 0..formats {
        let key = dictionary.strings.name(bytes.typed_number()?)?;
        let (kind, length) = bytes.kind()?;
        for sample in &mut samples {
            let words = if key == "GT" { genotype(&bytes.vector(kind, length)?) } else { bytes.words(kind, length)? };
            sample.push(if words.is_empty() { ".".to_owned() } else { words });
        }
        keys.push(key);
    }
    let mut text = if keys.is_empty() { "\t.".to_owned() } else { format!("\t{}", keys.join(":")) };
    for sample in samples {
        let sample = if sample.is_empty() { ".".to_owned() } else { sample.join(":") };
        text.push('\t');
        text.push_str(&sample);
    }
    Some(text)
}

/// Alleles of a sample: each is twice its number plus 2, plus 1 if it is phased with the one before.
fn genotype(values: &[Option<i64>]) -> String {
    let mut text = String::new();
    for (i, value) in values.iter().enumerate() {
        let value = value.unwrap_or(0);
        if i > 0 {
            text.push(if value & 1 == 1 { '|' } else { '/' });
        }
        match value >> 1 {
            0 => text.push('.'),
            allele => text.push_str(&(allele - 1).to_string()),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_value_is_one_number() {
        assert_eq!(Bytes(&[0x17]).kind(), Some((TEXT, 1)));
        assert_eq!(Bytes(&[0xf7, 0x11, 20]).kind(), Some((TEXT, 20)));
        // Damaged bytes neither nest nor count backwards.
        assert_eq!(Bytes(&[0xff; 100_000]).kind(), None);
        assert_eq!(Bytes(&[0xf7, 0x21, 20, 20]).kind(), None);
        assert_eq!(Bytes(&[0xf7, 0x11, 0xff]).kind(), None);
        assert_eq!(Bytes(&[0xf7]).kind(), None);
    }
}
