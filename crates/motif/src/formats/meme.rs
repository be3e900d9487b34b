//! The MEME format, minimal or inside the full text output, versions 4 and 5.

use super::FormatError;
use super::lines::{Lines, quote};
use crate::Motif;
use crate::motif::normalized;
use basewise_core::Alphabet;
use std::io::BufRead;

/// What stands before the motifs and holds for all of them.
struct Header {
    alphabet: Alphabet,
    background: [f64; 4],
}

/// A `MOTIF` line that waits for its matrix.
struct Pending {
    id: String,
    name: String,
    line: usize,
}

pub(super) fn read<R: BufRead>(lines: &mut Lines<R>) -> Result<Vec<Motif>, FormatError> {
    let mut header = Header { alphabet: Alphabet::Dna, background: [0.25; 4] };
    let mut motifs = Vec::new();
    let mut pending: Option<Pending> = None;
    while let Some(line) = lines.next()? {
        let text = line.trim();
        if let Some(rest) = text.strip_prefix("ALPHABET") {
            header.alphabet = alphabet(lines, rest)?;
        } else if text.starts_with("Background letter frequencies") {
            header.background = background(lines)?;
        } else if let Some(rest) = text.strip_prefix("MOTIF").filter(|rest| rest.starts_with([' ', '\t'])) {
            refuse_pending(lines, pending.as_ref())?;
            pending = Some(title(lines, rest)?);
        } else if let Some(rest) = text.strip_prefix("letter-probability matrix:") {
            let Some(Pending { id, name, .. }) = pending.take() else {
                return Err(lines.error("a MOTIF line before its matrix", "a letter-probability matrix", None));
            };
            let (rows, sites) = matrix(lines, rest)?;
            let mut motif = Motif::from_probabilities(&id, &name, header.alphabet, rows, sites);
            motif.background = header.background;
            motifs.push(motif);
        }
    }
    refuse_pending(lines, pending.as_ref())?;
    Ok(motifs)
}

fn refuse_pending<R: BufRead>(lines: &Lines<R>, pending: Option<&Pending>) -> Result<(), FormatError> {
    let Some(Pending { id, line, .. }) = pending else { return Ok(()) };
    let expected = format!("a letter-probability matrix for motif {id} of line {line}");
    Err(lines.error(&expected, "none", Some("log-odds matrices alone are not read")))
}

fn alphabet<R: BufRead>(lines: &mut Lines<R>, rest: &str) -> Result<Alphabet, FormatError> {
    let hint = "only DNA (ACGT) and RNA (ACGU) motifs are read";
    let rest = rest.trim();
    if let Some(letters) = rest.strip_prefix('=') {
        return match letters.trim().to_ascii_uppercase().as_str() {
            "ACGT" | "DNA" => Ok(Alphabet::Dna),
            "ACGU" | "RNA" => Ok(Alphabet::Rna),
            other => Err(lines.error("the alphabet ACGT or ACGU", quote(other), Some(hint))),
        };
    }
    // A definition with colours: `ALPHABET "RNA" RNA-LIKE` up to `END ALPHABET`.
    let upper = rest.to_ascii_uppercase();
    let found = match (upper.contains("RNA"), upper.contains("DNA")) {
        (true, _) => Alphabet::Rna,
        (_, true) => Alphabet::Dna,
        _ => return Err(lines.error("a DNA or RNA alphabet", quote(rest), Some(hint))),
    };
    while let Some(line) = lines.peek()? {
        if line.trim().is_empty() || line.trim_start().starts_with("MOTIF") {
            break;
        }
        let is_end = line.trim().starts_with("END ALPHABET");
        lines.next()?;
        if is_end {
            break;
        }
    }
    Ok(found)
}

/// The four `letter frequency` pairs, on one line or several.
fn background<R: BufRead>(lines: &mut Lines<R>) -> Result<[f64; 4], FormatError> {
    let mut frequencies = [f64::NAN; 4];
    let mut words: Vec<String> = Vec::new();
    while words.len() < 8 {
        let Some(line) = lines.next()? else {
            return Err(lines.error("four background frequencies", "the end of the file", None));
        };
        words.extend(line.split_whitespace().map(Into::into));
    }
    for pair in words.chunks_exact(2).take(4) {
        let Some(base) = pair[0].chars().next().and_then(base_of).filter(|_| pair[0].len() == 1) else {
            return Err(lines.error("a base and its background frequency", quote(&pair[0]), None));
        };
        frequencies[base] = lines.number_from(&pair[1], "a background frequency between 0 and 1")?;
    }
    let total: f64 = frequencies.iter().sum();
    if !(0.95..=1.05).contains(&total) {
        return Err(lines.error("background frequencies of A, C, G and T that sum to 1", words.join(" "), None));
    }
    Ok(normalized(frequencies))
}

