//! The FASTA index: where each contig's bases lie in the text.

use super::text::Text;
use crate::error::{Error, Result, excerpt};
use crate::input::Lines;
use std::collections::BTreeSet;
use std::io::{self, BufRead};
use std::path::Path;

/// A line of a `.fai`: `line_bases` bases in every line of `line_bytes` bytes, from byte `offset` of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) length: u64,
    pub(super) offset: u64,
    pub(super) line_bases: u64,
    pub(super) line_bytes: u64,
}

/// No coordinate of a text that a disk can hold is beyond this, and sums of two stay far from overflow.
const LARGEST: u64 = 1 << 60;

/// A contig's name and description beyond this are no header.
const HEADER: usize = 1 << 20;

impl Entry {
    /// Byte of base `i`, which must be within the contig.
    pub(super) fn position(&self, i: u64) -> u64 {
        let line_bases = self.line_bases.max(1);
        self.offset + i / line_bases * self.line_bytes + i % line_bases
    }

    fn is_sane(&self) -> bool {
        let numbers = [self.length, self.offset, self.line_bases, self.line_bytes];
        let small = numbers.iter().all(|&number| number < LARGEST);
        let lines = self.length == 0 || (self.line_bases > 0 && self.line_bytes >= self.line_bases);
        // A line end is one or two bytes, so the text is never much longer than its bases.
        small && lines && self.line_bytes <= self.line_bases + 2
    }
}

