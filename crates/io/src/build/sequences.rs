//! Data sets from labelled sequences: FASTA files or tables.

use super::columns;
use super::draft::{self, Draft};
use super::labels::{self, Cell, LabelKind};
use super::negatives::{self, Negatives};
use super::splits::{self, SplitPolicy};
use super::{Account, Built, check_length};
use crate::dataset::{Provenance, Source};
use crate::error::{Error, Result, excerpt};
use crate::fasta;
use crate::table::{self, Table};
use basewise_core::{Covariate, Dataset, Encoding, Split, Task, TaskKind, Transform};
use serde_json::json;
use std::path::{Path, PathBuf};

/// A file of sequences, and the split that all of them belong to, if the file decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// Where it is.
    pub path: PathBuf,
    /// The split of everything in it.
    pub split: Option<Split>,
}

impl<P: Into<PathBuf>> From<P> for InputFile {
    fn from(path: P) -> Self {
        Self { path: path.into(), split: None }
    }
}

/// A label column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelColumn {
    /// Its name in the header, which becomes the name of the task.
    pub name: String,
    /// What its fields are read as.
    pub kind: LabelKind,
}

/// A column of numbers that a model is shown beside the sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CovariateColumn {
    /// Its name in the header, which becomes that of the covariate.
    pub name: String,
    /// What is done to its numbers before they are standardized.
    pub transform: Transform,
}

/// Which columns of a table hold what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableColumns {
    /// Letters; by default `sequence` or `seq`.
    pub sequence: Option<String>,
    /// Labels; by default `label`, `labels`, `target` or `class`.
    pub labels: Vec<LabelColumn>,
    /// Names; by default `id` or `name` if there is one, or the number of the row.
    pub id: Option<String>,
    /// Splits; by default `split` if there is one with anything in it.
    pub split: Option<String>,
    /// Numbers beside the sequence; an empty field is unknown.
    pub covariates: Vec<CovariateColumn>,
    /// Numbers of 0 or more: how much each row counts in training.
    pub weight: Option<String>,
}

/// What the sequences are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SequencesInput {
    /// FASTA files of positives and of negatives (none if these are made): one binary task.
    Binary {
        /// Name of the task.
        task: String,
        /// Files of label 1.
        positives: Vec<InputFile>,
        /// Files of label 0.
        negatives: Vec<InputFile>,
    },
    /// FASTA files of named classes, in the order of the classes: one task.
    Classes {
        /// Name of the task.
        task: String,
        /// Class and file; a class may have several files.
        classes: Vec<(String, InputFile)>,
    },
    /// TSV or CSV files with the same columns: a task for every label column.
    Table {
        /// The files; their rows follow each other.
        files: Vec<InputFile>,
        /// Which columns hold what.
        columns: TableColumns,
    },
}

/// How to make a data set from labelled sequences.
#[derive(Clone, Debug)]
pub struct SequencesSpec {
    /// The files.
    pub input: SequencesInput,
    /// DNA or RNA, and what case means. Letters are stored as they came.
    pub encoding: Encoding,
    /// Positions that a model sees; by default those of the longest sequence.
    pub length: Option<usize>,
    /// Who is held out; `None` is the files' own splits, or the split column, or [`SplitPolicy::random`].
    pub split: Option<SplitPolicy>,
    /// Negatives besides those in the files; only for one binary task.
    pub negatives: Negatives,
    /// Seed of shuffles and random splits.
    pub seed: u64,
    /// The command line, for the record.
    pub command: String,
}

