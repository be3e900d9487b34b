//! Scores as a table, a row an allele: TSV, or Parquet.

use super::{FieldKind, InfoField, Record, Value};
use crate::columnar::{Chunk, Field, GroupWriter, Kind};
use crate::error::{Error, Result};
use crate::output::NewFile;
use flate2::{Compression, GzBuilder, write::GzEncoder};
use std::io::Write;
use std::path::Path;

/// Rows of a row group of Parquet.
const GROUP: usize = 65_536;
/// The columns that say which allele it is; POS counts from 1.
const PLACE: [&str; 5] = ["chrom", "pos", "id", "ref", "alt"];

/// Writes rows of a TSV.
pub(super) enum TextTable {
    Plain(NewFile),
    Gzip(Box<GzEncoder<NewFile>>),
}

impl TextTable {
    pub(super) fn create(path: &Path, gzip: bool, fields: &[InfoField]) -> Result<Self> {
        let file = NewFile::create(path)?;
        // No name and no time in the header: the same scores are the same bytes.
        let mut table = if gzip {
            Self::Gzip(Box::new(GzBuilder::new().write(file, Compression::default())))
        } else {
            Self::Plain(file)
        };
        let names: Vec<&str> = PLACE.into_iter().chain(fields.iter().map(|field| field.id.as_str())).collect();
        table.line(&names.join("\t")).map_err(|cause| Error::io(path, "written", cause))?;
        Ok(table)
    }

    fn line(&mut self, line: &str) -> std::io::Result<()> {
        let sink: &mut dyn Write = match self {
            Self::Plain(file) => file,
            Self::Gzip(file) => file,
        };
        sink.write_all(line.as_bytes())?;
        sink.write_all(b"\n")
    }

    pub(super) fn write(&mut self, path: &Path, record: &Record, values: &[Vec<Value>]) -> Result<()> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        for (allele, values) in record.alternates().zip(values) {
            let mut cells = vec![
                record.chrom().to_owned(),
                record.position().to_string(),
                text(record.id()),
                text(record.reference()),
                text(allele),
            ];
            // An empty cell is what tables have where there is no value.
            let value = |value: &Value| Some(value.text()).filter(|text| text != ".").unwrap_or_default();
            cells.extend(values.iter().map(value));
            self.line(&cells.join("\t")).map_err(|cause| Error::io(path, "written", cause))?;
        }
        Ok(())
    }

    pub(super) fn finish(self, path: &Path) -> Result<()> {
        match self {
            Self::Plain(file) => file.finish(),
            Self::Gzip(file) => file.finish().map_err(|cause| Error::io(path, "written", cause))?.finish(),
        }
    }
}

/// Writes rows of a Parquet file, a row group at a time.
pub(super) struct ParquetTable {
    writer: GroupWriter<NewFile>,
    fields: Vec<InfoField>,
    rows: Vec<Row>,
}

struct Row {
    chrom: String,
    position: u64,
    id: Vec<u8>,
    reference: Vec<u8>,
    alternate: Vec<u8>,
    values: Vec<Value>,
}

impl ParquetTable {
    pub(super) fn create(path: &Path, fields: &[InfoField]) -> Result<Self> {
        let kind = |name: &&str| if *name == "pos" { Kind::Whole } else { Kind::Text };
        let mut columns: Vec<Field> = PLACE.iter().map(|name| Field::new(*name, kind(name))).collect();
        let own = |field: &InfoField| {
            let kind = match field.kind {
                FieldKind::Number => Kind::Single,
                FieldKind::Whole => Kind::Whole,
                FieldKind::Text => Kind::Text,
            };
            Field::new(&field.id, kind)
        };
        columns.extend(fields.iter().map(own));
        let writer = GroupWriter::new(path, NewFile::create(path)?, &columns)?;
        Ok(Self { writer, fields: fields.to_vec(), rows: Vec::new() })
    }

    pub(super) fn write(&mut self, record: &Record, values: &[Vec<Value>]) -> Result<()> {
        for (allele, values) in record.alternates().zip(values) {
            self.rows.push(Row {
                chrom: record.chrom().to_owned(),
                position: record.position(),
                id: record.id().to_vec(),
                reference: record.reference().to_vec(),
                alternate: allele.to_vec(),
                values: values.clone(),
            });
        }
        if self.rows.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let text = |of: fn(&Row) -> &[u8]| Chunk::Text(rows.iter().map(|row| Some(of(row))).collect());
        self.writer.write(|column| match column {
            0 => text(|row| row.chrom.as_bytes()),
            1 => Chunk::Whole(rows.iter().map(|row| i64::try_from(row.position).ok()).collect()),
            2 => text(|row| &row.id),
            3 => text(|row| &row.reference),
            4 => text(|row| &row.alternate),
            column => {
                let own = column - PLACE.len();
                let number = |row: &Row| match row.values.get(own) {
                    Some(Value::Number(number)) if number.is_finite() => Some(*number),
                    _ => None,
                };
                match self.fields[own].kind {
                    FieldKind::Text => {
                        let texts = rows.iter().map(|row| match row.values.get(own) {
                            Some(Value::Text(text)) => Some(text.as_bytes()),
                            _ => None,
                        });
                        Chunk::Text(texts.collect())
                    }
                    FieldKind::Number => Chunk::Single(rows.iter().map(number).collect()),
                    FieldKind::Whole => {
                        Chunk::Whole(rows.iter().map(|row| number(row).map(|number| number as i64)).collect())
                    }
                }
            }
        })
    }

    pub(super) fn finish(mut self) -> Result<()> {
        if !self.rows.is_empty() {
            self.flush()?;
        }
        self.writer.finish()?.finish()
    }
}
