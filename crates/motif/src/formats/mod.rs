//! Motif files: MEME, JASPAR, TRANSFAC and HOMER are read, the first three are written.

mod error;
mod jaspar;
mod lines;
mod meme;
mod transfac;
mod write;

pub use error::FormatError;
pub use write::{Format, write};

use crate::Motif;
use lines::Lines;
use std::io::BufRead;

/// Reads all motifs of a file, whose format is recognized by its first line.
///
/// | format | recognized by |
/// |---|---|
/// | MEME, minimal or full text, version 4 or 5 | `MEME version` or a line of asterisks |
/// | JASPAR | `>`, then four rows, with or without letters and brackets; or four bare rows |
/// | HOMER | `>` with a third tab-separated field, then a row a position |
/// | TRANSFAC | a two-letter code such as `AC`, `ID`, `VV`, `DE`, `P0` |
///
/// `source` names the input in errors, and gives the id of a motif that has none. A byte-order mark and Windows line
/// ends are ignored.
///
/// # Errors
/// An unknown format, a broken record (with its line), or a file without any motif.
pub fn read(input: impl BufRead, source: &str) -> Result<Vec<Motif>, FormatError> {
    let mut lines = Lines::new(input, source);
    let Some(first) = lines.peek_filled()? else {
        return Err(lines.error("at least one motif", "an empty file", None));
    };
    let word = first.split_whitespace().next().unwrap_or_default();
    let motifs = if first.starts_with("MEME") || first.starts_with("***") {
        meme::read(&mut lines)?
    } else if first.starts_with('>') || jaspar::is_row(&first) {
        jaspar::read(&mut lines)?
    } else if transfac::is_code(word) {
        transfac::read(&mut lines)?
    } else {
        let hint = if first.starts_with('\u{1f}') {
            "the file looks gzip-compressed: decompress it first or name it .gz"
        } else {
            "a MEME file starts with 'MEME version 4', a JASPAR file with '>', a TRANSFAC file with 'AC' or 'ID'"
        };
        return Err(lines.error("a MEME, JASPAR, TRANSFAC or HOMER motif file", lines::quote(&first), Some(hint)));
    };
    if motifs.is_empty() {
        return Err(lines.error("at least one motif", "the end of the file", None));
    }
    Ok(motifs)
}

#[cfg(test)]
mod tests;
