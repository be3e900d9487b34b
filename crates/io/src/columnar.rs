//! Parquet by column: the few column types that basewise writes and reads.
//!
//! Pages are compressed as gzip, whose checksum of every page makes a flipped bit an error instead of another base.

use crate::error::{Error, Result};
use crate::input::open_file;
use parquet::basic::{Compression, GzipLevel, LogicalType, Repetition, Type as Physical};
use parquet::column::reader::ColumnReader;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnDescriptor, Type};
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of letters that a row group holds, about: enough to compress well, little enough to read one at a time.
const GROUP_BYTES: usize = 16 << 20;
const GROUP_ROWS: usize = 65_536;

/// The values of some rows of a column on their way to the file; `None` is null.
pub(crate) enum Chunk<'a> {
    Text(Vec<Option<&'a [u8]>>),
    Whole(Vec<Option<i64>>),
    Double(Vec<Option<f64>>),
    Single(Vec<Option<f32>>),
    /// Lists of single-precision numbers, none of them null: one for each row, at least one number each.
    Lists(Vec<&'a [f64]>),
}

/// The type of a column in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Whole,
    Double,
    Single,
    Lists,
}

/// The name and type of a column in a file; every column may hold nulls unless it is `required`.
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
}

impl Field {
    pub(crate) fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, required: false }
    }

    pub(crate) fn required(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, required: true }
    }
}

/// Writes `rows` rows; `chunk(column, rows)` gives the values.
///
/// The bytes depend on the values alone. `row_bytes` is the usual size of a row, for the size of row groups.
pub(crate) fn write<'a>(
    path: &Path,
    sink: &mut (dyn Write + Send),
    fields: &[Field],
    rows: usize,
    row_bytes: usize,
    chunk: impl Fn(usize, Range<usize>) -> Chunk<'a>,
) -> Result<()> {
    let step = (GROUP_BYTES / row_bytes.max(1)).clamp(1, GROUP_ROWS);
    let groups = (0..rows).step_by(step).map(|start| start..rows.min(start + step));
    write_groups(path, sink, fields, groups, chunk)
}

/// The same with given row groups.
pub(crate) fn write_groups<'a>(
    path: &Path,
    sink: &mut (dyn Write + Send),
    fields: &[Field],
    groups: impl Iterator<Item = Range<usize>>,
    chunk: impl Fn(usize, Range<usize>) -> Chunk<'a>,
) -> Result<()> {
    let mut writer = GroupWriter::new(path, sink, fields)?;
    for range in groups {
        writer.write(|column| chunk(column, range.clone()))?;
    }
    writer.finish().map(drop)
}

/// A file that is written one row group at a time.
pub(crate) struct GroupWriter<W: Write + Send> {
    path: PathBuf,
    required: Vec<bool>,
    writer: SerializedFileWriter<W>,
}

impl<W: Write + Send> GroupWriter<W> {
    pub(crate) fn new(path: &Path, sink: W, fields: &[Field]) -> Result<Self> {
        let failed = |error| of_parquet(path, "written", error);
        let properties = WriterProperties::builder()
            .set_compression(Compression::GZIP(GzipLevel::default()))
            .set_created_by("basewise".to_owned())
            .build();
        let schema = schema(fields).map_err(failed)?;
        let writer = SerializedFileWriter::new(sink, schema, Arc::new(properties)).map_err(failed)?;
        let required = fields.iter().map(|field| field.required).collect();
        Ok(Self { path: path.to_path_buf(), required, writer })
    }

    /// Writes a row group; `chunk(column)` gives the values.
    pub(crate) fn write<'a>(&mut self, chunk: impl Fn(usize) -> Chunk<'a>) -> Result<()> {
        let failed = |error| of_parquet(&self.path, "written", error);
        let mut group = self.writer.next_row_group().map_err(failed)?;
        for (column, &required) in self.required.iter().enumerate() {
            write_column(&mut group, chunk(column), required).map_err(failed)?;
        }
        group.close().map_err(failed)?;
        Ok(())
    }

    /// Ends the file and gives back what it was written to.
    pub(crate) fn finish(self) -> Result<W> {
        self.writer.into_inner().map_err(|error| of_parquet(&self.path, "written", error))
    }
}

