//! Tables: TSV, CSV and Parquet, a row a cell (or a gene).

use super::{CellMatrix, Column, Frame, Raw, ReadOptions, rows};
use crate::columnar::{self, Values};
use crate::error::{Error, Result, excerpt, nearest};
use crate::graph::{NamedFeatures, read_features};
use crate::predictions::is_beside;
use crate::table::Rows;
use basewise_core::sparse::Csr;
use std::path::Path;

/// Numbers of a Parquet table, at most: it is read as a whole.
const MOST_NUMBERS: usize = 1 << 28;

/// What names of our own features begin with.
const FEATURES: [&str; 5] = ["embedding:", "kmer:", "gapped:", "motif:", "pos+"];

/// Features of an archive.
pub(super) fn of_archive(path: &Path) -> Result<CellMatrix> {
    let NamedFeatures { nodes, names, values } = read_features(path)?;
    let read = raw(values, Frame::named(nodes), Frame::named(names)).finish(path)?;
    Ok(CellMatrix { values: super::Values::Features, ..read })
}

/// Reads a table. One column holds names; of the others, those of text, those that `options` names and those that our own
/// tables have beside features (place, split, labels) describe cells, the rest are genes.
pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<CellMatrix> {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let raw = if name.ends_with(".parquet") { parquet(path, options)? } else { text(path, options)? };
    if !options.genes_in_rows {
        let is_ours = raw.cells.columns.iter().any(|(name, _)| name == "split" || name.starts_with("label:"));
        let is_ours = is_ours || raw.genes.ids.iter().any(|name| FEATURES.iter().any(|start| name.starts_with(start)));
        let read = raw.finish(path)?;
        return Ok(if is_ours { CellMatrix { values: super::Values::Features, ..read } } else { read });
    }
    if !raw.cells.columns.is_empty() {
        let column = &raw.cells.columns[0].0;
        let message = format!("expected numbers of cells in each column, found text in column {column:?}");
        return Err(Error::of(path, message).with_hint("where a row is a gene, only its first column may be text"));
    }
    let Raw { counts, cells, genes, obsm, part, notes } = raw;
    Raw { counts: counts.read()?.transposed().into(), cells: genes, genes: cells, obsm, part, notes }.finish(path)
}

fn text(path: &Path, options: &ReadOptions) -> Result<Raw> {
    let mut rows_of = Rows::open(path)?;
    let mut names = rows_of.header()?;
    let Some((mut line, mut fields)) = rows_of.next_row()? else {
        return Err(Error::of(path, "expected rows below the header, found none"));
    };
    // R writes no name above the names of rows.
    if names.len() + 1 == fields.len() {
        names.insert(0, String::new());
    }
    let index = names_of_text(path, &names, &fields, options)?;
    check_columns(path, &names, index, &options.describing)?;
    let texts = texts(path, &fields)?;
    let is_text = |i: usize| texts.get(i).is_some_and(|&is_text| is_text);
    let describes: Vec<bool> = (0..names.len())
        .map(|i| i != index && (options.describing.contains(&names[i]) || is_beside(&names[i]) || is_text(i)))
        .collect();
    let gene_columns: Vec<usize> = (0..names.len()).filter(|&i| i != index && !describes[i]).collect();
    let mut counts = Csr::without_rows(gene_columns.len());
    let mut ids = Vec::new();
    let mut described: Vec<Vec<String>> = vec![Vec::new(); names.len()];
    let mut row = vec![0.0; gene_columns.len()];
    loop {
        if fields.len() != names.len() {
            let message = format!("expected {} fields as in the header, found {}", names.len(), fields.len());
            return Err(Error::at_line(path, line, message));
        }
        for (value, &column) in row.iter_mut().zip(&gene_columns) {
            *value = number(path, line, &names[column], &fields[column])?;
        }
        rows::push_dense(&mut counts, &row);
        for (i, field) in fields.into_iter().enumerate() {
            match i {
                _ if i == index => ids.push(field),
                _ if describes[i] => described[i].push(field),
                _ => {}
            }
        }
        match rows_of.next_row()? {
            Some(next) => (line, fields) = next,
            None => break,
        }
    }
    let columns = (0..names.len()).filter(|&i| describes[i]);
    let columns = columns.map(|i| (names[i].clone(), described_column(std::mem::take(&mut described[i])))).collect();
    let genes = gene_columns.iter().map(|&i| names[i].clone()).collect();
    Ok(raw(counts, Frame { ids, columns }, Frame::named(genes)))
}

