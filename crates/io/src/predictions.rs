//! Predictions as a table: TSV for eyes and pipes, Parquet for programs.
//!
//! Columns: `id`; `chrom`, `start`, `end`, `strand` if any row has a place; `split` if there are splits; `label:TASK` if
//! there are labels; then one column an output, by its name. Unknown labels are empty (TSV) or null (Parquet).

use crate::columnar::{self, Chunk, Field, Kind, Values};
use crate::error::{Error, Result};
use crate::output::write_with;
use basewise_core::{Dataset, Interval, Matrix, Split, Strand, Task};
use flate2::{Compression, GzBuilder};
use std::collections::BTreeMap;
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
    /// Task names and their labels (a class by its index, NaN for unknown), a value a row; empty if there are none.
    pub labels: Vec<(String, Vec<f64>)>,
    /// Names of the outputs, in the order of the columns of `values`.
    pub outputs: Vec<String>,
    /// `[rows, outputs]`.
    pub values: Matrix,
}

/// Writes predictions as Parquet (`.parquet`), or as TSV (any other name, `-`), compressed if it ends in `.gz`.
///
/// # Errors
/// Columns of different lengths; what [`crate::output::write_file`] reports.
pub fn write(path: &Path, predictions: &Predictions) -> Result<()> {
    predictions.check()?;
    let name = path.to_string_lossy();
    if name.ends_with(".parquet") {
        return write_with(path, |sink| write_parquet(path, sink, predictions));
    }
    let failed = |cause| Error::io(path, "written", cause);
    write_with(path, |sink| {
        if name.ends_with(".gz") {
            // No name and no time in the header: the same predictions are the same bytes.
            let mut gzip = GzBuilder::new().write(sink, Compression::default());
            write_tsv(&mut gzip, predictions).and_then(|()| gzip.finish().map(drop)).map_err(failed)
        } else {
            write_tsv(sink, predictions).map_err(failed)
        }
    })
}

impl Predictions {
    /// Predictions for sequences of which only the names are known.
    pub fn of_ids(ids: Vec<String>, outputs: Vec<String>, values: Matrix) -> Self {
        Self { ids, outputs, values, ..Self::default() }
    }

    /// Predictions for some rows of a data set, with what it knows of them; `values` has the outputs of its tasks.
    pub fn of_dataset(dataset: &Dataset, rows: &[usize], values: Matrix) -> Self {
        let examples = || rows.iter().map(|&row| &dataset.examples[row]);
        let labels = |(i, task): (usize, &Task)| (task.name.clone(), examples().map(|e| e.labels[i]).collect());
        Self {
            ids: examples().map(|example| example.id.clone()).collect(),
            places: examples().any(|e| e.place.is_some()).then(|| examples().map(|e| e.place.clone()).collect()),
            splits: Some(examples().map(|example| example.split).collect()),
            labels: dataset.tasks.iter().enumerate().map(labels).collect(),
            outputs: dataset.tasks.iter().flat_map(Task::output_names).collect(),
            values,
        }
    }

    fn check(&self) -> Result<()> {
        let rows = self.ids.len();
        let fits = self.places.as_ref().is_none_or(|places| places.len() == rows)
            && self.splits.as_ref().is_none_or(|splits| splits.len() == rows)
            && self.labels.iter().all(|(_, labels)| labels.len() == rows)
            && self.values.rows() == rows
            && self.values.columns() == self.outputs.len();
        if fits { Ok(()) } else { Err(Error::new("expected predictions whose columns are equally long, found others")) }
    }

    fn place(&self, row: usize) -> Option<&Interval> {
        self.places.as_ref()?.get(row)?.as_ref()
    }

    fn split(&self, row: usize) -> Option<Split> {
        self.splits.as_ref()?.get(row).copied()
    }
}

const PLACE: [(&str, Kind); 4] =
    [("chrom", Kind::Text), ("start", Kind::Whole), ("end", Kind::Whole), ("strand", Kind::Text)];

fn symbol(strand: Strand) -> &'static str {
    match strand {
        Strand::Forward => "+",
        Strand::Reverse => "-",
    }
}