fn schema(fields: &[Field]) -> std::result::Result<Arc<Type>, ParquetError> {
    let mut types = Vec::new();
    for field in fields {
        if field.kind == Kind::Lists {
            types.push(Arc::new(list(&field.name)?));
            continue;
        }
        let (physical, logical) = match field.kind {
            Kind::Lists => continue,
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Whole => (Physical::INT64, None),
            Kind::Double => (Physical::DOUBLE, None),
            Kind::Single => (Physical::FLOAT, None),
        };
        let repetition = if field.required { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        let column = Type::primitive_type_builder(&field.name, physical);
        types.push(Arc::new(column.with_repetition(repetition).with_logical_type(logical).build()?));
    }
    Ok(Arc::new(Type::group_type_builder("schema").with_fields(types).build()?))
}

/// A column of lists in the form that all readers know: `list` of `element`.
fn list(name: &str) -> std::result::Result<Type, ParquetError> {
    let element = Type::primitive_type_builder("element", Physical::FLOAT).with_repetition(Repetition::REQUIRED);
    let repeated = Type::group_type_builder("list").with_repetition(Repetition::REPEATED);
    let repeated = repeated.with_fields(vec![Arc::new(element.build()?)]).build()?;
    let outer = Type::group_type_builder(name).with_repetition(Repetition::REQUIRED);
    outer.with_logical_type(Some(LogicalType::List)).with_fields(vec![Arc::new(repeated)]).build()
}

fn write_column<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    chunk: Chunk<'_>,
    required: bool,
) -> std::result::Result<(), ParquetError> {
    fn parts<T, U>(values: Vec<Option<T>>, convert: impl Fn(T) -> U) -> (Vec<i16>, Vec<U>) {
        let levels = values.iter().map(|value| i16::from(value.is_some())).collect();
        (levels, values.into_iter().flatten().map(convert).collect())
    }
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("more columns than the schema has".to_owned()));
    };
    let level = |levels: Vec<i16>| (!required).then_some(levels);
    match (column.untyped(), chunk) {
        (ColumnWriter::ByteArrayColumnWriter(writer), Chunk::Text(values)) => {
            let (levels, values) = parts(values, |bytes| ByteArray::from(bytes.to_vec()));
            writer.write_batch(&values, level(levels).as_deref(), None)?;
        }
        (ColumnWriter::Int64ColumnWriter(writer), Chunk::Whole(values)) => {
            let (levels, values) = parts(values, |value| value);
            writer.write_batch(&values, level(levels).as_deref(), None)?;
        }
        (ColumnWriter::DoubleColumnWriter(writer), Chunk::Double(values)) => {
            let (levels, values) = parts(values, |value| value);
            writer.write_batch(&values, level(levels).as_deref(), None)?;
        }
        (ColumnWriter::FloatColumnWriter(writer), Chunk::Lists(lists)) => {
            for list in lists {
                let values: Vec<f32> = list.iter().map(|&value| value as f32).collect();
                let defined = vec![1; values.len()];
                let repeated: Vec<i16> = (0..values.len()).map(|i| i16::from(i > 0)).collect();
                writer.write_batch(&values, Some(&defined), Some(&repeated))?;
            }
        }
        (ColumnWriter::FloatColumnWriter(writer), Chunk::Single(values)) => {
            let (levels, values) = parts(values, |value| value);
            writer.write_batch(&values, level(levels).as_deref(), None)?;
        }
        _ => return Err(ParquetError::General("a chunk of another type than its column".to_owned())),
    }
    column.close()
}

/// A column in memory; `None` is null. Numbers of either width and sign come as `i64` or `f64`.
#[derive(Debug, PartialEq)]
pub(crate) enum Values {
    Text(Vec<Option<Vec<u8>>>),
    Whole(Vec<Option<i64>>),
    Double(Vec<Option<f64>>),
    /// Lists of numbers, one for each row, all equally long.
    Lists {
        rows: usize,
        values: Vec<f64>,
    },
}

impl Values {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Whole(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Lists { rows, .. } => *rows,
        }
    }
}

