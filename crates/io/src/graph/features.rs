//! Features of nodes: a table, a Parquet file, or a numpy archive.

use crate::arrays::{Array, ArrayValues, read_npz};
use crate::columnar::{self, Values};
use crate::error::{Error, Result};
use crate::predictions::is_beside;
use crate::table;
use basewise_core::sparse::Csr;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Features of named nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedFeatures {
    /// Names of the nodes, each once.
    pub nodes: Vec<String>,
    /// Names of the features.
    pub names: Vec<String>,
    /// `[nodes, features]`; zeros are not stored.
    pub values: Csr,
}

/// Reads features: `.parquet`, `.npz`, else a table of text (see [`table::read`]).
///
/// The first column has the names of the nodes, the others numbers; columns `split`, `label`, `label:...`, `chrom`, `start`,
/// `end` and `strand` are passed over. An archive has `ids`, and `features` as a matrix or the arrays of a sparse one, as
/// `basewise features -o FILE.npz` writes them.
///
/// # Errors
/// A file that cannot be read; a value that is no finite number; a node that comes twice; no feature.
pub fn read_features(path: &Path) -> Result<NamedFeatures> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let read = match ending.as_str() {
        "npz" => of_arrays(path)?,
        "parquet" => of_parquet(path)?,
        _ => of_text(path)?,
    };
    let mut seen = BTreeSet::new();
    if let Some(node) = read.nodes.iter().find(|node| !seen.insert(node.as_str())) {
        return Err(Error::of(path, format!("expected each node once, found {node:?} again")));
    }
    if read.names.is_empty() || read.nodes.is_empty() {
        let (nodes, names) = (read.nodes.len(), read.names.len());
        return Err(Error::of(path, format!("expected features of nodes, found {names} features of {nodes} nodes")));
    }
    if let Some(place) = read.values.values.iter().position(|value| !value.is_finite()) {
        let name = &read.names[read.values.indices[place] as usize];
        return Err(Error::of(
            path,
            format!("feature {name:?}: expected finite numbers, found {}", read.values.values[place]),
        ));
    }
    Ok(read)
}

/// Rows that grow number by number.
fn compress(rows: usize, columns: usize, value: impl Fn(usize, usize) -> f32) -> Csr {
    let mut matrix = Csr { rows, columns, starts: vec![0], ..Csr::default() };
    for row in 0..rows {
        for column in 0..columns {
            let value = value(row, column);
            // NaN is not 0, so that it is found.
            if value != 0.0 {
                matrix.indices.push(column as u32);
                matrix.values.push(value);
            }
        }
        matrix.starts.push(matrix.indices.len());
    }
    matrix
}

fn of_text(path: &Path) -> Result<NamedFeatures> {
    let table = table::read(path)?;
    let (first, rest) = table.names().split_first().ok_or_else(|| Error::of(path, "expected columns, found none"))?;
    let names: Vec<String> = rest.iter().filter(|name| !is_beside(name)).cloned().collect();
    let nodes = table.column(first)?.iter().map(|node| node.trim().to_owned()).collect();
    let mut columns = Vec::with_capacity(names.len());
    for name in &names {
        let mut column = Vec::with_capacity(table.rows());
        for (row, text) in table.column(name)?.iter().enumerate() {
            let value = text.trim().parse::<f32>().map_err(|_| {
                Error::at_line(path, table.line(row), format!("expected a number in column {name:?}, found {text:?}"))
            })?;
            column.push(value);
        }
        columns.push(column);
    }
    let values = compress(table.rows(), names.len(), |row, column| columns[column][row]);
    Ok(NamedFeatures { nodes, names, values })
}

