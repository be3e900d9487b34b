//! The header of a variant file, and the fields that are added to it.

use crate::Genome;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// What the values of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldKind {
    /// [`Value::Number`].
    Number,
    /// [`Value::Number`] without a fraction, of less than 2^24.
    Whole,
    /// [`Value::Text`].
    Text,
}

/// A field of INFO with a value for each ALT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfoField {
    /// Its key.
    pub id: String,
    /// What its values are.
    pub kind: FieldKind,
    /// What it means, with units.
    pub description: String,
}

/// A value of a field for one allele.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// None: the allele was not scored.
    Missing,
    /// A number; one that is not finite is written as none.
    Number(f32),
    /// A word: no white space, comma, semicolon or equals sign.
    Text(String),
}

impl Value {
    /// The value as VCF and TSV write it: the fewest digits that give the same number back.
    pub fn text(&self) -> String {
        match self {
            Self::Number(number) if number.is_finite() => {
                let size = number.abs();
                if size != 0.0 && !(1e-4..1e7).contains(&size) { format!("{number:e}") } else { number.to_string() }
            }
            Self::Text(text) => text.clone(),
            Self::Missing | Self::Number(_) => ".".to_owned(),
        }
    }
}

/// The entries of INFO for one record, `values[allele][field]`; fields without any value are left out.
pub(super) fn entries(fields: &[InfoField], values: &[Vec<Value>]) -> String {
    let mut text = String::new();
    for (column, field) in fields.iter().enumerate() {
        let own: Vec<String> = values.iter().filter_map(|row| row.get(column).map(Value::text)).collect();
        if own.iter().all(|value| value == ".") {
            continue;
        }
        let separator = if text.is_empty() { "" } else { ";" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{}={}", field.id, own.join(","));
    }
    text
}

/// The value of a key in `##INFO=<ID=AC,Number=A,...>`, outside of its description.
pub(super) fn value_of<'l>(line: &'l str, key: &str) -> Option<&'l str> {
    let (_, rest) = line.split_once("=<")?;
    let (mut in_quotes, mut is_escaped) = (false, false);
    let parts = rest.split(|c: char| {
        in_quotes ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        !in_quotes && matches!(c, ',' | '>')
    });
    parts.filter_map(|part| part.split_once('=')).find(|(own, _)| *own == key).map(|(_, value)| value)
}

/// The lines before the first record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The lines that begin with `##`, without their ends.
    lines: Vec<Vec<u8>>,
    /// The line that names the columns.
    columns: Vec<u8>,
}

impl Header {
    pub(super) fn new(lines: Vec<Vec<u8>>, columns: Vec<u8>) -> Self {
        Self { lines, columns }
    }

    /// The header of a file that has none: a table.
    pub(super) fn plain() -> Self {
        Self::new(vec![b"##fileformat=VCFv4.2".to_vec()], b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO".to_vec())
    }

    /// Names and lengths of its contigs, in their order.
    pub fn contigs(&self) -> Vec<(String, Option<u64>)> {
        let contig = |line: &Vec<u8>| {
            let line = String::from_utf8_lossy(line);
            let length = value_of(&line, "length").and_then(|length| length.parse().ok());
            Some((value_of(&line, "ID").filter(|_| line.starts_with("##contig=<"))?.to_owned(), length))
        };
        self.lines.iter().filter_map(contig).collect()
    }

    /// Whether a field of INFO is described.
    pub fn has_info(&self, id: &str) -> bool {
        let is_it = |line: &Vec<u8>| value_of(&String::from_utf8_lossy(line), "ID") == Some(id);
        self.lines.iter().filter(|line| line.starts_with(b"##INFO=<")).any(is_it)
    }

    /// Adds the contigs of a genome, if there is none yet; `name` gives a contig the name that the records use.
    pub fn add_contigs(&mut self, genome: &Genome, name: impl Fn(&str) -> String) {
        if self.contigs().is_empty() {
            for (contig, length) in genome.contigs() {
                self.add(format!("##contig=<ID={},length={length}>", name(contig)));
            }
        }
    }

    /// Adds the description of a field.
    pub fn add_field(&mut self, field: &InfoField) {
        let kind = match field.kind {
            FieldKind::Number => "Float",
            FieldKind::Whole => "Integer",
            FieldKind::Text => "String",
        };
        let description = field.description.replace('\\', "\\\\").replace('"', "\\\"");
        self.add(format!("##INFO=<ID={},Number=A,Type={kind},Description=\"{description}\">", field.id));
    }

    /// Adds a line `##key=value`.
    pub fn add_line(&mut self, key: &str, value: &str) {
        self.add(format!("##{key}={value}"));
    }

    fn add(&mut self, line: String) {
        self.lines.push(line.into_bytes());
    }

    /// All of it, with line ends.
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for line in self.lines.iter().chain([&self.columns]) {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        text
    }
}