/// Reads a `.fai`.
pub(super) fn read(index: &Path) -> Result<Vec<Entry>> {
    let hint = format!("delete {} and run again: it will be made anew", index.display());
    let mut lines = Lines::open(index).map_err(|error| error.with_hint(&*hint))?;
    let (mut entries, mut names) = (Vec::new(), BTreeSet::new());
    while let Some((number, line)) = lines.next_line()? {
        let entry = parse(line).ok_or_else(|| {
            let message =
                format!("expected a name and four numbers as samtools faidx writes them, found {}", excerpt(line));
            Error::at_line(index, number, message).with_hint(&*hint)
        })?;
        if !names.insert(entry.name.clone()) {
            return Err(Error::at_line(
                index,
                number,
                format!("expected each contig once, found {:?} twice", entry.name),
            ));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn parse(line: &[u8]) -> Option<Entry> {
    let line = std::str::from_utf8(line).ok()?;
    let fields: Vec<&str> = line.split('\t').collect();
    let &[name, length, offset, line_bases, line_bytes] = fields.as_slice() else { return None };
    let number = |field: &str| field.parse::<u64>().ok();
    let entry = Entry {
        name: name.to_owned(),
        length: number(length)?,
        offset: number(offset)?,
        line_bases: number(line_bases)?,
        line_bytes: number(line_bytes)?,
    };
    entry.is_sane().then_some(entry)
}

/// The text of a `.fai`.
pub(super) fn to_text(entries: &[Entry]) -> String {
    let line = |e: &Entry| format!("{}\t{}\t{}\t{}\t{}\n", e.name, e.length, e.offset, e.line_bases, e.line_bytes);
    entries.iter().map(line).collect()
}

/// Makes the index of a FASTA text in one pass and little memory.
pub(super) fn build(path: &Path, text: &mut dyn BufRead) -> Result<Vec<Entry>> {
    let mut builder = Builder { path, entries: Vec::new(), names: BTreeSet::new(), line: 0, byte: 0, ended: false };
    while let Some(line) = next_line(text).map_err(|cause| Error::io(path, "read", cause))? {
        builder.line += 1;
        builder.add(&line)?;
        builder.byte += line.bytes;
    }
    if builder.entries.is_empty() {
        return Err(Error::of(path, "expected at least one sequence, found none"));
    }
    Ok(builder.entries)
}

/// A line: its head (a whole header), how many bytes it has without and with its end, and its first odd byte.
#[derive(Default)]
struct Line {
    head: Vec<u8>,
    bases: u64,
    bytes: u64,
    odd: Option<(u64, u8)>,
}

fn next_line(text: &mut dyn BufRead) -> io::Result<Option<Line>> {
    let mut line = Line::default();
    let mut carriage_return = false;
    loop {
        let available = match text.fill_buf() {
            Ok(available) => available,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
            Err(cause) => return Err(cause),
        };
        if available.is_empty() {
            break;
        }
        let end = available.iter().position(|&byte| byte == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        if line.odd.is_none() {
            let odd = part.iter().position(|byte| !byte.is_ascii_graphic());
            line.odd = odd.map(|at| (line.bytes + at as u64, part[at]));
        }
        line.head.extend_from_slice(&part[..part.len().min(HEADER.saturating_sub(line.head.len()))]);
        carriage_return = part.last().map_or(carriage_return, |&byte| byte == b'\r');
        let taken = part.len() + usize::from(end.is_some());
        line.bytes += taken as u64;
        line.bases += part.len() as u64;
        text.consume(taken);
        if end.is_some() {
            break;
        }
    }
    if carriage_return {
        line.bases -= 1;
        line.head.truncate(usize::try_from(line.bases).unwrap_or(usize::MAX));
        // The end of the line is where a carriage return belongs.
        line.odd = line.odd.filter(|&(at, _)| at < line.bases);
    }
    Ok((line.bytes > 0).then_some(line))
}

struct Builder<'a> {
    path: &'a Path,
    entries: Vec<Entry>,
    names: BTreeSet<String>,
    line: usize,
    byte: u64,
    /// Whether the contig had a line that can only be its last.
    ended: bool,
}

impl Builder<'_> {
    fn wrong<T>(&self, message: String, hint: &str) -> Result<T> {
        Err(Error::at_line(self.path, self.line, message).with_hint(hint))
    }

    fn add(&mut self, line: &Line) -> Result<()> {
        let head =
            if self.byte == 0 { line.head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line.head) } else { &line.head };
        if let Some(header) = head.strip_prefix(b">") {
            return self.contig(header, line.bytes);
        }
        if line.bases == 0 {
            self.ended = true;
            return Ok(());
        }
        let Some(entry) = self.entries.last_mut() else {
            return self.wrong(format!("expected '>' and a name, found {}", excerpt(head)), "is this a FASTA file?");
        };
        if let Some((at, byte)) = line.odd {
            let hint = "lines must end as in Unix or Windows files, without spaces in them";
            return self.wrong(format!("expected a base at offset {at} of the line, found {:?}", byte as char), hint);
        }
        if entry.length == 0 && !self.ended {
            (entry.line_bases, entry.line_bytes) = (line.bases, line.bytes);
        } else if self.ended || line.bases > entry.line_bases {
            let message =
                format!("expected lines of {} bases in contig {:?}, found another", entry.line_bases, entry.name);
            return self.wrong(
                message,
                "all lines of a contig but its last must be equally long: rewrap the file (seqkit seq -w 60)",
            );
        }
        entry.length += line.bases;
        // A shorter line, or the same with another end, can only be the last.
        self.ended = line.bases < entry.line_bases || line.bytes != entry.line_bytes;
        Ok(())
    }

    fn contig(&mut self, header: &[u8], bytes: u64) -> Result<()> {
        let header = String::from_utf8_lossy(header);
        let name = header.split_whitespace().next().filter(|name| header.starts_with(name)).unwrap_or_default();
        if name.is_empty() {
            return self
                .wrong("expected a name after '>', found none".to_owned(), "every contig of a genome needs a name");
        }
        if !self.names.insert(name.to_owned()) {
            return self
                .wrong(format!("expected each contig once, found {name:?} twice"), "rename or remove one of them");
        }
        let offset = self.byte + bytes;
        self.entries.push(Entry { name: name.to_owned(), length: 0, offset, line_bases: 0, line_bytes: 0 });
        self.ended = false;
        Ok(())
    }
}

/// Where an index and its text disagree.
pub(super) enum Mismatch {
    Contig(String),
    Io(io::Error),
}

impl From<io::Error> for Mismatch {
    fn from(cause: io::Error) -> Self {
        Self::Io(cause)
    }
}

/// Compares an index with its text: every header, the end of every contig, and that nothing is left over.
pub(super) fn verify(entries: &[Entry], text: &Text) -> std::result::Result<(), Mismatch> {
    let mut order: Vec<&Entry> = entries.iter().collect();
    order.sort_by_key(|entry| entry.offset);
    let mut next = Some(0);
    for entry in order {
        let after = match next {
            Some(header) if is_header(entry, header, text)? => after(entry, text)?,
            _ => return Err(Mismatch::Contig(entry.name.clone())),
        };
        match after {
            After::Header(at) => next = Some(at),
            After::End => next = None,
            After::Bases => return Err(Mismatch::Contig(entry.name.clone())),
        }
    }
    match (next, entries.last()) {
        (None, _) => Ok(()),
        (Some(_), last) => Err(Mismatch::Contig(last.map(|entry| entry.name.clone()).unwrap_or_default())),
    }
}

/// Whether the header of a contig fills the text from `from` to its first base.
fn is_header(entry: &Entry, from: u64, text: &Text) -> io::Result<bool> {
    if entry.offset <= from || entry.offset - from > HEADER as u64 || entry.offset > text.size() {
        return Ok(false);
    }
    let bytes = text.read(from, entry.offset - from)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let bytes = bytes.trim_ascii_start();
    let Some(rest) = bytes.strip_prefix(b">").and_then(|rest| rest.strip_prefix(entry.name.as_bytes())) else {
        return Ok(false);
    };
    let one_line =
        rest.iter().position(|&byte| byte == b'\n').map_or(entry.offset == text.size(), |at| at + 1 == rest.len());
    Ok(one_line && rest.first().is_none_or(u8::is_ascii_whitespace))
}

enum After {
    Header(u64),
    End,
    Bases,
}

/// What follows the last base of a contig, after a look at its line ends.
fn after(entry: &Entry, text: &Text) -> io::Result<After> {
    let mut end = entry.offset;
    if entry.length > 0 {
        end = entry.position(entry.length - 1) + 1;
        if end > text.size() || !has_line_ends(entry, text)? {
            return Ok(After::Bases);
        }
    }
    let mut broken = entry.length == 0;
    loop {
        let bytes = text.read(end, 64.min(text.size() - end))?;
        if bytes.is_empty() {
            return Ok(After::End);
        }
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => broken = true,
                b'\r' => {}
                b'>' if broken => return Ok(After::Header(end + at as u64)),
                _ => return Ok(After::Bases),
            }
        }
        end += bytes.len() as u64;
    }
}

/// Whether the first line, one in the middle and the last base are as the index says.
fn has_line_ends(entry: &Entry, text: &Text) -> io::Result<bool> {
    let lines = entry.length.div_ceil(entry.line_bases);
    for line in [0, lines / 2] {
        if line + 1 < lines {
            let end = entry.offset + line * entry.line_bytes + entry.line_bases;
            let around = text.read(end - 1, 1 + entry.line_bytes - entry.line_bases)?;
            let [base, ending @ ..] = around.as_slice() else { return Ok(false) };
            if base.is_ascii_whitespace() || !(ending == b"\n" || ending == b"\r\n") {
                return Ok(false);
            }
        }
    }
    let last = text.read(entry.position(entry.length - 1), 1)?;
    Ok(last.first().is_some_and(u8::is_ascii_graphic))
}
