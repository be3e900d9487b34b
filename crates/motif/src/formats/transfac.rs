//! TRANSFAC's flat file: two-letter codes, a matrix after `P0` or `PO`, `//` at the end of a record.

use super::FormatError;
use super::lines::{Lines, quote};
use crate::Motif;
use basewise_core::Alphabet;
use std::io::BufRead;

/// Whether a word can open a TRANSFAC file.
pub(super) fn is_code(word: &str) -> bool {
    matches!(word, "AC" | "ID" | "VV" | "XX" | "DE" | "NA" | "P0" | "PO" | "DT" | "CO" | "BF" | "//")
}

/// One record as far as it was read.
#[derive(Default)]
struct Record {
    accession: String,
    identifier: String,
    name: String,
    is_rna: bool,
    counts: Option<Vec<[f64; 4]>>,
}

impl Record {
    fn into_motif(self) -> Option<Motif> {
        let counts = self.counts?;
        let alphabet = if self.is_rna { Alphabet::Rna } else { Alphabet::Dna };
        let id = if self.accession.is_empty() { &self.identifier } else { &self.accession };
        let name = match (self.name.is_empty(), self.accession.is_empty()) {
            (false, _) => &self.name,
            (_, false) => &self.identifier,
            _ => &self.name,
        };
        let id = if id.is_empty() { "motif" } else { id };
        let name = if name == id { "" } else { name };
        let is_probability = counts.iter().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 0.01);
        Some(if is_probability {
            Motif::from_probabilities(id, name, alphabet, counts, 0.0)
        } else {
            Motif::from_counts(id, name, alphabet, counts)
        })
    }
}

pub(super) fn read<R: BufRead>(lines: &mut Lines<R>) -> Result<Vec<Motif>, FormatError> {
    let mut motifs = Vec::new();
    let mut record = Record::default();
    while let Some(line) = lines.next()? {
        let (code, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
        let rest = rest.trim();
        match code {
            "AC" => record.accession = rest.into(),
            "ID" => record.identifier = rest.into(),
            "NA" => record.name = rest.into(),
            "P0" | "PO" => {
                record.is_rna = columns(lines, rest)?;
                record.counts = Some(matrix(lines)?);
            }
            "//" => motifs.extend(std::mem::take(&mut record).into_motif()),
            _ => {}
        }
    }
    motifs.extend(record.into_motif());
    Ok(motifs)
}

/// Checks the order of the columns; whether the fourth is U.
fn columns<R: BufRead>(lines: &Lines<R>, rest: &str) -> Result<bool, FormatError> {
    let letters: Vec<String> = rest.split_whitespace().map(str::to_ascii_uppercase).collect();
    match letters.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["A", "C", "G", "T"] => Ok(false),
        ["A", "C", "G", "U"] => Ok(true),
        _ => Err(lines.error("the columns A C G T (or U) after P0", quote(rest), None)),
    }
}

fn matrix<R: BufRead>(lines: &mut Lines<R>) -> Result<Vec<[f64; 4]>, FormatError> {
    let mut counts = Vec::new();
    while lines.peek()?.is_some_and(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit())) {
        let Some(line) = lines.next()? else { break };
        let words: Vec<&str> = line.split_whitespace().skip(1).take(4).collect();
        if words.len() != 4 {
            return Err(lines.error("a position and four counts", quote(&line), None));
        }
        let mut row = [0.0; 4];
        for (slot, word) in row.iter_mut().zip(words) {
            *slot = lines.number_from(word, "a count")?;
        }
        if row.iter().sum::<f64>() <= 0.0 {
            return Err(lines.error("a count above 0", "four zeros", None));
        }
        counts.push(row);
    }
    if counts.is_empty() {
        return Err(lines.error("rows of counts after P0", "none", None));
    }
    Ok(counts)
}
