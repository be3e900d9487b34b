//! Labelled sequences read a block at a time, so that a data set may be larger than memory.
//!
//! A block is what a source reads at once: a row group of a file, a stretch of a data set in memory. Its rows come
//! encoded and packed, one array of codes and one of labels, without an allocation for each row.

use crate::covariate::check_covariates;
use crate::profile::total;
use crate::{Code, ControlSignal, Covariate, Dataset, Encoding, Split, Task, TaskKind, check_control};
use std::fmt;
use std::ops::Range;

/// Letters that a block holds at most, about: enough to be read efficiently, little enough to hold many.
const BLOCK_BYTES: usize = 16 << 20;
const BLOCK_ROWS: usize = 65_536;
/// What a row takes besides its letters: an id, a place, labels.
const ROW_BYTES: usize = 64;

/// What a model must know about a data set, without its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// How letters become channels.
    pub encoding: Encoding,
    /// Positions a model sees.
    pub length: usize,
    /// Bases kept beyond `length` on each side, from which training may shift its window.
    pub jitter: usize,
    /// What is predicted, in the order of the labels.
    pub tasks: Vec<Task>,
    /// What is known of each row beside its sequence, with the statistics of the training split.
    pub covariates: Vec<Covariate>,
    /// The control signal of each row, if there is any.
    pub control: Option<ControlSignal>,
}

impl Header {
    /// Number of model outputs over all tasks.
    pub fn outputs(&self) -> usize {
        self.tasks.iter().map(Task::outputs).sum()
    }

    /// Labels in a row over all tasks, margins included.
    pub fn label_count(&self) -> usize {
        self.tasks.iter().map(|task| task.label_count(self.jitter)).sum()
    }

    /// Values of the control in a row, margins included.
    pub fn control_count(&self) -> usize {
        self.control.as_ref().map_or(0, |control| control.value_count(self.jitter))
    }

    /// Positions of a sequence that can ever be seen: the length with both margins.
    pub fn reach(&self) -> usize {
        self.length.saturating_add(self.jitter.saturating_mul(2))
    }
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Its codes.
    pub codes: &'a [Code],
    /// [`Header::label_count`] numbers, task by task, as in [`crate::Example`].
    pub labels: &'a [f64],
    /// A number for each covariate of the header as it came, NaN where one is unknown.
    pub covariates: &'a [f64],
    /// [`Header::control_count`] numbers, as in [`crate::Example`].
    pub control: &'a [f64],
    /// How much its labels count in the loss, 0 or more.
    pub weight: f64,
}

/// Rows of one split, encoded and packed.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    reach: usize,
    /// Labels in a row.
    width: usize,
    /// Covariates of a row.
    side: usize,
    /// Values of the control in a row.
    control_width: usize,
    codes: Vec<Code>,
    /// Where each row's codes end.
    ends: Vec<usize>,
    labels: Vec<f64>,
    covariates: Vec<f64>,
    control: Vec<f64>,
    weights: Vec<f64>,
}

impl Rows {
    /// No rows yet of a data set with this header.
    pub fn new(header: &Header) -> Self {
        let (reach, width, side) = (header.reach(), header.label_count(), header.covariates.len());
        let control_width = header.control_count();
        let (codes, ends, labels, covariates, control, weights) = Default::default();
        Self { reach, width, side, control_width, codes, ends, labels, covariates, control, weights }
    }

    /// Makes room for `rows` more rows at their longest, so that adding them moves nothing, where there is memory for it.
    pub fn reserve(&mut self, rows: usize) {
        // Room that is not there is no fault yet: rows may be much shorter than their longest.
        let _ = self.codes.try_reserve_exact(rows.saturating_mul(self.reach));
        let _ = self.ends.try_reserve_exact(rows);
        let _ = self.labels.try_reserve_exact(rows.saturating_mul(self.width));
        let _ = self.covariates.try_reserve_exact(rows.saturating_mul(self.side));
        let _ = self.control.try_reserve_exact(rows.saturating_mul(self.control_width));
        let _ = self.weights.try_reserve_exact(rows);
    }

