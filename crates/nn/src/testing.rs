//! Small data for tests.

use crate::model::{Model, Purpose};
use crate::{Architecture, OpenedDevice};
use basewise_core::random::{below, stream, uniform};
use basewise_core::source::{ExampleSource, Header, Row, Rows, SourceError, Survey};
use basewise_core::{
    Alphabet, CasePolicy, ControlSignal, Covariate, Dataset, Encoding, Example, Profile, SequenceBatch, Split, Task,
    TaskKind, Transform,
};

pub(crate) const DNA: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };

pub(crate) fn net(text: &str) -> Architecture {
    Architecture::from_toml(text, "test").unwrap()
}

pub(crate) fn cpu() -> OpenedDevice {
    OpenedDevice::cpu()
}

pub(crate) fn task(name: &str, kind: TaskKind) -> Task {
    Task { name: name.into(), kind }
}

/// One binary task, one of three classes, one regression: five outputs.
pub(crate) fn three_tasks() -> Vec<Task> {
    let classes = TaskKind::Classes { classes: vec!["a".into(), "b".into(), "c".into()] };
    vec![task("b", TaskKind::Binary), task("c", classes), task("r", TaskKind::Regression)]
}

/// A profile of two tracks, 6 bins of 2 bases.
pub(crate) fn profile_task(name: &str) -> Task {
    let tracks = vec!["plus".into(), "minus".into()];
    task(
        name,
        TaskKind::Profile(Profile { tracks, bins: 6, bin_size: 2, strand_pairs: vec![[0, 1]], count_weight: 1.0 }),
    )
}

/// Three numbers beside a sequence, one of them a distance.
pub(crate) fn three_covariates() -> Vec<Covariate> {
    let covariate = |(name, transform, mean, deviation): (&str, Transform, f64, f64)| Covariate {
        name: name.into(),
        transform,
        mean,
        deviation,
    };
    [("gc", Transform::None, 0.45, 0.1), ("distance", Transform::Log, 3.0, 2.5), ("year", Transform::None, 2011.3, 0.5)]
        .map(covariate)
        .to_vec()
}

/// Control signal for [`profile_task`].
pub(crate) fn profile_control() -> ControlSignal {
    let tracks = vec!["plus".into(), "minus".into()];
    ControlSignal { tracks, bins: 6, bin_size: 2, strand_pairs: vec![[0, 1]] }
}

/// A model with fresh weights for DNA of this length.
pub(crate) fn untrained(
    architecture: &Architecture,
    tasks: Vec<Task>,
    covariates: Vec<Covariate>,
    length: usize,
) -> Model {
    let purpose = Purpose { tasks, encoding: DNA, length, covariates, control: None, training: None };
    Model::fresh(architecture, purpose, 5, &cpu()).unwrap()
}

/// The same with [`profile_control`].
pub(crate) fn untrained_with_control(architecture: &Architecture, tasks: Vec<Task>, length: usize) -> Model {
    let control = Some(profile_control());
    let purpose = Purpose { tasks, encoding: DNA, length, covariates: Vec::new(), control, training: None };
    Model::fresh(architecture, purpose, 5, &cpu()).unwrap()
}

pub(crate) fn random_letters(n: usize, length: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut rng = stream(seed, "test letters", &[]);
    (0..n).map(|_| (0..length).map(|_| b"ACGT"[below(&mut rng, 4)]).collect()).collect()
}

pub(crate) fn random_batch(n: usize, length: usize, seed: u64) -> SequenceBatch {
    let mut batch = SequenceBatch::new(DNA, length);
    random_letters(n, length, seed).iter().for_each(|letters| batch.push(letters).unwrap());
    batch
}

/// Half of the sequences hold `TGACTCA` somewhere; every fifth is for validation.
pub(crate) fn planted(n: usize, length: usize) -> Dataset {
    let mut rng = stream(9, "test planted", &[]);
    let examples = random_letters(n, length, 3).into_iter().enumerate().map(|(i, mut sequence)| {
        let positive = i % 2 == 0;
        if positive {
            let at = (uniform(&mut rng) * (length - 7) as f64) as usize;
            sequence[at..at + 7].copy_from_slice(b"TGACTCA");
        }
        let split = if i % 5 == 4 { Split::Valid } else { Split::Train };
        let (id, labels) = (format!("s{i}"), vec![f64::from(u8::from(positive))]);
        let (covariates, control) = (vec![], vec![]);
        Example { id, place: None, split, sequence, labels, covariates, control, weight: 1.0 }
    });
    let (tasks, examples) = (vec![task("site", TaskKind::Binary)], examples.collect());
    Dataset { encoding: DNA, length, jitter: 0, tasks, covariates: vec![], control: None, examples }
}

pub(crate) const SMALL: &str = "
[[layer]]
type = 'conv1d'
filters = 8
width = 9
[[layer]]
type = 'batch-norm'
[[layer]]
type = 'relu'
[[layer]]
type = 'dropout'
rate = 0.1
[[layer]]
type = 'global-max-pool'
";

/// A data set that is handed out in blocks of a few rows.
pub(crate) struct Blocks {
    pub(crate) dataset: Dataset,
    rows: usize,
    /// A block that cannot be read.
    pub(crate) broken: Option<usize>,
}

impl Blocks {
    pub(crate) fn new(dataset: Dataset, rows: usize) -> Self {
        Self { dataset, rows, broken: None }
    }

    pub(crate) fn planted(n: usize, length: usize, rows: usize) -> Self {
        Self::new(planted(n, length), rows)
    }
}

impl ExampleSource for Blocks {
    fn header(&self) -> Header {
        self.dataset.header()
    }

    fn survey(&self) -> Result<Survey, SourceError> {
        let mut survey = Survey::new(&self.dataset.tasks);
        for block in self.dataset.examples.chunks(self.rows) {
            survey.begin_block();
            for example in block {
                survey.add(example.split, &example.labels, &self.header()).map_err(SourceError::new)?;
            }
        }
        Ok(survey)
    }

    fn digest(&self) -> Option<String> {
        None
    }

    fn read(&self, block: usize, split: Split, into: &mut Rows) -> Result<(), SourceError> {
        if self.broken == Some(block) {
            return Err(SourceError::new(format!("block {block} cannot be read")));
        }
        let rows = self.dataset.examples.chunks(self.rows).nth(block).unwrap_or_default();
        for example in rows.iter().filter(|example| example.split == split) {
            let codes = DNA.encode(&example.sequence).unwrap();
            let Example { labels, covariates, control, weight, .. } = example;
            into.push_row(Row { codes: &codes, labels, covariates, control, weight: *weight });
        }
        Ok(())
    }
}
