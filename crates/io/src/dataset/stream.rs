//! A data set that stays on disk: one row group in memory at a time.

use super::description::Description;
use super::rows::{CONTROL, WEIGHT, covariate_column, label_column};
use crate::columnar::Groups;
use crate::error::{Error, Result, excerpt};
use basewise_core::folds::Origins;
use basewise_core::source::{ExampleSource, Header, Row, Rows, SourceError, Survey, check_weight};
use basewise_core::{Split, Task, TaskKind, check_control, check_covariates};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The examples of a data set's directory, read a row group at a time. The file stays open: a data set that is replaced
/// meanwhile is read as it was.
pub struct StoredDataset {
    path: PathBuf,
    groups: Groups,
    header: Header,
    sha256: String,
    /// Places of the columns.
    split: usize,
    sequence: usize,
    labels: Vec<usize>,
    covariates: Vec<usize>,
    control: Option<usize>,
    weight: Option<usize>,
    survey: Survey,
}

impl StoredDataset {
    pub(super) fn open(path: &Path, description: &Description) -> Result<Self> {
        let groups = Groups::open(path)?;
        let Description { encoding, length, jitter, ref tasks, ref covariates, ref control, .. } = *description;
        let labels = tasks.iter().map(|task| groups.column(&label_column(task))).collect::<Result<_>>()?;
        let columns = covariates.iter().map(|covariate| groups.column(&covariate_column(covariate)));
        let columns = columns.collect::<Result<_>>()?;
        let control_column = control.as_ref().map(|_| groups.column(CONTROL)).transpose()?;
        // There only where examples count differently.
        let weight = groups.column(WEIGHT).ok();
        let mut stored = Self {
            path: path.to_owned(),
            split: groups.column("split")?,
            sequence: groups.column("sequence")?,
            groups,
            header: Header {
                encoding,
                length,
                jitter,
                tasks: tasks.clone(),
                covariates: covariates.clone(),
                control: control.clone(),
            },
            sha256: description.examples.sha256.clone(),
            labels,
            covariates: columns,
            control: control_column,
            weight,
            survey: Survey::new(tasks),
        };
        stored.survey = stored.look()?;
        let (count, found) = (description.examples.count, stored.groups.rows().iter().sum::<usize>());
        if found != count {
            return Err(Error::of(path, format!("expected {count} rows, found {found}")));
        }
        for (&split, &expected) in &description.examples.splits {
            let found = stored.survey.rows(split);
            if found != expected {
                return Err(Error::of(path, format!("expected {expected} {split} rows, found {found}")));
            }
        }
        Ok(stored)
    }

    /// SHA-256 of the table of examples, in hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Rows of each split, and what is known about the labels.
    pub fn counts(&self) -> &Survey {
        &self.survey
    }

    /// Number of the first row of a row group, for messages.
    fn first_row(&self, group: usize) -> usize {
        self.groups.rows()[..group].iter().sum()
    }

    fn at_row(&self, group: usize, row: usize, message: String) -> Error {
        Error::of(&self.path, message).at(format!("row {}", self.first_row(group) + row))
    }

    /// Reads splits and labels of all rows.
    fn look(&self) -> Result<Survey> {
        let width = self.header.label_count();
        let mut survey = Survey::new(&self.header.tasks);
        for group in 0..self.groups.rows().len() {
            survey.begin_block();
            let (splits, labels) = (self.splits(group)?, self.labels(group)?);
            for (row, split) in splits.into_iter().enumerate() {
                let own = &labels[row * width..(row + 1) * width];
                survey.add(split, own, &self.header).map_err(|message| self.at_row(group, row, message))?;
            }
        }
        Ok(survey)
    }

    fn splits(&self, group: usize) -> Result<Vec<Split>> {
        let mut splits = Vec::with_capacity(self.groups.rows()[group]);
        self.groups.each_text(group, self.split, &mut |row, text| {
            let text = String::from_utf8_lossy(text.unwrap_or_default());
            splits.push(text.parse().map_err(|message| self.at_row(group, row, message))?);
            Ok(())
        })?;
        Ok(splits)
    }

    /// Labels of a row group, row by row, as in [`basewise_core::Example`].
    fn labels(&self, group: usize) -> Result<Vec<f64>> {
        let Header { tasks, jitter, .. } = &self.header;
        let columns = tasks.iter().zip(&self.labels).map(|(task, &column)| {
            let width = task.label_count(*jitter);
            self.column(group, task, column, width).map(|labels| (width, labels))
        });
        let mut columns = columns.collect::<Result<Vec<_>>>()?;
        if let [(_, labels)] = columns.as_mut_slice() {
            return Ok(std::mem::take(labels));
        }
        let mut labels = Vec::with_capacity(columns.iter().map(|(_, labels)| labels.len()).sum());
        for row in 0..self.groups.rows()[group] {
            columns.iter().for_each(|(width, own)| labels.extend_from_slice(&own[row * width..(row + 1) * width]));
        }
        Ok(labels)
    }

