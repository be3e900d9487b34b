//! Tables of an h5ad file: `obs`, `var`.

use super::super::hdf5::{self, Store};
use super::super::{Column, Frame};
use super::records;
use crate::error::{Error, Result};
use hdf5_pure::{AttrValue, Dataset, Datatype};

/// Where older groups keep the names of categories.
const OLD_CATEGORIES: &str = "__categories";

/// Reads the table `name`. Columns of kinds that are not known are left out with a note.
pub(super) fn read(store: &Store, name: &str, notes: &mut Vec<String>) -> Result<Frame> {
    if store.has_dataset(name) {
        return records::frame(store, name, notes);
    }
    let index = index_of(store, name)?;
    let ids = match column(store, name, &index)? {
        Some(Column::Text(texts)) => texts.into_iter().map(Option::unwrap_or_default).collect(),
        Some(other) => (0..other.len()).map(|row| other.text(row).unwrap_or_default()).collect(),
        None => {
            let message = format!("expected names in {name}/{index}, found none");
            return Err(Error::of(store.path(), message));
        }
    };
    let mut frame = Frame { ids, columns: Vec::new() };
    for own in order_of(store, name, &index)? {
        match column(store, name, &own)? {
            Some(column) if column.len() == frame.ids.len() => frame.columns.push((own, column)),
            Some(column) => {
                let message = format!("expected {} rows in each column, found {}", frame.ids.len(), column.len());
                return Err(Error::of(store.path(), message).at(format!("{name}/{own}")));
            }
            None => notes.push(format!("{name}/{own} is of a kind that is not known here: it is not read")),
        }
    }
    Ok(frame)
}

/// The names of the columns, without that of the names of rows.
pub(super) fn order_of(store: &Store, frame: &str, index: &str) -> Result<Vec<String>> {
    match store.attributes(frame)?.get("column-order").map(AttrValue::as_strings) {
        Some(Some(order)) => Ok(order.to_vec()),
        // An empty list has the type of numbers.
        Some(None) => Ok(Vec::new()),
        None => {
            let names = store.names(frame)?;
            Ok(names.into_iter().filter(|own| own != index && own != OLD_CATEGORIES).collect())
        }
    }
}

/// The name of the dataset with the names of rows.
pub(super) fn index_of(store: &Store, frame: &str) -> Result<String> {
    let attributes = store.attributes(frame)?;
    if let Some(index) = hdf5::text(&attributes, "_index") {
        return Ok(index);
    }
    match ["_index", "index"].into_iter().find(|name| store.has(&format!("{frame}/{name}"))) {
        Some(name) => Ok(name.to_owned()),
        None => Err(Error::of(store.path(), format!("expected an attribute _index of {frame}, found none"))),
    }
}

/// One column of a table; `None` if its kind is not known.
fn column(store: &Store, frame: &str, name: &str) -> Result<Option<Column>> {
    let path = format!("{frame}/{name}");
    if store.has_dataset(&path) {
        let dataset = store.dataset(&path)?;
        if store.shape(&dataset, &path)?.len() != 1 {
            return Ok(None);
        }
        let names = format!("{frame}/{OLD_CATEGORIES}");
        if store.has_dataset(&format!("{names}/{name}")) {
            return category(store, &path, (&names, name), false).map(Some);
        }
        return plain(store, &path, &dataset);
    }
    if !store.has(&path) {
        return Err(Error::of(store.path(), format!("expected a column {name:?} of {frame}, found none")));
    }
    let attributes = store.attributes(&path)?;
    let part = |own: &str| format!("{path}/{own}");
    match hdf5::text(&attributes, "encoding-type").as_deref() {
        Some("categorical") => {
            let ordered = attributes.get("ordered").and_then(AttrValue::as_i64).is_some_and(|flag| flag != 0);
            category(store, &part("codes"), (&path, "categories"), ordered).map(Some)
        }
        Some(kind) if kind.starts_with("nullable-") => {
            let dataset = store.dataset(&part("values"))?;
            let values = plain(store, &part("values"), &dataset)?;
            let mask = store.wholes(&part("mask"))?;
            Ok(values.map(|values| masked(values, &mask)))
        }
        _ => Ok(None),
    }
}

/// A category from codes and the column of its names: group and name.
fn category(store: &Store, codes: &str, (group, names): (&str, &str), ordered: bool) -> Result<Column> {
    let Some(found) = column(store, group, names)? else {
        let message = "expected names of categories, found data of another kind";
        return Err(Error::of(store.path(), message).at(format!("{group}/{names}")));
    };
    let names: Vec<String> = (0..found.len()).map(|row| found.text(row).unwrap_or_default()).collect();
    coded(store, codes, names, store.wholes(codes)?, ordered)
}

/// A category from its codes; a negative one is missing.
pub(super) fn coded(store: &Store, at: &str, names: Vec<String>, codes: Vec<i64>, ordered: bool) -> Result<Column> {
    if let Some(code) = codes.iter().find(|&&code| code >= names.len() as i64) {
        let message = format!("expected codes below {}, the number of categories, found {code}", names.len());
        return Err(Error::of(store.path(), message).at(at.to_owned()));
    }
    let codes = codes.into_iter().map(|code| u32::try_from(code).ok()).collect();
    Ok(Column::Category { names, codes, ordered })
}

fn masked(mut column: Column, mask: &[i64]) -> Column {
    for row in (0..column.len()).filter(|&row| mask.get(row).is_some_and(|&flag| flag != 0)) {
        match &mut column {
            Column::Text(values) => values[row] = None,
            Column::Number(values) => values[row] = f64::NAN,
            Column::Whole(values) => values[row] = None,
            Column::Flag(values) => values[row] = None,
            Column::Category { codes, .. } => codes[row] = None,
        }
    }
    column
}

/// A dataset of one dimension as a column.
fn plain(store: &Store, path: &str, dataset: &Dataset) -> Result<Option<Column>> {
    Ok(match store.datatype(dataset, path)? {
        Datatype::FixedPoint { .. } => Some(Column::Whole(store.wholes(path)?.into_iter().map(Some).collect())),
        Datatype::FloatingPoint { .. } => Some(Column::Number(store.all(path, Dataset::read_f64)?)),
        Datatype::Enumeration { .. } => {
            Some(Column::Flag(store.wholes(path)?.into_iter().map(|flag| Some(flag != 0)).collect()))
        }
        Datatype::String { .. } | Datatype::VariableLength { is_string: true, .. } => {
            Some(Column::Text(store.texts(path)?.into_iter().map(Some).collect()))
        }
        _ => None,
    })
}