fn raw(counts: Csr, cells: Frame, genes: Frame) -> Raw {
    Raw { counts: counts.into(), cells, genes, obsm: Vec::new(), part: String::new(), notes: Vec::new() }
}

/// Which columns are text, by the first value of each that is not missing; `first` is the first row. A column without any value is
/// text too.
fn texts(path: &Path, first: &[String]) -> Result<Vec<bool>> {
    let tells = |field: &String| if is_missing(field) { None } else { Some(!is_number(field)) };
    let mut told: Vec<Option<bool>> = first.iter().map(tells).collect();
    if told.contains(&None) {
        let mut rows = Rows::open(path)?;
        rows.header()?;
        while let Some((_, fields)) = rows.next_row()? {
            told.iter_mut().zip(&fields).for_each(|(told, field)| *told = told.or_else(|| tells(field)));
            if !told.contains(&None) {
                break;
            }
        }
    }
    Ok(told.into_iter().map(|told| told.unwrap_or(true)).collect())
}

/// The column of names in a table of text whose first row is `fields`.
fn names_of_text(path: &Path, names: &[String], fields: &[String], options: &ReadOptions) -> Result<usize> {
    if let Some(wanted) = &options.names {
        return names.iter().position(|name| name == wanted).ok_or_else(|| no_column(path, names, wanted));
    }
    let named = names.iter().position(|name| name == "id").filter(|_| fields.first().is_some_and(|f| is_number(f)));
    Ok(named.unwrap_or(0))
}

fn check_columns(path: &Path, names: &[String], index: usize, describing: &[String]) -> Result<()> {
    let is_there = |wanted: &String| names.iter().enumerate().any(|(i, name)| i != index && name == wanted);
    describing.iter().find(|wanted| !is_there(wanted)).map_or(Ok(()), |wanted| Err(no_column(path, names, wanted)))
}

/// Columns that a message names.
const NAMED: usize = 8;

fn no_column(path: &Path, names: &[String], wanted: &str) -> Error {
    let mut found = names.iter().take(NAMED).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        found += &format!(" and {} more", names.len() - NAMED);
    }
    let error = Error::of(path, format!("expected a column {wanted:?}, found none of that name; columns are {found}"));
    match nearest(wanted, names.iter().map(String::as_str)) {
        Some(near) => error.with_hint(format!("did you mean {near:?}?")),
        None => error,
    }
}

/// Whether a field stands for a value that is not known, as R, pandas and spreadsheets write it.
fn is_missing(field: &str) -> bool {
    matches!(field.trim(), "" | "NA" | "N/A" | "na" | "n/a" | "null" | "NULL" | "None" | ".")
}

fn is_number(field: &str) -> bool {
    field.trim().parse::<f32>().is_ok()
}

fn number(path: &Path, line: usize, column: &str, field: &str) -> Result<f32> {
    field.trim().parse().map_err(|_| {
        let message = format!("expected a number in column {column:?}, found {}", excerpt(field.as_bytes()));
        Error::at_line(path, line, message)
            .with_hint("--describing names columns that are no genes; missing numbers must be filled in or left out")
    })
}

/// Fields as whole numbers if all are, else as numbers, else as text; an empty field is missing.
fn described_column(fields: Vec<String>) -> Column {
    let known = |field: &&String| !field.is_empty();
    if fields.iter().filter(known).all(|field| field.parse::<i64>().is_ok()) {
        return Column::Whole(fields.iter().map(|field| field.parse().ok()).collect());
    }
    if fields.iter().filter(known).all(|field| field.parse::<f64>().is_ok()) {
        return Column::Number(fields.iter().map(|field| field.parse().unwrap_or(f64::NAN)).collect());
    }
    Column::Text(fields.into_iter().map(|field| (!field.is_empty()).then_some(field)).collect())
}

