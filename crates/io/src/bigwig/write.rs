//! Writing: blocks of runs, their index, and coarser copies, so that browsers can draw any stretch at once.

use super::format::{BED_GRAPH, BIGWIG, BLOCK_TREE, CONTIG_TREE, FIXED_STEP, HEADER, VARIABLE_STEP, ZOOM_HEADER};
use super::zoom::{Copy, Summary, copies};
use crate::error::{Error, Result};
use crate::output::write_with;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::Write;
use std::path::Path;

/// Runs in a block.
const PER_BLOCK: usize = 1024;
/// Children of a node of either tree.
const CHILDREN: usize = 256;
/// The version of the format, as UCSC counts.
const VERSION: u16 = 4;

/// Neighbouring bases with one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// Number of the contig in the list.
    pub contig: usize,
    /// First base, from 0.
    pub start: u64,
    /// Base after the last.
    pub end: u64,
    /// A finite number.
    pub value: f32,
}

/// Writes a bigWig with coarser copies for browsers, whole or not at all.
///
/// `contigs` are names and lengths, in the order of the names; `runs` gives the runs in order of contig and place, each
/// time it is called, since the file is gone through twice. The compressed blocks are held in memory until the end.
///
/// # Errors
/// Contigs that are none, out of order, too long (2^32 bases) or empty; no run; runs that overlap, are out of order,
/// reach beyond their contig or have a value that is not finite; what [`crate::output::write_file`] reports.
pub fn write<I: Iterator<Item = Run>>(path: &Path, contigs: &[(String, u64)], runs: impl Fn() -> I) -> Result<()> {
    check_contigs(contigs).map_err(|message| Error::of(path, message))?;
    let total = survey(contigs, runs()).map_err(|message| Error::of(path, message))?;
    let longest = contigs.iter().map(|(_, length)| *length).max().unwrap_or(0);
    let mut zooms = copies(total.runs, total.summary.count, longest);
    let mut data = Data::default();
    for run in runs() {
        data.add(run);
        zooms.iter_mut().for_each(|zoom| zoom.add(&run));
    }
    data.flush();
    zooms.iter_mut().for_each(Copy::finish);
    let bytes = assemble(contigs, &total.summary, &data.blocks, &zooms);
    write_with(path, |sink| {
        bytes.iter().try_for_each(|part| sink.write_all(part)).map_err(|cause| Error::io(path, "written", cause))
    })
}

fn check_contigs(contigs: &[(String, u64)]) -> std::result::Result<(), String> {
    if contigs.is_empty() {
        return Err("expected at least one contig to write, found none".to_owned());
    }
    if let Some((name, length)) = contigs.iter().find(|(_, length)| *length == 0 || *length > u64::from(u32::MAX)) {
        return Err(format!("expected contigs of 1 to {} bases, found {length} of {name:?}", u32::MAX));
    }
    match contigs.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        Some(pair) => Err(format!("expected contigs in the order of their names, found {:?} twice or late", pair[1].0)),
        None => Ok(()),
    }
}

/// What all runs are together.
struct Total {
    runs: u64,
    summary: Summary,
}

fn survey(contigs: &[(String, u64)], runs: impl Iterator<Item = Run>) -> std::result::Result<Total, String> {
    let mut total: Option<Total> = None;
    let mut last = (0, 0);
    for run in runs {
        let Run { contig, start, end, value } = run;
        let length = contigs.get(contig).map_or(0, |(_, length)| *length);
        if start >= end || end > length || (contig, start) < last || !value.is_finite() {
            return Err(format!(
                "expected runs in order with finite values, found {value} at {start} to {end} of contig {contig}"
            ));
        }
        last = (contig, end);
        let summary = Summary::of(&run);
        match &mut total {
            None => total = Some(Total { runs: 1, summary }),
            Some(total) => {
                total.runs += 1;
                total.summary.add(&summary);
            }
        }
    }
    total.ok_or_else(|| "expected at least one value to write, found none".to_owned())
}

/// Compressed blocks one after the other.
#[derive(Default)]
pub(super) struct Blocks {
    bytes: Vec<u8>,
    /// Start, end (each a contig and a position), and where the bytes end.
    places: Vec<[(u32, u64); 2]>,
    ends: Vec<usize>,
    /// Bytes of the largest block before compression.
    largest: usize,
}

