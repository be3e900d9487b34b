//! Predictions as a table: TSV or CSV for eyes and pipes, Parquet for programs.
//!
//! Columns: `id`; `chrom`, `start`, `end`, `strand` if any row has a place; `split` if there are splits; `label:TASK` if
//! there are labels, a class by its name; then one column an output: `prediction:TASK`, and for the classes of a task
//! `prediction:TASK:CLASS`; for an ensemble as many `spread:` columns. Unknown labels are empty (TSV, CSV) or null (Parquet).

use crate::columnar::{self, Chunk, Field, Kind, Values};
use crate::error::{Error, Result};
use crate::input::is_dash;
use crate::output::write_with;
use basewise_core::profile::without_bins;
use basewise_core::{Dataset, Interval, Matrix, Split, Strand, TaskKind, label_ranges};
use flate2::{Compression, GzBuilder};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

/// Predictions of a model, a row a sequence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// Names of the sequences.
    pub ids: Vec<String>,
    /// Where each was cut from a genome, if any was.
    pub places: Option<Vec<Option<Interval>>>,
    /// The part of the data set that each row belongs to, if they come from one.
    pub splits: Option<Vec<Split>>,
    /// The labels by task; empty if there are none.
    pub labels: Vec<TaskLabels>,
    /// Names of the outputs as [`basewise_core::Task::output_names`] has them, in the order of the columns of `values`; the
    /// file has them behind `prediction:`.
    pub outputs: Vec<String>,
    /// `[rows, outputs]`.
    pub values: Matrix,
    /// Standard deviation of each value over the members of an ensemble, `[rows, outputs]`; the file has it behind
    /// `spread:`.
    pub spread: Option<Matrix>,
    /// Whether the columns of values have the outputs' names alone: they are no predictions, but features.
    pub plain_names: bool,
}

/// The labels of one task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskLabels {
    /// Name of the task.
    pub task: String,
    /// Names of its classes in the order of their indices; empty if it has none.
    pub classes: Vec<String>,
    /// A value a row: 0 or 1, the index of a class, or a number; NaN for unknown.
    pub values: Vec<f64>,
}

impl TaskLabels {
    /// The name of the class of a row, if it is known.
    fn class(&self, row: usize) -> Option<&str> {
        let label = self.values[row];
        // NaN fails the comparison, too.
        if label >= 0.0 { self.classes.get(label as usize).map(String::as_str) } else { None }
    }

    fn fits(&self) -> bool {
        let class = |label: f64| label >= 0.0 && label.fract() == 0.0 && label < self.classes.len() as f64;
        self.classes.is_empty() || self.values.iter().all(|&label| label.is_nan() || class(label))
    }
}

/// What a file name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Parquet,
    Text { delimiter: char, gzip: bool },
}

impl Format {
    fn of(path: &Path) -> Result<Self> {
        const TSV: Format = Format::Text { delimiter: '\t', gzip: false };
        let stream = std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir());
        if stream || is_dash(path) {
            return Ok(TSV);
        }
        let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        if name.ends_with(".parquet") {
            return Ok(Self::Parquet);
        }
        let (stem, gzip) = name.strip_suffix(".gz").map_or((name.as_str(), false), |stem| (stem, true));
        if [".tsv", ".tab", ".txt"].iter().any(|end| stem.ends_with(end)) {
            return Ok(Self::Text { delimiter: '\t', gzip });
        }
        if stem.ends_with(".csv") {
            return Ok(Self::Text { delimiter: ',', gzip });
        }
        let error = Error::of(path, "expected a name that ends in .tsv, .csv, .txt (each also with .gz) or .parquet");
        Err(if stem.ends_with(".parquet") {
            error.with_hint("Parquet is compressed inside; leave out the .gz")
        } else {
            error.with_hint("the ending decides the format; - writes TSV to the standard output")
        })
    }
}

/// Whether [`write()`] could take this name, to ask before long work.
///
/// # Errors
/// A name with another ending than those that [`write()`] lists.
pub fn check_name(path: &Path) -> Result<()> {
    Format::of(path).map(drop)
}

