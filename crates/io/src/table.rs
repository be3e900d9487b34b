//! Tables with a header line: TSV and CSV.

use crate::error::{Error, Result, excerpt, nearest};
use crate::input::Lines;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A table in memory, by column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    path: PathBuf,
    names: Vec<String>,
    columns: Vec<Vec<String>>,
    lines: Vec<usize>,
}

/// Reads a table whose first line names the columns.
///
/// The delimiter is the comma for `.csv`, the tab for `.tsv`, `.tab` and `.txt` (each also with `.gz`), if the header
/// has one; otherwise whichever of tab, comma and semicolon the header has most of. A field that starts with a double
/// quote ends with one, may hold delimiters and line ends, and doubles its own quotes. A `#` before the first name is
/// dropped; blank lines are skipped.
///
/// # Errors
/// Those of [`crate::input::open`]; no header or no row; two columns of one name; a row with more or fewer fields than
/// the header; a quote without an end; a line beyond [`Lines::LIMIT`]. All name the line.
pub fn read(path: &Path) -> Result<Table> {
    let mut rows = Rows::open(path)?;
    let mut names = rows.header()?;
    if let Some(first) = names.first_mut() {
        *first = first.trim_start_matches('#').trim_start().to_owned();
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = names.iter().find(|name| !name.is_empty() && !seen.insert(name.as_str())) {
        return Err(Error::of(path, format!("expected different column names, found {twice:?} twice")).at("header"));
    }
    let mut table =
        Table { path: path.to_path_buf(), columns: vec![Vec::new(); names.len()], names, lines: Vec::new() };
    while let Some((line, fields)) = rows.next_row()? {
        if fields.len() != table.names.len() {
            let message = format!("expected {} fields as in the header, found {}", table.names.len(), fields.len());
            return Err(Error::at_line(path, line, message));
        }
        table.lines.push(line);
        for (column, field) in table.columns.iter_mut().zip(fields) {
            column.push(field);
        }
    }
    if table.lines.is_empty() {
        return Err(Error::of(path, "expected rows below the header, found none"));
    }
    Ok(table)
}

impl Table {
    /// The file it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of the columns, in their order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// Line of a row in the file, from 1.
    pub fn line(&self, row: usize) -> usize {
        self.lines[row]
    }

    /// Whether there is a column of this name.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    /// The fields of one column.
    ///
    /// # Errors
    /// No column of this name; the error lists those that there are, and offers the nearest.
    pub fn column(&self, name: &str) -> Result<&[String]> {
        match self.names.iter().position(|own| own == name) {
            Some(column) => Ok(&self.columns[column]),
            None => Err(self.missing(name)),
        }
    }

    fn missing(&self, name: &str) -> Error {
        let shown: Vec<String> = self.names.iter().take(20).map(|own| excerpt(own.as_bytes())).collect();
        let more = if self.names.len() > 20 { ", ..." } else { "" };
        let error = Error::of(&self.path, format!("expected a column {name:?}, found {}{more}", shown.join(", ")));
        if self.names.iter().any(|own| looks_like_sequence(own)) {
            return error.with_hint("the first line must name the columns; this one looks like data");
        }
        match nearest(name, self.names.iter().map(String::as_str)) {
            Some(near) => error.with_hint(format!("did you mean {near:?}?")),
            None => error,
        }
    }
}

fn looks_like_sequence(text: &str) -> bool {
    text.len() >= 8 && text.bytes().all(|b| b"ACGTUNacgtun".contains(&b))
}

/// Cuts lines into fields.
pub(crate) struct Rows {
    lines: Lines,
    delimiter: u8,
}

impl Rows {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Ok(Self { lines: Lines::open(path)?, delimiter: b'\t' })
    }

    /// The names of the columns, from the first line that is not blank.
    pub(crate) fn header(&mut self) -> Result<Vec<String>> {
        let path = self.lines.path().to_path_buf();
        let empty = || Error::of(&path, "expected a header line with column names, found only blank lines");
        loop {
            let (line, text) = self.lines.next_line()?.ok_or_else(empty)?;
            if !text.trim_ascii().is_empty() {
                self.delimiter = delimiter(&path, text);
                let text = text.to_vec();
                let fields = self.fields(line, text)?;
                return Ok(fields.into_iter().map(|name| name.trim().to_owned()).collect());
            }
        }
    }

    /// The next row and its line.
    pub(crate) fn next_row(&mut self) -> Result<Option<(usize, Vec<String>)>> {
        while let Some((line, text)) = self.lines.next_line()? {
            if !text.is_empty() {
                let text = text.to_vec();
                return Ok(Some((line, self.fields(line, text)?)));
            }
        }
        Ok(None)
    }

    /// The fields of a row that starts with `text`; a quoted field may go on over further lines.
    fn fields(&mut self, line: usize, mut text: Vec<u8>) -> Result<Vec<String>> {
        let mut fields = Vec::new();
        let mut at = 0;
        loop {
            let mut field = Vec::new();
            if text.get(at) == Some(&b'"') {
                at = self.quoted(line, &mut text, at + 1, &mut field)?;
            }
            let rest = &text[at..];
            let end = rest.iter().position(|&byte| byte == self.delimiter).unwrap_or(rest.len());
            field.extend_from_slice(&rest[..end]);
            fields.push(String::from_utf8_lossy(&field).into_owned());
            at += end;
            if at >= text.len() {
                return Ok(fields);
            }
            at += 1;
        }
    }

    /// Reads into `field` from `at`, just behind the opening quote, up to the closing one; `text` becomes the line of that.
    /// Returns where the closing quote ends.
    fn quoted(&mut self, line: usize, text: &mut Vec<u8>, mut at: usize, field: &mut Vec<u8>) -> Result<usize> {
        loop {
            match (text.get(at), text.get(at + 1)) {
                (Some(b'"'), Some(b'"')) => {
                    field.push(b'"');
                    at += 2;
                }
                (Some(b'"'), _) => return Ok(at + 1),
                (Some(&byte), _) => {
                    field.push(byte);
                    at += 1;
                }
                (None, _) => {
                    let path = self.lines.path().to_path_buf();
                    if field.len() > Lines::LIMIT {
                        return Err(unended(&path, line));
                    }
                    field.push(b'\n');
                    *text = self.lines.next_line()?.ok_or_else(|| unended(&path, line))?.1.to_vec();
                    at = 0;
                }
            }
        }
    }
}

fn unended(path: &Path, line: usize) -> Error {
    Error::at_line(path, line, "expected a closing quote for the field that starts with one, found none")
}

fn delimiter(path: &Path, header: &[u8]) -> u8 {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or(name.strip_suffix(".bgz")).unwrap_or(&name);
    let count = |delimiter: u8| header.iter().filter(|&&byte| byte == delimiter).count();
    if name.ends_with(".csv") && count(b',') > 0 {
        return b',';
    }
    if [".tsv", ".tab", ".txt"].iter().any(|end| name.ends_with(end)) && count(b'\t') > 0 {
        return b'\t';
    }
    // The later of equals wins, so the order here is the order of preference from least to most.
    [b';', b',', b'\t'].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b'\t')
}