impl Blocks {
    pub(super) fn push(&mut self, start: (u32, u64), end: (u32, u64), bytes: &[u8]) {
        let mut encoder = ZlibEncoder::new(std::mem::take(&mut self.bytes), Compression::default());
        // Into memory, which does not fail.
        let compressed = encoder.write_all(bytes).and_then(|()| encoder.finish());
        self.bytes = compressed.unwrap_or_default();
        self.places.push([start, end]);
        self.ends.push(self.bytes.len());
        self.largest = self.largest.max(bytes.len());
    }
}

/// The blocks of values in the making.
#[derive(Default)]
struct Data {
    waiting: Vec<Run>,
    blocks: Blocks,
}

impl Data {
    fn add(&mut self, run: Run) {
        let other = self.waiting.first().is_some_and(|first| first.contig != run.contig);
        if other || self.waiting.len() == PER_BLOCK {
            self.flush();
        }
        self.waiting.push(run);
    }

    fn flush(&mut self) {
        let (Some(first), Some(last)) = (self.waiting.first(), self.waiting.last()) else { return };
        let contig = first.contig as u32;
        let span = first.end - first.start;
        let step = self.waiting.get(1).map_or(span, |second| second.start - first.start);
        let even = self.waiting.iter().all(|run| run.end - run.start == span);
        let regular = even && self.waiting.windows(2).all(|pair| pair[1].start - pair[0].start == step);
        let (kind, step, span) = match (regular, even) {
            (true, _) => (FIXED_STEP, step as u32, span as u32),
            (_, true) => (VARIABLE_STEP, 0, span as u32),
            _ => (BED_GRAPH, 0, 0),
        };
        let mut bytes = Vec::with_capacity(24 + 12 * self.waiting.len());
        [contig, first.start as u32, last.end as u32, step, span].iter().for_each(|n| bytes.extend(n.to_le_bytes()));
        bytes.extend([kind, 0]);
        bytes.extend((self.waiting.len() as u16).to_le_bytes());
        for run in &self.waiting {
            if kind != FIXED_STEP {
                bytes.extend((run.start as u32).to_le_bytes());
            }
            if kind == BED_GRAPH {
                bytes.extend((run.end as u32).to_le_bytes());
            }
            bytes.extend(run.value.to_le_bytes());
        }
        self.blocks.push((contig, first.start), (contig, last.end), &bytes);
        self.waiting.clear();
    }
}

/// The parts of the file in order.
fn assemble(contigs: &[(String, u64)], total: &Summary, data: &Blocks, zooms: &[Copy]) -> Vec<Vec<u8>> {
    let summary_at = HEADER + ZOOM_HEADER * zooms.len() as u64;
    let tree_at = summary_at + 40;
    let tree = contig_tree(contigs, tree_at);
    let data_at = tree_at + tree.len() as u64;
    let index_at = data_at + 8 + data.bytes.len() as u64;
    let index = block_tree(data, data_at + 8, index_at, PER_BLOCK as u32);
    let mut end = index_at + index.len() as u64;
    let (mut headers, mut coarse) = (Vec::new(), Vec::new());
    for zoom in zooms {
        let index_at = end + 4 + zoom.blocks.bytes.len() as u64;
        let index = block_tree(&zoom.blocks, end + 4, index_at, PER_BLOCK as u32);
        headers.extend((zoom.stretch as u32).to_le_bytes());
        headers.extend(0u32.to_le_bytes());
        headers.extend(end.to_le_bytes());
        headers.extend(index_at.to_le_bytes());
        end = index_at + index.len() as u64;
        coarse.extend([zoom.count.to_le_bytes().to_vec(), zoom.blocks.bytes.clone(), index]);
    }
    let largest = zooms.iter().map(|zoom| zoom.blocks.largest).fold(data.largest, usize::max);
    let mut head = header(zooms.len(), [tree_at, data_at, index_at, summary_at], largest);
    head.extend(headers);
    head.extend(total.count.to_le_bytes());
    let real = [f64::from(total.least), f64::from(total.most), total.sum, total.squares];
    real.iter().for_each(|n| head.extend(n.to_le_bytes()));
    let count = (data.ends.len() as u64).to_le_bytes().to_vec();
    let mut parts = vec![head, tree, count, data.bytes.clone(), index];
    parts.extend(coarse);
    parts.push(BIGWIG.to_le_bytes().to_vec());
    parts
}

/// The 64 bytes before all others: where contigs, data, index and summary lie, and the bytes of the largest block.
fn header(zooms: usize, [tree, data, index, summary]: [u64; 4], largest: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER as usize);
    bytes.extend(BIGWIG.to_le_bytes());
    [VERSION, zooms as u16].iter().for_each(|n| bytes.extend(n.to_le_bytes()));
    [tree, data, index].iter().for_each(|n| bytes.extend(n.to_le_bytes()));
    // Fields of bigBed alone.
    bytes.extend([0; 12]);
    bytes.extend(summary.to_le_bytes());
    bytes.extend((largest as u32).to_le_bytes());
    bytes.extend([0; 8]);
    bytes
}