/// All columns of a file, in its order.
pub(crate) fn read(path: &Path) -> Result<Vec<(String, Values)>> {
    let file = open_whole(path)?;
    guarded(path, || read_columns(file))
}

fn open_whole(path: &Path) -> Result<File> {
    let file = open_file(path)?;
    if file.metadata().is_ok_and(|about| about.len() == 0) {
        return Err(Error::of(path, "is empty"));
    }
    Ok(file)
}

/// Runs the parser of the Parquet crate, which promises errors, but is large, and its input may be hostile.
fn guarded<T>(path: &Path, parse: impl FnOnce() -> std::result::Result<T, ParquetError>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(parse)) {
        Ok(parsed) => parsed.map_err(|error| of_parquet(path, "read", error)),
        Err(_) => Err(damaged(path, "the parser gave up")),
    }
}

/// What is shown a row's number in its row group and its text, `None` for null.
pub(crate) type TextVisitor<'v> = dyn FnMut(usize, Option<&[u8]>) -> Result<()> + 'v;

/// An open file whose columns are read a row group at a time; from several threads, one after the other.
pub(crate) struct Groups {
    path: PathBuf,
    reader: Mutex<SerializedFileReader<File>>,
    rows: Vec<usize>,
    columns: Vec<String>,
}

impl Groups {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = open_whole(path)?;
        let reader = guarded(path, || reader_of(file))?;
        let about = reader.metadata();
        let rows = about.row_groups().iter().map(|group| usize::try_from(group.num_rows()).unwrap_or(0)).collect();
        let schema = about.file_metadata().schema_descr();
        let columns = schema.columns().iter().map(|column| name_of(column).to_owned()).collect();
        Ok(Self { path: path.to_owned(), reader: Mutex::new(reader), rows, columns })
    }

    /// Rows in each row group.
    pub(crate) fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The place of a column among the others.
    pub(crate) fn column(&self, name: &str) -> Result<usize> {
        let found = self.columns.iter().position(|column| column == name);
        found.ok_or_else(|| Error::of(&self.path, format!("expected a column {name:?}, found none")))
    }

    fn read<T>(
        &self,
        parse: impl FnOnce(&SerializedFileReader<File>) -> std::result::Result<T, ParquetError>,
    ) -> Result<T> {
        // The reader has no state that a panic of another thread could have left half-changed.
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        guarded(&self.path, || parse(&reader))
    }

    /// Numbers of one row group.
    pub(crate) fn doubles(&self, group: usize, column: usize) -> Result<Vec<Option<f64>>> {
        let values = self.read(|reader| {
            let about = reader.metadata().file_metadata().schema_descr().column(column);
            if !matches!(about.physical_type(), Physical::FLOAT | Physical::DOUBLE) || about.max_rep_level() > 0 {
                return Ok(None);
            }
            let mut values = Values::Double(Vec::new());
            read_chunk(reader.get_row_group(group)?.as_ref(), column, &about, &mut values)?;
            Ok(Some(values))
        })?;
        match values {
            Some(Values::Double(values)) => Ok(values),
            _ => Err(self.wrong_type(column, "numbers")),
        }
    }

    /// The lists of one row group, one after the other: `length` numbers each.
    pub(crate) fn lists(&self, group: usize, column: usize, length: usize) -> Result<Vec<f64>> {
        let values = self.read(|reader| {
            let about = reader.metadata().file_metadata().schema_descr().column(column);
            if about.max_rep_level() == 0 {
                return Ok(None);
            }
            let mut values = Values::Lists { rows: 0, values: Vec::new() };
            read_chunk(reader.get_row_group(group)?.as_ref(), column, &about, &mut values)?;
            Ok(Some(values))
        })?;
        match values {
            Some(Values::Lists { rows, values }) if values.len() == rows * length => Ok(values),
            Some(_) => {
                let name = &self.columns[column];
                Err(Error::of(
                    &self.path,
                    format!("expected lists of {length} numbers in column {name:?}, found others"),
                ))
            }
            None => Err(self.wrong_type(column, "lists of numbers")),
        }
    }

    /// Shows each text of one row group, in order, without keeping them.
    pub(crate) fn each_text(&self, group: usize, column: usize, visit: &mut TextVisitor<'_>) -> Result<()> {
        self.read(|reader| {
            let about = reader.metadata().file_metadata().schema_descr().column(column);
            let ColumnReader::ByteArrayColumnReader(mut texts) =
                reader.get_row_group(group)?.get_column_reader(column)?
            else {
                return Ok(Err(self.wrong_type(column, "text")));
            };
            let mut row = 0;
            loop {
                let (mut levels, mut values) = (Vec::new(), Vec::new());
                let wanted = (about.max_def_level() == 1).then_some(&mut levels);
                let (records, _, _) = texts.read_records(1024, wanted, None, &mut values)?;
                let mut values = values.iter();
                for record in 0..records {
                    let known = levels.get(record).is_none_or(|&level| level == 1);
                    if let Err(error) = visit(row, if known { values.next().map(|text| text.data()) } else { None }) {
                        return Ok(Err(error));
                    }
                    row += 1;
                }
                if records == 0 {
                    break;
                }
            }
            let expected = self.rows[group];
            if row != expected {
                return Err(ParquetError::General(format!("expected {expected} rows in a group, found {row}")));
            }
            Ok(Ok(()))
        })?
    }

    fn wrong_type(&self, column: usize, expected: &str) -> Error {
        let name = &self.columns[column];
        Error::of(&self.path, format!("expected column {name:?} to hold {expected}, found another type"))
    }
}