/// Writes predictions in the format that the name ends in: `.parquet`; `.tsv`, `.tab` or `.txt`; `.csv`; the texts also
/// with `.gz`, compressed. `-`, devices and pipes get TSV.
///
/// # Errors
/// Another ending; columns of different lengths or of the same name; what [`crate::output::write_file`] reports.
pub fn write(path: &Path, predictions: &Predictions) -> Result<()> {
    predictions.check()?;
    let (delimiter, gzip) = match Format::of(path)? {
        Format::Parquet => return write_with(path, |sink| write_parquet(path, sink, predictions)),
        Format::Text { delimiter, gzip } => (delimiter, gzip),
    };
    let failed = |cause| Error::io(path, "written", cause);
    write_with(path, |sink| {
        if gzip {
            // No name and no time in the header: the same predictions are the same bytes.
            let mut gzip = GzBuilder::new().write(sink, Compression::default());
            write_text(&mut gzip, predictions, delimiter).and_then(|()| gzip.finish().map(drop)).map_err(failed)
        } else {
            write_text(sink, predictions, delimiter).map_err(failed)
        }
    })
}

impl Predictions {
    /// Predictions for sequences of which only the names are known.
    pub fn of_ids(ids: Vec<String>, outputs: Vec<String>, values: Matrix) -> Self {
        Self { ids, outputs, values, ..Self::default() }
    }

    /// Predictions for some rows of a data set, with what it knows of them; `values` has the outputs of its tasks. Of a
    /// profile only the totals become columns, as logarithms: bins belong into a bigWig.
    pub fn of_dataset(dataset: &Dataset, rows: &[usize], values: Matrix) -> Self {
        let (outputs, values) = without_bins(&dataset.tasks, &values);
        Self::of_rows(dataset, rows, outputs, values)
    }

    /// The same with outputs of any names, one column of `values` each.
    pub fn of_rows(dataset: &Dataset, rows: &[usize], outputs: Vec<String>, values: Matrix) -> Self {
        let examples = || rows.iter().map(|&row| &dataset.examples[row]);
        Self {
            ids: examples().map(|example| example.id.clone()).collect(),
            places: examples().any(|e| e.place.is_some()).then(|| examples().map(|e| e.place.clone()).collect()),
            splits: Some(examples().map(|example| example.split).collect()),
            labels: labels_of(dataset, rows),
            outputs,
            values,
            spread: None,
            plain_names: false,
        }
    }

    fn check(&self) -> Result<()> {
        let rows = self.ids.len();
        let fits = self.places.as_ref().is_none_or(|places| places.len() == rows)
            && self.splits.as_ref().is_none_or(|splits| splits.len() == rows)
            && self.labels.iter().all(|labels| labels.values.len() == rows)
            && self.values.rows() == rows
            && self.values.columns() == self.outputs.len()
            && self.spread.as_ref().is_none_or(|s| s.rows() == rows && s.columns() == self.outputs.len());
        if !fits {
            return Err(Error::new("expected predictions whose columns are equally long, found others"));
        }
        if let Some(labels) = self.labels.iter().find(|labels| !labels.fits()) {
            return Err(Error::new(format!(
                "expected labels that are classes of task {:?}, found others",
                labels.task
            )));
        }
        let mut names = BTreeSet::new();
        match self.value_columns().into_iter().find(|name| !names.insert(name.clone())) {
            Some(twice) => Err(Error::new(format!("expected different columns, found {twice:?} twice"))
                .with_hint("rename a task or a class")),
            None => Ok(()),
        }
    }

    /// Names of the columns of labels and of outputs.
    fn value_columns(&self) -> Vec<String> {
        let labels = self.labels.iter().map(|labels| format!("{LABEL}{}", labels.task));
        let prefix = if self.plain_names { "" } else { PREDICTION };
        let values = self.outputs.iter().map(|output| format!("{prefix}{output}"));
        let spread = self.spread.iter().flat_map(|_| self.outputs.iter().map(|output| format!("{SPREAD}{output}")));
        labels.chain(values).chain(spread).collect()
    }

    /// One of the numbers of a row.
    fn number(&self, row: usize, column: usize) -> Option<f32> {
        let of = |matrix: &Matrix, column: usize| matrix.row(row).get(column).copied();
        match column.checked_sub(self.outputs.len()) {
            None => of(&self.values, column),
            Some(column) => of(self.spread.as_ref()?, column),
        }
    }

