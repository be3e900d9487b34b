//! What is written, in the encodings of anndata 0.8 and later, as a tree that goes into a new file or an existing one.

use super::super::{Column, Frame};
use basewise_core::Matrix;
use basewise_core::sparse::Csr;
use hdf5_pure::{
    AttrValue, CharacterSet, CompoundTypeBuilder, DatasetBuilder, Datatype, EnumTypeBuilder, FormatError, GroupBuilder,
    MaxExtent, StagedGroup, StringPadding, make_f32_type, make_f64_type, make_i8_type, make_i32_type, make_i64_type,
};

/// Numbers of a chunk of a compressed dataset. (Readers refuse chunks from 65,536 on that the HDF5 crate writes.)
const CHUNK: usize = 32_768;

/// What is added to an h5ad file, under anndata's names; what is there under such a name is replaced.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Additions {
    /// Columns of cells, a row a cell of the file.
    pub obs: Vec<(String, Column)>,
    /// Columns of genes, a row a gene of `X`.
    pub var: Vec<(String, Column)>,
    /// Coordinates of cells.
    pub obsm: Vec<(String, Matrix)>,
    /// Coordinates of genes.
    pub varm: Vec<(String, Matrix)>,
    /// Cells by cells.
    pub obsp: Vec<(String, Csr)>,
    /// Everything else: settings, variances, tables.
    pub uns: Vec<(String, Value)>,
}

/// An entry of `uns`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One number.
    Number(f64),
    /// One whole number.
    Whole(i64),
    /// Yes or no.
    Flag(bool),
    /// A text.
    Text(String),
    /// Numbers.
    Numbers(Vec<f64>),
    /// Texts.
    Texts(Vec<String>),
    /// A table.
    Table(Frame),
    /// Columns of one length, numbers or ASCII texts, as an array of records: numpy's structured array.
    Records(Vec<(String, Column)>),
    /// Entries by name.
    Map(Vec<(String, Value)>),
}

/// A group or a dataset that is to be written.
pub(super) struct Node {
    attributes: Vec<(&'static str, AttrValue)>,
    content: Content,
}

enum Content {
    Group(Vec<(String, Node)>),
    Data(Data, Vec<u64>),
}

pub(super) enum Data {
    Single(Vec<f32>),
    Double(Vec<f64>),
    Byte(Vec<i8>),
    Int(Vec<i32>),
    Long(Vec<i64>),
    Texts(Vec<String>),
    Flags(Vec<bool>),
    Raw(Datatype, Vec<u8>),
    Records(Vec<(String, Column)>),
    /// Numbers that are appended to the file.
    Later(Datatype),
}

/// A text as h5py writes attributes.
pub(super) fn text(value: &str) -> AttrValue {
    AttrValue::VarLenString(value.to_owned())
}

/// The attribute that names the columns of a table. An empty list has the type of numbers, as in anndata.
pub(super) fn names(names: &[String]) -> AttrValue {
    if names.is_empty() { AttrValue::F64Array(Vec::new()) } else { AttrValue::VarLenStringArray(names.to_vec()) }
}

fn encoding(kind: &str, version: &str) -> Vec<(&'static str, AttrValue)> {
    vec![("encoding-type", text(kind)), ("encoding-version", text(version))]
}

impl Node {
    fn group(kind: &str, version: &str, children: Vec<(String, Self)>) -> Self {
        Self { attributes: encoding(kind, version), content: Content::Group(children) }
    }

    fn with(mut self, name: &'static str, value: AttrValue) -> Self {
        self.attributes.push((name, value));
        self
    }

    /// Entries by name.
    pub(super) fn map(children: Vec<(String, Self)>) -> Self {
        Self::group("dict", "0.1.0", children)
    }

    pub(super) fn array(data: Data, shape: &[usize]) -> Self {
        let kind = match data {
            Data::Texts(_) => "string-array",
            Data::Records(_) => "rec-array",
            _ => "array",
        };
        let shape = shape.iter().map(|&n| n as u64).collect();
        Self { attributes: encoding(kind, "0.2.0"), content: Content::Data(data, shape) }
    }

    fn scalar(kind: &str, data: Data) -> Self {
        Self { attributes: encoding(kind, "0.2.0"), content: Content::Data(data, Vec::new()) }
    }

    pub(super) fn texts(values: Vec<String>) -> Self {
        let n = values.len();
        Self::array(Data::Texts(values), &[n])
    }

    pub(super) fn matrix(matrix: &Matrix) -> Self {
        Self::array(Data::Single(matrix.data().to_vec()), &[matrix.rows(), matrix.columns()])
    }