/// A file's reader, once its description was looked at.
fn reader_of(file: File) -> std::result::Result<SerializedFileReader<File>, ParquetError> {
    let reader = SerializedFileReader::new(file)?;
    // The crate asserts on these where it should return an error.
    let columns = reader.metadata().row_groups().iter().flat_map(|group| group.columns());
    let numbers =
        |c: &ColumnChunkMetaData| [c.data_page_offset(), c.compressed_size(), c.dictionary_page_offset().unwrap_or(0)];
    if columns.flat_map(numbers).any(|number| number < 0) {
        return Err(ParquetError::General("a negative offset".to_owned()));
    }
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let flat = |about: &ColumnDescriptor| about.max_rep_level() == 0 && about.max_def_level() <= 1;
    let list = |about: &ColumnDescriptor| {
        let levels = (about.max_rep_level(), about.max_def_level(), about.path().parts().len());
        levels == (1, 1, 3) && about.physical_type() == Physical::FLOAT
    };
    match schema.columns().iter().find(|about| !flat(about) && !list(about)) {
        Some(nested) => Err(ParquetError::NYI(format!("{:?}, which is nested", name_of(nested)))),
        None => Ok(reader),
    }
}

/// The name of a column; that of a list, whose numbers are deeper down, is the outermost.
fn name_of(about: &ColumnDescriptor) -> &str {
    about.path().parts().first().map_or("", String::as_str)
}

fn read_columns(file: File) -> std::result::Result<Vec<(String, Values)>, ParquetError> {
    let reader = reader_of(file)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let mut columns = Vec::new();
    for (i, about) in schema.columns().iter().enumerate() {
        let mut values = match about.physical_type() {
            _ if about.max_rep_level() > 0 => Values::Lists { rows: 0, values: Vec::new() },
            Physical::BYTE_ARRAY => Values::Text(Vec::new()),
            Physical::INT32 | Physical::INT64 | Physical::BOOLEAN => Values::Whole(Vec::new()),
            Physical::FLOAT | Physical::DOUBLE => Values::Double(Vec::new()),
            other => return Err(ParquetError::NYI(format!("{:?} of the type {other}", about.name()))),
        };
        for group in 0..reader.num_row_groups() {
            read_chunk(reader.get_row_group(group)?.as_ref(), i, about, &mut values)?;
        }
        columns.push((name_of(about).to_owned(), values));
    }
    Ok(columns)
}

