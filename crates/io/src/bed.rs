//! BED, narrowPeak and broadPeak: places with names and scores.

use crate::error::{Error, Result, excerpt};
use crate::input::Lines;
use basewise_core::{Interval, Strand};
use std::path::Path;

/// One line of a BED file.
#[derive(Clone, Debug, PartialEq)]
pub struct BedRecord {
    /// The place; a strand of `.`, or none, reads as forward.
    pub interval: Interval,
    /// Column 4, unless it is `.`.
    pub name: Option<String>,
    /// Column 5, if it is a number.
    pub score: Option<f64>,
    /// The summit of the peak as an offset from its start: column 10 of a narrowPeak, unless that is -1.
    pub summit: Option<u64>,
    /// Line in the file, from 1.
    pub line: usize,
    /// All columns after the strand, as they stand.
    pub more: Vec<String>,
}

/// Reads a BED file of 3 to 12 columns; 10 columns are a narrowPeak, 9 may be a broadPeak.
///
/// Columns are separated by tabs, or by spaces in a line without tabs. Lines that are blank or start with `#`, `track`
/// or `browser` are skipped, and so is a header line whose second and third fields are words like `start` and `end`.
///
/// # Errors
/// Those of [`crate::input::open`]; a line with fewer than 3 columns, or with another number of columns than the first
/// (a cut-off file ends so); coordinates that are no whole numbers, or start >= end; a strand that is none of `+ - .`;
/// a summit outside its peak; a file without any place. All name the line.
pub fn read(path: &Path) -> Result<Vec<BedRecord>> {
    let mut lines = Lines::open(path)?;
    let mut records = Vec::new();
    let mut columns = None;
    while let Some((line, bytes)) = lines.next_line()? {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end();
        let first = text.split_ascii_whitespace().next().unwrap_or("#");
        if first.starts_with('#') || first == "track" || first == "browser" {
            continue;
        }
        let fields: Vec<&str> = if text.contains('\t') {
            text.split('\t').map(str::trim).collect()
        } else {
            text.split_ascii_whitespace().collect()
        };
        if columns.is_none() && is_header(&fields) {
            continue;
        }
        let &mut (expected, of_line) = columns.get_or_insert((fields.len(), line));
        if fields.len() != expected {
            let message = format!("expected {expected} columns as in line {of_line}, found {}", fields.len());
            return Err(Error::at_line(path, line, message).with_hint("is the file cut off here?"));
        }
        records.push(record(path, line, &fields)?);
    }
    if records.is_empty() {
        return Err(Error::of(path, "expected at least one place, found none"));
    }
    Ok(records)
}

fn is_header(fields: &[&str]) -> bool {
    let word = |at: usize, word: &str| fields.get(at).is_some_and(|field| field.to_ascii_lowercase().ends_with(word));
    word(1, "start") && (word(2, "end") || word(2, "stop"))
}

fn record(path: &Path, line: usize, fields: &[&str]) -> Result<BedRecord> {
    let wrong = |message: String| Error::at_line(path, line, message);
    let &[chrom, start, end, ref rest @ ..] = fields else {
        return Err(wrong(format!("expected at least 3 columns (chromosome, start, end), found {}", fields.len())));
    };
    if chrom.is_empty() {
        return Err(wrong("expected a chromosome in column 1, found none".to_owned()));
    }
    let (start, end) = (coordinate(path, line, "start", start)?, coordinate(path, line, "end", end)?);
    if start >= end {
        let error = wrong(format!("expected start < end, found {start} and {end}"));
        return Err(error.with_hint("BED counts from 0 and excludes the end: one base at position 5 is 4 to 5"));
    }
    let strand = match rest.get(2).copied() {
        None | Some("." | "" | "+") => Strand::Forward,
        Some("-") => Strand::Reverse,
        Some(other) => {
            return Err(wrong(format!("expected + - or . in column 6, found {}", excerpt(other.as_bytes()))));
        }
    };
    let summit = if fields.len() == 10 { summit(path, line, fields[9], end - start)? } else { None };
    let text = |at: usize| rest.get(at).copied().filter(|field| !field.is_empty() && *field != ".");
    Ok(BedRecord {
        interval: Interval { chrom: chrom.to_owned(), start, end, strand },
        name: text(0).map(str::to_owned),
        score: text(1).and_then(|score| score.parse().ok()).filter(|score: &f64| score.is_finite()),
        summit,
        line,
        more: rest.iter().skip(3).map(|&field| field.to_owned()).collect(),
    })
}

fn coordinate(path: &Path, line: usize, what: &str, field: &str) -> Result<u64> {
    // Far beyond any chromosome, and small enough for sums not to overflow.
    let value = field.parse().ok().filter(|value| *value < 1 << 60);
    value.ok_or_else(|| {
        let found = excerpt(field.as_bytes());
        let error = Error::at_line(path, line, format!("expected a whole number from 0 as {what}, found {found}"));
        if field.contains(',') { error.with_hint("write numbers without commas") } else { error }
    })
}

fn summit(path: &Path, line: usize, field: &str, length: u64) -> Result<Option<u64>> {
    let wrong = || {
        let found = excerpt(field.as_bytes());
        let message =
            format!("expected -1 or an offset within the {length} bases of the peak in column 10, found {found}");
        Error::at_line(path, line, message)
            .with_hint("with 10 columns the file reads as narrowPeak, whose last is the summit")
    };
    match field.parse::<i64>() {
        Ok(-1) => Ok(None),
        Ok(offset) if offset >= 0 && (offset as u64) < length => Ok(Some(offset as u64)),
        _ => Err(wrong()),
    }
}
