//! Opening text: plain, gzip or bgzip, from a file or the standard input.

use crate::error::{Error, Result};
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

/// The empty block that ends every complete bgzip file (SAM specification, section 4.1.2).
pub(crate) const BGZF_EOF: [u8; 28] = [
    0x1f, 0x8b, 0x08, 0x04, 0, 0, 0, 0, 0, 0xff, 0x06, 0x00, 0x42, 0x43, 0x02, 0x00, 0x1b, 0x00, 0x03, 0x00, 0, 0, 0,
    0, 0, 0, 0, 0,
];

const BUFFER: usize = 1 << 16;

/// Opens a file of text, decompressing it if it starts like gzip; `-` is the standard input.
///
/// Several gzip members in a row are one text, and bgzip is such a file. A UTF-8 byte order mark is dropped.
///
/// # Errors
/// A path that is missing, unreadable, a directory or empty; UTF-16 text. Compressed data that ends early (and bgzip
/// without its closing block) is an error too, from here or, later, from the reader as
/// [`io::ErrorKind::UnexpectedEof`].
pub fn open(path: &Path) -> Result<Box<dyn BufRead + Send>> {
    let (head, rest) = raw(path)?;
    if head.is_empty() {
        return Err(Error::of(path, "is empty"));
    }
    let compressed = head.starts_with(&[0x1f, 0x8b]);
    let bgzip = is_bgzf(&head);
    let whole = Cursor::new(head).chain(rest);
    if compressed { text(path, Members::new(whole, bgzip)) } else { text(path, whole) }
}

/// The name that stands for the standard input or output.
pub(crate) fn is_dash(path: &Path) -> bool {
    path == Path::new("-")
}

/// Opens a regular file for reading, refusing directories with our own words.
pub(crate) fn open_file(path: &Path) -> Result<std::fs::File> {
    let file = OpenOptions::new().read(true).open(path).map_err(|cause| Error::io(path, "opened", cause))?;
    let about = file.metadata().map_err(|cause| Error::io(path, "opened", cause))?;
    if about.is_dir() {
        return Err(Error::of(path, "expected a file, found a directory"));
    }
    Ok(file)
}

type Rest = Box<dyn BufRead + Send>;

/// The first bytes, enough to tell the kind of file, and all that follows.
fn raw(path: &Path) -> Result<(Vec<u8>, Rest)> {
    let mut rest: Rest = if is_dash(path) {
        Box::new(BufReader::with_capacity(BUFFER, io::stdin()))
    } else {
        Box::new(BufReader::with_capacity(BUFFER, open_file(path)?))
    };
    let mut head = Vec::new();
    rest.by_ref().take(18).read_to_end(&mut head).map_err(|cause| Error::io(path, "read", cause))?;
    Ok((head, rest))
}

/// Whether a file that starts with these (at least 18) bytes is bgzip: gzip with the `BC` extra field first.
pub(crate) fn is_bgzf(head: &[u8]) -> bool {
    head.len() >= 18 && head.starts_with(&[0x1f, 0x8b, 8]) && head[3] & 4 != 0 && head[12..16] == [b'B', b'C', 2, 0]
}

fn text<R: Read + Send + 'static>(path: &Path, reader: R) -> Result<Box<dyn BufRead + Send>> {
    let mut reader = BufReader::with_capacity(BUFFER, reader);
    let mut head = Vec::new();
    reader.by_ref().take(3).read_to_end(&mut head).map_err(|cause| Error::io(path, "read", cause))?;
    match head.as_slice() {
        [] => return Err(Error::of(path, "is empty")),
        [0xef, 0xbb, 0xbf] => head.clear(),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            return Err(Error::of(path, "expected plain text, found UTF-16")
                .with_hint("save it as UTF-8 (iconv -f UTF-16 -t UTF-8)"));
        }
        _ => {}
    }
    Ok(Box::new(Cursor::new(head).chain(reader)))
}

