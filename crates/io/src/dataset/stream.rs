//! A data set that stays on disk: one row group in memory at a time.

use super::description::Description;
use super::rows::label_column;
use crate::columnar::Groups;
use crate::error::{Error, Result, excerpt};
use basewise_core::source::{ExampleSource, Header, Rows, SourceError, Survey};
use basewise_core::{Split, TaskKind};
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
    survey: Survey,
}

impl StoredDataset {
    pub(super) fn open(path: &Path, description: &Description) -> Result<Self> {
        let groups = Groups::open(path)?;
        let Description { encoding, length, jitter, ref tasks, .. } = *description;
        let labels = tasks.iter().map(|task| groups.column(&label_column(task))).collect::<Result<_>>()?;
        let mut stored = Self {
            path: path.to_owned(),
            split: groups.column("split")?,
            sequence: groups.column("sequence")?,
            groups,
            header: Header { encoding, length, jitter, tasks: tasks.clone() },
            sha256: description.examples.sha256.clone(),
            labels,
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
        let tasks = &self.header.tasks;
        let mut survey = Survey::new(tasks);
        for group in 0..self.groups.rows().len() {
            survey.begin_block();
            let (splits, labels) = (self.splits(group)?, self.labels(group)?);
            for (row, split) in splits.into_iter().enumerate() {
                let own = &labels[row * tasks.len()..(row + 1) * tasks.len()];
                survey.add(split, own, tasks).map_err(|message| self.at_row(group, row, message))?;
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

    /// Labels of a row group, row by row, one a task.
    fn labels(&self, group: usize) -> Result<Vec<f64>> {
        let (rows, tasks) = (self.groups.rows()[group], self.header.tasks.len());
        let mut labels = vec![f64::NAN; rows * tasks];
        for (t, (task, &column)) in self.header.tasks.iter().zip(&self.labels).enumerate() {
            let TaskKind::Classes { classes } = &task.kind else {
                for (row, label) in self.groups.doubles(group, column)?.into_iter().enumerate() {
                    labels[row * tasks + t] = label.unwrap_or(f64::NAN);
                }
                continue;
            };
            let index_of: BTreeMap<&[u8], f64> =
                classes.iter().enumerate().map(|(i, class)| (class.as_bytes(), i as f64)).collect();
            self.groups.each_text(group, column, &mut |row, class| {
                let Some(class) = class else { return Ok(()) };
                let unknown = || {
                    let message = format!("expected a class of task {:?}, found {}", task.name, excerpt(class));
                    self.at_row(group, row, message)
                };
                labels[row * tasks + t] = *index_of.get(class).ok_or_else(unknown)?;
                Ok(())
            })?;
        }
        Ok(labels)
    }

    fn rows(&self, group: usize, split: Split, into: &mut Rows) -> Result<()> {
        let tasks = self.header.tasks.len();
        let (splits, labels) = (self.splits(group)?, self.labels(group)?);
        self.groups.each_text(group, self.sequence, &mut |row, letters| {
            if splits[row] != split {
                return Ok(());
            }
            let letters = letters.filter(|letters| !letters.is_empty());
            let letters = letters.ok_or_else(|| self.at_row(group, row, "expected a sequence, found none".into()))?;
            let codes = self.header.encoding.encode(letters);
            let codes = codes.map_err(|error| self.at_row(group, row, error.to_string()))?;
            into.push(&codes, &labels[row * tasks..(row + 1) * tasks]);
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
