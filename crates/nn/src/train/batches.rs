//! Examples, encoded once, and the batches that each step sees.

use super::{TrainConfig, TrainError};
use basewise_core::random::{below, shuffle, stream, uniform};
use basewise_core::{Alphabet, Code, Dataset, Encoding, SequenceBatch, Split, TaskKind};

/// The examples of one split, encoded.
pub(super) struct Examples {
    encoding: Encoding,
    length: usize,
    jitter: usize,
    codes: Vec<Vec<Code>>,
    labels: Vec<Vec<f64>>,
}

impl Examples {
    /// Encodes a split and checks its labels.
    pub(super) fn new(dataset: &Dataset, split: Split) -> Result<Self, TrainError> {
        let rows = dataset.rows_of(split);
        let mut codes = Vec::with_capacity(rows.len());
        let mut labels = Vec::with_capacity(rows.len());
        for row in rows {
            let example = &dataset.examples[row];
            let data = |message: String| TrainError::Example { id: example.id.clone(), message };
            if example.labels.len() != dataset.tasks.len() {
                let (expected, found) = (dataset.tasks.len(), example.labels.len());
                return Err(data(format!("expected {expected} labels, found {found}")));
            }
            for (task, &label) in dataset.tasks.iter().zip(&example.labels) {
                if let Some(fault) = label_fault(&task.kind, label) {
                    return Err(data(format!("task {:?}: {fault}", task.name)));
                }
            }
            codes.push(dataset.encoding.encode(&example.sequence).map_err(|error| data(error.to_string()))?);
            labels.push(example.labels.clone());
        }
        Ok(Self { encoding: dataset.encoding, length: dataset.length, jitter: dataset.jitter, codes, labels })
    }

    pub(super) fn len(&self) -> usize {
        self.codes.len()
    }

    /// Known labels of task `t`.
    pub(super) fn known(&self, t: usize) -> usize {
        self.labels.iter().filter(|row| !row[t].is_nan()).count()
    }

    pub(super) fn labels(&self, row: usize) -> &[f64] {
        &self.labels[row]
    }

    /// Rows as they are, for evaluation.
    pub(super) fn plain(&self, rows: std::ops::Range<usize>) -> SequenceBatch {
        let mut batch = SequenceBatch::new(self.encoding, self.length);
        rows.for_each(|row| batch.push_codes(&self.codes[row]));
        batch
    }

    /// The order of the rows in an epoch.
    pub(super) fn order(&self, seed: u64, epoch: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        shuffle(&mut order, &mut stream(seed, "shuffle", &[epoch as u64]));
        order
    }

    /// Rows as training sees them in an epoch: shifted within the margins and read from either strand, each a
    /// function of seed, epoch and row.
    pub(super) fn augmented(&self, rows: &[usize], config: &TrainConfig, epoch: usize) -> SequenceBatch {
        let mut batch = SequenceBatch::new(self.encoding, self.length);
        for (i, &row) in rows.iter().enumerate() {
            let key = [epoch as u64, row as u64];
            batch.push_codes(self.shifted(&self.codes[row], config.seed, &key));
            if config.reverse_complement && uniform(&mut stream(config.seed, "strand", &key)) < 0.5 {
                batch.reverse_complement(i);
            }
        }
        batch
    }

    /// The window at a random shift of at most `jitter`, as far as there are bases.
    fn shifted<'c>(&self, codes: &'c [Code], seed: u64, key: &[u64]) -> &'c [Code] {
        let Some(room) = codes.len().checked_sub(self.length).filter(|&room| room > 0 && self.jitter > 0) else {
            return codes;
        };
        let centre = room / 2;
        let (low, high) = (centre.saturating_sub(self.jitter), (centre + self.jitter).min(room));
        let start = low + below(&mut stream(seed, "jitter", key), high - low + 1);
        &codes[start..start + self.length]
    }
}

fn label_fault(kind: &TaskKind, label: f64) -> Option<String> {
    if label.is_nan() {
        return None;
    }
    match kind {
        TaskKind::Binary if label != 0.0 && label != 1.0 => Some(format!("expected a label 0 or 1, found {label}")),
        TaskKind::Classes { classes } if label < 0.0 || label.fract() != 0.0 || label >= classes.len() as f64 => {
            Some(format!("expected a class 0 to {}, found {label}", classes.len().saturating_sub(1)))
        }
        TaskKind::Regression if label.is_infinite() => Some(format!("expected a finite label, found {label}")),
        _ => None,
    }
}