    /// The numbers of a row: values, and their spread if there is one.
    fn numbers(&self, row: usize) -> impl Iterator<Item = f32> + '_ {
        let spread = self.spread.iter().flat_map(move |spread| spread.row(row));
        self.values.row(row).iter().chain(spread).copied()
    }

    fn place(&self, row: usize) -> Option<&Interval> {
        self.places.as_ref()?.get(row)?.as_ref()
    }

    fn split(&self, row: usize) -> Option<Split> {
        self.splits.as_ref()?.get(row).copied()
    }
}

/// Whether a column of one of our own tables, or of one like them, says what a row is and is no feature of it.
pub(crate) fn is_beside(name: &str) -> bool {
    ["split", "label", "chrom", "start", "end", "strand"].contains(&name) || name.starts_with(LABEL)
}

const LABEL: &str = "label:";
const PREDICTION: &str = "prediction:";
const SPREAD: &str = "spread:";

const PLACE: [(&str, Kind); 4] =
    [("chrom", Kind::Text), ("start", Kind::Whole), ("end", Kind::Whole), ("strand", Kind::Text)];

fn symbol(strand: Strand) -> &'static str {
    match strand {
        Strand::Forward => "+",
        Strand::Reverse => "-",
    }
}

/// A name as a field: quoted where CSV needs it; TSV has no quotes that every reader knows, so a tab or a line end, which
/// would shift every later column, becomes a space.
fn field(text: &str, delimiter: char) -> Cow<'_, str> {
    let quoted = delimiter == ',' && text.contains(['"', ',', '\n', '\r']);
    match delimiter {
        ',' if quoted => format!("\"{}\"", text.replace('"', "\"\"")).into(),
        '\t' if text.contains(['\t', '\n', '\r']) => text.replace(['\t', '\n', '\r'], " ").into(),
        _ => text.into(),
    }
}

fn write_text(sink: &mut dyn Write, predictions: &Predictions, d: char) -> io::Result<()> {
    let field = |text| field(text, d);
    let mut header = vec!["id".to_owned()];
    if predictions.places.is_some() {
        header.extend(PLACE.map(|(name, _)| name.to_owned()));
    }
    if predictions.splits.is_some() {
        header.push("split".to_owned());
    }
    let columns = predictions.value_columns();
    header.extend(columns.iter().map(|name| field(name).into_owned()));
    writeln!(sink, "{}", header.join(&d.to_string()))?;
    for (row, id) in predictions.ids.iter().enumerate() {
        write!(sink, "{}", field(id))?;
        if predictions.places.is_some() {
            match predictions.place(row) {
                Some(Interval { chrom, start, end, strand }) => {
                    write!(sink, "{d}{}{d}{start}{d}{end}{d}{}", field(chrom), symbol(*strand))?;
                }
                None => write!(sink, "{d}{d}{d}{d}")?,
            }
        }
        if let Some(split) = predictions.split(row) {
            write!(sink, "{d}{split}")?;
        }
        for labels in &predictions.labels {
            match labels.class(row) {
                Some(class) => write!(sink, "{d}{}", field(class))?,
                None if labels.values[row].is_nan() => write!(sink, "{d}")?,
                None => write!(sink, "{d}{}", labels.values[row])?,
            }
        }
        predictions.numbers(row).try_for_each(|value| write!(sink, "{d}{value}"))?;
        writeln!(sink)?;
    }
    Ok(())
}

