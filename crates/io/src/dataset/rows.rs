//! `examples.parquet`.

use super::description::Description;
use crate::columnar::{self, Chunk, Field, Kind, Values};
use crate::error::{Error, Result, excerpt};
use basewise_core::source;
use basewise_core::{
    Covariate, Dataset, Example, Interval, Strand, Task, TaskKind, check_control, check_covariates, covariates_fault,
    label_ranges,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::ops::Range;
use std::path::Path;

const FIXED: [&str; 7] = ["id", "chrom", "start", "end", "strand", "split", "sequence"];

pub(super) fn label_column(task: &Task) -> String {
    format!("label:{}", task.name)
}

/// How much an example counts; only in data sets where they count differently.
pub(super) const WEIGHT: &str = "weight";

/// Control signal; only in data sets that have it.
pub(super) const CONTROL: &str = "control";

pub(super) fn covariate_column(covariate: &Covariate) -> String {
    format!("covariate:{}", covariate.name)
}

/// What in a data set contradicts itself, if anything does.
pub(super) fn check(dataset: &Dataset) -> std::result::Result<(), String> {
    let mut names = BTreeSet::new();
    if let Some(task) = dataset.tasks.iter().find(|task| !names.insert(task.name.as_str())) {
        return Err(format!("expected different task names, found {:?} twice", task.name));
    }
    let fault = dataset.tasks.iter().find_map(Task::fault);
    let control = || dataset.control.as_ref().and_then(|control| control.fault(&dataset.tasks));
    if let Some(fault) = fault.or_else(|| covariates_fault(&dataset.covariates)).or_else(control) {
        return Err(fault);
    }
    let mut ids = BTreeSet::new();
    for example in &dataset.examples {
        if !ids.insert(example.id.as_str()) {
            return Err(format!("expected unique ids, found {:?} twice", example.id));
        }
        check_example(example, dataset)?;
    }
    Ok(())
}

fn check_example(example: &Example, dataset: &Dataset) -> std::result::Result<(), String> {
    let Example { id, labels, sequence, covariates, control, weight, .. } = example;
    if sequence.is_empty() {
        return Err(format!("expected a sequence, found none in example {id:?}"));
    }
    source::check_labels(labels, &dataset.tasks, dataset.jitter)
        .and_then(|()| check_covariates(covariates, &dataset.covariates))
        .and_then(|()| check_control(control, dataset.control.as_ref(), dataset.jitter))
        .and_then(|()| source::check_weight(*weight))
        .map_err(|fault| format!("example {id:?}: {fault}"))
}

pub(super) fn write(path: &Path, sink: &mut (dyn Write + Send), dataset: &Dataset) -> Result<()> {
    let mut fields = vec![
        Field::required("id", Kind::Text),
        Field::new("chrom", Kind::Text),
        Field::new("start", Kind::Whole),
        Field::new("end", Kind::Whole),
        Field::new("strand", Kind::Text),
        Field::required("split", Kind::Text),
        Field::required("sequence", Kind::Text),
    ];
    for task in &dataset.tasks {
        let kind = match task.kind {
            TaskKind::Classes { .. } => Kind::Text,
            TaskKind::Profile(_) => Kind::Lists,
            _ => Kind::Double,
        };
        fields.push(Field::new(label_column(task), kind));
    }
    fields.extend(dataset.covariates.iter().map(|covariate| Field::new(covariate_column(covariate), Kind::Double)));
    if dataset.control.is_some() {
        fields.push(Field::new(CONTROL, Kind::Lists));
    }
    if dataset.is_weighted() {
        fields.push(Field::required(WEIGHT, Kind::Double));
    }
    let beside = FIXED.len() + dataset.tasks.len();
    let control = beside + dataset.covariates.len();
    let weight = control + usize::from(dataset.control.is_some());
    let examples = &dataset.examples;
    // Bounded groups, so that training can read one at a time.
    let profiles = dataset.profile_bytes();
    let groups = source::blocks(examples.iter().map(|example| example.sequence.len() + profiles)).into_iter();
    let ranges = label_ranges(&dataset.tasks, dataset.jitter);
    columnar::write_groups(path, sink, &fields, groups, |column, rows| {
        let rows = examples[rows].iter();
        let place = |pick: fn(&Interval) -> i64| move |e: &Example| e.place.as_ref().map(pick);
        match column {
            0 => Chunk::Text(rows.map(|e| Some(e.id.as_bytes())).collect()),
            1 => Chunk::Text(rows.map(|e| e.place.as_ref().map(|place| place.chrom.as_bytes())).collect()),
            2 => Chunk::Whole(rows.map(place(|p| p.start as i64)).collect()),
            3 => Chunk::Whole(rows.map(place(|p| p.end as i64)).collect()),
            4 => Chunk::Text(rows.map(|e| e.place.as_ref().map(|p| strand_text(p.strand))).collect()),
            5 => Chunk::Text(rows.map(|e| Some(e.split.name().as_bytes())).collect()),
            6 => Chunk::Text(rows.map(|e| Some(e.sequence.as_slice())).collect()),
            _ if column == weight => Chunk::Double(rows.map(|e| Some(e.weight)).collect()),
            _ if column == control => Chunk::Lists(rows.map(|e| &e.control[..]).collect()),
            _ if column >= beside => {
                let value = |e: &Example| Some(e.covariates[column - beside]).filter(|value| !value.is_nan());
                Chunk::Double(rows.map(value).collect())
            }
            _ => labels(rows, &dataset.tasks[column - FIXED.len()], ranges[column - FIXED.len()].clone()),
        }
    })
}

fn strand_text(strand: Strand) -> &'static [u8] {
    match strand {
        Strand::Forward => b"+",
        Strand::Reverse => b"-",
    }
}