/// Training and validation examples, with everything checked that would make training meaningless.
pub(super) fn prepare(dataset: &Dataset, config: &TrainConfig) -> Result<(Examples, Examples), TrainError> {
    if config.reverse_complement && dataset.encoding.alphabet == Alphabet::Rna {
        return Err(TrainError::Config("reverse_complement: RNA is read from one strand only; switch it off".into()));
    }
    let train = Examples::new(dataset, Split::Train)?;
    let valid = Examples::new(dataset, Split::Valid)?;
    if dataset.tasks.is_empty() {
        return Err(TrainError::Config("the data set has no task to learn".into()));
    }
    for (examples, split) in [(&train, Split::Train), (&valid, Split::Valid)] {
        if examples.len() == 0 {
            return Err(TrainError::EmptySplit(split));
        }
        if (0..dataset.tasks.len()).all(|t| examples.known(t) == 0) {
            return Err(TrainError::NoLabels(split));
        }
    }
    Ok((train, valid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::{CasePolicy, Example, Task};

    fn dataset(sequences: &[&str], length: usize, jitter: usize) -> Dataset {
        let examples = sequences
            .iter()
            .enumerate()
            .map(|(i, s)| Example {
                id: format!("e{i}"),
                place: None,
                split: Split::Train,
                sequence: s.as_bytes().to_vec(),
                labels: vec![1.0],
            })
            .collect();
        let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
        Dataset { encoding, length, jitter, tasks: vec![Task { name: "y".into(), kind: TaskKind::Binary }], examples }
    }

    fn bases(batch: &SequenceBatch, i: usize) -> Vec<u8> {
        batch.sequence(i).iter().map(|c| c.base()).collect()
    }

    #[test]
    fn jitter_stays_within_its_margin_and_reaches_both_ends() {
        let examples = Examples::new(&dataset(&["AACGTT"], 4, 1), Split::Train).unwrap();
        let config = TrainConfig::default();
        let mut seen: Vec<Vec<u8>> = (0..60).map(|epoch| bases(&examples.augmented(&[0], &config, epoch), 0)).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen, [vec![0, 0, 1, 2], vec![0, 1, 2, 3], vec![1, 2, 3, 3]]);
        assert_eq!(bases(&examples.plain(0..1), 0), [0, 1, 2, 3]);
    }

    #[test]
    fn short_sequences_are_not_shifted_and_an_odd_margin_is_used() {
        let config = TrainConfig::default();
        let short = Examples::new(&dataset(&["CG"], 4, 3), Split::Train).unwrap();
        assert_eq!(bases(&short.augmented(&[0], &config, 5), 0), [4, 1, 2, 4]);
        let odd = Examples::new(&dataset(&["ACGTA"], 4, 3), Split::Train).unwrap();
        let mut seen: Vec<Vec<u8>> = (0..30).map(|epoch| bases(&odd.augmented(&[0], &config, epoch), 0)).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen, [vec![0, 1, 2, 3], vec![1, 2, 3, 0]]);
    }

    #[test]
    fn both_strands_are_read_and_neither_depends_on_the_batch() {
        let examples = Examples::new(&dataset(&["AACC", "AACC"], 4, 0), Split::Train).unwrap();
        let config = TrainConfig { reverse_complement: true, ..TrainConfig::default() };
        let runs: Vec<Vec<u8>> = (0..40).map(|epoch| bases(&examples.augmented(&[1], &config, epoch), 0)).collect();
        let reverse = runs.iter().filter(|run| **run == [2, 2, 3, 3]).count();
        assert!((8..32).contains(&reverse), "{reverse}");
        for (epoch, run) in runs.iter().enumerate() {
            assert_eq!(*run, bases(&examples.augmented(&[0, 1], &config, epoch), 1));
        }
    }

    #[test]
    fn bad_labels_and_letters_name_the_example() {
        let fault = |mut data: Dataset, change: fn(&mut Dataset)| {
            change(&mut data);
            Examples::new(&data, Split::Train).err().map(|e| e.to_string()).unwrap_or_default()
        };
        let data = || dataset(&["ACGT"], 4, 0);
        assert!(
            fault(data(), |d| d.examples[0].labels[0] = 0.5)
                .contains("example \"e0\": task \"y\": expected a label 0 or 1")
        );
        assert!(fault(data(), |d| d.examples[0].labels.clear()).contains("expected 1 labels, found 0"));
        assert!(fault(data(), |d| d.examples[0].sequence[2] = b'-').contains("at offset 2"));
        let classes = |d: &mut Dataset| {
            d.tasks[0].kind = TaskKind::Classes { classes: vec!["a".into(), "b".into()] };
            d.examples[0].labels[0] = 2.0;
        };
        assert!(fault(data(), classes).contains("expected a class 0 to 1, found 2"));
    }
}
