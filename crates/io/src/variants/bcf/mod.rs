//! BCF, the binary form of VCF (version 2 of its specification): records become lines when they are read, and lines become
//! records when they are written.
//!
//! Names of contigs, filters and fields are numbers that count the lines of the header. A value is a byte that says type
//! and length, and the numbers or letters; there are three widths of whole numbers, each with a number for missing and one
//! for the end of a vector that is shorter than its neighbours.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub(super) use decode::BcfReader;
pub(super) use encode::BcfWriter;

use super::header::value_of;
use std::collections::BTreeMap;

/// Types of values.
const MISSING: u8 = 0;
const INT8: u8 = 1;
const INT16: u8 = 2;
const INT32: u8 = 3;
const FLOAT: u8 = 5;
const TEXT: u8 = 7;

/// Missing numbers, and the ends of vectors.
const NO_INT8: i32 = -128;
const NO_INT16: i32 = -32_768;
const NO_INT32: i32 = i32::MIN;
const NO_FLOAT: u32 = 0x7f80_0001;
const END_FLOAT: u32 = 0x7f80_0002;

/// What the values of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Flag,
    Whole,
    Float,
    Text,
}

/// The names of a header and their numbers.
#[derive(Debug, Default)]
struct Dictionary {
    contigs: Names,
    /// Filters, fields of INFO and of samples, which share their numbers.
    strings: Names,
    info: BTreeMap<String, Kind>,
    format: BTreeMap<String, Kind>,
    samples: usize,
}

#[derive(Debug, Default)]
struct Names {
    by_number: BTreeMap<usize, String>,
    by_name: BTreeMap<String, usize>,
}

impl Names {
    /// Adds a name, at the next number unless it has one of its own (`IDX`).
    fn add(&mut self, name: &str, number: Option<usize>) {
        if self.by_name.contains_key(name) {
            return;
        }
        let next = self.by_number.last_key_value().map_or(0, |(last, _)| last + 1);
        let number = number.unwrap_or(next);
        self.by_number.insert(number, name.to_owned());
        self.by_name.insert(name.to_owned(), number);
    }

    fn name(&self, number: i64) -> Option<&str> {
        usize::try_from(number).ok().and_then(|number| self.by_number.get(&number)).map(String::as_str)
    }
}

impl Dictionary {
    /// From the text of a header.
    fn of(header: &str) -> Self {
        let mut own = Self::default();
        own.strings.add("PASS", None);
        for line in header.lines() {
            let number = value_of(line, "IDX").and_then(|number| number.parse().ok());
            let id = value_of(line, "ID");
            match (line.split_once("=<").map(|(key, _)| key), id) {
                (Some("##contig"), Some(id)) => own.contigs.add(id, number),
                (Some("##FILTER"), Some(id)) => own.strings.add(id, number),
                (Some(key @ ("##INFO" | "##FORMAT")), Some(id)) => {
                    own.strings.add(id, number);
                    let kind = match value_of(line, "Type") {
                        Some("Integer") => Kind::Whole,
                        Some("Float") => Kind::Float,
                        Some("Flag") => Kind::Flag,
                        _ => Kind::Text,
                    };
                    let kinds = if key == "##INFO" { &mut own.info } else { &mut own.format };
                    kinds.insert(id.to_owned(), kind);
                }
                _ if line.starts_with("#CHROM") => own.samples = line.split('\t').count().saturating_sub(9),
                _ => {}
            }
        }
        own
    }
}