fn of_parquet(path: &Path) -> Result<NamedFeatures> {
    let mut columns = columnar::read(path)?.into_iter();
    let wrong = |message: String| Error::of(path, message);
    let nodes: Vec<String> = match columns.next() {
        Some((name, Values::Text(values))) => {
            let texts = values.into_iter().map(|value| value.map(|text| String::from_utf8_lossy(&text).into_owned()));
            let texts: Option<Vec<String>> = texts.collect();
            texts
                .ok_or_else(|| wrong(format!("expected a name in every row of column {name:?}, found none in some")))?
        }
        Some((_, Values::Whole(values))) => {
            let numbers: Option<Vec<String>> =
                values.iter().map(|value| value.map(|value| value.to_string())).collect();
            numbers.ok_or_else(|| wrong("expected a name in every row, found none in some".to_owned()))?
        }
        _ => return Err(wrong("expected names of nodes in the first column, found another type".to_owned())),
    };
    let (mut names, mut numbers) = (Vec::new(), Vec::new());
    for (name, values) in columns.filter(|(name, _)| !is_beside(name)) {
        let column: Option<Vec<f32>> = match values {
            Values::Double(values) => values.into_iter().map(|value| value.map(|value| value as f32)).collect(),
            Values::Whole(values) => values.into_iter().map(|value| value.map(|value| value as f32)).collect(),
            Values::Text(_) | Values::Lists { .. } => {
                return Err(wrong(format!("expected numbers in column {name:?}, found another type")));
            }
        };
        let column = column.filter(|column| column.len() == nodes.len());
        numbers.push(column.ok_or_else(|| wrong(format!("expected a number in every row of column {name:?}")))?);
        names.push(name);
    }
    let values = compress(nodes.len(), names.len(), |row, column| numbers[column][row]);
    Ok(NamedFeatures { nodes, names, values })
}

fn of_arrays(path: &Path) -> Result<NamedFeatures> {
    let mut arrays = read_npz(path)?;
    let wrong = |message: String| Error::of(path, message);
    let mut take =
        |name: &str| arrays.remove(name).ok_or_else(|| wrong(format!("expected an array {name:?}, found none")));
    let nodes = match take("ids")?.values {
        ArrayValues::Text(ids) => ids,
        ArrayValues::I64(ids) => ids.iter().map(i64::to_string).collect(),
        _ => return Err(wrong("array \"ids\": expected names of nodes, found numbers".to_owned())),
    };
    let features = take("features")?;
    if let ArrayValues::Text(names) = features.values {
        let values = of_sparse(&mut arrays, nodes.len(), names.len()).map_err(wrong)?;
        return Ok(NamedFeatures { nodes, names, values });
    }
    let [rows, columns] = features.shape[..] else {
        return Err(wrong(format!("array \"features\": expected [nodes, features], found {:?}", features.shape)));
    };
    if rows != nodes.len() {
        return Err(wrong(format!("array \"features\": expected {} rows, one a node, found {rows}", nodes.len())));
    }
    let numbers = numbers(&features);
    let values = compress(rows, columns, |row, column| numbers[row * columns + column]);
    Ok(NamedFeatures { nodes, names: (0..columns).map(|column| format!("f{column}")).collect(), values })
}

fn numbers(array: &Array) -> Vec<f32> {
    match &array.values {
        ArrayValues::F32(values) => values.clone(),
        ArrayValues::F64(values) => values.iter().map(|&value| value as f32).collect(),
        ArrayValues::I64(values) => values.iter().map(|&value| value as f32).collect(),
        ArrayValues::Text(_) => Vec::new(),
    }
}

/// The arrays `indptr`, `indices` and `data` of scipy's compressed rows.
fn of_sparse(arrays: &mut BTreeMap<String, Array>, rows: usize, columns: usize) -> std::result::Result<Csr, String> {
    let whole = |name: &str| match arrays.get(name).map(|array| &array.values) {
        Some(ArrayValues::I64(values)) => Ok(values.clone()),
        _ => Err(format!("expected an array {name:?} of whole numbers (int64)")),
    };
    let (starts, indices) = (whole("indptr")?, whole("indices")?);
    let values = arrays.get("data").map(numbers).ok_or("expected an array \"data\", found none")?;
    let fits = starts.len() == rows + 1 && indices.len() == values.len() && starts.first() == Some(&0);
    let ends = starts.last().and_then(|&end| usize::try_from(end).ok()) == Some(values.len());
    if !fits || !ends || !starts.is_sorted() {
        return Err(format!("arrays \"indptr\", \"indices\" and \"data\" are no matrix of {rows} rows"));
    }
    let mut matrix = Csr { rows, columns, starts: vec![0], ..Csr::default() };
    for pair in starts.windows(2) {
        let mut own: Vec<(i64, f32)> =
            (pair[0]..pair[1]).map(|at| (indices[at as usize], values[at as usize])).collect();
        own.sort_by_key(|(column, _)| *column);
        let ascends = own.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !ascends || own.iter().any(|(column, _)| !(0..columns as i64).contains(column)) {
            return Err(format!("array \"indices\": expected columns below {columns}, each once in a row"));
        }
        for (column, value) in own.into_iter().filter(|(_, value)| *value != 0.0) {
            matrix.indices.push(column as u32);
            matrix.values.push(value);
        }
        matrix.starts.push(matrix.indices.len());
    }
    Ok(matrix)
}
