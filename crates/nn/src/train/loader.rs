//! Batches, prepared ahead of the training loop on threads of their own, or in place.
//!
//! One thread reads windows, one deals rows out to batches, and any number of workers shift, turn and pack them. Each
//! worker has a queue in and a queue out; the loop takes from the queues in the order in which they were dealt, so the
//! order of batches, and what is in them, depends on the seed alone. Queues are short: memory stays bounded, and while
//! the loop validates, the next epoch's first batches wait for it.

use super::batches::{Batch, Job, prepare};
use super::windows::{Turn, Turns, Windows};
use super::{TrainConfig, TrainError};
use basewise_core::source::{Rows, SourceError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope};

/// Batches that wait before and after each worker.
const QUEUE: usize = 4;

/// Cuts the rows of the windows into batches; a batch may span windows, never epochs.
struct Deal<I> {
    turns: I,
    turn: Option<Turn>,
    batch_size: usize,
    /// No rows, to begin a batch with.
    none: Rows,
}

impl<I: Iterator<Item = Result<Turn, TrainError>>> Iterator for Deal<I> {
    type Item = Result<Job, TrainError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut job = Job { epoch: 0, rows: self.none.clone(), ranks: Vec::new() };
        loop {
            let Some(turn) = &mut self.turn else {
                match self.turns.next()? {
                    Ok(turn) => self.turn = Some(turn),
                    Err(error) => return Some(Err(error)),
                }
                continue;
            };
            let left = &turn.order[turn.next..];
            let taken = left.len().min(self.batch_size - job.rows.len());
            for &row in &left[..taken] {
                let row = row as usize;
                let rows = &turn.window.rows;
                job.rows.push_row(rows.row(row));
                job.ranks.push(turn.window.rank(row));
            }
            job.epoch = turn.epoch;
            turn.next += taken;
            let (empty, last) = (turn.next == turn.order.len(), turn.last);
            if empty {
                // Before the next one comes, so that two are never held here.
                self.turn = None;
            }
            if job.rows.len() == self.batch_size || (empty && last) {
                return Some(Ok(job));
            }
        }
    }
}

/// What to load, from where on.
#[derive(Clone, Copy)]
pub(super) struct Recipe<'a> {
    pub(super) windows: &'a Windows<'a>,
    pub(super) config: &'a TrainConfig,
    /// Epoch (0-based), and rows of it that were seen.
    pub(super) from: (usize, usize),
    /// Set when nobody takes batches any more.
    pub(super) stop: &'a AtomicBool,
}

impl<'a> Recipe<'a> {
    fn turns(&self) -> Turns<'a> {
        Turns::new(self.windows, self.config.seed, self.config.epochs, self.from, self.stop)
    }

    fn deal<I: Iterator<Item = Result<Turn, TrainError>>>(&self, turns: I) -> Deal<I> {
        let none = Rows::new(self.windows.header());
        Deal { turns, turn: None, batch_size: self.config.batch_size, none }
    }

    fn prepare(&self, job: Result<Job, TrainError>) -> Result<Batch, TrainError> {
        job.map(|job| prepare(&job, self.windows.header(), self.config))
    }
}

/// Where the training loop gets its batches, in order.
pub(super) struct Loader<'a> {
    batches: Box<dyn Iterator<Item = Result<Batch, TrainError>> + 'a>,
    stop: &'a AtomicBool,
}

