//! JASPAR count matrices, with and without letters and brackets, and HOMER's motifs, which look alike.

use super::FormatError;
use super::lines::{Lines, quote};
use crate::Motif;
use basewise_core::Alphabet;
use std::io::BufRead;

/// Whether a line is a row of a matrix without a header: numbers, perhaps after one base letter.
pub(super) fn is_row(line: &str) -> bool {
    let (_, numbers) = split_letter(line);
    let mut words = numbers.split_whitespace().peekable();
    words.peek().is_some() && words.all(|word| word.parse::<f64>().is_ok())
}

/// The leading base letter, if there is one, and the rest without brackets.
fn split_letter(line: &str) -> (Option<char>, String) {
    let line = line.trim();
    let letter = line.chars().next().filter(|c| "ACGTUacgtu".contains(*c)).map(|c| c.to_ascii_uppercase());
    let rest = if letter.is_some() { &line[1..] } else { line };
    let rest = rest.trim_start_matches([' ', '\t', ':', '|', '=']);
    (letter, rest.replace(['[', ']'], " "))
}

pub(super) fn read<R: BufRead>(lines: &mut Lines<R>) -> Result<Vec<Motif>, FormatError> {
    let mut motifs = Vec::new();
    while let Some(line) = lines.peek_filled()? {
        let title = match line.strip_prefix('>') {
            Some(title) => {
                lines.next()?;
                title.trim().to_owned()
            }
            None if motifs.is_empty() => stem(lines.origin()).to_owned(),
            None => {
                lines.next()?;
                return Err(lines.error("a line that starts with '>'", quote(&line), None));
            }
        };
        let start = lines.number();
        let mut rows = Vec::new();
        while let Some(line) = lines.peek()? {
            if line.starts_with('>') {
                break;
            }
            let row = line.to_owned();
            lines.next()?;
            if !row.trim().is_empty() {
                rows.push(numbers(lines, &row)?);
            }
        }
        motifs.push(record(lines, &title, start, &rows)?);
    }
    Ok(motifs)
}

fn record<R: BufRead>(
    lines: &Lines<R>,
    title: &str,
    start: usize,
    rows: &[(Option<char>, Vec<f64>)],
) -> Result<Motif, FormatError> {
    let fields: Vec<&str> = title.split('\t').map(str::trim).collect();
    let has_threshold = fields.len() >= 3 && fields[2].parse::<f64>().is_ok();
    let is_homer = has_threshold && rows.iter().all(|(letter, row)| letter.is_none() && row.len() == 4);
    if is_homer && !rows.is_empty() {
        let rows = rows.iter().map(|(_, row)| [row[0], row[1], row[2], row[3]]).collect();
        return Ok(Motif::from_probabilities(fields[1], fields[0], Alphabet::Dna, rows, 0.0));
    }
    let (id, name) = title.split_once(char::is_whitespace).unwrap_or((title, ""));
    let id = if id.is_empty() { stem(lines.origin()) } else { id };
    if rows.len() != 4 {
        let expected = format!("four rows (A, C, G and T) for motif {id} of line {start}");
        let found = format!("{} rows", rows.len());
        return Err(lines.error(&expected, found, None));
    }
    let counts = columns(lines, &format!("motif {id} of line {start}"), rows)?;
    if let Some(position) = counts.iter().position(|column| column.iter().sum::<f64>() <= 0.0) {
        let expected = format!("a count above 0 at position {} of motif {id} of line {start}", position + 1);
        return Err(lines.error(&expected, "four zeros", None));
    }
    let is_rna = rows.iter().any(|(letter, _)| *letter == Some('U'));
    let alphabet = if is_rna { Alphabet::Rna } else { Alphabet::Dna };
    Ok(matrix(id, name.trim(), alphabet, counts))
}

/// Rows of bases as columns of positions; without letters the rows are A, C, G and T.
fn columns<R: BufRead>(
    lines: &Lines<R>,
    motif: &str,
    rows: &[(Option<char>, Vec<f64>)],
) -> Result<Vec<[f64; 4]>, FormatError> {
    let width = rows[0].1.len();
    let mut counts = vec![[0.0; 4]; width];
    let mut seen = [false; 4];
    for (i, (letter, row)) in rows.iter().enumerate() {
        let base = letter.map_or(i, |letter| "ACGT".find(if letter == 'U' { 'T' } else { letter }).unwrap_or(3));
        if row.len() != width || seen[base] {
            let expected = format!("four rows of {width} counts, one a base, for {motif}");
            let found = format!("{} counts in row {} ({})", row.len(), i + 1, letter.unwrap_or('-'));
            return Err(lines.error(&expected, found, None));
        }
        seen[base] = true;
        for (column, &count) in counts.iter_mut().zip(row) {
            column[base] = count;
        }
    }
    Ok(counts)
}

/// Rows that sum to 1 are probabilities of an unknown number of sites.
fn matrix(id: &str, name: &str, alphabet: Alphabet, counts: Vec<[f64; 4]>) -> Motif {
    if counts.iter().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 0.01) {
        return Motif::from_probabilities(id, name, alphabet, counts, 0.0);
    }
    Motif::from_counts(id, name, alphabet, counts)
}

fn numbers<R: BufRead>(lines: &Lines<R>, line: &str) -> Result<(Option<char>, Vec<f64>), FormatError> {
    let (letter, rest) = split_letter(line);
    let row: Result<Vec<f64>, _> = rest.split_whitespace().map(|word| lines.number_from(word, "a count")).collect();
    let row = row?;
    if row.is_empty() {
        return Err(lines.error("a row of counts", quote(line), None));
    }
    Ok((letter, row))
}

/// The file's name without folders and endings: the id of a matrix that has none.
fn stem(origin: &str) -> &str {
    let file = origin.rsplit(['/', '\\']).next().unwrap_or(origin);
    match file.split('.').next() {
        Some(stem) if !stem.is_empty() && stem != "-" => stem,
        _ => "motif",
    }
}
