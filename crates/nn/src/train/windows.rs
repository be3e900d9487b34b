//! Which blocks of a source are held at once, in which order they come in an epoch, and the order of rows in them.
//!
//! A split that fits the bound is one window, read once and shuffled as a whole. A larger one is read anew in each
//! epoch: blocks in an order drawn for the epoch, cut into windows as large as the bound allows, rows shuffled within
//! their window. So memory depends on the bound, never on the number of rows.

use super::TrainError;
use basewise_core::Split;
use basewise_core::random::{shuffle, stream};
use basewise_core::source::{ExampleSource, Header, Rows, SourceError, Survey};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a row's place in the order of an epoch.
const ORDER_BYTES: usize = size_of::<u32>();

/// The rows of one split, a bounded part at a time.
pub(super) struct Windows<'a> {
    source: &'a dyn ExampleSource,
    header: Header,
    split: Split,
    /// `(block, rows of the split in it, rank of the first of them in the split)`, without empty ones.
    blocks: Vec<(usize, usize, u64)>,
    rows: usize,
    /// Rows that are held at most, unless one block has more.
    most: usize,
    /// The only window, once it was read.
    whole: Mutex<Option<Arc<Window>>>,
}

/// Rows in memory, with their ranks in the split.
pub(super) struct Window {
    pub(super) rows: Rows,
    /// `(first row of a block here, rank of that row in the split)`.
    starts: Vec<(usize, u64)>,
}

impl Window {
    /// The number of a row in its split, by which its augmentation is drawn.
    pub(super) fn rank(&self, row: usize) -> u64 {
        let block = self.starts.partition_point(|&(start, _)| start <= row).saturating_sub(1);
        self.starts.get(block).map_or(row as u64, |&(start, rank)| rank + (row - start) as u64)
    }
}

impl<'a> Windows<'a> {
    /// The rows of a split, at most `bytes` of them at a time.
    pub(super) fn new(source: &'a dyn ExampleSource, survey: &Survey, split: Split, bytes: u64) -> Self {
        let header = source.header();
        let mut rows = 0;
        let mut blocks = Vec::new();
        for block in 0..survey.blocks() {
            let count = survey.rows_in(block, split);
            if count > 0 {
                blocks.push((block, count, rows as u64));
                rows += count;
            }
        }
        let row = Rows::row_bytes(&header).saturating_add(ORDER_BYTES) as u64;
        let most = usize::try_from(bytes / row).unwrap_or(usize::MAX);
        Self { source, header, split, blocks, rows, most, whole: Mutex::new(None) }
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// Rows of the split.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Whether all rows are held at once.
    pub(super) fn fits(&self) -> bool {
        self.rows <= self.most
    }

    /// The windows of an epoch of training, as positions in the list of blocks.
    fn shuffled(&self, seed: u64, epoch: usize) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.blocks.len()).collect();
        if !self.fits() {
            shuffle(&mut order, &mut stream(seed, "blocks", &[epoch as u64]));
        }
        self.cut(&order)
    }

    fn cut(&self, order: &[usize]) -> Vec<Vec<usize>> {
        let mut windows: Vec<Vec<usize>> = Vec::new();
        let mut rows = 0;
        for &at in order {
            let own = self.blocks[at].1;
            match windows.last_mut() {
                Some(window) if rows + own <= self.most => window.push(at),
                _ => {
                    windows.push(vec![at]);
                    rows = 0;
                }
            }
            rows += own;
        }
        windows
    }

    fn rows_of(&self, window: &[usize]) -> usize {
        window.iter().map(|&at| self.blocks[at].1).sum()
    }

    /// Reads a window, or hands out the only one; `None` if `stop` was set meanwhile.
    fn read(&self, blocks: &[usize], stop: &AtomicBool) -> Result<Option<Arc<Window>>, TrainError> {
        if !self.fits() {
            return Ok(self.read_anew(blocks, stop)?.map(Arc::new));
        }
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if whole.is_none() {
            *whole = self.read_anew(blocks, stop)?.map(Arc::new);
        }
        Ok(whole.clone())
    }

    fn read_anew(&self, blocks: &[usize], stop: &AtomicBool) -> Result<Option<Window>, TrainError> {
        let mut window = Window { rows: Rows::new(&self.header), starts: Vec::with_capacity(blocks.len()) };
        window.rows.reserve(self.rows_of(blocks));
        for &at in blocks {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let (block, count, rank) = self.blocks[at];
            let before = window.rows.len();
            window.starts.push((before, rank));
            self.source.read(block, self.split, &mut window.rows)?;
            let found = window.rows.len() - before;
            if found != count {
                let message = format!(
                    "the data set changed while it was read: expected {count} {} rows in block {block}, found {found}",
                    self.split
                );
                return Err(SourceError::new(message).into());
            }
        }
        Ok(Some(window))
    }

    /// All rows in their order, for evaluation. Ends early, without an error, if `stop` is set.
    pub(super) fn in_order<'w>(
        &'w self,
        stop: &'w AtomicBool,
    ) -> impl Iterator<Item = Result<Arc<Window>, TrainError>> + Send + 'w {
        let order: Vec<usize> = (0..self.blocks.len()).collect();
        self.cut(&order).into_iter().map_while(move |blocks| self.read(&blocks, stop).transpose())
    }
}

/// A window in training: the order of its rows in an epoch, and from where on they are still to be seen.
pub(super) struct Turn {
    pub(super) epoch: usize,
    pub(super) window: Arc<Window>,
    pub(super) order: Vec<u32>,
    pub(super) next: usize,
    /// Whether the epoch ends with it.
    pub(super) last: bool,
}

