//! The batches that each step sees: rows shifted within their margins and read from either strand.

use super::{TrainConfig, TrainError};
use basewise_core::random::{below, stream, uniform};
use basewise_core::source::{ExampleSource, Header, Rows, Survey};
use basewise_core::{Alphabet, Code, SequenceBatch, Split};

/// Rows that become a batch.
pub(super) struct Job {
    /// 0-based.
    pub(super) epoch: usize,
    pub(super) rows: Rows,
    /// The number of each row in its split.
    pub(super) ranks: Vec<u64>,
}

/// What the network sees in a step, or in a part of one.
pub(super) struct Batch {
    pub(super) sequences: SequenceBatch,
    rows: Rows,
}

impl Batch {
    /// The labels of each row.
    pub(super) fn labels(&self) -> Vec<&[f64]> {
        (0..self.rows.len()).map(|row| self.rows.labels(row)).collect()
    }
}

/// Rows as training sees them in an epoch: shifted and turned, each a function of seed, epoch and row.
pub(super) fn prepare(job: &Job, header: &Header, config: &TrainConfig) -> Batch {
    let mut sequences = SequenceBatch::new(header.encoding, header.length);
    for (i, &rank) in job.ranks.iter().enumerate() {
        let key = [job.epoch as u64, rank];
        sequences.push_codes(shifted(job.rows.codes(i), header, config.seed, &key));
        if config.reverse_complement && uniform(&mut stream(config.seed, "strand", &key)) < 0.5 {
            sequences.reverse_complement(i);
        }
    }
    Batch { sequences, rows: job.rows.clone() }
}

/// The window at a random shift of at most `jitter`, as far as there are bases.
fn shifted<'c>(codes: &'c [Code], header: &Header, seed: u64, key: &[u64]) -> &'c [Code] {
    let Header { length, jitter, .. } = *header;
    let Some(room) = codes.len().checked_sub(length).filter(|&room| room > 0 && jitter > 0) else {
        return codes;
    };
    let centre = room / 2;
    let (low, high) = (centre.saturating_sub(jitter), (centre + jitter).min(room));
    let start = low + below(&mut stream(seed, "jitter", key), high - low + 1);
    &codes[start..start + length]
}

/// Rows as they are, for evaluation.
pub(super) fn plain(rows: &Rows, range: std::ops::Range<usize>, header: &Header) -> SequenceBatch {
    let mut batch = SequenceBatch::new(header.encoding, header.length);
    range.for_each(|row| batch.push_codes(rows.codes(row)));
    batch
}

/// One look at all splits and labels, and everything checked that would make training meaningless.
pub(super) fn survey(source: &dyn ExampleSource, config: &TrainConfig) -> Result<Survey, TrainError> {
    let header = source.header();
    if config.reverse_complement && header.encoding.alphabet == Alphabet::Rna {
        return Err(TrainError::Config("reverse_complement: RNA is read from one strand only; switch it off".into()));
    }
    let survey = source.survey()?;
    if header.tasks.is_empty() {
        return Err(TrainError::Config("the data set has no task to learn".into()));
    }
    for split in [Split::Train, Split::Valid] {
        if survey.rows(split) == 0 {
            return Err(TrainError::EmptySplit(split));
        }
        if (0..header.tasks.len()).all(|t| survey.known(t, split).count == 0) {
            return Err(TrainError::NoLabels(split));
        }
    }
    Ok(survey)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{DNA, task};
    use basewise_core::TaskKind;

    fn header(length: usize, jitter: usize) -> Header {
        Header { encoding: DNA, length, jitter, tasks: vec![task("y", TaskKind::Binary)] }
    }

    fn rows(header: &Header, sequences: &[&str]) -> Rows {
        let mut rows = Rows::new(header);
        sequences.iter().for_each(|s| rows.push(&DNA.encode(s.as_bytes()).unwrap(), &[1.0]));
        rows
    }

    fn bases(batch: &SequenceBatch, i: usize) -> Vec<u8> {
        batch.sequence(i).iter().map(|c| c.base()).collect()
    }

    /// The different ways in which a sequence is seen over some epochs.
    fn seen(header: &Header, sequence: &str, epochs: usize) -> Vec<Vec<u8>> {
        let job = |epoch| Job { epoch, rows: rows(header, &[sequence]), ranks: vec![0] };
        let config = TrainConfig::default();
        let mut seen: Vec<_> =
            (0..epochs).map(|epoch| bases(&prepare(&job(epoch), header, &config).sequences, 0)).collect();
        seen.sort();
        seen.dedup();
        seen
    }

    #[test]
    fn jitter_stays_within_its_margin_and_reaches_both_ends() {
        let header = header(4, 1);
        assert_eq!(seen(&header, "AACGTT", 60), [[0, 0, 1, 2], [0, 1, 2, 3], [1, 2, 3, 3]]);
        assert_eq!(bases(&plain(&rows(&header, &["AACGTT"]), 0..1, &header), 0), [0, 1, 2, 3]);
        // What lies beyond the margins is never seen.
        assert_eq!(seen(&header, "GGAACGTTGG", 60), seen(&header, "AACGTT", 60));
    }

    #[test]
    fn short_sequences_are_not_shifted_and_an_odd_margin_is_used() {
        assert_eq!(seen(&header(4, 3), "CG", 9), [[4, 1, 2, 4]]);
        assert_eq!(seen(&header(4, 3), "ACGTA", 30), [[0, 1, 2, 3], [1, 2, 3, 0]]);
    }

    #[test]
    fn both_strands_are_read_and_neither_depends_on_the_batch() {
        let header = header(4, 0);
        let config = TrainConfig { reverse_complement: true, ..TrainConfig::default() };
        let view = |epoch, ranks: &[u64]| {
            let job = Job { epoch, rows: rows(&header, &vec!["AACC"; ranks.len()]), ranks: ranks.to_vec() };
            bases(&prepare(&job, &header, &config).sequences, ranks.len() - 1)
        };
        let runs: Vec<Vec<u8>> = (0..40).map(|epoch| view(epoch, &[1])).collect();
        let reverse = runs.iter().filter(|run| **run == [2, 2, 3, 3]).count();
        assert!((8..32).contains(&reverse), "{reverse}");
        for (epoch, run) in runs.iter().enumerate() {
            assert_eq!(*run, view(epoch, &[0, 1]));
        }
    }
}