    /// Starts of rows, 32-bit where they fit, as scipy has them.
    pub(super) fn starts(starts: &[usize]) -> Self {
        let fit = starts.last().is_none_or(|&stored| i32::try_from(stored).is_ok());
        let data = if fit {
            Data::Int(starts.iter().map(|&start| start as i32).collect())
        } else {
            Data::Long(starts.iter().map(|&start| start as i64).collect())
        };
        Self::array(data, &[starts.len()])
    }

    /// A sparse matrix.
    pub(super) fn csr(matrix: &Csr) -> Self {
        let stored = matrix.values.len();
        let indices = Data::Int(matrix.indices.iter().map(|&index| index as i32).collect());
        let children = vec![
            ("data".to_owned(), Self::array(Data::Single(matrix.values.clone()), &[stored])),
            ("indices".to_owned(), Self::array(indices, &[stored])),
            ("indptr".to_owned(), Self::starts(&matrix.starts)),
        ];
        let shape = AttrValue::I64Array(vec![matrix.rows as i64, matrix.columns as i64]);
        Self::group("csr_matrix", "0.1.0", children).with("shape", shape)
    }

    /// A sparse matrix without its numbers: `data` and `indices` are appended later, `indptr` is added.
    pub(super) fn growing_csr(rows: usize, columns: usize) -> Self {
        let children = vec![
            ("data".to_owned(), Self::array(Data::Later(make_f32_type()), &[0])),
            ("indices".to_owned(), Self::array(Data::Later(make_i32_type()), &[0])),
        ];
        Self::group("csr_matrix", "0.1.0", children)
            .with("shape", AttrValue::I64Array(vec![rows as i64, columns as i64]))
    }

    pub(super) fn column(column: &Column) -> Self {
        let n = column.len();
        let mask = |missing: Vec<bool>| Self::array(Data::Flags(missing), &[n]);
        match column {
            Column::Text(values) if values.iter().all(Option::is_some) => {
                Self::texts(values.iter().flatten().cloned().collect())
            }
            // What every version of anndata reads as text with gaps is a category.
            Column::Text(values) => Self::column(&categories(values)),
            Column::Number(values) => Self::array(Data::Double(values.clone()), &[n]),
            Column::Whole(values) if values.iter().all(Option::is_some) => {
                Self::array(Data::Long(values.iter().flatten().copied().collect()), &[n])
            }
            Column::Whole(values) => Self::group(
                "nullable-integer",
                "0.1.0",
                vec![
                    ("mask".to_owned(), mask(values.iter().map(Option::is_none).collect())),
                    ("values".to_owned(), {
                        Self::array(Data::Long(values.iter().map(|value| value.unwrap_or(0)).collect()), &[n])
                    }),
                ],
            ),
            Column::Flag(values) if values.iter().all(Option::is_some) => {
                Self::array(Data::Flags(values.iter().flatten().copied().collect()), &[n])
            }
            Column::Flag(values) => Self::group(
                "nullable-boolean",
                "0.1.0",
                vec![
                    ("mask".to_owned(), mask(values.iter().map(Option::is_none).collect())),
                    ("values".to_owned(), mask(values.iter().map(|value| value.unwrap_or(false)).collect())),
                ],
            ),
            Column::Category { names, codes, ordered } => {
                let codes: Vec<i32> = codes.iter().map(|code| code.map_or(-1, |code| code as i32)).collect();
                let codes = if names.len() < 128 {
                    Data::Byte(codes.into_iter().map(|code| code as i8).collect())
                } else {
                    Data::Int(codes)
                };
                let children = vec![
                    ("categories".to_owned(), Self::texts(names.clone())),
                    ("codes".to_owned(), Self::array(codes, &[n])),
                ];
                Self::group("categorical", "0.2.0", children).with("ordered", AttrValue::U8(u8::from(*ordered)))
            }
        }
    }

    pub(super) fn frame(frame: &Frame) -> Self {
        let order: Vec<String> = frame.columns.iter().map(|(name, _)| name.clone()).collect();
        let columns = frame.columns.iter().map(|(name, column)| (name.clone(), Self::column(column))).collect();
        Self::table("_index", frame.ids.clone(), &order, columns)
    }

    /// A table whose columns are nodes already.
    pub(super) fn table(index: &str, ids: Vec<String>, order: &[String], mut columns: Vec<(String, Self)>) -> Self {
        columns.insert(0, (index.to_owned(), Self::texts(ids)));
        Self::group("dataframe", "0.2.0", columns).with("_index", text(index)).with("column-order", names(order))
    }

