//! Random access to a file compressed by bgzip.

use crate::error::{Error, Result};
use crate::input::{BGZF_EOF, is_bgzf};
use crate::output::write_file;
use flate2::{Crc, Decompress, FlushDecompress, Status};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Header of a block with the `BC` field alone, as bgzip writes it.
const HEADER: u64 = 18;
/// Checksum and size after the compressed bytes.
const FOOTER: u64 = 8;
/// Decompressed blocks that are kept, of 64 KiB each: neighbouring windows fall into the same few, and a small genome
/// into all of them.
const KEPT: usize = 512;

/// Where a block starts in the file and in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    compressed: u64,
    text: u64,
}

#[derive(Debug)]
pub(super) struct Bgzf {
    file: File,
    blocks: Vec<Block>,
    size: u64,
    kept: VecDeque<(usize, Vec<u8>)>,
}

impl Bgzf {
    /// Opens a bgzip file with its `.gzi`, which is made if there is none.
    pub(super) fn open(path: &Path, mut file: File, index: &Path, notes: &mut Vec<String>) -> Result<Self> {
        let failed = |cause| Error::io(path, "read", cause);
        check_end(&mut file).map_err(failed)?;
        let (blocks, size) = if index.exists() {
            let known = read_index(index)?;
            let last = known.last().copied().unwrap_or(Block { compressed: 0, text: 0 });
            let (_, size) = scan(&mut file, last).map_err(|_| stale(path, index))?;
            (known, size)
        } else {
            let (blocks, size) = scan(&mut file, Block { compressed: 0, text: 0 }).map_err(failed)?;
            if let Err(error) = write_file(index, |sink| sink.write_all(&to_bytes(&blocks))) {
                notes.push(format!("the index is kept in memory, since it could not be kept on the disk ({error})"));
            }
            (blocks, size)
        };
        let bgzf = Self { file, blocks, size, kept: VecDeque::new() };
        if bgzf.blocks.iter().any(|block| block.text > size) {
            return Err(stale(path, index));
        }
        Ok(bgzf)
    }

    /// Bytes of the text.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// `length` bytes of the text from `offset`; both must lie within it.
    pub(super) fn read(&mut self, mut offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let end = offset + length;
        let mut bytes = Vec::with_capacity(length as usize);
        while offset < end {
            let number = self.blocks.partition_point(|block| block.text <= offset).saturating_sub(1);
            let start = self.blocks[number].text;
            let block = self.block(number)?;
            let from = (offset - start) as usize;
            let part = block.get(from..).unwrap_or_default();
            let part = &part[..part.len().min((end - offset) as usize)];
            if part.is_empty() {
                return Err(invalid("its blocks are not where the .gzi index says"));
            }
            bytes.extend_from_slice(part);
            offset += part.len() as u64;
        }
        Ok(bytes)
    }

    fn block(&mut self, number: usize) -> io::Result<&[u8]> {
        if let Some(at) = self.kept.iter().position(|(kept, _)| *kept == number) {
            return Ok(&self.kept[at].1);
        }
        let next = self.blocks.get(number + 1).map_or(self.size, |block| block.text);
        let bytes = decompress(&mut self.file, self.blocks[number].compressed)?;
        if bytes.len() as u64 != next - self.blocks[number].text {
            return Err(invalid("its blocks are not where the .gzi index says"));
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((number, bytes));
        Ok(self.kept.back().map_or(&[], |(_, bytes)| bytes))
    }
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn stale(path: &Path, index: &Path) -> Error {
    Error::of(index, format!("expected the index of {}, found a stale one", path.display()))
        .with_hint(format!("delete {} and run again: it will be made anew", index.display()))
}

/// Checks that the file ends with the closing block, without which it was cut off.
fn check_end(file: &mut File) -> io::Result<()> {
    let mut last = Vec::new();
    let size = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(size.saturating_sub(BGZF_EOF.len() as u64)))?;
    file.read_to_end(&mut last)?;
    if last != BGZF_EOF {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the closing block of bgzip is missing"));
    }
    Ok(())
}

/// Size in bytes of the block at `at`, whole.
fn block_size(file: &mut File, at: u64) -> io::Result<u64> {
    let mut header = [0; HEADER as usize];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut header)?;
    let size = u64::from(u16::from_le_bytes([header[16], header[17]])) + 1;
    if !is_bgzf(&header) || header[10..12] != [6, 0] || size < HEADER + FOOTER {
        return Err(invalid("expected a bgzip block, found other bytes"));
    }
    Ok(size)
}

