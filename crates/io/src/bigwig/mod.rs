//! bigWig: numbers along a genome, compressed and indexed (Kent et al. 2010).
//!
//! A file has a list of contigs, blocks of up to some thousand values with a tree that says where each lies, and copies
//! at coarser steps for browsers. Bases without a value stay without one: they read as NaN.

mod format;
mod index;
mod windows;
mod write;
mod zoom;

pub use windows::{Window, write_windows};
pub use write::{Run, write};

use crate::error::{Error, Result, unknown_contig};
use flate2::read::ZlibDecoder;
use format::{BIGBED, BIGWIG, Bytes, DATA_HEADER, HEADER, Item, Source, ZOOM_HEADER};
use index::{Index, contigs, leaves};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of the largest block that a file can have: 65,535 items of 12 bytes.
const LARGEST_BLOCK: u64 = DATA_HEADER + 65_535 * 12;

/// Whether a file that starts with these bytes is a bigWig.
pub(crate) fn is_bigwig(head: &[u8]) -> bool {
    head.starts_with(&BIGWIG.to_le_bytes()) || head.starts_with(&BIGWIG.to_be_bytes())
}

/// Whether a file that starts with these bytes is a bigBed.
pub(crate) fn is_bigbed(head: &[u8]) -> bool {
    head.starts_with(&BIGBED.to_le_bytes()) || head.starts_with(&BIGBED.to_be_bytes())
}

/// An open bigWig. Reading takes `&self`, so threads can share it.
#[derive(Debug)]
pub struct BigWig {
    source: Source,
    contigs: Vec<(String, u64)>,
    /// Numbers in the file by name.
    by_name: BTreeMap<String, (u32, u64)>,
    index: Index,
    compressed: bool,
    /// The block that was read last: neighbours on the genome are often asked for in turn.
    last: Mutex<Option<(usize, Arc<Vec<u8>>)>>,
}

impl BigWig {
    /// Opens a file and reads its contigs and its index.
    ///
    /// # Errors
    /// A file that cannot be read, is no bigWig, is truncated (parts that it speaks of lie beyond its end) or contradicts
    /// itself.
    pub fn open(path: &Path) -> Result<Self> {
        let mut source = Source::open(path)?;
        let head = source.head()?;
        if !is_bigwig(&head) {
            let found = if is_bigbed(&head) { "a bigBed" } else { "another" };
            return Err(Error::of(path, format!("expected a bigWig file, found {found}"))
                .with_hint("signal is read from bigWig, bedGraph or wiggle"));
        }
        source.big_endian = head.starts_with(&BIGWIG.to_be_bytes());
        let bytes = source.read(0, HEADER)?;
        let mut header = Bytes::new(&bytes, source.big_endian);
        header.skip(6);
        let zooms = header.u16();
        let [tree, _data, index] = [header.u64(), header.u64(), header.u64()];
        header.skip(20);
        let buffer = header.u32();
        let list = contigs(&source, tree)?;
        let index = Index::read(&source, index)?;
        check_zooms(&source, zooms)?;
        let by_name = list.iter().map(|contig| (contig.name.clone(), (contig.id, contig.length))).collect();
        let mut contigs: Vec<(String, u64)> = list.into_iter().map(|contig| (contig.name, contig.length)).collect();
        contigs.sort();
        Ok(Self { source, contigs, by_name, index, compressed: buffer > 0, last: Mutex::new(None) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.source.path
    }

    /// Names and lengths of the contigs, by name.
    pub fn contigs(&self) -> &[(String, u64)] {
        &self.contigs
    }

    /// Length of one contig.
    ///
    /// # Errors
    /// No contig of this name; the hint says so if the file writes it with or without `chr`.
    pub fn length(&self, chrom: &str) -> Result<u64> {
        self.contig(chrom).map(|(_, length)| length)
    }

    fn contig(&self, chrom: &str) -> Result<(u32, u64)> {
        let names = self.contigs.iter().map(|(name, _)| name.as_str());
        let unknown = || unknown_contig(&self.source.path, "file", chrom, names);
        self.by_name.get(chrom).copied().ok_or_else(unknown)
    }

    /// One value a base of `start..end` (0-based, half-open), NaN where the file has none.
    ///
    /// # Errors
    /// An unknown contig, an empty stretch or one beyond its end; a block that is damaged.
    pub fn values(&self, chrom: &str, start: u64, end: u64) -> Result<Vec<f32>> {
        let (id, length) = self.contig(chrom)?;
        if start >= end || end > length {
            let message = format!("expected a stretch within {chrom:?} of {length} bases, found {start} to {end}");
            return Err(Error::of(&self.source.path, message));
        }
        let mut values = vec![f32::NAN; (end - start) as usize];
        for at in self.index.within(id, start, end) {
            let bytes = self.block(at)?;
            let inside = |item: Item| {
                let (from, to) = (item.start.max(start), item.end.min(end));
                if from < to {
                    values[(from - start) as usize..(to - start) as usize].fill(item.value);
                }
            };
            format::items(&bytes, self.source.big_endian, id, inside)
                .map_err(|why| self.source.damaged(&format!("{why} in a block of {chrom:?}")))?;
        }
        Ok(values)
    }

    /// The bytes of a block, decompressed.
    fn block(&self, at: usize) -> Result<Arc<Vec<u8>>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = last.as_ref().filter(|(number, _)| *number == at) {
            return Ok(bytes.clone());
        }
        let block = self.index.blocks[at];
        if block.size > 2 * LARGEST_BLOCK {
            return Err(self.source.damaged("a block is too large"));
        }
        let mut bytes = self.source.read(block.offset, block.size)?;
        if self.compressed {
            let mut plain = Vec::new();
            let read = ZlibDecoder::new(&bytes[..]).take(LARGEST_BLOCK + 1).read_to_end(&mut plain);
            read.map_err(|cause| self.source.damaged(&format!("a block does not decompress: {cause}")))?;
            bytes = plain;
        }
        let bytes = Arc::new(bytes);
        *last = Some((at, bytes.clone()));
        Ok(bytes)
    }
}

/// Whether the coarser copies, which come last in a file, are all there: a file that was cut off loses them first.
fn check_zooms(source: &Source, zooms: u16) -> Result<()> {
    let bytes = source.read(HEADER, u64::from(zooms) * ZOOM_HEADER)?;
    let mut headers = Bytes::new(&bytes, source.big_endian);
    let mut last = 0;
    for _ in 0..zooms {
        headers.skip(16);
        last = last.max(headers.u64());
    }
    if last > 0 { leaves(source, last).map(drop) } else { Ok(()) }
}

impl Source {
    fn damaged(&self, why: &str) -> Error {
        Error::of(
            &self.path,
            format!("expected a complete bigWig file, found one that is truncated or damaged ({why})"),
        )
        .with_hint("copy or make the file again")
    }
}

#[cfg(test)]
mod tests;