/// Nodes of a tree over `leaves` items, level by level from the root: for each level, how many items of the level below
/// (or leaves) there are.
fn levels(leaves: usize) -> Vec<usize> {
    let mut counts = vec![leaves];
    while counts.last().is_some_and(|&count| count > CHILDREN) {
        counts.push(counts.last().map_or(1, |count| count.div_ceil(CHILDREN)));
    }
    counts.reverse();
    counts
}

/// A tree as bytes, at `at`: the root first, then level by level. `item(range, child)` writes the item that stands for
/// the leaves of a range; `child` is where its node lies, or `None` for a leaf.
fn tree(
    leaves: usize,
    at: u64,
    sizes: [u64; 2],
    mut item: impl FnMut(std::ops::Range<usize>, Option<u64>, &mut Vec<u8>),
) -> Vec<u8> {
    let counts = levels(leaves);
    let mut bytes = Vec::new();
    let mut below = at;
    for (level, &count) in counts.iter().enumerate() {
        let last = level + 1 == counts.len();
        let size = if last { sizes[0] } else { sizes[1] };
        let nodes = count.div_ceil(CHILDREN).max(1);
        below += nodes as u64 * 4 + count as u64 * size;
        // Leaves under one item of this level.
        let under = CHILDREN.pow((counts.len() - 1 - level) as u32);
        let child_size = if level + 2 == counts.len() { sizes[0] } else { sizes[1] };
        for node in 0..nodes {
            let items = node * CHILDREN..count.min((node + 1) * CHILDREN);
            bytes.extend([u8::from(last), 0]);
            bytes.extend((items.len() as u16).to_le_bytes());
            for i in items {
                let child = (!last).then(|| below + i as u64 * (4 + CHILDREN as u64 * child_size));
                item(i * under..leaves.min((i + 1) * under), child, &mut bytes);
            }
        }
    }
    bytes
}

fn contig_tree(contigs: &[(String, u64)], at: u64) -> Vec<u8> {
    let key = contigs.iter().map(|(name, _)| name.len()).max().unwrap_or(1).max(1);
    let mut bytes = Vec::new();
    let block = contigs.len().min(CHILDREN) as u32;
    [CONTIG_TREE, block, key as u32, 8].iter().for_each(|n| bytes.extend(n.to_le_bytes()));
    bytes.extend((contigs.len() as u64).to_le_bytes());
    bytes.extend([0; 8]);
    let size = key as u64 + 8;
    bytes.extend(tree(contigs.len(), at + 32, [size, size], |range, child, bytes| {
        let (name, length) = &contigs[range.start];
        bytes.extend(name.as_bytes());
        bytes.extend(std::iter::repeat_n(0, key - name.len()));
        match child {
            Some(child) => bytes.extend(child.to_le_bytes()),
            None => [range.start as u32, *length as u32].iter().for_each(|n| bytes.extend(n.to_le_bytes())),
        }
    }));
    bytes
}

/// The index of blocks whose bytes begin at `data`; it lies at `at`.
fn block_tree(blocks: &Blocks, data: u64, at: u64, per_block: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let places = &blocks.places;
    let whole = [places.first().map_or((0, 0), |place| place[0]), places.last().map_or((0, 0), |place| place[1])];
    let place = |[start, end]: [(u32, u64); 2], bytes: &mut Vec<u8>| {
        [start.0, start.1 as u32, end.0, end.1 as u32].iter().for_each(|n| bytes.extend(n.to_le_bytes()));
    };
    [BLOCK_TREE, CHILDREN as u32].iter().for_each(|n| bytes.extend(n.to_le_bytes()));
    bytes.extend((places.len() as u64).to_le_bytes());
    place(whole, &mut bytes);
    bytes.extend(at.to_le_bytes());
    bytes.extend(per_block.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(tree(places.len(), at + 48, [32, 24], |range, child, bytes| {
        place([places[range.start][0], places[range.end - 1][1]], bytes);
        match child {
            Some(child) => bytes.extend(child.to_le_bytes()),
            None => {
                let from = range.start.checked_sub(1).map_or(0, |before| blocks.ends[before]);
                bytes.extend((data + from as u64).to_le_bytes());
                bytes.extend(((blocks.ends[range.start] - from) as u64).to_le_bytes());
            }
        }
    }));
    bytes
}