fn parquet(path: &Path, options: &ReadOptions) -> Result<Raw> {
    let columns = columnar::read(path)?;
    let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let rows = columns.first().map_or(0, |(_, values)| values.len());
    if rows.saturating_mul(columns.len()) > MOST_NUMBERS {
        let message = format!("expected at most {MOST_NUMBERS} numbers in a table, found {rows} x {}", columns.len());
        return Err(Error::of(path, message).with_hint("write it as h5ad, whose matrix may be sparse"));
    }
    let is_text = |values: &Values| matches!(values, Values::Text(_));
    let index = match &options.names {
        Some(wanted) => {
            Some(names.iter().position(|name| name == wanted).ok_or_else(|| no_column(path, &names, wanted))?)
        }
        None => columns
            .iter()
            .position(|(name, _)| name == "__index_level_0__")
            .or(columns.iter().position(|(name, values)| name == "id" && is_text(values)))
            .or(columns.iter().position(|(_, values)| is_text(values))),
    };
    let Some(index) = index else {
        return Err(Error::of(path, "expected a column of text with the names of rows, found none").with_hint(
            "--names COLUMN names one of whole numbers; or keep the index of the table: frame.to_parquet(file)",
        ));
    };
    check_columns(path, &names, index, &options.describing)?;
    if matches!(columns[index].1, Values::Double(_) | Values::Lists { .. }) {
        let message =
            format!("expected names of rows in column {:?}, found numbers with fractions or lists", names[index]);
        return Err(Error::of(path, message));
    }
    let mut ids = Vec::new();
    let mut described = Vec::new();
    let mut genes: Vec<(String, Vec<f32>)> = Vec::new();
    for (i, (name, values)) in columns.into_iter().enumerate() {
        let describes = options.describing.contains(&name) || is_beside(&name);
        match values {
            Values::Text(texts) if i == index => ids = names_of(path, &name, texts)?,
            Values::Whole(values) if i == index => {
                ids = values.into_iter().map(|value| value.map_or(String::new(), |v| v.to_string())).collect();
            }
            Values::Text(texts) => {
                described.push((name, Column::Text(texts.into_iter().map(|t| t.map(lossy)).collect())))
            }
            Values::Whole(values) if describes => described.push((name, Column::Whole(values))),
            Values::Double(values) if describes => {
                described.push((name, Column::Number(values.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect())));
            }
            Values::Whole(values) => {
                genes.push((name, values.into_iter().map(|v| v.map_or(f32::NAN, |v| v as f32)).collect()))
            }
            Values::Double(values) => {
                genes.push((name, values.into_iter().map(|v| v.map_or(f32::NAN, |v| v as f32)).collect()))
            }
            Values::Lists { .. } => {
                return Err(Error::of(path, format!("expected numbers or text in column {name:?}, found lists")));
            }
        }
    }
    let mut counts = Csr::without_rows(genes.len());
    let mut row = vec![0.0; genes.len()];
    for i in 0..rows {
        for (value, (_, column)) in row.iter_mut().zip(&genes) {
            *value = column[i];
        }
        rows::push_dense(&mut counts, &row);
    }
    let genes = genes.into_iter().map(|(name, _)| name).collect();
    // Our own tables have columns of places and splits where there are none.
    described.retain(|(_, column): &(String, Column)| (0..column.len()).any(|row| column.text(row).is_some()));
    Ok(raw(counts, Frame { ids, columns: described }, Frame::named(genes)))
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn names_of(path: &Path, column: &str, texts: Vec<Option<Vec<u8>>>) -> Result<Vec<String>> {
    let named = |(row, text): (usize, Option<Vec<u8>>)| {
        text.map(lossy).ok_or_else(|| {
            Error::of(path, format!("expected a name in row {} of column {column:?}, found none", row + 1))
        })
    };
    texts.into_iter().enumerate().map(named).collect()
}