    /// The labels of one task in a row group, `width` for each row.
    fn column(&self, group: usize, task: &Task, column: usize, width: usize) -> Result<Vec<f64>> {
        let classes = match &task.kind {
            TaskKind::Classes { classes } => classes,
            TaskKind::Profile(_) => return self.groups.lists(group, column, width),
            _ => {
                let labels = self.groups.doubles(group, column)?;
                return Ok(labels.into_iter().map(|label| label.unwrap_or(f64::NAN)).collect());
            }
        };
        let index_of: BTreeMap<&[u8], f64> =
            classes.iter().enumerate().map(|(i, class)| (class.as_bytes(), i as f64)).collect();
        let mut labels = vec![f64::NAN; self.groups.rows()[group]];
        self.groups.each_text(group, column, &mut |row, class| {
            let Some(class) = class else { return Ok(()) };
            let unknown = || {
                let message = format!("expected a class of task {:?}, found {}", task.name, excerpt(class));
                self.at_row(group, row, message)
            };
            labels[row] = *index_of.get(class).ok_or_else(unknown)?;
            Ok(())
        })?;
        Ok(labels)
    }

    /// Covariates of a row group, row by row.
    fn covariates(&self, group: usize) -> Result<Vec<f64>> {
        let width = self.covariates.len();
        let mut values = vec![f64::NAN; width * self.groups.rows()[group]];
        for (i, (&column, covariate)) in self.covariates.iter().zip(&self.header.covariates).enumerate() {
            for (row, value) in self.groups.doubles(group, column)?.into_iter().enumerate() {
                let value = value.unwrap_or(f64::NAN);
                let wrong = |message| self.at_row(group, row, message);
                check_covariates(&[value], std::slice::from_ref(covariate)).map_err(wrong)?;
                values[row * width + i] = value;
            }
        }
        Ok(values)
    }

    /// The control signal of a row group, row by row; empty without any.
    fn control(&self, group: usize) -> Result<Vec<f64>> {
        let (Some(column), width) = (self.control, self.header.control_count()) else { return Ok(Vec::new()) };
        let values = self.groups.lists(group, column, width)?;
        let (control, jitter) = (self.header.control.as_ref(), self.header.jitter);
        for (row, own) in values.chunks(width.max(1)).enumerate() {
            check_control(own, control, jitter).map_err(|message| self.at_row(group, row, message))?;
        }
        Ok(values)
    }

    /// Whether examples count differently in training.
    pub fn is_weighted(&self) -> bool {
        self.weight.is_some()
    }

    /// How much each row of a row group counts.
    fn weights(&self, group: usize) -> Result<Vec<f64>> {
        let Some(column) = self.weight else { return Ok(vec![1.0; self.groups.rows()[group]]) };
        let weights = self.groups.doubles(group, column)?.into_iter().enumerate();
        let checked = weights.map(|(row, weight)| {
            let weight = weight.unwrap_or(f64::NAN);
            check_weight(weight).map_err(|message| self.at_row(group, row, message))?;
            Ok(weight)
        });
        checked.collect()
    }

    /// What decides the fold of each row; one row group is in memory at a time.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn origins(&self) -> Result<Origins> {
        let mut origins = Origins::new(self.header.encoding.alphabet, &self.header.tasks);
        let chrom = self.groups.column("chrom")?;
        for group in 0..self.groups.rows().len() {
            let (splits, labels) = (self.splits(group)?, self.labels(group)?);
            let mut chroms: Vec<Option<String>> = Vec::with_capacity(splits.len());
            self.groups.each_text(group, chrom, &mut |_, text| {
                chroms.push(text.map(|text| String::from_utf8_lossy(text).into_owned()));
                Ok(())
            })?;
            let width = labels.len() / splits.len().max(1);
            self.groups.each_text(group, self.sequence, &mut |row, letters| {
                let labels = &labels[row * width..(row + 1) * width];
                origins.push(splits[row], chroms[row].as_deref(), letters.unwrap_or_default(), labels);
                Ok(())
            })?;
        }
        Ok(origins)
    }

    fn rows(&self, group: usize, split: Split, into: &mut Rows) -> Result<()> {
        let (width, side, beside) = (self.header.label_count(), self.covariates.len(), self.header.control_count());
        let (splits, labels, covariates) = (self.splits(group)?, self.labels(group)?, self.covariates(group)?);
        let (control, weights) = (self.control(group)?, self.weights(group)?);
        self.groups.each_text(group, self.sequence, &mut |row, letters| {
            if splits[row] != split {
                return Ok(());
            }
            let letters = letters.filter(|letters| !letters.is_empty());
            let letters = letters.ok_or_else(|| self.at_row(group, row, "expected a sequence, found none".into()))?;
            let codes = self.header.encoding.encode(letters);
            let codes = codes.map_err(|error| self.at_row(group, row, error.to_string()))?;
            into.push_row(Row {
                codes: &codes,
                labels: &labels[row * width..(row + 1) * width],
                covariates: &covariates[row * side..(row + 1) * side],
                control: &control[row * beside..(row + 1) * beside],
                weight: weights[row],
            });
            Ok(())
        })
    }
}

impl ExampleSource for StoredDataset {
    fn header(&self) -> Header {
        self.header.clone()
    }

    fn survey(&self) -> std::result::Result<Survey, SourceError> {
        Ok(self.survey.clone())
    }

    fn digest(&self) -> Option<String> {
        Some(self.sha256.clone())
    }

    fn read(&self, block: usize, split: Split, into: &mut Rows) -> std::result::Result<(), SourceError> {
        self.rows(block, split, into).map_err(SourceError::new)
    }
}