/// The non-empty blocks from `from` on, by their headers alone, and the size of the whole text.
fn scan(file: &mut File, from: Block) -> io::Result<(Vec<Block>, u64)> {
    let end = file.seek(SeekFrom::End(0))?;
    let (mut blocks, mut at) = (Vec::new(), from);
    while at.compressed < end {
        let size = block_size(file, at.compressed)?;
        let mut text = [0; 4];
        file.seek(SeekFrom::Start(at.compressed + size - 4))?;
        file.read_exact(&mut text)?;
        let text = u64::from(u32::from_le_bytes(text));
        if text > 0 {
            blocks.push(at);
        }
        at = Block { compressed: at.compressed + size, text: at.text + text };
    }
    if blocks.is_empty() {
        blocks.push(from);
    }
    Ok((blocks, at.text))
}

fn decompress(file: &mut File, at: u64) -> io::Result<Vec<u8>> {
    let size = block_size(file, at)?;
    let mut block = vec![0; (size - HEADER) as usize];
    file.read_exact(&mut block)?;
    let (packed, footer) = block.split_at(block.len() - FOOTER as usize);
    let number = |at: usize| u32::from_le_bytes([footer[at], footer[at + 1], footer[at + 2], footer[at + 3]]);
    let length = number(4) as usize;
    if length > 1 << 16 {
        return Err(invalid("expected a bgzip block of at most 65536 bytes, found a larger one"));
    }
    let mut bytes = Vec::with_capacity(length);
    let status = Decompress::new(false).decompress_vec(packed, &mut bytes, FlushDecompress::Finish);
    let mut crc = Crc::new();
    crc.update(&bytes);
    match status {
        Ok(Status::StreamEnd) if bytes.len() == length && crc.sum() == number(0) => Ok(bytes),
        _ => Err(invalid("the checksum of a bgzip block is wrong")),
    }
}

/// Reads a `.gzi`: a count, then the starts of all blocks but the first, little-endian.
fn read_index(index: &Path) -> Result<Vec<Block>> {
    let mut bytes = Vec::new();
    let file = crate::input::open_file(index)?;
    file.take(1 << 30).read_to_end(&mut bytes).map_err(|cause| Error::io(index, "read", cause))?;
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    let (count, pairs) = bytes.split_at(bytes.len().min(8));
    let mut blocks = vec![Block { compressed: 0, text: 0 }];
    blocks
        .extend(pairs.chunks_exact(16).map(|pair| Block { compressed: number(&pair[..8]), text: number(&pair[8..]) }));
    let rising = blocks.windows(2).all(|two| two[0].compressed < two[1].compressed && two[0].text <= two[1].text);
    if count.len() < 8 || pairs.len() % 16 != 0 || number(count) != pairs.len() as u64 / 16 || !rising {
        return Err(Error::of(index, "expected the index of a bgzip file, found other or truncated data")
            .with_hint(format!("delete {} and run again: it will be made anew", index.display())));
    }
    Ok(blocks)
}

fn to_bytes(blocks: &[Block]) -> Vec<u8> {
    let mut bytes = (blocks.len() as u64 - 1).to_le_bytes().to_vec();
    for block in &blocks[1..] {
        bytes.extend(block.compressed.to_le_bytes());
        bytes.extend(block.text.to_le_bytes());
    }
    bytes
}