/// Makes a data set from labelled sequences.
///
/// Rows without any known label are skipped and counted. Ids that repeat get `_2`, `_3`, ... Shuffles share the split
/// of the sequence they were made from.
///
/// # Errors
/// A file that cannot be read; a byte that is no nucleotide letter; a missing column; a label that does not fit, named
/// with its line; a policy that the input cannot serve; nothing left to use.
pub fn sequences(spec: &SequencesSpec) -> Result<Built> {
    check(spec)?;
    let mut account = Account::default();
    let (tasks, mut drafts) = match &spec.input {
        SequencesInput::Binary { task, positives, negatives } => binary(task, positives, negatives)?,
        SequencesInput::Classes { task, classes } => named_classes(task, classes)?,
        SequencesInput::Table { files, columns } => rows_of_tables(files, columns, spec.split.as_ref())?,
    };
    account.read = drafts.len();
    drafts.retain(|draft| {
        let known = draft.labels.iter().any(|label| !label.is_nan());
        if !known {
            account.skip("no label");
        }
        known
    });
    account.used = drafts.len();
    if drafts.is_empty() {
        return Err(Error::new("expected at least one sequence with a label, found none"));
    }
    let mut provenance = Provenance::new("sequences", spec.seed, &spec.command);
    provenance.sources = spec.input.files().map(|file| Source::of(&file.path)).collect::<Result<_>>()?;
    negatives::add(&spec.negatives, &tasks, &mut drafts, spec.seed, &mut account, &mut provenance)?;
    let renamed = draft::unique_ids(&mut drafts);
    let (splits, mut warnings) =
        splits::assign(&drafts, spec.split.as_ref(), spec.encoding.alphabet, spec.seed, &mut provenance)?;
    let longest = drafts.iter().map(|draft| draft.sequence.len()).max().unwrap_or(0);
    let length = spec.length.unwrap_or(longest);
    check_length(length)?;
    let shortest = drafts.iter().map(|draft| draft.sequence.len()).min().unwrap_or(0);
    provenance.notes.insert("lengths".into(), json!({ "shortest": shortest, "longest": longest, "model": length }));
    provenance.notes.insert("renamed_ids".into(), json!(renamed));
    provenance.notes.insert("account".into(), json!(account));
    let examples = draft::finish(drafts, splits);
    let covariates = spec.input.covariates();
    let mut dataset =
        Dataset { encoding: spec.encoding, length, jitter: 0, tasks, covariates, control: None, examples };
    dataset.fit_covariates();
    columns::check_weights(&dataset)?;
    let constant = columns::constant_covariates(&dataset);
    if !constant.is_empty() {
        warnings.extend(constant);
        provenance.notes.insert("warnings".into(), json!(warnings));
    }
    Ok(Built { dataset, provenance, account, warnings })
}

/// What can be refused before any file is read.
fn check(spec: &SequencesSpec) -> Result<()> {
    spec.length.map_or(Ok(()), check_length)?;
    spec.input.check_covariates(&spec.negatives)?;
    match &spec.input {
        SequencesInput::Binary { task, .. } | SequencesInput::Classes { task, .. } if task.trim().is_empty() => {
            Err(Error::new("expected a name for the task, found an empty one"))
        }
        _ => Ok(()),
    }
}

impl SequencesInput {
    fn files(&self) -> impl Iterator<Item = &InputFile> {
        let files: Vec<&InputFile> = match self {
            Self::Binary { positives, negatives, .. } => positives.iter().chain(negatives).collect(),
            Self::Classes { classes, .. } => classes.iter().map(|(_, file)| file).collect(),
            Self::Table { files, .. } => files.iter().collect(),
        };
        files.into_iter()
    }
}

impl SequencesInput {
    /// The covariates of a table, without statistics yet.
    fn covariates(&self) -> Vec<Covariate> {
        let Self::Table { columns, .. } = self else { return Vec::new() };
        let bare = |column: &CovariateColumn| Covariate::fit(&column.name, column.transform, std::iter::empty());
        columns.covariates.iter().map(bare).collect()
    }

    fn check_covariates(&self, negatives: &Negatives) -> Result<()> {
        let Self::Table { columns, .. } = self else { return Ok(()) };
        if let Some(fault) = basewise_core::covariates_fault(&self.covariates()) {
            return Err(Error::new(fault));
        }
        if !columns.covariates.is_empty() && matches!(negatives, Negatives::File(_)) {
            return Err(Error::new("expected negatives with covariates, found a FASTA file")
                .with_hint("put the negatives into the table, with label 0"));
        }
        Ok(())
    }
}

type Read = (Vec<Task>, Vec<Draft>);

fn binary(task: &str, positives: &[InputFile], negatives: &[InputFile]) -> Result<Read> {
    if positives.is_empty() {
        return Err(Error::new("expected a FASTA file of positives, found none"));
    }
    let mut drafts = Vec::new();
    for file in positives {
        drafts.extend(fasta_drafts(file, 1.0)?);
    }
    for file in negatives {
        drafts.extend(fasta_drafts(file, 0.0)?);
    }
    Ok((vec![Task { name: task.to_owned(), kind: TaskKind::Binary }], drafts))
}

