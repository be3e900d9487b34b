//! The text of a FASTA file, readable from any byte, however it is stored.

use super::bgzf::Bgzf;
use super::{IN_MEMORY, beside};
use crate::error::{Error, Result};
use crate::input;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(super) enum Text {
    Plain { file: Mutex<File>, size: u64 },
    Bgzip { file: Mutex<Bgzf>, size: u64 },
    Memory(Vec<u8>),
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every read seeks first, so a reader that panicked leaves nothing behind that matters.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Text {
    pub(super) fn open(path: &Path, notes: &mut Vec<String>) -> Result<Self> {
        let failed = |cause| Error::io(path, "read", cause);
        let mut file = input::open_file(path)?;
        let mut head = Vec::new();
        (&mut file).take(18).read_to_end(&mut head).map_err(failed)?;
        if head.is_empty() {
            return Err(Error::of(path, "is empty"));
        }
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            return Err(Error::of(path, "expected plain text, found UTF-16").with_hint("save it as UTF-8"));
        }
        if input::is_bgzf(&head) {
            let bgzf = Bgzf::open(path, file, &beside(path, ".gzi"), notes)?;
            let size = bgzf.size();
            return Ok(Self::Bgzip { file: Mutex::new(bgzf), size });
        }
        if head.starts_with(&[0x1f, 0x8b]) {
            return Self::in_memory(path, notes);
        }
        let size = file.metadata().map_err(failed)?.len();
        Ok(Self::Plain { file: Mutex::new(file), size })
    }

    fn in_memory(path: &Path, notes: &mut Vec<String>) -> Result<Self> {
        let mut bytes = Vec::new();
        input::open(path)?
            .take(IN_MEMORY + 1)
            .read_to_end(&mut bytes)
            .map_err(|cause| Error::io(path, "read", cause))?;
        if bytes.len() as u64 > IN_MEMORY {
            let message = format!("expected at most {IN_MEMORY} bytes in a genome compressed by gzip, found more");
            return Err(Error::of(path, message)
                .with_hint("compress it with bgzip instead (gunzip, then bgzip): it can be read at random places"));
        }
        notes.push(format!(
            "{} is compressed by gzip and was read into memory; bgzip would make it open at once",
            path.display()
        ));
        Ok(Self::Memory(bytes))
    }

    pub(super) fn is_in_memory(&self) -> bool {
        matches!(self, Self::Memory(_))
    }

    /// Bytes of the text, uncompressed.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Plain { size, .. } | Self::Bgzip { size, .. } => *size,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// `length` bytes from `offset`, which must lie within the text.
    pub(super) fn read(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        if offset.checked_add(length).is_none_or(|end| end > self.size()) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the index points beyond the end of the file"));
        }
        match self {
            Self::Plain { file, .. } => {
                let mut file = locked(file);
                file.seek(SeekFrom::Start(offset))?;
                let mut bytes = vec![0; length as usize];
                file.read_exact(&mut bytes)?;
                Ok(bytes)
            }
            Self::Bgzip { file, .. } => locked(file).read(offset, length),
            Self::Memory(bytes) => Ok(bytes[offset as usize..(offset + length) as usize].to_vec()),
        }
    }

    /// The whole text from its start.
    pub(super) fn stream(&self, path: &Path) -> Result<Box<dyn BufRead + '_>> {
        Ok(match self {
            Self::Memory(bytes) => Box::new(Cursor::new(bytes)),
            Self::Plain { .. } => Box::new(BufReader::with_capacity(1 << 20, input::open_file(path)?)),
            Self::Bgzip { .. } => input::open(path)?,
        })
    }
}