/// Decompresses gzip members and, for bgzip, insists on the closing block.
struct Members<R> {
    decoder: MultiGzDecoder<Tail<R>>,
    bgzip: bool,
}

impl<R: BufRead> Members<R> {
    fn new(inner: R, bgzip: bool) -> Self {
        Self { decoder: MultiGzDecoder::new(Tail { inner, last: Vec::new() }), bgzip }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.decoder.read(buffer)?;
        if n == 0 && !buffer.is_empty() && self.bgzip && self.decoder.get_ref().last != BGZF_EOF {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the closing block of bgzip is missing"));
        }
        Ok(n)
    }
}

/// Remembers the last bytes that were consumed.
struct Tail<R> {
    inner: R,
    last: Vec<u8>,
}

impl<R: BufRead> Read for Tail<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(buffer.len());
        buffer[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Tail<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        // The bytes are still in the inner buffer, so asking for it again costs nothing and cannot fail.
        if let Ok(available) = self.inner.fill_buf() {
            let seen = &available[..n.min(available.len())];
            let fresh = &seen[seen.len().saturating_sub(BGZF_EOF.len())..];
            self.last.extend_from_slice(fresh);
            let extra = self.last.len().saturating_sub(BGZF_EOF.len());
            self.last.drain(..extra);
        }
        self.inner.consume(n);
    }
}

/// The lines of a text, without their ends (`\n`, `\r\n` or `\r`), numbered from 1.
pub struct Lines {
    reader: Box<dyn BufRead + Send>,
    path: PathBuf,
    number: usize,
    limit: usize,
    line: Vec<u8>,
    after_carriage_return: bool,
}

impl Lines {
    /// Bytes that a line of a table may have: enough for a megabase sequence, little enough for any machine.
    pub const LIMIT: usize = 1 << 26;

    /// Opens `path` as [`open`] does.
    ///
    /// # Errors
    /// Those of [`open`].
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self::new(open(path)?, path))
    }

    /// The lines of a reader; `path` is named in errors.
    pub fn new(reader: Box<dyn BufRead + Send>, path: &Path) -> Self {
        let path = path.to_path_buf();
        Self { reader, path, number: 0, limit: Self::LIMIT, line: Vec::new(), after_carriage_return: false }
    }

    /// The same lines with another limit to their length in bytes.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The next line and its number, or `None` at the end.
    ///
    /// # Errors
    /// Truncated or damaged compressed data, a failing disk, or a line beyond the limit.
    pub fn next_line(&mut self) -> Result<Option<(usize, &[u8])>> {
        self.line.clear();
        let mut started = false;
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(Error::io(&self.path, "read", cause).at(format!("line {}", self.number + 1))),
            };
            if available.is_empty() {
                break;
            }
            if std::mem::take(&mut self.after_carriage_return) && available[0] == b'\n' {
                self.reader.consume(1);
                continue;
            }
            started = true;
            let end = available.iter().position(|&byte| byte == b'\n' || byte == b'\r');
            let taken = end.unwrap_or(available.len());
            if self.line.len() + taken > self.limit {
                let message = format!("expected a line of at most {} bytes, found a longer one", self.limit);
                return Err(Error::at_line(&self.path, self.number + 1, message));
            }
            self.line.extend_from_slice(&available[..taken]);
            self.after_carriage_return = end.is_some_and(|end| available[end] == b'\r');
            self.reader.consume(taken + usize::from(end.is_some()));
            if end.is_some() {
                break;
            }
        }
        if !started {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some((self.number, &self.line)))
    }

    /// The file, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The SHA-256 of a file's bytes as they lie on the disk (compressed ones too), in lower-case hexadecimal.
///
/// # Errors
/// A file that cannot be read, and the standard input, which cannot be read twice.
pub fn digest(path: &Path) -> Result<String> {
    if is_dash(path) {
        return Err(Error::new("expected a file to take the SHA-256 of, found the standard input"));
    }
    let mut file = open_file(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => hasher.update(&buffer[..n]),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(Error::io(path, "read", cause)),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