fn base_of(letter: char) -> Option<usize> {
    match letter.to_ascii_uppercase() {
        'A' => Some(0),
        'C' => Some(1),
        'G' => Some(2),
        'T' | 'U' => Some(3),
        _ => None,
    }
}

/// `id [name]`, or `id [name] width = 8 sites = 20 ...` of the full text output.
fn title<R: BufRead>(lines: &Lines<R>, rest: &str) -> Result<Pending, FormatError> {
    let words: Vec<&str> = rest.split_whitespace().take_while(|word| *word != "width" && *word != "width=").collect();
    let Some((id, name)) = words.split_first() else {
        return Err(lines.error("a motif id after MOTIF", "the end of the line", None));
    };
    Ok(Pending { id: (*id).into(), name: name.join(" "), line: lines.number() })
}

fn matrix<R: BufRead>(lines: &mut Lines<R>, rest: &str) -> Result<(Vec<[f64; 4]>, f64), FormatError> {
    let field = |key: &str| attribute(rest, key);
    if let Some(letters) = field("alength").filter(|text| text.parse() != Ok(4_u32)) {
        return Err(lines.error("alength= 4", quote(&letters), Some("only DNA and RNA motifs are read")));
    }
    let sites = field("nsites").map(|text| lines.number_from(&text, "a number of sites")).transpose()?.unwrap_or(0.0);
    let width = match field("w") {
        None => None,
        Some(text) => match text.parse::<usize>() {
            Ok(width) if width > 0 => Some(width),
            _ => return Err(lines.error("a width of at least 1 after w=", quote(&text), None)),
        },
    };
    let mut rows = Vec::new();
    while width.is_none_or(|width| rows.len() < width) {
        let is_row =
            lines.peek()?.is_some_and(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '.'));
        if !is_row && width.is_none() && !rows.is_empty() {
            break;
        }
        let Some(line) = lines.next()? else {
            return Err(short(lines, width, rows.len(), "the end of the file"));
        };
        if line.trim().is_empty() && rows.is_empty() {
            continue;
        }
        if !is_row {
            return Err(short(lines, width, rows.len(), &quote(&line)));
        }
        rows.push(probabilities(lines, &line)?);
    }
    if lines.peek()?.is_some_and(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '.')) {
        lines.next()?;
        let expected = format!("{} rows, as w= says", rows.len());
        return Err(lines.error(&expected, "a further row", Some("correct w= or remove the row")));
    }
    Ok((rows, sites))
}

fn short<R: BufRead>(lines: &Lines<R>, width: Option<usize>, rows: usize, found: &str) -> FormatError {
    let expected = match width {
        Some(width) => format!("{width} rows of probabilities, as w= says (row {} is missing)", rows + 1),
        None => "a row of probabilities".into(),
    };
    lines.error(&expected, found, None)
}

/// The value after `key=`, with or without a space; the key must stand alone.
fn attribute(text: &str, key: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let Some(rest) = word.strip_prefix(key) else { continue };
        let value = match rest {
            "" => words.next()?.strip_prefix('=')?,
            _ => match rest.strip_prefix('=') {
                Some(value) => value,
                None => continue,
            },
        };
        return if value.is_empty() { words.next().map(Into::into) } else { Some(value.into()) };
    }
    None
}

fn probabilities<R: BufRead>(lines: &Lines<R>, line: &str) -> Result<[f64; 4], FormatError> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.len() != 4 {
        return Err(lines.error("four probabilities", quote(line.trim()), None));
    }
    let mut row = [0.0; 4];
    for (slot, word) in row.iter_mut().zip(words) {
        *slot = lines.number_from(word, "a probability between 0 and 1")?;
    }
    let total: f64 = row.iter().sum();
    if !(0.95..=1.05).contains(&total) {
        let hint = "a matrix of counts belongs into a JASPAR or TRANSFAC file";
        return Err(lines.error("probabilities that sum to 1", format!("a sum of {total}"), Some(hint)));
    }
    Ok(row)
}