fn labels<'a>(rows: impl Iterator<Item = &'a Example>, task: &'a Task, range: Range<usize>) -> Chunk<'a> {
    if matches!(task.kind, TaskKind::Profile(_)) {
        return Chunk::Lists(rows.map(|e| &e.labels[range.clone()]).collect());
    }
    let known = rows.map(|e| Some(e.labels[range.start]).filter(|label| !label.is_nan()));
    match &task.kind {
        TaskKind::Classes { classes } => {
            Chunk::Text(known.map(|label| label.map(|label| classes[label as usize].as_bytes())).collect())
        }
        _ => Chunk::Double(known.collect()),
    }
}

pub(super) fn read(path: &Path, description: &Description) -> Result<Dataset> {
    let mut columns = Columns { path, columns: columnar::read(path)?.into_iter().collect() };
    let (ids, sequences) = (columns.text("id")?, columns.text("sequence")?);
    let count = description.examples.count;
    if let Some((name, values)) = columns.columns.iter().find(|(_, values)| values.len() != count) {
        return Err(Error::of(path, format!("expected {count} rows, found {} in column {name:?}", values.len())));
    }
    if ids.len() != count || sequences.len() != count {
        return Err(Error::of(path, format!("expected {count} rows, found {}", ids.len())));
    }
    let places = columns.places(count)?;
    let splits = columns.text("split")?;
    let label = |task| columns.labels(task, description.jitter);
    let labels = description.tasks.iter().map(label).collect::<Result<Vec<_>>>()?;
    let covariate = |covariate| columns.numbers(&covariate_column(covariate));
    let covariates = description.covariates.iter().map(covariate).collect::<Result<Vec<_>>>()?;
    let control_width = description.control.as_ref().map_or(0, |control| control.value_count(description.jitter));
    let control = if control_width > 0 { columns.lists(CONTROL, control_width)? } else { Vec::new() };
    let weights = if columns.columns.contains_key(WEIGHT) { Some(columns.numbers(WEIGHT)?) } else { None };
    let mut examples = Vec::with_capacity(count);
    for (row, (((id, sequence), place), split)) in ids.into_iter().zip(sequences).zip(places).zip(splits).enumerate() {
        let wrong = |message: String| Error::of(path, message).at(format!("row {row}"));
        let sequence = sequence.ok_or_else(|| wrong("expected a sequence, found none".into()))?;
        crate::fasta::check_letters(&sequence, 0).map_err(|letter| letter.in_file(path, format!("row {row}")))?;
        examples.push(Example {
            id: string(id).ok_or_else(|| wrong("expected an id, found none".into()))?,
            place,
            split: string(split).unwrap_or_default().parse().map_err(wrong)?,
            sequence,
            labels: labels
                .iter()
                .flat_map(|(width, column)| &column[row * width..(row + 1) * width])
                .copied()
                .collect(),
            covariates: covariates.iter().map(|column| column[row]).collect(),
            control: control.get(row * control_width..(row + 1) * control_width).unwrap_or_default().to_vec(),
            weight: weights.as_ref().map_or(1.0, |weights| weights[row]),
        });
    }
    let Description { encoding, length, jitter, ref tasks, ref covariates, ref control, .. } = *description;
    let (tasks, covariates, control) = (tasks.clone(), covariates.clone(), control.clone());
    let dataset = Dataset { encoding, length, jitter, tasks, covariates, control, examples };
    check(&dataset).map_err(|message| Error::of(path, message))?;
    for (&split, &expected) in &description.examples.splits {
        let found = dataset.rows_of(split).len();
        if found != expected {
            return Err(Error::of(path, format!("expected {expected} {split} rows, found {found}")));
        }
    }
    Ok(dataset)
}