/// The windows of all epochs from some row of an epoch on.
pub(super) struct Turns<'w> {
    windows: &'w Windows<'w>,
    seed: u64,
    epochs: usize,
    stop: &'w AtomicBool,
    epoch: usize,
    /// Rows of the epoch that were seen already.
    skip: usize,
    /// What is left of the epoch: the windows and the number of the first of them.
    left: Option<(usize, std::vec::IntoIter<Vec<usize>>)>,
}

impl<'w> Turns<'w> {
    /// From row `seen` of `epoch` (0-based) to the end of the last epoch.
    pub(super) fn new(
        windows: &'w Windows<'w>,
        seed: u64,
        epochs: usize,
        from: (usize, usize),
        stop: &'w AtomicBool,
    ) -> Self {
        let (epoch, skip) = if from.1 >= windows.len() { (from.0 + 1, 0) } else { from };
        Self { windows, seed, epochs, stop, epoch, skip, left: None }
    }

    fn turn(&mut self, number: usize, blocks: &[usize], last: bool) -> Result<Option<Turn>, TrainError> {
        let Some(window) = self.windows.read(blocks, self.stop)? else { return Ok(None) };
        let mut order: Vec<u32> = (0..window.rows.len() as u32).collect();
        let (epoch, number) = (self.epoch as u64, number as u64);
        let key = if self.windows.fits() { vec![epoch] } else { vec![epoch, number] };
        shuffle(&mut order, &mut stream(self.seed, "shuffle", &key));
        let next = std::mem::take(&mut self.skip);
        Ok(Some(Turn { epoch: self.epoch, window, order, next, last }))
    }
}

impl Iterator for Turns<'_> {
    type Item = Result<Turn, TrainError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.epoch >= self.epochs || self.windows.len() == 0 {
                return None;
            }
            let (seed, epoch) = (self.seed, self.epoch);
            let (number, left) = self.left.get_or_insert_with(|| (0, self.windows.shuffled(seed, epoch).into_iter()));
            let Some(blocks) = left.next() else {
                self.left = None;
                self.epoch += 1;
                continue;
            };
            let (own, last) = (*number, left.len() == 0);
            *number += 1;
            let rows = self.windows.rows_of(&blocks);
            if self.skip >= rows {
                // Seen before the run was interrupted: not even read.
                self.skip -= rows;
                continue;
            }
            return self.turn(own, &blocks, last).transpose();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Blocks;

    fn ranks(turn: &Turn) -> Vec<u64> {
        turn.order[turn.next..].iter().map(|&row| turn.window.rank(row as usize)).collect()
    }

    /// The ranks of all rows of the epochs from a row on, with the epoch's windows.
    fn walk(windows: &Windows<'_>, from: (usize, usize)) -> Vec<(usize, Vec<u64>)> {
        let stop = AtomicBool::new(false);
        let turns = Turns::new(windows, 3, 2, from, &stop);
        turns.map(|turn| turn.map(|turn| (turn.epoch, ranks(&turn))).unwrap()).collect()
    }

    #[test]
    fn each_epoch_sees_each_row_once_in_windows_of_bounded_size() {
        let source = Blocks::planted(100, 20, 7);
        let survey = source.survey().unwrap();
        let row = Rows::row_bytes(&source.header()) + ORDER_BYTES;
        let windows = Windows::new(&source, &survey, Split::Train, 21 * row as u64);
        assert!(!windows.fits() && windows.len() == 80);
        let walked = walk(&windows, (0, 0));
        assert!(walked.iter().all(|(_, rows)| rows.len() <= 21), "{walked:?}");
        let epoch = |e: usize| -> Vec<u64> {
            walked.iter().filter(|(epoch, _)| *epoch == e).flat_map(|(_, rows)| rows.clone()).collect()
        };
        assert_ne!(epoch(0), epoch(1));
        for mut rows in [epoch(0), epoch(1)] {
            rows.sort_unstable();
            assert_eq!(rows, (0..80).collect::<Vec<u64>>());
        }
        // Gone on from any row, what is left is the same.
        let all: Vec<u64> = walked.iter().flat_map(|(_, rows)| rows.clone()).collect();
        for seen in [0, 1, 20, 21, 40, 79, 80] {
            let rest: Vec<u64> = walk(&windows, (0, seen)).into_iter().flat_map(|(_, rows)| rows).collect();
            assert_eq!(rest, all[seen..], "after {seen} rows");
        }
    }

    #[test]
    fn what_fits_is_shuffled_as_a_whole_whatever_its_blocks() {
        let (one, many) = (Blocks::planted(60, 20, 1000), Blocks::planted(60, 20, 3));
        let all = |source: &Blocks| {
            let survey = source.survey().unwrap();
            walk(&Windows::new(source, &survey, Split::Train, 1 << 20), (0, 0))
        };
        assert_eq!(all(&one), all(&many));
        assert_eq!(all(&one).len(), 2);
        let mut order: Vec<u64> = (0..48).collect();
        shuffle(&mut order, &mut stream(3, "shuffle", &[0]));
        assert_eq!(all(&many)[0], (0, order));
    }

    #[test]
    fn a_source_that_changes_is_noticed_and_a_stop_ends_the_reading() {
        let source = Blocks::planted(60, 20, 7);
        let survey = source.survey().unwrap();
        let other = Blocks::planted(60, 20, 9);
        let windows = Windows::new(&other, &survey, Split::Train, 100);
        let stop = AtomicBool::new(false);
        let error = Turns::new(&windows, 1, 1, (0, 0), &stop).find_map(Result::err).unwrap();
        assert!(error.to_string().contains("the data set changed while it was read"), "{error}");
        stop.store(true, Ordering::Relaxed);
        assert_eq!(windows.in_order(&stop).count(), 0);
    }
}