fn write_parquet(path: &Path, sink: &mut (dyn Write + Send), predictions: &Predictions) -> Result<()> {
    let mut fields = vec![Field::required("id", Kind::Text)];
    fields.extend(PLACE.map(|(name, kind)| Field::new(name, kind)));
    fields.push(Field::new("split", Kind::Text));
    let labels = predictions.labels.len();
    let numbers = predictions.value_columns().len() - labels;
    fields.extend(predictions.value_columns().into_iter().enumerate().map(
        |(i, name)| match predictions.labels.get(i) {
            Some(labels) if labels.classes.is_empty() => Field::new(name, Kind::Double),
            Some(_) => Field::new(name, Kind::Text),
            None => Field::required(name, Kind::Single),
        },
    ));
    let place = |row: usize| predictions.place(row);
    let (rows, row_bytes) = (predictions.ids.len(), 64 + 8 * labels + 4 * numbers);
    columnar::write(path, sink, &fields, rows, row_bytes, |column, rows| match column {
        0 => Chunk::Text(rows.map(|row| Some(predictions.ids[row].as_bytes())).collect()),
        1 => Chunk::Text(rows.map(|row| place(row).map(|p| p.chrom.as_bytes())).collect()),
        2 => Chunk::Whole(rows.map(|row| place(row).map(|p| p.start as i64)).collect()),
        3 => Chunk::Whole(rows.map(|row| place(row).map(|p| p.end as i64)).collect()),
        4 => Chunk::Text(rows.map(|row| place(row).map(|p| symbol(p.strand).as_bytes())).collect()),
        5 => Chunk::Text(rows.map(|row| predictions.split(row).map(|split| split.name().as_bytes())).collect()),
        column if column < 6 + labels => {
            let labels = &predictions.labels[column - 6];
            if labels.classes.is_empty() {
                Chunk::Double(rows.map(|row| Some(labels.values[row]).filter(|label| !label.is_nan())).collect())
            } else {
                Chunk::Text(rows.map(|row| labels.class(row).map(str::as_bytes)).collect())
            }
        }
        column => Chunk::Single(rows.map(|row| predictions.number(row, column - 6 - labels)).collect()),
    })
}

/// Reads predictions that [`write()`] wrote as Parquet.
///
/// The classes of a task are those of its outputs, in their order, and after them any others among its labels.
///
/// # Errors
/// A file that is missing, truncated or damaged, or another table.
pub fn read(path: &Path) -> Result<Predictions> {
    let columns = columnar::read(path)?;
    let rows = columns.first().map_or(0, |(_, values)| values.len());
    let wrong = |message: String| Error::of(path, message);
    if let Some((name, values)) = columns.iter().find(|(_, values)| values.len() != rows) {
        return Err(wrong(format!("expected {rows} rows, found {} in column {name:?}", values.len())));
    }
    let mut fixed = BTreeMap::new();
    let (mut columns_of_labels, mut outputs, mut values, mut spread) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (name, column) in columns {
        match column {
            column if name == "id" || name == "split" || PLACE.iter().any(|(place, _)| *place == name) => {
                fixed.insert(name, column);
            }
            column if name.starts_with(LABEL) => columns_of_labels.push((name[LABEL.len()..].to_owned(), column)),
            Values::Double(column) if name.starts_with(SPREAD) => spread.push(dense(column)),
            Values::Double(column) => {
                outputs.push(name.strip_prefix(PREDICTION).unwrap_or(&name).to_owned());
                values.push(dense(column));
            }
            _ => return Err(wrong(format!("expected numbers in column {name:?}, found another type"))),
        }
    }
    let labels = labels(columns_of_labels, &outputs).map_err(wrong)?;
    let text = |values| text(values, rows);
    let ids: Option<Vec<String>> = text(fixed.remove("id")).into_iter().collect();
    let ids = ids.ok_or_else(|| wrong("expected an id in every row, found none".to_owned()))?;
    let splits = text(fixed.remove("split")).into_iter().flatten();
    let splits: Vec<Split> = splits.map(|split| split.parse().map_err(wrong)).collect::<Result<_>>()?;
    if !splits.is_empty() && splits.len() != rows {
        return Err(wrong("expected a split in every row or in none, found both".to_owned()));
    }
    let (chroms, strands) = (text(fixed.remove("chrom")), text(fixed.remove("strand")));
    let places = places(chroms, strands, whole(fixed.remove("start"), rows), whole(fixed.remove("end"), rows));
    let splits = (!splits.is_empty()).then_some(splits);
    if !spread.is_empty() && spread.len() != outputs.len() {
        return Err(wrong(format!("expected {} columns of spread or none, found {}", outputs.len(), spread.len())));
    }
    let spread = (!spread.is_empty()).then(|| matrix(&spread, rows));
    let values = matrix(&values, rows);
    Ok(Predictions { ids, places, splits, labels, outputs, values, spread, plain_names: false })
}

fn matrix(columns: &[Vec<f64>], rows: usize) -> Matrix {
    let data = (0..rows).flat_map(|row| columns.iter().map(move |column| column[row] as f32)).collect();
    Matrix::new(rows, columns.len(), data)
}