    /// Bytes that a row of a data set with this header takes at most.
    pub fn row_bytes(header: &Header) -> usize {
        let numbers = header.label_count() + header.covariates.len() + header.control_count() + 1;
        header.reach().saturating_add(size_of::<usize>() + size_of::<f64>() * numbers)
    }

    /// Adds a row of weight 1 without control.
    pub fn push(&mut self, codes: &[Code], labels: &[f64], covariates: &[f64]) {
        self.push_row(Row { codes, labels, covariates, control: &[], weight: 1.0 });
    }

    /// Adds a row. Of a sequence longer than [`Header::reach`] only the middle is kept, which is all that can be seen of it.
    pub fn push_row(&mut self, row: Row<'_>) {
        let Row { codes, labels, covariates, control, weight } = row;
        debug_assert_eq!(labels.len(), self.width, "all labels of a row");
        debug_assert_eq!(covariates.len(), self.side, "all covariates of a row");
        debug_assert_eq!(control.len(), self.control_width, "all of a row's control");
        let kept = match codes.len().checked_sub(self.reach) {
            Some(spare) if spare > 0 => &codes[spare / 2..spare / 2 + self.reach],
            _ => codes,
        };
        self.codes.extend_from_slice(kept);
        self.ends.push(self.codes.len());
        self.labels.extend_from_slice(labels);
        self.covariates.extend_from_slice(covariates);
        self.control.extend_from_slice(control);
        self.weights.push(weight);
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> Row<'_> {
        let (codes, labels) = (self.codes(i), self.labels(i));
        Row { codes, labels, covariates: self.covariates(i), control: self.control(i), weight: self.weight(i) }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The codes of row `i`.
    pub fn codes(&self, i: usize) -> &[Code] {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.codes[start..self.ends[i]]
    }

    /// The labels of row `i`, task by task, as in [`crate::Example`].
    pub fn labels(&self, i: usize) -> &[f64] {
        &self.labels[i * self.width..(i + 1) * self.width]
    }

    /// The covariates of row `i` as they came, NaN where one is unknown.
    pub fn covariates(&self, i: usize) -> &[f64] {
        &self.covariates[i * self.side..(i + 1) * self.side]
    }

    /// The control signal of row `i` with its margins, NaN where it is unknown; empty without any.
    pub fn control(&self, i: usize) -> &[f64] {
        &self.control[i * self.control_width..(i + 1) * self.control_width]
    }

    /// How much the labels of row `i` count in the loss.
    pub fn weight(&self, i: usize) -> f64 {
        self.weights[i]
    }
}

/// Whether a number can be the weight of an example.
///
/// # Errors
/// What does not fit, in words.
pub fn check_weight(weight: f64) -> Result<(), String> {
    match weight.is_finite() && weight >= 0.0 {
        true => Ok(()),
        false => Err(format!("expected a finite weight of 0 or more, found {weight}")),
    }
}

/// The known labels of a task in one split; of a profile, the totals of tracks with any known bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// How many there are.
    pub count: u64,
    /// The smallest, or +infinity.
    pub least: f64,
    /// The largest, or -infinity.
    pub most: f64,
}

impl Default for Known {
    fn default() -> Self {
        Self { count: 0, least: f64::INFINITY, most: f64::NEG_INFINITY }
    }
}

impl Known {
    fn see(&mut self, label: f64) {
        *self = Self { count: self.count + 1, least: self.least.min(label), most: self.most.max(label) };
    }

    /// Whether labels are known and all the same.
    pub fn is_constant(&self) -> bool {
        self.count > 0 && self.least == self.most
    }
}

/// What can be said about a data set after one look at its splits and labels; a few bytes a block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    blocks: Vec<[usize; 3]>,
    tasks: Vec<[Known; 3]>,
}

