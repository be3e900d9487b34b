//! Reading variant files, whatever their form.

use super::bcf::BcfReader;
use super::{Header, Record};
use crate::error::{Error, Result, excerpt};
use crate::input::{self, Lines};
use std::path::{Path, PathBuf};

/// A variant file, read record by record: VCF (plain, gzip or bgzip), BCF, or a table.
///
/// The form is told by the content, so that a pipe works like a file. A table has a header line that names `chrom`, `pos`
/// (from 1), `ref` and `alt`, and maybe `id`, in any order and case; without a header its first four columns are these.
/// Other columns of a table are not kept.
pub struct VariantReader {
    path: PathBuf,
    header: Header,
    source: Source,
    /// A first row that was read to tell the form.
    first: Option<Record>,
}

enum Source {
    Vcf(Lines),
    Table(Lines, Columns),
    Bcf(BcfReader),
}

impl VariantReader {
    /// Opens a file and reads its header; `-` is the standard input.
    ///
    /// # Errors
    /// Those of [`input::open`]; a header without the line that begins with `#CHROM`; BCF that is damaged; a table without
    /// the columns that are needed.
    pub fn open(path: &Path) -> Result<Self> {
        let mut text = input::open(path)?;
        let start = text.fill_buf().map_err(|cause| Error::io(path, "read", cause))?;
        let new = |header, source, first| Self { path: path.to_path_buf(), header, source, first };
        if start.starts_with(b"BCF") {
            let (header, reader) = BcfReader::open(text, path)?;
            return Ok(new(header, Source::Bcf(reader), None));
        }
        let mut lines = Lines::new(text, path);
        let mut about = Vec::new();
        while let Some((number, line)) = lines.next_line()? {
            if line.starts_with(b"##") {
                about.push(line.to_vec());
            } else if line.starts_with(b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO") {
                return Ok(new(Header::new(about, line.to_vec()), Source::Vcf(lines), None));
            } else if about.is_empty() {
                let line = line.to_vec();
                let columns = Columns::of(&line, path, number)?;
                let first = if columns.named { None } else { Some(columns.record(&line, path, number)?) };
                return Ok(new(Header::plain(), Source::Table(lines, columns), first));
            } else {
                let message = format!(
                    "expected the line of column names, #CHROM POS ID REF ALT QUAL FILTER INFO, found {}",
                    excerpt(line)
                );
                return Err(Error::at_line(path, number, message).with_hint("the columns of VCF are parted by tabs"));
            }
        }
        Err(Error::of(path, "expected a line that begins with #CHROM after the header, found the end of the file"))
    }

    /// The header as it came.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The file, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a record is, for messages: `line 12`, or `record 12` of BCF.
    pub fn place(&self, record: &Record) -> String {
        let what = if matches!(self.source, Source::Bcf(_)) { "record" } else { "line" };
        format!("{what} {}", record.number())
    }

    /// The next record, or `None` at the end. Empty lines are passed over.
    ///
    /// # Errors
    /// A line that is no record; truncated or damaged compressed data; a failing disk.
    pub fn next_record(&mut self) -> Result<Option<Record>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        if let Source::Bcf(reader) = &mut self.source {
            return reader.next_record();
        }
        let (Source::Vcf(lines) | Source::Table(lines, _)) = &mut self.source else { return Ok(None) };
        let (number, line) = loop {
            match lines.next_line()? {
                None => return Ok(None),
                Some((_, line)) if line.trim_ascii().is_empty() => {}
                Some((number, line)) => break (number, line.to_vec()),
            }
        };
        match &self.source {
            Source::Table(_, columns) => columns.record(&line, &self.path, number).map(Some),
            _ => Record::parse(line, &self.path, number).map(Some),
        }
    }
}

/// Which columns of a table are which.
struct Columns {
    chrom: usize,
    position: usize,
    id: Option<usize>,
    reference: usize,
    alternate: usize,
    /// Whether the first line named them.
    named: bool,
}

/// Whether a text can be an allele: nothing but letters.
fn is_allele(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

impl Columns {
    fn of(line: &[u8], path: &Path, number: usize) -> Result<Self> {
        let line = String::from_utf8_lossy(line);
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        let plain = |name: &str| name.trim().trim_start_matches('#').to_ascii_lowercase();
        let names: Vec<String> = line.split('\t').map(plain).collect();
        let column = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
        let found = [
            column(&["chrom", "chr", "chromosome", "contig"]),
            column(&["pos", "position"]),
            column(&["ref", "reference"]),
            column(&["alt", "alternate"]),
        ];
        if let [Some(chrom), Some(position), Some(reference), Some(alternate)] = found {
            let id = column(&["id", "rsid", "name"]);
            return Ok(Self { chrom, position, id, reference, alternate, named: true });
        }
        if names.len() >= 4 && names[1].parse::<u64>().is_ok() {
            let is_vcf = !is_allele(fields[2]) && fields.len() > 4 && is_allele(fields[3]);
            if !is_vcf {
                return Ok(Self { chrom: 0, position: 1, id: None, reference: 2, alternate: 3, named: false });
            }
            let message = format!(
                "expected a reference allele in the third column of a table without names, found {:?} in {}",
                fields[2],
                excerpt(line.as_bytes())
            );
            return Err(Error::at_line(path, number, message).with_hint(
                "records of VCF need its header, which begins with ##fileformat; columns of a table can be named: chrom pos ref alt",
            ));
        }
        let message = format!(
            "expected VCF, BCF, or a table whose columns are chrom, pos, ref and alt, found {}",
            excerpt(line.as_bytes())
        );
        Err(Error::at_line(path, number, message)
            .with_hint("the columns of a table are parted by tabs; VCF begins with ##fileformat"))
    }

    /// A row as a record of VCF.
    fn record(&self, line: &[u8], path: &Path, number: usize) -> Result<Record> {
        let fields: Vec<&[u8]> = line.split(|&byte| byte == b'\t').map(<[u8]>::trim_ascii).collect();
        let field = |column: usize| {
            let found = || format!("expected at least {} columns parted by tabs, found {}", column + 1, fields.len());
            fields.get(column).copied().ok_or_else(|| Error::at_line(path, number, found()))
        };
        let id = match self.id {
            Some(column) => field(column)?,
            None => b".",
        };
        let id = if id.is_empty() { b"." } else { id };
        let parts =
            [field(self.chrom)?, field(self.position)?, id, field(self.reference)?, field(self.alternate)?, b".\t.\t."];
        Record::parse(parts.join(&b'\t'), path, number)
    }
}