    pub(super) fn value(value: &Value) -> Self {
        match value {
            Value::Number(number) => Self::scalar("numeric-scalar", Data::Double(vec![*number])),
            Value::Whole(number) => Self::scalar("numeric-scalar", Data::Long(vec![*number])),
            Value::Flag(flag) => Self::scalar("numeric-scalar", Data::Flags(vec![*flag])),
            Value::Text(text) => Self::scalar("string", Data::Texts(vec![text.clone()])),
            Value::Numbers(numbers) => Self::array(Data::Double(numbers.clone()), &[numbers.len()]),
            Value::Texts(texts) => Self::texts(texts.clone()),
            Value::Table(frame) => Self::frame(frame),
            Value::Records(columns) => {
                let rows = columns.iter().map(|(_, column)| column.len()).min().unwrap_or(0);
                Self::array(Data::Records(columns.clone()), &[rows])
            }
            Value::Map(entries) => {
                Self::map(entries.iter().map(|(name, value)| (name.clone(), Self::value(value))).collect())
            }
        }
    }

    /// Into a group of an existing file.
    pub(super) fn stage(&self, name: &str, into: &mut StagedGroup<'_>, wrong: &mut Option<FormatError>) {
        match &self.content {
            Content::Group(children) => {
                into.create_group_with(name, |group| self.stage_into(children, group, wrong));
            }
            Content::Data(data, shape) => {
                into.create_dataset(name, |builder| self.fill(builder, data, shape, wrong));
            }
        }
    }

    fn stage_into(&self, children: &[(String, Self)], group: &mut StagedGroup<'_>, wrong: &mut Option<FormatError>) {
        for (name, value) in &self.attributes {
            group.set_attr(name, value.clone());
        }
        children.iter().for_each(|(name, child)| child.stage(name, group, wrong));
    }

    /// Into a group of an existing file, itself at a path of it.
    pub(super) fn stage_at(&self, path: &str, root: &hdf5_pure::Group) -> Result<(), hdf5_pure::Error> {
        let mut wrong = None;
        match &self.content {
            Content::Group(children) => {
                root.create_group_with(path, |group| self.stage_into(children, group, &mut wrong))?;
            }
            Content::Data(data, shape) => {
                root.create_dataset(path, |builder| self.fill(builder, data, shape, &mut wrong))?;
            }
        }
        wrong.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Into a group of a new file.
    pub(super) fn build(&self, name: &str, into: &mut GroupBuilder, wrong: &mut Option<FormatError>) {
        match &self.content {
            Content::Group(children) => {
                let mut group = into.create_group(name);
                self.build_into(children, &mut group, wrong);
                into.add_group(group.finish());
            }
            Content::Data(data, shape) => self.fill(into.create_dataset(name), data, shape, wrong),
        }
    }

    fn build_into(&self, children: &[(String, Self)], group: &mut GroupBuilder, wrong: &mut Option<FormatError>) {
        for (name, value) in &self.attributes {
            group.set_attr(name, value.clone());
        }
        children.iter().for_each(|(name, child)| child.build(name, group, wrong));
    }

    /// As a group at the top of a new file.
    pub(super) fn build_top(&self, name: &str, file: &mut hdf5_pure::FileBuilder) -> Result<(), FormatError> {
        let mut wrong = None;
        match &self.content {
            Content::Group(children) => {
                let mut group = file.create_group(name);
                self.build_into(children, &mut group, &mut wrong);
                file.add_group(group.finish());
            }
            Content::Data(data, shape) => self.fill(file.create_dataset(name), data, shape, &mut wrong),
        }
        wrong.map_or(Ok(()), Err)
    }

    fn fill(&self, builder: &mut DatasetBuilder, data: &Data, shape: &[u64], wrong: &mut Option<FormatError>) {
        if let Err(error) = data.fill(builder, shape) {
            *wrong = Some(error);
        }
        for (name, value) in &self.attributes {
            builder.set_attr(name, value.clone());
        }
    }
}

/// Texts as a category of the different ones, sorted.
fn categories(values: &[Option<String>]) -> Column {
    let mut names: Vec<String> = values.iter().flatten().cloned().collect();
    names.sort();
    names.dedup();
    let code =
        |value: &Option<String>| value.as_ref().and_then(|value| names.binary_search(value).ok()).map(|c| c as u32);
    let codes: Vec<Option<u32>> = values.iter().map(code).collect();
    Column::Category { names, codes, ordered: false }
}

/// Yes and no as h5py writes them.
fn flag_type() -> Result<Datatype, FormatError> {
    EnumTypeBuilder::with_base(make_i8_type()).value("FALSE", 0).value("TRUE", 1).build()
}

impl Data {
    fn fill(&self, builder: &mut DatasetBuilder, shape: &[u64]) -> Result<(), FormatError> {
        if let Self::Later(datatype) = self {
            builder.with_dtype(datatype.clone()).with_shape(shape).with_maxshape(&[MaxExtent::Unlimited]);
            builder.with_chunks(&[CHUNK as u64]).with_shuffle().with_deflate(4);
            return Ok(());
        }
        if shape.contains(&0) && !matches!(self, Self::Texts(_)) {
            builder.with_dtype(self.datatype()?).with_shape(shape);
            return Ok(());
        }
        match self {
            Self::Later(_) => return Ok(()),
            Self::Single(values) => builder.with_f32_data(values),
            Self::Double(values) => builder.with_f64_data(values),
            Self::Byte(values) => builder.with_i8_data(values),
            Self::Int(values) => builder.with_i32_data(values),
            Self::Long(values) => builder.with_i64_data(values),
            Self::Texts(values) => builder.with_vlen_strings(&values.iter().map(String::as_str).collect::<Vec<_>>()),
            Self::Flags(values) => builder.with_raw_data(
                flag_type()?,
                values.iter().map(|&flag| u8::from(flag)).collect(),
                values.len() as u64,
            ),
            Self::Raw(datatype, bytes) => {
                builder.with_raw_data(datatype.clone(), bytes.clone(), shape.iter().product::<u64>())
            }
            Self::Records(columns) => {
                let rows = shape.iter().product::<u64>();
                builder.with_raw_data(self.datatype()?, record_bytes(columns, rows as usize), rows)
            }
        };
        builder.with_shape(shape);
        let numbers = matches!(self, Self::Single(_) | Self::Double(_) | Self::Int(_) | Self::Long(_));
        if numbers && shape.len() == 1 && shape[0] > CHUNK as u64 {
            builder.with_chunks(&[CHUNK as u64]).with_shuffle().with_deflate(4);
        }
        Ok(())
    }