fn read_chunk(
    group: &dyn RowGroupReader,
    column: usize,
    about: &ColumnDescriptor,
    into: &mut Values,
) -> std::result::Result<(), ParquetError> {
    let optional = about.max_def_level() == 1;
    let expected = group.metadata().num_rows();
    if let Values::Lists { rows, values } = into {
        let found = read_lists(group.get_column_reader(column)?, rows, values)?;
        return if i64::try_from(found) == Ok(expected) {
            Ok(())
        } else {
            Err(ParquetError::General(format!("expected {expected} rows in a group, found {found}")))
        };
    }
    macro_rules! drain {
        ($reader:expr, $into:expr, $convert:expr) => {{
            let before = $into.len();
            loop {
                let (mut levels, mut values) = (Vec::new(), Vec::new());
                let (records, _, _) = $reader.read_records(8192, optional.then_some(&mut levels), None, &mut values)?;
                if records == 0 {
                    break;
                }
                let mut values = values.into_iter().map($convert);
                if optional {
                    $into.extend(levels.iter().map(|&level| if level == 1 { values.next() } else { None }));
                } else {
                    $into.extend(values.map(Some));
                }
            }
            $into.len() - before
        }};
    }
    let found = match (group.get_column_reader(column)?, into) {
        (ColumnReader::ByteArrayColumnReader(mut r), Values::Text(v)) => drain!(r, v, |b: ByteArray| b.data().to_vec()),
        (ColumnReader::Int64ColumnReader(mut r), Values::Whole(v)) => drain!(r, v, |x: i64| x),
        (ColumnReader::Int32ColumnReader(mut r), Values::Whole(v)) => drain!(r, v, i64::from),
        (ColumnReader::BoolColumnReader(mut r), Values::Whole(v)) => drain!(r, v, i64::from),
        (ColumnReader::DoubleColumnReader(mut r), Values::Double(v)) => drain!(r, v, |x: f64| x),
        (ColumnReader::FloatColumnReader(mut r), Values::Double(v)) => drain!(r, v, f64::from),
        _ => return Err(ParquetError::General("a column changes its type".to_owned())),
    };
    if i64::try_from(found) != Ok(expected) {
        return Err(ParquetError::General(format!("expected {expected} rows in a group, found {found}")));
    }
    Ok(())
}

/// Appends lists of single-precision numbers and returns how many there were. All lists of a column are equally long.
fn read_lists(reader: ColumnReader, rows: &mut usize, into: &mut Vec<f64>) -> std::result::Result<usize, ParquetError> {
    let ColumnReader::FloatColumnReader(mut reader) = reader else {
        return Err(ParquetError::General("a column changes its type".to_owned()));
    };
    let before = *rows;
    loop {
        let (mut defined, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let (records, _, _) = reader.read_records(1024, Some(&mut defined), Some(&mut repeated), &mut values)?;
        if records == 0 {
            return Ok(*rows - before);
        }
        into.extend(values.iter().map(|&value| f64::from(value)));
        *rows += records;
        let length = into.len() / *rows;
        let starts = repeated.iter().enumerate().filter(|(_, level)| **level == 0).map(|(at, _)| at);
        let equal = starts.enumerate().all(|(i, at)| at == i * length) && defined.iter().all(|&level| level == 1);
        if !equal || values.len() != records * length || into.len() != *rows * length {
            return Err(ParquetError::General("lists of different lengths".to_owned()));
        }
    }
}

fn of_parquet(path: &Path, action: &str, error: ParquetError) -> Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(cause) => Error::io(path, action, *cause),
            Err(cause) => damaged(path, &cause.to_string()),
        },
        ParquetError::NYI(what) => Error::of(path, format!("expected columns of text or numbers, found {what}"))
            .with_hint("leave the column out, or write it as numbers of 32 or 64 bits"),
        other if other.to_string().contains(DISABLED) => {
            let found = other.to_string();
            let codec = found.split(DISABLED).nth(1).unwrap_or_default().trim().to_owned();
            Error::of(
                path,
                format!("expected data compressed by snappy, gzip, zstd or lz4, or not at all, found {codec}"),
            )
            .with_hint("write it again with one of these; in pandas: to_parquet(file, compression=\"zstd\")")
        }
        other => damaged(path, &other.to_string()),
    }
}

/// How the Parquet crate begins to say that a file needs a codec which it was built without.
const DISABLED: &str = "Disabled feature at compile time:";

fn damaged(path: &Path, why: &str) -> Error {
    Error::of(path, format!("expected a complete Parquet file, found one that is truncated or damaged ({why})"))
}
