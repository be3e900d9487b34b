//! Known labels of cells, to judge clusters by: a column of the matrix, or a table.

use crate::failure::user;
use anyhow::Result;
use basewise_io::cells::{CellMatrix, Frame};
use basewise_io::table;
use std::collections::BTreeMap;
use std::path::Path;

/// Names of labels, and which of them each cell has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Labels {
    /// Sorted.
    pub(crate) names: Vec<String>,
    /// `None` where a cell has no label.
    pub(crate) codes: Vec<Option<u32>>,
}

impl Labels {
    fn of(texts: Vec<Option<String>>) -> Self {
        let mut names: Vec<String> = texts.iter().flatten().cloned().collect();
        names.sort();
        names.dedup();
        let code = |text: &Option<String>| {
            let place = text.as_ref().and_then(|text| names.binary_search(text).ok());
            place.map(|place| place as u32)
        };
        let codes = texts.iter().map(code).collect();
        Self { names, codes }
    }

    /// The labels of some cells.
    pub(crate) fn select(&self, kept: &[usize]) -> Self {
        Self { names: self.names.clone(), codes: kept.iter().map(|&cell| self.codes[cell]).collect() }
    }

    /// Labels and clusters of the cells that have a label.
    pub(crate) fn beside(&self, clusters: &[u32]) -> (Vec<u32>, Vec<u32>) {
        self.codes.iter().zip(clusters).filter_map(|(code, &cluster)| code.map(|code| (code, cluster))).unzip()
    }
}

/// The column of a table `input` that `wanted` means, if it means one: its numbers are no genes.
pub(crate) fn of_table(input: &Path, wanted: Option<&str>) -> Result<Vec<String>> {
    let Some(wanted) = wanted.filter(|wanted| !Path::new(wanted).is_file() && !wanted.contains(':')) else {
        return Ok(Vec::new());
    };
    let table = input.is_file() && !basewise_io::keras::is_hdf5(input)?;
    let matrix_market = input.to_string_lossy().to_ascii_lowercase().trim_end_matches(".gz").ends_with(".mtx");
    Ok(if table && !matrix_market { vec![wanted.to_owned()] } else { Vec::new() })
}

/// The labels that `wanted`, given by `flag`, means: a column of the cells, else a file, in which `FILE:COLUMN` names the column.
pub(crate) fn read(flag: &str, wanted: &str, matrix: &CellMatrix) -> Result<Labels> {
    of_rows(flag, wanted, &matrix.cells)
}

/// The same for named rows of any kind, as the value of a flag.
pub(crate) fn of_rows(flag: &str, wanted: &str, rows: &Frame) -> Result<Labels> {
    if let Some(column) = rows.column(wanted) {
        return Ok(Labels::of((0..column.len()).map(|row| column.text(row)).collect()));
    }
    let (file, column) = if Path::new(wanted).is_file() {
        (wanted, None)
    } else {
        match wanted.rsplit_once(':').filter(|(file, _)| Path::new(file).is_file()) {
            Some((file, column)) => (file, Some(column)),
            None => {
                let names: Vec<&str> = rows.columns.iter().map(|(name, _)| name.as_str()).collect();
                let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                return Err(user(
                    format!("{flag}: expected a column of the cells or a file, found {wanted:?}; columns are {found}"),
                    Some("a file has a header, cells in its first column and labels in its second, or in FILE:COLUMN"),
                ));
            }
        }
    };
    let path = Path::new(file);
    let table = table::read(path)?;
    let names = table.names();
    let column = match (column, names) {
        (Some(column), _) => column.to_owned(),
        (None, [_, second, ..]) => second.clone(),
        (None, _) => return Err(user(format!("{file}: expected two columns, cells and labels, found one"), None)),
    };
    let cells = table.column(&names[0])?;
    let mut by_cell: BTreeMap<&str, &String> = BTreeMap::new();
    for (cell, label) in cells.iter().zip(table.column(&column)?) {
        if let Some(other) = by_cell.insert(cell, label).filter(|other| *other != label) {
            let message = format!("{file}: expected one label for {cell:?}, found {other:?} and {label:?}");
            return Err(user(message, Some("each cell is there once, or always with the same label")));
        }
    }
    let labels: Vec<Option<String>> = rows
        .ids
        .iter()
        .map(|id| by_cell.get(id.as_str()).filter(|label| !label.is_empty()).map(|&label| label.clone()))
        .collect();
    if labels.iter().all(Option::is_none) {
        let (theirs, ours) =
            (cells.first().cloned().unwrap_or_default(), rows.ids.first().cloned().unwrap_or_default());
        return Err(user(
            format!("{file}: expected names of rows of the input, such as {ours:?}, found {theirs:?}"),
            Some("the first column of the file must name cells as the input does"),
        ));
    }
    Ok(Labels::of(labels))
}