    fn datatype(&self) -> Result<Datatype, FormatError> {
        Ok(match self {
            Self::Single(_) => make_f32_type(),
            Self::Double(_) | Self::Texts(_) => make_f64_type(),
            Self::Byte(_) => make_i8_type(),
            Self::Int(_) => make_i32_type(),
            Self::Long(_) => make_i64_type(),
            Self::Flags(_) => flag_type()?,
            Self::Raw(datatype, _) | Self::Later(datatype) => datatype.clone(),
            Self::Records(columns) => {
                let field = |all: CompoundTypeBuilder, (name, column): &(String, Column)| {
                    all.field(
                        name,
                        if let Some(width) = text_width(column) { text_type(width) } else { make_f64_type() },
                    )
                };
                columns.iter().fold(CompoundTypeBuilder::new(), field).build()?
            }
        })
    }
}

/// Letters of the longest text of a column of text, at least 1; `None` for other columns.
fn text_width(column: &Column) -> Option<usize> {
    let Column::Text(values) = column else { return None };
    Some(values.iter().flatten().map(|text| text.chars().count()).max().unwrap_or(0).max(1))
}

/// Texts of so many bytes, the shorter ones filled up with zeros. (anndata reads texts of a fixed width in records as ASCII only.)
fn text_type(width: usize) -> Datatype {
    Datatype::String { size: width as u32, padding: StringPadding::NullPad, charset: CharacterSet::Ascii }
}

/// Records, field after field: numbers as f64, texts of one width, with `?` for what is not ASCII.
fn record_bytes(columns: &[(String, Column)], rows: usize) -> Vec<u8> {
    let widths: Vec<Option<usize>> = columns.iter().map(|(_, column)| text_width(column)).collect();
    let mut bytes = Vec::new();
    for row in 0..rows {
        for ((_, column), width) in columns.iter().zip(&widths) {
            match (column, width) {
                (Column::Number(values), _) => bytes.extend(values[row].to_le_bytes()),
                (column, Some(width)) => {
                    let end = bytes.len() + width;
                    let text = column.text(row).unwrap_or_default();
                    bytes.extend(text.chars().map(|letter| if letter.is_ascii() { letter as u8 } else { b'?' }));
                    bytes.resize(end, 0);
                }
                (column, None) => {
                    let number = column.text(row).and_then(|text| text.parse::<f64>().ok());
                    bytes.extend(number.unwrap_or(f64::NAN).to_le_bytes());
                }
            }
        }
    }
    bytes
}