impl Survey {
    /// A survey of no rows.
    pub fn new(tasks: &[Task]) -> Self {
        Self { blocks: Vec::new(), tasks: vec![[Known::default(); 3]; tasks.len()] }
    }

    /// Begins the next block.
    pub fn begin_block(&mut self) {
        self.blocks.push([0; 3]);
    }

    /// Counts a row of the block that was begun last.
    ///
    /// # Errors
    /// Labels that do not fit the tasks, in words.
    pub fn add(&mut self, split: Split, labels: &[f64], header: &Header) -> Result<(), String> {
        check_labels(labels, &header.tasks, header.jitter)?;
        let mut rest = labels;
        for (task, known) in header.tasks.iter().zip(&mut self.tasks) {
            let (own, others) = rest.split_at(task.label_count(header.jitter));
            let known = &mut known[split as usize];
            match &task.kind {
                TaskKind::Profile(profile) => {
                    let seen = profile.seen(own, header.jitter);
                    seen.chunks(profile.bins.max(1)).filter_map(total).for_each(|total| known.see(total));
                }
                _ => own.iter().filter(|label| !label.is_nan()).for_each(|&label| known.see(label)),
            }
            rest = others;
        }
        if let Some(block) = self.blocks.last_mut() {
            block[split as usize] += 1;
        }
        Ok(())
    }

    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Rows of a split in one block.
    pub fn rows_in(&self, block: usize, split: Split) -> usize {
        self.blocks[block][split as usize]
    }

    /// Rows of a split.
    pub fn rows(&self, split: Split) -> usize {
        self.blocks.iter().map(|block| block[split as usize]).sum()
    }

    /// The known labels of one task in a split.
    pub fn known(&self, task: usize, split: Split) -> Known {
        self.tasks[task][split as usize]
    }
}

/// Whether a row has as many labels as its tasks want, margins of `jitter` bases included, each of its task's kind.
///
/// # Errors
/// What does not fit, in words.
pub fn check_labels(labels: &[f64], tasks: &[Task], jitter: usize) -> Result<(), String> {
    let ranges = crate::dataset::label_ranges(tasks, jitter);
    let expected = ranges.last().map_or(0, |range| range.end);
    if labels.len() != expected {
        return Err(format!("expected {expected} labels, found {}", labels.len()));
    }
    for (task, range) in tasks.iter().zip(ranges) {
        if let Some(fault) = labels[range].iter().find_map(|&label| label_fault(&task.kind, label)) {
            return Err(format!("task {:?}: {fault}", task.name));
        }
    }
    Ok(())
}

/// What is wrong with a label for a task of this kind, if anything is; an unknown one (NaN) fits all.
fn label_fault(kind: &TaskKind, label: f64) -> Option<String> {
    if label.is_nan() {
        return None;
    }
    match kind {
        TaskKind::Binary if label != 0.0 && label != 1.0 => Some(format!("expected a label 0 or 1, found {label}")),
        TaskKind::Classes { classes } if label < 0.0 || label.fract() != 0.0 || label >= classes.len() as f64 => {
            Some(format!("expected a class 0 to {}, found {label}", classes.len().saturating_sub(1)))
        }
        TaskKind::Counts if label < 0.0 || label.is_infinite() => {
            Some(format!("expected a count of 0 or more, found {label}"))
        }
        TaskKind::Regression if label.is_infinite() => Some(format!("expected a finite label, found {label}")),
        TaskKind::Profile(_) if label < 0.0 || label.is_infinite() => {
            Some(format!("expected signal of at least 0, found {label}"))
        }
        _ => None,
    }
}

/// Why rows could not be had; it names the file and record, or the example.
#[derive(Debug)]
pub struct SourceError(Box<dyn std::error::Error + Send + Sync>);

impl SourceError {
    /// From a message or an error of the reader, which stays available as the source.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

/// Where training gets its examples from: a [`Dataset`] in memory, or a file that is read a block at a time.
///
/// Blocks are read in any order, repeatedly, and from several threads.
pub trait ExampleSource: Sync {
    /// What a model must know about the rows.
    fn header(&self) -> Header;