fn write_tsv(sink: &mut dyn Write, predictions: &Predictions) -> io::Result<()> {
    // A tab or a line end within a name would shift every later column.
    let field = |text: &str| text.replace(['\t', '\n', '\r'], " ");
    let mut header = vec!["id".to_owned()];
    if predictions.places.is_some() {
        header.extend(PLACE.map(|(name, _)| name.to_owned()));
    }
    if predictions.splits.is_some() {
        header.push("split".to_owned());
    }
    header.extend(predictions.labels.iter().map(|(task, _)| format!("label:{}", field(task))));
    header.extend(predictions.outputs.iter().map(|output| field(output)));
    writeln!(sink, "{}", header.join("\t"))?;
    for (row, id) in predictions.ids.iter().enumerate() {
        write!(sink, "{}", field(id))?;
        if predictions.places.is_some() {
            match predictions.place(row) {
                Some(Interval { chrom, start, end, strand }) => {
                    write!(sink, "\t{}\t{start}\t{end}\t{}", field(chrom), symbol(*strand))?;
                }
                None => write!(sink, "\t\t\t\t")?,
            }
        }
        if let Some(split) = predictions.split(row) {
            write!(sink, "\t{split}")?;
        }
        for (_, labels) in &predictions.labels {
            if labels[row].is_nan() { write!(sink, "\t")? } else { write!(sink, "\t{}", labels[row])? }
        }
        predictions.values.row(row).iter().try_for_each(|value| write!(sink, "\t{value}"))?;
        writeln!(sink)?;
    }
    Ok(())
}

fn write_parquet(path: &Path, sink: &mut (dyn Write + Send), predictions: &Predictions) -> Result<()> {
    let mut fields = vec![Field::required("id", Kind::Text)];
    fields.extend(PLACE.map(|(name, kind)| Field::new(name, kind)));
    fields.push(Field::new("split", Kind::Text));
    fields.extend(predictions.labels.iter().map(|(task, _)| Field::new(format!("label:{task}"), Kind::Double)));
    let (labels, outputs) = (predictions.labels.len(), predictions.outputs.len());
    fields.extend(predictions.outputs.iter().map(|output| Field::required(output.clone(), Kind::Single)));
    let place = |row: usize| predictions.place(row);
    let (rows, row_bytes) = (predictions.ids.len(), 64 + 8 * labels + 4 * outputs);
    columnar::write(path, sink, &fields, rows, row_bytes, |column, rows| match column {
        0 => Chunk::Text(rows.map(|row| Some(predictions.ids[row].as_bytes())).collect()),
        1 => Chunk::Text(rows.map(|row| place(row).map(|p| p.chrom.as_bytes())).collect()),
        2 => Chunk::Whole(rows.map(|row| place(row).map(|p| p.start as i64)).collect()),
        3 => Chunk::Whole(rows.map(|row| place(row).map(|p| p.end as i64)).collect()),
        4 => Chunk::Text(rows.map(|row| place(row).map(|p| symbol(p.strand).as_bytes())).collect()),
        5 => Chunk::Text(rows.map(|row| predictions.split(row).map(|split| split.name().as_bytes())).collect()),
        column if column < 6 + labels => {
            let labels = &predictions.labels[column - 6].1;
            Chunk::Double(rows.map(|row| Some(labels[row]).filter(|label| !label.is_nan())).collect())
        }
        column => Chunk::Single(rows.map(|row| Some(predictions.values.row(row)[column - 6 - labels])).collect()),
    })
}

/// Reads predictions that [`write()`] wrote as Parquet.
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
    let (mut labels, mut outputs, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (name, column) in columns {
        match column {
            column if name == "id" || name == "split" || PLACE.iter().any(|(place, _)| *place == name) => {
                fixed.insert(name, column);
            }
            Values::Double(column) => match name.strip_prefix("label:") {
                Some(task) => labels.push((task.to_owned(), dense(column))),
                None => {
                    outputs.push(name);
                    values.push(dense(column));
                }
            },
            _ => return Err(wrong(format!("expected numbers in column {name:?}, found another type"))),
        }
    }
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
    let data = (0..rows).flat_map(|row| values.iter().map(move |column| column[row] as f32)).collect();
    let values = Matrix::new(rows, outputs.len(), data);
    Ok(Predictions { ids, places, splits, labels, outputs, values })
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