fn named_classes(task: &str, files: &[(String, InputFile)]) -> Result<Read> {
    let mut classes: Vec<String> = Vec::new();
    let mut drafts = Vec::new();
    for (class, file) in files {
        let index = classes.iter().position(|name| name == class).unwrap_or_else(|| {
            classes.push(class.clone());
            classes.len() - 1
        });
        drafts.extend(fasta_drafts(file, index as f64)?);
    }
    if classes.len() < 2 {
        return Err(Error::new(format!("expected at least two classes, found {classes:?}")));
    }
    Ok((vec![Task { name: task.to_owned(), kind: TaskKind::Classes { classes } }], drafts))
}

fn fasta_drafts(file: &InputFile, label: f64) -> Result<Vec<Draft>> {
    let draft =
        |record: fasta::Record| Draft { split: file.split, ..Draft::bare(record.id, record.sequence, vec![label]) };
    fasta::read(&file.path)?.map(|record| record.map(draft)).collect()
}

fn rows_of_tables(files: &[InputFile], columns: &TableColumns, policy: Option<&SplitPolicy>) -> Result<Read> {
    let tables = files.iter().map(|file| Ok((file, table::read(&file.path)?))).collect::<Result<Vec<_>>>()?;
    let Some((_, first)) = tables.first() else {
        return Err(Error::new("expected a table of sequences, found none"));
    };
    let split = split_column(&tables, columns, policy);
    let columns = Resolved::new(first, columns, policy, split)?;
    let mut drafts = Vec::new();
    for (file, table) in &tables {
        columns.drafts(file, table, &mut drafts)?;
    }
    let mut tasks = Vec::new();
    for column in &columns.labels {
        let (task, values) = labels::read(&column.name, column.kind, &cells(&tables, &column.name)?)?;
        tasks.push(task);
        drafts.iter_mut().zip(values).for_each(|(draft, value)| draft.labels.push(value));
    }
    for column in &columns.covariates {
        let values = labels::numbers(&column.name, &cells(&tables, &column.name)?)?;
        drafts.iter_mut().zip(values).for_each(|(draft, value)| draft.covariates.push(value));
    }
    if let Some(column) = &columns.weight {
        let values = labels::weights(column, &cells(&tables, column)?)?;
        drafts.iter_mut().zip(values).for_each(|(draft, value)| draft.weight = value);
    }
    Ok((tasks, drafts))
}

/// The fields of a column of all tables.
fn cells<'t>(tables: &'t [(&InputFile, Table)], column: &str) -> Result<Vec<Cell<'t>>> {
    let mut cells = Vec::new();
    for (_, table) in tables {
        let fields = table.column(column)?.iter().enumerate();
        cells.extend(fields.map(|(row, text)| Cell { path: table.path(), line: table.line(row), text }));
    }
    Ok(cells)
}

/// The column of splits: the one that was asked for, or by default `split`, unless it is empty in every row. What stands
/// in it is judged row by row, so that a slip of the pen does not cost the whole division.
fn split_column(
    tables: &[(&InputFile, Table)],
    columns: &TableColumns,
    policy: Option<&SplitPolicy>,
) -> Option<String> {
    match (policy, &columns.split) {
        (Some(SplitPolicy::Column(name)), _) | (None, Some(name)) => Some(name.clone()),
        (Some(_), _) => None,
        (None, None) => {
            let usual = "split";
            let undecided = tables.iter().filter(|(file, _)| file.split.is_none());
            let filled = |table: &Table| {
                table.has(usual)
                    && table.column(usual).is_ok_and(|fields| fields.iter().any(|field| !field.trim().is_empty()))
            };
            undecided.map(|(_, table)| table).any(filled).then(|| usual.to_owned())
        }
    }
}

/// The columns by name, defaults filled in.
struct Resolved {
    sequence: String,
    labels: Vec<LabelColumn>,
    covariates: Vec<CovariateColumn>,
    weight: Option<String>,
    id: Option<String>,
    split: Option<String>,
    group: Option<String>,
    chrom: Option<String>,
}

