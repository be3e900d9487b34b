//! Writing variant files in the form that their name asks for.

use super::bcf::BcfWriter;
use super::header::entries;
use super::index::IndexBuilder;
use super::table::{ParquetTable, TextTable};
use super::{Header, InfoField, Record, Value};
use crate::error::{Error, Result};
use crate::input::is_dash;
use crate::output::{NewFile, write_file};
use noodles_bgzf::io::Writer as Bgzip;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What a file name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.vcf`, and `-`.
    Vcf,
    /// `.vcf.gz` and `.vcf.bgz`, compressed by bgzip, with an index.
    BgzipVcf,
    /// `.bcf`, with an index.
    Bcf,
    /// `.tsv` and `.txt`, a row an allele.
    Table,
    /// The same with `.gz`.
    GzipTable,
    /// `.parquet`, a row an allele.
    Parquet,
}

impl Format {
    /// The format of a name.
    ///
    /// # Errors
    /// Another ending.
    pub fn of(path: &Path) -> Result<Self> {
        let stream = std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir());
        if is_dash(path) || stream {
            return Ok(Self::Vcf);
        }
        let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let formats: [(&[&str], Self); 6] = [
            (&[".vcf"], Self::Vcf),
            (&[".vcf.gz", ".vcf.bgz"], Self::BgzipVcf),
            (&[".bcf"], Self::Bcf),
            (&[".tsv", ".txt"], Self::Table),
            (&[".tsv.gz", ".txt.gz"], Self::GzipTable),
            (&[".parquet"], Self::Parquet),
        ];
        let found = formats.into_iter().find(|(ends, _)| ends.iter().any(|end| name.ends_with(end)));
        found.map(|(_, format)| format).ok_or_else(|| {
            Error::of(path, "expected a name that ends in .vcf, .vcf.gz, .bcf, .tsv, .tsv.gz or .parquet")
                .with_hint("the ending decides the format; - writes VCF to the standard output")
        })
    }

    /// Whether it holds whole records, and not only a row for each allele.
    pub fn has_records(self) -> bool {
        matches!(self, Self::Vcf | Self::BgzipVcf | Self::Bcf)
    }
}

/// A variant file that is being written; it appears when it is [finished](VariantWriter::finish).
pub struct VariantWriter {
    path: PathBuf,
    fields: Vec<InfoField>,
    sink: Sink,
}

enum Sink {
    Text(NewFile),
    Bgzip(Box<Bgzip<NewFile>>, IndexBuilder),
    Bcf(Box<BcfWriter<NewFile>>, IndexBuilder),
    Table(TextTable),
    Parquet(Box<ParquetTable>),
}

impl VariantWriter {
    /// Begins a file in the [`Format`] of its name. The header describes all `fields` already; `longest` is the length of
    /// the longest contig.
    ///
    /// # Errors
    /// An ending that asks for no format, a place that cannot be written to, a header that BCF cannot hold.
    pub fn create(path: &Path, header: &Header, fields: &[InfoField], longest: u64) -> Result<Self> {
        let failed = |cause| Error::io(path, "written", cause);
        let sink = match Format::of(path)? {
            Format::Vcf => {
                let mut file = NewFile::create(path)?;
                file.write_all(&header.text()).map_err(failed)?;
                Sink::Text(file)
            }
            Format::BgzipVcf => {
                let mut file = Box::new(Bgzip::new(NewFile::create(path)?));
                file.write_all(&header.text()).map_err(failed)?;
                Sink::Bgzip(file, IndexBuilder::vcf(longest))
            }
            Format::Bcf => {
                let writer = Box::new(BcfWriter::create(path, NewFile::create(path)?, header)?);
                let index = IndexBuilder::bcf(writer.contigs().clone(), longest);
                Sink::Bcf(writer, index)
            }
            Format::Table => Sink::Table(TextTable::create(path, false, fields)?),
            Format::GzipTable => Sink::Table(TextTable::create(path, true, fields)?),
            Format::Parquet => Sink::Parquet(Box::new(ParquetTable::create(path, fields)?)),
        };
        Ok(Self { path: path.to_path_buf(), fields: fields.to_vec(), sink })
    }

    /// Writes a record with its values, `values[allele][field]`; without values, the record as it is.
    ///
    /// # Errors
    /// A full disk, or a record that BCF cannot hold.
    pub fn write(&mut self, record: &Record, values: &[Vec<Value>]) -> Result<()> {
        let failed = |cause| Error::io(&self.path, "written", cause);
        let line = || record.with_info(&entries(&self.fields, values));
        match &mut self.sink {
            Sink::Text(file) => {
                let mut line = line();
                line.push(b'\n');
                file.write_all(&line).map_err(failed)
            }
            Sink::Bgzip(file, index) => {
                let mut line = line();
                line.push(b'\n');
                let from = file.virtual_position();
                file.write_all(&line).map_err(failed)?;
                index.add(record, from, file.virtual_position());
                Ok(())
            }
            Sink::Bcf(file, index) => {
                let from = file.position();
                file.write(line(), record.number())?;
                index.add(record, from, file.position());
                Ok(())
            }
            Sink::Table(table) => table.write(&self.path, record, values),
            Sink::Parquet(table) => table.write(record, values),
        }
    }

    /// Puts the file in its place, with its index if it has one; what the user may want to know comes back. An index of an
    /// earlier file of that name is removed.
    ///
    /// # Errors
    /// A full disk, or a place that cannot be written to.
    pub fn finish(self) -> Result<Vec<String>> {
        let path = self.path;
        let failed = |cause| Error::io(&path, "written", cause);
        let (file, index) = match self.sink {
            Sink::Text(file) => (file, None),
            Sink::Bgzip(file, index) => (file.finish().map_err(failed)?, Some(index)),
            Sink::Bcf(file, index) => (file.finish()?, Some(index)),
            Sink::Table(table) => return table.finish(&path).map(|()| Vec::new()),
            Sink::Parquet(table) => return table.finish().map(|()| Vec::new()),
        };
        for ending in [".tbi", ".csi"] {
            // What is not there need not go; what cannot go will be told by whoever reads it.
            let _ = std::fs::remove_file(beside(&path, ending));
        }
        file.finish()?;
        match index.map(IndexBuilder::finish) {
            None => Ok(Vec::new()),
            Some(Ok((ending, bytes))) => {
                write_file(&beside(&path, ending), |sink| sink.write_all(&bytes)).map(|()| Vec::new())
            }
            Some(Err(fault)) => Ok(vec![format!("{} has no index: {fault}", path.display())]),
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}
