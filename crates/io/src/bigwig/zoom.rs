//! Coarser copies: for each stretch of some bases, how many have a value, the extremes and sums.

use super::write::{Blocks, Run};

/// Copies of a file at most, each this many times coarser than the one before.
const COPIES: usize = 10;
const FACTOR: u64 = 4;
/// The finest copy's stretch in bases is this many times the mean run.
const FIRST: u64 = 10;
/// Summaries in a block.
const PER_BLOCK: usize = 512;

/// The values over a stretch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) contig: u32,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) count: u64,
    pub(super) least: f32,
    pub(super) most: f32,
    pub(super) sum: f64,
    pub(super) squares: f64,
}

impl Summary {
    pub(super) fn of(run: &Run) -> Self {
        let (count, value) = (run.end - run.start, f64::from(run.value));
        let (sum, squares) = (count as f64 * value, count as f64 * value * value);
        let Run { start, end, value, .. } = *run;
        Self { contig: run.contig as u32, start, end, count, least: value, most: value, sum, squares }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.end = other.end;
        self.count += other.count;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self.sum += other.sum;
        self.squares += other.squares;
    }
}

/// A copy in the making.
pub(super) struct Copy {
    /// Bases of a stretch; it begins at a multiple of them.
    pub(super) stretch: u64,
    /// Summaries that were finished.
    pub(super) count: u32,
    open: Option<Summary>,
    finished: Vec<Summary>,
    pub(super) blocks: Blocks,
}

/// The copies of a file whose runs have `bases` bases in all, and whose longest contig has `longest`.
pub(super) fn copies(runs: u64, bases: u64, longest: u64) -> Vec<Copy> {
    let first = (FIRST * bases / runs.max(1)).max(FIRST);
    let stretches = (0..COPIES as u32).map(|i| first.saturating_mul(FACTOR.pow(i)));
    let new = |stretch| Copy { stretch, count: 0, open: None, finished: Vec::new(), blocks: Blocks::default() };
    stretches.take_while(|&stretch| stretch < longest && stretch < 1 << 31).map(new).collect()
}

impl Copy {
    /// Takes the next run of the file.
    pub(super) fn add(&mut self, run: &Run) {
        let mut start = run.start;
        while start < run.end {
            let end = run.end.min((start / self.stretch + 1) * self.stretch);
            let piece = Summary::of(&Run { start, end, ..*run });
            match &mut self.open {
                Some(open) if open.contig == piece.contig && open.start / self.stretch == start / self.stretch => {
                    open.add(&piece);
                }
                _ => {
                    let done = self.open.replace(piece);
                    self.finish_one(done);
                }
            }
            start = end;
        }
    }

    fn finish_one(&mut self, done: Option<Summary>) {
        let Some(done) = done else { return };
        // A block is about one contig, so that its place is a simple stretch.
        if self.finished.len() == PER_BLOCK || self.finished.first().is_some_and(|first| first.contig != done.contig) {
            self.flush();
        }
        self.finished.push(done);
        self.count += 1;
    }

    /// Closes what is open; no run follows.
    pub(super) fn finish(&mut self) {
        let done = self.open.take();
        self.finish_one(done);
        self.flush();
    }

    fn flush(&mut self) {
        let (Some(first), Some(last)) = (self.finished.first(), self.finished.last()) else { return };
        let (start, end) = ((first.contig, first.start), (last.contig, last.end));
        let mut bytes = Vec::with_capacity(32 * self.finished.len());
        for summary in &self.finished {
            let whole = [summary.contig, summary.start as u32, summary.end as u32, summary.count as u32];
            whole.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
            let real = [summary.least, summary.most, summary.sum as f32, summary.squares as f32];
            real.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        }
        self.blocks.push(start, end, &bytes);
        self.finished.clear();
    }
}
