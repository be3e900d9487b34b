//! A reference genome: a FASTA file with random access.
//!
//! The file is plain or compressed by bgzip; an index (`.fai`, and `.gzi` for bgzip) as samtools makes it is used if it
//! is there and made if not. Where its directory cannot be written to, the index stays in memory. A file compressed by
//! plain gzip cannot be entered in the middle; it is read into memory, a byte a base, up to [`IN_MEMORY`] bytes.
//!
//! An index that does not belong to its FASTA would give wrong bases without a sound. So on opening, the start, the
//! end and two line ends of every contig are compared with the file, and that nothing lies between the contigs. The
//! ages of the files are not looked at, since copying changes them.

mod bgzf;
mod fai;
mod nearby;
mod text;

use crate::error::{Error, Result, unknown_contig};
use crate::input;
use crate::output::write_file;
use basewise_core::{Alphabet, Interval, Strand, reverse_complement};
use fai::Entry;
pub use nearby::Nearby;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use text::Text;

/// Bytes of a gzip-compressed FASTA that are read into memory at most.
pub const IN_MEMORY: u64 = 4 << 30;

/// A genome opened for random access. Reading takes `&self`, so threads can share it.
#[derive(Debug)]
pub struct Genome {
    path: PathBuf,
    contigs: Vec<(String, u64)>,
    entries: Vec<Entry>,
    by_name: BTreeMap<String, usize>,
    text: Text,
    notes: Vec<String>,
}

impl Genome {
    /// Opens a FASTA file and its index, which is made if there is none.
    ///
    /// # Errors
    /// A file that cannot be read, is truncated, or is no FASTA; lines of different lengths within a contig; two
    /// contigs of one name; an index that does not belong to the file.
    pub fn open(path: &Path) -> Result<Self> {
        if input::is_dash(path) {
            return Err(Error::new("expected a genome file, found -").with_hint("a genome is read at random places"));
        }
        let mut notes = Vec::new();
        let text = Text::open(path, &mut notes)?;
        let entries = entries(path, &text, &mut notes)?;
        let contigs = entries.iter().map(|entry| (entry.name.clone(), entry.length)).collect();
        let by_name = entries.iter().enumerate().map(|(i, entry)| (entry.name.clone(), i)).collect();
        Ok(Self { path: path.to_path_buf(), contigs, entries, by_name, text, notes })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names and lengths of the contigs, in the order of the file.
    pub fn contigs(&self) -> &[(String, u64)] {
        &self.contigs
    }

    /// What the user may want to know: an index that could not be kept, a genome that had to go into memory.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Length of one contig.
    ///
    /// # Errors
    /// No contig of this name; the hint says so if the genome writes it with or without `chr`.
    pub fn length(&self, chrom: &str) -> Result<u64> {
        self.entry(chrom).map(|entry| entry.length)
    }

    /// The letters of an interval, case kept; the reverse complement for the reverse strand.
    ///
    /// # Errors
    /// An unknown contig, an empty interval, one that reaches beyond the end of its contig, a failing disk.
    pub fn fetch(&self, interval: &Interval) -> Result<Vec<u8>> {
        let entry = self.entry(&interval.chrom)?;
        let wrong = |message: String| Err(Error::of(&self.path, message).at(interval.to_string()));
        if interval.start >= interval.end {
            return wrong(format!("expected start < end, found {} and {}", interval.start, interval.end));
        }
        if interval.end > entry.length {
            let (chrom, length) = (&interval.chrom, entry.length);
            return wrong(format!(
                "expected an interval within {chrom:?} of {length} bases, found the end {}",
                interval.end
            ));
        }
        let (from, to) = (entry.position(interval.start), entry.position(interval.end - 1) + 1);
        let mut letters =
            self.text.read(from, to - from).map_err(|cause| unreadable(&self.path, cause).at(interval.to_string()))?;
        letters.retain(|&byte| byte != b'\n' && byte != b'\r');
        if letters.len() as u64 != interval.len() {
            return Err(stale(&self.path, &interval.chrom));
        }
        Ok(match interval.strand {
            Strand::Forward => letters,
            Strand::Reverse => reverse_complement(&letters, Alphabet::Dna),
        })
    }

    fn entry(&self, chrom: &str) -> Result<&Entry> {
        self.by_name.get(chrom).map(|&i| &self.entries[i]).ok_or_else(|| self.unknown(chrom))
    }

    fn unknown(&self, chrom: &str) -> Error {
        unknown_contig(&self.path, "genome", chrom, self.contigs.iter().map(|(name, _)| name.as_str()))
    }
}

/// The path with `ending` appended to its name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

/// The index from its file, verified, or made and kept.
fn entries(path: &Path, text: &Text, notes: &mut Vec<String>) -> Result<Vec<Entry>> {
    let index = beside(path, ".fai");
    if index.exists() && !text.is_in_memory() {
        let entries = fai::read(&index)?;
        fai::verify(&entries, text).map_err(|wrong| match wrong {
            fai::Mismatch::Contig(name) => stale(path, &name),
            fai::Mismatch::Io(cause) => unreadable(path, cause),
        })?;
        return Ok(entries);
    }
    let entries = fai::build(path, &mut text.stream(path)?)?;
    if !text.is_in_memory() {
        let lines = fai::to_text(&entries);
        if let Err(error) = write_file(&index, |sink| sink.write_all(lines.as_bytes())) {
            notes.push(format!("the index is kept in memory, since it could not be kept on the disk ({error})"));
        }
    }
    Ok(entries)
}

/// A block of bgzip that is not where its index says may be a damaged file, or the index of another one.
fn unreadable(path: &Path, cause: io::Error) -> Error {
    let blocks = beside(path, ".gzi");
    if cause.kind() == io::ErrorKind::InvalidData && blocks.exists() {
        let hint = format!(
            "if the genome was changed, delete {} and {} and run again: they will be made anew",
            beside(path, ".fai").display(),
            blocks.display()
        );
        return Error::io(path, "read", cause).with_hint(hint);
    }
    Error::io(path, "read", cause)
}

fn stale(path: &Path, contig: &str) -> Error {
    let index = beside(path, ".fai");
    Error::of(
        &index,
        format!("expected the index of {}, found a stale one: contig {contig:?} lies elsewhere", path.display()),
    )
    .with_hint(format!("delete {} and run again: it will be made anew", index.display()))
}
