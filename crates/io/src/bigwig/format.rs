//! Fields and blocks of the format, in the file's byte order.

use crate::error::{Error, Result};
use crate::input::open_file;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub(super) const BIGWIG: u32 = 0x888F_FC26;
pub(super) const BIGBED: u32 = 0x8789_F2EB;
pub(super) const CONTIG_TREE: u32 = 0x78CA_8C91;
pub(super) const BLOCK_TREE: u32 = 0x2468_ACE0;

/// Bytes of the file's header.
pub(super) const HEADER: u64 = 64;
/// Bytes of the header of a coarser copy.
pub(super) const ZOOM_HEADER: u64 = 24;
/// Bytes of the header of a block of values.
pub(super) const DATA_HEADER: u64 = 24;

/// Kinds of blocks: items with start and end, with a start, or in equal steps.
pub(super) const BED_GRAPH: u8 = 1;
pub(super) const VARIABLE_STEP: u8 = 2;
pub(super) const FIXED_STEP: u8 = 3;

/// The open file.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) big_endian: bool,
    file: Mutex<File>,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = open_file(path)?;
        let size = file.metadata().map_err(|cause| Error::io(path, "read", cause))?.len();
        if size == 0 {
            return Err(Error::of(path, "is empty"));
        }
        Ok(Self { path: path.to_owned(), size, big_endian: false, file: Mutex::new(file) })
    }

    /// The first bytes, up to 4.
    pub(super) fn head(&self) -> Result<Vec<u8>> {
        self.read(0, self.size.min(4))
    }

    /// Bytes at a place; those beyond the end of the file are never allocated.
    pub(super) fn read(&self, offset: u64, count: u64) -> Result<Vec<u8>> {
        if offset.checked_add(count).is_none_or(|end| end > self.size) {
            return Err(self.damaged(&format!("it speaks of bytes {offset} and on, and has {} bytes", self.size)));
        }
        let mut bytes = vec![0; count as usize];
        // Every read seeks first, so a reader that panicked leaves nothing behind that matters.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(|cause| Error::io(&self.path, "read", cause))?;
        Ok(bytes)
    }
}

/// Numbers one after the other; beyond the end they are 0, so lengths are checked before.
pub(super) struct Bytes<'a> {
    left: &'a [u8],
    big_endian: bool,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(left: &'a [u8], big_endian: bool) -> Self {
        Self { left, big_endian }
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.left = self.left.get(count..).unwrap_or_default();
    }

    pub(super) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, left) = self.left.split_at(count.min(self.left.len()));
        self.left = left;
        taken
    }

    fn number<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let taken = self.take(N);
        bytes[..taken.len()].copy_from_slice(taken);
        if self.big_endian {
            bytes.reverse();
        }
        bytes
    }

    pub(super) fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.number())
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.number())
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.number())
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.number())
    }

    fn f32(&mut self) -> f32 {
        f32::from_le_bytes(self.number())
    }
}

/// A value over some bases.
pub(super) struct Item {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) value: f32,
}

/// Visits the items of a block of values on contig `id`.
pub(super) fn items(
    bytes: &[u8],
    big_endian: bool,
    id: u32,
    mut visit: impl FnMut(Item),
) -> std::result::Result<(), String> {
    if (bytes.len() as u64) < DATA_HEADER {
        return Err("a header is cut off".to_owned());
    }
    let mut fields = Bytes::new(bytes, big_endian);
    let (contig, start, _end) = (fields.u32(), fields.u32(), fields.u32());
    let (step, span, kind) = (u64::from(fields.u32()), u64::from(fields.u32()), fields.u8());
    fields.skip(1);
    let count = fields.u16();
    let width = match kind {
        BED_GRAPH => 12,
        VARIABLE_STEP => 8,
        FIXED_STEP => 4,
        other => return Err(format!("an unknown kind {other}")),
    };
    let expected = DATA_HEADER + u64::from(count) * width;
    if (bytes.len() as u64) < expected {
        return Err(format!("expected {expected} bytes, found {}", bytes.len()));
    }
    if contig != id {
        // A block of a neighbour that begins or ends where this contig does.
        return Ok(());
    }
    for i in 0..u64::from(count) {
        let (from, to) = match kind {
            BED_GRAPH => (u64::from(fields.u32()), u64::from(fields.u32())),
            VARIABLE_STEP => {
                let from = u64::from(fields.u32());
                (from, from + span)
            }
            _ => {
                let from = u64::from(start) + i * step;
                (from, from + span)
            }
        };
        visit(Item { start: from, end: to, value: fields.f32() });
    }
    Ok(())
}