fn string(bytes: Option<Vec<u8>>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

struct Columns<'a> {
    path: &'a Path,
    columns: BTreeMap<String, Values>,
}

impl Columns<'_> {
    fn take(&mut self, name: &str) -> Result<Values> {
        self.columns.remove(name).ok_or_else(|| Error::of(self.path, format!("expected a column {name:?}, found none")))
    }

    fn wrong_type(&self, name: &str, expected: &str) -> Error {
        Error::of(self.path, format!("expected column {name:?} to hold {expected}, found another type"))
    }

    fn text(&mut self, name: &str) -> Result<Vec<Option<Vec<u8>>>> {
        match self.take(name)? {
            Values::Text(values) => Ok(values),
            _ => Err(self.wrong_type(name, "text")),
        }
    }

    fn whole(&mut self, name: &str) -> Result<Vec<Option<i64>>> {
        match self.take(name)? {
            Values::Whole(values) => Ok(values),
            _ => Err(self.wrong_type(name, "whole numbers")),
        }
    }

    fn numbers(&mut self, name: &str) -> Result<Vec<f64>> {
        match self.take(name)? {
            Values::Double(values) => Ok(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect()),
            _ => Err(self.wrong_type(name, "numbers")),
        }
    }

    /// Lists of `width` numbers, row by row.
    fn lists(&mut self, name: &str, width: usize) -> Result<Vec<f64>> {
        match self.take(name)? {
            Values::Lists { rows, values } if values.len() == rows.saturating_mul(width) => Ok(values),
            _ => Err(self.wrong_type(name, &format!("lists of {width} numbers"))),
        }
    }

    fn places(&mut self, count: usize) -> Result<Vec<Option<Interval>>> {
        let (chroms, strands) = (self.text("chrom")?, self.text("strand")?);
        let (starts, ends) = (self.whole("start")?, self.whole("end")?);
        let mut places = Vec::with_capacity(count);
        let rows = chroms.into_iter().zip(strands).zip(starts.into_iter().zip(ends));
        for (row, ((chrom, strand), ends)) in rows.enumerate() {
            let strand = match strand.as_deref() {
                Some(b"-") => Strand::Reverse,
                _ => Strand::Forward,
            };
            places.push(match (string(chrom), ends) {
                (None, _) => None,
                (Some(chrom), (Some(start), Some(end))) if 0 <= start && start < end => {
                    Some(Interval { chrom, start: start as u64, end: end as u64, strand })
                }
                (Some(_), found) => {
                    let message = format!("expected 0 <= start < end, found {found:?}");
                    return Err(Error::of(self.path, message).at(format!("row {row}")));
                }
            });
        }
        Ok(places)
    }

    /// How many labels a row has for a task, and those of all rows.
    fn labels(&mut self, task: &Task, jitter: usize) -> Result<(usize, Vec<f64>)> {
        let width = task.label_count(jitter);
        if !matches!(task.kind, TaskKind::Profile(_)) {
            return self.single_labels(task).map(|labels| (width, labels));
        }
        self.lists(&label_column(task), width).map(|labels| (width, labels))
    }

    fn single_labels(&mut self, task: &Task) -> Result<Vec<f64>> {
        let name = label_column(task);
        let unknown = |label: Option<f64>| label.unwrap_or(f64::NAN);
        match (self.take(&name)?, &task.kind) {
            (Values::Text(values), TaskKind::Classes { classes }) => {
                let index_of: BTreeMap<&[u8], f64> =
                    classes.iter().enumerate().map(|(i, class)| (class.as_bytes(), i as f64)).collect();
                let label = |value: Option<Vec<u8>>| match value {
                    None => Ok(f64::NAN),
                    Some(value) => index_of.get(value.as_slice()).copied().ok_or_else(|| {
                        Error::of(
                            self.path,
                            format!("expected a class of task {:?}, found {}", task.name, excerpt(&value)),
                        )
                    }),
                };
                values.into_iter().map(label).collect()
            }
            (_, TaskKind::Classes { .. }) => Err(self.wrong_type(&name, "class names")),
            (Values::Double(values), _) => Ok(values.into_iter().map(unknown).collect()),
            _ => Err(self.wrong_type(&name, "numbers")),
        }
    }
}