impl<'env> Loader<'env> {
    /// Starts `workers` workers and the threads that feed them; with 0, everything is done when a batch is asked for.
    ///
    /// The threads end when the last batch is taken or the loader is dropped, which must happen within the scope.
    pub(super) fn start<'scope>(
        scope: &'scope Scope<'scope, 'env>,
        recipe: Recipe<'env>,
        workers: usize,
    ) -> Result<Self, TrainError> {
        let stop = recipe.stop;
        if workers == 0 {
            let batches = Box::new(recipe.deal(recipe.turns()).map(move |job| recipe.prepare(job)));
            return Ok(Self { batches, stop });
        }
        // Made before any thread is: if one cannot be started, those before it end.
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for number in 0..workers {
            let (input, jobs) = sync_channel(QUEUE);
            let (output, batches) = sync_channel(QUEUE);
            inputs.push(input);
            outputs.push(batches);
            let work = move || pass(jobs.into_iter().map(|job| recipe.prepare(job)), |_| &output);
            Builder::new().name(format!("loader {number}")).spawn_scoped(scope, work)?;
        }
        let loader = Self { batches: Box::new(InTurn { outputs, next: 0 }), stop };
        // Holds nothing: what is read waits in the reader's hands, so that one window is in use and one is ready.
        let (window_in, windows_out) = sync_channel(0);
        let read = move || pass(recipe.turns(), |_| &window_in);
        Builder::new().name("window reader".into()).spawn_scoped(scope, read)?;
        let deal = move || pass(recipe.deal(windows_out.into_iter()), |i| &inputs[i % workers]);
        Builder::new().name("batch dealer".into()).spawn_scoped(scope, deal)?;
        Ok(loader)
    }

    /// The next batch of the run.
    ///
    /// # Errors
    /// What a reader or worker met, at the batch where it met it.
    pub(super) fn next(&mut self) -> Result<Batch, TrainError> {
        let ended = || Err(SourceError::new("the data set ended before its last example").into());
        self.batches.next().unwrap_or_else(ended)
    }
}

impl Drop for Loader<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Sends items on until they end or the receiver is gone.
fn pass<'s, T: 's>(items: impl Iterator<Item = T>, to: impl Fn(usize) -> &'s SyncSender<T>) {
    for (i, item) in items.enumerate() {
        if to(i).send(item).is_err() {
            return;
        }
    }
}

/// Takes from each queue in turn.
struct InTurn<T> {
    outputs: Vec<Receiver<T>>,
    next: usize,
}

impl<T> Iterator for InTurn<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let item = self.outputs[self.next].recv().ok()?;
        self.next = (self.next + 1) % self.outputs.len();
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Blocks;
    use basewise_core::Split;
    use basewise_core::source::ExampleSource;
    use std::thread::scope;

    fn config() -> TrainConfig {
        TrainConfig { epochs: 2, batch_size: 7, reverse_complement: true, ..TrainConfig::default() }
    }

    /// Codes and labels of a batch.
    type Seen = (Vec<u8>, Vec<f64>);

    /// The first `count` batches, or the error before.
    fn load(source: &Blocks, bytes: u64, workers: usize, count: usize) -> Result<Vec<Seen>, String> {
        let config = config();
        let windows = Windows::new(source, &source.survey().unwrap(), Split::Train, bytes);
        let stop = AtomicBool::new(false);
        let recipe = Recipe { windows: &windows, config: &config, from: (0, 0), stop: &stop };
        scope(|scope| {
            let mut loader = Loader::start(scope, recipe, workers).unwrap();
            let seen = (0..count).map(|_| {
                let batch = loader.next().map_err(|error| error.to_string())?;
                let codes = (0..batch.sequences.len()).flat_map(|i| batch.sequences.sequence(i).to_vec());
                Ok((
                    codes.map(|code| code.base()).collect(),
                    batch.targets().iter().map(|target| target.labels[0]).collect(),
                ))
            });
            seen.collect()
        })
    }

    #[test]
    fn batches_do_not_depend_on_workers_and_early_stops_do_not_hang() {
        let source = Blocks::planted(100, 20, 9);
        for bytes in [300, 900, 1 << 20] {
            // 80 rows: 12 batches an epoch.
            let whole = load(&source, bytes, 0, 24).unwrap();
            assert_eq!(whole[11].1.len(), 80 - 11 * 7);
            for workers in [1, 3] {
                assert_eq!(load(&source, bytes, workers, 24).unwrap(), whole);
                assert_eq!(load(&source, bytes, workers, 3).unwrap(), whole[..3]);
            }
            assert!(load(&source, bytes, 1, 25).unwrap_err().contains("ended before its last example"));
        }
    }

    #[test]
    fn an_error_arrives_the_same_for_any_number_of_workers() {
        let mut source = Blocks::planted(100, 20, 9);
        source.broken = Some(4);
        for workers in [0, 1, 3] {
            assert_eq!(load(&source, 300, workers, 24).unwrap_err(), "block 4 cannot be read");
        }
    }
}
