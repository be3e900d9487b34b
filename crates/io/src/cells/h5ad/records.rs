//! Tables as anndata wrote them up to version 0.6: one dataset of records (a compound type), a field a column.

use super::super::hdf5::Store;
use super::super::{Column, Frame};
use super::frame::coded;
use crate::error::{Error, Result};
use basewise_core::Matrix;
use hdf5_pure::{CompoundMember, Datatype, DatatypeByteOrder};

/// A field of records: its type and its bytes, record after record.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) datatype: Datatype,
    pub(super) bytes: Vec<u8>,
}

/// The fields of a dataset of records, and the number of records.
pub(super) fn fields(store: &Store, name: &str) -> Result<(Vec<Field>, usize)> {
    let dataset = store.dataset(name)?;
    let Datatype::Compound { size, members } = store.datatype(&dataset, name)? else {
        return Err(Error::of(store.path(), "expected a group or a dataset of records, found an array").at(name));
    };
    let size = size as usize;
    let bytes = dataset.read_raw().map_err(|error| store.failed(&error).at(name))?;
    if size == 0 || !bytes.len().is_multiple_of(size) {
        return Err(Error::of(store.path(), "expected whole records, found a part of one").at(name));
    }
    let field = |member: CompoundMember| {
        let (from, width) = (member.byte_offset as usize, member.datatype.type_size() as usize);
        let end = from.saturating_add(width);
        let own = bytes.chunks_exact(size).map(|record| record.get(from..end)).collect::<Option<Vec<_>>>();
        match own {
            Some(own) => Ok(Field { name: member.name, datatype: member.datatype, bytes: own.concat() }),
            None => Err(Error::of(store.path(), "expected fields within a record, found one beyond its end").at(name)),
        }
    };
    Ok((members.into_iter().map(field).collect::<Result<_>>()?, bytes.len() / size))
}

/// Reads a table; categories are looked for in `uns`.
pub(super) fn frame(store: &Store, name: &str, notes: &mut Vec<String>) -> Result<Frame> {
    let (fields, rows) = fields(store, name)?;
    let mut frame = Frame { ids: Vec::new(), columns: Vec::new() };
    for (i, field) in fields.into_iter().enumerate() {
        let Some(column) = decode(&field, rows) else {
            notes.push(format!("{name}: field {:?} is of a kind that is not known here: it is not read", field.name));
            continue;
        };
        if i == 0 {
            frame.ids = (0..rows).map(|row| column.text(row).unwrap_or_default()).collect();
            continue;
        }
        let column = match (column, categories(store, &field.name)?) {
            (Column::Whole(codes), Some(names)) => {
                let codes = codes.into_iter().map(|code| code.unwrap_or(-1)).collect();
                coded(store, &format!("{name}: field {:?}", field.name), names, codes, false)?
            }
            (column, _) => column,
        };
        frame.columns.push((field.name, column));
    }
    if frame.ids.len() != rows {
        let message = "expected names of rows in the first field, found data of another kind";
        return Err(Error::of(store.path(), message)
            .at(name)
            .with_hint("open the file with anndata and write it again: adata.write_h5ad(file)"));
    }
    Ok(frame)
}

/// The names of the categories of a column, which old files keep in `uns`.
pub(super) fn categories(store: &Store, column: &str) -> Result<Option<Vec<String>>> {
    let path = format!("uns/{column}_categories");
    if !store.has_dataset(&path) {
        return Ok(None);
    }
    let dataset = store.dataset(&path)?;
    Ok(match store.datatype(&dataset, &path)? {
        Datatype::String { .. } | Datatype::VariableLength { .. } => Some(store.texts(&path)?),
        Datatype::FixedPoint { .. } => Some(store.wholes(&path)?.iter().map(i64::to_string).collect()),
        _ => None,
    })
}

/// Arrays of a dataset of records, such as an old `obsm`: a matrix a field.
pub(super) fn matrices(store: &Store, name: &str) -> Result<Vec<(String, Matrix)>> {
    let (fields, rows) = fields(store, name)?;
    let matrix = |field: Field| {
        let (base, columns) = element(&field.datatype);
        let data: Vec<f32> = numbers(base, &field.bytes)?.into_iter().map(|value| value as f32).collect();
        (data.len() == rows * columns).then(|| (field.name, Matrix::new(rows, columns, data)))
    };
    Ok(fields.into_iter().filter_map(matrix).collect())
}

/// The type of the numbers of a field, and how many there are in a record.
pub(super) fn element(datatype: &Datatype) -> (&Datatype, usize) {
    match datatype {
        Datatype::Array { base_type, dimensions } => {
            (base_type.as_ref(), dimensions.iter().map(|&n| n as usize).fold(1, usize::saturating_mul))
        }
        other => (other, 1),
    }
}

pub(super) fn decode(field: &Field, rows: usize) -> Option<Column> {
    let column = match &field.datatype {
        Datatype::FixedPoint { .. } => {
            Column::Whole(numbers(&field.datatype, &field.bytes)?.into_iter().map(|v| Some(v as i64)).collect())
        }
        Datatype::FloatingPoint { .. } => Column::Number(numbers(&field.datatype, &field.bytes)?),
        Datatype::Enumeration { base_type, .. } => {
            Column::Flag(numbers(base_type, &field.bytes)?.into_iter().map(|v| Some(v != 0.0)).collect())
        }
        Datatype::String { size, .. } => {
            let text = |bytes: &[u8]| {
                let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
                Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
            };
            Column::Text(field.bytes.chunks_exact((*size).max(1) as usize).map(text).collect())
        }
        _ => return None,
    };
    (column.len() == rows).then_some(column)
}

/// Integers and floats of any order of bytes. (Integers beyond 2^53 lose digits; none of them is written back.)
fn numbers(datatype: &Datatype, bytes: &[u8]) -> Option<Vec<f64>> {
    let (Datatype::FixedPoint { size, byte_order, .. } | Datatype::FloatingPoint { size, byte_order, .. }) = datatype
    else {
        return None;
    };
    let size = *size as usize;
    if size == 0 || size > 8 {
        return None;
    }
    let number = |chunk: &[u8]| {
        let mut wide = [0; 8];
        wide[..size].copy_from_slice(chunk);
        if *byte_order == DatatypeByteOrder::BigEndian {
            wide[..size].reverse();
        }
        let bits = u64::from_le_bytes(wide);
        match datatype {
            Datatype::FloatingPoint { .. } if size == 4 => Some(f64::from(f32::from_bits(bits as u32))),
            Datatype::FloatingPoint { .. } if size == 8 => Some(f64::from_bits(bits)),
            Datatype::FixedPoint { layout, .. } if layout.signed => {
                let shift = 64 - 8 * size as u32;
                Some(((bits << shift) as i64 >> shift) as f64)
            }
            Datatype::FixedPoint { .. } => Some(bits as f64),
            _ => None,
        }
    };
    bytes.chunks_exact(size).map(number).collect()
}
