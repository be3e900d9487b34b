//! The header of a variant file, and the fields that are added to it.

use crate::Genome;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// A field of INFO with a value for each ALT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfoField {
    /// Its key.
    pub id: String,
    /// Whether its values are words, and not numbers.
    pub is_text: bool,
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
        let value = |line: &str, key: &str| {
            let (_, rest) = line.split_once(key)?;
            Some(rest.split([',', '>']).next().unwrap_or_default().to_owned())
        };
        let contig = |line: &Vec<u8>| {
            let line = String::from_utf8_lossy(line);
            let line = line.strip_prefix("##contig=<")?;
            let length = value(line, "length=").and_then(|length| length.parse().ok());
            Some((value(line, "ID=")?, length))
        };
        self.lines.iter().filter_map(contig).collect()
    }

    /// Whether a field of INFO is described.
    pub fn has_info(&self, id: &str) -> bool {
        let start = format!("##INFO=<ID={id},");
        self.lines.iter().any(|line| line.starts_with(start.as_bytes()))
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
        let kind = if field.is_text { "String" } else { "Float" };
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