/// The labels of some rows: one column a task, or of a profile one a track, the logarithm of 1 + its total.
fn labels_of(dataset: &Dataset, rows: &[usize]) -> Vec<TaskLabels> {
    let mut all = Vec::new();
    for (task, range) in dataset.tasks.iter().zip(label_ranges(&dataset.tasks, dataset.jitter)) {
        let own = |row: usize| &dataset.examples[row].labels[range.clone()];
        let column = |task: String, classes, values| TaskLabels { task, classes, values };
        match &task.kind {
            TaskKind::Profile(profile) => {
                let seen: Vec<_> = rows.iter().map(|&row| profile.seen(own(row), dataset.jitter)).collect();
                let names = task.output_names().into_iter().skip(profile.bins * profile.tracks.len());
                let shapes = profile.bins * profile.tracks.len();
                all.extend(names.zip(shapes..).map(|(name, output)| {
                    column(name, Vec::new(), seen.iter().map(|seen| profile.label_of(seen, output)).collect())
                }));
            }
            kind => {
                let classes = if let TaskKind::Classes { classes } = kind { classes.clone() } else { Vec::new() };
                all.push(column(task.name.clone(), classes, rows.iter().map(|&row| own(row)[0]).collect()));
            }
        }
    }
    all
}

/// The labels of the columns of tasks, class names turned into indices.
fn labels(columns: Vec<(String, Values)>, outputs: &[String]) -> std::result::Result<Vec<TaskLabels>, String> {
    let tasks: Vec<String> = columns.iter().map(|(task, _)| task.clone()).collect();
    // An output belongs to the longest of the names that it starts with: task names may hold colons.
    let task_of = |output: &String| {
        let own =
            |task: &&String| output == *task || output.strip_prefix(*task).is_some_and(|rest| rest.starts_with(':'));
        tasks.iter().filter(own).max_by_key(|task| task.len())
    };
    let of_column = |(task, column): (String, Values)| match column {
        Values::Double(column) => Ok(TaskLabels { task, classes: Vec::new(), values: dense(column) }),
        Values::Text(column) => {
            let own = outputs.iter().filter(|output| task_of(output) == Some(&task));
            let mut classes: Vec<String> =
                own.filter_map(|output| Some(output.get(task.len() + 1..)?.to_owned())).collect();
            let names: Vec<Option<String>> =
                column.into_iter().map(|name| name.map(|name| String::from_utf8_lossy(&name).into_owned())).collect();
            let others: BTreeSet<&String> = names.iter().flatten().filter(|name| !classes.contains(name)).collect();
            let others: Vec<String> = others.into_iter().cloned().collect();
            classes.extend(others);
            let index: BTreeMap<&String, f64> = classes.iter().enumerate().map(|(i, name)| (name, i as f64)).collect();
            let value = |name: &Option<String>| name.as_ref().and_then(|name| index.get(name)).map_or(f64::NAN, |&i| i);
            let values = names.iter().map(value).collect();
            Ok(TaskLabels { task, classes, values })
        }
        Values::Whole(_) | Values::Lists { .. } => {
            Err(format!("expected numbers or names in column \"{LABEL}{task}\", found another type"))
        }
    };
    columns.into_iter().map(of_column).collect()
}

fn dense(column: Vec<Option<f64>>) -> Vec<f64> {
    column.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect()
}

fn text(values: Option<Values>, rows: usize) -> Vec<Option<String>> {
    let string = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    match values {
        Some(Values::Text(values)) => values.into_iter().map(|bytes| bytes.map(string)).collect(),
        _ => vec![None; rows],
    }
}

fn whole(values: Option<Values>, rows: usize) -> Vec<Option<u64>> {
    match values {
        Some(Values::Whole(values)) => {
            values.into_iter().map(|value| value.and_then(|v| u64::try_from(v).ok())).collect()
        }
        _ => vec![None; rows],
    }
}

fn places(
    chroms: Vec<Option<String>>,
    strands: Vec<Option<String>>,
    starts: Vec<Option<u64>>,
    ends: Vec<Option<u64>>,
) -> Option<Vec<Option<Interval>>> {
    let rows = chroms.into_iter().zip(strands).zip(starts.into_iter().zip(ends));
    let places: Vec<Option<Interval>> = rows
        .map(|((chrom, strand), (start, end))| {
            let strand = if strand.as_deref() == Some("-") { Strand::Reverse } else { Strand::Forward };
            Some(Interval { chrom: chrom?, start: start?, end: end?, strand })
        })
        .collect();
    places.iter().any(Option::is_some).then_some(places)
}