    /// Rows of each split in each block, and what is known about the labels; all labels are checked.
    ///
    /// # Errors
    /// What cannot be read or does not fit the tasks.
    fn survey(&self) -> Result<Survey, SourceError>;

    /// A digest that any change of the rows changes, where there is one without reading them.
    fn digest(&self) -> Option<String>;

    /// Appends the rows of `split` in `block`, in their order.
    ///
    /// # Errors
    /// What cannot be read or encoded.
    fn read(&self, block: usize, split: Split, into: &mut Rows) -> Result<(), SourceError>;
}

/// Cuts rows of these sizes (letters each) into blocks of a bounded size, in order; a block has at least one row.
pub fn blocks(sizes: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut blocks: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (row, size) in sizes.enumerate() {
        let size = size.saturating_add(ROW_BYTES);
        match blocks.last_mut() {
            Some(block) if bytes + size <= BLOCK_BYTES && block.len() < BLOCK_ROWS => {
                block.end = row + 1;
                bytes += size;
            }
            _ => {
                blocks.push(row..row + 1);
                bytes = size.min(BLOCK_BYTES);
            }
        }
    }
    blocks
}

impl Dataset {
    /// Bytes that the labels of a row's profiles and its control take in a file.
    pub fn profile_bytes(&self) -> usize {
        let labels = |task: &Task| match &task.kind {
            TaskKind::Profile(profile) => profile.label_count(self.jitter),
            _ => 0,
        };
        let control = self.control.as_ref().map_or(0, |control| control.value_count(self.jitter));
        self.tasks.iter().map(labels).fold(control, usize::saturating_add).saturating_mul(4)
    }

    /// Rows of a block in memory: as many as a file of sequences of the full length has.
    fn block(&self, block: usize) -> &[crate::Example] {
        let size = ROW_BYTES.saturating_add(self.header().reach()).saturating_add(self.profile_bytes());
        let rows = (BLOCK_BYTES / size).clamp(1, BLOCK_ROWS);
        self.examples.chunks(rows).nth(block).unwrap_or_default()
    }
}

impl ExampleSource for Dataset {
    fn header(&self) -> Header {
        let Self { encoding, length, jitter, ref tasks, ref covariates, ref control, .. } = *self;
        let (tasks, covariates, control) = (tasks.clone(), covariates.clone(), control.clone());
        Header { encoding, length, jitter, tasks, covariates, control }
    }

    fn survey(&self) -> Result<Survey, SourceError> {
        let header = self.header();
        let mut survey = Survey::new(&self.tasks);
        for block in (0..).map(|block| self.block(block)).take_while(|rows| !rows.is_empty()) {
            survey.begin_block();
            for example in block {
                let wrong = |message| SourceError::new(format!("example {:?}: {message}", example.id));
                survey.add(example.split, &example.labels, &header).map_err(wrong)?;
                check_covariates(&example.covariates, &header.covariates).map_err(wrong)?;
                check_control(&example.control, header.control.as_ref(), header.jitter).map_err(wrong)?;
                check_weight(example.weight).map_err(wrong)?;
                self.encoding.encode(&example.sequence).map_err(|error| wrong(error.to_string()))?;
            }
        }
        Ok(survey)
    }

    fn digest(&self) -> Option<String> {
        None
    }

