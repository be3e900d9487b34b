//! The two trees of a file: contigs by name, and blocks by place.

use super::format::{BLOCK_TREE, Bytes, CONTIG_TREE, Source};
use crate::error::Result;
use std::collections::BTreeSet;

/// A contig as the file numbers it.
#[derive(Debug)]
pub(super) struct Contig {
    pub(super) name: String,
    pub(super) id: u32,
    pub(super) length: u64,
}

/// Where the bytes of a block are, and which bases they are about: from `start` up to `end`, each a contig's number and
/// a position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) start: (u32, u64),
    pub(super) end: (u32, u64),
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// Longest name of a contig.
const LONGEST_NAME: u32 = 4096;

/// Visits nodes of a tree, each once: a node that comes again, or more nodes than the file can hold, mean damage.
struct Walk<'a> {
    source: &'a Source,
    waiting: Vec<u64>,
    seen: BTreeSet<u64>,
    /// Bytes that may still be read.
    left: u64,
}

impl<'a> Walk<'a> {
    fn new(source: &'a Source, root: u64) -> Self {
        Self { source, waiting: vec![root], seen: BTreeSet::new(), left: source.size }
    }

    /// Whether the next node is a leaf, and its items; `leaf` and `inner` are bytes of an item.
    fn next(&mut self, leaf: u64, inner: u64) -> Result<Option<(bool, Vec<u8>)>> {
        let Some(offset) = self.waiting.pop() else { return Ok(None) };
        if !self.seen.insert(offset) {
            return Err(self.source.damaged("a tree with a circle"));
        }
        let head = self.source.read(offset, 4)?;
        let mut head = Bytes::new(&head, self.source.big_endian);
        let is_leaf = head.u8() != 0;
        head.skip(1);
        let count = u64::from(head.u16()) * if is_leaf { leaf } else { inner };
        self.left =
            self.left.checked_sub(count + 4).ok_or_else(|| self.source.damaged("a tree with too many nodes"))?;
        Ok(Some((is_leaf, self.source.read(offset + 4, count)?)))
    }
}

/// All contigs.
pub(super) fn contigs(source: &Source, offset: u64) -> Result<Vec<Contig>> {
    let header = source.read(offset, 32)?;
    let mut header = Bytes::new(&header, source.big_endian);
    let magic = header.u32();
    header.skip(4);
    let (key, value) = (header.u32(), header.u32());
    if magic != CONTIG_TREE || !(1..=LONGEST_NAME).contains(&key) || value != 8 {
        return Err(source.damaged("the list of contigs is not where it should be"));
    }
    let mut walk = Walk::new(source, offset.saturating_add(32));
    let mut found = Vec::new();
    let item = u64::from(key) + 8;
    while let Some((is_leaf, bytes)) = walk.next(item, item)? {
        let mut fields = Bytes::new(&bytes, source.big_endian);
        let mut children = Vec::new();
        for _ in 0..bytes.len() as u64 / item {
            let name = fields.take(key as usize);
            if is_leaf {
                let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
                let name = String::from_utf8_lossy(&name[..end]).into_owned();
                found.push(Contig { name, id: fields.u32(), length: u64::from(fields.u32()) });
            } else {
                children.push(fields.u64());
            }
        }
        walk.waiting.extend(children.into_iter().rev());
    }
    let distinct: BTreeSet<u32> = found.iter().map(|contig| contig.id).collect();
    if found.is_empty() || distinct.len() < found.len() {
        return Err(source.damaged("a list of contigs that is empty or repeats itself"));
    }
    Ok(found)
}

/// All blocks in the order of the genome. They may overlap: some programs write empty blocks beside those with values.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) blocks: Vec<Block>,
    /// For each block the farthest end of it and those before it.
    reach: Vec<(u32, u64)>,
}

impl Index {
    pub(super) fn read(source: &Source, offset: u64) -> Result<Self> {
        let mut blocks = leaves(source, offset)?;
        if blocks.iter().any(|block| block.start > block.end) {
            return Err(source.damaged("a block that ends before it starts"));
        }
        blocks.sort_by_key(|block| (block.start, block.end));
        let farthest = |reach: &mut (u32, u64), block: &Block| {
            *reach = (*reach).max(block.end);
            Some(*reach)
        };
        let reach = blocks.iter().scan((0, 0), farthest).collect();
        Ok(Self { blocks, reach })
    }

    /// Numbers of the blocks that may have values in a stretch of a contig.
    pub(super) fn within(&self, contig: u32, start: u64, end: u64) -> impl Iterator<Item = usize> {
        let first = self.reach.partition_point(|&reach| reach <= (contig, start));
        let last = self.blocks.partition_point(|block| block.start < (contig, end));
        (first..last).filter(move |&at| self.blocks[at].end > (contig, start))
    }
}

/// The blocks of an index as they stand in it; all of them lie within the file.
pub(super) fn leaves(source: &Source, offset: u64) -> Result<Vec<Block>> {
    let header = source.read(offset, 48)?;
    if Bytes::new(&header, source.big_endian).u32() != BLOCK_TREE {
        return Err(source.damaged("the index is not where it should be"));
    }
    let mut walk = Walk::new(source, offset.saturating_add(48));
    let mut blocks: Vec<Block> = Vec::new();
    while let Some((is_leaf, bytes)) = walk.next(32, 24)? {
        let mut fields = Bytes::new(&bytes, source.big_endian);
        let mut children = Vec::new();
        for _ in 0..bytes.len() / if is_leaf { 32 } else { 24 } {
            let start = (fields.u32(), u64::from(fields.u32()));
            let end = (fields.u32(), u64::from(fields.u32()));
            let offset = fields.u64();
            if !is_leaf {
                children.push(offset);
                continue;
            }
            let size = fields.u64();
            if offset.checked_add(size).is_none_or(|end| end > source.size) {
                return Err(source.damaged("a block lies beyond the end"));
            }
            blocks.push(Block { start, end, offset, size });
        }
        walk.waiting.extend(children.into_iter().rev());
    }
    Ok(blocks)
}
