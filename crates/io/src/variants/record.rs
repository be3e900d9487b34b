//! One record of a variant file.

use crate::error::{Error, Result, excerpt};
use std::path::Path;

/// Columns before the samples, which every record has: CHROM POS ID REF ALT QUAL FILTER INFO.
const COLUMNS: usize = 8;
const INFO: usize = 7;
/// Positions from here on are no places on a chromosome, so that ends after them can be counted.
const TOO_FAR: u64 = 1 << 62;

/// A record, as its line of VCF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    line: Vec<u8>,
    /// Where each of the first columns ends in the line.
    ends: [usize; COLUMNS],
    position: u64,
    number: usize,
}

impl Record {
    /// Takes a line apart; `number` (from 1) is that of the line, or of the record in a file without lines.
    ///
    /// # Errors
    /// Fewer than eight columns; a chromosome or an allele that is empty or not text; a position that is no number.
    pub fn parse(line: Vec<u8>, path: &Path, number: usize) -> Result<Self> {
        let wrong = |message: String| Err(Error::at_line(path, number, message));
        let mut ends = [line.len(); COLUMNS];
        let tabs: Vec<usize> =
            line.iter().enumerate().filter(|(_, byte)| **byte == b'\t').map(|(at, _)| at).take(COLUMNS).collect();
        if tabs.len() + 1 < COLUMNS {
            let error = Error::at_line(
                path,
                number,
                format!(
                    "expected at least {COLUMNS} columns parted by tabs, found {} in {}",
                    tabs.len() + 1,
                    excerpt(&line)
                ),
            );
            return Err(error.with_hint("a record has CHROM POS ID REF ALT QUAL FILTER INFO; a table whose header names chrom, pos, ref and alt is read too"));
        }
        ends.iter_mut().zip(tabs).for_each(|(end, tab)| *end = tab);
        let mut record = Self { line, ends, position: 0, number };
        for (column, name) in [(0, "CHROM"), (3, "REF"), (4, "ALT")] {
            let field = record.field(column);
            if field.is_empty() || !field.iter().all(u8::is_ascii_graphic) {
                return wrong(format!("expected text of ASCII in {name}, found {}", excerpt(field)));
            }
        }
        if record.field(4).split(|&byte| byte == b',').any(<[u8]>::is_empty) {
            let found = excerpt(record.field(4));
            return wrong(format!("expected alleles parted by single commas in ALT, found {found}"));
        }
        let position =
            std::str::from_utf8(record.field(1)).ok().and_then(|text| text.parse().ok()).filter(|&at| at < TOO_FAR);
        match position {
            Some(position) => record.position = position,
            None => return wrong(format!("expected a number in POS, found {}", excerpt(record.field(1)))),
        }
        Ok(record)
    }

    fn field(&self, column: usize) -> &[u8] {
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before] + 1);
        &self.line[start..self.ends[column]]
    }

    fn text(&self, column: usize) -> &str {
        // What is shown or looked up was checked to be ASCII.
        std::str::from_utf8(self.field(column)).unwrap_or_default()
    }

    /// The whole line, without its end.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// Number of the line or record in its file, from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// CHROM.
    pub fn chrom(&self) -> &str {
        self.text(0)
    }

    /// POS, 1-based; 0 is the end of a chromosome before its first base.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// ID as it is written; `.` is none.
    pub fn id(&self) -> &[u8] {
        self.field(2)
    }

    /// REF.
    pub fn reference(&self) -> &[u8] {
        self.field(3)
    }

    /// The alleles of ALT, in their order; none for `.`.
    pub fn alternates(&self) -> impl Iterator<Item = &[u8]> {
        let field = self.field(4);
        field.split(|&byte| byte == b',').filter(move |_| field != b".")
    }

    /// INFO as it is written; `.` is nothing.
    pub fn info(&self) -> &[u8] {
        self.field(INFO)
    }

    /// Whether INFO has a key, with a value or as a flag.
    pub fn has_info(&self, key: &str) -> bool {
        let mut entries = self.info().split(|&byte| byte == b';');
        entries.any(|entry| entry.strip_prefix(key.as_bytes()).is_some_and(|rest| matches!(rest, [] | [b'=', ..])))
    }

    /// The value of a key in INFO.
    pub fn info_value(&self, key: &str) -> Option<&[u8]> {
        self.info().split(|&byte| byte == b';').find_map(|entry| entry.strip_prefix(key.as_bytes())?.strip_prefix(b"="))
    }

    /// One past the last base that it is about, 0-based; by END where alleles are symbolic.
    pub fn end(&self) -> u64 {
        let start = self.position.saturating_sub(1);
        let by_reference = start + self.reference().len() as u64;
        let symbolic = self.alternates().any(|allele| allele.starts_with(b"<"));
        let end =
            self.info_value("END").filter(|_| symbolic).and_then(|end| std::str::from_utf8(end).ok()?.parse().ok());
        end.filter(|&end| end > start).unwrap_or(by_reference)
    }

    /// The line with more entries in INFO, such as `BW_DIFF=0.5;BW_STATUS=scored`.
    pub fn with_info(&self, entries: &str) -> Vec<u8> {
        if entries.is_empty() {
            return self.line.clone();
        }
        let (before, after) = self.line.split_at(self.ends[INFO]);
        let mut line = Vec::with_capacity(self.line.len() + entries.len() + 1);
        if matches!(self.info(), b"." | b"") {
            line.extend_from_slice(&before[..before.len() - self.info().len()]);
        } else {
            line.extend_from_slice(before);
            line.push(b';');
        }
        line.extend_from_slice(entries.as_bytes());
        line.extend_from_slice(after);
        line
    }
}