    fn read(&self, block: usize, split: Split, into: &mut Rows) -> Result<(), SourceError> {
        for example in self.block(block).iter().filter(|example| example.split == split) {
            let wrong = |message| SourceError::new(format!("example {:?}: {message}", example.id));
            let codes = self.encoding.encode(&example.sequence).map_err(|error| wrong(error.to_string()))?;
            let crate::Example { labels, covariates, control, weight, .. } = example;
            into.push_row(Row { codes: &codes, labels, covariates, control, weight: *weight });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Alphabet, CasePolicy, Example};

    fn dataset(length: usize, jitter: usize, rows: &[(Split, &str, f64)]) -> Dataset {
        let example = |(i, &(split, letters, label)): (usize, &(Split, &str, f64))| Example {
            id: format!("e{i}"),
            place: None,
            split,
            sequence: letters.as_bytes().to_vec(),
            labels: vec![label],
            covariates: vec![],
            control: vec![],
            weight: 1.0,
        };
        let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
        let tasks = vec![Task { name: "y".into(), kind: TaskKind::Binary }];
        let covariates = Vec::new();
        Dataset {
            encoding,
            length,
            jitter,
            tasks,
            covariates,
            control: None,
            examples: rows.iter().enumerate().map(example).collect(),
        }
    }

    #[test]
    fn rows_of_one_split_come_in_order_and_cropped_to_what_can_be_seen() {
        let data = dataset(2, 1, &[(Split::Train, "ACGTA", 1.0), (Split::Valid, "GG", 0.0), (Split::Train, "T", 0.0)]);
        let mut rows = Rows::new(&data.header());
        data.read(0, Split::Train, &mut rows).unwrap();
        let bases = |i: usize| rows.codes(i).iter().map(|code| code.base()).collect::<Vec<_>>();
        assert_eq!((rows.len(), bases(0), bases(1)), (2, vec![0, 1, 2, 3], vec![3]));
        assert_eq!([rows.labels(0), rows.labels(1)], [[1.0], [0.0]]);
        data.read(1, Split::Train, &mut rows).unwrap();
        assert_eq!(rows.len(), 2);
        assert!(!rows.is_empty() && Rows::row_bytes(&data.header()) == 4 + 8 + 8 + 8);
    }

    #[test]
    fn a_survey_counts_by_block_and_finds_constant_labels() {
        let data = dataset(
            9_000_000,
            0,
            &[
                (Split::Train, "A", 1.0),
                (Split::Valid, "C", f64::NAN),
                (Split::Train, "G", 1.0),
                (Split::Test, "T", 0.0),
            ],
        );
        let survey = data.survey().unwrap();
        assert_eq!((survey.blocks(), survey.rows(Split::Train), survey.rows_in(2, Split::Train)), (4, 2, 1));
        assert!(survey.known(0, Split::Train).is_constant() && !survey.known(0, Split::Valid).is_constant());
        assert_eq!(survey.known(0, Split::Valid).count, 0);
    }

    #[test]
    fn bad_labels_and_letters_name_the_example() {
        let fault = |change: fn(&mut Dataset)| {
            let mut data = dataset(4, 0, &[(Split::Train, "ACGT", 1.0)]);
            change(&mut data);
            data.survey().unwrap_err().to_string()
        };
        let half = fault(|d| d.examples[0].labels[0] = 0.5);
        assert!(half.contains("example \"e0\": task \"y\": expected a label 0 or 1"), "{half}");
        assert!(fault(|d| d.examples[0].labels.clear()).contains("expected 1 labels, found 0"));
        assert!(fault(|d| d.examples[0].sequence[2] = b'-').contains("at offset 2"));
        let classes = fault(|d| {
            d.tasks[0].kind = TaskKind::Classes { classes: vec!["a".into(), "b".into()] };
            d.examples[0].labels[0] = 2.0;
        });
        assert!(classes.contains("expected a class 0 to 1, found 2"), "{classes}");
    }

    #[test]
    fn blocks_are_bounded_by_letters_and_rows() {
        assert_eq!(blocks([BLOCK_BYTES, 5, 7].into_iter()), [0..1, 1..3]);
        assert_eq!(blocks(std::iter::repeat_n(0, BLOCK_ROWS + 1)), [0..BLOCK_ROWS, BLOCK_ROWS..BLOCK_ROWS + 1]);
        assert_eq!(blocks(std::iter::repeat_n(BLOCK_BYTES / 2 - ROW_BYTES, 5)), [0..2, 2..4, 4..5]);
        assert!(blocks(std::iter::empty()).is_empty());
    }
}