impl Resolved {
    fn new(table: &Table, columns: &TableColumns, policy: Option<&SplitPolicy>, split: Option<String>) -> Result<Self> {
        let usual = |names: &[&str]| names.iter().find(|name| table.has(name)).map(|&name| name.to_owned());
        let sequence =
            columns.sequence.clone().or_else(|| usual(&["sequence", "seq"])).unwrap_or_else(|| "sequence".to_owned());
        table.column(&sequence)?;
        let mut labels = columns.labels.clone();
        if labels.is_empty() {
            let name = usual(&["label", "labels", "target", "class"]).unwrap_or_else(|| "label".to_owned());
            labels.push(LabelColumn { name, kind: LabelKind::Auto });
        }
        labels.iter().try_for_each(|column| table.column(&column.name).map(drop))?;
        columns.covariates.iter().try_for_each(|column| table.column(&column.name).map(drop))?;
        columns.weight.iter().try_for_each(|column| table.column(column).map(drop))?;
        let is_label = |column: &&CovariateColumn| labels.iter().any(|label| label.name == column.name);
        if let Some(column) = columns.covariates.iter().find(is_label) {
            let message = format!("expected covariates other than the labels, found {:?} as both", column.name);
            return Err(Error::of(table.path(), message));
        }
        let group = match policy {
            Some(SplitPolicy::Group { column, .. }) => Some(column.clone()),
            _ => None,
        };
        let chrom = match policy {
            Some(SplitPolicy::Chromosome { .. }) => {
                Some(usual(&["chrom", "chr"]).unwrap_or_else(|| "chrom".to_owned()))
            }
            _ => None,
        };
        let id = columns.id.clone().or_else(|| usual(&["id", "name"]));
        let (covariates, weight) = (columns.covariates.clone(), columns.weight.clone());
        Ok(Self { sequence, labels, covariates, weight, id, split, group, chrom })
    }

    fn drafts(&self, file: &InputFile, table: &Table, drafts: &mut Vec<Draft>) -> Result<()> {
        let optional = |name: &Option<String>| name.as_deref().map(|name| table.column(name)).transpose();
        let sequences = table.column(&self.sequence)?;
        let ids = optional(&self.id)?;
        // A file whose split is given needs no column of them.
        let splits = if file.split.is_some() { None } else { optional(&self.split)? };
        let (groups, chroms) = (optional(&self.group)?, optional(&self.chrom)?);
        for (row, letters) in sequences.iter().enumerate() {
            let line = table.line(row);
            let sequence = checked_letters(table.path(), line, &self.sequence, letters)?;
            let split = match (file.split, splits) {
                (Some(split), _) => Some(split),
                (None, Some(splits)) => Some(parse_split(table.path(), line, &splits[row])?),
                (None, None) => None,
            };
            let id = ids.map(|ids| ids[row].trim()).filter(|id| !id.is_empty());
            let id = id.map_or_else(|| format!("row{}", drafts.len() + 1), str::to_owned);
            drafts.push(Draft {
                split,
                group: groups.map(|groups| groups[row].clone()),
                chrom: chroms.map(|chroms| chroms[row].clone()),
                ..Draft::bare(id, sequence, Vec::new())
            });
        }
        Ok(())
    }
}

fn checked_letters(path: &Path, line: usize, column: &str, letters: &str) -> Result<Vec<u8>> {
    let letters = letters.trim().as_bytes();
    if letters.is_empty() {
        return Err(Error::at_line(path, line, format!("expected a sequence in column {column:?}, found none")));
    }
    fasta::check_letters(letters, 0).map_err(|wrong| wrong.in_file(path, format!("line {line}, column {column:?}")))?;
    Ok(letters.to_vec())
}

fn parse_split(path: &Path, line: usize, text: &str) -> Result<Split> {
    text.parse().map_err(|_| {
        let found = if text.trim().is_empty() { "nothing".to_owned() } else { excerpt(text.as_bytes()) };
        Error::at_line(path, line, format!("expected train, valid or test in the split column, found {found}"))
            .with_hint("correct it, or choose another policy with --split random|group:COLUMN")
    })
}
